"""A generator behind a connection: bursts of arbitrary waveforms on its outputs, and how they end.

pymeasure's `Agilent33500` and `Keysight81160A` with what they lack: points are sent as a block, not
as text; settings are read back before an output goes on; errors are raised; ``with`` and `shutdown`
switch the outputs off and see that they are.

The two speak differently: a 33500 counts points a second and has a burst mode, an 81160A sets the
frequency of a whole waveform and counts the repetitions for each trigger.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pymeasure.instruments.agilent import Agilent33500
from pymeasure.instruments.keysight.keysight81160A import Keysight81160A

from instruments.agilent33500_limits import TRIGGER_LEVEL, Generator
from instruments.agilent33500_program import Burst
from instruments.errors import link_faults, queue_fault, wrong_model
from instruments.secured import Secured
from labctl.errors import InstrumentFault

__all__ = ["Outputs", "PulseGenerator", "Trueform"]

log = logging.getLogger(__name__)

_MOST_ERRORS = 50  # entries of the error queue that are read
_CLOSE = 1e-6  # relative difference of a setting that is read back
_NAME = "LABCTL"


class Outputs(Secured):
    """What the generators have in common; put before a driver of pymeasure.

    Parameters
    ----------
    adapter
        An open connection.
    label, address
        Name in the bench file, and VISA address.
    model
        What the generator is specified to do.
    """

    def __init__(self, adapter: Any, label: str, address: str, model: Generator) -> None:
        super().__init__(adapter, f"{label} ({address})")  # type: ignore[call-arg]
        self.label, self.model = label, model
        self.idn = ""
        self.found = ""  #: what was on when the driver connected, as a sentence
        self.by_hand = True  #: whether something was sent since the last step

    # what pymeasure's drivers have
    ask: Any

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command by hand; the next step then trusts no earlier setting."""
        self.by_hand = self.by_hand or "?" not in command
        super().write(command, **kwargs)  # type: ignore[misc]

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers; report and clear what is left of earlier use.

        Parameters
        ----------
        leave
            Leave an output that is on as it is, until the first step; else switch it off.
        looking
            Only ask.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does.
        """
        with link_faults(self.name, "asking who it is"):
            self.idn = self.ask("*IDN?").strip()
        if self.model.name not in self.idn.upper():
            raise wrong_model(self.name, self.model.name, self.idn)
        if looking:
            return
        with link_faults(self.name, "clearing it"):
            on = [str(n) for n in self.numbers if self.number(self.state(n))]
            self.drain()
            if on:
                became = "left on" if leave else "switched off"
                self.found = f"{self.name}: found output {' and '.join(on)} on; it was {became}"
                log.warning(self.found)
            if leave and on:
                return
            self.write("*RST")
        self.make_safe()

    @property
    def numbers(self) -> range:
        """Numbers of the outputs."""
        return range(1, self.model.outputs + 1)

    def state(self, number: int) -> str:
        """Return the question whether an output is on."""
        return f":OUTP{number}?"

    def number(self, question: str) -> float:
        """Ask for a number.

        Raises
        ------
        InstrumentFault
            The answer is none.
        """
        answer = self.ask(question).strip()
        try:
            return float(answer)
        except ValueError:
            raise InstrumentFault(
                f'{self.name}: {question} was answered with "{answer[:60]}"; expected is a number'
            ) from None

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        entries: list[str] = []
        with link_faults(self.name, "reading its error queue"):
            while len(entries) < _MOST_ERRORS:
                answer = self.ask(":SYST:ERR?").strip()
                if answer.lstrip("+").startswith("0,"):
                    break
                entries.append(answer)
        return entries

    def load(self, program: Burst) -> None:
        """Give the generator a program with its outputs off, and see that it has it.

        Raises
        ------
        InstrumentFault
            It refuses, or a setting reads back otherwise.
        """
        tracks = [(1, program.levels(), max(program.peak, self.model.least / 2))]
        if program.taken:
            tracks.append((2, program.triggers(), TRIGGER_LEVEL))
        with link_faults(self.name, "sending a waveform"):
            for number, points, peak in tracks:
                share = program.peak / peak if number == 1 and program.peak else 1.0
                self._set(number, points * share, peak, program)
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting up a waveform")
        self.by_hand = False

    def _set(
        self, number: int, points: npt.NDArray[np.float64], peak: float, program: Burst
    ) -> None:
        self.write(f":OUTP{number} 0")
        for line in self._before(number):
            self.write(line)
        codes = np.round(points * self.model.code).astype(">i2")
        self.adapter.write_binary_values(
            self._upload(number), codes.tolist(), "\n", datatype="h", is_big_endian=True
        )
        asked = self._settings(number, peak, program)
        for header, value in asked.items():
            self.write(
                f"{header} {value:.12g}" if isinstance(value, float) else f"{header} {value}"
            )
        for header, value in asked.items():
            if isinstance(value, float):
                self._compare(header, value)

    def _compare(self, header: str, asked: float) -> None:
        found = self.number(f"{header}?")
        if abs(found - asked) > _CLOSE * abs(asked):
            raise InstrumentFault(
                f"{self.name}: {header} reads back as {found:g} after {asked:g} was set; "
                "set it at the front panel and see what is in the way"
            )

    def _before(self, number: int) -> Iterator[str]:
        """Yield what is sent before the points."""
        raise NotImplementedError

    def _upload(self, number: int) -> str:
        """Return the command before the block of points."""
        raise NotImplementedError

    def _settings(self, number: int, peak: float, program: Burst) -> Mapping[str, float | str]:
        """Return what is set after the points; numbers are read back."""
        raise NotImplementedError

    def switch_on(self, program: Burst) -> None:
        """Switch on what a program uses; nothing but zero volts is there until it is triggered.

        Raises
        ------
        InstrumentFault
            It refuses.
        """
        with link_faults(self.name, "switching on"):
            for number in (1, 2) if program.taken else (1,):
                self.write(f":OUTP{number} 1")
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching on")
        self.by_hand = False

    def fire(self) -> None:
        """Begin the burst on every output that is on."""
        with link_faults(self.name, "starting a burst"):
            self.write("*TRG")
        self.by_hand = False

    def switch_off(self) -> None:
        """Switch the outputs off after a burst."""
        with link_faults(self.name, "switching off"):
            for number in self.numbers:
                self.write(f":OUTP{number} 0")
        self.by_hand = False

    def make_safe(self) -> None:
        """End a burst, switch every output off, and see that it is so.

        Raises
        ------
        InstrumentFault
            Something could not be made safe, or the error queue had entries nobody has seen.
        """
        doing = "switching its outputs off; press Output at the front panel"
        with link_faults(self.name, doing):
            for line in (*self._end(), *(f":OUTP{number} 0" for number in self.numbers)):
                self.write(line)
            on = [str(n) for n in self.numbers if self.number(self.state(n))]
        if on:
            raise InstrumentFault(
                f"{self.name}: output {' and '.join(on)} still reports to be on; switch it off at "
                "the front panel"
            )
        if entries := self.drain():
            raise queue_fault(self.name, entries, "switching off")

    def _end(self) -> Iterator[str]:
        """Yield what ends a burst."""
        yield ":ABOR"

    def settings(self) -> dict[str, str]:
        """Return what is set, as the instrument reports it."""
        with link_faults(self.name, "reading its settings"):
            return {question: self.ask(question).strip() for question in self._questions()}

    def _questions(self) -> Iterator[str]:
        """Yield what is asked for a record."""
        raise NotImplementedError


class Trueform(Outputs, Agilent33500):  # type: ignore[misc]
    """A 33521B or 33522B."""

    def _before(self, number: int) -> Iterator[str]:
        yield f":OUTP{number}:LOAD INF"
        yield f":SOUR{number}:BURS:STAT 0"
        yield f":SOUR{number}:DATA:VOL:CLE"
        yield ":FORM:BORD NORM"

    def _upload(self, number: int) -> str:
        return f":SOUR{number}:DATA:ARB:DAC {_NAME},"

    def _settings(self, number: int, peak: float, program: Burst) -> Mapping[str, float | str]:
        source = f":SOUR{number}"
        return {
            f"{source}:FUNC:ARB": f'"{_NAME}"',
            f"{source}:FUNC": "ARB",
            f"{source}:FUNC:ARB:FILT": "OFF",
            f"{source}:FUNC:ARB:SRAT": 1.0 / program.grid,
            f"{source}:VOLT": 2.0 * peak,
            f"{source}:VOLT:OFFS": 0.0,
            f"{source}:BURS:MODE": "TRIG",
            f"{source}:BURS:NCYC": float(program.repeats),
            f":TRIG{number}:SOUR": "BUS",
            f"{source}:BURS:STAT": "1",
        }

    def _questions(self) -> Iterator[str]:
        for n in self.numbers:
            yield from (
                f":OUTP{n}?", f":OUTP{n}:LOAD?", f":SOUR{n}:FUNC?", f":SOUR{n}:FUNC:ARB?",
                f":SOUR{n}:FUNC:ARB:SRAT?", f":SOUR{n}:FUNC:ARB:FILT?", f":SOUR{n}:VOLT?",
                f":SOUR{n}:VOLT:OFFS?", f":SOUR{n}:BURS:STAT?", f":SOUR{n}:BURS:NCYC?",
                f":TRIG{n}:SOUR?",
            )  # fmt: skip


class PulseGenerator(Outputs, Keysight81160A):  # type: ignore[misc]
    """An 81160A."""

    def _before(self, number: int) -> Iterator[str]:
        yield f":OUTP{number}:LOAD 1E6"
        yield ":FORM:BORD NORM"

    def _upload(self, number: int) -> str:
        return f":DATA{number}:DAC VOLATILE,"

    def _settings(self, number: int, peak: float, program: Burst) -> Mapping[str, float | str]:
        period = program.points * program.grid
        return {
            f":FUNC{number}:USER": "VOLATILE",
            f":FUNC{number}": "USER",
            f":FREQ{number}": 1.0 / period,
            f":VOLT{number}": 2.0 * peak,
            f":VOLT{number}:OFFS": 0.0,
            f":ARM:SOUR{number}": "MAN",
            f":TRIG{number}:COUN": float(program.repeats),
        }

    def _end(self) -> Iterator[str]:
        # there is no abort: an output that goes off ends what is on it
        return iter(())

    def _questions(self) -> Iterator[str]:
        for n in self.numbers:
            yield from (
                f":OUTP{n}?", f":OUTP{n}:LOAD?", f":FUNC{n}?", f":FREQ{n}?", f":VOLT{n}?",
                f":VOLT{n}:OFFS?", f":ARM:SOUR{n}?", f":TRIG{n}:COUN?",
            )  # fmt: skip
