"""The measurement modes of a virtual B1500A, each a course of time: what it yields are waits, s.

Spot, staircase sweep, pulsed spot, pulsed sweep and sampling, as drawn in the programming guide,
chapter 2. A pulse is measured in its last part, so that the measurement ends with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress

from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import FlexError
from sim_backend.instruments.b1500_setup import Setup, data, stamp
from sim_backend.instruments.b1500_smu import Smu, Taken

__all__ = ["Modes"]

_EDGE = 1e-9  # s: what lies nearer to now than that is now

Course = Generator[float, None, None]


class Modes:
    """The modes over a set of channels.

    Parameters
    ----------
    setup
        What is set.
    smus
        Channels by number.
    line_frequency
        Of the mains, Hz.
    now
        The laboratory's time, s.
    """

    def __init__(
        self, setup: Setup, smus: Mapping[int, Smu], line_frequency: float,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self.setup, self.smus, self.now = setup, smus, now
        self._frequency = line_frequency
        self._free = -math.inf  # when the last pulse period is over

    def run(self, items: list[str]) -> Course:
        """Measure in the mode that is set; data are appended as they come.

        Raises
        ------
        FlexError
            Nothing is set to be measured, or its source is missing.
        """
        mode = self.setup.mode
        courses = {1: self._spot, 2: self._staircase, 3: self._pulses, 4: self._pulses,
                   10: self._sampling}  # fmt: skip
        if mode not in courses or not self.setup.measured:
            raise FlexError(errors.NO_MODE)
        if not all(self.smus[n].on for n in self.setup.measured):
            raise FlexError(errors.SWITCH)
        yield from courses[mode](items)

    def told(self, number: int, taken: Taken) -> str:
        """Return a reading as it is sent, with its status."""
        others = any(smu.limited for n, smu in self.smus.items() if n != number)
        status = "V" if taken.over else "C" if taken.limited else "T" if others else "N"
        return data(self.setup.format, number, taken, status)

    def stamped(self, number: int) -> str:
        """Return the time on the timer, as it is sent."""
        return stamp(self.setup.format, number, self.now() - self.setup.zero)

    def _noted(self, items: list[str], number: int) -> None:
        if self.setup.stamped:
            items.append(self.stamped(number))

    def _until(self, when: float) -> Course:
        if when - self.now() > _EDGE:
            yield when - self.now()

    def _measured(self, items: list[str]) -> Course:
        """Take one reading on each measurement channel, one after the other."""
        for number in self.setup.measured:
            smu = self.smus[number]
            self._noted(items, number)
            aperture = self.setup.aperture(min(smu.converter, 1), self._frequency)
            taken = yield from smu.measure(smu.wanted, aperture)
            items.append(self.told(number, taken))

    # -- modes --------------------------------------------------------------------------------

    def _spot(self, items: list[str]) -> Course:
        yield from self._measured(items)

    def _staircase(self, items: list[str]) -> Course:
        sweep = self.setup.staircase
        smu = self._source(sweep.channel)
        hold, delay, step, *_ = sweep.times
        begin = self.now() + hold
        for k, level in enumerate(sweep.levels):
            smu.force(level, sweep.code, sweep.compliance)
            start = self.now() if k else begin
            yield from self._until(start + delay)
            yield from self._measured(items)
            yield from self._until(start + delay + step)
        smu.force(sweep.levels[-sweep.post + 1], sweep.code, sweep.compliance)

    def _pulses(self, items: list[str]) -> Course:
        pulse = self.setup.pulse
        smu = self._source(pulse.channel)
        if pulse.sweep != (self.setup.mode == 4) or len(self.setup.measured) != 1:
            raise FlexError(errors.NO_MODE)
        code = max(pulse.levels, key=abs)
        smu.allow(code, pulse.code, pulse.compliance)
        smu.force(pulse.base, pulse.code, pulse.compliance)
        begin = max(self.now() + pulse.hold, self._free)
        try:
            for k, level in enumerate(pulse.levels):
                yield from self._pulse(smu, level, begin + k * pulse.period, items)
        finally:  # an abort, too, leaves it at its base
            with suppress(FlexError):
                smu.force(pulse.base, pulse.code, pulse.compliance)
            self._free = max(self._free, self.now() + pulse.period - pulse.width)
        if pulse.sweep:
            yield from self._until(begin + len(pulse.levels) * pulse.period)

    def _pulse(self, smu: Smu, level: float, start: float, items: list[str]) -> Course:
        pulse, (number,) = self.setup.pulse, self.setup.measured
        aperture = self.setup.aperture(2, self._frequency, pulse.width)
        aperture = min(aperture, pulse.width)
        yield from self._until(start)
        smu.force(level, pulse.code, pulse.compliance)
        yield from self._until(start + pulse.width - aperture)
        meter = self.smus[number]
        self._noted(items, number)
        taken = yield from meter.measure(meter.wanted, aperture)
        smu.force(pulse.base, pulse.code, pulse.compliance)
        items.append(self.told(number, taken))

    def _sampling(self, items: list[str]) -> Course:
        sampling = self.setup.sampling
        sources = [(self._source(n), *row) for n, row in sampling.sources.items()]
        if not sources:
            raise FlexError(errors.NO_MODE)
        for smu, code, base, _, compliance in sources:
            smu.force(base, code, compliance)
        yield from self._until(self.now() + sampling.base_hold)
        for smu, code, _, bias, compliance in sources:
            smu.force(bias, code, compliance)
        begin = self.now() + max(sampling.bias_hold, 0.0)
        for k in range(self._samples()):
            yield from self._until(begin + k * self._stride() * sampling.interval)
            yield from self._measured(items)
        yield from self._until(begin + sampling.number * sampling.interval)
        if sampling.post == 1:
            for smu, code, base, _, compliance in sources:
                smu.force(base, code, compliance)

    def _stride(self) -> int:
        """Return how many intervals a point takes, where measuring is slower than one."""
        kinds = [min(self.smus[n].converter, 1) for n in self.setup.measured]
        needed = sum(self.setup.aperture(kind, self._frequency) for kind in kinds)
        return max(1, math.ceil(needed / self.setup.sampling.interval - 1e-6))

    def _samples(self) -> int:
        return -(-self.setup.sampling.number // self._stride())

    def _source(self, number: int) -> Smu:
        if number not in self.smus:
            raise FlexError(errors.NO_MODE)
        return self.smus[number]


def staircase(start: float, stop: float, steps: int, mode: int) -> Sequence[float]:
    """Return the levels of a linear sweep; mode 3 goes there and back.

    Raises
    ------
    FlexError
        The mode is another one, or the number of steps is not possible.
    """
    if mode not in (1, 3) or not 1 <= steps <= 10001:
        raise FlexError(errors.PARAMETER)
    width = (stop - start) / (steps - 1) if steps > 1 else 0.0
    levels = [start + width * k for k in range(steps)]
    return levels + levels[::-1] if mode == 3 else levels
