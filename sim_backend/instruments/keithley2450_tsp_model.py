"""``trigger.model`` of the 2450 family: blocks, templates, run.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-249 to 8-301; the form of the answers of
``trigger.model.state`` from 2470-901-01 Rev. A, page 14-251.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from sim_backend.instruments import keithley2450_blocks as blocks
from sim_backend.instruments.keithley2450_templates import Bin
from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables
from sim_backend.instruments.keithley2450_tsp_values import (
    constants,
    number,
    optional,
    switch,
    text,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["EVENTS", "ModelTables", "model_constants"]

MISSING, NOT_ALLOWED, ILLEGAL, OUT_OF_RANGE = -109, -108, -224, -222
_MOST_COUNT, _LONGEST = 268_435_455, 10_000.0
_NUMBERED = {
    "NOTIFY": ("NOT", 8), "DIGIO": ("DIG", 6), "TSPLINK": ("TSPL", 3), "LAN": ("LAN", 8),
    "BLENDER": ("BLEN", 2), "TIMER": ("TIM", 4),
}  # fmt: skip
EVENTS = words_of("trigger.EVENT_", {
    "NONE": "NONE", "DISPLAY": "DISP", "COMMAND": "COMM", "SOURCE_LIMIT": "SLIM",
    **{
        f"{name}{k}": f"{short}{k}"
        for name, (short, count) in _NUMBERED.items()
        for k in range(1, count + 1)
    },
})  # fmt: skip
_LIMITS = words_of(
    "trigger.LIMIT_", {"ABOVE": "ABOV", "BELOW": "BEL", "INSIDE": "IN", "OUTSIDE": "OUT"}
)
_CLEARS = words_of("trigger.CLEAR_", {"ENTER": True, "NEVER": False})
_LOGICS = words_of("trigger.WAIT_", {"AND": True, "OR": False})
_KINDS = words_of("trigger.READING_", {"ACTIVE": "ACT", "MEASURE": "MEAS", "DIGITIZE": "DIG"})
_DELAYS = words_of("trigger.USER_DELAY_", {
    f"{letter}{k}": (kind, k)
    for letter, kind in (("S", "SOUR"), ("M", "MEAS"))
    for k in range(1, 6)
})  # fmt: skip
_LOGGED = words_of("trigger.LOG_", {
    **{f"{kind}{k}": f"{short}{k}" for kind, short in (("INFO", "INFO"), ("WARN", "WARN"),
                                                       ("ERROR", "ERR")) for k in range(1, 5)},
    "WARN_ABORT": "ABOR",
})  # fmt: skip
_COUNTS = words_of("trigger.COUNT_", {"INFINITE": math.inf, "STOP": 0.0})
_STATES = (
    "EMPTY", "BUILDING", "RUNNING", "WAITING", "PAUSED", "IDLE", "ABORTING", "ABORTED", "FAILED",
)  # fmt: skip
_PLACE, _TO, _BITS = whole(1, 63), whole(1, 63), whole(0, 63)
_COUNT, _INDEX, _LEVEL = whole(1, _MOST_COUNT), whole(1, 1_000_000), number()
_TIME, _NAME, _LINE = number(0.0, _LONGEST), text(31), whole(1, 6)
_B = "trigger.BLOCK_"


class ModelTables:
    """``trigger.model``.

    Parameters
    ----------
    unit
        The instrument.
    buffers
        The reading buffers as scripts see them.
    """

    def __init__(self, unit: Unit, buffers: BufferTables) -> None:
        self.unit, self.model, self._buffers = unit, unit.model, buffers
        self.makers: Mapping[str, Callable[..., blocks.Block]] = {
            **self._plain(), **self._branches(), **self._acting(),
        }  # fmt: skip
        load = _Templates(unit, buffers)
        self._loaders = load.all()

    def node(self) -> Node:
        """Describe the table."""
        return Node(
            "trigger.model",
            calls={
                "abort": self.model.abort,
                "initiate": self.model.initiate,
                "pause": lambda: self.model.pause(True),
                "resume": lambda: self.model.pause(False),
                "state": self._state,
                "getblocklist": self._listed,
                "getbranchcount": self._count,
                "setblock": self._define,
                "load": self._load,
            },
        )

    def _state(self) -> tuple[str, str, int]:
        state = f"trigger.STATE_{self.model.state}"
        return state, state, self.model.last

    def _listed(self) -> str:
        listed = blocks.listed(self.model.blocks)
        for name in self.unit.buffers.names():
            listed = listed.replace(f"BUFFER: {name}", f"BUFFER: {self._buffers.label(name)}")
        return listed

    def _count(self, place: Any) -> int:
        chosen = _PLACE(place)
        if not isinstance(self.model.blocks.get(chosen), blocks.Counter):
            raise Refusal(OUT_OF_RANGE)
        return self.model.counters.get(chosen, 0)

    def _define(self, place: Any, kind: Any, *given: Any) -> None:
        if kind is None:
            raise Refusal(MISSING)
        if not isinstance(kind, str) or kind not in self.makers:
            raise Refusal(ILLEGAL)
        chosen = _PLACE(place)
        self.model.define(chosen, fitted(self.makers[kind], given))

    def _load(self, name: Any, *given: Any) -> None:
        loader = self._loaders.get(text()(name).upper())
        if loader is None:
            raise Refusal(ILLEGAL)
        fitted(loader, given)

    # -- blocks ------------------------------------------------------------------------------

    def _plain(self) -> dict[str, Callable[..., blocks.Block]]:
        return {
            _B + "NOP": lambda: blocks.Nop(),
            _B + "DELAY_CONSTANT": lambda time: blocks.DelayConstant(_TIME(time)),
            _B + "DELAY_DYNAMIC": lambda name: blocks.DelayDynamic(*_DELAYS.read(name)),
            _B + "DIGITAL_IO": lambda bits, mask=63: blocks.DigitalOutput(_BITS(bits), _BITS(mask)),
            _B + "LOG_EVENT": lambda event, message: blocks.LogEvent(
                _LOGGED.read(event), text()(message)[:31]
            ),
            _B + "NOTIFY": _notify,
            _B + "SOURCE_OUTPUT": lambda on: blocks.Output(switch(on)),
            _B + "WAIT": _wait,
            **self._of_pulses(),
        }

    def _of_pulses(self) -> dict[str, Callable[..., blocks.Block]]:
        if self.unit.chassis.model.pulse is None:
            return {}
        return {_B + "SOURCE_PULSE_OUTPUT": lambda on: blocks.PulseOutput(switch(on))}

    def _branches(self) -> dict[str, Callable[..., blocks.Block]]:
        measured = whole(0, 63)
        return {
            _B + "BRANCH_ALWAYS": lambda to: blocks.Always(_TO(to)),
            _B + "BRANCH_COUNTER": lambda count, to: blocks.Counter(_COUNT(count), _TO(to)),
            _B + "BRANCH_DELTA": lambda difference, to, by=0: blocks.Delta(
                _LEVEL(difference), _TO(to), measured(by)
            ),
            _B + "BRANCH_LIMIT_CONSTANT": lambda kind, a, b, to, by=0: blocks.LimitConstant(
                _LIMITS.read(kind), _LEVEL(a), _LEVEL(b), _TO(to), measured(by)
            ),
            _B + "BRANCH_LIMIT_DYNAMIC": lambda kind, limit, to, by=0: blocks.LimitDynamic(
                _LIMITS.read(kind), whole(1, 2)(limit), _TO(to), measured(by)
            ),
            _B + "BRANCH_ON_EVENT": lambda event, to: blocks.OnEvent(EVENTS.read(event), _TO(to)),
            _B + "BRANCH_ONCE": lambda to: blocks.Once(_TO(to)),
            _B + "BRANCH_ONCE_EXCLUDED": lambda to: blocks.OnceExcluded(_TO(to)),
            _B + "RESET_BRANCH_COUNT": lambda block: blocks.ResetCounter(_TO(block)),
        }

    def _acting(self) -> dict[str, Callable[..., blocks.Block]]:
        found: dict[str, Callable[..., blocks.Block]] = {
            _B + "BUFFER_CLEAR": lambda buffer=None: blocks.BufferClear(
                self._buffers.name_of(buffer)
            ),
            _B + "CONFIG_NEXT": lambda name, second=None: self._step(1, name, second),
            _B + "CONFIG_PREV": lambda name, second=None: self._step(-1, name, second),
            _B + "CONFIG_RECALL": self._recall,
            _B + "MEASURE": self._reading("MEASURE"),
            _B + "MEASURE_DIGITIZE": self._reading("MEASURE_DIGITIZE"),
        }
        if self.unit.chassis.model.digitizes:
            found[_B + "DIGITIZE"] = self._reading("DIGITIZE")
        return found

    def _reading(self, kind: str) -> Callable[..., blocks.Block]:
        def measure(buffer: Any = None, count: Any = None) -> blocks.Block:
            name = self.unit.buffers.for_readings(self._buffers.name_of(buffer)).name
            if isinstance(count, str):
                return blocks.Measure(name, _COUNTS.read(count), kind)
            return blocks.Measure(name, optional(whole(0, _MOST_COUNT), count, 1), kind)

        return measure

    def _names(self, name: Any, second: Any) -> tuple[str, ...]:
        """Return one list's name, or those of two lists of different kinds."""
        names = (_NAME(name),) if second is None else (_NAME(name), _NAME(second))
        kinds = [self.unit.lists.kind(called) for called in names]
        if len(set(kinds)) < len(kinds):
            raise Refusal(ILLEGAL)
        return names

    def _step(self, direction: int, name: Any, second: Any) -> blocks.Block:
        return blocks.ConfigStep(self._names(name, second), direction)

    def _recall(
        self, name: Any, index: Any = None, second: Any = None, its_index: Any = None
    ) -> blocks.Block:
        places = (optional(_INDEX, index, 1), optional(_INDEX, its_index, 1))
        return blocks.ConfigRecall(tuple(zip(self._names(name, second), places, strict=False)))


def fitted(call: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Call with what a script gave, trailing nils left out.

    Raises
    ------
    Refusal
        There are too few or too many parameters.
    """
    arguments = list(given)
    while arguments and arguments[-1] is None:
        arguments.pop()
    try:
        inspect.signature(call).bind(*arguments)
    except TypeError as misfit:
        raise Refusal(MISSING if "missing" in str(misfit) else NOT_ALLOWED) from None
    return call(*arguments)


def _notify(event: Any) -> blocks.Block:
    short = EVENTS.read(event)
    if not short.startswith("NOT"):
        raise Refusal(ILLEGAL)
    return blocks.Notify(int(short[3:]))


def _wait(
    event: Any, clear: Any = None, logic: Any = None, second: Any = None, third: Any = None
) -> blocks.Block:
    """Return a wait block: event[, clear][, logic, event[, event]]."""
    if logic is not None and second is None:
        raise Refusal(MISSING)
    events = [EVENTS.read(one) for one in (event, second, third) if one is not None]
    return blocks.Wait(
        tuple(events), optional(_CLEARS.read, clear, False), optional(_LOGICS.read, logic, False)
    )


class _Templates:
    """``trigger.model.load``."""

    def __init__(self, unit: Unit, buffers: BufferTables) -> None:
        self.templates, self.unit, self._buffers = unit.templates, unit, buffers

    def all(self) -> dict[str, Callable[..., None]]:
        """Return the templates by their names in capitals."""
        return {
            "EMPTY": self.empty, "SIMPLELOOP": self.simple, "DURATIONLOOP": self.duration,
            "CONFIGLIST": self.configuration, "LOGICTRIGGER": self.logic,
            "LOOPUNTILEVENT": self.until, "GRADEBINNING": self.grade, "SORTBINNING": self.sort,
        }  # fmt: skip

    def _rest(self, delay: Any, buffer: Any, kind: Any) -> tuple[float, str, str]:
        chosen = optional(_KINDS.read, kind, "ACT")
        if chosen == "DIG" and not self.unit.chassis.model.digitizes:
            raise Refusal(ILLEGAL)
        return optional(_TIME, delay, 0.0), self._buffers.name_of(buffer), chosen

    def empty(self) -> None:
        self.templates.empty()

    def simple(self, count: Any, delay: Any = None, buffer: Any = None, kind: Any = None) -> None:
        self.templates.simple_loop(_COUNT(count), *self._rest(delay, buffer, kind))

    def duration(self, time: Any, delay: Any = None, buffer: Any = None, kind: Any = None) -> None:
        longest = number(167e-9, 100_000.0)
        self.templates.duration_loop(longest(time), *self._rest(delay, buffer, kind))

    def configuration(
        self, measure: Any, source: Any, delay: Any = None, buffer: Any = None, kind: Any = None
    ) -> None:
        rest = self._rest(delay, buffer, kind)
        self.templates.configuration(_NAME(measure), _NAME(source), *rest)

    def logic(
        self, into: Any, out: Any, count: Any, clear: Any = None, delay: Any = None,
        buffer: Any = None, kind: Any = None,
    ) -> None:  # fmt: skip
        rest, wanted = self._rest(delay, buffer, kind), optional(_CLEARS.read, clear, False)
        self.templates.logic(_LINE(into), _LINE(out), _COUNT(count), wanted, *rest)

    def until(
        self, event: Any, position: Any, clear: Any = None, delay: Any = None, buffer: Any = None,
        kind: Any = None,
    ) -> None:  # fmt: skip
        optional(_CLEARS.read, clear, False)  # the event is looked for from the start on
        rest = self._rest(delay, buffer, kind)
        self.templates.until_event(EVENTS.read(event), number(0.0, 100.0)(position), *rest)

    def grade(
        self, count: Any, line: Any, start: Any, end: Any, high: Any, low: Any,
        pattern: Any = None, rest: Any = None, h2: Any = None, l2: Any = None, p2: Any = None,
        h3: Any = None, l3: Any = None, p3: Any = None, h4: Any = None, l4: Any = None,
        p4: Any = None, buffer: Any = None,
    ) -> None:  # fmt: skip
        more = ((h2, l2, p2), (h3, l3, p3), (h4, l4, p4))
        self._bins((count, line, start, end), ((high, low, pattern), *more), rest, buffer, False)

    def sort(
        self, count: Any, line: Any, start: Any, end: Any, high: Any, low: Any,
        pattern: Any = None, rest: Any = None, h2: Any = None, l2: Any = None, p2: Any = None,
        h3: Any = None, l3: Any = None, p3: Any = None, h4: Any = None, l4: Any = None,
        p4: Any = None, buffer: Any = None,
    ) -> None:  # fmt: skip
        more = ((h2, l2, p2), (h3, l3, p3), (h4, l4, p4))
        self._bins((count, line, start, end), ((high, low, pattern), *more), rest, buffer, True)

    def _bins(
        self, head: tuple[Any, ...], limits: tuple[tuple[Any, Any, Any], ...], rest: Any,
        buffer: Any, sort: bool,
    ) -> None:  # fmt: skip
        count, line, start, end = head
        shown = whole(1, 15)
        bins = [
            Bin(_LEVEL(high), _LEVEL(low), optional(shown, pattern, 1 << k))
            for k, (high, low, pattern) in enumerate(limits)
            if k == 0 or (high is not None and low is not None)
        ]
        self.templates.bins(
            _COUNT(count), whole(5, 6)(line), _TIME(start), _TIME(end), bins,
            optional(shown, rest, 15), self._buffers.name_of(buffer), sort=sort,
        )  # fmt: skip


def model_constants(tables: ModelTables) -> dict[Any, Any]:
    """Return the constants of ``trigger`` that the trigger model needs."""
    return constants(
        tables.makers, EVENTS, _LIMITS, _CLEARS, _LOGICS, _KINDS, _DELAYS, _LOGGED, _COUNTS,
        [f"trigger.STATE_{state}" for state in _STATES],
    )  # fmt: skip
