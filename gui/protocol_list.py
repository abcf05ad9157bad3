"""The protocols: searchable, by purpose, each with a small picture of its waveform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from gui.background import Background
from gui.look import DEPRESSION, GRID, POTENTIATION, colours, icon
from gui.purposes import heading_of, order_of
from labctl import catalogue
from labctl.errors import LabctlError
from labctl.protocol import Protocol
from labctl.results import Panel

__all__ = ["ProtocolList", "picture"]

_SIZE = QSize(40, 24)
_MOST = 400  # corners of a picture
_KIND = Qt.ItemDataRole.UserRole
_WORDS = Qt.ItemDataRole.UserRole + 1


class _Read(NamedTuple):
    """What the list shows of one protocol."""

    kind: str
    title: str = ""
    tip: str = ""
    words: str = ""  #: that a search finds
    heading: str = ""
    panels: tuple[Panel, ...] = ()  #: its preview
    wrong: str = ""  #: why it cannot be used
    offered: bool = True  #: it can be run


def _read(kind: str) -> _Read:
    """Import a protocol and let it draw itself; called in a thread, so no Qt here."""
    try:
        protocol = cast("type[Protocol]", catalogue.load("protocol", kind))
        if not protocol.runnable:
            return _Read(kind, offered=False)
        heading, title = heading_of(protocol), protocol.title or kind
        words = " ".join((kind, title, protocol.summary, protocol.reference.text, heading)).lower()
        tip = f"{title} ({kind})\n{protocol.summary}"
    except Exception as error:  # noqa: BLE001 - somebody's broken package must not end the list
        return _Read(kind, wrong=f"{type(error).__name__}: {error}")
    try:
        panels = tuple(protocol(kind=kind).preview())
    except (ValueError, LabctlError):  # one that has no values of its own has no picture either
        panels = ()
    return _Read(kind, title, tip, words, heading, panels)


def picture(panels: Sequence[Panel], size: QSize = _SIZE, ratio: float = 2.0) -> QPixmap:
    """Draw the first panel of a preview small, without axes.

    Parameters
    ----------
    panels
        As `Protocol.preview` returns them; none gives an empty picture.
    size
        In device-independent pixels.
    ratio
        Device pixels in one of them.
    """
    made = QPixmap(size * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    traces = [trace for trace in (panels[0].traces if panels else ()) if len(trace.x) > 1]
    if not traces:
        return made
    left, right = min(t.x[0] for t in traces), max(t.x[-1] for t in traces)
    low = min(0.0, *(min(t.y) for t in traces))
    high = max(0.0, *(max(t.y) for t in traces))
    wide, tall = (right - left) or 1.0, (high - low) or 1.0
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    branches = {"potentiation": POTENTIATION, "depression": DEPRESSION}
    for trace in traces:
        pen = QPen(QColor(branches.get(trace.branch, colours().accent)), 1.2)
        painter.setPen(pen)
        step = max(1, len(trace.x) // _MOST)
        corners = [
            QPointF(
                1 + (size.width() - 2) * (x - left) / wide,
                size.height() - 2 - (size.height() - 4) * (y - low) / tall,
            )
            for x, y in zip(trace.x[::step], trace.y[::step], strict=True)
        ]
        painter.drawPolyline(QPolygonF(corners))
    painter.end()
    return made


class ProtocolList(QWidget):
    """All protocols that are installed. The value is the kind that is chosen.

    They are imported one by one in a thread while the window is already there; neither the first
    window nor the event loop waits for all the kinds of measurement.

    Parameters
    ----------
    parent
        As for every widget.
    """

    valueChanged = Signal(str)  # noqa: N815 - Qt's manner
    failed = Signal(str)  #: one of them cannot be imported
    ready = Signal()  #: all of them are there

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = QLineEdit(self)
        self._search.setPlaceholderText("Search protocols")
        self._search.setClearButtonEnabled(True)
        self._search.addAction(icon("magnify"), QLineEdit.ActionPosition.LeadingPosition)
        self._search.textChanged.connect(self._filter)
        self._search.returnPressed.connect(self._take_first)
        self._tree = QTreeWidget(self)
        self._tree.setHeaderHidden(True)
        self._tree.setIconSize(_SIZE)
        self._tree.setIndentation(GRID)
        self._tree.setRootIsDecorated(False)
        self._tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._tree.currentItemChanged.connect(self._chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, 0, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addWidget(self._search)
        column.addWidget(self._tree, 1)
        self._groups: dict[str, QTreeWidgetItem] = {}
        self._items: dict[str, QTreeWidgetItem] = {}
        self._value = ""
        self._left: Iterator[str] = iter(())
        self._work = Background(self)
        self._work.done.connect(self._add)

    def fill(self) -> None:
        """Begin to fill the list, one protocol after the other."""
        self._left = iter(catalogue.names("protocol"))
        self._next()

    def close_work(self) -> None:
        """Read no more, and wait for the protocol that is being read."""
        self._left = iter(())
        self._work.close()

    def value(self) -> str:
        """Return the kind that is chosen; empty for none."""
        return self._value

    def setValue(self, kind: str) -> None:  # noqa: N802 - Qt's manner
        """Show a kind as chosen, now or when it has been read."""
        self._value = kind
        item = self._items.get(kind)
        if item is not None:
            before = self._tree.blockSignals(True)
            self._tree.setCurrentItem(item)
            self._tree.blockSignals(before)

    def kinds(self) -> list[str]:
        """Return the kinds that are visible under the search, from top to bottom."""
        found = []
        for heading in sorted(self._groups, key=order_of):
            group = self._groups[heading]
            for k in range(group.childCount()):
                item = group.child(k)
                if item is not None and not item.isHidden():
                    found.append(str(item.data(0, _KIND)))
        return found

    def search(self, text: str = "") -> None:
        """Search for a text; put the cursor there."""
        self._search.setText(text)
        self._search.setFocus()

    def _next(self) -> None:
        kind = next(self._left, None)
        if kind is None:
            self.ready.emit()
        else:
            self._work.ask(kind, _read, kind)

    def _add(self, kind: str, read: _Read) -> None:
        if read.wrong:
            self.failed.emit(f"the protocol {kind} cannot be used: {read.wrong}")
        elif read.offered:
            item = QTreeWidgetItem(self._group(read.heading), [read.title])
            item.setData(0, _KIND, kind)
            item.setData(0, _WORDS, read.words)
            item.setToolTip(0, read.tip)
            item.setIcon(0, QIcon(picture(read.panels)))
            self._items[kind] = item
            if kind == self._value:
                self.setValue(kind)
            self._filter(self._search.text())
        self._next()

    def _group(self, heading: str) -> QTreeWidgetItem:
        found = self._groups.get(heading)
        if found is not None:
            return found
        before = [name for name in self._groups if order_of(name) < order_of(heading)]
        group = QTreeWidgetItem([heading])
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        group.setForeground(0, self.palette().color(QPalette.ColorRole.PlaceholderText))
        self._tree.insertTopLevelItem(len(before), group)
        group.setExpanded(True)
        self._groups[heading] = group
        return group

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for item in self._items.values():
            item.setHidden(not all(word in item.data(0, _WORDS) for word in words))
        for group in self._groups.values():
            children = (group.child(k) for k in range(group.childCount()))
            group.setHidden(all(child is None or child.isHidden() for child in children))

    def _take_first(self) -> None:
        kinds = self.kinds()
        if kinds:
            self._tree.setCurrentItem(self._items[kinds[0]])

    def _chosen(self, item: QTreeWidgetItem | None) -> None:
        kind = None if item is None else item.data(0, _KIND)
        if kind and kind != self._value:
            self._value = kind
            self.valueChanged.emit(kind)
