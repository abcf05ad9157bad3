"""Spike-timing-dependent plasticity: windows of weight change against dt = t_post - t_pre.

The kinds are those of the field (Abbott and Nelson, doi:10.1038/81453): Hebbian (potentiation where
the presynaptic spike comes first, dt > 0), anti-Hebbian, and symmetric ones, of which the fit tells
by evidence which the data show. The exponential window is that of Bi and Poo
(doi:10.1523/JNEUROSCI.18-24-10464.1998) as written by Song, Miller and Abbott (doi:10.1038/78829).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.curves import Curve, Derived, Parameter
from labctl.analysis.formula import Definition
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.straight import combination
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["DEFINITIONS_STDP", "WINDOWS", "compete_stdp", "fit_stdp", "stdp_curve"]

Array = NDArray[np.float64]
Baseline = Literal["none", "free"]

DEFINITIONS_STDP = (
    Definition(
        "stdp-balance",
        "(A+ tau+ - A- tau-)/(A+ tau+ + A- tau-)",
        "Areas of the two sides of an exponential window, compared: 0 is balanced, 1 potentiation "
        "alone, -1 depression alone. dt = t_post - t_pre. Uncorrelated spikes depress where the "
        "balance is negative.",
        doi="10.1038/78829",
        source="after Song, Miller and Abbott, Nat. Neurosci. 2000, 3, 919 (B = A- tau-/A+ tau+)",
        code="labctl.analysis.stdp.fit_stdp",
        quantity="balance of an STDP window",
    ),
)

_SIDED = {
    "hebbian": (1.0, -1.0),
    "anti_hebbian": (-1.0, 1.0),
    "potentiating": (1.0, 1.0),
    "depressing": (-1.0, -1.0),
}
_EVEN: dict[str, tuple[str, tuple[str, ...], Callable[..., Any]]] = {
    "symmetric_exponential": (
        "A exp(-|dt|/tau)", ("A", "tau"), lambda x, a, tau: a * np.exp(-np.abs(x) / tau),
    ),
    "symmetric_gaussian": (
        "A exp(-dt^2/(2 w^2))", ("A", "w"), lambda x, a, w: a * np.exp(-((x / w) ** 2) / 2),
    ),
    "mexican_hat": (
        "A1 exp(-dt^2/(2 w^2)) - A2 exp(-dt^2/(2 (q w)^2)), q > 1", ("A1", "w", "A2", "q"),
        lambda x, a, w, b, q: a * np.exp(-((x / w) ** 2) / 2)
        - b * np.exp(-((x / (w * q)) ** 2) / 2),
    ),
}  # fmt: skip

#: kinds of window that `fit_stdp` knows
WINDOWS = (*_SIDED, *_EVEN)


def fit_stdp(
    dt: ArrayLike,
    change: ArrayLike,
    sigma: ArrayLike | None = None,
    kind: str = "hebbian",
    baseline: Baseline = "none",
    unit: str = "1",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit a window.

    Parameters
    ----------
    dt
        t_post - t_pre of each pair, s. Pairs at dt = 0 are left out: sided windows jump there, and
        all kinds are to be compared on the same data.
    change
        Weight change of each pair.
    sigma, absolute
        As for `labctl.analysis.nonlinear.fit_curve`.
    kind
        One of `WINDOWS`. ``hebbian`` is A+ exp(-dt/tau+) for dt > 0 and -A- exp(dt/tau-) for
        dt < 0, ``anti_hebbian`` the opposite; ``potentiating`` and ``depressing`` have one sign on
        both sides; the rest are even in dt.
    baseline
        ``free`` adds a change far away from dt = 0.
    unit
        Of the change.

    Returns
    -------
    Fit
        ``A_plus, tau_plus, A_minus, tau_minus`` (positive) and ``balance`` of a sided window; ``A``
        and ``tau`` or ``w``; or ``A1, w, A2, q`` of the difference of Gaussians.

    Raises
    ------
    BadInput
        The kind or the baseline is unknown, or the arrays differ in length.
    """
    curve = stdp_curve(kind, baseline, unit)
    times, values, spread, remark = _off_zero(dt, change, sigma)
    return fit_curve(curve, times, values, spread, absolute=absolute, remark=remark)


def _off_zero(
    dt: ArrayLike, change: ArrayLike, sigma: ArrayLike | None
) -> tuple[Array, Array, Array | None, str]:
    """Leave out the pairs at dt = 0, and say so."""
    times, values = np.ravel(np.asarray(dt, float)), np.ravel(np.asarray(change, float))
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    same = int(np.sum(times == 0))
    if not same or len(times) != len(values) or (spread is not None and len(spread) != len(times)):
        return times, values, spread, ""
    off = times != 0
    spread = None if spread is None else spread[off]
    return times[off], values[off], spread, f"{same} pairs at dt = 0 left out"


def compete_stdp(
    dt: ArrayLike,
    change: ArrayLike,
    sigma: ArrayLike | None = None,
    kinds: Sequence[str] = WINDOWS,
    baseline: Baseline = "none",
    unit: str = "1",
    *,
    absolute: bool = True,
) -> Competition:
    """Fit every kind of window and compare them.

    Returns
    -------
    Competition
        The fits by kind; `best` is the kind of the window.

    Raises
    ------
    BadInput
        A kind is unknown, or the arrays differ in length.
    """
    curves = {kind: stdp_curve(kind, baseline, unit) for kind in kinds}
    times, values, spread, remark = _off_zero(dt, change, sigma)
    return compete_curves(curves, times, values, spread, absolute=absolute, remark=remark)


def stdp_curve(kind: str, baseline: Baseline = "none", unit: str = "1") -> Curve:
    """Return a kind of window as a curve, for drawing or for fits of one's own.

    Raises
    ------
    BadInput
        The kind or the baseline is unknown.
    """
    if kind not in WINDOWS:
        raise BadInput(f'the STDP window "{kind}" is unknown; allowed are {", ".join(WINDOWS)}')
    if baseline not in ("none", "free"):
        raise BadInput(f'the baseline {baseline!r} is not allowed: "none" or "free"')
    curve = _sided(kind, unit) if kind in _SIDED else _even(kind, unit)
    return _lifted(curve, unit) if baseline == "free" else curve


def _sided(kind: str, unit: str) -> Curve:
    after, before = _SIDED[kind]

    def shape(x: Array, a: Any, tau: Any, b: Any, tau_b: Any) -> Any:
        far = np.abs(x)
        return np.where(
            x > 0, after * a * np.exp(-far / tau), before * b * np.exp(-far / tau_b)
        )  # fmt: skip

    def starts(x: Array, y: Array, w: Array) -> list[Array]:
        right, left = _side(x, after * y, x > 0), _side(x, before * y, x < 0)
        return [np.array([*right, *left]), np.array([right[0], right[1] / 4, left[0], left[1] / 4])]

    signs = {1.0: "", -1.0: "-"}
    formula = (
        f"{signs[after]}A_plus exp(-dt/tau_plus) for dt > 0, "
        f"{signs[before]}A_minus exp(dt/tau_minus) for dt < 0"
    )
    return Curve(
        kind,
        formula,
        (
            Parameter("A_plus", unit, log=True),
            Parameter("tau_plus", "s", log=True),
            Parameter("A_minus", unit, log=True),
            Parameter("tau_minus", "s", log=True),
        ),
        shape,
        starts,
        (Derived("balance", "1", _balance),),
        derivative="complex",
        null="zero",
        subject="window",
    )


def _balance(p: Array) -> float:
    plus, minus = p[0] * p[1], p[2] * p[3]
    return float((plus - minus) / (plus + minus))


def _side(x: Array, y: Array, here: NDArray[np.bool_]) -> tuple[float, float]:
    """Guess amplitude and time constant of one side, whose change should be positive."""
    if not np.any(here):
        return 1e-3 * float(np.max(np.abs(y))), float(np.median(np.abs(x)))
    far, up = np.abs(x[here]), np.maximum(y[here], 0.0)
    near = up[np.argsort(far)[: max(1, len(far) // 3)]]
    least = 1e-3 * (float(np.max(np.abs(y))) or 1.0)
    tau = float(np.sum(up * far) / np.sum(up)) if np.sum(up) > 0 else float(np.median(far))
    return max(float(np.mean(near)) * 1.3, least), tau


def _even(kind: str, unit: str) -> Curve:
    formula, names, shape = _EVEN[kind]
    amplitudes = {"A", "A1", "A2"}
    parameters = tuple(
        Parameter(name, unit)
        if name in amplitudes
        else Parameter(name, "1" if name == "q" else "s", 1.02 if name == "q" else 0.0, log=True)
        for name in names
    )

    def starts(x: Array, y: Array, w: Array) -> list[Array]:
        far = np.abs(x)
        peak = float(np.mean(y[np.argsort(far)[: max(1, len(far) // 6)]]))
        weight = np.abs(y) / (np.sum(np.abs(y)) or 1.0)
        width = float(np.sum(far * weight)) or float(np.median(far))
        if len(names) == 2:
            return [np.array([peak, width]), np.array([peak, width / 4])]
        return [_hat(x, y, w, width * n, q) for n in (0.15, 0.4, 1.0) for q in (1.5, 3.0)]

    return Curve(
        kind, formula, parameters, shape, starts,
        derivative="complex", null="zero", subject="window",
    )  # fmt: skip


def _hat(x: Array, y: Array, w: Array, width: float, ratio: float) -> Array:
    """Return the best amplitudes of two Gaussians of given widths."""
    columns = np.exp(-(np.array([x / width, x / (width * ratio)]) ** 2) / 2) * w
    up, down = combination(columns.T, y * w)
    return np.array([up, width, -down, ratio])


def _lifted(curve: Curve, unit: str) -> Curve:
    """Return the curve with a free baseline."""
    inner, first = curve.shape, curve.starts
    assert first is not None

    def shape(x: Array, *parameters: Any) -> Any:
        return inner(x, *parameters[:-1]) + parameters[-1]

    def starts(x: Array, y: Array, w: Array) -> list[Array]:
        far = y[np.abs(x) >= np.quantile(np.abs(x), 0.7)]
        lift = float(np.median(far))
        return [np.append(start, lift) for start in first(x, y - lift, w)]

    return Curve(
        curve.model,
        f"{curve.formula}; + baseline",
        (*curve.parameters, Parameter("baseline", unit)),
        shape,
        starts,
        curve.derived,
        derivative="complex",
        null="constant",
        subject="window",
    )
