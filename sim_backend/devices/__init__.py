"""Device families: what a sample does under voltage and at rest, one module a family.

`family` finds a family by name: those of this package first, then those that other packages offer
through the entry-point group ``labctl.devices``.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from types import MappingProxyType

from labctl.errors import BadInput
from sim_backend.devices.family import Family
from sim_backend.devices.model import DeviceModel, Level, Levels, State, Stream

__all__ = [
    "DeviceModel", "Family", "Level", "Levels", "State", "Stream", "families", "family",
]  # fmt: skip

#: the families of this package: name -> module with a `FAMILY`
_OWN = MappingProxyType(
    {"ftj": "sim_backend.devices.ftj", "resistor": "sim_backend.devices.resistor"}
)
_GROUP = "labctl.devices"


def families() -> tuple[str, ...]:
    """Return the names of all families that are installed, sorted."""
    return tuple(sorted({*_OWN, *(point.name for point in entry_points(group=_GROUP))}))


def family(name: str) -> Family:
    """Return the family of this name.

    Raises
    ------
    BadInput
        No installed package offers it.
    """
    if name in _OWN:
        found: Family = importlib.import_module(_OWN[name]).FAMILY
        return found
    for point in entry_points(group=_GROUP, name=name):
        offered: Family = point.load()
        return offered
    raise BadInput(
        f'the device family "{name}" was asked for; installed are {", ".join(families())}'
    )
