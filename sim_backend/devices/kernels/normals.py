"""Rows of normal numbers by key, several at a time: those of `kernels.random.normal`.

Box and Muller's transformation needs a logarithm and a cosine for each number. Called one by one
they cost ten times what all else does; here each step is a straight loop over neighbouring numbers,
which the compiler turns into instructions for four or eight of them at a time. The logarithm is
the one of FreeBSD's msun (S. Moshier's and Sun's ``__ieee754_log``: argument split into a power of
two and a factor round 1, then an odd polynomial of f / (2 + f)), the cosine the Taylor series of a
sine over a quarter turn. A number differs from that of `kernels.random.normal` by some 1e-15.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices.kernels.random import absorb, mix

__all__ = ["SCRATCH", "absorb_device", "fill", "normals_of"]

Array = NDArray[np.float64]
Words = NDArray[np.uint64]
Whole = NDArray[np.int64]

#: rows of scratch that `fill` needs
SCRATCH = 4

_BLOCK = 512  # numbers made at a time: what they need stays in the first cache
#: a product and a sum may be rounded once instead of twice, and nothing else
_FUSED = {"contract"}
_GOLDEN, _TWICE_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0x3C6E_F372_FE94_F82A)
_ONE = np.uint64(1)
_SHARE, _HALF_SHARE = 2.0**-64, 2.0**-65
_LARGEST = 1.0 - 2.0**-53

# of a double: place of the exponent, its bits of the fraction, those of 1 and of sqrt(1/2)
_FRACTION, _MANTISSA = np.uint64(52), np.uint64(0x000F_FFFF_FFFF_FFFF)
_UNITY, _ROOT = np.uint64(0x3FF0_0000_0000_0000), np.uint64(0x3FE6_A09E_667F_3BCD)
_RAISED, _BIAS = _UNITY - _ROOT, np.int64(1023)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
    1.479819860511658591e-01,
)  # fmt: skip
_S0, _S1, _S2, _S3, _S4, _S5, _S6, _S7, _S8, _S9, _S10 = (
    (-1.0) ** k * (2.0 * math.pi) ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(11)
)


@njit(cache=True)
def absorb_device(start: np.uint64, first: int, words: Words) -> None:
    """Take the numbers of neighbouring devices in, as the first part of their keys."""
    for d in range(words.shape[0]):
        words[d] = absorb(start, np.uint64(first + d))


@njit(cache=True)
def _absorb_rest(words: Words, event: int, label: np.uint64, out: Words) -> None:
    """Take the two other parts of a key in."""
    one, two = _GOLDEN * (np.uint64(event) + _ONE), _GOLDEN * (label + _ONE)
    for d in range(words.shape[0]):
        out[d] = mix(mix(words[d] + one) + two)


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _two_uniforms(words: Words, first: Array, second: Array) -> None:
    """Look up the two uniform numbers of which a normal one is made."""
    for d in range(words.shape[0]):
        one = mix(mix(words[d] + _GOLDEN) + _GOLDEN)
        two = mix(mix(words[d] + _TWICE_GOLDEN) + _GOLDEN)
        x = np.float64(one) * _SHARE + _HALF_SHARE
        first[d] = _LARGEST if x > _LARGEST else x  # noqa: FURB136 - min() is not vectorised
        second[d] = np.float64(two) * _SHARE + _HALF_SHARE


@njit(cache=True)
def _taken_apart(bits: Words, powers: Whole, factors: Words) -> None:
    """Write numbers as a power of two and a factor between sqrt(1/2) and sqrt(2), bit by bit."""
    for d in range(bits.shape[0]):
        raised = bits[d] + _RAISED
        powers[d] = np.int64(raised >> _FRACTION) - _BIAS
        factors[d] = (raised & _MANTISSA) + _ROOT


@njit(cache=True, error_model="numpy", fastmath=_FUSED)
def _turned(powers: Whole, factors: Array, second: Array, out: Array) -> None:
    """Make normal numbers: the root of -2 ln of the first uniform, times a cosine of the second."""
    for d in range(powers.shape[0]):
        power, f = np.float64(powers[d]), factors[d] - 1.0
        s = f / (2.0 + f)
        z, half = s * s, 0.5 * f * f
        odd = z * (_L1 + z * (_L2 + z * (_L3 + z * (_L4 + z * (_L5 + z * (_L6 + z * _L7))))))
        log = power * _LN2_HIGH - ((half - (s * (half + odd) + power * _LN2_LOW)) - f)
        b = abs(second[d] - 0.5) - 0.25  # cos(2 pi u) = sin(2 pi b)
        c = b * b
        high = _S6 + c * (_S7 + c * (_S8 + c * (_S9 + c * _S10)))
        sine = _S0 + c * (_S1 + c * (_S2 + c * (_S3 + c * (_S4 + c * (_S5 + c * high)))))
        out[d] = math.sqrt(-2.0 * log) * (b * sine)


@njit(cache=True)
def _made(words: Words, scratch: Array, out: Array) -> None:
    """Make the normal numbers of words that are rows of the scratch or others; see `fill`."""
    first, second, powers = scratch[1], scratch[2], scratch[3].view(np.int64)
    factors = scratch[0].view(np.uint64)
    _two_uniforms(words, first, second)
    _taken_apart(first.view(np.uint64), powers, factors)
    _turned(powers, factors.view(np.float64), second, out)


@njit(cache=True)
def fill(words: Words, event: int, label: np.uint64, scratch: Array, out: Array) -> None:
    """Look up the normal numbers of (device, event, label) for neighbouring devices.

    Parameters
    ----------
    words
        From `absorb_device`, shape (devices,).
    event, label
        The other two parts of the key.
    scratch
        Shape (`SCRATCH`, devices); what it holds is lost.
    out
        Shape (devices,), filled.
    """
    whole = scratch[0].view(np.uint64)
    _absorb_rest(words, event, label, whole)
    _made(whole, scratch, out)


@njit(cache=True)
def normals_of(words: Words) -> Array:
    """Return the standard normal numbers of words, shape (n,)."""
    found = np.empty(words.shape[0])
    scratch = np.empty((SCRATCH, min(_BLOCK, words.shape[0])))
    for low in range(0, words.shape[0], _BLOCK):
        high = min(low + _BLOCK, words.shape[0])
        rows = scratch if high - low == scratch.shape[1] else np.empty((SCRATCH, high - low))
        _made(words[low:high], rows, found[low:high])
    return found
