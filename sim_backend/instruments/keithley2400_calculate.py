"""Calculations of a Series 2400: mathematics, null, limit tests with the digital output port.

Source: 2400 Series SourceMeter User's Manual, sections 8 and 12, table 18-1, pages 18-26 to 18-44
and 18-98 to 18-100; codes of the limit tests in the status word on page 18-51 (sorting). Those of
the grading mode are to be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sim_backend.instruments.keithley2400_expression import (
    NOT_A_NUMBER,
    Expression,
    compile_expression,
)
from sim_backend.instruments.keithley2400_readings import Reading, Result
from sim_backend.instruments.keithley2400_setup import Limit, Limits
from sim_backend.instruments.keithley2400_source import Chassis

__all__ = ["TESTS", "Calculator", "Verdict"]

TESTS = (2, 3, *range(5, 13))  #: tests against an upper and a lower limit, in their order
_PLACES = {"v": 0, "i": 1, "r": 2}
#: bits of the measurement event register
L1, LL2, HL2, LL3, HL3, ALL_PASS, CONTACT = 1, 2, 4, 8, 16, 32, 1024
_HIGH_EVENTS, _LOW_EVENTS = {2: HL2, 3: HL3}, {2: LL2, 3: LL3}
_ALL_FAIL = 31
_SORTED = {2: 2, 3: 3, 5: 4, **{k: k for k in range(6, 13)}}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the limit tests say of one reading."""

    code: int  #: of five bits, for the status word
    event: int  #: bit of the measurement event register
    pattern: int  #: for the digital output
    passed: bool


def _bits(code: int) -> int:
    """Return the bits 8, 9 and 19 to 21 of the status word."""
    return (code & 3) << 8 | (code >> 2) << 19


@dataclass(slots=True)
class Calculator:
    """Works out what is calculated of each reading."""

    chassis: Chassis
    first: list[Result] = field(default_factory=list)  #: CALCulate1, of the last series
    second: list[Result] = field(default_factory=list)  #: CALCulate2
    failed: dict[int, bool] = field(default_factory=dict)
    verdict: Verdict | None = None  #: the last one, until it is cleared
    composite: Verdict | None = None  #: the first failure since the last clear
    port: int | None = None  #: pattern of the digital output; None for the programmed one
    last: Reading | None = None  #: the last reading, whatever was done with it
    acquiring: bool = False  #: the next reading becomes the null offset
    _rows: list[Reading] = field(default_factory=list)
    _compiled: dict[str, Expression] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a series of readings."""
        self.first, self.second, self._rows = [], [], []
        if self.chassis.setup.limits.clear_auto:
            self.clear()

    def clear(self) -> None:
        """Forget the results of the limit tests."""
        self.failed, self.verdict, self.composite, self.port = {}, None, None, None

    def expression(self) -> Expression:
        """Return the expression that is selected, compiled."""
        settings = self.chassis.setup.calculation
        text = settings.defined[settings.name]
        if text not in self._compiled:
            self._compiled[text] = compile_expression(text)
        return self._compiled[text]

    @property
    def idle(self) -> bool:
        """Whether nothing is calculated."""
        setup = self.chassis.setup
        return not (
            setup.calculation.enabled
            or setup.limits.null
            or self.acquiring
            or any(test.enabled for test in setup.limits.tests.values())
        )

    def take(
        self, reading: Reading, compliance: bool
    ) -> tuple[Reading, Result | None, Result | None]:
        """Work out everything for a reading; returns it with the limit bits, and the results."""
        setup = self.chassis.setup
        first = self._mathematics(reading) if setup.calculation.enabled else None
        value = self._fed(reading, first)
        if value is None:
            return reading, first, None
        limits = setup.limits
        if self.acquiring and abs(value) < NOT_A_NUMBER:
            limits.offset, self.acquiring = value, False
        if limits.null and abs(value) < NOT_A_NUMBER:
            value -= limits.offset
        tested = any(test.enabled for test in limits.tests.values())
        if tested:
            self._judge(value, compliance)
            assert self.verdict is not None
            reading = reading._replace(status=int(reading.status) | _bits(self.verdict.code))
        second = None
        if tested or limits.null:
            second = Result(value, reading.t, reading.status)
            self.second.append(second)
        return reading, first, second

    def _mathematics(self, reading: Reading) -> Result | None:
        expression = self.expression()
        self._rows.append(reading)
        if len(self._rows) < expression.readings:
            return None
        (value,), self._rows = expression.over(self._rows), []
        result = Result(value, reading.t, reading.status)
        self.first.append(result)
        return result

    def acquire(self) -> None:
        """Take the last reading as null offset, or the next one when there is none."""
        last = self.last
        value = None if last is None else self._fed(last, self.first[-1] if self.first else None)
        if value is None or abs(value) >= NOT_A_NUMBER:
            self.acquiring = True
        else:
            self.chassis.setup.limits.offset = value

    def _fed(self, reading: Reading, first: Result | None) -> float | None:
        feed = self.chassis.setup.limits.feed
        if feed == "c":
            return None if first is None else first.value
        return reading[_PLACES[feed]]

    # -- limits ------------------------------------------------------------------------------

    def _judge(self, value: float, compliance: bool) -> None:
        limits = self.chassis.setup.limits
        self.failed = {}
        if limits.tests[1].enabled:
            self.failed[1] = compliance == (limits.tests[1].fail_on == "IN")
        for number in TESTS:
            test = limits.tests[number]
            if test.enabled:
                self.failed[number] = not test.lower <= value <= test.upper
        grade = self._graded if limits.mode == "GRAD" else self._sorted
        self.verdict = grade(limits, value)
        if self.composite is None and not self.verdict.passed:
            self.composite = self.verdict
            if limits.control == "IMM":
                self.port = self.verdict.pattern
        elif limits.mode == "SORT" and limits.control == "IMM":
            self.port = self.verdict.pattern

    def _graded(self, limits: Limits, value: float) -> Verdict:
        return next(self._failures(limits, value), Verdict(0, ALL_PASS, limits.pass_pattern, True))

    def _failures(self, limits: Limits, value: float) -> Iterator[Verdict]:
        """Yield what failed, in the order of the tests."""
        if self.failed.get(1):
            yield Verdict(1, L1, limits.tests[1].upper_pattern, False)
        for number in TESTS:
            if not self.failed.get(number):
                continue
            test = limits.tests[number]
            base = 2 * number - 2 if number < 4 else 2 * number - 3
            if value < test.lower:
                yield Verdict(base + 1, _LOW_EVENTS.get(number, 0), test.lower_pattern, False)
            else:
                yield Verdict(base, _HIGH_EVENTS.get(number, 0), test.upper_pattern, False)

    def _sorted(self, limits: Limits, _: float) -> Verdict:
        if self.failed.get(1):
            return Verdict(1, L1, limits.tests[1].upper_pattern, False)
        sorting = [number for number in TESTS if number in self.failed]
        if not sorting:
            return Verdict(0, ALL_PASS, limits.pass_pattern, True)
        for number in sorting:
            if not self.failed[number]:
                pattern = limits.tests[number].pass_pattern
                return Verdict(_SORTED[number], ALL_PASS, pattern, True)
        return Verdict(_ALL_FAIL, 0, limits.fail_pattern, False)

    def finish(self) -> None:
        """Operation leaves the trigger layer: what waited for that reaches the output port."""
        limits = self.chassis.setup.limits
        if self.verdict is None:
            return
        if self.composite is not None:
            self.port = self.composite.pattern
        elif limits.mode == "GRAD":
            self.port = limits.pass_pattern
        else:
            self.port = self.verdict.pattern

    def next_location(self) -> int:
        """Return the source memory location that the tests choose; 0 for the next one."""
        limits = self.chassis.setup.limits
        if self.verdict is None:
            return 0
        return limits.pass_location if self.verdict.passed else limits.fail_location

    def test(self, number: int) -> Limit:
        """Return the settings of a limit test."""
        return self.chassis.setup.limits.tests[number]
