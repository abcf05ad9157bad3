"""Nucleation-limited switching of a ferroelectric film, domain by domain, in closed form.

A film is a number of domains that switch each on its own, at the first nucleation in it (Tagantsev
et al., Phys. Rev. B 66, 214109, 2002, 10.1103/PhysRevB.66.214109). Under a field E against its
polarisation a domain with the activation field Ea gathers a history h, and the probability that it
switches while h goes from h0 to h1 is that of a Weibull process (Alessandri et al., IEEE Trans.
Electron Devices 66, 3527, 2019, 10.1109/TED.2019.2922268)::

    dh/dt = exp(-(Ea / |E|)^alpha) / tau        P = 1 - exp(h0^beta - h1^beta)

A domain that has switched begins with h = 0. While nothing pushes it, its history fades as
(1 + t / memory)^-fading, t counted from the end of the push: the source finds 0.55 of it left after
1 us and 0.3 after 10 us. No domain moves in a field below `reach` times its own activation field,
so that only a part of the film can switch at all at a low voltage.

On a straight line of the field the growth of h is known too, with the incomplete gamma function::

    integral of exp(-(Ea/E)^alpha) dE = E exp(-x) - Ea Gamma(1 - 1/alpha, x),   x = (Ea/E)^alpha

so a ramp costs as much as a pulse. A state is kept in two ways:

continuum
    `up` is the expected share of a domain that points up. The histories of the two shares are kept
    apart; what joins a share brings none, so the mean history of the share is diluted.
single
    `up` is 0 or 1. A domain flips when the hazard h1^beta - h0^beta has used up a number drawn from
    an exponential distribution, looked up by (device, domain, flips so far): however the time is
    cut, it flips at the same moment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels
from sim_backend.devices.model import Array, Stream

__all__ = [
    "Domains", "Law", "Whole", "activations", "fade", "fill", "mean_rate", "normal_activations",
    "switch", "thresholds",
]  # fmt: skip

#: whole numbers, of devices
Whole = NDArray[np.int64]

_KERNEL = "sim_backend.devices.kernels.nucleation"
_NARROW = 1e-3  # relative width of a line below which three Gauss points are better
_NODES = np.array([-0.774596669241483377, 0.0, 0.774596669241483377])
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0
_LARGE = 512  # domains x devices from which compiled code pays
_DRAWS = 0xFE  # first word of the keys


class Law(NamedTuple):
    """How fast domains switch, the same for all of a film."""

    tau: float  #: switching time in an infinite field, s
    alpha: float  #: exponent of the field
    beta: float  #: exponent of the history
    reach: float  #: share of its activation field below which a domain does not move
    memory: float  #: time after which a history begins to fade, s
    fading: float  #: exponent of the fading


class Domains(NamedTuple):
    """State of all domains, each of shape (domains, devices): views, changed in place."""

    up: Array  #: share that points up
    rising: Array  #: history of the share that points down
    falling: Array  #: history of the share that points up
    left: Array  #: hazard that is left until the next flip (single)
    flips: Array  #: flips so far (single)


def activations(
    count: int, a: float, b: float, p: float, q: float, ranks: Array | None = None
) -> Array:
    """Return activation fields from the generalised beta distribution of the second kind.

    Parameters
    ----------
    count
        Number of domains.
    a, b, p, q
        Of the distribution; b is a field, V/m.
    ranks
        Shares of the domains below each wanted, between 0 and 1; None for the middles of `count`
        equal shares.

    Returns
    -------
    ndarray
        V/m, shape of the ranks.
    """
    from scipy.special import betaincinv

    shares = (np.arange(count) + 0.5) / count if ranks is None else ranks
    y = betaincinv(p, q, shares)
    fields: Array = b * (y / (1.0 - y)) ** (1.0 / a)
    return fields


def normal_activations(count: int, mean: float, sd: float, ranks: Array | None = None) -> Array:
    """Return activation fields from a normal distribution, never below a twentieth of its mean.

    Parameters
    ----------
    count, ranks
        As for `activations`.
    mean, sd
        Of the distribution, V/m (or V, as the film's field is given).
    """
    from scipy.special import ndtri

    shares = (np.arange(count) + 0.5) / count if ranks is None else ranks
    fields: Array = np.maximum(mean + sd * ndtri(shares), mean / 20.0)
    return fields


def fill(activation: Array, polarisation: float, single: bool) -> Array:
    """Return the shares that point up in a film of a given polarisation, easy domains first.

    Parameters
    ----------
    activation
        Shape (domains, devices).
    polarisation
        -1 to 1, of the remanent one.
    single
        Whole domains only: the nearest polarisation that they can give.
    """
    count = activation.shape[0]
    wanted = (1.0 + polarisation) / 2.0 * count
    rank = np.argsort(np.argsort(activation, axis=0), axis=0)
    shares: Array = np.clip((round(wanted) if single else wanted) - rank, 0.0, 1.0)
    return shares


def fade(history: Array, start: Array, duration: float, law: Law) -> None:
    """Let histories fade, in place.

    Parameters
    ----------
    history
        Shape (domains, devices).
    start
        Time since the last push at the beginning, s, shape (devices,).
    duration
        s.
    law
        Of the film.
    """
    history *= ((law.memory + start) / (law.memory + start + duration)) ** law.fading


def mean_rate(activation: Array, first: Array, last: Array, law: Law) -> Array:
    """Return the mean of exp(-(Ea/E)^alpha) over a line of the field, shape of `activation`."""
    low = np.minimum(abs(first), abs(last))
    high = np.maximum(abs(first), abs(last))
    cut = law.reach * activation
    narrow = high - low <= _NARROW * high
    rates = np.zeros_like(activation)
    if narrow.any():
        k = np.flatnonzero(narrow)
        rates[:, k] = _narrow(activation[:, k], low[k], high[k], cut[:, k], law.alpha)
    if not narrow.all():
        k = np.flatnonzero(~narrow)
        upper = _primitive(np.maximum(high[k], cut[:, k]), activation[:, k], law.alpha)
        lower = _primitive(np.maximum(low[k], cut[:, k]), activation[:, k], law.alpha)
        rates[:, k] = (upper - lower) / (high[k] - low[k])
    return rates


def _narrow(activation: Array, low: Array, high: Array, cut: Array, alpha: float) -> Array:
    """Return the mean by three Gauss points: its relative error is below 1e-9."""
    total = np.zeros_like(activation)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        field = np.maximum((low + high) / 2 + (high - low) / 2 * node, 1e-300)
        with np.errstate(over="ignore"):
            total += weight * np.exp(-((activation / field) ** alpha)) * (field > cut)
    return total


def _primitive(field: Array, activation: Array, alpha: float) -> Array:
    """Return the integral of exp(-(Ea/E)^alpha) dE from 0."""
    from scipy.special import gamma, gammaincc

    a = 1.0 - 1.0 / alpha
    with np.errstate(over="ignore", divide="ignore"):
        x = np.minimum((activation / np.maximum(field, 1e-300)) ** alpha, 700.0)
    whole = np.asarray(field * np.exp(-x) - activation * gamma(a) * gammaincc(a, x))
    return np.where(x < 700.0, whole, 0.0)


def thresholds(stream: Stream, numbers: Whole, flips: Array) -> Array:
    """Return the hazard until the next flip of every domain, shape (domains, devices)."""
    domain = np.arange(flips.shape[0])[:, np.newaxis]
    draws: Array = -np.log(stream.uniforms(_DRAWS, numbers, domain, flips.astype(np.int64)))
    return draws


def switch(
    domains: Domains,
    activation: Array,
    first: Array,
    last: Array,
    turns: Array,
    law: Law,
    stream: Stream | None = None,
    numbers: Whole | None = None,
) -> None:
    """Take all domains through one straight line of the field, in place.

    Parameters
    ----------
    domains
        Of all devices.
    activation
        Activation fields, V/m, shape (domains, devices).
    first, last
        Field at the ends of the line, V/m, of one sign in each device, shape (devices,).
    turns
        Duration over `law.tau` for each device, shape (devices,).
    law
        Of the film.
    stream, numbers
        Given when each domain flips as a whole: where the draws are, and the devices' numbers.
    """
    single = stream is not None
    fast = kernels(_KERNEL) if activation.size >= _LARGE else None
    if fast is not None:
        flipped = fast.switch(
            *domains[:4], activation, first, last, turns, law.alpha, law.beta, law.reach, single
        )
    else:
        gain = mean_rate(activation, first, last, law) * turns
        flipped = _step(domains, gain, first + last > 0, law.beta, single)
    if stream is not None and numbers is not None and flipped.any():
        domains.flips[flipped] += 1
        domains.left[flipped] = thresholds(stream, numbers, domains.flips)[flipped]


def _step(
    domains: Domains, gain: Array, positive: NDArray[np.bool_], beta: float, single: bool
) -> NDArray[np.bool_]:
    """Let every domain nucleate; returns which flipped as a whole."""
    up, rising, falling, left, _ = domains
    before = np.where(positive, rising, falling)
    hazard = (before + gain) ** beta - before**beta
    waiting = np.where(positive, 1.0 - up, up)
    moving = gain > 0
    if single:
        moving &= waiting > 0.5
        left[moving] -= hazard[moving]
    _set(rising, moving & positive, before + gain)
    _set(falling, moving & ~positive, before + gain)
    if single:
        flipped: NDArray[np.bool_] = moving & (left <= 0.0)
        _set(up, flipped, np.broadcast_to(positive.astype(float), up.shape))
        rising[flipped] = falling[flipped] = 0.0
        return flipped
    moved = waiting * -np.expm1(-hazard)
    settled = 1.0 - waiting
    total = settled + moved
    share = np.where(total > 0, settled / np.where(total > 0, total, 1.0), 0.0)
    _set(falling, moving & positive, falling * share)
    _set(rising, moving & ~positive, rising * share)
    _set(up, moving, np.clip(up + np.where(positive, moved, -moved), 0.0, 1.0))
    return np.zeros(up.shape, bool)


def _set(target: Array, where: NDArray[np.bool_], values: Array) -> None:
    np.copyto(target, values, where=where)
