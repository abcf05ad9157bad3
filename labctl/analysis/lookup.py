"""Look-up tables of the change by one pulse against the conductance, as CrossSim takes them.

A table gives the quantiles of dG at each of a row of equally spaced conductances, one table for
each direction, both over the same conductances and the same quantiles. No law is fitted: the table
holds what the device did, scatter and all. After Agarwal et al., doi:10.1109/IJCNN.2016.7727298.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.cards import Card
from labctl.errors import BadInput

__all__ = ["crosssim_card", "steps_of"]

Array = NDArray[np.float64]

_NEAREST = 20  # steps that make up the quantiles at a conductance, where the bin holds fewer
_FEWEST = 10  # steps of a branch
_NAMES = {"potentiation": "dG_increasing", "depression": "dG_decreasing"}


def steps_of(
    g: ArrayLike, pulse: ArrayLike, branch: ArrayLike, cycle: ArrayLike
) -> dict[str, tuple[Array, Array]]:
    """Return conductance before, and change by, each pulse, for each branch.

    Parameters
    ----------
    g, pulse, branch, cycle
        Conductance after each pulse, S, number of the pulse in its branch, name of the branch and
        number of the cycle. Steps over a missing or not finite reading are left out.

    Raises
    ------
    BadInput
        Columns of different length.
    """
    values = np.ravel(np.asarray(g, float))
    columns = [np.ravel(np.asarray(part)) for part in (pulse, branch, cycle)]
    if any(len(column) != len(values) for column in columns):
        lengths = [len(values), *(len(column) for column in columns)]
        raise BadInput(f"the columns have {lengths} entries; their numbers must be equal")
    numbers, branches, cycles = columns
    found = {}
    for name in np.unique(branches):
        before, change = [], []
        for k in np.unique(cycles[branches == name]):
            at = np.flatnonzero((branches == name) & (cycles == k))
            at = at[np.argsort(numbers[at], kind="stable")]
            follows = np.diff(numbers[at]) == 1
            before.append(values[at[:-1]][follows])
            change.append(np.diff(values[at])[follows])
        start, step = np.concatenate(before), np.concatenate(change)
        good = np.isfinite(start) & np.isfinite(step)
        found[str(name)] = start[good], step[good]
    return found


def crosssim_card(
    g: ArrayLike,
    pulse: ArrayLike,
    branch: ArrayLike,
    cycle: ArrayLike,
    *,
    bins: int = 50,
    quantiles: int = 51,
) -> Card:
    """Return CrossSim's two look-up tables.

    Parameters
    ----------
    g, pulse, branch, cycle
        As for `steps_of`; the branches are ``potentiation`` and ``depression``.
    bins
        Conductances of the table, equally spaced over the range that both branches reach.
    quantiles
        Values of the cumulative distribution, equally spaced from 0 to 1.

    Returns
    -------
    Card
        Its content has the tables as numbers, ``G`` (S), ``CDF``, ``dG_increasing`` and
        ``dG_decreasing`` (S; a row for each quantile, a column for each conductance), and
        ``files``, the text of each file.

    Raises
    ------
    BadInput
        A branch is missing or has too few steps, or the branches do not overlap.
    """
    if bins < 2 or quantiles < 2:
        raise BadInput(f"{bins} bins and {quantiles} quantiles were asked for; give two or more")
    steps = steps_of(g, pulse, branch, cycle)
    short = [name for name in _NAMES if name not in steps or len(steps[name][0]) < _FEWEST]
    if short:
        raise BadInput(
            f"a look-up table needs {_FEWEST} steps of either branch; too few of {', '.join(short)}"
        )
    low = max(float(np.min(steps[name][0])) for name in _NAMES)
    high = min(float(np.max(steps[name][0])) for name in _NAMES)
    if not low < high:
        raise BadInput("potentiation and depression do not overlap; no table covers both")
    at, share = np.linspace(low, high, bins), np.linspace(0, 1, quantiles)
    content: dict[str, object] = {"G": at.tolist(), "CDF": share.tolist()}
    files = {}
    for name, table in _NAMES.items():
        rows = _quantiles(*steps[name], at, share)
        content[table] = rows.tolist()
        files[f"{table}.txt"] = _file(table, at, share, rows)
    content["files"] = files
    return Card("crosssim", "DG_LOOKUP", content, "\n".join(files.values()), _said(steps, at))


def _quantiles(before: Array, change: Array, at: Array, share: Array) -> Array:
    """Return the quantiles of the changes near each conductance, shape (quantiles, bins).

    The slope of the changes with the conductance is taken out first: it is no scatter.
    """
    half = (at[1] - at[0]) / 2
    columns = []
    for g in at:
        far = np.abs(before - g)
        near = far <= half
        if np.sum(near) < _NEAREST:
            near = far <= np.sort(far)[min(_NEAREST, len(far)) - 1]
        x = (before[near] - g) / half
        x = x - np.mean(x)
        slope = float(x @ change[near]) / max(float(x @ x), 1e-300)
        level = change[near] - slope * x
        # the line at g itself, with the scatter around it
        columns.append(np.quantile(level + slope * (0 - np.mean((before[near] - g) / half)), share))
    return np.array(columns).T


def _file(name: str, at: Array, share: Array, rows: Array) -> str:
    lines = [f"{name}: conductances in S; values of the CDF; changes in S, a row for each CDF"]
    lines += [",".join(f"{x:.9g}" for x in row) for row in (at, share, *rows)]
    return "\n".join(lines) + "\n"


def _said(steps: dict[str, tuple[Array, Array]], at: Array) -> tuple[str, ...]:
    half = (at[1] - at[0]) / 2
    notes = []
    for name in _NAMES:
        counts = np.array([np.sum(np.abs(steps[name][0] - g) <= half) for g in at])
        thin = int(np.sum(counts < _NEAREST))
        if thin:
            notes.append(
                f"{name}: {thin} of {len(at)} bins hold fewer than {_NEAREST} steps and borrow "
                "from their neighbours"
            )
    return tuple(notes)
