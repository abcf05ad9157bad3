"""What a B1500A refuses, by the number and text of its error queue.

The meaning of the numbers is that of the programming guide, chapter 5, as recalled: check.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "CHANNEL",
    "COMPLIANCE",
    "INTERLOCK",
    "NO_ERROR",
    "NO_MODE",
    "PARAMETER",
    "RANGE",
    "SWITCH",
    "SYNTAX",
    "TEXTS",
    "TIMING",
    "UNKNOWN",
    "FlexError",
]  # fmt: skip

NO_ERROR, UNKNOWN, SYNTAX, PARAMETER, CHANNEL, COMPLIANCE = 0, 100, 102, 120, 121, 123
RANGE, TIMING, SWITCH, INTERLOCK, NO_MODE = 124, 152, 200, 201, 203

TEXTS: Mapping[int, str] = {
    NO_ERROR: "No Error.",
    UNKNOWN: "Undefined GPIB command.",
    SYNTAX: "Incorrect numeric data syntax.",
    PARAMETER: "Incorrect parameter value.",
    CHANNEL: "Channel number must be that of a module.",
    COMPLIANCE: "Compliance must be set correctly.",
    RANGE: "Incorrect range value for this channel.",
    TIMING: "Pulse width, period or hold time must be set correctly.",
    SWITCH: "Channel output switch must be ON.",
    INTERLOCK: "Interlock must be closed for more than 42 V.",
    NO_MODE: "Measurement channel and source must be set before measurement.",
}


class FlexError(Exception):
    """A command is refused; the number goes into the error queue."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
