"""The stretched exponential as a family of curves that `labctl.analysis.separable` can fit.

The nonlinear parameters are ln tau and ln beta; the linear ones are the amplitude and, when it is
free, the baseline. Times are not negative.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.axis import Axis
from labctl.analysis.sample import Reach
from labctl.analysis.separable import Hold, Start
from labctl.analysis.starts import held_column, least_sums, promising

__all__ = ["Stretched", "search_box", "start_box"]

Array = NDArray[np.float64]

# A small beta spreads the decay over many decades of time, so tau is searched far outside the data.
_BEFORE, _AFTER = 1e-7, 1e8  # fastest and slowest tau, in shortest and longest times
_LEAST_BETA, _LARGEST_BETA = 0.05, 5.0
_LARGEST = 1e4  # largest amplitude searched, in sizes of the data
# where starts lie: ln tau up to this far outside the times, and ln beta
_MARGIN, _BETAS = 3.0, (-1.9, 0.7)
_GRID_TAU, _GRID_BETA = 28, 9
_STARTS, _NEARBY = 4, 1.5
_NEAR = 1e-6
_TINY = 1e-300  # stands for t = 0, where the logarithm has no value but the curve has


def search_box(reach: Reach) -> tuple[Array, Array]:
    """Return the least and the largest ln tau and ln beta searched, along the last axis."""
    shortest = np.where(reach.first > 0, reach.first, reach.gap)
    shortest = np.maximum(shortest, 1e-12 * reach.span)
    low, high = np.log(_BEFORE * shortest), np.log(_AFTER * (reach.first + reach.span))
    betas = np.broadcast_to(np.log([_LEAST_BETA, _LARGEST_BETA])[:, None], (2, np.size(low)))
    ends = np.stack((np.ravel(low), betas[0])), np.stack((np.ravel(high), betas[1]))
    return tuple(end.T.reshape((*np.shape(low), 2)) for end in ends)  # type: ignore[return-value]


def start_box(low: Array, high: Array) -> tuple[Array, Array]:
    """Return the part of the range searched, along the last axis, in which starts lie."""
    low, high = low.copy(), high.copy()
    low[..., 0] -= math.log(_BEFORE) + _MARGIN
    high[..., 0] -= math.log(_AFTER) - _MARGIN
    low[..., 1], high[..., 1] = _BETAS
    return low, high


class Stretched:
    """The columns of a stretched exponential; the nonlinear parameters are ln tau and ln beta.

    Parameters
    ----------
    axis
        Where the curve is needed.
    reach
        What the times let be seen.
    baseline
        Whether there is a free one.
    bounds
        The user's bounds of ln tau and ln beta, shape (2, 2).
    """

    def __init__(
        self, axis: Axis, reach: Reach, baseline: bool, bounds: Array | None = None
    ) -> None:
        self.axis, self.baseline = axis, baseline
        self.x = np.log(np.maximum(axis.t, _TINY))
        self.flat = np.ones((len(axis.t), 1 if baseline else 0))
        self.low, self.high = search_box(reach)
        self.floor, self.ceiling = self.low, self.high
        if bounds is not None:
            self.floor = np.clip(bounds[0], self.low, self.high)
            self.ceiling = np.clip(bounds[1], self.floor, self.high)
        self.last: tuple[Array, ...] = (np.empty(0),) * 4

    def at(self, theta: Array) -> tuple[Array, ...]:
        """Return z = beta ln(t/tau), u = exp(z), exp(-u); those of the last place are kept."""
        if theta is not self.last[0]:
            z = np.exp(theta[1]) * (self.x - theta[0])
            u = np.exp(np.minimum(z, 700.0))
            self.last = theta, z, u, np.exp(-u)
        return self.last[1:]

    def columns(self, theta: Array) -> Array:
        """Return the weighted curve and, for a baseline, the weights."""
        f = self.at(theta)[2][:, None]
        return self.axis.weigh(np.hstack((f, self.flat)) if self.baseline else f)

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return c u exp(-u) (beta, -z), the derivatives by ln tau and ln beta, weighted."""
        z, u, f = self.at(theta)
        rate = c[0] * u * f
        return self.axis.weigh(np.column_stack((np.exp(theta[1]) * rate, -z * rate)))

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the sums of the second derivatives with the residual.

        With g = u exp(-u), whose derivative by z is (1 - u) g, and z' = (-beta, z): the first
        derivatives are -g z', the second -(1 - u) g z' z' - g z''.
        """
        z, u, f = self.at(theta)
        beta, g = math.exp(theta[1]), u * f
        rate = (1 - u) * g
        table = np.column_stack((rate, rate * z, rate * z * z, g, g * z))
        a, b, d, e, h = (residual @ self.axis.weigh(table)).tolist()
        off = beta * b + beta * e
        bend = c[0] * np.array([[-beta * beta * a, off], [off, -d - h]])
        cross = np.zeros((2, len(c)))
        cross[:, 0] = (beta * e, -h)
        return bend, cross

    def clip(self, theta: Array, held: int | None) -> Array:
        """Keep both parameters inside the range searched; the held one is there already."""
        inside: Array = np.clip(theta, self.floor, self.ceiling)
        if held is not None:
            inside[held] = theta[held]
        return inside

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return the best places on a grid."""
        low, high = start_box(self.low, self.high)
        low, high = np.clip(low, self.floor, self.ceiling), np.clip(high, self.floor, self.ceiling)
        sides = [np.linspace(low[k], high[k], n) for k, n in enumerate((_GRID_TAU, _GRID_BETA))]
        if hold is not None and hold.parameter < 2:
            sides[hold.parameter] = np.array([hold.value])
        places = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
        z = np.exp(places[:, 1]) * (self.x[:, None] - places[:, 0])
        curves = np.exp(-np.exp(np.minimum(z, 700.0)))
        columns = self.axis.weigh(np.hstack((curves, self.flat)))
        chosen = np.arange(len(places))[:, None]
        if self.baseline:
            chosen = np.hstack((chosen, np.full_like(chosen, len(places))))
        s = least_sums(columns, y, chosen, held_column(hold, 2))
        return promising(places, s, _NEARBY, _STARTS)

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the limits of the search decide the parameter.

        Where tau or beta has reached the end of the range searched, the amplitude has no bound,
        nor has the baseline: as beta goes to nothing the curve is a logarithm.
        """
        at_end = np.any(theta <= self.low + _NEAR) or np.any(theta >= self.high - _NEAR)
        return bool(parameter >= 2 and at_end)

    def limit(self, parameter: int, side: int) -> float:
        """Return the end of the range searched; amplitudes have none."""
        if parameter >= 2:
            return side * _LARGEST
        return float((self.floor if side < 0 else self.ceiling)[parameter])
