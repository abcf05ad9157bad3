"""The wire log of a run as it grows: what was sent to the instruments and what they answered.

Nothing here knows a window. A look takes the newest of what came, so that an instrument that talks
much costs no more than one that is silent; everything is in the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from labctl.wire_log import WIRE

__all__ = ["Message", "WireTail"]

_MOST = 1 << 16  # bytes of the log that one look takes
_SHOWN = 300  # characters of a message
_LINES = 100  # messages that one look tells


class Message(NamedTuple):
    """One message over the wire."""

    when: str  #: ISO 8601
    instrument: str  #: its name in the bench file
    sent: bool  #: or else answered
    text: str

    @property
    def told(self) -> str:
        """The message as the console shows it; the rest of a long one is in the file."""
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]} ..."
        return f"{'→' if self.sent else '←'} {self.instrument}  {text}"


class WireTail:
    """Reads on in the wire log of a run, from the end that it has when it is first looked at.

    Parameters
    ----------
    folder
        The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / WIRE
        self._at = max(self._size() - _MOST, 0)
        self._torn = self._at > 0  # whether it begins in the middle of a line

    @property
    def kept(self) -> bool:
        """Whether the run has such a log."""
        return self._path.exists()

    def poll(self) -> tuple[list[Message], int]:
        """Read on.

        Returns
        -------
        list of Message
            The newest, oldest first.
        int
            How many more there were, which are only in the file; at least so many.
        """
        size = self._size()
        if size < self._at:  # it has become the older log, another one has begun
            self._at, self._torn = 0, False
        left_out = 0
        if size - self._at > _MOST:
            left_out, self._at, self._torn = 1, size - _MOST, True
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read(_MOST)
        except OSError:
            return [], 0
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        if self._torn and lines:
            lines, self._torn = lines[1:], False
        found = [message for line in lines if (message := _read(line)) is not None]
        return found[-_LINES:], left_out + max(len(found) - _LINES, 0)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0


def _read(line: str) -> Message | None:
    parts = line.split("\t", 3)
    if len(parts) != 4:
        return None
    when, instrument, way, text = parts
    return Message(when, instrument, way == "sent", text)
