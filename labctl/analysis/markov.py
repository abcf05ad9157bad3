"""Hidden Markov chains of few states: the sums over all paths, compiled or in plain numpy.

The plain passes run over blocks of the record side by side: within a block step by step, all blocks
at once, then from block to block. So a record of n samples costs about 4 sqrt(n) operations of
numpy, not n. Every function takes the emission probabilities as an array, so it knows nothing of
what is observed. After Rabiner, doi:10.1109/5.18626.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels

__all__ = ["decode", "passes", "stationary"]

Array = NDArray[np.float64]
Path = NDArray[np.int64]

_MODULE = "labctl.analysis.kernels.telegraph"
_TINY = 1e-300


def stationary(p: Array) -> Array:
    """Return the probabilities that a chain with the transitions `p` has in the long run."""
    states = len(p)
    system = np.vstack((p.T - np.eye(states), np.ones(states)))
    found = np.linalg.lstsq(system, np.append(np.zeros(states), 1.0), rcond=None)[0]
    found = np.maximum(found, _TINY)
    share: Array = found / np.sum(found)
    return share


def passes(b: Array, p: Array, start: Array) -> tuple[float, Array, Array]:
    """Sum over all paths, forward and backward.

    Parameters
    ----------
    b
        Probability density of each sample in each state, shape (samples, states), positive.
    p
        Probability to go from state i to state j between two samples.
    start
        Probability of each state at the first sample.

    Returns
    -------
    float
        Logarithm of the likelihood.
    array
        Probability of each state at each sample, given all samples.
    array
        Expected number of moves from state i to state j.
    """
    fast = kernels(_MODULE)
    if fast is not None:
        total, share, moves = fast.passes(b, p, start)
        return float(total), share, moves
    return _plain_passes(b, p, start)


def decode(b: Array, p: Array, start: Array) -> Path:
    """Return the likeliest path of states (Viterbi); arguments as for `passes`."""
    logs = [np.log(np.maximum(part, _TINY)) for part in (b, p, start)]
    fast = kernels(_MODULE)
    if fast is not None:
        path: Path = fast.decode(*logs)
        return path
    return _plain_decode(*logs)


def _blocks(steps: Array) -> Array:
    """Cut matrices (time, ...) into blocks (block, within, ...), the last one filled up."""
    length = max(1, math.isqrt(len(steps)))
    missing = -len(steps) % length
    filler = np.broadcast_to(np.eye(steps.shape[-1]), (missing, *steps.shape[1:]))
    blocks: Array = np.concatenate((steps, filler)).reshape(-1, length, *steps.shape[1:])
    return blocks


def _along(steps: Array, first: Array) -> tuple[Array, Array]:
    """Return first @ M1, first @ M1 @ M2, ... scaled to the sum one, and the logs of the scales."""
    blocks = _blocks(steps)
    whole = blocks[:, 0].copy()
    for k in range(1, blocks.shape[1]):
        whole = whole @ blocks[:, k]
        whole /= np.sum(whole, axis=(1, 2), keepdims=True)
    rows = np.empty((len(blocks), len(first)))
    rows[0] = first
    for k in range(1, len(blocks)):
        row = rows[k - 1] @ whole[k - 1]
        rows[k] = row / np.sum(row)
    found = np.empty((*blocks.shape[:2], len(first)))
    logs = np.empty(blocks.shape[:2])
    for k in range(blocks.shape[1]):
        rows = (rows[:, None, :] @ blocks[:, k])[:, 0, :]
        size = np.sum(rows, axis=1)
        rows = rows / size[:, None]
        found[:, k], logs[:, k] = rows, np.log(size)
    return found.reshape(-1, len(first))[: len(steps)], logs.ravel()[: len(steps)]


def _plain_passes(b: Array, p: Array, start: Array) -> tuple[float, Array, Array]:
    sizes = np.max(b, axis=1, keepdims=True)
    b = b / sizes  # products of a block must not underflow
    first = start * b[0]
    total = math.log(float(np.sum(first))) + float(np.sum(np.log(sizes)))
    first = first / np.sum(first)
    steps = p[None, :, :] * b[1:, None, :]
    if not len(steps):
        return total, first[None, :], np.zeros_like(p)
    later, logs = _along(steps, first)
    alpha = np.vstack((first, later))
    backward, _ = _along(np.swapaxes(steps, 1, 2)[::-1], np.full(len(p), 1 / len(p)))
    beta = np.vstack((backward[::-1], np.full(len(p), 1 / len(p))))
    share = alpha * beta
    share /= np.sum(share, axis=1, keepdims=True)
    both = alpha[:-1, :, None] * steps * beta[1:, None, :]
    both /= np.sum(both, axis=(1, 2), keepdims=True)
    return total + float(np.sum(logs)), share, np.sum(both, axis=0)


def _plain_decode(log_b: Array, log_p: Array, log_start: Array) -> Path:
    """Return the same, sample by sample: it is done once a fit, the passes hundreds of times."""
    states = len(log_p)
    steps = log_p[None, :, :] + log_b[1:, None, :]
    path = np.empty(len(log_b), np.int64)
    score = log_start + log_b[0]
    came = np.empty((len(steps), states), np.int64)
    for n in range(len(steps)):
        trial = score[:, None] + steps[n]
        came[n] = np.argmax(trial, axis=0)
        score = np.max(trial, axis=0)
    path[-1] = int(np.argmax(score))
    for n in range(len(steps), 0, -1):
        path[n - 1] = came[n - 1, path[n]]
    return path
