"""Oscilloscopes that read for a generator, in numbers: what an InfiniiVision X-Series sees.

Sources, by their mark:

[P] InfiniiVision DSOX1204A/G Programmer's Guide, and that of the 3000 X-Series: the common commands
    of the family, bytes that are no data (0 hole, 1 clipped low, 255 clipped high), arm and
    operation registers, 2 to 1000 segments.
[U] InfiniiVision DSOX1204A/G User's Guide, page 55: a segment is followed by the next after 19 us.
[M] InfiniiVision 3000 X-Series User's Guide, page 270: a single acquisition uses the whole memory;
    two channels of a pair share it, and so do segments.
[D] Data sheets 5992-1965EN (1000 X-Series) and 5992-0140EN (3000T X-Series), recalled and not seen
    in print: to be checked against them. The gain of the 1000 X-Series and the error of its zero
    agree with what a laboratory quotes of the sheet.
[C] check: recalled from elsewhere, or chosen; to be replaced here when it is known.

What a voltage on the screen may be wrong by. The gain is specified to a share of the full scale of
eight divisions. An error of the gain grows with the deflection, so that with that share at the edge
of the screen, four divisions from its middle, it is twice the share of what is seen. The zero is
off by as much as a tenth of a division and 2 mV, which is why it is measured at the beginning of
each record and taken off; the difference of two levels of one record is then specified to another
0.5 % of the full scale, about one code::

    bound(v) = 2 share |v| + 0.5 % of 8 divisions
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from instruments.ranges import Range

__all__ = [
    "CABLE", "CODES", "DIVISIONS", "FIFTY", "INTERVALS", "MEGOHM", "SCOPES", "Input", "Scope",
]  # fmt: skip

#: of the screen, up and down [D]
DIVISIONS = 8
#: of an eight-bit converter, over the eight divisions; a little more is digitised [C]
CODES = 200
#: resistance of an input as it is switched, Ohm [D]
FIFTY, MEGOHM = 50.0, 1e6
#: of a metre of coaxial cable, F [C]
CABLE = 100e-12
#: the time from point to point may be longer than the memory needs by this: rates are steps [C]
INTERVALS = 2.5

_RESIDUAL = 5e-3  # share of the full scale by which a difference of two levels is off [D]
_TOLERANCE = 1e-2  # of an input's 50 Ohm [D]
_MOST_FIFTY = 1.0  # V a division at 50 Ohm [D]
_TO_A_THOUSANDTH = math.log(1000.0)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one model is specified to do, with channels 1 and 2 in use."""

    name: str
    scales: tuple[float, ...]  #: V a division, ascending
    gain: tuple[tuple[float, float], ...]  #: from this scale on, share of the full scale
    magnified: float  #: smaller scales are magnified from this one, V a division
    bandwidth: float  #: Hz
    rate: float  #: points a second
    memory: int  #: points of a channel
    segments: int  #: most of them
    rearm: float  #: from the end of a segment until the next may be triggered, s
    capacitance: float  #: of an input of 1 MOhm, F
    fifty: bool  #: whether an input can be switched to 50 Ohm
    noise: tuple[float, float]  #: rms: V, and share of a division
    source: str

    def volts(self) -> tuple[Range, ...]:
        """Return the ranges of an input, V from the middle of the screen."""
        return tuple(self._range(scale) for scale in self.scales)

    def _range(self, scale: float) -> Range:
        share = next(share for least, share in reversed(self.gain) if scale >= least * (1 - 1e-9))
        # what is magnified is as wrong as what it is magnified from
        specified = max(scale, self.magnified)
        gain = 2.0 * share * specified / scale
        offset = _RESIDUAL * DIVISIONS * specified
        return Range(DIVISIONS / 2 * scale, gain, offset, 0.0, overrange=1.0)

    def rms(self, scale: float) -> float:
        """Return the noise of a point, V."""
        floor, share = self.noise
        return math.hypot(floor, share * scale)


@dataclass(frozen=True, slots=True)
class Input:
    """Channel 2 as an ammeter: the resistor through which the device's current goes to ground."""

    scope: Scope
    shunt: (
        float | None
    )  #: an external resistor beside the input of 1 MOhm, Ohm; None: 50 Ohm inside

    @property
    def ohms(self) -> float:
        """Between the device and ground, Ohm."""
        return FIFTY if self.shunt is None else self.shunt * MEGOHM / (self.shunt + MEGOHM)

    @property
    def time_constant(self) -> float:
        """With which a current becomes a voltage, s: the amplifier, and what a resistor charges."""
        own = 1.0 / (2.0 * math.pi * self.scope.bandwidth)
        if self.shunt is None:  # the cable ends in its own impedance
            return own
        return own + self.ohms * (self.scope.capacitance + CABLE)

    def amperes(self) -> tuple[Range, ...]:
        """Return the ranges of the current, A from the middle of the screen."""
        settling = _TO_A_THOUSANDTH * self.time_constant
        tolerance = _TOLERANCE if self.shunt is None else 0.0
        return tuple(
            Range(v.full_scale / self.ohms, v.gain + tolerance, v.offset / self.ohms, settling,
                  overrange=1.0)
            for v in self.scope.volts()
            if self.shunt is not None or v.full_scale <= DIVISIONS / 2 * _MOST_FIFTY
        )  # fmt: skip

    @property
    def bit(self) -> float:
        """The smallest step of a current that is told apart, A."""
        return self.scope.scales[0] * DIVISIONS / CODES / self.ohms


def _steps(first: float, last: float) -> tuple[float, ...]:
    """Return scales in steps of 1, 2, 5."""
    found = (m * 10.0**e for e in range(-4, 2) for m in (1, 2, 5))
    return tuple(round(s, 9) for s in found if first * 0.999 <= s <= last * 1.001)


#: oscilloscopes this driver knows, by model
SCOPES = {
    scope.name: scope
    for scope in (
        Scope(
            "DSOX1102G",
            scales=_steps(0.5e-3, 10.0),  # [D]
            gain=((0.0, 0.04), (10e-3, 0.03)),  # [D]
            magnified=2e-3,  # [C]
            bandwidth=70e6,  # without option 100 MHz [D]
            rate=1e9,  # [D]
            memory=500_000,  # half of a million points [D]; which share of it is used [C]
            segments=50,  # [C]
            rearm=19e-6,  # [U]
            capacitance=16e-12,  # [D]
            fifty=False,  # [D]
            noise=(0.15e-3, 0.02),  # [C]
            source="DSOX1204A/G guides; figures of 5992-1965EN and noise: check",
        ),
        Scope(
            "DSOX3024T",
            scales=_steps(1e-3, 5.0),  # [D]; at 1 MOhm up to 5 V
            gain=((0.0, 0.02),),  # [D]
            magnified=4e-3,  # [D]
            bandwidth=200e6,  # [D]
            rate=2.5e9,  # [D]
            memory=2_000_000,  # half of four million points [D, M]
            segments=1000,  # [P]
            rearm=1e-6,  # [D]
            capacitance=14e-12,  # [D]
            fifty=True,  # [D]
            noise=(0.15e-3, 0.02),  # [C]
            source="3000 X-Series guides; figures of 5992-0140EN and noise: check",
        ),
    )
}
