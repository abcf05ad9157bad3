"""Locks that no dead process can hold: the system drops them with the process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labctl.errors import BadInput, RecordFault

__all__ = ["FolderLock", "holding_instruments", "shared_folder"]

if sys.platform == "win32":
    import msvcrt

    def _take(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_IN_USE = -1
_TRIES = 20


class FolderLock:
    """Hold ``lock`` in a folder until `release` or the end of the process.

    Raises
    ------
    BadInput
        Another process holds it.
    RecordFault
        The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RecordFault(
                f'"{folder}" could not be written ({error.strerror or error}); '
                "make the folder writable or choose another with --out"
            ) from error
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


@contextmanager
def holding_instruments(addresses: Iterable[str]) -> Iterator[None]:
    """Hold the instruments at these addresses: no two programs may play on one bench.

    The locks are files of this computer that all of its users see; two computers on one instrument
    are not kept apart.

    Parameters
    ----------
    addresses
        VISA addresses, in any order and spelling of capitals.

    Raises
    ------
    BadInput
        Another process holds one of them.
    """
    with contextlib.ExitStack() as held:
        for address in sorted({address.upper() for address in addresses}):
            held.enter_context(_holding(address))
        yield


@contextmanager
def _holding(address: str) -> Iterator[None]:
    name = hashlib.blake2b(address.encode(), digest_size=12).hexdigest()
    path = shared_folder() / f"labctl-{name}.lock"
    file = _taken(path)
    if file == _IN_USE:
        raise BadInput(
            f"the instrument at {address} is in use by another labctl on this computer; "
            "wait until it ends, or stop it"
        )
    try:
        yield
    finally:
        if file is not None:
            with contextlib.suppress(OSError):  # another user's file, or Windows
                path.unlink()
            os.close(file)


def _taken(path: Path) -> int | None:
    """Return the locked file; None where nothing can be written, which is no reason to stop."""
    for _ in range(_TRIES):
        file = _opened(path)
        if file is None:
            return None
        try:
            _take(file)
        except OSError:
            os.close(file)
            return _IN_USE
        with contextlib.suppress(OSError):
            if path.stat().st_ino == os.fstat(file).st_ino:
                return file
        os.close(file)  # its holder has taken it away between our opening and locking
    return _IN_USE


def _opened(path: Path) -> int | None:
    # a file that another user made may be locked by whoever can read it
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)
    return None


def shared_folder() -> Path:
    """Return the folder for the locks on instruments, one for all users where there is such."""
    for name in ("/run/lock", os.environ.get("PROGRAMDATA", "")):
        if name and os.access(name, os.W_OK | os.X_OK) and Path(name).is_dir():
            return Path(name)
    return Path(tempfile.gettempdir())
