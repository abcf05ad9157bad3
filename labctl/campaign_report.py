"""The report of a campaign: one HTML document, while it runs and when it has ended."""

from __future__ import annotations

from pathlib import Path

import msgspec

from labctl.benchfile import read_bench
from labctl.campaign_file import Campaign
from labctl.campaign_progress import read_progress
from labctl.campaign_results import campaign_results
from labctl.errors import BadInput
from labctl.journal import RUN
from labctl.record import Record
from labctl.results import Results

__all__ = ["campaign_report", "in_short", "simulated"]


def campaign_report(folder: Path, results: Results | None = None) -> str:
    """Return the report of a campaign as one HTML document.

    Parameters
    ----------
    folder
        Of the campaign.
    results
        What `campaign_results` gives, where it is at hand.

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
        ("good", campaign.good or "every stage gave its figures"),
        ("seed", str(campaign.seed)),
    ]
    title = campaign.title or folder.name
    found = campaign_results(folder) if results is None else results
    return report([("Campaign", facts)], in_short(found), title, simulated(folder))


def in_short(results: Results) -> Results:
    """Return the results of a campaign with the yields as metrics; the tables have all figures."""
    kept = {
        name: metric
        for name, metric in results.metrics.items()
        if name.rpartition(".")[2] in ("yield", "contacts") or name.startswith("yield@")
    }
    return msgspec.structs.replace(results, metrics=kept)


def simulated(folder: Path) -> bool:
    """Say whether a virtual bench made it, by its runs; by the bench file where there is none."""
    for path in sorted(folder.glob(f"*/*/{RUN}")):
        return Record(path.parent).simulated
    try:
        return read_bench(read_progress(folder).bench)[0].simulated
    except BadInput:
        return False
