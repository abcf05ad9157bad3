"""From a step to a program of a B1500A: runs, ranges and apertures, or what forbids it.

Which levels become which run is decided in `b1500_schedule`. Nothing here talks to an instrument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from instruments.b1500_limits import (
    APERTURES,
    HOST_GAP,
    HOST_SPREAD,
    MOST_COMMANDED,
    MOST_LEVELS,
    SHORTEST_LEVEL,
    TICK,
    WIDTHS,
    Module,
    limits_of,
)
from instruments.b1500_schedule import Change, Run, lay
from instruments.levels import Level, written_out
from instruments.pieces import Compiled, Findings, fold
from instruments.ranges import Range, range_for
from labctl.capability import Limits
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Summary, seconds

__all__ = ["Mode", "Program", "Unit", "compile_play"]

Mode = Literal["pulsed sweep", "pulsed spot", "staircase sweep", "sampling", "host"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    module: Module  #: of the channel that is used, or the lesser of several
    channels: Mapping[str, int]  #: device terminal -> channel

    @property
    def limits(self) -> Limits:
        """What it can do."""
        return limits_of(self.module)


@dataclass(frozen=True, slots=True)
class Program:
    """All the driver needs to play once; times in s."""

    terminal: str
    channel: int
    compliance: float  #: A
    source: Range
    v_meter: Range
    i_meter: Range
    runs: tuple[Run, ...]
    duration: float  #: of the whole waveform
    mode: Mode
    timing: float  #: expected error of an interval


def compile_play(play: Play, unit: Unit) -> Compiled[Program]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance and current ranges.
    unit
        The instrument.
    """
    found = Findings(unit.limits.model)
    summary = play.waveform.summary()
    _check_waveform(play, unit, summary, found)
    _check_currents(play, unit, summary, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    levels = written_out(fold(play.waveform), MOST_LEVELS, "length", found)
    if found.by_limit:
        return Compiled(None, found.violations)
    runs, changes = lay(levels)
    _check_blocks(runs, found)
    _check_apertures(levels, found)
    _note_changes(changes, found)
    if any(not violation.instead for violation in found.violations):
        return Compiled(None, found.violations)
    return Compiled(_program(play, unit, runs, summary), found.violations)


def _check_waveform(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    limits, wired = unit.limits, unit.channels
    for terminal in sorted(play.waveform.terminals - set(wired)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(wired))}",
            "wire the terminal in the bench file or use another",
        )
    if len(play.waveform.terminals) > 1:
        found.add(
            "terminals",
            f"a waveform on {', '.join(sorted(play.waveform.terminals))}",
            "one terminal at a time; the others are held at zero",
            "play on one terminal, or use an instrument that synchronises several",
        )
    peak = max(summary.peak.values(), default=0.0)
    if peak > limits.max_v:
        allowed = f"at most {show(limits.max_v, 'V')}"
        found.add("voltage", show(peak, "V"), allowed, "lower the amplitude")
    if summary.ramps:
        allowed = "a constant level"
        found.add("ramps", "a level that changes linearly", allowed, "leave the edges at zero")
    if summary.segments > MOST_LEVELS:
        found.add(
            "length",
            f"a waveform of {summary.pulses} pulses and {summary.readings} readings",
            f"at most {MOST_LEVELS} segments in one step",
            "play the waveform in several steps",
        )


def _check_currents(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    module = unit.module
    peak = min(max(summary.peak.values(), default=0.0), unit.limits.max_v)
    least, most = module.least_compliance, module.most_current(peak)
    if not least <= play.compliance <= most:
        allowed = f"{show(least, 'A')} to {show(most, 'A')} at {show(peak, 'V')}"
        found.add("compliance", show(play.compliance, "A"), allowed, "choose one inside")
    largest = module.i_meter[-1].full_scale
    for terminal, asked in play.ranges.items():
        if terminal in unit.channels and not 0 < asked <= largest:
            allowed = f"up to {show(largest, 'A')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")


def _check_apertures(levels: Sequence[Level], found: Findings) -> None:
    spans = [span.length for level in levels for span in level.spans]
    if spans and min(spans) < APERTURES[0] * (1 - 1e-9):
        found.add(
            "aperture",
            show(min(spans), "s"),
            f"at least {show(APERTURES[0], 's')}",
            "measure over a longer part of the level",
        )


def _check_blocks(runs: Sequence[Run], found: Findings) -> None:
    longest = max((len(run.levels) for run in runs if run.kind == "levels"), default=0)
    if longest > MOST_COMMANDED:
        found.add(
            "length",
            f"{longest} unequal levels without a rest of {show(HOST_GAP, 's')} among them",
            f"at most {MOST_COMMANDED}",
            "make them equal steps, or play the waveform in several steps",
        )


def _note_changes(changes: Sequence[Change], found: Findings) -> None:
    """Say the largest change of each kind, and what would be played instead."""
    shortest = show(WIDTHS[0], "s")
    allowed = {
        "pulse": f"at least {shortest}, in steps of {show(TICK, 's')}",
        "level": f"at least {show(SHORTEST_LEVEL, 's')} where levels follow each other otherwise "
        "than as equal steps",
        "rest": f"at least {show(HOST_GAP, 's')} between unequal pulses; equal ones at equal "
        "distances are timed by the instrument",
    }
    for what, text in allowed.items():
        of_kind = [change for change in changes if change.what == what]
        if not of_kind:
            continue
        worst = max(of_kind, key=lambda change: abs(change.got / max(change.asked, 1e-9) - 1))
        instead = (
            "" if what == "level" else
            f"{what}s of {show(worst.got, 's')} instead of {show(worst.asked, 's')}"
        )  # fmt: skip
        found.add(f"{what} width", show(worst.asked, "s"), text, f"make the {what} longer", instead)


def _program(play: Play, unit: Unit, runs: tuple[Run, ...], summary: Summary) -> Program:
    module = unit.module
    terminal = next(iter(play.waveform.terminals), next(iter(unit.channels), ""))
    source = range_for(module.v_source, max(summary.peak.values(), default=0.0), source=True)
    asked = min(play.ranges.get(terminal, play.compliance), play.compliance)
    meter = range_for(module.i_meter, asked)
    assert source is not None, "larger levels were refused before"
    assert meter is not None, "larger currents were refused before"
    mode = _mode(runs)
    return Program(
        terminal=terminal,
        channel=unit.channels.get(terminal, 0),
        compliance=play.compliance,
        source=source,
        v_meter=next(r for r in module.v_meter if r.full_scale == source.full_scale),
        i_meter=meter,
        runs=runs,
        duration=seconds(play.waveform.ticks),
        mode=mode,
        timing=HOST_SPREAD if mode == "host" else TICK,
    )


def _mode(runs: Sequence[Run]) -> Mode:
    if len(runs) != 1 or runs[0].kind == "levels":
        return "host"
    if runs[0].kind == "pulses":
        return "pulsed sweep" if len(runs[0].levels) > 1 else "pulsed spot"
    return "staircase sweep" if runs[0].kind == "staircase" else "sampling"
