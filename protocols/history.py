"""History adaptation: the same rate depresses or potentiates, by what came before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray
from pydantic import Field, model_validator

from labctl.analysis.curve_panels import line_of
from labctl.analysis.plasticity import Change, difference, mean_change, step_changes
from labctl.errors import BadInput
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Flag, Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from labctl.steps import Play, Steps
from labctl.units import Counts, Rates, Volt, show
from labctl.waveform import Node
from protocols.baseline import Learned
from protocols.looks import Look, look, looks
from protocols.parameters import Compliance, ReadWidth, Terminal, Width
from protocols.responses import energy_metrics, table
from protocols.trains import Peaks, Probe, peaks_of, series
from protocols.trials import Measure, Trials

__all__ = ["History"]

Array = NDArray[np.float64]

_COMPARED = (
    "the change of an epoch is its last response against the last of the epoch before; that of the "
    "first is against the read before it (in the pulses: against its first pulse)"
)
_FEW = 6  # pulses of an epoch that the preview shows


class History(Trials):
    """Trains at several rates in a row: whether a rate still means what it meant before.

    Each epoch is a train of equal pulses, each read just after it. The change of an epoch is the
    last response of its train against the last of the train before; the first epoch is compared
    with a read just before it. Where one rate occurs twice, its two changes are compared. After
    Nie et al., Adv. Mater. 2025, 202412006 (20, 1, 0.25, 1 Hz: up, down, unchanged, up). The whole
    series is repeated from a verified baseline.
    """

    title: ClassVar[str] = "History adaptation"
    summary: ClassVar[str] = (
        "Trains at several rates in a row: the same rate up or down by history."
    )
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["history"] = "history"
    amplitude: Annotated[Volt, Field(description="Level of the pulses.")] = 1.0
    width: Width = 100e-6
    rates: Annotated[Rates, Len(2), Field(description="Of the epochs, in order.")] = (
        20.0, 1.0, 0.25, 1.0,
    )  # fmt: skip
    counts: Annotated[
        Counts, Len(1), Field(description="Pulses of each epoch; a single number is for all.")
    ] = (20, 30, 8, 30)
    measure: Measure = "reads"
    terminal: Terminal = "top"
    peak_width: ReadWidth = 5e-3
    compliance: Compliance = 10e-3

    @model_validator(mode="after")
    def _fit_together(self) -> History:
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give a positive or negative level")
        if len(self.counts) not in (1, len(self.rates)):
            raise ValueError(
                f"{len(self.counts)} counts for {len(self.rates)} rates were asked for; give one "
                "count for each rate, or one for all"
            )
        try:
            self.series()
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def epochs(self) -> tuple[tuple[float, int], ...]:
        """Rate in Hz and number of pulses of each epoch."""
        counts = self.counts * len(self.rates) if len(self.counts) == 1 else self.counts
        return tuple(zip(self.rates, counts, strict=True))

    def series(self, epochs: Sequence[tuple[float, int]] | None = None) -> Node:
        """Return all epochs as one waveform, or those given as rate and count."""
        probe = Probe(
            self.amplitude, self.width, self.read, self.peak_width, self.terminal,
            self.measure == "both",
        )  # fmt: skip
        return series(probe, self.epochs if epochs is None else epochs)

    def steps(self) -> Steps:
        """Return to baseline, read, and play all epochs in one waveform; as often as asked."""
        yield from self.bounded(self._course())

    def _course(self) -> Steps:
        target, learned = self.baseline, Learned()
        how = self.returning(abs(self.amplitude), self.width, self.terminal)
        reads = Look(self.read, self.read_width, self.compliance, 0.01, self.terminal)
        for trial in range(self.repeats):
            target, found = yield from self.begin(how, target, learned)
            yield from look(reads, 0.0, {"part": "before", "trial": trial})
            label = {"part": "series", "trial": trial, **found}
            yield Play(self.series(), self.compliance, label=label)

    def preview(self) -> tuple[Panel, ...]:
        """Return the beginning of every epoch, to scale."""
        short = [(rate, min(count, _FEW)) for rate, count in self.epochs]
        title = f"Up to {_FEW} pulses of each epoch"
        return (waveform_panel(title, self.series(short), (self.terminal,), branch=self._branch),)

    @property
    def _branch(self) -> str:
        return "depression" if self.amplitude < 0 else "potentiation"

    def analyse(self, record: Measured) -> Results:
        """Return the change of every epoch by the reads and, measured, the currents in the pulses.

        Metrics: ``change_epoch_1`` ... as fractions, with ``_in_pulse`` from the currents;
        ``adaptation`` (and ``adaptation_in_pulse``), the change of the last epoch less that of the
        first one at the same rate; ``baseline`` and ``returned``; ``energy`` of a measured pulse.
        """
        found = _Series.of(record, self.epochs)
        return Results(
            metrics=found.metrics(),
            tables=(found.summary(),) if len(found.begin) else (),
            panels=(*self.preview(), *found.panels()),
            notes=(*self._said(record), *found.notes()),
        )

    def _said(self, record: Measured) -> tuple[str, ...]:
        return tuple(
            note.replace("trials, order randomised", "series are complete")
            for note in self.said(record, "series", self.repeats)
        )


@dataclass(frozen=True)
class _Series:
    """All complete series of a record."""

    epochs: tuple[tuple[float, int], ...]
    begin: Array  #: conductance before each series, S
    u_begin: Array
    peaks: tuple[Peaks, ...]
    returned: tuple[bool, ...]
    pulses: Readings

    @classmethod
    def of(cls, record: Measured, epochs: tuple[tuple[float, int], ...]) -> _Series:
        """Collect them."""
        before = looks(record, "before")
        whole = sum(count for _, count in epochs)
        found = [
            (before[step.label["trial"]], peaks, step, readings)
            for step, readings in record.where(part="series")
            if len(peaks := peaks_of(readings)) == whole and step.label["trial"] in before
        ]
        return cls(
            epochs,
            np.array([seen.g for seen, *_ in found], float),
            np.array([seen.u for seen, *_ in found], float),
            tuple(peaks for _, peaks, *_ in found),
            tuple(bool(step.label["returned"]) for *_, step, _ in found),
            Readings([row for *_, readings in found for row in readings.where(role="pulse")]),
        )

    @property
    def ends(self) -> list[int]:
        """Number of the last pulse of every epoch."""
        return [n - 1 for n in itertools.accumulate(count for _, count in self.epochs)]

    def changes(self, *, in_pulse: bool = False) -> list[Change]:
        """Return the mean change of every epoch."""
        rows, spreads = [], []
        for g, u, peaks in zip(self.begin, self.u_begin, self.peaks, strict=True):
            y, spread = (peaks.i, peaks.u_i) if in_pulse else (peaks.g, peaks.u_g)
            first = (abs(y[0]), spread[0]) if in_pulse else (g, u)
            found = step_changes(first[0], np.abs(y[self.ends]), first[1], spread[self.ends])
            rows.append(found[0])
            spreads.append(found[1])
        width = len(self.epochs)
        columns = np.array(rows).reshape(-1, width).T, np.array(spreads).reshape(-1, width).T
        return [mean_change(a, b) for a, b in zip(*columns, strict=True)]

    def metrics(self) -> dict[str, Metric]:
        """Return the figures of merit."""
        found: dict[str, Metric | None] = {}
        for suffix, named in (("", "epoch-change"), ("_in_pulse", "epoch-change-in-pulse")):
            changes = self.changes(in_pulse=bool(suffix))
            for k, change in enumerate(changes, 1):
                found[f"change_epoch_{k}{suffix}"] = change.metric(named)
            twice = self.same_rate()
            if twice:
                earlier, later = (changes[k] for k in twice)
                found[f"adaptation{suffix}"] = difference(
                    later, earlier, "weight-change-difference"
                )
        known = self.begin[np.isfinite(self.begin)]
        if len(known):
            spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
            found["baseline"] = Metric(float(np.mean(known)), spread, "S", "read-conductance")
        if self.returned:
            share = float(np.mean(self.returned))
            found["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
        return {k: m for k, m in found.items() if m is not None} | energy_metrics({"": self.pulses})

    def same_rate(self) -> tuple[int, int] | None:
        """Return two epochs at the same rate that are furthest apart, if there are any."""
        rates = [rate for rate, _ in self.epochs]
        pairs = [
            (j, k) for j, k in itertools.combinations(range(len(rates)), 2) if rates[j] == rates[k]
        ]
        return max(pairs, key=lambda pair: pair[1] - pair[0]) if pairs else None

    def summary(self) -> Table:
        """Return the epochs, one a row."""
        nan = float("nan")
        by_read, in_pulse = self.changes(), self.changes(in_pulse=True)
        measured = any(np.isfinite(c.value) for c in in_pulse)
        inside = [
            [p.g[end] / p.g[end - count + 1] - 1 for p in self.peaks]
            for end, (_, count) in zip(self.ends, self.epochs, strict=True)
        ]
        return table(
            "Epochs, in order",
            (
                ("rate", "Hz", [rate for rate, _ in self.epochs]),
                ("pulses", "1", [float(count) for _, count in self.epochs]),
                ("change", "1", [c.value for c in by_read]),
                ("u(change)", "1", [nan if c.sigma is None else c.sigma for c in by_read]),
                *(
                    (("change in the pulses", "1", [c.value for c in in_pulse]),)
                    if measured
                    else ()
                ),
                ("change from first to last pulse", "1", [float(np.mean(x)) for x in inside]),
            ),
        )

    def panels(self) -> tuple[Panel, ...]:
        """Return every response against the number of its pulse, and against time."""
        if not self.peaks:
            return ()
        g = np.array([peaks.g for peaks in self.peaks])
        mean = np.mean(g, axis=0)
        spread = np.std(g, axis=0, ddof=1) / np.sqrt(len(g)) if len(g) > 1 else np.zeros(len(mean))
        time = np.mean([peaks.t - peaks.t[0] for peaks in self.peaks], axis=0)
        changes = self.changes()
        number = np.arange(1.0, len(mean) + 1)
        parts = []
        begin = 0
        for (rate, _), end, change in zip(self.epochs, self.ends, changes, strict=True):
            inside = slice(begin, end + 1)
            parts.append((inside, f"{show(rate, 'Hz')}: {change.value:+.2%}", change.value))
            begin = end + 1
        title = "Conductance after each pulse"
        return (
            _panel(title, "pulse", "1", _traces(parts, number, mean, spread)),
            # the first epoch is often a hundred times the others, which are the point
            _panel(
                f"{title}, after the first epoch",
                "time",
                "s",
                _traces(parts[1:], time, mean, spread),
            ),
            *self._bars(changes),
        )

    def _bars(self, changes: list[Change]) -> tuple[Panel, ...]:
        good = [(k, c) for k, c in enumerate(changes, 1) if np.isfinite(c.value)]
        if not good:
            return ()
        late = [(k, c) for k, c in good if k > 1]
        traces = [
            Trace(
                tuple(float(k) for k, c in late if (c.value > 0) == up),
                tuple(c.value for _, c in late if (c.value > 0) == up), name, "points",
                tuple(c.sigma or 0.0 for _, c in late if (c.value > 0) == up), name,
            )
            for name, up in (("potentiation", True), ("depression", False))
        ]  # fmt: skip
        zero = line_of([1.5, len(changes) + 0.5], [0.0, 0.0], "no change")
        shown = tuple(trace for trace in traces if trace.x)
        return (
            Panel("Change of each epoch after the first", "epoch", "1", "change", "1",
                  (*shown, zero)),
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        """Say what the numbers stand on."""
        if not self.peaks:
            return ()
        lost = sum(int(np.sum(~np.isfinite(peaks.g))) for peaks in self.peaks)
        said = [_COMPARED]
        held = int(np.sum((self.pulses.flags & int(Flag.COMPLIANCE)) != 0))
        if not len(self.pulses):
            said.append('the pulses were not measured: measure = "both" adds EPSC and energy')
        if held:
            said.append(f"{held} pulses were held by the compliance: raise it, or lower amplitude")
        if lost:
            said.append(f"{lost} reads were lost or beyond the range: raise the compliance")
        if len(self.peaks) == 1:
            said.append("one series: uncertainties are upper limits, by the specification")
        return tuple(said)


def _panel(title: str, x: str, unit: str, traces: tuple[Trace, ...]) -> Panel:
    return Panel(title, x, unit, "conductance", "S", traces)


def _traces(
    parts: Sequence[tuple[slice, str, float]], x: Array, y: Array, bars: Array
) -> tuple[Trace, ...]:
    """Return the responses of every epoch as points of their own."""
    found = []
    for inside, name, _ in parts:
        good = np.isfinite(y[inside])
        a, b, c = (tuple(v[inside][good].tolist()) for v in (x, y, bars))
        found.append(Trace(a, b, name, "points", c if any(c) else ()))
    return tuple(found)
