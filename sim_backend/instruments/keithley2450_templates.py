"""Trigger model templates of the 2450 family (``TRIGger:LOAD``).

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-222 to 6-234. What a template is made of
is told by the manual in words only; the blocks chosen here do what it says [C].
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sim_backend.instruments import keithley2450_blocks as blocks
from sim_backend.instruments.keithley2450_blocks import Block
from sim_backend.instruments.keithley2450_buffer import Buffers
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_engine import TriggerModel
from sim_backend.instruments.keithley2450_lines import DigitalPort
from sim_backend.instruments.keithley2450_lists import Lists
from sim_backend.instruments.keithley2450_settings import DIGITIZED
from sim_backend.instruments.keithley2450_triggers import Timer
from sim_backend.wire.parameters import ScpiError

__all__ = ["Bin", "Templates"]

OUT_OF_RANGE, CONFLICT = -222, -221
_KINDS = {"MEAS": "MEASURE", "DIG": "DIGITIZE"}
_DURATION_NOTIFY, _DURATION_TIMER = 8, 4
_OUTPUT_NOTIFY = 1
_BIN_LINES = 15  # digital lines 1 to 4 show the bin


class Bin(NamedTuple):
    """One of up to four limits of a binning template; unused when high is below low."""

    high: float
    low: float
    pattern: int


class Templates:
    """Loads templates.

    Parameters
    ----------
    chassis, model, buffers, lists, timers, port
        The instrument's parts.
    """

    def __init__(
        self,
        chassis: Chassis,
        model: TriggerModel,
        buffers: Buffers,
        lists: Lists,
        timers: dict[int, Timer],
        port: DigitalPort,
    ) -> None:
        self._chassis, self._model, self._buffers = chassis, model, buffers
        self._lists, self._timers, self._port = lists, timers, port

    def _reading(self, buffer: str, kind: str, count: float = 1) -> blocks.Measure:
        """Return the block that takes readings: of a kind, or ``ACT`` for the active function."""
        self._buffers.for_readings(buffer)
        if kind == "ACT":
            kind = "DIG" if self._chassis.setup.sense in DIGITIZED else "MEAS"
        return blocks.Measure(buffer, count, _KINDS[kind])

    def empty(self) -> None:
        """Clear the model."""
        self._model.load([])

    def simple_loop(self, count: int, delay: float, buffer: str, kind: str = "ACT") -> None:
        """Take readings, each after a delay."""
        self._model.load(
            [
                blocks.BufferClear(buffer),
                blocks.DelayConstant(delay),
                self._reading(buffer, kind),
                blocks.Counter(count, 2),
            ]
        )

    def duration_loop(self, duration: float, delay: float, buffer: str, kind: str = "ACT") -> None:
        """Take readings for a time; timer 4 tells its end."""
        reading = self._reading(buffer, kind)
        self._model.check_idle()
        timer = self._timers[_DURATION_TIMER]
        timer.reset()
        timer.delay = max(duration, 8e-6)
        timer.stimulus.select(f"NOT{_DURATION_NOTIFY}")
        timer.enable(True)
        self._model.load(
            [
                blocks.BufferClear(buffer),
                blocks.Notify(_DURATION_NOTIFY),
                blocks.DelayConstant(delay),
                reading,
                blocks.OnEvent(timer.name, 7),
                blocks.Always(3),
                blocks.Nop(),
            ]
        )

    def configuration(
        self, measure: str, source: str, delay: float, buffer: str, kind: str = "ACT"
    ) -> None:
        """Step through a source and a measure configuration list."""
        size = len(self._lists.get("SOUR", source))
        if not size or not len(self._lists.get("SENS", measure)):
            raise ScpiError(CONFLICT)
        self._model.load(
            [
                blocks.BufferClear(buffer),
                blocks.ConfigRecall(((source, 1), (measure, 1))),
                blocks.Output(True),
                blocks.Always(6),
                blocks.ConfigStep((source, measure)),
                blocks.DelayConstant(delay),
                self._reading(buffer, kind),
                blocks.Counter(size, 5),
                blocks.Output(False),
            ]
        )

    def logic(
        self, line_in: int, line_out: int, count: int, clear: bool, delay: float, buffer: str,
        kind: str = "ACT",
    ) -> None:  # fmt: skip
        """Take a reading at each event of a digital line, and pulse another after it."""
        reading = self._reading(buffer, kind)
        self._model.check_idle()
        self._port.set_mode(line_in, "TRIG", "IN")
        self._port.set_mode(line_out, "TRIG", "OUT")
        self._port.stimuli[line_out].select(f"NOT{_OUTPUT_NOTIFY}")
        self._model.load(
            [
                blocks.BufferClear(buffer),
                blocks.Wait((f"DIG{line_in}",), clear),
                blocks.DelayConstant(delay),
                reading,
                blocks.Notify(_OUTPUT_NOTIFY),
                blocks.Counter(count, 2),
            ]
        )

    def until_event(
        self, event: str, position: float, delay: float, buffer: str, kind: str = "ACT"
    ) -> None:
        """Take readings until an event, and then the rest of the buffer."""
        capacity = self._buffers.for_readings(buffer).capacity
        after = max(1, math.floor(capacity * (100.0 - position) / 100.0))
        self._model.load(
            [
                blocks.BufferClear(buffer),
                blocks.DelayConstant(delay),
                self._reading(buffer, kind),
                blocks.OnEvent(event, 6),
                blocks.Always(2),
                blocks.DelayConstant(delay),
                self._reading(buffer, kind),
                blocks.Counter(after, 6),
            ],
            bounded=False,
        )

    def bins(
        self, components: int, line: int, start: float, end: float, bins: list[Bin],
        rest: int, buffer: str, *, sort: bool,
    ) -> None:  # fmt: skip
        """Measure components and show their bins on digital lines 1 to 4.

        Parameters
        ----------
        components
            How many.
        line
            Digital line that starts each.
        start, end
            Delay before and after the reading, s.
        bins
            The limits.
        rest
            Pattern for a component that is in no bin: it passed all (grading), or failed (sorting).
        buffer
            Where readings go.
        sort
            The pattern of a limit is shown when it passes; otherwise when it fails.
        """
        reading = self._reading(buffer, "MEAS")
        self._model.check_idle()
        used = [one for one in bins if one.high >= one.low]
        for n in range(1, 5):
            self._port.set_mode(n, "DIG", "OUT")
        self._port.set_mode(line, "TRIG", "IN")
        table: list[Block] = [
            blocks.BufferClear(buffer),
            blocks.Wait((f"DIG{line}",), True),
            blocks.DigitalOutput(0, _BIN_LINES),
            blocks.DelayConstant(start),
            reading,
        ]
        shown = len(table) + len(used) + 1  # place of the first pattern, of the rest
        finish = shown + 2 * (len(used) + 1)
        kind = "IN" if sort else "OUT"
        for number, one in enumerate(used, 1):
            table.append(blocks.LimitConstant(kind, one.low, one.high, shown + 2 * number, 5))
        for pattern in (rest, *(one.pattern for one in used)):
            table += [blocks.DigitalOutput(pattern, _BIN_LINES), blocks.Always(finish)]
        table += [blocks.DelayConstant(end), blocks.Counter(components, 2)]
        self._model.load(table)
