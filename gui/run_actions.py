"""What can be done with the run that is shown: go on with it, or take its parameters."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from gui.background import Background
from gui.following import step_in_doubt
from gui.labels import Line
from gui.look import GRID, icon
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.report import typeset

__all__ = ["RunActions"]

_BROKEN = ("stopped", "aborted", "failed", "gone")


class RunActions(QWidget):
    """A strip below the plots of a run. The value is its folder, or None.

    Parameters
    ----------
    parent
        As for every widget.
    """

    resumeAsked = Signal(object, str)  # noqa: N815 - Path; ``repeat`` or ``skip`` a step in doubt
    protocolAsked = Signal(object)  # noqa: N815 - the `Protocol` of the run, to be shown
    said = Signal(str, str)  #: kind and sentence, for the console

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Path | None = None
        self._status = ""
        self._free = True
        self._work = Background(self)
        self._work.done.connect(self._answer)
        self._work.failed.connect(lambda key, text: self.said.emit("danger", text))
        self._doubt = Line(self)
        self._doubt.setProperty("kind", "warning")
        self._on = self._button("Go on", "play", "Resume the run where it was broken off")
        self._skip = self._button("Go on without it", "skip-next", "Its readings count as lost")
        self._take = self._button("Use its parameters", "arrow-up", "Show them in the form above")
        self._on.clicked.connect(lambda: self._resume("repeat"))
        self._skip.clicked.connect(lambda: self._resume("skip"))
        self._take.clicked.connect(self._ask_protocol)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID)
        row.addWidget(self._doubt, 1)
        for widget in (self._on, self._skip, self._take):
            row.addWidget(widget)
        self.setValue(None)

    def _button(self, text: str, name: str, tip: str) -> QPushButton:
        made = QPushButton(icon(name), text, self)
        made.setToolTip(tip)
        made.setFlat(True)
        return made

    def value(self) -> Path | None:
        """Return the folder."""
        return self._value

    def setValue(self, folder: Path | None) -> None:  # noqa: N802 - Qt's manner
        """Show what can be done with a run; None where none is shown."""
        self._value, self._status = folder, ""
        self._show("")

    def setStatus(self, status: str) -> None:  # noqa: N802 - Qt's manner
        """Say how the run stands, as its header does."""
        self._status = status
        self._show("")
        if status in _BROKEN and self._value is not None:
            self._work.ask("doubt", step_in_doubt, self._value)

    def setFree(self, free: bool) -> None:  # noqa: N802 - Qt's manner
        """Say whether the bench is free; a run is resumed only then."""
        self._free = free
        self._on.setEnabled(free)
        self._skip.setEnabled(free)

    def close_work(self) -> None:
        """Wait for what is being done."""
        self._work.close()

    def _show(self, doubt: str) -> None:
        broken = self._status in _BROKEN and self._value is not None
        self.setVisible(self._value is not None)
        self._on.setVisible(broken)
        self._skip.setVisible(broken and bool(doubt))
        self._on.setText("Go on and repeat it" if doubt else "Go on")
        self._take.setVisible(self._status not in ("", "unreadable"))
        about = f"in doubt: {typeset(doubt)}, which may have reached the device" if doubt else ""
        self._doubt.setValue(about)

    def _answer(self, key: str, found: object) -> None:
        if key == "doubt":
            self._show(str(found))
        elif key == "protocol" and isinstance(found, Protocol):
            self.protocolAsked.emit(found)

    def _resume(self, interrupted: str) -> None:
        if self._value is not None:
            self.resumeAsked.emit(self._value, interrupted)

    def _ask_protocol(self) -> None:
        if self._value is not None:
            self._work.ask("protocol", _protocol_of, self._value)


def _protocol_of(folder: Path) -> Protocol:
    return Record(folder).protocol
