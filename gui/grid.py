"""A grid of parameters as people write it: ``width = 100 us, 1 ms; amplitude = 1 V``."""

from __future__ import annotations

import re

from gui.parameters import exact_text
from labctl.errors import BadInput
from labctl.units import parse_series

__all__ = ["grid_of"]

_UNIT = re.compile(r"[\d.]\s*(?:[yzafpnuµμmkMGTP])?(V|s|A|S|Hz|K|Ohm|W/m2|C|J)\s*(?:\.\.|$)")


def grid_of(text: str) -> dict[str, list[str]]:
    """Read the values of several parameters.

    Parameters
    ----------
    text
        ``name = value, value; name = from .. to, count lin``; empty for no grid.

    Raises
    ------
    BadInput
        A part has no ``=``, no value, or is a range that cannot be read.

    Examples
    --------
    >>> grid_of("width = 100 us, 1 ms; amplitude = 0.5 V .. 1.5 V, 3 lin")
    {'width': ['100 us', '1 ms'], 'amplitude': ['500 mV', '1 V', '1.5 V']}
    """
    grid: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, values = part.partition("=")
        key = name.strip().replace(" ", "_")
        if not equals or not key or not values.strip():
            raise BadInput(f'"{part}" is not a parameter; write width = 100 us, 1 ms')
        grid[key] = _series(values.strip())
    return grid


def _series(text: str) -> list[str]:
    if ".." not in text:
        return [value.strip() for value in text.split(",") if value.strip()]
    found = _UNIT.search(text.split(",")[0])
    unit = found[1] if found else "1"
    return [exact_text(float(f"{value:.12g}"), unit) for value in parse_series(text, unit)]
