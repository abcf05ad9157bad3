"""PyMeasure's Keithley2600, unmodified, on the virtual 2602B: every property and method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keithley import Keithley2600
from pymeasure.instruments.keithley import keithley2600 as module

from tests.sim_backend.rig import ADDRESS, Rig

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
Bench = tuple[Rig, Any]

#: property -> values that are set, one after the other, and read back
PROPERTIES: dict[str, tuple[Any, ...]] = {
    "source_output": ("ON", "OFF"),
    "source_mode": ("current", "voltage"),
    "source_current": (1e-3, -0.5, 0.0),
    "compliance_current": (0.1, 1.0),
    "source_current_range": (0.1, 1.0),
    "current_range": (1e-3, 1.0),
    "source_voltage": (0.5, -40.0, 0.0),
    "compliance_voltage": (10.0, 40.0),
    "source_voltage_range": (6.0, 40.0),
    "voltage_range": (1.0, 40.0),
    "wires_mode": ("4", "2"),
}
READ_ONLY = ("current", "voltage", "resistance")
#: the client's own fault: it maps a range as if it were a set of values, and never sends
BROKEN = ("measure_nplc",)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    rig = Rig()
    manager = rig.manager()
    adapter = VISAAdapter(ADDRESS, visa_library=manager.visalib, read_termination="\n")
    yield rig, Keithley2600(adapter)
    manager.close()


def test_the_list_is_complete() -> None:
    known = {n for n, v in vars(module.Channel).items() if isinstance(v, property)}
    assert known == {*PROPERTIES, *READ_ONLY, *BROKEN}


@pytest.mark.parametrize("channel", ["ChA", "ChB"])
def test_every_property_is_set_and_read_back(bench: Bench, channel: str) -> None:
    rig, smu = bench
    understood = 0
    for name, values in PROPERTIES.items():
        # what is sourced is measured on the source range
        getattr(smu, channel).source_mode = "current" if name == "voltage_range" else "voltage"
        for value in values:
            setattr(getattr(smu, channel), name, value)
            got = getattr(getattr(smu, channel), name)
            assert got == (pytest.approx(value) if isinstance(value, float) else value), name
            understood += 1
    getattr(smu, channel).source_mode = "voltage"
    getattr(smu, channel).source_output = "ON"
    for name in READ_ONLY:
        assert isinstance(getattr(getattr(smu, channel), name), float)
        understood += 1
    assert understood == sum(map(len, PROPERTIES.values())) + len(READ_ONLY)
    assert rig.codes() == []


def test_methods(bench: Bench) -> None:
    rig, smu = bench
    assert smu.id.startswith("Keithley Instruments Inc., Model 2602B")
    a = smu.ChA
    a.apply_voltage(1.0, 1e-3)
    a.source_output = "ON"
    a.ramp_to_voltage(0.5)
    a.measure_current(nplc=0.1, current=1e-4, auto_range=False)
    assert a.current == pytest.approx(5e-5)
    a.measure_voltage(nplc=0.1)
    assert a.voltage == pytest.approx(0.5)
    assert a.resistance == pytest.approx(1e4)
    a.shutdown()
    a.apply_current(1e-3, 5.0)
    a.source_output = "ON"
    a.ramp_to_current(1e-4)
    assert a.voltage == pytest.approx(1.0)
    a.auto_range_source()
    a.shutdown()
    assert rig.number("smua.source.output") == 0
    assert smu.next_error == (0, "Queue Is Empty")
    a.source_voltage = 100.0
    assert smu.next_error[0] == 1101
    assert rig.codes() == []
