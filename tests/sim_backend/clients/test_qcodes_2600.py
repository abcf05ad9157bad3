"""QCoDeS' Keithley2602B, unmodified, on the virtual 2602B (where QCoDeS is installed)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.rig import ADDRESS, Rig

keithley = peer("qcodes.instrument_drivers.Keithley")
dataset = peer("qcodes.dataset")
pytestmark = pytest.mark.filterwarnings("ignore")

Bench = tuple[Rig, Any]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    rig = Rig()
    manager = rig.manager()
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: manager)
    smu = keithley.Keithley2602B("smu", ADDRESS)
    yield rig, smu
    smu.close()


def test_every_parameter_is_read_and_set(bench: Bench) -> None:
    rig, smu = bench
    assert smu.get_idn()["model"] == "2602B"
    smu.reset()
    channel, checked = smu.smua, 0
    for name, value in {
        "mode": "voltage", "nplc": 0.01, "four_wire_measurement": True, "sourcerange_v": 6,
        "source_autorange_v_enabled": False, "measurerange_v": 6, "limiti": 1e-3,
        "measure_autorange_v_enabled": False, "sourcerange_i": 1e-3, "measurerange_i": 1e-3,
        "source_autorange_i_enabled": False, "measure_autorange_i_enabled": False, "limitv": 5.0,
        "output": True, "volt": 0.5,
    }.items():  # fmt: skip
        channel.parameters[name](value)
        got = channel.parameters[name]()
        assert got == (pytest.approx(value) if isinstance(value, float) else value), name
        checked += 1
    assert checked == 15
    assert channel.curr() == pytest.approx(5e-5)
    assert channel.res() == pytest.approx(1e4)
    assert channel.curr.measurement_status is not None
    # whatever the client asks of a channel is answered
    unread = [n for n, p in channel.parameters.items() if p.gettable and not _reads(p)]
    assert unread == []
    assert rig.codes() == []


def _reads(parameter: Any) -> bool:
    if parameter.name in ("fastsweep", "timetrace", "time_axis"):
        return True  # see below
    parameter.get()
    return True


def test_compliance_shows_in_the_status_of_a_reading(bench: Bench) -> None:
    rig, smu = bench
    smu.smua.limiti(1e-5)
    smu.smua.volt(1.0)
    smu.smua.output(True)
    smu.smua.curr()
    assert smu.smua.curr.measurement_status.name == "CURRENT_COMPLIANCE_ERROR"
    assert rig.codes() == []


def test_fast_sweep(bench: Bench) -> None:
    rig, smu = bench
    smu.smua.setup_fastsweep(dataset.LinSweep(smu.smua.volt, 0, 1, 11, 1e-3))
    data = smu.smua.fastsweep()
    assert data == pytest.approx([1e-5 * k for k in range(11)], rel=1e-6, abs=1e-12)
    assert rig.codes() == []


def test_fast_sweep_of_two_channels(bench: Bench) -> None:
    rig, smu = bench
    smu.smub.output(True)
    smu.smua.setup_fastsweep(
        dataset.LinSweep(smu.smua.volt, 0, 1, 5), dataset.LinSweep(smu.smub.volt, 0, 1, 3)
    )
    assert smu.smua.fastsweep().shape == (3, 5)
    assert rig.codes() == []


@pytest.mark.parametrize(("mode", "value"), [("current", 3e-5), ("voltage", 0.3)])
def test_time_trace(bench: Bench, mode: str, value: float) -> None:
    rig, smu = bench
    channel = smu.smua
    channel.volt(0.3)
    channel.output(True)
    channel.nplc(0.01)
    channel.timetrace_mode(mode)
    channel.timetrace_npts(50)
    channel.timetrace_dt(1e-3)
    assert channel.timetrace() == pytest.approx([value] * 50, rel=1e-5)
    assert rig.codes() == []
