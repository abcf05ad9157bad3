"""The whole window on a folder of runs of its own."""

import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.window import Window

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

window = Window(Path("runs"))
window.show()

if __name__ == "__main__":
    app.exec()
