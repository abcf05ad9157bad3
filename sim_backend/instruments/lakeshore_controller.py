"""The settings of a Lake Shore controller, what they make of the stage, and the commands for them.

Every command names an output or an input. The first output heats the stage, and every input senses
it; what is set for the other outputs is kept and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim_backend.instruments.heated_stage import HeatedStage
from sim_backend.wire.parameters import Number, Raw, ScpiError, Whole
from sim_backend.wire.scpi import Command

__all__ = ["MODELS", "Controller", "Model"]

_REFUSED = -222  # reported as an execution error
_ZERO = 273.15  # K
_MINUTE = 60.0  # s
#: alarm of an input: on, high, low, dead band, latched
_NO_ALARM = (0, 350.0, 0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Model:
    """How the models differ."""

    idn: str
    inputs: str
    outputs: int
    ranges: tuple[float, ...]  #: of the first heater, W
    numbered: bool = True  #: heater commands name their output
    slowest: float = 0.1  #: K/min


#: heater power on 50 Ohm or 25 Ohm, each range a tenth of the next one
MODELS: Mapping[str, Model] = {
    "331": Model("MODEL331S", "AB", 2, (0.5, 5.0, 50.0), numbered=False),
    "335": Model("MODEL335", "AB", 2, (0.75, 7.5, 75.0)),
    "336": Model("MODEL336", "ABCD", 4, (1.0, 10.0, 100.0), slowest=0.001),
    "350": Model("MODEL350", "ABCD", 4, (0.0075, 0.075, 0.75, 7.5, 75.0), slowest=0.001),
}


class Controller:
    """The settings.

    Parameters
    ----------
    model
        How it differs from the others.
    stage
        What it heats.
    """

    def __init__(self, model: Model, stage: HeatedStage) -> None:
        self.model, self.stage = model, stage
        self.reading_status = self.heater_status = 0  #: as ``RDGST?`` and ``HTRST?`` tell them
        self.reset()
        stage.watch = self.guard

    def reset(self) -> None:
        """Go to the settings after power-up: the heater is off."""
        outputs = range(1, self.model.outputs + 1)
        self.range = dict.fromkeys(outputs, 0)
        self.modes = {n: (1 if n == 1 else 0, 1 if n == 1 else 0, 0) for n in outputs}
        self.loops = dict.fromkeys(outputs, 1)  # of the 331: CMODE
        self.wired = dict.fromkeys(outputs, "A,1,0,2")  # of the 331: CSET
        self.alarms = dict.fromkeys(self.model.inputs, _NO_ALARM)
        self.limits = dict.fromkeys(self.model.inputs, 0.0)
        self._tripped = dict.fromkeys(self.model.inputs, (False, False))
        self.targets = dict.fromkeys(outputs, self.stage.temperature)
        self.ramps = dict.fromkeys(outputs, (0, 6.0))
        self.terms = dict.fromkeys(outputs, (50.0, 20.0, 0.0))
        self.apply()
        self.stage.aim(self.stage.temperature)

    def apply(self) -> None:
        """Put the settings of the first output into force."""
        stage, loop = self.stage, self.stage.loop
        stage.update()
        mode = self.modes[1][0] if self.model.numbered else (3 if self.loops[1] == 3 else 1)
        loop.closed = mode in (1, 2)
        loop.p, loop.i, loop.d = self.terms[1]
        ramping, rate = self.ramps[1]
        loop.ramping, loop.rate = bool(ramping and rate), rate / _MINUTE
        step = self.range[1]
        stage.supply(self.model.ranges[step - 1] if step and mode in (1, 2, 3) else 0.0)

    def guard(self) -> None:
        """Look whether an alarm is due, or the limit at which every output goes off."""
        temperature = self.stage.temperature
        for name, (on, high, low, band, latched) in self.alarms.items():
            was = self._tripped[name] if on else (False, False)
            above = temperature > high or (was[0] and (latched or temperature > high - band))
            below = temperature < low or (was[1] and (latched or temperature < low + band))
            self._tripped[name] = (bool(on and above), bool(on and below))
        if any(limit and temperature > limit for limit in self.limits.values()):
            self.range = dict.fromkeys(self.range, 0)
            self.apply()

    def fail_sensor(self, status: int) -> None:
        """Let the readings have a status from now on; without one there is no heat."""
        self.stage.update()
        self.reading_status, self.stage.blind = status, True

    def fail_heater(self, status: int) -> None:
        """Let the heater fail: it goes off, and stays off."""
        self.heater_status, self.range[1] = status, 0
        self.apply()

    # -- commands -------------------------------------------------------------------------------

    def commands(self) -> list[Command]:
        """Return the table of commands of this model."""
        number, whole, word = Number(names=()), Whole(names=()), Raw()
        one, reading = (word,), self._reading
        table = [
            Command(":KRDG", query=lambda name="A": reading(name, 0.0), asked=one),
            Command(":CRDG", query=lambda name="A": reading(name, _ZERO), asked=one),
            Command(":SRDG", query=lambda name="A": reading(name, 0.0), asked=one),
            Command(":RDGST", query=self._status, asked=one),
            Command(":SETP", self._aim, self._aimed, (whole, number), (whole,)),
            Command(":RAMP", self._ramp, self._ramped, (whole, whole, number), (whole,)),
            Command(":RAMPST", query=self._ramping, asked=(whole,)),
            Command(":PID", self._tune, self._tuned, (whole, number, number, number), (whole,)),
            Command(":MOUT", self._manual, self._manually, (whole, number), (whole,)),
            Command(":HTR", query=self._heat, asked=(whole,)),
            Command(":HTRST", query=lambda _n=1: str(self.heater_status), asked=(whole,)),
            Command(":RANGE", self._supply, self._supplied, (whole, whole), (whole,), 1),
            Command(":ALARM", self._alarm, self._alarmed, (word, *(number,) * 7), one, 6),
            Command(":ALARMST", query=self._alarms, asked=one),
            Command(":ALMRST", self._forget),
        ]
        return table + (self._later() if self.model.numbered else self._older())

    def _later(self) -> list[Command]:
        """Return what the 331 has not got."""
        whole = Whole(names=())
        return [
            Command(":OUTMODE", self._mode, self._moded, (whole,) * 4, (whole,)),
            Command(":TLIMIT", self._limit, lambda name="A": _told(self.limits[self._input(name)]),
                    (Raw(), Number(names=())), (Raw(),)),
        ]  # fmt: skip

    def _older(self) -> list[Command]:
        """Return what only the 331 has."""
        whole = Whole(names=())
        return [
            Command(":CMODE", self._cmode, lambda n=1: str(self.loops[self._output(n)]),
                    (whole, whole), (whole,)),
            Command(":CSET", self._wire, lambda n=1: self.wired[self._output(n)],
                    (whole, Raw(), whole, whole, whole), (whole,), 2),
        ]  # fmt: skip

    def _output(self, number: int) -> int:
        if number not in self.range:
            raise ScpiError(_REFUSED, f"output {number}")
        return number

    def _input(self, name: str) -> str:
        if name.upper() not in self.model.inputs or not name:
            raise ScpiError(_REFUSED, f"input {name}")
        return name.upper()

    def _reading(self, name: str, zero: float) -> str:
        self._input(name)
        return _told(0.0 if self.reading_status else self.stage.temperature - zero)

    def _status(self, name: str = "A") -> str:
        self._input(name)
        return f"{self.reading_status:03d}"

    def _aim(self, number: int, target: float) -> None:
        self.targets[self._output(number)] = target
        if number == 1:
            self.stage.aim(target)

    def _aimed(self, number: int = 1) -> str:
        self._output(number)
        self.stage.update()
        # while it ramps, the setpoint is told where it is
        return _told(self.stage.setpoint if number == 1 else self.targets[number])

    def _ramp(self, number: int, on: int, rate: float) -> None:
        if not (self.model.slowest <= rate <= 100.0 or rate == 0.0):
            raise ScpiError(_REFUSED, f"{rate} K/min")
        self.ramps[self._output(number)] = (int(bool(on)), rate)
        self.apply()

    def _ramped(self, number: int = 1) -> str:
        on, rate = self.ramps[self._output(number)]
        return f"{on},{_told(rate)}"

    def _ramping(self, number: int = 1) -> str:
        return str(int(self._output(number) == 1 and self.stage.on_its_way))

    def _tune(self, number: int, p: float, i: float, d: float) -> None:
        if not (0.1 <= p <= 1000 and 0 <= i <= 1000 and 0 <= d <= 200):
            raise ScpiError(_REFUSED, f"{p},{i},{d}")
        self.terms[self._output(number)] = (p, i, d)
        self.apply()

    def _tuned(self, number: int = 1) -> str:
        return ",".join(map(_told, self.terms[self._output(number)]))

    def _manual(self, number: int, percent: float) -> None:
        if not 0 <= percent <= 100:
            raise ScpiError(_REFUSED, f"{percent} %")
        if self._output(number) == 1:
            self.stage.update()
            self.stage.loop.manual = percent

    def _manually(self, number: int = 1) -> str:
        return _told(self.stage.loop.manual if self._output(number) == 1 else 0.0)

    def _heat(self, number: int = 1) -> str:
        self.stage.update()
        return f"{self.stage.output if self._output(number) == 1 else 0.0:+.1f}"

    def _supply(self, first: int, second: int | None = None) -> None:
        if (second is not None) != self.model.numbered:
            raise ScpiError(_REFUSED, "parameters")
        number, step = (1, first) if second is None else (first, second)
        if not 0 <= step <= len(self.model.ranges):
            raise ScpiError(_REFUSED, f"range {step}")
        if not (step and self.heater_status):  # a heater that failed stays off
            self.range[self._output(number)] = step
        self.apply()

    def _supplied(self, number: int = 1) -> str:
        return str(self.range[self._output(number)])

    def _alarm(self, name: str, on: float, *values: float) -> None:
        # the 331 has the source of the alarm before its levels
        high, low, band, latched, *_ = values if self.model.numbered else (*values[1:], 0.0)
        self.alarms[self._input(name)] = (int(on), high, low, band, int(latched))
        self.guard()

    def _alarmed(self, name: str = "A") -> str:
        on, high, low, band, latched = self.alarms[self._input(name)]
        source = "" if self.model.numbered else "1,"
        more = ",0,0" if self.model.numbered else ""
        return f"{on},{source}{_told(high)},{_told(low)},{_told(band)},{latched}{more}"

    def _alarms(self, name: str = "A") -> str:
        high, low = self._tripped[self._input(name)]
        return f"{int(high)},{int(low)}"

    def _forget(self) -> None:
        self._tripped = dict.fromkeys(self._tripped, (False, False))
        self.guard()

    def _mode(self, number: int, mode: int, source: int, powerup: int) -> None:
        if not 0 <= mode <= 5 or not 0 <= source <= len(self.model.inputs):
            raise ScpiError(_REFUSED, f"mode {mode}")
        self.modes[self._output(number)] = (mode, source, powerup)
        self.apply()

    def _moded(self, number: int = 1) -> str:
        return ",".join(map(str, self.modes[self._output(number)]))

    def _limit(self, name: str, limit: float) -> None:
        self.limits[self._input(name)] = limit
        self.guard()

    def _cmode(self, number: int, mode: int) -> None:
        if not 1 <= mode <= 6:
            raise ScpiError(_REFUSED, f"mode {mode}")
        self.loops[self._output(number)] = mode
        self.apply()

    def _wire(
        self, number: int, name: str, units: int = 1, powerup: int = 0, shown: int = 2
    ) -> None:
        self.wired[self._output(number)] = f"{self._input(name)},{units},{powerup},{shown}"


def _told(value: float) -> str:
    return f"{value:+.3f}"
