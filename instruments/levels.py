"""A waveform written out level by level, for instruments that know no loops."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from instruments.pieces import Body, Findings, Piece, pieces_of
from labctl.waveform import Role, seconds

__all__ = ["Level", "Span", "written_out"]


@dataclass(frozen=True, slots=True)
class Span:
    """A measurement window; s after the start of its level."""

    start: float
    stop: float
    role: Role

    @property
    def length(self) -> float:
        """Its duration, s."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Level:
    """One level with its place in time, s, and its measurement windows."""

    start: float
    length: float
    v: float
    spans: tuple[Span, ...]

    @property
    def stop(self) -> float:
        """Its end, s."""
        return self.start + self.length


def written_out(body: Body, most: int, limit: str, found: Findings) -> list[Level]:
    """Return every level of a waveform, repetitions written out; none where there are too many.

    Parameters
    ----------
    body
        What is played.
    most
        How many levels a step may have.
    limit
        What that is called.
    found
        Takes the violation.
    """
    if body.node is None:
        return []
    one = list(islice(pieces_of(body.node), most + 1))
    if len(one) * body.repeats > most:
        found.add(
            limit,
            f"{len(one) * body.repeats} levels",
            f"at most {most} in one step",
            "play the waveform in several steps",
        )
        return []
    lead, period = body.lead, body.node.ticks
    return [_level(piece, lead + turn * period) for turn in range(body.repeats) for piece in one]


def _level(piece: Piece, offset: int) -> Level:
    spans = tuple(Span(seconds(w.start), seconds(w.stop), w.role) for w in piece.windows)
    v = next(iter(piece.levels.values()), 0.0)
    return Level(seconds(offset + piece.start), seconds(piece.length), v, spans)
