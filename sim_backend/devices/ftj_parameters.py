"""The numbers of a tunnel junction (see `sim_backend.devices.ftj`); rates at a temperature."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.units import Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions
from sim_backend.devices.ftj_kinetics import PARAMETERS, STILL
from sim_backend.devices.model import Array

__all__ = ["Initial", "Parameters", "rates_of"]

ElectronVolt = Annotated[float, Unit("eV")]
PerVoltSquared = Annotated[float, Unit("1/V2")]

_KELVIN = 1.380649e-23 / 1.602176634e-19  # eV/K
_LEAST_LOSS = 1e-200  # 1/s; in the cold there is none
_RESONANCE = 1e-5


class Parameters(Conditions):
    """The numbers of a junction; see the family's equations."""

    u: Annotated[Ratio, Gt(0)] = Field(description="writing of v1 and v2 in a reference pulse")
    uz: Annotated[Ratio, Gt(0)] = Field(description="writing of z in a reference pulse")
    m1p: Annotated[Ratio, Gt(0)] = Field(description="largest v1 under a positive voltage, ln G")
    m2p: Annotated[Ratio, Gt(0)] = Field(description="largest v2 under a positive voltage, ln G")
    m1n: Annotated[Ratio, Gt(0)] = Field(description="largest -v1 under a negative voltage, ln G")
    m2n: Annotated[Ratio, Gt(0)] = Field(description="largest -v2 under a negative voltage, ln G")
    mzn: Annotated[Ratio, Gt(0)] = Field(description="largest -z under a negative voltage, ln G")
    t1: Annotated[Second, Gt(0)] = Field(description="relaxation of v1")
    t2p: Annotated[Second, Gt(0)] = Field(description="relaxation of v2 while positive")
    t2n: Annotated[Second, Gt(0)] = Field(description="relaxation of v2 while negative")
    tz: Annotated[Second, Gt(0)] = Field(description="relaxation of z")
    tc: Annotated[Second, Gt(0)] = Field(description="time in which the trace c follows")
    ts: Annotated[Second, Gt(0)] = Field(description="time in which a voltage is screened")
    vd: Annotated[Volt, Gt(0)] = Field(description="voltage that speeds writing e-fold")
    vp: Annotated[Volt, Gt(0)] = Field(description="voltage that speeds lasting growth e-fold")
    creep: Annotated[Volt, Ge(0)] = Field(
        0.9, description="below it all is written ever more slowly"
    )
    vc: Annotated[Volt, Gt(0)] = Field(
        0.07, description="voltage that slows writing e-fold below creep"
    )
    e0: Annotated[Ratio, Ge(0)] = Field(description="lasting growth without a trace")
    ka: Annotated[Ratio, Ge(0)] = Field(description="lasting growth linear in the trace")
    al: Annotated[Ratio, Ge(0)] = Field(description="lasting growth quadratic in the trace")
    lam: Annotated[Ratio, Ge(0)] = Field(description="repulsion by the pile-up z")
    gmin: Annotated[Siemens, Gt(0)] = Field(description="conductance at p = 0, relaxed")
    gmax: Annotated[Siemens, Gt(0)] = Field(description="conductance at p = 1, relaxed")
    threshold: Annotated[Volt, Gt(0)] = Field(
        description="below it relaxation only, and direct tunnelling in the high state"
    )
    width: Annotated[Second, Gt(0)] = Field(description="width w0 of the reference pulse")
    amplitude: Annotated[Volt, Gt(0)] = Field(description="amplitude of the reference pulse")
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of all times given")
    energy_fast: Annotated[ElectronVolt, Ge(0)] = Field(description="activation energy of t1")
    energy_slow: Annotated[ElectronVolt, Ge(0)] = Field(description="that of t2p, t2n and tz")
    tp: Annotated[Second, Gt(0)] = Field(
        1e10, description="relaxation of a small lasting polarisation"
    )
    bp: Annotated[Ratio, Gt(0)] = Field(
        6.0, description="how much faster a full polarisation decays, as an exponent"
    )
    energy_lasting: Annotated[ElectronVolt, Ge(0)] = Field(
        1.0, description="activation energy of tp"
    )
    curve: Annotated[PerVoltSquared, Ge(0)] = Field(
        1.0, description="direct tunnelling: I = G (V + curve V^3)"
    )
    fowler: Annotated[Volt, Ge(0)] = Field(
        0.2, description="Fowler-Nordheim tunnelling: I ~ V^2 exp(-fowler / V)"
    )
    cross: Annotated[Siemens, Gt(0)] = Field(
        1.3e-3, description="conductance at which tunnelling and emission carry alike"
    )
    steep: Annotated[Ratio, Ge(0)] = Field(
        10.0, description="how sharply they take turns, per unit of ln G"
    )
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the factor on an excursion's rates"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of each parameter"
    )
    endurance: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="excursions after which half of the domains are pinned; 0 for never"
    )
    flicker: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise of the conductance, relative, of each decade of frequency"
    )
    flicker_fast: Annotated[Second, Gt(0)] = Field(10e-6, description="its shortest period")
    flicker_slow: Annotated[Second, Gt(0)] = Field(1e3, description="its longest period")
    telegraph: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="relative height of a random telegraph noise"
    )
    capture: Annotated[Second, Gt(0)] = Field(50e-3, description="its mean time in the high state")
    emission: Annotated[Second, Gt(0)] = Field(50e-3, description="its mean time in the low state")


class Initial(Conditions):
    """How a fresh junction begins: relaxed."""

    conductance: Annotated[Siemens, Gt(0)] = Field(description="conductance to begin with")


def rates_of(drawn: Array, shared: Parameters, temperature: float) -> Array:
    """Return the rates of junctions at a temperature.

    Parameters
    ----------
    drawn
        What each junction has of its own, in the order of `PARAMETERS`, shape (21, devices).
    shared
        What all of them share.
    temperature
        K.

    Returns
    -------
    ndarray
        In the order of `Rates`, shape (32, devices).
    """
    own = dict(zip(PARAMETERS, drawn, strict=True))
    inverse = 1 / temperature - 1 / shared.reference
    fast, slow, lasting = (
        np.exp(-energy / _KELVIN * inverse)
        for energy in (shared.energy_fast, shared.energy_slow, shared.energy_lasting)
    )
    rc = 1 / own["tc"]
    relaxations = [
        _apart(rate, rc)
        for rate in (fast / own["t1"], slow / own["t2p"], slow / own["t2n"], slow / own["tz"])
    ]
    per_pulse = [own[name] / shared.width for name in ("e0", "ka", "al")]
    loss = max(lasting / shared.tp, _LEAST_LOSS)
    common = (
        shared.amplitude, loss, shared.bp, STILL / (loss * np.exp(shared.bp)), shared.threshold,
        shared.curve, shared.fowler, np.log(shared.cross), shared.steep, shared.creep, shared.vc,
    )  # fmt: skip
    return np.array(
        [
            own["u"] / shared.width, own["uz"] / shared.width,
            own["m1p"], own["m2p"], own["m1n"], own["m2n"], own["mzn"],
            *relaxations, rc, own["ts"], own["vd"], own["vp"], *per_pulse, own["lam"],
            np.log(own["gmin"]), np.log(own["gmax"] / own["gmin"]),
            *(np.full(drawn.shape[1], value) for value in common),
        ]
    )  # fmt: skip


def _apart(rate: Array, trace: Array) -> Array:
    """Return rates that differ from those of c by at least the resonance distance."""
    return np.where(np.abs(rate - trace) < _RESONANCE * trace, trace * (1 + _RESONANCE), rate)
