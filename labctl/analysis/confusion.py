"""Confusion: how often the law that made the data wins the competition, and how often it can.

Three shares are put beside each other for draws of every law:

fitted
    the law chosen by AICc after fitting all of them, as `labctl.analysis.competition.compete` does;
theory
    the same choice where every law's sum of squares is that of its tangent space at the curve that
    comes nearest to the truth, which is what statistics promises for small noise. An exponential
    more than the truth has gains what the best of all time constants finds in the noise;
known
    the same choice, with the same penalties, between curves that are known: the truth and the
    nearest curve of every other law. Nothing is fitted to noise here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.decay import curve
from labctl.analysis.decays import Decays, fit_decays
from labctl.analysis.foresight import tangents
from labctl.analysis.laws import LAWS
from labctl.analysis.minimum import akaike
from labctl.analysis.trials import Draw, as_fit, draw

__all__ = ["Confusion", "confuse"]

Array = NDArray[np.float64]

_POINTS = 200
_REPEATS = 20  # noises for the theory, for each draw
_TAUS = 40  # time constants among which a superfluous exponential finds its own
_SAME = 1e-3  # chi2 below which a curve is the truth itself
_RANK = 1e-9


@dataclass(frozen=True, slots=True)
class Confusion:
    """Shares of the law chosen (columns) for data of each law (rows)."""

    models: tuple[str, ...]
    draws: int
    fitted: Array
    theory: Array
    known: Array  #: of the true law, shape (models,)

    def markdown(self) -> str:
        """Return a table, in percent."""
        short = [name.removesuffix("_decay") for name in self.models]
        lines = [
            f"| data from | {' | '.join(short)} | theory | known |",
            f"|---|{'---|' * (len(short) + 2)}",
        ]
        for k, name in enumerate(short):
            cells = [
                f"**{x:.1f}**" if j == k else f"{x:.1f}" for j, x in enumerate(100 * self.fitted[k])
            ]
            ideal = f"{100 * self.theory[k, k]:.1f} | {100 * self.known[k]:.1f}"
            lines.append(f"| {name} | {' | '.join(cells)} | {ideal} |")
        return "\n".join(lines)


def confuse(models: Sequence[str], draws: int, rng: np.random.Generator) -> Confusion:
    """Let laws compete for data of each of them.

    Parameters
    ----------
    models
        Of `labctl.analysis.decay.MODELS`.
    draws
        Clear draws (`labctl.analysis.trials`) of each law.
    rng
        Source of chance.
    """
    size = len(models)
    fitted, theory, known = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    for row, model in enumerate(models):
        ones = _clear(model, draws, rng)
        chosen = _chosen(models, ones)
        for k in range(size):
            fitted[row, k] = np.mean(chosen == k)
        nearest = {name: _fits(name, [one.clean for one in ones], ones) for name in models}
        shares = [_ideal(models, row, one, k, nearest, rng) for k, one in enumerate(ones)]
        theory[row] = np.mean([share for share, _ in shares], axis=0)
        known[row] = np.mean([won for _, won in shares])
    return Confusion(tuple(models), draws, fitted, theory, known)


def _clear(model: str, count: int, rng: np.random.Generator) -> list[Draw]:
    found: list[Draw] = []
    while len(found) < count:
        one = draw(model, rng, points=_POINTS)
        if one.kind == "clear":
            found.append(one)
    return found


def _fits(model: str, data: list[Array], ones: list[Draw]) -> Decays:
    sigma = np.array([one.sigma[:1] for one in ones])
    return fit_decays(ones[0].t, np.array(data), sigma, model)


def _chosen(models: Sequence[str], ones: list[Draw]) -> NDArray[np.intp]:
    """Return which law has the lowest AICc, draw by draw."""
    scores = np.array([_fits(model, [one.y for one in ones], ones).aicc for model in models])
    best: NDArray[np.intp] = np.argmin(np.where(np.isfinite(scores), scores, np.inf), axis=0)
    return best


def _ideal(
    models: Sequence[str],
    truth: int,
    one: Draw,
    number: int,
    nearest: dict[str, Decays],
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Return the shares of choices in theory, and the share of the truth with known curves."""
    noise = rng.normal(size=(_POINTS, _REPEATS))
    scores, gaps = [], []
    for model in models:
        fit = nearest[model]
        values = dict(zip(fit.names, fit.values[number].tolist(), strict=True))
        miss = (one.clean - curve(as_fit(model, values), one.t)) / one.sigma
        same = float(miss @ miss) < _SAME
        if same:
            miss = np.zeros_like(miss)
        chi2 = _chi2(model, models[truth], one, values, miss[:, None] + noise, same)
        penalty = akaike(1.0, _POINTS, len(fit.names), True)
        assert penalty is not None
        scores.append(chi2 + penalty - 1.0)
        gaps.append(float(miss @ miss) + 2 * miss @ noise + penalty)
    choices = np.argmin(scores, axis=0)
    shares = np.array([np.mean(choices == k) for k in range(len(models))])
    return shares, float(np.mean(np.argmin(gaps, axis=0) == truth))


def _chi2(
    model: str, truth: str, one: Draw, values: dict[str, float], left: Array, same: bool
) -> Array:
    """Return the sums of squares that a law's tangent space leaves, one for each noise."""
    more = LAWS[model].exponentials - LAWS[truth].exponentials
    nested = same and LAWS[truth].exponentials > 0 and more > 0
    columns = tangents(
        truth if nested else model, one.t, one.sigma, one.values if nested else values
    )
    left = _beside(columns, left)
    square: Array = np.sum(left**2, axis=0)
    return square - _gain(columns, one, left, more) if nested else square


def _beside(columns: Array, left: Array) -> Array:
    """Return what columns cannot explain."""
    columns = columns / np.linalg.norm(columns, axis=0)
    basis, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis = basis[:, values > _RANK * values[0]]
    rest: Array = left - basis @ (basis.T @ left)
    return rest


def _gain(columns: Array, one: Draw, left: Array, more: int) -> Array:
    """Return how much the best of all further exponentials explain of noise."""
    taus = np.geomspace(one.t[0] / 30, 1000 * one.t[-1], _TAUS)
    extra = _beside(columns, np.exp(-one.t[:, None] / taus))
    sizes = np.linalg.norm(extra, axis=0)
    extra = extra[:, sizes > 1e-6] / sizes[sizes > 1e-6]
    best = np.zeros(left.shape[1])
    for chosen in itertools.combinations(range(extra.shape[1]), more):
        basis, _ = np.linalg.qr(extra[:, chosen])
        best = np.maximum(best, np.sum((basis.T @ left) ** 2, axis=0))
    return best
