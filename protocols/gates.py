"""Gates of devices that meet at a node: writing, reading, and what became of every trial.

A read puts the read voltage on one device and zero on the others, and measures the current into
each. All of it leaves through the load, which is known, so the node is at load times the sum of the
currents, and the device's conductance is its current over what is left of the read voltage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.energy import floored, pulse_energies
from labctl.analysis.statistics import proportion
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol
from labctl.readings import Readings
from labctl.results import Metric, Panel, Table, Trace
from labctl.steps import Label, Play, Steps
from labctl.units import Ohm, Ratio, Second, Volt
from labctl.waveform import Node, Window, rest, segment, ticks
from protocols.parameters import Compliance, ReadVoltage, ReadWidth, Width, Words
from protocols.responses import table, usable

__all__ = ["Bits", "Gates", "Trial", "boundary_of", "gate_metrics", "gate_panels", "gate_tables",
           "told", "trials_of"]  # fmt: skip

Array = NDArray[np.float64]
Bits = dict[str, int]

_GAP = 200e-6  # rest after every pulse and read, s
_FULL = math.log(10)


class Gates(Protocol):
    """A protocol on devices that meet at a node, each with a terminal of its own."""

    cells: Annotated[
        Words, Field(min_length=2, description="Terminals of the devices, in the gate's order.")
    ] = ("a", "b", "c")
    load: Annotated[Ohm, Gt(0), Field(description="Resistor from the node to ground.")] = 4e3
    write: Annotated[Volt, Gt(0), Field(description="Level that writes a one.")] = 1.9
    erase: Annotated[Volt, Gt(0), Field(description="Magnitude of the level that erases.")] = 1.6
    share: Annotated[
        Ratio,
        Gt(0),
        Lt(1),
        Field(description="Part of such a level on the other devices, to leave them alone."),
    ] = 0.25
    width: Width = 1e-6
    pause: Annotated[Second, Gt(0), Field(description="Rest between two pulses.")] = _GAP
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 1e-3
    selector: Annotated[
        str, Field(description="Terminal that joins node and load; empty where both always are.")
    ] = ""
    select: Annotated[Volt, Gt(0), Field(description="Level on it that joins them.")] = 1.0
    trials: Annotated[
        PositiveInt, Field(description="How often each combination of inputs is tried.")
    ] = 5
    compliance: Compliance = 5e-3

    @model_validator(mode="after")
    def _cells_differ(self) -> Gates:
        if len(set(self.cells)) < len(self.cells):
            raise ValueError(
                f"the devices {', '.join(self.cells)} were asked for; name each terminal once"
            )
        return self

    def prepare(self, bits: Mapping[str, int], label: Label) -> Steps:
        """Erase the devices that are to be zero, then write those that are to be one.

        Parameters
        ----------
        bits
            0 or 1 by device.
        label
            Of every step.
        """
        for name, bit in sorted(bits.items(), key=lambda item: item[1]):
            level = self.write if bit else -self.erase
            others = {other: self.share * level for other in self.cells if other != name}
            part: Label = {**label, "part": "write", "cell": name, "bit": bit}
            waveform = self.pulses({name: level, **others}, joined=True)
            yield Play(waveform, self.compliance, {}, part)

    def examine(self, label: Label) -> Steps:
        """Read every device."""
        current = self.read / self.load if self.load > 0 else self.compliance
        ranges = dict.fromkeys(self.cells, min(self.compliance, max(current, 1e-6)))
        yield Play(self.reads(), self.compliance, ranges, label)

    def pulses(self, levels: Mapping[str, float], *, joined: bool) -> Node:
        """Return one pulse on several devices at once, measured on each, and the pause.

        Parameters
        ----------
        levels
            V, by device.
        joined
            Whether node and load are joined meanwhile, where a selector parts them.
        """
        top = ticks(self.width)
        windows = tuple(
            Window(name, round(0.70 * top), round(0.95 * top), "pulse") for name in levels
        )
        waveform = segment(
            self.width, {**levels, **(self._joining if joined else {})}, windows=windows,
            role="pulse",
        )  # fmt: skip
        return waveform + rest(self.pause)

    def shown(self, title: str, levels: Mapping[str, float]) -> Panel:
        """Return one pulse of the gate, to scale, with as long a rest before and after it."""
        around = rest(self.width)
        return waveform_panel(
            title, around + segment(self.width, dict(levels)) + around, tuple(levels)
        )

    def reads(self) -> Node:
        """Return a read of each device in turn, measured on all."""
        length = ticks(self.read_width)
        windows = tuple(
            Window(name, round(0.20 * length), round(0.95 * length), "read") for name in self.cells
        )
        waveform: Node | None = None
        for name in self.cells:
            levels = {other: self.read if other == name else 0.0 for other in self.cells}
            one = segment(self.read_width, levels | self._joining, windows=windows, role="read")
            part = one + rest(self.pause)
            waveform = part if waveform is None else waveform + part
        assert waveform is not None
        return waveform

    @property
    def _joining(self) -> dict[str, float]:
        return {self.selector: self.select} if self.selector else {}


@dataclass(frozen=True, slots=True)
class Trial:
    """One gate on one combination of inputs."""

    gate: str
    level: float  #: of the parameter that is varied, V
    inputs: tuple[int, ...]  #: bits asked for, in the order of the devices
    wanted: tuple[int, ...]  #: bits that the gate should leave
    before: Array  #: conductances, S
    after: Array
    output: int  #: which device holds the result
    energy: float  #: of the gate's pulses, J
    u_energy: float

    def prepared(self, boundary: float) -> bool:
        """Whether the inputs were what was asked for."""
        return bool(np.all((self.before > boundary) == np.array(self.inputs, bool)))

    def right(self, boundary: float) -> bool:
        """Whether every device is what the gate should have left."""
        return bool(np.all((self.after > boundary) == np.array(self.wanted, bool)))


def trials_of(record: Measured, gates: Gates) -> list[Trial]:
    """Return the trials of a record whose reads are whole, in order."""
    parts: dict[int, dict[str, list[tuple[Label, Readings]]]] = {}
    for part in ("before", "gate", "after"):
        for step, readings in record.where(part=part):
            found = parts.setdefault(int(step.label["trial"] or 0), {})
            found.setdefault(part, []).append((step.label, readings))
    made = (_trial(found, gates) for _, found in sorted(parts.items()) if len(found) == 3)
    return [one for one in made if one is not None]


def _trial(parts: dict[str, list[tuple[Label, Readings]]], gates: Gates) -> Trial | None:
    label = parts["before"][0][0]
    before, after = (_conductances(parts[name][-1][1], gates) for name in ("before", "after"))
    if before is None or after is None:
        return None
    energy, u = _energy([readings for _, readings in parts["gate"]])
    return Trial(
        str(label["gate"]), float(label["level"] or 0.0), _bits(label["inputs"]),
        _bits(label["wanted"]), before, after, int(label["output"] or 0), energy, u,
    )  # fmt: skip


def _bits(text: object) -> tuple[int, ...]:
    return tuple(int(bit) for bit in str(text))


def _conductances(readings: Readings, gates: Gates) -> Array | None:
    """Return the conductance of every device; None where a reading has no value."""
    rows = readings.where(role="read")
    count = len(gates.cells)
    if len(rows) != count * count or not np.all(usable(rows)):
        return None
    place = {name: k for k, name in enumerate(gates.cells)}
    currents, levels = np.zeros((count, count)), np.zeros((count, count))
    for turn in range(count):
        for row in rows[turn * count : (turn + 1) * count]:
            currents[turn, place[row.terminal]] = row.i
            levels[turn, place[row.terminal]] = row.v
    own = np.arange(count)
    node = gates.load * currents.sum(axis=1)
    found: Array = currents[own, own] / (levels[own, own] - node)
    return found


def _energy(played: Sequence[Readings]) -> tuple[float, float]:
    """Return what the gate's pulses took on all devices together, and its uncertainty."""
    total, u = 0.0, 0.0
    for readings in played:
        rows = readings.where(role="pulse")
        joules, each = pulse_energies(rows.v, rows.i, rows.width, rows.u_v, rows.u_i)
        total, u = total + float(np.sum(joules)), u + float(np.sum(each))
    return total, u


def boundary_of(trials: Sequence[Trial]) -> float | None:
    """Return the conductance between zeros and ones: the geometric mean of how both are written.

    None while one of them has not been read.
    """
    bits = np.concatenate([np.array(one.inputs) for one in trials]) if trials else np.empty(0)
    g = np.concatenate([one.before for one in trials]) if trials else np.empty(0)
    good = np.isfinite(g) & (g > 0)
    groups = [np.log(g[good & (bits == bit)]) for bit in (0, 1)]
    if not all(len(group) for group in groups):
        return None
    return float(np.exp(np.mean([np.median(group) for group in groups])))


def told(trials: Sequence[Trial], boundary: float) -> str:
    """Say what the figures stand on."""
    return (
        f"{len(trials)} trials, order randomised; zero and one are told apart at {boundary:.3g} S, "
        "between the inputs as they were written"
    )


def gate_metrics(trials: Sequence[Trial], boundary: float) -> dict[str, Metric]:
    """Return success, window, drift and energy of every gate, as ``success_<gate>`` and so on."""
    metrics: dict[str, Metric] = {}
    for gate in dict.fromkeys(one.gate for one in trials):
        own = [one for one in trials if one.gate == gate and one.prepared(boundary)]
        if not own:
            continue
        share = proportion(sum(one.right(boundary) for one in own), len(own))
        metrics[f"success_{gate}"] = Metric(share.value, share.metric.sigma, "1", "gate-success")
        metrics |= _window(gate, own) | _drift(gate, own)
        energy = np.array([one.energy for one in own])
        scatter = float(np.std(energy, ddof=1)) / math.sqrt(len(energy)) if len(energy) > 1 else 0.0
        sigma = math.hypot(scatter, float(np.mean([one.u_energy for one in own])))
        metrics[f"energy_{gate}"] = floored(float(np.mean(energy)), sigma, "energy-of-a-gate")
    prepared = proportion(sum(one.prepared(boundary) for one in trials), len(trials))
    metrics["prepared"] = Metric(
        prepared.value, prepared.metric.sigma, "1", "share-of-inputs-prepared"
    )
    return metrics


def _window(gate: str, own: Sequence[Trial]) -> dict[str, Metric]:
    """Return the decades between the outputs that should be one and those that should be zero."""
    groups = [[o.after[o.output] for o in own if o.wanted[o.output] == bit] for bit in (0, 1)]
    if not all(groups):
        return {}
    window = math.log(max(min(groups[1]), 1e-300) / max(max(groups[0]), 1e-300)) / _FULL
    return {f"window_{gate}": Metric(window, None, "1", "gate-output-window")}


def _drift(gate: str, own: Sequence[Trial]) -> dict[str, Metric]:
    """Return the largest change of a device that should have kept its bit, in decades."""
    kept = [
        abs(math.log(after / before)) / _FULL
        for one in own
        for before, after, a, b in zip(one.before, one.after, one.inputs, one.wanted, strict=True)
        if a == b and before > 0 and after > 0
    ]
    return {f"drift_{gate}": Metric(max(kept), None, "1", "gate-state-drift")} if kept else {}


def gate_tables(
    trials: Sequence[Trial], boundary: float, cells: Sequence[str]
) -> tuple[Table, ...]:
    """Return the truth table of every gate as measured, and the success of all."""
    groups = {
        gate: [one for one in trials if one.gate == gate]
        for gate in dict.fromkeys(one.gate for one in trials)
    }
    found = [_truth(gate, own, boundary, cells) for gate, own in groups.items()]
    return (*found, _successes(groups, boundary))


def _successes(groups: Mapping[str, Sequence[Trial]], boundary: float) -> Table:
    """Return how often each gate was right, of the prepared trials, with 95 % intervals."""
    good = {gate: [o.right(boundary) for o in own if o.prepared(boundary)]
            for gate, own in groups.items()}  # fmt: skip
    shares = {gate: proportion(sum(right), len(right)) for gate, right in good.items() if right}
    every = list(shares.values())
    return table(
        "Success of the gates",
        (
            ("gate", "", [gate.upper() for gate in shares]),
            ("trials", "1", [float(one.total) for one in every]),
            ("right", "1", [float(one.successes) for one in every]),
            ("share", "1", [one.value for one in every]),
            ("low", "1", [one.wilson[0] for one in every]),
            ("high", "1", [one.wilson[1] for one in every]),
            ("low, exact", "1", [one.exact[0] for one in every]),
            ("high, exact", "1", [one.exact[1] for one in every]),
        ),
    )


def _truth(gate: str, own: Sequence[Trial], boundary: float, cells: Sequence[str]) -> Table:
    combinations = sorted({(one.inputs, one.wanted) for one in own})
    groups = [[o for o in own if (o.inputs, o.wanted) == pair] for pair in combinations]
    good = [[one for one in group if one.prepared(boundary)] for group in groups]
    output = own[0].output
    outs = [[o.after[o.output] for o in group] or [math.nan] for group in good]
    return table(
        f"Truth table of {gate.upper()}",
        (
            (f"inputs {' '.join(cells)}", "", ["".join(map(str, a)) for a, _ in combinations]),
            (f"result in {cells[output]}", "", [str(b[output]) for _, b in combinations]),
            ("least conductance", "S", [float(np.min(group)) for group in outs]),
            ("largest conductance", "S", [float(np.max(group)) for group in outs]),
            ("trials", "1", [float(len(group)) for group in good]),
            ("right", "1", [float(sum(o.right(boundary) for o in group)) for group in good]),
        ),
    )


def gate_panels(
    trials: Sequence[Trial], boundary: float, varied: str, cells: Sequence[str]
) -> tuple[Panel, ...]:
    """Return outputs by combination for every gate, and success against the level varied."""
    panels = [
        _outputs(gate, [one for one in trials if one.gate == gate], boundary, cells)
        for gate in dict.fromkeys(one.gate for one in trials)
    ]
    levels = sorted({one.level for one in trials})
    if len(levels) > 1:
        panels.append(_success(trials, boundary, varied, levels))
    return tuple(panels)


def _outputs(gate: str, own: Sequence[Trial], boundary: float, cells: Sequence[str]) -> Panel:
    combinations = sorted({one.inputs for one in own})
    traces = []
    for bit, name, branch in (
        (1, "should be one", "potentiation"),
        (0, "should be zero", "depression"),
    ):
        points = [
            (float(combinations.index(one.inputs)), float(one.after[one.output]))
            for one in own
            if one.wanted[one.output] == bit and one.prepared(boundary)
        ]
        if points:
            x, y = (tuple(column) for column in zip(*points, strict=True))
            traces.append(Trace(x, y, name, branch=branch))
    ends = (-0.4, len(combinations) - 0.6)
    traces.append(Trace(ends, (boundary, boundary), "boundary", "line"))
    names = ", ".join(f"{k}: {''.join(map(str, bits))}" for k, bits in enumerate(combinations))
    title = f"{gate.upper()}: result in {cells[own[0].output]} ({names})"
    return Panel(title, "inputs", "1", "conductance", "S", tuple(traces), y_log=True)


def _success(
    trials: Sequence[Trial], boundary: float, varied: str, levels: Sequence[float]
) -> Panel:
    traces = []
    for gate in dict.fromkeys(one.gate for one in trials):
        points = []
        for level in levels:
            own = [o for o in trials if (o.gate, o.level) == (gate, level) and o.prepared(boundary)]
            if own:
                share = proportion(sum(o.right(boundary) for o in own), len(own))
                points.append((level, share.value, share.metric.sigma or 0.0))
        if points:
            x, y, u = (tuple(column) for column in zip(*points, strict=True))
            traces.append(Trace(x, y, gate.upper(), y_error=u))
    return Panel("Success of the gate", varied, "V", "share right", "1", tuple(traces))
