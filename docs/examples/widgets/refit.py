"""Other models and other ranges for the data of a run; drag the two lines.

``python docs/examples/widgets/refit.py RUN``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.refit import Refit
from labctl.record import Record

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
refit = Refit()
refit.setValue(Record(sys.argv[1]).results.panels)
refit.closed.connect(refit.close)
refit.resize(1000, 600)
refit.show()
app.aboutToQuit.connect(refit.close_worker)

if __name__ == "__main__":
    app.exec()
