"""The virtual Series 2600B: channels, trigger objects, status, front panel behind a TSP interface.

Source: Series 2600B Reference Manual, 2600BS-901-01, sections 3, 5 to 8 and the appendix on common
commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_display import Display, display_node
from sim_backend.instruments.keithley26_electronics import Electronics
from sim_backend.instruments.keithley26_factory import FACTORY_SCRIPTS
from sim_backend.instruments.keithley26_family import MODELS
from sim_backend.instruments.keithley26_general import (
    DataQueue,
    EventLog,
    Settings,
    general_calls,
    general_nodes,
)
from sim_backend.instruments.keithley26_network import add_link, lan_node, net_node
from sim_backend.instruments.keithley26_ports import Lines, lines_node
from sim_backend.instruments.keithley26_protections import Protections
from sim_backend.instruments.keithley26_remote import Remote
from sim_backend.instruments.keithley26_turns import Turns
from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_checks import number, whole
from sim_backend.instruments.keithley2600_common import Account
from sim_backend.instruments.keithley2600_output import Format
from sim_backend.instruments.keithley2600_smu import channel_node
from sim_backend.instruments.keithley2600_status import INTERLOCK
from sim_backend.instruments.keithley2600_system import (
    BLENDERS,
    TIMERS,
    Beeper,
    beeper_node,
    errors_node,
    local_node,
    timer_node,
    trigger_node,
)
from sim_backend.instruments.keithley2600_trigger import Blender, Events, Generated, Process, Timer
from sim_backend.instruments.tsp_interface import Interface
from sim_backend.wire.tsp import Bounds, uncollected

__all__ = ["Keithley2600"]

_FIRMWARE = "3.4.1"
_EPOCH = 1767225600.0  # 2026-01-01: the date at the laboratory clock's zero


class Keithley2600(Protections, Remote):
    """A Series 2600B instrument over its channels' electronics.

    Parameters
    ----------
    model
        One of `sim_backend.instruments.keithley26_family.MODELS`.
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
        self.prompts_4882 = self.find_line_frequency = 1
        self.password_mode = 2
        self.events = Events()
        self._trigger = Generated(self.events)
        self._make_objects()
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
        self.time_passed = self.engine.time_passed
        self.format = Format(self.engine, self.interface.send)
        self.channels = {
            letter: Channel(letter, MODELS[model], electronics, self)
            for letter, electronics in channels.items()
        }
        clock_time = self.interface.time
        for channel in self.channels.values():
            channel.source.permit = self.permit
        self.status.show("measurement", INTERLOCK, MODELS[model].interlock)
        Turns(self.channels, self.timers, self.blenders, clock, lambda: clock_time.reach)
        self.interface.answered = self._prompt
        with uncollected():
            self._install()
        self.reset()

    def _make_objects(self) -> None:
        """Make what the instrument has beside its channels."""
        self.timers = [
            Timer(self.events, self.clock, partial(self._timer_overran, k))
            for k in range(1, TIMERS + 1)
        ]
        self.blenders = [Blender(self.events) for _ in range(BLENDERS)]
        self.display, self.beeper = Display(), Beeper()
        self.settings, self.event_log, self.queue = Settings(), EventLog(), DataQueue()
        self.ports = {"digio": Lines(14, self.events), "tsplink": Lines(3, self.events)}
        if not MODELS[self.model].ports:
            self.ports.clear()

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

    def note_protection(self, letter: str, tripped: bool) -> None:
        """Record whether the protection of a channel's pulser is tripped."""
        self.status.note_protection(letter, tripped)

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
        for port in self.ports.values():
            port.reset()
        self.format.reset()
        self.display.reset()

    def _refresh(self) -> None:
        """Bring the conditions that nobody reports up to date."""
        for letter, channel in self.channels.items():
            limited = channel.electronics.limited
            sourcing_v = channel.source.function == "v"
            self.status.note(letter, "current_limit", limited and sourcing_v)
            self.status.note(letter, "voltage_limit", limited and not sourcing_v)
            self.status.note(letter, "reading_overflow", channel.meter.overflowed)
            stored = any(buffer.rows for buffer in channel.dedicated)
            self.status.note(letter, "buffer_available", stored)

    def _install(self) -> None:
        engine, events = self.engine, self.events
        nodes = [
            *(channel_node(channel, events) for channel in self.channels.values()),
            trigger_node(events, self._trigger, self.timers, self.blenders, self._wait_for_event),
            self.status.node(self._refresh, pulser=MODELS[self.model].pulser is not None),
            self.format.node(),
            display_node(self.display, self.channels, events, self._wait_for_event),
            beeper_node(self.beeper),
            errors_node(self.errors),
            timer_node(self.clock.now),
            local_node(self),
            *general_nodes(self.settings, self.event_log, self.queue, self),
            lan_node(self.serial, events, self._wait_for_event),
            net_node(),
        ]
        if self.ports:
            digital, link = (
                lines_node(name, port, events, self._wait_for_event)
                for name, port in self.ports.items()
            )
            nodes += [digital, add_link(link)]
        engine.install(
            nodes,
            {
                "delay": lambda seconds: self.pass_time(number(0.0, 1e5)(seconds)),
                "reset": self.reset,
                "opc": self.account.complete,
                "printnumber": self.format.print_number,
                **general_calls(self.settings),
            },
            {
                "waitcomplete": (self.interface.time.complete, _no_matter_which),
                "printbuffer": (self._readings_there, self.format.print_buffer),
            },
        )
        engine.add_node_table([node.name for node in nodes])
        for name, source in FACTORY_SCRIPTS.items():
            engine.add_factory(name, source)

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
            channel.shortcut.changed()

    def _prompt(self) -> None:
        """Send what follows each message when prompts or errors are to be shown."""
        while self.show_errors and len(self.errors):
            self.interface.send("\t".join(map(str, self.errors.next())).encode("latin-1"))
        if self.prompts:
            prompt = b"TSP?" if len(self.errors) else b"TSP>"
            self.interface.send(b">>>>" if self.interface.scripts.loading else prompt)


def _no_matter_which(group: float = 0) -> None:
    """Check the group of ``waitcomplete``: without TSP-Link there is only one."""
    whole()(group)
