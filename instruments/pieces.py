"""A waveform as a driver needs it: stretches at one set of levels, a body, how often it repeats.

What every family of instruments does first with a waveform, before it becomes the family's program,
and the list of what stands against playing it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from labctl.capability import Limits, Violation
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import TICKS_PER_SECOND, Chain, Loop, Node, Segment, Window

__all__ = [
    "TICKS",
    "Body",
    "Compiled",
    "Findings",
    "Piece",
    "check_play",
    "fold",
    "pieces_of",
    "shifted",
]

P = TypeVar("P")

#: ticks of a waveform in a microsecond
TICKS = TICKS_PER_SECOND // 1_000_000


@dataclass(slots=True)
class Findings:
    """Violations, the first of each kind."""

    model: str
    by_limit: dict[str, Violation] = field(default_factory=dict)

    def add(
        self,
        limit: str,
        asked: str,
        allowed: str,
        remedy: str,
        instead: str = "",
        reach: float = 0.0,
    ) -> None:
        """Note a violation unless one of its kind is there already.

        Parameters
        ----------
        limit
            What is limited.
        asked, allowed, remedy
            As in `labctl.violation.Violation`.
        instead
            What would be played where the user accepts it; the model is put before it.
        reach
            Largest current that could flow then, A, where the compliance would not hold.
        """
        limit = f"{self.model} {limit}"
        instead = instead and f"{self.model}: {instead}"
        self.by_limit.setdefault(limit, Violation(limit, asked, allowed, remedy, instead, reach))

    @property
    def violations(self) -> list[Violation]:
        """All of them, in the order they were found."""
        return list(self.by_limit.values())


def check_play(play: Play, channels: Collection[str], limits: Limits, found: Findings) -> None:
    """Note what a pulse card cannot do with a waveform, whatever its segments.

    Parameters
    ----------
    play
        What to play.
    channels
        Terminals that are wired.
    limits
        Of the card.
    found
        Takes the violations.
    """
    summary = play.waveform.summary()
    peak = max(summary.peak.values(), default=0.0)
    for terminal in sorted(play.waveform.terminals - set(channels)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(channels))}",
            "wire the terminal in the bench file or use another",
        )
    if peak > limits.max_v:
        allowed = f"at most {show(limits.max_v, 'V')}"
        found.add("voltage", show(peak, "V"), allowed, "lower the amplitude")
    if not play.compliance > 0:
        asked = show(play.compliance, "A")
        found.add("compliance", asked, "more than 0 A", "give the largest current to be expected")
    if summary.readings > limits.max_readings:
        found.add(
            "readings",
            f"{summary.readings} readings",
            f"at most {limits.max_readings} in one step",
            "play the waveform in several steps, or measure outside the loop",
        )


class Compiled(NamedTuple, Generic[P]):
    """The program of a step, where there is one, and what stands against it."""

    program: P | None
    violations: list[Violation]

    def playable(self, *, degraded: bool) -> bool:
        """Whether it can be played; `degraded` when the user accepts what there is instead."""
        serious = [v for v in self.violations if not (degraded and v.instead)]
        return self.program is not None and not serious


@dataclass(frozen=True, slots=True)
class Body:
    """What is left of a waveform between its first and its last rest."""

    lead: int  #: rest before it, ticks
    node: Node | None  #: what is played; None when the waveform is rest alone
    repeats: int  #: how often
    trail: int  #: rest after it, ticks

    @property
    def period(self) -> int:
        """Duration of one repetition, us."""
        return round(self.node.ticks / TICKS) if self.node is not None else 0


def fold(node: Node) -> Body:
    """Take the rests off both ends and find the body that the rest of a waveform repeats.

    Examples
    --------
    >>> from labctl.waveform import pulse, rest
    >>> body = fold(rest(1.0) + (pulse(1.0, 1e-4) + rest(1e-3)) * 1000 * 5)
    >>> body.lead, body.repeats, body.period
    (1000000000000, 5000, 1100)
    """
    parts = list(_parts(node))
    lead = trail = 0
    while parts and _silent(parts[0]):
        lead += parts.pop(0).ticks
    while parts and _silent(parts[-1]):
        trail += parts.pop().ticks
    if not parts:
        return Body(lead, None, 1, trail)
    body, repeats = _unrolled(parts[0] if len(parts) == 1 else Chain(tuple(parts)))
    return Body(lead, body, repeats, trail)


def _unrolled(node: Node) -> tuple[Node, int]:
    """Return what nested loops repeat, and how often altogether."""
    if not isinstance(node, Loop):
        return node, 1
    body, repeats = _unrolled(node.body)
    return body, repeats * node.count


def _parts(node: Node) -> Iterator[Node]:
    if isinstance(node, Chain):
        for part in node.parts:
            yield from _parts(part)
    else:
        yield node


def _silent(node: Node) -> bool:
    if isinstance(node, Segment):
        return not node.windows and not any(a or b for a, b in node.levels.values())
    summary = node.summary()
    return not summary.biased and not summary.readings


@dataclass(slots=True)
class Piece:
    """A stretch at one set of levels, which segments cut by other terminals may share; ticks."""

    start: int
    length: int
    levels: dict[str, float]
    windows: list[Window]


def pieces_of(body: Node) -> Iterator[Piece]:
    """Yield the stretches of a waveform that have a level or a reading, in order.

    Neighbouring segments at the same levels are one stretch; rests are what lies between two.
    """
    last: Piece | None = None
    for start, segment in body.flatten():
        levels = {name: ends[0] for name, ends in segment.levels.items() if ends[0] != 0}
        if last and levels and levels == last.levels and start == last.start + last.length:
            shift = start - last.start
            last.windows += [shifted(window, shift) for window in segment.windows]
            last.length += segment.length
            continue
        if last is not None:
            yield last
        last = _piece(start, segment, levels)
    if last is not None:
        yield last


def _piece(start: int, segment: Segment, levels: dict[str, float]) -> Piece | None:
    if not levels and not segment.windows:
        return None
    return Piece(start, segment.length, levels, list(segment.windows))


def shifted(window: Window, by: int) -> Window:
    """Return a window that starts later by some ticks after the start of its stretch."""
    return Window(window.terminal, window.start + by, window.stop + by, window.role)
