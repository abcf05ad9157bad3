"""Disturb: a state under many small pulses, beside the same state left alone for as long.

What reads and half-selected pulses do to a cell is one experiment: write a state, let it settle,
apply a small pulse again and again, and look at the state at logarithmic marks. A state also
changes by itself; so each is written once more and only looked at, after the same times, and what
counts is the change beyond that control.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Len, Lt
from pydantic import Field, PositiveInt

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Step, Steps, Wait
from labctl.units import Hertz, Ratio, Second, Volt, Volts
from labctl.waveform import Node, pulse, rest, train
from protocols.disturb_results import Stress, analyse_disturb, net_change
from protocols.limited import Limit, limited
from protocols.parameters import Compliance, LongestTime, ReadVoltage, ReadWidth, Terminal, Width
from protocols.reads import Count, Look, Reader, log_marks

__all__ = ["Disturbing"]

Course = Generator[Step, Readings, None]
Seen = dict[int, float]


class Disturbing(Protocol):
    """What read disturb and half-select disturb have in common; subclasses say which pulses."""

    decides: ClassVar[bool] = True
    counted: ClassVar[str] = "pulses"  #: what the metrics call the small pulses

    states: Annotated[
        Volts, Len(1), Field(description="Levels of the writing pulses; each is a state.")
    ] = (1.0, -1.0)
    width: Width = 100e-6
    pulses: Annotated[PositiveInt, Field(description="Pulses that write a state.")] = 5
    rate: Annotated[Hertz, Gt(0), Field(description="Of the writing pulses.")] = 10.0
    erase: Annotated[
        Volt | None, Field(description="Level before each state; its opposite if not given.")
    ] = None
    settle: Annotated[Second, Ge(0), Field(description="At zero after writing.")] = 10.0
    gap: Annotated[Second, Gt(0), Field(description="At zero after each small pulse.")] = 200e-6
    pause: Annotated[
        Second, Ge(0), Field(description="At zero before each look, for what fades by itself.")
    ] = 1.0
    most: Annotated[Count, Field(description="Most small pulses on a state.")] = 10_000
    per_decade: Annotated[PositiveInt, Field(description="Looks in a decade of pulses.")] = 3
    loop: Annotated[Count, Field(description="Most pulses in one waveform.")] = 500_000
    tolerance: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Relative change of G that counts as disturbed.")
    ] = 0.1
    confirm: Annotated[
        PositiveInt, Field(description="Looks in a row beyond the tolerance that end it.")
    ] = 2
    control: Annotated[
        bool, Field(description="Write each state once more and leave it alone for as long.")
    ] = True
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 10e-3
    compliance: Compliance = 2e-3
    terminal: Terminal = "top"
    most_pulses: Annotated[Count, Field(description="It ends before it applies more pulses.")] = (
        100_000_000_000
    )
    longest_time: LongestTime = 30 * 86400.0

    def stresses(self) -> list[Stress]:
        """Return every state under every kind of small pulse, numbered from 1."""
        raise NotImplementedError

    def small_width(self) -> float:
        """Return the width of the small pulses, s."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse what cannot be; called by the subclasses' validators.

        Raises
        ------
        ValueError
            A state is written by 0 V, or the pulses leave no time between them.
        """
        if 0.0 in self.states:
            raise ValueError("an amplitude of 0 V writes no state; give every state a level")
        if self.width * self.rate >= 1:
            raise ValueError(
                f"pulses of {self.width:g} s at {self.rate:g} Hz were asked for, which leaves "
                "nothing between them; lower the rate or the width"
            )

    def steps(self) -> Steps:
        """Play the controls, then every stress in random order, each on a freshly written state."""
        yield from limited(self._course(), Limit(self.most_pulses, self.longest_time))

    def _course(self) -> Course:
        controls: dict[float, Seen] = {}
        trial = 0
        if self.control:
            for state in self.shuffled(dict.fromkeys(stress.state for stress in self.stresses())):
                alone = Stress(0, state, 0.0, "control")
                controls[state] = yield from self._watched(trial, alone, {})
                trial += 1
        for stress in self.shuffled(self.stresses()):
            yield from self._watched(trial, stress, controls.get(stress.state, {}))
            trial += 1

    def _watched(
        self, trial: int, stress: Stress, control: Mapping[int, float]
    ) -> Generator[Step, Readings, Seen]:
        """Write a state, stress it, look at it at every mark; returns what was seen."""
        label: Label = {
            "trial": trial, "number": stress.number, "state": stress.state, "level": stress.level,
        }  # fmt: skip
        yield Play(self.written(stress.state), self.compliance, label={"part": "write", **label})
        look = Look(self.read, self.read_width, self.compliance, self.terminal)
        reader = Reader(look, self.compliance * min(1.0, abs(self.read / stress.state)))
        seen: Seen = {0: (yield from reader.read("g", {"part": "look", **label, "count": 0}))}
        done = beyond = 0
        for mark in log_marks(self.most, self.per_decade):
            while (count := min(mark - done, self.loop)) > 0:
                yield self._stress(stress, count, label)
                done += count
            if self.pause:
                yield Wait(self.pause, {"part": "pause", **label})
            seen[mark] = yield from reader.read("g", {"part": "look", **label, "count": mark})
            change = abs(net_change(seen, control, mark))
            beyond = beyond + 1 if change >= self.tolerance else 0
            if beyond >= self.confirm and stress.number:
                break
        return seen

    def _stress(self, stress: Stress, count: int, label: Label) -> Step:
        """Return a number of small pulses, or as much time at zero."""
        one = self.small(stress)
        if stress.level == 0:
            return Wait(count * one.duration, {"part": "alone", **label, "pulses": count})
        what: Label = {"part": "stress", **label, "pulses": count}
        return Play(one * count, self.compliance, label=what)

    def small(self, stress: Stress) -> Node:
        """Return one small pulse and the gap after it."""
        if stress.level == 0:
            return rest(self.small_width() + self.gap)
        one = pulse(stress.level, self.small_width(), terminal=self.terminal, measured=False)
        return one + rest(self.gap)

    def written(self, state: float) -> Node:
        """Return the pulses that erase and write a state, and the time to settle."""
        clear = -state if self.erase is None else self.erase
        parts: list[Node] = []
        for level, measured in ((clear, False), (state, True)):
            if level == 0:
                continue
            one = pulse(level, self.width, terminal=self.terminal, measured=measured)
            parts.append(train(one, 1 / self.rate, self.pulses))
        parts += [rest(self.settle)] if self.settle else []
        return functools.reduce(operator.add, parts)

    def preview(self) -> tuple[Panel, ...]:
        """Return five small pulses of the strongest kind, to scale."""
        strongest = max(self.stresses(), key=lambda stress: abs(stress.level))
        branch = "depression" if strongest.level < 0 else "potentiation"
        shown = self.small(strongest) * 5
        title = f"Five of the {self.counted}: {strongest.name}"
        return (waveform_panel(title, shown, (self.terminal,), branch=branch),)

    def analyse(self, record: Measured) -> Results:
        """Return how many small pulses each state bears, and how far it changed.

        Metrics, numbered by stress: ``reads_to_disturb_1`` (``pulses_to_disturb_1``) where the
        change beyond the control passed the tolerance, ``survived_1`` where it did not;
        ``change_1`` at the last look. With three levels or more that disturb a state: the fit
        ``acceleration_1`` and ``volts_per_decade_1``, numbered by state and sign of the levels.
        """
        found = analyse_disturb(
            record, self.stresses(), self.counted, self.tolerance, self._extrapolated()
        )
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels), found.notes
        )

    def _extrapolated(self) -> float:
        """Return the level at which the number of pulses is wanted, V."""
        return self.read


def numbered(kinds: Sequence[tuple[float, float, str]]) -> list[Stress]:
    """Return stresses with their numbers, from (state, level, name)."""
    return [Stress(k, state, level, name) for k, (state, level, name) in enumerate(kinds, 1)]
