"""A short circuit: two probes on one pad, for checking an instrument.

    I = V / R

with the resistance R of the contacts; it is a resistor by another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import Field

from labctl.units import Ohm, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.resistor import Resistor, ResistorInitial, ResistorParameters

__all__ = ["FAMILY", "ShortParameters"]


class ShortParameters(Conditions):
    """The numbers of a short circuit."""

    resistance: Annotated[Ohm, Gt(0)] = Field(description="resistance of the contacts")
    threshold: Annotated[Volt, Ge(0)] = Field(
        0.3, description="voltage above which an excursion is counted; it does nothing else"
    )


def _build(
    parameters: ShortParameters, initial: ResistorInitial, account: Mapping[str, Any]
) -> Resistor:
    ohmic = ResistorParameters(
        conductance=1.0 / parameters.resistance, threshold=parameters.threshold
    )
    return Resistor(ohmic, initial, account)


FAMILY = Family(
    name="short",
    title="Short circuit",
    summary="The contact resistance of two probes on one pad, for checking an instrument.",
    parameters=ShortParameters,
    initial=ResistorInitial,
    build=_build,
)
