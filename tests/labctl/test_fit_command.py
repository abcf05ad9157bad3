"""``labctl fit`` on tables: dialects, units, roles, models, bad files and exit status."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from labctl.cli import app
from labctl.columns import read_columns
from labctl.errors import BadInput
from labctl.fitting import MODELS, Options, fit_file
from labctl.text_table import split_unit, to_si

RNG = np.random.default_rng(1)
T = np.geomspace(2e-3, 3, 60)
Y = 1e-6 * (np.exp(-T / 0.069) + np.exp(-T / 0.24)) + 2e-9 * RNG.normal(size=60)


def cli(*words: object) -> Result:
    return CliRunner().invoke(app, ["fit", *map(str, words)])


def table(path: Path, head: str, *columns: np.ndarray, separator: str = ",") -> Path:  # type: ignore[type-arg]
    rows = [separator.join(repr(float(x)) for x in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def decay(workplace: Path) -> Path:
    return table(workplace / "decay.csv", "t (ms),I (uA)", 1e3 * T, 1e6 * Y)


class TestDialects:
    @pytest.mark.parametrize(
        ("text", "separator"),
        [
            ("t (s),y (uA)\n0,1\n1,2.5\n2,3\n", "comma, decimal point"),
            ("t [ms];y [nA]\n0,0;1000\n1000,0;2500\n2000;3000\n", "semicolon, decimal comma"),
            ("# a comment\n\nt / s\ty / uA\n0\t1\n1\t2.5\n2\t3\n", "tab, decimal point"),
            ("% more\nt(s)  y(uA)\n 0   1\n 1   2.5\n 2  3\n", "spaces, decimal point"),
            (
                '"t (s)";"y (uA)"\r\n"0";"1"\r\n"1";"2,5"\r\n"2";"3,0"\r\n',
                "semicolon, decimal comma",
            ),
            ("t\ty\ns\tuA\n0\t1\n1\t2.5\n2\t3\n", "tab, decimal point"),
            ("# t [s], y [uA]\nt,y\n0,1\n1,2.5\n2,3\n", "comma, decimal point"),
            ("# t (s), y (uA)\n0,1\n1,2.5\n2,3\n", "comma, decimal point"),
            ("\ufefft (s),y (uA)\n0,1\n1,2.5\n2,3\n", "comma, decimal point"),
        ],
    )
    def test_all_say_the_same(self, text: str, separator: str, workplace: Path) -> None:
        path = workplace / "a.csv"
        path.write_bytes(text.encode("utf-8"))
        sheet = read_columns(path)
        assert [(c.name, c.unit) for c in sheet.columns] == [("t", "s"), ("y", "A")]
        assert sheet.columns[0].values == pytest.approx([0, 1, 2])
        assert sheet.columns[1].values == pytest.approx([1e-6, 2.5e-6, 3e-6])
        assert sheet.assumed[0] == f"separator: {separator}"

    def test_what_was_assumed_is_said(self, workplace: Path) -> None:
        path = workplace / "a.csv"
        path.write_bytes("0;1\n1;2;3\n2;nan\n3;4\n4;µ\n5;6\n6;7\n".encode("latin-1"))
        sheet = read_columns(path)
        assert [c.name for c in sheet.columns] == ["1", "2"]
        assert "text read as latin-1" in sheet.assumed
        assert "no header: the columns are called 1, 2, ..." in sheet.assumed
        assert "1 rows left out that have another number of cells" in sheet.assumed
        assert np.isnan(sheet.columns[1].values).sum() == 2

    def test_a_decimal_comma_below_one_name_is_no_separator(self, workplace: Path) -> None:
        (workplace / "a.csv").write_text("y\n1,5\n2,5\n")
        assert read_columns(workplace / "a.csv").columns[0].values == pytest.approx([1.5, 2.5])

    def test_columns_of_text_are_passed_over_and_names_made_distinct(self, workplace: Path) -> None:
        (workplace / "a.csv").write_text("t,note,t\n1,a,2\n2,b,3\n")
        assert [c.name for c in read_columns(workplace / "a.csv").columns] == ["t", "t 2"]

    @pytest.mark.parametrize("cell", ["1_000", "0x10", "１", "1e", "--1", "1.2.3", "True"])
    def test_only_plain_numbers_are_numbers(self, cell: str, workplace: Path) -> None:
        (workplace / "a.csv").write_text(f"t,y\n1,2\n{cell},3\n2,4\n", encoding="utf-8")
        values = read_columns(workplace / "a.csv").columns[0].values
        assert np.isnan(values).tolist() == [False, True, False]

    @pytest.mark.parametrize(
        ("header", "name", "unit", "value"),
        [
            ("t (ms)", "t", "s", 1e-3), ("T [°C]", "T", "K", 274.15), ("R / kOhm", "R", "Ohm", 1e3),
            ("I(µA)", "I", "A", 1e-6), ("n", "n", "1", 1.0), ("yield (%)", "yield", "1", 0.01),
            ("x (a.u.)", "x", "a.u.", 1.0), ("G [mS]", "G", "S", 1e-3), ("t (h)", "t", "s", 3600),
        ],
    )  # fmt: skip
    def test_units_of_a_header(self, header: str, name: str, unit: str, value: float) -> None:
        plain, written = split_unit(header)
        values, symbol = to_si(np.ones(1), written)
        assert (plain, symbol) == (name, unit)
        assert values[0] == pytest.approx(value)

    def test_parquet(self, workplace: Path) -> None:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        columns = {"t (ms)": 1e3 * T, "I (uA)": 1e6 * Y, "note": ["x"] * 60, "k": range(60)}
        parquet.write_table(pa.table(columns), workplace / "a.dat")
        sheet = read_columns(workplace / "a.dat")
        assert [(c.name, c.unit) for c in sheet.columns] == [("t", "s"), ("I", "A"), ("k", "1")]
        assert sheet.columns[0].values == pytest.approx(T)
        assert sheet.assumed == ("read as Parquet",)

    def test_hdf5(self, workplace: Path) -> None:
        h5py = pytest.importorskip("h5py")
        with h5py.File(workplace / "a.h5", "w") as file:
            file["run/t"] = 1e3 * T
            file["run/t"].attrs["units"] = "ms"
            file["run/I (uA)"] = 1e6 * Y
            file["picture"] = np.zeros((3, 3))
            file["name"] = "D3"
            file["table"] = np.array([(1.0, 2)], [("a", float), ("b", int)])
            file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "x")
        sheet = read_columns(workplace / "a.h5")
        units = {c.name: c.unit for c in sheet.columns}
        assert units == {"run/t": "s", "run/I": "A", "table/a": "1", "table/b": "1"}
        assert sheet.find("t").values == pytest.approx(T)
        fitted = fit_file(workplace / "a.h5", Options("double_decay", "t", "run/I"))
        assert fitted.results.fits["double_decay"].tau2.value == pytest.approx(0.24, rel=0.15)
        with pytest.raises(BadInput, match="differ in length"):
            fit_file(workplace / "a.h5", Options("double_decay", "t", "a"))

    def test_hdf5_that_is_damaged_or_not_its_own(self, workplace: Path) -> None:
        h5py = pytest.importorskip("h5py")
        path = workplace / "a.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("run/t", data=T, chunks=(10,))
        whole = path.read_bytes()
        assert len(read_columns(path).columns[0].values) == len(T)
        for end in (60, 700, len(whole) // 2, len(whole) - 8):
            path.write_bytes(whole[:end])
            with pytest.raises(BadInput, match="cannot be read as HDF5"):
                read_columns(path)
        secret = workplace / "secret.bin"
        secret.write_bytes(T.tobytes())
        with h5py.File(path, "w") as file:
            file.create_dataset("t", (len(T),), float, external=[(str(secret), 0, T.nbytes)])
        with pytest.raises(BadInput, match="never opened"):
            read_columns(path)


class TestCommand:
    def test_a_table_of_fits_and_what_was_assumed(self, decay: Path) -> None:
        shown = cli(decay, "--model", "double_decay")
        assert shown.exit_code == 0, shown.output
        assert 'columns: time, value = "t" in s, "I" in A' in shown.stdout
        assert "weights: equal" in shown.stdout
        assert "double_decay" in shown.stdout
        assert "yes" in shown.stdout

    def test_json_is_one_object_and_nothing_else(self, decay: Path) -> None:
        shown = cli(decay, "--model", "double_decay", "--json")
        assert shown.exit_code == 0
        assert shown.stderr == ""
        found = json.loads(shown.stdout)
        assert set(found) == {"file", "assumed", "metrics", "fits", "notes"}
        values = found["fits"]["double_decay"]["values"]
        for name, truth in {"tau1": 0.069, "tau2": 0.24, "c1": 1e-6, "c2": 1e-6}.items():
            assert values[name]["low"] <= truth <= values[name]["high"]
        assert values["tau1"]["unit"] == "s"
        assert values["c1"]["unit"] == "A"

    def test_without_a_model_decays_compete(self, decay: Path) -> None:
        found = json.loads(cli(decay, "--json").stdout)
        assert {"single_decay", "double_decay", "stretched_decay"} <= set(found["fits"])
        assert "the double decay is preferred" in found["notes"][0]
        assert any("no model given" in line for line in found["assumed"])

    def test_columns_may_be_chosen_and_uncertainties_are_found(self, workplace: Path) -> None:
        path = table(workplace / "a.csv", "k,I,t,u(I)", np.arange(60.0), Y, T, 2e-9 + 0 * T)
        words = [path, "--model", "double_decay", "--x", "t", "--json"]
        found = json.loads(cli(*words, "--y", 2).stdout)
        assert 'weights: 1/sigma^2 from "u(I)"' in found["assumed"]
        assert found["fits"]["double_decay"]["chi2_reduced"] == pytest.approx(1.0, abs=0.5)
        named = json.loads(cli(*words, "--y", "I", "--sigma", "u(I)").stdout)
        assert named["fits"] == found["fits"]

    def test_a_baseline(self, decay: Path) -> None:
        found = fit_file(decay, Options("single_decay", baseline="free")).results
        assert "baseline" in found.fits["single_decay"].values
        assert fit_file(decay, Options("single_decay", baseline="1e-7")).results.fits

    def test_rows_without_a_number_are_left_out_and_said(self, workplace: Path) -> None:
        y = np.where(np.arange(60) % 20 == 0, np.nan, Y)
        path = table(workplace / "a.csv", "t (s),I (A)", T, y)
        found = fit_file(path, Options("double_decay"))
        assert "3 rows of 60 left out: no finite number" in found.assumed
        assert found.results.fits["double_decay"].points == 57

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["--model", "tripel"], 'the model "tripel" is unknown; allowed are compete, single'),
            (["--x", "time"], 'has no column called "time"; its columns are "t", "I"'),
            (["--y", "3"], 'has no column called "3"'),
            (["--model", "single_decay", "--baseline", "low"], "use none, free or a number"),
            (["--model", "drift", "--t0", "0"], "positive time in s"),
            (["--sigma", "t"], "they must have one unit"),
        ],
    )
    def test_a_refusal_is_one_sentence_and_status_2(
        self, words: list[str], says: str, decay: Path
    ) -> None:
        shown = cli(decay, *words)
        assert shown.exit_code == 2
        assert says in shown.stderr
        assert len(shown.stderr.splitlines()) == 1
        assert shown.stdout == ""

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"), (b"#\n# x\n", "is empty"), (b"a,b\nc,d\n", "no column of numbers"),
            (b"\x00\x01\x02", "is not text"), (b"PAR1garbage", "cannot be read as Parquet"),
            (b"\x89HDF\r\n\x1a\ngarbage", "cannot be read as HDF5"), (b"1\n2\n3\n", "one column"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_no_table(self, content: bytes, says: str, workplace: Path) -> None:
        (workplace / "a.csv").write_bytes(content)
        shown = cli("a.csv", "--json")
        assert shown.exit_code == 2
        assert says in shown.stderr
        assert shown.stdout == ""

    def test_what_is_not_there(self, workplace: Path) -> None:
        assert 'there is no file "none.csv"' in cli("none.csv").stderr
        assert "is not a run folder" in cli("none").stderr
        assert "options for a table" in cli(workplace, "--model", "single_decay").stderr

    def test_data_that_no_model_fits_are_a_fit_without_values(self, workplace: Path) -> None:
        path = table(workplace / "a.csv", "t,y", np.arange(9.0), np.ones(9))
        found = json.loads(cli(path, "--model", "single_decay", "--json").stdout)
        assert found["fits"]["single_decay"]["values"] == {}
        assert "constant" in found["notes"][0]


def data_for(model: str) -> tuple[str, list[np.ndarray]]:  # type: ignore[type-arg]
    """Return header and columns that the model can be fitted to."""
    rng = np.random.default_rng(2)
    x, n, many = np.linspace(0.1, 3, 24), np.arange(24.0), np.arange(2048)
    noise, rate, dt = rng.normal(size=24), np.geomspace(0.1, 20, 24), np.linspace(-0.1, 0.1, 24)
    kelvin = np.linspace(300, 400, 24)
    tau = np.exp(0.3 / 8.617333e-5 / kelvin) * 1e-6 * (1 + 0.02 * noise)
    steps = np.cumsum(rng.random(2048) < 0.05) % 2 + 0.1 * rng.normal(size=2048)
    by_role = {
        "time, value": ("t (s),y (S)", x, 1e-6 * (0.2 + np.exp(-x)) * (1 + 0.01 * noise)),
        "time, resistance": ("t (s),R (Ohm)", x, 1e5 * x**0.1 * (1 + 0.01 * noise)),
        "time, conductance": ("t (s),G (S)", x, 1e-6 * x**-0.1 * (1 + 0.01 * noise)),
        "life": ("life (s)", rng.weibull(2, 24) * 1e3),
        "time, signal": ("t (s),I (nA)", 1e-3 * many, steps),
        "voltage, current": ("V (V),I (A)", x, 1e-6 * np.sinh(x) * (1 + 0.01 * noise)),
        "voltage, switching time": ("V (V),tau (s)", x, np.exp(-3 * x) * (1 + 0.05 * noise)),
        "rate, weight change": ("f (Hz),dw", rate, rate * (rate - 5) / 100 + 0.02 * noise),
        "time difference, weight change": (
            "dt (ms),dw", 1e3 * dt, np.sign(dt) * np.exp(-np.abs(dt) / 0.02) + 0.02 * noise,
        ),
        "pulse number, conductance": (
            "n,G (uS)", n, 10 + 5 * (1 - np.exp(-n / 9)) + 0.02 * noise,
        ),
        "temperature, rate or time constant": ("T (°C),tau (s)", kelvin - 273.15, tau),
    }  # fmt: skip
    head, *columns = by_role[MODELS[model].roles]
    return str(head), columns  # type: ignore[return-value]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_takes_a_table(model: str, workplace: Path) -> None:
    head, columns = data_for(model)
    path = table(workplace / "a.csv", head, *columns)
    found = fit_file(path, Options(model)).results
    assert found.fits
    assert any(fit.values for fit in found.fits.values()), [f.note for f in found.fits.values()]


def test_activation_energy_from_degrees_celsius(workplace: Path) -> None:
    head, columns = data_for("arrhenius")
    found = fit_file(table(workplace / "a.csv", head, *columns), Options("arrhenius"))
    (fit,) = found.results.fits.values()
    assert fit.Ea.value == pytest.approx(0.3, rel=0.02)


def test_falling_conductances_are_a_depression(workplace: Path) -> None:
    n = np.arange(20.0)
    path = table(workplace / "a.csv", "n,G (uS)", n, 5 + 5 * np.exp(-n / 8))
    found = fit_file(path, Options("neurosim")).results.fits["neurosim"]
    assert "label_ltd" in found.values


def test_censored_lives(workplace: Path) -> None:
    rng = np.random.default_rng(3)
    lives = rng.weibull(2, 60) * 1e3
    kept = np.minimum(lives, 900)
    path = table(workplace / "a.csv", "life (s),censored", kept, (lives > 900).astype(float))
    found = fit_file(path, Options("weibull"))
    fit = found.results.fits["weibull"]
    assert 'columns: life = "life" in s, censored = "censored"' in found.assumed
    assert fit.beta.low is not None
    assert fit.beta.low <= 2 <= (fit.beta.high or 0)


SOME = st.binary(max_size=200) | st.text(
    st.sampled_from("0123456789.,;\t\n\r -+eE#\"'()[]abcnV/µ\x00\x85\u2028"), max_size=200
).map(lambda text: text.encode("utf-8"))


@given(content=SOME)
@settings(max_examples=200)
def test_any_bytes_are_a_table_or_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    sheet = None
    try:
        sheet = read_columns(path)
    except BadInput as error:
        said = str(error)
        assert len(said.splitlines()) == 1, said
    if sheet is not None:
        assert sheet.columns
        assert len({column.name for column in sheet.columns}) == len(sheet.columns)
        with suppress(BadInput):
            fit_file(path, Options("single_decay"))


@given(
    rows=st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=10),
    separator=st.sampled_from([",", ";", "\t", " "]),
    comma=st.booleans(),
)
@settings(max_examples=80)
def test_numbers_come_back(
    rows: list[tuple[float, float]], separator: str, comma: bool, tmp_path: Path
) -> None:
    comma = comma and separator != ","
    text = "\n".join([f"t{separator}y", *(separator.join(map(repr, row)) for row in rows)])
    assume(np.all(np.isfinite(rows)))
    (tmp_path / "a.csv").write_text(text.replace(".", ",") if comma else text)
    sheet = read_columns(tmp_path / "a.csv")
    assert pytest.approx(np.array(rows)) == np.array([c.values for c in sheet.columns]).T
