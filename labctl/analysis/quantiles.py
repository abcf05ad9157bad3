"""Quantiles that intervals need, in plain arithmetic (importing scipy.stats costs a second)."""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["excess_limit", "pair_99", "rise_99", "student_95"]

_Z_975 = 1.959963984540054  # normal quantile at 97.5 %
_Z_99 = 2.326347874040841  # normal quantile at 99 %
_Z_999 = 3.090232306167813  # normal quantile at 99.9 %
_EXACT_UP_TO = 200


@lru_cache(maxsize=256)
def student_95(dof: float) -> float:
    """Return the half-width of a central 95 % interval in standard errors.

    Parameters
    ----------
    dof
        Degrees of freedom of the variance estimate; ``math.inf`` when the variance is known.

    Returns
    -------
    float
        The 97.5 % quantile of Student's t. Up to 200 degrees it comes from the finite series of the
        distribution (Abramowitz and Stegun, 26.7.3 and 26.7.4), above from the Cornish-Fisher
        expansion (26.7.5); both are good to 1e-9.

    Examples
    --------
    >>> round(student_95(1), 4), round(student_95(10), 4), round(student_95(math.inf), 4)
    (12.7062, 2.2281, 1.96)
    """
    if dof > _EXACT_UP_TO:
        return _cornish_fisher(dof)
    low, high = 0.0, math.pi / 2  # theta = atan(t / sqrt(dof))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, round(dof)) < 0.95 else (low, middle)
    return math.tan(low) * math.sqrt(round(dof))


def _central(theta: float, dof: int) -> float:
    """Probability of abs(t) <= sqrt(dof) tan(theta): a sum of powers of the cosine."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = dof % 2
    total, term = 0.0, cosine if odd else 1.0
    for k in range(1 + odd, dof, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (theta + sine * total) if odd else sine * total


def _cornish_fisher(dof: float) -> float:
    z = _Z_975
    return (
        z
        + (z**3 + z) / (4 * dof)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * dof**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * dof**3)
    )


def pair_99(dof: float) -> float:
    """Return the rise of chi2, in variances, that two useless parameters reach once in a hundred.

    Parameters
    ----------
    dof
        Degrees of freedom of the variance estimate; ``math.inf`` when the variance is known.

    Returns
    -------
    float
        Twice the 99 % quantile of F for 2 and `dof` degrees, which has a closed form; 9.21 for a
        known variance.

    Examples
    --------
    >>> round(pair_99(math.inf), 2)
    9.21
    """
    return -2 * math.log(0.01) if math.isinf(dof) else dof * (0.01 ** (-2 / dof) - 1)


def excess_limit(dof: int) -> float:
    """Return the reduced chi2 that a true model with true uncertainties exceeds once in a thousand.

    Parameters
    ----------
    dof
        Degrees of freedom, at least one.

    Returns
    -------
    float
        99.9 % quantile of chi2 over `dof`, by the cube-root approximation of Wilson and Hilferty
        (doi:10.1073/pnas.17.12.684), good to 4 % for one degree and better above.
    """
    spread = 2 / (9 * dof)
    return float((1 - spread + _Z_999 * math.sqrt(spread)) ** 3)


def rise_99(count: int, dof: float) -> float:
    """Return the rise of chi2, in variances, that useless parameters reach once in a hundred.

    Parameters
    ----------
    count
        Number of parameters, at least one.
    dof
        Degrees of freedom of the variance estimate; ``math.inf`` when it is known.

    Returns
    -------
    float
        The 99 % quantile of chi2 for `count` degrees by the approximation of Wilson and Hilferty
        (doi:10.1073/pnas.17.12.684), good to 1 %. Where the variance is estimated it becomes
        dof (exp(rise/dof) - 1), as it exactly does for two parameters.

    Examples
    --------
    >>> round(rise_99(3, math.inf), 1)
    11.4
    """
    if count == 2:
        return pair_99(dof)
    spread = 2 / (9 * count)
    rise = count * (1 - spread + _Z_99 * math.sqrt(spread)) ** 3
    return float(rise if math.isinf(dof) else dof * math.expm1(rise / dof))
