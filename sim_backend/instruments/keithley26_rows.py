"""Printed rows of a Series 2600B specification, as ranges of source and meter."""

from __future__ import annotations

from sim_backend.instruments.specification import MeasureRange, SourceRange

__all__ = ["AMPERES", "CURRENTS", "LOW_CURRENT", "LOW_VOLTAGE", "VOLTS", "measure", "source"]

#: what an aperture below 1 PLC adds to the accuracy: (NPLC, fraction of range); 2600B data sheet,
#: page 10 note 2
Table = tuple[tuple[float, float], ...]
LOW_VOLTAGE: Table = ((0.1, 1e-4), (0.01, 8e-4), (0.001, 8e-3))
VOLTS: Table = ((0.1, 1e-4), (0.01, 7e-4), (0.001, 6e-3))
LOW_CURRENT: Table = ((0.1, 1e-4), (0.01, 1e-3), (0.001, 1e-2))
CURRENTS: Table = ((0.1, 1e-4), (0.01, 5e-4), (0.001, 5e-3))
AMPERES: Table = ((0.1, 1e-4), (0.01, 5e-4), (0.001, 1.1e-2))

# 0.1 Hz to 10 Hz peak to peak as printed; six sigma span it
_PEAK_TO_PEAK = 6.0
# programmed 101 %, measured 102 % of the range (reference manual, page 2-44)
_SOURCE_OVERRANGE, _MEASURE_OVERRANGE = 1.01, 1.02
_PULSE_ONLY = 10.0  # A: reached by pulses alone

#: full scale, resolution, gain error, offset error, noise peak to peak, settling
SourceRow = tuple[float, float, float, float, float, float]
#: full scale, resolution, gain error, offset error, derating, settling
MeasureRow = tuple[float, float, float, float, Table, float]


def source(*rows: SourceRow) -> tuple[SourceRange, ...]:
    """Return the ranges of a source."""
    return tuple(
        SourceRange(
            full_scale=full,
            maximum=full * (1.0 if full == _PULSE_ONLY else _SOURCE_OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=noise / _PEAK_TO_PEAK,
            settling=settling,
            pulse_only=full == _PULSE_ONLY,
        )
        for full, resolution, gain, offset, noise, settling in rows
    )


def measure(sources: tuple[SourceRange, ...], *rows: MeasureRow) -> tuple[MeasureRange, ...]:
    """Return the ranges of a meter.

    Its own noise is not printed: a tenth of that of the source on the range that is nearest above
    is taken, in proportion where there is no such range of the source (to be checked).
    """
    return tuple(
        MeasureRange(
            full_scale=full,
            maximum=full * (1.0 if full == _PULSE_ONLY else _MEASURE_OVERRANGE),
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=_noise(sources, full),
            derating=derating,
            settling=settling,
            pulse_only=full == _PULSE_ONLY,
        )
        for full, resolution, gain, offset, derating, settling in rows
    )


def _noise(sources: tuple[SourceRange, ...], full_scale: float) -> float:
    above = next(r for r in sources if r.full_scale >= full_scale * (1 - 1e-9))
    return above.noise / 10 * min(1.0, full_scale / above.full_scale)
