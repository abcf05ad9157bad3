"""The middle column: protocol with waveform, form and verdict; below it the live plots."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.labels import Line
from gui.look import GRID, font, icon
from gui.opened import Opened
from gui.order import command_text, python_text
from gui.planning import Advice, Planner
from gui.presets import save_preset
from gui.preview import WaveformPreview
from gui.protocol_form import ProtocolForm
from gui.remedies import Remedy
from gui.run_actions import RunActions
from gui.run_view import RunView
from gui.verdict_view import VerdictView
from gui.worker import Worker
from labctl.errors import LabctlError

__all__ = ["Centre"]

# so small a part may become, px, for the whole to fit into 1024 x 640 with docks beside and below
_LOWEST, _SLIMMEST = 76, 280


class Centre(QWidget):
    """Protocol above, plots below.

    Parameters
    ----------
    opened
        What is open; shown and changed here.
    worker
        Calculates beside the window.
    """

    runAsked = Signal()  # noqa: N815 - Qt's manner
    addAsked = Signal()  # noqa: N815
    said = Signal(str, str)  #: kind and sentence, for the console

    def __init__(self, opened: Opened, worker: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._opened = opened
        self._by_hand = False  # whether the user has divided the height
        self.planner = Planner(self)
        self._make_head()
        self.preview = WaveformPreview(self, worker)
        self.form = ProtocolForm(self)
        self.verdict = VerdictView(self)
        self.live = RunView(self, worker)
        self.run_actions = RunActions(self)
        self._allow(False)  # until the first verdict
        self._lay_out()
        self._connect()
        self._show_kind()

    def _make_head(self) -> None:
        self._title = Line(self)
        self._title.setFont(font(2))
        self._title.setProperty("kind", "heading")
        self._sites = QLabel("", self)
        self._sites.setProperty("kind", "caption")
        self._menu = QToolButton(self)
        self._menu.setText("Preset")
        self._menu.setIcon(icon("chevron-down"))
        self._menu.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._menu.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self._menu.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu.setMenu(self._presets())
        self._add = QPushButton("Add to queue", self)
        self._add.setToolTip("Put it at the end of the queue (Ctrl+Shift+Return)")
        self._run = QPushButton("Run", self)
        self._run.setIcon(icon("play", "#FFFFFF"))
        self._run.setToolTip("Run it now (Ctrl+Return)")
        self._run.setProperty("kind", "go")
        self._run.setStyleSheet(
            "QPushButton { background: #00734F; color: #FFFFFF; font-weight: 700; border: none;"
            " border-radius: 4px; padding: 6px 18px; }"
            "QPushButton:disabled { background: #7A7F85; }"
        )

    def _presets(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction(icon("folder-open"), "Open TOML ...", self._open_preset)
        menu.addAction(icon("content-save"), "Save as TOML ...", self._save_preset)
        menu.addAction("Back to the protocol's own values", lambda: self._opened.change_all({}))
        menu.addSeparator()
        menu.addAction(icon("console"), "Copy as command line", self.copy_command)
        menu.addAction(icon("language-python"), "Copy as Python", self.copy_python)
        return menu

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._title, 1)
        for widget in (self._sites, self._menu, self._add, self._run):
            head.addWidget(widget)
        top = QWidget(self)
        column = QVBoxLayout(top)
        column.setContentsMargins(GRID, GRID // 2, GRID, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(head)
        self.preview.setMinimumHeight(_LOWEST + 28)
        self.form.setMinimumHeight(_LOWEST)
        self.live.setMinimumSize(_SLIMMEST, _LOWEST + 44)
        self._upper = QSplitter(Qt.Orientation.Vertical, self)
        self._upper.addWidget(self.preview)
        self._upper.addWidget(self.form)
        self._upper.setSizes([100, 160])
        self._upper.setStretchFactor(0, 3)
        self._upper.setStretchFactor(1, 2)
        self._upper.setChildrenCollapsible(True)
        column.addWidget(self._upper, 1)
        column.addWidget(self.verdict)
        self._split = QSplitter(Qt.Orientation.Vertical, self)
        self._split.addWidget(top)
        below = QWidget(self)
        under = QVBoxLayout(below)
        under.setContentsMargins(GRID, 0, 0, 0)
        under.setSpacing(0)
        under.addWidget(self.live, 1)
        under.addWidget(self.run_actions)
        self._split.addWidget(below)
        self._split.setSizes([1000, 1])  # nothing to plot yet: the form has the room
        self._split.setStretchFactor(0, 2)
        self._split.setStretchFactor(1, 3)
        self._split.splitterMoved.connect(self._moved)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._split)

    def _connect(self) -> None:
        opened = self._opened
        opened.kindChanged.connect(self._show_kind)
        opened.protocolChanged.connect(self._show_parameters)
        opened.benchChanged.connect(self._ask)
        opened.waysChanged.connect(self._ask)
        opened.sitesChanged.connect(self._show_sites)
        opened.runChanged.connect(self._show_run)
        self.live.statusChanged.connect(self.run_actions.setStatus)
        self.run_actions.protocolAsked.connect(opened.take)
        self.run_actions.said.connect(self.said)
        self.form.valueChanged.connect(opened.change_all)
        self.planner.asked.connect(self.verdict.busy)
        self.planner.answered.connect(self._answer)
        self.verdict.remedyTaken.connect(self.take_remedy)
        self.verdict.everywhereAsked.connect(lambda _: self._ask())
        self._run.clicked.connect(self.runAsked)
        self._add.clicked.connect(self.addAsked)

    # -- showing ----------------------------------------------------------------------------------

    def _show_kind(self) -> None:
        kind = self._opened.protocol_class
        title = "Choose a protocol on the left" if kind is None else kind.title
        self._title.setValue(title, "" if kind is None else f"{kind.title}: {kind.summary}")
        self.form.setProtocol(kind)
        self._show_parameters()

    def _show_parameters(self) -> None:
        opened = self._opened
        self.form.setValue(opened.texts)
        self.form.setProblems(opened.problems)
        if opened.protocol is not None:
            self.preview.setValue(opened.protocol)
        self._ask()

    def _show_sites(self) -> None:
        sites = self._opened.sites
        said = ", ".join(sites) if len(sites) <= 2 else f"{len(sites)} sites"
        self._sites.setText(said and f"on {said}")
        self._ask()  # what a sample may still see differs between its devices

    def _moved(self) -> None:
        self._by_hand = True

    def _show_run(self) -> None:
        if not self._by_hand and self._opened.run is not None:
            height = self._split.height()
            self._split.setSizes([height * 45 // 100, height * 55 // 100])
        self.run_actions.setValue(self._opened.run)
        self.live.setValue(self._opened.run)

    def _ask(self) -> None:
        opened = self._opened
        obstacle = opened.obstacle
        if opened.protocol is None or obstacle is not None:
            self.planner.forget()
            self._allow(False)
            self.verdict.say(obstacle or "")
            return
        where = (opened.bench, self.verdict.everywhere, opened.limits)
        self.planner.ask(opened.protocol, opened.texts, *where)

    def _answer(self, advice: Advice) -> None:
        accepted = self._opened.ways.accept_degraded
        self.verdict.setValue(advice, accepted=accepted)
        verdict = advice.verdict
        refused = verdict is None or not (verdict.feasible or (accepted and verdict.accepting))
        self._allow(not refused)

    def _allow(self, allowed: bool) -> None:
        self._run.setEnabled(allowed)
        self._add.setEnabled(allowed)

    def toggle_setup(self) -> None:
        """Hide waveform and form, so that the plots have all the room, or show them again."""
        hidden = self._upper.isVisible()
        self._upper.setVisible(not hidden)
        self.verdict.setVisible(not hidden)
        self._split.setSizes([1, 1000] if hidden else [450, 550])

    # -- doing ------------------------------------------------------------------------------------

    def take_remedy(self, remedy: Remedy) -> None:
        """Make the change that a button offers."""
        if remedy.bench:
            self._opened.choose_bench(remedy.bench)
        elif remedy.field:
            self._opened.change(remedy.field, remedy.text)
        else:
            self._opened.change_ways(accept_degraded=remedy.accept)

    def copy_command(self) -> None:
        """Copy what is open as a command line."""
        self._copy(command_text, "command line")

    def copy_python(self) -> None:
        """Copy what is open as Python."""
        self._copy(python_text, "Python")

    def _copy(self, write: object, what: str) -> None:
        try:
            text = write(self._opened.order(), str(self._opened.root))  # type: ignore[operator]
        except LabctlError as error:
            self.said.emit("danger", str(error))
            return
        QGuiApplication.clipboard().setText(text)
        self.said.emit("info", f"copied as {what}:\n{text}")

    def _open_preset(self) -> None:
        dialog = self._dialog("Open a preset", QFileDialog.AcceptMode.AcceptOpen)
        dialog.fileSelected.connect(self.open_preset)
        dialog.open()

    def _save_preset(self) -> None:
        dialog = self._dialog("Save as a preset", QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{self._opened.kind}.toml")
        dialog.fileSelected.connect(self.save_preset)
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.AcceptMode) -> QFileDialog:
        dialog = QFileDialog(self, title, "", "Presets (*.toml)")
        dialog.setAcceptMode(mode)
        dialog.setDefaultSuffix("toml")
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def open_preset(self, path: str) -> None:
        """Take protocol and parameters from a TOML file."""
        try:
            self._opened.load_file(Path(path))
        except LabctlError as error:
            self.said.emit("danger", str(error))

    def save_preset(self, path: str) -> None:
        """Write protocol and parameters into a TOML file that ``labctl run`` reads."""
        opened = self._opened
        try:
            save_preset(Path(path), opened.kind, opened.protocol_class, opened.texts)
        except LabctlError as error:
            self.said.emit("danger", str(error))
            return
        self.said.emit("good", f"saved {path}; labctl run {path} does the same")
