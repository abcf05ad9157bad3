"""Sequence files: which protocols follow each other, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.condition import parse_condition
from labctl.errors import BadInput
from labctl.planner import Plan, plan
from labctl.protocol import Protocol, explain, load_values

__all__ = ["Sequence", "Stage", "check_sequence", "plans", "protocols", "read_sequence"]

Condition = Annotated[str, Field(description='Such as "g_final > 100 uS".')]


class Stage(BaseModel):
    """One protocol of a sequence and when it is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str  #: kind, or a TOML file beside the sequence's
    name: str = ""  #: for conditions of later stages; otherwise the kind
    note: str = ""  #: said beside the name
    set: dict[str, Any] = {}  #: parameters
    when: Condition = ""  #: on earlier stages; left out unless it holds
    until: Condition = ""  #: on its own results; done again until it holds
    times: PositiveInt = 1  #: at most
    otherwise: Literal["stop", "continue"] = "stop"  #: when `until` never held

    @model_validator(mode="after")
    def _fit_together(self) -> Stage:
        for text in (self.when, self.until):
            if text:
                _readable(text)
        if self.times > 1 and not self.until:
            raise ValueError(
                f"times = {self.times} was asked for without until; say until when it is repeated"
            )
        return self


def _readable(text: str) -> None:
    try:
        parse_condition(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


class Sequence(BaseModel):
    """A sequence file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    bench: str = "sim-ftj"
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = ""
    stage: tuple[Stage, ...] = Field(min_length=1)

    def names(self) -> list[str]:
        """Return a name for each stage, numbered where a kind comes twice."""
        given = [stage.name or Path(stage.protocol).stem for stage in self.stage]
        return [
            name if given.count(name) == 1 else f"{name}-{given[: k + 1].count(name)}"
            for k, name in enumerate(given)
        ]


def read_sequence(path: Path) -> Sequence:
    """Read a sequence file.

    Raises
    ------
    BadInput
        It is missing, not TOML, or a key is wrong; one sentence with file and key.
    """
    return check_sequence(load_values(path), str(path))


def check_sequence(values: dict[str, Any], where: str) -> Sequence:
    """Check the content of a sequence file; `where` names it in an error.

    Raises
    ------
    BadInput
        A key is wrong; one sentence with file and key.
    """
    try:
        return Sequence(**values)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(Sequence.model_fields))) from None


def protocols(sequence: Sequence, folder: Path, seed: int) -> list[Protocol]:
    """Return the protocol of each stage.

    Parameters
    ----------
    sequence
        The sequence.
    folder
        Where its protocol files are.
    seed
        Of stages that give none.

    Raises
    ------
    BadInput
        A stage's protocol or parameter is wrong; the sentence names the stage.
    """
    found = []
    for name, stage in zip(sequence.names(), sequence.stage, strict=True):
        what = stage.protocol
        if what.endswith(".toml"):
            what = str(folder / what)
        try:
            found.append(catalogue.protocol_from(what, {"seed": seed, **stage.set}))
        except BadInput as error:
            raise BadInput(f"stage {name}: {error}") from None
    return found


def plans(sequence: Sequence, folder: Path, bench: str = "") -> Iterator[tuple[str, Plan]]:
    """Yield the plan of one turn of each stage, with the stage's name.

    Parameters
    ----------
    sequence
        The sequence.
    folder
        Where its protocol files are.
    bench
        Instead of the sequence's own.

    Raises
    ------
    BadInput
        As `protocols`.
    """
    definition, _ = read_bench(bench or sequence.bench)
    found = protocols(sequence, folder, sequence.seed)
    for name, protocol in zip(sequence.names(), found, strict=True):
        yield name, plan(protocol, definition)
