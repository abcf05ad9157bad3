"""KXCI without input or output: a table of commands, and the messages that are executed by it.

KXCI is the external control interface of the Keithley 4200 family. Its older commands are two
letters, perhaps a channel number, and parameters behind commas; several may stand in one message,
apart by a semicolon or a space, and most belong to a *page* that has to be open (``DE``, ``SS``,
``SM``, ``MD``, ``US``). Its newer ones are words behind colons. A table is a list of `Command`::

    Command("DV", set_voltage, (Whole("channel", 1, 9), ...), page="US")
    Command(":PMU:EXECUTE", execute)

`Interpreter.execute` takes one message and returns what is answered. What a message consists of::

    US;DV1,0,1.5,1e-3       -> US | DV 1,0,1.5,1e-3
    SS RP SMU1, 0           -> SS | RP SMU1,0        a word after a comma is a parameter
    :PMU:SARB:SEQ:TIME 1, 1, 1e-6, 1e-7

Sources: 4200A-SCS KXCI Programming (4200A-KXCI-907-01) and Model 4200A-SCS Reference Manual,
4200A-901-01 Rev. C, section 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "ACKNOWLEDGED", "PAGES", "TERMINATORS", "Command", "Interpreter", "KxciError", "Name", "Number",
    "Parameter", "Text", "Unit", "Whole",
]  # fmt: skip

#: bytes that end a message: a null by the manual, a line feed is tolerated
TERMINATORS = b"\0\n"
#: the answer to a message that asks for nothing (Ethernet only)
ACKNOWLEDGED = "ACK"
PAGES = ("DE", "SS", "SM", "MD", "US", "UL")

#: what can be wrong with a message before it means anything
UNKNOWN, WRONG_PAGE, MISSING, TOO_MANY, NOT_A_NUMBER, OUT_OF_RANGE = (
    "unknown", "page", "missing", "too many", "number", "range",
)  # fmt: skip

_LONGEST = 1 << 20  # characters of a message
_TOKEN = re.compile(r"\s*(?:;|(?P<word>[:*][^\s;]+|[A-Za-z]{2}(?![A-Za-z_])))")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


class KxciError(Exception):
    """A command that is refused.

    Parameters
    ----------
    code
        What is wrong: one of this module's words, or the instrument's own number.
    text
        What it was about.
    """

    def __init__(self, code: str | int, text: str = "") -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Number:
    """A number within limits."""

    name: str
    low: float = -1e38
    high: float = 1e38

    def take(self, text: str) -> Any:
        """Return the value of a parameter.

        Raises
        ------
        KxciError
            The text is no number, or beyond the limits.
        """
        if not _NUMBER.match(text):
            raise KxciError(NOT_A_NUMBER, f"{self.name} {text[:40]}")
        value = float(text)
        if not self.low <= value <= self.high:
            raise KxciError(OUT_OF_RANGE, f"{self.name} {text[:40]}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within limits."""

    name: str
    low: int = 0
    high: int = 1

    def take(self, text: str) -> Any:
        """Return the value of a parameter; raises KxciError."""
        value = Number(self.name, self.low, self.high).take(text)
        if value != int(value):
            raise KxciError(NOT_A_NUMBER, f"{self.name} {text[:40]}")
        return int(value)


@dataclass(frozen=True, slots=True)
class Name:
    """A name in single quotes, at most six letters and digits."""

    name: str

    def take(self, text: str) -> Any:
        """Return the name in capitals; raises KxciError."""
        match = re.fullmatch(r"'\s*([A-Za-z][A-Za-z0-9]{0,5})\s*'", text)
        if match is None:
            raise KxciError(NOT_A_NUMBER, f"{self.name} {text[:40]}")
        return match[1].upper()


@dataclass(frozen=True, slots=True)
class Text:
    """A word out of those that fit a pattern."""

    name: str
    pattern: str

    def take(self, text: str) -> Any:
        """Return the word in capitals; raises KxciError."""
        if re.fullmatch(self.pattern, text, re.IGNORECASE) is None:
            raise KxciError(OUT_OF_RANGE, f"{self.name} {text[:40]}")
        return text.upper()


Parameter = Number | Whole | Name | Text


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it does, and what it answers if its call returns text."""

    header: str
    call: Callable[..., object]
    parameters: tuple[Parameter, ...] = ()
    required: int = -1  #: parameters that must be given; -1 for all
    rest: Parameter | None = None  #: any number of further parameters of this kind
    most: int = 10_000  #: how many of those
    page: str = ""  #: page that must be open; empty for any


class Unit(NamedTuple):
    """One command of a message as it was written."""

    header: str
    arguments: tuple[str, ...]


class Interpreter:
    """Executes messages by a table, and knows which page is open.

    Parameters
    ----------
    commands
        The table.
    report
        Called with what is wrong and a word on what caused it.
    """

    def __init__(
        self, commands: Sequence[Command], report: Callable[[str | int, str], None]
    ) -> None:
        self._table: dict[str, list[Command]] = {}
        for command in commands:
            self._table.setdefault(command.header.upper(), []).append(command)
        self._report = report
        self.page = ""

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header of the table."""
        return tuple(self._table)

    def execute(self, message: str) -> str | None:
        """Execute one message; nothing after an error in it is done.

        Returns
        -------
        str or None
            The answers, apart by semicolons; None when nothing was asked.
        """
        answers = []
        try:
            for unit in units(message):
                answer = self._perform(unit)
                if answer is not None:
                    answers.append(answer)
        except KxciError as error:
            self._report(error.code, error.text)
        return ";".join(answers) if answers else None

    def _perform(self, unit: Unit) -> str | None:
        if unit.header in PAGES and not unit.arguments:
            self.page = unit.header
            return None
        command = self._find(unit)
        answer = command.call(*_converted(command, unit.arguments))
        return answer if isinstance(answer, str) else None

    def _find(self, unit: Unit) -> Command:
        """Return the command of the open page, else the one of any page."""
        candidates = self._table.get(unit.header)
        if not candidates:
            raise KxciError(UNKNOWN, unit.header[:40])
        for command in candidates:
            if command.page in ("", self.page):
                return command
        raise KxciError(WRONG_PAGE, f"{unit.header} belongs to page {candidates[0].page}")


def units(message: str) -> Iterator[Unit]:
    """Split a message into its commands.

    Raises
    ------
    KxciError
        Something that is no command.

    Examples
    --------
    >>> [unit.header for unit in units("US;DV1,0,1.5,1e-3 TI1")]
    ['US', 'DV', 'TI']
    """
    if len(message) > _LONGEST:
        raise KxciError(TOO_MANY, "a message of more than 1 MB")
    at = 0
    while at < len(message) and message[at:].strip():
        match = _TOKEN.match(message, at)
        if match is None:
            raise KxciError(UNKNOWN, message[at : at + 40].strip())
        at, word = match.end(), match["word"]
        if word is not None:
            end = _end(message, at, spaced=word[0] in ":*")
            yield Unit(word.upper(), _arguments(message[at:end]))
            at = end


def _end(message: str, start: int, *, spaced: bool) -> int:
    """Return where the parameters of a command end: at a semicolon or at the next command."""
    quoted, at = False, start
    while at < len(message):
        letter = message[at]
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter == ";":
            return at
        elif not quoted and letter.isspace() and not spaced:
            before = message[start:at].rstrip()
            following = _TOKEN.match(message, at)
            # a word after a comma, or right after the mnemonic with a comma behind, is a parameter
            if following and following["word"] and not before.endswith(","):
                return at
        at += 1
    return at


def _arguments(text: str) -> tuple[str, ...]:
    stripped = text.strip()
    return tuple(part.strip() for part in stripped.split(",")) if stripped else ()


def _converted(command: Command, given: tuple[str, ...]) -> list[Any]:
    required = len(command.parameters) if command.required < 0 else command.required
    if len(given) < required:
        raise KxciError(MISSING, command.header)
    extra = given[len(command.parameters) :]
    if extra and (command.rest is None or len(extra) > command.most):
        raise KxciError(TOO_MANY, command.header)
    values = [p.take(text) for p, text in zip(command.parameters, given, strict=False)]
    if command.rest is not None:
        values += [command.rest.take(text) for text in extra]
    return values
