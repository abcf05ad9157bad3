"""What a channel of a 2600B sources in a step: volts, or amperes where the step says so.

A source of volts limits the current to the step's compliance. A source of amperes limits the
voltage to the terminal's own limit (`labctl.steps.Play.voltage_limits`); the ammeter is then on the
range of the source, which cannot be chosen otherwise (reference manual, "Range considerations",
2600BS-901-01 Rev. F, page 2-47), and the voltmeter on the range of the limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from instruments.keithley2600_limits import Model
from instruments.pieces import Findings
from instruments.ranges import Range, range_for
from labctl.steps import Play
from labctl.units import show

__all__ = ["Quantity", "Source", "check_sources", "source_of"]

Quantity = Literal["v", "i"]
_LOWER = "lower the amplitude"


@dataclass(frozen=True, slots=True)
class Source:
    """How the source and the meters of one channel are set."""

    quantity: Quantity
    range: Range
    limit: float  #: largest magnitude of the other quantity, A or V
    v_meter: Range
    i_meter: Range
    limit_error: float = 0.0  #: bound on the error of a voltage limit, V


def check_sources(play: Play, model: Model, wired: Mapping[str, str], found: Findings) -> None:
    """Note levels, limits and ranges that no channel can be set to.

    Parameters
    ----------
    play
        The step.
    model
        Of the instrument.
    wired
        Device terminal -> channel.
    found
        Takes the violations.
    """
    peak = play.waveform.summary().peak
    peaks = {terminal: peak.get(terminal, 0.0) for terminal in sorted(wired)}
    volts = {name: peak for name, peak in peaks.items() if name not in play.voltage_limits}
    if volts:
        _check_volts(play, model, volts, found)
    for terminal in peaks:
        if terminal in play.voltage_limits:
            _check_amperes(terminal, peaks[terminal], play, model, found)


def _check_volts(play: Play, model: Model, peaks: Mapping[str, float], found: Findings) -> None:
    highest, peak = model.v_source[-1].source_maximum, max(peaks.values())
    if peak > highest:
        found.add("voltage", show(peak, "V"), f"at most {show(highest, 'V')}", _LOWER)
        peak = highest
    most = model.most_current(peak)
    if not model.least <= play.compliance <= most:
        allowed = f"{show(model.least, 'A')} to {show(most, 'A')} at {show(peak, 'V')}"
        found.add("compliance", show(play.compliance, "A"), allowed, "choose one inside")
    largest = model.i_meter[-1].full_scale
    for terminal in peaks:
        asked = play.ranges.get(terminal, play.compliance)
        if not 0 < asked <= largest:
            allowed = f"up to {show(largest, 'A')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")


def _check_amperes(terminal: str, peak: float, play: Play, model: Model, found: Findings) -> None:
    highest = model.i_source[-1].source_maximum
    if peak > highest:
        found.add("current", show(peak, "A"), f"at most {show(highest, 'A')}", _LOWER)
        return
    if not peak <= play.compliance:
        found.add(
            "compliance",
            f"{show(peak, 'A')} on {terminal}",
            f"at most the compliance of the step, {show(play.compliance, 'A')}",
            "lower the current, or allow the device more",
        )
    asked = play.ranges.get(terminal, 0.0)
    range_ = _range(model, peak, asked)
    if range_ is None:
        largest = show(model.i_source[-1].full_scale, "A")
        found.add("current range", show(asked, "A"), f"up to {largest}", "choose a smaller range")
        return
    most, limit = model.most_limit(range_.full_scale), play.voltage_limits[terminal]
    if not model.least_limit <= limit <= most:
        scale = show(range_.full_scale, "A")
        found.add(
            "voltage limit",
            f"{show(limit, 'V')} on {terminal}",
            f"{show(model.least_limit, 'V')} to {show(most, 'V')} on the range of {scale}",
            "choose one inside",
        )


def _range(model: Model, peak: float, asked: float) -> Range | None:
    """Return the source range that holds the largest level; a larger one where one is asked for."""
    needed = range_for(model.i_source, peak, source=True)
    if needed is None or asked <= needed.full_scale:
        return needed
    return range_for(model.i_source, asked)


def source_of(terminal: str, peak: float, play: Play, model: Model) -> Source:
    """Return how a channel is set for a step that `check_sources` has nothing against.

    Parameters
    ----------
    terminal
        What the channel drives.
    peak
        Its largest level, V or A.
    play
        The step.
    model
        Of the instrument.
    """
    if terminal in play.voltage_limits:
        limit = play.voltage_limits[terminal]
        amperes = _range(model, peak, play.ranges.get(terminal, 0.0))
        voltmeter = range_for(model.v_meter, limit)
        assert amperes is not None, "larger currents were refused before"
        assert voltmeter is not None, "larger limits were refused before"
        ammeter = next(r for r in model.i_meter if r.full_scale == amperes.full_scale)
        # a limit is as accurate as the voltage source [SPEC-2602B page 5]
        same = range_for(model.v_source, limit)
        assert same is not None, "larger limits were refused before"
        return Source("i", amperes, limit, voltmeter, ammeter, same.bound(limit))
    volts = range_for(model.v_source, peak, source=True)
    meter = range_for(model.i_meter, play.ranges.get(terminal, play.compliance))
    assert volts is not None, "larger levels were refused before"
    assert meter is not None, "larger currents were refused before"
    voltmeter = next(r for r in model.v_meter if r.full_scale == volts.full_scale)
    return Source("v", volts, play.compliance, voltmeter, meter)
