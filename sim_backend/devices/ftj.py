"""A ferroelectric tunnel junction: one state model for the synapse of Nie et al. (2025).

State: p, the lasting polarisation (0 to 1); v1, polarisation that switches back; v2, oxygen
vacancies that diffuse back; z, their slow pile-up; c, the trace that the unrelaxed part leaves.
v1, v2, z are signed lowerings of the barrier, in units of ln G::

    G     = Gmin (Gmax / Gmin)^p exp(v1 + v2 + z)
    dc/dt = (v1 + v2 - lam z - c) / tc

    |V| <= 0.3 V: relaxation only. Above, with X = exp((|V| - 1 V) / vd), Y = exp((|V| - 1 V) / vp):

    dvi/dt = (u X / w0) (+m_ip or -m_in - vi) - vi / ti              i = 1, 2
    dz/dt  = (uz X / w0) (+1 or -mzn - z) - z / tz
    V > 0:  dp/dt =  (Y / w0) max(0, e0 + ka c + al c^2) (1 - p)
    V < 0:  dp/dt = -(X / w0) al c^2 p

t1 is activated with 0.23 eV, t2 and tz with 0.70 eV; t2 is t2p while v2 > 0, t2n while v2 < 0; p
does not decay. The barrier changes are additive and the tunnelling current is exponential in them.
p, vp: cooperative growth of domains. m: finite switchable area and mobile charge. c^2: domains
written on top of unrelaxed ones stay, whichever the sign of the residue. ka c: vacancies at the
right interface help. -lam z: the pile-up repels further lasting switching.

The current is G V at every voltage. (The source finds direct tunnelling up to 0.3 V and
Fowler-Nordheim tunnelling above; that curvature is not modelled, so a conductance read inside a
pulse is the same quantity as one read at 0.1 V.) An excursion begins where the voltage
passes the threshold and ends where it has come back below nine tenths of it; the cycle-to-cycle
variation is one factor on all rates for each.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Kelvin, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.ftj_kinetics import PARAMETERS, VARIABLES, Junction
from sim_backend.devices.ftj_kinetics import Conditions as Shared
from sim_backend.devices.model import (
    TALLY,
    Array,
    Levels,
    Piece,
    State,
    Stream,
    ends,
    released,
    repeat_plainly,
    spread,
)

__all__ = ["FAMILY", "Initial", "Parameters", "TunnelJunction"]

ElectronVolt = Annotated[float, Unit("eV")]

_FIRST = len(TALLY)
_LAST = _FIRST + len(VARIABLES)
_MOST_READY = 16  # temperatures for which kinetics are kept


class Parameters(Conditions):
    """The numbers of a junction; see the module's equations."""

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
    vd: Annotated[Volt, Gt(0)] = Field(description="voltage that speeds writing e-fold")
    vp: Annotated[Volt, Gt(0)] = Field(description="voltage that speeds lasting growth e-fold")
    e0: Annotated[Ratio, Ge(0)] = Field(description="lasting growth without a trace")
    ka: Annotated[Ratio, Ge(0)] = Field(description="lasting growth linear in the trace")
    al: Annotated[Ratio, Ge(0)] = Field(description="lasting growth quadratic in the trace")
    lam: Annotated[Ratio, Ge(0)] = Field(description="repulsion by the pile-up z")
    gmin: Annotated[Siemens, Gt(0)] = Field(description="conductance at p = 0, relaxed")
    gmax: Annotated[Siemens, Gt(0)] = Field(description="conductance at p = 1, relaxed")
    threshold: Annotated[Volt, Ge(0)] = Field(description="below it there is relaxation only")
    width: Annotated[Second, Gt(0)] = Field(description="width w0 of the reference pulse")
    amplitude: Annotated[Volt, Gt(0)] = Field(description="amplitude of the reference pulse")
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of all times given")
    energy_fast: Annotated[ElectronVolt, Ge(0)] = Field(description="activation energy of t1")
    energy_slow: Annotated[ElectronVolt, Ge(0)] = Field(description="that of t2p, t2n and tz")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the factor on an excursion's rates"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: standard deviation of the logarithm of each parameter"
    )


class Initial(Conditions):
    """How a fresh junction begins: relaxed."""

    conductance: Annotated[Siemens, Gt(0)] = Field(description="conductance to begin with")


class TunnelJunction:
    """Any number of junctions; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all junctions before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The initial conductance is not one that a relaxed junction can have.
    """

    terminals = ("top", "bottom")
    _names = (*TALLY, *VARIABLES, "excursion", "factor")

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        self.parameters = parameters
        self.initial = initial
        self.threshold = parameters.threshold
        self._account = dict(account)
        self._shared = Shared(
            parameters.width, parameters.amplitude, parameters.reference,
            parameters.energy_fast, parameters.energy_slow,
        )  # fmt: skip
        if not parameters.gmin <= initial.conductance <= parameters.gmax:
            raise BadInput(
                f"a junction of {initial.conductance:g} S was asked for; relaxed it has "
                f"{parameters.gmin:g} S to {parameters.gmax:g} S"
            )

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make relaxed junctions, all of the initial conductance."""
        values = np.zeros((len(self._names), devices))
        drawn = self._drawn(devices, stream if spread else None, first)
        state = State(self._names, values, drawn, first)
        for device, junction in enumerate(self._junctions(state, self.parameters.reference)):
            share = junction.relaxed(self.initial.conductance)
            values[_FIRST, device] = min(1.0, max(0.0, share))
        return state

    def _drawn(self, devices: int, stream: Stream | None, first: int) -> Array:
        nominal = [getattr(self.parameters, name) for name in PARAMETERS]
        return spread(nominal, self.parameters.device_sigma, devices, stream, first)

    def _junctions(self, state: State, temperature: float) -> list[Junction]:
        """Return the kinetics of every junction at a temperature, made once."""
        found: list[Junction] | None = state.ready.get(temperature)
        if found is None:
            if len(state.ready) >= _MOST_READY:
                state.ready.clear()
            columns = state.parameters.T.tolist()
            found = [Junction(column, self._shared, temperature) for column in columns]
            state.ready[temperature] = found
        return found

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all junctions through straight levels; returns C into each terminal."""
        top, bottom = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        pieces = _pieces(top[0] - bottom[0], top[1] - bottom[1], duration, self.threshold)
        charges = []
        for device, junction in enumerate(self._junctions(state, temperature)):
            row = state.values[:, device].tolist()
            number = state.first + device
            charge = self._pass(row, number, junction, pieces, stream) if duration > 0 else 0.0
            state.values[:, device] = row
            charges.append(charge)
        return np.array([charges, [-charge for charge in charges]])

    def _pass(
        self,
        row: list[float],
        device: int,
        junction: Junction,
        pieces: list[tuple[float, float, float]],
        stream: Stream | None,
    ) -> float:
        """Take one junction, its tally first in the row, through straight pieces; returns C."""
        s, total = row[_FIRST:_LAST], 0.0
        positive, negative, side, passed, throughput, peak, *_ = row
        excursion, factor = row[_LAST], row[_LAST + 1]
        for first, last, length in pieces:
            if max(abs(first), abs(last)) <= self.threshold:
                side = 0.0 if released(first, last, self.threshold) else side
                charge = junction.rest(s, first, last, length)
            else:
                sign = 1.0 if first + last > 0 else -1.0
                if sign != side:
                    side, excursion = sign, excursion + 1
                    positive, negative = positive + (sign > 0), negative + (sign < 0)
                    factor = self._factor(device, int(excursion), stream)
                charge = junction.excite(s, first, last, length, factor)
            peak = max(peak, abs(first), abs(last))
            total += charge
            throughput += abs(charge)
        row[:] = (
            positive, negative, side, passed + total, throughput, peak, *s, excursion, factor,
        )  # fmt: skip
        return total

    def _factor(self, device: int, excursion: int, stream: Stream | None) -> float:
        """Return the factor on all rates of one excursion."""
        if stream is None:
            return 1.0
        return max(0.0, 1.0 + self.parameters.cycle_sigma * stream.normal(device, excursion))

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all junctions through the same pieces `count` times, one after another."""
        return repeat_plainly(self, state, pieces, count, temperature, stream)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal at constant levels, A."""
        voltage = levels.get("top", 0.0) - levels.get("bottom", 0.0)
        currents = [g * voltage for g in self._conductances(state)]
        return np.array([currents, [-i for i in currents]])

    def conductance(self, state: State) -> Array:
        """Return the conductances, S."""
        return np.array(self._conductances(state))

    def _conductances(self, state: State) -> list[float]:
        columns = state.values[_FIRST:_LAST].T.tolist()
        junctions = self._junctions(state, self.parameters.reference)
        return [junction.conductance(s) for junction, s in zip(junctions, columns, strict=True)]

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


def _pieces(
    first: float, last: float, duration: float, threshold: float
) -> list[tuple[float, float, float]]:
    """Cut a straight line where it passes a threshold: (first, last, duration) of each part."""
    if first == last:
        return [(first, last, duration)]
    shares = sorted(
        share
        for share in ((edge - first) / (last - first) for edge in {threshold, -threshold})
        if 0 < share < 1
    )
    levels = [min((threshold, -threshold), key=lambda e: abs(first + (last - first) * x - e))
              for x in shares]  # fmt: skip
    points = [(0.0, first), *zip(shares, levels, strict=True), (1.0, last)]
    return [(a, b, (end - start) * duration) for (start, a), (end, b) in itertools.pairwise(points)]


FAMILY = Family(
    name="ftj",
    title="Ferroelectric tunnel junction",
    summary=(
        "Lasting polarisation and three volatile lowerings of the barrier; lasting switching is "
        "second order, through the trace that the volatile part leaves. I = G V at every voltage."
    ),
    parameters=Parameters,
    initial=Initial,
    build=TunnelJunction,
)
