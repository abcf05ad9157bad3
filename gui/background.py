"""Work beside the event loop: a function in a thread, its answer as a signal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from labctl.errors import LabctlError

__all__ = ["Background"]


class _Told(QObject):
    answered = Signal(str, int, object, str)


class _Task(QRunnable):
    def __init__(
        self, key: str, number: int, told: _Told, function: Callable[..., Any], args: Any
    ) -> None:
        super().__init__()
        self._key, self._number, self._told = key, number, told
        self._function, self._args = function, args

    def run(self) -> None:
        result, wrong = None, ""
        try:
            result = self._function(*self._args)
        except (LabctlError, OSError, ValueError, ArithmeticError, LookupError) as error:
            wrong = str(error) or type(error).__name__
        self._told.answered.emit(self._key, self._number, result, wrong)


class Background(QObject):
    """Runs functions in threads; of each kind of question only the last answer is told.

    The functions must touch nothing of the window: they take values and return values.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    done = Signal(str, object)  #: kind of question, answer
    failed = Signal(str, str)  #: kind of question, what went wrong

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._told = _Told(self)
        self._told.answered.connect(self._answer)
        self._last: dict[str, int] = {}

    def ask(self, key: str, function: Callable[..., Any], *args: Any) -> None:
        """Call a function in a thread.

        Parameters
        ----------
        key
            Kind of question; an earlier answer of the same kind is not told any more.
        function, args
            What is called.
        """
        self._last[key] = self._last.get(key, 0) + 1
        self._pool.start(_Task(key, self._last[key], self._told, function, args))

    def close(self) -> None:
        """Want no more answers, and wait for what is being done."""
        self._last.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def _answer(self, key: str, number: int, result: object, wrong: str) -> None:
        if self._last.get(key) != number:
            return
        if wrong:
            self.failed.emit(key, wrong)
        else:
            self.done.emit(key, result)
