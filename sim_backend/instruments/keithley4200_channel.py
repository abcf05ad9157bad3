"""Settings of a channel of a pulse card, as ``:PMU:INIT`` leaves and commands change them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ARRAYS", "ChannelSettings", "Sweep"]

#: arrays of a Segment Arb sequence, as in ``:PMU:SARB:SEQ:...``
ARRAYS = ("TIME", "STARTV", "STOPV", "MEAS:TYPE", "MEAS:START", "MEAS:STOP", "SSR", "TRIG")


@dataclass(frozen=True, slots=True)
class Sweep:
    """A swept or stepped level of standard pulses."""

    what: str  #: ``amplitude``, ``base`` or ``dc``
    values: tuple[float, ...]  #: V
    constant: float = 0.0  #: the other level of the pulse, V


@dataclass(slots=True)
class ChannelSettings:
    """What a channel is told; times in s, levels in V."""

    source_range: float = 10.0
    range_type: int = 2  #: 0 autorange, 1 limited autorange, 2 fixed
    range: float = 10e-3  #: of the current meter, A
    load: float = 1e6  #: impedance that the levels are meant for, Ohm
    compensated: bool = False  #: load-line effect compensation
    retained: bool = False  #: settings outlive a test
    short_comp: bool = False
    delay_comp: bool = False
    output: bool = False  #: to be on, when a test begins
    base: float = 0.0
    amplitude: float = 0.0
    period: float = 1e-6
    width: float = 500e-9
    rise: float = 100e-9
    fall: float = 100e-9
    delay: float = 0.0
    high: bool = True  #: acquire the high level of spot means
    low: bool = True
    piv: tuple[float, float] = (0.75, 0.9)  #: where spot means begin and end, shares of the top
    around: tuple[float, float] = (0.2, 0.2)  #: captured before and after, shares of the pulse
    sweep: Sweep | None = None
    step: Sweep | None = None
    sequences: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    playlist: list[tuple[int, int]] = field(default_factory=list)  #: (sequence, loops)
