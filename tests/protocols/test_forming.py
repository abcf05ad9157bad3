"""Forming: the cell's own forming voltage, its energy, the RESET, and the abort."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from labctl import engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.workbench import Bench
from protocols.forming import Forming


def bench(name: str = "direct-rram-pristine", *, spread: bool = False, **device: object) -> dict:
    """Return a bench's content with another device, and its spread."""
    found = copy.deepcopy(read_bench(name)[1])
    found["simulation"]["device"].update(device)
    found["simulation"]["noise"]["device"] = spread
    return found


def hidden(content: dict, seed: int) -> float:
    """Return the voltage that forms this cell, V."""
    with Bench(define_bench(content, "test"), content, seed=seed) as opened:
        return float(opened.laboratory.device.state.row("forming")[0])


def covered(seed: int, step: float = 0.05) -> bool:
    """Say whether the 95 % interval of a random cell's forming voltage holds the truth."""
    content = bench(spread=True)
    truth = hidden(content, seed)
    protocol = Forming(weakest=1.5, strongest=5.0, step=step, resets=0)
    found = rehearse(protocol, content, seed=seed).analyse().metrics["forming_voltage"]
    return abs(found.value - truth) <= 1.96 * found.sigma


def test_random_cells_form_at_their_own_voltage():
    assert all(covered(seed) for seed in range(3))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_forming_voltages_are_covered_as_the_interval_says():
    assert np.mean([covered(seed) for seed in range(200)]) > 0.92


@pytest.fixture(scope="module")
def nominal() -> Rehearsed:
    return rehearse(Forming(), bench())


def test_the_nominal_cell_is_formed_and_reset(nominal):
    found = nominal.analyse()
    metrics = found.metrics
    truth = hidden(bench(), 0)
    assert metrics["formed"].value == 1
    assert metrics["broken"].value == 0
    assert abs(metrics["forming_voltage"].value - truth) <= 0.05
    assert metrics["before"].value == pytest.approx(1e-9, rel=0.05)
    assert metrics["window"].value > 2
    assert metrics["resistance_after_reset"].value > metrics["resistance_after_forming"].value
    assert metrics["forming_current"].value == pytest.approx(100e-6, rel=0.01)


def test_the_energy_is_that_of_the_readings(nominal):
    metrics = nominal.analyse().metrics
    rows = Readings([r[0] for step, r in nominal.where(part="forming")])
    assert metrics["energy_total"].value == pytest.approx(np.sum(rows.v * rows.i * rows.width))
    last = rows[-1]
    assert metrics["energy_forming"].value == pytest.approx(last.v * last.i * last.width)
    # a pulse of 1 ms: with dt = 1 s it would be a thousand times as much
    assert metrics["energy_forming"].value < 1e-3 * 4.5 * 100e-6 * 1.1
    assert last.flags & Flag.COMPLIANCE


def test_the_ramp_ends_at_the_target_and_grows_until_then(nominal):
    asked = [step.label["amplitude"] for step, _ in nominal.where(part="forming")]
    assert asked == pytest.approx(np.arange(len(asked)) * 0.1 + 1.0)
    assert len(asked) < 36
    assert sum(1 for _ in nominal.where(part="reset")) == 1


def test_a_cell_that_conducts_is_left_alone():
    made = rehearse(Forming(resets=0), bench("direct-rram", resistance="5 kOhm"))
    assert len(made.steps) <= 3
    assert "it was below 10000 Ohm already; no forming pulse was applied" in made.analyse().notes


def test_a_short_aborts_at_once_without_a_reset():
    # what forms is below 10 kOhm at once: here that counts as a short
    made = rehearse(Forming(target=100e3, breakdown=10e3), bench())
    found = made.analyse()
    assert found.metrics["broken"].value == 1
    assert sum(1 for _ in made.where(part="reset")) == 0
    assert made.steps[-1].label["part"] == "after forming"
    assert any("broken" in note for note in found.notes)


def test_a_ramp_of_widths_forms_too():
    protocol = Forming(
        ramp="width", strongest=1.5, width=10e-6, widest=0.1, target=1e3, breakdown=50,
        compliance=20e-3, resets=0, pause=0.1,
    )  # fmt: skip
    made = rehearse(protocol, bench("direct-ftj"))
    found = made.analyse()
    widths = [readings.width[0] for _, readings in made.where(part="forming")]
    assert found.metrics["formed"].value == 1
    place = found.metrics["forming_width"]
    assert widths[-2] < place.value < widths[-1]
    assert place.value - math.sqrt(3) * place.sigma == pytest.approx(widths[-2])


def test_a_ramp_that_is_too_weak_says_so():
    found = rehearse(Forming(strongest=1.5), bench()).analyse()
    assert found.metrics["formed"].value == 0
    assert "forming_voltage" not in found.metrics
    assert any("not formed: 6 pulses" in note for note in found.notes)


def test_the_first_pulse_gives_a_bound():
    found = rehearse(Forming(weakest=4.5, resets=0), bench()).analyse()
    assert found.metrics["forming_voltage"].bound
    assert any("may be lower" in note for note in found.notes)


def test_a_limit_of_pulses_ends_it_and_is_told():
    made = rehearse(Forming(most_pulses=5), bench())
    assert sum(1 for _ in made.where(part="forming")) == 5
    assert "ended at its limit of 5 pulses" in made.analyse().notes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"breakdown": "20 kOhm"}, "a broken device is lower"),
        ({"weakest": "5 V"}, "it must rise"),
        ({"step": "1 uV"}, "take a larger step"),
        ({"growth": 1}, "greater than 1"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(given, said):
    with pytest.raises(BadInput, match=said):
        Forming.from_values({"kind": "forming", **given}, "test")


def test_unfinished_empty_and_lost_records_are_analysed(nominal):
    empty = Rehearsed(nominal.protocol, (), Readings())
    assert empty.analyse().notes == ("nothing was read",)
    for count in range(1, len(nominal.steps), 7):
        Rehearsed(nominal.protocol, nominal.steps[:count], nominal.readings).analyse()
    lost = [row._replace(i=math.nan, flags=int(Flag.LOST)) for row in nominal.readings]
    found = Rehearsed(nominal.protocol, nominal.steps, Readings(lost)).analyse()
    assert "forming_voltage" not in found.metrics


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    protocol, name = Forming(weakest=3.0), "direct-rram-pristine"
    whole = engine.run(protocol, name, engine.Options(tmp_path / "a", seed=3))
    control = Control()

    def progress(done, plan, now):
        if done == 5:
            control.say("abort", "enough")

    options = engine.Options(tmp_path / "b", seed=3, progress=progress)
    with pytest.raises(Aborted):
        engine.run(protocol, name, options, control)
    (path,) = (tmp_path / "b").rglob("run.json")
    after = engine.resume(path.parent, "repeat")
    assert [step.what for step in after.steps] == [step.what for step in whole.steps]
    # to the last digits: the virtual laboratory's clock begins anew
    for name in ("t", "v", "i", "width", "flags"):
        columns = [getattr(record.readings, name) for record in (after, whole)]
        assert columns[0] == pytest.approx(columns[1], rel=1e-11, abs=1e-15), name


def test_a_virtual_2602b_forms_it_too():
    content = bench("sim-rram-pristine")
    protocol = Forming(weakest=3.15, step=0.15, resets=1)
    found = rehearse(protocol, content, seed=2).analyse()
    assert found.metrics["formed"].value == 1
    assert found.metrics["energy_forming"].sigma > 0
    assert found.metrics["before"].value < 1e-8
