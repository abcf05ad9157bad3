"""Virtual instruments on TCP: the same behaviour as in-process, several clients, clean ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pymeasure.adapters import Adapter, VISAAdapter
from pymeasure.instruments.keithley import Keithley2600
from pyvisa.errors import VisaIOError

from labctl.errors import BadInput
from sim_backend.adapter import DirectAdapter
from sim_backend.faults import Fault, with_faults
from sim_backend.server import Server
from sim_backend.visa import library
from sim_backend.wire.port import Port
from tests.sim_backend.rig import Rig

ADDRESS = "TCPIP0::192.168.0.26::5025::SOCKET"
IDN = "Keithley Instruments Inc., Model 2602B, 4512345, 3.4.1"
Resource = pyvisa.resources.MessageBasedResource

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Talk:
    """What the tests use of a VISA session, over an adapter straight to the instrument."""

    def __init__(self, adapter: DirectAdapter) -> None:
        self.adapter = adapter
        self.write, self.read, self.close = adapter.write, adapter.read, adapter.close
        self.read_bytes = adapter.read_bytes

    def query(self, line: str) -> str:
        self.write(line)
        return self.read()


class Way:
    """One way to an instrument: how to open a session, and the instrument itself."""

    def __init__(self, rig: Rig, manager: pyvisa.ResourceManager, address: str) -> None:
        self.rig, self.manager, self.address = rig, manager, address

    def open(self, timeout: float = 5000) -> Resource:
        resource = self.manager.open_resource(
            self.address, read_termination="\n", write_termination="\n", timeout=timeout
        )
        assert isinstance(resource, Resource)
        return resource

    def adapter(self) -> Adapter:
        library_of = self.manager.visalib if self.address == ADDRESS else "@py"
        return VISAAdapter(
            self.address, visa_library=library_of, read_termination="\n", write_termination="\n"
        )


class ShortWay:
    """The way without VISA."""

    def __init__(self, rig: Rig, port: Port) -> None:
        self.rig, self.port = rig, port

    def open(self, timeout: float = 5000) -> Any:
        return Talk(self.adapter(timeout))

    def adapter(self, timeout: float = 5000) -> DirectAdapter:
        return DirectAdapter(self.port, timeout=timeout / 1000)


def port_of(rig: Rig, *faults: Fault) -> Port:
    return Port(
        with_faults(rig.smu, faults, rig.clock), rig.clock, threading.RLock(), 0.0, lambda: None
    )


@contextlib.contextmanager
def in_process(rig: Rig, *faults: Fault) -> Iterator[Way]:
    made = library({ADDRESS: with_faults(rig.smu, faults, rig.clock)}, rig.clock, latency=0.0)
    manager = pyvisa.ResourceManager(made)
    yield Way(rig, manager, ADDRESS)
    manager.close()
    made.port(ADDRESS).close()


@contextlib.contextmanager
def over_tcp(rig: Rig, *faults: Fault) -> Iterator[Way]:
    with Server({"smu": port_of(rig, *faults)}) as server:
        manager = pyvisa.ResourceManager("@py")
        yield Way(rig, manager, server.addresses["smu"])
        manager.close()


@contextlib.contextmanager
def without_visa(rig: Rig, *faults: Fault) -> Iterator[ShortWay]:
    port = port_of(rig, *faults)
    yield ShortWay(rig, port)
    port.close()


Opener = Callable[..., contextlib.AbstractContextManager[Any]]
WAYS: dict[str, Opener] = {"in-process": in_process, "tcp": over_tcp, "adapter": without_visa}


@pytest.fixture(params=list(WAYS))
def opener(request: pytest.FixtureRequest) -> Opener:
    return WAYS[request.param]


@pytest.fixture
def way(opener: Opener) -> Iterator[Way]:
    with opener(Rig()) as opened:
        yield opened


# -- the same through both -----------------------------------------------------------------------


def test_identity(way: Way) -> None:
    assert way.open().query("*IDN?") == IDN


def test_measuring(way: Way) -> None:
    smu = way.open()
    smu.write("smua.source.levelv = 0.5 smua.source.output = smua.OUTPUT_ON")
    assert float(smu.query("print(smua.measure.i())")) == pytest.approx(5e-5)
    assert way.rig.a.on


def test_errors(way: Way) -> None:
    smu = way.open()
    smu.write("smua.source.levelv = 99")
    assert smu.query("print(errorqueue.next())").split("\t")[1] == "Parameter too big"


def test_several_replies_and_lines(way: Way) -> None:
    smu = way.open()
    smu.write("print(1) print(2)\nprint(3)")
    assert [smu.read() for _ in range(3)] == ["1.00000e+00", "2.00000e+00", "3.00000e+00"]


def test_scripts_and_sweeps(way: Way) -> None:
    smu = way.open()
    smu.write(
        "loadandrunscript pulses\n"
        "smua.source.rangev = 1 smua.measure.rangei = 1e-3 smua.measure.autozero = 0\n"
        "smua.measure.nplc = 0.001 smua.source.output = 1\n"
        "smua.nvbuffer1.collecttimestamps = 1\n"
        "smua.trigger.source.listv({0.1, 0.2, 0.3}) smua.trigger.source.action = 1\n"
        "smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1\n"
        "smua.source.delay = 1e-3 smua.trigger.count = 3\n"
        "smua.trigger.initiate() waitcomplete()\n"
        "printbuffer(1, 3, smua.nvbuffer1, smua.nvbuffer1.timestamps)\n"
        "endscript"
    )
    values = [float(text) for text in smu.read().split(", ")]
    assert values[::2] == pytest.approx([1e-5, 2e-5, 3e-5])
    assert values[1::2] == pytest.approx([0.0, 1.02e-3, 2.04e-3])


def test_binary_blocks(way: Way) -> None:
    smu = way.open()
    smu.write("format.data = format.REAL64 printnumber(1, 2, 3)")
    assert smu.read_bytes(2) == b"#0"
    assert struct.unpack("<3d", smu.read_bytes(24)) == (1.0, 2.0, 3.0)
    assert smu.read_bytes(1) == b"\n"


def test_a_long_reply(way: Way) -> None:
    assert way.open().query("print(string.rep('x', 200000))") == "x" * 200_000


def test_a_missing_answer_is_a_timeout(way: Way) -> None:
    smu = way.open(timeout=50)
    with pytest.raises(VisaIOError) as raised:
        smu.read()
    assert raised.value.abbreviation == "VI_ERROR_TMO"
    assert smu.query("*IDN?") == IDN


def test_abort_frees_a_waiting_instrument(way: Way) -> None:
    smu = way.open(timeout=200)
    smu.write("smua.trigger.source.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    smu.write("waitcomplete()")
    with pytest.raises(VisaIOError):
        smu.query("*IDN?")
    smu.write("abort")
    assert smu.read() == IDN  # it had been waiting in the input queue
    assert smu.query("print(1)") == "1.00000e+00"


def test_answers_go_to_who_asked(way: Way) -> None:
    first, second = way.open(), way.open()
    first.write("print('first')")
    second.write("print('second')")
    assert second.read() == "second"
    assert first.read() == "first"
    first.close()
    assert second.query("*IDN?") == IDN


def test_pymeasure_measures(way: Way) -> None:
    adapter = way.adapter()
    smu = Keithley2600(adapter)
    assert smu.id == IDN
    smu.ChA.source_voltage = 0.25
    smu.ChA.source_output = "ON"
    assert smu.ChA.current == pytest.approx(2.5e-5)
    assert smu.next_error == (0, "Queue Is Empty")
    adapter.close()
    assert way.open().query("*IDN?") == IDN


def write_often(smu: Resource) -> None:
    """Write until a closed socket says so: it may take a message or two before."""
    for _ in range(10):
        smu.write("x = 1")
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["mute", "cut", "close"])
def test_faults_that_leave_no_answer(opener: Opener, kind: str) -> None:
    with opener(Rig(), Fault(instrument="smu", at=2, kind=kind)) as way:
        smu = way.open(timeout=300)
        assert smu.query("*IDN?") == IDN
        with pytest.raises((VisaIOError, OSError)):
            smu.query("print(2)")
        if kind == "close":
            with pytest.raises((VisaIOError, OSError)):
                write_often(smu)
            assert way.open().query("print(x)") == "nil"
        elif kind == "cut":
            smu.close()
            assert way.open().query("print(3)") == "3.00000e+00"


def test_an_error_strikes_at_the_same_line_through_both(opener: Opener) -> None:
    with opener(Rig(), Fault(instrument="smu", at=3, kind="error", code=802)) as way:
        smu = way.open()
        smu.write("x = 1\nprint(errorqueue.count)\nprint(errorqueue.count)")
        assert (smu.read(), smu.read()) == ("0.00000e+00", "1.00000e+00")


def test_with_a_pace_scripts_run_beside_the_host(opener: Opener) -> None:
    with opener(Rig(pace=20.0)) as way:
        smu = way.open()
        smu.write("print('begun') delay(10000) print('over')")
        assert smu.read() == "begun"
        smu.write("abort")
        assert smu.query("print('free')") == "free"


# -- only over TCP -------------------------------------------------------------------------------


def test_what_a_client_started_goes_on_without_it() -> None:
    with over_tcp(Rig(pace=20.0)) as way:
        first = way.open()
        first.write("print('begun') delay(2) result = 42")
        assert first.read() == "begun"
        first.close()
        second = way.open()
        assert second.query("print(result)") == "4.20000e+01"


def test_time_passes_between_messages() -> None:
    with over_tcp(Rig()) as way:
        smu = way.open()
        smu.write("smua.measure.rangei = 1e-3 smua.measure.nplc = 0.1 smua.measure.count = 20")
        smu.write("smua.measure.overlappedi(smua.nvbuffer1)")
        until = time.monotonic() + 5.0
        while smu.query("print(smua.nvbuffer1.n)") != "2.00000e+01":
            assert time.monotonic() < until


def test_many_clients_at_once() -> None:
    with over_tcp(Rig()) as way:
        wrong: list[str] = []

        def ask(who: int) -> None:
            host, number = "127.0.0.1", int(way.address.split("::")[2])
            with socket.create_connection((host, number), timeout=10) as client:
                lines = client.makefile("rb")
                for k in range(50):
                    client.sendall(f"print('{who} {k}')\n".encode())
                    answer = lines.readline().decode()
                    if answer != f"{who} {k}\n":
                        wrong.append(answer)
                lines.close()

        threads = [threading.Thread(target=ask, args=(who,)) for who in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {number} was asked for smu"):
            Server({"smu": port_of(Rig())}, number)


def test_ports_count_up_from_the_first() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with Server({"smu": port_of(Rig())}, free) as server:
        assert server.addresses == {"smu": f"TCPIP::127.0.0.1::{free}::SOCKET"}


def test_leaving_the_server_ends_its_threads() -> None:
    before = threading.active_count()
    with over_tcp(Rig(pace=10.0)) as way:
        smu = way.open()
        assert smu.query("*IDN?") == IDN
        smu.write("delay(10000)")
    until = time.monotonic() + 5.0
    while threading.active_count() > before:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_instrument_answers_after_its_server_has_gone() -> None:
    port = port_of(Rig())
    for _ in range(2):
        with Server({"smu": port}) as server:
            address = ("127.0.0.1", int(server.addresses["smu"].split("::")[2]))
            with socket.create_connection(address, timeout=5) as client:
                client.sendall(b"delay(1e-3) print('here')\n")
                with client.makefile("rb") as lines:
                    assert lines.readline() == b"here\n"


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture
def served(root: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``labctl serve sim-ftj`` as a process, and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from labctl.cli import main; main()", "serve", "sim-ftj"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.fullmatch(r"smu (TCPIP::127\.0\.0\.1::\d+::SOCKET)\n", line)
    assert match, line + (process.stderr.read() if process.stderr and process.poll() else "")
    yield process, match[1]
    process.kill()
    process.communicate()


def test_the_command_serves_a_bench_until_it_is_told_to_stop(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = served
    manager = pyvisa.ResourceManager("@py")
    smu = manager.open_resource(address, read_termination="\n", write_termination="\n")
    assert isinstance(smu, Resource)
    smu.timeout = 10_000
    assert smu.query("*IDN?").startswith("Keithley Instruments Inc., Model 2602B")
    smu.write("smua.source.levelv = 0.1 smua.source.output = 1")
    assert float(smu.query("print(smua.measure.i())")) > 1e-6
    manager.close()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (out, err) == ("", "")
    # Windows has no signals: there the process is ended, not asked
    assert process.returncode == 0 or sys.platform == "win32"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "no-such-bench"], "no-such-bench"),
        (["serve", "keithley2602b"], "real instruments"),
        (["serve", "sim-ftj", "--speed", "-1"], "speed"),
    ],
)
def test_a_bench_that_cannot_be_served_is_one_sentence(
    root: Path, arguments: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from labctl.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("labctl: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
