"""The mathematics of the tunnel junction; its published figures are in `test_ftj_figures`."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from labctl.errors import BadInput
from sim_backend.devices import Stream, family
from sim_backend.devices.ftj_kinetics import PARAMETERS, VARIABLES
from sim_backend.devices.model import TALLY

WIDTH = 100e-6
ROOM = 300.0


class Sample:
    """One junction and what can be done to it."""

    def __init__(self, siemens: float = 200e-6, seed: int | None = None, **changes: Any) -> None:
        self.model = family("ftj").load("bto-nsto", {"conductance": siemens, **changes})
        self.stream = None if seed is None else Stream(seed)
        self.state = self.model.fresh(1, Stream(0), spread=False)

    @property
    def g(self) -> float:
        return float(self.model.conductance(self.state)[0])

    @property
    def variables(self) -> np.ndarray:
        return self.state.values[len(TALLY) : len(TALLY) + len(VARIABLES), 0].copy()

    def apply(self, level: Any, duration: float, temperature: float = ROOM) -> float:
        """Return the charge."""
        levels = {"top": level}
        return float(
            self.model.advance(self.state, levels, duration, temperature, self.stream)[0, 0]
        )

    def rest(self, duration: float, temperature: float = ROOM) -> None:
        self.model.advance(self.state, {}, duration, temperature, self.stream)

    def peaks(self, events: list[tuple[float, float]]) -> np.ndarray:
        """Give (time, amplitude) pulses; return the conductance just after each."""
        now, found = 0.0, []
        for when, amplitude in events:
            self.rest(when - now)
            self.apply(amplitude, WIDTH)
            found.append(self.g)
            now = when + WIDTH
        return np.array(found)


def train(rate: float, count: int, amplitude: float = 1.0, start: float = 0.0):
    return [(start + k / rate, amplitude) for k in range(count)]


# -- its mathematics ------------------------------------------------------------------------------


def current(g: float, v: float, p: Any) -> float:
    """The laws of conduction, written once more."""
    level, onset = abs(v), p.threshold
    if level == 0:
        return 0.0
    if level <= onset:
        emission, tunnelling = level, level + p.curve * level**3
    else:
        emission = onset * math.exp(2 * (math.sqrt(level / onset) - 1))
        tunnelling = (onset + p.curve * onset**3) * (level / onset) ** 2
        tunnelling *= math.exp(-p.fowler / level + p.fowler / onset)
    share = 1 / (1 + (p.cross / g) ** p.steep)
    return math.copysign(g * emission ** (1 - share) * tunnelling**share, v)


def integrated(sample: Sample, level: Any, duration: float) -> tuple[np.ndarray, float]:
    """Integrate the rate form step by step; return the state and the charge."""
    p = dict(zip(PARAMETERS, sample.state.parameters[:, 0], strict=True))
    shared = sample.model.parameters
    first, last = level if isinstance(level, tuple) else (level, level)

    def rates(t: float, y: np.ndarray) -> list[float]:
        lasting, v1, v2, z, c, s, _ = y
        v = first + (last - first) * t / duration
        g = p["gmin"] * (p["gmax"] / p["gmin"]) ** lasting * math.exp(v1 + v2 + z)
        i = current(g, v, shared)
        t2 = p["t2p"] if v2 > 0 or (v2 == 0 and v > 0) else p["t2n"]
        if abs(v) <= 0.3 + 1e-12:
            loss = -math.sinh(shared.bp * (2 * lasting - 1)) / (2 * shared.bp * shared.tp)
            trace = (v1 + v2 - p["lam"] * z - c) / p["tc"]
            return [loss, -v1 / p["t1"], -v2 / t2, -z / p["tz"], trace, -s / p["ts"], i]
        side = math.copysign(1, v)
        x, grow = (math.exp((abs(v) - 1) / p[scale]) for scale in ("vd", "vp"))
        flown = math.exp((max(abs(v), shared.creep) - 1) / p["vd"])
        w = flown * math.exp(min(0.0, abs(v) - shared.creep) / shared.vc)
        fresh = max(0.0, 1 - side * s / x)
        m1, m2, mz = (p["m1p"], p["m2p"], 1) if v > 0 else (-p["m1n"], -p["m2n"], -p["mzn"])
        gain = max(0.0, p["e0"] + p["ka"] * c + p["al"] * c * c)
        return [
            fresh * grow * w / x * gain * (1 - lasting) / 1e-4
            if v > 0
            else -fresh * w * p["al"] * c * c * lasting / 1e-4,
            p["u"] * w * (m1 - v1) / 1e-4 - v1 / p["t1"],
            p["u"] * w * (m2 - v2) / 1e-4 - v2 / t2,
            p["uz"] * w * fresh * (mz - z) / 1e-4,
            0.0,
            (side * x - s) / p["ts"],
            i,
        ]

    edges = [0.0, duration]
    if first != last:
        edges += [
            x * duration
            for x in ((e - first) / (last - first) for e in (0.3, -0.3, 0.9, -0.9))
            if 0 < x < 1
        ]
    y = np.append(sample.variables, 0.0)
    for start, stop in itertools.pairwise(sorted(edges)):
        middle = first + (last - first) * (start + stop) / 2 / duration
        if abs(middle) > 0.3 and y[5] * middle < 0:
            y[5] = 0.0  # what screened the other sign is swept out
        shortest = (stop - start) / 400
        y = solve_ivp(
            rates, (start, stop), y, "DOP853", rtol=1e-10, atol=1e-14, max_step=shortest
        ).y[:, -1]
    return y[:-1], y[-1]


STARTS = {
    "relaxed": [],
    "potentiated": [(0.0, 1.5), (0.02, 1.5), (0.04, 1.5)],
    "depressed": [(0.0, -1.5), (0.02, -1.5), (0.04, -1.5)],
    "depressed, then half-way back": [(0.0, -1.8), (0.05, -1.8), (0.3, 0.5)],
}


@pytest.mark.parametrize("history", STARTS)
@pytest.mark.parametrize(
    ("level", "duration", "state_bound", "charge_bound"),
    [
        (1.0, 1e-4, 1e-8, 5e-5),
        (-1.8, 1e-4, 1e-8, 5e-4),
        (0.35, 2e-3, 1e-8, 5e-4),
        (1.0, 3e-2, 1e-8, 5e-5),
        (0.1, 1.0, 1e-8, 5e-5),
        ((0.0, 1.0), 1e-5, 1e-6, 1e-2),
        ((1.0, 0.0), 1e-5, 1e-6, 1e-2),
        ((1.0, -1.0), 1e-3, 1e-5, 1e-2),
        ((0.0, 1.5), 0.5, 5e-5, 1e-2),
        ((0.0, -1.5), 0.5, 5e-5, 1e-2),
        ((1.5, 0.0), 0.5, 5e-5, 1e-2),
    ],
)
def test_closed_forms_agree_with_integration(
    history: str, level: Any, duration: float, state_bound: float, charge_bound: float
) -> None:
    """The bounds are those stated in `ftj_current`."""
    sample = Sample(400e-6)
    sample.peaks(STARTS[history])
    expected, expected_charge = integrated(sample, level, duration)
    before = sample.state.tally().throughput
    charge = sample.apply(level, duration)
    passed = sample.state.tally().throughput - before  # of both signs, which may cancel
    span = math.log(sample.model.parameters.gmax / sample.model.parameters.gmin)
    error = (sample.variables - expected) * [span, 1, 1, 1, 1, 1]
    assert np.abs(error).max() < state_bound
    assert charge == pytest.approx(expected_charge, abs=charge_bound * passed)


LEVELS = st.sampled_from([-1.8, -1.0, -0.31, -0.3, 0.0, 0.1, 0.3, 0.45, 1.0, 1.5])
HISTORY = st.lists(st.tuples(LEVELS, st.floats(1e-7, 0.3)), max_size=5)


@given(history=HISTORY, level=LEVELS, duration=st.floats(1e-7, 1.0), share=st.floats(0.01, 0.99))
def test_splitting_changes_nothing(
    history: list[tuple[float, float]], level: float, duration: float, share: float
) -> None:
    whole, split = Sample(300e-6, seed=3), Sample(300e-6, seed=3)
    for sample in (whole, split):
        for before, length in history:
            sample.apply(before, length)
    charge = whole.apply(level, duration)
    parts = split.apply(level, duration * share) + split.apply(level, duration * (1 - share))
    assert split.variables == pytest.approx(whole.variables, rel=1e-9, abs=1e-11)
    assert parts == pytest.approx(charge, rel=1e-3, abs=1e-18)
    assert split.state.tally().pulses == whole.state.tally().pulses


@given(share=st.floats(0.01, 0.99), ends=st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
def test_splitting_a_line_changes_no_more_than_its_bound(
    share: float, ends: tuple[float, float]
) -> None:
    whole, split = Sample(300e-6), Sample(300e-6)
    for sample in (whole, split):
        sample.peaks([(0.0, 1.0), (0.05, -1.0), (0.1, 1.0)])
    first, last = ends
    middle = first + (last - first) * share
    whole.apply((first, last), 1e-3)
    split.apply((first, middle), 1e-3 * share)
    split.apply((middle, last), 1e-3 * (1 - share))
    assert split.variables == pytest.approx(whole.variables, abs=1e-5)


@given(level=st.floats(-0.3, 0.3), duration=st.floats(1e-9, 1e9), history=HISTORY)
def test_below_the_threshold_the_lasting_part_only_decays(
    level: float, duration: float, history: list[tuple[float, float]]
) -> None:
    """As its law says, which knows nothing of the voltage: half-way in the end."""
    sample = Sample()
    for before, length in history:
        sample.apply(before, length)
    lasting = sample.variables[0]
    sample.apply(level, duration)
    p = sample.model.parameters
    y = abs(2 * lasting - 1) * p.bp
    left = 2 * math.atanh(math.tanh(y / 2) * math.exp(-duration / p.tp)) / p.bp
    after = sample.variables[0]
    assert after == pytest.approx(0.5 + math.copysign(left / 2, lasting - 0.5), abs=1e-10)


def test_the_decay_of_the_lasting_part_can_be_left_out() -> None:
    sample = Sample(tp=1e30)
    sample.apply(1.0, WIDTH)
    lasting = sample.variables[0]
    sample.rest(1e9)
    assert sample.variables[0] == pytest.approx(lasting, abs=1e-15)


@given(history=st.lists(st.tuples(st.floats(-4, 4), st.floats(1e-9, 1e3)), max_size=8))
def test_conductance_stays_bounded(history: list[tuple[float, float]]) -> None:
    sample = Sample(seed=1)
    m = sample.model.parameters
    for level, duration in history:
        sample.apply(level, duration)
        p, v1, v2, z, _, _ = sample.variables
        assert 0 <= p <= 1
        assert -m.m1n <= v1 <= m.m1p
        assert -m.m2n <= v2 <= m.m2p
        assert -m.mzn <= z <= 1
    low = m.gmin * math.exp(-m.m1n - m.m2n - m.mzn)
    assert low <= sample.g <= m.gmax * math.exp(m.m1p + m.m2p + 1)


@pytest.mark.parametrize("level", [1e3, -1e3, (0.0, 1e3), (-1e3, 1e3)])
def test_absurd_voltages_give_numbers(level: Any) -> None:
    sample = Sample()
    assert math.isfinite(sample.apply(level, 1e-3))
    assert np.isfinite(sample.variables).all()


@pytest.mark.parametrize(("amplitude", "rate"), [(1.5, 10.0), (2.0, 10.0), (1.0, 50.0)])
def test_strong_trains_stay_in_range(amplitude: float, rate: float) -> None:
    """The source's states end at 1520 uS; nothing runs away beyond it."""
    assert Sample().peaks(train(rate, 30, amplitude))[-1] < 3e-3
    assert Sample().peaks(train(rate, 30, -amplitude))[-1] > 5e-6


def test_a_constant_voltage_writes_no_more_than_its_rise() -> None:
    """After a few milliseconds the lasting part stands still, however long the voltage stays."""
    sample = Sample()
    sample.peaks(train(20, 3))
    sample.apply(1.0, 10e-3)
    after = sample.variables[0]
    sample.apply(1.0, 1e4)
    assert sample.variables[0] == pytest.approx(after, abs=1e-8)


def test_ten_years_of_rest() -> None:
    sample = Sample(200e-6)
    sample.apply(1.5, WIDTH)
    lasting = sample.variables[0]
    sample.rest(10 * 31557600.0)
    assert sample.variables[1:] == pytest.approx(np.zeros(5), abs=1e-12)
    assert lasting < sample.variables[0] < 0.5  # towards half-way, from below


def test_warmth_speeds_relaxation() -> None:
    left = []
    for temperature in (280.0, 300.0, 320.0):
        sample = Sample(200e-6)
        sample.apply(1.0, WIDTH, temperature)
        sample.rest(0.05, temperature)
        left.append(sample.g)
    assert left == sorted(left, reverse=True)


def test_equal_rates_are_no_trouble() -> None:
    """A relaxation as fast as the trace follows: the closed form would divide by zero."""
    for times in ({"t1": 2e-3}, {"t1": 2e-3 * (1 + 1e-9)}, {"t1": 2e-3 * (1 + 1e-4)}):
        sample, near = Sample(**times), Sample(t1=2e-3 * (1 + 1e-3))
        for one in (sample, near):
            one.apply(1.0, WIDTH)
            one.rest(1e-3)
        assert sample.variables == pytest.approx(near.variables, rel=2e-3)


# -- variations and the tally ---------------------------------------------------------------------


def test_one_factor_for_one_excursion() -> None:
    """However time is cut, and with edges: the same pulse is the same pulse."""
    whole, cut = Sample(seed=5), Sample(seed=5)
    for _ in range(5):
        whole.apply(1.0, WIDTH)
        whole.rest(0.1)
        for _ in range(4):
            cut.apply(1.0, WIDTH / 4)
        for _ in range(3):
            cut.rest(0.1 / 3)
    assert cut.variables == pytest.approx(whole.variables, rel=1e-9)
    assert whole.variables != pytest.approx(Sample(seed=6).variables, rel=1e-6)


def test_another_seed_is_another_history_and_no_seed_is_none() -> None:
    ends = []
    for seed in (1, 1, 2, None):
        sample = Sample(seed=seed)
        sample.peaks(train(10, 5))
        ends.append(sample.g)
    assert ends[0] == ends[1]
    assert len(set(ends)) == 3


def test_a_device_in_an_array_is_the_device_alone() -> None:
    model = family("ftj").load("bto-nsto")
    single = model.fresh(1, Stream(4), spread=True)
    array = model.fresh(5, Stream(4), spread=True)
    for state in (single, array):
        for level, length in ((1.0, WIDTH), (0.0, 0.1), (-1.5, WIDTH), ((0.0, 1.2), 1e-5)):
            model.advance(state, {"top": level}, length, ROOM, Stream(9))
    assert array.values[:, 0].tolist() == single.values[:, 0].tolist()
    assert len(set(array.row("p").tolist())) == 5


def test_every_device_begins_where_it_was_asked_to() -> None:
    model = family("ftj").load("bto-nsto", {"conductance": "321 uS"})
    state = model.fresh(20, Stream(4), spread=True)
    assert model.conductance(state) == pytest.approx(np.full(20, 321e-6), rel=1e-12)


def test_the_tally_counts_excursions() -> None:
    sample = Sample()
    charge = 0.0
    for level, length in (
        (1.0, 1e-4), (1.0, 1e-4), (0.1, 1e-3), ((0.0, 1.2), 1e-5), (1.2, 1e-4), ((1.2, -1.5), 1e-4),
        (-1.5, 1e-4), (0.0, 1.0), (0.3, 1e-3), (-1.0, 1e-4), (1.0, 1e-4), (1.0, 0.0),
    ):  # fmt: skip
        charge += sample.apply(level, length)
    tally = sample.state.tally()
    assert (tally.positive, tally.negative) == (3, 2)
    assert tally.peak == 1.5
    assert tally.charge == pytest.approx(charge, rel=1e-12)
    assert tally.throughput > abs(tally.charge)


def test_current_goes_in_where_it_is_driven() -> None:
    sample = Sample(200e-6)
    into_top, into_bottom = sample.model.current(sample.state, {"top": 0.5, "bottom": -0.5})[:, 0]
    assert into_top == pytest.approx(200e-6 * 1.565, rel=1e-3)
    assert into_bottom == -into_top


@pytest.mark.parametrize("siemens", [50e-6, 300e-6, 1300e-6, 1500e-6])
@pytest.mark.parametrize("level", [0.05, 0.3, 0.4, 1.0, -1.5])
def test_current_obeys_the_laws_of_conduction(siemens: float, level: float) -> None:
    sample = Sample(siemens)
    found = sample.model.current(sample.state, {"top": level})[0, 0]
    assert found == pytest.approx(current(siemens, level, sample.model.parameters), rel=1e-12)


def test_current_rises_with_voltage_and_with_conductance() -> None:
    grid = np.linspace(-2, 2, 401)
    states = [Sample(g) for g in np.geomspace(42e-6, 1500e-6, 30)]
    table = np.array([[s.model.current(s.state, {"top": v})[0, 0] for v in grid] for s in states])
    assert (np.diff(table, axis=1) > 0).all()
    assert (np.diff(np.abs(table[:, grid != 0]), axis=0) > 0).all()


def test_bottom_drives_the_other_way() -> None:
    one, other = Sample(), Sample()
    one.apply(-1.5, WIDTH)
    other.model.advance(other.state, {"bottom": 1.5}, WIDTH, ROOM, None)
    assert other.variables.tolist() == one.variables.tolist()


def test_a_conductance_out_of_reach_is_refused() -> None:
    with pytest.raises(BadInput, match=r"1 S was asked for.*4\.189e-03|1 S was asked for"):
        Sample(1.0)


# -- arrays, trains, wear, noise ------------------------------------------------------------------

TURN = [
    ({"top": 1.0}, WIDTH),
    ({}, 0.05),
    ({"top": (0.0, -1.5)}, 1e-3),
    ({"top": -1.5}, WIDTH),
    ({"top": 0.1}, 1e-3),
    ({"top": (-0.2, 0.9)}, 1e-3),
    ({}, 0.02),
]


@pytest.mark.parametrize("kernels", ["numba", "numpy"])
@pytest.mark.parametrize("seed", [None, 5])
def test_an_array_is_its_devices(
    monkeypatch: pytest.MonkeyPatch, kernels: str, seed: int | None
) -> None:
    """Compiled or not, with variations and wear: each device does what it does alone."""
    monkeypatch.setenv("LABCTL_KERNELS", kernels)
    model = family("ftj").load("bto-nsto", {"endurance": 1e4})
    stream = None if seed is None else Stream(seed)
    among = model.fresh(9, Stream(3), spread=True, first=100)
    together = model.repeat(among, TURN, 7, ROOM, stream)
    for device in (0, 4, 8):
        alone = model.fresh(1, Stream(3), spread=True, first=100 + device)
        charge = np.zeros((2, 1))
        for _ in range(7):
            for levels, duration in TURN:
                charge += model.advance(alone, levels, duration, ROOM, stream)
        np.testing.assert_allclose(alone.values[:, 0], among.values[:, device], rtol=1e-11)
        np.testing.assert_allclose(charge[:, 0], together[:, device], rtol=1e-9)


@pytest.mark.parametrize("devices", [1, 8])
def test_a_train_is_done_to_its_steady_state_only(devices: int) -> None:
    """A billion turns are what some thousand are, but for the counts; plain and compiled."""
    model = family("ftj").load()
    turn = [({"top": 1.5}, WIDTH), ({}, 0.5), ({"top": -1.5}, WIDTH), ({}, 0.5)]
    long, short = (model.fresh(devices, Stream(1), spread=True) for _ in range(2))
    charge = model.repeat(long, turn, 10**9, ROOM, None)
    some = model.repeat(short, turn, 2000, ROOM, None)
    more = model.repeat(short, turn, 1, ROOM, None)
    for name in VARIABLES:
        np.testing.assert_allclose(long.row(name), short.row(name), rtol=1e-9, atol=1e-12)
    assert long.tally().pulses == 2 * 10**9
    np.testing.assert_allclose(charge, some + (10**9 - 2000) * more, rtol=1e-6)


def test_wear_pins_domains() -> None:
    """After as many excursions as the endurance, a pulse does half of what it did for good."""
    gained = []
    for done in (0, 1000):
        sample = Sample(endurance=1000.0)
        sample.state.row("positive")[:] = done
        before = sample.variables[0]
        sample.apply(1.0, 1e-6)
        gained.append(sample.variables[0] - before)
    assert gained[1] == pytest.approx(gained[0] / 2, rel=3e-3)


def test_noise_is_off_unless_asked_for_and_by_age() -> None:
    sample = Sample(flicker=1e-3, telegraph=2e-3)
    sample.rest(1.0)
    still = sample.g
    assert still == pytest.approx(200e-6, rel=1e-6)
    sample.state.noise = Stream(2)
    looks = []
    for _ in range(400):
        looks.append(sample.g)
        assert sample.g == looks[-1]  # to look does not change anything
        sample.rest(0.02)
    relative = np.array(looks) / still
    # eight decades of 1/f noise of 1e-3 each, and a telegraph of 2e-3
    assert relative.std() == pytest.approx(2.5e-3, rel=0.5)
    assert sample.variables[0] == pytest.approx(Sample().variables[0], abs=1e-7)


def test_a_reading_is_the_mean_of_the_noise() -> None:
    sample = Sample(flicker=1e-3)
    sample.state.noise = Stream(2)
    whole, cut = sample, Sample(flicker=1e-3)
    cut.state.noise = Stream(2)
    charge = whole.apply(0.1, 1.0)
    parts = sum(cut.apply(0.1, 0.1) for _ in range(10))
    assert parts == pytest.approx(charge, rel=1e-9)
    assert charge != pytest.approx(200e-6 * 0.1 * 1.0, rel=1e-6)


def test_series_of_turns_with_noise_is_one_by_one() -> None:
    one, other = (Sample(flicker=1e-3) for _ in range(2))
    for sample in (one, other):
        sample.state.noise = Stream(2)
    turn = [({"top": 0.1}, 1e-3), ({"top": 1.0}, WIDTH)]
    charge = one.model.repeat(one.state, turn, 5, ROOM, None)[0, 0]
    single = sum(
        other.model.advance(other.state, levels, duration, ROOM, None)[0, 0]
        for levels, duration in turn * 5
    )
    assert charge == pytest.approx(single, rel=1e-12)


@pytest.mark.parametrize("path", ["numba", "numpy"])
def test_a_long_train_with_noise_has_the_state_of_its_pulses(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One junction, compiled or not: every excursion its own factor, one mean fluctuation."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    one, other = (Sample(flicker=1e-3, seed=4) for _ in range(2))
    for sample in (one, other):
        sample.state.noise = Stream(2)
    turn = [({"top": 1.0}, WIDTH), ({}, 1e-3)]
    charge = one.model.repeat(one.state, turn, 1700, ROOM, one.stream)[0, 0]
    single = sum(other.apply(levels.get("top", 0.0), t) for levels, t in turn * 1700)
    np.testing.assert_allclose(one.variables, other.variables, rtol=1e-9, atol=1e-12)
    assert one.state.tally().positive == other.state.tally().positive == 1700
    assert charge == pytest.approx(single, rel=2e-4)  # of fluctuations of 1e-3 a decade
    assert charge != pytest.approx(single, rel=1e-12)
