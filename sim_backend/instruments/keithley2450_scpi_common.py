"""What the SCPI tables of the 2450 family are made of: the front's own settings, and builders.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim_backend.instruments.keithley2450_buffer import FIXED
from sim_backend.instruments.keithley2450_settings import Setup
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.instruments.tsp_time import ScriptClock
from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = [
    "ASKED",
    "BUFFER",
    "FUNCTIONS",
    "SOURCES",
    "Context",
    "Format",
    "choice",
    "functions",
    "number",
    "suffix",
    "toggle",
]  # fmt: skip

OUT_OF_RANGE, BAD_SUFFIX = -222, -114
_BOUNDS = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT)
ASKED = (Choice({bound.value: bound for bound in _BOUNDS}),)
BUFFER = Text()
_MOST_DIGITS = 16

#: measure and digitize functions, as they stand in headers
FUNCTIONS: Mapping[str, str] = {
    "v": ":VOLTage[:DC]", "i": ":CURRent[:DC]", "r": ":RESistance",
    "dv": ":DIGitize:VOLTage", "di": ":DIGitize:CURRent",
}  # fmt: skip
#: source functions
SOURCES: Mapping[str, str] = {"v": ":VOLTage", "i": ":CURRent"}

Limits = tuple[float, float, float]  #: smallest, largest, default


@dataclass(slots=True)
class Format:
    """How answers are written."""

    data: str = "ASC"  #: ASC, REAL or SRE
    order: str = "SWAP"
    precision: int = 0  #: significant digits; 0 for seven

    def real(self, value: float) -> str:
        """Write a number."""
        digits = (self.precision or 7) - 1
        return f"{value:.{digits}E}"


@dataclass(slots=True)
class Context:
    """What a table needs of the instrument behind it."""

    unit: Unit
    time: Callable[[], ScriptClock]  #: lets time pass; there when the first line is executed
    form: Format = field(default_factory=Format)

    @property
    def setup(self) -> Setup:
        """The present settings."""
        return self.unit.chassis.setup

    def wait_for(self, steps: Any) -> Any:
        """Let the time of a measurement pass; returns its result."""
        return self.time().wait_for(steps)


def functions(context: Context) -> list[str]:
    """Return the functions that this model measures or digitizes."""
    return list(context.setup.sensed)


def suffix(number: int, most: int) -> None:
    """Refuse a number in a header that is not 1 to `most`."""
    if not 1 <= number <= most:
        raise ScpiError(BAD_SUFFIX)


def number(
    context: Context,
    header: str,
    get: Callable[..., float],
    put: Callable[..., None] | None,
    bounds: Limits | Callable[..., Limits],
    *,
    whole: bool = False,
    unit: str = "",
    allowed: tuple[float, float] | None = None,
) -> Command:
    """Return the command of a number; its query takes ``MIN``, ``MAX`` and ``DEF``.

    Parameters
    ----------
    context
        The instrument.
    header
        As the manual writes it; its numbers are handed to `get`, and to `put` before the value.
    get, put
        Return and set the value; without `put` it can only be asked.
    bounds
        Smallest, largest, default value, or what returns them for the numbers of the header.
    whole
        It is a whole number.
    unit
        Unit that may follow the number.
    allowed
        What may be given, where that is not from the smallest to the largest value.
    """

    def known(places: tuple[Any, ...]) -> dict[Bound, float]:
        values = bounds(*places) if callable(bounds) else bounds
        return dict(zip(_BOUNDS, values, strict=True))

    def store(*given: Any) -> None:
        *places, value = given
        limits = known(tuple(places))
        chosen = limits[value] if isinstance(value, Bound) else value
        low, high = allowed or (limits[Bound.MINIMUM], limits[Bound.MAXIMUM])
        if not low <= chosen <= high:
            raise ScpiError(OUT_OF_RANGE)
        assert put is not None
        put(*places, chosen)

    def ask(*given: Any) -> str:
        if given and isinstance(given[-1], Bound):
            value = known(given[:-1])[given[-1]]
        else:
            value = get(*given)
        return f"{value:.0f}" if whole else context.form.real(value)

    kind = Whole(names=_BOUNDS) if whole else Number(names=_BOUNDS, suffix=unit)
    return Command(header, None if put is None else store, ask, (kind,), ASKED)


def toggle(header: str, get: Callable[..., bool], put: Callable[..., None]) -> Command:
    """Return the command of a switch; it is answered as 1 or 0."""
    return Command(header, put, lambda *places: str(int(get(*places))), (Boolean(),))


def choice(
    header: str,
    get: Callable[..., str],
    put: Callable[..., None],
    options: Mapping[str, str],
) -> Command:
    """Return the command of one word out of several; it is answered in its short form."""
    return Command(header, put, get, (Choice(options),))


def buffer_name(given: str | None) -> str:
    """Return the name of a buffer, or that of the first default buffer."""
    return FIXED[0] if given is None else given
