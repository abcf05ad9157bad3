"""Fitting other people's data: ``labctl fit data.csv --model double_decay``.

A file's columns go to one of the models in `MODELS`; what was assumed on the way (separator,
columns, units, weights, rows left out) is returned beside the fits, in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis import decay
from labctl.analysis.arrhenius import fit_arrhenius
from labctl.analysis.bcm import compete_bcm
from labctl.analysis.competition import Competition, compete
from labctl.analysis.conduction import (
    compete_conduction,
    conduction_by_range,
    fit_conduction,
    sweep,
)
from labctl.analysis.conduction_laws import LAWS
from labctl.analysis.decay import Baseline, fit_decay
from labctl.analysis.drift import fit_drift
from labctl.analysis.flicker import fit_flicker
from labctl.analysis.life import LIVES, compete_life, fit_life
from labctl.analysis.noise import integrated_noise, spectrum
from labctl.analysis.retention import fit_retention
from labctl.analysis.stdp import WINDOWS, compete_stdp, fit_stdp
from labctl.analysis.switching import KINETICS, compete_switching, fit_switching
from labctl.analysis.telegraph import fit_telegraph
from labctl.analysis.update_curves import UPDATES
from labctl.analysis.updates import Branches, branches, compete_updates, fit_updates
from labctl.columns import Series, Sheet, read_columns
from labctl.errors import BadInput
from labctl.results import Fit, Metric, Results

__all__ = ["MODELS", "Fitted", "Options", "fit_file"]

Array = NDArray[np.float64]

#: a third exponential is nearly always welcome and nearly never determined
_COMPETING = tuple(name for name in decay.MODELS if name != "triple_decay")
_SIGMAS = ("sigma", "error", "err", "std", "sd", "uncertainty", "stderr")
_CENSORED = ("censored", "alive", "survived")


class Options(msgspec.Struct, frozen=True):
    """What was asked of a fit; empty means: choose, and say so."""

    model: str = ""
    x: str = ""
    y: str = ""
    sigma: str = ""
    baseline: str = "none"  #: ``none``, ``free`` or a number, for decays
    t0: float = 1.0  #: reference time of power laws and drift, s


class Fitted(msgspec.Struct, frozen=True):
    """Fits of a file."""

    file: str
    assumed: tuple[str, ...]
    results: Results


@dataclass(frozen=True, slots=True)
class _Data:
    """Columns in their roles."""

    x: Series
    y: Series
    sigma: Array | None
    options: Options

    @property
    def baseline(self) -> Baseline:
        text = self.options.baseline
        if text in ("none", "free"):
            return text  # type: ignore[return-value]
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadInput(f'--baseline "{text}" is not allowed; use none, free or a number')
        return number


@dataclass(frozen=True, slots=True)
class _Model:
    """How a model takes columns."""

    fit: Callable[[_Data], Results]
    roles: str  #: what the columns x and y are
    single: bool = False  #: needs the column y only; x is optional
    weighted: bool = True


def fit_file(path: Path, options: Options) -> Fitted:
    """Fit a model to the columns of a CSV, Parquet or HDF5 file.

    Parameters
    ----------
    path
        The file.
    options
        Model and columns; without a model the decays compete, the triple one left out.

    Returns
    -------
    Fitted
        A model that cannot be fitted to the data is a fit without values whose `note` says why.

    Raises
    ------
    BadInput
        The file, a column, the model or an option cannot be used.
    """
    name = options.model or "compete"
    if name not in MODELS:
        raise BadInput(f'the model "{name}" is unknown; allowed are {", ".join(MODELS)}')
    if not (math.isfinite(options.t0) and options.t0 > 0):
        raise BadInput(f"--t0 {options.t0:g} is not allowed; it is a positive time in s")
    sheet, model = read_columns(path), MODELS[name]
    data, said = _roles(sheet, model, options)
    assumed = list(sheet.assumed)
    if not options.model:
        assumed.append(f"no model given, so these compete: {', '.join(_COMPETING)}")
    results = model.fit(data)
    return Fitted(str(path), (*assumed, *said), results)


def _roles(sheet: Sheet, model: _Model, options: Options) -> tuple[_Data, list[str]]:
    """Put columns in their roles, and say which."""
    if len(sheet.columns) < 2 and not model.single:
        raise BadInput(
            f'"{sheet.path}" has one column of numbers, "{sheet.columns[0].name}"; this model '
            f"takes {model.roles}"
        )
    if model.single:
        y = sheet.find(options.y) if options.y else sheet.columns[0]
        x = _optional(sheet, options.x, _CENSORED) or y
    else:
        x = sheet.find(options.x) if options.x else sheet.columns[0]
        others = [series for series in sheet.columns if series is not x]
        y = sheet.find(options.y) if options.y else others[0]
    error = _error(sheet, y, options) if model.weighted else None
    said = [f"columns: {model.roles} = {_named(x)}, {_named(y)}"]
    if model.single:
        said = [
            f"columns: life = {_named(y)}" + (f", censored = {_named(x)}" if x is not y else "")
        ]
    if model.weighted:
        weights = f"1/sigma^2 from {_named(error)}" if error is not None else "equal"
        said.append(f"weights: {weights}")
    missing = int(np.sum(~np.isfinite(x.values) | ~np.isfinite(y.values)))
    if missing:
        said.append(f"{missing} rows of {len(y.values)} left out: no finite number")
    _same_length(sheet, [x, y, *([error] if error is not None else [])])
    return _Data(x, y, None if error is None else error.values, options), said


def _same_length(sheet: Sheet, chosen: list[Series]) -> None:
    if len({len(series.values) for series in chosen}) > 1:
        sizes = ", ".join(f'"{series.name}" has {len(series.values)}' for series in chosen)
        raise BadInput(f'the columns of "{sheet.path}" differ in length: {sizes} values')


def _optional(sheet: Sheet, asked: str, names: tuple[str, ...]) -> Series | None:
    if asked:
        return sheet.find(asked)
    return next((s for s in sheet.columns if s.name.lower() in names), None)


def _error(sheet: Sheet, y: Series, options: Options) -> Series | None:
    """Return the column of uncertainties: the one asked for, or one that is named so."""
    plain = y.name.lower()
    marks = [*_SIGMAS, f"u({plain})", f"u_{plain}", *(f"{plain}_{mark}" for mark in _SIGMAS)]
    marks += [f"{mark}_{plain}" for mark in _SIGMAS]
    found = _optional(sheet, options.sigma, tuple(marks))
    if found is not None and found.unit not in ("1", y.unit):
        raise BadInput(
            f'the uncertainties "{found.name}" are in {found.unit}, "{y.name}" in {y.unit}; they '
            "must have one unit"
        )
    return found


def _named(series: Series | None) -> str:
    if series is None:
        return "none"
    return f'"{series.name}" in {series.unit}' if series.unit != "1" else f'"{series.name}"'


def _single(fit: Fit) -> Results:
    return Results(fits={fit.model: fit}, notes=(fit.note,) if fit.note else ())


def _judged(found: Competition) -> Results:
    return Results(fits=found.fits, notes=(found.verdict,))


def _decay(name: str) -> Callable[[_Data], Results]:
    return lambda d: _single(
        fit_decay(d.x.values, d.y.values, d.sigma, name, d.baseline, d.x.unit, d.y.unit,
                  t0=d.options.t0)
    )  # fmt: skip


def _compete(d: _Data) -> Results:
    return _judged(
        compete(d.x.values, d.y.values, d.sigma, _COMPETING, d.baseline, d.x.unit, d.y.unit,
                t0=d.options.t0)
    )  # fmt: skip


def _window(kind: str) -> Callable[[_Data], Results]:
    return lambda d: _single(fit_stdp(d.x.values, d.y.values, d.sigma, kind, unit=d.y.unit))


def _update(law: str) -> Callable[[_Data], Results]:
    def fit(d: _Data) -> Results:
        data = _branch(d)
        if law:
            return _single(fit_updates(data, law, d.y.unit))
        return _judged(compete_updates(data, unit=d.y.unit))

    return fit


def _branch(d: _Data) -> Branches:
    """Return the readings as potentiation where they rise, as depression where they fall."""
    good = np.isfinite(d.x.values) & np.isfinite(d.y.values)
    n, g = d.x.values[good], d.y.values[good]
    order = np.argsort(n, kind="stable")
    falls = len(g) > 1 and g[order[-1]] < g[order[0]]

    def on_side(values: Array) -> tuple[Array, Array]:
        mine, none = values[order], values[:0]
        return (none, mine) if falls else (mine, none)

    sigma = None if d.sigma is None else on_side(d.sigma[good])
    return branches(*on_side(g), sigma, on_side(n))


def _life(model: str) -> Callable[[_Data], Results]:
    def fit(d: _Data) -> Results:
        censored = None if d.x is d.y else d.x.values != 0
        if model:
            return _single(fit_life(d.y.values, censored, model=model, unit=d.y.unit))
        return _judged(compete_life(d.y.values, censored, unit=d.y.unit))

    return fit


def _arrhenius(d: _Data) -> Results:
    life = d.y.unit == "s"
    return _single(
        fit_arrhenius(
            d.x.values, d.y.values, d.sigma, quantity="life" if life else "rate",
            unit="" if d.y.unit == "1" else d.y.unit,
        )
    )  # fmt: skip


def _retention(d: _Data) -> Results:
    found = fit_retention(d.x.values, d.y.values, d.sigma, t0=d.options.t0, unit=d.y.unit)
    metrics: dict[str, Metric] = {} if found.metric is None else {"at_horizon": found.metric}
    notes = (found.competition.verdict, *((found.note,) if found.note else ()))
    return Results(metrics=metrics, fits=found.competition.fits, tables=(found.table,), notes=notes)


def _conduction(law: str) -> Callable[[_Data], Results]:
    def fit(d: _Data) -> Results:
        data = sweep(d.x.values, d.y.values, d.sigma)
        if law:
            return _single(fit_conduction(data, law))
        return _judged(compete_conduction(data))

    return fit


def _conduction_by_range(d: _Data) -> Results:
    found = conduction_by_range(sweep(d.x.values, d.y.values, d.sigma))
    fits, notes = {}, [found.note] if found.note else []
    for k, part in enumerate(found.ranges, 1):
        fits[f"range{k}_{part.law}"] = part.competition.fits[part.law]
        notes.append(f"range {k}, {part.low:.4g} to {part.high:.4g} V: {part.law}")
    return Results(fits=fits, tables=(found.table,), notes=tuple(notes))


def _flicker(d: _Data) -> Results:
    found = spectrum(d.y.values, t=d.x.values, unit=d.y.unit)
    fit = fit_flicker(found)
    band = f"noise from {found.f[0]:.4g} to {found.f[-1]:.4g} Hz, {found.segments} segments"
    metrics = {"noise": integrated_noise(found)}
    return Results(
        metrics=metrics, fits={fit.model: fit}, notes=(band, *((fit.note,) if fit.note else ()))
    )


def _telegraph(d: _Data) -> Results:
    found = fit_telegraph(d.y.values, t=d.x.values, unit=d.y.unit)
    scores = ", ".join(f"{count}: {value:.1f}" for count, value in sorted(found.bic.items()))
    notes = [f"BIC by number of levels: {scores}"]
    notes += [found.fit.note] if found.fit.note else []
    return Results(fits={found.fit.model: found.fit}, notes=tuple(notes))


#: every model that ``labctl fit`` knows
MODELS: dict[str, _Model] = {
    "compete": _Model(_compete, "time, value"),
    **{name: _Model(_decay(name), "time, value") for name in decay.MODELS},
    "drift": _Model(
        lambda d: _single(fit_drift(d.x.values, d.y.values, d.sigma, d.options.t0)),
        "time, resistance",
    ),
    "retention": _Model(_retention, "time, conductance"),
    "stdp": _Model(
        lambda d: _judged(compete_stdp(d.x.values, d.y.values, d.sigma, unit=d.y.unit)),
        "time difference, weight change",
    ),
    **{name: _Model(_window(name), "time difference, weight change") for name in WINDOWS},
    "bcm": _Model(
        lambda d: _judged(compete_bcm(d.x.values, d.y.values, d.sigma, unit=d.y.unit)),
        "rate, weight change",
    ),
    "updates": _Model(_update(""), "pulse number, conductance"),
    **{name: _Model(_update(name), "pulse number, conductance") for name in UPDATES},
    "arrhenius": _Model(_arrhenius, "temperature, rate or time constant"),
    "life": _Model(_life(""), "life", single=True, weighted=False),
    **{
        f"{name}_life" if name == "exponential" else name: _Model(
            _life(name), "life", single=True, weighted=False
        )
        for name in LIVES
    },
    "switching": _Model(
        lambda d: _judged(compete_switching(d.x.values, d.y.values, d.sigma)),
        "voltage, switching time",
    ),
    **{
        f"{law}_switching": _Model(
            lambda d, law=law: _single(fit_switching(d.x.values, d.y.values, d.sigma, law)),  # type: ignore[misc]
            "voltage, switching time",
        )
        for law in KINETICS
    },
    "conduction": _Model(_conduction(""), "voltage, current"),
    "conduction_by_range": _Model(_conduction_by_range, "voltage, current"),
    **{law: _Model(_conduction(law), "voltage, current") for law in LAWS},
    "flicker": _Model(_flicker, "time, signal", weighted=False),
    "telegraph": _Model(_telegraph, "time, signal", weighted=False),
}
