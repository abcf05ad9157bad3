"""Compiled: curves of decay, their slopes, and the least sum of squares at a place.

Everything is written into a `Room`, so that nothing is allocated while curves are searched. Sums
may be regrouped by the compiler (``reassoc``); nothing else of floating point is relaxed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "EXPONENTIALS", "Room", "bend", "dot", "evaluate", "factor", "fill", "make_room", "solve",
]  # fmt: skip

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

EXPONENTIALS, STRETCHED, POWER, LOGARITHM = 0, 1, 2, 3
NEAREST = 6755399441055744.0  # 1.5 * 2^52: adding and subtracting it rounds to a whole number


class Room(NamedTuple):
    """Storage for one curve."""

    columns: Array  #: (linear, points), weighted
    slopes: Array  #: (nonlinear, points), d(column)/d(theta) without its amplitude, weighted
    u: Array  #: (points,), of a stretched exponential
    residual: Array
    bits: Integers
    powers: Array  #: the same bytes as numbers
    ones: Array
    gram: Array  #: (linear, linear), then its Cholesky factor
    theta: Array
    c: Array


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def exponential(
    x: Array, scale: float, offset: float, factor: float, bits: Integers, powers: Array, w: Array,
    out: Array, slope: Array,
) -> None:  # fmt: skip
    """Write w exp(scale x + offset) and, as its slope, factor x times it.

    The exponential is 2^n times a polynomial in the rest, which the compiler makes a vector of.
    """
    for i in range(x.size):
        arg = min(max(x[i] * scale + offset, -700.0), 700.0)
        n = (arg * 1.4426950408889634 + NEAREST) - NEAREST
        r = (arg - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
        p = 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
        bits[i] = (np.int64(n) + 1023) << 52
    for i in range(x.size):
        value = out[i] * (powers[i] * w[i])
        out[i] = value
        slope[i] = factor * x[i] * value


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
def dot(a: Array, b: Array) -> float:
    """Return the sum of products."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit(cache=True, error_model="numpy")
def make_room(points: int, linear: int, nonlinear: int) -> Room:
    """Return storage for the points."""
    bits = np.zeros(points, np.int64)
    return Room(
        np.zeros((linear, points)),
        np.zeros((nonlinear, points)),
        np.zeros(points),
        np.zeros(points),
        bits,
        bits.view(np.float64),
        np.ones(points),
        np.zeros((linear, linear)),
        np.zeros(nonlinear),
        np.zeros(linear),
    )


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def fill(law: int, t: Array, x: Array, w: Array, room: Room) -> None:
    """Write the weighted columns and slopes at ``room.theta``."""
    if law == EXPONENTIALS:
        fill_exponentials(t, w, room)
    elif law == STRETCHED:
        fill_stretched(x, w, room)
    else:
        fill_power(law, x, w, room)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def fill_exponentials(t: Array, w: Array, room: Room) -> None:
    """Write exp(-t/tau), and its derivative by ln tau."""
    for k in range(room.theta.size):
        rate = math.exp(-room.theta[k])
        exponential(t, -rate, 0.0, rate, room.bits, room.powers, w, room.columns[k], room.slopes[k])


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def fill_power(law: int, x: Array, w: Array, room: Room) -> None:
    """Write (t/t0)^-nu and its derivative by nu, or the columns of a logarithm."""
    columns = room.columns
    if law == POWER:
        exponential(
            x, -room.theta[0], 0.0, -1.0, room.bits, room.powers, w, columns[0], room.slopes[0]
        )
        return
    for i in range(x.size):
        columns[0, i] = w[i]
        columns[1, i] = -x[i] * w[i]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def fill_stretched(x: Array, w: Array, room: Room) -> None:
    """Write exp(-u) with u = (t/tau)^beta, and its derivatives by ln tau and ln beta."""
    place, beta, u = room.theta[0], math.exp(room.theta[1]), room.u
    one, other = room.slopes[0], room.slopes[1]
    exponential(x, beta, -beta * place, 0.0, room.bits, room.powers, room.ones, u, other)
    exponential(u, -1.0, 0.0, beta, room.bits, room.powers, w, room.columns[0], one)
    for i in range(x.size):
        other[i] = (place - x[i]) * one[i]


@njit(cache=True, error_model="numpy", forceinline=True)
def factor(a: Array, n: int) -> bool:
    """Replace a symmetric matrix by its Cholesky factor; False where it is not positive."""
    for j in range(n):
        for i in range(j, n):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            if i == j:
                if not total > 1e-15 * a[j, j]:
                    return False
                a[j, j] = math.sqrt(total)
            else:
                a[i, j] = total / a[j, j]
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def solve(a: Array, n: int, b: Array) -> None:
    """Replace the right-hand side by the solution, given the Cholesky factor."""
    for i in range(n):
        for k in range(i):
            b[i] -= a[i, k] * b[k]
        b[i] /= a[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= a[k, i] * b[k]
        b[i] /= a[i, i]


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
def evaluate(law: int, t: Array, x: Array, w: Array, y: Array, room: Room) -> float:
    """Solve the linear problem at ``room.theta``; return the sum of squares, or infinity."""
    fill(law, t, x, w, room)
    columns, gram, c, residual = room.columns, room.gram, room.c, room.residual
    linear = c.size
    for a in range(linear):
        c[a] = dot(columns[a], y)
        for b in range(a + 1):
            gram[a, b] = dot(columns[a], columns[b])
    if not factor(gram, linear):
        return math.inf
    solve(gram, linear, c)
    for i in range(y.size):
        residual[i] = y[i]
    for a in range(linear):
        for i in range(y.size):
            residual[i] -= c[a] * columns[a, i]
    s = dot(residual, residual)
    return s if math.isfinite(s) else math.inf


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
def bend(law: int, t: Array, x: Array, room: Room, out: Array) -> None:
    """Write the second derivatives of the curve by theta, summed with the residual."""
    theta, c, slopes, residual = room.theta, room.c, room.slopes, room.residual
    out[:] = 0.0
    if law == EXPONENTIALS:
        for k in range(theta.size):
            rate, total = math.exp(-theta[k]), 0.0
            for i in range(t.size):
                total += residual[i] * slopes[k, i] * (t[i] * rate - 1.0)
            out[k, k] = c[k] * total
    elif law == POWER:
        total = 0.0
        for i in range(x.size):
            total -= residual[i] * slopes[0, i] * x[i]
        out[0, 0] = c[0] * total
    elif law == STRETCHED:
        beta, a, b, d = math.exp(theta[1]), 0.0, 0.0, 0.0
        for i in range(x.size):
            turn = 1.0 - room.u[i]
            both = beta * (x[i] - theta[0]) * turn + 1.0
            a -= beta * turn * residual[i] * slopes[0, i]
            b += both * residual[i] * slopes[0, i]
            d += both * residual[i] * slopes[1, i]
        out[0, 0], out[0, 1], out[1, 0], out[1, 1] = c[0] * a, c[0] * b, c[0] * b, c[0] * d
