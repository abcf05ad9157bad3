"""The table ``smuX`` of a Series 2600B channel: every attribute, function and constant below it.

Each row is an attribute with the values it accepts; what an attribute does is in
`keithley2600_source`, `keithley2600_measure` and `keithley2600_sweep`.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 7, ``smuX.*``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley26_ports import contact_node
from sim_backend.instruments.keithley26_pulser_node import add_pulser
from sim_backend.instruments.keithley26_statistics import statistics_node
from sim_backend.instruments.keithley26_stimuli import stimulus_accessors
from sim_backend.instruments.keithley2600_buffer import buffer_node
from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, whole
from sim_backend.instruments.keithley2600_measure import FUNCTIONS, Meter
from sim_backend.instruments.keithley2600_source import Source
from sim_backend.instruments.keithley2600_sweep import Sweep, linear, logarithmic
from sim_backend.instruments.keithley2600_trigger import Detector, Events
from sim_backend.wire.tsp import Node, Refusal, sequence

__all__ = ["channel_node"]

_CONSTANTS = {
    "OUTPUT_DCAMPS": 0, "OUTPUT_DCVOLTS": 1, "OUTPUT_OFF": 0, "OUTPUT_ON": 1,
    "OUTPUT_NORMAL": 0, "OUTPUT_ZERO": 1, "OUTPUT_HIGH_Z": 2,
    "AUTORANGE_OFF": 0, "AUTORANGE_ON": 1, "AUTORANGE_FOLLOW_LIMIT": 2,
    "AUTOZERO_OFF": 0, "AUTOZERO_ONCE": 1, "AUTOZERO_AUTO": 2,
    "SENSE_LOCAL": 0, "SENSE_REMOTE": 1, "DISABLE": 0, "ENABLE": 1, "ASYNC": 2,
    "SOURCE_IDLE": 0, "SOURCE_HOLD": 1, "DELAY_OFF": 0, "DELAY_AUTO": -1,
    "FILTER_OFF": 0, "FILTER_ON": 1, "FILTER_MOVING_AVG": 0, "FILTER_REPEAT_AVG": 1,
    "FILTER_MEDIAN": 2, "REL_OFF": 0, "REL_ON": 1, "SETTLE_SMOOTH": 0, "SETTLE_FAST_RANGE": 1,
    "SETTLE_FAST_POLARITY": 2, "SETTLE_DIRECT_IRANGE": 3, "SETTLE_SMOOTH_100NA": 4,
    "SETTLE_FAST_ALL": 128, "NULL": 0, "OE_NONE": 0, "OE_OUTPUT_OFF": 1,
    "SENSE_CALA": 3, "CALSET_NOMINAL": 0, "CALSET_FACTORY": 1, "CALSET_DEFAULT": 2,
    "CALSET_PREVIOUS": 3, "CALSTATE_LOCKED": 0, "CALSTATE_CALIBRATING": 1, "CALSTATE_UNLOCKED": 2,
    "CAL_AUTO": 0, "CAL_POSITIVE": 1, "CAL_NEGATIVE": 2, "CONTACT_FAST": 0, "CONTACT_MEDIUM": 1,
    "CONTACT_SLOW": 2, "FILL_ONCE": 0, "FILL_WINDOW": 1,
}  # fmt: skip
#: smuX.trigger.source.limitY: follow smuX.source.limitY, or (current only) do not limit
_LIMIT_AUTO, _LIMIT_OFF = 0, "off"
_FINITE = 1e6  # V or A: levels of a sweep are calculated with
_QUANTITIES: tuple[Quantity, ...] = ("v", "i")


def channel_node(channel: Channel, events: Events) -> Node:
    """Describe ``smuX``."""
    name = channel.name
    node = Node(
        name,
        getters={"sense": lambda: channel.meter.sense},
        setters={"sense": lambda value: channel.set_sense(choice(0, 1)(value))},
        calls={
            "reset": channel.reset,
            "abort": channel.abort,
            # the nonvolatile memory keeps it; nothing is switched off here
            "savebuffer": lambda buffer: channel.own(buffer) and None,
            **{
                f"measure{letters}andstep": _bound(channel.measure_and_step, letters)
                for letters in (*FUNCTIONS, "iv")
            },
        },
        makers={"makebuffer": channel.make_buffer},
        objects={
            **_CONSTANTS,
            "LIMIT_AUTO": _LIMIT_AUTO,
            "LIMIT_OFF": _LIMIT_OFF,
            "source": _source_node(channel, name),
            "measure": _measure_node(channel),
            "trigger": _trigger_node(channel, events),
            "cal": _calibration_node(channel),
            "nvbuffer1": buffer_node(f"{name}.nvbuffer1", channel.dedicated[0]),
            "nvbuffer2": buffer_node(f"{name}.nvbuffer2", channel.dedicated[1]),
        },
    )
    if channel.model.ports:
        node.objects["contact"] = contact_node(name, channel.contact)
    if channel.pulser is not None:
        add_pulser(node, channel.pulser)
    node.objects["buffer"] = Node(
        f"{name}.buffer",
        calls={"recalculatestats": lambda buffer: channel.own(buffer).statistics() and None},
        makers={"getstats": lambda buffer: statistics_node(channel.own(buffer))},
    )
    _tell_changes(node, channel)
    return node


def _tell_changes(node: Node, channel: Channel) -> None:
    """Let every setting below a table, but the level, have the channel look at itself anew."""

    def telling(setter: Callable[[Any], None]) -> Callable[[Any], None]:
        def tell(value: Any) -> None:
            channel.shortcut.changed()
            setter(value)

        return tell

    for key, setter in node.setters.items():
        if not key.startswith("level") or node.name.endswith(".rel"):
            node.setters[key] = telling(setter)
    for part in node.objects.values():
        if isinstance(part, Node) and "buffer" not in part.name:
            _tell_changes(part, channel)


def _bound(call: Callable[..., Any], first: Any) -> Callable[..., Any]:
    return partial(call, first)


def _source_node(channel: Channel, name: str) -> Node:
    source, electronics = channel.source, channel.electronics
    seconds = number(0.0, 1e5)
    node = Node(f"{name}.source")
    node.getters, node.setters = accessors(
        source,
        {
            # what a settling mode changes, glitches at a change of range, is not modelled
            "settling": ("settling", choice(0, 1, 2, 3, 4, 128)),
            "sink": ("sink", flag),
            "offmode": ("off_mode", choice(0, 1, 2)),
            "delay": ("delay", lambda value: -1.0 if value == -1 else seconds(value)),
        },
    )
    node.calls |= dict.fromkeys(("calibratev", "calibratei"), _locked)
    node.getters["outputenableaction"] = lambda: source.enable_action
    node.setters["outputenableaction"] = lambda value: setattr(
        source, "enable_action", choice(0, 1)(value)
    )
    for q in _QUANTITIES:
        _add_source_quantity(node, source, q)
        node.setters[f"level{q}"] = _bound(channel.set_level, q)
    node.getters |= {
        "func": lambda: int(source.function == "v"),
        "output": lambda: source.output,
        "compliance": lambda: electronics.limited,
        "highc": lambda: source.high_c,
        "limitp": lambda: source.limit["p"],
        "offfunc": lambda: int(source.off_function == "v"),
    }
    node.setters |= {
        "func": lambda value: source.set_function(choice(0, 1)(value)),
        "output": lambda value: source.set_output(choice(0, 1, 2)(value)),
        "highc": lambda value: channel.set_high_capacitance(flag(value)),
        "limitp": lambda value: source.set_power_limit(number()(value)),
        "offfunc": lambda value: setattr(
            source, "off_function", "v" if choice(0, 1)(value) else "i"
        ),
    }
    return node


def _add_source_quantity(node: Node, source: Source, q: Quantity) -> None:
    anything = number()
    least = source.ranges(q)[0].full_scale
    off_most = source.largest(q)
    node.getters |= {
        f"level{q}": lambda: source.level[q],
        f"range{q}": lambda: source.range[q],
        f"autorange{q}": lambda: source.autorange[q],
        f"limit{q}": lambda: source.limit[q],
        f"lowrange{q}": lambda: source.low_range[q],
        f"offlimit{q}": lambda: source.off_limit[q],
    }
    node.setters |= {
        f"range{q}": lambda value: source.set_range(q, anything(value)),
        f"autorange{q}": lambda value: source.set_autorange(q, flag(value)),
        f"limit{q}": lambda value: source.set_limit(q, anything(value)),
        f"lowrange{q}": lambda value: source.low_range.update({q: number(least)(value)}),
        f"offlimit{q}": lambda value: source.off_limit.update({q: number(0.0, off_most)(value)}),
    }


def _measure_node(channel: Channel) -> Node:
    meter, name = channel.meter, channel.name
    seconds = number(0.0, 1e5)
    nplc = number(channel.spec.nplc_minimum, channel.spec.nplc_maximum)
    node = Node(f"{name}.measure")
    node.getters, node.setters = accessors(
        meter,
        {
            "nplc": ("nplc", nplc),
            "autozero": ("autozero", choice(0, 1, 2)),
            "count": ("count", whole(1, 1_000_000)),
            "interval": ("interval", number(0.0, 1.0)),
            "delay": ("delay", lambda value: -1.0 if value == -1 else seconds(value)),
            "delayfactor": ("delay_factor", number(0.0)),
            # what they change, settling on the lowest ranges and with a capacitor, is not modelled
            "highcrangedelayfactor": ("high_c_delay_factor", number(1.0, 99.0)),
            "analogfilter": ("analog_filter", flag),
        },
    )
    node.setters["autozero"] = lambda value: channel.set_autozero(choice(0, 1, 2)(value))
    for q in _QUANTITIES:
        _add_measure_quantity(node, meter, q)
    for letters in (*FUNCTIONS, "iv"):
        node.calls[letters] = _bound(channel.measure, letters)
        node.calls[f"overlapped{letters}"] = _bound(channel.measure_overlapped, letters)
    node.calls |= dict.fromkeys(("calibratev", "calibratei"), _locked)
    node.objects = {
        "filter": _filter_node(meter, f"{name}.measure.filter"),
        "rel": _relative_node(meter, f"{name}.measure.rel"),
    }
    return node


def _add_measure_quantity(node: Node, meter: Meter, q: Quantity) -> None:
    anything = number()
    node.getters |= {
        f"range{q}": lambda: meter.range_in_use(q),
        f"autorange{q}": lambda: meter.autorange[q],
        f"lowrange{q}": lambda: meter.low_range[q],
    }
    node.setters |= {
        f"range{q}": lambda value: meter.set_range(q, anything(value)),
        f"autorange{q}": lambda value: meter.set_autorange(q, choice(0, 1, 2)(value)),
        f"lowrange{q}": lambda value: meter.set_low_range(q, anything(value)),
    }


def _filter_node(meter: Meter, name: str) -> Node:
    def set_count(value: Any) -> None:
        count = whole(1, 100)(value)
        if count > 1 and meter.count > 1:
            raise Refusal(5025)
        meter.filter_count = count

    node = Node(name)
    node.getters, node.setters = accessors(
        meter,
        {
            "count": ("filter_count", whole(1, 100)),
            "enable": ("filter_enable", flag),
            "type": ("filter_type", choice(0, 1, 2)),
        },
    )
    node.setters["count"] = set_count
    return node


def _relative_node(meter: Meter, name: str) -> Node:
    node = Node(name)
    for letter in FUNCTIONS:
        node.getters[f"level{letter}"] = _item_getter(meter, "relative", letter)
        node.getters[f"enable{letter}"] = _item_getter(meter, "relative_enable", letter)
        node.setters[f"level{letter}"] = _item_setter(meter, "relative", letter, number())
        node.setters[f"enable{letter}"] = _item_setter(meter, "relative_enable", letter, flag)
    return node


def _item_getter(owner: object, field: str, key: str) -> Callable[[], Any]:
    return lambda: getattr(owner, field)[key]


def _item_setter(
    owner: object, field: str, key: str, check: Callable[[Any], Any]
) -> Callable[[Any], None]:
    return lambda value: getattr(owner, field).update({key: check(value)})


def _calibration_node(channel: Channel) -> Node:
    """Describe the part of ``smuX.cal`` that only tells: the unit is locked."""
    return Node(
        f"{channel.name}.cal",
        getters={
            "date": lambda: channel.calibration_date,
            "due": lambda: channel.calibration_date + 365 * 86400.0,
            "adjustdate": lambda: channel.calibration_date,
            "state": lambda: 0,
            "polarity": lambda: 0,
        },
        setters=dict.fromkeys(("date", "due", "adjustdate", "polarity", "password"), _locked),
        calls=dict.fromkeys(("unlock", "restore", "save"), _locked) | {"lock": lambda: None},
        objects={"CALSET_NOMINAL": 0, "CALSET_FACTORY": 1, "CALSET_DEFAULT": 2},
    )


def _locked(*_arguments: Any) -> None:
    """Refuse: the unit is calibrated, and locked."""
    raise Refusal(5011)


def _trigger_node(channel: Channel, events: Events) -> Node:
    sweep, name = channel.sweep, f"{channel.name}.trigger"
    node = Node(name)
    node.getters, node.setters = accessors(
        sweep, {"count": ("count", whole(0)), "autoclear": ("auto_clear", flag)}
    )
    node.calls["initiate"] = lambda: channel.initiate()
    node.objects = {
        **{f"{event}_EVENT_ID": number_ for event, number_ in sweep.event.items()},
        "arm": _layer_node(sweep, events, name, "arm"),
        "source": _source_action_node(sweep, events, name),
        "measure": _measure_action_node(channel, events, name),
        "endpulse": _layer_node(sweep, events, name, "endpulse"),
        "endsweep": Node(f"{name}.endsweep"),
    }
    endsweep = node.objects["endsweep"]
    endsweep.getters, endsweep.setters = accessors(
        sweep, {"action": ("endsweep_action", choice(0, 1))}
    )
    return node


def _layer_node(sweep: Sweep, events: Events, name: str, layer: str) -> Node:
    """Describe what every event detector of the trigger model has, and the layer's own settings."""
    detector: Detector = sweep.detectors[layer]
    get, select = stimulus_accessors(detector.stimulus, events)
    own = {
        "arm": {"count": ("arm_count", whole(0))},
        "endpulse": {"action": ("endpulse_action", choice(0, 1))},
        "source": {"action": ("source_action", choice(0, 1))},
        "measure": {"action": ("measure_action", choice(0, 1, 2))},
    }
    node = Node(f"{name}.{layer}")
    node.getters, node.setters = accessors(sweep, own[layer])
    node.getters |= {"stimulus": get, "overrun": lambda: detector.overrun}
    node.setters["stimulus"] = select
    node.calls["set"] = detector.detect
    return node


def _source_action_node(sweep: Sweep, events: Events, name: str) -> Node:
    node = _layer_node(sweep, events, name, "source")
    for q in _QUANTITIES:
        _add_source_action(node, sweep, q)
    return node


def _add_source_action(node: Node, sweep: Sweep, q: Quantity) -> None:
    level, points = number(-_FINITE, _FINITE), whole(1, 1_000_000)

    def limit(value: Any) -> None:
        if value == _LIMIT_OFF and q == "i":
            sweep.set_limit(q, math.inf)
        else:
            given = level(value)
            sweep.set_limit(q, None if given == _LIMIT_AUTO else given)

    def shown_limit() -> Any:
        chosen = sweep.limit[q]
        if chosen is None:
            return _LIMIT_AUTO
        return _LIMIT_OFF if math.isinf(chosen) else chosen

    node.getters[f"limit{q}"] = shown_limit
    node.setters[f"limit{q}"] = limit
    node.calls |= {
        f"list{q}": lambda values: sweep.set_list(q, [level(v) for v in sequence(values)]),
        f"linear{q}": lambda start, stop, count: sweep.set_list(
            q, linear(level(start), level(stop), points(count))
        ),
        f"log{q}": lambda start, stop, count, asymptote=0: sweep.set_list(
            q, logarithmic(level(start), level(stop), points(count), level(asymptote))
        ),
    }


def _measure_action_node(channel: Channel, events: Events, name: str) -> Node:
    node = _layer_node(channel.sweep, events, name, "measure")
    for letters in (*FUNCTIONS, "iv"):
        node.calls[letters] = _bound(channel.configure_measuring, letters)
    return node
