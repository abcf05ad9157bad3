"""What every protocol of the catalogue keeps to, and the known mistakes that none may make."""

from __future__ import annotations

import itertools
import random
import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from labctl import catalogue, listing
from labctl.analysis.definitions import DEFINITIONS
from labctl.benchfile import read_bench
from labctl.errors import BadInput, InstrumentFault
from labctl.planner import imagine, plan
from labctl.readings import Readings
from labctl.results import Results
from labctl.steps import Play, StepRecord
from labctl.waveform import read
from labctl.workbench import Bench

ROOT = Path(__file__).resolve().parents[2]
KINDS = catalogue.names("protocol")
RUNNABLE = [kind for kind in KINDS if kind != "imported"]
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
        answer = imagine(step.waveform, conductance) if isinstance(step, Play) else Readings()
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


class TestKnownMistakes:
    """Mistakes found in programs of the same kind; a protocol that made one would be caught."""

    @pytest.mark.parametrize("kind", RUNNABLE)
    def test_no_interval_is_spent_at_the_pulses_level(self, kind):
        """The level of every electrical terminal is back at zero when a waveform ends."""
        for step in walked(usual(kind)):
            if not isinstance(step, Play) or step.waveform.summary().segments > 100_000:
                continue
            *_, (_, last) = step.waveform.flatten()
            resting = {name: ends for name, ends in last.levels.items() if ends[1] != 0}
            # a last segment at a level is itself a pulse or a read, which ends with the waveform
            assert not resting or last.role in ("pulse", "read"), (kind, step.label)

    @pytest.mark.parametrize("kind", RUNNABLE)
    def test_nothing_depends_on_the_clock_or_on_a_global_seed(self, kind, monkeypatch):
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
        definition, content = read_bench("keithley2602b")
        with pytest.raises((InstrumentFault, BadInput)), Bench(definition, content):
            pass

    def test_a_compliance_of_a_tenth_of_a_microampere_arrives(self):
        definition, content = read_bench("sim-ftj")
        with Bench(definition, content) as bench:
            bench.play(read(0.1, 20e-3), 100e-9)
            assert bench.laboratory is not None
            state = bench.laboratory.instruments["smu"].channel_state("a")
            assert state["limit"] == pytest.approx(100e-9)

    def test_a_width_that_cannot_be_is_refused_and_never_raised(self):
        short = catalogue.protocol_from("ppf", {"width": 1e-6})
        made = plan(short, read_bench("sim-2410")[0])
        assert any("us" in str(violation) for violation in made.violations)
        assert all(violation.remedy for violation in made.violations)


def test_no_two_protocols_have_one_title():
    titles = [usual(kind).title for kind in KINDS]
    assert all(a != b for a, b in itertools.combinations(titles, 2))
