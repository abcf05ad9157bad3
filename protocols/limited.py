"""A limit on pulses and time, for protocols that decide from readings how long they go on."""

from __future__ import annotations

from collections.abc import Generator

from labctl.readings import Readings
from labctl.steps import Play, Step, Steps, Wait

__all__ = ["Limit", "limited"]


class Limit:
    """What a closed loop may spend, and whether it was reached.

    Parameters
    ----------
    pulses
        Most pulses.
    time
        Longest time of waveforms and waits together, s; the computer's own time does not count,
        so that a resumed run decides alike.
    """

    def __init__(self, pulses: int, time: float) -> None:
        self._pulses, self._time = pulses, time
        self.pulses = 0  #: spent so far
        self.time = 0.0  #: spent so far, s
        self.reached = ""  #: in words, once a step was held back

    def allows(self, step: Step) -> bool:
        """Spend what a step needs; False, and nothing spent, where that would be too much."""
        pulses, time = 0, 0.0
        if isinstance(step, Play):
            does = step.waveform.summary()
            pulses, time = does.pulses, step.waveform.duration
        elif isinstance(step, Wait):
            time = step.duration
        if self.pulses + pulses > self._pulses:
            self.reached = f"ended at its limit of {self._pulses} pulses"
        elif self.time + time > self._time * (1 + 1e-12):
            self.reached = f"ended at its limit of {self._time:g} s"
        if self.reached:
            return False
        self.pulses += pulses
        self.time += time
        return True


def limited(course: Steps, limit: Limit) -> Generator[Step, Readings, bool]:
    """Go on with a course until it ends or its next step would pass the limit.

    Parameters
    ----------
    course
        Steps that decide from readings.
    limit
        What may be spent.

    Returns
    -------
    bool
        Whether the course came to its own end.
    """
    try:
        step = next(course)
        while limit.allows(step):
            answer = yield step
            step = course.send(answer)
    except StopIteration:
        return True
    course.close()
    return False
