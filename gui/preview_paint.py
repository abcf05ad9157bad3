"""The painting of a course, and what is said of it in words."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from gui import look
from gui.course import AMPERES, Course, Stage, unit_of
from gui.lanes import (
    Span,
    axis_ends,
    colour_of,
    draw_axis,
    draw_lane,
    draw_overview,
    draw_scale,
)
from labctl.report import typeset
from labctl.timing import seconds
from labctl.units import show

__all__ = [
    "LEFT", "Areas", "course_text", "paint_course", "stage_at", "stage_text", "text_at",
    "that_matters", "time_text",
]  # fmt: skip

LEFT = 72  #: pixels left of the lanes, for their names and scales

#: where the strip with the whole course, the lanes and the time axis are
Areas = tuple[QRectF, QRectF, QRectF]


def paint_course(
    painter: QPainter,
    course: Course,
    span: Span,
    areas: Areas,
    pointer: QPointF | None,
    ratio: float,
) -> None:
    """Paint what of a course is in view.

    Parameters
    ----------
    painter, areas
        Where.
    course, span
        What; it must have a waveform.
    pointer
        Where the pointer is, if it is over the lanes.
    ratio
        Pixels of the screen in one of the painter's.
    """
    zoom = course.zoom
    if zoom is None:
        return
    strip, area, axis = areas
    draw_overview(painter, strip, zoom, span)
    lanes = zoom.view(span.start, span.stop, max(1, int(area.width() * ratio)))
    height = area.height() / max(len(lanes), 1)
    for number, (name, lane) in enumerate(lanes.items()):
        room = QRectF(area.left(), area.top() + number * height, area.width(), height)
        ends, colour = axis_ends(zoom, name), colour_of(number)
        painter.save()
        painter.setClipRect(room)
        draw_lane(painter, room, lane, ends, colour, seconds(span.width))
        painter.restore()
        left = QRectF(0, room.top(), LEFT, height)
        draw_scale(painter, left, name, ends, colour, unit_of(name))
    draw_axis(painter, axis, span)
    _paint_head(painter, course, span, areas, pointer)


def _paint_head(
    painter: QPainter, course: Course, span: Span, areas: Areas, pointer: QPointF | None
) -> None:
    strip, area, _ = areas
    faded = QColor(look.colours().faded)
    painter.setFont(look.font(-1))
    text = course_text(course)
    if pointer is not None:
        painter.setPen(QPen(faded, 1, Qt.PenStyle.DotLine))
        x = pointer.x()
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        text = text_at(course, span.at(x, area))
    painter.setPen(faded)
    head = QRectF(area.left(), 0, area.width(), strip.top())
    text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(head.width()))
    painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


def text_at(course: Course, at: int) -> str:
    """Return time, levels and step at a tick."""
    lanes = course.zoom.view(at, at + 1, 1) if course.zoom is not None else {}
    levels = [
        f"{name.removesuffix(AMPERES)} {show(float(v.low[0]), unit_of(name))}"
        for name, v in lanes.items()
        if len(v.t)
    ]
    number = stage_at(course.stages, at)
    step = f"step {number + 1}: {stage_text(course.stages[number])}" if number >= 0 else ""
    return typeset("   ".join(part for part in (time_text(at), *levels, step) if part))


def that_matters(stages: tuple[Stage, ...]) -> int:
    """Return the number of the first of the steps with the most pulses, or the highest level."""

    def weight(number: int) -> tuple[float, float]:
        return stages[number].pulses, stages[number].peak

    return max(range(len(stages)), key=weight, default=0)


def stage_at(stages: tuple[Stage, ...], at: int) -> int:
    """Return the number of the step at a tick, -1 where there is none."""
    return next((k for k, stage in enumerate(stages) if stage.start <= at < stage.stop), -1)


def stage_text(stage: Stage) -> str:
    """Return what a step is for, from its label."""
    parts = []
    for name, value in stage.label.items():
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, float):
            parts.append(f"{name} {value:.4g}")
        elif value is not None and not isinstance(value, bool):
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def time_text(at: int) -> str:
    """Return a time with the digits that tell its tick from the next."""
    return f"{seconds(at):.12g} s" if abs(at) >= 10**12 else show(seconds(at), "s", 6)


def _seconds(duration: float) -> str:
    return f"{duration:.0f} s" if duration >= 1000 else show(duration, "s", 4)


def course_text(course: Course) -> str:
    """Return the length of a course in words."""
    if course.zoom is None:
        return ""
    least = "" if course.complete else "at least "
    nominal = ", nominal: it decides from readings" if course.nominal else ""
    long = course.zoom.duration >= 3600
    duration = show(course.zoom.duration / 3600, "h") if long else _seconds(course.zoom.duration)
    return typeset(f"{least}{len(course.stages)} steps in {duration}{nominal}")
