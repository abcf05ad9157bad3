"""The virtual FormFactor Velox: a probe station's software, by VISA and by its message server.

By VISA a line is a command with its parameters, and is answered by ``code: values``. The message
server (port 1412) takes ``Cmd=number:command:parameters`` and answers ``Rsp=number:code:values``;
``FCN=1:RegisterProberApp:...`` and ``FCN=1:GetCommands:`` are its own. Here one port understands
both, by how a line begins. A bench file may give ``pitch``, ``soak``, ``coldest`` and ``hottest``
(see `sim_backend.instruments.station_wire`).
"""

from __future__ import annotations

import re
from collections import deque

from sim_backend.clock import Clock
from sim_backend.instruments.line_interface import LineInterface, Pause
from sim_backend.instruments.prober_station import Station, StationError
from sim_backend.instruments.station_wire import StationWire, open_station
from sim_backend.instruments.velox_commands import Command, Stage
from sim_backend.instruments.velox_map import Heater, MapCommands
from sim_backend.instruments.velox_words import (
    ERRORS,
    UNKNOWN,
    Refused,
    converted,
    split_words,
    word,
)
from sim_backend.roster import Bay

__all__ = ["MODELS", "Velox", "build"]

MODELS = ("", "Velox")
_VERSION = "3.4"
_CMD = re.compile(r"Cmd=(\d+):([^:]*):(.*)$", re.IGNORECASE)
_FCN = re.compile(r"FCN=(\d+):([^:]*):(.*)$", re.IGNORECASE)
#: applications that answer ``IsAppRegistered``
_APPLICATIONS = ("kernel", "wafermap", "spectrum", "thermal", "communicator")
_AT_ONCE = frozenset({"stopallmovements", "stopchuckmovement", "*stb?"})


class Velox(StationWire):
    """Velox over a station.

    Parameters
    ----------
    station
        The station.
    clock
        The laboratory's time.
    serial
        As it tells it.
    """

    def __init__(self, station: Station, clock: Clock, serial: str = "1234567") -> None:
        self.station, self.clock = station, clock
        self._idn = f"FormFactor,Velox,{serial},{_VERSION}"
        table = [
            *Stage(station).commands(),
            *MapCommands(station).commands(),
            *Heater(station).commands(),
            Command("IsAppRegistered", _registered, (word(""),)),
            Command("ReportSoftwareVersion", lambda: _VERSION),
            Command("ReportKernelVersion", lambda: f'{_VERSION} "Velox kernel"'),
            Command("EchoData", lambda text: text, (word(""),)),
        ]
        self.table = {command.name.lower(): command for command in table}
        self._planned: deque[tuple[int, str]] = deque()
        self.interface = LineInterface(self._execute, self._at_once)

    def report(self, code: int, text: str = "") -> None:
        """Let the next command fail with this number."""
        self._planned.append((abs(code), text or "Error"))

    def status_byte(self) -> int:
        """Return the status byte: 64 while a movement goes on (to be checked)."""
        return 64 if self.station.moving else 0

    # -- lines --------------------------------------------------------------------------------

    def _at_once(self, line: str) -> bool:
        command = _CMD.match(line)
        name = command[2] if command else line.partition(" ")[0]
        return name.strip().lower() in _AT_ONCE

    def _execute(self, line: str) -> str | Pause | None:
        if line.startswith("*"):
            return self._common(line)
        if command := _CMD.match(line):
            number = int(command[1])
            return self._answered(command[2], command[3], f"Rsp={number}:{{}}:{{}}")
        if function := _FCN.match(line):
            return f"FCN={int(function[1])}:0:{self._function(function[2])}"
        name, _, rest = line.partition(" ")
        return self._answered(name, rest, "{}: {}")

    def _common(self, line: str) -> str | None:
        """Answer what every instrument on the bus is asked."""
        answers = {
            "*IDN?": self._idn, "*STB?": str(self.status_byte()), "*ESR?": "0", "*OPC?": "1",
        }  # fmt: skip
        return answers.get(line.upper())

    def _function(self, name: str) -> str:
        """Answer a function of the message server itself."""
        if name.lower() == "getcommands":
            return ";".join(
                f"{command.section} {command.name} {k} {command.timeout}"
                for k, command in enumerate(self.table.values(), 1)
            )
        return "1"

    def _answered(self, name: str, rest: str, form: str) -> str | Pause:
        """Carry out a command and write its answer into a form."""
        try:
            result = self._called(name, rest)
        except Refused as refused:
            return form.format(refused.code, refused.text)
        except StationError as error:
            return form.format(*ERRORS[error.failure])
        if not isinstance(result, Pause):
            return form.format(0, result)
        waiting = result

        def finish() -> str:
            try:
                return form.format(0, waiting.then() or "")
            except StationError as error:
                return form.format(*ERRORS[error.failure])

        return Pause(waiting.until, finish)

    def _called(self, name: str, rest: str) -> str | Pause:
        command = self.table.get(name.strip().lower())
        if command is None:
            raise Refused(UNKNOWN, f"Unknown command {name.strip()[:40]}")
        if self._planned:
            raise Refused(*self._planned.popleft())
        result: str | Pause = command.call(*converted(split_words(rest), command.parameters))
        return result


def build(bay: Bay) -> Velox:
    """Return the station of a place in the laboratory."""
    return Velox(open_station(bay), bay.clock, bay.serial)


def _registered(name: str) -> str:
    return str(int(name.lower() in _APPLICATIONS))
