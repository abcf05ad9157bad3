"""What KXCI says of a command that it refuses: number and text of its last error.

``:ERROR:LAST:GET`` answers with a sentence and a number in parentheses, or with nothing when there
was no error. Of the numbers only -823 and -992 are known from use; the others are placeholders in
the range of the pulse card's (check), so that a client may tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FAILURE", "TEXTS", "WINDOW_WITHOUT_MEASURE", "LastError"]

SYNTAX, PAGE, MISSING, TOO_MANY, NOT_A_NUMBER, OUT_OF_RANGE = -101, -102, -103, -104, -105, -106
FAILURE = -992
WINDOW_WITHOUT_MEASURE = -823
NOT_READY, NO_SEQUENCE, LENGTHS, NOT_SEAMLESS, WINDOW, LEVEL = -801, -802, -803, -804, -805, -806
PULSE_TIMES, TOO_MANY_POINTS, TOO_MANY_SEGMENTS, FIXED_RANGE = -807, -808, -809, -810
RELAY_TIME, TIMING_DIFFERS, NO_RANGE, RUNNING, NOTHING_ACQUIRED = -811, -812, -813, -814, -815
NOT_CONNECTED, NO_SWEEP, POINTS_DIFFER, INTERLOCK = -816, -817, -818, -819

#: number -> text
TEXTS: Mapping[int, str] = MappingProxyType(
    {
        SYNTAX: "The command is not recognised",
        PAGE: "The command is not available on this page",
        MISSING: "A parameter is missing",
        TOO_MANY: "There are too many parameters",
        NOT_A_NUMBER: "A parameter is of the wrong kind",
        OUT_OF_RANGE: "A parameter is out of range",
        FAILURE: "Failure",
        WINDOW_WITHOUT_MEASURE: "Measure start and stop must be zero for a segment not measured",
        NOT_READY: "The pulse card is not initialised for this command",
        NO_SEQUENCE: "A sequence of the list is not defined",
        LENGTHS: "The arrays of a sequence differ in length",
        NOT_SEAMLESS: "A segment does not start where the one before it stops",
        WINDOW: "A measure window is outside its segment",
        LEVEL: "A voltage is beyond the source range",
        PULSE_TIMES: "The pulse timing is not possible",
        TOO_MANY_POINTS: "The test would acquire too many points",
        TOO_MANY_SEGMENTS: "There are too many segments",
        FIXED_RANGE: "Segment Arb needs a fixed current range",
        RELAY_TIME: "A segment with a relay transition is too short",
        TIMING_DIFFERS: "The channels' times differ",
        NO_RANGE: "There is no such current range",
        RUNNING: "A test is running",
        NOTHING_ACQUIRED: "High or low must be acquired",
        NOT_CONNECTED: "The RPM is not connected to the pulse card",
        NO_SWEEP: "A step needs a sweep on another channel",
        INTERLOCK: "The interlock is open",
        POINTS_DIFFER: "Swept channels need the same number of points",
    }
)

_WORDS = MappingProxyType(
    {
        "unknown": SYNTAX, "page": PAGE, "missing": MISSING, "too many": TOO_MANY,
        "number": NOT_A_NUMBER, "range": OUT_OF_RANGE,
    }
)  # fmt: skip


class LastError:
    """The error that ``:ERROR:LAST:GET`` tells of, until it is cleared or another follows."""

    def __init__(self) -> None:
        self.code = 0
        self.text = ""
        self.count = 0  #: errors since it was cleared

    def note(self, code: str | int, about: str = "") -> None:
        """Keep an error.

        Parameters
        ----------
        code
            Its number, or a word of `sim_backend.wire.kxci`.
        about
            What caused it.
        """
        self.code = _WORDS[code] if isinstance(code, str) else code
        sentence = TEXTS.get(self.code, about or "Error")
        self.text = f"{sentence}: {about}" if about and about != sentence else sentence
        self.count += 1

    def clear(self) -> None:
        """Forget it."""
        self.code, self.text, self.count = 0, "", 0

    def __str__(self) -> str:
        """Return what is answered; nothing when there is no error."""
        return f"{self.text}. ({self.code})" if self.code else ""
