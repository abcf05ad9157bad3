"""Conduction: current against voltage, at one temperature or several, and what carries it."""

from __future__ import annotations

import functools
import math
import operator
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Len
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.film import Film
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Soak, Steps
from labctl.units import Kelvin, Metre, Ratio, Second, SquareMetre, Temperatures, Volt, Volts
from labctl.waveform import Node, pulse, rest, train
from protocols.conduction_results import KNOWN_LAWS, Question, analysed
from protocols.limited import Limit, limited
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadVoltage,
    ReadWidth,
    Terminal,
    Words,
)
from protocols.replay import limit_reached
from protocols.responses import usable
from protocols.state_read import StateRead, read_state

__all__ = ["Conduction"]

_OCTAVE = 2.0  # levels of one step: from one to its double; the range of the ammeter is that of all
_HEADROOM = 2.0  # of the range over the current that is expected
_GROWTH = 3.0  # of ln I against ln V, expected from one octave to the next
_WIDER = 10.0  # factor of the range where a current was beyond it


class Conduction(Protocol):
    """Current against voltage below what writes, and the mechanism by the evidence.

    Short pulses of rising level, read in each; the state is read before and after, so that a sweep
    that moved it is known. The range of the ammeter follows the current, octave by octave. States
    can be prepared by trains of pulses, and the whole repeated in cycles and at several
    temperatures (benches with a thermal chuck). Laws are fitted to the current by range of voltage
    and compared by AICc. One temperature gives a barrier from the intercept, which needs the area
    and a Richardson constant; several give it from the slope against 1/kT, and the depth of traps,
    without either. After Nie et al., Adv. Mater. 2025, 10.1002/adma.202412006 (mechanisms of both
    states, barrier against cycle); laws: Chiu, Adv. Mater. Sci. Eng. 2014, 10.1155/2014/578168.
    """

    title: ClassVar[str] = "Conduction mechanism"
    summary: ClassVar[str] = "I-V at one or several temperatures: mechanism, barrier, trap depth."
    purpose: ClassVar[str] = "transport"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["conduction"] = "conduction"
    lowest: Annotated[Volt, Gt(0), Field(description="First level.")] = 20e-3
    highest: Annotated[Volt, Gt(0), Field(description="Last level.")] = 0.3
    levels: Annotated[int, Ge(6), Field(description="How many, evenly spaced.")] = 29
    polarity: Annotated[
        Literal["positive", "negative", "both"], Field(description="Of the levels.")
    ] = "positive"
    width: Annotated[Second, Gt(0), Field(description="Time at each level.")] = 10e-3
    gap: Annotated[Second, Gt(0), Field(description="At zero between levels.")] = 10e-3
    temperatures: Annotated[
        Temperatures, Field(description="Soaked at in this order; empty: as the bench stands.")
    ] = ()
    temperature: Annotated[
        Kelvin, Gt(0), Field(description="Of the sample where no soak sets it.")
    ] = 300.0
    prepare: Annotated[
        Volts, Field(description="Pulse amplitude that prepares each state; empty: as found.")
    ] = ()
    prepare_pulses: Annotated[PositiveInt, Field(description="Pulses of each preparation.")] = 10
    prepare_width: Annotated[Second, Gt(0), Field(description="Width of these pulses.")] = 100e-6
    prepare_period: Annotated[Second, Gt(0), Field(description="Their period.")] = 0.1
    cycles: Annotated[PositiveInt, Field(description="Rounds through the states.")] = 1
    laws: Annotated[
        Words, Len(1), Field(description="Laws that compete, as labctl.analysis names them.")
    ] = ("ohmic", "mott_gurney", "poole_frenkel", "schottky", "tunnel_low", "fowler_nordheim")
    ranges: Annotated[int, Field(ge=1, le=3, description="Most ranges of voltage.")] = 2
    barrier_above: Annotated[
        Volt, Ge(0), Field(description="Levels from which the thermionic barrier is taken.")
    ] = 0.0
    thickness: Annotated[Metre | None, Gt(0), Field(description="Of the film.")] = None
    area: Annotated[SquareMetre | None, Gt(0), Field(description="Of the electrode.")] = None
    mass: Annotated[
        Ratio, Gt(0), Field(description="Effective mass over that of the free electron.")
    ] = 1.0
    undisturbed: Annotated[
        Ratio, Gt(0), Field(description="Largest relative change of the state over a sweep.")
    ] = 0.05
    compliance: Compliance = 10e-3
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 30e-3
    most_pulses: MostPulses = 1_000_000
    longest_time: LongestTime = 86400 * 3
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> Conduction:
        if self.lowest >= self.highest:
            raise ValueError(
                f"levels from {self.lowest:g} to {self.highest:g} V were asked for; they must "
                "rise, so exchange them"
            )
        unknown = [law for law in self.laws if law not in KNOWN_LAWS]
        if unknown:
            raise ValueError(
                f'the law "{unknown[0]}" was asked for; allowed are {", ".join(KNOWN_LAWS)}'
            )
        if any(t <= 0 for t in self.temperatures):
            raise ValueError(
                f"a temperature of {min(self.temperatures):g} K was asked for; it must be positive"
            )
        if self.prepare and self.prepare_period <= self.prepare_width:
            raise ValueError(
                f"a period of {self.prepare_period:g} s was asked for with pulses of "
                f"{self.prepare_width:g} s; it must be longer"
            )
        return self

    def groups(self) -> list[list[float]]:
        """Return the levels, V, by octave: those of one group are read on one range."""
        found: list[list[float]] = []
        for level in np.linspace(self.lowest, self.highest, self.levels).round(9).tolist():
            if not found or level > _OCTAVE * found[-1][0]:
                found.append([])
            found[-1].append(level)
        return found

    def steps(self) -> Steps:
        """Soak, prepare, read, sweep and read, for every temperature, cycle and state."""
        yield from limited(self._course(), self._limit())

    def _limit(self) -> Limit:
        return Limit(self.most_pulses, self.longest_time)

    def _course(self) -> Steps:
        for temperature in self.temperatures or (None,):
            if temperature is not None:
                yield Soak(temperature, {"part": "soak"})
            for cycle in range(1, self.cycles + 1):
                for state, amplitude in enumerate(self.prepare or (0.0,), 1):
                    label: Label = {"temperature": temperature, "cycle": cycle, "state": state}
                    yield from self._one(amplitude, label)

    def _one(self, amplitude: float, label: Label) -> Steps:
        """Prepare a state and measure it."""
        if amplitude:
            one = pulse(amplitude, self.prepare_width, terminal=self.terminal)
            waveform = train(one, self.prepare_period, self.prepare_pulses)
            yield Play(waveform, self.compliance, {}, {"part": "prepare", **label})
        how = StateRead(self.read, self.read_width, self.compliance, 0.0, self.terminal)
        found = yield from read_state(how, {"part": "state", "when": "before", **label})
        current = abs(float(found.i[-1])) if len(found) else math.nan
        sides = {"positive": (1,), "negative": (-1,), "both": (1, -1)}[self.polarity]
        for side in sides:
            yield from self._sweep(side, (self.read, current), label)
        yield from read_state(how, {"part": "state", "when": "after", **label})

    def _sweep(self, side: int, known: tuple[float, float], label: Label) -> Steps:
        """Read all levels of one polarity; the current known so far sets the next range."""
        for number, levels in enumerate(self.groups()):
            wanted = self._range(levels[-1], known)
            while True:
                readings = yield Play(
                    self.waveform([side * level for level in levels]),
                    self.compliance,
                    {self.terminal: wanted},
                    {"part": "levels", "side": side, "group": number, **label},
                )
                if bool(usable(readings).all()) or wanted >= self.compliance:
                    break
                wanted = min(_WIDER * wanted, self.compliance)
            good = readings[-1:] if len(readings) and usable(readings)[-1] else None
            known = known if good is None else (levels[-1], abs(float(good.i[0])))

    def _range(self, level: float, known: tuple[float, float]) -> float:
        """Return the range expected to hold the current at a level, A."""
        at, current = known
        if not current > 0:
            return self.compliance
        # towards zero a current is about ohmic, upwards it may grow as a power
        grown = current * (level / at) ** (_GROWTH if level > at else 1.0)
        return float(min(float(f"{max(_HEADROOM * grown, 1e-7):.2g}"), self.compliance))

    def waveform(self, levels: list[float]) -> Node:
        """Return pulses of these levels, each followed by the gap."""
        one = [pulse(v, self.width, terminal=self.terminal) + rest(self.gap) for v in levels]
        return functools.reduce(operator.add, one)

    def preview(self) -> tuple[Panel, ...]:
        """Return all levels of one polarity, to scale."""
        side = -1 if self.polarity == "negative" else 1
        levels = [side * level for group in self.groups() for level in group]
        return (waveform_panel("Levels", self.waveform(levels), (self.terminal,)),)

    def analyse(self, record: Measured) -> Results:
        """Return the laws by range, the barrier, and with several temperatures the energies.

        Fits: ``state1_range1_<law>`` ... of the laws preferred, first cycle and temperature;
        ``activation``, ``richardson`` and ``traps`` with several temperatures. Metrics: ``onset``
        where two ranges meet, ``barrier`` from the intercept, ``barrier_rise`` over the cycles,
        ``disturbed``, energies of the preparing pulses. Those of the second state end in ``_2``.
        """
        film = Film(
            thickness=self.thickness, area=self.area, temperature=self.temperature, mass=self.mass
        )
        question = Question(
            film, self.laws, self.ranges, self.barrier_above, self.compliance, self.undisturbed
        )
        found = analysed(record, question)
        said = limit_reached(self._course(), self._limit(), record)
        return Results(
            found.metrics,
            found.fits,
            found.tables,
            (*self.preview(), *found.panels),
            (*found.notes, *((said,) if said else ())),
        )
