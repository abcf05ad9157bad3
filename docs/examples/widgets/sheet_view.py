"""A lab sheet: Markdown with links that set the window up."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.teach import SheetView

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

sheet = SheetView()
sheet.orderAsked.connect(lambda order: sheet.setWindowTitle(f"{order.title} {order.values}"))
sheet.resize(360, 480)
sheet.show()

if __name__ == "__main__":
    app.exec()
