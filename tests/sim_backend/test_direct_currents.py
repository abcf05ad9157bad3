"""The direct bench: terminals driven by a current, within a voltage limit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labctl.capability import Setup
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks, train
from sim_backend import direct
from sim_backend.direct import DirectSource
from sim_backend.laboratory import VirtualLaboratory, open_laboratory

#: a switch whose hold current is below its threshold current: it stays on once it has snapped back
SWITCH = {
    "preset": "nbo2", "threshold": "1 V", "hold": "20 mV", "off": "20 kOhm", "on": "1 kOhm",
    "load": "10 kOhm", "capacitance": "1 pF", "delay": "1 ns", "recovery": "1 ns",
}  # fmt: skip


def connected(
    family: str, *terminals: str, **device: Any
) -> tuple[DirectSource, VirtualLaboratory]:
    terminals = terminals or ("top",)
    bench = {
        "name": "direct",
        "instruments": {"device": {"driver": "direct"}},
        "terminals": {name: f"device.{name}" for name in terminals},
        "simulation": {
            "device": {"family": family, **device},
            "noise": {"cycle": False, "device": False},
        },
    }
    laboratory = open_laboratory(bench, 1, None, 0.0)
    setup = Setup("device", "", "", {name: name for name in terminals}, laboratory=laboratory)
    return direct.connect(setup), laboratory


def played(source: DirectSource, step: Play) -> list[Row]:
    return [row for chunk in source.play(step, lambda: False) for row in chunk]


def forced(source: DirectSource, waveform: Node, limit: float = 5.0) -> list[Row]:
    return played(source, Play(waveform, 0.1, voltage_limits={"top": limit}))


def window(start: float, stop: float, terminal: str = "top") -> Window:
    return Window(terminal, ticks(start), ticks(stop))


def test_a_current_through_a_resistor_is_read_as_its_voltage():
    source, laboratory = connected("resistor", conductance=1e-3)
    pulsed, open_, low = forced(source, pulse(2e-3, 1e-4) + read(0.0, 1e-3) + read(1e-5, 1e-3))
    assert (pulsed.v, pulsed.i, pulsed.width) == pytest.approx((2.0, 2e-3, 1e-4))
    assert (low.v, low.i) == pytest.approx((1e-2, 1e-5))
    assert (open_.v, open_.i) == (0.0, 0.0)
    assert all(math.isnan(row.v_set) for row in (pulsed, open_, low))
    assert {row.flags for row in (pulsed, open_, low)} == {0}
    drive = source.fixture.drives[0]
    assert (drive.kind, drive.path[-1][1]) == ("v", 0.0)  # at zero volts when it is over
    assert laboratory.device.tally.peak == pytest.approx(2.0)


def test_zero_is_an_open_circuit_and_not_zero_volts():
    """The other terminal pulls the open one along."""
    source, _ = connected("resistor", "top", "bottom", conductance=1e-3)
    both = read(0.0, 1e-3) | segment(1e-3, {"bottom": (0.4, 0.4)})
    (row,) = forced(source, both)
    assert (row.v, row.i) == pytest.approx((0.4, 0.0), abs=1e-9)


def test_a_ramp_of_current_beside_a_pulse_of_voltage():
    source, _ = connected("resistor", "top", "bottom", conductance=1e-3)
    ramp = segment(1e-3, {"top": (0.0, 1e-3)}, windows=(window(0.0, 1e-3),))
    other = rest(0.5e-3) + segment(0.5e-3, {"bottom": (0.2, 0.2)}, windows=(
        window(0.0, 0.5e-3, "bottom"),))  # fmt: skip
    rows = {row.terminal: row for row in forced(source, ramp | other)}
    assert (rows["top"].v, rows["top"].i) == pytest.approx((0.5 + 0.1, 0.5e-3))
    assert (rows["bottom"].v, rows["bottom"].i) == pytest.approx((0.2, -0.75e-3))
    assert rows["bottom"].v_set == 0.2


@pytest.mark.parametrize("limit", [1.0, 0.37])
def test_the_limit_is_met_in_the_middle_of_a_ramp_and_left_again(limit):
    """Up to 2 mA and back through 1 kOhm, past zero and to the other limit."""
    source, _ = connected("resistor", conductance=1e-3)
    up = segment(1.0, {"top": (0.0, 2e-3)}, windows=(window(0.0, 1.0), window(0.0, limit / 2.1)))
    down = segment(2.0, {"top": (2e-3, -2e-3)}, windows=(window(0.0, 1.0), window(0.0, 2.0)))
    under, rising, falling, whole = forced(source, up + down, limit)
    assert (under.v, under.flags) == (pytest.approx(limit / 2.1), 0)
    mean = limit * (1 - limit / 4)  # of min(2 t, limit) over a second
    for row in (rising, falling):
        assert (row.v, row.i, row.flags) == (
            pytest.approx(mean, rel=1e-6), pytest.approx(1e-3 * mean, rel=1e-6), Flag.COMPLIANCE,
        )  # fmt: skip
    assert (whole.v, whole.i) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_a_current_into_an_open_circuit_goes_to_the_limit():
    source, _ = connected("open")
    up, down = forced(source, pulse(1e-3, 1e-4) + pulse(-1e-3, 1e-4), limit=3.0)
    assert (up.v, down.v) == pytest.approx((3.0, -3.0))
    assert abs(up.i) < 1e-9
    assert (up.flags, down.flags) == (Flag.COMPLIANCE, Flag.COMPLIANCE)


def test_a_capacitor_is_charged_at_a_rate():
    """1 nF behind 100 kOhm at 1 uA: 0.1 V, and 1 V more in every millisecond."""
    source, _ = connected("capacitor", preset="lossy", leakage=0.0)
    width = 1e-3
    ramp = segment(width, {"top": (1e-6, 1e-6)}, windows=(window(0.0, width),))
    charged, left = forced(source, ramp + read(0.0, 1e-3))
    assert charged.v == pytest.approx(0.1 + 0.5, rel=1e-3)
    assert charged.i == pytest.approx(1e-6, rel=1e-9)
    assert (left.v, left.i) == pytest.approx((1.0, 0.0), rel=1e-3, abs=1e-11)  # an open circuit


@pytest.mark.parametrize("current", [1e-9, 1e-6, 1e-3])
def test_a_diode_forced_by_a_current_and_by_its_voltage_are_one_curve(current):
    source, _ = connected("diode", preset="ideal")
    forced(source, rest(1e-6))  # it takes the temperature of the bench
    (by_current,) = forced(source, pulse(current, 1e-3))
    (by_voltage,) = played(source, Play(pulse(by_current.v, 1e-3), 0.1))
    assert by_current.i == pytest.approx(current, rel=1e-9)
    assert by_voltage.i == pytest.approx(current, rel=1e-5)


def test_the_mean_voltage_of_a_ramp_through_a_diode():
    """V = n kT/q ln(1 + I/Is), against its integral; in reverse the limit holds."""
    source, _ = connected("diode", preset="ideal")
    (known,) = forced(source, pulse(1e-3, 1e-3))
    kt = 8.617333262e-5 * 300.0
    saturation = 1e-3 / math.expm1(known.v / kt)
    ramp = segment(1.0, {"top": (-1e-3, 1e-3)}, windows=(window(0.0, 0.5), window(0.5, 1.0)))
    reverse, forward = forced(source, ramp, limit=1.0)
    x = (np.arange(20000) + 0.5) / 20000
    mean = float(np.mean(kt * np.log1p(1e-3 * x / saturation)))
    assert forward.v == pytest.approx(mean, rel=2e-3)
    assert forward.i == pytest.approx(0.5e-3, rel=1e-4)
    assert (reverse.v, reverse.flags) == (pytest.approx(-1.0, rel=1e-3), Flag.COMPLIANCE)


def test_a_forced_current_shows_the_snap_back_that_a_voltage_jumps_over():
    """Threshold at 50 uA: past it the voltage falls at a current that still rises."""
    source, _ = connected("threshold-switch", **SWITCH)
    levels = [2e-5, 4.5e-5, 6e-5, 1e-4, 6e-5, 3e-5, 1e-5]
    dwell = 1e-5
    steps = [segment(dwell, {"top": (i, i)}, windows=(window(0.6 * dwell, dwell),)) for i in levels]
    staircase: Node = steps[0]
    for one in steps[1:]:
        staircase = staircase + one
    rows = forced(source, staircase)
    v = [row.v for row in rows]
    assert [row.i for row in rows] == pytest.approx(levels, rel=1e-6)
    off, on = 30e3, 11e3  # with the load
    assert v[:2] == pytest.approx([2e-5 * off, 4.5e-5 * off], rel=1e-3)
    assert v[2:6] == pytest.approx([6e-5 * on, 1e-4 * on, 6e-5 * on, 3e-5 * on], rel=1e-3)
    assert v[6] > 1.5 * 1e-5 * on  # below the hold current it is off again
    # a voltage ramp goes from the threshold current straight to a hundred times as much
    ramp = [1.4, 1.6]
    rows = [played(source, Play(pulse(level, 1e-5), 0.1))[0] for level in ramp]
    assert rows[0].i == pytest.approx(1.4 / off, rel=1e-3)
    assert rows[1].i == pytest.approx(1.6 / on, rel=1e-3)


def test_a_window_or_a_pulse_cut_in_two_is_the_whole():
    """A phase-change cell that a current melts: what it does depends on its own voltage."""
    width, level = 1e-7, 1.3e-4
    found = []
    for cuts in (1, 2, 5):
        source, laboratory = connected("pcm", preset="gst", crystalline=1.0)
        part = width / cuts
        one = segment(part, {"top": (level, level)}, windows=(window(0.0, part),), role="pulse")
        rows = forced(source, one * cuts + rest(1e-6) + read(1e-6, 1e-6))
        found.append((np.mean([row.v for row in rows[:-1]]), rows[-1].v))
        assert [row.i for row in rows[:-1]] == pytest.approx([level] * cuts, rel=1e-9)
        assert laboratory.device.tally.charge == pytest.approx(level * width + 1e-12, rel=1e-2)
    for means in found[1:]:
        assert means == pytest.approx(found[0], rel=2e-2)


@pytest.mark.parametrize("current", [2e-5, 4e-5, 6e-5])
def test_a_current_that_a_threshold_jumps_over_holds_the_voltage_there(current):
    """A glass conducts some uA below its threshold and 69 uA above: it is on for a share."""
    found = []
    for cuts in (1, 2, 7):
        source, laboratory = connected("pcm", preset="gst", crystalline=0.0)
        part = 1e-6 / cuts
        one = segment(part, {"top": (current, current)}, windows=(window(0.0, part),), role="pulse")
        rows = forced(source, one * cuts)
        assert [row.i for row in rows] == pytest.approx([current] * cuts, rel=1e-9)
        assert [row.v for row in rows] == pytest.approx([0.9] * cuts, rel=1e-4)
        found.append(float(laboratory.device.state.row("g")[0]))
    assert found[1:] == pytest.approx([found[0]] * 2, rel=3e-2)
    # as much as in that share of the time at the threshold itself
    source, laboratory = connected("pcm", preset="gst", crystalline=0.0)
    below = 0.9 * (1 - 1e-5)
    (look,) = played(source, Play(pulse(below, 1e-9), 0.1))
    share = (current - look.i) / (0.9 / 13e3 - look.i)
    played(source, Play(pulse(0.9 * (1 + 1e-5), 1e-6 * share, measured=False), 0.1))
    assert found[2] == pytest.approx(float(laboratory.device.state.row("g")[0]), rel=5e-2)


def test_turns_are_played_one_by_one_and_stop_when_asked():
    source, laboratory = connected("ftj", conductance="200 uS")
    unseen = train(pulse(2e-5, 1e-6, measured=False), 1e-5, 6)
    forced(source, unseen)
    assert laboratory.fixture.drives[0].charge == pytest.approx(6 * 2e-11, rel=1e-6)
    began = laboratory.clock.now()
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 3

    step = Play(train(pulse(2e-5, 1e-6, measured=False), 1e-5, 10**9), 1e-3,
                voltage_limits={"top": 1.0})  # fmt: skip
    assert list(source.play(step, stop)) == []
    assert laboratory.clock.now() - began == pytest.approx(3e-5)


def test_a_level_beyond_the_bench_is_refused_in_its_own_unit():
    setup = Setup("device", "", "", {"top": "top"})
    step = Play(pulse(2e3, 1e-3), 1e4, voltage_limits={"top": 1.0})
    (violation,) = direct.check(setup, step)
    assert str(violation).startswith("device level on top: 2000 A")
    assert direct.check(setup, Play(pulse(900.0, 1e-3), 1e4, voltage_limits={"top": 1.0})) == []
