"""Keyed random numbers for compiled code: those of `sim_backend.devices.stream.Stream`.

A key is taken in part by part; the word in between can be kept, so that what many keys have in
common is scrambled once::

    word = absorb(absorb(np.uint64(stream.start), np.uint64(device)), np.uint64(event))
    factor = 1.0 + sigma * normal(word)          # stream.normal(device, event)

All are equal to those of the stream to the last bits (logarithm and cosine may differ in the last).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "absorb", "absorb_all", "mix", "normal", "normals", "uniform", "uniforms", "uniforms_of",
]  # fmt: skip

Array = NDArray[np.float64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_FIRST_MIX, _SECOND_MIX = np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB)
_S30, _S27, _S31, _ONE, _ZERO = (np.uint64(n) for n in (30, 27, 31, 1, 0))
_WHOLE = 2.0**64
_LARGEST = 1.0 - 2.0**-53


@njit(cache=True)
def mix(word: np.uint64) -> np.uint64:
    """Scramble 64 bits (SplitMix64: Steele et al., 10.1145/2660193.2660195)."""
    word = (word ^ (word >> _S30)) * _FIRST_MIX
    word = (word ^ (word >> _S27)) * _SECOND_MIX
    return word ^ (word >> _S31)


@njit(cache=True)
def absorb(word: np.uint64, part: np.uint64) -> np.uint64:
    """Take the next part of a key in."""
    return mix(word + _GOLDEN * (part + _ONE))


@njit(cache=True)
def uniform(word: np.uint64) -> float:
    """Return the number between 0 and 1 of the key taken in so far."""
    return min((np.float64(mix(word + _GOLDEN)) + 0.5) / _WHOLE, _LARGEST)


@njit(cache=True)
def normal(word: np.uint64) -> float:
    """Return the standard normal number of the key taken in so far."""
    radius = math.sqrt(-2.0 * math.log(uniform(absorb(word, _ZERO))))
    return radius * math.cos(2.0 * math.pi * uniform(absorb(word, _ONE)))


@njit(cache=True)
def absorb_all(words: Words, parts: Words) -> Words:
    """Take one part of a key in for each word; both of shape (n,)."""
    found = np.empty_like(words)
    for k in range(words.shape[0]):
        found[k] = absorb(words[k], parts[k])
    return found


@njit(cache=True)
def uniforms_of(words: Words) -> Array:
    """Return the uniform numbers of words, shape (n,)."""
    found = np.empty(words.shape[0])
    for k in range(words.shape[0]):
        found[k] = uniform(words[k])
    return found


@njit(cache=True)
def uniforms(start: np.uint64, keys: Words) -> Array:
    """Return a uniform number for each row of keys, shape (numbers, parts)."""
    found = np.empty(keys.shape[0])
    for row in range(keys.shape[0]):
        word = start
        for part in range(keys.shape[1]):
            word = absorb(word, keys[row, part])
        found[row] = uniform(word)
    return found


@njit(cache=True)
def normals(start: np.uint64, keys: Words) -> Array:
    """Return a standard normal number for each row of keys, shape (numbers, parts)."""
    found = np.empty(keys.shape[0])
    for row in range(keys.shape[0]):
        word = start
        for part in range(keys.shape[1]):
            word = absorb(word, keys[row, part])
        found[row] = normal(word)
    return found
