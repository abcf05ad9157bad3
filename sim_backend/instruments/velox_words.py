"""Words of Velox's commands: parameters, units, references, error numbers.

Source: the command descriptions that FormFactor publishes with its Python interface to Velox
(veloxsci.py and vxmessageserver.py, 2019 and 2025). They give parameters with their defaults,
answers and time limits, and one error number, 715. 703 is what pymeasure's driver takes for the end
of the map. Every other number is to be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sim_backend.instruments.prober_station import Failure, Station

__all__ = [
    "ERRORS", "ILLEGAL", "UNKNOWN", "Parameter", "Refused", "converted", "decimal", "height_word",
    "micrometres", "reference", "split_words", "temperature_unit", "unit", "velocity", "whole",
    "word",
]  # fmt: skip

UNKNOWN, ILLEGAL = 509, 715
#: number and text of each failure; all numbers but 703 to be checked
ERRORS: Mapping[Failure, tuple[int, str]] = MappingProxyType(
    {
        Failure.NO_CONTACT_HEIGHT: (8, "Contact height is not set"),
        Failure.INTERLOCK: (10, "Chuck is in contact and the interlock is on"),
        Failure.OUT_OF_RANGE: (5, "Position is out of range"),
        Failure.OVERTRAVEL: (7, "Height is above contact height"),
        Failure.STOPPED: (14, "Movement was stopped"),
        Failure.STUCK: (32, "Stage did not reach its position"),
        Failure.BUSY: (31, "Stage is moving"),
        Failure.END_OF_MAP: (703, "End of wafer"),
        Failure.NO_SUCH_SITE: (ILLEGAL, "Illegal parameters"),
        Failure.TEMPERATURE: (902, "Temperature is out of range"),
    }
)
_UNITS = {"Y": 1.0, "I": 25.4, "J": 1.0, "E": 1.0}  # um; jogs and encoder steps to be checked
_UNIT_WORDS = {"MICRONS": "Y", "MILS": "I", "JOGS": "J", "ENCODER": "E", "INDEX": "X"}
_REFERENCES = {"HOME": "H", "ZERO": "Z", "CENTER": "C", "RELATIVE": "R", "DIEHOME": "D"}
_HEIGHTS = {
    "CONTACT": "C", "OVERTRAVEL": "O", "ALIGN": "A", "SEPARATION": "S", "SEARCHGAP": "T",
}  # fmt: skip
_TEMPERATURES = {"CELSIUS": "C", "FAHRENHEIT": "F", "KELVIN": "K"}


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


#: takes a word, or None where it is left out
Parameter = Callable[[str | None], Any]


def converted(words: Sequence[str], parameters: Sequence[Parameter]) -> list[Any]:
    """Return the values of a command's parameters.

    Raises
    ------
    Refused
        There are too many, or one is not what it should be.
    """
    if len(words) > len(parameters):
        raise Refused(ILLEGAL, "Illegal parameters")
    given = [*words, *[None] * (len(parameters) - len(words))]
    return [kind(text or None) for kind, text in zip(parameters, given, strict=True)]


def split_words(text: str) -> list[str]:
    """Split at spaces; a word in quotation marks may have some inside.

    Examples
    --------
    >>> split_words('1 "two words" Y')
    ['1', 'two words', 'Y']
    """
    words: list[str] = []
    for k, part in enumerate(text.split('"')):
        words += [part] if k % 2 else part.split()
    return words


def decimal(default: float | None, low: float = -1e9, high: float = 1e9) -> Parameter:
    """Take a number between two bounds; without a default it may be missing: None."""

    def read(text: str | None) -> float | None:
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise Refused(ILLEGAL, "Illegal parameters") from None
        if not low <= value <= high:
            raise Refused(ILLEGAL, "Illegal parameters")
        return value

    return read


def whole(default: int | None, low: int = -(10**9), high: int = 10**9) -> Parameter:
    """Take a whole number between two bounds."""
    number = decimal(None if default is None else float(default), low, high)

    def read(text: str | None) -> int | None:
        value = number(text)
        return None if value is None else int(value)

    return read


def word(default: str) -> Parameter:
    """Take any word."""
    return lambda text: default if text is None else text


def _letter(words: Mapping[str, str], default: str) -> Parameter:
    """Take a word or the letter that stands for it; returns the letter."""

    def read(text: str | None) -> str:
        if text is None:
            return default
        given = text.upper()
        letter = words.get(given, given)
        if letter not in words.values():
            raise Refused(ILLEGAL, "Illegal parameters")
        return letter

    return read


unit = _letter(_UNIT_WORDS, "Y")
temperature_unit = _letter(_TEMPERATURES, "C")
height_word = _letter(_HEIGHTS, "C")
#: percent, handed on as a share
_percent = decimal(100.0, 0.0, 100.0)


def reference(default: str) -> Parameter:
    """Take what a position is counted from."""
    return _letter(_REFERENCES, default)


def velocity(text: str | None) -> float:
    """Take a velocity in percent; returns a share."""
    percent: float = _percent(text)
    if percent <= 0:
        raise Refused(ILLEGAL, "Illegal parameters")
    return percent / 100


def micrometres(station: Station, letter: str) -> tuple[float, float]:
    """Return how long a unit is along x and y, um."""
    if letter == "X":
        return station.index[0], station.index[1]
    return _UNITS[letter], _UNITS[letter]
