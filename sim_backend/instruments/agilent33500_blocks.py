"""Points that come as a block of data (IEEE 488.2, section 7.7.6) inside a command of a generator.

A command table takes text; so a block is taken out of its message, and a name that no number has is
left in its place, by which the command gets the points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim_backend.wire.parameters import ScpiError

__all__ = ["Blocks"]

_DATA_TYPE = -104
_BLOCK = re.compile(rb"#([1-9])")
_MOST_BYTES = 1 << 24


class Blocks:
    """Blocks of one message.

    Parameters
    ----------
    after
        Part of a header after which a block may come.
    """

    def __init__(self, after: bytes) -> None:
        self.big_endian = True
        self._after = after
        self._kept: dict[str, npt.NDArray[np.float64]] = {}

    def take(self, message: bytes) -> bytes | None:
        """Return a message with names for its blocks; None while one is not whole.

        Blocks of earlier messages that no command has asked for are forgotten.
        """
        self._kept = {}
        return self._without(message)

    def _without(self, message: bytes) -> bytes | None:
        match = _BLOCK.search(message) if self._after in message.upper() else None
        if match is None:
            return message
        begin = match.end()
        digits = message[begin : begin + int(match[1])]
        if not digits.isdigit() or int(digits) > _MOST_BYTES:
            return message
        first = begin + len(digits)
        data = message[first : first + int(digits)]
        if len(data) < int(digits):
            return None
        rest = self._without(message[first + int(digits) :])
        head = message[: match.start()]
        return None if rest is None else head + self._keep(head, data) + rest

    def _keep(self, head: bytes, data: bytes) -> bytes:
        """Keep the points of a block and return its name."""
        kind = "i2" if b"DAC" in head.upper() else "f4"
        whole = len(data) // int(kind[1]) * int(kind[1])
        values = np.frombuffer(data[:whole], (">" if self.big_endian else "<") + kind)
        name = f"#{len(self._kept)}"
        self._kept[name] = values.astype(np.float64)
        return name.encode()

    def points(self, given: Sequence[str], full: float) -> tuple[float, ...]:
        """Return points from -1 to 1, written as numbers up to `full` or as the name of a block.

        Raises
        ------
        ScpiError
            Something else was given.
        """
        if len(given) == 1 and given[0] in self._kept:
            shares: list[float] = (self._kept.pop(given[0]) / full).tolist()
            return tuple(shares)
        try:
            return tuple(float(point) / full for point in given)
        except ValueError:
            raise ScpiError(_DATA_TYPE) from None
