"""Lifetimes with censoring, probability plots, switching kinetics and probability."""

import math

import numpy as np
import pytest

from labctl.analysis.life import LIVES, b10, compete_life, failed_by, fit_life, lifetimes
from labctl.analysis.probability_plot import plot_life, probability_table, share_failed
from labctl.analysis.switching import (
    compete_switching,
    fit_switching,
    fit_switching_probability,
    switching_probability,
)
from labctl.errors import BadInput


def weibull(seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    t = 1e5 * np.random.default_rng(seed).weibull(2.0, 60)
    return np.minimum(t, 1.3e5), t > 1.3e5


class TestLife:
    def test_the_maximum_is_that_of_scipy(self) -> None:
        from scipy import stats

        t, gone = weibull()
        data = stats.CensoredData.right_censored(t, gone)
        beta, _, eta = stats.weibull_min.fit(data, floc=0)
        fit = fit_life(t, gone)
        assert fit.eta.value == pytest.approx(eta, rel=1e-4)
        assert fit.beta.value == pytest.approx(beta, rel=1e-4)
        s, _, median = stats.lognorm.fit(data, floc=0)
        fit = fit_life(t, gone, model="lognormal")
        assert fit.median.value == pytest.approx(median, rel=1e-4)
        assert fit.s.value == pytest.approx(s, rel=1e-4)

    def test_an_exponential_life_has_a_closed_form(self) -> None:
        """tau is the time on test over the failures, which the profile says too."""
        t, gone = weibull()
        fit = fit_life(t, gone, model="exponential")
        failures = int(np.sum(~gone))
        tau = np.sum(t) / failures
        assert fit.tau.value == pytest.approx(tau, rel=1e-6)
        assert fit.tau.sigma == pytest.approx(tau / math.sqrt(failures), rel=1e-3)
        for end in (fit.tau.low, fit.tau.high):
            rise = 2 * failures * (math.log(end / tau) + tau / end - 1)
            assert rise == pytest.approx(3.841, rel=0.02)
        assert fit.b10.value == pytest.approx(-tau * math.log(0.9))

    def test_narrow_intervals_are_nearly_exact_times(self) -> None:
        t, gone = weibull()
        exact = fit_life(t, gone)
        low = np.where(gone, t, t * 0.999)
        found = fit_life(low, gone, np.where(gone, np.nan, t * 1.001))
        assert found.beta.value == pytest.approx(exact.beta.value, rel=1e-3)
        assert found.beta.high == pytest.approx(exact.beta.high, rel=1e-2)
        exact = fit_life(t, gone, model="lognormal")
        found = fit_life(low, gone, np.where(gone, np.nan, t * 1.001), model="lognormal")
        assert found.s.value == pytest.approx(exact.s.value, rel=1e-3)

    def test_leaving_out_the_survivors_would_shorten_lives(self) -> None:
        t, gone = weibull()
        assert fit_life(t, gone).eta.value > fit_life(t[~gone]).eta.value

    def test_b10_is_the_quantile_of_the_fit(self) -> None:
        t, gone = weibull()
        for model in LIVES:
            fit = fit_life(t, gone, model=model)
            assert failed_by(fit, fit.b10.value) == pytest.approx(0.1)
            metric = b10(fit)
            assert metric is not None
            assert metric.definition == "life-b10"

    def test_the_scale_does_not_matter(self) -> None:
        t, gone = weibull()
        one, other = fit_life(t, gone), fit_life(t * 1e12, gone, unit="1")
        assert other.eta.value == pytest.approx(one.eta.value * 1e12, rel=1e-6)
        assert other.beta.low == pytest.approx(one.beta.low, rel=1e-4)
        assert other.eta.unit == "1"

    def test_wear_out_is_not_an_exponential_life(self) -> None:
        t, gone = weibull()
        found = compete_life(t, gone)
        assert found.best != "exponential"
        assert found.weights["exponential"] < 1e-3

    @pytest.mark.parametrize(
        ("life", "gone", "said"),
        [
            ([], None, "no device has a usable life"),
            ([1, 2], [True, True], "none of 2 devices failed by 2: there is only a lower bound"),
            ([1, 2, 3], [False, True, True], "1 of 3 devices failed; the fit needs at least 2"),
            ([2, 2, 2], None, "all failures came at the same time"),
            ([0, 2, 3], None, "a device failed at time 0"),
            ([-1, np.nan], None, "left out of 2 devices: 2 without a possible life"),
        ],
    )
    def test_what_cannot_be_fitted_is_said(
        self, life: list[float], gone: list[bool] | None, said: str
    ) -> None:
        fit = fit_life(life, gone)
        assert fit.values == {}
        assert said in fit.note or "a life must be positive" in fit.note

    def test_bad_questions(self) -> None:
        with pytest.raises(BadInput, match="allowed are exponential, weibull, lognormal"):
            fit_life([1, 2], model="gamma")
        with pytest.raises(BadInput, match="their numbers must be equal"):
            lifetimes([1, 2], [True])
        with pytest.raises(BadInput, match="without values"):
            failed_by(fit_life([]), 1.0)


class TestProbabilityPlot:
    DEVICES = lifetimes([10, 20, 30, 40, 50], [False, True, False, False, True])

    def test_median_ranks_of_a_complete_sample(self) -> None:
        """The median of the rank of the first of n is 1 - 2^(-1/n)."""
        found = share_failed(lifetimes([3, 1, 2]))
        assert list(found.time) == [1, 2, 3]
        assert found.share[0] == pytest.approx(1 - 0.5 ** (1 / 3))
        assert found.share[1] == pytest.approx(0.5)

    def test_johnson_adjusts_the_ranks_after_a_removal(self) -> None:
        """Rank 1, then (6 - 1)/4 = 1.25 more for each of the failures after the removal."""
        from scipy.special import betaincinv

        ranks = [1, 2.25, 3.5]
        expected = [betaincinv(r, 6 - r, 0.5) for r in ranks]
        assert share_failed(self.DEVICES).share == pytest.approx(expected)

    def test_kaplan_meier_is_that_of_scipy(self) -> None:
        from scipy import stats

        found = share_failed(self.DEVICES, "kaplan-meier")
        data = stats.CensoredData.right_censored([10, 20, 30, 40, 50], [0, 1, 0, 0, 1])
        other = stats.ecdf(data).cdf
        assert found.share == pytest.approx(other.evaluate(found.time))

    def test_turnbull_of_a_case_by_hand(self) -> None:
        """Of four, one failed by 10, two between 10 and 20, one later."""
        devices = lifetimes([0, 10, 10, 20], [0, 0, 0, 1], [10, 20, 20, np.nan])
        found = share_failed(devices)
        assert found.method == "turnbull"
        assert list(found.share) == pytest.approx([0.25, 0.75])

    def test_a_weibull_sample_is_straight_on_its_plot(self) -> None:
        t, gone = weibull()
        table = probability_table(lifetimes(t, gone))
        x, y = np.log(table.columns[0].data), np.array(table.columns[2].data)
        assert np.corrcoef(x, y)[0, 1] > 0.98
        panel = plot_life(lifetimes(t, gone), {"weibull": fit_life(t, gone)})
        line = panel.traces[1]
        slope = np.polyfit(np.log(line.x), line.y, 1)[0]
        assert slope == pytest.approx(fit_life(t, gone).beta.value, rel=1e-6)
        assert plot_life(lifetimes([]), {}).traces[0].x == ()


class TestSwitching:
    V = np.linspace(0.5, 2, 12)

    def test_the_law_is_chosen_by_evidence(self) -> None:
        rng = np.random.default_rng(1)
        tau = 1e-2 * np.exp(-self.V / 0.1) * np.exp(0.2 * rng.normal(size=12))
        found = compete_switching(self.V, tau, 0.2 * tau)
        assert found.best == "exponential"
        fit = found.fits["exponential"]
        assert fit.decade.value == pytest.approx(fit.V0.value * math.log(10))
        assert fit.decade.low < 0.1 * math.log(10) < fit.decade.high
        tau = 1e-9 * np.exp(8 / self.V) * np.exp(0.2 * rng.normal(size=12))
        found = compete_switching(-self.V, tau, 0.2 * tau)
        assert found.best == "merz"
        assert found.fits["merz"].Va.low < 8 < found.fits["merz"].Va.high

    def test_times_that_do_not_depend_on_the_voltage_are_not_identifiable(self) -> None:
        rng = np.random.default_rng(2)
        tau = 1e-6 * np.exp(0.1 * rng.normal(size=12))
        assert not fit_switching(self.V, tau, 0.1 * tau).identifiable

    def test_bad_data_is_said(self) -> None:
        assert "must be positive" in fit_switching([1, 2, 3], [1, 0, 2]).note
        assert compete_switching([1, 2, 0], [1, 1, 2]).best == ""
        with pytest.raises(BadInput, match="allowed are exponential, merz"):
            fit_switching(self.V, self.V, law="campbell")


class TestSwitchingProbability:
    V = np.linspace(0.3, 0.47, 12)
    N = np.full(12, 300)

    def counts(self, seed: int = 1, width: float | np.ndarray = 1e-7) -> np.ndarray:
        p = switching_probability(self.V, width, 45, 0.5)
        return np.random.default_rng(seed).binomial(self.N, p)

    def test_the_truth_is_covered_by_the_likelihood(self) -> None:
        k = self.counts()
        fit = fit_switching_probability(-self.V, k, self.N, 1e-7)
        assert fit.Delta.low < 45 < fit.Delta.high
        assert fit.Vc.low < 0.5 < fit.Vc.high
        half = 0.5 * (1 - math.log(1e-7 / 1e-9 / math.log(2)) / 45)
        assert fit.V50.low < half < fit.V50.high
        assert fit.fixed == {"tau0": 1e-9}

        def deviance(delta: float, vc: float) -> float:
            p = switching_probability(self.V, 1e-7, delta, vc)
            with np.errstate(divide="ignore"):
                terms = np.where(k > 0, k * np.log(p), 0.0)
            return float(-2 * np.sum(terms + (self.N - k) * np.log1p(-p)))

        best = deviance(fit.Delta.value, fit.Vc.value)
        for step in (1e-3, -1e-3):
            assert deviance(fit.Delta.value * (1 + step), fit.Vc.value) > best
            assert deviance(fit.Delta.value, fit.Vc.value * (1 + step / 10)) > best

    def test_the_attempt_time_only_moves_the_barrier(self) -> None:
        k = self.counts()
        one, other = (fit_switching_probability(self.V, k, self.N, 1e-7, t) for t in (1e-9, 1e-10))
        assert other.Delta.value == pytest.approx(one.Delta.value + math.log(10), rel=1e-5)
        slopes = [fit.Delta.value / fit.Vc.value for fit in (one, other)]
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-5)
        assert other.aicc == pytest.approx(one.aicc)

    def test_several_widths_are_fitted_together(self) -> None:
        widths = np.tile([1e-8, 1e-6, 1e-4], 4)
        middle = 0.5 * (1 - np.log(widths / 1e-9 / math.log(2)) / 45)
        v = middle + 0.5 / 45 * np.repeat(np.linspace(-2, 1.5, 4), 3)
        k = np.random.default_rng(3).binomial(3000, switching_probability(v, widths, 45, 0.5))
        fit = fit_switching_probability(v, k, np.full(12, 3000), widths)
        assert fit.identifiable
        assert fit.Delta.low < 45 < fit.Delta.high
        assert "V50" not in fit.values

    def test_counts_that_scatter_too_much_enlarge_the_intervals(self) -> None:
        k = self.counts()
        rough = np.clip(k + np.tile([40, -40], 6), 0, 300)
        one, other = (fit_switching_probability(self.V, c, self.N, 1e-7) for c in (k, rough))
        assert "scatter more than chance" in other.note
        assert other.Delta.high - other.Delta.low > 2 * (one.Delta.high - one.Delta.low)

    def test_bad_data_is_said(self) -> None:
        zeros = np.zeros(12)
        assert (
            "none of the pulses switched"
            in fit_switching_probability(self.V, zeros, self.N, 1e-7).note
        )
        assert (
            "all of the pulses switched"
            in fit_switching_probability(self.V, self.N, self.N, 1e-7).note
        )
        assert "1 different pulses" in fit_switching_probability([1, 1], [3, 4], [9, 9], 1e-7).note
        over = fit_switching_probability(self.V, self.N + 1, self.N, 1e-7)
        assert "12 without possible counts" in over.note
        with pytest.raises(BadInput, match="attempt time of 0 s"):
            fit_switching_probability(self.V, zeros, self.N, 1e-7, 0.0)
        with pytest.raises(BadInput, match="their numbers must be equal"):
            fit_switching_probability(self.V, zeros[1:], self.N, 1e-7)
        v = np.linspace(0.3, 0.9, 12)
        k = np.random.default_rng(4).binomial(300, switching_probability(v, 1e-7, 45, 0.5))
        assert "are above Vc" in fit_switching_probability(v, k, self.N, 1e-7).note
