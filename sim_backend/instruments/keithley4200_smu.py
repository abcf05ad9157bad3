"""One virtual 4200-SMU: what it sources, and a reading with its status letters.

An SMU reaches the device through a terminal of its own (``smu1``). A reading is preceded by its
status: N normal, C in compliance, T another channel in compliance, V beyond the range
(4200A-901-01 Rev. C, pages 9-52 and 9-53). The ammeter finds its range by itself, not below the
lowest one it may use and not above that of the compliance, unless it was given one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Literal, NamedTuple

from sim_backend.analogue import SourceMeter
from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.specification import MeasureRange, SourceRange, choose_range
from sim_backend.wire.kxci import KxciError

__all__ = ["LETTERS", "Smu", "Taken", "told"]

#: letters of SMU1 to SMU8 in a reading (4200A-901-01 Rev. C, page 9-53)
LETTERS = "ABCDGHIJ"
#: by range code of ``DV`` and ``DI``; 0 is autorange, absent codes need a preamplifier or a
#: 4210-SMU
_V_CODES = {1: 20.0, 2: 200.0, 3: 200.0, 4: 0.2, 5: 2.0}
_I_CODES = {3: 1e-7, 4: 1e-6, 5: 1e-5, 6: 1e-4, 7: 1e-3, 8: 1e-2, 9: 0.1}
_MOST = {"v": 210.0, "i": 0.105}
#: V: without the interlock an SMU stays within +-40 V (4200A-901-01 Rev. C, "Interlock"; check)
_WITHOUT_INTERLOCK = 40.0
_UNIT = {"v": "V", "i": "A"}

Quantity = Literal["v", "i"]


class Taken(NamedTuple):
    """One reading."""

    value: float
    limited: bool
    over: bool


class Smu:
    """One SMU.

    Parameters
    ----------
    number
        1 to 8.
    meter
        Its electronics.
    line_frequency
        Of the mains, Hz.
    """

    def __init__(self, number: int, meter: SourceMeter, line_frequency: float) -> None:
        self.number, self.meter = number, meter
        self._line_frequency = line_frequency
        self.on, self.interlock = False, True
        self.reset()

    def reset(self) -> None:
        """Switch off and return to the settings of a reset."""
        self.off()
        self.function: Quantity = "v"
        self.level, self.compliance = 0.0, 0.1
        self.range = 20.0  #: of the source, V or A
        self.fixed: dict[Quantity, float | None] = {"v": None, "i": None}  #: measure ranges
        self.lowest = 1e-7  #: range that the ammeter may use by itself, A

    def off(self) -> None:
        """Switch the output off."""
        self.on = False
        self.level = 0.0
        self._changed = self.meter.clock.now_s
        self.meter.set_output(False, high_impedance=True)

    def check(self, function: Quantity, level: float, compliance: float) -> None:
        """Refuse what the SMU cannot do.

        Raises
        ------
        KxciError
            The level or the compliance is out of range.
        """
        other: Quantity = "i" if function == "v" else "v"
        for quantity, value in ((function, level), (other, compliance)):
            if abs(value) > _MOST[quantity]:
                raise KxciError(errors.OUT_OF_RANGE, f"{value:g} {_UNIT[quantity]}")
            if quantity == "v" and abs(value) > _WITHOUT_INTERLOCK and not self.interlock:
                raise KxciError(errors.INTERLOCK, f"{value:g} V")
        if compliance == 0:
            raise KxciError(errors.OUT_OF_RANGE, f"a compliance of 0 {_UNIT[other]}")

    def open_interlock(self) -> bool:
        """Open the interlock; returns whether the output went off for it."""
        self.interlock = False
        voltage = self.level if self.function == "v" else self.compliance
        blocked = self.on and abs(voltage) > _WITHOUT_INTERLOCK
        if blocked:
            self.off()
        return blocked

    def source(self, function: Quantity, level: float, compliance: float, code: int = 0) -> None:
        """Source a level, from now on.

        Parameters
        ----------
        function
            ``v`` or ``i``.
        level
            V or A.
        compliance
            Largest magnitude of the other quantity; its sign does not matter, A or V.
        code
            Of the source range.

        Raises
        ------
        KxciError
            The level, the compliance or the range is not possible.
        """
        self.check(function, level, compliance)
        ranges = self.meter.spec.v_source if function == "v" else self.meter.spec.i_source
        full_scale = self._range(function, code, level, ranges)
        limits = self.meter.spec.i_source if function == "v" else self.meter.spec.v_source
        limit = abs(compliance)
        limit_range = choose_range(limits, limit) or limits[-1].full_scale
        self.function, self.level, self.compliance = function, level, limit
        self.range = full_scale
        self._changed = self.meter.clock.now_s
        self.meter.set_source(function, level, full_scale, limit, limit_range)
        if not self.on:
            self.on = True
            self.meter.set_output(True)

    def _range(
        self, function: Quantity, code: int, level: float, ranges: tuple[SourceRange, ...]
    ) -> float:
        if code == 0:
            return choose_range(ranges, level) or ranges[-1].full_scale
        full_scale = (_V_CODES if function == "v" else _I_CODES).get(code)
        if full_scale is None:
            raise KxciError(errors.NO_RANGE, f"code {code}")
        if abs(level) > full_scale * 1.05:
            raise KxciError(errors.OUT_OF_RANGE, f"{level:g} {_UNIT[function]} on code {code}")
        return full_scale

    def measure(self, quantity: Quantity, nplc: float) -> Generator[float, None, Taken]:
        """Take a reading once the range in use has settled; yields how long to wait, s."""
        meter, lowest = self.meter, {"v": 0.0, "i": 0.0}
        while True:
            ranges = {q: max(self._meter_range(q), lowest[q]) for q in ("v", "i")}
            yield max(0.0, self._changed + self._settling(ranges["i"]) - meter.clock.now_s)
            mark = meter.begin()
            yield nplc / self._line_frequency
            sample = meter.finish(
                mark,
                v_range=ranges["v"],
                i_range=ranges["i"],
                nplc=nplc,
                line_frequency=self._line_frequency,
            )
            over = sample.v_overrange if quantity == "v" else sample.i_overrange
            higher = self._higher(quantity, ranges[quantity])
            if not over or higher is None:
                return Taken(sample.v if quantity == "v" else sample.i, sample.limited, over)
            lowest[quantity] = higher  # autorange begins again one range up

    def _settling(self, full_scale: float) -> float:
        ranges = self.meter.spec.i_measure
        return next((r.settling for r in ranges if full_scale <= r.full_scale), 0.0)

    def _higher(self, quantity: Quantity, full_scale: float) -> float | None:
        """Return the next range up, unless the range is fixed or that of the source."""
        if self.fixed[quantity] is not None or quantity == self.function:
            return None
        spec = self.meter.spec
        ranges: tuple[MeasureRange, ...] = spec.v_measure if quantity == "v" else spec.i_measure
        return next((r.full_scale for r in ranges if r.full_scale > full_scale), None)

    def _meter_range(self, quantity: Quantity) -> float:
        """Return the range for a reading: a fixed one, that of the source, or the best."""
        fixed = self.fixed[quantity]
        if fixed is not None:
            return fixed
        if quantity == self.function:
            return self.range
        spec = self.meter.spec
        ranges: tuple[MeasureRange, ...] = spec.v_measure if quantity == "v" else spec.i_measure
        drive = self.meter.drive
        self.meter.fixture.sync()
        now = drive.v if quantity == "v" else self.meter.fixture.current(drive)
        found = choose_range(ranges, min(abs(now) * 1.05, self.compliance))
        found = ranges[-1].full_scale if found is None else found
        return max(found, self.lowest) if quantity == "i" else found

    @property
    def limited(self) -> bool:
        """Whether the compliance is in control now."""
        return self.on and self.meter.limited


def told(taken: Taken, others: Iterable[Smu]) -> str:
    """Return the status letter of a reading, which depends on the other SMUs too."""
    if taken.over:
        return "V"
    if taken.limited:
        return "C"
    return "T" if any(smu.limited for smu in others) else "N"
