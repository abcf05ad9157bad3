"""Campaigns: sequences of protocols over sites, temperatures and parameters, through a night.

A campaign is a TOML file::

    title = "Night on wafer W12"
    bench = "sim-wafer"
    sites = "2..6, 2..6, 1"            # back and forth; order = "random" shuffles them
    temperatures = ["300 K", "330 K"]  # outermost; without it the chuck is left as it is

    [[stage]]
    protocol = "ltp-ltd"
    [stage.grid]
    amplitude = ["0.8 V", "1 V"]       # one run for each

    [[stage]]
    protocol = "retention"
    when = "ltp-ltd.dynamic_range > 2"

Below its folder every site at every temperature has a sequence of its own (`labctl.sequence`), so
that conditions, repetition and resuming are the same. ``campaign.json`` says which of them are
done, which gave no data and why. A site without a contact is passed over and named; a run that an
instrument fault ended is tried again as often as the file says; a row of failures ends the campaign
before it hurts anything.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from labctl import engine, sequence
from labctl.benchfile import read_bench
from labctl.control import Control
from labctl.errors import Aborted, BadInput, InstrumentFault
from labctl.folder import run_folder
from labctl.hooks import Hook, Told, call
from labctl.journal import pretty, write_atomically
from labctl.lock import FolderLock
from labctl.planner import Plan
from labctl.protocol import explain, load_values
from labctl.sequence_file import Sequence, Stage, protocols
from labctl.sequence_file import plans as stage_plans
from labctl.sites import Sites
from labctl.stations import NoContact
from labctl.units import Temperatures, show

__all__ = [
    "CAMPAIGN", "Campaign", "Part", "Progress", "parts", "plans", "read_campaign", "read_progress",
    "resume", "run",
]  # fmt: skip

CAMPAIGN = "campaign.json"
_SAMPLE = "sample"
_USUAL = engine.Options()

Status = Literal["waiting", "begun", "done", "stopped", "no contact", "failed"]


class GridStage(Stage):
    """A stage, once for every combination of the values in its grid."""

    grid: dict[str, list[Any]] = Field(default_factory=dict)

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
    order: Literal["as given", "random"] = "as given"
    temperatures: Temperatures = ()
    retries: Annotated[int, Field(ge=0)] = 1  #: of a site whose run an instrument fault ended
    interrupted: Literal["skip", "repeat"] = "repeat"  #: a step in doubt when it is tried again
    failures: PositiveInt = 3  #: sites that fail one after another before it ends
    good: str = ""  #: condition for a good device, for the yield
    figures: tuple[str, ...] = ()  #: that the report compares; all when empty
    notify: Hook | None = None
    stage: tuple[GridStage, ...] = Field(min_length=1)

    def sequence(self) -> Sequence:
        """Return what is done on each site."""
        stages = tuple(plain for stage in self.stage for plain in stage.expanded())
        return Sequence(title=self.title, bench=self.bench, seed=self.seed, stage=stages)

    def ordered(self) -> list[str]:
        """Return the sites in the order they are visited."""
        sites = list(self.sites)
        if self.order == "random":
            random.Random(f"campaign-{self.seed}").shuffle(sites)
        return sites


class Part(msgspec.Struct, frozen=True):
    """One site at one temperature."""

    site: str
    temperature: float | None
    folder: str  #: name below the campaign's
    status: Status = "waiting"
    tries: int = 0
    why: str = ""


class Progress(msgspec.Struct, frozen=True):
    """``campaign.json``: what was asked and how far it is."""

    campaign: dict[str, Any]
    folder_of_protocols: str
    bench: str
    sample: str = ""
    parts: tuple[Part, ...] = ()
    status: Literal["running", "done", "stopped"] = "running"
    message: str = ""
    version: int = 1


def read_campaign(path: Path) -> Campaign:
    """Read a campaign file.

    Raises
    ------
    BadInput
        It is missing, not TOML, or a key is wrong; one sentence with file and key.
    """
    return _checked(load_values(path), str(path))


def _checked(values: dict[str, Any], where: str) -> Campaign:
    try:
        return Campaign(**values)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(Campaign.model_fields))) from None


def parts(campaign: Campaign) -> tuple[Part, ...]:
    """Return every site at every temperature, in the order they are visited."""
    found = []
    for temperature in campaign.temperatures or (None,):
        before = "" if temperature is None else f"{temperature:g}K-"
        found += [Part(site, temperature, f"{before}{site}") for site in campaign.ordered()]
    return tuple(found)


def plans(campaign: Campaign, folder: Path, bench: str = "") -> Iterator[tuple[str, Plan]]:
    """Yield the plan of each stage on one site, with its name; see `labctl.sequence_file.plans`."""
    yield from stage_plans(campaign.sequence(), folder, bench)


def read_progress(folder: Path) -> Progress:
    """Read ``campaign.json``.

    Raises
    ------
    BadInput
        There is none, or it cannot be read.
    """
    path = folder / CAMPAIGN
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except FileNotFoundError:
        raise BadInput(f'"{folder}" is not a campaign: it has no {CAMPAIGN}') from None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(f'"{path}" cannot be read: {error}; restore it from a copy') from None


def run(
    path: Path,
    options: engine.Options = _USUAL,
    bench: str = "",
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
) -> Path:
    """Run a campaign file and return the folder of the campaign.

    Parameters
    ----------
    path
        The TOML file.
    options
        As for `labctl.engine.run`; sites and temperatures are the file's.
    bench
        Instead of the file's.
    control
        What the user wants meanwhile.
    told
        Told in a line what begins and what was passed over.

    Raises
    ------
    BadInput, Refused, RecordFault, Aborted
        As `labctl.engine.run`; the campaign can be resumed.
    """
    campaign = read_campaign(path)
    seed = options.seed or campaign.seed
    protocols(campaign.sequence(), path.parent, seed)  # what is wrong is said now
    folder = run_folder(options.out, f"campaign-{path.stem}", "")
    chosen = bench or campaign.bench
    sample = options.sample
    if not sample and read_bench(chosen)[0].simulated:
        sample = str((folder / _SAMPLE).resolve())
    kept = campaign.model_copy(update={"seed": seed}).model_dump(mode="json")
    progress = Progress(kept, str(path.parent.resolve()), chosen, sample, parts(campaign))
    return _Carrier(folder, progress, options, control or Control(), told).carry_out("refuse")


def resume(
    folder: Path,
    handling: engine.Handling = "refuse",
    options: engine.Options = _USUAL,
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
) -> Path:
    """Go on with a campaign that was broken off; sites that failed are tried once more.

    Parameters
    ----------
    folder
        Of the campaign.
    handling
        As for `labctl.engine.resume`; ``refuse`` leaves it to the campaign's ``interrupted``.
    options, control, told
        As for `run`.

    Raises
    ------
    BadInput
        It is no folder of a campaign, or every part of it is done.
    """
    progress = read_progress(folder)
    if progress.status == "done":
        raise BadInput(f'"{folder}" has ended; there is nothing to resume')
    again = tuple(
        msgspec.structs.replace(part, status="begun", tries=0)
        if part.status in ("begun", "failed")
        else part
        for part in progress.parts
    )
    progress = msgspec.structs.replace(progress, parts=again, status="running", message="")
    return _Carrier(folder, progress, options, control or Control(), told).carry_out(handling)


@dataclass
class _Carrier:
    """Carries a campaign out from where its progress stands."""

    folder: Path
    progress: Progress
    options: engine.Options
    control: Control
    told: Callable[[str], None] | None
    campaign: Campaign = field(init=False)

    def __post_init__(self) -> None:
        self.campaign = _checked(self.progress.campaign, str(self.folder))

    def carry_out(self, handling: engine.Handling) -> Path:
        lock = FolderLock(self.folder)
        try:
            self._keep()
            row = 0
            for k, part in enumerate(self.progress.parts):
                if part.status not in ("waiting", "begun"):
                    continue
                row = 0 if self._part(k, handling) else row + 1
                if row >= self.campaign.failures:
                    self._stop(f"{row} sites failed one after another, the last {part.site}")
                    return self.folder
            left = [part.site for part in self.progress.parts if part.status == "failed"]
            self._keep(status="done")
            self._notify("end", f"done; {len(left)} of {len(self.progress.parts)} parts failed")
        except Aborted:
            self._notify("error", "aborted")
            raise
        finally:
            lock.release()
        return self.folder

    def _part(self, k: int, handling: engine.Handling) -> bool:
        """Carry one part out, with its retries; False where it failed."""
        part = self.progress.parts[k]
        for attempt in range(part.tries, self.campaign.retries + 1):
            self._change(k, status="begun", tries=attempt + 1, why="")
            where = "" if part.temperature is None else f" at {show(part.temperature, 'K')}"
            self._say(f"{part.site}{where}" + (f", try {attempt + 1}" if attempt else ""))
            try:
                status, why = self._sequence(part, self._handling(handling, attempt))
            except NoContact as error:
                self._change(k, status="no contact", why=str(error))
                self._say(f"{part.site}: {error}")
                return True
            except InstrumentFault as error:
                self._change(k, status="failed", why=str(error))
                self._notify("error", f"{part.site}: {error}")
            else:
                self._change(k, status=status, why=why)
                self._look(part)
                return True
        self._say(f"{part.site}: given up, {self.progress.parts[k].why}")
        return False

    def _handling(self, asked: engine.Handling, attempt: int) -> engine.Handling:
        """Return what becomes of a step in doubt: the user's word, else the file's."""
        return self.campaign.interrupted if attempt or asked == "refuse" else asked

    def _sequence(self, part: Part, handling: engine.Handling) -> tuple[Status, str]:
        place = self.folder / part.folder
        options = replace(
            self.options, seed=self.campaign.seed, site=part.site, sample=self.progress.sample,
            temperature=part.temperature,
        )  # fmt: skip
        if (place / sequence.SEQUENCE).exists():
            course = sequence.read_course(place)
            if course.status == "running":
                sequence.resume(place, handling, options, self.control, self._below)
        else:
            where = Path(self.progress.folder_of_protocols)
            sequence.begin(
                self.campaign.sequence(), where, place, options, self.progress.bench,
                self.control, self._below,
            )  # fmt: skip
        course = sequence.read_course(place)
        return ("done" if course.status == "done" else "stopped"), course.message

    def _look(self, part: Part) -> None:
        """Call the user's program where a figure of this part has passed the threshold."""
        hook = self.campaign.notify
        if hook is not None and hook.threshold:
            for text in sequence.judged(self.folder / part.folder, hook.threshold):
                self._notify("threshold", f"{part.site}: {text}")

    def _stop(self, message: str) -> None:
        self._keep(status="stopped", message=message)
        self._say(message)
        self._notify("error", message)

    def _notify(self, event: str, text: str) -> None:
        hook = self.campaign.notify
        if hook is not None and (said := call(hook, Told(event, text, str(self.folder)))):
            self._say(said)

    def _below(self, line: str) -> None:
        self._say(f"  {line}")

    def _change(self, k: int, **changes: Any) -> None:
        changed = list(self.progress.parts)
        changed[k] = msgspec.structs.replace(changed[k], **changes)
        self._keep(parts=tuple(changed))

    def _keep(self, **changes: Any) -> None:
        self.progress = msgspec.structs.replace(self.progress, **changes)
        write_atomically(self.folder / CAMPAIGN, pretty(self.progress))

    def _say(self, line: str) -> None:
        if self.told is not None:
            self.told(line)
