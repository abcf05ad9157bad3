"""Other models and other ranges for data that are shown; called in the working process, no Qt here.

The fits are those of `labctl.analysis`: with intervals, verdict and competition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gui.errand import Refitted
from gui.styles import LEFT_OUT
from labctl.analysis.bcm import BCM, bcm_curve, compete_bcm
from labctl.analysis.competition import Axes, Competition, compete, draw_decay
from labctl.analysis.conduction import compete_conduction, sweep
from labctl.analysis.conduction_laws import LAWS, conduction_curve
from labctl.analysis.curve_panels import draw_curves
from labctl.analysis.curves import Curve
from labctl.analysis.decay import MODELS
from labctl.analysis.stdp import WINDOWS, compete_stdp, stdp_curve
from labctl.errors import BadInput
from labctl.results import Panel, Results, Trace

__all__ = ["COMPETING", "FAMILIES", "Asked", "likely", "offered", "refit", "refit_values"]

Array = NDArray[np.float64]

#: what a fit of all models of a family is called
COMPETING = "all compete"


class Asked(NamedTuple):
    """What is to be fitted to what."""

    panel: Panel
    trace: int  #: number of the trace in the panel
    family: str
    model: str = COMPETING
    low: float | None = None  #: of the abscissa, SI; None for all
    high: float | None = None
    free_baseline: bool = False


class _Data(NamedTuple):
    x: Array
    y: Array
    sigma: Array | None
    axes: Axes
    asked: Asked

    @property
    def baseline(self) -> str:
        return "free" if self.asked.free_baseline else "none"


def _decay(data: _Data, models: tuple[str, ...]) -> tuple[Competition, tuple[Panel, ...]]:
    axes, baseline = data.axes, "free" if data.asked.free_baseline else "none"
    found = compete(
        data.x, data.y, data.sigma, models, baseline,  # type: ignore[arg-type]
        axes.x_unit, axes.y_unit,
    )  # fmt: skip
    return found, draw_decay(data.x, data.y, data.sigma, found, axes)


def _stdp(data: _Data, models: tuple[str, ...]) -> tuple[Competition, tuple[Panel, ...]]:
    baseline, unit = data.baseline, data.axes.y_unit
    found = compete_stdp(data.x, data.y, data.sigma, models, baseline, unit)  # type: ignore[arg-type]
    curves = {name: stdp_curve(name, baseline, unit) for name in models}  # type: ignore[arg-type]
    return found, _drawn(data, found, curves)


def _bcm(data: _Data, models: tuple[str, ...]) -> tuple[Competition, tuple[Panel, ...]]:
    found = compete_bcm(data.x, data.y, data.sigma, models, data.axes.y_unit)
    curves = {name: bcm_curve(name, data.x, data.axes.y_unit) for name in models}
    return found, _drawn(data, found, curves)


def _conduction(data: _Data, models: tuple[str, ...]) -> tuple[Competition, tuple[Panel, ...]]:
    swept = sweep(data.x, data.y, data.sigma)
    found = compete_conduction(swept, models)
    curves = {name: conduction_curve(name, None, swept.ref) for name in models}
    return found, _drawn(data, found, curves)


def _drawn(data: _Data, found: Competition, curves: Mapping[str, Curve]) -> tuple[Panel, ...]:
    return draw_curves(data.axes, data.x, data.y, data.sigma, curves, found.fits, found.best)


class Family(NamedTuple):
    """Models that can compete for the same data."""

    models: tuple[str, ...]
    fit: Callable[[_Data, tuple[str, ...]], tuple[Competition, tuple[Panel, ...]]]
    unit: str  #: of the abscissa of such data
    competing: tuple[str, ...]  #: those of the models that compete


#: families of models by name
FAMILIES: dict[str, Family] = {
    "decay": Family(MODELS, _decay, "s", tuple(m for m in MODELS if m != "triple_decay")),
    "STDP window": Family(WINDOWS, _stdp, "s", WINDOWS),
    "BCM": Family(BCM, _bcm, "Hz", BCM),
    "conduction": Family(tuple(LAWS), _conduction, "V", tuple(LAWS)),
}


def likely(panel: Panel) -> str:
    """Return the family that data of a panel most likely belong to."""
    if panel.x_unit == "s" and any(x < 0 for trace in panel.traces for x in trace.x):
        return "STDP window"
    return next((name for name, f in FAMILIES.items() if f.unit == panel.x_unit), "decay")


def offered(panel: Panel) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Return the likely family for a panel, and the models of every family."""
    return likely(panel), {name: (COMPETING, *family.models) for name, family in FAMILIES.items()}


def refit_values(*values: Any) -> Refitted:
    """Fit what is asked by the fields of `Asked`; for a window that has not loaded this module."""
    return refit(Asked(*values))


def refit(asked: Asked) -> Refitted:
    """Fit what is asked.

    Returns
    -------
    Refitted
        Its panels are the data, those left out beside those used, and the residuals.

    Raises
    ------
    BadInput
        The family or the model is unknown, or no point is in the range.
    """
    family = FAMILIES.get(asked.family)
    if family is None:
        raise BadInput(f'"{asked.family}" is no family of models; take {", ".join(FAMILIES)}')
    if asked.model != COMPETING and asked.model not in family.models:
        raise BadInput(f'"{asked.model}" is unknown; allowed are {", ".join(family.models)}')
    trace = asked.panel.traces[asked.trace]
    x, y = np.asarray(trace.x, float), np.asarray(trace.y, float)
    inside = _inside(x, asked)
    if not np.any(inside):
        raise BadInput("no point is in the range that was asked for; drag its ends apart")
    errors = np.asarray(trace.y_error, float)
    sigma = errors[inside] if len(errors) == len(x) and np.all(errors[inside] > 0) else None
    models = family.competing if asked.model == COMPETING else (asked.model,)
    data = _Data(x[inside], y[inside], sigma, _axes(asked, trace), asked)
    found, panels = family.fit(data, models)
    left = Trace(tuple(x[~inside].tolist()), tuple(y[~inside].tolist()), "left out", LEFT_OUT)
    if len(left.x):
        head = panels[0]
        panels = (msgspec.structs.replace(head, traces=(*head.traces, left)), *panels[1:])
    notes = (found.verdict,) if found.verdict else ()
    return Refitted(Results(fits=found.fits, panels=panels, notes=notes), int(sum(inside)), len(x))


def _inside(x: Array, asked: Asked) -> NDArray[np.bool_]:
    low = -np.inf if asked.low is None else asked.low
    high = np.inf if asked.high is None else asked.high
    # dragged ends come back from a logarithm: a point on them is meant to be inside
    room = 1e-9
    inside: NDArray[np.bool_] = (x >= low - abs(low) * room if np.isfinite(low) else x > low) & (
        x <= high + abs(high) * room if np.isfinite(high) else x < high
    )
    return inside


def _axes(asked: Asked, trace: Trace) -> Axes:
    panel = asked.panel
    return Axes(
        panel.title, panel.y_label, panel.y_unit, panel.x_label, panel.x_unit, panel.x_log,
        trace.branch,
    )  # fmt: skip
