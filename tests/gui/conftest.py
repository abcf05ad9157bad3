"""What tests of the window stand on: an application, a window, a look for what is left."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("PySide6.QtWidgets")
pytest.importorskip("pyqtgraph")

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.window import Window


def settle() -> None:
    """Let everything happen that is due, deletions included."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def windows_and_processes() -> list[str]:
    """Name the windows and processes that are there."""
    settle()
    found = [
        f"widget {type(widget).__name__} {widget.objectName()}".rstrip()
        for widget in QApplication.topLevelWidgets()
    ]
    # a run that was let go and has ended is waited for by nobody while this process lives
    living = (c for c in psutil.Process(os.getpid()).children() if c.status() != "zombie")
    return found + [f"process {child.pid}" for child in living]


def timers() -> list[str]:
    """Name the timers that go on; those of deleted widgets are no longer valid."""
    return [
        f"a timer of {type(thing.parent()).__name__}"
        for thing in gc.get_objects()
        if type(thing) is QTimer and shiboken6.isValid(thing) and thing.isActive()
    ]


def going_on() -> list[str]:
    """Name the timers that still go on after a while: one that ends by itself is not left."""
    until = time.monotonic() + 2.0
    while timers() and time.monotonic() < until:
        gc.collect()
        settle()
        time.sleep(0.02)
    return timers()


@pytest.fixture(autouse=True)
def nothing_is_left(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a window, a running timer, a thread or a process behind."""
    apply(qapp, "light")
    threads = {thread.ident for thread in threading.enumerate()}
    before = set(windows_and_processes())
    yield
    found = [one for one in windows_and_processes() if one not in before]
    if found:  # what only the garbage collector can free is not left behind
        gc.collect()
        found = [one for one in windows_and_processes() if one not in before]
    found += going_on()
    found += [
        f"thread {thread.name}" for thread in threading.enumerate() if thread.ident not in threads
    ]
    for widget in QApplication.topLevelWidgets():
        widget.close()
        widget.deleteLater()
    settle()
    assert found == []


@pytest.fixture
def open_window(qapp: QApplication, workplace: Path) -> Iterator[Callable[..., Window]]:
    """Return what opens a window on the test's own runs; it is closed and deleted afterwards."""
    opened: list[Window] = []

    def make(bench: str = "sim-ftj", kind: str = "ppf") -> Window:
        window = Window(workplace / "runs", bench, kind)
        # docks that are hidden at first must not hold it wide: small screens are 1024 x 640
        window.resize(1024, 640)
        assert window.size().toTuple() == (1024, 640)
        window.resize(1280, 800)
        window.show()
        opened.append(window)
        return window

    yield make
    for window in opened:
        if window.conduct.runner.busy:
            window.conduct.leave("abort")
        window.close()
        window.deleteLater()
    settle()
