"""What is said of a protocol before anything is connected, on one bench and on all of them."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from typer.testing import CliRunner

from labctl import catalogue, engine
from labctl.benchfile import define_bench, read_bench
from labctl.cli import app
from labctl.feasibility import examine, lines, stress_so_far, survey, table
from labctl.planner import plan
from labctl.protocol import Protocol
from labctl.steps import Play, Steps
from labctl.waveform import pulse, read, rest

FEW = {"intervals": "20 ms, 1 s", "repeats": 1, "longest_wait": 0, "restore": "wait"}


def ppf(**values):
    return catalogue.protocol_from("ppf", {**FEW, **values})


class Small(Protocol):
    """Pulses and reads at given levels."""

    kind: Literal["small"] = "small"
    amplitude: float = 1.0
    compliance: float = 1e-3

    def steps(self) -> Steps:
        waveform = pulse(self.amplitude, 2e-3) + rest(2e-3) + read(self.amplitude / 10, 30e-3)
        waveform = waveform + rest(2e-3)
        for _ in range(3):
            yield Play(waveform * 5, self.compliance)


def bench(driver: str, model: str, channel: str, **more):
    return define_bench(
        {
            "name": "b",
            "instruments": {
                "smu": {"driver": driver, "model": model, "address": "GPIB0::1::INSTR"}
            },
            "terminals": {"top": f"smu.{channel}"},
            **more,
        },
        "test",
    )


BENCHES = {
    "trigger model": bench("keithley2600", "2602B", "a"),
    "hardware list": bench("keithley2400", "2410", "front"),
}


@pytest.mark.parametrize("mode", BENCHES)
def test_the_plan_says_who_times_the_steps_and_how_well(mode):
    made = plan(Small(), BENCHES[mode])
    assert made.modes == {mode: 3}
    assert 0 < made.timing < 1e-3
    assert made.compliance == 1e-3


@pytest.mark.parametrize("mode", BENCHES)
def test_a_signal_below_what_range_and_aperture_resolve_is_warned_of(mode):
    clear = plan(Small(), BENCHES[mode], 1e-3)
    assert clear.warnings == ()
    assert {r.role for r in clear.resolutions} == {"pulse", "read"}
    for resolution in clear.resolutions:
        assert resolution.current < resolution.signal
        assert resolution.range == 1e-3
        assert 0 < resolution.aperture <= 30e-3
    faint = plan(Small(), BENCHES[mode], 1e-9)
    assert len(faint.warnings) == 2
    assert "100 pA at 100 mV if the device has 1 nS, below the" in " ".join(faint.warnings)
    # on the range of a smaller compliance the pulses are seen, by either instrument
    better = plan(Small(compliance=1e-6), BENCHES[mode], 1e-6)
    worst = {r.role: r for r in better.resolutions}
    assert worst["pulse"].enough


def test_the_energy_that_is_resolved_is_that_of_the_smallest_current():
    made = plan(Small(), BENCHES["hardware list"], 1e-4)
    (one,) = [r for r in made.resolutions if r.role == "pulse"]
    assert one.energy == pytest.approx(one.current * 1.0 * 2e-3)


def test_a_virtual_device_says_what_to_expect_of_it():
    definition, _ = read_bench("sim-ftj")
    (read_one,) = [r for r in plan(ppf(), definition).resolutions if r.role == "read"]
    assert read_one.signal == pytest.approx(0.1 * 200e-6)


def test_a_plan_takes_as_long_as_what_is_played_instead():
    values = {"cycles": 10_000, "per_decade": 1}
    verdict = examine(catalogue.protocol_from("endurance", values), "sim-2450")
    assert verdict.plan is not None
    assert verdict.accepting is not None
    # 20 000 pulses and as many rests of 630 us instead of 100 us and 200 us
    longer = (
        verdict.accepting.duration
        - examine(catalogue.protocol_from("endurance", values), "sim-ftj")
        .plan_for(accept_degraded=False)
        .duration
    )
    assert longer == pytest.approx(20_000 * (530e-6 + 430e-6), rel=0.02)


def test_it_is_said_how_long_an_instrument_goes_on_without_the_computer():
    verdict = examine(catalogue.protocol_from("endurance", {"cycles": 200_000}), "keithley2602b")
    made = verdict.plan_for(accept_degraded=False)
    assert made.alone == pytest.approx(14.0)  # its heartbeat, and two looks at it
    assert any("silence" in line and "14 s at most" in line for line in lines(verdict))
    others = examine(catalogue.protocol_from("endurance", {"cycles": 200_000}), "keithley2450")
    assert others.plan_for(accept_degraded=True).alone > 100


def test_steps_that_break_one_limit_by_other_amounts_are_said_once():
    made = examine(catalogue.protocol_from("endurance", {}), "sim-2410").plan
    assert made is not None
    said = [str(violation) for violation in made.violations]
    assert sum("segments in one step" in text for text in said) == 1
    assert any("and 7 more like it" in text for text in said)


def test_what_would_be_played_instead_makes_a_verdict():
    verdict = examine(ppf(), "sim-2410")
    assert (verdict.word, verdict.feasible) == ("if degraded", False)
    assert verdict.accepting is not None
    assert "2410: levels of 960 us instead of 100 us" in verdict.accepting.degradations
    assert verdict.accepting.violations == ()
    assert examine(ppf(), "sim-ftj").word == "feasible"
    assert examine(ppf(amplitude=5.0), "sim-2410").word == "not feasible"  # beyond the envelope


def test_the_survey_names_every_bench_with_a_reason_or_a_course():
    verdicts = survey(ppf())
    assert {v.bench for v in verdicts} == set(catalogue.bench_files())
    for verdict in verdicts:
        assert verdict.feasible or verdict.accepting or verdict.reason or verdict.plan.violations
    text = "\n".join(table(verdicts))
    for name in ("sim-ftj", "keithley2410", "direct-ftj"):
        assert name in text
    assert "2410: levels of 960 us instead of 100 us" in text
    assert "wire top in the bench file" in text


def test_a_bench_file_that_is_wrong_is_named_in_the_survey(workplace):
    (workplace / "benches").mkdir()
    (workplace / "benches" / "mine.toml").write_text("[instrumentz]\n")
    found = {v.bench: v for v in survey(ppf())}
    assert 'the key "instruments" is missing' in found["mine"].reason
    assert found["mine"].plan is None


def test_what_a_device_has_seen_is_summed_over_its_runs(workplace):
    for _ in range(2):
        engine.run(ppf(), "direct-ftj", engine.Options(workplace / "runs", site="3,2,1"))
    engine.run(ppf(), "direct-ftj", engine.Options(workplace / "runs", site="3,2,2"))
    seen = stress_so_far(workplace / "runs", "3,2,1")
    one = examine(ppf(), "direct-ftj").plan
    assert one is not None
    assert (seen.runs, seen.pulses) == (2, 2 * one.pulses)
    assert seen.charge == pytest.approx(2 * one.charge)
    assert stress_so_far(workplace / "runs", "4,4,4").runs == 0


@pytest.fixture
def cli(workplace):
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_says_timing_floor_and_what_would_be_degraded(cli):
    result = cli("check", "ppf", "--bench", "sim-2410")
    assert result.exit_code == 3
    for word in ("timing", "hardware list", "floor", "degraded", "of 2 V"):
        assert word in result.stdout
    assert "--accept-degraded" in result.stderr
    accepted = cli("check", "ppf", "--bench", "sim-2410", "--accept-degraded")
    assert accepted.exit_code == 0
    assert "feasible, degraded" in accepted.stdout


def test_the_command_asks_every_bench(cli):
    result = cli("check", "ppf", "--all", "--set", "repeats=1", "--set", "intervals=20 ms")
    assert result.exit_code == 0
    assert "sim-2410" in result.stdout
    shown = json.loads(cli("check", "ppf", "--all", "--json", "-s", "repeats=1").stdout)
    assert shown["sim-ftj"]["feasible"] is True


def test_the_command_takes_what_is_known_of_the_device(cli):
    faint = cli("check", "ppf", "--conductance", "1 nS")
    assert faint.exit_code == 0
    assert "warning" in faint.stdout
    assert "upper bound" in faint.stdout
