"""Curves that share parameters: truth, intervals, and what is gained."""

import numpy as np
import pytest

from labctl.analysis.decay import fit_decay
from labctl.analysis.joint import BOLTZMANN_EV, DecayCurve, fit_arrhenius_decays, fit_jointly
from labctl.analysis.lineshapes import double_decay, power_decay, single_decay, stretched_decay
from labctl.errors import BadInput
from labctl.results import Fit

T = np.geomspace(1e-3, 3.0, 50)
SIGMA = np.full(50, 0.01)
KELVIN = (280.0, 300.0, 320.0, 340.0)


def covers(fit: Fit, name: str, truth: float) -> bool:
    value = fit.values[name]
    return (value.low is None or value.low <= truth) and (value.high is None or truth <= value.high)


def states(rng: np.random.Generator, noise: float = 0.01) -> list[DecayCurve]:
    """Return three states of one device, which relax alike from different levels."""
    levels = ((0.5, 0.5, 0.1), (0.9, 0.2, 0.3), (-0.3, 0.4, -0.1))
    return [
        DecayCurve(
            T, double_decay(T, a, 0.05, b, 0.4, base) + noise * rng.normal(size=50),
            np.full(50, noise),
        )
        for a, b, base in levels
    ]  # fmt: skip


class TestShared:
    def test_one_time_constant_for_several_states(self) -> None:
        rng = np.random.default_rng(1)
        covered = []
        for _ in range(25):
            fit = fit_jointly(states(rng), baseline="free")
            truth = {"tau1": 0.05, "tau2": 0.4, "c1_1": 0.5, "c2_3": 0.4, "baseline_2": 0.3}
            covered.append([covers(fit, name, value) for name, value in truth.items()])
            assert fit.identifiable
        assert np.mean(covered) > 0.9
        assert list(fit.values)[:5] == ["tau1", "tau2", "c1_1", "c2_1", "baseline_1"]
        assert fit.points == 150
        assert "3 curves share tau1, tau2" in fit.definition
        assert fit.runs is not None

    def test_it_says_more_than_any_curve_alone(self) -> None:
        rng = np.random.default_rng(2)
        curves = states(rng)
        together = fit_jointly(curves, baseline="free")
        alone = fit_decay(*curves[0][:3], "double_decay", "free")
        assert together.tau1.sigma is not None
        assert alone.tau1.sigma is not None
        assert together.tau1.sigma < 0.7 * alone.tau1.sigma

    def test_two_halves_of_a_curve_are_the_curve_when_they_share_everything(self) -> None:
        rng = np.random.default_rng(3)
        y = single_decay(T, 1.0, 0.1) + 0.01 * rng.normal(size=50)
        whole = fit_decay(T, y, SIGMA, "single_decay")
        both = fit_jointly(
            [DecayCurve(T, y, SIGMA, "a"), DecayCurve(T, y, SIGMA, "b")], "single_decay"
        )
        assert both.tau1.value == pytest.approx(whole.tau1.value, rel=1e-8)
        assert whole.tau1.sigma is not None
        assert both.tau1.sigma == pytest.approx(whole.tau1.sigma / np.sqrt(2), rel=1e-8)
        assert both.c1_b.value == pytest.approx(whole.c1.value, rel=1e-8)

    def test_covariance_and_criteria_are_those_of_one_large_problem(self) -> None:
        rng = np.random.default_rng(4)
        curves = states(rng)
        fit = fit_jointly(curves, baseline="free")
        values = {name: value.value for name, value in fit.values.items()}
        chi2 = 0.0
        for k, one in enumerate(curves, start=1):
            own = {name: values[f"{name}_{k}"] for name in ("c1", "c2", "baseline")}
            model = double_decay(T, tau1=values["tau1"], tau2=values["tau2"], **own)
            chi2 += float(np.sum(((np.asarray(one.y) - model) / 0.01) ** 2))
        assert fit.chi2_reduced == pytest.approx(chi2 / (150 - 11))
        assert fit.aicc == pytest.approx(chi2 + 22 + 2 * 11 * 12 / (150 - 12))
        for k, value in enumerate(fit.values.values()):
            assert value.sigma == pytest.approx(np.sqrt(fit.covariance[k][k]))

    @pytest.mark.parametrize("model", ["stretched_decay", "power_decay"])
    def test_other_laws(self, model: str) -> None:
        rng = np.random.default_rng(5)
        shape = (
            (lambda c: stretched_decay(T, c, 0.1, 0.6))
            if model == "stretched_decay"
            else (lambda c: power_decay(T, c, 0.3))
        )
        curves = [
            DecayCurve(T, shape(c) + 0.003 * rng.normal(size=50), np.full(50, 0.003), f"G{c:g}")
            for c in (0.3, 1.0)
        ]
        fit = fit_jointly(curves, model)
        name, truth = ("beta", 0.6) if model == "stretched_decay" else ("nu", 0.3)
        assert fit.values[name].value == pytest.approx(truth, rel=0.05)
        assert "c_G0.3" in fit.values
        assert fit.identifiable

    def test_without_sigma_errors_come_from_the_scatter(self) -> None:
        rng = np.random.default_rng(6)
        curves = states(rng)
        stated = fit_jointly(curves, baseline="free")
        unknown = fit_jointly([one._replace(sigma=None) for one in curves], baseline="free")
        assert unknown.tau1.value == pytest.approx(stated.tau1.value, rel=1e-6)
        assert unknown.tau1.sigma == pytest.approx(stated.tau1.sigma, rel=0.2)
        assert unknown.chi2_reduced is None

    def test_one_exponential_is_not_two(self) -> None:
        rng = np.random.default_rng(7)
        curves = [
            DecayCurve(T, single_decay(T, c, 0.1) + 0.01 * rng.normal(size=50), SIGMA)
            for c in (0.5, 1.0)
        ]
        assert not fit_jointly(curves).identifiable
        noise = [DecayCurve(T, rng.normal(size=50), np.ones(50)) for _ in range(2)]
        assert not fit_jointly(noise, "single_decay", "free").identifiable


def activated(rng: np.random.Generator, noise: float = 0.01) -> list[DecayCurve]:
    """Return relaxations of polarisation (0.23 eV) and oxygen vacancies (0.70 eV)."""
    t = np.geomspace(1e-4, 100, 60)
    curves = []
    for kelvin in KELVIN:
        inverse = (1 / kelvin - 1 / 310) / BOLTZMANN_EV
        y = double_decay(t, 0.5, 0.05 * np.exp(0.23 * inverse), 0.5, 2 * np.exp(0.7 * inverse))
        curves.append(DecayCurve(t, y + noise * rng.normal(size=60), np.full(60, noise)))
    return curves


class TestArrhenius:
    def test_both_energies_are_found_with_honest_intervals(self) -> None:
        rng = np.random.default_rng(8)
        covered = []
        for _ in range(25):
            fit = fit_arrhenius_decays(activated(rng), KELVIN, reference=310.0)
            truth = {"ea1": 0.23, "ea2": 0.70, "tau1": 0.05, "tau2": 2.0}
            covered.append([covers(fit, name, value) for name, value in truth.items()])
            assert fit.identifiable
        assert np.mean(covered) > 0.88
        assert fit.ea1.unit == "eV"
        assert fit.fixed == {"temperature": 310.0}
        assert "1/310 K" in fit.definition

    def test_the_reference_temperature_moves_tau_and_not_the_energy(self) -> None:
        curves = activated(np.random.default_rng(9))
        one, other = (
            fit_arrhenius_decays(curves, KELVIN, reference=kelvin) for kelvin in (310.0, 290.0)
        )
        assert other.ea2.value == pytest.approx(one.ea2.value, rel=1e-5)
        assert other.ea2.sigma == pytest.approx(one.ea2.sigma, rel=1e-4)
        moved = one.tau2.value * np.exp(one.ea2.value / BOLTZMANN_EV * (1 / 290 - 1 / 310))
        assert other.tau2.value == pytest.approx(moved, rel=1e-5)
        middle = fit_arrhenius_decays(curves, KELVIN)
        assert middle.fixed["temperature"] == pytest.approx(308.4, abs=0.1)

    def test_one_process_with_a_baseline(self) -> None:
        rng = np.random.default_rng(10)
        curves = [
            DecayCurve(
                T,
                single_decay(T, 1, 0.1 * np.exp(0.4 / BOLTZMANN_EV * (1 / kelvin - 1 / 300)), 0.5)
                + 0.003 * rng.normal(size=50),
            )
            for kelvin in (290, 300, 310)
        ]
        fit = fit_arrhenius_decays(curves, (290, 300, 310), "single_decay", "free")
        assert fit.ea1.value == pytest.approx(0.4, abs=0.02)
        assert covers(fit, "ea1", 0.4)

    @pytest.mark.parametrize(
        ("kelvin", "said"),
        [
            ((300, 300, 300, 300), "an energy needs at least two"),
            ((300, 310, 320), "3 temperatures were given for 4 curves"),
            ((300, 310, 320, -5), "a positive one in kelvin is needed"),
            ((300, 310, 320, np.nan), "a positive one in kelvin is needed"),
        ],
    )
    def test_temperatures_that_will_not_do(self, kelvin: tuple[float, ...], said: str) -> None:
        with pytest.raises(BadInput, match=said):
            fit_arrhenius_decays(activated(np.random.default_rng(11)), kelvin)

    def test_laws_that_will_not_do(self) -> None:
        curves = activated(np.random.default_rng(12))
        with pytest.raises(BadInput, match="stretched_decay has no Arrhenius fit"):
            fit_arrhenius_decays(curves, KELVIN, "stretched_decay")
        with pytest.raises(BadInput, match="reference temperature -1"):
            fit_arrhenius_decays(curves, KELVIN, reference=-1)


class TestBadInput:
    def test_one_curve_is_not_several(self) -> None:
        with pytest.raises(BadInput, match="a joint fit needs at least two"):
            fit_jointly([DecayCurve(T, T)])

    def test_sigma_for_all_or_for_none(self) -> None:
        with pytest.raises(BadInput, match="give it for all or for none"):
            fit_jointly([DecayCurve(T, T, SIGMA), DecayCurve(T, T)])

    def test_names_are_different(self) -> None:
        with pytest.raises(BadInput, match="they must be different"):
            fit_jointly([DecayCurve(T, T, None, "2"), DecayCurve(T, T)])

    def test_a_logarithm_has_nothing_to_share(self) -> None:
        with pytest.raises(BadInput, match="no parameter that curves could share"):
            fit_jointly([DecayCurve(T, T), DecayCurve(T, T)], "log_decay")

    def test_a_curve_that_cannot_be_fitted_is_named(self) -> None:
        fit = fit_jointly([DecayCurve(T, T, None, "HRS"), DecayCurve(T, np.ones(50), None, "LRS")])
        assert fit.values == {}
        assert fit.note == "curve LRS: the data are constant; there is no decay to fit"
