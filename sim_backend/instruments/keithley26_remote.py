"""What a connection sees of a Series 2600B (`sim_backend.wire.port.VirtualInstrument`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_common import Account
from sim_backend.instruments.tsp_interface import Interface, urgent

__all__ = ["Remote"]


class Remote:
    """The back of the instrument, and what its front panel shows."""

    interface: Interface
    account: Account
    channels: dict[str, Channel]

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    def close(self) -> None:
        """Switch off for good: gives back what only the instrument knows of, its Lua state."""
        self.interface.abort()
        self.interface.engine.close()

    # -- the wire -----------------------------------------------------------------------------

    urgent = staticmethod(urgent)

    def prompt(self, line: bytes) -> bool:
        """Whether a line reaches what is running instead of waiting for its end."""
        return self.interface.prompt(line)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)
        for channel in self.channels.values():
            channel.shortcut.settle()

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self.interface.interrupt()

    def abort(self) -> None:
        """End the running script and every overlapped operation."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.status.byte.condition

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code, text)

    def channel_state(self, letter: str) -> dict[str, Any]:
        """Return what the front panel of a channel shows: for tests and for a window.

        See `sim_backend.instruments.keithley2600_channel.Channel.state`.
        """
        return self.channels[letter].state()
