"""The FLEX commands of a virtual B1500A (programming guide, chapter 4).

A line holds commands separated by semicolons, each a name and numbers separated by commas. A
handler is given the numbers; it refuses with `FlexError`, returns an answer, or is a course of time
that appends to the output. What is answered or measured by one command is one message. The mark
[C] is that of `b1500_specification`: to be checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import FlexError
from sim_backend.instruments.b1500_modes import Modes
from sim_backend.instruments.b1500_setup import Converter, Setup
from sim_backend.instruments.b1500_smu import Quantity, Smu
from sim_backend.instruments.b1500_sources import Sources, one_of

__all__ = ["Flex", "commands_of"]

_COMMAND = re.compile(r"\s*(\*?[A-Za-z]+\??)\s*(.*?)\s*$", re.DOTALL)
#: what firmware takes for a command that forces or measures at once, s [C]
_AT_ONCE = 0.3e-3
_TRIGGER = 1e-3  # s, from ``XE`` to the measurement [C]
_FORMATS = (1, 2, 5, 11, 12, 15, 21, 22, 25)

Numbers = Sequence[float]
Course = Generator[float, None, None]


def commands_of(line: str) -> Iterator[tuple[str, tuple[float, ...] | None]]:
    """Yield the commands of a line; the numbers are None where they are none.

    Examples
    --------
    >>> list(commands_of("CN 1;DV1,12,-1.5E-1;*LRN? 31"))
    [('CN', (1.0,)), ('DV', (1.0, 12.0, -0.15)), ('*LRN?', (31.0,))]
    """
    for text in line.split(";"):
        match = _COMMAND.match(text)
        if match is None:
            if text.strip():
                yield text.strip(), None
            continue
        given = [part.strip() for part in match[2].split(",")] if match[2] else []
        try:
            yield match[1].upper(), tuple(float(part) for part in given)
        except ValueError:
            yield match[1].upper(), None


class Flex:
    """The table of commands.

    Parameters
    ----------
    setup, modes, smus
        What they set and run.
    now
        The laboratory's time, s.
    line_frequency
        Of the mains, Hz.
    """

    def __init__(
        self, setup: Setup, modes: Modes, smus: dict[int, Smu], now: Callable[[], float],
        line_frequency: float,
    ) -> None:  # fmt: skip
        self.setup, self.modes, self.smus, self.now = setup, modes, smus, now
        self._frequency = line_frequency
        self.table: dict[str, Callable[..., Any]] = {
            "CN": self._connect, "CL": self._disconnect, "DZ": self._ground, "RZ": self._restore,
            "IN": self._initialise, "DV": self._force, "TDV": self._force_timed,
            "TI": self._current, "TV": self._voltage, "TTI": self._current_timed,
            "TTV": self._voltage_timed, "RI": self._i_range, "RV": self._v_range,
            "CMM": self._operation, "AAD": self._converter, "AIT": self._integrate,
            "AV": self._average, "AZ": self._autozero, "CM": self._calibrate, "PAD": self._parallel,
            "FMT": self._format, "TSC": self._stamps, "TSR": self._clear_timer, "TSQ": self._timer,
            "MM": self._mode, "XE": self._measure, "PA": self._pause,
            **dict.fromkeys(("FL", "SSR", "TM", "WAT"), self._accepted),
            **Sources(setup, self.smu).table,
        }  # fmt: skip

    # -- channels -----------------------------------------------------------------------------

    def _channels(self, numbers: Numbers) -> list[Smu]:
        return [self.smu(number) for number in numbers] if numbers else list(self.smus.values())

    def smu(self, number: float) -> Smu:
        """Return a channel by its number.

        Raises
        ------
        FlexError
            There is none of it.
        """
        smu = self.smus.get(int(number))
        if smu is None:
            raise FlexError(errors.CHANNEL)
        return smu

    def _connect(self, *numbers: float) -> None:
        for smu in self._channels(numbers):
            if not smu.on:
                smu.switch(on=True)

    def _disconnect(self, *numbers: float) -> None:
        for smu in self._channels(numbers):
            smu.switch(on=False)

    def _ground(self, *numbers: float) -> None:
        for smu in self._channels(numbers):
            smu.ground()

    def _restore(self, *numbers: float) -> None:
        for smu in self._channels(numbers):
            smu.restore()

    def _initialise(self, *numbers: float) -> None:
        self._ground(*numbers)

    def _force(
        self, number: float, code: float, level: float, compliance: float | None = None, *_: float
    ) -> Course:
        smu = self.smu(number)
        smu.force(level, int(code), smu.compliance if compliance is None else compliance)
        self.setup.sampling.sources.pop(smu.number, None)
        yield _AT_ONCE

    def _force_timed(self, number: float, *rest: float) -> Generator[float, None, str]:
        told = self.modes.stamped(self.smu(number).number)
        yield from self._force(number, *rest)
        return told

    # -- high-speed spot ------------------------------------------------------------------------

    def _spot(
        self, quantity: Quantity, number: float, code: float | None, *, timed: bool
    ) -> Generator[float, None, str]:
        smu = self.smu(number)
        if not smu.on:
            raise FlexError(errors.SWITCH)
        if code is not None:
            smu.fixed_range(quantity, int(code))
        yield _AT_ONCE
        stamp = self.modes.stamped(smu.number) + "," if timed else ""
        aperture = self.setup.aperture(min(smu.converter, 1), self._frequency)
        taken = yield from smu.measure(quantity, aperture, None if code is None else int(code))
        return stamp + self.modes.told(smu.number, taken)

    def _current(self, number: float, code: float | None = None) -> Generator[float, None, str]:
        return self._spot("i", number, code, timed=False)

    def _voltage(self, number: float, code: float | None = None) -> Generator[float, None, str]:
        return self._spot("v", number, code, timed=False)

    def _current_timed(
        self, number: float, code: float | None = None
    ) -> Generator[float, None, str]:
        return self._spot("i", number, code, timed=True)

    def _voltage_timed(
        self, number: float, code: float | None = None
    ) -> Generator[float, None, str]:
        return self._spot("v", number, code, timed=True)

    # -- settings -----------------------------------------------------------------------------

    def _i_range(self, number: float, code: float) -> None:
        smu = self.smu(number)
        smu.fixed_range("i", int(code))
        smu.i_code = int(code)

    def _v_range(self, number: float, code: float) -> None:
        smu = self.smu(number)
        smu.fixed_range("v", int(code))
        smu.v_code = int(code)

    def _operation(self, number: float, mode: float) -> None:
        self.smu(number).operation = one_of(mode, (0, 1, 2, 3))

    def _converter(self, number: float, kind: float) -> None:
        self.smu(number).converter = one_of(kind, (0, 1, 2))

    def _integrate(self, kind: float, mode: float, value: float = 1.0) -> None:
        which, how = one_of(kind, (0, 1, 2)), one_of(mode, (0, 1, 2, 3))
        if not value > 0 or (how == 3 and (which == 1 or not 2e-6 <= value <= 20e-3)):
            raise FlexError(errors.PARAMETER)
        self.setup.converters[which] = Converter(how, value)

    def _average(self, number: float, mode: float = 0) -> None:
        if not (1 <= number <= 1023 or -100 <= number <= -1):
            raise FlexError(errors.PARAMETER)
        self.setup.average = (int(number), int(mode))
        if number > 0:
            self.setup.converters[0] = Converter(int(mode), number)

    def _autozero(self, on: float) -> None:
        self.setup.autozero = one_of(on, (0, 1))

    def _calibrate(self, on: float) -> None:
        self.setup.calibration = one_of(on, (0, 1))

    def _parallel(self, on: float) -> None:
        self.setup.parallel = one_of(on, (0, 1))

    def _format(self, form: float, output: float = 0) -> None:
        self.setup.format = one_of(form, _FORMATS)
        self.setup.output = int(output)

    def _stamps(self, on: float) -> None:
        self.setup.stamped = bool(one_of(on, (0, 1)))

    def _clear_timer(self, *_: float) -> None:
        self.setup.zero = self.now()

    def _timer(self) -> str:
        return self.modes.stamped(next(iter(self.smus)))

    def _accepted(self, *_: float) -> None:
        """Take a setting that changes nothing here: filter, series resistor, trigger, waits."""

    # -- measuring ----------------------------------------------------------------------------

    def _mode(self, mode: float, *channels: float) -> None:
        self.setup.mode = one_of(mode, (1, 2, 3, 4, 10))
        self.setup.measured = tuple(self.smu(number).number for number in channels)

    def _measure(self) -> Generator[float, None, str]:
        items: list[str] = []
        yield _TRIGGER
        try:
            yield from self.modes.run(items)
        except GeneratorExit:  # what was measured before an abort is sent
            self.partial = ",".join(items)
            raise
        return ",".join(items)

    partial = ""  #: data of a measurement that was aborted

    def _pause(self, duration: float) -> Course:
        if not 0 <= duration <= 99.9999:
            raise FlexError(errors.PARAMETER)
        yield duration
