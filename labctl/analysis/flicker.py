"""1/f noise: exponent, level and corner, fitted to a power spectral density by its likelihood.

An estimate of a spectral density scatters as chi2 around the truth, not as a normal variable around
its logarithm; a straight line through the logarithms is biased and its errors are wrong. Here the
gamma likelihood is maximised (the Whittle likelihood of averaged spectra; Whittle,
doi:10.1007/BF02590998). Neighbouring frequencies of a windowed estimate are correlated, which the
likelihood does not know, so errors and profile intervals are widened by the ratio of the sandwich
variance to the naive one (Pace, Salvan and Sartori, Stat. Sinica 2011, 21, 129).

A white floor cannot be less than nothing. Where none is seen, an interval of the exponent by the
rise of the likelihood is too narrow (Self and Liang, doi:10.1080/01621459.1987.10478472) and the
exponent leans to large values. The values are then those of a fit without a floor, and intervals
reach over those of both fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.folding import folded
from labctl.analysis.formula import Definition
from labctl.analysis.noise import Spectrum
from labctl.errors import BadInput
from labctl.results import Fit, Value

__all__ = ["DEFINITIONS_FLICKER", "fit_flicker", "flicker_density"]

Array = NDArray[np.float64]

_LEFT_OUT = 3  # lowest bins: they feel the window and the straight line that was taken out
_FEWEST = 8  # bins
_STEPS = 60
_LEVEL = 3.841458820694124  # 95 % of chi2 with one degree of freedom
_LEVEL_99 = 6.6348966010212145
_FARTHEST = 30.0  # of a profile, in the logarithms; beyond, the side is open
_Z_95 = 1.959963984540054
_MOST_ALPHA = 8.0

DEFINITIONS_FLICKER = (
    Definition(
        "flicker-exponent",
        "S(f) = S1 (1 Hz/f)^alpha + W",
        "Flicker noise and a white floor W; alpha is the exponent, the level is sqrt(S1), the "
        "amplitude density of the flicker part at 1 Hz, white is sqrt(W), and at the corner both "
        "parts are equal. Gamma likelihood, without the three lowest frequencies.",
        doi="10.1007/BF02590998",
        source="Whittle, Ark. Mat. 1953, 2, 423",
        code="labctl.analysis.flicker.fit_flicker",
        quantity="1/f exponent",
    ),
)


def flicker_density(fit: Fit, f: ArrayLike) -> Array:
    """Return the fitted density at other frequencies, unit^2/Hz.

    Raises
    ------
    BadInput
        The fit has no values.
    """
    if not fit.values:
        raise BadInput(f"the curve of a fit without values was asked for: {fit.note}")
    values = {name: value.value for name, value in fit.values.items()}
    frequency = np.asarray(f, float)
    flicker = values["level"] ** 2 * frequency ** -values["alpha"]
    return np.asarray(flicker + values.get("white", 0.0) ** 2, float)


@dataclass(frozen=True, slots=True)
class _Data:
    """Estimates in units of their size, against the logarithm of the frequency."""

    y: Array
    x: Array  #: ln(f/f_middle)
    half: Array  #: half the degrees of freedom
    images: Array  #: ln of all frequencies that sampling folds onto each, over f_middle; (k, n)
    weights: Array  #: ln of what the aperture lets through of each, shape (k, n)

    def deviance(self, log_s: Array) -> float:
        ratio = self.y * np.exp(-log_s)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            total = float(np.sum(2 * self.half * (ratio - np.log(ratio) - 1)))
        return total if math.isfinite(total) else math.inf

    def model(self, theta: Array) -> tuple[Array, Array]:
        """Return ln S and its slopes by ln A, alpha and ln W."""
        powers = theta[0] - theta[1] * self.images + self.weights
        top = np.max(powers, axis=0)
        shares = np.exp(powers - top)
        total = np.sum(shares, axis=0)
        flicker: Array = top + np.log(total)
        place = np.sum(shares * self.images, axis=0) / total
        white = np.full(len(self.x), theta[2])
        log_s = np.asarray(np.logaddexp(flicker, white), np.float64)
        p, q = np.exp(flicker - log_s), np.exp(white - log_s)
        return log_s, np.stack((p, -p * place, q), axis=1)


@dataclass(frozen=True, slots=True)
class _Space:
    """A straight space of parameters: theta = origin + directions @ phi."""

    origin: Array
    directions: Array

    def nearest(self, theta: Array) -> Array:
        found = np.linalg.lstsq(self.directions, theta - self.origin, rcond=None)[0]
        return np.asarray(found, np.float64)

    def theta(self, phi: Array) -> Array:
        return np.asarray(self.origin + self.directions @ phi, np.float64)


def _minimise(data: _Data, space: _Space, theta: Array) -> tuple[float, Array]:
    """Fisher scoring with halved steps; returns the deviance and the place."""
    phi = space.nearest(theta)
    at = space.theta(phi)
    log_s, slopes = data.model(at)
    best = data.deviance(log_s)
    for _ in range(_STEPS):
        j = slopes @ space.directions
        push = j.T @ (data.half * (data.y * np.exp(-log_s) - 1))
        normal = j.T @ (j * data.half[:, None])
        step = np.linalg.lstsq(normal, push, rcond=1e-13)[0]
        step *= min(1.0, 3.0 / max(float(np.max(np.abs(step))), 1e-300))
        for _ in range(30):
            trial = space.theta(phi + step)
            deviance = data.deviance(data.model(trial)[0])
            if deviance <= best:
                break
            step = step / 2
        else:
            return best, at
        gained, best, phi, at = best - deviance, deviance, phi + step, trial
        log_s, slopes = data.model(at)
        if gained < 1e-10 * (1 + best):
            break
    return best, at


_NO_WHITE = -60.0  # ln W in units of the data: nothing


def _start(data: _Data, floor: bool) -> Array:
    """Return the best of a grid of exponents and corners."""
    found: list[tuple[float, Array]] = []
    corners = np.linspace(data.x[0], data.x[-1] + 2, 8) if floor else [-_NO_WHITE]
    for alpha in (0.3, 0.6, 0.9, 1.2, 1.6, 2.0, 2.6):
        for corner in corners:
            white = -alpha * float(corner) if floor else _NO_WHITE
            log_s = data.model(np.array([0.0, alpha, white]))[0]
            size = math.log(float(np.average(data.y * np.exp(-log_s), weights=data.half)))
            theta = np.array([size, alpha, white + size if floor else _NO_WHITE])
            found.append((data.deviance(data.model(theta)[0]), theta))
    return min(found, key=lambda pair: pair[0])[1]


def fit_flicker(
    found: Spectrum,
    low: float | None = None,
    high: float | None = None,
    *,
    floor: bool = True,
    sampled: tuple[float, float] | None = None,
) -> Fit:
    """Fit ``S1 (1 Hz/f)^alpha + W`` to a power spectral density.

    Parameters
    ----------
    found
        A spectrum of `labctl.analysis.noise.spectrum`.
    low, high
        Frequencies to use, Hz; the three lowest bins and the last are always left out.
    floor
        Fit a white floor beside the flicker noise.
    sampled
        Interval of the samples and the time over which each is a mean, s: the fit then allows for
        what the mean takes away and what sampling folds back (`labctl.analysis.folding`).

    Returns
    -------
    Fit
        ``alpha``; ``level``, the amplitude density of the flicker part at 1 Hz, and ``white``,
        that of the floor, both in unit/sqrt(Hz); ``corner``, Hz. A floor or a slope that the range
        does not show is open on its side, and the fit not identifiable. Where the density is not
        of this shape (a Lorentzian of telegraph noise, mains), errors are widened and `note` says
        so. Where no floor is seen, ``white`` is 0 with an upper end, the others are those of a fit
        without a floor, and their intervals cover both. The covariance is that of ln(level), alpha
        and, with a floor, ln(white).

    Raises
    ------
    BadInput
        Fewer than eight frequencies are left.
    """
    chosen = np.arange(len(found.f)) >= _LEFT_OUT
    chosen &= np.arange(len(found.f)) < len(found.f) - 1
    chosen &= (found.f >= (low or 0.0)) & (found.f <= (high or math.inf)) & (found.psd > 0)
    if int(np.sum(chosen)) < _FEWEST:
        raise BadInput(
            f"{int(np.sum(chosen))} frequencies are left for a fit of 1/f noise; it needs "
            f"{_FEWEST}, so use longer segments or a wider band"
        )
    f, y = found.f[chosen], found.psd[chosen]
    middle, size = math.sqrt(f[0] * f[-1]), float(np.median(y))
    images, weights = folded(f, middle, sampled)
    data = _Data(y / size, np.log(f / middle), found.dof[chosen] / 2, images, weights)
    bare = _best(data, False, middle, size)
    without = _result(found, chosen, bare)
    if not floor:
        return without
    best = _best(data, True, middle, size)
    fit = _result(found, chosen, best)
    honest, naive = (part[2, 2] for part in _sandwich(found, chosen, best))
    shown = bare.deviance - best.deviance > _LEVEL_99 * max(honest / max(naive, 1e-300), 1.0)
    return fit if shown else _of_both(fit, without)


def _best(data: _Data, floor: bool, middle: float, size: float) -> _Best:
    free = _Space(np.array([0, 0, 0 if floor else _NO_WHITE]), np.eye(3)[:, : 3 if floor else 2])
    deviance, theta = _minimise(data, free, _start(data, floor))
    return _Best(data, free, deviance, theta, middle, size)


def _of_both(fit: Fit, without: Fit) -> Fit:
    """Return a fit whose floor is in doubt, with intervals that hold with a floor and without."""
    absent = fit.white.low is None
    values = dict(fit.values)
    for name in ("alpha", "level"):
        one, other = fit.values[name], without.values[name]
        low = None if one.low is None or other.low is None else min(one.low, other.low)
        high = None if one.high is None or other.high is None else max(one.high, other.high)
        sigma = None if low is None or high is None else (high - low) / (2 * _Z_95)
        values[name] = Value((other if absent else one).value, sigma, low, high, one.unit)
    if not absent:
        return msgspec.structs.replace(fit, values=values)
    values["white"] = Value(0.0, None, None, fit.white.high, fit.white.unit)
    return msgspec.structs.replace(fit, values=values, covariance=without.covariance)


@dataclass(frozen=True, slots=True)
class _Best:
    """The minimum, with what turns it into numbers with units."""

    data: _Data
    free: _Space
    deviance: float
    theta: Array
    middle: float  #: frequency of the middle, Hz
    size: float  #: unit of the density

    @property
    def floor(self) -> bool:
        return bool(self.free.directions.shape[1] == 3)

    def gradients(self) -> dict[str, Array]:
        """Return d(reported logarithm)/d(theta); the exponent is reported as it is."""
        middle = math.log(self.middle)
        gradients = {"alpha": np.array([0.0, 1, 0]), "level": np.array([1.0, middle, 0])}
        if self.floor:
            a, alpha, w = self.theta
            gradients["white"] = np.array([0.0, 0, 1])
            gradients["corner"] = np.array([1 / alpha, -(a - w) / alpha**2, -1 / alpha])
        return gradients

    def number(self, name: str, theta: Array) -> float:
        """Return what is profiled: the exponent or a logarithm."""
        a, alpha, w = theta
        middle = math.log(self.middle)
        places = {"alpha": alpha, "level": a + alpha * middle, "white": w}
        return float(places[name] if name in places else middle + (a - w) / alpha)

    def held(self, name: str, value: float) -> _Space:
        """Return the space in which a number is held."""
        middle = math.log(self.middle)
        spaces = {
            "alpha": ([0, value, 0], [[1, 0], [0, 0], [0, 1]]),
            "level": ([value, 0, 0], [[-middle, 0], [1, 0], [0, 1]]),
            "white": ([0, 0, value], [[1, 0], [0, 1], [0, 0]]),
            "corner": ([0, 0, 0], [[1, 0], [0, 1], [1, middle - value]]),
        }
        origin, directions = (np.array(part, float) for part in spaces[name])
        if not self.floor:
            origin[2], directions = _NO_WHITE, directions[:, :1]
        return _Space(origin, directions)

    def shown(self, name: str, number: float) -> float:
        """Return a number in the units reported."""
        if name == "alpha":
            return number
        scale = {"corner": (0.0, 1.0)}.get(name, (math.log(self.size), 0.5))
        return math.exp((number + scale[0]) * scale[1])


def _result(found: Spectrum, chosen: NDArray[np.bool_], best: _Best) -> Fit:
    widen, note = _excess(found, best)
    covariance, naive = _sandwich(found, chosen, best)
    units = {"alpha": "1", "corner": "Hz"}
    values = {}
    for name, gradient in best.gradients().items():
        variance = float(gradient @ covariance @ gradient) * widen
        ratio = variance / max(float(gradient @ naive @ gradient), 1e-300)
        low, high = (_end(best, name, side, math.sqrt(variance), ratio) for side in (-1, 1))
        number = best.shown(name, best.number(name, best.theta))
        scale = 1.0 if name == "alpha" else number * (1.0 if name == "corner" else 0.5)
        sigma = None if low is None or high is None else math.sqrt(variance) * scale
        unit = units.get(name, f"{found.unit}/sqrt(Hz)")
        values[name] = Value(number, sigma, low, high, unit)
    opened = [name for name, value in values.items() if None in (value.low, value.high)]
    if opened:
        note.append(f"not identifiable in this band: {', '.join(opened)}")
    size = best.free.directions.shape[1]
    return Fit(
        "flicker" if best.floor else "flicker_without_floor",
        DEFINITIONS_FLICKER[0].formula + "; gamma likelihood, correlated bins counted",
        values,
        tuple(map(tuple, (covariance[:size, :size] * widen).tolist())),
        _pearson(best),
        None,
        not opened,
        int(np.sum(chosen)),
        "; ".join(note),
    )


def _sandwich(found: Spectrum, chosen: NDArray[np.bool_], best: _Best) -> tuple[Array, Array]:
    """Return the covariance of theta with correlated bins, and without."""
    slopes = best.data.model(best.theta)[1]
    j = slopes @ best.free.directions
    normal = np.linalg.pinv(j.T @ (j * best.data.half[:, None]), rcond=1e-14)
    score = j * np.sqrt(best.data.half)[:, None]
    middle = score.T @ score
    at = np.flatnonzero(chosen)
    for m in range(1, len(found.correlation)):
        pairs = at[m:] - at[:-m] == m if m < len(at) else np.zeros(0, bool)
        if np.any(pairs):
            cross = score[m:][pairs].T @ score[:-m][pairs]
            middle = middle + found.correlation[m] * (cross + cross.T)
    d = best.free.directions
    return d @ normal @ middle @ normal @ d.T, d @ normal @ d.T


def _pearson(best: _Best) -> float:
    ratio = best.data.y * np.exp(-best.data.model(best.theta)[0])
    dof = len(ratio) - best.free.directions.shape[1]
    return float(np.sum(best.data.half * (ratio - 1) ** 2) / dof)


def _excess(found: Spectrum, best: _Best) -> tuple[float, list[str]]:
    """Return the factor on variances when the density is not of this shape, and a sentence."""
    k = float(np.median(best.data.half))
    shared = 1 + 2 * float(np.sum(found.correlation[1:] ** 2))
    reduced = _pearson(best)
    if reduced <= 1 + 4 * math.sqrt((2 + 6 / k) * shared / len(best.data.y)):
        return 1.0, []
    return reduced, [
        f"the density is not of this shape (reduced chi2 {reduced:.3g}): errors are scaled up"
    ]


def _end(best: _Best, name: str, side: int, sigma: float, ratio: float) -> float | None:
    """Follow the profile to where the deviance has risen by its 95 % level, or find it open.

    The root of the rise is nearly a straight line, so a few secant steps find the place.
    """
    start, level = best.number(name, best.theta), _LEVEL * ratio
    inside, low, theta = 0.0, 0.0, best.theta
    step = min(max(2 * sigma, 1e-6), 3.0)
    limit = _MOST_ALPHA if name == "alpha" else _FARTHEST
    while True:
        outside = inside + step
        if outside > limit:
            return None
        high, theta = _height(best, name, start + side * outside, theta, level)
        if high >= 1:
            break
        inside, low, step = outside, high, step * 1.6
    for _ in range(40):
        share = min(max((1 - low) / max(high - low, 1e-300), 0.05), 0.95)
        middle = inside + share * (outside - inside)
        height, theta = _height(best, name, start + side * middle, theta, level)
        if abs(height - 1) < 1e-4 or outside - inside < 1e-4 * outside:
            break
        if height < 1:
            inside, low = middle, height
        else:
            outside, high = middle, height
    return best.shown(name, start + side * middle)


def _height(best: _Best, name: str, at: float, theta: Array, level: float) -> tuple[float, Array]:
    """Return the root of the rise over the level with a number held, and where that is."""
    deviance, place = _minimise(best.data, best.held(name, at), theta)
    return math.sqrt(max(deviance - best.deviance, 0.0) / level), place
