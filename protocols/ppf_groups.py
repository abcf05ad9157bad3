"""Groups of two or three pulses: from a record to responses, indices, tables and panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition, compete, judge
from labctl.analysis.energy import energy_per_pulse, pulse_energies
from labctl.analysis.paired_pulses import (
    IN_PULSE,
    READ,
    PairedPulseIndex,
    index_metric,
    paired_pulse_index,
)
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Column, Metric, Panel, Table, Trace
from labctl.steps import Label

__all__ = ["Cell", "Definition", "Groups", "competed", "group_metrics"]

Array = NDArray[np.float64]
Definition = Literal["ppf-index-in-pulse-current", "ppf-index-read-conductance"]

_ORDINALS = ("first", "second", "third")
# the index of the third pulse, by the index of the second on the same response
_TRIPLETS = {IN_PULSE: "triplet-index-in-pulse-current", READ: "triplet-index-read-conductance"}


class Cell(NamedTuple):
    """One place of a matrix."""

    amplitude: float  #: V
    width: float  #: s

    @property
    def suffix(self) -> str:
        """How metrics and fits of this place end."""
        return f"_{self.amplitude:g}V_{self.width:g}s"


@dataclass(frozen=True)
class Groups:
    """Responses of all groups of one kind, an entry each, in the order they were measured."""

    asked: Array  #: interval, s
    interval: Array  #: achieved, s
    current: Array  #: in the pulses, A, shape (groups, pulses)
    conductance: Array  #: read after them, S, of the same shape
    u_current: Array
    u_conductance: Array
    returned: NDArray[np.bool_]
    baseline: Array  #: conductance before the group, S
    pulses: Readings

    @classmethod
    def of(cls, record: Measured, count: int, wanted: Callable[[Label], bool]) -> Groups:
        """Collect the complete groups of a record.

        Parameters
        ----------
        record
            What was measured.
        count
            Pulses of a group.
        wanted
            Says of a label whether the group is one of these.
        """
        found = [
            (step.label, pulses, reads)
            for step, readings in record.where(part="pair")
            if wanted(step.label)
            and len(pulses := readings.where(role="pulse")) == count
            and len(reads := readings.where(role="read")) == count
        ]
        labels = [label for label, _, _ in found]
        return cls(
            asked=_numbers(labels, "interval"),
            interval=np.array([_between(pulses) for _, pulses, _ in found]),
            current=_rows([pulses.i for _, pulses, _ in found], count),
            conductance=_rows([reads.g for _, _, reads in found], count),
            u_current=_rows([pulses.u_i for _, pulses, _ in found], count),
            u_conductance=_rows([reads.u_i / np.abs(reads.v) for _, _, reads in found], count),
            returned=np.array([bool(label["returned"]) for label in labels], bool),
            baseline=_numbers(labels, "baseline"),
            pulses=Readings([row for _, pulses, _ in found for row in pulses]),
        )

    def index(self, definition: Definition, pulse: int = 1) -> PairedPulseIndex:
        """Pool the index by one definition, of the second pulse (1) or the third (2)."""
        y, u = self.current, self.u_current
        if definition == READ:
            y, u = self.conductance, self.u_conductance
        pooled = paired_pulse_index(
            y[:, 0], y[:, pulse], self.interval, definition,
            u_first=u[:, 0], u_second=u[:, pulse], asked=self.asked,
        )  # fmt: skip
        if pulse == 1:
            return pooled
        return msgspec.structs.replace(pooled, definition=_TRIPLETS[definition])

    def energies(self) -> Table:
        """Return the energy of each pulse with its standard uncertainty."""
        rows = self.pulses
        energy, u = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        count = self.current.shape[1]
        columns = [
            Column(name, "J", tuple(x if np.isfinite(x) else None for x in part[k::count].tolist()))
            for k, ordinal in enumerate(_ORDINALS[:count])
            for name, part in ((ordinal, energy), (f"u({ordinal})", u))
        ]
        kind = "pair by pair" if count == 2 else "triplet by triplet"
        return Table(
            f"Energy of each pulse, {kind}",
            (Column("interval", "s", tuple(self.interval.tolist())), *columns),
        )

    def panels(self, branch: str) -> tuple[Panel, ...]:
        """Return the responses of every group against its interval."""
        if not len(self.asked):
            return ()
        order = np.argsort(self.interval)
        x = tuple(self.interval[order].tolist())
        traces = tuple(
            Trace(x, tuple(self.current[order, k].tolist()), f"{_ORDINALS[k]} pulse",
                  branch=branch if k == 1 else "")
            for k in range(self.current.shape[1])
        )  # fmt: skip
        return (Panel("Current in the pulses", "interval", "s", "EPSC", "A", traces, x_log=True),)

    def notes(self) -> tuple[str, ...]:
        """Say what the numbers stand on."""
        one, many = ("pair", "pairs") if self.current.shape[1] == 2 else ("triplet", "triplets")
        if not len(self.asked):
            return (f"no {one} is complete",)
        away = int(np.sum(~self.returned))
        said = [f"{len(self.asked)} {many}, order randomised"]
        if away:
            said.append(f"{away} of them began away from the baseline by more than the tolerance")
        return tuple(said)


def group_metrics(groups: Groups) -> Iterator[tuple[str, Metric]]:
    """Yield the figures of merit of all groups, by name."""
    rows = groups.pulses
    found = {
        "index": index_metric(groups.index(IN_PULSE)),
        "index_read": index_metric(groups.index(READ)),
    }
    if groups.current.shape[1] > 2:
        found["index_third"] = index_metric(groups.index(IN_PULSE, 2))
        found["index_third_read"] = index_metric(groups.index(READ, 2))
    found["energy"] = energy_per_pulse(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
    yield from ((name, metric) for name, metric in found.items() if metric is not None)
    known = groups.baseline[np.isfinite(groups.baseline)]
    if len(known):
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        yield "baseline", Metric(float(np.mean(known)), spread, "S", "read-conductance")
    if len(groups.returned):
        share = float(np.mean(groups.returned))
        yield "returned", Metric(share, None, "1", "share-of-pairs-on-baseline")


def competed(index: PairedPulseIndex) -> Competition:
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


def _rows(groups: list[Array], count: int) -> Array:
    return np.array(groups, float).reshape(-1, count)
