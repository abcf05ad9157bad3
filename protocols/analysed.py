"""The parts of results, and what every long record is asked: whether it stood still."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.protocol import Measured
from labctl.results import Fit, Metric, Panel, Table
from labctl.steps import Play

__all__ = ["Analysed", "pauses"]

_PAUSE = 60.0  # s that the record says more than the waveforms: the run was broken off


@dataclass(frozen=True, slots=True)
class Analysed:
    """What an analysis gives to its protocol, which puts its preview before the panels."""

    metrics: dict[str, Metric]
    fits: dict[str, Fit]
    tables: tuple[Table, ...]
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]


def pauses(record: Measured) -> list[str]:
    """Say where a record has a minute more between two steps than their waveforms take."""
    said, planned, lag = [], 0.0, None
    for step in record.steps:
        if not isinstance(step.what, Play):
            planned += getattr(step.what, "duration", 0.0)
            continue
        readings = record.of(step)
        if len(readings):
            late = readings[0].t - planned
            if lag is not None and late - lag > _PAUSE:
                said.append(f"the run stood still for {late - lag:.3g} s before step {step.index}")
            lag = late
        planned += step.what.waveform.duration
    return said
