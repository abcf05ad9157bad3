"""What a Series 2400 sources in a step: volts, or amperes where the step says so.

A source of volts limits the current to the step's compliance. A source of amperes limits the
voltage to the terminal's own limit (`labctl.steps.Play.voltage_limits`); the ammeter is then on the
range of the source, which cannot be chosen otherwise, and the voltmeter on the range of the limit,
which is the highest that it may be on (user's manual 2400S-900-01 Rev. K, page 18-62).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from instruments.keithley2400_limits import Model
from instruments.pieces import Findings
from instruments.ranges import Range, range_for
from labctl.steps import Play
from labctl.units import show

__all__ = ["Quantity", "Source", "check_amperes", "check_volts", "source_of"]

Quantity = Literal["v", "i"]


@dataclass(frozen=True, slots=True)
class Source:
    """How the source and the meters are set."""

    quantity: Quantity
    limit: float  #: largest magnitude of the other quantity, A or V
    source: Range
    v_meter: Range
    i_meter: Range


def check_volts(
    play: Play, model: Model, wired: Collection[str], found: Findings, *, pulsed: bool
) -> None:
    """Note levels, a compliance and ranges that cannot be set where a voltage is sourced.

    Parameters
    ----------
    play
        The step.
    model
        Of the instrument.
    wired
        Device terminals.
    found
        Takes the violations.
    pulsed
        The range that exists for pulses alone is in use.
    """
    least, highest = model.least_compliance, model.v_source[-1].source_maximum
    peak = max(play.waveform.summary().peak.values(), default=0.0)
    if peak > highest:
        allowed = f"at most {show(highest, 'V')}"
        found.add("voltage", show(peak, "V"), allowed, "lower the amplitude")
        peak = highest
    most = model.most_current(peak, pulsed=model.pulsing is not None)
    if not least <= play.compliance <= most:
        allowed = f"{show(least, 'A')} to {show(most, 'A')} at {show(peak, 'V')}"
        found.add("compliance", show(play.compliance, "A"), allowed, "choose one inside")
    largest = model.meters(pulsed=pulsed)[-1].full_scale
    for terminal in wired:
        asked = play.ranges.get(terminal, min(play.compliance, largest))
        if not 0 < asked <= largest:
            allowed = f"up to {show(largest, 'A')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")


def check_amperes(
    play: Play, model: Model, wired: Collection[str], found: Findings, *, pulsed: bool
) -> None:
    """Note levels, limits and ranges that cannot be set where a current is sourced.

    Parameters
    ----------
    play
        The step.
    model
        Of the instrument.
    wired
        Device terminals.
    found
        Takes the violations.
    pulsed
        The range that exists for pulses alone is in use.
    """
    peak = max(play.waveform.summary().peak.values(), default=0.0)
    ranges = model.amperes(pulsed=pulsed)
    if peak > ranges[-1].source_maximum:
        allowed = f"at most {show(ranges[-1].source_maximum, 'A')}"
        found.add("current", show(peak, "A"), allowed, "lower the amplitude")
        return
    if not peak <= play.compliance:
        allowed = f"at most the compliance of the step, {show(play.compliance, 'A')}"
        remedy = "lower the current, or allow the device more"
        found.add("compliance", show(peak, "A"), allowed, remedy)
    for terminal in wired:
        asked, limit = play.ranges.get(terminal, 0.0), play.voltage_limits[terminal]
        source = _amperes(ranges, peak, asked)
        if source is None:
            largest = show(ranges[-1].full_scale, "A")
            remedy = "choose a smaller range"
            found.add("current range", show(asked, "A"), f"up to {largest}", remedy)
            continue
        most = model.most_limit(source.full_scale, pulsed=pulsed)
        if not model.least_limit <= limit <= most:
            allowed = f"{show(model.least_limit, 'V')} to {show(most, 'V')}"
            allowed += f" on the range of {show(source.full_scale, 'A')}"
            found.add("voltage limit", show(limit, "V"), allowed, "choose one inside")


def _amperes(ranges: tuple[Range, ...], peak: float, asked: float) -> Range | None:
    """Return the source range that holds the largest level; a larger one where one is asked for."""
    needed = range_for(ranges, peak, source=True)
    if needed is None or asked <= needed.full_scale:
        return needed
    return range_for(ranges, asked)


def source_of(play: Play, model: Model, terminal: str, peak: float, *, pulsed: bool) -> Source:
    """Return how the instrument is set for a step that the checks have nothing against.

    Parameters
    ----------
    play
        The step.
    model
        Of the instrument.
    terminal
        What it drives.
    peak
        Its largest level, V or A.
    pulsed
        The range that exists for pulses alone is in use.
    """
    meters = model.meters(pulsed=pulsed)
    if terminal in play.voltage_limits:
        limit, asked = play.voltage_limits[terminal], play.ranges.get(terminal, 0.0)
        amperes = _amperes(model.amperes(pulsed=pulsed), peak, asked)
        # the range of the compliance, which is the highest that the voltmeter may be on
        voltmeter = range_for(model.v_meter, limit, source=True)
        assert amperes is not None, "larger levels were refused before"
        assert voltmeter is not None, "larger limits were refused before"
        same = next(r for r in meters if r.full_scale == amperes.full_scale)
        return Source("i", limit, amperes, voltmeter, same)
    asked = play.ranges.get(terminal, play.compliance)
    volts = range_for(model.v_source, peak, source=True)
    # a compliance in the overrange of a meter is measured on that meter
    meter = range_for(meters, min(asked, play.compliance, meters[-1].full_scale))
    assert volts is not None, "larger levels were refused before"
    assert meter is not None, "larger currents were refused before"
    same = next(r for r in model.v_meter if r.full_scale == volts.full_scale)
    return Source("v", play.compliance, volts, same, meter)
