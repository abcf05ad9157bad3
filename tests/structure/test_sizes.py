"""Code stays small enough to be read: lengths of functions, classes and modules."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labctl", "instruments", "protocols", "gui", "sim_backend")
FUNCTION_P90 = 25
MOST = {"functions": 60, "classes": 250, "modules": 400}
KINDS = {"functions": (ast.FunctionDef, ast.AsyncFunctionDef), "classes": (ast.ClassDef,)}

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


@functools.cache
def sizes(kind: str) -> list[Size]:
    """Return the lengths of all functions, classes or modules: read when a test asks for them."""
    if kind == "modules":
        return [Size(where, len(text.splitlines())) for where, text in modules()]
    return [
        Size(f"{where}:{node.name}", node.end_lineno - node.lineno + 1)
        for where, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, KINDS[kind])
    ]


@functools.cache
def trees() -> list[tuple[str, ast.Module]]:
    return [(where, ast.parse(text)) for where, text in modules()]


def too_long(kind: str) -> list[Size]:
    return [size for size in sizes(kind) if size.lines > MOST[kind]]


def test_there_is_code_to_measure() -> None:
    assert len(sizes("functions")) > 100
    assert {where.split("/")[0] for where, _ in sizes("modules")} == set(PACKAGES)


@pytest.mark.parametrize("kind", MOST)
def test_nothing_is_too_long(kind: str) -> None:
    assert [size for size in too_long(kind) if size.where not in EXCEPTIONS] == []


def test_nine_functions_in_ten_fit_on_half_a_screen() -> None:
    lengths = sorted(size.lines for size in sizes("functions"))
    assert lengths[int(0.9 * len(lengths))] <= FUNCTION_P90


def test_every_exception_is_still_needed() -> None:
    over = {size.where for kind in MOST for size in too_long(kind)}
    assert set(EXCEPTIONS) <= over
    assert all(EXCEPTIONS.values())
