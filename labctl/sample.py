"""A sample that outlives its runs: one folder, in it one folder for each device.

Without a sample every run on a virtual bench begins with fresh devices, which is what makes two
runs of one seed the same. With one, yesterday's stress is there today: the laboratory keeps the
device's state in the sample instead of in the run folder, and only one run at a time may have the
device. ``sample.toml`` there says what the devices may go through (`labctl.envelope`), and
``runs.txt`` where the runs on them are kept, so that their stress is found again.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labctl.envelope import SAMPLE, Gate, read_sample
from labctl.errors import BadInput, RecordFault
from labctl.ledger import Ledger, has_prober, together
from labctl.lock import FolderLock
from labctl.run_index import Indexed, indexed, indexed_folders

__all__ = ["STATE", "gate_of", "holding_device", "note_run", "runs_of", "stress_of"]

#: where a virtual laboratory keeps its device, in a run folder or in a sample's
STATE = "virtual-lab.state"
_ONLY = "device"  # folder of a sample without sites
_RUNS = "runs.txt"


@contextmanager
def holding_device(sample: Path, site: str, *, fresh: bool) -> Iterator[Path]:
    """Hold one device of a sample; yields the file of its state.

    Parameters
    ----------
    sample
        Folder of the sample; made when needed.
    site
        Name of the device's site; empty for a sample that is one device.
    fresh
        Forget what was done to the device: it begins anew.

    Raises
    ------
    BadInput
        The site is not a plain name, or another run has the device.
    RecordFault
        The folder cannot be made.
    """
    plain = all(c.isalnum() or c in "-_.," for c in site) and site.strip(".") == site
    if not plain:
        raise BadInput(f'the device "{site}" is not a name; use letters, digits, - _ . and ,')
    folder = sample / (site or _ONLY)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordFault(
            f'the sample "{sample}" cannot be made ({error.strerror}); name another folder'
        ) from error
    lock = FolderLock(folder)
    try:
        state = folder / STATE
        if fresh:
            state.unlink(missing_ok=True)
        yield state
    finally:
        lock.release()


def note_run(sample: Path, run: Path) -> None:
    """Note in the sample's folder where a run on it is kept.

    Raises
    ------
    RecordFault
        The folder cannot be written.
    """
    try:
        place = os.path.relpath(run, sample)
    except ValueError:  # on another drive
        place = str(run.resolve())
    try:
        sample.mkdir(parents=True, exist_ok=True)
        with (sample / _RUNS).open("a", encoding="utf-8", newline="\n") as file:
            file.write(Path(place).as_posix() + "\n")
    except OSError as error:
        raise RecordFault(
            f'the sample "{sample}" could not be written ({error.strerror}); '
            "make its folder writable or name another"
        ) from error


def runs_of(sample: Path, root: Path) -> list[Indexed]:
    """Return the runs on a sample, oldest first: those it has noted, and those in a folder.

    Parameters
    ----------
    sample
        Folder of the sample.
    root
        Where the runs usually are.

    Raises
    ------
    BadInput
        A run that was noted is not there any more or cannot be read: the stress is not known.
    """
    name = str(sample.resolve())
    found = {Path(run.folder).resolve(): run for run in indexed(root) if run.sample == name}
    noted = [folder for folder in _noted(sample) if folder not in found]
    for run in indexed_folders(sample, noted) if noted else ():
        if run.status == "unreadable":
            raise BadInput(
                f'the run "{run.folder}" on the sample "{sample}" is not there or cannot be read, '
                "so the stress of its devices is not known; put it back, or take its line out of "
                f'"{sample / _RUNS}"'
            )
        found[Path(run.folder)] = run
    return sorted(found.values(), key=lambda run: (run.started, run.folder))


def _noted(sample: Path) -> list[Path]:
    path = sample / _RUNS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[Path, None] = {}
    for folder in ((sample / line).resolve() for line in lines if line.strip()):
        # runs that came to nothing were put aside
        aside = sorted(folder.parent.glob(f"{glob.escape(folder.name)}-aside*"))
        there = [folder] if os.path.exists(folder) or not aside else []  # noqa: PTH110 - any name
        found |= dict.fromkeys([*there, *aside])
    return list(found)


def stress_of(runs: Iterable[Indexed]) -> dict[str, Ledger]:
    """Return what each device of a sample has been through, since it was last begun anew.

    Parameters
    ----------
    runs
        Of one sample, oldest first.
    """
    parts: dict[str, list[Ledger]] = {}
    for run in runs:
        if run.fresh:
            parts.pop(run.device, None)
        for site, ledger in run.ledgers.items():
            parts.setdefault(site, []).append(ledger)
    return {site: together(ledgers) for site, ledgers in parts.items()}


def gate_of(
    sample: Path, site: str, root: Path, bench: Mapping[str, Any], *, fresh: bool = False
) -> Gate | None:
    """Return what a run may still do to a sample; None where the sample limits nothing.

    Parameters
    ----------
    sample
        Folder of the sample.
    site
        On which the run begins.
    root
        Where the runs usually are.
    bench
        Content of the bench file.
    fresh
        Whether the device of the site begins anew.

    Raises
    ------
    BadInput
        The sample's file is wrong, or the stress of its devices is not known.
    """
    file = read_sample(sample)
    if not file.limits:
        return None
    stress = stress_of(runs_of(sample, root))
    if fresh:
        stress.pop(site, None)
    light = frozenset(bench.get("light", ()))
    return Gate(file, str(sample / SAMPLE), site, stress, light, has_prober(bench))
