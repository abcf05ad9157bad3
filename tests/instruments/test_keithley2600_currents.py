"""Terminals of a 2600B that are driven by a current; through the wire, and what the rows say."""

import logging
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from instruments import keithley2600
from instruments.keithley2600_limits import MODELS, limits_of
from instruments.keithley2600_lines import program_lines
from instruments.keithley2600_program import Program, Unit, compile_play
from instruments.keithley2600_readings import Decoder
from labctl.benchfile import Definition
from labctl.errors import InstrumentFault
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Segment, Window, pulse, read, rest, segment, ticks, train
from labctl.workbench import Bench
from tests.instruments.conftest import ADDRESS, Rig, never

R = 10e3  # Ohm
LIMIT = {"top": 2.0}
OPEN = {"family": "open"}


def sourced(
    meter: Any, waveform: Any, limits: dict[str, float] = LIMIT, compliance: float = 1e-3, **ranges
) -> list[Row]:
    """Play with currents and return every row."""
    play = Play(waveform, compliance, ranges, voltage_limits=limits)
    return [row for chunk in meter.play(play, never) for row in chunk]


# -- what the device sees ----------------------------------------------------------------------


@pytest.mark.parametrize("level", [1e-6, -20e-6, 150e-6])
def test_a_current_flows_and_its_voltage_is_measured(rig, meter, level):
    (row,) = sourced(meter, read(level, 50e-3))
    assert math.isnan(row.v_set)
    assert row.i == level
    assert row.v == pytest.approx(level * R, rel=1e-6)
    assert row.flags == 0
    # 0.03 % of the level, and at most 0.06 % of a range that is at most ten times as large
    assert 3e-4 * abs(level) < row.u_i * math.sqrt(3) < 6.3e-3 * abs(level)
    assert 0 < row.u_v < 2e-3
    assert rig.safe()


def test_a_train_keeps_its_times_and_returns_to_no_current(rig, meter):
    source = rig.instrument.channels["a"].source
    seen, apply = [], source.apply

    def watched(*given, **named):
        apply(*given, **named)
        seen.append((rig.laboratory.clock.now_s, source.function, source.programmed))

    source.apply = watched
    rows = sourced(meter, (pulse(50e-6, 1e-3) + rest(2e-3) + pulse(-20e-6, 1e-3) + rest(1e-3)) * 50)
    assert [row.i for row in rows] == [50e-6, -20e-6] * 50
    assert np.diff([row.t for row in rows[::2]]) == pytest.approx(5e-3, abs=1.1e-6)
    first = next(k for k, (_, q, level) in enumerate(seen) if q == "i" and level)
    up, down, up2, down2 = seen[first : first + 4]
    assert [entry[2] for entry in (up, down, up2, down2)] == [50e-6, 0.0, -20e-6, 0.0]
    assert down[0] - up[0] == pytest.approx(1e-3, abs=1e-9)
    assert up2[0] - down[0] == pytest.approx(2e-3, abs=1e-9)


def test_an_open_circuit_goes_to_its_limit_and_the_row_says_so():
    rig = Rig(device=OPEN)
    meter = rig.connect()
    for level, v in ((10e-6, 2.0), (-10e-6, -2.0)):
        (row,) = sourced(meter, read(level, 50e-3))
        assert Flag(row.flags) == Flag.COMPLIANCE
        assert row.v == pytest.approx(v, rel=1e-6)
        assert abs(row.i) < 1e-9  # measured, not what was asked for
        assert row.u_i == pytest.approx((1.5e-9 + 2.5e-4 * abs(row.i)) / math.sqrt(3), rel=1e-3)
    meter.close()


def test_a_limit_cuts_only_the_levels_that_reach_it(meter):
    waveform = pulse(300e-6, 2e-3) + rest(2e-3) + pulse(100e-6, 2e-3)
    limited, free = sourced(meter, waveform)
    assert limited.flags & Flag.COMPLIANCE
    assert limited.v == pytest.approx(2.0, rel=1e-3)
    assert limited.i == pytest.approx(2.0 / R, rel=1e-3)
    assert free.flags == 0
    assert (free.i, free.v) == (100e-6, pytest.approx(1.0, rel=1e-6))


def test_a_reading_at_no_current_is_that_of_an_open_circuit(meter):
    window = Window("top", ticks(2e-3), ticks(4e-3))
    lit, dark = sourced(meter, pulse(100e-6, 2e-3) + Segment(ticks(5e-3), {}, (window,)))
    assert (lit.i, lit.role) == (100e-6, "pulse")
    assert (dark.i, dark.role) == (0.0, "read")
    assert dark.v == pytest.approx(0.0, abs=1e-9)


def test_one_terminal_by_a_current_and_another_by_a_voltage():
    rig = Rig(wiring={"top": "a", "bottom": "b"})
    meter = rig.connect()
    both = pulse(100e-6, 1e-3) | pulse(0.4, 1e-3, terminal="bottom")
    rows = sourced(meter, (both + rest(1e-3)) * 20)
    tops = [row for row in rows if row.terminal == "top"]
    bottoms = [row for row in rows if row.terminal == "bottom"]
    assert {row.i for row in tops} == {100e-6}
    assert [row.v for row in tops] == pytest.approx([0.4 + 100e-6 * R] * 20, rel=1e-6)
    assert {row.v_set for row in bottoms} == {row.v for row in bottoms} == {0.4}
    assert [row.i for row in bottoms] == pytest.approx([-100e-6] * 20, rel=1e-6)
    assert rig.safe()
    # a terminal that is not in the waveform floats at no current, and the other sees no way out
    (row,) = sourced(meter, read(0.5, 10e-3, terminal="bottom"))
    assert (row.terminal, row.v) == ("bottom", 0.5)
    assert row.i == pytest.approx(0.0, abs=1e-9)
    (row,) = sourced(meter, read(0.5, 10e-3, terminal="bottom"), {})
    assert row.i == pytest.approx(0.5 / R, rel=1e-6)
    meter.close()


def test_a_2636b_sources_a_nanoampere():
    rig = Rig(model="2636B", device={"family": "resistor", "preset": "10k", "conductance": 1e-9})
    meter = rig.connect()
    (row,) = sourced(meter, read(0.5e-9, 4.0), {"top": 1.0}, 1e-9)
    assert rig.panel().range == 1e-9
    assert row.v == pytest.approx(0.5, rel=1e-5)
    assert (row.i, row.flags) == (0.5e-9, 0)
    assert row.u_i == pytest.approx((0.5e-9 * 1.5e-3 + 2e-12) / math.sqrt(3))
    meter.close()


@pytest.mark.parametrize(
    ("family", "noisy"),
    [("resistor", True), ("diode", True), ("rram", False)],
)
def test_readings_are_those_of_the_device_without_an_instrument(family, noisy):
    body = rest(1e-3) + pulse(20e-6, 2e-3) + rest(5e-3) + read(5e-6, 20e-3) + rest(1e-3)
    play = Play(body, 1e-3, voltage_limits=LIMIT)
    through, direct = (played(driver, family, noisy, play) for driver in ("keithley2600", "direct"))
    for got, true in zip(through, direct, strict=True):
        assert got.i == pytest.approx(true.i, abs=2 * got.u_i)
        assert got.width == pytest.approx(true.width, abs=1e-6)
        assert got.flags == true.flags == 0
        # the error of the current makes at most as much of the voltage as at a constant resistance
        bound = 2 * math.hypot(got.u_v, got.u_i * true.v / true.i)
        assert got.v == pytest.approx(true.v, abs=bound if noisy else 1e-9)


def played(driver: str, family: str, noisy: bool, play: Play) -> list[Row]:
    """Play on a bench with a 2602B, or without an instrument."""
    given = {"driver": driver}
    if driver != "direct":
        given |= {"model": "2602B", "address": "GPIB0::26::INSTR"}
    bench = {
        "name": "rig",
        "instruments": {"smu": given},
        "terminals": {"top": "smu.top" if driver == "direct" else "smu.a"},
        "simulation": {
            "device": {"family": family},
            "noise": {"instrument": noisy, "cycle": False, "device": False},
        },
    }
    with Bench(Definition.model_validate(bench), bench, seed=3) as opened:
        return [row for chunk in opened.execute(play, never) for row in chunk]


def test_stated_uncertainties_cover_the_errors_of_a_noisy_instrument():
    rig = Rig(noise={"instrument": True, "cycle": False, "device": False})
    meter = rig.connect()
    # 2 ms on the range of 100 uA: settled, so that the current is the level
    rows = sourced(meter, (pulse(80e-6, 2e-3) + rest(1e-3)) * 100)
    assert {row.i for row in rows} == {80e-6}
    pulls = [(row.v - row.i * R) / math.hypot(row.u_v, row.u_i * R) for row in rows]
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.01
    meter.close()


# -- nothing above its limit, and safe at every end ---------------------------------------------


def test_changing_between_volts_and_amperes_never_shows_the_device_more_than_was_asked_for():
    rig = Rig(device=OPEN)
    meter = rig.connect()
    electronics = rig.instrument.channels["a"].electronics
    seen: list[float] = []
    program = electronics.set_source
    switch = electronics.set_output

    def watch() -> None:
        electronics.fixture.sync()
        if electronics.on:
            _, _, limit, _ = electronics._asked
            bound = electronics._asked[0] if electronics._function == "v" else limit
            seen.append(max(abs(bound), abs(electronics.drive.v)))

    def set_source(*given: Any) -> None:
        program(*given)
        watch()

    def set_output(*given: Any, **named: Any) -> None:
        switch(*given, **named)
        watch()

    electronics.set_source, electronics.set_output = set_source, set_output
    for _ in range(3):
        sourced(meter, pulse(1e-4, 1e-3), {"top": 0.5})
        sourced(meter, pulse(0.3, 1e-3), {})
        sourced(meter, pulse(0.5, 1e-3, measured=False), {"top": 0.4}, 1.0)
        sourced(meter, pulse(0.1, 1e-3), {}, 1e-7)
    assert seen
    assert max(seen) == 0.5
    assert rig.safe()
    rig.laboratory.clock.advance(1e-3)
    electronics.fixture.sync()
    assert electronics.drive.v == 0.0
    meter.close()


@pytest.mark.parametrize(
    ("meddling", "sentence"),
    [
        ("smua.source.limitv = 30", r"voltage limit reads back as 30 V, not 2 V"),
        ("smua.source.func = smua.OUTPUT_DCVOLTS", "read back as 0.0001 A, 0.1 V"),
        ("smua.source.leveli = 1e-5", "does not source 0 A"),
    ],
)
def test_what_does_not_read_back_stops_before_the_output_goes_on(rig, meter, meddling, sentence):
    sourced(meter, pulse(1e-4, 1e-3))
    stranger = rig.adapter()
    stranger.write(meddling)
    instrument, on = rig.instrument.channels["a"].source, []
    switch = instrument.set_output
    instrument.set_output = lambda value: (on.append(value), switch(value))
    with pytest.raises(InstrumentFault, match=sentence):
        sourced(meter, pulse(1e-4, 1e-3))
    assert 1 not in on
    assert rig.safe()
    assert sourced(meter, pulse(1e-4, 1e-3))[0].flags == 0
    stranger.close()


def test_settings_made_by_hand_do_not_reach_into_a_step(rig, meter):
    sourced(meter, pulse(1e-4, 1e-3))
    meter.ChA.compliance_voltage = 30
    meter.ChA.source_current_range = 1e-6
    meter.write("smua.source.offfunc = smua.OUTPUT_DCAMPS smua.measure.autorangev = 1")
    meter.write("smua.source.func = smua.OUTPUT_DCVOLTS smua.source.levelv = 0.1")
    (row,) = sourced(meter, pulse(1e-4, 1e-3))
    assert (row.i, row.flags) == (1e-4, 0)
    shot = meter.snapshot()
    assert float(shot["smua.source.func"]) == 0
    assert float(shot["smua.source.limitv"]) == 2.0
    assert float(shot["smua.source.rangei"]) == pytest.approx(1e-4)
    assert float(shot["smua.measure.rangev"]) == 6.0
    assert float(shot["smua.source.leveli"]) == 0
    assert float(shot["smua.source.offfunc"]) == 1  # off is zero volts
    assert rig.safe()


def test_a_stop_request_ends_the_currents_and_makes_safe(rig, meter):
    asked = iter([False] * 6 + [True] * 100)
    play = Play(train(pulse(1e-4, 1e-3), 50e-3, 400), 1e-3, voltage_limits=LIMIT)
    rows = [row for chunk in meter.play(play, lambda: next(asked)) for row in chunk]
    assert 0 < len(rows) < 400
    assert rig.safe()
    assert rig.panel().level == 0.0
    assert sourced(meter, pulse(0.5, 1e-3), {})[0].i == pytest.approx(0.5 / R, rel=1e-6)


def test_a_current_found_on_is_reported_with_its_unit(rig, caplog):
    earlier = rig.adapter()
    for line in (
        "smua.source.func = smua.OUTPUT_DCAMPS smua.source.limitv = 1",
        "smua.source.leveli = 2e-5 smua.source.output = 1",
    ):
        earlier.write(line)
    with caplog.at_level(logging.WARNING):
        meter = rig.connect()
    assert "channel a at 2e-05 A; it was switched off" in caplog.text
    assert rig.safe()
    meter.close()
    earlier.close()


def test_a_step_that_was_played_before_is_one_short_line(rig, meter):
    volts, amperes = pulse(0.5, 1e-3), pulse(1e-4, 1e-3)
    sourced(meter, volts, {})
    sourced(meter, amperes)
    rig.sent.clear()
    for _ in range(3):
        assert sourced(meter, volts, {})[0].v_set == 0.5
        assert sourced(meter, amperes)[0].i == 1e-4
    assert len(rig.sent) == 6
    assert max(map(len, rig.sent)) < 30


def test_one_waveform_in_volts_and_in_amperes_are_two_steps(meter):
    waveform = pulse(1e-3, 1e-3)
    assert sourced(meter, waveform, {})[0].v_set == 1e-3
    assert sourced(meter, waveform, {"top": 0.5})[0].v == pytest.approx(0.5, rel=1e-3)
    assert sourced(meter, waveform, {"top": 0.8})[0].v == pytest.approx(0.8, rel=1e-3)
    assert sourced(meter, waveform, {})[0].v_set == 1e-3


@pytest.mark.parametrize("kind", ["close", "mute", "garbage"])
def test_a_link_that_fails_at_any_line_leaves_no_current_on(kind):
    far = {"instrument": "smu", "at": 10**6, "kind": "mute"}
    probe = Rig(faults=[far])
    meter = probe.connect()
    lines = probe.laboratory.visa.port(ADDRESS).instrument
    before = lines.lines
    sourced(meter, pulse(1e-4, 5e-3) + rest(20e-3) + pulse(5e-5, 5e-3))
    after = lines.lines
    meter.close()
    assert after > before
    for at in range(before + 1, after + 1):
        rig = Rig(faults=[{**far, "at": at, "kind": kind}])
        meter = rig.connect(options={"timeout": "100 ms"})
        with suppress(InstrumentFault):
            sourced(meter, pulse(1e-4, 5e-3) + rest(20e-3) + pulse(5e-5, 5e-3))
        meter.close()
        rig.laboratory.clock.advance(1.0)
        assert rig.safe(), at


# -- limits, ranges, forecast --------------------------------------------------------------------


def unit(name: str, **channels: str) -> Unit:
    model = MODELS[name]
    return Unit(model, limits_of(model, 50.0), 50.0, channels or {"top": "a"})


def compiled(
    waveform: Any, name: str = "2602B", limit: float = 2.0, compliance: float = 1.0, **ranges: float
) -> Any:
    return compile_play(
        Play(waveform, compliance, ranges, voltage_limits={"top": limit}), unit(name)
    )


@pytest.mark.parametrize(
    ("name", "level", "limit", "source", "voltmeter"),
    [
        ("2602B", 50e-9, 0.5, 100e-9, 1.0),
        ("2602B", 1.01e-6, 1.0, 1e-6, 1.0),
        ("2602B", 1.02e-6, 1.1, 10e-6, 6.0),
        ("2602B", 1.005, 40.0, 1.0, 40.0),
        ("2602B", 3.0, 6.0, 3.0, 6.0),
        ("2612B", 1e-9, 200.0, 100e-9, 200.0),
        ("2636B", 1e-9, 0.02, 1e-9, 0.2),
        ("2634B", 5e-10, 2.0, 1e-9, 2.0),
    ],
)
def test_ranges_follow_the_largest_level_and_the_limit(name, level, limit, source, voltmeter):
    made = compiled(pulse(level, 1e-3), name, limit, 3.0)
    (track,) = made.tracks
    assert track.quantity == "i"
    assert track.source.full_scale == track.i_meter.full_scale == source
    assert track.meter is track.v_meter
    assert (track.v_meter.full_scale, track.limit) == (voltmeter, limit)


def test_a_larger_range_can_be_asked_for_and_a_smaller_one_does_not_cut_the_level():
    assert compiled(pulse(1e-6, 1e-3), top=1e-3).tracks[0].source.full_scale == 1e-3
    assert compiled(pulse(1e-4, 1e-3), top=1e-6).tracks[0].source.full_scale == 1e-4


@pytest.mark.parametrize(
    ("name", "level", "limit", "compliance", "named"),
    [
        ("2602B", 3.1, 2.0, 4.0, "current"),
        ("2612B", 1.6, 2.0, 4.0, "current"),
        ("2602B", 2e-3, 2.0, 1e-3, "compliance"),
        ("2602B", 1e-3, 5e-3, 1e-3, "voltage limit"),
        ("2602B", 1e-3, 41.0, 1e-3, "voltage limit"),
        ("2602B", 2.0, 7.0, 3.0, "voltage limit"),
        ("2636B", 1e-3, 15e-3, 1e-3, "voltage limit"),
        ("2612B", 0.5, 21.0, 1.0, "voltage limit"),
        ("2612B", 0.1, 201.0, 1.0, "voltage limit"),
        ("2602B", 1e-3, math.nan, 1e-3, "voltage limit"),
    ],
)
def test_every_limit_is_named_with_a_remedy(name, level, limit, compliance, named):
    (found,) = compiled(pulse(level, 1e-3), name, limit, compliance)
    assert found.limit == f"{name} {named}"
    assert found.asked
    assert found.allowed
    assert found.remedy
    assert "\n" not in str(found)


def test_a_limit_for_a_terminal_that_is_not_wired_is_refused_and_ranges_end():
    play = Play(pulse(1e-4, 1e-3), 1e-3, voltage_limits={"gate": 1.0})
    assert "2602B terminals" in [found.limit for found in compile_play(play, unit("2602B"))]
    assert [v.limit for v in compiled(pulse(1e-4, 1e-3), top=4.0)] == ["2602B current range"]


def test_the_compliance_of_volts_is_no_matter_of_amperes():
    # 1 nA is less than a 2602B can limit a voltage source to
    assert isinstance(compiled(pulse(1e-9, 1e-3), compliance=1e-9), Program)
    both = pulse(1e-9, 1e-3)
    play = Play(both, 1e-9, voltage_limits={"top": 1.0})
    (found,) = compile_play(play, unit("2602B", top="a", gate="b"))
    assert found.limit == "2602B compliance"


def test_a_program_says_what_each_channel_sources():
    play = Play(pulse(1e-4, 1e-3), 2e-3, voltage_limits={"top": 1.5})
    made = compile_play(play, unit("2602B", top="a", gate="b"))
    line = next(program_lines(1, made, remote_sense=False))
    assert 'sources="i",range=0.0001,limit=1.5,meter=6,' in line
    assert 'sources="v",range=0.1,limit=0.002,meter=0.01}' in line
    assert len(line) < 1000


def test_the_driver_says_that_it_sources_currents_and_how_well_they_are_known(rig):
    assert "currents" in keithley2600.CAPABILITIES
    forecast = keithley2600.forecast(
        rig.setup(), Play(read(5e-6, 20e-3), 1e-3, voltage_limits=LIMIT)
    )
    assert forecast.mode == "trigger model"
    (floor,) = forecast.floors
    assert (floor.current, floor.range) == (5e-9, 10e-6)


# -- rows ----------------------------------------------------------------------------------------


def rows_of(waveform: Any, *lines: str, name: str = "2602B", limit: float = 2.0) -> list[Row]:
    decoder = Decoder(compiled(waveform, name, limit))
    for line in lines:
        decoder.hold(line)
    return decoder.rows(2.0)


def test_the_current_is_the_level_unless_the_source_was_limiting():
    free, limited = rows_of(
        (read(1e-3, 10e-3) + rest(0.01)) * 2,
        "9.998e-4, 0, 0, 0.97, 4e-4, 0.02, 64, 2.0",
    )
    assert (free.i, free.v, free.flags) == (1e-3, 0.97, 0)
    assert (limited.i, limited.v, Flag(limited.flags)) == (4e-4, 2.0, Flag.COMPLIANCE)
    # source on 1 mA: 0.03 % + 300 nA; meters at 0.375 PLC, between 0 at 1 PLC and 0.01 % at 0.1 PLC
    assert free.u_i == pytest.approx((1e-3 * 3e-4 + 300e-9) / math.sqrt(3))
    assert limited.u_i == pytest.approx((4e-4 * 2e-4 + 200e-9 + 2.7e-8) / math.sqrt(3), rel=0.1)
    assert free.u_v == pytest.approx((0.97 * 1.5e-4 + 1e-3 + 1.6e-4) / math.sqrt(3), rel=0.1)


def test_before_it_has_settled_the_current_is_the_measured_one():
    # the range of 100 nA settles in 20 ms, with a volt across the load
    (early,) = rows_of(read(5e-8, 5e-3), "3e-8, 0, 0, 0.5")
    (late,) = rows_of(read(5e-8, 0.5), "4.999e-8, 0, 0, 0.5")
    assert (early.i, Flag(early.flags)) == (3e-8, Flag.UNSETTLED)
    assert (late.i, late.flags) == (5e-8, 0)
    # with 20 V it takes twenty times as long
    (slow,) = rows_of(read(5e-8, 0.1), "4.999e-8, 0, 0, 20", limit=40.0)
    (fast,) = rows_of(read(5e-8, 0.1), "4.999e-8, 0, 0, 0.2", limit=40.0)
    assert (slow.i, Flag(slow.flags)) == (4.999e-8, Flag.UNSETTLED)
    assert (fast.i, fast.flags) == (5e-8, 0)


def test_a_current_that_falls_short_is_never_told_as_the_level():
    # whatever the status says: at the limit it is the limit, elsewhere the source is on its way
    (held,) = rows_of(read(1e-3, 10e-3), "6e-4, 0, 0, 1.9995")
    assert (held.i, Flag(held.flags)) == (6e-4, Flag.COMPLIANCE)
    (lost,) = rows_of(read(1e-3, 10e-3), "6e-4, 0, 0, 0.7")
    assert (lost.i, Flag(lost.flags)) == (6e-4, Flag.UNSETTLED)
    # as near to the limit, with all of its current
    (near,) = rows_of(read(1e-3, 10e-3), "9.999e-4, 0, 0, 1.9995")
    assert (near.i, near.flags) == (1e-3, 0)


def test_an_overflow_is_flagged_and_never_a_number():
    (row,) = rows_of(read(1e-3, 10e-3), "9.91e37, 0, 64, 9.91e37")
    assert math.isnan(row.i)
    assert math.isnan(row.v)
    assert Flag(row.flags) == Flag.OVERRANGE | Flag.COMPLIANCE
    (row,) = rows_of(read(1e-3, 10e-3), "1e-3, 0, 0, 9.91e37")
    assert row.i == 1e-3
    assert math.isnan(row.v)
    assert Flag(row.flags) == Flag.OVERRANGE


def test_a_slow_range_is_seen_to_settle_and_the_rows_follow_it():
    rig = Rig(noise={"instrument": True, "cycle": False, "device": False})
    meter = rig.connect()
    windows = [Window("top", ticks(a), ticks(a + 1e-3), "read") for a in (1e-3, 5e-3, 60e-3)]
    rows = [sourced(meter, segment(70e-3, {"top": 90e-9}, windows=(w,)))[0] for w in windows]
    assert [bool(row.flags & Flag.UNSETTLED) for row in rows] == [True, True, False]
    early, later, there = (row.i for row in rows)
    # to 0.1 % in 20 ms; the electronics bend where the exponential has its corner
    for i, at in ((early, 1.5e-3), (later, 5.5e-3)):
        assert i == pytest.approx(90e-9 * -math.expm1(-at * math.log(1000) / 20e-3), rel=0.3)
    assert there == 90e-9
    assert rows[0].v == pytest.approx(early * R, abs=2 * rows[0].u_v + 1e-4)
    meter.close()


def test_an_error_in_a_run_ends_at_no_current_with_the_output_off():
    probe = Rig(faults=[{"instrument": "smu", "at": 10**6, "kind": "mute"}])
    probe.connect().close()
    at = probe.laboratory.visa.port(ADDRESS).instrument.lines + 1
    rig = Rig(faults=[{"instrument": "smu", "at": at, "kind": "error", "code": 5046}])
    meter = rig.connect()
    with pytest.raises(InstrumentFault, match="5046"):
        sourced(meter, pulse(1e-4, 1e-3))
    assert rig.safe()
    assert sourced(meter, pulse(1e-4, 1e-3))[0].flags == 0
    meter.close()


def test_a_voltage_limit_beyond_42_v_needs_the_interlock():
    rig = Rig(model="2612B", device=OPEN)
    meter = rig.connect()
    (row,) = sourced(meter, read(1e-6, 50e-3), {"top": 100.0})
    assert row.v == pytest.approx(100.0, rel=1e-3)
    rig.instrument.interlock = False
    with pytest.raises(InstrumentFault, match="interlock"):
        sourced(meter, read(1e-6, 60e-3), {"top": 100.0})
    assert rig.safe()
    meter.close()
