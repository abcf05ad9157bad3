"""Variation: from cycle to cycle (C2C) and from device to device (D2D), as separate numbers.

`cycle_factor` and `drawn` look numbers up by key, so a device meets the same ones alone and in an
array, and however its time is cut. What a paper prints is the spread of a *conductance*, which
follows from the spread of an increment or of a parameter only through the model and the cycle:
`calibrate_cycle` and `calibrate_device` find the one that gives the other, for a stated cycle and a
stated statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from sim_backend.devices.model import Array, DeviceModel, Piece, State, Stream

__all__ = ["Calibration", "Cycle", "Kind", "calibrate_cycle", "calibrate_device", "cycle_factor",
           "drawn"]  # fmt: skip

Kind = Literal["normal", "lognormal"]

_FLOOR = 0.05  # of the nominal value: no normal draw goes below
_MOST_STEPS = 40


def cycle_factor(
    stream: Stream | None,
    numbers: ArrayLike,
    events: ArrayLike,
    sigma: ArrayLike,
    kind: Kind = "normal",
    label: int = 0,
) -> Array:
    """Return the factor on what one event does, for each device: cycle-to-cycle variation.

    Parameters
    ----------
    stream
        Where it is looked up; None for no variation.
    numbers
        Numbers of the devices, ``state.first + np.arange(state.devices)``.
    events
        Number of the event (excursion, write) of each device since it was made.
    sigma
        ``"normal"``: standard deviation of the factor; ``"lognormal"``: of its logarithm.
    kind
        ``"normal"``: 1 + sigma xi, never below 0 (an event does nothing then, it does not undo);
        the mean is 1 for a sigma up to 0.4 (at 1 it is 1.08). ``"lognormal"``: exp(sigma xi), with
        a median of 1.
    label
        Several factors for one event have different labels.

    Examples
    --------
    >>> cycle_factor(Stream(1), [0, 1], 7, 0.0).tolist()
    [1.0, 1.0]
    """
    shape = np.broadcast_shapes(np.shape(numbers), np.shape(events), np.shape(sigma))
    if stream is None or not np.any(sigma):
        return np.ones(shape)
    steps = np.asarray(sigma, np.float64) * stream.normals(numbers, events, label)
    return np.maximum(1.0 + steps, 0.0) if kind == "normal" else np.exp(steps)


def drawn(
    nominal: Sequence[float],
    sigmas: Sequence[float] | float,
    numbers: int | ArrayLike,
    stream: Stream | None,
    first: int = 0,
    kind: Kind | Sequence[Kind] = "lognormal",
    limit: float = 4.0,
) -> Array:
    """Draw the parameters of devices: device-to-device variation.

    Parameters
    ----------
    nominal
        One value for each parameter: the median of its draws.
    sigmas
        Relative standard deviation of each parameter (of its logarithm for ``"lognormal"``), or one
        for all.
    numbers
        How many devices, or their numbers counted from `first`.
    stream
        Where it is looked up by (device, parameter); None for no variation.
    first
        Number of the first device.
    kind
        For each parameter, or one for all. ``"normal"`` is nominal (1 + sigma xi), never below 5 %
        of the nominal value, so that nothing changes its sign.
    limit
        Draws are cut at so many standard deviations: at 4, one device in 16 000.

    Returns
    -------
    ndarray
        Shape (parameters, devices). With one sigma and ``"lognormal"`` it is what
        `sim_backend.devices.model.spread` gives, but for the cut.

    Raises
    ------
    BadInput
        There are not as many sigmas or kinds as parameters.
    """
    values = np.asarray(nominal, np.float64)
    columns = first + (np.arange(numbers) if isinstance(numbers, int) else np.asarray(numbers))
    if stream is None:
        return np.repeat(values[:, np.newaxis], len(columns), axis=1)
    scales, plain = _for_each(len(values), sigmas, kind)
    xi = stream.normals(columns[np.newaxis, :], np.arange(len(values))[:, np.newaxis])
    steps = scales * np.clip(xi, -limit, limit)
    factors = np.where(plain, np.maximum(1.0 + steps, _FLOOR), np.exp(steps))
    result: Array = values[:, np.newaxis] * factors
    return result


def _for_each(
    count: int, sigmas: Sequence[float] | float, kind: Kind | Sequence[Kind]
) -> tuple[Array, NDArray[np.bool_]]:
    """Return sigma, and whether the spread is normal, of each parameter; shape (parameters, 1)."""
    scales = [float(sigmas)] * count if isinstance(sigmas, int | float) else list(sigmas)
    kinds = [kind] * count if isinstance(kind, str) else list(kind)
    if not len(scales) == len(kinds) == count:
        raise BadInput(
            f"{count} parameters were given with {len(scales)} sigmas and {len(kinds)} "
            "distributions; give one for each, or one for all"
        )
    plain = np.array([each == "normal" for each in kinds])
    return np.array(scales, np.float64)[:, np.newaxis], plain[:, np.newaxis]


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of pulses, and where in it the conductance is taken.

    Parameters
    ----------
    pieces
        One turn: straight levels and their durations.
    looks
        After which pieces (counted from 0) the conductance is taken; empty for the end of a turn.
    turns
        How many turns count.
    settling
        How many turns pass before, until the cycle closes.
    """

    pieces: tuple[Piece, ...]
    looks: tuple[int, ...] = ()
    turns: int = 20
    settling: int = 5


@dataclass(frozen=True, slots=True)
class Calibration:
    """A sigma, and the statistic of the conductance that came out of it."""

    sigma: float
    reached: float
    statistic: str


def calibrate_cycle(
    model_factory: Callable[[float], DeviceModel],
    cycle: Cycle,
    target: float,
    *,
    devices: int = 64,
    seed: int = 1,
    temperature: float = 300.0,
    highest: float = 3.0,
    tolerance: float = 1e-3,
) -> Calibration:
    """Find the sigma of an event that gives a cycle-to-cycle spread of the conductance.

    The statistic: at each look, the standard deviation of the conductance over the turns, divided
    by its mean; then the root mean square over looks and devices. The devices are nominal.

    Parameters
    ----------
    model_factory
        Makes the model with a given sigma from cycle to cycle.
    cycle
        What is done again and again.
    target
        Relative standard deviation of the conductance wanted.
    devices
        How many nominal devices are averaged over; with the turns, they fix how well the target is
        known: to 1 / sqrt(2 devices turns), if turns are independent.
    seed
        Of the random numbers: the answer is the same each time.
    temperature
        K.
    highest
        Largest sigma that is tried.
    tolerance
        On the sigma, relative.

    Returns
    -------
    Calibration
        The sigma, the statistic that it gives and its definition.

    Raises
    ------
    BadInput
        No sigma up to the highest gives the target.
    """

    def reached(sigma: float) -> float:
        model = model_factory(sigma)
        state = model.fresh(devices, Stream(seed), spread=False)
        seen = _watch(model, state, cycle, temperature, Stream(seed + 1))
        variances = seen.var(axis=0, ddof=1) / seen.mean(axis=0) ** 2
        return float(np.sqrt(variances.mean()))

    text = (
        f"standard deviation over {cycle.turns} turns / mean, rms over the looks of a turn and "
        f"{devices} nominal devices"
    )
    return _solved(reached, target, highest, tolerance, text)


def calibrate_device(
    model_factory: Callable[[float], DeviceModel],
    cycle: Cycle,
    target: float,
    *,
    devices: int = 400,
    seed: int = 1,
    temperature: float = 300.0,
    highest: float = 3.0,
    tolerance: float = 1e-3,
) -> Calibration:
    """Find the sigma of the parameters that gives a device-to-device spread of the conductance.

    The statistic: of each device, the mean conductance over all looks; of these, the standard
    deviation over the devices divided by the mean. There is no variation from cycle to cycle.

    Parameters
    ----------
    model_factory
        Makes the model with a given sigma from device to device.
    cycle, seed, temperature, highest, tolerance
        As for `calibrate_cycle`.
    target
        Relative standard deviation of the conductance wanted.
    devices
        How many are drawn; the target is known to 1 / sqrt(2 devices).

    Returns
    -------
    Calibration
        The sigma, the statistic that it gives and its definition.

    Raises
    ------
    BadInput
        No sigma up to the highest gives the target.
    """

    def reached(sigma: float) -> float:
        model = model_factory(sigma)
        state = model.fresh(devices, Stream(seed), spread=True)
        means = _watch(model, state, cycle, temperature, None).mean(axis=(0, 1))
        return float(means.std(ddof=1) / means.mean())

    text = (
        f"standard deviation over {devices} devices / mean, of the conductance averaged over "
        f"{cycle.turns} turns"
    )
    return _solved(reached, target, highest, tolerance, text)


def _watch(
    model: DeviceModel, state: State, cycle: Cycle, temperature: float, stream: Stream | None
) -> Array:
    """Return conductances seen, shape (turns, looks, devices)."""
    looks = set(cycle.looks or (len(cycle.pieces) - 1,))
    model.repeat(state, cycle.pieces, cycle.settling, temperature, stream)
    seen: list[list[Array]] = []
    for _ in range(cycle.turns):
        seen.append([])
        for k, (levels, duration) in enumerate(cycle.pieces):
            model.advance(state, levels, duration, temperature, stream)
            if k in looks:
                seen[-1].append(model.conductance(state))
    return np.array(seen)


def _solved(
    reached: Callable[[float], float], target: float, highest: float, tolerance: float, text: str
) -> Calibration:
    """Find where a growing statistic passes the target (regula falsi, Illinois)."""
    low, below = 0.0, -target
    high = min(max(target, 1e-6), highest)
    while (above := reached(high) - target) < 0:
        if high >= highest:
            raise BadInput(
                f"a relative spread of {target:g} was asked for; a sigma of {highest:g} gives "
                f"{above + target:.3g} in this cycle: ask for less, or take another cycle"
            )
        low, below, high = high, above, min(2.0 * high, highest)
    sigma, found = _between(
        lambda sigma: reached(sigma) - target, (low, below), (high, above), tolerance, target
    )
    return Calibration(sigma, found + target, text)


def _between(
    excess: Callable[[float], float],
    low: tuple[float, float],
    high: tuple[float, float],
    tolerance: float,
    target: float,
) -> tuple[float, float]:
    """Return where a growing function passes zero between two points, and its value there."""
    (a, below), (b, above) = low, high
    sigma, found, side = b, above, 0
    for _ in range(_MOST_STEPS):
        if b - a <= tolerance * b or abs(found) <= 1e-2 * tolerance * target:
            break
        sigma = (a * above - b * below) / (above - below)
        found = excess(sigma)
        if found < 0:
            a, below, above, side = sigma, found, above / 2 if side < 0 else above, -1
        else:
            b, above, below, side = sigma, found, below / 2 if side > 0 else below, 1
    return sigma, found
