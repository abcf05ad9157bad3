"""Statistics of samples, variance components, C2C, D2D and resolvable states."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from labctl.analysis.resampling import bootstrap
from labctl.analysis.states import resolvable_states, states_over_range
from labctl.analysis.statistics import (
    draw_histogram,
    draw_probability,
    probability,
    proportion,
    summarise,
)
from labctl.analysis.variation import variance_components, variations
from labctl.errors import BadInput
from labctl.results import Value

Array = NDArray[np.float64]


def inside(value: Value, truth: float) -> bool:
    assert value.low is not None
    assert value.high is not None
    return value.low <= truth <= value.high


class TestProportion:
    @pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (9, 10), (37, 81), (999, 1000)])
    def test_intervals_are_those_of_the_books(self, k: int, n: int) -> None:
        found = proportion(k, n)
        for kind, ends in (("exact", found.exact), ("wilson", found.wilson)):
            expected = stats.binomtest(k, n).proportion_ci(0.95, kind)
            assert ends == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert found.metric.definition == "yield-share"
        assert found.metric.value == k / n
        assert found.metric.sigma

    @pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 3), (4, 3)])
    def test_what_is_no_share_is_refused(self, k: int, n: int) -> None:
        with pytest.raises(BadInput, match="give 0 to n of n"):
            proportion(k, n)


class TestSummary:
    def test_plain_intervals_are_those_of_student_and_chi2(self) -> None:
        x = np.random.default_rng(1).normal(5, 2, 23)
        found = summarise(x, "V")
        expected = stats.t.interval(0.95, 22, np.mean(x), stats.sem(x))
        assert (found.mean.low, found.mean.high) == pytest.approx(expected)
        s = np.std(x, ddof=1)
        ends = s * np.sqrt(22 / stats.chi2.ppf([0.975, 0.025], 22))
        assert (found.deviation.low, found.deviation.high) == pytest.approx(tuple(ends))
        assert found.mean.unit == found.scale.unit == "V"

    def test_half_of_the_sample_may_be_wrong(self) -> None:
        rng = np.random.default_rng(2)
        good = rng.normal(1.0, 0.1, 400)
        found = summarise(np.concatenate((good, np.full(150, 1e6))))
        assert found.median.value == pytest.approx(1.0, abs=0.15)
        assert found.scale.value < 0.4
        assert found.deviation.value > 1e5
        assert summarise(good).scale.value == pytest.approx(0.1, rel=0.15)

    @pytest.mark.parametrize("n", [6, 9, 30, 1500])
    def test_the_median_is_between_order_statistics(self, n: int) -> None:
        found = summarise(np.arange(n)).median
        assert found.low is not None
        assert found.high is not None
        below = int(found.low)
        assert found.high == n - 1 - below
        # the median lies outside when more than n - below - 1 of n fair coins fall alike
        assert 2 * stats.binom.cdf(below, n, 0.5) <= 0.05
        assert 2 * stats.binom.cdf(below + 1, n, 0.5) > 0.05

    def test_few_values_leave_intervals_open(self) -> None:
        one = summarise([3.0])
        assert one.mean == Value(3.0)
        assert one.median.low is None
        five = summarise([1.0, 2.0, 3.0, 4.0, 5.0])
        assert five.median.low is None  # even the extremes hold it only 94 times in 100
        assert five.scale.low is None
        left = summarise([1.0, np.nan, 2.0, np.inf, 1.5])
        assert left.count == 3
        assert left.note == "left out of 5: 2 not finite"

    def test_nothing_finite_is_refused(self) -> None:
        with pytest.raises(BadInput, match="none of 2 values is finite"):
            summarise([np.nan, np.inf])

    @given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=12))
    @settings(max_examples=25)
    def test_any_sample(self, x: list[float]) -> None:
        found = summarise(x)
        assert found.count == len(x)
        assert min(x) <= found.median.value <= max(x)


class TestBootstrap:
    def test_covers_where_there_is_no_formula(self) -> None:
        rng = np.random.default_rng(3)
        truth = stats.lognorm.std(0.5) / stats.lognorm.mean(0.5)
        held, plain = [], []
        for _ in range(60):
            x = stats.lognorm.rvs(0.5, size=60, random_state=rng)
            found = bootstrap(x, lambda s: float(np.std(s) / np.mean(s)), draws=300)
            held.append(inside(found, truth))
            plain.append(found.value)
        assert np.mean(held) > 0.8  # BCa is good to order 1/n; 60 draws
        assert np.std(plain) == pytest.approx(found.sigma, rel=0.6)

    def test_the_same_data_and_seed_give_the_same_interval(self) -> None:
        x = np.random.default_rng(4).normal(size=20)
        assert bootstrap(x, np.median, seed=5) == bootstrap(x, np.median, seed=5)
        assert bootstrap(x, np.median, seed=5) != bootstrap(x, np.median, seed=6)

    def test_groups_are_drawn_whole(self) -> None:
        rng = np.random.default_rng(6)
        device = np.repeat(np.arange(12), 30)
        x = rng.normal(0, 1, 12)[device] + rng.normal(0, 0.01, 360)
        naive = bootstrap(x, np.mean, draws=500)
        whole = bootstrap(x, np.mean, groups=device, draws=500)
        assert whole.sigma is not None
        assert naive.sigma is not None
        assert whole.sigma > 3 * naive.sigma

    def test_too_little_gives_no_interval(self) -> None:
        assert bootstrap([1.0, 2.0, 3.0], np.mean) == Value(2.0)
        assert bootstrap(np.ones(30), np.mean) == Value(1.0)
        assert bootstrap(np.arange(30), np.mean, groups=np.zeros(30)).low is None
        with pytest.raises(BadInput, match="empty sample"):
            bootstrap([], np.mean)
        with pytest.raises(BadInput, match="2 group labels for 3"):
            bootstrap([1, 2, 3], np.mean, groups=[1, 2])


class TestCoordinates:
    def test_a_normal_sample_is_a_line_through_its_mean(self) -> None:
        x = np.random.default_rng(7).normal(10, 2, 2000)
        found = probability(x)
        slope, at = np.polynomial.polynomial.polyfit(found.z, found.x, 1)[::-1]
        assert slope == pytest.approx(2, rel=0.05)
        assert at == pytest.approx(10, abs=0.2)
        panel = draw_probability(found, "conductance", "S")
        assert panel.traces[0].x == found.x

    def test_log_normal_coordinates_take_logarithms_and_say_what_is_left_out(self) -> None:
        found = probability([1.0, math.e, -1.0, 0.0], "lognormal")
        assert found.x == pytest.approx((0.0, 1.0))
        assert found.note == "2 not positive left out"
        assert draw_probability(found, "time", "s").x_log

    def test_what_is_not_offered_is_refused(self) -> None:
        with pytest.raises(BadInput, match="allowed are normal and lognormal"):
            probability([1.0], "cauchy")
        with pytest.raises(BadInput, match="need positive values"):
            probability([-1.0], "lognormal")

    def test_a_histogram_counts_every_value_once(self) -> None:
        x = np.random.default_rng(8).normal(size=777)
        trace = draw_histogram(x, "step", "V").traces[0]
        corners, heights = np.array(trace.x), np.array(trace.y)
        edges, counts = corners[1:-1:2], heights[1:-1:2]
        assert counts.sum() == 777
        assert len(edges) > 10
        assert draw_histogram([1.0, 1.0], "step", "V").traces[0].y[1] == 2


def one_way(rng: np.random.Generator, balanced: bool) -> tuple[Array, Array, float, float]:
    devices = int(rng.integers(4, 25))
    cycles = np.full(devices, rng.integers(2, 15)) if balanced else rng.integers(2, 15, devices)
    between, within = 10 ** rng.uniform(-0.7, 0.7, 2)
    device = np.repeat(np.arange(devices), cycles)
    x = 3 + rng.normal(0, between, devices)[device] + rng.normal(0, within, len(device))
    return x, device, between, within


def curves(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, float, float]:
    """Return update curves whose deviations are correlated along the curve, over a fixed range."""
    devices, cycles = int(rng.integers(3, 12)), int(rng.integers(3, 10))
    pulses = int(rng.integers(5, 60))
    reach = 10 ** rng.uniform(-1, 1) * pulses
    covariance = np.exp(-np.abs(np.subtract.outer(range(pulses), range(pulses))) / reach)
    root = np.linalg.cholesky(covariance).T
    within, between = 10 ** rng.uniform(-3, -2, 2)
    mean = np.linspace(1, 2, pulses)
    g = mean + between * rng.normal(size=(devices, 1, pulses)) @ root
    g = g + within * rng.normal(size=(devices, cycles, pulses)) @ root
    at = np.meshgrid(range(devices), range(cycles), range(pulses), indexing="ij")
    return 1e-4 * g, at[2], at[1], at[0], within, between


def variance_coverage(draws: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    held: dict[str, list[bool]] = {}
    for _ in range(draws):
        for balanced in (True, False):
            x, device, between, within = one_way(rng, balanced)
            found = variance_components(x, device)
            name = "balanced" if balanced else "unbalanced"
            held.setdefault(f"within {name}", []).append(inside(found.within.value, within))
            held.setdefault(f"between {name}", []).append(inside(found.between.value, between))
        g, pulse, cycle, device, within, between = curves(rng)
        estimates = variations(g, pulse, np.full(g.size, "p"), cycle, device)["p"].estimates
        c2c, d2d = (estimates[f"{kind}-level-over-range"].value for kind in ("c2c", "d2d"))
        held.setdefault("c2c", []).append(inside(c2c, within))
        held.setdefault("d2d", []).append(inside(d2d, between))
    return {name: float(np.mean(entries)) for name, entries in held.items()}


class TestComponents:
    def test_recover_random_truths_as_often_as_they_say(self) -> None:
        held = variance_coverage(200, 1)
        # 200 draws of 95 %: three and a half standard deviations are 0.054
        assert all(share >= 0.896 for share in held.values()), held

    @pytest.mark.long
    @pytest.mark.timeout(1800)
    def test_coverage(self) -> None:
        held = variance_coverage(1000, 5)
        assert all(0.93 <= share <= 0.97 for share in held.values()), held

    def test_point_estimates_are_those_of_the_analysis_of_variance(self) -> None:
        x = np.array([1.0, 1.2, 0.9, 2.0, 2.3, 2.1, 3.2, 2.9, 3.1])
        device = np.repeat(["a", "b", "c"], 3)
        found = variance_components(x, device, "S")
        f = stats.f_oneway(x[:3], x[3:6], x[6:]).statistic
        within = found.within.value.value
        assert found.between.value.value**2 == pytest.approx((f - 1) * within**2 / 3)
        assert found.devices == 3
        assert found.between.value.unit == "S"
        assert found.between.metric.definition == "variance-component-between"

    def test_devices_that_do_not_differ_have_an_upper_bound(self) -> None:
        rng = np.random.default_rng(9)
        x = rng.normal(0, 1, 60)
        found = variance_components(x - 0.01 * np.repeat([0, 1], 30), np.tile(np.arange(10), 6))
        if found.between.value.low == 0:
            assert found.between.metric.bound
            assert found.between.metric.sigma is None
            assert "upper bound" in found.between.note

    @pytest.mark.parametrize(
        ("x", "device", "says"),
        [
            ([1.0, 2.0], [1], "1 device labels for 2 values"),
            ([1.0, 2.0, 3.0], [1, 1, 1], "at least two devices"),
            ([1.0, 2.0, 3.0], [1, 2, 3], "one of them with two cycles"),
            ([1.0, np.nan, 3.0], [1, 1, 2], "one of them with two cycles"),
        ],
    )
    def test_too_little_is_refused(self, x: list[float], device: list[int], says: str) -> None:
        with pytest.raises(BadInput, match=says):
            variance_components(x, device)

    @given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 3)), max_size=20))
    def test_any_values(self, rows: list[tuple[float, int]]) -> None:
        groups = {k: [x for x, j in rows if j == k] for _, k in rows}
        possible = len(groups) > 1 and len(rows) > len(groups)
        if not possible:
            with pytest.raises(BadInput):
                variance_components([x for x, _ in rows], [k for _, k in rows])
            return
        found = variance_components([x for x, _ in rows], [k for _, k in rows])
        assert found.between.value.value >= 0
        assert (found.between.value.low or 0) <= found.between.value.value


class TestVariations:
    def table(self, up: float, down: float) -> tuple[Array, Array, Array, Array]:
        rng = np.random.default_rng(10)
        rows = []
        for cycle in range(40):
            for branch, sigma in (("potentiation", up), ("depression", down)):
                for pulse in range(21):
                    mean = 1 + pulse / 20 if branch == "potentiation" else 2 - pulse / 20
                    rows.append((mean + rng.normal(0, sigma), pulse, branch, cycle))
        g, pulse, branch, cycle = zip(*rows, strict=True)
        return np.array(g), np.array(pulse), np.array(branch), np.array(cycle)

    def test_branches_are_never_mixed(self) -> None:
        g, pulse, branch, cycle = self.table(0.01, 0.05)
        found = variations(g, pulse, branch, cycle)
        for name, sigma in (("potentiation", 0.01), ("depression", 0.05)):
            estimate = found[name].estimates["c2c-level-over-range"]
            assert estimate.value.value == pytest.approx(sigma, rel=0.1)
            assert inside(estimate.value, sigma)
            assert found[name].cycles == 40
            assert "d2d-level-over-range" not in found[name].estimates

    def test_every_definition_has_its_own_size(self) -> None:
        g, pulse, branch, cycle = self.table(0.02, 0.02)
        found = variations(g, pulse, branch, cycle)["potentiation"].estimates
        mean = 1 + np.arange(21) / 20
        step = np.sqrt(2) * 0.02  # the noise of two readings
        expected = {
            "c2c-level-over-range": 0.02,
            "c2c-level-over-mean": 0.02 * np.sqrt(np.mean(mean**-2.0)),
            "c2c-step-over-mean": step / 0.05,
            "c2c-step-over-range": step,
        }
        assert set(found) == set(expected)
        for name, number in expected.items():
            assert found[name].value.value == pytest.approx(number, rel=0.06)
            assert found[name].metric.definition == name

    def test_incomplete_cycles_are_left_out_and_counted(self) -> None:
        g, pulse, branch, cycle = self.table(0.02, 0.02)
        g[(cycle == 3) & (pulse == 7)] = np.nan
        keep = ~((cycle == 5) & (branch == "depression") & (pulse > 10))
        found = variations(g[keep], pulse[keep], branch[keep], cycle[keep])
        assert found["potentiation"].cycles == 39
        assert found["depression"].cycles == 38
        assert found["depression"].note == "2 incomplete cycles left out"

    def test_shifts_of_whole_curves_have_few_degrees_of_freedom(self) -> None:
        rng = np.random.default_rng(11)
        shift = rng.normal(0, 0.1, (12, 1)) + np.linspace(1, 2, 50)
        free = rng.normal(0, 0.1, (12, 50)) + np.linspace(1, 2, 50)
        cycle, pulse = np.meshgrid(range(12), range(50), indexing="ij")
        dof = [
            variations(g, pulse, np.full(600, "p"), cycle)["p"]
            .estimates["c2c-level-over-range"]
            .dof
            for g in (shift, free)
        ]
        assert dof[0] == pytest.approx(11, rel=0.05)
        assert 100 < dof[1] < 600

    def test_one_cycle_or_ragged_columns_are_refused(self) -> None:
        with pytest.raises(BadInput, match="no device with two complete cycles"):
            variations([1.0, 2.0], [0, 1], ["p", "p"], [0, 0])
        with pytest.raises(BadInput, match="their numbers must be equal"):
            variations([1.0, 2.0], [0, 1], ["p"], [0, 0])


class TestStates:
    def reads(self, sigma: float, n: int = 400) -> tuple[Array, Array]:
        rng = np.random.default_rng(12)
        level = np.repeat(np.arange(11), n)
        return level + rng.normal(0, sigma, len(level)), level

    @pytest.mark.parametrize(("sigma", "count"), [(0.05, 11), (0.14, 11), (0.22, 6), (0.6, 3)])
    def test_bands_that_do_not_overlap_are_counted(self, sigma: float, count: int) -> None:
        found = resolvable_states(*self.reads(sigma), k=3)[""]
        assert found.count == count
        assert found.low <= count <= found.high
        gaps = np.diff(found.levels)
        assert len(found.levels) == count
        assert np.all(gaps > 5.5 * sigma)
        assert found.metric.definition == "states-non-overlap-k-sigma"

    def test_a_read_error_is_a_k(self) -> None:
        g, level = self.reads(0.14)
        found = resolvable_states(g, level, error=stats.norm.sf(3))[""]
        assert found.k == pytest.approx(3)
        assert found.count == resolvable_states(g, level, k=3)[""].count
        assert found.definition == "states-at-read-error"
        # with the threshold where the bands meet, no read error is larger
        sigma, gap = 0.14, 1.0
        assert stats.norm.sf(gap / 2 / sigma) < stats.norm.sf(3)

    def test_leaving_out_one_level_may_keep_two(self) -> None:
        rng = np.random.default_rng(13)
        g = np.concatenate(
            [m + s * rng.normal(size=500) for m, s in ((0, 0.1), (1, 0.6), (2, 0.1))]
        )
        found = resolvable_states(g, np.repeat([0, 1, 2], 500), k=2)[""]
        assert found.count == 2
        assert found.levels == pytest.approx((0, 2), abs=0.05)

    def test_branches_are_counted_apart(self) -> None:
        g, level = self.reads(0.05)
        h, _ = self.reads(0.6)
        found = resolvable_states(
            np.concatenate((g, h)), np.tile(level, 2), np.repeat(["up", "down"], len(g)), k=3
        )
        assert (found["up"].count, found["down"].count) == (11, 3)

    def test_single_reads_and_gaps_are_said(self) -> None:
        found = resolvable_states([1, 1.1, 2, np.nan, 3, 3.1], [0, 0, 1, 1, 2, 2], k=1)[""]
        assert (
            found.note
            == "1 levels with fewer than two reads left out; 1 values not finite left out"
        )
        assert "does not resolve" in resolvable_states([1, 1, 2, 2], [0, 0, 1, 1], k=1)[""].note

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({}, "k in standard deviations, or read error"),
            ({"k": 1, "error": 0.1}, "k in standard deviations, or read error"),
            ({"k": -1}, "must be positive"),
            ({"k": math.nan}, "must be positive"),
            ({"error": 0.5}, "between 0 and 0.5"),
            ({"error": math.nan}, "between 0 and 0.5"),
        ],
    )
    def test_the_definition_has_to_be_stated(self, given: dict[str, float], says: str) -> None:
        with pytest.raises(BadInput, match=says):
            resolvable_states([1, 2], [0, 0], **given)  # type: ignore[arg-type]

    def test_data_without_repeats_are_refused(self) -> None:
        with pytest.raises(BadInput, match="was read twice"):
            resolvable_states([1, 2, 3], [0, 1, 2], k=1)
        with pytest.raises(BadInput, match="their numbers must be equal"):
            resolvable_states([1, 2, 3], [0, 1], k=1)

    def test_states_over_range(self) -> None:
        rng = np.random.default_rng(14)
        g = np.cumsum(np.full((50, 41), 1.0), axis=1) + rng.normal(0, 0.1, (50, 41))
        found = states_over_range(g)
        assert found.value == pytest.approx(40 / (1 + 2 * 0.1 * np.sqrt(2)), rel=0.03)
        with pytest.raises(BadInput, match="does not change"):
            states_over_range(np.ones(5))
        with pytest.raises(BadInput, match="all of them finite"):
            states_over_range([1, np.nan, 2])
