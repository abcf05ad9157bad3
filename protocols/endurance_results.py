"""What an endurance record says: life by rule, window, scatter, drift, stuck-at, energies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.curves import evaluate
from labctl.analysis.references import draw_endurance, draw_energies
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Metric, Panel, Table, Trace
from labctl.steps import Play
from protocols.analysed import Analysed, pauses
from protocols.endurance_drift import DRIFTS, compete_drift, drift_metric
from protocols.endurance_rule import Rule, Watch
from protocols.reads import last_by
from protocols.responses import conductances, energy_metrics, table, u_conductances

__all__ = ["Cycles", "analyse_endurance", "block_states"]

Array = NDArray[np.float64]

_GROUP = 9  # cycles of the first and of the last window
_MOST_ROWS = 2000  # of a table or a trace; more are thinned, evenly on a logarithmic scale
_MEDIAN = 1.2533141373155001  # of a normal sample, standard error of the median over the mean's


@dataclass(frozen=True, slots=True)
class Cycles:
    """Both states of every cycle that was read, in order."""

    number: Array  #: of the cycle, from 1
    lrs: Array  #: conductance after SET, S; nan where it was lost
    hrs: Array  #: after RESET, S
    u_lrs: Array
    u_hrs: Array
    done: int  #: cycles applied, read or not

    @classmethod
    def of(cls, record: Measured) -> Cycles:
        """Collect the reads of single cycles and of blocks."""
        single = {
            part: last_by(
                ((step.label, readings) for step, readings in record.where(part=part)), "cycle"
            )
            for part in ("lrs", "hrs")
        }
        rows = [
            (n, single["lrs"][n][0], g, single["lrs"][n][2], u)
            for n, (g, _, u) in single["hrs"].items()
            if n in single["lrs"]
        ]
        done = max((int(n) for part in single.values() for n in part), default=0)
        for step, readings in record.where(part="cycles"):
            first, count = int(step.label["first"] or 1), int(step.label["count"] or 0)
            done = max(done, first + count - 1)
            if isinstance(step.what, Play) and step.what.waveform.summary().readings:
                states, u = block_states(readings, count), block_states(readings, count, True)
                rows += zip(range(first, first + count), *states, *u, strict=True)
        columns = np.array(rows, float).reshape(-1, 5)
        columns = columns[np.argsort(columns[:, 0], kind="stable")]
        number, lrs, hrs, u_lrs, u_hrs = columns.T
        return cls(number, lrs, hrs, u_lrs, u_hrs, done)

    @property
    def window(self) -> Array:
        """R(HRS)/R(LRS) of every cycle; nan where a state was lost or not above zero."""
        with np.errstate(all="ignore"):
            return np.where((self.lrs > 0) & (self.hrs > 0), self.lrs / self.hrs, np.nan)

    def first(self, count: int) -> Cycles:
        """Return the cycles read up to a number."""
        k = int(np.searchsorted(self.number, count, side="right"))
        return Cycles(
            self.number[:k], self.lrs[:k], self.hrs[:k], self.u_lrs[:k], self.u_hrs[:k], self.done
        )


def block_states(readings: Readings, count: int, uncertainty: bool = False) -> Array:
    """Return the states of the cycles of a block, shape (2, count): after SET and after RESET.

    Parameters
    ----------
    readings
        Of the block, pulses among them or not; fewer than it has where it was broken off.
    count
        Its cycles.
    uncertainty
        The standard uncertainties instead of the values.
    """
    reads = readings.where(role="read")
    found = np.full(2 * count, np.nan)
    values = u_conductances(reads) if uncertainty else conductances(reads)
    found[: len(values)] = values[: 2 * count]
    return found.reshape(-1, 2).T


def analyse_endurance(record: Measured, rule: Rule, asked: int, marks: bool) -> Analysed:
    """Return what a record says.

    Parameters
    ----------
    record
        Finished or not.
    rule
        Of failure.
    asked
        Most cycles.
    marks
        Whether cycles were read at marks only.
    """
    cycles, watch = Cycles.of(record), Watch(rule)
    for n, lrs, hrs in zip(cycles.number, cycles.lrs, cycles.hrs, strict=True):
        watch.see(int(n), float(lrs), float(hrs))
    alive = cycles.first(watch.before) if watch.failed else cycles
    drifts = {state: compete_drift(alive.number, _ohms(getattr(alive, state))) for state in _STATES}
    life = _life(cycles, watch)
    metrics = life | _windows(cycles) | _states(alive)
    for state, found in drifts.items():
        metric = drift_metric(found)
        metrics |= {f"drift_{state}": metric} if metric is not None else {}
    if watch.failed:
        metrics["stuck"] = Metric(_stuck(cycles, watch), None, "1", "endurance-stuck-at")
    energies = energy_metrics({part: _pulses(record, part) for part in ("set", "reset")})
    fits = {f"{state}_{law}": fit for state in _STATES for law, fit in drifts[state].fits.items()}
    return Analysed(
        metrics | energies,
        fits,
        (_life_table(cycles, watch), _cycle_table(cycles)),
        (*_panels(cycles, rule, drifts, watch), *_beside(life, energies)),
        tuple(_notes(record, cycles, watch, (asked, marks), drifts)),
    )


_STATES = ("lrs", "hrs")


def _ohms(g: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.where(g > 0, 1 / g, np.nan)


def _life(cycles: Cycles, watch: Watch) -> dict[str, Metric]:
    if watch.failed:
        length = watch.first - watch.before
        middle = watch.first if length == 1 else (watch.first + watch.before) / 2
        sigma = length / math.sqrt(12) if length > 1 else None
        found = Metric(float(middle), sigma, "1", "endurance-cycles-to-failure")
        return {"cycles_to_failure": found}
    if not watch.good:
        return {}
    return {"cycles_survived": Metric(float(watch.good), None, "1", "endurance-cycles-survived")}


def _windows(cycles: Cycles) -> dict[str, Metric]:
    window = cycles.window
    seen = window[np.isfinite(window)]
    found = {}
    for name, part in (("window_first", seen[:_GROUP]), ("window_last", seen[-_GROUP:])):
        if len(part):
            found[name] = _median(part, "1", "endurance-window")
    return found


def _median(values: Array, unit: str, definition: str) -> Metric:
    """Return the median with its standard error, both from the logarithms."""
    middle = float(np.median(values))
    sigma = None
    if len(values) > 1:
        sigma = middle * _MEDIAN * float(np.std(np.log(values), ddof=1)) / math.sqrt(len(values))
    return Metric(middle, sigma, unit, definition)


def _states(alive: Cycles) -> dict[str, Metric]:
    """Return resistance and scatter of both states over the cycles before the failure."""
    found = {}
    for state in _STATES:
        ohms = _ohms(getattr(alive, state))
        seen = ohms[np.isfinite(ohms)]
        if not len(seen):
            continue
        found[f"r_{state}"] = _median(seen, "Ohm", "endurance-state-resistance")
        neighbours = np.diff(alive.number) == 1
        steps = np.diff(np.log(ohms))[neighbours]
        steps = steps[np.isfinite(steps)]
        if len(steps) > 2:
            scatter = math.sqrt(float(np.mean(steps**2)) / 2)
            # of n independent pairs s^2 has the relative variance 3/n, its root a quarter of that
            sigma = scatter * math.sqrt(0.75 / len(steps))
            found[f"c2c_{state}"] = Metric(scatter, sigma, "1", "endurance-c2c-log")
    return found


def _stuck(cycles: Cycles, watch: Watch) -> float:
    """Return 1 for a device stuck in LRS, -1 for HRS, 0 for a window that closed between them."""
    good = np.isfinite(cycles.window)
    number, lrs, hrs = (x[good] for x in (cycles.number, cycles.lrs, cycles.hrs))
    failed = number >= watch.first
    if not failed.any():
        return 0.0
    before = [np.log(x[~failed][:_GROUP]).mean() for x in (lrs, hrs)]
    after = [np.log(x[failed][-_GROUP:]).mean() for x in (lrs, hrs)]
    first = before[0] - before[1]
    if abs(after[0] - after[1]) > first / 3:
        return 0.0
    places = [(level - before[1]) / first for level in after]  # 1 is LRS, 0 is HRS
    if min(places) > 2 / 3:
        return 1.0
    return -1.0 if max(places) < 1 / 3 else 0.0


def _pulses(record: Measured, part: str) -> Readings:
    """Return the readings in the pulses of one kind, single or in blocks."""
    rows = [row for _, readings in record.where(part=part) for row in readings.where(role="pulse")]
    for _, readings in record.where(part="cycles"):
        inside = readings.where(role="pulse")
        rows += list(inside)[0 if part == "set" else 1 :: 2]
    return Readings(rows)


def _thinned(number: Array) -> NDArray[np.intp]:
    """Return places of at most so many entries as are shown, even on a logarithmic scale."""
    if len(number) <= _MOST_ROWS:
        return np.arange(len(number))
    places = np.geomspace(1, len(number), _MOST_ROWS).astype(int) - 1
    return np.unique(places)


def _life_table(cycles: Cycles, watch: Watch) -> Table:
    """Return the life as life statistics take it (`labctl.analysis.life.lifetimes`)."""
    if not watch.good:
        return table("Life of the device", [("alive at", "1", []), ("failed by", "1", [])])
    low = float(watch.before if watch.failed else watch.good)
    return table(
        "Life of the device",
        [
            ("alive at", "1", [low]),
            ("failed by", "1", [float(watch.first) if watch.failed else math.nan]),
            ("censored", "", [not watch.failed]),
            ("by", "", [watch.by or "not failed"]),
            ("cycles applied", "1", [float(cycles.done)]),
        ],
    )


def _cycle_table(cycles: Cycles) -> Table:
    shown = _thinned(cycles.number)
    ohms = {state: _ohms(getattr(cycles, state))[shown] for state in _STATES}
    u = {s: getattr(cycles, f"u_{s}")[shown] * ohms[s] ** 2 for s in _STATES}
    return table(
        "Both states, cycle by cycle",
        [
            ("cycle", "1", cycles.number[shown]),
            ("R(LRS)", "Ohm", ohms["lrs"]),
            ("u(R(LRS))", "Ohm", u["lrs"]),
            ("R(HRS)", "Ohm", ohms["hrs"]),
            ("u(R(HRS))", "Ohm", u["hrs"]),
            ("window", "1", cycles.window[shown]),
        ],
    )


def _panels(
    cycles: Cycles, rule: Rule, drifts: dict[str, Competition], watch: Watch
) -> tuple[Panel, ...]:
    if not len(cycles.number):
        return ()
    shown = _thinned(cycles.number)
    number = cycles.number[shown]
    traces = []
    for state, branch in (("lrs", "potentiation"), ("hrs", "depression")):
        ohms = _ohms(getattr(cycles, state))[shown]
        good = np.isfinite(ohms)
        label = f"{state.upper()}, after {'SET' if state == 'lrs' else 'RESET'}"
        traces.append(Trace(_t(number[good]), _t(ohms[good]), label, branch=branch))
        traces += _drift_line(drifts[state], cycles.number, state.upper(), branch)
    window = cycles.window[shown]
    good = np.isfinite(window)
    ends = (float(number[0]), float(number[-1]))
    least = (rule.least_window,) * 2
    failed = f", failed at {watch.first:g}" if watch.failed else ""
    return (
        Panel(
            "Both states against the number of cycles", "cycle", "1", "resistance", "Ohm",
            tuple(traces), x_log=True, y_log=True,
        ),
        Panel(
            f"Window of each cycle read{failed}", "cycle", "1", "R(HRS)/R(LRS)", "1",
            (
                Trace(_t(number[good]), _t(window[good]), "cycles read"),
                Trace(ends, least, "least window", "line"),
            ),
            x_log=True, y_log=True,
        ),
    )  # fmt: skip


def _t(x: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in x)


def _drift_line(found: Competition, number: Array, name: str, branch: str) -> list[Trace]:
    """Return the preferred law of a state, out to the last cycle; nothing without a fit."""
    fit = found.fits.get(found.best)
    if fit is None or not fit.values:
        return []
    n = np.geomspace(float(number[0]), float(number[-1]), 100)
    ohms = 10.0 ** evaluate(DRIFTS[found.best], fit, n)
    return [Trace(_t(n), _t(ohms), f"{name}, {found.best}", "line", branch=branch)]


def _beside(life: dict[str, Metric], energies: dict[str, Metric]) -> tuple[Panel, ...]:
    """Return life and energies beside the sets of reported devices."""
    names = {"cycles_to_failure": "this device", "cycles_survived": "this device, not failed"}
    panels = []
    if life:
        panels.append(draw_endurance({names[key]: metric for key, metric in life.items()}))
    if "energy_set" in energies:
        panels.append(draw_energies({"SET of this device": energies["energy_set"]}))
    return tuple(panels)


def _notes(
    record: Measured,
    cycles: Cycles,
    watch: Watch,
    course: tuple[int, bool],
    drifts: dict[str, Competition],
) -> list[str]:
    asked, marks = course
    if not len(cycles.number):
        return ["no cycle was read in both states"]
    said = [watch.rule.sentence(), _ending(cycles, watch, asked)]
    if watch.failed:
        said.append(
            {1.0: "stuck in LRS", -1.0: "stuck in HRS"}.get(
                _stuck(cycles, watch), "not stuck: the window closed between the two states"
            )
        )
    if marks and cycles.done > len(cycles.number):
        said.append(
            f"both states were read in {len(cycles.number)} of {cycles.done} cycles: a failure "
            "that healed between them was not seen (Lanza et al. ask for every cycle)"
        )
    lost = int(np.sum(~np.isfinite(cycles.lrs) | ~np.isfinite(cycles.hrs)))
    if lost:
        said.append(f"{lost} of the cycles read have a reading that was lost or out of range")
    dim = _dim(cycles)
    if dim:
        said.append(
            f"in {dim} cycles the reading of HRS is below twice its uncertainty: the window is at "
            "least what it says; read longer, with a lower compliance or a higher read voltage"
        )
    said += [f"{state.upper()}: {drifts[state].verdict}" for state in _STATES]
    return [*said, *pauses(record)]


def _ending(cycles: Cycles, watch: Watch, asked: int) -> str:
    if watch.failed:
        known = (
            f"failed at cycle {watch.first}"
            if watch.first - watch.before == 1
            else f"failed after cycle {watch.before} and not after cycle {watch.first}"
        )
        return f"{known}, by its {watch.by}"
    if not watch.good:
        return "no cycle passed the rule: the device never switched under these pulses"
    reached = f" of {asked}" if watch.good < asked else ""
    return (
        f"not failed by cycle {watch.good}{reached}: the life is censored there (count it as "
        "right-censored)"
    )


def _dim(cycles: Cycles) -> int:
    """Return in how many cycles HRS is not resolved."""
    return int(np.sum((cycles.u_hrs > 0) & (cycles.hrs < 2 * cycles.u_hrs)))
