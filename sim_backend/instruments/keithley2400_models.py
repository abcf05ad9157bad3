"""The models of the virtual Series 2400.

In a bench file the terminals of such an instrument are its channels ``front`` and ``rear``::

    [terminals]
    top = "smu.front"
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim_backend.instruments import keithley2400, keithley2410, keithley2420, keithley2430
from sim_backend.instruments.keithley2400_instrument import Keithley2400
from sim_backend.instruments.keithley2400_specification import Model
from sim_backend.roster import Bay

__all__ = ["MODELS", "build"]

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            keithley2400.MODEL, keithley2410.MODEL, keithley2420.MODEL, keithley2430.MODEL,
        )
    }
)  # fmt: skip


def build(bay: Bay) -> Keithley2400:
    """Return the instrument of a place in the laboratory."""
    model = MODELS[bay.model]
    return Keithley2400(
        model,
        {"FRON": bay.meter("front", model.spec), "REAR": bay.meter("rear", model.spec)},
        bay.clock,
        serial=bay.serial,
        line_frequency=bay.line_frequency,
    )
