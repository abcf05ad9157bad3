"""The queue on screen: a strip that says what runs and what waits, and a panel to rearrange it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.grid import grid_of
from gui.labels import Line
from gui.look import GRID, colours, icon
from gui.queue import Job, Queue
from labctl.errors import BadInput
from labctl.planner import Plan

__all__ = ["QueueBar", "QueuePanel", "duration_text", "job_text"]

_SHOWN = 5  # jobs on the strip
_ICONS = {
    "waiting": ("clock-outline", "faded"), "running": ("play", "accent"),
    "done": ("check-circle", "good"), "stopped": ("skip-next", "warning"),
    "aborted": ("stop-circle-outline", "warning"), "failed": ("close-circle", "danger"),
    "refused": ("cancel", "danger"),
}  # fmt: skip


def duration_text(seconds: float) -> str:
    """Return a duration as the planner writes it."""
    return Plan(0, seconds, 0, 0, {}, 0.0, 0.0, 0, complete=True).duration_text


def job_text(job: Job, progress: str = "") -> str:
    """Say a job in a few words: number, protocol, site and how it stands."""
    if job.state == "running":
        how = progress or "running"
    elif job.state == "waiting":
        how = "" if job.duration is None else duration_text(job.duration)
    else:
        how = job.state
    return f"{job.number} {job.order.title}" + (f" ({how})" if how else "")


class QueueBar(QWidget):
    """The strip at the bottom: queue on the left, console on the right."""

    queueAsked = Signal()  # noqa: N815 - Qt's manner
    consoleAsked = Signal()  # noqa: N815
    holdAsked = Signal(bool)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = Queue()
        self._progress = ""
        self._open = self._button("Queue", "format-list-numbered", "Open the queue (Ctrl+K)")
        self._open.clicked.connect(self.queueAsked)
        self._hold = self._button("", "play", "")
        self._hold.clicked.connect(lambda: self.holdAsked.emit(not self._queue.held))
        self._text = Line(self)
        self._last = Line(self)
        self._last.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._console = self._button("0 errors", "console", "Open the console (Ctrl+J)")
        self._console.clicked.connect(self.consoleAsked)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 4, GRID, GRID // 4)
        row.setSpacing(GRID)
        row.addWidget(self._open)
        row.addWidget(self._hold)
        row.addWidget(self._text, 1)
        row.addWidget(self._last, 1)
        row.addWidget(self._console)
        self.setValue(Queue())
        self.setErrors(0)

    def _button(self, text: str, name: str, tip: str) -> QToolButton:
        made = QToolButton(self)
        made.setText(text)
        made.setIcon(icon(name))
        made.setToolTip(tip)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return made

    def value(self) -> Queue:
        """Return the queue that is shown."""
        return self._queue

    def setValue(self, queue: Queue) -> None:  # noqa: N802 - Qt's manner
        """Show a queue."""
        self._queue = queue
        if queue.running is None:
            self._progress = ""
        waiting = [job for job in queue.jobs if job.state == "waiting"]
        live = [job for job in queue.jobs if job.state in ("running", "waiting")]
        parts = [job_text(job, self._progress) for job in live[:_SHOWN]]
        if len(live) > _SHOWN:
            parts.append(f"and {len(live) - _SHOWN} more")
        if len(waiting) > 1 and queue.left:
            parts.append(f"{duration_text(queue.left)} in all")
        self._text.setValue("     ".join(parts) or "nothing waits", "\n".join(parts))
        self._hold.setIcon(icon("play" if queue.held else "pause"))
        self._hold.setToolTip(
            "Begin the queue" if queue.held else "Begin no further job after this one"
        )
        self._hold.setEnabled(bool(waiting) or not queue.held)

    def setProgress(self, text: str) -> None:  # noqa: N802 - Qt's manner
        """Show how far the run is, such as ``41 %, 1 min 20 s left``."""
        if text != self._progress:
            self._progress = text
            self.setValue(self._queue)

    def setErrors(self, count: int) -> None:  # noqa: N802 - Qt's manner
        """Show how many errors nobody has looked at."""
        self._console.setText("1 error" if count == 1 else f"{count} errors")
        colour = colours().danger if count else ""
        self._console.setIcon(icon("alert-circle" if count else "console", colour))

    def say(self, kind: str, text: str) -> None:
        """Show the last sentence of the console."""
        first = text.splitlines()[0] if text else ""
        self._last.setValue(first, text)
        shown = kind if kind in ("good", "warning", "danger") else "caption"
        self._last.setProperty("kind", shown)
        self._last.style().unpolish(self._last)
        self._last.style().polish(self._last)


class QueuePanel(QWidget):
    """The queue to rearrange, and a grid of parameters to fill it with. The value is a `Queue`."""

    valueChanged = Signal(object)  # noqa: N815 - a `Queue`, changed by the user
    addAsked = Signal(object)  # noqa: N815 - dict of values by parameter
    orderOpened = Signal(object)  # noqa: N815 - the `Order` of a job, to be shown
    runOpened = Signal(str)  # noqa: N815 - the run folder of a job

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = Queue()
        self._list = QTreeWidget(self)
        self._list.setHeaderLabels(["", "run", "bench", "planned", "how it went"])
        self._list.setRootIsDecorated(False)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setUniformRowHeights(True)
        self._list.itemActivated.connect(self._activate)
        self._grid = QLineEdit(self)
        self._grid.setPlaceholderText(
            "over parameters: width = 100 us, 1 ms; amplitude = 0.5 V .. 1.5 V, 3 lin"
        )
        self._grid.returnPressed.connect(self._add)
        self._count = QLabel("", self)
        self._count.setProperty("kind", "caption")
        self._grid.textChanged.connect(self._tell_count)
        self._sites: tuple[str, ...] = ()
        self._lay_out()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID // 2)
        for text, tip, action in (
            ("Up", "Earlier (Ctrl+Up)", lambda: self._each("move", -1)),
            ("Down", "Later (Ctrl+Down)", lambda: self._each("move", 1)),
            ("Duplicate", "Once more", lambda: self._each("duplicate")),
            ("Remove", "Take out (Delete)", lambda: self._each("remove")),
            ("Clear ended", "", lambda: self._change(self._queue.clear())),
        ):
            button = QPushButton(text, self)
            button.setToolTip(tip)
            button.clicked.connect(action)
            buttons.addWidget(button)
        buttons.addStretch(1)
        add = QPushButton("Add", self)
        add.setToolTip("Add what is open, on every chosen site and for every combination")
        add.clicked.connect(self._add)
        row = QHBoxLayout()
        row.addWidget(self._grid, 1)
        row.addWidget(self._count)
        row.addWidget(add)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, GRID, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addWidget(self._list, 1)
        column.addLayout(row)
        column.addLayout(buttons)

    def value(self) -> Queue:
        """Return the queue that is shown."""
        return self._queue

    def setValue(self, queue: Queue) -> None:  # noqa: N802 - Qt's manner
        """Show a queue; what was chosen stays chosen."""
        chosen = self._chosen()
        self._queue = queue
        self._list.clear()
        for job in queue.jobs:
            name, colour = _ICONS[job.state]
            planned = "" if job.duration is None else duration_text(job.duration)
            values = ", ".join(f"{key} {text}" for key, text in job.order.values.items())
            what = f"{job.number}  {job.order.title}  {values}".rstrip()
            row = QTreeWidgetItem(["", what, job.order.bench, planned, job.message or job.state])
            row.setIcon(0, icon(name, getattr(colours(), colour)))
            row.setData(0, Qt.ItemDataRole.UserRole, job.number)
            row.setToolTip(1, what)
            row.setToolTip(4, job.message)
            self._list.addTopLevelItem(row)
            row.setSelected(job.number in chosen)
        for column, width in ((0, 32), (1, 260), (2, 110), (3, 100)):
            self._list.setColumnWidth(column, width)

    def setSites(self, sites: tuple[str, ...]) -> None:  # noqa: N802 - Qt's manner
        """Say on how many sites orders will be made."""
        self._sites = sites
        self._tell_count()

    def choose(self, number: int) -> None:
        """Select a job by its number."""
        for row in (self._list.topLevelItem(k) for k in range(self._list.topLevelItemCount())):
            if row is not None:
                row.setSelected(row.data(0, Qt.ItemDataRole.UserRole) == number)

    def _chosen(self) -> list[int]:
        return [row.data(0, Qt.ItemDataRole.UserRole) for row in self._list.selectedItems()]

    def _each(self, change: str, *args: int) -> None:
        queue, chosen = self._queue, self._chosen()
        for number in reversed(chosen) if args == (1,) else chosen:
            queue = getattr(queue, change)(number, *args)
        self._change(queue)

    def _change(self, queue: Queue) -> None:
        if queue != self._queue:
            self.setValue(queue)
            self.valueChanged.emit(queue)

    def _add(self) -> None:
        try:
            self.addAsked.emit(grid_of(self._grid.text()))
        except BadInput as error:
            self._count.setText(str(error))

    def _tell_count(self) -> None:
        try:
            grid = grid_of(self._grid.text())
        except BadInput as error:
            self._count.setText(str(error))
            return
        count = max(len(self._sites), 1)
        for values in grid.values():
            count *= len(values)
        self._count.setText(f"{count} runs" if count > 1 else "")

    def _activate(self, row: QTreeWidgetItem) -> None:
        job = self._queue.find(row.data(0, Qt.ItemDataRole.UserRole))
        if job is None:
            return
        if job.folder:
            self.runOpened.emit(job.folder)
        else:
            self.orderOpened.emit(job.order)
