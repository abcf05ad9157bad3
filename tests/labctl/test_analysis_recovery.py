"""Fits of random decays against the Cramer-Rao bound, and the choice between laws.

The long tests are the tables of docs/reference/fits.md; the short ones are the same with fewer
draws and as much more room as chance then needs.
"""

import numpy as np
import pytest

from labctl.analysis.competition import compete
from labctl.analysis.confusion import Confusion, confuse
from labctl.analysis.decay import MODELS
from labctl.analysis.decays import fit_decays
from labctl.analysis.trials import Recovery, draw, recover, table

CASES = [(model, free) for model in MODELS for free in (False, True)]
CASES.remove(("log_decay", True))


def hold(found: Recovery, rms: float, coverage: float, clear: float, hopeless: float) -> None:
    """Check errors over the bound, coverage, and how often fits say they cannot tell."""
    assert max(found.rms().values()) <= rms, found.rms()
    shares = np.array(list(found.coverage().values()))
    assert np.all(np.abs(shares - 0.95) <= coverage), found.coverage()
    assert found.flag_rate("clear") <= clear
    if found.counts.get("hopeless", 0) >= 20:
        assert found.flag_rate("hopeless") >= hopeless


@pytest.mark.parametrize(("model", "free"), [case for case in CASES if case[0] != "triple_decay"])
def test_some_draws(model: str, free: bool) -> None:
    found = recover(model, 40, np.random.default_rng(21), baseline=free)
    hold(found, 1.1 + 0.3, 0.02 + 0.11, 0.05, 0.8)
    assert model.removesuffix("_decay") in table([found])


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("model", "free"), CASES)
def test_a_thousand_draws(model: str, free: bool) -> None:
    found = recover(model, 1000, np.random.default_rng(7), baseline=free)
    hold(found, 1.1, 0.02, 0.01, 0.95)


def fair(found: Confusion, room: float) -> None:
    """Check that the true law wins as often as theory allows."""
    for k, model in enumerate(found.models):
        assert found.fitted[k, k] >= found.theory[k, k] - room, (model, found.markdown())
        assert np.argmax(found.fitted[k]) == k
    assert np.sum(found.fitted, axis=1) == pytest.approx(1)
    assert np.sum(found.theory, axis=1) == pytest.approx(1)


def test_the_true_law_wins_as_often_as_it_can() -> None:
    laws = ("single_decay", "double_decay", "stretched_decay", "power_decay", "log_decay")
    found = confuse(laws, 25, np.random.default_rng(22))
    fair(found, 4 * 0.4 / np.sqrt(25))
    assert "| data from | single | double |" in found.markdown()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_confusion_of_all_laws() -> None:
    fair(confuse(MODELS, 500, np.random.default_rng(11)), 0.03)


@pytest.mark.parametrize("model", ["double_decay", "stretched_decay"])
def test_a_batch_chooses_as_the_competition_does(model: str) -> None:
    rng = np.random.default_rng(23)
    laws = ("single_decay", "double_decay", "stretched_decay", "log_decay")
    for _ in range(5):
        one = draw(model, rng, points=80)
        found = compete(one.t, one.y, one.sigma, laws)
        scores = [fit_decays(one.t, one.y[None], one.sigma, law).aicc[0] for law in laws]
        assert found.best == laws[int(np.argmin(scores))]


@pytest.mark.parametrize("kind", ["clear", "hopeless"])
def test_draws_are_what_their_bound_says(kind: str) -> None:
    rng = np.random.default_rng(24)
    draws = [draw("double_decay", rng, baseline=True) for _ in range(60)]
    some = [one for one in draws if one.kind == kind]
    assert some
    for one in some:
        worst = max(one.bound[name] / abs(value) for name, value in one.values.items()
                    if name != "baseline")  # fmt: skip
        assert (worst < 0.1) if kind == "clear" else (worst > 3)
        assert np.std((one.y - one.clean) / one.sigma) == pytest.approx(1, abs=0.4)
