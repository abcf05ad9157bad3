"""A sum of exponentials as a family of curves that `labctl.analysis.separable` can fit.

The nonlinear parameters are the logarithms of the time constants, in rising order; the linear ones
are the amplitudes and, when it is free, the baseline. Times and data are of order one (`Sample`).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.sample import Sample
from labctl.analysis.separable import Hold

__all__ = ["Exponentials"]

Array = NDArray[np.float64]

_APART = 0.01  # least ratio of two neighbouring time constants, as a logarithm
_LONGEST = 1000.0  # slowest time constant searched, in spans of the data
# fastest time constant searched: a tenth of the smallest distance of two times, but not so fast
# that the amplitude at t = 0 would be told from a point 30 time constants later
_SHORTEST, _DEEPEST, _RANGE = 0.1, 30.0, 1e7
_LARGEST = 1e4  # largest amplitude searched, in sizes of the data
_GRID = {1: 40, 2: 40, 3: 24}  # time constants tried for a start, by number of exponentials
_GRID_POINTS = 2000  # data points used for a start
_STARTS = 2
_NEARBY = 1.5  # starts closer than this, as a logarithm, lead to the same minimum


class Exponentials:
    """The columns of a sum of exponentials; the nonlinear parameters are logarithms of tau."""

    def __init__(self, sample: Sample, count: int, baseline: bool) -> None:
        self.t, self.w, self.count = sample.t, sample.w, count
        self.tail = sample.w[:, None] if baseline else np.empty((len(sample.t), 0))
        gaps = np.diff(np.unique(sample.t))
        span, first = float(np.sum(gaps)), abs(float(sample.t[0]))
        shortest = max(_SHORTEST * float(np.min(gaps)), first / _DEEPEST, span / _RANGE)
        self.low, self.high = math.log(shortest), math.log(max(_LONGEST * span, 10 * shortest))
        steps = _APART * np.arange(count)
        self.last: tuple[Array, Array, Array] = (np.empty(0),) * 3
        self.floor, self.ceiling = self.low + steps, self.high - steps[::-1]

    def at(self, theta: Array) -> tuple[Array, Array]:
        """Return t/tau and the weighted exponentials; those of the last place are kept."""
        if theta is not self.last[0]:
            scaled = self.t[:, None] * np.exp(-theta)
            self.last = theta, scaled, np.exp(-scaled) * self.w[:, None]
        return self.last[1:]

    def columns(self, theta: Array) -> Array:
        """Return the weighted exponentials and, for a baseline, the weights."""
        decays = self.at(theta)[1]
        return np.hstack((decays, self.tail)) if self.tail.size else decays

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return c x exp(-x) with x = t/tau, the derivative by ln tau, weighted."""
        scaled, decays = self.at(theta)
        return scaled * decays * c[: self.count]

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the sums of c x (x - 1) exp(-x), and of x exp(-x), with the residual."""
        scaled, decays = self.at(theta)
        slopes = scaled * decays
        bend = np.diag(c[: self.count] * (residual @ (slopes * (scaled - 1))))
        cross = np.zeros((self.count, len(c)))
        cross[:, : self.count] = np.diag(residual @ slopes)
        return bend, cross

    def clip(self, theta: Array, held: int | None) -> Array:
        """Keep the time constants in order, apart, and inside the range searched."""
        theta = np.clip(theta, self.floor, self.ceiling) if held is None else theta.copy()
        if held is None:
            for k in range(self.count - 1):
                missing = _APART - (theta[k + 1] - theta[k])
                if missing > 0:
                    theta[k : k + 2] += (-missing / 2, missing / 2)
        anchor = held or 0
        for k in range(anchor + 1, self.count):
            theta[k] = min(max(theta[k], theta[k - 1] + _APART), self.ceiling[k])
        for k in range(anchor - 1, -1, -1):
            theta[k] = max(min(theta[k], theta[k + 1] - _APART), self.floor[k])
        return theta

    def starts(self, y: Array, hold: Hold | None) -> list[Array]:
        """Return the best places on a grid of time constants, from sums made once for all."""
        thetas = self.grid(hold)
        chosen = np.array(list(itertools.combinations(range(len(thetas)), self.count)))
        places = thetas[chosen]
        if hold is not None and hold.parameter < self.count:
            kept = places[:, hold.parameter] == hold.value
            chosen, places = chosen[kept], places[kept]
        s = self._sums(y, thetas, chosen, hold)
        starts: list[Array] = []
        while len(starts) < _STARTS and len(places):
            starts.append(places[np.argmin(s)])
            elsewhere = np.max(np.abs(places - starts[-1]), axis=1) > _NEARBY
            places, s = places[elsewhere], s[elsewhere]
        return starts

    def grid(self, hold: Hold | None) -> Array:
        """Return the logarithms of the time constants to try."""
        thetas = np.linspace(self.low, self.high, _GRID[self.count])
        held = hold is not None and hold.parameter < self.count
        return np.sort(np.append(thetas, hold.value)) if hold is not None and held else thetas

    def _sums(self, y: Array, thetas: Array, chosen: Array, hold: Hold | None) -> Array:
        """Return the least sums of squares for the time constants chosen, up to rounding."""
        thin = slice(None, None, -(-len(y) // _GRID_POINTS))
        columns = self.columns(thetas)[thin]
        sizes = np.linalg.norm(columns, axis=0) + 1e-300
        columns = columns / sizes
        gram, moment = columns.T @ columns, columns.T @ y[thin]
        tail = np.tile(np.arange(len(thetas), columns.shape[1]), (len(chosen), 1))
        chosen = np.hstack((chosen, tail))
        at = -1 if hold is None else hold.parameter - self.count
        if hold is None or at < 0:
            target, square = moment[chosen], float(y[thin] @ y[thin])
        else:
            fixed, chosen = chosen[:, at], np.delete(chosen, at, axis=1)
            v = (hold.value * sizes[fixed])[:, None]
            target = moment[chosen] - v * gram[chosen, fixed[:, None]]
            square = (v * v - 2 * v * moment[fixed][:, None])[:, 0]
        normal = gram[chosen[:, :, None], chosen[:, None, :]] + 1e-11 * np.eye(chosen.shape[1])
        solved = np.linalg.solve(normal, target[..., None])[..., 0]
        sums: Array = square - np.sum(target * solved, axis=1)
        return sums

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
        merged = np.diff(theta) <= _APART * (1 + 1e-6)
        beside = merged[max(k - 1, 0) : k + 1]
        unseen = theta[k] <= self.low + 1e-6 and self.t[0] != 0
        flat = at_end and k == len(theta) - 1 and self.tail.size
        return bool(np.any(beside) or unseen or flat)

    def limit(self, parameter: int, side: int) -> float:
        """Return the end of the range searched; amplitudes have none."""
        if parameter >= self.count:
            return side * _LARGEST
        return float((self.floor if side < 0 else self.ceiling)[parameter])
