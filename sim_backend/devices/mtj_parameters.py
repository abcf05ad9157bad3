"""The numbers of `sim_backend.devices.mtj`."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.units import Kelvin, Ohm, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.parts.wear import Wear

__all__ = ["Initial", "Parameters"]

PerKelvin = Annotated[float, Unit("1/K")]


class Parameters(Wear):
    """The numbers of a junction."""

    junctions: Annotated[Ratio, Ge(1), Le(256)] = Field(1.0, description="junctions in parallel")
    stability: Annotated[Ratio, Gt(0)] = Field(description="Delta, barrier over k T")
    critical: Annotated[Volt, Gt(0)] = Field(description="voltage Vc that takes the barrier away")
    attempt: Annotated[Second, Gt(0)] = Field(description="attempt time tau0")
    precession: Annotated[Second, Gt(0)] = Field(
        description="time taup of switching at twice the critical voltage"
    )
    exponent: Annotated[Ratio, Ge(1), Le(2)] = Field(description="n in the barrier (1 - V/Vc)^n")
    resistance: Annotated[Ohm, Gt(0)] = Field(description="of one junction, parallel")
    ratio: Annotated[Ratio, Gt(0)] = Field(description="tunnel magnetoresistance at zero voltage")
    half: Annotated[Volt, Gt(0)] = Field(description="voltage that halves the magnetoresistance")
    ratio_slope: Annotated[PerKelvin, Ge(0)] = Field(
        0.0, description="relative loss of the magnetoresistance per kelvin"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(300.0, description="temperature of the numbers")
    threshold: Annotated[Volt, Gt(0)] = Field(
        description="voltage above which an excursion is counted; it does nothing else"
    )
    broken: Annotated[Siemens, Ge(0)] = Field(5e-3, description="conductance after breakdown")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: relative spread of the critical voltage, besides chance"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="device-to-device: sigma of the logarithm of Vc, Delta, R and TMR"
    )
    read_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise: relative standard deviation per decade of frequency"
    )


class Initial(Conditions):
    """How a fresh device begins."""

    parallel: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.0, description="share of its junctions that are parallel"
    )
