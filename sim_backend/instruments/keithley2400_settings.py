"""Commands that set one attribute and answer it: the larger part of a Series 2400's table.

Each function returns the `Command` of a header; the attribute belongs to the present setup, which
``*RCL`` replaces, so the owner is asked for each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, ScpiError
from sim_backend.wire.scpi import Command

__all__ = [
    "CONFLICT", "OUT_OF_RANGE", "choice", "events", "nothing", "number", "pattern", "real",
    "toggle", "whole", "written",
]  # fmt: skip

CONFLICT, OUT_OF_RANGE = -221, -222
_BOUNDS = (Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT)
_ASKED = (Choice({bound.value: bound for bound in _BOUNDS}),)

Owner = Callable[[], Any]
Limits = Callable[[], tuple[float, float, float]]  #: smallest, largest, default


def nothing() -> None:
    """Do nothing."""


def real(value: float) -> str:
    """Write a number as the instrument answers it."""
    return f"{value:.6E}"


def whole(value: float) -> str:
    """Write a whole number."""
    return str(round(value))


def number(
    header: str,
    owner: Owner,
    name: str,
    limits: tuple[float, float, float] | Limits,
    *,
    write: Callable[[float], str] = real,
    put: Callable[[float], None] | None = None,
    changed: Callable[[], None] = nothing,
    suffix: str = "",
) -> Command:
    """Return the command of a number; its query takes ``MIN``, ``MAX`` and ``DEF``.

    Parameters
    ----------
    header
        As the manual writes it.
    owner, name
        The attribute.
    limits
        Smallest, largest and default value, or what returns them.
    write
        How it is answered.
    put
        Takes the value in place of the attribute.
    changed
        Called after it was set.
    suffix
        Unit that may follow the number.
    """

    def bounds() -> dict[Bound, float]:
        values = limits() if callable(limits) else limits
        return dict(zip(_BOUNDS, values, strict=True))

    def store(value: float | Bound) -> None:
        known = bounds()
        chosen = known[value] if isinstance(value, Bound) else value
        if not known[Bound.MINIMUM] <= chosen <= known[Bound.MAXIMUM]:
            raise ScpiError(OUT_OF_RANGE, header)
        if write is whole:
            chosen = round(chosen)
        if put is None:
            setattr(owner(), name, chosen)
        else:
            put(chosen)
        changed()

    def ask(which: Bound | None = None) -> str:
        return write(getattr(owner(), name) if which is None else bounds()[which])

    return Command(header, store, ask, (Number(names=_BOUNDS, suffix=suffix),), _ASKED)


def toggle(
    header: str,
    owner: Owner,
    name: str,
    *,
    check: Callable[[bool], None] | None = None,
    changed: Callable[[], None] = nothing,
) -> Command:
    """Return the command of a switch; `check` may refuse what it is set to."""

    def store(value: bool) -> None:
        if check is not None:
            check(value)
        setattr(owner(), name, value)
        changed()

    return Command(header, store, lambda: str(int(getattr(owner(), name))), (Boolean(),))


def choice(
    header: str,
    owner: Owner,
    name: str,
    options: Mapping[str, Any],
    *,
    check: Callable[[Any], None] | None = None,
    changed: Callable[[], None] = nothing,
    answers: Mapping[Any, str] | None = None,
) -> Command:
    """Return the command of one word out of several; it is answered as stored, or as `answers`."""

    def store(value: Any) -> None:
        if check is not None:
            check(value)
        setattr(owner(), name, value)
        changed()

    def ask() -> str:
        value = getattr(owner(), name)
        return str(value) if answers is None else answers[value]

    return Command(header, store, ask, (Choice(options),))


def events(header: str, owner: Owner, name: str, options: Mapping[str, str]) -> Command:
    """Return the command of a set of words, of which ``NONE`` is none."""
    words = {**options, "NONE": ""}

    def store(*values: str) -> None:
        setattr(owner(), name, frozenset(value for value in values if value))

    def ask() -> str:
        chosen = getattr(owner(), name)
        return ",".join(word for word in options.values() if word in chosen) or "NONE"

    return Command(header, store, ask, (Choice(words, repeated=True),))


def pattern(header: str, owner: Owner, name: str, size: Callable[[], int], form: Owner) -> Command:
    """Return the command of a digital output pattern of `size` lines, answered in a format."""

    def store(value: float) -> None:
        if not -0.5 <= value < (1 << size()) - 0.5:
            raise ScpiError(OUT_OF_RANGE, header)
        setattr(owner(), name, round(value))

    return Command(
        header, store, lambda: written(getattr(owner(), name), form()), (Number(names=()),)
    )


def written(value: int, form: str) -> str:
    """Write a register or a pattern as ``FORMat:SREGister`` and ``FORMat:SOURce2`` say."""
    if form == "HEX":
        return f"#H{value:X}"
    if form == "OCT":
        return f"#Q{value:o}"
    return f"#B{value:b}" if form == "BIN" else str(value)
