"""The four nodes a waveform is made of; `labctl.waveform` says what they mean together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.summary import Summary, mean_magnitude
from labctl.timing import seconds, ticks

__all__ = [
    "LONGEST_SEGMENT", "Chain", "Loop", "Node", "Overlay", "Role", "Segment", "Waveform", "Window",
]  # fmt: skip

LONGEST_SEGMENT = 2**63 - 1  #: ticks, about 106 days: what a journal line can hold
_MOST_TURNS = 2**63 - 1  # the same
_MOST_SAMPLES = 100_000_000

Role = Literal["pulse", "read", "rest"]
Array = NDArray[np.float64]


class Waveform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every node can do; see the module's first lines for the four nodes."""

    def __add__(self, other: Node) -> Chain:
        """Play this, then `other`."""
        return Chain((*_parts(self), *_parts(other)))

    def then(self, other: Node) -> Chain:
        """Play this, then `other`; the same as ``+``."""
        return self + other

    def __mul__(self, count: int) -> Node:
        """Play this `count` times; kept symbolic.

        Raises
        ------
        BadInput
            The count is below one, or not whole.
        """
        if int(count) != count:
            raise BadInput(
                f"{count} repetitions of a waveform were asked for; write a whole number"
            )
        return self if count == 1 else Loop(self, int(count))  # type: ignore[return-value,arg-type]

    def __or__(self, other: Node) -> Overlay:
        """Play this and `other` at the same time on different terminals.

        The shorter one rests at zero until the longer one ends.

        Raises
        ------
        BadInput
            Both drive the same terminal.
        """
        shared = self.terminals & other.terminals
        if shared:
            raise BadInput(
                f"two waveforms drive the terminal {min(shared)} at the same time; "
                "give each its own terminal or play one after the other"
            )
        return Overlay((self, other))  # type: ignore[arg-type]

    @property
    def ticks(self) -> int:
        """Duration in whole picoseconds."""
        raise NotImplementedError

    @property
    def duration(self) -> float:
        """Duration, s."""
        return seconds(self.ticks)

    @property
    def terminals(self) -> frozenset[str]:
        """Names of the terminals that some segment drives or measures."""
        raise NotImplementedError

    def flatten(self) -> Iterator[tuple[int, Segment]]:
        """Yield (start in ticks, segment) in time order, one at a time; loops are walked lazily.

        Where an overlay is cut into common segments, a window that begins in one of them may reach
        past its end.
        """
        raise NotImplementedError

    def summary(self) -> Summary:
        """Return what the waveform will do, in closed form over loops."""
        raise NotImplementedError

    def sample(self, dt: float) -> tuple[Array, dict[str, Array]]:
        """Sample every terminal at t = 0, dt, 2 dt, ... below the duration.

        Parameters
        ----------
        dt
            Spacing, s; at a step the later level is taken.

        Returns
        -------
        tuple
            Times in s, shape (n,), and for each terminal its levels in V, shape (n,).

        Raises
        ------
        BadInput
            More than 1e8 samples were asked for.
        """
        step = ticks(dt)
        if step == 0 or self.ticks // step > _MOST_SAMPLES:
            raise BadInput(
                f"sampling {self.duration:g} s every {dt:g} s was asked for; "
                f"at most {_MOST_SAMPLES:.0e} samples are made, so take a longer spacing"
            )
        count = -(-self.ticks // step)
        levels: dict[str, Array] = {name: np.zeros(count) for name in sorted(self.terminals)}
        for start, part in self.flatten():
            first, last = -(-start // step), -(-(start + part.length) // step)
            # counted from the segment's own start: the waveform may be longer than 2**63 ticks
            inside = np.arange(last - first, dtype=np.float64) * step + (first * step - start)
            for name, (begin, end) in part.levels.items():
                levels[name][first:last] = begin + (end - begin) * (inside / part.length)
        return np.arange(count, dtype=np.float64) * seconds(step), levels


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one terminal is measured: the mean over part of a segment."""

    terminal: str
    start: int  #: ticks after the segment's start
    stop: int  #: ticks after the segment's start
    role: Role = "read"

    @property
    def aperture(self) -> float:
        """Length of the window, s."""
        return seconds(self.stop - self.start)


class Segment(Waveform, frozen=True, tag="segment"):
    """A straight line on each terminal; see `segment` for one written in seconds."""

    length: int  #: ticks
    levels: dict[str, tuple[float, float]] = {}
    windows: tuple[Window, ...] = ()
    role: Role = "rest"

    def __post_init__(self) -> None:
        if self.length < 1:
            raise BadInput("a segment without duration was asked for; the shortest is 1 ps")
        if self.length > LONGEST_SEGMENT:
            raise BadInput(
                f"a segment of {seconds(self.length):g} s was asked for; the longest is "
                f"{seconds(LONGEST_SEGMENT):.4g} s (106 days), so repeat a shorter one"
            )
        for name, (start, stop) in self.levels.items():
            if not (abs(start) < float("inf") and abs(stop) < float("inf")):
                raise BadInput(f"terminal {name} was given a level that is not finite")

    @property
    def ticks(self) -> int:
        """Duration in whole picoseconds."""
        return self.length

    @property
    def terminals(self) -> frozenset[str]:
        """Terminals driven or measured."""
        return frozenset(self.levels) | {window.terminal for window in self.windows}

    def flatten(self) -> Iterator[tuple[int, Segment]]:
        """Yield itself."""
        yield 0, self

    def summary(self) -> Summary:
        """Return what one straight line does."""
        length = seconds(self.length)
        driven = {name: ends for name, ends in self.levels.items() if ends != (0.0, 0.0)}
        return Summary(
            ticks=self.length,
            segments=1,
            pulses=int(self.role == "pulse"),
            readings=len(self.windows),
            peak={name: max(abs(a), abs(b)) for name, (a, b) in driven.items()},
            exposure={name: mean_magnitude(a, b) * length for name, (a, b) in driven.items()},
            biased=dict.fromkeys(driven, length),
            shortest=self.length if driven else None,
            shortest_window=min((w.stop - w.start for w in self.windows), default=None),
            ramps=any(a != b for a, b in driven.values()),
        )


class Chain(Waveform, frozen=True, tag="chain"):
    """Parts one after another."""

    parts: tuple[Node, ...] = ()

    @property
    def ticks(self) -> int:
        """Sum of the parts' durations."""
        return sum(part.ticks for part in self.parts)

    @property
    def terminals(self) -> frozenset[str]:
        """Terminals of all parts."""
        return frozenset().union(*(part.terminals for part in self.parts))

    def flatten(self) -> Iterator[tuple[int, Segment]]:
        """Yield the parts' segments in turn."""
        offset = 0
        for part in self.parts:
            for start, piece in part.flatten():
                yield offset + start, piece
            offset += part.ticks

    def summary(self) -> Summary:
        """Return the sum over the parts."""
        total = Summary()
        for part in self.parts:
            total = total.followed_by(part.summary())
        return total


class Loop(Waveform, frozen=True, tag="loop"):
    """A body played `count` times."""

    body: Node
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= _MOST_TURNS:
            raise BadInput(
                f"{self.count} repetitions of a waveform were asked for; 1 to {_MOST_TURNS} can be"
            )

    @property
    def ticks(self) -> int:
        """Count times the body's duration."""
        return self.body.ticks * self.count

    @property
    def terminals(self) -> frozenset[str]:
        """Terminals of the body."""
        return self.body.terminals

    def flatten(self) -> Iterator[tuple[int, Segment]]:
        """Yield the body's segments again and again."""
        period = self.body.ticks
        for turn in range(self.count):
            for start, piece in self.body.flatten():
                yield turn * period + start, piece

    def summary(self) -> Summary:
        """Return the body's summary, multiplied."""
        return self.body.summary().times(self.count)


class Overlay(Waveform, frozen=True, tag="overlay"):
    """Parts at the same time, each on its own terminals."""

    parts: tuple[Node, ...]

    @property
    def ticks(self) -> int:
        """Duration of the longest part."""
        return max(part.ticks for part in self.parts)

    @property
    def terminals(self) -> frozenset[str]:
        """Terminals of all parts."""
        return frozenset().union(*(part.terminals for part in self.parts))

    def flatten(self) -> Iterator[tuple[int, Segment]]:
        """Yield segments cut at every boundary of any part."""
        lanes = [_Lane(part.flatten()) for part in self.parts]
        now = 0
        while running := [lane for lane in lanes if lane.current is not None]:
            end = min(lane.end for lane in running)
            yield now, _merged([lane.cut(now, end) for lane in running])
            for lane in running:
                lane.leave(end)
            now = end

    def summary(self) -> Summary:
        """Return the sum over the parts, with the duration of the longest."""
        total = Summary()
        for part in self.parts:
            total = total.beside(part.summary())
        return total


Node = Segment | Chain | Loop | Overlay


class _Lane:
    """One part of an overlay while it is being cut; holds one segment at a time."""

    def __init__(self, pieces: Iterator[tuple[int, Segment]]) -> None:
        self.pieces = pieces
        self.start = 0
        self.current: Segment | None = None
        self.leave(None)

    def leave(self, now: int | None) -> None:
        """Take the next segment when the current one ends at `now`."""
        if now is None or self.end == now:
            self.start, self.current = next(self.pieces, (0, None))

    @property
    def end(self) -> int:
        assert self.current is not None
        return self.start + self.current.length

    def cut(self, begin: int, end: int) -> Segment:
        """Return the part of the current segment between two ticks."""
        piece = self.current
        assert piece is not None

        def level(ends: tuple[float, float], at: int) -> float:
            return ends[0] + (ends[1] - ends[0]) * ((at - self.start) / piece.length)

        shift = begin - self.start
        return Segment(
            end - begin,
            {name: (level(ends, begin), level(ends, end)) for name, ends in piece.levels.items()},
            tuple(
                Window(window.terminal, window.start - shift, window.stop - shift, window.role)
                for window in piece.windows
                if shift <= window.start < shift + end - begin
            ),
            piece.role,
        )


def _merged(cuts: list[Segment]) -> Segment:
    roles = {cut.role for cut in cuts}
    role: Role = "pulse" if "pulse" in roles else "read" if "read" in roles else "rest"
    levels = {name: ends for cut in cuts for name, ends in cut.levels.items()}
    return Segment(cuts[0].length, levels, tuple(w for cut in cuts for w in cut.windows), role)


def _parts(node: Waveform) -> tuple[Node, ...]:
    return node.parts if isinstance(node, Chain) else (node,)  # type: ignore[return-value]
