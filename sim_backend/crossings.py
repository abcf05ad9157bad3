"""What can stand at the crossings of a crossbar: device models, selectors, transistors.

Every class here gives the current from word to bit line and its slope for an array of voltages, as
`sim_backend.crossbar.solve` wants them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from sim_backend.crossbar import Cells, Drive
from sim_backend.devices.model import DeviceModel, State

__all__ = [
    "Access", "Gated", "InSeries", "Selector", "Tabulated", "one_selector", "one_transistor",
    "tabulate",
]  # fmt: skip

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

_POINTS = 256  # intervals of a table
_INNER = 200  # halvings and Newton steps for a voltage between two elements
_AGREES = 5e-3  # of the current: a table and the model in the middle of an interval


class Tabulated:
    """Cells whose characteristic is looked up on an even grid where it is needed, cubic in between.

    It holds for as long as the state of the devices does not change.

    Parameters
    ----------
    model, state, shape, edge
        As for `tabulate`.
    """

    def __init__(
        self, model: DeviceModel, state: State, shape: tuple[int, int], edge: float
    ) -> None:
        self.edge = edge  #: the table reaches from -edge to edge, V
        self._model, self._state, self._shape = model, state, shape
        # currents at nodes and half way between, from half a step before the first node
        self._current = np.empty((2 * _POINTS + 3, *shape))
        self._known = np.zeros(2 * _POINTS + 3, bool)
        self._seen = np.zeros(_POINTS, bool)
        self._rows, self._columns = np.ogrid[: shape[0], : shape[1]]

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return current and slope by cubic Hermite interpolation; straight on beyond the table.

        Raises
        ------
        ArithmeticError
            The characteristic has a jump or a bend there that the table cannot follow.
        """
        h = 2 * self.edge / _POINTS
        at = np.clip((v + self.edge) / h, 0.0, _POINTS * (1 - 1e-15))
        k = at.astype(int)
        self._look(np.unique(k))
        x = at - k
        before, low, middle, high, after = (self._at(2 * k + n) for n in range(5))
        i, g = _between(x, low, high, middle - before, after - middle)
        g /= h
        return i + g * (v - np.clip(v, -self.edge, self.edge)), g

    def _at(self, place: NDArray[np.int64]) -> Array:
        found: Array = self._current[place, self._rows, self._columns]
        return found

    def _look(self, intervals: NDArray[np.int64]) -> None:
        """Look up what these intervals need, and whether a cubic follows it."""
        for k in intervals[~self._seen[intervals]].tolist():
            for place in range(2 * k, 2 * k + 5):
                if not self._known[place]:
                    self._current[place] = self._model_at(self.edge * ((place - 1) / _POINTS - 1))
                    self._known[place] = True
            before, low, middle, high, after = self._current[2 * k : 2 * k + 5]
            guess, _ = _between(np.array(0.5), low, high, middle - before, after - middle)
            size = np.maximum(np.abs(low), np.abs(high)) + 1e-30
            worst = float(np.max(np.abs(guess - middle) / size))
            if worst > _AGREES:
                raise ArithmeticError(
                    "the characteristic of the cells is not smooth at "
                    f"{self.edge * (2 * k / _POINTS - 1):.3g} V: a table misses it by {worst:.1%}; "
                    "use other voltages"
                )
            self._seen[k] = True

    def _model_at(self, voltage: float) -> Array:
        levels = {self._model.terminals[0]: voltage}
        return np.reshape(self._model.current(self._state, levels)[0], self._shape)


def _between(x: Array, low: Array, high: Array, left: Array, right: Array) -> tuple[Array, Array]:
    """Return a cubic from 0 to 1 and its slope, of its values and slopes at both ends."""
    bend, twist = 3 * (high - low) - 2 * left - right, 2 * (low - high) + left + right
    return low + x * (left + x * (bend + x * twist)), left + x * (2 * bend + 3 * x * twist)


def tabulate(model: DeviceModel, state: State, shape: tuple[int, int], edge: float) -> Tabulated:
    """Return a table of the characteristics of devices as they are now.

    Parameters
    ----------
    model, state
        As many devices as the crossbar has cells, row by row; the first terminal is on the word
        line, the second on the bit line.
    shape
        Rows and columns.
    edge
        Largest voltage of the table, V.

    Raises
    ------
    BadInput
        The number of devices does not fit.
    """
    if state.devices != shape[0] * shape[1]:
        raise BadInput(
            f"{state.devices} devices were put into a crossbar of {shape[0]} x {shape[1]} cells"
        )
    return Tabulated(model, state, shape, edge)


@dataclass(frozen=True, slots=True)
class Selector:
    """A two-terminal selector: ``I = scale sinh(V / volt)``, off below a few `volt`.

    The form of mixed-ionic-electronic and of tunnelling selectors (Burr et al.,
    doi:10.1116/1.4889999).
    """

    scale: float  #: A
    volt: float  #: V

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return current and slope."""
        x = np.clip(v / self.volt, -600.0, 600.0)
        return self.scale * np.sinh(x), self.scale / self.volt * np.cosh(x)


@dataclass(frozen=True, slots=True)
class Gated:
    """A transistor per cell, its gate on the row: ohmic, then saturated; off where not selected.

    ``I = saturation tanh(on V / saturation)`` for selected rows, ``off V`` for the others.
    """

    rows: Bools  #: which rows are selected, shape (rows,)
    on: float  #: conductance of an open channel, S
    saturation: float  #: its largest current, A
    off: float = 1e-12  #: conductance of a closed channel, S

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return current and slope."""
        x = self.on * v / self.saturation
        bent = np.tanh(x)
        open_ = self.rows[:, None]
        i = np.where(open_, self.saturation * bent, self.off * v)
        return i, np.where(open_, self.on * (1 - bent**2) + self.off, self.off)


@dataclass(frozen=True, slots=True)
class InSeries:
    """Two elements at every crossing, one behind the other (1S1R, 1T1R)."""

    first: Cells
    second: Cells

    def share(self, v: Array) -> Array:
        """Return the voltage over the second element."""
        return v - _balance(self.first, self.second, v)

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return current and slope; the voltage between the two is found to rounding."""
        part = _balance(self.first, self.second, v)
        i, g_first = self.first.conductance(part)
        other, g_second = self.second.conductance(v - part)
        # the stiffer element's current is the blunter number
        i = np.where(g_first < g_second, i, other)
        return i, g_first * g_second / np.maximum(g_first + g_second, 1e-300)


def _balance(first: Cells, second: Cells, v: Array) -> Array:
    """Return the first element's voltage: Newton, halving where that leaves the bracket."""
    low, high = np.minimum(v, 0.0), np.maximum(v, 0.0)
    x = v / 2
    for _ in range(_INNER):
        i, g = first.conductance(x)
        j, h = second.conductance(v - x)
        excess = i - j
        low, high = np.where(excess < 0, x, low), np.where(excess > 0, x, high)
        with np.errstate(all="ignore"):
            step = x - excess / (g + h)
        inside = (step >= low) & (step <= high)
        following = np.where(inside, step, (low + high) / 2)
        if np.all(np.abs(following - x) <= 4e-16 * np.abs(v)):
            return following
        x = following
    return x


#: puts an access element in front of the devices, as the lines are driven
Access = Callable[[Cells, Drive], InSeries]


def one_selector(selector: Selector) -> Access:
    """Return the access of a 1S1R array: a selector in front of every device."""
    return lambda devices, drive: InSeries(selector, devices)


def one_transistor(on: float, saturation: float, off: float = 1e-12) -> Access:
    """Return the access of a 1T1R array: a transistor in front of every device, gated by the row.

    Parameters
    ----------
    on, saturation, off
        As for `Gated`.
    """

    def access(devices: Cells, drive: Drive) -> InSeries:
        rows = np.full(len(drive.words), True) if drive.gates is None else drive.gates
        return InSeries(Gated(rows, on, saturation, off), devices)

    return access
