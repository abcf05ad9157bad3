"""Fits of decays a second, against scipy's curve_fit and lmfit, and a refit while a run goes on.

``python benchmarks/fits.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in which
the peers are installed. Every party fits the same curves: 200 points from 1 ms to 3 s, evenly in
the logarithm, 1 % noise, equal amplitudes, free baseline. The peers begin at 1.3 times the truth,
ours find their own start. Before a time counts, the time constants of all parties are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from comparison import Case, Comparison, Party, arguments
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from labctl.analysis import fit_decay, fit_decays

PACKAGES = ("labctl", "lmfit", "scipy", "numpy", "numba")
NOISE, POINTS = 0.01, 200
Array = NDArray[np.float64]
Model = Callable[..., Array]


def double(t: Array, c1: float, tau1: float, c2: float, tau2: float, baseline: float) -> Array:
    """Return a sum of two exponentials and a baseline."""
    return c1 * np.exp(-t / tau1) + c2 * np.exp(-t / tau2) + baseline


def stretched(t: Array, c: float, tau: float, beta: float, baseline: float) -> Array:
    """Return a stretched exponential and a baseline."""
    return c * np.exp(-((t / tau) ** beta)) + baseline


#: name, our model, the curve, its true parameters
CASES: tuple[tuple[str, str, Model, dict[str, float]], ...] = (
    ("double exponential 69/240 ms", "double_decay", double,
     {"c1": 0.5, "tau1": 0.069, "c2": 0.5, "tau2": 0.240, "baseline": 0.1}),
    ("double exponential 66/380 ms", "double_decay", double,
     {"c1": 0.5, "tau1": 0.066, "c2": 0.5, "tau2": 0.380, "baseline": 0.1}),
    ("stretched exponential", "stretched_decay", stretched,
     {"c": 1.0, "tau": 0.1, "beta": 0.6, "baseline": 0.1}),
)  # fmt: skip


def data(curve: Model, truth: dict[str, float], count: int) -> tuple[Array, Array]:
    """Return times and noisy curves."""
    t = np.geomspace(1e-3, 3.0, POINTS)
    noise = np.random.default_rng(1).normal(0.0, NOISE, (count, POINTS))
    return t, curve(t, **truth) + noise


def ours(t: Array, y: Array, model: str) -> tuple[Party, Array]:
    """Return our party, and the slowest time constants found."""

    def party() -> float:
        begin = time.process_time()
        fit_decays(t, y, NOISE, model, "free")
        return len(y) / (time.process_time() - begin)

    found = fit_decays(t, y, NOISE, model, "free")
    return party, found["tau2" if model == "double_decay" else "tau"]


def by_curve_fit(t: Array, y: Array, curve: Model, truth: dict[str, float]) -> tuple[Party, Array]:
    """Return the party of curve_fit with bounds that keep it in range, and its slowest times."""
    p0 = [1.3 * value for value in truth.values()]
    slow = max(k for k, name in enumerate(truth) if name.startswith("tau"))
    sigma = np.full(len(t), NOISE)

    def fit(row: Array) -> Array:
        found, _ = curve_fit(curve, t, row, p0, sigma, absolute_sigma=True, maxfev=10_000)
        return np.asarray(found)

    def party() -> float:
        begin = time.process_time()
        for row in y:
            fit(row)
        return len(y) / (time.process_time() - begin)

    names = list(truth)
    return party, np.array(
        [max(fit(row)[k] for k, n in enumerate(names) if n.startswith("tau")) for row in y]
        if slow
        else []
    )


def by_lmfit(t: Array, y: Array, curve: Model, truth: dict[str, float]) -> tuple[Party, Array]:
    """Return lmfit's party, and its slowest times."""
    import lmfit  # type: ignore[import-not-found]

    model = lmfit.Model(curve)
    start = model.make_params(**{name: 1.3 * value for name, value in truth.items()})
    for name in truth:
        if name.startswith("tau"):
            start[name].min = 1e-6

    def fit(row: Array) -> Any:
        return model.fit(row, start, t=t, weights=1 / NOISE)

    def party() -> float:
        begin = time.process_time()
        for row in y:
            fit(row)
        return len(y) / (time.process_time() - begin)

    slowest = [
        max(value for name, value in fit(row).best_values.items() if name.startswith("tau"))
        for row in y
    ]
    return party, np.array(slowest)


def agree(name: str, ours_found: Array, theirs: Array) -> None:
    """Compare time constants; a few curves may have ended in another minimum.

    Raises
    ------
    SystemExit
        More than one in ten differs.
    """
    count = min(len(ours_found), len(theirs))
    same = np.isclose(ours_found[:count], theirs[:count], rtol=1e-3)
    if np.mean(same) < 0.9:
        raise SystemExit(f"{name} finds other time constants in {np.mean(~same):.0%} of the curves")


def compare(comparison: Comparison, many: int, few: int) -> None:
    """Measure fits a second for every case."""
    for name, model, curve, truth in CASES:
        t, y = data(curve, truth, many)
        party, found = ours(t, y, model)
        peers, absent = {}, {}
        for peer, make, count in (("curve_fit", by_curve_fit, few), ("lmfit", by_lmfit, few // 4)):
            try:
                peers[peer], theirs = make(t, y[:count], curve, truth)
            except ImportError as error:
                absent[peer] = f"not installed: {error}"
                continue
            agree(peer, found, theirs)
        goal = {"curve_fit": 15.0, "lmfit": 150.0} if model == "double_decay" else {}
        comparison.measure(Case(name, "fits a CPU-second", goal), party, peers, absent)


def live(comparison: Comparison, points: int) -> None:
    """Measure the refit of a decay that has grown since the last fit."""
    truth = CASES[0][3]
    t = np.geomspace(1e-3, 3.0, points)
    y = double(t, **truth) + np.random.default_rng(2).normal(0.0, NOISE, points)
    before = points * 99 // 100
    last = fit_decay(t[:before], y[:before], np.full(before, NOISE), "double_decay", "free")
    sigma = np.full(points, NOISE)

    def party() -> float:
        begin = time.perf_counter()
        fit_decay(t, y, sigma, "double_decay", "free", start=last)
        return 1 / (time.perf_counter() - begin)

    comparison.measure(
        Case(
            f"live refit of {points} points, with intervals", "refits a second", {"in 20 ms": 1.0}
        ),
        party,
        {"in 20 ms": lambda: 1 / 20e-3},
        {},
    )


def main() -> None:
    """Measure every case and print the figures."""
    asked: Any = arguments(__doc__ or "")
    comparison = Comparison("fits", PACKAGES, rounds=1 if asked.quick else 5)
    compare(comparison, *((2000, 20) if asked.quick else (4000, 200)))
    live(comparison, 100_000)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
