"""One channel of a Series 2600B: source, meter, trigger model and buffers, and its functions.

What scripts see of it is laid out in `keithley2600_smu`.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 7, ``smuX.*`` and ``bufferVar.*``.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_electronics import Electronics, Quantity
from sim_backend.instruments.keithley26_ports import ContactCheck
from sim_backend.instruments.keithley26_pulser import fitted
from sim_backend.instruments.keithley26_shortcut import Shortcut
from sim_backend.instruments.keithley2600_buffer import ReadingBuffer, buffer_node
from sim_backend.instruments.keithley2600_checks import number, whole
from sim_backend.instruments.keithley2600_measure import Meter, Target
from sim_backend.instruments.keithley2600_source import Source, other
from sim_backend.instruments.keithley2600_sweep import Sweep
from sim_backend.instruments.keithley2600_trigger import Events, Process
from sim_backend.wire.tsp import Node, Refusal

if TYPE_CHECKING:
    from sim_backend.instruments.keithley26_family import Model

__all__ = ["Channel", "Surroundings"]

_MODE_CHANGE = 10e-3  # s
_CONTACT_CURRENT = 1e-3  # A
_NUMBER = number()


class Surroundings(Protocol):
    """What a channel needs of the instrument around it."""

    clock: Clock
    events: Events
    epoch: float
    line_frequency: float

    def pass_time(self, duration: float) -> None:
        """Let time pass for the running script, s."""

    def wait_for(self, steps: Generator[float, None, Any]) -> Any:
        """Let the time of a measurement pass for the running script."""

    def time_passed(self) -> None:
        """Note that the running script let time pass."""

    def overlap(self, process: Process) -> None:
        """Start something that `waitcomplete` waits for."""

    def note(self, channel: str, activity: str, active: bool) -> None:
        """Record in the status registers what a channel is doing."""

    def note_overrun(self, letter: str, detector: str) -> None:
        """Record that an event detector lost an event."""

    def note_protection(self, letter: str, tripped: bool) -> None:
        """Record whether the protection of a pulser is tripped."""

    def report(self, code: int) -> None:
        """Append an error to the queue."""


class Channel:
    """Source, meter, trigger model and buffers of one channel.

    Parameters
    ----------
    letter
        ``a`` or ``b``.
    model
        Of the instrument.
    electronics, around
        Below and around it.
    """

    def __init__(
        self, letter: str, model: Model, electronics: Electronics, around: Surroundings
    ) -> None:
        spec = model.spec
        self.letter, self.name, self.model, self.spec = letter, f"smu{letter}", model, spec
        self.electronics, self._around = electronics, around
        self.source = Source(spec, electronics, around.pass_time)
        self.meter = Meter(spec, electronics, self.source, around.clock, around.line_frequency)
        self.sweep = Sweep(
            self.source,
            self.meter,
            around.events,
            around.clock,
            lambda active: around.note(letter, "sweeping", active),
            lambda detector: around.note_overrun(letter, detector),
            model.pulses,
        )
        self.shortcut = Shortcut(
            self.source, self.meter, electronics, self._idle, around.time_passed
        )
        self.source.changed = self.shortcut.changed
        self.pulser = fitted(
            model.pulser, letter, self.source, self.meter, self.sweep, electronics, around
        )
        self.dedicated = [ReadingBuffer(self.name, None, around.epoch) for _ in range(2)]
        self.contact = ContactCheck(self._contacts, self._permit_contact_check, around.pass_time)
        self.overlapped: Process | None = None
        self.calibration_date = around.epoch

    def reset(self) -> None:
        """Go back to the defaults (smuX.reset): output off, settings and buffers' modes too."""
        self.abort()
        if self.pulser is not None:
            self.pulser.reset()
        self.source.reset()
        self.meter.reset()
        self.electronics.set_sense(remote=False)
        self.contact.reset()
        self.sweep.reset()

    def abort(self) -> None:
        """End sweeps and overlapped measurements (smuX.abort)."""
        self.sweep.abort()
        if self.overlapped is not None and self.overlapped.running:
            self.overlapped.cancel()
            self._around.note(self.letter, "measuring", False)

    @property
    def busy(self) -> bool:
        """Whether an overlapped operation is going on."""
        measuring = self.overlapped is not None and self.overlapped.running
        return measuring or self.sweep.running

    def _contacts(self) -> tuple[float, float]:
        """Return what lies between force and sense, high and low, Ohm: all of it is high."""
        return self.electronics.contact, 0.0

    def _permit_contact_check(self) -> None:
        """Refuse a contact check where less than 1 mA may flow (smuX.contact.check)."""
        source = self.source
        if source.output:
            current = source.range["i"] if source.function == "i" else source.limit["i"]
            if abs(current) < _CONTACT_CURRENT:
                raise Refusal(5065)
        elif source.off_mode == Source.HIGH_Z:
            raise Refusal(5048)
        elif source.off_mode == Source.NORMAL and source.off_limit["i"] < _CONTACT_CURRENT:
            raise Refusal(5066)

    def own(self, value: Any) -> ReadingBuffer:
        """Return a buffer that a script passed.

        Raises
        ------
        Refusal
            It is none, or one of another channel.
        """
        buffer = self._buffer(value)
        if buffer is None:
            raise Refusal(-109)
        return buffer

    def _idle(self) -> bool:
        return not self.busy

    @property
    def progress(self) -> int:
        """A number that grows with every point and every measurement."""
        return self.sweep.progress + self.meter.taken

    def state(self) -> dict[str, Any]:
        """Return what the front panel shows of this channel.

        Returns
        -------
        dict
            ``output``, ``limited`` and ``sweeping`` (bool); ``function`` (``v`` or ``i``),
            ``level``, ``range`` and ``limit`` that act now, V and A; ``limit_function``.
        """
        source = self.source
        return {
            "output": bool(source.output),
            "function": source.function,
            "level": source.programmed,
            "range": self.meter.range_in_use(source.function),
            "limit": source.limiting(source.programmed)[0],
            "limit_function": other(source.function),
            "limited": self.electronics.limited,
            "sweeping": self.sweep.running,
        }

    # -- functions ----------------------------------------------------------------------------

    def buffers(self, letters: str, given: Sequence[Any]) -> tuple[Target, ...]:
        """Match the buffers that a script passed with the measurements of a function.

        Raises
        ------
        Refusal
            Too many were passed, or one is not a buffer of this channel.
        """
        if not given:
            return tuple((letter, None) for letter in letters)
        if len(given) > len(letters):
            raise Refusal(-108)
        found = [self._buffer(value) for value in given]
        if len([b for b in found if b is not None]) != len({id(b) for b in found if b is not None}):
            raise Refusal(5040)
        return tuple(zip(letters, [*found, *[None] * (len(letters) - len(found))], strict=True))

    def _buffer(self, value: Any) -> ReadingBuffer | None:
        if value is None:
            return None
        if not isinstance(value, ReadingBuffer):
            raise Refusal(-104)
        if value.channel != self.name:
            raise Refusal(5033)
        return value

    def set_level(self, quantity: Quantity, value: Any) -> None:
        """Program a level (smuX.source.levelY)."""
        if not self.shortcut.set_level(quantity, value):
            self.source.set_level(quantity, _NUMBER(value))

    def measure(self, letters: str, *given: Any) -> Any:
        """Measure while the script waits (smuX.measure.Y)."""
        if not given:
            reading = self.shortcut.measure(letters)
            if reading is not None:
                return reading
        targets = self.buffers(letters, given)
        self._permit_measuring()
        shown = self._around.wait_for(self.meter.measure(targets))
        return shown[0] if len(shown) == 1 else tuple(shown)

    def _permit_measuring(self) -> None:
        if self.busy:
            raise Refusal(5042)
        if self.meter.fast and not self.source.output:  # a pulser measures with the output on only
            raise Refusal(5061)

    def measure_overlapped(self, letters: str, *given: Any) -> None:
        """Measure into buffers while the script goes on (smuX.measure.overlappedY)."""
        targets = self.buffers(letters, given)
        if len(given) < len(letters):
            raise Refusal(-109)
        self._permit_measuring()
        note = self._around.note
        self.shortcut.changed()
        note(self.letter, "measuring", True)
        self.overlapped = Process(
            self._around.clock,
            self.meter.measure(targets),
            lambda: note(self.letter, "measuring", False),
        )
        self._around.overlap(self.overlapped)

    def initiate(self) -> None:
        """Start the trigger model (smuX.trigger.initiate).

        Raises
        ------
        Refusal
            It is running, or the configuration does not allow it.
        """
        if self.busy:
            raise Refusal(5042)
        self.shortcut.changed()
        self.sweep.initiate()

    def measure_and_step(self, letters: str, level: Any) -> Any:
        """Measure, then program the next level (smuX.measureYandstep)."""
        value = number()(level)
        shown = self.measure(letters)
        if self.pulser is not None and self.pulser.enable:
            self.pulser.set_bias(value)
        else:
            self.source.set_level(self.source.function, value)
        return shown

    def configure_measuring(self, letters: str, *given: Any) -> None:
        """Choose what the measure action of a sweep stores where (smuX.trigger.measure.Y)."""
        targets = self.buffers(letters, given)
        if len(given) < len(letters):
            raise Refusal(-109)
        self.sweep.targets = targets

    def set_high_capacitance(self, value: int) -> None:
        """Enter or leave the high-capacitance mode (smuX.source.highc).

        It fixes the current range to that of the limit, of at least 1 uA; the change takes 10 ms
        (data sheet, "Mode change delay"). Its slower settling is not modelled.
        """
        if value:
            self.source.check_limit("i", self.source.limit["i"], high_c=True)
            self.meter.autorange["i"] = self.meter.AUTORANGE_FOLLOW_LIMIT
        if value != self.source.high_c:
            self._around.pass_time(_MODE_CHANGE)
        self.source.high_c = value

    def set_sense(self, value: int) -> None:
        """Sense with two wires (0) or four (1); smuX.sense."""
        self.meter.sense = value
        self.electronics.set_sense(remote=bool(value))

    def set_autozero(self, mode: int) -> None:
        """Set the autozero mode; ONCE takes its time now (smuX.measure.autozero)."""
        self._around.pass_time(self.meter.set_autozero(mode))

    def make_buffer(self, size: Any) -> Node:
        """Return a new buffer (smuX.makebuffer)."""
        buffer = ReadingBuffer(self.name, whole(1, 1_000_000)(size), self._around.epoch)
        return buffer_node("buffer", buffer)
