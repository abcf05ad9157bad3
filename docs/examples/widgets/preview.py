"""What a protocol will play, from the whole course down to one edge.

``python docs/examples/widgets/preview.py [PROTOCOL or FILE.toml]``
"""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.preview import WaveformPreview
from labctl.catalogue import protocol_from

app = QApplication.instance() or QApplication(sys.argv)
apply(app)
preview = WaveformPreview()
preview.setValue(protocol_from(sys.argv[1] if len(sys.argv) > 1 else "ppf", {}))
preview.resize(900, 260)
preview.show()
app.aboutToQuit.connect(preview.close_worker)

if __name__ == "__main__":
    app.exec()
