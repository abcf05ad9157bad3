"""A run folder, live or finished; while it is written the plots and fits are renewed.

``python docs/examples/widgets/run_view.py RUN``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.run_view import RunView

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
view = RunView()
view.setValue(sys.argv[1])
view.statusChanged.connect(view.setWindowTitle)
view.resize(900, 640)
view.show()
app.aboutToQuit.connect(view.close_worker)

if __name__ == "__main__":
    app.exec()
