"""The errors of a Series 2600B instrument: code, level and text.

Where they belong: Series 2600B Reference Manual, 2600BS-901-01, section 8, "Error summary list".
That table was not at hand. Confirmed in print are 1102 (section 7), -285 and -286 and the names of
the levels (Series 2600 Reference Manual, 2600S-901-01, appendix B); every other code and text is to
be checked against the list. Page E-3 gives "No Error" for an empty queue; which of the two texts an
instrument returns is to be checked too.
"""

from __future__ import annotations

__all__ = ["NO_SEVERITY", "RECOVERABLE", "SERIOUS", "text_of"]

#: error levels as they appear in the queue (section 7, errorqueue.next)
NO_SEVERITY, INFORMATIONAL, RECOVERABLE, SERIOUS, FATAL = 0, 10, 20, 30, 40

_TEXTS = {
    -430: "Query DEADLOCKED",
    -420: "Query UNTERMINATED",
    -410: "Query INTERRUPTED",
    -363: "Input buffer over-run",
    -350: "Queue overflow",
    -292: "Referenced name does not exist",
    -286: "TSP runtime error",
    -285: "Program syntax",
    -281: "Cannot create program",
    -225: "Out of memory or TSP memory allocation error",
    -224: "Illegal parameter value",
    -223: "Too much data",
    -222: "Parameter data out of range",
    -221: "Settings conflict",
    -220: "Parameter",
    -211: "Trigger ignored",
    -203: "Command protected",
    -200: "Execution error",
    -154: "String too long",
    -151: "Invalid string data",
    -144: "Character data too long",
    -141: "Invalid character data",
    -121: "Invalid character in number",
    -120: "Numeric data",
    -110: "Command header",
    -109: "Missing parameter",
    -108: "Parameter not allowed",
    -105: "Trigger not allowed",
    -104: "Data type",
    0: "Queue Is Empty",
    802: "OUTPUT blocked by interlock",
    1100: "Command unavailable",
    1101: "Parameter too big",
    1102: "Parameter too small",
    1103: "Min greater than max",
    1104: "Too many digits for param type",
    1105: "Invalid parameter",
    1107: "Cannot modify factory menu",
    1205: "TSPlink initialization failed (no remote nodes found)",
    2401: "TSPnet error: connection failed",
    1404: "Invalid byte order",
    1405: "Invalid ASCII precision",
    1406: "Invalid data format",
    1700: "Display area boundary exceeded",
    4900: "Reading buffer index is invalid",
    4901: "The maximum index for this buffer has been exceeded",
    4903: "Reading buffer expired",
    5005: "Value too big for range",
    5007: "Operation would exceed safe operating area of the instrument",
    5008: "Operation not permitted while OUTPUT is on",
    5009: "Unknown sourcing function",
    5010: "No such SMU function",
    5011: "Operation not permitted while cal is locked",
    5025: "Cannot set filter.count > 1 when measure.count > 1",
    5028: "Cannot perform requested operation while source autorange is enabled",
    5032: "Cannot change this setting unless buffer is cleared",
    5033: "Reading buffer not found within device",
    5038: "Index exceeds maximum reading",
    5040: "Cannot use same reading buffer for multiple overlapped measurements",
    5041: "Output Enable not asserted",
    5042: "Invalid while overlapped measure",
    5043: "Cannot perform requested operation while voltage measure autorange is enabled",
    5044: "Cannot perform requested operation while current measure autorange is enabled",
    5045: "Cannot perform requested operation while filter is enabled",
    5046: "SMU too hot",
    5047: "Minimum timestamp resolution is 1us",
    5048: "Contact check not valid with HIGH-Z OUTPUT off",
    5059: "Trigger source action enabled without configuration",
    5060: "Trigger measure action enabled without configuration",
    5061: "Operation not permitted while OUTPUT is off",
    5063: "Cannot perform requested operation while measure autozero is on",
    5064: "Cannot use reading buffer that collects source values",
    5065: "I range too low for contact check",
    5066: "source.offlimiti too low for contact check",
    5069: "Autorange locked for HighC mode",
    5127: "Output protection level exceeded",
}


def text_of(code: int) -> str:
    """Return the text of an error code."""
    return _TEXTS.get(code, "Internal system")
