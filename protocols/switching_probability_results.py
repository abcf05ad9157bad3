"""What trials say: shares with intervals, thermal activation against distributed delays."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.competition import Competition, judge
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.statistics import proportion
from labctl.analysis.switching import fit_switching_probability, switching_probability
from labctl.protocol import Measured
from labctl.readings import Flag, Readings, Row
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from labctl.units import show
from protocols.delay_times import Counts, delay_share, fit_delays
from protocols.responses import conductances, energy_metrics, table

__all__ = ["Condition", "Trials", "boundary", "verified"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Look = Literal["after", "inside"]

_TRIAL = 3  # readings: before the pulse, in it, after it
_DARKEST = 1e-3  # a state below this share of the other counts as this share: its reading is noise
_CLEAR = 4.0  # standard deviations: one reading in 30 000 on the wrong side
_Z = 1.959963984540054
_DENSE = 100


def boundary(states: Readings, look: Look) -> float:
    """Return the conductance half-way, in its logarithm, between reset and switched, S.

    Parameters
    ----------
    states
        Of one trial that switched for certain.
    look
        Whether a switch is seen in the pulse or after it.

    Returns
    -------
    float
        Not a number where the readings are missing or the states are not two.
    """
    g = conductances(states)
    if len(g) < _TRIAL:
        return math.nan
    reset, switched = float(g[0]), float(g[1 if look == "inside" else 2])
    # a state that is not resolved may read as nothing, or less
    reset = max(reset, _DARKEST * switched)
    return math.sqrt(reset * switched) if switched > reset > 0 else math.nan


def _three(readings: Readings) -> Array:
    """Return the conductances of whole trials, shape (trials, 3), S."""
    whole = len(readings) // _TRIAL * _TRIAL
    return conductances(readings)[:whole].reshape(-1, _TRIAL)


def verified(readings: Readings, limit: float) -> Flags:
    """Return which trials of a block began in the reset state."""
    before: Flags = _three(readings)[:, 0] < limit
    return before


@dataclass(frozen=True)
class Condition:
    """All trials of one amplitude and one width."""

    amplitude: float  #: asked for, V
    width: float  #: asked for, s
    v: float  #: achieved before the compliance was met, V
    w: float  #: achieved, s
    switched: int
    valid: int
    made: int


class _Block(NamedTuple):
    condition: tuple[float, float]
    readings: Readings
    valid: Flags
    switched: Flags


@dataclass(frozen=True)
class Trials:
    """All trials of a record, by condition."""

    conditions: tuple[Condition, ...]
    pulses: Readings  #: in all pulses under test
    reset: Array  #: conductances before valid trials, S
    high: Array  #: conductances after those that switched, S
    limit: float  #: between the states, S

    @classmethod
    def of(cls, record: Measured, limit: float, look: Look) -> Trials:
        """Collect the trials; `limit` is the conductance between the states, S."""
        at = 1 if look == "inside" else 2
        blocks = []
        for step, readings in record.where(part="trials"):
            g = _three(readings)
            valid = verified(readings, limit) & np.isfinite(g[:, at])
            asked = (float(step.label["amplitude"] or 0), float(step.label["width"] or 0))
            blocks.append(_Block(asked, readings, valid, valid & (g[:, at] > limit)))
        by: dict[tuple[float, float], list[_Block]] = {}
        for block in blocks:
            by.setdefault(block.condition, []).append(block)
        rows = [row for block in blocks for row in _inside(block)]
        return cls(
            tuple(_condition(asked, found) for asked, found in sorted(by.items())),
            Readings(rows),
            np.concatenate([_three(b.readings)[b.valid, 0] for b in blocks] or [np.zeros(0)]),
            np.concatenate([_three(b.readings)[b.switched, at] for b in blocks] or [np.zeros(0)]),
            limit,
        )

    @property
    def counts(self) -> Counts:
        """The counts that can be fitted."""
        used = [c for c in self.conditions if c.valid and math.isfinite(c.v)]
        return Counts(
            np.array([abs(c.v) for c in used]), np.array([c.w for c in used]),
            np.array([c.switched for c in used], float), np.array([c.valid for c in used], float),
        )  # fmt: skip

    def results(self, attempt: float, asked: int) -> Results:
        """Return everything the trials say; `asked` is the number of trials wanted."""
        if not self.conditions:
            return Results(notes=("no trial was made",))
        counts = self.counts
        fits = {
            "neel_brown": fit_switching_probability(
                counts.v, counts.switched, counts.pulses, counts.width, attempt
            ),
            "lognormal_delay": fit_delays(counts),
        }
        verdict = judge(fits)
        return Results(
            self._metrics(verdict),
            fits,
            (self._table(),),
            tuple(self._panels(verdict)),
            tuple(self._notes(verdict, asked)),
        )

    # metrics -------------------------------------------------------------------------------------

    def _metrics(self, verdict: Competition) -> dict[str, Metric]:
        found = energy_metrics({"pulse": self.pulses})
        made = sum(c.made for c in self.conditions)
        valid = sum(c.valid for c in self.conditions)
        if made:
            share = proportion(valid, made)
            found["valid"] = Metric(
                share.value, share.metric.sigma, "1", "share-of-trials-reset-verified"
            )
        for name, g in (("low", self.reset), ("high", self.high)):
            if len(g):
                spread = float(np.std(g, ddof=1)) if len(g) > 1 else None
                found[name] = Metric(float(np.mean(g)), spread or None, "S", "state-conductance")
        for model, title, name, definition in (
            ("neel_brown", "delta", "Delta", "thermal-stability-by-switching"),
            ("neel_brown", "critical_voltage", "Vc", "critical-voltage-by-switching"),
            ("lognormal_delay", "median_delay", "t50", "delay-median-lognormal"),
            ("lognormal_delay", "delay_spread", "s", "delay-spread-lognormal"),
            ("lognormal_delay", "volts_per_decade", "decade", "switching-volts-per-decade"),
        ):
            value = verdict.fits[model].values.get(name)
            if value is not None:
                found[title] = Metric(value.value, value.sigma, value.unit, definition)
        return found | self._halves()

    def _halves(self) -> dict[str, Metric]:
        """Return the voltage of half the pulses at each width, between two conditions."""
        found = {}
        for number, width in enumerate(sorted({c.width for c in self.conditions}), 1):
            rows = sorted((c for c in self.conditions if c.width == width), key=lambda c: abs(c.v))
            place = _half_between(rows)
            if place is not None:
                name = "half_voltage" if number == 1 else f"half_voltage_{number}"
                found[name] = Metric(*place, "V", "half-voltage-interpolated")
        return found

    def _apart(self) -> float:
        """Return how far the nearer state is from the boundary, in standard deviations."""
        distances = [
            abs(float(np.mean(g)) - self.limit) / float(np.std(g))
            for g in (self.reset, self.high)
            if len(g) > 1 and np.std(g) > 0
        ]
        return min(distances, default=math.inf)

    # table, panels, notes ------------------------------------------------------------------------

    def _table(self) -> Table:
        rows = self.conditions
        shares = [proportion(c.switched, c.valid) if c.valid else None for c in rows]
        return table(
            "Trials by condition",
            [
                ("amplitude", "V", [c.amplitude for c in rows]),
                ("achieved level", "V", [c.v for c in rows]),
                ("achieved width", "s", [c.w for c in rows]),
                ("made", "1", [float(c.made) for c in rows]),
                ("valid", "1", [float(c.valid) for c in rows]),
                ("switched", "1", [float(c.switched) for c in rows]),
                ("share", "1", [s.value if s else math.nan for s in shares]),
                ("low (95 %)", "1", [s.wilson[0] if s else math.nan for s in shares]),
                ("high (95 %)", "1", [s.wilson[1] if s else math.nan for s in shares]),
            ],
        )

    def _panels(self, verdict: Competition) -> Iterator[Panel]:
        best = verdict.fits.get(verdict.best)
        yield self._panel(best, by_width=False)
        if len({c.width for c in self.conditions}) > 2:
            yield self._panel(best, by_width=True)

    def _panel(self, fit: Fit | None, *, by_width: bool) -> Panel:
        """Return shares against the voltage by width, or the other way round."""
        kept = operator.attrgetter("amplitude" if by_width else "width")
        traces: list[Trace] = []
        lines: list[Trace] = []
        for one in sorted({kept(c) for c in self.conditions}):
            rows = [c for c in self.conditions if kept(c) == one and c.valid]
            if not rows:
                continue
            x = np.array([c.w if by_width else abs(c.v) for c in rows])
            shares = [proportion(c.switched, c.valid) for c in rows]
            bars = [(s.wilson[1] - s.wilson[0]) / (2 * _Z) for s in shares]
            said = f"{one:g} V" if by_width else show(one, "s")
            traces.append(points_of(x, [s.value for s in shares], bars, said))
            if fit is not None and fit.values and len(rows) > 1:
                ends = (float(x.min()), float(x.max()))
                dense = np.geomspace(*ends, _DENSE) if by_width else np.linspace(*ends, _DENSE)
                mean = float(np.mean([abs(c.v) if by_width else c.w for c in rows]))
                v, w = (
                    (np.full(_DENSE, mean), dense) if by_width else (dense, np.full(_DENSE, mean))
                )
                lines.append(line_of(dense, _share(fit, v, w), ""))
        name, unit = ("width", "s") if by_width else ("|amplitude|", "V")
        title = "Distribution of the delay" if by_width else "Switching probability"
        return Panel(title, name, unit, "share switched", "1", (*traces, *lines), x_log=by_width)

    def _notes(self, verdict: Competition, asked: int) -> Iterator[str]:
        valid = sum(c.valid for c in self.conditions)
        made = sum(c.made for c in self.conditions)
        yield f"{valid} valid trials of {made} made and {asked} asked for, blocks in random order"
        if not math.isfinite(self.limit):
            yield (
                "the two states were not told apart: no trial counts; raise the sure pulse or "
                "state the boundary"
            )
        elif made > valid:
            yield f"{made - valid} trials did not begin in the reset state and do not count"
        elif (apart := self._apart()) < _CLEAR:
            yield (
                f"the states are only {apart:.1f} standard deviations of a reading from the "
                "boundary, so some are taken for the other: use a smaller current range or a "
                "longer read"
            )
        yield verdict.verdict
        for name, fit in verdict.fits.items():
            if fit.note:
                yield f"{name.replace('_', ' ')}: {fit.note}"


def _inside(block: _Block) -> list[Row]:
    """Return the readings in the pulses of the valid trials."""
    rows = list(block.readings)
    return [rows[_TRIAL * k + 1] for k in np.flatnonzero(block.valid)]


def _condition(asked: tuple[float, float], blocks: list[_Block]) -> Condition:
    rows = Readings([row for block in blocks for row in _inside(block)])
    # a device that has switched into the compliance lowers the level that it switched at
    free = [row.v for row in rows if not row.flags & Flag.COMPLIANCE]
    levels = free or rows.v_set.tolist()
    return Condition(
        *asked,
        float(np.mean(levels)) if levels else math.nan,
        float(np.mean(rows.width)) if len(rows) else math.nan,
        sum(int(block.switched.sum()) for block in blocks),
        sum(int(block.valid.sum()) for block in blocks),
        sum(len(block.valid) for block in blocks),
    )


def _half_between(rows: list[Condition]) -> tuple[float, float] | None:
    """Return where the shares pass a half, and the uncertainty from the counts there."""
    shares = [proportion(c.switched, c.valid) for c in rows if c.valid]
    levels = [abs(c.v) for c in rows if c.valid]
    for k in range(len(shares) - 1):
        a, b = shares[k].value, shares[k + 1].value
        if a < 0.5 <= b:
            step = levels[k + 1] - levels[k]
            at = levels[k] + step * (0.5 - a) / (b - a)
            sigma = max(s.metric.sigma or 0.0 for s in shares[k : k + 2])
            return at, min(sigma / (b - a), 1.0) * step
    return None


def _share(fit: Fit, v: Array, w: Array) -> Array:
    if fit.model == "lognormal_delay":
        return delay_share(v, w, fit)
    values = fit.values
    return switching_probability(v, w, values["Delta"].value, values["Vc"].value, fit.fixed["tau0"])
