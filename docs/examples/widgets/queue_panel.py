"""A queue to rearrange; the value is a frozen `Queue`."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.order import Order
from gui.queue import Queue, spread
from gui.queue_view import QueuePanel

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

panel = QueuePanel()
orders = spread(Order(kind="ppf"), ["D1", "D2"], {"width": ["100 us", "1 ms"]})
panel.setValue(Queue().add(list(orders)))
panel.valueChanged.connect(lambda queue: panel.setWindowTitle(f"{len(queue.jobs)} jobs"))
panel.resize(720, 240)
panel.show()

if __name__ == "__main__":
    app.exec()
