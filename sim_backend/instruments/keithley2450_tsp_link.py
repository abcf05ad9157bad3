"""``tsplink`` and its triggers in the script language of the 2450 family: nobody is connected.

The three synchronization lines are pulled up. What a script puts on one it sees itself: a trigger
that goes out is a falling edge that the same line's input may detect [C].

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-302 to 8-322.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sim_backend.instruments.keithley2450_triggers import NONE, Bus, Stimulus
from sim_backend.instruments.keithley2450_tsp_triggers import (
    EDGES,
    LOGICS,
    WaitUntil,
    assert_now,
    stimulus,
)
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    field,
    number,
    optional,
    read_only,
    tree,
    whole,
    words_of,
)
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["Link"]

CONFLICT, NO_NODES = -221, 1205
_LINES = 3
_SECONDS = number(0.0, 1e5)
_MODES = words_of("tsplink.MODE_", {
    name: name
    for name in (
        "DIGITAL_OPEN_DRAIN", "TRIGGER_OPEN_DRAIN", "SYNCHRONOUS_MASTER", "SYNCHRONOUS_ACCEPTOR",
    )
})  # fmt: skip
_STATES = words_of("tsplink.STATE_", {"LOW": 0, "HIGH": 1}, numbers=True)
_DIGITAL = "DIGITAL_OPEN_DRAIN"


@dataclass(slots=True)
class LinkLine:
    """One synchronization line."""

    mode: str = _DIGITAL
    state: int = 1
    edge: str = "FALL"
    logic: str = "NEG"
    width: float = 10e-6  #: of an output pulse, s
    detected: bool = False
    overrun: bool = False


class Link:
    """The lines, and the place of the instrument on a link of its own.

    Parameters
    ----------
    bus
        Where trigger events come from and go.
    wait_until
        Lets time pass until something happened, at most so many seconds.
    """

    def __init__(self, bus: Bus, wait_until: WaitUntil) -> None:
        self._bus, self._wait_until = bus, wait_until
        self._stimuli = {n: Stimulus(bus, partial(self._pulse, n)) for n in range(1, _LINES + 1)}
        self.group, self.node_number = 0, 2
        self.lines = {n: LinkLine() for n in self._stimuli}

    def reset(self) -> None:
        """Go back to the defaults; the number of the node stays."""
        self.group = 0
        self.lines = {n: LinkLine() for n in self._stimuli}
        self.close()

    def close(self) -> None:
        """React to no event any more."""
        for one in self._stimuli.values():
            one.select(NONE)

    def _pulse(self, place: int) -> None:
        """Give a trigger; the line's own input sees the falling edge."""
        line = self.lines[place]
        if line.mode == _DIGITAL or line.edge == "RIS":
            return
        line.overrun |= line.detected
        line.detected = True
        self._bus.emit(f"TSPL{place}")

    # -- tables ------------------------------------------------------------------------------

    def node(self) -> Node:
        """Describe ``tsplink``."""

        def put(name: str) -> Callable[[Any], None]:
            return lambda value: setattr(self, name, value)

        lines: dict[Any, Any] = {n: self._line(n) for n in self.lines}
        return tree(
            "tsplink",
            {
                "group": field(lambda: self.group, put("group"), whole(0, 64)),
                "node": field(lambda: self.node_number, put("node_number"), whole(1, 64)),
                "master": read_only(lambda: 0),
                "state": read_only(lambda: "offline"),
            },
            {"initialize": _initialize, "readport": self._read, "writeport": self._write},
            {"line": Node("tsplink.line", objects=lines), **constants(_MODES, _STATES)},
        )

    def _read(self) -> int:
        return sum(line.state << (place - 1) for place, line in self.lines.items())

    def _write(self, data: Any) -> None:
        pattern = whole(0, (1 << _LINES) - 1)(data)
        for place in self.lines:
            self._set_state(place, pattern >> (place - 1) & 1)

    def _set_state(self, place: int, state: int) -> None:
        if self.lines[place].mode != _DIGITAL:
            raise Refusal(CONFLICT)
        self.lines[place].state = state

    def _line(self, place: int) -> Node:
        def reset() -> None:
            self.lines[place] = LinkLine()

        def write(state: int) -> None:
            self._set_state(place, state)

        return tree(
            f"tsplink.line[{place}]",
            {
                "mode": self._field(place, "mode", _MODES),
                "state": field(lambda: self.lines[place].state, write, _STATES),
            },
            {"reset": reset},
        )

    def _field(self, place: int, name: str, check: Any) -> Attribute:
        return field(
            lambda: getattr(self.lines[place], name),
            lambda value: setattr(self.lines[place], name, value),
            check,
        )

    def triggers(self) -> dict[Any, Any]:
        """Describe ``trigger.tsplinkin`` and ``trigger.tsplinkout``."""
        into: dict[Any, Any] = {n: self._into(n) for n in self.lines}
        out: dict[Any, Any] = {n: self._out(n) for n in self.lines}
        return {
            "tsplinkin": Node("trigger.tsplinkin", objects=into),
            "tsplinkout": Node("trigger.tsplinkout", objects=out),
        }

    def _into(self, place: int) -> Node:
        def clear() -> None:
            self.lines[place].detected = self.lines[place].overrun = False

        def wait(timeout: Any) -> bool:
            happened = self._wait_until(lambda: self.lines[place].detected, _SECONDS(timeout))
            self.lines[place].detected = False
            return happened

        return tree(
            f"trigger.tsplinkin[{place}]",
            {
                "edge": self._field(place, "edge", EDGES),
                "overrun": read_only(lambda: self.lines[place].overrun),
            },
            {"clear": clear, "wait": wait},
        )

    def _out(self, place: int) -> Node:
        def pulse() -> None:
            if self.lines[place].mode == _DIGITAL:
                raise Refusal(CONFLICT)
            assert_now(self._bus, self._stimuli[place])

        def release() -> None:
            self.lines[place].state = 1

        return tree(
            f"trigger.tsplinkout[{place}]",
            {
                "logic": self._field(place, "logic", LOGICS),
                "pulsewidth": self._field(place, "width", number(0.0, 100_000.0)),
                "stimulus": stimulus(lambda: self._stimuli[place]),
            },
            {"assert": pulse, "release": release},
        )


def _initialize(expected: Any = None) -> None:
    """Refuse to start a link on which there is nobody else."""
    optional(whole(0, 64), expected, 0)
    raise Refusal(NO_NODES, "TSP-Link initialization failed (no remote nodes found)")
