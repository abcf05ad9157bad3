"""The Series 2400 in numbers: ranges, accuracy, settling and timing, each with its source.

Sources, by their mark:

[S] Model 2400 specifications, SPEC-2400 Rev. H (February 2004), and the "SourceMeter line"
    specifications of the data sheet, 23 degC +- 5 degC, 1 year, 1 PLC.
[U] 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K (September 2011).
[N] Using the Model 2400 Internal Timestamp Feature, Keithley technical note.
[C] check: recalled, or not found in print; to be replaced here when it is known.

The times of a source-delay-measure cycle, typical [U appendix A, case III: the level changes,
autozero is off]::

    trigger  latency   source set   source delay   conversion(s)   firmware    next trigger
       |---- 225 us ----|-- 50 us --|----- d ------|-- aperture --|- 185 us + 300 us -|
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "AT_ONCE", "CONFIGURE", "CONVERT", "DELAY_STEP", "HOST_GAP", "LATENCY", "LEAST_NPLC", "MODELS",
    "MOST_DELAY", "MOST_LEVELS", "MOST_NPLC", "NPLC_STEP", "OVERHEAD", "OVERHEAD_CURRENT", "POINTS",
    "SETTLED_AT", "TICK", "TIMER", "WRAP", "Model", "Pulsing", "limits_of",
]  # fmt: skip

#: from the trigger to the source, s [U]
LATENCY = 225e-6
#: setting the source's converter, s [U]
CONFIGURE = 50e-6
#: added once to the apertures of a reading, s [U]
CONVERT = 185e-6
#: what the firmware takes after it, s: the current alone [U]; voltage and current [C]
OVERHEAD = {False: 300e-6, True: 800e-6}
#: what it takes more where a current is sourced, s [U page A-6]; with two functions the same [C]
OVERHEAD_CURRENT = 340e-6
#: grid of source and trigger delay, s, from the digits of their settings [U page 18-82]
DELAY_STEP = 100e-6
#: longest source or trigger delay, s [U page 18-82]
MOST_DELAY = 999.9999
#: aperture in power line cycles: shortest, longest, and grid [U table 18-6]
LEAST_NPLC, MOST_NPLC, NPLC_STEP = 0.01, 10.0, 0.01
#: readings of one run, arm count times trigger count, and levels of a list [U page 18-117]
POINTS = 2500
#: levels of a list in one command [U page 18-91]
AT_ONCE = 100
#: arm timer: shortest and longest, and its grid, s [U page 18-119]; the grid [C]
TIMER, TIMER_LONGEST = 1e-3, 99_999.99
#: shortest rest that the host can time, s: two runs, their readings and settings over GPIB [C]
HOST_GAP = 0.1
#: levels that one step may have
MOST_LEVELS = 20_000
#: what the instrument calls a millisecond, s: its clock counts 1024 ticks a second [N]
TICK = 0.9765625e-3
#: the timestamp begins again after this, s as the instrument counts [U page 18-116]
WRAP = 100_000.0
#: voltage across the load for which the settling of a current source holds, V; what is parallel to
#: the load is charged by the current, so a higher voltage takes in proportion longer [C]
SETTLED_AT = 1.0

_OVERRANGE = 1.05  # of every source range; a range is named by what it can source [U table 3-1]
_WIDTH = 1e-3  # shortest level: the shortest cycle is 0.96 ms at 50 Hz, typical [U]
_USUAL = (5e-5, 5e-4)  # what 0.1 and 0.01 PLC add, as a fraction of the range [C]
_COARSE = (5e-4, 5e-3)  # the same on the 200 mV range and from 1 A [C]


@dataclass(frozen=True, slots=True)
class Pulsing:
    """Pulse mode of the 2430 [U section 5]."""

    shortest: float = 150e-6  #: pulse, s
    longest: float = 5e-3
    longest_high: float = 2.5e-3  #: on the 10 A range
    overhead: float = 80e-6  #: of a pulse in which a measurement is taken, s
    off: float = 1.9e-3  #: between two pulses, autozero and display off, s [U table 5-1]
    duty: float = 0.08  #: on the 10 A range
    high: float = 3.15  #: A; above it the 10 A range is in use
    nplc: tuple[float, float] = (0.004, 0.1)


@dataclass(frozen=True, slots=True)
class Model:
    """What one model of the series is specified to do."""

    name: str
    v_source: tuple[Range, ...]
    i_source: tuple[Range, ...]
    v_meter: tuple[Range, ...]
    i_meter: tuple[Range, ...]
    area: tuple[tuple[float, float], ...]  #: DC operating area: up to V, at most A
    source: str
    pulsing: Pulsing | None = None
    pulse_area: tuple[tuple[float, float], ...] = ()

    def most_current(self, v: float, *, pulsed: bool = False) -> float:
        """Return the largest compliance that can be set with the source range of a level, A."""
        area = (*self.area, *(self.pulse_area if pulsed else ()))
        # the power is checked against the source range, and not against the level [U page 18-87]
        ranges = [r.full_scale for r in self.v_source if abs(v) <= r.source_maximum * (1 + 1e-9)]
        return max((i for limit, i in area if ranges and ranges[0] <= limit), default=0.0)

    def most_limit(self, i: float, *, pulsed: bool = False) -> float:
        """Return the largest voltage limit that can be set on this range of the current source, V.

        The power is checked against the source range here as well.
        """
        area = (*self.area, *(self.pulse_area if pulsed else ()))
        return max((v for v, limit in area if i <= limit), default=0.0)

    @property
    def least_limit(self) -> float:
        """Smallest voltage limit of the current source, V: 0.1 % of the lowest range [S]."""
        return self.v_meter[0].full_scale * 1e-3

    @property
    def least_compliance(self) -> float:
        """Smallest compliance, A: 0.1 % of the lowest range [S]."""
        return self.i_meter[0].full_scale * 1e-3

    def meters(self, *, pulsed: bool = False) -> tuple[Range, ...]:
        """Return the ranges of the ammeter; the 10 A range is for pulses alone."""
        return self.i_meter if pulsed or self.pulsing is None else self.i_meter[:-1]

    def amperes(self, *, pulsed: bool = False) -> tuple[Range, ...]:
        """Return the ranges of the current source; the 10 A range is for pulses alone."""
        return self.i_source if pulsed or self.pulsing is None else self.i_source[:-1]


def _table(
    rows: Iterable[tuple[float, float, float, float]], *, coarse: float = -1.0, meter: bool = True
) -> tuple[Range, ...]:
    """Return ranges from rows of full scale, gain, offset and settling."""
    return tuple(
        Range(full, gain, offset, settling,
              (_COARSE if (full <= 0.2 and coarse < 0) or 0 < coarse <= full else _USUAL)
              if meter else (), 1.1 if full == 1000.0 else _OVERRANGE)
        for full, gain, offset, settling in rows
    )  # fmt: skip


# full scale, gain, offset [S]; settling to 0.1 %: 100 us, longer on the highest range of the 2410
# and the lowest current ranges [C]
_V = [(0.2, 2e-4, 600e-6, 100e-6), (2.0, 2e-4, 600e-6, 100e-6), (20.0, 2e-4, 2.4e-3, 100e-6)]
_METER_V = [(0.2, 1.2e-4, 300e-6, 100e-6), (2.0, 1.2e-4, 300e-6, 100e-6)]
_20_V = (20.0, 1.5e-4, 1e-3, 100e-6)
_LOWEST_I = [(1e-6, 2.9e-4, 300e-12, 3e-3)]
_LOW_I = [
    (10e-6, 2.7e-4, 700e-12, 500e-6), (100e-6, 2.5e-4, 6e-9, 100e-6), (1e-3, 2.7e-4, 60e-9, 100e-6),
]  # fmt: skip
_10_MA, _20_MA = (10e-3, 3.5e-4, 600e-9, 100e-6), (20e-3, 3.5e-4, 1.2e-6, 100e-6)
_100_MA = (100e-3, 5.5e-4, 6e-6, 100e-6)
_1_A, _1_A_HIGH = (1.0, 2.2e-3, 570e-6, 100e-6), (1.0, 6.6e-4, 570e-6, 100e-6)
_3_A, _10_A = (3.0, 5.2e-4, 1.71e-3, 100e-6), (10.0, 8.2e-4, 1.71e-3, 100e-6)

# the current source [S]: in the order of the ammeter's ranges above; what only the 2410, 2420 and
# 2430 have [C]
_SOURCE_LOWEST_I = [(1e-6, 3.5e-4, 600e-12, 3e-3)]
_SOURCE_LOW_I = [
    (10e-6, 3.3e-4, 2e-9, 500e-6), (100e-6, 3.1e-4, 20e-9, 100e-6), (1e-3, 3.4e-4, 200e-9, 100e-6),
]  # fmt: skip
_SOURCE_10_MA, _SOURCE_20_MA = (10e-3, 4.5e-4, 2e-6, 100e-6), (20e-3, 4.5e-4, 4e-6, 100e-6)
_SOURCE_100_MA = (100e-3, 6.6e-4, 20e-6, 100e-6)
_SOURCE_1_A, _SOURCE_1_A_HIGH = (1.0, 2.7e-3, 900e-6, 100e-6), (1.0, 6.7e-4, 900e-6, 100e-6)
_SOURCE_3_A, _SOURCE_10_A = (3.0, 5.9e-4, 2.8e-3, 100e-6), (10.0, 8.9e-4, 5.9e-3, 100e-6)

_SOURCE = (
    "SPEC-2400 Rev. H; User's Manual 2400S-900-01 Rev. K appendix A and section 18; "
    "settling, accuracy at short apertures and shortest host-timed rest: check"
)


def _model(
    name: str,
    top_v: tuple[float, float, float, float],
    top_meter_v: tuple[float, float, float, float],
    amperes: list[tuple[float, float, float, float]],
    sourced: list[tuple[float, float, float, float]],
    area: tuple[tuple[float, float], ...],
    *,
    middle_v: tuple[float, float, float, float] = _20_V,
    pulsing: Pulsing | None = None,
) -> Model:
    return Model(
        name,
        _table([*_V, top_v], meter=False),
        _table(sourced, meter=False),
        _table([*_METER_V, middle_v, top_meter_v]),
        _table(amperes, coarse=1.0),
        area,
        _SOURCE,
        pulsing,
        ((105.0, 10.5),) if pulsing else (),
    )


#: the models this driver knows
MODELS = {
    model.name: model
    for model in (
        _model("2400", (200.0, 2e-4, 24e-3, 100e-6), (200.0, 1.5e-4, 10e-3, 100e-6),
               [*_LOWEST_I, *_LOW_I, _10_MA, _100_MA, _1_A],
               [*_SOURCE_LOWEST_I, *_SOURCE_LOW_I, _SOURCE_10_MA, _SOURCE_100_MA, _SOURCE_1_A],
               ((21.0, 1.05), (210.0, 0.105)),
               middle_v=(20.0, 1.5e-4, 1.5e-3, 100e-6)),
        _model("2410", (1000.0, 2e-4, 100e-3, 500e-6), (1000.0, 1.5e-4, 50e-3, 500e-6),
               [*_LOWEST_I, *_LOW_I, _20_MA, _100_MA, _1_A],
               [*_SOURCE_LOWEST_I, *_SOURCE_LOW_I, _SOURCE_20_MA, _SOURCE_100_MA, _SOURCE_1_A],
               ((21.0, 1.05), (1100.0, 0.021))),
        _model("2420", (60.0, 2e-4, 7.2e-3, 100e-6), (60.0, 1.5e-4, 3e-3, 100e-6),
               [*_LOW_I, _10_MA, _100_MA, _1_A_HIGH, _3_A],
               [*_SOURCE_LOW_I, _SOURCE_10_MA, _SOURCE_100_MA, _SOURCE_1_A_HIGH, _SOURCE_3_A],
               ((21.0, 3.15), (63.0, 1.05))),
        _model("2430", (100.0, 2e-4, 12e-3, 100e-6), (100.0, 1.5e-4, 5e-3, 100e-6),
               [*_LOW_I, _10_MA, _100_MA, _1_A_HIGH, _3_A, _10_A],
               [*_SOURCE_LOW_I, _SOURCE_10_MA, _SOURCE_100_MA, _SOURCE_1_A_HIGH, _SOURCE_3_A,
                _SOURCE_10_A], ((21.0, 3.15), (105.0, 1.05)),
               pulsing=Pulsing()),
    )
}  # fmt: skip


def limits_of(model: Model, line_frequency: float) -> Limits:
    """Return what a model can do with a waveform, at the unit's power line frequency in Hz."""
    pulsing = model.pulsing
    return Limits(
        model=model.name,
        max_v=model.v_source[-1].source_maximum,
        max_i=max(i for _, i in (*model.area, *model.pulse_area)),
        min_width=_WIDTH if pulsing is None else pulsing.shortest,
        min_gap=_WIDTH if pulsing is None else pulsing.off,
        min_aperture=(LEAST_NPLC if pulsing is None else pulsing.nplc[0]) / line_frequency,
        resolution=DELAY_STEP,
        max_points=POINTS - 2,  # a list begins and ends at zero
        max_readings=POINTS - 2,
        ramps=False,
        source=model.source,
    )
