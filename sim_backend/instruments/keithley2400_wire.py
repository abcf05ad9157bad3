"""The outside of a virtual Series 2400: its connector and its display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2400_calculate import Calculator
from sim_backend.instruments.keithley2400_meter import Meter
from sim_backend.instruments.keithley2400_setup import Setup
from sim_backend.instruments.keithley2400_source import Output
from sim_backend.instruments.scpi_interface import Interface

__all__ = ["Wire", "panel_state", "shown"]


class Wire:
    """What `sim_backend.wire.port.VirtualInstrument` asks for, done by the SCPI interface."""

    interface: Interface

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    def close(self) -> None:
        """Switch off for good."""
        self.interface.abort()

    urgent = staticmethod(Interface.urgent)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self.interface.interrupt()

    def abort(self) -> None:
        """Return to idle."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.interface.trigger()


def shown(output: Output, calculator: Calculator) -> tuple[str, str]:
    """Return the two lines of the display: the last reading, and the source."""
    quantity, level, _ = output.in_use()
    measured = "A" if quantity == "v" else "V"
    source = f"Vsrc:{level:+.6g}V" if quantity == "v" else f"Isrc:{level:+.6g}A"
    last = calculator.last
    if not output.on or last is None:
        return f"---.---- {measured}", source
    return f"{last.i if quantity == 'v' else last.v:+.5E} {measured}", source


def panel_state(
    setup: Setup, output: Output, meter: Meter, running: bool, terminals: str
) -> dict[str, Any]:
    """Return what the front panel shows of one pair of terminals, ``front`` or ``rear``."""
    selected = {"FRON": "front", "REAR": "rear"}[setup.panel.terminals]
    quantity, level, range_ = output.in_use()
    on = output.on and terminals == selected
    return {
        "output": on,
        "function": quantity,
        "level": output.level if on else level,
        "range": range_,
        "compliance": meter.sensed("i" if quantity == "v" else "v").protection,
        "in_compliance": on and output.real_limited(),
        "measure_range": meter.range_in_use("i" if quantity == "v" else "v"),
        "nplc": setup.sense.nplc,
        "running": running,
    }
