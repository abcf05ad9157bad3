"""A generator with a source-meter that reads: what it plays, what it refuses, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from instruments import agilent33500
from labctl import catalogue
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.inventory import Seen, propose
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, train
from sim_backend import direct
from sim_backend.laboratory import open_laboratory
from tests.instruments.rig33500 import (
    AWG,
    METER,
    METERS,
    QUIET,
    SMU,
    G,
    Rig,
    laboratory,
    never,
    setup,
)  # fmt: skip


def rig(**options: Any) -> Rig:
    there = laboratory(**options)
    known = {k: v for k, v in options.items() if k in ("model", "series")}
    return Rig(laboratory=there, pair=agilent33500.connect(setup(there, **known)))


@pytest.fixture(scope="module")
def bench() -> Iterator[Rig]:
    """A rig for tests that leave it as it was."""
    made = rig()
    yield made
    made.pair.close()


# -- what it plays -----------------------------------------------------------------------------


def test_pulses_of_tens_of_nanoseconds_reach_the_device() -> None:
    made = rig(series="1 kOhm")
    fast = (pulse(1.0, 40e-9, measured=False) + rest(960e-9)) * 50
    assert made.rows(fast) == []
    (row,) = made.rows(read(0.1, 1e-3))
    tally = made.laboratory.device.tally
    through = G / (1 + G * 1050)
    assert tally.throughput == pytest.approx((50 * 40e-9 + 0.1 * 1e-3) * through, rel=1e-3)
    assert row.i == pytest.approx(0.1 * through, rel=0.01)


def test_a_ramp_has_its_charge_and_its_width(bench: Rig) -> None:
    before = bench.laboratory.device.tally.throughput
    (row,) = bench.rows(pulse(1.0, 2e-3, edge=0.5e-3))
    asked = 2e-3 * G / (1 + G * 50)
    assert bench.laboratory.device.tally.throughput - before == pytest.approx(asked, rel=0.01)
    assert row.width == pytest.approx(2e-3, rel=0.01)


def test_a_long_interval_is_rounded_and_told_and_the_pulse_is_exact(bench: Rig) -> None:
    interval = 2.718281828459
    first, second = bench.rows(pulse(1.0, 100e-6) + rest(interval) + pulse(1.0, 100e-6))
    assert first.width == second.width == pytest.approx(100e-6, rel=1e-9)
    assert second.t - first.t == pytest.approx(interval + 100e-6, abs=5.1e-6)
    forecast = agilent33500.forecast(setup(), Play(pulse(1.0, 1e-4) + rest(3.0) * 2, 1e-3))
    assert forecast is not None
    assert forecast.mode == "arbitrary waveform"


def test_a_body_that_does_not_end_in_a_rest_is_repeated_without_a_gap(bench: Rig) -> None:
    before = bench.laboratory.device.tally.throughput
    rows = bench.rows((pulse(1.0, 1e-3) + read(0.1, 1e-3)) * 10)
    assert [row.role for row in rows] == ["pulse", "read"] * 10
    assert all(late.t - early.t < 1.5e-3 for early, late in pairwise(rows))
    moved = bench.laboratory.device.tally.throughput - before
    assert moved == pytest.approx(10 * 1.1e-3 * G / (1 + G * 50), rel=0.01)


def test_paired_pulses_agree_with_the_device_itself() -> None:
    device = {"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"}
    first, second = rest(20e-3) + pulse(1.0, 300e-6), pulse(1.0, 300e-6)
    rows = rig(device=device).rows(second + first, 10e-3)
    # behind 50 Ohm it sees less than the level, the less the better it conducts: as the rows say
    pair = pulse(rows[0].v, 300e-6) + rest(20e-3) + pulse(rows[1].v, 300e-6)
    there = open_laboratory(
        {
            "name": "direct",
            "instruments": {"source": {"driver": "direct"}},
            "terminals": {"top": "source.top"},
            "simulation": {"device": device, "noise": QUIET},
        },
        1, None, 0.0,
    )  # fmt: skip
    source = direct.connect(Setup("source", "", "", {"top": "top"}, there.visa, there))
    itself = [row for chunk in source.play(Play(pair, 10e-3), never) for row in chunk]
    assert rows[1].i > 1.5 * rows[0].i
    assert [row.i for row in rows] == pytest.approx([row.i for row in itself], rel=0.02)


def test_an_81160a_plays_under_its_own_commands() -> None:
    made = rig(model="81160A")
    rows = made.rows((pulse(1.0, 200e-6) + rest(1e-3) + read(-0.1, 1e-3) + rest(1e-3)) * 2)
    assert [row.v for row in rows] == pytest.approx([0.995, -0.0995] * 2, rel=1e-3)
    assert [row.i for row in rows] == pytest.approx([row.v * G for row in rows], rel=1e-3)
    assert made.outputs() == (False, False, False)
    assert made.pair.identify().model == "81160A"
    assert made.pair.snapshot()[":FUNC1?"] == "USER"


# -- what it refuses ---------------------------------------------------------------------------

SHORT = pulse(1.0, 1e-6, measured=False)


@pytest.mark.parametrize(
    ("waveform", "changes", "said"),
    [
        (pulse(1.0, 10e-6), {"series": "1 kOhm"}, r"at least 25 us, read by a 2602B.*unmeasured"),
        (SHORT, {}, r"20 mA or more at 1 V.*until then 50 Ohm alone.*resistor in series"),
        (pulse(1.0, 5e-9, measured=False), {"series": "1 kOhm"}, "level width.*at least 20 ns"),
        (pulse(1.0, 1e-3), {"model": "33521B"}, "no second output.*take a 33522B"),
        (pulse(11.0, 1e-3), {}, "at most 10 V"),
        (pulse(1.0, 1e-3, terminal="gate"), {}, 'a waveform on "gate"'),
        (train(pulse(1.0, 1e-4), 2e-4, 10**9), {}, "1000000000 readings"),
        (train(pulse(1.0, 1e-3, measured=False), 2e-3, 10**9), {}, "1000000000 repetitions"),
        (SHORT + rest(10.0) + SHORT, {"series": "1 kOhm"}, "memory.*1000000 points, 10.0 us apart"),
        (read(0.1, 1e-4) * 3, {"meter": {**METER, "model": "2602B"}}, ""),
    ],
)
def test_what_it_cannot_play_is_one_sentence(waveform: Any, changes: Any, said: str) -> None:
    found = agilent33500.check(setup(**changes), Play(waveform, 1e-3))
    if not said:
        assert found == []
        return
    text = "; ".join(map(str, found))
    assert "\n" not in text
    assert re.search(said, text), text


def test_a_short_level_beyond_the_compliance_is_played_where_that_is_accepted() -> None:
    made = rig()
    with pytest.raises(Refused):
        made.rows(SHORT)
    assert made.laboratory.device.tally.throughput == 0
    lenient = agilent33500.connect(setup(made.laboratory, accept_degraded=True))
    assert [row for chunk in lenient.play(Play(SHORT, 1e-3), never) for row in chunk] == []
    assert made.laboratory.device.tally.throughput == pytest.approx(1e-6 * G / 1.005, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"meter": {"model": "2604B", "address": SMU}}, "2604B.*cannot be triggered.*2602B"),
        ({"meter": {"model": "2450", "address": SMU}}, '"2450" of the driver "keithley2600"'),
        ({"meter": {**METER, "driver": "b1500"}}, "drivers are keithley2400, keithley2450"),
        ({"meter": {**METERS["2410"], "channel": "a"}}, 'channel "a"; a 2410 has front and rear'),
        ({"meter": {**METERS["2450"], "line": 7}}, "line 7 of the meter; a 2450 has lines 1 to 6"),
        ({"meter": {**METER, "channel": "c"}}, 'channel "c"; a 2602B has a and b'),
        ({"meter": {**METER, "line": 15}}, "line"),
        ({"meter": {**METER, "lines": 1}}, "meter.lines.*allowed are model, address, driver"),
        ({"model": "33511B"}, '"33511B" is unknown'),
        ({"channels": {"top": "2"}}, "has to be on 1, because output 2 triggers"),
        ({"serie": "1 kOhm"}, "serie"),
    ],
)
def test_a_wrong_section_is_one_sentence(changes: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        agilent33500.check(setup(**changes), Play(read(0.1, 1e-3), 1e-3))
    assert "\n" not in str(caught.value)


def test_a_section_without_a_meter_says_what_is_missing() -> None:
    alone = Setup("awg", "33522B", AWG, {"top": "1"})
    with pytest.raises(BadInput, match=r"has no meter.*\[instruments.awg.meter\]"):
        agilent33500.check(alone, Play(read(0.1, 1e-3), 1e-3))


# -- who is there ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("idn", "model"),
    [
        ("Agilent Technologies,33522B,MY57800001,2.09-1.19-2.00-52-00", "33522B"),
        ("Keysight Technologies,33521B,MY57800002,3.03", "33521B"),
        ("Agilent Technologies,81160A,MY51400001,1.0.4.1", "81160A"),
        ("Agilent Technologies,33220A,MY1,2.0", None),
        ("Keithley Instruments Inc., Model 2602B, 4512345, 3.4.1", None),
    ],
)
def test_it_is_recognised_by_what_it_says(idn: str, model: str | None) -> None:
    assert agilent33500.recognise(idn) == model


def test_a_scan_proposes_it_with_the_driver_of_its_model() -> None:
    drivers = {name: catalogue.load("instrument", name) for name in catalogue.names("instrument")}
    idn = "Agilent Technologies,33522B,MY57800001,2.09"
    knows = [n for n, driver in drivers.items() if getattr(driver, "recognise", str)(idn)]
    assert "agilent33500" in knows
    text = propose([Seen(AWG, idn, "agilent33500", "33522B")])
    assert 'driver = "agilent33500"\nmodel = "33522B"' in text


def test_a_generator_with_one_output_is_on_a_virtual_bench_as_well() -> None:
    made = rig(model="33521B")
    assert made.rows(pulse(1.0, 1e-3, measured=False)) == []
    with pytest.raises(Refused, match="no second output"):
        made.rows(pulse(1.0, 1e-3))


def test_another_model_is_refused() -> None:
    there = laboratory()
    with pytest.raises(InstrumentFault, match=r"awg.*a 33521B was expected"):
        agilent33500.connect(setup(there, model="33521B"))


# -- safety ------------------------------------------------------------------------------------


def listen(made: Rig) -> list[str]:
    """Write down what is sent to either, from now on."""
    sent: list[str] = []
    for name, driver in (("awg", made.pair.generator), ("smu", made.pair.ammeter)):
        send = driver.adapter._write

        def write(command: str, send: Any = send, name: str = name, **kwargs: Any) -> None:
            sent.append(f"{name} {command}")
            send(command, **kwargs)

        driver.adapter._write = write
    return sent


def test_the_compliance_is_set_before_any_voltage_and_the_voltage_goes_first() -> None:
    made = rig()
    sent = listen(made)
    made.rows(pulse(1.0, 1e-3))
    first = next(k for k, line in enumerate(sent) if line.startswith("smu labctl_watch"))
    on = sent.index("awg :OUTP1 1")
    off = len(sent) - 1 - sent[::-1].index("awg :OUTP1 0")
    released = next(k for k, line in enumerate(sent) if "smua.source.output" in line)
    assert first < on < sent.index("awg *TRG") < off < released
    assert "limiti=0.001" in sent[first]


def test_the_current_is_held_and_what_is_left_of_the_level_is_told(bench: Rig) -> None:
    (row,) = bench.rows(pulse(1.0, 2e-3), 20e-6)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(20e-6, rel=0.03)
    assert row.v == pytest.approx(0.2, rel=0.03)


def test_a_cable_that_leads_elsewhere_is_named_and_everything_is_off() -> None:
    there = laboratory()
    pair = agilent33500.connect(setup(there, meter={**METER, "line": 2}))
    made = Rig(laboratory=there, pair=pair)
    with pytest.raises(InstrumentFault, match=r"0 of 1 readings.*cable from output 2.*line 2"):
        made.rows(pulse(1.0, 1e-3))
    assert made.outputs() == (False, False, False)


def test_a_generator_that_falls_silent_leaves_no_current() -> None:
    struck = {"instrument": "awg", "at": 60, "kind": "close"}
    there = laboratory(faults=[struck])
    made = Rig(laboratory=there, pair=agilent33500.connect(setup(there)))
    waveform = train(pulse(1.0, 1e-3), 10e-3, 20)
    made.rows(waveform)
    with pytest.raises(InstrumentFault, match="awg") as caught:
        made.rows(waveform)
    assert "relay was opened" in " ".join(caught.value.__notes__)
    before = there.device.tally.throughput
    there.clock.advance(20.0)
    assert there.device.tally.throughput == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("who", ["awg", "awg.meter"])
@pytest.mark.parametrize("kind", ["close", "error", "cut", "mute"])
def test_a_fault_at_any_command_ends_in_a_sentence_with_the_other_one_off(
    who: str, kind: str
) -> None:
    waveform = (pulse(1.0, 1e-3) + rest(1e-3)) * 3
    for at in range(8, 60, 17):
        struck = {"instrument": who, "at": at, "kind": kind}
        there = laboratory(faults=[struck | ({"code": -222} if kind == "error" else {})])
        with pytest.raises(InstrumentFault, match="awg") as caught:
            play_three_times(there, waveform)
        assert "\n" not in str(caught.value)
        awg, _, smu = Rig(laboratory=there).outputs()
        assert not (smu if who == "awg" else awg)


def play_three_times(there: Any, waveform: Any) -> None:
    pair = agilent33500.connect(setup(there))
    for _ in range(3):
        list(pair.play(Play(waveform, 1e-3), never))


@pytest.mark.parametrize(("found_on", "left"), [("safe", False), ("leave", True)])
def test_an_output_that_is_found_on_is_told_and_made_safe_unless_it_is_to_stay(
    found_on: str, left: bool
) -> None:
    made = rig()
    for line in (":OUTP1:LOAD INF", ":SOUR1:FUNC DC", ":SOUR1:VOLT:OFFS 0.1", ":OUTP1 1"):
        made.pair.generator.write(line)
    made.pair.close()
    made.pair = agilent33500.connect(setup(made.laboratory, found_on=found_on))
    assert made.outputs()[0] is left
    assert "found output 1 on" in made.pair.snapshot()["found"]
    assert len(made.rows(pulse(1.0, 1e-3))) == 1
    assert made.outputs() == (False, False, False)


def test_a_step_is_sent_once_and_again_after_somebody_has_changed_a_setting() -> None:
    made = rig()
    sent = listen(made)
    for _ in range(3):
        made.rows(pulse(1.0, 1e-3))
    assert sum(":FUNC:ARB:SRAT " in line for line in sent) == 2  # of either output
    made.pair.generator.ch_1.offset = 1.0
    (row,) = made.rows(pulse(1.0, 1e-3))
    assert row.i == pytest.approx(1.0 * G / 1.005, rel=1e-3)
