"""Fits of decay a second, against scipy's curve_fit and lmfit, and what the fits are worth.

``python benchmarks/fits.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in which
the peers are installed. The goals are ratios. ``--tables`` makes the tables of
docs/reference/fits.md anew, which takes some ten minutes: how often the true law wins, and how fits
of random decays compare with the Cramer-Rao bound.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fits_peers
import numpy as np
from comparison import Case, Comparison, Party, say
from fits_cases import CASES, NOISE, FitCase, T, long_record

from labctl.analysis.confusion import confuse
from labctl.analysis.decay import MODELS, fit_decay
from labctl.analysis.decays import fit_decays
from labctl.analysis.trials import recover, table

PACKAGES = ("labctl", "scipy", "lmfit", "numpy", "numba")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "fits.md"
LIVE = 0.02  # s, for a refit of a record of 1e5 points


def our_curves(case: FitCase, count: int) -> Party:
    """Return our party: all curves in one call, with errors and the verdict."""
    sigma = np.full(len(T), NOISE)

    def party() -> float:
        curves = case.curves(count, seed=1)
        begin = time.process_time()
        found = fit_decays(T, curves, sigma, case.model, "free")
        elapsed = time.process_time() - begin
        case.check(found.values[found.identifiable], found.names)
        return count / elapsed

    return party


def our_intervals(case: FitCase, count: int) -> Party:
    """Return our party for single fits, which always have profile intervals."""
    sigma = np.full(len(T), NOISE)

    def party() -> float:
        curves = case.curves(count, seed=1)
        begin = time.process_time()
        for y in curves:
            fit_decay(T, y, sigma, case.model, "free")
        return count / (time.process_time() - begin)

    return party


def our_refit(case: FitCase, t: Any, y: Any) -> Party:
    """Return our party for a live refit: begun at the values before, intervals and all."""
    sigma = np.full(len(t), NOISE)
    before = fit_decay(t[: len(t) // 2], y[: len(t) // 2], sigma[: len(t) // 2], case.model, "free")

    def party() -> float:
        begin = time.perf_counter()
        fit_decay(t, y, sigma, case.model, "free", start=before)
        return 1 / (time.perf_counter() - begin)

    return party


def present(
    makers: dict[str, Callable[[], Any]],
) -> tuple[dict[str, Party], dict[str, str]]:
    """Make the peers' parties; those that cannot be imported are returned with the reason."""
    peers: dict[str, Party] = {}
    absent: dict[str, str] = {}
    for name, make in makers.items():
        try:
            peers[name] = make()
        except ImportError as error:
            absent[name] = f"not installed: {error}"
    return peers, absent


def compare(comparison: Comparison, scale: int) -> None:
    """Measure batches, single fits with intervals, and the live refit."""
    goal = {"curve_fit": 15.0, "lmfit": 150.0}
    for fitted in CASES:
        few = 400 // scale
        peers, absent = present(
            {
                "curve_fit": lambda one=fitted, n=few: fits_peers.curve_fit_curves(one, n),
                "lmfit": lambda one=fitted, n=few: fits_peers.lmfit_curves(one, n // 4),
            }
        )
        case = Case(f"{fitted.name}, 200 points, standard errors", "fits/CPU s", dict(goal))
        comparison.measure(case, our_curves(fitted, 8000 // min(scale, 2)), peers, absent)
    fitted, few = CASES[1], max(20 // scale, 2)
    peers, absent = present(
        {"lmfit, conf_interval": lambda: fits_peers.lmfit_intervals(fitted, few)}
    )
    case = Case(f"{fitted.name}, 200 points, profile intervals", "fits/CPU s", {})
    comparison.measure(case, our_intervals(fitted, few * 5), peers, absent)
    t, y = long_record(100_000)
    peers, absent = present({"curve_fit": lambda: fits_peers.curve_fit_one(fitted, t, y)})
    case = Case("live refit of 1e5 points, profile intervals", "refits/s", {"20 ms": 1.0})
    peers = {"20 ms": lambda: 1 / LIVE, **peers}
    comparison.measure(case, our_refit(fitted, t, y), peers, absent)


def make_tables(draws: int) -> None:
    """Write the tables of the page anew."""
    say("how often the true law wins")
    matrix = confuse(MODELS, draws, np.random.default_rng(11)).markdown()
    rows = []
    for model in MODELS:
        for baseline in (False, True):
            if not (baseline and model == "log_decay"):
                say(f"recovery: {model}{', free baseline' if baseline else ''}")
                rng = np.random.default_rng(7)
                rows.append(recover(model, draws, rng, baseline=baseline))
    page = PAGE.read_text("utf-8")
    for name, text in (("confusion", matrix), ("recovery", table(rows))):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(
            pattern, lambda found, t=text: f"{found[1]}{t}\n{found[2]}", page, flags=re.DOTALL
        )
    PAGE.write_text(page, "utf-8")


def main() -> None:
    """Measure and print, or make the tables."""
    parser = argparse.ArgumentParser(description="Fits of decay a second, against peers.")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the peers' work, one round"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON object only")
    parser.add_argument("--tables", action="store_true", help="make the tables of the page anew")
    asked = parser.parse_args()
    if asked.tables:
        make_tables(100 if asked.quick else 1000)
        return
    comparison = Comparison("fits", PACKAGES, rounds=1 if asked.quick else 5)
    compare(comparison, 10 if asked.quick else 1)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
