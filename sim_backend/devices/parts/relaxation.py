"""Relaxation in closed form: what a state variable does between two events.

Every function here takes a variable from one moment to another without steps in between, and can be
cut anywhere: two dwells of 1 s are one of 2 s, to rounding. A relaxation that is not a single
exponential (stretched, power law) has a memory of its age and cannot be cut, unless it is written
as a sum of exponentials with positive weights; `stretched_terms` and `power_terms` give such sums,
and each term then is a state variable of its own.

All functions are pure and work element by element on arrays of any shapes that broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from labctl.errors import BadInput
from sim_backend.devices.model import Array

__all__ = [
    "activated", "activation", "decay", "decay_integral", "log_decay", "log_growth", "power_terms",
    "sinh_decay", "stretched_terms", "sum_of_terms",
]  # fmt: skip

#: Boltzmann constant, eV/K (SI, exact)
BOLTZMANN = 1.380649e-23 / 1.602176634e-19

_LARGEST_EXPONENT = 690.0
_FIT_POINTS = 300
_END = 1e-3  # of a stretched exponential down to which it is fitted


def activated(
    tau: ArrayLike, energy: ArrayLike, temperature: ArrayLike, reference: ArrayLike
) -> Array:
    """Return a time constant at another temperature, s: tau exp(E/k (1/T - 1/T0)) (Arrhenius).

    Parameters
    ----------
    tau
        At the reference temperature, s.
    energy
        Activation energy, eV; 0 for none.
    temperature, reference
        T and T0, K, above 0.

    Examples
    --------
    >>> f"{float(activated(0.1, 0.7, 310.0, 300.0)):.4f}"
    '0.0418'
    """
    inverse = 1.0 / np.asarray(temperature, np.float64) - 1.0 / np.asarray(reference, np.float64)
    exponent = np.asarray(energy, np.float64) / BOLTZMANN * inverse
    return np.asarray(tau, np.float64) * np.exp(np.clip(exponent, -_LARGEST_EXPONENT, 600.0))


@lru_cache(maxsize=1024)
def activation(energy: float, temperature: float, reference: float) -> float:
    """Return by how much a time constant is longer at another temperature: `activated` of 1 s.

    Parameters
    ----------
    energy, temperature, reference
        As for `activated`, plain numbers.

    Examples
    --------
    >>> f"{activation(0.7, 310.0, 300.0):.4f}"
    '0.4175'
    """
    return float(activated(1.0, energy, temperature, reference))


def decay(x: ArrayLike, duration: ArrayLike, tau: ArrayLike, to: ArrayLike = 0.0) -> Array:
    """Return what is left of an exponential relaxation: dx/dt = -(x - to) / tau.

    Parameters
    ----------
    x
        Value at the start.
    duration
        s; infinite gives `to`.
    tau
        Time constant, s; infinite for none.
    to
        Where it goes.
    """
    target = np.asarray(to, np.float64)
    ratio = np.asarray(duration, np.float64) / np.asarray(tau, np.float64)
    # like this nothing is lost to rounding, neither at the start nor far down the tail
    return np.asarray(x, np.float64) * np.exp(-ratio) - target * np.expm1(-ratio)


def decay_integral(x: ArrayLike, duration: ArrayLike, tau: ArrayLike, to: ArrayLike = 0.0) -> Array:
    """Return the integral over time of what `decay` describes, in units of x times s.

    to t + (x - to) tau (1 - exp(-t / tau))

    Parameters
    ----------
    x, duration, tau, to
        As for `decay`; the duration must be finite.
    """
    target, length = np.asarray(to, np.float64), np.asarray(duration, np.float64)
    ratio = length / np.asarray(tau, np.float64)
    # (1 - exp(-r)) / r, which is 1 for an infinite tau
    share = np.where(ratio > 0, -np.expm1(-ratio) / np.where(ratio > 0, ratio, 1.0), 1.0)
    return length * (target + (np.asarray(x, np.float64) - target) * share)


def log_decay(x: ArrayLike, duration: ArrayLike, rate: ArrayLike, scale: ArrayLike) -> Array:
    """Return what is left of a loss whose rate is exponential in what is left.

    dx/dt = -rate exp(x / scale), for positive x, until zero is reached. In the logarithm of time
    this is a straight line: charge leaves a trap or a floating gate like that.

    Parameters
    ----------
    x
        Value at the start; a negative one rises to zero as its mirror image falls.
    duration
        s.
    rate
        Of the loss just before zero, units of x per s.
    scale
        Amount that makes the loss e times faster, units of x.
    """
    start, width = np.asarray(x, np.float64), np.asarray(scale, np.float64)
    left = np.abs(start) / width
    gone = np.asarray(rate, np.float64) * np.asarray(duration, np.float64) / width
    # -ln(exp(-y) + a) = y - ln(1 + a exp(y)): exact where nothing has gone yet
    after = left - _log1p_exp(left, gone)
    return np.sign(start) * width * np.maximum(after, 0.0)


def log_growth(x: ArrayLike, duration: ArrayLike, rate: ArrayLike, scale: ArrayLike) -> Array:
    """Return a gain that slows down exponentially with what has been gained.

    dx/dt = rate exp(-x / scale), so that x = scale ln(exp(x0 / scale) + rate t / scale): injection
    into a floating gate, whose charge opposes the field that drives it.

    Parameters
    ----------
    x
        Value at the start.
    duration
        s.
    rate
        At x = 0, units of x per s.
    scale
        Gain that makes it e times slower, units of x.
    """
    width = np.asarray(scale, np.float64)
    start = np.asarray(x, np.float64) / width
    added = np.asarray(rate, np.float64) * np.asarray(duration, np.float64) / width
    return width * (start + _log1p_exp(-start, added))


def _log1p_exp(y: Array, a: Array) -> Array:
    """Return ln(1 + a exp(y)) without overflow, for a >= 0."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(0.0, y + np.log(a))


def sinh_decay(x: ArrayLike, duration: ArrayLike, rate: ArrayLike, scale: ArrayLike) -> Array:
    """Return what is left of a loss by field-driven hopping, smooth through zero.

    dx/dt = -2 rate sinh(x / scale), so that tanh(x / (2 scale)) falls as exp(-2 rate t / scale):
    straight in the logarithm of time while x is many times the scale, like `log_decay`, and
    exponential at last.

    Parameters
    ----------
    x, duration, rate, scale
        As for `log_decay`.
    """
    start, width = np.asarray(x, np.float64), np.asarray(scale, np.float64)
    y = np.abs(start) / width
    turns = 2.0 * np.asarray(rate, np.float64) * np.asarray(duration, np.float64) / width
    # With m = tanh(y/2) exp(-turns) the result is ln((1 + m) / (1 - m)) = ln(1 + 2 m / (1 - m));
    # times (1 + exp(-y)), 2 m and 1 - m are sums of positive terms, so nothing cancels.
    kept, small = np.exp(-turns), np.exp(-y)
    below = np.maximum(-np.expm1(-turns) + small * (1.0 + kept), 1e-300)
    after = np.log1p(2.0 * kept * -np.expm1(-y) / below)
    return np.sign(start) * width * np.where(turns > 0, np.minimum(after, y), y)


def sum_of_terms(t: ArrayLike, weights: ArrayLike, times: ArrayLike) -> Array:
    """Return sum of w_i exp(-t / t_i) at times t, shape of t.

    Parameters
    ----------
    t
        Times, s or relative.
    weights, times
        As `stretched_terms` and `power_terms` return them.
    """
    ratio = np.asarray(t, np.float64)[..., np.newaxis] / np.asarray(times, np.float64)
    total: Array = np.exp(-ratio) @ np.asarray(weights, np.float64)
    return total


@lru_cache(maxsize=64)
def stretched_terms(
    beta: float, decades: float | None = None, terms: int = 8
) -> tuple[Array, Array]:
    """Write a stretched exponential exp(-t^beta) as a sum of exponentials.

    The weights are positive and add up to 1, so each term is a fraction of the whole with a time
    constant of its own. (A stretched exponential is such a mixture, with a continuous density:
    Johnston, Phys. Rev. B 74, 184430, 2006, 10.1103/PhysRevB.74.184430.)

    Parameters
    ----------
    beta
        Stretching exponent, 0.2 to 1.
    decades
        Range of time that is fitted, up to where 1e-3 is left; None begins where 6e-4 has gone.
    terms
        Number of exponentials at most.

    Returns
    -------
    tuple of ndarray
        Weights, and time constants in units of that of the stretched exponential, both read-only.
        With the defaults the sum is off by less than 5e-3 at any time (1.5e-2 for a beta below
        0.3); with 6 terms by less than 2.5e-2, with 12 by less than 4e-3.

    Raises
    ------
    BadInput
        The exponent is outside its range.
    """
    if not 0.2 <= beta <= 1.0:
        raise BadInput(f"a stretching exponent of {beta:g} was asked for; give 0.2 to 1")
    if beta == 1.0:
        return _kept(np.ones(1), np.ones(1))
    last = math.log10(-math.log(_END)) / beta
    first = -3.2 / beta if decades is None else last - decades
    start = np.linspace(max(-2.2 / beta, first + 0.3), 1.8 / beta - 1.0, terms)
    return _fitted(lambda t: np.exp(-(t**beta)), first, last, start)


@lru_cache(maxsize=64)
def power_terms(nu: float, decades: float = 10.0, terms: int = 12) -> tuple[Array, Array]:
    """Write a power law (1 + t)^-nu as a sum of exponentials.

    Parameters
    ----------
    nu
        Exponent, above 0 and up to 3.
    decades
        The sum follows from t = 0 to 10^decades; after that it falls faster.
    terms
        Number of exponentials at most.

    Returns
    -------
    tuple of ndarray
        Weights (positive, adding up to 1) and relative time constants, read-only. With the defaults
        the sum is off by less than 2e-3.

    Raises
    ------
    BadInput
        The exponent is outside its range.
    """
    if not 0.0 < nu <= 3.0:
        raise BadInput(f"a power law of exponent -{nu:g} was asked for; give one above 0, up to 3")
    # what little is left of a steep one is not worth a term
    last = min(decades, 4.5 / nu)
    start = np.linspace(-0.5, last + 0.5, terms)
    return _fitted(lambda t: (1.0 + t) ** -nu, -3.0, last, start)


def _fitted(
    curve: Callable[[Array], Array], first: float, last: float, start: Array
) -> tuple[Array, Array]:
    """Fit a sum of exponentials to a curve from 0 to 10^last.

    Non-negative weights are the best ones for the time constants; these are moved by least squares.
    """
    from scipy.optimize import least_squares, nnls

    t = np.concatenate([[0.0], 10.0 ** np.linspace(first, last, _FIT_POINTS)])
    y = curve(t)

    def weighed(powers: Array) -> tuple[Array, Array]:
        matrix = np.exp(-t[:, np.newaxis] / 10.0**powers)
        # the last row, weighted heavily, asks for a sum of 1
        heavy = np.vstack([matrix, np.full((1, len(powers)), 1e3)])
        return nnls(heavy, np.append(y, 1e3))[0], matrix

    def residuals(powers: Array) -> Array:
        weights, matrix = weighed(powers)
        left: Array = matrix @ weights - y
        return left

    bounds = (float(start[0]) - 2.0, float(start[-1]) + 2.0)
    powers = least_squares(residuals, start, bounds=bounds, x_scale=0.3, max_nfev=40).x
    return _kept(weighed(powers)[0], 10.0**powers)


def _kept(weights: Array, times: Array) -> tuple[Array, Array]:
    """Return the terms that weigh anything, in order, safe against being written to."""
    order = np.argsort(times)
    order = order[weights[order] > 0]
    weights, times = weights[order] / weights.sum(), times[order]
    weights.setflags(write=False)
    times.setflags(write=False)
    return weights, times
