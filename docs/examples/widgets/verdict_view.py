"""What a bench makes of a protocol, planned beside the event loop."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.planning import Planner
from gui.verdict_view import VerdictView
from protocols.ppf import PairedPulse

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

view, planner = VerdictView(), Planner()
planner.answered.connect(view.setValue)
view.remedyTaken.connect(lambda remedy: view.setWindowTitle(remedy.label))
planner.ask(PairedPulse(width=20e-6), {"width": "20 us"}, "sim-ftj")
view.resize(720, 160)
view.show()
app.aboutToQuit.connect(planner.close)

if __name__ == "__main__":
    app.exec()
