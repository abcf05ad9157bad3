"""A ferroelectric capacitor: a film of (Hf,Zr)O2 between two electrodes.

The charge that goes in is that of the polarisation, of the linear capacitance and of the leakage::

    Q = A P + C V + integral of the leakage        P = Ps m(n) (2 up - 1)

so a loop of charge against voltage and a PUND sequence are measured from the current, as on a real
sample. How the domains switch is in `sim_backend.devices.hzo_switching`, wake-up, fatigue and
imprint in `sim_backend.devices.hzo_film`. The leakage is G V0 sinh(V / V0), activated in
temperature; it fluctuates as 1/f. A film that has taken more damage than it stands breaks down to
an ohmic path. Charge that a voltage moves at once (C dV) and the switching itself are charges, not
currents at a moment: `current` is the leakage.

The state of the domains is exact at any cut of the time; a ramp has no error besides that of an
incomplete gamma function (1e-9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Kelvin, Metre, Ratio, Second, Siemens, SquareMetre, Unit, Volt
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.hzo_cycling import Cycled, repeat_settled, repeat_varied
from sim_backend.devices.hzo_film import COUNTERS, Film, FilmNumbers
from sim_backend.devices.hzo_switching import Law, activations
from sim_backend.devices.model import Array, Levels, Piece, State, Stream, ends
from sim_backend.devices.mtj_strain import strain
from sim_backend.devices.parts.conduction import sinh, sinh_mean
from sim_backend.devices.parts.fluctuation import one_over_f, one_over_f_mean
from sim_backend.devices.parts.relaxation import activated
from sim_backend.devices.parts.tally import book
from sim_backend.devices.parts.variation import drawn
from sim_backend.devices.parts.wear import Wear, endurance

__all__ = ["FAMILY", "FerroelectricCapacitor", "FilmConditions", "Initial", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]
PerKelvin = Annotated[float, Unit("1/K")]
VoltPerMetre = Annotated[float, Unit("V/m")]
CoulombPerSquareMetre = Annotated[float, Unit("C/m2")]

_EPSILON = 8.8541878188e-12  # F/m (CODATA 2022)
_FASTEST, _SLOWEST = 1e-6, 1e5  # periods of the 1/f noise, s


class FilmConditions(Wear):
    """The numbers of a film that capacitors and gates share."""

    domains: Annotated[Ratio, Ge(2), Le(200)] = Field(description="number of domains")
    single: Annotated[Ratio, Ge(0), Le(1)] = Field(
        0.0, description="1: each domain flips as a whole, at random; 0: its expected share"
    )
    tau: Annotated[Second, Gt(0)] = Field(description="switching time in an infinite field")
    alpha: Annotated[Ratio, Gt(1)] = Field(description="exponent of the field")
    beta: Annotated[Ratio, Gt(0)] = Field(description="exponent of the history")
    reach: Annotated[Ratio, Ge(0)] = Field(
        description="share of its activation field below which a domain does not move"
    )
    memory: Annotated[Second, Gt(0)] = Field(description="time after which a history fades")
    fading: Annotated[Ratio, Ge(0)] = Field(description="exponent of the fading")
    polarisation: Annotated[CoulombPerSquareMetre, Gt(0)] = Field(
        description="remanent polarisation, woken up and fresh"
    )
    permittivity: Annotated[Ratio, Ge(1)] = Field(description="relative, of the film")
    thickness: Annotated[Metre, Gt(0)] = Field(description="of the film")
    area: Annotated[SquareMetre, Gt(0)] = Field(description="of the film")
    threshold: Annotated[Volt, Gt(0)] = Field(description="below it nothing switches")
    offset: Annotated[Volt, Ge(-10)] = Field(0.0, description="built-in voltage")
    imprint: Annotated[Volt, Ge(0)] = Field(0.0, description="largest voltage of imprint")
    imprint_time: Annotated[Second, Gt(0)] = Field(
        100.0, description="fastest of the four times of imprint, two decades apart"
    )
    imprint_energy: Annotated[ElectronVolt, Ge(0)] = Field(0.0, description="of these times")
    imprint_cycles: Annotated[Ratio, Gt(0)] = Field(
        10.0, description="cycles that undo imprint to 1/e"
    )
    pristine: Annotated[Ratio, Gt(0), Le(1)] = Field(
        1.0, description="share of the polarisation that switches before wake-up"
    )
    wake_cycles: Annotated[Ratio, Gt(0)] = Field(1e3, description="cycles of wake-up, to 1/e")
    wake_exponent: Annotated[Ratio, Gt(0)] = Field(1.0, description="stretching of wake-up")
    fatigue_cycles: Annotated[Ratio, Gt(0)] = Field(1e12, description="onset of fatigue")
    fatigue_exponent: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="exponent of the loss by fatigue"
    )
    softening: Annotated[PerKelvin, Ge(0)] = Field(
        0.0, description="relative loss of the activation fields per kelvin"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(300.0, description="temperature of the numbers")
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="cycle-to-cycle: sigma of the logarithm of an excursion's switching rate"
    )
    device_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="device-to-device: sigma of the logarithm of fields and polarisation"
    )
    read_sigma: Annotated[Ratio, Ge(0)] = Field(
        0.0, description="1/f noise: relative standard deviation per decade of frequency"
    )

    def film(self, thickness: float) -> FilmNumbers:
        """Return the film's numbers.

        Raises
        ------
        BadInput
            Built-in voltage and imprint together could switch the film at zero volts.
        """
        if abs(self.offset) + self.imprint >= self.threshold:
            raise BadInput(
                f"a built-in voltage of {self.offset:g} V and an imprint of {self.imprint:g} V "
                f"were asked for; together they must stay below the threshold, "
                f"{self.threshold:g} V"
            )
        law = Law(self.tau, self.alpha, self.beta, self.reach, self.memory, self.fading)
        return FilmNumbers(
            domains=round(self.domains), single=self.single > 0.5, law=law, thickness=thickness,
            **{name: getattr(self, name) for name in _SHARED},
        )  # fmt: skip


_SHARED = (
    "threshold", "offset", "imprint", "imprint_time", "imprint_energy", "imprint_cycles",
    "pristine", "wake_cycles", "wake_exponent", "fatigue_cycles", "fatigue_exponent", "softening",
    "reference", "cycle_sigma",
)  # fmt: skip


class Parameters(FilmConditions):
    """The numbers of a capacitor."""

    field_a: Annotated[Ratio, Gt(0)] = Field(
        description="a of the distribution of activation fields (generalised beta, second kind)"
    )
    field_b: Annotated[VoltPerMetre, Gt(0)] = Field(description="b of that distribution")
    field_p: Annotated[Ratio, Gt(0)] = Field(description="p of that distribution")
    field_q: Annotated[Ratio, Gt(0)] = Field(description="q of that distribution")
    leakage: Annotated[Siemens, Ge(0)] = Field(description="conductance at zero voltage")
    leakage_scale: Annotated[Volt, Gt(0)] = Field(
        description="voltage V0 over which the leakage becomes exponential"
    )
    leakage_energy: Annotated[ElectronVolt, Ge(0)] = Field(
        0.0, description="activation energy of the leakage"
    )
    broken: Annotated[Siemens, Ge(0)] = Field(1e-3, description="conductance after breakdown")


class Initial(Conditions):
    """How a fresh capacitor begins."""

    state: Annotated[Ratio, Ge(-1), Le(1)] = Field(
        -1.0, description="polarisation to begin with, as a share of the remanent one"
    )


_DRAWN = ("polarisation", "field", "leakage")


class FerroelectricCapacitor:
    """Any number of capacitors; meets `sim_backend.devices.model.DeviceModel`.

    Parameters
    ----------
    parameters, initial
        Of all capacitors before their spread.
    account
        Where the numbers come from.
    """

    terminals = ("top", "bottom")

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        p = parameters
        self.parameters, self.initial = p, initial
        self.threshold = p.threshold
        self.film = Film(
            p.film(p.thickness),
            lambda ranks: activations(
                round(p.domains), p.field_a, p.field_b, p.field_p, p.field_q, ranks
            ),
        )
        self.capacitance = _EPSILON * p.permittivity * p.area / p.thickness
        self._account = dict(account)
        self._names = (*self.film.names, "damage")

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make capacitors of the initial polarisation, never cycled."""
        given = stream if spread else None
        p, numbers_ = self.parameters, first + np.arange(devices)
        sigmas = [p.device_sigma, p.device_sigma, p.device_sigma]
        own = drawn([p.polarisation, 1.0, p.leakage], sigmas, devices, given, first)
        stands = endurance(given, numbers_, p.breakdown_shape)
        activation = self.film.activation(devices, given, first) * own[1]
        state = State(
            self._names,
            np.zeros((len(self._names), devices)),
            np.vstack([own, stands, activation]),
            first,
        )
        self.film.fresh(state, self.initial.state, stream, activation)
        return state

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all capacitors through straight levels; returns C into each terminal."""
        if not duration > 0:
            return np.zeros((2, state.devices))
        top, bottom = ends(levels.get("top", 0.0)), ends(levels.get("bottom", 0.0))
        first, last = top[0] - bottom[0], top[1] - bottom[1]
        before, age = self._stored(state), state.row("age").copy()
        leaked = self._leaked(state, first, last, duration, temperature, age)
        field = np.full(state.devices, 1.0 / self.parameters.thickness)
        self.film.advance(
            state, first, last, duration, temperature, stream, field, state.parameters[4:]
        )
        p = self.parameters
        state.row("damage")[:] += strain(p, first, last, duration)
        charge = self._stored(state) - before + leaked
        book(state, charge)
        return np.array([charge, -charge])

    def _stored(self, state: State) -> Array:
        """Return the charge on the top electrode that the state stands for, C."""
        p = self.parameters
        polarised = p.area * state.parameters[0] * self.film.polarisation(state)
        stored: Array = polarised + self.capacitance * state.row("v")
        return stored

    def _leaked(
        self,
        state: State,
        first: float,
        last: float,
        duration: float,
        temperature: float,
        age: Array,
    ) -> Array:
        """Return the charge that leaks on a straight line of the voltage, C."""
        p = self.parameters
        noise = one_over_f_mean(
            state.noise, state.numbers, age, duration, p.read_sigma, _FASTEST, _SLOWEST
        )
        through = sinh_mean(first, last, self._conductance(state, temperature), p.leakage_scale)
        through = through * (1.0 + noise) + self._short(state) * (first + last) / 2
        leaked: Array = through * duration
        return leaked

    def _conductance(self, state: State, temperature: float) -> Array:
        """Return the conductance of the leakage at zero voltage, S."""
        p = self.parameters
        slow = activated(1.0, p.leakage_energy, temperature, p.reference)
        conductance: Array = state.parameters[2] / slow
        return conductance

    def _short(self, state: State) -> Array:
        """Return the conductance of the path of a breakdown, S."""
        return np.where(state.row("damage") >= state.parameters[3], self.parameters.broken, 0.0)

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all capacitors through the same pieces `count` times.

        Turns that have settled are counted instead of played: a thousand million cycles cost as
        much as some hundred. With variation from cycle to cycle, or domains that flip one by one,
        the first and the last turns are played. Counted turns leak without 1/f noise.
        """
        p = self.parameters
        varied = stream is not None and (p.single > 0.5 or p.cycle_sigma > 0)
        cycled = Cycled(
            (*COUNTERS, "damage"),
            lambda now: np.array([self._stored(now), -self._stored(now)]),
            self.film.remanence,
        )
        repeated = repeat_varied if varied else repeat_settled
        return repeated(self, state, pieces, count, temperature, stream, cycled)

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the leakage into each terminal at constant levels and the reference, A."""
        voltage, p = levels.get("top", 0.0) - levels.get("bottom", 0.0), self.parameters
        noise = one_over_f(
            state.noise, state.numbers, state.row("age"), p.read_sigma, _FASTEST, _SLOWEST
        )
        through = sinh(voltage, state.parameters[2], p.leakage_scale) * (1.0 + noise)
        through = through + self._short(state) * voltage
        return np.array([through, -through])

    def conductance(self, state: State) -> Array:
        """Return the conductances of the leakage at zero voltage, S."""
        conductance: Array = self.current(state, {"top": 1e-6})[0] / 1e-6
        return conductance

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grades and parameters."""
        return self._account


FAMILY = Family(
    name="hzo",
    title="Ferroelectric capacitor",
    summary=(
        "Domains of a (Hf,Zr)O2 film switch at the first nucleation in each; wake-up, fatigue and "
        "imprint follow the cycles and the rest that the film has had. The current is that of "
        "polarisation, capacitance and leakage."
    ),
    parameters=Parameters,
    initial=Initial,
    build=FerroelectricCapacitor,
)
