"""A day at the probe station, by hand: choose, change, run, watch, abort, resume, come back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton

from gui.window import Window
from labctl import catalogue
from labctl.record import Record

Opener = Callable[..., Window]

_LONG = 60000  # ms; a machine under load takes its time, a fault would take for ever
SHORT = {"intervals": "10 ms, 30 ms, 100 ms, 300 ms", "repeats": "1", "longest_wait": "1 s"}
#: in real time this would take minutes
SLOW = {"intervals": "400 ms, 500 ms", "repeats": "200"}

FAULTY = """
name = "faulty"
title = "A bench whose instrument falls silent"
[instruments.smu]
driver = "keithley2600"
model = "2602B"
address = "GPIB0::26::INSTR"
[terminals]
top = "smu.a"
[simulation]
laboratory = "virtual"
[simulation.device]
family = "ftj"
preset = "bto-nsto"
[[simulation.faults]]
instrument = "smu"
at = 60
kind = "mute"
"""


def button(window: Window, text: str) -> QPushButton:
    return next(b for b in window.findChildren(QPushButton) if b.text() == text and b.isVisible())


def press(qtbot, window: Window, text: str) -> None:
    found = button(window, text)
    qtbot.waitUntil(found.isEnabled, timeout=_LONG)
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def ended(qtbot, window: Window, number: int) -> str:
    """Wait until a job has ended; returns how."""

    def state() -> str:
        job = window.conduct.queue.find(number)
        return "" if job is None else job.state

    qtbot.waitUntil(lambda: state() not in ("", "waiting", "running"), timeout=_LONG)
    return state()


def gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has waited for yet has too."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def going(qtbot, window: Window) -> Path:
    """Wait until a run goes on and has done a step; returns its folder."""
    watched = window.watching
    qtbot.waitUntil(lambda: watched.run is not None and watched.run.done > 0, timeout=_LONG)
    return Path(watched.run.folder)


def test_a_day_by_hand(qtbot, open_window: Opener, workplace: Path) -> None:
    window = open_window()
    opened, centre = window.opened, window.centre

    # the first run without configuration: all is there, one click runs it
    assert (opened.bench, opened.kind) == ("sim-ftj", "ppf")
    assert window.bar._band.isVisible()
    qtbot.waitUntil(lambda: "feasible" in centre.verdict.text(), timeout=_LONG)
    assert centre.preview.value() == opened.protocol
    assert button(window, "Run").isEnabled()

    # what is typed changes preview and verdict; a refusal is mended by its button
    width = centre.form.edit("width")
    width.take_keyboard()
    qtbot.keyClicks(width._editor, "20 us")
    qtbot.waitUntil(lambda: "refused" in centre.verdict.text(), timeout=_LONG)
    assert centre.preview.value().width == 20e-6
    assert not button(window, "Run").isEnabled()
    press(qtbot, window, "width: use 100 µs")
    qtbot.waitUntil(lambda: "about 16 min" in centre.verdict.text(), timeout=_LONG)
    assert width.value() == "100 us"
    width.take_keyboard()
    qtbot.keyClicks(width._editor, "nonsense")
    assert centre.form.edit("width")._complaint.isVisible()
    assert not button(window, "Run").isEnabled()

    # a run from beginning to end
    opened.change_all(SHORT)
    qtbot.waitUntil(lambda: "8 pulses" in centre.verdict.text(), timeout=_LONG)
    window.console._steps.setChecked(True)
    window.console._wire.setChecked(True)
    press(qtbot, window, "Run")
    assert ended(qtbot, window, 1) == "done"
    first = opened.run
    assert Record(first).header.status == "done"
    assert Record(first).protocol == opened.protocol
    assert "ppf is done" in window.console.text()
    assert "compliance 1 mA" in window.console.text()
    assert window.instruments.states["smu"].word == "ok"
    qtbot.waitUntil(lambda: window.results.value() is not None, timeout=_LONG)
    qtbot.waitUntil(lambda: centre.live.status() == "done", timeout=_LONG)

    # it is broken off in the middle by Esc Esc, and gone on with
    opened.change_all({**SLOW, "seed": "1"})
    opened.change_ways(pace=1.0)
    window.conduct.run_now()
    second = going(qtbot, window)
    assert window.bar._status.text() == "running"
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert ended(qtbot, window, 2) == "aborted"
    assert Record(second).header.status == "aborted"
    assert "made safe" in window.console.text()
    done = len(Record(second).steps)
    window.conduct.resume(second, "repeat")
    qtbot.waitUntil(lambda: window.conduct.runner.busy, timeout=_LONG)
    window.conduct.runner.stop()
    assert ended(qtbot, window, 3) in ("stopped", "done")
    after = Record(second)
    assert after.header.status in ("stopped", "done")
    assert len(after.steps) >= done

    # both are compared, another model is tried, the numbers are taken out
    window.compare((first, second))
    qtbot.waitUntil(lambda: len(centre.live.plot.overlays()) == 1, timeout=_LONG)
    qtbot.waitUntil(lambda: centre.live.results() is not None, timeout=_LONG)
    centre.live.refit()
    assert centre.live.refitting.isVisible()
    table = workplace / "numbers.csv"
    with qtbot.waitSignal(centre.live.exporter.exported, timeout=_LONG):
        centre.live.exporter.save("csv", str(table), centre.live.plot)
    assert table.stat().st_size > 0

    # both are listed; the command line would make the same again
    assert set(catalogue.run_folders(opened.root)) == {first, second}
    centre.copy_command()
    assert "--set 'intervals=400 ms, 500 ms'" in QGuiApplication.clipboard().text()
    assert window.console.value() == 0

    # what goes wrong is told in words
    falls_silent(qtbot, window, workplace)
    cannot_be_read(qtbot, window, workplace)


@pytest.mark.parametrize(
    "how", ["Stop after this step", pytest.param("Let it go on", marks=pytest.mark.long)]
)
def test_closing_in_mid_run_does_what_was_asked(qtbot, open_window: Opener, how: str) -> None:
    window = open_window()
    window.opened.change_all(SLOW if how.startswith("Stop") else SHORT)
    window.opened.change_ways(pace=2.0)
    window.conduct.run_now()
    folder = going(qtbot, window)
    window.close()
    assert window.isVisible()  # it asks first
    box = window.findChild(QMessageBox, "leaving")
    choice = next(b for b in box.buttons() if b.text() == how)
    qtbot.mouseClick(choice, Qt.MouseButton.LeftButton)
    assert not window.isVisible()

    # the window is opened again: it knows the run, and sees it end
    again = open_window()
    qtbot.waitUntil(lambda: bool(again.conduct.queue.jobs), timeout=_LONG)
    assert Path(again.conduct.queue.jobs[0].folder) == folder.absolute()
    wanted = "stopped" if how.startswith("Stop") else "done"
    pid = again.conduct.queue.jobs[0].pid
    assert ended(qtbot, again, 1) == wanted
    assert Record(folder).header.status == wanted
    qtbot.waitUntil(lambda: pid is None or gone(pid), timeout=_LONG)


@pytest.mark.long
def test_a_run_of_an_earlier_window_can_be_aborted(qtbot, open_window: Opener) -> None:
    window = open_window()
    window.opened.change_all(SLOW)
    window.opened.change_ways(pace=1.0)
    window.conduct.run_now()
    folder = going(qtbot, window)
    window.leave("continue")
    again = open_window()
    qtbot.waitUntil(lambda: again.conduct.busy, timeout=_LONG)
    if sys.platform == "win32":
        pytest.skip("an interrupt reaches no process of another console there")
    press(qtbot, again, "ABORT")
    assert ended(qtbot, again, 1) == "aborted"
    assert Record(folder).header.status == "aborted"


@pytest.mark.long
def test_pause_go_on_and_stop(qtbot, open_window: Opener) -> None:
    window = open_window()
    window.opened.change_all(SLOW)
    window.opened.change_ways(pace=1.0)
    window.conduct.run_now()
    window.conduct.add()  # waits behind it, and is held
    going(qtbot, window)
    press(qtbot, window, "Pause")
    assert window.bar._status.text() == "paused"
    press(qtbot, window, "Go on")
    assert window.bar._status.text() == "running"
    press(qtbot, window, "Stop")
    assert ended(qtbot, window, 1) == "stopped"
    assert window.conduct.queue.jobs[1].state == "waiting"
    assert not window.conduct.busy
    assert window.bar._status.text() == ""


def falls_silent(qtbot, window: Window, workplace: Path) -> None:
    """Run on a bench whose instrument stops answering; it is told in words and holds the queue."""
    bench = workplace / "faulty.toml"
    bench.write_text(FAULTY, encoding="utf-8")
    window.opened.choose_bench(str(bench))
    window.opened.change_all(SHORT)
    window.opened.change_ways(pace=0.0)
    window.conduct.run_now()
    window.conduct.add()
    number = window.conduct.queue.last
    assert ended(qtbot, window, number - 1) == "failed"
    job = window.conduct.queue.find(number - 1)
    assert "no answer" in job.message
    assert "Traceback" not in window.console.text()
    assert "failed; the record is kept: smu" in window.console.text()
    assert window.console.value() > 0
    assert "error" in window.queue_bar._console.text()
    assert window.conduct.queue.find(number).state == "waiting"
    window.toggle("Console")
    assert window.console.value() == 0


def cannot_be_read(qtbot, window: Window, workplace: Path) -> None:
    """Choose a bench file that is none; it is told, and the next choice works."""
    wrong = workplace / "wrong.toml"
    wrong.write_text("[instruments", encoding="utf-8")
    window.opened.choose_bench(str(wrong))
    assert "not valid TOML" in window.centre.verdict.text()
    assert "not valid TOML" in window.console.text()
    assert not button(window, "Run").isEnabled()
    window.conduct.run_now()
    assert not window.conduct.busy
    window.opened.choose_bench("sim-ftj")
    qtbot.waitUntil(lambda: "feasible" in window.centre.verdict.text(), timeout=_LONG)


@pytest.mark.long
def test_a_queue_over_sites_and_parameters_is_carried_out(qtbot, open_window: Opener) -> None:
    window = open_window("direct-ftj")
    window.opened.change_all(SHORT)
    window.opened.choose_sites(("D1", "D2"))
    window.conduct.add({"amplitude": ["0.8 V"]})
    assert [job.state for job in window.conduct.queue.jobs] == ["waiting"] * 2
    qtbot.waitUntil(lambda: window.conduct.queue.left > 0, timeout=_LONG)
    window.conduct.change(window.conduct.queue.hold(held=False))
    assert ended(qtbot, window, 2) == "done"
    found = [Record(folder) for folder in catalogue.run_folders(window.opened.root)]
    assert sorted(record.header.site for record in found) == ["D1", "D2"]
    assert {record.protocol.amplitude for record in found} == {0.8}
    qtbot.waitUntil(lambda: len(window.sample.map._layout.cells) == 2, timeout=_LONG)


def test_the_layout_is_remembered(qtbot, workplace: Path) -> None:
    def settings() -> QSettings:
        return QSettings(str(workplace / "window.ini"), QSettings.Format.IniFormat)

    for shown in (False, True):
        window = Window(workplace / "runs", settings=settings())
        qtbot.addWidget(window)
        window.show()
        assert window.docks["Console"].isVisible() is shown
        window.docks["Console"].show()
        window.close()
