"""What a protocol will play, as one waveform; called in the working process, so no Qt here.

Where a protocol decides from readings, the course is the nominal one: it is answered by an ideal
resistor, as the planner does. A terminal that a step drives by a current has a lane of its own for
that, so that volts and amperes never share an axis.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from labctl import catalogue
from labctl.planner import imagine
from labctl.protocol import Protocol
from labctl.readings import Readings
from labctl.steps import Label, Play, Step, Wait
from labctl.timing import seconds, ticks
from labctl.waveform import Chain, Loop, Node, Overlay, Segment, rest
from labctl.zoom import Zoom

__all__ = ["AMPERES", "Course", "Stage", "course", "course_of", "unit_of"]

AMPERES = " (A)"  #: ends the name of a lane whose levels are currents

_MOST_STEPS = 5000
_LONGEST = 2.0  # s of walking
_CONDUCTANCE = 1e-4  # S, of the resistor that answers


class Stage(NamedTuple):
    """One step of the course."""

    start: int  #: ticks
    stop: int  #: ticks
    label: Label
    pulses: int
    peak: float  #: largest level, V or A


class Course(NamedTuple):
    """What is played."""

    zoom: Zoom | None  #: None where nothing is played
    stages: tuple[Stage, ...]
    complete: bool  #: False: there is more than what was walked
    nominal: bool  #: it will depend on readings


def course_of(kind: str, values: dict[str, Any]) -> Course:
    """Return the course of a protocol given by its name and fields."""
    return course(catalogue.protocol_from(kind, values))


def course(protocol: Protocol, most: int = _MOST_STEPS) -> Course:
    """Return what a protocol will play.

    Parameters
    ----------
    protocol
        Whose steps are walked.
    most
        Steps; a longer course is cut short.
    """
    steps = protocol.steps()
    parts: list[Node] = []
    stages: list[Stage] = []
    now, until = 0, time.monotonic() + _LONGEST
    complete = False
    answer: Readings | None = None
    while len(stages) < most and time.monotonic() < until:
        try:
            step = next(steps) if answer is None else steps.send(answer)
        except StopIteration:
            complete = True
            break
        part = _played(step)
        answer = Readings()
        if isinstance(step, Play):
            answer = imagine(step, _CONDUCTANCE, seconds(now))
        if part is not None:
            parts.append(part)
        after = now + (part.ticks if part is not None else 0)
        stages.append(_stage(now, after, step))
        now = after
    steps.close()
    zoom = Zoom(Chain(tuple(parts))) if parts else None
    return Course(zoom, tuple(stages), complete, protocol.decides)


def _stage(start: int, stop: int, step: Step) -> Stage:
    if not isinstance(step, Play):
        return Stage(start, stop, step.label, 0, 0.0)
    does = step.waveform.summary()
    return Stage(start, stop, step.label, does.pulses, max(does.peak.values(), default=0.0))


def _played(step: Step) -> Node | None:
    if isinstance(step, Play):
        lanes = {name: f"{name}{AMPERES}" for name in step.voltage_limits}
        return _renamed(step.waveform, lanes) if lanes else step.waveform
    if isinstance(step, Wait) and ticks(step.duration) > 0:
        return rest(step.duration)
    return None


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    """Return a waveform on terminals of other names."""
    match node:
        case Segment():
            windows = tuple(
                msgspec.structs.replace(
                    window, terminal=names.get(window.terminal, window.terminal)
                )
                for window in node.windows
            )
            levels = {names.get(name, name): ends for name, ends in node.levels.items()}
            return msgspec.structs.replace(node, levels=levels, windows=windows)
        case Loop():
            return Loop(_renamed(node.body, names), node.count)
        case Chain() | Overlay():
            return type(node)(tuple(_renamed(part, names) for part in node.parts))


def unit_of(lane: str) -> str:
    """Return the unit of a lane's levels.

    Examples
    --------
    >>> unit_of("top"), unit_of("top (A)")
    ('V', 'A')
    """
    return "A" if lane.endswith(AMPERES) else "V"
