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

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_SLOW_NOISE", "Spread", "criterion", "spread"]

Array = NDArray[np.float64]

_SIZES = np.concatenate(([0.0], np.geomspace(1e-3, 1e3, 25)))  # K over the white variance
_MOST = 300  # rows; more are grouped, since the cost is that of an eigenvalue problem
_NEAR = 1 / 3  # of the smallest distance: below it, noise is white
_SPAN = 10.0  # T over the length of the record; it only shifts what an amplitude has in common
_WITHIN = 0.223  # exp(-3/2): geometric mean distance in a stretch of length one
_INSIDE = 0.95
_SINGULAR = 1e-13  # of the largest slope: below it, parameters are not independent

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
    Definition(
        "criterion-with-slow-noise",
        "AICc = sum_k p_k (n ln(r' P_k r/n) + ln|V_k|) + 2 q + 2 q (q + 1)/(n - q - 1), "
        "V_k = 1 + k F",
        "Akaike's criterion with the correction for few points, of residuals with white noise and "
        "1/f noise of a share k, weighted by its restricted likelihood p_k: P_k leaves what a fit "
        "that knows V_k would leave. The q parameters are those of the law, the variance and k. "
        "Independent residuals are the case k = 0, so a law wins by what it explains beyond slow "
        "noise.",
        doi="10.1093/biomet/76.2.297",
        source="AICc: Hurvich and Tsai, Biometrika 1989, 76, 297",
        code="labctl.analysis.slow_noise.criterion",
        quantity="criterion of a law",
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
    longest: Array  #: T of the row's record
    record: Array  #: number of the record; no two records share noise
    size: Array  #: of slow noise
    slopes: Array  #: shape (rows, p)
    left: Array  #: residuals


def spread(
    t: Array, slopes: Array, left: Array, size: Array, record: Array | None = None
) -> Spread | None:
    """Return the covariance of a least-squares fit whose residuals hold 1/f noise.

    Parameters
    ----------
    t
        Times, rising in each record, shape (n,).
    slopes
        Weighted derivatives of the curve by its parameters, shape (n, p).
    left
        Weighted residuals, shape (n,).
    size
        What the slow noise is in proportion to, weighted alike, shape (n,).
    record
        Number of the record of each row, shape (n,), the rows of a record together; None is one.
        Records share the size of their noise, but not the noise.

    Returns
    -------
    Spread or None
        None where there are too few points or the parameters are not independent.
    """
    count, parameters = slopes.shape
    if count < parameters + 3:
        return None
    triangle = np.linalg.qr(slopes, mode="r")
    if np.min(np.abs(np.diag(triangle))) <= _SINGULAR * np.max(np.abs(triangle)):
        return None
    rows = _grouped(t, slopes, left, size, record)
    if rows is None:
        return None
    inverse = np.linalg.inv(triangle)
    return _averaged(rows, (inverse @ inverse.T) @ rows.slopes.T)


def criterion(
    t: Array, slopes: Array, left: Array, size: Array, record: Array | None = None
) -> float | None:
    """Return Akaike's criterion, with the correction for few points, of a fit with slow noise.

    Of residuals r = left with covariance s^2 V, V = 1 + k F, -2 ln L is n ln(r' P r/n) + ln |V|,
    P = V^-1 - V^-1 J (J' V^-1 J)^-1 J' V^-1: r' P r is what a fit that knows V would leave, one
    step from this one. It is the mean over all sizes k, each with its restricted likelihood, which
    does not take for a law what a law has taken from the noise; k and s^2 count as parameters.

    Parameters
    ----------
    t, slopes, left, size, record
        As for `spread`; parameters that the data do not tell apart count all the same.

    Returns
    -------
    float or None
        None where there are too few points, or nothing that slow noise could be in proportion to.
    """
    rows = _grouped(t, np.nan_to_num(slopes, posinf=0.0, neginf=0.0), left, size, record)
    count, free = len(left) if rows is None else len(rows.t), int(slopes.shape[1]) + 2
    if rows is None or count - free - 1 < 1 or not np.all(np.isfinite(left)):
        return None
    shared = _shared(rows)
    sizes = np.maximum(np.linalg.eigvalsh(shared), 0.0)
    sums, volume = _likelihood(rows, shared)
    if not np.all(sums > 0):
        return None
    share = _shares(sums, volume, count - free + 2)
    whole = np.sum(np.log1p(_SIZES[:, None] * sizes), axis=1)
    surprise = float(share @ (count * np.log(sums / count) + whole))
    return surprise + 2 * free + 2 * free * (free + 1) / (count - free - 1)


def _grouped(
    t: Array, slopes: Array, left: Array, size: Array, record: Array | None
) -> _Rows | None:
    """Return rows, neighbours taken together where there are many; None without slow noise."""
    unit = float(np.sqrt(np.mean(size**2))) if len(t) else 0.0
    record = np.zeros(len(t)) if record is None else record
    parts = []
    for one in np.unique(record):
        own = record == one
        if unit <= 0 or np.ptp(t[own]) <= 0:
            return None
        most = _MOST * int(np.sum(own)) / len(t) if len(t) > _MOST else math.inf
        parts.append(_record(t[own], slopes[own], left[own], size[own] / unit, one, most))
    return _Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _record(t: Array, slopes: Array, left: Array, size: Array, number: float, most: float) -> _Rows:
    """Return the rows of one record, about `most` of them."""
    gaps = np.diff(t)
    near = _NEAR * float(np.min(gaps[gaps > 0]))
    every = np.ones(len(t))
    longest = _SPAN * float(np.ptp(t))
    if most >= len(t):
        return _Rows(t, near * every, longest * every, number * every, size, slopes, left)
    passed = np.log1p((t - t[0]) / near)
    place = np.arange(len(t)) / len(t) + passed / passed[-1]
    starts = np.flatnonzero(np.diff(np.floor(place * most / 2), prepend=-1.0))
    root = np.sqrt(np.diff(np.append(starts, len(t))))  # keeps the variance of white noise
    ends = np.append(starts[1:], len(t)) - 1
    times, amounts, residuals = (
        np.add.reduceat(part, starts) / root for part in (t, size, left)
    )  # fmt: skip
    every = np.ones(len(starts))
    return _Rows(
        times / root, np.maximum(near, _WITHIN * (t[ends] - t[starts])), longest * every,
        number * every, amounts, np.add.reduceat(slopes, starts, axis=0) / root[:, None], residuals,
    )  # fmt: skip


def _shared(rows: _Rows) -> Array:
    """Return the covariance of slow noise of unit K."""
    apart = np.abs(rows.t[:, None] - rows.t[None, :])
    apart = np.maximum(apart, np.sqrt(np.outer(rows.least, rows.least)))
    same = rows.record[:, None] == rows.record[None, :]
    common = np.where(same, np.log(rows.longest[:, None] / apart), 0.0)
    return np.asarray(np.outer(rows.size, rows.size) * common, float)


def _likelihood(rows: _Rows, shared: Array) -> tuple[Array, Array]:
    """Return, for each size, the sum of squares with it and the logarithm of what it spans."""
    left, values, _ = np.linalg.svd(rows.slopes, full_matrices=True)
    rank = int(np.sum(values > _SINGULAR * np.max(values, initial=0.0)))
    across = left[:, rank:]
    values, vectors = np.linalg.eigh(across.T @ shared @ across)
    power = (vectors.T @ (across.T @ rows.left)) ** 2
    scale = 1 + _SIZES[:, None] * np.maximum(values, 0.0)
    return np.sum(power / scale, axis=1), np.sum(np.log(scale), axis=1)


def _shares(sums: Array, volume: Array, free: int) -> Array:
    """Return the restricted likelihood of every size, all together one."""
    surprise = free * np.log(np.maximum(sums, 1e-300)) + volume
    share = np.exp((np.min(surprise) - surprise) / 2)
    return np.asarray(share / np.sum(share), float)


def _averaged(rows: _Rows, lever: Array) -> Spread:
    """Return the mean covariance over all sizes of the slow noise, by their likelihood."""
    count, parameters = rows.slopes.shape
    free = count - parameters
    shared = _shared(rows)
    sums, volume = _likelihood(rows, shared)
    share = _shares(sums, volume, free)
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
