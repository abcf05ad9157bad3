"""A 2600B as a whole: who it is, how it is set, what went wrong, and how it is made safe.

pymeasure's `Keithley2600` with its faults worked round: `check_errors` raises what it finds instead
of logging it; `shutdown` (and so ``with``) really switches the outputs off, at once and with a look
whether they are; an exception inside ``with`` is never hidden by one from a dead link.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from datetime import UTC, datetime
from typing import Any

from pymeasure.instruments.keithley import Keithley2600
from pyvisa.errors import VisaIOError

from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.keithley2600_channel import HandChannel
from instruments.keithley2600_limits import Model
from instruments.secured import Secured
from labctl.capability import Identity
from labctl.errors import InstrumentFault

__all__ = ["Mainframe"]

log = logging.getLogger(__name__)

_SETTINGS = (
    "source.func", "source.output", "source.levelv", "source.rangev", "source.limiti",
    "source.leveli", "source.rangei", "source.limitv", "source.offmode", "source.offfunc",
    "source.offlimiti", "source.delay", "source.settling", "sense",
    "measure.rangei", "measure.rangev", "measure.autorangei", "measure.nplc", "measure.autozero",
    "measure.delay", "measure.filter.enable", "cal.date", "cal.state",
)  # fmt: skip


class Mainframe(Secured, Keithley2600):  # type: ignore[misc]
    """The instrument behind a connection; `ChA` and `ChB` are its channels for work by hand.

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

    def __init__(self, adapter: Any, label: str, address: str, model: Model) -> None:
        with warnings.catch_warnings():
            # pymeasure does not know that the 2600 has few SCPI commands, and says so every time
            warnings.simplefilter("ignore", FutureWarning)
            super().__init__(adapter, f"{label} ({address})")
        self.label = label
        self.model = model
        self.found = ""  #: what was on when the driver connected, as a sentence
        self.ChA = HandChannel(self, "a")
        if "b" in model.channels:
            self.ChB = HandChannel(self, "b")
        else:
            del self.ChB
        self._idn = ""

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers, report and clear what is left of earlier use.

        Parameters
        ----------
        leave
            Leave an output that is on as it is, until the first step; else switch it off.
        looking
            Only look; nothing is cleared.

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
            self.write("localnode.prompts = 0 localnode.showerrors = 0")
            self._note_remains(leave=leave)
            self.write("timer.reset()" if leave else "reset() timer.reset()")
            self.write("format.data = format.ASCII format.asciiprecision = 13")

    def _spoken_model(self) -> str:
        match = re.search(r"Model\s+([^,\s]+)", self._idn, re.IGNORECASE)
        return match[1].upper() if match else ""

    def _note_remains(self, *, leave: bool) -> None:
        """Remember what an earlier user left: errors nobody has read, outputs that are on."""
        on = [
            f"channel {channel} at {self._sourced(channel)}"
            for channel in self.model.channels
            if self.number(f"smu{channel}.source.output") != 0
        ]
        became = "left on" if leave else "switched off"
        found = [f"found the output on: {', '.join(on)}; it was {became}"] if on else []
        if entries := self.drain():
            found.append(f"found unread errors: {', '.join(entries)}")
        if found:
            self.found = f"{self.name}: {'; '.join(found)}"
            log.warning(self.found)

    def _sourced(self, channel: str) -> str:
        """Return the level that a channel sources, with its unit."""
        source = f"smu{channel}.source"
        quantity, unit = ("v", "V") if self.number(f"{source}.func") else ("i", "A")
        return f"{self.number(f'{source}.level{quantity}'):g} {unit}"

    def number(self, expression: str) -> float:
        """Ask for the value of one Lua expression.

        Raises
        ------
        InstrumentFault
            The answer is not a number.
        """
        answer = self.ask(f"print({expression})")
        try:
            return float(answer)
        except ValueError:
            raise InstrumentFault(
                f'{self.name}: {expression} was answered with "{answer}"; expected is a number'
            ) from None

    def identify(self) -> Identity:
        """Ask who it is.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
            dates = [self.number(f"smu{channel}.cal.date") for channel in self.model.channels]
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        oldest = min(dates)
        date = datetime.fromtimestamp(oldest, UTC).date().isoformat() if oldest > 0 else ""
        return Identity(
            self.label, self._idn, self._spoken_model(), serial, firmware, calibrated=date
        )

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        settings = {"idn": self._idn, "found": self.found} if self.found else {"idn": self._idn}
        with link_faults(self.name, "reading its settings"):
            settings["localnode.linefreq"] = f"{self.number('localnode.linefreq'):g}"
            for channel in self.model.channels:
                names = [f"smu{channel}.{setting}" for setting in _SETTINGS]
                answers = self.ask(f"print({','.join(names)})").strip().split("\t")
                if len(answers) != len(names):
                    raise unexpected(self.name, "\t".join(answers), f"{len(names)} settings")
                settings.update(zip(names, answers, strict=True))
        return settings

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        with link_faults(self.name, "reading its error queue"):
            count = int(self.number("errorqueue.count"))
            entries = [self.ask("print(errorqueue.next())") for _ in range(count)]
        fields = [entry.strip().split("\t") for entry in entries]
        return [f"{float(code):.0f} {' '.join(text[:1])}" for code, *text in fields]

    def make_safe(self) -> None:
        """Abort, bring every level to zero and every output off, and see that it is so.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or the error queue had entries that nobody has seen;
            the message says which.
        """
        channels = self.model.channels
        doing = (
            f"switching off channel {' and '.join(channels)}; "
            "the output may still be on, so switch it off at the front panel"
        )
        with link_faults(self.name, doing):
            self._synchronise()
            for c in channels:
                self.write(
                    f"smu{c}.abort() smu{c}.source.levelv = 0 smu{c}.source.leveli = 0 "
                    f"smu{c}.source.output = smu{c}.OUTPUT_OFF"
                )
            unsafe = [
                c
                for c in channels
                if self.number(f"smu{c}.source.output")
                or self.number(f"math.abs(smu{c}.source.levelv) + math.abs(smu{c}.source.leveli)")
            ]
        if unsafe:
            raise InstrumentFault(
                f"{self.name}: channel {' and '.join(unsafe)} still reports an output that is on; "
                "switch it off at the front panel"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

    def _synchronise(self) -> None:
        """Break off whatever runs and throw away what it has printed."""
        self._break_off(aborting=True)
        mark = "labctl synchronised"
        self.write(f'print("{mark}")')
        while self.read().strip() != mark:
            pass

    def _break_off(self, *, aborting: bool) -> None:
        # a socket has no device clear: pyvisa-py reads it empty instead, for as long as a script
        # prints; "abort" ends the script there as it does everywhere
        if self.adapter.connection.resource_class != "SOCKET":
            with contextlib.suppress(VisaIOError, NotImplementedError):
                self.adapter.connection.clear()
        if aborting:
            self.write("abort")
