"""Long records in few rows: the same sums of squares for every decay."""

import numpy as np
import pytest

from labctl.analysis.axis import condense
from labctl.analysis.decay import fit_decay
from labctl.analysis.lineshapes import double_decay, log_decay, power_decay, stretched_decay

STEADY = np.arange(20_000) * 1.5e-4
AXES = {
    "steady": STEADY,
    "logarithmic": np.geomspace(1e-3, 3, 20_000),
    "late": 5 + STEADY,
    "clustered": np.sort(np.random.default_rng(1).choice(np.geomspace(1e-3, 3, 500), 20_000)),
}


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_sum_of_squares_of_any_decay_is_kept(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(2)
    t = AXES[name]
    w = rng.uniform(0.2, 1, len(t)) if weighted else np.ones(len(t))
    y = double_decay(t - t[0], 0.5, 0.05, 0.5, 0.4) + 0.01 * rng.normal(size=len(t))
    short = condense(t, y, w)
    assert len(short.y) < 2000
    since = t[0] - 1e-3 if name == "late" else 0.0
    shapes = [lambda t, tau=tau: np.exp(-(t - since) / tau) for tau in (3e-4, 0.01, 0.3, 100.0)]
    shapes += [
        lambda t: stretched_decay(t - since, 1, 0.05, 0.4),
        lambda t: power_decay(np.maximum(t, 1e-4), 0.3, 0.6),
        lambda t: log_decay(np.maximum(t, 1e-4), 0.3, 0.1),
    ]
    for shape in shapes:
        long = np.sum((w * (y - shape(t))) ** 2)
        rows = short.axis.weigh(shape(short.axis.t)[:, None])[:, 0]
        assert short.lost + np.sum((short.y - rows) ** 2) == pytest.approx(long, rel=1e-8)


def test_short_records_are_left_alone() -> None:
    t = STEADY[:1999]
    short = condense(t, t, 2 * np.ones(len(t)))
    assert np.array_equal(short.axis.t, t)
    assert np.array_equal(short.y, 2 * t)
    assert short.lost == 0


def test_a_fit_of_a_long_record_is_that_of_all_its_points() -> None:
    rng = np.random.default_rng(3)
    t = np.linspace(0, 3, 1990 * 4)
    y = double_decay(t, 0.5, 0.066, 0.5, 0.38, 0.1) + 0.01 * rng.normal(size=len(t))
    found = fit_decay(t, y, np.full(len(t), 0.01), baseline="free")
    values = [value.value for value in found.values.values()]
    # the gradient of chi2 over all points vanishes there, in standard errors
    steps = np.array([value.sigma or 0.0 for value in found.values.values()])

    def chi2(p: np.ndarray) -> float:
        tau1, tau2, c1, c2, baseline = p
        return float(np.sum(((y - double_decay(t, c1, tau1, c2, tau2, baseline)) / 0.01) ** 2))

    for k in range(5):
        step = np.zeros(5)
        step[k] = steps[k] * 1e-2
        slope = (chi2(values + step) - chi2(values - step)) / 2e-2
        assert abs(slope) < 1e-3 * np.sqrt(len(t))
    assert found.chi2_reduced == pytest.approx(chi2(np.array(values)) / (len(t) - 5), rel=1e-9)
    assert found.points == len(t)
    assert found.runs is not None


def test_one_time_only() -> None:
    t = np.full(5000, 2.0)
    short = condense(t, np.arange(5000.0), np.ones(5000))
    assert short.lost + np.sum(short.y**2) == pytest.approx(np.sum(np.arange(5000.0) ** 2))
