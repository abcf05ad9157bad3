"""The virtual 2450, 2460, 2461 and 2470: a unit behind the command set that it is set to.

``*LANG`` chooses the command set for the next start; `power_cycle` is that start. A bench file may
say which one the unit is in::

    [instruments.smu]
    driver = "keithley2450"
    model = "2450"
    language = "SCPI2400"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics
from sim_backend.instruments.keithley2450_legacy import Keithley2400Language
from sim_backend.instruments.keithley2450_scpi import NativeFront
from sim_backend.instruments.keithley2450_site import Site
from sim_backend.instruments.keithley2450_specification import Model
from sim_backend.instruments.keithley2450_tsp import ScriptFront
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.instruments.scpi_interface import Interface
from sim_backend.instruments.tsp_interface import Interface as ScriptInterface
from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.tsp import Bounds

__all__ = ["Keithley2450"]

_FIRMWARE = "1.7.12b"
NATIVE, SCRIPTS = "SCPI", "TSP"


class Keithley2450:
    """One instrument.

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
    language
        The command set that it starts in.
    bounds
        When a script counts as a runaway.
    """

    def __init__(
        self,
        model: Model,
        electronics: Mapping[str, Electronics],
        clock: Clock,
        *,
        serial: str = "04123456",
        firmware: str = _FIRMWARE,
        line_frequency: float = 50.0,
        language: str = NATIVE,
        bounds: Bounds | None = None,
    ) -> None:
        self.model, self.clock, self._bounds = model, clock, bounds
        self._electronics, self._line_frequency = electronics, line_frequency
        self.unit = Unit(model, electronics, clock, line_frequency, self._settled)
        digits = f"{int(serial) if serial.isdecimal() else 0:06d}"[-6:]
        mac = ":".join(("00", "A0", "8E", digits[:2], digits[2:4], digits[4:]))
        identity = f"KEITHLEY INSTRUMENTS,MODEL {model.name},{serial},{firmware}"
        self.site = Site(identity, mac)
        self._chosen = self._language = language
        self.native: NativeFront | None = None
        self.scripts: ScriptFront | None = None
        self.legacy: Keithley2400Language | None = None
        self._breathe: Callable[[], None] = _nothing
        self._start()

    # -- command sets ------------------------------------------------------------------------

    @property
    def language(self) -> str:
        """The command set in use."""
        return self._language

    def _choose(self, language: str) -> None:
        """Choose the command set of the next start."""
        self._chosen = language

    def _start(self) -> None:
        self._language = self._chosen
        if self.scripts is not None:
            self.scripts.close()
        self.native = self.legacy = self.scripts = None
        if self._language in self.model.emulates:
            self.legacy = Keithley2400Language(
                self.model, self._language, self._electronics, self.clock, self._line_frequency,
                self.site, lambda: self._language, self._choose,
            )  # fmt: skip
            self.legacy.breathe = self._breathe
        elif self._language == SCRIPTS:
            self.scripts = ScriptFront(
                self.unit, self.site, lambda: self._language, self._choose, self._bounds
            )
            self.scripts.interface.time.breathe = self._breathe
        else:
            self.native = NativeFront(self.unit, self.site, lambda: self._language, self._choose)
            self.native.interface.time.breathe = self._breathe

    def power_cycle(self) -> None:
        """Switch off and on again; the command set that was chosen comes into force."""
        self.abort()
        if self.legacy is not None:
            self.legacy.reset()
        self.unit.power_cycle()
        if self.site.power_on != "RST":
            try:
                self.unit.recall(int(self.site.power_on[-1]))
            except ScpiError as refused:
                self.unit.log.add(refused.code)
        self.site.admitted = self.site.access in ("FULL", "EXCL")
        self._start()

    def _settled(self) -> None:
        front = self.native or self.scripts
        if front is not None:
            front.settle()

    @property
    def _front(self) -> NativeFront | Keithley2400Language | ScriptFront:
        front = self.native or self.legacy or self.scripts
        assert front is not None
        return front

    @property
    def _interface(self) -> Interface | ScriptInterface:
        return self._front.interface

    # -- the wire ----------------------------------------------------------------------------

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self._breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self._breathe = self._interface.time.breathe = call

    def close(self) -> None:
        """Switch off for good."""
        self.abort()
        if self.scripts is not None:
            self.scripts.close()

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line acts at once, whatever is running."""
        return Interface.urgent(line)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self._front.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self._interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self._interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self._interface.interrupt()

    def abort(self) -> None:
        """End what is running."""
        self._interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self._interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self._interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self._front.status_byte()

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue of the command set in use."""
        if self.legacy is not None:
            self.legacy.report(code, text)
        else:
            self.unit.log.add(code, text)

    # -- hands and wires ---------------------------------------------------------------------

    def set_interlock(self, closed: bool) -> None:
        """Close or open the safety interlock."""
        self.unit.set_interlock(closed)
        if self.legacy is not None:
            self.legacy.set_enable_line(closed)

    def overheat(self, too_hot: bool) -> None:
        """Let the unit be too hot: its output switches off."""
        self.unit.overheat(too_hot)
        if self.legacy is not None:
            self.legacy.overheat(too_hot)

    #: what can go wrong in the unit: see `suffer`
    ills = frozenset({"interlock", "over-temperature"})

    def suffer(self, kind: str) -> None:
        """Let the interlock open or the unit be too hot."""
        if kind == "interlock":
            self.set_interlock(False)
        else:
            self.overheat(True)

    def press_trigger(self) -> None:
        """Let somebody press the TRIGGER key."""
        self.unit.press_trigger()
        self.poll()

    def channel_state(self, terminals: str = "front") -> dict[str, Any]:
        """Return what the front panel shows, for tests and for a window.

        Parameters
        ----------
        terminals
            ``front`` or ``rear``; the output is on at the selected ones only.
        """
        if self.legacy is not None:
            return self.legacy.channel_state(terminals)
        return self.unit.state(terminals)


def _nothing() -> None:
    """Do nothing."""
