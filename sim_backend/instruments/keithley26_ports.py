"""Digital I/O, TSP-Link lines and contact check of a Series 2600B: state without a world outside.

A line that nobody drives is high (it has a pull-up), and a trigger line sees what a script asserts
on it, and the rising edges of a cable that leads to it (`sim_backend.companions`). There is no
second instrument on the TSP-Link.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``digio.*``, ``tsplink.*``,
``smuX.contact.*``; the models that end in 4 do not have them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sim_backend.instruments.keithley26_stimuli import stimulus_accessors
from sim_backend.instruments.keithley2600_checks import accessors, choice, number, whole
from sim_backend.instruments.keithley2600_trigger import Events, Generated, Stimulus
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["ContactCheck", "Lines", "contact_node", "lines_node"]

_MODES = {
    "TRIG_BYPASS": 0, "TRIG_FALLING": 1, "TRIG_RISING": 2, "TRIG_EITHER": 3,
    "TRIG_SYNCHRONOUSA": 4, "TRIG_SYNCHRONOUS": 5, "TRIG_SYNCHRONOUSM": 6, "TRIG_RISINGA": 7,
    "TRIG_RISINGM": 8,
}  # fmt: skip
_SEES_RISING = frozenset({2, 3, 7})  # rising, either, and rising whatever the line's state
_FAST, _MEDIUM, _SLOW = 0, 1, 2
#: time of a contact check by its speed, s (2600B data sheet, page 11, at 50 Hz)
_CONTACT_TIMES = {_FAST: 1.2e-3, _MEDIUM: 5e-3, _SLOW: 42e-3}
_MOST_OHMS = 1e3  # a threshold may be as large


class _Line(Generated):
    """One trigger line: its level, and what a trigger on it does."""

    def __init__(self, events: Events) -> None:
        super().__init__(events)
        self.stimulus = Stimulus(events, self.assert_trigger)
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults."""
        self.clear()
        self.mode, self.pulse_width, self.level = 0, 10e-6, 1
        self.stimulus.select(0)

    def assert_trigger(self) -> None:
        """Put a trigger on the line; an edge that its own mode detects is an event."""
        if self.mode:
            self.emit()
        if self.pulse_width == 0:  # held until it is released
            self.level = 0

    def rise(self) -> None:
        """Feel a rising edge of what a cable leads to the line."""
        if self.mode in _SEES_RISING:
            self.emit()

    def release(self) -> None:
        """Let go of a line that is held."""
        self.level = 1


class Lines:
    """Lines of a port: digital I/O has 14, the TSP-Link three.

    Parameters
    ----------
    count
        Number of lines.
    events
        Of the instrument.
    """

    def __init__(self, count: int, events: Events) -> None:
        self.lines = [_Line(events) for _ in range(count)]
        self.protected = 0  #: mask of lines that may not be written

    def reset(self) -> None:
        """Go back to the defaults."""
        self.protected = 0
        for line in self.lines:
            line.reset()

    def line(self, number_: Any) -> _Line:
        """Return a line by its number.

        Raises
        ------
        Refusal
            There is no such line.
        """
        return self.lines[whole(1, len(self.lines))(number_) - 1]

    def read(self) -> int:
        """Return the levels of all lines as a number."""
        return sum(line.level << k for k, line in enumerate(self.lines))

    def write(self, value: Any) -> None:
        """Set the levels of all lines that are not protected."""
        levels = whole(0, 2 ** len(self.lines) - 1)(value)
        for k, line in enumerate(self.lines):
            if not self.protected >> k & 1:
                line.level = levels >> k & 1

    def write_bit(self, number_: Any, value: Any) -> None:
        """Set one line, unless it is protected."""
        line, level = self.line(number_), choice(0, 1)(value)
        if not self.protected >> self.lines.index(line) & 1:
            line.level = level


def lines_node(
    name: str, port: Lines, events: Events, wait: Callable[[Generated, float], bool]
) -> Node:
    """Describe ``digio`` or ``tsplink``."""
    everything = 2 ** len(port.lines) - 1
    node = Node(name)
    node.getters, node.setters = accessors(
        port, {"writeprotect": ("protected", whole(0, everything))}
    )
    node.calls = {
        "readbit": lambda number_: port.line(number_).level,
        "readport": port.read,
        "writebit": port.write_bit,
        "writeport": port.write,
    }
    triggers: dict[str | int, Any] = {
        k: _line_node(f"{name}.trigger[{k}]", line, events, wait)
        for k, line in enumerate(port.lines, 1)
    }
    node.objects = {**_MODES, "trigger": Node(f"{name}.trigger", objects=triggers, luatype="")}
    return node


def _line_node(
    name: str, line: _Line, events: Events, wait: Callable[[Generated, float], bool]
) -> Node:
    node, seconds = Node(name), number(0.0, 1e5)
    node.getters, node.setters = accessors(
        line,
        {"mode": ("mode", choice(*_MODES.values())), "pulsewidth": ("pulse_width", seconds)},
    )
    get, select = stimulus_accessors(line.stimulus, events)
    node.getters |= {"stimulus": get, "overrun": lambda: line.overrun}
    node.setters["stimulus"] = select
    node.calls = {
        "assert": line.assert_trigger,
        "clear": line.clear,
        "release": line.release,
        "reset": line.reset,
        "wait": lambda timeout: wait(line, seconds(timeout)),
    }
    node.objects["EVENT_ID"] = line.event
    return node


class ContactCheck:
    """Contact resistances between force and sense of a channel.

    Parameters
    ----------
    resistance
        Returns that of the high and of the low side, Ohm.
    permit
        Raises a `Refusal` where the state of the output does not allow a check.
    pass_time
        Lets time pass, s.
    """

    def __init__(
        self,
        resistance: Callable[[], tuple[float, float]],
        permit: Callable[[], None],
        pass_time: Callable[[float], None],
    ) -> None:
        self._resistance, self._permit, self._pass_time = resistance, permit, pass_time
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults."""
        self.speed, self.threshold = _FAST, 50.0

    def measure(self) -> tuple[float, float]:
        """Measure the resistances (smuX.contact.r).

        Raises
        ------
        Refusal
            The relay is open, or less than 1 mA may flow.
        """
        self._permit()
        self._pass_time(_CONTACT_TIMES[self.speed])
        return self._resistance()

    def check(self) -> bool:
        """Return whether both are below the threshold (smuX.contact.check)."""
        high, low = self.measure()
        return max(high, low) <= self.threshold


def contact_node(name: str, contact: ContactCheck) -> Node:
    """Describe ``smuX.contact``."""
    getters, setters = accessors(
        contact,
        {
            "speed": ("speed", choice(_FAST, _MEDIUM, _SLOW)),
            "threshold": ("threshold", number(0.0, _MOST_OHMS)),
        },
    )
    locked = partial(_refuse, 5011)
    return Node(
        f"{name}.contact",
        getters,
        setters,
        {
            "check": contact.check,
            "r": contact.measure,
            "calibratehi": locked,
            "calibratelo": locked,
        },
        {"CONTACT_FAST": _FAST, "CONTACT_MEDIUM": _MEDIUM, "CONTACT_SLOW": _SLOW},
    )


def _refuse(code: int, *_arguments: Any) -> None:
    raise Refusal(code)
