"""An in-process PyVISA library: virtual instruments at the addresses of a bench file.

Anything that takes a PyVISA library takes this one: ``pyvisa.ResourceManager(library)``,
``pymeasure.adapters.VISAAdapter(address, visa_library=library)``. A session on a bus with an END
line (GPIB, USB, VXI-11) receives whole messages; a raw socket (``TCPIP::...::SOCKET``) receives a
stream of bytes, so that a client must set a termination character, as with the real thing.
Without a pace nothing sleeps: waiting for a reply lets simulated time pass.
"""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pyvisa import constants, errors, rname
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISARMSession, VISASession
from pyvisa.util import DebugInfo, LibraryPath

from sim_backend.clock import Clock
from sim_backend.wire.port import Connection, HungUp, Port, VirtualInstrument

__all__ = ["VirtualLibrary", "library"]

_MANAGER = 1  # session of the resource manager; instruments' follow
_DEFAULT_TIMEOUT = 2000  # ms, as VISA has it
_LATENCY = 1e-3  # s: a message on GPIB
#: attributes that can be set and do nothing in a process
_SETTABLE = frozenset(
    {
        ResourceAttribute.timeout_value,
        ResourceAttribute.termchar,
        ResourceAttribute.termchar_enabled,
        ResourceAttribute.send_end_enabled,
        ResourceAttribute.suppress_end_enabled,
        ResourceAttribute.tcpip_nodelay,
        ResourceAttribute.tcpip_keepalive,
        ResourceAttribute.io_prot,
        ResourceAttribute.gpib_unadress_enable,
        ResourceAttribute.gpib_readdress_enabled,
    }
)


class _Session:
    """One open resource."""

    def __init__(self, address: str, connection: Connection) -> None:
        self.connection = connection
        parsed = rname.ResourceName.from_string(address)
        kind = getattr(InterfaceType, parsed.interface_type.lower())
        self.stream = parsed.resource_class == "SOCKET"
        self._stop: bytes | None = None  #: the byte at which a read ends
        self.attributes: dict[ResourceAttribute, Any] = {
            ResourceAttribute.timeout_value: _DEFAULT_TIMEOUT,
            ResourceAttribute.termchar: 10,
            ResourceAttribute.termchar_enabled: False,
            ResourceAttribute.send_end_enabled: True,
            ResourceAttribute.suppress_end_enabled: self.stream,
            ResourceAttribute.tcpip_nodelay: True,
            ResourceAttribute.tcpip_keepalive: False,
            ResourceAttribute.io_prot: constants.IOProtocol.normal,
            ResourceAttribute.interface_type: kind,
            ResourceAttribute.interface_number: int(getattr(parsed, "board", 0) or 0),
            ResourceAttribute.resource_name: str(parsed),
            ResourceAttribute.resource_class: parsed.resource_class,
            ResourceAttribute.resource_manufacturer_name: "",
            ResourceAttribute.resource_lock_state: constants.AccessModes.no_lock,
        }

    def set(self, attribute: ResourceAttribute, value: Any) -> None:
        """Set an attribute."""
        self.attributes[attribute] = value
        ends = self.attributes[ResourceAttribute.termchar_enabled]
        self._stop = bytes([self.attributes[ResourceAttribute.termchar]]) if ends else None

    @property
    def timeout(self) -> float | None:
        """How long a read waits, s; None waits for ever."""
        value = self.attributes[ResourceAttribute.timeout_value]
        return None if value == constants.VI_TMO_INFINITE else value / 1000

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Read up to `count` bytes; see the module's first lines."""
        data, stop = b"", self._stop
        while True:
            piece = self.connection.take()
            if piece is None:
                if not self.connection.wait(self.timeout):
                    return data, StatusCode.error_timeout
                continue
            taken, rest, status = self._cut(piece, count - len(data), stop)
            data += taken
            if rest:
                self.connection.give_back(rest)
            if status is not None:
                return data, status

    def _cut(
        self, piece: bytes, count: int, stop: bytes | None
    ) -> tuple[bytes, bytes, StatusCode | None]:
        """Split a piece of a reply where a read ends; no status when it goes on."""
        if stop is not None and 0 <= (at := piece.find(stop)) < count:
            at += 1
            status: StatusCode | None = StatusCode.success_termination_character_read
        elif len(piece) > count:
            at, status = count, StatusCode.success_max_count_read
        else:
            at, status = len(piece), None
            if piece.endswith(b"\n") and not self.stream:
                status = StatusCode.success
            elif at == count:
                status = StatusCode.success_max_count_read
        return piece[:at], piece[at:], status


class VirtualLibrary(VisaLibraryBase):
    """PyVISA's low-level functions over virtual instruments; made by `library`."""

    ports: Mapping[str, Port]
    _sessions: dict[int, _Session]

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath, ...]:
        """Name the library; the word "unset" would make pymeasure close everybody's sessions."""
        return (LibraryPath("labctl-virtual"),)

    @staticmethod
    def get_debug_info() -> DebugInfo:
        """Describe the library for ``pyvisa-info``."""
        return {"Version": "labctl virtual laboratory"}

    def _init(self) -> None:
        self.ports = {}
        self._sessions = {}
        self._numbers = itertools.count(_MANAGER + 1)

    def port(self, address: str) -> Port:
        """Return what is behind an address; raises KeyError when nothing is."""
        return self.ports[_canonical(address)]

    def shut_down(self) -> None:
        """End what is running in the instruments, and the threads that a pace needs."""
        for port in self.ports.values():
            port.close()

    def _session(self, session: Any) -> _Session:
        try:
            return self._sessions[int(session)]
        except KeyError:
            raise errors.VisaIOError(StatusCode.error_invalid_object) from None

    # -- sessions -----------------------------------------------------------------------------

    def open_default_resource_manager(self) -> tuple[Any, StatusCode]:
        """Open a resource manager."""
        manager = VISARMSession(_MANAGER)
        return manager, self.handle_return_value(manager, StatusCode.success)

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """List the addresses that match."""
        return tuple(rname.filter(self.ports, query))

    def open(
        self,
        session: Any,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[Any, StatusCode]:
        """Open a session; only addresses of the bench answer."""
        port = self.ports.get(_canonical(resource_name))
        if port is None:
            return 0, self.handle_return_value(session, StatusCode.error_resource_not_found)
        number = VISASession(next(self._numbers))
        self._sessions[number] = _Session(resource_name, port.connect())
        return number, self.handle_return_value(number, StatusCode.success)

    def close(self, session: Any) -> StatusCode:
        """Close a session; the instrument and other sessions go on."""
        self._sessions.pop(int(session), None)
        return self.handle_return_value(session, StatusCode.success)

    # -- messages -----------------------------------------------------------------------------

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Send a message."""
        opened = self._session(session)
        try:
            opened.connection.write(bytes(data), end=not opened.stream)
        except HungUp as end:
            _farewell(end)
            return 0, self.handle_return_value(session, StatusCode.error_connection_lost)
        return len(data), self.handle_return_value(session, StatusCode.success)

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Read up to `count` bytes; what was read before a timeout is lost, as VISA loses it."""
        opened = self._session(session)
        try:
            data, status = opened.read(count)
        except HungUp as end:
            _farewell(end)
            data, status = b"", StatusCode.error_connection_lost
        return data, self.handle_return_value(session, status)

    def clear(self, session: Any) -> StatusCode:
        """Send a device clear; it acts at once, even on a running script."""
        return self._bus(session, lambda connection: connection.clear())

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """Serial-poll the instrument."""
        bytes_read: list[int] = []
        status = self._bus(session, lambda connection: bytes_read.append(connection.serial_poll()))
        return (bytes_read[0] if bytes_read else 0), status

    def assert_trigger(self, session: Any, protocol: constants.TriggerProtocol) -> StatusCode:
        """Send a bus trigger."""
        return self._bus(session, lambda connection: connection.trigger())

    def flush(self, session: Any, mask: constants.BufferOperation) -> StatusCode:
        """Forget what was not read."""
        connection = self._session(session).connection
        while connection.take() is not None:
            pass
        return self.handle_return_value(session, StatusCode.success)

    def _bus(self, session: Any, act: Callable[[Connection], None]) -> StatusCode:
        opened = self._session(session)
        if opened.stream:  # a raw socket carries messages only
            return self.handle_return_value(session, StatusCode.error_nonsupported_operation)
        try:
            act(opened.connection)
        except HungUp as end:
            _farewell(end)
            return self.handle_return_value(session, StatusCode.error_connection_lost)
        return self.handle_return_value(session, StatusCode.success)

    # -- attributes and events ------------------------------------------------------------------

    def get_attribute(
        self, session: Any, attribute: constants.ResourceAttribute | constants.EventAttribute
    ) -> tuple[Any, StatusCode]:
        """Read an attribute of a session."""
        if int(session) == _MANAGER:
            return 0, self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        known = self._session(session).attributes
        if attribute not in known:
            return 0, self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        return known[ResourceAttribute(attribute)], self.handle_return_value(
            session, StatusCode.success
        )

    def set_attribute(
        self, session: Any, attribute: constants.ResourceAttribute, attribute_state: Any
    ) -> StatusCode:
        """Set an attribute of a session."""
        status = StatusCode.error_nonsupported_attribute
        if attribute in _SETTABLE:
            self._session(session).set(attribute, attribute_state)
            status = StatusCode.success
        return self.handle_return_value(session, status)

    def disable_event(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """There are no events to disable."""
        return self.handle_return_value(session, StatusCode.success)

    def discard_events(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """There are no events to discard."""
        return self.handle_return_value(session, StatusCode.success)


def library(
    instruments: Mapping[str, VirtualInstrument],
    clock: Clock,
    latency: float = _LATENCY,
    *,
    lock: threading.RLock | None = None,
    done: Callable[[], None] | None = None,
) -> VirtualLibrary:
    """Make a library in which the instruments answer at their addresses.

    Parameters
    ----------
    instruments
        VISA address to instrument.
    clock
        The laboratory's time, shared by all of them.
    latency
        Simulated time that a message spends on the bus, s.
    lock
        Held while an instrument works; give one to share it with whoever else uses the clock.
    done
        Called, with the lock held, after each line that was executed and each wait for a reply.
    """
    made = VirtualLibrary("labctl-virtual")
    shared = lock or threading.RLock()
    made.ports = {
        _canonical(address): Port(instrument, clock, shared, latency, done or _nothing)
        for address, instrument in instruments.items()
    }
    return made


def _farewell(end: HungUp) -> None:
    """Raise what PyVISA-py's sockets raise where the other side has reset the connection."""
    if end.reset:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def _canonical(address: str) -> str:
    return str(rname.ResourceName.from_string(address))


def _nothing() -> None:
    """Do nothing."""
