"""Sequence files: which protocols follow each other, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.condition import ConditionText
from labctl.errors import BadInput, Refused
from labctl.planner import Plan, plan
from labctl.protocol import Protocol, explain, load_values

__all__ = [
    "Sequence", "Stage", "check_plans", "check_sequence", "located_bench", "plans", "protocols",
    "read_sequence",
]  # fmt: skip


class Stage(BaseModel):
    """One protocol of a sequence and when it is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str  #: kind, or a TOML file beside the sequence's
    name: str = ""  #: for conditions of later stages; otherwise the kind
    note: str = ""  #: said beside the name
    set: dict[str, Any] = {}  #: parameters
    when: ConditionText = ""  #: on earlier stages; left out unless it holds
    until: ConditionText = ""  #: on its own results; done again until it holds
    times: PositiveInt = 1  #: at most
    otherwise: Literal["stop", "continue"] = "stop"  #: when `until` never held

    @model_validator(mode="after")
    def _fit_together(self) -> Stage:
        if self.times > 1 and not self.until:
            raise ValueError(
                f"times = {self.times} was asked for without until; say until when it is repeated"
            )
        return self


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


def located_bench(bench: str, folder: Path = Path()) -> str:
    """Return a bench's name, or the whole path of its file, so that it is found from anywhere.

    Parameters
    ----------
    bench
        Name, or path of a TOML file.
    folder
        Of the file that names it: a bench file beside that one comes before any other.
    """
    if not bench.endswith(".toml"):
        return bench
    beside = folder / bench
    return str((beside if beside.exists() else Path(bench)).resolve())


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
    definition, _ = read_bench(located_bench(bench) or located_bench(sequence.bench, folder))
    found = protocols(sequence, folder, sequence.seed)
    for name, protocol in zip(sequence.names(), found, strict=True):
        yield name, plan(protocol, definition)


def check_plans(found: Iterable[tuple[str, Plan]]) -> None:
    """Refuse stages that break a limit.

    Parameters
    ----------
    found
        What `plans` yields.

    Raises
    ------
    Refused
        With every limit that would be broken.
    """
    violations = tuple(violation for _, plan in found for violation in plan.violations)
    if violations:
        raise Refused(violations)
