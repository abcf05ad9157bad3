"""Relaxation: sums of exponentials fitted to data, with intervals that tell what the data can say.

`fit_decay` fits one of `MODELS` by weighted least squares and gives every parameter a standard
error, a 95 % interval from its profile likelihood, and the verdict whether the data determine it at
all. Two exponentials of similar time constant are the classical case in which a fit looks perfect
and its parameters mean nothing (Lanczos, Applied Analysis, 1956, p. 272); then the profile is open
and the fit says so.

The line shapes are plain functions of time in `labctl.analysis.lineshapes`; another one (stretched
exponential, power law) needs a function there and a `labctl.analysis.separable.Model` that knows
its columns and slopes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import separable
from labctl.analysis.exponentials import Exponentials
from labctl.analysis.lineshapes import exponential
from labctl.analysis.quantiles import excess_limit, pair_99, student_95
from labctl.analysis.sample import Sample, clean
from labctl.errors import BadInput
from labctl.results import Fit, Value

__all__ = ["MODELS", "Baseline", "curve", "fit_decay"]

Array = NDArray[np.float64]
Baseline = Literal["none", "free"] | float

_MOST_DESCENTS = 4  # profiles may run into lower minima so often
_ROUNDING = 1e-13  # least residual that means anything, as a share of the data

#: the models that `fit_decay` knows, with their number of exponentials
MODELS = {"single_decay": 1, "double_decay": 2, "triple_decay": 3}


def curve(fit: Fit, t: ArrayLike, baseline: float = 0.0) -> Array:
    """Return a decay fit's curve at other times.

    Parameters
    ----------
    fit
        What `fit_decay` returned, with values.
    t
        Times, s.
    baseline
        The baseline when it was fixed; a free one is taken from the fit.

    Raises
    ------
    BadInput
        The fit has no values.
    """
    if not fit.values:
        raise BadInput(f"the curve of a fit without values was asked for: {fit.note}")
    values: Mapping[str, float] = {name: found.value for name, found in fit.values.items()}
    total = np.full(np.shape(t), values.get("baseline", baseline))
    for k in range(1, MODELS[fit.model] + 1):
        total = total + exponential(t, values[f"c{k}"], values[f"tau{k}"])
    return total


def fit_decay(
    t: ArrayLike,
    y: ArrayLike,
    sigma: ArrayLike | None = None,
    model: str = "double_decay",
    baseline: Baseline = "none",
    unit_t: str = "s",
    unit_y: str = "1",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit a sum of exponentials by weighted least squares.

    Parameters
    ----------
    t, y
        Times and data, in any order; several values at one time are welcome.
    sigma
        Standard uncertainty of each value. Without it all have the same weight and errors come from
        the scatter of the residuals.
    model
        A key of `MODELS`.
    baseline
        ``"none"``, ``"free"``, or a fixed value.
    unit_t, unit_y
        Units of the values returned.
    absolute
        Take `sigma` as it is; False takes it as relative weights, and errors come from the scatter
        of the residuals. When the residuals are larger than a stated `sigma` explains (beyond the
        99.9 % point of chi2), errors are scaled up all the same and `Fit.note` says so: a curve
        that is not the model's never gets an error too small.

    Returns
    -------
    Fit
        Values ``tau1 < tau2``, ``c1``, ``c2``, ``baseline``. An open side of a profile leaves `low`
        or `high` (and `sigma`) empty and makes the fit not identifiable. Data that cannot be
        fitted give a fit without values; `note` says why.

    Raises
    ------
    BadInput
        The model or the baseline is unknown.
    """
    _check(model, baseline)
    asked = _Question(model, baseline, unit_t, unit_y, sigma is not None, absolute)
    with np.errstate(all="ignore"):
        sample, note = clean(t, y, sigma, 0.0 if isinstance(baseline, str) else baseline)
        refusal = asked.refuse(sample)
        if refusal:
            return asked.empty(sample, _join(note, refusal))
        try:
            return _fit(asked, sample, note)
        except (np.linalg.LinAlgError, ArithmeticError, ValueError):
            return asked.empty(sample, _join(note, "no minimum was found in these data"))


def _check(model: str, baseline: Baseline) -> None:
    if model not in MODELS:
        raise BadInput(f'the decay model "{model}" is unknown; allowed are {", ".join(MODELS)}')
    known = baseline in ("none", "free") if isinstance(baseline, str) else math.isfinite(baseline)
    if not known:
        raise BadInput(f'the baseline {baseline!r} is not allowed: "none", "free" or a number')


def _join(*sentences: str) -> str:
    return "; ".join(sentence for sentence in sentences if sentence)


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked of the fit."""

    model: str
    baseline: Baseline
    unit_t: str
    unit_y: str
    weighted: bool
    absolute: bool

    @property
    def count(self) -> int:
        return MODELS[self.model]

    @property
    def names(self) -> tuple[str, ...]:
        taus = (f"tau{k}" for k in range(1, self.count + 1))
        amplitudes = (f"c{k}" for k in range(1, self.count + 1))
        return (*taus, *amplitudes, *(("baseline",) if self.baseline == "free" else ()))

    def refuse(self, sample: Sample) -> str:
        """Say why the data cannot be fitted, or nothing."""
        needed = len(self.names) + 1
        if len(sample.t) < needed:
            return f"{len(sample.t)} usable points; {self.model} needs at least {needed}"
        if len(np.unique(sample.t)) < needed - 1:
            distinct = len(np.unique(sample.t))
            return f"{distinct} different times; {self.model} needs at least {needed - 1}"
        if np.ptp(sample.y) <= 1e-12 * np.max(np.abs(sample.y)):
            return "the data are constant; there is no decay to fit"
        return ""

    def definition(self, scaled: bool) -> str:
        terms = [f"c{k} exp(-t/tau{k})" for k in range(1, self.count + 1)]
        if self.baseline == "free":
            terms.append("baseline")
        elif self.baseline != "none" and self.baseline != 0:
            terms.append(f"{self.baseline:g} {self.unit_y if self.unit_y != '1' else ''}".rstrip())
        weights = "weighted by 1/sigma^2" if self.weighted else "equal weights"
        errors = "scaled by the reduced chi2" if scaled else "from the stated sigma"
        return f"y = {' + '.join(terms)}; least squares, {weights}; errors {errors}"

    def empty(self, sample: Sample, note: str) -> Fit:
        scaled = not (self.weighted and self.absolute)
        return Fit(self.model, self.definition(scaled), points=len(sample.t), note=note)


@dataclass(frozen=True, slots=True)
class _Minimum:
    """The best point, in reduced units, and how large one standard deviation is there."""

    model: Exponentials
    best: separable.Point
    chi2: float
    dof: int
    variance: float  #: of a point of weight 1
    scaled: bool  #: the variance comes from the residuals
    excess: bool  #: although sigma was stated

    @property
    def quantile(self) -> float:
        return student_95(self.dof if self.scaled else math.inf)

    @property
    def level(self) -> float:
        return self.variance * self.quantile**2


def _minimum(asked: _Question, sample: Sample) -> tuple[_Minimum, tuple[separable.Profile, ...]]:
    """Return the lowest minimum, and the profiles that start there."""
    model = Exponentials(sample, asked.count, asked.baseline == "free")
    y = sample.y * sample.w
    floor = _ROUNDING**2 * float(y @ y)
    best = separable.best_of(model, y, floor)
    for _ in range(_MOST_DESCENTS):
        found = _weighed(asked, sample, model, best, floor)
        try:
            return found, separable.profile(model, y, best, found.level, _half_widths(found))
        except separable.LowerFound as lower:
            best = separable.minimise(model, y, lower.point.theta, None, floor)
    return found, (separable.Profile(None, None),) * len(asked.names)


def _weighed(
    asked: _Question, sample: Sample, model: Exponentials, best: separable.Point, floor: float
) -> _Minimum:
    """Compare the residuals with the stated uncertainties."""
    dof = len(sample.t) - len(asked.names)
    s = max(best.s, floor)
    chi2 = float(np.float64(s) / sample.unit_s)
    stated = asked.weighted and asked.absolute
    excess = stated and not chi2 / dof <= excess_limit(dof)
    scaled = excess or not stated
    return _Minimum(model, best, chi2, dof, s / dof if scaled else sample.unit_s, scaled, excess)


def _fit(asked: _Question, sample: Sample, note: str) -> Fit:
    found, ends = _minimum(asked, sample)
    if found.excess:
        reduced = f"reduced chi2 {found.chi2 / found.dof:.3g}"
        note = _join(note, f"the residuals exceed the stated sigma ({reduced}): errors scaled up")
    opened = _open_sides(asked.names, ends) or _superfluous(asked, sample, found)
    return Fit(
        model=asked.model,
        definition=asked.definition(found.scaled),
        values=_values(asked, sample, found, ends),
        covariance=_covariance(sample, found),
        chi2_reduced=found.chi2 / found.dof if asked.weighted and found.chi2 < math.inf else None,
        aicc=_aicc(asked, found, len(sample.t)),
        identifiable=not opened,
        points=len(sample.t),
        note=_join(note, opened),
    )


def _half_widths(found: _Minimum) -> Array:
    """Guess how far each profile has to be followed."""
    count, best = found.model.count, found.best
    size = float(np.max(np.abs(best.c))) or 1.0
    usual = np.array([0.3] * count + [0.3 * size] * len(best.c))
    most = np.array([1.0] * count + [10.0 * size] * len(best.c))
    cov = separable.covariance(found.model, best)
    if cov is None:
        return usual
    widths = found.quantile * np.sqrt(found.variance * np.maximum(np.diag(cov), 0.0))
    return np.clip(np.where(np.isfinite(widths), widths, usual), 1e-9 * most, most)


def _units(sample: Sample, found: _Minimum) -> Array:
    """Return d(value in the units of the data)/d(reduced parameter); tau goes by its logarithm."""
    taus = np.exp(found.best.theta) * sample.unit_t
    return np.concatenate((taus, np.full(len(found.best.c), sample.unit_y)))


def _values(
    asked: _Question, sample: Sample, found: _Minimum, ends: tuple[separable.Profile, ...]
) -> dict[str, Value]:
    """Return the parameters in the units of the data.

    Raises
    ------
    ArithmeticError
        A number is beyond double precision.
    """
    units = _units(sample, found)
    cov = separable.covariance(found.model, found.best)
    values = {}
    for k, (name, end) in enumerate(zip(asked.names, ends, strict=True)):
        low, high = _in_units(asked, sample, k, end.low), _in_units(asked, sample, k, end.high)
        number = float(units[k] * (1.0 if k < asked.count else found.best.c[k - asked.count]))
        sigma = None
        if cov is not None and low is not None and high is not None:
            sigma = float(np.sqrt(found.variance * cov[k, k]) * units[k])
        if not all(x is None or math.isfinite(x) for x in (number, low, high, sigma)):
            raise ArithmeticError(name)
        unit = asked.unit_t if k < asked.count else asked.unit_y
        values[name] = Value(number, sigma, low, high, unit)
    return values


def _in_units(asked: _Question, sample: Sample, parameter: int, end: float | None) -> float | None:
    if end is None:
        return None
    if parameter < asked.count:
        return math.exp(end) * sample.unit_t
    return end * sample.unit_y


def _covariance(sample: Sample, found: _Minimum) -> tuple[tuple[float, ...], ...]:
    cov = separable.covariance(found.model, found.best)
    if cov is None:
        return ()
    units = _units(sample, found)
    real = found.variance * cov * np.outer(units, units)
    return tuple(map(tuple, real.tolist())) if np.all(np.isfinite(real)) else ()


def _open_sides(names: tuple[str, ...], ends: tuple[separable.Profile, ...]) -> str:
    """Say which profiles the data leave open, or nothing."""
    words = {(True, False): "below", (False, True): "above", (True, True): "below and above"}
    sides = [(end.low is None, end.high is None) for end in ends]
    found = [f"{name} is open {words[s]}" for name, s in zip(names, sides, strict=True) if any(s)]
    return f"not identifiable: the profile of {', of '.join(found)}" if found else ""


def _superfluous(asked: _Question, sample: Sample, found: _Minimum) -> str:
    """Say that one exponential fewer would do, or nothing.

    Where it would, the parameters of the last one describe noise, even if their profiles happen to
    close; it has to lower chi2 by the 99 % point for its two parameters.
    """
    fewer = asked.count - 1
    y = sample.y * sample.w
    if fewer:
        simpler = Exponentials(sample, fewer, asked.baseline == "free")
        s = separable.best_of(simpler, y, found.level * 1e-6).s
    else:
        w = sample.w if asked.baseline == "free" else np.zeros(len(y))
        s = float(y @ y - (w @ y) ** 2 / max(float(w @ w), 1e-300))
    dof = found.dof if found.scaled else math.inf
    if s - found.best.s >= pair_99(dof) * found.variance:
        return ""
    other = f"{fewer} exponential" if fewer else "no decay"
    return f"not identifiable: {other}{'s' if fewer > 1 else ''} would describe the data as well"


def _aicc(asked: _Question, found: _Minimum, points: int) -> float | None:
    """Return Akaike's criterion with the correction for few points.

    -2 ln L is chi2 where sigma is stated, n ln(chi2/n) where only weights are, and then the
    variance counts as a parameter (Hurvich and Tsai, doi:10.1093/biomet/76.2.297).
    """
    stated = asked.weighted and asked.absolute
    free = len(asked.names) + (0 if stated else 1)
    if points - free - 1 < 1 or not 0 < found.chi2 < math.inf:
        return None
    deviance = found.chi2 if stated else points * math.log(found.chi2 / points)
    return deviance + 2 * free + 2 * free * (free + 1) / (points - free - 1)
