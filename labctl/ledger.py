"""The stress ledger: what a device has been through, over all its runs.

It is derived from the records and never kept by itself, so it cannot disagree with them. A device
is known by its site and by the sample that its runs name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from labctl.readings import Flag, Row
from labctl.record import Record
from labctl.steps import Move, Play, StepRecord
from labctl.units import show

__all__ = ["Ledger", "ledger_lines", "ledgers_of", "together"]


class Ledger(msgspec.Struct, frozen=True):
    """Stress of one run or of several. Charge and energy are of the measured pulses and reads."""

    runs: int = 0
    pulses: dict[str, int] = {}  #: by what they were for: the label ``part`` of their step
    biased: float = 0.0  #: time at a level, over all terminals, s
    peak_v: float = 0.0  #: largest magnitude that was asked for, V
    peak_i: float = 0.0  #: largest magnitude that was measured, A
    charge: float = 0.0  #: C
    energy: float = 0.0  #: J
    compliance_hits: int = 0
    touch_downs: int = 0  #: moves that the protocols asked for
    interrupted: int = 0  #: steps whose pulses may have reached the device and are counted in full
    last_g: float | None = None  #: last conductance read, S
    last_at: float = 0.0  #: when the last of its runs began, seconds since 1970 UTC

    @property
    def total_pulses(self) -> int:
        """All pulses."""
        return sum(self.pulses.values())


def ledgers_of(record: Record) -> dict[str, Ledger]:
    """Return what one run did to each site that it was on.

    Parameters
    ----------
    record
        Finished or not; a step that had begun counts as if it had been carried out.
    """
    steps: dict[str, list[StepRecord]] = {}
    site = record.header.site
    for step in _steps(record):
        if isinstance(step.what, Move):
            site = step.what.site
        steps.setdefault(site, []).append(step)
    found = {site: _ledger(record, part) for site, part in steps.items()}
    return found or {site: Ledger(1, last_at=record.header.started)}


def _steps(record: Record) -> Iterator[StepRecord]:
    yield from record.steps
    if record.unfinished is not None:
        yield record.unfinished


def _ledger(record: Record, steps: list[StepRecord]) -> Ledger:
    pulses: dict[str, int] = {}
    biased = peak = 0.0
    light = frozenset(record.header.bench.get("light", ()))  # irradiance is no voltage
    for step in steps:
        if not isinstance(step.what, Play):
            continue
        does = step.what.waveform.summary()
        name = str(step.label.get("part", "pulses"))
        if does.pulses:
            pulses[name] = pulses.get(name, 0) + does.pulses
        biased += sum(does.biased[name] for name in does.biased.keys() - light)
        peak = max(peak, *(does.peak[name] for name in does.peak.keys() - light), 0.0)
    rows = [row for step in steps for row in record.of(step)]
    known = [row for row in rows if math.isfinite(row.i) and math.isfinite(row.v)]
    timed = [row for row in known if math.isfinite(row.width)]  # foreign data may state none
    return Ledger(
        runs=1,
        pulses=pulses,
        biased=biased,
        peak_v=peak,
        peak_i=max((abs(row.i) for row in known), default=0.0),
        charge=sum(abs(row.i) * row.width for row in timed),
        energy=sum(abs(row.v * row.i) * row.width for row in timed),
        compliance_hits=sum(bool(row.flags & Flag.COMPLIANCE) for row in rows),
        touch_downs=sum(isinstance(step.what, Move) for step in steps),
        interrupted=sum(step.skipped or step.last is None for step in steps),
        last_g=_last(rows),
        last_at=record.header.started,
    )


def _last(rows: Sequence[Row]) -> float | None:
    unusable = int(Flag.LOST | Flag.OVERRANGE | Flag.CONTACT)
    for row in reversed(rows):
        if row.role == "read" and row.v and not row.flags & unusable and math.isfinite(row.i):
            return row.i / row.v
    return None


def together(ledgers: Iterable[Ledger]) -> Ledger:
    """Return the sum of the stress of several runs on one device."""
    total = Ledger()
    for one in sorted(ledgers, key=lambda ledger: ledger.last_at):
        names = {**total.pulses, **one.pulses}
        total = Ledger(
            total.runs + one.runs,
            {name: total.pulses.get(name, 0) + one.pulses.get(name, 0) for name in names},
            total.biased + one.biased,
            max(total.peak_v, one.peak_v),
            max(total.peak_i, one.peak_i),
            total.charge + one.charge,
            total.energy + one.energy,
            total.compliance_hits + one.compliance_hits,
            total.touch_downs + one.touch_downs,
            total.interrupted + one.interrupted,
            total.last_g if one.last_g is None else one.last_g,
            one.last_at,
        )
    return total


def ledger_lines(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield name and text of each entry, for people."""
    yield "runs", str(ledger.runs)
    parts = ", ".join(f"{count} {name}" for name, count in ledger.pulses.items())
    yield "pulses", f"{ledger.total_pulses}" + (f" ({parts})" if parts else "")
    yield "time at bias", show(ledger.biased, "s")
    yield "peak voltage", show(ledger.peak_v, "V")
    yield "peak current", show(ledger.peak_i, "A")
    yield "charge", f"{show(ledger.charge, 'C')} in what was measured"
    yield "energy", f"{show(ledger.energy, 'J')} in what was measured"
    yield "compliance", f"{ledger.compliance_hits} readings"
    yield "moves", str(ledger.touch_downs)
    if ledger.interrupted:
        yield "interrupted", f"{ledger.interrupted} steps, counted as if carried out"
    if ledger.last_g is not None:
        yield "last read", show(ledger.last_g, "S")
