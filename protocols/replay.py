"""Replay: what a limited course said when it ended, found by feeding it the readings again."""

from __future__ import annotations

from labctl.protocol import Measured
from labctl.steps import Steps
from protocols.limited import Limit, limited

__all__ = ["limit_reached"]


def limit_reached(course: Steps, limit: Limit, record: Measured) -> str:
    """Return which limit ended a record, in words; empty where none did.

    Parameters
    ----------
    course
        Of the protocol that made the record, begun anew.
    limit
        Fresh, with the protocol's numbers.
    record
        Its steps and readings; the course decides from them as it did then.
    """
    steps = limited(course, limit)
    try:
        next(steps)
        for step in record.steps:
            steps.send(record.of(step))
    except StopIteration:
        pass
    return limit.reached
