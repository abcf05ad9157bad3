"""Excitation and inhibition on one device: each alone, and both together."""

from __future__ import annotations

import functools
import itertools
import operator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, NamedTuple

from annotated_types import Gt, Len
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Seconds, Volt, Volts, log_spaced, parse_series
from labctl.waveform import Node, pulse, read, rest
from protocols.baseline import Learned, restore
from protocols.e_i_synergy_results import net_current, synergy_results
from protocols.limited import Limit, limited
from protocols.parameters import (
    LongestTime,
    MostPulses,
    ReadWidth,
    Repeats,
    Returning,
    Terminal,
    Width,
)
from protocols.replay import limit_reached

__all__ = ["EiSynergy", "Trial"]

_GAP = 200e-6  # between a pulse and what comes next


class Trial(NamedTuple):
    """What is applied to the device at its baseline."""

    inputs: str  #: ``E``, ``I``, ``EI`` or ``IE``, in the order of time
    inhibit: float  #: level of the inhibitory pulse, V
    delay: float  #: from the end of the first pulse to the second, s


class EiSynergy(Returning):
    """Excitatory and inhibitory postsynaptic currents of one device, and their sum.

    An excitatory pulse (E) raises the conductance and an inhibitory one (I), of the other polarity,
    lowers it; the postsynaptic current is the current at the read voltage that each adds to that
    before, at log-spaced times. Both together, in either order and against the delay between them,
    are compared with the sum of each alone; and the excitation meets inhibitory pulses of several
    amplitudes, at last between the two around the balance, by bisection. Before every trial the
    device is brought back to its baseline. After Liu et al., Nano-Micro Lett. 2026,
    10.1007/s40820-025-02028-0 (excitatory and inhibitory synergy).
    """

    title: ClassVar[str] = "Excitatory and inhibitory synergy"
    summary: ClassVar[str] = "EPSC and IPSC on one device, their sum and their balance."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1007/s40820-025-02028-0", text="Liu et al., Nano-Micro Lett. 2026"
    )

    decides: ClassVar[bool] = True

    kind: Literal["e-i-synergy"] = "e-i-synergy"
    excite: Annotated[Volt, Field(description="Level of the excitatory pulse.")] = 1.0
    inhibit: Annotated[Volt, Field(description="Level of the inhibitory pulse.")] = -1.0
    width: Width = 100e-6
    delays: Annotated[
        Seconds, Len(1), Field(description="Between the two pulses, from end to start.")
    ] = log_spaced(10e-3, 1.0, 3)
    inhibitions: Annotated[
        Volts, Len(2), Field(description="Levels of the inhibitory pulse for the balance.")
    ] = parse_series("-0.4 V .. -0.9 V, 6 lin", "V")
    resolution: Annotated[
        Volt, Gt(0), Field(description="Of the balance: the bracket around it is halved so far.")
    ] = 10e-3
    after: Annotated[
        Seconds, Len(2), Field(description="Reads of the postsynaptic current after the pulses.")
    ] = log_spaced(2e-3, 1.0, 8)
    repeats: Repeats = 3
    read_width: ReadWidth = 1e-3
    terminal: Terminal = "top"
    most_pulses: MostPulses = 5000
    longest_time: LongestTime = 4 * 3600.0

    @model_validator(mode="after")
    def _fit_together(self) -> EiSynergy:
        if self.excite * self.inhibit >= 0 or any(self.excite * v >= 0 for v in self.inhibitions):
            raise ValueError(
                f"excite is {self.excite:g} V; give inhibit and inhibitions levels of the other "
                "sign"
            )
        if list(self.inhibitions) != sorted(set(self.inhibitions), key=abs):
            raise ValueError("the inhibitions do not grow; give them from weak to strong")
        steps = [b - a for a, b in itertools.pairwise((0.0, *self.after))]
        least = _GAP + self.read_width
        if steps[0] < _GAP or min(steps[1:]) < least or min(self.delays) < _GAP:
            raise ValueError(
                f"delays and the first read after a pulse need {_GAP:g} s at least, later reads "
                f"{least:g} s from one to the next; give longer times"
            )
        return self

    def trials(self) -> list[Trial]:
        """Return the trials before the bisection, in the order of the seed."""
        shortest = min(self.delays)
        found = [Trial("E", 0.0, shortest), Trial("I", self.inhibit, shortest)]
        for order, delay in itertools.product(("EI", "IE"), self.delays):
            found.append(Trial(order, self.inhibit, delay))
        found += [Trial("EI", v, shortest) for v in self.inhibitions if v != self.inhibit]
        return self.shuffled(found * self.repeats)

    def steps(self) -> Steps:
        """Return to baseline and play a trial: all in random order, then those of the bisection."""
        yield from limited(self._course(), self._limit())

    def _course(self) -> Steps:
        strongest = max(abs(v) for v in (self.excite, self.inhibit, *self.inhibitions))
        how = replace(self.returning(strongest, self.width), terminal=self.terminal)
        target, learned = self.baseline, Learned()
        nets: dict[float, list[float]] = {}
        pending = self.trials()
        while pending:
            trial = pending.pop(0)
            rested = yield from restore(how, target, learned)
            target = target or rested.g
            answer = yield self._play(trial, rested.returned)
            if trial.delay == min(self.delays) and trial.inputs in ("E", "EI"):
                net = net_current(answer, self.terminal, self.read)
                nets.setdefault(trial.inhibit, []).append(net)
            if not pending:
                pending = self._between(nets)

    def _between(self, nets: dict[float, list[float]]) -> list[Trial]:
        """Return the trial that halves the bracket of the balance; none where that will do."""
        levels = sorted(nets, key=abs)
        for weak, strong in itertools.pairwise(levels):
            before, after = (sum(nets[level]) / len(nets[level]) for level in (weak, strong))
            if before * after < 0:
                if abs(strong - weak) <= self.resolution:
                    return []
                return [Trial("EI", round((weak + strong) / 2, 4), min(self.delays))]
        return []

    def _play(self, trial: Trial, returned: bool) -> Play:
        label: Label = {
            "part": "trial", "inputs": trial.inputs, "inhibit": trial.inhibit,
            "delay": trial.delay, "returned": returned,
        }  # fmt: skip
        return Play(self.waveform(trial), self.compliance, label=label)

    def waveform(self, trial: Trial) -> Node:
        """Return a read, the pulses of a trial, and the reads after them."""
        levels = {"E": self.excite, "I": trial.inhibit}
        parts: list[Node] = [self._look(), rest(_GAP)]
        for k, letter in enumerate(trial.inputs):
            parts += [rest(trial.delay)] if k else []
            parts.append(pulse(levels[letter], self.width, terminal=self.terminal))
        at = 0.0
        for time in self.after:
            parts += [rest(time - at), self._look()]
            at = time + self.read_width
        return functools.reduce(operator.add, parts)

    def preview(self) -> tuple[Panel, ...]:
        """Return excitation and inhibition with the shortest delay, to scale."""
        both = self.waveform(Trial("EI", self.inhibit, min(self.delays)))
        return (waveform_panel("Excitation, inhibition, reads", both, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return both currents, their sum and their balance.

        Metrics: ``epsc`` and ``ipsc`` at the first read, ``sum_EI`` and ``sum_IE`` and their
        ``deviation_EI``, ``deviation_IE`` from the sum of both alone at the shortest delay,
        ``balance`` (inhibitory level at which nothing is left), ``energy_excite``,
        ``energy_inhibit``, ``returned``. Fits: ``epsc_<law>`` and ``ipsc_<law>``.
        """
        found = synergy_results(record, self.terminal, self.read)
        reached = limit_reached(self._course(), self._limit(), record)
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels),
            (*found.notes, *([reached] if reached else [])),
        )  # fmt: skip

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _look(self) -> Node:
        return read(self.read, self.read_width, terminal=self.terminal)
