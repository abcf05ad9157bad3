"""Where curves are evaluated: at every point, or, for long records, at a few nodes in their place.

Least squares sees a curve only through its weighted values. Over a short stretch of time every law
of decay is a polynomial to nine digits, so a stretch with many points can be replaced by the values
at eight nodes and an 8 x 8 matrix, with the same sum of squares for every such curve. A record of
1e5 points becomes a few hundred rows, and what is fitted is not binned data but the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "Condensed", "condense"]

Array = NDArray[np.float64]

_LONG = 2000  # points from which condensing pays
_NODES = 8
# A stretch is this much longer at its end than at its begin, counted from the first point. The
# decay that changes fastest there without having vanished is misrepresented by less than 1e-9 of
# its size at the first point.
_STRETCH = 1.25
_RANK = 1e-13  # least eigenvalue that means a direction in which there are data, as a share


@dataclass(frozen=True, slots=True)
class Axis:
    """Times at which a curve is needed, and how its values become weighted rows."""

    t: Array  #: times of single points, then of the nodes, `_NODES` for each stretch
    w: Array  #: square roots of the weights of the single points
    blocks: Array | None = None  #: shape (stretches, nodes, nodes)

    def weigh(self, columns: Array) -> Array:
        """Return the rows of curves given at `t`, shape (times, curves)."""
        if self.blocks is None:
            return columns * self.w[:, None]
        single = len(self.w)
        nodes = columns[single:].reshape(len(self.blocks), _NODES, columns.shape[1])
        rows = (self.blocks @ nodes).reshape(-1, columns.shape[1])
        return np.concatenate((columns[:single] * self.w[:, None], rows))


@dataclass(frozen=True, slots=True)
class Condensed:
    """Weighted data on an axis."""

    axis: Axis
    y: Array  #: weighted rows
    lost: float  #: sum of squares that no curve can lower


def condense(t: Array, y: Array, w: Array) -> Condensed:
    """Return weighted data in as few rows as describe every decay to rounding of the data.

    Parameters
    ----------
    t
        Times in rising order.
    y, w
        Values and square roots of their weights.

    Returns
    -------
    Condensed
        Below 2000 points the data as they are.
    """
    if len(t) < _LONG:
        return Condensed(Axis(t, w), y * w, 0.0)
    edges = _edges(t)
    sizes = np.diff(edges)
    many = sizes > 2 * _NODES
    if not np.any(many):
        return Condensed(Axis(t, w), y * w, 0.0)
    nodes, blocks, rows, lost = _stretches(t, y, w, edges[:-1][many], edges[1:][many])
    single = np.repeat(~many, sizes)
    axis = Axis(np.concatenate((t[single], nodes.ravel())), w[single], blocks)
    return Condensed(axis, np.concatenate(((y * w)[single], rows.ravel())), lost)


def _edges(t: Array) -> NDArray[np.intp]:
    """Return where stretches begin, and the end of the last."""
    passed = t - t[0]
    first = int(np.searchsorted(passed, 0.0, side="right"))
    if first == len(t):
        return np.array([0, len(t)])
    count = int(np.ceil(np.log(passed[-1] / passed[first]) / np.log(_STRETCH))) + 1
    ends = passed[first] * _STRETCH ** np.arange(count + 1)
    places = np.searchsorted(passed, ends[np.isfinite(ends)], side="left")
    return np.unique(np.concatenate(([0], places, [len(t)])))


def _stretches(
    t: Array, y: Array, w: Array, begins: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[Array, Array, Array, float]:
    """Return nodes, matrices, rows and what is lost, for stretches of many points.

    With V the weighted Chebyshev polynomials at the points and V_n those at the nodes, the curve
    f is V V_n^-1 f there, and its sum of squares only needs V'V = U L U' and V'y.
    """
    at = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    centre, half = (t[ends - 1] + t[begins]) / 2, (t[ends - 1] - t[begins]) / 2
    unit = np.where(half > 0, half, 1.0)
    gram = np.empty((len(begins), _NODES + 1, _NODES + 1))
    for k, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        inside = slice(begin, end)
        table = np.empty((_NODES + 1, end - begin))
        _chebyshev((t[inside] - centre[k]) / unit[k], table[:_NODES])
        table[_NODES] = y[inside]
        table *= w[inside]
        gram[k] = table @ table.T
    values, vectors = np.linalg.eigh(gram[:, :_NODES, :_NODES])
    alive = values > _RANK * values[:, -1:]
    roots = np.sqrt(np.where(alive, values, 1.0))
    turned = np.swapaxes(vectors, 1, 2)
    rows = np.where(alive, (turned @ gram[:, :_NODES, _NODES:])[..., 0] / roots, 0.0)
    inverse = np.linalg.inv(_chebyshev(at, np.empty((_NODES, _NODES))).T)
    blocks = (np.where(alive, roots, 0.0)[:, :, None] * turned) @ inverse
    lost = np.sum(gram[:, _NODES, _NODES] - np.sum(rows**2, axis=1))
    return centre[:, None] + half[:, None] * at, blocks, rows, max(float(lost), 0.0)


def _chebyshev(x: Array, out: Array) -> Array:
    """Fill in the Chebyshev polynomials at `x`, one a row."""
    out[0], out[1] = 1.0, x
    for k in range(2, len(out)):
        np.multiply(2 * x, out[k - 1], out=out[k])
        out[k] -= out[k - 2]
    return out
