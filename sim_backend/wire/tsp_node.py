"""What an instrument describes of itself to the TSP engine: its tables, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Node", "Refusal"]


class Refusal(Exception):
    """An instrument error: it goes to the error queue, and the script goes on.

    Parameters
    ----------
    code, text
        As they appear in the queue.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


@dataclass(slots=True)
class Node:
    """A table as scripts see it: attributes, functions, constants and further tables.

    Attributes
    ----------
    name
        Full name, for messages.
    getters, setters
        Attribute to the function that reads or writes it.
    arrays
        Attribute to the function that returns its values as a tuple.
    calls
        Function name to the function.
    makers
        Function name to a function that returns a `Node`, which scripts receive as a table.
    objects
        Constants and tables, by name or number.
    element
        Called with the key when nothing else has it: arrays such as a buffer's readings.
    behind
        What a function receives when a script passes this table as an argument.
    luatype
        Of the metatable; empty for a plain table, which numbered objects are in.
    """

    name: str
    getters: dict[Any, Callable[[], Any]] = field(default_factory=dict)
    setters: dict[Any, Callable[[Any], None]] = field(default_factory=dict)
    calls: dict[str, Callable[..., Any]] = field(default_factory=dict)
    objects: dict[Any, Any] = field(default_factory=dict)
    arrays: dict[str, Callable[[], tuple[Any, ...]]] = field(default_factory=dict)
    makers: dict[str, Callable[..., Node]] = field(default_factory=dict)
    element: Callable[[Any], Any] | None = None
    behind: Any = None
    luatype: str = "synchronous_table"
