"""The blocks of a trigger model of the 2450 family, as values, and how the unit lists them.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Trigger model", pages 6-186 to 6-211;
the form of the list from page 6-203. The names of blocks that its example does not show are those
of the constants of the TSP command set [C].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "Always", "Block", "BufferClear", "ConfigRecall", "ConfigStep", "Counter", "DelayConstant",
    "DelayDynamic", "Delta", "DigitalOutput", "LimitConstant", "LimitDynamic", "LogEvent",
    "Measure", "Nop", "Notify", "OnEvent", "Once", "OnceExcluded", "Output", "PulseOutput",
    "ResetCounter", "Wait", "endless", "listed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nop:
    """Does nothing."""

    text = "NO_OPERATION"


@dataclass(frozen=True, slots=True)
class BufferClear:
    """Clears a reading buffer."""

    buffer: str

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BUFFER_CLEAR BUFFER: {self.buffer}"


@dataclass(frozen=True, slots=True)
class Measure:
    """Takes readings."""

    buffer: str
    count: float = 1  #: infinity: until the next such block, in the background
    kind: str = "MEASURE"  #: or DIGITIZE, or MEASURE_DIGITIZE
    in_pulse: bool = False  #: at the top of a pulse, without autozero

    @property
    def text(self) -> str:
        """The block as it is listed."""
        count = "INFINITE" if math.isinf(self.count) else f"{self.count:.0f}"
        return f"{self.kind} BUFFER: {self.buffer} COUNT: {count}"


@dataclass(frozen=True, slots=True)
class ConfigRecall:
    """Recalls indexes of one or two configuration lists."""

    lists: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return "CONFIG_RECALL " + " ".join(f"CONFIG_LIST: {n} INDEX: {i}" for n, i in self.lists)


@dataclass(frozen=True, slots=True)
class ConfigStep:
    """Recalls the next (1) or the previous (-1) index of one or two configuration lists."""

    lists: tuple[str, ...]
    direction: int = 1

    @property
    def text(self) -> str:
        """The block as it is listed."""
        name = "CONFIG_NEXT" if self.direction > 0 else "CONFIG_PREV"
        return f"{name} " + " ".join(f"CONFIG_LIST: {n}" for n in self.lists)


@dataclass(frozen=True, slots=True)
class DelayConstant:
    """Waits."""

    time: float  #: s

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"DELAY_CONSTANT DELAY: {self.time:.9f}"


@dataclass(frozen=True, slots=True)
class DelayDynamic:
    """Waits for a user delay of the active function."""

    of: str  #: SOUR or MEAS
    number: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        letter = "S" if self.of == "SOUR" else "M"
        return f"DELAY_DYNAMIC DELAY: {letter}{self.number}"


@dataclass(frozen=True, slots=True)
class DigitalOutput:
    """Drives digital lines."""

    pattern: int
    mask: int = 63

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"DIGITAL_IO BIT_PATTERN: {self.pattern} BIT_MASK: {self.mask}"


@dataclass(frozen=True, slots=True)
class Always:
    """Branches."""

    to: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BRANCH_ALWAYS BRANCH_BLOCK: {self.to}"


@dataclass(frozen=True, slots=True)
class Counter:
    """Branches until it was reached `value` times."""

    value: int
    to: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BRANCH_COUNTER VALUE: {self.value} BRANCH_BLOCK: {self.to}"


@dataclass(frozen=True, slots=True)
class ResetCounter:
    """Sets the counter of another block to zero."""

    block: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"RESET_BRANCH_COUNT COUNTER_BLOCK: {self.block}"


@dataclass(frozen=True, slots=True)
class Delta:
    """Branches when the last two readings of a block differ by little."""

    difference: float
    to: int
    measure: int = 0  #: block that measured; 0 for the one before

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return (
            f"BRANCH_DELTA DELTA: {self.difference:.9g} BRANCH_BLOCK: {self.to} "
            f"MEASURE_BLOCK: {self.measure}"
        )


@dataclass(frozen=True, slots=True)
class LimitConstant:
    """Branches when the last reading of a block is ABOV, BEL, IN or OUT of limits."""

    kind: str
    low: float
    high: float
    to: int
    measure: int = 0

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return (
            f"BRANCH_LIMIT_CONSTANT LIMIT_TYPE: {self.kind} LIMIT_A: {self.low:.9g} "
            f"LIMIT_B: {self.high:.9g} BRANCH_BLOCK: {self.to} MEASURE_BLOCK: {self.measure}"
        )


@dataclass(frozen=True, slots=True)
class LimitDynamic:
    """The same with the limits of a limit test."""

    kind: str
    number: int
    to: int
    measure: int = 0

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return (
            f"BRANCH_LIMIT_DYNAMIC LIMIT_TYPE: {self.kind} LIMIT_NUMBER: {self.number} "
            f"BRANCH_BLOCK: {self.to} MEASURE_BLOCK: {self.measure}"
        )


@dataclass(frozen=True, slots=True)
class OnEvent:
    """Branches when an event has happened."""

    event: str
    to: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BRANCH_ON_EVENT EVENT: {self.event} BRANCH_BLOCK: {self.to}"


@dataclass(frozen=True, slots=True)
class Once:
    """Branches the first time."""

    to: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BRANCH_ONCE BRANCH_BLOCK: {self.to}"


@dataclass(frozen=True, slots=True)
class OnceExcluded:
    """Branches except for the first time."""

    to: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"BRANCH_ONCE_EXCLUDED BRANCH_BLOCK: {self.to}"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Writes into the event log; ``ABOR`` also ends the trigger model."""

    event: str  #: INFO1 to INFO4, WARN1 to WARN4, ERR1 to ERR4 or ABOR
    message: str

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"LOG_EVENT EVENT: {self.event} MESSAGE: {self.message}"


@dataclass(frozen=True, slots=True)
class Notify:
    """Makes a trigger event."""

    number: int

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"NOTIFY ID: {self.number}"


@dataclass(frozen=True, slots=True)
class Output:
    """Switches the output."""

    on: bool

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"SOURCE_OUTPUT OUTPUT: {'ON' if self.on else 'OFF'}"


@dataclass(frozen=True, slots=True)
class PulseOutput:
    """Goes to the pulse level, or back."""

    on: bool

    @property
    def text(self) -> str:
        """The block as it is listed."""
        return f"PULSE_OUTPUT OUTPUT: {'ON' if self.on else 'OFF'}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Waits for one or all of several events."""

    events: tuple[str, ...]
    clear: bool = False  #: events before the block was entered do not count
    every: bool = False  #: all of them must happen

    @property
    def text(self) -> str:
        """The block as it is listed."""
        logic = f" LOGIC: {'AND' if self.every else 'OR'}" if len(self.events) > 1 else ""
        clear = "ENTER" if self.clear else "NEVER"
        return f"WAIT EVENT: {', '.join(self.events)} CLEAR: {clear}{logic}"


Block = (
    Nop | BufferClear | Measure | ConfigRecall | ConfigStep | DelayConstant | DelayDynamic
    | DigitalOutput | Always | Counter | ResetCounter | Delta | LimitConstant | LimitDynamic
    | OnEvent | Once | OnceExcluded | LogEvent | Notify | Output | PulseOutput | Wait
)  # fmt: skip
_BACK = (Always, Delta, LimitConstant, LimitDynamic, OnEvent, OnceExcluded)


def listed(blocks: dict[int, Block]) -> str:
    """Return the list of a trigger model, one block a line."""
    return "\n".join(f"{number}) {blocks[number].text}" for number in sorted(blocks))


def endless(blocks: dict[int, Block]) -> bool:
    """Whether a trigger model may go round for ever: something other than a counter leads back."""
    for number, block in blocks.items():
        if isinstance(block, _BACK) and block.to <= number:
            return True
        if isinstance(block, ResetCounter) and block.block > number:
            return True
    return False
