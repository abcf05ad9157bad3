"""Paired-pulse facilitation and depression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Len, Lt
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.competition import Axes, Competition, compete, draw_decay, judge
from labctl.analysis.energy import energy_per_pulse, pulse_energies
from labctl.analysis.paired_pulses import (
    IN_PULSE,
    READ,
    PairedPulseIndex,
    index_metric,
    index_table,
    paired_pulse_index,
)
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Column, Metric, Panel, Results, Table, Trace
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Ratio, Second, Seconds, Siemens, Volt, log_spaced
from labctl.waveform import Node, pulse, read, rest
from protocols.baseline import Baseline, Learned, restore

__all__ = ["PairedPulse"]

Array = NDArray[np.float64]
Definition = Literal["ppf-index-in-pulse-current", "ppf-index-read-conductance"]

_GAP = 200e-6  # between the end of a pulse and the read after it


class PairedPulse(Protocol):
    """Facilitation or depression of a second pulse, against the interval after the first.

    Two equal pulses an interval apart; the second meets what the first has left. The index is
    computed from the current in the pulses and from the conductance read after them. Before every
    pair the device is brought back to its baseline and the return is recorded. A negative
    amplitude gives paired-pulse depression. After Nie et al., Adv. Mater. 2025,
    10.1002/adma.202412006 (index against interval with a double exponential decay).
    """

    title: ClassVar[str] = "Paired-pulse facilitation"
    summary: ClassVar[str] = "Second pulse of a pair against the interval, with relaxation times."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )

    decides: ClassVar[bool] = True

    kind: Literal["ppf"] = "ppf"
    amplitude: Annotated[Volt, Field(description="Level of the pulses; negative gives PPD.")] = 1.0
    width: Annotated[Second, Gt(0), Field(description="Full width at half maximum.")] = 100e-6
    intervals: Annotated[
        Seconds, Len(1), Field(description="From the end of the first pulse to the second.")
    ] = log_spaced(10e-3, 3.0, 30)
    repeats: Annotated[PositiveInt, Field(description="Pairs at each interval.")] = 5
    read: Annotated[Volt, Gt(0), Field(description="Read voltage.")] = 0.1
    read_width: Annotated[Second, Gt(0), Field(description="Length of the read.")] = 1e-3
    compliance: Annotated[Ampere, Gt(0), Field(description="Largest current.")] = 1e-3
    baseline: Annotated[
        Siemens | None, Gt(0), Field(description="Conductance before each pair; else as found.")
    ] = None
    within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Largest distance from the baseline, relative.")
    ] = 0.01
    longest_wait: Annotated[Second, Ge(0), Field(description="For the device to stand still.")] = 30
    restore: Annotated[
        Literal["wait", "pulses"], Field(description="Whether a lasting change is written back.")
    ] = "pulses"

    @model_validator(mode="after")
    def _fit_together(self) -> PairedPulse:
        shortest = 2 * _GAP + self.read_width
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give a positive or negative level")
        if min(self.intervals) < shortest:
            raise ValueError(
                f"an interval of {min(self.intervals):g} s was asked for; with a read of "
                f"{self.read_width:g} s after the pulse at least {shortest:g} s is needed"
            )
        return self

    def steps(self) -> Steps:
        """Return to baseline, play a pair, for every interval and repeat in random order."""
        how = Baseline(
            self.read, self.compliance, self.amplitude, self.width, self.within,
            self.longest_wait, self.restore,
        )  # fmt: skip
        target, learned = self.baseline, Learned()
        for interval in self.shuffled(self.intervals * self.repeats):
            rested = yield from restore(how, target, learned)
            target = target or rested.g
            yield Play(
                self.pair(interval),
                self.compliance,
                label={
                    "part": "pair",
                    "interval": interval,
                    "baseline": rested.g if rested.g > 0 else None,
                    "returned": rested.returned,
                },
            )

    def pair(self, interval: float) -> Node:
        """Return two pulses, each followed by a read, with the interval between them."""
        spike = pulse(self.amplitude, self.width)
        after = rest(_GAP) + read(self.read, self.read_width)
        between = rest(interval - _GAP - self.read_width)
        return spike + after + between + spike + after

    def preview(self) -> tuple[Panel, ...]:
        """Return the pair with the shortest interval, to scale."""
        shortest = self.pair(min(self.intervals))
        title = "Pair with the shortest interval"
        return (waveform_panel(title, shortest, ("top",), branch=self._branch),)

    def analyse(self, record: Measured) -> Results:
        """Return the index by both definitions, the decay fits, energy and state of the baseline.

        Metrics: ``index`` and ``index_read`` at the shortest interval, ``energy`` of a pulse,
        ``baseline`` and the share of pairs that began on it, ``returned``. Fits: ``single_decay``
        and ``double_decay`` of the in-pulse index as published, ``..._offset`` with a lasting part
        beside it, and the same with ``_read`` of the other index.
        """
        pairs = _Pairs.of(record)
        current, conductance = pairs.index(IN_PULSE), pairs.index(READ)
        fits = {"": _competed(current), "_read": _competed(conductance)}
        return Results(
            metrics=_metrics(pairs, current, conductance),
            fits={
                model + suffix: fit
                for suffix, competition in fits.items()
                for model, fit in competition.fits.items()
            },
            tables=(
                index_table(current, "Index from the current in the pulses"),
                index_table(conductance, "Index from the conductance after the pulses"),
                pairs.energies(),
            ),
            panels=(
                *self.preview(),
                *pairs.panels(self._branch),
                *self._drawn(current, fits[""], "in the pulses"),
                *self._drawn(conductance, fits["_read"], "read after the pulses"),
            ),
            notes=(
                f"index in the pulses: {fits[''].verdict}",
                f"index read after them: {fits['_read'].verdict}",
                *pairs.notes(),
            ),
        )

    def _drawn(self, index: PairedPulseIndex, fits: Competition, where: str) -> tuple[Panel, ...]:
        name = "Depression" if self.amplitude < 0 else "Facilitation"
        axes = Axes(f"{name} {where}", "index", x_label="interval", branch=self._branch)
        return draw_decay(index.interval, index.index, index.bars or None, fits, axes)

    @property
    def _branch(self) -> str:
        return "depression" if self.amplitude < 0 else "potentiation"


@dataclass(frozen=True)
class _Pairs:
    """Responses of all pairs of a record, one entry a pair, in the order they were measured."""

    asked: Array  #: interval, s
    interval: Array  #: achieved, s
    current: Array  #: in the pulses, A, shape (pairs, 2)
    conductance: Array  #: read after them, S, shape (pairs, 2)
    u_current: Array
    u_conductance: Array
    returned: NDArray[np.bool_]
    baseline: Array  #: conductance before the pair, S
    pulses: Readings

    @classmethod
    def of(cls, record: Measured) -> _Pairs:
        found = [
            (step.label, pulses, reads)
            for step, readings in record.where(part="pair")
            if len(pulses := readings.where(role="pulse")) == 2
            and len(reads := readings.where(role="read")) == 2
        ]
        labels = [label for label, _, _ in found]
        return cls(
            asked=_numbers(labels, "interval"),
            interval=np.array([_between(pulses) for _, pulses, _ in found]),
            current=_two([pulses.i for _, pulses, _ in found]),
            conductance=_two([reads.g for _, _, reads in found]),
            u_current=_two([pulses.u_i for _, pulses, _ in found]),
            u_conductance=_two([reads.u_i / np.abs(reads.v) for _, _, reads in found]),
            returned=np.array([bool(label["returned"]) for label in labels], bool),
            baseline=_numbers(labels, "baseline"),
            pulses=Readings([row for _, pulses, _ in found for row in pulses]),
        )

    def index(self, definition: Definition) -> PairedPulseIndex:
        """Pool the index by one definition."""
        y, u = self.current, self.u_current
        if definition == READ:
            y, u = self.conductance, self.u_conductance
        return paired_pulse_index(
            y[:, 0], y[:, 1], self.interval, definition,
            u_first=u[:, 0], u_second=u[:, 1], asked=self.asked,
        )  # fmt: skip

    def energies(self) -> Table:
        """Return the energy of each pulse with its standard uncertainty."""
        rows = self.pulses
        energy, u = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        names = ("first", "u(first)", "second", "u(second)")
        values = (energy[0::2], u[0::2], energy[1::2], u[1::2])
        return Table(
            "Energy of each pulse, pair by pair",
            (
                Column("interval", "s", tuple(self.interval.tolist())),
                *(
                    Column(name, "J", tuple(x if np.isfinite(x) else None for x in part.tolist()))
                    for name, part in zip(names, values, strict=True)
                ),
            ),
        )

    def panels(self, branch: str) -> tuple[Panel, ...]:
        """Return the responses of every pair against its interval."""
        if not len(self.asked):
            return ()
        order = np.argsort(self.interval)
        x = tuple(self.interval[order].tolist())
        traces = tuple(
            Trace(x, tuple(self.current[order, k].tolist()), f"{name} pulse", branch=side)
            for k, name, side in ((0, "first", ""), (1, "second", branch))
        )
        return (Panel("Current in the pulses", "interval", "s", "EPSC", "A", traces, x_log=True),)

    def notes(self) -> tuple[str, ...]:
        """Say what the numbers stand on."""
        if not len(self.asked):
            return ("no pair is complete",)
        away = int(np.sum(~self.returned))
        said = [f"{len(self.asked)} pairs, order randomised"]
        if away:
            said.append(f"{away} of them began away from the baseline by more than the tolerance")
        return tuple(said)


def _metrics(
    pairs: _Pairs, current: PairedPulseIndex, conductance: PairedPulseIndex
) -> dict[str, Metric]:
    rows = pairs.pulses
    found = {
        "index": index_metric(current),
        "index_read": index_metric(conductance),
        "energy": energy_per_pulse(rows.v, rows.i, rows.width, rows.u_v, rows.u_i),
    }
    metrics = {name: metric for name, metric in found.items() if metric is not None}
    known = pairs.baseline[np.isfinite(pairs.baseline)]
    if len(known):
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        metrics["baseline"] = Metric(float(np.mean(known)), spread, "S", "read-conductance")
    if len(pairs.returned):
        share = float(np.mean(pairs.returned))
        metrics["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
    return metrics


def _competed(index: PairedPulseIndex) -> Competition:
    """Fit the published form, and the same with the offset that a lasting change leaves."""
    x, y, sigma = index.interval, index.index, index.sigma or None
    published = compete(x, y, sigma, absolute=index.absolute)
    offset = compete(x, y, sigma, baseline="free", absolute=index.absolute)
    lasting = {f"{name}_offset": fit for name, fit in offset.fits.items()}
    return judge(published.fits | lasting)


def _between(pulses: Readings) -> float:
    """Return the achieved interval: end of the first pulse to start of the second, s.

    Both are measured in the same part of their pulse, so the distance of the readings is that of
    the pulses' starts.
    """
    return float(pulses.t[1] - pulses.t[0] - pulses.width[0])


def _numbers(labels: list[Label], name: str) -> Array:
    """Return one number of every label; not a number where it is not known."""
    return np.array(
        [np.nan if (value := label[name]) is None else value for label in labels], float
    )


def _two(pairs: list[Array]) -> Array:
    return np.array(pairs, float).reshape(-1, 2)
