"""An open circuit: what is left between two probes that touch nothing, for checking an instrument.

    I = V / R + C dV/dt

with the insulation R and the stray capacitance C; it is a resistor by another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import Field

from labctl.units import Farad, Ohm, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.resistor import Resistor, ResistorInitial, ResistorParameters

__all__ = ["FAMILY", "OpenParameters"]


class OpenParameters(Conditions):
    """The numbers of an open circuit."""

    insulation: Annotated[Ohm, Gt(0)] = Field(description="resistance of the insulation")
    capacitance: Annotated[Farad, Ge(0)] = Field(description="stray capacitance")
    threshold: Annotated[Volt, Ge(0)] = Field(
        0.3, description="voltage above which an excursion is counted; it does nothing else"
    )


def _build(
    parameters: OpenParameters, initial: ResistorInitial, account: Mapping[str, Any]
) -> Resistor:
    ohmic = ResistorParameters(
        conductance=1.0 / parameters.insulation,
        capacitance=parameters.capacitance,
        threshold=parameters.threshold,
    )
    return Resistor(ohmic, initial, account)


FAMILY = Family(
    name="open",
    title="Open circuit",
    summary="Insulation and stray capacitance between two open probes, for checking an instrument.",
    parameters=OpenParameters,
    initial=ResistorInitial,
    build=_build,
)
