"""Standard pulses: bursts, sweeps and steps as blocks, with the timing that is refused.

The width of a pulse is that at half maximum; its top lasts the width without half of each edge.
Spot means are taken over a share of the top, 75 to 90 % by default, and of the base between the end
of a pulse and the end of the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_channel import ChannelSettings, Sweep
from sim_backend.instruments.keithley4200_score import (
    SPOT,
    WAVEFORM,
    Block,
    Ends,
    Lane,
    Window,
    grid,
    join,
)
from sim_backend.instruments.keithley4200_sequences import source_level
from sim_backend.instruments.keithley4200_specification import (
    LONGEST_EDGE,
    LONGEST_PERIOD,
    MOST_POINTS,
    VOLTAGE_RANGES,
)
from sim_backend.wire.kxci import KxciError

__all__ = ["Mode", "check_times", "levels", "pulse_blocks"]

#: pulses that load-line compensation plays before it has found the level [check]
_ITERATIONS = 3
_CLOSE = 1e-12  # s


class Mode:
    """What ``:PMU:MEASURE:MODE`` chooses."""

    NONE, SPOT, WAVEFORM, SPOT_AVERAGE, WAVEFORM_AVERAGE = range(5)


def levels(start: float, stop: float, step: float, *, back: bool = False) -> tuple[float, ...]:
    """Return the values of a linear sweep, to the stop and perhaps back again.

    Raises
    ------
    KxciError
        The step is zero.
    """
    if step == 0:
        raise KxciError(errors.OUT_OF_RANGE, "a step of 0 V")
    count = int(abs((stop - start) / step) * (1 + 1e-9)) + 1
    if count > 100_000:
        raise KxciError(errors.TOO_MANY_POINTS, f"{count} levels")
    signed = abs(step) if stop >= start else -abs(step)
    values = tuple(start + k * signed for k in range(count))
    return (*values, *reversed(values)) if back else values


def check_times(settings: ChannelSettings) -> None:
    """Refuse a timing that the source range does not allow.

    Raises
    ------
    KxciError
        What is wrong.
    """
    s, limits = settings, VOLTAGE_RANGES[settings.source_range]
    edges = (s.rise + s.fall) / 2
    wrong = (
        (not _within(limits.shortest_period, s.period, LONGEST_PERIOD), "period"),
        (not _within(limits.shortest_edge, s.rise, LONGEST_EDGE), "rise time"),
        (not _within(limits.shortest_edge, s.fall, LONGEST_EDGE), "fall time"),
        (not _within(limits.shortest_width, s.width, s.period - 10e-9), "width"),
        (s.width < edges - _CLOSE or s.rise > s.width + _CLOSE, "width against edges"),
        (0 < s.delay < 20e-9 - _CLOSE, "delay"),
        (s.period - s.delay - s.width - edges < limits.shortest_off - _CLOSE, "off time"),
    )
    for bad, what in wrong:
        if bad:
            raise KxciError(errors.PULSE_TIMES, what)


def _within(low: float, value: float, high: float) -> bool:
    return low - _CLOSE <= value <= high + _CLOSE


def pulse_blocks(channels: Mapping[int, ChannelSettings], mode: int, count: int) -> list[Block]:
    """Make the blocks of bursts, for every value of a sweep and every step.

    Parameters
    ----------
    channels
        Those with their output on.
    mode
        Of `Mode`.
    count
        Pulses in a burst.

    Raises
    ------
    KxciError
        Timing, levels or sweeps are not possible.
    """
    for settings in channels.values():
        check_times(settings)
    if len({grid(settings.period) for settings in channels.values()}) > 1:
        raise KxciError(errors.TIMING_DIFFERS, "periods")
    blocks: list[Block] = []
    for point in _points(channels):
        if any(settings.compensated for settings in channels.values()):
            blocks.append(_burst(point, Mode.NONE, _ITERATIONS))
        blocks.append(_burst(point, mode, count))
    return blocks


def _points(channels: Mapping[int, ChannelSettings]) -> Iterator[dict[int, ChannelSettings]]:
    """Yield the settings of every point: the sweep inside, the step outside."""
    sweeps = {k: s.sweep for k, s in channels.items() if s.sweep is not None}
    steps = {k: s.step for k, s in channels.items() if s.step is not None}
    if steps and not sweeps:
        raise KxciError(errors.NO_SWEEP)
    for some in (sweeps, steps):
        if len({len(sweep.values) for sweep in some.values()}) > 1:
            raise KxciError(errors.POINTS_DIFFER)
    inner = max((len(sweep.values) for sweep in sweeps.values()), default=1)
    outer = max((len(sweep.values) for sweep in steps.values()), default=1)
    if inner * outer > MOST_POINTS:
        raise KxciError(errors.TOO_MANY_POINTS, f"{inner * outer} levels")
    for o in range(outer):
        for i in range(inner):
            point = {k: _set(channels[k], sweep, i) for k, sweep in sweeps.items()}
            point |= {k: _set(channels[k], sweep, o) for k, sweep in steps.items()}
            yield {k: point.get(k, settings) for k, settings in channels.items()}


def _set(settings: ChannelSettings, sweep: Sweep, k: int) -> ChannelSettings:
    value = sweep.values[k]
    if sweep.what == "amplitude":
        return replace(settings, base=sweep.constant, amplitude=value)
    if sweep.what == "base":
        return replace(settings, base=value, amplitude=sweep.constant)
    return replace(settings, base=value, amplitude=value)


def _burst(point: Mapping[int, ChannelSettings], mode: int, count: int) -> Block:
    lanes = {channel: _lane(channel, settings, mode) for channel, settings in point.items()}
    return join(lanes, count)


def _lane(channel: int, s: ChannelSettings, mode: int) -> Lane:
    base, top = source_level(s, s.base), source_level(s, s.amplitude)
    rise, fall = grid(s.rise), grid(s.fall)
    # the times of the edges are cut out of the width, half of each
    flat = max(0, grid(s.width - (s.rise + s.fall) / 2))
    delay = grid(s.delay)
    rest = grid(s.period) - delay - rise - flat - fall
    course: list[tuple[int, Ends]] = [
        (delay, (base, base)), (rise, (base, top)), (flat, (top, top)), (fall, (top, base)),
        (rest, (base, base)),
    ]  # fmt: skip
    return Lane(
        tuple(piece for piece in course if piece[0] > 0),
        tuple(_windows(channel, s, mode, (delay, rise, flat, fall, rest))),
    )


def _windows(
    channel: int, s: ChannelSettings, mode: int, ticks: tuple[int, int, int, int, int]
) -> Iterator[Window]:
    delay, rise, flat, fall, rest = ticks
    averaged = mode in (Mode.SPOT_AVERAGE, Mode.WAVEFORM_AVERAGE)
    if mode in (Mode.SPOT, Mode.SPOT_AVERAGE):
        after = delay + rise + flat + fall
        spans = (((delay + rise, flat), s.high), ((after, rest), s.low))
        place = 0
        for (start, length), wanted in spans:
            first, last = (start + round(length * share) for share in s.piv)
            if wanted:
                yield Window(channel, first, max(last, first + 1), SPOT, averaged, place)
                place += 1
    elif mode in (Mode.WAVEFORM, Mode.WAVEFORM_AVERAGE):
        before, after = (round(grid(s.width) * share) for share in s.around)
        first = max(0, delay - before)
        last = min(sum(ticks), delay + rise + flat + fall + after)
        yield Window(channel, first, last, WAVEFORM, averaged, 0)
