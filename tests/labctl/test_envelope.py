"""What a sample's file allows gates what may still be done to each of its devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labctl
from labctl import catalogue, engine
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.envelope import Allowance, Gate, SampleFile, read_sample
from labctl.errors import Aborted, BadInput, Refused
from labctl.ledger import Ledger, ledgers_of
from labctl.planner import plan
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.results import Results
from labctl.sample import gate_of, runs_of, stress_of
from labctl.steps import Move, Play, Soak
from labctl.waveform import pulse, read, rest

FEW = {"repeats": 1, "intervals": "10 ms, 50 ms", "restore": "wait", "longest_wait": 2}
PULSES = 4  # of such a run
PAIR = Play(pulse(1.0, 1e-3) + rest(1e-3) + pulse(-2.0, 1e-3) + read(0.1, 1e-2), 1e-3)


def sample_of(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sample.toml").write_text(text, encoding="utf-8")
    return folder


def go(tmp_path: Path, sample: Path, device: str = "D1", **changes) -> Record:
    options = engine.Options(tmp_path / "runs", 3, device, str(sample), **changes)
    return engine.run(catalogue.protocol_from("ppf", {"seed": 3, **FEW}), "direct-ftj", options)


class TestFile:
    def test_the_closest_word_counts_quantity_by_quantity(self, tmp_path):
        file = read_sample(
            sample_of(
                tmp_path,
                """
                title = "wafer 12"
                [envelope]
                v = "3 V"
                pulses = 1e8
                time_at_bias = "2 h"
                [types.small]
                sites = ["*,*,1", "*,*,3"]
                [types.small.envelope]
                v = "2 V"
                energy = "1 uJ"
                [devices."2,2,1".envelope]
                pulses = 100
                """,
            )
        )
        assert file.limits
        assert file.allowed("1,1,2") == Allowance(v=3.0, pulses=1e8, time_at_bias=7200.0)
        assert file.allowed("1,1,3").v == 2.0
        both = file.allowed("2,2,1")
        assert (both.v, both.energy, both.pulses, both.charge) == (2.0, 1e-6, 100.0, None)

    def test_a_sample_without_a_file_limits_nothing(self, tmp_path):
        assert not read_sample(tmp_path).limits
        assert gate_of(tmp_path, "D1", tmp_path, {}) is None

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[envelope]\nvolts = 3", 'the key "envelope.volts" is unknown'),
            ("[envelope]\nv = -1", "envelope.v = -1 is not allowed"),
            ('[envelope]\ncharge = "3 V"', 'has the unit "V"'),
            ("[types.small]\nenvelope = {v = 1}", 'the key "types.small.sites" is missing'),
            ("[envelope", "not valid TOML"),
        ],
    )
    def test_what_is_wrong_in_it_is_one_sentence(self, tmp_path, text, said):
        with pytest.raises(BadInput, match=r"sample\.toml") as caught:
            read_sample(sample_of(tmp_path, text))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def gate(so_far: Ledger = Ledger(), *, probed: bool = False, **limits: float) -> Gate:  # noqa: B008
    return Gate(
        SampleFile(envelope=Allowance(**limits)), "sample.toml", "D1", {"D1": so_far}, probed=probed
    )


class TestGate:
    @pytest.mark.parametrize(
        ("limits", "so_far", "said"),
        [
            ({"v": 1.5}, Ledger(), "voltage: 2 V was asked for, at most 1.5"),
            ({"i": 1e-4}, Ledger(), "compliance: 1 mA was asked for, at most 100 uA"),
            ({"pulses": 9}, Ledger(pulses={"pair": 8}), "pulses: 2 more after 8"),
            ({"time_at_bias": 0.02}, Ledger(biased=0.01), "time at bias: 12 ms more after 10 ms"),
            ({"charge": 2e-5}, Ledger(charge_most=1e-5), "charge: up to 12 uC more after 10 uC"),
            ({"energy": 5e-6}, Ledger(energy_most=2e-6), "energy: up to 4 uJ more after 2 uJ"),
        ],
    )
    def test_what_was_and_what_is_to_come_are_added(self, limits, so_far, said):
        (violation,) = gate(so_far, **limits).course().take(PAIR)
        assert said in str(violation)
        assert str(violation).endswith(f"or raise {next(iter(limits))} in sample.toml.")
        (allowed,) = limits.values()
        assert gate(so_far, **{next(iter(limits)): 10 * allowed}).course().take(PAIR) == []

    @given(most=st.integers(1, 60), before=st.integers(0, 60), trains=st.lists(st.integers(1, 9)))
    def test_never_a_pulse_more_than_allowed(self, most, before, trains):
        course = gate(Ledger(pulses={"any": before}), pulses=most).course()
        applied = before
        for count in trains:
            if course.take(Play((pulse(1.0, 1e-3) + rest(1e-3)) * count, 1e-3)):
                assert applied + count > most
                break
            applied += count
            assert applied <= most

    def test_every_device_has_its_own(self):
        course = gate(Ledger(pulses={"any": 8}), pulses=10).course()
        assert course.take(PAIR) == []
        course.take(Move("D2"))
        assert course.take(PAIR) == []
        course.take(Move("D1"))
        (violation,) = course.take(PAIR)
        assert "device D1" in violation.limit
        assert [one.limit for one in course.violations()] == [violation.limit]

    def test_touch_downs_are_those_of_the_needles(self):
        course = gate(Ledger(touch_downs=3), probed=True, touch_downs=5).course()
        assert course.take(PAIR) == []  # the needles come down once
        assert course.take(PAIR) == []
        course.take(Soak(330.0))  # off for the soak
        assert course.take(PAIR) == []
        assert "touch-downs: 3 more after 3" in str(course.take(Move("D1"))[0])
        assert gate(touch_downs=1).course().take(Move("D1")) == []  # there is no prober

    def test_light_is_no_voltage(self):
        lit = Gate(SampleFile(envelope=Allowance(v=1.5)), "", "", light=frozenset({"top"}))
        assert lit.course().take(PAIR) == []


class TestRuns:
    def test_a_device_is_worn_until_nothing_more_is_allowed(self, tmp_path):
        sample = sample_of(tmp_path / "W12", f"[envelope]\npulses = {2 * PULSES + 1}\n")
        go(tmp_path, sample)
        second = go(tmp_path, sample)
        with pytest.raises(Refused, match=r"device D1, pulses: 4 more after 8") as caught:
            go(tmp_path, sample)
        assert "\n" not in str(caught.value)
        assert len(list(catalogue.run_folders(tmp_path / "runs"))) == 2  # nothing was begun
        assert go(tmp_path, sample, "D2").header.status == "done"  # the neighbour is fresh
        # a run that is somewhere else by now is found, one that is nowhere is not forgotten
        with pytest.raises(Refused, match="4 more after 8"):
            engine.run(
                catalogue.protocol_from("ppf", FEW), "direct-ftj",
                engine.Options(tmp_path / "other", 3, "D1", str(sample)),
            )  # fmt: skip
        second.folder.rename(tmp_path / "hidden")
        with pytest.raises(BadInput, match="the stress of its devices is not known"):
            go(tmp_path, sample)

    def test_a_device_that_begins_anew_has_seen_nothing(self, tmp_path):
        sample = sample_of(tmp_path / "W12", f"[envelope]\npulses = {PULSES}\n")
        go(tmp_path, sample)
        with pytest.raises(Refused):
            go(tmp_path, sample)
        assert go(tmp_path, sample, fresh=True).header.fresh
        stress = stress_of(runs_of(sample, tmp_path / "runs"))
        assert stress["D1"].total_pulses == PULSES
        with pytest.raises(Refused):
            go(tmp_path, sample)

    def test_what_was_not_measured_is_bounded_by_the_compliance(self, tmp_path):
        run = labctl.run("ppf", "direct-ftj", out=tmp_path, **FEW)
        (one,) = ledgers_of(run).values()
        plays = [step.what for step in run.steps if isinstance(step.what, Play)]
        most = sum(p.compliance * sum(p.waveform.summary().biased.values()) for p in plays)
        assert one.charge <= one.charge_most <= most
        assert one.energy <= one.energy_most
        blind = Record(run.folder)
        rows = [row._replace(i=float("nan")) for row in blind.readings]
        blind.__dict__["_table"] = ([0] * len(rows), rows)
        (unseen,) = ledgers_of(blind).values()
        assert (unseen.charge, unseen.energy) == (0, 0)
        assert unseen.charge_most == pytest.approx(most)

    def test_an_attempt_that_was_repeated_counts(self, tmp_path):
        control = Control()

        def progress(done, *_):
            if done == 2:
                control.say("abort", "test")

        options = engine.Options(tmp_path, 3, progress=progress)
        with pytest.raises(Aborted):
            engine.run(catalogue.protocol_from("ppf", FEW), "direct-ftj", options, control)
        (folder,) = catalogue.run_folders(tmp_path)
        journal = folder / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line for line in lines if b'"step":1' not in line
                                     or b'"done"' not in line))  # fmt: skip
        (before,) = ledgers_of(Record(folder)).values()
        after = engine.resume(folder, "repeat")
        (whole,) = ledgers_of(after).values()
        assert before.interrupted == whole.interrupted == 1
        assert whole.total_pulses == PULSES + 2  # one pair may have reached the device twice

    def test_a_closed_loop_that_goes_on_is_stopped_before_the_step_that_is_too_much(self, tmp_path):
        class Greedy(Protocol):
            kind: str = "ppf"
            decides = True

            def steps(self):
                got = yield PAIR
                while got.i[0] != pytest.approx(1e-4):  # what the ideal resistor of a plan gives
                    got = yield PAIR

            def analyse(self, record):
                return Results()

        sample = sample_of(tmp_path / "W12", "[envelope]\npulses = 7\n")
        options = engine.Options(tmp_path / "runs", 3, "D1", str(sample))
        ends = plan(Greedy(), read_bench("direct-ftj")[0])
        assert not ends.violations
        with pytest.raises(Refused, match="pulses"):
            engine.run(Greedy(), "direct-ftj", options)

    def test_the_commands_show_what_is_left(self, tmp_path):
        sample = sample_of(tmp_path / "W12", f'[envelope]\npulses = {PULSES + 1}\nv = "2 V"\n')
        go(tmp_path, sample)
        words = ["--sample", str(sample), "--out", str(tmp_path / "runs")]
        settings = [part for key, value in FEW.items() for part in ("--set", f"{key}={value}")]

        def told(*more: str, status: int) -> str:
            command = [sys.executable, "-m", "labctl.cli", *more, *words]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == status, done.stderr
            return done.stdout + done.stderr

        checked = told("check", "ppf", "-b", "direct-ftj", "--device", "D1", *settings, status=3)
        assert "device     pulses 4 of 5" in checked
        assert "device D1, pulses: 4 more after 4 was asked for, at most 5 over all" in checked
        fresh = told("check", "ppf", "-b", "direct-ftj", "--device", "D2", *settings, status=0)
        assert "device     pulses 0 of 5" in fresh
        assert "may see       pulses 4 of 5" in told("ledger", "D1", status=0)
