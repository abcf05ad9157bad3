"""Triplets of spikes: pre-post-pre and post-pre-post over both delays, and their BCM curves."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Len
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Conductances, Second, Seconds, Volt, log_spaced
from labctl.waveform import Node, pulse, rest
from protocols.baseline import Learned
from protocols.looks import Look, look
from protocols.parameters import Compliance, Terminal, Width
from protocols.trials import Trials
from protocols.triplet_curves import Triplets

__all__ = ["Order", "TripletStdp"]

Order = Literal["pre-post-pre", "post-pre-post"]
_ORDERS: tuple[Order, Order] = ("pre-post-pre", "post-pre-post")


class TripletStdp(Trials):
    """Change of the weight by three spikes, against the two delays between them.

    Every combination of both orders, of the delay from the first spike to the second and of that
    from the second to the third is given from the same verified baseline, or from several
    conductances one after another; inside each their order is random. The change is read some time
    after the triplet. The neuron that fires twice does so at the rate 1/(delay 1 + delay 2): read
    against this rate, with the first delay held, the change is a BCM curve, with the threshold at
    which depression turns into potentiation (Nie et al., Adv. Mater. 2025, 202412006: first delay
    150 ms, from 100, 200 and 500 uS; Wang et al., 10.1038/s41467-020-15158-3).

    Spikes are rectangular and do not overlap. A spike before is a positive pulse on its terminal; a
    spike after is one on the other terminal, or without one a negative pulse on the first.
    """

    title: ClassVar[str] = "Triplet STDP"
    summary: ClassVar[str] = "Three spikes over both delays; BCM curves and their threshold."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["triplet-stdp"] = "triplet-stdp"
    order: Annotated[
        Literal["both", "pre-post-pre", "post-pre-post"],
        Field(description="Which neuron fires twice."),
    ] = "both"
    amplitude: Annotated[
        Volt, Field(description="Level of the spikes; its sign exchanges the two neurons.")
    ] = 1.0
    width: Width = 100e-6
    first: Annotated[
        Seconds, Len(1), Field(description="From the first spike to the second, onset to onset.")
    ] = (50e-3, 150e-3)
    second: Annotated[Seconds, Len(1), Field(description="From the second spike to the third.")] = (
        log_spaced(17e-3, 4.85, 10)
    )
    states: Annotated[
        Conductances, Field(description="Conductances to begin at; none: the baseline alone.")
    ] = ()
    pause: Annotated[Second, Ge(0), Field(description="From a triplet to the read after it.")] = 10
    pre: Terminal = "top"
    post: Annotated[
        str, Field(description="Terminal of the neuron after; empty: negative pulses on the first.")
    ] = ""
    compliance: Compliance = 5e-3

    @model_validator(mode="after")
    def _fit_together(self) -> TripletStdp:
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no spike; give a positive or negative level")
        shortest = min(*self.first, *self.second)
        if shortest <= self.width:
            raise ValueError(
                f"a delay of {shortest:g} s was asked for with spikes of {self.width:g} s; a delay "
                "must be longer than a spike"
            )
        if self.pre == self.post:
            raise ValueError(
                f'both neurons on the terminal "{self.pre}" were asked for; give the one after '
                "another terminal, or none"
            )
        if any(g <= 0 for g in self.states):
            raise ValueError(
                f"a conductance of {min(self.states):g} S to begin at was asked for; "
                "it must be positive"
            )
        return self

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders of spikes that are given."""
        return _ORDERS if self.order == "both" else (self.order,)

    def triplet(self, order: Order, first: float, second: float) -> Node:
        """Return three spikes with the two delays between them, s."""
        before = pulse(self.amplitude, self.width, terminal=self.pre)
        after = (
            pulse(self.amplitude, self.width, terminal=self.post)
            if self.post
            else pulse(-self.amplitude, self.width, terminal=self.pre)
        )
        outer, inner = (before, after) if order == "pre-post-pre" else (after, before)
        gaps = [rest(round((delay - self.width) * 1e9) / 1e9) for delay in (first, second)]
        return outer + gaps[0] + inner + gaps[1] + outer

    def steps(self) -> Steps:
        """Bring the device to each state, and give every triplet from it in random order."""
        yield from self.bounded(self._course())

    def _course(self) -> Steps:
        how = self.returning(abs(self.amplitude), self.width, self.pre)
        reads = Look(
            self.read, self.read_width, self.compliance, self.read / abs(self.amplitude), self.pre
        )
        numbers = itertools.count()
        every = list(itertools.product(self.orders, self.first, self.second)) * self.repeats
        for state in self.states or (self.baseline,):
            target, learned = state, Learned()
            for order, first, second in self.shuffled(every):
                target, found = yield from self.begin(how, target, learned)
                which: Label = {
                    "trial": next(numbers), "order": order, "first": first, "second": second,
                    "state": state, **found,
                }  # fmt: skip
                yield from look(reads, 0.0, {"part": "before", **which})
                waveform = self.triplet(order, first, second)
                yield Play(waveform, self.compliance, label={"part": "triplet", **which})
                yield from look(reads, self.pause, {"part": "after", **which})

    def preview(self) -> tuple[Panel, ...]:
        """Return the closest triplet of each order, to scale."""
        names = tuple(name for name in (self.pre, self.post) if name)
        return tuple(
            waveform_panel(
                f"Closest triplet, {order}",
                self.triplet(order, min(self.first), min(self.second)),
                names,
            )
            for order in self.orders
        )

    def analyse(self, record: Measured) -> Results:
        """Return the landscape over both delays, and a BCM curve for each first delay and state.

        Metrics: ``threshold``, ``threshold_fit``, ``dip``, ``deepening`` and ``deepest`` of every
        BCM curve; where several orders, first delays or states were asked for, their names follow,
        as in ``threshold_pre_post_pre_150ms_from_200uS``. ``threshold_power``, the exponent of the
        threshold against the conductance, for every order and first delay with several states;
        ``energy_pre`` and ``energy_post`` of a spike; ``returned``. Fits: every BCM shape.
        """
        found = Triplets.of(record, self.orders, self.first, self.states, bool(self.post))
        planned = (
            len(self.orders) * len(self.first) * len(self.second) * max(1, len(self.states))
        ) * self.repeats
        return Results(
            metrics=found.metrics(),
            fits=found.fits(),
            tables=found.tables() if len(found.rows) else (),
            panels=(*self.preview(), *found.panels()),
            notes=(*self.said(record, "triplet", planned), *found.notes()),
        )
