"""Tables with a column for each quantity: plain CSV, pymeasure's results, Keithley 4200 sheets.

Which column is what is told by the user or by the columns' names; units come from the names and are
SI where none stands. Nothing that a file names, as pymeasure names the class that made it, is ever
imported or executed: it is kept as text.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.foreign import ROLES, Foreign, Part, clean, terminal_name
from labctl.readings import Row
from labctl.text_table import read_text_table

__all__ = ["NUMBERS", "WORDS", "Columns", "parts_of", "read_4200", "read_csv", "read_pymeasure"]

Array = NDArray[np.float64]

#: what a column can be mapped to, and its unit
NUMBERS = {
    "t": "s", "v_set": "V", "v": "V", "i": "A", "width": "s", "u_v": "V", "u_i": "A",
    "flags": "1", "step": "1", "r": "Ohm", "g": "S",
}  # fmt: skip
WORDS = ("terminal", "role")

#: names of columns that are understood without a map, in lower case letters and digits only
_NAMES = {
    "t": ("t", "time", "times", "timestamp", "elapsedtime", "timesec"),
    "v_set": ("vset", "setvoltage", "sourcevoltage", "vsource"),
    "v": ("v", "voltage", "vmeas", "measuredvoltage", "bias"),
    "i": ("i", "current", "imeas", "measuredcurrent"),
    "r": ("r", "resistance"),
    "g": ("g", "conductance"),
    "width": ("width", "pulsewidth"),
    "u_v": ("uv",),
    "u_i": ("ui",),
    "flags": ("flags",),
    "step": ("step",),
}
_PAIR = re.compile(r"(?:(?P<before>.*[^VI_])_?(?P<last>[VI]))|(?:(?P<first>[VI])_?(?P<after>.*))")
_CHUNKED = re.compile(rb"([A-Za-z])\((\d{1,6})\)")
_CHUNK = re.compile(r"(.*)__(\d{1,6})")
_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by their names, with the units that the names state."""

    where: str  #: the file, for an error
    numbers: dict[str, tuple[str, Array]]  #: name: unit (SI symbol or as written), values
    words: dict[str, list[str]]  #: columns of text that were asked for

    def find(self, name: str) -> tuple[str, Array]:
        """Return unit and values of a column by its name, or its number from 1.

        Raises
        ------
        BadInput
            There is none.
        """
        if name in self.numbers:
            return self.numbers[name]
        if name.isascii() and name.isdigit() and 0 < int(name[:9]) <= len(self.numbers):
            return list(self.numbers.values())[int(name) - 1]
        raise BadInput(_unknown(self, f'column of numbers called "{clean(name)}"'))


def _unknown(columns: Columns, what: str) -> str:
    known = ", ".join(f'"{clean(column)}"' for column in list(columns.numbers)[:30])
    return (
        f'"{columns.where}" has no {what}; it has {known}; say which is which with '
        "--map t=NAME,v=NAME,i=NAME"
    )


# -- formats -------------------------------------------------------------------------------------


def read_csv(data: bytes, where: str, mapping: Mapping[str, str]) -> Foreign:
    """Read a plain table in text, in any dialect that `labctl.text_table` knows.

    Parameters
    ----------
    data
        The file.
    where
        Its name, for an error.
    mapping
        What is in which column: a key of `NUMBERS` or `WORDS` to a column's name or number;
        ``role`` may be one of `labctl.foreign.ROLES` itself, and ``terminal`` a name, for all rows.

    Raises
    ------
    BadInput
        It is no table, a column is missing, or its unit is another one.
    """
    table = read_text_table(data, where)
    wanted = {key: mapping.get(key, key) for key in WORDS}
    numbers = {name: (unit, values) for name, unit, values in table.columns}
    words = {} if set(wanted.values()) <= set(numbers) else _words(data, set(wanted.values()))
    columns = Columns(where, numbers, words)
    parts, notes = parts_of(columns, mapping, {"tag": "table"})
    return Foreign(tuple(parts), (*table.assumed, *notes))


def read_pymeasure(data: bytes, where: str, mapping: Mapping[str, str]) -> Foreign:
    """Read a file of pymeasure's `Results`: a header of comments, then a table.

    Parameters are as for `read_csv`, which also says what is raised.
    """
    kept = read_csv(data, where, mapping)
    procedure, parameters = _pymeasure_header(data)
    label = {"tag": procedure or "table"}
    parts = tuple(Part({**part.label, **label}, part.rows) for part in kept.parts)
    stated = "; ".join(f"{name}: {value}" for name, value in parameters)
    notes = (*kept.notes, f"parameters stated in the file: {stated}") if stated else kept.notes
    return Foreign(parts, notes, None, {"procedure": procedure} if procedure else {})


def _pymeasure_header(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    procedure, parameters = "", []
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.startswith(_COMMENT):
            break
        content = line.removeprefix(_COMMENT)
        if content.startswith("\t"):
            name, _, value = content.partition(": ")
            parameters.append((clean(name), clean(value)))
        elif content.startswith("Procedure:"):
            procedure = clean(content.partition(":")[2]).strip("<> ")
    return procedure, parameters


def read_4200(data: bytes, where: str, mapping: Mapping[str, str]) -> Foreign:
    """Read a sheet of data that a Keithley 4200 exported as CSV.

    Columns are ``Time`` and pairs such as ``AnodeV`` and ``AnodeI``; the sweeps of a stepped test
    bear their numbers, ``DrainI(1)``, ``DrainI(2)``, and become parts of their own.

    Parameters are as for `read_csv`, which also says what is raised.
    """
    # to be checked on sheets of Clarius: where settings stand below the data
    table = read_text_table(_CHUNKED.sub(rb"\1__\2", data), where)
    chunks: dict[int, dict[str, tuple[str, Array]]] = {}
    for name, unit, values in table.columns:
        match = _CHUNK.fullmatch(name)
        plain, chunk = (match[1], int(match[2])) if match else (name, 0)
        chunks.setdefault(chunk, {})[plain] = unit, values
    shared = chunks.pop(0, {})
    parts: list[Part] = []
    notes: list[str] = []
    for number, own in sorted(chunks.items()) or [(1, {})]:
        columns = Columns(where, shared | own, {})
        found, said = parts_of(columns, mapping, {"tag": "sweep", "sweep": number})
        parts += found
        notes += [note for note in said if note not in notes]
    return Foreign(tuple(parts), (*table.assumed, *notes))


# -- columns to readings -------------------------------------------------------------------------


def parts_of(
    columns: Columns,
    mapping: Mapping[str, str],
    label: Mapping[str, Any],
    pairs: Iterable[tuple[str, str, str]] = (),
) -> tuple[list[Part], list[str]]:
    """Turn columns into readings.

    Parameters
    ----------
    columns
        The table.
    mapping
        As for `read_csv`.
    label
        Of every part.
    pairs
        Terminal, column of levels and column of currents, where the file itself says so.

    Returns
    -------
    list of Part
        One, or one for each value of the column ``step``.
    list of str
        What was assumed.

    Raises
    ------
    BadInput
        There is no column of levels or of currents, or a unit is another one.
    """
    notes: list[str] = []
    found = _named(columns, mapping)
    sets: list[tuple[str, dict[str, Array]]] = []
    if "v" not in mapping and "i" not in mapping and not _enough(found):
        shared = {key: found[key] for key in ("t", "step", "flags") if key in found}
        for terminal, v, i in pairs or _pairs(columns.numbers):
            one = _named(columns, {"v": v, "i": i}, guess=False)
            sets.append((terminal, shared | one))
    else:
        sets.append((mapping.get("terminal", "top"), found))
    if not sets:
        raise BadInput(_unknown(columns, "columns that are known to hold levels and currents"))
    made = [(name, _quantities(columns.where, given, notes)) for name, given in sets]
    steps = next((given["step"] for _, given in sets if "step" in given), None)
    rows = _rows(columns, mapping, made, notes)
    return _split(rows, steps, label, notes), notes


def _enough(found: Mapping[str, Array]) -> bool:
    return len({"v", "v_set", "i", "r", "g"} & set(found)) >= 2


def _named(columns: Columns, mapping: Mapping[str, str], *, guess: bool = True) -> dict[str, Array]:
    """Return the quantities that are mapped, and those whose names are understood."""
    chosen = {key: name for key, name in mapping.items() if key in NUMBERS}
    taken = set(chosen.values())
    for name in columns.numbers if guess else ():
        letters = "".join(c for c in name.lower() if c.isalnum())
        key = next((key for key, names in _NAMES.items() if letters in names), None)
        if key is not None and key not in chosen and name not in taken:
            chosen[key] = name
    found = {}
    for key, name in chosen.items():
        unit, values = columns.find(name)
        if unit not in (NUMBERS[key], "1"):
            raise BadInput(
                f'the column "{clean(name)}" of "{columns.where}" is in "{clean(unit)}", but '
                f"{key} is a quantity in {NUMBERS[key]}; map another column"
            )
        found[key] = values
    return found


def _pairs(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield terminal, level and current of columns such as ``AnodeV`` and ``AnodeI``."""
    known: dict[tuple[str, bool], dict[str, str]] = {}
    for name in names:
        match = _PAIR.fullmatch(name)
        if match is not None:
            last = match["last"]
            kind, terminal = (last, match["before"]) if last else (match["first"], match["after"])
            known.setdefault((terminal, bool(last)), {}).setdefault(kind, name)
    for (terminal, _), pair in known.items():
        if len(pair) == 2:
            yield terminal, pair["V"], pair["I"]


def _quantities(where: str, given: Mapping[str, Array], notes: list[str]) -> dict[str, Array]:
    """Return v and i in any case, from a resistance or a conductance if need be."""
    made = dict(given)
    if "v" not in made and "v_set" in made:
        made["v"] = made["v_set"]
        _say(notes, "the file states no measured level: v is the level that was set")
    g = made.pop("g", None)
    with np.errstate(divide="ignore", invalid="ignore"):
        if g is None and "r" in made:
            g = np.where(made["r"] != 0, 1 / made["r"], np.nan)
    made.pop("r", None)
    if "i" not in made and g is not None and "v" in made:
        made["i"] = g * made["v"]
        _say(notes, "the file states no current: i is the level times the conductance")
    if "v" not in made or "i" not in made:
        raise BadInput(
            f'"{where}" has no column that is known to hold {"i" if "v" in made else "v"}; say '
            "which one does with --map v=NAME,i=NAME"
        )
    return made


def _rows(
    columns: Columns,
    mapping: Mapping[str, str],
    sets: list[tuple[str, dict[str, Array]]],
    notes: list[str],
) -> list[list[Row]]:
    """Return the readings of each line of the table, one for each terminal."""
    count = len(sets[0][1]["v"])
    roles = _role_words(columns, mapping, count)
    if roles is None:
        _say(notes, "the file does not say what each reading was for: the role is pulse")
    named = columns.words.get(mapping.get("terminal", "terminal"))
    if named is not None and (len(sets) > 1 or len(named) != count):
        named = None
    if not any("t" in given for _, given in sets):
        _say(notes, "the file states no times; they are not a number, and the order is the file's")
    missing = [math.nan] * count
    lines: list[list[Row]] = [[] for _ in range(count)]
    for terminal, given in sets:
        lists = {key: values.tolist() for key, values in given.items()}
        flags = [int(f) if 0 <= f < 1 << 15 else 0 for f in lists.get("flags", [0.0] * count)]
        series = [lists.get(key, missing) for key in ("t", "v_set", "v", "i", "width")]
        errors = [lists.get(key, missing) for key in ("u_v", "u_i")]
        name = terminal_name(terminal)
        for k, (t, v_set, v, i, width) in enumerate(zip(*series, strict=True)):
            own = terminal_name(named[k]) if named else name
            role = roles[k] if roles else "pulse"
            if v == v or i == i:
                made = Row(t, own, role, v_set, v, i, width, errors[0][k], errors[1][k], flags[k])
                lines[k].append(made)
    empty = sum(not line for line in lines)
    if empty:
        _say(notes, f"{empty} lines left out that hold neither a level nor a current")
    return lines


def _split(
    lines: list[list[Row]], steps: Array | None, label: Mapping[str, Any], notes: list[str]
) -> list[Part]:
    if steps is None:
        return [Part(dict(label), [row for line in lines for row in line])]
    parts: list[Part] = []
    before = None
    for line, step in zip(lines, steps.tolist(), strict=True):
        if not parts or step != before:
            number = int(step) if math.isfinite(step) and abs(step) < 1 << 53 else len(parts)
            parts.append(Part({**label, "step": number}, []))
        parts[-1].rows.extend(line)
        before = step
    return parts


def _say(notes: list[str], text: str) -> None:
    if text not in notes:
        notes.append(text)


# -- words ---------------------------------------------------------------------------------------


def _role_words(columns: Columns, mapping: Mapping[str, str], count: int) -> list[str] | None:
    asked = mapping.get("role", "")
    words = columns.words.get(asked or "role")
    if words is None and asked in ROLES:
        return [asked] * count
    if words is None and not asked:
        return None
    if words is None or len(words) != count:
        raise BadInput(
            f'role={clean(asked)} was asked for, but "{columns.where}" has no such column of '
            f"words with one in each row; name another, or one of {', '.join(ROLES)} for all rows"
        )
    other = next((word for word in words if word not in ROLES), None)
    if other is not None:
        raise BadInput(
            f'the role "{clean(other)}" stands in "{columns.where}"; allowed are '
            f"{', '.join(ROLES)}, so change it there or say --map role=pulse"
        )
    return words


def _words(data: bytes, names: set[str]) -> dict[str, list[str]]:
    """Return the columns of text of these names in a table with a single line of names."""
    lines = [
        line
        for line in data.decode("utf-8-sig", "replace").splitlines()
        if line.strip() and not line.startswith(("#", "%", "!", "//"))
    ]
    if not lines:
        return {}
    separator = max(",;\t", key=lines[0].count)
    try:
        head, *body = csv.reader(lines, delimiter=separator)
    except csv.Error:
        return {}
    places = {name.strip(): k for k, name in enumerate(head) if name.strip() in names}
    whole = [cells for cells in body if len(cells) == len(head)]
    return {name: [cells[k].strip() for cells in whole] for name, k in places.items()}
