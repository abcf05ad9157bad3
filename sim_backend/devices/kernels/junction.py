"""Many tunnel junctions at once: the functions of `ftj_kinetics` and `ftj_current`, compiled.

The physics is written once. A function compiled here is the plain one with the compiled versions of
those it calls in their place, so the two paths cannot drift apart; only logarithms, exponentials
and sums may differ in their last bits. `through` is the loop over junctions, turns and lines that
`sim_backend.devices.ftj` has in plain Python.
"""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim_backend.devices import ftj_current, ftj_kinetics
from sim_backend.devices.ftj_kinetics import Rates
from sim_backend.devices.kernels.random import absorb, normal
from sim_backend.devices.model import RELEASE

__all__ = ["through"]

Array = NDArray[np.float64]

#: each after those it calls
_MOTION = (
    "kept", "relaxed", "summed", "fresh_part", "written", "held", "led", "begun", "placed",
    "drifted",
)  # fmt: skip
_CURRENT = (
    "log_conductance", "shape", "flow", "at", "quadrature", "passed", "rested", "piece", "excited",
)  # fmt: skip


def _compiled() -> dict[str, Callable[..., Any]]:
    """Compile the functions of both modules, each calling compiled ones."""
    made: dict[str, Callable[..., Any]] = {}
    for module, names in ((ftj_kinetics, _MOTION), (ftj_current, _CURRENT)):
        for name in names:
            plain = getattr(module, name)
            names_seen = {**plain.__globals__, **made}
            bound = types.FunctionType(plain.__code__, names_seen, name, plain.__defaults__)
            bound.__module__, bound.__qualname__ = plain.__module__, plain.__qualname__
            made[name] = njit(cache=True)(bound)
    return made


#: of the physics: numba keeps compiled code by the file of a function, not by those it calls
_EDITION = hashlib.sha256(
    "".join(map(inspect.getsource, (ftj_current, ftj_kinetics))).encode()
).hexdigest()[:12]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _kept(function: _Function) -> _Function:
    """Compile, and keep the code for as long as the physics stays what it is."""
    function.__qualname__ = f"{function.__name__}_{_EDITION}"
    return cast(_Function, njit(cache=True)(function))


_FUNCTIONS = _compiled()
_rested, _excited = _FUNCTIONS["rested"], _FUNCTIONS["excited"]


@njit(cache=True)
def _rates(column: Array) -> Rates:
    """Return the numbers of one junction."""
    x = column
    return Rates(
        x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13],
        x[14], x[15], x[16], x[17], x[18], x[19], x[20], x[21], x[22], x[23], x[24], x[25], x[26],
        x[27], x[28], x[29], x[30], x[31],
    )  # fmt: skip


@njit(cache=True)
def _ends_excursion(first: float, last: float, threshold: float) -> bool:
    """As `sim_backend.devices.model.released`."""
    return first * last <= 0.0 or min(abs(first), abs(last)) < RELEASE * threshold


@njit(cache=True)
def _factor(word: np.uint64, excursion: float, drawn: bool, sigma: float) -> float:
    """Return the factor on all rates of one excursion."""
    if not drawn:
        return 1.0
    return max(0.0, 1.0 + sigma * normal(absorb(word, np.uint64(excursion))))


@_kept
def _once(
    row: Array,
    lines: Array,
    r: Rates,
    gain: float,
    word: np.uint64,
    drawn: bool,
    sigma: float,
    endurance: float,
) -> float:
    """Take one junction through the lines, in place; returns C."""
    state = (row[6], row[7], row[8], row[9], row[10], row[11])
    total = 0.0
    for k in range(lines.shape[0]):
        first, last, length = lines[k, 0], lines[k, 1], lines[k, 2]
        highest = max(abs(first), abs(last))
        if highest <= r.threshold:
            if _ends_excursion(first, last, r.threshold):
                row[2] = 0.0
            state, charge = _rested(state, first, last, length, r)
        else:
            sign = 1.0 if first + last > 0.0 else -1.0
            if sign != row[2]:
                row[2] = sign
                row[12] += 1.0
                row[0 if sign > 0.0 else 1] += 1.0
                row[13] = _factor(word, row[12], drawn, sigma)
            loose = endurance / (endurance + row[0] + row[1]) if endurance > 0.0 else 1.0
            state, charge = _excited(state, first, last, length, row[13], loose, r)
        charge *= gain
        row[5] = max(row[5], highest)
        row[14] += length
        total += charge
        row[4] += abs(charge)
    row[3] += total
    row[6], row[7], row[8], row[9], row[10], row[11] = state
    return total


@njit(cache=True)
def _same(row: Array, before: Array) -> bool:
    """Return whether a turn has left the state, and the side of the voltage, as it was."""
    changed = 0 if row[2] == before[2] else 1
    for k in range(6, 12):
        if row[k] != before[k]:
            changed += 1
    return changed == 0


@_kept
def through(
    values: Array,
    rates: Array,
    gains: Array,
    lines: Array,
    turns: int,
    first: int,
    start: np.uint64,
    drawn: bool,
    sigma: float,
    endurance: float,
) -> Array:
    """Take all junctions through lines of the voltage, `turns` times, in place.

    Parameters
    ----------
    values
        State variables, shape (15, devices): the tally, p, v1, v2, z, c, s, excursion, factor, age.
    rates
        In the order of `Rates`, shape (30, devices).
    gains
        Factor on the current of each junction.
    lines
        First and last voltage and duration of each, shape (lines, 3).
    turns
        How often.
    first
        Number of the first junction.
    start, drawn
        Of the stream of the cycle-to-cycle variation; whether there is one.
    sigma, endurance
        As in the family's parameters.

    Returns
    -------
    ndarray
        Charge into the top of each junction, C.
    """
    charges = np.zeros(values.shape[1])
    row, before = np.empty(values.shape[0]), np.empty(values.shape[0])
    for device in range(values.shape[1]):
        row[:] = values[:, device]
        r = _rates(rates[:, device])
        word = absorb(start, np.uint64(first + device))
        for done in range(turns):
            before[:] = row
            charge = _once(row, lines, r, gains[device], word, drawn, sigma, endurance)
            charges[device] += charge
            if not drawn and endurance == 0.0 and _same(row, before):
                left = turns - done - 1
                charges[device] += left * charge
                for k in (0, 1, 3, 4, 12, 14):
                    row[k] += left * (row[k] - before[k])
                break
        values[:, device] = row
    return charges
