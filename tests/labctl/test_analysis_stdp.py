"""STDP windows: kinds told apart, balance, and one-sided or empty data."""

from typing import Any

import numpy as np
import pytest

from labctl.analysis.curves import evaluate
from labctl.analysis.stdp import DEFINITIONS_STDP, WINDOWS, compete_stdp, fit_stdp, stdp_curve
from labctl.errors import BadInput

DT = np.concatenate([-np.geomspace(2e-3, 0.2, 20), np.geomspace(2e-3, 0.2, 20)])
TRUTH = {
    "hebbian": (0.8, 0.02, 0.4, 0.04),
    "anti_hebbian": (0.8, 0.02, 0.4, 0.04),
    "potentiating": (0.8, 0.02, 0.4, 0.04),
    "depressing": (0.8, 0.02, 0.4, 0.04),
    "symmetric_exponential": (0.7, 0.03),
    "symmetric_gaussian": (-0.7, 0.03),
    "mexican_hat": (1.2, 0.02, 0.5, 2.5),
}


def window(kind: str, seed: int = 1, noise: float = 0.03) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    sigma = np.full(40, noise)
    return stdp_curve(kind).shape(DT, *TRUTH[kind]) + sigma * rng.normal(size=40), sigma


@pytest.mark.parametrize("kind", WINDOWS)
def test_the_kind_is_chosen_by_evidence(kind: str) -> None:
    y, sigma = window(kind)
    found = compete_stdp(DT, y, sigma)
    assert found.best == kind
    assert found.fits[kind].identifiable
    far = [fit for name, fit in found.fits.items() if found.weights.get(name, 0) < 1e-4]
    assert all(not fit.identifiable for fit in far)


def test_post_after_pre_is_potentiation_in_a_hebbian_window() -> None:
    """dt = t_post - t_pre > 0: the presynaptic spike came first."""
    fit = fit_stdp(DT, window("hebbian")[0], None)
    assert evaluate(stdp_curve("hebbian"), fit, [0.01])[0] > 0
    assert evaluate(stdp_curve("hebbian"), fit, [-0.01])[0] < 0
    assert fit.tau_plus.unit == "s"


def test_the_balance_compares_the_areas() -> None:
    y, sigma = window("hebbian", noise=1e-4)
    fit = fit_stdp(DT, y, sigma)
    assert fit.balance.value == pytest.approx(0.0, abs=1e-3)
    y = stdp_curve("hebbian").shape(DT, 0.8, 0.02, 0.2, 0.04) + 1e-4 * np.cos(1e5 * DT)
    assert fit_stdp(DT, y, sigma).balance.value == pytest.approx(1 / 3, abs=1e-2)
    assert DEFINITIONS_STDP[0].id == "stdp-balance"


def test_a_baseline_is_found() -> None:
    y, sigma = window("hebbian")
    fit = fit_stdp(DT, y + 0.2, sigma, baseline="free")
    assert fit.baseline.low < 0.2 < fit.baseline.high
    assert fit.A_plus.low < 0.8 < fit.A_plus.high


def test_one_side_alone_says_nothing_of_the_other() -> None:
    y, sigma = window("hebbian")
    fit = fit_stdp(DT[20:], y[20:], sigma[20:])
    assert not fit.identifiable
    assert fit.A_minus.sigma is None
    assert fit.tau_minus.sigma is None
    assert fit.A_plus.sigma is not None


def test_pairs_at_zero_are_left_out() -> None:
    y, sigma = window("hebbian")
    fit = fit_stdp(np.append(DT, [0, 0]), np.append(y, [9, 9]), np.append(sigma, [1, 1]) * 1.0)
    assert fit.points == 40
    assert "2 pairs at dt = 0 left out" in fit.note


def test_noise_is_no_window() -> None:
    rng = np.random.default_rng(3)
    fits = [fit_stdp(DT, rng.normal(size=40), np.ones(40)) for _ in range(6)]
    assert sum(fit.identifiable for fit in fits) <= 1


def test_bad_questions() -> None:
    with pytest.raises(BadInput, match="allowed are hebbian"):
        fit_stdp(DT, DT, kind="hebb")
    with pytest.raises(BadInput, match='"none" or "free"'):
        fit_stdp(DT, DT, baseline="some")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="must be equal"):
        fit_stdp(DT, DT[1:])
    assert "0 usable points" in fit_stdp([], []).note
    assert "the data are constant" in fit_stdp(DT, np.zeros(40)).note
