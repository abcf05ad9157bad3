"""Spike-rate-dependent plasticity: what a train does against the rate of its pulses."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, NonNegativeInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Steps
from labctl.units import Hertz, Rates, Second, Volt, log_spaced
from labctl.waveform import Node, rest
from protocols.baseline import Learned
from protocols.parameters import Compliance, Terminal, Width
from protocols.srdp_results import results
from protocols.train_trials import Reads, even_train, play_trial, spike
from protocols.trials import Trials

__all__ = ["Srdp"]

_FIRST_READ = 200e-6  # after the end of the train, s
_LEAST_GAP = 10e-6  # between two pulses, s


class Srdp(Trials):
    """Change by a train of a fixed number of pulses, against their rate.

    Every train begins at the verified baseline, in random order. Optionally a prior train at a
    rate of its own comes first, as an activity that the synapse remembers; then the rate at which
    the change turns from depression to potentiation is a threshold that the prior rate moves. The
    change is that of the current from the reference pulse to the last one: the reference is the
    last pulse of the prior train, or without one the first of the train. What stays is read after a
    rest. After Xia et al., Nano-Micro Lett. 2025, 17, 217 (rate-dependent plasticity); the prior
    train after Nie et al., Adv. Mater. 2025, 10.1002/adma.202412006.
    """

    title: ClassVar[str] = "Spike-rate-dependent plasticity"
    summary: ClassVar[str] = "Change by a train against its rate: sign, size and threshold."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["srdp"] = "srdp"
    rates: Annotated[Rates, Len(1), Field(description="Rates of the pulses.")] = log_spaced(
        0.2, 20.0, 9
    )
    number: Annotated[int, Gt(1), Field(description="Pulses of each train.")] = 10
    amplitude: Annotated[Volt, Field(description="Level of the pulses.")] = 1.0
    width: Width = 100e-6
    prior_number: Annotated[
        NonNegativeInt, Field(description="Pulses of the train before; none leaves it out.")
    ] = 0
    prior_rate: Annotated[Hertz, Gt(0), Field(description="Rate of the train before.")] = 20.0
    final_after: Annotated[
        Second, Gt(0), Field(description="Rest before the conductance that stays is read.")
    ] = 10.0
    compliance: Compliance = 10e-3
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Srdp:
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give a positive or negative level")
        if min(self.rates) <= 0:
            raise ValueError("a rate of 0 Hz was asked for; give positive rates")
        fastest = max(*self.rates, self.prior_rate if self.prior_number else 0.0)
        if 1 / fastest < self.width + _LEAST_GAP:
            raise ValueError(
                f"a rate of {fastest:g} Hz was asked for; pulses of {self.width:g} s allow at most "
                f"{1 / (self.width + _LEAST_GAP):.4g} Hz"
            )
        if self.final_after <= _FIRST_READ + self.read_width:
            raise ValueError(
                f"a rest of {self.final_after:g} s was asked for; the read just after the train "
                f"takes {_FIRST_READ + self.read_width:g} s, so give more"
            )
        return self

    def steps(self) -> Steps:
        """Return to the baseline, play the trains and read, for every rate in random order."""
        return self.bounded(self._course())

    def _course(self) -> Steps:
        how = self.returning(self.amplitude, self.width, self.terminal)
        target, learned = self.baseline, Learned()
        reads = Reads(self.read, self.read_width, (_FIRST_READ, self.final_after))
        for number, rate in enumerate(self.shuffled(self.rates * self.repeats)):
            target, began = yield from self.begin(how, target, learned)
            label = {"trial": number, "rate": rate, "prior": self.prior_number, **began}
            yield from play_trial(how, self.trains(rate), reads, label)

    def trains(self, rate: float) -> Node:
        """Return the prior train, if any, and one period later the train at a rate in Hz."""
        one = spike(self.amplitude, self.width, self.terminal)
        train = even_train(one, 1 / rate - self.width, self.number)
        if not self.prior_number:
            return train
        prior = even_train(one, 1 / self.prior_rate - self.width, self.prior_number)
        return prior + rest(1 / rate - self.width) + train

    @property
    def reference_pulse(self) -> int:
        """Place of the pulse that the change is counted from."""
        return max(self.prior_number - 1, 0)

    def preview(self) -> tuple[Panel, ...]:
        """Return the fastest and the slowest train, to scale."""
        return tuple(
            waveform_panel(
                f"{rate:.3g} Hz{' after the prior train' if self.prior_number else ''}",
                self.trains(rate), (self.terminal,), branch=self.branch,
            )
            for rate in sorted({max(self.rates), min(self.rates)}, reverse=True)
        )  # fmt: skip

    @property
    def branch(self) -> str:
        """Whose colour the pulses have."""
        return "depression" if self.amplitude < 0 else "potentiation"

    def analyse(self, record: Measured) -> Results:
        """Return the change against the rate, its sign and size, and the threshold if it turns.

        Metrics: ``change_low`` and ``change_high``, of the current at the lowest and the highest
        rate, ``span`` between them, ``rise_ratio``, the smallest relative rise of the ratio 1 +
        change from one rate to the next, and the same with ``lasting_`` of the conductance that
        stays. Where the change turns its sign ``crossing``, straight between two rates, and
        ``threshold`` and ``dip`` by the preferred curve. ``energy`` of a pulse. Fits: the curves of
        `labctl.analysis.bcm`, where they have a threshold to find.
        """
        said = self.said(record, "train", len(self.rates) * self.repeats)
        return results(self, record, said)
