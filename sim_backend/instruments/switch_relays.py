"""The relays of a mainframe in operation: order, settling, counts, patterns, what is forbidden.

Source: Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01, section 2, "Working
with channels"; Series 3700A Reference Manual, ``channel.*``. Error 1115 is theirs; where a manual
says only that an error is generated, 1105 is used, which is to be checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from sim_backend.instruments.switch_matrix import BACKPLANE, Card, Relay
from sim_backend.wire.tsp import Refusal

__all__ = ["BREAK_BEFORE_MAKE", "MAKE_BEFORE_BREAK", "OFF", "Relays"]

OFF, BREAK_BEFORE_MAKE, MAKE_BEFORE_BREAK = 0, 1, 2
_WRONG, _WRONG_KIND = 1105, 1115
_SLOT = re.compile(r"slot(\d)$", re.IGNORECASE)
_BANK = 9  # first digit of the number of a backplane relay


class Relays:
    """The relays of all cards.

    Parameters
    ----------
    cards
        Slot, from 1, to the card in it.
    pass_time
        Lets time pass, s.
    changed
        Called with the closed relays whenever they have changed.
    """

    def __init__(
        self,
        cards: Mapping[int, Card],
        pass_time: Callable[[float], None],
        changed: Callable[[Collection[Relay]], None],
    ) -> None:
        self.cards = cards
        self._pass_time, self._changed = pass_time, changed
        self.closed: set[Relay] = set()
        self.counts: Counter[Relay] = Counter()
        self.delays: dict[Relay, float] = {}
        self.labels: dict[Relay, str] = {}
        self.forbidden: set[Relay] = set()
        self.patterns: dict[str, tuple[Relay, ...]] = {}
        self.planes: dict[Relay, tuple[Relay, ...]] = {}  #: that move with a channel
        self.rule = BREAK_BEFORE_MAKE
        self.sequential = 0

    # -- names --------------------------------------------------------------------------------

    def name(self, relay: Relay) -> str:
        """Return how a relay is written: ``1A05``, ``1105``, ``1911``."""
        if relay.column == BACKPLANE:
            return f"{relay.slot}{_BANK}1{relay.row}"
        row = chr(64 + relay.row) if self.cards[relay.slot].letters else str(relay.row)
        return f"{relay.slot}{row}{relay.column:02d}"

    def of_slot(self, slot: int) -> list[Relay]:
        """Return the relays of a card in order.

        Raises
        ------
        Refusal
            The slot is empty.
        """
        card = self.cards.get(slot)
        if card is None:
            raise Refusal(_WRONG, f"Parameter error: slot {slot} has no card")
        relays = [
            Relay(slot, row, column)
            for row in range(1, card.rows + 1)
            for column in range(1, card.columns + 1)
        ]
        plane = [Relay(slot, row, BACKPLANE) for row in range(1, card.rows + 1)]
        return relays + (plane if card.backplane else [])

    def listed(self, text: object, *, slots: bool = True, empty: bool = False) -> list[Relay]:
        """Return the relays of a channel list, in its order.

        Parameters
        ----------
        text
            Channels, ranges, patterns, labels, ``slotX`` and ``allslots``, between commas.
        slots
            Whether whole slots may be named.
        empty
            Whether it may be empty.

        Raises
        ------
        Refusal
            It names something that is not there.
        """
        if not isinstance(text, str):
            raise Refusal(-104)
        items = [item.strip() for item in re.split(r"[,;]", text)]
        if items == [""]:
            if empty:
                return []
            raise Refusal(_WRONG, "Parameter error: empty channel list")
        return [relay for item in items for relay in self._item(item, slots)]

    def _item(self, item: str, slots: bool) -> Sequence[Relay]:
        whole = _SLOT.match(item)
        if whole is not None or item.lower() == "allslots":
            if not slots:
                raise Refusal(_WRONG, f'Parameter error: "{item}" is not allowed here')
            numbers = self.cards if whole is None else [int(whole[1])]
            return [relay for slot in numbers for relay in self.of_slot(slot)]
        if item in self.patterns:
            return self.patterns[item]
        first, colon, last = item.partition(":")
        if not colon:
            return [self._one(item)]
        begin, end = self._one(first), self._one(last)
        relays = self.of_slot(begin.slot)
        if begin.slot != end.slot or relays.index(begin) > relays.index(end):
            raise Refusal(_WRONG, f'Parameter error: "{item}" is not a range')
        return relays[relays.index(begin) : relays.index(end) + 1]

    def _one(self, text: str) -> Relay:
        written = text.strip()
        for relay, label in self.labels.items():
            if label == written:
                return relay
        for slot in self.cards:
            if written.startswith(str(slot)):
                for relay in self.of_slot(slot):
                    if self.name(relay) == written.upper():
                        return relay
        raise Refusal(_WRONG_KIND, f'Parameter error: there is no channel "{written[:20]}"')

    @staticmethod
    def ordered(relays: Collection[Relay]) -> list[Relay]:
        """Return relays as the instrument lists them: by slot, backplane relays last."""
        return sorted(relays, key=lambda relay: (relay.slot, relay.column < 0, relay))

    def with_planes(self, relays: Sequence[Relay]) -> list[Relay]:
        """Return relays and the backplane relays that move with them."""
        return [one for relay in relays for one in (relay, *self.planes.get(relay, ()))]

    # -- moving relays --------------------------------------------------------------------------

    def close(self, wanted: Sequence[Relay]) -> None:
        """Close relays; the others stay.

        Raises
        ------
        Refusal
            One is forbidden; none has moved.
        """
        self._check(wanted)
        self._move([], [relay for relay in wanted if relay not in self.closed])

    def exclusive(self, wanted: Sequence[Relay], slots: Collection[int]) -> None:
        """Close relays and open all others in some slots; see `close` for what is raised."""
        self._check(wanted)
        others = [r for r in self.ordered(self.closed) if r.slot in slots and r not in wanted]
        self._move(others, [relay for relay in wanted if relay not in self.closed])

    def open(self, wanted: Sequence[Relay]) -> None:
        """Open relays."""
        self._move([relay for relay in wanted if relay in self.closed], [])

    def _check(self, wanted: Sequence[Relay]) -> None:
        for relay in wanted:
            if relay in self.forbidden:
                raise Refusal(_WRONG, f"Parameter error: {self.name(relay)} is forbidden to close")

    def _move(self, opening: Sequence[Relay], closing: Sequence[Relay]) -> None:
        closing = list(dict.fromkeys(closing))
        if self.rule == OFF and not self.sequential:
            self._set(opening, closing)
            longest = max(self._times(opening, False) + self._times(closing, True), default=0.0)
            self._pass_time(longest)
            return
        steps = [(opening, False), (closing, True)]
        if self.rule == MAKE_BEFORE_BREAK:
            steps.reverse()
        for relays, on in steps:
            for group in [[relay] for relay in relays] if self.sequential else [relays]:
                self._set([] if on else group, group if on else [])
                self._pass_time(max(self._times(group, on), default=0.0))

    def _set(self, opening: Collection[Relay], closing: Collection[Relay]) -> None:
        if opening or closing:
            self.closed = (self.closed - set(opening)) | set(closing)
            self.counts.update(closing)
            self._changed(self.closed)

    def _times(self, relays: Collection[Relay], closing: bool) -> list[float]:
        """Return how long each takes to settle, s; closed ones with the user's delay."""
        return [
            self.cards[relay.slot].close_time + self.delays.get(relay, 0.0)
            if closing
            else self.cards[relay.slot].open_time
            for relay in relays
        ]

    def reset(self, relays: Collection[Relay]) -> None:
        """Open relays and forget what was set for them; patterns with them go as well."""
        chosen = set(relays)
        self.open(sorted(chosen))
        self.forbidden -= chosen
        for relay in chosen:
            self.delays.pop(relay, None)
            self.labels.pop(relay, None)
            self.planes.pop(relay, None)
        self.patterns = {
            name: image for name, image in self.patterns.items() if not chosen & set(image)
        }
