"""Figures of one half sweep: where it switched, how far, and the area of its loop.

A half sweep goes out to a peak and back over the same levels. All figures come from the ratio of
the conductances on the two branches at equal level, so that the curvature of the current, which
both branches share, falls out: q = ln(G_back / G_out) is the whole change at low levels, and falls
to zero at the peak as the outgoing branch catches up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.readings import Readings
from protocols.responses import conductances, u_conductances, usable

__all__ = ["Branches", "Switched", "at_level", "branches_of", "half_change", "largest_step"]

Array = NDArray[np.float64]

_LOW_SHARE = 0.25  # of the levels, nearest to zero: there the whole change is seen
_POOR = 0.1  # relative uncertainty of a change beyond which the states read know better
_SURE = 3.0  # standard uncertainties by which a change has to differ from zero
_TENTH_NANOVOLT = 10  # decimals: levels that agree so far are the same


@dataclass(frozen=True, slots=True)
class Branches:
    """Both branches of a half sweep at equal levels, from the lowest level to the peak."""

    level: Array  #: asked for, magnitude, V
    v_out: Array  #: achieved, V
    i_out: Array  #: A
    i_back: Array
    g_out: Array  #: i / v at the achieved level, S
    g_back: Array
    u_out: Array  #: standard uncertainties, S
    u_back: Array

    @property
    def change(self) -> Array:
        """ln(G_back / G_out); not a number where either is not positive."""
        with np.errstate(all="ignore"):
            ratio = np.log(self.g_back / self.g_out)
        return np.where((self.g_out > 0) & (self.g_back > 0), ratio, np.nan)

    @property
    def u_change(self) -> Array:
        """Standard uncertainty of `change` by the meter's specification."""
        with np.errstate(all="ignore"):
            return np.hypot(self.u_out / self.g_out, self.u_back / self.g_back)


@dataclass(frozen=True, slots=True)
class Switched:
    """A voltage at which a half sweep switched."""

    v: float  #: signed, V; not a number where nothing switched
    u: float  #: standard uncertainty: of a place between two levels, V
    change: float  #: of ln G, over the whole half or in the step
    u_change: float


_NOTHING = Switched(math.nan, math.nan, math.nan, math.nan)


def branches_of(sweep: Readings) -> Branches | None:
    """Pair the two branches of a half sweep; None where it has no two branches.

    Parameters
    ----------
    sweep
        All its readings, in time order. Unusable ones become "not a number".
    """
    if len(sweep) < 3:
        return None
    levels = np.round(np.abs(sweep.v_set), _TENTH_NANOVOLT)
    peak = int(np.argmax(levels))
    good = usable(sweep)
    back = {float(level): k for k, level in enumerate(levels) if k >= peak}
    pairs = [(k, back[float(levels[k])]) for k in range(peak + 1) if float(levels[k]) in back]
    if len(pairs) < 3:
        return None
    out, home = (np.array(part) for part in zip(*pairs, strict=True))
    g, u = conductances(sweep), u_conductances(sweep)
    i = np.where(good, sweep.i, np.nan)
    return Branches(
        levels[out], sweep.v[out], i[out], i[home], g[out], g[home], u[out], u[home]
    )  # fmt: skip


def _weighted(values: Array, sigma: Array) -> tuple[float, float]:
    """Return the mean and its uncertainty, weighted where uncertainties are known."""
    good = np.isfinite(values) & np.isfinite(sigma)
    values, sigma = values[good], sigma[good]
    if not len(values):
        return math.nan, math.nan
    if not np.all(sigma > 0):
        return float(np.mean(values)), float(np.std(values)) / math.sqrt(len(values))
    weights = 1 / sigma**2
    mean = float(np.sum(weights * values) / np.sum(weights))
    return mean, float(1 / math.sqrt(np.sum(weights)))


def _whole(left: Array, sigma: Array, read: tuple[float, float]) -> tuple[float, float]:
    """Return the whole change of ln G: from the low levels, or where they are lost in noise, read.

    A lost current has either sign, and its logarithm only exists for one: so all low levels must
    be resolved, not most of them.
    """
    low = max(2, round(_LOW_SHARE * len(left)))
    whole, u_whole = _weighted(left[:low], sigma[:low])
    resolved = bool(np.all(np.isfinite(left[1:low]))) and u_whole < _POOR * abs(whole)
    if resolved or not math.isfinite(read[0]) or abs(read[0]) < _SURE * read[1]:
        return whole, u_whole
    return read


def half_change(
    found: Branches, polarity: int, least: float, read: tuple[float, float] = (math.nan, math.nan)
) -> Switched:
    """Return where half of the change of ln G has happened on the outgoing branch.

    Parameters
    ----------
    found
        Branches of the half.
    polarity
        +1 or -1.
    least
        Relative change below which nothing has switched.
    read
        Change of ln G between the states read before and after the half, and its uncertainty: it
        stands in where the branches do not resolve the change at low levels.

    Returns
    -------
    Switched
        The level where ln(G_back/G_out) falls below half of its value at the lowest quarter of the
        levels, for good; interpolated, with the spacing of two levels as a rectangular
        distribution. Not a number where the change is less than `least`, or than three standard
        uncertainties; the change is given anyway.
    """
    left, sigma = found.change, found.u_change
    whole, u_whole = _whole(left, sigma, read)
    if not math.isfinite(whole):
        return _NOTHING
    nothing = Switched(math.nan, math.nan, whole, u_whole)
    if abs(whole) < math.log1p(least) or abs(whole) < _SURE * u_whole:
        return nothing
    known = np.flatnonzero(np.isfinite(left))
    share = left[known] / whole
    above = np.flatnonzero(share > 0.5)
    if not len(above) or above[-1] + 1 >= len(known):
        return nothing
    k = int(above[-1])
    a, b = found.level[known[k]], found.level[known[k + 1]]
    at = a + (b - a) * (share[k] - 0.5) / (share[k] - share[k + 1])
    return Switched(polarity * float(at), float(b - a) / math.sqrt(12), whole, u_whole)


def largest_step(found: Branches, polarity: int, least: float) -> Switched:
    """Return the middle of the largest change of ln G between two levels on the way out.

    Parameters
    ----------
    found, polarity, least
        As for `half_change`; here the step itself has to be larger than `least` and its own three
        standard uncertainties, or nothing switched abruptly.
    """
    positive = np.flatnonzero(np.isfinite(found.g_out) & (found.g_out > 0))
    if len(positive) < 3:
        return _NOTHING
    log_g = np.log(found.g_out[positive])
    sigma = found.u_out[positive] / found.g_out[positive]
    steps, u_steps = np.diff(log_g), np.hypot(sigma[1:], sigma[:-1])
    sure = (np.abs(steps) > math.log1p(least)) & (np.abs(steps) > _SURE * u_steps)
    if not np.any(sure):
        return _NOTHING
    k = int(np.argmax(np.where(sure, np.abs(steps), 0.0)))
    a, b = found.level[positive[k]], found.level[positive[k + 1]]
    return Switched(
        polarity * float(a + b) / 2, float(b - a) / math.sqrt(12), float(steps[k]),
        float(u_steps[k]),
    )  # fmt: skip


def at_level(level: Array, values: Array, wanted: float) -> float:
    """Return a value at a level, between two levels by a straight line; outside not a number."""
    good = np.isfinite(values)
    if np.sum(good) < 2 or not level[good][0] <= wanted <= level[good][-1]:
        return math.nan
    return float(np.interp(wanted, level[good], values[good]))
