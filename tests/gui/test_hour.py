"""An hour of watching, compressed: the window's memory does not grow with what goes by.

A bench that measures delivers some hundred readings a second, and the window looks a few times a
second; an hour of that is ten thousand looks at a growing run.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from gui.settling import Settling
from gui.window import Window
from labctl import catalogue, engine
from labctl.control import Control

LOOKS = 12_000  # one each 300 ms
PER_LOOK = 30  # readings
GROWTH = 40e6  # bytes that the whole hour may add to the window


def long_run(folder: Path) -> Path:
    """Make a run that seems to go on, in the middle of its last step."""
    options = engine.Options(folder)
    protocol = catalogue.protocol_from("ppf", {"intervals": "10 ms", "repeats": 2})
    made = engine.run(protocol, "direct-ftj", options, Control()).folder
    header = json.loads((made / "run.json").read_text("utf-8"))
    header.update(status="running", ended=None)
    (made / "run.json").write_text(json.dumps(header), encoding="utf-8")
    journal = made / "journal.jsonl"
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    begun = max(k for k, line in enumerate(lines) if '"begun"' in line)
    journal.write_text("".join(lines[: begun + 1]), encoding="utf-8")
    return made


def rows(look: int) -> str:
    first = look * PER_LOOK
    said = ""
    for k in range(first, first + PER_LOOK):
        i, flags = 1e-5 + k % 997 * 1e-9, int(k % 50 == 0)
        said += f'1,{100 + k * 1e-2},"top","read",0.1,0.1,{i},1e-3,1e-4,1e-8,{flags}\n'
    return said


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_an_hour_leaves_the_memory_flat(
    qtbot, qapp: QApplication, open_window: Callable[..., Window], workplace: Path
) -> None:
    run = long_run(workplace / "elsewhere")
    window = open_window()
    Settling(window)
    live, process = window.centre.live, psutil.Process()
    window.opened.show_run(run)
    window.watching.begin(run)
    qtbot.waitUntil(lambda: live.glance() is not None, timeout=60_000)
    window.console._steps.setChecked(True)
    used = []
    for look in range(LOOKS):
        with (run / "readings.csv").open("a", encoding="utf-8", newline="") as file:
            file.write(rows(look))
        live._look()
        window.watching._look()
        before = live.glance()
        wanted = before.rows if before is not None else 0
        qtbot.waitUntil(lambda wanted=wanted: live.glance().rows > wanted, timeout=60_000)
        if look % 1000 == 999:
            window.say("info", f"{look} looks")
            gc.collect()
            used.append(process.memory_info().rss)
    window.watching.end()
    assert live.glance().rows >= LOOKS * PER_LOOK
    # caches are filled in the first sixth
    assert used[-1] - used[1] < GROWTH, [round(size / 1e6) for size in used]
    print("MB after each 1000 looks:", [round(size / 1e6) for size in used])  # noqa: T201
