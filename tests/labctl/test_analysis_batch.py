"""Thousands of decays in one call: the fits of one call each, by both engines."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis import multitude
from labctl.analysis.decay import MODELS, fit_decay
from labctl.analysis.decays import Decays, fit_decays
from labctl.analysis.kernels import scans as compiled_scans
from labctl.analysis.laws import LAWS
from labctl.analysis.lineshapes import (
    double_decay,
    log_decay,
    power_decay,
    single_decay,
    stretched_decay,
    triple_decay,
)
from labctl.analysis.scans import project
from labctl.errors import BadInput

T = np.geomspace(1e-3, 3.0, 80)
SHAPES: dict[str, Callable[..., np.ndarray]] = {
    "single_decay": lambda t: single_decay(t, 1.0, 0.1),
    "double_decay": lambda t: double_decay(t, 0.5, 0.05, 0.5, 0.5),
    "triple_decay": lambda t: triple_decay(t, 0.5, 0.01, -0.4, 0.1, 0.5, 1.0),
    "stretched_decay": lambda t: stretched_decay(t, 1.0, 0.1, 0.6),
    "power_decay": lambda t: power_decay(t, 0.3, 0.3),
    "log_decay": lambda t: log_decay(t, 0.3, 0.1),
}


@pytest.fixture(params=["numpy", "numba"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take one way or the other, however few curves there are."""
    monkeypatch.setenv("LABCTL_KERNELS", request.param)
    monkeypatch.setattr(multitude, "_COMPILED_FROM", {False: 0, True: 0})
    return str(request.param)


def noisy(model: str, count: int, noise: float, seed: int, t: np.ndarray = T) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return SHAPES[model](t) + noise * rng.normal(size=(count, t.shape[-1]))


def same(
    found: Decays, t: np.ndarray, y: np.ndarray, sigma: np.ndarray | None, **asked: object
) -> None:
    """Hold a batch against single fits; `asked` are their model and baseline."""
    for k, curve in enumerate(y):
        axis = t if t.ndim == 1 else t[k]
        spread = None if sigma is None else np.broadcast_to(sigma, y.shape)[k]
        one = fit_decay(axis, curve, spread, **asked)  # type: ignore[arg-type]
        assert bool(found.identifiable[k]) == one.identifiable, (found.notes[k], one.note)
        assert found.points[k] == one.points
        if one.aicc is not None:
            assert found.aicc[k] == pytest.approx(one.aicc, abs=1e-6)
        for name, value in one.values.items():
            column = found.names.index(name)
            width = np.sqrt(one.covariance[column][column]) if one.covariance else np.inf
            assert abs(found.values[k, column] - value.value) < 1e-4 * width + 1e-9 * abs(
                value.value
            )
            if one.identifiable:
                assert found.sigmas[k, column] == pytest.approx(value.sigma, rel=1e-3)


class TestSameMinimum:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("baseline", ["none", "free", 0.2])
    def test_as_one_by_one(self, engine: str, model: str, baseline: str | float) -> None:
        y = noisy(model, 4, 0.003, 1) + (baseline if isinstance(baseline, float) else 0.0)
        sigma = np.full(80, 0.003)
        found = fit_decays(T, y, sigma, model, baseline)  # type: ignore[arg-type]
        same(found, T, y, sigma, model=model, baseline=baseline)
        assert found.names == LAWS[model].names(baseline == "free")
        assert len(found) == 4

    @pytest.mark.parametrize("model", ["double_decay", "stretched_decay", "power_decay"])
    def test_each_on_an_axis_of_its_own(self, engine: str, model: str) -> None:
        rng = np.random.default_rng(2)
        t = np.sort(10 ** rng.uniform(-3, 0.5, (4, 80)), axis=1)
        y = SHAPES[model](t) + 0.003 * rng.normal(size=t.shape)
        same(fit_decays(t, y, None, model), t, y, None, model=model)

    @pytest.mark.parametrize("model", ["double_decay", "stretched_decay", "log_decay"])
    def test_with_missing_points_and_weights(self, engine: str, model: str) -> None:
        rng = np.random.default_rng(3)
        sigma = 10 ** rng.uniform(-3, -2, (5, 80))
        y = SHAPES[model](T) + sigma * rng.normal(size=sigma.shape)
        y[1, 3], y[2, :20], sigma[3, 5] = np.nan, np.inf, -1.0
        found = fit_decays(T, y, sigma, model)
        same(found, T, y, sigma, model=model)
        assert found.notes[1] == "left out of 80 points: 1 not finite"
        assert found.notes[3] == "left out of 80 points: 1 without a positive finite sigma"

    def test_without_stated_sigma(self, engine: str) -> None:
        y = noisy("double_decay", 4, 0.003, 4)
        same(fit_decays(T, y), T, y, None)
        assert np.all(np.isnan(fit_decays(T, y).chi2))

    def test_relative_weights(self, engine: str) -> None:
        y, sigma = noisy("double_decay", 4, 0.003, 5), np.linspace(1, 2, 80)
        same(fit_decays(T, y, sigma, absolute=False), T, y, sigma, absolute=False)

    def test_curves_of_any_size(self, engine: str) -> None:
        sizes = np.array([1e-12, 1.0, 1e9])[:, None]
        y = noisy("stretched_decay", 3, 0.003, 6)
        plain = fit_decays(T, y, 0.003, "stretched_decay")
        scaled = fit_decays(T * 1e-6, y * sizes, 0.003 * sizes, "stretched_decay", unit_y="A")
        assert scaled["tau"] == pytest.approx(plain["tau"] * 1e-6, rel=1e-7)
        assert scaled["c"] == pytest.approx(plain["c"] * sizes[:, 0], rel=1e-7)
        assert scaled.sigma("beta") == pytest.approx(plain.sigma("beta"), rel=1e-5)
        assert scaled.units == ("s", "1", "A")

    def test_residuals_beyond_the_stated_sigma(self, engine: str) -> None:
        y = noisy("double_decay", 3, 0.01, 7)
        found = fit_decays(T, y, 0.001)
        same(found, T, y, np.full(80, 0.001))
        assert all("the residuals exceed the stated sigma" in note for note in found.notes)


class TestVerdict:
    def test_one_exponential_is_not_two(self, engine: str) -> None:
        y = noisy("single_decay", 40, 0.01, 8)
        found = fit_decays(T, y, 0.01, "double_decay")
        assert np.sum(found.identifiable) <= 2
        assert all(
            "not identifiable" in found.notes[k] for k in np.flatnonzero(~found.identifiable)
        )
        opened = [k for k, note in enumerate(found.notes) if "the profile of" in note]
        assert all(np.any(np.isnan(found.sigmas[k])) for k in opened)

    def test_close_time_constants_as_one_by_one(self, engine: str) -> None:
        rng = np.random.default_rng(9)
        y = double_decay(T, 0.5, 0.1, 0.5, 0.2, 0.1) + 0.03 * rng.normal(size=(20, 80))
        sigma = np.full(80, 0.03)
        found = fit_decays(T, y, sigma, "double_decay", "free")
        single = [fit_decay(T, one, sigma, "double_decay", "free") for one in y]
        agree = [
            one.identifiable == bool(k) for one, k in zip(single, found.identifiable, strict=True)
        ]
        assert np.mean(agree) >= 0.95
        assert 0 < np.mean(found.identifiable) < 1

    @pytest.mark.parametrize("model", ["single_decay", "stretched_decay"])
    def test_noise_is_no_decay(self, engine: str, model: str) -> None:
        rng = np.random.default_rng(10)
        found = fit_decays(T, rng.normal(size=(40, 80)), 1.0, model, "free")
        assert np.sum(found.identifiable) <= 3

    def test_a_slow_decay_is_open(self, engine: str) -> None:
        rng = np.random.default_rng(11)
        y = single_decay(T, 1.0, 1e4) + 0.01 * rng.normal(size=(3, 80))
        found = fit_decays(T, y, 0.01, "single_decay")
        assert not np.any(found.identifiable)
        assert all(note == "not identifiable: the profile of tau1 is open" for note in found.notes)
        assert np.all(np.isnan(found.sigma("tau1")))
        assert np.all(np.isfinite(found.sigma("c1")))


class TestTwins:
    def test_the_compiled_scan_is_the_plain_one(self) -> None:
        rng = np.random.default_rng(12)
        y, maps = rng.normal(size=(7, 30)), rng.normal(size=(2, 5, 9))
        basis, _ = np.linalg.qr(rng.normal(size=(30, 6)))
        arrays = (y, basis.T[:1].copy(), basis.T[1:].copy(), maps)
        for one, other in zip(compiled_scans.project(*arrays), project(*arrays), strict=True):
            assert one == pytest.approx(other, rel=1e-12)

    @pytest.mark.parametrize("model", ["double_decay", "stretched_decay"])
    def test_a_few_hundred_curves(self, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
        monkeypatch.setattr(multitude, "_COMPILED_FROM", {False: 0, True: 0})
        y = noisy(model, 300, 0.01, 13)
        found = []
        for name in ("numpy", "numba"):
            monkeypatch.setenv("LABCTL_KERNELS", name)
            found.append(fit_decays(T, y, 0.01, model, "free"))
        one, other = found
        assert np.max(np.abs(one.values - other.values) / one.sigmas) < 1e-5
        assert one.sigmas == pytest.approx(other.sigmas, rel=1e-5)
        assert np.array_equal(one.identifiable, other.identifiable)


class TestBadData:
    def test_curves_that_cannot_be_fitted_say_why(self, engine: str) -> None:
        y = noisy("single_decay", 5, 0.01, 14)
        y[0], y[1, 2:], y[2] = np.nan, np.nan, 3.0
        found = fit_decays(T, y, 0.01, "single_decay")
        assert "0 usable points; single_decay needs at least 3" in found.notes[0]
        assert "2 usable points" in found.notes[1]
        assert found.notes[2] == "the data are constant; there is no decay to fit"
        assert np.all(np.isnan(found.values[:3]))
        assert not np.any(found.identifiable[:3])
        assert np.all(found.identifiable[3:])
        assert list(found.points) == [0, 2, 80, 80, 80]

    def test_times_at_which_a_law_has_no_value(self, engine: str) -> None:
        t = np.append(0.0, T)
        y = np.hstack((np.ones((3, 1)), noisy("power_decay", 3, 0.003, 15)))
        found = fit_decays(t, y, 0.003, "power_decay")
        same(found, t, y, np.full(81, 0.003), model="power_decay")
        assert found.notes[0].endswith("1 at times at which the law has no value")

    def test_order_does_not_matter(self, engine: str) -> None:
        y, order = noisy("double_decay", 3, 0.003, 16), np.random.default_rng(1).permutation(80)
        one, other = fit_decays(T, y, 0.003), fit_decays(T[order], y[:, order], 0.003)
        assert other.values == pytest.approx(one.values, rel=1e-6)

    @pytest.mark.parametrize(
        ("t", "sigma"), [(T[:5], None), (T, np.ones(3)), (np.ones((2, 80)), None)]
    )
    def test_shapes_that_do_not_fit_together(self, t: np.ndarray, sigma: np.ndarray | None) -> None:
        with pytest.raises(BadInput, match="were given for curves of shape"):
            fit_decays(t, noisy("single_decay", 3, 0.01, 17), sigma)

    def test_unknown_parameters_and_models(self) -> None:
        found = fit_decays(T, noisy("single_decay", 2, 0.01, 18), None, "single_decay")
        with pytest.raises(BadInput, match="has no parameter tau2, only tau1, c1"):
            found["tau2"]
        with pytest.raises(BadInput, match="allowed are single_decay"):
            fit_decays(T, T, model="cubic")

    def test_no_curves(self) -> None:
        assert len(fit_decays(T, np.empty((0, 80)), None, "single_decay")) == 0

    @given(
        st.sampled_from(MODELS), st.booleans(), st.integers(1, 12), st.integers(0, 2**32 - 1),
        st.sampled_from((1e-300, 1e-6, 1.0, 1e200)),
    )  # fmt: skip
    @settings(max_examples=25)
    def test_anything(self, model: str, free: bool, points: int, seed: int, scale: float) -> None:
        rng = np.random.default_rng(seed)
        t, y = rng.normal(size=(3, points)), scale * rng.normal(size=(3, points))
        for array in (t, y):
            array[rng.random(array.shape) < 0.1] = rng.choice((np.nan, np.inf, 0.0))
        found = fit_decays(t, y, None, model, "free" if free else "none")
        for k in range(3):
            finite = np.all(np.isfinite(found.values[k]))
            assert finite or found.notes[k]
            assert not found.identifiable[k] or (finite and np.all(np.isfinite(found.sigmas[k])))
