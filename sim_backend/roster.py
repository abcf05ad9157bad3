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
from sim_backend.faults import Reporting
from sim_backend.fixture import Fixture
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["Bay", "build"]

#: driver of a bench file -> module that builds its virtual counterpart
_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "keithley2400": "sim_backend.instruments.keithley2400_models",
        "keithley2600": "sim_backend.instruments.keithley2600_models",
    }
)


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
