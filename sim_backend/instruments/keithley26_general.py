"""What every TSP instrument of the series has beside its channels: bits, events, strings, files.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``bit.*``, ``eventlog.*``,
``userstring.*``, ``setup.*``, ``gpib.*``, ``serial.*``, ``dataqueue.*``, ``node[N]``,
``settimezone``, ``settime``, ``fs.*`` and ``os.*`` as far as one unit without a USB stick goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, text, whole
from sim_backend.wire.tsp import Node, Refusal

__all__ = [
    "DataQueue", "EventLog", "Settings", "bit_node", "event_log_node", "file_node", "general_calls",
    "general_nodes",
]  # fmt: skip

_WORD = 2**32 - 1  # TSP's integers have 32 bits
_NO_DRIVE = 1100  # to be checked: what an instrument without a stick says
_MOST_EVENTS = 1000
_MEMORY = 128 * 1024  # kB
_QUEUE = 128  # entries of the data queue


def bit_node() -> Node:
    """Describe ``bit``: logic on whole numbers; bits are counted from one."""
    word, index = whole(0, _WORD), whole(1, 32)

    def field(value: Any, at: Any, width: Any) -> tuple[int, int, int]:
        low, size = index(at), index(width)
        if low + size > 33:
            raise Refusal(1101)
        return word(value), low - 1, (1 << size) - 1

    def get_field(value: Any, at: Any, width: Any) -> int:
        given, low, mask = field(value, at, width)
        return given >> low & mask

    def set_field(value: Any, at: Any, width: Any, content: Any) -> int:
        given, low, mask = field(value, at, width)
        return given & ~(mask << low) | whole(0, mask)(content) << low

    return Node(
        "bit",
        calls={
            "bitand": lambda a, b: word(a) & word(b),
            "bitor": lambda a, b: word(a) | word(b),
            "bitxor": lambda a, b: word(a) ^ word(b),
            "clear": lambda value, at: word(value) & ~(1 << index(at) - 1),
            "get": lambda value, at: word(value) & 1 << index(at) - 1,
            "getfield": get_field,
            "set": lambda value, at: word(value) | 1 << index(at) - 1,
            "setfield": set_field,
            "test": lambda value, at: bool(word(value) >> index(at) - 1 & 1),
            "toggle": lambda value, at: word(value) ^ 1 << index(at) - 1,
        },
    )


class EventLog:
    """The log of triggers from the network (``eventlog``); nothing on this network sends one."""

    DISCARD_NEWEST, DISCARD_OLDEST = 0, 1

    def __init__(self) -> None:
        self.rows: deque[str] = deque()
        self.enable, self.overwrite = 1, self.DISCARD_OLDEST

    def add(self, row: str) -> None:
        """Log an event."""
        if not self.enable:
            return
        if len(self.rows) >= _MOST_EVENTS:
            if self.overwrite == self.DISCARD_NEWEST:
                return
            self.rows.popleft()
        self.rows.append(row)

    def next(self) -> str | None:
        """Take the oldest row."""
        return self.rows.popleft() if self.rows else None

    def clear(self) -> None:
        """Forget every row."""
        self.rows.clear()

    def all(self) -> str | None:
        """Take every row."""
        rows, self.rows = self.rows, deque()
        return "\n".join(rows) or None


def event_log_node(log: EventLog) -> Node:
    """Describe ``eventlog``."""
    getters, setters = accessors(
        log, {"enable": ("enable", flag), "overwritemethod": ("overwrite", choice(0, 1))}
    )
    getters["count"] = lambda: len(log.rows)
    return Node(
        "eventlog",
        getters,
        setters,
        {"all": log.all, "next": log.next, "clear": log.clear},
        {"DISCARD_NEWEST": 0, "DISCARD_OLDEST": 1, "ENABLE": 1, "DISABLE": 0},
    )


class DataQueue:
    """Values that scripts hand to each other (``dataqueue``)."""

    def __init__(self) -> None:
        self.values: deque[Any] = deque()

    def add(self, value: Any, timeout: Any = 0) -> bool:
        """Append a value; false when the queue is full."""
        number(0.0)(timeout)
        if len(self.values) >= _QUEUE:
            return False
        self.values.append(value)
        return True

    def next(self, timeout: Any = 0) -> Any:
        """Take the oldest value, or nil."""
        number(0.0)(timeout)
        return self.values.popleft() if self.values else None

    def clear(self) -> None:
        """Forget every value."""
        self.values.clear()


class Settings:
    """Interface settings, user strings and setups: kept, and without effect here."""

    def __init__(self) -> None:
        self.gpib_address = 26
        self.zone = 0
        self.strings: dict[str, str] = {}
        self.baud, self.bits, self.parity, self.flow = 9600, 8, "none", "none"
        self.power_on = 0


class Around(Protocol):
    """What these tables need of the instrument."""

    def reset(self) -> None:
        """Go back to the defaults."""


def file_node(name: str) -> Node:
    """Describe ``fs`` or ``io`` of an instrument with nothing in its USB port."""

    def refuse(*_arguments: Any) -> None:
        raise Refusal(_NO_DRIVE)

    calls: dict[str, Callable[..., Any]] = dict.fromkeys(
        ("chdir", "is_dir", "is_file", "mkdir", "readdir", "rmdir")
        if name == "fs"
        else ("open", "close", "read", "write", "input", "output", "type", "flush"),
        refuse,
    )
    if name == "fs":
        calls["cwd"] = lambda: "/"
    return Node(name, calls=calls)


def general_nodes(
    settings: Settings, log: EventLog, queue: DataQueue, around: Around
) -> list[Node]:
    """Describe the tables of this module."""
    return [
        bit_node(),
        event_log_node(log),
        file_node("fs"),
        file_node("io"),
        Node(
            "dataqueue",
            getters={"count": lambda: len(queue.values)},
            calls={"add": queue.add, "next": queue.next, "clear": queue.clear},
            objects={"CAPACITY": _QUEUE},
        ),
        _gpib_node(settings),
        _serial_node(settings),
        _user_string_node(settings),
        _setup_node(settings, around.reset),
    ]


def general_calls(settings: Settings) -> dict[str, Callable[..., Any]]:
    """Return the functions of this module by name."""

    def save_buffer(_buffer: Any, _format: Any, _name: Any) -> None:
        raise Refusal(_NO_DRIVE)

    def without_drive(*_arguments: Any) -> None:
        raise Refusal(_NO_DRIVE)

    def set_zone(offset: Any) -> None:
        settings.zone = int(number(-12.0, 12.0)(offset) * 60)

    return {
        "savebuffer": save_buffer,
        "os.remove": without_drive,
        "os.rename": without_drive,
        "gettimezone": lambda: f"{settings.zone // 60:+03d}:{settings.zone % 60:02d}",
        "settimezone": set_zone,
        "settime": lambda value: number(0.0)(value) and None,
        "exit": lambda: None,
        # kB of the memory for scripts: what is free is not counted, the bound is the engine's
        "meminfo": lambda: (_MEMORY, _MEMORY),
    }


def _gpib_node(settings: Settings) -> Node:
    return Node("gpib", *accessors(settings, {"address": ("gpib_address", whole(0, 30))}))


def _serial_node(settings: Settings) -> Node:
    rates = choice(300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)

    def one_of(*allowed: str) -> Callable[[Any], str]:
        def check(value: Any) -> str:
            if value not in allowed:
                raise Refusal(-224)
            return str(value)

        return check

    getters, setters = accessors(
        settings,
        {
            "baud": ("baud", rates),
            "databits": ("bits", choice(7, 8)),
            "parity": ("parity", one_of("none", "even", "odd")),
            "flowcontrol": ("flow", one_of("none", "hardware")),
        },
    )
    return Node(
        "serial",
        getters,
        setters,
        {
            "read": lambda count: whole()(count) and None,
            "write": lambda value: text(2**20)(value) and None,
        },
        {"FLOW_NONE": "none", "FLOW_HARDWARE": "hardware", "PARITY_NONE": "none",
         "PARITY_EVEN": "even", "PARITY_ODD": "odd"},
    )  # fmt: skip


def _user_string_node(settings: Settings) -> Node:
    name, content = text(255), text(65535)

    def find(key: Any) -> str:
        found = settings.strings.get(name(key))
        if found is None:
            raise Refusal(-292)
        return found

    def remove(key: Any) -> None:
        find(key)
        del settings.strings[key]

    return Node(
        "userstring",
        calls={
            "add": lambda key, value: settings.strings.update({name(key): content(value)}),
            "get": find,
            "delete": remove,
        },
    )


def _setup_node(settings: Settings, reset: Callable[[], None]) -> Node:
    numbers = whole(0, 5)

    def recall(which: Any) -> None:
        if numbers(which) == 0:
            reset()
        else:
            raise Refusal(-292)

    def save(_which: Any) -> None:
        raise Refusal(_NO_DRIVE)

    return Node(
        "setup",
        *accessors(settings, {"poweron": ("power_on", numbers)}),
        {"recall": recall, "save": save},
    )
