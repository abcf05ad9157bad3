"""The form of a protocol: what is typed comes out as text by name."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.protocol_form import ProtocolForm
from protocols.ppf import PairedPulse

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

form = ProtocolForm()
form.setProtocol(PairedPulse)
form.valueChanged.connect(lambda texts: form.setWindowTitle(str(texts)))
form.resize(640, 320)
form.show()

if __name__ == "__main__":
    app.exec()
