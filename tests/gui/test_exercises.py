"""Exercises: the bench can be used, does not tell what it is, and the answer is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl

import labctl
from gui.exercises import answer_of, faulty_bench, unknown_device
from gui.window import Window
from labctl.benchfile import read_bench
from labctl.errors import BadInput, LabctlError

SHORT = {"intervals": "10 ms, 30 ms, 100 ms", "repeats": 6, "longest_wait": "1 s"}


def test_an_unknown_device_is_one_of_several_and_says_nothing(tmp_path: Path) -> None:
    answers = set()
    for seed in range(6):
        path = unknown_device(tmp_path, random.Random(seed))
        definition, content = read_bench(path)
        answer = answer_of(str(path))
        origin = answer.removeprefix("it was ").partition(":")[0]
        assert content["simulation"] == read_bench(origin)[1]["simulation"]
        assert definition.simulated
        assert definition.title not in answer
        told = path.read_text("utf-8").partition("[simulation")[0]
        assert origin.removeprefix("sim-") not in told
        answers.add(answer)
    assert len(answers) > 2


@pytest.mark.parametrize("seed", range(2))
def test_a_fault_strikes_in_the_middle_of_a_run(tmp_path: Path, seed: int) -> None:
    path = faulty_bench(tmp_path, random.Random(seed))
    (fault,) = read_bench(path)[1]["simulation"]["faults"]
    assert f"{fault['at']}th line" in answer_of(str(path))
    try:
        run = labctl.run("ppf", path, out=tmp_path / "runs", **SHORT)
    except LabctlError as error:
        assert str(error)  # noqa: PT017 - a short only shows in the readings
    else:
        assert fault["kind"] == "short"
        assert run.header.status == "done"


def test_a_bench_that_is_no_exercise_has_no_answer() -> None:
    with pytest.raises(BadInput, match="is no exercise"):
        answer_of("sim-ftj")


def test_the_sheet_begins_one_and_tells_the_answer(open_window: Callable[..., Window]) -> None:
    window = open_window()
    window.sheet.follow(QUrl("exercise:device"))
    assert window.opened.definition is not None
    assert "do not know" in window.opened.definition.title
    assert window.bar._band.isVisible()
    window.sheet.follow(QUrl("exercise:answer"))
    assert "it was " in window.console.text()
    window.opened.choose_bench("sim-ftj")
    window.sheet.follow(QUrl("exercise:answer"))
    assert window.console.value() == 1
