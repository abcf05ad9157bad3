"""The waveform that a protocol will play, exactly, from the whole course down to one edge.

A strip on top shows the whole course; below it each terminal has a lane with what is in view. The
wheel zooms at the pointer, dragging pans, a double click shows the whole, the arrow keys go from
step to step. It is painted by hand: a train of 1e9 pulses is as quick as one, and the window need
not load a plotting library before it is there.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import look
from gui.course import Course, course_of
from gui.errand import Answer
from gui.lanes import Span
from gui.preview_paint import LEFT, Areas, paint_course, stage_at, that_matters
from gui.worker import Worker
from labctl.protocol import Protocol
from labctl.timing import seconds

__all__ = ["WaveformPreview"]

_HEAD, _FOOT, _STRIP = 20, 22, 26  # pixels above and below the lanes
_PULSES = 12  # of a long train, that are shown first
_NEAREST = 100  # ticks across, at the deepest zoom
_ROOM = 0.04  # of a step, beside it
_EMPTY = "Choose a protocol to see what it will play"
_NOTHING = "This protocol plays no waveform"


class WaveformPreview(QWidget):
    """The course of a protocol."""

    valueChanged = Signal(object)  #: Protocol or None  # noqa: N815 - as Qt's widgets have it
    spanChanged = Signal(float, float)  #: what is in view, s  # noqa: N815

    def __init__(self, parent: QWidget | None = None, worker: Worker | None = None) -> None:
        super().__init__(parent)
        self._worker = worker or Worker(self)
        self._value: Protocol | None = None
        self._course: Course | None = None
        self._said = _EMPTY
        self._span = Span(0, 1)
        self._stage: int | None = None  # in view; None where the user has zoomed or sees it all
        self._whole = self._first = False
        self._asked = 0
        self._pointer: QPointF | None = None
        self._held: tuple[QPointF, Span] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)
        self.setAccessibleName("Waveform")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a height at which one lane reads well."""
        return QSize(480, 180)

    def value(self) -> Protocol | None:
        """Return the protocol."""
        return self._value

    def setValue(self, value: Protocol | None) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show what a protocol will play; it is walked in the working process."""
        if value == self._value:
            return
        same = value is not None and self._value is not None and value.kind == self._value.kind
        self._value = value
        self._worker.forget(self._asked)
        if not same:
            self._course = None
            self._choose()
        self._said = _EMPTY
        if value is not None:
            self._said = "" if same else "…"
            fields = value.model_dump(mode="json")
            kind = str(fields.pop("kind"))
            self._asked = self._worker.ask(self._walked, course_of, kind, fields)
        self.update()
        self.valueChanged.emit(value)

    def setCourse(self, course: Course) -> None:  # noqa: N802 - as Qt's widgets have it
        """Show a course that has been walked already."""
        before, self._course = self._course, course
        zoom = course.zoom
        self._said = "" if zoom is not None else _NOTHING
        if zoom is None:
            self.update()
        elif before is None or before.zoom is None or self._first:
            self.show_first()
        elif self._whole:
            self.show_whole()
        elif self._stage is not None and self._stage < len(course.stages):
            self.show_stage(self._stage)
        else:
            self._look(self._span)

    def course(self) -> Course | None:
        """Return the course that is shown."""
        return self._course

    def span(self) -> tuple[float, float]:
        """Return what is in view, s."""
        return seconds(self._span.start), seconds(self._span.stop)

    def close_worker(self) -> None:
        """End the process that walks; before the widget goes."""
        self._worker.close()

    def show_whole(self) -> None:
        """Show the whole course."""
        if self._course is not None and self._course.zoom is not None:
            self._choose(whole=True)
            self._look(Span(0, self._course.zoom.ticks))

    def show_first(self) -> None:
        """Show the step that matters, of a long train its first pulses."""
        course = self._course
        if course is None or not course.stages:
            return
        number = that_matters(course.stages)
        stage = course.stages[number]
        self.show_stage(number)
        if stage.pulses > 2 * _PULSES:
            length = (stage.stop - stage.start) * _PULSES // stage.pulses
            room = max(round(length * _ROOM), 1)
            self._choose()
            self._look(Span(stage.start - room, stage.start + length + room))
        self._first = True

    def show_stage(self, number: int) -> None:
        """Show one step."""
        course = self._course
        if course is None or not course.stages:
            return
        number = min(max(number, 0), len(course.stages) - 1)
        stage = course.stages[number]
        room = max(round((stage.stop - stage.start) * _ROOM), 1)
        self._choose(number)
        self._look(Span(stage.start - room, stage.stop + room))

    def zoom(self, factor: float, at: float = 0.5) -> None:
        """Zoom in by a factor above 1, out below; `at` is the part of the width that stays."""
        width = max(round(self._span.width / factor), _NEAREST)
        start = self._span.start + round((self._span.width - width) * at)
        self._choose()
        self._look(Span(start, start + width))

    def _choose(self, stage: int | None = None, whole: bool = False) -> None:
        """Remember what is in view, so that it stays when a parameter changes."""
        self._stage, self._whole, self._first = stage, whole, False

    def _walked(self, answer: Answer) -> None:
        if answer.error:
            self._course, self._said = None, answer.error
            self.update()
            return
        self.setCourse(answer.value)

    def _look(self, span: Span) -> None:
        """Take a span, held within the course and a little around it."""
        assert self._course is not None
        assert self._course.zoom is not None
        total = self._course.zoom.ticks
        most = max(round(total * (1 + 2 * _ROOM)), _NEAREST)
        width = min(max(span.width, _NEAREST), most)
        edge = round(width * _ROOM) if width < most else round(total * _ROOM)
        start = min(max(span.start, -edge), total + edge - width)
        start = max(start, -edge)
        self._span = Span(start, start + width)
        self.spanChanged.emit(seconds(self._span.start), seconds(self._span.stop))
        self.update()

    def _areas(self) -> Areas:
        """Return where the strip, the lanes and the axis are."""
        whole = QRectF(self.rect())
        inner = whole.adjusted(LEFT, 0, -look.GRID, 0)
        strip = QRectF(inner.left(), _HEAD, inner.width(), _STRIP)
        top = strip.bottom() + look.GRID / 2
        lanes = QRectF(inner.left(), top, inner.width(), inner.bottom() - _FOOT - top)
        return strip, lanes, QRectF(inner.left(), lanes.bottom(), inner.width(), _FOOT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint what is in view."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(look.colours().paper))
        if self._course is None or self._course.zoom is None:
            painter.setPen(QColor(look.colours().faded))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            margin = 2 * look.GRID
            painter.drawText(self.rect().adjusted(margin, 0, -margin, 0), flags, self._said)
        else:
            _, area, _ = self._areas()
            pointer = self._pointer if self._pointer and area.contains(self._pointer) else None
            ratio = self.devicePixelRatioF()
            paint_course(painter, self._course, self._span, self._areas(), pointer, ratio)
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom at the pointer."""
        _, area, _ = self._areas()
        if self._course is not None and self._course.zoom is not None:
            at = (event.position().x() - area.left()) / max(area.width(), 1.0)
            self.zoom(1.25 ** (event.angleDelta().y() / 120), min(max(at, 0.0), 1.0))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take hold of the lanes, or go where the strip is clicked."""
        if self._course is None or self._course.zoom is None:
            return
        strip, _, _ = self._areas()
        if strip.contains(event.position()):
            self._go(event.position(), strip)
        else:
            self._held = (event.position(), self._span)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Pan while held; else show what is under the pointer."""
        self._pointer = event.position()
        strip, area, _ = self._areas()
        if self._held is not None:
            start, span = self._held
            shift = round((start.x() - self._pointer.x()) / max(area.width(), 1.0) * span.width)
            self._choose()
            self._look(Span(span.start + shift, span.stop + shift))
        elif event.buttons() & Qt.MouseButton.LeftButton and strip.contains(self._pointer):
            self._go(self._pointer, strip)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        self._held = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the whole; in the strip, the step that is clicked."""
        strip, _, _ = self._areas()
        course = self._course
        if course is None or course.zoom is None:
            return
        if strip.contains(event.position()):
            at = Span(0, course.zoom.ticks).at(event.position().x(), strip)
            self.show_stage(stage_at(course.stages, at))
        else:
            self.show_whole()

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Forget the pointer."""
        self._pointer = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Go from step to step, zoom, show the whole."""
        course, key = self._course, event.key()
        if course is None or course.zoom is None:
            super().keyPressEvent(event)
            return
        middle = (self._span.start + self._span.stop) // 2
        now = self._stage if self._stage is not None else stage_at(course.stages, middle)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.show_stage(now + (1 if key == Qt.Key.Key_Right else -1))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Plus):
            self.zoom(1.5)
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Minus):
            self.zoom(1 / 1.5)
        elif key == Qt.Key.Key_Home:
            self.show_whole()
        else:
            super().keyPressEvent(event)

    def _go(self, to: QPointF, strip: QRectF) -> None:
        assert self._course is not None
        assert self._course.zoom is not None
        at = Span(0, self._course.zoom.ticks).at(to.x(), strip)
        half = self._span.width // 2
        self._choose()
        self._look(Span(at - half, at - half + self._span.width))
