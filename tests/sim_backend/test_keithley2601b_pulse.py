"""The pulser of the virtual 2601B-PULSE: pulses of current, their readings, its protection."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import Any

import pytest

from sim_backend.instruments.keithley26_pulser import PROTECTED, UNSAFE
from sim_backend.instruments.keithley2601b_pulse import PULSER
from sim_backend.laboratory import open_laboratory
from tests.sim_backend.rig import Rig

G = 0.1  # S
#: a sweep of five pulses of 10 us, read from 9 to 10 us, as the maker's example has it
SWEEP = """
smua.reset() smua.pulser.enable = smua.ENABLE
smua.nvbuffer1.clear() smua.nvbuffer2.clear() smua.nvbuffer1.collecttimestamps = 1
smua.pulser.rangei = 1 smua.pulser.rangev = 10 smua.source.leveli = 0
trigger.timer[1].reset() trigger.timer[1].delay = 10e-3 trigger.timer[1].count = 5
trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID
smua.pulser.measure.delay = 9e-6 smua.pulser.measure.aperture = 1e-6
smua.trigger.count = 5 smua.trigger.source.lineari(0.1, 0.5, 5)
smua.trigger.source.action = smua.ENABLE smua.trigger.source.pulsewidth = 10e-6
smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID
smua.trigger.measure.action = smua.ENABLE smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)
""".replace("\n", " ")
SECTION = {"driver": "keithley2600", "model": "2601B-PULSE", "address": "GPIB0::26::INSTR"}
RUN = " smua.source.output = 1 smua.trigger.initiate() waitcomplete() "


@pytest.fixture
def rig() -> Rig:
    return Rig(model="2601B-PULSE", conductance=G)


def column(rig: Rig, of: str) -> list[float]:
    (reply,) = rig.send(f"printbuffer(1, 1000, {of})")
    return [float(word) for word in reply.split(",")]


def pulses(rig: Rig) -> list[tuple[float, float, float]]:
    """Start, level and width of every pulse from zero, s and A."""
    edges = rig.a.levels()
    return [(start, level, after[0] - start) for (start, level), after in pairwise(edges) if level]


# -- pulses and their readings ---------------------------------------------------------------------


def test_pulses_have_their_level_width_and_place_in_time(rig: Rig) -> None:
    rig.send(SWEEP + RUN)
    played = pulses(rig)
    assert [level for _, level, _ in played] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert [width for _, _, width in played] == pytest.approx([10e-6] * 5)
    starts = [start for start, _, _ in played]
    assert starts == pytest.approx([starts[0] + k * 10e-3 for k in range(5)])
    assert all(change.function == "i" for change in rig.a.changes if change.level)
    assert rig.codes() == []


def test_readings_are_taken_where_delay_and_aperture_say(rig: Rig) -> None:
    rig.send(SWEEP + RUN)
    currents = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert column(rig, "smua.nvbuffer1.readings") == pytest.approx(currents)
    assert column(rig, "smua.nvbuffer2.readings") == pytest.approx([i / G for i in currents])
    stamps = column(rig, "smua.nvbuffer1.timestamps")
    assert stamps == pytest.approx([k * 10e-3 for k in range(5)])


def test_a_window_that_leaves_the_pulse_is_refused(rig: Rig) -> None:
    rig.send(SWEEP + "smua.pulser.measure.aperture = 2e-6" + RUN)
    assert rig.codes() == [-221]
    assert pulses(rig) == []


def test_a_pulse_is_digitised_beside_the_source(rig: Rig) -> None:
    rig.send(
        SWEEP
        + "smua.pulser.measure.delay = 0 smua.measure.count = 40 smua.trigger.count = 1 "
        + "trigger.timer[1].delay = 10e-6 trigger.timer[1].count = 1 "
        + "trigger.timer[1].stimulus = trigger.generator[1].EVENT_ID "
        + "smua.trigger.source.listi({0.8}) smua.trigger.source.pulsewidth = 20e-6 "
        + "smua.trigger.measure.action = smua.ASYNC "
        + "smua.trigger.measure.stimulus = trigger.generator[1].EVENT_ID "
        + "smua.source.output = 1 smua.trigger.initiate() delay(1e-3) "
        + "trigger.generator[1].assert() waitcomplete()"
    )
    assert rig.codes() == []
    taken = column(rig, "smua.nvbuffer1.readings")
    assert taken == pytest.approx([0.0] * 10 + [0.8] * 20 + [0.0] * 10, abs=1e-9)
    steps = column(rig, "smua.nvbuffer1.timestamps")
    assert steps == pytest.approx([k * 1e-6 for k in range(40)])


def test_without_a_width_the_end_pulse_event_ends_it(rig: Rig) -> None:
    timer = (
        "trigger.timer[2].reset() trigger.timer[2].delay = 40e-6 "
        "trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID "
        "smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID "
    )
    rig.send(SWEEP + timer + "smua.trigger.source.pulsewidth = 0" + RUN)
    assert [width for *_, width in pulses(rig)] == pytest.approx([40e-6] * 5)
    rig.a.changes.clear()
    # with both, whichever comes first
    rig.send(SWEEP + timer + "smua.trigger.source.pulsewidth = 30e-6" + RUN)
    assert [width for *_, width in pulses(rig)] == pytest.approx([30e-6] * 5)
    assert rig.codes() == []


def test_without_any_end_it_does_not_begin(rig: Rig) -> None:
    rig.send(SWEEP + "smua.trigger.source.pulsewidth = 0" + RUN)
    assert rig.codes() == [-221]


def test_the_bias_flows_between_pulses(rig: Rig) -> None:
    rig.send(SWEEP + "smua.source.leveli = 5e-3" + RUN)
    between = [level for _, level in rig.a.levels()[1::2]]
    assert between == pytest.approx([5e-3] * 6)
    assert rig.number("smua.measure.i()") == pytest.approx(5e-3)
    rig.send("smua.source.output = 0 smua.pulser.enable = 0")
    assert rig.number("smua.source.leveli") == 0  # of the source-meter
    rig.send("smua.pulser.enable = 1 smua.source.leveli = 0.2")
    assert rig.codes() == [1101]
    assert rig.number("smua.source.leveli") == pytest.approx(5e-3)


def test_an_abort_ends_the_pulse(rig: Rig) -> None:
    rig.send(
        SWEEP + "smua.trigger.source.pulsewidth = 400e-6 smua.source.output = 1 "
        "smua.trigger.initiate() delay(10.1e-3) smua.abort()"
    )
    ((_, level, width),) = pulses(rig)
    assert level == pytest.approx(0.1)
    assert width == pytest.approx(0.1e-3, abs=5e-6)
    assert rig.number("smua.source.output") == 1


# -- protection ------------------------------------------------------------------------------------


def test_a_voltage_above_the_protection_ends_the_pulse_within_3_us(rig: Rig) -> None:
    rig.send(SWEEP + "smua.pulser.protect.sensev = 3.5 smua.trigger.source.pulsewidth = 300e-6")
    rig.send("smua.source.output = 1 smua.trigger.initiate() delay(41e-3)")
    assert [width for *_, width in pulses(rig)][:3] == pytest.approx([300e-6] * 3)
    start, _, width = pulses(rig)[3]  # 0.4 A make 4 V
    assert width == pytest.approx(3e-6)
    # shorted until all trigger counts are satisfied, then off
    assert rig.ask("smua.pulser.protect.tripped, smua.source.output") == ["true", "1.00000e+00"]
    assert all(change.level == 0 for change in rig.a.changes if change.t > start + width)
    rig.send("waitcomplete()")
    assert rig.number("smua.source.output") == 0
    assert rig.ask("errorqueue.next()")[1] == "Output protection level exceeded"
    assert rig.codes() == []
    assert rig.number("status.measurement.protection.condition") == 2
    assert rig.number("status.measurement.PROTECTION") == 8
    # until the output is turned on again
    rig.send("smua.source.output = 1")
    assert rig.ask("smua.pulser.protect.tripped") == ["false"]
    assert rig.number("status.measurement.protection.condition") == 0


def test_the_force_terminals_switch_off_at_once(rig: Rig) -> None:
    rig.send(SWEEP + "smua.pulser.protect.sourcev = 2.5")
    rig.send("smua.source.output = 1 smua.trigger.initiate() delay(31e-3)")
    assert rig.ask("smua.pulser.protect.tripped, smua.source.output") == ["true", "0.00000e+00"]
    rig.send("waitcomplete()")
    assert rig.codes() == [PROTECTED]


def test_a_pulse_that_is_too_long_is_ended(rig: Rig) -> None:
    rig.send(SWEEP + "smua.trigger.source.pulsewidth = 2e-3" + RUN)
    assert [width for *_, width in pulses(rig)] == pytest.approx([PULSER.width[1]], rel=1e-3)
    assert rig.number("smua.source.output") == 0
    assert rig.codes() == [UNSAFE]


def test_a_pulse_that_comes_too_soon_is_not_played(rig: Rig) -> None:
    rest = 10e-6 / PULSER.duty
    rig.send(SWEEP + f"trigger.timer[1].delay = {rest + 1e-6}" + RUN)
    assert len(pulses(rig)) == 5
    assert rig.codes() == []
    rig.a.changes.clear()
    rig.send(SWEEP + f"trigger.timer[1].delay = {rest - 1e-6}" + RUN)
    assert len(pulses(rig)) == 1
    assert rig.codes() == [UNSAFE]


def test_the_protection_follows_the_voltage_range(rig: Rig) -> None:
    rig.send("smua.pulser.rangev = 10 smua.pulser.protect.sensev = 20 smua.pulser.rangev = 5")
    assert rig.number("smua.pulser.protect.sensev") == 10
    rig.send("smua.pulser.protect.sensev = 0.2 smua.pulser.protect.sourcev = 1")
    assert rig.codes() == [1102, 1102]


# -- the source-meter around it --------------------------------------------------------------------


def test_what_is_refused_while_it_is_enabled(rig: Rig) -> None:
    rig.send("smua.source.output = 1 smua.pulser.enable = 1 smua.source.output = 0")
    assert rig.codes() == [5008]
    rig.send("smua.pulser.enable = 1 smua.source.func = smua.OUTPUT_DCVOLTS smua.measure.i()")
    assert rig.codes() == [-221, 5061]
    assert rig.number("smua.source.func") == 0
    rig.send(SWEEP + "smua.trigger.source.listi({1.5})" + RUN)
    assert rig.codes() == [5005]
    rig.send(SWEEP + "smua.trigger.source.listv({0.5})" + RUN)
    assert rig.codes() == [-221]
    rig.send(SWEEP + "smua.trigger.measure.stimulus = trigger.timer[1].EVENT_ID" + RUN)
    assert rig.codes() == [-221]


def test_disabled_it_is_the_source_meter_it_was(rig: Rig) -> None:
    rig.send("smua.source.func = 1 smua.source.levelv = 0.5 smua.source.limiti = 0.2")
    rig.send(SWEEP.replace("smua.reset()", "") + RUN + "smua.source.output = 0")
    rig.send("smua.pulser.enable = 0 smua.source.output = 1")
    assert rig.ask("smua.source.func, smua.source.levelv") == ["1.00000e+00", "5.00000e-01"]
    assert rig.number("smua.measure.i()") == pytest.approx(0.5 * G)
    assert rig.smu.channel_state("a")["function"] == "v"


@pytest.mark.parametrize("reset", ["reset()", "smua.reset()", "*RST"])
def test_a_reset_switches_off_and_disables(rig: Rig, reset: str) -> None:
    rig.send(SWEEP + "smua.source.output = 1 smua.trigger.initiate() delay(10.005e-3)")
    rig.send(reset)
    assert not rig.a.on
    assert rig.number("smua.pulser.enable") == 0
    assert rig.number("smua.source.func") == 1
    assert rig.number("smua.pulser.measure.delay") == 0
    assert rig.codes() == []


def test_a_reading_beyond_its_range_is_an_overflow(rig: Rig) -> None:
    rig.send(SWEEP + "smua.pulser.rangev = 5 smua.trigger.source.lineari(0.5, 0.9, 5)" + RUN)
    volts = column(rig, "smua.nvbuffer2.readings")
    assert volts[0] == pytest.approx(5.0)
    assert min(volts[1:]) > 1e37


# -- its electronics -------------------------------------------------------------------------------


def laboratory(**noise: bool) -> Any:
    switches = {"instrument": True, "cycle": False, "device": False, **noise}
    return open_laboratory(
        {
            "name": "pulse",
            "instruments": {"smu": SECTION},
            "terminals": {"top": "smu.a"},
            "simulation": {
                "device": {"family": "resistor", "preset": "10k", "conductance": "100 mS"},
                "noise": switches,
            },
        },
        7, None, 0.0,
    )  # fmt: skip


def read(smu: Any, command: str) -> list[float]:
    smu.write(command.encode())
    return [float(word) for word in smu.replies()[-1].decode().split(",")]


def digitised(smu: Any, level: float, aperture: float, count: int) -> list[float]:
    """Return currents taken back to back from the start of a pulse."""
    smu.write(
        (
            SWEEP + f"smua.pulser.measure.delay = 0 smua.measure.count = {count} "
            f"smua.trigger.count = 1 smua.trigger.source.listi({{{level}}}) "
            f"smua.pulser.measure.aperture = {aperture} smua.trigger.source.pulsewidth = 500e-6"
            + RUN
            + "smua.source.output = 0"
        ).encode()
    )
    assert len(smu.errors) == 0
    return read(smu, f"printbuffer(1, {count}, smua.nvbuffer1.readings)")


def test_source_and_digitisers_are_as_accurate_as_specified() -> None:
    lab = laboratory()
    smu = lab.instruments["smu"]
    smu.write((SWEEP + "format.asciiprecision = 10" + RUN).encode())
    i = read(smu, "printbuffer(1, 5, smua.nvbuffer1.readings)")
    v = read(smu, "printbuffer(1, 5, smua.nvbuffer2.readings)")
    for asked, amperes, volts in zip((0.1, 0.2, 0.3, 0.4, 0.5), i, v, strict=True):
        flows = amperes  # within the meter's accuracy and noise of what the source lets flow
        assert flows == pytest.approx(asked, abs=2e-3 * asked + 3e-3 + 4e-3)
        assert flows != asked
        assert volts == pytest.approx(10 * asked, abs=10 * (1e-3 * asked + 2e-3) + 5e-3 + 20e-3)
    lab.close()


def test_an_edge_takes_its_time() -> None:
    lab = laboratory()
    taken = digitised(lab.instruments["smu"], 1.0, 1e-6, 20)
    rises = [share for share in taken if share < 0.9]
    assert 1 <= len(rises) <= 3  # 1.7 us from 10 to 90 %
    assert taken[9:] == pytest.approx([1.0] * 11, abs=10e-3)
    lab.close()


def test_a_longer_aperture_is_less_noisy() -> None:
    lab = laboratory()
    smu = lab.instruments["smu"]
    short = statistics.stdev(digitised(smu, 1.0, 1e-6, 400)[20:])
    long = statistics.stdev(digitised(smu, 1.0, 9e-6, 50)[2:])
    expected = PULSER.spec.i_measure[0].rms_noise(1e-6 * 50.0)
    assert short == pytest.approx(expected, rel=0.2)
    assert short / long == pytest.approx(math.sqrt(9.0), rel=0.5)
    lab.close()


def passed_in_a_second(lab: Any) -> float:
    before = lab.device.tally.throughput
    lab.clock.advance(1.0)
    return float(lab.device.tally.throughput - before)


def test_a_bias_is_as_good_as_its_range_and_zero_is_nothing() -> None:
    lab = laboratory()
    smu = lab.instruments["smu"]
    smu.write((SWEEP + "smua.source.output = 1 delay(1e-3)").encode())
    assert passed_in_a_second(lab) == pytest.approx(0.0, abs=1e-9)
    smu.write(b"smua.source.leveli = 5e-3 delay(1e-3)")
    spec = PULSER.spec.i_source[1]
    bound = 5e-3 * spec.gain_error + spec.offset_error + 4 * spec.noise
    passed = passed_in_a_second(lab)
    assert passed == pytest.approx(5e-3, abs=bound)
    assert passed != pytest.approx(5e-3, abs=1e-9)
    smu.write(b"smua.source.output = 0 delay(1e-3)")
    assert passed_in_a_second(lab) == pytest.approx(0.0, abs=1e-9)
    lab.close()
