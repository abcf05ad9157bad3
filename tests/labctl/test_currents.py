"""Terminals driven by a current, in plans, envelopes, ledgers and the checks before anything."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import pytest

from labctl.benchfile import Definition, Envelope, define_bench
from labctl.bounds import bounds
from labctl.capability import Floor, Forecast
from labctl.envelope import Allowance, Gate, SampleFile
from labctl.feasibility import Verdict, told_of_one
from labctl.ledger import _spent
from labctl.outlook import Outlook
from labctl.planner import Plan, imagine, plan
from labctl.protocol import Measured, Protocol, Reference
from labctl.rehearsal import rehearse
from labctl.results import Results
from labctl.steps import Play, Steps
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks
from labctl.workbench import Bench

BENCH = {
    "name": "b",
    "instruments": {"device": {"driver": "direct"}},
    "terminals": {"top": "device.top"},
    "simulation": {
        "laboratory": "virtual",
        "device": {"family": "resistor", "preset": "10k", "conductance": "1 mS"},
    },
}


class Programmed(Protocol):
    """A pulse of current with its edges, and a read by a voltage."""

    title: ClassVar[str] = "programmed"
    reference: ClassVar[Reference] = Reference("")
    kind: Literal["programmed"] = "programmed"
    amplitude: float = 5e-4
    limit: float = 2.0
    seen: bool = True

    def steps(self) -> Steps:
        written = pulse(self.amplitude, 1e-3, edge=2e-4, measured=self.seen)
        yield Play(written, 1e-3, label={"part": "write"}, voltage_limits={"top": self.limit})
        yield Play(read(0.1, 1e-2), 1e-3, label={"part": "read"})

    def analyse(self, record: Measured) -> Results:
        return Results()


def bench(**envelope: float) -> Definition:
    return define_bench({**BENCH, "envelope": envelope}, "bench of a test")


def of(waveform: Node, compliance: float = 1e-3, **limits: float) -> Play:
    return Play(waveform, compliance, voltage_limits=limits or {"top": 2.0})


def test_a_plan_keeps_volts_and_amperes_apart():
    made = plan(Programmed(), bench())
    assert (made.peak, made.current, made.voltage_limits) == (
        {"top": 0.1},
        {"top": 5e-4},
        {"top": 2},
    )
    charge = 5e-4 * 1e-3  # two edges of 200 us and a top of 800 us
    assert made.charge == pytest.approx(charge + 1e-3 * 1e-2)
    assert made.energy == pytest.approx(2.0 * charge + 0.1 * 1e-3 * 1e-2)
    assert made.highest == 2.0
    assert "peak 100 mV, current up to 500 uA within 2 V, charge up to" in made.sentence()
    assert Plan(1, 1.0, 0, 0, {"top": 0.3}, 0.0, 0.0, 0, complete=True).peak_text == "peak 300 mV"


def test_a_plan_of_currents_alone_names_no_voltage_of_its_own():
    most = bounds(of(pulse(5e-4, 1e-3)))
    assert (most.volts, most.amperes, most.limits) == ({}, {"top": 5e-4}, {"top": 2.0})
    made = Plan(1, 1.0, 1, 1, {}, 0.0, 0.0, 0, complete=True, current=most.amperes,
                voltage_limits=most.limits)  # fmt: skip
    assert made.peak_text == "current up to 500 uA within 2 V"


def test_optical_terminals_have_no_bound_beside_a_current():
    both = pulse(5e-4, 1e-3) | segment(1e-3, {"lamp": (200.0, 200.0)})
    most = bounds(of(both), {"lamp"})
    assert (most.biased, most.charge, most.volts) == (pytest.approx(1e-3), pytest.approx(5e-7), {})


@pytest.mark.parametrize(
    ("current", "shown"), [(1e-4, 1.0), (-1e-4, -1.0), (5e-4, 2.0), (-5e-4, -2.0), (0.0, 0.0)]
)
def test_an_ideal_resistor_answers_a_current_with_a_voltage_within_the_limit(current, shown):
    (row,) = imagine(of(pulse(current, 1e-3)), 1e-4)
    assert (row.v, row.i) == (pytest.approx(shown), current)
    assert math.isnan(row.v_set)
    mixed = pulse(1e-4, 1e-3) | segment(1e-3, {"gate": (0.5, 0.5)}, windows=(
        Window("gate", 0, ticks(1e-3)),))  # fmt: skip
    rows = {row.terminal: row for row in imagine(of(mixed), 1e-4)}
    assert (rows["gate"].v_set, rows["gate"].i) == (0.5, pytest.approx(5e-5))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (of(pulse(2e-3, 1e-3)), "0.002 A was asked for, at most the compliance of 0.001 A"),
        (of(pulse(1e-4, 1e-3), top=0.0), "voltage limit: 0 V was asked for, more than 0 V"),
        (of(pulse(1e-4, 1e-3), top=math.nan), "voltage limit: nan V was asked for"),
        (of(pulse(1e-4, 1e-3), top=1.0, gate=1.0), "which the waveform does not drive"),
    ],
)
def test_what_is_wrong_with_a_current_on_any_bench_is_one_sentence(step, said):
    (found,) = bench().check(step)
    assert said in str(found)
    assert bench().check(of(pulse(1e-4, 1e-3))) == []


def test_an_optical_terminal_takes_no_current():
    lit = {**BENCH, "terminals": {"top": "device.top", "lamp": "device.light 450 nm"},
           "light": {"lamp": {"wavelength": "450 nm", "most": 100.0}}}  # fmt: skip
    definition = define_bench(lit, "bench of a test")
    found = definition.check(of(pulse(1.0, 1e-3, terminal="lamp"), 2.0, lamp=1.0))
    assert "which is optical" in str(found[0])
    dark = Play(segment(1e-3, {"lamp": (200.0, 200.0)}), 1e-3)
    assert ["200 W/m2" in str(one) for one in definition.check(dark)] == [True]


def test_the_envelope_of_a_bench_counts_amperes_and_limits():
    definition = bench(v=1.5, i=2e-4)
    said = [str(one) for one in definition.check(of(pulse(5e-4, 1e-3), 5e-4))]
    assert said[0].startswith("envelope of the sample, top: 0.0005 A was asked for, at most 0.0002")
    assert said[1].startswith("envelope of the sample, voltage limit of top: 2 V was asked for")
    assert "a compliance of 0.0005 A" in said[2]
    # the same numbers as volts are another matter
    assert definition.check(Play(pulse(5e-4, 1e-3), 1e-4)) == []


def test_the_envelope_of_a_device_counts_the_limit_and_the_exact_charge():
    step = of(pulse(5e-4, 1e-3))
    file = SampleFile(envelope=Allowance(v=1.5, charge=4e-7, energy=2e-6))
    course = Gate(file, "sample.toml", "D1").course()
    said = [str(one) for one in course.take(step)]
    assert len(said) == 2
    assert "voltage: 2 V was asked for, at most 1.5 V" in said[0]
    assert "charge: up to 500 nC more after 0 C was asked for" in said[1]


def test_the_verdict_compares_the_voltage_limit_with_the_envelope():
    made = plan(Programmed(), bench(v=3.0))
    verdict = Verdict("b", True, True, made, envelope=Envelope(v=3.0).model_dump())
    assert "peak 2 V of 3 V" in told_of_one("p", verdict, made, None, as_json=False)


def test_floors_of_ammeters_say_nothing_of_a_current_that_is_sourced():
    outlook = Outlook(1e-4)
    forecast = Forecast("host", 0.0, (Floor("top", 1e-3, 1e-2, 1e-3),))
    outlook.add(of(pulse(1e-6, 1e-3)), forecast)
    assert outlook.resolutions == ()
    outlook.add(Play(pulse(1.0, 1e-3), 1e-3), forecast)
    assert len(outlook.resolutions) == 1


@pytest.mark.parametrize("seen", [True, False])
def test_the_ledger_bounds_what_was_not_measured(seen):
    """Of a pulse of 500 uA within 2 V through 1 kOhm."""
    run = rehearse(Programmed(seen=seen), BENCH)
    first = run.steps[0]
    found = _spent(first.what, run.of(first).rows, frozenset())
    charge = 5e-4 * 1e-3
    assert found["biased"] == pytest.approx(1.2e-3)
    assert found["charge_most"] == pytest.approx(charge)
    if not seen:
        assert (found["peak"], found["peak_i"], found["charge"]) == (2.0, 5e-4, 0.0)
        assert found["energy_most"] == pytest.approx(2.0 * charge)
        return
    top = 5e-4 * 8e-4
    assert (found["peak"], found["peak_i"]) == (pytest.approx(0.5), 0.0)
    assert found["charge"] == pytest.approx(top)
    assert found["energy"] == pytest.approx(0.5 * top)
    assert found["energy_most"] == pytest.approx(0.5 * top + 2.0 * (charge - top))


def test_a_bench_plays_a_current_by_hand():
    with Bench(define_bench(BENCH, "bench of a test"), BENCH) as opened:
        pulsed, looked = opened.play(
            pulse(5e-4, 1e-3) + rest(1e-3) + read(1e-5, 1e-3), 1e-3, voltage_limits={"top": 2.0}
        )
        assert (pulsed.v, looked.v) == pytest.approx((0.5, 1e-2))
        assert "currents" not in opened.stations._of
