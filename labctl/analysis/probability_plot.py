"""Probability plots: the share of devices that have failed, on axes that make a law a line.

The share is estimated without any law: by median ranks, with Johnson's adjusted ranks where some
devices had not failed yet, by Kaplan and Meier's product, or by Turnbull's estimate where a failure
is known to an interval only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.life import Lifetimes, failed_by
from labctl.results import Column, Fit, Panel, Table, Trace

__all__ = ["Failed", "plot_life", "probability_table", "share_failed"]

Array = NDArray[np.float64]
Method = Literal["johnson", "kaplan-meier"]

_CURVE_POINTS = 100
_TURNBULL_ROUNDS = 2000
_TURNBULL_REST = 1e-10


class Failed(NamedTuple):
    """Share of devices that have failed, at the times of failures."""

    time: Array
    share: Array
    method: str


def share_failed(devices: Lifetimes, method: Method = "johnson") -> Failed:
    """Return the share failed at each time of a failure, without assuming a law.

    Parameters
    ----------
    devices
        What `labctl.analysis.life.lifetimes` returned.
    method
        ``johnson``: median ranks, the median of the beta distribution of the rank, which devices
        taken off early adjust (Johnson, Ind. Math. 1951, 2, 1; Benard and Bos-Levenbach, Statistica
        Neerlandica 1953, 7, 163). ``kaplan-meier``: 1 minus the product of survivors
        (doi:10.1080/01621459.1958.10501452). Devices known to an interval use Turnbull's
        self-consistent estimate whatever is asked (doi:10.1111/j.2517-6161.1976.tb01597.x).

    Returns
    -------
    Failed
        Times, shares and the method used; empty without failures.
    """
    between = ~devices.known & ~devices.alive
    if np.any(between):
        return _turnbull(devices)
    times = devices.low
    order = np.lexsort((devices.alive, times))  # a failure comes before a removal at its time
    times, alive = times[order], devices.alive[order]
    product = method == "kaplan-meier"
    share = _product(alive) if product else _median_rank(_adjusted(alive), len(times))
    return Failed(times[~alive], share[~alive], method)


def _product(alive: NDArray[np.bool_]) -> Array:
    left = np.arange(len(alive), 0, -1, dtype=float)
    return np.asarray(1 - np.cumprod(np.where(alive, 1.0, 1 - 1 / left)), float)


def _adjusted(alive: NDArray[np.bool_]) -> Array:
    """Return Johnson's ranks: each removal spreads its rank over the failures after it."""
    total, rank, ranks = len(alive), 0.0, []
    for k, gone in enumerate(alive):
        if not gone:
            rank += (total + 1 - rank) / (1 + total - k)
        ranks.append(rank)
    return np.array(ranks)


def _median_rank(rank: Array, total: int) -> Array:
    from scipy.special import betaincinv

    inside = np.where(rank > 0, rank, 1.0)
    return np.asarray(betaincinv(inside, total - inside + 1, 0.5), float)


def _turnbull(devices: Lifetimes) -> Failed:
    """Return the distribution that is most likely without any law, at the upper ends."""
    ends = np.unique(devices.high[np.isfinite(devices.high)])
    early = np.where(devices.known, devices.low - 1e-12 * devices.low, devices.low)
    inside = (ends > early[:, None]) & (ends <= devices.high[:, None])
    inside = np.column_stack((inside, devices.alive))  # and what fails later than all of them
    mass = np.full(inside.shape[1], 1 / inside.shape[1])
    for _ in range(_TURNBULL_ROUNDS):
        shares = inside * mass
        new = np.mean(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300), axis=0)
        done = np.max(np.abs(new - mass)) < _TURNBULL_REST
        mass = new
        if done:
            break
    share = np.minimum(np.cumsum(mass[:-1]), 1.0)  # their sum may be a hair above
    return Failed(ends, share, "turnbull")


def _scale(model: str, share: Array) -> Array:
    """Return the ordinate on which a law is a straight line against ln t."""
    from scipy.special import ndtri

    with np.errstate(divide="ignore"):
        if model == "lognormal":
            return np.asarray(ndtri(share), float)
        return np.asarray(np.log(-np.log1p(-share)), float)


def probability_table(devices: Lifetimes, method: Method = "johnson", unit: str = "s") -> Table:
    """Return time, share failed, and the ordinates of the Weibull and log-normal plots."""
    found = share_failed(devices, method)
    columns = {
        "share failed": found.share,
        "ln(-ln(1 - F))": _scale("weibull", found.share),
        "normal quantile of F": _scale("lognormal", found.share),
    }
    return Table(
        f"devices failed ({found.method})",
        (
            Column("life", unit, _tuple(found.time)),
            *(Column(name, "1", _tuple(data)) for name, data in columns.items()),
        ),
    )


def plot_life(
    devices: Lifetimes, fits: dict[str, Fit], unit: str = "s", method: Method = "johnson"
) -> Panel:
    """Return the probability plot with every fitted law, on the axes of the first.

    Parameters
    ----------
    devices
        What was fitted.
    fits
        Fits by name, the preferred one first: its law is a straight line.
    unit
        Of the lives.
    method
        As for `share_failed`.
    """
    found = share_failed(devices, method)
    usable = {name: fit for name, fit in fits.items() if fit.values}
    model = next(iter(usable.values())).model if usable else "weibull"
    label = "normal quantile of F" if model == "lognormal" else "ln(-ln(1 - F))"
    heights = _scale(model, found.share)
    shown = np.isfinite(heights) & (found.time > 0)  # Kaplan and Meier's last share may be 1
    traces = [Trace(_tuple(found.time[shown]), _tuple(heights[shown]), "devices")]
    if np.any(shown):
        first, last = float(found.time[shown][0]), float(found.time[shown][-1])
        dense = np.geomspace(first / 1.6, last * 1.6, _CURVE_POINTS)
        for name, fit in usable.items():
            line = _scale(model, failed_by(fit, dense))
            good = np.isfinite(line)
            traces.append(Trace(_tuple(dense[good]), _tuple(line[good]), name, "line"))
    return Panel("life", "life", unit, label, "1", tuple(traces), x_log=True)


def _tuple(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)
