"""``labctl serve BENCH``: the virtual instruments of a bench on TCP sockets of this machine.

Each instrument listens on a port of 127.0.0.1 and takes messages that end in a newline, from any
number of clients. A reply goes to the client that asked. When a client goes away, what it had
started goes on. Time follows the wall clock, times `speed`; with speed 0 a message is executed at
once, however long it takes in the laboratory, and between messages time passes as on the wall.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Annotated, Any

import typer

from labctl.benchfile import read_bench
from labctl.errors import BadInput, LabctlError
from sim_backend.companions import with_meters
from sim_backend.faults import typed_fault
from sim_backend.laboratory import open_laboratory
from sim_backend.wire.port import Connection, HungUp, Port

__all__ = ["Server", "serve"]

_HOST = "127.0.0.1"
_TICK = 0.01  # s between two looks at the wall clock
_CHUNK = 65536  # bytes taken from a socket at once
#: linger: on, for no time (two shorts on Windows, two ints elsewhere)
_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LONGEST_LINE = 8 << 20  # bytes without a newline before a client is taken to be mistaken


class Server:
    """Sockets in front of ports; use it in a ``with`` statement.

    Parameters
    ----------
    ports
        Instrument name to its port.
    first
        TCP port of the first instrument, counted up for the others; 0 takes any that is free.

    Raises
    ------
    BadInput
        A TCP port is taken.
    """

    def __init__(self, ports: Mapping[str, Port], first: int = 0) -> None:
        self._ports = dict(ports)
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clients: set[_Client] = set()
        self._listeners: dict[str, socket.socket] = {}
        try:
            for k, name in enumerate(self._ports):
                self._listeners[name] = _listen(name, first + k if first else 0)
        except BadInput:
            self._close_listeners()
            raise
        #: VISA address of each instrument
        self.addresses = {
            name: f"TCPIP::{_HOST}::{listener.getsockname()[1]}::SOCKET"
            for name, listener in self._listeners.items()
        }

    def __enter__(self) -> Server:
        for name, listener in self._listeners.items():
            self._start(self._accept, listener, self._ports[name])
        if any(not port.clock.pace for port in self._ports.values()):
            self._start(self._keep_time)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._close_listeners()
        for client in tuple(self._clients):
            client.close()
        for port in self._ports.values():
            port.close()
        for thread in self._threads:
            thread.join()
        for client in tuple(self._clients):
            client.join()

    def _start(self, run: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True, name="serve")
        self._threads.append(thread)
        thread.start()

    def _close_listeners(self) -> None:
        for listener in self._listeners.values():
            listener.close()

    def _accept(self, listener: socket.socket, port: Port) -> None:
        while not self._closing.is_set():
            try:
                accepted, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            client = _Client(accepted, port, self._clients)
            client.start()

    def _keep_time(self) -> None:
        """Let laboratory time pass between messages as fast as on the wall."""
        before = time.monotonic()
        while not self._closing.wait(_TICK):
            now = time.monotonic()
            clock = next(iter(self._ports.values())).clock
            until = clock.now_s + now - before
            before = now
            for port in self._ports.values():
                while port.pass_time(until):
                    pass


def _listen(name: str, number: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind((_HOST, number))
    except OSError as error:
        listener.close()
        raise BadInput(
            f"port {number} was asked for {name} and cannot be had ({error.strerror}); "
            "give another with --port, or 0 for any that is free"
        ) from None
    listener.listen()
    listener.settimeout(0.2)
    return listener


class _Client:
    """One TCP client: a thread that takes its messages, a thread that sends its replies."""

    def __init__(self, accepted: socket.socket, port: Port, known: set[_Client]) -> None:
        self._socket, self._known = accepted, known
        self._ready = threading.Event()
        self._connection: Connection = port.connect(self._ready.set)
        self._gone = False
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._threads = [
            threading.Thread(target=run, daemon=True, name="client")
            for run in (self._take, self._send)
        ]

    def start(self) -> None:
        """Begin to serve."""
        self._known.add(self)
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until its last line has been executed and its threads have ended."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """End the connection from this side."""
        self._gone = True
        self._ready.set()
        end = self._connection.hung_up
        with contextlib.suppress(OSError):
            if end is not None and end.reset:
                # what is closed without lingering is reset; the reading side wakes the other thread
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                self._socket.shutdown(socket.SHUT_RD)
            else:
                self._socket.shutdown(socket.SHUT_RDWR)

    def _take(self) -> None:
        unended = 0
        try:
            while data := self._socket.recv(_CHUNK):
                ended = any(byte in data for byte in self._connection.port.terminators)
                unended = 0 if ended else unended + len(data)
                if unended > _LONGEST_LINE:
                    break
                self._connection.write(data, end=False)
        except (OSError, HungUp):
            pass
        self.close()

    def _send(self) -> None:
        while True:
            self._ready.wait()
            self._ready.clear()
            try:
                while (reply := self._connection.take()) is not None:
                    self._socket.sendall(reply)
            except OSError:
                self._gone = True
            if self._gone or self._connection.hung_up:
                break
        self.close()
        self._socket.close()
        self._known.discard(self)


def serve(
    bench: Annotated[str, typer.Argument(help="Bench name or file.")],
    port: Annotated[int, typer.Option(help="TCP port of the first instrument; 0: any.")] = 0,
    speed: Annotated[
        float, typer.Option(help="Laboratory seconds in a second; 0 does not wait for scripts.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Fixes device, errors and noise.")] = 0,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the device between sessions.")
    ] = None,
    faults: Annotated[
        bool,
        typer.Option("--faults", help='Take faults from standard input, like "smu mute at=3".'),
    ] = False,
) -> None:
    """Serve a bench's virtual instruments on TCP until interrupted.

    Prints a line for each: its name in the bench file and its VISA address.
    """
    try:
        _serve(bench, port, speed, seed, state, faults=faults)
    except LabctlError as error:
        typer.echo(f"labctl: {error}", err=True)
        raise typer.Exit(error.exit_status) from None


def _serve(
    bench: str, first: int, speed: float, seed: int, state: Path | None, *, faults: bool
) -> None:
    definition, content = read_bench(bench)
    if (definition.simulation or {}).get("laboratory", "virtual") != "virtual":
        raise BadInput(f"{bench} has no virtual laboratory to serve; name a bench that has one")
    if definition.simulation is None:
        raise BadInput(f"{bench} is a bench of real instruments; only simulated ones are served")
    if speed < 0:
        raise BadInput(f"a speed of {speed:g} was asked for; it must be 0 or positive")
    laboratory = open_laboratory({**content, "name": definition.name}, seed, state, speed)
    try:
        with _until_signalled() as stopped, Server(_named(content, laboratory), first) as server:
            for name, address in server.addresses.items():
                typer.echo(f"{name} {address}")
            if faults:
                threading.Thread(target=_take_faults, args=(laboratory,), daemon=True).start()
            while not stopped.wait(0.2):  # in pieces, so that Ctrl-C is heard on Windows
                pass
    finally:
        laboratory.close()


def _take_faults(laboratory: Any) -> None:
    """Plan each fault that is typed, until there is no more to read; a wrong one is answered."""
    rest = b""
    # not through sys.stdin: a thread that waits there would keep the process from ending
    while data := os.read(0, _CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        for line in filter(None, (raw.decode(errors="replace").strip() for raw in lines)):
            try:
                laboratory.strike(typed_fault(line, laboratory.instruments, "standard input"))
            except BadInput as error:
                typer.echo(f"labctl: {error}", err=True)
            else:
                typer.echo(f"planned: {line}")


def _named(content: Mapping[str, Any], laboratory: Any) -> dict[str, Port]:
    """Return the ports of a laboratory by the instruments' names in the bench file."""
    sections = with_meters(content)["instruments"]
    return {
        name: laboratory.visa.port(sections[name]["address"]) for name in laboratory.instruments
    }


@contextlib.contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
