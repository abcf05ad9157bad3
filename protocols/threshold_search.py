"""Threshold search: the smallest amplitude that changes the device, for both polarities."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Lt
from pydantic import Field, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.readings import Readings
from labctl.results import Metric, Panel, Results, Table, Trace
from labctl.steps import Label, Play, Step, Steps, Wait
from labctl.units import Ratio, Second, Volt
from labctl.waveform import Node, read, rest
from protocols.baseline import Learned, Rested, restore
from protocols.limited import Limit, limited
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadWidth,
    Repeats,
    Returning,
    Width,
)
from protocols.programmed import limit_note
from protocols.programming import Writing, check, written_pulse
from protocols.responses import conductances, energy_metrics, table, u_conductances

__all__ = ["ThresholdSearch"]

Changed = Generator[Step, Readings, bool]
Polarity = Literal["positive", "negative"]

_SIGNS: dict[Polarity, int] = {"positive": 1, "negative": -1}
_SIGNIFICANT = 3.0  # a change below so many of its own uncertainties is none


class ThresholdSearch(Returning):
    """Smallest pulse that changes the conductance by a stated share, from a verified baseline.

    A ramp of single pulses goes up until one changes the device, and a bisection then narrows the
    bracket between the last that did not and the first that did. Every pulse meets a device that
    has been brought back to its baseline, so what weak pulses add up to is not counted. The change
    is that of the conductance read after a settling time. Write-and-verify instruments call the
    same a switching-seeking routine; the threshold depends on width, baseline and stated change,
    which are all part of the result.
    """

    title: ClassVar[str] = "Threshold search"
    summary: ClassVar[str] = "Smallest amplitude that changes the device, by ramp and bisection."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1088/0957-4484/23/7/075201",
        text="thresholds of writing pulses: Alibart et al., Nanotechnology 2012, 23, 075201",
    )

    decides: ClassVar[bool] = True

    kind: Literal["threshold-search"] = "threshold-search"
    polarity: Annotated[
        Literal["both", "positive", "negative"], Field(description="Which is searched.")
    ] = "both"
    change: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Smallest relative change that counts.")
    ] = 0.05
    weakest: Annotated[Volt, Gt(0), Field(description="Amplitude the ramp begins with.")] = 0.1
    step: Annotated[Volt, Gt(0), Field(description="Increment of the ramp.")] = 0.1
    strongest: Annotated[Volt, Gt(0), Field(description="Amplitude the ramp ends with.")] = 2.0
    resolution: Annotated[
        Volt, Gt(0), Field(description="Width of the bracket at which the bisection ends.")
    ] = 0.01
    width: Width = 100e-6
    settle: Annotated[
        Second, Gt(0), Field(description="Rest between the pulse and the read after it.")
    ] = 10e-3
    read_width: ReadWidth = 30e-3
    compliance: Compliance = 10e-3
    repeats: Repeats = 3
    most_pulses: MostPulses = 5000
    longest_time: LongestTime = 604800.0

    @model_validator(mode="after")
    def _fit_together(self) -> ThresholdSearch:
        if self.weakest >= self.strongest:
            raise ValueError(
                f"a ramp from {self.weakest:g} V to {self.strongest:g} V was asked for; the "
                "weakest amplitude must be below the strongest"
            )
        if self.change <= 2 * self.within:
            raise ValueError(
                f"a change of {self.change:g} was asked for from a baseline within {self.within:g};"
                " the change must be more than twice the tolerance of the baseline"
            )
        return self

    @property
    def polarities(self) -> tuple[Polarity, ...]:
        """Which polarities are searched."""
        return ("positive", "negative") if self.polarity == "both" else (self.polarity,)

    @property
    def writing(self) -> Writing:
        """How a pulse is applied and the device read after it."""
        return Writing(
            "ispp", self.weakest, self.step, self.strongest, self.width, self.settle, self.read,
            self.read_width, self.compliance, self.within, 1,
        )  # fmt: skip

    def steps(self) -> Steps:
        """Search every polarity so many times, in random order."""
        limit = Limit(self.most_pulses, self.longest_time)
        if not (yield from limited(self._course(), limit)):
            yield Wait(self.read_width, {"part": "limit", "reached": limit.reached})

    def _course(self) -> Steps:
        trials = _Trials(self)
        for number, polarity in enumerate(self.shuffled(self.polarities * self.repeats)):
            label: Label = {"search": number, "polarity": polarity}
            low, high = 0.0, math.nan
            for amplitude in self.ramp():
                if (yield from trials.apply(amplitude, {**label, "phase": "ramp"})):
                    high = amplitude
                    break
                low = amplitude
            while high - low > self.resolution:
                middle = round((low + high) / 2, 4)
                if (yield from trials.apply(middle, {**label, "phase": "bisection"})):
                    high = middle
                else:
                    low = middle

    def ramp(self) -> tuple[float, ...]:
        """Return the magnitudes of the ramp, V."""
        count = math.floor((self.strongest - self.weakest) / self.step + 1e-9)
        return tuple(round(self.weakest + k * self.step, 4) for k in range(count + 1))

    def preview(self) -> tuple[Panel, ...]:
        """Return the first pulses of the ramp and their reads; the rests are not to scale."""
        probe, pause = read(self.read, self.read_width), rest(self.read_width)
        waveform: Node = probe + pause
        for amplitude in self.ramp()[:3]:
            waveform = waveform + written_pulse(self.writing, amplitude) + pause + probe + pause
        return (waveform_panel("First pulses of a ramp (rests shortened)", waveform, ("top",)),)

    def analyse(self, record: Measured) -> Results:
        """Return the threshold of each polarity.

        Metrics: ``threshold_positive`` and ``threshold_negative`` (mean of the searches, with the
        width of the brackets and the scatter of the searches in its uncertainty),
        ``spread_positive`` and ``spread_negative`` (standard deviation from search to search),
        ``energy_positive`` and ``energy_negative`` of the pulses that ended the searches,
        ``baseline`` and ``returned`` (share of the pulses that began on it).
        """
        found = _pulses(record)
        searches = _searches(found, self.change)
        return Results(
            metrics=_metrics(found, searches, self),
            tables=(_table(searches),) if searches else (),
            panels=(*self.preview(), *_panels(found, self.change)),
            notes=(*_notes(found, searches, self), *limit_note(record)),
        )


class _Trials:
    """Pulses from a verified baseline."""

    def __init__(self, protocol: ThresholdSearch) -> None:
        self._protocol = protocol
        self._how = protocol.returning(protocol.strongest, protocol.width)
        self._target, self._learned = protocol.baseline, Learned()
        self._count = 0

    def apply(self, amplitude: float, label: Label) -> Changed:
        """Return to the baseline, apply one pulse, and tell whether it changed the device."""
        rested: Rested = yield from restore(self._how, self._target, self._learned)
        self._target = self._target or rested.g
        writing, polarity = self._protocol.writing, str(label["polarity"])
        signed = amplitude * (1 if polarity == "positive" else -1)
        numbered: Label = {**label, "pulse": self._count, "amplitude": signed}
        self._count += 1
        before = yield from check(writing, rested.g, 0.0, {**numbered, "part": "before"})
        yield Play(
            written_pulse(writing, signed), writing.compliance, {},
            {**numbered, "part": "pulse", "returned": rested.returned},
        )  # fmt: skip
        after = yield from check(writing, before, writing.settle, {**numbered, "part": "after"})
        return bool(abs(after / before - 1) >= self._protocol.change) if before else False


@dataclass(frozen=True, slots=True)
class _Pulse:
    """One pulse and what it did."""

    search: int
    polarity: Polarity
    amplitude: float  #: achieved, signed, V
    before: float  #: S
    after: float  #: S
    u: float  #: standard uncertainty of the change, relative
    returned: bool
    readings: Readings

    @property
    def change(self) -> float:
        """Relative change of the conductance."""
        return self.after / self.before - 1


@dataclass(frozen=True, slots=True)
class _Search:
    """One bracket."""

    search: int
    polarity: Polarity
    low: float  #: largest magnitude that changed nothing below the threshold, V
    high: float  #: smallest magnitude that did, V
    pulses: int

    @property
    def threshold(self) -> float:
        """Middle of the bracket with its sign, V."""
        return _SIGNS[self.polarity] * (self.low + self.high) / 2


def _pulses(record: Measured) -> list[_Pulse]:
    rows: dict[int, dict[str, tuple[Label, Readings]]] = {}
    for part in ("before", "pulse", "after"):
        for step, readings in record.where(part=part):
            rows.setdefault(int(step.label["pulse"] or 0), {})[part] = step.label, readings
    found = []
    for _, parts in sorted(rows.items()):
        if len(parts) == 3 and (one := _pulse(parts)) is not None:
            found.append(one)
    return found


def _pulse(parts: dict[str, tuple[Label, Readings]]) -> _Pulse | None:
    label, readings = parts["pulse"]
    reads = [parts[name][1].where(role="read") for name in ("before", "after")]
    pulses = readings.where(role="pulse")
    if not len(pulses) or not all(len(one) for one in reads):
        return None
    g = [float(conductances(one)[-1]) for one in reads]
    u = [float(u_conductances(one)[-1]) for one in reads]
    if not (g[0] > 0 and math.isfinite(g[1])):
        return None
    polarity: Polarity = "positive" if label["polarity"] == "positive" else "negative"
    return _Pulse(
        int(label["search"] or 0), polarity, float(pulses.v[-1]), g[0], g[1],
        math.hypot(u[0] * g[1] / g[0], u[1]) / g[0], bool(label["returned"]), pulses,
    )  # fmt: skip


def _searches(found: Sequence[_Pulse], change: float) -> list[_Search]:
    """Return the searches that a pulse has ended; one that changed nothing has no threshold."""
    searches = []
    for number in sorted({one.search for one in found}):
        own = [one for one in found if one.search == number]
        did = [abs(one.amplitude) for one in own if abs(one.change) >= change]
        if not did:
            continue
        high = min(did)
        below = [abs(one.amplitude) for one in own if abs(one.amplitude) < high]
        low = max(below, default=0.0)
        searches.append(_Search(number, own[0].polarity, low, high, len(own)))
    return searches


def _metrics(
    found: Sequence[_Pulse], searches: Sequence[_Search], asked: ThresholdSearch
) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    ended: dict[str, Readings] = {}
    for polarity in asked.polarities:
        own = [one for one in searches if one.polarity == polarity]
        if not own:
            continue
        values = np.array([one.threshold for one in own])
        bracket = float(np.mean([one.high - one.low for one in own])) / math.sqrt(12)
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        sigma = math.hypot(bracket, spread / math.sqrt(len(values)))
        name = "threshold-smallest-change"
        metrics[f"threshold_{polarity}"] = Metric(float(np.mean(values)), sigma, "V", name)
        if len(values) > 1:
            u = math.hypot(spread / math.sqrt(2 * (len(values) - 1)), bracket)
            metrics[f"spread_{polarity}"] = Metric(spread, u, "V", "threshold-spread")
        highest = {one.search: one.high for one in own}
        ended[polarity] = Readings(
            [
                row
                for one in found
                if one.search in highest and abs(one.amplitude) == highest[one.search]
                for row in one.readings
            ]
        )
    return metrics | energy_metrics(ended) | _baseline(found)


def _baseline(found: Sequence[_Pulse]) -> dict[str, Metric]:
    if not found:
        return {}
    g = np.array([one.before for one in found])
    spread = float(np.std(g, ddof=1)) if len(g) > 1 else None
    share = float(np.mean([one.returned for one in found]))
    return {
        "baseline": Metric(float(np.mean(g)), spread, "S", "read-conductance"),
        "returned": Metric(share, None, "1", "share-of-pairs-on-baseline"),
    }


def _table(searches: Sequence[_Search]) -> Table:
    return table(
        "Searches in the order they were made",
        (
            ("polarity", "", [one.polarity for one in searches]),
            ("threshold", "V", [one.threshold for one in searches]),
            ("did nothing", "V", [_SIGNS[one.polarity] * one.low for one in searches]),
            ("changed it", "V", [_SIGNS[one.polarity] * one.high for one in searches]),
            ("pulses", "1", [float(one.pulses) for one in searches]),
        ),
    )


def _panels(found: Sequence[_Pulse], change: float) -> tuple[Panel, ...]:
    if not found:
        return ()
    traces = []
    for polarity, branch in (("positive", "potentiation"), ("negative", "depression")):
        own = sorted((o for o in found if o.polarity == polarity), key=lambda o: o.amplitude)
        if own:
            x, y = (tuple(getattr(o, name) for o in own) for name in ("amplitude", "change"))
            bars = tuple(o.u for o in own)
            traces.append(Trace(x, y, f"{polarity} pulses", y_error=bars, branch=branch))
    low, high = (pick(o.amplitude for o in found) for pick in (min, max))
    edge = (change, change, -change, -change, change)
    traces.append(Trace((low, high, high, low, low), edge, "counts as none", "line"))
    title = "Change by one pulse from the baseline"
    return (Panel(title, "amplitude", "V", "relative change", "1", tuple(traces)),)


def _notes(
    found: Sequence[_Pulse], searches: Sequence[_Search], asked: ThresholdSearch
) -> tuple[str, ...]:
    if not found:
        return ("no pulse with its reads is complete",)
    asking = (
        f"a change of {asked.change:.3g} counts, {asked.settle:g} s after a pulse of "
        f"{asked.width:.3g} s, from a baseline held within {asked.within:.3g}"
    )
    said = [asking]
    begun = len({one.search for one in found})
    if begun > len(searches):
        said.append(f"{begun - len(searches)} of {begun} searches met no pulse that changed it")
    if any(asked.change < _SIGNIFICANT * one.u for one in found):
        said.append("the reads do not resolve the stated change with three sigma; raise `change`")
    away = sum(not one.returned for one in found)
    if away:
        said.append(f"{away} pulses began away from the baseline by more than the tolerance")
    return tuple(said)
