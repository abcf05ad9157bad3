"""Sites of a wafer, as people write them: ``"2..6, 2..6, 1"`` is a block of dies."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Sites", "block", "place", "serpentine"]

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_MOST = 100_000


def block(text: str) -> tuple[str, ...]:
    """Return the sites of a block, rows in turn forwards and backwards.

    Parameters
    ----------
    text
        Column, row and, after them, sub-site: each a number or a range with both its ends. Several
        blocks are joined by ``;``.

    Raises
    ------
    ValueError
        It is not a list of numbers and ranges.

    Examples
    --------
    >>> block("1..3, 1..2, 1")
    ('1,1,1', '2,1,1', '3,1,1', '3,2,1', '2,2,1', '1,2,1')
    """
    return tuple(site for part in text.split(";") for site in _walk(part))


def _walk(text: str) -> Iterator[str]:
    spans = [_span(part.strip(), text) for part in text.split(",")]
    count = 1
    for span in spans:
        count *= len(span)
    if count > _MOST:
        raise ValueError(f'"{text}" is {count} sites; at most {_MOST} can be named')
    if len(spans) == 1:
        yield from map(str, spans[0])
        return
    columns, lines, *rest = spans
    for k, line in enumerate(lines):
        # a chuck that goes back and forth travels least
        for column in columns if k % 2 == 0 else reversed(columns):
            for last in itertools.product(*rest):
                yield ",".join(map(str, (column, line, *last)))


def _span(text: str, whole: str) -> range:
    if (found := _RANGE.fullmatch(text)) is not None:
        first, last = int(found[1]), int(found[2])
        return range(first, last + 1) if first <= last else range(first, last - 1, -1)
    if re.fullmatch(r"-?\d+", text):
        return range(int(text), int(text) + 1)
    raise ValueError(
        f'"{whole}" is no block of sites at "{text}"; write column, row, site as numbers or '
        'ranges, as in "2..6, 2..6, 1"'
    )


def place(site: str) -> tuple[float, float] | None:
    """Return column and row of a site, None where its name does not begin with two numbers."""
    found = re.match(r"(-?\d+),(-?\d+)", site)
    return (float(found[1]), float(found[2])) if found else None


def serpentine(sites: list[str]) -> list[str]:
    """Return sites row by row, rows in turn forwards and backwards: the shortest way of a chuck.

    Parameters
    ----------
    sites
        In any order; those without a place come last, in the order given.

    Examples
    --------
    >>> serpentine(["2,2,1", "1,1,1", "D7", "1,2,1", "2,1,1"])
    ['1,1,1', '2,1,1', '2,2,1', '1,2,1', 'D7']
    """
    rows: dict[float, list[tuple[float, str]]] = {}
    elsewhere = []
    for site in sites:
        if (at := place(site)) is None:
            elsewhere.append(site)
        else:
            rows.setdefault(at[1], []).append((at[0], site))
    found = []
    for number, row in enumerate(sorted(rows)):
        # on one die the order given stays, forwards and backwards
        found += [site for _, site in sorted(rows[row], key=lambda pair: pair[0],
                                             reverse=bool(number % 2))]  # fmt: skip
    return found + elsewhere


def _sites(value: object) -> object:
    return block(value) if isinstance(value, str) else value


Sites = Annotated[tuple[str, ...], BeforeValidator(_sites)]
