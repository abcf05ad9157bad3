"""What pymeasure's drivers lack to leave an instrument safe, the same for every family.

Errors are raised and not only logged; ``with`` and `shutdown` really switch off, at once; an
exception of the user is never hidden by one from a dead link; closing never raises.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Protocol, TypeVar

from pymeasure.adapters import VISAAdapter
from pymeasure.instruments import Instrument
from pyvisa.errors import Error

from instruments.errors import link_faults, queue_fault
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.wire_log import logger_of

__all__ = ["Secured", "open_adapter", "started"]

log = logging.getLogger(__name__)


class Secured:
    """Put before a driver of pymeasure; the driver gives `drain` and `make_safe`."""

    name: str
    adapter: Any

    def drain(self) -> list[str]:
        """Empty the error queue and return its entries."""
        raise NotImplementedError

    def make_safe(self) -> None:
        """Bring every level to zero and every output off, and see that it is so."""
        raise NotImplementedError

    def check_errors(self) -> list[Any]:
        """Empty the error queue.

        Returns
        -------
        list
            Nothing: pymeasure's interface.

        Raises
        ------
        InstrumentFault
            The queue had entries; all of them are in the message.
        """
        entries = self.drain()
        if entries:
            raise queue_fault(self.name, entries, "carrying out a command")
        return []

    def safe_after(self, error: BaseException) -> None:
        """Make safe because of an exception; what could not be made safe becomes a note on it."""
        try:
            self.make_safe()
        except InstrumentFault as unsafe:
            error.add_note(str(unsafe))

    def shutdown(self) -> None:
        """Make safe; pymeasure's name for it."""
        self.make_safe()
        # not the driver's own, which may take its time over a ramp
        Instrument.shutdown(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.shutdown()
        else:
            self.safe_after(error)

    def close(self) -> None:
        """Give the connection back; never raises."""
        try:
            self.adapter.close()
        except (Error, OSError) as error:
            log.warning("%s: closing the connection failed: %s", self.name, error)


S = TypeVar("S", bound="Startable")


class Startable(Protocol):
    """A driver that has not asked yet who is there."""

    def start(self, *, leave: bool, looking: bool) -> None:
        """Ask who answers, and report and clear what is left of earlier use."""

    def close(self) -> None:
        """Give the connection back; never raises."""


def started(meter: S, setup: Setup) -> S:
    """Start a driver as the bench file says, and give the connection back if that fails.

    Parameters
    ----------
    meter
        The driver.
    setup
        Section of the bench file; ``found_on = "leave"`` leaves an output that is on.

    Raises
    ------
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    leave = setup.looking or setup.options.get("found_on") == "leave"
    try:
        meter.start(leave=leave, looking=setup.looking)
    except BaseException:
        meter.close()
        raise
    return meter


def open_adapter(setup: Setup, timeout: float) -> VISAAdapter:
    """Open the connection to an instrument that ends its lines with a newline.

    Parameters
    ----------
    setup
        Section of the bench file.
    timeout
        How long to wait for an answer, s.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody is there.
    """
    with link_faults(f"{setup.name} ({setup.address})", "opening the connection"):
        try:
            return VISAAdapter(
                setup.address,
                visa_library=setup.visa,
                read_termination="\n",
                write_termination="\n",
                timeout=round(timeout * 1000),
                log=logger_of(setup.name),
            )
        except ValueError as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise BadInput(f'{setup.name}: "{setup.address}" cannot be opened: {reason}') from None
