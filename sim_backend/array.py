"""An array of devices in a crossbar: read through its wires, written through its wires.

Every cell sees its own voltage, also those that were not selected: what half of the write voltage
does to them is what their model does at that voltage. While a write changes conductances the
voltages move with them; time is cut so that they are straight lines to within `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim_backend.crossbar import PERFECT, Drive, Solution, Wires, solve
from sim_backend.crossings import Access, Tabulated, tabulate
from sim_backend.devices.model import DeviceModel, Level, State, Stream

__all__ = ["TOLERANCE", "DeviceArray", "Passed"]

Array = NDArray[np.float64]

#: how far a cell's voltage may stray from a straight line in a piece of a write, as a share of the
#: largest
TOLERANCE = 2e-3
_SWING = 8  # by how many such shares a voltage may move in a piece because the devices change
_SHORTEST = 1e-6  # of a write's duration
_SAME = 1e-9  # of the largest voltage: two solutions are one
_KEPT = 64  # solutions of one state of the devices
_GRID = 8  # sizes of tables in an octave


class Passed(NamedTuple):
    """What a stretch of time did to an array."""

    solution: Solution  #: at its end
    charge: Array  #: through every cell, from word to bit line, C, shape (rows, columns)


class DeviceArray:
    """Devices at the crossings of resistive wires.

    Parameters
    ----------
    model
        Of the devices; its first terminal is on the word line, its second on the bit line.
    shape
        Rows and columns.
    wires
        Resistances of segments and drivers.
    stream
        Fixes the spread between devices and, while writing, the cycle-to-cycle variation; None for
        devices without either, unless `spread` asks for the first.
    spread
        Whether the devices differ.
    access
        A selector or a transistor in front of every device (`sim_backend.crossings`).
    state
        Of the devices, row by row; fresh ones unless given.
    """

    def __init__(
        self,
        model: DeviceModel,
        shape: tuple[int, int],
        wires: Wires = PERFECT,
        stream: Stream | None = None,
        *,
        spread: bool = True,
        access: Access | None = None,
        state: State | None = None,
    ) -> None:
        self.model, self.shape, self.wires, self.stream = model, shape, wires, stream
        if state is None:
            state = model.fresh(shape[0] * shape[1], stream or Stream(0), spread=spread)
        self.state = state
        self._access = access
        self._known = _Known()
        self._noise: Stream | None = None  # of the devices, while time passes
        self._size = 1.0  # largest voltage of a line, V

    @property
    def conductances(self) -> Array:
        """Conductance of every device at zero volts, S, shape (rows, columns)."""
        return self.model.conductance(self.state).reshape(self.shape)

    def read(self, drive: Drive) -> Solution:
        """Return voltages and currents; the devices are not changed."""
        return self._solve(drive)[0]

    def _solve(self, drive: Drive) -> tuple[Solution, Array]:
        """Return the solution and the voltage over every device."""
        known = self._known.of(self.state)
        gates = None if drive.gates is None else drive.gates.tobytes()
        key = drive.words.tobytes(), drive.bits.tobytes(), gates
        found = known.solutions.get(key)
        if found is None:
            if len(known.solutions) >= _KEPT:
                known.solutions.clear()
            found = known.solutions[key] = self._solved(drive, known)
        return found

    def _solved(self, drive: Drive, known: _Known) -> tuple[Solution, Array]:
        edge = float(np.ptp(np.append(drive.levels, 0.0))) or 1.0
        devices = known.table(self.model, self.state, self.shape, edge)
        series = None if self._access is None else self._access(devices, drive)
        found = solve(series or devices, drive, self.wires, start=known.start(edge))
        known.last = found.v / edge
        return found, found.v if series is None else series.share(found.v)

    def write(self, drive: Drive, duration: float, temperature: float = 300.0) -> Solution:
        """Apply voltages for a time, and then zero; returns the last voltages and currents.

        Parameters
        ----------
        drive
            At the ends of the lines, V.
        duration
            s.
        temperature
            Of the devices, K.
        """
        return self.carry(drive, drive, duration, temperature).solution

    def carry(
        self, begin: Drive, end: Drive, duration: float, temperature: float = 300.0
    ) -> Passed:
        """Take the array through straight lines of the voltages at the ends of its lines.

        A piece of time is tried with the voltages over the devices that the devices of its
        beginning would have at its end, then with those that they have once they are there. It is
        cut until the two agree and are not far from the first guess, and, where the voltages move,
        until those in the middle are on the straight line. The noise of the devices is in the
        charges, not in how the voltages are shared.

        Parameters
        ----------
        begin, end
            At the ends of the lines, V; the same lines float in both.
        duration
            s, above zero.
        temperature
            Of the devices, K.
        """
        noise, self.state.noise = self.state.noise, None
        try:
            return self._carry(begin, end, duration, temperature, noise)
        finally:
            self.state.noise = noise

    def _carry(
        self, begin: Drive, end: Drive, duration: float, temperature: float, noise: Stream | None
    ) -> Passed:
        """Do what `carry` does: voltages are those without noise, charges those with it."""
        self._noise, self._size = noise, max(map(_largest, (begin.levels, end.levels))) or 1.0
        (found, first), charge = self._solve(begin), np.zeros(self.shape)
        done, piece = 0.0, duration
        while done < duration:
            piece = min(piece, duration - done)
            whole = piece >= duration - done
            until = end if whole else _between(begin, end, (done + piece) / duration)
            middle = _between(begin, end, (done + piece / 2) / duration)
            saved = self.state.values.copy()
            moved, reached, last, error = self._try(first, until, middle, piece, temperature)
            if error > TOLERANCE and piece > _SHORTEST * duration:
                self.state.values[:] = saved
                piece /= 4
                continue
            done = duration if whole else done + piece
            charge += moved
            found, first, piece = reached, last, piece * 2
        return Passed(found, charge)

    def _try(
        self, first: Array, until: Drive, middle: Drive, piece: float, temperature: float
    ) -> tuple[Array, Solution, Array, float]:
        """Take a piece of time; returns charges, the end, and the error as a share."""
        bent, guess = 0.0, first
        if until is not middle:
            guess = self._solve(until)[1]
            bent = _largest(self._solve(middle)[1] - (first + guess) / 2)
        if bent > TOLERANCE * self._size:
            return np.zeros(self.shape), self._solve(until)[0], guess, bent / self._size
        saved = self.state.values.copy()
        charge, planned = self._advance(first, guess, piece, temperature), guess
        reached, last = self._solve(until)
        if _largest(last - guess) > _SAME * self._size:
            self.state.values[:] = saved
            guess = last
            charge = self._advance(first, guess, piece, temperature)
            reached, last = self._solve(until)
        error = max(_largest(last - guess), _largest(last - planned) / _SWING)
        return charge, reached, last, error / self._size

    def rest(self, duration: float, temperature: float = 300.0) -> Array:
        """Leave all devices at zero volts for a time, s; returns the charge through each, C."""
        into = self.model.advance(self.state, {}, duration, temperature, self.stream)
        charge: Array = into[0].reshape(self.shape)
        return charge

    def _advance(self, first: Array, last: Array, duration: float, temperature: float) -> Array:
        """Take every device through its own straight line of voltage; returns the charges, C."""
        if not (np.any(first) or np.any(last)):
            self.state.noise = self._noise
            charge = self.rest(duration, temperature)
            self.state.noise = None
            return charge
        top, charge = self.model.terminals[0], np.zeros(first.size)
        for cell, (begin, end) in enumerate(zip(first.flat, last.flat, strict=True)):
            one = self._alone(cell)
            level = float(begin) if begin == end else (float(begin), float(end))
            levels: Mapping[str, Level] = {top: level}
            moved = self.model.advance(one, levels, duration, temperature, self.stream)
            self.state.values[:, cell] = one.values[:, 0]
            charge[cell] = moved[0, 0]
        return charge.reshape(self.shape)

    def _alone(self, cell: int) -> State:
        """Return one device with its own numbers, so that it meets what it would meet alone."""
        alone: dict[int, State] = self.state.ready.setdefault("cells", {})
        one = alone.get(cell)
        if one is None:
            here = slice(cell, cell + 1)
            one = alone[cell] = State(
                self.state.names,
                self.state.values[:, here].copy(),
                self.state.parameters[:, here],
                self.state.first + cell,
            )
        one.values[:, 0] = self.state.values[:, cell]
        one.noise = self._noise
        return one


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values)))


def _between(begin: Drive, end: Drive, share: float) -> Drive:
    """Return the voltages on the way; `begin` itself where nothing moves."""
    if begin is end:
        return begin
    words, bits = (
        first + (last - first) * share
        for first, last in ((begin.words, end.words), (begin.bits, end.bits))
    )
    return Drive(words, bits, begin.gates)


class _Known:
    """What has been looked up of the devices as they are now."""

    def __init__(self) -> None:
        self.solutions: dict[Any, tuple[Solution, Array]] = {}
        self.last: Array | None = None  #: voltages over the cells, as shares of the largest
        self._tables: dict[float, Tabulated] = {}
        self._values: Array | None = None
        self._quiet = True

    def of(self, state: State) -> _Known:
        """Forget what was true of other devices."""
        quiet = state.noise is None
        same = self._values is not None and np.array_equal(self._values, state.values)
        if not same or quiet != self._quiet:
            self._values, self._quiet = state.values.copy(), quiet
            self.solutions, self._tables = {}, {}
        return self

    def start(self, edge: float) -> Array | None:
        """Return voltages to begin a solution with, whose largest is `edge`."""
        return None if self.last is None else self.last * edge

    def table(
        self, model: DeviceModel, state: State, shape: tuple[int, int], edge: float
    ) -> Tabulated:
        """Return the characteristics up to a voltage; tables of nearly equal size are one."""
        size = float(2.0 ** (np.ceil(_GRID * np.log2(edge) - 1e-9) / _GRID))
        if size not in self._tables:
            self._tables[size] = tabulate(model, state, shape, size)
        return self._tables[size]
