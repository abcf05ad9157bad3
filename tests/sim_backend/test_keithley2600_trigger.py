"""The virtual 2602B's trigger model, timers and blenders: what happens when, to the microsecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.clock import Clock
from sim_backend.instruments.keithley2600_trigger import Blender, Events, Generated, Timer
from tests.sim_backend.rig import Rig

US = 1e-6


def prepared(rig: Rig) -> Rig:
    """Output on, fixed ranges, fast readings with time and source value, both in one buffer."""
    rig.send("smua.source.rangev = 1 smua.source.limiti = 1e-3 smua.source.levelv = 0")
    rig.send("smua.measure.rangei = 1e-3 smua.measure.autozero = smua.AUTOZERO_OFF")
    rig.send("smua.measure.nplc = 0.001 smua.source.output = 1")
    for buffer in ("smua.nvbuffer1", "smua.nvbuffer2"):
        rig.send(f"{buffer}.clear() {buffer}.collecttimestamps = 1")
        rig.send(f"{buffer}.collectsourcevalues = 1")
    rig.a.changes.clear()
    return rig


def pulses(
    rig: Rig, levels: list[float], delays: list[float], width: float, measure_after: float
) -> float:
    """Play pulses with three timers, wait for the end, and return when it began.

    Timer 1 starts each pulse: at once, then after each of the delays. Timer 2 ends it, timer 3
    measures in it.
    """
    count = len(levels)
    rig.send(f"smua.trigger.source.listv({{{', '.join(map(repr, levels))}}})")
    rig.send("smua.trigger.source.action = smua.ENABLE smua.trigger.source.limiti = 1e-3")
    rig.send("smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)")
    rig.send("smua.trigger.measure.action = smua.ASYNC")
    rig.send("smua.trigger.endpulse.action = smua.SOURCE_IDLE")
    rig.send("smua.trigger.endsweep.action = smua.SOURCE_IDLE")
    rig.send(f"trigger.timer[1].delaylist = {{{', '.join(map(repr, delays))}}}")
    rig.send(f"trigger.timer[1].count = {max(count - 1, 1)}")
    rig.send("trigger.timer[1].passthrough = true")
    rig.send("trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID")
    rig.send(f"trigger.timer[2].delay = {width!r} trigger.timer[3].delay = {measure_after!r}")
    rig.send("trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID")
    rig.send("trigger.timer[3].stimulus = trigger.timer[1].EVENT_ID")
    rig.send("smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID")
    rig.send("smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID")
    rig.send("smua.trigger.measure.stimulus = trigger.timer[3].EVENT_ID")
    rig.send(f"smua.trigger.count = {count}")
    begun = rig.clock.now_s
    rig.send("smua.trigger.initiate() waitcomplete()")
    assert rig.codes() == []
    return begun


def column(rig: Rig, name: str) -> list[float]:
    rig.send("format.asciiprecision = 16")
    (reply,) = rig.send(f"printbuffer(1, smua.nvbuffer1.n, {name})")
    return [float(text) for text in reply.split(", ")]


def test_a_pair_of_pulses_is_as_long_and_as_far_apart_as_programmed() -> None:
    rig = prepared(Rig())
    begun = pulses(rig, [0.5, 0.8], [10e-3], width=100 * US, measure_after=60 * US)
    expected = [
        (begun, 0.5),
        (begun + 100 * US, 0.0),
        (begun + 10e-3, 0.8),
        (begun + 10.1e-3, 0.0),
    ]
    for (t, level), (t_asked, level_asked) in zip(rig.a.levels(), expected, strict=True):
        assert level == level_asked
        assert t == pytest.approx(t_asked, abs=1e-12)
    assert column(rig, "smua.nvbuffer1.timestamps") == [0.0, 0.01]
    assert column(rig, "smua.nvbuffer1.readings") == pytest.approx([5e-5, 8e-5])
    assert column(rig, "smua.nvbuffer2.readings") == pytest.approx([0.5, 0.8])
    assert column(rig, "smua.nvbuffer1.sourcevalues") == [0.5, 0.8]


@given(
    st.lists(st.floats(-1, 1).filter(bool), min_size=1, max_size=5),
    st.lists(st.integers(200, 5000), min_size=1, max_size=5),
    st.integers(50, 150),
)
def test_any_train_is_played_exactly(levels: list[float], gaps: list[int], width: int) -> None:
    rig = prepared(Rig())
    begun = pulses(rig, levels, [gap * US for gap in gaps], width * US, 20 * US)
    starts = [begun]
    for k in range(len(levels) - 1):
        starts.append(starts[-1] + gaps[k % len(gaps)] * US)  # the list of delays repeats
    changes = [row for row in rig.a.changes if row.t >= begun][: 2 * len(levels)]
    for k, (start, level) in enumerate(zip(starts, levels, strict=True)):
        up, down = changes[2 * k : 2 * k + 2]
        assert (up.level, down.level) == (level, 0.0)
        assert up.t == pytest.approx(start, abs=1e-10)
        assert down.t - up.t == pytest.approx(width * US, abs=1e-10)
    stamps = column(rig, "smua.nvbuffer1.timestamps")
    assert stamps == [round((start - begun) * 1e6) / 1e6 for start in starts]
    assert column(rig, "smua.nvbuffer1.readings") == pytest.approx([v * 1e-4 for v in levels])


def test_a_list_shorter_than_the_count_starts_again() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.source.listv({0.1, 0.2, 0.3}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    rig.send("smua.trigger.count = 7 smua.trigger.initiate() waitcomplete()")
    assert column(rig, "smua.nvbuffer1.sourcevalues") == [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1]
    assert column(rig, "smua.nvbuffer1.timestamps") == pytest.approx(
        [k * 20 * US for k in range(7)]
    )


@pytest.mark.parametrize(
    ("call", "levels"),
    [
        ("linearv(0, 1, 5)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("linearv(1, -1, 3)", [1.0, 0.0, -1.0]),
        ("logv(0.01, 1, 3, 0)", [0.01, 0.1, 1.0]),
        ("logv(1, 0.01, 3)", [1.0, 0.1, 0.01]),
        ("listv({0.3})", [0.3]),
    ],
)
def test_sweeps(call: str, levels: list[float]) -> None:
    rig = prepared(Rig())
    rig.send(f"smua.trigger.source.{call} smua.trigger.source.action = 1")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    rig.send(f"smua.trigger.count = {len(levels)} smua.trigger.initiate() waitcomplete()")
    assert column(rig, "smua.nvbuffer1.sourcevalues") == pytest.approx(levels)


def test_source_and_measure_delays_in_a_sweep() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.source.listv({0.1, 0.2}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    rig.send("smua.source.delay = 1e-3 smua.measure.delay = 2e-3")
    rig.send("smua.trigger.endpulse.action = smua.SOURCE_IDLE smua.trigger.count = 2")
    before = rig.clock.now_s
    rig.send("smua.trigger.initiate() waitcomplete()")
    assert rig.clock.now_s - before == pytest.approx(2 * (3e-3 + 20 * US))
    assert column(rig, "smua.nvbuffer1.timestamps") == pytest.approx([0.0, 3.02e-3])


def test_the_end_of_a_sweep_holds_or_returns() -> None:
    for action, level in (("SOURCE_HOLD", 0.4), ("SOURCE_IDLE", 0.1)):
        rig = prepared(Rig())
        rig.send("smua.source.levelv = 0.1 smua.trigger.source.listv({0.4})")
        rig.send(f"smua.trigger.source.action = 1 smua.trigger.endsweep.action = smua.{action}")
        rig.send("smua.trigger.initiate() waitcomplete()")
        assert rig.smu.channel_state("a")["level"] == level
        assert rig.number("smua.source.levelv") == 0.1


def test_the_compliance_of_a_sweep_acts_during_its_pulses() -> None:
    rig = prepared(Rig())
    rig.send("smua.source.limiti = 5e-4 smua.trigger.source.limiti = 2e-4")
    rig.send("smua.trigger.source.listv({1}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.endpulse.action = smua.SOURCE_IDLE")
    rig.a.changes.clear()
    rig.send("smua.trigger.initiate() waitcomplete()")
    assert [(row.level, row.limit, row.limit_range) for row in rig.a.changes[:2]] == [
        (1.0, 2e-4, 1e-3),
        (0.0, 5e-4, 1e-3),
    ]
    assert rig.a.changes[-1].limit == 5e-4


def test_a_limit_below_a_tenth_of_its_sweep_range_cannot_be_enforced() -> None:
    rig = prepared(Rig())
    rig.send("smua.source.limiti = 1 smua.trigger.source.limiti = 1e-3")
    rig.send("smua.trigger.source.listv({1}) smua.trigger.source.action = 1")
    rig.a.changes.clear()
    rig.send("smua.trigger.initiate() waitcomplete()")
    assert (rig.a.changes[0].limit, rig.a.changes[0].limit_range) == (0.1, 1.0)
    assert rig.ask("smua.trigger.source.limiti, smua.LIMIT_AUTO") == ["1.00000e-03", "0.00000e+00"]
    rig.send("smua.trigger.source.limiti = smua.LIMIT_AUTO")
    assert rig.number("smua.trigger.source.limiti") == 0
    rig.send("smua.trigger.source.limiti = smua.LIMIT_OFF")
    assert rig.ask("smua.trigger.source.limiti") == ["off"]
    assert rig.codes() == []


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("smua.measure.autozero = 2", 5063),
        ("smua.measure.autorangei = 1", 5044),
        ("smua.trigger.source.listv({2})", 5005),
        ("smua.trigger.source.listi({1e-3})", 5009),
    ],
)
def test_a_sweep_that_cannot_be_run_is_refused(message: str, code: int) -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.source.listv({1}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 2")
    rig.send(message)
    rig.a.changes.clear()
    rig.send("smua.trigger.initiate() waitcomplete()")
    assert rig.codes() == [code]
    assert rig.a.changes == []


def test_readings_and_status_while_a_sweep_runs() -> None:
    rig = prepared(Rig())
    rig.send("trigger.timer[1].delay = 0.1 trigger.timer[1].count = 5")
    rig.send("trigger.timer[1].stimulus = smua.trigger.SWEEPING_EVENT_ID")
    rig.send("smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID")
    rig.send("smua.trigger.source.listv({0.1, 0.2}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    rig.send("smua.trigger.count = 5 smua.trigger.initiate()")
    assert rig.number("status.operation.sweeping.condition") == 2
    assert rig.number("status.operation.condition") == 8
    for n in range(6):
        assert rig.number("smua.nvbuffer1.n") == n
        rig.clock.advance(0.1001)
    assert rig.number("status.operation.sweeping.condition") == 0
    assert rig.number("status.operation.sweeping.event") == 2
    assert rig.number("status.operation.sweeping.event") == 0
    assert rig.codes() == []


def test_printbuffer_waits_for_readings_still_to_come() -> None:
    rig = prepared(Rig())
    rig.send("trigger.timer[1].delay = 0.1 trigger.timer[1].count = 5")
    rig.send("trigger.timer[1].stimulus = smua.trigger.SWEEPING_EVENT_ID")
    rig.send("smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID smua.trigger.count = 5")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    begun = rig.clock.now_s
    rig.send("smua.trigger.initiate()")
    (reply,) = rig.send("printbuffer(1, 3, smua.nvbuffer1)")
    assert len(reply.split(", ")) == 3
    assert rig.clock.now_s == pytest.approx(begun + 0.3 + 20 * US)
    (reply,) = rig.send("printbuffer(1, 9, smua.nvbuffer1)")
    assert len(reply.split(", ")) == 5


def test_arm_layer() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.arm.count = 3 smua.trigger.count = 2")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1")
    rig.send("smua.trigger.arm.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    for k in (0, 2, 4):
        rig.clock.advance(1.0)
        assert rig.number("smua.nvbuffer1.n") == k
        rig.send("*TRG")
    rig.send("waitcomplete()")
    assert rig.number("smua.nvbuffer1.n") == 6


def test_events_can_be_set_by_hand() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.source.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    rig.send("smua.trigger.source.set() waitcomplete() print('over')")
    assert rig.number("status.operation.sweeping.condition") == 0


def test_one_channel_triggers_the_other() -> None:
    rig = prepared(Rig())
    rig.send("smub.source.rangev = 1 smub.source.output = 1")
    rig.send("smua.trigger.source.listv({0.5}) smua.trigger.source.action = 1")
    rig.send("smub.trigger.source.listv({0.7}) smub.trigger.source.action = 1")
    rig.send("smub.trigger.source.stimulus = smua.trigger.SOURCE_COMPLETE_EVENT_ID")
    rig.send("smua.source.delay = 5e-3 smua.trigger.endpulse.action = smua.SOURCE_IDLE")
    begun = rig.clock.now_s
    rig.send("smub.trigger.initiate() smua.trigger.initiate() waitcomplete()")
    assert rig.a.levels()[0] == (begun, 0.5)
    t, level = next(row for row in rig.b.levels() if row[1])
    assert (t, level) == (pytest.approx(begun + 5e-3, abs=1e-12), 0.7)


# -- overruns and aborts -------------------------------------------------------------------------


def test_events_that_come_too_fast_are_lost_and_noted() -> None:
    rig = prepared(Rig())
    rig.send("trigger.timer[1].delay = 10e-6 trigger.timer[1].count = 4")
    rig.send("trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID")
    rig.send("smua.trigger.measure.stimulus = trigger.timer[1].EVENT_ID")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = smua.ASYNC")
    rig.send("smua.trigger.count = 4 smua.trigger.initiate() delay(1e-3)")
    assert rig.number("smua.nvbuffer1.n") == 2  # at 10 us and 40 us; an aperture lasts 20 us
    assert rig.ask("smua.trigger.measure.overrun") == ["true"]
    assert rig.number("status.operation.instrument.smua.trigger_overrun.event") == 8
    assert rig.number("status.operation.trigger_overrun.event") == 2
    rig.send("abort")
    assert rig.number("status.operation.sweeping.condition") == 0


def test_a_timer_triggered_during_its_delay_does_nothing_and_says_so() -> None:
    rig = Rig()
    rig.send("trigger.timer[4].delay = 1e-3 trigger.timer[4].stimulus = trigger.EVENT_ID")
    rig.send("*TRG")
    rig.send("*TRG")
    assert rig.send("print(trigger.timer[4].wait(1), trigger.timer[4].wait(1))") == ["true\tfalse"]
    assert rig.number("status.operation.instrument.trigger_timer.trigger_overrun.event") == 16


def test_an_abort_in_a_pulse_ends_the_pulse() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.source.listv({0.5}) smua.trigger.source.action = 1")
    rig.send("smua.trigger.endpulse.action = smua.SOURCE_IDLE")
    rig.send("smua.trigger.endpulse.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    assert rig.smu.channel_state("a")["level"] == 0.5
    rig.send("smua.abort()")
    assert rig.smu.channel_state("a") | {} == {
        "output": True,
        "function": "v",
        "level": 0.0,
        "limit": 1e-3,
        "limited": False,
        "range": 1.0,
        "limit_function": "i",
        "sweeping": False,
    }
    rig.send("smua.trigger.initiate()")
    assert rig.codes() == []


def test_an_abort_stops_timers_and_measurements() -> None:
    rig = prepared(Rig())
    rig.send("trigger.timer[1].delay = 0.1 trigger.timer[1].count = 0")
    rig.send("trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID")
    rig.send("smua.trigger.measure.stimulus = trigger.timer[1].EVENT_ID")
    rig.send("smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = smua.ASYNC")
    rig.send("smua.trigger.count = 0 smua.trigger.initiate() delay(1.05)")
    assert rig.number("smua.nvbuffer1.n") == 10
    rig.send("abort")
    rig.send("delay(1)")
    assert rig.number("smua.nvbuffer1.n") == 10
    assert rig.clock.next_event() is None


def test_a_sweep_without_end_keeps_the_instrument_busy_but_not_the_host() -> None:
    rig = prepared(Rig())
    rig.send("smua.trigger.count = 0 smua.trigger.initiate()")
    assert rig.send("waitcomplete() print('over')") == []
    rig.clock.advance(1e-3)
    rig.smu.poll()
    assert rig.send("abort") == []
    assert rig.send("print(1)") == ["1.00000e+00"]


def test_timers_that_chase_each_other_do_not_hang_the_host() -> None:
    rig = prepared(Rig())
    rig.send("trigger.timer[1].passthrough = true trigger.timer[2].passthrough = true")
    rig.send("trigger.timer[1].delay = 0.5e-6 trigger.timer[2].delay = 0.5e-6")
    rig.send("trigger.timer[1].stimulus = trigger.timer[2].EVENT_ID")
    rig.send("trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID")
    rig.send("trigger.timer[3].stimulus = trigger.EVENT_ID")
    rig.send("trigger.blender[1].orenable = true")
    rig.send("trigger.blender[1].stimulus[1] = trigger.blender[1].EVENT_ID")
    rig.send("trigger.blender[1].stimulus[2] = trigger.EVENT_ID")
    rig.send("*TRG")
    assert rig.send("print(1)") == ["1.00000e+00"]


def test_an_error_stops_nothing_that_runs() -> None:
    rig = prepared(Rig())
    rig.send("smua.measure.count = 100 smua.measure.overlappedi(smua.nvbuffer1)")
    rig.send("x = = 1")
    rig.send("waitcomplete()")
    assert rig.number("smua.nvbuffer1.n") == 100
    rig.send("smua.trigger.initiate()")
    assert rig.codes() == [-285]


# -- trigger objects by themselves ---------------------------------------------------------------


class Log:
    """Times of an event."""

    def __init__(self, clock: Clock, events: Events, event: int) -> None:
        self.times: list[float] = []
        events.listen(event, lambda: self.times.append(round(clock.now_s, 9)))


def test_a_timer_generates_its_events_after_each_delay_in_turn() -> None:
    clock, events, overruns = Clock(), Events(), []
    start = Generated(events)
    timer = Timer(events, clock, lambda: overruns.append(clock.now_s))
    timer.set_delays((1.0, 2.0, 3.0))
    timer.stimulus.select(start.event)
    log = Log(clock, events, timer.event)
    for _ in range(5):
        start.emit()
        clock.advance(10.0)
    assert log.times == [1.0, 12.0, 23.0, 31.0, 42.0]
    timer.count, timer.passthrough = 4, True
    timer.set_delays((1.0, 2.0))
    log.times.clear()
    start.emit()
    clock.advance(3.0)
    start.emit()  # too early: four events take six seconds
    clock.advance(10.0)
    assert log.times == [50.0, 51.0, 53.0, 54.0, 56.0]
    assert overruns == [53.0]


def test_blenders_combine_events() -> None:
    clock, events = Clock(), Events()
    first, second = Generated(events), Generated(events)
    blender = Blender(events)
    blender.stimuli[0].select(first.event)
    blender.stimuli[1].select(second.event)
    log = Log(clock, events, blender.event)
    first.emit()
    first.emit()
    assert log.times == []
    second.emit()
    assert log.times == [0.0]
    blender.or_enable = True
    clock.advance(1.0)
    second.emit()
    first.emit()
    assert log.times == [0.0, 1.0, 1.0]
