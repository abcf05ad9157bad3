"""The numbers of a filamentary RRAM cell (`sim_backend.devices.rram`)."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.units import Kelvin, Ohm, Ratio, Second, Unit, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.parts import wear

__all__ = ["Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]
PerOhmSecond = Annotated[float, Unit("1/(Ohm s)")]
OhmPerVolt = Annotated[float, Unit("Ohm/V")]


class Parameters(wear.Wear):
    """The numbers of a cell; see the equations of `sim_backend.devices.rram`."""

    r_on: Annotated[Ohm, Gt(0)] = Field(description="lowest resistance that SET goes to")
    r_off: Annotated[Ohm, Gt(0)] = Field(description="highest resistance that RESET goes to")
    set_rate: Annotated[PerOhmSecond, Gt(0)] = Field(description="factor A of SET")
    set_scale: Volt = Field(description="voltage t of SET; negative: the rate saturates")
    set_a0: Ohm = Field(description="bound of SET at 0 V")
    set_a1: OhmPerVolt = Field(description="bound of SET, slope")
    reset_rate: Annotated[PerOhmSecond, Gt(0)] = Field(description="factor A of RESET")
    reset_scale: Volt = Field(description="voltage t of RESET; negative: it saturates")
    reset_a0: Ohm = Field(description="bound of RESET at 0 V")
    reset_a1: OhmPerVolt = Field(description="bound of RESET, slope against the signed voltage")
    threshold: Annotated[Volt, Ge(0)] = Field(description="below it nothing moves")
    iv_scale: Annotated[Volt, Gt(0)] = Field(description="voltage V0 of the sinh law")
    iv_factor: Annotated[Ratio, Gt(0)] = Field(description="conductance at 0 V times R")
    set_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of ln R after SET"
    )
    reset_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of ln R after RESET"
    )
    set_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of a device's median ln R after SET"
    )
    reset_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of a device's median ln R after RESET"
    )
    pristine: Annotated[Ohm, Gt(0)] = Field(description="resistance before forming")
    formed_r: Annotated[Ohm, Gt(0)] = Field(description="resistance just after forming")
    retention: Annotated[Second, Gt(0)] = Field(description="time in which LRS goes to HRS")
    retention_energy: Annotated[ElectronVolt, Ge(0)] = Field(description="its activation energy")
    retention_temperature: Annotated[Kelvin, Gt(0)] = Field(description="temperature of that time")
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative standard deviation per decade of 1/f noise, at r_on"
    )
    noise_power: Annotated[Ratio, Ge(0)] = Field(
        description="exponent with which the read noise grows with R / r_on"
    )


class Initial(Conditions):
    """How a fresh cell begins."""

    resistance: Annotated[Ohm, Gt(0)] = Field(description="resistance of a formed cell")
    formed: Annotated[Ratio, Ge(0), Le(1)] = Field(1.0, description="1: formed; 0: pristine")
