"""The Qt binding that is pinned holds what the window will stand on."""

from __future__ import annotations

import pytest

from tests.gui.references import lost


@pytest.fixture(scope="module")
def application():
    widgets = pytest.importorskip("PySide6.QtWidgets")
    return widgets.QApplication.instance() or widgets.QApplication([])


def test_repainting_does_not_lose_references_to_none(application):
    """PySide6 6.12.0 on Python 3.11 lost one at every repaint until the interpreter aborted."""
    from PySide6 import QtGui, QtWidgets

    class Painted(QtWidgets.QWidget):
        def paintEvent(self, event):  # noqa: N802 - Qt's name
            painter = QtGui.QPainter(self)
            painter.drawText(5, 15, "1.52 mS")
            painter.end()

    widget = Painted()
    widget.grab()
    assert lost(widget.grab, 1000) <= 50
    widget.deleteLater()
    application.processEvents()


def test_a_plot_is_drawn_without_a_screen(application):
    pyqtgraph = pytest.importorskip("pyqtgraph")
    plot = pyqtgraph.PlotWidget()
    plot.plot([1.0, 2.0, 3.0], [3.0, 1.0, 2.0])
    plot.resize(320, 240)
    image = plot.grab().toImage()
    shades = {image.pixel(x, y) for x in range(0, 320, 4) for y in range(0, 240, 4)}
    assert len(shades) > 1
    plot.close()
    plot.deleteLater()
    application.processEvents()
