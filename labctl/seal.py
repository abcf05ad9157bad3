"""The seal: a chain of hashes over a record's files that shows whether it was edited later.

Every ``done`` and ``interrupted`` line of the journal carries a link: the hash of the link before
it, of the journal's bytes since then and of the readings' bytes since then. When the run ends, the
header gets the last link together with the hash of everything else it says. Whoever changes a
number afterwards breaks the chain from there on. It is no signature: who makes all links anew
leaves no trace, unless the seal was printed somewhere, as it is in the report.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Chain", "retrace", "seal_of"]

_SIZE = 16  # bytes
_BEGINNING = b"labctl record 1\n"
_UNSEALED = frozenset({"seal"})
_HEADINGS = 2  # lines of the readings before the first row
_LINK = re.compile(r"[0-9a-f]{32}")
_LINKED = (b'{"event":"done"', b'{"event":"interrupted"')


class Chain:
    """The running hash of a record's two growing files."""

    def __init__(self) -> None:
        self.link = str(_hash(_BEGINNING).hexdigest())
        self._journal, self._readings = _hash(), _hash()

    def journal(self, data: bytes) -> None:
        """Take in bytes that were appended to the journal."""
        self._journal.update(data)

    def readings(self, data: bytes | memoryview) -> None:
        """Take in bytes that were appended to the readings."""
        self._readings.update(data)

    def close(self) -> str:
        """Return the link over what was taken in since the last one, and begin anew."""
        self.link = self.total()
        self._journal, self._readings = _hash(), _hash()
        return self.link

    def total(self) -> str:
        """Return what the link would be now; nothing begins anew."""
        parts = (bytes.fromhex(self.link), self._journal.digest(), self._readings.digest())
        return str(_hash(b"".join(parts)).hexdigest())


class _Rows:
    """The bytes of the readings, handed to a chain row by row."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._piece = b""
        self._at = 0
        self._row = -_HEADINGS

    def give(self, chain: Chain, row: float) -> None:
        """Hand on everything up to this row; a row that is not there ends it."""
        while self._row < row:
            start = self._at
            while self._row < row and self._at < len(self._piece):
                self._at, self._row = self._piece.find(b"\n", self._at) + 1, self._row + 1
            chain.readings(memoryview(self._piece)[start : self._at])
            if self._at == len(self._piece):
                self._piece, self._at = next(self._pieces, b""), 0
                if not self._piece:
                    return


def retrace(journal: Iterable[bytes], readings: Iterable[bytes]) -> tuple[Chain, str]:
    """Go along the chain of two files.

    Parameters
    ----------
    journal, readings
        Whole lines of ``journal.jsonl`` and ``readings.csv``, in pieces of any number of lines, so
        that a record of any length can be looked at.

    Returns
    -------
    Chain
        As its writer had it after the last line.
    str
        Empty, or what does not fit: the first line of the journal whose link is another one.
    """
    chain, rows, wrong, number = Chain(), _Rows(readings), "", 0
    for piece in journal:
        for line in piece.splitlines(keepends=True):
            number += 1
            if line.startswith(_LINKED):
                entry = json.loads(line)
                rows.give(chain, int(entry["row"]))
                found = chain.close()
                told = entry.get("chain", "")
                if told and told != found and not wrong:
                    wrong = f"journal.jsonl, line {number}: what stands before it was changed"
                chain.link = told if _LINK.fullmatch(str(told)) else found
            chain.journal(line)
    rows.give(chain, math.inf)
    return chain, wrong


def seal_of(link: str, header: Mapping[str, Any]) -> str:
    """Return the seal of a finished record.

    Parameters
    ----------
    link
        Of the chain, closed over all of both files.
    header
        ``run.json`` as plain values; its seal does not count.
    """
    rest = {name: value for name, value in header.items() if name not in _UNSEALED}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(_hash(bytes.fromhex(link) + text.encode("utf-8", "surrogatepass")).hexdigest())


def _hash(data: bytes = b"") -> Any:
    return hashlib.blake2b(data, digest_size=_SIZE)
