"""What is fitted in `fits.py`: decays of known truth, and starts that need no knowledge of it.

200 points spaced logarithmically from 1 ms to 3 s, noise of 1 % of the amplitude, a free baseline.
Peers need start values, and get what a plot of any such curve suggests: time constants that divide
the logarithmic axis evenly, amplitudes that share the drop, the last reading as the baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.lineshapes import double_decay, stretched_decay

__all__ = ["CASES", "NOISE", "FitCase", "T", "long_record"]

Array = NDArray[np.float64]

T = np.geomspace(1e-3, 3.0, 200)
NOISE = 0.01


@dataclass(frozen=True)
class FitCase:
    """A law, its truth, and where peers begin."""

    name: str
    model: str
    shape: Callable[..., Array]
    truth: dict[str, float]
    guess: dict[str, float]

    def curves(self, count: int, seed: int) -> Array:
        """Return noisy curves, shape (count, points)."""
        rng = np.random.default_rng(seed)
        clean = self.shape(T, **self.truth)
        return clean + NOISE * rng.normal(size=(count, len(T)))

    def check(self, found: Array, names: tuple[str, ...]) -> None:
        """Refuse fits that are not of this case: the median has to be the truth.

        Raises
        ------
        AssertionError
            Some median is off by more than a tenth.
        """
        for name, values in zip(names, found.T, strict=True):
            truth = self.truth[name]
            if not abs(np.median(values) - truth) < 0.1 * abs(truth):
                raise AssertionError(f"{self.name}: {name} is {np.median(values)}, not {truth}")


def _double(tau1: float, tau2: float) -> FitCase:
    return FitCase(
        f"double exponential {1e3 * tau1:g}/{1e3 * tau2:g} ms",
        "double_decay",
        double_decay,
        {"tau1": tau1, "tau2": tau2, "c1": 0.5, "c2": 0.5, "baseline": 0.1},
        {"tau1": 0.0144, "tau2": 0.208, "c1": 0.5, "c2": 0.5, "baseline": 0.1},
    )


CASES = (
    _double(0.069, 0.240),
    _double(0.066, 0.380),
    FitCase(
        "stretched exponential",
        "stretched_decay",
        stretched_decay,
        {"tau": 0.1, "beta": 0.6, "c": 1.0, "baseline": 0.1},
        {"tau": 0.0548, "beta": 1.0, "c": 1.0, "baseline": 0.1},
    ),
)


def long_record(count: int) -> tuple[Array, Array]:
    """Return times and values of one decay sampled steadily, `count` points over 3 s."""
    t = np.linspace(0, 3, count)
    case = CASES[1]
    rng = np.random.default_rng(5)
    return t, case.shape(t, **case.truth) + NOISE * rng.normal(size=count)
