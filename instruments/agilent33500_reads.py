"""What a generator needs of the instrument that reads for it, whatever its family.

A source-meter sources zero volts, limits the current to the compliance, and takes a reading at each
edge on a line of a port of its own, so that any number of readings is timed by the generator and
none by the computer. The current that it reads comes out of the device. An oscilloscope records
both the level and the current, from an edge on; its readings are means over parts of the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from labctl.capability import Identity

__all__ = ["Raw", "Reads", "Wiring", "differing"]

_AGREES = 2e-3  # of a value that is read back


class Wiring(NamedTuple):
    """How the reader is reached."""

    address: str
    channel: str  #: of a source-meter
    line: int  #: of the port that the generator's second output leads to


class Raw(NamedTuple):
    """One reading as it was stored."""

    i: float  #: into a source-meter's channel, A; of an oscilloscope, into the device
    v: float  #: at the channel, V; no number where it was not read
    limited: bool  #: whether a limit held the current
    stamp: float  #: after the first reading, s; of an oscilloscope, after the trigger


class Reads(Protocol):
    """A source-meter or a resistor with an oscilloscope at the device's other end."""

    @property
    def name(self) -> str:
        """Name and address, for an error."""

    @property
    def place(self) -> str:
        """Where the cable of the triggers ends: ``its digital line 1``."""

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers, and report and clear what is left of earlier use."""

    def prepare(self) -> float:
        """Make it ready for `watch`, and return its power line frequency, Hz."""

    def watch(self, program: Any) -> None:
        """Hold zero volts within the compliance, and read at every edge that comes."""

    def waiting(self) -> bool:
        """Return whether it would hear an edge now."""

    def taken(self, *, over: bool) -> int:
        """Return how many readings there are; `over` when no further edge is to come."""

    def fetch(self, first: int, last: int) -> list[Raw]:
        """Return some of the readings, counted from 1."""

    def release(self) -> None:
        """Switch the output off after a burst."""

    def isolate(self) -> None:
        """Switch off by opening the relay, so that nothing flows whatever the generator does."""

    def make_safe(self) -> None:
        """Bring every level to zero and the output off, and see that it is so."""

    def identify(self) -> Identity:
        """Ask who it is."""

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it."""

    def close(self) -> None:
        """Give the connection back; never raises."""


def differing(asked: dict[str, float], answer: str) -> str:
    """Say what reads back otherwise than it was set; empty when nothing does.

    Parameters
    ----------
    asked
        What was set, by a name with a place for the value: ``a compliance of %g A``.
    answer
        The values, in the same order, with semicolons between them.

    Raises
    ------
    ValueError
        The answer is something else.
    """
    found = [float(text) for text in answer.strip().split(";")]
    return ", ".join(_differences(asked, found))


def _differences(asked: dict[str, float], found: list[float]) -> Iterator[str]:
    for (text, value), back in zip(asked.items(), found, strict=True):
        if abs(back - value) > _AGREES * abs(value):
            yield f"{text % value} was set and {back:g} read back"
