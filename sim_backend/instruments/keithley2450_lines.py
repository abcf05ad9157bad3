"""The six digital lines of a 2450-family SourceMeter: states, edges, pulses.

A line floats high when nothing drives it. Whoever stands for the outside world drives an input
with `DigitalPort.drive`.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Digital I/O", pages 6-35 to 6-39 and
6-211 to 6-216.
"""

from __future__ import annotations

from functools import partial

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_settings import LINES, Line
from sim_backend.instruments.keithley2450_triggers import NONE, Bus, Stimulus
from sim_backend.wire.parameters import ScpiError

__all__ = ["DigitalPort"]

CONFLICT = -221
_DIRECTIONS = {
    "DIG": ("IN", "OUT", "OPEN"), "TRIG": ("IN", "OUT", "OPEN"), "SYNC": ("MAST", "ACC"),
}  # fmt: skip


class DigitalPort:
    """States of the lines and what events do to them.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    clock, bus
        Time, and where events come from and go.
    """

    def __init__(self, chassis: Chassis, clock: Clock, bus: Bus) -> None:
        self._chassis, self._clock, self._bus = chassis, clock, bus
        self.pulses: list[tuple[float, int]] = []  #: when which line gave a trigger, s
        self._outside = dict.fromkeys(range(1, LINES + 1), True)
        self._written = dict.fromkeys(range(1, LINES + 1), False)
        self._ends: dict[int, Event] = {}
        self.detected = dict.fromkeys(range(1, LINES + 1), False)
        self.overrun = dict.fromkeys(range(1, LINES + 1), False)
        self.stimuli = {n: Stimulus(bus, partial(self._trigger, n)) for n in range(1, LINES + 1)}

    def reset(self) -> None:
        """Forget what was written and detected; modes are reset with the setup."""
        for n in range(1, LINES + 1):
            self.stimuli[n].select(NONE)
            self.clear(n)
            self._written[n] = False

    def _line(self, number: int) -> Line:
        return self._chassis.setup.lines[number]

    def set_mode(self, number: int, kind: str, direction: str) -> None:
        """Set what a line is for.

        Raises
        ------
        ScpiError
            Kind and direction do not go together.
        """
        if direction not in _DIRECTIONS[kind]:
            raise ScpiError(CONFLICT)
        line = self._line(number)
        line.kind, line.direction = kind, direction
        rests_high = (kind == "TRIG" and line.logic == "NEG") or direction == "OPEN"
        self._written[number] = rests_high

    def state(self, number: int) -> bool:
        """Return whether a line is high."""
        direction = self._line(number).direction
        if direction == "OUT":
            return self._written[number]
        if direction == "OPEN":
            return self._written[number] and self._outside[number]
        return self._outside[number]

    def write(self, number: int, high: bool) -> None:
        """Set an output.

        Raises
        ------
        ScpiError
            The line is not a digital output.
        """
        line = self._line(number)
        if line.kind != "DIG" or line.direction == "IN":
            raise ScpiError(CONFLICT)
        self._written[number] = high

    def write_all(self, pattern: int, mask: int = (1 << LINES) - 1) -> None:
        """Set the outputs among the lines of a mask.

        Raises
        ------
        ScpiError
            A line of the mask is not a digital one.
        """
        lines = [n for n in range(1, LINES + 1) if mask >> (n - 1) & 1]
        if any(self._line(n).kind != "DIG" for n in lines):
            raise ScpiError(CONFLICT)
        for n in lines:
            if self._line(n).direction != "IN":
                self._written[n] = bool(pattern >> (n - 1) & 1)

    def read_all(self) -> int:
        """Return the states as a number, line 1 its lowest bit.

        Raises
        ------
        ScpiError
            A line is not a digital one.
        """
        if any(self._line(n).kind != "DIG" for n in range(1, LINES + 1)):
            raise ScpiError(CONFLICT)
        return sum(self.state(n) << (n - 1) for n in range(1, LINES + 1))

    # -- triggers ----------------------------------------------------------------------------

    def clear(self, number: int) -> None:
        """Forget what was detected on a line."""
        self.detected[number] = self.overrun[number] = False

    def drive(self, number: int, high: bool) -> None:
        """Let the outside drive a line; an edge that is looked for is an event."""
        before, self._outside[number] = self._outside[number], high
        line = self._line(number)
        if before == high or line.kind == "DIG" or line.direction == "OUT":
            return
        edge = "RIS" if high else "FALL"
        looked_for = {"MAST": "RIS", "ACC": "FALL"}.get(line.direction, line.edge)
        if looked_for in (edge, "EITH"):
            self.overrun[number] |= self.detected[number]
            self.detected[number] = True
            self._bus.emit(f"DIG{number}")

    def _trigger(self, number: int) -> None:
        """Pulse a line because its stimulus happened."""
        line = self._line(number)
        if line.kind == "DIG" or (line.kind == "TRIG" and line.direction == "IN"):
            return
        self.pulses.append((self._clock.now_s, number))
        high = line.logic == "POS"
        self._written[number] = high
        if line.width > 0:
            if number in self._ends:
                self._ends[number].cancel()
            rest = partial(self._written.__setitem__, number, not high)
            self._ends[number] = self._clock.after(line.width, rest)
