"""Decays after trains: gains, retained fractions and time constants, with their trends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition, compete
from labctl.analysis.decay import curve, fit_decay
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.comparison import energy_panels, energy_tables
from protocols.pooling import Pooled, fit_exponents, pool, smallest_rise
from protocols.responses import energy_metrics, table
from protocols.train_trials import Trial, compliance_remark, trials

if TYPE_CHECKING:
    from protocols.stp_ltp import StpLtp

__all__ = ["Decay", "decays", "results"]

Array = NDArray[np.float64]

_LAWS = ("single_decay", "double_decay", "stretched_decay")
_RETAINED, _GAIN, _TAU = "retained-fraction-of-gain", "gain-after-train", "time-of-decay-law"
_RISE, _SLOPE = "smallest-rise-between-neighbours", "relative-slope-of-response"
_FEWEST = 4  # usable reads of a decay


@dataclass(frozen=True, slots=True)
class Decay:
    """The gain of conductance after one train.

    Attributes
    ----------
    place
        What was varied: number of pulses, V or s.
    delay
        From the end of the train to each read, as achieved, s.
    gain
        Conductance above that before the train, S; not a number where a read has no value.
    before
        That conductance, S.
    """

    place: float
    delay: Array
    gain: Array
    before: float

    @property
    def first(self) -> float:
        """Gain at the first read, S."""
        return float(self.gain[0])

    @property
    def last(self) -> float:
        """Gain at the last read, S."""
        return float(self.gain[-1])


def decays(asked: StpLtp, found: Sequence[Trial]) -> list[Decay]:
    """Return the complete decays of a record."""
    name, _ = asked.varied()
    count = len(asked.read_times())
    kept = []
    for trial in found:
        value = trial.label.get(name)
        if len(trial.g) == count and value is not None and np.isfinite(trial.before):
            kept.append(
                Decay(float(value), trial.delay, trial.g - trial.before, float(trial.before))
            )
    return kept


def results(asked: StpLtp, record: Measured, said: tuple[str, ...]) -> Results:
    """Return everything that the decays tell.

    Parameters
    ----------
    asked
        The protocol.
    record
        What was measured.
    said
        Notes on trials, baseline and limits.
    """
    found = list(trials(record, asked.terminal))
    single = decays(asked, found)
    pulses = Readings([row for trial in found for row in trial.pulses])
    energies = energy_metrics({"": pulses})
    means = _means(single)
    competitions = {mean.place: _compete(mean) for mean in means}
    times = _times(asked, single, competitions)
    metrics = {**_figures(asked, single), **_named(asked, times), **_trends(single, times)}
    fits = {
        f"{law}_{_suffix(asked, place)}": fit
        for place, competition in competitions.items()
        for law, fit in competition.fits.items()
    }
    measured = {"pulse": energies["energy"]} if "energy" in energies else {}
    return Results(
        metrics | energies,
        fits,
        (*_tables(asked, single, means, times), *energy_tables(measured)),
        (
            *asked.preview(),
            *_panels(asked, single, means, competitions, times),
            *energy_panels(measured),
        ),
        (*said, *compliance_remark(pulses), *_remarks(asked, means, competitions)),
    )


def _means(single: Sequence[Decay]) -> list[Decay]:
    """Return the mean decay of each kind of train."""
    found = []
    for place in sorted({decay.place for decay in single}):
        same = [decay for decay in single if decay.place == place]
        gain = np.array([decay.gain for decay in same])
        known = np.isfinite(gain)
        with np.errstate(all="ignore"):
            mean = np.where(known, gain, 0.0).sum(axis=0) / known.sum(axis=0)
        delay = np.mean([decay.delay for decay in same], axis=0)
        found.append(Decay(place, delay, mean, float(np.mean([decay.before for decay in same]))))
    return found


def _compete(mean: Decay) -> Competition:
    """Fit the laws with a free lasting part to a mean decay."""
    slow = mean.before + mean.gain
    return compete(mean.delay, mean.gain, None, _LAWS, "free", "s", "S", slow=slow)


def _times(
    asked: StpLtp, single: Sequence[Decay], competitions: Mapping[float, Competition]
) -> dict[str, Pooled]:
    """Return the parameters of the law against what was varied.

    Where trains were repeated each decay is fitted by itself, and the scatter of the parameters
    gives their error: a device that draws its time anew for every decay gives a mean decay whose
    residuals say nothing of that. A single decay has the error of its fit.
    """
    names = ("tau", "beta") if asked.law == "stretched_decay" else ("tau1",)
    places = sorted({decay.place for decay in single})
    repeated = len(single) > len(places)
    if repeated:
        fits = [(decay.place, _fit(asked.law, decay)) for decay in single]
        kept = [(place, fit) for place, fit in fits if _determined(fit, names)]
        return {
            _plain(name): pool([p for p, _ in kept], [fit.values[name].value for _, fit in kept])
            for name in names
        }
    fits = [(place, competitions[place].fits[asked.law]) for place in places]
    kept = [(place, fit) for place, fit in fits if _determined(fit, names)]
    return {
        _plain(name): Pooled(
            tuple(place for place, _ in kept),
            np.array([fit.values[name].value for _, fit in kept], float),
            np.array([fit.values[name].sigma for _, fit in kept], float),
            np.ones(len(kept)),
            0,
        )
        for name in names
    }


def _fit(law: str, decay: Decay) -> Fit:
    slow = decay.before + decay.gain
    return fit_decay(decay.delay, decay.gain, None, law, "free", "s", "S", slow=slow)


def _determined(fit: Fit, names: Sequence[str]) -> bool:
    return fit.identifiable and all(fit.values[name].sigma is not None for name in names)


def _plain(name: str) -> str:
    return "tau" if name == "tau1" else name


def _suffix(asked: StpLtp, place: float) -> str:
    _, unit = asked.varied()
    return f"{place:g}" if unit == "1" else f"{place:g}{unit}"


def _figures(asked: StpLtp, single: Sequence[Decay]) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for name, pooled in (("retained", _retained(single)), ("gain", _gains(single))):
        for place in pooled.keys:
            value, sigma = pooled.at(place)
            unit, definition = ("1", _RETAINED) if name == "retained" else ("S", _GAIN)
            if np.isfinite(value):
                metrics[f"{name}_{_suffix(asked, place)}"] = Metric(value, sigma, unit, definition)
    return metrics


def _retained(single: Sequence[Decay]) -> Pooled:
    with np.errstate(all="ignore"):
        shares = [np.float64(decay.last) / decay.first for decay in single]
    return pool([decay.place for decay in single], shares)


def _gains(single: Sequence[Decay]) -> Pooled:
    return pool([decay.place for decay in single], [decay.first for decay in single])


def _named(asked: StpLtp, times: Mapping[str, Pooled]) -> dict[str, Metric]:
    metrics = {}
    for name, pooled in times.items():
        for place in pooled.keys:
            value, sigma = pooled.at(place)
            unit, definition = ("s", _TAU) if name == "tau" else ("1", "exponent-of-decay-law")
            metrics[f"{name}_{_suffix(asked, place)}"] = Metric(value, sigma, unit, definition)
    return metrics


def _trends(single: Sequence[Decay], times: Mapping[str, Pooled]) -> dict[str, Metric]:
    """Return how the retained fraction and the time constant rise with what was varied."""
    metrics: dict[str, Metric] = {}
    for name, pooled in (("retained", _retained(single)), ("tau", times.get("tau"))):
        if pooled is None or not len(pooled.keys):
            continue
        rise = smallest_rise(pooled, _RISE)
        if rise is not None:
            metrics[f"rise_{name}"] = rise
        slope = fit_exponents({"x": np.abs(pooled.keys)}, pooled.mean).values.get("p_x")
        if slope is not None and slope.sigma is not None:
            metrics[f"slope_{name}"] = Metric(slope.value, slope.sigma, "1", _SLOPE)
    return metrics


def _tables(
    asked: StpLtp, single: Sequence[Decay], means: Sequence[Decay], times: Mapping[str, Pooled]
) -> Iterator[Table]:
    name, unit = asked.varied()
    retained, gains = _retained(single), _gains(single)
    columns: list[tuple[str, str, Sequence[float] | Array]] = [
        (name, unit, [float(place) for place in retained.keys]),
        ("gain after the train", "S", gains.mean), ("u(gain)", "S", gains.sigma),
        ("retained", "1", retained.mean), ("u(retained)", "1", retained.sigma),
    ]  # fmt: skip
    for key, pooled in times.items():
        known = [pooled.at(p) if p in pooled.keys else (np.nan, None) for p in retained.keys]
        size = "s" if key == "tau" else "1"
        columns.append((key, size, [value for value, _ in known]))
        columns.append((f"u({key})", size, [np.nan if u is None else u for _, u in known]))
    yield table("What trains leave", columns)
    yield table(
        "Mean decays",
        (
            (name, unit, [mean.place for mean in means for _ in mean.gain]),
            ("time after the train", "s", _chained([m.delay for m in means])),
            ("gain", "S", _chained([m.gain for m in means])),
        ),
    )


def _chained(parts: Sequence[Array]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0)


def _panels(
    asked: StpLtp,
    single: Sequence[Decay],
    means: Sequence[Decay],
    competitions: Mapping[float, Competition],
    times: Mapping[str, Pooled],
) -> Iterator[Panel]:
    if not means:
        return
    fits = {place: found.fits[asked.law] for place, found in competitions.items()}
    for share in (False, True):
        traces = [trace for mean in means for trace in _drawn(asked, mean, fits, share=share)]
        traces = _labelled_once(traces)
        kind, unit = ("share of the first gain", "1") if share else ("gain of conductance", "S")
        title = f"Decay after each train{', normalised' if share else ''}"
        yield Panel(title, "time after the train", "s", kind, unit, tuple(traces), x_log=True)
    name, unit = asked.varied()
    for label, size, pooled in (
        ("retained fraction", "1", _retained(single)),
        (f"time constant ({asked.law.replace('_', ' ')})", "s", times.get("tau")),
    ):
        if pooled is not None and len(pooled.keys):
            keys = tuple(float(place) for place in pooled.keys)
            trace = Trace(
                keys, tuple(pooled.mean.tolist()), "", "points", pooled.bars, asked.branch
            )
            title = f"{label[:1].upper()}{label[1:]} against {name}"
            yield Panel(title, name, unit, label, size, (trace,))


def _labelled_once(traces: Sequence[Trace]) -> list[Trace]:
    """Name only the first line: all are the same law."""
    seen: set[str] = set()
    found = []
    for trace in traces:
        again = trace.kind == "line" and trace.label in seen
        found.append(msgspec.structs.replace(trace, label="") if again else trace)
        seen.add(trace.label)
    return found


def _drawn(
    asked: StpLtp, mean: Decay, fits: Mapping[float, Fit], *, share: bool
) -> Iterator[Trace]:
    """Yield the points of a decay, and the law through it in the same colour."""
    good = np.isfinite(mean.gain) & (mean.delay > 0)
    size = mean.first if share else 1.0
    if np.sum(good) < _FEWEST or not np.isfinite(size) or size == 0:
        return
    name, unit = asked.varied()
    said = f"{mean.place:g} pulses" if name == "number" else f"{mean.place:g} {unit}"
    t, y = mean.delay[good], mean.gain[good] / size
    yield Trace(tuple(t.tolist()), tuple(y.tolist()), said)
    fit = fits.get(mean.place)
    if fit is not None and fit.values and not share:
        dense = np.geomspace(float(t[0]), float(t[-1]), 100)
        line = curve(fit, dense) / size
        law = asked.law.replace("_", " ")
        yield Trace(tuple(dense.tolist()), tuple(line.tolist()), law, "line")


def _remarks(
    asked: StpLtp, means: Sequence[Decay], competitions: Mapping[float, Competition]
) -> Iterator[str]:
    for place, found in competitions.items():
        fit = found.fits[asked.law]
        said = f"after {_suffix(asked, place)}: {found.verdict}"
        if not fit.identifiable:
            why = fit.note or "its parameters are not determined"
            said += f"; no time constant of the {asked.law.replace('_', ' ')}: {why}"
        yield said
    if means:
        delay = 1e3 * float(np.median([mean.delay[0] for mean in means]))
        end = float(np.median([mean.delay[-1] for mean in means]))
        yield (
            f"retained is the gain after {end:.3g} s over that after {delay:.3g} ms, above the "
            "conductance that the train began at"
        )
