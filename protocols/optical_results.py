"""What light did: responses, facilitation, decays, updates, modes, powers and energies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, Competition, compete, draw_decay
from labctl.analysis.energy_kinds import optical_energy
from labctl.analysis.paired_pulses import (
    IN_PULSE,
    PairedPulseIndex,
    index_metric,
    index_table,
    paired_pulse_index,
)
from labctl.analysis.updates import branches, draw_updates, fit_updates, update_metrics
from labctl.protocol import Measured
from labctl.readings import Flag, Readings
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from labctl.steps import StepRecord
from protocols.pooled import known, metric_of, points, pooled, pooled_times
from protocols.responses import conductances, energy_metrics, label_numbers, table, usable

__all__ = ["GAP", "MODES", "Lamp", "optical_results"]

Array = NDArray[np.float64]

GAP = 200e-6  #: at zero volts between levels, s
#: ordered pairs of light and voltage, and neither of them to compare with
MODES = ("LL", "LV", "VL", "VV", "--")
_PAIR = "ppf-index-photocurrent-rise"
_LAWS = ("single_decay", "double_decay", "stretched_decay")
_RETURNED = 0.05  # relative distance of the dark conductance that counts as the same
_END = 0.0105  # of a light pulse, from the middle of its reading to its end


@dataclass(frozen=True, slots=True)
class Lamp:
    """Where light comes from and how much of it there is."""

    light: str  #: optical port or terminal of a diode
    terminal: str  #: of the device
    efficiency: float | None  #: irradiance for 1 A of the diode, W/m2/A; None for a port
    area: float | None  #: m2
    nominal: float  #: irradiance asked for, W/m2


@dataclass(frozen=True, slots=True)
class _Trial:
    """One step: what was read in the dark, and what flowed at the end of each light pulse."""

    step: StepRecord
    reads: Readings  #: of the device
    dark: Array  #: conductances of these reads, S
    lit: Readings  #: of the device, at the end of each light pulse
    photo: Array  #: conductances at these ends, S
    irradiance: Array  #: achieved in each light pulse, W/m2

    @property
    def rises(self) -> Array:
        """Conductance at the end of each light pulse above that in the dark before, S."""
        rises: Array = self.photo - self.dark[0]
        return rises


def _trials(record: Measured, lamp: Lamp, part: str, reads: int, lit: int) -> Iterator[_Trial]:
    """Yield the complete steps of a part; `lit` of 0 takes any number of light pulses."""
    for step, readings in record.where(part=part):
        seen = readings.where(role="read", terminal=lamp.terminal)
        flashes, light = _flashes(readings, lamp)
        if len(seen) < reads or (lit and len(flashes) != lit) or len(flashes) != len(light):
            continue
        yield _Trial(step, seen, conductances(seen), flashes, conductances(flashes), light)


def _flashes(readings: Readings, lamp: Lamp) -> tuple[Readings, Array]:
    """Return the readings of the device in light pulses, and the irradiance of each."""
    pulses = readings.where(role="pulse")
    others = [row for row in pulses if row.terminal != lamp.terminal]
    times = {round(row.t, 9) for row in others}
    seen = Readings([row for row in pulses if row.terminal == lamp.terminal
                     and round(row.t, 9) in times])  # fmt: skip
    level = [row.v if lamp.efficiency is None else lamp.efficiency * row.i for row in others]
    return seen, np.array(level, float)


def optical_results(record: Measured, lamp: Lamp) -> Results:
    """Return everything that a record, finished or not, says.

    Parameters
    ----------
    record
        Steps labelled as `protocols.optical.Optical` does.
    lamp
        Terminals, area and calibration of the light.
    """
    parts = [
        made(record, lamp)
        for made in (
            _spectrum, _dose, _pairs, _frequency, _decays, _updates, _modes, _powers, _verified,
        )
    ]  # fmt: skip
    return Results(
        {name: metric for part in parts for name, metric in part.metrics.items()},
        {name: fit for part in parts for name, fit in part.fits.items()},
        tuple(one for part in parts for one in part.tables),
        tuple(one for part in parts for one in part.panels),
        tuple(note for part in parts for note in part.notes) or ("nothing is complete yet",),
    )


def _grouped(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return each value of x once, with the mean of its y and the standard error of that."""
    values = np.unique(x[np.isfinite(x)])
    both = [pooled(y[x == value]) for value in values]
    return (
        values,
        np.array([mean for mean, _ in both]),
        np.array([math.nan if sigma is None else sigma for _, sigma in both]),
    )


# against wavelength, dose, interval, rate ---------------------------------------------------------


def _spectrum(record: Measured, lamp: Lamp) -> Results:
    trials = list(_trials(record, lamp, "spectrum", 2, 1))
    if not trials:
        return Results()
    change = np.array([one.dark[1] / one.dark[0] - 1 for one in trials])
    x, y, u = _grouped(label_numbers([one.step for one in trials], "wavelength"), change)
    x, y, u = (part[np.isfinite(y)] for part in (x, y, u))
    if not len(y):
        return Results(notes=("spectrum: no reading is usable",))
    metrics = {}
    if len(x) > 1 and np.min(y) > 0:
        low, high = int(np.argmin(y)), int(np.argmax(y))
        ratio = float(y[high] / y[low])
        relative = math.hypot(*(u[k] / y[k] for k in (low, high)))
        sigma = ratio * relative if math.isfinite(relative) else None
        metrics["selectivity"] = Metric(ratio, sigma or None, "1", "wavelength-selectivity")
    columns = (
        ("wavelength", "m", x), ("change", "1", y), ("standard error", "1", u),
        ("relative response", "1", y / np.max(y)),
    )  # fmt: skip
    panel = Panel(
        "Change by one light pulse", "wavelength", "m", "change of the conductance", "1",
        (points(x, y, u=u, branch="potentiation"),), y_log=bool(np.all(y > 0)),
    )  # fmt: skip
    return Results(metrics, {}, (table("Change by one light pulse", columns),), (panel,),
                   (f"spectrum: {len(trials)} light pulses at {len(x)} wavelengths",))  # fmt: skip


def _dose(record: Measured, lamp: Lamp) -> Results:
    trials = list(_trials(record, lamp, "dose", 2, 1))
    if not trials:
        return Results()
    asked = label_numbers([one.step for one in trials], "irradiance")
    change = np.array([one.dark[1] - one.dark[0] for one in trials])
    doses = np.array([float(one.irradiance[0] * one.lit.width[0]) for one in trials])
    _, y, u = _grouped(asked, change)
    _, x, _ = _grouped(asked, doses)
    metrics = {
        name: metric
        for name, pair in (("dose_slope_low", (0, 1)), ("dose_slope_high", (-2, -1)))
        if (metric := _log_slope(x, y, u, pair)) is not None
    }
    columns = (("dose", "J/m2", x), ("change", "S", y), ("standard error", "S", u))
    panel = Panel("Change against dose", "dose", "J/m2", "change of the conductance", "S",
                  (points(x, y, u=u, branch="potentiation"),), x_log=True,
                  y_log=bool(np.all(y > 0)))  # fmt: skip
    return Results(metrics, {}, (table("Change against dose", columns),), (panel,))


def _log_slope(x: Array, y: Array, u: Array, pair: tuple[int, int]) -> Metric | None:
    """Return d ln y/d ln x between two points; None where a change is not positive."""
    if len(x) < 2 or not (y[list(pair)] > 0).all() or not (x[list(pair)] > 0).all():
        return None
    a, b = pair
    span = math.log(x[b] / x[a])
    sigma = math.hypot(u[a] / y[a], u[b] / y[b]) / span
    slope = math.log(y[b] / y[a]) / span
    return Metric(slope, sigma if math.isfinite(sigma) and sigma else None, "1", "dose-slope")


def _pairs(record: Measured, lamp: Lamp) -> Results:
    trials = list(_trials(record, lamp, "pair", 1, 2))
    if not trials:
        return Results()
    rises = np.array([one.rises for one in trials])
    interval = np.array([one.lit.t[1] - one.lit.t[0] - one.lit.width[0] for one in trials])
    asked = label_numbers([one.step for one in trials], "interval")
    pairs = paired_pulse_index(rises[:, 0], rises[:, 1], interval, IN_PULSE, asked=asked)
    index: PairedPulseIndex = msgspec.structs.replace(pairs, definition=_PAIR)
    fits = compete(index.interval, index.index, index.sigma or None, _LAWS,
                   absolute=index.absolute)  # fmt: skip
    axes = Axes("Facilitation by light", "index A2/A1 - 1", "1", "interval", branch="potentiation")
    return Results(
        known({"index": index_metric(index)}),
        {f"pair_{name}": fit for name, fit in fits.fits.items()},
        (index_table(index, "Facilitation by light"),),
        draw_decay(index.interval, index.index, index.bars or None, fits, axes),
        (f"pairs of light pulses: {fits.verdict}",),
    )


def _frequency(record: Measured, lamp: Lamp) -> Results:
    trials = [one for one in _trials(record, lamp, "frequency", 1, 0) if len(one.photo) > 1]
    if not trials:
        return Results()
    gain = np.array([one.rises[-1] / one.rises[0] for one in trials])
    x, y, u = _grouped(label_numbers([one.step for one in trials], "rate"), gain)
    metrics = {
        f"gain_{name}": Metric(
            float(y[k]), float(u[k]) if u[k] > 0 else None, "1", "light-train-gain"
        )
        for name, k in (("low", 0), ("high", -1))
        if np.isfinite(y[k])
    }
    panel = Panel("Gain of a train of light pulses", "rate", "Hz", "last over first response",
                  "1", (points(x, y, u=u, branch="potentiation"),), x_log=True)  # fmt: skip
    columns = (("rate", "Hz", x), ("gain", "1", y), ("standard error", "1", u))
    return Results(metrics, {}, (table("Gain of trains of light pulses", columns),), (panel,))


# decay, updates, modes ----------------------------------------------------------------------------


def _decays(record: Measured, lamp: Lamp) -> Results:
    trials = [one for one in _trials(record, lamp, "decay", 4, 0) if len(one.photo)]
    counts = label_numbers([one.step for one in trials], "count")
    parts = [
        _decay([one for one, n in zip(trials, counts, strict=True) if n == count], int(count))
        for count in np.unique(counts)
    ]
    return Results(
        {name: metric for part in parts for name, metric in part.metrics.items()},
        {name: fit for part in parts for name, fit in part.fits.items()},
        tuple(one for part in parts for one in part.tables),
        tuple(one for part in parts for one in part.panels),
        tuple(note for part in parts for note in part.notes),
    )


def _decay(trials: list[_Trial], count: int) -> Results:
    """Fit the mean of the decays after one number of light pulses."""
    length = min(len(one.dark) for one in trials)
    t = np.mean([_since(one)[1:length] for one in trials], axis=0)
    seen = np.array([one.dark[1:length] - one.dark[0] for one in trials])
    y = seen.mean(axis=0)
    fits: Competition = compete(t, y, models=_LAWS, unit_y="S", slow=1.0)
    share = metric_of(seen[:, -1] / seen[:, 0], "1", "light-left")
    pulses = "pulse" if count == 1 else "pulses"
    axes = Axes(f"Dark after {count} light {pulses}", "conductance above the dark one", "S",
                "time in the dark", branch="potentiation")  # fmt: skip
    return Results(
        known({f"left_{count}": share, f"tau_{count}": pooled_times(t, seen)}),
        {f"decay_{count}_{name}": fit for name, fit in fits.fits.items()},
        (table(f"Decay after {count} light {pulses}", (("time", "s", t), ("change", "S", y))),),
        draw_decay(t, y, None, fits, axes),
        (f"decay after {count} light {pulses}: {fits.verdict}",),
    )


def _since(trial: _Trial) -> Array:
    """Return the times of the reads since the end of the last light pulse, s."""
    since: Array = trial.reads.t - (trial.lit.t[-1] + _END * trial.lit.width[-1])
    return since


def _updates(record: Measured, lamp: Lamp) -> Results:
    ups = [one.dark for one in _trials(record, lamp, "potentiation", 3, 0)]
    downs = [
        conductances(rows.where(role="read", terminal=lamp.terminal))
        for _, rows in record.where(part="depression")
    ]
    downs = [one for one in downs if len(one) > 2]
    count = min(len(ups), len(downs))
    if not count or len({len(one) for one in ups}) > 1 or len({len(one) for one in downs}) > 1:
        return Results()
    up = np.mean(ups[:count], axis=0)
    down = np.concatenate(([up[-1]], np.mean(downs[:count], axis=0)))
    data, fits = branches(up, down), dict[str, Fit]()
    fits["neurosim"] = fit_updates(data)
    changes = {
        "light_change": [one[-1] / one[0] - 1 for one in ups],
        "voltage_change": [b[-1] / a[-1] - 1 for a, b in zip(ups, downs, strict=False)],
    }
    metrics = known(
        {name: metric_of(x, "1", "relative-change-by-train") for name, x in changes.items()}
    )
    axes = Axes("Light up, voltage down", "conductance", "S", "pulse", "1", False)
    return Results(
        metrics | update_metrics(data, fits["neurosim"]), fits, (_update_table(up, down),),
        (draw_updates(data, fits, axes),),
    )  # fmt: skip


def _update_table(up: Array, down: Array) -> Table:
    kinds = ["light"] * len(up) + ["voltage"] * len(down)
    numbers = np.concatenate((np.arange(len(up)), np.arange(len(down)))).astype(float)
    columns = (
        ("pulses of", "", kinds), ("number", "1", numbers),
        ("conductance", "S", np.concatenate((up, down))),
    )  # fmt: skip
    return table("Light up, voltage down: mean of the cycles", columns)


def _modes(record: Measured, lamp: Lamp) -> Results:
    seen: dict[str, list[float]] = {mode: [] for mode in MODES}
    for one in _trials(record, lamp, "mode", 2, 0):
        seen[str(one.step.label["mode"])].append(float(one.dark[-1]))
    neither, u_neither = pooled(seen["--"])
    if not math.isfinite(neither):
        return Results()
    metrics: dict[str, Metric] = {}
    for mode in MODES[:-1]:
        found = metric_of(np.array(seen[mode]) / neither, "1", "co-modulation-ratio")
        if found is not None:
            spread = math.hypot(found.sigma or 0.0, found.value * (u_neither or 0.0) / neither)
            metrics[f"mode_{mode}"] = msgspec.structs.replace(found, sigma=spread or None)
    traces = tuple(
        Trace((float(k),), (one.value,), name.removeprefix("mode_"), "points",
              () if one.sigma is None else (one.sigma,))
        for k, (name, one) in enumerate(metrics.items())
    )  # fmt: skip
    line = Trace((-0.5, len(metrics) - 0.5), (1.0, 1.0), "neither", "line")
    panel = Panel("Pairs of light (L) and voltage (V)", "pair", "1",
                  "conductance over that without them", "1", (*traces, line))  # fmt: skip
    columns = (
        ("first and second", "", list(seen)),
        ("conductance", "S", np.array([pooled(values)[0] for values in seen.values()])),
        ("pairs", "1", np.array([len(values) for values in seen.values()], float)),
    )
    return Results(metrics, {}, (table("Pairs of light and voltage", columns),), (panel,))


# powers and energies, and the state it began in ---------------------------------------------------


def _powers(record: Measured, lamp: Lamp) -> Results:
    """Return the responsivity and the energies of a light and of a voltage pulse."""
    firsts = [
        one
        for part in ("spectrum", "pair", "frequency", "decay")
        for one in _trials(record, lamp, part, 1, 0)
        if len(one.photo) and one.step.label.get("port", lamp.light) == lamp.light
    ]
    lit = Readings([row for one in firsts for row in one.lit[:1]])
    down = Readings(
        [
            row
            for _, rows in record.where(part="depression")
            for row in rows.where(role="pulse", terminal=lamp.terminal)
        ]
    )
    metrics = energy_metrics({"lit": lit, "depression": down})
    if lamp.area is not None and firsts:
        power = np.array([one.irradiance[0] for one in firsts]) * lamp.area
        current = np.array([one.rises[0] * one.lit.v[0] for one in firsts])
        metrics |= known({"responsivity": metric_of(current / power, "A/W", "responsivity")})
        mean, sigma = pooled(power / lamp.area)
        width = float(firsts[0].lit.width[0])
        metrics["energy_optical"] = optical_energy(max(mean, 0.0), lamp.area, width, sigma or 0.0)
    return Results(metrics)


def _verified(record: Measured, lamp: Lamp) -> Results:
    """Say whether the device was as dark before every trial as before the first."""
    first = []
    for step in record.steps:
        if step.label.get("part") not in (None, "depression"):
            reads = record.of(step).where(role="read", terminal=lamp.terminal)
            first += [conductances(reads)[0]] if len(reads) and usable(reads)[0] else []
    if not first:
        return Results()
    off = np.abs(np.array(first) / first[0] - 1)
    share = float(np.mean(off <= _RETURNED))
    metric = Metric(share, None, "1", "share-of-parts-on-baseline")
    note = f"{len(first)} trials; the dark conductance before them differed by {np.max(off):.2g}"
    notes = (f"{note} at most, relative", *_limited(record))
    return Results({"returned": metric}, {}, (), (), notes)


def _limited(record: Measured) -> tuple[str, ...]:
    """Say how many light or voltage pulses the compliance has cut."""
    cut = sum(row.role == "pulse" and row.flags & int(Flag.COMPLIANCE) != 0
              for row in record.readings)  # fmt: skip
    return (f"{cut} readings in pulses at the compliance: less was applied than asked",) * bool(cut)
