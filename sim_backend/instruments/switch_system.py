"""What a switching mainframe has beside its relays: interfaces, memory, saved setups.

Source: Series 3700A System Switch/Multimeter Reference Manual, ``comm``, ``gpib``, ``lan``,
``memory``, ``setup``; the forms of their answers as QCoDeS' driver for the 3706A reads them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

from sim_backend.instruments.keithley2600_checks import accessors, flag, text, whole
from sim_backend.instruments.switch_relays import Relays
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["Local", "Panel", "Setups", "display_node", "local_node", "system_nodes"]

_PATTERNS = 500  # patterns that fit, for the share of memory that is free


class Panel:
    """The user screen of the front panel: two lines."""

    WIDTHS = (20, 32)  # characters

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Empty it (display.clear)."""
        self.lines = [" " * width for width in self.WIDTHS]
        self.row = self.column = 1

    def set_cursor(self, row: Any, column: Any, _style: Any = 0) -> None:
        """Place the next text (display.setcursor)."""
        at = whole(1, len(self.WIDTHS))(row)
        self.row, self.column = at, whole(1, self.WIDTHS[at - 1])(column)

    def set_text(self, value: Any) -> None:
        """Write at the cursor; ``$N`` starts the second line (display.settext)."""
        for k, part in enumerate(text(256)(value).split("$N")):
            if k:
                self.row, self.column = 2, 1
            line, width = self.lines[self.row - 1], self.WIDTHS[self.row - 1]
            begin = self.column - 1
            self.lines[self.row - 1] = (line[:begin] + part + line[begin + len(part) :])[:width]
            self.column = min(begin + len(part) + 1, width)

    def text(self) -> str:
        """Return what it shows (display.gettext)."""
        return "$N".join(self.lines)


def display_node(panel: Panel) -> Node:
    """Describe ``display`` as far as it does not need somebody at the front panel."""
    return Node(
        "display",
        calls={
            "clear": panel.clear,
            "setcursor": panel.set_cursor,
            "settext": panel.set_text,
            "gettext": lambda *_: panel.text(),
            "getcursor": lambda: (panel.row, panel.column, 0),
        },
    )


class Local(Protocol):
    """What ``localnode`` shows and sets."""

    model: str
    serial: str
    firmware: str
    description: str
    prompts: int
    show_errors: int

    def reset(self) -> None:
        """Go back to the defaults."""


def local_node(local: Local) -> Node:
    """Describe ``localnode``."""
    node = Node("localnode", objects={"ENABLE": 1, "DISABLE": 0}, calls={"reset": local.reset})
    node.getters, node.setters = accessors(
        local,
        {
            "description": ("description", text(128)),
            "prompts": ("prompts", flag),
            "showerrors": ("show_errors", flag),
        },
    )
    node.getters |= {
        "model": lambda: local.model,
        "serialno": lambda: local.serial,
        "revision": lambda: local.firmware,
        "linefreq": lambda: 50.0,
    }
    return node


class Setups:
    """Settings that are kept by number or by a name beginning with ``set``.

    Parameters
    ----------
    relays
        Whose settings they are.
    """

    def __init__(self, relays: Relays) -> None:
        self._relays = relays
        self._kept: dict[str, tuple[Any, ...]] = {}

    def save(self, name: Any = 0) -> None:
        """Keep the settings (setup.save)."""
        r = self._relays
        settings = (r.rule, r.sequential, r.delays, r.labels, r.forbidden, r.patterns, r.planes)
        self._kept[str(name)] = copy.deepcopy(settings)

    def recall(self, name: Any) -> None:
        """Bring settings back; every relay opens (setup.recall)."""
        key = str(int(name)) if isinstance(name, float) else str(name)
        if key not in self._kept:
            raise Refusal(1105)
        r = self._relays
        r.open(sorted(r.closed))
        (r.rule, r.sequential, r.delays, r.labels, r.forbidden, r.patterns, r.planes) = (
            copy.deepcopy(self._kept[key])
        )


class _Interfaces:
    """Switches of the interfaces; switching one off does not cut the wire of this laboratory."""

    gpib, lan, address = 1, 1, 16


def system_nodes(relays: Relays) -> list[Node]:
    """Describe ``comm``, ``gpib``, ``lan``, ``memory`` and ``setup``."""
    interfaces, setups = _Interfaces(), Setups(relays)
    gpib = accessors(interfaces, {"enable": ("gpib", flag)})
    lan = accessors(interfaces, {"enable": ("lan", flag)})
    address = accessors(interfaces, {"address": ("address", whole(0, 30))})
    status = Node("lan.status", objects={"ipaddress": "192.168.0.2"})
    return [
        Node("comm", objects={"gpib": Node("comm.gpib", *gpib), "lan": Node("comm.lan", *lan)}),
        Node("gpib", *address),
        Node("lan", calls={"reset": lambda: None}, objects={"status": status}),
        Node("memory", calls={"available": _free(relays), "used": _used(relays)}),
        Node("setup", calls={"save": setups.save, "recall": setups.recall}),
    ]


def _share(relays: Relays) -> float:
    return min(100.0, 100.0 * len(relays.patterns) / _PATTERNS)


def _free(relays: Relays) -> Callable[[], str]:
    return lambda: f"60.00, 100.00, {100 - _share(relays):.2f}, 100.00"


def _used(relays: Relays) -> Callable[[], str]:
    return lambda: f"40.00, 0.00, {_share(relays):.2f}, 0.00"
