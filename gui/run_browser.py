"""The list of runs: search, filter, open, compare; notes and tags."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui import look
from gui.errand import Answer
from gui.listed import Listed, Wanted, choose, scan, values_of
from gui.worker import Worker
from labctl.remarks import Remarks, write_remarks

__all__ = ["RunBrowser", "when_text"]

_PERIOD = 3000  # ms between looks at the folder
_PAUSE = 120  # ms after the last letter typed
_ROW = 44  # height of a row, pixels
_EMPTY = "No runs here yet. Runs appear as soon as they begin; or open any run folder."
_NOT_FOUND = "No run matches. Clear the search to see all."
_STATUSES = ("running", "done", "stopped", "aborted", "failed", "unreadable")

Index = QModelIndex | QPersistentModelIndex


class _Runs(QAbstractListModel):
    """The runs that are listed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.runs: tuple[Listed, ...] = ()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name
        return 0 if parent.isValid() else len(self.runs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        run = self.runs[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return run
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{when_text(run)} {run.title} {run.device} {run.headline}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join([run.folder, *run.metrics, run.remarks.note]).strip()
        return None

    def set(self, runs: tuple[Listed, ...]) -> bool:
        """Take other runs; False when they are the same."""
        if runs == self.runs:
            return False
        self.beginResetModel()
        self.runs = runs
        self.endResetModel()
        return True


class _Row(QStyledItemDelegate):
    """Paints a run in two lines."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's
        return QSize(160, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        c, run = look.colours(), index.data(Qt.ItemDataRole.UserRole)
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor(c.raised))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor(c.accent))
        inner = area.adjusted(look.GRID + 2, 4, -look.GRID, -4)
        half = inner.height() // 2
        top = QRect(inner.left(), inner.top(), inner.width(), half)
        bottom = QRect(inner.left(), inner.top() + half, inner.width(), half)
        tint = {"done": c.good, "running": c.accent, "failed": c.danger, "unreadable": c.danger}
        painter.setPen(QColor(tint.get(run.status, c.warning)))
        painter.setFont(look.font(-1))
        right = _drawn(painter, top, run.status, Qt.AlignmentFlag.AlignRight)
        painter.setPen(QColor(c.ink))
        painter.setFont(look.font())
        title = "  ".join(part for part in (run.kind or run.title, run.device) if part)
        _drawn(painter, top.adjusted(0, 0, -right - 8, 0), title)
        painter.setFont(look.font(-1))
        painter.setPen(QColor(c.faded))
        used = _drawn(painter, bottom, when_text(run)) + 8
        marks = "  ".join(f"#{tag}" for tag in run.remarks.tags)
        if run.simulated:
            marks = f"{marks}  sim".strip()
        right = _drawn(painter, bottom, marks, Qt.AlignmentFlag.AlignRight) if marks else 0
        painter.setPen(QColor(c.ink))
        _drawn(painter, bottom.adjusted(used, 0, -right - 8, 0), run.headline)
        painter.restore()


def _drawn(
    painter: QPainter, area: QRect, text: str,
    side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> int:  # fmt: skip
    """Draw one line, shortened where it must be; return its width."""
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, area.width())
    painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, shown)
    return painter.fontMetrics().horizontalAdvance(shown)


class RunBrowser(QWidget):
    """Runs below a folder, newest first.

    Keys: Ctrl+Shift+F searches, Enter opens, Shift+Enter compares those chosen, F2 notes.
    """

    valueChanged = Signal(object)  #: folder of the runs  # noqa: N815 - as Qt's widgets have it
    opened = Signal(object)  #: Path of the run to be shown
    compared = Signal(object)  #: tuple of Path: runs to be shown together, the first one leading

    def __init__(
        self, root: Path | str = "runs", parent: QWidget | None = None, worker: Worker | None = None
    ) -> None:
        super().__init__(parent)
        self._worker = worker or Worker(self)
        self._root = Path(root)
        self._all: tuple[Listed, ...] | None = None
        self._asked = 0
        self._build()
        self._actions()
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_PAUSE)
        self._typed.timeout.connect(self._choose)
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD)
        self._timer.timeout.connect(self.refresh)

    def value(self) -> Path:
        """Return the folder whose runs are listed."""
        return self._root

    def setValue(self, root: Path | str) -> None:  # noqa: N802 - as Qt's widgets have it
        """List the runs below another folder."""
        self._root, self._all = Path(root), None
        self._worker.forget(self._asked)
        self._asked = 0
        self.refresh()
        self.valueChanged.emit(self._root)

    def refresh(self) -> None:
        """Look at the folder again."""
        if not self._asked:
            self._asked = self._worker.ask(self._scanned, scan, str(self._root))

    def runs(self) -> tuple[Listed, ...]:
        """Return the runs that are listed now."""
        return self._model.runs

    def chosen(self) -> tuple[Listed, ...]:
        """Return the runs that are chosen in the list, in its order."""
        rows = sorted(index.row() for index in self._list.selectionModel().selectedRows())
        return tuple(self._model.runs[row] for row in rows)

    def choose(self, *folders: Path | str) -> None:
        """Choose runs in the list by their folders."""
        self._list.clearSelection()
        wanted = {str(folder) for folder in folders}
        flag = self._list.selectionModel().SelectionFlag.Select
        for row, run in enumerate(self._model.runs):
            if run.folder in wanted:
                self._list.selectionModel().select(self._model.index(row), flag)

    def search(self, wanted: Wanted) -> None:
        """Show only the runs that are wanted."""
        self._search.setText(wanted.words)
        for box, text in zip(self._boxes, wanted[1:], strict=True):
            box.setCurrentIndex(max(box.findData(text), 0))
        self._choose()

    def close_worker(self) -> None:
        """End the process that reads; before the widget goes."""
        self._timer.stop()
        self._worker.close()

    def _build(self) -> None:
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search runs")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(lambda _: self._typed.start())
        self._boxes = [_box("protocol"), _box("device"), _box("result")]
        filters = QHBoxLayout()
        filters.setSpacing(look.GRID // 2)
        for box in self._boxes:
            box.activated.connect(lambda _: self._choose())
            filters.addWidget(box, 1)
        for status in _STATUSES:
            self._boxes[2].addItem(status, status)
        self._model = _Runs(self)
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setItemDelegate(_Row(self._list))
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setUniformItemSizes(True)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.activated.connect(lambda _: self._open())
        self._list.selectionModel().selectionChanged.connect(lambda *_: self._show_chosen())
        self._said = QLabel("Looking for runs …")
        self._said.setProperty("kind", "caption")
        self._said.setWordWrap(True)
        self._note, self._tags = QLineEdit(), QLineEdit()
        self._note.setPlaceholderText("Note on this run")
        self._tags.setPlaceholderText("Tags, separated by spaces")
        for field in (self._note, self._tags):
            field.editingFinished.connect(self._keep)
            field.hide()
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.GRID // 2)
        layout.addWidget(self._search)
        layout.addLayout(filters)
        layout.addWidget(self._said)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._note)
        layout.addWidget(self._tags)
        layout.addLayout(self._buttons)

    def _actions(self) -> None:
        self._menu = QMenu(self)
        self._open_action = self._act("Open", "chart-line", "Return", self._open)
        self._compare_action = self._act("Compare", "compare", "Shift+Return", self._compare)
        self._act("Note", "note-edit-outline", "F2", self._edit, button=False)
        self._act("Folder …", "folder-open-outline", "Ctrl+O", self.open_folder)
        self._act("Search", "magnify", "Ctrl+Shift+F", self._search.setFocus, button=False)
        self._buttons.addStretch(1)
        self._list.customContextMenuRequested.connect(
            lambda at: self._menu.popup(self._list.viewport().mapToGlobal(at))
        )
        self._show_chosen()

    def _act(self, text: str, icon: str, key: str, do: object, button: bool = True) -> QAction:
        action = QAction(look.icon(icon), text, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text} ({key})")
        action.triggered.connect(lambda _=False: do())  # type: ignore[operator]
        self.addAction(action)
        self._menu.addAction(action)
        if button:
            tool = QToolButton()
            tool.setDefaultAction(action)
            tool.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self._buttons.addWidget(tool)
        return action

    def showEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Look at the folder while the list is seen."""
        self._timer.start()
        self.refresh()

    def hideEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Rest while the list is not seen."""
        self._timer.stop()

    def _scanned(self, answer: Answer) -> None:
        self._asked = 0
        if answer.error:
            self._said.setText(answer.error)
            self._said.show()
            return
        self._all = answer.value
        for box, field in zip(self._boxes[:2], ("kind", "device"), strict=True):
            _refill(box, values_of(answer.value, field))
        self._choose()

    def _choose(self) -> None:
        if self._all is None:
            return
        words = self._search.text()
        kind, device, status = (str(box.currentData() or "") for box in self._boxes)
        found = choose(self._all, Wanted(words, kind, device, status))
        before = [run.folder for run in self.chosen()]
        if self._model.set(found):
            self.choose(*before)
        self._said.setText(_EMPTY if not self._all else _NOT_FOUND if not found else "")
        self._said.setVisible(not found)

    def _show_chosen(self) -> None:
        chosen = self.chosen()
        self._open_action.setEnabled(len(chosen) == 1)
        self._compare_action.setEnabled(len(chosen) > 1)
        one = chosen[0] if len(chosen) == 1 and chosen[0].status != "unreadable" else None
        for field in (self._note, self._tags):
            field.setVisible(one is not None)
        if one is not None and not (self._note.hasFocus() or self._tags.hasFocus()):
            self._note.setText(one.remarks.note)
            self._tags.setText(" ".join(one.remarks.tags))

    def _edit(self) -> None:
        if self._note.isVisible():
            self._note.setFocus()

    def _keep(self) -> None:
        chosen = self.chosen()
        if len(chosen) != 1:
            return
        remarks = Remarks(self._note.text().strip(), tuple(self._tags.text().split()))
        if remarks != chosen[0].remarks:
            self._worker.ask(self._kept, write_remarks, Path(chosen[0].folder), remarks)

    def _kept(self, answer: Answer) -> None:
        if answer.error:
            self._said.setText(answer.error)
            self._said.show()
        self.refresh()

    def _open(self) -> None:
        chosen = self.chosen()
        if len(chosen) == 1:
            self.opened.emit(Path(chosen[0].folder))

    def _compare(self) -> None:
        chosen = self.chosen()
        if len(chosen) > 1:
            self.compared.emit(tuple(Path(run.folder) for run in chosen))

    def open_folder(self) -> None:
        """Ask for any run folder and open it; the window goes on meanwhile."""
        dialog = QFileDialog(self, "Open a run folder", str(self._root))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setModal(False)
        dialog.fileSelected.connect(lambda folder: self.opened.emit(Path(folder)))
        dialog.show()


def when_text(run: Listed) -> str:
    """Return when a run began: the time of today's, else the date too."""
    began = dt.datetime.fromtimestamp(run.started).astimezone()
    today = dt.datetime.now().astimezone().date()
    return f"{began:%H:%M}" if began.date() == today else f"{began:%d %b %H:%M}"


def _box(all_text: str) -> QComboBox:
    box = QComboBox()
    box.addItem(all_text, "")
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(5)
    box.setFont(look.font(-1))
    return box


def _refill(box: QComboBox, values: list[str]) -> None:
    """Offer other values; the one that is chosen stays."""
    if [box.itemData(k) for k in range(1, box.count())] == values:
        return
    chosen = box.currentData()
    while box.count() > 1:
        box.removeItem(1)
    for value in values:
        box.addItem(value, value)
    box.setCurrentIndex(max(box.findData(chosen), 0))
