"""The settings of an InfiniiVision X-Series oscilloscope, and what follows from them.

Sources: InfiniiVision DSOX1204A/G Programmer's Guide and that of the 3000 X-Series. Figures of the
models are recalled from data sheets 5992-1965EN and 5992-0140EN and to be checked, as are the
steps of the sample rate and the codes of the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CODES", "DIVISIONS", "MODELS", "TIMES", "Channel", "Model", "Settings"]

#: of the screen: up and down, and along
DIVISIONS, TIMES = 8, 10
#: of the converter over the eight divisions, of 255 in all
CODES = 200
_REFERENCES = {"LEFT": 1.0, "CENT": 5.0, "RIGH": 9.0}  # divisions from the left


class Model(NamedTuple):
    """One model; rates and memory with two channels on."""

    name: str
    channels: int
    least: float  #: scale, V a division
    most: float
    gain: tuple[tuple[float, float], ...]  #: from this scale on, share of the full scale
    magnified: float  #: smaller scales are magnified from this one, V a division
    bandwidth: float  #: Hz
    rate: float  #: points a second
    memory: int  #: points of a channel
    segments: int
    rearm: float  #: s
    capacitance: float  #: of an input, F
    fifty: bool  #: whether inputs can be switched to 50 Ohm
    noise: tuple[float, float]  #: rms: V, and share of a division


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "DSOX1102G": Model(
            "DSOX1102G", 2, 0.5e-3, 10.0, ((0.0, 0.04), (10e-3, 0.03)), 2e-3, 70e6, 1e9, 500_000,
            50, 19e-6, 16e-12, False, (0.15e-3, 0.02),
        ),
        "DSOX3024T": Model(
            "DSOX3024T", 4, 1e-3, 5.0, ((0.0, 0.02),), 4e-3, 200e6, 2.5e9, 2_000_000, 1000, 1e-6,
            14e-12, True, (0.15e-3, 0.02),
        ),
    }
)  # fmt: skip


@dataclass(slots=True)
class Channel:
    """Settings of one input."""

    scale: float = 5.0  #: V a division, at the probe's tip
    offset: float = 0.0  #: voltage at the middle of the screen, V
    coupling: str = "DC"
    impedance: str = "ONEM"
    limited: bool = False  #: bandwidth
    shown: bool = True
    inverted: bool = False
    probe: float = 1.0
    label: str = ""
    unit: str = "VOLT"

    @property
    def range(self) -> float:
        """Full scale, V."""
        return DIVISIONS * self.scale


@dataclass(slots=True)
class Settings:
    """All that can be set."""

    channels: tuple[Channel, ...]
    external_range: float = 8.0
    timebase_mode: str = "MAIN"
    span: float = 1e-3  #: of the screen, s
    position: float = 0.0  #: time at the reference, s
    reference: str = "CENT"
    acquired: str = "NORM"  #: how points become one: NORM, AVER, HRES
    segmented: bool = False
    averages: int = 8
    segments: int = 25
    index: int = 1  #: of the segment that is looked at
    trigger_mode: str = "EDGE"
    sweep: str = "AUTO"
    holdoff: float = 60e-9
    source: str = "CHAN1"
    level: float = 0.0
    slope: str = "POS"
    trigger_coupling: str = "DC"
    wave_source: int = 1
    wave_format: str = "BYTE"
    unsigned: bool = True
    big_endian: bool = True
    points: int = 0  #: of a transfer; 0 for as many as there are
    points_mode: str = "NORM"
    levels: dict[str, float] = field(default_factory=dict)  #: of the trigger, by source

    @classmethod
    def fresh(cls, model: Model) -> Settings:
        """Return the defaults of a model: channel 1 on."""
        inputs = tuple(Channel(shown=number == 0) for number in range(model.channels))
        return cls(inputs, segments=min(25, model.segments))

    @property
    def begins(self) -> float:
        """When the record begins, s after the trigger."""
        return self.position - _REFERENCES[self.reference] * self.span / TIMES

    def records(self) -> int:
        """Return how many triggers an acquisition takes."""
        if self.segmented:
            return self.segments
        return self.averages if self.acquired == "AVER" else 1

    def interval(self, model: Model) -> float:
        """Return the time from point to point: the shortest in steps of 1, 2, 5 that fits, s."""
        memory = model.memory // (self.segments if self.segmented else 1)
        step = 1.0 / model.rate
        factors = (2.0, 2.5, 2.0)
        k = 0
        while self.span / step > memory * (1 + 1e-9):
            step *= factors[k % 3]
            k += 1
        return step

    def available(self, model: Model) -> int:
        """Return how many points a record has."""
        return max(1, round(self.span / self.interval(model)))
