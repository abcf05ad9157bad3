"""A run: what it is, how far it is, its plots and fits, live or finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from gui import look, reading
from gui.errand import Answer
from gui.exporting import FORMS, Exporter
from gui.panels import PanelPlot
from gui.reading import Glance
from gui.refit import Refit
from gui.run_head import RunHead
from gui.worker import Worker
from labctl.results import Results

__all__ = ["RunView"]

_PERIOD = 300  # ms between looks at a run that goes on
_SOON = 60  # ms after the user has zoomed
_SLOW = 2000  # ms between looks at one that has ended: it may be resumed
_SHARE = 3  # times the duration of an analysis that is waited before the next
_LIVE = (reading.VOLTAGES_TITLE, reading.READINGS_TITLE)  # panels of what came, thinned by view
_EMPTY = "No run is open. Start one, or open one from the list of runs."


class RunView(QWidget):
    """Plots of a run folder, renewed while it is written.

    A worker process reads and fits; the window only draws what comes back.

    Keys: F fits with another model or range, Alt+Left goes back; those of `gui.panels.PanelPlot`.
    """

    valueChanged = Signal(object)  #: folder or None  # noqa: N815 - as Qt's widgets have it
    statusChanged = Signal(str)  #: see `status`  # noqa: N815
    resultsChanged = Signal(object)  #: Results or None  # noqa: N815
    glanced = Signal(object)  #: Glance: header, progress, notes

    def __init__(self, parent: QWidget | None = None, worker: Worker | None = None) -> None:
        super().__init__(parent)
        self._worker = worker or Worker(self)
        self._folder: Path | None = None
        self._status = "empty"
        self._compared: tuple[Path, ...] = ()
        self._forget()
        self._build()
        self._actions()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def value(self) -> Path | None:
        """Return the folder."""
        return self._folder

    def setValue(self, folder: Path | str | None) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show a run folder; None shows none."""
        new = None if folder is None else Path(folder)
        if new == self._folder:
            return
        self._leave()
        self._folder = self.exporter.folder = new
        self.plot.clearOverlays()
        self.plot.setValue(())
        self.plot.setMessage(_EMPTY if new is None else "Reading …")
        self._stack.setCurrentWidget(self.plot)
        self._set_status("empty" if new is None else "reading")
        self._out.setEnabled(new is not None)
        if new is not None:
            self._look()
            self._timer.start(_PERIOD)
        self.resultsChanged.emit(None)
        self.valueChanged.emit(new)

    def status(self) -> str:
        """Return how the run stands.

        ``empty``, ``reading``, ``running``, ``done``, ``stopped``, ``aborted``, ``failed``,
        ``unreadable`` or ``gone``.
        """
        return self._status

    def results(self) -> Results | None:
        """Return what has been made of it so far."""
        return self._results

    def glance(self) -> Glance | None:
        """Return the last look at it."""
        return self._glance

    def compared(self) -> tuple[Path, ...]:
        """Return the runs that are drawn over it."""
        return self._compared

    def setCompared(self, folders: Sequence[Path | str]) -> None:  # noqa: N802
        """Draw other runs over this one, where their panels have the same titles."""
        self.plot.clearOverlays()
        self._compared = tuple(Path(folder) for folder in folders)
        for folder in self._compared:
            self._worker.ask(self._overlaying(folder), reading.results_of, str(folder))

    def refit(self) -> None:
        """Offer other models and ranges for the data that are shown."""
        if self._results is None:
            return
        self.refitting.setValue(self.plot.value())
        self.refitting.choose(self.plot.chosen())
        self._stack.setCurrentWidget(self.refitting)

    def close_worker(self) -> None:
        """End the process that reads; before the widget goes."""
        self._leave()
        self._folder = None
        self._worker.close()

    def _forget(self) -> None:
        self._glance: Glance | None = None
        self._results: Results | None = None
        self._analysed = (-1, "")  # steps and status that the results are of
        self._asked = 0
        self._analysing = 0.0  # when an analysis was asked for
        self._rested = 0.0  # when the next may be
        self._compared = ()
        self._span: tuple[float, float] | None = None  # of the readings, that is zoomed to

    def _leave(self) -> None:
        self._timer.stop()
        self._worker.forget(self._asked)
        if self._glance is not None:
            self._worker.ask(_ignore, reading.close, str(self._folder))
        self._forget()

    def _build(self) -> None:
        self.head = RunHead()
        self._out = QToolButton()
        self._out.setIcon(look.icon("tray-arrow-up"))
        self._out.setToolTip("Report, lab-book page, refit")
        self._out.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._out.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its menu has keys
        self._out.setEnabled(False)
        self.head.row.addWidget(self._out)
        self.plot = PanelPlot()
        self.plot.setMessage(_EMPTY)
        self.plot.rangeShown.connect(self._zoomed)
        self.refitting = Refit(worker=self._worker)
        self.refitting.closed.connect(self._back)
        self.exporter = Exporter(self, self._worker)
        for plot in (self.plot, self.refitting.plot):
            self.exporter.attach(plot)
        self.exporter.exported.connect(lambda path: self.head.say(f"saved: {path}"))
        self.exporter.copied.connect(lambda text: self.head.say(f"copied: {text}"))
        self.exporter.failed.connect(lambda text: self.head.say(text, "danger"))
        self._stack = QStackedLayout()
        self._stack.addWidget(self.plot)
        self._stack.addWidget(self.refitting)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.GRID // 2)
        layout.addWidget(self.head)
        layout.addLayout(self._stack, 1)

    def _actions(self) -> None:
        menu = QMenu(self)
        self._out.setMenu(menu)
        report, page, record = (f"Save {FORMS[form][0]} …" for form in ("report", "page", "record"))
        for text, icon, key, do in (
            ("Fit another model or range", "chart-bell-curve", "F", self.refit),
            ("Back to the run's own results", "arrow-left", "Alt+Left", self._back),
            (report, "file-chart-outline", "Ctrl+R", self._saving("report")),
            (page, "notebook-outline", "Ctrl+Shift+L", self._saving("page")),
            (record, "table-arrow-right", "Ctrl+Shift+S", self._saving("record")),
        ):
            action = QAction(look.icon(icon), text, self)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(_calling(do))
            self.addAction(action)
            menu.addAction(action)

    def _saving(self, form: str) -> Callable[[], None]:
        return lambda: self.exporter.ask(form)

    def _back(self) -> None:
        self._stack.setCurrentWidget(self.plot)

    def _look(self) -> None:
        if self._folder is None or self._asked:
            return
        folder = str(self._folder)
        span = self._span if self.plot.chosen() in _LIVE else None
        then = self._of(folder, self._looked)
        self._asked = self._worker.ask(then, reading.glance, folder, span)

    def _zoomed(self, span: tuple[float, float] | None) -> None:
        """Ask for the readings that are in view now, finely."""
        if self.plot.chosen() in _LIVE and span != self._span:
            self._span = span
            if self._timer.isActive():
                self._timer.start(_SOON)

    def _of(self, folder: str, then: Callable[[Answer], None]) -> Callable[[Answer], None]:
        """Take an answer only while the run that it is of is shown."""

        def answered(answer: Answer) -> None:
            if self._folder is not None and folder == str(self._folder):
                self._asked = 0
                then(answer)

        return answered

    def _looked(self, answer: Answer) -> None:
        if answer.error:
            self.plot.setMessage(answer.error)
            self._set_status("unreadable")
            self._timer.setInterval(_SLOW)
            return
        found: Glance = answer.value
        changed = found != self._glance
        self._glance = found
        if changed:
            self._set_status("gone" if found.gone else found.header.status)
            self.plot.setSimulated(found.header.simulated)
            self._show_panels()
        self.glanced.emit(found)
        wanted = (found.steps, found.header.status)
        if wanted != self._analysed and not found.more and time.monotonic() >= self._rested:
            self._analysed, self._analysing = wanted, time.monotonic()
            folder = str(self._folder)
            then = self._of(folder, self._judged)
            self._asked = self._worker.ask(then, reading.analyse, folder)
        running = found.header.status == "running" and not found.gone
        self._timer.setInterval(10 if found.more else _PERIOD if running else _SLOW)

    def _judged(self, answer: Answer) -> None:
        now = time.monotonic()
        self._rested = now + _SHARE * (now - self._analysing)
        if answer.error:
            self.head.say(answer.error, "warning")
            return
        self._results = answer.value
        self._show_panels()
        self.resultsChanged.emit(self._results)

    def _show_panels(self) -> None:
        panels = self._results.panels if self._results is not None else ()
        if self._glance is not None:
            live = (self._glance.voltages, self._glance.readings)
            panels = (*panels, *(panel for panel in live if panel is not None))
        if not panels:
            self.plot.setMessage("Waiting for the first reading …")
        self.plot.setValue(panels)
        if self._stack.currentWidget() is self.refitting:
            self.refitting.setValue(panels)

    def _overlaying(self, folder: Path) -> Callable[[Answer], None]:
        def answered(answer: Answer) -> None:
            if answer.error:
                self.head.say(answer.error, "danger")
            elif folder in self._compared:
                _, _, results = answer.value
                alone = [run.name for run in self._compared].count(folder.name) == 1
                name = folder.name if alone else f"{folder.parent.name} {folder.name}"
                self.plot.setOverlay(name, results.panels)

        return answered

    def _set_status(self, status: str) -> None:
        changed, self._status = status != self._status, status
        self.head.show_run(self._folder, status, self._glance)
        if changed:
            self.statusChanged.emit(status)


def _calling(do: Callable[[], None]) -> Callable[..., None]:
    """Leave out what a signal brings along."""
    return lambda *_: do()


def _ignore(answer: Answer) -> None:
    """Take an answer that says nothing."""
