"""PyMeasure's Keithley2450, unmodified, on the virtual 2450 through the in-process VISA library.

The driver says that it wants the command set of the 2400, but its properties send native commands
(``SOUR:VOLT:ILIM``, ``TRAC:STAT:AVER?``); only what it shares with the driver of the 2400 about the
buffer does not. So the properties are run in the native set, and the buffer in the old one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2450

from sim_backend.server import Server
from sim_backend.wire.port import Port
from tests.sim_backend.rig2450 import ADDRESS, Rig2450

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Bench:
    def __init__(self, language: str = "SCPI") -> None:
        self.rig = Rig2450(language=language)
        self.manager = self.rig.manager()
        adapter = VISAAdapter(ADDRESS, visa_library=self.manager.visalib, read_termination="\n")
        self.smu = Keithley2450(adapter)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = Bench()
    yield made
    made.manager.close()


#: property -> values that are set, one after the other, and read back
PROPERTIES: dict[str, tuple[Any, ...]] = {
    "source_mode": ("current", "voltage"),
    "current_range": (1e-3, 1e-7, 1.0),
    "current_nplc": (0.1, 10, 1),
    "compliance_current": (0.5, 1e-4),
    "source_current": (1e-3, -1e-6, 0.0),
    "source_current_range": (1e-3, 1.0, 1e-8),
    "source_current_delay": (0.01, 0.0),
    "source_current_delay_auto": (False, True),
    "voltage_range": (0.2, 20.0),
    "voltage_nplc": (0.01, 1),
    "compliance_voltage": (0.5, 21.0),
    "source_voltage": (0.5, -1.25, 0.0),
    "source_voltage_range": (0.2, 20.0),
    "source_voltage_delay": (0.01, 0.0),
    "source_voltage_delay_auto": (False, True),
    "resistance_range": (20.0, 200e6),
    "resistance_nplc": (10, 1),
    "wires": (4, 2),
    "buffer_points": (10, 1024),
    "current_filter_type": ("MOV", "REP"),
    "current_filter_count": (3, 10),
    "current_filter_state": ("ON", "OFF"),
    "voltage_filter_type": ("MOV", "REP"),
    "voltage_filter_count": (3, 10),
    "current_output_off_state": ("HIMP", "ZERO", "GUAR", "NORM"),
    "voltage_output_off_state": ("HIMP", "ZERO", "GUAR", "NORM"),
}
READ = {"source_enabled", "current", "voltage", "resistance", "means", "maximums", "minimums",
        "standard_devs", "error", "mean_voltage", "mean_current", "mean_resistance", "max_voltage",
        "max_current", "max_resistance", "min_voltage", "min_current", "min_resistance",
        "std_voltage", "std_current", "std_resistance"}  # fmt: skip


def known() -> set[str]:
    return {name for name, found in vars(Keithley2450).items() if isinstance(found, property)}


def test_every_property_is_in_the_lists() -> None:
    assert known() - set(PROPERTIES) - READ == set()


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_is_set_and_read_back(bench: Bench, name: str) -> None:
    if name not in known():
        pytest.skip(f"this version of PyMeasure calls {name} something else")
    for value in PROPERTIES[name]:
        setattr(bench.smu, name, value)
        assert getattr(bench.smu, name) == {"ON": 1, "OFF": 0}.get(value, value)
    assert bench.rig.codes() == []


def test_identity_and_an_empty_queue(bench: Bench) -> None:
    assert bench.smu.id.startswith("KEITHLEY INSTRUMENTS,MODEL 2450,")
    assert bench.smu.next_error[0] == 0
    assert bench.smu.check_errors() == []
    bench.smu.write("NONSENSE")
    assert bench.smu.check_errors()[0][0] == -113


def test_voltage_is_sourced_and_current_measured(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_voltage(voltage_range=20, compliance_current=10e-3)
    smu.source_voltage = 5.0
    smu.measure_current(current=10e-3, auto_range=False)
    smu.enable_source()
    assert smu.source_enabled
    assert smu.current == pytest.approx(5e-4)
    smu.compliance_current = 1e-4
    assert smu.current == pytest.approx(1e-4)
    smu.measure_voltage()
    assert smu.voltage == pytest.approx(1.0)
    assert bench.rig.codes() == []


def test_current_is_sourced_and_voltage_measured(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_current(current_range=1e-3, compliance_voltage=10)
    smu.measure_voltage(voltage=10)
    smu.enable_source()
    smu.ramp_to_current(2e-4, steps=5, pause=0)
    assert smu.voltage == pytest.approx(2.0)
    smu.use_rear_terminals()
    assert not smu.source_enabled
    smu.use_front_terminals()
    assert bench.rig.codes() == []


def test_a_resistance_is_measured(bench: Bench) -> None:
    bench.smu.measure_resistance()
    bench.smu.enable_source()
    assert bench.smu.resistance == pytest.approx(1e4)
    assert not math.isnan(bench.smu.resistance)
    assert bench.rig.codes() == []


def test_statistics_of_the_buffer(bench: Bench) -> None:
    smu = bench.smu
    smu.apply_voltage(compliance_current=1e-3)
    smu.measure_current()
    smu.enable_source()
    for level in (1.0, 2.0, 3.0):
        smu.source_voltage = level
        assert smu.current == pytest.approx(level * 1e-4)
    assert smu.means == pytest.approx(2e-4)
    assert smu.maximums == pytest.approx(3e-4)
    assert smu.minimums == pytest.approx(1e-4)
    assert smu.standard_devs == pytest.approx(1e-4)
    assert bench.rig.codes() == []


def test_shutdown_sounds_and_triggers(bench: Bench) -> None:
    smu = bench.smu
    smu.reset()
    smu.enable_source()
    smu.source_voltage = 1.0
    smu.beep(440, 0.1)
    smu.triad(440, 0.1)
    smu.trigger()
    smu.ramp_to_voltage(0.5, steps=3, pause=0)
    smu.shutdown()
    assert bench.rig.smu.channel_state()["output"] is False
    assert len(bench.rig.smu.unit.panel.beeps) == 4
    assert bench.rig.codes() == []


def test_over_tcp() -> None:
    """The same driver on the same instrument behind a socket."""
    rig = Rig2450()
    port = Port(rig.smu, rig.clock, threading.RLock(), 0.0, lambda: None)
    with Server({"smu": port}) as server:
        manager = pyvisa.ResourceManager("@py")
        adapter = VISAAdapter(
            server.addresses["smu"],
            visa_library=manager.visalib,
            read_termination="\n",
            write_termination="\n",
        )
        smu = Keithley2450(adapter)
        for name in ("current_nplc", "compliance_current", "source_voltage", "current_filter_type"):
            for value in PROPERTIES[name]:
                setattr(smu, name, value)
                assert getattr(smu, name) == value
        smu.apply_voltage(compliance_current=1e-3)
        smu.measure_current()
        smu.source_voltage = 2.0
        smu.enable_source()
        assert smu.current == pytest.approx(2e-4)
        assert smu.check_errors() == []
        manager.close()
    assert rig.codes() == []


def test_the_buffer_as_in_a_2400(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver shares with that of the 2400 works in the language of the 2400."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    bench = Bench("SCPI2400")
    smu, rig = bench.smu, bench.rig
    try:
        smu.write(":SOUR:VOLT 1;:SENS:CURR:PROT 1e-3;:FORM:ELEM CURR;:OUTP ON;:TRIG:COUN 10")
        smu.write(":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;")
        smu.write(":TRAC:CLEAR;")
        smu.buffer_points = 10
        smu.write(":TRAC:FEED SENSE;:TRAC:FEED:CONT NEXT;")
        smu.start_buffer()
        smu.wait_for_buffer(timeout=5, interval=0)
        assert smu.buffer_data == pytest.approx([1e-4] * 10)
        smu.reset_buffer()
        smu.stop_buffer()
        smu.disable_buffer()
        smu.write(":TRIG:COUN 1")
        smu.source_mode = "voltage"
        smu.source_voltage = 2.0
        assert smu.current == pytest.approx(2e-4)
        assert rig.codes() == []
        smu.compliance_current = 1e-4  # a native word of the driver, none of the old language
        assert rig.codes() == [-113]
    finally:
        bench.manager.close()
