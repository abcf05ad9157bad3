"""The run folder's writing side and its reading side, together."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput
from labctl.journal import JOURNAL, READINGS, RUN, Header, Journal
from labctl.readings import Row
from labctl.record import Record
from labctl.steps import Play, Wait
from labctl.waveform import pulse, read, rest

PAIR = Play(pulse(1.0, 1e-4) + rest(0.01) + read(0.1, 1e-3), 1e-3, label={"interval": 0.01})
ROW = Row(1e-3, "top", "pulse", 1.0, 0.9999, 2.5e-4, 1e-4, 1e-6, 1e-9, 0)


def header() -> Header:
    return Header(protocol={"kind": "ppf"}, bench={}, bench_name="b", seed=3, simulated=True)


def write(folder: Path, rows: list[Row]) -> None:
    journal = Journal(folder, header())
    journal.begin(0, 1, PAIR)
    journal.rows(rows)
    journal.done()
    journal.close()


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(t=numbers, v=numbers, i=numbers, flags=st.integers(0, 31))
def test_a_row_reads_back_to_the_last_bit(tmp_path_factory, t, v, i, flags):
    folder = tmp_path_factory.mktemp("run")
    row = ROW._replace(t=t, v=v, i=i, flags=flags)
    write(folder, [row, row])
    assert list(Record(folder).readings) == [row, row]


def test_a_missing_value_is_not_a_number(tmp_path):
    write(tmp_path, [ROW._replace(i=math.nan), ROW])
    readings = Record(tmp_path).readings
    assert math.isnan(readings[0].i)
    assert readings[1] == ROW


def test_steps_know_their_rows_and_labels(tmp_path):
    journal = Journal(tmp_path, header())
    journal.begin(0, 1, Wait(1.0))
    journal.done()
    journal.begin(1, 1, PAIR)
    journal.rows([ROW])
    journal.rows([ROW._replace(t=2.0)])
    journal.done()
    journal.begin(2, 1, PAIR)
    journal.rows([ROW])
    journal.close()
    record = Record(tmp_path)
    assert [step.index for step in record.steps] == [0, 1]
    ((step, readings),) = record.where(interval=0.01)
    assert step.what == PAIR
    assert readings.t.tolist() == [1e-3, 2.0]
    assert record.unfinished is not None
    assert record.unfinished.index == 2


@pytest.mark.parametrize("name", [JOURNAL, READINGS])
def test_a_torn_last_line_is_left_out(tmp_path, name):
    write(tmp_path, [ROW, ROW])
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-7])
    record = Record(tmp_path)
    assert len(record.readings) == (1 if name == READINGS else 2)
    assert (record.unfinished is None) == (name == READINGS)


def test_a_repeated_step_counts_once(tmp_path):
    journal = Journal(tmp_path, header())
    journal.begin(0, 1, PAIR)
    journal.rows([ROW])
    journal.interrupted(0, 1, "repeat")
    journal.begin(0, 2, PAIR)
    journal.rows([ROW._replace(t=5.0)])
    journal.done()
    journal.close()
    record = Record(tmp_path)
    (step,) = record.steps
    assert record.of(step).t.tolist() == [5.0]
    assert len(record.readings) == 2  # what the interrupted attempt gave is kept


def test_only_one_process_writes_a_folder(tmp_path):
    journal = Journal(tmp_path, header())
    with pytest.raises(BadInput, match="another runner"):
        Journal(tmp_path, header())
    journal.close()
    Journal(tmp_path, header()).close()


def test_a_record_of_another_version_is_refused_in_one_sentence(tmp_path):
    write(tmp_path, [ROW])
    path = tmp_path / RUN
    path.write_text(path.read_text().replace('"version": 2', '"version": 99'))
    with pytest.raises(BadInput, match="version 99"):
        Record(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match="not a run folder"):
        Record(tmp_path)


def test_a_data_frame_has_the_steps_and_units(tmp_path):
    write(tmp_path, [ROW, ROW])
    frame = Record(tmp_path).to_dataframe()
    assert frame["step"].tolist() == [0, 0]
    assert frame.attrs["units"]["i"] == "A"
