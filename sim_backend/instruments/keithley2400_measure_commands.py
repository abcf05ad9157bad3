"""The commands of a Series 2400 that take readings: ``READ?``, ``MEASure?`` and their like.

Source: 2400 Series SourceMeter User's Manual, section 17, appendix C.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sim_backend.instruments.keithley2400_cycle import Cycle
from sim_backend.instruments.keithley2400_meter import Meter
from sim_backend.instruments.keithley2400_plain import PlainReadings
from sim_backend.instruments.keithley2400_readings import Buffer, write_rows
from sim_backend.instruments.keithley2400_sequence import Sequencer
from sim_backend.instruments.keithley2400_setup import Arm, Trigger
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.instruments.scpi_interface import Wait
from sim_backend.wire.scpi import Answer, Command

__all__ = ["measure_commands"]

_FUNCTIONS = {"v": "VOLTage[:DC]", "i": "CURRent[:DC]", "r": "RESistance"}
_TOLD = {"v": '"VOLT:DC"', "i": '"CURR:DC"', "r": '"RES"'}


class _Signals:
    """The handlers."""

    def __init__(
        self,
        chassis: Chassis,
        cycle: Cycle,
        meter: Meter,
        buffer: Buffer,
        sequencer: Sequencer,
        plain: PlainReadings,
        pass_time: Callable[[float], None],
    ) -> None:
        self.chassis, self.cycle, self.meter, self.buffer = chassis, cycle, meter, buffer
        self.sequencer, self.plain, self.pass_time = sequencer, plain, pass_time

    def fetch(self) -> Answer:
        return write_rows(self.cycle.sample, self.chassis.setup.format)

    def latest(self) -> Answer:
        return write_rows(self.cycle.sample[-1:], self.chassis.setup.format)

    def read(self) -> Answer | Wait:
        if (answer := self.plain.read()) is not None:
            return answer
        self.sequencer.check_query()
        self.sequencer.initiate()
        if self.sequencer.run_through(self.pass_time):
            self.plain.prepare()
            return write_rows(self.cycle.sample, self.chassis.setup.format)
        return Wait(lambda: not self.sequencer.running, self.fetch)

    def configure(self, function: str) -> None:
        chassis = self.chassis
        chassis.forbid_pulsed()
        setup, sensed = chassis.setup, self.meter.sensed(function)
        setup.sense.functions = frozenset(function)
        if function == "r":
            setup.sense.ohms_auto = True
        setup.sense.nplc, setup.sense.average, setup.sense.compensated = 1.0, False, False
        sensed.auto = True
        setup.arm, setup.trigger = Arm(), Trigger()
        setup.calculation.enabled = setup.limits.null = False
        for test in setup.limits.tests.values():
            test.enabled = False
        self.buffer.control = "NEV"
        setup.panel.autozero = True
        self.meter.forget()
        self.meter.output.switch_on()
        self.meter.output.program()

    def measure(self, function: str = "") -> Answer | Wait:
        active = self.chassis.setup.sense.functions
        self.chassis.forbid_pulsed()
        if function or len(active) == 1:
            self.configure(function or next(iter(active)))
        else:
            self.meter.output.switch_on()
        return self.read()

    def active(self) -> str:
        functions = self.chassis.setup.sense.functions
        return ",".join(text for f, text in _TOLD.items() if f in functions) or '""'


def measure_commands(
    chassis: Chassis,
    cycle: Cycle,
    meter: Meter,
    buffer: Buffer,
    sequencer: Sequencer,
    plain: PlainReadings,
    pass_time: Callable[[float], None],
) -> list[Command]:
    """Return the commands that take readings.

    Parameters
    ----------
    chassis, cycle, meter, buffer, sequencer, plain
        The instrument's parts.
    pass_time
        Lets the time of a query pass, s.
    """
    does = _Signals(chassis, cycle, meter, buffer, sequencer, plain, pass_time)
    table = [
        Command(":READ", query=does.read),
        Command(":FETCh", query=does.fetch),
        Command(":CONFigure", query=does.active),
        Command(":MEASure", query=does.measure),
        Command("[:SENSe[1]]:DATA[:LATest]", query=does.latest),
    ]
    for function, name in _FUNCTIONS.items():
        table += [
            Command(f":CONFigure:{name}", partial(does.configure, function)),
            Command(f":MEASure:{name}", query=partial(does.measure, function)),
        ]
    return table
