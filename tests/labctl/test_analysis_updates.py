"""Updates of weights: NeuroSim's label, the laws, and figures over both branches."""

import numpy as np
import pytest

from labctl.analysis.competition import Axes
from labctl.analysis.update_curves import UPDATES, neurosim_a, neurosim_label, update_curve
from labctl.analysis.updates import (
    DEFINITIONS_UPDATES,
    branches,
    compete_updates,
    draw_updates,
    fit_updates,
    update_metrics,
)
from labctl.errors import BadInput

N = np.tile(np.arange(51.0), 2)
SIDE = np.repeat([1.0, -1.0], 51)
TRUTH = {
    "linear": (1e-5, 1e-4),
    "neurosim": (1e-5, 1e-4, 2.0, -1.0),
    "alpha": (1e-5, 1e-4, 2.5, -1.0),
    "exponential_step": (1e-5, 1e-4, 2.0, 4.0),
    "soft_bounds": (1.2e-4, 0.05, 1e-5, 5e-6, 0.04, 1e-4),
}
# label and A/N as in the table of MLP+NeuroSim V3.0 and of DNN+NeuroSim V2.1
TABLE = {
    0.01: 126.268958, 0.02: 63.134314, 0.05: 25.253264, 0.10: 12.625807, 0.24: 5.258571,
    0.50: 2.519877, 1.00: 1.251653, 1.50: 0.825164, 5.00: 0.192406, 9.00: 0.022810,
}  # fmt: skip


def data(law: str, seed: int = 1, noise: float = 1e-6):
    rng = np.random.default_rng(seed)
    g = update_curve(law, N, SIDE, [1e-5, 1e-4]).shape(np.array([N, SIDE]), *TRUTH[law])
    g = g + noise * rng.normal(size=102)
    return branches(g[:51], g[51:], (np.full(51, noise), np.full(51, noise)))


class TestLabel:
    @pytest.mark.parametrize("label", TABLE)
    def test_the_formula_is_the_table_that_neurosim_distributes(self, label: float) -> None:
        assert neurosim_a(label) == pytest.approx(TABLE[label], abs=2e-6 * max(1, TABLE[label]))
        assert neurosim_label(1 / TABLE[label]) == pytest.approx(label, abs=1e-3)

    def test_there_and_back(self) -> None:
        for label in (-7.3, -0.5, 1e-4, 3.0, 9.5):
            assert neurosim_label(1 / neurosim_a(label)) == pytest.approx(label, rel=1e-9)
        assert neurosim_label(0.0) == 0.0
        assert neurosim_label(1e-4) == pytest.approx(neurosim_label(1.0001e-4), rel=1e-3)
        assert neurosim_a(0) == np.inf
        with pytest.raises(BadInput, match="below 10"):
            neurosim_a(11)


class TestLaws:
    @pytest.mark.parametrize("law", [law for law in TRUTH if law != "soft_bounds"])
    def test_the_law_is_found_again(self, law: str) -> None:
        found = compete_updates(data(law))
        assert found.weights[law] > 0.05
        for value, truth in zip(found.fits[law].values.values(), TRUTH[law], strict=False):
            assert value.sigma is not None
            assert abs(value.value - truth) < 4 * value.sigma

    def test_linear_step_is_soft_bounds_in_other_words(self) -> None:
        one, other = (
            fit_updates(data("soft_bounds"), law) for law in ("soft_bounds", "linear_step")
        )
        assert one.aicc == pytest.approx(other.aicc)
        eta = other.step_ltp.value * other.gamma_ltp.value / other.fixed["H"]
        assert eta == pytest.approx(one.eta_ltp.value, rel=1e-4)
        bound = other.fixed["Gc"] + other.fixed["H"] / other.gamma_ltp.value
        assert bound == pytest.approx(one.bound_ltp.value, rel=1e-4)
        bound = other.fixed["Gc"] - other.fixed["H"] / other.gamma_ltd.value
        assert bound == pytest.approx(one.bound_ltd.value, rel=1e-3)

    def test_linear_step_is_its_recurrence(self) -> None:
        curve = update_curve("linear_step", N, SIDE, [1e-5, 1e-4])
        g = curve.shape(np.array([N, SIDE]), 2e-6, 0.4, 1e-5, 3e-6, 0.3, 1e-4)
        middle, half = 5.5e-5, 4.5e-5
        for n in range(10):
            z = (g[n] - middle) / half
            assert g[n + 1] - g[n] == pytest.approx(2e-6 * (1 - 0.4 * z))
            z = (g[51 + n] - middle) / half
            assert g[52 + n] - g[51 + n] == pytest.approx(-3e-6 * (1 + 0.3 * z))

    def test_every_law_joins_its_straight_limit_smoothly(self) -> None:
        at = np.array([N, SIDE])
        for law, straight in (("neurosim", 0.0), ("exponential_step", 0.0), ("alpha", 1.0)):
            curve = update_curve(law, N, SIDE, [1e-5, 1e-4])
            line = update_curve("linear", N, SIDE, [1e-5, 1e-4]).shape(at, 1e-5, 1e-4)
            here = curve.shape(at, 1e-5, 1e-4, straight, straight)
            near = curve.shape(at, 1e-5, 1e-4, straight + 1e-5, straight + 1e-5)
            assert here == pytest.approx(line, rel=1e-9)
            assert near == pytest.approx(line, rel=1e-4)

    def test_the_bend_of_a_linear_device_is_closed_around_zero(self) -> None:
        fit = fit_updates(data("linear"), "neurosim")
        assert fit.identifiable
        assert fit.label_ltp.low < 0 < fit.label_ltp.high

    def test_soft_bounds_of_a_linear_device_are_open(self) -> None:
        fit = fit_updates(data("linear", seed=5), "soft_bounds")
        assert not fit.identifiable
        assert fit.bound_ltp.sigma is None


class TestFigures:
    def test_the_figures_of_a_known_device(self) -> None:
        made = data("neurosim", noise=1e-9)
        found = update_metrics(made, fit_updates(made))
        assert found["label_ltp"].value == pytest.approx(neurosim_label(2.0), abs=1e-3)
        assert found["label_ltd"].value == pytest.approx(neurosim_label(-1.0), abs=1e-3)
        assert found["dynamic_range"].value == pytest.approx(10, rel=1e-3)
        assert {m.definition for m in found.values()} <= {d.id for d in DEFINITIONS_UPDATES}

    def test_depression_that_retraces_potentiation_is_symmetric(self) -> None:
        up = 1e-5 + 9e-5 * np.linspace(0, 1, 31) ** 0.5
        made = branches(up, up[::-1])
        assert update_metrics(made, fit_updates(made))["asymmetry"].value == pytest.approx(
            0, abs=1e-12
        )
        other = branches(up, (1.1e-4 - up))
        assert update_metrics(other, fit_updates(other))["asymmetry"].value > 0.1

    def test_the_range_comes_from_both_branches(self) -> None:
        """Depression that goes lower than potentiation began."""
        n = np.arange(41.0)
        up, down = 3e-5 + 1.7e-6 * n, 1e-4 - 2.2e-6 * n
        assert np.min(down) < np.min(up)
        found = fit_updates(branches(up, down), "linear")
        assert found.Gmin.value < np.min(up)

    def test_one_branch_alone(self) -> None:
        half = data("neurosim")
        fit = fit_updates(branches(half.side(1)[1]))
        assert set(fit.values) == {"Gmin", "Gmax", "k_ltp", "label_ltp"}
        found = update_metrics(branches(half.side(1)[1]), fit)
        assert "asymmetry" not in found
        assert "deviation_ltd" not in found

    def test_the_panel_has_both_branches_and_every_law(self) -> None:
        made = data("neurosim")
        fits = {law: fit_updates(made, law) for law in ("neurosim", "linear")}
        panel = draw_updates(made, fits, Axes("updates", "conductance", "S", "pulses", "1", False))
        assert [t.branch for t in panel.traces] == ["potentiation"] * 3 + ["depression"] * 3
        assert panel.traces[3].x[0] == 50


class TestBadData:
    def test_it_is_said(self) -> None:
        with pytest.raises(BadInput, match="allowed are linear, neurosim"):
            fit_updates(data("linear"), "quadratic")
        with pytest.raises(BadInput, match="their numbers must be equal"):
            branches([1, 2], [1], pulses=([0, 1, 2], [0]))
        assert "the data are constant" in fit_updates(branches(np.ones(9), np.ones(9))).note
        assert "no reading after a pulse" in fit_updates(branches([1.0], [1.0])).note
        negative = branches([1, 2, 3], [], pulses=([-1, 0, 1], []))
        assert "negative numbers of pulses" in fit_updates(negative).note
        assert fit_updates(branches([1, 2, 3, np.nan, 5, 6])).points == 5
        assert "no conductance is positive" in fit_updates(branches(-np.arange(9.0)), "alpha").note

    def test_every_law_has_a_curve(self) -> None:
        for law in UPDATES:
            assert update_curve(law, N, SIDE, [1e-5, 1e-4]).names
