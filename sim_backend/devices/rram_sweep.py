"""A resistance on its way along a sweep: many small steps of the voltage, each a closed form.

Every step has one bound and one speed (`sim_backend.devices.rram`). The steps follow one another,
so R is found one after another; all else is found for all steps and all devices at once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sim_backend.devices.model import Array

__all__ = ["Steps", "cut", "sweep"]


class Steps(NamedTuple):
    """Equal steps of a straight line of the voltage, one row for each."""

    first: Array  #: voltages at their beginnings, V, shape (steps, 1)
    last: Array  #: at their ends, V

    @property
    def middle(self) -> Array:
        """Voltages in the middle, V."""
        return (self.first + self.last) / 2.0

    @property
    def farthest(self) -> Array:
        """Those of the two ends that are farther from zero, V."""
        return np.where(np.abs(self.first) >= np.abs(self.last), self.first, self.last)


def cut(first: float, last: float, step: float) -> Steps:
    """Cut a straight line of the voltage into equal steps.

    Parameters
    ----------
    first, last
        Voltages at its ends, V.
    step
        That none of the steps is larger than, V.

    Examples
    --------
    >>> cut(0.5, 0.51, 0.005).last.ravel().tolist()
    [0.505, 0.51]
    """
    count = max(1, math.ceil(abs(last - first) / step - 1e-9))
    if count == 1:
        return Steps(np.array(((first,),)), np.array(((last,),)))
    edges = first + (last - first) * (np.arange(count + 1) / count)
    edges[-1] = last
    return Steps(edges[:-1, np.newaxis], edges[1:, np.newaxis])


def sweep(
    r: Array, goals: Array, speeds: Array, lengths: Array, side: float
) -> tuple[Array, Array]:
    """Take resistances through steps; returns R after each of them, and its integral of 1/R.

    Parameters
    ----------
    r
        At the beginning, Ohm, shape (devices,).
    goals
        Bounds, Ohm, shape (steps, devices); infinitely far beyond R for a device that stands.
    speeds
        S of the module's equations, 1/(Ohm s), shape (steps, 1).
    lengths
        Of the steps, s, shape (devices,).
    side
        +1 for SET, towards less; -1 for RESET.

    Returns
    -------
    tuple
        Ohm and s/Ohm, both of shape (steps, devices).
    """
    paths = speeds * lengths
    after = np.empty(goals.shape)
    moved = np.any(side * (r - goals) > 0, axis=1)
    begin = int(np.argmax(moved)) if moved.any() else len(goals)
    after[:begin] = r
    now = r
    for k in range(begin, len(goals)):
        distance = side * (now - goals[k])
        moving = goals[k] + side * distance / (1.0 + paths[k] * np.maximum(distance, 0.0))
        after[k] = now = np.where(distance > 0, moving, now)
    before = np.concatenate([r[np.newaxis], after[:-1]])
    return after, _inverse(before, goals, paths, lengths, side)


def _inverse(before: Array, goals: Array, paths: Array, lengths: Array, side: float) -> Array:
    """Return the integrals of 1/R over the steps, s/Ohm."""
    distance = np.maximum(side * (before - goals), 0.0)
    if not distance.any():
        return lengths / before
    x = np.where(distance > 0, goals * paths * distance / before, 0.0)
    slowed = np.where(x > 0, np.log1p(x) / np.where(x > 0, x, 1.0), 1.0)
    moving = lengths / goals + (1.0 - before / goals) * (lengths / before) * slowed
    return np.where(distance > 0, moving, lengths / before)
