"""Separable least squares: ``y = columns(theta) @ c`` with few nonlinear `theta` and linear `c`.

For each `theta` the best `c` is a linear problem and is solved inside, so the search runs over one
or two numbers only (variable projection: Golub and Pereyra, doi:10.1137/0710036; Kaufman,
doi:10.1007/BF01932995). Several curves may share nonlinear parameters, each with linear parameters
of its own: a `Problem` has a `Block` for each curve. `labctl.analysis.intervals` repeats the same
search with one parameter held.

Parameters are numbered ``theta`` first, then ``c`` block by block. All arrays are weighted already.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FLUCTUATION", "Block", "Hold", "Model", "Piece", "Point", "Problem", "Space", "Start",
    "best_of", "evaluate", "minimise", "one_curve",
]  # fmt: skip

Array = NDArray[np.float64]

#: variances by which a start may be worse than a minimum and still lead to a lower one
FLUCTUATION = 150.0

_MOST_STEPS = 60
_LARGEST_STEP = 1.5  # of a nonlinear parameter; these are logarithms or exponents
_VISIBLE = 1e-13  # share by which a sum of squares can change and not only be rounded otherwise
_FEASIBLE = 1e-9  # share of its size by which rounding may carry a linear parameter over its bound


class Family(Protocol):
    """A family of curves; all arrays carry the weights."""

    def columns(self, theta: Array) -> Array:
        """Return the basis functions, shape (points, linear parameters)."""

    def slopes(self, theta: Array, c: Array) -> Array:
        """Return d(columns @ c)/d(theta), shape (points, nonlinear parameters)."""

    def curvature(self, theta: Array, c: Array, residual: Array) -> tuple[Array, Array]:
        """Return the second derivatives of columns @ c, summed over the points with the residual.

        By theta twice, shape (nonlinear, nonlinear), and by theta and c, (nonlinear, linear).
        """


class Space(Protocol):
    """Where the search for the nonlinear parameters may go."""

    def clip(self, theta: Array, held: int | None) -> Array:
        """Return the nearest allowed `theta`; the one numbered `held` must not move."""

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return places from which a search is worth while, the most promising first."""

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the search limits, not the data, decide this parameter at `theta`."""

    def limit(self, parameter: int, side: int) -> float:
        """Return how far the profile of a parameter is followed; `side` is -1 or 1."""


class Model(Family, Space, Protocol):
    """A family of curves that knows its own limits: what a fit of one curve needs."""


class Hold(NamedTuple):
    """A parameter that is kept at a value."""

    parameter: int
    value: float


class Start(NamedTuple):
    """A place from which to search, and the sum of squares there, up to rounding."""

    theta: Array
    s: float


@dataclass(frozen=True, slots=True)
class Block:
    """One curve: its family, its data, and how its parameters follow from those of the problem."""

    family: Family
    y: Array  #: weighted
    count: int  #: linear parameters
    turn: Array | None = None  #: its theta = turn @ theta of the problem + shift; None: the same
    shift: Array | float = 0.0
    lower: Array | None = None  #: least values of the linear parameters
    upper: Array | None = None

    def theta(self, theta: Array) -> Array:
        """Return the curve's own nonlinear parameters."""
        return theta if self.turn is None else self.turn @ theta + self.shift


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be minimised over the nonlinear parameters that all blocks share."""

    space: Space
    blocks: tuple[Block, ...]

    @property
    def y(self) -> Array:
        """All weighted data."""
        parts = [block.y for block in self.blocks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def limit(self, parameter: int, nonlinear: int, side: int) -> float:
        """Return how far a profile may go: to the end of the search or to the parameter's bound."""
        farthest = self.space.limit(parameter, side)
        at = parameter - nonlinear
        for block in self.blocks:
            bounds = block.lower if side < 0 else block.upper
            if 0 <= at < block.count and bounds is not None:
                bound = float(bounds[at])
                return max(farthest, bound) if side < 0 else min(farthest, bound)
            at -= block.count
        return farthest


def one_curve(
    model: Model, y: Array, count: int, lower: Array | None = None, upper: Array | None = None
) -> Problem:
    """Return the problem of a single curve with `count` linear parameters."""
    return Problem(model, (Block(model, y, count, None, 0.0, lower, upper),))


class Piece(NamedTuple):
    """The linear problem of one block, solved."""

    theta: Array  #: the block's own
    c: Array
    residual: Array
    basis: Array  #: orthonormal basis of the free columns
    triangle: Array  #: free columns = basis @ triangle
    free: list[int]  #: columns whose parameter is neither held nor at its bound
    s: float


class Point(NamedTuple):
    """A place in parameter space with its best linear parameters."""

    theta: Array
    pieces: tuple[Piece, ...]
    s: float  #: weighted sum of squared residuals

    @property
    def c(self) -> Array:
        """The linear parameters of all blocks."""
        if len(self.pieces) == 1:
            return self.pieces[0].c
        return np.concatenate([piece.c for piece in self.pieces])


def evaluate(problem: Problem, theta: Array, hold: Hold | None = None) -> Point:
    """Solve the linear problems at `theta`.

    Parameters
    ----------
    problem
        Curves and data.
    theta
        Nonlinear parameters.
    hold
        A linear parameter that keeps its value; a nonlinear one is taken from `theta`.
    """
    at = -1 if hold is None else hold.parameter - len(theta)
    pieces = []
    for block in problem.blocks:
        kept = {at: hold.value} if hold is not None and 0 <= at < block.count else {}
        pieces.append(_solve(block, block.theta(theta), kept))
        at -= block.count
    s = sum(piece.s for piece in pieces)
    return Point(theta, tuple(pieces), s if math.isfinite(s) else math.inf)


def _solve(block: Block, theta: Array, kept: dict[int, float]) -> Piece:
    """Solve one linear problem, within the bounds of its parameters."""
    columns = block.family.columns(theta)
    piece = _least_squares(block, theta, columns, kept)
    if block.lower is None or block.upper is None or _inside(block, piece):
        return piece
    found = (_least_squares(block, theta, columns, at) for at in _corners(block, kept))
    return min((one for one in found if _inside(block, one)), key=lambda one: one.s)


def _corners(block: Block, kept: dict[int, float]) -> Iterator[dict[int, float]]:
    """Yield every choice of linear parameters that sit at one of their bounds."""
    assert block.lower is not None
    assert block.upper is not None
    choices = [
        (kept[k],) if k in kept else (None, *(x for x in ends if math.isfinite(x)))
        for k, ends in enumerate(zip(block.lower.tolist(), block.upper.tolist(), strict=True))
    ]
    for chosen in itertools.product(*choices):
        yield {k: value for k, value in enumerate(chosen) if value is not None}


def _inside(block: Block, piece: Piece) -> bool:
    slack = _FEASIBLE * np.abs(piece.c[piece.free])
    lower, upper = np.asarray(block.lower)[piece.free], np.asarray(block.upper)[piece.free]
    return bool(
        np.all((piece.c[piece.free] >= lower - slack) & (piece.c[piece.free] <= upper + slack))
    )


def _least_squares(block: Block, theta: Array, columns: Array, kept: dict[int, float]) -> Piece:
    """Solve for the linear parameters that are not kept."""
    free, target = columns, block.y
    ours = [k for k in range(columns.shape[1]) if k not in kept]
    for k, value in kept.items():
        target = target - value * columns[:, k]
    if kept:
        free = columns[:, ours]
    basis, triangle = np.linalg.qr(free)
    projected = basis.T @ target
    solved = np.linalg.solve(triangle, projected)
    residual = target - basis @ projected
    if kept:
        c = np.empty(columns.shape[1])
        c[ours], c[list(kept)] = solved, list(kept.values())
    else:
        c = solved
    return Piece(theta, c, residual, basis, triangle, ours, float(residual @ residual))


def minimise(problem: Problem, theta: Array, hold: Hold | None, tolerance: float) -> Point:
    """Search the least sum of squares from a start by damped Newton steps.

    Parameters
    ----------
    problem
        Curves and data.
    theta
        Start.
    hold
        A parameter that keeps its value.
    tolerance
        Stop when a step promises to lower the sum of squares by less than this.

    Raises
    ------
    numpy.linalg.LinAlgError
        The columns are not independent at the start.
    """
    held = hold.parameter if hold is not None and hold.parameter < len(theta) else None
    theta = np.array(theta, dtype=float)
    if hold is not None and held is not None:
        theta[held] = hold.value
    here = evaluate(problem, problem.space.clip(theta, held), hold)
    damping = 0.0
    for _ in range(_MOST_STEPS if len(theta) > (held is not None) else 0):
        slope = _slope(problem, here, held)
        move, promise = _move(problem.space, here, slope, held, damping)
        if promise <= max(tolerance, _VISIBLE * here.s) or damping > 1e8:
            return _polished(problem, here, move) if hold is None else here
        trial = _attempt(problem, here.theta + move, hold)
        if trial is not None and trial.s < here.s:
            here, damping = trial, damping / 10 if damping > 1e-3 else 0.0
        else:
            damping = max(damping * 10, 1e-2)
    return here


def _attempt(problem: Problem, theta: Array, hold: Hold | None) -> Point | None:
    """Return a place, or None where its columns are not independent."""
    try:
        return evaluate(problem, theta, hold)
    except np.linalg.LinAlgError:
        return None


def _polished(problem: Problem, here: Point, move: Array) -> Point:
    """Take the last step too: it gains digits of the parameters, if none of the sum of squares."""
    trial = _attempt(problem, here.theta + move, None)
    return trial if trial is not None and trial.s <= here.s * (1 + _VISIBLE) else here


class _Slope(NamedTuple):
    """Local shape of half the sum of squares over the free nonlinear parameters."""

    free: list[int]
    gradient: Array  #: downhill
    newton: Array  #: the Hessian, which may be indefinite
    kaufman: Array  #: the Hessian for vanishing residuals, which is not


def _slope(problem: Problem, here: Point, held: int | None) -> _Slope:
    """Return gradient and Hessian after the linear parameters are eliminated."""
    local = [_bend(block, piece) for block, piece in zip(problem.blocks, here.pieces, strict=True)]
    gradient, newton, kaufman = (
        local[0]
        if len(local) == 1
        else (
            np.sum([part[0] for part in local], axis=0),
            np.sum([part[1] for part in local], axis=0),
            np.sum([part[2] for part in local], axis=0),
        )
    )
    free = [k for k in range(len(here.theta)) if k != held]
    if held is not None:
        inside = np.ix_(free, free)
        gradient, newton, kaufman = gradient[free], newton[inside], kaufman[inside]
    return _Slope(free, gradient, newton, kaufman)


def _bend(block: Block, piece: Piece) -> tuple[Array, Array, Array]:
    """Return one block's downhill direction and Hessians, in the problem's parameters.

    With D the slopes, Q R the free columns and r the residual: downhill is D'r, the Hessian
    D'D - r.f'' - M M' with M = D'Q - (r.columns') R^-1. Kaufman's leaves out both residual terms.
    """
    slopes = block.family.slopes(piece.theta, piece.c)
    bend, cross = block.family.curvature(piece.theta, piece.c, piece.residual)
    if len(piece.free) < block.count:
        cross = cross[:, piece.free]
    along = slopes.T @ piece.basis
    gram = slopes.T @ slopes
    turned = along - np.linalg.solve(piece.triangle.T, cross.T).T
    newton, kaufman = gram - bend - turned @ turned.T, gram - along @ along.T
    gradient = slopes.T @ piece.residual
    if block.turn is None:
        return gradient, newton, kaufman
    turn = block.turn
    return turn.T @ gradient, turn.T @ newton @ turn, turn.T @ kaufman @ turn


def _move(
    space: Space, here: Point, slope: _Slope, held: int | None, damping: float
) -> tuple[Array, float]:
    """Return an allowed move and the decrease of the sum of squares that it promises.

    The length is Newton's along what the limits leave of the step (all of it: 1), or along what
    they leave of the steepest descent.
    """
    hessian, step = _newton_step(slope, damping)
    steepest = slope.gradient / (float(np.trace(slope.kaufman)) + 1e-300)
    for direction in (step, steepest):
        whole = np.zeros(len(here.theta))
        whole[slope.free] = direction * min(1.0, _longest(direction))
        allowed = space.clip(here.theta + whole, held) - here.theta
        along = allowed[slope.free]
        descent, bend = float(along @ slope.gradient), float(along @ hessian @ along)
        if descent <= 0:
            continue
        length = min(descent / bend, _longest(along)) if bend > 0 else _longest(along)
        return space.clip(here.theta + allowed * length, held) - here.theta, descent * length
    return np.zeros(len(here.theta)), 0.0


def _longest(direction: Array) -> float:
    """Return how many times a direction may be gone in one step."""
    return _LARGEST_STEP / (float(np.max(np.abs(direction))) + 1e-300)


def _newton_step(slope: _Slope, damping: float) -> tuple[Array, Array]:
    """Return the Hessian used and the step; Kaufman's where Newton's is not positive."""
    size = np.diag(slope.kaufman)
    for hessian, least in ((slope.newton, 0.0), (slope.kaufman, 1e-9)):
        damped = hessian + np.diag((damping + least) * size + 1e-300)
        try:
            np.linalg.cholesky(damped)
            return damped, np.asarray(np.linalg.solve(damped, slope.gradient), float)
        except np.linalg.LinAlgError:
            continue
    return np.diag(size + 1e-300), slope.gradient / (size + 1e-300)


def best_of(problem: Problem, tolerance: float) -> Point:
    """Return the lowest of the minima reached from the starts of the problem's space.

    A start that is worse than the minimum found before by more than a fluctuation is left out: data
    that determine the parameters are searched once, and data with many minima of noise several
    times.
    """
    y = problem.y
    first, *others = problem.space.starts(y, None)
    best = minimise(problem, first.theta, None, tolerance)
    for start in others:
        if start.s - best.s < FLUCTUATION * best.s / len(y):
            best = min(best, minimise(problem, start.theta, None, tolerance), key=lambda p: p.s)
    return best
