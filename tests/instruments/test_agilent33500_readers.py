"""A generator that is read by a 2400 or a 2450: triggers, apertures, and how it ends."""

from __future__ import annotations

import math
from typing import Any

import pytest

from instruments import agilent33500
from instruments.agilent33500_readers import READERS
from labctl.errors import InstrumentFault
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from sim_backend.laboratory import open_laboratory
from tests.instruments.rig33500 import (
    AWG,
    METER,
    METERS,
    QUIET,
    G,
    Rig,
    laboratory,
    never,
    setup,
)  # fmt: skip

SCPI = ("2410", "2450")
WAVEFORM = (rest(1e-3) + pulse(1.0, 4e-3) + rest(4e-3)) * 3


def rig(model: str, **meter: Any) -> Rig:
    given = METERS[model] | meter
    there = laboratory(meter=given)
    return Rig(laboratory=there, pair=agilent33500.connect(setup(there, meter=given)))


def outputs(there: Any) -> tuple[bool, bool, bool]:
    awg, smu = (there.instruments[name] for name in ("awg", "awg.meter"))
    panels = awg.channel_state("1"), awg.channel_state("2"), smu.channel_state("front")
    return tuple(bool(panel["output"]) for panel in panels)


@pytest.mark.parametrize("model", SCPI)
def test_readings_lie_where_the_generator_triggers_them(model: str) -> None:
    made = rig(model)
    rows = made.rows(pulse(1.0, 4e-3) + rest(17.3e-3) + pulse(-0.5, 4e-3) + rest(1.0))
    assert rows[1].t - rows[0].t == pytest.approx(21.3e-3, abs=20e-6)
    assert [row.i for row in rows] == pytest.approx([row.v * G for row in rows], rel=1e-3)
    assert outputs(made.laboratory) == (False, False, False)


def test_a_2400_hears_edges_that_fall_and_the_others_those_that_rise() -> None:
    for model, high in (("2410", 1.0), ("2450", 0.0)):
        made = rig(model)
        play = Play(WAVEFORM, 1e-3)
        program = made.pair._pairing.compile(play).program
        assert program is not None
        track = program.triggers()
        # between the bursts the line rests where no edge is heard
        assert track[0] == track[-1] == high
        assert set(track) == {0.0, 1.0}


@pytest.mark.parametrize("model", SCPI)
def test_a_limited_level_is_told_where_there_is_time_to_read_its_voltage(model: str) -> None:
    made = rig(model)
    (row,) = made.rows(pulse(1.0, 40e-3), 20e-6)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(20e-6, rel=0.03)
    assert row.v == pytest.approx(0.2, rel=0.03)
    (row,) = made.rows(pulse(1.0, 1.2e-3), 20e-6)
    assert row.flags & Flag.COMPLIANCE
    assert math.isnan(row.v)


@pytest.mark.parametrize("model", ["2602B", *SCPI])
def test_apertures_fit_what_is_between_two_edges(model: str) -> None:
    reader = READERS[model]
    for room, apart in ((1e-3, 2e-3), (5e-3, 3e-3), (20e-3, 1.0)):
        for volts in (True, False):
            aperture = reader.longest(room, apart, volts=volts)
            if aperture > 0:
                assert aperture <= room
                assert reader.span(aperture, volts=volts) <= apart * (1 + 1e-12)
                assert reader.lead(aperture, volts=volts) >= reader.latency


@pytest.mark.parametrize("model", SCPI)
def test_readings_that_follow_each_other_too_closely_are_refused(model: str) -> None:
    there = laboratory(meter=METERS[model])
    close = read(0.1, 350e-6) * 4
    said = "; ".join(
        map(str, agilent33500.check(setup(there, meter=METERS[model]), Play(close, 1e-3)))
    )
    assert "reading rate" in said or "aperture" in said
    assert "\n" not in said


def test_a_2400_holds_2500_readings_and_says_so() -> None:
    there = laboratory(meter=METERS["2410"])
    many = train(pulse(1.0, 4e-3), 10e-3, 2501)
    (found,) = agilent33500.check(setup(there, meter=METERS["2410"]), Play(many, 1e-3))
    assert "at most 2500 in one step" in str(found)


# -- safety ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "limit", "on"),
    [("2410", ":SENS:CURR:PROT 0.001", ":OUTP ON"), ("2450", "ILIM", ":OUTP ON")],
)
def test_the_compliance_is_in_force_before_any_voltage(model: str, limit: str, on: str) -> None:
    made = rig(model)
    sent: list[str] = []
    for driver in (made.pair.generator, made.pair.ammeter):
        send = driver.adapter._write

        def write(command: str, send: Any = send, **kwargs: Any) -> None:
            sent.append(command)
            send(command, **kwargs)

        driver.adapter._write = write
    made.rows(WAVEFORM)
    limited = next(k for k, line in enumerate(sent) if limit in line)
    holds = next(k for k, line in enumerate(sent) if on in line)
    assert limited < holds < sent.index(":OUTP1 1") < sent.index("*TRG")
    last = len(sent) - 1 - sent[::-1].index(":OUTP1 0")
    assert sent.index("*TRG") < last < max(k for k, x in enumerate(sent) if ":OUTP OFF" in x)


@pytest.mark.parametrize("model", SCPI)
def test_a_cable_that_leads_elsewhere_is_named_and_everything_is_off(model: str) -> None:
    there = laboratory(meter=METERS[model])
    given = METERS[model] | {"line": 2}
    made = Rig(laboratory=there, pair=agilent33500.connect(setup(there, meter=given)))
    with pytest.raises(InstrumentFault, match=r"0 of 3 readings.*cable from output 2.*line 2"):
        made.rows(WAVEFORM)
    assert outputs(there) == (False, False, False)
    assert not there.instruments["awg.meter"].channel_state("front")["running"]


@pytest.mark.parametrize("model", SCPI)
def test_a_stop_is_heard_while_edges_are_waited_for(model: str) -> None:
    made = rig(model)
    asked = iter([False, False, False])
    long = train(pulse(1.0, 4e-3), 50e-3, 400)
    chunks = made.pair.play(Play(long, 1e-3), lambda: next(asked, True))
    assert sum(map(len, chunks)) < 400
    assert outputs(made.laboratory) == (False, False, False)
    assert len(made.rows(WAVEFORM)) == 3


@pytest.mark.parametrize("model", SCPI)
def test_a_generator_that_falls_silent_leaves_no_current(model: str) -> None:
    struck = {"instrument": "awg", "at": 60, "kind": "close"}
    there = laboratory(meter=METERS[model], faults=[struck])
    made = Rig(laboratory=there, pair=agilent33500.connect(setup(there, meter=METERS[model])))
    waveform = train(pulse(1.0, 4e-3), 20e-3, 20)
    made.rows(waveform)
    with pytest.raises(InstrumentFault, match="awg") as caught:
        made.rows(waveform)
    assert "relay was opened" in " ".join(caught.value.__notes__)
    before = there.device.tally.throughput
    there.clock.advance(20.0)
    assert there.device.tally.throughput == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("model", SCPI)
@pytest.mark.parametrize("who", ["awg", "awg.meter"])
@pytest.mark.parametrize("kind", ["close", "error", "mute"])
def test_a_fault_ends_in_a_sentence_with_the_other_one_off(model: str, who: str, kind: str) -> None:
    for at in (11, 27, 40):
        struck = {"instrument": who, "at": at, "kind": kind}
        given = METERS[model]
        there = laboratory(
            meter=given, faults=[struck | ({"code": -222} if kind == "error" else {})]
        )
        with pytest.raises(InstrumentFault, match="awg") as caught:
            play_three_times(there, given)
        assert "\n" not in str(caught.value)
        awg, _, smu = outputs(there)
        assert not (smu if who == "awg" else awg)


def play_three_times(there: Any, meter: Any) -> None:
    pair = agilent33500.connect(setup(there, meter=meter))
    for _ in range(3):
        list(pair.play(Play(WAVEFORM, 1e-3), never))


def test_a_level_reaches_the_device_where_its_other_end_is_a_little_off_zero() -> None:
    # the source-meter's zero is off by its specification, so that hardly any current flows before
    device = {"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"}
    there = open_laboratory(
        {
            "name": "rig",
            "instruments": {
                "awg": {
                    "driver": "agilent33500", "model": "33522B", "address": AWG, "meter": METER,
                }
            },
            "terminals": {"top": "awg.1"},
            "simulation": {"device": device, "noise": QUIET | {"instrument": True}},
        },
        1, None, 0.0,
    )  # fmt: skip
    made = Rig(laboratory=there, pair=agilent33500.connect(setup(there)))
    (row,) = made.rows(read(0.1, 20e-3))
    assert row.i == pytest.approx(0.1 / (5e3 + 50), rel=0.01)
