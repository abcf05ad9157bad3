"""Refitting: another model for data that are shown, or another range, chosen by dragging."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui import look
from gui.errand import Answer, Elsewhere
from gui.panels import PanelPlot, first_shown
from gui.results_view import ResultsView
from gui.worker import Worker
from labctl.plot import groups
from labctl.results import Panel, Results

__all__ = ["Refit", "fittable"]

_PAUSE = 150  # ms after the last change
_OFFERED = Elsewhere("gui.refitting", "offered")
_REFIT = Elsewhere("gui.refitting", "refit_values")


class Refit(QWidget):
    """Fits of the data of a panel, as the user wants them; the run's own results stay."""

    valueChanged = Signal(object)  #: tuple of Panel that can be fitted  # noqa: N815
    fitted = Signal(object)  #: Results
    closed = Signal()

    def __init__(self, parent: QWidget | None = None, worker: Worker | None = None) -> None:
        super().__init__(parent)
        self._worker = worker or Worker(self)
        self._value: tuple[Panel, ...] = ()
        self._models: dict[str, tuple[str, ...]] = {}
        self._range: tuple[float, float] | None = None
        self._asked = 0
        self._build()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAUSE)
        self._soon.timeout.connect(self.fit)

    def value(self) -> tuple[Panel, ...]:
        """Return the panels whose data can be fitted."""
        return self._value

    def setValue(self, panels: tuple[Panel, ...]) -> None:  # noqa: N802 - as Qt's widgets have it
        """Offer the data of panels; what is chosen stays where it is still there."""
        self._value = tuple(panels)
        found = fittable(self._value)
        before = self._data.currentText()
        self._data.blockSignals(True)
        self._data.clear()
        for name, panel, number in found:
            self._data.addItem(name, (panel, number))
        wanted = before or (first_shown(groups(self._value)) if self._value else "")
        match = next((k for k, (n, p, _) in enumerate(found) if wanted in (n, p.title)), 0)
        self._data.setCurrentIndex(match if found else -1)
        self._data.blockSignals(False)
        if not found:
            self.plot.setValue(())
            self.plot.setMessage("There are no data points to be fitted yet")
        elif self._data.currentText() != before:
            self._data_chosen()
        else:
            self._soon.start()
        self.valueChanged.emit(self._value)

    def choose(self, title: str) -> None:
        """Take the data of the panel of this title."""
        for k in range(self._data.count()):
            if self._data.itemData(k)[0].title == title:
                self._data.setCurrentIndex(k)
                return

    def range(self) -> tuple[float, float] | None:
        """Return the range that is fitted, SI; None for all."""
        return self._range

    def setRange(self, range_: tuple[float, float] | None) -> None:  # noqa: N802
        """Fit only this range of the abscissa."""
        self._range = range_
        self._show_range()
        self._soon.start()

    def model(self) -> tuple[str, str]:
        """Return family and model."""
        return self._family.currentText(), self._model.currentText()

    def setModel(self, family: str, model: str) -> None:  # noqa: N802 - as Qt's widgets have it
        """Fit with a model."""
        self._family.setCurrentText(family)
        self._model.setCurrentText(model)

    def results(self) -> Results | None:
        """Return what came out last."""
        return self._results.value()

    def fit(self) -> None:
        """Fit now."""
        chosen = self._data.currentData()
        if chosen is None or not self._model.currentText():
            return
        low, high = self._range or (None, None)
        panel, number = chosen
        self._worker.forget(self._asked)
        self._said.setText("fitting …")
        self._asked = self._worker.ask(
            self._answered, _REFIT, panel, number, self._family.currentText(),
            self._model.currentText(), low, high, self._free.isChecked(),
        )  # fmt: skip

    def _build(self) -> None:
        self._data, self._family, self._model = QComboBox(), QComboBox(), QComboBox()
        for box, width in ((self._data, 24), (self._family, 10), (self._model, 14)):
            policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            box.setSizeAdjustPolicy(policy)
            box.setMinimumContentsLength(width // 2)
        self._data.currentIndexChanged.connect(lambda _: self._data_chosen())
        self._family.currentTextChanged.connect(self._family_chosen)
        self._model.currentTextChanged.connect(lambda _: self._soon.start())
        self._free = QCheckBox("baseline")
        self._free.setToolTip("Fit a constant beside the model")
        self._free.toggled.connect(lambda _: self._soon.start())
        self._every = QToolButton()
        self._every.setText("whole range")
        self._every.clicked.connect(lambda: self.setRange(None))
        self._back = QToolButton()
        self._back.setIcon(look.icon("close"))
        self._back.setToolTip("Back to the run's own results (Alt+Left)")
        self._back.clicked.connect(self.closed)
        self._said = QLabel()
        self._said.setProperty("kind", "caption")
        row = QHBoxLayout()
        row.setSpacing(look.GRID // 2)
        row.addWidget(self._data, 3)
        row.addWidget(self._family, 1)
        row.addWidget(self._model, 2)
        row.addWidget(self._free)
        row.addWidget(self._every)
        row.addWidget(self._back)
        self.plot = PanelPlot()
        self.plot.rangeChosen.connect(lambda low, high: self.setRange((low, high)))
        self._results = ResultsView()
        self._results.setMinimumWidth(200)
        both = QSplitter(Qt.Orientation.Horizontal)
        both.addWidget(self.plot)
        both.addWidget(self._results)
        both.setStretchFactor(0, 3)
        both.setStretchFactor(1, 1)
        both.setSizes([600, 260])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.GRID // 2)
        layout.addLayout(row)
        layout.addWidget(self._said)
        layout.addWidget(both, 1)

    def _data_chosen(self) -> None:
        chosen = self._data.currentData()
        if chosen is None:
            return
        panel, number = chosen
        self._range = None
        self.plot.setValue((_only(panel, number),))
        self._show_range()
        self._worker.forget(self._asked)
        self._asked = self._worker.ask(self._offered, _OFFERED, panel)

    def _offered(self, answer: Answer) -> None:
        if answer.error:
            self._said.setText(answer.error)
            return
        family, self._models = answer.value
        self._family.blockSignals(True)
        self._family.clear()
        self._family.addItems(list(self._models))
        self._family.setCurrentText(family)
        self._family.blockSignals(False)
        self._family_chosen(family)

    def _family_chosen(self, family: str) -> None:
        before = self._model.currentText()
        self._model.blockSignals(True)
        self._model.clear()
        self._model.addItems(list(self._models.get(family, ())))
        self._model.setCurrentText(before)
        self._model.blockSignals(False)
        self._soon.start()

    def _show_range(self) -> None:
        chosen = self._data.currentData()
        if chosen is None:
            return
        panel, number = chosen
        xs = [x for x in panel.traces[number].x if not panel.x_log or x > 0]
        if xs:
            self.plot.setRange(*(self._range or (min(xs), max(xs))))

    def _answered(self, answer: Answer) -> None:
        if answer.error:
            self._said.setText(answer.error)
            return
        found = answer.value
        self._said.setText(f"{found.used} of {found.of} points; drag the lines to fit fewer")
        self.plot.setValue(found.results.panels)
        self._show_range()
        self._results.setValue(found.results)
        self.fitted.emit(found.results)

    def close_worker(self) -> None:
        """End the process that fits; before the widget goes."""
        self._soon.stop()
        self._worker.close()


def fittable(panels: tuple[Panel, ...]) -> list[tuple[str, Panel, int]]:
    """Return name, panel and number of every trace of data points."""
    return [
        (f"{panel.title}: {trace.label}" if trace.label else panel.title, panel, number)
        for panel in panels
        if not panel.residuals_of
        for number, trace in enumerate(panel.traces)
        if trace.kind == "points" and len(trace.x) > 1
    ]


def _only(panel: Panel, number: int) -> Panel:
    """Return a panel with one of its traces."""
    return Panel(
        panel.title, panel.x_label, panel.x_unit, panel.y_label, panel.y_unit,
        (panel.traces[number],), panel.x_log, panel.y_log,
    )  # fmt: skip
