"""What the peers do in `fits.py`, written as their own documentation shows it.

Each maker of a party imports its package, so that one that is not installed raises ImportError. All
parties fit the same curves with the same uncertainties, give standard errors, and are timed in
seconds of processor time, so that a library that uses several cores gains nothing by it.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from fits_cases import NOISE, FitCase, T

__all__ = ["curve_fit_curves", "curve_fit_one", "lmfit_curves", "lmfit_intervals"]


def curve_fit_curves(case: FitCase, count: int) -> Any:
    """Return a party: scipy.optimize.curve_fit, curve by curve."""
    from scipy.optimize import curve_fit

    names, guess = tuple(case.guess), list(case.guess.values())
    sigma = np.full(len(T), NOISE)

    def shape(t: Any, *p: float) -> Any:
        return case.shape(t, **dict(zip(names, p, strict=True)))

    def party() -> float:
        curves = case.curves(count, seed=1)
        found = np.empty((count, len(guess)))
        begin = time.process_time()
        for k, y in enumerate(curves):
            found[k], _ = curve_fit(shape, T, y, guess, sigma=sigma, absolute_sigma=True)
        elapsed = time.process_time() - begin
        case.check(found, names)
        return count / elapsed

    return party


def lmfit_curves(case: FitCase, count: int) -> Any:
    """Return a party: lmfit.Model, curve by curve."""
    model, parameters = lmfit_model(case)

    def party() -> float:
        curves = case.curves(count, seed=1)
        begin = time.process_time()
        fits = [model.fit(y, parameters, t=T, weights=1 / NOISE, scale_covar=False) for y in curves]
        elapsed = time.process_time() - begin
        found = np.array([[fit.best_values[name] for name in case.guess] for fit in fits])
        case.check(found, tuple(case.guess))
        return count / elapsed

    return party


def lmfit_intervals(case: FitCase, count: int) -> Any:
    """Return a party: lmfit.Model with the profile intervals of lmfit.conf_interval."""
    model, parameters = lmfit_model(case)

    def party() -> float:
        curves = case.curves(count, seed=1)
        begin = time.process_time()
        for y in curves:
            fit = model.fit(y, parameters, t=T, weights=1 / NOISE, scale_covar=False)
            fit.conf_interval(sigmas=[1.959964])
        return count / (time.process_time() - begin)

    return party


def lmfit_model(case: FitCase) -> Any:
    """Return lmfit's model of a case and its start values."""
    import lmfit

    model = lmfit.Model(case.shape, independent_vars=["t"])
    return model, model.make_params(**case.guess)


def curve_fit_one(case: FitCase, t: Any, y: Any) -> Any:
    """Return a party: scipy.optimize.curve_fit of one long record, from the last values."""
    from scipy.optimize import curve_fit

    names, guess = tuple(case.truth), list(case.truth.values())

    def shape(t: Any, *p: float) -> Any:
        return case.shape(t, **dict(zip(names, p, strict=True)))

    def party() -> float:
        begin = time.perf_counter()
        curve_fit(shape, t, y, guess, sigma=np.full(len(t), NOISE), absolute_sigma=True)
        return 1 / (time.perf_counter() - begin)

    return party
