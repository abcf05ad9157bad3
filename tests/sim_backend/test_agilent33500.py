"""The virtual 33522B: its settings, its waveforms, bursts, and what they do to a device."""

from __future__ import annotations

import random
import string
import struct
from typing import Any

import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import Agilent33500

from sim_backend.instruments.waves import Wave, rectangle, sine, steps
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from tests.sim_backend.fuzzing import trail

AWG, SMU = "USB0::0x0957::0x2C07::MY1::INSTR", "GPIB0::26::INSTR"


class Bench:
    """A generator on the top of a device, a 2602B on its bottom."""

    def __init__(
        self, device: dict[str, Any] | None = None, terminal: str = "top", **options: Any
    ) -> None:
        terminals = {"bottom": "smu.a"}
        if terminal:
            terminals[terminal] = "awg.1"
        self.laboratory: VirtualLaboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {
                    "awg": {
                        "driver": "agilent33500", "model": "33522B", "address": AWG, **options,
                    },
                    "smu": {"driver": "keithley2600", "model": "2602B", "address": SMU},
                },
                "terminals": terminals,
                "simulation": {
                    "device": device or {"family": "resistor", "preset": "10k"},
                    "noise": {"instrument": False, "cycle": False, "device": False},
                },
            },
            1, None, 0.0,
        )  # fmt: skip
        self.manager = pyvisa.ResourceManager(self.laboratory.visa)
        self.bus: Any = self.manager.open_resource(AWG, read_termination="\n", timeout=20000)
        self.instrument = self.laboratory.instruments["awg"]
        self.fixture = self.laboratory.fixture
        outlet = self.instrument.outputs[0].outlet
        self.drive = outlet.drive

    def do(self, *lines: str) -> None:
        for line in lines:
            self.bus.write(line)

    def ask(self, line: str) -> str:
        return str(self.bus.query(line))

    def number(self, line: str) -> float:
        return float(self.ask(line))

    def errors(self) -> list[int]:
        found = []
        while not (entry := self.ask("SYST:ERR?")).startswith(("0,", "+0,")):
            found.append(int(entry.split(",")[0]))
        return found

    def wait(self, duration: float) -> None:
        self.laboratory.clock.wait(duration, lambda: False)

    def emf(self) -> float:
        """Return the voltage behind the output's resistance now, V."""
        return float(self.drive.level(self.laboratory.clock.now()))

    def driver(self) -> Agilent33500:
        return Agilent33500(VISAAdapter(AWG, visa_library=self.laboratory.visa, timeout=20000))


# -- pymeasure -----------------------------------------------------------------------------------

#: property -> values that are set, one after the other, and read back
PROPERTIES: dict[str, tuple[Any, ...]] = {
    "shape": ("SQU", "TRI", "RAMP", "PULS", "PRBS", "NOIS", "ARB", "DC", "SIN"),
    "frequency": (1e-3, 1e3, 20e6),
    "amplitude": (0.01, 10.0, 1.0),
    "amplitude_unit": ("VRMS", "DBM", "VPP"),
    "offset": (-4.0, 0.0, 2.0, 0.0),
    "voltage_high": (5.0, 1.0),
    "voltage_low": (-5.0, -1.0),
    "phase": (-360, 90, 0),
    "square_dutycycle": (20.0, 50.0),
    "ramp_symmetry": (0.0, 30.0, 100.0),
    "pulse_period": (1e-2, 1e-3),
    "pulse_hold": ("DCYC", "WIDT"),
    "pulse_width": (2e-4, 1e-4),
    "pulse_dutycycle": (5.0, 10.0),
    "pulse_transition": (1e-7, 1e-8),
    "output": (True, False),
    "output_load": (1000.0, 50.0),
    "burst_state": (True, False),
    "burst_mode": ("GAT", "TRIG"),
    "burst_period": (1e-3, 0.5),
    "burst_ncycles": (7, 1),
    "arb_advance": ("TRIG", "SRAT"),
    "arb_filter": ("OFF", "STEP", "NORM"),
    "arb_srate": (1e6, 4e4),
}
#: of the generator as a whole
COMMON = {"trigger_source": ("BUS", "EXT", "IMM"), "ext_trig_out": (True, False)}


def test_pymeasures_driver_sets_and_reads_every_property() -> None:
    bench = Bench()
    awg = bench.driver()
    awg.clear()
    for part in (awg, awg.ch_1, awg.ch_2):
        part.shape = "PULS"
        for name, values in PROPERTIES.items():
            for value in values:
                setattr(part, name, value)
                assert getattr(part, name) == pytest.approx(value), (name, value)
                assert bench.errors() == [], (name, value)
    for name, values in COMMON.items():
        for value in values:
            setattr(awg, name, value)
            assert getattr(awg, name) == value
    own = {
        name
        for name in dir(type(awg.ch_1))
        if isinstance(getattr(type(awg.ch_1), name, None), property)
    }
    assert own - set(PROPERTIES) <= {"arb_file", "check_instrument_errors"} | set(dir(object))
    assert bench.errors() == []


def test_pymeasures_driver_uploads_selects_and_triggers() -> None:
    bench = Bench()
    awg = bench.driver()
    for channel in (awg.ch_1, awg.ch_2):
        channel.data_volatile_clear()
        channel.data_arb("ramp", range(-10000, 10000, 100), data_format="DAC")
        channel.data_arb("saw", [k / 10 for k in range(10)], data_format="float")
        channel.arb_srate = 1e5
        channel.arb_file = "saw"
        assert channel.arb_file == '"saw"'
        channel.shape = "ARB"
    assert bench.ask("SOUR2:FUNC:ARB:POIN?") == "10"
    awg.beep()
    awg.display = "measuring"
    awg.clear_display()
    awg.phase_sync()
    awg.data_volatile_clear()
    awg.shape = "SIN"
    awg.trigger_source = "BUS"
    awg.burst_state = True
    awg.burst_ncycles = 5
    awg.frequency = 100
    awg.output = True
    begin = bench.laboratory.clock.now()
    awg.trigger()
    awg.wait_for_trigger()
    assert bench.laboratory.clock.now() - begin == pytest.approx(0.05, abs=5e-3)
    assert bench.errors() == []


# -- settings ------------------------------------------------------------------------------------


def test_levels_follow_the_load_they_are_shown_for() -> None:
    bench = Bench()
    bench.do("FUNC DC", "VOLT:OFFS 1", "OUTP ON")
    assert bench.emf() == pytest.approx(2.0)  # behind 50 Ohm
    bench.do("OUTP:LOAD INF")
    assert bench.number("VOLT:OFFS?") == pytest.approx(2.0)
    assert bench.emf() == pytest.approx(2.0)  # the source does what it did
    assert bench.ask("OUTP:LOAD?") == "+9.900000000000000E+37"
    bench.do("VOLT:OFFS 9.9")
    assert bench.errors() == []
    assert bench.emf() == pytest.approx(9.9)


def test_what_is_out_of_range_is_clipped_and_said() -> None:
    bench = Bench()
    bench.do("VOLT 25")
    assert (bench.number("VOLT?"), bench.errors()) == (10.0, [-222])
    bench.do("VOLT 4", "VOLT:OFFS 4")
    assert (bench.number("VOLT:OFFS?"), bench.errors()) == (3.0, [-222])
    bench.do("VOLT 8")
    assert (bench.number("VOLT:OFFS?"), bench.errors()) == (1.0, [-221])
    bench.do("FREQ 20e6", "FUNC RAMP")
    assert (bench.number("FREQ?"), bench.errors()) == (200e3, [-221])
    bench.do("SOUR3:FREQ 1", "NONSENSE 1", "FUNC COSINE")
    assert bench.errors() == [-114, -113, -224]
    bench.do("VOLT 1;VOLT:OFFS 0;VOLT:LIM:HIGH 1;VOLT:LIM:LOW -1;VOLT:LIM:STAT ON", "VOLT 5")
    assert (bench.number("VOLT?"), bench.errors()) == (2.0, [-222])


def test_channels_may_be_coupled() -> None:
    bench = Bench()
    bench.do("SOUR1:FREQ 500", "SOUR2:FREQ 700", "FREQ:COUP ON")
    assert bench.number("SOUR2:FREQ?") == 500
    bench.do("SOUR2:FREQ 900")
    assert bench.number("SOUR1:FREQ?") == 900
    bench.do("FREQ:COUP OFF", "SOUR1:FREQ 100")
    assert bench.number("SOUR2:FREQ?") == 900
    assert bench.errors() == []


def test_settings_are_saved_and_the_output_comes_back_off() -> None:
    bench = Bench()
    bench.do("FUNC SQU;FREQ 333;OUTP ON", "*SAV 1", "*RST")
    assert bench.ask("FUNC?;OUTP?") == "SIN;0"
    bench.do("*RCL 1")
    assert bench.ask("FUNC?;OUTP?") == "SQU;0"
    assert bench.number("FREQ?") == 333
    bench.do("*RCL 4")
    assert bench.errors() == [-221]


# -- arbitrary waveforms ---------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "mark"), [("NORM", ">"), ("SWAP", "<")])
def test_blocks_of_data_may_hold_newlines(order: str, mark: str) -> None:
    bench = Bench()
    values = [0x0A0A, 0x0A23, -0x0A0A, 0, 32767, -32767, 10, 2570]
    data = struct.pack(f"{mark}8h", *values)
    bench.do(f"FORM:BORD {order}")
    bench.bus.write_raw(b"DATA:ARB:DAC block, #216" + data + b"\n")
    floats = struct.pack(f"{mark}8f", *[k / 8 for k in range(8)])
    bench.bus.write_raw(b"SOUR1:DATA:ARB other, #232" + floats + b"\n")
    assert bench.errors() == []
    held = bench.instrument.outputs[0].settings.arbs
    assert held["block"] == pytest.approx([v / 32767 for v in values])
    assert held["other"] == pytest.approx([k / 8 for k in range(8)])


def test_waveforms_have_names_and_room() -> None:
    bench = Bench()
    points = ",".join(["0"] * 8)
    bench.do(f"DATA:ARB one, {points}", f"DATA:ARB one, {points}")
    assert bench.errors() == [786]
    bench.do("FUNC:ARB two", "DATA:ARB two, 0, 1", "DATA:ARB three, 0,0,0,0,0,0,0,2")
    assert bench.errors() == [785, 781, -222]
    assert bench.ask("DATA:VOL:CAT?") == '"one"'
    bench.do("DATA:VOL:CLE", f"DATA:ARB one, {points}")
    assert bench.errors() == []


# -- what comes out --------------------------------------------------------------------------------


def test_a_pulse_reaches_the_device_through_fifty_ohms() -> None:
    bench = Bench()
    bench.do("FUNC PULS;FUNC:PULS:PER 1e-3;FUNC:PULS:WIDT 2e-4;OUTP:LOAD INF")
    bench.do("VOLT 2;VOLT:OFFS 1;TRIG1:SOUR BUS;BURS:STAT ON;BURS:NCYC 100;OUTP ON")
    assert bench.errors() == []
    bench.fixture.sync()
    before = bench.drive.charge
    bench.do("*TRG")
    assert bench.ask("*OPC?") == "1"
    bench.fixture.sync()
    moved = bench.drive.charge - before
    assert moved == pytest.approx(100 * 2.0 / 10050 * 2e-4, rel=1e-3)
    assert bench.laboratory.device.tally.positive == 100
    assert bench.emf() == pytest.approx(0.0)


def test_continuous_bursts_and_an_output_that_is_off() -> None:
    bench = Bench()
    bench.do("FUNC SQU;FREQ 1000;VOLT:HIGH 0.5;VOLT:LOW 0;BURS:NCYC 3;BURS:INT:PER 0.1")
    bench.do("BURS:STAT ON;OUTP ON")
    bench.wait(1.0)
    counted = bench.laboratory.device.tally.positive
    assert counted == pytest.approx(30, abs=3)
    bench.do("OUTP OFF")
    bench.wait(1.0)
    assert bench.laboratory.device.tally.positive - counted <= 3
    assert bench.drive.kind == "open"


def test_a_trigger_without_a_burst_is_ignored() -> None:
    bench = Bench()
    bench.do("*TRG")
    assert bench.errors() == [-211]
    bench.do("BURS:STAT ON;TRIG:SOUR BUS;OUTP ON;BURS:NCYC INF;*TRG")
    bench.wait(0.1)
    assert bench.ask("*STB?") is not None
    bench.do("ABOR")
    assert bench.errors() == []


def test_a_wave_too_fast_to_follow_is_its_mean() -> None:
    bench = Bench()
    bench.do("FUNC SQU;FREQ 20e6;FUNC:SQU:DCYC 50;VOLT 1;VOLT:OFFS 0.25;OUTP ON")
    bench.fixture.sync()
    before = bench.drive.charge
    begin = bench.laboratory.clock.now()
    bench.wait(10.0)
    bench.fixture.sync()
    duration = bench.laboratory.clock.now() - begin
    assert (bench.drive.charge - before) / duration == pytest.approx(0.5 / 10050, rel=1e-3)


def test_it_gates_a_light() -> None:
    device = {"family": "optoelectronic", "preset": "mxene-vp"}
    bench = Bench(device, terminal="", light={"1": "light 365 nm"}, irradiance="100 W/m2")
    dark = bench.laboratory.device.conductance
    bench.do("OUTP:LOAD INF;FUNC PULS;FUNC:PULS:PER 1;FUNC:PULS:WIDT 0.5")
    bench.do("VOLT:HIGH 5;VOLT:LOW 0;TRIG:SOUR BUS;BURS:STAT ON;BURS:NCYC 1;OUTP ON;*TRG")
    assert bench.errors() == []
    bench.wait(0.25)
    assert bench.emf() == pytest.approx(100.0)  # W/m2
    assert bench.ask("*OPC?") == "1"
    assert bench.laboratory.device.conductance > 1.01 * dark
    assert bench.emf() == 0.0


# -- shapes ---------------------------------------------------------------------------------------

_SHAPES = st.one_of(
    st.just(sine()),
    st.floats(0.05, 0.9).map(lambda high: rectangle(high, 0.01, 0.02)),
    st.lists(st.floats(-1, 1), min_size=8, max_size=20).map(lambda v: steps(v, 1e-3)),
)


@settings(max_examples=60, deadline=None)
@given(_SHAPES, st.floats(1e-4, 10), st.floats(0, 1e3), st.sampled_from([1.0, 3.0, float("inf")]))
def test_between_two_changes_a_wave_is_straight(
    shape: Any, period: float, start: float, cycles: float
) -> None:
    wave = Wave(shape, period, start, 2.0, 0.5, cycles)
    now, bends = max(0.0, start - period), 0
    while now < start + 2 * period and bends < 500:
        then = wave.next_change(now)
        assert then > now
        if then == float("inf"):
            break
        # inside of the piece: at its ends a step belongs to one side or to the other
        a, b = now + 0.25 * (then - now), now + 0.75 * (then - now)
        middle = (wave.level(a) + wave.level(b)) / 2
        assert wave.level((a + b) / 2) == pytest.approx(middle, abs=2e-6)
        now, bends = then, bends + 1


# -- anything at all -------------------------------------------------------------------------------

_BENCH = Bench(terminal="")
_HEADERS = (
    "FUNC", "FREQ", "VOLT", "VOLT:OFFS", "VOLT:HIGH", "VOLT:LOW", "VOLT:UNIT", "OUTP", "OUTP:LOAD",
    "BURS:STAT", "BURS:MODE", "BURS:NCYC", "BURS:INT:PER", "TRIG:SOUR", "FUNC:PULS:WIDT", "*TRG",
    "FUNC:PULS:PER", "FUNC:PULS:TRAN", "FUNC:SQU:DCYC", "FUNC:ARB", "FUNC:ARB:SRAT", "DATA:ARB",
    "DATA:VOL:CLE", "SOUR2:FREQ", "SOUR2:VOLT", "SOUR9:FREQ", "*RST", "*SAV", "*RCL", "*OPC?",
    "FREQ:COUP", "PHAS:SYNC", "VOLT:LIM:STAT", "VOLT:LIM:HIGH", "APPL:SIN", "SYST:ERR?", "ABOR",
)  # fmt: skip
_VALUES = (
    "", "0", "1", "-1", "1e-9", "1e9", "MAX", "MIN", "INF", "SIN", "ARB", "NOIS", "PRBS", "DC",
    "BUS", "IMM", "ON", "OFF", "x, #18\n\n\n\n\n\n\n\n", "a, 0,1,0,1,0,1,0,1", "?", "DBM", "50",
)  # fmt: skip
_LINES = st.one_of(
    st.text(string.printable, max_size=40),
    st.tuples(st.sampled_from(_HEADERS), st.sampled_from(_VALUES)).map(" ".join),
)


def _take(line: str) -> None:
    instrument = _BENCH.instrument
    instrument.write(line.encode("latin-1", "replace") + b"\n")
    instrument.poll()
    for reply in instrument.replies():
        assert reply.endswith(b"\n")
    for output in instrument.outputs:
        s = output.settings
        assert 1e-6 <= s.frequency <= 30e6
        half = s.amplitude / 2 if s.function != "DC" else 0.0
        assert abs(s.offset) + half <= s.largest * (1 + 1e-9)
        assert s.period > 0


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=10))
def test_any_lines_leave_a_legal_state(lines: list[str]) -> None:
    for line in lines:
        _take(line)


@pytest.mark.long
@pytest.mark.timeout(540)
def test_a_million_lines_leave_a_legal_state() -> None:
    draw = random.Random(1)
    with trail("test_a_million_lines_leave_a_legal_state()") as kept:
        for _ in range(1_000_000):
            line = f"{draw.choice(_HEADERS)} {draw.choice(_VALUES)}"
            at = draw.randrange(len(line))
            if draw.random() < 0.2:  # one character is another
                line = line[:at] + draw.choice(string.printable) + line[at + 1 :]
            kept.add(line)
            _take(line)
