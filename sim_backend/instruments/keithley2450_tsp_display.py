"""``display`` in the script language of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-50 to 8-68.
"""

from __future__ import annotations

from typing import Any

from sim_backend.instruments.keithley2450_events import TEXT_SHORTENED, WARNING
from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    field,
    text,
    tree,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["display_node"]

MISSING, NOBODY = -109, -221
_SCREENS = words_of("display.SCREEN_", {
    name: name for name in (
        "HOME", "HOME_LARGE_READING", "READING_TABLE", "GRAPH", "HISTOGRAM", "GRAPH_SWIPE",
        "SETTINGS_SWIPE", "SOURCE_SWIPE", "STATS_SWIPE", "USER_SWIPE", "PROCESSING",
    )
})  # fmt: skip
_LIGHTS = words_of("display.STATE_", {
    **{f"LCD_{percent}": f"ON{percent}" for percent in (100, 75, 50, 25)}, "LCD_OFF": "OFF",
    "BLACKOUT": "BLAC",
})  # fmt: skip
_FORMS = words_of("display.FORMAT_", {"EXPONENT": "EXP", "PREFIX": "PREF"})
_LINES = words_of("display.TEXT", {"1": 1, "2": 2})
_DIALOGUE = (
    *(f"BUTTONS_{name}" for name in ("NONE", "OK", "CANCEL", "OKCANCEL", "YESNO", "YESNOCANCEL")),
    *(f"BUTTON_{name}" for name in ("OK", "CANCEL", "YES", "NO")),
    *(f"NFORMAT_{name}" for name in ("DECIMAL", "EXPONENT", "INTEGER", "PREFIX")),
    *(f"SFORMAT_{name}" for name in ("ANY", "BUFFER_NAME", "UPPER", "UPPER_LOWER")),
)
_WIDTHS = {1: 20, 2: 32}


def nobody(*_arguments: Any) -> None:
    """Refuse to wait for somebody at the front panel."""
    raise Refusal(NOBODY)


def display_node(unit: Unit, buffers: BufferTables) -> Node:
    """Describe ``display``; every dialogue is refused, for nobody would answer it."""
    panel = unit.panel

    def show(screen: Any) -> None:
        panel.screen = _SCREENS.read(screen)

    def clear() -> None:
        panel.text = {1: "", 2: ""}

    def write(line: Any, message: Any) -> None:
        place, shown = _LINES.read(line), text()(message)
        if len(shown) > _WIDTHS[place]:
            unit.log.happened(TEXT_SHORTENED, WARNING)
        panel.text[place] = shown[: _WIDTHS[place]]
        panel.screen = "USER_SWIPE"

    def activate(value: Any) -> None:
        if value is None:
            raise Refusal(MISSING)
        unit.buffers.active = buffers.called(value)

    return tree(
        "display",
        {
            "activebuffer": Attribute(lambda: buffers.label(unit.buffers.active), activate),
            "lightstate": field(
                lambda: panel.light, lambda light: setattr(panel, "light", light), _LIGHTS
            ),
            "readingformat": field(
                lambda: panel.form, lambda form: setattr(panel, "form", form), _FORMS
            ),
        },
        {
            "changescreen": show,
            "clear": clear,
            "settext": write,
            **dict.fromkeys(
                ("delete", "prompt", "waitevent", "input.number", "input.option", "input.prompt",
                 "input.string"), nobody,
            ),
        },
        constants(
            _SCREENS, _LIGHTS, _FORMS, _LINES, [f"display.{name}" for name in _DIALOGUE]
        ),
    )  # fmt: skip
