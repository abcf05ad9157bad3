"""Update curves: laws of conductance against the number of identical pulses, both branches.

Potentiation is counted from its first pulse, and so is depression. Laws with an A, a beta or an
alpha share the two end states Gmin and Gmax over both branches; ``linear_step`` and ``soft_bounds``
follow the state and let every branch begin where it does.

=====================  =============================================================================
linear                 G = Gmin + (Gmax - Gmin) x, x = n/N
neurosim               G = Gmin + (Gmax - Gmin) (1 - exp(-k x))/(1 - exp(-k)), k = N/A
                       (Chen, Peng and Yu, doi:10.1109/TCAD.2018.2789723)
alpha                  G^alpha is linear in the state w, which every pulse moves by 1/N
                       (Jang et al., doi:10.1109/LED.2015.2418342)
exponential_step       dG/dn falls as exp(-beta (G - Gmin)/(Gmax - Gmin))
                       (Querlioz et al., doi:10.1109/TNANO.2013.2250995)
linear_step            dG = s (1 - gamma z), z = (G - Gc)/H, with Gc and H middle and half of the
                       measured range; gamma = 0 is linear (Rasch et al.,
                       doi:10.1109/AICAS51828.2021.9458494)
soft_bounds            the same law as dG = eta (bound - G) (Fusi and Abbott, doi:10.1038/nn1859)
=====================  =============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Derived, Parameter
from labctl.errors import BadInput

__all__ = ["UPDATES", "neurosim_a", "neurosim_label", "update_curve"]

Array = NDArray[np.float64]

_STRAIGHT = 1e-6  # below, a curvature is taken by its series
_LABEL_UNIT = 0.07 * math.sqrt(2)  # deviation from the straight line of a label of 1
_STEEPEST = 200.0

#: laws that `update_curve` knows
UPDATES = ("linear", "neurosim", "alpha", "exponential_step", "linear_step", "soft_bounds")


def _saturating(x: Any, k: Any) -> Any:
    """Return (1 - exp(-k x))/(1 - exp(-k)), x where k vanishes."""
    straight = np.abs(k) < _STRAIGHT
    safe = np.where(straight, 1.0, k)
    return np.where(straight, x * (1 + k * (1 - x) / 2), np.expm1(-safe * x) / np.expm1(-safe))


def _slowing(x: Any, beta: Any) -> Any:
    """Return ln(1 + x (exp(beta) - 1))/beta, x where beta vanishes."""
    straight = np.abs(beta) < _STRAIGHT
    safe = np.where(straight, 1.0, beta)
    return np.where(
        straight, x * (1 + beta * (1 - x) / 2), np.log1p(x * np.expm1(safe)) / safe
    )  # fmt: skip


def _powered(x: Any, alpha: Any, ratio: Any) -> Any:
    """Return ((r^alpha - 1) x + 1)^(1/alpha), r^x where alpha vanishes."""
    flat = np.abs(alpha) < _STRAIGHT
    safe, span = np.where(flat, 1.0, alpha), np.log(ratio)
    return np.where(flat, np.exp(x * span), np.exp(np.log1p(x * np.expm1(safe * span)) / safe))


def neurosim_label(curvature: float) -> float:
    """Return NeuroSim's label of non-linearity for a curvature k = N/A.

    The tables that NeuroSim distributes list the label against A/N in steps of 0.01 up to 9. They
    are one formula: with f(x) = (1 - exp(-k x))/(1 - exp(-k)) the curve between 0 and 1, the label
    is the largest f(x) - x over 0.07 sqrt(2), which the table reproduces to its last digit. A label
    is below 10.1; negative k, a curve bent the other way, has a negative one.

    Examples
    --------
    >>> round(neurosim_label(1 / 1.251653), 4), round(neurosim_label(1 / 126.268958), 4)
    (1.0, 0.01)
    """
    k = abs(curvature)
    if k < 1e-4:
        return math.copysign(k / 8 / _LABEL_UNIT, curvature)
    share = -math.expm1(-k)
    x = math.log(k / share) / k
    return math.copysign((-math.expm1(-k * x) / share - x) / _LABEL_UNIT, curvature)


def neurosim_a(label: float) -> float:
    """Return A/N for NeuroSim's label of non-linearity; infinite for a label of 0.

    Raises
    ------
    BadInput
        The label is not between -10 and 10.

    Examples
    --------
    >>> round(neurosim_a(1.75), 4), round(neurosim_a(9), 5)
    (0.7021, 0.02281)
    """
    if not abs(label) < 10:
        raise BadInput(f"the label of non-linearity {label:g} was asked for; it is below 10")
    if label == 0:
        return math.inf
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if neurosim_label(middle) < abs(label) else (low, middle)
    return math.copysign(2 / (low + high), label)


def update_curve(
    law: str, pulses: ArrayLike, branch: ArrayLike, g: ArrayLike, unit: str = "S"
) -> Curve:
    """Return a law as a curve over (x, branch), for the data it is to describe.

    Parameters
    ----------
    law
        One of `UPDATES`.
    pulses
        Number of pulses before each reading, counted within its branch; 0 before the first.
    branch
        1 for potentiation, -1 for depression.
    g
        Conductances, which set the scale of ``linear_step``.
    unit
        Of the conductances.

    Returns
    -------
    Curve
        Its places are an array of shape (2, n): pulses, branch.

    Raises
    ------
    BadInput
        The law is unknown.
    """
    if law not in UPDATES:
        raise BadInput(f'the update law "{law}" is unknown; allowed are {", ".join(UPDATES)}')
    count, side, values = (np.ravel(np.asarray(a, float)) for a in (pulses, branch, g))
    most = {s: float(np.max(count[side == s], initial=1.0)) for s in (1.0, -1.0)}
    sides = [s for s in (1.0, -1.0) if np.any(side == s)]
    if law in ("linear_step", "soft_bounds"):
        finite = values[np.isfinite(values)]
        middle = float(np.max(finite) + np.min(finite)) / 2 if len(finite) else 0.0
        half = (float(np.ptp(finite)) / 2 if len(finite) else 0.0) or 1.0
        return _following(law, sides, unit, middle, half)
    return _shared(law, sides, most, unit)


_NAMES = {1.0: "ltp", -1.0: "ltd"}
_RISES: dict[str, tuple[str, Callable[[Any, Any, Any], Any], float, str]] = {
    "linear": ("", lambda x, k, r: x, 0.0, "(Gmax - Gmin) x"),
    "neurosim": (
        "k", lambda x, k, r: _saturating(x, k), 1.0,
        "(Gmax - Gmin) (1 - exp(-k x))/(1 - exp(-k)), k = N/A",
    ),
    "exponential_step": (
        "beta", lambda x, k, r: _slowing(x, k), 1.0,
        "(Gmax - Gmin) ln(1 + x (exp(beta) - 1))/beta",
    ),
}  # fmt: skip


def _shared(law: str, sides: list[float], most: dict[float, float], unit: str) -> Curve:
    """Return a law with end states that both branches share."""
    bent = "alpha" if law == "alpha" else _RISES[law][0]
    names = [f"{bent}_{_NAMES[s]}" for s in sides] if bent else []
    positive = law == "alpha"

    def shape(at: Array, low: Any, high: Any, *bends: Any) -> Any:
        found: Any = 0.0
        for k, side in enumerate(sides):
            x = at[0] / most[side]
            bend = bends[k] if bent else 0.0
            found = np.where(at[1] == side, _branch(law, side, x, low, high, bend), found)
        return found

    def starts(at: Array, y: Array, w: Array) -> list[Array]:
        low, high = float(np.min(y)), float(np.max(y))
        if positive:
            low, high = max(low, 1e-6 * abs(high), 1e-300), max(high, 1e-300)
        guesses = (1.0,) if not names else (1.0, 4.0) if law != "alpha" else (1.0, -1.0, 3.0)
        return [np.array([low, high, *([guess] * len(names))]) for guess in guesses]

    span = _STEEPEST if law != "alpha" else 50.0
    if law == "alpha":
        formula = "G = ((Gmax^alpha - Gmin^alpha) w + Gmin^alpha)^(1/alpha), w = x or 1 - x"
    else:
        formula = f"G = Gmin + {_RISES[law][3]}; mirrored for depression"
    derived = tuple(
        Derived(f"label_{_NAMES[s]}", "1", _label(2 + k), alone=f"k_{_NAMES[s]}")
        for k, s in enumerate(sides)
    )
    return Curve(
        law,
        f"{formula}; x = n/N",
        (
            Parameter("Gmin", unit, log=positive),
            Parameter("Gmax", unit, log=positive),
            *(Parameter(name, "1", -span, span) for name in names),
        ),
        shape,
        starts,
        derived if law == "neurosim" else (),
        derivative="complex",
        null="constant",
        subject="update",
        fixed=tuple((f"N_{_NAMES[s]}", most[s]) for s in sides),
    )


def _label(index: int) -> Callable[[Array], float]:
    return lambda p: neurosim_label(float(p[index]))


def _branch(law: str, side: float, x: Any, low: Any, high: Any, bend: Any) -> Any:
    if law == "alpha":
        state = x if side > 0 else 1 - x
        return low * _powered(state, bend, high / low)
    rise = _RISES[law][1](x, bend, high / low) * (high - low)
    return low + rise if side > 0 else high - rise


def _following(law: str, sides: list[float], unit: str, middle: float, half: float) -> Curve:
    """Return a law of the state, dG = s (1 - gamma z), in either of its wordings."""
    parameters: list[Parameter] = []
    for side in sides:
        name = _NAMES[side]
        if law == "linear_step":
            parameters += [Parameter(f"step_{name}", unit), Parameter(f"gamma_{name}", "1")]
        else:
            parameters += [Parameter(f"bound_{name}", unit), Parameter(f"eta_{name}", "1", 0, 1)]
        parameters.append(Parameter(f"start_{name}", unit))

    def shape(at: Array, *p: Any) -> Any:
        found: Any = 0.0
        for k, side in enumerate(sides):
            one, two, start = p[3 * k : 3 * k + 3]
            if law == "linear_step":
                q = one * two / half
                rest = start - middle
                here = middle + rest * _remains(at[0], q) + side * one * _gone(at[0], q)
            else:
                here = start + (one - start) * two * _gone(at[0], two)
            found = np.where(at[1] == side, here, found)
        return found

    def starts(at: Array, y: Array, w: Array) -> list[Array]:
        return [_first(law, sides, at, y, half, bend) for bend in (1.0, 4.0)]

    formula = (
        "dG = +-step (1 -+ gamma z) a pulse, z = (G - Gc)/H"
        if law == "linear_step"
        else "dG = eta (bound - G) a pulse"
    )
    return Curve(
        law, f"{formula}; from start", tuple(parameters), shape, starts,
        derivative="complex", null="constant", subject="update",
        fixed=(("Gc", middle), ("H", half)) if law == "linear_step" else (),
    )  # fmt: skip


def _remains(n: Any, q: Any) -> Any:
    """Return (1 - q)^n."""
    return np.exp(n * np.log1p(-q))


def _gone(n: Any, q: Any) -> Any:
    """Return (1 - (1 - q)^n)/q, n where q vanishes."""
    straight = np.abs(q) < 1e-9
    safe = np.where(straight, 0.5, q)
    lost = -np.expm1(n * np.log1p(-safe)) / safe
    return np.where(straight, n * (1 - q * (n - 1) / 2), lost)


def _first(law: str, sides: list[float], at: Array, y: Array, half: float, bend: float) -> Array:
    """Return a start for a law of the state: a curvature `bend` over the whole branch."""
    start = []
    for side in sides:
        here = at[1] == side
        n, g = at[0][here], y[here]
        order = np.argsort(n)
        first, last, most = float(g[order[0]]), float(g[order[-1]]), float(n[order[-1]]) or 1.0
        eta = -math.expm1(-bend / most)
        bound = first + (last - first) / -math.expm1(-bend)
        if law == "soft_bounds":
            start += [bound, eta, first]
        else:
            middle = (last + first) / 2
            step = side * eta * (bound - middle)
            start += [step, half * eta / (step or 1e-300), first]
    return np.array(start)
