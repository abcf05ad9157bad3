"""A pymeasure adapter straight to a virtual instrument: the short way in, without VISA between.

Any pymeasure driver takes it::

    laboratory = open_laboratory(bench, seed=1, state=None, pace=0.0)
    smu = Keithley2400(laboratory.adapter("smu"))

What a driver meets is the same as by VISA, timeouts and lost connections included; only the cost of
VISA's sessions is gone.
"""

from __future__ import annotations

import errno
import logging
from typing import Any

from pymeasure.adapters import Adapter
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from sim_backend.wire.port import HungUp, Port

__all__ = ["DirectAdapter"]


class DirectAdapter(Adapter):  # type: ignore[misc]
    r"""Messages to and from one virtual instrument.

    Parameters
    ----------
    port
        The instrument's port.
    read_termination, write_termination
        End of an answer, taken off; end of a message, put on.
    timeout
        How long an answer is waited for, s of the laboratory's time.
    log
        As of every pymeasure adapter.

    Raises
    ------
    VisaIOError
        While reading or writing: no answer came in time, or the connection was dropped.
    ConnectionResetError
        The connection was reset.
    """

    def __init__(
        self,
        port: Port,
        *,
        read_termination: str = "\n",
        write_termination: str = "\n",
        timeout: float = 2.0,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__(log=log)
        self.port, self.timeout = port, timeout
        self._end, self._ending = read_termination.encode(), write_termination.encode()
        self._wire = port.connect()
        self._there = b""  # came, and was not read yet

    def __repr__(self) -> str:
        """Say what this is, for pymeasure's messages."""
        return f"<DirectAdapter({type(self.port.instrument).__name__})>"

    def close(self) -> None:
        """Forget what was not read; the instrument and other connections go on."""
        self._there = b""

    def _write(self, command: str, **_more: Any) -> None:
        self._write_bytes(command.encode() + self._ending)

    def _write_bytes(self, content: bytes, **_more: Any) -> None:
        try:
            self._wire.write(content, end=False)
        except HungUp as end:
            raise _lost(end) from None

    def _read(self, **_more: Any) -> str:
        while self._end not in self._there:
            self._wait()
        answer, _, self._there = self._there.partition(self._end)
        return answer.decode("latin-1")

    def _read_bytes(self, count: int, break_on_termchar: bool, **_more: Any) -> bytes:
        """Read `count` bytes; -1 for one answer with its end."""
        stop = break_on_termchar or count < 0
        while True:
            at = self._there.find(self._end) + len(self._end) if stop else 0
            if stop and at >= len(self._end) and (count < 0 or at <= count):
                break
            if 0 <= count <= len(self._there):
                at = count
                break
            self._wait()
        taken, self._there = self._there[:at], self._there[at:]
        return taken

    def flush_read_buffer(self) -> None:
        """Forget what came and was not read."""
        self._there = b""
        while self._wire.take() is not None:
            pass

    def _wait(self) -> None:
        """Take what comes next; what came before a timeout is lost, as VISA loses it."""
        piece = self._wire.take()
        if piece is None:
            try:
                if self._wire.wait(self.timeout):
                    piece = self._wire.take()
            except HungUp as end:
                raise _lost(end) from None
        if piece is None:
            self._there = b""
            raise VisaIOError(StatusCode.error_timeout)
        self._there += piece


def _lost(end: HungUp) -> Exception:
    """Return what a client of VISA meets when the connection is gone."""
    if end.reset:
        return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    return VisaIOError(StatusCode.error_connection_lost)
