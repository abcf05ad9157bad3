"""A new run: its folder, and the header that says where it comes from."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import importlib.metadata
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from labctl.benchfile import Definition
from labctl.errors import BadInput, RecordFault
from labctl.journal import Header
from labctl.planner import Plan
from labctl.protocol import Protocol

__all__ = ["new_header", "run_folder"]


def run_folder(root: Path, kind: str, site: str, given: Path | None = None) -> Path:
    """Make a new folder ``root/date/time-kind-site``, or the one given.

    The one given may be there already, as a killed runner leaves it that had come no further; that
    it holds no run is the journal's business.

    Raises
    ------
    BadInput
        The site is not a plain name.
    RecordFault
        It cannot be made.
    """
    if site and not all(c.isalnum() or c in "-_.," for c in site):
        raise BadInput(f'the device "{site}" is not a name; use letters, digits, - _ . and ,')
    if given is not None:
        return _made(given, known=True)
    now = dt.datetime.now().astimezone()
    name = "-".join(part for part in (f"{now:%H%M%S}", kind, site.strip(".")) if part)
    for number in range(1, 1000):
        folder = root / f"{now:%Y-%m-%d}" / (name if number == 1 else f"{name}-{number}")
        if folder.exists():
            continue
        with contextlib.suppress(FileExistsError):  # another run was quicker
            return _made(folder)
    raise RecordFault(f'"{root}" already holds a thousand runs of this second; wait a moment')


def _made(folder: Path, *, known: bool = False) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=known)
    except FileExistsError:
        raise
    except OSError as error:
        raise RecordFault(
            f'"{folder}" cannot be made ({error.strerror}); choose another place with --out'
        ) from error
    return folder


def new_header(
    protocol: Protocol,
    definition: Definition,
    content: Mapping[str, Any],
    made: Plan,
    *,
    seed: int,
    site: str,
    sample: str,
    operator: str,
    fresh: bool = False,
    temperature: float | None = None,
) -> Header:
    """Return the header of a run that begins now.

    Parameters
    ----------
    protocol, definition, content, made
        What is run, on which bench, the bench file as it stands, and the plan.
    seed
        Fixes the virtual devices of a virtual bench.
    site, operator
        Device and person, as the user names them; without a person the login name.
    sample
        Folder of a virtual sample that outlives the run, or empty.
    fresh
        Whether its device begins anew.
    temperature
        To which the sample is brought before the first step, K; None leaves it as it is.
    """
    return Header(
        protocol=protocol.model_dump(mode="json"),
        bench=dict(content),
        bench_name=definition.name,
        seed=seed,
        simulated=definition.simulated,
        site=site,
        sample=sample and str(Path(sample).resolve()),
        fresh=fresh and bool(sample),
        temperature=temperature,
        operator=operator or _user(),
        host=platform.node(),
        versions=_versions(),
        plan=msgspec.to_builtins(made),
        started=time.time(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no user database, as in some containers
        return ""


def _versions() -> dict[str, str]:
    packages = ("labctl", "numpy", "scipy", "pymeasure", "pyvisa", "pyvisa-py")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }
