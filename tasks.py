"""The project's chores: environment, demonstration, tests. Needs Python 3.11 or newer only.

``python3 tasks.py demo`` measures paired-pulse facilitation on a virtual bench and writes a report;
``python3 tasks.py test`` checks everything. On Windows: ``py tasks.py demo``. The first call makes
an environment of its own in ``.venv``; later calls use it again until `pyproject.toml` or
`constraints.txt` asks for something else.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have an older one
    sys.exit(
        f"labctl needs Python 3.11 or newer and this is Python {sys.version_info[0]}."
        f"{sys.version_info[1]}; install a newer one from python.org or your system's packages "
        "and start tasks.py with it."
    )

import argparse
import ctypes
import ctypes.util
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
#: optional dependencies that the tests need
TESTED = {"report", "gui", "data", "dask", "dev"}
#: pins for most, and for the clients that others wrote, which want older versions of a few packages
PINS = "constraints.txt"
CLIENTS = "tests/sim_backend/clients"
#: packages of Debian that hold what Qt loads, by the library's file name
QT_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}
#: no display is needed, text is UTF-8 on Windows too, and what was compiled once is kept: the tests
#: start hundreds of processes
SURROUNDINGS = {
    "QT_QPA_PLATFORM": "offscreen",
    "MPLBACKEND": "Agg",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


class Failure(Exception):
    """Ends the task; its text is one sentence for the user."""


def say(text: str) -> None:
    """Announce a step in one line, before its own output."""
    print(f"== {text}", flush=True)


def run(title: str, command: Iterable[str | Path]) -> None:
    """Announce and run one step in the project's folder.

    Raises
    ------
    Failure
        The step ended with an exit status other than zero.
    """
    say(title)
    words = [str(word) for word in command]
    status = subprocess.run(words, cwd=ROOT, env={**os.environ, **SURROUNDINGS}).returncode
    if status:
        raise Failure(f"{title}: failed with exit status {status}; what is wrong stands above.")


def script(environment: Path, name: str) -> Path:
    """Return the path of a program inside an environment."""
    windows = os.name == "nt"
    return environment / ("Scripts" if windows else "bin") / (f"{name}.exe" if windows else name)


def apt_install(packages: Iterable[str]) -> bool:
    """Install Debian packages; False where that cannot be: no Debian, not root, no network."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    wanted = sorted(packages)
    say(f"apt-get install {' '.join(wanted)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]  # another one may be at work
    steps = ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *wanted])
    return all(
        subprocess.run(step, env=quiet, stdout=subprocess.DEVNULL).returncode == 0 for step in steps
    )


def fingerprint(pins: str) -> str:
    """Return what an installation depends on, as a hash: place, interpreter, requirements, pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    parts = {
        "root": str(ROOT),
        "python": sys.version,
        "project": [project["build-system"], project["project"], project["tool"]["setuptools"]],
        "constraints": (ROOT / pins).read_text("utf-8"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def make_venv(environment: Path) -> None:
    """Make an empty environment.

    Raises
    ------
    Failure
        Python came without its `venv` module and it cannot be installed from here.
    """
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if importlib.util.find_spec("ensurepip") is None and not apt_install([package]):
        raise Failure(
            f"this Python has no ensurepip, so no environment can be made; install it "
            f"(on Debian and Ubuntu: sudo apt-get install {package}) and start again."
        )
    run(
        f"environment in {environment.name}",
        [sys.executable, "-m", "venv", "--clear", environment],
    )
    # git must not see it, whatever its name
    (environment / ".gitignore").write_text("*\n", "utf-8")


def environment(name: str, extras: set[str], pins: str = PINS) -> Path:
    """Make or refresh an environment that holds the project and the extras, and return its folder.

    Parameters
    ----------
    name
        Folder inside the project.
    extras
        Names of optional dependencies; those installed earlier stay.
    pins
        File of the versions to install.
    """
    folder, stamp = ROOT / name, ROOT / name / "installed.json"
    python = script(folder, "python")
    known: dict[str, object] = {}
    if stamp.exists():
        known = json.loads(stamp.read_text("utf-8"))
    current = known.get("fingerprint") == fingerprint(pins)
    installed = set(known.get("extras", ()))  # type: ignore[call-overload]
    if current and extras <= installed and python.exists():
        return folder
    if not works(python):
        make_venv(folder)
    extras = extras | installed
    wanted = f".[{','.join(sorted(extras))}]"
    quiet = ("--disable-pip-version-check", "--quiet")
    pip = (python, "-m", "pip", "install", *quiet)
    run(
        f"install {wanted} into {name} (the first time takes a minute or two)",
        [*pip, "-e", wanted, "-c", pins],
    )
    account = {"fingerprint": fingerprint(pins), "extras": sorted(extras)}
    stamp.write_text(json.dumps(account), "utf-8")
    return folder


def works(python: Path) -> bool:
    """Say whether an environment's interpreter starts and is the one that runs this."""
    if not python.exists():
        return False
    ask = [str(python), "-c", "import sys, pip; print(sys.version)"]
    answer = subprocess.run(ask, capture_output=True, text=True)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.strip()


def missing_qt() -> dict[str, str]:
    """Return the libraries that Qt needs on Linux and that do not load here, with packages."""
    missing = {}
    for library, package in QT_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[library] = package
    return missing


def need_qt() -> None:
    """Install the libraries that Qt needs, as root on Debian.

    Raises
    ------
    Failure
        Some are missing and cannot be installed from here.
    """
    if not sys.platform.startswith("linux"):
        return
    missing = missing_qt()
    if missing:
        apt_install(missing.values())
        missing = missing_qt()
    if missing:
        raise Failure(
            f"the window's tests need {', '.join(missing)}; install them (on Debian and Ubuntu: "
            f"sudo apt-get install {' '.join(missing.values())}) and start again."
        )


def lint(folder: Path) -> None:
    """Check style, types and the directions of imports."""
    python = script(folder, "python")
    run("ruff check", [python, "-m", "ruff", "check", "."])
    run("ruff format --check", [python, "-m", "ruff", "format", "--check", "."])
    run("mypy", [python, "-m", "mypy"])
    run("lint-imports", [script(folder, "lint-imports")])


def env() -> None:
    """Make the environment with everything needed for work on the project."""
    folder = environment(".venv", TESTED)
    say(f"ready: {script(folder, 'labctl')}")


def demo() -> None:
    """Measure paired-pulse facilitation on the virtual bench and write a report."""
    folder = environment(".venv", {"report"})
    run(
        "labctl run ppf --bench sim-ftj",
        [script(folder, "labctl"), "run", "ppf", "--bench", "sim-ftj", "--seed", "1", "--report"],
    )


def check() -> None:
    """Check style, types and the directions of imports; run no tests."""
    lint(environment(".venv", TESTED))


def test() -> None:
    """Check everything and run the tests."""
    folder = environment(".venv", TESTED)
    need_qt()
    lint(folder)
    run("pytest", [script(folder, "python"), "-m", "pytest", "-n", "3"])


def test_long() -> None:
    """Run the tests that take long, too."""
    folder = environment(".venv", TESTED)
    need_qt()
    run("pytest, long tests", [script(folder, "python"), "-m", "pytest", "-n", "2", "-m", "long"])


def test_clients() -> None:
    """Run other people's drivers, in an environment of their own, on the virtual instruments."""
    os.environ["LABCTL_CLIENTS"] = "1"
    folder = environment(".venv-clients", {"clients"}, f"{CLIENTS}/constraints.txt")
    beside = ["tests/sim_backend/test_keithley4200_clients.py", "tests/sim_backend/test_sentio.py"]
    run("pytest, clients", [script(folder, "python"), "-m", "pytest", CLIENTS, *beside])


def bench_env() -> None:
    """Make the environment in which the benchmarks find their peers."""
    folder = environment(".venv-bench", {"report", "bench"})
    say(f"ready: {script(folder, 'python')} benchmarks/engine.py --quick")


TASKS: dict[str, Callable[[], None]] = {
    "demo": demo,
    "test": test,
    "test-long": test_long,
    "test-clients": test_clients,
    "check": check,
    "env": env,
    "bench-env": bench_env,
}


def main() -> None:
    """Run the task that the command line names; a failure ends with exit status 1."""
    purposes = "\n".join(f"  {name:12} {task.__doc__}" for name, task in TASKS.items())
    parser = argparse.ArgumentParser(
        description="Chores of the labctl project.",
        epilog=f"tasks:\n{purposes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", choices=TASKS, metavar="task", help="one of those below")
    try:
        TASKS[parser.parse_args().task]()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted.")


if __name__ == "__main__":
    main()
