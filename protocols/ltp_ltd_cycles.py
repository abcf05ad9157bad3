"""Cycles of potentiation and depression: from a record to curves, and what scatters over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.nonlinear import fit_curve
from labctl.analysis.straight import straight_line
from labctl.analysis.update_curves import update_curve
from labctl.analysis.updates import Branches, branches, fit_updates, update_metrics
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric
from protocols.responses import conductances, u_conductances

__all__ = ["BRANCHES", "Cycles", "drift", "figures", "jackknifed"]

Array = NDArray[np.float64]

#: names of both branches, as cards and panels know them, with the suffix of their metrics
BRANCHES = {"potentiation": "ltp", "depression": "ltd"}

_LABEL, _ALPHA = ("1", "neurosim-nonlinearity-label"), ("1", "alpha-nonlinearity")
_END = ("S", "end-state-of-both-branches")
_KEPT = {
    "neurosim": {"label_ltp": _LABEL, "label_ltd": _LABEL, "Gmin": _END, "Gmax": _END},
    "alpha": {"alpha_ltp": _ALPHA, "alpha_ltd": _ALPHA},
}
_NAMES = {"Gmin": "g_min", "Gmax": "g_max"}


@dataclass(frozen=True, slots=True)
class Cycles:
    """Conductances of the counted cycles, and the pulses whose current was measured.

    Attributes
    ----------
    pulses
        Pulses of each branch.
    g
        Conductance before the first pulse and after each, S, shape (cycles, 2 pulses + 1); not a
        number where a reading has no value.
    u
        Standard uncertainties by the instrument's specification, S, of the same shape.
    measured
        Readings in the pulses, by branch.
    left_out
        Cycles without all of their readings.
    """

    pulses: int
    g: Array
    u: Array
    measured: dict[str, Readings]
    left_out: int

    @classmethod
    def of(cls, record: Measured, terminal: str, pulses: int) -> Cycles:
        """Collect the cycles of a record, finished or not."""
        length = 2 * pulses + 1
        rows, spreads, left_out = [], [], 0
        for _, readings in record.where(part="cycle"):
            reads = readings.where(role="read", terminal=terminal)
            if len(reads) == length:
                rows.append(conductances(reads))
                spreads.append(u_conductances(reads))
            left_out += len(reads) != length
        inside: dict[str, list[Readings]] = {name: [] for name in BRANCHES}
        for _, readings in record.where(part="energy"):
            found = readings.where(role="pulse", terminal=terminal)
            inside["potentiation"].append(found[:pulses])
            inside["depression"].append(found[pulses:])
        return cls(
            pulses,
            np.array(rows, float).reshape(-1, length),
            np.array(spreads, float).reshape(-1, length),
            {name: Readings([row for part in parts for row in part])
             for name, parts in inside.items()},
            left_out,
        )  # fmt: skip

    @property
    def whole(self) -> Array:
        """The cycles in which every reading has a value."""
        return self.g[np.all(np.isfinite(self.g), axis=1)]

    def branch(self, name: str, g: Array | None = None) -> Array:
        """Return the columns of one branch, the state before its first pulse among them."""
        curves = self.g if g is None else g
        return curves[..., : self.pulses + 1] if name == "potentiation" else curves[
            ..., self.pulses :
        ]  # fmt: skip

    def mean(self, g: Array | None = None) -> Array:
        """Return the mean cycle, S; not a number where no cycle has a value."""
        curves = self.g if g is None else g
        known = np.isfinite(curves)
        with np.errstate(all="ignore"):
            mean: Array = np.where(known, curves, 0.0).sum(axis=0) / known.sum(axis=0)
        return mean

    def error(self) -> Array | None:
        """Return the standard error of the mean cycle from the scatter, S; None for one cycle."""
        known = np.isfinite(self.g)
        count = known.sum(axis=0)
        if len(self.g) < 2 or np.any(count < 2):
            return None
        square = np.where(known, self.g - self.mean(), 0.0) ** 2
        return np.asarray(np.sqrt(square.sum(axis=0) / (count - 1) / count))

    def pair(self, mean: Array) -> Branches:
        """Return both branches of a mean cycle for a fit."""
        return branches(self.branch("potentiation", mean), self.branch("depression", mean))

    def columns(self) -> tuple[Array, NDArray[np.intp], NDArray[np.str_], NDArray[np.intp]]:
        """Return conductance, pulse, branch and cycle of every reading, branch after branch."""
        count = self.pulses + 1
        parts = [self.branch(name).ravel() for name in BRANCHES]
        one = np.tile(np.arange(count), len(self.g))
        cycle = np.repeat(np.arange(len(self.g)), count)
        names = np.repeat(np.array(list(BRANCHES)), count * len(self.g))
        return np.concatenate(parts), np.tile(one, 2), names, np.tile(cycle, 2)


def figures(cycles: Cycles, mean: Array) -> dict[str, Metric]:
    """Return the figures of merit of a mean cycle, without standard errors.

    Parameters
    ----------
    cycles
        What the mean is of.
    mean
        A mean cycle, S, shape (2 pulses + 1,).
    """
    data = cycles.pair(mean)
    if not np.all(np.isfinite(data.g)):
        return {}
    found = update_metrics(data, Fit("neurosim", ""))
    laws = ("neurosim", "alpha") if np.any(data.g > 0) else ("neurosim",)
    for law in laws:
        for name, value in _rough(data, law).items():
            if name in _KEPT[law]:
                unit, definition = _KEPT[law][name]
                found[_NAMES.get(name, name)] = Metric(value, None, unit, definition)
    if "g_min" in found and found["g_min"].value > 0:
        ratio = found["g_max"].value / found["g_min"].value
        found["dynamic_range"] = Metric(ratio, None, "1", "dynamic-range-both-branches")
    return found | dict(_read_off(cycles, mean))


def _rough(data: Branches, law: str) -> dict[str, float]:
    """Return the values of a law's parameters and of the labels that follow from them."""
    curve = update_curve(law, data.pulses, data.branch, data.g)
    at = np.array([data.pulses, data.branch])
    fit = fit_curve(curve, at, data.g, intervals=False)
    return {name: value.value for name, value in fit.values.items()}


def _read_off(cycles: Cycles, mean: Array) -> Iterator[tuple[str, Metric]]:
    """Yield what needs no law: the range of the readings and the smallest steps."""
    if np.all(mean > 0):
        ratio = float(np.max(mean) / np.min(mean))
        yield "dynamic_range_read", Metric(ratio, None, "1", "dynamic-range-of-mean-cycle")
    for (name, short), sign in zip(BRANCHES.items(), (1, -1), strict=True):
        curve = cycles.branch(name, mean)
        if np.all(curve > 0):
            least = float(np.min(sign * np.diff(np.log(curve))))
            yield f"smallest_step_{short}", Metric(least, None, "1", "smallest-step-of-mean-cycle")


def jackknifed(cycles: Cycles) -> dict[str, Metric]:
    """Return the figures of merit of the mean cycle with standard errors from the cycles.

    Each cycle in turn is left out; the scatter of the figures that result, times (n - 1)/sqrt(n),
    is their standard error with n - 1 degrees of freedom (Efron and Stein,
    doi:10.1214/aos/1176345462). It holds for any figure and needs no law of the device. One cycle
    alone leaves the errors of the fit to it, and none to what is calculated from readings.
    """
    if not len(cycles.g):
        return {}
    whole = figures(cycles, cycles.mean())
    count = len(cycles.g)
    if count < 2 or not whole:
        return whole | _single(cycles) if whole else {}
    parts = [figures(cycles, cycles.mean(np.delete(cycles.g, k, axis=0))) for k in range(count)]
    found = {}
    for name, metric in whole.items():
        values = np.array([part[name].value for part in parts if name in part])
        sigma = None
        if len(values) == count:
            sigma = float(np.std(values, ddof=1) * (count - 1) / np.sqrt(count))
        found[name] = Metric(metric.value, sigma, metric.unit, metric.definition)
    return _sure(found)


def _single(cycles: Cycles) -> dict[str, Metric]:
    """Return the labels and the dynamic range of one cycle with the errors of the fit to it."""
    data = cycles.pair(cycles.mean())
    return update_metrics(data, fit_updates(data))


def _sure(found: dict[str, Metric]) -> dict[str, Metric]:
    """Leave out a dynamic range whose lower state may be zero."""
    least = found.get("g_min")
    if least is not None and least.value <= 3 * (least.sigma or 0.0):
        found.pop("dynamic_range", None)
    return found


def drift(cycles: Cycles) -> Metric | None:
    """Return how the mean of ln G moves from one cycle to the next; None below three cycles.

    Cycles that drift have not found their loop yet, and their drift is part of any scatter.
    """
    whole = cycles.whole
    if len(whole) < 3 or np.any(whole <= 0):
        return None
    height, number = np.log(whole).mean(axis=1), np.arange(len(whole), dtype=float)
    slope, at_zero = straight_line(number, height)
    left = height - at_zero - slope * number
    spread = (
        float(np.sum(left**2)) / (len(whole) - 2) / float(np.sum((number - number.mean()) ** 2))
    )
    return Metric(slope, float(np.sqrt(spread)), "1", "drift-of-ln-conductance-per-cycle")
