"""Processes beside the window that are asked to do what takes long; see `gui.errand`.

There are two: one reads runs, which keeps their tails open, and one does everything else, so that
a long analysis of a live run does not hold up a preview or a list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QProcess, Signal

from gui.errand import LENGTH, Answer, Elsewhere, Request, pack, unpack

__all__ = ["Worker"]

_DIED = "the process that calculates for the window ended; it is started again when asked"
_PATIENCE = 2000  # ms that the process has to end by itself
_READING = "gui.reading"  # its functions go to the process that keeps tails open


class Worker(QObject):
    """Calls functions in other processes, and hands back what they return.

    A process is started with its first request and ends with this object. If it dies, whoever
    waited is told so, and the next request starts another.

    Parameters
    ----------
    parent
        As for every object of Qt.
    held
        Start nothing before `release`, so that the first picture of a window has the machine.
    """

    busyChanged = Signal(bool)  # noqa: N815 - as Qt's signals are named

    def __init__(self, parent: QObject | None = None, *, held: bool = False) -> None:
        super().__init__(parent)
        self._held: list[tuple[_Lane, Request]] | None = [] if held else None
        self._lanes = {name: _Lane(self) for name in (_READING, "")}
        self._number = 0
        self._waiting: dict[int, Callable[[Answer], None]] = {}
        for lane in self._lanes.values():
            lane.answered.connect(self._tell)

    def ask(
        self, answered: Callable[[Answer], None], function: Callable[..., Any], *arguments: Any
    ) -> int:
        """Have a function called.

        Parameters
        ----------
        answered
            Called with the answer, in the event loop.
        function
            Of a module that brings no Qt, or `gui.errand.Elsewhere`; it is found again there by
            its name.
        arguments
            Whatever can be pickled.

        Returns
        -------
        int
            A number by which it can be forgotten, above 0.
        """
        self._number += 1
        self._waiting[self._number] = answered
        module = function.module if isinstance(function, Elsewhere) else function.__module__
        lane = self._lanes.get(module, self._lanes[""])
        request = Request(self._number, function, arguments)
        if self._held is None:
            lane.send(request)
        else:
            self._held.append((lane, request))
        if len(self._waiting) == 1:
            self.busyChanged.emit(True)
        return self._number

    def release(self) -> None:
        """Do what was asked for so far, and what will be asked for at once."""
        held, self._held = self._held or [], None
        for lane, request in held:
            lane.send(request)

    def forget(self, number: int) -> None:
        """Do not tell of an answer any more."""
        if number in self._waiting:
            self._waiting[number] = _nobody

    def busy(self) -> bool:
        """Return whether something is asked and not yet answered."""
        return bool(self._waiting)

    def close(self) -> None:
        """End the processes; nobody is told any more."""
        self._waiting.clear()
        self._held = None
        for lane in self._lanes.values():
            lane.close()

    def _tell(self, answer: Answer) -> None:
        answered = self._waiting.pop(answer.number, _nobody)
        if not self._waiting:
            self.busyChanged.emit(False)
        answered(answer)


class _Lane(QObject):
    """One process, which answers one request after another."""

    answered = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._came = bytearray()
        self._open: list[int] = []  # numbers of requests not answered yet

    def send(self, request: Request) -> None:
        if self._process is None:
            self._process, self._came = self._started(), bytearray()
        self._open.append(request.number)
        self._process.write(pack(request))

    def close(self) -> None:
        self._open.clear()
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(_PATIENCE)
            process.deleteLater()

    def _started(self) -> QProcess:
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._lost)
        process.errorOccurred.connect(self._lost)
        # -P: a folder "gui" beside the user's data is not meant
        process.start(sys.executable, ["-P", "-c", "from gui.errand import main; main()"])
        return process

    def _read(self) -> None:
        if self._process is None:
            return
        self._came += self._process.readAllStandardOutput().data()
        if len(self._came) < LENGTH + int.from_bytes(self._came[:LENGTH], "big"):
            return
        answers, rest = unpack(bytes(self._came))
        self._came = bytearray(rest)
        for answer in answers:
            self._open.remove(answer.number)
            self.answered.emit(answer)

    def _lost(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.blockSignals(True)
        process.deleteLater()
        lost, self._open = self._open, []
        for number in lost:
            self.answered.emit(Answer(number, None, _DIED))


def _nobody(answer: Answer) -> None:
    """Take an answer that nobody waits for any more."""
