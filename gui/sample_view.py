"""The sample: its map, what colours it, and what has been done to the device that is chosen."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, QUrl, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from gui.background import Background
from gui.look import GRID, colours, font
from gui.opened import Opened
from gui.sample import SiteRun, latest, layout_of, metrics_of, runs_of, usual_site
from gui.sample_map import SampleMap
from gui.shading import Shading, paint_bar, shading_of
from labctl.feasibility import Stress, stress_so_far
from labctl.report import metric_text, typeset
from labctl.units import show

__all__ = ["SampleView", "status_colour"]

_STATUS = "status of the last run"
_ABOUT = 76  # px, for what has been done to a device; more of it is scrolled
_HISTORY = 8  # runs that are listed


def status_colour(status: str) -> QColor:
    """Return the colour of how a run ended."""
    palette = colours()
    named = {"done": palette.good, "running": palette.accent, "failed": palette.danger}
    return QColor(named.get(status, palette.warning))


class _Scale(QWidget):
    """The colours of a map with their values, below what they mean."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shading: Shading | None = None
        high = QFontMetrics(font(-1)).height()
        self._title = high
        self.setFixedHeight(2 * high + GRID + GRID // 2 + 4)

    def setValue(self, shading: Shading | None) -> None:  # noqa: N802 - Qt's manner
        """Show a shading; None shows nothing."""
        self._shading = shading
        self.setVisible(shading is not None)
        self.setToolTip(shading.title if shading is not None else "")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw title, colours and numbers."""
        if self._shading is None:
            return
        painter = QPainter(self)
        painter.setFont(font(-1))
        painter.setPen(QColor(colours().ink))
        area = QRectF(self.rect())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft, self._shading.title)
        bar = QRectF(0, self._title + 2, area.width() - 1, GRID)
        paint_bar(painter, bar, self._shading, upright=False)
        painter.end()


class SampleView(QWidget):
    """Map and history of a sample; chooses sites in the model of what is open.

    Parameters
    ----------
    opened
        What is open.
    """

    stressFound = Signal(object)  # noqa: N815 - `Stress` of the one site chosen, or None
    runOpened = Signal(object)  # noqa: N815 - Path of a run of the device

    def __init__(self, opened: Opened, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._opened = opened
        self._runs: tuple[SiteRun, ...] = ()
        self._work = Background(self)
        self._work.done.connect(self._answer)
        self._site = QLineEdit(self)
        self._site.setPlaceholderText("site or device, as in D3 or 3,2,1")
        self._site.setToolTip("Several are separated by blanks; empty: the bench's own choice")
        self._site.editingFinished.connect(self._typed)
        self._by = QComboBox(self)
        self._by.setToolTip("What colours the map")
        self._by.addItem(_STATUS)
        self._by.currentTextChanged.connect(lambda _: self._colour())
        self.map = SampleMap(self)
        self.map.valueChanged.connect(opened.choose_sites)
        self._empty = self._caption()
        self._empty.setText("This bench names no sites. A name tells devices apart in the runs.")
        self._empty.setWordWrap(True)
        self._spare = QWidget(self)  # takes the room of a map that there is not
        self._scale = _Scale(self)
        self._about = QTextBrowser(self)
        self._about.setFont(font(-1))
        self._about.setFrameShape(QFrame.Shape.NoFrame)
        self._about.setStyleSheet("QTextBrowser { border: none; background: transparent; }")
        self._about.setOpenLinks(False)
        self._about.setMinimumHeight(_ABOUT // 3)
        self._about.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._about.setMaximumHeight(_ABOUT)
        self._about.anchorClicked.connect(lambda url: self.runOpened.emit(Path(url.toLocalFile())))
        self._about.hide()
        self._lay_out()
        opened.benchChanged.connect(self.refresh)
        opened.sitesChanged.connect(self._show_sites)

    def _caption(self) -> QLabel:
        made = QLabel(self)
        made.setProperty("kind", "caption")
        made.setFont(font(-1))
        return made

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, 0, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addWidget(self._site)
        column.addWidget(self._by)
        column.addWidget(self._empty)
        column.addWidget(self._spare, 1)
        column.addWidget(self.map, 4)
        column.addWidget(self._scale)
        column.addWidget(self._about, 1)

    def refresh(self) -> None:
        """Look again at the runs below the root; they are read beside the window."""
        usual = usual_site(self._opened.definition)
        if usual and not self._opened.sites:
            self._opened.choose_sites((usual,))
        self._show_layout()
        self._work.ask("runs", runs_of, self._opened.root, self._opened.bench)

    @property
    def has_map(self) -> bool:
        """Whether the bench's sample has sites to draw."""
        return self.map.isVisibleTo(self)

    def shut(self) -> None:
        """Wait for what is being read."""
        self._work.close()

    # -- what is shown ----------------------------------------------------------------------------

    def _answer(self, key: str, found: object) -> None:
        if key == "stress" and isinstance(found, Stress):
            self._tell(found)
        elif key == "runs" and isinstance(found, tuple):
            self._runs = found
            chosen = self._by.currentText()
            before = self._by.blockSignals(True)
            self._by.clear()
            self._by.addItems([_STATUS, *metrics_of(found)])
            self._by.setCurrentIndex(max(self._by.findText(chosen), 0))
            self._by.blockSignals(before)
            self._show_layout()
            self._colour()
            self._show_sites()

    def _show_layout(self) -> None:
        measured = [run.site for run in self._runs if run.bench == self._opened.bench]
        layout = layout_of(self._opened.definition, measured)
        self.map.setLayoutOfSites(layout)
        several = len(layout.cells) > 0
        self._empty.setVisible(not several)
        self._spare.setVisible(not several)
        self.map.setVisible(several)
        self._by.setVisible(several)
        self._colour()

    def colour_by(self, what: str) -> None:
        """Colour the map by a figure of merit, ``kind.name``, or by status where there is none."""
        self._by.setCurrentIndex(max(self._by.findText(what), 0))

    def _colour(self) -> None:
        what = self._by.currentText()
        metric = "" if what == _STATUS else what
        newest = latest(self._runs, metric)
        told = {site: self._tip(run, metric) for site, run in newest.items()}
        if not metric:
            self._scale.setValue(None)
            self.map.setColours({s: status_colour(r.status) for s, r in newest.items()}, told)
            return
        name = metric.partition(".")[2]
        values = {site: run.metrics[name].value for site, run in newest.items()}
        unit = next((run.metrics[name].unit for run in newest.values()), "1")
        shading = shading_of(values.values(), name.replace("_", " "), unit)
        self._scale.setValue(shading)
        good = {site: value for site, value in values.items() if math.isfinite(value)}
        painted = {} if shading is None else {s: shading.colour(v) for s, v in good.items()}
        self.map.setColours(painted, told)

    def _tip(self, run: SiteRun, metric: str) -> str:
        name = metric.partition(".")[2]
        said = f"{name} {metric_text(run.metrics[name])}" if metric else run.status
        return f"{run.site or 'device'}: {run.kind}, {said}"

    def _show_sites(self) -> None:
        sites = self._opened.sites
        self.map.setValue(sites)
        if not self._site.hasFocus():
            self._site.setText(" ".join(sites))
        self._about.setHtml("" if len(sites) <= 1 else f"{len(sites)} sites are chosen")
        self._about.setVisible(bool(sites))
        if len(sites) == 1:
            self._work.ask("stress", stress_so_far, self._opened.root, sites[0])
        else:
            self.stressFound.emit(None)

    def _tell(self, stress: Stress) -> None:
        """Say what has been done to the one site that is chosen, with its last runs as links."""
        if len(self._opened.sites) != 1:
            return
        self.stressFound.emit(stress)
        site = self._opened.sites[0]
        lines = [f"<b>{site}</b>: not measured yet"]
        if stress.runs:
            times = f"{stress.runs} run{'s' * (stress.runs > 1)}"
            so_far = (
                f"touched in {times}, {stress.pulses} pulses, up to "
                f"{show(stress.peak, 'V')}, {show(stress.charge, 'C')}, {show(stress.energy, 'J')}"
            )
            lines = [f"<b>{site}</b>: {typeset(so_far)}"]
        mine = [run for run in self._runs if run.site == site]
        for run in reversed(mine[-_HISTORY:]):
            when = dt.datetime.fromtimestamp(run.started).astimezone()
            where = QUrl.fromLocalFile(str(Path(run.folder).absolute())).toString()
            link = f'<a href="{where}">{when:%m-%d %H:%M} {run.kind}</a>'
            lines.append(f"{link} {run.status}")
        self._about.setHtml("<br>".join(lines))

    def _typed(self) -> None:
        self._opened.choose_sites(tuple(self._site.text().split()))
