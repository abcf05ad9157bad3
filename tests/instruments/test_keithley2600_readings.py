"""What the instrument prints, as rows: times, achieved values, uncertainties, flags."""

import math

import pytest

from instruments.keithley2600_limits import MODELS, limits_of
from instruments.keithley2600_lines import parse_status
from instruments.keithley2600_program import Unit, compile_play
from instruments.keithley2600_readings import Decoder
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest

MODEL = MODELS["2602B"]
ONE = Unit(MODEL, limits_of(MODEL, 50.0), 50.0, {"top": "a"})
TWO = Unit(MODEL, limits_of(MODEL, 50.0), 50.0, {"top": "a", "gate": "b"})


def rows_of(waveform, *lines, unit=ONE, compliance=1e-3, t0=2.0):
    decoder = Decoder(compile_play(Play(waveform, compliance), unit))
    for line in lines:
        decoder.hold(line)
    return decoder.rows(t0)


def test_time_is_the_start_of_the_sweep_plus_first_delay_plus_timestamps():
    pair = pulse(1.0, 100e-6) + rest(0.01) + pulse(1.0, 100e-6)
    first, second = rows_of(pair, "2e-4, 0, 0, 0.99, 3e-4, 1.0101e-2, 0, 1.0")
    # aperture of 0.001 PLC (20 us) centred on the window from 70 to 95 us: from 72 to 92 us
    assert first.t == pytest.approx(2.0 + 82.5e-6, abs=1e-6)
    assert second.t - first.t == pytest.approx(0.010101, abs=1e-7)
    assert (first.i, second.i) == (2e-4, 3e-4)
    assert first.role == second.role == "pulse"
    assert first.width == second.width == 100e-6


def test_the_buffers_own_zero_does_not_matter():
    (a,), (b,) = (rows_of(pulse(1.0, 100e-6), f"2e-4, {stamp}, 0, 1") for stamp in (0, 17.25))
    assert a == b


def test_lines_continue_where_the_last_one_ended():
    decoder = Decoder(compile_play(Play((pulse(1.0, 100e-6) + rest(0.01)) * 4, 1e-3), ONE))
    decoder.hold("1e-4, 0, 0, 1, 2e-4, 0.0101, 0, 1")
    early = decoder.rows(1.0)
    decoder.hold("3e-4, 0.0202, 0, 1, 4e-4, 0.0303, 0, 1")
    late = decoder.rows(1.0)
    assert [row.i for row in early + late] == [1e-4, 2e-4, 3e-4, 4e-4]
    assert late[1].t - early[0].t == pytest.approx(0.0303)


def test_readings_nobody_asked_for_are_dropped():
    body = pulse(1.0, 100e-6, measured=False) + rest(1e-3) + read(0.1, 2e-3) + rest(1e-3)
    rows = rows_of(body * 2, ", ".join(f"{k}e-6, {k}e-3, 0, 1" for k in range(4)))
    assert [(row.role, row.i) for row in rows] == [("read", 1e-6), ("read", 3e-6)]
    assert {row.width for row in rows} == {2e-3}


def test_the_level_is_the_programmed_one_unless_the_source_was_limiting():
    free, limited = rows_of(
        (pulse(1.0, 100e-6) + rest(0.01)) * 2, "2e-4, 0, 0, 0.97, 1e-3, 0.0101, 64, 0.412"
    )
    assert (free.v_set, free.v, free.flags & Flag.COMPLIANCE) == (1.0, 1.0, 0)
    assert (limited.v_set, limited.v) == (1.0, 0.412)
    assert limited.flags & Flag.COMPLIANCE
    # source on 1 V: 0.02 % + 400 uV; meter: 0.015 % + 200 uV + 0.6 % of range at 0.001 PLC
    assert free.u_v == pytest.approx((2e-4 + 400e-6) / math.sqrt(3))
    assert limited.u_v == pytest.approx((0.412 * 1.5e-4 + 200e-6 + 6e-3) / math.sqrt(3))


def test_the_uncertainty_of_the_current_is_that_of_the_range_and_the_aperture():
    fast, *_ = rows_of(pulse(1.0, 100e-6), "2e-4, 0, 0, 1")
    slow, *_ = rows_of(read(0.1, 100e-3), "2e-4, 0, 0, 1")  # 75 ms: 3.75 PLC
    assert fast.u_i == pytest.approx((2e-4 * 2e-4 + 200e-9 + 5e-6) / math.sqrt(3))
    assert slow.u_i == pytest.approx((2e-4 * 2e-4 + 200e-9) / math.sqrt(3))


def test_an_overflow_is_flagged_and_never_a_number():
    (row,) = rows_of(pulse(1.0, 100e-6), "9.91e37, 0, 64, 9.91e37")
    assert math.isnan(row.i)
    assert math.isnan(row.v)
    assert Flag(row.flags) & Flag.OVERRANGE
    assert Flag(row.flags) & Flag.COMPLIANCE


def test_a_reading_taken_long_before_the_range_settles_is_flagged():
    # the 100 nA range settles in 20 ms; the reading opens 200 us after the step
    (early,) = rows_of(read(0.1, 1e-3), "5e-8, 0, 0, 0.1", compliance=1e-7)
    (late,) = rows_of(read(0.1, 0.5), "5e-8, 0, 0, 0.1", compliance=1e-7)
    assert early.flags == Flag.UNSETTLED
    assert late.flags == 0
    # 1 mA settles in 100 us: what is left after 72 us is less than the accuracy of the reading
    (fast,) = rows_of(pulse(1.0, 100e-6), "2e-4, 0, 0, 1")
    assert fast.flags == 0


def test_two_channels_are_merged_by_time():
    both = pulse(1.0, 1e-3) | pulse(0.5, 1e-3, terminal="gate")
    rows = rows_of(
        (both + rest(1e-3)) * 2,
        "1e-4, 0, 0, 1, 2e-4, 2e-3, 0, 1",
        "3e-4, 0, 0, 0.5, 4e-4, 2e-3, 0, 0.5",
        unit=TWO,
    )
    assert [(row.terminal, row.i) for row in rows] == [
        ("top", 1e-4), ("gate", 3e-4), ("top", 2e-4), ("gate", 4e-4),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["nonsense", "1e-4, 0, 0", "", "labctl done x 0", "labctl done"])
def test_what_is_no_reading_is_not_taken_for_one(line):
    decoder = Decoder(compile_play(Play(pulse(1.0, 1e-3), 1e-3), ONE))
    with pytest.raises(ValueError, match=r".*"):
        parse_status(line) or decoder.hold(line)
