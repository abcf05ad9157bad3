"""The window's own widgets: values go in and come out, and what is done by hand is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QPushButton

from gui.background import Background
from gui.bench_bar import BenchBar
from gui.bench_view import BenchView, bench_html
from gui.console import Console
from gui.fields import FieldEdit, stepped
from gui.instruments import Instruments, InstrumentState
from gui.labels import Line
from gui.opened import Opened
from gui.order import Order, command_text, python_text
from gui.parameters import Field, Problem, fields_of, made
from gui.planning import Planner, Question, advise
from gui.protocol_form import ProtocolForm
from gui.protocol_list import ProtocolList, picture
from gui.queue import Queue
from gui.queue_view import QueueBar, QueuePanel, job_text
from gui.sample import layout_of
from gui.sample_map import SampleMap
from gui.sample_view import SampleView
from gui.teach import EXERCISES, SheetView, order_of_link, sheets
from gui.verdict_view import VerdictView
from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.feasibility import Stress, examine
from protocols.ppf import PairedPulse

KINDS = catalogue.names("protocol")
WIDTH = Field("width", "quantity", "s", "Of a pulse.", "100 us", bounds=(("gt", 0.0),))


@pytest.mark.parametrize(
    ("text", "kind", "unit", "up", "after"),
    [
        ("100 us", "quantity", "s", True, "200 us"),
        ("100 us", "quantity", "s", False, "50 us"),
        ("130 us", "quantity", "s", True, "200 us"),
        ("-1 V", "quantity", "V", True, "-2 V"),
        ("0 V", "quantity", "V", True, "0 V"),
        ("much", "quantity", "V", True, "much"),
        ("5", "count", "", False, "4"),
        ("0", "count", "", False, "0"),
        ("1 ms, 2 ms", "series", "s", True, "1 ms, 2 ms"),
    ],
)
def test_arrows_step_a_value(text: str, kind: str, unit: str, up: bool, after: str) -> None:
    assert stepped(text, Field("x", kind, unit), up=up) == after  # type: ignore[arg-type]


def test_a_field_is_typed_stepped_and_mended(qtbot) -> None:
    edit = FieldEdit(WIDTH)
    qtbot.addWidget(edit)
    told: list[str] = []
    edit.valueChanged.connect(told.append)
    edit.show()
    edit.take_keyboard()
    qtbot.keyClicks(edit._editor, "20 us")
    assert edit.value() == "20 us"
    assert told[-1] == "20 us"
    qtbot.keyClick(edit._editor, Qt.Key.Key_Up)
    assert edit.value() == "50 us"
    edit.setProblem(Problem("width", "it must be longer.", "100 us"))
    button = edit.findChild(QPushButton)
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert (edit.value(), told[-1]) == ("100 us", "100 us")
    edit.setProblem(None)
    assert not button.isVisible()


def test_every_sort_of_field_has_an_editor(qtbot) -> None:
    for field, text in (
        (Field("a", "choice", choices=("fast", "slow"), default="fast"), "slow"),
        (Field("b", "switch", default="no"), "yes"),
        (Field("c", "text"), "x"),
        (Field("d", "count", default="1"), "3"),
    ):
        edit = FieldEdit(field)
        qtbot.addWidget(edit)
        assert edit.value() == field.default
        edit.setValue(text)
        assert edit.value() == text


@pytest.mark.parametrize(
    "kinds", [KINDS[::5], pytest.param(KINDS, marks=pytest.mark.long)], ids=["some", "all"]
)
def test_a_form_shows_any_protocol(qtbot, kinds: list[str]) -> None:
    form = ProtocolForm()
    qtbot.addWidget(form)
    form.resize(640, 300)
    form.show()
    for kind in kinds:
        protocol = catalogue.load("protocol", kind)
        form.setProtocol(protocol)
        QApplication.processEvents()
        assert form.value() == {}
        form.setValue({"seed": "5"})
        assert form.value() == {"seed": "5"}
        form.setValue({})
        assert form.value() == {}
        shown = [form.edit(field.name).geometry() for field in fields_of(protocol)]
        assert len({(place.x(), place.y()) for place in shown}) == len(shown)


def test_a_form_shows_problems_in_place(qtbot) -> None:
    form = ProtocolForm()
    qtbot.addWidget(form)
    form.setProtocol(PairedPulse)
    form.resize(640, 200)
    form.show()
    told: list[object] = []
    form.valueChanged.connect(told.append)
    form.edit("width").take_keyboard()
    qtbot.keyClicks(form.edit("width")._editor, "-1 us")
    assert told[-1] == {"width": "-1 us"}
    _, problems = made(PairedPulse, form.value())
    form.setProblems(problems)
    assert form.edit("width")._complaint.isVisible()
    assert not form.edit("read")._complaint.isVisible()
    form.setProblems((Problem("", "both are wrong."),))
    assert form._problem.text() == "both are wrong."
    assert not form.edit("width")._complaint.isVisible()


def test_a_line_is_cut_where_there_is_no_room(qtbot) -> None:
    line = Line()
    qtbot.addWidget(line)
    line.resize(60, 20)
    line.setValue("a sentence that is much too long for this")
    assert line.text().endswith("…")
    assert line.value().endswith("this")
    line.resize(900, 20)
    line.show()
    QApplication.processEvents()
    assert line.text() == line.value()


def test_the_verdict_follows_what_is_typed(qtbot) -> None:
    planner, view = Planner(), VerdictView()
    qtbot.addWidget(view)
    planner.answered.connect(view.setValue)
    remedies: list[object] = []
    view.remedyTaken.connect(remedies.append)
    view.show()
    texts = {"repeats": "1", "width": "20 us"}
    first, _ = made(PairedPulse, {"repeats": "1"})
    second, _ = made(PairedPulse, texts)
    assert first is not None
    assert second is not None
    with qtbot.waitSignal(planner.answered, timeout=20000) as answer:
        planner.ask(first, {}, "sim-ftj")  # overtaken: only the last question is answered
        planner.ask(second, texts, "sim-ftj")
    assert answer.args[0].question.protocol == second
    assert "refused" in view.text()
    assert "at least 100 µs allowed" in view.text()
    button = next(b for b in view.findChildren(QPushButton) if b.text() == "width: use 100 µs")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert (remedies[0].field, remedies[0].text) == ("width", "100 us")
    view.setStress(Stress(runs=2, pulses=40, peak=1.0))
    assert "so far 40 pulses in 2 runs" in view.text()
    view.say("mend it first")
    assert view.text() == "mend it first"
    planner.close()


def test_what_can_be_done_instead_is_accepted_by_a_button(qtbot) -> None:
    planner, view = Planner(), VerdictView()
    qtbot.addWidget(view)
    protocol, _ = made(PairedPulse, {"repeats": "1", "intervals": "20 ms"})
    assert protocol is not None
    with qtbot.waitSignal(planner.answered, timeout=20000) as answer:
        planner.ask(protocol, {}, "sim-2410")
    planner.close()
    advice = answer.args[0]
    view.setValue(advice)
    assert "refused" in view.text()
    labels = [button.text() for button in view.findChildren(QPushButton)]
    assert "accept degraded" in labels
    view.setValue(advice, accepted=True)
    assert "feasible degraded" in view.text()


def test_the_list_of_protocols_is_searched(qtbot) -> None:
    found = ProtocolList()
    qtbot.addWidget(found)
    failed: list[str] = []
    found.failed.connect(failed.append)
    with qtbot.waitSignal(found.ready, timeout=20000):
        found.fill()
    assert failed == []
    offered = [kind for kind in catalogue.names("protocol") if kind != "imported"]
    assert sorted(found.kinds()) == offered
    found.setValue("ppf")
    chosen: list[str] = []
    found.valueChanged.connect(chosen.append)
    found.search("facilitation nie")
    assert found.kinds() == ["ppf"]
    found.search("retention")
    first = found.kinds()[0]
    qtbot.keyClick(found._search, Qt.Key.Key_Return)
    assert chosen == [first]
    found.search("nothing like this")
    assert found.kinds() == []


def test_a_picture_has_the_waveform_in_it(qapp) -> None:
    image = picture(PairedPulse().preview()).toImage()
    inked = sum(
        image.pixelColor(x, y).alpha() > 0
        for x in range(image.width())
        for y in range(image.height())
    )
    assert inked > 50
    assert picture(()).toImage().pixelColor(5, 5).alpha() == 0


def test_the_bar_shows_the_bench_and_asks(qtbot) -> None:
    bar = BenchBar()
    qtbot.addWidget(bar)
    bar.setBenches(["sim-ftj", "keithley2602b"])
    bar.setValue("sim-ftj")
    bar.setSimulated("Virtual 2602B")
    bar.show()
    assert bar._band.isVisible()
    asked: list[str] = []
    for name in ("pause", "resume", "stop", "abort"):
        getattr(bar, f"{name}Asked").connect(lambda name=name: asked.append(name))
    qtbot.mouseClick(bar._abort, Qt.MouseButton.LeftButton)  # from every state
    bar.press_pause()  # there is nothing to pause
    bar.setState("running")
    bar.press_pause()
    bar.setState("paused")
    bar.press_pause()
    qtbot.mouseClick(bar._stop, Qt.MouseButton.LeftButton)
    assert asked == ["abort", "pause", "resume", "stop"]
    bar.setSimulated("")
    assert not bar._band.isVisible()
    bar.setValue("my/bench.toml")
    assert bar.value() == "my/bench.toml"


def test_instruments_are_asked_by_a_process_of_its_own(qtbot) -> None:
    instruments = Instruments()
    definition = read_bench("sim-ftj")[0]
    instruments.show_bench(definition)
    assert instruments.states["smu"].word == "unknown"
    instruments.ask("sim-ftj")
    assert instruments.states["smu"].word == "asking"
    qtbot.waitUntil(lambda: instruments.states["smu"].word == "ok", timeout=30000)
    assert "Keithley" in instruments.states["smu"].told
    assert "Keithley" in bench_html(definition, instruments.states)
    instruments.close()


def test_the_bench_in_full(qtbot) -> None:
    view = BenchView()
    qtbot.addWidget(view)
    view.setValue(None, "no such file")
    assert "no such file" in view.text()
    view.setValue(read_bench("sim-wafer")[0])
    view.setStates({"smu": InstrumentState("fault", "2602B", "it does not answer")})
    for part in ("2602B", "it does not answer", "at most 2 V", "smu.a", "velox"):
        assert part in view.text()


def test_the_console_counts_errors_until_they_are_seen(qtbot) -> None:
    console = Console()
    qtbot.addWidget(console)
    console.say("info", "hello")
    console.say("danger", "2602B <error> 20 us\nand more")
    assert console.value() == 1
    assert "2602B <error> 20 µs" in console.text()
    console.seen()
    assert console.value() == 0
    console.repaint_lines()
    assert "hello" in console.text()


def test_the_queue_is_rearranged_by_hand(qtbot) -> None:
    panel, bar = QueuePanel(), QueueBar()
    qtbot.addWidget(panel)
    qtbot.addWidget(bar)
    queue = Queue().add([Order(kind=kind) for kind in ("a", "b", "c")]).change(2, duration=90.0)
    changed: list[Queue] = []
    panel.valueChanged.connect(changed.append)
    panel.setValue(queue)
    bar.setValue(queue)
    assert "2 b (1 min 30 s)" in bar._text.value()
    panel.choose(3)
    buttons = {button.text(): button for button in panel.findChildren(QPushButton)}
    buttons["Up"].click()
    buttons["Up"].click()
    assert [job.number for job in panel.value().jobs] == [3, 1, 2]
    buttons["Duplicate"].click()
    assert [job.order.kind for job in panel.value().jobs] == ["c", "c", "a", "b"]
    buttons["Remove"].click()
    assert [job.order.kind for job in changed[-1].jobs] == ["c", "a", "b"]
    grids: list[object] = []
    panel.addAsked.connect(grids.append)
    panel.setSites(("D1", "D2"))
    panel._grid.setText("width = 1 ms, 2 ms")
    assert panel._count.text() == "4 runs"
    buttons["Add"].click()
    assert grids == [{"width": ["1 ms", "2 ms"]}]
    panel._grid.setText("width")
    assert "not a parameter" in panel._count.text()
    assert job_text(queue.change(1, state="running").jobs[0], "41 %") == "1 a (41 %)"


def test_sites_are_clicked_lassoed_and_walked(qtbot) -> None:
    wafer = SampleMap()
    qtbot.addWidget(wafer)
    wafer.resize(280, 280)
    wafer.setLayoutOfSites(layout_of(read_bench("sim-wafer")[0]))
    wafer.setColours({"4,4,1": QColor("#00ff00")}, {"4,4,1": "done"})
    wafer.show()
    told: list[tuple[str, ...]] = []
    wafer.valueChanged.connect(told.append)

    def middle(name: str) -> QPoint:
        return wafer.place_of(name).center().toPoint()

    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(wafer, left, pos=middle("4,4,1"))
    qtbot.mouseClick(wafer, left, shift, pos=middle("5,4,1"))
    assert wafer.value() == ("4,4,1", "5,4,1")
    qtbot.mouseClick(wafer, left, shift, pos=middle("4,4,1"))
    assert wafer.value() == ("5,4,1",)
    qtbot.keyClick(wafer, Qt.Key.Key_Right)
    assert wafer.value() == ("5,4,2",)
    corners = [wafer.place_of(name) for name in ("4,4,1", "4,4,2", "4,4,4", "4,4,3")]
    outer = [r.topLeft() for r in corners[:1]] + [corners[1].topRight()]
    outer += [corners[2].bottomRight(), corners[3].bottomLeft()]
    qtbot.mousePress(wafer, left, pos=outer[0].toPoint() - QPoint(1, 1))
    for point in outer[1:]:
        qtbot.mouseMove(wafer, point.toPoint())
    qtbot.mouseRelease(wafer, left, pos=outer[-1].toPoint() - QPoint(1, 0))
    assert set(wafer.value()) == {"4,4,1", "4,4,2", "4,4,3", "4,4,4"}
    assert told[-1] == wafer.value()
    image = wafer.grab().toImage()
    assert image.pixelColor(middle("4,4,1")).name() == "#00ff00"


def test_the_sample_without_sites_says_what_to_do(qtbot, workplace: Path) -> None:
    opened = Opened(workplace / "runs")
    view = SampleView(opened)
    qtbot.addWidget(view)
    view.show()
    opened.choose_bench("sim-ftj")
    assert view._empty.isVisible()
    view._site.setText("D3")
    view._site.editingFinished.emit()
    assert opened.sites == ("D3",)
    opened.choose_bench("sim-wafer")
    assert opened.sites == ("4,4,1",)
    assert not view._empty.isVisible()
    view.shut()


def test_a_sheet_sets_the_window_up_and_runs_nothing(qtbot, workplace: Path) -> None:
    sheet = SheetView()
    qtbot.addWidget(sheet)
    path = workplace / "sheet.md"
    path.write_text("# One\n\n[longer](labctl:ppf?width=200%20us&bench=sim-2450)", "utf-8")
    sheet.setValue(path)
    asked: list[Order] = []
    sheet.orderAsked.connect(asked.append)
    sheet.follow(QUrl("labctl:ppf?width=200%20us&bench=sim-2450"))
    assert asked == [Order(kind="ppf", values={"width": "200 us"}, bench="sim-2450")]
    said: list[str] = []
    sheet.said.connect(lambda kind, text: said.append(text))
    sheet.setValue(workplace / "none.md")
    assert "cannot be read" in said[0]
    assert sheet.value() == path


def test_what_the_sample_may_still_see_counts(qtbot, workplace: Path) -> None:
    sample = workplace / "wafer"
    sample.mkdir()
    (sample / "sample.toml").write_text('[envelope]\nv = "0.5 V"\n', "utf-8")
    opened = Opened(workplace)
    opened.choose_bench("sim-ftj")
    assert opened.limits is None
    opened.change_ways(sample=str(sample))
    question = Question(PairedPulse(), {}, "sim-ftj", limits=opened.limits)
    verdict = advise(question).verdict
    assert verdict is not None
    assert not verdict.feasible
    assert any("sample.toml" in str(violation) for violation in verdict.plan.violations)


SHEETS = sorted((Path(__file__).resolve().parents[2] / "docs" / "teaching").glob("*.md"))


def test_sheets_come_with_the_program() -> None:
    assert len(SHEETS) >= 3
    assert {path.resolve() for path in sheets().values()} >= set(SHEETS)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_every_link_of_a_sheet_is_something_that_can_be_measured(path: Path) -> None:
    links = re.findall(r"\]\(([a-z]+:[^)]*)\)", path.read_text("utf-8"))
    assert len(links) >= 3
    for link in links:
        order = order_of_link(link)
        if order is None:
            assert link.removeprefix("exercise:") in EXERCISES.values()
            continue
        protocol = catalogue.protocol_from(order.kind, dict(order.values))
        verdict = examine(protocol, order.bench or "sim-ftj")
        assert verdict.word != "not feasible", link


def test_a_link_without_a_bench_keeps_the_one_that_is_open_and_the_operator(
    qtbot, workplace: Path
) -> None:
    opened = Opened(workplace)
    opened.choose_bench("sim-2450")
    opened.change_ways(operator="A. Volta")
    link = order_of_link("labctl:iv-sweep?cycles=1")
    assert link is not None
    opened.take_link(link)
    assert (opened.bench, opened.kind, opened.ways.operator) == ("sim-2450", "iv-sweep", "A. Volta")


def test_background_tells_only_the_last_answer(qtbot) -> None:
    work = Background()
    answers: list[tuple[str, object]] = []
    work.done.connect(lambda key, found: answers.append((key, found)))
    wrong: list[str] = []
    work.failed.connect(lambda key, text: wrong.append(text))
    work.ask("a", str, 1)
    work.ask("a", str, 2)
    work.ask("b", read_bench, "nothing")
    qtbot.waitUntil(lambda: bool(answers and wrong), timeout=10000)
    assert answers == [("a", "2")]
    assert "no bench called" in wrong[0]
    work.close()


def test_the_model_keeps_what_was_set_of_each_protocol(workplace: Path) -> None:
    opened = Opened(workplace / "runs")
    opened.choose_bench("sim-ftj")
    with pytest.raises(BadInput, match="no protocol"):
        opened.order()
    opened.choose_kind("ppf")
    opened.change("width", "200 us")
    opened.choose_kind("write-verify")
    assert opened.texts == {}
    opened.choose_kind("ppf")
    assert opened.order().values == {"width": "200 us"}
    opened.change("width", "100 us")
    assert opened.texts == {}  # the protocol's own value is not a change
    opened.change("width", "long")
    with pytest.raises(BadInput, match="width"):
        opened.order()
    opened.take(PairedPulse(read=0.2))
    assert opened.texts == {"read": "200 mV"}
    opened.choose_bench("nothing-like-it")
    assert "nothing-like-it" in opened.bench_problem
    with pytest.raises(BadInput, match="nothing-like-it"):
        opened.order()
    (workplace / "mine.toml").write_text('kind = "ppf"\nwidth = "300 us"\n', "utf-8")
    opened.load_file(workplace / "mine.toml")
    assert opened.texts == {"width": "300 us"}


def test_the_temperature_of_the_chuck_is_set_in_the_window(qtbot, open_window) -> None:
    window = open_window()
    ways = window.bar.ways

    def enter(text: str) -> None:
        ways._temperature.setText(text)
        ways._temperature.editingFinished.emit()

    enter("warm")
    assert "warm" in window.opened.obstacle
    assert not window.centre._run.isEnabled()
    enter("330 K")  # the bench it begins with has nothing that heats
    assert "temperature" in window.opened.obstacle
    window.opened.choose_bench("direct-ftj-chuck")
    assert window.opened.obstacle is None
    qtbot.waitUntil(window.centre._run.isEnabled, timeout=20_000)
    order = window.opened.order()
    assert "--temperature '330 K'" in command_text(order)
    assert 'chuck_temperature="330 K"' in python_text(order)
    enter("")
    assert window.opened.order().temperature == ""


def test_operator_and_sample_are_set_in_the_window(qtbot, open_window) -> None:
    window = open_window()
    ways = window.bar.ways
    ways.open()
    assert not ways._fresh.isEnabled()  # there is no sample to be fresh in
    ways._operator.setText("A. Student")
    ways._operator.editingFinished.emit()
    ways._sample.setText("wafer7")
    ways._sample.editingFinished.emit()
    assert ways._fresh.isEnabled()
    ways._fresh.setChecked(True)
    assert ways.text() == "A. Student, wafer7"
    order = window.opened.order()
    assert (order.operator, order.sample, order.fresh) == ("A. Student", "wafer7", True)
    words = command_text(order)
    assert "--sample wafer7 --operator 'A. Student'" in words
    assert words.endswith("--fresh")
    assert 'operator="A. Student"' in python_text(order)
    ways._sample.clear()
    ways._sample.editingFinished.emit()
    assert not window.opened.order().fresh
    ways._panel.hide()
