"""What a fit says of its parameters: values with intervals, open sides, covariance in rows."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.space import Span
from labctl.results import Value

__all__ = ["in_rows", "join", "open_sides", "values_of"]

Array = NDArray[np.float64]


def join(*sentences: str) -> str:
    """Return sentences in one note, leaving out the empty ones."""
    return "; ".join(sentence for sentence in sentences if sentence)


def values_of(spans: list[Span], covariance: Array | None, scales: Array) -> dict[str, Value]:
    """Return values by name; an open side of an interval leaves no standard error.

    Parameters
    ----------
    spans
        What `labctl.analysis.space.Space.spans` returned.
    covariance
        Of the numbers as searched, or None; nan where it is not known.
    scales
        d(number itself)/d(number as searched).

    Raises
    ------
    ArithmeticError
        A number is beyond double precision.
    """
    values = {}
    for k, (name, unit, number, low, high) in enumerate(spans):
        sigma = None
        if covariance is not None and low is not None and high is not None:
            known = math.sqrt(max(float(covariance[k, k]), 0.0)) * abs(float(scales[k]))
            sigma = None if math.isnan(known) else known
        if not all(one is None or math.isfinite(one) for one in (number, low, high, sigma)):
            raise ArithmeticError(name)
        low = None if low is None else min(low, number)  # rounding
        high = None if high is None else max(high, number)
        values[name] = Value(number, sigma, low, high, unit)
    return values


def in_rows(covariance: Array | None, scales: Array) -> tuple[tuple[float, ...], ...]:
    """Return a covariance of numbers as searched as `labctl.results.Fit` holds it."""
    if covariance is None:
        return ()
    real = covariance * np.outer(scales, scales)
    return tuple(map(tuple, real.tolist())) if np.all(np.isfinite(real)) else ()


def open_sides(values: dict[str, Value], parameters: Collection[str]) -> tuple[str, str]:
    """Say which profiles the data leave open: of parameters, and of numbers derived from them.

    Returns
    -------
    tuple of str
        Why the fit is not identifiable, or nothing; what else is open, or nothing.
    """
    words = {(True, False): "below", (False, True): "above", (True, True): "below and above"}
    sides = {name: (value.low is None, value.high is None) for name, value in values.items()}
    found = {name: f"{name} is open {words[side]}" for name, side in sides.items() if any(side)}
    first = [said for name, said in found.items() if name in parameters]
    other = [said for name, said in found.items() if name not in parameters]
    return (
        f"not identifiable: the profile of {', of '.join(first)}" if first else "",
        f"the profile of {', of '.join(other)}" if other else "",
    )
