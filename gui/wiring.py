"""Wiring: which signal of the window's parts goes to which other part, in one place."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut

from gui.exercises import answer_of, faulty_bench, unknown_device
from labctl.errors import LabctlError

if TYPE_CHECKING:
    from gui.window import Window

__all__ = ["add_shortcuts", "wire"]


def wire(window: Window) -> None:
    """Connect all parts of a window."""
    _wire_bench(window)
    _wire_protocol(window)
    _wire_runs(window)
    _wire_queue(window)


def _wire_bench(window: Window) -> None:
    opened, conduct, bar = window.opened, window.conduct, window.bar
    instruments, view = window.instruments, window.bench_view
    bar.valueChanged.connect(opened.choose_bench)
    bar.paceChanged.connect(lambda pace: opened.change_ways(pace=pace))
    bar.pauseAsked.connect(conduct.runner.pause)
    bar.resumeAsked.connect(conduct.runner.resume)
    bar.stopAsked.connect(conduct.runner.stop)
    bar.abortAsked.connect(conduct.abort)
    opened.benchChanged.connect(window.show_bench)
    opened.waysChanged.connect(lambda: bar.setPace(opened.ways.pace))
    opened.waysChanged.connect(lambda: bar.ways.setValue(opened.ways))
    bar.ways.valueChanged.connect(lambda changed: opened.change_ways(**changed))
    for asking in (bar, view):
        asking.identifyAsked.connect(window.identify)
    instruments.changed.connect(bar.setInstruments)
    instruments.changed.connect(view.setStates)
    instruments.failed.connect(lambda text: window.say("danger", text))


def _wire_protocol(window: Window) -> None:
    opened, centre = window.opened, window.centre
    opened.kindChanged.connect(lambda: window.protocols.setValue(opened.kind))
    opened.said.connect(lambda text: window.say("danger", text))
    window.protocols.failed.connect(lambda text: window.say("danger", text))
    window.protocols.valueChanged.connect(opened.choose_kind)
    centre.runAsked.connect(window.conduct.run_now)
    centre.addAsked.connect(window.conduct.add)
    centre.said.connect(window.say)
    window.sheet.orderAsked.connect(opened.take_link)
    window.sheet.said.connect(window.say)
    window.sheet.exerciseAsked.connect(lambda what: _exercise(window, what))


def _exercise(window: Window, what: str) -> None:
    """Begin an exercise, or tell what was to be found."""
    opened = window.opened
    try:
        if what == "answer":
            window.say("good", answer_of(opened.bench))
            return
        make = unknown_device if what == "device" else faulty_bench
        opened.choose_bench(str(make(opened.root / ".exercises", random.Random())))
    except LabctlError as error:
        window.say("danger", str(error))
        return
    window.say("info", f"{opened.definition.title}" if opened.definition else "")


def _wire_runs(window: Window) -> None:
    opened, conduct, watching = window.opened, window.conduct, window.watching
    window.centre.live.resultsChanged.connect(window.results.setValue)
    window.sample.runOpened.connect(opened.show_run)
    window.sample.stressFound.connect(window.centre.verdict.setStress)
    window.runs.opened.connect(opened.show_run)
    window.runs.compared.connect(window.compare)
    window.centre.run_actions.resumeAsked.connect(conduct.resume)
    for copying in (window.results, window.centre.live.plot):
        copying.copied.connect(lambda text: window.say("info", f"copied {text}"))
    conduct.stateChanged.connect(lambda _: window.show_state())
    conduct.began.connect(watching.begin)
    conduct.said.connect(window.say)
    conduct.ended.connect(window.show_end)
    watching.said.connect(window.say)
    watching.progress.connect(window.queue_bar.setProgress)
    watching.changed.connect(window.bench_view.setRun)
    watching.wired.connect(window.console.tell)
    window.console.stepsAsked.connect(lambda wanted: setattr(watching, "wordy", wanted))
    window.console.wireAsked.connect(watching.tell_wire)
    window.console.wireAsked.connect(lambda wanted: _keep_wire(window, wanted))


def _keep_wire(window: Window, wanted: bool) -> None:
    """Have this run and those to come write down what is sent and answered, or no more."""
    conduct = window.conduct
    conduct.wire = wanted
    if conduct.runner.busy:
        conduct.runner.keep_wire(on=wanted)
    elif wanted and conduct.busy:
        window.say("info", "the run was begun by an earlier window, which alone can switch its log")


def _wire_queue(window: Window) -> None:
    conduct, strip, panel = window.conduct, window.queue_bar, window.queue_panel
    conduct.queueChanged.connect(strip.setValue)
    conduct.queueChanged.connect(panel.setValue)
    strip.queueAsked.connect(lambda: window.toggle("Queue"))
    strip.consoleAsked.connect(lambda: window.toggle("Console"))
    strip.holdAsked.connect(lambda held: conduct.change(conduct.queue.hold(held=held)))
    panel.valueChanged.connect(conduct.change)
    panel.addAsked.connect(conduct.add)
    panel.orderOpened.connect(window.opened.take_order)
    panel.runOpened.connect(lambda folder: window.opened.show_run(Path(folder)))
    window.opened.sitesChanged.connect(lambda: panel.setSites(window.opened.sites))
    window.console.valueChanged.connect(strip.setErrors)
    window.docks["Console"].visibilityChanged.connect(
        lambda shown: window.console.seen() if shown else None
    )


def add_shortcuts(window: Window) -> None:
    """Give a window its keys; `docs/how-to/use-the-window.md` lists them."""
    conduct, centre = window.conduct, window.centre
    for keys, action in (
        ("Ctrl+Return", conduct.run_now),
        ("Ctrl+Shift+Return", conduct.add),
        ("Ctrl+P", window.bar.press_pause),
        ("Ctrl+.", conduct.runner.stop),
        ("Ctrl+B", window.bar.open_benches),
        ("Ctrl+I", window.bar.ways.open),
        ("Ctrl+F", window.protocols.search),
        ("Ctrl+E", centre.form.take_keyboard),
        ("Ctrl+D", centre.verdict.toggle),
        ("Ctrl+J", lambda: window.toggle("Console")),
        ("Ctrl+K", lambda: window.toggle("Queue")),
        ("Ctrl+L", lambda: window.toggle("Lab sheet")),
        ("Ctrl+M", centre.toggle_setup),
        ("Ctrl+Shift+C", centre.copy_command),
    ):
        QShortcut(QKeySequence(keys), window).activated.connect(action)
    escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), window)
    escape.setContext(Qt.ShortcutContext.ApplicationShortcut)
    escape.activated.connect(window.escape)
    escape.activatedAmbiguously.connect(window.escape)
