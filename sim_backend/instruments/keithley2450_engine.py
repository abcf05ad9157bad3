"""Runs a trigger model of the 2450 family on the laboratory's clock.

The model is a table of blocks (`sim_backend.instruments.keithley2450_blocks`). A run is a
generator that yields how long the next step takes in s, or None while it waits for an event; it
goes on by events of the clock, so that other commands are executed meanwhile (`INITiate` is
overlapped).
Places that are not defined are passed over like a block that does nothing [C].

A language front defines blocks with `TriggerModel.define`, starts with `initiate`, ends with
`abort`, and looks at `running`, `state`, `counters` and `progress`.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, section 3 "Trigger model", pages 6-182 to 6-211
and 6-234.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

from sim_backend.clock import Clock, Event
from sim_backend.instruments.keithley2450_blocks import Block, Measure, OnEvent, Wait, endless
from sim_backend.instruments.keithley2450_events import (
    ABORTED,
    COMPLETED,
    FAILED,
    RUNNING,
    EventLog,
)
from sim_backend.instruments.keithley2450_triggers import NONE, Bus
from sim_backend.wire.parameters import ScpiError

__all__ = ["MOST_BLOCKS", "Actions", "Detector", "TriggerModel", "measured_by"]

MOST_BLOCKS = 63  # [C]
CONFLICT, OUT_OF_RANGE, BUSY = -221, -222, -213
_DEBT = 100e-6  # s: time of blocks that is let pass at once
_IDLE_BLOCKS, _IDLE_TIME = 10_000, 1e-3  # a model that only goes round takes this, s a block
#: events that come from outside the unit
_OUTSIDE = ("DISP", "COMM", "DIG", "TSPL", "LAN", "SLIM")

Steps = Generator[float | None, None, int | None]
Action = Callable[["TriggerModel", int, Any], "Steps | int | None"]


class Aborted(Exception):
    """A block ends the model."""


class Actions(Protocol):
    """What the blocks do: returns the next place, None for the one after, or steps."""

    def do(self, model: TriggerModel, place: int, block: Block) -> Steps | int | None:
        """Execute a block."""

    def begin(self, model: TriggerModel) -> None:
        """Prepare a run; raises `ScpiError` when it cannot be."""

    def end(self) -> None:
        """End what still goes on in the background."""


class Detector:
    """Remembers which of some events happened while the model runs."""

    def __init__(self, bus: Bus, events: tuple[str, ...], woken: Callable[[], None]) -> None:
        self._bus, self._woken = bus, woken
        self.seen: set[str] = set()
        self._listeners = {name: self._listener(name) for name in events if name != NONE}
        for name, listener in self._listeners.items():
            bus.listen(name, listener)

    def _listener(self, name: str) -> Callable[[], None]:
        def happened() -> None:
            self.seen.add(name)
            self._woken()

        return happened

    def close(self) -> None:
        """Listen no more."""
        for name, listener in self._listeners.items():
            self._bus.ignore(name, listener)


class TriggerModel:
    """The blocks, and their run.

    Parameters
    ----------
    clock, bus, log
        Time, trigger events, event log.
    block_time
        What a block takes by itself, s.
    settled
        Called when a run is over.
    """

    actions: Actions  #: set once, by whoever makes both

    def __init__(
        self,
        clock: Clock,
        bus: Bus,
        log: EventLog,
        block_time: float,
        settled: Callable[[], None],
    ) -> None:
        self._clock, self.bus, self.log, self._settled = clock, bus, log, settled
        self._block_time = block_time
        self.blocks: dict[int, Block] = {}
        self.bounded = False  #: a template that is known to end
        self.counters: dict[int, int] = {}
        self.once: set[int] = set()  #: places of once-blocks that were met
        self.detectors: dict[int, Detector] = {}
        self.last = 0  #: place that was executed last
        self.progress_made = 0
        self.paused = False
        self._state = "EMPTY"
        self._steps: Generator[float | None, None, None] | None = None
        self._event: Event | None = None
        self._waiting: tuple[str, ...] = ()
        self._stepping = False

    # -- the table ---------------------------------------------------------------------------

    def define(self, place: int, block: Block) -> None:
        """Put a block at a place.

        Raises
        ------
        ScpiError
            There is no such place, or the model runs.
        """
        self.check_idle()
        if not 1 <= place <= MOST_BLOCKS:
            raise ScpiError(OUT_OF_RANGE)
        to = getattr(block, "to", 1)
        if not 1 <= to <= MOST_BLOCKS:
            raise ScpiError(OUT_OF_RANGE)
        self.blocks[place] = block
        self.bounded = False
        self._state = "BUILDING"

    def load(self, blocks: list[Block], *, bounded: bool = True) -> None:
        """Replace the whole model."""
        self.check_idle()
        self.blocks = dict(enumerate(blocks, 1))
        self.bounded = bounded
        self.last = 0
        self._state = "BUILDING" if blocks else "EMPTY"

    def check_idle(self) -> None:
        """Refuse what cannot be done while the model runs."""
        if self.running:
            raise ScpiError(BUSY)

    # -- looking at it -----------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the model is out of idle."""
        return self._steps is not None

    @property
    def state(self) -> str:
        """``EMPTY``, ``BUILDING``, ``RUNNING``, ``WAITING``, ``PAUSED``, ``IDLE`` and so on."""
        if self.running and self.paused:
            return "PAUSED"
        if self.running and self._waiting:
            return "WAITING"
        return self._state

    @property
    def progress(self) -> int | None:
        """A number that grows as the run gets to its end; None while that may never come."""
        if not self.running:
            return self.progress_made
        outside = self._waiting and all(n.startswith(_OUTSIDE) for n in self._waiting)
        if self.paused or outside or (not self.bounded and endless(self.blocks)):
            return None
        return self.progress_made

    # -- beginning and ending ----------------------------------------------------------------

    def initiate(self) -> None:
        """Start the model.

        Raises
        ------
        ScpiError
            It runs already, or cannot be run as it is.
        """
        self.check_idle()
        if not self.blocks:
            raise ScpiError(CONFLICT)
        for block in self.blocks.values():
            events = block.events if isinstance(block, Wait) else ()
            if NONE in events[:1] or (isinstance(block, OnEvent) and block.event == NONE):
                raise ScpiError(CONFLICT)
        self.actions.begin(self)
        self.counters, self.once, self.paused = {}, set(), False
        self.detectors = {
            place: Detector(
                self.bus,
                block.events if isinstance(block, Wait) else (block.event,),
                self._wake,
            )
            for place, block in self.blocks.items()
            if isinstance(block, Wait | OnEvent)
        }
        self._steps, self._state = self._run(), "RUNNING"
        self.log.happened(RUNNING)
        self._go_on()

    def abort(self) -> None:
        """Stop at once; the output stays as it is."""
        if self.running:
            self._finish("ABORTED", ABORTED)

    def pause(self, on: bool) -> None:
        """Stop before the next block, or go on."""
        self.paused = on
        if self.running and not on and self._event is None:
            self._go_on()

    def _finish(self, state: str, code: int) -> None:
        if self._event is not None:
            self._event.cancel()
        steps, self._steps, self._event, self._waiting = self._steps, None, None, ()
        if steps is not None and not self._stepping:
            steps.close()
        self.actions.end()
        for detector in self.detectors.values():
            detector.close()
        self.detectors = {}
        self._state = state
        self.log.happened(code)
        self._settled()

    # -- running -----------------------------------------------------------------------------

    def _wake(self) -> None:
        """Go on after an event, if one is waited for."""
        if self._waiting and not self._stepping and not self.paused:
            self._go_on()

    def _go_on(self) -> None:
        """Take steps until one needs time."""
        self._event = None
        while self._steps is not None and not self.paused:
            try:
                self._stepping = True
                duration = next(self._steps)
            except StopIteration:
                self._stepping = False
                self._finish("IDLE", COMPLETED)
                return
            except Aborted:
                self._stepping = False
                self._finish("ABORTED", ABORTED)
                return
            except ScpiError as refused:
                self._stepping = False
                self.log.add(refused.code, refused.text if refused.code > 0 else "")
                self._finish("FAILED", FAILED)
                return
            finally:
                self._stepping = False
            if duration is None:
                return
            self.progress_made += 1
            if duration > 0:
                self._event = self._clock.after(duration, self._go_on)
                return

    def _run(self) -> Generator[float | None, None, None]:
        place, owed, idle = 1, 0.0, 0
        end = max(self.blocks)
        while place <= end:
            block = self.blocks.get(place)
            self.last = place
            owed += self._block_time if idle < _IDLE_BLOCKS else _IDLE_TIME
            following, began = None, self._clock.now_s
            if block is not None:
                outcome = self.actions.do(self, place, block)
                if isinstance(outcome, Generator):
                    following, owed = yield from self._timed(outcome, owed)
                else:
                    following = outcome
            idle = 0 if self._clock.now_s > began else idle + 1
            if owed > _DEBT:
                yield owed
                owed = 0.0
            place = place + 1 if following is None else following

    def _timed(
        self, steps: Steps, owed: float
    ) -> Generator[float | None, None, tuple[int | None, float]]:
        """Let the time of a block pass, with what blocks before it owe."""
        while True:
            try:
                duration = next(steps)
            except StopIteration as over:
                return over.value, owed
            if duration:
                duration, owed = duration + owed, 0.0
            yield duration

    def wait(self, place: int, block: Wait) -> Steps:
        """Wait for the events of a block."""
        detector = self.detectors[place]
        if block.clear:
            detector.seen.clear()
        wanted = {name for name in block.events if name != NONE}
        while not (detector.seen >= wanted if block.every else detector.seen & wanted):
            self._waiting = tuple(wanted)
            yield None
        self._waiting = ()
        detector.seen.clear()
        return None


def measured_by(model: TriggerModel, place: int, named: int) -> int:
    """Return the place of the measure block that a branch at `place` looks at.

    Raises
    ------
    ScpiError
        There is none.
    """
    if named:
        if isinstance(model.blocks.get(named), Measure):
            return named
        raise ScpiError(CONFLICT)
    before = [n for n, b in model.blocks.items() if n < place and isinstance(b, Measure)]
    if not before:
        raise ScpiError(CONFLICT)
    return max(before)
