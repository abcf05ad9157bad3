"""Life: how long devices last, by maximum likelihood, also where some had not failed yet.

Endurance in cycles, retention in seconds, the delay of a threshold switch: all are times to an
event, and some devices are taken off the test before it (right censoring) or are looked at only now
and then (interval censoring). Leaving those out makes every lifetime too short; here they count as
what they are. Meeker and Escobar, Statistical Methods for Reliability Data, Wiley 1998, chapters 7
and 8, is the textbook of what is done here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Competition, judge
from labctl.analysis.curves import Derived, Parameter
from labctl.analysis.formula import Definition
from labctl.analysis.likelihood import Likelihood, fit_likelihood
from labctl.analysis.verdict import join
from labctl.errors import BadInput
from labctl.results import Fit, Metric

__all__ = [
    "DEFINITIONS_LIFE", "LIVES", "Lifetimes", "b10", "compete_life", "failed_by", "fit_life",
    "lifetimes",
]  # fmt: skip

Array = NDArray[np.float64]

_PROBIT_10 = -1.2815515655446004  # normal quantile at 10 %
_SHAPES = (0.02, 200.0)  # between which a shape, or one over it, is looked for

DEFINITIONS_LIFE = (
    Definition(
        "life-b10",
        "F(B10) = 0.1",
        "The life that nine devices in ten outlast: the 10 % quantile of the life distribution "
        "fitted by maximum likelihood to all devices, failed or not.",
        unit="s",
        source="ISO 281 (L10); Meeker and Escobar, Statistical Methods for Reliability Data, 1998",
        code="labctl.analysis.life.fit_life",
        quantity="B10 life",
    ),
    Definition(
        "weibull-shape",
        "F(t) = 1 - exp(-(t/eta)^beta)",
        "beta, the slope of the Weibull plot: below 1 devices fail early, at 1 by chance, above 1 "
        "they wear out; eta is the life at which 63.2 % have failed.",
        doi="10.1115/1.4010337",
        source="Weibull, J. Appl. Mech. 1951, 18, 293",
        code="labctl.analysis.life.fit_life",
        quantity="Weibull shape",
    ),
)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Devices on test: each failed after `low` and not after `high`.

    Attributes
    ----------
    low, high
        Equal where the time of failure is known; `high` is infinite where the device had not failed
        yet; `low` is zero where it was found failed at the first look.
    note
        What was left out.
    """

    low: Array
    high: Array
    note: str = ""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Devices whose time of failure is known."""
        return np.asarray(self.low == self.high)

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Devices that had not failed yet."""
        return np.asarray(np.isinf(self.high))


def lifetimes(
    life: ArrayLike, censored: ArrayLike | None = None, until: ArrayLike | None = None
) -> Lifetimes:
    """Return devices on test.

    Parameters
    ----------
    life
        Time (or cycles) to failure; where `censored`, the time at which the device was last seen
        alive.
    censored
        True where the device had not failed yet. Without it all have failed.
    until
        Where the device was looked at only now and then: the time at which it was found failed,
        `life` being the last time it was seen alive (0 if never). nan where `life` is exact.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    low = np.ravel(np.asarray(life, float)).copy()
    gone = np.zeros(len(low), bool) if censored is None else np.ravel(np.asarray(censored, bool))
    found = np.full(len(low), np.nan) if until is None else np.ravel(np.asarray(until, float))
    if not len(low) == len(gone) == len(found):
        raise BadInput(
            f"{len(low)} lives, {len(gone)} marks of censoring and {len(found)} times of finding "
            "were given; their numbers must be equal"
        )
    high = np.where(gone, np.inf, np.where(np.isnan(found), low, found))
    good = np.isfinite(low) & (low >= 0) & (high >= low)
    left_out = int(np.sum(~good))
    note = f"left out of {len(low)} devices: {left_out} without a possible life" if left_out else ""
    return Lifetimes(low[good], high[good], note)


@dataclass(frozen=True, slots=True)
class _Logs:
    """Logarithms of both ends; those that do not exist are 0 and marked."""

    low: Array
    high: Array
    known: NDArray[np.bool_]
    alive: NDArray[np.bool_]
    early: NDArray[np.bool_]  #: found failed at the first look

    @classmethod
    def of(cls, devices: Lifetimes) -> _Logs:
        early = devices.low == 0
        low = np.log(np.where(early, 1.0, devices.low))
        high = np.log(np.where(devices.alive, 1.0, devices.high))
        return cls(low, high, devices.known, devices.alive, early)


def _weibull(devices: Lifetimes) -> Callable[..., Any]:
    at = _Logs.of(devices)

    def terms(eta: Any, beta: Any) -> Any:
        log_eta = np.log(eta)
        start = np.where(at.early, 0.0, np.exp(beta * (at.low - log_eta)))
        end = np.exp(beta * (at.high - log_eta))
        density = np.log(beta) - at.low + beta * (at.low - log_eta) - start
        gap = np.where(at.known | at.alive, 1.0, end - start)
        between = np.where(at.alive, -start, -start + np.log(-np.expm1(-gap)))
        return np.where(at.known, density, between)

    return terms


def _exponential(devices: Lifetimes) -> Callable[..., Any]:
    weibull = _weibull(devices)
    return lambda tau: weibull(tau, 1.0 + 0 * tau)


def _lognormal(devices: Lifetimes) -> Callable[..., Any]:
    from scipy.special import log_ndtr

    at = _Logs.of(devices)

    def terms(median: Any, s: Any) -> Any:
        start, end = (at.low - np.log(median)) / s, (at.high - np.log(median)) / s
        density = -at.low - np.log(s) - 0.5 * math.log(2 * math.pi) - start**2 / 2
        mirrored = np.real(start + end) > 0  # the smaller of two tails is known better
        near, far = np.where(mirrored, -end, start), np.where(mirrored, -start, end)
        upper = log_ndtr(far + 0j)
        gap = np.where(at.known | at.alive | at.early, -1.0, log_ndtr(near + 0j) - upper)
        between = upper + np.log(-np.expm1(gap))
        between = np.where(at.early, log_ndtr(end + 0j), between)
        between = np.where(at.alive, log_ndtr(-start + 0j), between)
        found = np.where(at.known, density, between)
        return found if np.iscomplexobj(start) else np.real(found)

    return terms


@dataclass(frozen=True, slots=True)
class _Law:
    """A distribution of lives."""

    formula: str
    terms: Callable[[Lifetimes], Callable[..., Any]]
    scale: str
    shape: str
    b10: Callable[[Array], float]
    failed: Callable[[Array, Array], Array]  #: share failed after a time


def _normal(z: Array) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(z), float)


#: distributions that `fit_life` knows
LIVES: dict[str, _Law] = {
    "exponential": _Law(
        "F(t) = 1 - exp(-t/tau)", _exponential, "tau", "",
        lambda p: -float(p[0]) * math.log(0.9), lambda t, p: -np.expm1(-t / p[0]),
    ),
    "weibull": _Law(
        "F(t) = 1 - exp(-(t/eta)^beta)", _weibull, "eta", "beta",
        lambda p: float(p[0]) * (-math.log(0.9)) ** (1 / float(p[1])),
        lambda t, p: -np.expm1(-((t / p[0]) ** p[1])),
    ),
    "lognormal": _Law(
        "F(t) = Phi(ln(t/median)/s)", _lognormal, "median", "s",
        lambda p: float(p[0]) * math.exp(_PROBIT_10 * float(p[1])),
        lambda t, p: _normal(np.log(t / p[0]) / p[1]),
    ),
}  # fmt: skip


def failed_by(fit: Fit, t: ArrayLike) -> Array:
    """Return the share of devices that a fitted life distribution has failed by a time.

    Raises
    ------
    BadInput
        The fit has no values.
    """
    if not fit.values:
        raise BadInput(f"the distribution of a fit without values was asked for: {fit.note}")
    law = LIVES[fit.model]
    names = [name for name in (law.scale, law.shape) if name]
    parameters = np.array([fit.values[name].value for name in names])
    with np.errstate(divide="ignore"):
        return law.failed(np.asarray(t, float), parameters)


def fit_life(
    life: ArrayLike,
    censored: ArrayLike | None = None,
    until: ArrayLike | None = None,
    model: str = "weibull",
    unit: str = "s",
) -> Fit:
    """Fit a distribution of lives.

    Parameters
    ----------
    life, censored, until
        As for `lifetimes`.
    model
        ``exponential`` (`tau`), ``weibull`` (`eta`, `beta`) or ``lognormal`` (`median`, `s`).
    unit
        Of the lives: ``s``, or ``1`` for cycles.

    Returns
    -------
    Fit
        The parameters and ``b10``, the life that nine in ten outlast. Devices that cannot be fitted
        give a fit without values, and `note` says why.

    Raises
    ------
    BadInput
        The model is unknown, or the arrays differ in length.
    """
    if model not in LIVES:
        raise BadInput(f'the life model "{model}" is unknown; allowed are {", ".join(LIVES)}')
    devices, law = lifetimes(life, censored, until), LIVES[model]
    refusal = _refuse(devices, law)
    if refusal:
        definition = f"{law.formula}; maximum likelihood"
        return Fit(
            model, definition, points=len(devices.low), note=join(devices.note, refusal)
        )  # fmt: skip
    size = _size(devices)
    with np.errstate(all="ignore"):  # of lives at the ends of the range of numbers
        scaled = Lifetimes(devices.low / size, devices.high / size, devices.note)
        likelihood, starts = _model(model, scaled, size, unit), _starts(scaled, law)
        found = fit_likelihood(likelihood, starts, len(scaled.low))
    return _rescaled(found, law, size, unit, join(devices.note, _said(devices)))


def _size(devices: Lifetimes) -> float:
    """Return a time in the middle of the failures, as the unit of calculation."""
    ends = np.where(devices.alive, devices.low, devices.high)
    return float(np.exp(np.median(np.log(ends[ends > 0]))))


def _model(model: str, devices: Lifetimes, size: float, unit: str) -> Likelihood:
    law = LIVES[model]
    scale = (Parameter(law.scale, unit, log=True),)
    shape = (Parameter(law.shape, "1", *_SHAPES, log=True),) if law.shape else ()
    return Likelihood(
        model,
        law.formula,
        (*scale, *shape),
        law.terms(devices),
        (Derived("b10", unit, law.b10, log=True),),
    )


def _starts(devices: Lifetimes, law: _Law) -> list[Array]:
    """Return the middle and the spread of the logarithms, and twice the spread."""
    ends = np.where(devices.alive, devices.low, (devices.low + devices.high) / 2)
    logs = np.log(ends[(ends > 0) & ~devices.alive])
    middle = float(np.mean(logs)) if len(logs) else 0.0
    spread = float(np.clip(np.std(logs) if len(logs) > 1 else 1.0, 0.02, 20.0))
    alive = float(np.mean(devices.alive))
    later = math.exp(middle + spread * alive)
    if not law.shape:
        return [np.array([later])]
    shapes = (1.28 / spread, 0.64 / spread) if law.shape == "beta" else (spread, 2 * spread)
    return [np.array([later, np.clip(shape, *_SHAPES)]) for shape in shapes]


def _refuse(devices: Lifetimes, law: _Law) -> str:
    """Say why the devices cannot be fitted, or nothing."""
    failed, total = int(np.sum(~devices.alive)), len(devices.low)
    needed = 2 if law.shape else 1
    if not total:
        return "no device has a usable life"
    if np.any(devices.known & (devices.low == 0)):
        return "a device failed at time 0; a life must be positive, or known only as an interval"
    if not failed:
        longest = float(np.max(devices.low))
        return f"none of {total} devices failed by {longest:g}: there is only a lower bound"
    if failed < needed:
        return f"{failed} of {total} devices failed; the fit needs at least {needed} failures"
    if law.shape and np.all(devices.known[~devices.alive]) and _alike(devices):
        return "all failures came at the same time; there is no spread to fit"
    return ""


def _alike(devices: Lifetimes) -> bool:
    times = devices.low[~devices.alive]
    return bool(np.ptp(times) <= 1e-9 * np.max(times))


def _said(devices: Lifetimes) -> str:
    alive = int(np.sum(devices.alive))
    between = int(np.sum(~devices.known & ~devices.alive))
    parts = [f"{alive} had not failed"] if alive else []
    parts += [f"{between} are known to an interval"] if between else []
    return f"of {len(devices.low)} devices {' and '.join(parts)}" if parts else ""


@np.errstate(all="ignore")  # lives of 1e160 s have variances beyond double precision
def _rescaled(fit: Fit, law: _Law, size: float, unit: str, note: str) -> Fit:
    """Return a fit made in units of `size` in the units of the lives."""
    factors = {law.scale: size, "b10": size}
    values = {
        name: msgspec.structs.replace(
            value,
            value=value.value * factors.get(name, 1.0),
            sigma=_times(value.sigma, factors.get(name, 1.0)),
            low=_times(value.low, factors.get(name, 1.0)),
            high=_times(value.high, factors.get(name, 1.0)),
        )
        for name, value in fit.values.items()
    }
    scale = np.array([factors.get(name, 1.0) for name in fit.values])
    rows = np.array(fit.covariance) * np.outer(scale, scale) if fit.covariance else np.empty((0, 0))
    return msgspec.structs.replace(
        fit,
        values=values,
        covariance=tuple(map(tuple, rows.tolist())) if np.all(np.isfinite(rows)) else (),
        note=join(note, fit.note),
    )


def _times(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor


def compete_life(
    life: ArrayLike,
    censored: ArrayLike | None = None,
    until: ArrayLike | None = None,
    models: Sequence[str] = ("exponential", "weibull", "lognormal"),
    unit: str = "s",
) -> Competition:
    """Fit each distribution and compare them.

    Raises
    ------
    BadInput
        A model is unknown, or the arrays differ in length.
    """
    return judge({model: fit_life(life, censored, until, model, unit) for model in models})


def b10(fit: Fit) -> Metric | None:
    """Return the life that nine devices in ten outlast; None when it is not known."""
    if "b10" not in fit.values:
        return None
    value = fit.values["b10"]
    return Metric(value.value, value.sigma, value.unit, "life-b10")
