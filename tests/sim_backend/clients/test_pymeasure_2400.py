"""PyMeasure's Keithley2400, unmodified, on the virtual 2400 through the in-process VISA library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2400

from tests.sim_backend.rig2400 import ADDRESS, Rig2400

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Bench:
    def __init__(self) -> None:
        self.rig = Rig2400()
        self.manager = self.rig.manager()
        adapter = VISAAdapter(ADDRESS, visa_library=self.manager.visalib, read_termination="\n")
        self.smu = Keithley2400(adapter)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = Bench()
    yield made
    made.manager.close()


#: property -> values that are set, one after the other, and read back
PROPERTIES: dict[str, tuple[Any, ...]] = {
    "source_enabled": (True, False),
    "source_mode": ("current", "voltage"),
    "source_delay": (0.01, 0.0),
    "source_delay_auto_enabled": (False, True),
    "source_delay_auto": (False, True),
    "auto_zero_enabled": (False, True),
    "auto_zero": (False, True),
    "output_off_state": ("disconnected", "zero", "guard", "normal"),
    "auto_output_off_enabled": (True, False),
    "auto_output_off": (True, False),
    "filter_enabled": (True, False),
    "repeat_filter_enabled": (False, True),
    "filter_type": ("MOV", "REP"),
    "filter_state": ("ON", "OFF"),
    "filter_count": (3, 10),
    "compliance_current": (0.5, 0.1),
    "current_range_auto_enabled": (False, True),
    "current_nplc": (0.1, 1),
    "source_current": (1e-3, 0.0),
    "source_current_range_auto_enabled": (False, True),
    "compliance_voltage": (0.5, 21.0),
    "voltage_range_auto_enabled": (False, True),
    "voltage_nplc": (10, 1),
    "source_voltage": (0.5, -1.25),
    "source_voltage_range_auto_enabled": (False, True),
    "resistance_mode_auto_enabled": (False, True),
    "resistance_range_auto_enabled": (False, True),
    "resistance_nplc": (0.01, 1),
    "buffer_points": (2, 1024, 100),
    "trigger_count": (25, 1),
    "arm_count": (7, 1),
    "trigger_delay": (0.1, 0.0),
    "display_enabled": (False, True),
    "wires": (4, 2),
    "line_frequency": (60, 50),
    "line_frequency_auto_enabled": (False, True),
    "line_frequency_auto": (False, True),
    "front_terminals_enabled": (False, True),
    "arm_timer": (0.5, 0.1),
    "trigger_input_line": (3, 1),
    "arm_input_line": (4, 1),
    "trigger_output_line": (1, 2),
    "arm_output_line": (3, 2),
    "arm_source": ("immediate", "timer", "manual", "bus", "immediate"),
    "trigger_source": ("immediate",),
    "trigger_output_event": ("source", "none"),
    "arm_output_event": ("trigger_exit", "none"),
}
#: property -> value set, value read: a range is told by what it holds
RANGES = {
    "current_range": (0.5, 1.05),
    "voltage_range": (0.5, 2.1),
    "resistance_range": (0.5, 21.0),
    "source_current_range": (0.5, 1.05),
    "source_voltage_range": (0.5, 2.1),
}


def known(name: str) -> bool:
    return isinstance(getattr(Keithley2400, name, None), property)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_is_set_and_read_back(bench: Bench, name: str) -> None:
    if not known(name):
        pytest.skip(f"this version of PyMeasure calls {name} something else")
    for value in PROPERTIES[name]:
        try:
            setattr(bench.smu, name, value)
        except ValueError as refused:  # the driver's own word for it
            pytest.skip(str(refused))
        # the driver writes ON and reads 1
        assert getattr(bench.smu, name) == {"ON": 1, "OFF": 0}.get(value, value)
    assert bench.rig.codes() == []


@pytest.mark.parametrize("name", RANGES)
def test_ranges(bench: Bench, name: str) -> None:
    bench.smu.compliance_current = 1.0
    asked, told = RANGES[name]
    setattr(bench.smu, name, asked)
    assert getattr(bench.smu, name) == pytest.approx(told)
    assert bench.rig.codes() == []


def test_most_of_the_drivers_properties_are_in_the_lists() -> None:
    every = {name for name in vars(Keithley2400) if known(name)}
    covered = {name for name in (*PROPERTIES, *RANGES) if known(name)}
    read = {"current", "voltage", "resistance", "error", "means", "maximums", "minimums",
            "standard_devs", "mean_voltage", "mean_current", "mean_resistance", "max_voltage",
            "max_current", "max_resistance", "min_voltage", "min_current", "min_resistance",
            "std_voltage", "std_current", "std_resistance"}  # fmt: skip
    assert every - covered - read == set()


def test_identity_and_an_empty_queue(bench: Bench) -> None:
    assert bench.smu.id.startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2400,")
    assert bench.smu.next_error[0] == 0
    assert bench.smu.check_errors() == []


def test_voltage_is_sourced_and_current_measured(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_voltage(voltage_range=20, compliance_current=10e-3)
    smu.source_voltage = 5.0
    smu.measure_current(current=10e-3, auto_range=False)
    smu.enable_source()
    assert smu.current == pytest.approx(5e-4)
    smu.compliance_current = 1e-4
    assert smu.current == pytest.approx(1e-4)
    everything = smu.measure_all()
    assert everything["voltage"] == pytest.approx(1.0)
    assert everything["resistance"] == pytest.approx(1e4)
    assert everything["status"] & 8  # in compliance
    assert bench.rig.codes() == []


def test_current_is_sourced_and_voltage_measured(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_current(current_range=1e-3, compliance_voltage=10)
    smu.measure_voltage(voltage=10)
    smu.enable_source()
    smu.ramp_to_current(2e-4, steps=5, pause=0)
    assert smu.voltage == pytest.approx(2.0)
    smu.use_rear_terminals()
    assert smu.source_enabled is False
    assert bench.rig.codes() == []


def test_a_resistance_is_measured_by_auto_ohms(bench: Bench) -> None:
    bench.smu.enable_source()
    assert bench.smu.resistance == pytest.approx(1e4)
    assert not math.isnan(bench.smu.resistance)
    assert bench.rig.codes() == []


def test_the_buffer_fills_and_its_statistics_are_told(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_voltage(compliance_current=1e-3)
    smu.source_voltage = 1.0
    smu.write(":SENS:FUNC 'VOLT'")
    smu.enable_source()
    smu.config_buffer(points=10, delay=0.01)
    smu.start_buffer()
    smu.wait_for_buffer(timeout=5, interval=0)
    data = smu.buffer_data.reshape(10, 5)
    assert data[:, 1] == pytest.approx(1e-4)
    assert (data[1:, 3] > data[:-1, 3]).all()
    assert smu.mean_voltage == pytest.approx(1.0)
    assert smu.max_current == pytest.approx(1e-4)
    assert smu.std_current == pytest.approx(0, abs=1e-12)
    smu.reset_buffer()
    smu.disable_buffer()
    assert bench.rig.codes() == []


def test_a_bus_trigger_starts_a_series_that_waits(bench: Bench) -> None:
    smu = bench.smu
    smu.enable_source()
    smu.write(":ARM:SOUR BUS;:TRIG:COUN 3;:TRAC:POIN 3;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT")
    smu.start_buffer()
    smu.write("*TRG")
    assert smu.buffer_data.size == 15
    smu.start_buffer()
    smu.stop_buffer()
    assert bench.rig.codes() == []


def test_shutdown_and_sounds(bench: Bench) -> None:
    smu = bench.smu
    smu.enable_source()
    smu.source_voltage = 1.0
    smu.beep(440, 0.1)
    smu.triad(440, 0.1)
    smu.auto_zero_once()
    smu.shutdown()
    assert bench.rig.smu.channel_state()["output"] is False
    assert bench.rig.codes() == []


#: the bytes of PyMeasure's published dialogues (tests/instruments/keithley/test_keithley2400.py),
#: each a program for a unit whose current compliance has been raised to 1 A
DIALOGUES = (
    ":FORM:ELEM VOLT, CURR, RES, TIME, STAT", "*IDN?", "SYST:ERR?", "OUTP?", "OUTP 0", "OUTP 1",
    "OUTP 0", ":SOUR:FUNC?", ":SOUR:FUNC CURR", ":SOUR:FUNC VOLT", ":SOUR:CLE:AUTO?",
    ":SOUR:CLE:AUTO 1", ":SOUR:DEL?", ":SOUR:DEL 0.1", ":SOUR:DEL:AUTO?", ":SOUR:DEL:AUTO 0",
    ":SYST:AZER:STAT?", ":SYST:AZER:STAT 0", ":OUTP:SMOD?", ":OUTP:SMOD ZERO",
    ":SENS:CURR:RANG?", ":SENS:CURR:RANG 0.5", ":SENS:CURR:RANG:AUTO?", ":SENS:CURR:RANG:AUTO 0",
    ":SENS:CURR:NPLC?", ":SENS:CURR:NPLC 0.1", ":SENS:CURR:PROT?", ":SENS:CURR:PROT 0.5",
    ":SOUR:CURR?", ":SOUR:CURR 0.5", ":SOUR:CURR:RANG?", ":SOUR:CURR:RANG 0.5",
    ":SOUR:CURR:RANG:AUTO?", ":SOUR:CURR:RANG:AUTO 0", ":SENS:VOLT:RANG?", ":SENS:VOLT:RANG 0.5",
    ":SENS:VOLT:RANG:AUTO?", ":SENS:VOLT:RANG:AUTO 0", ":SENS:VOLT:NPLC?", ":SENS:VOLT:NPLC 0.1",
    ":SENS:VOLT:PROT?", ":SENS:VOLT:PROT 0.5", ":SOUR:VOLT?", ":SOUR:VOLT 0.5",
    ":SOUR:VOLT:RANG?", ":SOUR:VOLT:RANG 0.5", ":SOUR:VOLT:RANG:AUTO?", ":SOUR:VOLT:RANG:AUTO 0",
    ":SENS:RES:RANG?", ":SENS:RES:RANG 0.5", ":SENS:RES:RANG:AUTO?", ":SENS:RES:RANG:AUTO 0",
    ":SENS:RES:NPLC?", ":SENS:RES:NPLC 0.1", ":DISP:ENAB?", ":DISP:ENAB 0", ":SYST:RSEN?",
    ":SYST:RSEN 1", ":SYST:LFR?", ":SYST:LFR 60", ":SYST:LFR:AUTO?", ":SYST:LFR:AUTO 0",
    ":ROUT:TERM?", ":ROUT:TERM REAR", ":SENS:RES:MODE MAN", ":SENS:FUNC:ALL", ":READ?",
    ":MEAS:CURR?", ":MEAS:VOLT?", ":MEAS:RES?",
)  # fmt: skip


def test_the_published_dialogues_leave_an_empty_error_queue() -> None:
    rig = Rig2400()
    rig.send(":SENS:CURR:PROT 1")
    for line in DIALOGUES:
        assert len(rig.send(line)) == line.count("?"), line
        assert rig.codes() == [], line
    assert len(DIALOGUES) == 70
