"""Trials: stimuli in random order, each from a verified baseline, within a limit."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.steps import Label, Step, Steps, Wait
from protocols.baseline import Baseline, Learned, restore
from protocols.limited import Limit, limited
from protocols.parameters import LongestTime, MostPulses, ReadWidth, Repeats, Returning

__all__ = ["Measure", "Trials", "branch_of"]


class Trials(Returning):
    """A protocol of many stimuli, in random order, each from the same verified baseline.

    Subclasses yield their trials from `trials` and wrap their course in `bounded`.
    """

    repeats: Repeats = 3
    read_width: ReadWidth = 30e-3
    most_pulses: MostPulses = 100_000
    longest_time: LongestTime = 1e6

    def bounded(self, course: Steps) -> Steps:
        """Go on with a course within the limits of pulses and time; say when they are reached."""
        limit = Limit(self.most_pulses, self.longest_time)
        if not (yield from limited(course, limit)):
            yield Wait(self.read_width, {"part": "limit", "reached": limit.reached})

    def begin(
        self, how: Baseline, target: float | None, learned: Learned
    ) -> Generator[Step, Readings, tuple[float | None, Label]]:
        """Bring the device back; return the target from now on and what the label is to say.

        The first usable reading becomes the target where none was given.
        """
        rested = yield from restore(how, target, learned)
        known = rested.g if math.isfinite(rested.g) and rested.g > 0 else None
        return target or known, {"returned": rested.returned}

    def returning(self, amplitude: float, width: float, terminal: str = "top") -> Baseline:
        """Return how the device is brought back, by its terminal."""
        return replace(super().returning(amplitude, width), terminal=terminal)

    def said(self, record: Measured, part: str, planned: int) -> tuple[str, ...]:
        """Say how many trials there are, from where they began, and which limit was reached.

        Parameters
        ----------
        record
            What was measured.
        part
            Label ``part`` of the stimuli.
        planned
            How many trials a whole record has.
        """
        found = [step.label for step, _ in record.where(part=part)]
        away = sum(not label.get("returned") for label in found)
        notes = [
            f"{len(found)} of {planned} trials, order randomised"
            if found
            else f"none of {planned} trials is complete"
        ]
        if away:
            notes.append(
                f"{away} of them began away from the baseline by more than {self.within:.1%}"
            )
        notes += [str(step.label["reached"]) for step, _ in record.where(part="limit")]
        return tuple(notes)


Measure = Annotated[
    Literal["reads", "both"],
    Field(description="Reads alone, with the longest aperture, or the currents in the pulses too."),
]


def branch_of(value: float) -> str:
    """Return whose colour a change has."""
    return "potentiation" if value > 0 else "depression" if value < 0 else ""
