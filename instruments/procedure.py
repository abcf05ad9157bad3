"""pymeasure's window runs labctl's protocols: any protocol as a `pymeasure` Procedure.

    from instruments.procedure import procedure
    PairedPulse = procedure("ppf")

makes a class whose parameters are those of the protocol, with units and bounds, and whose columns
are those of labctl's readings, so that it can be queued in a ManagedWindow that exists already. The
run is labctl's own: planned, refused where it breaks a limit, written into a run folder, and left
safe. pymeasure's file is a copy of the readings beside it.

Files of pymeasure name the class that made them, ``instruments.procedure.Ppf``; this module finds
it again by that name.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pymeasure.experiment import (
    BooleanParameter,
    FloatParameter,
    IntegerParameter,
    ListParameter,
    Parameter,
    Procedure,
)

from labctl import catalogue, engine
from labctl.control import Control
from labctl.errors import Aborted
from labctl.planner import Plan
from labctl.protocol import Protocol
from labctl.readings import COLUMN_UNITS
from labctl.tail import Tail
from labctl.units import Unit

__all__ = ["ProtocolProcedure", "procedure"]

_WIDEST = 1e30  # where a field has no bound; pymeasure's own default ends at 1e9
_WHOLE = 2**31 - 1  # its window has 32 bits for a whole number

#: how to run, beside what to run: attribute, name, default
_COURSE = (
    ("bench", "bench", "sim-ftj"),
    ("device", "device", ""),
    ("operator", "operator", ""),
    ("runs", "runs folder", "runs"),
)


class _Exact(FloatParameter):  # type: ignore[misc]  # pymeasure is not typed
    """A number that a file keeps with all its digits; pymeasure's own has six."""

    def __str__(self) -> str:
        if not self.is_set():
            return ""
        return f"{self.value!r} {self.units}" if self.units else repr(self.value)


class _Stopped(Control):
    """A control that asks the window's stop button."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        super().__init__()
        self._asked = asked

    def aborting(self) -> bool:
        """Whether to break off now."""
        if self._asked():
            self.say("abort", "stopped in pymeasure; what was measured is in the record")
        return super().aborting()

    def between_steps(self) -> None:
        """Break off between steps, too.

        Raises
        ------
        Aborted
            A stop was asked for.
        """
        self.aborting()
        super().between_steps()


class ProtocolProcedure(Procedure):  # type: ignore[misc]  # pymeasure is not typed
    """A labctl protocol in pymeasure's queue; see `procedure`."""

    #: the protocol's class, and which attribute holds which of its fields
    protocol_class: ClassVar[type[Protocol]]
    attributes: ClassVar[Mapping[str, str]] = {}

    DATA_COLUMNS: ClassVar[list[str]] = [
        f"{name} ({unit})" if unit not in ("", "1") else name for name, unit in COLUMN_UNITS.items()
    ]

    def protocol(self) -> Protocol:
        """Return the protocol with the values of the parameters.

        Raises
        ------
        labctl.errors.BadInput
            A value is not allowed.
        """
        kind = self.protocol_class
        values: dict[str, Any] = {"kind": kind.model_fields["kind"].default}
        for name, attribute in self.attributes.items():
            given = getattr(self, attribute)
            values[name] = _plain(given, kind.model_fields[name])
        return kind.from_values(values, "pymeasure")

    def execute(self) -> None:
        """Run the protocol on the bench, passing readings on after each step.

        Raises
        ------
        labctl.errors.LabctlError
            As for `labctl.engine.run`; a stop in the window is no error.
        """
        protocol = self.protocol()
        passing = _Passing(protocol, self.emit)
        options = engine.Options(
            Path(self.runs),
            seed=protocol.seed,
            site=self.device,
            operator=self.operator,
            started=passing.begin,
            progress=passing.go_on,
        )
        try:
            engine.run(protocol, self.bench, options, _Stopped(self.should_stop))
        except Aborted:
            if not self.should_stop():
                raise
        finally:
            passing.readings()


class _Passing:
    """Passes on what a run has written since the last look."""

    def __init__(self, protocol: Protocol, emit: Callable[[str, Any], None]) -> None:
        self._protocol, self._emit = protocol, emit
        self._tail: Tail | None = None
        self._passed = 0  # rows

    def begin(self, folder: Path) -> None:
        """Follow the run in this folder."""
        self._tail = Tail(folder, self._protocol)

    def go_on(self, done: int, plan: Plan, time: float) -> None:
        """Pass on the readings of the step that is done, and how far the run is."""
        self.readings()
        self._emit("progress", min(99.0, 100.0 * done / max(plan.steps, 1)))

    def readings(self) -> None:
        """Pass on new readings, each as a row."""
        if self._tail is None:
            return
        while self._tail.poll():
            pass
        new = self._tail.readings[self._passed :]
        steps = self._numbers(self._passed, len(new))
        for step, row in zip(steps, new, strict=True):
            values = (step, *row)
            self._emit("results", dict(zip(ProtocolProcedure.DATA_COLUMNS, values, strict=True)))
        self._passed += len(new)

    def _numbers(self, first: int, count: int) -> list[int]:
        """Return the step of each of these rows."""
        assert self._tail is not None
        known = [*self._tail.steps, *([s] if (s := self._tail.unfinished) else [])]
        found = []
        for row in range(first, first + count):
            while len(known) > 1 and known[1].first <= row:
                known.pop(0)
            found.append(known[0].index if known else 0)
        return found


@functools.cache
def procedure(kind: str) -> type[ProtocolProcedure]:
    """Return a protocol as a class that pymeasure can queue.

    Parameters
    ----------
    kind
        Of the protocol, such as ``"ppf"``.

    Returns
    -------
    type
        A subclass of `pymeasure.experiment.Procedure`. Each field of the protocol is a parameter of
        the same name (with ``_`` after it where pymeasure has such a name itself), in SI units;
        series are text as on the command line, and a field that may be left out is empty text. In
        addition there are ``bench``, ``device``, ``operator`` and ``runs``, the folder in which the
        run folder is made.

    Raises
    ------
    labctl.errors.BadInput
        There is no such protocol.
    """
    protocol: type[Protocol] = catalogue.load("protocol", kind)
    course = {attribute: Parameter(name, default=default) for attribute, name, default in _COURSE}
    attributes: dict[str, str] = {}
    parameters: dict[str, Parameter] = {}
    for name, info in protocol.parameters().items():
        taken = hasattr(ProtocolProcedure, name) or name in course
        attributes[name] = f"{name}_" if taken else name
        parameters[attributes[name]] = _parameter(attributes[name].replace("_", " "), info)
    body = {
        **course,
        **parameters,
        "__doc__": f"{protocol.title}: {protocol.summary}",
        "__module__": __name__,
        "protocol_class": protocol,
        "attributes": attributes,
    }
    return type(_class_name(kind), (ProtocolProcedure,), body)


def __getattr__(name: str) -> type[ProtocolProcedure]:
    """Return the class of this name, as a file of pymeasure states it."""
    for kind in catalogue.names("protocol"):
        if _class_name(kind) == name:
            return procedure(kind)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _class_name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("-"))


def _parameter(name: str, info: FieldInfo) -> Parameter:
    """Return the parameter of one field."""
    sort = info.annotation
    required = info.is_required()
    default = None if required else info.get_default(call_default_factory=True, validated_data={})
    said = info.description
    unit = next((note.symbol for note in info.metadata if isinstance(note, Unit)), None)
    units = None if unit == "1" else unit
    if sort is bool:
        return BooleanParameter(name, default=default, description=said)
    if sort is int and abs(default or 0) <= _WHOLE:  # a larger one is text
        low, high = _bounds(info, 1, _WHOLE)
        return IntegerParameter(
            name, units, math.ceil(low), math.floor(high), default=default, description=said
        )
    if sort is float:
        low, high = _bounds(info, 0, _WIDEST)
        return _Exact(name, units, low, high, default=default, description=said)
    if get_origin(sort) is Literal:
        return ListParameter(name, get_args(sort), default=default, description=said)
    return Parameter(name, default=None if required else _text(default), description=said)


def _bounds(info: FieldInfo, step: int, widest: float) -> tuple[float, float]:
    """Return the smallest and the largest value; a bound that is excluded is one step further."""
    low, high = -widest, widest
    for note in info.metadata:
        if isinstance(note, annotated_types.Ge):
            low = max(low, float(note.ge))  # type: ignore[arg-type]
        elif isinstance(note, annotated_types.Gt):
            bound = float(note.gt)  # type: ignore[arg-type]
            low = max(low, bound + step if step else math.nextafter(bound, math.inf))
        elif isinstance(note, annotated_types.Le):
            high = min(high, float(note.le))  # type: ignore[arg-type]
        elif isinstance(note, annotated_types.Lt):
            bound = float(note.lt)  # type: ignore[arg-type]
            high = min(high, bound - step if step else math.nextafter(bound, -math.inf))
    return low, high


def _text(value: Any) -> str:
    """Return a value as text that `_plain` reads."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


def _plain(given: Any, info: FieldInfo) -> Any:
    """Return what the protocol is given for a parameter's value."""
    if (
        not isinstance(given, str)
        or info.annotation is str
        or get_origin(info.annotation) is Literal
    ):
        return given
    if not given.strip():
        return None if type(None) in get_args(info.annotation) else ()
    if given.lstrip().startswith(("[", "{")):
        try:
            return json.loads(given)
        except ValueError:
            return given  # the protocol says what is wrong
    return given
