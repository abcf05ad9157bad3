"""A B1500A as a whole: who it is, what is in its slots, what went wrong, how it is made safe.

pymeasure's `AgilentB1500` for work by hand (``smu1.force(...)``), with what it lacks: errors are
`InstrumentFault` with every entry of the queue (pymeasure's pattern raises `AttributeError` at a
text without a word in it); ``with`` and `shutdown` switch off and see that it is so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pymeasure.instruments.agilent.agilentB1500 import AgilentB1500
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from instruments.b1500_limits import MODULES
from instruments.b1500_lines import Datum, parse_data, parse_error
from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.secured import Secured
from labctl.capability import Identity, StopRequest
from labctl.errors import InstrumentFault

__all__ = ["Mainframe", "Stopped"]

log = logging.getLogger(__name__)

_MOST_STALE = 50  # answers that may be left of what was broken off
_MOST_ERRORS = 20
_POLL = 0.5  # s: how often it is looked whether to stop while a run goes on
#: what a snapshot holds: kinds of ``*LRN?``
_KINDS = {
    "outputs": 0, "filters": 30, "format and mode": 31, "measure ranges": 32, "staircase": 33,
    "pulses": 34, "sampling": 47, "converters": 55, "integration": 56, "time stamps": 60,
}  # fmt: skip


class Stopped(Exception):
    """It was asked to stop, and is safe."""


class Mainframe(Secured, AgilentB1500):  # type: ignore[misc]
    """The instrument behind a connection.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    address
        VISA address.
    modules
        What has to be in the slots, by their number.
    timeout
        How long to wait for an answer, s.
    """

    def __init__(
        self, adapter: Any, label: str, address: str, modules: Mapping[int, str], timeout: float
    ) -> None:
        super().__init__(adapter, f"{label} ({address})")
        self.label, self._modules, self._timeout = label, dict(modules), timeout
        self.found = ""  #: what was left when the driver connected, as a sentence
        self._idn = ""

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Identify the instrument and its modules; clear and switch off what is left.

        Parameters
        ----------
        leave
            Leave outputs that are on as they are.
        looking
            Set nothing, and do not empty the error queue.

        Raises
        ------
        InstrumentFault
            Nobody answers, another model or module does, or it refuses.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = str(self.ask("*IDN?")).strip()
        if "B1500A" not in self._idn.upper():
            raise wrong_model(self.name, "B1500A", self._idn)
        self._check_modules()
        if looking:
            return
        left = [f"an unread error ({', '.join(entries)})"] if (entries := self.drain()) else []
        on = self._outputs()
        if on != "CL":
            left.append(f"outputs on ({on})")
        if left:
            self.found = f"{self.name}: found {' and '.join(left)}"
            log.warning(self.found)
        if not leave:
            self.make_safe()
        with link_faults(self.name, "asking for its modules"):
            self.initialize_all_smus()

    def _check_modules(self) -> None:
        with link_faults(self.name, "asking for its modules"):
            answer = str(self.ask("UNT?")).strip()
        found = {slot: row.split(",")[0] for slot, row in enumerate(answer.split(";"), 1)}
        for slot, name in self._modules.items():
            there = found.get(slot, "0")
            if there not in MODULES or (name and there != name):
                raise InstrumentFault(
                    f'{self.name}: slot {slot} has "{there}" where '
                    f"{name or 'an SMU out of ' + ', '.join(MODULES)} was expected; correct the "
                    "terminals or modules in the bench file"
                )

    def _outputs(self) -> str:
        """Return which output switches are closed, as it tells it: ``CN1,2`` or ``CL``."""
        with link_faults(self.name, "asking for its outputs"):
            return str(self.ask("*LRN? 0")).strip()

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        entries = []
        for _ in range(_MOST_ERRORS):
            with link_faults(self.name, "reading its errors"):
                answer = str(self.ask("ERRX?")).strip()
            try:
                entry = parse_error(answer)
            except ValueError:
                raise unexpected(self.name, answer, "an error") from None
            if not entry:
                break
            entries.append(entry)
        return entries

    def make_safe(self) -> None:
        """Abort, force zero, open every output switch, and see that it is so.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or there was an error that nobody has seen.
        """
        doing = "switching off; the outputs may still be on, so switch the instrument off by hand"
        with link_faults(self.name, doing):
            self.write("AB")
            self.write("*IDN?")
            for _ in range(_MOST_STALE):
                if "B1500A" in str(self.read()).upper():
                    break
            self.write("DZ")
            self.write("CL")
            on = str(self.ask("*LRN? 0")).strip()
        if on != "CL":
            raise InstrumentFault(
                f"{self.name}: it tells of outputs that are on ({on[:40]}) after they were "
                "switched off; switch the instrument off by hand"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

    def identify(self) -> Identity:
        """Ask who it is.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = str(self.ask("*IDN?")).strip()
            modules = str(self.ask("UNT?")).strip()
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = ([*parts[2:4], "", ""])[:2]
        return Identity(self.label, self._idn, "B1500A", serial, firmware, options=modules)

    def snapshot(self) -> dict[str, str]:
        """Return every setting as it reports it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        kinds = {**_KINDS, **{f"channel {slot}": slot for slot in self._modules}}
        with link_faults(self.name, "asking for its settings"):
            shot = {name: str(self.ask(f"*LRN? {kind}")).strip() for name, kind in kinds.items()}
        return {**shot, "found": self.found} if self.found else shot

    # -- answers ------------------------------------------------------------------------------

    def answers(
        self, line: str, count: int, duration: float, stop: StopRequest
    ) -> list[list[Datum]]:
        """Send a line and return its messages, which come when it is carried out.

        They are waited for in pieces, so that a stop request is heard.

        Raises
        ------
        Stopped
            It was asked to stop.
        """
        with link_faults(self.name, "starting a run"):
            self.write(line)
        connection = self.adapter.connection
        poll = min(_POLL, self._timeout)
        looks = int((duration * 1.1 + self._timeout) / poll) + 1
        found: list[list[Datum]] = []
        connection.timeout = round(poll * 1000)
        try:
            for _ in range(looks + count):
                if stop():
                    break
                text = self._message()
                if text:
                    found.append(self._parsed(text))
                if len(found) == count:
                    return found
        finally:
            connection.timeout = round(self._timeout * 1000)
        if stop():
            self.make_safe()
            raise Stopped
        raise InstrumentFault(f"{self.name}: no answer came in time while waiting for a run to end")

    def _message(self) -> str:
        """Return the next message, empty when none came yet."""
        with link_faults(self.name, "waiting for a run to end"):
            try:
                return str(self.read()).strip()
            except VisaIOError as error:
                if error.error_code != StatusCode.error_timeout:
                    raise
                return ""

    def _parsed(self, text: str) -> list[Datum]:
        try:
            return parse_data(text)
        except ValueError:
            raise unexpected(self.name, text, "readings") from None
