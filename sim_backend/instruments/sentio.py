"""The virtual MPI SENTIO: a probe station's software that speaks lines.

A line is a command, a space and parameters between commas; the answer is ``error,number,message``,
where the error's ten lowest bits are its code and the others a status. A command that begins with
``start_`` is answered at once with a number, and ``wait_complete number, timeout`` waits for its
end. ``*RCS 1`` chooses this command set and is not answered. A bench file may give ``pitch``,
``soak``, ``coldest`` and ``hottest`` (see `sim_backend.instruments.station_wire`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sim_backend.clock import Clock
from sim_backend.instruments.line_interface import LineInterface, Pause
from sim_backend.instruments.prober_station import Station, StationError
from sim_backend.instruments.sentio_commands import Call, Chuck, Dashboard, Route
from sim_backend.instruments.sentio_words import (
    ERRORS,
    PENDING,
    TIMEOUT,
    UNKNOWN_COMMAND,
    UNKNOWN_ID,
    Answer,
    Refused,
    numbers,
)
from sim_backend.instruments.station_wire import StationWire, open_station
from sim_backend.roster import Bay

__all__ = ["MODELS", "Sentio", "build"]

MODELS = ("", "SENTIO")
_VERSION = "25.2.0"
_AT_ONCE = frozenset({"abort_command", "stop_chuck", "query_command_status", "*stb?"})


class Sentio(StationWire):
    """SENTIO over a station.

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
        self._idn = f"MPI Corporation,SENTIO,{serial},{_VERSION}"
        chuck = Chuck(station)
        self.table: dict[str, Call] = {
            **chuck.commands(),
            **Route(chuck).commands(),
            **Dashboard(station, _VERSION, serial).commands(),
            "wait_complete": self._wait_complete,
            "wait_all": self._wait_all,
            "query_command_status": self._query,
            "abort_command": self._abort,
            "stop_chuck": lambda _: self._stop(),
        }
        self._planned: deque[tuple[int, str]] = deque()
        self._number = 0
        self._running: dict[int, Pause] = {}
        self._over: dict[int, Answer] = {}
        self.interface = LineInterface(self._execute, self._at_once)

    def report(self, code: int, text: str = "") -> None:
        """Let the next command fail with this number."""
        self._planned.append((abs(code) & 1023 or 1, text or "Error"))

    def status_byte(self) -> int:
        """Return the status byte: 64 while a movement goes on (to be checked)."""
        return 64 if self.station.moving else 0

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self._finish()
        self.interface.poll()

    # -- lines --------------------------------------------------------------------------------

    def _at_once(self, line: str) -> bool:
        return line.partition(" ")[0].lower() in _AT_ONCE

    def _execute(self, line: str) -> str | Pause | None:
        self._finish()
        if line.startswith("*"):
            answers = {"*IDN?": self._idn, "*STB?": str(self.status_byte()), "*OPC?": "1"}
            return answers.get(line.upper())
        name, _, rest = line.partition(" ")
        words = [word.strip() for word in rest.split(",")] if rest.strip() else []
        result = self._answered(name.lower(), words)
        if isinstance(result, Pause):
            waiting = result
            return Pause(waiting.until, lambda: self._ended(waiting).line())
        return result.line()

    def _answered(self, name: str, words: Sequence[str]) -> Answer | Pause:
        """Carry out a command; what goes wrong is its answer."""
        try:
            if self._planned:
                raise Refused(*self._planned.popleft())
            call = self.table.get(name)
            if call is None and name.startswith("start_"):
                return self._start(name.removeprefix("start_"), words)
            if call is None:
                raise Refused(UNKNOWN_COMMAND, f"Invalid command {name[:40]}")
            result: Answer | Pause = call(words)
        except Refused as refused:
            return Answer(refused.text, code=refused.code)
        except StationError as error:
            return _failed(error)
        return result

    def _ended(self, waiting: Pause) -> Answer:
        """Return the answer of something that is over."""
        try:
            result = waiting.then()
        except StationError as error:
            return _failed(error)
        return result if isinstance(result, Answer) else Answer()

    # -- asynchronous commands ------------------------------------------------------------------

    def _start(self, name: str, words: Sequence[str]) -> Answer:
        if name not in self.table:
            raise Refused(UNKNOWN_COMMAND, f"Invalid command start_{name[:40]}")
        result = self.table[name](words)
        self._number += 1
        if isinstance(result, Pause):
            self._running[self._number] = result
        else:
            self._over[self._number] = result
        return Answer(number=self._number)

    def _finish(self) -> None:
        """Keep the answers of what has ended meanwhile."""
        for number, waiting in list(self._running.items()):
            if waiting.until():
                del self._running[number]
                self._over[number] = self._ended(waiting)

    def _wait_complete(self, words: Sequence[str]) -> Pause:
        number, timeout = ([*numbers(words, 1, 2), 300.0])[:2]
        return self._until((int(number),), timeout)

    def _wait_all(self, words: Sequence[str]) -> Pause:
        (timeout,) = [*numbers(words, 0, 1), 90.0][:1]
        return self._until(tuple(self._running), timeout)

    def _until(self, awaited: tuple[int, ...], timeout: float) -> Pause:
        if any(number not in self._running and number not in self._over for number in awaited):
            raise Refused(UNKNOWN_ID, "Unknown command id")
        end = self.clock.now_s + max(timeout, 0.0)
        self.clock.at(end, _nothing)  # so that somebody looks

        def over() -> bool:
            self._finish()
            running = any(number in self._running for number in awaited)
            return not running or self.clock.now_s >= end

        def answer() -> Answer:
            if any(number in self._running for number in awaited):
                return Answer("Timeout", number=awaited[0], code=TIMEOUT)
            answers = [self._over.get(number, Answer()) for number in awaited] or [Answer()]
            return answers[0]._replace(number=awaited[0] if awaited else 0)

        return Pause(over, answer)

    def _query(self, words: Sequence[str]) -> Answer:
        (value,) = numbers(words, 1)
        number = int(value)
        if number in self._running:
            return Answer("Command pending", number=number, code=PENDING)
        if number not in self._over:
            raise Refused(UNKNOWN_ID, "Unknown command id")
        return self._over[number]._replace(number=number)

    def _abort(self, words: Sequence[str]) -> Answer:
        (value,) = numbers(words, 1)
        if int(value) not in self._running:
            raise Refused(UNKNOWN_ID, "Unknown command id")
        return self._stop()

    def _stop(self) -> Answer:
        self.station.halt()
        return Answer()


def build(bay: Bay) -> Sentio:
    """Return the station of a place in the laboratory."""
    return Sentio(open_station(bay), bay.clock, bay.serial)


def _failed(error: StationError) -> Answer:
    code, text = ERRORS[error.failure]
    return Answer(text, code=code)


def _nothing() -> None:
    """Do nothing."""
