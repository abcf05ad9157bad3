"""A generator that is read by an oscilloscope: records, windows, what is refused, how it ends."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pymeasure.instruments.keysight.keysightDSOX1102G import KeysightDSOX1102G
from pymeasure.test import expected_protocol

from instruments import agilent33500
from instruments.agilent33500_records import FEWEST, Sight, records_of
from instruments.keysightdsox_limits import SCOPES, Input
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from tests.instruments.rig33500 import QUIET, G, Rig, laboratory, never, setup

SCOPE = "USB0::0x2A8D::0x1766::MY57800002::INSTR"
METER = {"driver": "keysightdsox", "model": "DSOX3024T", "address": SCOPE, "shunt": "1 kOhm"}
SHUNT = 1e3 / (1 + 1e3 / 1e6)
WAVEFORM = (rest(1e-3) + pulse(1.0, 1e-3) + rest(2e-3)) * 3


def rig(
    *,
    faults: Any = (),
    noise: Any = QUIET,
    degraded: bool = True,
    meter: Any = METER,
    **options: Any,
) -> Rig:
    there = laboratory(meter=meter, faults=faults, noise=noise, **options)
    given = setup(there, meter=meter, accept_degraded=degraded, **options)
    return Rig(laboratory=there, pair=agilent33500.connect(given))


def outputs(there: Any) -> tuple[bool, bool]:
    awg = there.instruments["awg"]
    return tuple(bool(awg.channel_state(n)["output"]) for n in ("1", "2"))  # type: ignore[return-value]


def said(play: Play, meter: Any = METER, **options: Any) -> str:
    given = setup(laboratory(meter=meter), meter=meter, **options)
    return "; ".join(map(str, agilent33500.check(given, play)))


# -- readings ------------------------------------------------------------------------------------


def test_current_and_voltage_are_those_of_the_divider() -> None:
    made = rig(series="500 Ohm")
    rows = made.rows(pulse(1.0, 1e-3) + rest(2e-3) + pulse(-0.6, 1e-3))
    for row, level in zip(rows, (1.0, -0.6), strict=True):
        i = level / (1 / G + 550 + SHUNT)
        assert abs(row.i - i) < math.sqrt(3) * row.u_i
        assert abs(row.v - i / G) < math.sqrt(3) * row.u_v
        assert row.v_set == level
        assert row.width == pytest.approx(1e-3)
    assert rows[1].t - rows[0].t == pytest.approx(3e-3, abs=1e-6)
    assert outputs(made.laboratory) == (False, False)


def test_the_compliance_and_the_ranges_of_a_step_choose_the_scale() -> None:
    made = rig()
    for play, most in (
        (Play(read(1.0, 5e-3), 1e-3), 1.0e-3),
        (Play(read(1.0, 5e-3), 1e-4), 1e-4),
        (Play(read(1.0, 5e-3), 1e-3, {"top": 2e-4}), 2e-4),
        (Play(read(0.1, 5e-3), 1e-3), 0.1 / (50 + SHUNT)),
    ):
        program = made.pair._compile(play).program
        full = program.i_meter.full_scale
        assert most * (1 - 1e-9) <= full <= 2.6 * most
        floors = agilent33500.forecast(setup(meter=METER, accept_degraded=True), play).floors
        # eight bits over eight divisions, of which the range is four, and what is left of the noise
        assert 0.01 * full <= floors[0].current <= 0.02 * full
        (row,) = [row for rows in made.pair.play(play, never) for row in rows]
        assert row.u_i < 0.05 * full


def test_noise_and_errors_are_within_what_rows_state() -> None:
    noisy = QUIET | {"instrument": True}
    for model in SCOPES:
        meter = METER | {"model": model}
        made = rig(meter=meter, noise=noisy)
        rows = made.rows(WAVEFORM, 2e-4)
        i = 1.0 / (1 / G + 50 + SHUNT)
        assert all(abs(row.i - i) <= 2 * math.sqrt(3) * row.u_i for row in rows)
        assert len({row.i for row in rows}) > 1
        assert not any(row.flags for row in rows)


def test_its_own_fifty_ohm_close_the_circuit_where_there_is_no_resistor() -> None:
    made = rig(meter={k: v for k, v in METER.items() if k != "shunt"})
    (row,) = made.rows(pulse(1.0, 1e-3), 1e-4)
    assert row.i == pytest.approx(1.0 / (1 / G + 100), rel=0.1)
    assert made.laboratory.instruments["awg.meter"].channel_state("2")["impedance"] == "FIFT"


def test_windows_far_apart_share_the_memory_as_segments() -> None:
    made = rig()
    waveform = (pulse(1.0, 100e-6) + rest(200e-6) + read(0.1, 1e-3) + rest(4.0)) * 2
    program = made.pair._compile(Play(waveform, 2e-4)).program
    assert program.segmented
    rows = made.rows(waveform, 2e-4)
    assert [row.role for row in rows] == ["pulse", "read"] * 2
    steps = [late.t - early.t for early, late in pairwise(rows)]
    assert steps[0] == pytest.approx(steps[2], abs=1e-6)
    assert steps[0] + steps[1] == pytest.approx(4.0013, abs=1e-5)


def test_repetitions_beyond_the_memory_are_segments_of_their_own() -> None:
    made = rig()
    waveform = train(pulse(1.0, 100e-6), 50e-3, 80)
    rows = made.rows(waveform, 2e-4)
    assert len(rows) == 80
    assert np.diff([row.t for row in rows]) == pytest.approx(np.full(79, 50e-3), abs=1e-6)
    assert made.laboratory.instruments["awg.meter"].waveforms.segments == 80


def test_what_is_clipped_is_no_number_and_flagged() -> None:
    made = rig()
    over, fine = made.rows(pulse(1.0, 1e-3) + rest(1e-3) + pulse(0.2, 1e-3), 2e-5)
    assert over.flags & Flag.OVERRANGE
    assert math.isnan(over.i)
    assert math.isnan(over.u_i)
    assert not fine.flags & Flag.OVERRANGE
    assert fine.i == pytest.approx(0.2 / (1 / G + 50 + SHUNT), rel=0.1)


def test_a_current_beyond_the_compliance_is_flagged_since_nothing_held_it() -> None:
    made = rig()
    over, under = made.rows(pulse(1.0, 1e-3) + rest(1e-3) + pulse(0.5, 1e-3), 8e-5)
    assert over.flags & Flag.COMPLIANCE
    assert over.i == pytest.approx(9.05e-5, rel=0.05)
    assert not under.flags & Flag.COMPLIANCE


def test_a_level_that_the_resistor_has_not_followed_is_told() -> None:
    made = rig(meter=METER | {"shunt": "100 kOhm"})
    short, long = made.rows(pulse(1.0, 10e-6) + rest(1e-3) + pulse(1.0, 1e-3), 1e-5)
    assert short.flags & Flag.UNSETTLED
    assert not long.flags & Flag.UNSETTLED
    assert long.i > 1.2 * short.i


def test_pymeasure_writes_times_with_six_digits_after_the_point() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with expected_protocol(
            KeysightDSOX1102G, [(":TIMebase:RANGe 0.000000", None), (":channel1:OFFSet?", "0")]
        ) as plain:
            plain.timebase_range = 1e-7
            assert plain.ch1.ask("OFFSet?") is None
    made = rig()
    assert len(made.rows(pulse(1.0, 1e-6) + rest(1e-6))) == 1
    span = made.laboratory.instruments["awg.meter"].settings.span
    assert 0.8e-6 < span < 1.2e-6


# -- what is refused -----------------------------------------------------------------------------


def test_a_compliance_that_nothing_holds_is_refused_with_the_resistor_that_would() -> None:
    made = rig(degraded=False)
    with pytest.raises(Refused, match=r"an oscilloscope limits no current.*9 kOhm would do"):
        made.rows(pulse(1.0, 1e-3), 1e-4)
    assert len(rig(degraded=False, series="9 kOhm").rows(pulse(1.0, 1e-3), 1e-4)) == 1


def test_a_current_below_a_bit_is_refused() -> None:
    text = said(Play(read(0.1, 1e-3), 1e-3, {"top": 1e-8}))
    assert "one step of the eight bits of a DSOX3024T" in text
    assert "larger resistor" in text


def test_windows_beyond_the_memory_are_refused_before_anything_moves() -> None:
    text = said(Play(train(pulse(1.0, 100e-6), 50e-3, 1500), 1e-3))
    assert "memory depth" in text
    assert "1500 windows of 25.0 us" in text
    assert "play it in several steps" in text


@pytest.mark.parametrize(
    ("meter", "text"),
    [
        ({"model": "DSOX1102G", "shunt": None}, "cannot be switched to 50 Ohm"),
        ({"model": "TDS2024"}, "is not known; there are DSOX1102G, DSOX3024T"),
        ({"channel": "a"}, "leave channel out"),
        ({"driver": "keithley2600", "model": "2602B"}, "only an oscilloscope reads across"),
        ({"shunt": "-1 Ohm"}, "shunt"),
    ],
)
def test_a_wrong_section_is_one_sentence(meter: dict[str, Any], text: str) -> None:
    given = {k: v for k, v in (METER | meter).items() if v is not None}
    with pytest.raises(BadInput, match=text) as caught:
        agilent33500.check(setup(meter=given), Play(read(0.1, 1e-3), 1e-3))
    assert "\n" not in str(caught.value)


@given(
    starts=st.lists(st.floats(1e-6, 2.0), min_size=1, max_size=12),
    window=st.floats(1e-7, 1e-4),
    repeats=st.integers(1, 200),
)
@effort(max_examples=60, deadline=None)
def test_records_hold_every_window_with_enough_points(
    starts: list[float], window: float, repeats: int
) -> None:
    times, at = [], 1e-5
    for start in starts:
        at += start
        times.append((at, at + window))
        at += window
    sights = [Sight(a, b, 0, "read", 0.1, 1e-3, 1e-3) for a, b in times]
    step, scope = 1e-8, SCOPES["DSOX3024T"]
    points = math.ceil((at + 0.5) / step)
    records = records_of(sights, step, points, repeats, scope)
    if records is None:
        return
    assert records.memory.apart * FEWEST <= window * (1 + 1e-9)
    assert list(records.marks) == sorted(set(records.marks))
    count = len(records.marks) * repeats if records.segmented else 1
    assert count <= scope.segments
    for told, sight in zip(records.sights, sights, strict=True):
        late = records.marks[told.segment] * step
        assert told.start + late == pytest.approx(sight.start, abs=1e-12)
        assert told.start >= 0
        last = told.stop + (0 if records.segmented else (repeats - 1) * points * step)
        assert last <= records.memory.after


def test_a_magnified_scale_is_as_wrong_as_what_it_is_magnified_from() -> None:
    for scope in SCOPES.values():
        volts = scope.volts()
        errors = [v.bound(v.full_scale) for v in volts]
        assert errors == sorted(errors)
        amperes = Input(scope, 50.0).amperes()
        assert [a.full_scale * 50 for a in amperes] == pytest.approx(
            [v.full_scale for v in volts], rel=1e-4
        )


# -- how it ends ---------------------------------------------------------------------------------


def test_the_circuit_is_closed_and_the_record_armed_before_any_voltage() -> None:
    made = rig()
    sent: list[str] = []
    for driver in (made.pair.generator, made.pair.ammeter):
        send = driver.adapter._write

        def write(command: str, send: Any = send, **kwargs: Any) -> None:
            sent.append(command)
            send(command, **kwargs)

        driver.adapter._write = write
    made.rows(WAVEFORM)
    closed, armed = sent.index(":CHAN2:IMP ONEM"), sent.index(":SING")
    on, fired = sent.index(":OUTP1 1"), sent.index("*TRG")
    off = len(sent) - 1 - sent[::-1].index(":OUTP1 0")
    assert closed < armed < on < fired < off


def test_a_cable_that_is_missing_is_named_and_everything_is_off() -> None:
    made = rig()
    made.laboratory.instruments["awg"].lead(2, lambda: None)
    with pytest.raises(InstrumentFault, match=r"0 of 3 readings.*its external trigger input"):
        made.rows(WAVEFORM)
    assert outputs(made.laboratory) == (False, False)
    assert not made.laboratory.instruments["awg.meter"].acquisition.running


def test_a_stop_is_heard_while_the_record_fills() -> None:
    made = rig()
    asked = iter([False, False, False])
    chunks = made.pair.play(
        Play(train(pulse(1.0, 1e-3), 50e-3, 100), 1e-3), lambda: next(asked, True)
    )
    assert sum(map(len, chunks)) == 0
    assert outputs(made.laboratory) == (False, False)
    assert len(made.rows(WAVEFORM)) == 3


def test_with_a_silent_generator_it_says_that_it_cannot_interrupt_the_current() -> None:
    made = rig(faults=[{"instrument": "awg", "at": 60, "kind": "close"}])
    made.rows(WAVEFORM)
    with pytest.raises(InstrumentFault, match="awg") as caught:
        made.rows(WAVEFORM)
    assert "cannot interrupt the current" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize("who", ["awg", "awg.meter"])
@pytest.mark.parametrize("kind", ["close", "error", "cut", "garbage", "mute"])
def test_a_fault_ends_in_a_sentence_with_the_generator_off(who: str, kind: str) -> None:
    ended = 0
    for at in (9, 20, 34, 61):
        struck = {"instrument": who, "at": at, "kind": kind}
        there = laboratory(
            meter=METER, faults=[struck | ({"code": -222} if kind == "error" else {})]
        )
        text = how_it_ended(there)
        if not text:  # a line without an answer, of which nothing can be cut off
            continue
        ended += 1
        assert text.startswith("awg")
        assert "\n" not in text
        assert who == "awg" or outputs(there) == (False, False)
    assert ended >= (2 if kind in ("cut", "garbage") else 4)


def how_it_ended(there: Any) -> str:
    try:
        play_three_times(there)
    except InstrumentFault as fault:
        return str(fault)
    return ""


def play_three_times(there: Any) -> None:
    pair = agilent33500.connect(setup(there, meter=METER, accept_degraded=True))
    for _ in range(3):
        list(pair.play(Play(WAVEFORM, 1e-3), never))


def test_another_model_is_named() -> None:
    there = laboratory(meter=METER)
    given = setup(there, meter=METER | {"model": "DSOX1102G"})
    with pytest.raises(InstrumentFault, match="a DSOX1102G was expected"):
        agilent33500.connect(given)
