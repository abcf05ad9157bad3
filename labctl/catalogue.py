"""The catalogue: what is installed, found through entry points, and which benches and runs exist.

Third parties add protocols, drivers, device families, laboratories and commands by declaring an
entry point in their own package; labctl imports a thing only when it is asked for by name.
"""

from __future__ import annotations

import functools
import importlib.resources
import importlib.util
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

import platformdirs

from labctl.errors import BadInput
from labctl.protocol import Protocol, load_values

#: packages that lie flat beside labctl
_FLAT = frozenset({"instruments", "protocols", "gui", "sim_backend"})

__all__ = ["bench_files", "find", "find_bench", "load", "names", "protocol_from", "run_folders"]

_GROUPS = {
    "protocol": "labctl.protocols",
    "instrument": "labctl.instruments",
    "laboratory": "labctl.laboratories",
    "device": "labctl.devices",
    "command": "labctl.commands",
    "scanner": "labctl.scanners",
}


@functools.cache
def find(kind: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of one kind, a key of `_GROUPS`."""
    return {point.name: point for point in entry_points(group=_GROUPS[kind])}


def names(kind: str) -> list[str]:
    """Return the names of one kind, sorted."""
    return sorted(find(kind))


@functools.cache
def load(kind: str, name: str) -> Any:
    """Import one thing by name.

    Raises
    ------
    BadInput
        Nothing of this name is installed; the sentence lists what is.
    """
    found = find(kind)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise BadInput(f'there is no {kind} called "{name}"; installed are: {known}')
    point = found[name]
    _only_ours(point.module.partition(".")[0])
    return point.load()


def _only_ours(package: str) -> None:
    """Refuse a package of labctl's name that is somebody else's.

    The five packages lie flat beside each other, and InstrumentKit, for one, also installs a
    package called ``instruments``: in one environment the later installation wins.
    """
    if package not in _FLAT:
        return
    spec = importlib.util.find_spec(package)
    place = Path(spec.origin).parent.parent if spec is not None and spec.origin else None
    if place is None or place.resolve() != Path(__file__).resolve().parent.parent:
        raise BadInput(
            f'the package "{package}" is not labctl\'s but comes from {place or "nowhere"}; '
            "install labctl into an environment of its own (InstrumentKit also has a package "
            '"instruments")'
        )


def protocol_from(what: str, changes: dict[str, Any]) -> Protocol:
    """Make a protocol from its name or TOML file and changed parameters.

    Parameters
    ----------
    what
        A kind such as ``ppf``, or the path of a TOML file with the key ``kind``.
    changes
        Parameters that replace the file's or the defaults.

    Raises
    ------
    BadInput
        The protocol, a key or a value is not known or not allowed.
    """
    values: dict[str, Any] = {}
    where = "command"
    if what.endswith(".toml"):
        values, where = load_values(Path(what)), what
        if "kind" not in values:
            known = ", ".join(names("protocol"))
            raise BadInput(f'{what}: the key "kind" is missing; give one of: {known}')
    kind = str(values.get("kind", what))
    protocol = cast(type[Protocol], load("protocol", kind))
    return protocol.from_values({**values, **changes, "kind": kind}, where)


def bench_files() -> dict[str, Path]:
    """Return the benches by name: shipped ones, then the user's, then those in ``./benches``."""
    found: dict[str, Path] = {}
    shipped = Path(str(importlib.resources.files("benches")))
    user = Path(platformdirs.user_config_dir("labctl", appauthor=False)) / "benches"
    for folder in (shipped, user, Path("benches")):
        found.update({path.stem: path for path in sorted(folder.glob("*.toml"))})
    return found


def find_bench(what: str) -> Path:
    """Return the file of a bench given by name or path.

    Raises
    ------
    BadInput
        There is no such bench; the sentence lists those there are.
    """
    if what.endswith(".toml"):
        return Path(what)
    found = bench_files()
    if what not in found:
        raise BadInput(f'there is no bench called "{what}"; known are: {", ".join(sorted(found))}')
    return found[what]


def run_folders(root: Path) -> Iterator[Path]:
    """Yield the run folders below `root`, newest first, those of sequences and campaigns too."""
    # plain runs, those of a sequence, and those of the sequences of a campaign
    forms = ("*/*/run.json", "*/*/*/run.json", "*/*/*/*/run.json")
    found = (path.parent for form in forms for path in root.glob(form))
    yield from sorted(found, reverse=True)
