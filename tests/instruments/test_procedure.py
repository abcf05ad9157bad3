"""Protocols in pymeasure's queue: parameters, readings, progress, stop, reading a file again."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from annotated_types import Ge, Gt
from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure, Results, Worker

from instruments.procedure import ProtocolProcedure, procedure
from labctl import catalogue
from labctl.errors import BadInput
from labctl.importing import import_file
from labctl.record import Record

FEW = {"repeats": 1, "intervals": "10 ms, 100 ms", "restore": "wait", "longest_wait": 1.0}


def made(**values: object) -> ProtocolProcedure:
    asked = {**FEW, "bench": "direct-ftj", "device": "D3", **values}
    return procedure("ppf")(**asked)


def worked(asked: Procedure, file: Path) -> Worker:
    """Let pymeasure run a procedure to its end."""
    worker = Worker(Results(asked, str(file)))
    worker.start()
    threading.Thread.join(worker, 60)  # its own join also stops it
    assert not worker.is_alive()
    return worker


def told(worker: Worker) -> list[tuple[str, object]]:
    """Return what a window would have been told."""
    found = []
    while (message := worker.monitor_queue.get(timeout=10)) is not None:
        found.append(message)
    return found


@pytest.mark.parametrize("kind", catalogue.names("protocol"))
def test_every_protocol_becomes_one_and_gives_its_usual_values_back(kind):
    made_class = procedure(kind)
    assert issubclass(made_class, Procedure)
    asked = made_class()
    usual = catalogue.protocol_from(kind, {})
    assert asked.protocol() == usual
    for name, parameter in asked.parameter_objects().items():
        if isinstance(parameter, IntegerParameter | FloatParameter) and parameter.is_set():
            parameter.value = str(parameter)  # as a file of pymeasure gives it back
            setattr(asked, name, parameter.value)
    assert asked.protocol() == usual


def test_parameters_have_units_and_the_bounds_of_the_protocol():
    parameters = made().parameter_objects()
    width = parameters["width"]
    assert width.units == "s"
    assert width.description
    notes = catalogue.load("protocol", "ppf").model_fields["width"].metadata
    assert any(isinstance(note, Gt) and note.gt == 0 for note in notes)
    assert width.minimum == math.nextafter(0.0, 1.0)
    with pytest.raises(ValueError, match="below the minimum"):
        width.value = 0.0
    repeats = catalogue.load("protocol", "ppf").model_fields["repeats"].metadata
    assert any(isinstance(note, Gt | Ge) for note in repeats)
    assert parameters["repeats"].minimum == 1


def test_a_run_in_the_queue_is_the_record_of_labctl(tmp_path):
    worker = worked(made(runs=str(tmp_path / "runs")), tmp_path / "results.csv")
    messages = told(worker)
    assert worker.procedure.status == Procedure.FINISHED
    progress = [value for topic, value in messages if topic == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    (run,) = (tmp_path / "runs").glob("*/*")
    record = Record(run)
    assert record.header.site == "D3"
    assert record.header.status == "done"
    # what pymeasure kept is what labctl kept, to the last digit
    results = Results.load(str(tmp_path / "results.csv"))
    assert type(results.procedure) is procedure("ppf")
    assert results.procedure.protocol() == record.protocol
    data = results.data
    assert len(data) == len(record.readings) > 0
    for name, column in (("t", "t (s)"), ("v", "v (V)"), ("i", "i (A)"), ("u_i", "u_i (A)")):
        np.testing.assert_allclose(data[column], getattr(record.readings, name), rtol=1e-15)
    assert list(data["role"]) == [row.role for row in record.readings]
    steps = [step.index for step in record.steps for _ in record.of(step)]
    assert list(data["step"]) == steps
    again = import_file(tmp_path / "results.csv", out=tmp_path / "imported")
    assert again.header.imported["procedure"] == "instruments.procedure.Ppf"
    assert [repr(row) for row in again.readings] == [repr(row) for row in record.readings]
    assert len(again.steps) == len(set(steps))


def test_a_stop_in_the_window_aborts_the_run(tmp_path):
    asked = made(runs=str(tmp_path / "runs"), repeats=50)
    worker = Worker(Results(asked, str(tmp_path / "results.csv")))
    pass_on = worker.emit
    worker.emit = lambda topic, what: (
        worker.stop() if topic == "results" else None,
        pass_on(topic, what),
    )
    worker.start()
    threading.Thread.join(worker, 60)  # its own join also stops it
    assert asked.status == Procedure.ABORTED
    (run,) = (tmp_path / "runs").glob("*/*")
    record = Record(run)
    assert record.header.status == "aborted"
    assert "stopped in pymeasure" in record.header.message
    assert 0 < len(record.steps) < 10


def test_what_labctl_refuses_fails_in_the_queue_with_its_sentence(tmp_path):
    asked = made(runs=str(tmp_path / "runs"), bench="nowhere")
    errors = []
    worker = Worker(Results(asked, str(tmp_path / "results.csv")))
    pass_on = worker.emit
    worker.emit = lambda topic, what: (errors.append(what) if topic == "error" else None,
                                       pass_on(topic, what))  # fmt: skip
    worker.start()
    threading.Thread.join(worker, 60)  # its own join also stops it
    assert asked.status == Procedure.FAILED
    assert 'there is no bench called "nowhere"' in errors[0]
    with pytest.raises(BadInput, match="longest_wait"):
        made(longest_wait=-1.0).protocol()


def test_a_name_that_is_no_protocol_is_no_class():
    import instruments.procedure as module

    assert module.IvSweep is procedure("iv-sweep")
    with pytest.raises(AttributeError, match="Nothing"):
        _ = module.Nothing
    with pytest.raises(BadInput, match='no protocol called "nothing"'):
        procedure("nothing")
