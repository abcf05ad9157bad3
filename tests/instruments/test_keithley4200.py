"""The bench driver of the 4225-PMU, through the wire to the virtual one."""

import logging
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from instruments import keithley4200
from instruments.keithley4200_limits import MODELS, limits_of, ranges_of
from instruments.keithley4200_lines import program_lines, start_lines
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, sampled, segment, train
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server

ADDRESS = "TCPIP0::192.168.0.42::1225::SOCKET"
G = 1e-4  # S
QUIET = {"instrument": False, "cycle": False, "device": False}


class Rig:
    """A laboratory, its instrument and a driver; what was sent is written down."""

    def __init__(self, wiring: dict[str, str] | None = None, **simulation: Any) -> None:
        self.wiring = wiring or {"top": "pmu1"}
        section = {"driver": "keithley4200", "model": "4200A-SCS", "address": ADDRESS}
        content = {
            "name": "rig",
            "instruments": {"pmu": section},
            "terminals": {name: f"pmu.{channel}" for name, channel in self.wiring.items()},
            "simulation": {
                "device": {"family": "resistor", "preset": "10k"}, "noise": QUIET, **simulation,
            },
        }  # fmt: skip
        self.laboratory = open_laboratory(content, 1, None, 0.0)
        self.instrument = self.laboratory.instruments["pmu"]
        self.sent: list[str] = []

    def setup(self, **changes: Any) -> Setup:
        given = {
            "name": "pmu", "model": "4200A-SCS", "address": ADDRESS, "channels": self.wiring,
            "visa": self.laboratory.visa, "laboratory": self.laboratory, "options": {},
            "accept_degraded": True,
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, **changes: Any) -> Any:
        card = keithley4200.connect(self.setup(**changes))
        send = card.adapter._write

        def write(command: str, **kwargs: Any) -> None:
            self.sent.append(command)
            send(command, **kwargs)

        card.adapter._write = write
        return card

    def outputs(self) -> list[bool]:
        return [self.instrument.channel_state(f"pmu{n}")["output"] for n in (1, 2)]

    @property
    def tally(self) -> Any:
        return self.laboratory.device.tally


def never() -> bool:
    return False


def rows_of(card: Any, waveform: Any, compliance: float = 1e-3, **ranges: float) -> list[Row]:
    return [row for rows in card.play(Play(waveform, compliance, ranges), never) for row in rows]


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def card(rig: Rig) -> Iterator[Any]:
    connected = rig.connect()
    yield connected
    connected.close()


# -- playing -------------------------------------------------------------------------------------


def test_pulses_of_40_ns_are_played_with_their_width_and_period(rig, card):
    rows = rows_of(card, train(pulse(1.0, 40e-9, measured=False), 100e-9, 1000) + read(0.1, 1e-6))
    assert rig.tally.positive == 1000
    assert rig.tally.throughput == pytest.approx((1000 * 40e-9 + 0.1 * 1e-6) * G, rel=6e-3)
    assert [row.role for row in rows] == ["read"]


def test_what_is_achieved_is_told_and_not_what_was_asked_for(card):
    (row,) = rows_of(card, pulse(1.0, 1e-6))
    assert row.v_set == 1.0
    assert row.v == pytest.approx(1 / 1.005, rel=1e-4)
    assert row.i == pytest.approx(row.v * G, rel=1e-6)
    assert row.width == 1e-6
    assert abs(row.v - 1.0) < 2 * row.u_v


def test_a_width_between_two_ticks_is_rounded_and_told(card):
    (row,) = rows_of(card, pulse(1.0, 1.004e-6))
    assert row.width == 1e-6


def test_ramps_are_played_as_they_are(rig, card):
    up = segment(1e-6, {"top": (0.0, 1.0)})
    down = segment(1e-6, {"top": (1.0, -1.0)})
    rows_of(card, up + down + segment(1e-6, {"top": (-1.0, 0.0)}))
    # triangles of 1 V: 0.5 us, twice 0.25 us, 0.5 us
    assert rig.tally.throughput == pytest.approx(1.5e-6 * G, rel=6e-3)
    assert rig.tally.charge == pytest.approx(0.0, abs=1e-13)


def test_long_rests_become_loops(rig, card):
    before = rig.laboratory.clock.now()
    rows = rows_of(card, pulse(1.0, 1e-6) + rest(100.0) + pulse(1.0, 1e-6))
    assert rows[1].t - rows[0].t == pytest.approx(100.000001, abs=2e-8)
    assert rig.laboratory.clock.now() - before == pytest.approx(100.0, abs=0.1)
    assert sum(line.count(",") for line in rig.sent if "SEQ:TIME" in line) < 40


def test_loops_are_sent_once(rig, card):
    rows_of(card, (pulse(1.0, 1e-6) + rest(9e-6)) * 5000)
    (playlist,) = [line for line in rig.sent if ":SEQ:LIST" in line]
    assert playlist == ":PMU:SARB:WFM:SEQ:LIST 1, 1, 5000, 2, 1"
    assert len(rig.sent) < 30


def test_nested_loops_are_written_out(rig, card):
    burst = (pulse(1.0, 1e-6, measured=False) + rest(1e-6)) * 100
    rows = rows_of(card, (burst + read(0.1, 1e-5) + rest(1e-5)) * 5)
    assert len(rows) == 5
    assert rig.tally.positive >= 500


def test_a_loop_that_ends_at_a_level_begins_again_from_there(rig, card):
    step = segment(1e-6, {"top": 0.5}) + segment(1e-6, {"top": 1.0})
    rows_of(card, step * 10)
    assert rig.tally.throughput == pytest.approx(10 * 1.5e-6 * G, rel=1e-2)
    assert not any(rig.outputs())


def test_two_terminals_share_the_clock():
    rig = Rig({"top": "pmu1", "bottom": "pmu2"})
    card = rig.connect()
    together = pulse(1.0, 1e-6, terminal="top") | (rest(5e-7) + pulse(0.5, 1e-6, terminal="bottom"))
    rows = rows_of(card, together)
    assert [row.terminal for row in rows] == ["top", "bottom"]
    assert rows[0].i == pytest.approx(0.5 / (1 / G + 100), rel=1e-3)
    assert [row.t for row in rows] == sorted(row.t for row in rows)
    card.close()


def test_many_readings_come_in_blocks(card):
    chunks = list(card.play(Play(train(pulse(1.0, 1e-6), 1e-5, 3000), 1e-3), never))
    assert [len(chunk) for chunk in chunks] == [2048, 952]
    times = [row.t for chunk in chunks for row in chunk]
    steps = [late - early for early, late in pairwise(times)]
    assert steps == pytest.approx([1e-5] * 2999, abs=2e-9)


def test_a_waveform_is_captured_sample_by_sample():
    """The current that charges a capacitor behind 50 Ohm, and the voltage that it leaves."""
    rig = Rig(device={"family": "capacitor", "preset": "1n", "resistance": "10 kOhm"})
    card = rig.connect()
    tau = 1e-9 * (10e3 + 50.0)
    rows = rows_of(card, sampled(1.0, 30e-6, 200e-9, begin=4e-6) + rest(1e-6), top=100e-6)
    assert [line for line in rig.sent if "SAMPLE:RATE" in line] == [":PMU:SAMPLE:RATE 5000000"]
    assert len(rows) == 130
    assert [b.t - a.t for a, b in pairwise(rows)] == pytest.approx([200e-9] * 129, rel=1e-6)
    assert [row.width for row in rows] == [30e-6] * 130
    fades = [math.log(a.i / b.i) for a, b in pairwise(rows)]
    assert fades == pytest.approx([200e-9 / tau] * 129, rel=0.02)
    assert rows[-1].v > rows[0].v  # less is lost in 50 Ohm


def test_captured_waveforms_share_one_rate_and_have_spot_means_beside_them(rig, card):
    one = sampled(1.0, 1e-6, 100e-9, begin=100e-9)
    rows = rows_of(card, (one + rest(1e-6) + read(0.1, 2e-6) + rest(1e-6)) * 3)
    assert [row.role for row in rows] == (["pulse"] * 9 + ["read"]) * 3
    assert all(row.i == pytest.approx(row.v * G, rel=1e-5) for row in rows)
    assert any("MEAS:TYPE" in line and ", 2" in line and ", 1" in line for line in rig.sent)
    rows_of(card, pulse(1.0, 1e-6))
    assert sum("SAMPLE:RATE" in line for line in rig.sent) == 1  # a new test has its default again


def test_a_level_above_10_v_takes_the_other_source_range(rig, card):
    (row,) = rows_of(card, pulse(20.0, 1e-5), 10e-3)
    assert row.v == pytest.approx(20 / 1.005, rel=1e-4)
    assert ":PMU:SOURCE:RANGE 1, 40" in rig.sent


# -- what is known of a reading ------------------------------------------------------------------


def test_the_range_is_that_of_the_compliance_or_the_one_asked_for(rig, card):
    rows_of(card, read(0.1, 1e-4), 30e-6)
    assert ":PMU:MEASURE:RANGE 1, 2, 0.0001" in rig.sent
    rows_of(card, read(0.1, 1e-4), 30e-6, top=1e-2)
    assert ":PMU:MEASURE:RANGE 1, 2, 0.01" in rig.sent


def test_a_current_beyond_the_compliance_is_flagged_but_not_held(card):
    (row,) = rows_of(card, pulse(1.0, 1e-4), 50e-6)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(G / 1.005, rel=1e-4)


def test_a_current_beyond_the_range_is_no_number(card):
    (row,) = rows_of(card, pulse(1.0, 1e-3), 10e-6)
    assert row.flags == Flag.COMPLIANCE | Flag.OVERRANGE
    assert row.i != row.i
    assert row.v == pytest.approx(1 / 1.005, rel=1e-4)


def test_a_reading_too_early_for_its_range_is_flagged(card):
    (early,) = rows_of(card, pulse(0.5, 200e-9), 100e-6)
    (late,) = rows_of(card, pulse(0.5, 20e-6), 100e-6)
    assert early.flags & Flag.UNSETTLED
    assert not late.flags


def test_readings_agree_with_the_device_within_what_they_say():
    rig = Rig(noise={**QUIET, "instrument": True})
    card = rig.connect()
    rows = rows_of(card, (read(0.1, 1e-3) + rest(1e-4)) * 200, 100e-6)
    for row in rows:
        assert abs(row.i - row.v_set * G / 1.005) < 2 * row.u_i
    # the level itself is known to 10 mV, as the card's voltmeter is
    assert max(abs(row.v - 0.1 / 1.005) for row in rows) < 2 * rows[0].u_v
    assert len({row.i for row in rows}) > 100
    card.close()


# -- limits --------------------------------------------------------------------------------------


def violations(setup: Setup, waveform: Any, compliance: float = 1e-3, **ranges: float) -> list[str]:
    found = keithley4200.check(setup, Play(waveform, compliance, ranges))
    return [v.limit.removeprefix("4225-PMU ") for v in found]


@pytest.mark.parametrize(
    ("waveform", "limit"),
    [
        (pulse(41.0, 1e-3), "voltage"),
        (pulse(0.01, 30e-9), "level width"),
        (pulse(11.0, 100e-9), "level width"),
        (pulse(0.01, 1e-6, terminal="gate"), "terminals"),
        (train(pulse(0.01, 1e-6), 1e-5, 65_537), "readings"),
        (sampled(0.01, 1e-6, 100e-9), "readings in a level"),
        (sampled(0.01, 1e-5, 25e-9, begin=1e-6), "readings in a level"),
        (sampled(0.01, 1.0, 2e-3, begin=1e-6), "sample rate"),
        (
            sampled(0.01, 1e-6, 1e-7, begin=1e-7) + sampled(0.02, 1e-6, 2e-7, begin=1e-7),
            "sample rate",
        ),
        (sampled(0.01, 1e-3, 1e-4, begin=1e-6) + read(0.02, 1e-6), "aperture"),
        (sampled(0.01, 1e-6, 1e-7, begin=1e-7) + read(0.02, 1.0), "samples"),
        (((pulse(0.01, 1e-6) + rest(1e-6)) * 100 + read(0.01, 1e-5)) * 400, "segments"),
    ],
)
def test_what_the_card_cannot_play_is_named(rig, waveform, limit):
    assert violations(rig.setup(), waveform, 0.8)[0] == limit


def test_a_compliance_that_50_ohm_do_not_guarantee_is_refused_unless_accepted(rig):
    play = Play(pulse(1.0, 1e-6), 1e-3)
    (found,) = keithley4200.check(rig.setup(), play)
    assert found.limit == "4225-PMU compliance"
    assert "20 mA" in found.allowed
    assert "instead of 1 mA" in found.instead
    assert violations(rig.setup(), pulse(1.0, 1e-6), 20e-3) == []
    card = rig.connect(accept_degraded=False)
    with pytest.raises(Refused):
        rows_of(card, pulse(1.0, 1e-6))
    assert rig.tally.throughput == 0
    card.close()


def test_a_range_that_there_is_not_is_refused(rig):
    assert violations(rig.setup(), pulse(1.0, 1e-6), 20e-3, top=0.5) == ["current range"]


def test_a_card_without_modules_has_its_own_ranges():
    source = MODELS["4200A-SCS"].sources[0]
    assert [r.full_scale for r in ranges_of(source, module=False)] == [10e-3, 0.2]
    assert ranges_of(source, module=True)[0].full_scale == 100e-9
    assert limits_of(MODELS["4200A-SCS"]).min_width == pytest.approx(40e-9)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "4200"}, 'the model "4200" is unknown'),
        ({"channels": {"top": "smu1"}}, 'on channel "smu1"; a 4225-PMU has pmu1 and pmu2'),
        ({"options": {"colour": 1}}, 'the key "colour" is unknown'),
        ({"options": {"interface": "gpib"}}, 'interface = "gpib" is not allowed'),
        ({"options": {"timeout": "-1 s"}}, "timeout = '-1 s' is not allowed"),
    ],
)
def test_a_wrong_bench_file_is_told_in_one_sentence(rig, changes, sentence):
    with pytest.raises(BadInput) as told:
        keithley4200.connect(rig.setup(**changes))
    assert sentence in str(told.value)


# -- faults and safety ---------------------------------------------------------------------------


def test_it_says_who_it_is(rig, card):
    identity = card.identify()
    assert identity.model == "4200A-SCS"
    assert identity.firmware == "V1.14"
    assert card.snapshot()["options"].startswith("SMU1")


def test_another_instrument_is_told_apart(rig, monkeypatch):
    rig.instrument.system._idn = "KEITHLEY INSTRUMENTS,MODEL 2450,1,1.0"
    with pytest.raises(InstrumentFault, match="a 4200A-SCS was expected but"):
        rig.connect()


def test_an_error_of_the_instrument_is_raised_and_leaves_it_safe(rig, card):
    rig.instrument.card.module = False  # the modules have been unplugged
    with pytest.raises(InstrumentFault, match=r"setting up a test.*PMU1-1"):
        rows_of(card, pulse(1.0, 1e-6))
    assert not any(rig.outputs())
    assert rig.tally.throughput == 0


@pytest.mark.parametrize("found_on", ["safe", "leave"])
def test_a_test_found_running_is_reported_and_broken_off_or_left(rig, caplog, found_on):
    earlier = rig.connect()
    with pytest.raises(ZeroDivisionError):
        _break_while_playing(earlier)
    assert rig.instrument.card.running
    with caplog.at_level(logging.WARNING):
        card = rig.connect(options={"found_on": found_on})
    became = {"safe": "broken off", "leave": "left running"}[found_on]
    assert f"found a test running on the pulse card; it was {became}" in caplog.text
    assert became in card.snapshot()["found"]
    assert rig.instrument.card.running == (found_on == "leave")
    assert len(rows_of(card, pulse(1.0, 1e-6))) == 1
    assert not any(rig.outputs())
    card.close()


def _break_while_playing(card: Any) -> None:
    """Leave a test running, as a computer that dies does."""
    for line in (*program_lines(_program_of(card), module=True), *start_lines(_program_of(card))):
        card.tell(line)
    raise ZeroDivisionError


def _program_of(card: Any) -> Any:
    return card._compile(Play(train(pulse(1.0, 1e-4), 0.1, 1000), 1e-3)).program


def test_looking_changes_nothing(rig):
    with pytest.raises(ZeroDivisionError):
        _break_while_playing(rig.connect())
    looking = rig.connect(looking=True)
    assert looking.identify().model == "4200A-SCS"
    assert "idn" in looking.snapshot()
    looking.close()
    assert rig.instrument.card.running
    assert any(rig.outputs())


def test_it_foresees_timing_floor_and_how_long_a_test_goes_on_alone(rig):
    play = Play(train(pulse(1.0, 1e-4) + rest(1e-4) + read(0.1, 1e-3), 2e-3, 500), 1e-3)
    foreseen = keithley4200.forecast(rig.setup(), play)
    assert (foreseen.mode, foreseen.timing) == ("segment arb", 10e-9)
    (floor,) = foreseen.floors
    assert (floor.terminal, floor.range) == ("top", 1e-3)
    assert floor.current == ranges_of(MODELS["4200A-SCS"].sources[0], module=True)[4].bound(0.0)
    assert floor.aperture == pytest.approx(25e-6)
    assert foreseen.alone == pytest.approx(1.0)
    assert keithley4200.forecast(rig.setup(), Play(pulse(1.0, 1e-9), 1e-3)) is None


def test_an_unread_error_is_found_when_connecting(rig):
    rig.instrument.write(b"NONSENSE\0")
    rig.instrument.replies()
    card = rig.connect()
    assert "not recognised" in card.snapshot()["found"]
    rows_of(card, pulse(1.0, 1e-6))
    card.close()


def test_a_stop_request_aborts_the_test(rig, card):
    asked = iter([False, False])
    stop = lambda: next(asked, True)  # noqa: E731
    play = Play(train(pulse(1.0, 1e-4), 1e-2, 1000), 1e-3)
    rows = [row for chunk in card.play(play, stop) for row in chunk]
    assert 0 < len(rows) < 200
    assert rig.tally.positive == pytest.approx(len(rows), abs=1.5)
    assert not any(rig.outputs())
    assert ":PMU:ABORT" in rig.sent


def test_make_safe_ends_what_was_begun_by_hand(rig, card):
    card.smu1.voltage_setpoint = (0, 1.0, 1e-3)
    card.make_safe()
    assert not rig.instrument.channel_state("smu1")["output"]
    with card:
        card.smu1.voltage_setpoint = (0, 1.0, 1e-3)
    assert not rig.instrument.channel_state("smu1")["output"]


KINDS = ("mute", "close", "cut", "garbage", "error")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_message_ends_in_a_sentence_and_leaves_it_safe(kind):
    quiet = Rig()
    card = quiet.connect()
    before = len(quiet.sent)
    rows_of(card, (pulse(1.0, 1e-6) + rest(1e-5)) * 3)
    messages = len(quiet.sent) - before
    card.close()
    assert messages > 15
    first = _messages_to_connect(Rig())
    for at in range(first + 1, first + messages + 1):
        if kind == "cut" and quiet.sent[before + at - first - 1] == ":ERROR:LAST:GET":
            continue  # an answer of nothing but its end cannot be cut
        fault = {"instrument": "pmu", "at": at, "kind": kind, "code": -992}
        rig = Rig(faults=[fault])
        card = rig.connect(options={"timeout": "0.5 s"})
        with pytest.raises(InstrumentFault) as told:
            rows_of(card, (pulse(1.0, 1e-6) + rest(1e-5)) * 3)
        assert str(told.value).startswith("pmu (TCPIP0::192.168.0.42")
        assert "\n" not in str(told.value)
        rig.laboratory.clock.advance(1.0)
        if kind != "mute":
            assert rig.instrument.card.running is False
        card.close()


def _messages_to_connect(rig: Rig) -> int:
    """Count the messages that connecting takes."""
    count = 0
    write = rig.instrument.write

    def counting(message: bytes) -> None:
        nonlocal count
        count += 1
        write(message)

    rig.instrument.write = counting
    rig.connect().close()
    return count


def test_it_plays_over_a_socket():
    rig = Rig()
    port = rig.laboratory.visa.port(ADDRESS)
    with Server({"pmu": port}) as server:
        setup = rig.setup(address=server.addresses["pmu"], visa="@py", laboratory=None)
        card = keithley4200.connect(setup)
        rows = rows_of(card, (pulse(1.0, 1e-6) + rest(1e-4)) * 20)
        card.make_safe()
        card.close()
    assert [row.i for row in rows] == pytest.approx([G / 1.005] * 20, rel=1e-4)
