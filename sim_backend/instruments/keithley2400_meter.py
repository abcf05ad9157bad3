"""The meter of a Series 2400: ranges, compliance ranges, conversions, filter, ohms.

What takes time is a generator of durations in s, so that the same code runs while a query waits and
behind the back of a program.

The meter measures one quantity after the other, each over an aperture of its own; with autozero the
reference and its zero follow. The compliance acts at the programmed limit ("real" compliance) or,
where the measurement range is smaller, at what that range can carry ("range" compliance), which is
what makes an autoranging meter go up.

Source: 2400 Series SourceMeter User's Manual, sections 3, 4, 6 and 7, pages 18-58 to 18-70,
appendix A.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2400_expression import NOT_A_NUMBER
from sim_backend.instruments.keithley2400_ranges import Ranges
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.instruments.keithley2400_specification import OVERRANGE
from sim_backend.instruments.specification import choose_range

__all__ = ["HYSTERESIS", "OVERFLOW", "WANTED", "Meter", "Phase", "Taken"]

OVERFLOW = 9.9e37
#: a reading within a percent of a range's end stays on the range above [C]
HYSTERESIS = 1.06
_RANGE_CHANGES = 12  # more than a reading can need
_AUTO_DELAY = 1e-3  # s, V-source and resistances

#: functions -> what has to be converted for them
WANTED: Mapping[frozenset[str], tuple[Quantity, ...]] = MappingProxyType({
    frozenset(): (), frozenset("i"): ("i",), frozenset("v"): ("v",), frozenset("vi"): ("i", "v"),
    frozenset("r"): ("i", "v"), frozenset("vr"): ("i", "v"), frozenset("ir"): ("i", "v"),
    frozenset("vir"): ("i", "v"),
})  # fmt: skip

Steps = Generator[float, None, "Taken"]


class Taken(NamedTuple):
    """What a measurement gave."""

    start: float  #: when it began, s on the laboratory's clock
    v: float
    i: float
    r: float
    real: bool  #: the compliance acted
    ranged: bool  #: the limit of the measurement range acted
    overflow: bool


class Phase(NamedTuple):
    """One quantity, one aperture."""

    value: float
    limited: bool
    over: bool


class Meter(Ranges):
    """Measures what `output` sources, on ranges it chooses.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    """

    def __init__(self, chassis: Chassis) -> None:
        super().__init__(chassis)
        self._history: dict[str, deque[float]] = {}
        self.taken = 0  #: apertures so far

    # -- measuring ---------------------------------------------------------------------------

    @property
    def wanted(self) -> frozenset[str]:
        """What is asked for: v, i, r."""
        return self._chassis.setup.sense.functions

    @property
    def aperture(self) -> float:
        """Length of one conversion, s."""
        return self._chassis.setup.sense.nplc / self._chassis.line_frequency

    @property
    def source_delay(self) -> float:
        """Time between setting the source and measuring, s."""
        source = self._chassis.setup.source
        if not source.delay_auto:
            return source.delay
        if self._chassis.auto_ohms:
            return _AUTO_DELAY
        range_ = self.range_in_use("i")
        for up_to, delay in self._chassis.model.auto_delay:
            if range_ <= up_to:
                return delay
        return _AUTO_DELAY

    def measure(self, overhead: float) -> Steps:
        """Take one reading.

        Parameters
        ----------
        overhead
            What the firmware takes after the conversions, s.
        """
        sense, panel = self._chassis.setup.sense, self._chassis.setup.panel
        functions = sense.functions
        wanted = WANTED[functions]
        start = self._chassis.clock.now_s
        extra = overhead + self._chassis.model.timing.conversion if wanted else overhead
        for _ in range(_RANGE_CHANGES):
            start = self._chassis.clock.now_s
            phases = yield from self._phases(wanted)
            yield extra + (2 * self.aperture if panel.autozero and wanted else 0.0)
            if not self.change_range(phases):
                break
            yield self.source_delay
        return self.reading(start, phases, functions, (yield from self._offset(wanted)))

    def _phases(self, wanted: tuple[Quantity, ...]) -> Generator[float, None, dict[str, Phase]]:
        """Measure each quantity; with a repeating filter several times."""
        sense = self._chassis.setup.sense
        repeats = sense.count if sense.average and sense.filter == "REP" else 1
        phases: dict[str, Phase] = {}
        for quantity in wanted:
            taken: list[Phase] = []
            for _ in range(repeats):
                taken += [(yield from self.convert(quantity))]
            phases[quantity] = taken[0] if repeats == 1 else _mean(taken)
        if sense.average and sense.filter == "MOV":
            return self._moving(phases, sense.count)
        return phases

    def convert(self, quantity: Quantity) -> Generator[float, None, Phase]:
        """Convert one quantity over one aperture."""
        chassis, electronics = self._chassis, self.output.electronics
        mark = electronics.begin()
        yield self.aperture
        v_range, i_range = self.range_in_use("v"), self.range_in_use("i")
        sample = electronics.finish(
            mark,
            v_range=v_range,
            i_range=i_range,
            nplc=chassis.setup.sense.nplc,
            line_frequency=chassis.line_frequency,
            autozero=chassis.setup.panel.autozero,
            sense_remote=chassis.setup.panel.remote_sense,
        )
        self.taken += 1
        if quantity == "v":
            return Phase(sample.v, sample.limited, sample.v_overrange)
        return Phase(sample.i, sample.limited, sample.i_overrange)

    def _moving(self, phases: dict[str, Phase], count: int) -> dict[str, Phase]:
        """Average over the last readings; the first one fills the stack."""
        for quantity, phase in phases.items():
            stack = self._history.get(quantity)
            if stack is None or stack.maxlen != count:
                stack = self._history[quantity] = deque([phase.value] * count, count)
            stack.append(phase.value)
            phases[quantity] = phase._replace(value=math.fsum(stack) / count)
        return phases

    def forget(self) -> None:
        """Empty the moving filter: source or range changed, or a new series begins."""
        self._history.clear()

    def change_range(self, phases: dict[str, Phase]) -> bool:
        """Move to the range that fits, when autoranging; says whether to measure again."""
        if self._chassis.auto_ohms:
            return self._change_ohms(phases)
        quantity: Quantity = "i" if self.output.function == "v" else "v"
        settings, phase = self.sensed(quantity), phases.get(quantity)
        if not settings.auto or phase is None or not self.output.on:
            return False
        scales = [r.full_scale for r in self.ranges(quantity)]
        most, present = self.compliance_range(quantity), settings.range
        if (phase.over or phase.limited) and present < most:
            chosen = next(scale for scale in scales if scale > present)
        elif phase.over or phase.limited:
            return False
        else:
            fitting = choose_range(self.ranges(quantity), phase.value * HYSTERESIS)
            chosen = max(fitting or present, min(settings.lowest, most))
            if chosen >= present:
                return False
        settings.range = chosen
        self.forget()
        self._ranged()
        return True

    def _change_ohms(self, phases: dict[str, Phase]) -> bool:
        settings = self.sensed("r")
        if not settings.auto or not self.output.on:
            return False
        scales = list(self._chassis.model.ohms)
        place = scales.index(settings.range)
        value = _ohms(phases["v"], phases["i"])
        low, high = settings.lowest, settings.highest
        if (phases["v"].limited or value > settings.range * OVERRANGE) and scales[place] < high:
            settings.range = scales[place + 1]
        elif place and value < scales[place - 1] * OVERRANGE and scales[place] > low:
            settings.range = scales[place - 1]
        else:
            return False
        self.forget()
        self._ranged()
        return True

    def _ranged(self) -> None:
        """Let the limit follow a range."""
        output = self.output
        if self._chassis.auto_ohms:
            output.apply(*output.in_use())
        else:
            output.apply(output.function, output.level, output.range)

    def _offset(
        self, wanted: tuple[Quantity, ...]
    ) -> Generator[float, None, dict[str, Phase] | None]:
        """Measure with the source at zero, for offset-compensated ohms."""
        sense = self._chassis.setup.sense
        if not sense.compensated or "r" not in sense.functions or not self.output.on:
            return None
        output = self.output
        kept = output.function, output.level, output.range
        output.apply(kept[0], 0.0, kept[2])
        yield self.source_delay
        phases = yield from self._phases(wanted)
        output.apply(*kept)
        return phases

    def reading(
        self,
        start: float,
        phases: dict[str, Phase],
        functions: frozenset[str],
        offset: dict[str, Phase] | None,
    ) -> Taken:
        """Put together what is told: measured, else programmed, else no number."""
        output, v, i = self.output, phases.get("v"), phases.get("i")
        over = limited = False
        for phase in phases.values():
            over, limited = over or phase.over, limited or phase.limited
        ranged = limited and self._range_acts()
        r = NOT_A_NUMBER
        if "r" in functions and v is not None and i is not None:
            r = _ohms(v, i) if offset is None else _compensated(v, i, offset)
        level = output.level
        return Taken(
            start,
            _told(v) if "v" in functions else level if output.function == "v" else NOT_A_NUMBER,
            _told(i) if "i" in functions else level if output.function == "i" else NOT_A_NUMBER,
            r,
            limited and not ranged,
            ranged,
            over or r == OVERFLOW,
        )

    def _range_acts(self) -> bool:
        """Whether it is the measurement range that limits, and not the compliance."""
        quantity: Quantity = "i" if self.output.function == "v" else "v"
        return self.bound(quantity)[0] < self.sensed(quantity).protection * (1 - 1e-9)


def _mean(taken: list[Phase]) -> Phase:
    value = math.fsum(phase.value for phase in taken) / len(taken)
    return Phase(value, any(p.limited for p in taken), any(p.over for p in taken))


def _told(phase: Phase | None) -> float:
    assert phase is not None
    return OVERFLOW if phase.over else phase.value


def _ohms(v: Phase, i: Phase) -> float:
    if v.over or i.over or not i.value:
        return OVERFLOW
    value = v.value / i.value
    return value if abs(value) < OVERFLOW else OVERFLOW


def _compensated(v: Phase, i: Phase, zero: dict[str, Phase]) -> float:
    change = i.value - zero["i"].value
    return (v.value - zero["v"].value) / change if change and not v.over else OVERFLOW
