"""The FLEX commands that set pulses, staircases and samplings of a virtual B1500A."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import FlexError
from sim_backend.instruments.b1500_modes import staircase
from sim_backend.instruments.b1500_setup import Setup
from sim_backend.instruments.b1500_smu import Smu

__all__ = ["Sources", "one_of"]


class Sources:
    """Their part of the table of commands.

    Parameters
    ----------
    setup
        What they set.
    find
        Returns a channel by its number.
    """

    def __init__(self, setup: Setup, find: Callable[[float], Smu]) -> None:
        self._setup, self._find = setup, find
        self.table: dict[str, Callable[..., Any]] = {
            "PT": self._pulse_times, "PV": self._pulse, "PWV": self._pulse_sweep,
            "WT": self._sweep_times, "WM": self._sweep_end, "WV": self._sweep,
            "ML": self._sampling_mode, "MT": self._sampling_times, "MSC": self._sampling_end,
            "MV": self._sampling_source,
        }  # fmt: skip

    def _pulse_times(
        self, hold: float, width: float, period: float = 0.0, _delay: float = 0.0
    ) -> None:
        least = width + (2e-3 if width <= 0.1 + 1e-9 else 10e-3)
        period = max(5e-3, least) if period == 0 else period
        if not (0 <= hold <= 655.35 and 0.5e-3 - 1e-9 <= width <= 2.0 and period <= 5.0 + 1e-9):
            raise FlexError(errors.TIMING)
        if period < max(5e-3, least) - 1e-9:
            raise FlexError(errors.TIMING)
        pulse = self._setup.pulse
        pulse.hold, pulse.width, pulse.period = hold, width, period

    def _pulse(
        self, number: float, code: float, base: float, peak: float, compliance: float = 0.0
    ) -> None:
        self._pulse_source(number, code, base, [peak], compliance)
        self._setup.pulse.sweep = False

    def _pulse_sweep(
        self, number: float, mode: float, code: float, base: float, start: float, stop: float,
        steps: float, compliance: float = 0.0, *_: float,
    ) -> None:  # fmt: skip
        if steps > 1001:
            raise FlexError(errors.PARAMETER)
        levels = staircase(start, stop, int(steps), int(mode))
        self._pulse_source(number, code, base, levels, compliance)
        self._setup.pulse.sweep = True

    def _pulse_source(
        self, number: float, code: float, base: float, levels: Sequence[float], compliance: float
    ) -> None:
        smu = self._find(number)
        compliance = compliance or smu.compliance
        for level in (base, *levels):
            smu.allow(level, int(code), compliance)
            if level * base < 0:
                raise FlexError(errors.PARAMETER)
        pulse = self._setup.pulse
        pulse.channel, pulse.code, pulse.base = smu.number, int(code), base
        pulse.levels, pulse.compliance = tuple(levels), compliance

    def _sweep_times(self, hold: float, delay: float, *rest: float) -> None:
        times = (hold, delay, *rest, 0.0, 0.0, 0.0)[:5]
        if not (0 <= hold <= 655.35 and 0 <= delay <= 65.535 and 0 <= times[2] <= 1.0):
            raise FlexError(errors.TIMING)
        self._setup.staircase.times = times

    def _sweep_end(self, abort: float, post: float = 1) -> None:
        sweep = self._setup.staircase
        sweep.abort, sweep.post = one_of(abort, (1, 2)), one_of(post, (1, 2))

    def _sweep(
        self, number: float, mode: float, code: float, start: float, stop: float, steps: float,
        compliance: float = 0.0, *_: float,
    ) -> None:  # fmt: skip
        smu, sweep = self._find(number), self._setup.staircase
        compliance = compliance or smu.compliance
        levels = staircase(start, stop, int(steps), int(mode))
        for level in (start, stop):
            smu.allow(level, int(code), compliance)
        sweep.channel, sweep.code, sweep.levels = smu.number, int(code), tuple(levels)
        sweep.compliance = compliance
        sweep.told = f"{mode:.0f},{code:.0f},{start:g},{stop:g},{steps:.0f},{compliance:g}"

    def _sampling_mode(self, mode: float) -> None:
        one_of(mode, (1,))  # linear; logarithmic sampling is not drawn here

    def _sampling_times(
        self, hold: float, interval: float, number: float, base: float = 0.0
    ) -> None:
        channels = max(1, len(self._setup.measured))
        short = 1e-4 + 2e-5 * (channels - 1)
        if not (short - 1e-9 <= interval <= 65.535 and 0 <= hold <= 655.35 and 0 <= base <= 655.35):
            raise FlexError(errors.TIMING)
        if not 1 <= number <= 100001 // channels:
            raise FlexError(errors.PARAMETER)
        sampling = self._setup.sampling
        sampling.bias_hold, sampling.interval = hold, interval
        sampling.number, sampling.base_hold = int(number), base

    def _sampling_end(self, abort: float, post: float = 2) -> None:
        sampling = self._setup.sampling
        sampling.abort, sampling.post = one_of(abort, (1, 2)), one_of(post, (1, 2))

    def _sampling_source(
        self, number: float, code: float, base: float, bias: float, compliance: float = 0.0
    ) -> None:
        smu = self._find(number)
        compliance = compliance or smu.compliance
        for level in (base, bias):
            smu.allow(level, int(code), compliance)
        self._setup.sampling.sources[smu.number] = (int(code), base, bias, compliance)


def one_of(value: float, allowed: Sequence[int]) -> int:
    """Return a parameter as a whole number.

    Raises
    ------
    FlexError
        It is not one of those that are allowed.
    """
    if value not in allowed:
        raise FlexError(errors.PARAMETER)
    return int(value)
