"""What a generator and its reader are, and what of a step they cannot play at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from instruments.agilent33500_limits import RESISTANCE, Generator, limits_of
from instruments.agilent33500_readers import Reader
from instruments.pieces import Findings, fold
from instruments.ranges import Range, range_for
from labctl.capability import Limits
from labctl.steps import Play
from labctl.summary import Summary
from labctl.units import show
from labctl.waveform import seconds

__all__ = ["Played", "Unit", "check_shape", "check_waveform", "chosen_range"]


class Played(Protocol):
    """A generator with a reader, whatever that is."""

    @property
    def generator(self) -> Generator:
        """What plays."""

    @property
    def channels(self) -> Mapping[str, str]:
        """Device terminal -> output of the generator."""

    @property
    def limits(self) -> Limits:
        """What both can do together."""

    @property
    def reader(self) -> str:
        """Model of what reads."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The instruments that a program is made for."""

    generator: Generator
    meter: Reader
    series: float  #: resistance in series with the device besides the output's own, Ohm
    channels: Mapping[str, str]  #: device terminal -> output of the generator
    line_frequency: float  #: of the source-meter, Hz

    @property
    def limits(self) -> Limits:
        """What they can do together."""
        return limits_of(self.generator, self.meter, self.line_frequency)

    @property
    def reader(self) -> str:
        """Model of the source-meter."""
        return self.meter.name

    @property
    def resistance(self) -> float:
        """Between the level that is programmed and the device, Ohm."""
        return RESISTANCE + self.series

    def v_range(self, peak: float) -> float:
        """Return the voltage range of the source-meter: its limit may meet the whole level, V."""
        found = range_for(self.meter.v_source, peak, source=True)
        assert found is not None, "larger levels were refused before"
        return found.full_scale


def chosen_range(play: Play, unit: Unit) -> Range | None:
    """Return the range of the ammeter; None when there is none so large."""
    terminal = next(iter(unit.channels), "top")
    asked = play.ranges.get(terminal, play.compliance)
    if terminal not in play.ranges:
        # a compliance in the overrange of a meter is measured on that meter
        asked = min(asked, unit.meter.i_meter[-1].full_scale)
    return range_for(unit.meter.i_meter, asked) if asked > 0 else None


def check_waveform(play: Play, unit: Unit, found: Findings) -> None:
    """Note what stands against a step by its sums alone."""
    check_shape(play, unit, found)
    summary = play.waveform.summary()
    peak = max(summary.peak.values(), default=0.0)
    _check_currents(play, unit, min(peak, unit.limits.max_v), summary.shortest, found)


def check_shape(play: Play, unit: Played, found: Findings) -> None:
    """Note what stands against the levels, the times and the number of readings of a step."""
    summary = play.waveform.summary()
    peak = max(summary.peak.values(), default=0.0)
    for terminal in sorted(play.waveform.terminals - set(unit.channels)):
        found.add(
            "terminals",
            f'a waveform on "{terminal}"',
            f"one on {', '.join(sorted(unit.channels)) or 'none'}",
            "wire the terminal to output 1 in the bench file or use another",
        )
    if peak > unit.limits.max_v:
        allowed = f"at most {show(unit.limits.max_v, 'V')}"
        found.add("voltage", show(peak, "V"), allowed, "lower the amplitude")
    _check_times(summary, unit, found)
    _check_readings(summary, unit, found)
    repeats = fold(play.waveform).repeats
    if repeats > unit.generator.cycles:
        allowed = f"at most {unit.generator.cycles} in a burst"
        remedy = "play the waveform in several steps"
        found.add("cycles", f"{repeats} repetitions", allowed, remedy)


def _check_times(summary: Summary, unit: Played, found: Findings) -> None:
    limits, shortest, window = unit.limits, summary.shortest, summary.shortest_window
    if shortest is not None and seconds(shortest) < limits.min_width and not summary.ramps:
        allowed = f"at least {show(limits.min_width, 's')}"
        found.add("level width", show(seconds(shortest), "s"), allowed, "make the level longer")
    if window is not None and seconds(window) < limits.min_aperture * (1 - 1e-9):
        allowed = f"at least {show(limits.min_aperture, 's')}, read by a {unit.reader}"
        remedy = "play the pulse unmeasured and read at a longer level after it"
        found.add("aperture", show(seconds(window), "s"), allowed, remedy)


def _check_readings(summary: Summary, unit: Played, found: Findings) -> None:
    if summary.readings > unit.limits.max_readings:
        found.add(
            "readings",
            f"{summary.readings} readings",
            f"at most {unit.limits.max_readings} in one step",
            "play the waveform in several steps, or measure outside the loop",
        )
    if summary.readings and unit.generator.outputs < 2:
        found.add(
            "outputs",
            "readings",
            f"no readings: it has no second output to trigger the {unit.reader}",
            "take a 33522B, or play the waveform unmeasured",
        )


def _check_currents(
    play: Play, unit: Unit, peak: float, shortest: int | None, found: Findings
) -> None:
    most = unit.meter.model.most_current(peak)
    least = unit.meter.least
    if not least <= play.compliance <= most:
        allowed = f"{show(least, 'A')} to {show(most, 'A')} at {show(peak, 'V')}"
        found.add("compliance", show(play.compliance, "A"), allowed, "choose one inside")
        return
    i_meter = chosen_range(play, unit)
    if i_meter is None:
        asked = next(iter(play.ranges.values()), play.compliance)
        allowed = f"up to {show(unit.meter.i_meter[-1].full_scale, 'A')}"
        found.add("current range", show(asked, "A"), allowed, "choose a smaller range")
        return
    # before its limit acts, only the resistance in series bounds a current
    unheld = peak / unit.resistance
    if shortest is None or unheld <= play.compliance or seconds(shortest) >= i_meter.settling:
        return
    found.add(
        "compliance",
        f"{show(play.compliance, 'A')} for a level of {show(seconds(shortest), 's')}",
        f"{show(unheld, 'A')} or more at {show(peak, 'V')}: the limit of a {unit.meter.name} acts "
        f"after {show(i_meter.settling, 's')}, until then {unit.resistance:g} Ohm alone bound it",
        "put a resistor in series with the sample and name it in the bench file as series, or "
        "give the compliance that it allows",
        f"up to {show(unheld, 'A')} instead of {show(play.compliance, 'A')} in levels shorter than "
        f"{show(i_meter.settling, 's')}",
        unheld,
    )
