"""Panels of a run, in a window of their own: zoom, read off, pin, export.

``python docs/examples/widgets/panels.py RUN``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.panels import PanelPlot
from labctl.record import Record

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
record = Record(sys.argv[1])
plot = PanelPlot()
plot.setValue(record.results.panels)
plot.setSimulated(record.simulated)
plot.copied.connect(lambda text: plot.setWindowTitle(f"copied: {text}"))
plot.resize(800, 560)
plot.show()

if __name__ == "__main__":
    app.exec()
