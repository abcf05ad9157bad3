"""The console: what happened, in plain words, newest last; errors stay counted until looked at."""

from __future__ import annotations

import datetime as dt
import html

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui.look import GRID, colours
from labctl.report import typeset

__all__ = ["Console"]

_MOST = 2000  # lines that are kept


class Console(QWidget):
    """Lines of text with a time and a weight. The value is the number of errors not yet seen.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(int)  # noqa: N815 - errors that nobody has looked at
    wireAsked = Signal(bool)  # noqa: N815 - whether what is done step by step is to be shown

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._errors = 0
        self._lines: list[tuple[str, str, str]] = []
        self._text = QTextBrowser(self)
        self._text.document().setMaximumBlockCount(_MOST)
        self._text.setOpenExternalLinks(True)
        self._wire = QCheckBox("steps and instruments' words", self)
        self._wire.setToolTip("Show every step as it is journaled, and what the instruments said")
        self._wire.toggled.connect(self.wireAsked)
        clear = QPushButton("Clear", self)
        clear.clicked.connect(self.clear)
        row = QHBoxLayout()
        row.addWidget(self._wire)
        row.addStretch(1)
        row.addWidget(clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, GRID, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addWidget(self._text, 1)
        column.addLayout(row)

    def value(self) -> int:
        """Return how many errors have not been seen."""
        return self._errors

    def text(self) -> str:
        """Return everything that is shown, as plain text."""
        return self._text.toPlainText()

    def say(self, kind: str, text: str) -> None:
        """Add a sentence.

        Parameters
        ----------
        kind
            ``info``, ``good``, ``warning``, ``danger`` (which counts as an error) or ``wire``.
        text
            One sentence; several lines are indented under the first.
        """
        now = f"{dt.datetime.now().astimezone():%H:%M:%S}"
        self._lines = [*self._lines[-_MOST:], (now, kind, text)]
        self._append(now, kind, text)
        if kind == "danger":
            self._errors += 1
            self.valueChanged.emit(self._errors)

    def seen(self) -> None:
        """Count the errors as looked at."""
        if self._errors:
            self._errors = 0
            self.valueChanged.emit(0)

    def clear(self) -> None:
        """Forget everything."""
        self._lines = []
        self._text.clear()
        self.seen()

    def repaint_lines(self) -> None:
        """Write everything again in the colours that hold now."""
        self._text.clear()
        for line in self._lines:
            self._append(*line)

    def _append(self, now: str, kind: str, text: str) -> None:
        palette = colours()
        colour = {"info": palette.ink, "wire": palette.faded}.get(kind) or getattr(palette, kind)
        body = html.escape(typeset(text)).replace("\n", "<br>&nbsp;&nbsp;")
        self._text.append(
            f'<span style="color:{palette.faded}">{now}</span>&nbsp; '
            f'<span style="color:{colour}">{body}</span>'
        )
        self._text.moveCursor(QTextCursor.MoveOperation.End)
