"""Passes along a hidden Markov chain: forward and backward sums, and the likeliest path.

Compiled twins of the plain functions in `labctl.analysis.markov`; the same tests hold both.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["decode", "passes"]

Array = NDArray[np.float64]


@njit(cache=True)
def passes(b: Array, p: Array, start: Array) -> tuple[float, Array, Array]:
    """Return the log-likelihood, the probability of each state at each time, and the moves."""
    share, scales = _forward(b, p, start)
    moves = _backward(b, p, scales, share)
    return np.sum(np.log(scales)), share, moves


@njit(cache=True)
def _forward(b: Array, p: Array, start: Array) -> tuple[Array, Array]:
    """Return the probability of each state given the samples so far, and the scales."""
    count, states = b.shape
    alpha = np.empty((count, states))
    scales = np.empty(count)
    for n in range(count):
        scale = 0.0
        for j in range(states):
            s = start[j]
            if n:
                s = 0.0
                for i in range(states):
                    s += alpha[n - 1, i] * p[i, j]
            alpha[n, j] = s * b[n, j]
            scale += alpha[n, j]
        for j in range(states):
            alpha[n, j] /= scale
        scales[n] = scale
    return alpha, scales


@njit(cache=True)
def _backward(b: Array, p: Array, scales: Array, alpha: Array) -> Array:
    """Turn `alpha` into the probability given all samples; return the expected moves."""
    count, states = b.shape
    moves = np.zeros((states, states))
    beta = np.ones(states)
    before = np.empty(states)
    for n in range(count - 1, 0, -1):
        for j in range(states):
            beta[j] *= b[n, j] / scales[n]
        for i in range(states):
            s = 0.0
            for j in range(states):
                step = p[i, j] * beta[j]
                moves[i, j] += alpha[n - 1, i] * step
                s += step
            before[i] = s
        for i in range(states):
            beta[i] = before[i]
            alpha[n - 1, i] *= before[i]
    return moves


@njit(cache=True)
def decode(log_b: Array, log_p: Array, log_start: Array) -> NDArray[np.int64]:
    """Return the likeliest path (Viterbi)."""
    count, states = log_b.shape
    came = np.empty((count, states), np.int64)
    score = log_start + log_b[0]
    after = np.empty(states)
    for n in range(1, count):
        for j in range(states):
            best, at = -np.inf, 0
            for i in range(states):
                trial = score[i] + log_p[i, j]
                if trial > best:
                    best, at = trial, i
            after[j] = best + log_b[n, j]
            came[n, j] = at
        for j in range(states):
            score[j] = after[j]
    path = np.empty(count, np.int64)
    path[count - 1] = np.argmax(score)
    for n in range(count - 1, 0, -1):
        path[n - 1] = came[n, path[n]]
    return path
