"""Material implication and NAND on devices that meet at a node with a load resistor."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, model_validator

from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Volt, Volts
from protocols.gates import (
    Gates,
    boundary_of,
    gate_metrics,
    gate_panels,
    gate_tables,
    told,
    trials_of,
)

__all__ = ["LogicImp"]


class LogicImp(Gates):
    """IMP by two devices and a resistor, NAND by a sequence on three.

    A conditioning level on p and a setting level on q act at once. If p is zero the node stays low
    and q is set; if p is one it lifts the node, and q stays what it was: q becomes (not p) or q.
    NAND of p and q in s is FALSE(s), p IMP s, q IMP s. Every combination of inputs is written, read
    back, gated and read again, in random order; the gate is right when every device holds what it
    should, the inputs included. After Borghetti et al., Nature 2010, 464, 873,
    10.1038/nature08940.
    """

    title: ClassVar[str] = "Implication logic"
    summary: ClassVar[str] = "IMP and NAND on devices: truth tables, margins, success."
    purpose: ClassVar[str] = "neuron and logic"
    reference: ClassVar[Reference] = Reference(
        "10.1038/nature08940", text="Borghetti et al., Nature 2010, 464, 873"
    )

    kind: Literal["logic-imp"] = "logic-imp"
    gates: Annotated[
        Literal["imp", "nand", "both"], Field(description="NAND needs a third device.")
    ] = "both"
    set: Annotated[Volt, Gt(0), Field(description="Level on the device that is to follow.")] = 1.25
    conditions: Annotated[
        Volts, Len(1), Field(description="Levels on the device that decides; several for margins.")
    ] = (1.05,)

    @model_validator(mode="after")
    def _fit_together(self) -> LogicImp:
        if max(self.conditions) >= self.set or min(self.conditions) <= 0:
            raise ValueError(
                f"conditioning levels up to {max(self.conditions):g} V with a setting level of "
                f"{self.set:g} V were asked for; they must be positive and below it"
            )
        if self.gates != "imp" and len(self.cells) < 3:
            raise ValueError(
                f"NAND on {len(self.cells)} devices was asked for; it needs three, so name a third "
                'in cells or choose gates = "imp"'
            )
        return self

    def steps(self) -> Steps:
        """Try every combination of inputs with every condition, in random order."""
        kinds = ("imp", "nand") if self.gates == "both" else (self.gates,)
        inputs = tuple(itertools.product((0, 1), repeat=2))
        tried = list(itertools.product(kinds, self.conditions, inputs)) * self.trials
        for number, (gate, level, (p, q)) in enumerate(self.shuffled(tried)):
            yield from self._trial(number, gate, level, p, q)

    def _trial(self, number: int, gate: str, level: float, p: int, q: int) -> Steps:
        spare = (0,) * (len(self.cells) - 2)
        output = 1 if gate == "imp" else 2
        result = int(not p or q) if gate == "imp" else int(not (p and q))
        inputs = (p, q, *spare)
        wanted = tuple(result if k == output else bit for k, bit in enumerate(inputs))
        label: Label = {
            "trial": number, "gate": gate, "level": level, "output": output,
            "inputs": "".join(map(str, inputs)), "wanted": "".join(map(str, wanted)),
        }  # fmt: skip
        yield from self.prepare(dict(zip(self.cells, inputs, strict=True)), label)
        yield from self.examine({**label, "part": "before"})
        for decides in (0,) if gate == "imp" else (0, 1):
            levels = self.levels(decides, output, level)
            yield Play(
                self.pulses(levels, joined=True), self.compliance, {}, {**label, "part": "gate"}
            )
        yield from self.examine({**label, "part": "after"})

    def levels(self, decides: int, follows: int, level: float) -> dict[str, float]:
        """Return the levels of one implication, V; a device that takes no part is held between."""
        found = dict.fromkeys(self.cells, self.share * self.set)
        return found | {self.cells[decides]: level, self.cells[follows]: self.set}

    def preview(self) -> tuple[Panel, ...]:
        """Return the pulses of one implication, to scale."""
        return (self.shown("p IMP q", self.levels(0, 1, self.conditions[0])),)

    def analyse(self, record: Measured) -> Results:
        """Return truth tables and figures of merit of both gates.

        Metrics, each with ``_imp`` or ``_nand``: ``success`` (share of the prepared trials in which
        every device is right), ``window`` (decades between the least one and the largest zero of
        the result), ``drift`` (largest change of a device that keeps its bit, decades), ``energy``;
        and ``prepared``, the share of trials whose inputs were what was asked for. A table has the
        successes with their 95 % intervals.
        """
        trials = trials_of(record, self)
        boundary = boundary_of(trials)
        if boundary is None:
            return Results(panels=self.preview(), notes=("no zero and one have been read yet",))
        return Results(
            metrics=gate_metrics(trials, boundary),
            tables=gate_tables(trials, boundary, self.cells),
            panels=(
                *self.preview(), *gate_panels(trials, boundary, "conditioning level", self.cells)
            ),
            notes=(told(trials, boundary),),
        )  # fmt: skip
