"""Memristor-aided logic: NOR of two devices in a third."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, model_validator

from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import Ohm, Volt, Volts
from protocols.gates import (
    Gates,
    boundary_of,
    gate_metrics,
    gate_panels,
    gate_tables,
    told,
    trials_of,
)

__all__ = ["LogicMagic"]


class LogicMagic(Gates):
    """MAGIC NOR: two inputs in parallel, in series with the output, which begins as one.

    The node floats while the gate works; between gates a switch joins it to a load, so that every
    device can be written and read. One level on both inputs and ground on the output make a divider
    at the node. If an input is one the node rises and the output, which sees it backwards, is
    erased; if both are zero it stays one. Every combination is written, read back, gated and read
    again, in random order; the gate is right when the output holds the result and both inputs what
    they held. After Kvatinsky et al., IEEE Trans. Circuits Syst. II 2014, 61, 895,
    10.1109/TCSII.2014.2357292.
    """

    title: ClassVar[str] = "Memristor-aided logic"
    summary: ClassVar[str] = "MAGIC NOR on three devices: truth table, margins, success."
    purpose: ClassVar[str] = "neuron and logic"
    reference: ClassVar[Reference] = Reference(
        "10.1109/TCSII.2014.2357292", text="Kvatinsky et al., IEEE Trans. Circuits Syst. II 2014"
    )

    kind: Literal["logic-magic"] = "logic-magic"
    load: Annotated[
        Ohm, Gt(0), Field(description="Resistor that joins the node to ground between gates.")
    ] = 1e3
    selector: Annotated[
        str, Field(min_length=1, description="Terminal that joins node and load.")
    ] = "select"
    write: Annotated[Volt, Gt(0), Field(description="Level that writes a one.")] = 1.2
    erase: Annotated[Volt, Gt(0), Field(description="Magnitude of the level that erases.")] = 1.0
    operating: Annotated[
        Volts, Len(1), Field(description="Levels on both inputs; several for margins.")
    ] = (0.9,)

    @model_validator(mode="after")
    def _fit_together(self) -> LogicMagic:
        if min(self.operating) <= 0:
            raise ValueError(
                f"an operating level of {min(self.operating):g} V was asked for; give positive ones"
            )
        if len(self.cells) != 3:
            raise ValueError(
                f"NOR on {len(self.cells)} devices was asked for; name two inputs and the output"
            )
        return self

    def steps(self) -> Steps:
        """Try every combination of inputs with every operating level, in random order."""
        inputs = tuple(itertools.product((0, 1), repeat=2))
        tried = list(itertools.product(self.operating, inputs)) * self.trials
        for number, (level, (p, q)) in enumerate(self.shuffled(tried)):
            label: Label = {
                "trial": number, "gate": "nor", "level": level, "output": 2,
                "inputs": f"{p}{q}1", "wanted": f"{p}{q}{int(not (p or q))}",
            }  # fmt: skip
            yield from self.prepare(dict(zip(self.cells, (p, q, 1), strict=True)), label)
            yield from self.examine({**label, "part": "before"})
            waveform = self.pulses(self.levels(level), joined=False)
            yield Play(waveform, self.compliance, {}, {**label, "part": "gate"})
            yield from self.examine({**label, "part": "after"})

    def levels(self, level: float) -> dict[str, float]:
        """Return the levels of the gate, V."""
        first, second, output = self.cells
        return {first: level, second: level, output: 0.0}

    def preview(self) -> tuple[Panel, ...]:
        """Return the pulse of the gate, to scale."""
        return (self.shown("NOR", self.levels(self.operating[0])),)

    def analyse(self, record: Measured) -> Results:
        """Return the truth table and figures of merit.

        Metrics: ``success_nor``, ``window_nor``, ``drift_nor``, ``energy_nor`` and ``prepared``,
        as `protocols.logic_imp.LogicImp` has them.
        """
        trials = trials_of(record, self)
        boundary = boundary_of(trials)
        if boundary is None:
            return Results(panels=self.preview(), notes=("no zero and one have been read yet",))
        return Results(
            metrics=gate_metrics(trials, boundary),
            tables=gate_tables(trials, boundary, self.cells),
            panels=(*self.preview(), *gate_panels(trials, boundary, "operating level", self.cells)),
            notes=(told(trials, boundary),),
        )
