"""The Lua table ``channel`` of a switching mainframe, and ``slot``.

Source: as for `sim_backend.instruments.switch_relays`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim_backend.instruments.keithley2600_checks import choice, flag, number, text
from sim_backend.instruments.switch_matrix import Card, Relay
from sim_backend.instruments.switch_relays import (
    BREAK_BEFORE_MAKE,
    MAKE_BEFORE_BREAK,
    OFF,
    Relays,
)
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["channel_node", "slot_node"]

_LONGEST = 20  # characters of a label or a pattern's name
_CLOSED = 1  # channel.IND_CLOSED
_SWITCH, _PLANE = "1", "2"  # answers of channel.gettype


class Channels:
    """What ``channel.*`` does.

    Parameters
    ----------
    relays
        Of the mainframe.
    """

    def __init__(self, relays: Relays) -> None:
        self.relays = relays

    def close(self, given: Any) -> None:
        """Close channels (channel.close)."""
        self.relays.close(self._moving(given, slots=False))

    def exclusive_close(self, given: Any) -> None:
        """Close channels and open all others (channel.exclusiveclose)."""
        wanted = self._moving(given, slots=False, empty=True)
        self.relays.exclusive(wanted, tuple(self.relays.cards))

    def exclusive_slot_close(self, given: Any) -> None:
        """Close channels and open the others of their slots (channel.exclusiveslotclose)."""
        wanted = self._moving(given, slots=False)
        self.relays.exclusive(wanted, {relay.slot for relay in wanted})

    def open(self, given: Any) -> None:
        """Open channels (channel.open)."""
        self.relays.open(self._moving(given))

    def _moving(self, given: Any, **which: bool) -> list[Relay]:
        return self.relays.with_planes(self.relays.listed(given, **which))

    def reset(self, given: Any) -> None:
        """Open channels and forget their settings (channel.reset)."""
        self.relays.reset(self.relays.listed(given))

    def get_close(self, given: Any) -> str | None:
        """Tell which are closed; nil for none (channel.getclose)."""
        closed = self.relays.closed & set(self.relays.listed(given))
        return ";".join(map(self.relays.name, self.relays.ordered(closed))) or None

    def get_state(self, given: Any, mask: Any = 0xFFFF) -> str:
        """Tell the state of each (channel.getstate)."""
        bits = int(number(0, 65535)(mask))
        return self._each(given, lambda r: str(_CLOSED & bits if r in self.relays.closed else 0))

    def get_count(self, given: Any) -> str:
        """Tell how often each was closed (channel.getcount)."""
        return self._each(given, lambda relay: str(self.relays.counts[relay]))

    def get_type(self, given: Any) -> str:
        """Tell the kind of each (channel.gettype)."""
        return self._each(given, lambda relay: _PLANE if relay.column < 0 else _SWITCH)

    def get_image(self, given: Any) -> str:
        """Tell the channels of each item with their backplane relays (channel.getimage)."""
        relays = self.relays
        return ";".join(
            ",".join(map(relays.name, relays.with_planes([relay])))
            for relay in relays.listed(given)
        )

    def set_backplane(self, given: Any, planes: Any) -> None:
        """Let backplane relays move with channels (channel.setbackplane)."""
        channels = self.relays.listed(given)
        chosen = tuple(self.relays.listed(planes, empty=True))
        if any(relay.column >= 0 for relay in chosen):
            raise Refusal(1115)
        for relay in channels:
            if relay.column >= 0:
                self.relays.planes[relay] = chosen

    def get_backplane(self, given: Any) -> str:
        """Tell which backplane relays move with each (channel.getbackplane)."""
        planes, name = self.relays.planes, self.relays.name
        listed = self.relays.listed(given)
        return ";".join(",".join(map(name, planes.get(relay, ()))) for relay in listed)

    def set_delay(self, given: Any, delay: Any) -> None:
        """Set a time to wait after closing (channel.setdelay)."""
        seconds = number(0.0, 60.0)(delay)
        self.relays.delays.update(dict.fromkeys(self.relays.listed(given), seconds))

    def get_delay(self, given: Any) -> str:
        """Tell the time to wait after closing each (channel.getdelay)."""
        return self._each(given, lambda relay: f"{self.relays.delays.get(relay, 0.0):.3e}")

    def set_label(self, given: Any, label: Any) -> None:
        """Name a channel; an empty name is forgotten (channel.setlabel)."""
        relays = self.relays.listed(given, slots=False)
        name = text(_LONGEST)(label)
        if len(relays) != 1 or name in self.relays.patterns:
            raise Refusal(1105)
        if any(r != relays[0] and known == name for r, known in self.relays.labels.items()):
            raise Refusal(1105)
        if name:
            self.relays.labels[relays[0]] = name
        else:
            self.relays.labels.pop(relays[0], None)

    def get_label(self, given: Any) -> str:
        """Tell the name of each (channel.getlabel)."""
        labels = self.relays.labels
        return self._each(given, lambda relay: labels.get(relay) or self.relays.name(relay))

    def forbid(self, given: Any) -> None:
        """Forbid to close channels (channel.setforbidden)."""
        relays = self.relays.listed(given)
        self.relays.open(relays)
        self.relays.forbidden |= set(relays)

    def allow(self, given: Any) -> None:
        """Allow to close channels again (channel.clearforbidden)."""
        self.relays.forbidden -= set(self.relays.listed(given))

    def get_forbidden(self, given: Any) -> str | None:
        """Tell which are forbidden; nil for none (channel.getforbidden)."""
        found = [r for r in self.relays.listed(given) if r in self.relays.forbidden]
        return ",".join(map(self.relays.name, found)) or None

    # -- patterns -----------------------------------------------------------------------------

    def set_image(self, given: Any, name: Any) -> None:
        """Make a pattern of channels (channel.pattern.setimage)."""
        self._keep(name, self.relays.listed(given, slots=False))

    def snapshot(self, name: Any) -> None:
        """Make a pattern of the closed channels (channel.pattern.snapshot)."""
        self._keep(name, self.relays.ordered(self.relays.closed))

    def _keep(self, name: Any, relays: list[Relay]) -> None:
        key = text(_LONGEST)(name)
        if not key or not key[0].isalpha() or key.lower().startswith(("slot", "allslots")):
            raise Refusal(1105)
        self.relays.patterns[key] = tuple(dict.fromkeys(relays))

    def pattern_image(self, name: Any) -> str:
        """Tell the channels of a pattern (channel.pattern.getimage)."""
        return ",".join(map(self.relays.name, self._pattern(name)))

    def forget_pattern(self, name: Any) -> None:
        """Forget a pattern (channel.pattern.delete)."""
        self._pattern(name)
        del self.relays.patterns[name]

    def _pattern(self, name: Any) -> tuple[Relay, ...]:
        if not isinstance(name, str) or name not in self.relays.patterns:
            raise Refusal(1105)
        return self.relays.patterns[name]

    def catalog(self) -> str | None:
        """Tell the names of all patterns (channel.pattern.catalog)."""
        return ",".join(sorted(self.relays.patterns)) or None

    def _each(self, given: Any, tell: Callable[[Relay], str]) -> str:
        return ",".join(tell(relay) for relay in self.relays.listed(given))


def channel_node(relays: Relays) -> Node:
    """Describe ``channel``."""
    channels = Channels(relays)
    rule = choice(OFF, BREAK_BEFORE_MAKE, MAKE_BEFORE_BREAK)
    patterns = Node(
        "channel.pattern",
        calls={
            "setimage": channels.set_image,
            "snapshot": channels.snapshot,
            "getimage": channels.pattern_image,
            "delete": channels.forget_pattern,
            "catalog": channels.catalog,
        },
    )
    return Node(
        "channel",
        getters={
            "connectrule": lambda: relays.rule,
            "connectsequential": lambda: relays.sequential,
        },
        setters={
            "connectrule": lambda value: setattr(relays, "rule", rule(value)),
            "connectsequential": lambda value: setattr(relays, "sequential", flag(value)),
        },
        calls={
            "close": channels.close,
            "exclusiveclose": channels.exclusive_close,
            "exclusiveslotclose": channels.exclusive_slot_close,
            "open": channels.open,
            "reset": channels.reset,
            "getclose": channels.get_close,
            "getstate": channels.get_state,
            "getcount": channels.get_count,
            "gettype": channels.get_type,
            "getimage": channels.get_image,
            "setbackplane": channels.set_backplane,
            "getbackplane": channels.get_backplane,
            "setdelay": channels.set_delay,
            "getdelay": channels.get_delay,
            "setlabel": channels.set_label,
            "getlabel": channels.get_label,
            "setforbidden": channels.forbid,
            "clearforbidden": channels.allow,
            "getforbidden": channels.get_forbidden,
        },
        objects={
            "OFF": OFF, "ON": 1, "BREAK_BEFORE_MAKE": BREAK_BEFORE_MAKE,
            "MAKE_BEFORE_BREAK": MAKE_BEFORE_BREAK, "IND_CLOSED": _CLOSED, "pattern": patterns,
        },
    )  # fmt: skip


def slot_node(slots: int, cards: Mapping[int, Card], serial: str) -> Node:
    """Describe ``slot``: what is in every slot."""
    objects: dict[Any, Any] = {}
    for slot in range(1, slots + 1):
        card = cards.get(slot)
        if card is None:
            objects[slot] = Node(f"slot[{slot}]", objects={"idn": "Empty Slot"})
            continue
        objects[slot] = Node(
            f"slot[{slot}]",
            objects={
                "idn": f"{card.name},{card.title},01.00a,{serial}",
                "rows": Node(f"slot[{slot}].rows", objects={"matrix": card.rows}),
                "columns": Node(f"slot[{slot}].columns", objects={"matrix": card.columns}),
                "interlock": Node(f"slot[{slot}].interlock", objects={"state": 1}),
            },
        )
    return Node("slot", objects=objects)
