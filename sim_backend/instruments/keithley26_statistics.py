"""Statistics of a reading buffer (``smuX.buffer.getstats``).

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``smuX.buffer.getstats``: a table
with ``n``, ``mean`` and ``stddev``, and ``min`` and ``max``, which are entries of the buffer.
"""

from __future__ import annotations

from sim_backend.instruments.keithley2600_buffer import COLUMNS, ReadingBuffer
from sim_backend.wire.tsp import Node

__all__ = ["statistics_node"]

_SINGULAR = {
    "readings": "reading", "timestamps": "timestamp", "sourcevalues": "sourcevalue",
    "statuses": "status", "measurefunctions": "measurefunction", "measureranges": "measurerange",
    "sourcefunctions": "sourcefunction", "sourceranges": "sourcerange",
    "sourceoutputstates": "sourceoutputstate",
}  # fmt: skip


def statistics_node(buffer: ReadingBuffer) -> Node:
    """Describe the table of a buffer's statistics; an empty buffer has only ``n``."""
    found = buffer.statistics()
    node = Node("statistics", objects={"n": found.n})
    if found.n:
        node.objects |= {
            "mean": found.mean,
            "stddev": found.deviation,
            "min": _entry(buffer, found.lowest),
            "max": _entry(buffer, found.highest),
        }
    return node


def _entry(buffer: ReadingBuffer, index: int) -> Node:
    return Node(
        "entry",
        objects={
            _SINGULAR[attribute]: buffer.column(attribute, index, index)[0]
            for attribute in COLUMNS
            if buffer.collects(attribute)
        },
    )
