"""What a conditioned device answers: the association, its controls, its keeping, its extinction."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Axes, compete, draw_decay
from labctl.analysis.energy import floored, pulse_energies
from labctl.protocol import Measured
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.pooled import known, metric_of, points, pooled
from protocols.responses import conductances, table, u_conductances, usable

__all__ = ["PHASES", "Dog", "pavlov_results"]

Array = NDArray[np.float64]

PHASES = ("before", "bell alone", "food alone", "conditioning", "hold", "extinction")
_RESOLVED = 3.0  # standard uncertainties that the first response must have to be a measure
_LAWS = ("single_decay", "stretched_decay", "power_decay")


@dataclass(frozen=True, slots=True)
class Dog:
    """What the analysis must know of the protocol."""

    terminal: str  #: of the bell
    criterion: float  #: response over that before that is an association


@dataclass(frozen=True, slots=True)
class _Course:
    """One repeat: the responses of its phases, as conductances under the bell."""

    g: dict[str, Array]  #: S, by phase
    t: Array  #: of the hold, s since the last pair
    u: float  #: standard uncertainty of a response by the specification, S

    @property
    def first(self) -> float:
        """Response before anything, S, but no less than can be resolved."""
        return max(float(self.g["before"][0]), _RESOLVED * self.u)

    def last(self, phase: str) -> float:
        """Return the last response of a phase, S; not a number where it is missing."""
        found = self.g.get(phase)
        return math.nan if found is None or not len(found) else float(found[-1])

    def reaches(self, phase: str, level: float, *, rising: bool) -> float:
        """Return the number of the trial whose response first passes a level; else infinite."""
        passed = self.g[phase] >= level if rising else self.g[phase] < level
        return float(np.argmax(passed)) + 1 if np.any(passed) else math.inf


def pavlov_results(record: Measured, dog: Dog) -> Results:
    """Return everything that a record, finished or not, says.

    Parameters
    ----------
    record
        Steps labelled ``phase`` and ``energy``.
    dog
        Terminal and criterion.
    """
    courses = list(_courses(record, dog))
    if not courses:
        return Results(notes=("no phase is complete",))
    metrics = _association(courses, dog) | _energies(record)
    formed = [one for one in courses
              if one.last("conditioning") >= dog.criterion * one.first]  # fmt: skip
    fits, decay, said = _hold(formed)
    notes = [f"{len(courses)} repeats", *said]
    faint = sum(float(one.g["before"][0]) < _RESOLVED * one.u for one in courses)
    if faint:
        notes.append(
            f"before {faint} of them the response was below what the range resolves; "
            "the criterion counts from there"
        )
    if "association_index" in metrics and metrics["formed"].value < 1:
        notes.append(f"the response did not reach {dog.criterion:g} times that before every time")
    return Results(
        metrics, fits, (_table(courses),), (_panel(courses, dog), *decay), tuple(notes)
    )  # fmt: skip


def _courses(record: Measured, dog: Dog) -> Iterator[_Course]:
    repeats = {step.label["repeat"] for step, _ in record.where(part="phase")}
    for repeat in sorted(repeats, key=lambda k: int(k or 0)):
        g: dict[str, Array] = {}
        t, u, end = np.array([]), 0.0, math.nan
        for step, readings in record.where(part="phase", repeat=int(repeat or 0)):
            reads = readings.where(role="read", terminal=dog.terminal)
            if not len(reads):
                continue
            phase = str(step.label["phase"])
            g[phase] = conductances(reads)
            if phase == "before":
                u = float(u_conductances(reads)[0])
            if phase == "conditioning":
                end = float(reads.t[-1])
            if phase == "hold":
                t = reads.t - end
        if "before" in g and np.isfinite(g["before"][0]):
            yield _Course(g, t, u if math.isfinite(u) else 0.0)


# the association ----------------------------------------------------------------------------------


def _association(courses: list[_Course], dog: Dog) -> dict[str, Metric]:
    """Return the indices, shares and numbers of trials, each the mean of the repeats."""
    done = [one for one in courses if "conditioning" in one.g]
    found: dict[str, Metric | None] = {}
    for name, phase in (
        ("control_bell", "bell alone"), ("control_food", "food alone"),
        ("association_index", "conditioning"), ("index_extinguished", "extinction"),
    ):  # fmt: skip
        values = [_index(one, phase) for one in courses]
        found[name] = metric_of(values, "1", "association-index")
    if not done:
        return known(found)
    formed = [one.reaches("conditioning", dog.criterion * one.first, rising=True) for one in done]
    found["formed"] = Metric(
        float(np.mean(np.isfinite(formed))), None, "1", "association-formed-share"
    )
    found["trials_to_form"] = metric_of(formed, "1", "trials-to-criterion")
    held = [one for one in done if "hold" in one.g]
    found["kept"] = metric_of(
        [_share(one, "hold", "conditioning") for one in held], "1", "association-kept"
    )
    gone = [one for one in held if "extinction" in one.g]
    found["extinguished"] = metric_of(
        [1 - _share(one, "extinction", "hold") for one in gone], "1", "association-extinguished"
    )
    trials = [one.reaches("extinction", dog.criterion * one.first, rising=False) for one in gone]
    found["trials_to_extinguish"] = metric_of(trials, "1", "trials-to-criterion")
    return known(found)


def _index(one: _Course, phase: str) -> float:
    after = one.last(phase)
    # what the range does not resolve counts as its limit, before and after
    after = max(after, _RESOLVED * one.u) if math.isfinite(after) else math.nan
    total = after + one.first
    return (after - one.first) / total if total else math.nan


def _share(one: _Course, later: str, sooner: str) -> float:
    """Return the share of the association after a phase that is left after another one."""
    had = one.last(sooner) - one.first
    return (one.last(later) - one.first) / had if had else math.nan


# keeping, energies, tables, panels ----------------------------------------------------------------


def _hold(courses: list[_Course]) -> tuple[dict[str, Fit], tuple[Panel, ...], tuple[str, ...]]:
    """Fit the response while nothing happens, above that before conditioning."""
    held = [one for one in courses if "hold" in one.g and len(one.t) == len(one.g["hold"])]
    held = [one for one in held if len(one.t) == len(held[0].t) and np.all(np.isfinite(one.t))]
    if not held:
        return {}, (), ()
    t = np.mean([one.t for one in held], axis=0)
    y = np.mean([one.g["hold"] - one.first for one in held], axis=0)
    fits = compete(t, y, models=_LAWS, unit_y="S", slow=1.0)
    axes = Axes("Response while nothing happens", "response above that before", "S",
                "time since the last pair", branch="potentiation")  # fmt: skip
    return (
        {f"hold_{name}": fit for name, fit in fits.fits.items()},
        draw_decay(t, y, None, fits, axes),
        (f"the association while nothing happens: {fits.verdict}",),
    )


def _energies(record: Measured) -> dict[str, Metric]:
    """Return what all terminals together give in one stimulus."""
    found = {}
    for name in ("pair", "extinction"):
        for _, readings in record.where(part="energy", **{"class": name}):
            rows = readings.where(role="pulse")
            if not len(rows) or not np.all(usable(rows)):
                continue
            energy, u = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
            # the same current flows through both sources, on ranges of their own
            sigma = math.hypot(*u.tolist())
            found[f"energy_{name}"] = floored(float(np.sum(energy)), sigma, "energy-of-stimuli")
    return found


def _table(courses: list[_Course]) -> Table:
    rows = [
        (k, phase, n + 1, float(g))
        for k, one in enumerate(courses)
        for phase in PHASES
        for n, g in enumerate(one.g.get(phase, ()))
    ]
    return table(
        "Responses to the bell",
        (
            ("repeat", "1", [float(row[0] + 1) for row in rows]),
            ("phase", "", [row[1] for row in rows]),
            ("trial", "1", [float(row[2]) for row in rows]),
            ("response", "S", [row[3] for row in rows]),
        ),
    )


def _panel(courses: list[_Course], dog: Dog) -> Panel:
    """Return the mean response through all phases, and the criterion."""
    branches = {"conditioning": "potentiation", "extinction": "depression"}
    traces, at = [], 0
    for phase in PHASES:
        seen = [one.g[phase] for one in courses if phase in one.g]
        length = min((len(g) for g in seen), default=0)
        if not length:
            continue
        both = [pooled([g[n] for g in seen]) for n in range(length)]
        x = np.arange(at + 1.0, at + length + 1)
        traces.append(points(x, [mean for mean, _ in both], phase,
                             u=[sigma or 0.0 for _, sigma in both],
                             branch=branches.get(phase, "")))  # fmt: skip
        at += length
    level = dog.criterion * float(np.mean([one.first for one in courses]))
    traces.append(Trace((0.0, float(at + 1)), (level, level), "criterion", "line"))
    positive = all(y > 0 for trace in traces for y in trace.y)
    return Panel("Responses to the bell", "bell", "1", "response to the bell", "S",
                 tuple(traces), y_log=positive)  # fmt: skip
