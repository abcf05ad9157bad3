"""Settling: what has been loaded once is no longer looked through for garbage.

Python's full collection walks every object that could be part of a cycle. After the imports these
are a hundred thousand that live as long as the program, and the walk holds the event loop up for
longer than a frame may take. They are set aside; what the window makes while it works is still
collected.
"""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QObject, QTimer

__all__ = ["Settling"]

_LOOK = 200  # ms between looks at whether something was imported


class Settling(QObject):
    """Sets aside what imports have brought, as long as it lives.

    For the program that is the window, not for a library: it changes the collector of the whole
    process. Setting aside takes no time that could be noticed.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._modules = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self.look()

    def look(self) -> None:
        """Set aside what there is, where modules were imported since the last look."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            gc.freeze()
