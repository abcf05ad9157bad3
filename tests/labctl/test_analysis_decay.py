"""Fits of decays: certified values, hidden truth, and data that deserve a refusal."""

import math
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis.decay import curve, fit_decay
from labctl.analysis.lineshapes import double_decay, exponential, single_decay, triple_decay
from labctl.errors import BadInput
from labctl.results import Fit

# NIST StRD, nonlinear regression, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
MGH17_Y = np.array(
    [
        0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685,
        0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448,
        0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
    ]
)  # fmt: skip
LANCZOS3_Y = np.array(
    [
        2.5134, 2.0443, 1.6684, 1.3664, 1.1232, 0.9269, 0.7679, 0.6389, 0.5338, 0.4479, 0.3776,
        0.3197, 0.2720, 0.2325, 0.1997, 0.1723, 0.1493, 0.1301, 0.1138, 0.1000, 0.0883, 0.0783,
        0.0698, 0.0624,
    ]
)  # fmt: skip

T = np.geomspace(0.01, 3.0, 30)


def covers(fit: Fit, name: str, truth: float) -> bool:
    value = fit.values[name]
    low = -math.inf if value.low is None else value.low
    high = math.inf if value.high is None else value.high
    return low <= truth <= high


def rate_sigma(fit: Fit, name: str) -> float:
    """Return the standard error of 1/tau."""
    value = fit.values[name]
    assert value.sigma is not None
    return value.sigma / value.value**2


class TestCertifiedValues:
    def test_mgh17_is_a_double_decay_with_a_free_baseline(self) -> None:
        t = 10.0 * np.arange(33)
        fit = fit_decay(t, MGH17_Y, model="double_decay", baseline="free")
        assert fit.baseline.value == pytest.approx(3.7541005211e-01, rel=1e-8)
        assert fit.c2.value == pytest.approx(1.9358469127e00, rel=1e-8)
        assert fit.c1.value == pytest.approx(-1.4646871366e00, rel=1e-8)
        assert 1 / fit.tau2.value == pytest.approx(1.2867534640e-02, rel=1e-9)
        assert 1 / fit.tau1.value == pytest.approx(2.2122699662e-02, rel=1e-9)
        assert fit.baseline.sigma == pytest.approx(2.0723153551e-03, rel=1e-6)
        assert fit.c2.sigma == pytest.approx(2.2031669222e-01, rel=1e-6)
        assert fit.c1.sigma == pytest.approx(2.2175707739e-01, rel=1e-6)
        assert rate_sigma(fit, "tau2") == pytest.approx(4.4861358114e-04, rel=1e-6)
        assert rate_sigma(fit, "tau1") == pytest.approx(8.9471996575e-04, rel=1e-6)
        rss = np.sum((MGH17_Y - curve(fit, t)) ** 2)
        assert rss == pytest.approx(5.4648946975e-05, rel=1e-9)
        assert fit.identifiable

    def test_lanczos3_is_a_triple_decay(self) -> None:
        t = 0.05 * np.arange(24)
        fit = fit_decay(t, LANCZOS3_Y, model="triple_decay")
        assert fit.c3.value == pytest.approx(8.6816414977e-02, rel=1e-6)
        assert fit.c2.value == pytest.approx(8.4400777463e-01, rel=1e-6)
        assert fit.c1.value == pytest.approx(1.5825685901e00, rel=1e-6)
        assert 1 / fit.tau3.value == pytest.approx(9.5498101505e-01, rel=1e-7)
        assert 1 / fit.tau2.value == pytest.approx(2.9515951832e00, rel=1e-7)
        assert 1 / fit.tau1.value == pytest.approx(4.9863565084e00, rel=1e-7)
        assert fit.c3.sigma == pytest.approx(1.7197908859e-02, rel=1e-5)
        assert rate_sigma(fit, "tau3") == pytest.approx(9.7041624475e-02, rel=1e-5)
        assert rate_sigma(fit, "tau1") == pytest.approx(3.4436403035e-02, rel=1e-5)
        rss = np.sum((LANCZOS3_Y - curve(fit, t)) ** 2)
        assert rss == pytest.approx(1.6117193594e-08, rel=1e-6)


class TestLineShapes:
    def test_they_are_the_formulas_of_their_docstrings(self) -> None:
        assert exponential(2.0, amplitude=3.0, tau=2.0) == pytest.approx(3 / math.e)
        assert single_decay(0.0, c1=2.0, tau1=1.0, baseline=0.5) == pytest.approx(2.5)
        assert double_decay([1.0], 1, 1, 2, 0.5, 0.25) == pytest.approx(
            math.exp(-1) + 2 * math.exp(-2) + 0.25
        )
        assert triple_decay(0.0, 1, 1, 2, 2, 3, 3, 4) == pytest.approx(10)


def cramer_rao(t: np.ndarray, c: float, tau: float, sigma: float) -> float:
    """Least standard deviation of an unbiased tau of c exp(-t/tau)."""
    decay = np.exp(-t / tau)
    jacobian = np.column_stack((c * t / tau**2 * decay, decay)) / sigma
    return float(np.sqrt(np.linalg.inv(jacobian.T @ jacobian)[0, 0]))


class TestHiddenTruth:
    def test_single_decay_is_on_the_cramer_rao_bound_and_its_interval_is_honest(self) -> None:
        rng = np.random.default_rng(20261122)
        errors, covered = [], []
        for _ in range(200):
            tau, c = 10 ** rng.uniform(-1.7, 0), rng.choice((-1, 1)) * 10 ** rng.uniform(-6, 2)
            sigma = abs(c) * 10 ** rng.uniform(-3, -1.3)
            fit = fit_decay(
                T, single_decay(T, c, tau) + sigma * rng.normal(size=30), np.full(30, sigma),
                "single_decay",
            )  # fmt: skip
            errors.append((fit.tau1.value - tau) / cramer_rao(T, c, tau, sigma))
            covered.append((covers(fit, "tau1", tau), covers(fit, "c1", c)))
            assert fit.identifiable
        assert np.sqrt(np.mean(np.square(errors))) <= 1.1
        shares = np.mean(covered, axis=0)
        assert np.all((shares >= 0.92) & (shares <= 0.98)), shares

    def test_unknown_sigma_is_taken_from_the_residuals(self) -> None:
        rng = np.random.default_rng(1)
        t = np.geomspace(0.01, 3.0, 9)
        covered = []
        for _ in range(200):
            y = single_decay(t, 2.0, 0.3, 0.5) + 0.02 * rng.normal(size=9)
            fit = fit_decay(t, y, model="single_decay", baseline="free")
            covered.append([covers(fit, *x) for x in (("tau1", 0.3), ("c1", 2), ("baseline", 0.5))])
        shares = np.mean(covered, axis=0)
        assert np.all((shares >= 0.92) & (shares <= 0.985)), shares
        assert "scaled by the reduced chi2" in fit.definition
        assert fit.chi2_reduced is None

    def test_double_decay_intervals_are_honest_whatever_the_noise(self) -> None:
        rng = np.random.default_rng(2)
        truth = {"tau1": 0.069, "tau2": 0.240, "c1": 0.28, "c2": 0.287}
        covered = []
        for _ in range(100):
            sigma = 0.567 * 10 ** rng.uniform(-3, -1.3)
            y = double_decay(T, 0.28, 0.069, 0.287, 0.240) + sigma * rng.normal(size=30)
            fit = fit_decay(T, y, np.full(30, sigma))
            covered.append([covers(fit, name, value) for name, value in truth.items()])
        shares = np.mean(covered, axis=0)
        assert np.all((shares >= 0.90) & (shares <= 0.99)), shares

    def test_relative_weights_count(self) -> None:
        rng = np.random.default_rng(3)
        sigma = np.where(T < 0.3, 0.001, 0.1)
        y = single_decay(T, 1.0, 0.2) + sigma * rng.normal(size=30)
        absolute = fit_decay(T, y, sigma, "single_decay")
        relative = fit_decay(T, y, 1000 * sigma, "single_decay", absolute=False)
        alike = fit_decay(T, y, None, "single_decay")
        assert relative.tau1.value == pytest.approx(absolute.tau1.value, rel=1e-9)
        assert relative.tau1.sigma == pytest.approx(absolute.tau1.sigma, rel=0.5)
        assert absolute.tau1.sigma is not None
        assert alike.tau1.sigma is not None
        assert alike.tau1.sigma > 3 * absolute.tau1.sigma


class TestVerdict:
    def test_noise_of_5_percent_hides_a_second_exponential(self) -> None:
        rng = np.random.default_rng(4)
        truth = double_decay(T, 0.5, 0.069, 0.5, 0.24)
        sigma = np.full(30, 0.05)
        fits = [fit_decay(T, truth + rng.normal(0, sigma), sigma) for _ in range(24)]
        silent = [fit for fit in fits if not fit.identifiable]
        assert len(silent) > 12
        for fit in silent:
            assert fit.note.startswith("not identifiable: ")
            if "the profile of" not in fit.note:
                assert "1 exponential would describe the data as well" in fit.note
                continue
            opened = [v for v in fit.values.values() if v.low is None or v.high is None]
            assert opened
            assert all(value.sigma is None for value in opened)

    def test_noise_of_0_1_percent_shows_both(self) -> None:
        rng = np.random.default_rng(5)
        for _ in range(20):
            y = double_decay(T, 0.5, 0.069, 0.5, 0.24) + 0.001 * rng.normal(size=30)
            fit = fit_decay(T, y, np.full(30, 0.001))
            assert fit.identifiable
            assert fit.note == ""
            assert fit.tau1.value == pytest.approx(0.069, rel=0.1)
            assert fit.tau2.value == pytest.approx(0.240, rel=0.1)

    def test_one_exponential_is_not_two(self) -> None:
        rng = np.random.default_rng(6)
        y = single_decay(T, 1.0, 0.2) + 0.01 * rng.normal(size=30)
        fit = fit_decay(T, y, np.full(30, 0.01))
        assert not fit.identifiable

    def test_a_decay_slower_than_the_data_has_a_lower_bound_only(self) -> None:
        rng = np.random.default_rng(7)
        y = single_decay(T, 1.0, 1e4) + 0.01 * rng.normal(size=30)
        fit = fit_decay(T, y, np.full(30, 0.01), "single_decay")
        assert fit.tau1.high is None
        assert fit.tau1.low is not None
        assert 3 < fit.tau1.low < 1e4
        assert fit.note == "not identifiable: the profile of tau1 is open above"

    def test_a_decay_faster_than_the_data_has_an_upper_bound_only(self) -> None:
        t = np.append(0.0, T)
        fit = fit_decay(t, single_decay(t, 1.0, 1e-5), np.full(31, 0.01), "single_decay")
        assert fit.tau1.low is None
        assert fit.tau1.high is not None
        assert 1e-5 < fit.tau1.high < 0.02
        assert fit.note == "not identifiable: the profile of tau1 is open below"

    @pytest.mark.parametrize("baseline", ["none", "free"])
    def test_noise_alone_is_no_decay(self, baseline: Literal["none", "free"]) -> None:
        rng = np.random.default_rng(8)
        fits = [
            fit_decay(T, rng.normal(size=30), np.ones(30), "single_decay", baseline)
            for _ in range(60)
        ]
        assert sum(fit.identifiable for fit in fits) <= 5  # 1 % a place, a few places
        said = {fit.note for fit in fits}
        assert "not identifiable: no decay would describe the data as well" in said

    def test_residuals_beyond_the_stated_sigma_enlarge_the_errors_and_are_said(self) -> None:
        y = double_decay(T, 0.5, 0.069, 0.5, 0.24)
        stated = fit_decay(T, y, np.full(30, 1e-6), "single_decay")
        unknown = fit_decay(T, y, None, "single_decay")
        assert "the residuals exceed the stated sigma" in stated.note
        assert stated.tau1.sigma == pytest.approx(unknown.tau1.sigma, rel=1e-6)
        assert stated.chi2_reduced is not None
        assert stated.chi2_reduced > 1e6

    def test_the_interval_is_where_chi2_has_risen_by_3_84(self) -> None:
        rng = np.random.default_rng(9)
        sigma = np.full(30, 0.02)
        y = single_decay(T, 1.0, 0.2) + 0.02 * rng.normal(size=30)
        fit = fit_decay(T, y, sigma, "single_decay")
        least = np.sum(((y - curve(fit, T)) / sigma) ** 2)
        for end in (fit.tau1.low, fit.tau1.high):
            assert end is not None
            decay = np.exp(-T / end)
            rise = np.sum(((y - decay * (decay @ y) / (decay @ decay)) / sigma) ** 2) - least
            assert rise == pytest.approx(3.841, rel=0.02)

    def test_chi2_and_aicc_are_those_of_the_curve(self) -> None:
        rng = np.random.default_rng(10)
        sigma = 10 ** rng.uniform(-3, -1, 30)
        y = single_decay(T, 1.0, 0.2, 0.1) + sigma * rng.normal(size=30)
        fit = fit_decay(T, y, sigma, "single_decay", "free")
        chi2 = np.sum(((y - curve(fit, T)) / sigma) ** 2)
        assert fit.chi2_reduced == pytest.approx(chi2 / 27)
        assert fit.aicc == pytest.approx(chi2 + 6 + 24 / 26)


class TestBaseline:
    def test_a_fixed_one_is_subtracted_and_named(self) -> None:
        y = single_decay(T, 2e-6, 0.2, 5e-6)
        fit = fit_decay(T, y, None, "single_decay", 5e-6, unit_y="A")
        assert fit.tau1.value == pytest.approx(0.2, rel=1e-6)
        assert set(fit.values) == {"tau1", "c1"}
        assert "+ 5e-06 A" in fit.definition
        assert curve(fit, T, 5e-6) == pytest.approx(y)

    def test_a_free_one_is_found(self) -> None:
        fit = fit_decay(T, single_decay(T, 2.0, 0.2, -5.0), None, "single_decay", "free")
        assert fit.baseline.value == pytest.approx(-5.0)

    @pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e200])
    def test_size_and_time_scale_do_not_matter(self, scale: float) -> None:
        rng = np.random.default_rng(11)
        y = double_decay(T, 0.5, 0.069, 0.5, 0.24) + 0.001 * rng.normal(size=30)
        plain = fit_decay(T, y, np.full(30, 0.001))
        scaled = fit_decay(T / 1e6, y * scale, np.full(30, 0.001 * scale), unit_y="A")
        assert scaled.tau1.value == pytest.approx(plain.tau1.value / 1e6, rel=1e-6)
        assert scaled.c2.value == pytest.approx(plain.c2.value * scale, rel=1e-6)
        assert scaled.c2.unit == "A"
        assert scaled.identifiable

    def test_units_and_names(self) -> None:
        fit = fit_decay(T, double_decay(T, 1, 0.07, 1, 0.3), unit_t="ms", unit_y="S")
        assert list(fit.values) == ["tau1", "tau2", "c1", "c2"]
        assert [value.unit for value in fit.values.values()] == ["ms", "ms", "S", "S"]
        assert np.array(fit.covariance).shape == (4, 4)
        for k, value in enumerate(fit.values.values()):
            assert value.sigma == pytest.approx(math.sqrt(fit.covariance[k][k]))


class TestBadData:
    def test_points_that_cannot_be_used_are_left_out_and_counted(self) -> None:
        y = single_decay(T, 1.0, 0.2)
        sigma = np.full(30, 0.01)
        t = T.copy()
        t[3], y[5], sigma[7], sigma[8], sigma[9] = np.nan, np.inf, 0.0, np.inf, -1.0
        fit = fit_decay(t, y, sigma, "single_decay")
        assert fit.points == 25
        assert fit.note == (
            "left out of 30 points: 2 not finite, 3 without a positive finite sigma"
        )
        assert fit.tau1.value == pytest.approx(0.2)

    def test_order_does_not_matter_and_repeats_are_welcome(self) -> None:
        rng = np.random.default_rng(12)
        t = np.repeat(T, 3)
        y = single_decay(t, 1.0, 0.2) + 0.01 * rng.normal(size=90)
        order = rng.permutation(90)
        one, other = fit_decay(t, y), fit_decay(t[order], y[order])
        assert one.tau1.value == pytest.approx(other.tau1.value, rel=1e-6)

    @pytest.mark.parametrize(
        ("t", "y", "said"),
        [
            ([], [], "0 usable points; single_decay needs at least 3"),
            ([1, 2], [1, 0.5], "2 usable points; single_decay needs at least 3"),
            ([1, 1, 1, 1], [1, 2, 3, 4], "1 different times; single_decay needs at least 2"),
            ([1, 2, 3, 4], [2, 2, 2, 2], "the data are constant; there is no decay to fit"),
            ([1, 2, 3, 4], [0, 0, 0, 0], "the data are constant; there is no decay to fit"),
            ([1, 2, 3, np.nan], [1, np.nan, 2, 1], "2 usable points"),
        ],
    )
    def test_too_little_is_refused_in_words(
        self, t: list[float], y: list[float], said: str
    ) -> None:
        fit = fit_decay(t, y, model="single_decay")
        assert fit.values == {}
        assert not fit.identifiable
        assert said in fit.note
        with pytest.raises(BadInput, match="without values"):
            curve(fit, [1.0])

    def test_arrays_of_unequal_length(self) -> None:
        with pytest.raises(BadInput, match="2 times, 3 values and 3 uncertainties"):
            fit_decay([1, 2], [1, 2, 3])

    def test_unknown_model_and_baseline(self) -> None:
        with pytest.raises(BadInput, match="allowed are single_decay, double_decay"):
            fit_decay(T, T, model="linear")
        with pytest.raises(BadInput, match='"none", "free" or a number'):
            fit_decay(T, T, baseline="some")  # type: ignore[arg-type]
        with pytest.raises(BadInput, match='"none", "free" or a number'):
            fit_decay(T, T, baseline=math.nan)


def believable(fit: Fit) -> None:
    """Hold for every fit, whatever the data were."""
    for value in fit.values.values():
        assert math.isfinite(value.value)
        assert value.sigma is None or (math.isfinite(value.sigma) and value.sigma >= 0)
        for end in (value.low, value.high):
            assert end is None or math.isfinite(end)
        assert value.low is None or value.low <= value.value
        assert value.high is None or value.value <= value.high
    taus = [value.value for name, value in fit.values.items() if name.startswith("tau")]
    assert all(0 < a < b for a, b in pairwise(taus))
    closed = all(v.low is not None and v.high is not None for v in fit.values.values())
    assert not fit.identifiable or (fit.values and closed)
    assert closed or not fit.values or "the profile of" in fit.note
    assert fit.identifiable or fit.note
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
    @given(messy(), st.sampled_from(("single_decay", "double_decay")), st.booleans())
    @settings(max_examples=20)
    def test_gives_a_believable_fit_or_says_why_not(
        self,
        data: tuple[list[float], list[float], list[float] | None],
        model: str,
        free: bool,
    ) -> None:
        believable(fit_decay(*data, model=model, baseline="free" if free else "none"))

    @given(
        st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.floats(1e-4, 0.3), st.integers(0, 2**32 - 1)
    )
    @settings(max_examples=8)
    def test_any_decay_with_any_noise(self, c: float, tau: float, noise: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        t = tau * np.sort(rng.uniform(0, 5, 20))
        y = c * (np.exp(-t / tau) + noise * rng.normal(size=20))
        believable(fit_decay(t, y, np.full(20, c * noise)))
        believable(fit_decay(t, y, None, "single_decay", "free"))
