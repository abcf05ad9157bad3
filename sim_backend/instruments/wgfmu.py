"""A virtual B1530A behind the function table of the vendor's library.

The real one has no text protocol: a Windows DLL is called. `Library` has the functions of that DLL
that are listed below, with the names, the arguments and the return values of ``wgfmu.h``, so that
whoever calls the DLL by ctypes may be given it instead. What is returned through a pointer is
written through ``byref``. The B1500A that the module sits in answers ``*IDN?`` and ``UNT?`` at its
VISA address.

There are two modules: channels 101, 102, 201 and 202. Not drawn: the DC and SMU modes, range
events, triggers, merged patterns, force and measure delays, the library's warnings. [C] check: the
numbers of errors are recalled.
"""

# ruff: noqa: N802 - functions have the names that the library gives them
from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from ctypes import Array, c_double, c_int
from typing import Any

from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock, Event
from sim_backend.instruments.b1500 import B1500
from sim_backend.instruments.wgfmu_channel import (
    I_RANGES,
    SPEC,
    V_RANGES,
    Channel,
    Pattern,
)
from sim_backend.instruments.wgfmu_channel import Event as MeasureEvent
from sim_backend.instruments.wgfmu_faults import CallFaults
from sim_backend.roster import Bay

__all__ = ["MODELS", "Library", "Wgfmu", "build"]

MODELS = ("B1530A",)
_SLOTS = (1, 2)
_NO_ERROR, _ILLEGAL, _CONTEXT, _PARAMETER, _NO_CHANNEL = 0, -1, -2, -3, -6  # [C]
_COMPLETED, _RUNNING, _ABORTED, _IDLE = 10000, 10002, 10004, 10006
_TICK = 10e-9  # s
_LONGEST, _LONGEST_AVERAGE = 10995.11627775, 20e-3  # s
_LOST = -8  # the connection to the mainframe [C]
_PATIENCE = 10.0  # wall-clock seconds for the laboratory to take a call


class Library:
    """The function table.

    Parameters
    ----------
    channels
        Electronics by channel number.
    clock
        The laboratory's time.
    """

    def __init__(self, channels: Mapping[int, SourceMeter], clock: Clock) -> None:
        self.clock = clock
        self.channels = {number: Channel(meter) for number, meter in channels.items()}
        self.patterns: dict[bytes, Pattern] = {}
        self.sequences: dict[int, list[tuple[Pattern, int]]] = {}
        self._errors: list[str] = []
        self._planned: list[str] = []
        self.faults = CallFaults(clock)
        self._open = False
        self._status = _IDLE
        self._begun = self._ends = clock.now_s
        self._going: dict[int, tuple[Generator[float, None, None], Event]] = {}
        self.calls: list[str] = []  #: names of the functions that were called, for tests

    def fail(self, text: str) -> None:
        """Let the next call return an error with this text."""
        self._planned.append(text)

    def __getattr__(self, name: str) -> Callable[..., int]:
        """Return a function of the library by its name, ``WGFMU_execute``."""
        function = getattr(type(self), "_" + name.removeprefix("WGFMU_"), None)
        if not name.startswith("WGFMU_") or function is None:
            raise AttributeError(f"the library has no function {name}")

        def call(*arguments: Any) -> int:
            return self._called(name, function, arguments)

        return call

    def _called(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
        self.calls.append(name)
        if "Error" in name:
            function(self, *arguments)
            return _NO_ERROR
        if wrong := self.faults.strike(name):
            return self._refuse(_LOST if self.faults.lost else _ILLEGAL, wrong)
        if self._planned:
            return self._refuse(_ILLEGAL, self._planned.pop(0))
        if not self._open and name != "WGFMU_openSession":
            return self._refuse(_CONTEXT, f"{name} needs an open session")
        given = [a.value if isinstance(a, c_double | c_int) else a for a in arguments]
        try:
            function(self, *given)
        except _Refused as refused:
            return self._refuse(refused.code, f"{name}: {refused.text}")
        return _NO_ERROR

    def _refuse(self, code: int, text: str) -> int:
        self._errors.append(text)
        return code

    # -- common -------------------------------------------------------------------------------

    def _openSession(self, _address: bytes) -> None:
        if self._open:
            raise _Refused(_CONTEXT, "a session is open already")
        self._open = True

    def _closeSession(self) -> None:
        self._open = False

    def _initialize(self) -> None:
        def act() -> None:
            self._stop(_IDLE)
            for channel in self.channels.values():
                channel.initialise()

        _at_once(self.clock, act)

    def _setTimeout(self, seconds: float) -> None:
        if seconds < 1:
            raise _Refused(_PARAMETER, f"a timeout of {seconds:g} s")

    def _getChannelIdSize(self, size: Any) -> None:
        size._obj.value = len(self.channels)

    def _getChannelIds(self, found: Array[c_int], size: Any) -> None:
        for place, number in enumerate(list(self.channels)[: size._obj.value]):
            found[place] = number

    def _getErrorSummarySize(self, size: Any) -> None:
        size._obj.value = len("\n".join(self._errors))

    def _getErrorSummary(self, text: Any, _size: Any) -> None:
        text.value = "\n".join(self._errors).encode("ascii")[: len(text) - 1]
        self._errors.clear()

    def _setOperationMode(self, number: int, mode: int) -> None:
        self._channel(number).mode = _known(mode, (2000, 2001, 2002, 2003))

    def _setForceVoltageRange(self, number: int, code: int) -> None:
        self._channel(number).v_range = _known(code, tuple(V_RANGES))

    def _getForceVoltageRange(self, number: int, code: Any) -> None:
        code._obj.value = self._channel(number).v_range

    def _setMeasureMode(self, number: int, mode: int) -> None:
        self._channel(number).measuring = _known(mode, (4000, 4001))

    def _setMeasureCurrentRange(self, number: int, code: int) -> None:
        self._channel(number).i_range = _known(code, tuple(I_RANGES))

    def _getMeasureCurrentRange(self, number: int, code: Any) -> None:
        code._obj.value = self._channel(number).i_range

    def _setMeasureEnabled(self, number: int, status: int) -> None:
        self._channel(number).enabled = _known(status, (7000, 7001))

    def _connect(self, number: int) -> None:
        _at_once(self.clock, self._channel(number).connect)

    def _disconnect(self, number: int) -> None:
        _at_once(self.clock, self._channel(number).disconnect)

    def _channel(self, number: int) -> Channel:
        if number not in self.channels:
            raise _Refused(_NO_CHANNEL, f"there is no channel {number}")
        return self.channels[number]

    # -- patterns and sequences -----------------------------------------------------------------

    def _clear(self) -> None:
        self.patterns.clear()
        self.sequences.clear()
        self._errors.clear()

    def _createPattern(self, name: bytes, begin: float) -> None:
        if name in self.patterns:
            raise _Refused(_CONTEXT, f"the pattern {name.decode()} is there already")
        self.patterns[name] = Pattern(begin)

    def _addVectors(self, name: bytes, times: Any, levels: Any, size: int) -> None:
        pattern = self._pattern(name)
        for time, level in zip(times[:size], levels[:size], strict=True):
            if not _TICK * 0.999 <= time <= _LONGEST:
                raise _Refused(_PARAMETER, f"a vector of {time:g} s")
            if not -10 <= level <= 10:
                raise _Refused(_PARAMETER, f"a vector to {level:g} V")
            pattern.times.append(round(time / _TICK) * _TICK)
            pattern.levels.append(level)

    def _setMeasureEvent(
        self, name: bytes, _event: bytes, time: float, points: int, interval: float,
        average: float, data: int,
    ) -> None:  # fmt: skip
        pattern = self._pattern(name)
        if not (_TICK * 0.999 <= interval <= 1.34217728 and 0 <= average <= _LONGEST_AVERAGE):
            raise _Refused(
                _PARAMETER, f"an interval of {interval:g} s, an average of {average:g} s"
            )
        if average > interval * (1 + 1e-9) or points < 1:
            raise _Refused(_PARAMETER, f"{points} points, averages longer than their interval")
        if time < 0 or time + (points - 1) * interval + average > pattern.duration + 1e-12:
            raise _Refused(_PARAMETER, "a measurement beyond the end of its pattern")
        averaged = _known(data, (12000, 12001)) == 12000
        pattern.events.append(MeasureEvent(time, points, interval, average, averaged))

    def _addSequence(self, number: int, name: bytes, count: float) -> None:
        self._channel(number)
        if not 1 <= count <= 1e12:
            raise _Refused(_PARAMETER, f"{count:g} loops")
        self.sequences.setdefault(number, []).append((self._pattern(name), int(count)))

    def _pattern(self, name: bytes) -> Pattern:
        if name not in self.patterns:
            raise _Refused(_CONTEXT, f"there is no pattern {name.decode()}")
        return self.patterns[name]

    # -- measuring ----------------------------------------------------------------------------

    def _execute(self) -> None:
        for number, sequence in self.sequences.items():
            channel = self.channels[number]
            if not channel.connected or channel.mode not in (2001, 2002):
                raise _Refused(_CONTEXT, f"channel {number} is not connected in a fast mode")
            if not all(channel.holds(pattern) for pattern, _ in sequence):
                raise _Refused(_PARAMETER, f"a level beyond the range of channel {number}")
        _at_once(self.clock, self._start)

    def _start(self) -> None:
        self._stop(_IDLE)
        self._status, self._begun = _RUNNING, self.clock.now_s
        durations = [sum(p.duration * n for p, n in s) for s in self.sequences.values()]
        self._ends = self._begun + max(durations, default=0.0)
        for number, sequence in self.sequences.items():
            channel = self.channels[number]
            channel.data = []
            self._go_on(number, channel.play(sequence, self._begun))
        if not self._going:
            self._status = _COMPLETED

    def _go_on(self, number: int, steps: Generator[float, None, None]) -> None:
        try:
            when = next(steps)
        except StopIteration:
            self._going.pop(number, None)
            if not self._going:
                self._status = _COMPLETED
            return
        event = self.clock.at(when, lambda: self._go_on(number, steps))
        self._going[number] = (steps, event)

    def _abort(self) -> None:
        _at_once(self.clock, lambda: self._stop(_ABORTED if self._going else self._status))

    def _stop(self, status: int) -> None:
        for number, (steps, event) in self._going.items():
            event.cancel()
            steps.close()
            self.channels[number].hold()
        self._going.clear()
        self._status = status

    def _getStatus(self, status: Any, passed: Any, whole: Any) -> None:
        status._obj.value = self._status
        passed._obj.value = min(self.clock.now_s, self._ends) - self._begun
        whole._obj.value = self._ends - self._begun

    def _getMeasureValueSize(self, number: int, measured: Any, whole: Any) -> None:
        channel = self._channel(number)
        measured._obj.value = len(channel.data)
        whole._obj.value = sum(
            count * sum(event.points for event in pattern.events)
            for pattern, count in self.sequences.get(number, [])
        )

    def _getMeasureValues(
        self, number: int, offset: int, size: Any, times: Any, values: Any
    ) -> None:
        part = self._channel(number).data[offset : offset + size._obj.value]
        size._obj.value = len(part)
        for place, (time, value) in enumerate(part):
            times[place], values[place] = time, value


class _Refused(Exception):
    """A call is refused."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


class Wgfmu(B1500):
    """The B1500A with its modules, and the library that drives them.

    Parameters
    ----------
    channels
        Electronics by channel number.
    clock
        The laboratory's time.
    """

    def __init__(self, channels: Mapping[int, SourceMeter], clock: Clock) -> None:
        super().__init__({}, {number // 100: "B1530A" for number in channels}, clock)
        self.library = Library(channels, clock)
        #: lets a fault strike at a call of the library; nobody sends lines here to play
        self.plan = self.library.faults.plan

    def close(self) -> None:
        """Switch off for good."""
        super().close()
        self.library._stop(_IDLE)
        for channel in self.library.channels.values():
            channel.initialise()

    def channel_state(self, channel: str = "101") -> dict[str, Any]:
        """Return what a channel is set to."""
        found = self.library.channels[int(channel)]
        return {
            "output": found.connected, "level": found.meter.drive.v, "range": found.i_range,
            "running": bool(self.library._going),
        }  # fmt: skip


def build(bay: Bay) -> Wgfmu:
    """Return the instrument of a place in the laboratory."""
    numbers = [100 * slot + n for slot in _SLOTS for n in (1, 2)]
    return Wgfmu({number: bay.meter(str(number), SPEC) for number in numbers}, bay.clock)


def _known(value: int, allowed: tuple[int, ...]) -> int:
    if value not in allowed:
        raise _Refused(_PARAMETER, f"{value} is not allowed")
    return value


def _at_once(clock: Clock, act: Callable[[], None]) -> None:
    """Act on the device; with a pace, in the thread that keeps the laboratory's time."""
    if not clock.pace:
        act()
        return
    done = threading.Event()

    def acted() -> None:
        act()
        done.set()

    clock.after(0.0, acted)
    done.wait(_PATIENCE)
