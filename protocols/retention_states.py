"""States as they were read in a retention record, with their drift, laws and lives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curves import evaluate
from labctl.analysis.drift import drift_curve, fit_drift
from labctl.analysis.retention import RETENTIONS, Retention, fit_retention, retention_curve
from labctl.analysis.slow_curves import with_slow_noise
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric
from protocols.crossings import crossing
from protocols.responses import conductances, u_conductances

__all__ = ["Asked", "Fading", "Judged", "judge", "life_of", "states"]

Array = NDArray[np.float64]

_LEFT = 0.175  # of a pulse, from the middle of its window to its end
_STILL = 1e-7  # relative change that no instrument sees, and no fading
_NOTHING = 1e-6  # of the first reading


@dataclass(frozen=True, slots=True)
class Asked:
    """What the analysis has to know of the protocol; see its fields."""

    amplitudes: tuple[float, ...]
    terminal: str
    horizon: float
    loss: float
    use: float
    decay: str
    logarithm: bool
    window: float | None
    joint: bool


@dataclass(frozen=True, slots=True)
class Fading:
    """One written state as it was read; means over the repeats.

    Attributes
    ----------
    state
        Its number, from 1.
    kelvin
        Temperature, K; None where the protocol did not set it.
    t, g, u
        Time since the last pulse, s, conductance and its standard uncertainty, S.
    """

    state: int
    kelvin: float | None
    t: Array
    g: Array
    u: Array

    @property
    def key(self) -> str:
        """End of the names of its metrics and fits."""
        return f"{self.state}" if self.kelvin is None else f"{self.state}_{self.kelvin:g}K"

    def sigma(self) -> Array | None:
        """Return relative weights, or None where the instrument states no uncertainty."""
        return self.u if np.all(np.isfinite(self.u) & (self.u > 0)) else None


def states(record: Measured, terminal: str) -> list[Fading]:
    """Return the states of a record, means over repeats, by state and temperature."""
    return _pooled(_trials(record, terminal))


def _trials(record: Measured, terminal: str) -> list[Fading]:
    reads: dict[object, dict[int, tuple[float, float, float]]] = {}
    for step, readings in record.where(part="read"):
        found = _rows(readings.where(role="read"))
        if found:
            reads.setdefault(step.label["trial"], {})[int(step.label["read"] or 0)] = found[-1]
    trials = []
    for step, readings in record.where(part="write"):
        pulses = readings.where(role="pulse", terminal=terminal)
        if not len(pulses):
            continue
        end = pulses[-1].t + _LEFT * pulses[-1].width
        late = reads.get(step.label["trial"], {})
        rows = _rows(readings.where(role="read")) + [late[k] for k in sorted(late)]
        if len(rows) < 2:
            continue
        t, g, u = np.array(rows).T
        kelvin = step.label["temperature"]
        trials.append(
            Fading(
                int(step.label["state"] or 0), None if kelvin is None else float(kelvin),
                t - end, g, u,
            )
        )  # fmt: skip
    return trials


def _rows(reads: Readings) -> list[tuple[float, float, float]]:
    g, u = conductances(reads), u_conductances(reads)
    return [
        (row.t, float(a), float(b))
        for row, a, b in zip(reads, g, u, strict=True)
        if math.isfinite(a)
    ]


def _pooled(trials: Sequence[Fading]) -> list[Fading]:
    """Return means over repeats, in the order of states and temperatures."""
    groups: dict[tuple[int, float | None], list[Fading]] = {}
    for trial in trials:
        groups.setdefault((trial.state, trial.kelvin), []).append(trial)
    found = []
    for (state, kelvin), same in sorted(groups.items(), key=lambda g: (g[0][0], g[0][1] or 0.0)):
        count = min(len(trial.t) for trial in same)
        t, g, u = (np.mean([getattr(trial, n)[:count] for trial in same], axis=0) for n in "tgu")
        found.append(Fading(state, kelvin, t, g, u))
    return found


def life_of(t: Array, g: Array, loss: float) -> tuple[float, float]:
    """Return the time at which G has changed by a share of its first value, and its uncertainty.

    Parameters
    ----------
    t, g
        Times, s, rising, and conductances, S.
    loss
        Relative change, of either sign.

    Returns
    -------
    life, u
        s, by `protocols.crossings.crossing`; not a number where the change never gets so far.
    """
    return crossing(t[1:], np.abs(g[1:] / g[0] - 1.0), loss)


@dataclass(frozen=True, slots=True)
class Judged:
    """One fading with its fits, its life and the uncertainty of that, s."""

    fading: Fading
    drift: Fit
    laws: Retention
    life: float
    u_life: float

    @property
    def end(self) -> Metric | None:
        """Conductance at the horizon, where a law describes the reads and leaves something."""
        found = self.laws.metric
        if found is None or found.value <= _NOTHING * self.fading.g[0] or self.missed:
            return None
        return found

    @property
    def missed(self) -> bool:
        """Whether the preferred law misses the reads by more than a twentieth of their span."""
        fits = self.laws.competition
        best = fits.fits.get(fits.best)
        if best is None or not best.values:
            return True
        curve = retention_curve(fits.best, best.fixed["horizon"], best.fixed.get("t0", 1.0))
        left = self.fading.g - evaluate(curve, best, self.fading.t)
        runs = 1.0 if best.runs is None else best.runs
        return runs < 1e-3 and float(np.std(left)) > 0.05 * float(np.ptp(self.fading.g))


def judge(fading: Fading, asked: Asked) -> Judged:
    """Return a state with its drift, the laws of its fading and its life."""
    sigma = fading.sigma()
    middle = float(np.exp(np.mean(np.log(fading.t[fading.t > 0]))))
    u_r = None if sigma is None else sigma / fading.g**2
    r = 1 / fading.g
    drift = with_slow_noise(
        drift_curve(middle), fit_drift(fading.t, r, u_r, middle, "R", absolute=False),
        fading.t, r, r if u_r is None else u_r, r,
    )  # fmt: skip
    moves = float(np.ptp(fading.g)) > _STILL * float(np.max(np.abs(fading.g)))
    laws = fit_retention(
        fading.t, fading.g, sigma, asked.horizon, RETENTIONS if moves else RETENTIONS[:1],
        middle, absolute=False, slow=fading.g,
    )  # fmt: skip
    return Judged(fading, drift, laws, *life_of(fading.t, fading.g, asked.loss))
