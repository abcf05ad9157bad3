"""A hafnium-zirconium oxide film: domains, wake-up, fatigue and imprint, for capacitors and gates.

What a film does while the voltage across it is constant or changes in a straight line. Below the
threshold (0.3 V or so) nothing switches: histories fade and charge is trapped. Above it domains
switch as `sim_backend.devices.hzo_switching` says, in the field (V + offset + bias) / thickness.

wake-up and fatigue
    The remanent polarisation is Ps times a factor that follows the number n of full cycles, counted
    by the polarisation that was really switched (half of the shares moved)::

        m(n) = [w + (1 - w)(1 - exp(-(n / n_w)^b))] (1 + n / n_f)^-g

imprint
    Charge trapped at rest favours the domains as they are. It follows them with four exponentials,
    two decades apart, which is nearly straight in the logarithm of time, and each is activated. The
    sum acts as a voltage (`bias`) from the next excursion on; n cycles undo it by exp(-n / n_i).

temperature
    The activation fields fall linearly with temperature.

Wake-up is here only the growth of the switched polarisation: the pinched loop of a pristine film is
not modelled.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim_backend.devices.hzo_switching import (
    Domains,
    Law,
    fade,
    fill,
    switch,
    thresholds,
)
from sim_backend.devices.model import TALLY, Array, State, Stream
from sim_backend.devices.parts.relaxation import activated, decay
from sim_backend.devices.parts.tally import count
from sim_backend.devices.parts.variation import cycle_factor

__all__ = ["COUNTERS", "TRAPS", "Film", "FilmNumbers", "zones"]

#: relative times of the four exponentials of imprint
TRAPS = (1.0, 1e2, 1e4, 1e6)
_OWN = (
    "v", "age", "cycles", "seen", "since_up", "since_down", "bias", "excursion", "factor",
    *(f"trap{k}" for k in range(len(TRAPS))),
)  # fmt: skip
_DOMAIN = ("up", "rising", "falling", "left", "flips")
#: rows that go on growing when the film is cycled
COUNTERS = ("positive", "negative", "age", "cycles", "seen", "excursion")
_QUANTILE_KEY = 0xEA


@dataclass(frozen=True, slots=True)
class FilmNumbers:
    """The numbers of a film; voltages are those across it."""

    domains: int  #: how many
    single: bool  #: whether each flips as a whole, or only its expected share is kept
    law: Law
    thickness: float  #: m; 1 where activation fields are given as voltages
    threshold: float  #: below it nothing switches, V
    offset: float  #: built-in voltage, V
    imprint: float  #: largest voltage of imprint, V
    imprint_time: float  #: fastest of the four times, s
    imprint_energy: float  #: eV
    imprint_cycles: float  #: that undo imprint to 1/e
    pristine: float  #: share of the polarisation that switches before any wake-up
    wake_cycles: float
    wake_exponent: float
    fatigue_cycles: float
    fatigue_exponent: float
    softening: float  #: loss of the activation fields per kelvin, relative
    reference: float  #: K
    cycle_sigma: float  #: of the factor on the switching rate of an excursion


class Film:
    """Any number of films of the same kind; holds no state.

    Parameters
    ----------
    numbers
        Of all films.
    quantile
        Gives activation fields for ranks between 0 and 1, or for equal shares when given None.
    """

    def __init__(self, numbers: FilmNumbers, quantile: Callable[[Array | None], Array]) -> None:
        self.numbers = numbers
        self.quantile = quantile
        count = numbers.domains
        domain = tuple(f"{name}{n}" for name in _DOMAIN for n in range(count))
        self.names = (*TALLY, *_OWN, *domain)
        self._start = len(TALLY) + len(_OWN)
        self._trap = len(TALLY) + _OWN.index("trap0")

    def activation(self, devices: int, stream: Stream | None, first: int) -> Array:
        """Return activation fields, drawn domain by domain where each flips as a whole.

        Shape (domains, devices). A film whose domains are only expected shares has the same ones in
        every device: many domains are meant.
        """
        count = self.numbers.domains
        if stream is None or not self.numbers.single:
            return np.repeat(self.quantile(None)[:, np.newaxis], devices, axis=1)
        ranks = stream.uniforms(
            first + np.arange(devices), _QUANTILE_KEY, np.arange(count)[:, np.newaxis]
        )
        return self.quantile(ranks)

    def fresh(self, state: State, polarisation: float, stream: Stream, activation: Array) -> None:
        """Begin with a polarisation between -1 and 1, in place; the rest of the state is zero."""
        domains = self.domains(state)
        domains.up[:] = fill(activation, polarisation, self.numbers.single)
        state.row("factor")[:] = 1.0
        if self.numbers.single:
            domains.left[:] = thresholds(stream, state.numbers, domains.flips)

    def domains(self, state: State) -> Domains:
        """Return the state of the domains: views of the state."""
        count = self.numbers.domains
        blocks = (self._start + k * count for k in range(len(_DOMAIN)))
        return Domains(*(state.values[start : start + count] for start in blocks))

    def polarisation(self, state: State) -> Array:
        """Return the remanent polarisation as a share of Ps, -1 to 1, shape (devices,)."""
        share = 2.0 * self.domains(state).up.mean(axis=0) - 1.0
        remanent: Array = self.remanence(state.row("cycles")) * share
        return remanent

    def remanence(self, cycles: Array) -> Array:
        """Return the factor of wake-up and fatigue after so many cycles."""
        n = self.numbers
        woken = -np.expm1(-((cycles / n.wake_cycles) ** n.wake_exponent))
        tired = (1.0 + cycles / n.fatigue_cycles) ** -n.fatigue_exponent
        factor: Array = (n.pristine + (1.0 - n.pristine) * woken) * tired
        return factor

    def trapped(self, state: State) -> Array:
        """Return the trapped charge as a voltage, V, positive where the film points up."""
        total: Array = state.values[self._trap : self._trap + len(TRAPS)].sum(axis=0)
        return total

    def advance(
        self,
        state: State,
        first: float,
        last: float,
        duration: float,
        temperature: float,
        stream: Stream | None,
        field: Array,
        activation: Array,
    ) -> None:
        """Take the films through a straight line of the applied voltage, in place.

        Parameters
        ----------
        first, last
            Voltage at its ends, V, as applied to the device.
        field
            Field in the film per volt applied, 1/m (or 1), shape (devices,).
        activation
            Activation fields at the reference temperature, shape (domains, devices).
        """
        soft = 1.0 - self.numbers.softening * (temperature - self.numbers.reference)
        scaled = activation * max(soft, 0.05) if soft != 1.0 else activation
        for a, b, length in zones(first, last, duration, self.numbers.threshold):
            if count(state, a, b, self.numbers.threshold):
                self._begin(state, stream)
            if max(abs(a), abs(b)) <= self.numbers.threshold:
                self._rest(state, length, temperature)
            else:
                self._excite(state, a, b, length, stream, field, scaled)
            state.row("age")[:] += length
        state.row("v")[:] = last

    def _rest(self, state: State, length: float, temperature: float) -> None:
        """Let histories fade and charge be trapped; the polarisation stays."""
        n, domains = self.numbers, self.domains(state)
        for history, since in ((domains.rising, "since_up"), (domains.falling, "since_down")):
            fade(history, state.row(since), length, n.law)
            state.row(since)[:] += length
        traps = state.values[self._trap : self._trap + len(TRAPS)]
        traps *= np.exp(-(state.row("cycles") - state.row("seen")) / n.imprint_cycles)
        state.row("seen")[:] = state.row("cycles")
        times = activated(
            n.imprint_time * np.array(TRAPS), n.imprint_energy, temperature, n.reference
        )
        target = n.imprint / len(TRAPS) * (2.0 * domains.up.mean(axis=0) - 1.0)
        traps[:] = decay(traps, length, times[:, np.newaxis], target)

    def _excite(
        self,
        state: State,
        a: float,
        b: float,
        length: float,
        stream: Stream | None,
        field: Array,
        activation: Array,
    ) -> None:
        """Let domains switch under a voltage of one sign."""
        n, domains = self.numbers, self.domains(state)
        shift = n.offset + state.row("bias")
        positive = a + b > 0
        idle, since = (domains.falling, "since_down") if positive else (domains.rising, "since_up")
        fade(idle, state.row(since), length, n.law)
        state.row(since)[:] += length
        state.row("since_up" if positive else "since_down")[:] = 0.0
        before = domains.up.mean(axis=0)
        turns = length / n.law.tau * state.row("factor")
        single = stream if n.single else None
        switch(
            domains, activation, (a + shift) * field, (b + shift) * field, turns, n.law,
            single, state.numbers,
        )  # fmt: skip
        state.row("cycles")[:] += abs(domains.up.mean(axis=0) - before) / 2.0

    def _begin(self, state: State, stream: Stream | None) -> None:
        """Let what was trapped act on the excursion that begins."""
        state.row("excursion")[:] += 1
        state.row("bias")[:] = self.trapped(state)
        state.row("factor")[:] = cycle_factor(
            stream, state.numbers, state.row("excursion").astype(np.int64),
            self.numbers.cycle_sigma, "lognormal",
        )  # fmt: skip


def zones(
    first: float, last: float, duration: float, threshold: float
) -> list[tuple[float, float, float]]:
    """Cut a straight line where it passes plus or minus a threshold: (first, last, duration).

    Examples
    --------
    >>> zones(-1.0, 1.0, 4.0, 0.5)
    [(-1.0, -0.5, 1.0), (-0.5, 0.5, 2.0), (0.5, 1.0, 1.0)]
    """
    if first == last:
        return [(first, last, duration)]
    low, high = sorted((first, last))
    edges = [edge for edge in sorted({-threshold, threshold}) if low < edge < high]
    if first > last:
        edges.reverse()
    points = [first, *edges, last]
    return [(a, b, duration * (b - a) / (last - first)) for a, b in itertools.pairwise(points)]
