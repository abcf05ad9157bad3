"""The trigger model of a Series 2400: arm layer, trigger layer, source-delay-measure cycles.

A run is a generator: it yields how long the next step takes in s, or None while it waits for an
event from outside. It is either run through by a query that waits for its readings (``READ?``), or
goes on by itself on the laboratory's clock (``INITiate``), while every other command waits.

Source: 2400 Series SourceMeter User's Manual, sections 10 and 11, pages 18-116 to 18-122; section 5
for the pulse mode of the 2430; appendix A for the times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

from sim_backend.clock import Event
from sim_backend.instruments.keithley2400_calculate import Calculator
from sim_backend.instruments.keithley2400_cycle import Cycle
from sim_backend.instruments.keithley2400_setup import Arm, Trigger
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.wire.parameters import ScpiError

__all__ = ["Sequencer"]

OUTPUT_OFF, TRIGGER_IGNORED, INIT_IGNORED, DEADLOCK = 803, -211, -213, -214
#: arm sources that an event from outside satisfies
EXTERNAL = frozenset({"BUS", "MAN", "TLIN", "NST", "PST", "BST"})
_BYPASSED = frozenset({"TLIN", "NST", "PST", "BST"})

Steps = Generator[float | None, None, None]


class Sequencer:
    """Runs the trigger model.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    cycle
        Does what the trigger layer does at each trigger.
    calculator
        Is told when operation leaves the trigger layer.
    operate
        Shows in the operation register what goes on: SWEEP, ARM, TRIG, IDLE.
    pulsed
        Called with the number of a trigger link line that is pulsed.
    settled
        Called when the run is over.
    """

    def __init__(
        self,
        chassis: Chassis,
        cycle: Cycle,
        calculator: Calculator,
        operate: Callable[[str, bool], None],
        pulsed: Callable[[int], None],
        settled: Callable[[], None],
    ) -> None:
        self._chassis, self._cycle, self._calculator = chassis, cycle, calculator
        self._operate, self._pulsed, self._settled = operate, pulsed, settled
        self._steps: Steps | None = None
        self._event: Event | None = None
        self._awaited = ""  #: source of the event that is waited for
        self._line = 0
        self._latched: set[int] = set()  #: trigger link lines that were pulsed
        self.progress = 0

    @property
    def running(self) -> bool:
        """Whether the unit is out of idle."""
        return self._steps is not None

    @property
    def endless(self) -> bool:
        """Whether the run only ends by an abort."""
        return self._steps is not None and math.isinf(self._chassis.setup.arm.count)

    # -- beginning and ending ----------------------------------------------------------------

    def initiate(self) -> None:
        """Leave idle.

        Raises
        ------
        ScpiError
            The output is off, or what is selected cannot be run.
        """
        if self.running:
            raise ScpiError(INIT_IGNORED)
        setup, output = self._chassis.setup, self._cycle.output
        automatic = setup.source.clear_auto or self._chassis.pulsed
        if not output.on and not automatic:
            raise ScpiError(OUTPUT_OFF)
        if automatic:
            output.check()
        self._cycle.begin()
        self._calculator.begin()
        self._steps = self._run(setup.arm, setup.trigger)
        self._operate("IDLE", False)

    def go_on(self) -> None:
        """Take the next step on the laboratory's clock; when over, return to idle."""
        self._event = None
        steps = self._steps
        while steps is not None:
            try:
                duration = next(steps)
            except StopIteration:
                self._idle()
                return
            self.progress += 1
            if duration is None:
                return
            if duration > 0:
                self._event = self._chassis.clock.after(duration, self.go_on)
                return

    def run_through(self, pass_time: Callable[[float], None]) -> bool:
        """Let the run's time pass; False when it waits for an event from outside."""
        steps = self._steps
        assert steps is not None
        for duration in steps:
            if duration is None:
                return False
            pass_time(duration)
        self._idle()
        return True

    def abort(self) -> None:
        """Return to idle at once; the output stays as it is."""
        if self._steps is None:
            return
        if self._event is not None:
            self._event.cancel()
        self._steps.close()
        if self._chassis.pulsed:
            self._cycle.output.off()
        self._idle()

    def _idle(self) -> None:
        self._steps, self._event, self._awaited = None, None, ""
        for name in ("SWEEP", "ARM", "TRIG"):
            self._operate(name, False)
        self._operate("IDLE", True)
        self._settled()

    # -- the model ---------------------------------------------------------------------------

    def _run(self, arm: Arm, trigger: Trigger) -> Steps:
        cycle, passes, index = self._cycle, 0, 0
        begun = self._chassis.clock.now_s
        while passes < arm.count:
            yield from self._wait_to_arm(arm, passes, begun)
            if "TENT" in arm.output:
                self._pulsed(arm.output_line)
            self._operate("SWEEP", cycle.sweeping)
            for k in range(trigger.count):
                yield from self._wait_for_trigger(trigger, "SOUR", k == 0)
                yield from self._one(trigger, index)
                index += 1
                if cycle.aborted:
                    return
            self._calculator.finish()
            if "TEX" in arm.output:
                self._pulsed(arm.output_line)
            passes += 1
        cycle.end()

    def _one(self, trigger: Trigger, index: int) -> Steps:
        """Do one cycle, with the events that may hold it up."""
        gates = trigger.inputs & {"DEL", "SENS"}
        if not gates and not trigger.output:
            yield from self._cycle.run(index)
            return
        for stage in self._cycle.stages(index):
            name, steps = stage
            if name in gates:
                yield from self._wait_for_trigger(trigger, name, False)
            yield from steps
            if name in trigger.output:
                self._pulsed(trigger.output_line)

    def _wait_to_arm(self, arm: Arm, passes: int, begun: float) -> Steps:
        source = arm.source
        if source == "TIM" and passes:
            yield max(0.0, begun + passes * arm.timer - self._chassis.clock.now_s)
        elif source in EXTERNAL and not (
            passes == 0 and arm.direction == "SOUR" and source in _BYPASSED
        ):
            self._operate("ARM", True)
            yield from self._wait(source, arm.input_line)
            self._operate("ARM", False)

    def _wait_for_trigger(self, trigger: Trigger, name: str, first: bool) -> Steps:
        if trigger.source != "TLIN" or name not in trigger.inputs:
            return
        if first and trigger.direction == "SOUR":
            return
        self._operate("TRIG", True)
        yield from self._wait("TLIN", trigger.input_line)
        self._operate("TRIG", False)

    def _wait(self, source: str, line: int) -> Steps:
        if source == "TLIN" and line in self._latched:
            self._latched.discard(line)
            return
        self._awaited, self._line = source, line
        while self._awaited:
            yield None

    # -- events from outside -----------------------------------------------------------------

    def happen(self, source: str, line: int = 0) -> bool:
        """Take an event: a bus trigger, the TRIG key, a pulse of a line; False when ignored."""
        if source == self._awaited and (source != "TLIN" or line == self._line):
            self._awaited = ""
            if self._event is None:
                self.go_on()
            return True
        if source == "TLIN":
            self._latched.add(line)
        return False

    def start_of_test(self, high: bool) -> None:
        """Take a pulse of the start-of-test line of the digital port."""
        for source in ("PST" if high else "NST", "BST"):
            if self._awaited == source:
                self.happen(source)

    def forget(self) -> None:
        """Clear pending input triggers."""
        self._latched.clear()

    def check_query(self) -> None:
        """Refuse a query that would wait for a trigger which cannot come before its answer."""
        if self._chassis.setup.arm.source == "BUS":
            raise ScpiError(DEADLOCK)
