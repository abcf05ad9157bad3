"""Timers, blenders, LAN objects and digital lines in the SCPI of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-35 to 6-39, 6-182 to 6-186, 6-211 to
6-221 and 6-235 to 6-242.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2450_scpi_common import Context, number, suffix, toggle
from sim_backend.instruments.keithley2450_scpi_trigger import EVENT
from sim_backend.instruments.keithley2450_settings import LINES, Line
from sim_backend.instruments.keithley2450_triggers import Blender, LanTrigger, Timer
from sim_backend.instruments.keithley2450_unit import BLENDERS, LAN, TIMERS
from sim_backend.wire.parameters import Boolean, Choice, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = ["object_commands"]

ILLEGAL = -224
_STIMULI = 4
_EDGES = {"FALLing": "FALL", "RISing": "RIS", "EITHer": "EITH"}
_LOGICS = {"POSitive": "POS", "NEGative": "NEG"}
_PROTOCOLS = {"TCP": "TCP", "UDP": "UDP", "MULTicast": "MULT"}
_MODES = {"OR": "OR", "AND": "AND"}
_TYPES = Choice({"DIGital": "DIG", "TRIGger": "TRIG", "SYNChronous": "SYNC"})
_DIRECTIONS = Choice({"IN": "IN", "OUT": "OUT", "OPENdrain": "OPEN", "MASTer": "MAST",
                      "ACCeptor": "ACC"})  # fmt: skip
_ADDRESS = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$")


def is_address(text: str) -> bool:
    """Whether a text is an IP address in dotted decimal notation."""
    match = _ADDRESS.match(text)
    return match is not None and all(int(part) <= 255 for part in match.groups())


def object_commands(context: Context) -> list[Command]:
    """Return the table of the trigger objects and of the digital port."""
    return [*_timers(context), *_blenders(context), *_lan(context), *_lines(context)]


def _timers(context: Context) -> list[Command]:
    def timer(place: int) -> Timer:
        suffix(place, TIMERS)
        return context.unit.timers[place]

    def get(name: str) -> Callable[[int], Any]:
        return lambda place: getattr(timer(place), name)

    def put(name: str) -> Callable[[int, Any], None]:
        return lambda place, value: setattr(timer(place), name, value)

    root = ":TRIGger:TIMer<n>"
    return [
        Command(f"{root}:CLEar", lambda n: timer(n).clear()),
        number(context, f"{root}:COUNt", get("count"), put("count"),
               lambda *_: (0, 1_048_575, 1), whole=True),
        number(context, f"{root}:DELay", get("delay"), put("delay"),
               lambda *_: (8e-6, 100_000.0, 10e-6), unit="S"),
        number(context, f"{root}:STARt:SEConds", get("seconds"), put("seconds"),
               lambda *_: (0, 2_147_483_647, 0), whole=True),
        number(context, f"{root}:STARt:FRACtional", get("fraction"), put("fraction"),
               lambda *_: (0.0, 1.0 - 1e-9, 0.0)),
        toggle(f"{root}:STARt:GENerate", get("generate"), put("generate")),
        Command(f"{root}:STARt:OVERrun", query=lambda n: str(int(timer(n).overrun))),
        Command(f"{root}:STARt:STIMulus", lambda n, event: timer(n).stimulus.select(event),
                lambda n: timer(n).stimulus.event, (EVENT,)),
        Command(f"{root}:STATe", lambda n, on: timer(n).enable(on),
                lambda n: str(int(timer(n).enabled)), (Boolean(),)),
    ]  # fmt: skip


def _blenders(context: Context) -> list[Command]:
    def blender(place: int) -> Blender:
        suffix(place, BLENDERS)
        return context.unit.blenders[place]

    def select(place: int, input_: int, event: str) -> None:
        suffix(input_, _STIMULI)
        blender(place).stimuli[input_].select(event)

    def selected(place: int, input_: int) -> str:
        suffix(input_, _STIMULI)
        return blender(place).stimuli[input_].event

    root = ":TRIGger:BLENder<n>"
    return [
        Command(f"{root}:CLEar", lambda n: blender(n).clear()),
        Command(f"{root}:MODE", lambda n, mode: setattr(blender(n), "mode", mode),
                lambda n: blender(n).mode, (Choice(_MODES),)),
        Command(f"{root}:OVERrun", query=lambda n: str(int(blender(n).overrun))),
        Command(f"{root}:STIMulus<n>", select, selected, (EVENT,)),
    ]  # fmt: skip


def _lan(context: Context) -> list[Command]:
    def trigger(place: int) -> LanTrigger:
        suffix(place, LAN)
        return context.unit.lan[place]

    def put(name: str) -> Callable[[int, Any], None]:
        return lambda place, value: setattr(trigger(place), name, value)

    def set_address(place: int, address: str) -> None:
        if not is_address(address):
            raise ScpiError(ILLEGAL)
        trigger(place).set_address(address)

    root = ":TRIGger:LAN<n>"
    return [
        Command(f"{root}:IN:CLEar", lambda n: trigger(n).clear()),
        Command(f"{root}:IN:EDGE", put("edge"), lambda n: trigger(n).edge, (Choice(_EDGES),)),
        Command(f"{root}:IN:OVERrun", query=lambda n: str(int(trigger(n).overrun))),
        toggle(f"{root}:OUT:CONNect:STATe", lambda n: trigger(n).connected, put("connected")),
        Command(f"{root}:OUT:IP:ADDRess", set_address, lambda n: f'"{trigger(n).address}"',
                (Text(),)),
        Command(f"{root}:OUT:LOGic", put("logic"), lambda n: trigger(n).logic, (Choice(_LOGICS),)),
        Command(f"{root}:OUT:PROTocol", lambda n, value: trigger(n).set_protocol(value),
                lambda n: trigger(n).protocol, (Choice(_PROTOCOLS),)),
        Command(f"{root}:OUT:STIMulus", lambda n, event: trigger(n).stimulus.select(event),
                lambda n: trigger(n).stimulus.event, (EVENT,)),
    ]  # fmt: skip


def _lines(context: Context) -> list[Command]:
    port, bits = context.unit.port, Whole(0, 63, names=())

    def line(place: int) -> Line:
        suffix(place, LINES)
        return context.setup.lines[place]

    def put(name: str) -> Callable[[int, Any], None]:
        return lambda place, value: setattr(line(place), name, value)

    def set_mode(place: int, kind: str, direction: str) -> None:
        suffix(place, LINES)
        port.set_mode(place, kind, direction)

    def write(place: int, high: int) -> None:
        suffix(place, LINES)
        port.write(place, bool(high))

    def checked(place: int) -> int:
        suffix(place, LINES)
        return place

    root, digital = ":TRIGger:DIGital<n>", ":DIGital:LINE<n>"
    return [
        Command(f"{digital}:MODE", set_mode, lambda n: f"{line(n).kind},{line(n).direction}",
                (_TYPES, _DIRECTIONS)),
        Command(f"{digital}:STATe", write, lambda n: str(int(port.state(checked(n)))),
                (Whole(0, 1, names=()),)),
        Command(":DIGital:READ", query=lambda: str(port.read_all())),
        Command(":DIGital:WRITe", port.write_all, None, (bits,)),
        Command(f"{root}:IN:CLEar", lambda n: port.clear(checked(n))),
        Command(f"{root}:IN:EDGE", put("edge"), lambda n: line(n).edge, (Choice(_EDGES),)),
        Command(f"{root}:IN:OVERrun", query=lambda n: str(int(port.overrun[checked(n)]))),
        Command(f"{root}:OUT:LOGic", put("logic"), lambda n: line(n).logic, (Choice(_LOGICS),)),
        number(context, f"{root}:OUT:PULSewidth", lambda n: line(n).width, put("width"),
               lambda *_: (0.0, 100_000.0, 10e-6), unit="S"),
        Command(f"{root}:OUT:STIMulus",
                lambda n, event: port.stimuli[checked(n)].select(event),
                lambda n: port.stimuli[checked(n)].event, (EVENT,)),
    ]  # fmt: skip
