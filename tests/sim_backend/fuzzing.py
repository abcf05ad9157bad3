"""Random and spoilt lines for virtual instruments, made from what an instrument tells of itself.

`ScpiWriter` takes the table of a SCPI instrument: every header, long, short and in any case, asked
and sent, with values that fit and values that do not. `ScriptWriter` takes the names that a TSP
instrument shows to whoever walks its tables. Both are seeded, so that a failure can be repeated:
`trail` tells how, and which lines came last.
"""

from __future__ import annotations

import contextlib
import heapq
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from sim_backend.wire.parameters import Boolean, Choice, Number, Text, Whole
from sim_backend.wire.scpi import Command, alternatives

_SHOWN = 60  # lines of a trail
_CHARACTERS = "".join(map(chr, [*range(32, 127), 9, 0, 7, 27, 176, 255]))


class Trail:
    """The last lines that were sent, and those that took the computer longest."""

    def __init__(self) -> None:
        self.count = 0
        self._last: deque[str] = deque(maxlen=_SHOWN)
        self._slowest: list[tuple[float, int, str]] = []
        self._begun = 0.0

    def add(self, line: str) -> None:
        """Note a line that is about to be sent."""
        self.note()
        self.count += 1
        self._last.append(line)
        self._begun = time.perf_counter()

    def note(self) -> None:
        """Note that the last line was taken."""
        if not self._begun:
            return
        taken = (time.perf_counter() - self._begun, self.count, self._last[-1])
        self._begun = 0.0
        (heapq.heappush if len(self._slowest) < 5 else heapq.heappushpop)(self._slowest, taken)

    def tell(self) -> None:
        """Print the last lines."""
        rows = [f"after {self.count} lines; the last ones:", *map(repr, self._last), ""]
        sys.stdout.write("\n".join(rows))

    def summarise(self) -> None:
        """Print how many lines there were, and which took longest."""
        self.note()
        sys.stdout.write(f"{self.count} lines; the slowest took\n")
        for seconds, number, line in sorted(self._slowest, reverse=True):
            sys.stdout.write(f"  {seconds * 1e3:.0f} ms: {line[:120]!r} (number {number})\n")


@contextlib.contextmanager
def trail(repeat: str) -> Iterator[Trail]:
    """Keep the lines; when something fails, tell how it is repeated and what was sent last."""
    kept = Trail()
    try:
        yield kept
    except BaseException:  # a time limit too
        sys.stdout.write(f"to repeat it: {repeat}\n")
        kept.tell()
        raise
    kept.summarise()


def spoilt(line: str, draw: random.Random) -> str:
    """Return a line with characters lost, put in, doubled or swapped, or cut short."""
    for _ in range(draw.choice((1, 1, 2, 4, 9))):
        at = draw.randrange(len(line) + 1)
        change = draw.randrange(5)
        if change == 0:
            line = line[:at] + line[at + 1 :]
        elif change == 1:
            line = line[:at] + draw.choice(_CHARACTERS) + line[at:]
        elif change == 2:
            line = line[:at] + line[at : at + 1] * draw.choice((2, 3, 200)) + line[at:]
        elif change == 3:
            line = line[: at - 1] + line[at : at + 1] + line[at - 1 : at] + line[at + 1 :]
        else:
            line = line[:at]
    return line


# -- SCPI -----------------------------------------------------------------------------------------


class ScpiWriter:
    """Makes lines of a SCPI instrument.

    Parameters
    ----------
    table
        Its commands.
    seed
        Of the random numbers.
    words
        Values that are tried where no better is known.
    texts
        Names that are tried where a text is asked for.
    whole
        Lines that are sent as they are, now and then.
    """

    def __init__(
        self,
        table: Sequence[Command],
        seed: int,
        words: Sequence[str],
        texts: Sequence[str] = ("text",),
        whole: Sequence[str] = (),
    ) -> None:
        self.draw = random.Random(seed)
        self._words, self._texts, self._whole = words, texts, whole
        self.commands = [
            (command, [path.split(":") for path in _forms(command.header)]) for command in table
        ]

    def line(self) -> str:
        """Return one line."""
        draw = self.draw
        if self._whole and draw.random() < 0.08:
            return draw.choice(self._whole)
        units = [self._unit() for _ in range(draw.choice((1, 1, 1, 1, 2, 2, 3, 5)))]
        line = ";".join(units)
        return spoilt(line, draw) if draw.random() < 0.35 else line

    def _unit(self) -> str:
        draw = self.draw
        command, forms = draw.choice(self.commands)
        header = ":".join(self._word(word) for word in draw.choice(forms))
        if draw.random() < 0.8 and header[0] != "*":
            header = ":" + header
        asks = command.write is None or (command.query is not None and draw.random() < 0.4)
        if draw.random() < (0.98 if asks else 0.02):
            header += "?"
        if draw.random() < 0.7:
            wanted = command.asked if asks else command.parameters
            if asks and draw.random() < 0.5:
                wanted = ()
            values = ",".join(self._fitting(parameter) for parameter in wanted)
        else:
            values = ",".join(self._value() for _ in range(draw.choice((0, 1, 1, 1, 2, 3))))
        return f"{header} {values}" if values else header

    def _fitting(self, parameter: object) -> str:
        """Return a value of the kind that is asked for."""
        draw = self.draw
        if isinstance(parameter, Choice):
            word = self._word(draw.choice(list(parameter.options)))
            return f'"{word}"' if parameter.quoted and draw.random() < 0.7 else word
        if isinstance(parameter, Boolean):
            return draw.choice(("0", "1", "ON", "off"))
        if isinstance(parameter, Text):
            quote = draw.choice("\"'")
            return quote + draw.choice(self._texts) + quote
        if isinstance(parameter, Number | Whole) and draw.random() < 0.3:
            return str(draw.choice((0, 1, 1, 2, 3, 0.1, 1e-3, 10, 100)))
        return self._value()

    def _word(self, word: str) -> str:
        draw = self.draw
        word = word.replace("<n>", str(draw.choice((1, 1, 1, 2, 3, 5, 12, 13, 0, 99))))
        word = word.replace("[", "").replace("]", "") if draw.random() < 0.3 else word.split("[")[0]
        if draw.random() < 0.6:
            word = "".join(c for c in word if not c.islower())
        return word if draw.random() < 0.5 else word.lower()

    def _value(self) -> str:
        draw = self.draw
        kind = draw.random()
        if kind < 0.35:
            return draw.choice(self._words)
        if kind < 0.55:
            return str(draw.choice((0, 1, 2, 3, 5, 10, 100, 2500, 2501, -1, 65535, 10**30)))
        exponent = draw.uniform(-13, 4) if kind < 0.95 else draw.choice((-400, 400, 38, 309))
        return f"{draw.uniform(-10, 10):.4g}e{exponent:.0f}"


def _forms(header: str) -> list[str]:
    """Return every way in which a header may be written, before shortening."""
    return [header] if header[0] == "*" else [":".join(path) for path in alternatives(header)]


# -- TSP ------------------------------------------------------------------------------------------

#: prints the names of everything below the tables of an instrument
_WALK = """
local done = {}
local function walk(name, t, depth)
  if done[t] or depth > 7 then return end
  done[t] = true
  local mt = getmetatable(t)
  local function each(from)
    for key, value in pairs(from) do
      local own = name .. '.' .. tostring(key)
      if type(key) == 'number' then own = name .. '[' .. key .. ']' end
      if type(value) == 'table' then walk(own, value, depth + 1)
      else print((from == (mt and mt.Getters) and 'attribute ' or type(value) .. ' ') .. own) end
    end
  end
  if type(mt) == 'table' and mt.Objects then each(mt.Getters) each(mt.Objects) else each(t) end
end
for _, name in ipairs(NAMES) do if _G[name] then walk(name, _G[name], 0) end end
NAMES = nil
"""


class Names:
    """What a TSP instrument has: attributes, functions and constants.

    Parameters
    ----------
    send
        Sends a line; returns the replies.
    tables
        Names of the tables that are walked.
    without
        Functions that are left out.
    """

    def __init__(
        self, send: Callable[[str], list[str]], tables: Sequence[str], without: Sequence[str]
    ) -> None:
        send("NAMES = {" + ", ".join(f"'{name}'" for name in tables) + "}")
        told = [line.split(" ", 1) for line in send(" ".join(_WALK.split("\n")))]
        kinds: dict[str, list[str]] = {"attribute": [], "function": [], "number": [], "string": []}
        for kind, name in told:
            if kind in kinds and name not in without:
                kinds[kind].append(name)
        self.attributes = sorted(kinds["attribute"])
        self.functions = sorted(kinds["function"])
        self.constants = sorted(kinds["number"] + kinds["string"])


class ScriptWriter:
    """Makes lines of a TSP instrument.

    Parameters
    ----------
    names
        What the instrument has.
    seed
        Of the random numbers.
    values
        Values that are tried.
    whole
        Lines that are sent as they are.
    """

    def __init__(
        self, names: Names, seed: int, values: Sequence[str], whole: Sequence[str]
    ) -> None:
        self.random = random.Random(seed)
        self._names, self._values, self._whole = names, values, whole

    def value(self) -> str:
        """Return something that may stand on the right of an assignment."""
        pick = self.random
        kind = pick.random()
        if kind < 0.6 or not self._names.constants:
            return pick.choice(self._values)
        return pick.choice(self._names.constants) if kind < 0.8 else repr(pick.uniform(-50, 50))

    def line(self) -> str:
        """Return one line."""
        pick, names = self.random, self._names
        kind = pick.random()
        if kind < 0.45:
            return f"{pick.choice(names.attributes)} = {self.value()}"
        if kind < 0.6:
            return f"print({pick.choice(names.attributes)})"
        if kind < 0.85:
            given = ", ".join(self.value() for _ in range(pick.choice((0, 1, 1, 2, 2, 3, 5))))
            return f"print({pick.choice(names.functions)}({given}))"
        if kind < 0.95:
            return pick.choice(self._whole)
        line = f"{pick.choice(names.attributes)} = {self.value()}"
        return spoilt(line, pick).replace("\n", " ")
