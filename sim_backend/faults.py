"""Faults on demand: what goes wrong on the wire, in an instrument or at the sample, at which line.

A bench file lists them::

    [[simulation.faults]]
    instrument = "smu"
    at = 12            # strikes at the 12th line the instrument is sent
    kind = "mute"

``labctl serve BENCH --faults`` takes the same from its standard input while it runs, one a line
(``smu mute``, ``smu slow delay="2 s" at=3``); ``at`` counts from there.

On the wire: ``mute`` (no answers any more), ``close`` (the connection is dropped, the line is
lost), ``reset`` (the same without a farewell: the sender finds its connection reset), ``cut`` (half
of the next reply, without its end), ``garbage`` (the next reply is not what was asked for),
``slow`` (the next reply, and what follows it, comes `delay` later), ``error`` (an entry in the
error queue).
In an instrument that has such a thing: ``interlock`` (it opens), ``over-temperature`` (the unit is
too hot: output off).
At the sample: ``short`` (between the device's first two terminals). On a bench with a prober also
``contact-lost`` (the needles are open until they come down again) and ``stuck`` (the chuck does
not move until it is initialised). What strikes the sample is timed by a line of any instrument.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Second
from sim_backend.clock import Clock
from sim_backend.wire.port import HungUp, VirtualInstrument

__all__ = [
    "AT_SAMPLE",
    "IN_INSTRUMENT",
    "OF_PROBER",
    "Fault",
    "FaultyInstrument",
    "Reporting",
    "read_faults",
    "typed_fault",
    "with_faults",
]

#: kinds that strike inside the instrument; it says in ``ills`` which of them it can have
IN_INSTRUMENT = frozenset({"interlock", "over-temperature"})
#: kinds that strike the prober
OF_PROBER = frozenset({"contact-lost", "stuck"})
#: kinds that strike the device itself
AT_SAMPLE = frozenset({"short"})

#: stands for an answer that no parser can use; the same each time, so that a run can be repeated
_GARBAGE = b"\x13\xff?9.9.9e+,\x00~\n"


class Fault(BaseModel):
    """One fault of one instrument."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: str = Field(description="name in the bench file")
    at: Annotated[int, Ge(1)] = Field(description="strikes at this line, counted from 1")
    kind: Literal[
        "mute", "close", "reset", "cut", "garbage", "slow", "error",
        "interlock", "over-temperature", "short", "contact-lost", "stuck",
    ]  # fmt: skip
    code: int = Field(-200, description="of the error entry")
    message: str = Field("", description="of the error entry; empty: the instrument's own text")
    delay: Annotated[Second, Ge(0)] = Field(1.0, description="of a slow reply")


def read_faults(
    rows: Sequence[Mapping[str, Any]], instruments: Iterable[str], where: str
) -> tuple[Fault, ...]:
    """Read the rows ``[[simulation.faults]]`` of a bench file.

    Parameters
    ----------
    rows
        As parsed.
    instruments
        Names that a fault may have.
    where
        The file and section, for an error.

    Raises
    ------
    BadInput
        A key, a value or an instrument is unknown.
    """
    known = tuple(instruments)
    faults = []
    for row in rows:
        try:
            fault = Fault(**row)
        except ValidationError as error:
            raise BadInput(explain(error, where, list(Fault.model_fields))) from None
        if fault.instrument not in known:
            raise BadInput(
                f'{where}: a fault names the instrument "{fault.instrument}", which is not on '
                f"this bench; there are {', '.join(known) or 'none'}"
            )
        faults.append(fault)
    return tuple(faults)


def typed_fault(line: str, instruments: Iterable[str], where: str) -> Fault:
    """Read a fault as a person types it: ``INSTRUMENT KIND [key=value ...]``.

    Parameters
    ----------
    line
        For example ``smu error code=802``; without ``at`` it strikes at the next line.
    instruments
        Names that a fault may have.
    where
        Where it was typed, for an error.

    Raises
    ------
    BadInput
        A word is not of this form, or a key, a value or an instrument is unknown.
    """
    try:
        name, kind, *settings = shlex.split(line)
        pairs = dict(setting.split("=", 1) for setting in settings)
    except ValueError:
        raise BadInput(
            f'{where}: "{line}" was asked for; a fault is INSTRUMENT KIND [key=value ...], '
            'like: smu slow delay="2 s" at=3'
        ) from None
    return read_faults([{"at": 1, **pairs, "instrument": name, "kind": kind}], instruments, where)[
        0
    ]


class Reporting(VirtualInstrument, Protocol):
    """An instrument whose error queue can be written."""

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""


class FaultyInstrument:
    """An instrument on whose wire things go wrong; everything else is the instrument's.

    Parameters
    ----------
    instrument
        The sound instrument.
    faults
        What strikes when; the names in them are not looked at.
    clock
        The laboratory's time.
    suffer
        Takes the kind of a fault that is not on the wire.
    """

    def __init__(
        self,
        instrument: Reporting,
        faults: Sequence[Fault],
        clock: Clock,
        suffer: Callable[[str], None],
    ) -> None:
        self.sound, self._clock, self._suffer = instrument, clock, suffer
        self.lines = 0  #: lines it was sent so far
        self._faults: dict[int, list[Fault]] = {}
        for fault in faults:
            self.plan(fault)
        self._mute = False
        self._spoil: Fault | None = None
        self._late: list[tuple[float, bytes]] = []

    def plan(self, fault: Fault) -> None:
        """Let a fault strike `fault.at` lines from now."""
        self._faults.setdefault(self.lines + fault.at, []).append(fault)

    @property
    def terminators(self) -> bytes:
        """Bytes that end a message."""
        return bytes(getattr(self.sound, "terminators", b"\n"))

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time."""
        return self.sound.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.sound.breathe = call

    def urgent(self, line: bytes) -> bool:
        """Whether a line acts at once, whatever is running."""
        return self.sound.urgent(line)

    def prompt(self, line: bytes) -> bool:
        """Whether a line reaches what is running instead of waiting for its end."""
        reaches: Callable[[bytes], bool] | None = getattr(self.sound, "prompt", None)
        return reaches is not None and reaches(line)

    def write(self, message: bytes) -> None:
        """Execute one line, or let what is planned for it go wrong.

        Raises
        ------
        HungUp
            The plan drops the connection here.
        """
        self.lines += 1
        for fault in self._faults.get(self.lines, ()):
            self._strike(fault)
        self.sound.write(message)

    def _strike(self, fault: Fault) -> None:
        if fault.kind in ("close", "reset"):
            raise HungUp(reset=fault.kind == "reset")
        if fault.kind == "mute":
            self._mute = True
        elif fault.kind == "error":
            self.sound.report(fault.code, fault.message)
        elif fault.kind in IN_INSTRUMENT | OF_PROBER | AT_SAMPLE:
            self._suffer(fault.kind)
        else:
            self._spoil = fault

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, spoilt as planned."""
        now = self._clock.now_s
        ready = [reply for due, reply in self._late if due <= now]
        self._late = [row for row in self._late if row[0] > now]
        for reply in self.sound.replies():
            ready += self._spoilt(reply)
        return [] if self._mute else ready

    def _spoilt(self, reply: bytes) -> list[bytes]:
        fault, self._spoil = self._spoil, None
        delay = 0.0
        if fault is not None:
            if fault.kind == "cut":
                reply = reply[: max(1, len(reply) // 2)]
            elif fault.kind == "garbage":
                reply = _GARBAGE
            else:
                delay = fault.delay
        if not delay and not self._late:
            return [reply]
        # no reply overtakes another one
        due = max([self._clock.now_s + delay, *(due for due, _ in self._late)])
        self._late.append((due, reply))
        # somebody who waits for it looks again when something happens
        self._clock.at(due, _nothing)
        return []

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.sound.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; from any thread."""
        self.sound.interrupt()

    def abort(self) -> None:
        """End what is running."""
        self.sound.abort()

    def clear(self) -> None:
        """Take a device clear."""
        self._late.clear()
        self.sound.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.sound.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.sound.status_byte()


def with_faults(
    instrument: Reporting,
    faults: Sequence[Fault],
    clock: Clock,
    suffer: Callable[[str], None] | None = None,
) -> VirtualInstrument:
    """Return the instrument with its faults; the instrument itself when there is none.

    `suffer` takes the kind of each fault that is not on the wire; without it such a fault raises
    `BadInput` when it strikes, for nobody would have it.
    """
    if not faults:
        return instrument
    calls = getattr(instrument, "plan", None)
    if calls is not None:  # it is not reached by lines, but by calls of a library
        for fault in faults:
            calls(fault, suffer or _nobody)
        return instrument
    return FaultyInstrument(instrument, faults, clock, suffer or _nobody)


def _nothing() -> None:
    """Do nothing."""


def _nobody(kind: str) -> None:
    raise BadInput(
        f'a fault "{kind}" has struck, but nobody here can have it; plan it in a laboratory'
    )
