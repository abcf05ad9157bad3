"""The results of a run: figures of merit, fits and their worth, energy among others'."""

from __future__ import annotations

from urllib.parse import unquote

from PySide6.QtCore import QEvent, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QCursor, QGuiApplication, QTextOption
from PySide6.QtWidgets import QLabel, QTextBrowser, QToolButton, QToolTip, QVBoxLayout, QWidget

from gui import look
from gui.panels import PanelPlot
from gui.results_text import Tints, energies, page, plain_text
from labctl.analysis.references import draw_energies
from labctl.results import Results

__all__ = ["ResultsView"]

_EMPTY = "Results appear here while a run goes on: figures of merit, fits and what they are worth."
_NONE = "No figure of merit yet: too little has been measured."


class ResultsView(QWidget):
    """What a protocol makes of its record; a click on a number copies it."""

    valueChanged = Signal(object)  #: Results or None  # noqa: N815 - as Qt's widgets have it
    copied = Signal(str)  #: the text that is in the clipboard now

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Results | None = None
        self._text = QTextBrowser()
        self._text.setOpenLinks(False)
        self._text.setFrameShape(QTextBrowser.Shape.NoFrame)
        self._text.anchorClicked.connect(self._clicked)
        self._text.document().setDocumentMargin(look.GRID)
        self._text.setWordWrapMode(QTextOption.WrapMode.WordWrap)
        self._mark = QLabel("SIMULATED")
        self._mark.setProperty("kind", "simulated")
        self._mark.hide()
        self._compare = QToolButton()
        self._compare.setCheckable(True)
        self._compare.setText("Energy among those reported")
        self._compare.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._compare.setIcon(look.icon("chevron-right"))
        self._compare.toggled.connect(self._toggle)
        self._compare.hide()
        self._energy = PanelPlot()
        self._energy.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.GRID // 2)
        layout.addWidget(self._mark)
        layout.addWidget(self._text, 3)
        layout.addWidget(self._compare)
        layout.addWidget(self._energy, 2)
        self._show()

    def value(self) -> Results | None:
        """Return the results."""
        return self._value

    def setValue(self, value: Results | None) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show results; where the reader was stays in view."""
        if value is self._value:
            return
        self._value = value
        self._show()
        self.valueChanged.emit(value)

    def setSimulated(self, simulated: bool) -> None:  # noqa: N802 - as Qt's widgets have it
        """Mark the results as made on a virtual bench."""
        self._mark.setVisible(simulated)

    def copy_all(self) -> None:
        """Copy every number as text."""
        if self._value is not None:
            self._copy(plain_text(self._value))

    def _show(self) -> None:
        place = self._text.verticalScrollBar().value()
        value = self._value
        if value is None or not (value.metrics or value.fits or value.notes):
            said = _EMPTY if value is None else _NONE
            self._text.setHtml(f'<p style="color:{look.colours().faded}">{said}</p>')
        else:
            self._text.setHtml(page(value, _tints()))
        self._text.verticalScrollBar().setValue(place)
        known = value is not None and bool(energies(value))
        self._compare.setVisible(known)
        if not known:
            self._energy.hide()
        elif self._compare.isChecked():
            self._draw_energy()

    def _toggle(self, shown: bool) -> None:
        self._compare.setIcon(look.icon("chevron-down" if shown else "chevron-right"))
        self._energy.setVisible(shown)
        if shown:
            self._draw_energy()

    def _draw_energy(self) -> None:
        assert self._value is not None
        self._energy.setValue((draw_energies(energies(self._value)),))

    def _clicked(self, url: QUrl) -> None:
        self._copy(unquote(url.toString().removeprefix("copy:")))

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        first = text.splitlines()[0] if "\n" in text else text
        QToolTip.showText(QCursor.pos() + QPoint(0, look.GRID), f"copied: {first}", self)
        self.copied.emit(text)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow a change from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show()


def _tints() -> Tints:
    c = look.colours()
    return (c.ink, c.faded, c.good, c.warning, c.line)
