"""Everything of a 2450-family SourceMeter that is set and can be saved, with its reset values.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 6 ("Default value" of each command);
2450 Reference Manual, 2450-901-01 Rev. B.

Functions have short names throughout: ``v`` and ``i`` for what is sourced or measured, ``r`` for
resistance, ``dv`` and ``di`` for what is digitized.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_specification import Model

__all__ = [
    "BASE", "DIGITIZED", "LINES", "MEASURED", "Limit", "Line", "Sensed", "Setup", "Sourced",
    "defaults",
]  # fmt: skip

MEASURED = ("v", "i", "r")
DIGITIZED = ("dv", "di")
LINES = 6  #: digital lines
_USER_DELAYS = 5
_NONE = float("inf")

#: what a function measures at the terminals
BASE: Mapping[str, str] = MappingProxyType({"v": "v", "i": "i", "r": "r", "dv": "v", "di": "i"})


def _delays() -> list[float]:
    return [0.0] * _USER_DELAYS


@dataclass(slots=True)
class Sourced:
    """One source function."""

    range: float  #: full scale, V or A
    limit: float  #: of the other quantity, A or V
    level: float = 0.0
    auto: bool = True
    delay: float = 1e-3
    delay_auto: bool = True
    user_delays: list[float] = field(default_factory=_delays)  #: s
    high_capacitance: bool = False
    read_back: bool = True
    off: str = "NORM"  #: output-off state: NORM, HIMP, ZERO or GUAR
    pulse_level: float = 0.0
    pulse_limit: float = 0.0


@dataclass(slots=True)
class Limit:
    """One of the two limit tests of a function."""

    enabled: bool = False
    lower: float = -1.0
    upper: float = 1.0
    clear_auto: bool = True
    audible: str = "NONE"


@dataclass(slots=True)
class Sensed:
    """One measure or digitize function."""

    range: float  #: full scale, V, A or Ohm
    lowest: float  #: of autoranging
    highest: float  #: of autoranging; only resistances heed it
    auto: bool = True
    rebound: bool = False  #: after each reading it goes back to the range of the limit
    nplc: float = 1.0
    autozero: bool = True
    averaging: bool = False
    average_count: int = 10
    average: str = "REP"  #: REP or MOV
    relative: float = 0.0
    relative_on: bool = False
    math_on: bool = False
    math: str = "PERC"  #: MXB, PERC or REC
    m: float = 1.0
    b: float = 0.0
    percent: float = 1.0
    limits: dict[int, Limit] = field(default_factory=lambda: {1: Limit(), 2: Limit()})
    unit: str = ""
    user_delays: list[float] = field(default_factory=_delays)  #: s
    four_wire: bool = False
    compensated: bool = False
    digits: int = 5
    rate: float = 100_000.0  #: samples a second
    aperture: float = 0.0  #: of a sample, s; 0 for as long as the rate allows


@dataclass(slots=True)
class Line:
    """A digital line."""

    kind: str = "DIG"  #: DIG, TRIG or SYNC
    direction: str = "IN"  #: IN, OUT, OPEN, MAST or ACC
    edge: str = "FALL"
    logic: str = "NEG"
    width: float = 10e-6  #: of an output pulse, s


@dataclass(slots=True)
class Setup:
    """All of it."""

    v: Sourced
    i: Sourced
    sensed: dict[str, Sensed]
    source: Quantity = "v"  #: what is sourced
    sense: str = "i"  #: active function
    protection: float = _NONE  #: largest voltage of the source, V
    terminals: str = "FRON"
    count: int = 1
    digitize_count: int = 10_000
    lines: dict[int, Line] = field(default_factory=lambda: {n: Line() for n in range(1, LINES + 1)})
    interlock_needed: bool = False  #: the output is off while the interlock is open, at any voltage
    contact_check: bool = False
    contact_threshold: float = 50.0  #: Ohm
    fast_range_change: bool = False  #: without the checks before a change of range
    priority_voltage: bool = False  #: the supply rails follow the voltage that is programmed
    breakdown_protection: bool = False

    def sourced(self, quantity: str) -> Sourced:
        """Return the settings of a source function."""
        return self.v if quantity == "v" else self.i

    @property
    def active(self) -> Sensed:
        """The settings of the function that is measured."""
        return self.sensed[self.sense]

    def for_each(self, functions: tuple[str, ...], change: Callable[[Sensed], None]) -> None:
        """Change the settings of several functions."""
        for function in functions:
            change(self.sensed[function])

    def copy(self) -> Setup:
        """Return the same settings, independent of these."""
        return copy.deepcopy(self)


def defaults(model: Model) -> Setup:
    """Return what a reset sets."""
    spec, ohms = model.spec, tuple(model.ohms)
    v, i = spec.v_measure, spec.i_measure
    sensed = {
        "v": Sensed(v[0].full_scale, v[0].full_scale, v[-1].full_scale, unit="VOLT"),
        "i": Sensed(i[0].full_scale, i[0].full_scale, i[-1].full_scale, unit="AMP"),
        "r": Sensed(ohms[-1], ohms[0], ohms[-1], unit="OHM"),
    }
    if model.digitizes:
        for function, range_, unit in (("dv", 7.0, "VOLT"), ("di", 0.1, "AMP")):
            sensed[function] = Sensed(range_, range_, range_, auto=False, digits=4, unit=unit)
    return Setup(
        _sourced(spec.v_source[0].full_scale, spec.i_limit_default),
        _sourced(spec.i_source[0].full_scale, spec.v_limit_default),
        sensed,
    )


def _sourced(range_: float, limit: float) -> Sourced:
    return Sourced(range_, limit, pulse_limit=limit)
