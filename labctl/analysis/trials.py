"""Trials: fits of synthetic decays whose truth is known, held against the Cramer-Rao bound.

A draw takes its parameters, its noise and its number of points at random. What a fit of it can
achieve is known from the bound at the true parameters, before any fit:

clear
    every bound is below a tenth of its parameter (for an exponent nu: below a tenth of 1/the number
    of e-folds of time, which is what bends the curve);
hopeless
    some bound is above three times its parameter;
between
    all the rest.

On clear draws errors have to be those of the bound and intervals have to cover the truth; on
hopeless ones the fit has to say that it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.decay import curve, fit_decay
from labctl.analysis.foresight import cramer_rao
from labctl.analysis.laws import LAWS
from labctl.results import Fit, Value

__all__ = ["Draw", "Recovery", "as_fit", "draw", "recover", "table"]

Array = NDArray[np.float64]

_CLEAR, _HOPELESS = 0.1, 3.0
_FIRST, _LAST = 1e-3, 3.0  # s
_POINTS = (60, 300)
_NOISE = (0.002, 0.02)  # of the amplitude


@dataclass(frozen=True, slots=True)
class Draw:
    """A synthetic decay."""

    model: str
    values: dict[str, float]  #: the truth
    t: Array
    y: Array
    clean: Array  #: without noise
    sigma: Array
    bound: dict[str, float]  #: of Cramer and Rao
    kind: str  #: ``clear``, ``between`` or ``hopeless``


def draw(
    model: str, rng: np.random.Generator, *, baseline: bool = False, points: int | None = None
) -> Draw:
    """Return a decay drawn at random.

    Parameters
    ----------
    model
        One of `labctl.analysis.decay.MODELS`.
    rng
        Source of chance.
    baseline
        Whether it has one, which then is to be fitted.
    points
        Their number; drawn as well where it is None.
    """
    t = np.geomspace(_FIRST, _LAST, points or int(rng.integers(*_POINTS)))
    scale = 10 ** rng.uniform(-6, 2)
    values = _LAW_VALUES[model](rng)
    linear = LAWS[model].linear
    values |= {name: values[name] * scale for name in linear}
    if baseline and not LAWS[model].own_level:
        values["baseline"] = scale * rng.uniform(-1, 1)
    sigma = np.full(len(t), scale * 10 ** rng.uniform(*np.log10(_NOISE)))
    clean = curve(as_fit(model, values), t)
    bound = cramer_rao(model, t, sigma, values)
    y = clean + sigma * rng.normal(size=len(t))
    return Draw(model, values, t, y, clean, sigma, bound, _kind(values, bound))


def as_fit(model: str, values: dict[str, float]) -> Fit:
    """Return known values as a fit, whose curve can be drawn."""
    return Fit(model, "", {name: Value(value) for name, value in values.items()}, fixed={"t0": 1.0})


def _kind(values: dict[str, float], bound: dict[str, float]) -> str:
    """Judge by the largest bound, in units of its parameter."""
    efolds = float(np.log(_LAST / _FIRST))
    sizes = {name: abs(value) for name, value in values.items() if name != "baseline"}
    sizes |= {"nu": 1 / efolds} if "nu" in values else {}
    sizes |= {"b": abs(values["a"]) / efolds} if "b" in values else {}
    worst = max(bound[name] / size for name, size in sizes.items())
    return "clear" if worst < _CLEAR else "hopeless" if worst > _HOPELESS else "between"


def _exponentials(count: int) -> Callable[[np.random.Generator], dict[str, float]]:
    """Return what draws a sum of exponentials: amplitudes of either sign, taus inside the data."""

    def values(rng: np.random.Generator) -> dict[str, float]:
        inside = np.log(3 * _FIRST), np.log(_LAST / 3)
        taus = np.exp(np.sort(rng.uniform(*inside, size=count)))
        sizes = rng.uniform(0.2, 1, size=count) * rng.choice((-1, 1), size=count)
        return {f"tau{k + 1}": float(taus[k]) for k in range(count)} | {
            f"c{k + 1}": float(sizes[k]) for k in range(count)
        }

    return values


def _stretched(rng: np.random.Generator) -> dict[str, float]:
    tau = float(np.exp(rng.uniform(np.log(3 * _FIRST), np.log(_LAST / 3))))
    return {"tau": tau, "beta": float(rng.uniform(0.3, 1)), "c": float(rng.choice((-1, 1)))}


def _power(rng: np.random.Generator) -> dict[str, float]:
    return {"nu": float(rng.uniform(0.02, 0.5)), "c": float(rng.choice((-1, 1)))}


def _logarithm(rng: np.random.Generator) -> dict[str, float]:
    return {"a": float(rng.choice((-1, 1))), "b": float(rng.uniform(-0.2, 0.2))}


_LAW_VALUES: dict[str, Callable[[np.random.Generator], dict[str, float]]] = {
    "single_decay": _exponentials(1),
    "double_decay": _exponentials(2),
    "triple_decay": _exponentials(3),
    "stretched_decay": _stretched,
    "power_decay": _power,
    "log_decay": _logarithm,
}


@dataclass(slots=True)
class Recovery:
    """What fits make of synthetic decays."""

    model: str
    baseline: bool
    counts: dict[str, int] = field(default_factory=dict)  #: draws of each kind
    flagged: dict[str, int] = field(default_factory=dict)  #: of them, not identifiable
    errors: dict[str, list[float]] = field(default_factory=dict)  #: clear: error over the bound
    covered: dict[str, list[bool]] = field(default_factory=dict)  #: clear: interval has the truth

    def rms(self) -> dict[str, float]:
        """Return the root mean square of each parameter's error, over its bound."""
        return {name: float(np.sqrt(np.mean(np.square(x)))) for name, x in self.errors.items()}

    def coverage(self) -> dict[str, float]:
        """Return how often each parameter's 95 % interval has the truth."""
        return {name: float(np.mean(x)) for name, x in self.covered.items()}

    def flag_rate(self, kind: str) -> float:
        """Return how often fits of a kind of draw say that they are not identifiable."""
        return self.flagged.get(kind, 0) / max(self.counts.get(kind, 0), 1)


def recover(
    model: str, clear: int, rng: np.random.Generator, *, baseline: bool = False
) -> Recovery:
    """Fit random decays until there are so many clear ones.

    Parameters
    ----------
    model, rng, baseline
        As for `draw`.
    clear
        Number of clear draws; of the other kinds that come along as many are fitted at most.
    """
    result = Recovery(model, baseline)
    while result.counts.get("clear", 0) < clear:
        one = draw(model, rng, baseline=baseline)
        if result.counts.get(one.kind, 0) >= clear:
            continue
        fit = fit_decay(one.t, one.y, one.sigma, model, "free" if baseline else "none")
        result.counts[one.kind] = result.counts.get(one.kind, 0) + 1
        result.flagged[one.kind] = result.flagged.get(one.kind, 0) + (not fit.identifiable)
        if one.kind != "clear":
            continue
        for name, truth in one.values.items():
            found = fit.values[name]
            result.errors.setdefault(name, []).append((found.value - truth) / one.bound[name])
            result.covered.setdefault(name, []).append(_covers(found, truth))
    return result


def _covers(found: Value, truth: float) -> bool:
    above = found.low is None or found.low <= truth
    return above and (found.high is None or truth <= found.high)


def table(results: list[Recovery]) -> str:
    """Return recoveries as a table: errors over bounds, coverage, and flags in percent."""
    heads = ("law", "clear draws", "rms error / bound", "coverage of 95 % intervals")
    kinds = ("clear", "between", "hopeless")
    titles = (*heads, *(f"flagged: {kind}" for kind in kinds))
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for one in results:
        name = one.model.removesuffix("_decay") + (", free baseline" if one.baseline else "")
        rms, coverage = one.rms().values(), one.coverage().values()
        cells = [
            f"{one.counts['clear']}",
            f"{min(rms):.2f} .. {max(rms):.2f}",
            f"{100 * min(coverage):.1f} .. {100 * max(coverage):.1f} %",
        ]
        for kind in kinds:
            count = one.counts.get(kind, 0)
            cells.append(f"{100 * one.flag_rate(kind):.1f} % of {count}" if count else "none drawn")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
