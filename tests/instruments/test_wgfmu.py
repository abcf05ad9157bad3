"""The WGFMU through its function table: the same calls that the vendor's library would get."""

from __future__ import annotations

import math
import sys
from ctypes import byref, c_double, c_int
from typing import Any

import pytest

from instruments import wgfmu
from instruments.wgfmu_limits import MODELS
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, segment, train
from sim_backend.faults import read_faults
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::17::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


def never() -> bool:
    return False


class Rig:
    """A virtual B1530A over a resistor and the driver."""

    def __init__(self, channels: Any = None, faults: Any = (), **device: Any) -> None:
        self.channels = channels or {"top": "101"}
        section = {"driver": "wgfmu", "model": "B1530A", "address": ADDRESS}
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"fast": section},
                "terminals": {name: f"fast.{channel}" for name, channel in self.channels.items()},
                "simulation": {
                    "device": {"family": "resistor", "preset": "10k", **device}, "noise": QUIET,
                    "faults": [{"instrument": "fast", **fault} for fault in faults],
                },
            },
            1, None, 0.0,
        )  # fmt: skip
        self.instrument = self.laboratory.instruments["fast"]
        self.library = self.instrument.library

    def setup(self, **changes: Any) -> Setup:
        given: dict[str, Any] = {
            "name": "fast", "model": "B1530A", "address": ADDRESS, "channels": self.channels,
            "laboratory": self.laboratory, "accept_degraded": True,
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, **changes: Any) -> Any:
        return wgfmu.connect(self.setup(**changes))

    def safe(self) -> bool:
        states = [self.instrument.channel_state(str(n)) for n in self.library.channels]
        return not any(s["output"] or s["running"] or abs(s["level"]) > 1e-9 for s in states)


def rows_of(driver: Any, waveform: Any, compliance: float = 1e-3, **ranges: float) -> list[Any]:
    play = Play(waveform, compliance, ranges)
    return [row for chunk in driver.play(play, never) for row in chunk]


def test_without_the_library_it_is_one_sentence() -> None:
    setup = Setup("fast", "B1530A", ADDRESS, {"top": "101"}, options={"library": "no/wgfmu.dll"})
    assert wgfmu.check(setup, Play(pulse(1.0, 1e-6), 10e-3)) == []  # planning does without it
    with pytest.raises(
        BadInput, match=r"fast: the WGFMU library no/wgfmu\.dll .*Keysight"
    ) as error:
        wgfmu.connect(setup)
    assert "\n" not in str(error.value)
    assert ("absent" if sys.platform == "win32" else "Windows alone") in str(error.value)


def test_every_function_that_is_called_is_one_of_the_table() -> None:
    rig = Rig()
    driver = rig.connect()
    rows_of(driver, train(pulse(1.0, 1e-6), 10e-6, 3))
    driver.snapshot()
    driver.identify()
    driver.close()
    from instruments.wgfmu_table import _FUNCTIONS

    assert {name.removeprefix("WGFMU_") for name in rig.library.calls} <= set(_FUNCTIONS)


def test_pulses_are_timed_to_ten_nanoseconds() -> None:
    driver = Rig().connect()
    rows = rows_of(driver, train(pulse(1.0, 300e-9), 1e-6, 100), top=1e-3)
    assert [row.width for row in rows] == [300e-9] * 100
    assert [row.t - rows[0].t for row in rows] == pytest.approx(
        [k * 1e-6 for k in range(100)], abs=1e-9
    )
    assert [row.i for row in rows] == pytest.approx([1e-4] * 100, rel=1e-5)


@pytest.mark.parametrize(
    ("full", "settled"),
    [(1e-6, 37e-6), (10e-6, 5.8e-6), (100e-6, 820e-9), (1e-3, 200e-9), (10e-3, 125e-9)],
)
def test_a_reading_before_the_current_has_settled_is_flagged(full: float, settled: float) -> None:
    """Settled to 0.6 % after the times of table 4-22; the accuracy is 0.1 % and 0.1 or 0.2 %."""
    ammeter = next(a for a in MODELS["B1530A"].ammeters if a.range.full_scale == full)
    left = math.exp(-settled / ammeter.range.time_constant)
    assert left == pytest.approx(0.006)
    driver = Rig(conductance=f"{0.9 * full} S").connect()
    early, late = ammeter.shortest * 10e-9, round(2 * settled / 10e-9) * 10e-9
    for width, flagged in ((early, True), (4 * late, False)):
        (row,) = rows_of(driver, pulse(1.0, width), top=full)
        assert bool(row.flags & Flag.UNSETTLED) is flagged


def test_a_loop_is_one_pattern_with_a_count() -> None:
    rig = Rig()
    rows = rows_of(rig.connect(), train(pulse(1.0, 10e-6), 100e-6, 500))
    assert len(rows) == 500
    assert max(count for _, count in rig.library.sequences[101]) == 500
    assert len(rig.library.patterns) <= 3


def test_both_channels_of_a_module_play_together() -> None:
    rig = Rig({"top": "101", "bottom": "102"})
    window = pulse(1.0, 10e-6).windows  # type: ignore[union-attr]
    both = segment(10e-6, {"top": 0.5, "bottom": -0.5}, windows=window)
    (row,) = rows_of(rig.connect(), both + rest(10e-6))
    assert row.i == pytest.approx(1e-4, rel=1e-4)


def test_ranges_are_set_before_anything_is_connected() -> None:
    rig = Rig()
    driver = rig.connect()
    rig.library.calls.clear()
    rows_of(driver, pulse(1.0, 100e-6), 1e-3)
    calls = rig.library.calls
    connected = calls.index("WGFMU_connect")
    for name in ("setForceVoltageRange", "setMeasureCurrentRange", "getMeasureCurrentRange"):
        assert calls.index(f"WGFMU_{name}") < connected < calls.index("WGFMU_execute")
    assert calls[-1] == "WGFMU_disconnect"
    assert rig.safe()


def test_a_range_that_is_not_taken_is_refused_before_connecting() -> None:
    rig = Rig()
    driver = rig.connect()
    rig.library.channels[101].__class__.i_range = property(  # a library that keeps its range
        lambda _: 6005, lambda _, __: None
    )
    try:
        with pytest.raises(InstrumentFault, match="nothing was switched on"):
            rows_of(driver, pulse(1.0, 100e-6), 1e-4)
    finally:
        del rig.library.channels[101].__class__.i_range
    assert "WGFMU_connect" not in rig.library.calls


def test_the_range_is_the_smallest_that_is_fast_enough() -> None:
    setup = Rig().setup()
    for width, wanted in ((100e-6, 10e-6), (2e-6, 100e-6), (300e-9, 1e-3), (150e-9, 10e-3)):
        foreseen = wgfmu.forecast(setup, Play(pulse(0.05, width), 10e-6))
        assert foreseen is not None
        assert foreseen.floors[0].range == wanted
    (short, _) = wgfmu.check(setup, Play(pulse(0.05, 2e-6), 10e-6, {"top": 10e-6}))
    assert "at least 6.8 us" in short.allowed


def test_a_compliance_it_cannot_hold_is_refused_unless_that_is_accepted() -> None:
    rig = Rig()
    with pytest.raises(Refused, match="no current limit"):
        rows_of(rig.connect(accept_degraded=False), pulse(1.0, 1e-3), 50e-6)
    rig = Rig()
    driver = rig.connect()
    (row,) = rows_of(driver, pulse(1.0, 1e-3), 50e-6, top=1e-3)
    assert row.flags & Flag.COMPLIANCE
    assert row.i == pytest.approx(1e-4, rel=1e-4)
    (row,) = rows_of(driver, pulse(1.0, 1e-3), 50e-6, top=1e-5)
    assert row.flags & Flag.OVERRANGE
    assert row.i != row.i


def test_beyond_five_volts_there_is_one_polarity() -> None:
    setup = Rig().setup()
    assert wgfmu.check(setup, Play(pulse(8.0, 1e-3), 10e-3)) == []
    both = pulse(8.0, 1e-3) + rest(1e-3) + pulse(-1.0, 1e-3)
    (violation,) = wgfmu.check(setup, Play(both, 10e-3))
    assert "one polarity" in violation.allowed


def test_a_window_longer_than_an_average_is_filled_with_several() -> None:
    (row,) = rows_of(Rig().connect(), read(0.1, 0.1))
    assert row.i == pytest.approx(1e-5, rel=1e-4)
    assert row.t > 0.05


@pytest.mark.parametrize("at", range(6))
def test_an_error_of_the_library_is_one_sentence_and_leaves_it_safe(at: int) -> None:
    rig = Rig()
    driver = rig.connect()
    chunks = driver.play(Play(train(pulse(1.0, 10e-6), 100e-6, 10), 1e-3), never)
    seen = len(rig.library.calls)
    real = type(rig.library)._called

    def called(self: Any, name: str, *rest_: Any) -> int:
        if len(self.calls) == seen + 3 * at + 1:
            self.fail("over-temperature of slot 1")
        return real(self, name, *rest_)

    type(rig.library)._called = called  # type: ignore[method-assign]
    try:
        with pytest.raises(InstrumentFault, match=r"error -1 .*over-temperature of slot 1"):
            list(chunks)
    finally:
        type(rig.library)._called = real  # type: ignore[method-assign]
    assert rig.safe()


def test_a_stop_aborts_and_what_was_read_is_kept() -> None:
    rig = Rig()
    driver = rig.connect()
    begun = rig.laboratory.clock.now_s
    play = Play(train(pulse(1.0, 10e-6), 10e-3, 1000), 1e-3)
    stop = lambda: rig.laboratory.clock.now_s > begun + 1  # noqa: E731
    rows = [row for chunk in driver.play(play, stop) for row in chunk]
    assert 90 < len(rows) < 200
    assert rig.safe()


def test_it_says_who_it_is_and_how_it_is_set() -> None:
    driver = Rig().connect()
    assert driver.identify().options == "101, 102, 201, 202"
    assert driver.snapshot()["101 MeasureCurrentRange"] == "6005"


def test_a_channel_that_is_not_there_is_one_sentence() -> None:
    rig = Rig({"top": "301"})
    with pytest.raises(InstrumentFault, match=r"no WGFMU channel 301; installed are 101"):
        rig.connect()
    with pytest.raises(BadInput, match="101 and 102 in slot 1"):
        wgfmu.check(rig.setup(channels={"top": "smu1"}), Play(pulse(1.0, 1e-3), 1e-3))


def test_a_foreign_program_may_call_the_table_by_ctypes() -> None:
    library = Rig().library
    assert library.WGFMU_execute() == -2  # no session
    assert library.WGFMU_openSession(b"GPIB0::17::INSTR") == 0
    size = c_int()
    library.WGFMU_getErrorSummarySize(byref(size))
    assert size.value > 0
    assert library.WGFMU_createPattern(b"p", c_double(0.0)) == 0
    assert library.WGFMU_createPattern(b"p", c_double(0.0)) == -2
    times, levels = (c_double * 2)(1e-6, 1e-9), (c_double * 2)(1.0, 0.0)
    assert library.WGFMU_addVectors(b"p", times, levels, 2) == -3  # shorter than a tick
    assert library.WGFMU_addSequence(999, b"p", c_double(1.0)) == -6
    with pytest.raises(AttributeError):
        library.WGFMU_unknown()


# -- faults from the bench file --------------------------------------------------------------------

WAVEFORM = train(pulse(1.0, 1e-4), 1e-3, 20)


def played(rig: Rig) -> list[Any]:
    """Connect and play three times; what was read until something went wrong is kept."""
    rows: list[Any] = []
    driver = rig.connect()
    for _ in range(3):
        for chunk in driver.play(Play(WAVEFORM, 1e-3), never):
            rows += chunk
    return rows


def calls_of_three_steps() -> int:
    rig = Rig()
    assert len(played(rig)) == 60
    return sum("Error" not in name for name in rig.library.calls)


@pytest.mark.parametrize("kind", ["error", "cut", "garbage", "mute", "close", "reset"])
def test_whatever_goes_wrong_at_a_call_is_one_sentence(kind: str) -> None:
    for at in range(1, calls_of_three_steps() + 1, 7):
        rig = Rig(faults=[{"at": at, "kind": kind}])
        with pytest.raises(InstrumentFault, match=r"fast \(GPIB0::17::INSTR\).*WGFMU_") as caught:
            played(rig)
        assert "\n" not in str(caught.value)
        if kind in ("error", "cut", "garbage"):  # the connection is alive
            assert rig.safe(), at
        elif rig.safe() is False:  # nobody can reach it: that is said
            assert caught.value.__notes__


def test_a_lost_connection_is_told_with_what_could_not_be_made_safe() -> None:
    rig = Rig()
    driver = rig.connect()
    kept = [row for chunk in driver.play(Play(WAVEFORM, 1e-3), never) for row in chunk]
    fault = {"instrument": "fast", "at": 12, "kind": "close"}
    rig.laboratory.strike(read_faults([fault], ["fast"], "test")[0])
    with pytest.raises(InstrumentFault, match="no answer from the mainframe") as caught:
        list(driver.play(Play(WAVEFORM, 1e-3), never))
    assert "no answer" in " ".join(caught.value.__notes__)
    assert len(kept) == 20


def test_a_slow_call_loses_nothing() -> None:
    rig = Rig(faults=[{"at": 30, "kind": "slow", "delay": "2 s"}])
    assert len(played(rig)) == 60
    assert rig.laboratory.clock.now_s > 2.0


def test_a_device_that_shorts_is_flagged_and_its_readings_are_kept() -> None:
    rig = Rig(faults=[{"at": 30, "kind": "short"}])
    rows = played(rig)
    assert len(rows) == 60
    assert rows[0].i == pytest.approx(1e-4, rel=0.01)
    assert rows[-1].flags & (Flag.OVERRANGE | Flag.COMPLIANCE)
