"""Sliding threshold: the rate that divides depression from potentiation, after another rate."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Len, Lt
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.plasticity import relative_change
from labctl.errors import BadInput
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results
from labctl.steps import Play, Steps
from labctl.units import Rates, Ratio, Volt, log_spaced, show
from labctl.waveform import Node
from protocols.baseline import Learned
from protocols.parameters import Compliance, ReadWidth, Terminal, Width
from protocols.rate_curves import RateCurve, curve_panels, curve_table, shift_of
from protocols.responses import energy_metrics
from protocols.trains import Probe, peaks_of, series
from protocols.trials import Measure, Trials

__all__ = ["SlidingThreshold"]


class SlidingThreshold(Trials):
    """The change by a train against its rate, after a train at another rate.

    A prior train brings the device into a history; the posterior train follows one of its own
    periods later. The change is the response after the last posterior pulse against that after the
    last prior one. Low rates depress and high ones potentiate; the rate between, the threshold of
    Bienenstock, Cooper and Munro, slides with the prior rate (Nie et al., Adv. Mater. 2025,
    202412006: prior 10 pulses at 2 or 20 Hz, then 5 at 0.2 to 10 Hz). Every trial begins at a
    verified baseline; their order is random.
    """

    title: ClassVar[str] = "Sliding threshold"
    summary: ClassVar[str] = (
        "Rate between depression and potentiation, after different prior rates."
    )
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["sliding-threshold"] = "sliding-threshold"
    amplitude: Annotated[Volt, Field(description="Level of the pulses.")] = 1.0
    width: Width = 100e-6
    priors: Annotated[Rates, Len(1), Field(description="Rates of the train before.")] = (2.0, 20.0)
    prior_count: Annotated[PositiveInt, Field(description="Pulses of the train before.")] = 10
    rates: Annotated[Rates, Len(2), Field(description="Rates of the train after.")] = log_spaced(
        0.2, 10.0, 12
    )
    count: Annotated[PositiveInt, Field(description="Pulses of the train after.")] = 5
    measure: Measure = "reads"
    terminal: Terminal = "top"
    peak_width: ReadWidth = 5e-3
    compliance: Compliance = 5e-3
    # the change is small near the threshold and goes with where a trial begins: on the model of the
    # tunnel junction a baseline that is 0.2 % low lowers the threshold by about 1 %
    within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Largest distance from the baseline, relative.")
    ] = 0.003

    @model_validator(mode="after")
    def _fit_together(self) -> SlidingThreshold:
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give a positive or negative level")
        try:
            for prior, rate in itertools.product(self.priors, self.rates):
                self.trains(prior, rate)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    def trains(self, prior: float, rate: float) -> Node:
        """Return the prior train and the posterior one, both rates in Hz, as one waveform."""
        probe = Probe(
            self.amplitude, self.width, self.read, self.peak_width, self.terminal,
            self.measure == "both",
        )  # fmt: skip
        return series(probe, ((prior, self.prior_count), (rate, self.count)))

    def steps(self) -> Steps:
        """Return to baseline and play both trains, for every pair of rates in random order."""
        yield from self.bounded(self._course())

    def _course(self) -> Steps:
        target, learned = self.baseline, Learned()
        how = self.returning(abs(self.amplitude), self.width, self.terminal)
        trials = list(itertools.product(self.priors, self.rates)) * self.repeats
        for prior, rate in self.shuffled(trials):
            target, found = yield from self.begin(how, target, learned)
            label = {"part": "trains", "prior": prior, "rate": rate, **found}
            yield Play(self.trains(prior, rate), self.compliance, label=label)

    def preview(self) -> tuple[Panel, ...]:
        """Return the trains after the slowest and the fastest rate before, to scale."""
        rate = max(self.rates)
        return tuple(
            waveform_panel(
                f"{show(prior, 'Hz')}, then {show(rate, 'Hz')}",
                self.trains(prior, rate),
                (self.terminal,),
                branch=self._branch,
            )
            for prior in dict.fromkeys((min(self.priors), max(self.priors)))
        )

    @property
    def _branch(self) -> str:
        return "depression" if self.amplitude < 0 else "potentiation"

    def analyse(self, record: Measured) -> Results:
        """Return the curve after each prior rate and its threshold.

        Metrics for each prior rate, as ``threshold_after_2Hz``: ``threshold`` from the rates beside
        it alone, ``threshold_fit`` and ``dip`` by the shape that the data prefer; and ``shift``, by
        how much the threshold slides from the lowest to the highest prior rate. Fits: every shape
        that `labctl.analysis.bcm` knows, as ``log_line_after_2Hz``.
        """
        curves = self._curves(record)
        metrics = self._metrics(curves)
        pulses = [row for _, r in record.where(part="trains") for row in r.where(role="pulse")]
        planned = len(self.priors) * len(self.rates) * self.repeats
        title = "Change by the posterior train"
        any_trial = any(len(curve.asked) for curve in curves.values())
        rate = "posterior rate"
        return Results(
            metrics=metrics | energy_metrics({"": Readings(pulses)}),
            fits={k: f for curve in curves.values() for k, f in curve.named_fits().items()},
            tables=(curve_table(tuple(curves.values()), title, "prior"),) if any_trial else (),
            panels=(
                *self.preview(),
                *curve_panels(tuple(curves.values()), title, rate, f"{title}, enlarged"),
            ),
            notes=(
                *self.said(record, "trains", planned),
                *(note for curve in curves.values() for note in curve.notes()),
            ),
        )

    def _metrics(self, curves: dict[float, RateCurve]) -> dict[str, Metric]:
        found = {k: m for curve in curves.values() for k, m in curve.metrics().items()}
        low, high = min(self.priors), max(self.priors)
        shift = shift_of(found, curves[low], curves[high], (low, high))
        return found if shift is None else {**found, "shift": shift}

    def _curves(self, record: Measured) -> dict[float, RateCurve]:
        """Return the trials by their prior rate; those that are not whole are left out."""
        rows: dict[float, list[tuple[float, float, float, float]]] = {p: [] for p in self.priors}
        for step, readings in record.where(part="trains"):
            peaks = peaks_of(readings)
            if len(peaks) != self.prior_count + self.count:
                continue
            before, after = self.prior_count - 1, -1
            change, u = relative_change(
                peaks.g[before], peaks.g[after], peaks.u_g[before], peaks.u_g[after]
            )
            rate = self.count / (peaks.t[after] - peaks.t[before])
            found = (float(step.label["rate"] or 0.0), rate, float(change[0]), float(u[0]))
            rows[float(step.label["prior"] or 0.0)].append(found)
        return {
            prior: RateCurve(
                f"after {show(prior, 'Hz')}",
                f"_after_{prior:g}Hz".replace(".", "_"),
                *np.array(found, float).reshape(-1, 4).T,
            )
            for prior, found in rows.items()
        }
