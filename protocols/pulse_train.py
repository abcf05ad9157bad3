"""Response to a train of pulses against amplitude, width, interval and number."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal, NamedTuple

from annotated_types import Gt
from pydantic import Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Steps
from labctl.units import Counts, Second, Seconds, Volt, Volts
from labctl.waveform import Node
from protocols.baseline import Learned
from protocols.parameters import Compliance, Terminal, Width
from protocols.pulse_train_results import results
from protocols.train_trials import Reads, even_train, play_trial, spike
from protocols.trials import Trials

__all__ = ["Condition", "PulseTrain"]

_FIRST_READ = 200e-6  # after the end of the train, s
_MOST_TRAINS = 10_000


class Condition(NamedTuple):
    """One kind of train."""

    amplitude: float  #: V
    width: float  #: s
    interval: float  #: from the end of a pulse to the next, s
    number: int


class PulseTrain(Trials):
    """Excitatory current and conductance after a train, against four of its properties.

    One property at a time is varied about a usual train, or all at once (``factorial``). Every
    train begins at the verified baseline, in random order. Measured are the current in each pulse,
    the conductance just after the train and that after a rest. Trends are relative slopes, the
    exponents of a product of powers fitted to all trains together. After Nie et al., Adv. Mater.
    2025, 10.1002/adma.202412006 (excitatory current against amplitude, width, interval, number).
    """

    title: ClassVar[str] = "Response to pulse trains"
    summary: ClassVar[str] = "EPSC and what stays, against amplitude, width, interval and number."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1002/adma.202412006", text="Nie et al., Adv. Mater. 2025"
    )
    decides: ClassVar[bool] = True

    kind: Literal["pulse-train"] = "pulse-train"
    design: Annotated[
        Literal["one at a time", "factorial"], Field(description="How the properties are varied.")
    ] = "one at a time"
    amplitude: Annotated[Volt, Field(description="Level of the usual train.")] = 1.0
    width: Width = 100e-6
    interval: Annotated[
        Second, Gt(0), Field(description="From the end of a pulse to the next, usually.")
    ] = 0.2
    number: Annotated[PositiveInt, Field(description="Pulses of the usual train.")] = 10
    amplitudes: Annotated[Volts, Field(description="Levels; none leaves the usual one.")] = (
        0.6, 0.8, 1.0, 1.2,
    )  # fmt: skip
    widths: Annotated[Seconds, Field(description="Widths; none leaves the usual one.")] = (
        100e-6, 200e-6, 400e-6, 800e-6,
    )  # fmt: skip
    intervals: Annotated[Seconds, Field(description="Intervals; none leaves the usual one.")] = (
        50e-3, 100e-3, 200e-3, 500e-3, 1.0,
    )  # fmt: skip
    numbers: Annotated[Counts, Field(description="Numbers of pulses; none leaves the usual.")] = (
        1, 3, 10, 20,
    )  # fmt: skip
    final_after: Annotated[
        Second, Gt(0), Field(description="Rest before the conductance that stays is read.")
    ] = 10.0
    whole_pulse: Annotated[
        bool, Field(description="Measure pulses from end to end, not where they have settled.")
    ] = False
    compliance: Compliance = 10e-3
    terminal: Terminal = "top"

    @model_validator(mode="after")
    def _fit_together(self) -> PulseTrain:
        if any(level == 0 for level in (self.amplitude, *self.amplitudes)):
            raise ValueError("a level of 0 V is no pulse; give positive or negative amplitudes")
        for name in ("widths", "intervals"):
            if min(getattr(self, name), default=1.0) <= 0:
                raise ValueError(f"{name} of 0 s were asked for; give positive times")
        if self.final_after <= _FIRST_READ + self.read_width:
            raise ValueError(
                f"a rest of {self.final_after:g} s was asked for; the read just after the train "
                f"takes {_FIRST_READ + self.read_width:g} s, so give more"
            )
        count = len(self.conditions()) * self.repeats
        if count > _MOST_TRAINS:
            raise ValueError(
                f"{count} trains were asked for; at most {_MOST_TRAINS} are played, so give fewer "
                "values or vary one property at a time"
            )
        return self

    def series(self) -> dict[str, tuple[float, ...]]:
        """Return the values of every property that is varied, in the order given."""
        every: dict[str, tuple[float, ...]] = {
            "amplitude": self.amplitudes, "width": self.widths, "interval": self.intervals,
            "number": self.numbers,
        }  # fmt: skip
        return {name: values for name, values in every.items() if values}

    def usual(self) -> Condition:
        """Return the train about which one property at a time is varied."""
        return Condition(self.amplitude, self.width, self.interval, self.number)

    def conditions(self) -> tuple[Condition, ...]:
        """Return every kind of train once."""
        usual = self.usual()
        if self.design == "factorial":
            axes = [self.series().get(name, (value,)) for name, value in usual._asdict().items()]
            return tuple(dict.fromkeys(Condition(*one) for one in itertools.product(*axes)))  # type: ignore[arg-type]
        found = [
            usual._replace(**{name: value})  # type: ignore[arg-type]
            for name, values in self.series().items()
            for value in values
        ]
        return tuple(dict.fromkeys(found)) or (usual,)

    def steps(self) -> Steps:
        """Return to the baseline, play a train and read, for every condition in random order."""
        return self.bounded(self._course())

    def _course(self) -> Steps:
        largest = max(map(abs, (self.amplitude, *self.amplitudes)))
        how = self.returning(largest, self.width, self.terminal)
        target, learned = self.baseline, Learned()
        reads = Reads(self.read, self.read_width, (_FIRST_READ, self.final_after))
        order = self.shuffled(self.conditions() * self.repeats)
        for number, condition in enumerate(order):
            target, began = yield from self.begin(how, target, learned)
            label = {"trial": number, **condition._asdict(), **began}
            yield from play_trial(how, self.train(condition), reads, label)

    def train(self, condition: Condition) -> Node:
        """Return the pulses of one condition."""
        one = spike(condition.amplitude, condition.width, self.terminal, whole=self.whole_pulse)
        return even_train(one, condition.interval, condition.number)

    def preview(self) -> tuple[Panel, ...]:
        """Return the usual train and its first pulse, to scale."""
        usual, shown = self.usual(), (self.terminal,)
        one = self.train(usual._replace(number=1))
        return (
            waveform_panel("Usual train", self.train(usual), shown, branch=self._branch),
            waveform_panel("Its first pulse", one, shown, branch=self._branch),
        )

    @property
    def _branch(self) -> str:
        return "depression" if self.amplitude < 0 else "potentiation"

    def analyse(self, record: Measured) -> Results:
        """Return the responses, how each rises with every property, and the energy of a pulse.

        Metrics: ``peak``, current in the last pulse of the usual train; ``after`` and ``final``,
        conductance just after it and after the rest. For each property varied
        ``slope_peak_amplitude`` and so on, the relative slope, and ``rise_peak_amplitude``, the
        smallest relative rise from one value to the next; for the interval ``rise_peak_rate``, from
        one value to the next shorter one. ``state_1``, ``relaxed_1`` ... are the
        conductance just after the train of each amplitude, in the order given, and its relative
        change until the last read. ``energy`` of a pulse of the usual train, and
        ``energy_over_biology``. Fits: ``peak``, ``after`` and ``final``, products of powers.
        """
        said = self.said(record, "train", len(self.conditions()) * self.repeats)
        return results(self, record, said, self._branch)
