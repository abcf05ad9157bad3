"""Everything around the source-measure unit in the script language of the 2450 family.

Event log, status registers, local node, beeper, stop-watch, user strings, addresses,
autocalibration. There is no flash drive and nobody at the front panel: what needs one of them is
refused.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-10, 8-50 to 8-92, 8-222 to 8-235 and
8-313 to 8-330.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sim_backend.instruments.keithley2450_events import (
    ERROR,
    INFORMATION,
    USER,
    WARNING,
)
from sim_backend.instruments.keithley2450_scpi_objects import is_address
from sim_backend.instruments.keithley2450_site import Site
from sim_backend.instruments.keithley2450_status import BITS, MappedRegister, Status
from sim_backend.instruments.keithley2450_tsp_triggers import PROTOCOLS
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    number,
    optional,
    read_only,
    switch,
    text,
    tree,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_tsp_values import field as attribute
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Node, Refusal

__all__ = [
    "Manners", "calibration_node", "event_node", "local_node", "small_nodes",
    "status_node",
]  # fmt: skip

OUT_OF_RANGE, MISSING, NO_STICK, EMPTY = -222, -109, -256, -230
ILLEGAL, NOT_ALLOWED, TYPE = -224, -108, -104
_QUEUE = 128  # values of the data queue [C]
_FILES = [f"file.{name}" for name in (
    "MODE_READ", "MODE_WRITE", "MODE_APPEND", "READ_ALL", "READ_LINE", "READ_NUMBER",
)]  # fmt: skip
_ADDRESSES = 3  # address, mask, gateway
_ANY = ERROR | WARNING | INFORMATION
_KINDS = whole(1, _ANY)
_BYTE, _WORD, _EVENT = whole(0, 255), whole(0, 65535), whole(-(2**15), 2**15)
_SEVERITIES = {
    "SEV_ERROR": ERROR, "SEV_WARN": WARNING, "SEV_INFO": INFORMATION, "SEV_ALL": _ANY,
}  # fmt: skip
_STATUS_BITS = {"MSB": 1, "EAV": 4, "QSB": 8, "MAV": 16, "ESB": 32, "MSS": 64, "OSB": 128}
_STANDARD_BITS = {
    "OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128,
}  # fmt: skip
_ACCESS = words_of("localnode.ACCESS_", {
    "FULL": "FULL", "EXCLUSIVE": "EXCL", "PROTECTED": "PROT", "LOCKOUT": "LOCK",
})  # fmt: skip
_LAN_MODES = words_of("lan.MODE_", {"AUTO": True, "MANUAL": False})
_SWITCHES = words_of("localnode.", {"ENABLE": True, "DISABLE": False})
_CALIBRATION, _WARM = 5.0, 40.0  # s that it takes, degC inside [C both]
_ROOM = 30  # characters of a password


@dataclass(slots=True)
class Manners:
    """How the interpreter behaves beside what it executes; a reset leaves it alone."""

    prompts: bool = False
    prompts_4882: bool = True
    shown: int = 0  #: kinds of events that are sent at once
    strings: dict[str, str] = field(default_factory=dict)  #: user strings


# -- events and status ----------------------------------------------------------------------------


def event_node(unit: Unit) -> Node:
    """Describe ``eventlog``."""
    log = unit.log

    def following(kinds: Any = None) -> tuple[Any, ...]:
        event = log.next(optional(_KINDS, kinds, _ANY))
        if event.when is None:
            return event.code, event.message, 0, 0, 0, 0
        seconds = math.floor(event.when.timestamp())
        return event.code, event.message, event.kind, 0, seconds, event.when.microsecond * 1000

    def post(message: Any, kind: Any = None) -> None:
        chosen = optional(_KINDS, kind, INFORMATION)
        if chosen not in (ERROR, WARNING, INFORMATION):
            raise Refusal(OUT_OF_RANGE)
        log.add(USER, f"User: {text()(message)}", chosen)

    return Node(
        "eventlog",
        calls={
            "clear": log.clear,
            "getcount": lambda kinds=None: log.count(optional(_KINDS, kinds, _ANY)),
            "next": following,
            "post": post,
            "save": no_stick,
        },
        objects=dict(_SEVERITIES),
    )


def no_stick(*_arguments: Any) -> None:
    """Refuse what needs a flash drive: none is plugged in."""
    raise Refusal(NO_STICK)


def status_node(status: Status) -> Node:
    """Describe ``status``."""

    def request(mask: int) -> None:
        status.byte.request_enable = mask

    def enable(mask: int) -> None:
        status.standard.enable = mask
        status.standard.summarise()

    node = tree(
        "status",
        {
            "condition": read_only(lambda: status.byte.condition),
            "request_enable": attribute(lambda: status.byte.request_enable, request, _BYTE),
            "standard.enable": attribute(lambda: status.standard.enable, enable, _BYTE),
            "standard.event": read_only(status.standard.read_event),
        },
        {"clear": status.clear, "preset": status.preset},
        {
            **_STATUS_BITS,
            "operation": _register("status.operation", status.operation),
            "questionable": _register("status.questionable", status.questionable),
        },
    )
    node.objects["standard"].objects |= dict(_STANDARD_BITS)
    return node


def _register(name: str, register: MappedRegister) -> Node:
    bit = whole(0, BITS - 1)

    def enable(mask: int) -> None:
        register.enable = mask
        register.summarise()

    def put(place: Any, setting: Any, clearing: Any = None) -> None:
        register.map[bit(place)] = (_EVENT(setting), optional(_EVENT, clearing, 0))

    return tree(
        name,
        {
            "condition": read_only(lambda: register.condition),
            "enable": attribute(lambda: register.enable, enable, _WORD),
            "event": read_only(register.read_event),
        },
        {"getmap": lambda place: register.map.get(bit(place), (0, 0)), "setmap": put},
    )


# -- the instrument -------------------------------------------------------------------------------


def local_node(unit: Unit, site: Site, manners: Manners) -> Node:
    """Describe ``localnode``."""
    _, model, serial, firmware = site.identity.split(",")

    def now() -> tuple[float, float]:
        date = unit.time.now()
        return float(math.floor(date.timestamp())), date.microsecond * 1e-6

    def set_access(access: str) -> None:
        site.access = access
        site.admitted = access in ("FULL", "EXCL")

    def set_password(value: Any) -> None:
        site.password = text(_ROOM)(value)

    def put(name: str) -> Callable[[Any], None]:
        return lambda value: setattr(manners, name, switch(value))

    node = tree(
        "localnode",
        {
            "access": attribute(lambda: site.access, set_access, _ACCESS),
            "linefreq": read_only(lambda: unit.chassis.line_frequency),
            "model": read_only(lambda: model.removeprefix("MODEL ")),
            "serialno": read_only(lambda: serial),
            "version": read_only(lambda: firmware),
            "prompts": Attribute(lambda: _SWITCHES.show(manners.prompts), put("prompts")),
            "prompts4882": Attribute(
                lambda: _SWITCHES.show(manners.prompts_4882), put("prompts_4882")
            ),
            "showevents": attribute(
                lambda: manners.shown,
                lambda kinds: setattr(manners, "shown", kinds),
                whole(0, _ANY),
            ),
        },
        {"gettime": now, "settime": lambda *given: _set_time(unit, given)},
        constants(_ACCESS, _SWITCHES),
    )
    node.setters["password"] = set_password  # it cannot be read back
    return node


def _set_time(unit: Unit, given: tuple[Any, ...]) -> None:
    """Set date and time, the time alone, or the seconds since 1970."""
    numbers = [whole(0, 2**32)(value) for value in given if value is not None]
    now = unit.time.now()
    try:
        if len(numbers) == 1:
            unit.time.set(datetime.fromtimestamp(numbers[0], UTC))
        elif len(numbers) in (3, 6):
            year, month, day = numbers[:3] if len(numbers) == 6 else (now.year, now.month, now.day)
            hour, minute, second = numbers[-3:]
            if year <= 1970:
                raise Refusal(OUT_OF_RANGE)
            unit.time.set(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
        else:
            raise Refusal(MISSING)
    except (ValueError, OverflowError, OSError):
        raise Refusal(OUT_OF_RANGE) from None


def calibration_node(unit: Unit, site: Site, pass_time: Callable[[float], None]) -> Node:
    """Describe ``acal``, the autocalibration of a model with a digitizer."""

    def run() -> None:
        unit.model.check_idle()
        pass_time(_CALIBRATION)
        site.calibrations += 1
        site.calibrated = unit.time.now()

    def last() -> datetime:
        if site.calibrated is None:
            raise Refusal(EMPTY)
        return site.calibrated

    def when() -> str:
        date = last()
        return f"{date:%m/%d/%Y %H:%M:%S}.{date.microsecond * 1000:09d}"

    return tree(
        "acal",
        {
            "count": read_only(lambda: site.calibrations),
            "lastrun.time": read_only(when),
            "lastrun.internaltemp": read_only(lambda: last() and _WARM),
            "lastrun.tempdiff": read_only(lambda: last() and 0.0),
        },
        {"run": run},
    )


def small_nodes(unit: Unit, site: Site, manners: Manners) -> Iterator[Node]:
    """Describe what has a table of its own and little in it."""

    def beep(duration: Any, frequency: Any) -> None:
        sound = number(20.0, 8000.0)(frequency), number(1e-3, 100.0)(duration)
        unit.panel.beeps.append(sound)

    begun = [unit.clock.now_s]

    def restart() -> None:
        begun[0] = unit.clock.now_s

    yield Node("beeper", calls={"beep": beep})
    yield Node(
        "timer", calls={"cleartime": restart, "gettime": lambda: unit.clock.now_s - begun[0]}
    )
    yield tree(
        "gpib",
        {
            "address": attribute(
                lambda: site.gpib, lambda value: setattr(site, "gpib", value), whole(1, 30)
            )
        },
    )
    yield _lan_node(site)
    yield _string_node(manners)
    yield _queue_node()
    yield Node("upgrade", calls={"unit": no_stick, "previous": no_stick})
    names = ("chdir", "cwd", "is_dir", "is_file", "mkdir", "readdir", "rmdir")
    yield Node("fs", calls=dict.fromkeys(names, no_stick))
    files = ("open", "close", "read", "write", "flush", "seek", "mkdir", "usbdriveexists")
    yield Node("file", calls=dict.fromkeys(files, no_stick), objects=constants(_FILES))


def _queue_node() -> Node:
    """Describe ``dataqueue``; it takes no tables [C]."""
    values: deque[Any] = deque()

    def add(value: Any, timeout: Any = None) -> bool:
        optional(number(0.0), timeout, 0.0)
        if not isinstance(value, int | float | str):
            raise Refusal(TYPE)
        if len(values) >= _QUEUE:
            return False
        values.append(value)
        return True

    def following(timeout: Any = None) -> Any:
        optional(number(0.0), timeout, 0.0)
        return values.popleft() if values else None

    return tree(
        "dataqueue",
        {"count": read_only(lambda: len(values))},
        {"add": add, "next": following, "clear": values.clear},
        {"CAPACITY": _QUEUE},
    )


def _lan_node(site: Site) -> Node:
    """Describe ``lan``: how the network is set up; there is none."""

    def configure(mode: Any = None, *given: Any) -> tuple[str, ...] | None:
        present = site.lan.split(",")
        if mode is None:
            return _LAN_MODES.show(present[0].upper() == "AUTO"), *present[1:]
        automatic, addresses = _LAN_MODES.read(mode), [text()(part) for part in given]
        if automatic == bool(addresses) or len(addresses) > _ADDRESSES:
            raise Refusal(NOT_ALLOWED if addresses else MISSING)
        if not all(map(is_address, addresses)):
            raise Refusal(ILLEGAL)
        chosen = ["AUTO" if automatic else "manual", *addresses, *present[1 + len(addresses) :]]
        site.lan = ",".join(chosen)
        return None

    return tree(
        "lan",
        {
            "macaddress": read_only(lambda: site.mac),
            "lxidomain": attribute(
                lambda: site.domain, lambda value: setattr(site, "domain", value), _BYTE
            ),
        },
        {"ipconfig": configure},
        constants(PROTOCOLS, _LAN_MODES),
    )


def _string_node(manners: Manners) -> Node:
    strings = manners.strings

    def find(name: Any) -> str:
        chosen = text()(name)
        if chosen not in strings:
            raise Refusal(ILLEGAL)
        return chosen

    def add(name: Any, value: Any) -> None:
        strings[text()(name)] = text()(value)

    def remove(name: Any) -> None:
        del strings[find(name)]

    return Node(
        "userstring",
        calls={"add": add, "delete": remove, "get": lambda name: strings[find(name)]},
    )
