"""Status registers of a 2450-family SourceMeter, above its event log.

The operation and questionable registers have no fixed meaning: each bit is mapped to an event that
sets it and one that clears it.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, appendix C "Status model", pages 6-133 to 6-140;
IEEE Std 488.2-1992, 10 and 11.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley2450_events import ERROR, EventLog
from sim_backend.wire.status import (
    ERROR_AVAILABLE,
    EXECUTION_ERROR,
    MESSAGE_AVAILABLE,
    OPERATION_COMPLETE,
    OPERATION_SUMMARY,
    POWER_ON,
    QUESTIONABLE_SUMMARY,
    STANDARD_SUMMARY,
    Register,
    StandardEvents,
    StatusByte,
    standard_bit,
)

__all__ = ["MappedRegister", "Status"]

BITS = 15
_STANDARD = {"OPC": 1, "QYE": 4, "DDE": 8, "EXE": 16, "CME": 32, "URQ": 64, "PON": 128}


class MappedRegister(Register):
    """A register whose bits follow events by their numbers."""

    def __init__(self, byte: StatusByte, bit: int) -> None:
        super().__init__({f"B{k}": 1 << k for k in range(BITS)}, byte, bit)
        self.map: dict[int, tuple[int, int]] = {}  #: bit -> event that sets it, that clears it

    def hear(self, code: int) -> None:
        """Let an event set and clear bits."""
        for bit, (setting, clearing) in self.map.items():
            if code == clearing:
                self.set(1 << bit, False)
            if code == setting:
                self.event |= 1 << bit
                self.set(1 << bit, True)
                self.summarise()


class Status:
    """Every register.

    Parameters
    ----------
    log
        The event log, whose events the registers hear.
    waiting
        Number of replies that are ready.
    idle
        Whether nothing overlapped is going on.
    """

    def __init__(self, log: EventLog, waiting: Callable[[], int], idle: Callable[[], bool]) -> None:
        self._log, self._waiting, self._idle = log, waiting, idle
        self._complete_when_idle = False
        self.byte = StatusByte(self._live)
        self.standard = StandardEvents(_STANDARD, self.byte, STANDARD_SUMMARY)
        self.operation = MappedRegister(self.byte, OPERATION_SUMMARY)
        self.questionable = MappedRegister(self.byte, QUESTIONABLE_SUMMARY)
        self.standard.raise_event(POWER_ON)
        log.heard = self._hear

    def _live(self) -> int:
        return (MESSAGE_AVAILABLE if self._waiting() else 0) | (
            ERROR_AVAILABLE if len(self._log) else 0
        )

    def _hear(self, code: int, kind: int) -> None:
        bit = standard_bit(code) if code < 0 else EXECUTION_ERROR
        if bit and kind == ERROR:
            self.standard.raise_event(bit)
        self.operation.hear(code)
        self.questionable.hear(code)

    # -- operation complete ------------------------------------------------------------------

    def complete(self) -> None:
        """Set the operation complete event when nothing goes on any more (``*OPC``)."""
        self._complete_when_idle = True
        self.settle()

    def settle(self) -> None:
        """Note that something overlapped may have ended."""
        if self._complete_when_idle and self._idle():
            self._complete_when_idle = False
            self.standard.raise_event(OPERATION_COMPLETE)

    def forget_completion(self) -> None:
        """Cancel a pending ``*OPC``."""
        self._complete_when_idle = False

    # -- clearing ----------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget the latched events of the mapped registers (``STATus:CLEar``)."""
        self.operation.clear()
        self.questionable.clear()

    def clear_all(self) -> None:
        """Forget every event, and the log (``*CLS``)."""
        self.clear()
        self.standard.clear()
        self._log.clear()
        self.forget_completion()

    def preset(self) -> None:
        """Reset masks and events of the mapped registers (``STATus:PRESet``)."""
        self.operation.reset()
        self.questionable.reset()
