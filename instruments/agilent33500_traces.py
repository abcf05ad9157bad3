"""How the readings of a burst come out of an oscilloscope: blocks of bytes, and means over parts.

Bytes, preambles and the numbers that mark what was clipped are those of the InfiniiVision
DSOX1204A/G Programmer's Guide, pages 637 to 638, and of the 4000 X-Series, ``:WAVeform:DATA?``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from instruments.agilent33500_reads import Raw
from instruments.agilent33500_records import Sight
from instruments.agilent33500_watch import Watch
from instruments.errors import unexpected
from labctl.errors import InstrumentFault

__all__ = ["Trace", "Transfer"]

Array = npt.NDArray[np.float64]

_CLIPPED = (1, 255)  # bytes that stand for what is beyond the converter
_HOLE = 0


class Asked(Protocol):
    """An oscilloscope behind a connection."""

    @property
    def name(self) -> str:
        """Name and address, for an error."""

    @property
    def adapter(self) -> Any:
        """The connection."""

    def write(self, command: str) -> None:
        """Send a command."""

    def ask(self, command: str) -> str:
        """Send a question, and return the answer."""

    def number(self, question: str) -> float:
        """Ask for a number."""


class Trace(NamedTuple):
    """What a channel saw in one record."""

    first: float  #: s after the trigger
    apart: float  #: from point to point, s
    volts: Array  #: not a number where it was clipped

    def mean(self, start: float, stop: float) -> tuple[float, float]:
        """Return the mean from one time after the trigger to another, V, and its middle, s.

        Raises
        ------
        ValueError
            The record has no point there.
        """
        begin = max(0, math.ceil((start - self.first) / self.apart - 1e-6))
        end = math.floor((stop - self.first) / self.apart + 1e-6) + 1
        part = self.volts[begin:end]
        if not len(part):
            raise ValueError(f"no point of the record is between {start:g} s and {stop:g} s")
        middle = self.first + (begin + (len(part) - 1) / 2) * self.apart
        return float(np.mean(part)), middle


class Transfer:
    """Fetches records.

    Parameters
    ----------
    scope
        Whose records they are.
    ohms
        Between channel 2 and ground, Ohm.
    """

    def __init__(self, scope: Any, ohms: float) -> None:
        self._scope: Asked = scope
        self._ohms = ohms

    def readings(self, program: Watch) -> Iterator[Raw]:
        """Yield the readings of a burst.

        Parameters
        ----------
        program
            That was played.

        Raises
        ------
        InstrumentFault
            An answer is not what was asked for.
        """
        zero: tuple[float, float] | None = None
        turns = range(program.repeats)
        parts = range(len(program.marks)) if program.segmented else (0,)
        for turn, part in product(turns if program.segmented else (0,), parts):
            tag = 0.0
            if program.segmented:
                self._scope.write(f":ACQ:SEGM:IND {turn * len(parts) + part + 1}")
                tag = self._scope.number(":WAV:SEGM:TTAG?")
            seen = self._trace(1), self._trace(2)
            if zero is None:
                v, i = (self._mean(t, -program.before, -2 * t.apart)[0] for t in seen)
                zero = v, i
            for later in (0,) if program.segmented else turns:
                for sight in program.sights:
                    if sight.segment == part:
                        yield self._raw(sight, seen, zero, later * program.period, tag)

    def _raw(
        self,
        sight: Sight,
        seen: Sequence[Trace],
        zero: tuple[float, float],
        later: float,
        tag: float,
    ) -> Raw:
        window = sight.start + later, sight.stop + later
        (v, middle), (across, _) = (self._mean(trace, *window) for trace in seen)
        i = (across - zero[1]) / self._ohms
        return Raw(i, v - zero[0], math.isnan(i), tag + middle)

    def _mean(self, trace: Trace, start: float, stop: float) -> tuple[float, float]:
        try:
            return trace.mean(start, stop)
        except ValueError as error:
            raise InstrumentFault(
                f"{self._scope.name}: {error}; it took another record than it was set up for"
            ) from None

    def _trace(self, channel: int) -> Trace:
        """Return what a channel saw in the segment that is chosen, or in the record."""
        self._scope.write(f":WAV:SOUR CHAN{channel}")
        answer = self._scope.ask(":WAV:PRE?")
        try:
            fields = [float(text) for text in answer.split(",")]
            apart, first, _, step, origin, reference = fields[4:10]
        except ValueError:
            raise unexpected(self._scope.name, answer, "a preamble of ten numbers") from None
        self._scope.write(":WAV:DATA?")
        codes = np.frombuffer(self._block(), np.uint8)
        if len(codes) != round(fields[2]):
            raise unexpected(self._scope.name, f"{len(codes)} points", f"{fields[2]:g} points")
        volts = np.asarray((codes - reference) * step + origin, dtype=np.float64)
        for code in (*_CLIPPED, _HOLE):
            volts[codes == code] = math.nan
        return Trace(first, apart, volts)

    def _block(self) -> bytes:
        """Return the bytes of a block."""
        head = self._bytes(2)
        digits = self._bytes(int(head[1:])) if head[:1] == b"#" and head[1:].isdigit() else b""
        if not digits.isdigit():
            raise unexpected(self._scope.name, repr(head), "a block of data")
        data = self._bytes(int(digits) + 1)
        return data[:-1]

    def _bytes(self, count: int) -> bytes:
        return bytes(self._scope.adapter.read_bytes(count))
