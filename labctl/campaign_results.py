"""What a campaign found: every figure over the sites, group by group, with yield and maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from labctl import sequence
from labctl.analysis.uniformity import Device, explained
from labctl.benchfile import read_bench
from labctl.campaign import Campaign, Part, Progress, read_progress
from labctl.condition import figures, parse_condition
from labctl.journal import RUN
from labctl.record import Record
from labctl.results import Column, Metric, Panel, Results, Table

__all__ = ["campaign_report", "campaign_results"]

T = TypeVar("T", Table, Panel)


def campaign_results(folder: Path) -> Results:
    """Return what the sites of a campaign say together, finished or not.

    Parameters
    ----------
    folder
        Of the campaign.

    Returns
    -------
    Results
        Metrics, tables and panels bear the name of their stage, and of the temperature where there
        are several, as in ``ppf@300K.index``.

    Raises
    ------
    BadInput
        It is no folder of a campaign.
    """
    progress = read_progress(folder)
    campaign = Campaign(**progress.campaign)
    metrics: dict[str, Metric] = {}
    tables: list[Table] = [_parts(progress)]
    panels: list[Panel] = []
    notes: list[str] = []
    for group in _groups(folder, progress, campaign):
        passed = {device.site: _passes(device, campaign.good) for device in group.devices}
        found = explained(group.devices, passed, campaign.figures, campaign.good)
        metrics |= {f"{group.name}.{key}": metric for key, metric in found.metrics.items()}
        tables += [_titled(table, group.title) for table in found.tables]
        panels += [_titled(panel, group.title) for panel in found.panels]
        notes += [f"{group.name}: {note}" for note in found.notes]
        if group.left_out:
            notes.append(f"{group.name}: left out by its condition on {group.left_out} sites")
    return Results(metrics, tables=tuple(tables), panels=tuple(panels), notes=tuple(notes))


class _Group(NamedTuple):
    """One stage at one temperature, over the sites."""

    name: str
    title: str  #: the name with what the stage's grid gave it
    devices: list[Device]
    left_out: int  #: sites on which its condition did not hold


def _groups(folder: Path, progress: Progress, campaign: Campaign) -> Iterator[_Group]:
    """Yield each stage at each temperature with the devices that were visited."""
    stages = campaign.sequence()
    several = len(campaign.temperatures) > 1
    for temperature in campaign.temperatures or (None,):
        visited = [
            part for part in progress.parts
            if part.temperature == temperature and part.status != "waiting"
        ]  # fmt: skip
        for k, (name, stage) in enumerate(zip(stages.names(), stages.stage, strict=True)):
            told = f"{name}@{temperature:g}K" if several else name
            title = f"{told} ({stage.note})" if stage.note else told
            found = [_device(folder, part, k) for part in visited]
            devices = [device for device in found if device is not None]
            yield _Group(told, title, devices, len(found) - len(devices))


def _device(folder: Path, part: Part, stage: int) -> Device | None:
    """Return the results of a stage on a site; None where its condition left it out."""
    place = folder / part.folder
    if not (place / sequence.SEQUENCE).exists():
        return Device(part.site, [])
    course = sequence.read_course(place)
    entries = [entry for entry in course.entries if entry.stage == stage]
    if course.status == "stopped" and not entries:
        return None
    if any(not entry.run for entry in entries):
        return None
    records = [Record(place / entry.run) for entry in entries if (place / entry.run / RUN).exists()]
    # what was broken off without a reading says nothing of the device
    return Device(part.site, [record.results for record in records if len(record.readings)])


def _passes(device: Device, good: str) -> bool:
    if not device.cycles or not device.cycles[-1].metrics:
        return False
    return not good or parse_condition(good).judge(figures(device.cycles[-1])).holds


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


def campaign_report(folder: Path) -> str:
    """Return the report of a campaign as one HTML document.

    Raises
    ------
    BadInput
        It is no folder of a campaign, or the extra ``report`` is not installed.
    """
    from labctl.report import report  # brings matplotlib

    progress = read_progress(folder)
    campaign = Campaign(**progress.campaign)
    counts: dict[str, int] = {}
    for part in progress.parts:
        counts[part.status] = counts.get(part.status, 0) + 1
    facts = [
        ("campaign", str(folder)),
        ("bench", progress.bench),
        ("status", f"{progress.status} {progress.message}".strip()),
        ("parts", ", ".join(f"{count} {status}" for status, count in counts.items())),
        ("stages", ", ".join(campaign.sequence().names())),
        ("seed", str(campaign.seed)),
    ]
    simulated = read_bench(progress.bench)[0].simulated
    title = campaign.title or folder.name
    return report([("Campaign", facts)], campaign_results(folder), title, simulated)
