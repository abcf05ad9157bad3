"""Tables of figures of merit in which a name has one meaning.

Two devices compared by figures of one name and two definitions are not compared at all; a table
that would do that is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labctl.errors import BadInput
from labctl.results import Column, Metric, Table

__all__ = ["metric_table", "refuse_mixed"]


def refuse_mixed(metrics: Iterable[tuple[str, Metric]]) -> None:
    """Refuse figures of merit that share a name but not a definition.

    Parameters
    ----------
    metrics
        Name and figure, of all that are to stand in one table.

    Raises
    ------
    BadInput
        A name has two definitions; the sentence names both.
    """
    seen: dict[str, str] = {}
    for name, metric in metrics:
        other = seen.setdefault(name, metric.definition)
        if other != metric.definition:
            raise BadInput(
                f'"{name}" would stand in one table by two definitions, "{other}" and '
                f'"{metric.definition}"; make two tables, or derive one of them again'
            )


def metric_table(
    title: str, rows: Mapping[str, Mapping[str, Metric]], heading: str = "device"
) -> Table:
    """Return figures of merit of several devices or runs, a row each.

    Parameters
    ----------
    title
        Of the table.
    rows
        For each device its figures by name; one that is missing leaves its cell empty.
    heading
        What the rows are.

    Returns
    -------
    Table
        A column for each figure with its unit, beside it its standard uncertainty, and the id of
        the definition in the name of the column. A bound is a number with ``<=`` as its
        uncertainty.

    Raises
    ------
    BadInput
        Two definitions of one name (`refuse_mixed`), or two units of one figure.
    """
    refuse_mixed((name, metric) for row in rows.values() for name, metric in row.items())
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    columns = [Column(heading, "", tuple(rows))]
    for name in names:
        columns += _columns(name, [row.get(name) for row in rows.values()])
    return Table(title, tuple(columns))


def _columns(name: str, cells: list[Metric | None]) -> list[Column]:
    known = [cell for cell in cells if cell is not None]
    units = {cell.unit for cell in known}
    if len(units) > 1:
        raise BadInput(f'the figure "{name}" is given in {", ".join(sorted(units))}; use one unit')
    unit, definition = known[0].unit, known[0].definition
    said = f"{name} [{definition}]" if definition else name
    values = tuple(None if cell is None else cell.value for cell in cells)
    errors = tuple(None if cell is None else ("<=" if cell.bound else cell.sigma) for cell in cells)
    return [Column(said, unit, values), Column(f"u({name})", unit, errors)]
