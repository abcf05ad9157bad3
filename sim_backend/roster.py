"""The roster of virtual instruments: which models there are, by the driver of a bench file.

A module of the roster has ``MODELS``, the names of the models it builds, and ``build(bay)``, which
returns the instrument. It is imported when a bench asks for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from labctl.errors import BadInput
from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock
from sim_backend.drive import Drive
from sim_backend.faults import Reporting
from sim_backend.fixture import Fixture
from sim_backend.instruments.specification import ChannelSpec
from sim_backend.needles import Needles
from sim_backend.patchboard import Patchboard

__all__ = ["Bay", "build", "has_prober", "patchboard"]

#: driver of a bench file -> module that builds its virtual counterpart
_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "agilent33500": "sim_backend.instruments.agilent33500_models",
        "b1500": "sim_backend.instruments.b1500",
        "crossbar": "sim_backend.instruments.switch",
        "keysight81160a": "sim_backend.instruments.keysight81160a",
        "keysightdsox": "sim_backend.instruments.keysightdsox",
        "keithley2400": "sim_backend.instruments.keithley2400_models",
        "keithley2450": "sim_backend.instruments.keithley2450_models",
        "keithley2600": "sim_backend.instruments.keithley2600_models",
        "keithley4200": "sim_backend.instruments.keithley4200",
        "keithley3706a": "sim_backend.instruments.switch",
        "keithley707b": "sim_backend.instruments.switch",
        "lakeshore": "sim_backend.instruments.lakeshore",
        "ldp3811": "sim_backend.instruments.light_source",
        "sentio": "sim_backend.instruments.sentio",
        "velox": "sim_backend.instruments.velox",
        "wgfmu": "sim_backend.instruments.wgfmu",
    }
)

#: those that move the wafer under the needles
_PROBERS = frozenset({"sentio", "velox"})
#: those that stand between channels and the device
_SWITCHES = frozenset({"crossbar", "keithley3706a", "keithley707b"})


class Bay(NamedTuple):
    """The place of one instrument in the laboratory, and what it finds there."""

    name: str  #: in the bench file
    driver: str
    model: str
    options: Mapping[str, Any]  #: the other keys of its section
    clock: Clock
    fixture: Fixture  #: where the device is
    serial: str
    line_frequency: float  #: of the mains, Hz
    #: electronics of a channel, over the terminal wired to it or over air
    meter: Callable[[str, ChannelSpec], SourceMeter]
    needles: Needles | None = None  #: what a prober moves; None without one
    board: Patchboard | None = None  #: what a switch joins; None without one
    #: puts a drive on the terminal wired to a channel, or on air; returns where it is
    plug: Callable[[str, Drive], Fixture] | None = None
    seed: str = "0"  #: of errors and noise that are the instrument's own
    session: int = 0  #: number of times the laboratory was opened: noise differs, errors stay
    ideal: bool = True  #: without errors and noise


def has_prober(bench: Mapping[str, Any]) -> bool:
    """Whether an instrument of a bench file moves the wafer under the needles."""
    return any(row.get("driver") in _PROBERS for row in bench.get("instruments", {}).values())


def patchboard(bench: Mapping[str, Any], fixture: Fixture) -> Patchboard | None:
    """Return what the switch of a bench file joins, put before the device; None without a switch.

    Raises
    ------
    BadInput
        There are two switches, or the wiring of one is wrong.
    """
    found = {
        name: section
        for name, section in bench.get("instruments", {}).items()
        if section.get("driver") in _SWITCHES
    }
    if len(found) > 1:
        raise BadInput(
            f"the switches {', '.join(found)} are on one bench; a virtual bench has one, so put "
            "all cards into the same mainframe"
        )
    for name, section in found.items():
        made = importlib.import_module(_MODULES[section["driver"]]).patchboard
        return cast("Patchboard", made(name, section, fixture))
    return None


def build(bay: Bay, where: str) -> Reporting:
    """Return the virtual instrument for a place.

    Parameters
    ----------
    bay
        What the bench file says of it, and its surroundings.
    where
        File and section, for an error.

    Raises
    ------
    BadInput
        The driver or the model has no virtual counterpart.
    """
    if bay.driver not in _MODULES:
        raise BadInput(
            f"{where} has the driver {bay.driver}, which has no virtual counterpart; there are "
            f"{', '.join(_MODULES)}"
        )
    module = importlib.import_module(_MODULES[bay.driver])
    if bay.model not in module.MODELS:
        raise BadInput(
            f'{where} has the model "{bay.model}", which has no virtual counterpart; of '
            f"{bay.driver} there are {', '.join(module.MODELS)}"
        )
    return cast("Reporting", module.build(bay))
