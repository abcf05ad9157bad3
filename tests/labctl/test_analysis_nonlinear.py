"""The nonlinear engine: the same verdicts as fits of decays, for any curve."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis.curves import Curve, Derived, Parameter, band, evaluate, jacobian, settled
from labctl.analysis.decay import fit_decay
from labctl.analysis.nonlinear import compete_curves, fit_curve, rough_fit
from labctl.errors import BadInput
from labctl.results import Fit

Array = np.ndarray[Any, np.dtype[np.float64]]

T = np.geomspace(0.01, 3.0, 30)


def decay(**more: Any) -> Curve:
    def starts(x: Array, y: Array, w: Array) -> list[list[float]]:
        return [[float(y[0]), 0.1], [float(y[0]), 1.0]]

    return Curve(
        "decay",
        "y = c1 exp(-t/tau1)",
        (Parameter("c1"), Parameter("tau1", "s", log=True)),
        lambda x, c, tau: c * np.exp(-x / tau),
        starts,
        **{"derivative": "complex", "null": "zero", "subject": "decay", **more},
    )


def line(**more: Any) -> Curve:
    return Curve(
        "line",
        "y = a + b x",
        (Parameter("a"), Parameter("b")),
        lambda x, a, b: a + b * x,
        lambda x, y, w: [[0.0, 0.0]],
        **more,
    )


def noisy(seed: int, noise: float = 0.02) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return np.exp(-T / 0.2) + noise * rng.normal(size=30), np.full(30, noise)


class TestAgreement:
    @pytest.mark.parametrize("stated", [True, False])
    def test_it_gives_what_the_decay_fit_gives(self, stated: bool) -> None:
        y, sigma = noisy(1)
        ours = fit_curve(decay(), T, y, sigma if stated else None)
        other = fit_decay(T, y, sigma if stated else None, "single_decay")
        for name in ("c1", "tau1"):
            one, two = ours.values[name], other.values[name]
            assert one.value == pytest.approx(two.value, rel=1e-7)
            assert one.sigma == pytest.approx(two.sigma, rel=1e-5)
            assert one.low == pytest.approx(two.low, rel=2e-3)
            assert one.high == pytest.approx(two.high, rel=2e-3)
        assert ours.aicc == pytest.approx(other.aicc)
        if stated:
            assert ours.chi2_reduced == pytest.approx(other.chi2_reduced)
        else:
            assert ours.chi2_reduced is None

    def test_a_straight_line_has_the_textbook_errors(self) -> None:
        rng = np.random.default_rng(2)
        x = np.linspace(0, 1, 12)
        y = 1 + 2 * x + 0.1 * rng.normal(size=12)
        fit = fit_curve(line(), x, y)
        slopes = np.column_stack((np.ones(12), x))
        best = np.linalg.lstsq(slopes, y, rcond=None)[0]
        variance = np.sum((y - slopes @ best) ** 2) / 10
        covariance = variance * np.linalg.inv(slopes.T @ slopes)
        assert [fit.a.value, fit.b.value] == pytest.approx(list(best))
        assert np.array(fit.covariance) == pytest.approx(covariance)
        assert fit.b.high == pytest.approx(best[1] + 2.2281 * math.sqrt(covariance[1, 1]), rel=1e-3)

    def test_the_interval_is_where_chi2_has_risen_by_3_84(self) -> None:
        y, sigma = noisy(3)
        fit = fit_curve(decay(), T, y, sigma)
        least = np.sum(((y - evaluate(decay(), fit, T)) / sigma) ** 2)
        for end in (fit.tau1.low, fit.tau1.high):
            shape = np.exp(-T / end)
            rise = np.sum(((y - shape * (shape @ y) / (shape @ shape)) / sigma) ** 2) - least
            assert rise == pytest.approx(3.841, rel=0.02)

    def test_residuals_beyond_the_stated_sigma_enlarge_the_errors_and_are_said(self) -> None:
        y = np.exp(-T / 0.07) + np.exp(-T / 0.6)
        stated = fit_curve(decay(), T, y, np.full(30, 1e-5))
        unknown = fit_curve(decay(), T, y)
        assert "the residuals exceed the stated sigma" in stated.note
        assert stated.tau1.sigma == pytest.approx(unknown.tau1.sigma, rel=1e-6)
        assert stated.runs is not None
        assert stated.runs < 0.01


class TestDerived:
    def test_a_derived_number_that_is_a_parameter_has_its_interval(self) -> None:
        y, sigma = noisy(4, 0.1)
        same = Derived("copy", "s", lambda p: float(p[1]), log=True)
        inverse = Derived("rate", "1/s", lambda p: 1 / float(p[1]), alone="tau1")
        both = Derived("area", "s", lambda p: float(p[0] * p[1]))
        fit = fit_curve(decay(derived=(same, inverse, both)), T, y, sigma)
        assert fit.copy.low == pytest.approx(fit.tau1.low, rel=5e-3)
        assert fit.copy.high == pytest.approx(fit.tau1.high, rel=5e-3)
        assert fit.copy.sigma == pytest.approx(fit.tau1.sigma, rel=1e-4)
        assert fit.rate.low == pytest.approx(1 / fit.tau1.high)
        assert fit.rate.high == pytest.approx(1 / fit.tau1.low)
        assert np.array(fit.covariance).shape == (5, 5)
        assert fit.area.low < fit.area.value < fit.area.high

    def test_the_profile_of_a_derived_number_is_that_of_the_curve_in_its_terms(self) -> None:
        """The area c tau as a parameter in place of c."""
        y, sigma = noisy(5, 0.1)
        area = Derived("area", "s", lambda p: float(p[0] * p[1]))
        derived = fit_curve(decay(derived=(area,)), T, y, sigma).area
        other = Curve(
            "decay", "", (Parameter("area", "s"), Parameter("tau1", "s", log=True)),
            lambda x, a, tau: a / tau * np.exp(-x / tau), lambda x, y, w: [[0.2, 0.2]],
        )  # fmt: skip
        direct = fit_curve(other, T, y, sigma).area
        assert derived.value == pytest.approx(direct.value, rel=1e-6)
        assert derived.sigma == pytest.approx(direct.sigma, rel=1e-4)
        assert derived.low == pytest.approx(direct.low, rel=5e-3)
        assert derived.high == pytest.approx(direct.high, rel=5e-3)

    def test_an_open_derived_number_is_said_and_leaves_the_parameters_alone(self) -> None:
        x = np.linspace(-1, 1, 20)
        y = 0.01 * x + 0.1 * np.random.default_rng(1).normal(size=20)
        crossing = Derived("crossing", "1", lambda p: float(-p[0] / p[1]))
        fit = fit_curve(line(derived=(crossing,)), x, y)
        assert fit.identifiable
        assert fit.crossing.sigma is None
        assert "the profile of crossing is open" in fit.note


class TestSlopes:
    X = np.linspace(0.1, 2, 9)

    def test_all_ways_of_differentiation_agree(self) -> None:
        exact = np.column_stack(
            (np.exp(-self.X / 0.7), 2 * np.exp(-self.X / 0.7) * self.X / 0.7**2)
        )
        p = np.array([2.0, 0.7])
        for how in ("complex", "auto", "central"):
            assert jacobian(decay(derivative=how), self.X, p) == pytest.approx(exact, rel=1e-9)
        stated = decay(slopes=lambda x, c, tau: exact)
        assert jacobian(stated, self.X, p) is not None

    def test_a_shape_that_is_not_analytic_is_differentiated_by_differences(self) -> None:
        def shape(x: Array, a: Any, b: Any) -> Any:
            return np.abs(a) * np.maximum(x - b, 0.0) ** 2

        curve = Curve("kink", "", (Parameter("a"), Parameter("b")), shape)
        found = settled(curve, self.X, np.array([2.0, 0.5]))
        assert found.derivative == "central"
        rng = np.random.default_rng(1)
        y = shape(self.X, 2.0, 0.5) + 0.01 * rng.normal(size=9)
        fit = fit_curve(curve, self.X, y, np.full(9, 0.01), starts=[[1.0, 0.3]])
        assert fit.a.low < 2.0 < fit.a.high
        assert fit.b.low < 0.5 < fit.b.high

    def test_a_shape_for_numbers_only_is_differentiated_too(self) -> None:
        def shape(x: Array, a: float) -> Array:
            return np.array([math.exp(-float(a) * one) for one in x])

        curve = Curve("plain", "", (Parameter("a"),), shape)
        fit = fit_curve(curve, self.X, shape(self.X, 1.5), starts=[[1.0]])
        assert fit.a.value == pytest.approx(1.5)


class TestVerdict:
    def test_an_open_profile_leaves_a_bound_only(self) -> None:
        sigma = np.full(30, 0.02)
        slow = np.exp(-T / 1e4) + 0.02 * np.random.default_rng(6).normal(size=30)
        fit = fit_curve(decay(null=""), T, slow, sigma)
        assert fit.tau1.high is None
        assert fit.tau1.sigma is None
        assert fit.tau1.low is not None
        assert 3 < fit.tau1.low < 1e4
        assert fit.note == "not identifiable: the profile of tau1 is open above"

    def test_noise_is_no_curve(self) -> None:
        rng = np.random.default_rng(8)
        fits = [fit_curve(decay(), T, rng.normal(size=30), np.ones(30)) for _ in range(15)]
        assert sum(fit.identifiable for fit in fits) <= 3
        said = "not identifiable: no decay would describe the data as well"
        assert any(fit.note == said for fit in fits)

    def test_a_bound_that_is_reached_opens_that_side(self) -> None:
        x = np.linspace(0, 1, 20)
        y = 0.05 * np.random.default_rng(3).normal(size=20) - 0.3 * x
        curve = line()
        bounded = Curve(
            "line", "", (Parameter("a"), Parameter("b", low=0.0)), curve.shape, curve.starts
        )
        fit = fit_curve(bounded, x, y)
        assert fit.b.value == 0.0
        assert fit.b.low is None
        assert fit.b.sigma is None
        assert fit.b.high is not None
        assert "b is open below" in fit.note

    def test_two_valleys_are_both_looked_into(self) -> None:
        """A sine sampled finely: from a far start the frequency is found by the other start."""
        x = np.linspace(0, 10, 60)
        rng = np.random.default_rng(9)
        y = np.sin(2.0 * x) + 0.1 * rng.normal(size=60)
        curve = Curve(
            "sine", "", (Parameter("f", "1"),), lambda x, f: np.sin(f * x),
            lambda x, y, w: [[0.4], [5.0], [1.9]], derivative="complex",
        )  # fmt: skip
        fit = fit_curve(curve, x, y, np.full(60, 0.1))
        assert fit.f.value == pytest.approx(2.0, abs=0.02)
        assert fit.identifiable

    def test_without_intervals_there_are_no_verdicts(self) -> None:
        y, sigma = noisy(10)
        fit = fit_curve(decay(), T, y, sigma, intervals=False)
        assert not fit.identifiable
        assert fit.note == "intervals were not followed"
        assert fit.covariance

    def test_a_hopeless_curve_is_not_followed(self) -> None:
        y, sigma = noisy(11)
        found = compete_curves({"decay": decay(), "line": line()}, T, y, sigma)
        assert found.best == "decay"
        assert "intervals were not followed" in found.fits["line"].note
        assert found.weights["decay"] > 0.999

    def test_the_rough_fit_is_the_same_minimum(self) -> None:
        y, sigma = noisy(12)
        values, chi2 = rough_fit(decay(), T, y, sigma)
        fit = fit_curve(decay(), T, y, sigma)
        assert fit.chi2_reduced is not None
        assert chi2 == pytest.approx(28 * fit.chi2_reduced, rel=1e-6)
        assert values[1] == pytest.approx(fit.tau1.value, rel=1e-3)


class TestBand:
    def test_the_band_of_a_line_is_the_textbook_one(self) -> None:
        rng = np.random.default_rng(13)
        x = np.linspace(0, 1, 12)
        fit = fit_curve(line(), x, 1 + 2 * x + 0.1 * rng.normal(size=12))
        rows = np.array(fit.covariance)
        at = np.array([0.0, 2.0])
        expected = np.sqrt(rows[0, 0] + 2 * at * rows[0, 1] + at**2 * rows[1, 1])
        assert band(line(), fit, at) == pytest.approx(expected)

    def test_fits_without_values_have_none(self) -> None:
        empty = Fit("line", "", note="nothing there")
        with pytest.raises(BadInput, match="nothing there"):
            evaluate(line(), empty, [1.0])
        with pytest.raises(BadInput, match="nothing there"):
            band(line(), empty, [1.0])


class TestBadData:
    def test_points_that_cannot_be_used_are_left_out_and_counted(self) -> None:
        y, sigma = noisy(14, 0.001)
        t = T.copy()
        t[3], y[5], sigma[7], sigma[8], sigma[9] = np.nan, np.inf, 0.0, np.inf, -1.0
        fit = fit_curve(decay(), t, y, sigma)
        assert fit.points == 25
        assert fit.note == "left out of 30 points: 2 not finite, 3 without a positive finite sigma"
        assert fit.tau1.value == pytest.approx(0.2, rel=0.05)

    def test_order_does_not_matter_and_repeats_are_welcome(self) -> None:
        y, sigma = noisy(15)
        t, y, sigma = np.tile(T, 2), np.tile(y, 2), np.tile(sigma, 2)
        order = np.random.default_rng(1).permutation(60)
        one, other = fit_curve(decay(), t, y, sigma), fit_curve(decay(), t[order], y[order], sigma)
        assert one.tau1.value == pytest.approx(other.tau1.value, rel=1e-7)
        assert one.tau1.low == pytest.approx(other.tau1.low, rel=1e-4)

    @pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e200])
    def test_size_does_not_matter(self, scale: float) -> None:
        y, sigma = noisy(16)
        plain, scaled = (
            fit_curve(decay(), T, y, sigma),
            fit_curve(decay(), T, y * scale, sigma * scale),
        )
        assert scaled.tau1.value == pytest.approx(plain.tau1.value, rel=1e-6)
        assert scaled.c1.high == pytest.approx(plain.c1.high * scale, rel=1e-4)

    @pytest.mark.parametrize(
        ("t", "y", "said"),
        [
            ([], [], "0 usable points; decay needs at least 3"),
            ([1, 2], [1, 0.5], "2 usable points; decay needs at least 3"),
            ([1, 1, 1, 1], [1, 2, 3, 4], "1 different places; decay needs at least 2"),
            ([1, 2, 3, 4], [2, 2, 2, 2], "the data are constant; there is no decay to fit"),
            ([1, 2, 3, 4], [0, 0, 0, 0], "the data are constant; there is no decay to fit"),
        ],
    )
    def test_too_little_is_refused_in_words(
        self, t: list[float], y: list[float], said: str
    ) -> None:
        fit = fit_curve(decay(), t, y)
        assert fit.values == {}
        assert not fit.identifiable
        assert said in fit.note

    def test_bad_questions(self) -> None:
        with pytest.raises(BadInput, match="2 places, 3 values and 3 uncertainties"):
            fit_curve(decay(), [1, 2], [1, 2, 3])
        with pytest.raises(BadInput, match="does not know where to start"):
            fit_curve(Curve("x", "", (Parameter("a"),), lambda x, a: a * x), T, T)
        with pytest.raises(BadInput, match="the lower bound must be below"):
            Parameter("a", low=1.0, high=0.0)

    def test_a_curve_that_is_never_finite_is_said(self) -> None:
        curve = Curve(
            "none", "", (Parameter("a"),), lambda x, a: a * np.full(len(x), np.nan),
            lambda x, y, w: [[1.0]],
        )  # fmt: skip
        fit = fit_curve(curve, T, T)
        assert fit.values == {}
        assert "no minimum was found" in fit.note


def believable(fit: Fit) -> None:
    """Hold for every fit, whatever the data were."""
    for value in fit.values.values():
        assert math.isfinite(value.value)
        assert value.sigma is None or (math.isfinite(value.sigma) and value.sigma >= 0)
        assert value.low is None or (math.isfinite(value.low) and value.low <= value.value)
        assert value.high is None or (math.isfinite(value.high) and value.value <= value.high)
    assert fit.identifiable or fit.note
    assert fit.values or (fit.note and not fit.identifiable)
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
    @given(messy(), st.booleans())
    @settings(max_examples=40)
    def test_gives_a_believable_fit_or_says_why_not(
        self, data: tuple[list[float], list[float], list[float] | None], straight: bool
    ) -> None:
        believable(fit_curve(line() if straight else decay(), *data))
