"""The wire log: what was sent to the instruments and what they answered, as lines of text.

Whoever drives an instrument gives its connection the logger `logger_of`; nothing is written until a
run keeps a log. It stands beside the record and is no part of it: no seal covers it, its length is
bounded, and what goes wrong with it never ends a measurement.

One line is time, instrument, ``sent`` or ``answered``, and the message, with tabs between them;
control characters are written as Python writes them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from labctl.control import Control

__all__ = ["OLDER", "WIRE", "WireLog", "logger_of"]

WIRE, OLDER = "wire.log", "wire.older.log"  #: files in the run folder, the older half in the second
_ROOT = "labctl.wire"
_MOST = 16_000_000  # bytes of a file, then it becomes the older one
_LONGEST = 4000  # characters of a message that are kept


def logger_of(instrument: str) -> logging.Logger:
    """Return the logger of an instrument's connection, as pymeasure's adapters take it.

    Parameters
    ----------
    instrument
        Its name in the bench file.
    """
    return logging.getLogger(f"{_ROOT}.{instrument}")


class WireLog(logging.Handler):
    """Writes what goes over the wire into the folder of a run, while that is wanted.

    Use it in a ``with`` statement round a run. While a run goes on, the words ``wire on`` and
    ``wire off`` to its control switch it.

    Parameters
    ----------
    control
        Of the run.
    wanted
        Whether it is written from the beginning.
    most
        Bytes of a file; there are two at most.
    """

    def __init__(self, control: Control, wanted: bool = False, most: int = _MOST) -> None:
        super().__init__()
        self._most = most
        self._path: Path | None = None
        self._file: IO[str] | None = None
        self._logger = logging.getLogger(_ROOT)
        self._before = self._logger.level
        control.others["wire on"] = lambda: self.switch(on=True)
        control.others["wire off"] = lambda: self.switch(on=False)
        self.switch(on=wanted)

    def __enter__(self) -> WireLog:
        self._logger.addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before)
        self.close()

    def switch(self, *, on: bool) -> None:
        """Write from now on, or no more."""
        self._logger.setLevel(logging.DEBUG if on else logging.CRITICAL)

    def announcing(self, then: Callable[[Path], None] | None) -> Callable[[Path], None]:
        """Return what is told the run folder as soon as it exists.

        Parameters
        ----------
        then
            Is told it as well.
        """

        def told(folder: Path) -> None:
            self._path = folder / WIRE
            if then is not None:
                then(folder)

        return told

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message; a log that cannot be written is given up."""
        if self._path is None:
            return
        try:
            file = self._file or self._opened(self._path)
            file.write(_line(record))
            file.flush()
            if file.tell() > self._most:
                self._turn_over(self._path)
        except OSError as error:
            self._path = None
            logging.getLogger(__name__).warning("the wire log is given up: %s", error)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None
        super().close()

    def _opened(self, path: Path) -> IO[str]:
        self._file = path.open("a", encoding="utf-8", newline="\n")
        return self._file

    def _turn_over(self, path: Path) -> None:
        """Make the file the older one; where somebody holds it open, it is emptied."""
        if self._file is not None:
            self._file.close()
            self._file = None
        try:
            path.replace(path.with_name(OLDER))
        except PermissionError:
            path.write_bytes(b"")


def _line(record: logging.LogRecord) -> str:
    when = dt.datetime.fromtimestamp(record.created).astimezone()
    instrument = record.name.removeprefix(f"{_ROOT}.").removesuffix(".Adapter")
    way = "sent" if str(record.msg).startswith("WRITE") else "answered"
    said = record.args[0] if isinstance(record.args, tuple) and record.args else record.getMessage()
    text = bytes(said).decode("latin-1") if isinstance(said, bytes | bytearray) else str(said)
    left = len(text) - _LONGEST
    more = f" ... {left} more characters" if left > 0 else ""
    plain = text[:_LONGEST].encode("unicode_escape").decode("ascii")
    return f"{when.isoformat(timespec='milliseconds')}\t{instrument}\t{way}\t{plain}{more}\n"
