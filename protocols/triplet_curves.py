"""What a record of triplets shows: the landscape over both delays, BCM curves, energies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.plasticity import Change, changes_by, mean_change, relative_change
from labctl.analysis.rate_threshold import deepening, power_of
from labctl.protocol import Measured
from labctl.readings import Readings, Row
from labctl.results import Fit, Metric, Panel, Table
from labctl.units import show
from protocols.looks import looks
from protocols.rate_curves import RateCurve, curve_panels, curve_table
from protocols.responses import energy_metrics, table

__all__ = ["Triplet", "Triplets"]


class Triplet(NamedTuple):
    """One triplet with both looks."""

    order: str
    first: float  #: delay asked for, s
    second: float
    state: float  #: conductance asked for, S; 0 for the baseline
    delays: tuple[float, float]  #: achieved, s; not a number where a spike was lost
    change: float
    u: float
    returned: bool


class _Which(NamedTuple):
    """One BCM curve."""

    order: str
    first: float
    state: float


@dataclass(frozen=True)
class Triplets:
    """All whole triplets of a record."""

    rows: tuple[Triplet, ...]
    spikes: dict[str, Readings]  #: in the spikes, by neuron
    orders: tuple[str, ...]
    firsts: tuple[float, ...]
    states: tuple[float, ...]

    @classmethod
    def of(
        cls,
        record: Measured,
        orders: Sequence[str],
        firsts: tuple[float, ...],
        states: tuple[float, ...],
        both: bool,
    ) -> Triplets:
        """Collect them; `both` says that each neuron has a terminal of its own."""
        before, after = looks(record, "before"), looks(record, "after")
        rows: list[Triplet] = []
        spikes: dict[str, list[Row]] = {"pre": [], "post": []}
        for step, readings in record.where(part="triplet"):
            label, pulses = step.label, readings.where(role="pulse")
            if label["trial"] not in before or label["trial"] not in after or len(pulses) != 3:
                continue
            a, b = before[label["trial"]], after[label["trial"]]
            change, u = relative_change(a.g, b.g, a.u, b.u)
            gaps = np.diff(pulses.t)
            rows.append(
                Triplet(
                    str(label["order"]), float(label["first"] or 0), float(label["second"] or 0),
                    float(label["state"] or 0) if states else 0.0,
                    (float(gaps[0]), float(gaps[1])),
                    float(change[0]), float(u[0]), bool(label["returned"]),
                )
            )  # fmt: skip
            twice, once = str(label["order"]).split("-")[:2]
            for row, name in zip(pulses, (twice, once, twice), strict=True):
                spikes[name].append(row)
        found = {name: Readings(part) for name, part in spikes.items()}
        return cls(tuple(rows), found, tuple(orders), firsts, states or (0.0,))

    @cached_property
    def curves(self) -> dict[_Which, RateCurve]:
        """The changes against the rate of the neuron that fires twice, first delay held."""
        return {
            which: self._curve(which)
            for which in itertools.starmap(
                _Which, itertools.product(self.orders, self.firsts, self.states)
            )
        }

    def _curve(self, which: _Which) -> RateCurve:
        rows = [r for r in self.rows if (r.order, r.first, r.state) == which]
        columns = [(1 / (r.first + r.second), 1 / sum(r.delays), r.change, r.u) for r in rows]
        name = [which.order, f"delay 1 {show(which.first, 's')}"]
        parts = [which.order.replace("-", "_"), f"{which.first * 1e3:g}ms".replace(".", "_")]
        many = [len(self.orders) > 1, len(self.firsts) > 1]
        suffix = "".join(f"_{part}" for part, wanted in zip(parts, many, strict=True) if wanted)
        if which.state:
            name.append(f"from {show(which.state, 'S')}")
            if len(self.states) > 1:
                suffix += f"_from_{which.state * 1e6:g}uS".replace(".", "_")
        shown = [part for part, wanted in zip(name, [*many, True], strict=False) if wanted]
        return RateCurve(
            ", ".join(shown or name), suffix, *np.array(columns, float).reshape(-1, 4).T
        )

    def metrics(self) -> dict[str, Metric]:
        """Return the figures of merit."""
        found: dict[str, Metric] = {}
        for curve in self.curves.values():
            found |= curve.metrics()
            found |= _depths(curve)
        found |= dict(self._powers(found))
        if self.rows:
            share = float(np.mean([row.returned for row in self.rows]))
            found["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
        return found | energy_metrics(self.spikes)

    def _powers(self, metrics: dict[str, Metric]) -> Iterator[tuple[str, Metric]]:
        """Yield how the threshold goes with the conductance, for each order and first delay."""
        for order, first in itertools.product(self.orders, self.firsts):
            pairs = [
                (state, metrics[f"threshold{suffix}"])
                for state in self.states
                if f"threshold{(suffix := self.curves[_Which(order, first, state)].suffix)}"
                in metrics
            ]
            power = power_of([g for g, _ in pairs], [m for _, m in pairs]) if pairs else None
            if power is not None:
                suffix = self.curves[_Which(order, first, self.states[0])].suffix
                yield f"threshold_power{suffix.split('_from_')[0]}", power

    def fits(self) -> dict[str, Fit]:
        """Return the BCM shapes fitted to every curve with enough rates."""
        return {
            k: f for c in self.curves.values() if len(c.asked) for k, f in c.named_fits().items()
        }

    def tables(self) -> tuple[Table, ...]:
        """Return the landscape, and the BCM curves."""
        landscape = sorted(
            changes_by([r[:4] for r in self.rows], [r.change for r in self.rows],
                       [r.u for r in self.rows]).items(),
            key=lambda item: str(item[0]),
        )  # fmt: skip
        keys = [_key(key) for key, _ in landscape]
        nan = float("nan")
        every = table(
            "Weight change against both delays",
            (
                ("order", "", [key[0] for key in keys]),
                ("G0", "S", [key[3] or nan for key in keys]),
                ("dt1 = t_post - t_pre", "s", [_sign(key[0]) * key[1] for key in keys]),
                ("dt2 = t_post - t_pre", "s", [-_sign(key[0]) * key[2] for key in keys]),
                ("change", "1", [c.value for _, c in landscape]),
                ("u(change)", "1", [nan if c.sigma is None else c.sigma for _, c in landscape]),
            ),
        )
        return every, curve_table(tuple(self.curves.values()), "BCM curves", "curve")

    def panels(self) -> tuple[Panel, ...]:
        """Return the landscape of every order and state, and the BCM curves."""
        found = [
            panel
            for order, state in itertools.product(self.orders, self.states)
            for panel in self._landscape(order, state)
        ]
        for order, first in itertools.product(self.orders, self.firsts):
            curves = [self.curves[_Which(order, first, state)] for state in self.states]
            title = f"BCM curve of {order}, delay 1 {show(first, 's')}"
            rate = "rate of the neuron that fires twice"
            found += curve_panels(curves, title, rate, f"{title}, enlarged")
        return tuple(found)

    def _landscape(self, order: str, state: float) -> tuple[Panel, ...]:
        traces = []
        for first in self.firsts:
            rows = [r for r in self.rows if (r.order, r.first, r.state) == (order, first, state)]
            by: dict[float, list[Triplet]] = {}
            for row in rows:
                by.setdefault(row.second, []).append(row)
            means = [
                (np.mean([r.delays[1] for r in by[second]]), _mean(by[second]))
                for second in sorted(by)
            ]
            if means:
                x, y = [t for t, _ in means], [c.value for _, c in means]
                bars = [c.sigma or 0.0 for _, c in means]
                traces.append(points_of(x, y, bars, f"delay 1: {show(first, 's')}"))
        if not traces:
            return ()
        ends = [x for trace in traces for x in trace.x]
        zero = line_of([min(ends), max(ends)], [0.0, 0.0], "no change")
        start = f", from {show(state, 'S')}" if state else ""
        return (
            Panel(
                f"Triplets {order}{start}", "delay 2", "s", "dG / G", "1", (*traces, zero),
                x_log=True,
            ),
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        """Say how delays and rates are meant, and what the curves show."""
        if not self.rows:
            return ()
        said = [
            "dt = t_post - t_pre; the rate of a BCM curve is 1/(delay 1 + delay 2), as achieved"
        ]
        if len(self.states) > 1:
            said.append("the states were measured one after another, the triplets in random order")
        for curve in self.curves.values():
            said += curve.notes()
        return tuple(said)


def _mean(rows: Sequence[Triplet]) -> Change:
    return mean_change([row.change for row in rows], [row.u for row in rows])


def _key(key: object) -> tuple[str, float, float, float]:
    assert isinstance(key, tuple)
    order, first, second, state = key
    return str(order), float(first), float(second), float(state)


def _sign(order: str) -> int:
    """Return the sign of the first dt: the neuron after comes second in pre-post-pre."""
    return 1 if order == "pre-post-pre" else -1


def _depths(curve: RateCurve) -> dict[str, Metric]:
    """Return the deepest mean change and by how much it is deeper than that at the lowest rate."""
    _, changes = curve.means
    known = [c for c in changes if np.isfinite(c.value)]
    if not known:
        return {}
    deepest = min(known, key=lambda change: change.value)
    found = {"deepest": deepest.metric("weight-change"), "deepening": deepening(changes)}
    return {f"{name}{curve.suffix}": m for name, m in found.items() if m is not None}
