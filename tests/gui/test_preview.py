"""The preview shows exactly what a protocol will play, on every scale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from gui.course import course
from gui.lanes import Span, time_ticks
from gui.preview import WaveformPreview
from gui.preview_paint import stage_at, stage_text, text_at, that_matters
from gui.worker import Worker
from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.planner import plan
from labctl.protocol import Protocol
from labctl.steps import Play, Steps
from labctl.timing import ticks
from labctl.waveform import pulse, train
from tests.gui.references import lost


class Billion(Protocol):
    """A train of 1e9 pulses on one terminal, and one on another."""

    kind: str = "billion"

    def steps(self) -> Steps:
        """Play it."""
        long = train(pulse(1.0, 1e-6, measured=False), 1e-5, 10**9)
        yield Play(long | pulse(-2.0, 1e-3, terminal="gate"), 1e-3, label={"part": "train"})


@pytest.fixture
def preview(qapp: QApplication) -> Iterator[WaveformPreview]:
    widget = WaveformPreview()
    widget.resize(700, 200)
    widget.show()
    qapp.processEvents()
    yield widget
    widget.close_worker()
    widget.close()
    widget.deleteLater()


@pytest.fixture(scope="module")
def ppf() -> Protocol:
    return catalogue.protocol_from("ppf", {"intervals": "10 ms, 100 ms", "repeats": 2})


def test_the_course_is_what_the_planner_counts(ppf: Protocol) -> None:
    found = course(ppf)
    made = plan(ppf, read_bench(catalogue.find_bench("sim-ftj"))[0])
    assert found.complete
    assert found.nominal
    assert len(found.stages) == made.steps
    assert found.zoom is not None
    assert found.zoom.duration == pytest.approx(made.duration)
    assert sum(stage.pulses for stage in found.stages) == made.pulses


def test_a_long_course_is_cut_short_and_says_so(ppf: Protocol, preview: WaveformPreview) -> None:
    found = course(ppf, most=3)
    assert not found.complete
    assert len(found.stages) == 3


def test_it_begins_with_the_step_that_matters(preview: WaveformPreview, ppf: Protocol) -> None:
    found = course(ppf)
    preview.setCourse(found)
    pair = found.stages[that_matters(found.stages)]
    assert pair.label["part"] == "pair"
    start, stop = preview.span()
    assert start <= pair.start * 1e-12
    assert stop >= pair.stop * 1e-12
    assert stop - start < 1.2 * (pair.stop - pair.start) * 1e-12
    assert stage_text(pair).startswith("pair, interval 0.")
    assert stage_at(found.stages, pair.start) == found.stages.index(pair)


def test_of_a_long_train_the_first_pulses_are_shown(preview: WaveformPreview) -> None:
    preview.setCourse(course(Billion()))
    start, stop = preview.span()
    assert start < 0 < stop
    assert stop == pytest.approx(12e-5, rel=0.1)


def test_the_same_step_stays_in_view_while_a_parameter_changes(
    preview: WaveformPreview, ppf: Protocol
) -> None:
    preview.setCourse(course(ppf))
    before = preview.span()
    wider = catalogue.protocol_from(
        "ppf", {"intervals": "10 ms, 100 ms", "repeats": 2, "width": "5 ms"}
    )
    preview.setCourse(course(wider))
    after = preview.span()
    assert after[1] - after[0] > before[1] - before[0]
    preview.show_whole()
    preview.setCourse(course(ppf))
    assert preview.span() == (0.0, pytest.approx(course(ppf).zoom.duration))


def test_the_wheel_zooms_from_hours_to_a_nanosecond(preview: WaveformPreview) -> None:
    preview.setCourse(course(Billion()))
    preview.show_whole()
    assert preview.span() == (0.0, pytest.approx(1e4))
    _, area, _ = preview._areas()
    at = QPointF(area.left() + area.width() / 4, area.center().y())
    anchor = 2500.0
    turned = 0
    while preview.span()[1] - preview.span()[0] > 2e-9:
        wheel = QWheelEvent(
            at, at, QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        preview.wheelEvent(wheel)
        preview.grab()
        turned += 1
        assert turned < 60
        start, stop = preview.span()
        assert start <= anchor + 1e-9
        assert stop >= anchor - 1e-9
    assert start == pytest.approx(anchor, abs=1e-6)


def test_dragging_pans_and_a_double_click_shows_the_whole(
    preview: WaveformPreview, ppf: Protocol, qtbot
) -> None:
    preview.setCourse(course(ppf))
    start, stop = preview.span()
    _, area, _ = preview._areas()
    at = area.center().toPoint()
    qtbot.mousePress(preview, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(preview, at - QPoint(100, 0))
    qtbot.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=at - QPoint(100, 0))
    moved = preview.span()
    assert moved[0] - start == pytest.approx((stop - start) * 100 / area.width(), rel=1e-6)
    qtbot.mouseDClick(preview, Qt.MouseButton.LeftButton, pos=at)
    assert preview.span() == (0.0, pytest.approx(course(ppf).zoom.duration))


def test_arrows_go_from_step_to_step(preview: WaveformPreview, ppf: Protocol, qtbot) -> None:
    found = course(ppf)
    preview.setCourse(found)
    first = that_matters(found.stages)
    qtbot.keyClick(preview, Qt.Key.Key_Right)
    start, stop = preview.span()
    after = found.stages[first + 1]
    assert start < after.start * 1e-12 < after.stop * 1e-12 < stop
    qtbot.keyClick(preview, Qt.Key.Key_Home)
    assert preview.span()[0] == 0.0
    qtbot.keyClick(preview, Qt.Key.Key_Up)
    assert preview.span()[1] - preview.span()[0] == pytest.approx(found.zoom.duration / 1.5)


def test_levels_under_the_pointer_are_told() -> None:
    found = course(Billion())
    text = text_at(found, ticks(0.5e-6))
    assert "top 1 V" in text
    assert "gate -2 V" in text
    assert "step 1: train" in text
    assert "top 0 V" in text_at(found, ticks(5e-6))


def test_a_terminal_driven_by_a_current_has_a_lane_in_amperes() -> None:
    """Its reads by a voltage keep the one in volts; the two never share an axis."""
    asked = {"currents": "20 uA, 90 uA, 150 uA", "repeats": 1}
    found = course(catalogue.protocol_from("programming-curve", asked))
    assert found.zoom is not None
    assert found.zoom.terminals == ("top", "top (A)")
    assert found.zoom.extremes("top") == (0.0, pytest.approx(0.1))
    assert found.zoom.extremes("top (A)") == (0.0, pytest.approx(180e-6))
    pulses = [stage for stage in found.stages if stage.label["part"] == "pulse"]
    text = text_at(found, (pulses[1].start + pulses[1].stop) // 2)
    assert "top 90 µA" in text
    assert "top 0 V" in text


def test_lanes_of_both_units_are_painted(preview: WaveformPreview) -> None:
    asked = catalogue.protocol_from("iv-current", {"points": 5, "cycles": 1})
    preview.setCourse(course(asked))
    preview.show_whole()
    image = preview.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(80, 690, 3) for y in range(60, 180, 3)}
    assert len(colours) > 3
    assert preview.course().zoom.terminals == ("top (A)",)


def test_a_protocol_is_walked_beside_the_event_loop(
    qapp: QApplication, ppf: Protocol, qtbot
) -> None:
    worker = Worker()
    widget = WaveformPreview(worker=worker)
    widget.setValue(ppf)
    assert widget.value() == ppf
    assert widget.course() is None
    qtbot.waitUntil(lambda: widget.course() is not None, timeout=20_000)
    assert widget.course().stages == course(ppf).stages
    widget.setValue(None)
    assert widget.course() is None
    worker.close()
    worker.deleteLater()
    widget.deleteLater()


@pytest.mark.parametrize("width", [100, 10**4, 10**9, 3 * 10**13, 10**18])
@pytest.mark.parametrize("start", [0, 10**15 + 7])
def test_ticks_of_time_are_round_and_told_apart(start: int, width: int) -> None:
    found, base = time_ticks(Span(start, start + width))
    assert 3 <= len(found) <= 13
    assert len({tick.text for tick in found}) == len(found)
    assert bool(base) == any("+" in tick.text for tick in found)


def test_repainting_loses_no_reference_to_none(preview: WaveformPreview, ppf: Protocol) -> None:
    preview.setCourse(course(ppf))
    preview.grab()
    assert lost(preview.grab, 300) <= 30
