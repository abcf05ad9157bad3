"""Imports go one way, without cycles, and stand at the top of their file."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labctl", "instruments", "protocols", "gui", "sim_backend")

#: libraries that cost more to import than most of labctl: imported where they are used
HEAVY = frozenset(
    {
        "distributed", "h5py", "jinja2", "matplotlib", "numba", "pandas", "pyarrow", "pymeasure",
        "pyvisa", "rich", "scipy", "xarray",
    }
)  # fmt: skip
#: modules of ours that bring one of them, and which
BRING_HEAVY = {
    "labctl.plot": "matplotlib",
    "labctl.report": "jinja2",
    "instruments.agilent33500_meter": "pymeasure",
    "instruments.b1500_analyser": "pymeasure",
    "instruments.keithley2400_meter": "pymeasure",
    "instruments.keithley2450_meter": "pymeasure",
    "instruments.keithley2600_meter": "pymeasure",
    "instruments.keithley2600_pulser_meter": "pymeasure",
    "instruments.keithley4200_meter": "pymeasure",
    "instruments.lakeshore_controller": "pymeasure",
    "sim_backend.adapter": "pymeasure",
}
#: exist on one system only
PLATFORM = frozenset({"fcntl", "msvcrt"})
#: the command line answers --help before it knows what a bench is
START_UP = frozenset({"labctl/cli.py", "labctl/__init__.py"})


def test_contracts(monkeypatch) -> None:
    """The contracts of pyproject.toml are kept."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS


def test_no_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    sorter = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        raise AssertionError(f"these import each other: {' <- '.join(error.args[1])}") from None


@pytest.mark.parametrize("module", BRING_HEAVY)
def test_modules_that_may_be_imported_late_do_bring_a_heavy_library(module: str) -> None:
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    assert graph.chain_exists(module, BRING_HEAVY[module], as_packages=True)


def inner_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for every import inside a function."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "labctl":
                yield from ((node.lineno, f"labctl.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.lineno, str(node.module)


def is_allowed(module: str) -> bool:
    top = module.split(".")[0]
    return top in HEAVY | PLATFORM or any(
        module == heavy or module.startswith(f"{heavy}.") for heavy in BRING_HEAVY
    )


def test_imports_inside_functions_only_keep_heavy_libraries_out_of_start_up() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in START_UP
        for line, module in inner_imports(ast.parse(path.read_text("utf-8")))
        if not is_allowed(module)
    ]
    assert found == []
