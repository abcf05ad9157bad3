"""Everything of a Series 2600B beside its channels: timers, display, errors, node, trigger objects.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 7, ``beeper``, ``display``,
``errorqueue``, ``localnode``, ``timer``, ``trigger``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from sim_backend.instruments.keithley26_stimuli import stimulus_accessors
from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, text, whole
from sim_backend.instruments.keithley2600_trigger import Blender, Events, Generated, Timer
from sim_backend.wire.tsp import Node, Refusal, sequence

if TYPE_CHECKING:
    from sim_backend.wire.status import ErrorQueue

__all__ = [
    "Beeper", "Local", "beeper_node", "errors_node", "local_node",
    "timer_node", "trigger_node",
]  # fmt: skip

TIMERS, BLENDERS, GENERATORS = 8, 6, 2
_LOCAL = {
    "ENABLE": 1, "DISABLE": 0, "PASSWORD_NONE": 0, "PASSWORD_WEB": 1, "PASSWORD_LAN": 2,
    "PASSWORD_ALL": 3,
}  # fmt: skip
_LICENSE = "The language is Lua 5.0, copyright 1994-2015 Lua.org, PUC-Rio (www.lua.org/license)."
#: trigger.timer[N].delay (section 7): 500 ns to 100 ks
_SHORTEST, _LONGEST = 0.5e-6, 1e5


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
    prompts_4882: int
    find_line_frequency: int
    password_mode: int
    line_frequency: float

    def reset(self) -> None:
        """Go back to the defaults."""

    def set_line_frequency(self, value: int) -> None:
        """Set the frequency of the mains, Hz."""


def _check_password(value: Any) -> None:
    text(255)(value)


def local_node(local: Local) -> Node:
    """Describe ``localnode``."""
    node = Node("localnode", objects=dict(_LOCAL), calls={"reset": local.reset})
    node.getters, node.setters = accessors(
        local,
        {
            "description": ("description", text(128)),
            "prompts": ("prompts", flag),
            "showerrors": ("show_errors", flag),
            "prompts4882": ("prompts_4882", flag),
            "autolinefreq": ("find_line_frequency", flag),
            "passwordmode": ("password_mode", choice(0, 1, 2, 3)),
        },
    )
    # a password guards the web interface, which there is not; it cannot be read back
    node.setters["password"] = _check_password
    node.getters |= {
        "license": lambda: _LICENSE,
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
    generators: dict[str | int, Any] = {
        k: _generator_node(f"trigger.generator[{k}]", Generated(events))
        for k in range(1, GENERATORS + 1)
    }
    return Node(
        "trigger",
        calls={
            "clear": interface.clear,
            "wait": lambda timeout: wait(interface, seconds(timeout)),
        },
        objects={
            "EVENT_ID": interface.event,
            "timer": Node("trigger.timer", objects=timer_nodes, luatype=""),
            "generator": Node("trigger.generator", objects=generators, luatype=""),
            "blender": Node("trigger.blender", objects=blender_nodes, luatype=""),
        },
    )


def _generator_node(name: str, generator: Generated) -> Node:
    return Node(name, calls={"assert": generator.emit}, objects={"EVENT_ID": generator.event})


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
