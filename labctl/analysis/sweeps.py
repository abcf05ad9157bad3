"""Sweeps of current against voltage: which readings are fitted, and with what weights."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.verdict import join
from labctl.errors import BadInput

__all__ = ["Polarity", "Sweep", "sweep"]

Array = NDArray[np.float64]
Polarity = Literal["+", "-", "both"]

_DECADE = 10.0  # currents that span more are weighted by 1/I^2
_OFF = math.log(2)  # a reading and its neighbours differ at most so much, else it jumps
_NEIGHBOURS = 7  # readings that tell how large a current is, itself left out


class Sweep(NamedTuple):
    """Readings of one polarity (or both) that can be fitted."""

    v: Array
    i: Array
    sigma: Array
    stated: bool  #: `sigma` is the caller's; otherwise relative weights
    ref: float  #: geometric mean of |V|
    note: str


def sweep(
    v: ArrayLike,
    i: ArrayLike,
    sigma: ArrayLike | None = None,
    window: tuple[float, float] | None = None,
    polarity: Polarity = "+",
    compliance: float | None = None,
) -> Sweep:
    """Choose the readings to be fitted, and their weights.

    Parameters
    ----------
    v, i
        V and A.
    sigma
        Standard uncertainty of the current. Without it currents that span more than a decade are
        weighted by 1/I^2, others alike.
    window
        Smallest and largest abs(V).
    polarity
        ``+``, ``-`` or ``both``. ``-`` turns both signs, so that laws see positive voltages.
    compliance
        Readings within 1 % of this current are saturated and left out.

    Raises
    ------
    BadInput
        The arrays differ in length, or the polarity or the window is impossible.
    """
    volts, amps = (np.ravel(np.asarray(a, float)) for a in (v, i))
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    if len(volts) != len(amps) or (spread is not None and len(spread) != len(volts)):
        raise BadInput(
            f"{len(volts)} voltages and {len(amps)} currents were given; their numbers must agree"
        )
    chosen = _within(volts, window, polarity) & np.isfinite(amps)
    if spread is not None:
        chosen &= np.isfinite(spread) & (spread > 0)
    full = chosen & (np.abs(amps) >= 0.99 * abs(math.inf if compliance is None else compliance))
    against = chosen & ~full & (np.sign(amps) != np.sign(volts))
    good = chosen & ~full & ~against
    turn = -1.0 if polarity == "-" else 1.0
    order = np.argsort(turn * volts[good], kind="stable")
    volts, amps = turn * volts[good][order], turn * amps[good][order]
    weights, words = _weights(volts, amps, None if spread is None else spread[good][order])
    note = join(
        _left_out(full, "at the compliance"),
        _left_out(against, "without a current along the voltage"),
        words,
    )
    ref = float(np.exp(np.mean(np.log(np.abs(volts))))) if len(volts) else 1.0
    return Sweep(volts, amps, weights, spread is not None, ref, note)


def _within(
    volts: Array, window: tuple[float, float] | None, polarity: Polarity
) -> NDArray[np.bool_]:
    if polarity not in ("+", "-", "both"):
        raise BadInput(f'the polarity {polarity!r} is not allowed: "+", "-" or "both"')
    low, high = window or (0.0, math.inf)
    if not 0 <= low < high:
        raise BadInput(f"a window from {low:g} to {high:g} V was asked for; it must rise from 0 up")
    side = {"+": volts > 0, "-": volts < 0, "both": volts != 0}[polarity]
    size = np.abs(volts)
    return np.asarray(np.isfinite(volts) & side & (size >= low) & (size <= high))


def _left_out(which: NDArray[np.bool_], why: str) -> str:
    return f"{int(np.sum(which))} readings {why} left out" if np.any(which) else ""


def _weights(volts: Array, amps: Array, spread: Array | None) -> tuple[Array, str]:
    if spread is not None:
        return spread, ""
    size = np.abs(amps)
    if len(size) and float(np.max(size)) > _DECADE * float(np.min(size)):
        return _smooth(volts, size), "weighted by 1/I^2"
    return np.full(len(size), float(np.max(size)) if len(size) else 1.0), "weighted alike"


def _smooth(v: Array, size: Array) -> Array:
    """Return each current as its neighbours tell it, by a straight line through ln(I).

    A weight from the reading itself is large where noise made the reading small, which pulls the
    fit down by twice the relative variance. Where the current jumps, the reading counts.
    """
    total = len(v)
    if total < _NEIGHBOURS:
        return size
    first = np.clip(np.arange(total) - _NEIGHBOURS // 2, 0, total - _NEIGHBOURS)
    window = first[:, None] + np.arange(_NEIGHBOURS)
    others = (window != np.arange(total)[:, None]).astype(float)
    own = np.log(size)
    with np.errstate(all="ignore"):
        x, y = v[window] - v[:, None], own[window]
        s0, s1, s2 = (np.sum(others * x**k, axis=1) for k in (0, 1, 2))
        t0, t1 = np.sum(others * y, axis=1), np.sum(others * x * y, axis=1)
        spread = s0 * s2 - s1**2
        flat = ~(spread > 1e-12 * s0 * s2)
        height = np.where(flat, t0 / s0, (t0 * s2 - t1 * s1) / np.where(flat, 1.0, spread))
    height = np.where(np.isfinite(height), height, own)
    return np.asarray(np.exp(np.clip(height, own - _OFF, own + _OFF)))
