"""Metaplasticity: what a priming stimulus does to later potentiation and depression."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Len, Lt
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.plasticity import Change, difference, mean_change, relative_change
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from labctl.steps import Label, Play, Step, Steps
from labctl.units import Hertz, Second, Volt, Volts, show
from labctl.waveform import Node, pulse, rest
from protocols.baseline import Learned
from protocols.looks import Look, look, looks
from protocols.parameters import Compliance, Terminal, Width
from protocols.responses import energy_metrics, table, usable
from protocols.trials import Trials

__all__ = ["Metaplasticity"]

Array = NDArray[np.float64]
Branch = Literal["ltp", "ltd"]

_BRANCHES: tuple[Branch, Branch] = ("ltp", "ltd")
_COLOUR = {"ltp": "potentiation", "ltd": "depression"}


class Metaplasticity(Trials):
    """Potentiation and depression by a train, after a priming train of either polarity or none.

    From a verified baseline a priming train is given (or the same time is waited), and after a
    pause a train that potentiates or one that depresses. Its change is the conductance some time
    after it against that just before it, so what the priming did by itself does not count. After
    Nie et al., Adv. Mater. 2025, 202412006: later LTP and LTD depend on the polarity of the
    priming. The order of the trials is random.
    """

    title: ClassVar[str] = "Metaplasticity"
    summary: ClassVar[str] = "LTP and LTD after a priming train of either polarity, against none."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["metaplasticity"] = "metaplasticity"
    primings: Annotated[
        Volts, Len(2), Field(description="Levels of the priming pulses; 0 V is none.")
    ] = (0.0, 1.0, -1.0)
    priming_count: Annotated[PositiveInt, Field(description="Pulses of a priming train.")] = 10
    pause: Annotated[Second, Ge(0), Field(description="Between priming and train.")] = 1.0
    potentiation: Annotated[Volt, Gt(0), Field(description="Level of the pulses of LTP.")] = 1.0
    depression: Annotated[Volt, Lt(0), Field(description="Level of the pulses of LTD.")] = -1.5
    count: Annotated[PositiveInt, Field(description="Pulses of the train.")] = 10
    rate: Annotated[Hertz, Gt(0), Field(description="Of priming and train.")] = 10.0
    width: Width = 100e-6
    after: Annotated[Second, Ge(0), Field(description="From the train to the read after it.")] = 10
    terminal: Terminal = "top"
    compliance: Compliance = 10e-3

    @model_validator(mode="after")
    def _fit_together(self) -> Metaplasticity:
        if len(set(self.primings)) != len(self.primings):
            raise ValueError(
                f"the priming levels {self.primings} hold one twice; give each level once, and "
                "repeats for more trials"
            )
        if self.width >= 1 / self.rate:
            raise ValueError(
                f"pulses of {self.width:g} s at {self.rate:g} Hz were asked for; a width must be "
                f"below the period of {1 / self.rate:g} s"
            )
        return self

    def train(self, amplitude: float, count: int) -> Node:
        """Return a train of pulses of an amplitude in V; with 0 V as long a rest."""
        if amplitude == 0:
            return rest((count - 1) / self.rate + self.width)
        one = pulse(amplitude, self.width, terminal=self.terminal)
        if count == 1:
            return one
        return one + (rest(1 / self.rate - self.width) + one) * (count - 1)

    def steps(self) -> Steps:
        """Return to baseline, prime, pause, potentiate or depress; in random order."""
        yield from self.bounded(self._course())

    def _course(self) -> Steps:
        target, learned = self.baseline, Learned()
        peak = max(self.potentiation, -self.depression, *map(abs, self.primings))
        how = self.returning(peak, self.width, self.terminal)
        trials = list(itertools.product(_BRANCHES, self.primings)) * self.repeats
        for number, (branch, priming) in enumerate(self.shuffled(trials)):
            target, found = yield from self.begin(how, target, learned)
            which: Label = {"trial": number, "branch": branch, "priming": priming, **found}
            yield from self._trial(branch, priming, which, self.read / peak)

    def _trial(self, branch: Branch, priming: float, which: Label, share: float) -> Steps:
        reads = Look(self.read, self.read_width, self.compliance, share, self.terminal)
        amplitude = self.potentiation if branch == "ltp" else self.depression
        yield from look(reads, 0.0, {"part": "start", **which})
        yield self._play(self.train(priming, self.priming_count), "priming", which)
        yield from look(reads, self.pause, {"part": "before", **which})
        yield self._play(self.train(amplitude, self.count), "train", which)
        yield from look(reads, self.after, {"part": "after", **which})

    def _play(self, waveform: Node, part: str, which: Label) -> Step:
        return Play(waveform, self.compliance, label={"part": part, **which})

    def preview(self) -> tuple[Panel, ...]:
        """Return a trial with the last priming and LTP, to scale."""
        priming = self.primings[-1]
        whole = (
            self.train(priming, self.priming_count)
            + (rest(self.pause) if self.pause else rest(self.width))
            + self.train(self.potentiation, self.count)
        )
        title = f"Priming at {show(priming, 'V')}, then LTP"
        return (waveform_panel(title, whole, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return the change by LTP and LTD after every priming, and the effect of the priming.

        Metrics: ``ltp_after_none``, ``ltp_after_positive``, ``ltd_after_negative`` ... as
        fractions; ``ltp_effect_positive`` ..., the change after a priming less that after none;
        ``primed_positive`` ..., what the priming did by itself; ``energy_potentiation`` and
        ``energy_depression`` of the pulses; ``returned``.
        """
        found = _Trials.of(record, self.primings)
        planned = 2 * len(self.primings) * self.repeats
        return Results(
            metrics=found.metrics(),
            tables=found.tables() if len(found.rows) else (),
            panels=(*self.preview(), *found.panels()),
            notes=(*self.said(record, "train", planned), *found.notes()),
        )


@dataclass(frozen=True)
class _Trial:
    """One trial: relative changes with their uncertainty by the specification."""

    branch: Branch
    priming: float  #: V
    change: float
    u: float
    primed: float  #: what the priming did
    u_primed: float
    returned: bool
    pulses: Readings  #: in the train


@dataclass(frozen=True)
class _Trials:
    """All whole trials of a record."""

    rows: tuple[_Trial, ...]
    primings: tuple[float, ...]

    @classmethod
    def of(cls, record: Measured, primings: tuple[float, ...]) -> _Trials:
        """Collect them."""
        start, before, after = (looks(record, part) for part in ("start", "before", "after"))
        rows = []
        for step, readings in record.where(part="train"):
            trial = step.label["trial"]
            if not all(trial in seen for seen in (start, before, after)):
                continue
            a, b, c = start[trial], before[trial], after[trial]
            change, u = relative_change(b.g, c.g, b.u, c.u)
            primed, u_primed = relative_change(a.g, b.g, a.u, b.u)
            branch: Branch = "ltp" if step.label["branch"] == "ltp" else "ltd"
            rows.append(
                _Trial(
                    branch, float(step.label["priming"] or 0.0),
                    float(change[0]), float(u[0]), float(primed[0]), float(u_primed[0]),
                    bool(step.label["returned"]), readings.where(role="pulse"),
                )
            )  # fmt: skip
        return cls(tuple(rows), primings)

    @cached_property
    def changes(self) -> dict[tuple[Branch, float], Change]:
        """Mean change by branch and priming level."""
        return {
            (branch, level): mean_change(*self._columns(branch, level))
            for branch in _BRANCHES
            for level in self.primings
        }

    def _columns(self, branch: Branch, level: float) -> tuple[list[float], list[float]]:
        rows = [row for row in self.rows if row.branch == branch and row.priming == level]
        return [row.change for row in rows], [row.u for row in rows]

    def name(self, level: float) -> str:
        """Return what a priming is called: none, positive or negative, with its level if needed."""
        if level == 0:
            return "none"
        alike = [x for x in self.primings if x * level > 0]
        word = "positive" if level > 0 else "negative"
        return word if len(alike) == 1 else f"{word}_{abs(level) * 1e3:.0f}mV"

    def metrics(self) -> dict[str, Metric]:
        """Return the figures of merit."""
        found: dict[str, Metric | None] = {}
        for (branch, level), change in self.changes.items():
            found[f"{branch}_after_{self.name(level)}"] = change.metric("weight-change")
        if 0.0 in self.primings:
            for branch, level in itertools.product(_BRANCHES, self.primings):
                if level:
                    found[f"{branch}_effect_{self.name(level)}"] = difference(
                        self.changes[branch, level], self.changes[branch, 0.0],
                        "weight-change-difference",
                    )  # fmt: skip
        for level in self.primings:
            rows = [row for row in self.rows if row.priming == level]
            primed = mean_change([r.primed for r in rows], [r.u_primed for r in rows])
            if level:
                found[f"primed_{self.name(level)}"] = primed.metric("weight-change")
        if self.rows:
            share = float(np.mean([row.returned for row in self.rows]))
            found["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
        pulses = {
            _COLOUR[branch]: Readings(
                [x for r in self.rows if r.branch == branch for x in r.pulses]
            )
            for branch in _BRANCHES
        }
        return {k: m for k, m in found.items() if m is not None} | energy_metrics(pulses)

    def tables(self) -> tuple[Table, ...]:
        """Return the mean changes, one row for each branch and priming."""
        nan = float("nan")
        items = list(self.changes.items())
        return (
            table(
                "Change by the train after each priming",
                (
                    ("train", "", [branch.upper() for (branch, _), _ in items]),
                    ("priming", "V", [level for (_, level), _ in items]),
                    ("change", "1", [c.value for _, c in items]),
                    ("u(change)", "1", [nan if c.sigma is None else c.sigma for _, c in items]),
                    ("repeats", "1", [float(c.repeats) for _, c in items]),
                ),
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        """Return the changes against the priming level, and the currents in the trains."""
        if not self.rows:
            return ()
        levels = sorted(self.primings)
        traces = []
        for branch in _BRANCHES:
            changes = [self.changes[branch, level] for level in levels]
            data = points_of(
                levels, [c.value for c in changes], [c.sigma or 0.0 for c in changes],
                branch.upper(), _COLOUR[branch],
            )  # fmt: skip
            traces.append(data)
        zero = line_of([levels[0], levels[-1]], [0.0, 0.0], "no change")
        changed = Panel(
            "Change by LTP and LTD after priming", "level of the priming pulses", "V", "change",
            "1", (*traces, zero),
        )  # fmt: skip
        return (changed, *(panel for branch in _BRANCHES for panel in self._trains(branch)))

    def _trains(self, branch: Branch) -> Sequence[Panel]:
        traces = []
        for level in self.primings:
            rows = [r for r in self.rows if r.branch == branch and r.priming == level]
            traces += _mean_train([r.pulses for r in rows], f"priming: {self.name(level)}")
        if not traces:
            return ()
        title = f"Current in the pulses of {branch.upper()}"
        return (Panel(title, "pulse", "1", "EPSC", "A", tuple(traces)),)

    def notes(self) -> tuple[str, ...]:
        """Say which effects are beyond doubt."""
        metrics = self.metrics()
        effects = {k: m for k, m in metrics.items() if "_effect_" in k and m.sigma}
        sure = [k for k, m in effects.items() if m.sigma and abs(m.value) > 2 * m.sigma]
        unsure = [k for k in effects if k not in sure]
        return tuple(
            f"{word} two standard uncertainties: {', '.join(names)}"
            for word, names in (("beyond", sure), ("within", unsure))
            if names
        )


def _mean_train(trains: Sequence[Readings], name: str) -> list[Trace]:
    """Return the mean current at each pulse of like trains, as points; none where all are lost."""
    count = max((len(r) for r in trains), default=0)
    whole = [np.where(usable(r), np.abs(r.i), np.nan) for r in trains if len(r) == count]
    if not count or not whole:
        return []
    return [points_of(np.arange(1, count + 1), np.mean(whole, axis=0), None, name)]
