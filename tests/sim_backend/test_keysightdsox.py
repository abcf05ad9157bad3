"""The virtual oscilloscope: its language, its triggers, its records, and what it is wired to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.instruments.keysightdsox_points import _lagging
from sim_backend.laboratory import open_laboratory

AWG = "USB0::0x0957::0x2C07::MY57800001::INSTR"
SCOPE = "USB0::0x2A8D::0x1766::MY57800002::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}
RESISTOR = {"family": "resistor", "preset": "10k"}
G = 100e-6  # S
#: a square wave of 1 V and 1 kHz in bursts of four, with a trigger at each rise
BURST = tuple(
    line.replace("#", str(n))
    for n in (1, 2)
    for line in (
        ":OUTP#:LOAD INF", ":SOUR#:FUNC SQU", ":SOUR#:FREQ 1000", ":SOUR#:BURS:MODE TRIG",
        ":SOUR#:BURS:NCYC 4", ":TRIG#:SOUR BUS", ":SOUR#:BURS:STAT 1",
    )
)  # fmt: skip
LEVELS = (
    ":SOUR1:VOLT 1", ":SOUR1:VOLT:OFFS 0.5", ":SOUR2:VOLT 4", ":SOUR2:VOLT:OFFS 2", ":OUTP1 1",
    ":OUTP2 1",
)  # fmt: skip
#: a record of 5 ms from a millisecond before an edge at the external trigger
EXTERNAL = (
    ":CHAN1:RANG 4", ":CHAN2:RANG 0.4", ":TIM:REF CENT", ":TIM:RANG 5E-3", ":TIM:POS 1.5E-3",
    ":TRIG:EDGE:SOUR EXT", ":TRIG:SWE NORM", ":WAV:POIN:MODE RAW", ":WAV:POIN 1000",
)  # fmt: skip


class Bench:
    """A generator, an oscilloscope beside it, and adapters to both."""

    def __init__(
        self,
        model: str = "DSOX3024T",
        device: dict[str, Any] = RESISTOR,
        noise: Any = QUIET,
        terminal: str = "top",
        **meter: Any,
    ) -> None:
        given = {"driver": "keysightdsox", "model": model, "address": SCOPE, **meter}
        section = {"driver": "agilent33500", "model": "33522B", "address": AWG, "meter": given}
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"awg": section},
                "terminals": {terminal: "awg.1"},
                "simulation": {"device": device, "noise": noise},
            },
            1, None, 0.0,
        )  # fmt: skip
        self.awg, self.scope = (self.laboratory.adapter(n) for n in ("awg", "awg.meter"))

    def send(self, *lines: str) -> None:
        for line in lines:
            self.scope.write(line)

    def drive(self, *lines: str) -> None:
        for line in lines:
            self.awg.write(line)

    def ask(self, line: str) -> str:
        self.scope.write(line)
        return self.scope.read().strip()

    def volts(self, channel: int) -> tuple[Any, Any]:
        """Return times and voltages of a channel, as a client makes them of a block."""
        self.send(f":WAV:SOUR CHAN{channel}", ":WAV:FORM BYTE")
        pre = [float(text) for text in self.ask(":WAV:PRE?").split(",")]
        self.send(":WAV:DATA?")
        head = self.scope.read_bytes(10)
        assert head == b"#8%08d" % pre[2]
        codes = np.frombuffer(self.scope.read_bytes(int(pre[2])), np.uint8)
        assert self.scope.read_bytes(1) == b"\n"
        return pre[5] + pre[4] * np.arange(len(codes)), (codes - pre[9]) * pre[7] + pre[8]

    def run_burst(self) -> None:
        self.drive(*BURST, *LEVELS)
        self.send(*EXTERNAL, ":SINGLE")
        self.laboratory.clock.advance(5e-3)
        assert self.ask(":AER?") == "+1"
        assert int(self.ask(":OPER:COND?")) & 1 << 5
        self.drive("*TRG")
        self.laboratory.clock.advance(10e-3)


def test_both_channels_see_the_burst_and_the_divider_from_the_edge_on() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.run_burst()
    assert bench.ask(":OPER:COND?") == "0"
    times, level = bench.volts(1)
    _, across = bench.volts(2)
    assert times[0] == pytest.approx(-1e-3)
    assert np.all(level[times < -10e-6] == 0)
    high = (times % 1e-3 > 1e-5) & (times % 1e-3 < 0.49e-3) & (times > 0) & (times < 3.9e-3)
    shunt = 1e3 / (1 + 1e3 / 1e6)
    i = 1.0 / (1 / G + 50 + shunt)
    assert level[high] == pytest.approx(np.full(high.sum(), 1 - 50 * i), abs=0.011)
    assert across[high] == pytest.approx(np.full(high.sum(), shunt * i), abs=1.1e-3)
    # the device had what was left of the charge
    charge = bench.laboratory.device.tally.throughput
    assert charge == pytest.approx(4 * 0.5e-3 * i, rel=1e-3)


def test_fifty_ohm_inside_close_the_circuit_only_when_they_are_switched_on() -> None:
    bench = Bench()
    for kind, ohms in (("ONEM", 1e6), ("FIFT", 50.0)):
        bench.send(f":CHAN2:IMP {kind}")
        before = bench.laboratory.device.tally.charge
        bench.run_burst()
        moved = bench.laboratory.device.tally.charge - before
        assert moved == pytest.approx(2e-3 / (1e4 + 50 + ohms), rel=1e-3)


def test_a_model_without_fifty_ohm_says_so() -> None:
    bench = Bench("DSOX1102G", shunt="50 Ohm")
    bench.send(":CHAN2:IMP FIFT")
    assert bench.ask(":SYST:ERR?").startswith("-241")
    assert bench.ask(":CHAN2:IMP?") == "ONEM"
    bench.send(":CHAN3:RANG 1")
    assert bench.ask(":SYST:ERR?").startswith("-114")


def test_a_level_on_a_channel_triggers_where_it_is_passed() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.drive(*BURST, *LEVELS)
    bench.send(*EXTERNAL, ":TRIG:EDGE:SOUR CHAN1", ":TRIG:EDGE:LEV 0.5", ":SINGLE")
    bench.laboratory.clock.advance(5e-3)
    bench.drive("*TRG")
    bench.laboratory.clock.advance(10e-3)
    assert bench.ask(":TER?") == "+1"
    assert bench.ask(":TER?") == "+0"
    times, level = bench.volts(1)
    assert level[np.searchsorted(times, 1e-5)] > 0.9
    assert level[np.searchsorted(times, -1e-5)] == 0


def test_without_an_edge_a_normal_sweep_waits_and_an_automatic_one_does_not() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.send(*EXTERNAL, ":RUN")
    bench.laboratory.clock.advance(1.0)
    bench.send(":WAV:SOUR CHAN1")
    bench.send(":WAV:DATA?")
    assert bench.ask(":SYST:ERR?").startswith("-230")
    bench.send(":TRIG:FORC")
    bench.laboratory.clock.advance(0.01)
    bench.send(":STOP")
    assert len(bench.volts(1)[0]) == 1000
    bench.send(":TRIG:SWE AUTO", ":DIG")
    assert bench.ask("*OPC?") == "1"
    assert bench.ask(":OPER:COND?") == "0"


def test_segments_are_tagged_with_the_time_of_their_triggers() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.drive(*BURST, *LEVELS)
    bench.send(*EXTERNAL, ":TIM:RANG 2E-4", ":TIM:POS 8E-5", ":ACQ:MODE SEGM", ":ACQ:SEGM:COUN 4",
               ":SINGLE")  # fmt: skip
    bench.laboratory.clock.advance(5e-3)
    bench.drive("*TRG")
    bench.laboratory.clock.advance(10e-3)
    assert bench.ask(":WAV:SEGM:COUN?") == "+4"
    for k in range(4):
        bench.send(f":ACQ:SEGM:IND {k + 1}")
        assert float(bench.ask(":WAV:SEGM:TTAG?")) == pytest.approx(k * 1e-3, abs=1e-9)
        times, level = bench.volts(1)
        assert level[-1] > 0.9
        assert level[0] == pytest.approx(0.0, abs=0.02)
        assert times[0] == pytest.approx(-2e-5)


def test_what_is_beyond_the_converter_is_clipped_and_marked() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.run_burst()
    bench.send(":CHAN1:RANG 0.8", ":SINGLE")
    bench.laboratory.clock.advance(5e-3)
    bench.drive("*TRG")
    bench.laboratory.clock.advance(10e-3)
    times, level = bench.volts(1)
    inside = (times > 0.1e-3) & (times < 0.4e-3)
    # code 255 is what the programmer's guide calls clipped high
    assert np.all(level[inside] == pytest.approx((255 - 128) * 0.8 / 200))


@pytest.mark.parametrize("model", ["DSOX1102G", "DSOX3024T"])
def test_errors_stay_within_the_specification_and_noise_averages_out(model: str) -> None:
    for seed in range(3):
        bench = Bench(model, noise=QUIET | {"instrument": True}, shunt="1 kOhm")
        bench.laboratory.instruments["awg.meter"].waveforms._errors = errors_of(seed)
        bench.run_burst()
        times, level = bench.volts(1)
        inside = (times > 0.1e-3) & (times < 0.4e-3)
        zero, high = level[times < -1e-4].mean(), level[inside].mean()
        share = 0.03 if model == "DSOX1102G" else 0.02
        assert abs(zero) <= 0.1 * 0.5 + 2e-3 + 0.01
        assert abs(high - zero - 0.9955) <= 2 * share * 0.9955 + 0.005 * 4
        assert level[inside].std() > 1e-3
        bench.send(":ACQ:TYPE HRES", ":WAV:POIN 1000", ":SINGLE")
        bench.laboratory.clock.advance(5e-3)
        bench.drive("*TRG")
        bench.laboratory.clock.advance(10e-3)
        bench.send(":WAV:FORM WORD", ":WAV:SOUR CHAN1", ":WAV:DATA?")
        bench.scope.read_bytes(10)
        words = np.frombuffer(bench.scope.read_bytes(2000), ">u2")
        bench.scope.read_bytes(1)
        assert words[inside].std() * 4 / 200 / 256 < level[inside].std()


def errors_of(seed: int) -> Any:
    from sim_backend.instruments.keysightdsox_points import draw_errors

    return draw_errors(f"{seed}", ideal=False)


def test_an_average_is_taken_over_triggers() -> None:
    bench = Bench(noise=QUIET | {"instrument": True}, shunt="1 kOhm")
    spread = []
    for kind, count in (("NORM", 2), ("AVER", 4)):
        bench.drive(*BURST, *LEVELS, ":SOUR1:BURS:NCYC 8", ":SOUR2:BURS:NCYC 8")
        bench.send(*EXTERNAL, ":TIM:RANG 2E-4", ":TIM:POS 1.5E-4", f":ACQ:TYPE {kind}",
                   f":ACQ:COUN {count}", ":CHAN1:RANG 1.6", ":CHAN1:OFFS 0.8", ":SING")  # fmt: skip
        bench.laboratory.clock.advance(5e-3)
        bench.drive("*TRG")
        bench.laboratory.clock.advance(10e-3)
        assert bench.ask(":OPER:COND?") == "0"
        bench.send(":WAV:FORM WORD", ":WAV:SOUR CHAN1", ":WAV:DATA?")
        bench.scope.read_bytes(10)
        spread.append(np.frombuffer(bench.scope.read_bytes(2000), ">u2").std())
        bench.scope.read_bytes(1)
    assert spread[1] < 0.7 * spread[0]


def test_the_compound_answers_that_pymeasure_takes_apart() -> None:
    bench = Bench(shunt="1 kOhm")
    bench.send(":CHAN1:RANG 4", ":CHAN1:COUP AC", ":TIM:RANG 1E-3")
    said = dict(part.split(" ") for part in bench.ask(":CHAN1?")[7:].split(";"))
    assert said["RANG"] == "+4.00E+00"
    assert said["COUP"] == "AC"
    assert bench.ask(":TIM?").startswith(":TIM:MODE MAIN;REF CENT;MAIN:RANG +1.00E-03")
    assert bench.ask("*IDN?").split(",")[1] == "DSO-X 3024T"
    bench.send("*RST")
    assert bench.ask(":CHAN1:COUP?") == "DC"


def test_a_device_with_three_terminals_is_not_read_by_a_resistor() -> None:
    with pytest.raises(BadInput, match="two terminals; this one has"):
        Bench(device={"family": "fefet", "preset": "hzo"}, terminal="gate", shunt="1 kOhm")


@given(
    lag=st.floats(0.1, 10.0),
    steps=st.lists(st.tuples(st.floats(0.01, 2.0), st.floats(-2, 2)), min_size=1, max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_a_pole_follows_straight_lines_as_small_steps_would(lag: float, steps: Any) -> None:
    times = np.concatenate([[0.0], np.cumsum([dt for dt, _ in steps])])
    volts = np.concatenate([[0.0], [v for _, v in steps]])
    when = np.linspace(0.0, times[-1], 4001)
    through = _lagging(when, times, volts, lag)
    dt = when[1] - when[0]
    # tau dy/dt = x - y, by the implicit midpoint rule
    x, y, share = np.interp(when, times, volts), 0.0, dt / lag / 2
    for k in range(1, len(when)):
        y = (y * (1 - share) + share * (x[k] + x[k - 1])) / (1 + share)
    assert through[-1] == pytest.approx(y, abs=2e-3 * np.abs(volts).max() + 1e-9)
