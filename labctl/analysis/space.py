"""The space in which a fit searches: logarithms of some parameters, and numbers derived from them.

Numbers are counted parameters first, then derived ones. A parameter or derived number marked `log`
is searched, and its profile followed, by its logarithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import Derived, Parameter
from labctl.analysis.profiles import Ends

__all__ = ["Space", "Span"]

Array = NDArray[np.float64]

_FAR = 30.0  # a logarithm is followed this far from the best value: thirteen decades
_FAR_WIDTHS = 1e4  # anything else so many times the first guess of its half-width
_SEARCHED = 60.0  # a logarithm is searched so far around its starts: 26 decades
_WIDE = 2.0  # first guesses of half-widths of logarithms are no larger

#: name, unit, value, lower and upper end of the interval
Span = tuple[str, str, float, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Space:
    """Parameters and what is derived from them."""

    parameters: tuple[Parameter, ...]
    derived: tuple[Derived, ...] = ()
    starts: tuple[Array, ...] = ()
    low: Array = field(init=False)
    high: Array = field(init=False)
    log: NDArray[np.bool_] = field(init=False)
    unit: Array = field(init=False)  #: of the parameters that are searched as they are

    def __post_init__(self) -> None:
        log = np.array([p.log for p in self.parameters])
        bounds = np.array([(p.low, p.high) for p in self.parameters], float)
        with np.errstate(divide="ignore"):
            bounds[log] = np.log(np.maximum(bounds[log], 0.0))
            known = np.array([np.log(start[log]) for start in self.starts])
        if known.size and np.all(np.isfinite(known)):
            bounds[log, 0] = np.maximum(bounds[log, 0], known.min(axis=0) - _SEARCHED)
            bounds[log, 1] = np.minimum(bounds[log, 1], known.max(axis=0) + _SEARCHED)
        unit = np.max(np.abs(self.starts), axis=0) if self.starts else np.ones(len(log))
        unit = np.where(log | ~np.isfinite(unit) | (unit == 0), 1.0, unit)
        bounds = bounds / unit[:, None]
        object.__setattr__(self, "log", log)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "low", bounds[:, 0])
        object.__setattr__(self, "high", bounds[:, 1])

    @property
    def count(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    @property
    def numbers(self) -> range:
        """Every number that has a profile."""
        return range(len(self.parameters) + len(self.derived))

    @property
    def all_free(self) -> NDArray[np.bool_]:
        """Every parameter may move."""
        return np.ones(len(self.parameters), bool)

    def values(self, u: Array) -> Array:
        """Return the parameters themselves."""
        return np.where(self.log, np.exp(np.where(self.log, u, 0.0)), u * self.unit)

    def inner(self, values: Array) -> Array:
        """Return parameters as they are searched."""
        return np.where(self.log, np.log(np.where(self.log, values, 1.0)), values / self.unit)

    def is_log(self, number: int) -> bool:
        """Tell whether a number is followed by its logarithm."""
        return bool(self._of(number).log)

    def _of(self, number: int) -> Parameter | Derived:
        count = self.count
        return self.parameters[number] if number < count else self.derived[number - count]

    def itself(self, number: int, u: Array) -> float:
        """Return a number itself."""
        if number < self.count:
            return float(self.values(u)[number])
        return float(self.derived[number - self.count].of(self.values(u)))

    def number(self, number: int, u: Array) -> float:
        """Return a number as it is searched; nan where that is not possible."""
        if number < self.count:
            return float(u[number])
        value = self.itself(number, u)
        if not self.is_log(number):
            return value
        return math.log(value) if value > 0 else math.nan

    def slope(self, number: int, u: Array, steps: Array) -> Array:
        """Return the derivatives of a derived number by the parameters, all as searched."""
        row = np.zeros(len(u))
        for k, step in enumerate(steps):
            move = np.zeros(len(u))
            move[k] = step
            row[k] = (self.number(number, u + move) - self.number(number, u - move)) / (2 * step)
        return row

    def spread(self, u: Array, covariance: Array, steps: Array) -> Array:
        """Return the covariance of all numbers from that of the parameters, all as searched.

        A parameter that the data do not notice has nan for its variance, and so has every number
        that depends on it.
        """
        rows = np.eye(len(self.numbers), len(u))
        for number in self.numbers[len(u) :]:
            rows[number] = self.slope(number, u, steps)
        lost = np.isnan(np.diag(covariance))
        full = rows @ np.where(lost[:, None] | lost, 0.0, covariance) @ rows.T
        unknown = np.any((rows != 0) & lost, axis=1)
        return np.asarray(np.where(unknown[:, None] | unknown, np.nan, full))

    def scales(self, u: Array) -> Array:
        """Return d(number itself)/d(number as searched)."""
        return np.array(
            [self.itself(n, u) if self.is_log(n) else self._unit(n) for n in self.numbers]
        )

    def widths(self, u: Array, full: Array | None, alone: Array, steps: Array) -> tuple[float, ...]:
        """Return first guesses of the half-widths of all intervals.

        Parameters
        ----------
        u
            The minimum.
        full
            Covariance of all numbers, times the rise that ends an interval; None where it is not
            known.
        alone
            Half-widths of the parameters, each with all others fixed.
        steps
            Small moves of the parameters.
        """
        usual = np.where(self.log, np.minimum(10 * alone, 0.5), np.minimum(10 * alone, 1e100))
        guesses = [
            *map(float, usual),
            *(self._loose(n, u, usual, steps) for n in self.numbers[len(u) :]),
        ]
        if full is None:
            return tuple(guesses)
        known = np.sqrt(np.maximum(np.diag(full), 0.0))
        wide = [
            float(width) if math.isfinite(width) and width > 0 else guess
            for width, guess in zip(known, guesses, strict=True)
        ]
        return tuple(
            min(width, _WIDE) if self.is_log(n) else width
            for n, width in zip(self.numbers, wide, strict=True)
        )

    def _unit(self, number: int) -> float:
        return float(self.unit[number]) if number < self.count else 1.0

    def _loose(self, number: int, u: Array, usual: Array, steps: Array) -> float:
        found = float(np.sqrt(np.sum((self.slope(number, u, steps) * usual) ** 2)))
        return found if math.isfinite(found) and found > 0 else abs(self.number(number, u)) or 1.0

    def reach(self, number: int, u: Array, width: float) -> tuple[float, float]:
        """Return how far the profile of a number is followed from a place."""
        origin = self.number(number, u)
        far = _FAR if self.is_log(number) else _FAR_WIDTHS * width
        if number >= self.count:
            return origin - far, origin + far
        low, high = float(self.low[number]), float(self.high[number])
        return max(low, origin - far), min(high, origin + far)

    def follows(self, number: int) -> int:
        """Return the only parameter that a number depends on, or the number itself."""
        if number >= self.count:
            alone = self.derived[number - self.count].alone
            if alone:
                return [p.name for p in self.parameters].index(alone)
        return number

    def spans(self, u: Array, ends: tuple[Ends, ...]) -> list[Span]:
        """Return name, unit, value and interval of every number itself."""
        return [
            (self._of(n).name, self._of(n).unit, self.itself(n, u), *self._ends(n, u, ends))
            for n in self.numbers
        ]

    def _ends(
        self, number: int, u: Array, ends: tuple[Ends, ...]
    ) -> tuple[float | None, float | None]:
        source = self.follows(number)
        sides = (ends[source].low, ends[source].high)
        if source == number:
            return self._end(number, sides[0]), self._end(number, sides[1])
        moved = [None if e is None else self._moved(number, source, u, e) for e in sides]
        return (moved[0], moved[1]) if self._rises(number, source, u) else (moved[1], moved[0])

    def _end(self, number: int, end: float | None) -> float | None:
        if end is None:
            return None
        return math.exp(end) if self.is_log(number) else end * self._unit(number)

    def _moved(self, number: int, source: int, u: Array, end: float) -> float:
        there = u.copy()
        there[source] = end
        return self.itself(number, there)

    def _rises(self, number: int, source: int, u: Array) -> bool:
        step = 1e-4 * (abs(float(u[source])) or 1.0)
        here = self._moved(number, source, u, float(u[source]) + step)
        return here >= self._moved(number, source, u, float(u[source]) - step)
