"""The settings of the fast pulser of a 2601B-PULSE; its 10 us pulses themselves are not simulated.

Source: Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01, pages 11-212 to 11-222,
``smua.pulser.*`` and page 4-33.
"""

from __future__ import annotations

from typing import Any

from sim_backend.instruments.keithley26_family import Pulser
from sim_backend.instruments.keithley2600_checks import accessors, choice, number
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["add_pulser"]

_SHORTEST_PULSE, _LONGEST_PULSE = 10e-6, 100.0  # s; the longest to be checked
_LONGEST = 1.0  # s: measure delay, to be checked


class _Settings:
    """What is set of the pulser."""

    def __init__(self, pulser: Pulser) -> None:
        self.enable = 0
        self.i_range, self.v_range = pulser.i_ranges[0], pulser.v_ranges[0]
        self.aperture, self.delay = 10e-6, 0.0
        self.source_v = self.sense_v = pulser.v_ranges[-1]
        self.interlock, self.width = 1, _SHORTEST_PULSE


def add_pulser(node: Node, pulser: Pulser) -> None:
    """Add to ``smua`` what a channel with a pulser has besides."""
    settings = _Settings(pulser)
    node.objects["pulser"] = _pulser_node(settings, pulser)
    node.objects["interlock"] = Node(
        "smua.interlock", *accessors(settings, {"enable": ("interlock", choice(0, 1))})
    )
    getters, setters = accessors(
        settings, {"pulsewidth": ("width", number(_SHORTEST_PULSE, _LONGEST_PULSE))}
    )
    action: Node = node.objects["trigger"].objects["source"]
    action.getters |= getters
    action.setters |= setters


def _locked(*_arguments: Any) -> None:
    raise Refusal(5011)


def _pulser_node(settings: _Settings, pulser: Pulser) -> Node:

    def smallest(ranges: tuple[float, ...]) -> Any:
        anything = number()

        def check(value: Any) -> float:
            given = abs(anything(value))
            for full_scale in ranges:
                if given <= full_scale:
                    return full_scale
            raise Refusal(1101)

        return check

    def enable(value: Any) -> None:
        if choice(0, 1)(value):
            raise Refusal(1100)  # see the first line of this module

    node = Node("smua.pulser")
    node.getters, node.setters = accessors(
        settings,
        {
            "rangei": ("i_range", smallest(pulser.i_ranges)),
            "rangev": ("v_range", smallest(pulser.v_ranges)),
        },
    )
    node.getters["enable"] = lambda: settings.enable
    node.setters["enable"] = enable
    most = pulser.v_ranges[-1]
    node.objects = {
        "measure": Node(
            "smua.pulser.measure",
            *accessors(
                settings,
                {
                    "aperture": ("aperture", number(*pulser.aperture)),
                    "delay": ("delay", number(0.0, _LONGEST)),
                },
            ),
            dict.fromkeys(("calibratei", "calibratev"), _locked),
        ),
        "source": Node(
            "smua.pulser.source", calls=dict.fromkeys(("calibratei", "calibratebiasi"), _locked)
        ),
        "protect": Node(
            "smua.pulser.protect",
            *accessors(
                settings,
                {
                    "sourcev": ("source_v", number(0.0, most)),
                    "sensev": ("sense_v", number(0.0, most)),
                },
            ),
        ),
    }
    node.objects["protect"].getters["tripped"] = lambda: 0
    return node
