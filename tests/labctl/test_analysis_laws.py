"""Every law of decay: hidden truth, bounds, outliers, and data that deserve a refusal."""

import math
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis.axis import Axis
from labctl.analysis.decay import MODELS, curve, fit_decay
from labctl.analysis.foresight import cramer_rao, tangents
from labctl.analysis.laws import LAWS
from labctl.analysis.lineshapes import (
    double_decay,
    log_decay,
    power_decay,
    single_decay,
    stretched_decay,
    triple_decay,
)
from labctl.analysis.sample import reach
from labctl.errors import BadInput
from labctl.results import Fit

T = np.geomspace(1e-3, 3.0, 60)
SHAPES = {
    "single_decay": (single_decay, {"c1": 2e-6, "tau1": 0.1}),
    "double_decay": (double_decay, {"c1": 2e-6, "tau1": 0.02, "c2": -1e-6, "tau2": 0.5}),
    "triple_decay": (
        triple_decay,
        {"c1": 2e-6, "tau1": 0.01, "c2": -1e-6, "tau2": 0.1, "c3": 1e-6, "tau3": 1.0},
    ),
    "stretched_decay": (stretched_decay, {"c": 2e-6, "tau": 0.1, "beta": 0.6}),
    "power_decay": (power_decay, {"c": 2e-6, "nu": 0.3}),
    "log_decay": (log_decay, {"a": 2e-6, "b": 2e-7}),
}
Free = Literal["none", "free"]


def test_there_is_a_shape_for_every_law() -> None:
    assert tuple(SHAPES) == MODELS == tuple(LAWS)


class TestHiddenTruth:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("baseline", ["none", "free"])
    def test_without_noise_it_is_found(self, model: str, baseline: Free) -> None:
        shape, truth = SHAPES[model]
        level = 5e-6 if baseline == "free" and model != "log_decay" else 0.0
        y = shape(T, **truth) + level
        fit = fit_decay(T, y, None, model, baseline, unit_y="A")
        for name, value in truth.items():
            assert fit.values[name].value == pytest.approx(value, rel=1e-5), name
        assert ("baseline" in fit.values) == (level != 0)
        assert curve(fit, T) == pytest.approx(y, rel=1e-9)
        assert fit.identifiable
        assert list(fit.values) == list(LAWS[model].names(baseline == "free"))

    @pytest.mark.parametrize("model", MODELS)
    def test_a_fixed_baseline_is_kept_in_the_fit(self, model: str) -> None:
        shape, truth = SHAPES[model]
        y = shape(T, **truth) + 5e-6
        fit = fit_decay(T, y, None, model, 5e-6)
        assert fit.fixed["baseline"] == 5e-6
        assert curve(fit, T) == pytest.approx(y, rel=1e-6)
        assert curve(fit, T, 0.0) == pytest.approx(y - 5e-6, rel=1e-4, abs=1e-12)

    @pytest.mark.parametrize("model", ["power_decay", "log_decay"])
    def test_t0_is_where_the_amplitude_is_read(self, model: str) -> None:
        rng = np.random.default_rng(1)
        shape, truth = SHAPES[model]
        y = shape(T, **truth) * (1 + 0.01 * rng.normal(size=60))
        one, other = (fit_decay(T, y, None, model, t0=t0, unit_t="ms") for t0 in (1.0, 0.05))
        names = list(one.values)
        assert other.fixed == {"t0": 0.05}
        assert "t0 = 0.05 ms" in other.definition
        size = "a" if "a" in names else "c"
        assert other.values[size].value == pytest.approx(float(curve(one, 0.05)), rel=1e-6)
        slope = next(name for name in names if name != size)
        assert other.values[slope].value == pytest.approx(one.values[slope].value, rel=1e-6)
        assert other.values[slope].sigma == pytest.approx(one.values[slope].sigma, rel=1e-4)
        assert other.aicc == pytest.approx(one.aicc)

    @pytest.mark.parametrize("model", MODELS)
    def test_errors_are_those_of_the_bound(self, model: str) -> None:
        rng = np.random.default_rng(2)
        shape, truth = SHAPES[model]
        sigma = np.full(60, 1e-9)
        fit = fit_decay(T, shape(T, **truth) + sigma * rng.normal(size=60), sigma, model)
        bound = cramer_rao(model, T, sigma, truth)
        for name, value in fit.values.items():
            assert value.sigma == pytest.approx(bound[name], rel=0.05), name
        assert np.array(fit.covariance).shape == (len(truth), len(truth))
        assert fit.runs is not None
        assert fit.runs > 1e-3


class TestDerivatives:
    @pytest.mark.parametrize("model", MODELS)
    def test_slopes_and_curvature_are_those_of_the_columns(self, model: str) -> None:
        rng = np.random.default_rng(3)
        law, axis = LAWS[model], Axis(T, rng.uniform(0.5, 1, 60))
        family = law.model(axis, reach(T), 1.0, True)
        values = SHAPES[model][1]
        theta = np.array([one.reduced(values[one.name], 1.0) for one in law.nonlinear])
        c = rng.normal(size=family.columns(theta).shape[1])
        residual = rng.normal(size=60)
        bend, cross = family.curvature(theta, c, residual)
        for k in range(len(theta)):
            step = np.zeros(len(theta))
            step[k] = 1e-5
            up, down = theta + step, theta - step
            slope = (family.columns(up) - family.columns(down)) @ c / 2e-5
            assert family.slopes(theta, c)[:, k] == pytest.approx(slope, abs=1e-6)
            turn = (family.slopes(up, c) - family.slopes(down, c)).T @ residual / 2e-5
            assert bend[k] == pytest.approx(turn, abs=1e-6)
            along = (family.columns(up) - family.columns(down)).T @ residual / 2e-5
            assert cross[k] == pytest.approx(along, abs=1e-6)

    @pytest.mark.parametrize("model", MODELS)
    def test_tangents_are_those_of_the_curve(self, model: str) -> None:
        shape, truth = SHAPES[model]
        truth = {name: value * (1e6 if name[0] in "cab" and name != "beta" else 1)
                 for name, value in truth.items()}  # fmt: skip
        found = tangents(model, T, 0.5, truth)
        for k, name in enumerate(LAWS[model].names(False)):
            step = 1e-6 * abs(truth[name])
            ends = [shape(T, **(truth | {name: truth[name] + s})) for s in (-step, step)]
            assert found[:, k] == pytest.approx((ends[1] - ends[0]) / step / 2 / 0.5, abs=1e-6)

    def test_tangents_need_every_parameter(self) -> None:
        with pytest.raises(BadInput, match="needs a value of beta"):
            tangents("stretched_decay", T, 0.1, {"tau": 1.0, "c": 1.0})

    def test_columns_that_are_the_same_have_no_bound(self) -> None:
        truth = {"tau1": 0.1, "tau2": 0.1, "c1": 1.0, "c2": 1.0}
        assert set(cramer_rao("double_decay", T, 0.1, truth).values()) == {math.inf}


class TestBounds:
    def test_they_hold_and_the_profile_is_open_there(self) -> None:
        rng = np.random.default_rng(4)
        y = single_decay(T, 1.0, 0.1) + 0.01 * rng.normal(size=60)
        sigma = np.full(60, 0.01)
        fit = fit_decay(T, y, sigma, "single_decay", bounds={"tau1": (0.2, None)})
        assert fit.tau1.value == pytest.approx(0.2)
        assert fit.tau1.low is None
        assert fit.tau1.sigma is None
        assert "tau1 is open below" in fit.note
        assert fit.c1.sigma is not None
        assert fit.covariance[0] == (0.0, 0.0)

    def test_amplitudes_too(self) -> None:
        rng = np.random.default_rng(5)
        y = double_decay(T, 1.0, 0.05, -0.3, 0.5) + 0.01 * rng.normal(size=60)
        sigma = np.full(60, 0.01)
        free = fit_decay(T, y, sigma)
        held = fit_decay(T, y, sigma, bounds={"c1": (0, None), "c2": (-0.2, 0.5)})
        assert free.c2.value < -0.25
        assert held.c2.value == pytest.approx(-0.2)
        assert held.c2.low is None
        assert held.chi2_reduced is not None
        assert free.chi2_reduced is not None
        assert held.chi2_reduced > free.chi2_reduced
        assert not held.identifiable

    def test_wide_ones_change_nothing(self) -> None:
        rng = np.random.default_rng(6)
        y = stretched_decay(T, 1.0, 0.1, 0.6) + 0.01 * rng.normal(size=60)
        plain = fit_decay(T, y, None, "stretched_decay")
        wide = fit_decay(
            T, y, None, "stretched_decay",
            bounds={"tau": (1e-3, 10), "beta": (0.1, 1), "c": (0, 5)},
        )  # fmt: skip
        for name, value in plain.values.items():
            assert wide.values[name].value == pytest.approx(value.value, rel=1e-6)
            assert wide.values[name].high == pytest.approx(value.high, rel=1e-3)
        assert wide.identifiable

    def test_time_constants_can_be_told_apart_by_them(self) -> None:
        y = double_decay(T, 0.5, 0.05, 0.5, 0.5)
        fit = fit_decay(T, y, None, bounds={"tau1": (0.01, 0.1), "tau2": (0.2, 1.0)})
        assert fit.tau1.value == pytest.approx(0.05, rel=1e-6)
        assert fit.tau2.value == pytest.approx(0.5, rel=1e-6)
        other = fit_decay(T, y, None, bounds={"tau2": (0.8, None)})
        assert other.tau2.value == pytest.approx(0.8)
        assert other.tau1.value < 0.8

    @pytest.mark.parametrize(
        ("bounds", "said"),
        [
            ({"tau2": (0, 1)}, "does not have; its parameters are tau1, c1"),
            ({"tau1": (2, 1)}, "the first must be less than the second"),
            ({"tau1": (1, 1)}, "the first must be less than the second"),
            ({"c1": (math.nan, 1)}, "the first must be less than the second"),
        ],
    )
    def test_what_cannot_be_one(self, bounds: dict[str, tuple[float, float]], said: str) -> None:
        with pytest.raises(BadInput, match=said):
            fit_decay(T, T, None, "single_decay", bounds=bounds)


class TestOutliers:
    def test_a_tenth_of_wild_points_costs_next_to_nothing(self) -> None:
        rng = np.random.default_rng(7)
        covered, errors, plain = [], [], []
        for _ in range(30):
            tau = 10 ** rng.uniform(-1.5, -0.3)
            noise = 0.01 * rng.normal(size=60)
            wild = rng.random(60) < 0.1
            noise[wild] += rng.choice((-1, 1), wild.sum()) * rng.uniform(0.1, 2, wild.sum())
            y = single_decay(T, 1.0, tau, 0.2) + noise
            fit = fit_decay(T, y, None, "single_decay", "free", robust=True)
            assert fit.tau1.low is not None
            assert fit.tau1.high is not None
            covered.append(fit.tau1.low <= tau <= fit.tau1.high)
            errors.append(abs(fit.tau1.value / tau - 1))
            other = fit_decay(T, y, None, "single_decay", "free")
            plain.append(abs(other.tau1.value / tau - 1))
        assert np.mean(covered) > 0.8
        assert np.median(errors) < 0.25 * np.median(plain)
        assert "biweight" in fit.definition
        assert "points have lost more than half their weight" in fit.note
        assert fit.aicc is None
        assert fit.chi2_reduced is None

    def test_clean_data_lose_five_percent_of_efficiency(self) -> None:
        rng = np.random.default_rng(8)
        pairs = []
        for _ in range(25):
            y = stretched_decay(T, 1.0, 0.1, 0.6) + 0.01 * rng.normal(size=60)
            pairs.append([
                fit_decay(T, y, None, "stretched_decay", robust=robust).tau.value / 0.1 - 1
                for robust in (True, False)
            ])  # fmt: skip
        robust, plain = np.std(pairs, axis=0)
        assert robust < 1.3 * plain

    def test_sigma_sets_relative_weights(self) -> None:
        rng = np.random.default_rng(9)
        sigma = np.where(T < 0.05, 0.001, 0.1)
        y = single_decay(T, 1.0, 0.02) + sigma * rng.normal(size=60)
        fit = fit_decay(T, y, 1000 * sigma, "single_decay", robust=True)
        best = fit_decay(T, y, sigma, "single_decay")
        assert fit.tau1.sigma == pytest.approx(best.tau1.sigma, rel=0.5)

    def test_perfect_data_with_outliers(self) -> None:
        y = single_decay(T, 1.0, 0.1)
        y[[5, 20]] += 1.0
        fit = fit_decay(T, y, None, "single_decay", robust=True)
        assert fit.tau1.value == pytest.approx(0.1, rel=1e-6)
        assert fit.note == "2 points have lost more than half their weight"


class TestVerdict:
    def test_a_logarithm_is_no_power_law_above_a_baseline(self) -> None:
        rng = np.random.default_rng(10)
        y = log_decay(T, 1.0, 0.1) + 0.01 * rng.normal(size=60)
        fit = fit_decay(T, y, np.full(60, 0.01), "power_decay", "free")
        assert not fit.identifiable
        assert "the profile of" in fit.note

    def test_a_flat_curve_has_an_exponent_about_zero(self) -> None:
        rng = np.random.default_rng(11)
        y = 1 + 0.01 * rng.normal(size=60)
        fit = fit_decay(T, y, np.full(60, 0.01), "power_decay")
        assert fit.identifiable
        assert fit.nu.low is not None
        assert fit.nu.high is not None
        assert fit.nu.low < 0 < fit.nu.high
        flat = fit_decay(T, y, np.full(60, 0.01), "log_decay")
        assert flat.b.low is not None
        assert flat.b.low < 0 < (flat.b.high or 0)

    @pytest.mark.parametrize("baseline", ["none", "free"])
    def test_noise_is_no_stretched_exponential(self, baseline: Free) -> None:
        rng = np.random.default_rng(12)
        fits = [
            fit_decay(T, rng.normal(size=60), np.ones(60), "stretched_decay", baseline)
            for _ in range(10)
        ]
        assert sum(fit.identifiable for fit in fits) <= 2

    def test_a_steep_start_is_told_by_the_runs_test(self) -> None:
        rng = np.random.default_rng(13)
        y = stretched_decay(T, 1.0, 0.1, 0.4) + 0.003 * rng.normal(size=60)
        fit = fit_decay(T, y, None, "single_decay", "free")
        assert fit.runs is not None
        assert fit.runs < 1e-3


class TestStart:
    def test_an_earlier_fit_leads_to_the_same_minimum(self) -> None:
        rng = np.random.default_rng(14)
        y = double_decay(T, 0.5, 0.05, 0.5, 0.5) + 0.003 * rng.normal(size=60)
        first = fit_decay(T[:50], y[:50])
        whole, again = fit_decay(T, y), fit_decay(T, y, start=first)
        for name, value in whole.values.items():
            assert again.values[name].value == pytest.approx(value.value, rel=1e-6)

    def test_one_of_another_model_or_without_values_is_no_start(self) -> None:
        y = single_decay(T, 1.0, 0.1)
        for start in (Fit("single_decay", ""), fit_decay(T, y, model="log_decay")):
            fit = fit_decay(T, y, None, "single_decay", start=start)
            assert fit.tau1.value == pytest.approx(0.1)


class TestBadData:
    @pytest.mark.parametrize("model", ["power_decay", "log_decay", "stretched_decay"])
    def test_times_without_a_value_are_left_out(self, model: str) -> None:
        shape, truth = SHAPES[model]
        t = np.concatenate(([-1.0, -2.0], T))
        y = np.concatenate(([1.0, 1.0], shape(T, **truth)))
        fit = fit_decay(t, y, None, model)
        assert fit.points == 60
        said = "left out of 62 points: 2 at times at which the law has no value"
        assert fit.note == said

    def test_zero_is_a_time_for_a_stretched_exponential_only(self) -> None:
        t = np.append(0.0, T)
        assert fit_decay(t, stretched_decay(t, 1, 0.1, 0.5), None, "stretched_decay").points == 61
        y = np.append(1.0, power_decay(T, 1, 0.3))
        assert fit_decay(t, y, None, "power_decay").points == 60

    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize(
        ("t", "y", "said"),
        [
            ([1.0, 2.0], [1.0, 0.5], "usable points"),
            ([1.0] * 9, list(range(9)), "different times"),
            (list(range(1, 10)), [2.0] * 9, "the data are constant"),
            ([math.nan] * 9, [1.0] * 9, "0 usable points"),
        ],
    )
    def test_too_little_is_refused_in_words(
        self, model: str, t: list[float], y: list[float], said: str
    ) -> None:
        if model == "log_decay" and len(t) == 2:
            said = "2 usable points; log_decay needs at least 3"
        fit = fit_decay(t, y, None, model)
        assert fit.values == {}
        assert said in fit.note

    def test_saturated_readings_are_not_a_decay(self) -> None:
        rng = np.random.default_rng(15)
        clipped = np.minimum(single_decay(T, 2.0, 0.1), 1.0) + 0.003 * rng.normal(size=60)
        fit = fit_decay(T, clipped, np.full(60, 0.003), "single_decay")
        assert "the residuals exceed the stated sigma" in fit.note
        assert fit.runs is not None
        assert fit.runs < 1e-3

    @pytest.mark.parametrize("t0", [0.0, -1.0, math.nan, math.inf])
    def test_t0_has_to_be_a_time(self, t0: float) -> None:
        with pytest.raises(BadInput, match="a positive time is needed"):
            fit_decay(T, T, None, "power_decay", t0=t0)


def believable(fit: Fit) -> None:
    """Hold for every fit, whatever the data were."""
    for value in fit.values.values():
        assert math.isfinite(value.value)
        assert value.sigma is None or (math.isfinite(value.sigma) and value.sigma >= 0)
        assert value.low is None or value.low <= value.value * (1 + 1e-9 * np.sign(value.value))
        assert value.high is None or value.value <= value.high * (1 + 1e-9 * np.sign(value.high))
    closed = all(v.low is not None and v.high is not None for v in fit.values.values())
    assert not fit.identifiable or (fit.values and closed)
    assert closed or not fit.values or "the profile of" in fit.note
    assert fit.identifiable or fit.note
    assert fit.runs is None or 0 <= fit.runs <= 1
    assert msgspec.json.decode(msgspec.json.encode(fit), type=Fit) == fit


anything = st.floats(width=64)
tame = st.floats(-10, 10)


@st.composite
def messy(draw: st.DrawFn) -> tuple[list[float], list[float], list[float] | None]:
    size = draw(st.integers(0, 12))
    kind = draw(st.sampled_from((anything, tame)))
    t, y = (draw(st.lists(kind, min_size=size, max_size=size)) for _ in range(2))
    sigma = draw(st.none() | st.lists(kind, min_size=size, max_size=size))
    return t, y, sigma


class TestAnyData:
    @given(messy(), st.sampled_from(MODELS), st.booleans(), st.booleans())
    @settings(max_examples=20)
    def test_gives_a_believable_fit_or_says_why_not(
        self,
        data: tuple[list[float], list[float], list[float] | None],
        model: str,
        free: bool,
        robust: bool,
    ) -> None:
        baseline: Free = "free" if free else "none"
        believable(fit_decay(*data, model=model, baseline=baseline, robust=robust))

    @given(
        st.sampled_from(MODELS), st.floats(1e-9, 1e9), st.floats(1e-6, 1e6),
        st.floats(1e-4, 0.3), st.integers(0, 2**32 - 1), st.booleans(),
    )  # fmt: skip
    @settings(max_examples=10)
    def test_any_size_and_any_noise(
        self, model: str, scale: float, span: float, noise: float, seed: int, free: bool
    ) -> None:
        rng = np.random.default_rng(seed)
        t = span * np.sort(rng.uniform(0.001, 5, 25))
        y = scale * (np.exp(-t / span) + noise * rng.normal(size=25))
        baseline: Free = "free" if free else "none"
        believable(fit_decay(t, y, np.full(25, scale * noise), model, baseline))
