"""What many devices say together: variation, yield, gradients and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.statistics import draw_histogram, draw_probability, probability, proportion
from labctl.analysis.variation import Components, variance_components
from labctl.errors import BadInput
from labctl.results import Column, Metric, Panel, Results, Table, Trace
from labctl.sites import place

__all__ = ["Device", "explained"]

Array = NDArray[np.float64]
_ENOUGH_FOR_BINS = 20
_MOST_DRAWN = 4  # figures that get panels where none are named; all are in the table


@dataclass(frozen=True, slots=True)
class Device:
    """One site: the results of its cycles, none where there was no contact."""

    site: str
    cycles: list[Results]


class _Values(NamedTuple):
    """One figure of merit over devices and cycles."""

    name: str
    unit: str
    definition: str
    site: list[str]
    cycle: list[int]
    value: Array
    sigma: Array

    def means(self) -> tuple[list[str], Array]:
        """Return each site and the mean of its cycles."""
        sites = list(dict.fromkeys(self.site))
        of = np.array(self.site)
        return sites, np.array([np.mean(self.value[of == site]) for site in sites])


def explained(
    devices: Sequence[Device],
    passed: Mapping[str, bool],
    wanted: Sequence[str],
    good: str,
    most: int = _MOST_DRAWN,
) -> Results:
    """Return what the devices have in common and what tells them apart.

    Parameters
    ----------
    devices
        Those visited, in order.
    passed
        Whether each is good, by site.
    wanted
        Names of the figures that are compared; all when empty.
    good
        The condition for a good device, in words.
    most
        Figures that get panels where none are named.
    """
    found = _values(devices, wanted)
    drawn = found if wanted else found[:most]
    panels = tuple(panel for values in drawn for panel in _panels(values))
    metrics = _yield(devices, passed)
    notes = list(_missing(devices, passed, good))
    for values in found:
        parts, note = _components(values)
        metrics |= _variation(values, parts)
        notes += [note] if note else []
    lost = sorted(set(wanted) - {values.name for values in found})
    notes += [f"no device gives the figure {name}" for name in lost]
    return Results(
        metrics=metrics,
        tables=(_devices(devices, passed, found), _gradients(found)),
        panels=panels,
        notes=tuple(notes) if devices else ("no site was visited",),
    )


def _values(devices: Sequence[Device], wanted: Sequence[str]) -> list[_Values]:
    """Collect the figures; one that changes its definition between devices is left apart."""
    rows: dict[tuple[str, str, str], list[tuple[str, int, float, float]]] = {}
    for device in devices:
        for cycle, results in enumerate(device.cycles):
            for name, metric in results.metrics.items():
                if (wanted and name not in wanted) or not math.isfinite(metric.value):
                    continue
                sigma = math.nan if metric.sigma is None else metric.sigma
                key = (name, metric.unit, metric.definition)
                rows.setdefault(key, []).append((device.site, cycle, metric.value, sigma))
    names = [name for name, _, _ in rows]
    return [
        _Values(
            name if names.count(name) == 1 else f"{name} ({definition})", unit, definition,
            [site for site, _, _, _ in found], [cycle for _, cycle, _, _ in found],
            np.array([value for _, _, value, _ in found]),
            np.array([sigma for _, _, _, sigma in found]),
        )
        for (name, unit, definition), found in rows.items()
    ]  # fmt: skip


def _yield(devices: Sequence[Device], passed: Mapping[str, bool]) -> dict[str, Metric]:
    if not devices:
        return {}
    good = proportion(sum(passed.values()), len(devices)).metric
    touched = proportion(sum(bool(device.cycles) for device in devices), len(devices)).metric
    contacts = msgspec.structs.replace(touched, definition="share-of-contacts")
    return {"yield": good, "contacts": contacts}


def _components(values: _Values) -> tuple[Components | None, str]:
    """Split the scatter; also return what is to be said about it.

    What all devices do alike from one cycle to the next is no scatter: it is taken out and told.
    """
    if len(set(zip(values.site, values.cycle, strict=True))) == len(set(values.site)):
        return None, ""  # each device once: nothing to split
    cycles = np.array(values.cycle)
    shift = np.zeros(len(cycles))
    for cycle in np.unique(cycles):
        shift[cycles == cycle] = np.mean(values.value[cycles == cycle]) - np.mean(values.value)
    try:
        parts = variance_components(values.value - shift, np.array(values.site), values.unit)
    except BadInput as error:
        return None, f"{values.name}: {error}"
    change = float(shift[cycles == cycles.max()][0] - shift[cycles == cycles.min()][0])
    scatter = parts.within.value.value / math.sqrt(parts.devices)
    if abs(change) < 4 * scatter or not parts.mean.value:
        return parts, ""
    return parts, (
        f"{values.name} changes by {change / abs(parts.mean.value):+.1%} from the first to the "
        "last cycle on all devices together; C2C is the scatter around that change"
    )


def _variation(values: _Values, parts: Components | None) -> dict[str, Metric]:
    _, means = values.means()
    mean = float(np.mean(means))
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else None
    found = {values.name: Metric(mean, error, values.unit, values.definition)}
    if parts is None and len(means) > 1 and mean:
        spread = float(np.std(means, ddof=1) / abs(mean))
        error = spread / math.sqrt(2 * (len(means) - 1))
        found[f"spread_{values.name}"] = Metric(spread, error, "1", "spread-figure-over-mean")
    if parts is None or mean == 0:
        return found
    for name, part in (("c2c", parts.within), ("d2d", parts.between)):
        metric = part.metric
        if metric.value > 0:
            found[f"{name}_{values.name}"] = msgspec.structs.replace(
                metric, value=metric.value / abs(mean), unit="1",
                sigma=None if metric.sigma is None else metric.sigma / abs(mean),
                definition=f"{name}-figure-over-mean",
            )  # fmt: skip
    return found


def _devices(
    devices: Sequence[Device], passed: Mapping[str, bool], found: Sequence[_Values]
) -> Table:
    """Return one row for each site: place, whether it is good, the mean of each figure."""
    places = [place(device.site) or (math.nan, math.nan) for device in devices]
    columns: list[tuple[str, str, Sequence[float | str | bool]]] = [
        ("site", "", [device.site for device in devices]),
        ("column", "1", [x for x, _ in places]),
        ("row", "1", [y for _, y in places]),
        ("contact", "", [bool(device.cycles) for device in devices]),
        ("good", "", [passed[device.site] for device in devices]),
    ]
    for values in found:
        means = dict(zip(*values.means(), strict=True))
        shown = [float(means.get(device.site, math.nan)) for device in devices]
        columns.append((values.name, values.unit, shown))
    return table("Devices", columns)


def _gradients(found: Sequence[_Values]) -> Table:
    """Return the plane through each figure over the wafer, relative to its mean, die by die."""
    rows = [row for values in found for row in _plane(values)]
    names = ("figure", "direction", "per die", "u(per die)")
    units = ("", "", "1", "1")
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return table("Gradients over the wafer", list(zip(names, units, columns, strict=True)))


def _plane(values: _Values) -> list[tuple[str, str, float, float]]:
    sites, means = values.means()
    known = [(place(site), mean) for site, mean in zip(sites, means, strict=True)]
    rows = [(at, mean) for at, mean in known if at is not None]
    at = np.array([where for where, _ in rows], float).reshape(-1, 2)
    y = np.array([mean for _, mean in rows])
    used = [k for k in (0, 1) if len(np.unique(at[:, k])) > 1]
    if len(y) <= len(used) + 1 or not used or not np.mean(y):
        return []
    y = y / np.mean(y)
    design = np.column_stack([np.ones(len(y)), *(at[:, k] - np.mean(at[:, k]) for k in used)])
    solved, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < design.shape[1]:  # all sites on one slanted line
        return []
    left = y - design @ solved
    variance = float(left @ left) / (len(y) - design.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    directions = [("along the columns", "along the rows")[k] for k in used]
    return [
        (values.name, direction, float(slope), float(error))
        for direction, slope, error in zip(directions, solved[1:], errors[1:], strict=True)
    ]


def _panels(values: _Values) -> list[Panel]:
    sites, means = values.means()
    if len(sites) < 2:
        return []
    numbers = {site: k + 1.0 for k, site in enumerate(sites)}
    x = tuple(numbers[site] for site in values.site)
    bars = tuple(values.sigma.tolist()) if np.all(np.isfinite(values.sigma)) else ()
    by_site = Panel(
        f"{values.name} of every device", "device, in the order measured", "1", values.name,
        values.unit,
        (
            Trace(x, tuple(values.value.tolist()), "cycle", y_error=bars),
            Trace(tuple(numbers.values()), tuple(means.tolist()), "mean of the device"),
        ),
    )  # fmt: skip
    spread = [draw_probability(probability(means), values.name, values.unit)]
    if len(sites) >= _ENOUGH_FOR_BINS:
        spread.append(draw_histogram(means, values.name, values.unit))
    return [*_map(values, sites, means), by_site, *spread]


def _map(values: _Values, sites: Sequence[str], means: Array) -> list[Panel]:
    """Return the figure over the wafer, where the sites have places."""
    known = [(place(site), mean) for site, mean in zip(sites, means, strict=True)]
    tiles = [(*at, float(mean)) for at, mean in known if at is not None]
    if len({(x, y) for x, y, _ in tiles}) < 2:
        return []
    x, y, shade = zip(*tiles, strict=True)
    trace = Trace(x, y, "", "tiles", shade=shade)
    return [
        Panel(
            f"Map of {values.name}", "column", "1", "row", "1", (trace,),
            shade_label=values.name, shade_unit=values.unit, downwards=True,
        )
    ]  # fmt: skip


def _missing(devices: Sequence[Device], passed: Mapping[str, bool], good: str) -> Sequence[str]:
    told = []
    untouched = [device.site for device in devices if not device.cycles]
    if untouched:
        told.append(f"no contact, and no data, on {_named(untouched)}")
    failed = [device.site for device in devices if device.cycles and not passed[device.site]]
    if failed:
        told.append(f"not good ({good or 'a cycle gave no figure'}): {_named(failed)}")
    return told


def _named(sites: Sequence[str]) -> str:
    shown = "; ".join(sites[:6])
    return shown + (f" and {len(sites) - 6} more" if len(sites) > 6 else "")


def table(title: str, columns: Sequence[tuple[str, str, Sequence[float | str | bool]]]) -> Table:
    """Return a table; what is not finite is shown as missing."""
    made = []
    for name, unit, data in columns:
        cells = (None if isinstance(x, float) and not math.isfinite(x) else x for x in data)
        made.append(Column(name, unit, tuple(cells)))
    return Table(title, tuple(made))
