"""Compliance: the voltages at which currents meet their bounds.

A *free* terminal follows its path. A *clamped* one is at the voltage that lets just the bounding
current flow, or on its path where that asks for less. A current source is always clamped, to the
current of its path, and its voltage is bounded; an open relay is a current source of zero. Behind
a resistance a terminal is always solved for: on the load line, or where the bound cuts it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sim_backend.drive import Drive

__all__ = ["FLOOR", "REGULATION", "VOLTAGE", "CurrentAt", "Voltages", "held", "place", "straight"]

#: how far the current of a clamped terminal may stray from its bound, as a fraction
REGULATION = 2e-3
#: currents that differ by less are equal, A
FLOOR = 1e-12
#: voltages that differ by less are equal, V
VOLTAGE = 1e-9
_BENDS = 0.1  # change of a clamped voltage in a piece: straight to an eighth of its square
_HIGHEST = 1e4  # where the search for a voltage gives up, V

Voltages = dict[str, float]
#: current into a drive's terminal at these voltages, A
CurrentAt = Callable[[Voltages, Drive], float]


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
            levels[drive.terminal] = _bounded_voltage(drive, levels, when, current_at)
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

    level = drive.level(when)
    if drive.kind == "v":
        voltage = _voltage_for(source, level, VOLTAGE) if drive.resistance else level
        wanted = current(voltage)
        drive.loaded = drive.resistance > 0 and abs(wanted) <= drive.bound
        if abs(wanted) <= drive.bound:
            return voltage
        return _voltage_for(current, math.copysign(drive.bound, wanted))
    voltage = _voltage_for(current, level if drive.kind == "i" else 0.0)
    if drive.kind == "open" or abs(source(voltage)) <= drive.bound:
        return voltage
    edge = math.copysign(drive.bound, voltage)
    return _voltage_for(source, edge, VOLTAGE) if drive.resistance else edge


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


def straight(
    drives: Sequence[Drive], first: Voltages, last: Voltages, start: float, end: float
) -> bool:
    """Whether the clamped voltages change little enough in a piece to be straight lines."""
    for drive in drives:
        before, after = first[drive.terminal], last[drive.terminal]
        steady = drive.limiting or drive.level(start) == drive.level(end)
        most = _BENDS * max(abs(before), abs(after))
        if drive.clamped and steady and abs(after - before) > most:
            return False
    return True


def _voltage_for(current: Callable[[float], float], target: float, equal: float = FLOOR) -> float:
    """Return the voltage at which a rising current reaches `target`; +-1e4 V when it never does."""
    low, f_low = 0.0, current(0.0) - target
    if abs(f_low) <= equal:
        return low
    high = math.copysign(1.0, -f_low)
    f_high = current(high) - target
    while f_low * f_high > 0:
        if abs(high) >= _HIGHEST:
            return high
        low, f_low, high = high, f_high, high * 4
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
    for _ in range(100):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        f_middle = current(middle) - target
        if abs(f_middle) <= 1e-12 * abs(target) or middle in (low, high):
            break
        if f_middle * f_high < 0:
            low, f_low = high, f_high
        else:
            f_low /= 2
        high, f_high = middle, f_middle
    return middle
