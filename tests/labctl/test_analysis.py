"""The analysis hands its names on without loading what is not asked for."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from labctl import analysis

TREE = ast.parse(Path(analysis.__file__).read_text("utf-8"))
TYPED = {
    (alias.name, str(node.module))
    for node in ast.walk(TREE)
    if isinstance(node, ast.ImportFrom) and str(node.module).startswith("labctl.")
    for alias in node.names
}


def test_what_is_typed_is_what_is_found() -> None:
    assert {
        (name, f"labctl.analysis.{module}") for name, module in analysis._WHERE.items()
    } == TYPED
    for name, module in TYPED:
        assert getattr(analysis, name) is getattr(importlib.import_module(module), name)
        assert name in dir(analysis)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute fit_everything"):
        _ = analysis.fit_everything


def test_no_module_hides_a_name() -> None:
    modules = {path.stem for path in Path(analysis.__file__).parent.glob("*.py")}
    assert modules.isdisjoint(analysis._WHERE)


def test_one_name_does_not_load_the_others() -> None:
    code = "import sys, labctl.analysis as a; a.judge; print('labctl.analysis.stdp' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
