"""Parameters that many protocols share, each with its bounds and its line of explanation."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import BeforeValidator, Field, PositiveInt

from labctl.protocol import Protocol
from labctl.units import Ampere, Ratio, Second, Siemens, Volt
from protocols.baseline import Baseline

__all__ = [
    "Compliance", "LongestTime", "MostPulses", "ReadVoltage", "ReadWidth", "Repeats", "Returning",
    "Terminal", "Width", "Words",
]  # fmt: skip


def _words(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Width = Annotated[Second, Gt(0), Field(description="Full width at half maximum of the pulses.")]
ReadVoltage = Annotated[Volt, Gt(0), Field(description="Read voltage.")]
ReadWidth = Annotated[Second, Gt(0), Field(description="Length of the read.")]
Compliance = Annotated[Ampere, Gt(0), Field(description="Largest current.")]
Repeats = Annotated[PositiveInt, Field(description="How often the whole is done.")]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Terminal = Annotated[str, Field(min_length=1, description="Device terminal that is driven.")]
MostPulses = Annotated[PositiveInt, Field(description="It ends before it applies more pulses.")]
LongestTime = Annotated[Second, Gt(0), Field(description="It ends before it takes longer.")]


class Returning(Protocol):
    """A protocol that brings the device back to a baseline again and again, and checks it.

    Subclasses give `amplitude` and `width` of the writing pulses to `returning`.
    """

    read: ReadVoltage = 0.1
    compliance: Compliance = 1e-3
    baseline: Annotated[
        Siemens | None,
        Gt(0),
        Field(description="Conductance to begin each part at; else as found."),
    ] = None
    within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Largest distance from the baseline, relative.")
    ] = 0.01
    longest_wait: Annotated[Second, Ge(0), Field(description="For the device to stand still.")] = 30
    restore: Annotated[
        Literal["wait", "pulses"], Field(description="Whether a lasting change is written back.")
    ] = "pulses"

    def returning(self, amplitude: float, width: float) -> Baseline:
        """Return how the device is brought back, with pulses up to an amplitude in V and width."""
        return Baseline(
            self.read, self.compliance, amplitude, width, self.within, self.longest_wait,
            self.restore,
        )  # fmt: skip
