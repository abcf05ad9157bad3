"""The oscilloscope that reads for a generator: an InfiniiVision X-Series with a resistor to ground.

Channel 1 sees the generator's output, channel 2 the voltage that the device's current leaves across
its own 50 Ohm or a resistor beside it, and the external trigger input the generator's second
output. pymeasure's `KeysightDSOX1102G` with what it lacks: it writes times with six digits after
the point, so that a microsecond is one and a nanosecond none, fetches waveforms as text of the
screen's points only, and knows neither 50 Ohm nor triggers nor segments (its `Channel.ask` forgets
to hand on the answer).

Nothing that it does drives the device; it has no output to be made safe.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from pymeasure.instruments.keysight.keysightDSOX1102G import KeysightDSOX1102G

from instruments.agilent33500_reads import Raw, Wiring
from instruments.agilent33500_traces import Transfer
from instruments.agilent33500_watch import Watch
from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.keysightdsox_limits import Input
from instruments.ranges import Range
from instruments.secured import Secured
from labctl.capability import Identity
from labctl.errors import InstrumentFault

__all__ = ["Scope"]

_MOST_ERRORS = 40  # entries of the error queue that are read
_AGREES = 1e-2  # of a setting that is read back: scales are rounded to three digits
_RUNNING = 1 << 3  # of the operation register (DSOX1204A/G Programmer's Guide, page 152)
_THRESHOLD = 1.5  # V, of the trigger input
_LINE = 50.0  # Hz; nothing of it depends on that


class Scope(Secured, KeysightDSOX1102G):  # type: ignore[misc]
    """An oscilloscope; meets `instruments.agilent33500_reads.Reads`.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    wired
        The model, and the resistor before channel 2.
    wiring
        How it is reached.
    """

    # what pymeasure's driver has
    ask: Any

    def __init__(self, adapter: Any, label: str, wired: Input, wiring: Wiring) -> None:
        with warnings.catch_warnings():  # pymeasure does not know yet that it speaks SCPI
            warnings.simplefilter("ignore", FutureWarning)
            super().__init__(adapter, f"{label} ({wiring.address})")
        self.label, self.model, self._wired = label, wired.scope, wired
        self.idn = ""
        self.place = "its external trigger input"
        self._program: Watch | None = None
        self._raws: list[Raw] = []

    # -- who it is ---------------------------------------------------------------------------------

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Ask who answers, and stop and clear it.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does.
        """
        with link_faults(self.name, "asking who it is"):
            self.idn = self.ask("*IDN?").strip()
        if self.model.name not in self.idn.upper().replace("-", "").replace(" ", ""):
            raise wrong_model(self.name, self.model.name, self.idn)
        if looking or leave:
            return
        with link_faults(self.name, "clearing it"):
            self.write("*RST")
        self.drain()
        self._terminate()

    def identify(self) -> Identity:
        """Ask who it is; it does not tell when it was calibrated."""
        self.start(looking=True)
        parts = [part.strip() for part in self.idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        return Identity(self.label, self.idn, self.model.name, serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as the instrument reports it."""
        with link_faults(self.name, "reading its settings"):
            found = {question: self.ask(question).strip() for question in _QUESTIONS}
        return {"idn": self.idn, "ohms": f"{self._wired.ohms:g}", **found}

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
            raise unexpected(self.name, answer, f"a number to {question}") from None

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

    # -- a record ----------------------------------------------------------------------------------

    def prepare(self) -> float:
        """Close the circuit through channel 2; returns a power line frequency, Hz."""
        self._terminate()
        self.check_errors()
        return _LINE

    def _terminate(self) -> None:
        """Switch the inputs so that the device's current finds its way to ground."""
        kind = "ONEM" if self._wired.shunt is not None else "FIFT"
        with link_faults(self.name, "switching its inputs"):
            if self.model.fifty:
                self.write(":CHAN1:IMP ONEM")
                self.write(f":CHAN2:IMP {kind}")

    def watch(self, program: Watch) -> None:
        """Record from the next edge on.

        Raises
        ------
        InstrumentFault
            It refuses a setting, or one reads back otherwise.
        """
        self._program, self._raws = program, []
        self._terminate()
        if not program.taken:
            return
        asked = dict(_settings(program, self._wired))
        with link_faults(self.name, "setting it up"):
            self.write(":STOP")
            for header, value in asked.items():
                self.write(
                    f"{header} {value}" if isinstance(value, str) else f"{header} {value:.9g}"
                )
            for header, value in asked.items():
                if not isinstance(value, str):
                    self._compare(header, value)
        if entries := self.drain():
            raise queue_fault(self.name, entries, "setting it up")
        with link_faults(self.name, "arming it"):
            self.ask(":AER?")  # what was armed earlier does not count
            self.write(":SING")

    def _compare(self, header: str, asked: float) -> None:
        found = self.number(f"{header}?")
        if abs(found - asked) > _AGREES * abs(asked):
            raise InstrumentFault(
                f"{self.name}: {header} reads back as {found:g} after {asked:g} was set; "
                "nothing was switched on"
            )

    def waiting(self) -> bool:
        """Return whether it is armed, and has seen what comes before a trigger."""
        if self._program is None or not self._program.taken:
            return True
        with link_faults(self.name, "waiting until it is armed"):
            return bool(self.number(":AER?"))

    def taken(self, *, over: bool) -> int:
        """Return how many readings there are: none until the record is whole."""
        if self._raws or not over or self._program is None:
            return len(self._raws)
        with link_faults(self.name, "waiting for its record"):
            if int(self.number(":OPER:COND?")) & _RUNNING:
                return 0
            self._raws = list(Transfer(self, self._wired.ohms).readings(self._program))
        return len(self._raws)

    def fetch(self, first: int, last: int) -> list[Raw]:
        """Return some of the readings, counted from 1."""
        return self._raws[first - 1 : last]

    # -- the end -----------------------------------------------------------------------------------

    def release(self) -> None:
        """Look for errors after a burst.

        Raises
        ------
        InstrumentFault
            It reported one.
        """
        self.check_errors()

    def isolate(self) -> None:
        """Say that it cannot open the circuit.

        Raises
        ------
        InstrumentFault
            Always: it is a resistor.
        """
        raise InstrumentFault(
            f"{self.name}: an oscilloscope cannot interrupt the current; press Output at the "
            "generator, or pull its cable"
        )

    def make_safe(self) -> None:
        """Stop it; it drives nothing.

        Raises
        ------
        InstrumentFault
            It does not answer, or its error queue had entries nobody has seen.
        """
        with link_faults(self.name, "stopping it"):
            self.write(":STOP")
        if entries := self.drain():
            raise queue_fault(self.name, entries, "stopping it")


_QUESTIONS = (
    ":CHAN1?", ":CHAN2?", ":TIM?", ":ACQ:TYPE?", ":ACQ:MODE?", ":TRIG:EDGE:SOUR?",
    ":TRIG:EDGE:LEV?", ":TRIG:SWE?", ":WAV:FORM?", ":WAV:POIN:MODE?",
)  # fmt: skip


def _settings(program: Watch, wired: Input) -> Iterator[tuple[str, float | str]]:
    """Yield what is set for a record; numbers are read back."""
    ohms = {1: 1.0, 2: wired.ohms}
    meters: dict[int, Range] = {1: program.v_meter, 2: program.i_meter}
    for number, meter in meters.items():
        channel = f":CHAN{number}"
        yield f"{channel}:DISP", "1"
        yield f"{channel}:PROB", 1.0
        yield f"{channel}:COUP", "DC"
        yield f"{channel}:BWL", "0"
        yield f"{channel}:INV", "0"
        yield f"{channel}:OFFS", 0.0
        yield f"{channel}:RANG", round(2 * meter.full_scale * ohms[number], 9)
    span = program.before + program.after
    yield ":TIM:MODE", "MAIN"
    yield ":TIM:REF", "CENT"
    yield ":TIM:RANG", span
    yield ":TIM:POS", span / 2 - program.before
    yield ":ACQ:TYPE", "NORM"
    yield ":ACQ:MODE", "SEGM" if program.segmented else "RTIM"
    if program.segmented:
        yield ":ACQ:SEGM:COUN", float(len(program.marks) * program.repeats)
    yield ":TRIG:MODE", "EDGE"
    yield ":TRIG:SWE", "NORM"
    yield ":TRIG:EDGE:SOUR", "EXT"
    yield ":TRIG:EDGE:SLOP", "POS"
    yield ":TRIG:EDGE:COUP", "DC"
    yield ":TRIG:EDGE:LEV", _THRESHOLD
    yield ":WAV:FORM", "BYTE"
    yield ":WAV:UNS", "1"
    yield ":WAV:POIN:MODE", "RAW"
    yield ":WAV:POIN", str(program.points_wanted)
