"""What goes wrong off the wire: interlock, heat, a short, and faults sent while running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa

from labctl.errors import BadInput
from sim_backend.faults import Fault, typed_fault
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from sim_backend.server import Server

ADDRESS = "TCPIP0::192.168.0.7::5025::SOCKET"
QUIET = {"instrument": False, "cycle": False, "device": False}
CHANNEL = {"keithley2600": "a", "keithley2400": "front", "keithley2450": "front"}


def opened(driver: str, model: str, *faults: dict[str, Any], channel: str = "") -> Any:
    """A resistor of 10 kOhm on one instrument."""
    section = {"driver": driver, "model": model, "address": ADDRESS}
    bench = {
        "name": "rig",
        "instruments": {"smu": section},
        "terminals": {"top": f"smu.{channel or CHANNEL[driver]}"},
        "simulation": {
            "device": {"family": "resistor", "preset": "10k"},
            "noise": QUIET,
            "faults": list(faults),
        },
    }
    return open_laboratory(bench, 1, None, 0.0)


class Bus:
    """The instrument by VISA."""

    def __init__(self, laboratory: VirtualLaboratory, end: str = "\n") -> None:
        manager = pyvisa.ResourceManager(laboratory.visa)
        self.session: Any = manager.open_resource(ADDRESS, read_termination=end)
        self.session.write_termination = end

    def send(self, *lines: str) -> None:
        for line in lines:
            self.session.write(line)

    def ask(self, line: str) -> str:
        return str(self.session.query(line))


def strike(kind: str, at: int = 1, **more: Any) -> dict[str, Any]:
    return {"instrument": "smu", "at": at, "kind": kind, **more}


# -- 2600B -----------------------------------------------------------------------------------------

READY_2600 = (
    "smua.source.rangev = 200", "smua.source.levelv = 60", "smua.source.limiti = 1e-2",
    "smua.source.output = 1",
)  # fmt: skip


def test_an_open_interlock_switches_a_2612b_off_and_keeps_it_off() -> None:
    bus = Bus(opened("keithley2600", "2612B", strike("interlock", at=5)))
    bus.send(*READY_2600)
    assert bus.ask("print(smua.source.output)") == "0.00000e+00"
    assert bus.ask("print(errorqueue.next())").split("\t")[:2] == [
        "8.02000e+02", "OUTPUT blocked by interlock",
    ]  # fmt: skip
    bus.send("smua.source.output = 1")
    assert bus.ask("print(smua.source.output, errorqueue.count)") == "0.00000e+00\t1.00000e+00"
    bus.send("smua.source.levelv = 1", "smua.source.rangev = 2", "smua.source.output = 1")
    assert bus.ask("print(smua.source.output)") == "1.00000e+00"  # 2 V need no interlock


def test_a_hot_2602b_switches_off_and_says_so_in_queue_and_status() -> None:
    bus = Bus(opened("keithley2600", "2602B", strike("over-temperature", at=3)))
    bus.send("smua.source.levelv = 1", "smua.source.output = 1")
    assert bus.ask("print(smua.source.output)") == "0.00000e+00"
    assert bus.ask("print(errorqueue.next())").startswith("5.04600e+03\tSMU too hot")
    bit = "bit.bitand(status.questionable.over_temperature.condition, 2)"
    assert float(bus.ask(f"print({bit})")) == 2.0
    bus.send("smua.source.output = 1")
    assert bus.ask("print(smua.source.output, errorqueue.count)") == "0.00000e+00\t1.00000e+00"


def test_cooled_down_it_may_be_switched_on_again() -> None:
    laboratory = opened("keithley2600", "2602B", strike("over-temperature"))
    bus = Bus(laboratory)
    bus.send("smua.source.output = 1")
    laboratory.instruments["smu"].overheat(False)
    bus.send("errorqueue.clear() smua.source.output = 1")
    assert bus.ask("print(smua.source.output, errorqueue.count)") == "1.00000e+00\t0.00000e+00"


def test_a_40_v_model_has_no_interlock_to_open() -> None:
    with pytest.raises(BadInput, match=r"cannot have it; .* it may have over-temperature"):
        opened("keithley2600", "2602B", strike("interlock"))


# -- 2400 and 2450 ---------------------------------------------------------------------------------

READY_2400 = (":SOUR:VOLT 1", ":SENS:CURR:PROT 1e-2", ":OUTP:ENAB ON", ":OUTP ON")


@pytest.mark.parametrize(("kind", "code"), [("interlock", "802"), ("over-temperature", "810")])
def test_a_2410_switches_off(kind: str, code: str) -> None:
    bus = Bus(opened("keithley2400", "2410", strike(kind, at=5)))
    bus.send(*READY_2400)
    assert bus.ask(":OUTP?") == "0"
    bus.send("*CLS", ":OUTP ON")
    assert bus.ask(":SYST:ERR?").startswith(f"{code},")
    assert bus.ask(":OUTP?") == "0"


@pytest.mark.parametrize(("kind", "code"), [("interlock", "5074"), ("over-temperature", "2771")])
def test_a_2450_switches_off(kind: str, code: str) -> None:
    bus = Bus(opened("keithley2450", "2450", strike(kind, at=5)))
    bus.send("*RST", ":SOUR:VOLT:RANG 200", ":SOUR:VOLT 60", ":OUTP ON")
    assert bus.ask(":OUTP?") == "0"
    assert bus.ask(":SYST:ERR?").startswith(f"{code},")


# -- 4200A -----------------------------------------------------------------------------------------


def test_without_interlock_an_smu_of_the_4200_stays_within_40_v() -> None:
    laboratory = opened("keithley4200", "4200A-SCS", strike("interlock", at=3), channel="smu1")
    bus = Bus(laboratory, end="\0")
    assert bus.ask("US") == "ACK"
    assert bus.ask("DV1,2,60,1E-2") == "ACK"
    assert bus.ask("TI1")  # the interlock opens before this reading
    assert "interlock" in bus.ask(":ERROR:LAST:GET")
    assert not laboratory.instruments["smu"].smus[1].on
    assert bus.ask("DV1,2,30,1E-2") == "ACK"
    assert laboratory.instruments["smu"].smus[1].on


# -- the sample ------------------------------------------------------------------------------------


def test_a_short_drives_the_source_into_compliance() -> None:
    laboratory = opened("keithley2600", "2602B", strike("short", at=6))
    bus = Bus(laboratory)
    bus.send("smua.source.limiti = 1e-2", "smua.source.levelv = 1", "smua.source.output = 1")
    assert float(bus.ask("print(smua.measure.i())")) == pytest.approx(1e-4, rel=1e-3)
    assert bus.ask("print(smua.source.compliance)") == "false"
    assert float(bus.ask("print(smua.measure.i())")) == pytest.approx(1e-2, rel=1e-3)
    assert bus.ask("print(smua.source.compliance)") == "true"
    # the device behind it is the one it was
    assert laboratory.device.conductance == pytest.approx(0.1 + 1e-4)


# -- the wire --------------------------------------------------------------------------------------


def test_a_reset_connection_in_the_process() -> None:
    laboratory = opened("keithley2600", "2602B", strike("reset", at=2))
    bus = Bus(laboratory)
    assert bus.ask("*IDN?").startswith("Keithley")
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            bus.ask("print(1)")
    assert Bus(laboratory).ask("print(x)") == "nil"  # another connection is not concerned


def test_a_reset_connection_on_a_socket() -> None:
    laboratory = opened("keithley2600", "2602B", strike("reset", at=2))
    with Server({"smu": laboratory.visa.port(ADDRESS)}) as server:
        manager = pyvisa.ResourceManager("@py")
        smu: Any = manager.open_resource(
            server.addresses["smu"], read_termination="\n", write_termination="\n", timeout=2000
        )
        assert smu.query("*IDN?").startswith("Keithley")
        with pytest.raises(ConnectionResetError):  # not a timeout, as after a farewell
            smu.query("print(1)")
        manager.close()


def test_no_reply_overtakes_a_slow_one() -> None:
    laboratory = opened("keithley2600", "2602B", strike("slow", delay=0.5))
    bus, before = Bus(laboratory), laboratory.clock.now()
    bus.send("print('one') print('two')", "print('three')")
    assert [bus.session.read() for _ in range(3)] == ["one", "two", "three"]
    assert 0.5 <= laboratory.clock.now() - before < 0.6


def test_several_faults_strike_at_one_line() -> None:
    laboratory = opened(
        "keithley2600", "2602B", strike("error", at=2, code=802), strike("short", at=2)
    )
    bus = Bus(laboratory)
    bus.send("x = 1")
    assert bus.ask("print(errorqueue.count)") == "1.00000e+00"
    assert laboratory.device.conductance > 0.05


# -- sent while running ----------------------------------------------------------------------------


def test_a_fault_is_sent_while_the_laboratory_runs() -> None:
    laboratory = opened("keithley2600", "2602B")
    bus = Bus(laboratory)
    bus.send("x = 1", "smua.source.output = 1")
    for at, kind in ((2, "over-temperature"), (3, "error")):
        laboratory.strike(Fault(instrument="smu", at=at, kind=kind, code=-310))
    assert bus.ask("print(smua.source.output)") == "1.00000e+00"  # the first line from then
    assert bus.ask("print(smua.source.output)") == "0.00000e+00"
    assert bus.ask("print(errorqueue.count)") == "2.00000e+00"


def test_a_fault_of_something_that_is_not_there_is_refused() -> None:
    laboratory = opened("keithley2600", "2602B")
    with pytest.raises(BadInput, match='"chuck" was asked for; rig has smu'):
        laboratory.strike(Fault(instrument="chuck", at=1, kind="mute"))
    with pytest.raises(BadInput, match="no prober is on this bench"):
        laboratory.strike(Fault(instrument="smu", at=1, kind="stuck"))


@pytest.mark.parametrize(
    ("line", "at", "kind", "delay"),
    [("smu mute", 1, "mute", 1.0), ('smu slow delay="20 ms" at=4', 4, "slow", 0.02)],
)
def test_a_fault_is_typed(line: str, at: int, kind: str, delay: float) -> None:
    fault = typed_fault(line, ["smu"], "here")
    assert (fault.at, fault.kind, fault.delay) == (at, kind, delay)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("smu", "a fault is INSTRUMENT KIND"),
        ("smu mute now", "a fault is INSTRUMENT KIND"),
        ('smu "mute', "a fault is INSTRUMENT KIND"),
        ("smu melt", "kind"),
        ("tea mute", '"tea", which is not on this bench; there are smu'),
        ("smu mute colour=red", "colour"),
    ],
)
def test_what_is_typed_wrong_gets_one_sentence(line: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        typed_fault(line, ["smu"], "here")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture
def served(root: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``labctl serve sim-ftj --faults`` as a process, and the address it prints."""
    main = "from labctl.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", main, "serve", "sim-ftj", "--faults"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, bufsize=1, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout is not None
    yield process, process.stdout.readline().split()[1]
    process.kill()
    process.communicate()


def test_the_command_takes_faults_while_it_serves(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = served
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write("smu melt\nsmu error code=802 at=2\n")
    assert "kind" in process.stderr.readline()
    assert process.stdout.readline() == "planned: smu error code=802 at=2\n"
    manager = pyvisa.ResourceManager("@py")
    smu: Any = manager.open_resource(
        address, read_termination="\n", write_termination="\n", timeout=10_000
    )
    counts = [smu.query("print(errorqueue.count)") for _ in range(2)]
    assert counts == ["0.00000e+00", "1.00000e+00"]
    manager.close()
