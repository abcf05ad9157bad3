"""Code stays small enough to be read: lengths of functions, classes and modules."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labctl", "instruments", "protocols", "gui", "sim_backend")
FUNCTION_P90, FUNCTION_MOST, CLASS_MOST, MODULE_MOST = 25, 60, 250, 400

#: what may be longer, and why: {"labctl/engine.py": "reason", "labctl/engine.py:resume": "reason"}
EXCEPTIONS: dict[str, str] = {}


class Size(NamedTuple):
    """Length of a piece of code, docstring and comments included."""

    where: str
    lines: int


def modules() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def pieces(*kinds: type[ast.AST]) -> list[Size]:
    return [
        Size(f"{where}:{node.name}", node.end_lineno - node.lineno + 1)
        for where, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    ]


FUNCTIONS = pieces(ast.FunctionDef, ast.AsyncFunctionDef)
CLASSES = pieces(ast.ClassDef)
MODULES = [Size(where, len(text.splitlines())) for where, text in modules()]


def too_long(sizes: list[Size], most: int) -> list[Size]:
    return [size for size in sizes if size.lines > most and size.where not in EXCEPTIONS]


def test_there_is_code_to_measure() -> None:
    assert len(FUNCTIONS) > 100
    assert {where.split("/")[0] for where, _ in MODULES} == set(PACKAGES)


@pytest.mark.parametrize(
    ("sizes", "most"),
    [(FUNCTIONS, FUNCTION_MOST), (CLASSES, CLASS_MOST), (MODULES, MODULE_MOST)],
    ids=["functions", "classes", "modules"],
)
def test_nothing_is_too_long(sizes: list[Size], most: int) -> None:
    assert too_long(sizes, most) == []


def test_nine_functions_in_ten_fit_on_half_a_screen() -> None:
    lengths = sorted(size.lines for size in FUNCTIONS)
    assert lengths[int(0.9 * len(lengths))] <= FUNCTION_P90


def test_every_exception_is_still_needed() -> None:
    over = {
        *(size.where for size in FUNCTIONS if size.lines > FUNCTION_MOST),
        *(size.where for size in CLASSES if size.lines > CLASS_MOST),
        *(size.where for size in MODULES if size.lines > MODULE_MOST),
    }
    assert set(EXCEPTIONS) <= over
    assert all(EXCEPTIONS.values())
