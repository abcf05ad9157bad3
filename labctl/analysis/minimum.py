"""From the least sum of squares to a fit's numbers: errors, intervals, criteria, verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import intervals, separable
from labctl.analysis.quantiles import excess_limit, student_95
from labctl.analysis.slow_noise import Spread
from labctl.results import Value

__all__ = [
    "ROUNDING", "Minimum", "Quantity", "Stakes", "akaike", "explore", "join", "open_sides",
    "real_covariance", "stuck", "values",
]  # fmt: skip

Array = NDArray[np.float64]

_MOST_DESCENTS = 4  # profiles may run into lower minima so often
ROUNDING = 1e-13  #: least residual that means anything, as a share of the data


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parameter as the search counts it and as it is reported."""

    name: str
    unit: str
    size: float  #: reported value of one unit of the search, or of its exponential
    log: bool = False  #: the search goes by the logarithm

    def real(self, reduced: float) -> float:
        """Return the value to be reported."""
        return (math.exp(reduced) if self.log else reduced) * self.size

    def slope(self, reduced: float) -> float:
        """Return d(reported)/d(reduced)."""
        return (math.exp(reduced) if self.log else 1.0) * self.size


@dataclass(frozen=True, slots=True)
class Stakes:
    """What the sum of squares is worth."""

    points: int
    parameters: int
    stated: bool  #: uncertainties are known, not only weights
    unit_s: float  #: weighted sum of squares of one sigma
    lost: float = 0.0  #: sum of squares that no curve can lower and the search leaves out
    least: float = 0.0  #: sum of squares that is rounding only
    variance: float | None = None  #: of a point of weight 1, where it comes from elsewhere

    @property
    def dof(self) -> int:
        """Degrees of freedom."""
        return self.points - self.parameters


@dataclass(frozen=True, slots=True)
class Minimum:
    """The best point, in reduced units, and how large one standard deviation is there."""

    problem: separable.Problem
    best: separable.Point
    stakes: Stakes
    chi2: float
    variance: float  #: of a point of weight 1
    scaled: bool  #: the variance comes from the residuals
    excess: bool  #: although sigma was stated
    slow: Spread | None = None  #: the covariance where noise is slow, as the search counts

    @property
    def dof(self) -> float:
        """Degrees of freedom of the variance; infinite where it is known."""
        return self.stakes.dof if self.scaled else math.inf

    @property
    def quantile(self) -> float:
        """Half-width of a 95 % interval in standard errors."""
        return student_95(self.dof)

    @property
    def level(self) -> float:
        """Rise of the sum of squares at the end of a 95 % interval."""
        return self.variance * self.quantile**2

    def levels(self, cov: Array | None) -> float | Array:
        """Return the rise at the end of each parameter's interval, given their covariance."""
        if self.slow is None or cov is None:
            return self.level
        plain = np.maximum(self.variance * np.diag(cov), 1e-300)
        wider = np.diag(self.slow.covariance) / plain * (self.slow.quantile / self.quantile) ** 2
        return np.asarray(self.level * np.maximum(wider, 1.0), float)

    def covariance(self, cov: Array | None) -> Array | None:
        """Return the covariance with slow noise for unit variance, or the plain one."""
        if self.slow is None or cov is None:
            return cov
        honest = self.slow.covariance / self.variance
        root = np.sqrt(np.maximum(np.diag(cov) / np.diag(honest), 1.0))
        return np.asarray(honest * np.outer(root, root), float)

    @property
    def reduced(self) -> Array:
        """All parameters as the search counts them."""
        return np.concatenate((self.best.theta, self.best.c))


def explore(
    problem: separable.Problem,
    stakes: Stakes,
    start: Array | None = None,
    slow: Callable[[separable.Point], Spread | None] | None = None,
) -> tuple[Minimum, tuple[intervals.Profile, ...]]:
    """Return the lowest minimum, and the profiles that start there.

    Parameters
    ----------
    problem
        Curves and data.
    stakes
        What the sum of squares is worth.
    start
        Where to begin; without it on a grid.
    slow
        Gives the covariance with slow noise at a minimum.
    """
    if start is None:
        best = separable.best_of(problem, stakes.least)
    else:
        best = separable.minimise(problem, start, None, stakes.least)
    for _ in range(_MOST_DESCENTS):
        found = weigh(problem, best, stakes)
        cov = intervals.covariance(problem, best)
        if slow is not None:
            found = replace(found, slow=slow(best))
        try:
            widths = half_widths(found, found.covariance(cov))
            return found, intervals.profile(problem, best, found.levels(cov), widths)
        except intervals.LowerFound as lower:
            best = separable.minimise(problem, lower.point.theta, None, stakes.least)
    return found, (intervals.Profile(None, None),) * len(found.reduced)


def weigh(problem: separable.Problem, best: separable.Point, stakes: Stakes) -> Minimum:
    """Compare the residuals with the stated uncertainties."""
    s = max(best.s + stakes.lost, stakes.least)
    chi2 = float(np.float64(s) / stakes.unit_s)
    excess = stakes.stated and not chi2 / stakes.dof <= excess_limit(stakes.dof)
    scaled = excess or not stakes.stated
    variance = s / stakes.dof if scaled else stakes.unit_s
    if stakes.variance is not None:
        variance, scaled, excess = stakes.variance, True, False
    return Minimum(problem, best, stakes, chi2, variance, scaled, excess)


def half_widths(found: Minimum, cov: Array | None) -> Array:
    """Guess how far each profile has to be followed, from the covariance for unit variance."""
    best, count = found.best, len(found.best.theta)
    size = float(np.max(np.abs(best.c))) or 1.0
    usual = np.array([0.3] * count + [0.3 * size] * len(best.c))
    most = np.array([1.0] * count + [10.0 * size] * len(best.c))
    if cov is None:
        return usual
    widths = found.quantile * np.sqrt(found.variance * np.maximum(np.diag(cov), 0.0))
    return np.clip(np.where(np.isfinite(widths), widths, usual), 1e-12 * most, most)


def stuck(found: Minimum, bounds: Array | None) -> tuple[int, ...]:
    """Return the nonlinear parameters that sit at one of the user's bounds, shape (2, count)."""
    if bounds is None:
        return ()
    theta, near = found.best.theta, 1e-9
    at_end = (theta <= bounds[0] + near) | (theta >= bounds[1] - near)
    return tuple(np.flatnonzero(at_end).tolist())


def values(
    quantities: Sequence[Quantity],
    found: Minimum,
    ends: Sequence[intervals.Profile],
    cov: Array | None,
) -> dict[str, Value]:
    """Return the parameters in the units of the data.

    Raises
    ------
    ArithmeticError
        A number is beyond double precision.
    """
    result = {}
    for k, (quantity, end) in enumerate(zip(quantities, ends, strict=True)):
        at = float(found.reduced[k])
        number, slope = quantity.real(at), abs(quantity.slope(at))
        low, high = (None if x is None else quantity.real(x) for x in (end.low, end.high))
        if low is not None and high is not None and low > high:  # a reported value that falls
            low, high = high, low
        sigma = None
        if cov is not None and low is not None and high is not None:
            sigma = float(np.sqrt(found.variance * cov[k, k]) * slope)
        if not all(x is None or math.isfinite(x) for x in (number, low, high, sigma)):
            raise ArithmeticError(quantity.name)
        result[quantity.name] = Value(number, sigma, low, high, quantity.unit)
    return result


def real_covariance(
    quantities: Sequence[Quantity], found: Minimum, cov: Array | None
) -> tuple[tuple[float, ...], ...]:
    """Return the covariance in the units of the data; empty where there is none."""
    if cov is None:
        return ()
    reduced = found.reduced.tolist()
    units = np.array([q.slope(x) for q, x in zip(quantities, reduced, strict=True)])
    real = found.variance * cov * np.outer(units, units)
    return tuple(map(tuple, real.tolist())) if np.all(np.isfinite(real)) else ()


def open_sides(names: Sequence[str], ends: Sequence[intervals.Profile]) -> str:
    """Say which profiles the data leave open, or nothing."""
    words = {(True, False): "below", (False, True): "above", (True, True): "below and above"}
    sides = [(end.low is None, end.high is None) for end in ends]
    found = [f"{name} is open {words[s]}" for name, s in zip(names, sides, strict=True) if any(s)]
    return f"not identifiable: the profile of {', of '.join(found)}" if found else ""


def akaike(chi2: float, points: int, parameters: int, stated: bool) -> float | None:
    """Return Akaike's criterion with the correction for few points.

    -2 ln L is chi2 where sigma is stated, n ln(chi2/n) where only weights are, and then the
    variance counts as a parameter (Hurvich and Tsai, doi:10.1093/biomet/76.2.297).
    """
    free = parameters + (0 if stated else 1)
    if points - free - 1 < 1 or not 0 < chi2 < math.inf:
        return None
    deviance = chi2 if stated else points * math.log(chi2 / points)
    return deviance + 2 * free + 2 * free * (free + 1) / (points - free - 1)


def join(*sentences: str) -> str:
    """Return sentences in one, without empty ones."""
    return "; ".join(sentence for sentence in sentences if sentence)
