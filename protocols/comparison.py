"""Comparison of a measured energy with those reported of other devices, and with biology."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from labctl.analysis.references import BIOLOGY, draw_energies, energy_table
from labctl.results import Metric, Panel, Table

__all__ = ["energy_panels", "energy_tables", "over_biology"]

_BRANCHES = ("potentiation", "depression")


def energy_panels(energies: Mapping[str, Metric]) -> tuple[Panel, ...]:
    """Return the measured energies among the reported ones; nothing where none was measured."""
    if not _positive(energies):
        return ()
    panel = draw_energies(_positive(energies))
    traces = tuple(
        msgspec.structs.replace(trace, branch=trace.label) if trace.label in _BRANCHES else trace
        for trace in panel.traces
    )
    return (msgspec.structs.replace(panel, traces=traces),)


def energy_tables(energies: Mapping[str, Metric]) -> tuple[Table, ...]:
    """Return measured and reported energies in falling order; nothing where none was measured."""
    return (energy_table(_positive(energies)),) if _positive(energies) else ()


def over_biology(energy: Metric) -> Metric:
    """Return an energy as a multiple of that of a biological synaptic event, about 10 fJ."""
    sigma = None if energy.sigma is None else energy.sigma / BIOLOGY
    value = energy.value / BIOLOGY
    return Metric(value, sigma, "1", "energy-over-biology", energy.bound)


def _positive(energies: Mapping[str, Metric]) -> dict[str, Metric]:
    """Name the energies for people; an energy below zero has no place on a logarithmic axis."""
    return {
        name.removeprefix("energy_").replace("_", " "): metric
        for name, metric in energies.items()
        if metric.value > 0
    }
