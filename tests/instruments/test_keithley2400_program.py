"""Waveforms as lists, arm timers and pulses of a Series 2400; all without an instrument."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.keithley2400_limits import (
    CONFIGURE,
    CONVERT,
    HOST_GAP,
    LATENCY,
    MODELS,
    OVERHEAD,
    POINTS,
    limits_of,
)
from instruments.keithley2400_lines import parse_told, settings
from instruments.keithley2400_program import Compiled, Program, Unit, compile_play
from instruments.keithley2400_schedule import lay
from instruments.levels import Level, Span
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, segment, train

SHORTEST = LATENCY + CONFIGURE + CONVERT + OVERHEAD[False] + 200e-6  # s, a cycle at 50 Hz


def unit(model: str = "2410", *, host: bool = False) -> Unit:
    return Unit(MODELS[model], limits_of(MODELS[model], 50.0), 50.0, {"top": "front"}, host)


def compiled(waveform, model="2410", compliance=1e-3, ranges=None, *, host=False) -> Compiled:
    return compile_play(Play(waveform, compliance, ranges or {}), unit(model, host=host))


def program(waveform, model="2410", compliance=1e-3, ranges=None, *, host=False) -> Program:
    made = compiled(waveform, model, compliance, ranges, host=host)
    assert made.program is not None, made.violations
    assert made.violations == []
    return made.program


def texts(waveform, model="2410", **more) -> list[str]:
    return [str(violation) for violation in compiled(waveform, model, **more).violations]


# -- lists ---------------------------------------------------------------------------------------


def test_the_example_of_the_documentation():
    waveform = pulse(1.0, 1e-3) + rest(2e-3) + read(0.1, 4e-3)
    (run,) = program(waveform).runs
    assert run.points == (0, 1, 0, 0, 0.1, 0.1, 0.1, 0.1, 0)
    assert run.cycle.period == pytest.approx(0.96e-3)


@pytest.mark.parametrize("frequency", [50.0, 60.0])
def test_a_cycle_is_the_sum_of_its_parts(frequency):
    level = Level(0.0, 5e-3, 1.0, (Span(1e-3, 4e-3, "read"),))
    laid = lay([level], frequency)
    assert laid is not None
    cycle = laid[0].cycle
    apertures = (2 if cycle.volts else 1) * cycle.nplc / frequency
    fixed = LATENCY + CONFIGURE + CONVERT + OVERHEAD[cycle.volts]
    assert cycle.period == pytest.approx(fixed + cycle.hold + cycle.delay + apertures)
    assert cycle.period == pytest.approx(5e-3, rel=0.02)


def test_a_long_read_averages_whole_line_cycles():
    (run,) = program(read(0.1, 30e-3)).runs
    assert run.cycle.nplc == 1
    assert run.points == (0, 0.1, 0)


def test_a_reading_lies_in_its_window_where_the_level_is_long_enough():
    (run,) = program(pulse(1.0, 20e-3)).runs
    (mark,) = run.marks
    scale = mark.count * run.cycle.period / 20e-3
    for k in mark.readings:
        begins = (k - mark.point) * run.cycle.period + run.cycle.offset
        assert begins >= 14e-3 * scale - 1e-4
        assert begins + run.cycle.aperture <= 19e-3 * scale + 1e-4


durations = st.floats(1e-3, 0.2).map(lambda d: round(d, 6))


@given(parts=st.lists(st.tuples(durations, durations), min_size=1, max_size=6))
def test_every_duration_is_close_or_named(parts):
    levels, now = [], 0.0
    for width, gap in parts:
        levels.append(Level(now, width, 0.5, (Span(0.7 * width, 0.95 * width, "pulse"),)))
        now += width + gap
    laid = lay(levels, 50.0)
    if laid is None:
        return
    run, changes = laid
    assert len(run.points) <= POINTS
    assert run.points[0] == run.points[-1] == 0
    assert len(run.marks) == len(levels)
    named = {change.asked for change in changes}
    for level, mark in zip(levels, run.marks, strict=True):
        got = mark.count * run.cycle.period
        assert abs(got / level.length - 1) <= 0.05 + 1e-9 or round(level.length, 9) in named
        assert all(run.points[k] == 0.5 for k in mark.readings)
    for (early, late), (a, b) in zip(pairwise(run.marks), pairwise(levels), strict=True):
        gap = (late.point - early.point - early.count) * run.cycle.period
        asked = b.start - a.stop
        assert abs(gap / asked - 1) <= 0.05 + 1e-9 or round(asked, 9) in named


# -- arm timer and host ----------------------------------------------------------------------------


def test_equal_parts_at_equal_distances_are_repeated_by_the_arm_timer():
    made = program(train(pulse(1.0, 2e-3), 0.5, 800))
    (run,) = made.runs
    assert (made.mode, run.arms, run.timer) == ("arm timer", 800, 0.5)
    assert run.arms * len(run.points) <= POINTS


def test_a_pair_that_a_list_cannot_hold_is_two_turns_of_the_arm_timer():
    spike = pulse(1.0, 1e-3) + rest(1e-3) + read(0.1, 1e-3)
    (run,) = program(spike + rest(4.0) + spike).runs
    assert run.arms == 2
    assert run.timer == pytest.approx(4.003)


def test_different_parts_far_apart_are_started_by_the_host():
    made = program(pulse(1.0, 1e-3) + rest(5.0) + read(0.1, 30e-3))
    assert made.mode == "host"
    assert [run.start for run in made.runs] == pytest.approx([0.0, 5.001])
    assert made.timing > program(pulse(1.0, 1e-3)).timing


def test_with_host_timing_every_long_rest_is_the_hosts():
    waveform = (pulse(1.0, 1e-3) + rest(0.2)) * 3
    assert program(waveform).mode == "hardware list"
    made = program(waveform, host=True)
    assert made.mode == "host"
    assert len(made.runs) == 3


def test_runs_that_a_timer_cannot_hold_are_put_apart_where_that_is_accepted():
    made = compiled(train(pulse(1.0, 2e-3), 20e-3, 4000))
    assert made.program is not None
    assert [violation.instead for violation in made.violations] == [
        "2410: rests of 100 ms instead of 18.0 ms"
    ]
    assert not made.playable(degraded=False)
    assert made.playable(degraded=True)
    for early, late in pairwise(made.program.runs):
        assert late.start - early.stop >= HOST_GAP * 0.9


# -- pulse mode ------------------------------------------------------------------------------------


def test_pulses_of_one_width_at_equal_distances_are_one_run():
    made = program((pulse(1.0, 200e-6) + rest(5e-3) + pulse(-0.5, 200e-6) + rest(5e-3)) * 3, "2430")
    (run,) = made.runs
    assert made.mode == "pulse mode"
    assert run.points == (1.0, -0.5) * 3
    assert run.width == 200e-6
    assert run.off == pytest.approx(5e-3 - 1.9e-3)


def test_a_pulse_and_a_read_of_another_width_are_two_runs():
    made = program(pulse(1.0, 200e-6) + rest(0.2) + read(0.1, 30e-3), "2430")
    assert [bool(run.width) for run in made.runs] == [True, False]
    assert made.mode == "host"


def test_the_range_for_pulses_alone_needs_pulses_and_their_duty_cycle():
    made = program(pulse(5.0, 500e-6), "2430", compliance=8.0)
    assert made.i_meter.full_scale == 10.0
    (violation,) = compiled((pulse(5.0, 2e-3) + rest(5e-3)) * 2, "2430", compliance=8.0).violations
    assert "rests of 23" in violation.instead


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waveform", "more", "says"),
    [
        (pulse(1.0, 100e-6), {}, r"level width: 100 us was asked for, at least 1 ms is allowed"),
        (pulse(1.0, 2e-3) + rest(0.2e-3) + read(0.1, 2e-3), {}, "rest width: 200 us was asked"),
        (pulse(1.0, 1e-3) + rest(1.5e-3) + pulse(1.0, 1e-3), {}, "rest in steps: 1.5 ms"),
        (pulse(1200.0, 1e-2), {"compliance": 1e-3}, "voltage: 1.2 kV was asked for, at most 1.1"),
        (pulse(50.0, 1e-2), {"compliance": 0.1}, "compliance: 100 mA was asked for, 1 nA to 21"),
        (pulse(1.0, 1e-2), {"compliance": 1e-10}, "compliance: 100 pA"),
        (pulse(1.0, 1e-2, edge=1e-3), {}, "ramps"),
        (pulse(1.0, 1e-2, terminal="gate"), {}, 'a waveform on "gate"'),
        (pulse(1.0, 1e-2), {"ranges": {"top": 2.0}}, "current range: 2 A"),
        ((pulse(1.0, 1e-3) + rest(1e-3)) * 10**9, {}, "1000000000 pulses"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(waveform, more, says):
    found = texts(waveform, **more)
    assert any(says in text for text in found), found
    assert all("\n" not in text for text in found)


def test_a_step_of_the_wrong_length_says_what_would_be_played():
    (violation,) = compiled(pulse(1.0, 100e-6)).violations
    assert violation.instead == "2410: levels of 960 us instead of 100 us"
    assert str(violation).endswith(
        "or accept 2410: levels of 960 us instead of 100 us with --accept-degraded."
    )


def test_a_stair_of_incommensurate_levels_without_a_rest_is_refused():
    stair = segment(1.013e-3, {"top": 0.1})
    for k in range(1, 40):
        stair = stair + segment(round(1.5 + 0.317 * k, 3), {"top": 0.1 * (k % 7 + 1)})
    made = compiled(stair)
    assert made.program is None
    assert "2500 equal steps" in str(made.violations[0])


# -- lines -----------------------------------------------------------------------------------------


def test_a_list_is_given_in_commands_of_a_hundred():
    waveform = rest(1e-3)
    for k in range(250):
        waveform = waveform + pulse(0.1 + 1e-3 * k, 2e-3) + rest(2e-3)
    made = program(waveform)
    lines = settings(made, made.runs[0], MODELS["2410"], "front", remote=False)["list"]
    assert all(len(line) < 1000 and line.count(",") < 100 for line in lines)
    assert lines[0].startswith(":SOUR:LIST:VOLT 0,0.1,0,")
    assert {line.split()[0] for line in lines[1:]} == {":SOUR:LIST:VOLT:APP"}
    sent = ",".join(line.split()[1] for line in lines).split(",")
    assert tuple(map(float, sent)) == pytest.approx(made.runs[0].points)


def test_another_answer_than_settings_is_not_taken_for_them():
    with pytest.raises(ValueError, match="2 answers instead of 9"):
        parse_told("1;2")
