"""A terminal of a 2450, 2460 or 2461 that is driven by a current; through the wire."""

import logging
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from instruments import keithley2450
from instruments.keithley2450_limits import MODELS, limits_of
from instruments.keithley2450_lines import Reading
from instruments.keithley2450_program import Compiled, Unit, compile_play
from instruments.keithley2450_readings import Decoder
from instruments.ranges import range_for
from labctl.benchfile import Definition
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Segment, Window, pulse, read, rest, ticks, train
from labctl.workbench import Bench
from tests.instruments.rig2450 import ADDRESS, QUIET, Rig, never

R = 10e3  # Ohm
LIMIT = {"top": 2.0}
OPEN = {"family": "open"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def meter(rig):
    connected = rig.connect()
    yield connected
    connected.close()


def sourced(
    meter: Any, waveform: Any, limits: dict[str, float] = LIMIT, compliance: float = 1e-3, **ranges
) -> list[Row]:
    """Play with a current and return every row."""
    play = Play(waveform, compliance, ranges, voltage_limits=limits)
    return [row for chunk in meter.play(play, never) for row in chunk]


# -- what the device sees ----------------------------------------------------------------------


@pytest.mark.parametrize("level", [1e-6, -20e-6, 150e-6])
def test_a_current_flows_and_its_voltage_is_measured(rig, meter, level):
    (row,) = sourced(meter, read(level, 50e-3))
    assert math.isnan(row.v_set)
    assert row.i == pytest.approx(level, rel=1e-6)
    assert row.v == pytest.approx(level * R, rel=1e-6)
    assert row.flags == 0
    assert 2e-4 * abs(level) < row.u_i * math.sqrt(3) < 2e-3 * abs(level)
    assert 0 < row.u_v < 2e-3
    assert rig.safe()


def test_a_train_keeps_its_times_and_returns_to_no_current(rig, meter):
    electronics = rig.instrument.unit.source.electronics
    seen, program = [], electronics.set_source

    def watched(quantity, level, *more):
        program(quantity, level, *more)
        if electronics.on and (not seen or seen[-1][1:] != (quantity, level)):
            seen.append((rig.laboratory.clock.now_s, quantity, level))

    electronics.set_source = watched
    rows = sourced(meter, (pulse(50e-6, 2e-3) + rest(3e-3) + pulse(-20e-6, 2e-3) + rest(1e-3)) * 20)
    assert [row.i for row in rows] == pytest.approx([50e-6, -20e-6] * 20, rel=1e-6)
    assert np.diff([row.t for row in rows[::2]]) == pytest.approx(8e-3, abs=5e-6)
    first = next(k for k, entry in enumerate(seen) if entry[1:] == ("i", 50e-6))
    assert [level for _, _, level in seen[first : first + 4]] == [50e-6, 0.0, -20e-6, 0.0]
    times = [time for time, _, _ in seen[first : first + 3]]
    assert times[1] - times[0] == pytest.approx(2e-3, abs=3e-6)
    assert times[2] - times[1] == pytest.approx(3e-3, abs=5e-6)


@pytest.mark.parametrize("model", ["2450", "2460", "2461"])
def test_an_open_circuit_goes_to_its_limit_and_the_row_says_so(model):
    rig = Rig(model, device=OPEN)
    meter = rig.connect()
    for level, v in ((10e-6, 2.0), (-10e-6, -2.0)):
        (row,) = sourced(meter, pulse(level, 5e-3))
        assert Flag(row.flags) == Flag.COMPLIANCE
        assert row.v == pytest.approx(v, rel=1e-6)
        assert abs(row.i) < 1e-9  # measured, not what was asked for
    # where whole line cycles leave no time for that, it is not known
    (row,) = sourced(meter, read(10e-6, 50e-3))
    assert (Flag(row.flags), math.isnan(row.i)) == (Flag.COMPLIANCE, True)
    assert rig.safe()
    meter.close()


def test_a_limit_cuts_only_the_levels_that_reach_it(meter):
    limited, free = sourced(meter, pulse(300e-6, 5e-3) + rest(2e-3) + pulse(100e-6, 5e-3))
    assert limited.flags & Flag.COMPLIANCE
    assert limited.v == pytest.approx(2.0, rel=1e-3)
    assert limited.i == pytest.approx(2.0 / R, rel=1e-3)
    assert free.flags == 0
    assert (free.i, free.v) == (pytest.approx(100e-6, rel=1e-6), pytest.approx(1.0, rel=1e-6))


def test_a_reading_at_no_current_is_that_of_an_open_circuit(meter):
    window = Window("top", ticks(2e-3), ticks(4e-3))
    lit, dark = sourced(meter, pulse(100e-6, 5e-3) + Segment(ticks(5e-3), {}, (window,)))
    assert (lit.role, dark.role) == ("pulse", "read")
    assert dark.i == pytest.approx(0.0, abs=1e-12)
    assert dark.v == pytest.approx(0.0, abs=1e-9)


def test_short_pulses_of_a_2461_are_currents_too():
    rig = Rig("2461")
    meter = rig.connect()
    rows = sourced(meter, (pulse(100e-6, 200e-6) + rest(5e-3)) * 10)
    assert (
        keithley2450.forecast(
            rig.setup(), Play(pulse(100e-6, 200e-6), 1e-3, voltage_limits=LIMIT)
        ).mode
        == "pulse mode"
    )
    assert [row.i for row in rows] == pytest.approx([100e-6] * 10, rel=1e-6)
    assert [row.v for row in rows] == pytest.approx([1.0] * 10, rel=1e-6)
    (high,) = sourced(meter, pulse(400e-6, 200e-6))
    assert high.flags & Flag.COMPLIANCE
    assert high.v == pytest.approx(2.0, rel=1e-3)
    assert rig.safe()
    meter.close()


@pytest.mark.parametrize(
    ("family", "noisy"),
    [("resistor", True), ("diode", True), ("rram", False)],
)
def test_readings_are_those_of_the_device_without_an_instrument(family, noisy):
    body = rest(2e-3) + pulse(20e-6, 5e-3) + rest(5e-3) + read(5e-6, 20e-3) + rest(2e-3)
    play = Play(body, 1e-3, voltage_limits=LIMIT)
    through, direct = (played(driver, family, noisy, play) for driver in ("keithley2450", "direct"))
    for got, true in zip(through, direct, strict=True):
        assert got.i == pytest.approx(true.i, abs=2 * got.u_i)
        assert got.width == pytest.approx(true.width, abs=5e-6)
        assert got.flags == true.flags == 0
        # the error of the current makes at most as much of the voltage as at a constant resistance
        bound = 2 * math.hypot(got.u_v, got.u_i * true.v / true.i)
        # other windows, and a microsecond or two for a block, are what is left of a filament
        assert got.v == pytest.approx(true.v, abs=bound if noisy else 3e-3 * abs(true.v))


def played(driver: str, family: str, noisy: bool, play: Play) -> list[Row]:
    """Play on a bench with a 2450, or without an instrument."""
    given = {"driver": driver}
    if driver != "direct":
        given |= {"model": "2450", "address": ADDRESS}
    bench = {
        "name": "rig",
        "instruments": {"smu": given},
        "terminals": {"top": "smu.top" if driver == "direct" else "smu.front"},
        "simulation": {
            "device": {"family": family},
            "noise": {"instrument": noisy, "cycle": False, "device": False},
        },
    }
    with Bench(Definition.model_validate(bench), bench, seed=3) as opened:
        return [row for chunk in opened.execute(play, never) for row in chunk]


def test_stated_uncertainties_cover_the_errors_of_a_noisy_instrument():
    rig = Rig(noise={**QUIET, "instrument": True})
    meter = rig.connect()
    rows = sourced(meter, (pulse(80e-6, 5e-3) + rest(2e-3)) * 50)
    pulls = [(row.v - row.i * R) / math.hypot(row.u_v, row.u_i * R) for row in rows]
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.01
    meter.close()


# -- nothing above its limit, and safe at every end ---------------------------------------------


@pytest.mark.parametrize("model", ["2450", "2461"])
def test_changing_between_volts_and_amperes_never_shows_the_device_more_than_was_asked_for(model):
    rig = Rig(model, device=OPEN)
    meter = rig.connect()
    electronics = rig.instrument.unit.source.electronics
    seen: list[float] = []
    program, switch = electronics.set_source, electronics.set_output

    def watch() -> None:
        electronics.fixture.sync()
        if electronics.on:
            level, _, limit, _ = electronics._asked
            bound = level if electronics._function == "v" else limit
            seen.append(max(abs(bound), abs(electronics.drive.v)))

    def set_source(*given: Any) -> None:
        program(*given)
        watch()

    def set_output(*given: Any, **named: Any) -> None:
        switch(*given, **named)
        watch()

    electronics.set_source, electronics.set_output = set_source, set_output
    for _ in range(2):
        sourced(meter, pulse(1e-4, 2e-3), {"top": 0.5})
        sourced(meter, pulse(0.3, 2e-3), {})
        sourced(meter, pulse(0.5, 2e-3, measured=False), {"top": 0.4}, 1.0)
        sourced(meter, pulse(0.1, 2e-3), {}, 1e-5)
    assert seen
    assert max(seen) == 0.5
    rig.laboratory.clock.advance(1e-2)
    electronics.fixture.sync()
    assert electronics.drive.v == 0.0
    assert rig.safe()
    meter.close()


@pytest.mark.parametrize(
    ("meddling", "sentence"),
    [
        (":SOUR:CURR:VLIM 20", r"a voltage limit of 2 V was set and 20 read back"),
        (":SOUR:FUNC VOLT", "VOLT and not CURR is sourced"),
        (":SOUR:CURR:RANG 1e-2", "a source range of 0.0001 A was set and 0.01 read back"),
    ],
)
def test_what_does_not_read_back_stops_before_the_output_goes_on(rig, meter, meddling, sentence):
    sourced(meter, pulse(1e-4, 2e-3))
    stranger = rig.adapter()
    stranger.write(meddling)
    source, on = rig.instrument.unit.source, []
    switch = source.switch_on
    source.switch_on = lambda: (on.append(True), switch())
    with pytest.raises(InstrumentFault, match=sentence):
        sourced(meter, pulse(1e-4, 2e-3))
    assert on == []
    assert rig.safe()
    assert sourced(meter, pulse(1e-4, 2e-3))[0].flags == 0
    stranger.close()


def test_settings_made_by_hand_do_not_reach_into_a_step(rig, meter):
    sourced(meter, pulse(1e-4, 2e-3))
    meter.compliance_voltage = 30
    meter.source_current_range = 1e-6
    meter.write(":SOUR:FUNC VOLT;:SOUR:VOLT:RANG 2;:SOUR:VOLT 0.1;:SENS:FUNC 'CURR'")
    (row,) = sourced(meter, pulse(1e-4, 2e-3))
    assert (row.i, row.flags) == (pytest.approx(1e-4), 0)
    shot = meter.snapshot()
    assert shot[":SOUR:FUNC"] == "CURR"
    assert float(shot[":SOUR:CURR:VLIM"]) == 2.0
    assert float(shot[":SOUR:CURR:RANG"]) == pytest.approx(1e-4)
    assert float(shot[":SOUR:CURR"]) == 0
    assert rig.safe()


def test_volts_after_amperes_are_those_of_a_fresh_instrument(rig, meter):
    fresh = sourced(meter, pulse(0.5, 2e-3), {})[0]
    sourced(meter, pulse(1e-4, 2e-3))
    again = sourced(meter, pulse(0.5, 2e-3), {})[0]
    assert again._replace(t=0.0) == fresh._replace(t=0.0, width=again.width)
    assert again.width == pytest.approx(fresh.width, abs=3e-6)


def test_a_stop_request_ends_the_currents_and_makes_safe(rig, meter):
    asked = iter([False] * 3 + [True] * 100)
    play = Play(train(pulse(1e-4, 5e-3), 20e-3, 2000), 1e-3, voltage_limits=LIMIT)
    rows = [row for chunk in meter.play(play, lambda: next(asked)) for row in chunk]
    assert 0 < len(rows) < 2000
    assert rig.safe()
    assert sourced(meter, pulse(0.5, 2e-3), {})[0].i == pytest.approx(0.5 / R, rel=1e-6)


def test_a_current_found_on_is_reported_with_its_unit(rig, caplog):
    earlier = rig.adapter()
    earlier.write(":SOUR:FUNC CURR;:SOUR:CURR:VLIM 1;:SOUR:CURR 2e-5;:OUTP ON")
    with caplog.at_level(logging.WARNING):
        meter = rig.connect()
    assert "found the output on at 2e-05 A; it was switched off" in caplog.text
    assert rig.safe()
    meter.close()
    earlier.close()


@pytest.mark.parametrize(
    "kind",
    ["close", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("mute", "garbage"))],
)
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


def compiled(
    waveform: Any, name: str = "2450", limit: float = 2.0, compliance: float = 1.0, **ranges: float
) -> Compiled:
    model = MODELS[name]
    unit = Unit(model, limits_of(model, 50.0), 50.0, {"top": "front"})
    return compile_play(Play(waveform, compliance, ranges, voltage_limits={"top": limit}), unit)


@pytest.mark.parametrize(
    ("name", "level", "limit", "source", "voltmeter"),
    [
        ("2450", 5e-9, 0.15, 10e-9, 0.2),
        ("2450", 1.04e-6, 2.0, 1e-6, 2.0),
        ("2450", 1.06e-6, 2.1, 10e-6, 20.0),
        ("2450", 1.0, 21.0, 1.0, 200.0),
        ("2450", 0.1, 210.0, 0.1, 200.0),
        ("2460", 5e-9, 0.2, 1e-6, 0.2),
        ("2461", 6.0, 7.0, 7.0, 7.0),
    ],
)
def test_ranges_follow_the_largest_level_and_the_limit(name, level, limit, source, voltmeter):
    made = compiled(pulse(level, 2e-3), name, limit, 10.0).program
    assert made.quantity == "i"
    assert made.source.full_scale == made.i_meter.full_scale == source
    assert made.meter is made.v_meter
    assert (made.v_meter.full_scale, made.limit) == (voltmeter, limit)


def test_a_larger_range_can_be_asked_for_and_a_smaller_one_does_not_cut_the_level():
    assert compiled(pulse(1e-6, 2e-3), top=1e-3).program.source.full_scale == 1e-3
    assert compiled(pulse(1e-4, 2e-3), top=1e-6).program.source.full_scale == 1e-4
    (found,) = compiled(pulse(1e-4, 2e-3), top=4.0).violations
    assert found.limit == "2450 current range"


@pytest.mark.parametrize(
    ("name", "level", "limit", "compliance", "named"),
    [
        ("2450", 1.1, 2.0, 4.0, "current"),
        ("2461", 7.4, 2.0, 8.0, "current"),
        ("2450", 2e-3, 2.0, 1e-3, "compliance"),
        ("2450", 1e-3, 15e-3, 1e-3, "voltage limit"),
        ("2450", 1e-3, 211.0, 1e-3, "voltage limit"),
        ("2450", 0.5, 22.0, 1.0, "voltage limit"),
        ("2460", 1e-3, 0.1, 1e-3, "voltage limit"),
        ("2460", 4.5, 20.0, 5.0, "voltage limit"),
        ("2450", 1e-3, math.nan, 1e-3, "voltage limit"),
    ],
)
def test_every_limit_is_named_with_a_remedy(name, level, limit, compliance, named):
    (found,) = compiled(pulse(level, 2e-3), name, limit, compliance).violations
    assert found.limit == f"{name} {named}"
    assert found.asked
    assert found.allowed
    assert found.remedy
    assert "\n" not in str(found)


def test_a_limit_for_a_terminal_that_is_not_wired_is_refused(rig, meter):
    play = Play(pulse(1e-4, 2e-3), 1e-3, voltage_limits={"gate": 1.0})
    rig.sent.clear()
    with pytest.raises(Refused, match="gate"):
        list(meter.play(play, never))
    assert rig.sent == []


def test_the_driver_says_that_it_sources_currents_and_how_well_they_are_known(rig):
    assert "currents" in keithley2450.CAPABILITIES
    forecast = keithley2450.forecast(
        rig.setup(), Play(read(5e-6, 20e-3), 1e-3, voltage_limits=LIMIT)
    )
    (floor,) = forecast.floors
    assert (floor.current, floor.range) == (1.5e-9, 10e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_sources_of_a_model_have_its_ammeters_ranges(name):
    model = MODELS[name]
    assert [r.full_scale for r in model.i_source] == [r.full_scale for r in model.i_meter]
    for r in model.i_source:
        assert 1e-4 < r.bound(r.full_scale) / r.full_scale < 2e-2
        assert model.most_limit(r.full_scale) >= model.least_limit
    assert range_for(model.i_source, 20.0, source=True) is None


# -- rows ----------------------------------------------------------------------------------------


def rows_of(waveform: Any, *readings: Reading, limit: float = 2.0) -> list[Row]:
    decoder = Decoder(compiled(waveform, limit=limit).program, 1.0)
    return decoder.rows([Reading(0.0, 0.0, 0.0, 128), *readings])


def test_what_is_not_measured_of_a_limited_source_is_not_a_number():
    lone = Reading(1.99, 1e-3, 5e-6, 128 | 32)  # limited, the current not read back
    (row,) = rows_of(read(5e-6, 20e-3), lone, Reading(0.0, 21e-3, 0.0, 128))
    assert math.isnan(row.i)
    assert (row.v, Flag(row.flags)) == (1.99, Flag.COMPLIANCE)
    free = lone._replace(status=128)
    (row,) = rows_of(read(5e-6, 20e-3), free, Reading(0.0, 21e-3, 0.0, 128))
    assert (row.i, row.flags) == (5e-6, 0)
    assert row.u_i == pytest.approx((5e-6 * 2.5e-4 + 1.5e-9) / math.sqrt(3))
    over = lone._replace(sensed=9.9e37)
    (row,) = rows_of(read(5e-6, 20e-3), over, Reading(0.0, 21e-3, 0.0, 128))
    assert math.isnan(row.v)
    assert Flag(row.flags) == Flag.OVERRANGE | Flag.COMPLIANCE


def test_a_voltage_that_takes_long_to_build_up_is_flagged():
    # the range of 100 nA settles in 5 ms with a volt across the load [check]
    end = Reading(0.0, 21e-3, 0.0, 128)
    (fast,) = rows_of(read(50e-9, 20e-3), Reading(0.5, 1e-3, 5e-8, 128 | 8), end)
    (slow,) = rows_of(read(50e-9, 20e-3), Reading(40.0, 1e-3, 5e-8, 128 | 8), end, limit=100.0)
    assert fast.flags == 0
    assert Flag(slow.flags) == Flag.UNSETTLED
