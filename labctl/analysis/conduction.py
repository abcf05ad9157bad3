"""Conduction mechanisms: fits of current against voltage, by law, by range and by evidence.

Fits are made in the current itself, never in linearised coordinates, whose noise is distorted;
where currents span decades they are weighted by 1/I^2, so that every decade counts alike. A fit
that looks straight proves little (Schroeder, J. Appl. Phys. 2015, 117, 215103, on Poole-Frenkel):
the physical sense of the parameters is reported beside it by `labctl.analysis.conduction_sanity`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise, product
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.conduction_laws import LAWS, conduction_curve
from labctl.analysis.curves import Curve, evaluate
from labctl.analysis.film import Film
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import compete_curves, fit_curve, rough_fit
from labctl.analysis.sweeps import Sweep, sweep
from labctl.analysis.verdict import join
from labctl.errors import BadInput
from labctl.results import Column, Fit, Table

__all__ = [
    "DEFINITIONS_CONDUCTION", "Conduction", "Range", "Sweep", "compete_conduction",
    "conduction_by_range", "fit_conduction", "sweep",
]  # fmt: skip

Array = NDArray[np.float64]

_UNLIKE = 4.0  # a weight by the law and one by the neighbours differ at most so much
_LEAST_POINTS = 6  # in a range
_PLACES = 12  # where ranges may meet, at first

DEFINITIONS_CONDUCTION = (
    Definition(
        "conduction-mechanism-by-evidence",
        "the laws and the voltage at which they meet, of the lowest AICc",
        "Each range of voltage has a law of its own; the ranges are chosen among all divisions of "
        "the readings, and the voltage where they meet counts as a parameter. The curve need not "
        "be continuous there.",
        doi="10.1155/2014/578168",
        source="laws: Chiu, Adv. Mater. Sci. Eng. 2014, 578168; AICc: Hurvich and Tsai, Biometrika "
        "1989, 76, 297",
        code="labctl.analysis.conduction.conduction_by_range",
        quantity="conduction mechanism",
    ),
)


def fit_conduction(data: Sweep, law: str, film: Film | None = None) -> Fit:
    """Fit a law to a sweep.

    Parameters
    ----------
    data
        What `sweep` returned.
    law
        One of `labctl.analysis.conduction_laws.LAWS`.
    film
        What is known of the film; it decides which physical quantities are derived.

    Returns
    -------
    Fit
        Without stated uncertainties errors come from the scatter of the residuals.

    Raises
    ------
    BadInput
        The law is unknown, or the film impossible.
    """
    curve = conduction_curve(law, film, data.ref)
    if data.stated:
        return fit_curve(curve, data.v, data.i, data.sigma, remark=data.note)
    sigma = data.sigma
    if (
        len(sigma) and np.ptp(sigma) > 0
    ):  # weighted by 1/I^2: once more, by the current of the law itself
        first = fit_curve(curve, data.v, data.i, sigma, absolute=False, intervals=False)
        if first.values:
            fitted = np.abs(evaluate(curve, first, data.v))
            sigma = np.clip(fitted, sigma / _UNLIKE, sigma * _UNLIKE)
    found = fit_curve(curve, data.v, data.i, sigma, absolute=False, remark=data.note)
    return msgspec.structs.replace(found, chi2_reduced=None)


def compete_conduction(
    data: Sweep, laws: Sequence[str] = tuple(LAWS), film: Film | None = None
) -> Competition:
    """Fit several laws to a sweep and compare them.

    Raises
    ------
    BadInput
        A law is unknown, or the film impossible.
    """
    curves = {law: conduction_curve(law, film, data.ref) for law in laws}
    found = compete_curves(
        curves, data.v, data.i, data.sigma, absolute=data.stated, remark=data.note
    )
    if data.stated:
        return found
    fits = {
        name: msgspec.structs.replace(fit, chi2_reduced=None) for name, fit in found.fits.items()
    }
    if found.best:  # the weights of the law itself, with the AICc of the common ones
        better = fit_conduction(data, found.best, film)
        fits[found.best] = msgspec.structs.replace(better, aicc=fits[found.best].aicc)
    return msgspec.structs.replace(found, fits=fits)


class Range(msgspec.Struct, frozen=True):
    """One range of voltage and its law."""

    low: float  #: V
    high: float  #: V
    law: str
    competition: Competition  #: of all laws within the range


class Conduction(msgspec.Struct, frozen=True):
    """Mechanisms by range.

    Attributes
    ----------
    ranges
        In the order of the voltage; empty when nothing could be fitted.
    table
        The best division for each number of ranges, with its laws and its AICc above the lowest.
    note
        What was left out, and how the readings were weighted.
    """

    ranges: tuple[Range, ...]
    table: Table
    note: str


class _Division(NamedTuple):
    aicc: float
    cuts: tuple[int, ...]  #: index of the first reading of every range but the first
    laws: tuple[str, ...]


def conduction_by_range(
    data: Sweep,
    laws: Sequence[str] = ("ohmic", "trap_filled", "schottky", "tunnel_low", "fowler_nordheim"),
    film: Film | None = None,
    most: int = 2,
) -> Conduction:
    """Divide a sweep of one polarity into ranges, each with a law, by evidence.

    Parameters
    ----------
    data
        What `sweep` returned, of one polarity.
    laws
        Laws that may hold in a range. Laws of the same shape over a narrow range compete by their
        number of parameters only, so name those that are in question.
    film
        As for `fit_conduction`.
    most
        Largest number of ranges, up to 3.

    Raises
    ------
    BadInput
        A law is unknown, the film impossible, or the number of ranges not 1 to 3.
    """
    if most not in (1, 2, 3):
        raise BadInput(f"{most} ranges were asked for; allowed are 1, 2 or 3")
    curves = {law: conduction_curve(law, film, data.ref) for law in laws}
    total = len(data.v)
    if total < _LEAST_POINTS:
        note = join(data.note, f"{total} usable readings; a range needs at least {_LEAST_POINTS}")
        return Conduction((), _divisions_table([]), note)
    search = _Search(curves, data)
    best = [search.best(count) for count in range(1, most + 1)]
    found = [division for division in best if division is not None]
    if not found:
        return Conduction((), _divisions_table([]), join(data.note, "no law could be fitted"))
    chosen = min(found, key=lambda division: division.aicc)
    edges = (0, *chosen.cuts, total)
    ranges: list[Range] = []
    for first, last in pairwise(edges):
        part = _part(data, first, last)
        competition = compete_conduction(part, laws, film)
        law = chosen.laws[len(ranges)]
        ranges.append(Range(float(part.v[0]), float(part.v[-1]), law, competition))
    return Conduction(tuple(ranges), _divisions_table(found), data.note)


def _part(data: Sweep, first: int, last: int) -> Sweep:
    v = data.v[first:last]
    ref = float(np.exp(np.mean(np.log(np.abs(v)))))
    return data._replace(v=v, i=data.i[first:last], sigma=data.sigma[first:last], ref=ref)


class _Search:
    """Sums of squares of every law over every range, each found once."""

    def __init__(self, curves: dict[str, Curve], data: Sweep) -> None:
        self.curves, self.data = curves, data
        self.known: dict[tuple[int, int], dict[str, float]] = {}

    def squares(self, first: int, last: int) -> dict[str, float]:
        """Return the least sum of squares of each law over a range of readings."""
        key = (first, last)
        if key not in self.known:
            part = slice(first, last)
            v, i, sigma = self.data.v[part], self.data.i[part], self.data.sigma[part]
            self.known[key] = {
                law: rough_fit(curve, v, i, sigma)[1]
                if last - first > len(curve.parameters)
                else math.inf
                for law, curve in self.curves.items()
            }
        return self.known[key]

    def best(self, count: int) -> _Division | None:
        """Return the best division into so many ranges."""
        total = len(self.data.v)
        if total < count * _LEAST_POINTS:
            return None
        step = max(1, total // (_PLACES + 1))
        places = range(_LEAST_POINTS, total - _LEAST_POINTS + 1, step)
        coarse = self._best_of(list(combinations(places, count - 1)))
        if coarse is None or count == 1 or step == 1:
            return coarse
        near = [range(cut - step + 1, cut + step) for cut in coarse.cuts]
        return self._best_of(list(product(*near))) or coarse

    def _best_of(self, divisions: list[tuple[int, ...]]) -> _Division | None:
        best: _Division | None = None
        for cuts in divisions:
            edges = (0, *cuts, len(self.data.v))
            lengths = [b - a for a, b in pairwise(edges)]
            if min(lengths) < _LEAST_POINTS:
                continue
            found = self._laws(edges)
            if found is not None and (best is None or found.aicc < best.aicc):
                best = found
        return best

    def _laws(self, edges: tuple[int, ...]) -> _Division | None:
        """Return the best laws for given ranges."""
        parts = [self.squares(a, b) for a, b in pairwise(edges)]
        # among laws of as many parameters only the best of each range matters
        choices = []
        for part in parts:
            by_count: dict[int, tuple[float, str]] = {}
            for law, s in part.items():
                free = len(self.curves[law].parameters)
                if math.isfinite(s) and s < by_count.get(free, (math.inf, ""))[0]:
                    by_count[free] = (s, law)
            choices.append([(free, s, law) for free, (s, law) in by_count.items()])
        best: _Division | None = None
        for chosen in product(*choices):
            free = sum(one[0] for one in chosen) + len(chosen) - 1
            score = self._aicc(sum(one[1] for one in chosen), free)
            if best is None or score < best.aicc:
                best = _Division(score, edges[1:-1], tuple(one[2] for one in chosen))
        return best

    def _aicc(self, squares: float, free: int) -> float:
        points = len(self.data.v)
        free += 0 if self.data.stated else 1
        if points - free - 1 < 1:
            return math.inf
        least = 1e-30 * points
        deviance = squares if self.data.stated else points * math.log(max(squares, least) / points)
        return deviance + 2 * free + 2 * free * (free + 1) / (points - free - 1)


def _divisions_table(found: list[_Division]) -> Table:
    lowest = min((division.aicc for division in found), default=0.0)
    return Table(
        "division into ranges",
        (
            Column("ranges", "1", tuple(float(len(division.laws)) for division in found)),
            Column("laws", "", tuple(" | ".join(division.laws) for division in found)),
            Column("AICc above the lowest", "1", tuple(d.aicc - lowest for d in found)),
        ),
    )
