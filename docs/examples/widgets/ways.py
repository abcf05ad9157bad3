"""Operator, sample and temperature: a button that says them and opens the fields for them."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.order import Order
from gui.ways import Ways

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

ways = Ways()
ways.setValue(Order(kind="", operator="A. Student", sample="samples/wafer7"))
ways.valueChanged.connect(lambda changed: ways.setWindowTitle(str(changed)))
ways.resize(240, 40)
ways.show()

if __name__ == "__main__":
    app.exec()
