"""Uniformity on a virtual wafer whose gradient, variation and dead devices are known."""

from __future__ import annotations

import copy
from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from labctl import engine
from labctl.analysis.uniformity import Device, explained
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.errors import Stopped
from labctl.protocol import Protocol
from labctl.rehearsal import rehearse
from labctl.results import Metric, Results
from labctl.sites import block, place
from labctl.steps import Play, Steps
from labctl.waveform import read
from protocols.uniformity import Uniformity

PAIR = {"intervals": "20 ms", "repeats": 1, "restore": "wait", "longest_wait": 0}


def wafer(**changes):
    content = copy.deepcopy(read_bench("sim-wafer")[1])
    content["simulation"]["wafer"] |= changes
    return content


def column(results, name):
    return {c.name: c.data for c in results.tables[0].columns}[name]


def test_a_block_is_walked_back_and_forth():
    assert block("1..2, 5..4, 1..2") == (
        "1,5,1", "1,5,2", "2,5,1", "2,5,2", "2,4,1", "2,4,2", "1,4,1", "1,4,2",
    )  # fmt: skip
    assert block("7") == ("7",)
    assert block("1,1,1; 3,1,1") == ("1,1,1", "3,1,1")
    assert place("2,-3,1") == (2.0, -3.0)
    assert place("left") is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sites": "a..b"}, "no block of sites"),
        ({"sites": "1..1000, 1..1000"}, "at most 100000"),
        ({"sites": ["1,1", "1,1"]}, "twice"),
        ({"protocol": "uniformity"}, "name the protocol itself"),
        ({"protocol": "ppv"}, 'no protocol called "ppv"'),
        ({"settings": {"width": "1 V"}}, "width"),
        ({"good": "index ~ 1"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Uniformity(**wrong)


def test_the_gradient_of_the_wafer_is_found_and_the_lifted_device_reported():
    steep = wafer(gradient=["30 %", 0], radial=0, open=0, short=0, miss=0)
    protocol = Uniformity(
        sites="2..6, 3..5, 1", settings=PAIR, cycles=1, good="baseline > 150 uS",
        figures="baseline",
    )  # fmt: skip
    found = rehearse(protocol, steep, seed=3).analyse()
    gradient = {c.name: c.data for c in found.tables[1].columns}
    # 30 % from the middle to the edge, three dies away; relative to the mean of those measured
    assert gradient["direction"] == ("along the columns", "along the rows")
    slope, u = gradient["per die"][0], gradient["u(per die)"][0]
    mean = np.mean(column(found, "baseline"))
    assert slope * mean / 200e-6 == pytest.approx(0.30 / 3, abs=0.015 + 3 * u)
    assert found.metrics["yield"].value == np.mean(np.array(column(found, "baseline")) > 150e-6)
    assert found.metrics["contacts"].value == 1.0


def test_sites_without_contact_are_passed_over_and_named(tmp_path):
    protocol = Uniformity(sites="3..5, 3..5, 1", settings=PAIR, cycles=1)
    content = wafer(open="40 %", short=0, miss=0)
    done = rehearse(protocol, content, seed=5)
    results = done.analyse()
    contact = column(results, "contact")
    assert 0 < sum(contact) < 9
    assert results.metrics["contacts"].value == sum(contact) / 9
    assert any("no contact, and no data, on" in note for note in results.notes)
    # nothing was played on a device that was not touched
    for site, touched in zip(column(results, "site"), contact, strict=True):
        plays = [s for s in done.steps if s.label.get("site") == site and isinstance(s.what, Play)]
        assert bool(plays) is touched


class Trait(Protocol):
    """A read, for a record whose values the test makes."""

    kind: Literal["trait"] = "trait"

    def steps(self) -> Steps:
        yield Play(read(0.1, 1e-3), 1e-3)

    def analyse(self, record) -> Results:
        return Results()


@pytest.mark.parametrize("draws", [40, pytest.param(400, marks=pytest.mark.long)])
def test_the_components_come_back_as_often_as_they_say(draws):
    rng = np.random.default_rng(7)
    truth, within = 0.05, 0.02
    inside, bounds = 0, 0
    for _ in range(draws):
        means = 1 + truth * rng.standard_normal(25)
        devices = [
            Device(f"{k},1", [
                Results({"x": Metric(m + 0.1 * c + within * rng.standard_normal(), None, "V", "d")})
                for c in range(3)
            ])
            for k, m in enumerate(means)
        ]  # fmt: skip
        found = explained(devices, {d.site: True for d in devices}, (), "")
        scale = found.metrics["x"].value
        d2d, c2c = found.metrics["d2d_x"], found.metrics["c2c_x"]
        # a shift of 10 % from cycle to cycle on all devices is no C2C, and is said
        assert c2c.value == pytest.approx(within / scale, rel=0.5)
        assert any("changes by" in note for note in found.notes)
        bounds += d2d.bound
        inside += not d2d.bound and abs(d2d.value - truth / scale) < 2 * d2d.sigma
    assert bounds == 0
    assert inside / draws > 0.95 - 3 * np.sqrt(0.05 * 0.95 / draws) - 0.03  # the root is skew


def test_an_empty_and_a_broken_off_record(tmp_path):
    protocol = Uniformity(sites="3..4, 3..3, 1", settings=PAIR, cycles=2, shuffle=True)
    assert protocol.analyse(rehearse(Trait(), read_bench("direct-ftj")[1])).notes == (
        "no site was visited",
    )
    whole = engine.run(protocol, "sim-wafer", engine.Options(tmp_path / "whole", 1))
    control, seen = Control(), []

    def progress(*_):
        seen.append(1)
        if len(seen) == 4:
            control.say("stop", "test")

    with pytest.raises(Stopped):
        engine.run(
            protocol,
            "sim-wafer",
            engine.Options(tmp_path / "broken", 1, progress=progress),
            control,
        )
    (folder,) = (tmp_path / "broken").glob("*/*")
    again = engine.resume(folder, "repeat")
    parts = [[(s.label["site"], s.label.get("cycle")) for s in run.steps] for run in (again, whole)]
    assert parts[0] == parts[1]
    assert len(again.readings) == len(whole.readings)
    assert set(again.metrics) == set(whole.metrics)
