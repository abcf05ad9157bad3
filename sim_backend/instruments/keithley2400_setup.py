"""Everything of a Series 2400 that ``*RST`` sets and ``*SAV`` keeps, with its default.

Source: 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K, tables 18-1 to 18-11, columns
"Default parameter". What is kept through a reset (buffer, line frequency, status masks) is with the
part of the instrument it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim_backend.instruments.keithley2400_expression import BUILT_IN
from sim_backend.instruments.keithley2400_specification import Model

__all__ = [
    "ELEMENTS", "Arm", "Calculation", "Digital", "Format", "Level", "Limit", "Limits", "Panel",
    "Sense", "Sensed", "Setup", "Source", "Trigger", "defaults",
]  # fmt: skip

#: data elements in the order in which they are sent
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")


@dataclass(slots=True)
class Level:
    """The V-source or the I-source."""

    range: float  #: full scale, V or A
    auto: bool = True
    mode: str = "FIX"  #: FIX, LIST or SWE
    level: float = 0.0
    triggered: float | None = None  #: level from the next trigger on; None for the same
    start: float = 0.0
    stop: float = 0.0
    scale: float = 1.0  #: memory sweeps: factor on the level before
    scaled: bool = False
    values: list[float] = field(default_factory=lambda: [0.0])  #: of the list sweep
    first: int = 1  #: point of the list the sweep begins at


@dataclass(slots=True)
class Source:
    """SOURce[1] and OUTPut."""

    v: Level
    i: Level
    smode: str  #: HIMP, NORM, ZERO or GUAR
    function: str = "v"  #: v, i, or m for a memory sweep
    delay: float = 0.0
    delay_auto: bool = True
    clear_auto: bool = False
    clear_mode: str = "ALW"  #: ALW or TCO
    protection: float = float("inf")  #: largest voltage of the source, V
    spacing: str = "LIN"
    points: int = 2500
    direction: str = "UP"
    ranging: str = "BEST"
    cabort: str = "NEV"
    shape: str = "DC"
    width: float = 150e-6  #: of a pulse, s
    pulse_delay: float = 0.0
    soak: float = 0.0
    memory_points: int = 1
    memory_start: int = 1
    enable: bool = False  #: whether the output enable line is looked at

    def active(self) -> Level:
        """Return the settings of what is sourced."""
        return self.i if self.function == "i" else self.v


@dataclass(slots=True)
class Sensed:
    """One measurement function."""

    range: float  #: full scale, V, A or Ohm
    lowest: float  #: of autoranging
    highest: float
    auto: bool = True
    protection: float = 0.0  #: compliance, V or A
    holdoff: bool = False
    holdoff_delay: float = 0.0


@dataclass(slots=True)
class Sense:
    """SENSe[1]."""

    v: Sensed
    i: Sensed
    r: Sensed
    functions: frozenset[str] = frozenset("i")
    concurrent: bool = True
    nplc: float = 1.0
    synchronized: bool = False
    average: bool = False
    filter: str = "REP"
    count: int = 10
    ohms_auto: bool = True
    compensated: bool = False


@dataclass(slots=True)
class Arm:
    """The arm layer."""

    source: str = "IMM"
    count: float = 1
    timer: float = 0.1
    direction: str = "ACC"
    input_line: int = 1
    output_line: int = 2
    output: frozenset[str] = frozenset()


@dataclass(slots=True)
class Trigger:
    """The trigger layer."""

    source: str = "IMM"
    count: int = 1
    delay: float = 0.0
    direction: str = "ACC"
    input_line: int = 1
    output_line: int = 2
    inputs: frozenset[str] = frozenset({"SOUR"})
    output: frozenset[str] = frozenset()


@dataclass(slots=True)
class Format:
    """FORMat."""

    data: str = "ASC"  #: ASC or SRE
    order: str = "NORM"
    elements: frozenset[str] = frozenset(ELEMENTS)
    calculated: frozenset[str] = frozenset({"CALC"})
    registers: str = "ASC"
    digital: str = "ASC"


@dataclass(slots=True)
class Calculation:
    """CALCulate1."""

    name: str = "POWER"
    enabled: bool = False
    units: str = "W"
    defined: dict[str, str] = field(default_factory=lambda: dict(BUILT_IN))

    def forget(self) -> None:
        """Forget the user's expressions."""
        self.defined = dict(BUILT_IN)
        if self.name not in BUILT_IN:
            self.name = "POWER"


@dataclass(slots=True)
class Limit:
    """One limit test."""

    enabled: bool = False
    upper: float = 1.0
    lower: float = -1.0
    upper_pattern: int = 15
    lower_pattern: int = 15
    pass_pattern: int = 15
    fail_on: str = "IN"  #: limit 1: in or out of compliance


@dataclass(slots=True)
class Limits:
    """CALCulate2."""

    feed: str = "v"
    offset: float = 0.0
    null: bool = False
    tests: dict[int, Limit] = field(default_factory=lambda: {k: Limit() for k in range(1, 13)})
    mode: str = "GRAD"
    control: str = "IMM"
    pass_pattern: int = 15
    fail_pattern: int = 15
    pass_location: int = 0  #: of the source memory; 0 for the next one
    fail_location: int = 0
    clear_auto: bool = True


@dataclass(slots=True)
class Digital:
    """SOURce2: the digital output port."""

    level: int = 15
    mode: str = "EOT"
    state: bool = False
    size: int = 3
    clear_auto: bool = False
    clear_delay: float = 1e-4


@dataclass(slots=True)
class Panel:
    """DISPlay, ROUTe and what SYSTem resets."""

    enabled: bool = True
    digits: int = 6
    text: dict[int, str] = field(default_factory=lambda: {1: " " * 20, 2: " " * 32})
    text_on: dict[int, bool] = field(default_factory=lambda: {1: False, 2: False})
    terminals: str = "FRON"
    remote_sense: bool = False
    guard: str = "CABL"
    autozero: bool = True
    caching: bool = True
    time_auto: bool = False
    ranging: str = "SING"
    beeper: bool = True


@dataclass(slots=True)
class Setup:
    """All of it."""

    source: Source
    sense: Sense
    arm: Arm = field(default_factory=Arm)
    trigger: Trigger = field(default_factory=Trigger)
    format: Format = field(default_factory=Format)
    calculation: Calculation = field(default_factory=Calculation)
    limits: Limits = field(default_factory=Limits)
    digital: Digital = field(default_factory=Digital)
    panel: Panel = field(default_factory=Panel)


def defaults(model: Model, expressions: Mapping[str, str] | None = None) -> Setup:
    """Return what ``*RST`` sets.

    Parameters
    ----------
    model
        The model.
    expressions
        Mathematical expressions that the user defined; a reset keeps them.
    """
    spec, ohms = model.spec, tuple(model.ohms)
    setup = Setup(
        Source(Level(20.0), Level(100e-6), model.smode),
        Sense(
            Sensed(20.0, spec.v_measure[0].full_scale, 0.0, protection=21.0),
            Sensed(100e-6, spec.i_measure[0].full_scale, 0.0, protection=1.05e-4),
            Sensed(200e3, ohms[0], ohms[-1]),
        ),
    )
    if expressions is not None:
        setup.calculation.defined = dict(expressions)
    return setup
