"""The keys of the window: no two things have the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from PySide6.QtGui import QAction, QShortcut

from gui.window import Window


def test_no_key_of_a_part_is_also_one_of_the_window(open_window: Callable[..., Window]) -> None:
    window = open_window()
    of_all = Counter(short.key().toString() for short in window.findChildren(QShortcut))
    assert {key: count for key, count in of_all.items() if count > 1} == {}
    parts = {
        action.shortcut().toString()
        for action in window.findChildren(QAction)
        if not action.shortcut().isEmpty()
    }
    assert parts & set(of_all) == set()
    assert {"Ctrl+Return", "Esc", "Ctrl+I"} <= set(of_all)
