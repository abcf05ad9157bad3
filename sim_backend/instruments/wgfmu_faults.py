"""Faults of a library: what goes wrong at the n-th call of a function, where there is no wire."""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.clock import Clock
from sim_backend.faults import AT_SAMPLE, IN_INSTRUMENT, OF_PROBER, Fault

__all__ = ["CallFaults"]

_SILENT = "no answer from the mainframe"


class CallFaults:
    """Calls of a library, counted, and what strikes at which of them.

    Where a line would be lost, or its answer, the call fails; after ``mute``, ``close`` and
    ``reset`` so does every later one.

    Parameters
    ----------
    clock
        The laboratory's time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: dict[int, list[tuple[Fault, Callable[[str], None]]]] = {}
        self._calls = 0
        self.lost = False  #: whether the connection to the mainframe is gone

    def plan(self, fault: Fault, suffer: Callable[[str], None]) -> None:
        """Let a fault strike at a call, counted from now.

        Parameters
        ----------
        fault
            As a bench file says it.
        suffer
            Takes the kind of a fault that is not in the connection.
        """
        self._faults.setdefault(self._calls + fault.at, []).append((fault, suffer))

    def strike(self, name: str) -> str:
        """Count a call of a function; returns what is wrong with it, empty for nothing."""
        self._calls += 1
        wrong = f"{name}: {_SILENT}" if self.lost else ""
        for fault, suffer in self._faults.pop(self._calls, ()):
            wrong = self._one(name, fault, suffer) or wrong
        return wrong

    def _one(self, name: str, fault: Fault, suffer: Callable[[str], None]) -> str:
        if fault.kind == "slow":
            self._clock.advance(fault.delay)
        elif fault.kind == "error":
            return fault.message or f"{name}: error {fault.code}"
        elif fault.kind in IN_INSTRUMENT | OF_PROBER | AT_SAMPLE:
            suffer(fault.kind)
        else:
            self.lost = fault.kind in ("mute", "close", "reset")
            return f"{name}: {_SILENT}"
        return ""
