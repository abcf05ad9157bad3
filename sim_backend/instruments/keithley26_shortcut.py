"""The short way of a channel for levels that are set and readings that are taken, one by one.

Plain is: a voltage source with its output on, on fixed ranges, without delays, filter or power
limit, one reading at a time. Whether the settings are plain is looked at once after each change;
the arithmetic is in `keithley26_ohmic`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.analogue import SourceMeter
from sim_backend.instruments.keithley26_electronics import Electronics, Quantity
from sim_backend.instruments.keithley26_ohmic import Ohmic
from sim_backend.instruments.keithley2600_buffer import OVERFLOW
from sim_backend.instruments.keithley2600_measure import Meter
from sim_backend.instruments.keithley2600_source import Source
from sim_backend.plans import MeterPlan

__all__ = ["Shortcut"]


class Shortcut:
    """Sets levels and measures the short way where that leads to the same.

    Parameters
    ----------
    source, meter, electronics
        Of the channel.
    idle
        Whether nothing overlapped is going on.
    passed
        Called whenever the script lets time pass.
    """

    def __init__(
        self,
        source: Source,
        meter: Meter,
        electronics: Electronics,
        idle: Callable[[], bool],
        passed: Callable[[], None],
    ) -> None:
        self._source, self._meter = source, meter
        self._idle, self._passed = idle, passed
        self._electronics = electronics if isinstance(electronics, SourceMeter) else None
        self._way: Ohmic | None = None
        self._closed = False
        self._aperture = 0.0

    def changed(self) -> None:
        """Look again whether the settings are plain, before the next level or reading."""
        self._way = None
        self._closed = False

    def settle(self) -> None:
        """Bring the device's state up to date: the script has come to a halt."""
        if self._way is not None and not self._way.spent:
            self._way.settle()

    def set_level(self, quantity: Quantity, level: Any) -> bool:
        """Program a level; False, with nothing done, where it must go the long way."""
        way = self._way
        if way is None or way.spent:
            way = self._open()
        if way is None or quantity != "v" or (type(level) is not float and type(level) is not int):
            return False
        if not way.program(level):
            return False
        self._source.level["v"] = self._source.programmed = level
        return True

    def measure(self, letters: str) -> float | tuple[float, ...] | None:
        """Take one reading; None, with nothing done, where it must go the long way."""
        way = self._way
        if way is None or way.spent:
            way = self._open()
        if way is None:
            return None
        sample = way.read(self._aperture)
        if sample is None:
            return None
        self._passed()
        meter, plan = self._meter, self._plan
        meter.taken += 1
        v, i = sample
        if letters == "i":
            meter.overflowed = not -plan.i_most <= i <= plan.i_most
            return OVERFLOW if meter.overflowed else i
        return self._shown(letters, v, i)

    def _shown(self, letters: str, v: float, i: float) -> float | tuple[float, ...]:
        v = OVERFLOW if abs(v) > self._plan.v_most else v
        i = OVERFLOW if abs(i) > self._plan.i_most else i
        over = OVERFLOW in (v, i)
        values = {
            "v": v,
            "i": i,
            "p": OVERFLOW if over else v * i,
            "r": OVERFLOW if over or not i else v / i,
        }
        shown = tuple(values[letter] for letter in letters)
        self._meter.overflowed = OVERFLOW in shown
        return shown[0] if len(shown) == 1 else shown

    def _open(self) -> Ohmic | None:
        """Return the short way if the settings are plain."""
        if self._way is not None and self._way.go_on():  # no setting has changed
            return self._way
        if self._electronics is None or self._closed or not self._idle():
            return None
        if not (self._plain_source() and self._plain_meter()):
            self._closed = True
            return None
        meter = self._meter
        self._plan: MeterPlan = self._electronics.meter_plan(
            meter.range_in_use("v"), meter.range_in_use("i"), meter.nplc
        )
        self._aperture = meter.aperture
        most = self._source.range_maximum("v")
        self._way = Ohmic.over(self._electronics, self._plan, most)
        self._closed = self._way is None
        return self._way

    def _plain_source(self) -> bool:
        source = self._source
        fixed = not source.autorange["v"] and source.sweep_limit_range is None
        return bool(
            source.output and source.function == "v" and fixed
            and not (source.delay or source.limit["p"])
        )  # fmt: skip

    def _plain_meter(self) -> bool:
        meter = self._meter
        return (
            meter.autorange["i"] != meter.AUTORANGE_ON
            and meter.autozero != meter.AUTOZERO_AUTO
            and meter.count == 1
            and not (meter.delay or meter.filter_enable or any(meter.relative_enable.values()))
        )
