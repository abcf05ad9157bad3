"""The native SCPI command set of the 2450 family: lines in, answers out, over a `Unit`.

Unlike a Series 2400 this unit executes commands while its trigger model runs; what conflicts with
that is refused. ``ABORt`` acts at once.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 5 and 6, appendices B and C.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley2450_scpi_common import Context, Format
from sim_backend.instruments.keithley2450_scpi_objects import object_commands
from sim_backend.instruments.keithley2450_scpi_readings import reading_commands, trace_commands
from sim_backend.instruments.keithley2450_scpi_sense import calculate_commands, sense_commands
from sim_backend.instruments.keithley2450_scpi_source import source_commands
from sim_backend.instruments.keithley2450_scpi_sweep import list_commands, sweep_commands
from sim_backend.instruments.keithley2450_scpi_system import (
    common_commands,
    status_commands,
    system_commands,
)
from sim_backend.instruments.keithley2450_scpi_trigger import trigger_commands
from sim_backend.instruments.keithley2450_site import PROTECTED, Site
from sim_backend.instruments.keithley2450_status import Status
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.instruments.scpi_interface import Interface
from sim_backend.wire.parameters import Choice
from sim_backend.wire.scpi import Command

__all__ = ["NativeFront", "native_commands"]


def native_commands(
    context: Context,
    status: Status,
    site: Site,
    idle: Callable[[], bool],
    reset: Callable[[], None],
    language: Callable[[], str],
    set_language: Callable[[str], None],
) -> list[Command]:
    """Return the whole table.

    Parameters
    ----------
    context, status, site
        The instrument, its registers, and what it keeps through a power cycle.
    idle
        Whether nothing overlapped is going on.
    reset
        Goes back to the defaults (``*RST``).
    language, set_language
        Return and choose the command set (``*LANG``).
    """
    options = Choice({name: name for name in context.unit.chassis.model.languages})
    return [
        *common_commands(context, status, site, idle, reset),
        Command("*LANG", set_language, language, (options,)),
        *source_commands(context),
        *sweep_commands(context),
        *list_commands(context),
        *sense_commands(context),
        *calculate_commands(context),
        *reading_commands(context),
        *trace_commands(context),
        *trigger_commands(context),
        *object_commands(context),
        *status_commands(status),
        *system_commands(context, site),
    ]


class NativeFront:
    """Interface, tables and status of the native command set.

    Parameters
    ----------
    unit
        The instrument.
    site
        What it keeps through a power cycle.
    language, set_language
        Return and choose the command set (``*LANG``).
    """

    def __init__(
        self,
        unit: Unit,
        site: Site,
        language: Callable[[], str],
        set_language: Callable[[str], None],
    ) -> None:
        self.unit, self.site = unit, site
        self._language, self._set_language = language, set_language
        self.context = Context(unit, lambda: self.interface.time)
        self.status = Status(unit.log, lambda: self.interface.waiting, self._idle)
        self.interface = Interface(
            unit.clock, self.table(), self.report, lambda: unit.busy,
            lambda: unit.model.progress, unit.model.abort, lambda: unit.bus.emit("COMM"),
        )  # fmt: skip

    def table(self) -> list[Command]:
        """Return every command."""
        return native_commands(
            self.context, self.status, self.site, self._idle, self.reset, self._language,
            self._set_language,
        )  # fmt: skip

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        admitted = self.site.admit(message)
        if admitted is None:
            self.report(PROTECTED)
        else:
            self.interface.write(admitted)

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the log; the instrument's own numbers may have a text of theirs."""
        self.unit.log.add(code, text if code > 0 else "")

    def settle(self) -> None:
        """Note that the trigger model ended."""
        self.status.settle()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.status.byte.condition

    def reset(self) -> None:
        """Go back to the defaults (``*RST``)."""
        self.status.forget_completion()
        self.unit.reset()
        self.context.form = Format()

    def _idle(self) -> bool:
        return not self.unit.busy
