"""Shading: values as colours, and the bar that says which colour is which value.

One manner for maps of samples and for tiles in plots, on screen as on paper (`labctl.tiles`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen

from gui.look import DIVERGING, SEQUENTIAL, colour_at, colours, font
from labctl.report import typeset
from labctl.scales import Scale, axis_label, scale_for
from labctl.units import show

__all__ = ["Shading", "linear_texts", "paint_bar", "shading_of"]

_ACROSS, _UP = 4, 6  # numbers below and beside a bar, about
_MARK = 4  # px, length of a tick


class Shading(NamedTuple):
    """Which colour a value has."""

    low: float  #: SI
    high: float
    label: str = ""  #: what the colour means
    unit: str = "1"
    signed: bool = False  #: zero is the middle

    @property
    def scale(self) -> Scale:
        """How its numbers are shown."""
        return scale_for((self.low, self.high), self.unit)

    @property
    def title(self) -> str:
        """What stands at the bar: quantity, and unit with its prefix."""
        return typeset(axis_label(self.label, self.scale))

    @property
    def stations(self) -> tuple[str, ...]:
        """Colours from the smallest value to the largest."""
        return DIVERGING if self.signed else SEQUENTIAL

    def part(self, value: float) -> float:
        """Return where a value stands between the ends, 0 to 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def colour(self, value: float) -> QColor:
        """Return the colour of a value."""
        return colour_at(self.part(value), self.stations)

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return typeset(show(value, self.unit, 4))

    def ticks(self, count: int = _UP) -> list[tuple[float, str]]:
        """Return round values as places from 0 to 1, with what is written there.

        Parameters
        ----------
        count
            How many there may be, about.
        """
        factor = self.scale.factor
        low, high = self.low * factor, self.high * factor
        if not high > low:
            return [(0.5, f"{low:.4g}".replace("-", "−"))]
        power = 10.0 ** math.floor(math.log10((high - low) / count))
        step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= count + 1e-9)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        values = [k * step for k in range(first, last + 1)]
        texts = linear_texts(values, step, 1.0)
        return [
            (min(max((value - low) / (high - low), 0.0), 1.0), text)
            for value, text in zip(values, texts, strict=True)
        ]


def shading_of(
    values: Iterable[float], label: str = "", unit: str = "1", signed: bool = False
) -> Shading | None:
    """Return the shading of values; None where none of them is a number.

    Parameters
    ----------
    values
        SI.
    label, unit
        What they are.
    signed
        Zero is the middle, as for changes.

    Examples
    --------
    >>> shading_of([2e-6, float("nan"), 5e-6], "conductance", "S").title
    'conductance (µS)'
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return None
    low, high = min(known), max(known)
    if signed:
        low, high = -max(-low, high), max(-low, high)
    return Shading(low, high, label, unit, signed)


def linear_texts(values: list[float], spacing: float, factor: float) -> list[str]:
    """Return the numbers at ticks with as many decimals as their spacing needs.

    Examples
    --------
    >>> linear_texts([0.0, 5e-4], 5e-4, 1e3)
    ['0.0', '0.5']
    """
    step = spacing * factor
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if places > 12 or max((abs(v * factor) for v in values), default=0.0) >= 1e6:
        return [f"{v * factor:.6g}" for v in values]
    texts = [f"{v * factor:.{places}f}" for v in values]
    return [text.lstrip("-") if float(text) == 0 else text.replace("-", "−") for text in texts]


def paint_bar(painter: QPainter, bar: QRectF, shading: Shading, *, upright: bool) -> None:
    """Paint a bar of colours with its numbers: on the right of an upright one, else below.

    Parameters
    ----------
    painter
        Where to.
    bar
        The colours; the numbers stand outside of it.
    shading
        What is shown.
    upright
        Small values are at the bottom, instead of on the left.
    """
    c = colours()
    gradient = QLinearGradient(
        bar.bottomLeft() if upright else bar.topLeft(),
        bar.topLeft() if upright else bar.topRight(),
    )
    stations = shading.stations
    for k, colour in enumerate(stations):
        gradient.setColorAt(k / (len(stations) - 1), QColor(colour))
    painter.fillRect(bar, gradient)
    painter.setFont(font(-1))
    high = painter.fontMetrics().height()
    for part, text in shading.ticks(_UP if upright else _ACROSS):
        painter.setPen(QPen(QColor(c.faded), 1))
        if upright:
            at = QPointF(bar.right(), bar.bottom() - part * bar.height())
            painter.drawLine(at, at + QPointF(_MARK, 0))
            where = QRectF(at.x() + _MARK + 3, at.y() - high / 2, 80, high)
            side = Qt.AlignmentFlag.AlignLeft
        else:
            at = QPointF(bar.left() + part * bar.width(), bar.bottom())
            painter.drawLine(at, at + QPointF(0, _MARK))
            wide = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(at.x() - wide / 2, bar.left()), bar.right() - wide)
            where = QRectF(left, at.y() + _MARK, wide + 1, high)
            side = Qt.AlignmentFlag.AlignHCenter
        painter.drawText(where, side | Qt.AlignmentFlag.AlignVCenter, text)
