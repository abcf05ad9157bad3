"""From a waveform of a current to one program of the pulser of a 2601B-PULSE.

The trigger model plays cycles as in `instruments.keithley2600_program`, but the pulser ends a level
and measures it by itself where all levels are alike: its own width and delay have less jitter than
the trigger timers (2601B-PULSE-901-01, page 11-215). Where widths differ timers 2 and 3 do it::

    current ____|^^^^^^^^^^^^^|_______________|^^^^^^^^^^^^^|____
    timer 1     |<---------- period --------->|
    pulser      |<-- width -->|
    pulser      |<delay>|aperture|

For example ``(pulse(0.5 A, 20 us) + rest(1 ms)) * 1000``, measured from 14 to 19 us, is the level
list {0.5}, periods {1020 us}, a width of 20 us, a delay of 14 us, an aperture of 5 us and a trigger
count of 1000. Nothing here talks to an instrument.

The pulser does not hold a voltage: where the limit is passed it ends the pulse within 3 us, and
with it the step. It knows currents to a few milliamperes only, so that smaller ones are played by
the source-meter that the instrument is as well; `compile_step` chooses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from instruments.keithley2600_cycles import Cycle, cycles_of
from instruments.keithley2600_limits import LEAST_AVERAGE, LEAST_DELAY, MICROSECONDS, TURNAROUND
from instruments.keithley2600_program import (
    Program,
    Times,
    Track,
    Unit,
    compile_play,
    times_of,
)
from instruments.keithley2600_pulser_limits import PULSERS, Pulser
from instruments.pieces import TICKS, Compiled, Findings, fold
from instruments.ranges import range_for
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Summary, seconds

__all__ = ["PulseProgram", "compile_step"]

#: a level is for the pulser when it is this many times what its range is accurate to
_WORTH = 10.0
_LINE_FREQUENCY = 50.0  # that `PulseRange` counts apertures with, Hz


@dataclass(frozen=True, slots=True)
class PulseProgram(Program):
    """What the pulser is set to besides; the track's limit is the voltage that ends a pulse."""

    range_v: float  #: V
    force: float  #: voltage of the force terminals that switches off, V
    width: int  #: of every level, us; 0 where a timer ends each
    delay: int  #: of every reading, us; 0 where a timer begins each


def compile_step(play: Play, unit: Unit, use: str) -> Compiled[Program]:
    """Make the program of a step for the pulser or the source-meter, whichever suits it.

    Parameters
    ----------
    play
        The step.
    unit
        The instrument, with or without a pulser.
    use
        ``auto``; ``always`` for every step of a current, or ``never``.
    """
    pulser = PULSERS.get(unit.model.name)
    if pulser is None or not play.voltage_limits or use == "never":
        return _sourced(play, unit)
    pulsed = _compile(play, unit, pulser)
    if use == "always" or (pulsed.program is not None and _worth(pulsed.program)):
        return pulsed
    sourced = _sourced(play, unit)
    if sourced.program is None and _beyond_the_source_meter(play, unit):
        return pulsed
    return sourced


def _sourced(play: Play, unit: Unit) -> Compiled[Program]:
    made = compile_play(play, unit)
    return Compiled(None, made) if isinstance(made, list) else Compiled(made, [])


def _smallest(program: Program) -> float:
    """Return the smallest magnitude of a level that is not zero, A; zero where there is none."""
    return min((abs(i) for track in program.tracks for i in track.levels if i), default=0.0)


def _worth(program: Program) -> bool:
    return _smallest(program) >= _WORTH * program.tracks[0].source.bound(0.0, program.nplc)


def _beyond_the_source_meter(play: Play, unit: Unit) -> bool:
    summary = play.waveform.summary()
    too_short = summary.shortest is not None and seconds(summary.shortest) < unit.limits.min_width
    largest = max(summary.peak.values(), default=0.0)
    return too_short or largest > unit.model.i_source[-1].source_maximum


def _compile(play: Play, unit: Unit, pulser: Pulser) -> Compiled[Program]:
    found = Findings(pulser.limits.model)
    summary = play.waveform.summary()
    _check_terminals(play, unit, found)
    _check_levels(play, pulser, summary, found)
    _check_times(pulser, summary, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    body = fold(play.waveform)
    cycles = cycles_of(body, pulser.limits, found)
    times = times_of(body, cycles)
    _check_rests(cycles, times.periods, body.repeats, pulser, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    aperture = _aperture(cycles, pulser)
    nplc = aperture / MICROSECONDS * _LINE_FREQUENCY
    track = _track(play, unit, pulser, cycles, aperture)
    width, delay = _pulser_timing(cycles, track.offsets, aperture, pulser)
    _check_timers(times, track, width, delay, aperture, body.repeats, found)
    program = PulseProgram(
        tracks=(track,),
        nplc=nplc,
        aperture=aperture / MICROSECONDS,
        lead=times.lead,
        trail=max(times.trail, _rest(cycles[-1], pulser) if cycles else 0),
        periods=times.periods,
        widths=times.widths,
        repeats=body.repeats,
        span=times.span,
        range_v=track.v_meter.full_scale,
        force=max(track.limit, pulser.force[0]),
        width=width,
        delay=delay,
    )
    if found.by_limit:
        return Compiled(None, found.violations)
    _check_resolution(program, found)
    return Compiled(program, found.violations)


# -- what the pulser cannot do ---------------------------------------------------------------------


def _check_terminals(play: Play, unit: Unit, found: Findings) -> None:
    terminals = {*play.waveform.terminals, *play.voltage_limits}
    if terminals != set(play.voltage_limits) or len(terminals) != 1:
        found.add(
            "terminals",
            f"a waveform on {', '.join(sorted(terminals))}",
            "a current on one terminal",
            "drive the other terminals with another instrument",
        )
    for terminal in sorted(terminals - set(unit.channels)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(unit.channels))}",
            "wire the terminal in the bench file or use another",
        )


def _check_levels(play: Play, pulser: Pulser, summary: Summary, found: Findings) -> None:
    peak = max(summary.peak.values(), default=0.0)
    if peak > pulser.most:
        allowed = f"at most {show(pulser.most, 'A')}"
        found.add("current", show(peak, "A"), allowed, "lower the amplitude")
    if not play.compliance > 0 or peak > play.compliance:
        found.add(
            "compliance",
            f"{show(peak, 'A')} with a compliance of {show(play.compliance, 'A')}",
            "a current up to the compliance of the step",
            "lower the current, or allow the device more",
        )
    if any(asked > pulser.most for asked in play.ranges.values()):
        allowed = f"up to {show(pulser.most, 'A')}"
        asked = show(max(play.ranges.values()), "A")
        found.add("current range", asked, allowed, "choose a smaller range")
    low, high = pulser.bounds
    for terminal, limit in play.voltage_limits.items():
        if not low <= limit <= high:
            found.add(
                "voltage limit",
                f"{show(limit, 'V')} on {terminal}",
                f"{show(low, 'V')} to {show(high, 'V')}",
                "choose one inside",
            )


def _check_times(pulser: Pulser, summary: Summary, found: Findings) -> None:
    limits = pulser.limits
    if summary.ramps:
        asked, allowed = "a level that changes linearly", "a constant level"
        found.add("ramps", asked, allowed, "leave the edges at zero")
    shortest, window = summary.shortest, summary.shortest_window
    if shortest is not None and seconds(shortest) < limits.min_width:
        allowed = f"at least {show(limits.min_width, 's')}"
        found.add("level width", show(seconds(shortest), "s"), allowed, "make the level longer")
    if window is not None and seconds(window) < limits.min_aperture:
        allowed = f"at least {show(limits.min_aperture, 's')}"
        remedy = "measure over a longer part of the level"
        found.add("aperture", show(seconds(window), "s"), allowed, remedy)


def _flows(cycle: Cycle) -> bool:
    return any(cycle.levels.values())


def _rest(cycle: Cycle, pulser: Pulser) -> int:
    """Return how long nothing may flow after a cycle, us."""
    return pulser.rest_after(cycle.width) if _flows(cycle) else 0


def _check_rests(
    cycles: Sequence[Cycle], periods: Sequence[int], repeats: int, pulser: Pulser, found: Findings
) -> None:
    longest = pulser.widths[1]
    for cycle in cycles:
        if _flows(cycle) and cycle.width > longest:
            found.add(
                "level width",
                show(cycle.width / MICROSECONDS, "s"),
                f"at most {show(longest / MICROSECONDS, 's')}",
                'shorten the pulse, or leave it to the source-meter with pulser = "never"',
            )
    followed = cycles if repeats > 1 else cycles[:-1]
    for cycle, period in zip(followed, periods, strict=False):
        rest = _rest(cycle, pulser)
        if period - cycle.width < rest:
            found.add(
                "duty cycle",
                f"{show(cycle.width / MICROSECONDS, 's')} in every "
                f"{show(period / MICROSECONDS, 's')}",
                f"at most {pulser.duty:.0%}",
                f"rest for {show(rest / MICROSECONDS, 's')} after such a pulse",
            )


def _check_timers(
    times: Times, track: Track, width: int, delay: int, aperture: int, repeats: int, found: Findings
) -> None:
    """Note what the trigger timers cannot do, where the pulser does not do it by itself."""
    if times.widths and not width and not _timed(times.widths):
        found.add(
            "level width",
            "pulses of different widths that are short on average",
            f"at least {LEAST_AVERAGE} us on average where widths differ",
            "give all pulses the same width, or make them longer",
        )
    offsets = track.offsets
    if offsets and not delay and not _timed(offsets):
        found.add(
            "reading delay",
            "readings that begin at different times soon after their levels",
            f"at least {LEAST_DELAY} us, and {LEAST_AVERAGE} us on average where they differ",
            "measure all pulses at the same time after their beginning, or later",
        )
    if not offsets:
        return
    later = [*offsets[1:], offsets[0]]
    follow = zip(offsets, later, times.periods, strict=True)
    rooms = [period + after - before - aperture for before, after, period in follow]
    if min(rooms if repeats > 1 else rooms[:-1], default=TURNAROUND) < TURNAROUND:
        found.add(
            "reading rate",
            "readings that follow each other too closely",
            f"{TURNAROUND} us between them",
            "leave more time between the readings or start their windows later",
        )


def _timed(delays: Sequence[int]) -> bool:
    """Whether a trigger timer can have these delays."""
    if min(delays) < LEAST_DELAY:
        return False
    return len(set(delays)) == 1 or sum(delays) >= LEAST_AVERAGE * len(delays)


def _check_resolution(program: Program, found: Findings) -> None:
    """Note levels that are smaller than what the range is accurate to."""
    source, smallest = program.tracks[0].source, _smallest(program)
    least = source.bound(0.0, program.nplc)
    if 0 < smallest < least:
        shown, scale = show(smallest, "A"), show(source.full_scale, "A")
        found.add(
            "current",
            shown,
            f"at least {show(least, 'A')}, to which its range of {scale} is accurate,",
            "raise the current, or make the levels long enough for the source-meter, which has "
            "smaller ranges",
            f"a current of {shown} that may be off by {show(least, 'A')}",
        )


# -- how it is set ---------------------------------------------------------------------------------


def _aperture(cycles: Sequence[Cycle], pulser: Pulser) -> int:
    """Return the longest aperture that fits every window, us."""
    shortest, longest = pulser.apertures
    windows = [window for cycle in cycles for window in cycle.windows.values()]
    fits = min(((w.stop - w.start) // TICKS for w in windows), default=longest)
    return max(shortest, min(fits, longest))


def _pulser_timing(
    cycles: Sequence[Cycle], offsets: Sequence[int], aperture: int, pulser: Pulser
) -> tuple[int, int]:
    """Return width and delay of what the pulser times by itself, us; 0 for what timers do."""
    widths = {cycle.width for cycle in cycles}
    if len(widths) != 1:
        return 0, 0
    (width,) = widths
    alike = len(set(offsets)) == 1 and 0 < offsets[0] <= pulser.longest_delay
    inside = alike and offsets[0] + aperture <= width
    return width, offsets[0] if inside else 0


def _offsets(cycles: Sequence[Cycle], terminal: str, aperture: int) -> tuple[int, ...]:
    """Return when readings begin after the start of their cycle, us; none without readings.

    Every cycle of a measured terminal reads, also where nobody asked. Such a reading, which is
    dropped, begins as all others do where they are alike, or else late enough for the timer's
    delays to be as long on average as they have to be.
    """
    windows = [cycle.windows.get(terminal) for cycle in cycles]
    kept = [
        round((w.start + w.stop - aperture * TICKS) / (2 * TICKS)) for w in windows if w is not None
    ]
    if not kept:
        return ()
    if len(set(kept)) == 1 and len({cycle.width for cycle in cycles}) == 1:
        return (kept[0],) * len(windows)
    dropped = len(windows) - len(kept)
    lacking = LEAST_AVERAGE * len(windows) - sum(kept)
    spare = max(LEAST_AVERAGE, math.ceil(lacking / dropped)) if dropped else 0
    begins = iter(kept)
    return tuple(spare if window is None else next(begins) for window in windows)


def _track(play: Play, unit: Unit, pulser: Pulser, cycles: Sequence[Cycle], aperture: int) -> Track:
    ((terminal, limit),) = play.voltage_limits.items()
    windows = [cycle.windows.get(terminal) for cycle in cycles]
    levels = tuple(cycle.levels.get(terminal, 0.0) for cycle in cycles)
    peak, measured = max(map(abs, levels), default=0.0), any(windows)
    source = range_for(pulser.source, max(peak, play.ranges.get(terminal, 0.0)))
    voltmeter = range_for(pulser.v_meter, limit)
    assert source is not None, "larger levels were refused before"
    assert voltmeter is not None, "larger limits were refused before"
    return Track(
        terminal=terminal,
        channel=unit.channels[terminal],
        quantity="i",
        levels=levels if measured or peak else (),
        offsets=_offsets(cycles, terminal, aperture),
        roles=tuple(w.role if w else None for w in windows) if measured else (),
        source=source,
        limit=limit,
        v_meter=voltmeter,
        i_meter=next(r for r in pulser.i_meter if r.full_scale == source.full_scale),
    )
