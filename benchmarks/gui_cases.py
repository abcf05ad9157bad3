"""What `benchmarks/gui.py` measures; it starts this, so that its own name is not in the way."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pyqtgraph as pg
from comparison import Case, Comparison, Party, arguments
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from gui import reading
from gui.look import apply
from gui.panels import PanelPlot
from gui.run_view import RunView
from gui.settling import Settling
from labctl import catalogue, engine
from labctl.control import Control
from labctl.journal import READINGS, Journal
from labctl.readings import Row
from labctl.record import read_header
from labctl.results import Panel, Trace
from labctl.steps import Play
from labctl.waveform import pulse, train

PACKAGES = ("labctl", "PySide6_Essentials", "pyqtgraph", "pymeasure", "numpy")

FRAME, BLOCK, GROWTH, MEMORY = 25e-3, 50e-3, 2.0, 10.0  # s, s, times, MB
ROWS_PER_SECOND = 100_000

OURS = """
import sys
from pathlib import Path
from gui.look import apply
from gui.settling import Settling
from gui.window import Window
from PySide6.QtWidgets import QApplication
app = QApplication([])
apply(app, "light")
window = Window(Path(sys.argv[1]), "sim-ftj", "ppf")
window.show()
Settling(window)
app.processEvents()
window.grab()
print("shown", flush=True)
window.close()
"""
PYMEASURE = """
import logging, sys
from pymeasure.display.Qt import QtWidgets
from pymeasure.display.windows import ManagedWindow
from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure
class Pulses(Procedure):
    amplitude = FloatParameter("Amplitude", units="V", default=1)
    width = FloatParameter("Width", units="s", default=1e-4)
    repeats = IntegerParameter("Repeats", default=5)
    DATA_COLUMNS = ["interval", "index"]
    def execute(self):
        pass
class Window(ManagedWindow):
    def __init__(self):
        super().__init__(procedure_class=Pulses, inputs=["amplitude", "width", "repeats"],
                         displays=["amplitude"], x_axis="interval", y_axis="index")
app = QtWidgets.QApplication([])
window = Window()
window.show()
app.processEvents()
window.grab()
print("shown", flush=True)
import os
os._exit(0)
"""


def bound(value: float) -> Party:
    """Return a party that always has the same figure."""
    return lambda: value


def frames(widget: QWidget, look_at: Callable[[float, float], None], count: int) -> float:
    """Zoom and pan a second of data; return frames a second."""
    app = QApplication.instance()
    assert app is not None
    widget.resize(1200, 700)
    widget.show()
    app.processEvents()
    begin = time.perf_counter()
    for k in range(count):
        width = 0.9 ** (k % 40)
        start = (1 - width) * (k % 7) / 7
        look_at(start, start + width)
        widget.grab()
    elapsed = time.perf_counter() - begin
    widget.close()
    widget.deleteLater()
    app.processEvents()
    return count / elapsed


def samples(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy second."""
    rng = np.random.default_rng(1)
    return np.linspace(0.0, 1.0, count), rng.normal(size=count)


def our_frames(count: int, turns: int) -> Party:
    """Return our party for frames."""

    def party() -> float:
        x, y = samples(count)
        trace = Trace(x, y, "", "line")  # type: ignore[arg-type]
        plot = PanelPlot()
        plot.setValue((Panel("many", "t", "s", "i", "A", (trace,)),))
        box = plot.findChild(pg.GraphicsView).groups[0].axes[0].box
        return frames(plot, lambda a, b: box.setXRange(a, b, padding=0), turns)

    return party


def plain_frames(count: int, turns: int) -> Party:
    """Return pyqtgraph's own peak-preserving downsampling."""

    def party() -> float:
        plot = pg.PlotWidget()
        plot.setDownsampling(auto=True, mode="peak")
        plot.setClipToView(True)
        plot.plot(*samples(count))
        return frames(plot, lambda a, b: plot.setXRange(a, b, padding=0), turns)

    return party


def write_run(folder: Path, rows: int) -> Path:
    """Write a run of one long step that goes on."""
    protocol = catalogue.protocol_from("ppf", {"intervals": "10 ms", "repeats": 1})
    made = engine.run(protocol, "direct-ftj", engine.Options(folder / "model"), Control())
    header = msgspec.structs.replace(read_header(made.folder), status="running", ended=None)
    target = folder / f"run-{rows}"
    target.mkdir()
    journal = Journal(target, header)
    journal.begin(0, 1, Play(train(pulse(1.0, 1e-6), 1e-5, 10**9), 1e-3))
    for first in range(0, rows, 50_000):
        journal.rows(some_rows(first, min(50_000, rows - first)))
    journal.close()
    return target


def some_rows(first: int, count: int) -> list[Row]:
    """Return rows as an instrument would give them."""
    return [
        Row(k * 1e-5, "top", "pulse", 1.0, 1.0, 1e-4 + k % 997 * 1e-9, 1e-6, 1e-4, 1e-8, 0)
        for k in range(first, first + count)
    ]


def look_time(folder: Path, rows: int) -> float:
    """Return the time of a look at a thousand new rows behind so many old ones, s."""
    run = write_run(folder, rows)
    while reading.glance(str(run)).more:
        pass
    times = []
    for k in range(9):
        lines = "".join(
            f'0,{(rows + 1000 * k + j) * 1e-5},"top","pulse",1.0,1.0,1e-4,1e-6,1e-4,1e-8,0\n'
            for j in range(1000)
        )
        with (run / READINGS).open("a", newline="") as file:
            file.write(lines)
        begin = time.perf_counter()
        reading.glance(str(run))
        times.append(time.perf_counter() - begin)
    reading.close(str(run))
    return float(np.median(times))


def look_ratio(short: int, long: int) -> Party:
    """Return how much longer a look at a short run takes than at a long one."""

    def party() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return look_time(Path(folder), short) / look_time(Path(folder), long)

    return party


@contextmanager
def growing(run: Path) -> Iterator[None]:
    """Let a process of its own append rows to a run, 1e5 a second."""
    code = (
        "import sys, time\n"
        f"rate, part, k = {ROWS_PER_SECOND}, {ROWS_PER_SECOND // 20}, 0\n"
        "with open(sys.argv[1], 'ab', buffering=0) as file:\n"
        "    begin = time.monotonic()\n"
        "    while True:\n"
        "        file.write(b''.join(b'0,%.7f,\"top\",\"pulse\",1.0,1.0,1e-4,1e-6,1e-4,1e-8,0\\n'\n"
        "                            % ((k + j) * 1e-5) for j in range(part)))\n"
        "        k += part\n"
        "        time.sleep(max(0, begin + k / rate - time.monotonic()))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(run / READINGS)])
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def free_loop(duration: float) -> Party:
    """Return how many of the longest waits of the event loop go into a second."""

    def party() -> float:
        with tempfile.TemporaryDirectory() as folder:
            run = write_run(Path(folder), 1000)
            view = RunView()
            view.resize(1200, 700)
            view.show()
            view.setValue(run)
            Settling(view)  # as the program does
            with growing(run):
                turn(2.0)  # processes start, the first plot is drawn
                longest = turn(duration)
            view.close_worker()
            view.close()
            view.deleteLater()
            turn(0.1)
            return 1 / longest

    return party


def turn(duration: float) -> float:
    """Run the event loop; return the longest time between two beats of a timer of 1 ms, s."""
    loop, beats = QEventLoop(), [time.perf_counter()]
    timer = QTimer()
    timer.setInterval(1)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start()
    QTimer.singleShot(int(duration * 1000), loop.quit)
    loop.exec()
    timer.stop()
    return float(np.diff(beats).max()) if len(beats) > 1 else duration


def memory(refreshes: int) -> Party:
    """Return the inverse of what the window's memory grows by, 1/MB, at least 0.1 MB."""

    def party() -> float:
        app = QApplication.instance()
        assert app is not None
        plot = PanelPlot()
        plot.resize(900, 600)
        plot.show()
        process = psutil.Process()
        before = 0.0
        for k in range(refreshes):
            if k == refreshes // 4:  # caches are filled
                gc.collect()
                before = process.memory_info().rss
            x = np.arange(k, k + 1500) * 1e-3
            trace = Trace(tuple(x.tolist()), tuple(np.sin(x).tolist()), "read")
            plot.setValue((Panel("live", "t", "s", "i", "A", (trace,)),))
            app.processEvents()
        gc.collect()
        grown = (process.memory_info().rss - before) / 1e6
        plot.close()
        plot.deleteLater()
        app.processEvents()
        return 1 / max(grown, 0.1)

    return party


def first_window(code: str, folder: str) -> Party:
    """Return first windows a second: from the start of Python until it is painted.

    The byte-code of both is kept, as it is wherever a program is opened twice; a first turn that
    is not counted writes it down.
    """
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder) / "byte-code")}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)

    def party() -> float:
        if not warmed:
            warmed.append(True)
            party()
        begin = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-c", code, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=surroundings,
            text=True,
        )
        assert child.stdout is not None
        shown = child.stdout.readline().strip() == "shown"
        elapsed = time.perf_counter() - begin
        ending = threading.Timer(10, child.kill)
        ending.start()
        child.wait()
        ending.cancel()
        if not shown:
            raise RuntimeError("a window did not come")
        return 1 / elapsed

    warmed: list[bool] = []
    return party


def main(description: str) -> None:
    """Measure everything and print it."""
    asked = arguments(description)
    part = 10 if asked.quick else 1
    comparison = Comparison("gui", PACKAGES, 1 if asked.quick else 3)
    app = QApplication([])
    apply(app, "light")
    points = 10_000_000
    comparison.measure(
        Case("zooming in 1e7 points", "frames/s", {"25 ms a frame": 1.0}),
        our_frames(points, 200 // part),
        {"25 ms a frame": bound(1 / FRAME), "pyqtgraph": plain_frames(points, 20 // part)},
        {},
    )
    comparison.measure(
        Case("a look at 1000 new rows, after 5e4 and after 1e6", "ratio", {"twice as long": 1.0}),
        look_ratio(50_000, 1_000_000 // part),
        {"twice as long": bound(1 / GROWTH)},
        {},
    )
    comparison.measure(
        Case("event loop at 1e5 rows/s, longest wait", "1/s", {"50 ms": 1.0}),
        free_loop(20.0 / part),
        {"50 ms": bound(1 / BLOCK)},
        {},
    )
    comparison.measure(
        Case("memory over refreshes", "1/MB", {"10 MB": 1.0}),
        memory(4000 // part),
        {"10 MB": bound(1 / MEMORY)},
        {},
    )
    with tempfile.TemporaryDirectory() as folder:
        comparison.measure(
            Case("first window", "1/s", {"pymeasure": 1 / 0.6}),
            first_window(OURS, folder),
            {"pymeasure": first_window(PYMEASURE, folder)},
            {},
        )
    comparison.print(asked.json)
