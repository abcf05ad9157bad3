"""What the tests of closed loops share: the device's own truth, records cut short, resumed runs."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import labctl
from labctl import engine
from labctl.benchfile import define_bench, read_bench
from labctl.control import Control
from labctl.errors import Aborted, Stopped
from labctl.protocol import Protocol
from labctl.readings import Readings, Row
from labctl.record import Record
from labctl.rehearsal import Rehearsed
from labctl.steps import Step, StepRecord
from labctl.workbench import Bench


def bench_content(name: str, **device: Any) -> dict[str, Any]:
    """Return the content of a shipped bench with other numbers for its device."""
    content = copy.deepcopy(read_bench(name)[1])
    content["simulation"]["device"].update(device)
    return content


def with_noise(content: dict[str, Any], **switches: bool) -> dict[str, Any]:
    """Return a bench's content with other switches of its noise."""
    content = copy.deepcopy(content)
    content["simulation"]["noise"] = {**content["simulation"].get("noise", {}), **switches}
    return content


def true_conductance(bench: Bench, level: float, terminal: str = "top") -> float:
    """Return the device's own current over voltage at a level now, S; no instrument looks."""
    device = bench.laboratory.device
    noise, device.state.noise = device.state.noise, None
    rows = device.model.terminals
    current = device.model.current(device.state, {terminal: level})[rows.index(terminal), 0]
    device.state.noise = noise
    return float(current) / level


def rehearse_with(
    protocol: Protocol,
    content: dict[str, Any],
    look: Callable[[Bench, Step], None],
    seed: int = 0,
) -> Rehearsed:
    """Carry a protocol out as `labctl.rehearsal.rehearse` does, looking after every step."""
    definition = define_bench({"name": "test", **content}, "bench of a test")
    steps: list[StepRecord] = []
    rows: list[Row] = []
    with Bench(definition, content, seed=seed) as bench:
        course = protocol.steps()
        step = next(course)
        while True:
            first = len(rows)
            rows += [row for chunk in bench.execute(step, lambda: False) for row in chunk]
            steps.append(StepRecord(len(steps), 1, step, first, len(rows)))
            look(bench, step)
            try:
                step = course.send(Readings(rows[first:]))
            except StopIteration:
                break
    return Rehearsed(protocol, tuple(steps), Readings(rows))


def cut(record: Rehearsed, steps: int) -> Rehearsed:
    """Return the first steps of a record, as an unfinished run has them."""
    return Rehearsed(record.protocol, record.steps[:steps], record.readings)


def whole_and_resumed(
    kind: str, bench: str | Path, folder: Path, after: int, **parameters: Any
) -> tuple[Record, Record]:
    """Return a whole run, and the same that was aborted after some steps and resumed."""
    whole = labctl.run(kind, bench=bench, out=folder / "whole", **parameters)
    control = Control()

    def progress(done: int, *_: object) -> None:
        if done == after:
            control.say("abort", "for the test")

    protocol = type(whole.protocol)(**parameters)
    with contextlib.suppress(Aborted, Stopped):
        engine.run(protocol, bench, engine.Options(folder / "broken", progress=progress), control)
    (broken,) = (folder / "broken").glob("*/*")
    assert Record(broken).header.status == "aborted"
    return whole, engine.resume(broken)


def assert_alike(whole: Record, resumed: Record) -> None:
    """Assert that two records are the same run: their steps exactly, their readings to rounding.

    The sums from which a mean over a window is taken begin anew with a session, so the last digits
    of a reading may differ where not a single decision does.
    """
    assert [step.what for step in resumed.steps] == [step.what for step in whole.steps]
    for name in ("t", "v", "i", "width"):
        a, b = getattr(whole.readings, name), getattr(resumed.readings, name)
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-24)
    assert resumed.results.metrics.keys() == whole.results.metrics.keys()
