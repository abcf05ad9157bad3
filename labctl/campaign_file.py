"""Campaign files: which sequence is carried out on which sites, at which temperatures, and how."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator

from labctl.condition import ConditionText
from labctl.errors import BadInput
from labctl.hooks import Hook
from labctl.planner import Plan
from labctl.protocol import explain, load_values
from labctl.sequence_file import Sequence, Stage
from labctl.sequence_file import plans as stage_plans
from labctl.sites import Sites, serpentine
from labctl.units import Second, Temperatures

__all__ = ["Campaign", "GridStage", "check_campaign", "plans", "read_campaign"]


class GridStage(Stage):
    """A stage, once for every combination of the values in its grid."""

    grid: dict[str, list[Any]] = Field(default_factory=dict)

    @field_validator("grid")
    @classmethod
    def _has_values(cls, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name, values in grid.items():
            if not values:
                raise ValueError(f"{name} has no values; give one at least, or leave it out")
        return grid

    def expanded(self) -> Iterator[Stage]:
        """Yield the plain stages; their notes say which values they have."""
        names = list(self.grid)
        for values in itertools.product(*self.grid.values()):
            chosen = dict(zip(names, values, strict=True))
            told = ", ".join(f"{name}={value}" for name, value in chosen.items())
            yield Stage(
                protocol=self.protocol,
                name=self.name,
                note=told or self.note,
                set={**self.set, **chosen},
                when=self.when, until=self.until, times=self.times, otherwise=self.otherwise,
            )  # fmt: skip


class Campaign(BaseModel):
    """A campaign file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    bench: str = "sim-wafer"
    seed: Annotated[int, Field(ge=0)] = 0
    sites: Sites = Field(min_length=1)
    order: Literal["as given", "serpentine", "random"] = "as given"
    temperatures: Temperatures = ()
    retries: Annotated[int, Field(ge=0)] = 1  #: of a site whose run an instrument fault ended
    interrupted: Literal["skip", "repeat"] = "repeat"  #: a step in doubt when it is tried again
    failures: PositiveInt = 3  #: sites that fail one after another before it stops
    lost: PositiveInt = 10  #: sites without a contact one after another before it stops
    longest: Annotated[Second, Field(gt=0)] | None = None  #: no site is begun after this time
    good: ConditionText = ""  #: condition for a good device, for the yield
    figures: tuple[str, ...] = ()  #: that the report compares; all when empty
    notify: Hook | None = None
    stage: tuple[GridStage, ...] = Field(min_length=1)

    @field_validator("sites")
    @classmethod
    def _once(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((site for k, site in enumerate(sites) if site in sites[:k]), None)
        if twice is not None:
            raise ValueError(f"{twice} stands twice; name each site once")
        return sites

    @field_validator("temperatures")
    @classmethod
    def _apart(cls, temperatures: tuple[float, ...]) -> tuple[float, ...]:
        twice = next((t for k, t in enumerate(temperatures) if t in temperatures[:k]), None)
        if twice is not None:
            raise ValueError(
                f"{twice:g} K stands twice; go back to it in a campaign of its own, on the same "
                "--sample if the bench is a virtual one"
            )
        return temperatures

    def sequence(self) -> Sequence:
        """Return what is done on each site."""
        stages = tuple(plain for stage in self.stage for plain in stage.expanded())
        return Sequence(title=self.title, bench=self.bench, seed=self.seed, stage=stages)

    def ordered(self) -> list[str]:
        """Return the sites in the order they are visited."""
        sites = list(self.sites)
        if self.order == "serpentine":
            return serpentine(sites)
        if self.order == "random":
            random.Random(f"campaign-{self.seed}").shuffle(sites)
        return sites


def read_campaign(path: Path) -> Campaign:
    """Read a campaign file.

    Raises
    ------
    BadInput
        It is missing, not TOML, or a key is wrong; one sentence with file and key.
    """
    return check_campaign(load_values(path), str(path))


def check_campaign(values: dict[str, Any], where: str) -> Campaign:
    """Check the content of a campaign file; `where` names it in an error.

    Raises
    ------
    BadInput
        A key is wrong; one sentence with file and key.
    """
    try:
        return Campaign(**values)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(Campaign.model_fields))) from None


def plans(campaign: Campaign, folder: Path, bench: str = "") -> Iterator[tuple[str, Plan]]:
    """Yield the plan of each stage on one site, with its name; see `labctl.sequence_file.plans`."""
    yield from stage_plans(campaign.sequence(), folder, bench)
