"""The runs below a folder: search, filter, open, compare.

``python docs/examples/widgets/run_browser.py [FOLDER]``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.run_browser import RunBrowser

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
browser = RunBrowser(sys.argv[1] if len(sys.argv) > 1 else "runs")
browser.opened.connect(lambda run: browser.setWindowTitle(f"open {run}"))
browser.compared.connect(lambda runs: browser.setWindowTitle(f"compare {len(runs)} runs"))
browser.resize(360, 600)
browser.show()
app.aboutToQuit.connect(browser.close_worker)

if __name__ == "__main__":
    app.exec()
