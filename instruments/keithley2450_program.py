"""From a step to a program of the 2450 family, or what forbids it.

How levels become indexes of configuration lists is decided in `keithley2450_schedule`. Nothing here
talks to an instrument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, NamedTuple

from instruments.keithley2450_limits import (
    BLOCK,
    LEAST_NPLC,
    LONGEST,
    MOST_LEVELS,
    MOST_LOOPS,
    MOST_READINGS,
    Model,
    least_step,
    limits_of,
)
from instruments.keithley2450_schedule import Change, Level, Span, Step, lay_pulses, lay_steps
from instruments.pieces import Body, Compiled, Findings, Piece, fold, pieces_of
from instruments.ranges import Range, range_for
from labctl.capability import Limits
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Summary, seconds

__all__ = ["Mode", "Program", "Unit", "compile_play"]

Mode = Literal["trigger model", "pulse mode"]
Quantity = Literal["v", "i"]

_LONGEST_DELAY = LONGEST / 2


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    model: Model
    limits: Limits
    line_frequency: float  #: Hz
    channels: Mapping[str, str]  #: device terminal -> ``front`` or ``rear``

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
    mode: Mode
    lead: float  #: at zero before the first repetition
    steps: tuple[Step, ...]  #: of one repetition; none when the waveform is rest alone
    repeats: int
    trail: float  #: at zero, with the output off, after the last one
    line_frequency: float  #: Hz

    @property
    def meter(self) -> Range:
        """The meter whose range is its own; what is sourced is measured on the source's."""
        return self.i_meter if self.quantity == "v" else self.v_meter

    @property
    def pulsed(self) -> bool:
        """Whether levels are pulses of a 2461."""
        return self.mode == "pulse mode"

    @property
    def readings(self) -> int:
        """How many readings a run gives, those of rests and of both ends included."""
        return len(self.steps) * self.repeats + (0 if self.pulsed else 2)

    @property
    def running(self) -> float:
        """How long the trigger model runs."""
        rests = sum(step.before + step.rest for step in self.steps) if self.pulsed else 0.0
        one = rests + sum(step.length for step in self.steps)
        return self.lead + self.repeats * one

    @property
    def timing(self) -> float:
        """Expected error of an interval: the blocks of the trigger model (check)."""
        return 2 * BLOCK


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
    _check_waveform(play, unit, summary, found)
    _check_source(play, unit, summary, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    body = fold(play.waveform)
    mode, steps = _laid(body, unit, found)
    if found.by_limit and not steps:
        return Compiled(None, found.violations)
    program = _program(play, unit, body, mode, steps, summary)
    if not _holds(program, found):
        return Compiled(None, found.violations)
    return Compiled(program, found.violations)


def _check_waveform(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    for terminal in sorted({*play.waveform.terminals, *play.voltage_limits} - set(unit.channels)):
        wired = ", ".join(sorted(unit.channels))
        remedy = "wire the terminal in the bench file or use another"
        found.add("terminals", f'a waveform on "{terminal}"', f"one on {wired}", remedy)
    if summary.ramps:
        found.add(
            "ramps", "a level that changes linearly", "a constant level",
            "leave the edges at zero",
        )  # fmt: skip
    if summary.readings > MOST_READINGS:
        found.add(
            "readings",
            f"{summary.readings} readings",
            f"at most {MOST_READINGS} in one step",
            "play the waveform in several steps, or measure outside the loop",
        )


def _check_source(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    """Note levels, limits and ranges that cannot be set."""
    peak = max(summary.peak.values(), default=0.0)
    for terminal in unit.channels:
        if terminal in play.voltage_limits:
            _check_amperes(play, terminal, unit.model, peak, found)
            return
    model, most = unit.model, unit.limits.max_v
    if peak > most:
        found.add("voltage", show(peak, "V"), f"at most {show(most, 'V')}", "lower the amplitude")
        peak = most
    least, most = model.least_compliance, model.most_current(peak)
    if not least <= play.compliance <= most:
        allowed = f"{show(least, 'A')} to {show(most, 'A')} at {show(peak, 'V')}"
        found.add("compliance", show(play.compliance, "A"), allowed, "choose one inside")
    largest = model.i_meter[-1].full_scale
    for terminal in unit.channels:
        asked = play.ranges.get(terminal, min(play.compliance, largest))
        if not 0 < asked <= largest:
            allowed = f"up to {show(largest, 'A')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")


def _check_amperes(play: Play, terminal: str, model: Model, peak: float, found: Findings) -> None:
    highest = min(model.i_source[-1].source_maximum, max(i for _, i in model.area))
    if peak > highest:
        allowed = f"at most {show(highest, 'A')}"
        found.add("current", show(peak, "A"), allowed, "lower the amplitude")
        return
    if not peak <= play.compliance:
        allowed = f"at most the compliance of the step, {show(play.compliance, 'A')}"
        remedy = "lower the current, or allow the device more"
        found.add("compliance", show(peak, "A"), allowed, remedy)
    asked = play.ranges.get(terminal, 0.0)
    source = _amperes(model, peak, asked)
    if source is None:
        largest = show(model.i_source[-1].full_scale, "A")
        found.add("current range", show(asked, "A"), f"up to {largest}", "choose a smaller range")
        return
    most, limit = model.most_limit(source.full_scale), play.voltage_limits[terminal]
    if not model.least_limit <= limit <= most:
        allowed = f"{show(model.least_limit, 'V')} to {show(most, 'V')}"
        allowed += f" on the range of {show(source.full_scale, 'A')}"
        found.add("voltage limit", show(limit, "V"), allowed, "choose one inside")


def _amperes(model: Model, peak: float, asked: float) -> Range | None:
    """Return the source range that holds the largest level; a larger one where one is asked for."""
    needed = range_for(model.i_source, peak, source=True)
    if needed is None or asked <= needed.full_scale:
        return needed
    return range_for(model.i_source, asked)


# -- steps or pulses -------------------------------------------------------------------------------


def _laid(body: Body, unit: Unit, found: Findings) -> tuple[Mode, list[Step]]:
    """Return the steps of one repetition; none where there are too many, which is noted."""
    if body.node is None:
        return "trigger model", []
    # a rest between two levels is a step as well
    pieces = list(islice(pieces_of(body.node), MOST_LEVELS // 2 + 1))
    if len(pieces) > MOST_LEVELS // 2:
        found.add(
            "list length",
            f"a body of more than {MOST_LEVELS // 2} levels",
            f"at most {MOST_LEVELS // 2} in one that is repeated with * n",
            "play the waveform in several steps",
        )
        return "trigger model", []
    levels, period = [_level(piece) for piece in pieces], seconds(body.node.ticks)
    steps, changes = lay_steps(levels, period, unit.line_frequency)
    mode: Mode = "trigger model"
    if changes and unit.model.pulsing is not None:
        pulses = lay_pulses(levels, period, unit.model.pulsing, again=body.repeats > 1)
        if pulses is not None:
            mode, (steps, changes) = "pulse mode", pulses
    _note_changes(changes, unit, mode, found)
    return mode, steps


def _level(piece: Piece) -> Level:
    spans = tuple(Span(seconds(w.start), seconds(w.stop), w.role) for w in piece.windows)
    v = next(iter(piece.levels.values()), 0.0)
    return Level(seconds(piece.start), seconds(piece.length), v, spans)


def _note_changes(changes: Sequence[Change], unit: Unit, mode: Mode, found: Findings) -> None:
    """Say the largest change of each kind, and what would be played instead."""
    limits = unit.limits
    least = {"level": limits.min_width, "rest": limits.min_gap, "window": limits.min_aperture}
    if mode == "trigger model":
        shortest = least_step(unit.line_frequency)
        least = {"level": shortest, "rest": shortest, "window": LEAST_NPLC / unit.line_frequency}
    for what, remedy in (
        ("level", "make the level longer"),
        ("rest", "make the rest longer"),
        ("window", "measure over a longer part of the level"),
    ):
        of_kind = [change for change in changes if change.what == what]
        if not of_kind:
            continue
        worst = max(of_kind, key=lambda change: change.got / max(change.asked, 1e-9))
        found.add(
            "aperture" if what == "window" else f"{what} width",
            show(worst.asked, "s"),
            f"at least {show(least[what], 's')}",
            remedy,
            f"{what}s of {show(worst.got, 's')} instead of {show(worst.asked, 's')}",
        )


class _Sourced(NamedTuple):
    """How the source and the meters are set."""

    quantity: Quantity
    limit: float
    source: Range
    v_meter: Range
    i_meter: Range


def _sourced(play: Play, model: Model, terminal: str, peak: float) -> _Sourced:
    asked = play.ranges.get(terminal, 0.0)
    if terminal in play.voltage_limits:
        amperes, limit = _amperes(model, peak, asked), play.voltage_limits[terminal]
        # a limit in the overrange of a meter is measured on that meter
        voltmeter = range_for(model.v_meter, min(limit, model.v_meter[-1].full_scale))
        assert amperes is not None, "larger levels were refused before"
        assert voltmeter is not None, "larger limits were refused before"
        same = next(r for r in model.i_meter if r.full_scale == amperes.full_scale)
        return _Sourced("i", limit, amperes, voltmeter, same)
    asked = min(asked or play.compliance, play.compliance)
    volts = range_for(model.v_source, peak, source=True)
    meter = range_for(model.i_meter, min(asked, model.i_meter[-1].full_scale))
    assert volts is not None, "larger levels were refused before"
    assert meter is not None, "larger currents were refused before"
    same = next(r for r in model.v_meter if r.full_scale == volts.full_scale)
    return _Sourced("v", play.compliance, volts, same, meter)


def _program(
    play: Play, unit: Unit, body: Body, mode: Mode, steps: Sequence[Step], summary: Summary
) -> Program:
    peak = max(summary.peak.values(), default=0.0)
    terminal = next(iter(play.waveform.terminals), next(iter(unit.channels), ""))
    sourced = _sourced(play, unit.model, terminal, peak)
    return Program(
        terminal=terminal,
        quantity=sourced.quantity,
        limit=sourced.limit,
        source=sourced.source,
        v_meter=sourced.v_meter,
        i_meter=sourced.i_meter,
        mode=mode,
        lead=seconds(body.lead) if steps else 0.0,
        steps=tuple(steps),
        repeats=body.repeats,
        trail=seconds(body.trail if steps else body.lead + body.trail),
        line_frequency=unit.line_frequency,
    )


def _holds(program: Program, found: Findings) -> bool:
    """Note what the instrument's delays, counters and buffers do not hold."""
    delays = [program.lead] + [d for s in program.steps for d in (s.before, s.after, s.rest)]
    before = len(found.by_limit)
    if max(delays) > _LONGEST_DELAY:
        found.add(
            "duration",
            f"a rest or a level of {show(max(delays), 's')} or more",
            f"at most {show(_LONGEST_DELAY, 's')}",
            "put a wait between two steps",
        )
    if program.repeats > MOST_LOOPS:
        asked, most = f"{program.repeats} repetitions", f"at most {MOST_LOOPS}"
        found.add("loops", asked, most, "play the waveform in several steps")
    if program.readings > MOST_READINGS:
        found.add(
            "readings",
            f"{program.readings} readings, of rests as well, in {program.repeats} repetitions",
            f"at most {MOST_READINGS} in one step",
            "play the waveform in several steps",
        )
    return len(found.by_limit) == before
