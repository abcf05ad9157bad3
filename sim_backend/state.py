"""The device's state on file, so that a virtual sample survives the process that measures it.

The file has two places of equal size, written in turn. A record carries a number that rises and a
checksum, and the newer of the whole records counts, so whatever kills the process and whenever, the
file holds the state of the last completed `StateFile.write`: a write that was cut short spoils only
the place of the state before it. The file itself is made complete beside its name and then takes
the name in one step (`os.replace`, atomic on POSIX and on Windows). Whoever hands out an answer
writes first, so the file is never older than anything a client has been told. (It outlives the
process, not a power failure: nothing is forced to the disk, which would cost milliseconds.
Replacing the whole file at every write would be as safe; it measured 50 times slower.)
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import zlib
from pathlib import Path

import msgspec
import numpy as np

from labctl.errors import BadInput, RecordFault
from sim_backend.devices.model import State

__all__ = ["SavedDevice", "SavedState", "StateFile", "kept", "restored"]

_FORMAT = 1
_MAGIC = b"labctl device\n\x00\x01"
_FILE = struct.Struct("<16sQ")  # magic, size of a place
_RECORD = struct.Struct("<QII")  # number, length, checksum
_SMALLEST = 2048  # bytes of a place
_PATIENCE = (0.001, 0.01, 0.1, 0.5)  # a reader on Windows holds the file for a moment, s


class SavedDevice(msgspec.Struct, frozen=True):
    """One device of a sample; see `SavedState`."""

    site: str
    family: str
    preset: str
    names: tuple[str, ...]
    devices: int
    values: bytes
    parameters: bytes
    first: int
    left: float  #: time up to which it has come, s
    touches: int  #: touch-downs so far


class SavedState(msgspec.Struct, frozen=True):
    """All of a virtual sample and its laboratory's time. Arrays are little-endian float64."""

    family: str
    preset: str
    time: float  #: of the laboratory's clock, s
    seed: int
    sessions: int  #: how often a laboratory was opened on this state
    names: tuple[str, ...]  #: of the rows of `values`
    devices: int
    values: bytes
    parameters: bytes
    first: int = 0  #: number of the first device
    format: int = _FORMAT
    site: str = ""  #: of the device, where a prober chooses it
    touches: int = 0
    others: tuple[SavedDevice, ...] = ()  #: devices that the prober has been to

    def device(self) -> SavedDevice:
        """Return the device without the laboratory's time."""
        return SavedDevice(
            self.site, self.family, self.preset, self.names, self.devices, self.values,
            self.parameters, self.first, self.time, self.touches,
        )  # fmt: skip


def kept(
    state: State,
    *,
    family: str,
    preset: str,
    time: float,
    seed: int,
    sessions: int,
    site: str = "",
    touches: int = 0,
    others: tuple[SavedDevice, ...] = (),
) -> SavedState:
    """Return the state as it is to be written."""
    return SavedState(
        family, preset, time, seed, sessions, state.names, state.devices,
        state.values.astype("<f8", copy=False).tobytes(),
        state.parameters.astype("<f8", copy=False).tobytes(),
        state.first, site=site, touches=touches, others=others,
    )  # fmt: skip


def restored(saved: SavedState | SavedDevice) -> State:
    """Return the state as it was when it was kept, to the last bit."""
    shape = (-1, saved.devices)
    return State(
        saved.names,
        np.frombuffer(saved.values, "<f8").astype(float).reshape(shape),
        np.frombuffer(saved.parameters, "<f8").astype(float).reshape(shape),
        saved.first,
    )


class StateFile:
    """One file that always holds a whole state.

    Parameters
    ----------
    path
        The file; its folder is made when needed. ``<name>.new`` exists beside it while it is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._descriptor: int | None = None
        self._place = 0  #: size of a place, bytes
        self._number = 0  #: of the last record

    def read(self) -> SavedState | None:
        """Return what is on file, or None when there is no file yet.

        Raises
        ------
        BadInput
            The file is not a state, or of another format.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(f'the device state "{self.path}" cannot be read: {error}') from None
        _, record = _newest(content)
        if record is None:
            raise BadInput(f'"{self.path}" is not the state of a virtual device; name another file')
        saved = msgspec.msgpack.decode(record, type=SavedState)
        if saved.format != _FORMAT:
            raise BadInput(
                f'"{self.path}" has the format {saved.format}, this version reads {_FORMAT}; '
                "delete it to begin with a fresh device"
            )
        return saved

    def write(self, saved: SavedState) -> None:
        """Put a state beside the last one, and let it count from now on.

        Raises
        ------
        RecordFault
            The disk refuses; the last state is still whole.
        """
        content = self._encoder.encode(saved)
        try:
            if self._descriptor is None:
                self._open()
            if _RECORD.size + len(content) > self._place:
                self._make(content)
            else:
                self._put(content)
        except OSError as error:
            raise RecordFault(
                f'the state of the virtual device could not be written to "{self.path}": {error}'
            ) from None

    def close(self) -> None:
        """Let go of the file; a later write opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        """Open a file that exists, and see what it holds."""
        with contextlib.suppress(FileNotFoundError):
            content = self.path.read_bytes()
            self._number, record = _newest(content)
            self._place = 0 if record is None else _FILE.unpack_from(content)[1]
            self._descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))

    def _make(self, content: bytes) -> None:
        """Make the file, or make it anew with larger places."""
        self.close()
        self._place = max(_SMALLEST, 2 * (_RECORD.size + len(content)))
        self._number += 1
        beside = self.path.with_name(self.path.name + ".new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        places = [bytes(self._place), bytes(self._place)]
        places[self._number % 2] = _record(self._number, content).ljust(self._place, b"\0")
        beside.write_bytes(_FILE.pack(_MAGIC, self._place) + b"".join(places))
        _replace(beside, self.path)
        self._open()

    def _put(self, content: bytes) -> None:
        assert self._descriptor is not None
        number = self._number + 1
        os.lseek(self._descriptor, _FILE.size + number % 2 * self._place, os.SEEK_SET)
        left = memoryview(_record(number, content))
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._number = number


def _record(number: int, content: bytes) -> bytes:
    checksum = zlib.crc32(number.to_bytes(8, "little") + content)
    return _RECORD.pack(number, len(content), checksum) + content


def _newest(content: bytes) -> tuple[int, bytes | None]:
    """Return number and content of the newest whole record of a file."""
    newest: tuple[int, bytes | None] = (0, None)
    if len(content) < _FILE.size or not content.startswith(_MAGIC):
        return newest
    place = _FILE.unpack_from(content)[1]
    for begin in (_FILE.size, _FILE.size + place):
        if len(content) < begin + _RECORD.size:
            continue
        number, length, checksum = _RECORD.unpack_from(content, begin)
        record = content[begin + _RECORD.size : begin + _RECORD.size + length]
        whole = zlib.crc32(number.to_bytes(8, "little") + record) == checksum
        if whole and len(record) == length and number > newest[0]:
            newest = (number, record)
    return newest


def _replace(new: Path, path: Path) -> None:
    for pause in (*_PATIENCE, None):
        try:
            os.replace(new, path)  # noqa: PTH105 - Path.replace would hide what is atomic about it
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return
