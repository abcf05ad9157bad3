"""Slow noise: what 1/f noise of the device does to the errors of a least-squares fit.

Readings of one decay are no independent values. The noise of a memory device is 1/f noise, whose
slow parts are shared by neighbouring readings, so the covariance of a fit that takes its residuals
for independent is too small, by a factor of four for a few decades of time. Here the covariance of
the same fit is worked out with a noise of two parts: a white one, and one whose spectrum is 1/f in
proportion to a stated size (the conductance), so that two readings a time d apart share the
variance K ln(T/d) of it (Radeka, doi:10.1109/TNS.1969.4325473). How large the slow part is, the
residuals say by their restricted likelihood (Patterson and Thompson, doi:10.1093/biomet/58.3.545).
Because few residuals say it badly, the covariance is the mean over all sizes, each with its
likelihood, and an interval holds 95 % of the mixture of Student's t that belongs to them.

A correction by the residuals' own autocorrelations (Newey and West, doi:10.2307/1913610) asks for
readings that are even in time and many times as long as the noise remembers; a decay read evenly in
the logarithm of time has neither.

What is slower than the record is a state of the device and no noise of the fit: it scales all
amplitudes together and is seen by repeats only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_SLOW_NOISE", "Spread", "spread"]

Array = NDArray[np.float64]

_SIZES = np.concatenate(([0.0], np.geomspace(1e-3, 1e3, 25)))  # K over the white variance
_MOST = 300  # rows; more are grouped, since the cost is that of an eigenvalue problem
_NEAR = 1 / 3  # of the smallest distance: below it, noise is white
_SPAN = 10.0  # T over the length of the record; it only shifts what an amplitude has in common
_WITHIN = 0.223  # exp(-3/2): geometric mean distance in a stretch of length one
_INSIDE = 0.95

DEFINITIONS_SLOW_NOISE = (
    Definition(
        "interval-with-slow-noise",
        "C = A J' (sum_k p_k s_k^2 (1 + k F)) J A, A = (J'J)^-1, F_ij = g_i g_j ln(T/|t_i - t_j|)",
        "Covariance of a least-squares fit to readings with white noise and 1/f noise in "
        "proportion to g. The share k of the 1/f noise is weighted by its restricted likelihood "
        "p_k; the 95 % interval is that of the profile, widened to that of the mixture over k of "
        "Student's t.",
        doi="10.1093/biomet/58.3.545",
        source="Patterson and Thompson, Biometrika 1971, 58, 545",
        code="labctl.analysis.slow_noise.spread",
        quantity="interval of a decay's parameter",
    ),
)


class Spread(NamedTuple):
    """The covariance of a fit with slow noise; p parameters."""

    covariance: Array  #: shape (p, p)
    quantile: Array  #: half-widths of 95 % intervals in standard errors, shape (p,)


class _Rows(NamedTuple):
    """Weighted rows in time order; white noise has the same variance in each."""

    t: Array
    least: Array  #: distance below which the noise of a row is white
    size: Array  #: of slow noise
    slopes: Array  #: shape (rows, p)
    left: Array  #: residuals


def spread(t: Array, slopes: Array, left: Array, size: Array) -> Spread | None:
    """Return the covariance of a least-squares fit whose residuals hold 1/f noise.

    Parameters
    ----------
    t
        Times, rising, shape (n,).
    slopes
        Weighted derivatives of the curve by its parameters, shape (n, p).
    left
        Weighted residuals, shape (n,).
    size
        What the slow noise is in proportion to, weighted alike, shape (n,).

    Returns
    -------
    Spread or None
        None where there are too few points or the parameters are not independent.
    """
    count, parameters = slopes.shape
    unit = float(np.sqrt(np.mean(size**2))) if count else 0.0
    if count < parameters + 3 or unit <= 0 or np.ptp(t) <= 0:
        return None
    triangle = np.linalg.qr(slopes, mode="r")
    if np.min(np.abs(np.diag(triangle))) <= 1e-13 * np.max(np.abs(triangle)):
        return None
    rows = _grouped(t, slopes, left, size / unit)
    inverse = np.linalg.inv(triangle)
    return _averaged(rows, (inverse @ inverse.T) @ rows.slopes.T)


def _grouped(t: Array, slopes: Array, left: Array, size: Array) -> _Rows:
    """Return rows, neighbours taken together where there are many."""
    gaps = np.diff(t)
    near = _NEAR * float(np.min(gaps[gaps > 0]))
    if len(t) <= _MOST:
        return _Rows(t, np.full(len(t), near), size, slopes, left)
    passed = np.log1p((t - t[0]) / near)
    place = np.arange(len(t)) / len(t) + passed / passed[-1]
    starts = np.flatnonzero(np.diff(np.floor(place * _MOST / 2), prepend=-1.0))
    root = np.sqrt(np.diff(np.append(starts, len(t))))  # keeps the variance of white noise
    ends = np.append(starts[1:], len(t)) - 1
    times, amounts, residuals = (
        np.add.reduceat(part, starts) / root for part in (t, size, left)
    )  # fmt: skip
    return _Rows(
        times / root, np.maximum(near, _WITHIN * (t[ends] - t[starts])), amounts,
        np.add.reduceat(slopes, starts, axis=0) / root[:, None], residuals,
    )  # fmt: skip


def _shared(rows: _Rows) -> Array:
    """Return the covariance of slow noise of unit K."""
    apart = np.abs(rows.t[:, None] - rows.t[None, :])
    apart = np.maximum(apart, np.sqrt(np.outer(rows.least, rows.least)))
    longest = _SPAN * float(np.ptp(rows.t))
    return np.asarray(np.outer(rows.size, rows.size) * np.log(longest / apart), float)


def _averaged(rows: _Rows, lever: Array) -> Spread:
    """Return the mean covariance over all sizes of the slow noise, by their likelihood."""
    count, parameters = rows.slopes.shape
    free = count - parameters
    shared = _shared(rows)
    across = np.linalg.qr(rows.slopes, mode="complete")[0][:, parameters:]
    values, vectors = np.linalg.eigh(across.T @ shared @ across)
    power = (vectors.T @ (across.T @ rows.left)) ** 2
    scale = 1 + _SIZES[:, None] * np.maximum(values, 0.0)
    sums = np.sum(power / scale, axis=1)
    surprise = free * np.log(np.maximum(sums, 1e-300)) + np.sum(np.log(scale), axis=1)
    share = np.exp((np.min(surprise) - surprise) / 2)
    share /= np.sum(share)
    white = sums / max(free - 2, 1)
    plain, slow = lever @ lever.T, lever @ shared @ lever.T
    covariance = np.sum(share * white) * plain + np.sum(share * white * _SIZES) * slow
    each = sums[:, None] / free * (np.diag(plain) + _SIZES[:, None] * np.diag(slow))
    unit = np.maximum(np.sqrt(np.diag(covariance)), 1e-300)
    return Spread(covariance, _quantile(share, np.sqrt(each) / unit, free))


def _quantile(share: Array, errors: Array, dof: int) -> Array:
    """Return where a mixture of Student's t, each with a standard error, has 95 % inside."""
    from scipy.special import stdtr

    low, high = np.zeros(errors.shape[1]), np.full(errors.shape[1], 1e3)
    for _ in range(60):
        middle = (low + high) / 2
        inside = share @ (2 * stdtr(dof, middle / np.maximum(errors, 1e-300)) - 1)
        low, high = (
            np.where(inside < _INSIDE, middle, low),
            np.where(inside < _INSIDE, high, middle),
        )
    return np.asarray(high, float)
