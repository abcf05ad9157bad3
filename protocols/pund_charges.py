"""Charges of PUND sequences: from windows of current to polarisation, fields and leakage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.energy import floored
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Metric, Panel, Table, Trace
from labctl.steps import Label
from protocols.responses import table, usable

__all__ = ["Found", "Sample", "Sequence5", "State", "analyse_pund", "sequence_of"]

Array = NDArray[np.float64]

_PER_CM2 = 100.0  # C/m2 in uC/cm2
_PULSES = 4  # measured ones: P, U, N, D
_OFFSETS = (
    "offsets of the meter cancel between P and U and between N and D; the charge is as uncertain "
    "as the largest current, and as the repeats scatter"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the experimenter knows of the film, and how each pulse is cut."""

    area: float  #: m2
    thickness: float  #: m
    windows: int  #: in a rise
    steps: bool = True  #: a staircase, whose last window is at the peak; else straight ramps


@dataclass(frozen=True, slots=True)
class Sequence5:
    """One PUND sequence as measured: a row for each of P, U, N and D."""

    v: Array  #: mean voltage of each window, V, shape (4, windows)
    i: Array  #: mean current, A
    width: Array  #: s
    relative: float  #: relative standard uncertainty of the currents where they are largest
    u_i: float  #: standard uncertainty of a current near zero, A
    u_v: float  #: standard uncertainty of the voltages, V

    @property
    def switched(self) -> tuple[Array, Array]:
        """Charge switched up to the end of each window by P and by N, C."""
        moved = self.i * self.width
        return np.cumsum(moved[0] - moved[1]), np.cumsum(moved[2] - moved[3])

    @property
    def two_pr(self) -> float:
        """Mean of what P and N switch, C."""
        up, down = self.switched
        return float(up[-1] - down[-1]) / 2

    @property
    def coercive(self) -> tuple[float, float]:
        """Voltages at which half of the charge has switched, rising and falling, V."""
        half = self.v.shape[1] // 2
        up, down = self.switched
        return _half(self.v[0, :half], up, half), _half(self.v[2, :half], down, half)

    @property
    def leakage(self) -> tuple[float, float]:
        """Current that is neither stored nor switched, and the voltage it belongs to, A and V.

        From the windows on both sides of the peaks of U and D; the meter's offset cancels.
        """
        half = self.v.shape[1] // 2
        around = slice(half - 1, half + 1)
        i, v = (np.mean(part[1, around]) - np.mean(part[3, around]) for part in (self.i, self.v))
        return float(i) / 2, float(v) / 2

    def capacitance(self, steps: bool) -> float:
        """Linear capacitance from the rising and the falling half of U and D, F."""
        half = self.v.shape[1] // 2
        found = []
        for k in (1, 3):
            v, moved = self.v[k], self.i[k] * self.width[k]
            stored = (np.sum(moved[:half]) - np.sum(moved[half:])) / 2
            peak = v[half - 1] if steps else (3 * v[half - 1] - v[half - 2]) / 2
            found.append(stored / peak)
        return float(np.mean(found))

    @property
    def step(self) -> float:
        """Distance of the voltages of neighbouring windows, V."""
        half = self.v.shape[1] // 2
        span = float(self.v[0, half - 1]) - float(self.v[0, 0])
        return float(abs(span) / (half - 1))


def _half(v: Array, switched: Array, half: int) -> float:
    """Return where half of the whole charge had switched; what switches late counts at the peak."""
    whole = switched[-1]
    if not whole:
        return math.nan
    # a window's charge is complete at its end, half a step beyond its mean voltage
    step = (v[-1] - v[0]) / (half - 1)
    share = np.concatenate([[0.0], switched[:half] / whole])
    ends = np.concatenate([[v[0] - step / 2], v + step / 2])
    return float(np.interp(0.5, np.maximum.accumulate(share), ends))


def sequence_of(readings: Readings, windows: int) -> Sequence5 | None:
    """Return a sequence; None where a window is missing or has no value."""
    rows = readings.where(role="pulse")
    if len(rows) != _PULSES * 2 * windows or not np.all(usable(rows)):
        return None
    shape = (_PULSES, 2 * windows)
    peak = int(np.argmax(np.abs(rows.i)))
    largest = abs(float(rows.i[peak]))
    return Sequence5(
        rows.v.reshape(shape), rows.i.reshape(shape), rows.width.reshape(shape),
        float(rows.u_i[peak]) / largest if largest else 0.0, float(np.min(rows.u_i)),
        float(np.max(rows.u_v)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """The film after a number of cycles, from the repeats."""

    cycles: int
    when: str  #: ``cycling`` or ``imprint``
    sequences: tuple[Sequence5, ...]

    def mean(self, values: Sequence[float], relative: float = 0.0) -> tuple[float, float | None]:
        """Return mean and standard uncertainty: scatter of the repeats and what is common."""
        x = np.array(values)
        mean = float(np.mean(x))
        scatter = float(np.std(x, ddof=1)) / math.sqrt(len(x)) if len(x) > 1 else 0.0
        u = math.hypot(scatter, relative * mean)
        return mean, u if len(x) > 1 or relative else None

    @property
    def relative(self) -> float:
        """Relative uncertainty of the charges that repeats do not show."""
        return float(np.mean([one.relative for one in self.sequences]))

    def two_pr(self, area: float) -> tuple[float, float | None]:
        """Return 2 Pr and its uncertainty, C/m2."""
        return self.mean([one.two_pr / area for one in self.sequences], self.relative)

    def voltages(self) -> tuple[Array, Array]:
        """Return coercive voltages up and down of each repeat, V."""
        up, down = np.array([one.coercive for one in self.sequences]).T
        return up, down


@dataclass(frozen=True, slots=True)
class Found:
    """What the results are made of."""

    metrics: dict[str, Metric]
    tables: tuple[Table, ...]
    panels: tuple[Panel, ...]
    notes: tuple[str, ...]


def analyse_pund(record: Measured, sample: Sample) -> Found:
    """Return figures of merit, tables and panels of a record, finished or not."""
    states, lost = _states(record, sample.windows)
    if not states:
        return Found({}, (), (), ("no sequence of five pulses is complete",))
    cycling = [state for state in states if state.when == "cycling"] or states
    best = max(cycling, key=lambda state: state.two_pr(sample.area)[0])
    metrics = _film(best, sample) | _life(cycling, sample) | _imprint(states) | _energy(best)
    notes = [
        f"figures of merit are those after {best.cycles} cycles, where most is switched",
        f"leakage at {best.sequences[0].leakage[1]:.3g} V; the capacitance includes the cables'",
        _OFFSETS,
    ]
    if lost:
        notes.append(f"{lost} sequences with missing or over-range windows were left out")
    return Found(metrics, (_table(states, sample),), _panels(states, best, sample), tuple(notes))


def _states(record: Measured, windows: int) -> tuple[list[State], int]:
    grouped: dict[tuple[int, str], list[Sequence5]] = {}
    lost = 0
    for step, readings in record.where(part="pund"):
        one = sequence_of(readings, windows)
        if one is None:
            lost += 1
            continue
        grouped.setdefault(_key(step.label), []).append(one)
    return [State(cycles, when, tuple(x)) for (cycles, when), x in grouped.items()], lost


def _key(label: Label) -> tuple[int, str]:
    return int(label["cycles"] or 0), str(label["when"])


def _film(state: State, sample: Sample) -> dict[str, Metric]:
    up, down = state.voltages()
    stored = [one.capacitance(sample.steps) for one in state.sequences]
    first = state.sequences[0]
    # where in a window the half is reached is not seen
    u_v = math.hypot(first.u_v, first.step / math.sqrt(12))
    parts: dict[str, tuple[float, float | None, str, str]] = {
        "two_pr": (*state.two_pr(sample.area), "C/m2", "pund-two-pr"),
        "coercive_up": (*_volts(state, up, u_v), "V", "coercive-voltage-half-switched"),
        "coercive_down": (*_volts(state, down, u_v), "V", "coercive-voltage-half-switched"),
        "capacitance": (
            *state.mean(stored, state.relative), "F", "pund-capacitance",
        ),
    }  # fmt: skip
    half, middle = (up - down) / 2, (up + down) / 2
    for name, volts, entry in (
        ("coercive_field", half, "coercive-field-half-switched"),
        ("imprint_field", middle, "imprint-field-half-switched"),
    ):
        value, u = _volts(state, volts, u_v)
        parts[name] = (
            value / sample.thickness, u / sample.thickness, "V/m", entry,
        )  # fmt: skip
    metrics = {name: Metric(*part) for name, part in parts.items() if math.isfinite(part[0])}
    return metrics | {"leakage": _leakage(state, sample)}


def _leakage(state: State, sample: Sample) -> Metric:
    """Return the current density near the peak; where the meter does not resolve it, its bound."""
    value, u = state.mean([one.leakage[0] / sample.area for one in state.sequences], state.relative)
    u_meter = state.sequences[0].u_i / sample.area
    sigma = math.hypot(u or 0.0, u_meter)
    name = "pund-leakage-at-peak"
    if sigma > 0 and sigma >= abs(value):
        return floored(abs(value), sigma, name, "A/m2")
    return Metric(value, sigma or None, "A/m2", name)


def _volts(state: State, values: Array, u_v: float) -> tuple[float, float]:
    mean, u = state.mean(values.tolist())
    return mean, math.hypot(u or 0.0, u_v)


def _life(cycling: Sequence[State], sample: Sample) -> dict[str, Metric]:
    """Return what cycling does; the gain of the meter cancels in these ratios."""
    values = [
        state.mean([one.two_pr / sample.area for one in state.sequences]) for state in cycling
    ]
    found = {}
    if cycling[0].cycles == 0:
        value, u = cycling[0].two_pr(sample.area)
        found["two_pr_pristine"] = Metric(value, u, "C/m2", "pund-two-pr")
    best = int(np.argmax([value for value, _ in values]))
    if best > 0:
        found["wake_up"] = _ratio(values[best], values[0], "wake-up-ratio")
    if best < len(values) - 1:
        found["fatigue"] = _ratio(values[-1], values[best], "fatigue-ratio")
    return found


def _ratio(
    above: tuple[float, float | None], below: tuple[float, float | None], name: str
) -> Metric:
    value = above[0] / below[0]
    parts = [u / x for x, u in (above, below) if u is not None]
    return Metric(value, abs(value) * math.hypot(*parts) if parts else None, "1", name)


def _imprint(states: Sequence[State]) -> dict[str, Metric]:
    """Return by how much the middle of the loop has moved over the rest."""
    after = [state for state in states if state.when == "imprint"]
    before = [state for state in states if state.when == "cycling"]
    if not after or not before:
        return {}
    # the first sequence alone, since switching takes imprint back
    rested = sum(after[0].sequences[0].coercive) / 2
    fresh = np.array([sum(one.coercive) / 2 for one in before[-1].sequences])
    scatter = float(np.std(fresh, ddof=1)) if len(fresh) > 1 else None
    u = None if scatter is None else scatter * math.sqrt(1 + 1 / len(fresh))
    return {"imprint_shift": Metric(rested - float(np.mean(fresh)), u, "V", "imprint-shift")}


def _energy(best: State) -> dict[str, Metric]:
    """Return the energy of a switching pulse: the integral over the windows of P and N."""
    joules = [
        float(np.sum((one.v * one.i * one.width)[k])) for one in best.sequences for k in (0, 2)
    ]
    value, u = best.mean(joules, best.relative)
    return {"energy": Metric(value, u, "J", "energy-event-integral")}


def _table(states: Sequence[State], sample: Sample) -> Table:
    pr = [state.two_pr(sample.area) for state in states]
    volts = [state.voltages() for state in states]
    return table(
        "Switched polarisation and coercive voltages",
        (
            ("cycles", "1", [float(state.cycles) for state in states]),
            ("after", "", [state.when for state in states]),
            ("2 Pr", "C/m2", [value for value, _ in pr]),
            ("u(2 Pr)", "C/m2", [math.nan if u is None else u for _, u in pr]),
            ("coercive voltage up", "V", [float(np.mean(up)) for up, _ in volts]),
            ("coercive voltage down", "V", [float(np.mean(down)) for _, down in volts]),
        ),
    )


def _panels(states: Sequence[State], best: State, sample: Sample) -> tuple[Panel, ...]:
    first = states[0].sequences[0]
    woken = best.sequences[-1]
    loops = [_loop(first, sample, f"after {states[0].cycles} cycles")]
    if best is not states[0]:
        loops.append(_loop(woken, sample, f"after {best.cycles} cycles"))
    after = [state for state in states if state.when == "imprint"]
    loops += [_loop(after[0].sequences[0], sample, "after the rest")] if after else []
    panels = [
        _currents(woken),
        Panel("Switched polarisation", "voltage", "V", "polarisation", "uC/cm2", tuple(loops)),
    ]
    cycling = [state for state in states if state.when == "cycling"]
    if len(cycling) > 1:
        panels.append(_fatigue(cycling, sample))
    return tuple(panels)


def _currents(one: Sequence5) -> Panel:
    names = ("P: switches up", "U: already up", "N: switches down", "D: already down")
    traces = tuple(
        Trace(tuple(one.v[k].tolist()), tuple(one.i[k].tolist()), name, "line")
        for k, name in enumerate(names)
    )
    return Panel("Current in the four pulses", "voltage", "V", "current", "A", traces)


def _loop(one: Sequence5, sample: Sample, name: str) -> Trace:
    """Return the loop: up along P, down along N, centred."""
    up, down = one.switched
    v = np.concatenate([one.v[0], one.v[2], one.v[0, :1]])
    charge = np.concatenate([up, up[-1] + down, [up[0]]])
    p = _PER_CM2 * (charge - up[-1] / 2) / sample.area
    return Trace(tuple(v.tolist()), tuple(p.tolist()), name, "line")


def _fatigue(cycling: Sequence[State], sample: Sample) -> Panel:
    x = tuple(max(float(state.cycles), 1.0) for state in cycling)
    pr = [state.two_pr(sample.area) for state in cycling]
    bars = tuple(_PER_CM2 * (u or 0.0) for _, u in pr)
    trace = Trace(x, tuple(_PER_CM2 * value for value, _ in pr), y_error=bars)
    title = "Wake-up and fatigue (before any cycle: at 1)"
    return Panel(title, "cycles", "1", "2 Pr", "uC/cm2", (trace,), x_log=True)
