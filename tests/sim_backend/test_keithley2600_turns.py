"""Long trains of the trigger model: passed together or one by one, they end alike."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sim_backend.instruments.keithley26_turns import Turns
from sim_backend.laboratory import VirtualLaboratory, open_laboratory

TRAIN = """
smua.source.rangev = 1 smua.source.limiti = {limit}
smua.trigger.source.listv({levels}) smua.trigger.source.action = 1
smua.trigger.source.limiti = {limit}
smua.trigger.endpulse.action = smua.SOURCE_IDLE
smua.trigger.endsweep.action = smua.SOURCE_IDLE
trigger.timer[1].delaylist = {periods} trigger.timer[1].count = {count} - 1
trigger.timer[1].passthrough = true trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID
trigger.timer[2].delay = 1e-4 trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID
smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID
smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID
smua.trigger.count = {count} smua.source.output = 1
"""
START = "smua.trigger.initiate() waitcomplete()"


class End(NamedTuple):
    """How a train ended."""

    state: list[float]
    sums: list[float]
    time: float
    replies: list[bytes]
    codes: list[int]
    leaps: int


def opened(device: dict[str, object], noise: bool) -> VirtualLaboratory:
    switches = {"instrument": noise, "cycle": False, "read": False, "device": False}
    bench = {
        "instruments": {
            "smu": {"driver": "keithley2600", "model": "2602B", "address": "TCPIP0::a::INSTR"}
        },
        "terminals": {"top": "smu.a", "bottom": "smu.b"},
        "simulation": {"device": device, "noise": switches},
    }
    return open_laboratory(bench, 5, None, 0.0)


def play(text: str, together: bool, noise: bool = False, **device: object) -> End:
    laboratory, leaps = opened(device or {"family": "resistor", "preset": "10k"}, noise), [0]
    smu = laboratory.instruments["smu"]
    move_on = Turns._move_on

    def counted(turns: Turns, passed: int, duration: float, used: list[int]) -> None:
        leaps[0] += 1
        move_on(turns, passed, duration, used)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Turns, "_move_on", counted)
        if not together:
            patch.setattr(Turns, "_suitable", lambda *_: False)
        for line in text.strip().splitlines():
            smu.write(line.encode())
    fixture = laboratory.fixture
    fixture.sync()
    sums = [x for drive in fixture.drives for x in (drive.charge, drive.flux, drive.v)]
    codes = [smu.errors.next().code for _ in range(len(smu.errors))]
    end = End(
        fixture.state.values[:, 0].tolist(), sums, fixture.clock.now_s, smu.replies(), codes,
        leaps[0],
    )  # fmt: skip
    laboratory.close()
    return end


def compare(text: str, rel: float = 1e-9, noise: bool = False, **device: object) -> End:
    fast, slow = (play(text, together, noise, **device) for together in (True, False))
    assert fast.state == pytest.approx(slow.state, rel=rel, abs=1e-12)
    assert fast.sums == pytest.approx(slow.sums, rel=rel, abs=1e-12)
    assert fast.time == pytest.approx(slow.time, rel=1e-12)
    assert (fast.codes, fast.replies, slow.leaps) == (slow.codes, slow.replies, 0)
    return fast


def train(**changes: object) -> str:
    given = {"levels": "{0.5}", "periods": "{1e-3}", "count": 300, "limit": 1e-3, **changes}
    return TRAIN.format(**given)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"levels": "{0.5, -0.4, 0.1}"},
        {"levels": "{0.2, 0.6}", "periods": "{1e-3, 2e-3, 5e-4}"},
        {"count": 307, "levels": "{0.1, 0.2, 0.3, 0.4}"},
    ],
)
def test_equal_turns_passed_together_end_as_one_by_one(changes: dict[str, object]) -> None:
    end = compare(train(**changes) + START)
    assert end.leaps > 2
    assert end.codes == []


def test_every_pulse_of_a_long_train_is_counted() -> None:
    end = play(train(count=100_000) + START, together=True)
    assert end.state[:2] == [100_000, 0]
    # the last pulse begins 99 999 periods after the first and lasts a tenth of one
    assert end.time == pytest.approx(99_999e-3 + 1e-4, rel=1e-9)
    assert end.sums[1] == pytest.approx(100_000 * 0.5 * 1e-4)


def test_a_device_that_remembers_ends_in_the_same_state() -> None:
    device = {"family": "rram", "preset": ""}
    text = train(levels="{0.35}", limit=10e-3) + START
    assert compare(text, rel=1e-6, **device).leaps > 2


def test_errors_and_noise_of_the_source_stay_within_the_noise_of_one_level() -> None:
    end = compare(train() + START, rel=2e-4, noise=True)
    assert end.leaps > 2


def test_two_channels_in_step() -> None:
    both = (
        train()
        + """
smub.source.rangev = 1 smub.source.limiti = 1e-3
smub.trigger.source.listv({-0.2, 0.1}) smub.trigger.source.action = 1
smub.trigger.endpulse.action = smub.SOURCE_IDLE smub.trigger.endsweep.action = smub.SOURCE_IDLE
smub.trigger.source.stimulus = trigger.timer[1].EVENT_ID
smub.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID
smub.trigger.count = 300 smub.source.output = 1
smub.trigger.initiate()
"""
    )
    assert compare(both + START).leaps > 2


def test_a_script_s_delay_ends_when_it_should() -> None:
    text = train(count=0).replace("trigger.timer[1].count = 0 - 1", "trigger.timer[1].count = 0")
    peek = "smua.trigger.initiate() delay(0.2005) print(smua.source.levelv) smua.abort()"
    end = compare(text + peek)
    assert end.leaps > 2
    assert end.time == pytest.approx(0.2005)


@pytest.mark.parametrize(
    "setting",
    [
        "smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1",
        "smua.trigger.source.limiti = 20e-6 smua.source.limiti = 20e-6",
    ],
)
def test_what_measures_or_meets_the_limit_is_played(setting: str) -> None:
    end = compare(train(count=40) + setting + "\n" + START)
    assert end.leaps == 0


def test_a_train_can_be_aborted_and_goes_on_counting_afterwards() -> None:
    text = train(count=5000) + "smua.trigger.initiate() delay(1.0005) smua.abort()\n" + START
    end = compare(text)
    assert end.leaps > 4
