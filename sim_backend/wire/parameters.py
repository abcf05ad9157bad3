"""Parameters of SCPI commands: how text becomes a value, and a value text.

A parameter says only what kind of text it takes, so that the meaning of a line can be kept; bounds
that depend on the instrument's state are checked by the handler, with the same `ScpiError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, Protocol

__all__ = [
    "Boolean", "Bound", "Choice", "Number", "Parameter", "Raw", "ScpiError", "Text", "Whole",
    "matches", "short_form",
]  # fmt: skip

DATA_TYPE, INVALID_SUFFIX, OUT_OF_RANGE, ILLEGAL = -104, -131, -222, -224

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[eE]\s*[+-]?\d+)?)\s*([A-Za-z%]*)$")
_RADIX = {"#H": 16, "#Q": 8, "#B": 2}
_PREFIX = {"": 1.0, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "K": 1e3, "MA": 1e6, "G": 1e9}


class ScpiError(Exception):
    """A command is refused; the number goes into the error queue.

    Parameters
    ----------
    code
        As SCPI or the instrument's manual numbers it.
    text
        What caused it.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


class Bound(Enum):
    """A number that is given by name."""

    MINIMUM = "MINimum"
    MAXIMUM = "MAXimum"
    DEFAULT = "DEFault"
    UP = "UP"
    DOWN = "DOWN"
    INFINITY = "INFinity"
    NEGATIVE_INFINITY = "NINFinity"


class Parameter(Protocol):
    """A kind of parameter."""

    @property
    def repeated(self) -> bool:
        """Whether any number of the same may follow."""

    def read(self, text: str) -> Any:
        """Return the value.

        Raises
        ------
        ScpiError
            The text is of another kind.
        """


def matches(text: str, pattern: str) -> bool:
    """Whether a word is the short or the long form of a mnemonic, in any case.

    Examples
    --------
    >>> matches("volt", "VOLTage"), matches("VOLTAGE", "VOLTage"), matches("volta", "VOLTage")
    (True, True, False)
    """
    return text.upper() in _spellings(pattern)


@lru_cache(maxsize=4096)
def _spellings(pattern: str) -> tuple[str, str]:
    """Return the long and the short form of a mnemonic, in capitals."""
    return pattern.upper(), short_form(pattern)


def short_form(pattern: str) -> str:
    """Return the short form of a mnemonic, as instruments answer it.

    Examples
    --------
    >>> short_form("VOLTage")
    'VOLT'
    """
    return "".join(c for c in pattern if not c.islower())


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal or non-decimal number, ``MIN``, ``MAX`` and the like.

    Parameters
    ----------
    low, high
        Fixed bounds.
    names
        Which names are allowed; they are handed on as `Bound`.
    suffix
        Unit that may follow, with a prefix: ``V``, ``S``.
    repeated
        Any number of them may be given.
    """

    low: float = -math.inf
    high: float = math.inf
    names: tuple[Bound, ...] = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT)
    suffix: str = ""
    repeated: bool = False

    def read(self, text: str) -> float | Bound:
        """Return the number, or what names it."""
        for name in self.names:
            if matches(text, name.value):
                return name
        value = self._number(text)
        if not self.low <= value <= self.high:
            raise ScpiError(OUT_OF_RANGE, text)
        return value

    def _number(self, text: str) -> float:
        base = _RADIX.get(text[:2].upper())
        if base is not None:
            try:
                return float(int(text[2:], base))
            except ValueError:
                raise ScpiError(DATA_TYPE, text) from None
            except OverflowError:
                raise ScpiError(OUT_OF_RANGE, text) from None
        match = _NUMBER.match(text)
        if match is None:
            raise ScpiError(DATA_TYPE, text)
        value = float("".join(match[1].split()))
        if math.isinf(value):  # more than a number can be: 1e400
            raise ScpiError(OUT_OF_RANGE, text)
        return value * self._scale(match[2].upper()) if match[2] else value

    def _scale(self, written: str) -> float:
        unit = self.suffix.upper()
        prefix = _PREFIX.get(written.removesuffix(unit)) if unit else None
        if not unit or not written.endswith(unit) or prefix is None:
            raise ScpiError(INVALID_SUFFIX, written)
        return prefix


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number; a fraction is rounded, as IEEE 488.2 asks."""

    low: float = -math.inf
    high: float = math.inf
    names: tuple[Bound, ...] = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT)
    repeated: bool = False

    def read(self, text: str) -> int | Bound:
        """Return the number, or what names it."""
        value = Number(-math.inf, math.inf, self.names).read(text)
        if isinstance(value, Bound):
            return value
        if math.isinf(value) or not self.low <= round(value) <= self.high:
            raise ScpiError(OUT_OF_RANGE, text)
        return round(value)


@dataclass(frozen=True, slots=True)
class Boolean:
    """``ON``, ``OFF``, ``1``, ``0``; any other number counts as on when it does not round to 0."""

    repeated: ClassVar[bool] = False

    def read(self, text: str) -> bool:
        """Return the truth."""
        if text.upper() in ("ON", "OFF"):
            return text.upper() == "ON"
        value = Number(names=()).read(text)
        assert isinstance(value, float)
        return not math.isinf(value) and round(value) != 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several mnemonics, or of several numbers.

    Parameters
    ----------
    options
        Mnemonic as the manual writes it -> value handed to the instrument.
    repeated
        Any number of them may be given.
    quoted
        They may stand in quotes (``"VOLT"``).
    """

    options: Mapping[str, Any]
    repeated: bool = False
    quoted: bool = False

    def read(self, text: str) -> Any:
        """Return the value of the mnemonic."""
        word = text
        if self.quoted and len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
            word = text[1:-1].strip()
        for pattern, value in self.options.items():
            if any(matches(word, form) for form in _forms(pattern)):
                return value
        if not word or word[0] in "\"'(#" or word[0].isdigit():
            raise ScpiError(DATA_TYPE, text)
        raise ScpiError(ILLEGAL, text)


def _forms(pattern: str) -> Sequence[str]:
    """Return a pattern with and without its optional end: ``CURRent[:DC]``."""
    base, bracket, end = pattern.partition("[")
    return (pattern,) if not bracket else (base, base + end.rstrip("]"))


@dataclass(frozen=True, slots=True)
class Text:
    """Text in either kind of quotes; a doubled quote stands for itself."""

    repeated: bool = False

    def read(self, text: str) -> str:
        """Return what is between the quotes."""
        if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
            raise ScpiError(DATA_TYPE, text)
        return text[1:-1].replace(text[0] * 2, text[0])


@dataclass(frozen=True, slots=True)
class Raw:
    """Whatever is written, for the handler to look at: lists, expressions, names."""

    repeated: bool = False

    def read(self, text: str) -> str:
        """Return the text."""
        return text
