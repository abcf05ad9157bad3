"""Dwell times: how long a chain of states stays in each, and whether that is a single rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.formula import Definition

__all__ = [
    "DEFINITIONS_DWELL", "dwell_interval", "exponential_share", "mean_dwells", "runs",
]  # fmt: skip

Array = NDArray[np.float64]
Path = NDArray[np.int64]

_DRAWS = 499
_MOST_RUNS = 4000  # used in the test of a single rate
_FEWEST_RUNS = 8

DEFINITIONS_DWELL = (
    Definition(
        "dwell-time-mean",
        "tau_k = -1/Q_kk with P = exp(Q dt)",
        "P are the transition probabilities between two samples of the hidden Markov model, Q the "
        "rates that give them. So visits shorter than a sample interval are allowed for, where the "
        "mean of the dwell times seen would be too long. The 95 % interval is that of a rate from "
        "as many events as the information in the record is worth.",
        unit="s",
        doi="10.1109/5.18626",
        source="Rabiner, Proc. IEEE 1989, 77, 257; interval after Cox, Biometrika 1953, 40, 354",
        code="labctl.analysis.telegraph.fit_telegraph",
        quantity="dwell time",
    ),
    Definition(
        "capture-and-emission-time",
        "tau_c = mean dwell at the higher level, tau_e = mean dwell at the lower level",
        "For a trap that lowers the current or the conductance when it is filled: the higher level "
        "lasts until a capture, the lower one until an emission.",
        unit="s",
        doi="10.1080/00018738900101122",
        source="Kirton and Uren, Adv. Phys. 1989, 38, 367",
        code="labctl.analysis.telegraph.Telegraph.capture",
        quantity="capture and emission time",
    ),
)


def mean_dwells(p: Array, dt: float) -> Array:
    """Return the mean dwell time of each state in continuous time.

    Parameters
    ----------
    p
        Transition probabilities between two samples.
    dt
        Sample interval, s.

    Returns
    -------
    array
        Seconds. Where no continuous chain gives these transitions (a state is left faster than it
        is sampled), the mean of the dwell times seen, dt/(1 - p_kk).
    """
    seen = dt / np.maximum(1 - np.diag(p), 1e-300)
    if len(p) == 2:
        a, b = float(p[0, 1]), float(p[1, 0])
        if not 0 < a + b < 1:
            return seen
        total = -math.log1p(-a - b) / (a + b)
        return np.array([dt / max(a * total, 1e-300), dt / max(b * total, 1e-300)])
    values, vectors = np.linalg.eig(p)
    # a logarithm there is, unless an eigenvalue is negative
    if np.any((np.abs(values.imag) < 1e-12) & (values.real <= 0)):
        return seen
    logs = np.log(values.astype(complex))
    rates = (vectors @ np.diag(logs) @ np.linalg.pinv(vectors)).real / dt
    leaving = -np.diag(rates)
    return np.where(leaving > 0, 1 / np.maximum(leaving, 1e-300), seen)


def dwell_interval(tau: float, variance: float) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a mean dwell time.

    Parameters
    ----------
    tau
        Estimate, s.
    variance
        Of ln(tau). Its inverse is the number of events that the information is worth.

    Returns
    -------
    tuple
        2 n tau over the quantiles of chi2 with 2 n + 1 degrees of freedom (Cox, Biometrika 1953,
        40, 354); None where there is less than half an event.
    """
    from scipy.special import chdtri

    if not (math.isfinite(variance) and 0 < variance <= 2):
        return None, None
    events = 1 / variance
    low, high = (2 * events * tau / float(chdtri(2 * events + 1, q)) for q in (0.025, 0.975))
    return low, high


def runs(path: Path) -> tuple[Path, Path]:
    """Return state and length, in samples, of each whole visit; the first and last are cut off."""
    edges = np.flatnonzero(np.diff(path)) + 1
    bounds = np.concatenate(([0], edges, [len(path)]))
    lengths, states = np.diff(bounds), path[bounds[:-1]]
    return states[1:-1], lengths[1:-1]


def exponential_share(lengths: Path, least: int) -> float | None:
    """Return how often a single rate would give dwell times as uneven, or as even, as these.

    The statistic is Greenwood's, sum(d^2)/(sum d)^2, two-sided, against geometric dwell times with
    the same mean, drawn always alike.

    Parameters
    ----------
    lengths
        Dwell times in samples.
    least
        Shortest visit that is seen for certain; shorter ones are left out and this much is taken
        off the others, which changes nothing for a single rate.

    Returns
    -------
    float or None
        A p-value; None for fewer than eight visits.
    """
    excess = lengths[lengths >= least][:_MOST_RUNS] - (least - 1)
    if len(excess) < _FEWEST_RUNS:
        return None
    rng = np.random.default_rng(0)
    drawn = rng.geometric(min(1.0, len(excess) / float(np.sum(excess))), (_DRAWS, len(excess)))
    seen, others = _greenwood(excess[None, :])[0], _greenwood(drawn)
    above, below = np.sum(others >= seen), np.sum(others <= seen)
    return min(1.0, 2 * (1 + float(min(above, below))) / (1 + _DRAWS))


def _greenwood(lengths: Path) -> Array:
    d = lengths.astype(float)
    ratio: Array = np.sum(d**2, axis=1) / np.sum(d, axis=1) ** 2
    return ratio
