"""How far a campaign is: every site at every temperature, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from labctl.campaign_file import Campaign
from labctl.standing import read_standing

__all__ = ["CAMPAIGN", "OPEN", "Part", "Progress", "Status", "parts", "read_progress"]

CAMPAIGN = "campaign.json"

Status = Literal["waiting", "begun", "done", "stopped", "no contact", "failed"]
OPEN = ("waiting", "begun", "failed")  # what a runner may still do something about


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


def parts(campaign: Campaign) -> tuple[Part, ...]:
    """Return every site at every temperature, in the order they are visited."""
    found = []
    for temperature in campaign.temperatures or (None,):
        before = "" if temperature is None else f"{temperature:g}K-"
        found += [Part(site, temperature, f"{before}{site}") for site in campaign.ordered()]
    return tuple(found)


def read_progress(folder: Path) -> Progress:
    """Read ``campaign.json``.

    Raises
    ------
    BadInput
        There is none, it cannot be read, or it is of a version that this labctl does not know.
    """
    return read_standing(folder, CAMPAIGN, "campaign", Progress)
