"""The window: three columns with docks that can be moved, a bar on top and the queue below."""

from __future__ import annotations

import importlib
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMessageBox,
)

from gui.background import Background
from gui.bench_bar import BenchBar
from gui.bench_view import BenchView
from gui.centre import Centre
from gui.conduct import Conduct
from gui.console import Console
from gui.instruments import Instruments
from gui.layout import divide, lay_out, share, widen
from gui.opened import Opened
from gui.protocol_list import ProtocolList
from gui.queue import Job
from gui.queue_view import QueueBar, QueuePanel
from gui.results_view import ResultsView
from gui.run_browser import RunBrowser
from gui.sample_view import SampleView
from gui.teach import SheetView
from gui.watching import Watching
from gui.wiring import add_shortcuts, wire
from gui.worker import Worker
from labctl import catalogue
from labctl.errors import BadInput
from labctl.record import read_header

__all__ = ["Window"]

_LATER = 100  # ms after the window is there, when the rest of the protocols is looked at
_TWICE = 600  # ms in which a second Esc makes an abort


class Window(QMainWindow):
    """The whole window.

    Parameters
    ----------
    root
        Folder below which the run folders are.
    bench
        The bench to begin with.
    kind
        The protocol to begin with.
    settings
        Where the layout is remembered; None remembers nothing.
    """

    def __init__(
        self,
        root: Path,
        bench: str = "sim-ftj",
        kind: str = "ppf",
        settings: QSettings | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._mapped = False  # whether the sample had a map
        self._sure = False  # whether closing needs no question any more
        self.opened = Opened(root, self)
        self.conduct = Conduct(self.opened, self)
        self.instruments = Instruments(self)
        self.bar = BenchBar(self)
        self.worker = Worker(self, held=True)
        self.centre = Centre(self.opened, self.worker, self)
        self.queue_bar = QueueBar(self)
        self.queue_panel = QueuePanel(self)
        self.console = Console(self)
        self.protocols = ProtocolList(self)
        self.sample = SampleView(self.opened, self)
        self.bench_view = BenchView(self)
        self.sheet = SheetView(self)
        self.watching = Watching(self)
        self.results = ResultsView(self)
        self.runs = RunBrowser(root, self, self.worker)
        self.docks: dict[str, QDockWidget] = {}
        lay_out(self)
        wire(self)
        add_shortcuts(self)
        self._esc = QTimer(self)
        self._esc.setSingleShot(True)
        self._esc.setInterval(_TWICE)
        self.bar.setBenches(sorted(catalogue.bench_files()))
        self.opened.choose_bench(bench)
        self.opened.choose_kind(kind)
        self._restore()
        self.conduct.open()
        self._warm = Background(self)
        self.protocols.ready.connect(self._load_plots)
        QTimer.singleShot(_LATER, self, self._begin_work)  # the first picture does not wait

    def _begin_work(self) -> None:
        """Do what the first picture did not need."""
        self.worker.release()
        self.protocols.fill()

    def _load_plots(self) -> None:
        """Import what the first plot will need, in a thread."""
        self._warm.ask("plots", importlib.import_module, "gui.canvas")

    # -- layout -----------------------------------------------------------------------------------

    def _restore(self) -> None:
        if self._settings is not None:
            self.opened.change_ways(operator=str(self._settings.value("operator", "")))
        if self._settings is None or not self._settings.contains("layout"):
            QTimer.singleShot(0, self, lambda: divide(self))
            return
        for key, restore in (("geometry", self.restoreGeometry), ("layout", self.restoreState)):
            kept = self._settings.value(key)
            if isinstance(kept, QByteArray):
                restore(kept)

    def _remember(self) -> None:
        if self._settings is not None:
            self._settings.setValue("geometry", self.saveGeometry())
            self._settings.setValue("layout", self.saveState())
            self._settings.setValue("operator", self.opened.ways.operator)
            self._settings.sync()

    # -- keys -------------------------------------------------------------------------------------

    def escape(self) -> None:
        """Take an Esc: the second in short order aborts, from anywhere."""
        if self._esc.isActive():
            self._esc.stop()
            self.conduct.abort()
            return
        self._esc.start()
        if self.conduct.busy:
            self.queue_bar.say("warning", "Esc once more aborts")

    # -- showing ----------------------------------------------------------------------------------

    def say(self, kind: str, text: str) -> None:
        """Say a sentence on the console, and its first line on the strip below."""
        self.console.say(kind, text)
        self.queue_bar.say(kind, text)
        if self.docks["Console"].isVisible() and not self.console.visibleRegion().isEmpty():
            self.console.seen()

    def toggle(self, title: str) -> None:
        """Show a dock in front, or hide it where it is in front already."""
        dock = self.docks[title]
        if dock.isVisible() and not dock.visibleRegion().isEmpty():
            dock.hide()
        else:
            dock.show()
            dock.raise_()
            widen(self, title)

    def show_bench(self) -> None:
        """Show the bench that was chosen; nothing is connected."""
        opened = self.opened
        self.bar.setValue(opened.bench)
        definition = opened.definition
        title = definition.title if definition is not None and definition.simulated else ""
        self.bar.setSimulated(title or (opened.bench if opened.simulated else ""))
        self.instruments.show_bench(definition)
        self.bench_view.setValue(definition, opened.bench_problem)
        if self.sample.has_map is not self._mapped:
            self._mapped = self.sample.has_map
            share(self)
        mark = " (simulated)" if opened.simulated else ""
        self.setWindowTitle(f"labctl, {opened.bench}{mark}" if opened.bench else "labctl")

    def identify(self) -> None:
        """Ask the instruments who they are, unless a run has them."""
        if self.conduct.busy:
            self.say("info", "a run has the instruments; ask them when it has ended")
        else:
            self.instruments.ask(self.opened.bench)

    def compare(self, folders: tuple[Path, ...]) -> None:
        """Show a run with others laid over it."""
        if not folders:
            return
        self.opened.show_run(folders[0])
        self.centre.live.setCompared(folders[1:])

    def show_state(self) -> None:
        """Show what the runner does."""
        self.bar.setState(self.conduct.state)
        self.centre.run_actions.setFree(not self.conduct.busy)

    def show_end(self, job: Job) -> None:
        """Show what a run that has ended leaves: identities, results, colours on the map."""
        self.watching.end()
        self.sample.refresh()
        self.runs.refresh()
        if not job.folder or job.order.bench != self.opened.bench:
            return
        try:
            identities = read_header(Path(job.folder)).identities
        except BadInput as error:
            self.say("danger", str(error))
            return
        self.instruments.show_identities(identities, in_use=False)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the console anew when light becomes dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "console"):
            self.console.repaint_lines()
            self.bench_view.redraw()

    # -- closing ----------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask what becomes of a run that is going on; nothing else is ever asked on closing."""
        if self.conduct.runner.busy and not self._sure:
            event.ignore()
            self._ask_before_closing()
            return
        self._remember()
        self.conduct.close()
        self.instruments.close()
        self.centre.planner.close()
        self.watching.end()
        self.protocols.close_work()
        self._warm.close()
        self.sample.shut()
        self.centre.run_actions.close_work()
        self.centre.live.close_worker()
        self.runs.close_worker()
        self.worker.close()
        super().closeEvent(event)

    def _ask_before_closing(self) -> None:
        box = QMessageBox(self)
        box.setObjectName("leaving")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText("A run is going on.")
        box.setInformativeText(
            "It is a process of its own: it can go on to its end without this window, and can be "
            "watched again when the window is opened."
        )
        role = QMessageBox.ButtonRole
        for text, how in (
            ("Let it go on", "continue"), ("Stop after this step", "stop"), ("Abort now", "abort"),
        ):  # fmt: skip
            button = box.addButton(text, role.DestructiveRole)
            button.clicked.connect(lambda _=False, how=how: self.leave(how))
        box.setDefaultButton(box.addButton("Stay", role.RejectRole))
        box.open()

    def leave(self, how: str) -> None:
        """Close, and let the run go on, stop after its step, or abort."""
        self._sure = True
        self.conduct.leave(how)  # type: ignore[arg-type]
        self.close()
