"""Definitions of the figures of data that other programs measured."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_IMPORTED"]

DEFINITIONS_IMPORTED = (
    Definition(
        "readings-of-imported",
        "N",
        "Number of readings with a current, over all terminals and devices of the record.",
        code="protocols.imported.Imported.analyse",
        quantity="number of readings",
    ),
    Definition(
        "smallest-conductance-of-imported",
        "min(I/V)",
        "Over the reads, or over all readings where the file tells no reads apart; those at zero "
        "volts or with a current against the level are left out. One outlier makes it, and a "
        "foreign file states no uncertainty.",
        unit="S",
        code="protocols.imported.Imported.analyse",
        quantity="smallest conductance",
    ),
    Definition(
        "largest-conductance-of-imported",
        "max(I/V)",
        "Over the same readings as the smallest conductance of imported data.",
        unit="S",
        code="protocols.imported.Imported.analyse",
        quantity="largest conductance",
    ),
    Definition(
        "conductance-range-of-imported",
        "max(I/V)/min(I/V)",
        "Over the same readings. Where a file tells no reads apart it mixes switching with the "
        "curvature of the current against the level.",
        code="protocols.imported.Imported.analyse",
        quantity="range of conductance",
    ),
)
