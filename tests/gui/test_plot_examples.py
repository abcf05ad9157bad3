"""The example of every widget that shows runs and waveforms opens it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from labctl import catalogue, engine
from labctl.control import Control

NAMES = ("panels", "preview", "refit", "results_view", "run_browser", "run_view")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    protocol = catalogue.protocol_from("ppf", {"intervals": "10 ms, 30 ms", "repeats": 1})
    options = engine.Options(tmp_path_factory.mktemp("runs"), 1)
    return engine.run(protocol, "direct-ftj", options, Control()).folder


@pytest.mark.parametrize("name", NAMES)
def test_an_example_opens_its_widget(
    qapp: QApplication, root: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"preview": [], "run_browser": [str(folder.parent.parent)]}
    monkeypatch.setattr(sys, "argv", ["example", *arguments.get(name, [str(folder)])])
    before = set(QApplication.topLevelWidgets())
    names = runpy.run_path(str(root / "docs" / "examples" / "widgets" / f"{name}.py"))
    QApplication.processEvents()
    shown = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    assert len(shown) == 1
    assert shown[0] in names.values()
    assert not shown[0].grab().isNull()
    if hasattr(shown[0], "close_worker"):
        shown[0].close_worker()
    shown[0].close()
    shown[0].deleteLater()
