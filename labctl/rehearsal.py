"""Rehearsals: a protocol on a virtual bench without a run folder, for trials in great number.

What a run writes to disk a rehearsal keeps in memory and forgets: draws of hidden truth, sweeps
over parameters, the tables that compare a protocol with the device it measured. The protocol, the
drivers and the virtual laboratory are those of a run, step for step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.benchfile import define_bench
from labctl.errors import BadInput, Refused
from labctl.protocol import Protocol
from labctl.readings import Readings, Row
from labctl.results import Results
from labctl.steps import StepRecord
from labctl.workbench import Bench

__all__ = ["Rehearsed", "rehearse"]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal measured; meets `labctl.protocol.Measured`."""

    protocol: Protocol
    steps: tuple[StepRecord, ...]  #: in order
    readings: Readings  #: all of them

    def of(self, step: StepRecord) -> Readings:
        """Return the readings of one step."""
        return Readings(self.readings.rows[step.first : step.last])

    def where(self, **label: float | int | str | bool) -> Iterator[tuple[StepRecord, Readings]]:
        """Yield the steps whose label has these values, with their readings."""
        for step in self.steps:
            if all(step.label.get(name) == value for name, value in label.items()):
                yield step, self.of(step)

    def analyse(self) -> Results:
        """Derive the results from the readings."""
        return self.protocol.analyse(self)


def rehearse(
    protocol: Protocol, content: Mapping[str, Any], *, seed: int = 0, site: str = ""
) -> Rehearsed:
    """Carry out a protocol on a virtual bench and keep nothing on disk.

    Parameters
    ----------
    protocol
        What to measure.
    content
        A bench file's content, as `labctl.benchfile.read_bench` gives it; it must be simulated.
    seed
        Fixes the virtual devices and every random number.
    site
        Device of a virtual wafer.

    Raises
    ------
    BadInput
        The bench is not a virtual one, or its content is wrong.
    Refused
        A step breaks a limit of the bench; it was not played.
    """
    definition = define_bench({"name": "rehearsal", **content}, "bench of a rehearsal")
    if not definition.simulated:
        raise BadInput(
            f"a rehearsal on {definition.name} was asked for, which is no virtual bench; "
            "use labctl.run on real instruments"
        )
    steps: list[StepRecord] = []
    rows: list[Row] = []
    with Bench(definition, content, seed=seed, site=site) as bench:
        course = protocol.steps()
        answer: Readings | None = None
        while True:
            try:
                step = next(course) if answer is None else course.send(answer)
            except StopIteration:
                break
            if violations := definition.check(step):
                raise Refused(violations)
            first = len(rows)
            rows += [row for chunk in bench.execute(step, _never) for row in chunk]
            steps.append(StepRecord(len(steps), 1, step, first, len(rows)))
            answer = Readings(rows[first:])
    return Rehearsed(protocol, tuple(steps), Readings(rows))


def _never() -> bool:
    return False
