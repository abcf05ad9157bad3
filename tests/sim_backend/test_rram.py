"""Filamentary RRAM: its mathematics, its statistics, and a billion cycles; three models."""

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from docs.figures import rram_endurance, rram_levels, rram_statistics, rram_stdp
from labctl.errors import BadInput
from sim_backend.devices import State, Stream, family, rram
from sim_backend.devices.model import repeat_plainly
from sim_backend.devices.parts.course import Range, fast_forward
from sim_backend.devices.parts.updates import exponential_step, mean_exponential, soft_bound
from sim_backend.devices.rram_gap_travel import travel

ROOM = 300.0
CYCLE = [({"top": 1.5}, 1e-7), ({}, 1e-6), ({"top": -1.5}, 1e-7), ({}, 1e-6)]


@pytest.fixture(params=["numba", "numpy"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("LABCTL_KERNELS", request.param)
    yield request.param
    assert os.environ["LABCTL_KERNELS"] == request.param


def same(one: State, other: State, tolerance: float = 1e-12) -> None:
    """Compare all rows by their own size."""
    for name in one.names:
        size = max(np.abs(np.nan_to_num(one.row(name), posinf=0.0)).max(), 1e-300)
        np.testing.assert_allclose(
            one.row(name), other.row(name), rtol=0, atol=tolerance * size, err_msg=name
        )


# -- the data-driven cell -------------------------------------------------------------------------


def published(r0: float, voltage: float, time: float) -> float:
    """Give R after a time by the data-driven model's own closed form (MemTorch's numbers)."""
    if voltage > 0:
        s, r = 600.10075 * (math.exp(-voltage / 0.0212028) - 1), 2699.2336 - 672.930205 * voltage
    else:
        s, r = -34.5988399 * (math.exp(voltage / 0.05343997) - 1), 649.413746 - 1474.32358 * voltage
    after = (r0 + s * r * (r - r0) * time) / (1 + s * (r - r0) * time)
    moves = r0 > r if voltage > 0 else r0 < r  # never away from the bound
    return min(max(after if moves else r0, 1600.0), 3000.0)


@pytest.mark.parametrize("voltage", [0.6, 1.0, 1.4, -0.6, -1.0, -1.4])
@pytest.mark.parametrize("time", [1e-9, 1e-6, 1e-3])
def test_a_pulse_is_that_of_the_published_closed_form(voltage: float, time: float) -> None:
    model = family("rram").load("tio2", {"resistance": 2100.0})
    state = model.fresh(1, Stream(0), spread=False)
    model.advance(state, {"top": voltage}, time, ROOM, None)
    assert state.row("r")[0] == pytest.approx(published(2100.0, voltage, time), rel=1e-12)


@pytest.mark.parametrize("voltage", [1.2, -1.4])
def test_the_charge_of_a_pulse_is_the_integral_of_its_current(voltage: float) -> None:
    model = family("rram").load("tio2", {"resistance": 2100.0})
    whole = model.fresh(1, Stream(0), spread=False)
    charge = model.advance(whole, {"top": voltage}, 1e-3, ROOM, None)[0, 0]
    parts, total = model.fresh(1, Stream(0), spread=False), 0.0
    edges = np.concatenate([[0.0], np.geomspace(1e-9, 1e-3, 1500)])
    for length in np.diff(edges):
        before = model.current(parts, {"top": voltage})[0, 0]
        model.advance(parts, {"top": voltage}, length, ROOM, None)
        total += length * (before + model.current(parts, {"top": voltage})[0, 0]) / 2
    assert charge == pytest.approx(total, rel=1e-5)
    same(whole, parts, 1e-9)


@pytest.mark.parametrize(("duration", "bound"), [(1e-6, 3e-2), (1e-3, 1e-3)])
def test_a_sweep_keeps_its_bound(duration: float, bound: float) -> None:
    model = family("rram").load("hfox")
    whole = model.fresh(1, Stream(0), spread=False)
    parts = model.fresh(1, Stream(0), spread=False)
    for sign in (1.3, -1.3):
        model.advance(whole, {"top": (0.0, sign)}, duration, ROOM, None)
        for a in range(1500):
            line = (sign * a / 1500, sign * (a + 1) / 1500)
            model.advance(parts, {"top": line}, duration / 1500, ROOM, None)
        assert abs(math.log(whole.row("r")[0] / parts.row("r")[0])) < bound


def test_a_pristine_cell_leaks_until_its_voltage_is_reached() -> None:
    model = family("rram").load("hfox", {"formed": 0.0})
    state = model.fresh(2000, Stream(5), spread=True)
    voltages = state.row("forming").copy()
    assert voltages.mean() == pytest.approx(3.155, abs=0.03)
    assert voltages.std() == pytest.approx(0.27, abs=0.03)
    model.advance(state, {"top": 2.0}, 1e-6, ROOM, None)
    assert model.conductance(state)[voltages > 2.0] == pytest.approx(1e-9)
    model.advance(state, {"top": 3.2}, 1e-6, ROOM, None)
    formed = state.row("formed") > 0
    assert (formed == (voltages <= 3.2)).all()
    assert (model.conductance(state)[formed] > 5e-5).all()
    model.advance(state, {"top": -3.1}, 1e-6, ROOM, None)
    assert model.conductance(state)[~formed] == pytest.approx(1e-9)


@pytest.mark.parametrize("initial", [{}, {"formed": 0.0}])
def test_a_ramp_does_what_its_steps_do_and_so_in_an_array(initial: dict[str, Any]) -> None:
    """Up to forming and to breakdown, which are on the way."""
    model = family("rram").load("hfox", {**initial, "breakdown_time": "1 ms"})
    whole, parts = (model.fresh(12, Stream(5), spread=True) for _ in range(2))
    for line in ((0.0, 1.2), (1.2, 0.0), (0.0, -1.5), (-1.5, 0.0), (0.0, 3.4)):
        charge = model.advance(whole, {"top": line}, 1e-3, ROOM, Stream(1))
        count = round(abs(line[1] - line[0]) / 0.005)
        edges = np.linspace(*line, count + 1).tolist()
        total = np.zeros((2, 12))
        for a, b in itertools.pairwise(edges):
            total += model.advance(parts, {"top": (a, b)}, 1e-3 / count, ROOM, Stream(1))
        np.testing.assert_allclose(charge, total, rtol=1e-6)
        same(whole, parts, 1e-6)
    assert (whole.row("damage") >= whole.row("limit")).sum() > 0
    alone = model.fresh(1, Stream(5), spread=True, first=7)
    alone.noise, among = Stream(9), model.fresh(12, Stream(5), spread=True)
    among.noise = Stream(9)
    for line in ((0.0, 3.4), (3.4, -1.4)):
        charge = model.advance(among, {"top": line}, 1e-3, ROOM, Stream(1))
        one = model.advance(alone, {"top": line}, 1e-3, ROOM, Stream(1))
        np.testing.assert_allclose(one[:, 0], charge[:, 7], rtol=1e-9)


def test_retention_is_activated_and_a_pulse_writes_anew() -> None:
    model = family("rram").load("hfox", {"resistance": "5 kOhm"})
    state = model.fresh(1, Stream(0), spread=False)
    before = model.conductance(state)[0]
    assert before == pytest.approx(200e-6)
    model.advance(state, {}, 3.156e8, ROOM, None)
    assert model.conductance(state)[0] == pytest.approx(before, rel=1e-3)  # ten years, 300 K
    model.advance(state, {}, 1800.0, 400.0, None)
    assert model.conductance(state)[0] == pytest.approx(before * (1 - 0.0042), rel=1e-3)
    model.advance(state, {}, 1e9, 400.0, None)
    assert 1 / model.conductance(state)[0] == pytest.approx(88e3, rel=1e-3)
    assert state.row("r")[0] == 5e3  # what was written
    model.advance(state, {"top": 1.5}, 1e-6, ROOM, None)
    assert 1 / model.conductance(state)[0] == pytest.approx(4980, rel=0.02)


def test_the_window_closes_and_lives_end() -> None:
    model = family("rram").load("hfox", {"life_cycles": 1e8, "life_shape": 5.0})
    state = model.fresh(50, Stream(3), spread=True)
    model.repeat(state, CYCLE, 10**6, ROOM, Stream(1))
    early = np.median(model.resistance(state))
    model.repeat(state, CYCLE, 29 * 10**6, ROOM, Stream(1))
    assert np.median(model.resistance(state)) == pytest.approx(early * 3**-0.3, rel=0.5)
    model.repeat(state, CYCLE, 10**9, ROOM, Stream(1))
    on, off = state.parameters
    stuck = model.resistance(state)
    assert ((stuck == on) | (stuck == off)).all()
    assert 0.4 < (stuck == on).mean() < 0.95  # 70 % at low resistance


def test_overstress_breaks_a_cell() -> None:
    model = family("rram").load("hfox", {"breakdown_shape": 100.0})
    state = model.fresh(1, Stream(0), spread=False)
    model.advance(state, {"top": -3.0}, 0.9, ROOM, None)
    assert 1 / model.conductance(state)[0] > 5e4
    model.advance(state, {"top": -3.0}, 0.2, ROOM, None)
    assert 1 / model.conductance(state)[0] == pytest.approx(4980)


def test_pulses_below_the_threshold_are_passed_together_and_what_fades_adds_up() -> None:
    """A billion reads write nothing; a cell that is warm loses its state meanwhile."""
    model = family("rram").load("hfox", {"resistance": 5e3})
    reads = [({"top": 0.3}, 1e-3), ({}, 2e-4), ({"top": -0.2, "bottom": 0.1}, 1e-3), ({}, 2e-4)]
    one, other = (model.fresh(3, Stream(4), spread=True) for _ in range(2))
    for state in (one, other):
        model.advance(state, {"top": 1.5}, 1e-7, ROOM, Stream(1))
    model.repeat(one, reads, 400, 350.0, Stream(1))
    repeat_plainly(model, other, reads, 400, 350.0, Stream(1))
    same(one, other, 1e-8)
    for name in ("r", "faded", "set", "reset", "positive", "negative", "events", "age", "damage"):
        assert one.row(name) == pytest.approx(other.row(name), rel=1e-11), name
    before = one.row("faded")[0]
    model.repeat(one, reads, 10**9, 300.0, Stream(1))
    written = one.row("r").copy()
    assert np.array_equal(written, other.row("r"))
    assert one.row("faded")[0] > before


def test_wrong_cells_get_one_sentence() -> None:
    with pytest.raises(BadInput, match="1 Ohm was asked for; it has 4980 Ohm to 88000 Ohm"):
        family("rram").load("hfox", {"resistance": 1.0})
    with pytest.raises(BadInput, match="scale of 0 V"):
        family("rram").load("hfox", {"set_scale": 0.0})
    with pytest.raises(BadInput, match="gap of 1 m was asked for"):
        family("rram-gap").load("hfox", {"gap": 1.0})


# -- many equal turns -----------------------------------------------------------------------------


@settings(max_examples=4, deadline=None)
@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_turns_together_are_turns_one_by_one(count: int, seed: int) -> None:
    model = family("rram").load("hfox")
    together, alone = (model.fresh(3, Stream(seed), spread=True) for _ in range(2))
    model.repeat(together, CYCLE, count, ROOM, Stream(seed + 1))
    repeat_plainly(model, alone, CYCLE, count, ROOM, Stream(seed + 1))
    rows = [k for k, name in enumerate(together.names) if name not in ("charge", "throughput")]
    np.testing.assert_allclose(together.values[rows], alone.values[rows], rtol=1e-12)
    # two turns at most are not played, and have the mean of 34 others
    for name in ("charge", "throughput"):
        np.testing.assert_allclose(together.row(name), alone.row(name), rtol=0.2)


@pytest.mark.parametrize("window", [{}, {"set_sigma": 0.0, "reset_sigma": 0.0}])
def test_the_charge_of_turns_left_out_is_the_mean_of_turns(window: dict[str, float]) -> None:
    """Its spread is a fifth of that of a turn; 30 cells average it."""
    model = family("rram").load("hfox", window)
    together, alone = (model.fresh(30, Stream(3), spread=True) for _ in range(2))
    charge = model.repeat(together, CYCLE, 1500, ROOM, Stream(4))
    expected = repeat_plainly(model, alone, CYCLE, 1500, ROOM, Stream(4))
    np.testing.assert_allclose(charge[0], together.row("charge"), rtol=1e-12)
    np.testing.assert_allclose(charge[0], -charge[1], rtol=1e-12)
    for name in ("charge", "throughput"):
        ratio = together.row(name) / alone.row(name)
        if not window:
            spread = np.std(np.log(ratio))
            assert 0.0 < spread < 0.4
            assert np.mean(ratio) == pytest.approx(1.0, abs=4 * spread / np.sqrt(30) + 0.02)
        else:  # the window closes on the way, not quite in a straight line
            np.testing.assert_allclose(ratio, 1.0, rtol=2e-2)
    np.testing.assert_allclose(
        charge[0] / expected[0], together.row("charge") / alone.row("charge")
    )


def test_a_billion_cycles_are_counted_and_forgotten() -> None:
    model = family("rram").load("hfox")
    one, other = (model.fresh(2, Stream(1), spread=True) for _ in range(2))
    other.row("r")[:] = 5e3  # another past
    for state in (one, other):
        model.repeat(state, CYCLE, 10**9, ROOM, Stream(2))
    same(one, other, 1e-9)
    tally = one.tally(1)
    assert (tally.positive, tally.negative) == (10**9, 10**9)
    assert one.row("age")[0] == pytest.approx(2.2e3)


def test_what_a_turn_does_not_make_anew_is_not_skipped() -> None:
    """Rests alone: the loss adds up in every turn, so all of them are played."""
    model = family("rram").load("hfox", {"resistance": "5 kOhm"})
    together, alone = (model.fresh(1, Stream(0), spread=False) for _ in range(2))
    pieces = [({}, 1e3), ({"top": 0.1}, 1.0)]
    model.repeat(together, pieces, 100, 400.0, None)
    repeat_plainly(model, alone, pieces, 100, 400.0, None)
    same(together, alone, 1e-12)


def test_a_drift_that_never_ends_is_played_out() -> None:
    model = family("rram-array").load("volatile", {"step_up": 1e-4})
    together, alone = (model.fresh(1, Stream(0), spread=False) for _ in range(2))
    pieces = [({"top": 1.5}, 1e-7), ({"top": 0.1}, 1e-3), ({}, 1e-3)]
    known = Range({"w": -1.0, "v1": -1.0, "v2": -1.0}, {"w": 1.0, "v1": 1.0, "v2": 1.0})
    fast_forward(model, together, pieces, 80, ROOM, None, known)
    repeat_plainly(model, alone, pieces, 80, ROOM, None)
    same(together, alone, 1e-12)


# -- the gap --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voltage", "start", "share"),
    [(1.3, 1.5e-9, 1e-2), (1.6, 1.5e-9, 0.2), (-1.3, 0.3e-9, 0.1), (-1.8, 0.3e-9, 0.5)],
)
def test_the_travel_of_a_gap_is_its_equation(voltage: float, start: float, share: float) -> None:
    """Against direct integration, Joule heating and runaway included."""
    gap = family("rram-gap").load("hfox")._gap
    table = travel(gap, voltage, ROOM)
    duration = share * float(table.times[-1])
    g, charge = table.move(np.array([start]), np.array([duration]))
    sense = -1.0 if voltage > 0 else 1.0

    def slope(_: float, y: np.ndarray) -> list[float]:
        width = np.array([y[0] * 1e-9])
        return [
            sense * float(gap.speeds(width, voltage, ROOM)[0]) * 1e9,
            float(gap.amperes(width, voltage)[0]),
        ]

    found = solve_ivp(slope, (0, duration), [start * 1e9, 0.0], rtol=1e-10, atol=1e-15,
                      method="LSODA", first_step=duration / 1e6)  # fmt: skip
    assert g[0] * 1e9 == pytest.approx(found.y[0, -1], abs=1.5e-7)
    assert charge[0] == pytest.approx(found.y[1, -1], rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    voltage=st.sampled_from([1.2, 1.4, 1.9, -1.2, -1.5, -1.9]),
    gap=st.floats(0.2e-9, 1.7e-9),
    power=st.floats(-12, -5),
    at=st.floats(0.01, 0.99),
)
def test_a_gap_moves_in_parts_as_at_once(
    voltage: float, gap: float, power: float, at: float
) -> None:
    model = family("rram-gap").load("hfox", {"gap": gap})
    whole, parts = (model.fresh(1, Stream(0), spread=False) for _ in range(2))
    duration = 10.0**power
    model.advance(whole, {"top": voltage}, duration, ROOM, None)
    for length in (duration * at, duration - duration * at):
        model.advance(parts, {"top": voltage}, length, ROOM, None)
    # where the filament runs away, the last bits of the time decide: the time is compared
    table = model._travel(voltage, ROOM)
    ends = [np.minimum(state.row("g"), table.edges[-1]) for state in (whole, parts)]
    times = [table._value(table.times, table.rates, *table._place(g)) for g in ends]
    assert times[0] == pytest.approx(times[1], abs=1e-12 * float(table.times[-1]))
    assert 0.2e-9 <= whole.row("g")[0] <= 1.7e-9


# -- the array cell -------------------------------------------------------------------------------


def test_steps_are_those_of_the_source() -> None:
    """AIHWKit 1.1.0 itself, its presets without noise: five deterministic pulses up, five down."""
    expected = {
        "om": [0.0949, 0.18079399, 0.25853664, 0.3289015, 0.39258873,
               0.26043206, 0.14081708, 0.03255354, -0.06543579, -0.15412593],
        "es": [0.00148125, 0.00296202, 0.00444231, 0.00592211, 0.00740144,
               0.00539149, 0.00338659, 0.00138673, -0.00060815, -0.00259808],
    }  # fmt: skip
    for preset, weights in expected.items():
        model = family("rram-array").load(preset)
        state = model.fresh(1, Stream(0), spread=False)
        found = []
        for voltage in (1.5, -1.5):
            for _ in range(5):
                model.advance(state, {"top": voltage}, 1e-7, ROOM, None)
                model.advance(state, {}, 1e-6, ROOM, None)
                found.append(float(state.row("w")[0]))
        # a pulse is a rate here: an exponential step that changes on its way is off by a little
        assert found == pytest.approx(weights, abs=2e-6 if preset == "om" else 1.2e-5)


def test_the_spread_of_the_first_step_is_that_of_the_source() -> None:
    model = family("rram-array").load("om")
    nominal = model.fresh(4000, Stream(1), spread=False)
    model.advance(nominal, {"top": 1.5}, 1e-7, ROOM, Stream(2))
    steps = nominal.row("w")
    assert steps.mean() == pytest.approx(0.0949, rel=0.03)
    assert steps.std() == pytest.approx(0.4158 * 0.0949, rel=0.04)  # dw_min_std
    assert nominal.row("o").std() == pytest.approx(1.4113 * 0.0949, rel=0.04)
    varied = model.fresh(4000, Stream(1), spread=True)
    assert np.log(varied.parameters[0]).std() == pytest.approx(0.7829, rel=0.04)
    model.advance(varied, {"top": 1.5}, 1e-4, ROOM, None)
    assert np.log(varied.row("w")).std() == pytest.approx(0.3499, rel=0.05)  # the bound


TRAIN = [({"top": 1.5}, 1e-7), ({}, 1e-3), ({"top": -1.4}, 2e-7), ({"top": -1.5}, 1e-7), ({}, 1e-2)]


@pytest.mark.parametrize("table", [False, True], ids=["exact", "table"])
@pytest.mark.parametrize("begin", ["resting", "rest first"])
def test_a_train_is_its_pulses(path: str, table: bool, begin: str) -> None:
    model = family("rram-array").load("volatile", {"write_sigma": 0.1})
    pieces = TRAIN if begin == "resting" else [({}, 2e-3), *TRAIN[:-1]]
    stream = Stream(5, table=table)
    together, alone = (model.fresh(700, Stream(1), spread=True, first=3) for _ in range(2))
    charge = model.repeat(together, pieces, 12, ROOM, stream)
    expected = repeat_plainly(model, alone, pieces, 12, ROOM, stream)
    same(together, alone, 1e-12)
    np.testing.assert_allclose(charge, expected, rtol=1e-10)


def test_a_cell_in_a_train_is_the_cell_alone(path: str) -> None:
    model = family("rram-array").load("volatile")
    among = model.fresh(600, Stream(1), spread=True)
    alone = model.fresh(1, Stream(1), spread=True, first=517)
    for state in (among, alone):
        model.repeat(state, TRAIN, 500, ROOM, Stream(2))
    np.testing.assert_allclose(alone.values[:, 0], among.values[:, 517], rtol=1e-11)


@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_a_long_pulse_ends_at_the_bound(gamma: float) -> None:
    model = family("rram-array").load("es", {"gamma": gamma})
    state = model.fresh(20, Stream(1), spread=True)
    low, high = model.bounds(state)
    model.advance(state, {"top": 1.5}, 3e8, ROOM, None)
    np.testing.assert_allclose(state.row("w"), high)
    model.advance(state, {"top": -1.5}, 3e8, ROOM, None)
    np.testing.assert_allclose(state.row("w"), low)
    assert (model.conductance(state) > 0).all()


@given(
    q=st.floats(-1, 1),
    moved=st.floats(-1, 3),
    b=st.floats(-20, 0.5),
    k=st.sampled_from([-2.5, 2.0]),
)
def test_the_exponential_step_is_its_equation(q: float, moved: float, b: float, k: float) -> None:
    found = float(exponential_step(q, moved, b, k))
    halves = float(exponential_step(float(exponential_step(q, moved / 2, b, k)), moved / 2, b, k))
    if abs(found) < 10:  # not past a pole
        assert halves == pytest.approx(found, rel=1e-9, abs=1e-9)
    small = 1e-7
    rate = (float(exponential_step(q, small, b, k)) - q) / small
    assert rate == pytest.approx(max(0.0, 1 - b * math.exp(k * q)), rel=1e-3, abs=1e-6)


def test_small_laws() -> None:
    assert float(soft_bound(0.0, 2.0, math.log(2))) == pytest.approx(1.0)
    grid = np.linspace(-3, 1, 100001)
    assert mean_exponential(-3.0, 1.0) == pytest.approx(np.trapezoid(np.exp(grid), grid) / 4)


# -- what is published ----------------------------------------------------------------------------


def test_five_levels_over_a_range_of_fifty() -> None:
    """S2.6 and S1.1: HfAlOx, pulses of 50 ns that take some pJ."""
    found = rram_levels.measure(turns=20)
    assert found["levels"] == 5
    assert found["range"] == pytest.approx(50, rel=0.1)
    assert found["amplitude_last_V"] == pytest.approx(2.03, abs=0.01)
    assert 0.05 < found["energy_reset_pJ"] < found["energy_set_pJ"] < 50


def test_stdp_from_overlapping_spikes() -> None:
    """S2.4: signs, and a window as wide as the overlap."""
    changes = {t: rram_stdp.change(t) for t in (-75e-3, -50e-3, -25e-3, 25e-3, 50e-3, 75e-3)}
    assert all(change * t > 0 for t, change in changes.items())
    assert changes[50e-3] > changes[25e-3] > 0.05
    assert changes[25e-3] == pytest.approx(changes[75e-3], rel=0.3)
    assert rram_stdp.change(0.12) == pytest.approx(0, abs=1e-9)


def check_statistics(found: dict[str, Any], loose: float) -> None:
    assert found["lrs_median_kOhm"] == pytest.approx(4.98, rel=0.02 * loose)
    assert found["hrs_median_kOhm"] == pytest.approx(88, rel=0.15 * loose)
    assert found["lrs_cycle"] == pytest.approx(0.13, rel=0.05 * loose)
    assert found["hrs_cycle"] == pytest.approx(0.765, rel=0.05 * loose)
    assert found["lrs_device"] == pytest.approx(0.10, rel=0.15 * loose)
    assert found["hrs_device"] == pytest.approx(0.945, rel=0.15 * loose)
    assert found["forming_mean_V"] == pytest.approx(3.155, abs=0.05 * loose)
    assert 0.2 < found["forming_sd_V"] < 0.35


def test_the_statistics_of_an_array() -> None:
    """The same as the figure's, on the model: cells are columns here, benches there."""
    model, stream = family("rram").load("hfox"), Stream(4)
    state = model.fresh(600, Stream(3), spread=True)
    logs = []
    for _ in range(12):
        for piece in CYCLE:
            model.advance(state, *piece, ROOM, stream)
            if piece[0]:
                logs.append(np.log(model.resistance(state)))
    values = np.array(logs).reshape(12, 2, 600)
    cycle = np.sqrt(values.var(axis=0, ddof=1).mean(axis=1))
    device = np.median(values, axis=0).std(axis=1, ddof=1)
    assert cycle == pytest.approx([0.13, 0.765], rel=0.05)
    assert device == pytest.approx([0.108, 0.98], rel=0.1)  # with what 12 cycles leave of C2C


@pytest.mark.long
def test_the_statistics_as_measured() -> None:
    check_statistics(rram_statistics.measure(), 1.5)


def test_endurance_on_the_bench() -> None:
    """A thousand cycles through the direct bench, read at logarithmic intervals."""
    found = rram_endurance.measure(most=1e3)
    assert found["cycles"] == 1e3
    assert 5 < found["window_first"] < 60
    assert (found["resistances"][:, 1] > found["resistances"][:, 0]).all()


@pytest.mark.long
def test_a_billion_cycles_on_the_bench() -> None:
    found = rram_endurance.measure()
    assert found["cycles"] == 1e9
    assert found["window_last"] < 0.6 * found["window_first"]


# -- what is passed without looking for more ------------------------------------------------------


@given(
    levels=st.lists(st.tuples(st.floats(-0.45, 0.45), st.floats(-0.45, 0.45)), max_size=6),
    noisy=st.booleans(),
)
def test_a_low_voltage_only_looks_at_cells_that_stand(
    levels: list[tuple[float, float]], noisy: bool
) -> None:
    """Reads take a way of their own; it is that of all voltages."""
    shorter, longer = (family("rram").load() for _ in range(2))
    states = [model.fresh(3, Stream(1), spread=True) for model in (shorter, longer)]
    for model, state in zip((shorter, longer), states, strict=True):
        state.noise = Stream(4) if noisy else None
        model.advance(state, {"top": 1.3}, 1e-7, 300.0, Stream(2))
    for first, last in [*levels, (0.1, 0.1), (0.0, 0.0)]:
        level = {"top": (first, last) if first != last else first}
        charges = [shorter.advance(states[0], level, 1e-3, 330.0, None)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rram, "_stand", lambda _: False)
            charges.append(longer.advance(states[1], level, 1e-3, 330.0, None))
        np.testing.assert_allclose(*charges, rtol=1e-12, atol=1e-30)
    same(*states)


@pytest.mark.parametrize("voltage", [0.3, -0.45, 1.1, -1.3])
def test_a_field_that_is_too_low_holds_the_gap_as_its_table_does(voltage: float) -> None:
    model = family("rram-gap").load()
    gap = model._gap  # type: ignore[attr-defined]
    table = travel(gap, voltage, 300.0)
    for g in np.linspace(gap.least, gap.most, 23):
        after, charge = table.move(np.array([g]), np.array([1e-6]))
        if gap.holds(np.array([g]), voltage):
            assert after[0] == g
            assert charge[0] == pytest.approx(gap.amperes(np.array([g]), voltage)[0] * 1e-6)
        else:
            assert g <= table.edges[-1]
