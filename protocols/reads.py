"""Single reads, each on a range that suits its current: for states that lie decades apart."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PositiveInt

from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.steps import Label, Play, Step
from labctl.units import parse
from labctl.waveform import read
from protocols.responses import conductances, usable

__all__ = ["Count", "Look", "Reader", "last_by", "log_marks"]

Array = NDArray[np.float64]
Reading = Generator[Step, Readings, float]

_ROOM = 2.5  # a range is this many times the last current
_TOO_LARGE = 25.0  # currents below this share of the range are read again on a smaller one
_SMALLEST = 1e-6  # A: smaller ranges settle in more than a few milliseconds
_TRIES = 4


def _whole(value: object) -> object:
    """Read a whole number written as 1e9 or "1 M"; what is not whole is left for the refusal."""
    if isinstance(value, str):
        try:
            value = parse(value, "1")
        except BadInput as error:
            raise ValueError(str(error)) from None
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: a large whole number, which may be written as ``1e9``
Count = Annotated[PositiveInt, BeforeValidator(_whole)]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is read.

    Parameters
    ----------
    level
        Read voltage, V.
    width
        Length of the read, s.
    compliance
        Largest current, A; also the largest range.
    terminal
        Where.
    """

    level: float
    width: float
    compliance: float
    terminal: str = "top"


class Reader:
    """Reads states one at a time and remembers for each which range its current needed.

    A reading that its range could not show is repeated on a larger one, a reading far below full
    scale on a smaller one; the label of every attempt is the same, so that the last usable one
    counts (`last_by`).

    Parameters
    ----------
    how
        Level, length and largest current.
    first
        Range to begin with, A.
    """

    def __init__(self, how: Look, first: float) -> None:
        self.how = how
        self._first = self._bounded(first)
        self._ranges: dict[str, float] = {}

    def read(self, state: str, label: Label) -> Reading:
        """Read the conductance, S; not a number where no range could show it.

        Parameters
        ----------
        state
            Name under which the range is remembered.
        label
            Of the step.
        """
        how = self.how
        probe = read(how.level, how.width, terminal=how.terminal)
        current, found = self._ranges.get(state, self._first), math.nan
        for _ in range(_TRIES):
            readings = yield Play(probe, how.compliance, {how.terminal: current}, label)
            i = _current(readings)
            if i is None and not math.isfinite(found):
                if current >= how.compliance:
                    break
                current = self._bounded(30 * current)
                continue
            if i is None:  # the smaller range was too small after all: the larger one's value holds
                break
            found, wanted = i / float(readings.v[-1]), self._bounded(_ROOM * abs(i))
            small = abs(i) * _TOO_LARGE < current and wanted < current
            self._ranges[state] = current = wanted
            if not small:
                break
        return found

    def _bounded(self, current: float) -> float:
        # two digits, so that a device that differs in its last digit asks for the same range
        return min(max(float(f"{current:.2g}"), _SMALLEST), self.how.compliance)


def _current(readings: Readings) -> float | None:
    """Return the current of the last reading, A; None where it has no usable value."""
    if not len(readings) or not usable(readings)[-1] or not readings.v[-1]:
        return None
    return float(readings.i[-1])


def last_by(
    steps: Iterable[tuple[Label, Readings]], name: str
) -> dict[float, tuple[float, float, float]]:
    """Return the last usable read for each value of a label: conductance, time, uncertainty.

    Parameters
    ----------
    steps
        Labels and readings of steps that read.
    name
        Label that tells the reads apart, a number.

    Returns
    -------
    dict
        (S, s, S) by the label's value, in the order first met.
    """
    found: dict[float, tuple[float, float, float]] = {}
    for label, readings in steps:
        g = conductances(readings)
        key = label.get(name)
        if key is None or not len(g) or not math.isfinite(g[-1]):
            continue
        row = readings[len(g) - 1]
        u = math.hypot(row.u_i, float(g[-1]) * row.u_v) / abs(row.v)
        found[float(key)] = (float(g[-1]), row.t, u)
    return found


def log_marks(most: int, per_decade: int) -> list[int]:
    """Return whole numbers from 1 to `most`, about as many in each decade; `most` is the last."""
    count = math.floor(per_decade * math.log10(most) + 1e-9)
    return sorted({round(10.0 ** (k / per_decade)) for k in range(count + 1)} | {most})
