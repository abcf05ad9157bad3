"""The planner: figures in closed form, every violation once, nothing sent."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from labctl.benchfile import define_bench
from labctl.planner import imagine, plan
from labctl.protocol import Protocol
from labctl.steps import Play, Steps, Wait
from labctl.waveform import pulse, read, rest

BENCH = {
    "name": "b",
    "instruments": {"smu": {"driver": "direct"}},
    "terminals": {"top": "smu.top"},
    "simulation": {"laboratory": "virtual"},
}


class Trains(Protocol):
    """A train of a billion pulses, a wait and a read, three times."""

    kind: Literal["trains"] = "trains"
    amplitude: float = 1.0

    def steps(self) -> Steps:
        for _ in range(3):
            yield Play((pulse(self.amplitude, 1e-6, measured=False) + rest(1e-6)) * 10**9, 1e-3)
            yield Wait(100.0)
            yield Play(read(0.1, 1e-3), 1e-3)


def test_a_billion_pulses_are_planned_in_closed_form():
    made = plan(Trains(), define_bench(BENCH, "test"))
    assert made.steps == 9
    assert made.pulses == 3 * 10**9
    assert made.readings == 3
    assert made.duration == pytest.approx(3 * (2e3 + 100.0 + 1e-3))
    assert made.peak == {"top": 1.0}
    # at most: 1 mA for a thousand seconds of pulses and a millisecond of reading
    assert made.charge == pytest.approx(3 * 1e-3 * (1e3 + 1e-3))
    assert made.energy == pytest.approx(3 * 1e-3 * (1e3 + 1e-4))
    assert made.complete


def test_the_envelope_counts_the_whole_run_and_says_each_violation_once():
    small = {**BENCH, "envelope": {"v": 0.9, "charge": "1 C"}}
    made = plan(Trains(), define_bench(small, "test"))
    text = [str(v) for v in made.violations]
    assert len(text) == 2
    assert "1 V was asked for, at most 0.9 V is allowed" in text[0]
    assert "up to 3.00 C was asked for, at most 1 C is allowed" in text[1]


def test_imagined_readings_are_an_ideal_resistor_in_the_middle_of_each_window():
    waveform = pulse(1.0, 1e-4) + rest(1e-2) + read(0.1, 1e-3)
    readings = imagine(Play(waveform, 1e-3), 2e-4, start=5.0)
    assert readings.i == pytest.approx([2e-4, 2e-5])
    assert readings.t == pytest.approx([5 + 82.5e-6, 5 + 0.0101 + 0.575e-3])
    assert [row.role for row in readings] == ["pulse", "read"]


def test_imagined_readings_are_found_by_number_in_a_long_train():
    body = pulse(1.0, 1e-4) + rest(9e-4) + read(0.1, 1e-3) * 3
    train = rest(1.0) + (body * 5 + rest(0.1)) * 10**8
    readings = imagine(Play(train, 1e-3), 1e-4)
    assert len(readings) == 20 * 10**8
    first = list(itertools.islice(readings, 60))
    assert [readings[k] for k in range(60)] == first
    period = body.duration * 5 + 0.1
    assert readings[-1].t == pytest.approx(first[19].t + (10**8 - 1) * period)
