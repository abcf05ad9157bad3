"""The example of every widget of the frame opens it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

NAMES = (
    "bench_bar", "bench_view", "console", "field_edit", "protocol_form", "protocol_list",
    "queue_panel", "sample_map", "sheet_view", "verdict_view", "ways",
    pytest.param("window", marks=pytest.mark.long),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_example_opens_its_widget(qapp: QApplication, root: Path, name: str) -> None:
    before = set(QApplication.topLevelWidgets())
    names = runpy.run_path(str(root / "docs" / "examples" / "widgets" / f"{name}.py"))
    QApplication.processEvents()
    shown = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    assert len(shown) == 1
    assert not shown[0].grab().isNull()
    if "planner" in names:
        names["planner"].close()
    shown[0].close()
    shown[0].deleteLater()
