"""Exponential step: a pulse moves the weight by ``s (1 - exp(gamma (w - limit)))``.

The law of AIHWKit's ``ExpStepDevice`` (Rasch et al., doi:10.1109/AICAS51828.2021.9458494), fitted
to the weight against the number of pulses, not to steps against weights: both of those carry the
noise of the same readings, which would bias the slope. The law is applied pulse by pulse; above
2000 pulses, where a step is small, it is a differential equation with a closed solution::

    w(n) = limit - ln(1 + (exp(gamma (limit - w0)) - 1) exp(-gamma s n))/gamma
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.curves import Curve, Parameter
from labctl.analysis.nonlinear import fit_curve
from labctl.results import Fit

__all__ = ["fit_exponential_step"]

Array = NDArray[np.float64]

_MOST_STEPS = 2000  # pulses that are followed one by one
_FLATTEST, _STEEPEST = 0.05, 200.0  # gamma: over a range of 2, a straight line and a jump
_BENDS = (0.5, 2.0, 6.0)  # gamma times the change, tried for a start


def _shape(n: Any, step: Any, gamma: Any, limit: Any, start: Any) -> Any:
    last = float(np.max(n))
    if last > _MOST_STEPS or np.any(n != np.floor(n)) or np.any(n < 0):
        return _smooth(n, step, gamma, limit, start)
    w = start + 0 * limit
    path = [w]
    for _ in range(int(last)):
        w = w + step * (1 - np.exp(gamma * (w - limit)))
        path.append(w)
    return np.concatenate([np.atleast_1d(w) for w in path], axis=-1)[..., n.astype(int)]


def _smooth(n: Any, step: Any, gamma: Any, limit: Any, start: Any) -> Any:
    far = gamma * (limit - start)
    # ln(1 + (exp(far) - 1) exp(-gamma s n)), written so that a large exponent does not overflow
    left = far - gamma * step * n
    return limit - np.log(np.exp(left) + 1 - np.exp(-gamma * step * n)) / gamma


def _starts(n: Array, w: Array, _weights: Array) -> list[Array]:
    order = np.argsort(n, kind="stable")
    first, last = float(w[order[0]]), float(w[order[-1]])
    change = (last - first) or 1.0
    span = float(np.ptp(n)) or 1.0
    found = []
    for bend in _BENDS:
        gamma, limit = bend / abs(change), last + 0.1 * abs(change)
        step = 2 * abs(change) / span / max(1 - np.exp(gamma * (first - limit)), 0.1)
        found.append(np.array([step, gamma, limit, first]))
    return found


def fit_exponential_step(
    pulses: ArrayLike, weight: ArrayLike, sigma: ArrayLike | None = None, *, branch: int = 1
) -> Fit:
    """Fit one branch.

    Parameters
    ----------
    pulses
        Number of pulses before each reading, counted within the branch.
    weight
        Weight, -1 to 1 over the range of the device.
    sigma
        Standard uncertainty of the weights.
    branch
        1 for potentiation, -1 for depression; that one is fitted upside down, so `limit` and
        `start` are those of -w.

    Returns
    -------
    Fit
        ``step``, ``gamma``, ``limit`` and ``start``.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    curve = Curve(
        "exponential_step_weight",
        "dw = step (1 - exp(gamma (w - limit))) a pulse, from start",
        (
            Parameter("step", "1", log=True),
            Parameter("gamma", "1", _FLATTEST, _STEEPEST, log=True),
            Parameter("limit", "1"),
            Parameter("start", "1"),
        ),
        _shape,
        _starts,
        derivative="complex",
        null="constant",
        subject="update",
    )
    return fit_curve(curve, pulses, branch * np.asarray(weight, float), sigma)
