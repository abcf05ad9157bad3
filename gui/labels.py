"""A line of text that ends in an ellipsis where there is no room; the whole of it is the tip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["Line"]


class Line(QLabel):
    """One line of plain text that never asks for more width than there is. The value is the text.

    Parameters
    ----------
    parent
        As for every widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.installEventFilter(self)

    def value(self) -> str:
        """Return the whole text."""
        return self._value

    def setValue(self, text: str, tip: str = "") -> None:  # noqa: N802 - Qt's manner
        """Show a text; `tip` says more, else it is the text."""
        self._value = text
        self.setToolTip(tip or text)
        self.setAccessibleName(text)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Cut the text anew when the width or the font changes."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.FontChange):
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        mode = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self._value, mode, max(self.width() - 2, 0)))
