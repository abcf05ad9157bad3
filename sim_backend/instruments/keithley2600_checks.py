"""What a Series 2600B attribute accepts: a check returns the value to keep or raises `Refusal`.

Codes (how sure they are is said in `keithley2600_errors`): -104 for another type, 1101 and
1102 beyond a limit, -224 for a value that is not one of several.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from sim_backend.wire.tsp import Refusal

__all__ = ["accessors", "choice", "flag", "number", "text", "whole"]

V = TypeVar("V")
Check = Callable[[Any], Any]


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[Any], float]:
    """Accept a number between two bounds."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Refusal(-104)
        try:
            given = float(value)
        except ValueError:
            raise Refusal(-104) from None
        if math.isnan(given):
            raise Refusal(-104)
        if given < low:
            raise Refusal(1102)
        if given > high:
            raise Refusal(1101)
        return given

    return check


def whole(low: int = 0, high: int = 2**31 - 1) -> Callable[[Any], int]:
    """Accept a whole number between two bounds; fractions are cut off."""
    bounded = number(low, high + 0.999999)

    def check(value: Any) -> int:
        return int(bounded(value))

    return check


def choice(*allowed: int) -> Callable[[Any], int]:
    """Accept one of several numbers."""
    anything = number()

    def check(value: Any) -> int:
        given = anything(value)
        if given not in allowed:
            raise Refusal(-224)
        return int(given)

    return check


def flag(value: Any) -> int:
    """Accept true, false, 1 or 0."""
    return int(value) if isinstance(value, bool) else choice(0, 1)(value)


def text(longest: int) -> Callable[[Any], str]:
    """Accept a string of limited length."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Refusal(-104)
        if len(value) > longest:
            raise Refusal(-154)
        return value

    return check


def accessors(
    owner: object, table: dict[str, tuple[str, Check]]
) -> tuple[dict[Any, Callable[[], Any]], dict[Any, Callable[[Any], None]]]:
    """Turn rows ``attribute: (field, check)`` into getters and setters of an object's fields."""
    getters = {name: _getter(owner, field) for name, (field, _) in table.items()}
    setters = {name: _setter(owner, field, check) for name, (field, check) in table.items()}
    return getters, setters


def _getter(owner: object, field: str) -> Callable[[], Any]:
    return lambda: getattr(owner, field)


def _setter(owner: object, field: str, check: Check) -> Callable[[Any], None]:
    return lambda value: setattr(owner, field, check(value))
