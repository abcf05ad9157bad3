"""One SMU of a virtual B1500A: what it sources, its ranges, and a reading with its status."""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal, NamedTuple

from sim_backend.analogue import SourceMeter
from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import FlexError
from sim_backend.instruments.b1500_specification import I_CODES, SAFE_VOLTAGE, V_CODES
from sim_backend.instruments.specification import MeasureRange, choose_range

__all__ = ["Quantity", "Smu", "Taken"]

Quantity = Literal["v", "i"]


class Taken(NamedTuple):
    """One reading."""

    quantity: Quantity
    value: float
    limited: bool
    over: bool


class Smu:
    """One SMU.

    Parameters
    ----------
    number
        Of its slot, which is that of its channel.
    meter
        Its electronics.
    line_frequency
        Of the mains, Hz.
    interlock
        Whether the interlock is closed.
    """

    def __init__(
        self, number: int, meter: SourceMeter, line_frequency: float, *, interlock: bool
    ) -> None:
        self.number, self.meter = number, meter
        self._line_frequency, self._interlock = line_frequency, interlock
        self.on = False
        self.reset()

    def reset(self) -> None:
        """Switch off and return to the settings of a reset."""
        self.function: Quantity = "v"
        self.level, self.compliance, self.code, self.i_code, self.v_code = 0.0, 1e-4, 12, 0, 0
        self.operation = 0  #: ``CMM``
        self.converter = 0  #: ``AAD``
        self.kept: tuple[float, float] | None = None  #: level and compliance before ``DZ``
        self.switch(on=False)

    def switch(self, *, on: bool) -> None:
        """Open or close the output switch; either way the output begins at zero."""
        self.on = on
        self.level = 0.0
        if on:
            self.function, self.compliance, self.code = "v", 1e-4, 12
            self._program(0.0, 12, self.compliance)
            self.meter.set_output(True)
        else:
            self.meter.set_output(False, high_impedance=True)

    # -- source -------------------------------------------------------------------------------

    def allow(self, level: float, code: int, compliance: float) -> float:
        """Return the full scale for a voltage; refuses what the module cannot do.

        Raises
        ------
        FlexError
            The range, the level, the compliance or the interlock does not allow it.
        """
        spec = self.meter.spec
        if code and code not in V_CODES:
            raise FlexError(errors.RANGE)
        least = V_CODES.get(code, 0.0)
        full = choose_range([r for r in spec.v_source if r.full_scale >= least], level)
        if full is None or abs(level) > 100.0:
            raise FlexError(errors.PARAMETER)
        if abs(level) > SAFE_VOLTAGE and not self._interlock:
            raise FlexError(errors.INTERLOCK)
        most = next((i for v, i in spec.dc_area if abs(level) <= v), 0.0)
        if not 0 < abs(compliance) <= most * (1 + 1e-9):
            raise FlexError(errors.COMPLIANCE)
        return full

    def force(self, level: float, code: int, compliance: float) -> None:
        """Force a voltage from now on.

        Raises
        ------
        FlexError
            The output switch is open, or the module cannot do it.
        """
        if not self.on:
            raise FlexError(errors.SWITCH)
        self._program(level, code, compliance)
        self.level, self.code, self.compliance = level, code, abs(compliance)
        self.function = "v"

    def _program(self, level: float, code: int, compliance: float) -> None:
        full = self.allow(level, code, compliance)
        limits = self.meter.spec.i_source
        limit = choose_range(limits, compliance) or limits[-1].full_scale
        self.meter.set_source("v", level, full, abs(compliance), limit)

    def ground(self) -> None:
        """Force zero volts, remembering what was forced."""
        if self.on:
            self.kept = (self.level, self.compliance)
            self.force(0.0, self.code, self.compliance)

    def restore(self) -> None:
        """Force again what was forced before `ground`."""
        if self.on and self.kept is not None:
            self.force(self.kept[0], self.code, self.kept[1])
            self.kept = None

    # -- meter --------------------------------------------------------------------------------

    @property
    def wanted(self) -> Quantity:
        """What it measures: the side of the compliance, unless it was told otherwise."""
        return "v" if self.operation in (2, 3) else "i"

    def fixed_range(self, quantity: Quantity, code: int) -> float | None:
        """Return the full scale of a measurement range; None for one that is looked for.

        Raises
        ------
        FlexError
            There is no such range.
        """
        codes = I_CODES if quantity == "i" else V_CODES
        if code == 0:
            return None
        lowest = self.meter.spec.i_measure[0].full_scale if quantity == "i" else 0.0
        full = codes.get(abs(code))
        if full is None or full < lowest * 0.99:
            raise FlexError(errors.RANGE)
        return full if code < 0 else None

    def measure(
        self, quantity: Quantity, aperture: float, code: int | None = None
    ) -> Generator[float, None, Taken]:
        """Take a reading; yields how long it takes, s."""
        mark = self.meter.begin()
        yield aperture
        return self.finish(mark, quantity, aperture, code)

    def finish(
        self, mark: object, quantity: Quantity, aperture: float, code: int | None = None
    ) -> Taken:
        """End a reading that was begun by the meter's `begin`."""
        if code is None:
            code = self.i_code if quantity == "i" else self.v_code
        fixed = self.fixed_range(quantity, code)
        sample = self.meter.finish(
            mark,
            v_range=self._range("v", fixed if quantity == "v" else None, code),
            i_range=self._range("i", fixed if quantity == "i" else None, code),
            nplc=aperture * self._line_frequency,
            line_frequency=self._line_frequency,
        )
        value, over = (
            (sample.v, sample.v_overrange) if quantity == "v" else (sample.i, sample.i_overrange)
        )
        return Taken(quantity, value, sample.limited, over)

    def _range(self, quantity: Quantity, fixed: float | None, code: int) -> float:
        if fixed is not None:
            return fixed
        spec, drive = self.meter.spec, self.meter.drive
        ranges: tuple[MeasureRange, ...] = spec.v_measure if quantity == "v" else spec.i_measure
        self.meter.fixture.sync()
        now = drive.v if quantity == "v" else self.meter.fixture.current(drive)
        least = I_CODES.get(code, 0.0) if quantity == "i" else V_CODES.get(code, 0.0)
        found = choose_range([r for r in ranges if r.full_scale >= least], abs(now) * 1.05)
        return ranges[-1].full_scale if found is None else found

    @property
    def limited(self) -> bool:
        """Whether the compliance is in control now."""
        return self.on and self.meter.limited
