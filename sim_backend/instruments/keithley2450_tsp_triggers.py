"""``trigger`` but for its model, and ``digio``, in the script language of the 2450 family.

A timer is only watched while a script waits for it: what it did before is not remembered [C].
``delaylist`` takes one delay; several are refused.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-44 to 8-49 and 8-235 to 8-313.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2450_scpi_objects import is_address
from sim_backend.instruments.keithley2450_settings import LINES, Line
from sim_backend.instruments.keithley2450_triggers import Blender, Bus, LanTrigger, Stimulus, Timer
from sim_backend.instruments.keithley2450_tsp_model import EVENTS
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    field,
    number,
    read_only,
    switch,
    text,
    tree,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal, sequence

__all__ = [
    "EDGES", "LOGICS", "PROTOCOLS", "TriggerTables", "WaitUntil", "Watch", "assert_now",
    "digio_node", "stimulus",
]  # fmt: skip

TYPE, MISSING, CONFLICT, ILLEGAL = -104, -109, -221, -224
_STIMULI = 4
_SECONDS = number(0.0, 1e5)
EDGES = words_of("trigger.EDGE_", {"FALLING": "FALL", "RISING": "RIS", "EITHER": "EITH"})
LOGICS = words_of("trigger.LOGIC_", {"POSITIVE": "POS", "NEGATIVE": "NEG"})
PROTOCOLS = words_of("lan.PROTOCOL_", {"TCP": "TCP", "UDP": "UDP", "MULTICAST": "MULT"})
_MODES = words_of("digio.MODE_", {
    "DIGITAL_IN": ("DIG", "IN"), "DIGITAL_OUT": ("DIG", "OUT"),
    "DIGITAL_OPEN_DRAIN": ("DIG", "OPEN"), "TRIGGER_IN": ("TRIG", "IN"),
    "TRIGGER_OUT": ("TRIG", "OUT"), "TRIGGER_OPEN_DRAIN": ("TRIG", "OPEN"),
    "SYNCHRONOUS_MASTER": ("SYNC", "MAST"), "SYNCHRONOUS_ACCEPTOR": ("SYNC", "ACC"),
})  # fmt: skip
_STATES = words_of("digio.STATE_", {"LOW": 0, "HIGH": 1}, numbers=True)
_BITS = whole(0, (1 << LINES) - 1)
_BY_HAND = "ASSERT"  # an event of nobody: it reaches one stimulus, at once

WaitUntil = Callable[[Callable[[], bool], float], bool]


class Watch:
    """Remembers whether an event happened.

    Parameters
    ----------
    bus
        Where events come from.
    event
        Its short name.
    """

    def __init__(self, bus: Bus, event: str) -> None:
        self._bus, self._event = bus, event
        self.seen = False
        bus.listen(event, self._happened)

    def _happened(self) -> None:
        self.seen = True

    def clear(self) -> None:
        """Forget it."""
        self.seen = False

    def close(self) -> None:
        """Look no more."""
        self._bus.ignore(self._event, self._happened)


def stimulus(of: Callable[[], Stimulus]) -> Attribute:
    """Return the attribute that selects what a trigger object reacts to."""
    return field(lambda: of().event, lambda event: of().select(event), EVENTS)


def assert_now(bus: Bus, of: Stimulus) -> None:
    """Let a trigger object react as if its stimulus had happened."""
    selected = of.event
    of.select(_BY_HAND)
    try:
        bus.emit(_BY_HAND)
    finally:
        of.select(selected)


def flag(owner: object, name: str) -> Attribute:
    """Return a switch that is shown as true or false."""
    return Attribute(
        lambda: bool(getattr(owner, name)), lambda value: setattr(owner, name, switch(value))
    )


class TriggerTables:
    """The trigger objects of one front.

    Parameters
    ----------
    unit
        The instrument.
    wait_until
        Lets time pass until something happened, at most so many seconds.
    """

    def __init__(self, unit: Unit, wait_until: WaitUntil) -> None:
        self.unit, self._wait_until = unit, wait_until
        self._command = Watch(unit.bus, "COMM")
        self._blended = {n: Watch(unit.bus, f"BLEN{n}") for n in unit.blenders}

    def close(self) -> None:
        """Watch no more events."""
        for watch in (self._command, *self._blended.values()):
            watch.close()

    def node(self) -> Node:
        """Describe ``trigger`` but for its model."""
        unit = self.unit
        tables: dict[str, dict[Any, Node]] = {
            "timer": {n: self._timer(n, timer) for n, timer in unit.timers.items()},
            "blender": {n: self._blender(n, blender) for n, blender in unit.blenders.items()},
            "digin": {n: self._line_in(n) for n in range(1, LINES + 1)},
            "digout": {n: self._line_out(n) for n in range(1, LINES + 1)},
            "lanin": {n: self._lan_in(n, trigger) for n, trigger in unit.lan.items()},
            "lanout": {n: self._lan_out(n, trigger) for n, trigger in unit.lan.items()},
        }
        objects: dict[Any, Any] = {
            name: Node(f"trigger.{name}", objects=nodes) for name, nodes in tables.items()
        }
        objects |= constants(EDGES, LOGICS, ["trigger.ON", "trigger.OFF"])
        return Node(
            "trigger",
            calls={
                "clear": self._command.clear,
                "wait": lambda timeout: self._watched(self._command, timeout),
            },
            objects=objects,
        )

    def _watched(self, watch: Watch, timeout: Any) -> bool:
        happened = self._wait_until(lambda: watch.seen, _SECONDS(timeout))
        watch.clear()
        return happened

    # -- timers and blenders -----------------------------------------------------------------

    def _timer(self, place: int, timer: Timer) -> Node:
        delay = number(8e-6, 100_000.0)

        def put(name: str) -> Callable[[Any], None]:
            return lambda value: setattr(timer, name, value)

        def set_list(values: Any) -> None:
            delays = [delay(value) for value in sequence(values)]
            if not delays:
                raise Refusal(MISSING)
            if len(delays) > 1:
                raise Refusal(CONFLICT)
            timer.delay = delays[0]

        node = tree(
            f"trigger.timer[{place}]",
            {
                "count": field(lambda: timer.count, put("count"), whole(0, 1_048_575)),
                "delay": field(lambda: timer.delay, put("delay"), delay),
                "enable": Attribute(
                    lambda: f"trigger.{'ON' if timer.enabled else 'OFF'}",
                    lambda value: timer.enable(switch(value)),
                ),
                "start.seconds": field(
                    lambda: timer.seconds, put("seconds"), whole(0, 2_147_483_647)
                ),
                "start.fractionalseconds": field(
                    lambda: timer.fraction, put("fraction"), number(0.0, 1.0 - 1e-9)
                ),
                "start.generate": Attribute(
                    lambda: f"trigger.{'ON' if timer.generate else 'OFF'}",
                    lambda value: setattr(timer, "generate", switch(value)),
                ),
                "start.overrun": read_only(lambda: timer.overrun),
                "start.stimulus": stimulus(lambda: timer.stimulus),
            },
            {
                "clear": timer.clear,
                "reset": timer.reset,
                "wait": lambda timeout: self._wait_for_timer(timer, timeout),
            },
        )
        node.arrays["delaylist"] = lambda: (timer.delay,)
        node.setters["delaylist"] = set_list
        return node

    def _wait_for_timer(self, timer: Timer, timeout: Any) -> bool:
        watch = Watch(self.unit.bus, timer.name)
        try:
            return self._watched(watch, timeout)
        finally:
            watch.close()

    def _blender(self, place: int, blender: Blender) -> Node:
        watch = self._blended[place]

        def clear() -> None:
            blender.overrun = False
            watch.clear()

        def reset() -> None:
            blender.clear()
            watch.clear()

        def selector(k: int) -> Attribute:
            return stimulus(lambda: blender.stimuli[k])

        def set_mode(value: Any) -> None:
            blender.mode = "OR" if switch(value) else "AND"

        return tree(
            f"trigger.blender[{place}]",
            {
                "orenable": Attribute(lambda: blender.mode == "OR", set_mode),
                "overrun": read_only(lambda: blender.overrun),
                **{f"stimulus[{k}]": selector(k) for k in range(1, _STIMULI + 1)},
            },
            {
                "clear": clear,
                "reset": reset,
                "wait": lambda timeout: self._watched(watch, timeout),
            },
        )

    # -- digital lines -----------------------------------------------------------------------

    def _line(self, place: int) -> Line:
        return self.unit.chassis.setup.lines[place]

    def _line_in(self, place: int) -> Node:
        port = self.unit.port

        def wait(timeout: Any) -> bool:
            happened = self._wait_until(lambda: port.detected[place], _SECONDS(timeout))
            port.detected[place] = False
            return happened

        return tree(
            f"trigger.digin[{place}]",
            {
                "edge": field(
                    lambda: self._line(place).edge,
                    lambda edge: setattr(self._line(place), "edge", edge),
                    EDGES,
                ),
                "overrun": read_only(lambda: port.overrun[place]),
            },
            {"clear": lambda: port.clear(place), "wait": wait},
        )

    def _line_out(self, place: int) -> Node:
        port = self.unit.port

        def put(name: str) -> Callable[[Any], None]:
            return lambda value: setattr(self._line(place), name, value)

        def release() -> None:
            line = self._line(place)
            if line.kind == "DIG":
                raise Refusal(CONFLICT)
            port.set_mode(place, line.kind, line.direction)

        def pulse() -> None:
            if self._line(place).kind == "DIG":
                raise Refusal(CONFLICT)
            assert_now(self.unit.bus, port.stimuli[place])

        return tree(
            f"trigger.digout[{place}]",
            {
                "logic": field(lambda: self._line(place).logic, put("logic"), LOGICS),
                "pulsewidth": field(
                    lambda: self._line(place).width, put("width"), number(0.0, 100_000.0)
                ),
                "stimulus": stimulus(lambda: port.stimuli[place]),
            },
            {"assert": pulse, "release": release},
        )

    # -- network -----------------------------------------------------------------------------

    def _lan_in(self, place: int, trigger: LanTrigger) -> Node:
        def wait(timeout: Any) -> bool:
            happened = self._wait_until(lambda: trigger.detected, _SECONDS(timeout))
            trigger.detected = False
            return happened

        return tree(
            f"trigger.lanin[{place}]",
            {
                "edge": field(
                    lambda: trigger.edge, lambda edge: setattr(trigger, "edge", edge), EDGES
                ),
                "overrun": read_only(lambda: trigger.overrun),
            },
            {"clear": trigger.clear, "wait": wait},
        )

    def _lan_out(self, place: int, trigger: LanTrigger) -> Node:
        def set_address(value: Any) -> None:
            address = text()(value)
            if not is_address(address):
                raise Refusal(ILLEGAL)
            trigger.set_address(address)

        def connect(on: bool) -> Callable[[], None]:
            return lambda: setattr(trigger, "connected", on)

        return tree(
            f"trigger.lanout[{place}]",
            {
                "connected": read_only(lambda: trigger.connected),
                "ipaddress": Attribute(lambda: trigger.address, set_address),
                "logic": field(
                    lambda: trigger.logic, lambda logic: setattr(trigger, "logic", logic), LOGICS
                ),
                "protocol": field(lambda: trigger.protocol, trigger.set_protocol, PROTOCOLS),
                "stimulus": stimulus(lambda: trigger.stimulus),
            },
            {
                "assert": lambda: assert_now(self.unit.bus, trigger.stimulus),
                "connect": connect(True),
                "disconnect": connect(False),
            },
        )


def digio_node(unit: Unit) -> Node:
    """Describe ``digio``."""
    port = unit.port

    def line(place: int) -> Node:
        def mode() -> tuple[str, str]:
            present = unit.chassis.setup.lines[place]
            return present.kind, present.direction

        def reset() -> None:
            unit.chassis.setup.lines[place] = Line()
            port.clear(place)

        def write(state: int) -> None:
            port.write(place, bool(state))

        def set_mode(chosen: tuple[str, str]) -> None:
            port.set_mode(place, *chosen)

        return tree(
            f"digio.line[{place}]",
            {
                "mode": field(mode, set_mode, _MODES),
                "state": field(lambda: int(port.state(place)), write, _STATES),
            },
            {"reset": reset},
        )

    lines: dict[Any, Any] = {n: line(n) for n in range(1, LINES + 1)}
    return Node(
        "digio",
        calls={"readport": port.read_all, "writeport": lambda data: port.write_all(_BITS(data))},
        objects={"line": Node("digio.line", objects=lines), **constants(_MODES, _STATES)},
    )
