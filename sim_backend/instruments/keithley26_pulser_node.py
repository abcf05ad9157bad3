"""The table ``smua.pulser`` of a 2601B-PULSE, and what else its channel has for it.

Source: Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01 Rev. A, April 2020, pages 11-212 to
11-222.
"""

from __future__ import annotations

from typing import Any

from sim_backend.instruments.keithley26_pulser import CurrentPulser
from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["add_pulser"]

_CONFLICT = -221
_LONGEST_PULSE = 100.0  # s: what can be asked for, to be checked


def add_pulser(node: Node, pulser: CurrentPulser) -> None:
    """Add to ``smua`` what a channel with a pulser has besides."""
    node.objects["pulser"] = _pulser_node(pulser)
    node.objects["interlock"] = Node(
        "smua.interlock", *accessors(pulser, {"enable": ("interlock", choice(0, 1))})
    )
    bounded = number(pulser.can.width[0], _LONGEST_PULSE)

    def width(value: Any) -> float:
        given = number(0.0)(value)
        return bounded(given) if given else 0.0

    getters, setters = accessors(pulser, {"pulsewidth": ("width", width)})
    action: Node = node.objects["trigger"].objects["source"]
    action.getters |= getters
    action.setters |= setters
    _restrict(node.objects["source"], pulser)


def _restrict(source: Node, pulser: CurrentPulser) -> None:
    """While the pulser is enabled, ``smua.source`` has a bias and no voltage."""
    level, set_level = source.getters["leveli"], source.setters["leveli"]
    source.getters["leveli"] = lambda: pulser.bias if pulser.enable else level()
    source.setters["leveli"] = lambda value: (
        pulser.set_bias(number()(value)) if pulser.enable else set_level(value)
    )
    set_function = source.setters["func"]

    def function(value: Any) -> None:
        if pulser.enable and number()(value):
            raise Refusal(_CONFLICT)
        set_function(value)

    source.setters["func"] = function


def _locked(*_arguments: Any) -> None:
    raise Refusal(5011)


def _pulser_node(pulser: CurrentPulser) -> Node:
    anything = number()
    node = Node("smua.pulser")
    node.getters = {
        "enable": lambda: pulser.enable,
        "rangei": lambda: pulser.range["i"],
        "rangev": lambda: pulser.range["v"],
    }
    node.setters = {
        "enable": lambda value: pulser.set_enable(flag(value)),
        "rangei": lambda value: pulser.set_range("i", anything(value)),
        "rangev": lambda value: pulser.set_range("v", anything(value)),
    }
    measure = {
        "aperture": ("aperture", number(*pulser.can.aperture)),
        "delay": ("delay", number(0.0, pulser.can.delay)),
    }
    locked = dict.fromkeys(("calibratei", "calibratev"), _locked)
    node.objects = {
        "measure": Node("smua.pulser.measure", *accessors(pulser, measure), locked),
        "source": Node(
            "smua.pulser.source", calls=dict.fromkeys(("calibratei", "calibratebiasi"), _locked)
        ),
        "protect": _protect_node(pulser),
    }
    return node


def _protect_node(pulser: CurrentPulser) -> Node:
    def sense(value: Any) -> float:
        return number(*pulser.sense_bounds)(value)

    levels = {
        "sourcev": ("force_v", number(*pulser.can.force)),
        "sensev": ("sense_v", sense),
    }
    node = Node("smua.pulser.protect", *accessors(pulser, levels))
    node.getters["tripped"] = lambda: pulser.tripped
    return node
