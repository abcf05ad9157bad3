"""Write and verify: convergence to target conductances, verified again after a hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from annotated_types import Len
from pydantic import Field, model_validator

from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results, Trace
from labctl.steps import Steps, Wait
from labctl.units import Conductances, show
from protocols.limited import Limit, limited
from protocols.parameters import Repeats
from protocols.programmed import (
    Attempt,
    Programmed,
    attempt_metrics,
    attempt_table,
    attempts,
    limit_note,
    pulse_energies_by_way,
)
from protocols.responses import conductances

__all__ = ["WriteVerify"]


class WriteVerify(Programmed):
    """Programming to target conductances by pulses with verified reads.

    A pulse is followed by a read until the conductance is within the tolerance; its amplitude is
    chosen by a growing ramp (ISPP) or by bisection, its polarity by the side on which the device
    is. The state is read again after a hold, several times; where it has left the tolerance it is
    written again, a stated number of times. After Alibart et al., Nanotechnology 2012, 23, 075201,
    10.1088/0957-4484/23/7/075201 (feedback by alternating writes and reads to 1 %).
    """

    title: ClassVar[str] = "Write and verify"
    summary: ClassVar[str] = "Pulses to target conductances, and the error left after a hold."
    purpose: ClassVar[str] = "memory"
    reference: ClassVar[Reference] = Reference(
        "10.1088/0957-4484/23/7/075201", text="Alibart et al., Nanotechnology 2012, 23, 075201"
    )

    decides: ClassVar[bool] = True

    kind: Literal["write-verify"] = "write-verify"
    targets: Annotated[
        Conductances, Len(1), Field(description="Conductances to reach; in random order.")
    ] = (100e-6, 300e-6, 1e-3)
    repeats: Repeats = 1

    @model_validator(mode="after")
    def _targets_are_positive(self) -> WriteVerify:
        if min(self.targets) <= 0:
            raise ValueError(
                f"a target of {min(self.targets):g} S was asked for; give positive conductances"
            )
        return self

    def steps(self) -> Steps:
        """Write every target in random order until it stays within the tolerance over a hold."""
        limit = Limit(self.most_pulses, self.longest_time)
        if not (yield from limited(self._course(), limit)):
            yield Wait(self.read_width, {"part": "limit", "reached": limit.reached})

    def _course(self) -> Steps:
        for number, target in enumerate(self.shuffled(self.targets * self.repeats)):
            yield from self.reach(number, target)

    def analyse(self, record: Measured) -> Results:
        """Return what it took to reach every target and how far off the state is after the hold.

        Metrics: ``pulses_to_target``, ``reached`` (share of the attempts that were within the
        tolerance when last verified before the hold), ``kept`` (the same after the hold),
        ``error`` and ``error_written`` (root mean square of the relative error after the hold and
        as verified before it), ``shift`` (mean relative change over the hold), ``energy_raising``
        and ``energy_lowering`` of a pulse.
        """
        found = attempts(record)
        return Results(
            metrics=attempt_metrics(found, self.within, self.kept_within)
            | pulse_energies_by_way(record, self.writing.raising),
            tables=(attempt_table(found),) if found else (),
            panels=(*self.preview(), *_panels(record, found, self.kept_within)),
            notes=(*_notes(found, self.within, self.kept_within), *limit_note(record)),
        )


def _panels(record: Measured, found: Sequence[Attempt], within: float) -> tuple[Panel, ...]:
    if not found:
        return ()
    return (_approach(record), _errors(found, within))


def _approach(record: Measured) -> Panel:
    """Return the verified conductances against the pulses spent, a line for each attempt."""
    lines: dict[int, tuple[float, list[float]]] = {}
    for step, readings in record.where(part="verify"):
        g = conductances(readings.where(role="read"))
        if len(g) and math.isfinite(g[-1]):
            number, target = int(step.label["attempt"] or 0), float(step.label["target"] or 0)
            lines.setdefault(number, (target, []))[1].append(float(g[-1]))
    traces = []
    longest = max((len(g) for _, g in lines.values()), default=1)
    named: set[float] = set()
    for target, path in lines.values():
        rises = "potentiation" if target > path[0] else "depression"
        label = f"to {show(target, 'S')}" if target not in named else ""
        named.add(target)
        x = tuple(map(float, range(len(path))))
        traces.append(Trace(x, tuple(path), label, branch=rises))
        traces.append(Trace(x, tuple(path), kind="line", branch=rises))
    ends = (float(longest),) * len(named)
    traces.append(Trace(ends, tuple(sorted(named)), "targets"))
    title = "Approach to each target"
    return Panel(title, "verified reads", "1", "conductance", "S", tuple(traces), y_log=True)


def _errors(found: Sequence[Attempt], within: float) -> Panel:
    x = tuple(one.target for one in found)
    sides = (
        Trace(
            x, tuple(one.error_written for one in found), "as verified",
            y_error=tuple(one.u_written / one.target for one in found),
        ),
        Trace(
            x, tuple(one.error for one in found), "after the hold",
            y_error=tuple(one.u_error for one in found),
        ),
    )  # fmt: skip
    a, b = min(x) / 1.2, max(x) * 1.2
    edge = (within, within, -within, -within, within)
    box = Trace((a, b, b, a, a), edge, "tolerance after the hold", kind="line")
    title = "Error of each state"
    return Panel(title, "target", "S", "relative error", "1", (*sides, box), x_log=True)


def _notes(found: Sequence[Attempt], within: float, kept_within: float) -> tuple[str, ...]:
    if not found:
        return ("no read that verifies is complete",)
    missed = [one for one in found if not abs(one.error_written) <= within]
    left = [one for one in found if one not in missed and abs(one.error) > kept_within]
    said = [f"{len(found)} targets were written, in random order"]
    if missed:
        said.append(f"{len(missed)} of them were not reached within the tolerance")
    if left:
        said.append(f"{len(left)} of them were reached but had left the tolerance after the hold")
    return tuple(said)
