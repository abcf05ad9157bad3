"""A 4200A-SCS as a whole: who it is, what went wrong, and how it is made safe.

pymeasure's `Keithley4200` for the SMUs, used by hand (``smu1.voltage_setpoint``, ...), with what it
lacks: errors are raised; every message is answered and the answer looked at; ``with`` and
`shutdown` switch off. KXCI cannot be asked what is set or whether an output is on, so that what was
switched off is known from its acknowledgement and its error alone.
"""

from __future__ import annotations

import logging
from typing import Any

from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley.keithley4200 import Keithley4200

from instruments.errors import link_faults, queue_fault, wrong_model
from instruments.keithley4200_limits import Model
from instruments.keithley4200_lines import no_error
from instruments.secured import Secured
from labctl.capability import Identity, Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.wire_log import logger_of

__all__ = ["Mainframe", "open_adapter"]

log = logging.getLogger(__name__)

_ACKNOWLEDGED = "ACK"
_MOST_STALE = 50  # answers that may be left of what was broken off
_FAMILY = "4200A"


def open_adapter(setup: Setup, timeout: float) -> VISAAdapter:
    """Open the connection to KXCI, which ends its messages with a null.

    Parameters
    ----------
    setup
        Section of the bench file.
    timeout
        How long to wait for an answer, s.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody is there.
    """
    with link_faults(f"{setup.name} ({setup.address})", "opening the connection"):
        try:
            return VISAAdapter(
                setup.address,
                visa_library=setup.visa,
                read_termination="\0",
                write_termination="\0",
                timeout=round(timeout * 1000),
                log=logger_of(setup.name),
            )
        except ValueError as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise BadInput(f'{setup.name}: "{setup.address}" cannot be opened: {reason}') from None


class Mainframe(Secured, Keithley4200):  # type: ignore[misc]
    """The instrument behind a connection; `smu1`, `smu2`, ... are its SMUs for work by hand.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    address
        VISA address.
    model
        What the pulse card is specified to do.
    """

    def __init__(self, adapter: Any, label: str, address: str, model: Model) -> None:
        self.label, self.model = label, model
        self.name = f"{label} ({address})"
        self.found = ""  #: what was left when the driver connected, as a sentence
        self._left = False  # what was found on is still as it was
        self.adapter = adapter
        with link_faults(self.name, "asking who it is"):
            self._idn = self._first_answer()
        if _FAMILY not in self._idn.upper():
            raise wrong_model(self.name, "4200A-SCS", self._idn)
        with link_faults(self.name, "asking what is installed"):
            super().__init__(adapter, f"{label} ({address})")

    def _first_answer(self) -> str:
        """Ask who answers; what is left of an earlier conversation is read away."""
        self.adapter.write("*IDN?")
        answer = self.adapter.read().strip("\0\r\n ")
        for _ in range(_MOST_STALE):
            if "," in answer and "KEITHLEY" in answer.upper():
                break
            if answer not in ("", _ACKNOWLEDGED):
                break  # somebody else
            answer = self.adapter.read().strip("\0\r\n ")
        return str(answer)

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Report what is left of earlier use, and switch everything off.

        KXCI tells of a test that runs, and not of an output that is on without one.

        Parameters
        ----------
        leave
            Leave a test that runs, and whatever is on, until the first step.
        looking
            Only look; nothing is cleared.

        Raises
        ------
        InstrumentFault
            It refuses.
        """
        if looking:
            return
        found = []
        if self.number(":PMU:TEST:STATUS?"):
            became = "left running" if leave else "broken off"
            found.append(f"found a test running on the pulse card; it was {became}")
        if entries := self.drain():
            found.append(f"found an unread error: {', '.join(entries)}")
        if found:
            self.found = f"{self.name}: {'; '.join(found)}"
            log.warning(self.found)
        self._left = leave
        if not leave:
            self.reset()
        self.check_errors()

    def reset(self) -> None:
        """Break off whatever runs, and bring the instrument to its initial state.

        Raises
        ------
        InstrumentFault
            It refuses.
        """
        for command in (":PMU:ABORT", "*RST", "BC"):
            self.tell(command)
        self._left = False

    def tell(self, command: str) -> None:
        """Send a command and take its acknowledgement.

        Raises
        ------
        InstrumentFault
            It was not acknowledged.
        """
        answer = self.asked(command)
        if answer != _ACKNOWLEDGED:
            raise InstrumentFault(
                f'{self.name}: "{command[:60]}" was answered with "{answer[:60]}" instead of '
                f"{_ACKNOWLEDGED}; check that nothing else talks to the instrument"
            )

    def asked(self, command: str) -> str:
        """Send a command and return the answer.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        with link_faults(self.name, f"waiting for the answer to {command[:40]}"):
            self.write(command)
            return str(self.read()).strip("\0\r\n ")

    def number(self, command: str) -> int:
        """Ask for a whole number.

        Raises
        ------
        InstrumentFault
            The answer is none.
        """
        answer = self.asked(command)
        try:
            return int(answer)
        except ValueError:
            raise InstrumentFault(
                f'{self.name}: {command} was answered with "{answer[:60]}"; expected is a number'
            ) from None

    def identify(self) -> Identity:
        """Ask who it is.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        self._idn = self.asked("*IDN?")
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        return Identity(self.label, self._idn, "4200A-SCS", serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return who it is and what is installed: KXCI tells of no settings.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        settings = {"idn": self._idn, "options": self.asked("*OPT?")}
        return {**settings, "found": self.found} if self.found else settings

    def drain(self) -> list[str]:
        """Return the last error, and clear it."""
        answer = self.asked(":ERROR:LAST:GET")
        if no_error(answer):
            return []
        self.tell(":ERROR:LAST:CLEAR")
        return [answer]

    def make_safe(self) -> None:
        """Abort, and switch off the pulse card's outputs and every SMU.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or there was an error that nobody has seen.
        """
        doing = "switching off; the outputs may still be on, so abort the test at the front panel"
        with link_faults(self.name, doing):
            self.adapter.write("*IDN?")
            for _ in range(_MOST_STALE):
                if "KEITHLEY" in str(self.adapter.read()).upper():
                    break
        for command in (":PMU:ABORT", *self._off()):
            self.tell(command)
        if self.number(":PMU:TEST:STATUS?"):
            raise InstrumentFault(
                f"{self.name}: the pulse card still reports a test after an abort; switch its "
                "outputs off at the front panel"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

    def _off(self) -> list[str]:
        commands = [f":PMU:OUTPUT:STATE {channel[-1]}, 0" for channel in self.model.channels]
        smus = sorted(getattr(self, "smu", {}))
        return [*commands, *(["US", *(f"DV{number}" for number in smus)] if smus else [])]
