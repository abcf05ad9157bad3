"""How a bench file's switching mainframe becomes a virtual one: cards, wiring, patchboard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Ohm
from sim_backend.devices.joined import GROUND
from sim_backend.fixture import Fixture
from sim_backend.instruments.switch_mainframe import SwitchMainframe
from sim_backend.instruments.switch_matrix import Card, Wiring
from sim_backend.instruments.switch_models import CARDS, MODELS
from sim_backend.patchboard import Patchboard
from sim_backend.roster import Bay

__all__ = ["MODELS", "build", "patchboard"]

_PLACE = re.compile(r"(?:(\d):)?([A-Za-z]|\d{1,2})$")


class SwitchOptions(BaseModel):
    """Keys of a switch's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cards: tuple[str, ...] = ()
    rows: dict[str, str] = {}
    columns: dict[str, str] = {}
    path_resistance: Annotated[Ohm, Gt(0)] = 1.0


class _Plan(NamedTuple):
    """What a section says."""

    cards: dict[int, Card]
    wiring: Wiring
    resistance: float


def patchboard(name: str, section: Mapping[str, Any], fixture: Fixture) -> Patchboard:
    """Return the patchboard of a switch, put between channels and device.

    Parameters
    ----------
    name, section
        Of the instrument in the bench file.
    fixture
        Where the device is.

    Raises
    ------
    BadInput
        A card, a row, a column or a terminal does not exist.
    """
    plan = _plan(name, str(section.get("model", "")), section)
    names = (*plan.wiring.rows.values(), *plan.wiring.columns.values())
    terminals = [wired for wired in names if wired not in plan.wiring.channels]
    for terminal in terminals:
        if terminal not in fixture.model.terminals:
            raise BadInput(
                f'instruments.{name}: "{terminal}" is wired to it; give a channel '
                f'"instrument.channel", "{GROUND}", or one of the device\'s terminals '
                f"{', '.join(fixture.model.terminals)}"
            )
    channels = [wired for wired in names if wired in plan.wiring.channels]
    return Patchboard(fixture, channels, terminals, plan.resistance)


def build(bay: Bay) -> SwitchMainframe:
    """Return the mainframe of a place in the laboratory."""
    plan = _plan(bay.name, bay.model, bay.options)
    assert bay.board is not None  # the laboratory has one where it has a switch
    return SwitchMainframe(
        MODELS[bay.model], plan.cards, bay.board, plan.wiring, bay.clock, serial=bay.serial
    )


def _plan(name: str, model: str, options: Mapping[str, Any]) -> _Plan:
    where = f"instruments.{name}"
    try:
        given = SwitchOptions(**options)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(SwitchOptions.model_fields))) from None
    mainframe = MODELS.get(model)
    if mainframe is None:
        raise BadInput(f'{where}: the model "{model}" is unknown; there are {", ".join(MODELS)}')
    asked = given.cards or mainframe.cards[:1]
    for card in asked:
        if (card and card not in mainframe.cards) or len(asked) > mainframe.slots:
            raise BadInput(
                f"{where}: cards = {list(asked)} is not allowed; a {model} has {mainframe.slots} "
                f"slots for {', '.join(mainframe.cards)}"
            )
    cards = {slot: CARDS[card] for slot, card in enumerate(asked, 1) if card}
    rows = _places(where, given.rows, cards, "rows")
    columns = _places(where, given.columns, cards, "columns")
    names = {*rows.values(), *columns.values()}
    channels = frozenset(wired for wired in names if "." in wired or wired == GROUND)
    return _Plan(cards, Wiring(rows, columns, channels), given.path_resistance)


def _places(
    where: str, given: Mapping[str, str], cards: Mapping[int, Card], key: str
) -> dict[tuple[int, int], str]:
    """Return (slot, number) -> name of what a bench file wires to rows or columns."""
    places = {}
    for written, wired in given.items():
        match = _PLACE.match(written)
        slot = int(match[1] or 1) if match else 0
        card = cards.get(slot)
        if match is None or card is None:
            raise BadInput(f'{where}: {key}: "{written}" is not on a card; write "A", "2:A" or "5"')
        number = int(match[2]) if match[2].isdigit() else ord(match[2].upper()) - 64
        if not 1 <= number <= (card.rows if key == "rows" else card.columns):
            raise BadInput(
                f'{where}: {key}: "{written}" is not on the card {card.name}, which has '
                f"{card.rows} rows and {card.columns} columns"
            )
        places[slot, number] = wired
    return places
