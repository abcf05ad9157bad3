"""The virtual Agilent B1500A: SMUs in its slots, behind FLEX.

A bench file gives, besides driver, model (``B1500A``) and address::

    modules = ["B1517A", "B1517A", "B1511B", "B1511B"]    # in the slots, from the first one
    interlock = false                                     # true: closed, for more than 42 V

and wires terminals to ``smu1``, ``smu2``, ..., by the number of the slot, which is that of the
channel in every command.

Commands are executed one after the other; what takes time holds up those behind it, and ``AB`` or a
device clear ends it. Not drawn: current sources, searches, the CMU and the SPGU, logarithmic
sampling, the program memory.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

from labctl.errors import BadInput
from sim_backend.analogue import SourceMeter
from sim_backend.clock import Clock, Event
from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import TEXTS, FlexError
from sim_backend.instruments.b1500_flex import Flex, commands_of
from sim_backend.instruments.b1500_learn import learn
from sim_backend.instruments.b1500_modes import Modes
from sim_backend.instruments.b1500_setup import Setup
from sim_backend.instruments.b1500_smu import Smu
from sim_backend.instruments.b1500_specification import MODULES
from sim_backend.instruments.line_interface import LineInterface, Pause
from sim_backend.roster import Bay

__all__ = ["B1500", "MODELS", "build"]

MODELS = ("B1500A",)
_FIRMWARE = "A.05.50.2013.0613"
_SLOTS = 10
_USUAL = ("B1517A", "B1517A", "B1511B", "B1511B")
_MOST_ERRORS = 8

Steps = Generator[float, None, Any]


class Course:
    """A course of time that the clock runs.

    Parameters
    ----------
    clock
        The laboratory's time.
    steps
        Yields how long to wait, s.
    """

    def __init__(self, clock: Clock, steps: Steps) -> None:
        self._clock, self._steps = clock, steps
        self._event: Event | None = None
        self.over = False
        self._go_on()

    def _go_on(self) -> None:
        try:
            wait = next(self._steps)
        except StopIteration:
            self.over = True
            return
        self._event = self._clock.after(max(wait, 0.0), self._go_on)

    def stop(self) -> None:
        """End it where it is."""
        if self._event is not None:
            self._event.cancel()
        self._steps.close()
        self.over = True


class B1500:
    """The instrument.

    Parameters
    ----------
    modules
        Electronics of the SMUs, by slot.
    names
        What is in the slots, by slot.
    clock
        The laboratory's time.
    line_frequency
        Of the mains, Hz.
    interlock
        Whether the interlock is closed.
    """

    #: called between slices of paced time; nothing here holds up the laboratory
    breathe: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self,
        modules: Mapping[int, SourceMeter],
        names: Mapping[int, str],
        clock: Clock,
        *,
        line_frequency: float = 50.0,
        interlock: bool = False,
    ) -> None:
        self.clock, self._names = clock, dict(names)
        self.smus = {
            number: Smu(number, meter, line_frequency, interlock=interlock)
            for number, meter in modules.items()
        }
        self._frequency = line_frequency
        self._errors: deque[tuple[int, str]] = deque()
        self._messages: list[str] = []
        self._course: Course | None = None
        self.reset()
        self.interface = LineInterface(self._execute, _is_abort)

    def reset(self) -> None:
        """Go to the initial settings (``*RST``): every output is off."""
        self.setup = Setup()
        self.modes = Modes(self.setup, self.smus, self._frequency, self.clock.now)
        self.flex = Flex(self.setup, self.modes, self.smus, self.clock.now, self._frequency)
        for smu in self.smus.values():
            smu.reset()

    # -- the wire -----------------------------------------------------------------------------

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line acts at once, whatever is running."""
        return _is_abort(line.decode("latin-1").strip())

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the answers that are ready, each with its carriage return and feed."""
        return [
            part + b"\r\n"
            for reply in self.interface.replies()
            for part in reply.rstrip(b"\n").split(b"\n")
        ]

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Nothing runs in another thread."""

    def abort(self) -> None:
        """End what is running; outputs stay as they are, a pulse ends."""
        if self._course is not None and not self._course.over:
            self._course.stop()
            if self.flex.partial:
                self._messages.append(self.flex.partial)
                self.flex.partial = ""
        self.interface.poll()

    def clear(self) -> None:
        """Take a device clear: what is running ends, nothing is queued."""
        self.abort()
        self.interface.clear()
        self._messages.clear()

    def trigger(self) -> None:
        """Take a bus trigger: it begins a measurement like ``XE``."""
        self.interface.write(b"XE\n")

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return (1 if self.interface.waiting else 0) | (32 if self._errors else 0)

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append((code, text or TEXTS.get(code, "Error.")))

    def close(self) -> None:
        """Switch off for good."""
        self.clear()
        for smu in self.smus.values():
            smu.switch(on=False)

    def channel_state(self, channel: str = "smu1") -> dict[str, Any]:
        """Return what a channel is set to: ``smu1`` for the first slot."""
        smu = self.smus[int(channel.removeprefix("smu"))]
        return {
            "output": smu.on, "level": smu.level, "compliance": smu.compliance,
            "range": smu.i_code, "limited": smu.limited,
            "running": self._course is not None and not self._course.over,
        }  # fmt: skip

    # -- commands -----------------------------------------------------------------------------

    def _execute(self, line: str) -> Pause | None:
        if _is_abort(line):
            self.abort()
            return None
        course = self._course = Course(self.clock, self._carry_out(line))
        return Pause(lambda: course.over, self._taken)

    def _taken(self) -> str | None:
        messages, self._messages = self._messages, []
        return "\n".join(messages) or None

    def _carry_out(self, line: str) -> Steps:
        """Execute the commands of a line in order; after one that is refused the rest is."""
        for name, numbers in commands_of(line):
            try:
                answer = yield from self._one(name, numbers)
            except FlexError as refused:
                self.report(refused.code)
                continue
            if answer:
                self._messages.append(answer)

    def _one(self, name: str, numbers: tuple[float, ...] | None) -> Steps:
        common = self._common(name, numbers or ())
        if common is not None:
            return common or None
        handler = self.flex.table.get(name)
        if handler is None:
            raise FlexError(errors.UNKNOWN)
        if numbers is None:
            raise FlexError(errors.SYNTAX)
        try:
            inspect.signature(handler).bind(*numbers)
        except TypeError:  # too many numbers, or too few
            raise FlexError(errors.SYNTAX) from None
        result = handler(*numbers)
        if isinstance(result, Generator):
            result = yield from result
        return result

    def _common(self, name: str, numbers: tuple[float, ...]) -> str | None:
        """Carry out what concerns the whole instrument; None when it is nothing of that."""
        answers: dict[str, Callable[[], str]] = {
            "*IDN?": lambda: f"Agilent Technologies,B1500A,0,{_FIRMWARE}",
            "*OPC?": lambda: "1",
            "*STB?": lambda: str(self.status_byte()),
            "*TST?": lambda: "0",
            "UNT?": self._modules,
            "ERRX?": self._next_error,
            "ERR?": self._all_errors,
            "NUB?": lambda: str(self.interface.waiting),
            "*LRN?": lambda: learn(int(numbers[0]) if numbers else 0, self.setup, self.smus),
            "*RST": self._begin_anew,
            "BC": lambda: "",
        }
        return answers[name]() if name in answers else None

    def _begin_anew(self) -> str:
        self.reset()
        return ""

    def _modules(self) -> str:
        return ";".join(f"{self._names.get(slot, '0')},0" for slot in range(1, _SLOTS + 1))

    def _next_error(self) -> str:
        code, text = self._errors.popleft() if self._errors else (0, TEXTS[0])
        return f'{code:+d},"{text}"'

    def _all_errors(self) -> str:
        codes = [str(code) for code, _ in self._errors]
        self._errors.clear()
        return ",".join((codes + ["0"] * 4)[:4])


def build(bay: Bay) -> B1500:
    """Return the instrument of a place in the laboratory.

    Raises
    ------
    BadInput
        An option of the bench file is not allowed.
    """
    given = bay.options.get("modules", _USUAL)
    wrong = [name for name in given if name not in ("", *MODULES)]
    if wrong or not 1 <= len(given) <= _SLOTS:
        raise BadInput(
            f"instruments.{bay.name}: modules = {list(given)!r} is not allowed; give the modules "
            f"of up to {_SLOTS} slots out of {', '.join(MODULES)}, or empty text for an empty slot"
        )
    names = {slot: name for slot, name in enumerate(given, 1) if name}
    return B1500(
        {slot: bay.meter(f"smu{slot}", MODULES[name]) for slot, name in names.items()},
        names,
        bay.clock,
        line_frequency=bay.line_frequency,
        interlock=bay.options.get("interlock", False) is True,
    )


def _is_abort(line: str) -> bool:
    return line.strip().upper() == "AB"
