"""The models of the virtual 2450 family.

In a bench file the terminals of such an instrument are its channels ``front`` and ``rear``::

    [terminals]
    top = "smu.front"
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from labctl.errors import BadInput
from sim_backend.instruments import (
    keithley2450,
    keithley2450_2460,
    keithley2450_2461,
    keithley2450_2470,
)
from sim_backend.instruments.keithley2450_instrument import Keithley2450
from sim_backend.instruments.keithley2450_specification import Model
from sim_backend.roster import Bay

__all__ = ["MODELS", "build"]

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            keithley2450.MODEL, keithley2450_2460.MODEL, keithley2450_2461.MODEL,
            keithley2450_2470.MODEL,
        )
    }
)  # fmt: skip


def build(bay: Bay) -> Keithley2450:
    """Return the instrument of a place in the laboratory.

    Raises
    ------
    BadInput
        Its command set (the key ``language``) is not one of the model's.
    """
    model = MODELS[bay.model]
    language = str(bay.options.get("language", "SCPI"))
    if language not in model.languages:
        raise BadInput(
            f'the instrument {bay.name} has the language "{language}"; a virtual {bay.model} '
            f"speaks {', '.join(model.languages)}"
        )
    return Keithley2450(
        model,
        {"FRON": bay.meter("front", model.spec), "REAR": bay.meter("rear", model.spec)},
        bay.clock,
        serial=bay.serial,
        line_frequency=bay.line_frequency,
        language=language,
    )
