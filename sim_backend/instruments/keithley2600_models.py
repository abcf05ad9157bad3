"""The models of the virtual Series 2600B: what distinguishes one from another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.instruments import keithley2602b
from sim_backend.instruments.keithley2600 import Keithley2600
from sim_backend.instruments.specification import ChannelSpec
from sim_backend.roster import Bay

__all__ = ["MODELS", "Model", "build"]


class Model(NamedTuple):
    """One model."""

    spec: ChannelSpec  #: electronics of each channel
    channels: tuple[str, ...]  #: their letters


MODELS: Mapping[str, Model] = MappingProxyType({"2602B": Model(keithley2602b.SPEC, ("a", "b"))})


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
