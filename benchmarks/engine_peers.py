"""What the peers do in `engine.py`, written as their own documentation shows it.

Each maker of a party imports its package, so that one that is not installed raises ImportError.
All of them use the default settings that favour speed: QCoDeS keeps up to five seconds of rows in
memory, and bluesky's documents go to a file that the operating system buffers by lines.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine_cases import decide, push

from labctl.workbench import Bench

__all__ = [
    "bluesky_hardware_timed", "bluesky_host_timed", "bluesky_rows", "pymeasure_rows", "qcodes_rows",
]  # fmt: skip

COMPLIANCE = 1e-3  # A
READ = 0.1  # V

_number = itertools.count()


def pymeasure_rows(scratch: Path, count: int) -> Any:
    """Return a party: a Procedure that emits rows, a Worker and a Results file."""
    from pymeasure.experiment import Procedure, Results, Worker

    class Emitting(Procedure):  # type: ignore[misc]
        DATA_COLUMNS = ("t", "v", "i")

        def execute(self) -> None:
            for k in range(count):
                self.emit("results", {"t": k * 1e-3, "v": 0.1, "i": 1e-5 * k})

    def party() -> float:
        path = scratch / f"pymeasure-{next(_number)}.csv"
        worker = Worker(Results(Emitting(), str(path)))
        begin = time.perf_counter()
        worker.start()
        worker.join(600)
        elapsed = time.perf_counter() - begin
        with path.open() as file:
            saved = sum(not line.startswith("#") for line in file) - 1
        return confirmed(saved, count) / elapsed

    return party


def qcodes_rows(scratch: Path, count: int) -> Any:
    """Return a party: a Measurement that adds results to a database."""
    from qcodes.dataset import (
        Measurement,
        initialise_or_create_database_at,
        load_or_create_experiment,
    )

    with contextlib.redirect_stdout(io.StringIO()):
        initialise_or_create_database_at(str(scratch / "qcodes.db"))
        experiment = load_or_create_experiment("benchmark", "rows")

    def party() -> float:
        measurement = Measurement(exp=experiment)
        measurement.register_custom_parameter("t", unit="s")
        measurement.register_custom_parameter("v", unit="V", setpoints=("t",))
        measurement.register_custom_parameter("i", unit="A", setpoints=("t",))
        begin = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), measurement.run() as saver:
            for k in range(count):
                saver.add_result(("t", k * 1e-3), ("v", 0.1), ("i", 1e-5 * k))
        elapsed = time.perf_counter() - begin
        return confirmed(saver.dataset.number_of_results // 2, count) / elapsed

    return party


def bluesky_rows(scratch: Path, count: int) -> Any:
    """Return a party: `count` of the simulated detector that ophyd ships, documents to a file."""
    from bluesky import plan_stubs as bps
    from ophyd.sim import det

    def plan() -> Iterator[Any]:
        for _ in range(count):
            yield from bps.trigger_and_read([det])

    return bluesky_party(scratch, plan, count)


def bluesky_host_timed(scratch: Path, count: int, bench: Bench, target: float) -> Any:
    """Return a party: one pulse, one read, decide, the way a plan moves and reads an instrument.

    The level is moved to the amplitude, to zero and to the read voltage, then the current is read,
    each by pymeasure's own driver of the 2602B. The host times the pulse.
    """
    from bluesky import plan_stubs as bps
    from ophyd.sim import NullStatus

    channel = host_channel(bench)

    class Level(Readable):
        def set(self, value: float) -> Any:
            channel.source_voltage = value
            return NullStatus()

    class Conductance(Readable):
        def trigger(self) -> Any:
            self.value = channel.current / READ
            return NullStatus()

    level, conductance = Level("level"), Conductance("conductance")

    def plan() -> Iterator[Any]:
        amplitude = 0.5
        for _ in range(count):
            for value in (amplitude, 0.0, READ):
                yield from bps.mv(level, value)
            reading = yield from bps.trigger_and_read([conductance])
            amplitude = decide(reading["conductance"]["value"], target)

    return bluesky_party(scratch, plan, count)


def bluesky_hardware_timed(scratch: Path, count: int, bench: Bench, target: float) -> Any:
    """Return a party: the same loop with a device that plays pulse and read by labctl's driver."""
    from bluesky import plan_stubs as bps
    from ophyd.sim import NullStatus

    class Synapse(Readable):
        amplitude = 0.5

        def set(self, value: float) -> Any:
            self.amplitude = value
            return NullStatus()

        def trigger(self) -> Any:
            rows = bench.play(push(self.amplitude), COMPLIANCE)
            self.value = rows[-1].i / rows[-1].v
            return NullStatus()

    synapse = Synapse("conductance")

    def plan() -> Iterator[Any]:
        amplitude = 0.5
        for _ in range(count):
            yield from bps.mv(synapse, amplitude)
            reading = yield from bps.trigger_and_read([synapse])
            amplitude = decide(reading["conductance"]["value"], target)

    return bluesky_party(scratch, plan, count)


class Readable:
    """The least that bluesky asks of a device: faster than any of ophyd's."""

    parent = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.value = 0.0

    def read(self) -> dict[str, Any]:
        """Return the value with its time."""
        return {self.name: {"value": self.value, "timestamp": time.time()}}

    def describe(self) -> dict[str, Any]:
        """Say what `read` returns."""
        return {self.name: {"source": "virtual 2602B", "dtype": "number", "shape": []}}


def host_channel(bench: Bench) -> Any:
    """Return channel A of the bench's 2602B through pymeasure's driver, sourcing zero volts."""
    from pymeasure.instruments.keithley import Keithley2600

    assert bench.laboratory is not None
    address = bench.definition.instruments["smu"].address
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "not known whether this supports SCPI"
        meter = Keithley2600(address, visa_library=bench.laboratory.visa)
    channel = meter.ChA
    channel.source_mode = "voltage"
    channel.compliance_current = COMPLIANCE
    channel.current_range = COMPLIANCE
    # the property refuses every number; 0.0375 cycles are as long as the others' window
    channel.write("measure.nplc = 0.0375")
    channel.source_output = "ON"
    return channel


def bluesky_party(scratch: Path, plan: Callable[[], Iterator[Any]], count: int) -> Any:
    """Return a party that runs a plan as one bluesky run and saves its documents."""
    from bluesky import RunEngine
    from bluesky.preprocessors import run_wrapper

    engine = RunEngine({})

    def party() -> float:
        with saving(scratch) as (save, events):
            begin = time.perf_counter()
            engine(run_wrapper(plan()), save)
            elapsed = time.perf_counter() - begin
        return confirmed(len(events), count) / elapsed

    return party


@contextlib.contextmanager
def saving(scratch: Path) -> Iterator[tuple[Any, list[None]]]:
    """Yield a subscriber that writes bluesky's documents as JSON lines, and its events."""
    events: list[None] = []
    path = scratch / f"bluesky-{next(_number)}.jsonl"
    with path.open("w", buffering=1) as file:

        def save(name: str, document: dict[str, Any]) -> None:
            file.write(json.dumps([name, document], default=str) + "\n")
            if name == "event":
                events.append(None)

        yield save, events


def confirmed(saved: int, asked: int) -> int:
    """Return the number of rows.

    Raises
    ------
    AssertionError
        Not all of them were saved, so the time means nothing.
    """
    if saved != asked:
        raise AssertionError(f"{saved} of {asked} rows were saved")
    return asked
