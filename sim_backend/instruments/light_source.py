"""The virtual ILX Lightwave LDP-3811: a pulsed current through a laser diode over the device.

Currents are in mA and times in us on the wire, as the instrument has them. What the diode makes of
its current is data of the bench file::

    [instruments.laser]
    driver = "ldp3811"
    model = "LDP-3811"
    address = "GPIB0::4::INSTR"
    port = "light 450 nm"       # optical port of the device
    threshold = "20 mA"         # of the laser; 0 for a light-emitting diode
    slope = 0.5                 # optical power for the current beyond it, W/A
    spot = "1 mm2"              # that the power is spread over

Source: command set and ranges as pymeasure's driver has them; LDP-3811 Instruction Manual (error
numbers and the times of edges are to be checked).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Ampere, SquareMetre
from sim_backend.clock import Clock
from sim_backend.fixture import Fixture
from sim_backend.instruments.scpi_account import Account
from sim_backend.instruments.scpi_interface import Interface
from sim_backend.instruments.waves import Wave, WaveDrive, rectangle
from sim_backend.roster import Bay
from sim_backend.wire.parameters import Choice, Number, ScpiError
from sim_backend.wire.scpi import Command

__all__ = ["MODELS", "LightSource", "build"]

MODELS = ("LDP-3811",)
_FIRMWARE = "1.0"
_LONGEST, _SHORTEST = 6500.0, 0.1  # us: interval, pulse
_EDGE = 0.1  # us
_RANGE, _LIMIT = 222, 501  # error numbers, to be checked
_MODES = {"CW": "CW", "CDC": "CDC", "PRI": "PRI", "EXT": "EXT"}


class LightOptions(BaseModel):
    """Keys of a laser's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    port: str = Field("", description="optical port of the device, light 450 nm")
    threshold: Annotated[Ampere, Ge(0)] = 0.0
    slope: Annotated[float, Gt(0)] = 0.5
    spot: Annotated[SquareMetre, Gt(0)] = 1e-6


class LightSource:
    """A pulsed laser-diode driver with its diode.

    Parameters
    ----------
    options
        What the diode makes of its current.
    fixture, drive
        What it lights.
    clock
        The laboratory's time.
    serial
        As it tells it.
    """

    def __init__(
        self,
        options: LightOptions,
        fixture: Fixture,
        drive: WaveDrive,
        clock: Clock,
        serial: str = "1234567",
    ) -> None:
        self.options, self.fixture, self.drive, self.clock = options, fixture, drive, clock
        self.account = Account(
            lambda: f"ILX Lightwave,LDP-3811,{serial},{_FIRMWARE}",
            {},
            self.reset,
            lambda: not self.pulsing,
            lambda: self.interface.waiting,
        )
        self._numbers: list[int] = []
        self._until = 0.0
        self.reset()
        self.interface = Interface(
            clock,
            self._table(),
            self.report,
            lambda: self.pulsing,
            lambda: 0,
            self._stop,
            self._trigger,
        )

    # -- the wire -----------------------------------------------------------------------------

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    urgent = staticmethod(Interface.urgent)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self.interface.interrupt()

    def abort(self) -> None:
        """End a pulse."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger: it begins a pulse in the mode for external triggers."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.byte.condition

    def report(self, code: int, _: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code)
        self._numbers.append(abs(code))

    def close(self) -> None:
        """Switch off for good."""
        self.interface.abort()
        self.reset()

    def channel_state(self, _channel: str = "1") -> Mapping[str, Any]:
        """Return what the front panel shows: for tests and for a window."""
        return {
            "output": self.on, "mode": self.mode, "level": self.current, "range": self.range,
            "width": self.width, "interval": self.interval,
            "irradiance": self.drive.level(self.clock.now_s),
        }  # fmt: skip

    # -- what it does ---------------------------------------------------------------------------

    @property
    def pulsing(self) -> bool:
        """Whether a triggered pulse is going on."""
        return self.clock.now_s < self._until

    def reset(self) -> None:
        """Go back to the defaults (``*RST``): output off, no current."""
        self.on, self.mode, self.current, self.range = False, "CW", 0.0, 200
        self.limits = {200: 200.0, 500: 500.0}
        self.width, self.interval, self.duty = 1.0, 1000.0, 0.1
        self._apply()

    def irradiance(self, current: float) -> float:
        """Return the irradiance on the device for a current in mA, W/m2."""
        beyond = max(0.0, current * 1e-3 - self.options.threshold)
        return beyond * self.options.slope / self.options.spot

    def _apply(self) -> None:
        """Put the settings into force; what was going on begins anew."""
        self.fixture.sync()
        now = self.clock.now_s
        self._until = now
        lit = self.irradiance(self.current) if self.on else 0.0
        if self.on and self.mode in ("CDC", "PRI"):
            self.drive.play(self._wave(now, lit, math.inf), now)
        else:
            self.drive.hold(lit if self.mode == "CW" else 0.0, now)

    def _wave(self, start: float, lit: float, cycles: float) -> Wave:
        interval = max(self.interval, self.width + 2 * _EDGE)
        edge = min(_EDGE, self.width / 4) / interval
        shape = rectangle(self.width / interval, edge, edge)
        return Wave(shape, interval * 1e-6, start, lit / 2, lit / 2, cycles)

    def _trigger(self) -> None:
        if not self.on or self.mode != "EXT" or self.pulsing:
            self.report(-211)
            return
        self.fixture.sync()
        wave = self._wave(self.clock.now_s, self.irradiance(self.current), 1.0)
        self.drive.play(wave, self.clock.now_s)
        self._until = wave.ends
        self.clock.at(wave.ends, self.account.settle)

    def _stop(self) -> None:
        if self.pulsing:
            self._apply()

    # -- settings -----------------------------------------------------------------------------

    def _table(self) -> list[Command]:
        number = Number(names=())
        boolean = Choice({"1": True, "0": False, "ON": True, "OFF": False})
        ranges = Choice({"200": 200, "500": 500})
        mode = Choice(_MODES)
        return [
            *self.account.commands(),
            Command(":ERRORS", query=self._errors),
            Command(":ERR", query=self._errors),
            Command(":OUTPUT", self._switch, lambda: str(int(self.on)), (boolean,)),
            Command(":MODE", self._set_mode, lambda: self.mode, (mode,)),
            *(Command(f":MODE:{word}", lambda word=word: self._set_mode(word)) for word in _MODES),
            Command(":LDI", self._set_current, self._measured, (number,)),
            Command(":SET:LDI", query=lambda: _told(self.current)),
            Command(":RANGE", self._set_range, lambda: str(self.range), (ranges,)),
            Command(":CDC", self._set_duty, lambda: _told(self.duty), (number,)),
            Command(":SET:CDC", query=lambda: _told(self.duty)),
            Command(":PRI", self._set_interval, lambda: _told(self.interval), (number,)),
            Command(":SET:PRI", query=lambda: _told(self.interval)),
            Command(":PW", self._set_width, lambda: _told(self.width), (number,)),
            Command(":SET:PW", query=lambda: _told(self.width)),
            *(self._limit_command(which, number) for which in (200, 500)),
        ]

    def _limit_command(self, which: int, number: Number) -> Command:
        return Command(
            f":LIMIT:I{which}",
            lambda value: self._set_limit(which, value),
            lambda: _told(self.limits[which]),
            (number,),
        )

    def _errors(self) -> str:
        numbers, self._numbers = self._numbers, []
        self.account.errors.clear()
        return ",".join(map(str, numbers)) or "0"

    def _switch(self, on: bool) -> None:
        self.on = on
        self._apply()

    def _set_mode(self, mode: str) -> None:
        self.mode = mode
        self._couple()

    def _measured(self) -> str:
        return _told(self.current if self.on else 0.0)

    def _set_current(self, value: float) -> None:
        most = min(self.limits[self.range], self.range)
        if not 0 <= value <= most:
            raise ScpiError(_LIMIT)
        self.current = value
        self._apply()

    def _set_range(self, which: int) -> None:
        if self.on:
            raise ScpiError(-221)
        self.range = which
        self.current = min(self.current, self.limits[which])

    def _set_limit(self, which: int, value: float) -> None:
        if not 0 <= value <= which:
            raise ScpiError(_RANGE)
        self.limits[which] = value
        self.current = min(self.current, self.limits[self.range])
        self._apply()

    def _set_width(self, value: float) -> None:
        if not _SHORTEST <= value <= _LONGEST:
            raise ScpiError(_RANGE)
        self.width = value
        self._couple()

    def _set_interval(self, value: float) -> None:
        self.interval = min(_LONGEST, max(1.0, self.width, value))
        self.duty = 100 * self.width / self.interval
        self._apply()

    def _set_duty(self, value: float) -> None:
        """Set the duty cycle, cut to what width and interval allow, as the instrument does."""
        self.duty = min(100.0, max(100 * self.width / _LONGEST, value))
        self.interval = max(1.0, 100 * self.width / self.duty)
        self._apply()

    def _couple(self) -> None:
        """Let interval or duty cycle follow the width, by the mode."""
        if self.mode == "CDC":
            self._set_duty(self.duty)
        else:
            self._set_interval(self.interval)


def build(bay: Bay) -> LightSource:
    """Return the laser of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong, or the device does not see its light.
    """
    try:
        options = LightOptions(**bay.options)
    except ValidationError as error:
        where = f"instruments.{bay.name}"
        raise BadInput(explain(error, where, list(LightOptions.model_fields))) from None
    drive = WaveDrive()
    drive.terminal = options.port
    bay.fixture.connect(options.port, drive)
    return LightSource(options, bay.fixture, drive, bay.clock, bay.serial)


def _told(value: float) -> str:
    return f"{value:.6g}"
