"""A 2450, 2460 or 2461 by hand: pymeasure's driver with its faults worked round.

pymeasure's `Keithley2450` sends the buffer commands of a 2400, which these instruments understand
only when they are set to emulate one; so the buffer is written anew in the native command set.
Levels and limits are those of the model that is connected, and not the 2450's.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley import Keithley2450

from instruments.errors import link_faults
from instruments.scpi_source import ScpiSource

__all__ = ["HandDriver"]


def _control(command: str, meaning: str) -> Any:
    """Return a property for a number that the instrument itself validates."""
    return Instrument.control(
        f"{command}?", f"{command} %.9g", f"Control {meaning}.", check_set_errors=True
    )


class HandDriver(ScpiSource, Keithley2450):  # type: ignore[misc]
    """Properties and buffer for work by hand; values in SI.

    Setting a value that the instrument refuses raises `InstrumentFault` with the entries of its
    error queue.
    """

    source_voltage = _control(":SOUR:VOLT", "the voltage sourced, V")
    source_voltage_range = _control(":SOUR:VOLT:RANG", "the range of the voltage source, V")
    source_current = _control(":SOUR:CURR", "the current sourced, A")
    source_current_range = _control(":SOUR:CURR:RANG", "the range of the current source, A")
    compliance_current = _control(":SOUR:VOLT:ILIM", "the current compliance, A")
    compliance_voltage = _control(":SOUR:CURR:VLIM", "the voltage compliance, V")
    current_range = _control(":SENS:CURR:RANG", "the range of the ammeter, A")
    current_nplc = _control(":SENS:CURR:NPLC", "the aperture of the ammeter, line cycles")
    voltage_range = _control(":SENS:VOLT:RANG", "the range of the voltmeter, V")
    trigger_count = _control(":SENS:COUN", "how many readings are taken at a time")
    buffer_points = Instrument.control(
        ":TRAC:POIN?", ":TRAC:POIN %d", "Control how many readings the buffer takes.",
        cast=int, check_set_errors=True,
    )  # fmt: skip

    def config_buffer(self, points: int = 64, delay: float = 0.0) -> None:
        """Let the default buffer take a number of readings, each after a delay in s.

        Raises
        ------
        InstrumentFault
            The instrument refuses.
        """
        self.write(f':TRAC:CLE;:TRAC:POIN {max(points, 10)};:TRAC:FILL:MODE ONCE,"defbuffer1"')
        self.write(f':TRIG:LOAD "SimpleLoop",{points},{delay:.9g}')
        self.check_errors()

    def start_buffer(self) -> None:
        """Start taking readings."""
        self.write(":INIT")
        self.check_errors()

    def wait_for_buffer(self) -> None:
        """Wait until all readings are taken; the connection's timeout is the longest wait."""
        with link_faults(self.name, "waiting for its buffer to fill"):
            self.ask("*OPC?")

    def is_buffer_full(self) -> bool:
        """Return whether nothing more fits in the default buffer."""
        return self.number(":TRAC:ACT?") >= self.number(":TRAC:POIN?")

    def stop_buffer(self) -> None:
        """Stop taking readings."""
        self.write(":ABOR")

    def reset_buffer(self) -> None:
        """Forget the readings in the default buffer."""
        self.write(":TRAC:CLE")

    def disable_buffer(self) -> None:
        """Let nothing take readings into the buffer any more."""
        self.write(':TRIG:LOAD "Empty"')

    @property
    def buffer_data(self) -> list[float]:
        """Every reading in the default buffer."""
        count = int(self.number(":TRAC:ACT?"))
        if not count:
            return []
        answer = self.ask(f':TRAC:DATA? 1,{count},"defbuffer1",READ')
        return [float(text) for text in answer.split(",")]
