"""What a 2450-family SourceMeter is specified to do, as data: shared shape of the four models.

Sources, in the marks used in the modules `keithley2450`, `keithley2450_2460`, `keithley2450_2461`
and `keithley2450_2470`:

[S] the model's specifications (SPEC-2450 Rev. A, July 2013, and the data sheets of the others),
    23 degC +- 5 degC, 1 year, 1 PLC.
[R] the model's reference manual: 2450-901-01 Rev. B (September 2013), 2461-901-01 Rev. A (November
    2015), 2470-901-01 Rev. A (May 2019).
[C] check: not found in print; a plausible value that is to be replaced when it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = ["Model", "PulseArea", "Timing", "measure_ranges", "source_ranges"]

OVERRANGE = 1.05  #: of every range, source and measure [S]
_USUAL = ((0.1, 5e-5), (0.01, 5e-4))  # derating with short apertures, fraction of range [C]
_COARSE = ((0.1, 5e-4), (0.01, 5e-3))  # the lowest voltage ranges and those from 1 A [C]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the steps of a measurement take beside the apertures, s.

    From the reading rates of SPEC-2450 at 0.01 PLC, 60 Hz, autozero off: 3130 measurements and 1710
    source-measure steps a second.
    """

    conversion: float = 152e-6  #: added to each conversion
    setting: float = 265e-6  #: recalling a configuration: the source moves at its end
    block: float = 1e-6  #: one block of the trigger model [C]
    zero_apertures: int = 2  #: apertures that autozero adds: reference and zero


@dataclass(frozen=True, slots=True)
class PulseArea:
    """What only pulses may do [R 2461]."""

    shortest: float = 150e-6  #: pulse width, s
    longest: float = 1e-3  #: pulse width in the extended area, s
    duty: float = 0.05  #: in the extended area


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the family."""

    name: str
    spec: ChannelSpec
    protection: tuple[float, ...]  #: overvoltage limits, V; NONE lies above [R]
    #: resistance range, Ohm -> test current, A [S]
    ohms: Mapping[float, float]
    #: up to this current range, A: autodelay of the V-source, with high capacitance, of the
    #: I-source, with high capacitance, s [R]
    auto_delay: tuple[tuple[float, float, float, float, float], ...]
    languages: tuple[str, ...]  #: command sets that it can be set to [R]
    #: command set of an emulated Series 2400 -> that model
    emulates: Mapping[str, str]
    interlock_above: float = 21.0  #: V; levels above it need the interlock [R 2461 page 6-49]
    buffer_size: int = 100_000  #: readings in defbuffer1 and defbuffer2 after a reset [R]
    buffer_total: int = 6_875_000  #: standard readings in all buffers together [R]
    digitizes: bool = False
    checks_contacts: bool = False
    pulse: PulseArea | None = None
    timing: Timing = Timing()


def source_ranges(
    rows: Iterable[tuple[float, float, float, float, float, float]],
    maximum: Mapping[float, float] | None = None,
    pulse_only: tuple[float, ...] = (),
) -> tuple[SourceRange, ...]:
    """Return source ranges from rows as printed.

    Parameters
    ----------
    rows
        Full scale, programming resolution, gain error, offset error, rms noise, settling.
    maximum
        Largest level where it is not 105 % of the range.
    pulse_only
        Full scales that exist only for pulses.
    """
    most = maximum or {}
    return tuple(
        SourceRange(
            full_scale=full,
            maximum=most.get(full, full * OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=noise,
            settling=settling,
            pulse_only=full in pulse_only,
        )
        for full, resolution, gain, offset, noise, settling in rows
    )


def measure_ranges(
    rows: Iterable[tuple[float, float, float, float]],
    source: tuple[SourceRange, ...],
    coarse: tuple[float, ...],
) -> tuple[MeasureRange, ...]:
    """Return measurement ranges from rows as printed.

    Parameters
    ----------
    rows
        Full scale, display resolution, gain error, offset error.
    source
        The source ranges of the same full scales. The noise of the meter, which is not printed, is
        taken as a tenth of theirs, and its settling as theirs [C].
    coarse
        Full scales whose short apertures add ten times as much to the error.
    """
    return tuple(
        MeasureRange(
            full_scale=full,
            maximum=max(generator.maximum, full * OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=generator.noise / 10,
            derating=_COARSE if full in coarse else _USUAL,
            settling=generator.settling,
        )
        for (full, resolution, gain, offset), generator in zip(rows, source, strict=True)
    )
