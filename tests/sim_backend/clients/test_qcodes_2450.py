"""QCoDeS' Keithley2450, unmodified, on the virtual 2450 (where QCoDeS is installed)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.rig2450 import ADDRESS, Rig2450

keithley = peer("qcodes.instrument_drivers.Keithley")
pytestmark = pytest.mark.filterwarnings("ignore")


class Bench:
    """The driver, the instrument, and every line that the driver sent."""

    def __init__(self) -> None:
        self.rig = Rig2450()
        self.lines: list[str] = []
        write = self.rig.smu.write

        def noted(message: bytes) -> None:
            self.lines.append(message.decode("latin-1").strip())
            write(message)

        self.rig.smu.write = noted  # type: ignore[method-assign]
        self.smu: Any = None


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench()
    manager = made.rig.manager()
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: manager)
    made.smu = keithley.Keithley2450("smu", ADDRESS)
    made.smu.reset()
    yield made
    made.smu.close()


def test_every_parameter_is_set_and_read(bench: Bench) -> None:
    smu, rig = bench.smu, bench.rig
    assert smu.get_idn()["model"] == "2450"
    assert smu.line_frequency() == "50"
    for source, level, limit in (("voltage", 2.0, 1e-3), ("current", 1e-4, 10.0)):
        smu.sense_function("current" if source == "voltage" else "voltage")
        smu.source_function(source)
        for name, value in (
            ("auto_range", True), ("limit", limit), (source, level), ("auto_delay", False),
            ("delay", 0.01), ("read_back_enabled", False), ("read_back_enabled", True),
        ):  # fmt: skip
            smu.source[name](value)
            assert float(smu.source[name]()) == pytest.approx(float(value))
        smu.source.user_number(2)
        smu.source.user_delay(0.5)
        assert smu.source.user_delay() == 0.5
        smu.source.range(level)
        assert smu.source.limit_tripped() in (True, False)
    for sense in ("voltage", "current", "resistance"):
        smu.sense_function(sense)
        for name, value in (
            ("four_wire_measurement", True), ("auto_range", True), ("nplc", 0.1), ("count", 3),
            ("auto_zero_enabled", False), ("four_wire_measurement", False), ("count", 1),
        ):  # fmt: skip
            smu.sense[name](value)
            assert float(smu.sense[name]()) == pytest.approx(float(value))
        smu.sense.user_number(1)
        smu.sense.user_delay(0.25)
        assert smu.sense.user_delay() == 0.25
        smu.sense.auto_zero_once()
        smu.sense.clear_trace()
    smu.terminals("rear")
    assert smu.terminals() == "REAR"
    smu.snapshot(update=True)
    assert rig.codes() == []


def test_a_value_is_measured(bench: Bench) -> None:
    smu = bench.smu
    smu.source.voltage(1.0)
    smu.source.limit(1e-3)
    with pytest.raises(RuntimeError):
        smu.sense.current()
    smu.output_enabled(True)
    assert smu.sense.current() == pytest.approx(1e-4)
    smu.sense_function("voltage")
    assert smu.sense.voltage() == pytest.approx(1.0)
    assert bench.rig.codes() == []


@pytest.mark.parametrize("block", [False, True])
def test_a_sweep(bench: Bench, block: bool) -> None:
    smu = bench.smu
    smu.sense_function("current")  # this is what connects the sweep with its setpoints
    smu.source.limit(1e-3)
    smu.source.block_during_ramp(block)
    smu.source.voltage(0.0)
    smu.source.sweep_setup(0, 2, 11, delay=0.01)
    assert list(smu.sense.sweep()) == pytest.approx([2e-5 * k for k in range(11)])
    assert bench.rig.codes() == []


def test_a_buffer_of_ones_own(bench: Bench) -> None:
    smu = bench.smu
    smu.sense_function("current")
    smu.source.limit(1e-3)
    with smu.buffer("mine", 100) as buffer:
        buffer.elements(["time", "date", "measurement", "source_value_formatted"])
        smu.source.sweep_setup(0, 1, 5, buffer_name="mine")
        assert list(smu.sense.sweep()) == pytest.approx([2.5e-5 * k for k in range(5)])
        assert len(smu.sense.sweep.get_selected()) == 20
        buffer.trigger_start()
        assert buffer.number_of_readings() == 1
        assert buffer.size() == 100
        assert buffer.get_last_reading().count(",") == 3
        buffer.size(50)
        buffer.clear_buffer()
    assert bench.rig.codes() == []


def test_all_of_its_commands_are_understood(bench: Bench) -> None:
    """Whatever the tests above made it send is in the table; the count is told on failure."""
    smu, rig = bench.smu, bench.rig
    for name, module in smu.submodules.items():
        if "buffer" not in name:
            module.user_number(1)  # without it the driver asks for the delay "USERNone"
    smu.sense_function("current")
    smu.source.sweep_setup(0, 1, 5)
    smu.sense.sweep()
    smu.snapshot(update=True)
    smu.abort()
    smu.initiate()
    smu.wait()
    smu.clear_event_register()
    smu.clear_event_log()
    front = rig.smu.native
    assert front is not None
    strange = [line for line in bench.lines if not front.interface.interpreter.understands(line)]
    assert len(bench.lines) >= 60
    assert strange == []
    assert rig.codes() == []
