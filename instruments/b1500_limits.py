"""The SMUs of a B1500A in numbers: ranges, accuracy, settling and timing, each with its source.

Sources, by their mark:

[P] Agilent B1500A/B1505A Programming Guide, B1500-90010, Edition 11, chapters 1, 2 and 4.
[E] Keysight E5260/E5270 Programming Guide, E5270-90010, Edition 4, page 4-90; its SMUs have the
    pulse timing of these.
[Q] command descriptions of QCoDeS' B1500 driver, which quote the programming guide.
[U] Agilent B1500A User's Guide, Edition 10, table 4-8 on page 4-12: ammeters of a B1510A with the
    high-speed converter.
[C] check: recalled from the data sheet, or assumed; to be replaced here when it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.ranges import Range
from labctl.capability import Limits

__all__ = [
    "APERTURES", "AT_ONCE", "HOST_GAP", "HOST_SPREAD", "LEAD", "LONGEST_DELAY", "LONGEST_PAUSE",
    "LONGEST_PERIOD", "LONGEST_STEP", "MODELS", "MODULES", "MOST_COMMANDED", "MOST_LEVELS",
    "MOST_PULSES", "MOST_SAMPLES", "MOST_STEPS", "SHORTEST_LEVEL", "SHORTEST_PERIOD", "TICK",
    "USUAL_MODULE", "WIDTHS", "Model", "Module", "least_period", "limits_of",
]  # fmt: skip

TICK = 100e-6  #: of pulse width, period, delays, pauses and time stamps, s [E, P page 3-130]
WIDTHS = (0.5e-3, 2.0)  #: of a pulse, s [E]
SHORTEST_PERIOD, LONGEST_PERIOD = 5e-3, 5.0  #: of pulses, s [E]
MOST_PULSES = 1001  #: of a pulsed sweep [C]
MOST_STEPS = 1001  #: of a staircase; the instrument has 10001 [P]
LONGEST_DELAY, LONGEST_STEP = 65.535, 1.0  #: delay and step delay of a staircase, s [P]
MOST_SAMPLES = 10_001  #: of a sampling; the instrument has 100001 [Q]
LONGEST_PAUSE = 99.9999  #: of ``PA``, s [P page 4-147]
APERTURES = (2e-6, 20e-3)  #: of the high-speed converter in its time mode, s [C]
AT_ONCE = 0.3e-3  #: what firmware takes for a command that forces or measures at once, s [C]
#: shortest level that is timed by commands, s: a few of them, and their messages on the bus [C]
SHORTEST_LEVEL = 20e-3
#: shortest rest that the host can time, s: settings, a trigger and data over GPIB [C]
HOST_GAP = 0.1
HOST_SPREAD = 10e-3  #: of what the host starts, s [C]
LEAD = 2e-3  #: from a message to what it does, s, before it is known better [C]
#: levels of a line of commands, which the instrument has to take as a whole [C]
MOST_COMMANDED = 500
MOST_LEVELS = 20_000  #: of one step
USUAL_MODULE = "B1511B"  #: where the bench file does not say what is installed: the lesser one


@dataclass(frozen=True, slots=True)
class Module:
    """What one SMU is specified to do."""

    name: str
    v_source: tuple[Range, ...]
    v_meter: tuple[Range, ...]
    i_meter: tuple[Range, ...]
    #: operating area: up to V, at most A [P tables 4-7 and 4-9]
    area: tuple[tuple[float, float], ...] = ((20.0, 0.1), (40.0, 0.05), (100.0, 0.02))

    def most_current(self, v: float) -> float:
        """Return the largest compliance at a level, A."""
        return max((i for limit, i in self.area if abs(v) <= limit), default=0.0)

    @property
    def least_compliance(self) -> float:
        """Smallest compliance, A [C]."""
        return self.i_meter[0].full_scale * 0.01


@dataclass(frozen=True, slots=True)
class Model:
    """A mainframe."""

    name: str
    slots: int = 10


#: what short apertures add, as a fraction of the range, at 0.1, 0.01 and 0.001 PLC [C]
_DERATING = (2e-5, 1e-4, 5e-4)
# full scale, accuracy of source and meter (gain, offset), settling to 0.1 % [C]; the ammeters from
# 1 nA to 10 mA are as accurate as is printed for a B1510A [U], that these modules are so too: check
_V = (
    (0.5, 1.8e-4, 150e-6, 1e-4, 150e-6, 60e-6), (2.0, 1.8e-4, 400e-6, 1e-4, 200e-6, 60e-6),
    (5.0, 1.8e-4, 750e-6, 9e-5, 250e-6, 60e-6), (20.0, 1.8e-4, 3e-3, 9e-5, 900e-6, 60e-6),
    (40.0, 1.8e-4, 6e-3, 1e-4, 1e-3, 100e-6), (100.0, 1.8e-4, 15e-3, 1.2e-4, 2.5e-3, 200e-6),
)  # fmt: skip
_I = (
    (10e-12, 1e-2, 12e-15, 100e-3), (100e-12, 5e-3, 30e-15, 30e-3), (1e-9, 2.5e-3, 300e-15, 10e-3),
    (10e-9, 2.5e-3, 2e-12, 3e-3), (100e-9, 1e-3, 20e-12, 500e-6), (1e-6, 1e-3, 200e-12, 200e-6),
    (10e-6, 5e-4, 2e-9, 100e-6), (100e-6, 5e-4, 20e-9, 60e-6), (1e-3, 4e-4, 200e-9, 60e-6),
    (10e-3, 4e-4, 2e-6, 60e-6), (100e-3, 6e-4, 20e-6, 60e-6),
)  # fmt: skip


def _module(name: str, lowest: float) -> Module:
    return Module(
        name,
        tuple(Range(full, g, o, s, (), 1.0) for full, g, o, _, _, s in _V),
        tuple(Range(full, g, o, s, _DERATING, 1.0) for full, _, _, g, o, s in _V),
        tuple(
            Range(full, g, o, s, _DERATING, 1.0) for full, g, o, s in _I if full >= lowest * 0.99
        ),
    )


#: by the name that ``UNT?`` tells
MODULES: Mapping[str, Module] = {
    "B1517A": _module("B1517A", 10e-12),
    "B1511A": _module("B1511A", 1e-9),
    "B1511B": _module("B1511B", 1e-9),
}
#: mainframes this driver knows
MODELS = {"B1500A": Model("B1500A")}


def least_period(width: float) -> float:
    """Return the shortest period of pulses of a width, s [E]."""
    return max(SHORTEST_PERIOD, width + (2e-3 if width <= 0.1 + 1e-9 else 10e-3))


def limits_of(module: Module) -> Limits:
    """Return what an SMU can do with a waveform."""
    return Limits(
        model=f"B1500A {module.name}",
        max_v=module.v_source[-1].full_scale,
        max_i=max(i for _, i in module.area),
        min_width=WIDTHS[0],
        min_gap=SHORTEST_PERIOD - WIDTHS[0],
        min_aperture=APERTURES[0],
        resolution=TICK,
        max_points=MOST_PULSES,
        max_readings=MOST_LEVELS,
        ramps=False,
        source="B1500-90010 Edition 11 chapters 2 and 4; E5270-90010 Edition 4 page 4-90; "
        "accuracy, settling, apertures and what the host takes: check",
    )
