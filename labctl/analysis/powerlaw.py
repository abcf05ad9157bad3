"""Power law and logarithm of time as families of curves for `labctl.analysis.separable`.

Both count time in units of a stated t0, because neither has a time constant: c t^-nu is the same
curve for every t0, and a - b ln t as well. What t0 sets is the time at which `c` and `a` are read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.axis import Axis
from labctl.analysis.separable import Hold, Start
from labctl.analysis.starts import held_column, least_sums, promising

__all__ = ["Logarithm", "PowerLaw", "exponent_range"]

Array = NDArray[np.float64]

_STEEPEST = 30.0  # e-folds of the steepest power law searched, over the data
_LEAST = 0.01  # e-folds of the flattest one beside a free baseline, where it is a logarithm
_LARGEST_POWER = 300.0  # of e, between t0 and the data
_LARGEST = 1e300
_GRID = 60
_NEAR = 1e-9


def exponent_range(x: Array, baseline: bool) -> tuple[Array, Array]:
    """Return the least and the largest exponent searched, from ln(t/t0) along the last axis."""
    span = np.ptp(x, axis=-1)
    steepest = np.minimum(_STEEPEST / span, _LARGEST_POWER / np.max(np.abs(x), axis=-1))
    return np.minimum(_LEAST / span, steepest / 2) if baseline else -steepest, steepest


class PowerLaw:
    """The columns of c (t/t0)^-nu; the nonlinear parameter is nu itself.

    Parameters
    ----------
    axis
        Where the curve is needed; all times are positive.
    t0
        Reference time, in the unit of the axis.
    baseline
        Whether there is a free one; then nu is positive.
    bounds
        The user's bounds of nu, shape (2, 1).
    """

    def __init__(self, axis: Axis, t0: float, baseline: bool, bounds: Array | None = None) -> None:
        self.axis, self.baseline = axis, baseline
        self.x = np.log(axis.t) - np.log(t0)
        self.flat = np.ones((len(axis.t), 1 if baseline else 0))
        low, high = map(float, exponent_range(self.x, baseline))
        self.low, self.high = low, high
        self.floor, self.ceiling = low, high
        if bounds is not None:
            self.floor = min(max(float(bounds[0, 0]), low), high)
            self.ceiling = min(max(float(bounds[1, 0]), self.floor), high)

    def curve(self, theta: Array) -> Array:
        """Return (t/t0)^-nu, one column for each nu."""
        f: Array = np.exp(-self.x[:, None] * theta)
        return f

    def columns(self, theta: Array) -> Array:
        """Return the weighted curve and, for a baseline, the weights."""
        f = self.curve(theta)
        return self.axis.weigh(np.hstack((f, self.flat)) if self.baseline else f)

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return -c ln(t/t0) (t/t0)^-nu, the derivative by nu, weighted."""
        return self.axis.weigh(-c[0] * self.x[:, None] * self.curve(theta))

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the sums of the second derivatives with the residual."""
        slope = -self.x[:, None] * self.curve(theta)
        sums = residual @ self.axis.weigh(np.hstack((slope, -self.x[:, None] * slope)))
        cross = np.zeros((1, len(c)))
        cross[0, 0] = sums[0]
        return c[0] * sums[1:, None], cross

    def clip(self, theta: Array, held: int | None) -> Array:
        """Keep the exponent inside the range searched; a held one is there already."""
        return theta if held is not None else np.clip(theta, self.floor, self.ceiling)

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return the best place on a grid."""
        if hold is not None and hold.parameter == 0:
            return [Start(np.array([hold.value]), 0.0)]
        thetas = np.linspace(self.floor, self.ceiling, _GRID)
        chosen = np.arange(_GRID)[:, None]
        if self.baseline:
            chosen = np.hstack((chosen, np.full_like(chosen, _GRID)))
        s = least_sums(self.columns(thetas), y, chosen, held_column(hold, 1))
        return promising(thetas[:, None], s, (self.high - self.low) / 8, 2)

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the limits of the search decide the parameter.

        The steepest power law is a spike at the first point; the flattest one beside a baseline is
        a logarithm, whose amplitude and baseline have no bound.
        """
        near = _NEAR * (self.high - self.low)
        at_end = theta[0] <= self.low + near or theta[0] >= self.high - near
        return bool(parameter > 0 and at_end)

    def limit(self, parameter: int, side: int) -> float:
        """Return the end of the range searched; amplitudes have none."""
        if parameter > 0:
            return side * _LARGEST
        return float(self.floor if side < 0 else self.ceiling)


class Logarithm:
    """The columns of a - b ln(t/t0), which has no nonlinear parameter.

    Parameters
    ----------
    axis
        Where the curve is needed; all times are positive.
    t0
        Reference time, in the unit of the axis.
    """

    def __init__(self, axis: Axis, t0: float) -> None:
        x = np.log(axis.t) - np.log(t0)
        self.table = axis.weigh(np.column_stack((np.ones(len(x)), -x)))

    def columns(self, theta: Array) -> Array:
        """Return the weighted columns 1 and -ln(t/t0)."""
        return self.table

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return no derivative."""
        return np.empty((len(self.table), 0))

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return no derivative."""
        return np.empty((0, 0)), np.empty((0, len(c)))

    def clip(self, theta: Array, held: int | None) -> Array:
        """Return what there is: nothing."""
        return theta

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return the only place there is."""
        return [Start(np.empty(0), 0.0)]

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell that no limit of a search decides anything."""
        return False

    def limit(self, parameter: int, side: int) -> float:
        """Return that a linear parameter has no end."""
        return side * _LARGEST
