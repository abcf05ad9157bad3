"""The numbers of `sim_backend.devices.pcm`."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.units import Kelvin, Ohm, Ratio, Second, Siemens, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.parts import wear

__all__ = ["Initial", "Parameters"]


class Parameters(wear.Wear):
    """The numbers of a phase-change cell; see the equations of `sim_backend.devices.pcm`."""

    g_max: Annotated[Siemens, Gt(0)] = Field(
        description="conductance of the crystal, at drift_time"
    )
    window: Annotated[Ratio, Gt(1)] = Field(description="conductance of crystal over that of glass")
    iv_scale: Annotated[Volt, Gt(0)] = Field(description="voltage V0 of the glass's sinh law")
    r_on: Annotated[Ohm, Gt(0)] = Field(description="resistance above the threshold: the heater")
    threshold: Annotated[Volt, Gt(0)] = Field(description="above it the glass is switched on")
    melting_voltage: Annotated[Volt, Gt(0)] = Field(description="voltage that melts at 300 K")
    melting: Annotated[Kelvin, Gt(300)] = Field(description="melting temperature")
    full: Annotated[Kelvin, Gt(300)] = Field(description="temperature at which all is molten")
    melting_time: Annotated[Second, Gt(0)] = Field(description="time of melting")
    residue: Annotated[Ratio, Ge(0), Le(1)] = Field(
        description="crystalline share after full RESET"
    )
    optimum: Annotated[Kelvin, Gt(0)] = Field(description="temperature of fastest crystallisation")
    width_temperature: Annotated[Kelvin, Gt(0)] = Field(description="half width W of its peak")
    width: Annotated[Second, Gt(0)] = Field(description="width w0 of the reference SET pulse")
    step: Annotated[Ratio, Gt(0)] = Field(description="step s of a SET pulse near full SET")
    curve: Annotated[Ratio, Ge(0)] = Field(description="factor A of the first steps")
    steepness: Annotated[Ratio, Gt(0)] = Field(description="constant c of the first steps")
    drift_time: Annotated[Second, Gt(0)] = Field(description="time t0 at which g is as written")
    drift_from: Annotated[Second, Gt(0)] = Field(
        description="time tc from which drift is described"
    )
    drift_slope: Ratio = Field(description="mean drift exponent: change with ln g")
    drift_offset: Ratio = Field(description="mean drift exponent at g = 1")
    drift_min: Annotated[Ratio, Ge(0)] = Field(description="least mean drift exponent")
    drift_max: Annotated[Ratio, Ge(0)] = Field(description="greatest mean drift exponent")
    drift_sd_slope: Ratio = Field(description="cycle-to-cycle: spread of the exponent with ln g")
    drift_sd_offset: Ratio = Field(description="cycle-to-cycle: spread of the exponent at g = 1")
    drift_sd_min: Annotated[Ratio, Ge(0)] = Field(description="least spread of the exponent")
    drift_sd_max: Annotated[Ratio, Ge(0)] = Field(description="greatest spread of the exponent")
    drift_scale: Annotated[Ratio, Gt(0)] = Field(description="factor on all drift exponents")
    drift_cold_high: Annotated[Ratio, Ge(0), Le(1)] = Field(
        description="share of the exponent left at 0 K, HRS"
    )
    drift_cold_low: Annotated[Ratio, Ge(0), Le(1)] = Field(
        description="share of the exponent left at 0 K, LRS"
    )
    write_constant: Ratio = Field(description="cycle-to-cycle: programming error at g = 0")
    write_linear: Ratio = Field(description="its change with g")
    write_square: Ratio = Field(description="its change with g squared")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: relative standard deviation of a SET step, not below no step"
    )
    step_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the step"
    )
    g_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of g_max"
    )
    drift_device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of the exponents"
    )
    noise_scale: Annotated[Ratio, Ge(0)] = Field(
        description="read noise in units of the published amplitude min(0.0088 / g^0.65, 0.2)"
    )


class Initial(Conditions):
    """How a fresh cell begins: just written."""

    crystalline: Annotated[Ratio, Ge(0), Le(1)] = Field(description="crystalline share")
