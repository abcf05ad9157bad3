"""What a Series 2400 SourceMeter is specified to do, as data: shared shape of the four models.

Sources, in the marks used in the modules `keithley2400`, `keithley2410`, `keithley2420` and
`keithley2430`:

[S] the model's specifications, SPEC-2400 Rev. H (February 2004) and the "SourceMeter line"
    specifications of the data sheet, 23 degC +- 5 degC, 1 year, 1 PLC.
[U] 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K (September 2011).
[C] check: not found in print; a plausible value that is to be replaced when it is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim_backend.instruments.specification import ChannelSpec, MeasureRange, SourceRange

__all__ = [
    "AUTO_DELAY", "OHMS", "OVERRANGE", "Model", "PulseLimits", "Timing", "measure_ranges",
    "source_ranges",
]  # fmt: skip

OVERRANGE = 1.05  #: of every source range; a range is named by what it can source [U table 3-1]
_MEASURE_OVERRANGE = 1.055  # [U table 3-1]
_PEAK_TO_PEAK = 6.0  # 0.1 Hz to 10 Hz peak to peak as printed [S]; six sigma span it
_USUAL = ((0.1, 5e-5), (0.01, 5e-4))  # derating, fraction of range [C]
_COARSE = ((0.1, 5e-4), (0.01, 5e-3))  # the 200 mV range and those from 1 A [C]

#: auto ohms: full scale of the range, Ohm -> test current, A [S, "Resistance"]
OHMS: Mapping[float, float] = MappingProxyType({
    20.0: 0.1, 200.0: 10e-3, 2e3: 1e-3, 20e3: 100e-6, 200e3: 10e-6, 2e6: 1e-6, 20e6: 1e-6,
})  # fmt: skip


#: firmware overhead of a cycle by (autozero, functions measured), s [U appendix A, cases I to III];
#: [C] without autozero two functions have over one what they have with it; without any, case III
_OVERHEAD = {
    (True, 2): 2.3e-3, (True, 1): 1.8e-3, (True, 0): 300e-6,
    (False, 2): 800e-6, (False, 1): 300e-6, (False, 0): 300e-6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the steps of a source-delay-measure cycle take, s [U appendix A, cases I to VI]."""

    latency_changed: float = 225e-6  #: from the trigger to the source, where the source changes
    latency_autozero: float = 500e-6  #: from the trigger to the converter, source unchanged
    latency_static: float = 100e-6  #: the same without autozero
    configuration: float = 50e-6  #: setting the source's converter
    conversion: float = 185e-6  #: added once to the apertures of a reading
    overhead_current: float = 350e-6  #: added when sourcing current, cases I and II
    overhead_current_fast: float = 340e-6  #: the same without autozero, case III
    command_autorange: float = (
        10e-3  #: level command to the output moving; at most, as the 6430 [C]
    )
    command_fixed: float = 7e-3  #: the same on a fixed range [C]
    memory: float = 4e-3  #: recalling a source memory location: 165 cycles a second [C]

    def overhead(self, function: str, autozero: bool, functions: int) -> float:
        """Return the firmware's overhead of a cycle that sets the source, s.

        Parameters
        ----------
        function
            What is sourced: ``v`` or ``i``.
        autozero
            Whether reference and zero are measured with every reading.
        functions
            How many of voltage and current are measured.
        """
        more = self.overhead_current if autozero else self.overhead_current_fast
        return _OVERHEAD[autozero, functions] + (more if function == "i" else 0.0)


@dataclass(frozen=True, slots=True)
class PulseLimits:
    """Pulse mode of the 2430 [U section 5]."""

    shortest: float = 150e-6  #: pulse width, s
    longest: float = 5e-3
    longest_high: float = 2.5e-3  #: on the 10 A range
    overhead: float = 80e-6  #: of a pulse during which a measurement is taken, s
    off_autozero: float = 5.0e-3  #: shortest time between two pulses, s; table 5-1
    off_fast: float = 2.9e-3  #: without autozero, or source only
    display: float = 1e-3  #: less of it with the display disabled
    delay_maximum: float = 9999.999  #: [C] upper end of PULSe:DELay
    duty: float = 0.08  #: on the 10 A range, for a period that can be relied on
    nplc_minimum: float = 0.004
    nplc_maximum: float = 0.1


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the series."""

    name: str
    spec: ChannelSpec
    v_protection: tuple[float, ...]  #: limits of the V-source, V; NONE lies above [U page 3-12]
    ohms: Mapping[float, float]
    smode: str  #: output-off state after a reset [U table 18-4]
    auto_delay: tuple[tuple[float, float], ...]  #: current range up to (A, s); [C] as the 2450's
    timing: Timing = Timing()
    pulse: PulseLimits | None = None


AUTO_DELAY = ((1e-6, 3e-3), (10e-6, 2e-3), (100e-3, 1e-3), (10.0, 2e-3))


def source_ranges(
    rows: Iterable[tuple[float, float, float, float, float, float]], pulse_only: float = 0.0
) -> tuple[SourceRange, ...]:
    """Return source ranges from rows as printed.

    Parameters
    ----------
    rows
        Full scale, programming resolution, gain error, offset error, noise peak to peak, settling.
    pulse_only
        Full scale of a range that exists only for pulses.
    """
    return tuple(
        SourceRange(
            full_scale=full,
            maximum=1100.0 if full == 1000.0 else full * OVERRANGE,
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=noise / _PEAK_TO_PEAK,
            settling=settling,
            pulse_only=full == pulse_only,
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
            maximum=1100.0 if full == 1000.0 else full * _MEASURE_OVERRANGE,
            resolution=resolution,
            gain_error=gain,
            offset_error=offset,
            noise=generator.noise / 10,
            derating=_COARSE if full in coarse else _USUAL,
            settling=generator.settling,
            pulse_only=generator.pulse_only,
        )
        for (full, resolution, gain, offset), generator in zip(rows, source, strict=True)
    )
