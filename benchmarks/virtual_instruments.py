"""Readings, loops and pulse trains a second on the virtual instruments, against pyvisa-sim.

``python benchmarks/virtual_instruments.py [--quick] [--json]``; pyvisa-sim takes part where it is
installed. Where nobody else can do the same, the figure stands beside the rate that is aimed at.
Rates are by the processor's time, so that what else the machine does is left out; over TCP, where
two threads take turns, by the clock on the wall.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyvisa
from comparison import Case, Comparison, Party, arguments

from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from sim_backend.server import Server

PACKAGES = ("labctl", "pyvisa", "pyvisa-sim", "pymeasure", "numpy", "lupa")
ADDRESS = "GPIB0::24::INSTR"

#: what a fast series of current readings begins with, as the manual of the 2400 recommends
FAST = (
    "*RST", ":SOUR:VOLT 0.1", ":SENS:FUNC 'CURR'", ":SENS:CURR:RANG 1e-3", ":SENS:CURR:NPLC 0.01",
    ":SYST:AZER OFF", ":SOUR:DEL 0", ":FORM:ELEM CURR", ":OUTP ON",
)  # fmt: skip
SIMULATED = """
spec: "1.1"
devices:
  smu:
    eom:
      GPIB INSTR:
        q: "\\n"
        r: "\\n"
    error: ERROR
    dialogues:
      - {q: ":READ?", r: "+1.000000E-05"}
      - {q: "*IDN?", r: "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C32"}
resources:
  GPIB0::24::INSTR:
    device: smu
"""
LOOP = (
    "local smu, total = smua, 0 for k = 1, COUNT do "
    "smu.source.levelv = k % 2 == 0 and 0.1 or 0.2 total = total + smu.measure.i() end print(total)"
)
TRAIN = (
    "smua.reset() smua.source.rangev = 6 smua.source.limiti = 1e-2 smua.source.output = 1",
    "smua.trigger.source.listv({0.5}) smua.trigger.source.action = smua.ENABLE",
    "smua.trigger.measure.action = smua.DISABLE",
    "smua.trigger.endpulse.action = smua.SOURCE_IDLE",
    "trigger.timer[1].delay = 1e-3 trigger.timer[1].passthrough = true",
    "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID",
    "trigger.timer[2].delay = 1e-4 trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID",
    "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
    "smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID",
)


#: the same for a 2450, in its own SCPI and in TSP
FAST_2450 = (
    "*RST", ":SOUR:VOLT 0.1", ":SENS:FUNC 'CURR'", ":SENS:CURR:RANG 1e-3", ":SENS:CURR:NPLC 0.01",
    ":SENS:CURR:AZER OFF", ":SOUR:VOLT:DEL 0", ":SOUR:VOLT:READ:BACK OFF", ":OUTP ON",
)  # fmt: skip
FAST_2450_TSP = (
    "reset() smu.source.level = 0.1 smu.source.delay = 0 smu.source.readback = smu.OFF",
    "smu.measure.func = smu.FUNC_DC_CURRENT smu.measure.range = 1e-3 smu.measure.nplc = 0.01",
    "smu.measure.autozero.enable = smu.OFF smu.source.output = smu.ON",
)
FAST_2602B = (
    "smua.reset() smua.measure.nplc = 0.01 smua.measure.autozero = 0",
    "smua.source.rangev = 1 smua.source.limiti = 1e-3 smua.measure.rangei = 1e-3",
    "smua.source.output = smua.OUTPUT_ON",
)
KXCI = ("US", "DV1, 1, 0.1, 1e-3")
#: a pulse of 1 us at 1 V, every 2.04 us, as a sequence of the 4225-PMU
PMU = (
    ":PMU:INIT 1", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:MEASURE:RANGE 1, 2, 1e-3",
    ":PMU:SARB:SEQ:TIME 1, 1, 20e-9, 1e-6, 20e-9, 1e-6",
    ":PMU:SARB:SEQ:STARTV 1, 1, 0, 1, 1, 0", ":PMU:SARB:SEQ:STOPV 1, 1, 1, 1, 0, 0",
)  # fmt: skip


def bench(driver: str, model: str, channel: str, device: dict[str, Any]) -> dict[str, Any]:
    """Return a bench with one instrument over one device, with noise."""
    return {
        "name": "benchmark",
        "instruments": {"smu": {"driver": driver, "model": model, "address": ADDRESS}},
        "terminals": {"top": f"smu.{channel}"},
        "simulation": {"laboratory": "virtual", "device": device},
    }


RESISTOR = {"family": "resistor", "preset": "10k"}
JUNCTION = {"family": "ftj"}


@contextmanager
def opened(driver: str, model: str, channel: str, device: dict[str, Any]) -> Iterator[Any]:
    """Open a virtual instrument through PyVISA; yields its laboratory and its resource."""
    laboratory = open_laboratory(bench(driver, model, channel, device), 1, None, 0.0)
    try:
        yield laboratory, resource(pyvisa.ResourceManager(laboratory.visa))
    finally:
        laboratory.close()


def resource(manager: pyvisa.ResourceManager) -> Any:
    """Open the instrument of a resource manager, with line feeds at the ends of lines."""
    found = manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n")
    found.timeout = None  # type: ignore[assignment]
    return found


def asking(
    ask: Callable[[str], str],
    line: str,
    count: int,
    timer: Callable[[], float] = time.process_time,
) -> Party:
    """Return a party that asks the same again and again; queries a second."""

    def party() -> float:
        begin = timer()
        for _ in range(count):
            ask(line)
        return count / (timer() - begin)

    return party


def stated(rate: float) -> dict[str, Party]:
    """Return the rate that is aimed at, as if it were a peer."""
    return {"stated rate": lambda: rate}


def pyvisa_sim(folder: Path, line: str, count: int) -> tuple[dict[str, Party], dict[str, str]]:
    """Return pyvisa-sim's party for a query, or why it cannot take part."""
    file = folder / "2400.yaml"
    file.write_text(SIMULATED)
    try:
        manager = pyvisa.ResourceManager(f"{file}@sim")
    except (ImportError, ValueError, OSError) as error:
        return {}, {"pyvisa-sim": f"not installed: {error}"}
    return {"pyvisa-sim": asking(resource(manager).query, line, count)}, {}


@contextmanager
def over_tcp(laboratory: VirtualLaboratory) -> Iterator[Callable[[str], str]]:
    """Serve a laboratory as `labctl serve` does; yields what asks over one socket."""
    with Server(laboratory.visa.ports) as server:
        (address,) = server.addresses.values()
        place = ("127.0.0.1", int(address.split("::")[2]))
        with socket.create_connection(place) as wire, wire.makefile("rwb") as stream:

            def ask(line: str) -> str:
                stream.write(line.encode() + b"\n")
                stream.flush()
                return stream.readline().decode()

            yield ask


def compare_queries(comparison: Comparison, folder: Path, scale: int) -> None:
    """Measure single readings: what is asked of pyvisa-sim is answered from a table."""
    count = 20_000 // scale
    peers, absent = pyvisa_sim(folder, ":READ?", count // 4)
    with opened("keithley2400", "2400", "front", RESISTOR) as (_, smu):
        for line in FAST:
            smu.write(line)
        case = Case(":READ? in-process, 2400 over a resistor", "a second", {"stated rate": 1.0})
        ours = asking(smu.query, ":READ?", count)
        comparison.measure(case, ours, {**peers, **stated(60e3)}, absent)
        case = Case("*IDN? in-process: what PyVISA itself leaves", "a second", {})
        peers, absent = pyvisa_sim(folder, "*IDN?", count // 4)
        comparison.measure(case, asking(smu.query, "*IDN?", count), peers, absent)
    with opened("keithley2400", "2400", "front", JUNCTION) as (_, smu):
        for line in FAST:
            smu.write(line)
        case = Case(":READ? in-process, 2400 over a tunnel junction", "a second", {})
        comparison.measure(case, asking(smu.query, ":READ?", count // 5), {}, {})
    with opened("keithley2400", "2400", "front", RESISTOR) as (laboratory, smu):
        for line in FAST:
            smu.write(line)
        case = Case(":READ? over TCP, 2400 over a resistor", "a second", {})
        with over_tcp(laboratory) as ask:
            comparison.measure(case, asking(ask, ":READ?", count // 5, time.perf_counter), {}, {})


def compare_scripts(comparison: Comparison, scale: int) -> None:
    """Measure what runs inside the virtual 2602B."""
    count = 200_000 // scale
    with opened("keithley2600", "2602B", "a", RESISTOR) as (_, smu):
        for line in FAST_2602B:
            smu.write(line)

        def loop() -> float:
            begin = time.process_time()
            smu.write(LOOP.replace("COUNT", str(count)))
            float(smu.read())
            return count / (time.process_time() - begin)

        case = Case("set and measure in a Lua loop, 2602B", "a second", {"stated rate": 1.0})
        comparison.measure(case, loop, stated(300e3), {})
    for name, device in (("a resistor", RESISTOR), ("a tunnel junction", JUNCTION)):
        compare_lists(comparison, name, device, 1_000_000 // scale)
        compare_sequences(comparison, name, device, 1_000_000 // scale)


def compare_lists(comparison: Comparison, name: str, device: dict[str, Any], pulses: int) -> None:
    """Measure a train of equal pulses run by the trigger model, buffers off."""
    with opened("keithley2600", "2602B", "a", device) as (laboratory, smu):
        for line in TRAIN:
            smu.write(line)

        def train() -> float:
            before = laboratory.device.tally.positive
            begin = time.process_time()
            smu.write(f"smua.trigger.count = {pulses} trigger.timer[1].count = {pulses - 1}")
            smu.write("smua.trigger.initiate() waitcomplete() print(errorqueue.count)")
            assert float(smu.read()) == 0
            elapsed = time.process_time() - begin
            given = laboratory.device.tally.positive - before
            assert given == pulses, f"{given:g} of {pulses} pulses reached the device"
            return pulses / elapsed

        case = Case(f"pulses of a train over {name}, 2602B", "a second", {"stated rate": 1.0})
        comparison.measure(case, train, stated(1e6 / 5.0), {})


def compare_sequences(
    comparison: Comparison, name: str, device: dict[str, Any], pulses: int
) -> None:
    """Measure a train of equal pulses run by the 4225-PMU, nothing measured."""
    with opened("keithley4200", "4200A-SCS", "pmu1", device) as (laboratory, smu):
        smu.write_termination = smu.read_termination = "\0"
        clock = laboratory.fixture.clock

        def train() -> float:
            before = laboratory.device.tally.positive
            begin = time.process_time()
            for line in (*PMU, f":PMU:SARB:WFM:SEQ:LIST 1, 1, {pulses}"):
                smu.query(line)
            smu.query(":PMU:OUTPUT:STATE 1, 1")
            smu.query(":PMU:EXECUTE")
            while smu.query(":PMU:TEST:STATUS?") != "0":
                clock.advance(0.1)
            elapsed = time.process_time() - begin
            given = laboratory.device.tally.positive - before
            assert given == pulses, f"{given:g} of {pulses} pulses reached the device"
            return pulses / elapsed

        case = Case(f"pulses of a train over {name}, 4225-PMU", "a second", {"stated rate": 1.0})
        comparison.measure(case, train, stated(1e6 / 5.0), {})


def compare_models(comparison: Comparison, scale: int) -> None:
    """Measure single readings of the other models, for comparison."""
    count = 10_000 // scale
    for driver, model, channel, prepared, line in (
        ("keithley2450", "2450", "front", FAST_2450, ":READ?"),
        (
            "keithley2450",
            "2450",
            "front",
            FAST_2450_TSP,
            "print(smu.measure.read())",
        ),
        ("keithley2600", "2602B", "a", FAST_2602B, "print(smua.measure.i())"),
        ("keithley2600", "2602B", "a", ("smua.source.output = 1",), "print(smua.measure.i())"),
        ("keithley4200", "4200A-SCS", "smu1", KXCI, "TI1"),
    ):
        with opened(driver, model, channel, RESISTOR) as (laboratory, smu):
            if prepared is FAST_2450_TSP:
                smu.write("*LANG TSP")
                laboratory.instruments["smu"].power_cycle()
            if model == "4200A-SCS":
                smu.write_termination = smu.read_termination = "\0"
            for each in prepared:
                smu.query(each) if model == "4200A-SCS" else smu.write(each)
            how = ", as it is after a reset" if len(prepared) == 1 else ""
            case = Case(f"{line} in-process, {model} over a resistor{how}", "a second", {})
            comparison.measure(case, asking(smu.query, line, count), {}, {})


def main() -> None:
    """Measure and print."""
    asked = arguments("Readings, loops and trains a second on the virtual instruments.")
    scale = 10 if asked.quick else 1
    comparison = Comparison("virtual-instruments", PACKAGES, rounds=1 if asked.quick else 5)
    with tempfile.TemporaryDirectory() as name:
        compare_queries(comparison, Path(name), scale)
    compare_models(comparison, scale)
    compare_scripts(comparison, scale)
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
