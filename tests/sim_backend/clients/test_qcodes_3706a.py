"""QCoDeS' Keithley_3706A, unmodified, on the virtual 3706A-S (where QCoDeS is installed)."""

from __future__ import annotations

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.test_switch import SWITCH, Bench

keithley = peer("qcodes.instrument_drivers.Keithley")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_it_switches_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench("3706A-S")
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: bench.manager)
    switch = keithley.Keithley3706A("switch", SWITCH)
    try:
        assert switch.get_idn()["model"] == "3706A-S"
        assert [card["model"] for card in switch.get_switch_cards()] == ["3730"]
        assert len(switch.get_channels()) == 96
        switch.close_channel("1101")
        switch.close_channel(",".join(switch.connect_row_to_columns(1, 3, [2])))
        assert switch.get_closed_channels("allslots") == ["1101", "1302"]
        assert bench.currents()[0] == pytest.approx(1e-4)
        switch.exclusive_close("1201")
        assert bench.closed() == ["1201"]
        switch.exclusive_slot_close("1101,1302")
        switch.open_channel("allslots")
        assert bench.closed() == []
        switch.channel_connect_rule("MAKE_BEFORE_BREAK")
        assert switch.channel_connect_rule() == "MAKE_BEFORE_BREAK"
        switch.set_forbidden_channels("1205")
        assert switch.get_forbidden_channels("allslots") == "1205"
        switch.clear_forbidden_channels("1205")
        switch.set_delay("1101,1102", 0.25)
        assert switch.get_delay("1101,1102") == [0.25, 0.25]
        switch.set_backplane("1101", "1911")
        assert switch.get_backplane("1101") == "1911"
        switch.close_channel("1101")
        assert bench.closed() == ["1101", "1911"]
        assert switch.get_interlock_state_by_slot(1) == 1
        assert len(switch.get_available_memory()) == 4
        switch.gpib_enabled(True)
        assert switch.gpib_address() == 16
        assert switch.get_ip_address()
        switch.save_setup(1)
        switch.load_setup(1)
        switch.reset_channel("allslots")
        assert bench.closed() == []
    finally:
        switch.close()
    assert bench.codes() == []
