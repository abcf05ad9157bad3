"""Energy: propagation, pooling, the floor, the parts of an event, and the reference sets."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from labctl.analysis.accuracy import Accuracy, rectangular
from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.energy import DEFINITION, energy_per_pulse, pulse_energies
from labctl.analysis.energy_kinds import (
    flat_energy,
    optical_energy,
    per_area,
    per_bit,
    three_terminal_energy,
)
from labctl.analysis.energy_parts import (
    Capacitance,
    Event,
    Leakage,
    event_energy,
    reference_pulse,
    split_energy,
)
from labctl.analysis.references import (
    BIOLOGY,
    GRADES,
    draw_endurance,
    draw_energies,
    draw_levels,
    endurance_reference,
    energy_reference,
    energy_table,
    multilevel_reference,
)
from labctl.errors import BadInput
from labctl.results import Metric


def test_energy_is_level_times_current_times_achieved_width() -> None:
    energy, _ = pulse_energies([1.0, -1.0], [5e-4, -5e-4], [100e-6, 200e-6], 0, 0)
    assert energy == pytest.approx([50e-9, 100e-9])


def test_uncertainty_agrees_with_a_simulation() -> None:
    rng = np.random.default_rng(1)
    u_v, u_i, u_w = 0.02, 1e-5, 2e-6
    _, u = pulse_energies(1.0, 5e-4, 100e-6, u_v, u_i, u_w)
    draws = (
        rng.normal(1.0, u_v, 200_000)
        * rng.normal(5e-4, u_i, 200_000)
        * rng.normal(100e-6, u_w, 200_000)
    )
    assert u == pytest.approx([np.std(draws)], rel=0.01)


def test_the_specification_does_not_shrink_with_the_number_of_pulses_but_the_scatter_does() -> None:
    rng = np.random.default_rng(2)
    i = 5e-4 * (1 + 0.05 * rng.normal(size=400))
    few = energy_per_pulse(np.ones(4), i[:4], 100e-6, 0.0, 2e-6)
    many = energy_per_pulse(np.ones(400), i, 100e-6, 0.0, 2e-6)
    assert few is not None
    assert many is not None
    assert few.sigma is not None
    assert few.sigma > 2 * many.sigma  # type: ignore[operator]
    assert many.sigma == pytest.approx(np.hypot(2e-10, 2.5e-9 / 20), rel=0.05)
    assert many.value == pytest.approx(50e-9, rel=0.01)
    assert many.unit == "J"
    assert many.definition == DEFINITION in DEFINITIONS
    assert not many.bound


@pytest.mark.parametrize("i", [1e-12, 0.0, -1e-9])
def test_below_the_floor_there_is_an_upper_bound(i: float) -> None:
    found = energy_per_pulse([1.0], [i], 1e-4, 1e-3, 2e-9)
    assert found is not None
    assert found.bound
    assert found.sigma is None
    u = np.hypot(2e-13, i * 1e-4 * 1e-3)
    assert found.value == pytest.approx(max(i * 1e-4, 0) + 1.6449 * u, rel=1e-3)
    assert str(found).startswith("<= ")


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    u_i, truth = 1e-9, 0.2e-9
    bounds = [energy_per_pulse(1.0, truth + rng.normal(0, u_i), 1e-4, 0, u_i) for _ in range(2000)]
    held = [b.value >= truth * 1e-4 for b in bounds if b is not None and b.bound]
    assert np.mean(held) >= 0.94


def test_values_that_are_not_finite_are_left_out() -> None:
    found = energy_per_pulse([1, np.nan, 1], [1e-4, 1e-4, np.inf], 1e-4, 1e-3, 1e-7)
    assert found is not None
    assert found.value == pytest.approx(1e-8)
    assert energy_per_pulse([np.nan], [1], 1, 0, 0) is None
    assert energy_per_pulse([], [], [], [], []) is None


def test_unequal_lengths() -> None:
    with pytest.raises(BadInput, match="their numbers must be equal"):
        energy_per_pulse([1, 2], [1, 2, 3], 1, 0, 0)


@given(st.lists(st.tuples(*[st.floats()] * 6), max_size=6))
def test_any_numbers(rows: list[tuple[float, ...]]) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    found = energy_per_pulse(*columns)
    if found is not None:
        assert np.isfinite(found.value)
        assert found.sigma is None or 0 <= found.sigma < found.value


# The energy of a captured waveform and of its parts


def capture(n: int = 2001, accuracy: Accuracy | None = None) -> tuple[Event, float, float]:
    """Return a pulse with leakage, displacement current and a switching current, and C and G."""
    t = np.linspace(0, 200e-6, n)
    v = np.interp(t, [0, 20e-6, 25e-6, 120e-6, 125e-6, 200e-6], [0, 0, 1, 1, 0, 0])
    c, g = 1e-10, 1e-6
    switching = 1e-5 / (1 + np.exp(-(t - 60e-6) / 2e-6)) * v
    return Event.of(t, v, switching + g * v + c * np.gradient(v, t), accuracy), c, g


class TestParts:
    def test_they_add_up_to_the_integral(self) -> None:
        event, c, g = capture()
        found = split_energy(
            event, leakage=Leakage(g), capacitance=Capacitance(c), reads=[(150e-6, 160e-6)]
        )
        parts = {name: metric.value for name, metric in found.metrics.items()}
        total = float(np.sum(event.weights * event.v * event.i))
        assert event_energy(event).value == pytest.approx(total)
        assert parts["switching"] + parts["leakage"] == pytest.approx(total)
        assert parts["charging"] == 0.0
        # (1 us less half an edge) of 1 V on 1 uS, and 60 us on 10 uS
        assert parts["leakage"] == pytest.approx(g * (95e-6 + 2 * 5e-6 / 3), rel=1e-3)
        assert parts["switching"] == pytest.approx(1e-5 * (60e-6 + 5e-6 / 3), rel=5e-3)
        assert parts["capacitive"] == pytest.approx(c)
        assert all(metric.definition in DEFINITIONS for metric in found.metrics.values())

    def test_a_train_pays_for_its_capacitance_at_every_pulse(self) -> None:
        t = np.arange(500) * 1e-6
        v = np.where(t % 100e-6 < 50e-6, 2.0, 0.0) * np.where(t < 200e-6, 1, -0.5)
        found = split_energy(Event.of(t, v, 0 * t), capacitance=Capacitance(1e-12, 1e-14))
        assert found.metrics["capacitive"].value == pytest.approx(1e-12 * (2 * 4 + 3 * 1))
        assert found.metrics["capacitive"].sigma == pytest.approx(1e-14 * 11)

    def test_a_part_that_is_not_stated_is_counted_as_switching_and_said(self) -> None:
        event, _, _ = capture()
        found = split_energy(event)
        assert set(found.metrics) == {"total", "switching"}
        assert found.note == "not stated, so counted as switching: leakage, capacitance"
        assert found.metrics["switching"].value == found.metrics["total"].value

    def test_a_read_is_taken_out(self) -> None:
        t = np.arange(1000) * 1e-6
        v = np.where((t > 100e-6) & (t < 200e-6), 1.0, np.where(t > 700e-6, 0.1, 0.0))
        found = split_energy(Event.of(t, v, 1e-5 * v), reads=[(700e-6, 1.0)])
        assert found.metrics["read"].value == pytest.approx(1e-5 * 0.01 * 299e-6, rel=0.01)
        assert found.metrics["switching"].value == pytest.approx(1e-5 * 99e-6, rel=0.02)

    def test_uncertainties_agree_with_a_simulation(self) -> None:
        accuracy = Accuracy(
            gain_v=2e-3, gain_i=5e-3, offset_v=3e-3, offset_i=1e-7, noise_v=5e-3, noise_i=2e-7,
            timebase=2e-3, skew=3e-7,
        )  # fmt: skip
        event, c, g = capture(801, accuracy)
        rng = np.random.default_rng(1)
        drawn = []
        for _ in range(800):
            a, z = accuracy, rng.normal(size=6)
            v = event.v * (1 + a.gain_v * z[0]) + a.offset_v * z[1]
            i = np.interp(event.t + a.skew * z[5], event.t, event.i)
            i = i * (1 + a.gain_i * z[2]) + a.offset_i * z[3]
            v = v + rng.normal(0, a.noise_v, len(v))
            i = i + rng.normal(0, a.noise_i, len(i))
            again = Event.of(event.t * (1 + a.timebase * z[4]), v, i)
            real = rng.normal(g, 2e-8)
            found = split_energy(again, leakage=Leakage(real), capacitance=Capacitance(c))
            drawn.append([found.metrics[name].value for name in ("total", "switching", "leakage")])
        stated = split_energy(event, leakage=Leakage(g, 2e-8), capacitance=Capacitance(c))
        for k, name in enumerate(("total", "switching", "leakage")):
            assert stated.metrics[name].sigma == pytest.approx(np.std(drawn, axis=0)[k], rel=0.1)
        expected = np.corrcoef(np.array(drawn).T)
        rows = np.array(stated.covariance)[:3, :3]
        spread = np.sqrt(np.diag(rows))
        assert rows / np.outer(spread, spread) == pytest.approx(expected, abs=0.12)

    def test_a_gain_does_not_shrink_with_the_samples_and_noise_does(self) -> None:
        few, many = (
            split_energy(capture(n, Accuracy(gain_i=1e-3, noise_i=1e-6))[0]).budget
            for n in (201, 20001)
        )
        rows = {name: k for k, name in enumerate(few.columns[0].data)}
        for name, ratio in (("gain of the current", 1.0), ("noise of the current", 10.0)):
            one, two = (float(b.columns[1].data[rows[name]] or 0) for b in (few, many))
            assert one / two == pytest.approx(ratio, rel=0.02)

    def test_coarse_sampling_and_a_long_aperture_are_counted(self) -> None:
        coarse, fine = capture(41)[0], capture(4001)[0]
        u = {
            n: dict(zip(b.columns[0].data, b.columns[1].data, strict=True))["sampling"]
            for n, b in ((41, split_energy(coarse).budget), (4001, split_energy(fine).budget))
        }
        assert u[41] > 100 * u[4001]
        slow = capture(4001, Accuracy(aperture=2e-6))[0]
        cause = split_energy(slow).budget
        at = cause.columns[0].data.index("aperture")
        assert cause.columns[1].data[at] > 0

    def test_below_the_floor_a_part_is_a_bound(self) -> None:
        event, c, g = capture(801, Accuracy(offset_i=2e-5))
        found = split_energy(event, leakage=Leakage(g, g), capacitance=Capacitance(c)).metrics
        assert found["total"].bound
        assert found["switching"].bound
        assert found["leakage"].bound
        assert found["total"].value > event_energy(capture(801)[0]).value

    def test_a_reference_pulse_gives_capacitance_and_leakage(self) -> None:
        rng = np.random.default_rng(2)
        t = np.linspace(0, 200e-6, 2001)
        v = 0.1 * np.interp(t, [0, 20e-6, 25e-6, 120e-6, 125e-6, 200e-6], [0, 0, 1, 1, 0, 0])
        held = []
        for _ in range(200):
            i = 1e-10 * np.gradient(v, t) + 1e-6 * v + 5e-9 + rng.normal(0, 2e-8, len(t))
            c, g = reference_pulse(Event.of(t, v, i))
            held.append((abs(c.value - 1e-10) < 1.96 * c.u, abs(g.value - 1e-6) < 1.96 * g.u))
        assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.05)
        c, g = reference_pulse(Event.of(t, v, 1e-6 * v, Accuracy(gain_i=0.01)))
        assert g.u == pytest.approx(1e-8, rel=0.01)

    @pytest.mark.parametrize(
        ("t", "v", "i", "says"),
        [
            ([0, 1], [0, 1], [0, 1], "three or more"),
            ([0, 1, 2], [0, 1, 2], [0, 1], "their numbers must be equal"),
            ([0, 1, np.nan], [0, 1, 2], [0, 1, 2], "1 of them not finite"),
            ([0, 2, 1], [0, 1, 2], [0, 1, 2], "do not rise"),
        ],
    )
    def test_what_is_no_waveform_is_refused(
        self, t: list[float], v: list[float], i: list[float], says: str
    ) -> None:
        with pytest.raises(BadInput, match=says):
            Event.of(t, v, i)

    def test_a_reference_that_cannot_tell_is_refused(self) -> None:
        t = np.arange(10.0)
        with pytest.raises(BadInput, match="with an edge"):
            reference_pulse(Event.of(t, np.ones(10), np.ones(10)))
        with pytest.raises(BadInput, match="uncertainties are finite"):
            Accuracy(gain_v=-1.0)

    @given(
        st.lists(
            st.tuples(st.floats(1e-9, 1), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
            min_size=3, max_size=12,
        ),
        st.floats(0, 1), st.floats(0, 1e-3),
    )  # fmt: skip
    def test_any_waveform(
        self, rows: list[tuple[float, float, float]], gain: float, offset: float
    ) -> None:
        gaps, v, i = zip(*rows, strict=True)
        event = Event.of(np.cumsum(gaps), v, i, Accuracy(gain, gain, offset, offset))
        for metric in split_energy(event, leakage=Leakage(1e-3)).metrics.values():
            assert np.isfinite(metric.value)
            assert metric.sigma is None or 0 <= metric.sigma < metric.value


class TestKinds:
    def test_an_offset_cancels_between_opposite_pulses_and_a_gain_does_not(self) -> None:
        v, i = np.array([1.0, -1.0]), np.array([1e-4, -1e-4])
        assert flat_energy(v, i, 1e-4, Accuracy(offset_i=1e-6)).sigma == pytest.approx(0)  # type: ignore[union-attr]
        both = flat_energy([1.0, 1.0], [1e-4, 1e-4], 1e-4, Accuracy(offset_i=1e-6))
        assert both is not None
        assert both.sigma == pytest.approx(1e-10)
        gain = flat_energy(v, i, 1e-4, Accuracy(gain_i=0.01))
        assert gain is not None
        assert gain.sigma == pytest.approx(1e-10)

    def test_many_flat_pulses_agree_with_a_simulation(self) -> None:
        rng = np.random.default_rng(3)
        a = Accuracy(gain_v=1e-3, gain_i=2e-3, offset_i=5e-7, noise_i=2e-6, jitter=3e-7)
        drawn, stated = [], []
        for _ in range(800):
            z = rng.normal(size=3)
            i = 1e-4 * (1 + a.gain_i * z[0]) + a.offset_i * z[1] + rng.normal(0, a.noise_i, 9)
            found = flat_energy(1 + a.gain_v * z[2], i, 1e-4 + rng.normal(0, a.jitter, 9), a)
            assert found is not None
            drawn.append(found.value)
            stated.append(found.sigma)
        assert np.mean(stated) == pytest.approx(np.std(drawn), rel=0.12)

    def test_flat_pulses_without_a_usable_one(self) -> None:
        assert flat_energy([np.nan], 1, 1, Accuracy()) is None
        with pytest.raises(BadInput, match="differ in number"):
            flat_energy([1, 2], [1, 2, 3], 1, Accuracy())

    def test_light(self) -> None:
        found = optical_energy(10.0, 1e-10, 0.1, 1.0, 1e-12, 1e-3)
        assert found.value == pytest.approx(1e-10)
        assert found.sigma == pytest.approx(1e-10 * np.sqrt(0.1**2 + 0.01**2 + 0.01**2))
        assert optical_energy(0.0, 1e-10, 0.1, 1.0).bound
        with pytest.raises(BadInput, match="none may be < 0"):
            optical_energy(-1.0, 1.0, 1.0)

    def test_gate_and_drain(self) -> None:
        event = capture(801, Accuracy(gain_i=0.01, timebase=0.02))[0]
        found = three_terminal_energy(event, event)
        one = found["gate"]
        assert found["total"].value == pytest.approx(2 * one.value)
        # the clock is common to both channels, the gain is not
        assert one.sigma is not None
        expected = one.value * np.hypot(2 * 0.02, np.sqrt(2) * 0.01)
        assert found["total"].sigma == pytest.approx(expected, rel=0.01)
        shared = three_terminal_energy(event, event, common=("clock", "gain of the current"))
        assert shared["total"].sigma == pytest.approx(2 * one.sigma, rel=0.01)

    def test_per_bit_and_per_area(self) -> None:
        energy = Metric(8e-12, 1e-12, "J", "energy-event-integral")
        assert per_bit(energy, 16).value == pytest.approx(2e-12)
        assert per_bit(energy, 16).sigma == pytest.approx(0.25e-12)
        area = per_area(energy, 900e-12, 90e-12)
        assert area.value == pytest.approx(8e-12 / 900)
        assert area.sigma == pytest.approx(8e-12 / 900 * np.hypot(1 / 8, 0.1))
        assert str(per_area(Metric(47e-15, None, "J"), 1e-12)) == "47 fJ/um^2"
        bound = Metric(1e-12, None, "J", "energy-event-integral", bound=True)
        assert per_bit(bound, 2).bound
        assert per_area(bound, 1e-12, 1e-13).value == pytest.approx(1e-12 * 1.16449, rel=1e-4)
        with pytest.raises(BadInput, match="carry no bit"):
            per_bit(energy, 1)
        with pytest.raises(BadInput, match="must be positive"):
            per_area(energy, 0.0)

    def test_a_limit_is_a_rectangular_distribution(self) -> None:
        assert rectangular(1.0) == pytest.approx(np.std(np.linspace(-1, 1, 100_001)), rel=1e-4)


class TestReferences:
    def test_every_row_is_cited_and_graded(self) -> None:
        for rows in (energy_reference(), endurance_reference(), multilevel_reference()):
            assert len(rows) >= 12
            for row in rows:
                assert row.citation or row.doi
                assert row.grade in GRADES
                assert row.doi == "" or re.fullmatch(r"10\.\d{4,}/\S+", row.doi)
                assert row.doubt == "" or row.doubt.endswith(".")
                assert not re.search(r"\[[A-Z]\d?\]|\bseed\b", " ".join(map(str, astuple(row))))

    def test_energies_span_what_is_reported(self) -> None:
        known = [row for row in energy_reference() if row.energy_low is not None]
        values = [row.energy_low for row in known]
        assert min(values) == 4.28e-18
        assert max(values) == 4.7e-9
        for row in energy_reference():
            assert (row.energy_low is None) == (
                row.grade == "not found" or row.per_area is not None
            )
            assert (row.relation == "") == (row.grade == "not found")
            assert row.energy_high is None or row.energy_high >= (row.energy_low or 0)
        biology = next(row for row in known if row.kind == "biology")
        assert (biology.energy_low, biology.energy_high) == (1e-15, 1e-13)
        assert biology.energy_low <= BIOLOGY <= biology.energy_high  # type: ignore[operator]

    def test_rows_are_frozen(self) -> None:
        with pytest.raises(AttributeError):
            energy_reference()[0].device = "mine"  # type: ignore[misc]

    def test_a_measured_energy_stands_at_its_rank_beside_biology(self) -> None:
        mine = {"D3": Metric(5e-8, 1e-9, "J"), "D4": Metric(1e-18, None, "J", bound=True)}
        panel = draw_energies(mine)
        assert panel.y_log
        assert panel.y_unit == "J"
        lines = {trace.label: trace for trace in panel.traces}
        assert lines["biology, about 10 fJ"].y == (1e-14, 1e-14)
        everyone = [y for trace in panel.traces[:3] for y in trace.y]
        assert lines["D3"].x[0] > len(everyone)
        assert lines["D4 (upper bound)"].x[0] == 0.5
        assert len(everyone) == sum(
            row.energy_low is not None and row.kind != "biology" for row in energy_reference()
        )

    def test_the_table_is_in_falling_order(self) -> None:
        table = energy_table({"D3": Metric(5e-8, 1e-9, "J")})
        energies = list(table.columns[0].data)
        assert energies == sorted(energies, reverse=True)
        assert table.columns[1].data[0] == "D3"
        assert {len(column.data) for column in table.columns} == {len(energies)}

    def test_endurance_and_levels(self) -> None:
        cycles = [row.cycles for row in endurance_reference() if row.cycles is not None]
        assert (min(cycles), max(cycles)) == (60, 1e10)
        panel = draw_endurance({"D3": Metric(2e3)})
        assert panel.traces[-1].x == (sum(c < 2e3 for c in cycles) + 0.5,)
        states = {row.device: (row.states, row.dynamic_range) for row in multilevel_reference()}
        assert states["BN"] == (300, 100)
        assert states["Pb(Zr,Ti)O3"] == (5, 29)
        assert draw_levels({"D3": (10.0, 4)}).traces[-1].y == (4,)
