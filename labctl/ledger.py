"""The stress ledger: what a device has been through, over all its runs.

It is derived from the records and never kept by itself, so it cannot disagree with them. A device
is known by its site and by the sample that its runs name.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from labctl.benchfile import capabilities
from labctl.errors import BadInput
from labctl.journal import Begun, Done, Note, Session
from labctl.readings import Flag, Row
from labctl.record import Record
from labctl.steps import Move, Play, Soak, Step
from labctl.units import show

__all__ = ["Ledger", "has_prober", "lands", "ledger_lines", "ledgers_of", "together"]

_PEAKS = ("peak", "peak_i")
_SUMS = (*_PEAKS, "biased", "charge", "energy", "charge_most", "energy_most")


class Ledger(msgspec.Struct, frozen=True):
    """Stress of one run or of several.

    Charge and energy are of the measured pulses and reads; what was not measured is bounded by the
    compliance, or by the current that was asked for and its voltage limit, in `charge_most` and
    `energy_most`.
    """

    runs: int = 0
    pulses: dict[str, int] = {}  #: by what they were for: the label ``part`` of their step
    biased: float = 0.0  #: time at a level, over all terminals, s
    #: largest magnitude that was asked for; where a current was, that was measured, or its limit
    #: where nothing was, V
    peak_v: float = 0.0
    #: largest magnitude that was measured, or asked for where nothing was, A
    peak_i: float = 0.0
    charge: float = 0.0  #: C
    energy: float = 0.0  #: J
    compliance_hits: int = 0
    touch_downs: int = 0  #: of a prober; those again of a contact check are not counted
    interrupted: int = 0  #: steps whose pulses may have reached the device and are counted in full
    last_g: float | None = None  #: last conductance read, S
    last_at: float = 0.0  #: when the last of its runs began, seconds since 1970 UTC
    charge_most: float = 0.0  #: C
    energy_most: float = 0.0  #: J

    @property
    def total_pulses(self) -> int:
        """All pulses."""
        return sum(self.pulses.values())


class _Attempt(msgspec.Struct, frozen=True):
    """A step that had begun, whatever became of it."""

    what: Step
    rows: Sequence[Row]
    done: bool
    landed: bool  #: the needles came down for it


def ledgers_of(record: Record) -> dict[str, Ledger]:
    """Return what one run did to each site that it was on.

    Parameters
    ----------
    record
        Finished or not; a step that had begun counts as if it had been carried out, each time.
    """
    attempts: dict[str, list[_Attempt]] = {}
    site = record.header.site
    for attempt in _attempts(record):
        if isinstance(attempt.what, Move):
            site = attempt.what.site
        attempts.setdefault(site, []).append(attempt)
    found = {site: _ledger(record, part) for site, part in attempts.items()}
    return found or {site: Ledger(1, last_at=record.header.started)}


def _attempts(record: Record) -> Iterator[_Attempt]:
    """Yield every attempt at every step, those that were repeated included."""
    rows = record.readings.rows
    probed, down = has_prober(record.header.bench), False
    begun: Begun | None = None
    for entry in (*record.entries, None):
        if isinstance(entry, Session | Note):
            down = down and isinstance(entry, Note)
            continue
        if begun is not None:
            landed = probed and lands(begun.what, down=down)
            down = not isinstance(begun.what, Soak) and (down or landed)
            last = len(rows) if entry is None else entry.row
            yield _Attempt(begun.what, rows[begun.row : last], isinstance(entry, Done), landed)
        begun = entry if isinstance(entry, Begun) else None


def has_prober(bench: Mapping[str, Any]) -> bool:
    """Whether a bench, given by the content of its file, has a prober; False where that is open."""
    for section in dict(bench.get("instruments", {})).values():
        with contextlib.suppress(BadInput, AttributeError):  # a driver that is not installed here
            if "prober" in capabilities(str(section.get("driver"))):
                return True
    return False


def lands(step: Step, *, down: bool) -> bool:
    """Whether a prober's needles come down for a step.

    Parameters
    ----------
    step
        What is asked for.
    down
        Whether they are down already.
    """
    return isinstance(step, Move) or (isinstance(step, Play) and not down)


def _ledger(record: Record, attempts: list[_Attempt]) -> Ledger:
    pulses: dict[str, int] = {}
    total = dict.fromkeys(_SUMS, 0.0)
    light = frozenset(record.header.bench.get("light", ()))  # irradiance is no voltage
    for attempt in attempts:
        if not isinstance(attempt.what, Play):
            continue
        count = attempt.what.waveform.summary().pulses
        name = str(attempt.what.label.get("part", "pulses"))
        if count:
            pulses[name] = pulses.get(name, 0) + count
        for key, value in _spent(attempt.what, attempt.rows, light).items():
            total[key] = max(total[key], value) if key in _PEAKS else total[key] + value
    rows = [row for attempt in attempts for row in attempt.rows]
    return Ledger(
        runs=1,
        pulses=pulses,
        biased=total["biased"],
        peak_v=total["peak"],
        peak_i=max(total["peak_i"], *(abs(row.i) for row in rows if math.isfinite(row.i)), 0.0),
        charge=total["charge"],
        energy=total["energy"],
        compliance_hits=sum(bool(row.flags & Flag.COMPLIANCE) for row in rows),
        touch_downs=sum(attempt.landed for attempt in attempts),
        interrupted=sum(not a.done and isinstance(a.what, Play) for a in attempts),
        last_g=_last(rows),
        last_at=record.header.started,
        charge_most=total["charge_most"],
        energy_most=total["energy_most"],
    )


def _spent(play: Play, rows: Sequence[Row], light: frozenset[str]) -> dict[str, float]:
    """Return what one waveform did: what was measured, and a bound for what was not."""
    does = play.waveform.summary()
    driven = play.voltage_limits
    unseen = {name: does.biased[name] for name in does.biased.keys() - light}
    exposed = {name: does.exposure[name] for name in unseen}
    peaks = {name: 0.0 if name in driven else does.peak[name] for name in unseen}
    seen: set[str] = set()
    charge = energy = 0.0
    for row in rows:
        if not (math.isfinite(row.i) and math.isfinite(row.v) and math.isfinite(row.width)):
            continue  # lost, or foreign data that state no width
        charge += abs(row.i) * row.width
        energy += abs(row.v * row.i) * row.width
        if row.terminal not in unseen:
            continue
        if row.terminal in driven:
            seen.add(row.terminal)
            exposed[row.terminal] -= abs(row.i) * row.width
            peaks[row.terminal] = max(peaks[row.terminal], abs(row.v))
        elif row.v_set:
            unseen[row.terminal] -= row.width
            exposed[row.terminal] -= abs(row.v_set) * row.width
    left = {name: max(x, 0.0) for name, x in exposed.items()}  # V s, or C of a current
    more = [left[name] if name in driven else play.compliance * max(unseen[name], 0.0)
            for name in unseen]  # fmt: skip
    return {
        "biased": sum(does.biased[name] for name in unseen),
        "peak": max((v or driven.get(name, 0.0) for name, v in peaks.items()), default=0.0),
        "peak_i": max(
            (does.peak[name] for name in unseen if name in driven and name not in seen), default=0.0
        ),
        "charge": charge,
        "energy": energy,
        "charge_most": charge + sum(more),
        "energy_most": energy
        + sum(driven.get(name, play.compliance) * left[name] for name in unseen),
    }


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
            total.charge_most + one.charge_most,
            total.energy_most + one.energy_most,
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
    yield "charge", _bounded(ledger.charge, ledger.charge_most, "C")
    yield "energy", _bounded(ledger.energy, ledger.energy_most, "J")
    yield "compliance", f"{ledger.compliance_hits} readings"
    yield "touch-downs", str(ledger.touch_downs)
    if ledger.interrupted:
        yield "interrupted", f"{ledger.interrupted} steps, counted as if carried out"
    if ledger.last_g is not None:
        yield "last read", show(ledger.last_g, "S")


def _bounded(measured: float, most: float, unit: str) -> str:
    text = f"{show(measured, unit)} in what was measured"
    return (
        text
        if math.isclose(measured, most, rel_tol=0.01)
        else (f"{text}, at most {show(most, unit)} with what was not")
    )
