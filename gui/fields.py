"""Value widgets for parameters: text as people write it, a complaint in place, a remedy to click.

Each has `value`, `setValue` and the signal `valueChanged`; the value is text, and what it means is
decided by the protocol alone (`gui.parameters`).
"""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.look import GRID, colours, font
from gui.parameters import Field, Problem, exact_text
from labctl.errors import BadInput
from labctl.units import parse

__all__ = ["FieldEdit", "stepped"]

_MANTISSAS = (1.0, 2.0, 5.0)


def stepped(text: str, field: Field, up: bool) -> str:
    """Return the next larger or smaller value in the sequence 1, 2, 5; counts go by one.

    Parameters
    ----------
    text
        Of a quantity or a count; what cannot be read is returned as it is.
    field
        Whose text it is.
    up
        Towards the larger magnitude.

    Examples
    --------
    >>> stepped("100 us", Field("width", "quantity", "s"), up=True)
    '200 us'
    >>> stepped("-1 V", Field("amplitude", "quantity", "V"), up=False)
    '-500 mV'
    """
    try:
        value = parse(text, field.unit or "1")
    except BadInput:
        return text
    if field.kind == "count":
        return str(max(int(value) + (1 if up else -1), 0))
    if field.kind != "quantity" or value == 0:
        return text
    power = math.floor(math.log10(abs(value)) + 1e-9)
    ladder = [float(f"{m}e{p}") for p in range(power - 1, power + 2) for m in _MANTISSAS]
    size = abs(value)
    above = [step for step in ladder if step > size * (1 + 1e-9)]
    below = [step for step in ladder if step < size * (1 - 1e-9)]
    chosen = (min(above) if up else max(below)) * math.copysign(1, value)
    return exact_text(chosen, field.unit)


class FieldEdit(QWidget):
    """One parameter: name, editor, and below it what is wrong with a button that mends it.

    Parameters
    ----------
    field
        Which.
    """

    valueChanged = Signal(str)  # noqa: N815 - Qt's manner
    entered = Signal(object)  #: the field got the keyboard

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self._name = QLabel(field.label, self)
        self._name.setFont(font(-1))
        self._name.setProperty("kind", "caption")
        self._editor = self._make_editor(field)
        self._editor.setAccessibleName(field.label)
        self._editor.installEventFilter(self)
        self._name.setBuddy(self._editor)
        tip = "\n".join(part for part in (field.help, field.allowed, self._default_text()) if part)
        self.setToolTip(tip)
        self._complaint = QLabel(self)
        self._complaint.setWordWrap(True)
        self._complaint.setFont(font(-1))
        self._complaint.setProperty("kind", "danger")
        self._mend = QPushButton(self)
        self._mend.clicked.connect(self._take_remedy)
        self._remedy = ""
        self._lay_out()
        self.setValue(field.default)
        self.setProblem(None)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 4)
        row = QHBoxLayout()
        row.addWidget(self._mend)
        row.addStretch(1)
        column.addWidget(self._name)
        column.addWidget(self._editor)
        column.addWidget(self._complaint)
        column.addLayout(row)
        column.addStretch(1)

    def _make_editor(self, field: Field) -> QLineEdit | QComboBox | QCheckBox:
        if field.kind == "choice":
            box = QComboBox(self)
            box.addItems(list(field.choices))
            box.currentTextChanged.connect(self._edited)
            return box
        if field.kind == "switch":
            check = QCheckBox("yes", self)
            check.toggled.connect(lambda: self._edited())
            return check
        line = QLineEdit(self)
        line.setPlaceholderText(field.default or ("as found" if field.optional else "none"))
        line.textEdited.connect(self._edited)
        return line

    def _default_text(self) -> str:
        return f"usually {self.field.default}" if self.field.default else ""

    def value(self) -> str:
        """Return the text."""
        editor = self._editor
        if isinstance(editor, QComboBox):
            return editor.currentText()
        if isinstance(editor, QCheckBox):
            return "yes" if editor.isChecked() else "no"
        return editor.text()

    def setValue(self, text: str) -> None:  # noqa: N802 - Qt's manner
        """Show a text; does nothing where it is there already, so a cursor stays where it is."""
        editor = self._editor
        before = editor.blockSignals(True)
        if isinstance(editor, QComboBox):
            editor.setCurrentText(text)
        elif isinstance(editor, QCheckBox):
            editor.setChecked(text.lower() in ("yes", "true", "1", "on"))
        elif editor.text() != text:
            editor.setText(text)
            editor.setCursorPosition(0)
        editor.blockSignals(before)
        self._mark()

    def setProblem(self, problem: Problem | None) -> None:  # noqa: N802 - Qt's manner
        """Show what is wrong and how to mend it; None when nothing is."""
        self._complaint.setText("" if problem is None else problem.text)
        self._complaint.setVisible(problem is not None)
        self._remedy = "" if problem is None else problem.remedy
        self._mend.setText(f"use {self._remedy}")
        self._mend.setVisible(bool(self._remedy))
        edge = f"border-color: {colours().danger};" if problem is not None else ""
        self._editor.setStyleSheet(f"QLineEdit {{ {edge} }}" if edge else "")

    def take_keyboard(self) -> None:
        """Put the cursor here, everything selected."""
        self._editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if isinstance(self._editor, QLineEdit):
            self._editor.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Step a number with the arrow keys; say which field has the keyboard."""
        if event.type() == QEvent.Type.FocusIn:
            self.entered.emit(self.field)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            up, down = Qt.Key.Key_Up, Qt.Key.Key_Down
            if isinstance(self._editor, QLineEdit) and event.key() in (up, down):
                self._replace(stepped(self.value(), self.field, up=event.key() == up))
                return True
        return super().eventFilter(watched, event)

    def _take_remedy(self) -> None:
        self._replace(self._remedy)

    def _replace(self, text: str) -> None:
        if text != self.value():
            self.setValue(text)
            self.valueChanged.emit(text)

    def _edited(self, _: object = None) -> None:
        self._mark()
        self.valueChanged.emit(self.value())

    def _mark(self) -> None:
        """Mark a value that is not the protocol's own."""
        own = self.value().strip() == self.field.default
        self._name.setText(self.field.label if own else f"{self.field.label} •")
