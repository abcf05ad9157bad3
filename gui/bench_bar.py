"""The bar on top: which bench, what is on it, how it goes, and Abort always in the same corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.instruments import InstrumentState
from gui.look import GRID, colours, icon
from gui.runner import RunnerState
from gui.ways import Ways

__all__ = ["BenchBar"]

_PACES = (("as fast as it goes", 0.0), ("real time", 1.0), ("10 x", 10.0), ("100 x", 100.0))
_SAID = {
    "idle": "", "starting": "starting", "running": "running", "paused": "paused",
    "stopping": "ends after this step", "aborting": "aborting",
}  # fmt: skip
_DOTS = {"ok": "good", "asking": "faded", "unknown": "faded", "in use": "accent", "fault": "danger"}


class BenchBar(QWidget):
    """Bench, instruments, run control. The value is the name of the bench.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(str)  # noqa: N815 - another bench was chosen
    paceChanged = Signal(float)  # noqa: N815
    identifyAsked = Signal()  # noqa: N815
    pauseAsked = Signal()  # noqa: N815
    resumeAsked = Signal()  # noqa: N815
    stopAsked = Signal()  # noqa: N815
    abortAsked = Signal()  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state: RunnerState = "idle"
        self._band = QLabel(self)
        self._band.setProperty("kind", "simulated")
        self._band.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._band.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._benches = QComboBox(self)
        self._benches.setAccessibleName("bench")
        self._benches.setMinimumWidth(150)
        self._benches.setMaximumWidth(220)
        self._benches.setToolTip("The bench that is measured on (Ctrl+B)")
        self._benches.activated.connect(lambda: self.valueChanged.emit(self.value()))
        self._chips = QHBoxLayout()
        self._chips.setSpacing(GRID // 2)
        self._pace = QComboBox(self)
        self._pace.setToolTip("How fast the virtual laboratory's clock goes")
        self._pace.setAccessibleName("pace")
        for text, pace in _PACES:
            self._pace.addItem(text, pace)
        self._pace.activated.connect(lambda: self.paceChanged.emit(self._pace.currentData()))
        self.ways = Ways(self)
        self._status = QLabel(self)
        self._status.setProperty("kind", "heading")
        self._pause = self._button("Pause", "pause", "Wait before the next step (Ctrl+P)")
        self._stop = self._button("Stop", "skip-next", "End after the step in hand (Ctrl+.)")
        self._pause.clicked.connect(self._pause_or_resume)
        self._stop.clicked.connect(self.stopAsked)
        self._abort = QPushButton("ABORT", self)
        self._abort.setToolTip("End now: level zero, outputs off, chuck apart (Esc Esc)")
        self._abort.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._abort.clicked.connect(self.abortAsked)
        self._lay_out()
        self.setState("idle")
        self.setSimulated("")

    def _button(self, text: str, name: str, tip: str) -> QPushButton:
        made = QPushButton(icon(name), text, self)
        made.setToolTip(tip)
        return made

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID)
        row.addWidget(self._benches)
        row.addLayout(self._chips)
        row.addStretch(1)
        for widget in (self._status, self.ways, self._pace, self._pause, self._stop, self._abort):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._band)
        column.addLayout(row)

    # -- what is shown ----------------------------------------------------------------------------

    def setBenches(self, names: Sequence[str]) -> None:  # noqa: N802 - Qt's manner
        """Offer these benches."""
        chosen = self.value()
        self._benches.clear()
        for name in names:
            self._benches.addItem(name, name)
        self.setValue(chosen)

    def value(self) -> str:
        """Return the name of the bench; empty for none."""
        return self._benches.currentData() or ""

    def setValue(self, name: str) -> None:  # noqa: N802 - Qt's manner
        """Show a bench; one that is a file of the user's own is added to the list."""
        if name and self._benches.findData(name) < 0:
            self._benches.addItem(Path(name).name, name)
        self._benches.setCurrentIndex(self._benches.findData(name))

    def setPace(self, pace: float) -> None:  # noqa: N802 - Qt's manner
        """Show how fast the virtual clock goes."""
        if self._pace.findData(pace) < 0:
            self._pace.addItem(f"{pace:g} x", pace)
        self._pace.setCurrentIndex(self._pace.findData(pace))

    def setSimulated(self, title: str) -> None:  # noqa: N802 - Qt's manner
        """Show the band of a virtual bench with its title; empty for a real one."""
        self._band.setText(f"SIMULATED   {title}" if title else "")
        self._band.setVisible(bool(title))
        self._pace.setVisible(bool(title))

    def setInstruments(self, states: Mapping[str, InstrumentState]) -> None:  # noqa: N802
        """Show what is on the bench and how it is; a click asks each for its identity."""
        while (item := self._chips.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for name, state in states.items():
            chip = QToolButton(self)
            chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            chip.setIcon(icon("circle-medium", getattr(colours(), _DOTS[state.word])))
            chip.setText(f"{state.model or name} {state.word if state.word != 'unknown' else ''}")
            chip.setToolTip(f"{name}: {state.told}\nClick to ask every instrument who it is.")
            chip.clicked.connect(self.identifyAsked)
            self._chips.addWidget(chip)

    def setState(self, state: RunnerState) -> None:  # noqa: N802 - Qt's manner
        """Show what the runner is doing."""
        self._state = state
        self._status.setText(_SAID[state])
        going = state != "idle"
        paused = state == "paused"
        self._pause.setText("Go on" if paused else "Pause")
        self._pause.setIcon(icon("play" if paused else "pause"))
        self._pause.setEnabled(state in ("running", "paused"))
        self._stop.setEnabled(state in ("running", "paused"))
        self._abort.setEnabled(True)
        self._pace.setEnabled(not going)
        self._colour_abort(going)

    def _colour_abort(self, going: bool) -> None:
        red = "#E53935" if going else "#C62828"
        self._abort.setStyleSheet(
            f"QPushButton {{ background: {red}; color: #FFFFFF; font-weight: 700; border: none; "
            "border-radius: 4px; padding: 6px 18px; } QPushButton:pressed { background: #8E0000; }"
        )

    def open_benches(self) -> None:
        """Open the list of benches, for the keyboard."""
        self._benches.setFocus()
        self._benches.showPopup()

    def press_pause(self) -> None:
        """Pause or go on, as the button would."""
        self._pause.click()

    def _pause_or_resume(self) -> None:
        (self.resumeAsked if self._state == "paused" else self.pauseAsked).emit()
