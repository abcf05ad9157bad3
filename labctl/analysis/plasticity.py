"""Changes of a weight by a stimulus: what is compared with what, and how sure the mean is.

The two readings of a change are taken on the same device a moment apart, so what an instrument's
specification allows for (gain, mostly) is largely common to both. The uncertainty of a mean change
is therefore the scatter of its repeats; only a change measured once, or one that does not scatter
at all, falls back on the specification, which is then an upper limit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.energy import floored, pulse_energies
from labctl.errors import BadInput
from labctl.results import Metric

__all__ = [
    "Change", "changes_by", "difference", "energy_of_pieces", "mean_change", "relative_change",
    "stdp_window", "step_changes",
]  # fmt: skip

Array = NDArray[np.float64]

_NO_SCATTER = 1e-12  # of the larger of 1 and the change: rounding, not noise


class Change(msgspec.Struct, frozen=True):
    """The mean of a relative change over its repeats."""

    value: float  #: not a number without a usable repeat
    sigma: float | None = None  #: standard uncertainty
    repeats: int = 0
    scattered: bool = False  #: `sigma` is the scatter of the repeats, else of the specification

    def metric(self, definition: str) -> Metric | None:
        """Return it as a metric; None without a usable repeat."""
        if not math.isfinite(self.value):
            return None
        return Metric(self.value, self.sigma, "1", definition)

    def differs(self, times: float = 2.0) -> bool:
        """Whether it is away from no change by so many standard uncertainties."""
        return self.sigma is not None and abs(self.value) > times * self.sigma


def relative_change(
    before: ArrayLike,
    after: ArrayLike,
    u_before: ArrayLike = np.nan,
    u_after: ArrayLike = np.nan,
) -> tuple[Array, Array]:
    """Return ``after / before - 1`` of each trial and its standard uncertainty.

    Parameters
    ----------
    before, after
        Conductance or current, any unit.
    u_before, u_after
        Their standard uncertainties, taken as independent: an upper limit, see above.

    Returns
    -------
    change, uncertainty
        Not a number where a reading is missing or the first is not positive.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    given = [np.ravel(np.asarray(x, float)) for x in (before, after, u_before, u_after)]
    if len(given[0]) != len(given[1]):
        raise BadInput(
            f"{len(given[0])} readings before and {len(given[1])} after were given; "
            "their numbers must be equal"
        )
    with np.errstate(all="ignore"):
        first, last, d_first, d_last = np.broadcast_arrays(*given)
        ratio = np.where(first > 0, last / first, np.nan)
        return ratio - 1.0, np.hypot(d_last, ratio * d_first) / first


def step_changes(
    begin: float, ends: ArrayLike, u_begin: float = math.nan, u_ends: ArrayLike = np.nan
) -> tuple[Array, Array]:
    """Return the change of each of several parts in a row, each against the end of the one before.

    Parameters
    ----------
    begin
        Reading before the first part.
    ends
        Last reading of each part, in order.
    u_begin, u_ends
        Their standard uncertainties.

    Returns
    -------
    change, uncertainty
        One of each for a part.
    """
    last = np.ravel(np.asarray(ends, float))
    u_last = np.broadcast_to(np.ravel(np.asarray(u_ends, float)), last.shape)
    before, u_before = np.append(begin, last[:-1]), np.append(u_begin, u_last[:-1])
    return relative_change(before, last, u_before, u_last)


def mean_change(changes: ArrayLike, u: ArrayLike = np.nan) -> Change:
    """Return the mean of repeated changes.

    The standard uncertainty is ``s / sqrt(n)`` (JCGM 100:2008, 4.2.3); of a single change, or where
    nothing scatters, the mean of `u`.

    Parameters
    ----------
    changes
        Relative change of each repeat; what is not finite is left out.
    u
        Standard uncertainty of each by the specification.
    """
    values = np.ravel(np.asarray(changes, float))
    spread = np.broadcast_to(np.ravel(np.asarray(u, float)), values.shape)
    good = np.isfinite(values)
    values, spread = values[good], spread[good]
    if not len(values):
        return Change(math.nan)
    mean = float(np.mean(values))
    scatter = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    if scatter > _NO_SCATTER * max(1.0, abs(mean)):
        return Change(mean, scatter / math.sqrt(len(values)), len(values), True)
    known = spread[np.isfinite(spread) & (spread > 0)]
    return Change(mean, float(np.mean(known)) if len(known) else None, len(values))


def changes_by(
    conditions: Sequence[Hashable], changes: ArrayLike, u: ArrayLike = np.nan
) -> dict[Hashable, Change]:
    """Return the mean change of each condition, in the order in which they sort.

    Parameters
    ----------
    conditions
        What each change was measured under; equal ones are repeats. They must sort.
    changes, u
        As for `mean_change`, one of each for a condition.

    Raises
    ------
    BadInput
        The numbers differ.
    """
    values = np.ravel(np.asarray(changes, float))
    if len(values) != len(conditions):
        raise BadInput(
            f"{len(conditions)} conditions and {len(values)} changes were given; "
            "their numbers must be equal"
        )
    spread = np.broadcast_to(np.ravel(np.asarray(u, float)), values.shape)
    members: dict[Hashable, list[int]] = {}
    for k, condition in enumerate(conditions):
        members.setdefault(condition, []).append(k)
    return {
        condition: mean_change(values[members[condition]], spread[members[condition]])
        for condition in sorted(members)  # type: ignore[type-var]
    }


def difference(one: Change, other: Change, definition: str) -> Metric | None:
    """Return ``one - other`` with both uncertainties; None where one of them is missing."""
    if not math.isfinite(one.value) or not math.isfinite(other.value):
        return None
    known = one.sigma is not None and other.sigma is not None
    sigma = math.hypot(one.sigma or 0.0, other.sigma or 0.0) if known else None
    return Metric(one.value - other.value, sigma, "1", definition)


def stdp_window(dt: ArrayLike, changes: Sequence[Change]) -> dict[str, Metric]:
    """Return what an STDP window shows without any formula.

    Parameters
    ----------
    dt
        t_post - t_pre, s.
    changes
        Mean change at each.

    Returns
    -------
    dict
        ``potentiation`` and ``depression``, the largest mean changes, ``potentiation_at`` and
        ``depression_at``, their dt, ``asymmetry`` and ``window``; without those that the data do
        not show.
    """
    times = np.ravel(np.asarray(dt, float))
    pairs = [(t, c) for t, c in zip(times.tolist(), changes, strict=True) if math.isfinite(c.value)]
    found: dict[str, Metric] = {}
    if not pairs:
        return found
    high, low = max(pairs, key=lambda x: x[1].value), min(pairs, key=lambda x: x[1].value)
    for name, (when, change), there in (
        ("potentiation", high, high[1].value > 0),
        ("depression", low, low[1].value < 0),
    ):
        if there:
            found[name] = Metric(change.value, change.sigma, "1", "stdp-extreme")
            found[f"{name}_at"] = Metric(when, None, "s", "stdp-extreme-at")
    p, d = max(high[1].value, 0.0), max(-low[1].value, 0.0)
    if p + d > 0:
        known = high[1].sigma is not None and low[1].sigma is not None
        spread = math.hypot(d * (high[1].sigma or 0.0), p * (low[1].sigma or 0.0))
        sigma = 2.0 * spread / (p + d) ** 2 if known else None
        found["asymmetry"] = Metric((p - d) / (p + d), sigma, "1", "stdp-asymmetry")
    seen = [abs(t) for t, c in pairs if c.differs() and abs(c.value) > max(p, d) / 20]
    if seen:
        found["window"] = Metric(max(seen), None, "s", "stdp-window")
    return found


def energy_of_pieces(
    pieces: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike, ArrayLike]],
) -> Metric | None:
    """Return the mean energy of events that consist of several pieces on several terminals.

    Parameters
    ----------
    pieces
        Of every event level, V, current, A, achieved width, s, and the standard uncertainties of
        level and current, one entry for each piece and terminal. Events with a value that is not
        finite are left out.

    Returns
    -------
    Metric or None
        An upper 95 % bound below the floor; None without a usable event.
    """
    sums = []
    for event in pieces:
        energy, u = pulse_energies(*event)
        sums.append((float(np.sum(energy)), float(np.sum(u))))
    good = [(e, u) for e, u in sums if math.isfinite(e) and math.isfinite(u)]
    if not good:
        return None
    energies, spreads = (np.array(x) for x in zip(*good, strict=True))
    scatter = float(np.std(energies, ddof=1)) / math.sqrt(len(good)) if len(good) > 1 else 0.0
    sigma = math.hypot(float(np.mean(spreads)), scatter)
    return floored(float(np.mean(energies)), sigma, "energy-of-pieces")
