"""The source-meter's electronics: errors, noise, settling, compliance, and none of them."""

import math
import statistics

import pytest

from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices import Stream, family
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley2602b import SPEC

IDEAL = Imperfections(instrument=False, read=False)
RANGES = {"v_range": 1.0, "i_range": 1e-3, "nplc": 1.0, "line_frequency": 50.0}


def over(conductance: float = 1e-4, name: str = "resistor") -> tuple[Fixture, Clock]:
    model, clock = family(name).load("", {"conductance": conductance}), Clock()
    return Fixture(model, model.fresh(1, Stream(0), spread=False), None, clock), clock


def meter(conductance: float = 1e-4, **options: object) -> tuple[SourceMeter, Clock]:
    fixture, clock = over(conductance)
    return SourceMeter(SPEC, fixture, "top", **options), clock


def measured(source: SourceMeter, clock: Clock, aperture: float = 20e-3, **changes: float):
    mark = source.begin()
    clock.advance(aperture)
    return source.finish(mark, **{**RANGES, **changes})


# -- ideal ----------------------------------------------------------------------------------------


def test_an_ideal_source_is_exact_and_settles_at_once() -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_source("v", 0.7, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    sample = measured(source, clock, 1e-6)
    assert (sample.v, sample.i) == pytest.approx((0.7, 0.7e-4), rel=1e-12)
    assert (sample.limited, sample.v_overrange, sample.i_overrange) == (False, False, False)


def test_a_mean_is_over_the_aperture() -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_output(True)
    mark = source.begin()
    clock.advance(1e-3)
    source.set_source("v", 1.0, 1.0, 1e-3, 1e-3)
    clock.advance(3e-3)
    sample = source.finish(mark, **RANGES)
    assert (sample.v, sample.i) == pytest.approx((0.75, 0.75e-4))


def test_nothing_flows_before_the_output_is_on_and_after_it_is_off() -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_source("v", 1.0, 1.0, 1e-3, 1e-3)
    assert measured(source, clock)[:2] == (0.0, 0.0)
    source.set_output(True)
    assert measured(source, clock).i == pytest.approx(1e-4)
    source.set_output(False)
    assert measured(source, clock)[:2] == pytest.approx((0.0, 0.0))
    source.set_output(True)
    source.set_output(False, high_impedance=True)
    assert measured(source, clock).i == 0.0
    assert not source.limited


@pytest.mark.parametrize("sign", [1, -1])
def test_compliance(sign: int) -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_source("v", sign * 1.0, 1.0, 40e-6, 100e-6)
    source.set_output(True)
    sample = measured(source, clock)
    assert (sample.v, sample.i) == pytest.approx((sign * 0.4, sign * 40e-6))
    assert sample.limited
    assert source.limited
    source.set_source("v", sign * 0.3, 1.0, 40e-6, 100e-6)
    assert not measured(source, clock).limited


def test_a_current_source_and_its_voltage_limit() -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_source("i", -50e-6, 1e-3, 2.0, 6.0)
    source.set_output(True)
    sample = measured(source, clock)
    assert (sample.v, sample.i, sample.limited) == pytest.approx((-0.5, -50e-6, False))
    source.set_source("i", -50e-6, 1e-3, 0.2, 1.0)
    sample = measured(source, clock)
    assert (sample.v, sample.i, sample.limited) == pytest.approx((-0.2, -20e-6, True))


def test_a_reading_beyond_its_range_says_so() -> None:
    source, clock = meter(imperfections=IDEAL)
    source.set_source("v", 2.0, 6.0, 1e-3, 1e-3)
    source.set_output(True)
    sample = measured(source, clock, i_range=100e-6, v_range=1.0)
    assert sample.v_overrange
    assert sample.i_overrange
    sample = measured(source, clock, i_range=1e-3, v_range=6.0)
    assert (sample.v_overrange, sample.i_overrange) == (False, False)


def test_a_reading_without_aperture_is_the_moment() -> None:
    source, _ = meter(imperfections=IDEAL)
    source.set_source("v", 0.5, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    sample = source.finish(source.begin(), **RANGES)
    assert sample.i == pytest.approx(0.5e-4)


def test_two_channels_share_the_device() -> None:
    fixture, clock = over(1e-3)
    top = SourceMeter(SPEC, fixture, "top", imperfections=IDEAL)
    bottom = SourceMeter(SPEC, fixture, "bottom", imperfections=IDEAL)
    for source, level in ((top, 0.6), (bottom, -0.3)):
        source.set_source("v", level, 1.0, 1e-1, 1e-1)
        source.set_output(True)
    marks = top.begin(), bottom.begin()
    clock.advance(1e-3)
    first, second = top.finish(marks[0], **RANGES), bottom.finish(marks[1], **RANGES)
    assert first.i == pytest.approx(0.9e-3)
    assert second.i == pytest.approx(-0.9e-3)


# -- real -----------------------------------------------------------------------------------------


def test_errors_stay_within_the_specification_and_differ_between_instruments() -> None:
    shown = []
    for seed in range(40):
        source, clock = meter(seed=str(seed), imperfections=Imperfections(read=False))
        source.set_source("v", 0.9, 1.0, 1e-3, 1e-3)
        source.set_output(True)
        clock.advance(1.0)
        sample = measured(source, clock)
        level = 0.9 * 2e-4 + 400e-6
        assert abs(sample.v - 0.9) < level + 0.9 * 1.5e-4 + 200e-6 + 1e-4
        assert abs(sample.i - 0.9e-4) < level * 1e-4 + 0.9e-4 * 2e-4 + 200e-9 + 1e-8
        shown.append(sample.v)
    assert len(set(shown)) == 40
    assert statistics.stdev(shown) > 1e-4


def test_errors_belong_to_the_instrument_and_noise_to_the_session() -> None:
    def readings(session: int) -> list[float]:
        source, clock = meter(seed="x", session=session)
        source.set_source("v", 0.5, 1.0, 1e-3, 1e-3)
        source.set_output(True)
        clock.advance(1.0)
        return [measured(source, clock, nplc=0.001, aperture=2e-5).i for _ in range(200)]

    one, again, other = readings(1), readings(1), readings(2)
    assert one == again
    assert one != other
    noise = statistics.stdev(one)
    assert statistics.mean(one) == pytest.approx(statistics.mean(other), abs=0.5 * noise)


def test_a_short_aperture_is_noisy_by_the_book() -> None:
    source, clock = meter(imperfections=Imperfections(read=False))
    source.set_source("v", 0.5, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    clock.advance(1.0)
    for nplc in (1.0, 0.01):
        shown = [measured(source, clock, 0.02 * nplc, nplc=nplc).i for _ in range(300)]
        expected = SPEC.i_measure[4].rms_noise(nplc)
        assert statistics.stdev(shown) == pytest.approx(expected, rel=0.15)


def test_device_noise_is_thermal_at_zero_and_shot_above() -> None:
    source, clock = meter(1e-3, imperfections=Imperfections(instrument=False, read=True))
    source.set_output(True)
    for level in (0.0, 1.0):
        source.set_source("v", level, 1.0, 1e-1, 1e-1)
        shown = [measured(source, clock, 1e-4).i for _ in range(600)]
        density = 2 * 1.602e-19 * 1e-3 if level else 4 * 1.381e-23 * 300 * 1e-3
        expected = math.sqrt(density / (2 * 1e-4))
        assert statistics.stdev(shown) == pytest.approx(expected, rel=0.12)


def test_a_step_settles_in_the_time_specified() -> None:
    fixture, clock = over(1e-4)
    source = SourceMeter(SPEC, fixture, "top", imperfections=Imperfections(read=False))
    source.set_source("v", 1.0, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    tau = SPEC.v_source[1].time_constant
    start = source.drive.v
    curve = []
    for _ in range(200):
        clock.advance(tau / 20)
        fixture.sync()
        curve.append(source.drive.v)
    final = curve[-1]
    for k, level in enumerate(curve, 1):
        exact = 1 - math.exp(-k / 20)
        assert abs((level - start) / (final - start) - exact) < 0.11
    assert source.drive.flux == pytest.approx((10 - 1) * tau, rel=2e-3)  # one tau of it missing
    clock.advance(SPEC.v_source[1].settling - 10 * tau)
    fixture.sync()
    assert source.drive.v == final


def test_a_meter_remembers_the_current_before() -> None:
    """Just after a step a reading lags by what its range settles slower than the source."""
    source, clock = meter(1e-3, imperfections=Imperfections(read=False))
    source.set_source("v", 0.0, 1.0, 1e-2, 1e-2)
    source.set_output(True)
    clock.advance(1.0)
    source.set_source("v", 0.9, 1.0, 1e-2, 1e-2)
    clock.advance(20e-6)
    early = measured(source, clock, 10e-6).i
    clock.advance(100e-6)
    late = measured(source, clock, 10e-6).i
    assert 0.01 < 1 - early / late < 0.2


def test_cable_charge_passes_the_meter_once() -> None:
    fixture, clock = over(0.0)
    source = SourceMeter(SPEC, fixture, "top")
    source.set_source("v", 1.0, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    clock.advance(1e-3)
    fixture.sync()
    assert source.drive.charge == pytest.approx(130e-12, rel=0.01)


def test_the_current_overshoots_while_the_limit_acts() -> None:
    source, clock = meter(1e-2, imperfections=Imperfections(read=False))
    source.set_source("v", 1.0, 1.0, 1e-3, 1e-3)
    source.set_output(True)
    clock.advance(1e-3)
    assert source.limited
    response = SPEC.i_source[4].time_constant
    extra = source.drive.charge - 1e-3 * 1e-3
    assert 0 < extra < 1e-2 * response
    assert measured(source, clock).i == pytest.approx(1e-3, rel=2e-3)
