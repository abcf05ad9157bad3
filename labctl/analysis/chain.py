"""Chains of levels in white noise: the likeliest parameters, and what they are worth.

The parameters climb by Baum-Welch (Rabiner, doi:10.1109/5.18626); their covariance is the inverse
of the curvature of the likelihood, from differences of its slopes, which the same sums give
(Fisher's identity; Louis, doi:10.1111/j.2517-6161.1982.tb01203.x). Samples are centred and in units
of their spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.dwell import mean_dwells
from labctl.analysis.markov import passes, stationary

__all__ = ["Chain", "curvature_covariance", "search"]

Array = NDArray[np.float64]
Told = NDArray[np.bool_]

_ROUNDS = 500  # of Baum-Welch
_TRIAL = 30  # rounds for each start
_FLAT = 1e-6  # rise of the log-likelihood in a round that ends the search
_SMOOTHINGS = (1, 5, 25)  # samples averaged to find a start
_SELDOM = 0.5  # expected moves below which a rate is not told by the data


@dataclass(frozen=True, slots=True)
class Chain:
    """Levels, noise and the probabilities to move between two samples."""

    mu: Array
    sigma: float
    p: Array

    @property
    def free(self) -> int:
        """Number of parameters."""
        k = len(self.mu)
        return k + 1 + k * (k - 1)

    def emissions(self, y: Array) -> tuple[Array, float]:
        """Return densities scaled to one at each sample, and the logarithm of the scales."""
        logs = -0.5 * ((y[:, None] - self.mu) / self.sigma) ** 2
        top = np.max(logs, axis=1)
        constant = len(y) * (math.log(self.sigma) + 0.5 * math.log(2 * math.pi))
        # a state that is out of the question still keeps the sums positive
        return np.maximum(np.exp(logs - top[:, None]), 1e-280), float(np.sum(top)) - constant

    def sums(self, y: Array) -> tuple[float, Array, Array]:
        """Return log-likelihood, share of each state at each sample, and expected moves."""
        b, scale = self.emissions(y)
        total, share, moves = passes(b, self.p, stationary(self.p))
        return total + scale, share, moves


def search(y: Array, count: int) -> tuple[float, Chain] | None:
    """Return log-likelihood and chain of `count` levels, the likeliest from several starts.

    None when there is no start in which every level has samples.
    """
    found: list[tuple[float, Chain]] = []
    for window in _SMOOTHINGS:
        start = _start(y, count, window)
        if start is not None:
            found.append(_climb(y, start, _TRIAL))
    if not found:
        return None
    best = max(found, key=lambda pair: pair[0])[1]
    total, chain = _climb(y, best, _ROUNDS)
    order = np.argsort(chain.mu)
    return total, Chain(chain.mu[order], chain.sigma, chain.p[np.ix_(order, order)])


def _start(y: Array, count: int, window: int) -> Chain | None:
    """Group running means around levels, and count the moves between the groups."""
    smooth = np.convolve(y, np.full(window, 1 / window), "valid")
    low, high = np.quantile(smooth, (0.01, 0.99))
    mu = np.linspace(low, high, 2 * count + 1)[1::2]
    for _ in range(50):
        group = np.argmin(np.abs(smooth[:, None] - mu), axis=1)
        sizes = np.bincount(group, minlength=count)
        if np.any(sizes == 0):
            return None
        mu, before = np.bincount(group, smooth, minlength=count) / sizes, mu
        if np.allclose(mu, before):
            break
    moves = np.full((count, count), 0.5)
    np.add.at(moves, (group[:-1], group[1:]), 1)
    near = y[window // 2 : window // 2 + len(group)]
    sigma = max(float(np.std(near - mu[group])), 1e-6)
    return Chain(mu, sigma, moves / np.sum(moves, axis=1, keepdims=True))


def _climb(y: Array, chain: Chain, rounds: int) -> tuple[float, Chain]:
    """Baum-Welch."""
    total, share, moves = chain.sums(y)
    for _ in range(rounds):
        weight = np.sum(share, axis=0)
        mu = (y @ share) / np.maximum(weight, 1e-300)
        spread = float(np.sum(share * (y[:, None] - mu) ** 2)) / len(y)
        left = np.maximum(np.sum(moves, axis=1, keepdims=True), 1e-300)
        p = np.maximum(moves / left, 1e-12)
        trial = Chain(mu, max(math.sqrt(spread), 1e-8), p / np.sum(p, axis=1, keepdims=True))
        before = total
        total, share, moves = trial.sums(y)
        if total < before:  # rounding
            return before, chain
        chain = trial
        if total - before < _FLAT:
            break
    return total, chain


def _score(y: Array, theta: Array, moves_told: Told, chain: Chain) -> Array:
    """Return d(ln L)/d(theta) by Fisher's identity."""
    at = _placed(theta, moves_told, chain)
    _, share, moves = at.sums(y)
    apart = (y[:, None] - at.mu) / at.sigma
    by_mu = np.sum(share * apart, axis=0) / at.sigma
    by_sigma = float(np.sum(share * apart**2)) - len(y)
    by_rate = (moves - at.p * np.sum(moves, axis=1, keepdims=True))[moves_told]
    return np.concatenate((by_mu, [by_sigma], by_rate))


def _placed(theta: Array, told: Told, chain: Chain) -> Chain:
    """Return the chain at theta: levels, ln sigma, and the logits of the moves that are told."""
    k = len(chain.mu)
    logits = np.log(chain.p / np.diag(chain.p)[:, None])
    logits[told] = theta[k + 1 :]
    p = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return Chain(theta[:k], math.exp(theta[k]), p / np.sum(p, axis=1, keepdims=True))


def curvature_covariance(y: Array, chain: Chain, dt: float) -> tuple[Array | None, Told]:
    """Return what the parameters are worth.

    Parameters
    ----------
    y
        Samples, centred and in units of their spread.
    chain
        The likeliest one.
    dt
        Sample interval, s.

    Returns
    -------
    array or None
        Covariance of the levels, sigma and the logarithms of the dwell times; None where the
        likelihood has no maximum there.
    array
        Which moves the data tell anything about.
    """
    moves = chain.sums(y)[2]
    told = (moves > _SELDOM) & ~np.eye(len(moves), dtype=bool)
    logits = np.log(chain.p / np.diag(chain.p)[:, None])[told]
    theta = np.concatenate((chain.mu, [math.log(chain.sigma)], logits))
    size = np.full(len(theta), 1e-3 * chain.sigma)
    size[len(chain.mu)] = 1e-4
    size[len(chain.mu) + 1 :] = 1e-3
    columns = []
    for k, h in enumerate(size):
        step = h * np.eye(len(theta))[k]
        up, down = (_score(y, theta + side * step, told, chain) for side in (1, -1))
        columns.append((down - up) / (2 * h))
    information = np.array(columns)
    information = (information + information.T) / 2
    inverse = _inverse(information)
    if inverse is None:
        return None, told
    by = np.zeros((2 * len(chain.mu) + 1, len(theta)))
    by[: len(chain.mu), : len(chain.mu)] = np.eye(len(chain.mu))
    by[len(chain.mu), len(chain.mu)] = chain.sigma
    for k in range(len(chain.mu) + 1, len(theta)):
        step = 1e-4 * np.eye(len(theta))[k]
        up, down = (
            np.log(mean_dwells(_placed(theta + side * step, told, chain).p, dt)) for side in (1, -1)
        )
        by[len(chain.mu) + 1 :, k] = (up - down) / 2e-4
    return by @ inverse @ by.T, told


def _inverse(information: Array) -> Array | None:
    """Return the inverse of a positive matrix, None where it is not one."""
    diagonal = np.diag(information)
    if not np.all(np.isfinite(information)) or np.any(diagonal <= 0):
        return None
    scale = np.sqrt(np.outer(diagonal, diagonal))
    scaled = information / scale
    if np.min(np.linalg.eigvalsh(scaled)) <= 1e-12:
        return None
    inverse: Array = np.linalg.inv(scaled) / scale
    return inverse
