"""Fluctuations of a conductance, as functions of the device's age.

A fluctuation here is not a sequence that goes on when one looks: it is a function of the age of the
device, looked up by key (`sim_backend.devices.model.Stream`), so that it does not matter how often
one looks, in which pieces time was passed, or among how many devices. Keep the age as a row of the
state, add the duration to it, and give `State.noise`.

1/f noise
---------
x(age) is a sum over octaves k of periods h_k = 2^k h_0. Each octave is white noise on a lattice of
spacing h_k, filtered by the slope of a quadratic B-spline: in cell j, at the share w of it,

    x_k = a ((1 - w) (n[j+1] - n[j]) + w (n[j+2] - n[j+1]))

with standard normal n[j] looked up by (device, octave, j), so that three numbers give one octave
anywhere. Each is band-pass noise, spectrum ~ (2 pi f h)^2 sinc(f h)^6, and their sum is 1/f with a
ripple of 4 % from the slowest frequency to the fastest. A lattice begins at a phase of its own in
every device, which makes the process stationary. Because each octave is a derivative, its integral
is known everywhere, and the mean over an aperture is exact and adds up: `one_over_f_mean`.

With S(f) = K / f (one-sided) every decade has the variance K ln 10: this is the number asked for.

Telegraph noise
---------------
A two-state Markov chain that goes up at the rate 1/tau_c and down at 1/tau_e is the same as one
that at the moments of a Poisson process of the rate 1/tau_c + 1/tau_e forgets everything and is
drawn anew, up with the probability tau_e / (tau_c + tau_e). (Both have the same generator; this is
uniformisation with the largest rate that allows a memoryless draw.) The state at any age is
therefore the draw of the last such moment before it: looked up cell by cell, walking back.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from labctl.errors import BadInput
from labctl.kernels import kernels
from sim_backend.devices.parts.lattice import lattice_of, octave_means, octave_words
from sim_backend.devices.stream import Array, Stream, Words, absorbed, uniforms_at

__all__ = [
    "octaves",
    "one_over_f",
    "one_over_f_mean",
    "telegraph",
    "telegraph_mean",
]

_TELEGRAPH = 0x72  # in the keys, so that processes do not share numbers
_CENTRE = 0.3063  # frequency times period of the lattice, where an octave of noise is centred
_REFRESHES = 2.0  # mean number in a cell of the telegraph's lattice
_BEFORE = 64.0  # cells before birth: without any refresh in one of 1e55 devices
_MOST_CELLS = 1000  # of a telegraph's mean
_KERNELS = "sim_backend.devices.kernels.parts"
_MANY = 2000  # numbers to be looked up for which compiled code is loaded
#: probability of at most k refreshes in a cell (Poisson); 1 to rounding at the end
_COUNTS = np.cumsum([math.exp(-_REFRESHES) * _REFRESHES**k / math.factorial(k) for k in range(24)])


def octaves(fastest: float, slowest: float) -> Array:
    """Return the lattice periods of 1/f noise, s, one for each octave.

    Parameters
    ----------
    fastest, slowest
        Shortest and longest period of the noise, s: it is 1/f from 1/slowest to 1/fastest.

    Raises
    ------
    BadInput
        The slowest is not slower than the fastest.
    """
    return _octaves(fastest, slowest).copy()


@lru_cache(maxsize=64)
def _octaves(fastest: float, slowest: float) -> Array:
    """Return the same again and again."""
    if not 0 < fastest < slowest < math.inf:
        raise BadInput(
            f"1/f noise between periods of {fastest:g} s and {slowest:g} s was asked for; "
            "the fastest must be above zero and below the slowest"
        )
    count = max(1, round(math.log2(slowest / fastest)))
    return np.ldexp(_CENTRE * math.sqrt(2.0) * fastest, np.arange(count))


def one_over_f(
    noise: Stream | None,
    numbers: ArrayLike,
    age: ArrayLike,
    sigma_per_decade: ArrayLike,
    fastest: float,
    slowest: float,
    process: int = 0,
) -> Array:
    """Return 1/f noise at an age, for each device.

    Parameters
    ----------
    noise
        `State.noise`; None for none.
    numbers
        Numbers of the devices, ``state.first + np.arange(state.devices)``.
    age
        Of the devices, s, from 0.
    sigma_per_decade
        Standard deviation that each decade of frequency contributes; with S(f) = K / f (one-sided)
        it is sqrt(K ln 10).
    fastest, slowest
        Shortest and longest period, s. Below 1/slowest the spectrum falls as f^2.
    process
        Several noises of one device have different numbers.

    Returns
    -------
    ndarray
        Normal with mean 0 and a variance of sigma^2 log10(slowest / fastest), to the nearest
        octave. A relative fluctuation: use as ``g * (1 + x)``.
    """
    return one_over_f_mean(noise, numbers, age, 0.0, sigma_per_decade, fastest, slowest, process)


def one_over_f_mean(
    noise: Stream | None,
    numbers: ArrayLike,
    age: ArrayLike,
    duration: ArrayLike,
    sigma_per_decade: ArrayLike,
    fastest: float,
    slowest: float,
    process: int = 0,
) -> Array:
    """Return the mean of 1/f noise from an age on, for some time: exact, and it adds up.

    The means over two parts, weighted by their durations, give the mean over the whole.

    Parameters
    ----------
    duration
        Length of the aperture, s; 0 for the value at a moment.
    noise, numbers, age, sigma_per_decade, fastest, slowest, process
        As for `one_over_f`.
    """
    if noise is None or not np.any(sigma_per_decade):
        return np.zeros(
            np.broadcast_shapes(*map(np.shape, (numbers, age, duration, sigma_per_decade)))
        )
    periods, which = _octaves(fastest, slowest), np.asarray(numbers, np.int64)
    start, length = np.asarray(age, np.float64), np.asarray(duration, np.float64)
    if (
        which.ndim == 1
        and start.shape in ((), (1,), which.shape)
        and length.shape in ((), (1,), which.shape)
    ):
        lattice = lattice_of(noise, which, len(periods), process)
        columns = [_column(part, which.size) for part in (start, length)]
        terms = lattice.sums(periods, *columns)
    else:
        terms = _octave_sums(
            octave_words(noise, which, len(periods), process), periods, start, length
        )
    amplitude = np.asarray(sigma_per_decade, np.float64) * math.sqrt(math.log10(2.0))
    return np.multiply(amplitude, terms)


def _column(part: Array, devices: int) -> Array:
    """Return a value for each device."""
    return part if part.shape == (devices,) else np.full(devices, part)


def _octave_sums(words: Words, periods: Array, age: Array, duration: Array) -> Array:
    """Return sums of octaves, compiled for many devices."""
    shape = np.broadcast_shapes(words.shape[:-1], age.shape, duration.shape)
    fast = kernels(_KERNELS) if math.prod(shape) * len(periods) >= _MANY else None
    if fast is None:
        start = age[..., np.newaxis] / periods + uniforms_at(words)
        terms = octave_means(words, start, duration[..., np.newaxis] / periods)
        total: Array = np.sum(terms, axis=-1)
        return total
    flat = np.broadcast_to(words, (*shape, len(periods))).reshape(-1, len(periods))
    columns = [np.broadcast_to(part, shape).ravel() for part in (age, duration)]
    sums: Array = fast.octave_sums(flat, periods, *columns).reshape(shape)
    return sums


def telegraph(
    noise: Stream | None,
    numbers: ArrayLike,
    age: ArrayLike,
    capture: ArrayLike,
    emission: ArrayLike,
    process: int = 0,
) -> Array:
    """Return the state of a two-state fluctuator at an age, 0 or 1, for each device.

    Parameters
    ----------
    noise
        `State.noise`; None gives 0.
    numbers
        Numbers of the devices.
    age
        Of the devices, s, from 0. Where the rates change together (temperature), keep the times
        and let the age run faster: other times are another process.
    capture, emission
        Mean dwell times in state 0 and in state 1, s.
    process
        Several fluctuators of one device have different numbers.
    """
    return telegraph_mean(noise, numbers, age, 0.0, capture, emission, process)


def telegraph_mean(
    noise: Stream | None,
    numbers: ArrayLike,
    age: ArrayLike,
    duration: ArrayLike,
    capture: ArrayLike,
    emission: ArrayLike,
    process: int = 0,
) -> Array:
    """Return the share of a time that fluctuators spend in state 1, for each device.

    Parameters
    ----------
    duration
        Length of the aperture, s; 0 for the state at a moment. What is longer than 2000 refreshes
        (2000 / (1/capture + 1/emission)) gets the stationary share, which the true one misses by
        sqrt(p (1 - p) / 1000) < 0.016 or less; below that it is exact and adds up.
    noise, numbers, age, capture, emission, process
        As for `telegraph`.
    """
    parts = (numbers, age, duration, capture, emission)
    shape = np.broadcast_shapes(*map(np.shape, parts))
    if noise is None:
        return np.zeros(shape)
    number, *flat = (np.broadcast_to(np.asarray(part), shape).ravel() for part in parts)
    start, length, up, down = (np.asarray(part, np.float64) for part in flat)
    scale = (1.0 / up + 1.0 / down) / _REFRESHES
    words = noise.words(number, _TELEGRAPH, process)
    first, cells, share = start * scale + _BEFORE, length * scale, down / (up + down)
    found = share.copy()
    short = cells <= _MOST_CELLS
    found[short] = _shares(words[short], first[short], cells[short], share[short])
    return found.reshape(shape)


def _shares(words: Words, first: Array, length: Array, up: Array) -> Array:
    """Return shares of state 1 over stretches of the lattice, compiled where that pays."""
    fast = kernels(_KERNELS) if length.size + length.sum() >= _MANY else None
    if fast is not None:
        shares: Array = fast.shares(words, first, length, up, _COUNTS)
        return shares
    high = (_last_draws(words, first) < up).astype(np.float64)
    for d in np.flatnonzero(length > 0):
        at, draws = _refreshes(words[d], first[d], first[d] + length[d])
        edges = np.concatenate([[first[d]], at, [first[d] + length[d]]])
        highs = np.concatenate([[high[d]], draws < up[d]])
        high[d] = np.diff(edges) @ highs / length[d]
    return high


def _last_draws(words: Words, place: Array) -> Array:
    """Return the uniform numbers drawn at the last refresh before places on the lattice."""
    cell = np.floor(place)
    until = place - cell
    draw = np.empty(place.shape)
    left = np.arange(len(place))
    while len(left):
        inner = absorbed(words[left], cell[left])
        which = _latest(inner, until[left])
        there = which >= 0
        draw[left[there]] = uniforms_at(absorbed(absorbed(inner[there], which[there]), 1))
        left = left[~there]
        cell[left] -= 1.0
        until[left] = 1.0
    return draw


def _latest(inner: Words, until: Array) -> Array:
    """Return which refresh of a cell is the last before a share of it; -1 for none."""
    count = np.searchsorted(_COUNTS, uniforms_at(inner))
    which, latest = np.full(until.shape, -1), np.full(until.shape, -1.0)
    for k in range(int(count.max(initial=0))):
        at = uniforms_at(absorbed(absorbed(inner, k), 0))
        later = (k < count) & (at <= until) & (at > latest)
        which, latest = np.where(later, k, which), np.where(later, at, latest)
    return which


def _refreshes(word: Words, first: float, last: float) -> tuple[Array, Array]:
    """Return places and draws of the refreshes between two places, in order."""
    cells = np.arange(math.floor(first), math.floor(last) + 1)[:, np.newaxis]
    inner = absorbed(word, cells)
    count = np.searchsorted(_COUNTS, uniforms_at(inner))
    which = np.arange(int(count.max(initial=0)))
    refresh = absorbed(inner, which)
    at = cells + uniforms_at(absorbed(refresh, 0))
    there = (which < count) & (at > first) & (at <= last)
    places, draws = at[there], uniforms_at(absorbed(refresh, 1))[there]
    order = np.argsort(places)
    return places[order], draws[order]
