"""What every protocol of the catalogue keeps to, and the known mistakes that none may make."""

from __future__ import annotations

import copy
import itertools
import random
import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from labctl import catalogue, engine, listing
from labctl.analysis.definitions import DEFINITIONS
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput, InstrumentFault
from labctl.planner import imagine, plan
from labctl.readings import Readings, Row
from labctl.rehearsal import rehearse
from labctl.results import Results
from labctl.steps import Play, StepRecord
from labctl.waveform import read
from labctl.workbench import Bench
from protocols.ltp_ltd_cycles import Cycles, jackknifed
from protocols.parameters import Returning
from protocols.responses import energy_metrics

ROOT = Path(__file__).resolve().parents[2]
KINDS = catalogue.names("protocol")
RUNNABLE = [kind for kind in KINDS if catalogue.load("protocol", kind).runnable]
PURPOSES = {
    "plasticity", "memory", "reliability", "transport", "devices", "neuron and logic", "light",
}  # fmt: skip
_LOOKED_AT = 60  # steps of a walk


class Nothing:
    """A record without a step."""

    steps: tuple[StepRecord, ...] = ()
    readings = Readings()

    def of(self, step: StepRecord) -> Readings:
        raise AssertionError("there is no step")

    def where(self, **label: object):
        return iter(())


def usual(kind: str):
    return catalogue.protocol_from(kind, {})


def walked(protocol, conductance: float = 1e-4):
    """Return the first steps, answered by an ideal resistor."""
    course = protocol.steps()
    answer, found = None, []
    for _ in range(_LOOKED_AT):
        try:
            step = next(course) if answer is None else course.send(answer)
        except StopIteration:
            break
        found.append(step)
        answer = imagine(step, conductance) if isinstance(step, Play) else Readings()
    course.close()
    return found


def example_of(kind: str) -> tuple[Path, list[str]]:
    """Return an example file of a kind and the words of its command."""
    for path in sorted((ROOT / "docs" / "examples").glob("*.toml")):
        text = path.read_text("utf-8")
        if tomllib.loads(text).get("kind") == kind:
            return path, shlex.split(text.splitlines()[0])
    raise AssertionError(f"{kind} has no example")


@pytest.mark.parametrize("kind", KINDS)
def test_it_explains_itself(kind):
    made = usual(kind)
    assert made.title
    assert made.summary.endswith(".")
    assert len(made.summary) <= 78, "a line of a list"
    assert made.purpose in PURPOSES
    assert made.reference.text or made.reference.doi or kind == "imported"
    for name, info in type(made).parameters().items():
        assert info.description, name
    told = listing.describe(kind)
    assert told is not None
    assert made.title in told


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_through_a_file_unchanged(kind):
    made = usual(kind)
    values = made.model_dump(mode="json")
    assert catalogue.protocol_from(kind, values) == made
    with pytest.raises(BadInput, match="widht"):
        catalogue.protocol_from(kind, {"widht": 1.0})


@pytest.mark.parametrize("kind", RUNNABLE)
def test_it_shows_its_waveform_before_anything_is_sent(kind):
    panels = usual(kind).preview()
    assert panels
    for panel in panels:
        assert panel.x_unit == "s"
        assert any(len(set(trace.y)) > 1 for trace in panel.traces)
    assert "⠀" in (listing.describe(kind) or "")


@pytest.mark.parametrize("kind", RUNNABLE)
def test_every_step_says_what_it_is(kind):
    for step in walked(usual(kind)):
        assert step.label, step
        if isinstance(step, Play):
            assert "part" in step.label
            assert step.compliance > 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_record_gives_notes_and_no_exception(kind):
    found = usual(kind).analyse(Nothing())
    assert isinstance(found, Results)
    assert found.notes
    assert not any(np.isnan(metric.value) for metric in found.metrics.values())


@pytest.mark.parametrize("kind", RUNNABLE)
def test_its_example_is_feasible_where_it_says(kind):
    path, words = example_of(kind)
    bench = words[words.index("--bench") + 1]
    made = plan(catalogue.protocol_from(str(path), {}), read_bench(bench)[0])
    assert made.violations == ()
    assert made.steps > 0


@pytest.mark.parametrize("kind", RUNNABLE)
def test_its_usual_parameters_are_feasible_on_a_shipped_bench(kind):
    words = example_of(kind)[1]
    first = words[words.index("--bench") + 1]
    simulated = [name for name in catalogue.bench_files() if name.startswith(("direct-", "sim-"))]
    benches = [first, *sorted(simulated, key=lambda name: name.startswith("sim-"))]
    assert any(not plan(usual(kind), read_bench(name)[0]).violations for name in benches)


@pytest.mark.parametrize(
    ("kind", "bench"),
    [("neuron", "sim-threshold-switch"), ("pund", "sim-hzo"), ("neuron", "sim-2430")],
)
def test_a_bench_that_is_too_slow_says_what_is_allowed_and_what_to_do(kind, bench):
    found = plan(usual(kind), read_bench(bench)[0]).violations
    assert found
    for violation in found:
        assert violation.asked
        assert violation.allowed
        assert violation.remedy


@pytest.mark.parametrize("kind", RUNNABLE)
def test_what_decides_from_readings_has_a_limit(kind):
    protocol = catalogue.load("protocol", kind)
    if protocol.decides and kind != "uniformity":  # which has that of the protocol it repeats
        assert {"most_pulses", "longest_time"} <= set(protocol.model_fields)


def test_definitions_of_all_figures_are_registered():
    """Every id that a protocol's source names stands in the registry."""
    ids = set(DEFINITIONS)
    named = re.compile(r'Metric\([^()]*?(?:\([^()]*\)[^()]*?)*"([a-z0-9]+(?:-[a-z0-9]+)+)"')
    for path in sorted((ROOT / "protocols").glob("*.py")):
        for found in named.findall(path.read_text("utf-8")):
            assert found in ids, f"{path.name}: {found}"


#: kinds whose parts all begin at a baseline that was read
RESTORED = [kind for kind in RUNNABLE if issubclass(catalogue.load("protocol", kind), Returning)]


class TestKnownMistakes:
    """Mistakes found in programs of the same kind; a protocol that made one would be caught.

    One: an interval spent at the level of the pulse. Two: a fit that always fails and is swallowed.
    Three: no return to the baseline between parts. Four: a width raised in silence. Five: an energy
    with dt = 1. Six: random currents where an instrument is missing. Seven: a simulator on the
    clock with a global seed. Eight: a range from one branch, a variation that mixes both. Nine: a
    compliance of 100 nA sent as zero. Ten: a resume that begins what is next. The docstrings of
    the tests below begin with these numbers; single protocols have further tests of their own.
    """

    @pytest.mark.parametrize("kind", RUNNABLE)
    def test_no_interval_is_spent_at_the_pulses_level(self, kind):
        """One: the level of every electrical terminal is back at zero when a waveform ends."""
        for step in walked(usual(kind)):
            if not isinstance(step, Play) or step.waveform.summary().segments > 100_000:
                continue
            *_, (_, last) = step.waveform.flatten()
            resting = {name: ends for name, ends in last.levels.items() if ends[1] != 0}
            # a last segment at a level is itself a pulse or a read, which ends with the waveform
            assert not resting or last.role in ("pulse", "read"), (kind, step.label)

    def test_a_fit_that_cannot_be_made_says_why_and_one_that_can_has_its_time(self):
        """Two: the time of pairs is fitted; without an effect the fit says what is wrong."""
        content = copy.deepcopy(read_bench("direct-ftj")[1])
        asked = {"intervals": "20 ms .. 1 s, 6 log", "repeats": 1, "compliance": "9 mA",
                 "restore": "wait", "longest_wait": 2}  # fmt: skip
        fits = rehearse(catalogue.protocol_from("ppf", asked), content).analyse().fits
        assert 10e-3 < fits["single_decay"].tau1.value < 1
        content["simulation"]["device"] = {"family": "resistor", "preset": "10k"}
        flat = rehearse(catalogue.protocol_from("ppf", asked), content).analyse().fits
        for fit in flat.values():
            assert not fit.identifiable
            assert fit.note

    @pytest.mark.parametrize("kind", RESTORED)
    def test_every_part_begins_at_a_baseline_that_was_read(self, kind):
        """Three: before anything is measured the baseline is; an ideal resistor is always on it."""
        made = catalogue.protocol_from(kind, {"prepare": "baseline"} if kind == "retention" else {})
        walk = [step for step in walked(made) if isinstance(step, Play)]
        parts = [step.label["part"] for step in walk]
        own = [k for k, part in enumerate(parts) if part not in ("baseline", "restore")]
        assert own
        assert parts[0] in ("baseline", "restore", "state"), parts[:3]
        assert "baseline" in parts[: own[0] + 1] or parts[0] == "state"

    def test_energy_is_the_integral_over_the_width_that_was_achieved(self):
        """Five: 1 V and 1 mA for 100 us are 100 nJ."""
        rows = [Row(t, "top", "pulse", 1.0, 1.0, 1e-3, 100e-6, 1e-3, 1e-6, 0) for t in (0.0, 1e-3)]
        assert energy_metrics({"": Readings(rows)})["energy"].value == pytest.approx(100e-9)

    def test_the_range_comes_from_both_branches(self):
        """Eight: depression ends below where potentiation began.

        That each branch has a variation of its own: `test_ltp_ltd.test_branches_scatter_apart`.
        """
        up, down = np.linspace(1e-6, 2e-6, 21), np.linspace(2e-6, 0.5e-6, 21)
        g = np.tile(np.concatenate((up, down[1:])), (3, 1))
        g *= 1 + 1e-3 * np.random.default_rng(1).normal(size=g.shape)
        found = jackknifed(Cycles(20, g, 1e-9 + 0 * g, {}, 0))
        assert found["dynamic_range_read"].value == pytest.approx(4.0, rel=0.01)

    def test_resume_goes_on_with_the_run_that_was_broken_off(self, tmp_path):
        """Ten: of two runs the first was broken off; to resume it begins nothing else."""
        asked = {"intervals": "20 ms, 100 ms", "repeats": 1, "restore": "wait",
                 "longest_wait": 1, "compliance": "9 mA"}  # fmt: skip
        control = Control()

        def progress(done, plan, now):
            if done == 2:
                control.say("abort", "test")

        first = engine.Options(tmp_path / "first", progress=progress)
        with pytest.raises(Aborted):
            engine.run(catalogue.protocol_from("ppf", asked), "direct-ftj", first, control)
        following = asked | {"intervals": "50 ms"}
        engine.run(
            catalogue.protocol_from("ppf", following),
            "direct-ftj",
            engine.Options(tmp_path / "second"),
        )
        (folder,) = catalogue.run_folders(tmp_path / "first")
        after = engine.resume(folder, "repeat")
        assert after.header.status == "done"
        assert after.header.protocol["kind"] == "ppf"
        assert sum(1 for _ in after.where(part="pair")) == 2
        assert len(list(catalogue.run_folders(tmp_path))) == 2  # and no third run

    @pytest.mark.parametrize("kind", RUNNABLE)
    def test_nothing_depends_on_the_clock_or_on_a_global_seed(self, kind, monkeypatch):
        """Seven."""
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - the global one is meant
        first = [msgspec.json.encode(step) for step in walked(usual(kind))]
        random.seed(2)
        np.random.seed(2)  # noqa: NPY002
        monkeypatch.setattr("time.time", lambda: 0.0)
        again = [msgspec.json.encode(step) for step in walked(usual(kind))]
        assert first == again

    @pytest.mark.parametrize("kind", RUNNABLE)
    def test_another_seed_changes_the_order_only(self, kind):
        one, other = (catalogue.protocol_from(kind, {"seed": seed}) for seed in (0, 1))
        walks = [walked(made) for made in (one, other)]
        if one.decides or len(walks[0]) == _LOOKED_AT:
            return  # cut off in different places
        parts = [sorted(str(step.label.get("part")) for step in walk) for walk in walks]
        assert parts[0] == parts[1]

    def test_a_missing_instrument_is_an_error_and_never_random_numbers(self):
        """Six."""
        definition, content = read_bench("keithley2602b")
        with pytest.raises((InstrumentFault, BadInput)), Bench(definition, content):
            pass

    def test_a_compliance_of_a_tenth_of_a_microampere_arrives(self):
        """Nine."""
        definition, content = read_bench("sim-ftj")
        with Bench(definition, content) as bench:
            bench.play(read(0.1, 20e-3), 100e-9)
            assert bench.laboratory is not None
            state = bench.laboratory.instruments["smu"].channel_state("a")
            assert state["limit"] == pytest.approx(100e-9)

    def test_a_width_that_cannot_be_is_refused_and_never_raised(self):
        """Four."""
        short = catalogue.protocol_from("ppf", {"width": 1e-6})
        made = plan(short, read_bench("sim-2410")[0])
        assert any("us" in str(violation) for violation in made.violations)
        assert all(violation.remedy for violation in made.violations)


def test_no_two_protocols_have_one_title():
    titles = [usual(kind).title for kind in KINDS]
    assert all(a != b for a, b in itertools.combinations(titles, 2))


def test_what_cannot_be_run_is_not_listed_among_what_can():
    assert set(KINDS) - set(RUNNABLE) == {"imported"}
    listed = {name for name, _ in listing.rows("protocols", Path("runs"))}
    assert listed == set(RUNNABLE)
    assert "Imported data" in (listing.describe("imported") or "")
