"""The five packages are those of this project, are installed whole, and what they offer loads."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = ("labctl", "instruments", "protocols", "gui", "sim_backend")
ENTRY_POINTS = [
    (group, name, value)
    for group, entries in PROJECT["project"]["entry-points"].items()
    for name, value in entries.items()
]


def test_the_five_packages_resolve_inside_the_project(tmp_path: Path) -> None:
    """Another distribution (InstrumentKit) also installs a package called `instruments`."""
    ask = (
        "import importlib.util, json\n"
        f"names = {PACKAGES!r}\n"
        "print(json.dumps({n: importlib.util.find_spec(n).origin for n in names}))"
    )
    # a fresh interpreter elsewhere: pytest has put the project's folder on this one's path
    answer = subprocess.run(
        [sys.executable, "-P", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for name, origin in json.loads(answer.stdout).items():
        assert Path(origin) == ROOT / name / "__init__.py", (
            f"{name} is imported from {origin}: another distribution has a package of that name; "
            "labctl needs an environment of its own"
        )


def test_every_package_is_listed_for_installation() -> None:
    tops = (*PACKAGES, "benches")
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in tops
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_python_file_is_in_a_package() -> None:
    for top in PACKAGES:
        for path in (ROOT / top).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path} is not installed"


@pytest.mark.parametrize(
    ("package", "pattern"),
    [
        (package, pattern)
        for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
    ],
)
def test_package_data_are_there(package: str, pattern: str) -> None:
    assert list((ROOT / package.replace(".", "/")).glob(pattern)), f"no {pattern} in {package}"


@pytest.mark.parametrize(("group", "name", "value"), ENTRY_POINTS)
def test_entry_points_load(group: str, name: str, value: str) -> None:
    installed = [
        point
        for point in entry_points(group=group, name=name)
        if point.dist is not None and point.dist.name == "labctl"
    ]
    # more than one path to the same installation may list it
    assert {point.value for point in installed} == {value}
    assert installed[0].load() is not None


def test_the_command_is_installed() -> None:
    points = entry_points(group="console_scripts", name="labctl")
    assert callable(next(iter(points)).load())


def pinned(path: str) -> set[str]:
    lines = (ROOT / path).read_text("utf-8").splitlines()
    return {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}


def test_constraints_pin_every_direct_dependency() -> None:
    project = PROJECT["project"]
    extras = dict(project["optional-dependencies"])
    # the clients that others wrote have an environment and pins of their own
    clients = extras.pop("clients")
    most = [*project["dependencies"], *(need for needs in extras.values() for need in needs)]
    wanted = {
        "constraints.txt": most,
        "tests/sim_backend/clients/constraints.txt": [*project["dependencies"], *clients],
    }
    for path, needs in wanted.items():
        for need in needs:
            name = need.split(">")[0].split("[")[0].strip().lower().replace("_", "-")
            assert name in pinned(path), f"{path} has no version for {name}"
