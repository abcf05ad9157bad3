"""Watching: looks at the run that is going on a few times a second, and tells what is new."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from gui.following import Following

__all__ = ["Watching"]

_LOOK = 400  # ms


class Watching(QObject):
    """A `Following` on a timer.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    changed = Signal(object)  #: the `Following`, or None when nothing goes on
    progress = Signal(str)
    said = Signal(str, str)  #: kind and sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run: Following | None = None
        self.wordy = False  #: whether every step is told
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK)
        self._timer.timeout.connect(self._look)

    def begin(self, folder: Path) -> None:
        """Watch a run; its last words are read when it ends."""
        self.run = Following(folder)
        self._timer.start()
        self._look()

    def end(self) -> None:
        """Look once more, then no more."""
        if self.run is not None:
            self._look()
        self._timer.stop()
        self.run = None
        self.changed.emit(None)

    def _look(self) -> None:
        if self.run is None:
            return
        for kind, text in self.run.poll():
            if self.wordy or kind != "wire":
                self.said.emit(kind, text)
        self.progress.emit(self.run.progress())
        self.changed.emit(self.run)
