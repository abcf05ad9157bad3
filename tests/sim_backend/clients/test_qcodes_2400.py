"""QCoDeS' Keithley2400, unmodified, on the virtual 2400 (where QCoDeS is installed)."""

from __future__ import annotations

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.rig2400 import ADDRESS, Rig2400

keithley = peer("qcodes.instrument_drivers.Keithley")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_parameter_is_set_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig2400()
    manager = rig.manager()
    monkeypatch.setattr("pyvisa.ResourceManager", lambda *_: manager)
    smu = keithley.Keithley2400("smu", ADDRESS)
    try:
        smu.reset()
        smu.write(":FORM:ELEM VOLT,CURR")
        assert smu.get_idn()["model"] == "2400"
        smu.mode("VOLT")
        smu.compliancei(10e-3)
        smu.rangev(20)
        smu.nplci(0.1)
        smu.volt(5.0)
        with pytest.raises(RuntimeError):
            smu.curr()
        smu.output(True)
        assert smu.volt() == pytest.approx(5.0)
        assert smu.curr() == pytest.approx(5e-4)
        assert smu.resistance() == pytest.approx(1e4)
        assert (smu.rangev(), smu.compliancei()) == (21.0, 0.01)
        smu.output(False)
        smu.mode("CURR")
        smu.compliancev(10.0)
        smu.rangei(1e-3)
        smu.curr(1e-4)
        smu.output(True)
        assert smu.volt() == pytest.approx(1.0)
        assert (smu.sense(), smu.mode(), smu.nplcv()) == ('"VOLT:DC","CURR:DC"', "CURR", 0.1)
        assert rig.codes() == []
    finally:
        smu.close()
