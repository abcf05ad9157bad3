"""What a record of spike pairs shows: changes against achieved dt, the window, its energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import evaluate
from labctl.analysis.plasticity import (
    Change,
    changes_by,
    energy_of_pieces,
    relative_change,
    stdp_window,
)
from labctl.analysis.stdp import compete_stdp, stdp_curve
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from labctl.steps import Play, StepRecord
from labctl.timing import seconds
from protocols.looks import Seen, looks
from protocols.responses import table, usable

__all__ = ["Windowed", "achieved_dt"]

Array = NDArray[np.float64]

_SIDED = ("hebbian", "anti_hebbian", "potentiating", "depressing")
_NO_LOOK = Seen(float("nan"), float("nan"), float("nan"))
_OFF = 2.0  # of the standard uncertainty of a mean: a fit that is further off is another curve
_SMALL = 0.1  # of the root mean square of the changes: so far off, a fit is still of use
_LINE = 120  # points of a fitted line on each side


def achieved_dt(step: StepRecord, readings: Readings, terminals: tuple[str, str]) -> float:
    """Return t_post - t_pre as it was played, s.

    The readings say when each piece was really played; by how much the first piece of each spike
    came later or earlier than its waveform has it is added to the dt of the waveform.

    Parameters
    ----------
    step, readings
        A pair and what was measured in it.
    terminals
        Of the presynaptic and the postsynaptic spike; the second is empty where the difference was
        played on the first.

    Returns
    -------
    float
        Not a number where a reading is missing.
    """
    onsets = [float(step.label[name] or 0.0) for name in ("onset_pre", "onset_post")]
    if not isinstance(step.what, Play):
        return float("nan")
    late = []
    for name, onset in zip(terminals, onsets, strict=True):
        terminal = name or terminals[0]
        planned = np.array(
            [
                (seconds(start), seconds(start) + seconds(w.start + w.stop) / 2)
                for start, part in step.what.waveform.flatten()
                for w in part.windows
                if w.terminal == terminal
            ]
        )
        played = readings.where(role="pulse", terminal=terminal).t
        if len(played) != len(planned) or not len(played):
            return float("nan")
        first = int(np.argmax(planned[:, 0] >= onset * (1 - 1e-9))) if onset else 0
        late.append(played[first] - planned[first, 1])
    return onsets[1] - onsets[0] + float(late[1] - late[0])


@dataclass(frozen=True)
class Windowed:
    """The pairs of a record, one entry each, in the order they were measured."""

    asked: Array  #: dt, s
    dt: Array  #: achieved, s
    before: Array  #: conductance, S
    after: Array
    u_before: Array
    u_after: Array
    returned: NDArray[np.bool_]
    pulses: tuple[Readings, ...]  #: taken in the spikes

    @classmethod
    def of(cls, record: Measured, terminals: tuple[str, str]) -> Windowed:
        """Collect the pairs that have both looks."""
        before, after = looks(record, "before"), looks(record, "after")
        found = [
            (step, readings)
            for step, readings in record.where(part="pair")
            if step.label["trial"] in before and step.label["trial"] in after
        ]
        seen = [
            (before.get(s.label["trial"], _NO_LOOK), after.get(s.label["trial"], _NO_LOOK))
            for s, _ in found
        ]
        g, h, u, w = np.array([(a.g, b.g, a.u, b.u) for a, b in seen], float).reshape(-1, 4).T
        return cls(
            np.array([float(step.label["dt"] or 0.0) for step, _ in found]),
            np.array([achieved_dt(step, rows, terminals) for step, rows in found]),
            g,
            h,
            u,
            w,
            np.array([bool(step.label["returned"]) for step, _ in found], bool),
            tuple(rows.where(role="pulse") for _, rows in found),
        )

    @cached_property
    def changes(self) -> tuple[Array, Array]:
        """Relative change of every pair, and its uncertainty by the specification."""
        return relative_change(self.before, self.after, self.u_before, self.u_after)

    @cached_property
    def means(self) -> tuple[Array, list[Change]]:
        """Mean achieved dt and mean change at every dt asked for, in its order."""
        change, u = self.changes
        by = changes_by(self.asked.tolist(), change, u)
        played = np.where(np.isfinite(self.dt), self.dt, self.asked)
        return np.array([np.mean(played[self.asked == x]) for x in by]), list(by.values())

    @cached_property
    def fits(self) -> Competition:
        """Every kind of window, fitted to every pair at its achieved dt."""
        change, _ = self.changes
        good = np.isfinite(change) & np.isfinite(self.dt)
        # at coincidence achieved times differ from zero by the clock; these pairs have no side
        good &= self.asked != 0
        return compete_stdp(self.dt[good], change[good])

    @property
    def sided(self) -> str:
        """Name of the best window with an amplitude and a time on each side; empty for none."""
        known = {n: w for n, w in self.fits.weights.items() if n in _SIDED}
        return max(known, key=lambda name: known[name]) if known else ""

    def followed(self, kind: str) -> bool:
        """Whether a kind of window follows the means, within what they are sure of."""
        fit = self.fits.fits[kind]
        if not fit.values:
            return False
        dt, changes = self.means
        y = np.array([c.value for c in changes])
        spread = np.array([c.sigma or 0.0 for c in changes])
        good = np.isfinite(y) & (dt != 0)
        left = y[good] - evaluate(stdp_curve(kind), fit, dt[good])
        off, sure, size = (
            float(np.sqrt(np.mean(x**2))) for x in (left, spread[good], y[good])
        )  # fmt: skip
        return off <= max(_OFF * sure, _SMALL * size)

    def results(self, preview: tuple[Panel, ...], notes: tuple[str, ...]) -> Results:
        """Return everything that can be said."""
        return Results(
            metrics=self.metrics(),
            fits=self.fits.fits,
            tables=self.tables() if len(self.asked) else (),
            panels=(*preview, *self.panels()),
            notes=(*notes, *self._said()),
        )

    def metrics(self) -> dict[str, Metric]:
        """Return the figures of merit."""
        dt, changes = self.means
        found = {**stdp_window(dt, changes), **self._fitted()}
        for name, first in (("pre", self.asked > 0), ("post", self.asked < 0)):
            chosen = [r for r, wanted in zip(self.pulses, first, strict=True) if wanted]
            energy = energy_of_pieces(
                [(r.v, r.i, r.width, r.u_v, r.u_i) for r in chosen if bool(usable(r).all())]
            )
            if energy is not None:
                found[f"energy_{name}_first"] = energy
        if len(self.returned):
            share = float(np.mean(self.returned))
            found["returned"] = Metric(share, None, "1", "share-of-pairs-on-baseline")
        return found

    def _fitted(self) -> dict[str, Metric]:
        fit = self.fits.fits.get(self.sided)
        if fit is None or not self.followed(self.sided):
            return {}
        ids = {"A": "stdp-amplitude", "tau": "stdp-time", "balance": "stdp-balance"}
        return {
            name: Metric(value.value, value.sigma, value.unit, ids[name.split("_")[0]])
            for name, value in fit.values.items()
            if value.sigma is not None and name.split("_")[0] in ids
        }

    def _said(self) -> tuple[str, ...]:
        if not len(self.asked):
            return ()
        said = [f"window: {self.fits.verdict}"]
        if self.fits.best and not self.followed(self.fits.best):
            said.append(
                f"no kind of window follows the means, the {self.fits.best.replace('_', '-')} one "
                "least badly: it is not drawn; go by potentiation, depression and window"
            )
        if self.sided and self.followed(self.sided):
            said.append(
                f"A+, A-, tau+, tau- are those of the {self.sided.replace('_', '-')} window, "
                "fitted to every pair at its achieved dt with equal weights"
            )
            fit = self.fits.fits[self.sided]
            lost = [n for n, v in fit.values.items() if v.sigma is None]
            if lost:
                said.append(f"not identifiable: {', '.join(lost)}")
        late = np.abs(self.dt - self.asked)[np.isfinite(self.dt)]
        if len(late):
            said.append(f"achieved dt differ from those asked for by up to {np.max(late):.2g} s")
        return tuple(said)

    def tables(self) -> tuple[Table, ...]:
        """Return the window, and every pair."""
        dt, changes = self.means
        nan = float("nan")
        window = table(
            "Weight change against dt = t_post - t_pre",
            (
                ("dt", "s", dt),
                ("change", "1", [c.value for c in changes]),
                (
                    "standard uncertainty",
                    "1",
                    [nan if c.sigma is None else c.sigma for c in changes],
                ),
                ("repeats", "1", [float(c.repeats) for c in changes]),
            ),
        )
        every = table(
            "Every pair, in the order of the measurement",
            (
                ("dt", "s", self.dt),
                ("G before", "S", self.before),
                ("G after", "S", self.after),
                ("change", "1", self.changes[0]),
                ("began on the baseline", "", [bool(x) for x in self.returned]),
            ),
        )
        return window, every

    def panels(self) -> tuple[Panel, ...]:
        """Return the window with the best fit, and its residuals."""
        dt, changes = self.means
        good = [k for k, c in enumerate(changes) if np.isfinite(c.value)]
        if not good:
            return ()
        y = np.array([c.value for c in changes])
        bars = np.array([c.sigma or 0.0 for c in changes])
        title = "Window of spike-timing-dependent plasticity"
        data = _signed(dt, y, bars)
        best = self.fits.fits.get(self.fits.best)
        if best is None or not self.followed(self.fits.best):
            return (_panel(title, "dG / G", data),)
        curve = stdp_curve(self.fits.best)
        name, traces = self.fits.best.replace("_", "-"), list(data)
        line = [_side(side) for side in (dt[dt < 0], dt[dt > 0]) if len(side)]
        if line:
            # one line, which jumps where the order of the spikes changes
            x = np.concatenate(line)
            traces.append(line_of(x, evaluate(curve, best, x), f"{name} fit"))
        off = dt != 0
        left = y[off] - evaluate(curve, best, dt[off])
        below = _signed(dt[off], left, bars[off], y[off])
        return (
            _panel(title, "dG / G", tuple(traces)),
            _panel(f"{title}: residuals of the {name} fit", "residual", below, title),
        )


def _side(dt: Array) -> Array:
    """Return where a fit is drawn on one side, rising."""
    far = np.abs(dt)
    line: Array = np.geomspace(float(np.min(far)) / 4, float(np.max(far)), _LINE)
    return line if dt[0] > 0 else -line[::-1]


def _panel(title: str, y_label: str, traces: tuple[Trace, ...], residuals_of: str = "") -> Panel:
    x_label, x_unit = "t_post - t_pre", "s"
    return Panel(title, x_label, x_unit, y_label, "1", traces, residuals_of=residuals_of)


def _signed(x: Array, y: Array, bars: Array, sign: Array | None = None) -> tuple[Trace, ...]:
    """Return points in the colours of potentiation and depression."""
    of = y if sign is None else sign
    sides: Mapping[str, NDArray[np.bool_]] = {"potentiation": of >= 0, "depression": of < 0}
    return tuple(
        points_of(x[here], y[here], bars[here], name, name)
        for name, here in sides.items()
        if np.any(here)
    )
