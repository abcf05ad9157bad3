"""Gates: truth tables on devices, conductances read through a node, failures told as such."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from labctl.analysis.statistics import Proportion, proportion
from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.planner import plan
from labctl.readings import Readings
from labctl.rehearsal import Rehearsed, rehearse
from protocols.gates import Gates, boundary_of, trials_of
from protocols.logic_imp import LogicImp
from protocols.logic_magic import LogicMagic
from tests.protocols.closed_loops import (
    bench_content,
    cut,
    rehearse_with,
    with_noise,
)

LOGIC, MAGIC = bench_content("direct-logic"), bench_content("direct-magic")


def resistances(bench):
    """Return the devices' own resistances, Ohm."""
    device = bench.laboratory.device
    return [
        float(device.model.model.resistance(one)[0])
        for one in device.model.devices_of(device.state)
    ]


@pytest.fixture(scope="module")
def implied():
    own = {}

    def look(bench, step):
        if step.label.get("part") in ("before", "after"):
            own[step.label["trial"], step.label["part"]] = resistances(bench)

    return rehearse_with(LogicImp(trials=1), LOGIC, look), own


@pytest.fixture(scope="module")
def nor():
    return rehearse(LogicMagic(trials=1), MAGIC)


def truths(record, gate):
    """Return the bit of the result by inputs."""
    trials = [one for one in trials_of(record, record.protocol) if one.gate == gate]
    boundary = boundary_of(trials_of(record, record.protocol))
    assert boundary is not None
    return {one.inputs[:2]: int(one.after[one.output] > boundary) for one in trials}


PAIRS = list(itertools.product((0, 1), repeat=2))


def test_implication_and_nand_have_their_truth_tables(implied):
    record, _ = implied
    assert truths(record, "imp") == {(p, q): int(not p or q) for p, q in PAIRS}
    assert truths(record, "nand") == {(p, q): int(not (p and q)) for p, q in PAIRS}
    metrics = record.analyse().metrics
    assert metrics["success_imp"].value == metrics["success_nand"].value == 1
    assert metrics["prepared"].value == 1
    assert metrics["window_imp"].value > 0.3
    assert metrics["drift_imp"].value < 0.1


def test_nor_has_its_truth_table_and_leaves_its_inputs(nor):
    assert truths(nor, "nor") == {(p, q): int(not (p or q)) for p, q in PAIRS}
    metrics = nor.analyse().metrics
    assert metrics["success_nor"].value == 1
    assert metrics["drift_nor"].value < 0.1
    assert metrics["energy_nor"].value > 0


def test_conductances_read_through_the_node_are_the_devices_own(implied):
    record, own = implied
    for number, one in enumerate(trials_of(record, record.protocol)):
        for part, found in (("before", one.before), ("after", one.after)):
            # the cell is nearly ohmic: sinh(0.1 V / 2 V)
            np.testing.assert_allclose(found * own[number, part], 1.0, rtol=2e-3)


def test_a_level_that_sets_too_little_fails_and_is_told():
    protocol = LogicImp(gates="imp", set=0.7, conditions=(0.6,), trials=1)
    results = rehearse(protocol, LOGIC).analyse()
    assert results.metrics["success_imp"].value == pytest.approx(0.75)  # 00 is not set
    right = dict(zip(results.tables[0].columns[0].data, results.tables[0].columns[-1].data,
                     strict=True))  # fmt: skip
    assert right == {"000": 0.0, "010": 1.0, "100": 1.0, "110": 1.0}


@pytest.mark.long
def test_margins_show_where_the_conditioning_level_is_too_low():
    protocol = LogicImp(gates="imp", conditions=(0.3, 1.05), trials=1)
    results = rehearse(protocol, LOGIC).analyse()
    panel = results.panels[-1]
    assert panel.title == "Success of the gate"
    assert panel.traces[0].y[0] < panel.traces[0].y[1] == 1.0


@pytest.mark.long
def test_a_gate_on_random_devices_with_noise():
    noisy = with_noise(MAGIC, cycle=True, device=True, instrument=True)
    results = rehearse(LogicMagic(trials=1), noisy, seed=4).analyse()
    assert results.metrics["success_nor"].value == 1


def successes(kind: type[Gates], content: dict, draws: int) -> Proportion:
    """Return the share of trials that are right, one of each combination on random devices."""
    noisy = with_noise(content, cycle=True, device=True, instrument=True)
    right = total = 0
    for k in range(draws):
        asked = kind(trials=1, seed=k, **({"gates": "imp"} if kind is LogicImp else {}))
        record = rehearse(asked, noisy, seed=k)
        trials = trials_of(record, asked)
        boundary = boundary_of(trials)
        right += sum(one.right(boundary) for one in trials)
        total += len(trials)
    return proportion(right, total)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kind", "content"), [(LogicImp, LOGIC), (LogicMagic, MAGIC)])
def test_trials_on_random_devices_succeed(kind, content):
    found = successes(kind, content, 50)
    assert found.total == 200
    assert found.exact[0] > 0.9  # the lower end of the interval of Clopper and Pearson


def test_success_has_its_intervals(implied):
    record, _ = implied
    table = record.analyse().tables[-1]
    assert table.title == "Success of the gates"
    data = {column.name: column.data for column in table.columns}
    assert data["gate"] == ("IMP", "NAND")
    assert data["trials"] == data["right"] == (4.0, 4.0)
    exact = proportion(4, 4).exact
    assert data["low, exact"] == (exact[0],) * 2 == pytest.approx((0.025**0.25,) * 2)
    assert data["high, exact"] == (1.0, 1.0)
    assert data["low"][0] == proportion(4, 4).wilson[0]


def test_trials_come_in_random_order(implied):
    record, _ = implied
    asked = [step.label["inputs"] for step in record.steps if step.label["part"] == "before"]
    assert len(asked) == 8
    assert asked != sorted(asked)


@pytest.mark.parametrize(
    ("protocol", "bench"),
    [
        (LogicImp(), "direct-logic"),
        (LogicMagic(), "direct-magic"),
        (
            LogicImp(cells=("a", "b"), gates="imp", width=100e-6, write=1.5, erase=1.0, share=0.3,
                     set=1.1, conditions=(0.9,)),
            "sim-logic",
        ),
    ],
)  # fmt: skip
def test_gates_are_feasible_on_their_benches(protocol, bench):
    assert not plan(protocol, read_bench(bench)[0]).violations


def test_an_unfinished_record_and_an_empty_one_are_analysed(nor):
    for steps in (1, 5, 8, 15):
        assert cut(nor, steps).analyse().notes
    for protocol in (LogicImp(), LogicMagic()):
        empty = Rehearsed(protocol, (), Readings()).analyse()
        assert empty.metrics == {}
        assert "no zero and one" in empty.notes[0]


def test_lost_readings_are_no_states(nor):
    rows = [row._replace(i=float("nan"), flags=4) for row in nor.readings]
    assert Rehearsed(nor.protocol, nor.steps, Readings(rows)).analyse().metrics == {}


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (LogicImp, {"conditions": "1.5 V"}, "must be positive and below it"),
        (LogicImp, {"cells": "a, b"}, "it needs three"),
        (LogicImp, {"cells": "a, a, b"}, "name each terminal once"),
        (LogicMagic, {"cells": "a, b"}, "two inputs and the output"),
        (LogicMagic, {"operating": "-1 V"}, "positive ones"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(kind, values, words):
    with pytest.raises(BadInput, match=words) as caught:
        kind.from_values(values, "test")
    assert "\n" not in str(caught.value)
