"""The settings of a 33500 series output, and the waveform that follows from them.

Source: Agilent 33500 Series Operating and Service Guide, 33500-90901 (ranges, defaults, couplings).
Amplitudes and offsets are what a matched load would see, as the panel shows them.
"""

from __future__ import annotations

import copy
import math
import random
from dataclasses import dataclass, field
from typing import NamedTuple

from sim_backend.instruments.waves import EDGE, Shape, Wave, ramp, rectangle, sine, steps

__all__ = ["BUILT_IN", "FUNCTIONS", "Model", "Settings", "rms", "shape_of", "wave_of"]

FUNCTIONS = ("SIN", "SQU", "TRI", "RAMP", "PULS", "PRBS", "NOIS", "ARB", "DC")
#: the waveform that is selected at the beginning
BUILT_IN = "INT:\\BUILTIN\\EXP_RISE.ARB"
_NOISE_POINTS = 1024


class Model(NamedTuple):
    """One model."""

    name: str
    channels: int
    fastest: float  #: of sine, square and pulse, Hz
    fastest_ramp: float  #: Hz
    sample_rate: float  #: of arbitrary waveforms, 1/s
    points: int  #: of an arbitrary waveform


@dataclass(slots=True)
class Settings:
    """All that can be set of one output."""

    function: str = "SIN"
    frequency: float = 1e3
    amplitude: float = 0.1  #: peak to peak, V into the load
    offset: float = 0.0
    unit: str = "VPP"
    load: float = 50.0  #: Ohm; infinite for high impedance
    on: bool = False
    inverted: bool = False
    phase: float = 0.0
    duty: float = 50.0  #: of the square, %
    symmetry: float = 100.0  #: of the ramp, %
    pulse_width: float = 100e-6
    pulse_hold: str = "WIDT"
    leading: float = 10e-9
    trailing: float = 10e-9
    bit_rate: float = 1e3  #: of the pseudo-random bit stream, 1/s
    bandwidth: float = 100e3  #: of noise, Hz
    arb: str = BUILT_IN
    arb_rate: float = 40e3
    arb_filter: str = "NORM"
    arb_advance: str = "SRAT"
    limited: bool = False
    low_limit: float = -5.0
    high_limit: float = 5.0
    burst: bool = False
    burst_mode: str = "TRIG"
    burst_cycles: float = 1.0
    burst_period: float = 10e-3
    burst_phase: float = 0.0
    gate_polarity: str = "NORM"
    trigger: str = "IMM"
    trigger_delay: float = 0.0
    trigger_timer: float = 1.0
    trigger_slope: str = "POS"
    sync: bool = True
    arbs: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def copied(self) -> Settings:
        """Return an independent copy."""
        return copy.deepcopy(self)

    @property
    def high(self) -> float:
        """Upper level, V."""
        return self.offset + self.amplitude / 2

    @property
    def low(self) -> float:
        """Lower level, V."""
        return self.offset - self.amplitude / 2

    @property
    def largest(self) -> float:
        """Largest magnitude of a level for this load, V: 10 V behind 50 Ohm."""
        return 10.0 if math.isinf(self.load) else 10.0 * self.load / (self.load + 50.0)

    @property
    def period(self) -> float:
        """Duration of one period, s."""
        if self.function == "ARB":
            return len(self.points) / self.arb_rate
        if self.function == "PRBS":
            return 127 / self.bit_rate
        if self.function == "NOIS":
            return _NOISE_POINTS / (2 * self.bandwidth)
        return 1.0 / self.frequency

    @property
    def points(self) -> tuple[float, ...]:
        """Points of the arbitrary waveform that is selected, from -1 to 1."""
        return self.arbs.get(self.arb) or _exponential_rise()


def _exponential_rise() -> tuple[float, ...]:
    return tuple(1 - 2 * math.exp(-5 * k / 399) for k in range(400))


def rms(function: str) -> float:
    """Return the rms value of a waveform of 1 V peak to peak, V."""
    return {"SIN": 0.5 / math.sqrt(2), "RAMP": 0.5 / math.sqrt(3), "TRI": 0.5 / math.sqrt(3)}.get(
        function, 0.5
    )


def shape_of(settings: Settings, seed: int = 0) -> Shape:
    """Return one period of the waveform, from -1 to 1."""
    s, period = settings, settings.period
    if s.function == "SIN":
        return sine()
    if s.function == "SQU":
        edge = min(EDGE / period, 0.1 * min(s.duty, 100 - s.duty) / 100)
        return rectangle(s.duty / 100, edge, edge)
    if s.function == "PULS":
        width, lead, trail = s.pulse_width / period, s.leading / period, s.trailing / period
        most = 0.9 * min(width, 1 - width)
        return rectangle(width, min(lead, most), min(trail, most))
    if s.function in ("RAMP", "TRI"):
        return ramp(0.5 if s.function == "TRI" else s.symmetry / 100)
    if s.function == "DC":
        return ((0.0, 0.0), (1.0, 0.0))
    if s.function == "ARB" and s.arb_filter != "OFF" and len(s.points) > 1:
        count = len(s.points)
        return (*((k / count, v) for k, v in enumerate(s.points)), (1.0, s.points[-1]))
    return steps(_samples(s, seed), EDGE / period)


def _samples(settings: Settings, seed: int) -> tuple[float, ...]:
    """Return the points of a waveform that is held from point to point."""
    if settings.function == "ARB":
        return settings.points
    draw = random.Random(seed)
    if settings.function == "NOIS":  # a crest of three sigma
        return tuple(max(-1, min(1, draw.gauss(0, 1 / 3))) for _ in range(_NOISE_POINTS))
    register, bits = 0x7F, []
    for _ in range(127):  # PN7: x^7 + x^6 + 1
        bit = (register >> 6 ^ register >> 5) & 1
        register = (register << 1 | bit) & 0x7F
        bits.append(1.0 if bit else -1.0)
    return tuple(bits)


def wave_of(settings: Settings, start: float, seed: int = 0) -> Wave:
    """Return what the output does behind its resistance from a time on: the open-circuit voltage.

    Parameters
    ----------
    settings
        Of the output; bursts come by themselves when the trigger is immediate or by timer.
    start
        When it begins, s.
    seed
        Of noise.
    """
    s = settings
    behind = 1.0 if math.isinf(s.load) else (s.load + 50.0) / s.load
    sign = -1.0 if s.inverted else 1.0
    amplitude = 0.0 if s.function == "DC" else sign * s.amplitude / 2 * behind
    cycles, every = math.inf, math.inf
    if s.burst and s.function not in ("DC", "NOIS"):
        cycles = s.burst_cycles
        if s.trigger in ("IMM", "TIM") and not math.isinf(cycles):
            between = s.burst_period if s.trigger == "IMM" else s.trigger_timer
            every = max(between, cycles * s.period + 1e-6)
    shift = (s.burst_phase if s.burst else s.phase) / 360 * s.period
    begin = start + s.trigger_delay * s.burst - (shift if not s.burst else 0.0)
    return Wave(shape_of(s, seed), s.period, begin, amplitude, s.offset * behind, cycles, every)
