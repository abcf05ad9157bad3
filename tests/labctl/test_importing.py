"""Foreign data become records: every format, what is assumed, malformed files and tricks."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from labctl import engine
from labctl.analysis.definitions import DEFINITIONS
from labctl.errors import BadInput
from labctl.export import export
from labctl.foreign import clean, plain_name, site_name, terminal_name
from labctl.import_command import import_run
from labctl.importing import FORMATS, import_file, parse_map, recognised
from labctl.ledger import ledgers_of
from labctl.listing import report_html
from labctl.readings import Row
from labctl.record import Record
from labctl.rerun import rerun
from labctl.tail import Tail
from labctl.verification import verify

ARC1 = """Package1
Sun Nov 22 12:00:00 2020
Wordline,Bitline,Resistance,Amplitude (V),Pulse width (s),Tag,ReadTag,ReadVoltage
3,5,10000,0.5,0,S R2 V=0.5,R2,0.5
3,5,8000,1.25,0.0001,P,R2,0.5
3,6,5000,0.1,0.05,CT_s,R2,0.1
3,6,5000,0.2,0.05,CT_i_1,R2,0.2
3,6,4000,-0.2,0.05,CT_i_2,R2,-0.2
3,6,4000,-0.1,0.05,CT_e,R2,-0.1
4,1,10000,0.5,0,RET_s,R2,0.5
4,1,10000,0.5,0,RET_1606046400.5,R2,0.5
4,1,12500,0.5,0,RET_1606046460.5,R2,0.5
4,1,12500,0.5,0,RET_e,R2,0.5
"""
PYMEASURE = """#Procedure: <os.system>
#Parameters:
#\tMaximum Current: 10 mA
#\tNote: __import__('os').system('touch ran')
#Data:
Time (s),Voltage (mV),Current (uA),Comment
0.0,100.0,20.0,first
1.0,200.0,nan,second
2.0,-100,-25.0,third
"""
K4200 = """Time,AnodeI,AnodeV,CathodeI,CathodeV
0.0000E+0,1.0E-6,100.0E-3,-1.0E-6,0
1.5E-3,4.0E-6,200.0E-3,-4.0E-6,0
"""
K4200_STEPPED = """DrainI(1),DrainV(1),GateV(1),DrainI(2),DrainV(2),GateV(2)
1E-6,0.1,1,2E-6,0.1,2
2E-6,0.2,1,4E-6,0.2,2
"""
EASYEXPERT = """SetupTitle, IdVg
PrimitiveTest, I/V Sweep
TestParameter, Channel.UnitType, SMU, SMU
TestParameter, Channel.IName, Itop, Ibottom
TestParameter, Channel.VName, Vt, Vb
TestParameter, TestTarget, ../../D 7
Dimension1, 2, 2, 2
Dimension2, 2, 2, 2
DataName, Vt, Itop, Ibottom, Vb
DataValue, 0.5, 1E-6, -1E-6, 0
DataValue, 1, 2E-6, -2E-6, 0
DataValue, 0.5, 3E-6, -3E-6, 0.1
DataValue, 1, 4E-6, -4E-6, 0.1
"""
CLASSIC = """Setup title,leak
Device ID,DG_1
Channel.IName,I1,I2
Channel.VName,V1,V2
AutoAnalysis.Marker.Data.StartCondition,
V1,I1,grad,V2,I2
0.1,1E-9,0,0,-1E-9
0.2,2E-9,0,0,-2E-9
"""
PLAIN = "t [ms];level / mV;I (uA)\n0,5;100;1,0\n1,5;-200;-4,0\n"
MIXED = {
    "arc1": ARC1, "pymeasure": PYMEASURE, "4200": K4200, "easyexpert": EASYEXPERT, "csv": PLAIN,
}  # fmt: skip


def written(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def brought(workplace: Path, text: str | bytes, **options: object) -> Record:
    return import_file(written(workplace, text), **options)  # type: ignore[arg-type]


def values(record: Record, *names: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(row, name) for name in names) for row in record.readings]


def said(record: Record) -> str:
    return "\n".join(note.text for note in record.notes)


def same(one: list[Row], other: list[Row]) -> bool:
    return [repr(row) for row in one] == [repr(row) for row in other]


# -- the record ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", MIXED)
def test_an_imported_record_is_a_record(workplace, form):
    options = {"mapping": {"v": "level", "i": "I", "t": "t"}} if form == "csv" else {}
    record = brought(workplace, MIXED[form], **options)
    header = record.header
    assert header.imported["format"] == form
    assert header.imported["file"] == "data.csv"
    assert len(header.imported["sha256"]) == 64
    assert header.imported["labctl"] == header.versions["labctl"]
    assert not header.simulated
    assert header.status == "done"
    assert header.protocol["kind"] == "imported"
    found = verify(record.folder)
    assert found.holds
    assert found.figures == len(record.metrics) > 1
    assert all(metric.definition in DEFINITIONS for metric in record.metrics.values())
    assert record.results.panels
    assert not record.results.panels[0].traces[0].y_error
    assert all(math.isnan(row.u_v) and math.isnan(row.u_i) and not row.flags
               for row in record.readings)  # fmt: skip
    tail = Tail(record.folder)
    while tail.poll():
        pass
    assert [repr(row) for row in tail.readings] == [repr(row) for row in record.readings]
    for ledger in ledgers_of(record).values():
        assert math.isfinite(ledger.charge)
        assert math.isfinite(ledger.energy)


def test_it_is_seen_in_a_report_and_cannot_be_run(workplace):
    record = brought(workplace, ARC1)
    assert "Imported data" in report_html(record)
    with pytest.raises(BadInput, match="cannot be run"):
        engine.run(record.protocol, "direct-ftj", engine.Options(workplace / "runs"))
    with pytest.raises(BadInput):
        rerun(record.folder)
    with pytest.raises(BadInput, match="finished"):
        engine.resume(record.folder)


@pytest.mark.parametrize("form", ["arc1", "4200", "easyexpert", "pymeasure"])
def test_what_is_exported_is_imported_again_to_the_last_digit(workplace, form):
    record = brought(workplace, MIXED[form])
    (path,) = export(record, "csv", workplace / "again.csv")
    again = import_file(path)
    assert again.header.imported["format"] == "csv"
    assert same(list(again.readings), list(record.readings))
    steps = [len(record.of(step)) for step in record.steps]
    assert [len(again.of(step)) for step in again.steps] == steps


# -- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_session_of_arc_one(workplace, packed):
    record = brought(workplace, gzip.compress(ARC1.encode()) if packed else ARC1)
    labels = [(s.label["device"], s.label["tag"], s.label["cycle"]) for s in record.steps]
    assert labels == [
        ("W03B05", "manual", 1), ("W03B06", "CT", 1), ("W03B06", "CT", 2), ("W04B01", "RET", 1),
    ]  # fmt: skip
    manual, first, second, retention = (record.of(step) for step in record.steps)
    # a read, then a pulse whose resistance is read afterwards at the session's level
    assert [row.role for row in manual] == ["read", "pulse", "read"]
    np.testing.assert_allclose(manual.i, [0.5 / 10000, np.nan, 0.5 / 8000])
    np.testing.assert_allclose(manual.v, [0.5, 1.25, 0.5])
    np.testing.assert_allclose(manual.width, [np.nan, 1e-4, np.nan])
    # the curve tracer reads at the level that it applies
    np.testing.assert_allclose(first.i, [0.1 / 5000, 0.2 / 5000])
    np.testing.assert_allclose(second.i, [-0.2 / 4000, -0.1 / 4000])
    np.testing.assert_allclose(retention.t, [np.nan, 0, 60, np.nan])
    assert record.header.started == 1606046400.5
    assert record.header.ended == 1606046460.5
    assert "retention" in said(record)
    assert record.header.site == ""
    one = import_file(workplace / "data.csv", device="W03B06")
    assert one.header.site == "W03B06"
    assert len(one.readings) == 4
    with pytest.raises(BadInput, match="no device"):
        import_file(workplace / "data.csv", device="W09B09")


def test_an_older_session_has_the_read_voltage_in_its_tag(workplace):
    heading = ",".join(ARC1.splitlines()[2].split(",")[:7])
    lines = ["P", "date", heading, "1,2,1000,2,1e-6,P,R2 V=0.2", "a,b,c,d,e,f,g",
             "1,2,1000,2,1e-6,P,R2"]  # fmt: skip
    record = brought(workplace, "\n".join(lines))
    assert values(record, "role", "v", "i")[1] == ("read", 0.2, 0.2 / 1000)
    assert "1 lines left out" in said(record)
    assert "1 pulses have no read voltage" in said(record)


ARC2 = np.dtype(
    [("current", "<f4"), ("voltage", "<f4"), ("pulse_width", "<f4"), ("read_voltage", "<f4"),
     ("op_type", "<u4")]
)  # fmt: skip
RETENTION = np.dtype(
    [("read_voltage", "<f4"), ("current", "<f4"), ("tstamp_s", "<u8"), ("tstamp_us", "<u8")]
)


@pytest.fixture
def arc2(workplace):
    h5py = pytest.importorskip("h5py")
    path = workplace / "session.h5"
    with h5py.File(path, "w") as file:
        file.attrs["H5DS_VERSION_MAJOR"] = 0
        point = file.create_group("crosspoints/W01B02")
        table = point.create_dataset("timeseries", (1000,), ARC2, maxshape=(None,), chunks=True)
        table[0] = (1e-5, 0.25, 0.0, 0.25, 1)
        table[1] = (0.0, 1.5, 1e-6, 0.25, 2)
        table[2] = (2e-5, -1.5, 1e-6, 0.25, 3)
        table[3] = (4e-5, 0.5, 1e-3, 0.5, 3)
        table.attrs["NROWS"] = 4
        kept = point.create_dataset("experiments/RET_1", (2,), RETENTION)
        kept[0] = (0.25, 1e-5, 1_700_000_000, 500_000)
        kept[1] = (0.25, 2e-5, 1_700_000_010, 500_000)
    return path


def test_a_session_of_arc_two(arc2):
    record = import_file(arc2)
    assert record.header.imported["format"] == "arc2"
    assert record.header.site == "W01B02"
    rows = values(record, "role", "v", "i", "width")
    assert [row[0] for row in rows] == ["read", "pulse", "pulse", "read", "pulse"]
    np.testing.assert_allclose([row[1] for row in rows], [0.25, 1.5, -1.5, 0.25, 0.5])
    np.testing.assert_allclose(
        [row[2] for row in rows], [1e-5, np.nan, np.nan, 2e-5, 4e-5], rtol=1e-6
    )
    assert "data=experiments" in said(record)
    tables = import_file(arc2, mapping={"data": "experiments"})
    np.testing.assert_allclose(tables.readings.t, [0, 10], atol=1e-5)
    assert tables.header.started == pytest.approx(1_700_000_000.5)
    assert {row.role for row in tables.readings} == {"read"}
    with pytest.raises(BadInput, match='"timeseries" and "experiments"'):
        import_file(arc2, mapping={"data": "all"})


def test_a_table_of_arc_two_that_lies_in_another_file_is_not_opened(arc2, workplace):
    h5py = pytest.importorskip("h5py")
    secret = written(workplace, np.ones(8, ARC2).tobytes(), "secret.bin")
    with h5py.File(arc2, "a") as file:
        del file["crosspoints/W01B02"]
        file["crosspoints/W07B07"] = h5py.ExternalLink(str(arc2), "/crosspoints")
    with pytest.raises(BadInput, match="holds no timeseries"):
        import_file(arc2)
    with h5py.File(arc2, "a") as file:
        file.create_dataset(
            "crosspoints/W01B02/timeseries", (8,), ARC2,
            external=[(str(secret), 0, 8 * ARC2.itemsize)],
        )  # fmt: skip
    with pytest.raises(BadInput, match="never opened"):
        import_file(arc2)
    assert not (workplace / "runs").exists()


def test_results_of_pymeasure_are_text_and_nothing_else(workplace):
    record = brought(workplace, PYMEASURE)
    assert values(record, "t", "v")[:2] == [(0.0, 0.1), (1.0, 0.2)]
    np.testing.assert_allclose(record.readings.i, [20e-6, np.nan, -25e-6])
    assert record.header.imported["procedure"] == "os.system"
    assert "Maximum Current: 10 mA" in said(record)
    assert not (workplace / "ran").exists()


def test_a_sheet_of_a_4200(workplace):
    record = brought(workplace, K4200)
    np.testing.assert_allclose(record.readings.where(terminal="Anode").i, [1e-6, 4e-6])
    np.testing.assert_allclose(record.readings.where(terminal="Cathode").v, [0, 0])
    np.testing.assert_allclose(record.readings.t, [0, 0, 1.5e-3, 1.5e-3])
    stepped = brought(workplace, K4200_STEPPED)
    assert stepped.header.imported["format"] == "4200"
    assert [step.label["sweep"] for step in stepped.steps] == [1, 2]
    np.testing.assert_allclose(stepped.of(stepped.steps[1]).i, [2e-6, 4e-6])
    assert "no times" in said(stepped)
    mapped = brought(workplace, K4200, mapping={"v": "CathodeV", "i": "CathodeI"})
    assert {row.terminal for row in mapped.readings} == {"top"}


def test_tests_of_easyexpert(workplace):
    record = brought(workplace, EASYEXPERT + EASYEXPERT)
    assert [step.label["sweep"] for step in record.steps] == [1, 2, 1, 2]
    assert record.header.site == "D-7"
    second = record.of(record.steps[1])
    top = second.where(terminal="t")
    np.testing.assert_allclose((top.v, top.i), [[0.5, 1], [3e-6, 4e-6]])
    np.testing.assert_allclose(second.where(terminal="b").v, [0.1, 0.1])
    classic = brought(workplace, CLASSIC)
    assert classic.header.imported["format"] == "easyexpert"
    assert classic.header.site == "DG_1"
    np.testing.assert_allclose(classic.readings.where(terminal="1").i, [1e-9, 2e-9])


def test_a_plain_table_with_a_map(workplace):
    chosen = parse_map("t=1,v=level,i=I,role=read,terminal=gate")
    record = brought(workplace, PLAIN, mapping=chosen)
    assert values(record, "t", "v", "i", "role", "terminal") == [
        (pytest.approx(0.5e-3), pytest.approx(0.1), pytest.approx(1e-6), "read", "gate"),
        (pytest.approx(1.5e-3), pytest.approx(-0.2), pytest.approx(-4e-6), "read", "gate"),
    ]
    assert "decimal comma" in said(record)
    of_resistance = brought(workplace, "V,R (kOhm)\n0.5,10\n-1,20\n")
    np.testing.assert_allclose(of_resistance.readings.i, [5e-5, -5e-5])
    assert "conductance" in said(of_resistance)


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"v": "Level", "i": "I"}, 'no column of numbers called "Level"; it has "t", "level", "I"'),
        ({"v": "t", "i": "I"}, "v is a quantity in V"),
        ({"v": "level", "i": "I", "role": "what"}, "role=what"),
        ({"v": "level"}, None),
        ({}, "--map"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_in_a_sentence(workplace, mapping, sentence):
    if sentence is None:
        assert len(brought(workplace, PLAIN, mapping=mapping).readings) == 2
        return
    with pytest.raises(BadInput, match=sentence.replace("(", r"\(")):
        brought(workplace, PLAIN, mapping=mapping)
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("text", ["v", "v=", "x=Voltage", "v=a,v=b"])
def test_a_map_that_is_none(text):
    with pytest.raises(BadInput, match="not understood"):
        parse_map(text)


# -- malformed files and tricks ------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_format_gives_one_sentence(workplace, form):
    for data in (b"", b"hello\nworld\n", b"\x00\x01\xff", gzip.compress(b"x")[:-4]):
        with pytest.raises(BadInput) as caught:
            brought(workplace, data, form=form)
        assert "\n" not in str(caught.value)
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("start", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04\x14\x00"])
def test_a_workbook_is_refused_with_what_to_do(workplace, start):
    with pytest.raises(BadInput, match="save its sheet as CSV"):
        brought(workplace, start + bytes(600))


@settings(max_examples=60)
@given(
    data=st.one_of(
        st.binary(max_size=120),
        st.tuples(st.sampled_from([t.encode() for t in (*MIXED.values(), CLASSIC)]),
                  st.integers(0, 400), st.binary(max_size=12))
        .map(lambda part: part[0][: part[1]] + part[2] + part[0][part[1] + len(part[2]) :]),
    ),
    form=st.sampled_from(["auto", *FORMATS]),
)  # fmt: skip
def test_any_bytes_give_a_record_or_one_sentence(workplace, data, form):
    refused, record = "", None
    try:
        record = brought(workplace, data, form=form)
    except BadInput as error:
        refused = str(error)
    assert "\n" not in refused
    if record is not None:
        assert len(record.readings)
        assert Record(record.folder).readings.rows
        assert verify(record.folder).holds


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_session_of_arc_two_that_is_cut_off(arc2, share):
    data = arc2.read_bytes()
    arc2.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match=r"cannot be read as HDF5|holds no"):
        import_file(arc2)


@pytest.mark.parametrize("tries", [4, pytest.param(150, marks=pytest.mark.long)])
def test_a_damaged_session_of_arc_two_never_ends_the_program(arc2, workplace, tries):
    """The HDF5 library ends the process that reads some of these; it is a child of this one."""
    sound = np.frombuffer(arc2.read_bytes(), np.uint8)
    # the structure of the file, without the many zeros of its table
    places = np.flatnonzero(sound)[8:]
    random = np.random.default_rng(4)
    for _ in range(tries):
        data = sound.copy()
        hit = random.choice(places, 12)
        data[hit] = random.integers(0, 256, 12)
        arc2.write_bytes(data.tobytes())
        refused = ""
        try:
            assert len(import_file(arc2, "arc2").readings)
        except BadInput as error:
            refused = str(error)
        assert "\n" not in refused


def test_names_from_a_file_never_leave_the_folder(workplace):
    assert plain_name("..\\..\\a.csv") == "a.csv"
    assert plain_name("..") == "file"
    assert site_name("../../etc/passwd") == "etc-passwd"
    assert terminal_name("nan],[null") == "NAN-NULL"
    assert clean("\x1b[31mred\x07") == "[31mred"
    evil = EASYEXPERT.replace("../../D 7", "../../../D/../x").replace("IdVg", "../\x1b]0;x\x07<b>")
    record = brought(workplace, evil)
    assert record.folder.resolve().is_relative_to((workplace / "runs").resolve())
    assert {path.name for path in workplace.iterdir()} == {"runs", "data.csv"}
    assert "/" not in record.header.site
    assert "\x1b" not in (record.folder / "journal.jsonl").read_text("utf-8")
    assert "<b>" not in report_html(record)
    with pytest.raises(BadInput, match="is not a name"):
        brought(workplace, K4200, device="../out")


def test_terminals_that_look_like_missing_numbers_are_kept(workplace):
    text = 't,v,i,terminal,role\n0,1,1e-6,nanotube,read\n1,1,2e-6,"a],[b",rest\n'
    record = brought(workplace, text)
    assert [row.terminal for row in record.readings] == ["NANotube", "a-b"]
    assert [row.role for row in record.readings] == ["read", "rest"]
    with pytest.raises(BadInput, match='the role "look"'):
        brought(workplace, text.replace("rest", "look"))


def test_formats_are_recognised_by_their_content():
    found = {form: recognised(text.encode()) for form, text in MIXED.items()}
    assert found == {form: form for form in MIXED}
    assert recognised(K4200_STEPPED.encode()) == "4200"
    assert recognised(b"") == "csv"
    with pytest.raises(BadInput, match="allowed are auto, arc1"):
        import_file(Path("x"), "xls")
    with pytest.raises(BadInput, match="there is no file"):
        import_file(Path("nowhere.csv"))


def test_the_command(workplace):
    app = typer.Typer()
    app.command()(import_run)
    written(workplace, PLAIN)
    call = ["data.csv", "--map", "t=t,v=level,i=I", "--device", "D3"]
    result = CliRunner().invoke(app, [*call, "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["format"], told["readings"], told["steps"]) == ("csv", 2, 1)
    assert Record(told["run"]).header.site == "D3"
    shown = CliRunner().invoke(app, call)
    assert "2 readings in 1 steps, read as csv" in shown.stdout
    assert "decimal comma" in shown.stdout
    wrong = CliRunner().invoke(app, ["nothing.csv"])
    assert wrong.exit_code == 2
    assert 'there is no file "nothing.csv"' in wrong.stderr
