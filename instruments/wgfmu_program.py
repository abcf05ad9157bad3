"""From a step to the patterns and sequences of a WGFMU, and what stands against it.

A WGFMU plays straight lines with loops on a grid of 10 ns, as a pulse card does, so that the
waveform is laid out by `instruments.keithley4200_segments`: every entry is a pattern, its loops are
those of a sequence. Nothing here talks to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from instruments.keithley4200_limits import GRID
from instruments.keithley4200_segments import Entry, Layout, Reading, lay_out
from instruments.pieces import Compiled, Findings, check_play
from instruments.ranges import Range
from instruments.wgfmu_limits import (
    MOST_CURRENT,
    MOST_LOOPS,
    MOST_VECTORS,
    TICK,
    Ammeter,
    Model,
    limits_of,
    source_for,
)
from instruments.wgfmu_table import V_RANGES
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Summary

__all__ = ["Event", "Program", "Unit", "compile_play"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    model: Model
    channels: Mapping[str, int]  #: device terminal -> channel, 101 for the first of slot 1


@dataclass(frozen=True, slots=True)
class Event:
    """One reading, with its place in time."""

    start: int  #: ticks after the start of the waveform
    reading: Reading


@dataclass(frozen=True, slots=True)
class Program:
    """All that is sent, and all that is known of what comes back."""

    terminals: tuple[str, ...]
    v_range: tuple[float, float]
    source: Range
    ammeters: Mapping[str, Ammeter]
    compliance: float  #: A; readings beyond it are flagged
    entries: tuple[Entry, ...]

    @property
    def duration(self) -> float:
        """How long it plays, s."""
        return sum(entry.ticks for entry in self.entries) * TICK

    def events(self, terminal: str) -> Iterator[Event]:
        """Yield what a terminal's channel reads, in the order in which it does."""
        at = 0
        for entry in self.entries:
            here: list[tuple[int, Reading]] = []
            length = 0
            for segment in entry.segments:
                here += [(length, r) for r in segment.readings if r.terminal == terminal]
                length += segment.ticks
            for turn in range(entry.loops if here else 0):
                for offset, reading in here:
                    yield Event(at + turn * length + offset + reading.start, reading)
            at += entry.ticks


def compile_play(play: Play, unit: Unit) -> Compiled[Program]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance and current ranges.
    unit
        The instrument.
    """
    found = Findings(unit.model.name)
    summary = play.waveform.summary()
    peak = max(summary.peak.values(), default=0.0)
    check_play(play, unit.channels, limits_of(unit.model), found)
    ammeters = _ammeters(play, unit, summary, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    source = source_for(unit.model, peak)
    terminals = tuple(sorted(unit.channels, key=lambda name: unit.channels[name]))
    layout = lay_out(play.waveform, terminals, source, found)
    v_range = _v_range(layout, found)
    _check_layout(layout, found)
    _check_readings(layout, ammeters, found)
    serious = bool(found.by_limit)
    _check_compliance(play, found)
    accuracy = next(r for r in unit.model.volts if r.full_scale == source.full_scale)
    program = Program(terminals, v_range, accuracy, ammeters, play.compliance, layout.entries)
    return Compiled(None if serious else program, found.violations)


def _ammeters(play: Play, unit: Unit, summary: Summary, found: Findings) -> dict[str, Ammeter]:
    """Return the ammeters: unless one was asked for, the smallest that is fast enough as well."""
    ammeters, most = {}, unit.model.ammeters[-1].range.full_scale
    shortest = (summary.shortest or 0) / GRID if summary.readings else math.inf
    for terminal in unit.channels:
        asked = play.ranges.get(terminal, min(play.compliance, most))
        fitting = [a for a in unit.model.ammeters if 0 < asked <= a.range.full_scale * (1 + 1e-9)]
        if not fitting:
            allowed = f"up to {show(most, 'A')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")
        fitting = fitting or list(unit.model.ammeters[-1:])
        fast = [a for a in fitting if a.shortest <= shortest] or fitting[-1:]
        ammeters[terminal] = fitting[0] if terminal in play.ranges else fast[0]
    return ammeters


def _v_range(layout: Layout, found: Findings) -> tuple[float, float]:
    """Return the smallest range that holds every level; beyond 5 V it has one polarity."""
    levels = [
        level for entry in layout.entries for segment in entry.segments
        for _, begin, end in segment.levels for level in (begin, end)
    ]  # fmt: skip
    low, high = min(levels, default=0.0), max(levels, default=0.0)
    for least, most in V_RANGES:
        if least - 1e-9 <= low and high <= most + 1e-9:
            return least, most
    found.add(
        "voltage",
        f"levels from {show(low, 'V')} to {show(high, 'V')}",
        "-5 V to 5 V, or up to 10 V of one polarity",
        "lower the amplitude, or play the polarities in steps of their own",
    )
    return -5.0, 5.0


def _check_layout(layout: Layout, found: Findings) -> None:
    vectors = sum(len(entry.segments) for entry in layout.entries)
    if vectors > MOST_VECTORS:
        found.add(
            "vectors",
            f"{vectors} different segments",
            f"at most {MOST_VECTORS} in one step",
            "repeat one body with * n, or play the waveform in several steps",
        )
    if any(entry.loops > MOST_LOOPS for entry in layout.entries):
        found.add(
            "loops",
            f"{max(entry.loops for entry in layout.entries)} turns",
            f"at most {MOST_LOOPS} of one body",
            "play the waveform in several steps",
        )


def _check_readings(layout: Layout, ammeters: Mapping[str, Ammeter], found: Findings) -> None:
    """Note levels that are too short to be measured on their range."""
    readings = (r for e in layout.entries for s in e.segments for r in s.readings)
    for reading in readings:
        ammeter = ammeters[reading.terminal]
        if reading.width < ammeter.shortest:
            full = show(ammeter.range.full_scale, "A")
            found.add(
                "level width",
                f"{show(reading.width * TICK, 's')}, measured on {full}",
                f"at least {show(ammeter.shortest * TICK, 's')}",
                "make it longer, measure on a larger range, or do not measure in it",
            )


def _check_compliance(play: Play, found: Findings) -> None:
    """Say that nothing holds the current, where it can be more than was allowed."""
    if play.compliance >= MOST_CURRENT:
        return
    most = show(MOST_CURRENT, "A")
    found.add(
        "compliance",
        show(play.compliance, "A"),
        f"{most}: a WGFMU has no current limit that can be set",
        "put a resistor in series with the sample and give the compliance that it allows",
        f"up to {most} instead of {show(play.compliance, 'A')}, with readings beyond that flagged",
        MOST_CURRENT,
    )
