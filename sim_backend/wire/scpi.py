"""SCPI without input or output: a table of commands, and the lines that are executed by it.

A table is a list of `Command`; its header is written as the manuals do, short form in capitals,
what may be left out in brackets, a number in angle brackets::

    Command("[:SOURce[1]]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", set_level, ask_level, (LEVEL,))
    Command(":CALCulate2:LIMit<n>:STATe", set_state, ask_state, (Boolean(),))

`Interpreter.execute` takes one line: units separated by semicolons, each relative to the path of
the unit before it unless it begins with a colon (SCPI-1999, volume 1, 6.2; IEEE Std 488.2-1992,
7.6). Handlers are given the numbers of the header and then the converted parameters; a query's
handler returns the answer. A handler refuses by raising `ScpiError` with the number that belongs
into the error queue.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim_backend.wire.parameters import Parameter, ScpiError

__all__ = ["Answer", "Command", "Interpreter", "Unit"]

#: text, or bytes for a block
Answer = str | bytes

_MOST_LINES = 4096  # lines whose meaning is kept
_LONGEST = 1 << 20  # bytes of a line
_MNEMONIC = re.compile(r"([A-Za-z_]+(?:\d+[A-Za-z_]+)*)(\d*)$")
_PART = re.compile(r"([A-Z]+(?:\d+[A-Z]+)*)([a-z]*)(?:<n>|\[(\d+)\]|(\d+))?$")

#: numbers of command errors, SCPI-1999 volume 2, 21.8.9
SYNTAX, SEPARATOR, DATA_TYPE = -102, -103, -104
NOT_ALLOWED, MISSING, UNDEFINED, UNBALANCED, TOO_LONG = -108, -109, -113, -151, -223


@dataclass(frozen=True, slots=True)
class Command:
    """One header: what it does when it is sent, and what it answers when it is asked."""

    header: str
    write: Callable[..., object] | None = None
    query: Callable[..., object] | None = None
    parameters: tuple[Parameter, ...] = ()
    asked: tuple[Parameter, ...] = ()  #: parameters of the query; all may be left out
    required: int = -1  #: parameters that must be given; -1 for all


class Unit(NamedTuple):
    """One program message unit, ready to be executed."""

    call: Callable[..., object] | None
    arguments: tuple[Any, ...]
    query: bool
    error: int  #: not 0: what is wrong with it; then nothing of it or after it is executed


@dataclass(slots=True)
class _Node:
    """A place in the tree of headers."""

    children: dict[str, _Node] = field(default_factory=dict)  #: by mnemonic, long and short
    numbered: bool = False  #: its mnemonic takes any number
    number: str = ""  #: the one it may carry
    command: Command | None = None


class Interpreter:
    """Executes lines by a table.

    Parameters
    ----------
    commands
        The table; a later command replaces an earlier one with the same header.
    report
        Called with the number of every error, and a word on what caused it.

    Raises
    ------
    ValueError
        A header of the table is not written as described.
    """

    def __init__(self, commands: Sequence[Command], report: Callable[[int, str], None]) -> None:
        self._report = report
        self._root = _Node()
        self._common: dict[str, Command] = {}
        self._known: dict[str, tuple[Unit, ...]] = {}
        for command in commands:
            self._install(command)

    def understands(self, line: str) -> bool:
        """Whether every header and parameter of a line is known; nothing is executed."""
        return all(unit.error == 0 for unit in self.units(line))

    def execute(self, line: str) -> list[Answer]:
        """Execute one line without its terminator; returns the answers of its queries in order.

        After a unit that is not understood nothing of the line is executed any more; after one that
        is refused the rest is.
        """
        answers: list[Answer] = []
        for call, arguments, query, error in self.units(line):
            if error:
                self._report(error, line)
                break
            try:
                answer = call(*arguments) if call is not None else None
            except ScpiError as refused:
                self._report(refused.code, refused.text)
                continue
            if query and isinstance(answer, str | bytes):
                answers.append(answer)
        return answers

    # -- understanding ---------------------------------------------------------------------------

    def units(self, line: str) -> tuple[Unit, ...]:
        """Return what a line means; lines that come again are looked up."""
        known = self._known.get(line)
        if known is None:
            if len(self._known) >= _MOST_LINES:
                self._known.clear()
            known = tuple(self._understand(line))
            self._known[line] = known
        return known

    def _understand(self, line: str) -> Iterator[Unit]:
        if len(line) > _LONGEST:
            yield _wrong(TOO_LONG)
            return
        path: tuple[str, ...] = ()
        try:
            for text in split(line, ";"):
                stripped = text.strip()
                if stripped:
                    unit, path = self._unit(stripped, path)
                    yield unit
        except ScpiError as error:
            yield _wrong(error.code)

    def _unit(self, text: str, path: tuple[str, ...]) -> tuple[Unit, tuple[str, ...]]:
        header, _, rest = _cut(text)
        query = header.endswith("?")
        name = header.removesuffix("?")
        numbers: tuple[int, ...] = ()
        if name.startswith(("*", ":*")):  # some programs write a colon before them
            command = self._common.get(name.removeprefix(":").upper())
        else:
            words = tuple(name.removeprefix(":").split(":"))
            whole = words if name.startswith(":") else (*path, *words)
            command, numbers = self._find(whole)
            if command is None and not name.startswith(":"):
                # a header that begins at the root without saying so, as old programs write it
                whole = words
                command, numbers = self._find(whole)
            path = whole[:-1]
        call = None if command is None else command.query if query else command.write
        if command is None or call is None:
            raise ScpiError(UNDEFINED)
        wanted = command.asked if query else command.parameters
        least = 0 if query else command.required
        return Unit(call, (*numbers, *_converted(rest, wanted, least)), query, 0), path

    def _find(self, words: Sequence[str]) -> tuple[Command | None, tuple[int, ...]]:
        """Walk the tree; returns the command and the numbers that its header carries."""
        node, numbers = self._root, []
        for word in words:
            match = _MNEMONIC.match(word)
            if match is None:
                return None, ()
            mnemonic, digits = match[1].upper(), match[2]
            found = node.children.get(mnemonic + digits) or node.children.get(mnemonic)
            if found is None:
                return None, ()
            if found.numbered:
                numbers.append(int(digits or 1))
            elif digits and digits != found.number and mnemonic + digits not in node.children:
                return None, ()
            node = found
        return node.command, tuple(numbers)

    # -- the table -------------------------------------------------------------------------------

    def _install(self, command: Command) -> None:
        if command.header.startswith("*"):
            self._common[command.header.upper()] = command
            return
        for words in alternatives(command.header):
            node = self._root
            for word in words:
                node = _grown(node, word, command.header)
            node.command = command


def _grown(node: _Node, word: str, header: str) -> _Node:
    """Return the child for a mnemonic as the manual writes it; made when needed."""
    match = _PART.match(word)
    if match is None:
        raise ValueError(f'"{word}" of the header "{header}" is not a mnemonic')
    short, rest, optional, fixed = match.groups()
    names = {short, short + rest.upper()}
    if fixed:
        names = {name + fixed for name in names}
    for name in names:
        if name in node.children:
            child = node.children[name]
            break
    else:
        child = _Node(numbered=word.endswith("<n>"), number=optional or "")
    for name in names:
        node.children[name] = child
    return child


def alternatives(header: str) -> Iterator[tuple[str, ...]]:
    """Yield every way in which a header may be written: with and without its optional parts.

    Examples
    --------
    >>> list(alternatives("[:SENSe[1]]:DATA[:LATest]"))
    [('SENSe[1]', 'DATA', 'LATest'), ('SENSe[1]', 'DATA'), ('DATA', 'LATest'), ('DATA',)]
    """
    parts = re.findall(r"\[:(?:[^\[\]]|\[\d+\])+\]|:[^\[\]:]+(?:\[\d+\])?", header)
    if "".join(parts) != header:
        raise ValueError(f'the header "{header}" is not written as a manual would')
    choices: list[tuple[tuple[str, ...], ...]] = []
    for part in parts:
        words = tuple(part.removeprefix("[").removeprefix(":").split(":"))
        if part.startswith("["):
            words = tuple(part[2:-1].split(":"))
            choices.append((words, ()))
        else:
            choices.append((words,))
    for chosen in itertools.product(*choices):
        yield tuple(itertools.chain.from_iterable(chosen))


def split(text: str, separator: str) -> list[str]:
    """Split at a separator outside quotes and parentheses.

    Raises
    ------
    ScpiError
        A quote is left open.
    """
    if '"' not in text and "'" not in text and "(" not in text:
        return text.split(separator)
    parts, begin, quote, depth = [], 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == separator and depth <= 0:
            parts.append(text[begin:place])
            begin = place + 1
    if quote:
        raise ScpiError(UNBALANCED)
    return [*parts, text[begin:]]


def _cut(text: str) -> tuple[str, str, str]:
    """Part a unit into header, white space and parameters."""
    for place, character in enumerate(text):
        if character.isspace():
            return text[:place], character, text[place:].strip()
        if character == "?":
            return text[: place + 1], "", text[place + 1 :].strip()
    return text, "", ""


def _converted(rest: str, wanted: Sequence[Parameter], least: int) -> tuple[Any, ...]:
    """Return the values of a unit's parameters.

    Raises
    ------
    ScpiError
        One is missing, superfluous or of the wrong kind.
    """
    given = [part.strip() for part in split(rest, ",")] if rest else []
    if wanted and wanted[-1].repeated:
        extra = max(0, len(given) - len(wanted))
        wanted = [*wanted, *[wanted[-1]] * extra]
    if len(given) > len(wanted):
        raise ScpiError(NOT_ALLOWED)
    if len(given) < (len(wanted) if least < 0 else least):
        raise ScpiError(MISSING)
    return tuple(kind.read(text) for kind, text in zip(wanted, given, strict=False))


def _wrong(code: int) -> Unit:
    return Unit(None, (), False, code)
