"""Drift, retention, Arrhenius and BCM thresholds."""

import math

import numpy as np
import pytest

from labctl.analysis.arrhenius import BOLTZMANN_EV, draw_arrhenius, fit_arrhenius
from labctl.analysis.bcm import BCM, bcm_curve, bcm_threshold, compete_bcm, fit_bcm
from labctl.analysis.competition import Axes
from labctl.analysis.drift import drift_by_state, fit_drift
from labctl.analysis.retention import TEN_YEARS, draw_retention, fit_retention, retention_curve
from labctl.errors import BadInput

T = np.geomspace(1, 1e5, 40)
AXES = Axes("retention", "conductance", "S")


class TestDrift:
    def test_t0_moves_r0_and_leaves_nu(self) -> None:
        rng = np.random.default_rng(1)
        r = 1e5 * T**0.06 * (1 + 0.01 * rng.normal(size=40))
        one, other = fit_drift(T, r, t0=1.0), fit_drift(T, r, t0=1e3)
        assert one.nu.value == pytest.approx(other.nu.value, rel=1e-6)
        assert one.nu.sigma == pytest.approx(other.nu.sigma, rel=1e-4)
        assert other.R0.value == pytest.approx(one.R0.value * 1e3**one.nu.value, rel=1e-6)
        assert other.fixed == {"t0": 1e3}
        assert one.nu.low < 0.06 < one.nu.high

    def test_conductance_falls_with_the_same_exponent(self) -> None:
        fit = fit_drift(T, 1e-5 * T**-0.05, quantity="G")
        assert fit.nu.value == pytest.approx(0.05)
        assert fit.G0.unit == "S"

    def test_states_are_compared(self) -> None:
        rng = np.random.default_rng(2)
        alike = [1e4 * k * T**0.05 * (1 + 0.01 * rng.normal(size=40)) for k in (1, 3, 10)]
        names = np.repeat(["a", "b", "c"], 40)
        same = drift_by_state(np.tile(T, 3), np.concatenate(alike), names)
        assert same.same is not None
        assert same.same > 1e-3
        assert same.mean == pytest.approx(0.05, abs=4 * (same.sigma or 0))
        alike[2] = alike[2] * T**0.03
        other = drift_by_state(np.tile(T, 3), np.concatenate(alike), names)
        assert other.same is not None
        assert other.same < 1e-6
        assert [c.name for c in other.table.columns][:2] == ["state", "nu"]

    def test_bad_data_is_said(self) -> None:
        assert "2 values are not positive" in fit_drift([1, 2, 3, 4], [1, -1, 0, 2]).note
        assert "1 readings at or before time 0" in fit_drift([0, *T], [1, *T]).note
        with pytest.raises(BadInput, match='"R" or "G"'):
            fit_drift(T, T, quantity="V")  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="t0 = 0 s"):
            fit_drift(T, T, t0=0.0)
        with pytest.raises(BadInput, match="must be equal"):
            drift_by_state(T, T, ["a"])


LAWS = {
    "log_linear": 1e-4 - 5e-6 * np.log10(T),
    "power": 1e-4 * T**-0.03,
    "stretched": 1e-4 * np.exp(-((T / 1e6) ** 0.4)),
}


class TestRetention:
    @pytest.mark.parametrize("law", LAWS)
    def test_the_law_is_found_and_its_end_covered(self, law: str) -> None:
        rng = np.random.default_rng(3)
        y = LAWS[law] + 3e-7 * rng.normal(size=40)
        found = fit_retention(T, y, np.full(40, 3e-7))
        assert found.competition.weights[law] > 0.05
        fit = found.competition.fits[law]
        p = [fit.values[name].value for name in retention_curve(law).names]
        at = float(retention_curve(law).shape(np.array([TEN_YEARS]), *p)[0])
        assert fit.at_horizon.value == pytest.approx(at)
        true = {"log_linear": 1e-4 - 5e-6 * math.log10(TEN_YEARS), "power": 1e-4 * TEN_YEARS**-0.03}
        if law in true:
            assert fit.at_horizon.low < true[law] < fit.at_horizon.high
        assert "3.5 decades beyond the last reading" in found.note

    def test_the_end_of_a_linear_law_is_the_textbook_one(self) -> None:
        rng = np.random.default_rng(4)
        y = LAWS["log_linear"] + 3e-7 * rng.normal(size=40)
        fit = fit_retention(T, y).competition.fits["log_linear"]
        x = np.column_stack((np.ones(40), np.log10(T)))
        best = np.linalg.lstsq(x, y, rcond=None)[0]
        row = np.array([1, math.log10(TEN_YEARS)])
        variance = np.sum((y - x @ best) ** 2) / 38
        sigma = math.sqrt(variance * row @ np.linalg.inv(x.T @ x) @ row)
        assert fit.at_horizon.value == pytest.approx(row @ best)
        assert fit.at_horizon.sigma == pytest.approx(sigma, rel=1e-5)
        assert fit.at_horizon.high == pytest.approx(row @ best + 2.0244 * sigma, rel=1e-4)
        table = fit_retention(T, y).table
        low = dict(zip(table.columns[0].data, table.columns[6].data, strict=True))["log_linear"]
        assert low == pytest.approx(
            row @ best - 2.0244 * math.hypot(sigma, variance**0.5), rel=1e-3
        )

    def test_likely_laws_that_disagree_are_named(self) -> None:
        rng = np.random.default_rng(6)
        t = np.geomspace(1, 100, 12)
        y = 1e-4 * t**-0.03 + 1e-6 * rng.normal(size=12)
        found = fit_retention(t, y, np.full(12, 1e-6))
        assert len([w for w in found.competition.weights.values() if w > 0.05]) >= 2
        assert "6.5 decades beyond" in found.note

    def test_the_panel_goes_out_to_the_horizon(self) -> None:
        found = fit_retention(T, LAWS["power"] * (1 + 1e-3 * np.cos(7 * T)))
        panel = draw_retention(T, LAWS["power"], None, found, AXES)
        lines = [trace for trace in panel.traces if trace.kind == "line"]
        assert max(lines[0].x) == pytest.approx(TEN_YEARS)
        assert [trace.label for trace in lines].count("95 % band") == 2

    def test_bad_data_is_said(self) -> None:
        assert "no model could be compared" in fit_retention([1, 2], [1, 2]).note
        with pytest.raises(BadInput, match="allowed are log_linear"):
            fit_retention(T, T, laws=["linear"])
        with pytest.raises(BadInput, match="both positive"):
            fit_retention(T, T, horizon=-1)
        found = fit_retention([0, *T], [1, *LAWS["power"]])
        assert "1 readings at or before time 0" in found.competition.fits["power"].note


class TestArrhenius:
    K = np.array([300.0, 325, 350, 375, 400])

    def test_the_line_is_the_textbook_one(self) -> None:
        rng = np.random.default_rng(5)
        rate = 1e9 * np.exp(-0.7 / BOLTZMANN_EV / self.K) * np.exp(0.1 * rng.normal(size=5))
        fit = fit_arrhenius(self.K, rate, use=300.0)
        x = np.column_stack((np.ones(5), -1 / BOLTZMANN_EV / self.K))
        best = np.linalg.lstsq(x, np.log(rate), rcond=None)[0]
        variance = np.sum((np.log(rate) - x @ best) ** 2) / 3
        cov = variance * np.linalg.inv(x.T @ x)
        assert fit.Ea.value == pytest.approx(best[1])
        assert fit.Ea.sigma == pytest.approx(math.sqrt(cov[1, 1]), rel=1e-5)
        assert fit.Ea.high == pytest.approx(best[1] + 3.1824 * math.sqrt(cov[1, 1]), rel=1e-4)
        assert fit.rate_infinite.value == pytest.approx(math.exp(best[0]))
        spread = 3.1824 * math.sqrt(cov[0, 0])
        assert fit.rate_infinite.low == pytest.approx(math.exp(best[0] - spread), rel=2e-2)
        assert "extrapolation" not in fit.note

    def test_a_life_is_the_inverse_of_a_rate(self) -> None:
        rate = 1e9 * np.exp(-0.7 / BOLTZMANN_EV / self.K) * np.array([1, 1.1, 0.9, 1.05, 1])
        one = fit_arrhenius(self.K, rate, 0.1 * rate, use=290)
        other = fit_arrhenius(self.K, 1 / rate, 0.1 / rate, use=290, quantity="life")
        assert other.Ea.value == pytest.approx(one.Ea.value)
        assert other.life_use.value == pytest.approx(1 / one.rate_use.value)
        assert other.life_use.low == pytest.approx(1 / one.rate_use.high, rel=1e-3)
        assert "290 K is an extrapolation in 1/T by 0.14 times the span measured" in other.note

    def test_the_panel_has_the_band_out_to_the_use(self) -> None:
        rate = 1e9 * np.exp(-0.7 / BOLTZMANN_EV / self.K)
        fit = fit_arrhenius(self.K, rate, 0.1 * rate, use=280)
        panel = draw_arrhenius(self.K, rate, 0.1 * rate, fit, Axes("rates", "rate", "1/s"))
        assert max(panel.traces[1].x) == pytest.approx(1000 / 280)
        assert len(panel.traces) == 4

    def test_bad_data_is_said(self) -> None:
        assert "are not positive" in fit_arrhenius(self.K, [1, 2, 3, 4, -5]).note
        assert "1 different places" in fit_arrhenius([300] * 5, [1, 2, 3, 4, 5]).note
        with pytest.raises(BadInput, match='"rate" or "life"'):
            fit_arrhenius(self.K, self.K, quantity="tau")  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="temperature of use of 0 K"):
            fit_arrhenius(self.K, self.K, use=0.0)


class TestBcm:
    RATE = np.geomspace(0.2, 10, 15)

    def change(self, theta: float, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        r = self.RATE
        return 0.05 * r * (r - theta) / (1 + (r / 6) ** 2) + 0.01 * rng.normal(size=15)

    def test_the_threshold_is_covered_and_slides(self) -> None:
        sigma = np.full(15, 0.01)
        found = [compete_bcm(self.RATE, self.change(theta, 1), sigma) for theta in (2.0, 4.0)]
        for theta, one in zip((2.0, 4.0), found, strict=True):
            fit = one.fits["bcm_saturating"]
            assert fit.theta.low < theta < fit.theta.high
            metric, _ = bcm_threshold(one)
            assert metric is not None
            assert metric.definition == "bcm-threshold"
            assert metric.value == pytest.approx(theta, rel=0.1)

    def test_the_dip_is_that_of_the_parabola(self) -> None:
        y = 0.02 * self.RATE * (self.RATE - 3.0)
        fit = fit_bcm(self.RATE, y + 1e-5 * np.cos(50 * self.RATE), np.full(15, 1e-5))
        assert fit.dip.value == pytest.approx(-0.02 * 9 / 4, rel=1e-3)
        assert fit.dip.low < fit.dip.value < fit.dip.high

    def test_changes_of_one_sign_have_no_threshold(self) -> None:
        found = compete_bcm(self.RATE, np.abs(self.change(2.0, 1)))
        assert found.best == ""
        metric, said = bcm_threshold(found)
        assert metric is None
        assert "does not turn its sign" in said
        assert fit_bcm(self.RATE, -np.ones(15)).values == {}

    def test_shapes_that_disagree_are_named(self) -> None:
        rate = np.array([0.2, 0.3, 0.5, 7, 8, 9, 10.0])
        rng = np.random.default_rng(4)
        y = 0.05 * rate * (rate - 3) / (1 + (rate / 6) ** 2) + 0.02 * rng.normal(size=7)
        found = compete_bcm(
            rate, y, np.full(7, 0.02), ("bcm_quadratic", "log_line", "log_parabola")
        )
        _, said = bcm_threshold(found)
        best = found.fits[found.best].theta
        others = [f.theta.value for n, f in found.fits.items() if found.weights.get(n, 0) > 0.05]
        off = any(not (best.low or 0) <= v <= (best.high or math.inf) for v in others)
        assert off == ("depends on the shape assumed" in said)

    def test_bad_questions(self) -> None:
        for shape in BCM:
            assert bcm_curve(shape, self.RATE).names[0] == "theta"
        with pytest.raises(BadInput, match="allowed are bcm_quadratic"):
            bcm_curve("cubic", self.RATE)
        with pytest.raises(BadInput, match="must agree"):
            fit_bcm([1, 2], [1])
        fit = fit_bcm([0, -1, *self.RATE], [1, 1, *self.change(2.0, 1)])
        assert "2 points without a positive rate left out" in fit.note
