"""Competition of models, and the panels drawn from it."""

import numpy as np
import pytest

from labctl.analysis.competition import Axes, compete, draw_decay, judge
from labctl.analysis.decay import MODELS, curve
from labctl.analysis.lineshapes import double_decay, log_decay, single_decay, stretched_decay
from labctl.errors import BadInput
from labctl.results import Fit

T = np.geomspace(0.01, 3.0, 40)


def test_two_relaxations_need_two_exponentials() -> None:
    rng = np.random.default_rng(1)
    sigma = np.full(40, 0.005)
    found = compete(T, double_decay(T, 0.28, 0.069, 0.287, 0.24) + rng.normal(0, sigma), sigma)
    assert found.best == "double_decay"
    assert list(found.fits) == ["single_decay", "double_decay"]
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.weights["double_decay"] > 0.99
    assert found.verdict.startswith("the double decay is preferred (weight above 0.999; AICc of")


def test_one_relaxation_needs_one() -> None:
    rng = np.random.default_rng(2)
    wins, believed = 0, 0
    for _ in range(20):
        found = compete(T, single_decay(T, 0.5, 0.2) + 0.01 * rng.normal(size=40))
        wins += found.best == "single_decay"
        believed += found.fits["double_decay"].identifiable
    assert wins >= 15
    assert believed <= 1


def test_weights_are_those_of_akaike() -> None:
    fits = {name: Fit(name, "", aicc=score) for name, score in (("a", 10.0), ("b", 12.0))}
    found = judge({**fits, "c": Fit("c", "")})
    assert found.weights == pytest.approx({"a": 1 / (1 + np.exp(-1)), "b": 1 / (1 + np.exp(1))})
    assert found.best == "a"
    assert "AICc of the b +2.0" in found.verdict
    assert "not all its parameters are identifiable" in found.verdict


def test_fits_are_told_apart_by_their_names_not_their_models() -> None:
    rng = np.random.default_rng(4)
    y = single_decay(T, 0.5, 0.2, 0.3) + 0.005 * rng.normal(size=40)
    free = compete(T, y, models=("single_decay",), baseline="free").fits["single_decay"]
    none = compete(T, y, models=("single_decay",)).fits["single_decay"]
    found = judge({"single_decay": none, "single_decay_offset": free})
    assert found.best == "single_decay_offset"
    assert found.verdict.startswith("the single decay offset is preferred")
    top, below = draw_decay(T, y, None, found, Axes("index", "index"))
    assert [trace.label for trace in top.traces] == ["", "single decay offset", "single decay"]
    assert top.traces[1].y == pytest.approx(curve(free, np.array(top.traces[1].x)))
    assert below.traces[0].y == pytest.approx(y - curve(free, T))


def test_nothing_to_compare() -> None:
    found = compete([1.0, 2.0], [1.0, 0.5])
    assert found.best == ""
    assert found.weights == {}
    assert found.verdict == "no model could be compared: too few usable points"


def test_an_unknown_model() -> None:
    with pytest.raises(BadInput, match="allowed are single_decay"):
        compete(T, T, models=("cubic",))


def test_panels_show_data_every_fit_and_the_residuals_of_the_best() -> None:
    rng = np.random.default_rng(3)
    y = double_decay(T, 0.28, 0.069, 0.287, 0.24) + 0.001 * rng.normal(size=40)
    sigma = np.full(40, 0.001)
    found = compete(T, y, sigma)
    axes = Axes("index", "PPF index", x_label="interval", branch="potentiation")
    top, below = draw_decay(T, y, sigma, found, axes)
    data, best, other = top.traces
    assert data.kind == "points"
    assert data.branch == "potentiation"
    assert data.y == tuple(y)
    assert data.y_error == tuple(sigma)
    assert (best.kind, best.label, other.label) == ("line", "double decay", "single decay")
    assert best.y == pytest.approx(curve(found.fits["double_decay"], np.array(best.x)))
    assert below.residuals_of == "index"
    assert below.traces[0].y == pytest.approx(y - curve(found.fits["double_decay"], T))
    assert top.x_log
    assert below.x_log


def test_panels_without_a_fit_show_the_finite_data() -> None:
    found = compete([1.0, 2.0], [1.0, 0.5])
    panels = draw_decay([1.0, np.nan], [1.0, 2.0], None, found, Axes("index", "index"))
    assert len(panels) == 1
    assert panels[0].traces[0].x == (1.0,)


def test_all_laws_compete_on_the_same_points() -> None:
    rng = np.random.default_rng(5)
    t = np.append((0.0, -1.0), T)
    y = np.append((1.0, 1.0), stretched_decay(T, 1.0, 0.2, 0.5) + 0.003 * rng.normal(size=40))
    sigma = np.full(42, 0.003)
    found = compete(t, y, sigma, MODELS)
    assert found.best == "stretched_decay"
    assert set(found.weights) == set(MODELS)
    assert {fit.points for fit in found.fits.values()} == {40}
    assert found.verdict.endswith(
        "2 of 42 points are at times at which a model has no value: left out for all"
    )
    without = compete(t, y, sigma, ("single_decay", "double_decay"))
    assert {fit.points for fit in without.fits.values()} == {42}
    assert "left out" not in without.verdict


def test_t0_and_a_free_baseline_reach_every_law() -> None:
    rng = np.random.default_rng(6)
    y = log_decay(T, 1.0, 0.1) + 0.003 * rng.normal(size=40)
    found = compete(T, y, None, ("log_decay", "power_decay", "single_decay"), "free", t0=0.1)
    assert found.best == "log_decay"
    assert found.fits["log_decay"].a.value == pytest.approx(1 + 0.1 * np.log(10), abs=0.02)
    assert "baseline" in found.fits["single_decay"].values
    panels = draw_decay(T, y, None, found, Axes("loss", "P"))
    line = panels[0].traces[1]
    assert line.y == pytest.approx(curve(found.fits["log_decay"], np.array(line.x)))
