"""What event-driven families have in common: pieces, events, age, variation and noise.

`Cells` is the part of a device model that does not depend on its physics. A family gives the names
of its own state variables, how a straight piece moves them (`_pass`) and what current flows
(`current`); everything works on all devices at once, as arrays.

One voltage is the *control*: gate against source, or top against bottom. A piece is cut where its
control passes zero or plus or minus the threshold, and where it changes by more than the family can
take as one straight line; at a constant level nothing is cut. A fluctuation has one value on a
line, its mean there. An *event* begins where an excursion of the control begins; the factors of
cycle-to-cycle variation are drawn there and kept in the state, so that a pulse has them however it
is cut.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from sim_backend.devices.family import Conditions
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    repeat_plainly,
)
from sim_backend.devices.parts.course import Range, fast_forward
from sim_backend.devices.parts.fluctuation import one_over_f_mean
from sim_backend.devices.parts.tally import book, count
from sim_backend.devices.parts.variation import drawn

__all__ = ["COMMON", "Cells", "Line", "Straight", "integral", "share_lost"]

#: rows of every state of `Cells`, after those of `TALLY`
COMMON = ("control", "age", "temperature", "events")

#: voltage or irradiance at the beginning and at the end of a piece
Line = tuple[float, float]

P = TypeVar("P", bound=Conditions)

#: fastest and slowest period of the 1/f noise of a conductance, s
_FASTEST, _SLOWEST = 1e-6, 1e4
_MOST_PIECES = 4096
_SHORTEST = 1e-300  # s
_PLAYED = 256  # turns of a loop that are played one by one
_BRIEF = 0.03  # of the fastest time: three Gauss points are exact to rounding


def _gauss(count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return Gauss points on 0 to 1, and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return tuple(((nodes + 1.0) / 2.0).tolist()), tuple((weights / 2.0).tolist())


_NODES, _WEIGHTS = _gauss(5)
_THREE_NODES, _THREE_WEIGHTS = _gauss(3)


class Straight(NamedTuple):
    """A straight piece of time on which the control keeps its sign and its side of a threshold."""

    control: Line
    levels: Mapping[str, Line]  #: of every named terminal and optical port
    duration: float  #: s

    def between(self, first: str, second: str) -> Line:
        """Return the voltage of one terminal against another, V."""
        a, b = self.levels.get(first, (0.0, 0.0)), self.levels.get(second, (0.0, 0.0))
        return a[0] - b[0], a[1] - b[1]

    @property
    def largest(self) -> float:
        """Largest magnitude of the control, V."""
        return max(abs(self.control[0]), abs(self.control[1]))


def integral(of: Callable[[Array], Any], duration: float | Array, rate: Array) -> Array:
    """Return the integral over time of something that relaxes, by Gauss points on growing panels.

    The first panel lasts one fastest time constant, each next one twice as long. For sums of
    exponentials of rates up to `rate` the error is below 1e-8 of the largest value times the
    duration, whatever the duration; for smooth functions of such sums below 1e-6. Every device has
    panels of its own, so that it is the same alone and among others.

    Parameters
    ----------
    of
        Function of the times since the beginning, s, one for each device.
    duration
        s; one for all or one for each device, from 0.
    rate
        Fastest rate in it, 1/s, shape (devices,).
    """
    panel = 1.0 / np.maximum(rate, 1.0 / np.maximum(duration, _SHORTEST))
    start = np.zeros(len(panel))
    total = np.zeros(len(panel))
    nodes, weights = _NODES, _WEIGHTS
    if np.max(rate * duration, initial=0.0) < _BRIEF:  # three points are as good as five
        nodes, weights = _THREE_NODES, _THREE_WEIGHTS
    while np.any(start < duration):
        last = start + 1.25 * panel >= duration
        length = np.where(last, duration - start, panel)
        for x, w in zip(nodes, weights, strict=True):
            total = total + w * length * of(start + x * length)
        start = np.where(last, duration, start + length)
        panel = 2.0 * panel
    return total


def share_lost(x: Any) -> Any:
    """Return (1 - exp(-x)) / x, which is 1 at zero.

    Examples
    --------
    >>> float(share_lost(0.0)), round(float(share_lost(1.0)), 4)
    (1.0, 0.6321)
    """
    if isinstance(x, float):
        return -math.expm1(-x) / x if abs(x) > 1e-12 else 1.0
    x = np.asarray(x, np.float64)
    there = np.where(np.abs(x) > 1e-12, x, 1.0)
    return np.where(np.abs(x) > 1e-12, -np.expm1(-there) / there, 1.0)


class Cells(Generic[P]):
    """Any number of devices of one family; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.
    """

    #: names of the terminals
    terminals: tuple[str, ...] = ("drain", "source", "gate")
    #: the two terminals between which the control voltage is
    between: ClassVar[tuple[str, str]] = ("gate", "source")
    #: own state variables
    variables: ClassVar[tuple[str, ...]] = ()
    #: parameters that every device has of its own -> field with their relative spread
    varied: ClassVar[Mapping[str, str]] = {}

    def __init__(self, parameters: P, initial: Any, account: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self.initial = initial
        self.threshold: float = getattr(parameters, "threshold", 0.0)
        self._account = dict(account)
        self._names = (*TALLY, *COMMON, *self.variables)

    # what a family gives ------------------------------------------------------------------------

    def _begin(self, state: State) -> None:
        """Put own variables into the initial condition; all are zero."""

    def _pass(self, state: State, piece: Straight) -> Array:
        """Move own variables through a piece; returns C into each terminal."""
        raise NotImplementedError

    def _vary(self, state: State, stream: Stream | None) -> None:
        """Draw the factors of an event that begins; ``events`` is its number."""

    def _step(self, line: Line, duration: float) -> float:
        """Return the change of the control that one piece of such a line may have, V."""
        return math.inf

    def _calm(self, state: State, line: Line, duration: float) -> float:
        """Return the same for what of a line is below the threshold, V."""
        return self._step(line, duration)

    def _fineness(self, levels: Levels, duration: float) -> int:
        """Return into how many pieces at least a line is cut, for what is not the control."""
        return 1

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the least and the greatest value of every own variable that remembers."""
        raise NotImplementedError

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        """Return the current into each terminal, A."""
        raise NotImplementedError

    def _slope(self, state: State) -> Array:
        """Return dI/dV between the first two terminals at zero, without noise, S."""
        raise NotImplementedError

    # the contract -------------------------------------------------------------------------------

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices in the initial condition, with or without their spread."""
        names, fields = list(self.varied), list(self.varied.values())
        matrix = drawn(
            [getattr(self.parameters, name) for name in names],
            [getattr(self.parameters, name) for name in fields],
            devices,
            stream if spread else None,
            first,
        )
        state = State(self._names, np.zeros((len(self._names), devices)), matrix, first)
        state.row("temperature")[:] = getattr(self.parameters, "reference", 300.0)
        self._begin(state)
        return state

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through straight levels; returns C into each terminal."""
        total = np.zeros((len(self.terminals), state.devices))
        if duration <= 0:
            return total
        state.row("temperature")[:] = temperature
        pieces = self._pieces(state, levels, duration)
        # what fluctuates has its mean over the whole line, which is looked up once
        state.ready["line"] = (duration, state.row("age").copy(), {}) if len(pieces) > 1 else None
        for piece in pieces:
            self._count(state, piece, stream)
            total += self._pass(state, piece)
            state.row("age")[:] += piece.duration
            state.row("control")[:] = piece.control[1]
        state.ready["line"] = None
        book(state, total[0])
        return total

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through the same pieces `count` times.

        The first turns are played one after another, and so are all while the state remembers
        them; where it does not, turns are left out and the state is the same to rounding. The
        charge of turns left out is that of the last ones.
        """
        (levels, duration), *more = pieces
        if not more and all(a == b for a, b in map(ends, levels.values())):
            # a long rest comes as many equal ones
            return self.advance(state, levels, duration * count, temperature, stream)
        played = min(count, _PLAYED)
        total = repeat_plainly(self, state, pieces, played, temperature, stream)
        if count > played:
            known = Range(*self._range(state), ("positive", "negative", "age", "events"))
            total += fast_forward(self, state, pieces, count - played, temperature, stream, known)
        return total

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        return self._flow(state, levels)

    def conductance(self, state: State) -> Array:
        """Return dI/dV between the first two terminals at zero, S."""
        slope: Array = self._slope(state) * (1.0 + self._noise(state))
        return slope

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account

    # pieces and events --------------------------------------------------------------------------

    def _pieces(self, state: State, levels: Levels, duration: float) -> list[Straight]:
        """Cut straight levels where the control passes an edge or changes by too much."""
        lines = {name: ends(level) for name, level in levels.items()}
        upper, lower = (lines.get(name, (0.0, 0.0)) for name in self.between)
        first, last = upper[0] - lower[0], upper[1] - lower[1]
        fineness = self._fineness(levels, duration)
        if first == last and fineness == 1:
            return [Straight((first, last), lines, duration)]
        made = []
        step, calm = math.inf, self._calm(state, (first, last), duration)
        if max(abs(first), abs(last)) > self.threshold:
            step = self._step((first, last), duration)
        shares = _shares(first, last, self.threshold, (calm, step), fineness)
        for a, b in itertools.pairwise(shares):
            part = {name: (_at(line, a), _at(line, b)) for name, line in lines.items()}
            control = (_at((first, last), a), _at((first, last), b))
            made.append(Straight(control, part, (b - a) * duration))
        return made

    def _count(self, state: State, piece: Straight, stream: Stream | None) -> None:
        """Keep the tally; all devices see the same control."""
        channel, peak = piece.between(*self.terminals[:2]), state.row("peak")
        np.maximum(peak, max(map(abs, channel)), out=peak)
        if count(state, *piece.control, self.threshold):
            self._event(state, stream)

    def _event(self, state: State, stream: Stream | None) -> None:
        state.row("events")[:] += 1.0
        self._vary(state, stream)

    # parameters, variation, noise ---------------------------------------------------------------

    def _own(self, state: State) -> dict[str, Array]:
        """Return the parameters that every device has of its own, by name."""
        found: dict[str, Array] | None = state.ready.get("own")
        if found is None:
            found = dict(zip(self.varied, state.parameters, strict=True))
            state.ready["own"] = found
        return found

    def _noise(self, state: State, duration: float = 0.0, process: int = 0) -> Array:
        """Return the relative fluctuation of the conductance from now on, on average."""
        line: tuple[float, Array, dict[int, Array]] | None = state.ready.get("line")
        if line is None or duration <= 0:
            return self._fluctuation(state, state.row("age"), duration, process)
        whole, age, known = line
        if process not in known:
            known[process] = self._fluctuation(state, age, whole, process)
        return known[process]

    def _fluctuation(self, state: State, age: Array, duration: float, process: int) -> Array:
        sigma = getattr(self.parameters, "noise_sigma", 0.0)
        return one_over_f_mean(
            state.noise, state.numbers, age, duration, sigma, _FASTEST, _SLOWEST, process
        )


def _at(line: Line, share: float) -> float:
    return line[1] if share == 1.0 else line[0] + (line[1] - line[0]) * share


def _shares(
    first: float, last: float, threshold: float, steps: tuple[float, float], fineness: int
) -> list[float]:
    """Return where a line of the control is cut, as shares of it, 0 and 1 included.

    `steps` are the changes that a piece below the threshold, and one above, may have.
    """
    inside: set[float] = set()
    if first != last:
        edges = (-threshold, 0.0, threshold)
        inside = {s for s in ((edge - first) / (last - first) for edge in edges) if 0.0 < s < 1.0}
    marks = [0.0, *sorted(inside), 1.0]
    shares = [0.0]
    for a, b in itertools.pairwise(marks):
        middle = abs(first + (last - first) * (a + b) / 2)
        step = steps[0] if middle < threshold else steps[1]
        least = max((b - a) * abs(last - first) / step, (b - a) * fineness)
        pieces = min(_MOST_PIECES, max(1, math.ceil(least)))
        shares += [a + (b - a) * k / pieces for k in range(1, pieces)] + [b]
    return shares
