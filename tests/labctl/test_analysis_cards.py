"""Device cards: the parameters of a simulated device come back, in the simulators' own forms."""

import ast
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis.card_set import device_cards
from labctl.analysis.cards import (
    Card,
    Scatter,
    Writing,
    exponential_step_card,
    linear_step_card,
    neurosim_card,
    soft_bounds_card,
)
from labctl.analysis.exponential_step import fit_exponential_step
from labctl.analysis.lookup import crosssim_card, steps_of
from labctl.analysis.updates import branches, fit_updates
from labctl.errors import BadInput
from labctl.results import Fit

Array = NDArray[np.float64]
Table = tuple[Array, NDArray[np.int64], NDArray[np.str_], NDArray[np.int64]]


def simulate(up: object, down: object, noise: float, cycles: int = 8, pulses: int = 50) -> Table:
    """Return conductances 50 uS + 40 uS w of a device whose steps are up(w) and -down(w)."""
    rng = np.random.default_rng(1)
    rows, w = [], -0.9
    for cycle in range(cycles):
        for name, step in (("potentiation", up), ("depression", down)):
            for pulse in range(pulses + 1):
                rows.append((50e-6 + 40e-6 * w, pulse, name, cycle))
                if pulse < pulses:
                    sign = 1 if name == "potentiation" else -1
                    w += sign * (step(w) + noise * rng.normal())  # type: ignore[operator]
    g, pulse, branch, cycle = zip(*rows, strict=True)
    return np.array(g), np.array(pulse), np.array(branch), np.array(cycle)


SOFT = simulate(lambda w: 0.06 * (1 - w / 1.3), lambda w: 0.04 * (1 + w / 1.2), 0.003)


def parameters(card: Card) -> dict[str, float]:
    """Return the arguments of the call in the text of a preset, read without running it."""
    call = ast.parse(card.text).body[1].value  # type: ignore[attr-defined]
    assert call.func.id == card.model
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


def both(table: Table, law: str) -> Fit:
    g, pulse, branch, _ = table
    up, down = branch == "potentiation", branch == "depression"
    return fit_updates(branches(g[up], g[down], pulses=(pulse[up], pulse[down])), law)


def step(p: dict[str, float], w: float, sign: int) -> float:
    """Return the step of AIHWKit's linear-step device, as its compiled code computes it."""
    beta = p["up_down"]
    if sign > 0:
        scale = p["dw_min"] * (1 + min(beta, 0))
        return scale * (1 - p.get("gamma_up", 1.0) * w / p["w_max"])
    scale = p["dw_min"] * (1 - max(beta, 0))
    return scale * (1 - p.get("gamma_down", 1.0) * w / p["w_min"])


class TestAihwkit:
    @pytest.mark.parametrize("make", [linear_step_card, soft_bounds_card])
    def test_the_preset_makes_the_steps_that_the_device_made(self, make: object) -> None:
        fit = both(SOFT, "linear_step")
        card = make(fit, Scatter(0.0015))  # type: ignore[operator]
        p = parameters(card)
        low, high = fit.fixed["Gc"] - fit.fixed["H"], fit.fixed["Gc"] + fit.fixed["H"]
        for g in np.linspace(25e-6, 75e-6, 5):
            w = (g - 50e-6) / 40e-6
            inside = 2 * (g - low) / (high - low) - 1
            scale = 40e-6 / fit.fixed["H"]
            assert step(p, inside, 1) == pytest.approx(scale * 0.06 * (1 - w / 1.3), rel=0.04)
            assert step(p, inside, -1) == pytest.approx(scale * 0.04 * (1 + w / 1.2), rel=0.04)
        assert p["dw_min_std"] * p["dw_min"] / 2 == pytest.approx(0.0015)
        assert p["mult_noise"] is False
        assert card.content["conductances"]["weight_plus_one"] == pytest.approx(high)

    def test_either_direction_may_be_the_larger(self) -> None:
        table = simulate(lambda w: 0.03 * (1 - w / 1.3), lambda w: 0.05 * (1 + w / 1.2), 0.001)
        later = table[3] >= 4  # the first cycles drift to where up and down balance
        fit = both(tuple(part[later] for part in table), "linear_step")  # type: ignore[arg-type]
        p = parameters(linear_step_card(fit))
        assert p["up_down"] < 0
        w = (fit.fixed["Gc"] - 50e-6) / 40e-6  # the middle of the range is the card's zero
        expected = 0.03 * (1 - w / 1.3) / (0.05 * (1 + w / 1.2))
        assert step(p, 0, 1) / step(p, 0, -1) == pytest.approx(expected, rel=0.06)

    def test_an_exponential_step_comes_back(self) -> None:
        table = simulate(
            lambda w: 0.02 * (1 - np.exp(5 * (w - 0.95))),
            lambda w: 0.015 * (1 - np.exp(3 * (-w - 0.97))),
            0.0005, pulses=150, cycles=3,
        )  # fmt: skip
        g, pulse, branch, _ = table
        up, w = branch == "potentiation", (g - 50e-6) / 40e-6
        fits = [
            fit_exponential_step(pulse[here], w[here], branch=sign)
            for here, sign in ((up, 1), (~up, -1))
        ]
        p = parameters(exponential_step_card(*fits))
        for at in np.linspace(-0.7, 0.7, 5):
            z = 2 * at / (p["w_max"] - p["w_min"]) * p["a"] + p["b"]
            rise = 1 - p["A_up"] * np.exp(p["gamma_up"] * z)
            fall = 1 - p["A_down"] * np.exp(-p["gamma_down"] * z)
            assert p["dw_min"] * rise == pytest.approx(
                0.02 * (1 - np.exp(5 * (at - 0.95))), rel=0.1
            )
            expected = 0.015 * (1 - np.exp(3 * (-at - 0.97)))
            assert p["dw_min"] * (1 - p["up_down"]) * fall == pytest.approx(expected, rel=0.1)

    def test_many_pulses_take_the_smooth_solution(self) -> None:
        n = np.arange(0, 4001, 100)
        far = 4.0 * (0.9 + 0.9)
        w = 0.9 - np.log1p(np.expm1(far) * np.exp(-4.0 * 1e-3 * n)) / 4.0
        fit = fit_exponential_step(n, w + 1e-3 * np.random.default_rng(2).normal(size=len(n)))
        assert fit.step.value == pytest.approx(1e-3, rel=0.02)
        assert fit.gamma.value == pytest.approx(4.0, rel=0.1)

    def test_a_straight_device_has_no_soft_bounds_and_no_exponential_step(self) -> None:
        table = simulate(lambda w: 0.03, lambda w: 0.03, 0.002, pulses=50)
        found = device_cards(*table)
        assert {"soft_bounds", "exponential_step"} >= set(found.missing)
        assert "linear_step" in found.cards


class TestNeurosim:
    def test_the_card_is_the_fit(self) -> None:
        fit = both(SOFT, "neurosim")
        card = neurosim_card(fit, Writing(1.0, -1.2, 1e-4, 2e-4, 0.1), Scatter(0.004))
        lines = dict(line.rstrip(";").split(" = ") for line in card.text.splitlines())
        assert float(lines["maxConductance"]) == pytest.approx(fit.Gmax.value, rel=1e-8)
        assert lines["maxNumLevelLTP"] == lines["maxNumLevelLTD"] == "50"
        assert float(lines["NL_LTP"]) == pytest.approx(fit.label_ltp.value, rel=1e-8)
        assert float(lines["NL_LTD"]) == pytest.approx(-fit.label_ltd.value, rel=1e-8)
        assert lines["sigmaCtoC"] == "0.004 * (maxConductance - minConductance)"
        assert float(lines["writeVoltageLTD"]) == 1.2
        assert json.loads(card.json())["sigmaCtoC"] == 0.004
        assert card.notes == ("D2D was not measured and is zero on the card",)

    def test_a_fit_of_another_law_or_one_branch_is_refused(self) -> None:
        with pytest.raises(BadInput, match='needs a fit of the law "neurosim"'):
            neurosim_card(both(SOFT, "linear_step"))
        g, pulse, branch, _ = SOFT
        up = branch == "potentiation"
        single = fit_updates(branches(g[up], pulses=(pulse[up], pulse[:0])), "neurosim")
        with pytest.raises(BadInput, match="without label_ltd"):
            neurosim_card(single)


class TestCrosssim:
    def test_the_tables_hold_the_quantiles_of_the_steps(self) -> None:
        card = crosssim_card(*SOFT, bins=9, quantiles=11)
        at = np.array(card.content["G"])
        for name, sign in (("dG_increasing", 1), ("dG_decreasing", -1)):
            rows = np.array(card.content[name])
            assert rows.shape == (11, 9)
            assert np.all(np.diff(rows, axis=0) >= 0)
            w = (at - 50e-6) / 40e-6
            expected = 40e-6 * (0.06 * (1 - w / 1.3) if sign > 0 else -0.04 * (1 + w / 1.2))
            assert rows[5, 1:-1] == pytest.approx(expected[1:-1], rel=0.12, abs=1e-7)
            spread = (rows[8, 1:-1] - rows[2, 1:-1]) / (2 * 0.8416)
            assert np.median(spread) == pytest.approx(40e-6 * 0.003, rel=0.25)

    def test_a_file_is_a_header_conductances_quantiles_and_a_row_for_each(self) -> None:
        card = crosssim_card(*SOFT, bins=9, quantiles=11)
        files = card.content["files"]
        assert set(files) == {"dG_increasing.txt", "dG_decreasing.txt"}
        tables = {}
        for name, text in files.items():
            rows = [line.split(",") for line in text.splitlines()[1:]]
            assert [len(row) for row in rows] == [9, 11, *[9] * 11]
            tables[name] = [list(map(float, row)) for row in rows]
        up, down = tables.values()
        assert up[:2] == down[:2]
        assert up[1][0] == 0
        assert up[1][-1] == 1
        assert np.diff(up[0]) == pytest.approx(np.diff(up[0])[0], rel=1e-6)

    def test_steps_over_a_missing_reading_are_left_out(self) -> None:
        g, pulse, branch, cycle = SOFT
        hole = ~((pulse == 10) & (cycle == 2))
        values = g.copy()
        values[(pulse == 20) & (cycle == 3)] = np.nan
        found = steps_of(values[hole], pulse[hole], branch[hole], cycle[hole])
        assert len(found["potentiation"][0]) == 8 * 50 - 4

    def test_what_makes_no_table_is_refused(self) -> None:
        g, pulse, branch, cycle = SOFT
        with pytest.raises(BadInput, match="too few of depression"):
            crosssim_card(*(part[branch == "potentiation"] for part in SOFT))
        with pytest.raises(BadInput, match="give two or more"):
            crosssim_card(*SOFT, bins=1)
        with pytest.raises(BadInput, match="their numbers must be equal"):
            crosssim_card(g[1:], pulse, branch, cycle)
        apart = np.where(branch == "depression", g + 1, g)
        with pytest.raises(BadInput, match="do not overlap"):
            crosssim_card(apart, pulse, branch, cycle)


class TestSet:
    def test_all_that_the_data_allow_in_one_call(self) -> None:
        found = device_cards(*SOFT, writing=Writing(1, -1, 1e-4, 1e-4, 0.1))
        assert {"neurosim", "linear_step", "soft_bounds", "crosssim"} <= set(found.cards)
        assert set(found.cards) | set(found.missing) == {
            "neurosim", "linear_step", "soft_bounds", "exponential_step", "crosssim",
        }  # fmt: skip
        # the noise of a step, over the range that the branch covers
        sigma = found.cards["neurosim"].content["sigmaCtoC"]
        assert sigma == pytest.approx(0.003 / 2.0, rel=0.25)
        for card in found.cards.values():
            assert json.loads(card.json())["model"] == card.model

    def test_without_repeated_cycles_the_scatter_is_unknown_and_said(self) -> None:
        once = tuple(part[SOFT[3] == 0] for part in SOFT)
        card = device_cards(*once).cards["neurosim"]
        assert card.content["sigmaCtoC"] == 0
        assert "C2C was not measured and is zero on the card" in card.notes

    def test_devices_are_told_apart(self) -> None:
        twice = tuple(np.concatenate((part, part)) for part in SOFT)
        device = np.repeat(["a", "b"], len(SOFT[0]))
        found = device_cards(*twice, device)
        rows = np.array(found.cards["crosssim"].content["dG_increasing"])
        assert np.all(np.isfinite(rows))

    def test_bad_tables_are_refused(self) -> None:
        g, pulse, branch, cycle = SOFT
        with pytest.raises(BadInput, match="differ in number"):
            device_cards(g[1:], pulse, branch, cycle)
        with pytest.raises(BadInput, match="there is no depression"):
            device_cards(g, pulse, np.full(len(g), "potentiation"), cycle)
