"""The console: sentences with a time, errors counted until they are seen."""

import sys

from PySide6.QtWidgets import QApplication

from gui.console import Console
from gui.look import apply

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

console = Console()
console.valueChanged.connect(lambda count: console.setWindowTitle(f"{count} errors"))
console.say("info", "ppf D3 begins")
console.say("danger", "2602B level width: 20 us was asked for, at least 100 us is allowed")
console.resize(640, 200)
console.show()

if __name__ == "__main__":
    app.exec()
