"""The virtual Series 2600B: channels, trigger objects, status, front panel behind a TSP interface.

Source: Series 2600B Reference Manual, 2600BS-901-01, sections 3, 5 to 8 and the appendix on common
commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments import keithley2602b
from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_checks import number, whole
from sim_backend.instruments.keithley2600_common import Account
from sim_backend.instruments.keithley2600_output import Format
from sim_backend.instruments.keithley2600_smu import channel_node
from sim_backend.instruments.keithley2600_source import Electronics
from sim_backend.instruments.keithley2600_system import (
    BLENDERS,
    TIMERS,
    Beeper,
    Display,
    beeper_node,
    display_node,
    errors_node,
    local_node,
    timer_node,
    trigger_node,
)
from sim_backend.instruments.keithley2600_trigger import Blender, Events, Generated, Process, Timer
from sim_backend.instruments.tsp_interface import Interface, urgent
from sim_backend.wire.tsp import Bounds

__all__ = ["Keithley2600"]

_SPECIFICATIONS = {"2602B": keithley2602b.SPEC}
_FIRMWARE = "3.4.1"
_EPOCH = 1767225600.0  # 2026-01-01: the date at the laboratory clock's zero


class Keithley2600:
    """A Series 2600B instrument over its channels' electronics.

    Parameters
    ----------
    model
        ``2602B``.
    channels
        Letter of the channel to its electronics.
    clock
        The laboratory's time.
    serial, firmware
        As the instrument tells them.
    line_frequency
        Of the mains, Hz.
    bounds
        When a script counts as a runaway.
    epoch
        Date of the clock's zero, s since 1970.
    """

    def __init__(
        self,
        model: str,
        channels: Mapping[str, Electronics],
        clock: Clock,
        *,
        serial: str = "4512345",
        firmware: str = _FIRMWARE,
        line_frequency: float = 50.0,
        bounds: Bounds | None = None,
        epoch: float = _EPOCH,
    ) -> None:
        self.model, self.serial, self.firmware = model, serial, firmware
        self.clock, self.epoch, self.line_frequency = clock, epoch, line_frequency
        self.description = f"Keithley {model} #{serial}"
        self.prompts = self.show_errors = 0
        self.events = Events()
        self._trigger = Generated(self.events)
        self.timers = [
            Timer(self.events, clock, partial(self._timer_overran, k)) for k in range(1, TIMERS + 1)
        ]
        self.blenders = [Blender(self.events) for _ in range(BLENDERS)]
        self.display, self.beeper = Display(), Beeper()
        self.account = Account(
            channels,
            f"Keithley Instruments Inc., Model {model}, {serial}, {firmware}",
            self.reset,
            self._busy,
            lambda: self.interface.waiting,
        )
        self.errors, self.status = self.account.errors, self.account.status
        self.interface = Interface(
            clock,
            lambda: epoch + clock.now_s,
            self.report,
            self._busy,
            self._progress,
            self._abort_channels,
            self._trigger.emit,
            self.account.commands(),
            bounds,
        )
        self.engine = self.interface.engine
        self.pass_time, self.wait_for = self.interface.time.pass_time, self.interface.time.wait_for
        self.format = Format(self.engine, self.interface.send)
        self.channels = {
            letter: Channel(letter, _SPECIFICATIONS[model], electronics, self)
            for letter, electronics in channels.items()
        }
        self.interface.answered = self._prompt
        self._install()
        self.reset()

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    def close(self) -> None:
        """Switch off for good: gives back what only the instrument knows of, its Lua state."""
        self.interface.abort()
        self.engine.close()

    # -- the wire -----------------------------------------------------------------------------

    urgent = staticmethod(urgent)

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
        """End the running script and every overlapped operation."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.status.byte.condition

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code, text)

    def channel_state(self, letter: str) -> dict[str, Any]:
        """Return what the front panel of a channel shows: for tests and for a window.

        See `sim_backend.instruments.keithley2600_channel.Channel.state`.
        """
        return self.channels[letter].state()

    # -- what channels need ---------------------------------------------------------------------

    def overlap(self, process: Process) -> None:
        """Start something that `waitcomplete` waits for."""
        process.start()

    def note(self, letter: str, activity: str, active: bool) -> None:
        """Record in the status registers what a channel is doing."""
        self.status.note(letter, activity, active)
        if not active:
            self.account.settle()

    def note_overrun(self, letter: str, detector: str) -> None:
        """Record that an event detector of a channel lost an event."""
        self.status.note_overrun(letter, detector)

    def _timer_overran(self, number: int) -> None:
        self.status.note_timer_overrun(number)

    def _busy(self) -> bool:
        return any(channel.busy for channel in self.channels.values())

    def _progress(self) -> int | None:
        """Return how far overlapped operations got; None when they only end by an abort."""
        if any(channel.sweep.endless for channel in self.channels.values()):
            return None
        return sum(channel.progress for channel in self.channels.values())

    def _abort_channels(self) -> None:
        for channel in self.channels.values():
            channel.abort()
        for timer in self.timers:
            timer.cancel()

    def reset(self) -> None:
        """Go back to the defaults (``reset()`` and ``*RST``)."""
        for channel in self.channels.values():
            channel.reset()
        for timer in self.timers:
            timer.reset()
        for blender in self.blenders:
            blender.reset()
        self.format.reset()
        self.display.reset()

    def _refresh(self) -> None:
        """Bring the conditions that nobody reports up to date before they are read."""
        for letter, channel in self.channels.items():
            limited = channel.electronics.limited
            sourcing_v = channel.source.function == "v"
            self.status.note(letter, "current_limit", limited and sourcing_v)
            self.status.note(letter, "voltage_limit", limited and not sourcing_v)
            self.status.note(letter, "reading_overflow", channel.meter.overflowed)
            stored = any(buffer.rows for buffer in channel.dedicated)
            self.status.note(letter, "buffer_available", stored)

    # -- the tree -------------------------------------------------------------------------------

    def _install(self) -> None:
        engine, events = self.engine, self.events
        nodes = [
            *(channel_node(channel, events) for channel in self.channels.values()),
            trigger_node(events, self._trigger, self.timers, self.blenders, self._wait_for_event),
            self.status.node(self._refresh),
            self.format.node(),
            display_node(self.display, self.channels, events),
            beeper_node(self.beeper),
            errors_node(self.errors),
            timer_node(self.clock.now),
            local_node(self),
        ]
        engine.install(
            nodes,
            {
                "delay": lambda seconds: self.pass_time(number(0.0, 1e5)(seconds)),
                "reset": self.reset,
                "opc": self.account.complete,
                "printnumber": self.format.print_number,
            },
            {
                "waitcomplete": (self.interface.time.complete, _no_matter_which),
                "printbuffer": (self._readings_there, self.format.print_buffer),
            },
        )

    def _readings_there(self, _first: Any, last: Any, *columns: Any) -> bool:
        """Wait for readings that are still to come (section 7, printbuffer)."""
        return self.interface.time.run_until(
            lambda: (
                not any(
                    self.channels[buffer.channel[-1]].busy
                    for buffer in self.format.awaited(last, columns)
                )
            )
        )

    def _wait_for_event(self, source: Generated, timeout: float) -> bool:
        happened = self.interface.time.wait_until(lambda: source.detected, timeout)
        source.detected = False
        return happened

    def set_line_frequency(self, value: int) -> None:
        """Set the frequency of the mains that apertures count in, Hz."""
        self.line_frequency = float(value)
        for channel in self.channels.values():
            channel.meter.line_frequency = self.line_frequency

    def _prompt(self) -> None:
        """Send what follows each message when prompts or errors are to be shown."""
        while self.show_errors and len(self.errors):
            self.interface.send("\t".join(map(str, self.errors.next())).encode("latin-1"))
        if self.prompts:
            self.interface.send(b"TSP?" if len(self.errors) else b"TSP>")


def _no_matter_which(group: float = 0) -> None:
    """Check the group of ``waitcomplete``: without TSP-Link there is only one."""
    whole()(group)
