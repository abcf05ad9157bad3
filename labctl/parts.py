"""Parts: a growing file of lines that is carried on in further files when it has become large.

``readings.csv`` is carried on in ``readings.0001.csv``, ``readings.0002.csv`` and so on. Nothing is
ever renamed or written twice: a reader's place in a part stays right, and put one behind the other
the parts are the file. Only the last one grows, so only its last line may be torn.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from labctl.errors import BadInput

__all__ = ["PART", "Cursor", "Lines", "last_part", "part_of", "parts", "pieces", "whole_lines"]

PART = 1 << 27  #: bytes after which a file is carried on in the next part
_PIECE = 1 << 22  # bytes that are held at a time


def part_of(path: Path, number: int) -> Path:
    """Return the path of a part; number 0 is the file itself."""
    return path.with_name(f"{path.stem}.{number:04d}{path.suffix}") if number else path


def parts(path: Path) -> list[Path]:
    """Return the parts of a file that are there, in order.

    Raises
    ------
    BadInput
        One in the middle is missing.
    """
    last = _highest(path)
    if last == 0:
        return [path] if path.exists() else []
    found = [part_of(path, number) for number in range(last + 1)]
    for part in found:
        if not part.exists():
            raise BadInput(
                f'"{path.parent}" lacks {part.name}, of which there are later parts; '
                "restore it from a copy"
            )
    return found


def _highest(path: Path) -> int:
    numbers = [0]
    for found in path.parent.glob(f"{path.stem}.*{path.suffix}"):
        number = found.name[len(path.stem) + 1 : -len(path.suffix)]
        if number.isdecimal() and part_of(path, int(number)).name == found.name:
            numbers.append(int(number))
    return max(numbers)


def last_part(path: Path) -> Path:
    """Return the part of a file that grows."""
    number = 0
    while os.path.exists(part_of(path, number + 1)):  # noqa: PTH110 - no name is too long for it
        number += 1
    return part_of(path, number)


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's whole lines, some megabytes at a time; a torn last line is left out.

    Raises
    ------
    BadInput
        A part in the middle is missing.
    """
    rest = b""
    for part in parts(path):
        with part.open("rb") as file:
            while data := file.read(_PIECE):
                end = data.rfind(b"\n") + 1
                if end:
                    yield rest + data[:end]
                    rest = data[end:]
                else:
                    rest += data


def whole_lines(path: Path) -> bytes:
    """Return a file's whole lines; a torn or growing last line is left out.

    Raises
    ------
    BadInput
        A part in the middle is missing.
    """
    return b"".join(pieces(path))


class Lines:
    """The writing side of one file of lines.

    Parameters
    ----------
    path
        Of the file, new or there already.

    Raises
    ------
    OSError
        It cannot be written. What went through of the lines is cut off again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = max(len(parts(path)) - 1, 0)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(part_of(self.path, self._number), flags, 0o644)
        self._size = os.fstat(self._file).st_size

    @property
    def empty(self) -> bool:
        """Whether nothing has been written yet."""
        return self._number == 0 and self._size == 0

    def append(self, data: bytes) -> None:
        """Add whole lines; they are the operating system's when this returns."""
        if self._size and self._size + len(data) > PART:
            self._carry_on()
        try:
            written = os.write(self._file, data)
            while written < len(data):  # a nearly full disk takes a part; the next try says why
                written += os.write(self._file, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _carry_on(self) -> None:
        before = self._file
        self._number += 1
        try:
            self._open()
        except OSError:
            self._number -= 1  # no room for another file: the next line tries again
            raise
        _put_away(before)

    def close(self) -> None:
        """Close the file, with everything on the disk."""
        _put_away(self._file)


def _put_away(file: int) -> None:
    with contextlib.suppress(OSError):
        os.fsync(file)
    with contextlib.suppress(OSError):
        os.close(file)


class Cursor:
    """A reader's place in a file that grows; it holds nothing open, so no writer waits for it.

    Parameters
    ----------
    path
        Of the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0  #: bytes that were taken, of all parts
        self.lines = 0  #: that were taken
        self._number = self._place = 0

    def more(self, most: int, least: int = 1) -> bytes:
        """Return whole lines that were added.

        Parameters
        ----------
        most
            Bytes, so that no look takes for ever; a longer line comes whole.
        least
            Lines; where there are fewer, they are left for the next look.
        """
        # looked for before the reading: where there is a next part, this one does not grow any more
        carried_on = part_of(self.path, self._number + 1).exists()
        data = self._data(most)
        if not data and carried_on:
            self._number, self._place = self._number + 1, 0
            data = self._data(most)
        whole = data[: data.rfind(b"\n") + 1]
        count = whole.count(b"\n")
        if count < least:
            return b""
        self._place += len(whole)
        self.read += len(whole)
        self.lines += count
        return whole

    def _data(self, most: int) -> bytes:
        try:
            with part_of(self.path, self._number).open("rb") as file:
                file.seek(self._place)
                data = file.read(most)
                while b"\n" not in data and (more := file.read(most)):
                    data += more  # a step with a long waveform
        except FileNotFoundError:
            return b""
        return data

    def shrunk(self) -> bool:
        """Whether less is there than was read, so that it is another file."""
        try:
            return part_of(self.path, self._number).stat().st_size < self._place
        except OSError:
            return False
