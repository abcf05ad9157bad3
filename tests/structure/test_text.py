"""What the files say: no place on one machine, no index of packages, names from the field."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labctl", "instruments", "protocols", "gui", "sim_backend")
TEXT = {".py", ".toml", ".md", ".txt", ".html", ".tsp", ".lua", ".csv", ".json", ".cfg", ""}
SKIPPED = {"build", "dist", "runs", "__pycache__"}

#: no file of the project needs any of these
FORBIDDEN = {
    "a folder of one machine": re.compile(
        r"(?<![\w.~/])/(?:work|root|opt|mnt|Users)/\w|/home/\w|[A-Z]:\\\\?Users"
    ),
    "the address of a package index": re.compile(
        r"index-url|find-links|https?://\S*(?:pypi|/simple\b)"
    ),
}
VAGUE = re.compile(r"(Manager|Handler|Helper|Base|Utils?)$")
VAGUE_MODULES = {"utils", "util", "helpers", "common", "misc", "base", "manager"}


def files() -> Iterator[Path]:
    """Yield the project's own text files: nothing hidden but .ci, nothing made by tools."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        hidden = [part for part in inside.parts if part.startswith(".") and part != ".ci"]
        made = SKIPPED.intersection(inside.parts) or any(
            part.endswith(".egg-info") for part in inside.parts
        )
        if path.is_file() and not hidden and not made and path.suffix in TEXT:
            yield path


@functools.cache
def read() -> list[tuple[Path, str]]:
    """Return every file but this one with its text."""
    return [(path, path.read_text("utf-8")) for path in files() if path != Path(__file__).resolve()]


def test_there_are_files_to_read() -> None:
    assert {"tasks.py", "README.md", "run", "constraints.txt"} <= {path.name for path, _ in read()}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_files_name_no(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in read()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    place, index = FORBIDDEN.values()
    assert place.search("open('/home/me/data.csv')")
    assert place.search('cd "/' + 'work/main"')
    assert place.search(r"C:\Users\me")
    assert not place.search("docs/mnt/plan, see https://example.org/root/of")
    assert index.search("pip install --index" + "-url x")
    assert index.search("https://pypi.org/simple")


def test_no_class_is_named_vaguely() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and VAGUE.search(node.name)
    ]
    assert found == []


def test_no_module_is_named_vaguely() -> None:
    names = {path.stem for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert not names & VAGUE_MODULES


def test_links_between_documents_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!\w+:)([^)#]+)(?:#[^)]*)?\)")
    lost = [
        f"{path.relative_to(ROOT)}: {target}"
        for path, text in read()
        if path.suffix == ".md"
        for target in link.findall(text)
        if not (path.parent / target).exists()
    ]
    assert lost == []


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = {
        path.relative_to(ROOT / "docs").as_posix()
        for path, _ in read()
        if path.is_relative_to(ROOT / "docs")
    }
    assert {page for page in pages if page.endswith(".md") and page not in index} == {"index.md"}
