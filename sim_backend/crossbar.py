"""A crossbar with resistive wires: the voltages and currents of every cell.

Word line i runs along row i and is driven at its first column; bit line j runs down column j and
ends, after its last row, in a driver or a sense amplifier. Every segment of wire, also the one to
the driver, has a resistance; drivers add their own; a line without a driver floats. At each
crossing a cell joins the two lines.

With the bit-line voltages known, every word line is a tridiagonal system of its own, and the other
way round, which is what line Gauss-Seidel iterates. Here the word lines are eliminated exactly and
what remains for the bit lines (the Schur complement, symmetric and positive definite) is solved by
conjugate gradients with the bit lines alone as preconditioner: the work of one Gauss-Seidel sweep
in each iteration, but about the square root of their number (Saad, Iterative Methods for Sparse
Linear Systems, 2003, 9.2, doi:10.1137/1.9780898718003). Cells whose current is not proportional to
their voltage are linearised where they are (Newton) until Kirchhoff's law holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from labctl.kernels import kernels
from sim_backend.lines import Lines, factorise

__all__ = [
    "PERFECT", "Cells", "Drive", "Ohmic", "Solution", "Wires", "read_matrix", "scheme", "shares",
    "solve",
]  # fmt: skip

Array = NDArray[np.float64]

_KERNELS = "sim_backend.devices.kernels.lines"
_WORTH = 200  # cells for which compiled code is loaded
_MOST_ITERATIONS = 10_000
_MOST_NEWTON = 100
_IDEAL = 1e-9  # Ohm; a wire without resistance is solved as this, far below what can be measured
#: schemes of voltages for unselected lines, as shares of the selected word line's voltage
_SCHEMES = {"V/2": (0.5, 0.5), "V/3": (1 / 3, 2 / 3), "grounded": (0.0, 0.0)}


class Wires(NamedTuple):
    """Resistances outside the cells, Ohm."""

    word: float = 0.0  #: of a segment of a word line
    bit: float = 0.0  #: of a segment of a bit line
    driver: float = 0.0  #: inside the driver of a word line
    sense: float = 0.0  #: inside the driver or the sense amplifier of a bit line


PERFECT = Wires()


@dataclass(frozen=True, slots=True)
class Drive:
    """The voltages at the ends of the lines, V; not a number where a line floats."""

    words: Array  #: shape (rows,)
    bits: Array  #: shape (columns,)
    gates: NDArray[np.bool_] | None = None  #: rows whose transistors conduct; all when not given

    @property
    def levels(self) -> Array:
        """Voltages of all lines, those that float at zero; shape (rows + columns,)."""
        levels: Array = np.nan_to_num(np.concatenate([self.words, self.bits]))
        return levels


class Cells(Protocol):
    """What stands at the crossings: the current from word to bit line and its slope."""

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return I (A) and dI/dV (S) at the voltages given; all shape (rows, columns)."""


@dataclass(frozen=True, slots=True)
class Ohmic:
    """Cells whose current is proportional to their voltage."""

    g: Array  #: S, shape (rows, columns)

    def conductance(self, v: Array) -> tuple[Array, Array]:
        """Return G V and G."""
        return self.g * v, self.g


@dataclass(frozen=True, slots=True)
class Solution:
    """A crossbar at rest under its voltages."""

    v: Array  #: voltage across every cell, V, shape (rows, columns)
    i: Array  #: current through every cell, from word to bit line, A
    word_nodes: Array  #: voltage of the word line at every cell, V
    bit_nodes: Array  #: voltage of the bit line at every cell, V
    words: Array  #: current out of every word line's driver, A, shape (rows,)
    bits: Array  #: current into every bit line's end, A, shape (columns,)
    iterations: int  #: of conjugate gradients, over all Newton steps
    error: float  #: largest change of a node's voltage that one more sweep would make, V

    @property
    def power(self) -> float:
        """Power that the cells turn into heat, W."""
        return float(np.sum(self.v * self.i))


def shares(name: str) -> tuple[float, float]:
    """Return what unselected word and bit lines get, as shares of the selected word line's voltage.

    Not a number for lines that float.

    Raises
    ------
    BadInput
        The scheme is unknown.
    """
    if name not in (*_SCHEMES, "floating"):
        raise BadInput(
            f'the scheme "{name}" was asked for; there are {", ".join((*_SCHEMES, "floating"))}'
        )
    return _SCHEMES.get(name, (np.nan, np.nan))


def scheme(name: str, voltage: float, row: int, column: int, shape: tuple[int, int]) -> Drive:
    """Return the voltages that select one cell.

    Parameters
    ----------
    name
        ``"V/2"``, ``"V/3"``, ``"grounded"`` or ``"floating"``: what unselected lines get.
    voltage
        Across the selected cell, V.
    row, column
        Of the selected cell, from 0.
    shape
        Rows and columns.

    Raises
    ------
    BadInput
        The scheme is unknown, or the cell is not in the array.
    """
    word, bit = shares(name)
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise BadInput(
            f"the cell {row}, {column} was selected; the array has {shape[0]} rows and "
            f"{shape[1]} columns, counted from 0"
        )
    words, bits = np.full(shape[0], word * voltage), np.full(shape[1], bit * voltage)
    words[row], bits[column] = voltage, 0.0
    return Drive(words, bits, np.arange(shape[0]) == row)


def solve(
    cells: Cells | ArrayLike,
    drive: Drive,
    wires: Wires = PERFECT,
    tolerance: float = 1e-13,
    start: Array | None = None,
) -> Solution:
    """Return the voltages and currents of every cell.

    Parameters
    ----------
    cells
        An array of conductances in S, shape (rows, columns), or cells of any law.
    drive
        The voltages at the ends of the lines.
    wires
        Resistances of segments and drivers.
    tolerance
        Where to stop: error of the voltages as a share of the largest voltage.
    start
        Voltages across cells that are not ohmic, to begin with; shape (rows, columns).

    Raises
    ------
    BadInput
        The shapes do not fit, a resistance is negative, or every line floats.
    ArithmeticError
        No solution was found: a cell's current falls with its voltage.
    """
    law = cast("Cells", cells) if hasattr(cells, "conductance") else Ohmic(np.asarray(cells, float))
    network = _Network(drive, wires)
    v = network.guess() if start is None else np.asarray(start, float)
    network.check(law, v)
    iterations, linear = 0, isinstance(law, Ohmic)
    for _ in range(_MOST_NEWTON):
        i, g = law.conductance(v)
        system = network.system(g, i - g * v)
        found, count = system.solve(tolerance * network.size)
        iterations += count
        step = float(np.max(np.abs(found.v - v)))
        v = found.v
        if linear or step <= 10 * tolerance * network.size:
            i, _ = law.conductance(v)
            error = network.system(g, i - g * v, system).error(found)
            words, bits = np.sum(i, axis=1), np.sum(i, axis=0)
            return Solution(v, i, *found, words, bits, iterations, error)
    raise ArithmeticError("the crossbar has no stable solution: a cell's current is not monotonic")


class _Nodes(NamedTuple):
    """Voltages of the lines, (rows, columns)."""

    word: Array
    bit: Array

    @property
    def v(self) -> Array:
        return self.word - self.bit


class _Network:
    """Wires and drivers of a crossbar, ready for any cells."""

    def __init__(self, drive: Drive, wires: Wires) -> None:
        if min(wires) < 0:
            raise BadInput(f"resistances of {wires} Ohm were given; they cannot be negative")
        self.words, self.bits = np.asarray(drive.words, float), np.asarray(drive.bits, float)
        driven = np.isfinite(np.concatenate([self.words, self.bits]))
        if not np.any(driven):
            raise BadInput("every line of the crossbar floats; drive at least one")
        word, bit = (max(r, _IDEAL) for r in (wires.word, wires.bit))
        self.wire_word, self.wire_bit = 1 / word, 1 / bit
        self.from_word = np.where(np.isfinite(self.words), 1 / (word + wires.driver), 0.0)
        self.from_bit = np.where(np.isfinite(self.bits), 1 / (bit + wires.sense), 0.0)
        self.v_word, self.v_bit = np.nan_to_num(self.words), np.nan_to_num(self.bits)
        self.size = float(np.max(np.abs(np.concatenate([self.v_word, self.v_bit])))) or 1.0

    def check(self, cells: Cells, v: Array) -> None:
        """Refuse cells that do not fit the lines.

        Raises
        ------
        BadInput
            Their number is another one.
        """
        shape = (len(self.words), len(self.bits))
        given = cells.g.shape if isinstance(cells, Ohmic) else v.shape
        if given != shape:
            raise BadInput(
                f"{' x '.join(map(str, given))} cells were given for {shape[0]} word and "
                f"{shape[1]} bit lines"
            )

    def guess(self) -> Array:
        """Return the voltages of ideal wires; a floating line is put in the middle."""
        words = np.where(np.isfinite(self.words), self.v_word, np.mean(self.v_bit))
        bits = np.where(np.isfinite(self.bits), self.v_bit, np.mean(self.v_word))
        guess: Array = words[:, None] - bits
        return guess

    def system(self, g: Array, offset: Array, like: _System | None = None) -> _System:
        """Return the equations with cells I = g V + offset.

        Those of another offset, `like`, have the same factors.
        """
        into_words, into_bits = -offset, offset.copy()
        into_words[:, 0] += self.from_word * self.v_word
        into_bits[-1] += self.from_bit * self.v_bit
        if like is not None:
            return _System(g, like.words, like.bits, into_words, into_bits)
        words = factorise(self.wire_word, (self.from_word, np.zeros(len(g))), g.T)
        bits = factorise(self.wire_bit, (np.zeros(g.shape[1]), self.from_bit), g)
        return _System(g, words, bits, into_words, into_bits)


class _System(NamedTuple):
    """Linear equations of a crossbar; all arrays (rows, columns)."""

    g: Array
    words: Lines
    bits: Lines
    into_words: Array
    into_bits: Array

    def solve(self, tolerance: float) -> tuple[_Nodes, int]:
        """Return the nodes, to a tolerance in V, and the number of iterations.

        Raises
        ------
        ArithmeticError
            The iterations did not settle.
        """
        fast = kernels(_KERNELS) if self.g.size >= _WORTH else None
        if fast is None:
            bit, count = _gradients(self, tolerance)
        else:
            pivots = np.ascontiguousarray(self.words.pivot.T), self.bits.pivot
            bit, count = fast.gradients(
                np.ascontiguousarray(self.g), (self.words.wire, self.bits.wire), pivots,
                self.into_words, self.into_bits, tolerance, _MOST_ITERATIONS,
            )  # fmt: skip
        if count == _MOST_ITERATIONS:
            raise ArithmeticError(
                "the crossbar did not settle: a line floats or a cell is negative"
            )
        return _Nodes(self.word_nodes(bit), bit), count

    def word_nodes(self, bit: Array) -> Array:
        """Return the word lines under these bit lines."""
        nodes: Array = self.words.solve((self.into_words + self.g * bit).T).T
        return nodes

    def error(self, nodes: _Nodes) -> float:
        """Return the largest change that one more sweep would make, V."""
        bit = self.bits.solve(self.into_bits + self.g * nodes.word)
        changes = np.abs(self.word_nodes(nodes.bit) - nodes.word), np.abs(bit - nodes.bit)
        return max(float(np.max(change)) for change in changes)


def _gradients(system: _System, tolerance: float) -> tuple[Array, int]:
    """Solve for the bit nodes by preconditioned conjugate gradients.

    With A the word lines, B the bit lines and G the cells, (B - G A^-1 G) b = f; the product of the
    matrix with p is B p - G A^-1 G p, and B p comes for free from the preconditioner's recurrence.
    """
    g, words, bits = system.g, system.words, system.bits
    residual = system.into_bits + g * words.solve(system.into_words.T).T  # of b = 0
    b = np.zeros_like(residual)
    z = bits.solve(residual)
    p, bp = z.copy(), residual.copy()
    now = _dot(residual, z)
    if now <= 0:  # every line is at zero
        return b, 0
    for count in range(1, _MOST_ITERATIONS):
        ap = bp - g * words.solve((g * p).T).T
        step = now / _dot(p, ap)
        b += step * p
        residual -= step * ap
        if float(np.max(np.abs(step * p))) <= tolerance:
            return b, count
        z = bits.solve(residual)
        before, now = now, _dot(residual, z)
        if now <= 0:
            return b, count
        p, bp = z + now / before * p, residual + now / before * bp
    return b, _MOST_ITERATIONS


def _dot(a: Array, b: Array) -> float:
    """Return the sum of products (BLAS would start threads for so little)."""
    return float(np.sum(a * b))


def read_matrix(
    conductances: ArrayLike, wires: Wires = PERFECT, rows: Sequence[int] | None = None
) -> Array:
    """Return the bit-line currents for one volt on each word line: (rows, columns), A/V.

    A crossbar of ohmic cells is linear, so these are kept factors: the currents for any vector of
    word-line voltages are ``voltages @ read_matrix(...)``, also for a million of them.

    Parameters
    ----------
    conductances
        Of the cells, S, shape (rows, columns). Bit lines end at zero volts.
    wires
        Resistances of segments and drivers.
    rows
        Word lines that are wanted; all when not given.
    """
    g = np.asarray(conductances, float)
    chosen = range(len(g)) if rows is None else rows
    matrix = np.empty((len(chosen), g.shape[1]))
    for place, row in enumerate(chosen):
        words = np.zeros(len(g))
        words[row] = 1.0
        matrix[place] = solve(g, Drive(words, np.zeros(g.shape[1])), wires).bits
    return matrix
