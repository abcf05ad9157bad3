"""A virtual sample that outlives its runs: one folder, in it one folder for each device.

Without a sample every run begins with fresh devices, which is what makes two runs of one seed the
same. With one, yesterday's stress is there today: the laboratory keeps the device's state in the
sample instead of in the run folder, and only one run at a time may have the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labctl.errors import BadInput, RecordFault
from labctl.lock import FolderLock

__all__ = ["STATE", "holding_device"]

#: where a virtual laboratory keeps its device, in a run folder or in a sample's
STATE = "virtual-lab.state"
_ONLY = "device"  # folder of a sample without sites


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
