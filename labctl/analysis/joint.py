"""Curves that share parameters: one time constant for several states, one energy for several T.

Each curve keeps its own amplitudes and baseline; what is shared are the nonlinear parameters of the
law, directly (`fit_jointly`) or through Arrhenius' law (`fit_arrhenius_decays`):

    tau_i(T) = tau_i exp(Ea_i / k (1/T - 1/T_ref))

so an energy comes straight from the data of all temperatures, with an interval that knows how the
time constants at each of them hang together. Fitting tau at every temperature first and a line
through ln tau afterwards gives the same only where each tau has a small, symmetric error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis.minimum import join
from labctl.analysis.question import Baseline, Question, ask
from labctl.analysis.sample import clean
from labctl.analysis.shared import Plan, unfitted
from labctl.analysis.together import fit_samples
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = ["BOLTZMANN_EV", "DecayCurve", "fit_arrhenius_decays", "fit_jointly"]

BOLTZMANN_EV = 8.617333262e-5  #: Boltzmann's constant, eV/K (exact in the SI to these digits)


class DecayCurve(NamedTuple):
    """One of the curves of a joint fit."""

    t: ArrayLike
    y: ArrayLike
    sigma: ArrayLike | None = None
    name: str = ""  #: marks its own parameters, ``c1_NAME``; its number from 1 where empty
    #: what 1/f noise is in proportion to, one number or one for each point
    slow: ArrayLike | None = None


def fit_jointly(
    curves: Sequence[DecayCurve],
    model: str = "double_decay",
    baseline: Baseline = "none",
    unit_t: str = "s",
    unit_y: str = "1",
    *,
    absolute: bool = True,
    t0: float = 1.0,
) -> Fit:
    """Fit one law to several curves that share its time constants (tau, beta or nu).

    Parameters
    ----------
    curves
        At least two; each is weighted by its `sigma`, all of them or none. With `slow` (all of
        them or none) they have 1/f noise of one relative size, each its own.
    model, baseline, unit_t, unit_y, absolute, t0
        As for `labctl.analysis.decay.fit_decay`.

    Returns
    -------
    Fit
        The shared parameters under their names; those of each curve as ``c1_NAME``, ``c2_NAME``,
        ``baseline_NAME``. Errors, intervals and verdict are those of a single fit, of all curves
        together.

    Raises
    ------
    BadInput
        Fewer than two curves, some with sigma (or slow noise) and some without, names that are not
        different, or what `fit_decay` refuses.
    """
    asked = _ask(curves, model, baseline, (unit_t, unit_y), absolute, t0)
    return _fit_together(asked, curves, Plan(asked, ()))


def fit_arrhenius_decays(
    curves: Sequence[DecayCurve],
    temperatures: ArrayLike,
    model: str = "double_decay",
    baseline: Baseline = "none",
    unit_t: str = "s",
    unit_y: str = "1",
    *,
    reference: float | None = None,
    absolute: bool = True,
) -> Fit:
    """Fit a sum of exponentials at several temperatures, each time constant thermally activated.

    Parameters
    ----------
    curves
        One for each temperature; several at one temperature are welcome.
    temperatures
        In K, at least two different ones.
    model
        ``single_decay``, ``double_decay`` or ``triple_decay``.
    baseline, unit_t, unit_y, absolute
        As for `labctl.analysis.decay.fit_decay`.
    reference
        Temperature T_ref at which ``tau1`` and so on are given, K; the harmonic mean without it,
        where time constants and energies are least correlated.

    Returns
    -------
    Fit
        ``tau1 < tau2`` at the reference temperature, ``ea1``, ``ea2`` in eV, and the amplitudes of
        each curve as for `fit_jointly`. `Fit.fixed` has the reference temperature.

    Raises
    ------
    BadInput
        As for `fit_jointly`; a temperature that is not positive; fewer than two different ones; a
        law that is no sum of exponentials.
    """
    asked = _ask(curves, model, baseline, (unit_t, unit_y), absolute, 1.0)
    kelvin = np.ravel(np.asarray(temperatures, float))
    if not asked.law.exponentials:
        raise BadInput(
            f"{model} has no Arrhenius fit; take single_decay, double_decay or triple_decay"
        )
    if len(kelvin) != len(curves) or not np.all(kelvin > 0) or not np.all(np.isfinite(kelvin)):
        raise BadInput(
            f"{len(kelvin)} temperatures were given for {len(curves)} curves; a positive one in "
            "kelvin is needed for each"
        )
    if len(np.unique(kelvin)) < 2:
        raise BadInput("all curves are at one temperature; an energy needs at least two")
    middle = float(1 / np.mean(1 / kelvin)) if reference is None else reference
    if not (math.isfinite(middle) and middle > 0):
        raise BadInput(f"the reference temperature {reference!r} K is not positive")
    inverse = (1 / kelvin - 1 / middle) / BOLTZMANN_EV
    return _fit_together(asked, curves, Plan(asked, tuple(inverse.tolist()), middle))


def _ask(
    curves: Sequence[DecayCurve],
    model: str,
    baseline: Baseline,
    units: tuple[str, str],
    absolute: bool,
    t0: float,
) -> Question:
    """Check what is common to all joint fits."""
    if len(curves) < 2:
        raise BadInput(f"{len(curves)} curves were given; a joint fit needs at least two")
    weighted = {curve.sigma is not None for curve in curves}
    if len(weighted) > 1:
        raise BadInput("some curves have sigma and some have not; give it for all or for none")
    if len({curve.slow is not None for curve in curves}) > 1:
        raise BadInput("some curves have slow noise and some have not; give it for all or for none")
    names = _labels(curves)
    if len(set(names)) < len(names):
        raise BadInput(f"the curves' names are {', '.join(names)}; they must be different")
    asked = ask(model, baseline, units, weighted.pop(), absolute, t0)
    if not asked.law.nonlinear:
        raise BadInput(f"{model} has no parameter that curves could share")
    return asked


def _labels(curves: Sequence[DecayCurve]) -> list[str]:
    return [curve.name or str(k) for k, curve in enumerate(curves, start=1)]


def _fit_together(asked: Question, curves: Sequence[DecayCurve], plan: Plan) -> Fit:
    """Clean all curves, fit them, and report."""
    samples, notes, labels = [], [], _labels(curves)
    with np.errstate(all="ignore"):
        for curve, label in zip(curves, labels, strict=True):
            sample, note = clean(
                curve.t, curve.y, curve.sigma, asked.level, asked.law.begin, curve.slow
            )
            refusal = asked.refuse(sample)
            notes.append(f"curve {label}: {join(note, refusal)}" if note or refusal else "")
            samples.append(sample)
            if refusal:
                return unfitted(plan, samples, join(*notes))
        try:
            return fit_samples(plan, samples, labels, join(*notes))
        except (np.linalg.LinAlgError, ArithmeticError, ValueError):
            return unfitted(plan, samples, join(*notes, "no minimum was found in these data"))
