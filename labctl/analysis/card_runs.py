"""Device cards straight from the readings of a run, whatever protocol took them.

The rows of a run are walked in order: reads give a conductance, the pulses between two reads the
polarity of what was written. Pulses of one polarity that follow each other are a branch; the
polarity whose pulses raise the conductance is potentiation. Nothing else is taken from the
protocol, so that write-verify, identical pulses and any mixture of them are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.card_set import CardSet, device_cards
from labctl.analysis.cards import Writing
from labctl.errors import BadInput
from labctl.readings import Flag, Readings, Row

__all__ = ["Updates", "run_cards", "updates_of_run"]

_UNUSABLE = Flag.OVERRANGE | Flag.LOST | Flag.CONTACT


class Updates(NamedTuple):
    """Conductances of a run as update curves; one entry for each branch's start and each read."""

    g: NDArray[np.float64]  #: S
    pulse: NDArray[np.intp]  #: pulses of the branch so far; 0 before the first
    branch: NDArray[np.str_]  #: ``potentiation`` or ``depression``
    cycle: NDArray[np.intp]  #: counted through each kind of branch, from 0


def run_cards(readings: Readings, terminal: str, writing: Writing | None = None) -> CardSet:
    """Return the cards for NeuroSim, AIHWKit and CrossSim that a run allows.

    Parameters
    ----------
    readings
        Of the run, as ``labctl.open(run).readings``.
    terminal
        That was driven and read.
    writing
        Voltages and widths, for NeuroSim.

    Raises
    ------
    BadInput
        The run has no conductances between pulses, or a branch is missing.
    """
    g, pulse, branch, cycle = updates_of_run(readings, terminal)
    return device_cards(g, pulse, branch, cycle, writing=writing)


def updates_of_run(readings: Readings, terminal: str) -> Updates:
    """Return the update curves that a run holds.

    Reads that follow each other without a pulse between them are averaged. Reads beyond the range,
    lost ones and ones without a contact are left out.

    Raises
    ------
    BadInput
        There is no conductance after any pulse.
    """
    states, polarities, counts = _walk(readings.where(terminal=terminal).rows)
    if not polarities:
        raise BadInput(
            f"the run has no conductance read on {terminal} before and after a pulse that was "
            "itself measured; update curves need reads between measured pulses"
        )
    rise = {sign: _rise(states, polarities, sign) for sign in set(polarities)}
    upward = max(rise, key=lambda sign: rise[sign])
    return _branches(states, polarities, counts, upward)


def _walk(rows: Sequence[Row]) -> tuple[list[float], list[int], list[int]]:
    """Return each state's conductance, and polarity and number of the pulses after it."""
    states: list[float] = []
    polarities: list[int] = []
    counts: list[int] = []
    reads: list[float] = []
    pending: list[int] = []
    for row in rows:
        asked = row.v if math.isnan(row.v_set) else row.v_set  # of a current only v has a sign
        if row.role == "pulse" and asked != 0:
            pending.append(1 if asked > 0 else -1)
        elif row.role == "read" and not row.flags & _UNUSABLE and row.v != 0:
            if pending and reads:
                states.append(float(np.mean(reads)))
                # pulses of both signs are a step of neither
                polarities.append(pending[0] if len(set(pending)) == 1 else 0)
                counts.append(len(pending))
                reads = []
            pending = []
            reads.append(row.i / row.v)
    states += [float(np.mean(reads))] if reads else []
    return states, polarities, counts


def _rise(states: list[float], polarities: list[int], sign: int) -> float:
    """Return the mean change of conductance by the pulses of a polarity; nothing for a mixture."""
    if sign == 0:
        return -np.inf
    steps = np.diff(states)[np.array(polarities) == sign]
    return float(np.mean(steps))


def _branches(
    states: list[float], polarities: list[int], counts: list[int], upward: int
) -> Updates:
    rows: list[tuple[float, int, str, int]] = []
    cycles = {"potentiation": -1, "depression": -1}
    last, number = 0, 0
    for k, sign in enumerate(polarities):
        name = "potentiation" if sign == upward else "depression"
        if sign != last and sign != 0:
            cycles[name] += 1
            number = 0
            rows.append((states[k], 0, name, cycles[name]))
        if sign != 0:
            number += counts[k]
            rows.append((states[k + 1], number, name, cycles[name]))
        last = sign
    g, pulse, branch, cycle = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Updates(
        np.array(g, float), np.array(pulse, np.intp), np.array(branch, np.str_),
        np.array(cycle, np.intp),
    )  # fmt: skip
