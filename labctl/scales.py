"""Scales of axes and columns: the SI prefix that suits the numbers, and units as printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Scale", "axis_label", "literal", "scale_for", "typeset_unit"]

_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_NO_PREFIX = frozenset({"", "1", "%", "°", "deg", "°C"})


class Scale(NamedTuple):
    """How numbers of an axis or a column are shown: ``value * factor``, in ``unit``."""

    factor: float
    unit: str


def scale_for(values: Iterable[float], unit: str, log: bool = False) -> Scale:
    """Choose the SI prefix that suits the numbers.

    Parameters
    ----------
    values
        Numbers in SI; those that are not finite or zero do not count.
    unit
        SI symbol, ``"1"`` for none.
    log
        The axis is logarithmic: the middle of the numbers decides, otherwise the largest.

    Returns
    -------
    Scale
        With a unit ready to print: ``µ`` for micro, ``Ω`` for Ohm, nothing for ``"1"``.

    Examples
    --------
    >>> scale_for([0.01, 3.0], "s", log=True)
    Scale(factor=1000.0, unit='ms')
    """
    sizes = [abs(x) for x in values if math.isfinite(x) and x != 0]
    if unit in _NO_PREFIX or not sizes:
        return Scale(1.0, typeset_unit(unit))
    size = math.exp(math.fsum(map(math.log, sizes)) / len(sizes)) if log else max(sizes)
    # a hair up, so that 0.001 is 1 m in spite of rounding
    exponent = 3 * math.floor(math.log10(size * (1 + 1e-9)) / 3)
    exponent = min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
    return Scale(10.0**-exponent, _PREFIXES[exponent] + typeset_unit(unit))


def typeset_unit(unit: str) -> str:
    """Return a unit as it is printed: ``Ω`` for Ohm, nothing for ``"1"``."""
    return {"1": "", "Ohm": "Ω", "deg": "°"}.get(unit, unit)


def axis_label(text: str, scale: Scale) -> str:
    """Return what stands at an axis: its quantity, and the unit in brackets."""
    return literal(f"{text} ({scale.unit})" if scale.unit else text)


def literal(text: str) -> str:
    """Keep matplotlib from reading a formula between two dollar signs."""
    return text.replace("$", r"\$")
