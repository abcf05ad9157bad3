"""What excitation and inhibition did: postsynaptic currents, their sum, their balance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, compete, draw_decay, judge
from labctl.protocol import Measured
from labctl.readings import Readings, Row
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.pooled import known, metric_of, pooled
from protocols.responses import conductances, energy_metrics, table, usable

__all__ = ["balance", "net_current", "synergy_results"]

Array = NDArray[np.float64]

_ALONE = ("E", "I")
_BRANCH = {"E": "potentiation", "I": "depression"}
_CURRENT = {"E": "epsc", "I": "ipsc"}
_LAWS = ("single_decay", "double_decay")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One trial: what it was, and the postsynaptic current after it."""

    inputs: str
    inhibit: float
    delay: float
    returned: bool
    t: Array  #: of the reads since the end of the last pulse, s
    psc: Array  #: current at the read voltage less that before the pulses, A
    pulses: Readings


def synergy_results(record: Measured, terminal: str, level: float) -> Results:
    """Return everything that a record, finished or not, says.

    Parameters
    ----------
    record
        Steps labelled ``trial``.
    terminal
        Driven and measured.
    level
        Read voltage, V: what currents are reduced to.
    """
    seen = _all_seen(record, terminal, level)
    if not seen:
        return Results(notes=("no trial is complete",))
    alone = {letter: [one for one in seen if one.inputs == letter] for letter in _ALONE}
    metrics = known(
        {
            _CURRENT[letter]: metric_of([one.psc[0] for one in found], "A", "postsynaptic-current")
            for letter, found in alone.items()
        }
    )
    added, sums, lines = _sums(seen, alone)
    balanced, points = _balance(seen)
    fits, decays = _decays(alone)
    returned = [one.returned for one in seen]
    metrics |= added | balanced | _energies(seen)
    metrics["returned"] = Metric(float(np.mean(returned)), None, "1", "share-of-pairs-on-baseline")
    away = len(returned) - sum(returned)
    lost = sum(1 for _ in record.where(part="trial")) - len(seen)
    notes = [f"{len(seen)} trials, order randomised"]
    if away:
        notes.append(f"{away} of them began away from the baseline by more than the tolerance")
    if lost:
        notes.append(f"{lost} trials left out: unfinished, or a reading was lost")
    if "balance" not in metrics:
        notes.append("no inhibition balances the excitation: the net current keeps its sign")
    return Results(
        metrics, fits, (_table(seen), *sums),
        (*_courses(seen, alone), *lines, *points, *decays), tuple(notes),
    )  # fmt: skip


def _all_seen(record: Measured, terminal: str, level: float) -> list[_Seen]:
    found = []
    for step, readings in record.where(part="trial"):
        reads = readings.where(role="read", terminal=terminal)
        pulses = readings.where(role="pulse", terminal=terminal)
        inputs = str(step.label["inputs"])
        if len(reads) < 2 or len(pulses) != len(inputs) or not np.all(usable(reads)):
            continue
        # a pulse is read in its last quarter, whose middle is 17.5 % before its end
        t = reads.t[1:] - (pulses.t[-1] + 0.175 * pulses.width[-1])
        g = conductances(reads)
        found.append(
            _Seen(inputs, float(step.label["inhibit"] or 0.0), float(step.label["delay"] or 0.0),
                  bool(step.label["returned"]), t, (g[1:] - g[0]) * level, pulses)
        )  # fmt: skip
    return found


def net_current(readings: Readings, terminal: str, level: float) -> float:
    """Return the postsynaptic current in the first read after the pulses of a trial, A.

    Parameters
    ----------
    readings
        Of the trial; not a number where one of the two reads is missing or unusable.
    terminal, level
        Read, and its voltage in V.
    """
    g = conductances(readings.where(role="read", terminal=terminal))
    return float(g[1] - g[0]) * level if len(g) > 1 else math.nan


# the sum ------------------------------------------------------------------------------------------


def _sums(
    seen: Sequence[_Seen], alone: dict[str, list[_Seen]]
) -> tuple[dict[str, Metric], list[Table], list[Panel]]:
    """Compare both together with the sum of each alone, against order and delay."""
    if not all(alone.values()):
        return {}, [], []
    single = {letter: pooled([one.psc[0] for one in found]) for letter, found in alone.items()}
    expected = sum(mean for mean, _ in single.values())
    size = sum(abs(mean) for mean, _ in single.values())
    u_expected = math.hypot(*(u or 0.0 for _, u in single.values()))
    level = alone["I"][0].inhibit
    metrics: dict[str, Metric] = {}
    rows: list[tuple[str, float, float, float, float]] = []
    for order in ("EI", "IE"):
        both = [one for one in seen if one.inputs == order and one.inhibit == level]
        for delay in sorted({one.delay for one in both}):
            mean, u = pooled([one.psc[0] for one in both if one.delay == delay])
            if math.isfinite(mean):
                rows.append((order, delay, mean, u or 0.0, (mean - expected) / size))
    for order in ("EI", "IE"):
        first = next((row for row in rows if row[0] == order), None)
        if first is not None:
            _, _, mean, u, off = first
            metrics[f"sum_{order}"] = Metric(mean, u or None, "A", "postsynaptic-current")
            sigma = math.hypot(u, u_expected) / size
            metrics[f"deviation_{order}"] = Metric(off, sigma or None, "1", "summation-deviation")
    columns = (
        ("order", "", [row[0] for row in rows]),
        ("delay", "s", [row[1] for row in rows]),
        ("net current", "A", [row[2] for row in rows]),
        ("standard error", "A", [row[3] for row in rows]),
        ("deviation from the sum", "1", [row[4] for row in rows]),
    )
    return metrics, [table("Both together", columns)], _sum_panels(rows, expected)


def _sum_panels(
    rows: Sequence[tuple[str, float, float, float, float]], expected: float
) -> list[Panel]:
    if not rows:
        return []
    traces = []
    for order, name in (("EI", "E, then I"), ("IE", "I, then E")):
        here = [row for row in rows if row[0] == order]
        bars = tuple(row[3] for row in here)
        traces.append(Trace(tuple(row[1] for row in here), tuple(row[2] for row in here), name,
                            "points", bars if any(bars) else ()))  # fmt: skip
    ends = (min(row[1] for row in rows), max(row[1] for row in rows))
    line = Trace(ends, (expected, expected), "sum of both alone", "line")
    return [Panel("Both together against their delay", "delay", "s", "net postsynaptic current",
                  "A", (*traces, line), x_log=True)]  # fmt: skip


# the balance --------------------------------------------------------------------------------------


def _balance(seen: Sequence[_Seen]) -> tuple[dict[str, Metric], list[Panel]]:
    """Find the inhibitory level that leaves nothing of the excitation."""
    shortest = min(one.delay for one in seen)
    both = [one for one in seen if one.inputs == "EI" and one.delay == shortest]
    excited = [one for one in seen if one.inputs == "E"]
    if len({one.inhibit for one in both}) < 2 or not excited:
        return {}, []
    levels = sorted({one.inhibit for one in both}, key=abs)
    x = np.array([0.0, *levels])
    groups = [excited, *([one for one in both if one.inhibit == v] for v in levels)]
    found = [pooled([one.psc[0] for one in group]) for group in groups]
    y, u = np.array([mean for mean, _ in found]), np.array([s or 0.0 for _, s in found])
    metric = balance(x, y, u)
    bars = tuple(u.tolist()) if np.any(u > 0) else ()
    traces = [Trace(tuple(x.tolist()), tuple(y.tolist()), "", "points", bars)]
    traces.append(Trace((float(x.min()), float(x.max())), (0.0, 0.0), "balance", "line"))
    panel = Panel("Excitation against inhibition", "level of the inhibitory pulse", "V",
                  "net postsynaptic current", "A", tuple(traces))  # fmt: skip
    return known({"balance": metric}), [panel]


def balance(x: Array, y: Array, u: Array) -> Metric | None:
    """Return where the net current changes its sign for the first time; None where it does not.

    Parameters
    ----------
    x
        Levels of the inhibitory pulse from weak to strong, V; zero is the excitation alone.
    y, u
        Net currents and their standard uncertainties, A. Between neighbours the current is taken
        as a straight line; the uncertainty allows for a jump anywhere between them.
    """
    for k in range(len(x) - 1):
        a, b = y[k], y[k + 1]
        if not (np.isfinite(a) and np.isfinite(b)) or a * b > 0 or a == b:
            continue
        share, span = float(a / (a - b)), float(x[k + 1] - x[k])
        noise = math.hypot((1 - share) * u[k], share * u[k + 1]) / abs(float(a - b))
        # the current may as well jump anywhere in between
        sigma = abs(span) * math.hypot(noise, 1 / math.sqrt(12))
        return Metric(float(x[k]) + share * span, sigma, "V", "excitation-balance")
    return None


# courses, decays, energies ------------------------------------------------------------------------


def _decays(alone: dict[str, list[_Seen]]) -> tuple[dict[str, Fit], list[Panel]]:
    """Fit what both currents leave: a decay, and beside it a part that lasts."""
    fits: dict[str, Fit] = {}
    panels: list[Panel] = []
    for letter, found in alone.items():
        whole = [one for one in found if len(one.t) == len(found[0].t)]
        if not whole:
            continue
        t = np.mean([one.t for one in whole], axis=0)
        y = np.mean([one.psc for one in whole], axis=0)
        plain = compete(t, y, models=_LAWS, unit_y="A", slow=1.0).fits
        lasting = compete(t, y, models=_LAWS, baseline="free", unit_y="A", slow=1.0).fits
        both = judge(plain | {f"{name}_offset": fit for name, fit in lasting.items()})
        name = _CURRENT[letter]
        fits |= {f"{name}_{law}": fit for law, fit in both.fits.items()}
        axes = Axes(f"{name.upper()} and its decay", "postsynaptic current", "A",
                    "time after the pulse", branch=_BRANCH[letter])  # fmt: skip
        panels += draw_decay(t, y, None, both, axes)
    return fits, panels


def _courses(seen: Sequence[_Seen], alone: dict[str, list[_Seen]]) -> list[Panel]:
    """Return the currents of each alone, of both, and the sum that linear devices would show."""
    if not all(alone.values()):
        return []
    level, shortest = alone["I"][0].inhibit, min(one.delay for one in seen)
    both = [one for one in seen
            if one.inputs == "EI" and one.inhibit == level and one.delay == shortest]  # fmt: skip
    traces, means = [], {}
    for name, found in (*alone.items(), ("both", both)):
        length = min((len(one.t) for one in found), default=0)
        if not length:
            continue
        t = np.mean([one.t[:length] for one in found], axis=0)
        means[name] = t, np.mean([one.psc[:length] for one in found], axis=0)
        label = {"E": "excitation", "I": "inhibition"}.get(name, "E, then I")
        traces.append(Trace(tuple(t.tolist()), tuple(means[name][1].tolist()), label,
                            branch=_BRANCH.get(name, "")))  # fmt: skip
    length = min(len(means[letter][1]) for letter in _ALONE)
    total = means["E"][1][:length] + means["I"][1][:length]
    traces.append(Trace(tuple(means["E"][0][:length].tolist()), tuple(total.tolist()),
                        "sum of both alone", "line"))  # fmt: skip
    return [Panel("Postsynaptic currents", "time after the last pulse", "s",
                  "postsynaptic current", "A", tuple(traces), x_log=True)]  # fmt: skip


def _energies(seen: Sequence[_Seen]) -> dict[str, Metric]:
    rows: dict[str, list[Row]] = {"excite": [], "inhibit": []}
    for one in seen:
        for letter, row in zip(one.inputs, one.pulses, strict=True):
            rows["excite" if letter == "E" else "inhibit"].append(row)
    return energy_metrics({name: Readings(part) for name, part in rows.items()})


def _table(seen: Sequence[_Seen]) -> Table:
    return table(
        "Postsynaptic current in the first read after the pulses, trial by trial",
        (
            ("inputs", "", [one.inputs for one in seen]),
            ("inhibitory level", "V", [one.inhibit for one in seen]),
            ("delay", "s", [one.delay for one in seen]),
            ("current", "A", [float(one.psc[0]) for one in seen]),
            ("on baseline", "", [one.returned for one in seen]),
        ),
    )
