"""Random telegraph noise: levels, dwell times and their number, by a hidden Markov model.

A sample is the level of the state the device is in, plus white noise of the meter; the states
change at constant rates. Levels, noise and rates are those of the largest likelihood (Baum-Welch;
Rabiner, doi:10.1109/5.18626), the number of levels is that of the lowest BIC (Schwarz,
doi:10.1214/aos/1176344136). Errors come from the curvature of the likelihood, so they count that
visits overlap with noise and that short ones are missed.

The model has white noise of one size. A record with drift or strong 1/f noise needs more levels
than the device has; look at the spectrum first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.chain import Chain, curvature_covariance, search
from labctl.analysis.dwell import dwell_interval, exponential_share, mean_dwells, runs
from labctl.analysis.formula import Definition
from labctl.analysis.markov import decode, stationary
from labctl.analysis.noise import even_samples
from labctl.errors import BadInput
from labctl.results import Fit, Metric, Panel, Trace, Value

__all__ = ["DEFINITIONS_TELEGRAPH", "Telegraph", "Visits", "draw_telegraph", "fit_telegraph"]

Array = NDArray[np.float64]
Path = NDArray[np.int64]

_MOST_LEVELS = 4
_FEWEST = 64  # samples
_SHORT = 5.0  # sample intervals; a mean dwell below is limited by the sampling
_WORSE = 10.0  # rise of the BIC after which no further level is tried
_Z = 1.959963984540054

DEFINITIONS_TELEGRAPH = (
    Definition(
        "telegraph-levels-bic",
        "BIC = -2 ln L + (K + 1 + K (K - 1)) ln n",
        "Number K of levels in random telegraph noise: the one with the lowest BIC among 1 to 4, L "
        "the likelihood of a hidden Markov chain with K levels, one white noise and K (K - 1) "
        "rates, n the number of samples.",
        doi="10.1214/aos/1176344136",
        source="Schwarz, Ann. Stat. 1978, 6, 461",
        code="labctl.analysis.telegraph.fit_telegraph",
        quantity="levels of telegraph noise",
    ),
    Definition(
        "telegraph-step",
        "Delta = level_(k+1) - level_k",
        "Distance of two neighbouring levels of random telegraph noise.",
        unit="X",
        doi="10.1080/00018738900101122",
        source="Kirton and Uren, Adv. Phys. 1989, 38, 367",
        code="labctl.analysis.telegraph.Telegraph.step",
        quantity="step of telegraph noise",
    ),
)


@dataclass(frozen=True, slots=True)
class Visits:
    """What is known of the stays at one level."""

    count: int  #: whole visits in the likeliest path
    share: float  #: of the samples
    exponential: float | None  #: how often one rate gives dwell times like these (p-value)
    sampling_limited: bool  #: the mean dwell is less than five sample intervals


@dataclass(frozen=True, slots=True)
class Telegraph:
    """Random telegraph noise, levels in rising order."""

    fit: Fit  #: level1, ..., dwell1, ..., sigma
    path: Path  #: the likeliest state of each sample
    visits: tuple[Visits, ...]
    bic: dict[int, float]  #: by number of levels tried
    dt: float  #: s

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.visits)

    def step(self, k: int = 1) -> Metric:
        """Return the distance from level k to the next."""
        low, high = self.fit.values[f"level{k}"], self.fit.values[f"level{k + 1}"]
        sigma = None
        if self.fit.covariance:
            cov = np.array(self.fit.covariance)
            sigma = math.sqrt(max(cov[k - 1, k - 1] + cov[k, k] - 2 * cov[k - 1, k], 0.0))
        return Metric(high.value - low.value, sigma, low.unit, "telegraph-step")

    @property
    def capture(self) -> Value:
        """Mean dwell at the highest level, s."""
        return self.fit.values[f"dwell{self.levels}"]

    @property
    def emission(self) -> Value:
        """Mean dwell at the lowest level, s."""
        return self.fit.values["dwell1"]


def fit_telegraph(
    x: ArrayLike,
    dt: float | None = None,
    *,
    t: ArrayLike | None = None,
    levels: int | None = None,
    unit: str = "A",
) -> Telegraph:
    """Find the levels and dwell times of random telegraph noise.

    Parameters
    ----------
    x
        Samples in time order, all of them.
    dt, t
        Sample interval, s, or the times themselves.
    levels
        Number of levels, 2 to 4; by default the one with the lowest BIC, which may be 1.
    unit
        Of the samples.

    Returns
    -------
    Telegraph
        Its `fit` has ``level1 < level2 < ...``, ``dwell1``, ... in s, and ``sigma``, the white
        noise; covariance in the order of the levels and sigma, then the logarithms of the dwell
        times.

    Raises
    ------
    BadInput
        Uneven times, a sample that is not finite, fewer than 64 samples, all alike, or a number of
        levels that is not possible.
    """
    values, step = even_samples(x, dt, t)
    if len(values) < _FEWEST:
        raise BadInput(f"{len(values)} samples were given; telegraph noise needs {_FEWEST} or more")
    if levels is not None and not 2 <= levels <= _MOST_LEVELS:
        raise BadInput(f"{levels} levels were asked for; allowed are 2 to {_MOST_LEVELS}")
    size = float(np.max(np.abs(values)))
    centre, scale = float(np.mean(values / size)) * size, float(np.std(values / size)) * size
    y = (values / size - centre / size) / (scale / size)
    bic = {1: len(y) * (math.log(2 * math.pi) + 1) + 2 * math.log(len(y))}
    chains = {}
    for count in (levels,) if levels else range(2, _MOST_LEVELS + 1):
        found = search(y, count)
        if found is not None:
            total, chains[count] = found
            bic[count] = -2 * total + chains[count].free * math.log(len(y))
        if bic.get(count, math.inf) > min(bic.values()) + _WORSE:
            break  # more levels than this describe noise
    tried = {count: value for count, value in bic.items() if not levels or count == levels}
    best = min(tried, key=lambda count: tried[count]) if tried else 1
    if best == 1:
        return _single(values, step, bic, unit)
    return _result(y, chains[best], (centre, scale), step, bic, unit)


def _result(
    y: Array,
    chain: Chain,
    unit_y: tuple[float, float],
    dt: float,
    bic: dict[int, float],
    unit: str,
) -> Telegraph:
    k = len(chain.mu)
    path = decode(chain.emissions(y)[0], chain.p, stationary(chain.p))
    dwells = mean_dwells(chain.p, dt)
    covariance, told = curvature_covariance(y, chain, dt)
    if covariance is not None:
        scales = np.concatenate((np.full(k + 1, unit_y[1]), np.ones(k)))
        covariance = covariance * np.outer(scales, scales)
    values = _values(chain, unit_y, dwells, covariance, unit)
    left = np.any(told, axis=1)  # a level that is never left has no dwell time
    for j in np.flatnonzero(~left):
        name = f"dwell{j + 1}"
        values[name] = _opened(values[name])
    visits = _visits(path, chain, dwells, dt)
    closed = all(value.low is not None and value.high is not None for value in values.values())
    fit = Fit(
        f"telegraph_{k}_levels",
        f"hidden Markov chain of {k} levels with white noise; largest likelihood",
        values,
        () if covariance is None else tuple(map(tuple, covariance.tolist())),
        identifiable=closed,
        points=len(y),
        note=_note(values, visits),
    )
    return Telegraph(fit, path, visits, bic, dt)


def _opened(value: Value) -> Value:
    """Return a value of which the data set no bound."""
    return Value(value.value, None, None, None, value.unit)


def _values(
    chain: Chain,
    unit_y: tuple[float, float],
    dwells: Array,
    covariance: Array | None,
    unit: str,
) -> dict[str, Value]:
    centre, scale = unit_y
    k = len(chain.mu)
    variance = None if covariance is None else np.diag(covariance)
    levels = [f"level{j + 1}" for j in range(k)]
    numbers = [*(chain.mu * scale + centre).tolist(), chain.sigma * scale]
    values = {}
    for j, (name, number) in enumerate(zip([*levels, "sigma"], numbers, strict=True)):
        s = None if variance is None else math.sqrt(variance[j])
        half = math.nan if s is None else _Z * s
        closed = Value(number, s, number - half, number + half, unit)
        values[name] = closed if s is not None else _opened(closed)
    for j, tau in enumerate(dwells.tolist()):
        v = math.inf if variance is None else float(variance[k + 1 + j])
        low, high = dwell_interval(tau, v)
        s = None if low is None else tau * math.sqrt(v)
        values[f"dwell{j + 1}"] = Value(tau, s, low, high, "s")
    return values


def _visits(path: Path, chain: Chain, dwells: Array, dt: float) -> tuple[Visits, ...]:
    states, lengths = runs(path)
    gap = float(np.min(np.diff(chain.mu))) / chain.sigma
    found = []
    for j, tau in enumerate(dwells.tolist()):
        mine = lengths[states == j]
        # the shortest visit that outweighs two moves, with a factor of two for the noise
        least = max(1, math.ceil(8 * math.log(max(tau / dt, math.e)) / max(gap, 0.1) ** 2))
        found.append(
            Visits(
                len(mine),
                float(np.mean(path == j)),
                exponential_share(mine, least),
                bool(tau < _SHORT * dt),
            )
        )
    return tuple(found)


def _note(values: dict[str, Value], visits: tuple[Visits, ...]) -> str:
    said = []
    opened = [name for name, value in values.items() if value.low is None]
    if opened:
        said.append(f"the record sets no bound to {', '.join(opened)}; measure longer")
    for j, visit in enumerate(visits, 1):
        if visit.sampling_limited:
            said.append(
                f"the dwell at level {j} is less than {_SHORT:g} sample intervals: "
                "limited by the sampling, sample faster"
            )
        if visit.exponential is not None and visit.exponential < 0.01:
            said.append(f"the dwell times at level {j} are not those of a single rate")
    return "; ".join(said)


def _single(values: Array, dt: float, bic: dict[int, float], unit: str) -> Telegraph:
    """Say that one level describes the samples."""
    count, sigma = len(values), float(np.std(values, ddof=1))
    mean, s = float(np.mean(values)), sigma / math.sqrt(count)
    d = sigma / math.sqrt(2 * count)
    fit = Fit(
        "telegraph_1_levels",
        "one level with white noise",
        {
            "level1": Value(mean, s, mean - _Z * s, mean + _Z * s, unit),
            "sigma": Value(sigma, d, sigma - _Z * d, sigma + _Z * d, unit),
        },
        ((s * s, 0.0), (0.0, d * d)),
        identifiable=True,
        points=count,
        note="no telegraph noise: one level with white noise has the lowest BIC",
    )
    visits = (Visits(0, 1.0, None, False),)
    return Telegraph(fit, np.zeros(count, np.int64), visits, bic, dt)


def draw_telegraph(x: ArrayLike, found: Telegraph, title: str = "Telegraph noise") -> Panel:
    """Return the samples with the likeliest level at each time."""
    values = np.ravel(np.asarray(x, float))
    times = tuple((found.dt * np.arange(len(values))).tolist())
    level = np.array([found.fit.values[f"level{k + 1}"].value for k in range(found.levels)])
    traces = (
        Trace(times, tuple(values.tolist()), "", "points"),
        Trace(times, tuple(level[found.path].tolist()), "likeliest level", "steps"),
    )
    unit = found.fit.values["level1"].unit
    return Panel(title, "time", "s", "signal", unit, traces)
