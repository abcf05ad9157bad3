"""Segment Arb: from the sequences of the channels to blocks, with everything that is refused.

A segment lasts 20 ns to 1 s on the 10 V range and 50 ns to 1 s on the 40 V range, and starts where
the one before it stops; a relay that opens or closes takes 25 us; the channels share a clock
(KXCI Programming, section 7; Pulse Card User's Manual, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_channel import ChannelSettings
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
from sim_backend.instruments.keithley4200_specification import (
    GRID,
    LONGEST_SEGMENT,
    OUTPUT_RESISTANCE,
    VOLTAGE_RANGES,
)
from sim_backend.wire.kxci import KxciError

__all__ = ["MOST_SEGMENTS", "sequence_blocks", "source_level"]

MOST_SEGMENTS = 2048  # of a channel [P page 4-12]
_RELAY = 25e-6  # s [P page 4-12]
_SEAM = 1e-6  # V: levels that differ by less join
_CLOSE = 1e-12  # s: rounding of a decimal time
#: the levels of the last segment are held for one more tick [P page 4-12]
_TAIL = 1


def source_level(settings: ChannelSettings, level: float) -> float:
    """Return the level of the source that gives `level` at the load it is told to expect, V.

    Raises
    ------
    KxciError
        The source cannot give it.
    """
    factor = 1.0 if settings.compensated else 1.0 + OUTPUT_RESISTANCE / settings.load
    most = VOLTAGE_RANGES[settings.source_range].full_scale
    if abs(level) > most or abs(level) * factor > most * (1 + 1e-4):
        raise KxciError(errors.LEVEL, f"{level:g} V")
    return level * factor


def sequence_blocks(channels: Mapping[int, ChannelSettings]) -> list[Block]:
    """Make the blocks that the channels' lists of sequences come to.

    Parameters
    ----------
    channels
        Those with their output on.

    Raises
    ------
    KxciError
        A sequence or a list is not possible.
    """
    entries = [list(_entries(channel, settings)) for channel, settings in channels.items()]
    if len({len(lanes) for lanes in entries}) > 1:
        raise KxciError(errors.TIMING_DIFFERS, "lists of different lengths")
    blocks = []
    for together in zip(*entries, strict=True):
        loops = {loops for loops, _ in together}
        spans = {sum(ticks for ticks, _ in lane.pieces) for _, lane in together}
        if len(loops) > 1 or len(spans) > 1:
            raise KxciError(errors.TIMING_DIFFERS, "sequences that are played together")
        lanes = {channel: lane for channel, (_, lane) in zip(channels, together, strict=True)}
        blocks.append(join(lanes, loops.pop()))
    last = blocks[-1].stretches[-1].levels
    held: dict[int, Ends] = {k: ends and (ends[1], ends[1]) for k, ends in last.items()}
    tail = {k: Lane([(_TAIL, ends)], ()) for k, ends in held.items()}
    return [*blocks, join(tail, 1)]


def _entries(channel: int, settings: ChannelSettings) -> Iterator[tuple[int, Lane]]:
    if not settings.playlist:
        raise KxciError(errors.NO_SEQUENCE, f"channel {channel} has no list")
    if settings.range_type != 2:
        raise KxciError(errors.FIXED_RANGE, f"channel {channel}")
    if sum(len(s.get("TIME", ())) for s in settings.sequences.values()) > MOST_SEGMENTS:
        raise KxciError(errors.TOO_MANY_SEGMENTS, f"channel {channel}, more than {MOST_SEGMENTS}")
    known: dict[int, Lane] = {}
    closed, level = True, None
    for number, loops in settings.playlist:
        arrays = _arrays(channel, settings, number)
        if number not in known:
            known[number] = _lane(channel, settings, arrays)
        _check_seams(arrays, level, loops)
        closed = _check_relays(arrays, closed, loops)
        level = arrays["STOPV"][-1]
        yield loops, known[number]


def _arrays(channel: int, settings: ChannelSettings, number: int) -> dict[str, list[float]]:
    """Return the arrays of a sequence, with those that were not sent."""
    where = f"channel {channel}, sequence {number}"
    given = settings.sequences.get(number)
    if given is None or not all(given.get(key) for key in ("TIME", "STARTV", "STOPV")):
        raise KxciError(errors.NO_SEQUENCE, where)
    count = len(given["TIME"])
    nothing, ones = [0.0] * count, [1.0] * count
    arrays = {"MEAS:TYPE": nothing, "MEAS:START": nothing, "MEAS:STOP": nothing, "SSR": ones}
    arrays |= given
    if any(len(array) != count for array in arrays.values()):
        raise KxciError(errors.LENGTHS, where)
    return arrays


def _lane(channel: int, settings: ChannelSettings, arrays: dict[str, list[float]]) -> Lane:
    limits = VOLTAGE_RANGES[settings.source_range]
    pieces: list[tuple[int, Ends]] = []
    windows: list[Window] = []
    at = 0
    for k, duration in enumerate(arrays["TIME"]):
        if not limits.shortest_segment - _CLOSE <= duration <= LONGEST_SEGMENT + _CLOSE:
            raise KxciError(errors.OUT_OF_RANGE, f"a segment of {duration:g} s")
        begin, end = (source_level(settings, arrays[key][k]) for key in ("STARTV", "STOPV"))
        pieces.append((grid(duration), (begin, end) if arrays["SSR"][k] else None))
        window = _window(channel, arrays, k, at, len(windows))
        if window is not None:
            windows.append(window)
        at += pieces[-1][0]
    return Lane(tuple(pieces), tuple(windows))


def _window(
    channel: int, arrays: dict[str, list[float]], k: int, at: int, place: int
) -> Window | None:
    kind = int(arrays["MEAS:TYPE"][k])
    start, stop = arrays["MEAS:START"][k], arrays["MEAS:STOP"][k]
    if kind == 0:
        if start or stop:
            raise KxciError(errors.WINDOW_WITHOUT_MEASURE, f"segment {k + 1}")
        return None
    duration = arrays["TIME"][k]
    if not (0 <= start < stop <= duration + _CLOSE) or grid(stop) <= grid(start):
        raise KxciError(errors.WINDOW, f"segment {k + 1}, {start:g} s to {stop:g} s")
    last = min(grid(stop), grid(duration))
    what = SPOT if kind in (1, 3) else WAVEFORM
    return Window(channel, at + grid(start), at + last, what, kind > 2, place)


def _check_seams(arrays: dict[str, list[float]], level: float | None, loops: int) -> None:
    starts, stops = arrays["STARTV"], arrays["STOPV"]
    seams = list(zip(stops, starts[1:], strict=False))
    if level is not None:
        seams.append((level, starts[0]))
    if loops > 1:
        seams.append((stops[-1], starts[0]))
    for stop, start in seams:
        if abs(stop - start) > _SEAM:
            raise KxciError(errors.NOT_SEAMLESS, f"{stop:g} V and then {start:g} V")


def _check_relays(arrays: dict[str, list[float]], closed: bool, loops: int) -> bool:
    states, times = arrays["SSR"], arrays["TIME"]
    before = [float(closed), *states, *([states[0]] if loops > 1 else [])]
    for k, (old, new) in enumerate(pairwise(before)):
        if old != new and times[k % len(times)] < _RELAY - GRID / 2:
            raise KxciError(errors.RELAY_TIME, f"segment {k % len(times) + 1}")
    return bool(states[-1])
