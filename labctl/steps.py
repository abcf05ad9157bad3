"""Steps: everything a protocol can ask of a bench.

A protocol yields steps and is sent the readings of each one back. Steps are frozen values; the
journal stores them whole, so a record says exactly what was asked.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from labctl.readings import Readings
from labctl.waveform import Node

__all__ = ["Label", "Move", "Play", "Soak", "Step", "StepRecord", "Steps", "Wait"]

#: a value that is not known is None; JSON has no "not a number"
Label = dict[str, float | int | str | bool | None]


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="play"):
    """Apply a waveform and measure its windows.

    A terminal of `voltage_limits` is driven by a current: the waveform's levels there are in A,
    zero is an open circuit, and the limit is the largest voltage that the source may reach. Its
    readings have no ``v_set`` (not a number); what was asked for is in the step.
    """

    waveform: Node
    compliance: float  #: largest current any terminal may carry, A
    ranges: dict[str, float] = {}  #: current range for a terminal, A; otherwise the compliance
    label: Label = {}  #: what the step is, for the analysis: ``{"part": "pair", "interval": 0.01}``
    voltage_limits: dict[str, float] = {}  #: largest voltage of each terminal driven by current, V


class Wait(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="wait"):
    """Leave the device alone at zero volts for a time in s."""

    duration: float
    label: Label = {}


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="move"):
    """Contact another site.

    Without a contact the run ends, unless `skip` is set: then the answer is one reading without a
    value, flagged ``CONTACT``, and the protocol goes to its next site.
    """

    site: str
    label: Label = {}
    skip: bool = False


class Soak(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="soak"):
    """Bring the chuck to a temperature in K and let it settle."""

    temperature: float
    label: Label = {}


Step = Play | Wait | Move | Soak
Steps = Generator[Step, Readings, None]


class StepRecord(msgspec.Struct, frozen=True):
    """One step as it went: what was asked and which rows it gave."""

    index: int
    attempt: int
    what: Step
    first: int  #: row of readings.csv
    last: int | None  #: row after its last; None while it is not done
    skipped: bool = False  #: it was interrupted and the user chose to go on without it

    @property
    def label(self) -> Label:
        """What the protocol called the step."""
        return self.what.label
