"""Who measures, on which sample, how warm: what a run is started with beside protocol and bench."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from gui.look import GRID, icon
from gui.order import Order

__all__ = ["Ways"]

_WIDE = 220  # px, of the fields
_SHOWN = 18  # characters on the button


class Ways(QToolButton):
    """A button that says operator and sample, and opens the fields for them below it.

    The value is an `gui.order.Order` of which operator, sample, fresh and temperature count.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(object)  # noqa: N815 - dict of what was changed by the user

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = Order(kind="")
        self.setIcon(icon("account-outline"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setToolTip("Operator, sample and temperature of the chuck (Ctrl+I)")
        self.setAccessibleName("operator, sample and temperature")
        self._panel = QFrame(self, Qt.WindowType.Popup)
        self._panel.setFrameShape(QFrame.Shape.StyledPanel)
        self._operator = self._line("who measures")
        self._sample = self._line("none: every run has a fresh device")
        choose = QAction(icon("folder-open-outline"), "Choose the folder of a sample", self)
        choose.triggered.connect(self._choose)
        self._sample.addAction(choose, QLineEdit.ActionPosition.TrailingPosition)
        self._fresh = QCheckBox("begin with a new device there", self._panel)
        self._fresh.toggled.connect(lambda _: self._edited())
        self._temperature = self._line("as it is; 330 K")
        self._lay_out()
        self.clicked.connect(self.open)
        self.setValue(self._value)

    def _line(self, hint: str) -> QLineEdit:
        made = QLineEdit(self._panel)
        made.setPlaceholderText(hint)
        made.setMinimumWidth(_WIDE)
        made.editingFinished.connect(self._edited)
        return made

    def _lay_out(self) -> None:
        grid = QGridLayout(self._panel)
        grid.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        grid.setHorizontalSpacing(GRID)
        for row, (name, field) in enumerate(
            (
                ("operator", self._operator),
                ("chuck before the run", self._temperature),
                ("sample folder", self._sample),
            )
        ):
            label = QLabel(name, self._panel)
            label.setBuddy(field)
            grid.addWidget(label, row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(self._fresh, 3, 1)
        help_text = QLabel(
            "A sample's folder keeps what was done to its devices from run to run.", self._panel
        )
        help_text.setProperty("kind", "caption")
        help_text.setWordWrap(True)
        grid.addWidget(help_text, 4, 0, 1, 2)

    def value(self) -> Order:
        """Return the order whose operator, sample, fresh and temperature are shown."""
        return self._value

    def setValue(self, ways: Order) -> None:  # noqa: N802 - Qt's manner
        """Show operator, sample, fresh and temperature of an order."""
        self._value = ways
        for line, text in (
            (self._operator, ways.operator), (self._sample, ways.sample),
            (self._temperature, ways.temperature),
        ):  # fmt: skip
            if line.text() != text:
                line.setText(text)
        before = self._fresh.blockSignals(True)
        self._fresh.setChecked(ways.fresh)
        self._fresh.setEnabled(bool(ways.sample))
        self._fresh.blockSignals(before)
        sample = ways.sample.replace("\\", "/").rstrip("/").rpartition("/")[2]
        parts = (ways.operator, sample, ways.temperature)
        said = ", ".join(part for part in parts if part) or "operator"
        self.setText(said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…")

    def open(self) -> None:
        """Open the fields below the button, the cursor in the first."""
        self._panel.adjustSize()
        corner = self.mapToGlobal(QPoint(0, self.height()))
        screen = self.screen().availableGeometry()
        left = min(corner.x(), screen.right() - self._panel.width())
        self._panel.move(max(left, screen.left()), corner.y())
        self._panel.show()
        self._operator.setFocus()

    def _edited(self) -> None:
        changed = {
            "operator": self._operator.text().strip(),
            "sample": self._sample.text().strip(),
            "temperature": self._temperature.text().strip(),
            "fresh": self._fresh.isChecked() and bool(self._sample.text().strip()),
        }
        if changed != {name: getattr(self._value, name) for name in changed}:
            self.valueChanged.emit(changed)

    def _choose(self) -> None:
        self._panel.hide()
        dialog = QFileDialog(self, "The folder of a sample")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.valueChanged.emit({"sample": path}))
        dialog.open()
