"""The window: frames of 1e7 points, looks at a growing run, a free event loop, the first window.

``python benchmarks/gui.py [--quick] [--json]``; the screen may be Qt's ``offscreen``. Some peers
are bounds instead of programs: "25 ms a frame" is what a goal in the project's plan allows.
"""

from __future__ import annotations

import importlib
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # this file has the name of a package, which has to be found first
    folder = sys.path.pop(0)
    importlib.import_module("gui")
    sys.path.append(folder)
    importlib.import_module("gui_cases").main(__doc__ or "")
