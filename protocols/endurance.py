"""Endurance: SET and RESET until the window is lost, up to any number of cycles."""

from __future__ import annotations

import functools
import operator
from collections.abc import Generator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import Play, Step, Steps
from labctl.units import Ohm, Ratio, Second, Volt
from labctl.waveform import Node, pulse, read, rest
from protocols.endurance_results import analyse_endurance, block_states
from protocols.endurance_rule import Rule, Watch
from protocols.limited import Limit, limited
from protocols.parameters import Compliance, LongestTime, ReadVoltage, ReadWidth, Terminal
from protocols.reads import Count, Look, Reader, log_marks

__all__ = ["Endurance"]

Course = Generator[Step, Readings, None]


class Endurance(Protocol):
    """Cycles of SET and RESET with both states read, until the rule of failure is met.

    ``reads = "every"`` reads both states in every cycle, as Lanza et al. ask for; ``"full"`` also
    measures the current in every pulse; ``"log"`` plays the cycles between logarithmic marks as
    loops and reads both states in a few cycles in a row at each mark, which is what a billion
    cycles allow: a device that fails and heals between two marks is not seen, and the results say
    so. The rule is stated: a window below the least one (or a state beyond its bound) in some
    cycles read in a row, after cycles that passed. A device that lasts until the end is censored
    there. A run that was broken off goes on with ``labctl resume``, also days later.
    """

    title: ClassVar[str] = "Endurance"
    summary: ClassVar[str] = "SET/RESET cycles until the window is lost: life, drift, stuck-at."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "10.1021/acsnano.1c06980", text="Lanza et al., ACS Nano 2021, 15, 17214"
    )
    decides: ClassVar[bool] = True

    kind: Literal["endurance"] = "endurance"
    cycles: Annotated[Count, Field(description="Most cycles.")] = 1_000_000
    reads: Annotated[
        Literal["log", "every", "full"],
        Field(description="Both states at marks, in every cycle, or with the pulses as well."),
    ] = "log"
    set_amplitude: Annotated[Volt, Field(description="Level of the SET pulse.")] = 1.5
    reset_amplitude: Annotated[Volt, Field(description="Level of the RESET pulse.")] = -1.5
    set_width: Annotated[Second, Gt(0), Field(description="Width of the SET pulse.")] = 100e-6
    reset_width: Annotated[Second, Gt(0), Field(description="Width of the RESET pulse.")] = 100e-6
    gap: Annotated[Second, Gt(0), Field(description="At zero after each pulse and read.")] = 200e-6
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 10e-3
    compliance: Compliance = 2e-3
    terminal: Terminal = "top"
    per_decade: Annotated[PositiveInt, Field(description="Marks in a decade of cycles.")] = 3
    burst: Annotated[PositiveInt, Field(description="Cycles read in a row at a mark.")] = 5
    loop: Annotated[
        Count, Field(description="Most cycles in one waveform where they are not read.")
    ] = 500_000
    block: Annotated[
        PositiveInt, Field(description="Cycles in one waveform where every cycle is read.")
    ] = 100
    least_window: Annotated[
        Ratio, Gt(1), Field(description="Smallest R(HRS)/R(LRS) that passes.")
    ] = 2.0
    least_hrs: Annotated[
        Ohm | None, Gt(0), Field(description="Smallest resistance of HRS that passes.")
    ] = None
    most_lrs: Annotated[
        Ohm | None, Gt(0), Field(description="Largest resistance of LRS that passes.")
    ] = None
    confirm: Annotated[
        PositiveInt, Field(description="Failed cycles read in a row that end the life.")
    ] = 3
    beyond: Annotated[bool, Field(description="Whether to go on after a failure.")] = False
    most_pulses: Annotated[Count, Field(description="It ends before it applies more pulses.")] = (
        10_000_000_000
    )
    longest_time: LongestTime = 30 * 86400.0
    pause: Annotated[
        Second, Ge(0), Field(description="At zero before each mark, for what fades.")
    ] = 0.0

    @model_validator(mode="after")
    def _fit_together(self) -> Endurance:
        if self.set_amplitude == 0 or self.reset_amplitude == 0:
            raise ValueError("an amplitude of 0 V is no pulse; give SET and RESET a level")
        if self.reads == "log" and self.confirm > self.burst:
            raise ValueError(
                f"a failure was asked to take {self.confirm} cycles in a row with {self.burst} "
                "read at a mark; confirm may be at most burst, so raise burst"
            )
        return self

    @property
    def rule(self) -> Rule:
        """The rule of failure."""
        return Rule(self.least_window, self.confirm, self.least_hrs, self.most_lrs)

    def steps(self) -> Steps:
        """Cycle and look, until the device has failed or the cycles are done."""
        yield from limited(self._course(), Limit(self.most_pulses, self.longest_time))

    def _course(self) -> Course:
        watch = Watch(self.rule)
        yield from (self._marks(watch) if self.reads == "log" else self._blocks(watch))

    def _over(self, watch: Watch) -> bool:
        return (watch.failed or watch.dead) and not self.beyond

    def _marks(self, watch: Watch) -> Course:
        """Loops of cycles, and a few cycles read at each mark."""
        look = Look(self.read, self.read_width, self.compliance, self.terminal)
        strongest = max(abs(self.set_amplitude), abs(self.reset_amplitude))
        reader = Reader(look, self.compliance * self.read / strongest)
        done = 0
        for mark in log_marks(self.cycles, self.per_decade):
            while (between := min(mark - self.burst - done, self.loop)) > 0:
                label = self._label(done, between)
                yield Play(self.cycle() * between, self.compliance, label=label)
                done += between
            if self.pause > 0:
                yield Play(rest(self.pause), self.compliance, label={"part": "pause"})
            while done < mark:
                done += 1
                lrs = yield from self._write_and_read(reader, "lrs", done)
                hrs = yield from self._write_and_read(reader, "hrs", done)
                watch.see(done, lrs, hrs)
            if self._over(watch):
                return

    def _write_and_read(
        self, reader: Reader, state: str, cycle: int
    ) -> Generator[Step, Readings, float]:
        """One pulse, measured, and the state it leaves."""
        part = "set" if state == "lrs" else "reset"
        level, width = self._pulse(part)
        one = pulse(level, width, terminal=self.terminal) + rest(self.gap)
        yield Play(one, self.compliance, label={"part": part, "cycle": cycle})
        return (yield from reader.read(state, {"part": state, "cycle": cycle}))

    def _blocks(self, watch: Watch) -> Course:
        """Every cycle read, in blocks that the instrument times."""
        one, done = self.cycle(read=True, pulses=self.reads == "full"), 0
        while done < self.cycles:
            count = min(self.block, self.cycles - done)
            readings = yield Play(one * count, self.compliance, label=self._label(done, count))
            for cycle, (lrs, hrs) in enumerate(block_states(readings, count).T, done + 1):
                watch.see(cycle, float(lrs), float(hrs))
            done += count
            if self._over(watch):
                return

    def _label(self, done: int, count: int) -> dict[str, float | int | str | bool | None]:
        return {"part": "cycles", "first": done + 1, "count": count}

    def _pulse(self, part: str) -> tuple[float, float]:
        if part == "set":
            return self.set_amplitude, self.set_width
        return self.reset_amplitude, self.reset_width

    def cycle(self, *, read: bool = False, pulses: bool = False) -> Node:
        """Return one cycle.

        Parameters
        ----------
        read
            Whether the state is read after each of its pulses.
        pulses
            Whether the current in the pulses is measured.
        """
        parts: list[Node] = []
        for part in ("set", "reset"):
            level, width = self._pulse(part)
            parts += [pulse(level, width, terminal=self.terminal, measured=pulses), rest(self.gap)]
            parts += [self._probe(), rest(self.gap)] if read else []
        return functools.reduce(operator.add, parts)

    def _probe(self) -> Node:
        return read(self.read, self.read_width, terminal=self.terminal)

    def preview(self) -> tuple[Panel, ...]:
        """Return one cycle as it is read, to scale."""
        shown = self.cycle(read=True)
        return (waveform_panel("One cycle with both reads", shown, (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return life, window, scatter, drift of both states, and energies.

        Metrics: ``cycles_to_failure`` by the rule, or ``cycles_survived`` where the device had not
        failed; ``window_first`` and ``window_last``; ``r_lrs``, ``r_hrs`` and their scatter from
        cycle to cycle ``c2c_lrs``, ``c2c_hrs``; ``drift_lrs``, ``drift_hrs`` where the data show
        one; ``stuck``; ``energy_set``, ``energy_reset``. Fits: ``lrs_steady``, ``lrs_power``,
        ``lrs_onset`` and the same for ``hrs``.
        """
        found = analyse_endurance(record, self.rule, self.cycles, self.reads == "log")
        return Results(
            found.metrics, found.fits, found.tables, (*self.preview(), *found.panels), found.notes
        )
