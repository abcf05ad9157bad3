"""Figures of merit, tables and panels of cycles of potentiation and depression."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from labctl.analysis.card_set import CardSet, device_cards
from labctl.analysis.cards import Writing
from labctl.analysis.competition import Axes, Competition
from labctl.analysis.references import draw_levels
from labctl.analysis.states import resolvable_states, states_over_range
from labctl.analysis.updates import compete_updates, draw_updates, fit_updates
from labctl.analysis.variation import variations
from labctl.errors import BadInput
from labctl.results import Fit, Metric, Panel, Results, Table, Trace
from protocols.comparison import energy_panels, energy_tables
from protocols.ltp_ltd_cycles import BRANCHES, Cycles, drift, jackknifed
from protocols.responses import energy_metrics, table
from protocols.train_trials import compliance_remark

__all__ = ["cards_of", "remarks", "results"]

Array = NDArray[np.float64]

_ALWAYS = ("neurosim", "alpha")  # shown and given intervals whether the data prefer them or not
_C2C = {
    "c2c": "c2c-level-over-mean",
    "c2c_range": "c2c-level-over-range",
    "c2c_step": "c2c-step-over-range",
}


def results(
    cycles: Cycles,
    preview: tuple[Panel, ...],
    read_error: float,
    writing: Writing | None,
    about: str,
) -> Results:
    """Return everything that the cycles tell.

    Parameters
    ----------
    cycles
        From `Cycles.of`.
    preview
        Panels to begin with.
    read_error
        Largest probability that a read takes one state for the next.
    writing
        Levels and widths for the device cards.
    about
        The pulses in a few words, for titles.
    """
    energies = energy_metrics(cycles.measured)
    if not len(cycles.g):
        notes = ("no cycle that counts is complete", *_energy_notes(cycles))
        return Results(
            energies, tables=energy_tables(energies), panels=(*preview, *energy_panels(energies)),
            notes=notes,
        )  # fmt: skip
    competition = _compete(cycles)
    scatter, scatter_notes = _scatter(cycles)
    states, state_notes = _states(cycles, read_error)
    moving = drift(cycles)
    metrics = jackknifed(cycles) | scatter | states | energies
    metrics |= {"drift": moving} if moving is not None else {}
    cards, card_notes = _cards(cycles, writing)
    return Results(
        metrics,
        competition.fits,
        (_curve_table(cycles), _residual_table(cycles), *cards, *energy_tables(energies)),
        (
            *preview,
            *_panels(cycles, competition, about),
            *_levels(metrics),
            *energy_panels(energies),
        ),
        (
            f"update law: {competition.verdict}",
            *remarks(cycles),
            *scatter_notes,
            *state_notes,
            *_energy_notes(cycles),
            *card_notes,
        ),
    )


def _compete(cycles: Cycles) -> Competition:
    """Fit the laws to the mean cycle; those that simulators ask for get their intervals anyway."""
    data = cycles.pair(cycles.mean())
    found = compete_updates(data)
    left = [law for law in _ALWAYS if law in found.fits and not found.fits[law].identifiable]
    more = {law: fit_updates(data, law) for law in left}
    return msgspec.structs.replace(found, fits=found.fits | more)


def _scatter(cycles: Cycles) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """Return the variation from cycle to cycle of each branch, never of both together."""
    try:
        found = variations(*cycles.columns())
    except BadInput as error:
        return {}, (f"no variation from cycle to cycle: {error}",)
    metrics = {
        f"{name}_{short}": found[branch].estimates[definition].metric
        for branch, short in BRANCHES.items()
        for name, definition in _C2C.items()
        if definition in found[branch].estimates
    }
    return metrics, tuple(f"{name}: {one.note}" for name, one in found.items() if one.note)


def _states(cycles: Cycles, read_error: float) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """Return the resolvable states of each branch by two definitions."""
    metrics: dict[str, Metric] = {}
    notes: list[str] = []
    for name, short in BRANCHES.items():
        curves = cycles.branch(name)
        levels = np.tile(np.arange(curves.shape[1]), len(curves))
        try:
            found = resolvable_states(curves, levels, error=read_error)[""]
            metrics[f"states_{short}"] = found.metric
            notes.append(
                f"states of {name}: {found.count}, {found.low} to {found.high} with the 95 % "
                f"interval of every scatter, at a read error of {read_error:g}"
                + (f"; {found.note}" if found.note else "")
            )
            metrics[f"states_step_{short}"] = states_over_range(cycles.branch(name, cycles.whole))
        except BadInput as error:
            notes.append(f"no states of {name}: {error}")
    return metrics, tuple(notes)


def remarks(cycles: Cycles) -> Iterator[str]:
    """Yield what must be known to believe the numbers, a sentence each."""
    count, complete = len(cycles.g), len(cycles.whole)
    yield (
        f"{count} cycles counted; standard errors from leaving out one cycle after the other, "
        f"{count - 1} degrees of freedom"
        if count > 1
        else "one cycle counted: standard errors are those of the fit, and nothing is known of "
        "the scatter from cycle to cycle"
    )
    yield (
        "intervals of the fits stand on the scatter of the mean cycle about the law, and a device "
        "that follows another law makes them too wide"
    )
    moving = drift(cycles)
    if moving is not None and abs(moving.value) > 3 * (moving.sigma or 0.0):
        yield (
            f"the cycles drift by {moving.value:+.2%} each: the device has not found its loop, and "
            "the variation from cycle to cycle contains the drift; use more conditioning"
        )
    if complete < count:
        yield f"{count - complete} cycles lack a usable reading at some pulse"
    if cycles.left_out:
        yield f"{cycles.left_out} cycles without all of their readings left out"
    mean = cycles.mean()
    for name, sign in (("potentiation", 1), ("depression", -1)):
        curve = cycles.branch(name, mean)
        if sign * (curve[-1] - curve[0]) < 0:
            yield f"the pulses called {name} moved the conductance the other way; exchange the two"


def _energy_notes(cycles: Cycles) -> Iterator[str]:
    for name, rows in cycles.measured.items():
        yield from (f"{name}: {said}" for said in compliance_remark(rows))
    if not any(len(rows) for rows in cycles.measured.values()):
        yield "no pulse was measured: the energies are not known; set energy_cycles to 1 or more"


def _curve_table(cycles: Cycles) -> Table:
    mean, error = cycles.mean(), cycles.error()
    number = np.arange(len(mean))
    up = number <= cycles.pulses
    u = np.max(np.where(np.isfinite(cycles.u), cycles.u, 0.0), axis=0)
    return table(
        "Mean cycle",
        (
            ("branch", "", np.where(up, "potentiation", "depression").tolist()),
            ("pulse", "1", np.where(up, number, number - cycles.pulses).astype(float)),
            ("conductance", "S", mean),
            ("standard error", "S", np.full(len(mean), np.nan) if error is None else error),
            ("u by specification", "S", u),
        ),
    )


def _residuals(cycles: Cycles) -> dict[str, tuple[Array, Array]]:
    """Return places n/N and distances from the straight line over the range, by branch."""
    found = {}
    for name in BRANCHES:
        curve = cycles.branch(name, cycles.mean())
        x = np.arange(len(curve)) / cycles.pulses
        with np.errstate(all="ignore"):
            span = np.abs(curve[-1] - curve[0])
            found[name] = (x, (curve - curve[0] - (curve[-1] - curve[0]) * x) / span)
    return found


def _residual_table(cycles: Cycles) -> Table:
    parts = _residuals(cycles)
    return table(
        "Residuals of the straight line, as a share of the range",
        (
            ("n/N", "1", parts["potentiation"][0]),
            *((name, "1", residuals) for name, (_, residuals) in parts.items()),
        ),
    )


def cards_of(cycles: Cycles, writing: Writing | None) -> CardSet:
    """Return the device cards of the counted cycles.

    Raises
    ------
    BadInput
        There is no cycle to make them of.
    """
    g, pulse, branch, cycle = cycles.columns()
    good = np.isfinite(g)
    return device_cards(g[good], pulse[good], branch[good], cycle[good], writing=writing)


def _cards(cycles: Cycles, writing: Writing | None) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    try:
        found = cards_of(cycles, writing)
    except BadInput as error:
        return (), (f"no device card: {error}",)
    notes = tuple(f"no card {name}: {why}" for name, why in found.missing.items())
    return (_card_table(found),) if found.cards else (), notes


def _card_table(found: CardSet) -> Table:
    rows = [
        (card.simulator, card.model, name, float(value))
        for card in found.cards.values()
        for name, value in card.content.items()
        if isinstance(value, int | float)
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    names = ("simulator", "model", "parameter", "value in SI")
    return table(
        "Device cards", [(name, "", data) for name, data in zip(names, columns, strict=True)]
    )


def _panels(cycles: Cycles, competition: Competition, about: str) -> Iterator[Panel]:
    yield _every_cycle(cycles, about)
    yield from _mean_panels(cycles, competition, about)
    traces = tuple(
        Trace(tuple(x.tolist()), tuple(np.nan_to_num(y).tolist()), name, branch=name)
        for name, (x, y) in _residuals(cycles).items()
    )
    yield Panel(
        "Distance from the straight line", "pulse over pulses of the branch", "1",
        "distance over range", "1", traces,
    )  # fmt: skip


def _every_cycle(cycles: Cycles, about: str) -> Panel:
    traces = []
    for name in BRANCHES:
        first = 0 if name == "potentiation" else cycles.pulses
        parts = [
            (first + k, float(value))
            for row in cycles.branch(name)
            for k, value in enumerate(row)
            if np.isfinite(value)
        ]
        x, y = zip(*parts, strict=True) if parts else ((), ())
        traces.append(Trace(tuple(map(float, x)), tuple(y), name, branch=name))
    title = f"Every cycle, {about}"
    return Panel(title, "pulse number", "1", "conductance", "S", tuple(traces))


def _mean_panels(cycles: Cycles, competition: Competition, about: str) -> Iterator[Panel]:
    """Show each branch of the mean cycle with the preferred law and those of the labels."""
    names = dict.fromkeys((competition.best, *_ALWAYS))
    shown: dict[str, Fit] = {law: competition.fits[law] for law in names if law in competition.fits}
    axes = Axes("", "conductance", "S", "pulse number", "1", x_log=False)
    both = draw_updates(cycles.pair(cycles.mean()), shown, axes)
    error = cycles.error()
    for name in BRANCHES:
        begin = 0 if name == "potentiation" else cycles.pulses
        bars = () if error is None else tuple(error[begin : begin + cycles.pulses + 1].tolist())
        traces = tuple(
            msgspec.structs.replace(
                trace,
                x=tuple(x - begin for x in trace.x),
                y_error=bars if trace.kind == "points" and len(bars) == len(trace.x) else (),
            )
            for trace in both.traces
            if trace.branch == name
        )
        title = f"Mean {name}, {about}"
        yield msgspec.structs.replace(both, title=title, traces=traces)


def _levels(metrics: dict[str, Metric]) -> Iterator[Panel]:
    """Show states against dynamic range beside those of reported devices."""
    if "dynamic_range_read" not in metrics:
        return
    ratio = metrics["dynamic_range_read"].value
    mine = {
        f"this device, {name}": (ratio, metrics[f"states_{short}"].value)
        for name, short in BRANCHES.items()
        if f"states_{short}" in metrics
    }
    if mine:
        yield draw_levels(mine)
