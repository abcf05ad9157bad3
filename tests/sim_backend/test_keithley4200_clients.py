"""Drivers of other people, unmodified, on the virtual 4200A: pymeasure's, and py4200A's.

py4200A talks to hardware by GPIB, where KXCI acknowledges nothing; it is taken where it is
installed. The last test plays scripts as the manual's examples are written.
"""

from __future__ import annotations

from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley4200

from tests.sim_backend.peers import peer
from tests.sim_backend.rig4200 import ADDRESS, G, Rig4200

GPIB = "GPIB0::17::INSTR"


class Listening:
    """Writes down every message that an instrument is sent, and those that it refuses."""

    def __init__(self, rig: Rig4200) -> None:
        self.messages: list[str] = []
        self.refused: list[str] = []
        write, errors = rig.instrument.write, rig.instrument.errors

        def listen(message: bytes) -> None:
            self.messages.append(message.decode("latin-1").strip("\0\n "))
            before = errors.count
            write(message)
            if errors.count > before:
                self.refused.append(self.messages[-1])

        rig.instrument.write = listen  # type: ignore[method-assign]


# -- pymeasure -----------------------------------------------------------------------------------


@pytest.fixture
def rig() -> Rig4200:
    return Rig4200({"top": "smu1", "bottom": "smu2"}, latency=1e-3)


@pytest.fixture
def driver(rig: Rig4200) -> Keithley4200:
    adapter = VISAAdapter(
        ADDRESS, visa_library=rig.laboratory.visa, read_termination="\0", write_termination="\0"
    )
    return Keithley4200(adapter)


def test_pymeasure_finds_the_smus(driver):
    assert driver.id == "KI4200A V1.14"
    assert driver.options == ["SMU1", "SMU2", "PMU1RPM1-1", "PMU1RPM1-2"]
    assert sorted(driver.smu) == [1, 2]


def test_pymeasure_sets_and_measures_every_property(rig, driver):
    driver.clear()
    for code, level in ((0, 0.5), (1, 1.0), (2, 2.0), (3, -1.0), (4, 0.1), (5, 1.5)):
        driver.smu1.voltage_setpoint = (code, level, 1e-2)
        driver.smu2.voltage_setpoint = (0, 0, 1e-2)
        assert driver.smu1.voltage == pytest.approx(level, abs=1e-4)
        assert driver.smu1.current == pytest.approx(level * G, abs=1e-9)
    driver.smu1.current_setpoint = (6, 5e-5, 10)
    assert driver.smu1.current == pytest.approx(5e-5)
    assert driver.smu1.voltage == pytest.approx(0.5, rel=1e-3)
    driver.smu1.disable()
    driver.smu2.disable()
    assert not rig.instrument.channel_state("smu1")["output"]
    assert int(driver.status) == 0
    assert rig.error() == 0


# -- py4200A -------------------------------------------------------------------------------------


@pytest.fixture
def py4200() -> Any:
    return peer("py4200A")


def by_gpib(monkeypatch: pytest.MonkeyPatch, wiring: dict[str, str]) -> Rig4200:
    rig = Rig4200(wiring, address=GPIB, options={"interface": "gpib"}, latency=1e-3)
    manager = rig.manager()
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: manager)
    return rig


def test_py4200a_sweeps_in_system_mode(monkeypatch, py4200):
    rig = by_gpib(monkeypatch, {"top": "smu1", "bottom": "smu2"})
    heard = Listening(rig)
    consts = py4200.consts
    unit = py4200.KI4200A(GPIB)
    unit.reset()
    unit.test_mode = consts.RPMMode.SMU
    unit.integration_time = consts.IntegrationTime.SHORT
    first, second = unit.getSMU(1), unit.getSMU(2)
    first.setupSMU("V1", "I1", consts.SourceType.VOLT, consts.SourceFunction.SWEEP)
    second.setupSMU("V2", "I2", consts.SourceType.COMMON, consts.SourceFunction.CONSTANT)
    first.setSweepFunction(start=-0.5, stop=1.0, step=0.25, compliance=1e-3)
    first.power_off_after_test = True
    unit.nr, unit.wt, unit.interval = 1, 0.0, 0.01
    unit.display.displayList(["V1", "I1"])
    unit.runTest()
    rig.clock.advance(10.0)
    volts = first.voltage_measurement
    assert [float(volts.getResultAt(k)) for k in (1, 3, 7)] == [-0.5, 0.0, 1.0]
    currents = [float(first.current_measurement.getResultAt(k)) for k in range(1, 8)]
    assert currents == pytest.approx([(-0.5 + 0.25 * k) * G for k in range(7)], abs=1e-9)
    assert unit.getError() == ""
    assert len(heard.messages) > 30
    assert heard.refused == []


def test_py4200a_works_by_hand_in_user_mode(monkeypatch, py4200):
    heard = Listening(by_gpib(monkeypatch, {"top": "smu1", "bottom": "smu2"}))
    unit = py4200.realtime.RT_KI4200A(GPIB)
    unit.reset()
    unit.integration_time = py4200.consts.IntegrationTime.NORMAL
    unit.resolution = 6
    first, second = unit.getSMU(1), unit.getSMU(2)
    second.setVoltageOutput(0.0, 1e-2)
    first.set_lowest_current_range(1e-6)
    first.setVoltageOutput(0.7, 1e-3)
    assert first.measure_voltage() == pytest.approx(0.7)
    assert first.measure_current() == pytest.approx(0.7 * G)
    first.set_current_range(1e-3, 1e-3)
    first.set_voltage_range(20.0, 20.0)
    first.setCurrentOutput(20e-6, 10.0)
    assert first.measure_voltage() == pytest.approx(0.2, abs=1e-3)
    first.deactivate()
    unit.disconnect()
    assert heard.refused == []


def test_py4200a_pulses_with_the_pmu(monkeypatch, py4200):
    rig = by_gpib(monkeypatch, {"top": "pmu1"})
    consts = py4200.consts
    heard = Listening(rig)
    unit = py4200.KI4200A(GPIB)
    unit.reset()
    unit.initPMU()
    unit.test_mode = consts.RPMMode.PMU
    unit.pmu_measure_mode = consts.PMUMeasureMode.SPOT_MEAN_DISCRETE
    unit.pulse_burst_count = 2
    unit.pmu_sample_rate = 100_000_000
    rpm = unit.getRPM(11)
    rpm.source_range = consts.PMUSourceRange.V10
    rpm.load = 1e4
    rpm.setMeasurePIV(True, True)
    rpm.setPulseTimes(1e-5, 5e-6, 1e-7, 1e-7)
    rpm.setPulseSweep(consts.PMUPulseMode.AMPLITUDE, 0.5, 1.5, 0.5, constant_v=0.1)
    rpm.activated = True
    unit.runTest()
    unit.waitForTestEnd()
    high = rpm.vh_measurement.getAllResults()
    assert high == pytest.approx([0.5, 0.5, 1.0, 1.0, 1.5, 1.5], rel=1e-4)
    assert rpm.il_measurement.getAllResults() == pytest.approx([0.1 * G] * 6, rel=1e-4)
    rpm.deactivate()
    assert rig.tally.positive == 6
    assert heard.refused == []


# -- scripts as the manual writes them -----------------------------------------------------------

SEGMENT_SCRIPT = """
:PMU:INIT 1
:PMU:RPM:CONFIGURE PMU1-1, 0
:PMU:MEASURE:RANGE 1, 2, 0.2
:PMU:SARB:SEQ:STARTV 1, 1, 0, 1, 1, 1.5, 1.5, 0, 0
:PMU:SARB:SEQ:STOPV 1, 1, 1, 1, 1.5, 1.5, 0, 0, 0
:PMU:SARB:SEQ:TIME 1, 1, 50e-9, 100e-9, 20e-9, 150e-9, 50e-9, 500e-9, 130e-9
:PMU:SARB:SEQ:MEAS:TYPE 1, 1, 0, 1, 0, 1, 0, 0, 0
:PMU:SARB:SEQ:MEAS:START 1, 1, 0, 25e-9, 0, 50e-9, 0, 0, 0
:PMU:SARB:SEQ:MEAS:STOP 1, 1, 0, 75e-9, 0, 100e-9, 0, 0, 0
:PMU:SARB:WFM:SEQ:LIST 1, 1, 1
:PMU:OUTPUT:STATE 1, 1
:PMU:EXECUTE
"""
PULSE_SCRIPT = """
:PMU:INIT 0
:PMU:RPM:CONFIGURE PMU1-1, 0
:PMU:CONNECTION:COMP 1, 1, 0
:PMU:LOAD 1, 1e3
:PMU:MEASURE:MODE 3
:PMU:LLEC:CONFIGURE 1, 1
:PMU:SWEEP:PULSE:AMPLITUDE 1, 0, 5, 0.5, 0, 0
:PMU:PULSE:TIMES 1, 1e-5, 500e-9, 2e-8, 2e-8, 0
:PMU:MEASURE:RANGE 1, 2, 0.01
:PMU:PULSE:BURST:COUNT 10
:PMU:OUTPUT:STATE 1, 1
:PMU:EXECUTE
"""


@pytest.mark.parametrize(("script", "count"), [(SEGMENT_SCRIPT, 2), (PULSE_SCRIPT, 11)])
def test_scripts_in_the_manner_of_the_manual_run_over_the_wire(script, count):
    rig = Rig4200(latency=1e-3)
    unit = rig.manager().open_resource(ADDRESS, read_termination="\0", write_termination="\0")
    query = unit.query  # type: ignore[attr-defined]
    for line in script.strip().splitlines():
        assert query(line) == "ACK"
    while int(query(":PMU:TEST:STATUS?")):
        pass
    assert int(query(":PMU:DATA:COUNT? 1")) == count
    assert len(query(":PMU:DATA:GET 1").split(";")) == count
    assert query(":PMU:OUTPUT:STATE 1, 0") == "ACK"
    assert query(":ERROR:LAST:GET") == ""
