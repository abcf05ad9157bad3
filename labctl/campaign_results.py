"""What a campaign found: every figure over the sites, stage by stage, with yield and maps.

A site counts where it was measured. One without a contact has no data and is not good; one that an
instrument fault kept from being measured says nothing of the device and is left out, and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from labctl import sequence
from labctl.analysis.statistics import proportion
from labctl.analysis.uniformity import Device, explained
from labctl.campaign_file import Campaign
from labctl.campaign_life import weibull_of
from labctl.campaign_progress import Part, Progress, read_progress
from labctl.condition import figures, parse_condition
from labctl.journal import RUN
from labctl.record import Record
from labctl.results import Column, Metric, Panel, Results, Table, Trace
from labctl.sites import place

__all__ = ["campaign_results"]

T = TypeVar("T", Table, Panel)
_MOST_DRAWN = 2  # figures of a stage that get panels where the file names none


@dataclass(frozen=True, slots=True)
class _Visit:
    """One site at one temperature, with what each stage found there."""

    part: Part
    stages: tuple[Device | None, ...]  #: None where its condition left a stage out
    reached: tuple[bool, ...]  #: False where a fault, or its not being ended, kept a stage away
    known: Mapping[str, tuple[float, str]]  #: ``stage.figure``, and ``figure`` of the last stage

    def passes(self, good: str) -> bool:
        """Say whether every stage gave figures and the condition holds."""
        run = [device for device in self.stages if device is not None]
        return bool(run) and all(map(_measured, run)) and self._holds(good, self.known)

    def passes_stage(self, k: int, good: str) -> bool:
        """Say whether a stage gave figures and the condition holds, its own names first."""
        device = self.stages[k]
        if device is None or not _measured(device):
            return False
        return self._holds(good, {**self.known, **figures(device.cycles[-1])})

    @staticmethod
    def _holds(good: str, known: Mapping[str, tuple[float, str]]) -> bool:
        return not good or parse_condition(good).judge(known).holds


def _measured(device: Device) -> bool:
    return bool(device.cycles and device.cycles[-1].metrics)


def campaign_results(folder: Path) -> Results:
    """Return what the sites of a campaign say together, finished or not.

    Parameters
    ----------
    folder
        Of the campaign.

    Returns
    -------
    Results
        Metrics, fits, tables and panels bear the name of their stage, and of the temperature where
        there are several, as in ``ppf@300K.index``. ``yield`` is the share of the sites that are
        good in every stage, at every temperature. Figures that are lives or thresholds have
        Weibull's law with them.

    Raises
    ------
    BadInput
        It is no folder of a campaign.
    """
    progress = read_progress(folder)
    campaign = Campaign(**progress.campaign)
    visits = list(_visits(folder, progress, campaign))
    names = campaign.sequence().names()
    given: set[str] = set()
    found = []
    for name, title, own, k in _groups(visits, campaign):
        figures_of = _own_figures(own, k)
        given |= {*figures_of, *(f"{names[k]}.{figure}" for figure in figures_of)}
        found.append(_group(name, title, own, k, campaign))
    lost = sorted(set(campaign.figures) - given) if visits else []
    told = Results(
        tables=tuple(
            _figures(names[k], found[k :: len(names)], campaign) for k in range(len(names))
        ),
        notes=tuple(f"no site gives the figure {name}" for name in lost),
    )
    parts = Results(tables=(_parts(progress),))
    return _joined([_yields(visits, campaign, progress), told, *found, parts])


# -- what was visited ----------------------------------------------------------------------------


def _visits(folder: Path, progress: Progress, campaign: Campaign) -> Iterator[_Visit]:
    names = campaign.sequence().names()
    for part in progress.parts:
        if part.status == "waiting":
            continue
        place_of, devices, reached = folder / part.folder, [], []
        known: dict[str, tuple[float, str]] = {}
        course = None
        if (place_of / sequence.SEQUENCE).exists():
            course = sequence.read_course(place_of)
        for k, name in enumerate(names):
            device, there = _device(place_of, course, part, k)
            devices.append(device)
            reached.append(there)
            if device is not None and device.cycles:
                known |= figures(device.cycles[-1]) | figures(device.cycles[-1], name)
        yield _Visit(part, tuple(devices), tuple(reached), known)


def _device(
    place_of: Path, course: sequence.Course | None, part: Part, stage: int
) -> tuple[Device | None, bool]:
    """Return what a stage found on a site, and whether it came to be carried out there."""
    nothing = Device(part.site, [])
    if course is None:
        return nothing, part.status == "no contact"
    entries = [entry for entry in course.entries if entry.stage == stage]
    if any(not entry.run for entry in entries) or (course.status == "stopped" and not entries):
        return None, True
    there = [entry for entry in entries if (place_of / entry.run / RUN).exists()]
    records = [record for record in (Record(place_of / entry.run) for entry in there) if
               record.header.status == "done" or len(record.readings)]  # fmt: skip
    if part.status in ("failed", "begun"):
        # what was broken off is not the device's doing, and not yet its figures
        records = [record for record in records if record.header.status == "done"]
        return Device(part.site, [record.results for record in records]), bool(records)
    return Device(part.site, [record.results for record in records]), True


def _groups(
    visits: Sequence[_Visit], campaign: Campaign
) -> Iterator[tuple[str, str, list[_Visit], int]]:
    """Yield each stage at each temperature: name, title, the visits, number of the stage."""
    stages = campaign.sequence()
    for temperature in campaign.temperatures or (None,):
        own = [visit for visit in visits if visit.part.temperature == temperature]
        for k, (name, stage) in enumerate(zip(stages.names(), stages.stage, strict=True)):
            told = _named(name, temperature, campaign)
            yield told, f"{told} ({stage.note})" if stage.note else told, own, k


def _named(stage: str, temperature: float | None, campaign: Campaign) -> str:
    """Return the name of a stage at a temperature."""
    return f"{stage}@{temperature:g}K" if len(campaign.temperatures) > 1 else stage


# -- a stage at a temperature --------------------------------------------------------------------


def _group(name: str, title: str, visits: Sequence[_Visit], k: int, campaign: Campaign) -> Results:
    counted = [visit for visit in visits if visit.reached[k]]
    used = [(visit, device) for visit in counted if (device := visit.stages[k]) is not None]
    passed = {visit.part.site: visit.passes_stage(k, campaign.good) for visit, _ in used}
    wanted = _wanted(campaign, k, _own_figures(visits, k))
    devices = [_reduced(device, wanted, bool(campaign.figures)) for _, device in used]
    found = explained(devices, passed, wanted, campaign.good, _MOST_DRAWN)
    lives = weibull_of([device for _, device in used], wanted)
    # sites without a contact are the same in every stage: they are named once, with the yield
    said = (note for note in found.notes if not note.startswith(("no contact", "contact lost")))
    notes = [*said, *lives.notes]
    if left := sum(visit.stages[k] is None for visit in visits):
        notes.append(f"left out by its condition on {left} sites")
    kept_away = [
        visit.part.site
        for visit in visits
        if not visit.reached[k] and visit.part.status == "failed"
    ]
    if kept_away:
        notes.append(f"no data for an instrument fault, and not counted, on {'; '.join(kept_away)}")
    metrics = {**found.metrics, **lives.metrics}
    return Results(
        {f"{name}.{key}": metric for key, metric in metrics.items()},
        {f"{name}.{key}": fit for key, fit in lives.fits.items()},
        tuple(_titled(table, title) for table in found.tables),
        tuple(_titled(panel, title) for panel in (*found.panels, *lives.panels)),
        tuple(f"{name}: {note}" for note in notes),
    )


def _figures(stage: str, found: Sequence[Results], campaign: Campaign) -> Table:
    """Return what the sites say of a stage: a row for each figure, columns for each temperature.

    Parameters
    ----------
    stage
        Its name.
    found
        Its results at each temperature.
    campaign
        Says the temperatures.
    """
    groups = [_named(stage, kelvin, campaign) for kelvin in campaign.temperatures or (None,)]
    plain = [
        {name.removeprefix(f"{group}."): metric for name, metric in one.metrics.items()}
        for group, one in zip(groups, found, strict=True)
    ]
    names = [
        name for name in dict.fromkeys(name for one in plain for name in one)
        if not name.startswith("spread_")
    ]  # fmt: skip
    columns = [Column("figure", "", tuple(names))]
    for one, temperature in zip(plain, campaign.temperatures or (None,), strict=True):
        where = "" if len(plain) == 1 else f" at {temperature:g} K"
        means = (str(one[name]) if name in one else None for name in names)
        spreads = (one.get(f"spread_{name}") for name in names)
        columns += [
            Column(f"mean{where}", "", tuple(means)),
            Column(
                f"spread{where}",
                "",
                tuple(None if s is None else f"{s.value:.2%}" for s in spreads),
            ),
        ]
    ids = (next(one[name].definition for one in plain if name in one) for name in names)
    columns.append(Column("definition", "", tuple(ids)))
    return Table(f"Figures of {stage} over the sites", tuple(columns))


def _own_figures(visits: Sequence[_Visit], k: int) -> set[str]:
    """Return the names of all figures that a stage gave anywhere."""
    devices = [visit.stages[k] for visit in visits]
    return {
        name
        for device in devices
        if device is not None
        for results in device.cycles
        for name in figures(results)
    }


def _wanted(campaign: Campaign, k: int, own: set[str]) -> list[str]:
    """Return the figures of the campaign file that a stage gives, without the stage's name."""
    before = f"{campaign.sequence().names()[k]}."
    plain = (name.removeprefix(before) for name in campaign.figures)
    return [name for name in dict.fromkeys(plain) if name in own]


def _reduced(device: Device, wanted: Sequence[str], chosen: bool) -> Device:
    """Return a device with the figures that are wanted, fitted parameters among them."""
    if not chosen:
        return device
    cycles = []
    for results in device.cycles:
        metrics = {name: m for name, m in results.metrics.items() if name in wanted}
        for name in wanted:
            fit, _, key = name.rpartition(".")
            value = results.fits[fit].values.get(key) if fit in results.fits else None
            # a parameter that the data do not bound from both sides is no number
            if value is not None and value.sigma is not None:
                definition = f"{results.fits[fit].model}, parameter {key}"
                metrics[name] = Metric(value.value, value.sigma, value.unit, definition)
        cycles.append(Results(metrics))
    return Device(device.site, cycles)


# -- all of them ---------------------------------------------------------------------------------


def _yields(visits: Sequence[_Visit], campaign: Campaign, progress: Progress) -> Results:
    """Return the share of good sites at each temperature and at all, with a map of them."""
    metrics: dict[str, Metric] = {}
    panels = []
    good: dict[str, list[bool]] = {}
    several = len(campaign.temperatures) > 1
    for temperature in campaign.temperatures or (None,):
        passed = {
            visit.part.site: visit.passes(campaign.good)
            for visit in visits
            if visit.part.temperature == temperature
            and visit.part.status not in ("failed", "begun")
        }
        for site, holds in passed.items():
            good.setdefault(site, []).append(holds)
        told = f"yield@{temperature:g}K" if several else "yield"
        if passed:
            metrics[told] = proportion(sum(passed.values()), len(passed)).metric
        panels += _good_map(passed, f" at {temperature:g} K" if several else "")
    if several and good:
        metrics["yield"] = proportion(sum(map(all, good.values())), len(good)).metric
    dead = [part.site for part in progress.parts if part.status == "no contact"]
    lost = [part.site for part in progress.parts if part.status == "done" and part.why]
    named = {"no contact, and no data, on": dead, "contact lost, but counted, on": lost}
    notes = tuple(f"{what} {'; '.join(dict.fromkeys(on))}" for what, on in named.items() if on)
    return Results(metrics, panels=tuple(panels), notes=notes)


def _good_map(passed: Mapping[str, bool], where: str) -> list[Panel]:
    tiles = [(*at, float(holds)) for site, holds in passed.items() if (at := place(site))]
    if len({(x, y) for x, y, _ in tiles}) < 2:
        return []
    x, y, shade = zip(*tiles, strict=True)
    return [
        Panel(
            f"Good sites{where}", "column", "1", "row", "1",
            (Trace(x, y, "", "tiles", shade=shade),), shade_label="share of good devices",
            downwards=True,
        )
    ]  # fmt: skip


def _parts(progress: Progress) -> Table:
    parts = progress.parts
    return Table(
        "Sites",
        (
            Column("site", "", tuple(part.site for part in parts)),
            Column("temperature", "K", tuple(part.temperature for part in parts)),
            Column("status", "", tuple(part.status for part in parts)),
            Column("tries", "1", tuple(float(part.tries) for part in parts)),
            Column("why", "", tuple(part.why for part in parts)),
        ),
    )


def _titled(value: T, name: str) -> T:
    return msgspec.structs.replace(value, title=f"{name}: {value.title}")


def _joined(found: Sequence[Results]) -> Results:
    """Return several results as one."""
    return Results(
        {name: metric for one in found for name, metric in one.metrics.items()},
        {name: fit for one in found for name, fit in one.fits.items()},
        tuple(table for one in found for table in one.tables),
        tuple(panel for one in found for panel in one.panels),
        tuple(note for one in found for note in one.notes),
    )
