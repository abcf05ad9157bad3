"""A terminal of a Series 2400 that is driven by a current; through the wire."""

import logging
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from instruments import keithley2400
from instruments.keithley2400_limits import MODELS, limits_of
from instruments.keithley2400_program import Unit, compile_play
from instruments.pieces import Compiled
from instruments.ranges import range_for
from labctl.benchfile import Definition
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Segment, Window, pulse, read, rest, ticks
from labctl.workbench import Bench
from tests.instruments.rig2400 import ADDRESS, QUIET, Rig, never

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


@pytest.mark.parametrize("model", ["2400", "2410", "2420", "2430"])
@pytest.mark.parametrize("level", [-20e-6, 150e-6])
def test_a_current_flows_and_its_voltage_is_measured(model, level):
    rig = Rig(model)
    meter = rig.connect()
    (row,) = sourced(meter, read(level, 50e-3))
    assert math.isnan(row.v_set)
    assert row.i == level
    assert row.v == pytest.approx(level * R, rel=1e-6)
    assert row.flags == 0
    assert 3e-4 * abs(level) < row.u_i * math.sqrt(3) < 2e-3 * abs(level)
    assert 0 < row.u_v < 2e-3
    assert rig.safe()
    meter.close()


def test_a_train_keeps_its_times_and_returns_to_no_current(rig, meter):
    electronics = rig.instrument.output.electronics
    seen, program = [], electronics.set_source

    def watched(quantity, level, *more):
        program(quantity, level, *more)
        if electronics.on and (not seen or seen[-1][1:] != (quantity, level)):
            seen.append((rig.laboratory.clock.now_s, quantity, level))

    electronics.set_source = watched
    rows = sourced(meter, (pulse(50e-6, 5e-3) + rest(5e-3) + pulse(-20e-6, 5e-3) + rest(5e-3)) * 20)
    assert [row.i for row in rows] == [50e-6, -20e-6] * 20
    assert [row.v for row in rows] == pytest.approx([0.5, -0.2] * 20, rel=1e-6)
    first = next(k for k, entry in enumerate(seen) if entry[1:] == ("i", 50e-6))
    assert [level for _, _, level in seen[first : first + 4]] == [50e-6, 0.0, -20e-6, 0.0]
    times = [time for time, _, _ in seen[first:]]
    # the driver knows how much longer the firmware takes with a current
    assert times[1] - times[0] == pytest.approx(rows[0].width, abs=50e-6)
    assert rows[0].width == pytest.approx(5e-3, rel=0.05)
    assert np.diff([row.t for row in rows[::2]]) == pytest.approx(times[4] - times[0], abs=5e-5)


def test_readings_lie_in_their_windows():
    rig = Rig()
    meter = rig.connect()
    begun: list[float] = []
    electronics = rig.instrument.output.electronics
    begin, zero = electronics.begin, rig.laboratory.clock.now_s

    def noted():
        begun.append(rig.laboratory.clock.now_s)
        return begin()

    electronics.begin = noted
    level = pulse(50e-6, 20e-3)
    (row,) = sourced(meter, level)
    program = compile_play(Play(level, 1e-3, voltage_limits=LIMIT), compiled_unit("2410")).program
    (run,) = program.runs
    (mark,) = run.marks
    # both are measured, and the voltage, which counts, comes second
    assert run.cycle.volts
    assert run.cycle.skip == run.cycle.aperture
    conversions = [begun[2 * k + 1] for k in mark.readings]
    middle = np.mean(conversions) + run.cycle.aperture / 2
    assert row.t == pytest.approx(middle - zero, abs=2e-3)  # ticks of a millisecond
    start = begun[2 * mark.point] - run.cycle.offset
    window = level.windows[0]
    assert start + window.start / 1e12 - 3e-4 <= conversions[0]
    assert conversions[-1] + run.cycle.aperture <= start + window.stop / 1e12 + 3e-4
    meter.close()


@pytest.mark.parametrize("model", ["2410", "2430"])
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
    limited, free = sourced(meter, pulse(300e-6, 5e-3) + rest(5e-3) + pulse(100e-6, 5e-3))
    assert limited.flags & Flag.COMPLIANCE
    assert limited.v == pytest.approx(2.0, rel=1e-3)
    assert limited.i == pytest.approx(2.0 / R, rel=1e-3)
    assert free.flags == 0
    assert (free.i, free.v) == (100e-6, pytest.approx(1.0, rel=1e-6))


def test_a_reading_at_no_current_is_that_of_an_open_circuit(meter):
    window = Window("top", ticks(2e-3), ticks(4e-3))
    lit, dark = sourced(meter, pulse(100e-6, 5e-3) + Segment(ticks(5e-3), {}, (window,)))
    assert (lit.role, dark.role) == ("pulse", "read")
    assert dark.i == 0.0
    assert dark.v == pytest.approx(0.0, abs=1e-9)


def test_what_a_list_does_not_hold_waits_at_no_current(rig, meter):
    electronics = rig.instrument.output.electronics
    seen, switch = [], electronics.set_output

    def switched(on, *more):
        seen.append((on, electronics._function, electronics._asked[0]))
        switch(on, *more)

    electronics.set_output = switched
    first, second = sourced(meter, pulse(50e-6, 5e-3) + rest(100.0) + pulse(80e-6, 7e-3))
    assert (first.i, second.i) == (50e-6, 80e-6)
    assert second.t - first.t == pytest.approx(100.0, abs=0.1)
    assert {(q, level) for on, q, level in seen if on} == {("i", 0.0)}
    # a rest after it is at zero volts or at no current, and never a level of the list
    assert sourced(meter, rest(1.0)) == []
    assert {(q, level) for on, q, level in seen if on} == {("i", 0.0)}
    assert rig.safe()


def test_short_pulses_of_a_2430_are_currents_too():
    rig = Rig("2430")
    meter = rig.connect()
    rows = sourced(meter, (pulse(100e-6, 500e-6) + rest(20e-3)) * 5)
    assert [row.i for row in rows] == [100e-6] * 5
    assert [row.v for row in rows] == pytest.approx([1.0] * 5, rel=1e-6)
    assert {row.width for row in rows} == {500e-6}
    (high,) = sourced(meter, pulse(400e-6, 500e-6))
    assert high.flags & Flag.COMPLIANCE
    assert high.v == pytest.approx(2.0, rel=1e-3)
    assert rig.safe()
    meter.close()


def test_the_10_a_range_of_a_2430_sources_pulses():
    ohm = {"family": "resistor", "preset": "10k", "conductance": 1.0}
    rig = Rig("2430", device=ohm)
    meter = rig.connect()
    (row,) = sourced(meter, pulse(8.0, 1e-3), {"top": 20.0}, 10.0)
    assert (row.i, row.flags) == (8.0, 0)
    assert row.v == pytest.approx(8.0, rel=1e-3)
    (low,) = sourced(meter, pulse(0.5, 20e-3), {"top": 2.0}, 1.0)
    assert (low.i, low.v) == (0.5, pytest.approx(0.5, rel=1e-3))
    assert rig.safe()
    meter.close()


@pytest.mark.parametrize(
    ("family", "noisy"),
    [("resistor", True), ("diode", True), ("rram", False)],
)
def test_readings_are_those_of_the_device_without_an_instrument(family, noisy):
    body = rest(5e-3) + pulse(20e-6, 20e-3) + rest(20e-3) + read(5e-6, 20e-3) + rest(5e-3)
    play = Play(body, 1e-3, voltage_limits=LIMIT)
    through, direct = (played(driver, family, noisy, play) for driver in ("keithley2400", "direct"))
    for got, true in zip(through, direct, strict=True):
        assert got.i == pytest.approx(true.i, abs=2 * got.u_i)
        assert got.width == pytest.approx(true.width, rel=0.05)
        assert got.flags == true.flags == 0
        # the error of the current makes at most as much of the voltage as at a constant resistance
        bound = 2 * math.hypot(got.u_v, got.u_i * true.v / true.i)
        # steps that are a few per cent longer are what is left of a filament
        assert got.v == pytest.approx(true.v, abs=bound if noisy else 1e-2 * abs(true.v))


def played(driver: str, family: str, noisy: bool, play: Play) -> list[Row]:
    """Play on a bench with a 2410, or without an instrument."""
    given = {"driver": driver}
    if driver != "direct":
        given |= {"model": "2410", "address": ADDRESS, "tick": "1 ms"}
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
    rows = sourced(meter, (pulse(80e-6, 5e-3) + rest(5e-3)) * 50)
    pulls = [(row.v - row.i * R) / math.hypot(row.u_v, row.u_i * R) for row in rows]
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.01
    meter.close()


# -- nothing above its limit, and safe at every end ---------------------------------------------


@pytest.mark.parametrize("model", ["2400", "2410", "2430"])
def test_changing_between_volts_and_amperes_never_shows_the_device_more_than_was_asked_for(model):
    rig = Rig(model, device=OPEN)
    meter = rig.connect()
    electronics = rig.instrument.output.electronics
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
        sourced(meter, pulse(1e-4, 5e-3), {"top": 0.5})
        sourced(meter, pulse(0.3, 5e-3), {})
        sourced(meter, pulse(0.5, 5e-3, measured=False), {"top": 0.4}, 1.0)
        sourced(meter, pulse(0.1, 5e-3), {}, 1e-5)
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
        (":SENS:VOLT:PROT 1.5", r"a voltage limit of 2 V was set and 1.5 read back"),
        (":SOUR:FUNC VOLT", "VOLT and not CURR is sourced"),
        (":SOUR:CURR:RANG 1e-2", "a source range of 0.000105 A was set and 0.021 read back"),
        (":SOUR:LIST:CURR 1e-6", "3 points|points was set and 1 read back"),
    ],
)
def test_what_does_not_read_back_stops_before_the_output_goes_on(rig, meter, meddling, sentence):
    sourced(meter, pulse(1e-4, 5e-3))
    stranger = rig.adapter()
    stranger.write(meddling)
    output, on = rig.instrument.output, []
    switch = output.switch_on
    output.switch_on = lambda: (on.append(True), switch())
    with pytest.raises(InstrumentFault, match=sentence):
        sourced(meter, pulse(1e-4, 5e-3))
    assert on == []
    assert rig.safe()
    assert sourced(meter, pulse(1e-4, 5e-3))[0].flags == 0
    stranger.close()


def test_settings_made_by_hand_do_not_reach_into_a_step(rig, meter):
    sourced(meter, pulse(1e-4, 5e-3))
    meter.compliance_voltage = 15
    meter.write(":SOUR:FUNC VOLT;:SOUR:VOLT:MODE FIX;:SOUR:VOLT:RANG 2;:SOUR:VOLT 0.1")
    (row,) = sourced(meter, pulse(1e-4, 5e-3))
    assert (row.i, row.flags) == (1e-4, 0)
    shot = meter.snapshot()
    assert shot[":SOUR:FUNC"] == "CURR"
    assert float(shot[":SENS:VOLT:PROT"]) == 2.0
    assert float(shot[":SOUR:CURR:RANG"]) == pytest.approx(1.05e-4)
    assert float(shot[":SOUR:CURR"]) == 0
    assert rig.safe()


def test_volts_after_amperes_are_those_of_a_fresh_instrument(rig, meter):
    fresh = sourced(meter, pulse(0.5, 5e-3), {})[0]
    sourced(meter, pulse(1e-4, 5e-3))
    again = sourced(meter, pulse(0.5, 5e-3), {})[0]
    assert again._replace(t=0.0, width=0.0) == fresh._replace(t=0.0, width=0.0)
    assert again.width == pytest.approx(fresh.width, rel=0.05)


def test_a_stop_request_ends_the_currents_and_makes_safe(rig, meter):
    asked = iter([False] * 3 + [True] * 100)
    waveform = pulse(1e-4, 5e-3) + rest(100.0) + pulse(1e-4, 7e-3)
    play = Play(waveform, 1e-3, voltage_limits=LIMIT)
    rows = [row for chunk in meter.play(play, lambda: next(asked)) for row in chunk]
    assert len(rows) < 2
    assert rig.safe()
    assert sourced(meter, pulse(0.5, 5e-3), {})[0].i == pytest.approx(0.5 / R, rel=1e-6)


def test_a_current_found_on_is_reported_with_its_unit(rig, caplog):
    earlier = rig.adapter()
    earlier.write(":SOUR:FUNC CURR;:SENS:VOLT:PROT 1;:SOUR:CURR 2e-5;:OUTP ON")
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


def compiled_unit(name: str) -> Unit:
    return Unit(MODELS[name], limits_of(MODELS[name], 50.0), 50.0, {"top": "front"})


def compiled(
    waveform: Any, name: str = "2410", limit: float = 2.0, compliance: float = 1.0, **ranges: float
) -> Compiled[Any]:
    play = Play(waveform, compliance, ranges, voltage_limits={"top": limit})
    return compile_play(play, compiled_unit(name))


@pytest.mark.parametrize(
    ("name", "level", "limit", "source", "voltmeter"),
    [
        ("2400", 5e-9, 0.15, 1e-6, 0.2),
        ("2400", 1.04e-6, 2.1, 1e-6, 2.0),
        ("2400", 1.06e-6, 2.2, 10e-6, 20.0),
        ("2400", 1.0, 21.0, 1.0, 20.0),
        ("2410", 0.02, 1100.0, 0.02, 1000.0),
        ("2420", 3.0, 20.0, 3.0, 20.0),
        ("2430", 3.0, 20.0, 3.0, 20.0),
        ("2430", 10.0, 100.0, 10.0, 100.0),
    ],
)
def test_ranges_follow_the_largest_level_and_the_limit(name, level, limit, source, voltmeter):
    made = compiled(pulse(level, 2e-3), name, limit, 10.0).program
    assert made.quantity == "i"
    assert made.source.full_scale == made.i_meter.full_scale == source
    assert made.meter is made.v_meter
    assert (made.v_meter.full_scale, made.limit) == (voltmeter, limit)


def test_a_larger_range_can_be_asked_for_and_a_smaller_one_does_not_cut_the_level():
    assert compiled(pulse(1e-6, 5e-3), top=1e-3).program.source.full_scale == 1e-3
    assert compiled(pulse(1e-4, 5e-3), top=1e-6).program.source.full_scale == 1e-4
    (found,) = compiled(pulse(1e-4, 5e-3), top=4.0).violations
    assert found.limit == "2410 current range"


@pytest.mark.parametrize(
    ("name", "level", "limit", "compliance", "named"),
    [
        ("2410", 1.1, 2.0, 4.0, "current"),
        ("2430", 10.6, 2.0, 11.0, "current"),
        ("2400", 2e-3, 2.0, 1e-3, "compliance"),
        ("2400", 1e-3, 1e-4, 1e-3, "voltage limit"),
        ("2400", 1e-3, 211.0, 1e-3, "voltage limit"),
        ("2400", 0.5, 22.0, 1.0, "voltage limit"),
        ("2410", 0.05, 22.0, 1.0, "voltage limit"),
        ("2420", 2.0, 30.0, 3.0, "voltage limit"),
        ("2400", 1e-3, math.nan, 1e-3, "voltage limit"),
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
    play = Play(pulse(1e-4, 5e-3), 1e-3, voltage_limits={"gate": 1.0})
    rig.sent.clear()
    with pytest.raises(Refused, match="gate"):
        list(meter.play(play, never))
    assert rig.sent == []


def test_the_driver_says_that_it_sources_currents_and_how_well_they_are_known(rig):
    assert "currents" in keithley2400.CAPABILITIES
    forecast = keithley2400.forecast(
        rig.setup(), Play(read(5e-6, 20e-3), 1e-3, voltage_limits=LIMIT)
    )
    (floor,) = forecast.floors
    assert (floor.current, floor.range) == (2e-9, 10e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_sources_of_a_model_have_its_ammeters_ranges(name):
    model = MODELS[name]
    assert [r.full_scale for r in model.i_source] == [r.full_scale for r in model.i_meter]
    for r in model.amperes():
        assert 1e-4 < r.bound(r.full_scale) / r.full_scale < 2e-2
        assert model.most_limit(r.full_scale) >= model.least_limit
    assert range_for(model.i_source, 20.0, source=True) is None


def test_a_level_that_is_too_short_for_a_current_says_how_long_it_has_to_be():
    (found,) = compiled(pulse(1e-5, 1e-3) + rest(50e-3), "2410").violations
    assert found.limit == "2410 level width"
    assert found.allowed == "at least 1.34 ms"
    assert found.instead
    assert compiled(pulse(1e-5, 1.4e-3) + rest(50e-3), "2410").violations == []
