"""From a waveform to one trigger-model program of a 2600B.

The trigger model plays *cycles*: at an event of timer 1 the source steps to the next level of its
list, at an event of timer 2 it goes back to zero, and in between an event of a third timer starts
one reading::

    level   ____|^^^^^^^^^^^^^|_______________|^^^^^^^^^^^^^|____
    timer 1     |<---------- period --------->|
    timer 2     |<-- width -->|
    timer 3     |<offset>|aperture|

For example ``(pulse(1 V, 100 us) + rest(900 us)) * 1000``, measured from 70 to 95 us, is the level
list {1}, periods {1000 us}, widths {100 us}, offsets {74 us} and a trigger count of 1000. What a
channel sources, volts or amperes, is in `keithley2600_sources`. Nothing here talks to an
instrument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from instruments.keithley2600_cycles import Cycle, cycles_of
from instruments.keithley2600_limits import (
    LEAST_AVERAGE,
    LEAST_DELAY,
    LEAST_NPLC,
    MICROSECONDS,
    MOST_NPLC,
    TURNAROUND,
    Model,
)
from instruments.keithley2600_sources import Quantity, check_sources, source_of
from instruments.pieces import TICKS, Body, Findings, fold
from instruments.ranges import Range
from labctl.capability import Limits, Violation
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Role, Summary, Window, seconds

__all__ = ["Program", "Times", "Track", "Unit", "compile_play", "times_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    model: Model
    limits: Limits
    line_frequency: float  #: Hz
    channels: Mapping[str, str]  #: device terminal -> ``a`` or ``b``


@dataclass(frozen=True, slots=True)
class Track:
    """What one channel does in every cycle of the body."""

    terminal: str
    channel: str
    quantity: Quantity  #: what it sources: ``v`` or ``i``
    levels: tuple[float, ...]  #: V or A; empty when the channel only holds zero
    offsets: tuple[int, ...]  #: reading after the start of the cycle, us; empty without readings
    roles: tuple[Role | None, ...]  #: role of the reading; None where it is dropped
    source: Range
    limit: float  #: largest magnitude of the other quantity, A or V
    v_meter: Range
    i_meter: Range
    limit_error: float = 0.0  #: bound on the error of a voltage limit, V

    @property
    def meter(self) -> Range:
        """The meter whose range is its own; what is sourced is measured on the source's."""
        return self.i_meter if self.quantity == "v" else self.v_meter

    @property
    def measured(self) -> bool:
        """Whether any reading is kept."""
        return bool(self.offsets)


@dataclass(frozen=True, slots=True)
class Program:
    """All the instrument needs to play once; times in us."""

    tracks: tuple[Track, ...]
    nplc: float
    aperture: float  #: s
    lead: int  #: rest before the first cycle
    trail: int  #: rest after the last
    periods: tuple[int, ...]  #: from the start of a cycle to the start of the next
    widths: tuple[int, ...]
    repeats: int  #: how often the lists are played
    span: int  #: from the start of the first cycle to the end of the last level

    @property
    def cycles(self) -> int:
        """How many cycles are played."""
        return len(self.widths) * self.repeats


class Times(NamedTuple):
    """When the cycles of a program are played, us; as in `Program`."""

    lead: int
    trail: int
    periods: tuple[int, ...]
    widths: tuple[int, ...]
    span: int


def compile_play(play: Play, unit: Unit) -> Program | list[Violation]:
    """Make the program of a step, or say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance, current ranges and voltage limits.
    unit
        The instrument.

    Returns
    -------
    Program or list of Violation
        The program; or every kind of limit that the step would break, with its first instance.
    """
    found = Findings(unit.model.name)
    summary = play.waveform.summary()
    _check_waveform(play, unit, summary, found)
    check_sources(play, unit.model, unit.channels, found)
    if found.by_limit:
        return found.violations
    body = fold(play.waveform)
    cycles = cycles_of(body, unit.limits, found)
    if found.by_limit:
        return found.violations
    program = _program(play, unit, body, cycles, found)
    return found.violations or program


def _check_waveform(play: Play, unit: Unit, summary: Summary, found: Findings) -> None:
    limits, wired = unit.limits, unit.channels
    for terminal in sorted({*play.waveform.terminals, *play.voltage_limits} - set(wired)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(wired))}",
            "wire the terminal in the bench file or use another",
        )
    if summary.ramps:
        allowed = "a constant level"
        found.add("ramps", "a level that changes linearly", allowed, "leave the edges at zero")
    shortest, window = summary.shortest, summary.shortest_window
    if shortest is not None and seconds(shortest) < limits.min_width:
        allowed = f"at least {show(limits.min_width, 's')}"
        found.add("level width", show(seconds(shortest), "s"), allowed, unit.model.lengthen)
    if window is not None and seconds(window) < limits.min_aperture:
        allowed = f"at least {show(limits.min_aperture, 's')}"
        remedy = "measure over a longer part of the level"
        found.add("aperture", show(seconds(window), "s"), allowed, remedy)


def _program(
    play: Play, unit: Unit, body: Body, cycles: Sequence[Cycle], found: Findings
) -> Program:
    times = times_of(body, cycles)
    nplc = _nplc(unit, cycles, times.periods, body.repeats, found) if cycles else LEAST_NPLC
    return Program(
        tracks=_tracks(play, unit, cycles, nplc, found),
        nplc=nplc,
        aperture=nplc / unit.line_frequency,
        lead=times.lead,
        trail=times.trail,
        periods=times.periods,
        widths=times.widths,
        repeats=body.repeats,
        span=times.span,
    )


def times_of(body: Body, cycles: Sequence[Cycle]) -> Times:
    """Return when the cycles of a body are played.

    Parameters
    ----------
    body
        A folded waveform.
    cycles
        Of one repetition.
    """
    if not cycles:
        return Times(0, round((body.lead + body.trail) / TICKS), (), (), 0)
    first, last = cycles[0], cycles[-1]
    return Times(
        lead=round((body.lead + first.start * TICKS) / TICKS),
        trail=round((body.trail + max(0, body.period - last.stop) * TICKS) / TICKS),
        periods=_periods(body, cycles),
        widths=tuple(cycle.width for cycle in cycles),
        span=body.period * (body.repeats - 1) + last.stop - first.start,
    )


def _periods(body: Body, cycles: Sequence[Cycle]) -> tuple[int, ...]:
    inner = [later.start - earlier.start for earlier, later in pairwise(cycles)]
    first, last = cycles[0], cycles[-1]
    # after the last cycle of all nothing starts; its entry only has to outlast the level
    wrap = body.period - last.start + first.start if body.repeats > 1 else 2 * last.width
    return (*inner, wrap)


def _nplc(
    unit: Unit, cycles: Sequence[Cycle], periods: Sequence[int], repeats: int, found: Findings
) -> float:
    """Return the longest aperture in PLC that fits every window and between any two readings."""
    room = min(
        (
            _room([cycle.windows.get(terminal) for cycle in cycles], periods, repeats)
            for terminal in {name for cycle in cycles for name in cycle.windows}
        ),
        default=0.0,
    )
    # the resolution of the setting is not documented: multiples of 0.001 are certain
    longest = min(room * unit.line_frequency / MICROSECONDS, MOST_NPLC)
    thousandths = math.floor(longest * 1000 + 1e-6)
    if thousandths < 1 and any(cycle.windows for cycle in cycles):
        found.add(
            "reading rate",
            "readings that follow each other too closely",
            f"room for {show(unit.limits.min_aperture, 's')} and {TURNAROUND} us between them",
            "leave more time between the readings or start their windows later",
        )
    return max(thousandths, 1) / 1000


def _room(windows: Sequence[Window | None], periods: Sequence[int], repeats: int) -> float:
    """Return the longest aperture that the readings of one channel leave room for, us.

    Every cycle of a measured channel reads, also where nobody asked (that reading is dropped), so
    one reading must be over before the next is due. A kept reading of aperture A is centred on its
    window, so it begins at b - A/2; a dropped one begins at b = 50 us. With h = 1/2 or 0, cycle k
    leaves room for ``A (1 + h[k+1] - h[k]) <= period[k] + b[k+1] - b[k] - turnaround``; and the
    delays of a timer that has several must be 50 us long on average.
    """
    b = [_centre(window) if window else float(LEAST_AVERAGE) for window in windows]
    h = [0.5 if window else 0.0 for window in windows]
    n = len(b)
    fits = [(w.stop - w.start) / TICKS for w in windows if w]
    follow = [
        (periods[k] + b[(k + 1) % n] - b[k] - TURNAROUND) / (1 + h[(k + 1) % n] - h[k])
        for k in range(n if repeats > 1 else n - 1)
    ]
    spread = [(sum(b) - n * LEAST_AVERAGE) / sum(h)] if len({*zip(b, h, strict=True)}) > 1 else []
    return min([*fits, *follow, *spread])


def _centre(window: Window) -> float:
    return (window.start + window.stop) / 2 / TICKS


def _tracks(
    play: Play, unit: Unit, cycles: Sequence[Cycle], nplc: float, found: Findings
) -> tuple[Track, ...]:
    half = nplc / unit.line_frequency * MICROSECONDS / 2
    wired = sorted(unit.channels.items(), key=lambda item: item[1])
    tracks = tuple(_track(name, channel, play, unit, cycles, half) for name, channel in wired)
    soonest = min((min(track.offsets) for track in tracks if track.offsets), default=LEAST_DELAY)
    if soonest < LEAST_DELAY:
        asked = f"a reading {soonest} us after its level begins"
        found.add("reading delay", asked, f"at least {LEAST_DELAY} us", "start the window later")
    return tracks


def _track(
    terminal: str, channel: str, play: Play, unit: Unit, cycles: Sequence[Cycle], half: float
) -> Track:
    windows = [cycle.windows.get(terminal) for cycle in cycles]
    levels = tuple(cycle.levels.get(terminal, 0.0) for cycle in cycles)
    offsets = tuple(round(_centre(w) - half) if w else LEAST_AVERAGE for w in windows)
    measured, peak = any(windows), max(map(abs, levels), default=0.0)
    source = source_of(terminal, peak, play, unit.model)
    return Track(
        terminal=terminal,
        channel=channel,
        quantity=source.quantity,
        levels=levels if measured or peak else (),
        offsets=offsets if measured else (),
        roles=tuple(w.role if w else None for w in windows) if measured else (),
        source=source.range,
        limit=source.limit,
        v_meter=source.v_meter,
        i_meter=source.i_meter,
        limit_error=source.limit_error,
    )
