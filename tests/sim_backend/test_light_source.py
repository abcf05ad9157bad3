"""The virtual LDP-3811: pymeasure's driver, its pulses, and the device that they light."""

from __future__ import annotations

from typing import Any

import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.ilxlightwave.ldp3811 import LDP3811, LDP3811Mode

from labctl.errors import BadInput
from sim_backend.laboratory import VirtualLaboratory, open_laboratory

LASER = "GPIB0::4::INSTR"


class Bench:
    """A laser diode of 0.5 W/A beyond 20 mA on 1 mm2 of an optoelectronic synapse."""

    def __init__(self, **changes: Any) -> None:
        section = {
            "driver": "ldp3811", "model": "LDP-3811", "address": LASER, "port": "light 365 nm",
            "threshold": "20 mA", "slope": 0.5, "spot": "1 mm2", **changes,
        }  # fmt: skip
        self.laboratory: VirtualLaboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"laser": section},
                "terminals": {},
                "simulation": {
                    "device": {"family": "optoelectronic", "preset": "mxene-vp"},
                    "noise": {"instrument": False, "cycle": False, "device": False},
                },
            },
            1, None, 0.0,
        )  # fmt: skip
        manager = pyvisa.ResourceManager(self.laboratory.visa)
        self.bus: Any = manager.open_resource(LASER, read_termination="\n", timeout=20000)
        self.instrument = self.laboratory.instruments["laser"]

    def irradiance(self) -> float:
        return float(self.instrument.channel_state()["irradiance"])

    def wait(self, duration: float) -> None:
        self.laboratory.clock.wait(duration, lambda: False)


def driver(bench: Bench) -> LDP3811:
    return LDP3811(VISAAdapter(LASER, visa_library=bench.laboratory.visa))


def test_pymeasures_driver_sets_and_reads_everything() -> None:
    bench = Bench()
    laser = driver(bench)
    for mode in LDP3811Mode:
        laser.mode = mode
        assert laser.mode == mode
    laser.mode = LDP3811Mode.CONST_REPETITION_INTERVAL
    laser.current_limit_500 = 400
    laser.current_limit_200 = 150
    assert (laser.current_limit_200, laser.current_limit_500) == (150, 400)
    laser.current_range_500_enabled = True
    assert laser.current_range_500_enabled is True
    laser.current_setpoint = 350
    assert laser.current_setpoint == 350
    assert laser.current == 0
    laser.output_enabled = True
    assert (laser.output_enabled, laser.current) == (True, 350)
    laser.output_enabled = False
    laser.pulse_width_setpoint = 50
    laser.pulse_repetition_interval_setpoint = 500
    assert (laser.pulse_width, laser.pulse_width_setpoint) == (50, 50)
    assert laser.pulse_repetition_interval == laser.pulse_repetition_interval_setpoint == 500
    assert laser.duty_cycle == pytest.approx(10)
    laser.mode = LDP3811Mode.CONST_DUTY_CYCLE
    laser.duty_cycle_setpoint = 25
    assert laser.duty_cycle_setpoint == 25
    assert laser.pulse_repetition_interval == 200
    assert laser.set_to_min_duty_cycle() == pytest.approx(100 * 50 / 6500, rel=1e-4)
    assert laser.set_to_max_duty_cycle() == 100
    assert laser.check_errors() == [0]


def test_current_beyond_the_threshold_becomes_light() -> None:
    bench = Bench()
    for line in ("LDI 15", "OUTPUT 1"):
        bench.bus.write(line)
    assert bench.irradiance() == 0.0
    bench.bus.write("LDI 120")
    assert bench.irradiance() == pytest.approx(0.1 * 0.5 / 1e-6)
    bench.bus.write("OUTPUT 0")
    assert bench.irradiance() == 0.0


def test_pulses_light_the_device_for_their_share_of_the_time() -> None:
    bench = Bench(threshold="0 mA", slope=0.002)
    dark = bench.laboratory.device.conductance
    for line in ("PW 100", "PRI 1000", "MODE PRI", "LDI 100", "OUTPUT 1"):
        bench.bus.write(line)
    bench.wait(0.1)
    bench.laboratory.fixture.sync()
    flux = bench.instrument.drive.flux
    assert flux == pytest.approx(0.1 * 0.1 * 200.0, rel=0.02)  # s, duty, W/m2
    assert bench.laboratory.device.conductance > dark


def test_a_trigger_is_one_pulse() -> None:
    bench = Bench(threshold="0 mA")
    for line in ("MODE EXT", "PW 500", "LDI 100", "OUTPUT 1"):
        bench.bus.write(line)
    bench.laboratory.fixture.sync()
    before = bench.instrument.drive.flux
    bench.bus.write("*TRG")
    assert bench.bus.query("*OPC?") == "1"
    bench.wait(0.01)
    bench.laboratory.fixture.sync()
    lit = bench.instrument.irradiance(100)
    assert bench.instrument.drive.flux - before == pytest.approx(500e-6 * lit, rel=1e-3)
    assert bench.irradiance() == 0.0


def test_limits_are_kept_and_told() -> None:
    bench = Bench()
    for line in ("LDI 250", "LIMIT:I200 300", "PW 0.01", "NONSENSE", "OUTPUT 1", "RANGE 500"):
        bench.bus.write(line)
    assert bench.bus.query("ERRORS?") == "501,222,222,113,221"
    assert bench.bus.query("ERRORS?") == "0"
    assert bench.bus.query("SET:LDI?") == "0"


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="terminal"):
        Bench(port="dark")
    with pytest.raises(BadInput, match="spot"):
        Bench(spot="-1 mm2")


_BENCH = Bench()
_HEADERS = st.sampled_from(
    ["LDI", "PW", "PRI", "CDC", "MODE", "OUTPUT", "RANGE", "LIMIT:I200", "*TRG", "*RST", "ERRORS?"]
)
_VALUES = st.sampled_from(["", "0", "1", "-1", "100", "500", "1e9", "nan", "CW", "EXT", "PRI", "?"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_HEADERS, _VALUES).map(" ".join), max_size=10))
def test_any_lines_leave_a_legal_state(lines: list[str]) -> None:
    for line in lines:
        _BENCH.instrument.write(line.encode() + b"\n")
        _BENCH.instrument.replies()
    shown = _BENCH.instrument.channel_state()
    assert 0 <= shown["level"] <= shown["range"]
    assert 0.1 <= shown["width"] <= shown["interval"] <= 6500
