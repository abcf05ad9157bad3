"""Lives and thresholds over the sites of a campaign, as Weibull's law takes them.

What wears out or breaks at its weakest place is spread as Weibull says: cycles to failure,
retention times, pulses to disturb, the voltages at which devices switch. Devices that had not
failed when they were taken off the test count as censored, those beyond the first look as known to
an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.life import b10, compete_life, lifetimes
from labctl.analysis.probability_plot import plot_life
from labctl.analysis.uniformity import Device
from labctl.results import Metric, Results

__all__ = ["weibull_of"]

#: what a definition may be of for its figure to be taken as a life or a threshold
_QUANTITIES = frozenset(
    {
        "coercive voltage", "critical voltage", "endurance", "forming time", "forming voltage",
        "median switching voltage", "pulses to disturb", "retention time", "switching delay",
        "switching voltage", "threshold voltage",
    }
)  # fmt: skip
#: definition of a life that was not over -> the name it has, and the one it has when it is over
_CENSORED = {
    "endurance-cycles-survived": ("cycles_survived", "cycles_to_failure"),
    "disturb-survived": ("survived", "count"),
    "retention-survived": ("survived", "life"),
}
_FEWEST = 3  # failures; two lie on every line


@dataclass(slots=True)
class _Lives:
    """One figure over the devices: each failed after `low` and by `high`."""

    unit: str
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    signs: set[bool] = field(default_factory=set)

    def add(self, low: float, high: float, negative: bool) -> None:
        self.low.append(low)
        self.high.append(high)
        self.signs.add(negative)

    @property
    def failed(self) -> int:
        return sum(math.isfinite(high) for high in self.high)


def weibull_of(devices: Sequence[Device], wanted: Sequence[str] = ()) -> Results:
    """Return Weibull's law for every figure of the devices that is a life or a threshold.

    Parameters
    ----------
    devices
        Those visited; the last cycle of each counts.
    wanted
        Names of the figures that count; all when empty.

    Returns
    -------
    Results
        For each such figure with three failures or more: the fit ``weibull_<figure>``, its slope
        ``weibull_shape_<figure>``, for lives ``b10_<figure>``, a probability plot, and in the notes
        which law the devices prefer. Too few failures are a note.
    """
    found = Results()
    for name, lives in _lives(devices).items():
        if wanted and name not in wanted:
            continue
        if len(lives.signs) > 1:
            note = f"{name} has both signs: no Weibull statistics of it"
            found = msgspec.structs.replace(found, notes=(*found.notes, note))
        elif lives.failed < _FEWEST:
            note = f"{name}: {lives.failed} of {len(lives.low)} devices failed, too few for a law"
            found = msgspec.structs.replace(found, notes=(*found.notes, note))
        else:
            found = _joined(found, _law(name, lives))
    return found


def _lives(devices: Sequence[Device]) -> dict[str, _Lives]:
    found: dict[str, _Lives] = {}
    for device in devices:
        for name, metric in (device.cycles[-1].metrics if device.cycles else {}).items():
            if not math.isfinite(metric.value) or metric.value == 0:
                continue
            size = abs(metric.value)
            if metric.definition in _CENSORED:
                name = name.replace(*_CENSORED[metric.definition], 1)
                low, high = size, math.inf
            elif _is_life(metric):
                low, high = (0.0 if metric.bound else size), size
            else:
                continue
            found.setdefault(name, _Lives(metric.unit)).add(low, high, metric.value < 0)
    return found


def _is_life(metric: Metric) -> bool:
    definition = DEFINITIONS.get(metric.definition)
    return definition is not None and definition.quantity in _QUANTITIES


def _law(name: str, lives: _Lives) -> Results:
    censored = [math.isinf(high) for high in lives.high]
    until = [
        high if math.isfinite(high) and high > low else math.nan
        for low, high in zip(lives.low, lives.high, strict=True)
    ]
    models = ("weibull", "lognormal")
    found = compete_life(lives.low, censored, until, models, lives.unit)
    fit = found.fits["weibull"]
    metrics = {}
    beta = fit.values.get("beta")
    if beta is not None and beta.sigma is not None:  # at the end of its range it is no number
        metrics[f"weibull_shape_{name}"] = Metric(beta.value, beta.sigma, "1", "weibull-shape")
    if lives.unit != "V" and (life := b10(fit)) is not None:
        metrics[f"b10_{name}"] = life
    devices = lifetimes(lives.low, censored, until)
    panel = plot_life(devices, {model: found.fits[model] for model in models}, lives.unit)
    panel = msgspec.structs.replace(panel, title=f"Weibull plot of {name}", x_label=name)
    return Results(
        metrics, {f"weibull_{name}": fit}, panels=(panel,), notes=(f"{name}: {found.verdict}",)
    )


def _joined(one: Results, other: Results) -> Results:
    return Results(
        one.metrics | other.metrics, one.fits | other.fits, one.tables + other.tables,
        one.panels + other.panels, one.notes + other.notes,
    )  # fmt: skip
