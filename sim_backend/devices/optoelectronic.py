"""An optoelectronic synapse: light fills traps, darkness empties them slowly, a voltage erases.

State: f, filling of fast traps; n_k, of slow traps, a distribution of times that makes a stretched
exponential; p, of centres that stay (persistent photoconductance), each 0 to 1::

    L     = sum over ports of eta(wavelength) x irradiance            1/s
    E     = exp((|V| - Ve) / ve) / te   where V < -threshold, else 0  1/s
    df/dt = L (1 - f) - f (1 / tf + E)         dn_k/dt = L (1 - n_k) - n_k (1 / t_k + E)
    dp/dt = keep L (1 - p) - p E
    G     = dark + g_fast f + g_slow sum(w_k n_k) + g_keep p + prompt L

Filling saturates: a light pulse takes f to f_sat - (f_sat - f) exp(-rate w). One polarity of the
voltage empties all traps, the other does nothing. `prompt` is the photoconductance of carriers that
recombine at once; it is there only while there is light. The decay in the dark is a fast
exponential and a stretched one (`sim_backend.devices.parts.relaxation.stretched_terms`), or a
double exponential where beta = 1. Times in the dark are thermally activated.

eta is given in steps of 50 nm from 250 to 600 nm relative to its largest value, straight lines in
between; below 250 nm it stays, beyond 600 nm it falls tenfold every 50 nm.

Everything is exact at constant levels, the charge included. A ramp of the voltage is cut into
pieces of an eighth of ve, a ramp of the light into pieces of a quarter of the fastest time (16 to
1024), each with the mean of its rates: no filling is off by more than 2e-3 (tested).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Kelvin, Ratio, Second, Siemens, SquareMetre, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, integral, share_lost
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, Levels, State, Stream, ends, wavelength_of
from sim_backend.devices.parts.relaxation import activated, stretched_terms
from sim_backend.devices.parts.updates import mean_exponential
from sim_backend.devices.parts.variation import cycle_factor

__all__ = ["FAMILY", "Initial", "OpticalSynapse", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]
Response = Annotated[float, Unit("m2/J")]
Prompt = Annotated[float, Unit("S s")]
Relative = Annotated[Ratio, Ge(0), Le(1)]

_TERMS = 6  # of the stretched exponential, at most
_SPECTRUM = tuple(range(250, 601, 50))  # nm
_BEYOND = 50.0  # nm in which the response falls tenfold beyond the spectrum
_FEWEST, _MOST = 16, 1024  # pieces of a ramp of the light
_LARGEST = 690.0


class Parameters(Conditions):
    """The numbers of an optoelectronic synapse; see the module's equations."""

    dark: Annotated[Siemens, Gt(0)] = Field(description="conductance with all traps empty")
    g_fast: Annotated[Siemens, Ge(0)] = Field(description="conductance of filled fast traps")
    g_slow: Annotated[Siemens, Ge(0)] = Field(description="conductance of filled slow traps")
    g_keep: Annotated[Siemens, Ge(0)] = Field(description="conductance of filled lasting centres")
    prompt: Annotated[Prompt, Ge(0)] = Field(description="prompt photoconductance over L")
    tau_fast: Annotated[Second, Gt(0)] = Field(description="tf, decay of the fast part")
    tau_slow: Annotated[Second, Gt(0)] = Field(description="of the slow part")
    beta: Annotated[Ratio, Ge(0.2), Le(1)] = Field(description="stretching of the slow part")
    keep: Annotated[Ratio, Ge(0)] = Field(description="filling of lasting centres, relative")
    response: Annotated[Response, Gt(0)] = Field(
        description="largest eta: filling of empty traps for each dose"
    )
    eta_250: Relative = Field(description="eta at 250 nm over the largest")
    eta_300: Relative = Field(description="eta at 300 nm over the largest")
    eta_350: Relative = Field(description="eta at 350 nm over the largest")
    eta_400: Relative = Field(description="eta at 400 nm over the largest")
    eta_450: Relative = Field(description="eta at 450 nm over the largest")
    eta_500: Relative = Field(description="eta at 500 nm over the largest")
    eta_550: Relative = Field(description="eta at 550 nm over the largest")
    eta_600: Relative = Field(description="eta at 600 nm over the largest")
    erase_amplitude: Annotated[Volt, Gt(0)] = Field(description="Ve at which te is given")
    erase_time: Annotated[Second, Gt(0)] = Field(description="te, emptying by a negative voltage")
    erase_scale: Annotated[Volt, Gt(0)] = Field(description="ve, voltage that empties e-fold")
    threshold: Annotated[Volt, Gt(0)] = Field(
        description="voltage above which an event is counted and, if negative, traps are emptied"
    )
    area: Annotated[SquareMetre, Gt(0)] = Field(description="lit area, for optical energies")
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of all times given")
    energy: Annotated[ElectronVolt, Ge(0)] = Field(
        description="activation energy of the decay in the dark"
    )
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: standard deviation of the factor on an event's L and E"
    )
    conductance_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: sigma of the logarithm of every conductance"
    )
    response_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of the response"
    )
    tau_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of both decay times"
    )
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative, of each decade of its 1/f spectrum"
    )


class Initial(Conditions):
    """A fresh device has been in the dark."""


class OpticalSynapse(Cells[Parameters]):
    """Any number of optoelectronic synapses; see the module's equations.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        No wavelength fills the traps.
    """

    optical = True
    terminals: tuple[str, ...] = ("top", "bottom")
    between: ClassVar[tuple[str, str]] = ("top", "bottom")
    variables: ClassVar[tuple[str, ...]] = (
        "f", *(f"n{k}" for k in range(_TERMS)), "p", "lit", "pace",
    )  # fmt: skip
    varied: ClassVar[Mapping[str, str]] = {
        "dark": "conductance_spread", "g_fast": "conductance_spread",
        "g_slow": "conductance_spread", "g_keep": "conductance_spread",
        "response": "response_spread", "tau_fast": "tau_spread", "tau_slow": "tau_spread",
    }  # fmt: skip

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        self._spectrum = [float(getattr(parameters, f"eta_{nm}")) for nm in _SPECTRUM]
        if not any(self._spectrum):
            raise BadInput("a spectrum of zeros was asked for; let eta_250 to eta_600 hold a 1")
        weights, times = stretched_terms(parameters.beta, terms=_TERMS)
        self._weights, self._times = weights[:, np.newaxis], times[:, np.newaxis]
        first = self._names.index("f")
        self._filled = slice(first, first + 1 + len(weights))  # f and the n_k there are

    def relative_response(self, wavelength: float) -> float:
        """Return eta at a wavelength in m, relative to its largest value of the table."""
        nm = wavelength * 1e9
        at = float(np.interp(nm, _SPECTRUM, self._spectrum))
        beyond = max(0.0, nm - _SPECTRUM[-1])
        return at * math.exp(-math.log(10.0) * beyond / _BEYOND)

    def _begin(self, state: State) -> None:
        state.row("pace")[:] = 1.0

    def _step(self, line: Line, duration: float) -> float:
        return self.parameters.erase_scale / 8.0

    def _fineness(self, levels: Levels, duration: float) -> int:
        if all(
            a == b for name, level in levels.items() if wavelength_of(name) is not None
            for a, b in [ends(level)]
        ):  # fmt: skip
            return 1
        return min(_MOST, max(_FEWEST, math.ceil(4.0 * duration / self.parameters.tau_fast)))

    def _vary(self, state: State, stream: Stream | None) -> None:
        state.row("pace")[:] = cycle_factor(
            stream, state.numbers, state.row("events"), self.parameters.cycle_sigma
        )

    def _count(self, state: State, piece: Straight, stream: Stream | None) -> None:
        super()._count(state, piece, stream)
        lit = any(max(line) > 0 for name, line in piece.levels.items() if wavelength_of(name))
        if lit and not state.row("lit")[0]:
            self._event(state, stream)
        state.row("lit")[:] = float(lit)

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        filled = [*self._names[self._filled], "p"]
        return dict.fromkeys(filled, 0.0), dict.fromkeys(filled, 1.0)

    # how a piece moves the state ----------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        course = _Course(self, state, piece)
        drain: Any = np.zeros(state.devices)
        if piece.control != (0.0, 0.0):
            first, last = piece.control
            slope = (last - first) / piece.duration
            prompt = self.parameters.prompt * course.light
            passed = integral(
                lambda t: (first + slope * t) * (self._seen(state, *course.at(t)) + prompt),
                piece.duration,
                course.fastest,
            )
            drain = passed * (1.0 + self._noise(state, piece.duration))
        state.values[self._filled], state.row("p")[:] = course.at(piece.duration)
        return np.array([drain, -drain])

    def _light(self, levels: Mapping[str, float], state: State) -> Array:
        """Return L at constant irradiances, 1/s."""
        dose = 0.0
        for name, level in levels.items():
            wavelength = wavelength_of(name)
            if wavelength is not None and level > 0:
                dose += self.relative_response(wavelength) * level
        light: Array = dose * self._own(state)["response"]
        return light

    def _emptying(self, line: Line) -> float:
        """Return the mean of E on a line of the voltage, 1/s."""
        p = self.parameters
        if min(line) >= -p.threshold * (1.0 + 1e-12):
            return 0.0
        ends_ = [min((-v - p.erase_amplitude) / p.erase_scale, _LARGEST) for v in line]
        return mean_exponential(*ends_) / p.erase_time

    def _decay_times(self, state: State) -> Array:
        """Return the times of f and of the n_k in the dark, s, shape (terms, devices)."""
        p, temperature = self.parameters, float(state.row("temperature")[0])
        found: Array | None = state.ready.get(temperature)
        if found is None:
            own = self._own(state)
            times = np.vstack([own["tau_fast"], self._times * own["tau_slow"]])
            found = activated(times, p.energy, temperature, p.reference)
            state.ready[temperature] = found
        return found

    # what is seen -------------------------------------------------------------------------------

    def _seen(self, state: State, filled: Array, kept: Array) -> Array:
        """Return the conductance in the dark, S."""
        own = self._own(state)
        slow = (self._weights * filled[1:]).sum(axis=0)
        seen: Array = (
            own["dark"] + own["g_fast"] * filled[0] + own["g_slow"] * slow + own["g_keep"] * kept
        )
        return seen

    def _slope(self, state: State) -> Array:
        return self._seen(state, state.values[self._filled], state.row("p"))

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        voltage = at.get("top", 0.0) - at.get("bottom", 0.0)
        prompt = self.parameters.prompt * self._light(at, state) * state.row("pace")
        current = (self._slope(state) + prompt) * (1.0 + self._noise(state)) * voltage
        return np.array([current, -current])


class _Course:
    """Where the fillings go during one piece."""

    def __init__(self, model: OpticalSynapse, state: State, piece: Straight) -> None:
        mean = {name: (line[0] + line[1]) / 2.0 for name, line in piece.levels.items()}
        self.light = model._light(mean, state) * state.row("pace")
        emptying = model._emptying(piece.control) * state.row("pace")
        self.rates = self.light + emptying + 1.0 / model._decay_times(state)
        self.goal = self.light / self.rates
        self.filled = state.values[model._filled].copy()
        self.gain = model.parameters.keep * self.light
        self.kept, self.lasting = state.row("p").copy(), self.gain + emptying
        self.moves = bool(self.lasting.any())
        self.fastest = np.maximum(self.rates.max(axis=0), self.lasting)

    def at(self, t: float | Array) -> tuple[Array, Array]:
        """Return the fillings of the traps and of the lasting centres."""
        filled = self.goal + (self.filled - self.goal) * np.exp(-self.rates * t)
        if not self.moves:
            return filled, self.kept
        turns = self.lasting * t
        return filled, self.kept * np.exp(-turns) + self.gain * t * share_lost(turns)


FAMILY = Family(
    name="optoelectronic",
    title="Optoelectronic synapse",
    summary=(
        "Light of some wavelengths fills traps that empty slowly in the dark; a part stays. A "
        "voltage of one polarity erases. I = G V."
    ),
    parameters=Parameters,
    initial=Initial,
    build=OpticalSynapse,
)
