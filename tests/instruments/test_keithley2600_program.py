"""Waveforms as trigger-model programs: timing, folding, limits; all without an instrument."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.keithley2600_limits import (
    LEAST_AVERAGE,
    LEAST_DELAY,
    MODELS,
    TURNAROUND,
    limits_of,
)
from instruments.keithley2600_lines import program_lines
from instruments.keithley2600_program import Program, Unit, compile_play
from instruments.ranges import range_for
from labctl.capability import Violation
from labctl.steps import Play
from labctl.waveform import Segment, Window, pulse, read, rest, segment, ticks, train

MODEL = MODELS["2602B"]
ONE = Unit(MODEL, limits_of(MODEL, 60.0), 60.0, {"top": "a"})
TWO = Unit(MODEL, limits_of(MODEL, 60.0), 60.0, {"top": "a", "gate": "b"})


def program(waveform, unit=ONE, compliance=1e-3, ranges=None) -> Program:
    compiled = compile_play(Play(waveform, compliance, ranges or {}), unit)
    assert isinstance(compiled, Program), compiled
    return compiled


def violations(waveform, unit=ONE, compliance=1e-3, ranges=None) -> list[Violation]:
    compiled = compile_play(Play(waveform, compliance, ranges or {}), unit)
    assert isinstance(compiled, list), compiled
    return compiled


def limits_named(found):
    return [violation.limit.removeprefix("2602B ") for violation in found]


def test_a_pulse_pair_keeps_every_time():
    made = program(rest(0.5) + pulse(1.0, 100e-6) + rest(12.345e-3) + pulse(1.0, 200e-6) + rest(2))
    assert made.lead == 500_000
    assert made.periods[0] == 100 + 12_345
    assert made.widths == (100, 200)
    assert made.span == 100 + 12_345 + 200
    assert made.trail == 2_000_000
    assert made.tracks[0].levels == (1.0, 1.0)


def test_the_aperture_is_the_longest_that_fits_every_window_and_lies_in_its_middle():
    made = program(read(0.1, 10e-3))  # window of 7.5 ms from 2 to 9.5 ms
    assert made.nplc == 0.45
    assert made.aperture == pytest.approx(7.5e-3)
    assert made.tracks[0].offsets == (2000,)
    both = program(read(0.1, 10e-3) + rest(1e-3) + pulse(1.0, 200e-6))  # 50 us: 0.003 PLC
    assert both.nplc == 0.003
    assert both.tracks[0].offsets == (5750 - 25, 165 - 25)


def test_a_train_is_one_list_entry_and_a_count_however_long():
    made = program(train(pulse(1.0, 100e-6, measured=False), 1e-3, 10**6))
    assert made.widths == (100,)
    assert made.periods == (1000,)
    assert made.repeats == made.cycles == 10**6
    assert made.span == 999_999 * 1000 + 100
    assert len("".join(program_lines(1, made, remote_sense=False))) < 500


def test_nested_loops_of_one_body_are_folded_and_others_written_out():
    body = pulse(1.0, 100e-6) + rest(900e-6)
    assert program(body * 30 * 40).repeats == 1200
    mixed = program((body * 3 + read(0.1, 5e-3) + rest(1e-3)) * 7)
    assert mixed.repeats == 7
    assert mixed.widths == (100, 100, 100, 5000)
    assert mixed.periods == (1000, 1000, 1000, 6000)


def test_rests_are_rounded_to_the_grid_without_adding_up():
    third = rest(1e-3 / 3)
    made = program(pulse(1.0, 1e-3, measured=False) + (third + pulse(1.0, 1e-3)) * 300)
    starts = list(accumulate(made.periods[:-1], initial=0))
    exact = [round(k * (1e3 + 1e3 / 3)) for k in range(301)]
    assert max(abs(a - b) for a, b in zip(starts, exact, strict=True)) <= 1


def test_a_width_off_the_grid_is_refused_not_rounded():
    found = violations(pulse(1.0, 100.5e-6))
    assert limits_named(found) == ["time grid"]
    assert "0.0001005" in found[0].asked


@pytest.mark.parametrize(
    ("waveform", "limit"),
    [
        (pulse(1.0, 99e-6), "level width"),
        (pulse(41.0, 1e-3), "voltage"),
        (pulse(1.0, 1e-3, edge=1e-4), "ramps"),
        (pulse(1.0, 1e-3) + pulse(-1.0, 1e-3), "gap between levels"),
        ((pulse(1.0, 1e-3) + rest(50e-6)) * 2, "gap between levels"),
        (pulse(1.0, 1e-3) * 5, "gap between levels"),
        (pulse(1.0, 1e-3, terminal="gate"), "terminals"),
        ((pulse(1.0, 100e-6) + rest(1e-3)) * 60_001, "reading buffer"),
        ((pulse(1.0, 100e-6, measured=False) + rest(1e-3)) * 2_000_000, "trigger count"),
        (read(0.1, 110e-6) + rest(1e-3) + read(0.1, 50e-6), "level width"),
        (segment(1e-3, {"top": 1.0}, windows=(Window("top", 0, ticks(1e-5)),)), "aperture"),
        (segment(1e-3, {"top": 1.0}, windows=(Window("top", 0, ticks(2e-5)),)), "reading delay"),
        (segment(1e-3, {"top": 1.0}, windows=(Window("top", 10, ticks(2e-3)),)), "aperture"),
    ],
)
def test_every_limit_is_named_with_asked_allowed_and_remedy(waveform, limit):
    found = violations(waveform)
    assert limit in limits_named(found)
    for violation in found:
        assert violation.asked
        assert violation.allowed
        assert violation.remedy
        assert "\n" not in str(violation)


def test_more_levels_than_fit_are_refused_with_the_remedy():
    parts = rest(1e-3)
    for k in range(101):
        parts = parts + pulse(0.5 + k * 1e-3, 100e-6) + rest(1e-3)
    found = violations((parts * 2 + rest(1e-3)) * 50 + pulse(1.0, 1e-3))
    assert limits_named(found) == ["list length"]
    assert "several steps" in found[0].remedy


@pytest.mark.parametrize(("compliance", "peak"), [(5e-9, 1.0), (3.1, 1.0), (1.1, 10.0)])
def test_a_compliance_outside_the_operating_area_is_refused(compliance, peak):
    assert "compliance" in limits_named(violations(pulse(peak, 1e-3), compliance=compliance))


def test_ranges_follow_the_peak_and_the_compliance_or_what_was_asked():
    made = program(pulse(1.5, 1e-3) + rest(1e-3) + read(0.1, 1e-3), compliance=2e-3)
    assert made.tracks[0].source.full_scale == 6.0
    assert made.tracks[0].i_meter.full_scale == 10e-3
    narrow = program(pulse(1.005, 1e-3), compliance=2e-3, ranges={"top": 100e-6})
    assert narrow.tracks[0].source.full_scale == 1.0  # 101 % of the range can be programmed
    assert narrow.tracks[0].i_meter.full_scale == 100e-6
    found = violations(pulse(1.0, 1e-3), ranges={"top": 4.0})
    assert limits_named(found) == ["current range"]


def test_two_terminals_play_the_same_cycles():
    both = pulse(1.0, 1e-3) | pulse(-0.5, 1e-3, terminal="gate")
    made = program((both + rest(1e-3)) * 50, TWO)
    assert [track.levels for track in made.tracks] == [(1.0,), (-0.5,)]
    assert made.repeats == 50
    turns = program(
        (pulse(1.0, 1e-3) + rest(3e-3)) | (rest(2e-3) + pulse(0.5, 1e-3, terminal="gate")), TWO
    )
    assert [track.levels for track in turns.tracks] == [(1.0, 0.0), (0.0, 0.5)]
    assert turns.tracks[0].roles == ("pulse", None)


def test_a_level_that_another_terminal_cuts_stays_one_level():
    gate = rest(0.4e-3) + rest(2e-3) + pulse(0.5, 1e-3, terminal="gate")
    made = program(pulse(1.0, 1e-3) | gate, TWO)
    assert made.widths == (1000, 1000)


def test_levels_that_overlap_in_part_are_refused_with_the_remedy():
    shifted = rest(0.5e-3) + pulse(0.5, 1e-3, terminal="gate")
    found = violations(pulse(1.0, 1e-3) | shifted, TWO)
    assert "gap between levels" in limits_named(found)
    assert "begin and end together" in found[0].remedy


def test_a_terminal_that_is_not_named_is_held_at_zero():
    made = program(pulse(1.0, 1e-3), TWO)
    assert made.tracks[1].levels == ()
    assert "smub" in next(program_lines(1, made, remote_sense=False))


def test_rest_alone_has_no_cycles():
    made = program(rest(0.25) + rest(0.5))
    assert made.cycles == 0
    assert made.lead + made.trail == 750_000


def test_a_reading_at_zero_volts_gets_a_cycle_of_its_own():
    window = Window("top", ticks(2e-3), ticks(4e-3))
    made = program(pulse(1.0, 1e-3) + Segment(ticks(5e-3), {}, (window,)))
    assert made.tracks[0].levels == (1.0, 0.0)
    assert made.tracks[0].roles == ("pulse", "read")
    start_of_cycle = made.periods[0]
    middle = start_of_cycle + made.tracks[0].offsets[1] + made.aperture * 1e6 / 2
    assert middle == pytest.approx(1000 + 3000, abs=1)


def test_lists_are_sent_in_lines_of_bounded_length_and_whole():
    parts = rest(1e-3)
    for k in range(500):
        parts = parts + pulse(0.5 + k * 1e-4, 100e-6) + rest(1e-3 + k * 1e-6)
    lines = list(program_lines(1, program(parts), remote_sense=False))
    assert max(map(len, lines)) <= 1000
    numbers = [
        line.split("{")[1][:-2].split(",") for line in lines if "levels_a" in line and "put" in line
    ]
    assert [float(n) for chunk in numbers for n in chunk] == pytest.approx(
        [0.5 + k * 1e-4 for k in range(500)]
    )


pieces = st.one_of(
    st.builds(
        pulse,
        st.sampled_from([-1.5, -0.2, 0.3, 1.0]),
        st.integers(100, 5000).map(lambda us: us * 1e-6),
        measured=st.booleans(),
    ),
    st.builds(read, st.just(0.1), st.integers(200, 20_000).map(lambda us: us * 1e-6)),
)
gaps = st.floats(100e-6, 0.1).map(lambda t: rest(t + 1e-6))
bodies = st.lists(st.tuples(pieces, gaps), min_size=1, max_size=6)


@given(bodies, st.integers(1, 4), st.floats(1e-6, 0.5), st.floats(1e-6, 0.5))
def test_a_program_is_its_waveform(parts, count, lead, trail):
    body = parts[0][0] + parts[0][1]
    for piece, gap in parts[1:]:
        body = body + piece + gap
    waveform = rest(lead) + body * count + rest(trail)
    made = compile_play(Play(waveform, 1e-3), ONE)
    if isinstance(made, list):
        assert set(limits_named(made)) <= {"reading rate", "reading delay", "gap between levels"}
        return
    levels = [(start / 1e6, piece) for start, piece in waveform.flatten() if piece.levels]
    assert made.cycles == len(levels)
    starts = list(accumulate((made.periods * count)[:-1], initial=made.lead))
    for (at, piece), start, k in zip(levels, starts, range(made.cycles), strict=True):
        k %= len(made.widths)
        assert abs(start - at) <= count + 1  # at most half a microsecond a turn
        assert made.widths[k] * 1_000_000 == piece.length
        assert made.tracks[0].levels[k] == piece.levels["top"][0]
    assert made.lead + made.span + made.trail == pytest.approx(waveform.ticks / 1e6, abs=count + 3)
    check_readings(made, levels)


def check_readings(made, levels):
    track, aperture = made.tracks[0], made.aperture * 1e6
    if not track.measured:
        return
    n = len(made.widths)
    for k in range(n):
        window = levels[k][1].windows
        if window:
            assert track.offsets[k] >= window[0].start / 1e6 - 1
            assert track.offsets[k] + aperture <= window[0].stop / 1e6 + 1
        if k + 1 < n or made.repeats > 1:
            free = made.periods[k] + track.offsets[(k + 1) % n] - track.offsets[k]
            assert free >= aperture + TURNAROUND - 2
    for delays in (track.offsets, made.widths):
        assert min(delays) >= LEAST_DELAY
        if len(set(delays)) > 1:
            assert sum(delays) / n >= LEAST_AVERAGE - 1


@pytest.mark.parametrize("name", MODELS)
def test_the_data_of_every_model_hangs_together(name):
    model = MODELS[name]
    for ranges in (model.v_source, model.v_meter, model.i_meter):
        scales = [r.full_scale for r in ranges]
        assert scales == sorted(set(scales))
        # accuracy as a fraction of the range is between 0.01 % and 2 % at any aperture
        for r in ranges:
            for nplc in (0.001, 0.01, 0.5, 1.0):
                assert 1e-4 < r.bound(r.full_scale, nplc) / r.full_scale < 2e-2
    assert [r.full_scale for r in model.v_source] == [r.full_scale for r in model.v_meter]
    assert limits_of(model, 50.0).min_aperture == pytest.approx(20e-6)
    assert limits_of(model, 60.0).min_aperture == pytest.approx(16.7e-6, rel=1e-2)
    assert range_for(model.i_meter, 5.0) is None


def test_derating_meets_the_data_sheet_and_never_grows_with_the_aperture():
    milliampere = range_for(MODEL.i_meter, 1e-3)
    for nplc, percent in ((0.1, 0.01), (0.01, 0.05), (0.001, 0.5), (1.0, 0.0)):
        assert milliampere.derated(nplc) == pytest.approx(1e-3 * percent / 100)
    curve = [milliampere.derated(10 ** (k / 10 - 3)) for k in range(31)]
    assert curve == sorted(curve, reverse=True)


def test_a_rest_longer_than_the_timers_can_count_is_refused():
    found = violations(pulse(1.0, 1e-3) + rest(60_000.0) + pulse(1.0, 1e-3))
    assert limits_named(found) == ["timer"]
    assert program(rest(200_000.0) + pulse(1.0, 1e-3) + rest(200_000.0)).lead == 200_000_000_000


def test_the_instrument_speaks_at_least_every_two_seconds_and_not_in_short_programs():
    def beat(waveform):
        first = next(program_lines(1, program(waveform), remote_sense=False))
        return float(first.split("beat=")[1].split(",")[0])

    assert beat(rest(0.1) + pulse(1.0, 1e-3)) == 0.2
    assert beat(rest(1000.0) + pulse(1.0, 1e-3)) == pytest.approx(0.5)
    assert beat(rest(86_400.0) + pulse(1.0, 1e-3)) == 2.0


def test_the_resolution_of_timestamps_is_coarsened_only_where_it_must_be():
    def resolution(waveform):
        first = next(program_lines(1, program(waveform), remote_sense=False))
        return float(first.split("resolution=")[1].split(",")[0])

    pair = pulse(1.0, 1e-3) + rest(3600.0) + pulse(1.0, 1e-3)
    assert resolution(pair) == 1e-6
    # 2^32 ticks must last longer than the program
    long = pulse(1.0, 1e-3) + rest(10_000.0) + pulse(1.0, 1e-3)
    assert resolution(long) == 4e-6
    assert resolution(long) * 2**32 > 10_000
