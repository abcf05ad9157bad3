"""A 2450-family SourceMeter as an object: everything it is and does, without a command language.

A language front (SCPI in `sim_backend.instruments.keithley2450_scpi`; a Lua tree would be another)
holds one `Unit` and works like this:

- Settings are attributes of ``unit.chassis.setup`` (`keithley2450_settings`); what has to be
  checked or acts on the terminals is a method of ``unit.source`` (levels, ranges, limits, output)
  or ``unit.meter`` (ranges, relative offset). A refusal is a `ScpiError` with the number of the
  event log; the front catches it and calls ``unit.log.add``.
- ``unit.read(buffer)`` and ``unit.meter.acquire()`` are generators of durations in s: a front that
  blocks runs them with `ScriptClock.wait_for`.
- Readings are in ``unit.buffers``; `Reading` has all elements.
- ``unit.lists`` are the configuration lists, ``unit.sweeps`` and ``unit.templates`` fill
  ``unit.model``, the trigger model, which runs by itself after ``unit.model.initiate()``. A front
  that waits for it uses ``unit.busy`` and ``unit.model.progress``.
- ``unit.bus`` carries trigger events (``unit.bus.emit("COMM")`` is ``*TRG``), ``unit.timers``,
  ``unit.blenders``, ``unit.lan`` and ``unit.port`` make and hear them.
- ``unit.log`` is the event log, ``unit.time`` the calendar, ``unit.panel`` the display and beeper.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics
from sim_backend.instruments.keithley2450_actions import BlockActions
from sim_backend.instruments.keithley2450_buffer import START_GROUP, Buffers, Reading
from sim_backend.instruments.keithley2450_chassis import Chassis
from sim_backend.instruments.keithley2450_engine import TriggerModel
from sim_backend.instruments.keithley2450_events import EventLog, InstrumentTime
from sim_backend.instruments.keithley2450_lines import DigitalPort
from sim_backend.instruments.keithley2450_lists import Lists
from sim_backend.instruments.keithley2450_meter import Meter
from sim_backend.instruments.keithley2450_processing import Processing
from sim_backend.instruments.keithley2450_settings import BASE, DIGITIZED, Setup, defaults
from sim_backend.instruments.keithley2450_source import Source
from sim_backend.instruments.keithley2450_specification import Model
from sim_backend.instruments.keithley2450_sweeps import Sweeps
from sim_backend.instruments.keithley2450_templates import Templates
from sim_backend.instruments.keithley2450_triggers import Blender, Bus, LanTrigger, Timer
from sim_backend.instruments.keithley2600_source import other
from sim_backend.wire.parameters import ScpiError

__all__ = ["Panel", "Unit"]

TIMERS, BLENDERS, LAN = 4, 2, 8
CONFLICT, NOTHING_SAVED = -221, -224
_BEEP = (2400.0, 0.1)  # Hz, s: of a limit test [C]


@dataclass(slots=True)
class Panel:
    """Display, key and beeper; a reset leaves them alone."""

    screen: str = "HOME"
    text: dict[int, str] = field(default_factory=lambda: {1: "", 2: ""})
    light: str = "ON50"
    form: str = "PREF"
    beeps: list[tuple[float, float]] = field(default_factory=list)  #: Hz, s


class Unit:
    """Everything of one instrument.

    Parameters
    ----------
    model
        The model.
    electronics
        Behind the front and the rear terminals: ``FRON``, ``REAR``.
    clock
        The laboratory's time.
    line_frequency
        Of the mains, Hz.
    settled
        Called when a run of the trigger model is over.
    """

    def __init__(
        self,
        model: Model,
        electronics: Mapping[str, Electronics],
        clock: Clock,
        line_frequency: float,
        settled: Callable[[], None],
    ) -> None:
        self.clock, self.time = clock, InstrumentTime(clock)
        self.log = EventLog(self.time)
        self.chassis = Chassis.of(model, clock, self.log, line_frequency)
        self.bus, self.panel = Bus(), Panel()
        self.source = Source(self.chassis, electronics, lambda: self.bus.emit("SLIM"))
        self.processing = Processing(lambda: self.panel.beeps.append(_BEEP))
        self.meter = Meter(self.chassis, self.source, self.processing)
        self.buffers = Buffers(
            model.buffer_size, model.buffer_total,
            lambda code, logged: self.log.happened(code, logged=logged),
        )  # fmt: skip
        self.lists = Lists(self.chassis, self.source)
        self.port = DigitalPort(self.chassis, clock, self.bus)
        self.timers = {n: Timer(n, clock, self.bus, self.seconds) for n in range(1, TIMERS + 1)}
        self.blenders = {n: Blender(n, self.bus) for n in range(1, BLENDERS + 1)}
        self.lan = {n: LanTrigger(n, clock, self.bus) for n in range(1, LAN + 1)}
        self.model = TriggerModel(clock, self.bus, self.log, model.timing.block, settled)
        self.model.actions = BlockActions(
            self.chassis, self.source, self.meter, self.buffers, self.lists, self.port
        )
        self.templates = Templates(
            self.chassis, self.model, self.buffers, self.lists, self.timers, self.port
        )
        self.sweeps = Sweeps(
            self.chassis, self.source, self.meter, self.buffers, self.lists, self.model
        )
        self._saved: dict[int, Setup] = {}

    def seconds(self) -> float:
        """Return the instrument's date, s since 1970."""
        return self.time.now().timestamp()

    @property
    def busy(self) -> bool:
        """Whether something overlapped is going on."""
        return self.model.running

    # -- measuring ---------------------------------------------------------------------------

    def select(self, function: str) -> None:
        """Make a measure or digitize function the active one.

        Raises
        ------
        ScpiError
            This model does not have it.
        """
        setup = self.chassis.setup
        if function not in setup.sensed:
            raise ScpiError(NOTHING_SAVED)
        if function != setup.sense:
            if "r" in (function, setup.sense):
                self.source.off()  # the unit takes over, or gives back, the source [C]
            setup.sense = function
            self.meter.forget()
            self.source.program()

    def read(self, buffer: str) -> Generator[float, None, Reading]:
        """Take as many readings as the count says into a buffer; returns the last one.

        Raises
        ------
        ScpiError
            The buffer takes no readings, or the trigger model runs.
        """
        self.model.check_idle()
        found, setup = self.buffers.for_readings(buffer), self.chassis.setup
        count = setup.digitize_count if setup.sense in DIGITIZED else setup.count
        reading = yield from self.meter.take()
        reading = reading._replace(status=reading.status | START_GROUP)
        stored = found.append(reading)
        for _ in range(count - 1):
            if not stored or found.full:
                break
            reading = yield from self.meter.take()
            stored = found.append(reading)
        return reading

    def set_four_wire(self, function: str, on: bool) -> None:
        """Select local or remote sensing; the output goes off when that changes."""
        settings = self.chassis.setup.sensed[function]
        if settings.four_wire != on:
            settings.four_wire = on
            self.source.off()

    # -- setups ------------------------------------------------------------------------------

    def reset(self) -> None:
        """Go back to the defaults; buffers, lists and the trigger model are cleared."""
        self.model.abort()
        self.model.load([])
        self.source.off()
        for timer in self.timers.values():
            timer.reset()
        for blender in self.blenders.values():
            blender.clear()
        for trigger in self.lan.values():
            trigger.reset()
        self.port.reset()
        self.buffers.reset()
        self.lists.reset()
        self.processing.reset()
        self._replace(defaults(self.chassis.model))

    def _replace(self, setup: Setup) -> None:
        self.source.off()
        self.chassis.setup = setup
        self.source.route(setup.terminals)
        self.source.off()
        self.meter.forget()

    def save(self, place: int) -> None:
        """Save the setup, 0 to 4."""
        self._saved[place] = copy.deepcopy(self.chassis.setup)

    def recall(self, place: int) -> None:
        """Bring back a saved setup.

        Raises
        ------
        ScpiError
            Nothing was saved there.
        """
        if place not in self._saved:
            raise ScpiError(NOTHING_SAVED)
        self.model.abort()
        self._replace(copy.deepcopy(self._saved[place]))

    def power_cycle(self) -> None:
        """Switch off and on again: saved setups stay, everything else is as after a reset."""
        self.reset()
        self.log.clear()
        self.panel = Panel()

    # -- hands and wires ---------------------------------------------------------------------

    def press_trigger(self) -> None:
        """Let somebody press the TRIGGER key."""
        self.bus.emit("DISP")

    def set_interlock(self, closed: bool) -> None:
        """Close or open the safety interlock."""
        self.chassis.interlock = closed
        self.source.look()

    def overheat(self, too_hot: bool) -> None:
        """Let the unit be too hot: its output switches off."""
        self.chassis.too_hot = too_hot
        self.source.look()

    def state(self, terminals: str = "front") -> dict[str, Any]:
        """Return what the front panel shows of one pair of terminals, ``front`` or ``rear``."""
        setup, source = self.chassis.setup, self.source
        asked = source.asked()
        selected = {"FRON": "front", "REAR": "rear"}[setup.terminals]
        on = source.on and terminals == selected
        measured = setup.sense if setup.sense == "r" else BASE[setup.sense]
        return {
            "output": on,
            "function": asked.quantity,
            "level": asked.level,
            "range": asked.range,
            "compliance": setup.sourced(asked.quantity).limit,
            "in_compliance": on and source.limited,
            "measure_function": measured,
            "measure_range": self.meter.range_in_use(other(asked.quantity)),
            "nplc": setup.active.nplc,
            "running": self.busy,
        }
