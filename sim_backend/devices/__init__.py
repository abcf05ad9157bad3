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
    {
        "capacitor": "sim_backend.devices.capacitor",
        "cbram": "sim_backend.devices.cbram",
        "diode": "sim_backend.devices.diode",
        "domain-wall": "sim_backend.devices.domain_wall",
        "ecram": "sim_backend.devices.ecram",
        "fefet": "sim_backend.devices.fefet",
        "floating-gate": "sim_backend.devices.floating_gate",
        "ftj": "sim_backend.devices.ftj",
        "hzo": "sim_backend.devices.hzo",
        "mtj": "sim_backend.devices.mtj",
        "oect": "sim_backend.devices.oect",
        "open": "sim_backend.devices.open_circuit",
        "optoelectronic": "sim_backend.devices.optoelectronic",
        "pcm": "sim_backend.devices.pcm",
        "resistor": "sim_backend.devices.resistor",
        "rram": "sim_backend.devices.rram",
        "rram-array": "sim_backend.devices.rram_array",
        "rram-gap": "sim_backend.devices.rram_gap",
        "short": "sim_backend.devices.short_circuit",
        "threshold-switch": "sim_backend.devices.threshold_switch",
    }
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
