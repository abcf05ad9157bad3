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
instrument fault ended is tried again as often as the file says; a row of failures, or of sites
without a contact, stops the campaign before it hurts anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from labctl import engine, sequence
from labctl.benchfile import Definition, read_bench
from labctl.campaign_file import Campaign, check_campaign, plans, read_campaign
from labctl.campaign_map import add_site, write_sites
from labctl.campaign_progress import (
    CAMPAIGN,
    OPEN,
    Part,
    Progress,
    Status,
    parts,
    read_progress,
)
from labctl.control import Control
from labctl.errors import Aborted, BadInput, InstrumentFault, LabctlError, RecordFault, Refused
from labctl.folder import run_folder
from labctl.hooks import Told, call
from labctl.journal import RUN
from labctl.lock import FolderLock
from labctl.record import Record
from labctl.sequence_file import check_plans, located_bench, protocols
from labctl.standing import keep_standing
from labctl.stations import NoContact
from labctl.steps import Soak
from labctl.units import show

__all__ = ["Ended", "read_progress", "resume", "run"]

_SAMPLE = "sample"
_USUAL = engine.Options()

#: told the folder and how far the campaign is
Ended = Callable[[Path, Progress], None]


def run(
    path: Path,
    options: engine.Options = _USUAL,
    bench: str = "",
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
    ended: Ended | None = None,
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
    ended
        Called with the folder and how far it is whenever a part has ended.

    Raises
    ------
    BadInput, Refused
        The file, a protocol or a limit; nothing was begun.
    RecordFault, Aborted
        As `labctl.engine.run`; the campaign can be resumed.
    """
    campaign = read_campaign(path)
    seed = options.seed or campaign.seed
    protocols(campaign.sequence(), path.parent, seed)  # what is wrong is said now
    chosen = located_bench(bench) or located_bench(campaign.bench, path.parent)
    definition, _ = read_bench(chosen)
    _check(campaign, path.parent, chosen, definition)
    folder = run_folder(options.out, f"campaign-{path.stem}", "")
    sample = options.sample
    if not sample and definition.simulated:
        sample = str((folder / _SAMPLE).resolve())
    kept = campaign.model_copy(update={"seed": seed}).model_dump(mode="json")
    progress = Progress(kept, str(path.parent.resolve()), chosen, sample, parts(campaign))
    carrier = _Carrier(folder, progress, options, control or Control(), told, ended)
    return carrier.carry_out("refuse")


def _check(campaign: Campaign, where: Path, bench: str, definition: Definition) -> None:
    """Refuse at the desk what would be refused on every site at night."""
    check_plans(plans(campaign, where, bench))
    if found := [v for kelvin in campaign.temperatures for v in definition.check(Soak(kelvin))]:
        raise Refused(found)


def resume(
    folder: Path,
    handling: engine.Handling = "refuse",
    options: engine.Options = _USUAL,
    control: Control | None = None,
    told: Callable[[str], None] | None = None,
    ended: Ended | None = None,
) -> Path:
    """Go on with a campaign that was broken off; sites that failed are tried once more.

    Parameters
    ----------
    folder
        Of the campaign.
    handling
        As for `labctl.engine.resume`; ``refuse`` leaves it to the campaign's ``interrupted``.
    options, control, told, ended
        As for `run`.

    Raises
    ------
    BadInput
        It is no folder of a campaign, or no part of it is left or has failed.
    """
    progress = read_progress(folder)
    if not any(part.status in OPEN for part in progress.parts):
        raise BadInput(f'"{folder}" has ended; there is nothing to resume')
    again = tuple(
        msgspec.structs.replace(part, status="begun", tries=0)
        if part.status in ("begun", "failed")
        else part
        for part in progress.parts
    )
    progress = msgspec.structs.replace(progress, parts=again, status="running", message="")
    carrier = _Carrier(folder, progress, options, control or Control(), told, ended)
    return carrier.carry_out(handling)


@dataclass
class _Carrier:
    """Carries a campaign out from where its progress stands."""

    folder: Path
    progress: Progress
    options: engine.Options
    control: Control
    told: Callable[[str], None] | None
    ended: Ended | None
    campaign: Campaign = field(init=False)

    def __post_init__(self) -> None:
        self.campaign = check_campaign(self.progress.campaign, str(self.folder))

    def carry_out(self, handling: engine.Handling) -> Path:
        lock = FolderLock(self.folder)
        try:
            self._keep()
            write_sites(self.folder)
            if self._parts(handling):
                left = [part.site for part in self.progress.parts if part.status == "failed"]
                self._keep(status="done")
                self._notify("end", f"done; {len(left)} of {len(self.progress.parts)} parts failed")
        except LabctlError as error:
            self._notify("error", "aborted" if isinstance(error, Aborted) else str(error))
            raise
        finally:
            lock.release()
        return self.folder

    def _parts(self, handling: engine.Handling) -> bool:
        """Carry out what is left; False where a rule stops it."""
        begun = time.monotonic()
        failed: list[int] = []  # in a row
        lost: list[int] = []
        for k, part in enumerate(self.progress.parts):
            if part.status not in ("waiting", "begun"):
                continue
            if time.monotonic() - begun > (self.campaign.longest or math.inf):
                return self._stop(f"longer than {show(self.campaign.longest or 0, 's')}")
            self._part(k, handling)
            status = self.progress.parts[k].status
            failed = [*failed, k] if status == "failed" else []
            lost = [*lost, k] if status == "no contact" else []
            add_site(self.folder, self.progress, self.progress.parts[k])
            if self.ended is not None:
                self.ended(self.folder, self.progress)
            if len(failed) >= self.campaign.failures:
                return self._stop(
                    f"{len(failed)} sites failed one after another, the last {part.site}"
                )
            if len(lost) >= self.campaign.lost:
                for one in lost:  # it is the needles that are suspected, so they count as not tried
                    self._change(one, status="failed")
                return self._stop(
                    f"{len(lost)} sites without a contact one after another, the last {part.site}; "
                    "look at the needles"
                )
        return True

    def _part(self, k: int, handling: engine.Handling) -> None:
        """Carry one part out, with its retries."""
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
                return
            except InstrumentFault as error:
                self._failed(k, str(error))
            except (Aborted, BadInput, RecordFault):
                raise
            except Exception as error:  # noqa: BLE001 - one odd device must not end the night
                text = str(error) if isinstance(error, LabctlError) else _named(error)
                self._failed(k, text)
                break  # it would be the same again
            else:
                self._change(k, status=status, why=why)
                if why:
                    self._say(f"{part.site}: {why}")
                self._look(part)
                return
        self._say(f"{part.site}: given up, {self.progress.parts[k].why}")

    def _failed(self, k: int, why: str) -> None:
        self._change(k, status="failed", why=why)
        self._notify("error", f"{self.progress.parts[k].site}: {why}")

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
        if course.status == "done":
            return "done", "; ".join(_contacts(place, course))
        return "stopped", course.message

    def _look(self, part: Part) -> None:
        """Call the user's program where a figure of this part has passed the threshold."""
        hook = self.campaign.notify
        if hook is not None and hook.threshold:
            for text in sequence.judged(self.folder / part.folder, hook.threshold):
                self._notify("threshold", f"{part.site}: {text}")

    def _stop(self, message: str) -> bool:
        self._keep(status="stopped", message=message)
        self._say(message)
        self._notify("error", message)
        return False

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
        keep_standing(self.folder, CAMPAIGN, self.progress)

    def _say(self, line: str) -> None:
        if self.told is not None:
            self.told(line)


def _contacts(place: Path, course: sequence.Course) -> Iterator[str]:
    """Yield what the runs of a part say of contacts that they did not have, or lost."""
    for entry in course.entries:
        if entry.run and (place / entry.run / RUN).exists():
            notes = Record(place / entry.run).notes
            yield from (note.text for note in notes if note.kind == "contact")


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
