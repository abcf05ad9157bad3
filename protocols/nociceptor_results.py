"""What a nociceptor felt: thresholds from fired and silent stimuli, relaxation, adaptation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, compete, draw_decay
from labctl.analysis.curves import Parameter
from labctl.analysis.likelihood import Likelihood, fit_likelihood
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.pooled import known, metric_of, pooled
from protocols.responses import conductances, energy_metrics, table, usable

__all__ = ["CONDITIONS", "fit_threshold", "nociceptor_results", "response", "threshold_metric"]

Array = NDArray[np.float64]

CONDITIONS = ("intact", "injured")
_FORMULA = "P = 1/(1 + exp(-(|V| - V50)/s))"
_LAWS = ("single_decay", "stretched_decay")
_RESTED = 10.0  # conductance over the smallest seen that still counts as rested
_BRANCH = {"intact": "depression", "injured": "potentiation"}


@dataclass(frozen=True, slots=True)
class _Felt:
    """One stimulus of the threshold: its achieved level and the response."""

    condition: str
    asked: float  #: V
    v: float  #: V
    i: float  #: A
    row: Readings


def response(readings: Readings, terminal: str) -> float:
    """Return the mean current in the last stimulus of a trial, A; zero where it is not usable.

    Parameters
    ----------
    readings
        Of the trial.
    terminal
        Driven and measured.
    """
    pulses = readings.where(role="pulse", terminal=terminal)
    if not len(pulses) or not usable(pulses)[-1]:
        return 0.0
    return float(pulses.i[-1])


def nociceptor_results(record: Measured, terminal: str, firing: float, noxious: float) -> Results:
    """Return everything that a record, finished or not, says.

    Parameters
    ----------
    record
        Steps labelled ``threshold``, ``relaxation`` and ``adaptation``.
    terminal
        Driven and measured.
    firing
        Mean current that is a response, A.
    noxious
        Level of the noxious stimulus, V.
    """
    felt = list(_felt(record, terminal))
    parts = (
        _thresholds(felt, firing),
        _hyperalgesia(felt, noxious),
        _relaxation(record, terminal),
        _adaptation(record, terminal),
        _rested(record, terminal),
    )
    return Results(
        {name: metric for part in parts for name, metric in part.metrics.items()},
        {name: fit for part in parts for name, fit in part.fits.items()},
        tuple(one for part in parts for one in part.tables),
        tuple(one for part in parts for one in part.panels),
        tuple(note for part in parts for note in part.notes) or ("no trial is complete",),
    )


def _felt(record: Measured, terminal: str) -> Iterator[_Felt]:
    for step, readings in record.where(part="threshold"):
        pulses = readings.where(role="pulse", terminal=terminal)
        if len(pulses) and usable(pulses)[-1]:
            yield _Felt(str(step.label["condition"]), float(step.label["amplitude"] or 0.0),
                        float(pulses.v[-1]), float(pulses.i[-1]), pulses[-1:])  # fmt: skip


# thresholds ---------------------------------------------------------------------------------------


def fit_threshold(v: Array, fired: NDArray[np.bool_]) -> Fit:
    """Fit the probability to fire against the amplitude by maximum likelihood.

    Parameters
    ----------
    v
        Amplitudes, V; their sign is left aside.
    fired
        Whether each stimulus fired. They may have been chosen by those before, as in a bisection.

    Returns
    -------
    Fit
        ``V50``, at which half of the stimuli fire, and ``s``, the width of the logistic curve.
        Without values where every stimulus that fired was stronger than every silent one: the
        threshold is then sharper than the stimuli can tell.
    """
    size = np.abs(np.asarray(v, float))
    if not np.any(fired) or np.all(fired):
        word = "all" if np.any(fired) else "none"
        return Fit("threshold", _FORMULA, points=len(size), note=f"{word} of the stimuli fired")
    if np.min(size[fired]) > np.max(size[~fired]):
        note = "every stimulus above the threshold fired and none below: only a bracket is known"
        return Fit("threshold", _FORMULA, points=len(size), note=note)

    def terms(half: Any, s: Any) -> Any:
        z = np.where(fired, 1.0, -1.0) * (size - half) / s
        return -np.log1p(np.exp(-z))

    model = Likelihood(
        "threshold", _FORMULA,
        (Parameter("V50", "V", log=True), Parameter("s", "V", log=True)), terms,
    )  # fmt: skip
    middle = (np.mean(size[fired]) + np.mean(size[~fired])) / 2
    overlap = float(np.max(size[~fired]) - np.min(size[fired]))
    half = (np.max(size[~fired]) + np.min(size[fired])) / 2
    starts = [np.array([half, max(overlap / 4, 1e-3)]), np.array([middle, 0.1 * middle])]
    return fit_likelihood(model, starts, len(size))


def threshold_metric(v: Array, fired: NDArray[np.bool_], fit: Fit) -> Metric | None:
    """Return the threshold with its uncertainty: from the fit, else from the bracket.

    Parameters
    ----------
    v, fired, fit
        Amplitudes, what fired, and what `fit_threshold` made of it.
    """
    if fit.values and fit.V50.sigma is not None:
        return Metric(fit.V50.value, fit.V50.sigma, "V", "firing-threshold")
    size = np.abs(v)
    if not np.any(fired) or np.all(fired):
        return None
    # between what never fired and what always did
    below, above = size[size < np.min(size[fired])], size[size > np.max(size[~fired])]
    if not len(below) or not len(above):
        return None
    low, high = float(np.max(below)), float(np.min(above))
    return Metric((low + high) / 2, (high - low) / math.sqrt(12), "V", "firing-threshold")


def _thresholds(felt: Sequence[_Felt], firing: float) -> Results:
    """Return both thresholds and the allodynia, with the responses they come from."""
    if not felt:
        return Results()
    found: dict[str, Metric | None] = {}
    fits: dict[str, Fit] = {}
    notes = []
    for condition, name in zip(CONDITIONS, ("threshold", "threshold_injured"), strict=True):
        here = [one for one in felt if one.condition == condition]
        if not here:
            continue
        v, fired = np.array([one.v for one in here]), np.array([abs(one.i) >= firing
                                                                for one in here])  # fmt: skip
        fit = fits[f"threshold_{condition}"] = fit_threshold(v, fired)
        found[name] = threshold_metric(v, fired, fit)
        said = f": {fit.note}" if fit.note else ""
        notes.append(f"{condition}: {int(np.sum(fired))} of {len(here)} stimuli fired{said}")
    metrics = known(found)
    if len(metrics) == len(CONDITIONS):
        a, b = metrics["threshold"], metrics["threshold_injured"]
        spread = math.hypot((b.sigma or 0.0) / a.value, b.value * (a.sigma or 0.0) / a.value**2)
        metrics["allodynia"] = Metric(1 - b.value / a.value, spread or None, "1", "allodynia")
    elif _always(felt, firing):
        lowest = min(abs(one.v) for one in felt)
        notes.append(f"injured, it fired at every amplitude down to {lowest:.3g} V")
    return Results(metrics, fits, (_felt_table(felt, firing),), (_felt_panel(felt, firing),),
                   tuple(notes))  # fmt: skip


def _always(felt: Sequence[_Felt], firing: float) -> bool:
    injured = [one for one in felt if one.condition == "injured"]
    return bool(injured) and all(abs(one.i) >= firing for one in injured)


def _hyperalgesia(felt: Sequence[_Felt], noxious: float) -> Results:
    """Compare the responses to the noxious stimulus, injured over intact."""
    means = []
    for condition in CONDITIONS:
        here = [one.i for one in felt if one.condition == condition and one.asked == noxious]
        means.append(pooled(np.array(here)))
    (intact, u_intact), (injured, u_injured) = means
    rows = [one.row[0] for one in felt if one.asked == noxious]
    metrics = energy_metrics({"noxious": Readings(rows)}) if rows else {}
    if math.isfinite(intact) and math.isfinite(injured) and intact:
        ratio = injured / intact
        spread = math.hypot((u_injured or 0.0) / intact, ratio * (u_intact or 0.0) / intact)
        metrics["hyperalgesia"] = Metric(ratio, spread or None, "1", "hyperalgesia")
    return Results(metrics)


# relaxation, adaptation, rest ---------------------------------------------------------------------


def _relaxation(record: Measured, terminal: str) -> Results:
    """Fit the response to a weak stimulus against the time since the noxious one."""
    rows = []
    for step, readings in record.where(part="relaxation"):
        pulses = readings.where(role="pulse", terminal=terminal)
        if len(pulses) == 2 and np.all(usable(pulses)):
            gap = float(pulses.t[1] - pulses.t[0] - np.sum(pulses.width) / 2)
            rows.append((float(step.label["interval"] or 0.0), gap, abs(float(pulses.i[1])),
                         pulses[-1:]))  # fmt: skip
    asked = sorted({row[0] for row in rows})
    if len(asked) < 3:
        return Results()
    t = np.array([np.mean([row[1] for row in rows if row[0] == a]) for a in asked])
    both = [pooled([row[2] for row in rows if row[0] == a]) for a in asked]
    y, u = np.array([mean for mean, _ in both]), np.array([s or 0.0 for _, s in both])
    sigma = u if np.all(u > 0) else None
    fits = compete(t, y, sigma, _LAWS, unit_y="A", absolute=False)
    axes = Axes("Relaxation", "response to the weak stimulus", "A", "time since the noxious one")
    metrics = known({"relaxation": _half_time(t, y)})
    metrics |= energy_metrics({"weak": Readings([row[3][0] for row in rows])})
    columns = (("interval", "s", t), ("response", "A", y), ("standard error", "A", u))
    return Results(
        metrics, {f"relaxation_{name}": fit for name, fit in fits.fits.items()},
        (table("Relaxation", columns),),
        draw_decay(t, y, u if sigma is not None else None, fits, axes),
        (f"relaxation: {fits.verdict}",),
    )  # fmt: skip


def _half_time(t: Array, y: Array) -> Metric | None:
    """Return when the response has fallen to half of the first, on a line in ln t."""
    below = np.flatnonzero(y < y[0] / 2)
    if not len(below) or below[0] == 0:
        return None
    k = int(below[0])
    a, b = math.log(t[k - 1]), math.log(t[k])
    share = float((y[k - 1] - y[0] / 2) / (y[k - 1] - y[k]))
    at = math.exp(a + share * (b - a))
    # anywhere between the two intervals, as far as they alone can tell
    return Metric(at, at * (b - a) / math.sqrt(12), "s", "relaxation-half-time")


def _adaptation(record: Measured, terminal: str) -> Results:
    trains = []
    for _, readings in record.where(part="adaptation"):
        pulses = readings.where(role="pulse", terminal=terminal)
        if len(pulses) > 1 and np.all(usable(pulses)):
            trains.append(np.abs(pulses.i))
    if not trains:
        return Results()
    length = min(len(one) for one in trains)
    courses = np.array([one[:length] for one in trains])
    third = max(1, length // 3)
    # single responses of a threshold device scatter much: thirds of the train are compared
    with np.errstate(all="ignore"):
        ratios = courses[:, -third:].mean(axis=1) / courses[:, :third].mean(axis=1)
    mean = courses.mean(axis=0)
    panel = Panel("Train of noxious stimuli", "stimulus", "1", "response", "A", (
        Trace(tuple(np.arange(1.0, length + 1).tolist()), tuple(mean.tolist()), "mean response"),
    ))  # fmt: skip
    metric = metric_of(ratios, "1", "adaptation-ratio")
    return Results(known({"adaptation": metric}), {}, (), (panel,))


def _rested(record: Measured, terminal: str) -> Results:
    """Say whether the device had forgotten before the trials."""
    g = []
    for _, readings in ((s, record.of(s)) for s in record.steps):
        reads = readings.where(role="read", terminal=terminal)
        g += conductances(reads)[:1].tolist()
    seen = np.array([x for x in g if math.isfinite(x)])
    if not len(seen):
        return Results()
    u = max((float(row.u_i / abs(row.v)) for row in record.readings if row.role == "read"),
            default=0.0)  # fmt: skip
    limit = max(_RESTED * float(np.min(np.abs(seen))), 2 * u)
    share = float(np.mean(np.abs(seen) <= limit))
    away = int(np.sum(np.abs(seen) > limit))
    notes = (f"{away} trials began before the device had forgotten",) * bool(away)
    return Results({"rested": Metric(share, None, "1", "share-rested")}, {}, (), (), notes)


# tables and panels --------------------------------------------------------------------------------


def _felt_table(felt: Sequence[_Felt], firing: float) -> Table:
    return table(
        "Stimuli of the threshold, in the order they came",
        (
            ("condition", "", [one.condition for one in felt]),
            ("amplitude", "V", [one.v for one in felt]),
            ("response", "A", [one.i for one in felt]),
            ("fired", "", [abs(one.i) >= firing for one in felt]),
        ),
    )


def _felt_panel(felt: Sequence[_Felt], firing: float) -> Panel:
    traces = []
    for condition in CONDITIONS:
        here = [one for one in felt if one.condition == condition and one.i != 0]
        traces.append(Trace(tuple(one.v for one in here), tuple(abs(one.i) for one in here),
                            condition, "points", branch=_BRANCH[condition]))  # fmt: skip
    ends = (min(one.v for one in felt), max(one.v for one in felt))
    traces.append(Trace(ends, (firing, firing), "fires", "line"))
    return Panel("Response against amplitude", "amplitude", "V", "|mean current|", "A",
                 tuple(traces), y_log=True)  # fmt: skip
