"""Protocols: frozen parameters that yield steps, receive readings and explain the result.

A protocol is a value: what it does follows from its fields alone, the seed included, which is why a
run can be resumed by feeding the recorded readings to `Protocol.steps` again.
"""

from __future__ import annotations

import inspect
import random
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin
from typing import Protocol as Structure

import msgspec
from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from labctl.errors import BadInput
from labctl.readings import Readings
from labctl.results import Panel, Results
from labctl.steps import StepRecord, Steps

__all__ = ["Measured", "Protocol", "Reference", "explain", "load_values"]

T = TypeVar("T")


class Reference(msgspec.Struct, frozen=True):
    """Where a protocol or a number was published."""

    doi: str
    figure: str = ""
    text: str = ""


class Measured(Structure):
    """What a protocol makes its results from: a record, seen from its steps."""

    @property
    def steps(self) -> tuple[StepRecord, ...]:
        """The steps that count, in order."""

    @property
    def readings(self) -> Readings:
        """Every reading."""

    def of(self, step: StepRecord) -> Readings:
        """Return the readings of one step."""

    def where(self, **label: float | int | str | bool) -> Iterator[tuple[StepRecord, Readings]]:
        """Yield the steps whose label has these values, with their readings."""


class Protocol(BaseModel):
    """One published kind of measurement. Subclasses add fields, `steps` and `analyse`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: ClassVar[str] = ""  #: name for people
    summary: ClassVar[str] = ""  #: one line for lists
    purpose: ClassVar[str] = ""  #: what people look for it under: ``plasticity``, ``memory`` ...
    reference: ClassVar[Reference] = Reference("")
    decides: ClassVar[bool] = False  #: what it does depends on readings, so a plan is nominal
    runnable: ClassVar[bool] = True  #: it can be chosen; False where it only shows what others made

    @model_validator(mode="before")
    @classmethod
    def _choices(cls, values: Any) -> Any:
        """Take a choice among whole numbers as people write it on a command line."""
        if not isinstance(values, dict):
            return values
        found = dict(values)
        for name, info in cls.model_fields.items():
            given = found.get(name)
            if isinstance(given, str) and get_origin(info.annotation) is Literal:
                options = get_args(info.annotation)
                found[name] = next((one for one in options if str(one) == given), given)
        return found

    kind: str
    seed: Annotated[int, Ge(0)] = Field(0, description="Fixes every random order of the protocol.")

    def steps(self) -> Steps:
        """Yield steps, each answered with its readings; decide from them alone."""
        raise NotImplementedError

    def analyse(self, record: Measured) -> Results:
        """Turn a record, finished or not, into figures of merit."""
        raise NotImplementedError

    def preview(self) -> tuple[Panel, ...]:
        """Return the waveform that matters, to scale, before anything is sent."""
        return ()

    @classmethod
    def parameters(cls) -> dict[str, FieldInfo]:
        """Return the fields in the order people read them: its own, those shared, the seed."""
        names: dict[str, None] = {}
        for kind in cls.__mro__:
            names.update(dict.fromkeys(inspect.get_annotations(kind)))
        names.pop("seed", None)
        wanted = [name for name in (*names, "seed") if name in cls.model_fields and name != "kind"]
        return {name: cls.model_fields[name] for name in wanted}

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in an order that the seed fixes."""
        order = list(items)
        random.Random(f"{self.kind}-{self.seed}").shuffle(order)
        return order

    @classmethod
    def from_values(cls, values: dict[str, Any], where: str) -> Protocol:
        """Make the protocol from parsed values; `where` names their file in an error.

        Raises
        ------
        BadInput
            A key is unknown or a value is not allowed; one sentence for the first of them.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise BadInput(explain(error, where, list(cls.model_fields))) from None


def explain(error: ValidationError, where: str, known: list[str]) -> str:
    """Say what is wrong with the first bad key in one sentence.

    Parameters
    ----------
    error
        What pydantic found.
    where
        File or command that held the value.
    known
        Keys allowed at the top level.
    """
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f'{where}: the key "{key}" is unknown; allowed are {", ".join(known)}'
    if first["type"] == "missing":
        return f'{where}: the key "{key}" is missing; give it a value'
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:] if reason[:5] in ("Input", "Value") else reason
    return f"{where}: {key} = {first['input']!r} is not allowed: {reason}"


def load_values(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    BadInput
        The file is missing or is not TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise BadInput(f'there is no file "{path}"; give the path of a TOML file') from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'"{path}" cannot be read: {error}') from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML: {error}") from None
