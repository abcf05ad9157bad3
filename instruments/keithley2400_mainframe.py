"""A Series 2400 as a whole: who it is, how it is set, what went wrong, and how it is made safe.

pymeasure's `Keithley2400` with its faults worked round: `check_errors` raises what it finds instead
of logging it; `shutdown` (and so ``with``) is immediate instead of a ramp that sleeps; an exception
inside ``with`` is never hidden by one from a dead link; the buffer holds the 2500 readings of the
instrument instead of 1024; levels and limits are those of the model that is connected, and not the
2400's.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley import Keithley2400
from pymeasure.instruments.validators import strict_range

from instruments.errors import link_faults, unexpected, wrong_model
from instruments.keithley2400_limits import POINTS, Model
from instruments.keithley2400_lines import parse_errors
from instruments.scpi_source import ScpiSource
from labctl.capability import Identity

__all__ = ["Mainframe"]

#: what a snapshot holds, each asked as it stands with a question mark
_SETTINGS = (
    ":ROUT:TERM", ":SYST:RSEN", ":SYST:AZER", ":SYST:LFR", ":OUTP", ":OUTP:SMOD", ":SOUR:FUNC",
    ":SOUR:VOLT", ":SOUR:VOLT:MODE", ":SOUR:VOLT:RANG", ":SOUR:VOLT:RANG:AUTO", ":SOUR:VOLT:PROT",
    ":SOUR:CURR", ":SOUR:CURR:MODE", ":SOUR:CURR:RANG", ":SOUR:DEL", ":SOUR:DEL:AUTO",
    ":SOUR:CLE:AUTO", ":SENS:FUNC", ":SENS:CURR:PROT", ":SENS:CURR:RANG", ":SENS:CURR:RANG:AUTO",
    ":SENS:VOLT:PROT", ":SENS:VOLT:RANG", ":SENS:CURR:NPLC", ":SENS:AVER", ":TRIG:COUN",
    ":TRIG:DEL", ":ARM:COUN", ":ARM:SOUR", ":ARM:TIM",
)  # fmt: skip


def _control(command: str, meaning: str) -> Any:
    """Return a property for a number that the instrument itself validates."""
    return Instrument.control(
        f"{command}?", f"{command} %.9g", f"Control {meaning}.", check_set_errors=True
    )


class Mainframe(ScpiSource, Keithley2400):  # type: ignore[misc]
    """The instrument behind a connection, with the properties of pymeasure's driver; values in SI.

    Setting a value that the instrument refuses raises `InstrumentFault` with the entries of its
    error queue.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    address
        VISA address.
    model
        What the instrument is specified to do.
    """

    source_voltage = _control(":SOUR:VOLT", "the voltage sourced, V")
    source_voltage_range = _control(":SOUR:VOLT:RANG", "the range of the voltage source, V")
    source_current = _control(":SOUR:CURR", "the current sourced, A")
    source_current_range = _control(":SOUR:CURR:RANG", "the range of the current source, A")
    compliance_current = _control(":SENS:CURR:PROT", "the current compliance, A")
    compliance_voltage = _control(":SENS:VOLT:PROT", "the voltage compliance, V")
    current_range = _control(":SENS:CURR:RANG", "the range of the ammeter, A")
    voltage_range = _control(":SENS:VOLT:RANG", "the range of the voltmeter, V")
    buffer_points = Instrument.control(
        ":TRAC:POIN?", ":TRAC:POIN %d", "Control how many readings the buffer takes, 1 to 2500.",
        validator=strict_range, values=[1, POINTS], cast=int, check_set_errors=True,
    )  # fmt: skip

    settings = _SETTINGS
    zero = (
        ":SENS:RES:MODE MAN;:SOUR:CLE:AUTO OFF;:SOUR:VOLT:MODE FIX;:SOUR:CURR:MODE FIX;"
        ":SOUR:VOLT 0;:SOUR:CURR 0"
    )
    zeroed = (":SOUR:VOLT?", ":SOUR:CURR?")

    def __init__(self, adapter: Any, label: str, address: str, model: Model) -> None:
        self._idn = ""
        super().__init__(adapter, f"{label} ({address})")
        self.label = label
        self.model = model
        self.found = ""  #: what was on when the driver connected, as a sentence

    def reset_data_format(self) -> None:
        """Let readings be sent as pymeasure expects them, once it is known who is there."""
        if self._idn:
            super().reset_data_format()

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers, and report what is left of earlier use.

        Parameters
        ----------
        leave
            Leave an output that is on as it is, until the first step; else switch it off.
        looking
            Only look; nothing is set.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does.
        """
        with link_faults(self.name, "asking who it is"):
            if not looking:
                self._break_off(aborting=not leave)
            self._idn = self.ask("*IDN?").strip()
        if self._spoken_model() != self.model.name:
            raise wrong_model(self.name, self.model.name, self._idn)
        if looking:
            return
        with link_faults(self.name, "clearing it"):
            self._note_remains(leave=leave)
            if not leave:
                self.write("*RST")
            self.reset_data_format()

    def identify(self) -> Identity:
        """Ask who it is; the instrument does not tell when it was calibrated.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
            options = self.ask("*OPT?").strip()
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        model = self._spoken_model()
        return Identity(self.label, self._idn, model, serial, firmware, options=options)

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        with link_faults(self.name, "reading its error queue"):
            answer = self.ask(":SYST:ERR:ALL?")
        try:
            return parse_errors(answer)
        except ValueError:
            raise unexpected(self.name, answer, "the error queue") from None
