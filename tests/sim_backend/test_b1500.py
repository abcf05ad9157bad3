"""The virtual B1500A: FLEX as it is written, pymeasure's own driver, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent.agilentB1500 import AgilentB1500

from labctl.errors import BadInput
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::17::INSTR"


def laboratory_of(**options: Any) -> Any:
    return open_laboratory(
        {
            "name": "rig",
            "instruments": {
                "smu": {"driver": "b1500", "model": "B1500A", "address": ADDRESS, **options}
            },
            "terminals": {"top": "smu.smu1"},
            "simulation": {
                "device": {"family": "resistor", "preset": "10k"},
                "noise": {"instrument": False, "cycle": False, "device": False},
            },
        },
        1, None, 0.0,
    )  # fmt: skip


@pytest.fixture
def wire() -> Iterator[Any]:
    laboratory = laboratory_of()
    manager = pyvisa.ResourceManager(laboratory.visa)
    resource: Any = manager.open_resource(ADDRESS)
    resource.read_termination = "\r\n"
    resource.timeout = 20_000
    resource.write("FMT 11;CN 1;TSC 1;TSR")
    yield resource
    resource.close()


def error(wire: Any) -> str:
    return str(wire.query("ERRX?"))


def test_a_line_holds_commands_with_or_without_spaces_in_any_case(wire: Any) -> None:
    wire.write("dv1,20, 0.5 ,1e-3; RI 1,-17")
    assert wire.query("*LRN?1") == "DV1,20,+5.000000E-01,+1.000000E-03,0,0"
    assert error(wire) == '+0,"No Error."'


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("DVX 1", 100), ("DV 1,a,1", 102), ("DV 1", 102), ("DV 9,20,1", 121), ("DV 1,2,1", 124),
        ("DV 1,20,200", 120), ("DV 1,20,1,0.2", 123), ("DV 2,20,1,1E-3", 200),
        ("DV 1,1000,50,1E-3", 201), ("PT 0,4E-4,0.01", 152), ("PT 0,0.01,0.011", 152), ("XE", 203),
        ("MM 99,1", 120), ("PV 1,20,-1,1", 120), ("RI 3,-9", 124), ("AIT 0,3,1", 120),
        ("MT 0,5E-5,10", 152), ("PA 200", 120), ("*LRN? 99", 120),
    ],
)  # fmt: skip
def test_what_it_refuses_is_in_the_error_queue_by_its_number(
    wire: Any, line: str, code: int
) -> None:
    wire.write(line)
    assert error(wire).startswith(f"+{code},")
    assert error(wire).startswith("+0,")


def test_a_refused_command_does_not_stop_the_line(wire: Any) -> None:
    wire.write("XX 1;DV 1,20,0.25,1E-3")
    assert wire.query("*LRN? 1").split(",")[2] == "+2.500000E-01"


def test_the_data_are_of_the_size_that_the_format_has(wire: Any) -> None:
    wire.write("DV 1,20,1,1E-3")
    sizes = {1: 15, 11: 16, 21: 18, 2: 12}
    for form, size in sizes.items():
        text = wire.query(f"FMT {form};TI 1,-17")
        assert len(text) == size, text
    assert wire.query("FMT 1;TI 1,-17") == "NAI+1.00000E-04"


def test_status_letters_tell_of_compliance_and_overrange(wire: Any) -> None:
    wire.write("DV 1,20,1,3E-5")
    assert wire.query("TI 1,-16").startswith("CAI+3.0")
    assert wire.query("TV 1,-20").startswith("CAV+3.0")
    wire.write("DV 1,20,1,1E-3")
    assert wire.query("TI 1,-14").startswith("VAI+199.999")


def test_a_pulsed_sweep_keeps_its_period_and_measures_at_the_end_of_a_pulse(wire: Any) -> None:
    wire.write("AIT 2,3,1E-3;PT 0,5E-3,2E-2;PWV 1,1,20,0,0.1,0.5,5,1E-3;MM 4,1")
    values = [float(text[3:]) for text in wire.query("XE").split(",")]
    times, currents = values[::2], values[1::2]
    assert currents == pytest.approx([1e-5, 2e-5, 3e-5, 4e-5, 5e-5])
    assert [b - a for a, b in pairwise(times)] == pytest.approx([20e-3] * 4)


def test_an_abort_sends_what_was_measured_and_leaves_the_base(wire: Any) -> None:
    wire.write("PT 0,5E-3,0.1;PWV 1,1,20,0,1,1,100,1E-3;MM 4,1")
    wire.write("XE")
    wire.timeout = 500
    with pytest.raises(pyvisa.errors.VisaIOError):
        wire.read()
    wire.write("AB")
    assert 4 <= len(wire.read().split(",")) / 2 <= 6
    assert wire.query("*LRN? 1").split(",")[2] == "+0.000000E+00"


def test_zero_and_back(wire: Any) -> None:
    wire.write("DV 1,20,1,1E-3;DZ")
    assert wire.query("*LRN? 1").split(",")[2] == "+0.000000E+00"
    wire.write("RZ")
    assert wire.query("*LRN? 1").split(",")[2] == "+1.000000E+00"
    wire.write("CL")
    assert wire.query("*LRN? 0") == "CL"


def test_the_timer_counts_in_steps_of_a_tenth_of_a_millisecond(wire: Any) -> None:
    wire.write("TSR;PA 0.0123")
    assert float(wire.query("TSQ")[3:]) == pytest.approx(12.3e-3, abs=1.2e-3)


def test_an_unknown_module_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="modules"):
        laboratory_of(modules=["B1505A"])


def test_pymeasures_own_driver_finds_its_way() -> None:
    laboratory = laboratory_of()
    adapter = VISAAdapter(ADDRESS, visa_library=laboratory.visa, timeout=20_000)
    analyser = AgilentB1500(adapter)
    assert analyser.query_modules() == {1: "HRSMU", 2: "HRSMU", 3: "MPSMU", 4: "MPSMU"}
    analyser.initialize_all_smus()
    analyser.data_format(21)
    smu = analyser.smu1
    smu.enable()
    smu.adc_type = "HSADC"
    analyser.adc_setup("HSADC", "TIME", 1e-3)
    smu.force("Voltage", "2 V", 0.5, 1e-3)
    assert smu.status["SMU1"]["Voltage Output (V)"] == "+5.000000E-01"
    smu.meas_range_current = "1 mA range fixed"
    analyser.meas_mode("STAIRCASE_SWEEP", smu)
    analyser.sweep_timing(0, 0.01, step_delay=0.01)
    analyser.sweep_auto_abort(False, post="STOP")
    smu.staircase_sweep_source("Voltage", "LINEAR_SINGLE", "2 V", 0, 1, 3, 1e-3)
    analyser.check_errors()
    analyser.clear_timer()
    analyser.send_trigger()
    found = [analyser.read_channels(1)[0] for _ in range(3)]
    assert [row[3] for row in found] == pytest.approx([0.0, 5e-5, 1e-4])
    analyser.read_bytes(1)  # the line feed that it leaves
    analyser.force_gnd()
    smu.disable()
    analyser.write("XYZ")
    with pytest.raises(OSError, match="100"):
        analyser.check_errors()
