"""Multilevel storage: programmed states, verified after a hold, and how many a read tells apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import Field, model_validator

from labctl.analysis.quantiles import student_95
from labctl.analysis.references import draw_levels
from labctl.analysis.states import States, resolvable_states
from labctl.protocol import Measured, Reference
from labctl.results import Metric, Panel, Results, Table, Trace
from labctl.steps import Steps, Wait
from labctl.units import Ratio, Siemens, log_spaced
from protocols.limited import Limit, limited
from protocols.programmed import (
    Programmed,
    attempt_metrics,
    attempt_table,
    attempts,
    limit_note,
    pulse_energies_by_way,
)
from protocols.responses import conductances, table, usable

__all__ = ["Multilevel"]

Array = NDArray[np.float64]

_Z_95 = 1.959963984540054


class Multilevel(Programmed):
    """Number of states that a read tells apart after a hold.

    Levels between two conductances are programmed by write and verify, each several times and in
    random order, so every level is reached from many others; after the hold each is read again.
    The number of states is the largest set of levels whose neighbours a single read, with a
    threshold between them, confuses with a stated probability at most, from the scatter of what was
    read after the hold: errors of programming, relaxation and noise of the read together.
    """

    title: ClassVar[str] = "Multilevel storage"
    summary: ClassVar[str] = "States that a read tells apart after a hold, and their bits."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1088/0957-4484/23/7/075201",
        figure="Table 2 of Xia et al., Nano-Micro Lett. 2025, 17, 217 lists reported devices",
        text="states by write and verify: Alibart et al., Nanotechnology 2012, 23, 075201",
    )

    decides: ClassVar[bool] = True

    kind: Literal["multilevel"] = "multilevel"
    lowest: Annotated[Siemens, Gt(0), Field(description="Conductance of the lowest level.")] = 1e-4
    highest: Annotated[Siemens, Gt(0), Field(description="That of the highest.")] = 1e-3
    levels: Annotated[int, Ge(2), Field(description="Number of levels, both ends included.")] = 8
    spacing: Annotated[
        Literal["log", "lin"], Field(description="Equal ratios or equal differences.")
    ] = "log"
    read_error: Annotated[
        Ratio,
        Gt(0),
        Lt(0.5),
        Field(description="Largest probability that a read takes a level for its neighbour."),
    ] = 1.35e-3
    repeats: Annotated[int, Ge(2), Field(description="How often each level is written.")] = 4

    @model_validator(mode="after")
    def _levels_are_apart(self) -> Multilevel:
        if self.lowest >= self.highest:
            raise ValueError(
                f"levels from {self.lowest:g} S to {self.highest:g} S were asked for; the lowest "
                "must be below the highest"
            )
        return self

    @property
    def targets(self) -> tuple[float, ...]:
        """Conductances of the levels, rising, S."""
        if self.spacing == "log":
            return log_spaced(self.lowest, self.highest, self.levels)
        even = np.linspace(self.lowest, self.highest, self.levels)
        return tuple(float(f"{g:.9g}") for g in even)

    def steps(self) -> Steps:
        """Write every level so many times, in random order."""
        limit = Limit(self.most_pulses, self.longest_time)
        if not (yield from limited(self._course(), limit)):
            yield Wait(self.read_width, {"part": "limit", "reached": limit.reached})

    def _course(self) -> Steps:
        for number, target in enumerate(self.shuffled(self.targets * self.repeats)):
            yield from self.reach(number, target)

    def analyse(self, record: Measured) -> Results:
        """Return how many states there are, and how well they are written.

        Metrics: ``states`` at the stated read error after the hold and ``states_written`` as
        verified before it, ``bits``, ``dynamic_range`` of the levels after the hold, and those of
        write-verify: ``pulses_to_target``, ``reached``, ``kept``, ``error``, ``error_written``,
        ``shift``, ``energy_raising``, ``energy_lowering``.
        """
        found = attempts(record)
        after, before = _reads(record, "hold"), _reads(record, "verify")
        states = {
            name: _states(*data, self.read_error)
            for name, data in (("states", after), ("states_written", before))
        }
        metrics = {name: _count(one) for name, one in states.items() if one is not None}
        held = states["states"]
        if held is not None:
            metrics |= _range(*after) | {"bits": _bits(held)}
        return Results(
            metrics=metrics
            | attempt_metrics(found, self.within, self.kept_within)
            | pulse_energies_by_way(record, self.writing.raising),
            tables=(_table(*after), attempt_table(found)) if found else (),
            panels=(*self.preview(), *_panels(after, before, held, metrics)),
            notes=(*_notes(self, held, len(found)), *limit_note(record)),
        )


def _reads(record: Measured, part: str) -> tuple[Array, Array]:
    """Return conductance and target of the last read of each attempt, of one part."""
    last: dict[int, tuple[float, float]] = {}
    for step, readings in record.where(part=part):
        reads = readings.where(role="read")
        good = usable(reads)
        if np.any(good):
            target = float(step.label["target"] or math.nan)
            last[int(step.label["attempt"] or 0)] = float(conductances(reads)[good][-1]), target
    pairs = np.array(list(last.values()), float).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _states(g: Array, target: Array, error: float) -> States | None:
    """Return the states; None while no level was read twice."""
    _, counts = np.unique(target, return_counts=True)
    if not np.any(counts > 1):
        return None
    (found,) = resolvable_states(g, target, error=error).values()
    return found


def _count(states: States) -> Metric:
    sigma = (states.high - states.low) / (2 * _Z_95)
    return Metric(float(states.count), sigma or None, "1", states.definition)


def _bits(states: States) -> Metric:
    ends = [math.log2(max(n, 1)) for n in (states.low, states.high)]
    sigma = (ends[1] - ends[0]) / (2 * _Z_95)
    return Metric(math.log2(max(states.count, 1)), sigma or None, "1", "bits-of-states")


def _range(g: Array, target: Array) -> dict[str, Metric]:
    """Return the highest level's mean over the lowest one's.

    Its error is widened by Student's factor for as many degrees of freedom as both scatters leave
    (Welch, Biometrika 34, 28, 10.1093/biomet/34.1-2.28), so that 1.96 of it hold 95 %: a level is
    written a few times only.
    """
    ends = [g[target == t] for t in (target.max(), target.min())]
    top, bottom = (float(np.mean(group)) for group in ends)
    parts = [
        float(np.std(group, ddof=1)) / math.sqrt(len(group)) / float(np.mean(group))
        for group in ends
        if len(group) > 1
    ]
    sigma = None
    if len(parts) == len(ends):
        both = math.hypot(*parts)
        spare = [part**4 / (len(group) - 1) for part, group in zip(parts, ends, strict=True)]
        dof = both**4 / sum(spare) if sum(spare) > 0 else math.inf
        sigma = top / bottom * both * student_95(dof) / _Z_95
    return {"dynamic_range": Metric(top / bottom, sigma, "1", "range-of-levels")}


def _table(g: Array, target: Array) -> Table:
    groups = [(t, g[target == t]) for t in np.unique(target)]
    return table(
        "Levels after the hold",
        (
            ("target", "S", [float(t) for t, _ in groups]),
            ("mean", "S", [float(np.mean(group)) for _, group in groups]),
            (
                "standard deviation", "S",
                [float(np.std(x, ddof=1)) if len(x) > 1 else math.nan for _, x in groups],
            ),
            ("times written", "1", [float(len(group)) for _, group in groups]),
        ),
    )  # fmt: skip


def _panels(
    after: tuple[Array, Array],
    before: tuple[Array, Array],
    states: States | None,
    metrics: dict[str, Metric],
) -> tuple[Panel, ...]:
    g, target = after
    if not len(g):
        return ()
    held = Trace(tuple(target.tolist()), tuple(g.tolist()), "after the hold")
    written = Trace(tuple(before[1].tolist()), tuple(before[0].tolist()), "as verified")
    ends = (float(target.min()), float(target.max()))
    panels = [
        Panel(
            "Levels read", "target", "S", "conductance", "S",
            (written, held, Trace(ends, ends, "target", "line")), x_log=True, y_log=True,
        ),
        _spread(g, target),
    ]  # fmt: skip
    if states is not None:
        point = {"this device": (metrics["dynamic_range"].value, float(states.count))}
        panels.append(draw_levels(point))
    return tuple(panels)


def _spread(g: Array, target: Array) -> Panel:
    """Return the cumulative share of each level's reads, as multilevel papers show it."""
    traces = []
    for t in np.unique(target):
        group = np.sort(g[target == t])
        share = (np.arange(len(group)) + 0.5) / len(group)
        traces.append(Trace(tuple(group.tolist()), tuple(share.tolist()), kind="steps"))
    title = "Distribution of every level after the hold"
    return Panel(title, "conductance", "S", "share of reads", "1", tuple(traces), x_log=True)


def _notes(asked: Multilevel, states: States | None, count: int) -> Sequence[str]:
    if not count:
        return ("no read that verifies is complete",)
    if states is None:
        return ("no level was read twice after its hold; there is no scatter to count states by",)
    counted = (
        f"{states.count} of {asked.levels} levels (between {states.low} and {states.high} within "
        f"the uncertainty of their scatter) at a read error of {asked.read_error:.3g}, that is "
        f"k = {states.k:.2f} standard deviations"
    )
    said = [counted]
    if states.count == asked.levels:
        said.append("all levels asked for are told apart; the device may hold more")
    if states.note:
        said.append(states.note)
    return said
