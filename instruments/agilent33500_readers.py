"""Source-meters that read for a generator: how each is triggered, and how a reading goes then.

Sources, by their mark:

[M] Series 2600B Reference Manual, 2600BS-901-01 Rev. F, sections 8 and 9, and SPEC-2602B.
[U] 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K: trigger link in section 11, times in
    appendix A.
[R] Model 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-35 to 6-39 and 6-211 to 6-216.
[C] check: recalled, or not found in print; to be replaced here when it is known.

Each holds zero volts at the device's other end and reads at edges of the generator's second output.
A 2600B converts current and voltage together. The others convert one after the other, so that the
voltage, which tells what a limited level was, is read only where a window has room for both::

    2400     edge |- 100 us -|- current -|- voltage -|- 485 us -|   next edge
    2450     edge |- 154 us -|- voltage -|- 152 us -|- current -|- 4 us -|   next edge
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from instruments import keithley2400_limits, keithley2450_limits, keithley2600_limits
from instruments.ranges import Range

__all__ = ["READERS", "Reader"]

Order = Literal["together", "current first", "voltage first"]


class Specified(Protocol):
    """What is known of a model, whatever its family."""

    @property
    def name(self) -> str:
        """As it calls itself."""

    @property
    def v_source(self) -> tuple[Range, ...]:
        """Ranges of its voltage source."""

    @property
    def i_meter(self) -> tuple[Range, ...]:
        """Ranges of its ammeter."""

    @property
    def source(self) -> str:
        """Where the figures come from."""

    def most_current(self, v: float) -> float:
        """Return the largest compliance that can be set with this peak level, A."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A source-meter that a generator can trigger."""

    model: Specified
    driver: str  #: as a bench file names it
    channels: tuple[str, ...]  #: that can hold the device, the usual one first
    least: float  #: smallest compliance, A
    nplc: tuple[float, float, float]  #: aperture in power line cycles: shortest, longest, grid
    port: str  #: what the generator's second output leads to
    lines: int  #: of that
    most: int  #: readings in one burst
    order: Order = "together"  #: of the conversions of a reading
    latency: float = 0.0  #: from an edge to the first conversion, s
    between: float = 0.0  #: from one conversion to the next, s
    dead: float = 0.0  #: from the last conversion until the next edge is heard, s
    falling: bool = False  #: whether it hears edges that fall; else those that rise
    stray: float = 100e-6  #: by which a time stamp may be off its trigger, s
    drift: float = 3e-4  #: share of a time by which its clock and the generator's may differ
    quiet: bool = False  #: whether it answers nothing while it waits for edges

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name

    @property
    def v_source(self) -> tuple[Range, ...]:
        """Ranges of its voltage source."""
        return self.model.v_source

    @property
    def i_meter(self) -> tuple[Range, ...]:
        """Ranges of its ammeter."""
        return self.model.i_meter

    def lead(self, aperture: float, *, volts: bool) -> float:
        """Return the time from an edge to the conversion of the current, s."""
        before = volts and self.order == "voltage first"
        return self.latency + (aperture + self.between if before else 0.0)

    def span(self, aperture: float, *, volts: bool) -> float:
        """Return the time from one edge to the earliest that may follow it, s."""
        after = volts and self.order == "current first"
        whole = self.lead(aperture, volts=volts) + aperture
        return whole + (aperture + self.between if after else 0.0) + self.dead

    def longest(self, room: float, apart: float, *, volts: bool) -> float:
        """Return the longest aperture for windows of a length and edges a time apart, s.

        The conversion of the current lies in the middle of a window, that of the voltage beside it.
        """
        one = self.order == "together" or not volts
        within = room if one else (room - 2 * self.between) / 3
        free = apart - self.span(0.0, volts=volts)
        return min(within, free if one else free / 2)


def _series_2600(model: keithley2600_limits.Model) -> Reader:
    least, most = keithley2600_limits.LEAST_NPLC, keithley2600_limits.MOST_NPLC
    return Reader(
        model, "keithley2600", model.channels, model.least, (least, most, 1e-3),
        port="digital line",
        lines=14,  # [M section 8]
        most=60_000,  # a dedicated buffer with timestamps (SPEC-2602B, page 11)
        # how long after an edge it begins a reading: nothing [C]
        dead=keithley2600_limits.TURNAROUND * 1e-6,
    )  # fmt: skip


def _series_2400(model: keithley2400_limits.Model) -> Reader:
    limits = keithley2400_limits
    return Reader(
        model, "keithley2400", ("front", "rear"), model.least_compliance,
        (limits.LEAST_NPLC, limits.MOST_NPLC, limits.NPLC_STEP),
        port="trigger link line",
        lines=4,  # [U page 18-121]
        most=limits.POINTS,
        order="current first",  # [C]
        latency=100e-6,  # source unchanged, autozero off [U appendix A]
        dead=limits.CONVERT + limits.OVERHEAD[False],
        falling=True,  # [U page 11-19]
        # stamps come in ticks of a millisecond, of which 1024 or 1000 are a second
        stray=2.5e-3,
        drift=0.03,
        quiet=True,  # [U section 11, idle and initiate]
    )  # fmt: skip


def _series_2450(model: keithley2450_limits.Model) -> Reader:
    limits = keithley2450_limits
    return Reader(
        model, "keithley2450", ("front", "rear"), model.least_compliance,
        (limits.LEAST_NPLC, limits.MOST_NPLC, 1e-3),
        port="digital line",
        lines=6,  # [R page 6-35]
        most=100_000,  # readings of a buffer that the driver makes [C]; far more would fit
        order="voltage first",
        latency=limits.CONVERT + 2 * limits.BLOCK,
        between=limits.CONVERT,
        dead=4 * limits.BLOCK,
    )  # fmt: skip


def _readers() -> tuple[Reader, ...]:
    # models that end in 4 have no digital port (2600BS-901-01 Rev. F, ``digio``)
    ported = [m for m in keithley2600_limits.MODELS.values() if not m.name[:4].endswith("4")]
    return (
        *map(_series_2600, ported),
        *map(_series_2400, keithley2400_limits.MODELS.values()),
        *map(_series_2450, keithley2450_limits.MODELS.values()),
    )


#: by model
READERS = {reader.name: reader for reader in _readers()}
