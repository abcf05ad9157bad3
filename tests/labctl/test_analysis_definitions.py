"""The registry of definitions: complete, importable, printed, and never mixed in a table."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import labctl.analysis
from labctl.analysis.definition_page import page
from labctl.analysis.definitions import DEFINITIONS, collect, definition, lines
from labctl.analysis.formula import Definition
from labctl.analysis.metric_tables import metric_table, refuse_mixed
from labctl.cli import app
from labctl.errors import BadInput
from labctl.results import Metric

PPF, READ = "ppf-index-in-pulse-current", "ppf-index-read-conductance"


@pytest.mark.parametrize("name", DEFINITIONS)
def test_an_entry_explains_itself(name: str) -> None:
    entry = definition(name)
    assert entry.id == name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert entry.formula
    assert entry.meaning.endswith(".")
    assert entry.doi == "" or re.fullmatch(r"10\.\d{4,}/\S+", entry.doi)
    assert entry.quantity


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_function_that_computes_it_is_there(name: str) -> None:
    parts = definition(name).code.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            # a cached property or a method of a class is what computes, too
            found = inspect.getattr_static(found, part)
        assert callable(found) or isinstance(found, property) or hasattr(found, "func")
        return
    pytest.fail(f"{definition(name).code} cannot be imported")


def test_every_tuple_that_a_module_offers_is_in_the_registry() -> None:
    offered: dict[str, str] = {}
    for info in pkgutil.iter_modules(labctl.analysis.__path__):
        module = importlib.import_module(f"labctl.analysis.{info.name}")
        for name, value in vars(module).items():
            if name.startswith("DEFINITIONS_") and info.name != "definitions":
                offered |= {entry.id: f"{info.name}.{name}" for entry in value}
    assert set(offered) == set(DEFINITIONS)


def test_the_reference_page_is_the_registry(root: Path) -> None:
    written = (root / "docs" / "reference" / "definitions.md").read_text(encoding="utf-8")
    assert written == page(), (
        "the page is out of date; make it again: "
        "python -m labctl.analysis.definition_page docs/reference/definitions.md"
    )
    assert all(f"### {name}\n" in written for name in DEFINITIONS)


def test_an_unknown_one() -> None:
    with pytest.raises(BadInput, match=r'"ppf-index" is unknown; known are .*energy-level-current'):
        definition("ppf-index")


def test_an_id_has_one_meaning() -> None:
    one = Definition("a", "x", "First.")
    assert collect([one, one]) == {"a": one}
    with pytest.raises(BadInput, match='"a" is given twice'):
        collect([one, Definition("a", "y", "Second.")])


def test_an_entry_as_text() -> None:
    text = "\n".join(lines(definition(PPF)))
    assert text.startswith(f"{PPF} [1] (paired-pulse index)\n  I2/I1 - 1")
    assert "doi:10.1002/adma.202412006" in text
    assert text.endswith("computed by labctl.analysis.paired_pulses.paired_pulse_index")


@pytest.mark.parametrize("name", [PPF, "c2c-step-over-mean", "energy-event-switching"])
def test_describe_prints_it(name: str) -> None:
    shown = CliRunner().invoke(app, ["describe", name])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.rstrip("\n") == "\n".join(lines(definition(name)))


def test_they_are_listed() -> None:
    shown = CliRunner().invoke(app, ["list", "definitions"]).stdout.splitlines()
    assert [line.split()[0] for line in shown] == sorted(DEFINITIONS)


class TestTable:
    def test_two_definitions_of_one_name_are_refused(self) -> None:
        one, two = Metric(0.4, 0.1, "1", PPF), Metric(0.3, definition=READ)
        rows = {"D1": {"index": one}, "D2": {"index": two}}
        with pytest.raises(BadInput, match=f'"index" .* two definitions, "{PPF}" and "{READ}"'):
            metric_table("Devices", rows)
        refuse_mixed(
            [("index", Metric(0.4, definition=PPF)), ("other", Metric(1, definition=READ))]
        )

    def test_two_units_of_one_name_are_refused(self) -> None:
        rows = {"D1": {"x": Metric(1.0, unit="J")}, "D2": {"x": Metric(1.0, unit="eV")}}
        with pytest.raises(BadInput, match="given in J, eV; use one unit"):
            metric_table("Devices", rows)

    def test_columns_carry_unit_uncertainty_and_definition(self) -> None:
        table = metric_table(
            "Devices",
            {
                "D1": {
                    "index": Metric(0.4, 0.1, "1", PPF),
                    "energy": Metric(1e-9, 1e-11, "J", "e"),
                },
                "D2": {"energy": Metric(1e-12, None, "J", "e", bound=True)},
            },
        )
        assert [column.name for column in table.columns] == [
            "device", f"index [{PPF}]", "u(index)", "energy [e]", "u(energy)",
        ]  # fmt: skip
        assert table.columns[1].data == (0.4, None)
        assert table.columns[4].data == (1e-11, "<=")
        assert table.columns[3].unit == "J"
