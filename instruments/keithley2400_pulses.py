"""Pulse mode of the 2430: which levels are pulses, and the runs they make.

In pulse mode the instrument gives one width in a run, returns to zero by itself after each pulse
and stays there for at least 1.9 ms; the reading is taken in the last part of the pulse. So pulses
of one width at equal distances are one run, and whatever differs is started by the host.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from instruments.keithley2400_limits import HOST_GAP, LEAST_NPLC, Pulsing
from instruments.keithley2400_schedule import Change, Cycle, Mark, Run
from instruments.levels import Level

__all__ = ["groups_of_kind", "lay_pulses"]

_SAME = 1e-9  # s
_NPLC_STEP = 0.001  # of the aperture in pulse mode (check)


def groups_of_kind(
    levels: Sequence[Level], shortest: float, pulsing: Pulsing, *, high: bool
) -> Iterator[tuple[bool, tuple[Level, ...]]]:
    """Cut levels into runs of pulses and lists of steady levels.

    Parameters
    ----------
    levels
        In order of time.
    shortest
        Level of a list, s; what is shorter must be a pulse.
    pulsing
        What pulse mode can do.
    high
        The compliance needs the range that exists for pulses alone.

    Yields
    ------
    tuple
        Whether these are pulses, and the levels.
    """
    widths = {level.length for level in levels if level.length < shortest - _SAME or high}

    def is_pulse(level: Level) -> bool:
        return level.length in widths and level.length <= pulsing.longest + _SAME

    group: list[Level] = []
    for level in levels:
        if group and not _belongs(group, level, is_pulse(level), is_pulse(group[0])):
            yield is_pulse(group[0]), tuple(group)
            group = []
        group.append(level)
    yield is_pulse(group[0]), tuple(group)


def _belongs(group: Sequence[Level], level: Level, pulse: bool, pulses: bool) -> bool:
    gap = level.start - group[-1].stop
    if pulse != pulses:
        return False
    if not pulse:
        return gap < HOST_GAP
    if abs(level.length - group[0].length) > _SAME:
        return False
    first = group[1].start - group[0].stop if len(group) > 1 else gap
    return abs(gap - first) <= _SAME


def lay_pulses(
    levels: Sequence[Level], frequency: float, pulsing: Pulsing, *, high: bool
) -> tuple[Run, list[Change]]:
    """Make pulses of one width at equal distances a run.

    Parameters
    ----------
    levels
        The pulses.
    frequency
        Of the mains, Hz.
    pulsing
        What pulse mode can do.
    high
        The range that exists for pulses alone is in use, with its duty cycle.
    """
    asked = levels[0].length
    spans = [span.stop - span.start for level in levels for span in level.spans]
    longest = pulsing.longest_high if high else pulsing.longest
    width = min(max(asked, pulsing.shortest), longest)
    nplc = _nplc(min([*spans, width - pulsing.overhead]) * frequency, pulsing)
    aperture = nplc / frequency
    width = max(width, aperture + pulsing.overhead)  # every pulse is measured
    least = max(pulsing.off, width / pulsing.duty - width) if high else pulsing.off
    gap = levels[1].start - levels[0].stop if len(levels) > 1 else least
    off = max(gap, least)
    changes = [Change("level", asked, width)] if abs(width - asked) > _SAME else []
    if off > gap + _SAME:
        changes.append(Change("rest", gap, off))
    cycle = Cycle(nplc, aperture, False, max(0.0, width - aperture), 0.0, width + off)
    marks = [
        Mark((k,), k, 1, level.v, level.spans[0].role)
        for k, level in enumerate(levels)
        if level.spans
    ]
    run = Run(
        start=levels[0].start,
        points=tuple(level.v for level in levels),
        cycle=cycle,
        marks=tuple(marks),
        width=width,
        off=off - pulsing.off,
        error=max(abs(width - asked), abs(off - gap)),
    )
    return replace(run, over=round(run.stop - levels[-1].stop, 9)), changes


def _nplc(cycles: float, pulsing: Pulsing) -> float:
    least, most = pulsing.nplc
    chosen = math.floor(cycles / _NPLC_STEP + 1e-6) * _NPLC_STEP
    # tenths and hundredths of a cycle are set as everywhere, thousandths below a hundredth
    chosen = chosen if chosen < LEAST_NPLC else math.floor(chosen / LEAST_NPLC + 1e-6) * LEAST_NPLC
    return min(max(round(chosen, 3), least), most)
