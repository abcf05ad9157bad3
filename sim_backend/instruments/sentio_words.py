"""Words of SENTIO's remote commands: error numbers, status bits, parameters.

Source: the enumerations and command texts of MPI's Python package sentio-prober-control 26.2. What
it does not say (the texts of errors) is to be checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.instruments.prober_station import Failure

__all__ = [
    "ABORTED", "BAD_PARAMETER", "END_OF_ROUTE", "ERRORS", "LAST_SITE", "PENDING", "TIMEOUT",
    "UNKNOWN_COMMAND", "UNKNOWN_ID", "WRONG_COUNT", "WRONG_Z", "Answer", "Refused", "choice",
    "numbers", "truth",
]  # fmt: skip

UNKNOWN_COMMAND, BAD_PARAMETER, WRONG_COUNT, OUT_OF_BOUNDS = 4, 6, 7, 8
TIMEOUT, PENDING, ABORTED, UNKNOWN_ID, WRONG_Z = 19, 30, 31, 32, 38
#: bits of the status, above the ten bits of the error number
END_OF_ROUTE, LAST_SITE = 1, 2

ERRORS: Mapping[Failure, tuple[int, str]] = MappingProxyType(
    {
        Failure.NO_CONTACT_HEIGHT: (23, "Contact height is not set"),
        Failure.INTERLOCK: (WRONG_Z, "Stepping with a wrong z position"),
        Failure.OUT_OF_RANGE: (OUT_OF_BOUNDS, "Position is out of the limits of the axis"),
        Failure.OVERTRAVEL: (120, "Overtravel is out of the limits of the axis"),
        Failure.STOPPED: (ABORTED, "Command was aborted"),
        Failure.STUCK: (2, "The stage does not reach its position"),
        Failure.BUSY: (12, "The stage is moving"),
        Failure.END_OF_MAP: (11, "End of route"),
        Failure.NO_SUCH_SITE: (OUT_OF_BOUNDS, "There is no such die or subsite"),
        Failure.TEMPERATURE: (OUT_OF_BOUNDS, "Temperature is out of range"),
    }
)


class Refused(Exception):
    """A command is refused.

    Parameters
    ----------
    code, text
        As the answer has them.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


class Answer(NamedTuple):
    """What a command answers."""

    text: str = "OK"
    status: int = 0  #: bits
    number: int = 0  #: of an asynchronous command
    code: int = 0

    def line(self) -> str:
        """Return the line: error with status, number, message."""
        return f"{self.code | self.status << 10},{self.number},{self.text}"


def numbers(words: Sequence[str], least: int, most: int | None = None) -> list[float]:
    """Return numbers; raises `Refused` for a wrong count or for something else."""
    if not least <= len(words) <= (least if most is None else most):
        raise Refused(WRONG_COUNT, "Invalid number of parameters")
    try:
        values = [float(text) for text in words]
    except ValueError:
        raise Refused(BAD_PARAMETER, "Invalid parameter") from None
    if not all(abs(value) < 1e9 for value in values):
        raise Refused(OUT_OF_BOUNDS, "Argument out of bounds")
    return values


def truth(text: str) -> bool:
    """Return what ``True``, ``1``, ``On`` and their opposites say."""
    words = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
    if text.lower() not in words:
        raise Refused(BAD_PARAMETER, "Invalid parameter")
    return words[text.lower()]


def choice(text: str, options: Mapping[str, str]) -> str:
    """Return the letter of a word or a letter, in any case."""
    given = text.lower()
    if given in options:
        return options[given]
    if given.upper() in options.values():
        return given.upper()
    raise Refused(BAD_PARAMETER, "Invalid parameter")
