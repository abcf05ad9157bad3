"""The driver at work: programs through the wire to a virtual 2602B over a resistor of 10 kOhm."""

import logging
import math
import tomllib
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest

import labctl
from instruments import keithley2600
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from sim_backend.server import Server
from tests.instruments.conftest import ADDRESS, Rig, never, rows_of

G = 100e-6  # S


def edges(rig, action):
    """Return (time, level) of every change of the output of channel a while something happens."""
    seen = []
    source = rig.instrument.channels["a"].source
    apply = source.apply

    def watched(*arguments, **named):
        result = apply(*arguments, **named)
        seen.append((rig.laboratory.clock.now_s, source.programmed))
        return result

    source.apply = watched
    action()
    changes = [seen[0]]
    changes += [late for early, late in pairwise(seen) if early[1] != late[1]]
    return changes


# -- timing ------------------------------------------------------------------------------------


def test_the_device_sees_the_waveform_to_the_microsecond(rig, meter):
    waveform = rest(3e-3) + pulse(1.0, 100e-6) + rest(12.5e-3) + pulse(-0.5, 250e-6) + rest(1e-3)
    changes = edges(rig, lambda: rows_of(meter, waveform))
    assert [level for _, level in changes[-4:]] == [1.0, 0.0, -0.5, 0.0]
    up, down, up2, down2 = (time for time, _ in changes[-4:])
    assert down - up == pytest.approx(100e-6, abs=1e-9)
    assert up2 - up == pytest.approx(12.6e-3, abs=1e-9)
    assert down2 - up2 == pytest.approx(250e-6, abs=1e-9)


def test_readings_carry_the_time_of_their_aperture():
    rig = Rig(latency=0.0)
    meter = rig.connect()
    zero = rig.laboratory.clock.now_s - meter.number("timer.measure.t()")
    rows = []
    changes = edges(rig, lambda: rows.extend(rows_of(meter, rest(0.02) + pulse(1.0, 100e-6))))
    start = next(time for time, level in changes if level)
    # 20 us in the middle of the window from 70 to 95 us
    assert rows[0].t + zero == pytest.approx(start + 82.5e-6, abs=1.5e-6)
    meter.close()


def test_time_goes_on_over_steps(meter):
    times = [rows_of(meter, pulse(1.0, 100e-6))[0].t for _ in range(5)]
    times += [rows_of(meter, rest(0.5) + read(0.1, 10e-3) + rest(0.5))[0].t for _ in range(3)]
    assert times == sorted(times)
    assert all(late - early > 1.0 for early, late in zip(times[-3:], times[-2:], strict=False))


def test_loops_of_any_kind_take_their_time(meter):
    body = pulse(1.0, 100e-6) + rest(0.9e-3) + read(0.1, 2e-3) + rest(1e-3)
    rows = rows_of(meter, body * 20)
    t = np.array([row.t for row in rows])
    assert len(rows) == 40
    assert np.diff(t[::2]) == pytest.approx(4e-3, abs=1.1e-6)
    assert np.diff(t[1::2]) == pytest.approx(4e-3, abs=1.1e-6)


def test_a_program_starts_its_lists_from_the_beginning_each_time(meter):
    waveform = pulse(1.0, 1e-3) + rest(2e-3) + pulse(0.5, 2e-3) + rest(5e-3) + pulse(0.2, 3e-3)
    for _ in range(3):
        rows = rows_of(meter, waveform)
        assert [row.v for row in rows] == [1.0, 0.5, 0.2]
        assert [round(row.i / G, 6) for row in rows] == [1.0, 0.5, 0.2]
        assert rows[1].t - rows[0].t == pytest.approx(3e-3 + (1.65 - 0.825) * 1e-3, abs=2e-6)
        assert rows[2].t - rows[1].t == pytest.approx(7e-3 + 0.825e-3, abs=2e-6)


def test_rest_alone_is_waited_for_in_the_instrument(rig, meter):
    rows_of(meter, read(0.1, 1e-3))
    before = rig.laboratory.clock.now_s
    assert rows_of(meter, rest(2.5)) == []
    assert rig.laboratory.clock.now_s - before == pytest.approx(2.5, abs=0.05)
    assert rig.safe()


def test_a_single_level_leaves_no_event_for_the_next_program(meter):
    for width in (20e-3, 1e-3, 50e-3, 100e-6):
        (row,) = rows_of(meter, pulse(0.5, width))
        assert row.width == width
        assert row.i == pytest.approx(0.5 * G)


# -- readings ----------------------------------------------------------------------------------


def test_a_long_train_streams_in_chunks_while_it_runs(meter):
    play = Play(train(pulse(1.0, 100e-6), 1e-3, 3000), 1e-3)
    chunks = list(meter.play(play, never))
    assert len(chunks) > 10
    rows = [row for chunk in chunks for row in chunk]
    assert len(rows) == 3000
    assert np.diff([row.t for row in rows]) == pytest.approx(1e-3, abs=1.1e-6)


def test_measured_values_are_those_of_the_device(meter):
    for level in (-1.0, 0.1, 1.5):
        (row,) = rows_of(meter, read(level, 50e-3))
        assert row.i == pytest.approx(level * G, rel=1e-6)
        assert row.v == level
        assert row.role == "read"
        assert row.flags == 0
        assert 0 < row.u_i < 1e-3 * 1e-3
        assert 0 < row.u_v < 2e-3


def test_stated_uncertainties_cover_the_errors_of_a_noisy_instrument():
    rig = Rig(noise={"instrument": True, "cycle": False, "device": False})
    meter = rig.connect()
    train = (pulse(1.0, 100e-6) + rest(1e-3)) * 200
    rows = rows_of(meter, train, top=1e-3)
    pulls = [(row.i - row.v * G) / math.hypot(row.u_i, row.u_v * G) for row in rows]
    assert np.mean(np.abs(pulls) < 2) > 0.9
    assert np.std(pulls) > 0.05  # there is noise, and it is not far below what is stated
    meter.close()


def test_the_source_limits_at_the_compliance_and_says_so(meter):
    limited, free = rows_of(meter, pulse(1.0, 1e-3) + rest(1e-3) + pulse(0.1, 1e-3), 50e-6)
    assert limited.flags & Flag.COMPLIANCE
    assert limited.i == pytest.approx(50e-6, rel=0.02)
    assert limited.v == pytest.approx(50e-6 / G, rel=0.02)  # measured, not programmed
    assert limited.v_set == 1.0
    assert not free.flags & Flag.COMPLIANCE
    assert free.v == 0.1


def test_a_current_beyond_the_range_is_flagged(meter):
    (row,) = rows_of(meter, read(1.0, 10e-3), 1e-3, top=10e-6)
    assert row.flags & Flag.OVERRANGE
    assert math.isnan(row.i)


def test_two_channels_play_together():
    rig = Rig(wiring={"top": "a", "bottom": "b"})
    meter = rig.connect()
    both = pulse(1.0, 1e-3) | pulse(0.4, 1e-3, terminal="bottom")
    rows = rows_of(meter, (both + rest(1e-3)) * 300 + pulse(0.5, 1e-3))
    tops = [row for row in rows if row.terminal == "top"]
    bottoms = [row for row in rows if row.terminal == "bottom"]
    assert len(tops) == 301
    assert [row.i for row in tops] == pytest.approx([0.6 * G] * 300 + [0.5 * G])
    assert [row.i for row in bottoms] == pytest.approx([-0.6 * G] * 300)
    assert [a.t for a in tops[:300]] == pytest.approx([b.t for b in bottoms], abs=2e-6)
    assert {row.v for row in bottoms} == {0.4}
    assert rig.safe()
    meter.close()


def test_a_terminal_that_is_not_driven_is_held_at_zero():
    rig = Rig(wiring={"top": "a", "bottom": "b"})
    meter = rig.connect()
    (row,) = rows_of(meter, read(0.5, 10e-3, terminal="bottom"))
    assert (row.terminal, row.i) == ("bottom", pytest.approx(0.5 * G))
    meter.close()


# -- few messages ------------------------------------------------------------------------------


def test_a_step_that_was_played_before_is_one_short_line(rig, meter):
    pair = pulse(1.0, 100e-6) + rest(1e-3) + read(0.1, 10e-3)
    other = pulse(0.5, 1e-3)
    rows_of(meter, pair)
    rows_of(meter, other)
    rig.sent.clear()
    for _ in range(4):
        rows_of(meter, pair)
        rows_of(meter, other)
    assert len(rig.sent) == 8
    assert max(map(len, rig.sent)) < 30


def test_a_new_step_is_one_message_and_long_lists_are_bounded_lines(rig, meter):
    rig.sent.clear()
    rows_of(meter, pulse(0.7, 100e-6) + rest(1e-3) + read(0.1, 10e-3))
    assert len(rig.sent) == 1
    rig.sent.clear()
    stairs = rest(1e-3)
    for k in range(300):
        stairs = stairs + pulse(0.1 + k * 1e-3, 1e-3) + rest(1e-3)
    rows = rows_of(meter, stairs)
    assert [row.v for row in rows] == pytest.approx([0.1 + k * 1e-3 for k in range(300)])
    assert max(map(len, rig.sent)) <= 1000


def test_more_programs_than_are_kept_still_play_right(meter):
    for k in range(150):
        (row,) = rows_of(meter, pulse(0.5 + k * 1e-3, 100e-6))
        assert row.i == pytest.approx((0.5 + k * 1e-3) * G)
    (row,) = rows_of(meter, pulse(0.5, 100e-6))
    assert row.i == pytest.approx(0.5 * G)


def test_settings_made_by_hand_do_not_reach_into_a_step(rig, meter):
    rows_of(meter, pulse(1.0, 1e-3))
    meter.ChA.compliance_current = 1e-7
    meter.ChA.measure_nplc = 10
    meter.ChA.write("measure.autorangei = 1")
    meter.ChA.source_voltage_range = 40
    meter.write("reset()")
    meter.write("smua.source.func = smua.OUTPUT_DCAMPS")
    (row,) = rows_of(meter, pulse(1.0, 1e-3))
    assert row.i == pytest.approx(1.0 * G)
    assert row.flags == 0
    assert rig.safe()


def test_a_compliance_that_does_not_read_back_stops_before_the_output_goes_on(rig, meter):
    rows_of(meter, pulse(1.0, 1e-3))
    # somebody else on the same instrument, behind the driver's back
    stranger = rig.adapter()
    stranger.write("smua.source.limiti = 0.5")
    with pytest.raises(InstrumentFault, match=r"compliance reads back as 0\.5 A"):
        rows_of(meter, pulse(1.0, 1e-3))
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 1e-3))[0].flags == 0
    stranger.close()


# -- refusals, stops and faults ----------------------------------------------------------------


def test_a_step_beyond_the_limits_is_refused_and_nothing_is_sent(rig, meter):
    rig.sent.clear()
    play = Play(pulse(50.0, 10e-6), 1e-3)
    with pytest.raises(Refused) as caught:
        list(meter.play(play, never))
    assert rig.sent == []
    assert [str(v) for v in meter.check(play)] == str(caught.value).splitlines()
    offline = keithley2600.check(rig.setup(), play)
    assert [v.limit for v in offline] == [v.limit for v in caught.value.violations]


def test_a_stop_request_ends_the_step_and_makes_safe(rig, meter):
    asked = iter([False] * 6 + [True] * 100)
    play = Play(train(pulse(1.0, 100e-6), 10e-3, 2000), 1e-3)
    rows = [row for chunk in meter.play(play, lambda: next(asked)) for row in chunk]
    assert 0 < len(rows) < 2000
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 1e-3))[0].i == pytest.approx(G)


def test_leaving_the_readings_early_makes_safe(rig, meter):
    chunks = meter.play(Play(train(pulse(1.0, 100e-6), 1e-3, 3000), 1e-3), never)
    assert next(chunks)
    chunks.close()
    assert rig.safe()


def test_an_exception_between_chunks_makes_safe_and_stays(rig, meter):
    chunks = meter.play(Play(train(pulse(1.0, 100e-6), 1e-3, 3000), 1e-3), never)
    next(chunks)
    with pytest.raises(ZeroDivisionError):
        chunks.throw(ZeroDivisionError())
    assert rig.safe()


def test_make_safe_switches_off_what_was_switched_on_by_hand(rig, meter):
    meter.ChA.source_mode = "voltage"
    meter.ChA.source_voltage = 0.5
    meter.ChA.source_output = "ON"
    assert rig.panel().output
    meter.make_safe()
    assert rig.safe()


def test_an_entry_in_the_error_queue_is_a_fault_with_all_entries(rig, meter):
    meter.write("smua.source.levelv = 1e9")
    meter.write("nonsense(")
    with pytest.raises(InstrumentFault) as caught:
        rows_of(meter, pulse(1.0, 1e-3))
    assert "1101" in str(caught.value)
    assert "-285" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 1e-3))[0].flags == 0  # and the queue is empty again


def faulty(kind, after, **more):
    """Return a rig where something goes wrong some lines after the driver has connected."""
    probe = Rig(faults=[{"instrument": "smu", "at": 10**6, "kind": "mute"}])
    probe.connect().close()
    lines = probe.laboratory.visa.port(ADDRESS).instrument.lines
    return Rig(faults=[{"instrument": "smu", "at": lines + after, "kind": kind, **more}])


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("mute", "no answer came in time while waiting for readings"),
        ("cut", "was answered instead of readings"),
        ("garbage", "was answered instead of readings|was not text"),
        ("close", "link reported VI_ERROR_CONN_LOST"),
    ],
)
def test_a_failing_link_is_one_sentence_with_name_and_address(kind, sentence):
    rig = faulty(kind, 1)
    meter = rig.connect(options={"timeout": "200 ms"})
    with pytest.raises(InstrumentFault, match=sentence) as caught:
        rows_of(meter, pulse(1.0, 1e-3))
    assert str(caught.value).startswith(f"smu ({ADDRESS}): ")
    assert "\n" not in str(caught.value)
    if kind in ("mute", "close"):
        assert "output may still be on" in " ".join(caught.value.__notes__)
    meter.close()


def test_an_error_during_the_sweep_is_raised_after_its_readings():
    rig = faulty("error", 1, code=5046)
    meter = rig.connect()
    with pytest.raises(InstrumentFault, match="5046"):
        rows_of(meter, pulse(1.0, 1e-3))
    assert rig.safe()
    meter.close()


def test_readings_that_do_not_arrive_are_a_fault_and_not_a_short_record(rig, meter):
    listen, lost = meter.adapter.read, []

    def read():
        line = listen()
        if not lost and not line.startswith("labctl"):
            lost.append(line)
            return listen()
        return line

    meter.adapter.read = read
    with pytest.raises(InstrumentFault, match=r"2 readings of a .* did not arrive"):
        rows_of(meter, (pulse(1.0, 1e-3) + rest(1e-3)) * 2)
    assert lost
    assert rig.safe()


def test_a_unit_that_somebody_has_reset_plays_nothing(rig, meter):
    rows_of(meter, pulse(1.0, 1e-3))
    rig.instrument.reset()
    with pytest.raises(InstrumentFault, match="brought its settings to their defaults"):
        rows_of(meter, pulse(1.0, 1e-3))
    assert rig.safe()
    assert rows_of(meter, pulse(1.0, 1e-3))[0].flags == 0


# -- connecting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "kind", "says"),
    [("2602B", "over-temperature", "SMU too hot"), ("2612B", "interlock", "blocked by interlock")],
)
def test_heat_and_an_open_interlock_are_errors_and_not_a_silent_nothing(model, kind, says):
    rig = Rig(model=model)
    meter = rig.connect()
    rig.instrument.suffer(kind)
    waveform = pulse(1.0 if model == "2602B" else 60.0, 1e-3)
    for _ in range(2):  # it stays one
        with pytest.raises(InstrumentFault, match=says):
            rows_of(meter, waveform, 10e-3)
        assert rig.safe()
    meter.close()


def test_heat_in_a_run_ends_it_and_not_only_its_last_reading():
    with served(pace=100.0) as (rig, connect):
        meter = connect()
        play = Play(train(pulse(1.0, 1e-3), 0.1, 20_000), 1e-3)  # 2000 s
        chunks, before = meter.play(play, never), rig.laboratory.clock.now_s
        next(chunks)
        rig.instrument.suffer("over-temperature")
        with pytest.raises(InstrumentFault, match="SMU too hot"):
            list(chunks)
        assert rig.laboratory.clock.now_s - before < 1000
        assert rig.safe()
        meter.close()


def test_it_says_who_it_is(meter):
    identity = meter.identify()
    assert identity.model == "2602B"
    assert identity.idn.startswith("Keithley Instruments")
    assert identity.serial.isdigit()
    assert identity.firmware
    assert identity.calibrated == "2026-01-01"


def test_limits_are_those_of_the_unit(meter):
    assert meter.limits.model == "2602B"
    assert meter.limits.min_aperture == pytest.approx(20e-6)  # 50 Hz
    sixty = Rig(line_frequency=60.0).connect()
    assert sixty.limits.min_aperture == pytest.approx(16.7e-6, rel=1e-2)
    sixty.close()


def test_a_snapshot_holds_what_was_set(meter):
    rows_of(meter, read(0.1, 10e-3), 2e-6)
    shot = meter.snapshot()
    assert float(shot["smua.source.limiti"]) == pytest.approx(2e-6)
    assert float(shot["smua.measure.rangei"]) == pytest.approx(10e-6)
    assert float(shot["smua.measure.nplc"]) == pytest.approx(0.375)
    assert float(shot["smua.source.output"]) == 0
    assert float(shot["localnode.linefreq"]) == 50
    assert all(isinstance(value, str) for value in shot.values())
    assert rows_of(meter, read(0.1, 10e-3), 2e-6)


@pytest.mark.parametrize(("found_on", "output"), [("safe", False), ("leave", True)])
def test_an_output_found_on_is_reported_and_switched_off_or_left(rig, caplog, found_on, output):
    earlier = rig.adapter()
    for line in ("smua.source.levelv = 0.25", "smua.source.output = 1"):
        earlier.write(line)
    with caplog.at_level(logging.WARNING):
        meter = rig.connect(options={"found_on": found_on})
    became = "left on" if output else "switched off"
    assert f"found the output on: channel a at 0.25 V; it was {became}" in caplog.text
    assert "0.25 V" in meter.snapshot()["found"]
    assert rig.panel().output == output
    assert rows_of(meter, pulse(1.0, 1e-3))[0].i == pytest.approx(G)
    assert rig.safe()
    meter.close()
    earlier.close()


def test_another_model_is_refused(rig):
    with pytest.raises(InstrumentFault, match=r'a 2636B was expected but "Keithley .*2602B'):
        rig.connect(model="2636B")


def test_silence_is_refused():
    rig = Rig(faults=[{"instrument": "smu", "at": 1, "kind": "mute"}])
    with pytest.raises(InstrumentFault, match="no answer came in time while asking who it is"):
        rig.connect(options={"timeout": "100 ms"})


def test_an_address_where_nobody_is_is_refused(rig):
    with pytest.raises(InstrumentFault, match="opening the connection"):
        rig.connect(address="GPIB0::3::INSTR")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "2400"}, 'the model "2400" is unknown; allowed are 2601B'),
        ({"channels": {"top": "c"}}, 'on channel "c"; a 2602B has a and b'),
        ({"model": "2601B", "channels": {"top": "b"}}, "a 2601B has a$"),
        ({"options": {"sens": 4}}, 'the key "sens" is unknown; allowed are sense, timeout'),
        ({"options": {"sense": "3-wire"}}, "allowed are 2-wire and 4-wire"),
        ({"options": {"timeout": "-1 s"}}, "give a positive time"),
        ({"options": {"timeout": "5 V"}}, "unit"),
        ({"address": "the second shelf"}, '"the second shelf" cannot be opened'),
    ],
)
def test_a_wrong_bench_file_is_one_sentence(rig, changes, sentence):
    with pytest.raises((BadInput, InstrumentFault), match=sentence) as caught:
        rig.connect(**changes)
    assert "\n" not in str(caught.value)


def test_four_wire_sensing_is_set_when_asked_for(rig):
    meter = rig.connect(options={"sense": "4-wire"})
    rows_of(meter, read(0.1, 1e-3))
    assert float(meter.snapshot()["smua.sense"]) == 1
    meter.close()


def test_channel_b_works_alone():
    rig = Rig(wiring={"top": "b"})
    meter = rig.connect()
    (row,) = rows_of(meter, read(0.5, 10e-3))
    assert row.i == pytest.approx(0.5 * G)
    meter.close()


def test_by_hand_it_is_pymeasures_driver(meter):
    meter.ChA.apply_voltage(voltage_range=1, compliance_current=1e-3)
    meter.ChA.measure_current(nplc=1, auto_range=True)
    meter.ChA.source_voltage = 0.3
    meter.ChA.source_output = "ON"
    assert meter.ChA.current == pytest.approx(0.3 * G, rel=1e-6)
    assert meter.ChA.voltage == pytest.approx(0.3, rel=1e-6)
    meter.shutdown()


def test_by_hand_on_a_bench():
    with labctl.bench("sim-ftj") as bench:
        bench.smu.ChA.apply_voltage(compliance_current=1e-6)
        bench.smu.ChA.source_voltage = 0.01
        bench.smu.ChA.source_output = "ON"
        assert bench.smu.ChA.compliance_current == pytest.approx(1e-6)
        (row,) = bench.play(read(0.1, 20e-3), compliance=1e-3, top=1e-4)
        assert row.i / row.v == pytest.approx(200e-6, rel=0.2)
        bench.smu.ChA.source_output = "ON"
        panel = bench.laboratory.instruments["smu"].channel_state
        assert panel("a")["output"]
    assert not panel("a")["output"]


def test_the_template_of_the_real_bench_is_the_simulated_one_without_simulation(root):
    real, simulated = (
        tomllib.loads((root / "benches" / f"{name}.toml").read_text("utf-8"))
        for name in ("keithley2602b", "sim-ftj")
    )
    assert simulated.pop("simulation")
    for bench in (real, simulated):
        bench.pop("name")
        bench.pop("title")
        assert bench["instruments"]["smu"].pop("address")
    assert real == simulated


# -- the same bytes over TCP -------------------------------------------------------------------


@contextmanager
def served(pace=0.0):
    """Connect through a socket; with a pace the laboratory's time follows the wall clock's."""
    rig = Rig(pace=pace)
    with Server({"smu": rig.laboratory.visa.port(ADDRESS)}) as server:
        yield (
            rig,
            lambda: keithley2600.connect(
                Setup(
                    "smu",
                    "2602B",
                    server.addresses["smu"],
                    {"top": "a"},
                    "@py",
                    speed=max(pace, 1.0),
                )
            ),
        )


def test_over_tcp_the_same_programs_play():
    with served() as (rig, connect):
        meter = connect()
        rows = rows_of(meter, (pulse(1.0, 100e-6) + rest(0.9e-3)) * 700 + read(0.1, 10e-3))
        assert len(rows) == 701
        assert [row.i for row in rows[:700]] == pytest.approx([G] * 700)
        assert np.diff([row.t for row in rows[:700]]) == pytest.approx(1e-3, abs=1.1e-6)
        assert rig.safe()
        assert meter.identify().model == "2602B"
        meter.close()


def test_over_tcp_readings_come_while_the_program_runs_and_a_stop_is_heard():
    with served(pace=50.0) as (rig, connect):
        meter = connect()
        asked = iter([False] * 8)
        play = Play(train(pulse(1.0, 100e-6), 50e-3, 20_000), 1e-3)  # a thousand seconds
        before = rig.laboratory.clock.now_s
        rows = [row for rows in meter.play(play, lambda: next(asked, True)) for row in rows]
        assert 10 < len(rows) < 2000
        assert rig.laboratory.clock.now_s - before < 500
        assert rig.safe()
        assert rows_of(meter, pulse(1.0, 1e-3))[0].i == pytest.approx(G)
        meter.close()


def test_over_tcp_without_a_pace_a_long_program_is_not_taken_for_one_without_a_computer():
    with served() as (_, connect):
        meter = connect()
        rows = rows_of(meter, train(pulse(1.0, 100e-6), 0.1, 1000))  # 100 s in an instant
        assert len(rows) == 1000
        meter.close()


def test_over_tcp_a_stop_is_heard_in_a_long_rest():
    with served(pace=50.0) as (rig, connect):
        meter = connect()
        asked = iter([False] * 3)
        before = rig.laboratory.clock.now_s
        play = Play(rest(1000.0) + pulse(1.0, 1e-3) + rest(1000.0), 1e-3)
        assert list(meter.play(play, lambda: next(asked, True))) == []
        assert rig.laboratory.clock.now_s - before < 500
        assert rig.safe()
        meter.close()


def test_a_program_left_running_by_a_dead_host_is_broken_off():
    with served(pace=50.0) as (rig, connect):
        dead = connect()
        chunks = dead.play(Play(train(pulse(1.0, 100e-6), 0.1, 10_000), 1e-3), never)
        next(chunks)
        dead.adapter.connection.close()
        meter = connect()
        assert rig.safe()
        assert rows_of(meter, pulse(1.0, 1e-3))[0].i == pytest.approx(G)
        meter.close()
        with pytest.raises(InstrumentFault, match="not open"):
            next(chunks)


def test_over_tcp_nobody_listening_is_one_sentence():
    with pytest.raises(InstrumentFault, match=r"while (opening|asking)"):
        keithley2600.connect(
            Setup("smu", "2602B", "TCPIP::127.0.0.1::1::SOCKET", {"top": "a"}, "@py")
        )
