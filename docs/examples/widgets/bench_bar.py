"""The bar on top: bench, instruments, pause, stop and ABORT."""

import sys

from PySide6.QtWidgets import QApplication

from gui.bench_bar import BenchBar
from gui.instruments import InstrumentState
from gui.look import apply

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

bar = BenchBar()
bar.setBenches(["sim-ftj", "keithley2602b"])
bar.setSimulated("Virtual 2602B over a ferroelectric tunnel junction")
bar.setInstruments({"smu": InstrumentState("ok", "2602B", "Keithley 2602B, calibrated 2026-01-01")})
bar.setState("running")
bar.abortAsked.connect(lambda: bar.setState("aborting"))
bar.show()

if __name__ == "__main__":
    app.exec()
