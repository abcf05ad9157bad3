"""Paired-pulse facilitation and depression."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

import msgspec
from annotated_types import Ge, Gt, Len, Lt
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.competition import Axes, Competition, draw_decay
from labctl.analysis.paired_pulses import IN_PULSE, READ, PairedPulseIndex, index_table
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Fit, Panel, Results, Table
from labctl.steps import Label, Play, Steps
from labctl.units import Ampere, Ratio, Second, Seconds, Siemens, Volt, Volts, log_spaced
from labctl.waveform import Node, pulse, read, rest
from protocols.baseline import Baseline, Learned, restore
from protocols.limited import Limit, limited
from protocols.parameters import LongestTime, MostPulses
from protocols.ppf_groups import Cell, Definition, Groups, competed, group_metrics
from protocols.ppf_matrix import matrix_results
from protocols.replay import limit_reached

__all__ = ["PairedPulse"]

_GAP = 200e-6  # between the end of a pulse and the read after it
# definition of the index, suffix of its fits, where it is measured, and what it is made from
_KINDS: tuple[tuple[Definition, str, str, str], ...] = (
    (IN_PULSE, "", "in the pulses", "the current in the pulses"),
    (READ, "_read", "read after the pulses", "the conductance after the pulses"),
    (IN_PULSE, "_third", "of the third pulse", "the current in the third pulse"),
    (READ, "_third_read", "read after the third pulse", "the conductance after the third pulse"),
)
_NOTED = {
    "": "in the pulses", "_read": "read after them", "_third": "of the third pulse",
    "_third_read": "read after the third pulse",
}  # fmt: skip


class PairedPulse(Protocol):
    """Facilitation or depression of a second pulse, against the interval after the first.

    Two equal pulses an interval apart; the second meets what the first has left. The index is
    computed from the current in the pulses and from the conductance read after them. Before every
    pair the device is brought back to its baseline and the return is recorded. A negative
    amplitude gives paired-pulse depression. A third pulse, an interval after the second, makes
    triplets; several amplitudes or widths a matrix, every place of it with all intervals. After Nie
    et al., Adv. Mater. 2025, 10.1002/adma.202412006 (index against interval with a double
    exponential decay).
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
    pulses: Annotated[
        Literal[2, 3], Field(description="Of a group: pairs, or triplets at equal intervals.")
    ] = 2
    amplitudes: Annotated[
        Volts, Field(description="Levels of a matrix; none leaves the single one.")
    ] = ()
    widths: Annotated[
        Seconds, Field(description="Widths of a matrix; none leaves the single one.")
    ] = ()
    most_pulses: MostPulses = 1_000_000
    longest_time: LongestTime = 1e7

    @model_validator(mode="after")
    def _fit_together(self) -> PairedPulse:
        shortest = 2 * _GAP + self.read_width
        if any(level == 0 for level in (self.amplitude, *self.amplitudes)):
            raise ValueError("an amplitude of 0 V is no pulse; give a positive or negative level")
        if len({level > 0 for level in self.amplitudes}) > 1:
            raise ValueError(
                "levels of both signs were asked for in one matrix; facilitation and depression "
                "are two runs"
            )
        if min(self.widths, default=1.0) <= 0:
            raise ValueError("a width of 0 s was asked for; give positive widths")
        if min(self.intervals) < shortest:
            raise ValueError(
                f"an interval of {min(self.intervals):g} s was asked for; with a read of "
                f"{self.read_width:g} s after the pulse at least {shortest:g} s is needed"
            )
        return self

    def cells(self) -> tuple[Cell, ...]:
        """Return every place of the matrix; one for pulses of a single kind."""
        every = itertools.product(
            self.amplitudes or (self.amplitude,), self.widths or (self.width,)
        )
        return tuple(dict.fromkeys(Cell(*one) for one in every))

    def steps(self) -> Steps:
        """Return to baseline, play a group, for every place, interval and repeat at random."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        cells = self.cells()
        largest = max((cell.amplitude for cell in cells), key=abs)
        how = Baseline(
            self.read, self.compliance, largest, max(cell.width for cell in cells), self.within,
            self.longest_wait, self.restore,
        )  # fmt: skip
        target, learned = self.baseline, Learned()
        every = [(cell, interval) for cell in cells for interval in self.intervals]
        for cell, interval in self.shuffled(every * self.repeats):
            rested = yield from restore(how, target, learned)
            target = target or rested.g
            place: Label = dict(cell._asdict()) if len(cells) > 1 else {}
            yield Play(
                self.pair(interval, cell),
                self.compliance,
                label={
                    "part": "pair",
                    "interval": interval,
                    "baseline": rested.g if rested.g > 0 else None,
                    "returned": rested.returned,
                    **place,
                },
            )

    def pair(self, interval: float, cell: Cell | None = None) -> Node:
        """Return two pulses or three, each followed by a read, with the interval between them.

        Parameters
        ----------
        interval
            From the end of a pulse to the next, s.
        cell
            Place of the matrix; None for the first one.
        """
        spike = pulse(*(cell or self.cells()[0]))
        after = rest(_GAP) + read(self.read, self.read_width)
        between = rest(interval - _GAP - self.read_width)
        group = spike + after + between + spike + after
        return group if self.pulses == 2 else group + between + spike + after

    def preview(self) -> tuple[Panel, ...]:
        """Return the group with the shortest interval, to scale."""
        shortest = self.pair(min(self.intervals))
        name = "Pair" if self.pulses == 2 else "Triplet"
        title = f"{name} with the shortest interval"
        return (waveform_panel(title, shortest, ("top",), branch=self._branch),)

    def analyse(self, record: Measured) -> Results:
        """Return the index by both definitions, the decay fits, energy and state of the baseline.

        Metrics: ``index`` and ``index_read`` at the shortest interval, ``energy`` of a pulse,
        ``baseline`` and the share of pairs that began on it, ``returned``; of triplets
        ``index_third`` and ``index_third_read``. Fits: ``single_decay`` and ``double_decay`` of the
        in-pulse index as published, ``..._offset`` with a lasting part beside it, and the same with
        ``_read`` of the other index and with ``_third`` of the third pulse. Of a matrix these are
        those of its first place, and each place has its own with amplitude and width at the end:
        ``index_1V_0.0001s``.
        """
        cells = {cell: self._groups(record, cell) for cell in self.cells()}
        first = next(iter(cells.values()))
        results = self._of_groups(first)
        if len(cells) > 1:
            results = _joined(results, matrix_results(cells, self._branch))
            count = sum(len(groups.asked) for groups in cells.values())
            said = f"{count} groups at {len(cells)} places; figures without one are of the first"
            results = msgspec.structs.replace(results, notes=(*results.notes, said))
        reached = limit_reached(self._course(), self._limit(), record)
        return msgspec.structs.replace(
            results, notes=(*results.notes, *([reached] if reached else []))
        )

    def _groups(self, record: Measured, cell: Cell) -> Groups:
        if len(self.cells()) == 1:
            return Groups.of(record, self.pulses, lambda label: True)
        wanted = cell._asdict()
        return Groups.of(
            record, self.pulses,
            lambda label: all(label.get(name) == value for name, value in wanted.items()),
        )  # fmt: skip

    def _of_groups(self, groups: Groups) -> Results:
        """Return what groups of one kind tell."""
        tables: list[Table] = []
        panels: list[Panel] = []
        notes: list[str] = []
        fits: dict[str, Fit] = {}
        for number, (definition, suffix, where, said) in enumerate(_KINDS[: 2 * self.pulses - 2]):
            index = groups.index(definition, 1 + number // 2)
            competition = competed(index)
            fits |= {model + suffix: fit for model, fit in competition.fits.items()}
            tables.append(index_table(index, f"Index from {said}"))
            panels += self._drawn(index, competition, where)
            notes.append(f"index {_NOTED[suffix]}: {competition.verdict}")
        return Results(
            metrics=dict(group_metrics(groups)),
            fits=fits,
            tables=(*tables, groups.energies()),
            panels=(*self.preview(), *groups.panels(self._branch), *panels),
            notes=(*notes, *groups.notes()),
        )

    def _drawn(self, index: PairedPulseIndex, fits: Competition, where: str) -> tuple[Panel, ...]:
        name = "Depression" if self._branch == "depression" else "Facilitation"
        cell = self.cells()[0]
        place = f", {cell.amplitude:g} V, {cell.width:g} s" if len(self.cells()) > 1 else ""
        axes = Axes(f"{name} {where}{place}", "index", x_label="interval", branch=self._branch)
        return draw_decay(index.interval, index.index, index.bars or None, fits, axes)

    @property
    def _branch(self) -> str:
        return "depression" if self.cells()[0].amplitude < 0 else "potentiation"


def _joined(whole: Results, matrix: Results) -> Results:
    """Return results with those of a matrix after them."""
    return Results(
        whole.metrics | matrix.metrics,
        whole.fits | matrix.fits,
        whole.tables + matrix.tables,
        whole.panels + matrix.panels,
        whole.notes + matrix.notes,
    )
