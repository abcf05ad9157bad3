"""Sanity of conduction fits: what parameters imply, whether it can be, and plots for the eye."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.conduction_laws import LAWS, conduction_curve
from labctl.analysis.curve_panels import line_of, points_of
from labctl.analysis.curves import evaluate
from labctl.analysis.film import Film
from labctl.analysis.sweeps import Sweep
from labctl.errors import BadInput
from labctl.results import Column, Fit, Panel, Table, Value

__all__ = ["check_conduction", "linearised"]

Array = NDArray[np.float64]

_CURVE_POINTS = 150
_CONTACTS = 1e-4  # share of the electrode that may carry the current without being a filament


class _Row(NamedTuple):
    name: str
    value: Value
    low: float
    high: float
    why: str


def check_conduction(fit: Fit, film: Film) -> Table:
    """Return what the parameters of a conduction fit imply, and whether it is plausible.

    Returns
    -------
    Table
        Quantity, value, interval, what is plausible and why, and the verdict: ``plausible``,
        ``implausible`` (the whole interval lies outside), or ``undecided``.

    Raises
    ------
    BadInput
        The film is impossible.
    """
    film.check()
    rows = [row for row in _rows(fit, film) if row is not None]
    return Table(
        f"sanity of {fit.model.replace('_', ' ')}",
        (
            Column("quantity", "", tuple(row.name for row in rows)),
            Column("value", "", tuple(row.value.value for row in rows)),
            Column("unit", "", tuple(row.value.unit for row in rows)),
            Column("low", "", tuple(row.value.low for row in rows)),
            Column("high", "", tuple(row.value.high for row in rows)),
            Column("plausible from", "", tuple(row.low for row in rows)),
            Column("plausible to", "", tuple(row.high for row in rows)),
            Column("why", "", tuple(row.why for row in rows)),
            Column("verdict", "", tuple(_verdict(row) for row in rows)),
        ),
    )


def _rows(fit: Fit, film: Film) -> list[_Row | None]:
    def row(name: str, low: float, high: float, why: str) -> _Row | None:
        return _Row(name, fit.values[name], low, high, why) if name in fit.values else None

    thick = film.thickness
    rows = [
        row("permittivity", *film.optical, "optical permittivity: square of the refractive index"),
        row("barrier", 0.1, 5.0, "a barrier below the gap of an oxide"),
        row("phi", 0.1, 5.0, "a barrier below the gap of an oxide"),
        row("m", 2.0, 20.0, "trap-filled currents rise at least as the square"),
        row("n", 1.0, 2.0, "ideality of thermionic emission (1) to recombination (2)"),
        row("mobility", 1e-14, 1.0, "from hopping in oxides to band transport"),
    ]
    if thick is not None:
        rows.append(row("d", thick / 2, 2 * thick, "the thickness of the film, within a factor 2"))
        rows.append(row("hop", 1e-10, thick, "from an atom's distance to the film's thickness"))
    if film.area is not None:
        why = "a share of the electrode; far less is a filament or another law"
        rows.append(row("area", _CONTACTS * film.area, film.area, why))
    return rows


def _verdict(row: _Row) -> str:
    low = -math.inf if row.value.low is None else row.value.low
    high = math.inf if row.value.high is None else row.value.high
    if high < row.low or low > row.high:
        return "implausible"
    inside = row.low <= row.value.value <= row.high
    bounded = math.isfinite(low) and math.isfinite(high)
    return "plausible" if inside and bounded else "undecided"


#: abscissa, ordinate, and their labels, that make a law a straight line
_AXES: dict[str, tuple[Callable[[Array], Array], float, str, str]] = {
    "ohmic": (np.log, 0.0, "ln(V)", "ln(I)"),
    "mott_gurney": (np.log, 0.0, "ln(V)", "ln(I)"),
    "trap_filled": (np.log, 0.0, "ln(V)", "ln(I)"),
    "poole_frenkel": (np.sqrt, 1.0, "V^0.5", "ln(I/V)"),
    "schottky": (np.sqrt, 0.0, "V^0.5", "ln(I)"),
    "diode": (lambda v: v, 0.0, "V", "ln(I)"),
    "simmons": (lambda v: 1 / v, 2.0, "1/V", "ln(I/V^2)"),
    "tunnel_low": (lambda v: v**2, 1.0, "V^2", "I/V"),
    "brinkman": (lambda v: v, 1.0, "V", "I/V"),
    "fowler_nordheim": (lambda v: 1 / v, 2.0, "1/V", "ln(I/V^2)"),
    "sinh": (lambda v: v, 0.0, "V", "ln(I)"),
}


def linearised(data: Sweep, law: str, fits: dict[str, Fit], film: Film | None = None) -> Panel:
    """Return a sweep in the coordinates in which a law is straight, with fitted curves.

    These plots are for the eye; the fits were made in the current itself.

    Parameters
    ----------
    data
        What `labctl.analysis.conduction.sweep` returned; positive voltages are drawn.
    law
        Whose coordinates.
    fits
        Fits of conduction laws, by law.
    film
        The film of the fits.

    Raises
    ------
    BadInput
        The law is unknown.
    """
    if law not in LAWS:
        raise BadInput(f'the conduction law "{law}" is unknown; allowed are {", ".join(LAWS)}')
    abscissa, power, x_label, y_label = _AXES[law]

    def ordinate(v: Array, i: Array) -> Array:
        ratio = i / v**power
        return np.log(ratio) if y_label.startswith("ln") else ratio

    up = data.v > 0
    v, i = data.v[up], data.i[up]
    with np.errstate(all="ignore"):
        traces = [points_of(abscissa(v), ordinate(v, i), label="readings")]
        dense = np.geomspace(v.min(), v.max(), _CURVE_POINTS) if len(v) else np.zeros(0)
        for name, fit in fits.items():
            if fit.values and len(dense):
                curve = conduction_curve(fit.model, film, fit.fixed.get("V_ref", 1.0))
                line = ordinate(dense, evaluate(curve, fit, dense))
                traces.append(line_of(abscissa(dense), line, name.replace("_", " ")))
    units = {"V": "V", "V^0.5": "V^0.5", "1/V": "1/V", "V^2": "V2"}
    return Panel(
        f"{law.replace('_', ' ')} plot", x_label, units.get(x_label, "1"), y_label,
        "S" if y_label == "I/V" else "1", tuple(traces),
    )  # fmt: skip
