"""A lab sheet beside the window: Markdown, with links that set the window up.

A link ``labctl:ppf?width=200 us&bench=sim-ftj`` chooses protocol, bench and parameters; any other
opens outside. Nothing is run by a link.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.look import GRID, icon
from gui.order import Order
from labctl import catalogue

__all__ = ["EXERCISES", "SheetView", "order_of_link", "sheets"]

#: what a student can ask for, and the word for it, also of a link ``exercise:device``
EXERCISES = {
    "A device that you do not know": "device",
    "A bench on which something goes wrong": "fault",
    "What it was": "answer",
}

_WELCOME = """## A lab sheet

Open a sheet with the folder above: any Markdown file. Links such as
[a pulse of 200 µs](labctl:ppf?width=200%20us&bench=sim-ftj) set the window up; nothing runs until
you press **Run**.

Without a sheet there are exercises: [a device that you do not know](exercise:device), and
[a bench on which something goes wrong](exercise:fault). When you have found it, see
[what it was](exercise:answer).
"""


def sheets() -> dict[str, Path]:
    """Return the sheets that come with labctl and those in ``./teaching``, by title."""
    ours = Path(catalogue.__file__).resolve().parent.parent / "docs" / "teaching"
    found = {}
    for folder in (ours, Path("teaching")):
        for path in sorted(folder.glob("*.md")):
            first = path.read_text("utf-8").lstrip().partition("\n")[0]
            found[first.lstrip("# ").strip() or path.stem] = path
    return found


def order_of_link(link: str) -> Order | None:
    """Read a link of a sheet; None where it is one of the web. No bench means the one that is open.

    Examples
    --------
    >>> order_of_link("labctl:ppf?width=200%20us&bench=sim-2450").values
    {'width': '200 us'}
    """
    scheme, _, rest = link.partition(":")
    if scheme != "labctl":
        return None
    kind, _, query = rest.partition("?")
    values = dict(parse_qsl(query))
    bench, site = values.pop("bench", ""), values.pop("device", "")
    return Order(kind=unquote(kind).strip("/"), values=values, bench=bench, site=site)


class SheetView(QWidget):
    """A sheet to read. The value is its path, or None.

    Parameters
    ----------
    parent
        As for every widget.
    """

    orderAsked = Signal(object)  # noqa: N815 - an `Order` to show, not to run
    exerciseAsked = Signal(str)  # noqa: N815 - ``device``, ``fault`` or ``answer``
    said = Signal(str, str)  #: kind and sentence, for the console

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Path | None = None
        self._known = sheets()
        self._choice = QComboBox(self)
        self._choice.addItems(list(self._known))
        self._choice.setVisible(bool(self._known))
        self._choice.textActivated.connect(lambda title: self.setValue(self._known[title]))
        self._open = QToolButton(self)
        self._open.setIcon(icon("folder-open"))
        self._open.setToolTip("Open a sheet")
        self._open.clicked.connect(self._ask)
        self._exercise = QToolButton(self)
        self._exercise.setIcon(icon("school-outline"))
        self._exercise.setToolTip("Exercises: an unknown device, a fault to be found")
        self._exercise.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        for text, what in EXERCISES.items():
            menu.addAction(text, partial(self.exerciseAsked.emit, what))
        self._exercise.setMenu(menu)
        self._text = QTextBrowser(self)
        self._text.setOpenLinks(False)
        self._text.anchorClicked.connect(self.follow)
        row = QHBoxLayout()
        row.addWidget(self._choice, 1)
        row.addWidget(self._open)
        row.addWidget(self._exercise)
        row.addStretch(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, GRID, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self._text, 1)
        self.setValue(next(iter(self._known.values()), None))

    def value(self) -> Path | None:
        """Return the file that is shown."""
        return self._value

    def setValue(self, path: Path | None) -> None:  # noqa: N802 - Qt's manner
        """Show a sheet; a file that cannot be read is said on the console."""
        text = _WELCOME
        if path is not None:
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self.said.emit("danger", f'the sheet "{path}" cannot be read: {error}')
                return
        self._value = path
        if path is not None:
            self._text.setSearchPaths([str(path.parent)])
        self._text.setMarkdown(text)

    def follow(self, url: QUrl) -> None:
        """Follow a link: set the window up, open another sheet, or the web outside."""
        order = order_of_link(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        if order is not None:
            self.orderAsked.emit(order)
        elif url.scheme() == "exercise" and url.path() in EXERCISES.values():
            self.exerciseAsked.emit(url.path())
        elif url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)
        elif url.path().endswith(".md") and self._value is not None:
            self.setValue((self._value.parent / url.path()).resolve())

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Open a lab sheet", "", "Markdown (*.md)")
        dialog.setModal(False)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.setValue(Path(path)))
        dialog.open()
