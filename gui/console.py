"""The console: what happened, in plain words, newest last; errors stay counted until looked at.

On demand it also shows what is sent to the instruments and what they answer.
"""

from __future__ import annotations

import datetime as dt
import html
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase, QTextCursor
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui.look import GRID, colours
from gui.wire import Message
from labctl.report import typeset

__all__ = ["Console"]

_MOST = 2000  # lines that are kept
_REDRAWN = 400  # of them that are written again at once


class _Line(NamedTuple):
    """One thing that was said."""

    when: str
    kind: str
    text: str

    def has(self, words: list[str]) -> bool:
        """Whether all words occur."""
        text = self.text.lower()
        return all(word in text for word in words)


class Console(QWidget):
    """Lines of text with a time and a weight. The value is the number of errors not yet seen.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(int)  # noqa: N815 - errors that nobody has looked at
    stepsAsked = Signal(bool)  # noqa: N815 - whether what is done step by step is to be shown
    wireAsked = Signal(bool)  # noqa: N815 - whether what is sent and answered is to be shown

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._errors = 0
        self._lines: deque[_Line] = deque(maxlen=_MOST)
        self._text = QTextBrowser(self)
        self._text.document().setMaximumBlockCount(_MOST)
        self._text.setOpenExternalLinks(True)
        self._family = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
        self._steps = self._switch("steps", "Show every step as it is journaled")
        self._steps.toggled.connect(self.stepsAsked)
        self._wire = self._switch(
            "sent and answered",
            "Show what is sent to the instruments (→) and what they answer (←), "
            "and keep it in wire.log of the run folder",
        )
        self._wire.toggled.connect(self.wireAsked)
        self._filter = QLineEdit(self)
        self._filter.setPlaceholderText("only lines with ...")
        self._filter.setClearButtonEnabled(True)
        self._filter.setMaximumWidth(260)
        self._filter.textChanged.connect(lambda _: self.repaint_lines())
        clear = QPushButton("Clear", self)
        clear.clicked.connect(self.clear)
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        for widget in (self._steps, self._wire, self._filter):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, GRID, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addWidget(self._text, 1)
        column.addLayout(row)

    def _switch(self, text: str, tip: str) -> QCheckBox:
        made = QCheckBox(text, self)
        made.setToolTip(tip)
        return made

    def value(self) -> int:
        """Return how many errors have not been seen."""
        return self._errors

    def text(self) -> str:
        """Return everything that is shown, as plain text."""
        return self._text.toPlainText()

    def search(self, words: str) -> None:
        """Show only the lines in which all words occur; empty shows all."""
        self._filter.setText(words)

    def say(self, kind: str, text: str) -> None:
        """Add a sentence.

        Parameters
        ----------
        kind
            ``info``, ``good``, ``warning``, ``danger`` (which counts as an error), ``step``,
            ``sent`` or ``answered``.
        text
            One sentence; several lines are indented under the first.
        """
        self._add([_Line(f"{dt.datetime.now().astimezone():%H:%M:%S}", kind, text)])
        if kind == "danger":
            self._errors += 1
            self.valueChanged.emit(self._errors)

    def tell(self, messages: list[Message], more: int = 0) -> None:
        """Add what went over the wire.

        Parameters
        ----------
        messages
            Oldest first.
        more
            How many older ones are not shown.
        """
        lines = [_Line(m.when[11:23], "sent" if m.sent else "answered", m.told) for m in messages]
        if more:
            lines.insert(0, _Line(lines[0].when, "step", "... more of it is in wire.log"))
        self._add(lines)

    def seen(self) -> None:
        """Count the errors as looked at."""
        if self._errors:
            self._errors = 0
            self.valueChanged.emit(0)

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._text.clear()
        self.seen()

    def repaint_lines(self) -> None:
        """Write everything again: in the colours that hold now, under the filter that holds now."""
        self._text.clear()
        words = self._filter.text().lower().split()
        self._write([line for line in self._lines if line.has(words)][-_REDRAWN:])

    def _add(self, lines: list[_Line]) -> None:
        self._lines.extend(lines)
        words = self._filter.text().lower().split()
        self._write([line for line in lines if line.has(words)])

    def _write(self, lines: Iterable[_Line]) -> None:
        written = "".join(f"<p style='margin:0'>{self._html(line)}</p>" for line in lines)
        if written:
            self._text.append(written)
            self._text.moveCursor(QTextCursor.MoveOperation.End)

    def _html(self, line: _Line) -> str:
        palette = colours()
        named = {"info": palette.ink, "step": palette.faded, "answered": palette.ink}
        named["sent"] = palette.accent
        colour = named.get(line.kind) or getattr(palette, line.kind)
        if line.kind in ("sent", "answered"):
            face = f"; font-family:'{self._family}'; white-space:pre-wrap"
            body = html.escape(line.text)
        else:
            face, body = "", html.escape(typeset(line.text)).replace("\n", "<br>&nbsp;&nbsp;")
        return (
            f'<span style="color:{palette.faded}">{line.when}</span>&nbsp; '
            f'<span style="color:{colour}{face}">{body}</span>'
        )
