"""All protocols that are installed, searchable, with a picture of each."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.protocol_list import ProtocolList

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

protocols = ProtocolList()
protocols.valueChanged.connect(protocols.setWindowTitle)
protocols.fill()
protocols.resize(260, 480)
protocols.show()

if __name__ == "__main__":
    app.exec()
