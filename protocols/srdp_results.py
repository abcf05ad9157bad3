"""Change against rate: pooled over repeats, with sign, size, zero crossing and threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.bcm import BCM, bcm_curve, bcm_threshold, compete_bcm
from labctl.analysis.competition import Axes, Competition
from labctl.analysis.curve_panels import draw_curves
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from protocols.comparison import energy_panels, energy_tables
from protocols.pooling import Pooled, pool, smallest_rise
from protocols.responses import energy_metrics, table
from protocols.train_trials import Trial, compliance_remark, trials

if TYPE_CHECKING:
    from protocols.srdp import Srdp

__all__ = ["Change", "changes", "crossing", "results"]

Array = NDArray[np.float64]

_CURRENT, _LASTING = "change-of-current-by-train", "change-of-read-conductance-by-train"
_RISE, _SPAN, _CROSSING = (
    "smallest-rise-between-neighbours", "span-of-change-over-rates", "rate-of-zero-crossing",
)  # fmt: skip
_ENOUGH_DOF = 5  # a scatter from fewer repeats is no uncertainty to compare a model with


@dataclass(frozen=True, slots=True)
class Change:
    """What one train changed.

    Attributes
    ----------
    rate
        Asked for, Hz.
    achieved
        Of the pulses as they were, Hz.
    current
        Relative change of the current from the reference pulse to the last.
    lasting
        Relative change of the conductance from the baseline to the last read.
    pulses
        Current in every pulse, A.
    """

    rate: float
    achieved: float
    current: float
    lasting: float
    pulses: Array


def changes(asked: Srdp, found: Sequence[Trial]) -> list[Change]:
    """Return what every complete trial changed."""
    whole = asked.prior_number + asked.number
    kept = []
    for trial in found:
        rate = trial.label.get("rate")
        if rate is None or len(trial.pulses) != whole or len(trial.g) != 2:
            continue
        times, current = trial.pulses.t[asked.prior_number :], trial.current
        with np.errstate(all="ignore"):
            kept.append(
                Change(
                    float(rate),
                    (asked.number - 1) / float(times[-1] - times[0]),
                    float(current[-1] / current[asked.reference_pulse] - 1),
                    float(trial.g[-1] / trial.before - 1),
                    np.abs(current),
                )
            )
    return kept


def crossing(rates: Array, change: Array, sigma: Array) -> Metric | None:
    """Return the last rate at which the change passes zero upwards, straight in ln(rate).

    Parameters
    ----------
    rates, change, sigma
        Rising rates, Hz, the change at each and its standard error, or not a number.

    Returns
    -------
    Metric or None
        With the error that those of both neighbours give it; None where it does not turn.
    """
    where = np.flatnonzero((change[:-1] < 0) & (change[1:] >= 0))
    if not len(where):
        return None
    k = int(where[-1])
    below, above = float(change[k]), float(change[k + 1])
    span = math.log(rates[k + 1] / rates[k])
    value = float(rates[k]) * math.exp(span * below / (below - above))
    slope = span / (above - below) ** 2
    error = float(np.hypot(above * sigma[k], below * sigma[k + 1])) * slope * value
    return Metric(value, error if math.isfinite(error) else None, "Hz", _CROSSING)


def results(asked: Srdp, record: Measured, said: tuple[str, ...]) -> Results:
    """Return everything that the trains tell.

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
    single = changes(asked, found)
    rates = [one.rate for one in single]
    achieved = pool(rates, [one.achieved for one in single])
    pooled = {
        "": _of_ratio(pool(rates, [1 + one.current for one in single])),
        "lasting_": _of_ratio(pool(rates, [1 + one.lasting for one in single])),
    }
    pulses = Readings([row for trial in found for row in trial.pulses])
    energies = energy_metrics({"": pulses})
    competition = _compete(achieved.mean, pooled[""])
    threshold, warning = bcm_threshold(competition)
    metrics = {
        **_figures(pooled[""], "", _CURRENT),
        **_figures(pooled["lasting_"], "lasting_", _LASTING),
        **_thresholds(achieved.mean, pooled[""], competition, threshold),
        **energies,
    }
    measured = {"pulse": energies["energy"]} if "energy" in energies else {}
    fits = {name: fit for name, fit in competition.fits.items() if fit.values}
    return Results(
        metrics,
        fits,
        (*_tables(achieved, pooled), *energy_tables(measured)),
        (
            *asked.preview(),
            *_panels(asked, single, achieved, pooled, competition),
            *energy_panels(measured),
        ),
        (*said, *compliance_remark(pulses), *_remarks(pooled[""], metrics, competition, warning)),
    )


def _of_ratio(found: Pooled) -> Pooled:
    """Return the change of a ratio: its scatter is that of the ratio."""
    return Pooled(found.keys, found.mean - 1, found.sigma, found.count, found.dof)


def _compete(rates: Array, found: Pooled) -> Competition:
    sigma = found.sigma if found.bars else None
    return compete_bcm(rates, found.mean, sigma, absolute=found.dof >= _ENOUGH_DOF)


def _figures(found: Pooled, prefix: str, definition: str) -> dict[str, Metric]:
    """Return the change at both ends, what lies between them, and whether it rises throughout."""
    good = np.flatnonzero(np.isfinite(found.mean))
    metrics: dict[str, Metric] = {}
    if not len(good):
        return metrics
    ends = {"low": int(good[0]), "high": int(good[-1])}
    for name, k in ends.items():
        metrics[f"{prefix}change_{name}"] = Metric(
            float(found.mean[k]), _known(found.sigma[k]), "1", definition
        )
    if len(good) > 1:
        low, high = ends["low"], ends["high"]
        span = float(found.mean[high] - found.mean[low])
        error = _known(float(np.hypot(found.sigma[high], found.sigma[low])))
        metrics[f"{prefix}span"] = Metric(span, error, "1", _SPAN)
        ratio = Pooled(found.keys, found.mean + 1, found.sigma, found.count, found.dof)
        rise = smallest_rise(ratio, _RISE)
        if rise is not None:
            metrics[f"{prefix}rise_ratio"] = rise
    return metrics


def _known(sigma: float) -> float | None:
    return float(sigma) if np.isfinite(sigma) else None


def _thresholds(
    rates: Array, found: Pooled, competition: Competition, threshold: Metric | None
) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    good = np.isfinite(found.mean)
    turn = crossing(rates[good], found.mean[good], found.sigma[good])
    if turn is not None:
        metrics["crossing"] = turn
    if threshold is not None:
        metrics["threshold"] = threshold
        dip = competition.fits[competition.best].values.get("dip")
        if dip is not None and dip.sigma is not None:
            metrics["dip"] = Metric(dip.value, dip.sigma, "1", "bcm-dip")
    return metrics


def _tables(achieved: Pooled, pooled: Mapping[str, Pooled]) -> Iterator[Table]:
    current, lasting = pooled[""], pooled["lasting_"]
    yield table(
        "Change by a train against its rate",
        (
            ("rate asked for", "Hz", [float(key) for key in achieved.keys]),
            ("rate", "Hz", achieved.mean),
            ("change of the current", "1", current.mean),
            ("u(change)", "1", current.sigma),
            ("lasting change of conductance", "1", lasting.mean),
            ("u(lasting)", "1", lasting.sigma),
            ("trains", "1", current.count),
        ),
    )


def _panels(
    asked: Srdp,
    single: Sequence[Change],
    achieved: Pooled,
    pooled: Mapping[str, Pooled],
    competition: Competition,
) -> Iterator[Panel]:
    if not single:
        return
    found, rates = pooled[""], achieved.mean
    after = f" after {asked.prior_number} pulses at {asked.prior_rate:g} Hz"
    title = f"Change of the current{after if asked.prior_number else ''}"
    axes = Axes(title, "change", "1", "rate", "Hz", branch=asked.branch)
    bars = found.sigma if found.bars else None
    curves = {shape: bcm_curve(shape, rates) for shape in BCM}
    fits = {name: fit for name, fit in competition.fits.items() if fit.values}
    weights = competition.weights
    shown = {n: fits[n] for n in sorted(fits, key=lambda n: -weights.get(n, 0.0))[:2]}
    yield from draw_curves(axes, rates, found.mean, bars, curves, shown, competition.best)
    lasting = pooled["lasting_"]
    good = np.isfinite(lasting.mean)
    points = Trace(
        _tuple(rates[good]), _tuple(lasting.mean[good]), "", "points",
        _tuple(lasting.sigma[good]) if lasting.bars else (), asked.branch,
    )  # fmt: skip
    title = f"Change of conductance that stays after {asked.final_after:g} s"
    yield Panel(title, "rate", "Hz", "change", "1", (points,), x_log=True)
    yield _every_pulse(asked, single)


def _every_pulse(asked: Srdp, single: Sequence[Change]) -> Panel:
    """Show the current pulse by pulse at the lowest, a middle and the highest rate."""
    rates = sorted({one.rate for one in single})
    chosen = dict.fromkeys((rates[0], rates[len(rates) // 2], rates[-1]))
    traces = []
    for rate in chosen:
        with np.errstate(all="ignore"):
            mean = np.mean([one.pulses for one in single if one.rate == rate], axis=0)
        good = np.isfinite(mean)
        number = np.arange(1.0, len(mean) + 1)
        traces.append(Trace(_tuple(number[good]), _tuple(mean[good]), f"{rate:.3g} Hz"))
    title = "Current in each pulse" + (", prior train first" if asked.prior_number else "")
    return Panel(title, "pulse number", "1", "EPSC", "A", tuple(traces))


def _tuple(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)


def _remarks(
    found: Pooled, metrics: Mapping[str, Metric], competition: Competition, warning: str
) -> Iterator[str]:
    if not len(found.keys):
        return
    if found.dof == 0:
        yield "every rate was measured once: errors are not known; repeats of 2 or more give them"
    if "crossing" not in metrics:
        yield _sizes(found)
    elif "threshold" in metrics:
        yield f"shape of the change against rate: {competition.verdict}"
        if warning:
            yield warning
        yield from _apart(metrics["threshold"], metrics["crossing"])
    else:
        yield f"the change turns its sign, but no curve gives a threshold: {warning}"


def _apart(threshold: Metric, turn: Metric) -> Iterator[str]:
    """Warn where the preferred curve does not pass where the readings do."""
    error = math.hypot(threshold.sigma or 0.0, turn.sigma or 0.0)
    if abs(threshold.value - turn.value) > 2 * error:
        yield (
            f"the curve turns at {threshold.value:.3g} Hz and the readings at {turn.value:.3g} Hz: "
            "the curve does not describe them, so go by the crossing"
        )


def _sizes(found: Pooled) -> str:
    known = found.mean[np.isfinite(found.mean)]
    signs = set(np.sign(known).tolist())
    if signs == {1.0}:
        return "every rate potentiates: the size depends on the rate, the sign does not"
    if signs == {-1.0}:
        return "every rate depresses: the size depends on the rate, the sign does not"
    return "the change does not turn from depression to potentiation with rising rate"
