"""Results: figures of merit, fits and tables; numbers with unit, uncertainty and definition."""

from __future__ import annotations

import msgspec

from labctl.units import show_uncertain

__all__ = ["Column", "Fit", "Metric", "Panel", "Results", "Table", "Trace", "Value"]


class Value(msgspec.Struct, frozen=True):
    """A fitted parameter. Missing `sigma`, `low` or `high` mean the data set no such bound."""

    value: float
    sigma: float | None = None  #: standard error
    low: float | None = None  #: lower end of the 95 % profile interval
    high: float | None = None  #: upper end of the 95 % profile interval
    unit: str = "1"

    def __str__(self) -> str:
        return show_uncertain(self.value, self.sigma, self.unit)


class Metric(msgspec.Struct, frozen=True):
    """A figure of merit, with the id of the definition used (peers' definitions differ)."""

    value: float
    sigma: float | None = None  #: standard uncertainty
    unit: str = "1"
    definition: str = ""
    bound: bool = False  #: an upper bound: the instrument could not resolve the quantity

    def __str__(self) -> str:
        return ("<= " if self.bound else "") + show_uncertain(self.value, self.sigma, self.unit)


class Fit(msgspec.Struct, frozen=True):
    """A model fitted to data; ``fit.tau1`` is ``fit.values["tau1"]``."""

    model: str
    definition: str  #: the formula, and what was fitted to what
    values: dict[str, Value] = {}
    covariance: tuple[tuple[float, ...], ...] = ()  #: in the order of `values`
    chi2_reduced: float | None = None
    aicc: float | None = None
    identifiable: bool = False  #: every parameter's profile interval is closed
    points: int = 0  #: number of data points used
    note: str = ""  #: why a number is missing, in one sentence
    runs: float | None = None  #: how likely so few changes of sign of the residuals are by chance
    fixed: dict[str, float] = {}  #: constants of the formula that were stated, such as t0

    def __getattr__(self, name: str) -> Value:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"the fit {self.model} has no parameter {name}") from None


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    name: str
    unit: str
    data: tuple[float | str | bool | None, ...]


class Table(msgspec.Struct, frozen=True):
    """Columns of equal length."""

    title: str
    columns: tuple[Column, ...]


class Trace(msgspec.Struct, frozen=True):
    """Points or a line in a panel. A line is a fit or a waveform, points are data.

    Tiles are data over two variables: a square at each x and y, coloured by `shade`.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str = ""
    kind: str = "points"  #: ``points``, ``line``, ``steps`` or ``tiles``
    y_error: tuple[float, ...] = ()
    branch: str = ""  #: ``potentiation`` or ``depression`` keep their colours everywhere
    shade: tuple[float, ...] = ()  #: of tiles: the value at each x and y


class Panel(msgspec.Struct, frozen=True):
    """One pair of axes, as data: reports, plots and the window draw the same panels."""

    title: str
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str
    traces: tuple[Trace, ...]
    x_log: bool = False
    y_log: bool = False
    residuals_of: str = ""  #: title of the panel whose residuals these are: drawn below it
    shade_label: str = ""  #: of tiles: what the colour means
    shade_unit: str = "1"
    signed: bool = False  #: of tiles: zero is the middle of the colours, as for changes
    downwards: bool = False  #: of tiles: y grows downwards, as the rows of a wafer seen from above


class Results(msgspec.Struct, frozen=True):
    """What a protocol makes of its record."""

    metrics: dict[str, Metric] = {}
    fits: dict[str, Fit] = {}
    tables: tuple[Table, ...] = ()
    panels: tuple[Panel, ...] = ()
    notes: tuple[str, ...] = ()  #: what the user must know to believe the numbers
