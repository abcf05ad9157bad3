"""One channel of a 2600B for work by hand: pymeasure's, with its faults worked round.

pymeasure 0.16.0 sends numbers as ``%f``, which makes 1e-7 A a compliance of zero; it cannot set
the aperture at all; and its `shutdown` sleeps through a ramp of three seconds. Here numbers are
sent with nine significant digits, every setting is followed by a look into the error queue, and
`shutdown` is immediate.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley.keithley2600 import Channel

__all__ = ["HandChannel"]


def _control(attribute: str, meaning: str) -> Any:
    """Return a property for a number that the instrument itself validates."""
    return Instrument.control(
        attribute, f"{attribute}=%.9g", f"Control {meaning}.", check_set_errors=True
    )


class HandChannel(Channel):  # type: ignore[misc]
    """A channel with the properties of pymeasure's `Channel`; all values in SI.

    Setting a value that the instrument refuses raises `InstrumentFault` with the entries of its
    error queue. Methods that are not named here are pymeasure's.
    """

    measure_nplc = _control("measure.nplc", "the aperture in power line cycles, 0.001 to 25")
    source_current = _control("source.leveli", "the current sourced, A")
    source_voltage = _control("source.levelv", "the voltage sourced, V")
    compliance_current = _control("source.limiti", "the current compliance, A")
    compliance_voltage = _control("source.limitv", "the voltage compliance, V")
    source_current_range = _control("source.rangei", "the range of the current source, A")
    source_voltage_range = _control("source.rangev", "the range of the voltage source, V")
    current_range = _control("measure.rangei", "the range of the ammeter, A")
    voltage_range = _control("measure.rangev", "the range of the voltmeter, V")

    def check_set_errors(self) -> list[Any]:
        """Raise what the error queue holds after a setting.

        Raises
        ------
        InstrumentFault
            The queue is not empty.
        """
        errors: list[Any] = self.instrument.check_errors()
        return errors

    def measure_voltage(
        self, nplc: float = 1, voltage: float = 40.0, auto_range: bool = True
    ) -> None:
        """Prepare to measure voltage.

        Parameters
        ----------
        nplc
            Aperture in power line cycles.
        voltage
            Largest voltage to be read, V; used without `auto_range`.
        auto_range
            Let the instrument choose the range.
        """
        self.measure_nplc = nplc
        if auto_range:
            self.write("measure.autorangev=1")
            self.check_set_errors()
        else:
            self.voltage_range = voltage

    def measure_current(
        self, nplc: float = 1, current: float = 1e-4, auto_range: bool = True
    ) -> None:
        """Prepare to measure current.

        Parameters
        ----------
        nplc
            Aperture in power line cycles.
        current
            Largest current to be read, A; used without `auto_range`.
        auto_range
            Let the instrument choose the range.
        """
        self.measure_nplc = nplc
        if auto_range:
            self.write("measure.autorangei=1")
            self.check_set_errors()
        else:
            self.current_range = current

    def shutdown(self) -> None:
        """Set the level to zero and switch the output off, at once.

        Raises
        ------
        InstrumentFault
            The instrument refused.
        """
        for command in ("source.levelv=0", "source.leveli=0", "source.output=0"):
            self.write(command)
        self.check_set_errors()
