"""Axes that carry SI prefixes fitting what is in view, linear or logarithmic.

Data stay in SI (on a logarithmic axis: their decimal logarithms); only the texts are scaled. Zoom
from hours to microseconds and the unit in the label follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyqtgraph as pg

from gui import look
from gui.shading import linear_texts
from labctl.plot import Scale, scale_for
from labctl.report import typeset
from labctl.units import show

__all__ = ["Quantity", "UnitAxis", "linear_texts", "log_ticks"]

_FINE = 5e-5  # of the numbers, that the view spans: below, ticks count from a number
_MOST_DECADES = 4.5  # above, every tick carries its own prefix
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Quantity(NamedTuple):
    """What is counted along an axis."""

    name: str
    unit: str
    log: bool = False


class Tick(NamedTuple):
    """A place on an axis and what is written there."""

    at: float
    text: str


class UnitAxis(pg.AxisItem):  # type: ignore[misc] # pyqtgraph comes without types
    """An axis with name and unit.

    Parameters
    ----------
    orientation
        ``left`` or ``bottom``.
    """

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation, maxTickLength=4)
        self.enableAutoSIPrefix(False)
        self._quantity = Quantity("", "1")
        self._scale = Scale(1.0, "")
        self._base = 0.0  # ticks count from here, SI
        self.since = ""  #: what is to be added to the numbers at the ticks, as text
        self._said = ""
        self._named = True
        self.restyle()

    def name(self, shown: bool) -> None:
        """Show numbers and name, or nothing where the axes below have the same abscissa."""
        self._named = shown
        self.setStyle(showValues=shown)
        self.showLabel(shown)

    @property
    def quantity(self) -> Quantity:
        """What is counted along it."""
        return self._quantity

    def count(self, quantity: Quantity) -> None:
        """Count something along it."""
        self._quantity = quantity
        self._rescale()
        self.picture = None
        self.update()

    def restyle(self) -> None:
        """Take the colours that hold."""
        c = look.colours()
        self.setPen(pg.mkPen(c.line))
        self.setTextPen(pg.mkPen(c.faded))
        self.setStyle(tickFont=look.font(-1), hideOverlappingLabels=True)
        self.label.setFont(look.font(-0.5))
        self._said = ""
        self._rescale()

    def setRange(self, mn: float, mx: float) -> None:  # noqa: N802 - pyqtgraph's name
        """Follow the view, and choose the prefix for it."""
        super().setRange(mn, mx)
        self._rescale()

    def _rescale(self) -> None:
        if not hasattr(self, "_quantity"):
            return
        name, unit, log = self._quantity
        low, high = self.range
        self._base, self.since = 0.0, ""
        if log:
            ends = [10.0 ** min(max(end, -300.0), 300.0) for end in (low, high)]
            wide = high - low > _MOST_DECADES
            self._scale = Scale(1.0, "") if wide else _scale(ends, unit, log=True)
        else:
            self._base, self.since = base_of(low, high, unit)
            self._scale = _scale((low - self._base, high - self._base), unit)
        said = f"{name} ({self._scale.unit})" if self._scale.unit else name
        if said != self._said:
            self._said = said
            self.setLabel(said, color=look.colours().ink)
            self.showLabel(self._named)

    def tickValues(  # noqa: N802 - pyqtgraph's name
        self, minVal: float, maxVal: float, size: float
    ) -> Any:
        """Return places of ticks by level, the important ones first."""
        if not self._quantity.log:
            return super().tickValues(minVal, maxVal, size)
        major, minor = log_ticks(minVal, maxVal, self._quantity.unit, self._scale)
        self._texts = {tick.at: tick.text for tick in major}
        return [(1.0, [tick.at for tick in major]), (0.1, minor)]

    def tickStrings(  # noqa: N802 - pyqtgraph's name
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        """Return what is written at ticks."""
        if self._quantity.log:
            return [self._texts.get(value, "") for value in values]
        return linear_texts([v - self._base for v in values], spacing, self._scale.factor)


def base_of(low: float, high: float, unit: str) -> tuple[float, str]:
    """Return what ticks count from, and what is to be added to them; 0 where numbers are short.

    Examples
    --------
    >>> base_of(0.0, 1.0, "A")
    (0.0, '')
    >>> base_of(202.11412e-6, 202.11419e-6, "S")
    (0.0002021141, '+ 202.1141 µS')
    """
    span, size = high - low, max(abs(low), abs(high))
    if not 0 < span < _FINE * size:
        return 0.0, ""
    power = math.ceil(math.log10(span))
    digits = math.floor(math.log10(size)) - power + 1
    base = float(f"{math.floor(low / 10.0**power) * 10.0**power:.{digits - 1}e}")
    said = typeset(show(abs(base), unit, digits))
    return base, f"+ {said}" if base > 0 else f"− {said}"


def _scale(ends: Sequence[float], unit: str, log: bool = False) -> Scale:
    """Choose a prefix; nobody counts kiloseconds."""
    found = scale_for(ends, unit, log)
    return Scale(1.0, unit) if unit == "s" and found.factor < 1 else found


def log_ticks(low: float, high: float, unit: str, scale: Scale) -> tuple[list[Tick], list[float]]:
    """Return ticks with text, and ticks without, of a logarithmic axis.

    Parameters
    ----------
    low, high
        Ends of the view, decimal logarithms.
    unit
        SI symbol.
    scale
        How numbers are shown; without a unit every tick carries its own prefix.

    Examples
    --------
    >>> major, minor = log_ticks(-3.0, -1.0, "s", Scale(1e3, "ms"))
    >>> [tick.text for tick in major]
    ['1', '10', '100']
    """
    span = high - low
    if span < 0.7:
        return _between(low, high, scale), []
    every = max(1, math.ceil(span / 9))
    decades = range(math.floor(low), math.ceil(high) + 1)
    major = [Tick(float(k), _decade(k, unit, scale)) for k in decades if k % every == 0]
    minor = [k + math.log10(m) for k in decades for m in range(2, 10)] if every == 1 else []
    if span < 1.7:
        major += [
            Tick(k + math.log10(m), f"{m * 10.0**k * scale.factor:g}")
            for k in decades
            for m in (2, 5)
        ]
        taken = {tick.at for tick in major}
        minor = [at for at in minor if at not in taken]
    return [t for t in major if low <= t.at <= high], [at for at in minor if low <= at <= high]


def _between(low: float, high: float, scale: Scale) -> list[Tick]:
    """Return round numbers in less than a decade."""
    first, last = 10.0**low * scale.factor, 10.0**high * scale.factor
    raw = (last - first) / 5
    if not (raw > 0 and math.isfinite(raw)):
        return []
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    numbers = [k * step for k in range(math.ceil(first / step), math.floor(last / step) + 1)]
    texts = linear_texts(numbers, step, 1.0)
    return [
        Tick(math.log10(number / scale.factor), text)
        for number, text in zip(numbers, texts, strict=True)
        if number > 0
    ]


def _decade(power: int, unit: str, scale: Scale) -> str:
    if scale.unit:
        number = 10.0 ** (power + round(math.log10(scale.factor)))
        return f"{number:g}" if 1e-3 <= number <= 1e5 else _power(round(math.log10(number)))
    if unit in ("1", "", "%"):
        return f"{10.0**power:g}" if -2 <= power <= 4 else _power(power)
    if unit == "s" and power > 2:  # nobody counts kiloseconds
        return f"{_power(power)} s" if power > 3 else "1000 s"
    return typeset(show(10.0**power, unit, 1))


def _power(power: int) -> str:
    return f"10{str(power).translate(_SUPERSCRIPT)}"
