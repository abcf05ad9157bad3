"""Profiles: how far a parameter can move while all the others make the best of it.

The profile of a sum of squares, or of minus twice a log-likelihood, gives an interval that needs no
parabola, and the verdict whether the data set a bound at all (Raue et al.,
doi:10.1093/bioinformatics/btp358). The problem behind it only has to find the best place with one
number held near a value; the number may be a parameter or any function of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.descent import Place

__all__ = ["Ends", "Held", "LowerFound", "Problem", "follow"]

Array = NDArray[np.float64]

_MOST_POINTS = 30
_ON_THE_LEVEL = 5e-3  # share of an interval's half-width left to chance
_STRAIGHT = 0.15  # between heights this close the profile is a straight line, to the same share
_ASTRAY = 0.15
_OVERSHOOT = 1.05  # a bracket is found sooner from just outside


class Held(NamedTuple):
    """The best place with one number held, and where that number really is there."""

    place: Place
    at: float


class Problem(Protocol):
    """What a profile needs."""

    def hold(self, number: int, value: float, near: Array, tolerance: float) -> Held | None:
        """Return the best place with the number held near a value, searched from `near`."""

    def anew(self, number: int, value: float, tolerance: float) -> list[Held]:
        """Return the same from other starts."""

    def reach(self, number: int) -> tuple[float, float]:
        """Return how far the number is followed, below and above."""


class LowerFound(Exception):
    """A profile ran into a lower place than the supposed best."""

    def __init__(self, place: Place) -> None:
        self.place = place


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the profile of one number crosses the level; None where it stays below."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Search:
    """One number, its best value, and the rise that ends its interval."""

    problem: Problem
    number: int
    best: Place
    origin: float
    level: float

    def height(self, value: float, near: Array, expected: float) -> tuple[Held, float] | None:
        """Return the best place with the number held, and the root of its rise over the level.

        A rise much above what the places before it promise is a search that went astray into
        another valley, so it is done again from elsewhere.
        """
        tolerance = 1e-4 * self.level
        found = self.problem.hold(self.number, value, near, tolerance)
        if found is None or found.place.s - self.best.s > self.level * (expected + _ASTRAY) ** 2:
            others = self.problem.anew(self.number, value, tolerance)
            every = [one for one in (found, *others) if one is not None]
            if not every:
                return None
            found = min(every, key=lambda held: held.place.s)
        rise = (found.place.s - self.best.s) / self.level
        if rise < -1e-3:
            raise LowerFound(found.place)
        return found, math.sqrt(max(rise, 0.0))


def follow(
    problem: Problem, number: int, best: Place, origin: float, level: float, width: float
) -> Ends:
    """Follow the profile of one number up to a rise, on both sides.

    Parameters
    ----------
    problem
        What finds the best place with a number held.
    number
        Which one.
    best
        The minimum.
    origin
        The number's value there.
    level
        Rise that ends the interval.
    width
        First guess of the interval's half-width.

    Raises
    ------
    LowerFound
        The profile ran into a lower minimum.
    """
    search = _Search(problem, number, best, origin, level)
    below, above = problem.reach(number)
    return Ends(
        _end(search, -1, max(origin - below, 0.0), width),
        _end(search, 1, max(above - origin, 0.0), width),
    )


def _end(search: _Search, side: int, farthest: float, width: float) -> float | None:
    """Return where one side of a profile crosses the level.

    With d the distance from the best value, sqrt(rise / level) is nearly a straight line in d from
    zero, so a few secant steps find where it is one.
    """
    inner, outer = (0.0, 0.0), None
    distance, expected, near = min(width, farthest), 1.0, search.best.u
    for _ in range(_MOST_POINTS):
        if distance <= 0:
            return None
        found = search.height(search.origin + side * distance, near, expected)
        if found is None:
            outer = (distance, math.inf)
            distance = (inner[0] + distance) / 2
            continue
        held, height = found
        place = side * (held.at - search.origin)
        if abs(height - 1) < _ON_THE_LEVEL:
            return held.at
        if height < 1:
            if distance >= farthest or place <= inner[0]:
                return None
            inner, near = (place, height), held.place.u
        else:
            outer = (place, height)
        distance = _next(inner, outer, farthest)
        if outer is not None and outer[1] - inner[1] < _STRAIGHT:
            return search.origin + side * distance
        expected = inner[1] * distance / inner[0] if inner[0] > 0 else height
    return None if outer is None or math.isinf(outer[1]) else search.origin + side * outer[0]


def _next(inner: tuple[float, float], outer: tuple[float, float] | None, farthest: float) -> float:
    """Return the next distance to try."""
    if outer is None:
        factor = _OVERSHOOT / inner[1] if inner[1] > 0 else 4.0
        return min(farthest, inner[0] * min(max(factor, _OVERSHOOT), 4.0))
    if math.isinf(outer[1]):
        return (inner[0] + outer[0]) / 2
    share = (1 - inner[1]) / (outer[1] - inner[1])
    return inner[0] + (outer[0] - inner[0]) * min(max(share, 0.02), 0.98)
