"""The planner: before anything moves, how long, how many pulses, how much stress, what forbids it.

The protocol is walked as the engine would walk it, but its readings come from an ideal resistor.
For an open-loop protocol the plan is exact; where a protocol decides from readings it is the
nominal course (every write lands, every baseline returns at once), and says so.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

import msgspec

from labctl.benchfile import Definition, Envelope
from labctl.bounds import bounds, largest
from labctl.capability import Violation
from labctl.envelope import Gate
from labctl.outlook import Outlook, Resolution
from labctl.protocol import Protocol
from labctl.readings import Readings, Row
from labctl.steps import Play, Soak, Step, Wait
from labctl.units import parse, show
from labctl.waveform import Chain, Loop, Node, Overlay, Segment, Window, seconds

__all__ = ["Plan", "Violation", "imagine", "plan"]

_MOST_STEPS = 100_000
_USUAL = 1e-4  # S
_ROW_BYTES = 110
_STEP_BYTES = 700


class Plan(msgspec.Struct, frozen=True):
    """What a protocol will do on a bench.

    Charge and energy are upper bounds: from the compliance where a voltage is asked for, from the
    current and its voltage limit where a current is.
    """

    steps: int
    duration: float  #: s, without the computer's own time
    pulses: int
    readings: int
    #: largest level by terminal driven by a voltage, V; without those of light
    peak: dict[str, float]
    charge: float  #: at most, C
    energy: float  #: at most, J
    size: int  #: of the record, bytes
    complete: bool  #: False when the walk was cut short and the figures are lower limits
    nominal: bool = False  #: the protocol decides from readings and may do more
    violations: tuple[Violation, ...] = ()
    degradations: tuple[str, ...] = ()  #: what is played instead of what was asked for
    compliance: float = 0.0  #: largest, A
    modes: dict[str, int] = {}  #: who times how many of the steps, where the drivers say it
    timing: float = 0.0  #: largest expected error of an interval, s
    alone: float = 0.0  #: longest time that an instrument goes on if the computer falls silent, s
    resolutions: tuple[Resolution, ...] = ()  #: what the readings resolve, the worst of each role
    warnings: tuple[str, ...] = ()  #: what is feasible and still not worth much
    light: dict[str, float] = {}  #: largest irradiance by optical terminal, W/m2
    current: dict[str, float] = {}  #: largest level by terminal driven by a current, A
    voltage_limits: dict[str, float] = {}  #: largest voltage that each of the latter may reach, V

    @property
    def duration_text(self) -> str:
        """The duration as people write it."""
        return _clock(self.duration)

    @property
    def alone_text(self) -> str:
        """How long an instrument goes on by itself, as people write it."""
        return _clock(self.alone)

    @property
    def highest(self) -> float:
        """The largest voltage that any terminal may see, V."""
        return max((*self.peak.values(), *self.voltage_limits.values()), default=0.0)

    @property
    def peak_text(self) -> str:
        """The largest levels, each with its unit."""
        said = []
        if self.peak or not self.current:
            said.append(f"peak {show(max(self.peak.values(), default=0.0), 'V')}")
        if self.current:
            most, limit = max(self.current.values()), max(self.voltage_limits.values())
            said.append(f"current up to {show(most, 'A')} within {show(limit, 'V')}")
        return ", ".join(said)

    def sentence(self) -> str:
        """Say it in one line."""
        least = "" if self.complete else "at least "
        shine = max(self.light.values(), default=0.0)
        lit = f", light up to {show(shine, 'W/m2')}" if shine else ""
        return (
            f"{least}{self.steps} steps, {_clock(self.duration)}, {self.pulses} pulses, "
            f"{self.readings} readings, {self.peak_text}{lit}, charge up to "
            f"{show(self.charge, 'C')}, energy up to {show(self.energy, 'J')}, "
            f"record about {_bytes(self.size)}"
            + ("; nominal, since it decides from readings" if self.nominal else "")
        )


def plan(
    protocol: Protocol,
    definition: Definition,
    conductance: float | None = None,
    gate: Gate | None = None,
) -> Plan:
    """Walk a protocol on paper.

    Parameters
    ----------
    protocol
        What to measure.
    definition
        The bench; nothing is connected.
    conductance
        Of the ideal resistor that answers, S; 100 uS unless given. What the readings resolve is
        compared with the device of a virtual bench where neither is given.
    gate
        What may still be done to the devices of the sample; None for anything.

    Returns
    -------
    Plan
        With every violation of an instrument's limits, of the bench's envelope or of that of the
        device, each once.
    """
    course = None if gate is None else gate.course()
    total = _Total(frozenset(definition.light))
    walk = _walk(protocol, conductance or _USUAL)
    outlook = Outlook(conductance or _expected(definition))
    violations: dict[Violation, None] = {}
    degradations: dict[str, None] = {}
    for step in itertools.islice(walk, _MOST_STEPS):
        total.add(step)
        violations.update(dict.fromkeys(definition.check(step)))
        degradations.update(dict.fromkeys(definition.degradations(step)))
        if course is not None:
            course.take(step)
        if isinstance(step, Play) and (forecast := definition.forecast(step)) is not None:
            outlook.add(step, forecast)
    complete = next(walk, None) is None
    violations.update(dict.fromkeys(_spent(total, definition.envelope)))
    violations.update(dict.fromkeys(course.violations() if course is not None else ()))
    made = total.plan(complete, _gathered(violations))
    return msgspec.structs.replace(
        made,
        duration=made.duration + outlook.longer,
        nominal=protocol.decides,
        degradations=tuple(degradations),
        modes=outlook.modes,
        timing=outlook.timing,
        alone=outlook.alone,
        resolutions=outlook.resolutions,
        warnings=outlook.warnings,
    )


def _expected(definition: Definition) -> float:
    """Return the conductance of a virtual bench's device where its file gives one, S."""
    device = (definition.simulation or {}).get("device")
    given = device.get("conductance") if isinstance(device, Mapping) else None
    return parse(given, "S") if isinstance(given, str) else float(given or _USUAL)


class _Total:
    def __init__(self, light: frozenset[str]) -> None:
        self._light = light  # terminals that carry no current
        self.steps = self.pulses = self.readings = 0
        self.duration = self.charge = self.energy = 0.0
        self.peak: dict[str, float] = {}
        self.current: dict[str, float] = {}
        self.limits: dict[str, float] = {}
        self.shine: dict[str, float] = {}
        self.compliance = 0.0

    def add(self, step: Step) -> None:
        self.steps += 1
        if isinstance(step, Wait):
            self.duration += step.duration
        if not isinstance(step, Play):
            return
        does = step.waveform.summary()
        self.duration += seconds(does.ticks)
        self.pulses += does.pulses
        self.readings += does.readings
        self.compliance = max(self.compliance, step.compliance)
        most = bounds(step, self._light, does)
        self.charge += most.charge
        self.energy += most.energy
        largest(self.peak, most.volts)
        largest(self.current, most.amperes)
        largest(self.limits, most.limits)
        largest(self.shine, {n: x for n, x in does.peak.items() if n in self._light})

    def plan(self, complete: bool, violations: tuple[Violation, ...]) -> Plan:
        size = self.steps * _STEP_BYTES + self.readings * _ROW_BYTES
        return Plan(
            self.steps, self.duration, self.pulses, self.readings, self.peak, self.charge,
            self.energy, size, complete, violations=violations, compliance=self.compliance,
            light=self.shine, current=self.current, voltage_limits=self.limits,
        )  # fmt: skip


def _walk(protocol: Protocol, conductance: float) -> Iterator[Step]:
    steps = protocol.steps()
    now = 0.0
    try:
        step = next(steps)
        while True:
            yield step
            answer = Readings()
            if isinstance(step, Play):
                answer = imagine(step, conductance, now)
                now += step.waveform.duration
            elif isinstance(step, Wait | Soak):
                now += getattr(step, "duration", 0.0)
            step = steps.send(answer)
    except StopIteration:
        return


def imagine(play: Play, conductance: float, start: float = 0.0) -> Readings:
    """Return the readings an ideal resistor would give; made one by one when they are looked at.

    Parameters
    ----------
    play
        What is played; where a current is asked for, the resistor lets it flow at any voltage and
        shows at most the limit.
    conductance
        Of the resistor, S.
    start
        Time of the waveform's beginning, s.
    """
    return Readings(_Imagined(play, conductance, start))


class _Imagined(Sequence[Row]):
    """Rows that cost nothing until one is asked for; a train may have a billion."""

    def __init__(self, play: Play, conductance: float, start: float) -> None:
        self._waveform, self._limits = play.waveform, play.voltage_limits
        self._conductance, self._start = conductance, start

    def __len__(self) -> int:
        return self._waveform.summary().readings

    def __iter__(self) -> Iterator[Row]:
        return (self._row(*found) for found in _windows(self._waveform, 0))

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        return self._row(*_window(self._waveform, 0, at))

    def _row(self, begin: int, part: Segment, window: Window) -> Row:
        first, last = part.levels.get(window.terminal, (0.0, 0.0))
        middle = (window.start + window.stop) / 2
        level = first + (last - first) * middle / part.length
        t = self._start + seconds(begin + round(middle))
        limit = self._limits.get(window.terminal)
        if limit is None:
            v_set, v, i = level, level, self._conductance * level
        else:
            v = math.copysign(min(abs(level) / self._conductance, limit), level)
            v_set, i = math.nan, level
        return Row(t, window.terminal, window.role, v_set, v, i, seconds(part.length), 0.0, 0.0, 0)


_Found = tuple[int, Segment, Window]  # tick of the segment's start, segment, window


def _windows(waveform: Node, start: int) -> Iterator[_Found]:
    """Yield every window in order, passing over what is not measured."""
    match waveform:
        case Segment():
            yield from ((start, waveform, window) for window in waveform.windows)
        case Chain():
            for part in waveform.parts:
                yield from _windows(part, start)
                start += part.ticks
        case Loop() if waveform.body.summary().readings:
            for turn in range(waveform.count):
                yield from _windows(waveform.body, start + turn * waveform.body.ticks)
        case Overlay():
            lanes = [_windows(part, start) for part in waveform.parts]
            yield from heapq.merge(*lanes, key=lambda found: found[0] + found[2].start)


def _window(waveform: Node, start: int, at: int) -> _Found:
    """Return one window by its number, going down the structure instead of along the time."""
    match waveform:
        case Segment():
            return start, waveform, waveform.windows[at]
        case Chain():
            for part in waveform.parts:
                count = part.summary().readings
                if at < count:
                    return _window(part, start, at)
                at, start = at - count, start + part.ticks
        case Loop():
            turn, at = divmod(at, waveform.body.summary().readings)
            return _window(waveform.body, start + turn * waveform.body.ticks, at)
    return next(itertools.islice(_windows(waveform, start), at, None))


def _spent(total: _Total, envelope: Envelope) -> Iterator[Violation]:
    for name, unit in (("charge", "C"), ("energy", "J")):
        most, asked = getattr(envelope, name), getattr(total, name)
        if most is not None and asked > most:
            yield Violation(
                f"envelope of the sample, {name} in one run",
                f"up to {show(asked, unit)}",
                f"at most {show(most, unit)}",
                "lower the compliance, the currents or the number of pulses, or raise "
                f"[envelope] {name}",
            )


def _gathered(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """Say what breaks the same limit by other amounts once, with the first amount."""
    kinds: dict[tuple[str, str, str, str], list[Violation]] = {}
    for one in violations:
        kinds.setdefault((one.limit, one.allowed, one.remedy, one.instead), []).append(one)
    return tuple(
        first
        if not more
        else msgspec.structs.replace(first, asked=f"{first.asked} (and {len(more)} more like it)")
        for first, *more in kinds.values()
    )


def _clock(duration: float) -> str:
    minutes, left = divmod(duration, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left:.0f} s" if minutes else show(left, "s")


def _bytes(size: float) -> str:
    power = 0 if size < 1000 else min(int(math.log10(size)) // 3, 3)
    return f"{size / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"
