"""Random numbers by key instead of by order.

A sequence of random numbers remembers how it was used; a keyed one does not: which device and which
event it is fixes the number. The same history therefore meets the same numbers however its time was
cut into pieces, and a device meets in an array those it would meet alone. Compiled code looks the
same numbers up with `sim_backend.devices.kernels.random`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.kernels import kernels

__all__ = [
    "TABLE_BITS", "Array", "Stream", "Words", "absorbed", "normal_table", "normals_at",
    "single_table", "uniforms_at",
]  # fmt: skip

Array = NDArray[np.float64]
Words = NDArray[np.uint64]

#: a table holds 2 to this power of normal numbers
TABLE_BITS = 16

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_FIRST_MIX, _SECOND_MIX = 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB
_TABLE_SEED = 20
_PAIR = np.array([0, 1], np.uint64)
_LARGEST = 1.0 - 2.0**-53  # float below 1
_KERNELS = "sim_backend.devices.kernels.random"
_NORMALS = "sim_backend.devices.kernels.normals"
_MANY = 2000  # numbers for which compiled code is loaded


def _mixed(word: int) -> int:
    """Scramble 64 bits as SplitMix64 commonly does (Steele et al., 10.1145/2660193.2660195)."""
    word = ((word ^ (word >> 30)) * _FIRST_MIX) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND_MIX) & _MASK
    return word ^ (word >> 31)


def _all_mixed(words: Words) -> Words:
    """Scramble an array of words in the same way."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_FIRST_MIX)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_SECOND_MIX)
    return words ^ (words >> np.uint64(31))


def absorbed(words: Words, part: ArrayLike) -> Words:
    """Take one more part of a key in.

    Parameters
    ----------
    words
        From `Stream.words` or from this function.
    part
        Whole numbers from 0, which broadcast with the words.
    """
    shape = np.broadcast_shapes(np.shape(words), np.shape(part))
    fast = kernels(_KERNELS) if math.prod(shape) >= _MANY else None
    if fast is not None:
        whole = np.broadcast_to(np.asarray(part).astype(np.uint64), shape).ravel()
        found: Words = fast.absorb_all(np.broadcast_to(words, shape).ravel(), whole).reshape(shape)
        return found
    with np.errstate(over="ignore"):
        step = np.uint64(_GOLDEN) * (np.asarray(part).astype(np.uint64) + np.uint64(1))
        return _all_mixed(words + step)


def uniforms_at(words: Words) -> Array:
    """Return the numbers between 0 and 1 of keys taken in, shape of the words."""
    fast = kernels(_KERNELS) if np.size(words) >= _MANY else None
    if fast is not None:
        found: Array = fast.uniforms_of(np.ravel(words)).reshape(np.shape(words))
        return found
    mixed = _finished(words)
    return np.clip((mixed.astype(np.float64) + 0.5) / (_MASK + 1.0), 2.0**-65, _LARGEST)


def normals_at(words: Words) -> Array:
    """Return the standard normal numbers of keys taken in (Box and Muller), shape of the words."""
    fast = kernels(_NORMALS) if np.size(words) >= _MANY else None
    if fast is not None:
        found: Array = fast.normals_of(np.ravel(words)).reshape(np.shape(words))
        return found
    pairs = uniforms_at(absorbed(np.asarray(words)[..., np.newaxis], _PAIR))
    normals: Array = np.sqrt(-2.0 * np.log(pairs[..., 0])) * np.cos(2.0 * np.pi * pairs[..., 1])
    return normals


def _finished(words: Words) -> Words:
    with np.errstate(over="ignore"):
        return _all_mixed(words + np.uint64(_GOLDEN))


class Stream:
    """Random numbers that a key fixes.

    Parameters
    ----------
    seed
        Any whole number; another seed is another stream.
    table
        Take normal numbers from a table of 2^16, at a place that the key without its first part
        fixes, plus the first part (the number of the device). That is several times faster, and
        good enough for teaching and for looking at arrays; but neighbouring devices then meet the
        same numbers one place apart, and no draw is beyond 4.6 standard deviations. Do not take
        statistics from it.

    Examples
    --------
    >>> Stream(1).normal(0, 7) == Stream(1).normal(0, 7)
    True
    """

    def __init__(self, seed: int, *, table: bool = False) -> None:
        self.seed = seed
        self.table = table
        self._start = _mixed((seed & _MASK) ^ _mixed((seed >> 64) & _MASK))
        #: what others looked up lately, to have it at hand; it may be dropped at any time
        self.kept: dict[Any, Any] = {}

    @property
    def start(self) -> int:
        """The word before any key, for compiled code."""
        return self._start

    def uniform(self, *key: int) -> float:
        """Return a number between 0 and 1, both excluded, that the key fixes."""
        return min((self._word(key) + 0.5) / (_MASK + 1.0), _LARGEST)

    def normal(self, *key: int) -> float:
        """Return a standard normal number that the key fixes (Box and Muller)."""
        if self.table:
            place = self._word(key[1:]) + (key[0] if key else 0)
            return float(normal_table()[place & (2**TABLE_BITS - 1)])
        radius = math.sqrt(-2.0 * math.log(self.uniform(*key, 0)))
        return radius * math.cos(2.0 * math.pi * self.uniform(*key, 1))

    def _word(self, key: tuple[int, ...]) -> int:
        word = self._start
        for part in key:
            word = _mixed((word + _GOLDEN * (part + 1)) & _MASK)
        return _mixed((word + _GOLDEN) & _MASK)

    def words(self, *key: ArrayLike) -> Words:
        """Return the words of keys taken in so far, for `absorbed` and compiled code.

        What many keys begin with is worth keeping: ``uniforms_at(absorbed(stream.words(a), b))`` is
        ``stream.uniforms(a, b)``.
        """
        words = np.asarray(self._start, np.uint64)
        for part in key:
            words = absorbed(words, part)
        return words

    def uniforms(self, *key: ArrayLike) -> Array:
        """Return what `uniform` does, for arrays of whole numbers (they are broadcast)."""
        return uniforms_at(self.words(*key))

    def normals(self, *key: ArrayLike) -> Array:
        """Return what `normal` does, for arrays of whole numbers (they are broadcast).

        Examples
        --------
        >>> Stream(1).normals([0, 1], 7)[1] == Stream(1).normal(1, 7)
        np.True_
        """
        if not self.table:
            return normals_at(self.words(*key))
        first = np.asarray(key[0] if key else 0).astype(np.uint64)
        with np.errstate(over="ignore"):
            if all(isinstance(part, int) for part in key[1:]):
                rest = tuple(int(np.asarray(part)) for part in key[1:])
                places = np.add(first, np.uint64(self._word(rest)))
            else:
                places = _finished(self.words(*key[1:])) + first
        taken: Array = normal_table().take(places & np.uint64(2**TABLE_BITS - 1))
        return taken


@lru_cache(maxsize=1)
def normal_table() -> Array:
    """Return the table of normal numbers, the same for all streams.

    Its mean is 0 and its variance 1 but for rounding; its numbers are those of single precision. It
    is small enough to stay in the second cache of a processor, which is what makes it fast.
    """
    drawn = Stream(_TABLE_SEED).normals(np.arange(2**TABLE_BITS))
    table: Array = ((drawn - drawn.mean()) / drawn.std()).astype(np.float32).astype(np.float64)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=1)
def single_table() -> NDArray[np.float32]:
    """Return the numbers of `normal_table` in single precision, which holds them without loss."""
    table = normal_table().astype(np.float32)
    table.setflags(write=False)
    return table
