"""Residuals: whether their signs look like chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["runs_test"]

_EXACT_UP_TO = 200  # residuals; above it the normal approximation is good to 1e-3


def runs_test(residuals: ArrayLike) -> float | None:
    """Return how likely so few changes of sign are by chance.

    A curve that misses the shape of the data leaves residuals that stay on one side for long; then
    the number of runs of one sign is small. This is the lower tail of the test of Wald and
    Wolfowitz (doi:10.1214/aoms/1177731909), given the numbers of both signs: below 0.01 the model
    is not that of the data, whatever chi2 says.

    Parameters
    ----------
    residuals
        In the order of time. Zeros and numbers that are not finite are left out.

    Returns
    -------
    float or None
        The probability of as many runs or fewer; None when all residuals have one sign, or there
        are fewer than two.

    Examples
    --------
    >>> round(runs_test([1, 1, 1, 1, -1, -1, -1, -1]), 4)
    0.0286
    >>> runs_test([1, 2, 3]) is None
    True
    """
    left = np.ravel(np.asarray(residuals, float))
    signs = left[np.isfinite(left) & (left != 0)] > 0
    above, below = int(np.sum(signs)), int(np.sum(~signs))
    if not above or not below:
        return None
    runs = 1 + int(np.sum(signs[1:] != signs[:-1]))
    exact = above + below <= _EXACT_UP_TO
    return min(1.0, _exact(runs, above, below) if exact else _normal(runs, above, below))


def _exact(runs: int, above: int, below: int) -> float:
    """Sum the probabilities of 2, 3, ... runs."""
    ways = 0
    for count in range(2, runs + 1):
        half, odd = divmod(count, 2)
        if odd:
            ways += math.comb(above - 1, half) * math.comb(below - 1, half - 1)
            ways += math.comb(above - 1, half - 1) * math.comb(below - 1, half)
        else:
            ways += 2 * math.comb(above - 1, half - 1) * math.comb(below - 1, half - 1)
    return ways / math.comb(above + below, above)


def _normal(runs: int, above: int, below: int) -> float:
    """Approximate, with the correction for a whole number."""
    total, pair = above + below, 2.0 * above * below
    mean = 1 + pair / total
    variance = pair * (pair - total) / (total**2 * (total - 1.0))
    if variance <= 0:
        return 1.0
    return 0.5 * math.erfc((mean - runs - 0.5) / math.sqrt(2 * variance))
