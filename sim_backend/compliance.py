"""Compliance: the voltages at which currents meet their bounds.

A *free* terminal follows its path. A *clamped* one is at the voltage that lets just the bounding
current flow, or on its path where that asks for less. A current source is always clamped, to the
current of its path, and its voltage is bounded; an open relay is a current source of zero. Behind
a resistance a terminal is always solved for: on the load line, or where the bound cuts it.

How time passes on the way is said in `sim_backend.tripping` (free) and `sim_backend.regulation`
(clamped).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sim_backend.devices.model import Level, State
from sim_backend.drive import Drive

__all__ = [
    "BESIDE", "FLOOR", "REGULATION", "SHORTEST", "VOLTAGE", "CurrentAt", "Driven", "Looked",
    "Voltages", "held", "jumps", "place", "turning",
]  # fmt: skip

#: how far the current of a clamped terminal may stray from its bound, as a fraction
REGULATION = 2e-3
#: currents that differ by less are equal, A
FLOOR = 1e-12
#: voltages that differ by less are equal, V
VOLTAGE = 1e-9
#: how far from a voltage a jump of the current is looked for, relative
BESIDE = 1e-5
#: no piece of time is cut shorter, s
SHORTEST = 1e-12
_HIGHEST = 1e4  # where the search for a voltage gives up, V
_FAR = 2e3  # what is expected beyond this was expected wrongly, V
_CLOSE = 1e-6  # relative: a current that is met
_SLIVER = 1e-8  # of a piece: how far before a turn it ends, or behind one that is as near

Voltages = dict[str, float]
#: current into a drive's terminal at these voltages, A
CurrentAt = Callable[[Voltages, Drive], float]
#: time, voltages and steady currents where a piece ended
Looked = tuple[float, Voltages, list[float]]


class Driven(Protocol):
    """A device under its drives, as the passing of time sees it."""

    state: State
    time: float  #: up to which the device has come, s
    drives: list[Drive]
    looked: Looked | None  #: set where a piece ended, and true until time passes

    @property
    def two_terminals(self) -> bool:
        """Whether what goes into one terminal of the device comes out of the other."""

    def steady_currents(self, levels: Voltages) -> list[float]:
        """Return the current into every drive's terminal, without the device's noise, A."""

    def steady_current(self, levels: Voltages, drive: Drive) -> float:
        """Return the current into one drive's terminal, without the device's noise, A."""

    def advance(self, levels: Mapping[str, Level], end: float) -> list[float]:
        """Take the device to a time; returns the charge into every drive's terminal, C."""

    def book(
        self, levels: Mapping[str, Level], charges: Sequence[float], end: float, lift: float = 0.0
    ) -> None:
        """Add a piece to the sums of every drive, and arrive at its end.

        `lift` is by how much the mean voltage of the clamped terminals is above that of their
        lines, as a fraction.
        """


def place(
    drives: Sequence[Drive], levels: Voltages, when: float, current_at: CurrentAt
) -> list[Drive]:
    """Put the voltages of clamped drives at a time into `levels`.

    Returns
    -------
    list of Drive
        The clamped drives that are on their path: their bound is not in control.
    """
    clamped = [drive for drive in drives if drive.clamped]
    for _ in clamped:  # each sees the others' voltages; two settle in two rounds
        for drive in clamped:
            voltage = _bounded_voltage(drive, levels, when, current_at)
            levels[drive.terminal] = drive.near = voltage
    return [
        drive
        for drive in clamped
        if drive.kind == "v"
        and not drive.resistance
        and levels[drive.terminal] == drive.level(when)
    ]


def _bounded_voltage(drive: Drive, levels: Voltages, when: float, current_at: CurrentAt) -> float:
    def current(voltage: float) -> float:
        return current_at({**levels, drive.terminal: voltage}, drive)

    def source(voltage: float) -> float:
        return voltage + drive.resistance * current(voltage) if drive.resistance else voltage

    level, near = drive.level(when), drive.near
    if drive.kind == "v":
        voltage = _voltage_for(source, level, near, behind=True) if drive.resistance else level
        wanted = current(voltage)
        drive.loaded = drive.resistance > 0 and abs(wanted) <= drive.bound
        if abs(wanted) <= drive.bound:
            return voltage
        return _voltage_for(current, math.copysign(drive.bound, wanted), near)
    voltage = _voltage_for(current, level if drive.kind == "i" else 0.0, near)
    if drive.kind == "open" or abs(source(voltage)) <= drive.bound:
        return voltage
    edge = math.copysign(drive.bound, voltage)
    return _voltage_for(source, edge, near, behind=True) if drive.resistance else edge


def held(
    drives: Sequence[Drive], first: Voltages, last: Voltages, end: float, current_at: CurrentAt
) -> bool:
    """Whether every clamped current is at its bound at the end of a piece.

    A current source that is at its voltage limit at both ends may carry less.
    """
    for drive in drives:
        if not drive.clamped:
            continue
        current = abs(current_at(last, drive))
        if drive.loaded:
            shown = last[drive.terminal] + drive.resistance * current_at(last, drive)
            if abs(shown - drive.level(end)) > REGULATION * abs(shown) + VOLTAGE:
                return False
            continue
        asked = {"v": drive.bound, "i": abs(drive.level(end)), "open": 0.0}[drive.kind]
        slack = REGULATION * asked + FLOOR
        starved = drive.kind == "i" and all(
            abs(_shown(drive, levels, current_at)) >= drive.bound * (1 - 1e-9)
            for levels in (first, last)
        )
        if current > asked + slack or (not starved and current < asked - slack):
            return False
    return True


def _shown(drive: Drive, levels: Voltages, current_at: CurrentAt) -> float:
    """Return the voltage at the source."""
    v = levels[drive.terminal]
    return v + drive.resistance * current_at(levels, drive) if drive.resistance else v


def _voltage_for(
    current: Callable[[float], float], target: float, near: float, *, behind: bool = False
) -> float:
    """Return the voltage at which a rising current reaches `target`; +-1e4 V when it never does.

    The search begins near a voltage, as if the conductance there were that of all voltages. Where
    what rises is the voltage of a source `behind` a resistance, it is looked for no farther than
    that asks: it rises by at least as much as the voltage here.
    """
    for low in (near, 0.0):
        found = current(low)
        # with a voltage on the other terminal the current is not proportional to this one's
        ratio = target / found if found else 0.0
        if low == 0 or (abs(low) < _HIGHEST and ratio > 0 and abs(low) * ratio < _FAR):
            break
    f_low = found - target
    equal = VOLTAGE if behind else FLOOR
    if abs(f_low) <= (_CLOSE * abs(target) if low else equal):
        return low
    high = low * target / found if low else math.copysign(1.0, -f_low)
    if behind and abs(high - low) > abs(f_low):
        high = low - f_low
    high = min(max(high, -_HIGHEST), _HIGHEST)
    f_high = current(high) - target
    while f_low * f_high > 0:
        if abs(high) >= _HIGHEST or abs(f_high) <= _CLOSE * abs(target):
            return high
        step = math.copysign(4.0 * abs(high - low), -f_high)  # to where the current is larger
        low, f_low, high = high, f_high, min(max(high + step, -_HIGHEST), _HIGHEST)
        f_high = current(high) - target
    return _crossing(current, target, (low, f_low), (high, f_high))


def _crossing(
    current: Callable[[float], float],
    target: float,
    a: tuple[float, float],
    b: tuple[float, float],
) -> float:
    """Find a zero between two points of opposite sign by regula falsi (Illinois)."""
    (low, f_low), (high, f_high) = a, b
    if f_high == 0:
        return high
    for _ in range(100):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        f_middle = current(middle) - target
        if abs(f_middle) <= _CLOSE * abs(target) or middle in (low, high):
            break
        if f_middle * f_high < 0:
            low, f_low = high, f_high
        else:
            f_low /= 2
        high, f_high = middle, f_middle
    return middle


def turning(here: Driven, drive: Drive, first: Voltages, end: float) -> float:
    """Return about when a current on a moving path turns round or its voltage limit acts.

    From there the voltage goes another way. `end` where neither happens before, were the device
    then as it is now; and for a drive that is no current source.

    Parameters
    ----------
    here, drive
        The device and one of its clamped drives.
    first
        Voltages now, at the device.
    end
        Until when to look, s.
    """
    name, levels = drive.terminal, (drive.level(here.time), drive.level(end))
    last = first | {d.terminal: d.level(end) for d in here.drives if not d.clamped}
    if drive.kind != "i" or (levels[0] == levels[1] and last == first):
        return end
    passed = [levels]
    for edge in (drive.bound, -drive.bound) if drive.bound < math.inf else ():
        at = [
            here.steady_current({**others, name: edge - drive.resistance * level}, drive)
            for others, level in zip((first, last), levels, strict=True)
        ]
        passed.append((levels[0] - at[0], levels[1] - at[1]))
    length, least = end - here.time, max(SHORTEST, 16 * math.ulp(here.time))
    for before, after in passed:
        if before * after < 0:
            share = before / (before - after)
            share *= 1.0 - _SLIVER if share > _SLIVER else 1.0 + _SLIVER
            end = min(end, here.time + max(share * length, least))
    return end


def jumps(here: Driven, drive: Drive, levels: Voltages, wanted: float) -> bool:
    """Whether a device's current jumps over what a current source asks for, at these voltages.

    A cell that switches on at a threshold lets little flow below and much above it; a current
    between the two holds it there, on for a part of the time.
    """
    if drive.kind != "i":
        return False
    v = levels[drive.terminal]
    beside = [{**levels, drive.terminal: v * (1.0 + k * BESIDE)} for k in (-1.0, 1.0)]
    one, other = (abs(here.steady_current(at, drive)) for at in beside)
    slack = REGULATION * abs(wanted) + FLOOR
    return one < abs(wanted) - slack and other > abs(wanted) + slack
