"""Curves: a formula with named parameters, as a value that the nonlinear fit understands.

A `Curve` is any function ``shape(x, *parameters)`` written in numpy, with what a fit has to know of
its parameters: unit, bounds, whether they are searched by their logarithm, where to start, and
which further numbers are wanted from them (`Derived`: a threshold, a permittivity, a value after
ten years), each with an interval of its own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["Curve", "Derived", "Parameter", "band", "evaluate", "jacobian", "settled"]

Array = NDArray[np.float64]

_TINY_STEP = 1e-12  # of a complex step: no difference is formed, so nothing cancels
_FROM_ZERO = 1e-20  # the same where the parameter is zero
_STEP = 7e-4  # of a central difference of fourth order: fifth root of the rounding error
_AGREE = 1e-4  # a complex step and a central difference of the same function agree so far


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a curve.

    Attributes
    ----------
    name, unit
        As they appear in `labctl.results.Fit.values`.
    low, high
        What physics allows. A parameter that the data push against a bound has an open interval.
    log
        Search by the logarithm; the parameter is positive then.
    """

    name: str
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.high <= 0):
            raise BadInput(
                f"the parameter {self.name} is to lie between {self.low:g} and {self.high:g}; the "
                "lower bound must be below the upper one, and that one positive for a logarithm"
            )


@dataclass(frozen=True, slots=True)
class Derived:
    """A number that follows from the parameters and gets its own profile interval.

    Attributes
    ----------
    name, unit
        As they appear in `labctl.results.Fit.values`.
    of
        Function of the array of parameters.
    alone
        Name of the only parameter it depends on, monotonically: its interval is then that one's,
        converted.
    log
        The profile is followed by the logarithm, for a number that is positive.
    """

    name: str
    unit: str
    of: Callable[[Array], float]
    alone: str = ""
    log: bool = False


Starts = Callable[[Array, Array, Array], Sequence[Sequence[float] | Array]]


@dataclass(frozen=True, slots=True)
class Curve:
    """A family of curves.

    Attributes
    ----------
    model
        Its name.
    formula
        What `shape` calculates, for `labctl.results.Fit.definition`.
    parameters
        In the order in which `shape` takes them.
    shape
        ``shape(x, *parameters)`` gives the curve at `x`, an array of n points or of (k, n).
    starts
        ``starts(x, y, w)`` gives places from which a search is worth while; `w` are the square
        roots of the weights, the largest is 1.
    derived
        Further numbers wanted.
    slopes
        ``slopes(x, *parameters)`` gives the derivatives by each parameter, shape (n, parameters);
        without it they are taken by complex steps, or where `shape` does not allow that by central
        differences.
    derivative
        ``complex`` states that `shape` is analytic and broadcasts parameters of shape (p, 1), so
        that all derivatives come from one call; ``auto`` finds out what it can.
    null
        What the data could be instead, and then the parameters mean nothing: ``zero``,
        ``constant``, ``line`` or nothing.
    subject
        What the null would be the absence of, in the note: "no window".
    fixed
        Constants of the formula that were stated, by name, for `labctl.results.Fit.fixed`.
    """

    model: str
    formula: str
    parameters: tuple[Parameter, ...]
    shape: Callable[..., Any]
    starts: Starts | None = None
    derived: tuple[Derived, ...] = ()
    slopes: Callable[..., Any] | None = None
    derivative: Literal["auto", "complex", "central"] = "auto"
    null: Literal["", "zero", "constant", "line"] = ""
    subject: str = "curve"
    fixed: tuple[tuple[str, float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)


def evaluate(curve: Curve, fit: Fit, x: ArrayLike) -> Array:
    """Return the curve of a fit at other places.

    Raises
    ------
    BadInput
        The fit has no values.
    """
    return np.asarray(curve.shape(np.asarray(x, float), *_values(curve, fit)), float)


def band(curve: Curve, fit: Fit, x: ArrayLike) -> Array:
    """Return the standard uncertainty of the curve of a fit, from the covariance.

    This is the linear propagation: good inside the data, hopeful far outside. A number at one place
    with an interval by its profile is a `Derived` of the curve.

    Raises
    ------
    BadInput
        The fit has no values or no covariance.
    """
    values, count = _values(curve, fit), len(curve.parameters)
    if not fit.covariance:
        raise BadInput(f"the fit {fit.model} has no covariance: {fit.note}")
    covariance = np.asarray(fit.covariance)[:count, :count]
    slopes = jacobian(curve, np.asarray(x, float), values)
    variance = np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _values(curve: Curve, fit: Fit) -> Array:
    if not fit.values:
        raise BadInput(f"the curve of a fit without values was asked for: {fit.note}")
    return np.array([fit.values[name].value for name in curve.names])


def jacobian(curve: Curve, x: Array, values: Array) -> Array:
    """Return the derivatives of a curve by its parameters, shape (points, parameters)."""
    if curve.slopes is not None:
        return np.asarray(curve.slopes(x, *values), float)
    if curve.derivative == "complex":
        return _complex_at_once(curve, x, values)
    if curve.derivative == "central":
        return _central(curve, x, values)
    return _complex_each(curve, x, values)


def settled(curve: Curve, x: Array, values: Array) -> Curve:
    """Return the curve with its way of differentiation decided at one place."""
    if curve.slopes is not None or curve.derivative != "auto":
        return curve
    central = _central(curve, x, values)
    try:
        with warnings.catch_warnings():  # of an imaginary part that is dropped: then they differ
            warnings.simplefilter("ignore")
            found = _complex_each(curve, x, values)
        size = np.max(np.abs(central), axis=0)
        same = bool(np.all(np.abs(found - central) <= _AGREE * size + 1e-300))
    except (TypeError, ValueError, ArithmeticError):
        same = False
    return curve if same else replace(curve, derivative="central")


def _complex_at_once(curve: Curve, x: Array, values: Array) -> Array:
    count = len(values)
    steps = np.where(values == 0, _FROM_ZERO, _TINY_STEP * np.abs(values))
    moved = np.repeat(values[:, None].astype(complex), count, axis=1)
    moved[np.arange(count), np.arange(count)] += 1j * steps
    found = np.imag(curve.shape(x, *(row[:, None] for row in moved)))
    return np.asarray((found / steps[:, None]).T, float)


def _complex_each(curve: Curve, x: Array, values: Array) -> Array:
    columns = []
    for k, value in enumerate(values):
        step = _TINY_STEP * abs(value) or _FROM_ZERO
        moved = values.astype(complex)
        moved[k] += 1j * step
        columns.append(np.imag(np.asarray(curve.shape(x, *moved))) / step)
    return np.asarray(np.column_stack(columns), float)


def _central(curve: Curve, x: Array, values: Array) -> Array:
    """Return central differences of fourth order."""
    columns = []
    for k, value in enumerate(values):
        step = _STEP * (abs(value) or 1.0)
        at = []
        for many in (-2, -1, 1, 2):
            moved = values.copy()
            moved[k] = value + many * step
            at.append(np.asarray(curve.shape(x, *moved), float))
        columns.append((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step))
    return np.column_stack(columns)
