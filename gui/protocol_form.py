"""The form of a protocol: its parameters in columns that fill the width, with help for each.

Made from the declaration of the protocol (`gui.parameters.fields_of`), so any protocol has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.fields import FieldEdit
from gui.look import GRID, font
from gui.parameters import Field, Problem, fields_of
from labctl.protocol import Protocol

__all__ = ["ProtocolForm"]

_NARROWEST = 118  # of a column, px
_WIDE = frozenset({"series", "other"})  # kinds that take two columns


class ProtocolForm(QWidget):
    """All parameters of one protocol; the value is their text by name, those changed from its own.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(object)  # noqa: N815 - dict[str, str]

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edits: dict[str, FieldEdit] = {}
        self._columns = 0
        self._inside = QWidget(self)
        self._grid = QGridLayout(self._inside)
        self._grid.setContentsMargins(0, 0, GRID // 2, 0)
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(GRID)
        self._area = QScrollArea(self)
        self._area.setWidget(self._inside)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.viewport().installEventFilter(self)
        self._inside.installEventFilter(self)
        self._problem = QLabel(self)
        self._problem.setProperty("kind", "danger")
        self._problem.setWordWrap(True)
        self._help = QLabel(self)
        self._help.setProperty("kind", "caption")
        self._help.setFont(font(-1))
        self._help.setOpenExternalLinks(True)
        self._help.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self._area, 1)
        column.addWidget(self._problem)
        column.addWidget(self._help)
        self.setProblems(())

    def setProtocol(self, protocol: type[Protocol] | None) -> None:  # noqa: N802 - Qt's manner
        """Show the parameters of a protocol, each with the protocol's own value."""
        for edit in self._edits.values():
            self._grid.removeWidget(edit)
            edit.deleteLater()
        fields = () if protocol is None else fields_of(protocol)
        self._edits = {field.name: self._edit(field) for field in fields}
        self._help.setText("" if protocol is None else self._about(protocol))
        self._columns = 0
        self._arrange()

    def _edit(self, field: Field) -> FieldEdit:
        edit = FieldEdit(field, self._inside)
        edit.valueChanged.connect(self._changed)
        edit.entered.connect(self._explain)
        return edit

    def value(self) -> dict[str, str]:
        """Return the text of every parameter that is not the protocol's own."""
        return {
            name: text
            for name, edit in self._edits.items()
            if (text := edit.value().strip()) != edit.field.default
        }

    def setValue(self, texts: Mapping[str, str]) -> None:  # noqa: N802 - Qt's manner
        """Show these parameters; those left out have the protocol's own value."""
        for name, edit in self._edits.items():
            text = texts.get(name, edit.field.default)
            if text != edit.value().strip():
                edit.setValue(text)

    def setProblems(self, problems: Sequence[Problem]) -> None:  # noqa: N802 - Qt's manner
        """Show what is wrong, each beside its field; what is about several below them."""
        by_field = {problem.field: problem for problem in reversed(problems)}
        for name, edit in self._edits.items():
            edit.setProblem(by_field.get(name))
        loose = [problem.text for problem in problems if problem.field not in self._edits]
        self._problem.setText("\n".join(loose))
        self._problem.setVisible(bool(loose))
        first = next((p.field for p in problems if p.field in self._edits), None)
        if first is not None:
            self._area.ensureWidgetVisible(self._edits[first], 0, GRID)

    def edit(self, name: str) -> FieldEdit:
        """Return the widget of one parameter.

        Raises
        ------
        KeyError
            The protocol has no such parameter.
        """
        return self._edits[name]

    def take_keyboard(self) -> None:
        """Put the cursor into the first field."""
        for edit in self._edits.values():
            edit.take_keyboard()
            return

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Lay the fields out anew when the width changes."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        if event.type() == QEvent.Type.LayoutRequest:  # no taller than its fields: what is left
            below = sum(
                part.sizeHint().height() + GRID
                for part in (self._problem, self._help)
                if part.isVisibleTo(self)
            )
            self.setMaximumHeight(self._inside.sizeHint().height() + below)  # is the waveform's
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        width = self._area.viewport().width()
        columns = max(2, width // (_NARROWEST + 2 * GRID))
        if columns == self._columns:
            return
        for column in range(max(columns, self._columns)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
            self._grid.setColumnMinimumWidth(column, 0)
        self._columns = columns
        taken: set[tuple[int, int]] = set()
        for edit in self._edits.values():
            span = 2 if edit.field.kind in _WIDE else 1
            row, column = _free(taken, columns, span)
            taken |= {(row, column + k) for k in range(span)}
            self._grid.addWidget(edit, row, column, 1, span, Qt.AlignmentFlag.AlignTop)
        last = max((row for row, _ in taken), default=0)
        for known in range(max(self._grid.rowCount(), last + 2)):
            self._grid.setRowStretch(known, 1 if known == last + 1 else 0)

    def _changed(self) -> None:
        self.valueChanged.emit(self.value())

    def _explain(self, field: Field) -> None:
        parts = [field.help or field.label]
        parts += [field.allowed] if field.allowed else []
        parts += [f"usually {field.default}"] if field.default else []
        parts += ["empty: as found"] if field.optional else []
        self._help.setText("  ·  ".join(part.rstrip(".") for part in parts))

    @staticmethod
    def _about(protocol: type[Protocol]) -> str:
        where = protocol.reference
        source = " ".join(part for part in (where.text, where.figure) if part)
        link = f" <a href='https://doi.org/{where.doi}'>doi:{where.doi}</a>" if where.doi else ""
        return f"{source}{link}. {protocol.summary}".removeprefix(". ")


def _free(taken: set[tuple[int, int]], columns: int, span: int) -> tuple[int, int]:
    """Return the first place where a field fits, so that no holes are left."""
    row = 0
    while True:
        for column in range(columns - span + 1):
            if not any((row, column + k) in taken for k in range(span)):
                return row, column
        row += 1
