"""Compiled: the least sum of squares of many curves of decay, one curve after another.

The same search as in `labctl.analysis.separable`, by the normal equations of the linear parameters
(of which there are four at most), with all storage made once for all curves. What the numbers mean
is said in `labctl.analysis.many`, which is the same calculation in plain numpy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis.kernels.decay_curves import (
    EXPONENTIALS,
    Room,
    bend,
    dot,
    evaluate,
    factor,
    fill,
    make_room,
    solve,
)

__all__ = ["errors", "minimise"]

Array = NDArray[np.float64]

MOST_STEPS, LARGEST_STEP = 80, 0.8
VISIBLE = 1e-13
SHORTEST, LONGEST = 0.05, 0.6  # shares to which a move that led uphill is shortened
MOST_DAMPING = 1e8


class Desk(NamedTuple):
    """Small storage for one search."""

    gradient: Array  #: by theta
    hessians: Array  #: by theta: Newton's and Kaufman's
    plain: Array  #: (nonlinear, linear)
    turned: Array
    downhill: Array  #: by phi
    bent: Array  #: Hessians by phi
    used: Array
    triangle: Array
    step: Array
    way: Array
    there: Array
    free: Array


@njit(cache=True, error_model="numpy")
def make_desk(linear: int, nonlinear: int, count: int) -> Desk:
    """Return storage for what is small."""
    return Desk(
        np.zeros(nonlinear),
        np.zeros((2, nonlinear, nonlinear)),
        np.zeros((nonlinear, linear)),
        np.zeros((nonlinear, linear)),
        np.zeros(count),
        np.zeros((2, count, count)),
        np.zeros((count, count)),
        np.zeros((count, count)),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
    )


@njit(cache=True, error_model="numpy", forceinline=True)
def eliminate(law: int, room: Room, desk: Desk) -> None:
    """Write D'E R^-1, without and with what bends, for slopes D and columns E with E'E = R'R."""
    c, plain, turned = room.c, desk.plain, desk.turned
    for p in range(room.theta.size):
        own = p if law == EXPONENTIALS else 0
        first = dot(room.slopes[p], room.residual)
        desk.gradient[p] = c[own] * first
        for a in range(c.size):
            plain[p, a] = c[own] * dot(room.slopes[p], room.columns[a])
            turned[p, a] = plain[p, a]
        turned[p, own] -= first
        for a in range(c.size):
            for k in range(a):
                plain[p, a] -= room.gram[a, k] * plain[p, k]
                turned[p, a] -= room.gram[a, k] * turned[p, k]
            plain[p, a] /= room.gram[a, a]
            turned[p, a] /= room.gram[a, a]


@njit(cache=True, error_model="numpy", forceinline=True)
def descend(law: int, t: Array, x: Array, room: Room, desk: Desk, turn: Array) -> None:
    """Write gradient and Hessians of half the sum of squares, linear parameters eliminated."""
    nonlinear, linear, c = room.theta.size, room.c.size, room.c
    newton, kaufman = desk.hessians[0], desk.hessians[1]
    eliminate(law, room, desk)
    bend(law, t, x, room, newton)
    for p in range(nonlinear):
        for q in range(p + 1):
            gram = c[p] * c[q] if law == EXPONENTIALS else c[0] * c[0]
            gram *= dot(room.slopes[p], room.slopes[q])
            newton[p, q] = gram - newton[p, q]
            kaufman[p, q] = gram
            for a in range(linear):
                newton[p, q] -= desk.turned[p, a] * desk.turned[q, a]
                kaufman[p, q] -= desk.plain[p, a] * desk.plain[q, a]
            newton[q, p], kaufman[q, p] = newton[p, q], kaufman[p, q]
    turn_all(turn, desk)


@njit(cache=True, error_model="numpy", forceinline=True)
def turn_all(turn: Array, desk: Desk) -> None:
    """Write gradient and Hessians by phi, given those by theta."""
    nonlinear, count = turn.shape
    for a in range(count):
        desk.downhill[a] = 0.0
        for p in range(nonlinear):
            desk.downhill[a] += turn[p, a] * desk.gradient[p]
        for b in range(count):
            for h in range(2):
                total = 0.0
                for p in range(nonlinear):
                    for q in range(nonlinear):
                        total += turn[p, a] * desk.hessians[h, p, q] * turn[q, b]
                desk.bent[h, a, b] = total


@njit(cache=True, error_model="numpy", forceinline=True)
def clip(phi: Array, low: Array, high: Array, gap: float) -> None:
    """Keep parameters inside their limits and, for a positive gap, in order and apart."""
    count = phi.size
    for k in range(count):
        phi[k] = min(max(phi[k], low[k]), high[k])
    if gap <= 0.0:
        return
    for k in range(count - 1):
        missing = gap - (phi[k + 1] - phi[k])
        if missing > 0:
            phi[k] -= missing / 2
            phi[k + 1] += missing / 2
    for k in range(count):
        if k:
            phi[k] = max(phi[k], phi[k - 1] + gap)
        phi[k] = min(max(phi[k], low[k]), high[k])


@njit(cache=True, error_model="numpy", forceinline=True)
def damped(desk: Desk, attempt: int, extra: float) -> bool:
    """Write one of the Hessians, damped, and its step; False where it is not positive."""
    count, used, bent = desk.step.size, desk.used, desk.bent
    for k in range(count):
        for i in range(count):
            used[k, i] = bent[attempt, k, i]
        used[k, k] += extra * bent[1, k, k] + 1e-300
        for i in range(count):
            desk.triangle[k, i] = used[k, i]
    if not factor(desk.triangle, count):
        return False
    for k in range(count):
        desk.step[k] = desk.downhill[k]
    solve(desk.triangle, count, desk.step)
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def newton_step(desk: Desk, damping: float) -> None:
    """Write the Hessian used and the step; Kaufman's where Newton's is not positive."""
    for attempt in range(2):
        if damped(desk, attempt, damping + 1e-9 * attempt):
            return
    used = desk.used
    used[:] = 0.0
    for k in range(desk.step.size):
        used[k, k] = abs(desk.bent[1, k, k]) + 1e-300
        desk.step[k] = desk.downhill[k] / used[k, k]


@njit(cache=True, error_model="numpy", forceinline=True)
def longest(direction: Array) -> float:
    """Return how many times a direction may be gone in one step."""
    most = 1e-300
    for k in range(direction.size):
        most = max(most, abs(direction[k]))
    return LARGEST_STEP / most


@njit(cache=True, error_model="numpy", forceinline=True)
def head(phi: Array, desk: Desk, direction: Array, share: float, limits: Array, gap: float) -> None:
    """Write where a share of a direction leads within the limits, and the way there."""
    for k in range(phi.size):
        desk.there[k] = phi[k] + direction[k] * share
    clip(desk.there, limits[0], limits[1], gap)
    for k in range(phi.size):
        desk.way[k] = desk.there[k] - phi[k]


@njit(cache=True, error_model="numpy", forceinline=True)
def move(phi: Array, desk: Desk, limits: Array, gap: float) -> float:
    """Write an allowed move; return the decrease of the sum of squares that it promises.

    Its length is the best along what the limits leave of the step or, where that leads uphill, of
    the steepest descent.
    """
    count, direction = phi.size, desk.step
    for _ in range(2):
        promise, length = 0.0, min(1.0, longest(direction))
        for stage in range(2):
            head(phi, desk, direction, length, limits, gap)
            if stage == 1:
                return promise
            descent, curve = 0.0, 0.0
            for k in range(count):
                descent += desk.way[k] * desk.downhill[k]
                for i in range(count):
                    curve += desk.way[k] * desk.used[k, i] * desk.way[i]
            if not descent > 0:
                break
            desk.free[:] = desk.way
            direction, most = desk.free, longest(desk.way)
            length = min(descent / curve, most) if curve > 0 else most
            promise = descent * length
        direction = desk.step
        slow(desk)
    desk.way[:] = 0.0
    desk.there[:] = phi
    return 0.0


@njit(cache=True, error_model="numpy", forceinline=True)
def slow(desk: Desk) -> None:
    """Replace the step by the steepest descent."""
    steep = 1e-300
    for k in range(desk.step.size):
        steep += desk.bent[1, k, k]
    for k in range(desk.step.size):
        desk.step[k] = desk.downhill[k] / steep


@njit(cache=True, error_model="numpy", forceinline=True)
def shorten(phi: Array, desk: Desk, s: float, trial: float) -> None:
    """Shorten a move that led uphill to where a parabola through both ends has its minimum."""
    descent = 0.0
    for k in range(phi.size):
        descent += desk.way[k] * desk.downhill[k]
    share = descent / (trial - s + 2 * descent)
    share = min(max(share, SHORTEST), LONGEST)
    for k in range(phi.size):
        desk.there[k] = phi[k] + share * desk.way[k]


@njit(cache=True, error_model="numpy", forceinline=True)
def place(turn: Array, shift: Array, phi: Array, theta: Array) -> None:
    """Write theta = turn phi + shift."""
    for p in range(theta.size):
        theta[p] = shift[p]
        for q in range(phi.size):
            theta[p] += turn[p, q] * phi[q]


@njit(cache=True, error_model="numpy")
def search(
    law: int, t: Array, x: Array, w: Array, y: Array, room: Room, desk: Desk, turn: Array,
    shift: Array, limits: Array, gap: float, phi: Array, tolerance: float, c: Array,
) -> float:  # fmt: skip
    """Move `phi` to a minimum, with `c` its linear parameters; return the sum of squares."""
    desk.there[:] = phi
    clip(desk.there, limits[0], limits[1], gap)
    s, damping, last, shortened = math.inf, 0.0, False, False
    for _ in range(2 * MOST_STEPS):
        place(turn, shift, desk.there, room.theta)
        trial = evaluate(law, t, x, w, y, room)
        if trial < s or (last and trial <= s * (1 + VISIBLE)):
            phi[:] = desk.there
            c[:] = room.c
            s, shortened = trial, False
            damping = damping / 10 if damping > 1e-3 else 0.0
            if not last and phi.size:
                descend(law, t, x, room, desk, turn)
        elif not (last or shortened or s == math.inf):
            shorten(phi, desk, s, trial)
            shortened = True
            continue
        else:
            damping, shortened = max(damping * 10, 1e-1), False
        if last or s == math.inf or phi.size == 0:
            return s
        newton_step(desk, damping)
        promise = move(phi, desk, limits, gap)
        last = promise <= max(tolerance, VISIBLE * s) or damping > MOST_DAMPING
    return s


@njit(cache=True, error_model="numpy")
def minimise(
    law: int, linear: int, t: Array, x: Array, w: Array, y: Array, flat: int, turn: Array,
    shift: Array, low: Array, high: Array, gap: float, phi: Array, tolerance: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Move each curve's `phi` to a minimum.

    Parameters
    ----------
    law, linear
        Code of the law, and number of linear parameters with the baseline.
    t, x, w
        Times, their logarithms and square roots of weights, shape (curves or 1, points).
    y
        Weighted data, shape (curves, points).
    flat
        1 where there is a baseline, whose column is the last; else 0.
    turn, shift
        theta = turn phi + shift, shapes (nonlinear, searched) and (curves, nonlinear).
    low, high, gap
        Limits of phi, shape (curves, searched), and least distance of neighbours.
    phi
        Starts, shape (curves, searched); replaced by the minima.
    tolerance
        A step that promises less ends the search, shape (curves,).

    Returns
    -------
    c, s
        Linear parameters, shape (curves, linear), and sums of squares.
    """
    curves, points = y.shape
    room = make_room(points, linear, turn.shape[0])
    desk = make_desk(linear, turn.shape[0], turn.shape[1])
    limits = np.empty((2, turn.shape[1]))
    c, s = np.zeros((curves, linear)), np.empty(curves)
    for j in range(curves):
        row = j if t.shape[0] > 1 else 0
        if flat and (j == 0 or t.shape[0] > 1):
            room.columns[linear - 1] = w[row]
        limits[0], limits[1] = low[j], high[j]
        s[j] = search(
            law, t[row], x[row], w[row], y[j], room, desk, turn, shift[j], limits, gap, phi[j],
            tolerance[j], c[j],
        )  # fmt: skip
    return c, s


@njit(cache=True, error_model="numpy", forceinline=True)
def invert(rows: Array, gram: Array, size: Array, unit: Array, out: Array) -> None:
    """Write the inverse of the matrix of the rows' products, if it has one."""
    total = len(rows)
    for a in range(total):
        size[a] = math.sqrt(dot(rows[a], rows[a]))
        for b in range(a + 1):
            gram[a, b] = dot(rows[a], rows[b]) / (size[a] * size[b])
    if not factor(gram, total):
        return
    for a in range(total):
        unit[:] = 0.0
        unit[a] = 1.0
        solve(gram, total, unit)
        for b in range(total):
            out[a, b] = unit[b] / (size[a] * size[b])


@njit(cache=True, error_model="numpy")
def errors(
    law: int, linear: int, t: Array, x: Array, w: Array, flat: int, theta: Array, c: Array
) -> Array:
    """Return each curve's covariance for unit weights, nonlinear parameters first; NaN if singular.

    Shape (curves, parameters, parameters).
    """
    curves, nonlinear = theta.shape
    points, total = w.shape[1], nonlinear + linear
    room = make_room(points, linear, nonlinear)
    rows, gram = np.empty((total, points)), np.empty((total, total))
    found = np.full((curves, total, total), np.nan)
    size, unit = np.empty(total), np.empty(total)
    for j in range(curves):
        row = j if t.shape[0] > 1 else 0
        if flat:
            room.columns[linear - 1] = w[row]
        room.theta[:] = theta[j]
        fill(law, t[row], x[row], w[row], room)
        for p in range(total):
            for i in range(points):
                if p < nonlinear:
                    rows[p, i] = room.slopes[p, i] * c[j, p if law == EXPONENTIALS else 0]
                else:
                    rows[p, i] = room.columns[p - nonlinear, i]
        invert(rows, gram, size, unit, found[j])
    return found
