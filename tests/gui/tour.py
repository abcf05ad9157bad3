"""A tour of the window: a picture of every screen and state, to be looked at.

    python tests/gui/tour.py --out DIR [--only NAME] [--scheme light] [--size 1024x640]

Real runs on virtual benches, nothing is drawn by hand. Needs no screen.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

import labctl
from gui.look import apply
from gui.window import Window
from labctl import catalogue

SCHEMES, SIZES = ("light", "dark"), ("1024x640", "1920x1080")
QUICK = {"intervals": "10 ms, 30 ms, 100 ms, 300 ms, 1 s", "repeats": "2", "longest_wait": "1 s"}
SLOW = {"intervals": "200 ms .. 500 ms, 8 log", "repeats": "20", "longest_wait": "1 s"}
SITES = ("4,4,1", "4,4,2", "3,4,1", "5,4,1", "4,3,1", "4,5,3")
FAULTY = """name = "faulty"
title = "Virtual 2602B that falls silent"
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

Stop = Callable[["Tour"], None]


def wait(ready: Callable[[], object] = lambda: False, most: float = 15.0) -> None:
    """Let the window work until something is so, or a time has passed, s."""
    for _ in range(int(most * 20)):
        if ready():
            break
        QTest.qWait(50)
    QTest.qWait(150)


class Tour:
    """One window on its way through all states."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.window = Window(root)
        self.opened = self.window.opened

    def planned(self, word: str = "") -> None:
        """Wait for the verdict on what is open."""
        view = self.window.centre.verdict
        wait(lambda: view.value() is not None and word in view.text())
        wait(lambda: self.window.centre.preview.course() is not None)

    def idle(self) -> None:
        """Wait until nothing runs and the plots are there."""
        wait(lambda: not self.window.conduct.busy, 60)
        wait(lambda: self.window.results.value() is not None, 20)
        QTest.qWait(600)

    def begin(self) -> None:
        """Start a run that takes minutes, and wait until it has data."""
        self.opened.choose_bench("sim-ftj")
        self.opened.change_all(SLOW)
        self.opened.change_ways(pace=10.0)
        self.window.conduct.run_now()
        watching = self.window.watching
        wait(lambda: watching.run is not None and watching.run.done > 24, 40)
        wait(lambda: self.window.results.value() is not None, 20)


def first(tour: Tour) -> None:
    """Nothing has been configured; one click runs it."""
    tour.planned("feasible")


def refused(tour: Tour) -> None:
    """A width that the instrument cannot make."""
    tour.opened.change_all({"width": "20 us", "amplitude": "5 V"})
    tour.planned("refused")


def mistyped(tour: Tour) -> None:
    """A field that cannot be read, and one that is out of bounds."""
    tour.opened.change_all({"width": "20 parsec", "read": "-1 V"})
    wait(most=0.5)


def degraded(tour: Tour) -> None:
    """A bench that can only do something else, with the details open."""
    tour.opened.change_all({})
    tour.opened.choose_bench("sim-2410")
    tour.planned("possible")
    tour.window.centre.verdict.toggle()
    wait(lambda: tour.window.centre.verdict.value().benches, 60)


def unreadable_bench(tour: Tour) -> None:
    """A bench file that is not TOML."""
    tour.window.centre.verdict.toggle()
    path = tour.root.parent / "wrong.toml"
    path.write_text("[instruments", encoding="utf-8")
    tour.opened.choose_bench(str(path))
    wait(most=0.5)


def running(tour: Tour) -> None:
    """A run that goes on."""
    tour.begin()


def paused(tour: Tour) -> None:
    """The same run, paused."""
    tour.window.conduct.runner.pause()
    wait(most=1.0)


def closing(tour: Tour) -> None:
    """The only question there is: what becomes of the run."""
    tour.window.close()
    wait(most=0.5)


def aborted(tour: Tour) -> None:
    """Broken off, with what can be done now."""
    for box in tour.window.findChildren(QMessageBox):
        box.reject()
    tour.window.conduct.abort()
    tour.idle()


def finished(tour: Tour) -> None:
    """A run that is done, on a wafer whose map shows a figure of merit."""
    tour.opened.choose_bench("sim-wafer")
    tour.opened.change_all({})
    tour.opened.change_ways(pace=0.0)
    folders = [f for f in catalogue.run_folders(tour.root) if f.name.endswith("4,4,1")]
    tour.opened.show_run(folders[0])
    tour.idle()
    tour.window.sample.colour_by("ppf.index")
    wait(most=0.5)


def compared(tour: Tour) -> None:
    """Several runs laid over each other."""
    folders = [f for f in catalogue.run_folders(tour.root) if f.name[-5:] in SITES]
    tour.window.compare(tuple(folders[:3]))
    tour.idle()
    wait(most=2.0)


def plots_only(tour: Tour) -> None:
    """The form hidden, so that the plots have the room."""
    tour.window.centre.toggle_setup()
    wait(most=0.5)


def queued(tour: Tour) -> None:
    """A queue over sites and a grid of parameters."""
    tour.window.centre.toggle_setup()
    tour.opened.choose_sites(SITES[:3])
    tour.window.toggle("Queue")
    tour.window.conduct.add({"amplitude": ["0.8 V", "1 V"]})
    wait(lambda: tour.window.conduct.queue.left > 0)
    wait(most=1.5)


def bench(tour: Tour) -> None:
    """The bench in full, after its instruments were asked."""
    tour.window.docks["Queue"].hide()
    tour.window.docks["Bench"].raise_()
    tour.window.identify()
    wait(lambda: tour.window.instruments.states["smu"].word == "ok", 20)


def failed(tour: Tour) -> None:
    """An instrument falls silent in the middle; the console says so."""
    path = tour.root.parent / "faulty.toml"
    path.write_text(FAULTY, encoding="utf-8")
    tour.opened.choose_bench(str(path))
    tour.opened.change_all(QUICK)
    tour.window.conduct.run_now()
    tour.idle()
    tour.window.toggle("Console")
    wait(most=0.5)


def wire(tour: Tour) -> None:
    """What was sent and answered, beside the run."""
    console = tour.window.console
    console.clear()
    console._wire.setChecked(True)
    tour.opened.choose_bench("sim-ftj")
    tour.opened.change_all(QUICK)
    tour.window.conduct.run_now()
    tour.idle()


def unreadable_run(tour: Tour) -> None:
    """A folder that is no run."""
    tour.window.docks["Console"].hide()
    folder = tour.root / "2026-01-01" / "000000-broken"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text("{", encoding="utf-8")
    tour.opened.show_run(folder)
    wait(most=2.0)


def sheet(tour: Tour) -> None:
    """A lab sheet as a fourth column."""
    tour.window.docks["Sample"].raise_()
    tour.window.toggle("Lab sheet")
    wait(most=0.5)


STOPS: tuple[Stop, ...] = (
    first, refused, mistyped, degraded, unreadable_bench, running, paused, closing, aborted,
    finished, compared, plots_only, queued, bench, failed, wire, unreadable_run, sheet,
)  # fmt: skip


def picture(widget: QWidget, path: Path) -> None:
    """Save what a widget shows; dialogs of a window are drawn where they stand."""
    image = widget.grab()
    for box in widget.findChildren(QMessageBox):
        if box.isVisible():
            box.render(image, (widget.rect().center() - box.rect().center()))
    image.save(str(path))


def take(out: Path, scheme: str, size: str, only: str) -> Iterator[Path]:
    """Go through all states in one scheme and size; yields the pictures."""
    width, height = map(int, size.split("x"))
    apply(QApplication.instance(), scheme)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        root = Path(place) / "runs"
        for site in SITES:
            labctl.run("ppf", bench="sim-wafer", out=root, device=site, **QUICK)  # type: ignore[arg-type]
        tour = Tour(root)
        tour.window.resize(width, height)
        tour.window.show()
        for number, stop in enumerate(STOPS, 1):
            if only and stop.__name__ != only:
                continue
            stop(tour)
            path = out / f"{number:02}-{stop.__name__}-{scheme}-{size}.png"
            picture(tour.window, path)
            yield path
        if tour.window.conduct.runner.busy:
            tour.window.conduct.leave("abort")
        tour.window.close()
        tour.window.deleteLater()
        QTest.qWait(200)


def main() -> None:
    """Take the pictures that were asked for."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("--out", type=Path, required=True)
    said.add_argument("--only", default="")
    said.add_argument("--scheme", choices=SCHEMES)
    said.add_argument("--size")
    options = said.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert app is not None
    for scheme in (options.scheme,) if options.scheme else SCHEMES:
        for size in (options.size,) if options.size else SIZES:
            for path in take(options.out, scheme, size, options.only):
                sys.stdout.write(f"{path}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
