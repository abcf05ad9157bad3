"""Clients that others wrote, and how many of their commands the virtual instruments understand."""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections import defaultdict
from types import ModuleType
from typing import Any

import pytest

from sim_backend.instruments import keithley2600_common, scpi_account, switch_account
from sim_backend.instruments.keithley2450_events import EventLog
from sim_backend.instruments.keithley4200 import Keithley4200
from sim_backend.wire.port import Connection

__all__ = ["Heard", "peer"]

#: said of a command that is not known: SCPI header, TSP syntax and run-time, KXCI
_UNKNOWN = (-113, -285, -286, -101)
_REPORTS: tuple[tuple[type, str], ...] = (
    (keithley2600_common.Account, "report"), (scpi_account.Account, "report"), (EventLog, "add"),
    (switch_account.Account, "report"), (Keithley4200, "report"),
)  # fmt: skip


def peer(name: str) -> ModuleType:
    """Import a client; where it is not installed the test is skipped.

    With ``LABCTL_CLIENTS`` set it must be there: ``make test-clients`` installs it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at what a client imports that is going to be removed
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            if "LABCTL_CLIENTS" in os.environ:
                raise
    pytest.skip(f"{name} is not installed: make test-clients does", allow_module_level=True)


class Heard:
    """What clients sent, by client: different commands, and those that were not understood."""

    def __init__(self) -> None:
        self.commands: dict[str, set[str]] = defaultdict(set)
        self.strange: dict[str, set[str]] = defaultdict(set)
        self._said = ""

    def listen(self, client: str, patch: pytest.MonkeyPatch) -> None:
        """Listen to one client until the patch is undone."""
        write = Connection.write

        def heard(connection: Connection, data: bytes, *, end: bool) -> None:
            self._said = data.decode("latin-1").strip()
            self.commands[client].add(_head(self._said))
            write(connection, data, end=end)
            self._said = ""  # what goes wrong later was not what this line said

        patch.setattr(Connection, "write", heard)
        for owner, name in _REPORTS:
            patch.setattr(owner, name, self._noting(client, getattr(owner, name)))

    def _noting(self, client: str, report: Any) -> Any:
        def noted(instrument: Any, code: Any, *more: Any, **words: Any) -> Any:
            if code in _UNKNOWN and self._said:
                self.strange[client].add(_head(self._said))
            return report(instrument, code, *more, **words)

        return noted

    def lines(self) -> list[str]:
        """Return what to tell, one line a client."""
        told = []
        for client, commands in sorted(self.commands.items()):
            strange = self.strange[client] & commands
            told.append(f"{client}: {len(commands) - len(strange)} of {len(commands)} understood")
            told += [f"    not: {line}" for line in sorted(strange)]
        return told


def _head(line: str) -> str:
    """Return a command without its numbers, so that each is counted once."""
    return re.sub(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?", "#", line)[:200]
