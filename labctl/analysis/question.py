"""What is asked of a fit of decay: the law, its baseline, its bounds, and what the data weigh."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import separable
from labctl.analysis.axis import Axis, Condensed, condense
from labctl.analysis.laws import Bounds, Law, find_law
from labctl.analysis.minimum import ROUNDING, Quantity, Stakes
from labctl.analysis.sample import Sample, reach
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["SLOWLY", "Baseline", "Question", "ask", "check_baseline", "linear", "residuals"]

Array = NDArray[np.float64]
Baseline = Literal["none", "free"] | float

#: end of the definition of a fit whose errors allow for slow noise
SLOWLY = ", with slow noise (interval-with-slow-noise)"


def check_baseline(baseline: Baseline) -> None:
    """Refuse what is no baseline.

    Raises
    ------
    BadInput
        It is neither ``"none"`` nor ``"free"`` nor a finite number.
    """
    known = baseline in ("none", "free") if isinstance(baseline, str) else math.isfinite(baseline)
    if not known:
        raise BadInput(f'the baseline {baseline!r} is not allowed: "none", "free" or a number')


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the fit of one curve."""

    law: Law
    baseline: Baseline
    unit_t: str = "s"
    unit_y: str = "1"
    weighted: bool = False
    absolute: bool = True
    t0: float = 1.0
    bounds: tuple[tuple[str, float, float], ...] = ()
    robust: bool = False

    @property
    def free(self) -> bool:
        """Whether a baseline is fitted."""
        return self.law.has_baseline(self.baseline == "free")

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, nonlinear ones first."""
        return self.law.names(self.baseline == "free")

    @property
    def level(self) -> float:
        """What is subtracted from the data."""
        return 0.0 if isinstance(self.baseline, str) else self.baseline

    @property
    def stated(self) -> bool:
        """Whether uncertainties are known."""
        return self.weighted and self.absolute and not self.robust

    @property
    def fixed(self) -> dict[str, float]:
        """Constants of the formula that are not fitted."""
        level = {} if isinstance(self.baseline, str) else {"baseline": self.baseline}
        return {**level, **({"t0": self.t0} if self.law.counts_from_t0 else {})}

    def refuse(self, sample: Sample) -> str:
        """Say why the data cannot be fitted, or nothing."""
        needed, name = len(self.names) + 1, self.law.name
        if len(sample.t) < needed:
            return f"{len(sample.t)} usable points; {name} needs at least {needed}"
        distinct = 1 + int(np.sum(sample.t[1:] > sample.t[:-1]))
        if distinct < needed - 1:
            return f"{distinct} different times; {name} needs at least {needed - 1}"
        if np.ptp(sample.y) <= 1e-12 * np.max(np.abs(sample.y)):
            return "the data are constant; there is no decay to fit"
        return ""

    def definition(self, scaled: bool) -> str:
        """Return the formula and what was fitted to what."""
        terms = list(self.law.formula)
        if self.free:
            terms.append("baseline")
        elif self.level != 0:
            terms.append(f"{self.level:g} {self.unit_y if self.unit_y != '1' else ''}".rstrip())
        since = f" with t0 = {self.t0:g} {self.unit_t}" if self.law.counts_from_t0 else ""
        weights = "weighted by 1/sigma^2" if self.weighted else "equal weights"
        errors = "scaled by the reduced chi2" if scaled else "from the stated sigma"
        way = f"least squares, {weights}; errors {errors}"
        if self.robust:
            way = (
                f"Tukey's biweight, 95 % efficient, {weights}, scale from the median residual; "
                "errors from the scatter by Huber's formula"
            )
        return f"y = {' + '.join(terms)}{since}; {way}"

    def empty(self, sample: Sample, note: str) -> Fit:
        """Return the fit of data that cannot be fitted."""
        return Fit(
            self.law.name,
            self.definition(not self.stated),
            points=len(sample.t),
            note=note,
            fixed=self.fixed,
        )

    def quantities(self, sample: Sample) -> list[Quantity]:
        """Return the parameters as they are reported."""
        return [
            Quantity(
                parameter.name,
                self.unit_t if parameter.unit == "time" else "1",
                sample.unit_t if parameter.unit == "time" else 1.0,
                parameter.log,
            )
            for parameter in self.law.nonlinear
        ] + [
            Quantity(name, self.unit_y, sample.unit_y)
            for name in self.names[len(self.law.nonlinear) :]
        ]

    def curve_bounds(self, sample: Sample) -> Array | None:
        """Return the user's bounds of the nonlinear parameters as the search counts them."""
        given = {name: ends for name, *ends in self.bounds}
        if not any(parameter.name in given for parameter in self.law.nonlinear):
            return None
        anything = (-math.inf, math.inf)
        return np.array(
            [
                [
                    parameter.reduced(given.get(parameter.name, anything)[side], sample.unit_t)
                    for parameter in self.law.nonlinear
                ]
                for side in (0, 1)
            ]
        )

    def line_bounds(self, sample: Sample) -> tuple[Array, Array] | tuple[None, None]:
        """Return the user's bounds of the linear parameters, reduced."""
        given = {name: ends for name, *ends in self.bounds}
        linear = self.names[len(self.law.nonlinear) :]
        if not any(name in given for name in linear):
            return None, None
        ends = np.array([given.get(name, (-math.inf, math.inf)) for name in linear])
        return ends[:, 0] / sample.unit_y, ends[:, 1] / sample.unit_y

    def model(self, law: Law, axis: Axis, sample: Sample, bounds: Array | None) -> separable.Model:
        """Return the family of curves of a law, on an axis made from a sample."""
        free = law.has_baseline(self.baseline == "free")
        return law.model(axis, reach(sample.t), self.t0 / sample.unit_t, free, bounds)

    def problem(self, sample: Sample) -> tuple[separable.Problem, Condensed, Stakes]:
        """Return what is to be minimised, and what the sum of squares is worth."""
        data = condense(sample.t, sample.y, sample.w)
        model = self.model(self.law, data.axis, sample, self.curve_bounds(sample))
        count = len(self.names) - len(self.law.nonlinear)
        problem = separable.one_curve(model, data.y, count, *self.line_bounds(sample))
        least = ROUNDING**2 * (float(data.y @ data.y) + data.lost)
        stakes = Stakes(
            len(sample.t), len(self.names), self.stated, sample.unit_s, data.lost, least
        )
        return problem, data, stakes


def residuals(asked: Question, sample: Sample, theta: Array, c: Array) -> Array:
    """Return what a curve, its parameters reduced, leaves of every point, weighted."""
    reduced = {
        one.name: math.exp(x) if one.log else x
        for one, x in zip(asked.law.nonlinear, theta.tolist(), strict=True)
    }
    columns = asked.law.basis(sample.t, reduced, asked.t0 / sample.unit_t)
    left = sample.y - c[-1] if asked.free else sample.y
    for amplitude, column in zip(c.tolist(), columns, strict=False):
        left = left - amplitude * column
    return left * sample.w


def linear(left: Callable[[Array], Array], place: Array) -> tuple[Array, Array]:
    """Return the derivatives of a curve by its parameters, shape (points, p), and the residuals.

    Parameters
    ----------
    left
        Gives what the curve leaves of every point.
    place
        The parameters, shape (p,).
    """
    step = 1e-5 * np.maximum(np.abs(place), 1e-3)
    slopes = [
        (left(place - one) - left(place + one)) / (2 * size)
        for one, size in zip(np.diag(step), step, strict=True)
    ]
    return np.column_stack(slopes), left(place)


def ask(
    model: str,
    baseline: Baseline,
    units: tuple[str, str],
    weighted: bool,
    absolute: bool,
    t0: float = 1.0,
    bounds: Bounds | None = None,
    robust: bool = False,
) -> Question:
    """Check what is asked.

    Raises
    ------
    BadInput
        The model, the baseline, t0 or a bound cannot be used.
    """
    law = find_law(model)
    check_baseline(baseline)
    if not (math.isfinite(t0) and t0 > 0):
        raise BadInput(f"t0 = {t0!r} is not allowed: a positive time is needed")
    plain = Question(law, baseline, *units, weighted, absolute, t0, (), robust)
    return Question(
        law, baseline, *units, weighted, absolute, t0, _checked(bounds or {}, plain), robust
    )


def _checked(bounds: Bounds, asked: Question) -> tuple[tuple[str, float, float], ...]:
    """Return the bounds with infinities where there is none."""
    found = []
    for name, (low, high) in bounds.items():
        if name not in asked.names:
            raise BadInput(
                f"a bound is given for {name}, which {asked.law.name} does not have; "
                f"its parameters are {', '.join(asked.names)}"
            )
        least, most = -math.inf if low is None else low, math.inf if high is None else high
        if not least < most:
            raise BadInput(
                f"the bounds of {name} are {low} and {high}; the first must be less than the second"
            )
        found.append((name, float(least), float(most)))
    return tuple(found)
