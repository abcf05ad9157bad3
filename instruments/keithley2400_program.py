"""From a waveform to a program of a Series 2400: runs, ranges and aperture, or what forbids it.

Which levels become which run is decided in `keithley2400_schedule` and, for the pulse mode of the
2430, in `keithley2400_pulses`. Nothing here talks to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from instruments.keithley2400_limits import (
    HOST_GAP,
    LEAST_NPLC,
    MOST_LEVELS,
    OVERHEAD_CURRENT,
    POINTS,
    TIMER,
    Model,
    limits_of,
)
from instruments.keithley2400_pulses import groups_of_kind, lay_pulses
from instruments.keithley2400_schedule import Change, Run, groups_of, lay, merged
from instruments.keithley2400_sources import Quantity, check_amperes, check_volts, source_of
from instruments.levels import Level, written_out
from instruments.pieces import Compiled, Findings, fold
from instruments.ranges import Range
from labctl.capability import Limits
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Summary, seconds

__all__ = ["Mode", "Program", "Unit", "compile_play"]

Mode = Literal["hardware list", "pulse mode", "arm timer", "host"]

#: typical spread of what the host starts, s: a few messages over GPIB (check)
_HOST_SPREAD = 10e-3
_LIST_LEVEL = 1e-3  # shortest level of a list, s
_TIMER_GAP = 5e-3  # shortest rest at which the arm timer may repeat what is before it, s
_SLACK = 0.05 * HOST_GAP  # what steps make of the rest before a run
Laid = tuple[list[Run], list[Change]]


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    model: Model
    limits: Limits
    line_frequency: float  #: Hz
    channels: Mapping[str, str]  #: device terminal -> ``front`` or ``rear``
    host: bool = False  #: every rest that the host can time is left to it

    def at(self, line_frequency: float) -> Unit:
        """Return the same at another frequency of the mains, Hz."""
        limits = limits_of(self.model, line_frequency)
        return replace(self, limits=limits, line_frequency=line_frequency)


@dataclass(frozen=True, slots=True)
class Program:
    """All the driver needs to play once; times in s."""

    terminal: str
    quantity: Quantity  #: what is sourced
    limit: float  #: largest magnitude of the other quantity, A or V
    source: Range
    v_meter: Range
    i_meter: Range
    runs: tuple[Run, ...]
    duration: float  #: of the whole waveform
    mode: Mode
    timing: float  #: expected error of an interval

    @property
    def meter(self) -> Range:
        """The meter whose range is its own; what is sourced is measured on the source's."""
        return self.i_meter if self.quantity == "v" else self.v_meter


def compile_play(play: Play, unit: Unit) -> Compiled[Program]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance, current ranges and voltage limits.
    unit
        The instrument.
    """
    found = Findings(unit.model.name)
    summary = play.waveform.summary()
    amperes = any(terminal in play.voltage_limits for terminal in unit.channels)
    pulsed = _needs_pulses(play, unit, amperes=amperes)
    _check_waveform(play, unit, summary, found)
    check = check_amperes if amperes else check_volts
    check(play, unit.model, unit.channels, found, pulsed=pulsed)
    if found.by_limit:
        return Compiled(None, found.violations)
    levels = written_out(fold(play.waveform), MOST_LEVELS, "list length", found)
    laying = _Laying(unit, amperes=amperes, high=pulsed)
    runs = _runs(levels, laying, found) if not found.by_limit else None
    if runs is None:
        return Compiled(None, found.violations)
    if not found.by_limit:
        _check_windows(runs, unit, summary, found)
    return Compiled(_program(play, unit, runs, summary, pulsed=pulsed), found.violations)


def _needs_pulses(play: Play, unit: Unit, *, amperes: bool) -> bool:
    pulsing = unit.model.pulsing
    if pulsing is None:
        return False
    peak = max(play.waveform.summary().peak.values(), default=0.0)
    return (peak if amperes else play.compliance) > pulsing.high


def _check_waveform(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    wired = unit.channels
    terminals = {*play.waveform.terminals, *play.voltage_limits}
    for terminal in sorted(terminals - set(wired)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(wired))}",
            "wire the terminal in the bench file or use another",
        )
    if summary.ramps:
        allowed = "a constant level"
        found.add("ramps", "a level that changes linearly", allowed, "leave the edges at zero")
    if summary.segments > MOST_LEVELS:
        found.add(
            "list length",
            f"a waveform of {summary.pulses} pulses and {summary.readings} readings",
            f"at most {MOST_LEVELS} segments in one step",
            "play the waveform in several steps",
        )


def _check_windows(runs: Sequence[Run], unit: Unit, summary: Summary, found: Findings) -> None:
    """Note windows too short to measure in; those of levels that become longer do so as well.

    A pulse is as long as its reading needs, which lies in its last part and may begin before the
    window.
    """
    window = summary.shortest_window
    least = LEAST_NPLC / unit.line_frequency
    if window is None or seconds(window) >= least * (1 - 1e-9) or any(r.width for r in runs):
        return
    found.add(
        "aperture",
        show(seconds(window), "s"),
        f"at least {show(least, 's')}",
        "measure over a longer part of the level",
        f"readings over {show(least, 's')} instead of {show(seconds(window), 's')}",
    )


@dataclass(frozen=True, slots=True)
class _Laying:
    """How levels are laid on lists and pulses."""

    unit: Unit
    amperes: bool
    high: bool  #: the range that exists for pulses alone is in use

    def steps(self, levels: Sequence[Level]) -> tuple[Run, list[Change]] | None:
        """Return a list."""
        return lay(levels, self.unit.line_frequency, amperes=self.amperes)

    def pulses(self, levels: Sequence[Level]) -> tuple[Run, list[Change]]:
        """Return a run of pulses."""
        pulsing = self.unit.model.pulsing
        assert pulsing is not None, "only the 2430 has pulses"
        return lay_pulses(levels, self.unit.line_frequency, pulsing, high=self.high)


def _runs(levels: Sequence[Level], laying: _Laying, found: Findings) -> tuple[Run, ...] | None:
    if not levels:
        return ()
    unit = laying.unit
    shortest = min(level.length for level in levels)
    if laying.high or (unit.model.pulsing is not None and shortest < _LIST_LEVEL):
        laid = _pulse_runs(levels, laying)
    else:
        laid = _list_runs(levels, laying)
    if laid is None:
        found.add(
            "list length",
            f"levels that need more than {POINTS} equal steps without a rest of "
            f"{show(HOST_GAP, 's')} among them",
            f"{POINTS} steps of at least {show(unit.limits.min_width, 's')}",
            "make the durations multiples of a longer one, or put longer rests between them",
        )
        return None
    runs, changes = laid
    _note_changes(changes, laying, found)
    return tuple(runs)


def _list_runs(levels: Sequence[Level], laying: _Laying) -> Laid | None:
    """Return one list where that holds everything, else lists cut at the rests between them."""
    unit = laying.unit
    whole = None if unit.host else laying.steps(levels)
    if whole is not None and not whole[1]:
        return [whole[0]], whole[1]
    choices = [] if whole is None else [([whole[0]], whole[1])]
    for gap in (HOST_GAP,) if unit.host else (HOST_GAP, _TIMER_GAP):
        cut = _cut_runs(levels, laying, gap)
        if cut is not None and not cut[1]:
            return cut
        choices += [] if cut is None else [cut]
    return min(choices, key=lambda laid: len(laid[1]), default=None)


def _cut_runs(levels: Sequence[Level], laying: _Laying, gap: float) -> Laid | None:
    """Return lists cut at rests of at least `gap` s; equal ones are laid only once."""
    known: dict[tuple[Level, ...], tuple[Run, list[Change]] | None] = {}
    runs: list[Run] = []
    changes: list[Change] = []
    for group in groups_of(levels, gap):
        start = group[0].start
        shape = tuple(replace(level, start=round(level.start - start, 9)) for level in group)
        if shape not in known:
            known[shape] = laying.steps(shape)
        laid = known[shape]
        if laid is None:
            return None
        runs.append(replace(laid[0], start=start))
        changes += laid[1]
    return _apart(runs if laying.unit.host else merged(runs), changes)


def _pulse_runs(levels: Sequence[Level], laying: _Laying) -> Laid | None:
    """Return runs of pulses, and lists of the levels that are no pulses."""
    pulsing = laying.unit.model.pulsing
    assert pulsing is not None, "only the 2430 has pulses"
    runs: list[Run] = []
    changes: list[Change] = []
    for pulses, group in groups_of_kind(levels, _LIST_LEVEL, pulsing, high=laying.high):
        laid = laying.pulses(group) if pulses else laying.steps(group)
        if laid is None:
            return None
        runs.append(laid[0])
        changes += laid[1]
    return _apart(runs if laying.unit.host else merged(runs), changes)


def _apart(runs: Sequence[Run], changes: Sequence[Change]) -> Laid:
    """Put runs so far apart that the host can start each of them, and note what that changes."""
    put: list[Run] = []
    made = list(changes)
    late = 0.0
    for number, run in enumerate(runs):
        gap = run.start + late - put[-1].stop if put else HOST_GAP
        if gap < HOST_GAP - _SLACK:
            before = runs[number - 1]
            made.append(Change("rest", run.start - before.stop + before.over, HOST_GAP))
            late += HOST_GAP - gap
        put.append(replace(run, start=run.start + late))
    return put, made


def _relative(change: Change) -> float:
    """Return the relative size of a change; of a rest of no length it is without end."""
    return abs(change.got / change.asked - 1) if change.asked else math.inf


def _note_changes(changes: Sequence[Change], laying: _Laying, found: Findings) -> None:
    """Say the largest change of each kind, and what would be played instead."""
    limits = laying.unit.limits
    # the firmware takes longer for a step of a list that sources a current, not for a pulse
    more = OVERHEAD_CURRENT if laying.amperes and laying.unit.model.pulsing is None else 0.0
    for what, least in (("level", limits.min_width + more), ("rest", limits.min_gap + more)):
        of_kind = [change for change in changes if change.what == what]
        if not of_kind:
            continue
        worst = max(of_kind, key=_relative)
        short = worst.asked < least * (1 - 1e-9)
        found.add(
            f"{what} width" if short else f"{what} in steps",
            show(worst.asked, "s"),
            f"at least {show(least, 's')}" if short else "a multiple of one step for all of them",
            f"make the {what} longer"
            if short
            else f"choose {what}s that are multiples of the shortest duration",
            f"{what}s of {show(worst.got, 's')} instead of {show(worst.asked, 's')}",
        )


def _program(
    play: Play, unit: Unit, runs: tuple[Run, ...], summary: Summary, *, pulsed: bool
) -> Program:
    terminal = next(iter(play.waveform.terminals), next(iter(unit.channels), ""))
    peak = max(summary.peak.values(), default=0.0)
    sourced = source_of(play, unit.model, terminal, peak, pulsed=pulsed)
    mode = _mode(runs)
    return Program(
        terminal=terminal,
        quantity=sourced.quantity,
        limit=sourced.limit,
        source=sourced.source,
        v_meter=sourced.v_meter,
        i_meter=sourced.i_meter,
        runs=runs,
        duration=seconds(play.waveform.ticks),
        mode=mode,
        timing=_timing(runs, mode),
    )


def _mode(runs: Sequence[Run]) -> Mode:
    if len(runs) > 1:
        return "host"
    if any(run.timer for run in runs):
        return "arm timer"
    return "pulse mode" if any(run.width for run in runs) else "hardware list"


def _timing(runs: Sequence[Run], mode: Mode) -> float:
    """Return the expected error of an interval: of the steps, of the timer, of the host."""
    steps = max((run.error for run in runs), default=0.0)
    return steps + {"arm timer": TIMER / 2, "host": _HOST_SPREAD}.get(mode, 0.0)
