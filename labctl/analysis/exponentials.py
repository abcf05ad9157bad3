"""A sum of exponentials as a family of curves that `labctl.analysis.separable` can fit.

The nonlinear parameters are the logarithms of the time constants, in rising order; the linear ones
are the amplitudes and, when it is free, the baseline. Times and data are of order one (`Sample`).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.axis import Axis
from labctl.analysis.sample import Reach
from labctl.analysis.separable import Hold, Start
from labctl.analysis.starts import held_column, least_sums, promising

__all__ = ["APART", "Exponentials", "search_range"]

Array = NDArray[np.float64]

APART = 0.01  #: least ratio of two neighbouring time constants, as a logarithm
_LONGEST = 1000.0  # slowest time constant searched, in spans of the data
# fastest time constant searched: a tenth of the smallest distance of two times, but not so fast
# that the amplitude at t = 0 would be told from a point 30 time constants later
_SHORTEST, _DEEPEST, _RANGE = 0.1, 30.0, 1e7
_LARGEST = 1e4  # largest amplitude searched, in sizes of the data
_GRID = {1: 40, 2: 40, 3: 24}  # time constants tried for a start, by number of exponentials
_GRID_BOX = 12  # time constants tried in each range that the user gives
_STARTS = 5
_NEARBY = 1.5  # starts closer than this, as a logarithm, lead to the same minimum


def search_range(reach: Reach) -> tuple[Array, Array]:
    """Return the logarithms of the fastest and the slowest time constant searched."""
    shortest = np.maximum(_SHORTEST * reach.gap, np.abs(reach.first) / _DEEPEST)
    shortest = np.maximum(shortest, reach.span / _RANGE)
    return np.log(shortest), np.log(np.maximum(_LONGEST * reach.span, 10 * shortest))


class Exponentials:
    """The columns of a sum of exponentials; the nonlinear parameters are logarithms of tau.

    Parameters
    ----------
    axis
        Where the curve is needed.
    reach
        What the times let be seen.
    count
        Number of exponentials.
    baseline
        Whether there is a free one.
    bounds
        The user's bounds of the logarithms of tau, shape (2, count).
    """

    def __init__(
        self, axis: Axis, reach: Reach, count: int, baseline: bool, bounds: Array | None = None
    ) -> None:
        self.axis, self.count, self.baseline = axis, count, baseline
        self.low, self.high = map(float, search_range(reach))
        self.unseen = reach.first != 0
        self.flat = np.ones((len(axis.t), 1 if baseline else 0))
        self.last: tuple[Array, Array, Array] = (np.empty(0),) * 3
        steps = APART * np.arange(count)
        floor, ceiling = self.low + steps, self.high - steps[::-1]
        if bounds is not None:
            floor = np.maximum.accumulate(np.clip(bounds[0], floor, ceiling) - steps) + steps
            ceiling = np.clip(bounds[1], floor, ceiling) + steps[::-1]
            ceiling = np.minimum.accumulate(ceiling[::-1])[::-1] - steps[::-1]
        self.floor, self.ceiling, self.bounded = floor, ceiling, bounds is not None

    def at(self, theta: Array) -> tuple[Array, Array]:
        """Return t/tau and the exponentials; those of the last place are kept."""
        if theta is not self.last[0]:
            scaled = self.axis.t[:, None] * np.exp(-theta)
            self.last = theta, scaled, np.exp(-scaled)
        return self.last[1:]

    def columns(self, theta: Array) -> Array:
        """Return the weighted exponentials and, for a baseline, the weights."""
        decays = self.at(theta)[1]
        return self.axis.weigh(np.hstack((decays, self.flat)) if self.baseline else decays)

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return c x exp(-x) with x = t/tau, the derivative by ln tau, weighted."""
        scaled, decays = self.at(theta)
        return self.axis.weigh(scaled * decays * c[: self.count])

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the sums of c x (x - 1) exp(-x), and of x exp(-x), with the residual."""
        scaled, decays = self.at(theta)
        slopes = scaled * decays
        sums = residual @ self.axis.weigh(np.hstack((slopes * (scaled - 1), slopes)))
        cross = np.zeros((self.count, len(c)))
        cross[:, : self.count] = np.diag(sums[self.count :])
        return np.diag(c[: self.count] * sums[: self.count]), cross

    def clip(self, theta: Array, held: int | None) -> Array:
        """Keep the time constants in order, apart, and inside the range searched."""
        theta = np.clip(theta, self.floor, self.ceiling) if held is None else theta.copy()
        if held is None:
            for k in range(self.count - 1):
                missing = APART - (theta[k + 1] - theta[k])
                if missing > 0:
                    theta[k : k + 2] += (-missing / 2, missing / 2)
        anchor = held or 0
        for k in range(anchor + 1, self.count):
            theta[k] = min(max(theta[k], theta[k - 1] + APART, self.floor[k]), self.ceiling[k])
        for k in range(anchor - 1, -1, -1):
            theta[k] = max(min(theta[k], theta[k + 1] - APART, self.ceiling[k]), self.floor[k])
        return theta

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return the best places on a grid of time constants, from sums made once for all."""
        thetas = self.grid(hold)
        chosen = np.array(list(itertools.combinations(range(len(thetas)), self.count)))
        places = thetas[chosen]
        if hold is not None and hold.parameter < self.count:
            kept = places[:, hold.parameter] == hold.value
            chosen, places = chosen[kept], places[kept]
        inside = np.all((places >= self.floor) & (places <= self.ceiling), axis=1)
        if self.bounded and np.any(inside):
            chosen, places = chosen[inside], places[inside]
        columns = self.columns(thetas)
        tail = np.tile(np.arange(len(thetas), columns.shape[1]), (len(chosen), 1))
        chosen = np.hstack((chosen, tail))
        s = least_sums(columns, y, chosen, held_column(hold, self.count))
        return promising(places, s, _NEARBY, _STARTS)

    def grid(self, hold: Hold | None) -> Array:
        """Return the logarithms of the time constants to try."""
        if self.bounded:
            boxes = zip(self.floor, self.ceiling, strict=True)
            each = [np.linspace(low, high, _GRID_BOX) for low, high in boxes]
            thetas = np.unique(np.concatenate(each))
        else:
            thetas = np.linspace(self.floor[0], self.ceiling[-1], _GRID[self.count])
        held = hold is not None and hold.parameter < self.count
        return np.sort(np.append(thetas, hold.value)) if hold is not None and held else thetas

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the limits of the search decide the parameter.

        Two time constants that have merged leave their amplitudes without a bound; so does the
        fastest one searched when there is no point at t = 0, and an endless one beside a baseline,
        which is the same curve.
        """
        if parameter < self.count:
            return False
        k = parameter - self.count
        at_end = bool(theta[-1] >= self.high - 1e-6)
        if k == self.count:
            return at_end
        merged = np.diff(theta) <= APART * (1 + 1e-6)
        beside = merged[max(k - 1, 0) : k + 1]
        unseen = theta[k] <= self.low + 1e-6 and self.unseen
        flat = at_end and k == len(theta) - 1 and self.baseline
        return bool(np.any(beside) or unseen or flat)

    def limit(self, parameter: int, side: int) -> float:
        """Return the end of the range searched; amplitudes have none."""
        if parameter >= self.count:
            return side * _LARGEST
        return float((self.floor if side < 0 else self.ceiling)[parameter])
