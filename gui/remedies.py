"""What would help against a refusal, as changes that can be made with one click.

A remedy is offered only after it has been planned and the refusal was gone: nothing is guessed at
the user. Nothing here knows a window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from gui.parameters import Field, exact_text, fields_of, made, series_text
from labctl.errors import BadInput
from labctl.protocol import Protocol
from labctl.units import parse
from labctl.violation import Violation

__all__ = ["Bound", "Remedy", "bound_of", "candidates", "proven"]

_QUANTITY = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?: ?[a-zA-Zµ%Ω]+(?:/[a-z0-9]+)?)?")
_UNITS = ("V", "s", "A", "S", "Hz", "K", "Ohm", "W/m2", "C", "J")
_LEAST, _MOST = ("at least", "not less than", "from"), ("at most", "up to", "not more than")


class Bound(msgspec.Struct, frozen=True):
    """What a refusal says in numbers."""

    asked: float
    allowed: float
    unit: str
    least: bool  #: `allowed` is a lower bound, otherwise an upper one


class Remedy(msgspec.Struct, frozen=True):
    """One change that makes a refusal go away."""

    label: str  #: of the button
    field: str = ""  #: parameter to change
    text: str = ""  #: and what to
    bench: str = ""  #: or the bench to choose
    accept: bool = False  #: or to play what the instrument can do instead


def bound_of(violation: Violation) -> Bound | None:
    """Read the numbers of a refusal; None where it has none.

    Examples
    --------
    >>> bound_of(Violation("2602B level width", "20 us", "at least 100 us", "make it longer"))
    Bound(asked=2e-05, allowed=0.0001, unit='s', least=True)
    """
    least = violation.allowed.startswith(_LEAST)
    if not least and not violation.allowed.startswith(_MOST):
        return None
    asked, allowed = _QUANTITY.search(violation.asked), _QUANTITY.search(violation.allowed)
    if asked is None or allowed is None:
        return None
    for unit in _UNITS:
        try:
            return Bound(parse(asked[0], unit), parse(allowed[0], unit), unit, least)
        except BadInput:
            continue
    return None


def candidates(
    violation: Violation, protocol: Protocol, texts: Mapping[str, str]
) -> Iterator[Remedy]:
    """Yield changes of one parameter that could help, the likeliest first.

    Parameters
    ----------
    violation
        The refusal.
    protocol
        What was planned.
    texts
        Its parameters as text, those changed from its own.
    """
    bound = bound_of(violation)
    if bound is None:
        return
    fields = [field for field in fields_of(type(protocol)) if field.unit == bound.unit]
    named = [field for field in fields if _is_named(field, violation)]
    for field in sorted(fields, key=lambda one: one not in named):
        text = _mended(getattr(protocol, field.name), field, bound)
        if text and text != texts.get(field.name, field.default):
            yield Remedy(f"{field.label}: use {text}", field.name, text)


def _is_named(field: Field, violation: Violation) -> bool:
    return any(word in f"{violation.limit} {violation.remedy}" for word in field.label.split())


def _mended(value: object, field: Field, bound: Bound) -> str:
    """Return the text with every number that breaks the bound brought to it; empty for none."""
    if isinstance(value, tuple):
        kept = tuple(dict.fromkeys(_within(float(one), bound) for one in value))
        return series_text(kept, field.unit) if kept != value else ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    mended = _within(float(value), bound)
    return exact_text(mended, field.unit) if mended != value else ""


def _within(value: float, bound: Bound) -> float:
    size = abs(value)
    wrong = size < bound.allowed if bound.least else size > bound.allowed
    if not wrong or size == 0:
        return value
    return bound.allowed if value > 0 else -bound.allowed


def proven(
    violations: Sequence[Violation],
    protocol: Protocol,
    texts: Mapping[str, str],
    violations_of: Callable[[Protocol], Sequence[Violation]],
) -> dict[Violation, tuple[Remedy, ...]]:
    """Return for each refusal the changes that were planned and made it go away.

    Parameters
    ----------
    violations, protocol, texts
        The refusals of a protocol and its parameters.
    violations_of
        Plans a changed protocol and returns what stands against it.
    """
    found: dict[Violation, tuple[Remedy, ...]] = {}
    for violation in violations:
        helped = []
        for remedy in candidates(violation, protocol, texts):
            changed, _ = made(type(protocol), {**texts, remedy.field: remedy.text})
            if changed is None:
                continue
            left = {(one.limit, one.asked) for one in violations_of(changed)}
            if (violation.limit, violation.asked) not in left:
                helped.append(remedy)
                break  # one is enough; the likeliest was tried first
        found[violation] = tuple(helped)
    return found
