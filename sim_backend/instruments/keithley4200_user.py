"""User mode of the 4200A (page ``US``): SMUs that source and measure at once.

Also what any page takes: integration time, resolution, ranges, the reach of an RPM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_smu import LETTERS, Quantity, Smu, told
from sim_backend.instruments.keithley4200_sweep import SystemTest
from sim_backend.instruments.specification import choose_range
from sim_backend.instruments.tsp_time import ScriptClock
from sim_backend.wire.kxci import Command, KxciError, Number, Text, Whole

__all__ = ["UserMode"]

_CHANNEL = Whole("channel", 1, 9)
_VALUE = Number("value")
_NPLC = (0.1, 1.0, 10.0)  # of IT1, IT2, IT3


class UserMode:
    """SMUs by hand.

    Parameters
    ----------
    smus
        By number.
    test
        Where integration time and resolution are kept.
    time
        Lets the time of a reading pass.
    """

    def __init__(self, smus: Mapping[int, Smu], test: SystemTest, time: ScriptClock) -> None:
        self._smus, self._test, self._time = smus, test, time

    def commands(self) -> list[Command]:
        """Return the table."""
        four = (_CHANNEL, Whole("range", 0, 13), _VALUE, _VALUE)
        return [
            Command("DV", self._source("v"), four, required=1, page="US"),
            Command("DI", self._source("i"), four, required=1, page="US"),
            Command("DS", self._just_voltage, (_CHANNEL, _VALUE), page="US"),
            Command("TV", self._measure("v"), (_CHANNEL,), page="US"),
            Command("TI", self._measure("i"), (_CHANNEL,), page="US"),
            *self._settings(),
        ]

    def _settings(self) -> list[Command]:
        factor, aperture = Number("factor", 0, 100), Number("aperture", 0.01, 10)
        volts, amperes = Number("range", -210, 210), Number("range", -1.05, 1.05)
        which = Text("instrument", "SMU[1-9]|PMU[1-4]-[12]")
        speed = (Whole("speed", 1, 4), factor, factor, aperture)
        return [
            Command("IT", self._integrate, speed, required=1),
            Command("RS", self._resolve, (Whole("digits", 3, 7),)),
            Command("EC", self._leave, (Whole("state", 0, 1),)),
            Command("RV", self._fix("v"), (_CHANNEL, volts, _VALUE)),
            Command("RI", self._fix("i"), (_CHANNEL, amperes, _VALUE)),
            Command("RG", self._lowest, (_CHANNEL, amperes)),
            Command("RP", self._connect, (which, Whole("path", 0, 3))),
            Command("MP", self._work_as, (_CHANNEL, Text("kind", "(SMU|VS|VM)[1-9]"))),
        ]

    def _smu(self, number: int) -> Smu:
        if number not in self._smus:
            raise KxciError(errors.OUT_OF_RANGE, f"SMU{number}")
        if self._test.running:
            raise KxciError(errors.RUNNING)
        return self._smus[number]

    def _source(self, function: Quantity) -> Callable[..., None]:
        def put(number: int, *given: float) -> None:
            smu = self._smu(number)
            if not given:
                smu.off()
            elif len(given) < 3:
                raise KxciError("missing", "DV" if function == "v" else "DI")
            else:
                smu.source(function, given[1], given[2], int(given[0]))

        return put

    def _just_voltage(self, number: int, level: float) -> None:
        self._smu(number).source("v", level, 0.1)

    def _measure(self, quantity: Quantity) -> Callable[[int], str]:
        def take(number: int) -> str:
            smu = self._smu(number)
            taken = self._time.wait_for(smu.measure(quantity, self._test.nplc))
            others = (other for other in self._smus.values() if other is not smu)
            status = told(taken, others)
            kind = f"{status}{LETTERS[number - 1]}{quantity.upper()}"
            return f"{kind}{taken.value:+.{self._test.digits - 1}E}"

        return take

    def _integrate(self, speed: int, *custom: float) -> None:
        if speed < 4:
            self._test.nplc = _NPLC[speed - 1]
        elif len(custom) < 3:
            raise KxciError("missing", "IT4")
        else:
            self._test.nplc = custom[2]

    def _resolve(self, digits: int) -> None:
        self._test.digits = digits

    def _leave(self, state: int) -> None:
        self._test.stops_at_compliance = bool(state)

    def _fix(self, quantity: Quantity) -> Callable[[int, float, float], None]:
        def put(number: int, full_scale: float, _compliance: float) -> None:
            smu = self._smu(number)
            spec = smu.meter.spec
            ranges = spec.v_measure if quantity == "v" else spec.i_measure
            smu.fixed[quantity] = choose_range(ranges, full_scale) or ranges[-1].full_scale

        return put

    def _lowest(self, number: int, full_scale: float) -> None:
        smu = self._smu(number)
        ranges = smu.meter.spec.i_measure
        smu.lowest = choose_range(ranges, full_scale) or ranges[-1].full_scale

    def _connect(self, _which: str, _path: int) -> None:
        """Do nothing: an SMU has its own cable here."""

    def _work_as(self, number: int, _kind: str) -> None:
        self._smu(number)
