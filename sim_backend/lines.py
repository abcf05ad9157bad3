"""Lines of a crossbar: many tridiagonal systems at once, all with the same wire.

A line is a chain of nodes joined by wire segments; at one end (or at both) a segment and a driver's
resistance lead to a voltage, and at every node a cell leads away. With the voltages behind the
cells known, each line is a symmetric tridiagonal system of its own, solved by elimination (Golub
and Van Loan, Matrix Computations, 4.3.6). Arrays are ordered (position, line).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels

__all__ = ["Lines", "factorise"]

_KERNELS = "sim_backend.devices.kernels.lines"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Factorised lines; `solve` may be called any number of times."""

    wire: float  #: conductance between neighbouring nodes, S
    pivot: Array  #: reciprocal pivots, Ohm, shape (positions, lines)

    def solve(self, current: Array) -> Array:
        """Return the voltages for the currents put into every node, both (positions, lines)."""
        fast = kernels(_KERNELS)
        if fast is not None:
            solved: Array = fast.solve(self.wire, self.pivot, np.ascontiguousarray(current))
            return solved
        v = current.copy()
        for k in range(1, len(v)):
            v[k] += self.wire * self.pivot[k - 1] * v[k - 1]
        v[-1] *= self.pivot[-1]
        for k in range(len(v) - 2, -1, -1):
            v[k] = (v[k] + self.wire * v[k + 1]) * self.pivot[k]
        return v


def factorise(wire: float, ends: tuple[Array, Array], cells: Array) -> Lines:
    """Eliminate.

    Parameters
    ----------
    wire
        Conductance of a segment, S.
    ends
        Conductance from the first and the last node to their drivers, S, shape (lines,) each;
        0 for none.
    cells
        Conductance of the cells, S, shape (positions, lines).
    """
    load = cells.copy(order="C")
    load[0] += ends[0]
    load[-1] += ends[1]
    fast = kernels(_KERNELS)
    if fast is not None:
        fast.eliminate(wire, load)
        return Lines(wire, load)
    # the load of node k with all before it, by sums of positive numbers only: nothing cancels,
    # however good the wire is
    for k in range(1, len(load)):
        load[k] += wire * load[k - 1] / (wire + load[k - 1])
    load[:-1] += wire
    return Lines(wire, 1 / load)
