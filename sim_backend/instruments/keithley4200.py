"""The virtual Keithley 4200A-SCS behind KXCI: SMUs, and a 4225-PMU with its 4225-RPMs.

A bench file gives, besides driver, model (``4200A-SCS``) and address::

    smus = 2                    # how many 4200-SMUs there are
    rpm = true                  # whether the channels of the pulse card have 4225-RPMs
    interface = "ethernet"      # or "gpib", on which commands are not acknowledged

and wires terminals to ``pmu1`` and ``pmu2`` (the outputs of the RPMs) or to ``smu1``, ``smu2``, ...
(an SMU's own cable; that an RPM passes an SMU on to its output is not drawn: connected to an SMU,
the pulse card is only kept from playing).

By Ethernet every message is answered, with what was asked or with ``ACK``; answers end in a null.
A message that is refused is acknowledged like any other (check): the error is told by
``:ERROR:LAST:GET`` and bit 1 of the status byte.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from labctl.errors import BadInput
from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock
from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_card import PulseCard
from sim_backend.instruments.keithley4200_card_commands import card_commands
from sim_backend.instruments.keithley4200_common import SystemCommands
from sim_backend.instruments.keithley4200_errors import LastError
from sim_backend.instruments.keithley4200_pages import page_commands
from sim_backend.instruments.keithley4200_smu import Smu
from sim_backend.instruments.keithley4200_specification import PMU, SMU
from sim_backend.instruments.keithley4200_sweep import SystemTest
from sim_backend.instruments.keithley4200_user import UserMode
from sim_backend.instruments.tsp_time import ScriptClock
from sim_backend.roster import Bay
from sim_backend.wire.kxci import ACKNOWLEDGED, TERMINATORS, Interpreter
from sim_backend.wire.tsp import Stopped

__all__ = ["MODELS", "Keithley4200", "build"]

MODELS: Mapping[str, str] = MappingProxyType({"4200A-SCS": "KI4200A"})
_FIRMWARE = "V1.14"
_CHANNELS = (1, 2)  # of a pulse card
#: acts at once, whatever is running
_ABORT = re.compile(rb"\s*(:PMU:ABORT|(MD[;\s]+)?ME\s*4)\s*[\0\n]*$", re.IGNORECASE)
_INTERFACES = ("ethernet", "gpib")


class Keithley4200:
    """The instrument.

    Parameters
    ----------
    smus, pulsers
        Electronics of the SMUs and of the pulse card's channels, by number.
    clock
        The laboratory's time.
    serial
        Serial number.
    line_frequency
        Of the mains, Hz.
    rpm
        Whether there are 4225-RPMs.
    interface
        ``ethernet`` or ``gpib``.
    """

    terminators = TERMINATORS

    def __init__(
        self,
        smus: Mapping[int, SourceMeter],
        pulsers: Mapping[int, SourceMeter],
        clock: Clock,
        *,
        serial: str = "0000000",
        line_frequency: float = 50.0,
        rpm: bool = True,
        interface: str = "ethernet",
    ) -> None:
        self.clock = clock
        self.errors = LastError()
        self.smus = {number: Smu(number, meter, line_frequency) for number, meter in smus.items()}
        self.card = PulseCard(pulsers, clock, rpm, self._data_ready)
        self._gpib = interface == "gpib"
        self._replies: deque[bytes] = deque()
        self._abort = False
        self.time = ScriptClock(clock, lambda: False, lambda: 0, lambda: self._abort, lambda: None)
        self.test = SystemTest(self.smus, clock, self._data_ready)
        options = [f"SMU{number}" for number in self.smus]
        options += [f"PMU1RPM1-{n}" if rpm else f"PMU1-{n}" for n in pulsers]
        self.system = SystemCommands(
            self.errors,
            f"KEITHLEY INSTRUMENTS,KI4200A,{serial},{_FIRMWARE}",
            ",".join(options),
            self._reset,
            lambda: self.test.running or self.card.running,
        )
        self.interpreter = Interpreter(
            [
                *self.system.commands(),
                *UserMode(self.smus, self.test, self.time).commands(),
                *page_commands(self.test),
                *card_commands(self.card),
            ],
            self.report,
        )

    #: what can go wrong in the unit: see `suffer`
    ills = frozenset({"interlock"})

    def suffer(self, _kind: str) -> None:
        """Let the interlock of the SMUs open; the pulse card does not look at it."""
        for number, smu in self.smus.items():
            if smu.open_interlock():
                self.report(errors.INTERLOCK, f"SMU{number}")

    # -- port --------------------------------------------------------------------------------

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time."""
        return self.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.time.breathe = call

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line acts at once, whatever is running."""
        return _ABORT.match(line) is not None

    def write(self, message: bytes) -> None:
        """Execute a message."""
        self._abort = False
        for text in re.split(r"[\0\n]", message.decode("latin-1")):
            if text.strip():
                self._execute(text)

    def _execute(self, text: str) -> None:
        try:
            answer = self.interpreter.execute(text)
        except Stopped:
            answer = None
        if answer is not None:
            self.system.sent()
        elif self._gpib:
            return
        # a reply on GPIB ends with the line, by Ethernet with a null
        end = "\n" if self._gpib else "\0"
        self._replies.append(
            ((ACKNOWLEDGED if answer is None else answer) + end).encode("latin-1", "replace")
        )

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready."""
        ready = list(self._replies)
        self._replies.clear()
        return ready

    def poll(self) -> None:
        """Nothing waits inside the instrument."""

    def interrupt(self) -> None:
        """Mark what is running to be aborted; from any thread."""
        self._abort = True

    def abort(self) -> None:
        """End what is running."""
        self.card.abort()
        self.test.abort()

    def clear(self) -> None:
        """Take a device clear: answers are forgotten, a test goes on."""
        self._replies.clear()

    def trigger(self) -> None:
        """There is nothing that a bus trigger starts."""

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.system.poll()

    def report(self, code: int | str, text: str = "") -> None:
        """Keep an error, as a command that is refused does."""
        self.errors.note(code, text)
        self.system.syntax_error = True

    def close(self) -> None:
        """Switch off."""
        self.abort()
        for smu in self.smus.values():
            smu.off()

    def _data_ready(self) -> None:
        self.system.data_ready = True

    def _reset(self) -> None:
        self.abort()
        self.test.reset()
        for smu in self.smus.values():
            smu.reset()
        self.card.initialise(0)

    # -- looking -----------------------------------------------------------------------------

    def channel_state(self, channel: str) -> dict[str, Any]:
        """Return what a channel is set to: ``smu1``, ``pmu1``, ..."""
        number = int(channel[-1])
        if channel.startswith("smu"):
            smu = self.smus[number]
            return {
                "output": smu.on, "function": smu.function, "level": smu.level,
                "range": smu.range, "compliance": smu.compliance, "limited": smu.limited,
            }  # fmt: skip
        settings = self.card.channels[number]
        return {
            "output": self.card.outputs[number],
            "armed": settings.output,
            "level": self.card.meters[number].drive.v,
            "range": settings.range,
            "source_range": settings.source_range,
            "path": self.card.paths[number],
            "running": self.card.running,
        }


def build(bay: Bay) -> Keithley4200:
    """Return the instrument of a place in the laboratory.

    Raises
    ------
    BadInput
        An option of the bench file is not allowed.
    """
    smus = bay.options.get("smus", 2)
    interface = bay.options.get("interface", _INTERFACES[0])
    if not isinstance(smus, int) or not 0 <= smus <= 8:
        raise BadInput(f"instruments.{bay.name}: smus = {smus!r} is not allowed; give 0 to 8")
    if interface not in _INTERFACES:
        raise BadInput(
            f'instruments.{bay.name}: interface = "{interface}" is not allowed; '
            f"allowed are {' and '.join(_INTERFACES)}"
        )
    return Keithley4200(
        {number: bay.meter(f"smu{number}", SMU) for number in range(1, smus + 1)},
        {number: bay.meter(f"pmu{number}", PMU) for number in _CHANNELS},
        bay.clock,
        serial=bay.serial,
        line_frequency=bay.line_frequency,
        rpm=bool(bay.options.get("rpm", True)),
        interface=interface,
    )
