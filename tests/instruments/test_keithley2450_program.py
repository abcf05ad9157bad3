"""Waveforms as steps of a trigger model and as pulses of a 2461; all without an instrument."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.keithley2450_limits import CONVERT, HEAD, MODELS, TAIL, least_step, limits_of
from instruments.keithley2450_lines import (
    Look,
    model_lines,
    parse_look,
    parse_readings,
    parse_told,
)
from instruments.keithley2450_program import Compiled, Program, Unit, compile_play
from instruments.keithley2450_schedule import Level, Span, lay_pulses, lay_steps
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, segment

LEAST = least_step(50.0)


def unit(model: str = "2450") -> Unit:
    return Unit(MODELS[model], limits_of(MODELS[model], 50.0), 50.0, {"top": "front"})


def compiled(waveform, model="2450", *, compliance=1e-3, ranges=None) -> Compiled:
    return compile_play(Play(waveform, compliance, ranges or {}), unit(model))


def program(waveform, model="2450", **more) -> Program:
    made = compiled(waveform, model, **more)
    assert made.program is not None, made.violations
    assert made.violations == []
    return made.program


def texts(waveform, model="2450", **more) -> list[str]:
    return [str(violation) for violation in compiled(waveform, model, **more).violations]


# -- steps -----------------------------------------------------------------------------------------


def test_the_example_of_the_documentation():
    made = program(pulse(1.0, 1e-3) + rest(2e-3) + read(0.1, 4e-3))
    assert [step.v for step in made.steps] == [1.0, 0.0, 0.1]
    assert [step.length for step in made.steps] == pytest.approx([1e-3, 2e-3, 4e-3])
    assert [bool(step.mark) for step in made.steps] == [True, False, True]
    assert made.repeats == 1
    assert made.readings == 5  # both ends are read as well


durations = st.floats(1e-3, 0.2).map(lambda d: round(d, 6))


@given(parts=st.lists(st.tuples(durations, durations), min_size=1, max_size=6))
def test_the_parts_of_a_step_add_up_to_its_length(parts):
    levels, now = [], 0.0
    for width, gap in parts:
        levels.append(Level(now, width, 0.5, (Span(0.7 * width, 0.95 * width, "pulse"),)))
        now += width + gap
    steps, changes = lay_steps(levels, now, 50.0)
    assert changes == []
    assert len(steps) == 2 * len(parts)
    for step in steps:
        taken = (2 if step.back else 1) * (CONVERT + step.aperture)
        whole = HEAD + step.before + taken + step.after + TAIL
        assert whole == pytest.approx(step.length, abs=1.1e-6)
        assert min(step.before, step.after) >= 0
    assert sum(step.length for step in steps) == pytest.approx(now, abs=1e-9)


@given(width=st.floats(2e-3, 0.5))
def test_a_reading_is_in_the_middle_of_its_window_where_the_next_recall_lets_it(width):
    (step,) = program(pulse(1.0, round(width, 6))).steps
    middle = step.offset + step.middle
    latest = step.length - TAIL - step.aperture / 2
    assert middle == pytest.approx(min(0.825 * step.length, latest), abs=3e-6)
    assert step.aperture <= 0.25 * step.length + 1e-9


def test_a_long_read_averages_whole_line_cycles():
    (step,) = program(read(0.1, 60e-3)).steps
    assert step.aperture * 50 == pytest.approx(round(step.aperture * 50))
    assert step.aperture >= 20e-3


def test_the_voltage_is_measured_where_there_is_time():
    short, long = (program(pulse(1.0, width)).steps[0] for width in (0.8e-3, 5e-3))
    assert not short.back
    assert long.back


def test_loops_are_counters_and_not_written_out():
    made = program((pulse(1.0, 1e-3) + rest(1e-3)) * 1000 * 50)
    assert len(made.steps) == 2
    assert made.repeats == 50_000
    blocks = ";".join(model_lines(made))
    assert ":TRIG:BLOC:BRAN:COUN 13,2,8" in blocks
    assert ":TRIG:BLOC:BRAN:COUN 14,50000,6" in blocks


def test_rests_at_both_ends_are_no_steps():
    made = program(rest(3.0) + pulse(1.0, 1e-3) + rest(5.0))
    assert (made.lead, made.trail, len(made.steps)) == (3.0, 5.0, 1)


def test_every_model_ends_with_the_output_off():
    for model, width in (("2450", 1e-3), ("2461", 200e-6)):
        last = model_lines(program(pulse(1.0, width), model))[-1].split(";")[-1]
        assert last.startswith(":TRIG:BLOC:SOUR:STAT")
        assert last.endswith(",OFF")


# -- pulses of the 2461 ----------------------------------------------------------------------------


def test_levels_too_short_for_a_step_are_pulses_on_a_2461_alone():
    waveform = (pulse(1.0, 200e-6) + rest(1e-3) + read(0.1, 5e-3) + rest(1e-3)) * 3
    made = program(waveform, "2461")
    assert made.mode == "pulse mode"
    assert [step.length for step in made.steps] == pytest.approx([200e-6, 5e-3])
    assert made.steps[0].aperture == pytest.approx(50e-6)
    assert made.steps[1].aperture == pytest.approx(1e-3)  # the longest sample of the digitizer
    for model in ("2450", "2460"):
        assert "level width" in texts(waveform, model)[0]
    assert program(pulse(1.0, 1e-3), "2461").mode == "trigger model"


short = st.floats(150e-6, 5e-3).map(lambda d: round(d, 6))
gaps = st.floats(300e-6, 0.1).map(lambda d: round(d, 6))


@given(parts=st.lists(st.tuples(short, gaps), min_size=1, max_size=6))
def test_pulses_and_the_rests_between_them_take_their_time(parts):
    levels, now = [], 0.0
    for width, gap in parts:
        levels.append(Level(now, width, 0.5, (Span(0.7 * width, 0.95 * width, "pulse"),)))
        now += width + gap
    laid = lay_pulses(levels, now, MODELS["2461"].pulsing, again=True)
    assert laid is not None
    steps, changes = laid
    assert changes == []
    for step, level in zip(steps, levels, strict=True):
        on = step.after + step.aperture + step.late + 4e-6
        assert on == pytest.approx(level.length, abs=1.1e-6)
    for step, (early, late) in zip(steps[1:], pairwise(levels), strict=True):
        asked = late.start - early.stop
        assert step.before + 265e-6 + 6e-6 == pytest.approx(asked, abs=1.1e-6)
    last = steps[-1].rest + steps[0].before + 265e-6 + 6e-6
    assert last == pytest.approx(parts[-1][1], abs=3e-6)


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waveform", "more", "says"),
    [
        (pulse(1.0, 100e-6), {}, "level width: 100 us was asked for, at least 623 us is allowed"),
        (pulse(1.0, 2e-3) + rest(0.2e-3) + read(0.1, 2e-3), {}, "rest width: 200 us was asked"),
        (pulse(1.0, 0.7e-3), {}, "aperture: 175 us was asked for, at least 200 us"),
        (pulse(1.0, 100e-6), {"model": "2461"}, "level width: 100 us was asked for, at least 150"),
        (pulse(250.0, 1e-2), {"compliance": 1e-3}, "voltage: 250 V was asked for, at most 210 V"),
        (pulse(50.0, 1e-2), {"compliance": 0.2}, "compliance: 200 mA was asked for, 1 nA to 105"),
        (pulse(1.0, 1e-2), {"compliance": 1e-10}, "compliance: 100 pA"),
        (pulse(1.0, 1e-2), {"compliance": 1e-8, "model": "2460"}, "compliance: 10 nA"),
        (pulse(1.0, 1e-2, edge=1e-3), {}, "ramps"),
        (pulse(1.0, 1e-2, terminal="gate"), {}, 'a waveform on "gate"'),
        (pulse(1.0, 1e-2), {"ranges": {"top": 2.0}}, "current range: 2 A"),
        ((pulse(1.0, 1e-3) + rest(1e-3)) * 10**9, {}, "1000000000 readings"),
        ((pulse(1.0, 1e-3, measured=False) + rest(1e-3)) * 10**9, {}, "1000000000 repetitions"),
        (pulse(1.0, 1e-3) + rest(30_000.0) + pulse(1.0, 1e-3), {}, "duration: a rest or a level"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(waveform, more, says):
    found = texts(waveform, **more)
    assert any(says in text for text in found), found
    assert all("\n" not in text for text in found)


def test_a_level_that_is_too_short_says_what_would_be_played():
    made = compiled(pulse(1.0, 100e-6) + rest(1e-3) + read(0.1, 2e-3))
    assert made.violations[0].instead == "2450: levels of 630 us instead of 100 us"
    assert not made.playable(degraded=False)
    assert made.playable(degraded=True)


def test_a_body_of_too_many_levels_is_refused():
    stair = segment(1e-3, {"top": 0.1})
    for k in range(1, 3000):
        stair = stair + segment(1e-3, {"top": 0.1 + 1e-4 * k})
    made = compiled(stair)
    assert made.program is None
    assert "a body of more than 2500 levels" in str(made.violations[0])


def test_ranges_are_the_smallest_that_hold_level_and_compliance():
    made = program(pulse(1.5, 1e-2), compliance=30e-6)
    assert (made.source.full_scale, made.i_meter.full_scale) == (2.0, 100e-6)
    made = program(pulse(5.0, 1e-2), "2461", compliance=7.2)
    assert (made.source.full_scale, made.i_meter.full_scale) == (7.0, 7.0)


# -- lines -----------------------------------------------------------------------------------------


def test_the_state_of_a_trigger_model_is_understood():
    assert parse_look("0;12;RUNNING;RUNNING;9") == Look(0, 12, "RUNNING")
    assert parse_look("0;12;RUNNING;RUNNING;9").running
    assert not parse_look("0;12;IDLE;IDLE;17").running


@pytest.mark.parametrize("parse", [parse_look, parse_told, parse_readings])
def test_another_answer_is_not_taken_for_one(parse):
    with pytest.raises(ValueError, match=r"not|instead|do not"):
        parse("1;2")
