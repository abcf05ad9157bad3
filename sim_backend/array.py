"""An array of devices in a crossbar: read through its wires, written through its wires.

Every cell sees its own voltage, also those that were not selected: what half of the write voltage
does to them is what their model does at that voltage. While a write changes conductances the
voltages move with them; time is cut so that they are straight lines to within `TOLERANCE`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim_backend.crossbar import PERFECT, Cells, Drive, Solution, Wires, solve
from sim_backend.crossings import Access, tabulate
from sim_backend.devices.model import DeviceModel, State, Stream

__all__ = ["TOLERANCE", "DeviceArray"]

Array = NDArray[np.float64]

#: how far a cell's voltage may stray from a straight line in a piece of a write, as a share of the
#: largest
TOLERANCE = 2e-3
_SHORTEST = 1e-6  # of a write's duration


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
        Fixes the spread between devices and, while writing, the cycle-to-cycle variation.
    spread
        Whether the devices differ.
    access
        A selector or a transistor in front of every device (`sim_backend.crossings`).
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
    ) -> None:
        self.model, self.shape, self.wires = model, shape, wires
        self.stream = Stream(0) if stream is None else stream
        self.state = model.fresh(shape[0] * shape[1], self.stream, spread=spread)
        self._access = access

    @property
    def conductances(self) -> Array:
        """Conductance of every device at zero volts, S, shape (rows, columns)."""
        return self.model.conductance(self.state).reshape(self.shape)

    def read(self, drive: Drive) -> Solution:
        """Return voltages and currents; the devices are not changed."""
        return self._solve(drive, None)[0]

    def _solve(self, drive: Drive, start: Array | None) -> tuple[Solution, Array]:
        """Return the solution and the voltage over every device."""
        levels = np.nan_to_num(np.concatenate([drive.words, drive.bits]))
        edge = float(np.ptp(np.append(levels, 0.0))) or 1.0
        devices: Cells = tabulate(self.model, self.state, self.shape, edge)
        if self._access is None:
            found = solve(devices, drive, self.wires, start=start)
            return found, found.v
        series = self._access(devices, drive)
        found = solve(series, drive, self.wires, start=start)
        return found, series.share(found.v)

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
        found, first = self._solve(drive, None)
        done, piece = 0.0, duration
        while done < duration:
            piece = min(piece, duration - done)
            saved = self.state.values.copy()
            self._advance(first, first, piece, temperature)
            _, wanted = self._solve(drive, found.v)
            self.state.values[:] = saved
            self._advance(first, wanted, piece, temperature)
            reached, last = self._solve(drive, found.v)
            error = float(np.max(np.abs(last - wanted))) / (float(np.max(np.abs(first))) or 1.0)
            if error > TOLERANCE and piece > _SHORTEST * duration:
                self.state.values[:] = saved
                piece /= 4
                continue
            done += piece
            found, first, piece = reached, last, piece * 2
        return found

    def rest(self, duration: float, temperature: float = 300.0) -> None:
        """Leave all devices at zero volts for a time, s."""
        self.model.advance(self.state, {}, duration, temperature, self.stream)

    def _advance(self, first: Array, last: Array, duration: float, temperature: float) -> None:
        """Take every device through its own straight line of voltage."""
        top = self.model.terminals[0]
        for cell, (begin, end) in enumerate(zip(first.flat, last.flat, strict=True)):
            one = self._alone(cell)
            level = float(begin) if begin == end else (float(begin), float(end))
            self.model.advance(one, {top: level}, duration, temperature, self.stream)
            self.state.values[:, cell] = one.values[:, 0]

    def _alone(self, cell: int) -> State:
        """Return one device with its own numbers, so that it meets what it would meet alone."""
        here = slice(cell, cell + 1)
        return State(
            self.state.names,
            self.state.values[:, here].copy(),
            self.state.parameters[:, here],
            self.state.first + cell,
            self.state.noise,
        )
