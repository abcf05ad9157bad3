"""What programming protocols share: parameters, loop, and what became of each target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from labctl.analysis.statistics import proportion
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol
from labctl.readings import Readings
from labctl.results import Metric, Panel, Table
from labctl.steps import Label, StepRecord, Steps
from labctl.units import Ratio, Second, Volt
from labctl.waveform import Node, read, rest
from protocols.parameters import (
    Compliance,
    LongestTime,
    MostPulses,
    ReadVoltage,
    ReadWidth,
    Terminal,
    Width,
)
from protocols.programming import Method, Writing, amplitudes_of, hold, program, written_pulse
from protocols.responses import conductances, energy_metrics, table, u_conductances, usable

__all__ = [
    "Attempt", "Programmed", "attempt_metrics", "attempt_table", "attempts", "limit_note",
    "pulse_energies_by_way",
]  # fmt: skip

Array = NDArray[np.float64]

_BETWEEN_READS = 10e-3  # s, of the reads after a hold


class Programmed(Protocol):
    """A protocol that programs conductances by pulses with verified reads."""

    method: Annotated[
        Method, Field(description="How amplitudes are chosen: a growing ramp, or bisection.")
    ] = "ispp"
    within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Relative error at which the pulses end.")
    ] = 0.01
    kept_within: Annotated[
        Ratio, Gt(0), Lt(1), Field(description="Largest relative error after the hold.")
    ] = 0.03
    weakest: Annotated[Volt, Gt(0), Field(description="Amplitude a ramp begins with.")] = 0.5
    step: Annotated[Volt, Gt(0), Field(description="Increment of the ramp.")] = 0.05
    strongest: Annotated[Volt, Gt(0), Field(description="Largest amplitude.")] = 2.0
    raising: Annotated[
        Literal["positive", "negative"],
        Field(description="Polarity of the pulses that raise the conductance."),
    ] = "positive"
    width: Width = 100e-6
    settle: Annotated[
        Second, Gt(0), Field(description="Rest between a pulse and the read that verifies it.")
    ] = 1.0
    hold: Annotated[
        Second, Gt(0), Field(description="Rest before the state is verified again.")
    ] = 10.0
    reads: Annotated[PositiveInt, Field(description="Reads after the hold.")] = 5
    rewrites: Annotated[
        int, Ge(0), Field(description="How often a state that left the tolerance is written again.")
    ] = 3
    tries: Annotated[PositiveInt, Field(description="Most pulses from one hold to the next.")] = 100
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 30e-3
    compliance: Compliance = 10e-3
    terminal: Terminal = "top"
    most_pulses: MostPulses = 5000
    longest_time: LongestTime = 86400.0

    @model_validator(mode="after")
    def _amplitudes_rise(self) -> Programmed:
        if self.weakest >= self.strongest:
            raise ValueError(
                f"amplitudes from {self.weakest:g} V to {self.strongest:g} V were asked for; "
                "the weakest must be below the strongest"
            )
        return self

    @property
    def writing(self) -> Writing:
        """How the device is written."""
        return Writing(
            self.method, self.weakest, self.step, self.strongest, self.width, self.settle,
            self.read, self.read_width, self.compliance, self.within, self.tries,
            1 if self.raising == "positive" else -1, self.terminal,
        )  # fmt: skip

    def reach(self, number: int, target: float) -> Steps:
        """Write one target until it stays within the tolerance over a hold.

        Parameters
        ----------
        number
            Of the attempt.
        target
            Conductance, S.
        """
        how = self.writing
        amplitudes = amplitudes_of(how)
        for turn in range(self.rewrites + 1):
            label: Label = {"attempt": number, "target": target, "turn": turn}
            written = yield from program(how, target, label, amplitudes)
            g = yield from hold(how, self.held(), written.g, label)
            if not written.reached or abs(g / target - 1) <= self.kept_within:
                break
            amplitudes.again()

    def held(self) -> Node:
        """Return the hold and the reads after it."""
        one = read(self.read, self.read_width, terminal=self.terminal)
        return rest(self.hold) + (one + rest(_BETWEEN_READS)) * self.reads

    def preview(self) -> tuple[Panel, ...]:
        """Return the first pulses of a ramp with their reads, to scale but for the rests."""
        how = self.writing
        probe = read(self.read, self.read_width, terminal=self.terminal)
        waveform: Node = probe + rest(min(self.settle, self.read_width))
        for k in range(3):
            amplitude = how.raising * min(self.weakest + k * self.step, self.strongest)
            pause = rest(min(self.settle, self.read_width))
            waveform = waveform + written_pulse(how, amplitude) + pause + probe + pause
        title = "First pulses and the reads that verify them"
        return (waveform_panel(title, waveform, (self.terminal,)),)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one target."""

    target: float  #: S
    start: float  #: conductance before its first pulse, S
    pulses: int  #: in all turns
    turns: int  #: how often it was written
    written: float  #: conductance as last verified before the last hold, S
    u_written: float
    held: float  #: mean of the reads after the last hold, S; not a number where there are none
    u_held: float  #: specification of the instrument and scatter of the reads, S
    first: float = math.nan  #: mean of the reads after the first hold, S
    verified: float = math.nan  #: conductance before the first hold, S

    @property
    def error_written(self) -> float:
        """Relative distance from the target as verified."""
        return self.written / self.target - 1

    @property
    def error(self) -> float:
        """Relative distance from the target after the hold."""
        return self.held / self.target - 1

    @property
    def u_error(self) -> float:
        """Standard uncertainty of `error`."""
        return self.u_held / self.target


def attempts(record: Measured) -> list[Attempt]:
    """Return every attempt of a record whose state was verified at least once, in their order."""
    grouped: dict[int, list[tuple[StepRecord, Readings]]] = {}
    for part in ("verify", "write", "hold"):
        for step, readings in record.where(part=part):
            grouped.setdefault(int(step.label["attempt"] or 0), []).append((step, readings))
    found = (_attempt(sorted(rows, key=_index)) for _, rows in sorted(grouped.items()))
    return [one for one in found if one is not None]


def _index(row: tuple[StepRecord, Readings]) -> int:
    return row[0].index


def _attempt(rows: Sequence[tuple[StepRecord, Readings]]) -> Attempt | None:
    verified: list[tuple[int, Array, Array]] = []
    holds: list[tuple[int, Array, Array]] = []
    for step, readings in rows:
        part, reads = step.label["part"], readings.where(role="read")
        good = usable(reads)
        if part == "write" or not np.any(good):
            continue
        g, u = conductances(reads)[good], u_conductances(reads)[good]
        (verified if part == "verify" else holds).append((int(step.label["turn"] or 0), g, u))
    if not verified:
        return None
    pulses = [step for step, _ in rows if step.label["part"] == "write"]
    last_turn = max(turn for turn, _, _ in verified)
    before_first = [g for turn, g, _ in verified if turn == 0]
    _, g, u = verified[-1]
    held, u_held = _mean(*holds[-1][1:]) if holds else (math.nan, math.nan)
    return Attempt(
        float(rows[0][0].label["target"] or math.nan), float(verified[0][1][-1]), len(pulses),
        last_turn + 1, float(g[-1]), float(u[-1]), held, u_held,
        _mean(*holds[0][1:])[0] if holds else math.nan,
        float(before_first[-1][-1]) if before_first else math.nan,
    )  # fmt: skip


def _mean(g: Array, u: Array) -> tuple[float, float]:
    """Return a mean and its uncertainty: the specification does not shrink, the scatter does."""
    scatter = float(np.std(g, ddof=1)) / math.sqrt(len(g)) if len(g) > 1 else 0.0
    return float(np.mean(g)), math.hypot(float(np.mean(u)), scatter)


def attempt_metrics(
    found: Sequence[Attempt], within: float, kept_within: float
) -> dict[str, Metric]:
    """Return the figures of merit of some attempts; one without data is left out.

    Parameters
    ----------
    found
        The attempts.
    within, kept_within
        Relative tolerances as verified and after the hold.
    """
    metrics: dict[str, Metric] = {}
    done = [one for one in found if math.isfinite(one.held)]
    reached = [one for one in done if abs(one.error_written) <= within]
    if done:
        kept = sum(abs(one.error) <= kept_within for one in done)
        metrics["reached"] = _share(len(reached), len(done), "share-of-targets-reached")
        metrics["kept"] = _share(kept, len(done), "share-of-targets-kept")
        errors, u = np.array([(one.error, one.u_error) for one in done]).T
        metrics["error"] = _rms(errors, u, "programming-error-after-hold")
        written = np.array([(one.error_written, one.u_written / one.target) for one in done]).T
        metrics["error_written"] = _rms(written[0], written[1], "programming-error-as-verified")
    if reached:
        pulses = np.array([one.pulses for one in reached], float)
        metrics["pulses_to_target"] = _average(pulses, "1", "pulses-to-target")
    shifts = np.array([one.first / one.verified - 1 for one in done if one.verified > 0])
    if len(shifts):
        metrics["shift"] = _average(shifts, "1", "shift-over-hold")
    return metrics


def _share(passed: int, total: int, name: str) -> Metric:
    found = proportion(passed, total)
    return Metric(found.value, found.metric.sigma, "1", name)


def _rms(errors: Array, u: Array, name: str) -> Metric:
    """Return the root mean square with the uncertainty that those of the errors give it."""
    rms = float(np.sqrt(np.mean(errors**2)))
    sigma = float(np.sqrt(np.sum((errors * u) ** 2))) / (len(errors) * rms) if rms > 0 else None
    return Metric(rms, sigma, "1", name)


def _average(x: Array, unit: str, name: str) -> Metric:
    sigma = float(np.std(x, ddof=1)) / math.sqrt(len(x)) if len(x) > 1 else None
    return Metric(float(np.mean(x)), sigma, unit, name)


def pulse_energies_by_way(record: Measured, raising: int) -> dict[str, Metric]:
    """Return the energies of pulses that raise and that lower the conductance."""
    rows = [row for _, readings in record.where(part="write") for row in readings]
    pulses = [row for row in rows if row.role == "pulse"]
    return energy_metrics(
        {
            "raising": Readings([row for row in pulses if row.v * raising > 0]),
            "lowering": Readings([row for row in pulses if row.v * raising < 0]),
        }
    )


def attempt_table(found: Sequence[Attempt]) -> Table:
    """Return what became of each target, in the order they were written."""
    columns = (
        ("target", "S", "target"), ("from", "S", "start"), ("as verified", "S", "written"),
        ("u(as verified)", "S", "u_written"), ("after the hold", "S", "held"),
        ("u(after the hold)", "S", "u_held"), ("error", "1", "error"), ("u(error)", "1", "u_error"),
    )  # fmt: skip
    return table(
        "Targets in the order they were written",
        (
            *(
                (name, unit, [getattr(one, field) for one in found])
                for name, unit, field in columns
            ),
            ("pulses", "1", [float(one.pulses) for one in found]),
            ("times written", "1", [float(one.turns) for one in found]),
        ),
    )


def limit_note(record: Measured) -> tuple[str, ...]:
    """Return why a closed loop ended before its own end, where it did."""
    return tuple(str(step.label["reached"]) for step, _ in record.where(part="limit"))
