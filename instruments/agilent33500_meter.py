"""A generator and its reader as one waveform source: bursts out, readings back, a safe end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

from instruments.agilent33500_ammeter import Ammeter
from instruments.agilent33500_ammeter2400 import Ammeter2400
from instruments.agilent33500_ammeter2450 import Ammeter2450
from instruments.agilent33500_generator import Outputs, PulseGenerator, Trueform
from instruments.agilent33500_pairing import Decodes, Pairing, WithMeter, WithScope
from instruments.agilent33500_program import Burst
from instruments.agilent33500_readers import Reader
from instruments.agilent33500_reads import Reads, Wiring
from instruments.agilent33500_scope import Scope
from instruments.kept import Kept
from instruments.secured import open_adapter
from labctl.capability import Identity, Limits, Setup, StopRequest, Violation
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Row
from labctl.steps import Play

__all__ = ["GeneratorAndMeter", "open_pair"]

_LOOK = 0.25  # s between two looks for readings, and whether to stop
_GRACE = 0.5  # s that readings may be late after a burst, besides the messages' own time
_TRAILING = 50e-3  # s after a burst, in which one that answers nothing until then ends its reading
_SETTLE = 2e-3  # s between outputs on and the burst: relays close (check: not specified)
_ARMED = 1.0  # s within which a reader has to be ready after that


#: who reads, by the driver of the section
_AMMETERS: dict[str, Callable[[Any, str, Reader, Wiring], Reads]] = {
    "keithley2400": Ammeter2400,
    "keithley2450": Ammeter2450,
    "keithley2600": Ammeter,
}


def open_pair(
    setup: Setup, pairing: WithMeter | WithScope, wiring: Wiring, timeout: float, *, leave: bool
) -> GeneratorAndMeter:
    """Open both connections, and identify and clear both instruments.

    Parameters
    ----------
    setup
        Section of the bench file.
    pairing
        What the instruments are specified to do, and what they do together.
    wiring
        How the reader is reached.
    timeout
        How long to wait for an answer, s.
    leave
        Leave outputs that are on as they are, until the first step.

    Raises
    ------
    BadInput
        An address is no VISA address.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    called = f"{setup.name}.meter"
    there = replace(setup, name=called, address=wiring.address)
    model = pairing.generator
    kind = PulseGenerator if model.name == "81160A" else Trueform
    generator = kind(open_adapter(setup, timeout), setup.name, setup.address, model)
    try:
        ammeter = _reader(open_adapter(there, timeout), called, pairing, wiring)
    except BaseException:
        generator.close()
        raise
    pair = GeneratorAndMeter(setup, pairing, generator, ammeter)
    try:
        pair.start(leave=leave, looking=setup.looking)
    except BaseException:
        pair.close()
        raise
    return pair


def _reader(adapter: Any, called: str, pairing: WithMeter | WithScope, wiring: Wiring) -> Reads:
    if isinstance(pairing, WithScope):
        return Scope(adapter, called, pairing.unit.input, wiring)
    meter = pairing.unit.meter
    return _AMMETERS[meter.driver](adapter, called, meter, wiring)


class GeneratorAndMeter:
    """Both instruments as a `labctl.capability.WaveformSource`; use `connect` to get one.

    Parameters
    ----------
    setup
        Section of the bench file.
    pairing
        What the instruments are specified to do, and what they do together.
    generator, ammeter
        The instruments, for work by hand too.
    """

    def __init__(self, setup: Setup, pairing: Pairing, generator: Outputs, ammeter: Reads) -> None:
        self.generator, self.ammeter = generator, ammeter
        self.name = generator.name
        self._label, self._pairing = setup.name, pairing
        self._degraded = setup.accept_degraded
        clock = None if setup.laboratory is None else setup.laboratory.clock
        self._speed = setup.speed
        self._now: Callable[[], float] = self._wall if clock is None else clock.now
        self._wait = self._sleep if clock is None else clock.wait
        self._origin = self._now()
        self._compile = Kept(lambda play: self._pairing.compile(play))
        self._loaded: Burst | None = None  # what the generator has

    @property
    def limits(self) -> Limits:
        """What they can do, at a source-meter's own power line frequency."""
        return self._pairing.limits

    def start(self, *, leave: bool = False, looking: bool = False) -> None:
        """Identify and clear both.

        Parameters
        ----------
        leave
            Leave outputs that are on as they are, until the first step; else switch them off.
        looking
            Only identify them.

        Raises
        ------
        InstrumentFault
            Nobody answers, another model does, or one refuses.
        """
        # nothing flows once the generator's outputs are off
        self.generator.start(leave=leave, looking=looking)
        self.ammeter.start(leave=leave, looking=looking)
        if not looking:
            self._pairing = self._pairing.on_line(self.ammeter.prepare())

    def identify(self) -> Identity:
        """Ask both who they are; the reader is told of among the options.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        self.generator.start(looking=True)
        reads = self.ammeter.identify()
        idn = self.generator.idn
        parts = [part.strip() for part in idn.split(",")]
        serial, firmware = (*parts[2:4], "", "")[:2]
        options = f"read by {reads.idn}"
        return Identity(
            self._label,
            idn,
            self._pairing.generator.name,
            serial,
            firmware,
            reads.calibrated,
            options,
        )

    def snapshot(self) -> dict[str, str]:
        """Return every setting worth keeping, as both report it.

        Raises
        ------
        InstrumentFault
            Nobody answers.
        """
        found = {"found": self.generator.found} if self.generator.found else {}
        settings = {"idn": self.generator.idn, **found, **self.generator.settings()}
        meter = {f"meter.{key}": value for key, value in self.ammeter.snapshot().items()}
        return {**settings, **meter}

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this, without touching the instruments."""
        return self._compile(play).violations

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step, yielding readings in chunks while it runs.

        Parameters
        ----------
        play
            What to play.
        stop
            Asked four times a second; True ends the burst and makes safe.

        Yields
        ------
        list of Row
            New readings in order; t counts from `connect`.

        Raises
        ------
        Refused
            The step breaks a limit; nothing was sent.
        InstrumentFault
            An instrument reported an error, or did not answer. Both have been made safe, or a note
            on the exception says what could not.
        """
        compiled = self._compile(play)
        program = compiled.program
        if program is None or not compiled.playable(degraded=self._degraded):
            raise Refused(compiled.violations)
        try:
            stopped = stop() or self._rested(program.lead, stop)
            if program.repeats and not stopped:
                begun = self._begin(program)
                stopped = yield from self._readings(program, begun, stop)
                if not stopped:
                    self._finish()
            if stopped or self._rested(program.trail, stop):
                self.make_safe()
        except BaseException as error:
            self._loaded = None
            self._safe_after(error)
            raise

    def _begin(self, program: Burst) -> float:
        """Set both up, switch on and begin the burst; returns when that was, s."""
        if self._loaded is not program or self.generator.by_hand:
            self._loaded = None
            self.generator.load(program)
            self._loaded = program
        self.ammeter.watch(program)  # the compliance is in force before there is any voltage
        self.generator.switch_on(program)
        self._wait(max(_SETTLE, program.calm), _never)
        self._await_reader()
        self.generator.fire()
        return self._now() - self._origin

    def _await_reader(self) -> None:
        """Wait until an edge would be heard."""
        end = self._now() + _ARMED
        while not self.ammeter.waiting():
            if self._now() > end:
                raise InstrumentFault(
                    f"{self.ammeter.name}: {_ARMED:g} s after it was armed it does not wait for a "
                    "trigger; switch it off and on again"
                )
            self._wait(_SETTLE, _never)

    def _readings(
        self, program: Burst, begun: float, stop: StopRequest
    ) -> Generator[list[Row], None, bool]:
        """Yield readings as they come; returns whether the burst was stopped."""
        decoder = self._pairing.decoder(program, begun)
        expected, got = program.taken * program.repeats, 0
        quiet = self._pairing.quiet and expected
        end = begun + self._origin + program.duration + (_TRAILING if quiet else 0.0)
        while True:
            left = end - self._now()
            if left > 0:
                self._wait(min(left, _LOOK), stop)
            if stop():
                return True
            over = self._now() >= end
            taken = self.ammeter.taken(over=over) if got < expected else got
            if taken > got:
                yield self._rows(decoder, got, taken)
                got = taken
            if over and got >= expected:
                return False
            if self._now() > end + _GRACE:
                raise InstrumentFault(
                    f"{self.ammeter.name}: {got} of {expected} readings were triggered; check the "
                    f"cable from output 2 of {self.name} to {self.ammeter.place}"
                )
            if over:
                self._wait(_SETTLE, _never)

    def _rows(self, decoder: Decodes, got: int, taken: int) -> list[Row]:
        try:
            return decoder.rows(self.ammeter.fetch(got + 1, taken))
        except ValueError as error:
            raise InstrumentFault(
                f"{self.ammeter.name}: {error}; check the cable from output 2 of {self.name} to "
                f"{self.ammeter.place}"
            ) from None

    def _finish(self) -> None:
        """Switch off after a burst that has come to its end: the voltage first."""
        self.generator.switch_off()
        self.ammeter.release()
        self.generator.check_errors()

    def _rested(self, duration: float, stop: StopRequest) -> bool:
        """Wait; returns whether to stop."""
        end = self._now() + duration
        while (left := end - self._now()) > 0:
            self._wait(min(left, _LOOK), stop)
            if stop():
                return True
        return False

    # -- safety ------------------------------------------------------------------------------------

    def make_safe(self) -> None:
        """Switch both off, each on its own; with a generator that does not answer, open the relay.

        Raises
        ------
        InstrumentFault
            Something could not be made safe; the message says what.
        """
        failures = []
        for make_safe in (self.generator.make_safe, self.ammeter.make_safe):
            try:
                make_safe()
            except InstrumentFault as fault:
                failures.append(str(fault))
                if make_safe == self.generator.make_safe:
                    failures += _isolated(self.ammeter)
        if failures:
            raise InstrumentFault("; ".join(failures))

    def _safe_after(self, error: BaseException) -> None:
        try:
            self.make_safe()
        except InstrumentFault as unsafe:
            error.add_note(str(unsafe))

    def close(self) -> None:
        """Give both connections back; never raises."""
        self.generator.close()
        self.ammeter.close()

    # -- time of the wall, as the instruments count it ---------------------------------------------

    def _wall(self) -> float:
        return time.monotonic() * self._speed

    def _sleep(self, duration: float, _stop: StopRequest) -> None:
        time.sleep(duration / self._speed)


def _isolated(reader: Reads) -> list[str]:
    """Open the device's circuit at the reader; returns what came of it."""
    try:
        reader.isolate()
    except InstrumentFault as fault:
        return [str(fault)]
    return [f"{reader.name}: its output relay was opened, so that no current flows"]


def _never() -> bool:
    return False
