"""Looks: reads of the weight for its own sake, before and after a stimulus, on a range that suits.

A waveform has one current range for each terminal, and a spike of volts needs another one than a
read of a tenth. So a stimulus is one step, and each look at the weight is a step of its own.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.steps import Label, Play, Step
from labctl.waveform import read, rest
from protocols.responses import conductances, u_conductances, usable

__all__ = ["Look", "Seen", "look", "looks"]


@dataclass(frozen=True, slots=True)
class Look:
    """How the weight is read.

    Parameters
    ----------
    level, width
        Read voltage, V, and length of the read, s.
    compliance
        Largest current, A.
    share
        Range tried first, as a share of the compliance.
    terminal
        Driven and measured.
    """

    level: float
    width: float
    compliance: float
    share: float = 0.1
    terminal: str = "top"


class Seen(NamedTuple):
    """One look."""

    g: float  #: conductance, S; not a number when it was lost
    u: float  #: its standard uncertainty, S
    t: float  #: when, s


def look(how: Look, pause: float, label: Label) -> Generator[Step, Readings, None]:
    """Read the weight once after a pause; again on the full range where the first overflows.

    Parameters
    ----------
    how
        Level, width, range.
    pause
        Zero volts before the read, s; the instrument times it.
    label
        Of the steps; the last one with this label and a usable reading counts.
    """
    probe = read(how.level, how.width, terminal=how.terminal)
    waveform = rest(pause) + probe if pause > 0 else probe
    for current in (how.compliance * how.share, how.compliance):
        readings = yield Play(waveform, how.compliance, {how.terminal: current}, dict(label))
        if len(readings) and bool(usable(readings)[-1]):
            return
        waveform = probe


def looks(record: Measured, part: str, key: Iterable[str] = ("trial",)) -> dict[object, Seen]:
    """Return the looks of a part of a protocol by the values of some labels.

    Parameters
    ----------
    record
        What was measured.
    part
        Label ``part`` of the looks.
    key
        Labels that tell them apart; with one of them its value is the key, with more a tuple.
    """
    names = tuple(key)
    found: dict[object, Seen] = {}
    for step, readings in record.where(part=part):
        values = tuple(step.label.get(name) for name in names)
        at: object = values[0] if len(values) == 1 else values
        rows = readings.where(role="read")
        if not len(rows):
            continue
        seen = Seen(float(conductances(rows)[-1]), float(u_conductances(rows)[-1]), rows[-1].t)
        if math.isfinite(seen.g) or at not in found:
            found[at] = seen
    return found
