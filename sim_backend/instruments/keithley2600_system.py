"""Everything of a Series 2600B beside its channels: timers, display, errors, node, trigger objects.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 7, ``beeper``, ``display``,
``errorqueue``, ``localnode``, ``timer``, ``trigger``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, text, whole
from sim_backend.instruments.keithley2600_smu import stimulus_accessors
from sim_backend.instruments.keithley2600_trigger import Blender, Events, Generated, Timer
from sim_backend.wire.tsp import Node, Refusal, sequence

if TYPE_CHECKING:
    from sim_backend.wire.status import ErrorQueue

__all__ = [
    "Beeper", "Display", "Local", "beeper_node", "display_node", "errors_node", "local_node",
    "timer_node", "trigger_node",
]  # fmt: skip

TIMERS, BLENDERS = 8, 6
#: trigger.timer[N].delay (section 7): 500 ns to 100 ks
_SHORTEST, _LONGEST = 0.5e-6, 1e5


class Display:
    """The front panel: what it shows and what a script wrote on it."""

    SMUA, SMUB, SMUA_SMUB, USER = 0, 1, 2, 3
    LINES = (20, 32)  # characters

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Show the channels again."""
        self.screen = self.SMUA_SMUB
        self.lines = [" " * width for width in self.LINES]
        self.row = self.column = 1

    def clear(self) -> None:
        """Switch to the user screen and empty it (display.clear)."""
        self.reset()
        self.screen = self.USER

    def set_cursor(self, row: Any, column: Any, _style: Any = 0) -> None:
        """Place the next text (display.setcursor)."""
        at = whole(1, len(self.LINES))(row)
        self.column = whole(1, self.LINES[at - 1])(column)
        self.row = at

    def set_text(self, value: Any) -> None:
        """Write at the cursor; ``$N`` starts the second line (display.settext)."""
        given = text(256)(value)
        self.screen = self.USER
        for k, part in enumerate(given.split("$N")):
            if k:
                self.row, self.column = 2, 1
            self._write(part.replace("$$", "$"))

    def _write(self, part: str) -> None:
        width = self.LINES[self.row - 1]
        line = self.lines[self.row - 1]
        start = self.column - 1
        self.lines[self.row - 1] = (line[:start] + part + line[start + len(part) :])[:width]
        self.column = min(start + len(part) + 1, width)

    def text(self) -> str:
        """Return what the user screen shows (display.gettext)."""
        return "$N".join(self.lines)


class Beeper:
    """Whether and what it beeped last."""

    def __init__(self) -> None:
        self.enable = 1
        self.last: tuple[float, float] | None = None


def beeper_node(beeper: Beeper) -> Node:
    """Describe ``beeper``."""

    def beep(duration: Any, frequency: Any) -> None:
        sound = number(1e-3, 100.0)(duration), number(453.0, 2400.0)(frequency)
        if beeper.enable:
            beeper.last = sound

    getters, setters = accessors(beeper, {"enable": ("enable", flag)})
    return Node("beeper", getters, setters, {"beep": beep}, {"ON": 1, "OFF": 0})


def display_node(display: Display, letters: Iterable[str], events: Events) -> Node:
    """Describe ``display`` as far as it does not need somebody at the front panel."""
    getters, setters = accessors(display, {"screen": ("screen", choice(0, 1, 2, 3))})
    key = Generated(events)
    node = Node(
        "display",
        getters,
        setters,
        {
            "clear": display.clear,
            "setcursor": display.set_cursor,
            "settext": display.set_text,
            "gettext": lambda *_: display.text(),
            "getcursor": lambda: (display.row, display.column, 0),
        },
        {"SMUA": 0, "SMUB": 1, "SMUA_SMUB": 2, "USER": 3, "DIGITS_4_5": 4, "DIGITS_5_5": 5,
         "DIGITS_6_5": 6, "MEASURE_DCAMPS": 0, "MEASURE_DCVOLTS": 1, "MEASURE_OHMS": 2,
         "MEASURE_WATTS": 3, "trigger": Node("display.trigger", objects={"EVENT_ID": key.event})},
    )  # fmt: skip
    for letter in letters:
        node.objects[f"smu{letter}"] = _channel_display(f"display.smu{letter}")
    return node


class _Shown:
    """What the panel shows of a channel."""

    digits, function = 5, 1


def _channel_display(name: str) -> Node:
    shown = _Shown()
    digits = accessors(shown, {"digits": ("digits", choice(4, 5, 6))})
    function = accessors(shown, {"func": ("function", choice(0, 1, 2, 3))})
    return Node(name, *digits, objects={"measure": Node(f"{name}.measure", *function)})


def errors_node(queue: ErrorQueue) -> Node:
    """Describe ``errorqueue``."""
    return Node(
        "errorqueue",
        getters={"count": lambda: len(queue)},
        calls={"next": lambda: tuple(queue.next()), "clear": queue.clear},
    )


class Local(Protocol):
    """What ``localnode`` shows and sets."""

    model: str
    serial: str
    firmware: str
    description: str
    prompts: int
    show_errors: int
    line_frequency: float

    def reset(self) -> None:
        """Go back to the defaults."""

    def set_line_frequency(self, value: int) -> None:
        """Set the frequency of the mains, Hz."""


def local_node(local: Local) -> Node:
    """Describe ``localnode``."""
    node = Node("localnode", objects={"ENABLE": 1, "DISABLE": 0}, calls={"reset": local.reset})
    node.getters, node.setters = accessors(
        local,
        {
            "description": ("description", text(128)),
            "prompts": ("prompts", flag),
            "showerrors": ("show_errors", flag),
        },
    )
    node.getters |= {
        "model": lambda: local.model,
        "serialno": lambda: local.serial,
        "revision": lambda: local.firmware,
        "linefreq": lambda: local.line_frequency,
    }
    node.setters["linefreq"] = lambda value: local.set_line_frequency(choice(50, 60)(value))
    return node


def timer_node(now: Callable[[], float]) -> Node:
    """Describe ``timer``: a stop-watch of microseconds."""
    zero = [now()]

    def reset() -> None:
        zero[0] = now()

    def elapsed() -> float:
        return round((now() - zero[0]) * 1e6) / 1e6

    return Node(
        "timer",
        calls={"reset": reset},
        objects={"measure": Node("timer.measure", calls={"t": elapsed})},
    )


def trigger_node(
    events: Events,
    interface: Generated,
    timers: list[Timer],
    blenders: list[Blender],
    wait: Callable[[Generated, float], bool],
) -> Node:
    """Describe ``trigger``: the interface's event, timers and blenders."""
    seconds = number(0.0, 1e5)
    timer_nodes: dict[str | int, Any] = {
        k: _timer_node(f"trigger.timer[{k}]", timer, events, wait)
        for k, timer in enumerate(timers, 1)
    }
    blender_nodes: dict[str | int, Any] = {
        k: _blender_node(f"trigger.blender[{k}]", blender, events, wait)
        for k, blender in enumerate(blenders, 1)
    }
    return Node(
        "trigger",
        calls={
            "clear": interface.clear,
            "wait": lambda timeout: wait(interface, seconds(timeout)),
        },
        objects={
            "EVENT_ID": interface.event,
            "timer": Node("trigger.timer", objects=timer_nodes),
            "blender": Node("trigger.blender", objects=blender_nodes),
        },
    )


def _generated(node: Node, source: Generated, wait: Callable[[Generated, float], bool]) -> Node:
    """Add what every trigger object has."""
    seconds = number(0.0, 1e5)
    node.objects["EVENT_ID"] = source.event
    node.getters["overrun"] = lambda: source.overrun
    node.calls["clear"] = source.clear
    node.calls["wait"] = lambda timeout: wait(source, seconds(timeout))
    return node


def _timer_node(
    name: str,
    timer: Timer,
    events: Events,
    wait: Callable[[Generated, float], bool],
) -> Node:
    seconds = number(_SHORTEST, _LONGEST)

    def set_list(values: Any) -> None:
        delays = [seconds(value) for value in sequence(values)]
        if not delays:
            raise Refusal(-109)
        timer.set_delays(delays)

    node = Node(name)
    node.getters, node.setters = accessors(timer, {"count": ("count", whole(0, 1_048_575))})
    get, select = stimulus_accessors(timer.stimulus, events)
    node.getters |= {
        "delay": lambda: timer.delay,
        "passthrough": lambda: timer.passthrough,
        "stimulus": get,
    }
    node.arrays["delaylist"] = lambda: timer.delays
    node.setters |= {
        "delay": lambda value: timer.set_delays((seconds(value),)),
        "delaylist": set_list,
        "passthrough": lambda value: setattr(timer, "passthrough", bool(flag(value))),
        "stimulus": select,
    }
    node.calls["reset"] = timer.reset
    return _generated(node, timer, wait)


def _blender_node(
    name: str, blender: Blender, events: Events, wait: Callable[[Generated, float], bool]
) -> Node:
    node = Node(name)
    node.getters["orenable"] = lambda: blender.or_enable
    node.setters["orenable"] = lambda value: setattr(blender, "or_enable", bool(flag(value)))
    node.calls["reset"] = blender.reset
    inputs = Node(f"{name}.stimulus")
    for k, stimulus in enumerate(blender.stimuli, 1):
        get, select = stimulus_accessors(stimulus, events)
        inputs.getters[k] = get
        inputs.setters[k] = select
    node.objects["stimulus"] = inputs
    return _generated(node, blender, wait)
