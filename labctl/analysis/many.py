"""The least sum of squares of many curves of decay at once, in plain numpy.

The same search as in `labctl.analysis.separable`, over all curves of a batch side by side, by the
normal equations of the linear parameters (of which there are four at most). The compiled twin is
`labctl.analysis.kernels.decays`; the same tests hold both.

A law is known by a code. Its columns, all but a baseline's, depend on theta, and each theta moves
one column: the k-th that of the k-th exponential, every other the only one there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXPONENTIALS", "LOGARITHM", "POWER", "STRETCHED", "errors", "minimise", "raw_columns"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EXPONENTIALS, STRETCHED, POWER, LOGARITHM = 0, 1, 2, 3
_MOST_STEPS, _LARGEST_STEP = 80, 0.8
_VISIBLE = 1e-13
_SHORTEST, _LONGEST = 0.05, 0.6  # shares to which a move that led uphill is shortened
_MOST_DAMPING = 1e8
_RIDGE = 1e-14
_CHUNK = 128  # curves at a time: what they need stays in the processor's cache


def raw_columns(law: int, t: Array, x: Array, theta: Array) -> tuple[Array, Array, Array]:
    """Return columns and slopes without weights, and what the second derivatives need.

    Parameters
    ----------
    law
        Its code.
    t, x
        Times and their logarithms, shape (curves or 1, points).
    theta
        Nonlinear parameters, shape (curves, nonlinear).

    Returns
    -------
    columns, slopes
        Shape (curves, columns, points) and (curves, nonlinear, points).
    turn
        Shape (curves, products, points): for an exponential t/tau - 1, for a power law -ln(t/t0),
        for a stretched exponential -beta (1 - u) and z (1 - u) + 1 with u = exp(z) = (t/tau)^beta.
    """
    if law == EXPONENTIALS:
        scaled = t[:, None, :] * np.exp(-theta)[:, :, None]
        decays = np.exp(-scaled)
        return decays, scaled * decays, scaled - 1
    if law == STRETCHED:
        beta = np.exp(theta[:, 1:])
        z = np.minimum(beta * (x - theta[:, :1]), 700.0)
        u = np.exp(z)
        f = np.exp(-u)
        slopes = np.stack((beta * u * f, -z * u * f), axis=1)
        return f[:, None], slopes, np.stack((-beta * (1 - u), z * (1 - u) + 1), axis=1)
    if law == POWER:
        f = np.exp(np.clip(-theta * x, -700.0, 700.0))[:, None]
        return f, -x[:, None] * f, np.broadcast_to(-x[:, None], f.shape)
    both = np.stack((np.ones_like(x), -x), axis=1)
    columns = np.broadcast_to(both, (len(theta), *both.shape[1:]))
    return columns, np.empty((len(theta), 0, x.shape[1])), np.empty((len(theta), 0, x.shape[1]))


@dataclass(slots=True)
class _State:
    """Every curve at its place."""

    theta: Array
    columns: Array  #: (curves, linear, points), weighted
    slopes: Array  #: (curves, nonlinear, points), weighted, without the amplitude
    turn: Array
    inverse: Array  #: of the normal matrix, (curves, linear, linear)
    c: Array
    residual: Array
    s: Array

    def put(self, other: _State, where: Mask) -> None:
        """Take over what another state is at some curves."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            mine[where] = theirs[where]

    def enter(self, other: _State, where: Mask) -> None:
        """Take over another state, which is of these curves only."""
        for name in self.__slots__:
            getattr(self, name)[where] = getattr(other, name)

    def take(self, where: Mask) -> _State:
        """Return some of the curves."""
        return _State(*(getattr(self, name)[where] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Task:
    """Data and limits of some curves."""

    law: int
    flat: int
    t: Array
    x: Array
    w: Array
    y: Array
    turn: Array
    shift: Array
    low: Array
    high: Array
    gap: float
    tolerance: Array

    def rows(self, where: Mask | slice) -> _Task:
        """Return the task of some curves."""
        t, x, w = (a if len(a) == 1 else a[where] for a in (self.t, self.x, self.w))
        return _Task(
            self.law, self.flat, t, x, w, self.y[where], self.turn, self.shift[where],
            self.low[where], self.high[where], self.gap, self.tolerance[where],
        )  # fmt: skip


def _evaluate(task: _Task, phi: Array) -> _State:
    """Solve the linear problems."""
    theta = task.shift + phi @ task.turn.T
    columns, slopes, turn = raw_columns(task.law, task.t, task.x, theta)
    w = task.w[:, None, :]
    columns, slopes = columns * w, slopes * w
    if task.flat:
        tail = np.broadcast_to(w, (len(theta), 1, w.shape[2]))
        columns = np.concatenate((columns, tail), axis=1)
    inverse = _inverses(columns @ columns.swapaxes(1, 2))
    c = (inverse @ (columns @ task.y[:, :, None]))[:, :, 0]
    residual = task.y - (c[:, None, :] @ columns)[:, 0]
    s = np.sum(residual**2, axis=1)
    s = np.where(np.isfinite(s), s, np.inf)
    return _State(theta, columns, slopes, np.array(turn), inverse, c, residual, s)


def _inverses(gram: Array) -> Array:
    """Return the inverses of normal matrices; columns the same to rounding are kept apart."""
    size = np.sqrt(np.einsum("nii->ni", gram)) + 1e-300
    both = size[:, :, None] * size[:, None, :]
    scaled = np.where(np.isfinite(gram), gram / both, 0.0) + _RIDGE * np.eye(gram.shape[1])
    inverse: Array = np.linalg.inv(scaled) / both
    return inverse


def _amplitudes(law: int, state: _State) -> Array:
    nonlinear = state.theta.shape[1]
    return state.c[:, :nonlinear] if law == EXPONENTIALS else state.c[:, :1]


def _bend(law: int, state: _State) -> tuple[Array, Array]:
    """Return the second derivatives, by theta twice and by theta and c, with the residual."""
    curves, nonlinear = state.theta.shape
    first = state.slopes @ state.residual[:, :, None]
    cross = np.zeros((curves, nonlinear, state.c.shape[1]))
    own = np.arange(nonlinear) if law == EXPONENTIALS else np.zeros(nonlinear, int)
    cross[:, np.arange(nonlinear), own] = first[:, :, 0]
    bend = np.zeros((curves, nonlinear, nonlinear))
    sums = np.einsum("nkp,nqp,np->nkq", state.turn, state.slopes, state.residual)
    if law == STRETCHED:
        bend[:, 0, 0], bend[:, 1, 1] = sums[:, 0, 0], sums[:, 1, 1]
        bend[:, 0, 1] = bend[:, 1, 0] = sums[:, 1, 0]
    else:
        for k in range(nonlinear):
            bend[:, k, k] = sums[:, k, k]
    return bend * _amplitudes(law, state)[:, :, None], cross


def _descend(task: _Task, state: _State) -> tuple[Array, Array, Array]:
    """Return gradient and Hessians of half the sum of squares by phi (see `separable._bend`)."""
    bend, cross = _bend(task.law, state)
    amplitude = _amplitudes(task.law, state)[:, :, None]
    slopes = amplitude * state.slopes
    along = slopes @ state.columns.swapaxes(1, 2)
    gram = slopes @ slopes.swapaxes(1, 2)
    gradient = (slopes @ state.residual[:, :, None])[:, :, 0]
    less = along - cross
    newton = gram - bend - less @ state.inverse @ less.swapaxes(1, 2)
    kaufman = gram - along @ state.inverse @ along.swapaxes(1, 2)
    turn = task.turn
    return gradient @ turn, turn.T @ newton @ turn, turn.T @ kaufman @ turn


def _clip(phi: Array, low: Array, high: Array, gap: float) -> Array:
    """Keep parameters inside their limits and, for a positive gap, in order and apart."""
    phi = np.clip(phi, low, high)
    if gap <= 0:
        return phi
    for k in range(phi.shape[1] - 1):
        missing = np.maximum(gap - (phi[:, k + 1] - phi[:, k]), 0.0) / 2
        phi[:, k] -= missing
        phi[:, k + 1] += missing
    for k in range(phi.shape[1]):
        if k:
            phi[:, k] = np.maximum(phi[:, k], phi[:, k - 1] + gap)
        phi[:, k] = np.clip(phi[:, k], low[:, k], high[:, k])
    return phi


def _longest(direction: Array) -> Array:
    """Return how many times each direction may be gone in one step."""
    size = np.max(np.abs(direction), axis=1) + 1e-300
    return np.asarray(_LARGEST_STEP / size, float)


def _steps(gradient: Array, newton: Array, kaufman: Array, damping: Array) -> tuple[Array, Array]:
    """Return the Hessians used and the steps; Kaufman's where Newton's is not positive."""
    count = gradient.shape[1]
    size = np.einsum("nii->ni", kaufman)
    corner = np.arange(count)
    used, careful = newton.copy(), kaufman.copy()
    used[:, corner, corner] += damping[:, None] * size + 1e-300
    careful[:, corner, corner] += (damping[:, None] + 1e-9) * size + 1e-300
    used = np.asarray(np.where(_positive(used)[:, None, None], used, careful), float)
    plain = np.zeros_like(used)
    plain[:, corner, corner] = np.abs(size) + 1e-300
    used = np.asarray(np.where(_positive(used)[:, None, None], used, plain), float)
    steps = np.asarray(np.linalg.solve(used, gradient[:, :, None])[:, :, 0], float)
    return used, steps


def _positive(matrix: Array) -> Mask:
    """Tell which matrices are positive definite, and finite."""
    finite = np.all(np.isfinite(matrix), axis=(1, 2))
    safe = np.where(finite[:, None, None], matrix, 0.0)
    size = np.sqrt(np.abs(np.einsum("nii->ni", safe))) + 1e-300
    values = np.linalg.eigvalsh(safe / (size[:, :, None] * size[:, None, :]))
    positive: Mask = finite & (values[:, 0] > 1e-15)
    return positive


def _moves(
    task: _Task, phi: Array, gradient: Array, used: Array, step: Array, steep: Array
) -> tuple[Array, Array]:
    """Return allowed moves and the decrease of the sums of squares that they promise."""
    found, promise = np.zeros_like(phi), np.zeros(len(phi))
    for direction in (step, gradient / (steep + 1e-300)[:, None]):
        whole = direction * np.minimum(1.0, _longest(direction))[:, None]
        along = _clip(phi + whole, task.low, task.high, task.gap) - phi
        descent = np.einsum("ni,ni->n", along, gradient)
        curve = np.einsum("ni,nij,nj->n", along, used, along)
        most = _longest(along)
        newton = np.where(curve > 0, descent / np.where(curve > 0, curve, 1.0), np.inf)
        length = np.minimum(newton, most)
        there = _clip(phi + along * length[:, None], task.low, task.high, task.gap) - phi
        use = (promise <= 0) & (descent > 0)
        found[use], promise[use] = there[use], (descent * length)[use]
    return found, promise


def _shares(way: Array, gradient: Array, s: Array, trial: Array) -> Array:
    """Return how much of a move that led uphill a parabola through both ends leaves."""
    descent = np.einsum("ni,ni->n", way, gradient)
    shares: Array = np.clip(descent / (trial - s + 2 * descent), _SHORTEST, _LONGEST)
    return np.where(np.isfinite(shares), shares, _SHORTEST)


def _search(task: _Task, phi: Array) -> tuple[Array, Array, Array]:
    """Return minima, linear parameters and sums of squares of one chunk."""
    phi = _clip(phi.copy(), task.low, task.high, task.gap)
    state = _evaluate(task, phi)
    c, s = state.c.copy(), state.s.copy()
    if not phi.shape[1]:
        return phi, c, s
    result, active = phi.copy(), np.isfinite(s)
    inside, here, at = task.rows(active), state.take(active), phi[active]
    weight = np.zeros(len(at))
    for _ in range(_MOST_STEPS):
        if not len(at):
            break
        gradient, newton, kaufman = _descend(inside, here)
        used, step = _steps(gradient, newton, kaufman, weight)
        steep = np.einsum("nii->n", kaufman)
        way, promise = _moves(inside, at, gradient, used, step, steep)
        last = (promise <= np.maximum(inside.tolerance, _VISIBLE * here.s)) | (
            weight > _MOST_DAMPING
        )
        trial = _evaluate(inside, at + way)
        uphill = ~((trial.s < here.s) | last)
        if np.any(uphill):
            way[uphill] *= _shares(way, gradient, here.s, trial.s)[uphill, None]
            again = _evaluate(inside.rows(uphill), (at + way)[uphill])
            trial.enter(again, uphill)
        better = (trial.s < here.s) | (last & (trial.s <= here.s * (1 + _VISIBLE)))
        at = np.where(better[:, None], at + way, at)
        here.put(trial, better)
        weight = np.where(
            better, np.where(weight > 1e-3, weight / 10, 0.0), np.maximum(weight * 10, 1e-1)
        )
        where = np.flatnonzero(active)
        result[where], c[where], s[where] = at, here.c, here.s
        active[where[last]] = False
        inside, here, at, weight = inside.rows(~last), here.take(~last), at[~last], weight[~last]
    return result, c, s


def minimise(
    law: int,
    linear: int,
    t: Array,
    x: Array,
    w: Array,
    y: Array,
    flat: int,
    turn: Array,
    shift: Array,
    low: Array,
    high: Array,
    gap: float,
    phi: Array,
    tolerance: Array,
) -> tuple[Array, Array]:
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
    task = _Task(law, flat, t, x, w, y, turn, shift, low, high, gap, tolerance)
    c, s = np.empty((len(y), linear)), np.empty(len(y))
    with np.errstate(all="ignore"):
        for chunk in _chunks(len(y)):
            phi[chunk], c[chunk], s[chunk] = _search(task.rows(chunk), phi[chunk])
    return c, s


def _chunks(count: int) -> Iterator[slice]:
    return (slice(begin, begin + _CHUNK) for begin in range(0, count, _CHUNK))


def errors(
    law: int, linear: int, t: Array, x: Array, w: Array, flat: int, theta: Array, c: Array
) -> Array:
    """Return each curve's covariance for unit weights, nonlinear parameters first; NaN if singular.

    Shape (curves, parameters, parameters).
    """
    total = theta.shape[1] + linear
    found = np.empty((len(theta), total, total))
    with np.errstate(all="ignore"):
        for chunk in _chunks(len(theta)):
            rows = [a if len(a) == 1 else a[chunk] for a in (t, x, w)]
            found[chunk] = _errors(law, rows, flat, theta[chunk], c[chunk])
    return found


def _errors(law: int, rows: list[Array], flat: int, theta: Array, c: Array) -> Array:
    t, x, w = rows
    columns, slopes, _ = raw_columns(law, t, x, theta)
    nonlinear = theta.shape[1]
    amplitude = c[:, :nonlinear] if law == EXPONENTIALS else c[:, :1]
    parts = [slopes * amplitude[:, :, None], columns]
    if flat:
        parts.append(np.ones((len(theta), 1, w.shape[1])))
    jacobian = np.concatenate(parts, axis=1) * w[:, None, :]
    gram = jacobian @ jacobian.swapaxes(1, 2)
    size = np.sqrt(np.einsum("nii->ni", gram))
    both = size[:, :, None] * size[:, None, :]
    scaled = gram / both
    regular = _positive(scaled)
    scaled[~regular] = np.eye(gram.shape[1])
    inverse: Array = np.linalg.inv(scaled) / both
    inverse[~regular] = np.nan
    return inverse
