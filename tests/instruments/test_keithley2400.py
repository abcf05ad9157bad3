"""The driver at work: runs through the wire to a virtual Series 2400 over a resistor of 10 kOhm."""

import logging
import math
import tomllib
from itertools import pairwise

import numpy as np
import pytest

import labctl
from instruments import keithley2400
from instruments.keithley2400_limits import MODELS
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from sim_backend.server import Server
from tests.instruments.rig2400 import ADDRESS, QUIET, G, Rig, never, rows_of


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def meter(rig):
    connected = rig.connect()
    yield connected
    connected.close()


# -- timing --------------------------------------------------------------------------------------


def test_the_device_sees_the_levels_that_are_reported(rig, meter):
    waveform = pulse(1.0, 2e-3) + rest(20e-3) + pulse(-0.5, 4e-3) + rest(1e-2)
    rows = []
    changes = rig.levels(lambda: rows.extend(rows_of(meter, waveform)))
    up = next(k for k, (_, level) in enumerate(changes) if level == 1.0)
    assert [level for _, level in changes[up : up + 4]] == [1.0, 0.0, -0.5, 0.0]
    times = [time for time, _ in changes[up : up + 4]]
    assert times[1] - times[0] == pytest.approx(rows[0].width, abs=1e-9)
    assert times[3] - times[2] == pytest.approx(rows[1].width, abs=1e-9)
    for row, begun in zip(rows, times[::2], strict=True):
        assert begun < row.t + connected_at(rig, meter) < begun + row.width


def connected_at(rig, meter) -> float:
    """Return the laboratory's time at which the driver's clock was zero."""
    told = meter._time()
    return rig.laboratory.clock.now_s - told


def test_a_timer_repeats_to_the_millisecond(meter):
    rows = rows_of(meter, train(pulse(1.0, 2e-3), 0.5, 40))
    assert np.diff([row.t for row in rows]) == pytest.approx(0.5, abs=2e-5)


def test_the_host_is_less_regular_than_the_hardware(rig):
    meter = rig.connect({"timing": "host"})
    rows = rows_of(meter, train(pulse(1.0, 2e-3), 0.5, 40))
    steps = np.diff([row.t for row in rows])
    assert len(rows) == 40
    assert np.mean(steps) == pytest.approx(0.5, abs=0.02)
    assert np.std(steps) > 1e-5
    meter.close()


def test_timestamps_of_a_clock_that_counts_1024_ticks_a_second_are_corrected(rig):
    told = rig.connect()
    early, late = rows_of(told, train(pulse(1.0, 2e-3), 1.0, 2))
    told.close()
    slow = rig.connect({"tick": "0.9765625 ms"})
    first, second = rows_of(slow, train(pulse(1.0, 2e-3), 1.0, 2))
    assert second.t - first.t == pytest.approx((late.t - early.t) * 0.9765625, abs=1.1e-3)
    slow.close()


def test_the_timestamp_may_begin_again(rig, meter):
    rows_of(meter, pulse(1.0, 2e-3))
    (before,) = rows_of(meter, pulse(1.0, 2e-3))
    rig.laboratory.clock.advance(250_000.0)
    (after,) = rows_of(meter, pulse(1.0, 2e-3))
    assert after.t - before.t == pytest.approx(250_000.0, abs=1.0)


def test_long_rests_are_waited_for_in_pieces(rig, meter):
    before = rig.laboratory.clock.now_s
    assert rows_of(meter, rest(2000.0)) == []
    assert rig.laboratory.clock.now_s - before == pytest.approx(2000.0, abs=0.2)


# -- readings --------------------------------------------------------------------------------------


def test_measured_values_are_those_of_the_device(meter):
    for level in (-1.0, 0.1, 1.5, 150.0):
        (row,) = rows_of(meter, read(level, 50e-3), 20e-3)
        assert row.i == pytest.approx(level * G, rel=1e-6)
        assert row.v == level
        assert row.flags == 0


def test_stated_uncertainties_cover_the_errors_of_a_noisy_instrument():
    pulls = []
    for channel in ("front", "rear"):
        rig = Rig(channel=channel, noise={**QUIET, "instrument": True})
        meter = rig.connect()
        for level in (0.2, 1.0, -1.0, 5.0):
            rows = rows_of(meter, (pulse(level, 10e-3) + rest(10e-3)) * 20)
            pulls += [(row.i - row.v * G) / math.hypot(row.u_i, row.u_v * G) for row in rows]
        meter.close()
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.02  # there is noise, and it is not far below what is stated


def test_compliance_is_flagged_with_the_voltage_that_was_really_there(meter):
    (limited,) = rows_of(meter, pulse(1.0, 40e-3), 50e-6)
    assert limited.flags & Flag.COMPLIANCE
    assert limited.v == pytest.approx(50e-6 / G, rel=0.02)
    (short,) = rows_of(meter, pulse(1.0, 1e-3), 50e-6)
    assert short.flags & Flag.COMPLIANCE
    assert math.isnan(short.v)  # a step too short to measure both tells nothing of the voltage


def test_a_range_below_the_compliance_limits_as_well_and_says_so(meter):
    (row,) = rows_of(meter, pulse(1.0, 40e-3), 1e-3, top=10e-6)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(10.5e-6, rel=0.01)
    assert row.v == pytest.approx(0.105, rel=0.01)


def test_a_pulse_of_the_2430_is_as_wide_as_it_says():
    rig = Rig("2430")
    meter = rig.connect()
    rows = []
    waveform = (pulse(1.0, 300e-6) + rest(5e-3)) * 20
    changes = rig.levels(lambda: rows.extend(rows_of(meter, waveform)))
    ups = [time for time, level in changes if level == 1.0]
    downs = [time for (_, before), (time, level) in pairwise(changes) if before == 1.0]
    assert np.subtract(downs, ups) == pytest.approx(300e-6, abs=1e-9)
    assert np.diff(ups) == pytest.approx(5.3e-3, abs=1e-9)
    assert [row.width for row in rows] == [300e-6] * 20
    assert [row.i for row in rows] == pytest.approx([G] * 20)
    assert np.diff([row.t for row in rows]) == pytest.approx(5.3e-3, abs=2e-6)
    # and back to steady levels
    assert rows_of(meter, read(0.1, 30e-3))[0].i == pytest.approx(0.1 * G, rel=1e-6)
    assert rows_of(meter, rest(1.0) + pulse(1.0, 200e-6) + rest(1.0))[0].width == 200e-6
    assert rig.safe()
    meter.close()


def test_the_10_ampere_range_of_the_2430_plays_pulses():
    rig = Rig("2430", device={"family": "resistor", "preset": "10k", "conductance": 0.5})
    meter = rig.connect()
    (row,) = rows_of(meter, pulse(10.0, 1e-3), 8.0)
    assert row.i == pytest.approx(5.0, rel=1e-3)
    assert not row.flags & Flag.COMPLIANCE
    meter.close()


# -- few messages ----------------------------------------------------------------------------------


def test_a_step_that_was_played_before_sends_no_settings(rig, meter):
    waveform = pulse(1.0, 1e-3) + rest(1e-3) + read(0.1, 2e-3)
    rows_of(meter, waveform)
    rig.sent.clear()
    rows_of(meter, waveform)
    assert not any(":SENS:CURR:PROT " in line or ":LIST" in line for line in rig.sent[1:-1])
    assert len(rig.sent) <= 6


def test_settings_made_by_hand_do_not_reach_into_a_step(rig, meter):
    rows_of(meter, pulse(1.0, 2e-3))
    meter.compliance_current = 1e-6
    meter.current_nplc = 10
    meter.write(":SOUR:FUNC CURR")
    meter.write(":SENS:AVER ON")
    (row,) = rows_of(meter, pulse(1.0, 2e-3))
    assert row.i == pytest.approx(G)
    assert row.flags == 0
    assert rig.safe()


def test_a_compliance_that_does_not_read_back_stops_before_the_output_goes_on(rig, meter):
    rows_of(meter, pulse(1.0, 2e-3))
    stranger = rig.adapter()  # on the same instrument, behind the driver's back
    stranger.write(":SENS:CURR:PROT 0.5")
    with pytest.raises(InstrumentFault, match=r"compliance of 0\.001 A was set and 0\.5 read back"):
        rows_of(meter, pulse(1.0, 2e-3))
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 2e-3))[0].flags == 0
    stranger.close()


# -- refusals, stops and faults --------------------------------------------------------------------


def test_a_step_beyond_the_limits_is_refused_and_nothing_is_sent(rig, meter):
    rig.sent.clear()
    play = Play(pulse(50.0, 10e-6), 1e-3)
    with pytest.raises(Refused) as caught:
        list(meter.play(play, never))
    assert rig.sent == []
    assert [str(v) for v in meter.check(play)] == str(caught.value).splitlines()
    offline = keithley2400.check(rig.setup(), play)
    assert [v.limit for v in offline] == [v.limit for v in caught.value.violations]


def test_what_the_user_accepts_is_played_and_reported_as_it_was(rig):
    play = Play(pulse(1.0, 100e-6), 1e-3)
    strict, lenient = rig.connect(), rig.connect(accept_degraded=True)
    with pytest.raises(Refused, match="960 us instead of 100 us"):
        list(strict.play(play, never))
    (row,) = [row for rows in lenient.play(play, never) for row in rows]
    assert row.width == pytest.approx(0.96e-3)
    with pytest.raises(Refused, match="voltage"):
        list(lenient.play(Play(pulse(2000.0, 1e-3), 1e-3), never))
    strict.close()
    lenient.close()


def test_over_tcp_the_same_runs_are_played():
    rig = Rig()
    with Server({"smu": rig.laboratory.visa.port(ADDRESS)}) as server:
        setup = Setup("smu", "2410", server.addresses["smu"], {"top": "front"}, "@py")
        meter = keithley2400.connect(setup)
        rows = rows_of(meter, (pulse(1.0, 2e-3) + rest(2e-3)) * 5)
        assert [row.i for row in rows] == pytest.approx([G] * 5)
        assert rig.safe()
        meter.close()


def test_leaving_the_readings_early_makes_safe(rig, meter):
    chunks = meter.play(Play(pulse(1.0, 2e-3) + rest(3.0) + read(0.1, 30e-3), 1e-3), never)
    assert next(chunks)
    chunks.close()
    assert rig.safe()


def test_an_exception_between_runs_makes_safe_and_stays(rig, meter):
    chunks = meter.play(Play(pulse(1.0, 2e-3) + rest(3.0) + read(0.1, 30e-3), 1e-3), never)
    next(chunks)
    with pytest.raises(ZeroDivisionError):
        chunks.throw(ZeroDivisionError())
    assert rig.safe()


def test_make_safe_switches_off_what_was_switched_on_by_hand(rig, meter):
    meter.source_voltage = 0.5
    meter.enable_source()
    assert rig.panel().output
    meter.make_safe()
    assert rig.safe()


def test_a_run_that_nobody_waits_for_ends_at_zero_with_the_output_off(rig, meter):
    rows_of(meter, pulse(1.0, 2e-3))
    host = rig.adapter()
    host.write(":INIT")  # and nothing more: it has fallen silent
    assert rig.instrument.sequencer.running
    rig.laboratory.clock.advance(10.0)
    host.close()
    assert rig.safe()


def test_an_entry_in_the_error_queue_is_a_fault_with_all_entries(rig, meter):
    rows_of(meter, pulse(1.0, 2e-3))
    rig.instrument.report(-310)
    rig.instrument.report(-222)
    with pytest.raises(InstrumentFault, match=r"-310 .*; -222 ") as caught:
        rows_of(meter, pulse(1.0, 2e-3))
    assert "\n" not in str(caught.value)
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 2e-3))[0].flags == 0


def test_a_blocked_output_is_an_error_and_not_a_silent_nothing(rig, meter):
    meter.write(":OUTP:ENAB ON")
    rig.instrument.set_enable_line(False)
    meter.enable_source()
    with pytest.raises(InstrumentFault, match=r"802 OUTPUT blocked"):
        meter.check_errors()
    rig.instrument.set_enable_line(True)
    rig.instrument.overheat(True)
    with pytest.raises(InstrumentFault, match=r"810 "):
        rows_of(meter, pulse(1.0, 2e-3))
    assert rig.safe()


# -- connecting ------------------------------------------------------------------------------------


def test_it_says_who_it_is(meter):
    identity = meter.identify()
    assert identity.model == "2410"
    assert identity.idn.startswith("KEITHLEY INSTRUMENTS")
    assert identity.serial.isdigit()
    assert identity.firmware


def test_limits_are_those_of_the_unit():
    meter = Rig(line_frequency=60.0).connect()
    assert meter.limits.min_aperture == pytest.approx(0.01 / 60)
    meter.close()


def test_a_snapshot_holds_what_was_set(meter):
    rows_of(meter, read(0.1, 30e-3), 2e-6)
    shot = meter.snapshot()
    assert float(shot[":SENS:CURR:PROT"]) == pytest.approx(2e-6)
    assert float(shot[":SENS:CURR:RANG"]) == pytest.approx(10.5e-6)
    assert float(shot[":SENS:CURR:NPLC"]) == 1
    assert shot[":OUTP"] == "0"
    assert shot[":SYST:LFR"] == "50"
    assert rows_of(meter, read(0.1, 30e-3), 2e-6)


@pytest.mark.parametrize(("found_on", "output"), [("safe", False), ("leave", True)])
def test_an_output_found_on_is_reported_and_switched_off_or_left(rig, caplog, found_on, output):
    earlier = rig.adapter()
    earlier.write(":SOUR:VOLT 0.25;:OUTP ON")
    with caplog.at_level(logging.WARNING):
        meter = rig.connect({"found_on": found_on})
    assert "found the output on at 0.25 V" in caplog.text
    assert "0.25 V" in meter.snapshot()["found"]
    assert rig.panel().output is output
    assert rows_of(meter, pulse(1.0, 2e-3))[0].i == pytest.approx(G)
    assert rig.safe()
    meter.close()
    earlier.close()


def test_another_model_is_refused(rig):
    with pytest.raises(InstrumentFault, match=r'a 2430 was expected but "KEITHLEY .*2410'):
        rig.connect(model="2430")


def test_silence_is_refused():
    rig = Rig(faults=[{"instrument": "smu", "at": 1, "kind": "mute"}])
    with pytest.raises(InstrumentFault, match="no answer came in time while asking who it is"):
        rig.connect({"timeout": "100 ms"})


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ({}, {"model": "2602B"}, 'the model "2602B" is unknown; allowed are 2400, 2410'),
        ({}, {"channels": {"top": "a"}}, 'on channel "a"; a 2410 has front and rear'),
        ({}, {"channels": {"top": "front", "gate": "rear"}}, "drives one at a time"),
        ({"sens": 4}, {}, 'the key "sens" is unknown; allowed are sense, timeout'),
        ({"timing": "fast"}, {}, "allowed are hardware and host"),
        ({"timeout": "-1 s"}, {}, "give a positive time"),
        ({}, {"address": "the second shelf"}, '"the second shelf" cannot be opened'),
        ({}, {"address": "GPIB0::3::INSTR"}, "opening the connection"),
    ],
)
def test_a_wrong_bench_file_is_one_sentence(rig, options, changes, sentence):
    with pytest.raises((BadInput, InstrumentFault), match=sentence) as caught:
        rig.connect(options, **changes)
    assert "\n" not in str(caught.value)


def test_four_wires_and_the_rear_terminals_are_set_when_asked_for():
    rig = Rig(channel="rear")
    meter = rig.connect({"sense": "4-wire"})
    (row,) = rows_of(meter, read(0.5, 30e-3))
    assert row.i == pytest.approx(0.5 * G)
    shot = meter.snapshot()
    assert (shot[":SYST:RSEN"], shot[":ROUT:TERM"]) == ("1", "REAR")
    meter.close()


def test_by_hand_it_is_pymeasures_driver(rig, meter):
    meter.source_mode = "voltage"
    meter.compliance_current = 1e-3
    meter.source_voltage = 0.3
    meter.enable_source()
    assert meter.current == pytest.approx(0.3 * G, rel=1e-6)
    meter.shutdown()
    assert rig.safe()


@pytest.mark.parametrize("name", ["2410", "2430"])
def test_the_template_of_the_real_bench_is_the_simulated_one_without_simulation(root, name):
    real, simulated = (
        tomllib.loads((root / "benches" / f"{bench}.toml").read_text("utf-8"))
        for bench in (f"keithley{name}", f"sim-{name}")
    )
    assert simulated.pop("simulation")
    assert simulated["instruments"]["smu"].pop("tick") == "1 ms"  # the virtual one's are true
    for bench in (real, simulated):
        bench.pop("name")
        bench.pop("title")
    assert real == simulated
    assert real["instruments"]["smu"]["model"] in MODELS


def test_by_hand_on_a_bench():
    with labctl.bench("sim-2410") as bench:
        (row,) = bench.play(read(0.1, 30e-3), compliance=1e-3, top=1e-4)
        assert row.i / row.v == pytest.approx(200e-6, rel=0.3)
        bench.smu.enable_source()
        panel = bench.laboratory.instruments["smu"].channel_state
        assert panel("front")["output"]
    assert not panel("front")["output"]


def test_over_tcp_a_stop_is_heard_while_a_run_goes_on():
    rig = Rig(pace=50.0)
    with Server({"smu": rig.laboratory.visa.port(ADDRESS)}) as server:
        setup = Setup("smu", "2410", server.addresses["smu"], {"top": "front"}, "@py")
        meter = keithley2400.connect(setup)
        asked = iter([False] * 3)
        before = rig.laboratory.clock.now_s
        play = Play(train(pulse(1.0, 2e-3), 5.0, 800), 1e-3)  # more than an hour in one run
        assert list(meter.play(play, lambda: next(asked, True))) == []
        assert rig.laboratory.clock.now_s - before < 1000
        assert rig.safe()
        assert rows_of(meter, pulse(1.0, 2e-3))[0].i == pytest.approx(G)
        meter.close()
