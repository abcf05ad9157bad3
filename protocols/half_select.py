"""Half-select disturb: what writing its neighbours does to a cell of an array."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Len
from pydantic import Field, model_validator

from labctl.protocol import Reference
from labctl.units import Ratios, Second, Volt
from protocols.disturb import Disturbing, numbered
from protocols.disturb_results import Stress

__all__ = ["HalfSelect"]

_THIRD = 1 / 3


class HalfSelect(Disturbing):
    """Fractions of the write pulses on written states: V/2 and V/3, of SET and of RESET.

    In a passive array a write to one cell puts half of its voltage on the cells of the same row and
    column (V/2 scheme), or a third of it on all of them (V/3, with a third of the opposite sign on
    the rest). Each state bears the pulses of each scheme and of each polarity; the change counts
    beyond that of a control which rests for as long.
    """

    title: ClassVar[str] = "Half-select disturb"
    summary: ClassVar[str] = "V/2 and V/3 of the write pulses on each state: pulses to disturb."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "", text="V/2 and V/3 schemes of passive arrays: Xia et al., Nano-Micro Lett. 2025, 17, 217"
    )

    kind: Literal["half-select"] = "half-select"
    set_amplitude: Annotated[Volt, Field(description="Level of a SET in the array.")] = 1.0
    reset_amplitude: Annotated[Volt, Field(description="Level of a RESET in the array.")] = -1.0
    fractions: Annotated[
        Ratios, Len(1), Field(description="Shares of it that an unselected cell sees.")
    ] = (0.5, _THIRD)
    length: Annotated[Second, Gt(0), Field(description="Width of a write in the array.")] = 100e-6

    @model_validator(mode="after")
    def _fit_together(self) -> HalfSelect:
        self.check()
        if self.set_amplitude == 0 or self.reset_amplitude == 0:
            raise ValueError("a write of 0 V was asked for; give SET and RESET a level")
        if not all(0 < abs(fraction) <= 1 for fraction in self.fractions):
            raise ValueError(
                f"fractions {', '.join(f'{f:g}' for f in self.fractions)} were asked for; an "
                "unselected cell sees more than nothing and at most the whole voltage, so give "
                "shares up to 1 in size"
            )
        return self

    def stresses(self) -> list[Stress]:
        """Return every state under every share of SET and of RESET."""
        kinds = []
        for state in self.states:
            for fraction in self.fractions:
                for name, full in (("SET", self.set_amplitude), ("RESET", self.reset_amplitude)):
                    shown = f"state of {state:+g} V, {_share(fraction)} of {name}"
                    kinds.append((state, fraction * full, shown))
        return numbered(kinds)

    def small_width(self) -> float:
        """Return the width of a write in the array, s."""
        return self.length


def _share(fraction: float) -> str:
    for whole in (2, 3, 4, 5):
        if abs(abs(fraction) * whole - 1) < 1e-3:
            return f"{'-' if fraction < 0 else ''}V/{whole}"
    return f"{fraction:g} V"
