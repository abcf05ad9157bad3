"""Half sweeps: levels from zero to a peak and back, pulsed, from step to step, or ramped."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Literal

from labctl.waveform import Node, Segment, Window, rest, segment, ticks

__all__ = ["Form", "half_sweep"]

Form = Literal["pulsed", "staircase", "linear"]

_MEASURED = (0.62, 0.95)  # of a level


def half_sweep(out: Sequence[float], form: Form, dwell: float, gap: float, terminal: str) -> Node:
    """Return a half sweep: from zero to the last of the levels and back.

    Parameters
    ----------
    out
        Levels on the way out, the first one zero, V or A.
    form
        ``pulsed`` returns to zero between levels, ``staircase`` goes from level to level,
        ``linear`` ramps.
    dwell
        Time at each level, measured in its last third; a ramp is measured all along, s.
    gap
        At zero between levels, if pulsed, s.
    terminal
        That is driven.
    """
    if form == "linear":
        corners = [*out, *out[-2::-1]]
        parts: list[Node] = [
            _level(a, b, form, dwell, terminal) for a, b in itertools.pairwise(corners)
        ]
    else:
        levels = [*out[1:], *out[-2:0:-1]]
        parts = [_level(level, level, form, dwell, terminal) for level in levels]
    if form == "pulsed":
        between = rest(gap)
        parts = [part for level in parts for part in (level, between)]
    return functools.reduce(operator.add, parts)


def _level(first: float, last: float, form: Form, dwell: float, terminal: str) -> Segment:
    length = ticks(dwell)
    # a ramp is measured all along, so that its mean level is that of the mean current
    share = (0.0, 1.0) if first != last else _MEASURED
    window = Window(terminal, round(share[0] * length), round(share[1] * length), "pulse")
    role: Literal["pulse", "rest"] = "pulse" if form == "pulsed" else "rest"
    return segment(dwell, {terminal: (first, last)}, windows=(window,), role=role)
