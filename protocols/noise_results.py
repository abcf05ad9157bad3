"""What a long read says: spectrum, flicker noise, telegraph noise, and the share of the meter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.flicker import fit_flicker, flicker_density
from labctl.analysis.noise import Spectrum, draw_spectrum, integrated_noise, spectrum
from labctl.analysis.telegraph import Telegraph, draw_telegraph, fit_telegraph
from labctl.errors import BadInput
from labctl.protocol import Measured
from labctl.readings import Readings
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.responses import table, u_conductances, usable

__all__ = ["Question", "analysed", "unbroken"]

Array = NDArray[np.float64]

_MOST_DRAWN = 20_000  # samples in a picture
_MOST_CHAINED = 20_000  # samples of a hidden Markov chain: more give little and take minutes
_SHARE = 0.5  # of the power from which the meter's noise is not small
_CLOSE = 3.0  # standard deviations: steps of less are said to lie close


class Question(NamedTuple):
    """What is asked of the samples."""

    segment: int | None
    lowest: float | None  #: Hz
    highest: float | None  #: Hz
    levels: int | None


class _Samples(NamedTuple):
    """The longest unbroken part of a train of reads."""

    rows: Readings
    total: int

    @property
    def mean(self) -> float:
        return float(np.mean(self.rows.i))


def unbroken(readings: Readings) -> Readings:
    """Return the longest stretch of readings that are all usable; a spectrum needs no gaps."""
    good = np.concatenate(([False], usable(readings), [False])).astype(int)
    starts, ends = np.flatnonzero(np.diff(good) == 1), np.flatnonzero(np.diff(good) == -1)
    if not len(starts):
        return Readings()
    longest = int(np.argmax(ends - starts))
    return Readings(readings.rows[int(starts[longest]) : int(ends[longest])])


def analysed(record: Measured, question: Question) -> Results:
    """Return the results of a record's samples."""
    device = _samples(record, "samples")
    if not len(device.rows) or device.mean == 0:
        return Results(notes=("no sample is usable",))
    relative = device.rows.i / device.mean
    metrics = _means(device)
    notes = [f"{len(device.rows)} samples, divided by their mean current"]
    if len(device.rows) < device.total:
        notes.append(
            f"{device.total - len(device.rows)} samples beside the longest unbroken stretch were "
            "left out"
        )
    try:
        found = spectrum(relative, t=device.rows.t, segment=question.segment, unit="1")
    except BadInput as error:
        return Results(metrics, notes=(*notes, str(error)))
    meter = _background(_samples(record, "background"), device.mean, question)
    flicker = _flicker(found, question, device.rows)
    chain, said = _chain(device.rows, relative, question)
    metrics |= _of_spectrum(found, flicker, meter) | _of_chain(chain, device)
    fits = {"flicker": flicker} | ({} if chain is None else {"telegraph": chain.fit})
    return Results(
        metrics,
        fits,
        (_table(found, meter),),
        tuple(_panels(device, relative, (found, meter), flicker, chain)),
        (*notes, *said, *_notes(found, flicker, meter, chain)),
    )


_WINDOW = 0.75  # of a read: from 20 to 95 % of its length


def _samples(record: Measured, part: str) -> _Samples:
    readings = next((r for _, r in record.where(part=part)), Readings())
    return _Samples(unbroken(readings), len(readings))


def _background(samples: _Samples, mean: float, question: Question) -> Spectrum | None:
    """Return the meter's spectrum over the device's current; None where there is none."""
    if not len(samples.rows):
        return None
    rows = samples.rows
    try:
        return spectrum(rows.i / mean, t=rows.t, segment=question.segment, unit="1")
    except BadInput:  # all alike: a bench without noise, or a range that resolves none
        return None


def _flicker(found: Spectrum, question: Question, rows: Readings) -> Fit:
    """Fit the spectrum of reads, each of which is a mean over the window of a read."""
    interval = float(rows.t[-1] - rows.t[0]) / (len(rows) - 1)
    sampled = (interval, min(_WINDOW * float(np.mean(rows.width)), interval))
    try:
        return fit_flicker(found, question.lowest, question.highest, sampled=sampled)
    except BadInput as error:
        return Fit("flicker", "S1 (1 Hz/f)^alpha + W", note=str(error))


def _chain(
    rows: Readings, relative: Array, question: Question
) -> tuple[Telegraph | None, tuple[str, ...]]:
    kept = min(len(rows), _MOST_CHAINED)
    said = f"telegraph noise is sought in the first {kept} samples"
    try:
        found = fit_telegraph(relative[:kept], t=rows.t[:kept], levels=question.levels, unit="1")
    except BadInput as error:
        return None, (str(error),)
    return found, (said,) if kept < len(rows) else ()


def _means(device: _Samples) -> dict[str, Metric]:
    """Return the mean current and conductance; the errors of the meter do not average out."""
    rows, count = device.rows, len(device.rows)
    scatter = float(np.std(rows.i, ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    u_i = math.hypot(float(np.mean(rows.u_i)), scatter)
    v = float(np.mean(rows.v))
    found = {"current": Metric(device.mean, u_i or None, "A", "mean-current-of-reads")}
    if v:
        relative = math.hypot(float(np.mean(u_conductances(rows) / np.abs(rows.g))), scatter)
        g = device.mean / v
        found["conductance"] = Metric(g, abs(g) * relative or None, "S", "read-conductance")
    return found


def _of_spectrum(found: Spectrum, flicker: Fit, meter: Spectrum | None) -> dict[str, Metric]:
    metrics = {"rms": integrated_noise(found)}
    if meter is not None:
        metrics["rms_background"] = integrated_noise(meter)
    for name, title in (("alpha", "alpha"), ("level", "flicker_level"), ("corner", "corner")):
        value = flicker.values.get(name)
        # an exponent or a corner that the spectrum does not bound is no figure of merit
        if value is not None and value.low is not None and value.high is not None:
            metrics[title] = Metric(value.value, value.sigma, value.unit, _FLICKER[title])
    return metrics


_FLICKER = {
    "alpha": "flicker-exponent",
    "flicker_level": "flicker-level-1-hz",
    "corner": "flicker-corner",
}


def _of_chain(chain: Telegraph | None, device: _Samples) -> dict[str, Metric]:
    if chain is None:
        return {}
    found = {"telegraph_levels": Metric(float(chain.levels), None, "1", "telegraph-levels-bic")}
    if chain.levels < 2:
        return found
    found["telegraph_step"] = chain.step()
    definition = "capture-and-emission-time"
    for name, value in (("capture_time", chain.capture), ("emission_time", chain.emission)):
        found[name] = Metric(value.value, value.sigma, "s", definition)
    step = found["telegraph_step"]
    sigma = None if step.sigma is None else step.sigma * abs(device.mean)
    found["telegraph_step_current"] = Metric(
        step.value * abs(device.mean), sigma, "A", "telegraph-step"
    )
    return found


def _table(found: Spectrum, meter: Spectrum | None) -> Table:
    columns = [
        ("frequency", "Hz", found.f),
        ("S of I over its mean squared", "1/Hz", found.psd),
        ("low (95 %)", "1/Hz", found.low),
        ("high (95 %)", "1/Hz", found.high),
    ]
    if meter is not None and len(meter.f) == len(found.f):
        columns.append(("meter alone", "1/Hz", meter.psd))
    return table("Power spectral density", columns)


def _panels(
    device: _Samples,
    relative: Array,
    spectra: tuple[Spectrum, Spectrum | None],
    flicker: Fit,
    chain: Telegraph | None,
) -> Iterator[Panel]:
    found, meter = spectra
    rows = device.rows[:_MOST_DRAWN]
    t = tuple((rows.t - rows.t[0]).tolist())
    current = Trace(t, tuple(rows.i.tolist()), "", "line")
    yield Panel("Current", "time", "s", "current", "A", (current,))
    curve = flicker_density(flicker, found.f) if flicker.values else None
    panel = draw_spectrum(found, curve, "Spectrum of the current over its mean")
    if meter is not None:
        alone = Trace(tuple(meter.f.tolist()), tuple(meter.psd.tolist()), "meter alone", "line")
        panel = _with(panel, alone)
    yield panel
    yield _lagged(relative)
    if chain is not None and chain.levels > 1:
        kept = min(len(chain.path), _MOST_DRAWN)
        yield draw_telegraph(relative[:kept], _shortened(chain, kept), "Telegraph noise")


def _with(panel: Panel, trace: Trace) -> Panel:
    return Panel(
        panel.title, panel.x_label, panel.x_unit, panel.y_label, panel.y_unit,
        (*panel.traces, trace), panel.x_log, panel.y_log,
    )  # fmt: skip


def _lagged(relative: Array) -> Panel:
    """Return each sample against the one before: levels are clusters on the diagonal."""
    x, y = relative[:-1][:_MOST_DRAWN], relative[1:][:_MOST_DRAWN]
    trace = Trace(tuple(x.tolist()), tuple(y.tolist()))
    title = "Each sample against the one before"
    return Panel(title, "I/mean(I)", "1", "next I/mean(I)", "1", (trace,))


def _shortened(chain: Telegraph, kept: int) -> Telegraph:
    return Telegraph(chain.fit, chain.path[:kept], chain.visits, chain.bic, chain.dt)


def _notes(
    found: Spectrum, flicker: Fit, meter: Spectrum | None, chain: Telegraph | None
) -> Iterator[str]:
    if flicker.note:
        yield f"flicker: {flicker.note}"
    if flicker.values and not flicker.identifiable:
        yield (
            "flicker: these samples show no floor, so exponent and level are those without one and "
            "their intervals hold for both; to know more, sample longer or faster"
        )
    if meter is not None:
        share = (integrated_noise(meter).value / integrated_noise(found).value) ** 2
        if share > _SHARE:
            yield (
                f"{min(share, 1):.0%} of the noise power is that of the meter alone: use a smaller "
                "range, a longer read or a higher level"
            )
    if chain is not None:
        yield from _of_levels(chain)


def _of_levels(chain: Telegraph) -> Iterator[str]:
    if chain.fit.note:
        yield f"telegraph: {chain.fit.note}"
    if chain.levels < 2:
        return
    gap = chain.step().value / chain.fit.values["sigma"].value
    if gap < _CLOSE:
        yield f"telegraph: neighbouring levels are {gap:.1f} standard deviations apart"
    yield (
        "telegraph: the chain assumes white noise beside the levels; strong 1/f noise, drift or "
        "reads as long as the dwells look like more levels, so compare with the spectrum"
    )
