"""The in-process PyVISA library: sessions, timeouts, faults, pace, and pymeasure on top."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2600
from pyvisa import constants
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from labctl.errors import BadInput
from sim_backend.faults import Fault, read_faults, with_faults
from sim_backend.visa import VirtualLibrary, library
from tests.sim_backend.rig import Rig

GPIB = "GPIB0::26::INSTR"
SOCKET = "TCPIP0::192.168.0.26::5025::SOCKET"
IDN = "Keithley Instruments Inc., Model 2602B, 4512345, 3.4.1"

pymeasure_warnings = pytest.mark.filterwarnings("ignore::FutureWarning")


class Bench:
    """Two instruments behind a library."""

    def __init__(self, pace: float = 0.0, *faults: Fault) -> None:
        self.rig = Rig(pace=pace)
        self.other = Rig()
        self.other.clock = self.rig.clock
        self.done = 0
        self.library = library(
            {
                GPIB: with_faults(self.rig.smu, faults, self.rig.clock),
                SOCKET: self.rig.smu if not pace else Rig(pace=pace).smu,
            },
            self.rig.clock,
            latency=1e-3,
            done=self._count,
        )
        self.manager = pyvisa.ResourceManager(self.library)

    def _count(self) -> None:
        self.done += 1

    def open(
        self, address: str = GPIB, **settings: object
    ) -> pyvisa.resources.MessageBasedResource:
        resource = self.manager.open_resource(address, **settings)
        assert isinstance(resource, pyvisa.resources.MessageBasedResource)
        return resource

    def close(self) -> None:
        self.manager.close()
        self.library.shut_down()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def status_of(raised: pytest.ExceptionInfo[VisaIOError]) -> int:
    return raised.value.error_code


def test_addresses_are_those_of_the_bench(bench: Bench) -> None:
    assert bench.manager.list_resources("?*") == (GPIB, SOCKET)
    assert bench.manager.list_resources() == (GPIB,)
    assert str(bench.library).endswith("labctl-virtual")
    with pytest.raises(VisaIOError) as raised:
        bench.open("GPIB0::7::INSTR")
    assert status_of(raised) == StatusCode.error_resource_not_found


def test_question_and_answer(bench: Bench) -> None:
    smu = bench.open()
    assert smu.query("*IDN?") == IDN + "\n"
    smu.read_termination = "\n"
    assert smu.query("*IDN?") == IDN
    smu.write("print(1) print(2)")
    assert (smu.read(), smu.read()) == ("1.00000e+00", "2.00000e+00")
    assert smu.resource_name == GPIB
    assert smu.interface_type == constants.InterfaceType.gpib


def test_a_message_costs_its_latency(bench: Bench) -> None:
    smu = bench.open()
    before = bench.rig.clock.now_s
    smu.write("x = 1")
    smu.query("print(x)")
    assert bench.rig.clock.now_s - before == pytest.approx(2e-3)
    assert bench.done >= 2  # after each line, and before an answer is handed on


def test_a_missing_answer_is_a_timeout_in_laboratory_time(bench: Bench) -> None:
    smu = bench.open(timeout=5000)
    before, wall = bench.rig.clock.now_s, time.monotonic()
    with pytest.raises(VisaIOError) as raised:
        smu.read()
    assert status_of(raised) == StatusCode.error_timeout
    assert bench.rig.clock.now_s - before == pytest.approx(5.0)
    assert time.monotonic() - wall < 5.0


def test_waiting_for_an_answer_lets_things_happen(bench: Bench) -> None:
    smu = bench.open(timeout=5000)
    smu.write("smua.measure.count = 50 smua.measure.overlappedi(smua.nvbuffer1)")
    smu.write("trigger.timer[1].delay = 3 trigger.timer[1].stimulus = trigger.EVENT_ID")
    smu.write("smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID waitcomplete()")
    smu.write("smua.trigger.initiate()")
    smu.write("*TRG")
    assert smu.query("waitcomplete() print(smua.nvbuffer1.n)") == "5.00000e+01\n"


def test_what_can_never_happen_is_a_timeout_and_abort_frees_it(bench: Bench) -> None:
    smu = bench.open(timeout=100)
    smu.write("smua.trigger.source.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    smu.write("waitcomplete() print('over')")
    with pytest.raises(VisaIOError):
        smu.read()
    with pytest.raises(VisaIOError):
        smu.query("*IDN?")
    smu.clear()
    assert smu.query("*IDN?") == IDN + "\n"
    smu.write("smua.trigger.initiate() waitcomplete() print('over')")
    smu.write("abort")
    assert smu.query("*IDN?") == IDN + "\n"
    smu.write("smua.trigger.initiate() waitcomplete() print('over')")
    smu.assert_trigger()
    assert smu.read() == "over\n"


def test_reading_in_pieces(bench: Bench) -> None:
    smu = bench.open()
    smu.write("print('abcdef')")
    assert smu.read_bytes(2) == b"ab"
    assert smu.read_bytes(3, break_on_termchar=True) == b"cde"
    assert smu.read_raw() == b"f\n"
    smu.write("print('a;b')")
    smu.read_termination = ";"
    assert smu.read() == "a"
    smu.read_termination = "\n"
    assert smu.read() == "b"
    smu.write("print(1) print(2)")
    smu.flush(constants.BufferOperation.discard_read_buffer)
    assert smu.query("print(3)") == "3.00000e+00"


def test_binary_values(bench: Bench) -> None:
    smu = bench.open()
    smu.write("smua.nvbuffer1.collectsourcevalues = 1 smua.nvbuffer1.appendmode = 1")
    smu.write("for i = 1, 10 do smua.source.levelv = i smua.measure.i(smua.nvbuffer1) end")
    smu.write("format.data = format.REAL64")
    values = smu.query_binary_values(
        "printbuffer(1, 10, smua.nvbuffer1.sourcevalues)", datatype="d", data_points=10
    )
    assert values == [float(k) for k in range(1, 11)]


def test_a_long_answer_arrives_whole(bench: Bench) -> None:
    smu = bench.open()
    (text,) = {smu.query("print(string.rep('x', 100000))")}
    assert text == "x" * 100_000 + "\n"


def test_a_message_may_hold_several_lines(bench: Bench) -> None:
    smu = bench.open()
    smu.write("loadandrunscript\nprint(1)\nendscript")
    assert smu.read() == "1.00000e+00\n"


def test_serial_poll_and_attributes(bench: Bench) -> None:
    smu = bench.open()
    assert smu.read_stb() == 0
    smu.write("print(1)")
    assert smu.read_stb() == 16
    smu.read()
    smu.write("smua.colour = 1")
    assert smu.read_stb() == 4
    smu.timeout = None
    assert smu.timeout == float("inf")
    with pytest.raises(VisaIOError):
        smu.get_visa_attribute(constants.ResourceAttribute.asrl_baud_rate)


def test_a_raw_socket_is_a_stream_that_needs_a_terminator(bench: Bench) -> None:
    smu = bench.open(SOCKET, timeout=50)
    smu.write_termination = "\n"
    smu.write("print(1)")
    with pytest.raises(VisaIOError) as raised:
        smu.read()
    assert status_of(raised) == StatusCode.error_timeout
    smu.read_termination = "\n"
    assert smu.query("print(2)") == "2.00000e+00"
    smu.write_raw(b"print(")
    smu.write_raw(b"3)\n")
    assert smu.read() == "3.00000e+00"
    with pytest.raises(VisaIOError) as raised:
        smu.clear()
    assert status_of(raised) == StatusCode.error_nonsupported_operation


def test_answers_go_to_who_asked(bench: Bench) -> None:
    first, second = bench.open(), bench.open()
    first.write("print('first')")
    second.write("print('second')")
    assert (first.read(), second.read()) == ("first\n", "second\n")


def test_closing_one_session_leaves_the_others(bench: Bench) -> None:
    first, second = bench.open(), bench.open()
    first.close()
    assert second.query("*IDN?") == IDN + "\n"
    with pytest.raises(pyvisa.errors.InvalidSession):
        first.query("*IDN?")


# -- pymeasure -----------------------------------------------------------------------------------


@pymeasure_warnings
def test_pymeasure_s_driver_measures(bench: Bench) -> None:
    smu = Keithley2600(VISAAdapter(GPIB, visa_library=bench.library))
    assert smu.id == IDN
    smu.ChA.apply_voltage(voltage_range=1, compliance_current=1e-3)
    smu.ChA.source_voltage = 0.5
    smu.ChA.source_output = "ON"
    assert smu.ChA.current == pytest.approx(5e-5)
    assert smu.ChA.voltage == pytest.approx(0.5)
    assert smu.ChA.resistance == pytest.approx(1e4)
    assert smu.ChA.compliance_current == 1e-3
    assert smu.next_error == (0, "Queue Is Empty")
    smu.ChA.write("source.levelv=99")
    assert smu.next_error == (1101, "Parameter too big")
    smu.ChB.source_current = 1e-3
    assert smu.ChB.source_current == 1e-3
    smu.ChA.source_output = "OFF"
    assert bench.rig.smu.channel_state("a")["output"] is False


@pymeasure_warnings
def test_closing_one_pymeasure_adapter_leaves_the_others(bench: Bench) -> None:
    first = Keithley2600(VISAAdapter(GPIB, visa_library=bench.library))
    second = Keithley2600(VISAAdapter(GPIB, visa_library=bench.library))
    by_hand = bench.open()
    first.adapter.close()
    assert second.id == IDN
    assert by_hand.query("*IDN?") == IDN + "\n"


# -- faults --------------------------------------------------------------------------------------


def faulty(**fault: object) -> Bench:
    return Bench(0.0, Fault(instrument="smu", at=3, **fault))  # type: ignore[arg-type]


def begun(bench: Bench) -> pyvisa.resources.MessageBasedResource:
    """Open a session and use up the two lines before the fault."""
    smu = bench.open(timeout=500, read_termination="\n")
    smu.write("x = 1")
    assert smu.query("print(x)") == "1.00000e+00"
    return smu


def test_mute_for_ever() -> None:
    bench = faulty(kind="mute")
    smu = begun(bench)
    for _ in range(2):
        with pytest.raises(VisaIOError) as raised:
            smu.query("print(2)")
        assert status_of(raised) == StatusCode.error_timeout
    smu.write("smua.source.levelv = 0.3")
    assert bench.rig.smu.channel_state("a")["level"] == 0.3  # it hears, it does not answer
    bench.close()


def test_a_dropped_connection() -> None:
    bench = faulty(kind="close")
    smu = begun(bench)
    for attempt in (lambda: smu.write("x = 2"), smu.read, smu.read_stb, smu.clear):
        with pytest.raises(VisaIOError) as raised:
            attempt()
        assert status_of(raised) == StatusCode.error_connection_lost
    again = bench.open(read_termination="\n")
    assert again.query("print(x)") == "1.00000e+00"  # the line was lost, the instrument was not
    bench.close()


def test_a_cut_reply_is_a_timeout() -> None:
    bench = faulty(kind="cut")
    smu = begun(bench)
    with pytest.raises(VisaIOError) as raised:
        smu.query("print(2)")
    assert status_of(raised) == StatusCode.error_timeout
    assert smu.query("print(3)") == "3.00000e+00"
    bench.close()


def test_garbage() -> None:
    bench = faulty(kind="garbage")
    smu = begun(bench)
    smu.write("print(2)")
    answer = smu.read_raw()
    assert answer != b"2.00000e+00\n"
    with pytest.raises(ValueError, match="could not convert"):
        float(answer.decode("latin-1"))
    assert smu.query("print(3)") == "3.00000e+00"
    bench.close()


def test_a_slow_reply() -> None:
    bench = faulty(kind="slow", delay=0.8)
    smu = begun(bench)
    with pytest.raises(VisaIOError):
        smu.query("print(2)")
    assert smu.read() == "2.00000e+00"
    assert smu.query("print(3)") == "3.00000e+00"
    bench.close()


def test_an_injected_error() -> None:
    bench = faulty(kind="error", code=5046)
    smu = begun(bench)
    smu.write("x = 2")
    assert smu.query("print(errorqueue.next())").split("\t")[:2] == ["5.04600e+03", "SMU too hot"]
    bench.close()


def test_faults_are_read_from_a_bench_file() -> None:
    rows = [
        {"instrument": "smu", "at": 3, "kind": "slow", "delay": "20 ms"},
        {"instrument": "smu", "at": 9, "kind": "error", "code": -221, "message": "made up"},
    ]
    slow, error = read_faults(rows, ["smu"], "bench.toml: simulation.faults")
    assert (slow.delay, error.code, error.message) == (0.02, -221, "made up")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"instrument": "smu", "at": 0, "kind": "mute"}, "at"),
        ({"instrument": "smu", "at": 1, "kind": "explode"}, "kind"),
        ({"instrument": "smu", "at": 1, "kind": "mute", "colour": 1}, "colour"),
        ({"instrument": "smu", "at": 1, "kind": "slow", "delay": "20 V"}, "delay"),
        ({"instrument": "dmm", "at": 1, "kind": "mute"}, 'instrument "dmm"'),
    ],
)
def test_a_wrong_fault_gets_one_sentence(row: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_faults([row], ["smu"], "bench.toml")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


# -- pace ----------------------------------------------------------------------------------------


@pytest.fixture
def paced() -> Iterator[Bench]:
    made = Bench(20.0)
    yield made
    made.close()


def test_with_a_pace_a_script_does_not_hold_up_the_host(paced: Bench) -> None:
    smu = paced.open(timeout=5000, read_termination="\n")
    smu.write("print('begun') delay(30) print('over')")
    assert smu.read() == "begun"
    assert paced.rig.clock.now_s < 30.0
    assert smu.read() == "over"
    assert paced.rig.clock.now_s >= 30.0


def test_with_a_pace_abort_acts_at_once(paced: Bench) -> None:
    smu = paced.open(timeout=5000, read_termination="\n")
    smu.write("smua.source.output = 1 print('begun') delay(10000) print('over')")
    assert smu.read() == "begun"
    smu.write("abort")
    assert smu.query("print('free')") == "free"
    smu.write("print('begun') while true do delay(1e-3) end")
    assert smu.read() == "begun"
    smu.clear()
    assert smu.query("print('free')") == "free"
    assert paced.rig.smu.channel_state("a")["output"] is True


def test_with_a_pace_sweeps_go_on_by_themselves(paced: Bench) -> None:
    smu = paced.open(timeout=5000, read_termination="\n")
    smu.write("smua.measure.rangei = 1e-3 smua.measure.count = 20")
    smu.write("smua.measure.overlappedi(smua.nvbuffer1)")
    until = time.monotonic() + 5.0
    while smu.query("print(smua.nvbuffer1.n)") != "2.00000e+01":
        assert time.monotonic() < until


def test_with_a_pace_instruments_share_the_laboratory(paced: Bench) -> None:
    first, second = paced.open(timeout=5000), paced.open(SOCKET, timeout=5000)
    second.read_termination = second.write_termination = "\n"
    first.write("delay(20) print('slow')")
    assert second.query("print('quick')") == "quick"
    assert paced.rig.clock.now_s < 20.0


def broken() -> bool:
    raise OSError("the disk is full")


@pytest.mark.parametrize("pace", [0.0, 20.0])
def test_what_breaks_in_the_laboratory_reaches_the_host(
    pace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(pace)
    smu = bench.open(timeout=2000)
    with monkeypatch.context() as patch:
        patch.setattr(bench.rig.a, "begin", broken)
        with pytest.raises(OSError, match="the disk is full"):
            smu.query("print(smua.measure.i())")
    smu.write("abort")
    assert smu.query("print(1)") == "1.00000e+00\n"
    bench.close()


def test_with_a_pace_a_missing_answer_is_a_timeout(paced: Bench) -> None:
    smu = paced.open(timeout=20)
    with pytest.raises(VisaIOError) as raised:
        smu.read()
    assert status_of(raised) == StatusCode.error_timeout


def test_an_abort_from_another_thread_ends_a_script_that_jumps(bench: Bench) -> None:
    smu, other = bench.open(), bench.open()

    def abort_when_running() -> None:
        while bench.rig.clock.now_s < 1.0:
            time.sleep(1e-3)
        other.write("abort")

    aborter = threading.Thread(target=abort_when_running)
    aborter.start()
    smu.write("while true do delay(1e-3) end")
    aborter.join()
    assert smu.query("print(1)") == "1.00000e+00\n"


def test_the_library_can_be_made_without_options() -> None:
    rig = Rig()
    made = library({GPIB: rig.smu}, rig.clock)
    assert isinstance(made, VirtualLibrary)
    manager = pyvisa.ResourceManager(made)
    assert manager.list_resources() == (GPIB,)
    manager.close()
