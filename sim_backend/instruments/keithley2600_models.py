"""The virtual Series 2600B on the roster."""

from __future__ import annotations

from sim_backend.instruments.keithley26_family import MODELS, Model
from sim_backend.instruments.keithley2600 import Keithley2600
from sim_backend.roster import Bay

__all__ = ["MODELS", "Model", "build"]


def build(bay: Bay) -> Keithley2600:
    """Return the instrument of a place in the laboratory."""
    model = MODELS[bay.model]
    return Keithley2600(
        model=bay.model,
        channels={letter: bay.meter(letter, model.spec) for letter in model.channels},
        clock=bay.clock,
        serial=bay.serial,
        line_frequency=bay.line_frequency,
    )
