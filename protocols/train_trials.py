"""Trials of trains: play one from the baseline, read what it leaves, collect both from a record.

A trial is a return to the baseline, a train of pulses whose currents are measured, and reads after
it. The reads are a waveform of their own, because an ammeter that follows a pulse on its range sees
little of a read a tenth as high; what passes between the two is measured, not assumed.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.protocol import Measured
from labctl.readings import Flag, Readings
from labctl.steps import Label, Play, StepRecord, Steps
from labctl.waveform import Node, Window, pulse, read, rest, segment, ticks
from protocols.baseline import Baseline
from protocols.responses import conductances, u_conductances, usable

__all__ = [
    "Reads", "Trial", "compliance_remark", "even_train", "play_trial", "reads_at", "spike",
    "trials",
]  # fmt: skip

Array = NDArray[np.float64]

_SHORTEST_REST = 1e-6


@dataclass(frozen=True, slots=True)
class Reads:
    """How the reads after a train are taken.

    Attributes
    ----------
    level, width
        Of a read, V and s.
    times
        From the end of the train to the beginning of each read, s, rising; the first is also spent
        where the bench needs longer between two waveforms.
    """

    level: float
    width: float
    times: tuple[float, ...]


def spike(amplitude: float, width: float, terminal: str, *, whole: bool = False) -> Node:
    """Return a pulse that is measured where the source has settled, or from end to end.

    Parameters
    ----------
    amplitude, width
        V and s.
    terminal
        Driven.
    whole
        Measure all of it: the mean current, and with it the energy, of a pulse in which the device
        changes; a capacitance that is charged counts too.
    """
    if not whole:
        return pulse(amplitude, width, terminal=terminal)
    window = Window(terminal, 0, ticks(width), "pulse")
    return segment(width, {terminal: amplitude}, windows=(window,), role="pulse")


def even_train(one: Node, interval: float, number: int) -> Node:
    """Return pulses an interval in s apart, from the end of one to the next; the last ends it."""
    if number == 1:
        return one
    return (one + rest(interval)) * (number - 1) + one


def reads_at(reads: Reads, terminal: str) -> Node:
    """Return reads that begin at the times asked for."""
    parts: list[Node] = []
    now = 0.0
    for when in reads.times:
        gap = when - now
        parts += [rest(gap)] if gap >= _SHORTEST_REST else []
        parts.append(read(reads.level, reads.width, terminal=terminal))
        now = max(when, now) + reads.width
    return functools.reduce(operator.add, parts)


def play_trial(how: Baseline, stimulus: Node, reads: Reads, label: Label) -> Steps:
    """Play a stimulus from where the device stands, and read what it leaves.

    Parameters
    ----------
    how
        Its compliance, read voltage and terminal are used.
    stimulus
        The train.
    reads
        After it.
    label
        What the trial is, with its number as ``trial`` and what `Trials.begin` said.
    """
    yield Play(stimulus, how.compliance, label={"part": "train", **label})
    least = how.compliance * min(1.0, abs(how.read / how.amplitude))
    waveform = reads_at(reads, how.terminal)
    yield Play(waveform, how.compliance, {how.terminal: least}, {"part": "reads", **label})


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial measured.

    Attributes
    ----------
    label
        As it was played.
    before
        Conductance at the last read before the train, S; not a number where it is not known.
    returned
        Whether that was within the tolerance of the baseline.
    pulses
        Readings in the pulses.
    current, u_current
        In each pulse, A; not a number without a usable reading.
    g, u_g
        Conductance at each read after the train, S.
    delay
        From the end of the train to the middle of each read, as achieved, s.
    """

    label: Label
    before: float
    returned: bool
    pulses: Readings
    current: Array
    u_current: Array
    g: Array
    u_g: Array
    delay: Array


def trials(record: Measured, terminal: str, *, whole: bool = False) -> Iterator[Trial]:
    """Yield the complete trials of a record, in the order in which they were measured.

    A trial whose train or reads were interrupted is left out.

    Parameters
    ----------
    record
        What was measured.
    terminal
        That was driven.
    whole
        The pulses were measured from end to end.
    """
    # a reading is stamped in the middle of its window, 70 to 95 % of a pulse or all of it
    left = 0.5 if whole else 0.175
    before = math.nan
    train: tuple[StepRecord, float] | None = None
    for step in record.steps:
        part = step.label.get("part")
        if part == "baseline":
            known = conductances(record.of(step).where(role="read", terminal=terminal))
            before = float(known[-1]) if len(known) else math.nan
        elif part == "train":
            train = (step, before)
        elif part == "reads" and train is not None and not step.skipped:
            pulses = record.of(train[0]).where(role="pulse", terminal=terminal)
            reads = record.of(step).where(role="read", terminal=terminal)
            if len(pulses) and train[0].label.get("trial") == step.label.get("trial"):
                yield _trial(train[0].label, train[1], pulses, reads, left)


def _trial(label: Label, before: float, pulses: Readings, reads: Readings, left: float) -> Trial:
    last = pulses[-1]
    return Trial(
        label=label,
        before=before,
        returned=bool(label.get("returned")),
        pulses=pulses,
        current=np.where(usable(pulses), pulses.i, np.nan),
        u_current=pulses.u_i,
        g=conductances(reads),
        u_g=u_conductances(reads),
        delay=reads.t - (last.t + left * last.width),
    )


def compliance_remark(pulses: Readings) -> Iterator[str]:
    """Yield what is to be known where the compliance held the current of some pulses."""
    held = int(np.sum((pulses.flags & int(Flag.COMPLIANCE)) != 0))
    if held:
        yield (
            f"the compliance held the current in {held} of {len(pulses)} pulses: what they show is "
            "the limit and not the device; raise the compliance or lower the amplitude"
        )
