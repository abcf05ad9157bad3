"""The magnetic tunnel junction: rates, chance, magnetoresistance."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom, kstest, truncexpon

from docs.figures import mtj_switching
from sim_backend.devices import Stream, family, mtj_refresh
from sim_backend.devices.mtj_junction import (
    Rates,
    Switching,
    antiparallel_mean,
    geometric,
    panels,
    rate,
    series,
    switching,
)
from sim_backend.devices.mtj_refresh import advance_clock, last_draw, pass_through, words_of

ROOM = 300.0
PATHS = pytest.mark.parametrize("path", ["numba", "numpy"])
RATES = Rates(np.array([20.0]), np.array([0.4]), 1e-9, 2e-9, 1.5)


def shares(model_changes: dict[str, float], voltage: float, width: float, count: int) -> float:
    """Return the share of `count` nominal junctions that one pulse has made parallel."""
    model = family("mtj").load("cofeb-40nm", model_changes)
    state = model.fresh(count, Stream(0), spread=False)
    model.advance(state, {"top": voltage}, width, ROOM, Stream(6))
    return float(state.row("parallel0").mean())


@pytest.mark.parametrize(
    ("voltage", "width"), [(0.6, 100e-9), (0.64, 20e-9), (0.68, 5e-9), (0.75, 1e-9), (1.0, 1e-9)]
)
def test_switching_probability(voltage: float, width: float) -> None:
    """P = 1 - exp(-w / tau), thermal below the critical voltage and driven above it."""
    x = voltage / 0.7
    speed = math.exp(-43 * max(0, 1 - x)) / 1e-9 + max(0, x - 1) / 2e-9
    expected = -math.expm1(-width * speed)
    found = shares({}, voltage, width, 4000)
    low, high = binom.interval(0.9999, 4000, expected)
    assert low <= 4000 * found <= high
    model = family("mtj").load("cofeb-40nm")
    state = model.fresh(1, Stream(0), spread=False)
    model.advance(state, {"top": voltage}, width, ROOM, None)
    assert state.row("parallel0")[0] == pytest.approx(expected, rel=1e-9)


def test_the_rate_has_no_step_at_the_critical_voltage() -> None:
    below, above = (rate(np.array([1 + d]), RATES)[0] for d in (-1e-9, 1e-9))
    assert below == pytest.approx(above, rel=1e-6)


@settings(max_examples=30)
@given(first=st.floats(-0.6, 0.6), last=st.floats(-0.6, 0.6))
def test_the_clock_on_a_ramp_is_its_integral(first: float, last: float) -> None:
    found = sum(switching(a, b, t, RATES).clock[0] for a, b, t in panels(first, last, 1e-6))
    assert sum(t for _, _, t in panels(first, last, 1e-6)) == pytest.approx(1e-6)

    def both(u: float) -> float:
        x = np.array([(first + (last - first) * u) / 0.4])
        return float(rate(x, RATES)[0] + rate(-x, RATES)[0]) * 1e-6

    kinks = [(v - first) / (last - first) for v in (-0.4, 0.0, 0.4)] if first != last else []
    expected = quad(both, 0, 1, points=[k for k in kinks if 0 < k < 1] or None, limit=200)[0]
    assert found == pytest.approx(expected, rel=2e-3, abs=1e-12)


@PATHS
@pytest.mark.parametrize(("preset", "devices"), [("weight-32", 2), ("cofeb-40nm", 40)])
def test_a_ramp_is_its_panels_one_by_one(
    path: str, preset: str, devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All panels of a ramp at once move every junction as one panel after the other does."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    model = family("mtj").load(preset)
    whole, parts = (model.fresh(devices, Stream(3), spread=True) for _ in range(2))
    for line in ((0.0, 0.9), (0.9, -1.1), (-1.1, 0.3), (0.3, 0.0)):
        charge = model.advance(whole, {"top": line}, 1e-6, ROOM, Stream(5))
        total = np.zeros((2, devices))
        for first, last, length in panels(*line, 1e-6):
            total += model.advance(parts, {"top": (first, last)}, length, ROOM, Stream(5))
        np.testing.assert_allclose(charge, total, rtol=1e-9)
        rows = [k for k, name in enumerate(whole.names) if name not in ("charge", "throughput")]
        np.testing.assert_allclose(whole.values[rows], parts.values[rows], rtol=1e-8, atol=1e-8)
    assert (whole.row("positive") == 2.0).all()
    assert (whole.row("cell") > 0).all()


def test_a_barrier_breaks_somewhere_on_a_ramp() -> None:
    """The devices that break on a ramp do so at their own voltage, the others go on."""
    model = family("mtj").load("cofeb-40nm")
    whole, parts = (model.fresh(30, Stream(3), spread=True) for _ in range(2))
    charge = model.advance(whole, {"top": (0.0, 1.6)}, 1e-6, ROOM, Stream(5))
    total = np.zeros((2, 30))
    for first, last, length in panels(0.0, 1.6, 1e-6):
        total += model.advance(parts, {"top": (first, last)}, length, ROOM, Stream(5))
    np.testing.assert_allclose(whole.row("damage"), parts.row("damage"), rtol=1e-9)
    np.testing.assert_allclose(charge, total, rtol=1e-9)


@pytest.mark.parametrize("voltage", [0.0, 0.01])
def test_a_superparamagnetic_junction_forgets_exponentially(voltage: float) -> None:
    """Of junctions in one state, p + (1 - p) exp(-rate t) are in it again after a time t."""
    model = family("mtj").load("stochastic-50nm", {"stability": 10.0})
    up, down = (1e9 * math.exp(-10.0 * (1 - sign * voltage / 0.4)) for sign in (1, -1))
    share, count, stream = up / (up + down), 3000, Stream(9)
    state = model.fresh(count, Stream(0), spread=False)
    for turns in (0.2, 1.0, 2.5):
        before = state.row("parallel0") > 0.5
        model.advance(state, {"top": voltage}, turns / (up + down), ROOM, stream)
        after = state.row("parallel0") > 0.5
        for here, stationary in ((before, share), (~before, 1 - share)):
            if here.sum() < 50:
                continue
            expected = stationary + (1 - stationary) * math.exp(-turns)
            stays = (after[here] == before[here]).sum()
            low, high = binom.interval(0.9999, here.sum(), expected)
            assert low <= stays <= high


def test_the_stationary_state_and_its_current_are_those_of_the_rates() -> None:
    model = family("mtj").load("stochastic-50nm")
    state = model.fresh(800, Stream(0), spread=False)
    charge = model.advance(state, {"top": 0.01}, 3.156e8, ROOM, Stream(2))
    expected = 1 / (1 + math.exp(-2 * 19.9 * 0.01 / 0.4))
    assert state.row("parallel0").mean() == pytest.approx(expected, abs=0.06)
    mean = charge[0].mean() / 3.156e8 / 0.01 * 5e3
    assert mean == pytest.approx(expected + (1 - expected) / 2.2, rel=1e-3)


@PATHS
def test_the_last_draw_is_found_whatever_is_asked_between(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a stretch of the clock is cut, junctions end in the same state."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    monkeypatch.setattr(mtj_refresh, "_WORTH", 0)
    words, count = words_of(Stream(3), np.arange(300), 1).ravel(), 300
    goal, begin = np.full(count, 0.3), np.full(count, 1.0)
    cell, start = np.full(count, 5.0), np.full(count, 0.25)
    for length in (0.05, 3.7, 47.0):
        whole = Switching(np.full(count, length), goal)
        spent, after = pass_through(words, cell, start, begin, whole)
        up, total, now, place = begin, np.zeros(count), cell.copy(), start.copy()
        for part in np.random.default_rng(1).dirichlet(np.ones(7)) * length:
            share, up = pass_through(words, now, place, up, Switching(np.full(count, part), goal))
            advance_clock(now, place, np.full(count, part))
            total += part * share
        np.testing.assert_array_equal(up, after)
        np.testing.assert_allclose(total / length, spent, atol=1e-12)
        ago, draw = last_draw(words, cell, start, whole.clock)
        known = ~np.isnan(ago)
        np.testing.assert_array_equal(after, np.where(known, draw < 0.3, begin))
    many = words_of(Stream(3), np.arange(4000), 1).ravel()
    ago, _ = last_draw(many, np.zeros(4000), np.zeros(4000), np.full(4000, 0.7))
    never = np.isnan(ago)
    assert never.mean() == pytest.approx(math.exp(-0.7), abs=0.03)  # a Poisson process of rate 1
    assert kstest(ago[~never], truncexpon(0.7).cdf).pvalue > 1e-4


@pytest.mark.parametrize("length", [0.3, 20.0, 500.0, 1e12, 1e30])
def test_compiled_and_plain_junctions_are_the_same(
    length: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mtj_refresh, "_WORTH", 0)
    count, rng = 500, np.random.default_rng(2)
    words, goal = words_of(Stream(3), np.arange(count), 1).ravel(), rng.uniform(size=count)
    cell, start = np.floor(rng.uniform(0, 1e6, count)), rng.uniform(size=count)
    found = []
    for path in ("numba", "numpy"):
        monkeypatch.setenv("LABCTL_KERNELS", path)
        passed = Switching(np.full(count, length), goal)
        found.append(pass_through(words, cell, start, np.zeros(count), passed))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("preset", ["stochastic-50nm", ""])
def test_a_junction_that_is_passed_often_goes_on_as_before(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled code takes over after some passages, and changes nothing but rounding."""
    model, found = family("mtj").load(preset), []
    monkeypatch.setattr(mtj_refresh, "_OFTEN", 20)
    for path in ("numba", "numpy"):
        monkeypatch.setenv("LABCTL_KERNELS", path)
        state, draw = model.fresh(2, Stream(1), spread=True), np.random.default_rng(5)
        charges = []
        for _ in range(60):
            first, last, steady = draw.uniform(-0.5, 0.5, 3).tolist()
            for level in ((first, last), steady):
                duration = 10 ** float(draw.uniform(-7, -3))
                charges.append(model.advance(state, {"top": level}, duration, ROOM, Stream(2)))
        found.append((np.array(charges), state.values.copy()))
    for compiled, plain in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-15)


def test_many_turns_end_as_one_by_one() -> None:
    """The state after turns at once is that of single turns, junction by junction."""
    model = family("mtj").load("stochastic-50nm")
    pieces = [({"top": 0.3}, 2e-3), ({}, 3e-2), ({"top": (0.0, -0.35)}, 1e-3), ({}, 1e-2)]
    once, apart = (model.fresh(40, Stream(0), spread=True) for _ in range(2))
    charge = model.repeat(once, pieces, 20, ROOM, Stream(4))
    total = sum(model.repeat(apart, pieces, 5, ROOM, Stream(4)) for _ in range(4))
    np.testing.assert_array_equal(once.row("parallel0"), apart.row("parallel0"))
    np.testing.assert_allclose(once.row("clock"), apart.row("clock"), atol=1e-9)
    assert charge[0].sum() == pytest.approx(total[0].sum(), rel=0.02)


@given(first=st.floats(-1, 1), last=st.floats(-1, 1))
def test_the_antiparallel_current_on_a_ramp_is_its_integral(first: float, last: float) -> None:
    found = float(antiparallel_mean(first, last, np.array(1.24), 0.5))

    def law(v: float) -> float:
        return v / (1 + 1.24 / (1 + (v / 0.5) ** 2))

    span = last - first
    expected = law((first + last) / 2) if abs(span) < 1e-6 else quad(law, first, last)[0] / span
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


@given(clock=st.floats(1e-12, 5), turns=st.integers(1, 200))
def test_sums_of_turns(clock: float, turns: int) -> None:
    b = math.exp(-clock)
    terms = [sum(b**k for k in range(n)) for n in range(turns)]
    assert geometric(np.array(clock), turns) == pytest.approx(sum(b**k for k in range(turns)))
    assert series(np.array(clock), turns) == pytest.approx(sum(terms), rel=1e-3)


def test_magnetoresistance_falls_with_voltage_and_temperature() -> None:
    model = family("mtj").load("cofeb-40nm")
    state = model.fresh(1, Stream(0), spread=False)
    g = [model.current(state, {"top": v})[0, 0] / v for v in (1e-3, 0.5)]
    parallel = 1 / 14.3e3
    assert parallel / g[0] - 1 == pytest.approx(1.24, rel=1e-4)
    assert parallel / g[1] - 1 == pytest.approx(0.62, rel=1e-4)
    hot, cold = (
        model.advance(model.fresh(1, Stream(0), spread=False), {"top": 0.05}, 1e-9, t, None)[0, 0]
        for t in (400.0, 300.0)
    )
    assert hot > cold


def test_a_hot_junction_flips_sooner() -> None:
    found = {}
    for temperature in (300.0, 400.0):
        model = family("mtj").load("cofeb-40nm")
        state = model.fresh(1, Stream(0), spread=False)
        model.advance(state, {}, 3.156e8, temperature, None)
        found[temperature] = state.row("parallel0")[0]
    # Delta = 43: a barrier of 43 k T is not enough for ten years when it is hot
    assert found[300.0] < 0.07
    assert found[400.0] == pytest.approx(0.5, abs=1e-3)


def test_probability_gives_stability_and_critical_voltage_back() -> None:
    found = mtj_switching.measure(tries=40, seed=3)
    assert found["stability"] == pytest.approx(43, rel=0.2)
    assert found["critical"] == pytest.approx(0.7, rel=0.02)
    assert found["ratio"] == pytest.approx(1.24, rel=0.02)
    assert 1e-14 < found["energy"] < 1e-11  # pJ (S1.5)
    assert found["steps"] > 8
    assert found["course"][40] > 1.3 * found["course"][0]
    assert found["course"][-1] < found["course"][40]
    assert mtj_switching.draw(found).axes


@pytest.mark.long
@pytest.mark.timeout(900)
def test_probability_gives_the_law_back_closely() -> None:
    found = mtj_switching.measure(tries=600, seed=5)
    assert found["stability"] == pytest.approx(43, rel=0.05)
    assert found["critical"] == pytest.approx(0.7, rel=0.01)


def test_a_barrier_breaks_down() -> None:
    model = family("mtj").load("cofeb-40nm", {"breakdown_time": 1e-6, "breakdown_voltage": "1 V"})
    state = model.fresh(1, Stream(0), spread=False)
    model.advance(state, {"top": 1.0}, 2e-6, ROOM, None)
    assert model.conductance(state)[0] == pytest.approx(5e-3)


def test_a_barrier_breaks_down_at_its_moment() -> None:
    """Half a microsecond of the junction and the rest of the short, however it is cut."""
    changes = {"breakdown_time": 1e-6, "breakdown_voltage": "1 V", "precession": "1 h"}
    model = family("mtj").load("cofeb-40nm", {**changes, "attempt": "1 h"})
    charges = []
    for parts in (1, 3, 10):
        state = model.fresh(1, Stream(0), spread=False)
        pieces = [({"top": 1.0}, 2e-6 / parts)] * parts
        charges.append(sum(model.advance(state, *piece, ROOM, None)[0, 0] for piece in pieces))
    other = 1 / 14.3e3 / (1 + 1.24 / (1 + (1.0 / 0.5) ** 2))
    assert charges[0] == pytest.approx(1e-6 * other + 1e-6 * 5e-3, rel=1e-6)
    assert charges == pytest.approx([charges[0]] * 3, rel=1e-9)
    state = model.fresh(1, Stream(0), spread=False)
    total = model.repeat(state, [({"top": 1.0}, 1e-7), ({}, 1e-7)], 20, ROOM, None)[0, 0]
    assert total == pytest.approx(charges[0], rel=1e-6)
