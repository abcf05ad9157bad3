"""Bench files: what is wrong with one is said in a sentence with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

import labctl
from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.steps import Move, Play, Wait
from labctl.waveform import pulse, read

GOOD = """
[instruments.smu]
driver = "direct"
[terminals]
top = "smu.top"
[envelope]
v = "2 V"
i = "5 mA"
[simulation]
laboratory = "virtual"
"""


def bench(tmp_path, text):
    path = tmp_path / "b.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[envelope]", "[envelop]"), 'the key "envelop" is unknown; allowed are name, title'),
        (('v = "2 V"', 'v = "2 A"'), 'envelope.v = \'2 A\' is not allowed: "2 A" has the unit "A"'),
        (('v = "2 V"', 'v = "-2 V"'), "envelope.v"),
        (('top = "smu.top"', 'top = "smv.top"'), 'terminals.top = "smv.top"'),
        (('driver = "direct"', 'driver = "keithly"'), "instruments.smu.driver"),
        (('driver = "direct"', "driver ="), "not valid TOML"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path, change, says):
    path = bench(tmp_path, GOOD.replace(*change))
    with pytest.raises(BadInput) as caught:
        read_bench(path)
    assert path in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value).strip() or "TOML" in says


def test_a_missing_bench_lists_those_there_are():
    with pytest.raises(BadInput, match="sim-ftj"):
        read_bench("no-such-bench")


def test_the_envelope_refuses_with_asked_allowed_remedy(tmp_path):
    definition, _ = read_bench(bench(tmp_path, GOOD))
    limits = [str(v) for v in definition.check(Play(pulse(2.5, 1e-4), 10e-3))]
    assert any("2.5 V was asked for, at most 2 V" in text for text in limits)
    assert any("compliance of 0.01 A" in text for text in limits)


def test_what_would_pass_the_envelope_cannot_be_accepted(tmp_path):
    """A pulse card holds no compliance: 1 V into a short circuit are 20 mA, accepted or not."""
    text = catalogue.find_bench("sim-4200").read_text("utf-8")
    play = Play(pulse(1.0, 1e-4), 1e-3)
    for most, allowed in (("100 mA", True), ("15 mA", False)):
        path = tmp_path / f"{allowed}.toml"
        path.write_text(text.replace('i = "100 mA"', f'i = "{most}"'))
        found = read_bench(path)[0].check(play)
        assert (found == []) is allowed
    (violation,) = found
    assert violation.instead == ""
    assert "up to 20 mA cannot be accepted: [envelope] i is 15 mA" in str(violation)


def test_an_unknown_terminal_is_a_violation(tmp_path):
    definition, _ = read_bench(bench(tmp_path, GOOD))
    (violation,) = definition.check(Play(pulse(1.0, 1e-4, terminal="gate"), 1e-3))
    assert "wire gate" in violation.remedy


def test_what_a_bench_cannot_do_is_a_violation(tmp_path):
    definition, _ = read_bench(bench(tmp_path, GOOD))
    assert definition.check(Wait(1.0)) == []
    assert len(definition.check(Move("3,4"))) == 1


OWN_PRESET = """
family = "resistor"
title = "A resistor of ours"
grade = "illustrative"
citation = "measured here"
[parameters.conductance]
value = "2 mS"
grade = "exact"
source = "ohmmeter"
"""
WITH_PRESET = """
[instruments.device]
driver = "direct"
[terminals]
top = "device.top"
[simulation.device]
family = "resistor"
preset = "ours.toml"
"""


def test_a_preset_of_ones_own_lies_beside_the_bench_file(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(OWN_PRESET, encoding="utf-8")
    (tmp_path / "bench.toml").write_text(WITH_PRESET, encoding="utf-8")
    with labctl.bench(tmp_path / "bench.toml") as bench:
        (row,) = bench.play(read(0.1, 1e-3), 1e-2)
        assert row.i == pytest.approx(2e-4)
        assert bench.laboratory is not None
        assert bench.laboratory.describe()["device"]["preset"] == "ours"
    (tmp_path / "ours.toml").unlink()
    with pytest.raises(BadInput, match=r'preset = "ours.toml": there is no such file beside it'):
        labctl.bench(tmp_path / "bench.toml")
