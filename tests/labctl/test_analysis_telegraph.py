"""Random telegraph noise: levels, dwell times and their intervals, on random truths."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import expm

from labctl.analysis import markov
from labctl.analysis.dwell import dwell_interval, exponential_share, mean_dwells, runs
from labctl.analysis.telegraph import Telegraph, draw_telegraph, fit_telegraph
from labctl.errors import BadInput

Array = NDArray[np.float64]

PATHS = pytest.mark.parametrize("path", ["numba", "numpy"])


def chain(rng: np.random.Generator, n: int, rates: Array) -> NDArray[np.int64]:
    """Return the state at n sample times, unit distance, of a chain in continuous time."""
    state, now, edges, states = 0, 0.0, [0.0], [0]
    while now < n:
        leave = rates[state].copy()
        leave[state] = 0.0
        now += rng.exponential(1 / leave.sum())
        state = int(rng.choice(len(rates), p=leave / leave.sum()))
        edges.append(now)
        states.append(state)
    return np.array(states)[np.searchsorted(edges, np.arange(n), side="right") - 1]


def two(tau1: float, tau2: float) -> Array:
    return np.array([[-1 / tau1, 1 / tau1], [1 / tau2, -1 / tau2]])


def signal(rng: np.random.Generator, n: int, rates: Array, levels: Array, sigma: float) -> Array:
    return levels[chain(rng, n, rates)] + rng.normal(0, sigma, n)


def trial(rng: np.random.Generator) -> tuple[dict[str, float], Telegraph]:
    n = int(rng.integers(4000, 20000))
    tau = 10 ** rng.uniform(0.5, 2.3, 2)
    sigma = 1e-9 / rng.uniform(1.5, 6)
    x = signal(rng, n, two(*tau), np.array([0.0, 1e-9]), sigma)
    truth = {"level1": 0.0, "level2": 1e-9, "sigma": sigma,
             "dwell1": tau[0] * 1e-3, "dwell2": tau[1] * 1e-3}  # fmt: skip
    return truth, fit_telegraph(x, 1e-3, levels=2)


def coverage(draws: int, seed: int) -> tuple[dict[str, float], Array]:
    rng = np.random.default_rng(seed)
    held: dict[str, list[bool]] = {}
    shares = []
    for _ in range(draws):
        truth, found = trial(rng)
        for name, number in truth.items():
            value = found.fit.values[name]
            assert value.low is not None
            assert value.high is not None
            held.setdefault(name, []).append(bool(value.low <= number <= value.high))
        shares += [v.exponential for v in found.visits if v.exponential is not None]
    return {name: float(np.mean(entries)) for name, entries in held.items()}, np.array(shares)


class TestPasses:
    @PATHS
    @pytest.mark.parametrize("states", [1, 2, 3, 4])
    @pytest.mark.parametrize("samples", [1, 2, 3, 7])
    def test_agree_with_the_sum_over_every_path(
        self, path: str, states: int, samples: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        rng = np.random.default_rng(states * 10 + samples)
        b = rng.uniform(0.1, 1, (samples, states))
        p, start = rng.dirichlet(np.ones(states), states), rng.dirichlet(np.ones(states))
        ways = np.array(np.meshgrid(*[range(states)] * samples, indexing="ij"))
        ways = ways.reshape(samples, -1).T
        weight = start[ways[:, 0]] * np.prod(b[np.arange(samples), ways], axis=1)
        for k in range(samples - 1):
            weight = weight * p[ways[:, k], ways[:, k + 1]]
        total, share, moves = markov.passes(b, p, start)
        assert total == pytest.approx(np.log(weight.sum()))
        for k in range(samples):
            expected = [weight[ways[:, k] == s].sum() for s in range(states)] / weight.sum()
            assert share[k] == pytest.approx(expected)
        for i in range(states):
            for j in range(states):
                seen = np.sum((ways[:, :-1] == i) & (ways[:, 1:] == j), axis=1)
                assert moves[i, j] == pytest.approx((weight * seen).sum() / weight.sum())
        assert list(markov.decode(b, p, start)) == list(ways[np.argmax(weight)])

    @PATHS
    def test_a_long_record_does_not_underflow(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        b = np.full((20_000, 2), 1e-200)
        p = np.array([[0.9, 0.1], [0.2, 0.8]])
        total, share, moves = markov.passes(b, p, markov.stationary(p))
        assert total == pytest.approx(20_000 * np.log(1e-200))
        assert share[10_000] == pytest.approx([2 / 3, 1 / 3])
        assert moves.sum() == pytest.approx(19_999)


class TestFit:
    @PATHS
    def test_both_ways_of_computing_agree(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        rng = np.random.default_rng(1)
        x = signal(rng, 3000, two(30, 60), np.array([1e-9, 2e-9]), 2e-10)
        found = fit_telegraph(x, 1e-3)
        assert found.levels == 2
        assert found.fit.dwell1.value == pytest.approx(0.0305, rel=0.3)
        assert found.fit.level2.value == pytest.approx(1.9995e-9, rel=0.02)

    def test_recovers_random_truths_as_often_as_it_says(self) -> None:
        held, shares = coverage(30, 2)
        # 30 draws of 95 %: four standard deviations are 0.16
        assert all(share >= 0.79 for share in held.values()), held
        assert np.mean(shares < 0.05) < 0.17

    @pytest.mark.long
    @pytest.mark.timeout(1800)
    def test_coverage(self) -> None:
        held, shares = coverage(1000, 11)
        assert all(0.93 <= share <= 0.97 for share in held.values()), held
        assert np.mean(shares < 0.05) == pytest.approx(0.05, abs=0.02)

    @pytest.mark.parametrize("levels", [1, 2, 3, 4])
    def test_the_number_of_levels_is_found(self, levels: int) -> None:
        rng = np.random.default_rng(20 + levels)
        for _ in range(2):
            rates = rng.uniform(0.005, 0.02, (levels, levels))
            np.fill_diagonal(rates, 0)
            np.fill_diagonal(rates, -rates.sum(axis=1))
            places = np.cumsum(rng.uniform(1.0, 2.0, levels))
            x = places[0] + rng.normal(0, 0.25, 6000)
            if levels > 1:
                x = signal(rng, 6000, rates, places, 0.25)
            found = fit_telegraph(x, 1.0, unit="V")
            assert found.levels == levels
            for k, place in enumerate(places[:levels], 1):
                assert found.fit.values[f"level{k}"].value == pytest.approx(place, abs=0.06)
            if levels == 1:
                assert "no telegraph noise" in found.fit.note
                assert found.fit.level1.sigma == pytest.approx(0.25 / np.sqrt(6000), rel=0.1)

    def test_three_levels_have_true_dwell_times(self) -> None:
        rng = np.random.default_rng(30)
        rates = np.array([[-0.04, 0.03, 0.01], [0.02, -0.03, 0.01], [0.01, 0.02, -0.03]])
        x = signal(rng, 15_000, rates, np.array([0.0, 1.0, 2.0]), 0.3)
        found = fit_telegraph(x, 1.0, levels=3)
        for k in range(3):
            value = found.fit.values[f"dwell{k + 1}"]
            assert value.sigma is not None
            assert abs(value.value - 1 / -rates[k, k]) < 3.5 * value.sigma

    def test_what_was_measured_too_slowly_is_flagged(self) -> None:
        rng = np.random.default_rng(31)
        x = signal(rng, 8000, two(2.0, 40.0), np.array([0.0, 1.0]), 0.15)
        found = fit_telegraph(x, 1e-3, levels=2)
        assert found.visits[0].sampling_limited
        assert not found.visits[1].sampling_limited
        assert "limited by the sampling" in found.fit.note
        low, high = found.fit.dwell1.low, found.fit.dwell1.high
        assert low is not None
        assert high is not None
        assert low <= 2e-3 <= high
        naive = np.mean(runs(found.path)[1][runs(found.path)[0] == 0]) * 1e-3
        assert naive > high  # the visits seen are the long ones

    def test_a_level_left_once_has_no_dwell_time(self) -> None:
        rng = np.random.default_rng(32)
        x = np.where(np.arange(2000) < 1000, 0.0, 1.0) + rng.normal(0, 0.1, 2000)
        found = fit_telegraph(x, 1e-3, levels=2)
        assert not found.fit.identifiable
        assert found.fit.dwell2.high is None
        assert "measure longer" in found.fit.note

    def test_dwell_times_of_two_rates_are_not_called_exponential(self) -> None:
        rng = np.random.default_rng(33)
        lengths = np.where(
            rng.random(600) < 0.5, rng.exponential(5, 600), rng.exponential(100, 600)
        )
        edges = np.cumsum(lengths)
        x = (np.searchsorted(edges, np.arange(int(edges[-1]))) % 2).astype(float)
        found = fit_telegraph(x + rng.normal(0, 0.1, len(x)), 1.0, levels=2)
        assert any((visit.exponential or 1) < 0.01 for visit in found.visits)
        assert "not those of a single rate" in found.fit.note

    def test_steps_capture_and_emission(self) -> None:
        rng = np.random.default_rng(34)
        x = signal(rng, 10_000, two(20, 80), np.array([3e-9, 5e-9]), 3e-10)
        found = fit_telegraph(x, 1e-3)
        step = found.step()
        assert step.sigma is not None
        assert step.value == pytest.approx(2e-9, abs=4 * step.sigma)
        assert found.capture.value > found.emission.value
        panel = draw_telegraph(x, found)
        assert set(panel.traces[1].y) == {found.fit.level1.value, found.fit.level2.value}


class TestDwell:
    def test_rates_come_back_from_transition_probabilities(self) -> None:
        rng = np.random.default_rng(40)
        for states in (2, 3, 4):
            rates = rng.uniform(0.05, 0.3, (states, states))
            np.fill_diagonal(rates, 0)
            np.fill_diagonal(rates, -rates.sum(axis=1))
            p = expm(rates * 0.5)
            assert mean_dwells(p, 0.5) == pytest.approx(-1 / np.diag(rates))

    def test_transitions_that_no_rates_give_fall_back_to_what_was_seen(self) -> None:
        p = np.array([[0.1, 0.9], [0.95, 0.05]])
        assert mean_dwells(p, 2.0) == pytest.approx([2 / 0.9, 2 / 0.95])

    def test_the_interval_is_that_of_a_poisson_rate(self) -> None:
        rng = np.random.default_rng(41)
        held = []
        for _ in range(4000):
            events = rng.poisson(12)
            if events:
                low, high = dwell_interval(12 / events, 1 / events)
                assert low is not None
                assert high is not None
                held.append(low <= 1 <= high)
        assert np.mean(held) == pytest.approx(0.95, abs=0.012)
        assert dwell_interval(1.0, 10.0) == (None, None)
        assert dwell_interval(1.0, np.nan) == (None, None)

    def test_geometric_dwells_pass_as_often_as_they_should(self) -> None:
        rng = np.random.default_rng(42)
        shares = [exponential_share(rng.geometric(0.1, 60), 3) for _ in range(300)]
        assert np.mean([share is not None and share < 0.1 for share in shares]) < 0.16
        assert exponential_share(np.full(100, 50), 1) == pytest.approx(0.004)
        assert exponential_share(np.arange(5), 1) is None


class TestBadRecords:
    @pytest.mark.parametrize(
        ("x", "given", "says"),
        [
            (np.arange(30.0), {"dt": 1.0}, "telegraph noise needs 64"),
            (np.ones(100), {"dt": 1.0}, "all samples are alike"),
            (np.append(np.arange(99.0), np.inf), {"dt": 1.0}, "not finite"),
            (np.arange(100.0), {"dt": 1.0, "levels": 5}, "allowed are 2 to 4"),
            (np.arange(100.0), {"dt": 0.0}, "must be positive"),
        ],
    )
    def test_are_refused_in_a_sentence(self, x: Array, given: dict[str, float], says: str) -> None:
        with pytest.raises(BadInput, match=says):
            fit_telegraph(x, **given)  # type: ignore[arg-type]

    def test_samples_without_noise_still_have_levels(self) -> None:
        x = (np.arange(400) // 20 % 2).astype(float)
        found = fit_telegraph(x, 1.0, levels=2)
        assert found.fit.level2.value == pytest.approx(1.0)

    @given(st.lists(st.floats(-1e300, 1e300), min_size=64, max_size=80))
    @settings(max_examples=12)
    def test_anything_gives_a_result_or_a_sentence(self, x: list[float]) -> None:
        found = None
        with suppress(BadInput), np.errstate(all="ignore"):
            found = fit_telegraph(x, 1.0, levels=2)
        assert found is None or all(np.isfinite(v.value) for v in found.fit.values.values())
