"""Exporting: where figures, data, reports and lab-book pages are asked for and said to be saved.

Nothing here is modal: a run that goes on is never in the way of a question, nor the other way
round. The files are made in the working process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from gui.errand import Answer, Elsewhere
from gui.names import RECORDS, file_name
from gui.panels import PanelPlot
from gui.worker import Worker

__all__ = ["FORMS", "Exporter", "default_path"]

#: forms by name: what the file dialog says, and the suffix
FORMS = {
    "pdf": ("PDF figure, for print", "pdf"),
    "svg": ("SVG figure, to be edited", "svg"),
    "png": ("PNG figure, for slides", "png"),
    "csv": ("CSV table of the numbers", "csv"),
    "report": ("HTML report", "html"),
    "record": ("the whole run as HDF5, CSV, Parquet or NetCDF", "h5"),
    "page": ("HTML page for the lab book", "html"),
}
_FIGURE = Elsewhere("gui.papers", "save_figure")
_DATA = Elsewhere("gui.papers", "save_data")
_RECORD = Elsewhere("gui.papers", "save_record")
_PAGE = Elsewhere("gui.papers", "save_page")


class Exporter(QObject):
    """Asks where a file is to go, has it made, and says where it is."""

    exported = Signal(str)  #: path
    failed = Signal(str)  #: one sentence
    copied = Signal(str)  #: what is in the clipboard now

    def __init__(self, parent: QWidget, worker: Worker) -> None:
        super().__init__(parent)
        self._widget, self._worker = parent, worker
        self.folder: Path | None = None  #: of the run that is shown
        self._dialog: QFileDialog | None = None

    def attach(self, plot: PanelPlot) -> None:
        """Serve the exports that a plot's menu offers."""
        plot.exportWanted.connect(lambda form: self.ask(form, plot))

    def ask(self, form: str, plot: PanelPlot | None = None) -> None:
        """Ask for a path and export there; an image of the plot goes to the clipboard at once."""
        if form == "image" and plot is not None:
            QGuiApplication.clipboard().setPixmap(plot.grab())
            self.copied.emit("an image of the plot")
            return
        title = plot.chosen() if plot is not None else form
        path = default_path(self.folder, title, form)
        said, suffix = FORMS[form]
        dialog = QFileDialog(self._widget, said, str(path.parent), f"{said} (*.{suffix})")
        if form == "record":
            dialog.setNameFilters([f"{name} (*.{end})" for name, end in RECORDS.items()])
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(path.name)
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._chosen(form, plot))
        dialog.show()
        self._dialog = dialog

    def _chosen(self, form: str, plot: PanelPlot | None) -> Callable[[str], None]:
        return lambda path: self.save(form, path, plot)

    def save(self, form: str, path: str, plot: PanelPlot | None = None) -> None:
        """Export to a path.

        Parameters
        ----------
        form
            One of `FORMS`.
        path
            Of the file.
        plot
            Whose group is exported; a report and a page are of the run that is shown.
        """
        if form in ("report", "page", "record"):
            if self.folder is None:
                self.failed.emit("a report was asked for, but no run is open; open one first")
            elif form == "record":
                self._make(_RECORD, str(self.folder), path)
            else:
                self._make(_PAGE, form, str(self.folder), path)
        elif plot is not None and form == "csv":
            self._make(_DATA, plot.shown(), path)
        elif plot is not None:
            self._make(_FIGURE, plot.shown(), plot.simulated(), path)

    def _make(self, function: Elsewhere, *arguments: Any) -> None:
        self._worker.ask(self._made, function, *arguments)

    def _made(self, answer: Answer) -> None:
        if answer.error:
            self.failed.emit(answer.error)
        else:
            self.exported.emit(str(answer.value))


def default_path(folder: Path | None, title: str, form: str) -> Path:
    """Return where a file goes unless another place is chosen: into the run folder."""
    name = "lab book" if form == "page" else title
    return (folder or Path.home()) / file_name(name, str(folder or ""), FORMS[form][1])
