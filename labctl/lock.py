"""A lock on a folder that no dead process can hold: the system drops it with the process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labctl.errors import BadInput

__all__ = ["FolderLock"]

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """Hold ``lock`` in a folder until `release` or the end of the process.

    Raises
    ------
    BadInput
        Another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(self._file)
        except OSError:
            os.close(self._file)
            raise BadInput(
                f'"{folder}" is being written by another runner; wait until it ends, or stop it'
            ) from None

    def release(self) -> None:
        """Give the folder back; the empty file stays, since removing it would be a race."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
