"""Read disturb: how many reads a state bears."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, model_validator

from labctl.protocol import Reference
from labctl.units import Second, Volt, Volts
from protocols.disturb import Disturbing, numbered
from protocols.disturb_results import Stress

__all__ = ["ReadDisturb"]


class ReadDisturb(Disturbing):
    """Many reads on written states, at the read voltage and above it, until the state changes.

    Each state is written afresh for every level of the reads, which are loops that the instrument
    plays by itself; at logarithmic marks the state is looked at by a low read. The change counts
    beyond that of a control which rests for as long. Higher levels disturb sooner; where three
    levels do, the number of reads is carried down to the voltage of use by its exponential law.
    """

    title: ClassVar[str] = "Read disturb"
    summary: ClassVar[str] = "Many reads at several voltages: reads to disturb, with a control."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "", text="repeated reads of a written state, with a control; no single source"
    )
    counted: ClassVar[str] = "reads"

    kind: Literal["read-disturb"] = "read-disturb"
    levels: Annotated[
        Volts, Len(1), Field(description="Levels of the reads that may disturb, either sign.")
    ] = (0.1, 0.5)
    length: Annotated[Second, Gt(0), Field(description="Of each of these reads.")] = 1e-3
    use: Annotated[
        Volt | None, Gt(0), Field(description="Where the number is wanted; the read voltage.")
    ] = None

    @model_validator(mode="after")
    def _fit_together(self) -> ReadDisturb:
        self.check()
        if 0.0 in self.levels:
            raise ValueError("a read at 0 V disturbs nothing; give every level a voltage")
        return self

    def stresses(self) -> list[Stress]:
        """Return every state under reads of every level."""
        return numbered(
            [
                (state, level, f"state of {state:+g} V, reads at {level:+g} V")
                for state in self.states
                for level in self.levels
            ]
        )

    def small_width(self) -> float:
        """Return the length of a read, s."""
        return self.length

    def _extrapolated(self) -> float:
        return self.read if self.use is None else self.use
