"""The virtual Series 2400 SourceMeter: its parts behind a SCPI interface.

Source: 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K (September 2011), sections 15 to
18 and appendix C (data flow).

While the unit is out of idle it executes nothing but an abort, triggers, ``*RST``, ``*RCL`` and
``SYSTem:PRESet``; every other command waits until it returns to idle (section 11, "Idle and
initiate").
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics
from sim_backend.instruments.keithley2400_calculate import Calculator
from sim_backend.instruments.keithley2400_calculate_commands import (
    calculate_commands,
    digital_commands,
)
from sim_backend.instruments.keithley2400_calibration import Calibration
from sim_backend.instruments.keithley2400_cycle import Cycle
from sim_backend.instruments.keithley2400_hands import Hands
from sim_backend.instruments.keithley2400_measure_commands import measure_commands
from sim_backend.instruments.keithley2400_meter import Meter
from sim_backend.instruments.keithley2400_output_commands import output_commands
from sim_backend.instruments.keithley2400_plain import PlainReadings
from sim_backend.instruments.keithley2400_readings import (
    Buffer,
    format_commands,
    trace_commands,
)
from sim_backend.instruments.keithley2400_sense_commands import sense_commands
from sim_backend.instruments.keithley2400_sequence import TRIGGER_IGNORED, Sequencer
from sim_backend.instruments.keithley2400_setup import Setup, defaults
from sim_backend.instruments.keithley2400_source import Chassis, Output
from sim_backend.instruments.keithley2400_source_commands import source_commands
from sim_backend.instruments.keithley2400_specification import Model
from sim_backend.instruments.keithley2400_status import TEXTS, Status
from sim_backend.instruments.keithley2400_system import (
    OUTPUT_KEY,
    TRIG_KEY,
    Actions,
    display_commands,
    system_commands,
)
from sim_backend.instruments.keithley2400_trigger_commands import trigger_commands
from sim_backend.instruments.keithley2400_wire import Wire, panel_state, shown
from sim_backend.instruments.scpi_account import Account
from sim_backend.instruments.scpi_interface import Interface, Wait
from sim_backend.wire.parameters import ScpiError, Whole
from sim_backend.wire.scpi import Command
from sim_backend.wire.status import POWER_ON

__all__ = ["Keithley2400"]

_FIRMWARE = "C32   Oct  4 2010 14:20:11/A02  /S/K"
#: what is executed out of idle
_SETUPS = 5  # places of *SAV
_AT_ANY_TIME = frozenset({"*RST", "*RCL", ":SYSTem:PRESet", ":ABORt"})


class Keithley2400(Wire, Hands):
    """A Series 2400 instrument over the electronics behind its two pairs of terminals.

    Parameters
    ----------
    model
        The model.
    electronics
        Behind the front and the rear terminals: ``FRON``, ``REAR``.
    clock
        The laboratory's time.
    serial, firmware
        As the instrument tells them.
    line_frequency
        Of the mains, Hz.
    """

    def __init__(
        self,
        model: Model,
        electronics: Mapping[str, Electronics],
        clock: Clock,
        *,
        serial: str = "1234567",
        firmware: str = _FIRMWARE,
        line_frequency: float = 50.0,
    ) -> None:
        self.model, self.clock = model, clock
        self.chassis = chassis = Chassis(model, clock, defaults(model), line_frequency)
        self.account = Account(
            lambda: f"KEITHLEY INSTRUMENTS INC.,MODEL {model.name},{serial},{firmware}",
            TEXTS, self.reset, self._idle, lambda: self.interface.waiting,
        )  # fmt: skip
        self.calibration = Calibration(model.name)
        self.status = Status(self.account, self._refresh, lambda: chassis.setup.format.registers)
        self.meter = Meter(self.chassis)
        self.output = self.meter.output = Output(self.chassis, electronics, self.meter.bound)
        self.buffer = Buffer(self.chassis, self._stored)
        self.calculator = calculator = Calculator(chassis)
        self.cycle = Cycle(chassis, self.output, self.meter, calculator, self.buffer, self.status)
        self.pulses: list[tuple[float, int]] = []  #: trigger link lines pulsed: s, number
        self.sequencer = Sequencer(
            self.chassis, self.cycle, self.calculator, self.status.operate, self._pulse_line,
            self.account.settle,
        )  # fmt: skip
        self._setups: dict[int, Setup] = {}
        self.interface = Interface(
            clock, self.table(), self.report, lambda: self.sequencer.running, self._progress,
            self.sequencer.abort, self._bus_trigger,
        )  # fmt: skip
        self.account.standard.raise_event(POWER_ON)

    def table(self) -> list[Command]:
        """Return every command; most of them wait until the unit is in idle."""
        chassis, pass_time = self.chassis, self._pass_time
        plain = PlainReadings(
            chassis, self.cycle, self.meter, self.calculator, self.buffer,
            lambda: self.interface.executed, pass_time,
        )  # fmt: skip
        actions = Actions(
            self.preset, pass_time, lambda: self.meter.aperture, self._press,
            lambda: self.cycle.stamp(self.clock.now_s),
            lambda: setattr(self.cycle, "zero", self.clock.now_s),
        )  # fmt: skip
        table = [
            *self.account.commands(),
            *self._common(),
            *source_commands(chassis, self.output, pass_time),
            *output_commands(chassis, self.output, self._switched_on, self.refresh_output),
            *digital_commands(chassis, self.calculator),
            *calculate_commands(chassis, self.calculator, self.buffer),
            *format_commands(chassis),
            *trace_commands(self.buffer),
            *trigger_commands(chassis, self.sequencer, self.initiate),
            *self.calibration.commands(),
            *self.status.commands(),
            *system_commands(chassis, actions),
            *display_commands(chassis, partial(shown, self.output, self.calculator), self._route),
            *sense_commands(chassis, self.meter),
            *measure_commands(
                chassis, self.cycle, self.meter, self.buffer, self.sequencer, plain, pass_time
            ),
        ]
        return [c if c.header in _AT_ANY_TIME else self._waiting(c) for c in table]

    def _waiting(self, command: Command) -> Command:
        """Return a command that waits until the unit is in idle."""
        return replace(command, write=self._held(command.write), query=self._held(command.query))

    def _held(self, call: Callable[..., Any] | None) -> Callable[..., Any] | None:
        if call is None:
            return None
        sequencer, idle, handler = self.sequencer, self._idle, call

        def held(*arguments: Any) -> Any:
            if sequencer.running:
                return Wait(idle, lambda: handler(*arguments))
            return handler(*arguments)

        return held

    def _common(self) -> list[Command]:
        """Return the common commands that the account does not have."""
        place = (Whole(0, _SETUPS - 1, names=()),)
        return [
            Command("*SAV", self._save, None, place),
            Command("*RCL", self._recall, None, place),
            Command("*OPT", query=lambda: "0"),
            Command(":ABORt", self.sequencer.abort),
            Command(":SYSTem:MEMory:INITialize", self._forget_all),
        ]

    # -- the wire -----------------------------------------------------------------------------

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        self._refresh()
        return self.account.byte.condition

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""
        self.status.report(code, text)

    # -- hands and wires ----------------------------------------------------------------------

    def channel_state(self, terminals: str = "front") -> dict[str, Any]:
        """Return what the front panel shows, for tests and for a window.

        Parameters
        ----------
        terminals
            ``front`` or ``rear``; the output is on at the selected ones only.
        """
        return panel_state(
            self.chassis.setup, self.output, self.meter, self.sequencer.running, terminals
        )

    # -- what the parts need ------------------------------------------------------------------

    def initiate(self) -> None:
        """Leave idle and go on by itself."""
        self.sequencer.initiate()
        self.sequencer.go_on()

    def _switched_on(self) -> None:
        """In pulse mode switching on starts the pulses."""
        if self.chassis.pulsed and not self.sequencer.running:
            self.initiate()

    def _pass_time(self, duration: float) -> None:
        self.interface.time.pass_time(duration)

    def _idle(self) -> bool:
        return not self.sequencer.running

    def _progress(self) -> int | None:
        return None if self.sequencer.endless else self.sequencer.progress

    def _bus_trigger(self) -> None:
        if not self.sequencer.happen("BUS"):
            self.report(TRIGGER_IGNORED)

    def _pulse_line(self, line: int) -> None:
        self.pulses.append((self.clock.now_s, line))

    def _stored(self, some: bool, full: bool) -> None:
        self.status.set("BAV", some)
        self.status.set("BFL", full)

    def _refresh(self) -> None:
        """Bring the conditions that follow the hardware up to date."""
        self.status.set("INT", self.chassis.enable_line)
        self.status.set("OT", self.chassis.too_hot)

    def refresh_output(self) -> None:
        """Switch off what has become blocked."""
        self._refresh()
        try:
            self.output.check()
        except ScpiError as blocked:
            if self.output.on:
                self.sequencer.abort()
                self.output.off()
                self.report(blocked.code)

    def _press(self, key: int) -> None:
        if key == TRIG_KEY:
            self.sequencer.happen("MAN")
        elif key == OUTPUT_KEY:
            if self.output.on:
                self.output.off()
            else:
                self.output.switch_on()
                self._switched_on()

    def press(self, key: int) -> None:
        """Let somebody press a key of the front panel, by its number in ``SYSTem:KEY``."""
        self._press(key)
        self.poll()

    def _route(self, terminals: str) -> None:
        self.output.route(terminals)
        self.chassis.setup.panel.terminals = terminals

    # -- setups -------------------------------------------------------------------------------

    def reset(self) -> None:
        """Go back to the defaults (``*RST``)."""
        self._replace(defaults(self.model, self.chassis.setup.calculation.defined))

    def preset(self) -> None:
        """Go to the defaults of the front panel (``SYSTem:PRESet``)."""
        self.reset()
        self.chassis.setup.format.order = "SWAP"

    def _replace(self, setup: Setup) -> None:
        self.sequencer.abort()
        self.output.off()
        self.chassis.setup = setup
        self.output.route(setup.panel.terminals)
        self.meter.forget()
        self.calculator.clear()
        self.output.off()

    def _save(self, place: int) -> None:
        self._setups[place] = copy.deepcopy(self.chassis.setup)

    def _forget_all(self) -> None:
        """Initialise the battery-backed memory: buffer, setups, source memory, expressions."""
        self.buffer.clear()
        self.chassis.memory.clear()
        self.chassis.setup.calculation.forget()
        for place in range(_SETUPS):
            self._save(place)

    def _recall(self, place: int) -> None:
        """Bring back a setup; a location never saved holds the front panel's defaults."""
        if place in self._setups:
            self._replace(copy.deepcopy(self._setups[place]))
        else:
            self.preset()
