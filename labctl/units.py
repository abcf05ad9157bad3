"""Quantities: plain SI floats in the code, "100 us" and "1.52 mS" for people.

A unit is declared once, on the field that holds the number (``Volt``, ``Second``, ...), and appears
from there in forms, axes, files and documentation. Text is read by `parse`, numbers are printed by
`show`; both know SI prefixes and neither ever guesses a unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, PositiveInt
from pydantic_core import CoreSchema, core_schema

from labctl.errors import BadInput

__all__ = [
    "Ampere", "Amperes", "Conductances", "Coulomb", "Counts", "Farad", "Hertz", "Irradiance",
    "Irradiances", "Joule", "Kelvin", "Metre", "Ohm", "Rates", "Ratio", "Ratios", "Second",
    "Seconds", "Siemens", "SquareMetre", "Temperatures", "Unit", "Volt", "Volts", "Watt",
    "log_spaced", "parse", "parse_series", "show", "show_uncertain",
]  # fmt: skip

_ROUNDING = 1e-8
_MOST_DECIMALS = 9
_PREFIX = {
    "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6,
    "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15,
}  # fmt: skip
_SHOWN_PREFIX = {
    -24: "y", -21: "z", -18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m",
    0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P",
}  # fmt: skip
# other ways of writing a unit, as (SI unit, factor)
_ALIASES: dict[str, dict[str, float]] = {
    "Ohm": {"ohm": 1, "\u03a9": 1, "\u2126": 1, "Ohms": 1},
    "s": {"sec": 1, "min": 60, "h": 3600, "d": 86400, "days": 86400, "y": 31557600},
    "S": {"1/Ohm": 1},
    "K": {},
    "m": {},
    "1": {"%": 0.01, "": 1},
    "m2": {"cm2": 1e-4, "mm2": 1e-6, "um2": 1e-12, "nm2": 1e-18},
    "W/m2": {"W/cm2": 1e4, "mW/cm2": 10, "uW/cm2": 1e-2, "nW/cm2": 1e-5, "mW/mm2": 1e3},
}
_UNPREFIXED = frozenset({"1", "%", "m2"})
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Unit:
    """The SI unit of a field; as an annotation it lets the field be written as text with a prefix.

    Parameters
    ----------
    symbol
        SI symbol without prefix, ``"1"`` for a plain ratio.
    """

    symbol: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept a number (already SI) or text with this unit."""
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return parse(value, self.symbol)
        except BadInput as error:
            raise ValueError(str(error)) from None


def parse(text: str, unit: str) -> float:
    """Read a quantity such as ``"100 us"`` as a float in the SI unit asked for.

    Parameters
    ----------
    text
        Number, optional SI prefix and unit. A bare number is taken as SI already.
    unit
        SI symbol expected: ``"V"``, ``"s"``, ``"1"`` for a ratio (which also reads ``%``).

    Returns
    -------
    float
        The value in SI, correctly rounded from the decimal text (``"100 us"`` is ``1e-4``).

    Raises
    ------
    BadInput
        The text is not a number with this unit.

    Examples
    --------
    >>> parse("100 us", "s")
    0.0001
    >>> parse("2 min", "s")
    120.0
    """
    match = _NUMBER.match(text)
    if match is None:
        raise BadInput(
            f'"{text}" is not a quantity: write a number and a unit, as in "100 u{unit}"'
        )
    number, written = match.groups()
    factor = _factor(written, unit)
    if factor is None:
        wanted = "a plain number or %" if unit == "1" else f'a value in {unit}, as in "1 m{unit}"'
        raise BadInput(f'"{text}" has the unit "{written}", but {wanted} is needed')
    value = float(Decimal(number) * factor)
    if math.isinf(value):
        raise BadInput(f'"{text}" is beyond the largest number there is; write a finite value')
    return value


def _factor(written: str, unit: str) -> Decimal | None:
    if written in ("", unit):
        return Decimal(1)
    names = {unit: 1.0, **_ALIASES.get(unit, {})}
    if written in names:
        return Decimal(str(names[written]))
    if unit in _UNPREFIXED:
        return None
    for name, scale in names.items():
        prefix = written.removesuffix(name)
        if name and written.endswith(name) and scale == 1 and prefix in _PREFIX:
            return Decimal(1).scaleb(_PREFIX[prefix])
    return None


def show(value: float, unit: str, digits: int = 3) -> str:
    """Print a value with an SI prefix and the digits asked for.

    Parameters
    ----------
    value
        Value in SI.
    unit
        SI symbol, ``"1"`` or ``""`` for none.
    digits
        Significant digits.

    Returns
    -------
    str
        For example ``"1.52 mS"``.

    Examples
    --------
    >>> show(1.52e-3, "S")
    '1.52 mS'
    >>> show(0.0001, "s")
    '100 us'
    """
    unit = "" if unit == "1" else unit
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    exponent = _engineering(value, digits) if unit and unit != "%" else 0
    text = _plain(Decimal(repr(value)).normalize().scaleb(-exponent), digits)
    return f"{text} {_SHOWN_PREFIX[exponent]}{unit}".rstrip()


def show_uncertain(value: float, sigma: float | None, unit: str) -> str:
    """Print a value with its standard uncertainty, both with the digits they deserve.

    The uncertainty keeps two significant digits and the value stops at the same decimal
    (JCGM 100:2008, section 7.2.6).

    Parameters
    ----------
    value, sigma
        Value and standard uncertainty in SI; without an uncertainty the value has three digits.
    unit
        SI symbol, ``"1"`` or ``""`` for none.

    Returns
    -------
    str
        For example ``"69.2 +- 3.1 ms"``.

    Examples
    --------
    >>> show_uncertain(0.0692, 0.0031, "s")
    '69.2 +- 3.1 ms'
    """
    if sigma is None or not math.isfinite(sigma) or sigma <= 0 or not math.isfinite(value):
        return show(value, unit)
    if sigma < _ROUNDING * abs(value):  # the scatter of rounding says nothing of a measurement
        return show(value, unit, 6)
    unit = "" if unit == "1" else unit
    exponent = _engineering(max(abs(value), sigma), 3) if unit and unit != "%" else 0
    scaled, spread = value / 10.0**exponent, sigma / 10.0**exponent
    # the place of the second digit after rounding: 0.0996 is 0.10
    decimals = max(0, 1 - int(f"{spread:.1e}".split("e")[1]))
    if decimals > _MOST_DECIMALS:
        return f"{scaled:.1e} +- {spread:.1e} {_SHOWN_PREFIX[exponent]}{unit}".rstrip()
    text = f"{scaled:.{decimals}f} +- {spread:.{decimals}f}"
    return f"{text} {_SHOWN_PREFIX[exponent]}{unit}".rstrip()


def _engineering(value: float, digits: int) -> int:
    if value == 0:
        return 0
    # round first, so that 999.9996 u becomes 1.00 m
    exponent = int(f"{abs(value):.{digits - 1}e}".split("e")[1])
    return max(-24, min(15, 3 * (exponent // 3)))


def _plain(value: Decimal, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return format(Decimal(text), "f") if "e" in text.lower() else text


def log_spaced(start: float, stop: float, count: int) -> tuple[float, ...]:
    """Return values with a constant ratio, both ends exact.

    Parameters
    ----------
    start, stop
        First and last value, both positive.
    count
        Number of values, at least one.

    Returns
    -------
    tuple of float
        `count` values; all are rounded to nine significant digits so that they read well.

    Raises
    ------
    BadInput
        A bound that is not positive, or no value asked for.

    Examples
    --------
    >>> log_spaced(0.01, 1.0, 3)
    (0.01, 0.1, 1.0)
    """
    if start <= 0 or stop <= 0 or count < 1:
        raise BadInput(
            f"{count} logarithmically spaced values from {start:g} to {stop:g} were asked for; "
            "both ends must be positive and the count at least 1"
        )
    if count == 1:
        return (start,)
    ratio = math.log(stop / start) / (count - 1)
    inner = (float(f"{start * math.exp(ratio * k):.9g}") for k in range(1, count - 1))
    return (start, *inner, stop)


def parse_series(text: str, unit: str) -> tuple[float, ...]:
    """Read several quantities: ``"1 ms, 2 ms"`` or ``"10 ms .. 3 s, 30 log"`` (or ``lin``).

    Parameters
    ----------
    text
        A comma-separated list, or a range with a count and a spacing.
    unit
        SI symbol of every value.

    Returns
    -------
    tuple of float
        The values in SI.

    Raises
    ------
    BadInput
        The text is neither form, or a value has another unit.

    Examples
    --------
    >>> parse_series("0 V .. 1 V, 3 lin", "V")
    (0.0, 0.5, 1.0)
    """
    if ".." not in text:
        return tuple(parse(part, unit) for part in text.split(","))
    span, _, spacing = text.rpartition(",")
    first, _, last = span.partition("..")
    match = re.fullmatch(r"\s*(\d+)\s*(log|lin)\s*", spacing)
    if match is None or int(match[1]) < 1 or not first.strip() or not last.strip():
        raise BadInput(f'"{text}" is not a range: write "10 m{unit} .. 3 {unit}, 30 log" or lin')
    start, stop, count = parse(first, unit), parse(last, unit), int(match[1])
    if match[2] == "log":
        return log_spaced(start, stop, count)
    step = (stop - start) / max(count - 1, 1)
    return tuple(stop if k == count - 1 and k else start + step * k for k in range(count))


def _series(unit: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return parse_series(value, unit)
        except BadInput as error:
            raise ValueError(str(error)) from None

    return read


def _counts(value: object) -> object:
    """Read whole numbers written as a series; one that is not whole is left for the refusal."""
    found = _series("1")(value)
    if isinstance(value, str) and isinstance(found, tuple):
        return tuple(int(x) if x == int(x) else x for x in found)
    return found


Volt = Annotated[float, Unit("V")]
Ampere = Annotated[float, Unit("A")]
Second = Annotated[float, Unit("s")]
Siemens = Annotated[float, Unit("S")]
Ohm = Annotated[float, Unit("Ohm")]
Hertz = Annotated[float, Unit("Hz")]
Kelvin = Annotated[float, Unit("K")]
Joule = Annotated[float, Unit("J")]
Coulomb = Annotated[float, Unit("C")]
Watt = Annotated[float, Unit("W")]
Farad = Annotated[float, Unit("F")]
Metre = Annotated[float, Unit("m")]
SquareMetre = Annotated[float, Unit("m2")]
Irradiance = Annotated[float, Unit("W/m2")]
Ratio = Annotated[float, Unit("1")]
Seconds = Annotated[tuple[Second, ...], BeforeValidator(_series("s"))]
Volts = Annotated[tuple[Volt, ...], BeforeValidator(_series("V"))]
Amperes = Annotated[tuple[Ampere, ...], BeforeValidator(_series("A"))]
Rates = Annotated[tuple[Hertz, ...], BeforeValidator(_series("Hz"))]
Temperatures = Annotated[tuple[Kelvin, ...], BeforeValidator(_series("K"))]
Conductances = Annotated[tuple[Siemens, ...], BeforeValidator(_series("S"))]
Irradiances = Annotated[tuple[Irradiance, ...], BeforeValidator(_series("W/m2"))]
Ratios = Annotated[tuple[Ratio, ...], BeforeValidator(_series("1"))]
Counts = Annotated[tuple[PositiveInt, ...], BeforeValidator(_counts)]
