"""A wafer to choose sites on: click, Shift-click, lasso, arrow keys."""

import sys

from PySide6.QtWidgets import QApplication

from gui.look import apply, colour_at
from gui.sample import layout_of
from gui.sample_map import SampleMap
from labctl.benchfile import read_bench

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

layout = layout_of(read_bench("sim-wafer")[0])
wafer = SampleMap()
wafer.setLayoutOfSites(layout)
shades = {cell.name: colour_at(cell.x / layout.columns) for cell in layout.cells}
wafer.setColours(shades, {name: f"{name}: an example" for name in shades})
wafer.valueChanged.connect(lambda names: wafer.setWindowTitle(" ".join(names)))
wafer.resize(360, 360)
wafer.show()

if __name__ == "__main__":
    app.exec()
