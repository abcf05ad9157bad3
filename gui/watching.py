"""Watching: looks at the run that is going on a few times a second, and tells what is new."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from gui.following import Following
from gui.wire import WireTail

__all__ = ["Watching"]

_LOOK = 400  # ms


class Watching(QObject):
    """A `Following` on a timer, and where it is wanted the wire log beside it.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    changed = Signal(object)  #: the `Following`, or None when nothing goes on
    progress = Signal(str)
    said = Signal(str, str)  #: kind and sentence
    wired = Signal(object, int)  #: list of `gui.wire.Message`, and how many more there were

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run: Following | None = None
        self.wordy = False  #: whether every step is told
        self._wanted = False  # whether messages over the wire are told
        self._wire: WireTail | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK)
        self._timer.timeout.connect(self._look)

    def begin(self, folder: Path) -> None:
        """Watch a run; its last words are read when it ends."""
        self.run = Following(folder)
        self._wire = WireTail(folder) if self._wanted else None
        self._timer.start()
        self._look()

    def end(self) -> None:
        """Look once more, then no more."""
        if self.run is not None:
            self._look()
        self._timer.stop()
        self.run = self._wire = None
        self.changed.emit(None)

    def tell_wire(self, wanted: bool) -> None:
        """Tell what is sent and answered from now on, or no more."""
        self._wanted = wanted
        self._wire = WireTail(self.run.folder) if wanted and self.run is not None else None

    def _look(self) -> None:
        if self.run is None:
            return
        for kind, text in self.run.poll():
            if self.wordy or kind != "step":
                self.said.emit(kind, text)
        if self._wire is not None:
            messages, more = self._wire.poll()
            if messages:
                self.wired.emit(messages, more)
        self.progress.emit(self.run.progress())
        self.changed.emit(self.run)
