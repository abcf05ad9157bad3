"""The wafer map of a campaign while it runs: every figure of every site that has ended.

``figures.jsonl`` in the campaign's folder has a line for each site at each temperature as soon as
it has ended, with all figures of its runs. It can be made again from the runs at any time, and it
is when a campaign is taken up; whoever shows a map reads this one file instead of all the runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from labctl import sequence
from labctl.campaign_file import Campaign
from labctl.campaign_progress import Part, Progress, read_progress
from labctl.condition import figures
from labctl.errors import BadInput, RecordFault
from labctl.journal import RUN, write_atomically
from labctl.parts import whole_lines
from labctl.record import Record
from labctl.results import Panel, Trace
from labctl.scales import scale_for
from labctl.sites import place
from labctl.units import show

__all__ = [
    "FIGURES", "SiteFigures", "add_site", "drawn_map", "known_figures", "look_up", "map_panel",
    "map_panels",    "read_sites", "write_sites",
]  # fmt: skip

FIGURES = "figures.jsonl"
_ENDED = ("done", "stopped", "no contact", "failed")
_SIGNS = {"waiting": ".", "begun": "*", "no contact": "open", "failed": "fault"}
_WIDE = 12  # dies of a row that are drawn with their number; more are drawn with a digit

#: value and unit of a figure by name; None: not finite
Figures = dict[str, tuple[float | None, str]]


class SiteFigures(msgspec.Struct, frozen=True):
    """A line of ``figures.jsonl``."""

    site: str
    temperature: float | None
    status: str
    figures: Figures = {}  #: ``stage.figure``, of the last run of each stage


def known_figures(folder: Path, part: Part, names: Sequence[str]) -> SiteFigures:
    """Return every figure of one part of a campaign.

    Parameters
    ----------
    folder
        Of the campaign.
    part
        A site at a temperature.
    names
        Of the stages.
    """
    found: Figures = {}
    place_of = folder / part.folder
    if (place_of / sequence.SEQUENCE).exists():
        for entry in sequence.read_course(place_of).entries:
            run = place_of / entry.run
            if entry.run and entry.held is not None and (run / RUN).exists():
                found |= {
                    name: (value if math.isfinite(value) else None, unit)
                    for name, (value, unit) in figures(
                        Record(run).results, names[entry.stage]
                    ).items()
                }
    return SiteFigures(part.site, part.temperature, part.status, found)


def write_sites(folder: Path) -> None:
    """Write ``figures.jsonl`` anew from the runs of a campaign.

    Raises
    ------
    RecordFault
        It cannot be written.
    """
    progress = read_progress(folder)
    names = Campaign(**progress.campaign).sequence().names()
    lines = [
        msgspec.json.encode(known_figures(folder, part, names)) + b"\n"
        for part in progress.parts
        if part.status in _ENDED
    ]
    write_atomically(folder / FIGURES, b"".join(lines))


def add_site(folder: Path, progress: Progress, part: Part) -> None:
    """Append a part that has ended to ``figures.jsonl``.

    Raises
    ------
    RecordFault
        It cannot be written.
    """
    names = Campaign(**progress.campaign).sequence().names()
    line = msgspec.json.encode(known_figures(folder, part, names)) + b"\n"
    try:
        with (folder / FIGURES).open("ab", buffering=0) as file:
            file.write(line)
    except OSError as error:
        raise RecordFault(
            f'"{folder / FIGURES}" could not be written ({error.strerror or error}); make room or '
            "make the folder writable, and resume the campaign"
        ) from error


def read_sites(folder: Path) -> list[SiteFigures]:
    """Return what ``figures.jsonl`` has; of a site that was tried again the last line.

    Raises
    ------
    BadInput
        A line is damaged.
    """
    found: dict[tuple[str, float | None], SiteFigures] = {}
    try:
        for line in whole_lines(folder / FIGURES).splitlines():
            site = msgspec.json.decode(line, type=SiteFigures)
            found[site.site, site.temperature] = site
    except msgspec.MsgspecError as error:
        raise BadInput(
            f'"{folder / FIGURES}" holds a line that is no site: {error}; delete the file, and it '
            "is made again when the campaign is taken up"
        ) from None
    return list(found.values())


def look_up(known: Figures, figure: str) -> tuple[float | None, str] | None:
    """Return a figure by its name, with its stage or without; None where there is none.

    Parameters
    ----------
    known
        Figures of one site, by ``stage.figure``.
    figure
        As in ``ppf.index``, or ``index`` for that of the last stage that has one.
    """
    if figure in known:
        return known[figure]
    ends = [name for name in known if name.partition(".")[2] == figure]
    return known[ends[-1]] if ends else None


def map_panel(sites: Iterable[SiteFigures], figure: str) -> Panel:
    """Return a figure over the wafer as tiles; sites without it or without a place are left out.

    Parameters
    ----------
    sites
        Of one temperature.
    figure
        As for `look_up`.
    """
    tiles, unit = [], "1"
    for site in sites:
        found, at = look_up(site.figures, figure), place(site.site)
        if found is not None and found[0] is not None and at is not None:
            tiles.append((*at, found[0]))
            unit = found[1]
    x, y, shade = zip(*tiles, strict=True) if tiles else ((), (), ())
    trace = Trace(x, y, "", "tiles", shade=shade)
    return Panel(
        f"Map of {figure}", "column", "1", "row", "1", (trace,),
        shade_label=figure, shade_unit=unit, downwards=True,
    )  # fmt: skip


def map_panels(folder: Path, figure: str) -> list[Panel]:
    """Return the map of a figure at each temperature of a campaign, running or not.

    Parameters
    ----------
    folder
        Of the campaign.
    figure
        As for `look_up`.
    """
    sites = read_sites(folder)
    panels = []
    for temperature in dict.fromkeys(site.temperature for site in sites):
        panel = map_panel((site for site in sites if site.temperature == temperature), figure)
        where = "" if temperature is None else f" at {show(temperature, 'K')}"
        panels.append(msgspec.structs.replace(panel, title=panel.title + where))
    return panels


def drawn_map(folder: Path, figure: str) -> list[str]:
    """Return the map of a figure as lines of text, of the temperature that is measured now.

    Parameters
    ----------
    folder
        Of the campaign, running or not.
    figure
        As for `look_up`.
    """
    progress = read_progress(folder)
    ended = [part for part in progress.parts if part.status != "waiting"]
    temperature = ended[-1].temperature if ended else progress.parts[0].temperature
    parts = [part for part in progress.parts if part.temperature == temperature]
    found = {
        one.site: value
        for one in read_sites(folder)
        if one.temperature == temperature
        and (value := look_up(one.figures, figure)) is not None
        and value[0] is not None
    }
    unit = next((unit for _, unit in found.values()), "1")
    values = {site: value for site, (value, _) in found.items() if value is not None}
    scale = scale_for(values.values(), unit)
    told = f"{figure} ({scale.unit})" if scale.unit else figure
    where = "" if temperature is None else f" at {show(temperature, 'K')}"
    head = f"{told}{where}, {len(values)} of {len(parts)} sites"
    return [head, *_grid(parts, {site: value * scale.factor for site, value in values.items()})]


def _grid(parts: Sequence[Part], values: dict[str, float]) -> list[str]:
    """Return the dies in rows; sites of one die share a cell and show their mean."""
    cells: dict[tuple[float, float], list[float]] = {}
    signs: dict[tuple[float, float], str] = {}
    for part in parts:
        if (at := place(part.site)) is not None:
            signs[at] = _SIGNS.get(part.status, "-")
            cells.setdefault(at, []).extend([values[part.site]] if part.site in values else [])
    columns, rows = ([int(n) for n in sorted({at[k] for at in cells})] for k in (0, 1))
    means = {at: sum(inside) / len(inside) for at, inside in cells.items() if inside}
    wide = len(columns) > _WIDE
    shown = _digits(means) if wide else {at: f"{mean:.3g}" for at, mean in means.items()}
    if wide:
        signs = {at: sign[0] for at, sign in signs.items()}
    written = {**signs, **shown}
    width = 1 if wide else max([5, *(len(text) for text in written.values())])
    lines = [
        f"{row:>4} " + " ".join(f"{written.get((x, row), ''):>{width}}" for x in columns)
        for row in rows
    ]
    foot = "" if wide else "     " + " ".join(f"{x:>{width}}" for x in columns)
    return [*lines, *([foot] if columns and foot else [])]


def _digits(means: dict[tuple[float, float], float]) -> dict[tuple[float, float], str]:
    """Return 0 for the smallest to 9 for the largest."""
    low, high = min(means.values(), default=0.0), max(means.values(), default=0.0)
    span = (high - low) or 1.0
    return {at: str(min(9, int(10 * (mean - low) / span))) for at, mean in means.items()}
