"""Runs are watched, judged, refitted, listed, compared and exported, all beside the event loop."""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from gui import listed, papers, reading
from gui.errand import Answer, Elsewhere
from gui.exporting import Exporter, default_path
from gui.following import told_of_step
from gui.listed import Wanted
from gui.panels import PanelPlot
from gui.refit import Refit
from gui.refitting import COMPETING, Asked, refit
from gui.results_text import energy_sentence, residual_verdict
from gui.results_view import ResultsView
from gui.run_browser import RunBrowser
from gui.run_head import left_text
from gui.run_view import RunView
from gui.worker import Worker
from labctl import catalogue, engine
from labctl.control import Control
from labctl.errors import BadInput
from labctl.journal import JOURNAL, READINGS, Begun
from labctl.record import Record
from labctl.remarks import Remarks
from labctl.results import Fit, Metric, Results
from labctl.tail import Tail

PATIENCE = 20_000  # ms


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for seed, site in ((1, ""), (2, "3,2,1")):
        protocol = catalogue.protocol_from(
            "ppf", {"intervals": "10 ms .. 1 s, 8 log", "repeats": 2, "seed": seed}
        )
        engine.run(protocol, "direct-ftj", engine.Options(root, seed, site), Control())
    return root


@pytest.fixture(scope="module")
def folder(runs: Path) -> Path:
    return Path(listed.scan(str(runs))[-1].folder)


@pytest.fixture(scope="module")
def worker(qapp: QApplication) -> Iterator[Worker]:
    """Return a worker whose processes are there already: starting them is what takes long."""
    made, answers = Worker(), []
    made.ask(answers.append, Elsewhere("gui.reading", "close"), "nothing")
    made.ask(answers.append, Elsewhere("gui.papers", "csv_text"), ())
    until = time.monotonic() + PATIENCE / 1000
    while len(answers) < 2 and time.monotonic() < until:
        qapp.processEvents()
        time.sleep(0.005)
    assert len(answers) == 2
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def show(qapp: QApplication) -> Iterator[Callable]:
    made = []

    def shown(widget):
        widget.resize(720, 480)
        widget.show()
        qapp.processEvents()
        made.append(widget)
        return widget

    yield shown
    for widget in made:
        if isinstance(widget, RunView):
            widget.setValue(None)
        widget.close()
        widget.deleteLater()


def test_a_finished_run_is_shown_with_its_results(show, worker, folder: Path, qtbot) -> None:
    view = show(RunView(worker=worker))
    assert view.status() == "empty"
    statuses: list[str] = []
    view.statusChanged.connect(statuses.append)
    view.setValue(folder)
    qtbot.waitUntil(lambda: view.results() is not None, timeout=PATIENCE)
    assert statuses == ["reading", "done"]
    assert view.results() == Record(folder).results
    assert view.plot.simulated()
    titles = {panel.title for panel in view.plot.value()}
    assert titles == {p.title for p in view.results().panels} | {reading.READINGS_TITLE}
    view.setValue(None)
    assert view.status() == "empty"
    assert view.plot.value() == ()


def test_a_run_that_goes_on_is_followed(show, worker, folder: Path, tmp_path: Path, qtbot) -> None:
    live = tmp_path / "live"
    shutil.copytree(folder, live)
    (live / "results.json").unlink()
    whole = {name: (live / name).read_bytes() for name in (JOURNAL, READINGS)}
    header = (live / "run.json").read_text("utf-8")
    (live / "run.json").write_text(header.replace('"status": "done"', '"status": "running"'))
    for name, data in whole.items():
        (live / name).write_bytes(data[: len(data) // 3])
    view = show(RunView(worker=worker))
    view.setValue(live)
    qtbot.waitUntil(lambda: view.results() is not None, timeout=PATIENCE)
    assert view.status() == "running"
    first = view.glance()
    for name, data in whole.items():
        (live / name).write_bytes(data)
    (live / "run.json").write_text(header)
    qtbot.waitUntil(lambda: view.status() == "done", timeout=PATIENCE)
    assert view.glance().rows > first.rows
    qtbot.waitUntil(lambda: view.results() == Record(folder).results, timeout=PATIENCE)
    shutil.rmtree(live)
    qtbot.waitUntil(lambda: view.status() == "gone", timeout=PATIENCE)
    assert view.plot.value()  # what was read is still shown


def test_a_folder_that_is_no_run_says_so(show, worker, tmp_path: Path, qtbot) -> None:
    view = show(RunView(worker=worker))
    view.setValue(tmp_path)
    qtbot.waitUntil(lambda: view.status() == "unreadable", timeout=PATIENCE)
    assert "not a run folder" in view.plot._message.text()


def test_flags_are_rings_on_the_readings(folder: Path, tmp_path: Path) -> None:
    live = tmp_path / "flagged"
    shutil.copytree(folder, live)
    lines = (live / READINGS).read_text("utf-8").splitlines(keepends=True)
    lines[5] = lines[5].rsplit(",", 1)[0] + ",1\n"
    lines[9] = lines[9].rsplit(",", 1)[0] + ",9\n"
    (live / READINGS).write_text("".join(lines))
    found = reading.glance(str(live))
    reading.close(str(live))
    assert found.flagged == {"in compliance": 2, "contact check failed": 1}
    rings = {t.label: t for t in found.readings.traces if t.kind == "flagged"}
    assert len(rings["in compliance"].x) == 2


def test_readings_are_all_in_the_plot_of_a_short_run(folder: Path) -> None:
    found = reading.glance(str(folder))
    reading.close(str(folder))
    record = Record(folder)
    shown = sorted(x for trace in found.readings.traces for x in trace.x)
    assert shown == sorted(record.readings.t.tolist())
    assert found.steps == len(record.steps)


def test_where_a_current_was_asked_for_the_voltages_are_shown_as_well(tmp_path: Path) -> None:
    asked = {"currents": "20 uA, 90 uA, 150 uA", "repeats": 1}
    protocol = catalogue.protocol_from("programming-curve", asked)
    record = engine.run(protocol, "direct-pcm", engine.Options(tmp_path), Control())
    found = reading.glance(str(record.folder))
    reading.close(str(record.folder))
    (pulses,) = found.voltages.traces
    assert (pulses.label, len(pulses.x)) == ("pulse on top", 3)
    assert pulses.y == pytest.approx([0.9, 90e-6 * 13e3, 150e-6 * 13e3], rel=1e-3)
    assert (found.voltages.y_label, found.voltages.y_unit) == ("voltage", "V")
    assert {trace.label for trace in found.readings.traces} == {"pulse on top", "read on top"}
    (step,) = [s for s in record.steps if s.label["part"] == "pulse" and s.label["pulse"] == 1]
    told = told_of_step(Begun(step.index, 1, 0, 0.0, step.what))
    assert told.startswith("play 1 us, 1 pulses, peak 90 uA within 3 V, compliance 1 mA")


def test_zooming_into_many_readings_shows_every_one(monkeypatch, folder: Path) -> None:
    monkeypatch.setattr(reading, "_COLUMNS", 8)
    t = np.sort(Record(folder).readings.where(role="read").t)
    low, high = float(t[20]), float(t[25])
    coarse = reading.glance(str(folder)).readings
    fine = reading.glance(str(folder), (low, high)).readings
    reading.close(str(folder))
    inside = [
        sum(low <= x <= high for trace in p.traces for x in trace.x if trace.label == "read on top")
        for p in (coarse, fine)
    ]
    assert inside[0] < 6
    assert inside[1] == 6
    assert all(list(trace.x) == sorted(trace.x) for trace in fine.traces)


def test_other_runs_are_drawn_over_it(show, worker, runs: Path, qtbot) -> None:
    one, two = (Path(run.folder) for run in listed.scan(str(runs)))
    view = show(RunView(worker=worker))
    view.setValue(one)
    qtbot.waitUntil(lambda: view.results() is not None, timeout=PATIENCE)
    view.setCompared([two])
    qtbot.waitUntil(lambda: two.name in view.plot.overlays(), timeout=PATIENCE)
    assert view.plot.overlays()[two.name] == Record(two).results.panels


def test_a_refit_is_what_the_analysis_gives(show, worker, folder: Path, qtbot) -> None:
    panels = Record(folder).results.panels
    widget = show(Refit(worker=worker))
    got: list[Results] = []
    widget.fitted.connect(got.append)
    widget.setValue(panels)
    qtbot.waitUntil(lambda: bool(got), timeout=PATIENCE)
    assert widget.model() == ("decay", COMPETING)
    widget.setModel("decay", "single_decay")
    widget.setRange((0.02, 0.6))
    qtbot.waitUntil(lambda: list(got[-1].fits) == ["single_decay"], timeout=PATIENCE)
    panel = next(p for p in panels if p.title == "Facilitation in the pulses")
    ours = refit(Asked(panel, 0, "decay", "single_decay", 0.02, 0.6))
    assert got[-1] == ours.results
    assert (ours.used, ours.of) == (5, 8)
    left = [t for t in widget.plot.value()[0].traces if t.label == "left out"]
    assert len(left[0].x) == 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"family": "none"}, "no family"),
        ({"family": "decay", "model": "cubic"}, "unknown"),
        ({"family": "decay", "low": 5.0, "high": 6.0}, "no point is in the range"),
    ],
)
def test_an_impossible_refit_is_refused(folder: Path, asked: dict, said: str) -> None:
    panel = next(p for p in Record(folder).results.panels if p.title.startswith("Facil"))
    with pytest.raises(BadInput, match=said):
        refit(Asked(panel, 0, **asked))


def test_a_click_on_a_number_copies_it(show, folder: Path) -> None:
    view = show(ResultsView())
    assert "appear here" in view._text.toPlainText()
    results = Record(folder).results
    view.setValue(results)
    said = view._text.toPlainText()
    for name in ("single decay", "identifiable", "index read", "energies reported"):
        assert name in said
    view._clicked(QUrl("copy:energy%20%3D%2045%20nJ"))
    assert QGuiApplication.clipboard().text() == "energy = 45 nJ"
    view.copy_all()
    assert str(results.fits["single_decay"].points) in QGuiApplication.clipboard().text()
    view._compare.setChecked(True)
    assert view._energy.isVisible()
    assert view._energy.value()[0].y_unit == "J"


def test_verdicts_are_said_in_words() -> None:
    assert "biology" in energy_sentence(Metric(1e-14, None, "J"))
    assert "1 times" in energy_sentence(Metric(1e-14, None, "J"))
    assert "one side" in residual_verdict(Fit("m", "", runs=0.001))
    assert left_text(5, {"steps": 10, "duration": 10.0}, 11.0) == "50%, longer than planned"
    assert left_text(5, {}, 0.0) == ""


def test_the_list_of_runs_finds_filters_and_keeps_remarks(show, worker, runs: Path, qtbot) -> None:
    browser = show(RunBrowser(runs, worker=worker))
    qtbot.waitUntil(lambda: len(browser.runs()) == 2, timeout=PATIENCE)
    browser.search(Wanted("3,2,1"))
    assert [run.device for run in browser.runs()] == ["3,2,1"]
    browser.search(Wanted("nothing like this"))
    assert browser.runs() == ()
    assert any("Clear the search" in label.text() for label in browser.findChildren(QLabel))
    browser.search(Wanted(kind="ppf", status="done"))
    assert len(browser.runs()) == 2
    opened: list[Path] = []
    compared: list[tuple[Path, ...]] = []
    browser.opened.connect(opened.append)
    browser.compared.connect(compared.append)
    first, second = (Path(run.folder) for run in browser.runs())
    browser.choose(first)
    browser._open_action.trigger()
    assert opened == [first]
    browser._note.setText("leaky")
    browser._tags.setText("fig2 good")
    browser._keep()
    qtbot.waitUntil(lambda: browser.runs()[0].remarks.note == "leaky", timeout=PATIENCE)
    assert listed.read_remarks(first) == Remarks("leaky", ("fig2", "good"))
    assert listed.choose(browser.runs(), Wanted("fig2")) == (browser.runs()[0],)
    browser.choose(first, second)
    browser._compare_action.trigger()
    assert compared == [(first, second)]


def test_an_unreadable_run_is_listed_with_the_reason(tmp_path: Path) -> None:
    bad = tmp_path / "2026-01-01" / "120000-ppf"
    bad.mkdir(parents=True)
    (bad / "run.json").write_text("{")
    found = listed.scan(str(tmp_path))
    assert [run.status for run in found] == ["unreadable"]
    assert "cannot be read" in found[0].headline


def test_figures_data_report_and_page_are_saved(
    show, worker, folder: Path, tmp_path: Path, qtbot
) -> None:
    plot = show(PanelPlot())
    plot.setValue(Record(folder).results.panels)
    plot.setSimulated(True)
    exporter = Exporter(plot, worker)
    exporter.folder = folder
    saved: list[str] = []
    failed: list[str] = []
    exporter.exported.connect(saved.append)
    exporter.failed.connect(failed.append)
    for form, start in (("svg", b"<?xml"), ("csv", b"Facil"), ("page", b"<!doctype")):
        path = tmp_path / f"a.{form}"
        exporter.save(form, str(path), plot)
        qtbot.waitUntil(lambda path=path: str(path) in saved, timeout=PATIENCE)
        assert path.read_bytes().startswith(start)
    assert b"SIMULATED" in (tmp_path / "a.page").read_bytes()
    exporter.save("csv", str(tmp_path / "nowhere" / "a.csv"), plot)
    qtbot.waitUntil(lambda: bool(failed), timeout=PATIENCE)
    assert "cannot be written" in failed[0]
    exporter.ask("image", plot)
    assert isinstance(QGuiApplication.clipboard().image(), QImage)


def test_asking_where_to_save_does_not_stop_the_window(show, worker, folder: Path) -> None:
    plot = show(PanelPlot())
    plot.setValue(Record(folder).results.panels)
    exporter = Exporter(plot, worker)
    exporter.attach(plot)
    plot.exportWanted.emit("pdf")
    dialog = plot.findChild(QFileDialog)
    assert dialog.isVisible()
    assert not dialog.isModal()
    dialog.close()


def test_data_that_are_exported_are_the_data(folder: Path) -> None:
    panel = next(p for p in Record(folder).results.panels if p.title.startswith("Facil"))
    rows = list(csv.reader(papers.csv_text((panel,)).splitlines()))
    assert rows[1][:3] == ["interval [s]", "index", "u(index)"]
    assert [float(row[0]) for row in rows[2:] if row[0]] == list(panel.traces[0].x)
    assert [float(row[1]) for row in rows[2:] if row[1]] == list(panel.traces[0].y)


def test_names_of_files_are_allowed_everywhere() -> None:
    path = default_path(Path("runs/d/1-ppf"), "I/V: at 1 V?", "pdf")
    assert path.name == "1-ppf i-V- at 1 V-.pdf"


def test_a_worker_that_dies_says_so_and_starts_again(qapp: QApplication, qtbot) -> None:
    worker, answers = Worker(), []
    worker.ask(answers.append, os._exit, 3)
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=PATIENCE)
    assert "ended" in answers[0].error
    worker.ask(answers.append, divmod, 7, 2)
    worker.ask(answers.append, divmod, 7, 0)
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=PATIENCE)
    assert answers[1] == Answer(2, (3, 1))
    assert "ZeroDivisionError" in answers[2].error
    forgotten = worker.ask(answers.append, divmod, 7, 2)
    worker.forget(forgotten)
    assert worker.busy()
    qtbot.waitUntil(lambda: not worker.busy(), timeout=PATIENCE)
    assert len(answers) == 3
    worker.close()
    worker.deleteLater()


def test_watching_costs_what_was_added(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look at a run reads no row again."""
    reading.glance(str(folder))
    taken: list[int] = []
    whole = reading._Watched._take
    monkeypatch.setattr(
        reading._Watched, "_take", lambda self, new: (taken.append(len(new)), whole(self, new))
    )
    again = reading.glance(str(folder))
    reading.close(str(folder))
    assert taken == []
    assert again.rows == len(Tail(folder).readings) + len(Record(folder).readings)
    assert np.isfinite(again.now)


def test_keys_of_the_list(show, worker, runs: Path, qtbot) -> None:
    browser = show(RunBrowser(runs, worker=worker))
    qtbot.waitUntil(lambda: len(browser.runs()) == 2, timeout=PATIENCE)
    opened: list[Path] = []
    browser.opened.connect(opened.append)
    browser._list.setFocus()
    browser._list.setCurrentIndex(browser._model.index(1))
    qtbot.keyClick(browser._list, Qt.Key.Key_Return)
    assert opened == [Path(browser.runs()[1].folder)]
