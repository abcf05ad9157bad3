"""Figures of merit and fits of a run, with intervals and verdicts; a click copies a number.

``python docs/examples/widgets/results_view.py RUN``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.results_view import ResultsView
from labctl.record import Record

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
record = Record(sys.argv[1])
view = ResultsView()
view.setValue(record.results)
view.setSimulated(record.simulated)
view.copied.connect(view.setWindowTitle)
view.resize(360, 720)
view.show()

if __name__ == "__main__":
    app.exec()
