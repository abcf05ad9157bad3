"""The driver `keithley2600`, unmodified, on the virtual 2602B (where it is installed).

It learns the instrument's commands from the instrument: it walks every table and its metatable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.rig import ADDRESS, Rig

keithley2600 = peer("keithley2600")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Rig, Any]]:
    rig = Rig()
    manager = rig.manager()
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: manager)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(keithley2600.Keithley2600, "_instances", set())  # one an address
    client = keithley2600.Keithley2600(ADDRESS)
    assert client.connected
    yield rig, client
    # the client's own `disconnect` leaves it unable to end: it asks itself for its connection
    client.connection.close()


def test_every_table_is_walked(bench: tuple[Rig, Any]) -> None:
    rig, client = bench
    walked, properties, functions = [client], 0, 0
    for table in walked:
        table._load_lua_namespace()
        for key, found in table._dict.items():
            kind = type(found).__name__
            properties += kind == "KeithleyProperty"
            functions += kind == "KeithleyFunction"
            if kind == "KeithleyClass" and key not in ("_G", "mt", "package", "node"):
                walked.append(found)
    # tables, attributes and constants, functions: nothing the client finds is unknown to it
    assert len(walked) > 150
    assert properties > 900
    assert functions > 400
    assert rig.codes() == []


def test_every_attribute_can_be_read(bench: tuple[Rig, Any]) -> None:
    rig, client = bench
    walked, read, unreadable = [client.smua, client.display, client.status, client.localnode], 0, []
    for table in walked:
        table._load_lua_namespace()
        for key, found in table._dict.items():
            if type(found).__name__ == "KeithleyProperty":
                read += 1
                if found.get() is None:
                    unreadable.append(f"{table._name}.{key}")
            elif type(found).__name__ == "KeithleyClass":
                walked.append(found)
    assert read > 550
    assert unreadable == []
    assert rig.codes() == []


def test_levels_limits_and_readings(bench: tuple[Rig, Any]) -> None:
    rig, client = bench
    client.smua.source.limiti = 1e-3
    client.apply_voltage(client.smua, 0.5)
    client.set_integration_time(client.smua, 0.001)
    assert client.measure_voltage(client.smua) == pytest.approx(0.5)
    assert client.measure_current(client.smua) == pytest.approx(5e-5)
    client.ramp_to_voltage(client.smua, -1.0, delay=0, step_size=0.5)
    assert client.smua.source.levelv == -1.0
    client.smua.source.output = client.smua.OUTPUT_OFF
    assert client.smua.source.compliance is False or client.smua.source.compliance == 0
    assert client.read_error_queue() == []
    with pytest.raises(AttributeError):
        _ = client.smua.source.colour
    client.smua.source.levelv = 99
    assert [row[0] for row in client.read_error_queue()] == [1101]
    assert rig.codes() == []


@pytest.mark.parametrize("pulsed", [False, True])
def test_voltage_sweep_single_smu(bench: tuple[Rig, Any], pulsed: bool) -> None:
    rig, client = bench
    levels = [0.0, 0.25, 0.5, 0.75, 1.0] * 12
    v, i = client.voltage_sweep_single_smu(client.smua, levels, 0.001, 0.001, pulsed)
    assert v == pytest.approx(levels, abs=1e-6)
    assert i == pytest.approx([1e-4 * level for level in levels], abs=1e-9)
    assert rig.codes() == []


def test_voltage_sweep_dual_smu(bench: tuple[Rig, Any]) -> None:
    rig, client = bench
    first = [0.05 * k for k in range(40)]
    second = first[::-1]
    # long enough to be seen running by a client that first asks for the name of every register
    v1, i1, v2, i2 = client.voltage_sweep_dual_smu(
        client.smua, client.smub, first, second, 0.1, 0.01, False
    )
    assert (v1, v2) == (pytest.approx(first, abs=1e-6), pytest.approx(second, abs=1e-6))
    assert i1 == pytest.approx([1e-4 * v for v in first], abs=1e-9)
    assert i2 == pytest.approx([1e-4 * v for v in second], abs=1e-9)
    assert rig.codes() == []
