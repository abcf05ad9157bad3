"""The driver at work: runs through the wire to a virtual 2450 or 2461 over 10 kOhm."""

import logging
import math
import tomllib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import labctl
from instruments import keithley2450
from instruments.keithley2450_limits import MODELS
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from sim_backend.server import Server
from tests.instruments.rig2450 import ADDRESS, QUIET, G, Rig, never, rows_of

ONE = pulse(1.0, 2e-3)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def meter(rig):
    connected = rig.connect()
    yield connected
    connected.close()


# -- timing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "width"), [("2450", 2e-3), ("2461", 2e-3), ("2461", 200e-6)])
def test_the_device_sees_the_levels_that_are_reported(model, width):
    rig = Rig(model)
    meter = rig.connect()
    waveform = pulse(1.0, width) + rest(20e-3) + pulse(-0.5, 2 * width) + rest(1e-2)
    rows = []
    changes = rig.levels(lambda: rows.extend(rows_of(meter, waveform)))
    up = next(k for k, (_, level) in enumerate(changes) if level == 1.0)
    assert [level for _, level in changes[up : up + 4]] == [1.0, 0.0, -0.5, 0.0]
    times = [time for time, _ in changes[up : up + 4]]
    # the blocks of a trigger model are placed to a microsecond or two
    assert times[1] - times[0] == pytest.approx(rows[0].width, abs=3e-6)
    assert times[3] - times[2] == pytest.approx(rows[1].width, abs=3e-6)
    assert times[2] - times[1] == pytest.approx(20e-3, abs=5e-6)
    assert rows[1].t - rows[0].t == pytest.approx(times[2] - times[0], abs=2 * width)
    meter.close()


def test_widths_come_from_the_timestamps_and_not_from_the_request(rig, meter):
    chassis = rig.instrument.unit.chassis
    slow = replace(chassis.model.timing, setting=465e-6)  # 200 us more than the driver reckons with
    chassis.model = replace(chassis.model, timing=slow)
    (row,) = rows_of(meter, pulse(1.0, 2e-3))
    assert row.width == pytest.approx(2.2e-3, abs=3e-6)


def test_hours_between_two_levels_are_the_instruments(rig, meter):
    first, second = rows_of(meter, ONE + rest(7200.0) + ONE)
    assert second.t - first.t == pytest.approx(7200.002, abs=1e-5)
    assert sum(line.startswith(":INIT") for line in rig.sent) == 1


def test_a_body_is_stored_once_however_often_it_is_played(rig, meter):
    rows = rows_of(meter, (pulse(1.0, 1e-3) + rest(1e-3)) * 2000)
    assert len(rows) == 2000
    assert sum("CONF:LIST:STOR" in line for line in rig.sent) == 3  # zero, pulse, rest
    assert np.diff([row.t for row in rows]) == pytest.approx(2e-3, abs=3e-6)


def test_the_same_step_again_is_not_sent_again(rig, meter):
    rows_of(meter, ONE)
    rig.sent.clear()
    rows_of(meter, ONE)
    assert not any("CONF:LIST" in line and "?" not in line for line in rig.sent)


def test_autozero_is_done_again_after_a_while(rig, meter):
    rows_of(meter, ONE)
    rig.sent.clear()
    rows_of(meter, ONE)
    assert not any("AZER:ONCE" in line for line in rig.sent)
    rig.laboratory.clock.advance(1000.0)
    rows_of(meter, ONE)
    assert sum("AZER:ONCE" in line for line in rig.sent) == 1


def test_readings_come_while_the_run_goes_on(rig, meter):
    waveform = train(ONE, 50e-3, 100)
    chunks = meter.play(Play(waveform, 1e-3), never)
    first = next(chunks)
    assert rig.panel().running
    rest_of_them = [row for chunk in chunks for row in chunk]
    assert len(first) < 20
    assert len(first) + len(rest_of_them) == 100


def test_steps_that_follow_each_other_share_the_instruments_clock(rig, meter):
    (early,) = rows_of(meter, ONE)
    before = rig.laboratory.clock.now_s
    rig.laboratory.clock.advance(1000.0)
    (late,) = rows_of(meter, ONE)
    assert late.t - early.t == pytest.approx(rig.laboratory.clock.now_s - before, abs=0.5)
    assert late.t - early.t > 1000.0


# -- readings --------------------------------------------------------------------------------------


def test_measured_values_are_those_of_the_device(meter):
    for level in (-1.0, 0.1, 1.5, 150.0):
        (row,) = rows_of(meter, read(level, 50e-3), 20e-3)
        assert row.i == pytest.approx(level * G, rel=1e-6)
        assert row.v == pytest.approx(level, rel=1e-6)
        assert row.flags == 0


@pytest.mark.parametrize(("model", "width"), [("2450", 10e-3), ("2461", 400e-6)])
def test_stated_uncertainties_cover_the_errors_of_a_noisy_instrument(model, width):
    pulls = []
    for channel in ("front", "rear"):
        rig = Rig(model, channel, noise={**QUIET, "instrument": True})
        meter = rig.connect()
        for level in (0.2, 1.0, -1.0, 5.0):
            rows = rows_of(meter, (pulse(level, width) + rest(10e-3)) * 20)
            pulls += [(row.i - row.v * G) / math.hypot(row.u_i, row.u_v * G) for row in rows]
        meter.close()
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.02  # there is noise, and it is not far below what is stated


@pytest.mark.parametrize(("model", "width"), [("2450", 20e-3), ("2461", 500e-6)])
def test_compliance_is_flagged_with_the_voltage_that_was_really_there(model, width):
    meter = Rig(model).connect()
    (row,) = rows_of(meter, pulse(1.0, width), 30e-6)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(30e-6, rel=0.02)
    assert row.v == pytest.approx(0.3, rel=0.02)
    meter.close()


def test_settings_that_somebody_resets_while_they_are_made_are_noticed(rig, meter):
    send = meter.adapter._write

    def write(command, **kwargs):
        if "RANG:AUTO ON" in command:  # what went before is sensing, terminals and number format
            rig.instrument.write(b"*RST\n")
        send(command, **kwargs)

    meter.adapter._write = write
    with pytest.raises(InstrumentFault, match=r"to their defaults .*; nothing was switched on"):
        rows_of(meter, ONE)
    assert not rig.panel().output


def test_a_chosen_range_is_used_and_what_passes_it_is_flagged(rig, meter):
    (row,) = rows_of(meter, read(0.1, 50e-3), 1e-3, top=10e-6)
    assert rig.panel().measure_range == 10e-6
    assert not row.flags & Flag.OVERRANGE
    (row,) = rows_of(meter, read(1.0, 50e-3), 1e-3, top=10e-6)
    assert row.flags & (Flag.COMPLIANCE | Flag.OVERRANGE)


def test_a_level_with_several_windows_has_a_reading_in_each(meter):
    long = read(0.1, 40e-3)
    rows = rows_of(meter, long + read(0.1, 40e-3))
    assert len(rows) == 2
    assert rows[1].t - rows[0].t == pytest.approx(40e-3, abs=1e-5)
    assert rows[0].width == rows[1].width == pytest.approx(80e-3, abs=1e-5)


def test_a_reading_before_it_has_settled_is_flagged(meter):
    early, late = rows_of(meter, pulse(1.0, 0.8e-3) + rest(1e-3) + pulse(1.0, 20e-3), 1e-7)
    assert early.flags & Flag.UNSETTLED
    assert not late.flags & Flag.UNSETTLED


# -- refusal ---------------------------------------------------------------------------------------


def test_what_cannot_be_played_is_refused_before_anything_is_sent(rig, meter):
    rig.sent.clear()
    with pytest.raises(Refused, match="make the level longer"):
        rows_of(meter, pulse(1.0, 100e-6))
    assert rig.sent == []


def test_what_is_accepted_instead_is_played(rig):
    meter = rig.connect(accept_degraded=True)
    (row,) = rows_of(meter, pulse(1.0, 100e-6))
    assert row.width == pytest.approx(0.63e-3, abs=3e-6)
    meter.close()


# -- safety ----------------------------------------------------------------------------------------


def test_settings_are_read_back_before_the_output_goes_on(rig, meter):
    rows_of(meter, ONE, 2e-6)
    asked = next(k for k, line in enumerate(rig.sent) if ":ILIM?" in line)
    assert asked < rig.sent.index(":INIT")
    assert rig.panel().compliance == pytest.approx(2e-6)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (":SOUR:VOLT:ILIM 0.5", "a compliance of 0.001 A was set and 0.5 read back"),
        (":SENS:CURR:RANG 1E-4", "a current range of 0.001 A was set and 0.0001 read back"),
        (":SOUR:VOLT:RANG 20", "a source range of 2 V was set and 20 read back"),
        (":OUTP ON", "the output is on before a run"),
    ],
)
def test_what_somebody_else_changes_is_seen_and_nothing_is_switched_on(rig, meter, command, says):
    rows_of(meter, ONE)
    other = rig.adapter()
    other.write(command)
    rig.sent.clear()
    with pytest.raises(InstrumentFault, match=says):
        rows_of(meter, ONE)
    assert ":INIT" not in rig.sent
    assert rig.safe()
    other.close()


def test_a_stop_lets_the_pulse_end_that_is_on(rig, meter):
    waveform = train(pulse(1.0, 300e-3), 400e-3, 1000)
    asked = iter([False, False, False])

    def run():
        for _ in meter.play(Play(waveform, 1e-3), lambda: next(asked, True)):
            pass

    changes = rig.levels(run)
    assert rig.safe()
    widths = [b - a for (a, v), (b, _) in pairwise(changes) if v == 1.0]
    assert 1 <= len(widths) < 20
    assert widths == pytest.approx([300e-3] * len(widths), abs=5e-6)


def test_a_stop_does_not_wait_for_a_level_of_hours(rig, meter):
    before = rig.laboratory.clock.now_s
    asked = iter([False])
    waveform = pulse(1.0, 7200.0)
    rows = [r for c in meter.play(Play(waveform, 1e-3), lambda: next(asked, True)) for r in c]
    assert rows == []
    assert rig.laboratory.clock.now_s - before < 10
    assert rig.safe()


def test_an_exception_while_it_runs_makes_safe_and_stays(rig, meter):
    chunks = meter.play(Play(train(ONE, 50e-3, 100), 1e-3), never)
    next(chunks)
    with pytest.raises(ZeroDivisionError):
        chunks.throw(ZeroDivisionError())
    assert rig.safe()


def test_a_host_that_falls_silent_leaves_nothing_on(rig, meter):
    chunks = meter.play(Play(train(ONE, 50e-3, 100), 1e-3), never)
    next(chunks)
    assert rig.panel().running
    rig.laboratory.clock.advance(10.0)
    assert rig.safe()
    chunks.close()


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_an_entry_in_the_error_queue_is_a_fault_whenever_it_comes(rig, meter, moment):
    chunks = meter.play(Play(train(ONE, 50e-3, 40), 1e-3), never)
    taken = {"before": 0, "during": 1, "after": 0}[moment]
    if moment == "after":
        assert list(chunks)
        chunks = meter.play(Play(ONE, 1e-3), never)
    for _ in range(taken):
        next(chunks)
    rig.instrument.report(-310)
    rig.instrument.report(-222)
    with pytest.raises(InstrumentFault, match=r"-310 .*; -222 ") as caught:
        list(chunks)
    assert "\n" not in str(caught.value)
    assert rig.safe()
    assert rows_of(meter, ONE)[0].flags == 0


def test_an_open_interlock_and_heat_are_errors_and_not_a_silent_nothing(rig, meter):
    rig.instrument.set_interlock(False)
    with pytest.raises(InstrumentFault, match="error while"):
        rows_of(meter, read(50.0, 50e-3), 20e-3)
    assert rig.safe()
    rig.instrument.set_interlock(True)
    rig.instrument.overheat(True)
    with pytest.raises(InstrumentFault, match="error while"):
        rows_of(meter, ONE)
    assert rig.safe()


def test_make_safe_switches_off_what_was_switched_on_by_hand(rig, meter):
    meter.source_voltage = 0.5
    meter.enable_source()
    assert rig.panel().output
    meter.make_safe()
    assert rig.safe()


# -- connecting ------------------------------------------------------------------------------------


def test_it_says_who_it_is(meter):
    identity = meter.identify()
    assert identity.model == "2450"
    assert identity.idn.startswith("KEITHLEY INSTRUMENTS")
    assert identity.serial.isdigit()
    assert identity.firmware
    assert keithley2450.recognise(identity.idn) == "2450"
    assert keithley2450.recognise("KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C30") is None


@pytest.mark.parametrize("language", ["SCPI2400", "TSP"])
def test_another_command_set_is_refused_with_the_remedy(language):
    rig = Rig(language=language)
    with pytest.raises(InstrumentFault, match=f'its command set is "{language}" and not SCPI') as e:
        rig.connect()
    assert '"*LANG SCPI"' in str(e.value)
    assert "\n" not in str(e.value)


def test_limits_are_those_of_the_unit():
    meter = Rig(line_frequency=60.0).connect()
    assert meter.limits.min_aperture == pytest.approx(0.01 / 60)
    meter.close()


@pytest.mark.parametrize("model", MODELS)
def test_a_snapshot_holds_what_was_set(model):
    meter = Rig(model).connect()
    rows_of(meter, read(0.1, 50e-3), 2e-6)
    shot = meter.snapshot()
    assert float(shot[":SOUR:VOLT:ILIM"]) == pytest.approx(2e-6)
    assert float(shot[":SENS:CURR:RANG"]) == pytest.approx(10e-6)
    assert shot[":OUTP"] == "0"
    assert shot["*LANG"] == "SCPI"
    assert rows_of(meter, read(0.1, 50e-3), 2e-6)
    meter.close()


@pytest.mark.parametrize(("found_on", "output"), [("safe", False), ("leave", True)])
def test_an_output_found_on_is_reported_and_switched_off_or_left(rig, caplog, found_on, output):
    earlier = rig.adapter()
    earlier.write(":SOUR:VOLT 0.25;:OUTP ON")
    with caplog.at_level(logging.WARNING):
        meter = rig.connect({"found_on": found_on})
    assert "found the output on at 0.25 V" in caplog.text
    assert "0.25 V" in meter.snapshot()["found"]
    assert rig.panel().output is output
    assert rows_of(meter, ONE)[0].i == pytest.approx(G)
    assert rig.safe()
    meter.close()
    earlier.close()


def test_looking_changes_nothing(rig):
    earlier = rig.adapter()
    earlier.write(":SOUR:VOLT 0.25;:OUTP ON")
    meter = rig.connect(looking=True)
    assert meter.identify().model == "2450"
    assert meter.snapshot()[":OUTP"] == "1"
    assert rig.panel().output
    meter.close()
    earlier.close()


def test_another_model_is_refused(rig):
    with pytest.raises(InstrumentFault, match=r'a 2461 was expected but "KEITHLEY .*2450'):
        rig.connect(model="2461")


def test_silence_is_refused():
    rig = Rig(faults=[{"instrument": "smu", "at": 1, "kind": "mute"}])
    with pytest.raises(InstrumentFault, match="no answer came in time while asking who it is"):
        rig.connect({"timeout": "100 ms"})


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ({}, {"model": "2602B"}, 'the model "2602B" is unknown; allowed are 2450, 2460, 2461'),
        ({}, {"channels": {"top": "a"}}, 'on channel "a"; a 2450 has front and rear'),
        ({}, {"channels": {"top": "front", "gate": "rear"}}, "drives one at a time"),
        ({"sens": 4}, {}, 'the key "sens" is unknown; allowed are sense, timeout'),
        ({"sense": "3-wire"}, {}, "allowed are 2-wire and 4-wire"),
        ({"timeout": "-1 s"}, {}, "give a positive time"),
        ({}, {"address": "the second shelf"}, '"the second shelf" cannot be opened'),
        ({}, {"address": "GPIB0::3::INSTR"}, "opening the connection"),
    ],
)
def test_a_wrong_bench_file_is_one_sentence(rig, options, changes, sentence):
    with pytest.raises((BadInput, InstrumentFault), match=sentence) as caught:
        rig.connect(options, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("model", "width"), [("2450", 30e-3), ("2461", 300e-6)])
def test_four_wires_and_the_rear_terminals_are_set_when_asked_for(model, width):
    rig = Rig(model, channel="rear")
    meter = rig.connect({"sense": "4-wire"})
    (row,) = rows_of(meter, pulse(0.5, width))
    assert row.i == pytest.approx(0.5 * G)
    shot = meter.snapshot()
    assert (shot[":SENS:CURR:RSEN"], shot[":ROUT:TERM"]) == ("1", "REAR")
    meter.close()


@pytest.mark.parametrize("name", ["2450"])
def test_the_template_of_the_real_bench_is_the_simulated_one_without_simulation(root, name):
    real, simulated = (
        tomllib.loads((root / "benches" / f"{bench}.toml").read_text("utf-8"))
        for bench in (f"keithley{name}", f"sim-{name}")
    )
    assert simulated.pop("simulation")
    for bench in (real, simulated):
        bench.pop("name")
        bench.pop("title")
    assert real == simulated
    assert real["instruments"]["smu"]["model"] in MODELS


def test_by_hand_on_a_bench():
    with labctl.bench("sim-2450") as bench:
        (row,) = bench.play(read(0.1, 30e-3), compliance=1e-3, top=1e-4)
        assert row.i / row.v == pytest.approx(200e-6, rel=0.3)
        bench.smu.enable_source()
        panel = bench.laboratory.instruments["smu"].channel_state
        assert panel("front")["output"]
    assert not panel("front")["output"]


def test_over_tcp_a_stop_is_heard_while_a_run_goes_on():
    rig = Rig(pace=50.0)
    with Server({"smu": rig.laboratory.visa.port(ADDRESS)}) as server:
        setup = Setup("smu", "2450", server.addresses["smu"], {"top": "front"}, "@py")
        meter = keithley2450.connect(setup)
        asked = iter([False] * 3)
        before = rig.laboratory.clock.now_s
        play = Play(train(ONE, 5.0, 800), 1e-3)  # more than an hour in one run
        rows = [row for rows in meter.play(play, lambda: next(asked, True)) for row in rows]
        assert len(rows) < 100
        assert rig.laboratory.clock.now_s - before < 1000
        assert rig.safe()
        assert rows_of(meter, ONE)[0].i == pytest.approx(G)
        meter.close()
