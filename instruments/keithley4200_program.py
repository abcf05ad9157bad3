"""From a step to a Segment Arb test of a 4225-PMU, and what stands against it.

Nothing here talks to an instrument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from instruments.keithley4200_limits import (
    LONGEST_SAMPLE,
    MOST_LOOPS,
    MOST_SAMPLES,
    MOST_SEGMENTS,
    MOST_SEQUENCES,
    RESISTANCE,
    Model,
    Source,
    limits_of,
    ranges_of,
)
from instruments.keithley4200_segments import Entry, Layout, Reading, Straight, lay_out
from instruments.pieces import Compiled, Findings, check_play
from instruments.ranges import Range, range_for
from labctl.steps import Play
from labctl.units import show

__all__ = ["Program", "Track", "Unit", "compile_play"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The instrument a program is made for."""

    model: Model
    module: bool  #: whether there are 4225-RPMs
    channels: Mapping[str, str]  #: device terminal -> ``pmu1`` or ``pmu2``


@dataclass(frozen=True, slots=True)
class Track:
    """One channel of a program."""

    terminal: str
    number: int  #: of the channel
    i_meter: Range


@dataclass(frozen=True, slots=True)
class Program:
    """All that is sent, and all that is known of what comes back."""

    source: Source
    tracks: tuple[Track, ...]
    compliance: float  #: A; readings beyond it are flagged
    sequences: tuple[tuple[Straight, ...], ...]  #: number 1 is the first
    playlist: tuple[tuple[int, int], ...]  #: (sequence, loops)
    ticks: int  #: duration, 10 ns
    sample: int = 0  #: of captured waveforms, ticks from one to the next; 0 where there are none

    @property
    def duration(self) -> float:
        """How long it plays, s."""
        return self.ticks * 10e-9

    def readings(self, terminal: str) -> Iterator[Reading]:
        """Yield what a channel reads, in the order in which it does."""
        for number, loops in self.playlist:
            here = [
                reading
                for segment in self.sequences[number - 1]
                for reading in segment.measured(terminal)
            ]
            for _ in range(loops if here else 0):
                yield from here

    def shortest_reading(self, terminal: str) -> float | None:
        """Return the shortest spot mean of a channel, s; None when it is not measured."""
        ticks = [
            reading.stop - reading.start
            for segments in self.sequences
            for segment in segments
            for reading in segment.measured(terminal)
        ]
        return min(ticks) * 10e-9 if ticks else None


def compile_play(play: Play, unit: Unit) -> Compiled[Program]:
    """Make the program of a step, and say what stands against it.

    Parameters
    ----------
    play
        Waveform, compliance and current ranges.
    unit
        The instrument.
    """
    found = Findings(unit.model.name)
    summary = play.waveform.summary()
    peak = max(summary.peak.values(), default=0.0)
    check_play(play, unit.channels, limits_of(unit.model), found)
    if found.by_limit:
        return Compiled(None, found.violations)
    source = next(s for s in unit.model.sources if peak <= s.full_scale * (1 + 1e-9))
    tracks = _tracks(play, unit, source, found)
    layout = lay_out(play.waveform, tuple(track.terminal for track in tracks), source, found)
    _check_loops(layout, found)
    if found.by_limit:
        return Compiled(None, found.violations)
    program = _program(play, source, tracks, layout, found)
    serious = bool(found.by_limit)
    _check_compliance(play, peak, found)
    return Compiled(None if serious else program, found.violations)


def _tracks(play: Play, unit: Unit, source: Source, found: Findings) -> tuple[Track, ...]:
    tracks = []
    ranges = ranges_of(source, module=unit.module)
    for terminal, channel in sorted(unit.channels.items(), key=lambda item: item[1]):
        # more than its largest range the card cannot give anyway
        asked = play.ranges.get(terminal, min(play.compliance, ranges[-1].full_scale))
        meter = range_for(ranges, asked) if asked > 0 else None
        if meter is None:
            allowed = f"up to {show(ranges[-1].full_scale, 'A')} at {show(source.full_scale, 'V')}"
            found.add("current range", show(asked, "A"), allowed, "choose a smaller range")
            continue
        tracks.append(Track(terminal, int(channel[-1]), meter))
    return tuple(tracks)


def _check_loops(layout: Layout, found: Findings) -> None:
    if any(entry.loops > MOST_LOOPS for entry in layout.entries):
        found.add(
            "loops",
            f"{max(entry.loops for entry in layout.entries)} turns",
            f"at most {MOST_LOOPS} of one body",
            "play the waveform in several steps",
        )


def _program(
    play: Play, source: Source, tracks: tuple[Track, ...], layout: Layout, found: Findings
) -> Program:
    numbers: dict[tuple[Straight, ...], int] = {}
    playlist: list[tuple[int, int]] = []
    for entry in layout.entries:
        number = numbers.setdefault(entry.segments, len(numbers) + 1)
        playlist.append((number, entry.loops))
    segments = sum(map(len, numbers))
    if segments > MOST_SEGMENTS or len(numbers) > MOST_SEQUENCES:
        found.add(
            "segments",
            f"{segments} different segments in {len(numbers)} sequences",
            f"at most {MOST_SEGMENTS} in {MOST_SEQUENCES} sequences in one step",
            "repeat one body with * n, or play the waveform in several steps",
        )
    program = Program(
        source=source,
        tracks=tracks,
        compliance=play.compliance,
        sequences=tuple(numbers),
        playlist=tuple(playlist),
        ticks=_duration(layout.entries),
        sample=_sample(numbers, tracks, found),
    )
    _check_samples(program, found)
    return program


def _check_samples(program: Program, found: Findings) -> None:
    """Note more samples than a converter takes: the card would lower the rate by itself."""
    for track in program.tracks if program.sample else ():
        ticks = sum(
            loops * sum(r.stop - r.start for s in segments for r in s.measured(track.terminal))
            for segments, loops in (
                (program.sequences[number - 1], loops) for number, loops in program.playlist
            )
        )
        if ticks > MOST_SAMPLES * program.sample:
            found.add(
                "samples",
                f"{ticks / program.sample:.3g}, since spot means share the rate of the waveforms",
                f"fewer than {MOST_SAMPLES:.0e}",
                "capture more slowly, or play what is not captured in another step",
            )


def _sample(
    sequences: Iterable[tuple[Straight, ...]], tracks: tuple[Track, ...], found: Findings
) -> int:
    """Return how far apart the samples of all captured waveforms are, ticks; 0 without any."""
    measured = [
        segment.measured(track.terminal)
        for segments in sequences
        for segment in segments
        for track in tracks
    ]
    lengths = [{reading.stop - reading.start for reading in readings} for readings in measured]
    captured = {n for some, r in zip(lengths, measured, strict=True) if len(r) > 1 for n in some}
    if not captured:
        return 0
    step = max(captured)
    if len(captured) > 1:
        found.add(
            "sample rate",
            f"samples {' and '.join(show(n * 10e-9, 's') for n in sorted(captured))} apart",
            "one rate for all waveforms that a step captures",
            "give all of them the same windows, or play them in several steps",
        )
    if step > LONGEST_SAMPLE:
        found.add(
            "sample rate",
            f"samples {show(step * 10e-9, 's')} apart",
            f"at most {show(LONGEST_SAMPLE * 10e-9, 's')}",
            "take shorter windows, or one for each level",
        )
    if any(min(some) < step for some in lengths if some):
        found.add(
            "aperture",
            "a reading that is shorter than the samples of the same step",
            f"at least {show(step * 10e-9, 's')}",
            "measure over a longer part of the level, or play it in another step",
        )
    return step


def _duration(entries: tuple[Entry, ...]) -> int:
    return sum(entry.ticks for entry in entries)


def _check_compliance(play: Play, peak: float, found: Findings) -> None:
    """Say that nothing but 50 Ohm holds the current, where that is more than was allowed."""
    most = peak / RESISTANCE
    if most <= play.compliance:
        return
    found.add(
        "compliance",
        show(play.compliance, "A"),
        f"{show(most, 'A')} or more at {show(peak, 'V')}: a pulse card limits a current by its "
        f"{RESISTANCE:g} Ohm alone",
        "put a resistor in series with the sample and give the compliance that it allows",
        f"up to {show(most, 'A')} instead of {show(play.compliance, 'A')}, with readings beyond "
        "that flagged",
        most,
    )
