"""The numbers of an ECRAM; the equations they stand in are those of `sim_backend.devices.ecram`."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Lt
from pydantic import Field

from labctl.units import Coulomb, Farad, Kelvin, Ohm, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.parts.wear import Life

__all__ = ["Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]


class Parameters(Life):
    """The numbers of an ECRAM; see `sim_backend.devices.ecram`."""

    gmin: Annotated[Siemens, Gt(0)] = Field(description="conductance at the least weight, rested")
    gmax: Annotated[Siemens, Gt(0)] = Field(description="conductance at the largest weight, rested")
    step: Annotated[Ohm, Ge(0)] = Field(description="r that a reference spike adds, from rest")
    ceiling: Annotated[Ohm, Gt(0)] = Field(description="largest magnitude of r, rmax")
    tau: Annotated[Second, Gt(0)] = Field(description="decay of r")
    spike_amplitude: Annotated[Volt, Gt(0)] = Field(description="V0 of the reference spike")
    spike_width: Annotated[Second, Gt(0)] = Field(description="t0 of the reference spike")
    spike_scale: Annotated[Volt, Gt(0)] = Field(description="v0, voltage scale of the spike's law")
    weight_min: Annotated[Ratio, Lt(0)] = Field(description="least weight")
    weight_max: Annotated[Ratio, Gt(0)] = Field(description="largest weight")
    up: Annotated[Ratio, Ge(0)] = Field(description="w that a reference write adds at w = 0")
    down: Annotated[Ratio, Ge(0)] = Field(description="w that its negative takes at w = 0")
    slope_up: Annotated[Ratio, Gt(0), Lt(1)] = Field(
        description="gamma+, fall of the step up to wmax"
    )
    slope_down: Annotated[Ratio, Gt(0), Lt(1)] = Field(
        description="gamma-, fall of the step down to wmin"
    )
    write_amplitude: Annotated[Volt, Gt(0)] = Field(description="Vw of the reference write")
    write_width: Annotated[Second, Gt(0)] = Field(description="tw of the reference write")
    write_scale: Annotated[Volt, Gt(0)] = Field(description="vw, voltage scale of writing")
    retention: Annotated[Second, Ge(0)] = Field(
        description="decay of w to 0 (gate at ground); 0 for none"
    )
    capacitance: Annotated[Farad, Ge(0)] = Field(description="of the gate stack")
    ions: Annotated[Coulomb, Ge(0)] = Field(description="charge of the ions in a reference spike")
    leak: Annotated[Siemens, Ge(0)] = Field(description="electronic leak of the gate")
    threshold: Annotated[Volt, Ge(0)] = Field(
        description="gate voltage above which an event is counted"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of all times given")
    energy_volatile: Annotated[ElectronVolt, Ge(0)] = Field(
        description="activation energy of tau and of writing r"
    )
    energy_lasting: Annotated[ElectronVolt, Ge(0)] = Field(
        description="activation energy of writing w and of its retention"
    )
    spike_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the factor on an event's change of r"
    )
    write_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: the same of w; beyond 1 some steps go the wrong way"
    )
    step_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: sigma of the logarithm of step, up and down"
    )
    bound_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of the bounds of w"
    )
    slope_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of both slopes"
    )
    tau_spread: Annotated[Ratio, Ge(0)] = Field(description="device-to-device: the same of tau")
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative, of each decade of its 1/f spectrum"
    )


class Initial(Conditions):
    """How a fresh device begins: rested, r = 0."""

    conductance: Annotated[Siemens, Gt(0)] = Field(description="conductance to begin with")
