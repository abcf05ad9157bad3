"""Sweeps, pulse sweeps and pulse trains of the 2450 family: lists of levels and a trigger model.

A sweep command makes a source configuration list and fills the trigger model; the sweep runs when
the model is initiated. The structure of the model is the one that the instrument builds (seen in
programs that write it out block by block): recall the first index, output on, skip, next index,
delay, measure, count.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 3 "Sweep operation" and "Pulse
operation", pages 6-101 to 6-132. [C]: a dual sweep does not repeat its turning point; in a pulse
the reading ends where the pulse ends.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sim_backend.instruments import keithley2450_blocks as blocks
from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2450_blocks import Block
from sim_backend.instruments.keithley2450_buffer import Buffers
from sim_backend.instruments.keithley2450_chassis import ROUNDING, Chassis
from sim_backend.instruments.keithley2450_engine import TriggerModel
from sim_backend.instruments.keithley2450_lists import ConfigurationList, Lists, SourceIndex
from sim_backend.instruments.keithley2450_meter import Meter
from sim_backend.instruments.keithley2450_settings import DIGITIZED, Sourced
from sim_backend.instruments.keithley2450_source import Source
from sim_backend.wire.parameters import ScpiError

__all__ = ["Pulses", "Sweep", "SweepLists", "Sweeps", "linear", "logarithmic", "stepped"]

CONFLICT, OUT_OF_RANGE, TOO_MUCH = -221, -222, -223
MOST_POINTS = 1_000_000
MOST_LISTED = 2500  #: values of a list
AT_ONCE = 100  #: values of a list in one command
_LEAST_DELAY = 50e-6  # s, but for none at all
_NAMES = {"v": "Volt", "i": "Curr"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """How a sweep is to run."""

    delay: float = -1.0  #: s; -1 for the source autodelay
    count: int = 1  #: 0 for ever
    range_type: str = "BEST"  #: AUTO, BEST or FIX
    fail_abort: bool = True
    dual: bool = False
    buffer: str = "defbuffer1"


@dataclass(frozen=True, slots=True)
class Pulses:
    """How pulses are to be given."""

    width: float  #: s
    bias: float = 0.0
    measure: bool = True
    buffer: str = "defbuffer1"
    delay: float = 0.0  #: at the bias before a pulse, s
    off_time: float = 0.0  #: at the bias after a pulse, s
    count: int = 1
    bias_limit: float | None = None
    pulse_limit: float | None = None
    fail_abort: bool = True
    dual: bool = False


def linear(start: float, stop: float, points: int) -> list[float]:
    """Return equally spaced levels."""
    steps = points - 1
    return [start + (stop - start) * k / steps for k in range(steps)] + [stop]


def stepped(start: float, stop: float, step: float) -> list[float]:
    """Return levels from `start` on in steps, as far as `stop`."""
    step = math.copysign(abs(step), stop - start)
    steps = (stop - start) / step if step else 0.0
    points = math.floor(steps + 1e-9) + 1 if steps < MOST_POINTS else 0
    if not 2 <= points <= MOST_POINTS:
        raise ScpiError(CONFLICT)
    return [start + k * step for k in range(points)]


def logarithmic(start: float, stop: float, points: int, asymptote: float = 0.0) -> list[float]:
    """Return levels whose distances from the asymptote form a geometric series.

    Raises
    ------
    ScpiError
        The asymptote is not outside of the range of levels.
    """
    first, last = start - asymptote, stop - asymptote
    quotient = last / first if first else 0.0
    if not 0 < quotient < math.inf:
        raise ScpiError(CONFLICT)
    ratio = math.log(quotient)
    steps = points - 1
    return [asymptote + first * math.exp(ratio * k / steps) for k in range(steps)] + [stop]


class SweepLists:
    """The configuration lists that sweeps run over.

    Parameters
    ----------
    chassis, source, meter, buffers, lists, model
        The instrument's parts.
    """

    def __init__(
        self,
        chassis: Chassis,
        source: Source,
        meter: Meter,
        buffers: Buffers,
        lists: Lists,
        model: TriggerModel,
    ) -> None:
        self._chassis, self._source, self._meter = chassis, source, meter
        self._buffers, self._lists, self._model = buffers, lists, model
        #: of the configuration list that a sweep makes; empty for the usual one
        self.named = ""

    # -- lists -------------------------------------------------------------------------------

    def list_name(self, quantity: Quantity, kind: str = "Custom", *, pulse: bool = False) -> str:
        """Return the name of the configuration list that a kind of sweep uses."""
        return f"{_NAMES[quantity]}{'Pulse' if pulse else ''}{kind}SweepList"

    def set_list(
        self, quantity: Quantity, values: Sequence[float], *, append: bool, pulse: bool = False
    ) -> None:
        """Set or extend the list of levels of a custom sweep.

        Raises
        ------
        ScpiError
            There are too many values, or one is too large.
        """
        before = self.levels(quantity, pulse=pulse) if append else []
        if len(values) > AT_ONCE or len(before) + len(values) > MOST_LISTED:
            raise ScpiError(TOO_MUCH)
        self._check(quantity, values, pulse=pulse)
        self._make(
            quantity, self.list_name(quantity, pulse=pulse), [*before, *values], "AUTO", pulse=pulse
        )

    def levels(self, quantity: Quantity, *, pulse: bool = False) -> list[float]:
        """Return the levels of a custom list; none when there is none."""
        found = self._lists.source.get(self.list_name(quantity, pulse=pulse))
        if found is None:
            return []
        indexes = [found.get(k) for k in range(1, len(found) + 1)]
        return [x.settings.pulse_level if pulse else x.settings.level for x in indexes]

    def _check(self, quantity: Quantity, levels: Sequence[float], *, pulse: bool = False) -> None:
        most = self._source.largest(quantity, pulse=pulse) * ROUNDING
        if max(map(abs, levels)) > most:
            raise ScpiError(OUT_OF_RANGE)

    def _make(
        self,
        quantity: Quantity,
        name: str,
        levels: Sequence[float],
        range_type: str,
        template: Sourced | None = None,
        *,
        pulse: bool = False,
    ) -> None:
        """Make the configuration list of a sweep."""
        chosen = template if template is not None else self._chassis.setup.sourced(quantity)
        base = copy.deepcopy(chosen)
        holding = self._source.holding
        if range_type == "BEST":
            largest = max(max(map(abs, levels)), abs(base.level) if pulse else 0.0)
            base.range = holding(quantity, largest)

        def index(level: float) -> SourceIndex:
            if pulse:
                settings = replace(base, pulse_level=level)
            elif range_type == "AUTO":
                settings = replace(base, level=level, auto=True, range=holding(quantity, level))
            else:
                settings = replace(base, level=level)
            return SourceIndex(quantity, settings, self._chassis.setup.protection)

        self._lists.source[name] = ConfigurationList.of_levels(name, levels, index)


class Sweeps(SweepLists):
    """Sets up sweeps."""

    # -- sweeps ------------------------------------------------------------------------------

    def sweep(self, quantity: Quantity, kind: str, levels: Sequence[float], how: Sweep) -> None:
        """Set up a sweep over levels.

        Parameters
        ----------
        quantity
            What is sourced.
        kind
            ``Linear`` or ``Log``.
        levels
            V or A.
        how
            Everything else.

        Raises
        ------
        ScpiError
            A level or a time cannot be, or the trigger model runs.
        """
        self._model.check_idle()
        self._check(quantity, levels)
        if how.dual:
            levels = [*levels, *reversed(levels[:-1])]
        name = self.named or self.list_name(quantity, kind)
        self._make(quantity, name, levels, how.range_type)
        self._load(quantity, name, 1, how)

    def listed(self, quantity: Quantity, first: int, how: Sweep, name: str | None) -> None:
        """Set up a sweep over a configuration list, from an index on."""
        self._model.check_idle()
        chosen = name or self.list_name(quantity)
        if not 1 <= first <= len(self._lists.get("SOUR", chosen)):
            raise ScpiError(OUT_OF_RANGE)
        self._load(quantity, chosen, first, how)

    def _load(self, quantity: Quantity, name: str, first: int, how: Sweep) -> None:
        if how.delay not in (-1.0, 0.0) and not _LEAST_DELAY <= how.delay <= 10_000.0:
            raise ScpiError(OUT_OF_RANGE)
        buffer = self._buffers.for_readings(how.buffer)
        points = len(self._lists.source[name]) - first + 1
        self._source.set_function(quantity)
        if how.delay == -1.0:
            self._chassis.setup.sourced(quantity).delay_auto = True
        table: list[Block] = [
            blocks.BufferClear(buffer.name),
            blocks.ConfigRecall(((name, first),)),
            blocks.Output(True),
            blocks.Always(6),
            blocks.ConfigStep((name,)),
            blocks.DelayConstant(max(0.0, how.delay)),
            self._measure(buffer.name),
        ]
        self._close(table, points, how.count, how.fail_abort, again=5, start=2)

    def _measure(self, buffer: str) -> blocks.Measure:
        if self._chassis.setup.sense in DIGITIZED:
            return blocks.Measure(buffer, self._chassis.setup.digitize_count, "DIGITIZE")
        return blocks.Measure(buffer)

    def _close(
        self,
        table: list[Block],
        points: int,
        count: int,
        fail_abort: bool,
        *,
        again: int,
        start: int,
    ) -> None:
        """Add what ends a sweep: abort at the limit, counters, output off."""
        finish = len(table) + 2 + fail_abort + (count != 1)
        if fail_abort:
            table.append(blocks.OnEvent("SLIM", finish))
        table.append(blocks.Counter(max(1, points), again))
        if count == 0:
            table.append(blocks.Always(start))
        elif count > 1:
            table.append(blocks.Counter(count, start))
        table.append(blocks.Output(False))
        self._model.load(table, bounded=count != 0)

    # -- pulses ------------------------------------------------------------------------------

    def pulse_sweep(
        self, quantity: Quantity, kind: str, levels: Sequence[float], how: Pulses
    ) -> None:
        """Set up a pulse for each level; a train is a sweep over one level.

        Raises
        ------
        ScpiError
            A level, limit or time cannot be, or the trigger model runs.
        """
        self._model.check_idle()
        self._check(quantity, levels, pulse=True)
        self._check(quantity, [how.bias])
        if how.dual:
            levels = [*levels, *reversed(levels[:-1])]
        template = self._pulsed(quantity, how)
        self._check_area(quantity, levels, how, template)
        usual = self.list_name(quantity, kind, pulse=True)
        if kind == "Train":
            usual = f"{_NAMES[quantity]}PulseTrainList"
        name = self.named or usual
        best = "BEST" if self._chassis.setup.sourced(quantity).auto else "FIX"
        self._make(quantity, name, levels, best, template, pulse=True)
        self._load_pulses(quantity, name, 1, how)

    def pulse_list(self, quantity: Quantity, first: int, how: Pulses, name: str | None) -> None:
        """Set up pulses from a configuration list, from an index on."""
        self._model.check_idle()
        chosen = name or self.list_name(quantity, pulse=True)
        found = self._lists.get("SOUR", chosen)
        if not 1 <= first <= len(found):
            raise ScpiError(OUT_OF_RANGE)
        indexes = [self._lists.source[chosen].get(k) for k in range(first, len(found) + 1)]
        for index in indexes:
            self._check_area(quantity, [index.settings.pulse_level], how, index.settings)
        self._load_pulses(quantity, chosen, first, how)

    def _pulsed(self, quantity: Quantity, how: Pulses) -> Sourced:
        """Return the source settings of a pulse."""
        template = copy.deepcopy(self._chassis.setup.sourced(quantity))
        template.level = how.bias
        template.limit = template.limit if how.bias_limit is None else how.bias_limit
        if how.pulse_limit is not None:
            template.pulse_limit = how.pulse_limit
        return template

    def _check_area(
        self, quantity: Quantity, levels: Sequence[float], how: Pulses, template: Sourced
    ) -> None:
        """Refuse pulses that are too large, too short or too long."""
        area, reach = self._chassis.model.pulse, self._source
        assert area is not None
        largest = max(map(abs, levels))
        if template.pulse_limit > reach.largest_limit(quantity, largest, pulse=True) * ROUNDING:
            raise ScpiError(CONFLICT)
        if template.limit > reach.largest_limit(quantity, how.bias) * ROUNDING:
            raise ScpiError(CONFLICT)
        if not area.shortest * (1 - 1e-9) <= how.width <= 10_000.0:
            raise ScpiError(OUT_OF_RANGE)
        extended = template.pulse_limit > reach.largest_limit(quantity, largest) * ROUNDING
        period = how.delay + how.width + how.off_time
        if extended and (how.width > area.longest * ROUNDING or how.width > area.duty * period):
            raise ScpiError(CONFLICT)

    def _load_pulses(self, quantity: Quantity, name: str, first: int, how: Pulses) -> None:
        points = len(self._lists.source[name]) - first + 1
        buffer = self._buffers.for_readings(how.buffer)
        self._source.set_function(quantity)
        reading = self._meter.duration_while_on() if how.measure else 0.0
        if reading > how.width * ROUNDING:
            raise ScpiError(CONFLICT)
        table: list[Block] = [
            blocks.BufferClear(buffer.name),
            blocks.ConfigRecall(((name, first),)),
            blocks.Output(True),
            blocks.Always(6),
            blocks.ConfigStep((name,)),
            blocks.DelayConstant(how.delay),
            blocks.PulseOutput(True),
            blocks.DelayConstant(how.width - reading),
        ]
        if how.measure:
            table.append(replace(self._measure(buffer.name), in_pulse=True))
        table += [blocks.PulseOutput(False), blocks.DelayConstant(how.off_time)]
        if points == 1:  # a train: the counter repeats the pulse and not the list
            self._close(table, max(1, how.count), 1, how.fail_abort, again=6, start=2)
            if how.count == 0:
                self._repeat_for_ever(6)
        else:
            self._close(table, points, how.count, how.fail_abort, again=5, start=2)

    def _repeat_for_ever(self, again: int) -> None:
        table = [self._model.blocks[n] for n in sorted(self._model.blocks)]
        table[-2] = blocks.Always(again)
        self._model.load(table, bounded=False)
