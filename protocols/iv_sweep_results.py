"""What repeated sweeps say: figures of every half, pooled over the cycles, and panels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.curve_panels import points_of
from labctl.analysis.energy import floored, pulse_energies
from labctl.analysis.statistics import draw_probability, probability, summarise
from labctl.protocol import Measured
from labctl.readings import Flag, Readings
from labctl.results import Metric, Panel, Table, Trace
from protocols.iv_loop import Branches, Switched, at_level, branches_of, half_change, largest_step
from protocols.responses import table, u_conductances, usable
from protocols.state_read import last_read

__all__ = ["Half", "Sweeps"]

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # of a logarithm: scatter that is none
_FEWEST = 5  # switching voltages that are worth a distribution
_WIDE = 5.0  # ratio of largest to smallest from which an axis is logarithmic
_MOST_DRAWN = 60  # half sweeps in the picture; of more, evenly chosen ones


@dataclass(frozen=True)
class Half:
    """One half sweep with what was found in it."""

    cycle: int
    side: int  #: +1 or -1
    sweep: Readings
    state: Readings  #: read after it; empty or one row
    branches: Branches | None
    switched: Switched  #: by half of the change
    step: Switched  #: by the largest step

    @classmethod
    def of(
        cls, cycle: int, side: int, sweep: Readings, before: Readings, state: Readings, least: float
    ) -> Half:
        """Work out one half from its readings and the states read before and after it."""
        found = branches_of(sweep)
        nothing = Switched(math.nan, math.nan, math.nan, math.nan)
        return cls(
            cycle, side, sweep, state, found,
            nothing if found is None else half_change(found, side, least, _change(before, state)),
            nothing if found is None else largest_step(found, side, least),
        )  # fmt: skip

    @property
    def g(self) -> float:
        """Conductance read after it, S; not a number where it was not read."""
        return float(self.state.g[0]) if len(self.state) else math.nan

    @property
    def u_g(self) -> float:
        """Its standard uncertainty, S."""
        return float(u_conductances(self.state)[0]) if len(self.state) else math.nan

    @property
    def mean(self) -> float:
        """Mean magnitude of the current over the levels, A."""
        good = usable(self.sweep)
        return float(np.mean(np.abs(self.sweep.i[good]))) if np.any(good) else math.nan

    @property
    def area(self) -> tuple[float, float]:
        """Return the magnitude of the integral of i dv around the loop, and its uncertainty, W."""
        good = usable(self.sweep)
        v, i = self.sweep.v[good], self.sweep.i[good]
        if len(v) < 3:
            return math.nan, math.nan
        v, i = np.concatenate(([0.0], v, [0.0])), np.concatenate(([0.0], i, [0.0]))
        u = np.concatenate(([0.0], self.sweep.u_i[good], [0.0]))
        dv = np.diff(v)
        parts = (u[1:] + u[:-1]) / 2 * dv
        whole = abs(float(np.sum((i[1:] + i[:-1]) / 2 * dv)))
        return whole, float(np.sqrt(np.sum(parts**2)))

    @property
    def energy(self) -> tuple[float, float]:
        """Return the energy put in at the levels, and its standard uncertainty, J."""
        rows = self.sweep
        e, u = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        good = usable(rows) & np.isfinite(e)
        # all levels are measured on one range: their errors go together
        return float(np.sum(e[good])), float(np.sum(u[good]))


@dataclass(frozen=True)
class Sweeps:
    """All complete half sweeps of a record, in order."""

    halves: tuple[Half, ...]
    near: float  #: level at which the branches are compared, V
    rectify_at: float  #: level at which the polarities are compared, V
    torn: int  #: half sweeps that are not complete

    @classmethod
    def of(
        cls, record: Measured, *, least: float, near: float, rectify_at: float, count: int
    ) -> Sweeps:
        """Collect the half sweeps of a record; `count` readings make a complete one."""
        halves, torn = [], 0
        before = last_read(record.where(part="state", cycle=0))
        for step, readings in record.where(part="sweep"):
            cycle, side = int(step.label["cycle"] or 0), int(step.label["side"] or 0)
            state = last_read(record.where(part="state", cycle=cycle, side=side))
            if len(readings) == count:
                halves.append(Half.of(cycle, side, readings, before, state, least))
            else:
                torn += 1
            before = state
        return cls(tuple(halves), near, rectify_at, torn)

    def side(self, side: int) -> list[Half]:
        """Return the halves of one polarity."""
        return [half for half in self.halves if half.side == side]

    def pooled(
        self, which: Callable[[Half], Switched], rising: bool
    ) -> list[tuple[Half, Switched]]:
        """Return the halves that switched up, or down, with where."""
        found = [(half, which(half)) for half in self.halves]
        return [
            (half, one)
            for half, one in found
            if math.isfinite(one.v) and (one.change > 0) == rising
        ]

    # metrics -------------------------------------------------------------------------------------

    def metrics(self, before: Readings) -> dict[str, Metric]:
        """Return every figure of merit that the halves allow."""
        found: dict[str, Metric] = {}
        if len(before):
            u = float(u_conductances(before)[0])
            found["initial"] = Metric(float(before.g[0]), u or None, "S", "read-conductance")
        for name, rising in (("set", True), ("reset", False)):
            for suffix, which, definition in (
                ("voltage", lambda half: half.switched, "switching-voltage-half-change"),
                ("step", lambda half: half.step, "switching-voltage-largest-step"),
            ):
                rows = [one for _, one in self.pooled(which, rising)]
                found |= _spread(f"{name}_{suffix}", rows, definition)
        found |= _mean("on_off", self._windows(), "1", "on-off-ratio-reads")
        found |= _mean("on_off_branches", self._branch_windows(), "1", "on-off-ratio-branches")
        found |= _mean("rectification", self._rectified(), "1", "rectification-ratio-one-state")
        for name, side in (("positive", 1), ("negative", -1)):
            halves = self.side(side)
            areas = [half.area for half in halves]
            found |= _pool(f"area_{name}", areas, "W", "hysteresis-area-i-dv")
            found |= _pool(
                f"energy_{name}", [half.energy for half in halves], "J", "energy-of-half-sweep"
            )
        return found | self._trends()

    def _windows(self) -> list[float]:
        """Return the ratio of the larger to the smaller state read in each cycle."""
        down = {half.cycle: half.g for half in self.side(-1)}
        pairs = [(half.g, down[half.cycle]) for half in self.side(1) if half.cycle in down]
        return [max(a / b, b / a) for a, b in pairs if a > 0 and b > 0]

    def _branch_windows(self) -> list[float]:
        return [
            math.exp(abs(change))
            for half in self.halves
            if half.branches is not None
            and math.isfinite(
                change := at_level(half.branches.level, half.branches.change, self.near)
            )
        ]

    def _rectified(self) -> list[float]:
        """Return |I(+V)| / |I(-V)|: back from one peak, and out on the other side, in one state."""
        ratios = []
        for one, other in itertools.pairwise(self.halves):
            if one.branches is None or other.branches is None or one.side == other.side:
                continue
            home = at_level(one.branches.level, np.abs(one.branches.i_back), self.rectify_at)
            out = at_level(other.branches.level, np.abs(other.branches.i_out), self.rectify_at)
            if home > 0 and out > 0:
                ratios.append(home / out if one.side > 0 else out / home)
        return ratios

    def _trends(self) -> dict[str, Metric]:
        """Return the smallest change of the mean current between two successive halves alike."""
        found = {}
        for name, side, sign in (("smallest_rise", 1, 1), ("smallest_fall", -1, -1)):
            steps = [
                sign * (later.mean / earlier.mean - 1)
                for earlier, later in itertools.pairwise(self.halves)
                if earlier.side == later.side == side
            ]
            if steps and np.all(np.isfinite(steps)):
                found[name] = Metric(min(steps), None, "1", "change-of-mean-current")
        return found

    # tables and panels ---------------------------------------------------------------------------

    def tables(self) -> tuple[Table, ...]:
        """Return one row for each half sweep."""
        halves = self.halves
        areas, energies = [half.area for half in halves], [half.energy for half in halves]
        columns: list[tuple[str, str, list[float]]] = [
            ("cycle", "1", [float(half.cycle) for half in halves]),
            ("polarity", "1", [float(half.side) for half in halves]),
            ("switching voltage", "V", [half.switched.v for half in halves]),
            ("u(switching voltage)", "V", [half.switched.u for half in halves]),
            ("change of ln G", "1", [half.switched.change for half in halves]),
            ("u(change)", "1", [half.switched.u_change for half in halves]),
            ("largest step at", "V", [half.step.v for half in halves]),
            ("state after", "S", [half.g for half in halves]),
            ("u(state)", "S", [half.u_g for half in halves]),
            ("mean current", "A", [half.mean for half in halves]),
            ("loop area", "W", [area for area, _ in areas]),
            ("u(area)", "W", [u for _, u in areas]),
            ("energy", "J", [energy for energy, _ in energies]),
            ("u(energy)", "J", [u for _, u in energies]),
        ]
        return (table("Half sweeps", columns),)

    def panels(self) -> tuple[Panel, ...]:
        """Return the loops, and what became of them from cycle to cycle."""
        if not self.halves:
            return ()
        return (
            Panel("Current against voltage", "voltage", "V", "|current|", "A",
                  tuple(self._loops()), y_log=True),
            *self._courses(),
        )  # fmt: skip

    def _loops(self) -> Iterator[Trace]:
        every = max(1, -(-len(self.halves) // _MOST_DRAWN))
        named: set[int] = set()
        for half in self.halves[::every]:
            good = usable(half.sweep)
            said = {1: "positive halves", -1: "negative halves"}[half.side]
            yield Trace(
                tuple(half.sweep.v[good].tolist()),
                tuple(np.abs(half.sweep.i[good]).tolist()),
                "" if half.side in named else said,
                "line",
                branch="potentiation" if half.side > 0 else "depression",
            )
            named.add(half.side)

    def _courses(self) -> Iterator[Panel]:
        rows = (("SET", True, "potentiation"), ("RESET", False, "depression"))
        switched, spreads = [], []
        for name, rising, branch in rows:
            found = self.pooled(lambda half: half.switched, rising)
            if not found:
                continue
            x, y, u = zip(*((half.cycle, one.v, one.u) for half, one in found), strict=True)
            switched.append(points_of(x, y, u, name, branch))
            if len(y) >= _FEWEST and np.ptp(y) > max(u):
                spreads.append(draw_probability(probability(y), f"{name} voltage", "V"))
        if switched:
            title = "Switching voltages"
            yield Panel(title, "cycle", "1", "half of the change at", "V", tuple(switched))
        yield from spreads
        yield self._course("State read after each half", "conductance", "S", lambda h: (h.g, h.u_g))
        yield self._course(
            "Mean current of each half", "mean |current|", "A", lambda h: (h.mean, 0.0)
        )

    def _course(
        self, title: str, label: str, unit: str, value: Callable[[Half], tuple[float, float]]
    ) -> Panel:
        """Return a value with its uncertainty against the cycle, by polarity."""
        traces = []
        for side, name, branch in ((1, "positive", "potentiation"), (-1, "negative", "depression")):
            halves = self.side(side)
            if halves:
                y, u = zip(*map(value, halves), strict=True)
                cycles = [half.cycle for half in halves]
                traces.append(points_of(cycles, y, u, f"{name} halves", branch))
        drawn = [y for trace in traces for y in trace.y if y > 0]
        wide = bool(drawn) and max(drawn) > _WIDE * min(drawn)
        return Panel(title, "cycle", "1", label, unit, tuple(traces), y_log=wide)

    def notes(self) -> tuple[str, ...]:
        """Say what the numbers stand on."""
        if not self.halves:
            return ("no half sweep is complete",)
        said = [f"{len(self.halves)} half sweeps"]
        if self.torn:
            said.append(f"{self.torn} half sweeps are not complete and were left out")
        clamped = sum(bool(np.any(half.sweep.flags & int(Flag.COMPLIANCE))) for half in self.halves)
        if clamped:
            said.append(
                f"{clamped} of them met the compliance; there the level is the achieved one"
            )
        still = sum(not math.isfinite(half.switched.v) for half in self.halves)
        if still:
            said.append(f"{still} of them did not switch by the least change asked for")
        return tuple(said)


def _change(before: Readings, after: Readings) -> tuple[float, float]:
    """Return the change of ln G between two states read, and its standard uncertainty."""
    if not len(before) or not len(after) or before.g[0] <= 0 or after.g[0] <= 0:
        return math.nan, math.nan
    u = [float(u_conductances(one)[0] / one.g[0]) for one in (before, after)]
    return math.log(float(after.g[0]) / float(before.g[0])), math.hypot(*u)


def _spread(name: str, rows: list[Switched], definition: str) -> dict[str, Metric]:
    """Return the mean over the cycles with its uncertainty, and the standard deviation."""
    if not rows:
        return {}
    values = [one.v for one in rows]
    found = summarise(values, "V")
    grid = float(np.mean([one.u for one in rows]))
    # the grid of the levels is the same in every cycle: it does not average out
    sigma = math.hypot(found.mean.sigma or 0.0, grid)
    metrics = {name: Metric(found.mean.value, sigma, "V", definition)}
    if len(values) > 1:
        sd, said = found.deviation, f"{definition}-sd"
        resolved = sd.value > grid
        metrics[f"{name}_sd"] = (
            Metric(sd.value, sd.sigma, "V", said)
            if resolved
            else Metric(grid, None, "V", said, bound=True)
        )
    return metrics


def _mean(name: str, values: list[float], unit: str, definition: str) -> dict[str, Metric]:
    """Return the geometric mean of ratios with its uncertainty from their scatter."""
    if not values:
        return {}
    logs = np.log(values)
    mean = float(np.exp(np.mean(logs)))
    sigma = None
    if len(values) > 1 and np.ptp(logs) > _ROUNDING:
        sigma = mean * float(np.std(logs, ddof=1)) / math.sqrt(len(values))
    return {name: Metric(mean, sigma, unit, definition)}


def _pool(
    name: str, rows: list[tuple[float, float]], unit: str, definition: str
) -> dict[str, Metric]:
    """Return the mean with its uncertainty: that of the specification, and the scatter."""
    good = [(x, u) for x, u in rows if math.isfinite(x) and math.isfinite(u)]
    if not good:
        return {}
    values, spec = np.array(good).T
    scatter = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    sigma = math.hypot(float(np.mean(spec)), scatter)
    return {name: floored(float(np.mean(values)), sigma, definition, unit)}
