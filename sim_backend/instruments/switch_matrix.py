"""Relays of a switching mainframe: crosspoints of matrix cards, and the paths they make.

A crosspoint joins a row and a column of its card; a backplane relay joins a row of its card to the
backplane, where it meets the same row of other cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sim_backend.devices.joined import Net

__all__ = ["BACKPLANE", "Card", "Relay", "Wiring", "joined"]

BACKPLANE = -1  #: column of a backplane relay


@dataclass(frozen=True, slots=True)
class Card:
    """A matrix card."""

    name: str
    title: str
    rows: int
    columns: int
    letters: bool  #: rows are named by letters
    close_time: float  #: until a closed relay has settled, s
    open_time: float  #: until an open relay has settled, s
    backplane: bool  #: its rows have relays to the backplane
    source: str


class Relay(NamedTuple):
    """One relay; row and column are counted from 1."""

    slot: int
    row: int
    column: int


class Wiring(NamedTuple):
    """What is wired to the connectors of the cards: (slot, number) -> channel or terminal."""

    rows: Mapping[tuple[int, int], str]
    columns: Mapping[tuple[int, int], str]
    channels: frozenset[str]  #: those that are channels of instruments


def joined(closed: Iterable[Relay], wiring: Wiring) -> list[Net]:
    """Return what closed relays join: groups with a channel or more."""
    parent: dict[tuple[str, int, int], tuple[str, int, int]] = {}

    def root(node: tuple[str, int, int]) -> tuple[str, int, int]:
        while (above := parent.setdefault(node, node)) != node:
            node = above
        return node

    for relay in closed:
        row = ("row", relay.slot, relay.row)
        other = (
            ("plane", 0, relay.row)
            if relay.column == BACKPLANE
            else ("column", relay.slot, relay.column)
        )
        parent[root(row)] = root(other)
    groups: dict[tuple[str, int, int], list[str]] = {}
    for kind, table in (("row", wiring.rows), ("column", wiring.columns)):
        for (slot, number), name in table.items():
            groups.setdefault(root((kind, slot, number)), []).append(name)
    nets = []
    for names in groups.values():
        channels = tuple(dict.fromkeys(name for name in names if name in wiring.channels))
        terminals = tuple(dict.fromkeys(name for name in names if name not in wiring.channels))
        if channels:
            nets.append(Net(channels, terminals))
    return nets
