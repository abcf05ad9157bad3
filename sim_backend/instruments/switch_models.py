"""The models of virtual switching mainframes and their cards: data, with its source.

In a bench file the rows and columns of the cards name what is wired to them::

    [instruments.matrix]
    driver = "keithley707b"
    model = "707B"
    address = "TCPIP0::192.168.0.16::inst0::INSTR"
    cards = ["7174A"]                        # by slot; "" for an empty one
    rows = { A = "smu.a", B = "smu.b", C = "ground" }
    columns = { 1 = "top", 2 = "bottom" }    # "2:1" is column 1 of the card in slot 2

Times of relays are to be checked against the cards' data sheets.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.instruments.switch_matrix import Card

__all__ = ["CARDS", "MODELS", "Mainframe"]

_MANUAL_707 = "Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01"
_MANUAL_3700 = "Series 3700A System Switch/Multimeter Reference Manual, 3700AS-901-01"

CARDS: Mapping[str, Card] = MappingProxyType(
    {
        card.name: card
        for card in (
            Card("7072", "Semiconductor Matrix Card", 8, 12, True, 15e-3, 15e-3, False,
                 f"{_MANUAL_707}; times to be checked"),
            Card("7174A", "Low Current Matrix Card", 8, 12, True, 2e-3, 2e-3, False,
                 f"{_MANUAL_707}; times to be checked"),
            Card("3730", "6x16 High Density Matrix", 6, 16, False, 4e-3, 4e-3, True,
                 f"{_MANUAL_3700}; times to be checked"),
        )
    }
)  # fmt: skip


class Mainframe(NamedTuple):
    """One mainframe."""

    name: str
    slots: int
    cards: tuple[str, ...]  #: that fit
    firmware: str
    source: str


MODELS: Mapping[str, Mainframe] = MappingProxyType(
    {
        "707B": Mainframe("707B", 6, ("7072", "7174A"), "01.03a", _MANUAL_707),
        "708B": Mainframe("708B", 1, ("7072", "7174A"), "01.03a", _MANUAL_707),
        # without the multimeter: its commands are unknown to it
        "3706A-S": Mainframe("3706A-S", 6, ("3730",), "01.56a", _MANUAL_3700),
    }
)
