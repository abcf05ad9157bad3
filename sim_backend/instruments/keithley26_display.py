"""The front panel of a Series 2600B: what it shows; there is nobody in front of it.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``display.*``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, text, whole
from sim_backend.instruments.keithley2600_trigger import Events, Generated
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["Display", "display_node"]

#: keys and wheel of the front panel (display.sendkey): 65, 67 to 69, 75, 77, 78, 80, 81, 88 and 96
#: are recalled from the manual, the others to be checked
_KEYS = {
    "KEY_NONE": 0, "KEY_RANGEUP": 65, "KEY_MODEA": 66, "KEY_LEFT": 67, "KEY_ENTER": 68,
    "KEY_MENU": 69, "KEY_RELA": 70, "KEY_DIGITSA": 71, "KEY_LIMITA": 72, "KEY_MEASA": 73,
    "KEY_DISPLAY": 74, "KEY_EXIT": 75, "KEY_FILTERB": 76, "KEY_LOAD": 77, "KEY_TRIG": 78,
    "KEY_SRCA": 79, "KEY_RIGHT": 80, "KEY_RANGEDOWN": 81, "KEY_AUTO": 82, "KEY_FILTERA": 83,
    "KEY_STORE": 84, "KEY_RECALL": 85, "KEY_CONFIG": 86, "KEY_RUN": 87, "KEY_OUTPUTA": 88,
    "KEY_SPEEDA": 89, "KEY_SPEEDB": 90, "KEY_DIGITSB": 91, "KEY_LIMITB": 92, "KEY_MEASB": 93,
    "KEY_SRCB": 94, "KEY_MODEB": 95, "KEY_OUTPUTB": 96, "KEY_RELB": 97, "WHEEL_ENTER": 103,
    "WHEEL_LEFT": 104, "WHEEL_RIGHT": 114,
}  # fmt: skip
#: indicators that may be lit (display.getannunciators); values to be checked
_ANNUNCIATORS = (
    "FILTER", "MATH", "4_WIRE", "AUTO", "ARM", "TRIGGER", "STAR", "SAMPLE", "EDIT", "ERROR",
    "REMOTE", "TALK", "LISTEN", "SRQ", "REAR", "REL",
)  # fmt: skip
_ANNUNCIATOR = {f"ANNUNCIATOR_{name}": 1 << k for k, name in enumerate(_ANNUNCIATORS)}


class Display:
    """The front panel: what it shows and what a script wrote on it."""

    SMUA, SMUB, SMUA_SMUB, USER = 0, 1, 2, 3
    LINES = (20, 32)  # characters

    def __init__(self) -> None:
        self.menu: dict[str, str] = {}
        self.numpad = 1
        self.reset()

    def reset(self) -> None:
        """Show the channels again."""
        self.lockout = 0
        self.screen = self.SMUA_SMUB
        self.lines = [" " * width for width in self.LINES]
        self.row = self.column = 1

    def clear(self) -> None:
        """Switch to the user screen and empty it (display.clear)."""
        self.reset()
        self.screen = self.USER

    def set_cursor(self, row: Any, column: Any, _style: Any = 0) -> None:
        """Place the next text (display.setcursor)."""
        at = whole(1, len(self.LINES))(row)
        self.column = whole(1, self.LINES[at - 1])(column)
        self.row = at

    def set_text(self, value: Any) -> None:
        """Write at the cursor; ``$N`` starts the second line (display.settext)."""
        given = text(256)(value)
        self.screen = self.USER
        for k, part in enumerate(given.split("$N")):
            if k:
                self.row, self.column = 2, 1
            self._write(part.replace("$$", "$"))

    def _write(self, part: str) -> None:
        width = self.LINES[self.row - 1]
        line = self.lines[self.row - 1]
        start = self.column - 1
        self.lines[self.row - 1] = (line[:start] + part + line[start + len(part) :])[:width]
        self.column = min(start + len(part) + 1, width)

    def text(self) -> str:
        """Return what the user screen shows (display.gettext)."""
        return "$N".join(self.lines)

    def ask(self, *_arguments: Any) -> None:
        """Refuse to wait for somebody at the front panel (display.inputvalue and its like)."""
        raise Refusal(1100)

    def press(self, code: Any) -> None:
        """Take a key press; on a locked panel, and on this one, none does anything more.

        Raises
        ------
        Refusal
            There is no such key.
        """
        if whole()(code) not in _KEYS.values():
            raise Refusal(-224)


def _menu_node(display: Display) -> Node:
    """Describe ``display.loadmenu``: what the front panel offers to run."""

    def add(name: Any, code: Any, _memory: Any = 1) -> None:
        display.menu[text(255)(name)] = text(255)(code)

    def delete(name: Any) -> None:
        if display.menu.pop(name, None) is None:
            raise Refusal(-292)

    return Node(
        "display.loadmenu",
        calls={"add": add, "delete": delete},
        arrays={"catalog": lambda: tuple(sorted(display.menu))},
        objects={"DONT_SAVE": 0, "SAVE": 1},
    )


def display_node(
    display: Display,
    letters: Iterable[str],
    events: Events,
    wait: Callable[[Generated, float], bool],
) -> Node:
    """Describe ``display`` as far as it does not need somebody at the front panel."""
    getters, setters = accessors(
        display,
        {
            "screen": ("screen", choice(0, 1, 2, 3)),
            "locallockout": ("lockout", flag),
            "numpad": ("numpad", flag),
        },
    )
    key = Generated(events)
    node = Node(
        "display",
        getters,
        setters,
        {
            "clear": display.clear,
            "setcursor": display.set_cursor,
            "settext": display.set_text,
            "gettext": lambda *_: display.text(),
            "getcursor": lambda: (display.row, display.column, 0),
            "getannunciators": lambda: _ANNUNCIATOR["ANNUNCIATOR_REMOTE"],
            "getlastkey": lambda: _KEYS["KEY_NONE"],
            "sendkey": display.press,
            **dict.fromkeys(("inputvalue", "prompt", "menu", "waitkey"), display.ask),
        },
        {"SMUA": 0, "SMUB": 1, "SMUA_SMUB": 2, "USER": 3, "DIGITS_4_5": 4, "DIGITS_5_5": 5,
         "DIGITS_6_5": 6, "MEASURE_DCAMPS": 0, "MEASURE_DCVOLTS": 1, "MEASURE_OHMS": 2,
         "MEASURE_WATTS": 3, "LOCK": 1, "UNLOCK": 0, "ENABLE": 1, "DISABLE": 0, **_KEYS,
         "loadmenu": _menu_node(display),
         "trigger": _trigger_node(key, wait), "LIMIT_IV": 0, "LIMIT_P": 1, "DONT_SAVE": 0,
         "SAVE": 1, **_ANNUNCIATOR},
    )  # fmt: skip
    for letter in letters:
        node.objects[f"smu{letter}"] = _channel_display(f"display.smu{letter}")
    return node


class _Shown:
    """What the panel shows of a channel."""

    digits, function, limit = 5, 1, 0


def _channel_display(name: str) -> Node:
    shown = _Shown()
    digits = accessors(shown, {"digits": ("digits", choice(4, 5, 6))})
    function = accessors(shown, {"func": ("function", choice(0, 1, 2, 3))})
    limit = accessors(shown, {"func": ("limit", choice(0, 1, 2))})
    limits = Node(f"{name}.limit", *limit)
    return Node(
        name, *digits, objects={"limit": limits, "measure": Node(f"{name}.measure", *function)}
    )


def _trigger_node(key: Generated, wait: Callable[[Generated, float], bool]) -> Node:
    """Describe ``display.trigger``: the TRIG key, which nobody presses."""
    seconds = number(0.0, 1e5)
    return Node(
        "display.trigger",
        getters={"overrun": lambda: key.overrun},
        calls={"clear": key.clear, "wait": lambda timeout: wait(key, seconds(timeout))},
        objects={"EVENT_ID": key.event},
    )
