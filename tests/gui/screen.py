"""The program ``labctl gui`` on the screen there is: a run by its key, and a picture of the screen.

    python tests/gui/screen.py --out window.png

Where `tour.py` needs no screen, this one takes the platform that Qt finds, such as an X server.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import typer
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from gui.command import gui
from gui.window import Window
from labctl import catalogue
from labctl.record import Record

QUICK = {"intervals": "10 ms, 30 ms, 100 ms", "repeats": "1", "longest_wait": "1 s"}
PATIENCE = 60.0  # s


def until(ready: object, what: str) -> None:
    """Let the window work until something is so."""
    end = time.monotonic() + PATIENCE
    while not ready():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(what)
        QTest.qWait(50)


def drive(root: Path, picture: Path) -> None:
    """Run what is open with Ctrl+Return, wait for its results, take the picture, close."""
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, Window))
    try:
        until(window.windowHandle().isExposed, "the window was not shown")
        window.activateWindow()
        until(window.isActiveWindow, "the window did not get the keyboard")
        window.opened.change_all(QUICK)
        until(lambda: "feasible" in window.centre.verdict.text(), "no verdict came")
        QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        until(lambda: window.centre.live.status() == "done", "the run did not end")
        until(lambda: window.results.value() is not None, "no results came")
        QTest.qWait(300)
        screen = window.screen().grabWindow(window.winId())
        if not screen.save(str(picture)):
            raise OSError(f"{picture} cannot be written")
        (folder,) = catalogue.run_folders(root)
        status, platform = Record(folder).header.status, QApplication.platformName()
        sys.stdout.write(f"{platform} {screen.width()}x{screen.height()} {status}\n")
    finally:
        window.leave("abort")


def main() -> int:
    """Open the program and drive it."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--out", type=Path, required=True)
    picture = said.parse_args().out
    wrong: list[BaseException] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        root = Path(place) / "runs"

        def driven() -> None:
            try:
                drive(root, picture)
            except Exception as error:  # noqa: BLE001 - told below, once the program has ended
                wrong.append(error)

        def begin() -> None:
            while (app := QApplication.instance()) is None or not QApplication.topLevelWidgets():
                time.sleep(0.05)
            QTimer.singleShot(0, app, driven)

        threading.Thread(target=begin, daemon=True).start()
        try:
            gui(None, "", root, "light")
        except typer.Exit as ended:
            if wrong:
                sys.stderr.write(f"{type(wrong[0]).__name__}: {wrong[0]}\n")
                return 1
            return ended.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
