"""Families and presets: named sets of numbers, each with its unit, grade and source.

A preset is a TOML file. `Family.load` reads it, lays the changes of a bench file over it and builds
the model; `Family.describe` says where every number comes from and how good it is:

exact
    measured or printed by the source for this very device.
fitted
    chosen so that the model reproduces stated measurements.
loose
    published for a similar device, or read off a figure.
illustrative
    plausible, without a source.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Unit, show
from sim_backend.devices.model import DeviceModel

__all__ = ["GRADES", "Conditions", "Description", "Family", "Parameter", "Preset"]

GRADES = ("exact", "fitted", "loose", "illustrative")
_PRESETS = Path(__file__).parent / "presets"


class Conditions(BaseModel):
    """Values with units that a preset or a bench file gives; subclasses add the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number of a preset, and how far it can be trusted."""

    value: float | str  #: SI, or text with a unit
    grade: str
    source: str


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of parameters of a family."""

    family: str
    title: str
    grade: str  #: that of the set as a whole
    citation: str
    parameters: dict[str, Parameter]
    initial: dict[str, float | str] = {}
    caveats: tuple[str, ...] = ()
    name: str = ""


class Description(dict[str, Any]):
    """What a preset is and where its numbers come from; its text is for people."""

    def __str__(self) -> str:
        rows = [
            f"  {name:14}{_quantity(entry):>12}  {entry['meaning']} [{entry['grade']}: "
            f"{entry['source']}]"
            for name, entry in self["parameters"].items()
        ]
        return "\n".join(
            (
                f"{self['family']} {self['preset']}: {self['title']} ({self['grade']})",
                self["model"],
                f"Source: {self['citation']}",
                *(f"Mind: {caveat}" for caveat in self["caveats"]),
                "Parameters:",
                *rows,
            )
        )


def _quantity(entry: Mapping[str, Any]) -> str:
    return show(entry["value"], entry["unit"], 4)


@dataclass(frozen=True, slots=True)
class Family:
    """One family of devices: what the catalogue and the laboratory find under its name.

    Parameters
    ----------
    name, title
        Key in bench files, and name for people.
    summary
        What the model does, in a sentence or two.
    parameters
        Fields of the frozen parameter set.
    initial
        Fields of the initial condition.
    build
        Makes the model from both and from the description that goes with it.
    presets
        Folder of the preset files, ``<family>-<preset>.toml``.
    """

    name: str
    title: str
    summary: str
    parameters: type[Conditions]
    initial: type[Conditions]
    build: Callable[[Any, Any, Mapping[str, Any]], DeviceModel]
    presets: Path = _PRESETS

    def names(self) -> tuple[str, ...]:
        """Return the names of the presets that ship with the family."""
        prefix, line = f"{self.name}-", f'family = "{self.name}"'
        # rram-gap-hfox.toml may be the preset hfox of rram-gap or gap-hfox of rram: it says which
        return tuple(
            sorted(
                path.stem.removeprefix(prefix)
                for path in self.presets.glob(f"{prefix}*.toml")
                if line in path.read_text(encoding="utf-8").splitlines()
            )
        )

    def preset(self, name: str | Mapping[str, Any]) -> Preset:
        """Read a preset by its name, or a user's own by the path or the content of its TOML file.

        Raises
        ------
        BadInput
            There is none, or its file is not a preset of this family.
        """
        if not isinstance(name, str):
            return self._read(name, str(name.get("name", "own")), "the preset of a bench file")
        own = name.endswith(".toml")
        path = Path(name) if own else self.presets / f"{self.name}-{name}.toml"
        if not path.is_file():
            raise BadInput(
                f'the preset "{name}" of the family {self.name} was asked for; there are '
                f"{', '.join(self.names())}, or give the path of a TOML file"
            )
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path}: not a preset of a device: {error}") from None
        return self._read(values, path.stem if own else name, str(path))

    def _read(self, values: Mapping[str, Any], name: str, where: str) -> Preset:
        try:
            preset = msgspec.convert({**values, "name": name}, Preset)
        except msgspec.ValidationError as error:
            raise BadInput(f"{where}: not a preset of a device: {error}") from None
        self._check(preset, where)
        return preset

    def _check(self, preset: Preset, where: str) -> None:
        if preset.family != self.name:
            raise BadInput(
                f'{where}: a preset of the family "{preset.family}" was given; '
                f'this device is of the family "{self.name}"'
            )
        for grade in (preset.grade, *(entry.grade for entry in preset.parameters.values())):
            if grade not in GRADES:
                raise BadInput(f'{where}: the grade "{grade}" is unknown; use {", ".join(GRADES)}')

    def load(
        self,
        preset: str | Mapping[str, Any] = "",
        changes: Mapping[str, Any] | None = None,
        where: str = "",
    ) -> DeviceModel:
        """Build the model of a preset, with some of its values changed.

        Parameters
        ----------
        preset
            Name, path or content; empty for the family's first.
        changes
            Parameters and initial conditions that replace those of the preset.
        where
            File or section that holds the changes, for an error.

        Raises
        ------
        BadInput
            The preset does not exist, a key is unknown or a value is not allowed.
        """
        chosen = self.preset(preset or self.names()[0])
        changes = dict(changes or {})
        self._refuse_unknown(changes, where or f"{self.name} device")
        given = {name: entry.value for name, entry in chosen.parameters.items()}
        parameters = _read(self.parameters, given, changes, where or chosen.name)
        initial = _read(self.initial, chosen.initial, changes, where or chosen.name)
        return self.build(parameters, initial, self._account(chosen, parameters, initial, changes))

    def _refuse_unknown(self, changes: Mapping[str, Any], where: str) -> None:
        known = [*self.initial.model_fields, *self.parameters.model_fields]
        for key in changes:
            if key not in known:
                allowed = ", ".join(["family", "preset", *known])
                raise BadInput(f'{where}: the key "{key}" is unknown; allowed are {allowed}')

    def _account(
        self,
        preset: Preset,
        parameters: Conditions,
        initial: Conditions,
        changes: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Say where every number in use comes from."""
        return {
            "family": self.name,
            "title": preset.title,
            "model": self.summary,
            "preset": preset.name,
            "grade": preset.grade,
            "citation": preset.citation,
            "caveats": list(preset.caveats),
            "parameters": {
                name: self._entry(name, preset, parameters, changes)
                for name in self.parameters.model_fields
            },
            "initial": initial.model_dump(),
        }

    def _entry(
        self, name: str, preset: Preset, parameters: Conditions, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        field = self.parameters.model_fields[name]
        stated = preset.parameters.get(name)
        changed = name in changes or stated is None
        return {
            "value": getattr(parameters, name),
            "unit": unit_of(self.parameters, name),
            "meaning": field.description or "",
            "grade": "illustrative" if changed or stated is None else stated.grade,
            "source": "set in the bench file" if changed or stated is None else stated.source,
        }

    def describe(self, preset: str = "") -> Description:
        """Return a preset's title, grade, citation, caveats and graded parameters."""
        return Description(self.load(preset).describe())


def unit_of(conditions: type[BaseModel], name: str) -> str:
    """Return the SI unit that a field declares, ``"1"`` for none."""
    units = [part for part in conditions.model_fields[name].metadata if isinstance(part, Unit)]
    return units[0].symbol if units else "1"


def _read(
    kind: type[Conditions], given: Mapping[str, Any], changes: Mapping[str, Any], where: str
) -> Conditions:
    fields = kind.model_fields
    values = {**given, **{name: value for name, value in changes.items() if name in fields}}
    try:
        return kind(**values)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(fields))) from None
