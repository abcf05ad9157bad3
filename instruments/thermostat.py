"""Thermal chucks: go to a temperature, then wait until chuck and wafer have settled.

A station that keeps its own soak time says when that is over; one that only says where its
temperature is leaves the soak to be waited for here. Either way the wait can be broken off.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from labctl.capability import Setup, StopRequest
from labctl.errors import InstrumentFault

__all__ = ["settle", "stay", "waiting"]

_LOOK = 1.0  # s between two looks at the temperature
_SLOWEST = 0.01  # K/s: a chuck that is slower than that is taken for stuck
_WINDOW = 1.0  # K

#: lets time pass, s; returns early when asked to stop
Pause = Callable[[float, StopRequest], None]


def waiting(setup: Setup) -> Pause:
    """Return how to let time pass on this bench: on the wall, or in the virtual laboratory."""
    if setup.laboratory is not None:
        return setup.laboratory.clock.wait

    def sleep(duration: float, stop: StopRequest) -> None:
        end = time.monotonic() + duration
        while (left := end - time.monotonic()) > 0 and not stop():
            time.sleep(min(left, 0.05))

    return sleep


def settle(
    name: str,
    target: float,
    look: Callable[[], tuple[float, bool]],
    pause: Pause,
    soak: float,
    stop: StopRequest,
) -> None:
    """Wait until a temperature is reached and the soak is over.

    Parameters
    ----------
    name
        Name and address of the station.
    target
        Temperature, K.
    look
        Returns the temperature in K and whether the station says that it is still busy with it.
    pause
        Lets time pass.
    soak
        How long to wait at the target where the station does not do so itself, s.
    stop
        Asked every second.

    Raises
    ------
    InstrumentFault
        The temperature does not come nearer.
    """
    before, _ = look()
    since, best = 0.0, abs(target - before)
    while not stop():
        temperature, busy = look()
        off = abs(target - temperature)
        if off <= _WINDOW and not busy:
            pause(soak, stop)
            return
        if off < best - 0.1 or off <= _WINDOW:
            since, best = 0.0, min(best, off)
        elif since * _SLOWEST > 1.0 + best:
            raise InstrumentFault(
                f"{name}: the chuck stays at {temperature:.1f} K on its way to {target:.1f} K; "
                "check that the thermal system is on and may reach it"
            )
        pause(_LOOK, stop)
        since += _LOOK


def stay(
    name: str,
    target: float,
    look: Callable[[], tuple[float, bool]],
    pause: Pause,
    window: float,
    soak: float,
    patience: float,
    stop: StopRequest,
) -> None:
    """Wait until a temperature has stayed within a window for a whole soak.

    A temperature that overshoots leaves the window, and its soak begins anew. That is what a
    controller of a heater needs, which says only that its setpoint has arrived.

    Parameters
    ----------
    name
        Name and address of the controller.
    target
        Temperature, K.
    look
        Returns the temperature in K and whether the setpoint is still on its way.
    pause
        Lets time pass.
    window
        Largest distance from the target, K.
    soak
        How long it has to be kept, s.
    patience
        Longest time from the setpoint's arrival to the beginning of that soak, s.
    stop
        Asked every second.

    Raises
    ------
    InstrumentFault
        The temperature does not come into the window, or does not stay there.
    """
    inside = late = 0.0
    while not stop():
        temperature, busy = look()
        if busy or abs(target - temperature) > window:
            inside = 0.0
        elif inside >= soak:
            return
        if not busy and late > patience + soak:
            raise InstrumentFault(
                f"{name}: the temperature is {temperature:.2f} K, {late:.0f} s after the setpoint "
                f"reached {target:.2f} K; check heater, coolant and the terms of the controller, "
                "or give it more patience in the bench file"
            )
        pause(_LOOK, stop)
        inside += _LOOK
        late = 0.0 if busy else late + _LOOK
