"""Folding: which frequencies a sampled mean shows at each frequency of its spectrum.

Samples every T, each a mean over a, show at f what is at f + k/T for all whole k, each weighted by
sinc(f a)^2 of its own frequency (Kirchner, doi:10.1103/PhysRevE.71.066110).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput

__all__ = ["folded"]

Array = NDArray[np.float64]

_MOST_IMAGES = 200
_PASSED = 3  # times the inverse of the aperture
_NOTHING = 1e-30
_NEAR, _GROWTH = 4, 1.5  # orders that stand alone; the next groups grow so


def folded(f: Array, middle: float, sampled: tuple[float, float] | None) -> tuple[Array, Array]:
    """Return ln of the frequencies seen at each, over the middle, and ln of their weights.

    Parameters
    ----------
    f
        Frequencies of a spectrum, Hz, shape (n,).
    middle
        The frequency that places are counted from, Hz.
    sampled
        Interval of the samples and the time over which each is a mean, s; None sees each frequency
        alone.

    Returns
    -------
    places, weights
        Both of shape (k, n).

    Raises
    ------
    BadInput
        The mean is over more than the interval.
    """
    if sampled is None:
        return np.log(f / middle)[None, :], np.zeros((1, len(f)))
    interval, aperture = sampled
    if not 0 < aperture <= interval * (1 + 1e-9):
        raise BadInput(
            f"samples every {interval:g} s, each a mean over {aperture:g} s, were given; the mean "
            "must be over a part of the interval"
        )
    # above a few times the inverse of the aperture nothing is let through
    most = min(_MOST_IMAGES, math.ceil(_PASSED * interval / aperture))
    found = [_images(f, middle, group, interval, aperture) for group in _groups(most)]
    return np.array([place for place, _ in found]), np.array([weight for _, weight in found])


def _groups(most: int) -> list[NDArray[np.intp]]:
    """Return the orders of the images: near ones alone, far ones in ever larger groups."""
    near = [np.array([k]) for k in range(-min(_NEAR, most), min(_NEAR, most) + 1)]
    first, far = _NEAR + 1, []
    while first <= most:
        last = min(most, max(first, int(first * _GROWTH)))
        far += [sign * np.arange(first, last + 1) for sign in (1, -1)]
        first = last + 1
    return near + far


def _images(
    f: Array, middle: float, group: NDArray[np.intp], interval: float, aperture: float
) -> tuple[Array, Array]:
    """Return ln of the middle place of some images at each frequency, and of their weight."""
    places = np.abs(f[None, :] + group[:, None] / interval)
    through = np.maximum(np.sinc(places * aperture) ** 2, _NOTHING)
    weight = np.sum(through, axis=0)
    place = np.sum(through * np.log(places / middle), axis=0) / weight
    return place, np.log(weight)
