"""What the script language of the 2450 family accepts and shows: numbers, constants, tables.

An attribute that is one of several shows, and takes, the constant's own name (``smu.ON``), which
is what ``print`` writes [C: that it behaves as a string otherwise]. Switches take 0, 1, true and
false too.

Refusals have the numbers of the event log: -104 for another type, -109 for nothing, -222 beyond a
limit, -224 for a constant that does not belong there. Which of them the instrument itself logs in
its script language is to be checked [C].

Source: 2450 Reference Manual, 2450-901-01 Rev. B, and 2461 Reference Manual, 2461-901-01 Rev. A,
section 8 "TSP command reference".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Generic, NamedTuple, TypeVar

from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.tsp import Node, Refusal

__all__ = [
    "Attribute", "Words", "constants", "field", "guarded", "number", "optional", "read_only",
    "refusing", "switch", "switched", "text", "tree", "whole", "words_of",
]  # fmt: skip

T = TypeVar("T")
Check = Callable[[Any], Any]
TYPE, MISSING, OUT_OF_RANGE, ILLEGAL, TOO_LONG = -104, -109, -222, -224, -154
_PART = re.compile(r"\w+|\[\d+\]")


# -- values ---------------------------------------------------------------------------------------


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[Any], float]:
    """Accept a finite number between two bounds."""

    def check(value: Any) -> float:
        if value is None:
            raise Refusal(MISSING)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise Refusal(TYPE)
        if math.isinf(value) or not low <= value <= high:
            raise Refusal(OUT_OF_RANGE)
        return float(value)

    return check


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Accept a whole number between two bounds; fractions are cut off."""
    bounded = number(low, high + 0.999999)

    def check(value: Any) -> int:
        return int(bounded(value))

    return check


def text(longest: int = 255) -> Callable[[Any], str]:
    """Accept a string of limited length."""

    def check(value: Any) -> str:
        if value is None:
            raise Refusal(MISSING)
        if not isinstance(value, str):
            raise Refusal(TYPE)
        if len(value) > longest:
            raise Refusal(TOO_LONG)
        return value

    return check


def switch(value: Any) -> bool:
    """Accept one of the constants ON and OFF, 1 and 0, or true and false."""
    if value is None:
        raise Refusal(MISSING)
    if isinstance(value, str):
        word = value.rpartition(".")[2]
        if word not in ("ON", "OFF", "ENABLE", "DISABLE"):
            raise Refusal(ILLEGAL)
        return word in ("ON", "ENABLE")
    if not isinstance(value, int | float):
        raise Refusal(TYPE)
    if value not in (0, 1):
        raise Refusal(ILLEGAL)
    return bool(value)


def optional(check: Callable[[Any], T], value: Any, default: T) -> T:
    """Return what a check makes of a parameter, or the default where it is left out."""
    return default if value is None else check(value)


class Words(Generic[T]):
    """One constant out of several.

    Parameters
    ----------
    table
        Constant, by its full name, to the value that it stands for.
    numbers
        Whether the value itself may be given too.
    """

    def __init__(self, table: Mapping[str, T], *, numbers: bool = False) -> None:
        self.table, self._numbers = dict(table), numbers

    def read(self, given: Any) -> T:
        """Return the value of a constant.

        Raises
        ------
        Refusal
            It is none of these constants.
        """
        if given is None:
            raise Refusal(MISSING)
        if isinstance(given, str):
            if given not in self.table:
                raise Refusal(ILLEGAL)
            return self.table[given]
        if not self._numbers or isinstance(given, bool) or not isinstance(given, int | float):
            raise Refusal(TYPE)
        for value in self.table.values():
            if value == given:
                return value
        raise Refusal(ILLEGAL)

    def show(self, value: T) -> str:
        """Return the constant that stands for a value."""
        return next(name for name, known in self.table.items() if known == value)


def words_of(prefix: str, table: Mapping[str, T], *, numbers: bool = False) -> Words[T]:
    """Return constants of one table: the names in `table` follow the prefix ``smu.FUNC_``."""
    return Words({prefix + name: value for name, value in table.items()}, numbers=numbers)


def constants(*groups: Words[Any] | Iterable[str]) -> dict[Any, Any]:
    """Return the entries through which scripts reach constants: ``ON`` for ``smu.ON``."""
    found: dict[Any, Any] = {}
    for group in groups:
        for name in group.table if isinstance(group, Words) else group:
            found[name.rpartition(".")[2]] = name
    return found


# -- attributes -----------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """How an attribute is read, and written unless it cannot be."""

    get: Callable[[], Any]
    put: Callable[[Any], None] | None = None


def read_only(get: Callable[[], Any]) -> Attribute:
    """Return an attribute that can only be read."""
    return Attribute(get)


def field(
    get: Callable[[], Any],
    put: Callable[[Any], None],
    check: Check | Words[Any],
) -> Attribute:
    """Return an attribute whose values are checked, and shown as constants if they are such."""
    if isinstance(check, Words):
        words = check
        return Attribute(lambda: words.show(get()), lambda value: put(words.read(value)))
    plain = check
    return Attribute(get, lambda value: put(plain(value)))


def switched(prefix: str, get: Callable[[], Any], put: Callable[[bool], None]) -> Attribute:
    """Return an attribute that is on or off, shown as ``prefix.ON`` or ``prefix.OFF``."""
    return Attribute(
        lambda: f"{prefix}.{'ON' if get() else 'OFF'}", lambda value: put(switch(value))
    )


# -- tables ---------------------------------------------------------------------------------------


def tree(
    name: str,
    attributes: Mapping[str, Attribute],
    calls: Mapping[str, Callable[..., Any]] | None = None,
    objects: Mapping[Any, Any] | None = None,
) -> Node:
    """Return a table, with the tables below it, from paths such as ``limit[1].high.value``."""
    root = Node(name)
    for path, attribute in attributes.items():
        node, key = _place(root, path)
        node.getters[key] = attribute.get
        if attribute.put is not None:
            node.setters[key] = attribute.put
    for path, call in (calls or {}).items():
        node, key = _place(root, path)
        node.calls[key] = call
    root.objects |= dict(objects or {})
    return root


def _place(node: Node, path: str) -> tuple[Node, Any]:
    """Return the table that a path leads to, and the last key."""
    *above, last = [int(p[1:-1]) if p[0] == "[" else p for p in _PART.findall(path)]
    for key in above:
        below = f"{node.name}[{key}]" if isinstance(key, int) else f"{node.name}.{key}"
        node = node.objects.setdefault(key, Node(below))
    return node, last


def refusing(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function with refusals of the instrument as those of a script."""

    @wraps(call)
    def refuse(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except ScpiError as refused:
            raise Refusal(refused.code, refused.text if refused.code > 0 else "") from None

    return refuse


def guarded(node: Node) -> Node:
    """Let every function of a table and of those below it refuse as scripts expect."""
    for table in (node.getters, node.setters, node.calls, node.arrays, node.makers):
        functions: dict[Any, Callable[..., Any]] = dict(table)
        for key, call in functions.items():
            table[key] = refusing(call)
    if node.element is not None:
        node.element = refusing(node.element)
    for value in node.objects.values():
        if isinstance(value, Node):
            guarded(value)
    return node
