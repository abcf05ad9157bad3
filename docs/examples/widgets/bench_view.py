"""A bench in full: instruments, terminals, envelope."""

import sys

from PySide6.QtWidgets import QApplication

from gui.bench_view import BenchView
from gui.look import apply
from labctl.benchfile import read_bench

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

view = BenchView()
view.setValue(read_bench("sim-wafer")[0])
view.resize(320, 480)
view.show()

if __name__ == "__main__":
    app.exec()
