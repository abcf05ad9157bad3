"""Plain readings: the short way gives the readings, the times and the wear of the ordinary one."""

from __future__ import annotations

import pytest

from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices import Stream, family
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley2400_instrument import Keithley2400
from sim_backend.instruments.keithley2400_models import MODELS
from sim_backend.instruments.keithley2400_specification import Model

#: settings under which readings are compared, and after which a first one has been taken
SETTINGS = {
    "as after a reset": (),
    "fast": (":NPLC 0.01", ":SYST:AZER OFF", ":SENS:CURR:RANG 1e-3"),
    "both quantities": (":SENS:FUNC:CONC ON", ":SENS:FUNC 'VOLT','CURR'", ":SOUR:DEL 1e-3"),
    "ohms": (":SENS:FUNC 'RES'", ":SENS:RES:MODE MAN", ":SENS:CURR:RANG 1e-3"),
    "own elements": (":FORM:ELEM VOLT,CURR", ":SYST:TIME:RES:AUTO ON"),
    "one element": (":FORM:ELEM CURR", ":TRIG:DEL 0.01"),
    "binary": (":FORM:DATA SRE", ":FORM:BORD SWAP"),
    "voltmeter only": (":SENS:FUNC:CONC OFF", ":SENS:FUNC 'VOLT'"),
}


class Bench:
    """A 2400 over a resistor, with its errors and its noise."""

    def __init__(self, conductance: float = 1e-4, model: str = "2400") -> None:
        self._make(MODELS[model], conductance)

    def _make(self, made: Model, conductance: float) -> None:
        model, self.clock = family("resistor").load("", {"conductance": conductance}), Clock()
        self.fixture = Fixture(model, model.fresh(1, Stream(0), spread=False), None, self.clock)
        spare = family("resistor").load("", {"conductance": 0.0})
        air = Fixture(spare, spare.fresh(1, Stream(0), spread=False), None, self.clock)
        self.smu = Keithley2400(
            made,
            {
                "FRON": SourceMeter(made.spec, self.fixture, "top", imperfections=Imperfections()),
                "REAR": SourceMeter(made.spec, air, "top", seed="1"),
            },
            self.clock,
        )

    def ask(self, line: str) -> bytes:
        """Send a line; return its reply, or nothing."""
        self.smu.write(line.encode() + b"\n")
        return b"".join(self.smu.replies())


def numbers(reply: bytes) -> list[float]:
    """Return the numbers of a reply in ASCII."""
    return [float(part) for part in reply.decode().split(",")]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_short_way_tells_what_the_ordinary_one_tells(name: str) -> None:
    short, ordinary = Bench(), Bench()
    for bench in (short, ordinary):
        for line in ("*RST", ":SOUR:VOLT 0.7", *SETTINGS[name], ":OUTP ON"):
            bench.ask(line)
    for _ in range(40):
        told = short.ask(":READ?")
        ordinary.ask(":OUTP?")  # a query that changes nothing, but something else than a reading
        expected = ordinary.ask(":READ?")
        if name == "binary":
            assert told[:2] == expected[:2] == b"#0"
            assert told == expected
        else:
            assert numbers(told) == pytest.approx(numbers(expected), rel=2e-6)
        assert short.clock.now_s == pytest.approx(ordinary.clock.now_s, rel=1e-12)
    assert short.fixture.time < ordinary.fixture.time  # the device was left behind
    assert short.ask(":FETC?") == ordinary.ask(":FETC?")
    assert short.ask(":STAT:MEAS?") == ordinary.ask(":STAT:MEAS?")
    assert short.ask("*ESR?") == ordinary.ask("*ESR?")
    tallies = []
    for bench in (short, ordinary):
        bench.fixture.sync()
        tallies.append(bench.fixture.state.tally())
    assert tallies[0].charge == pytest.approx(tallies[1].charge, rel=1e-9)
    assert tallies[0].pulses == tallies[1].pulses


def test_what_moves_the_source_or_the_device_is_seen_at_once() -> None:
    bench = Bench()
    for line in ("*RST", ":SOUR:VOLT 0.5", ":FORM:ELEM CURR", ":OUTP ON"):
        bench.ask(line)
    for _ in range(5):
        assert numbers(bench.ask(":READ?")) == pytest.approx([5e-5], rel=1e-2)
    bench.ask(":SOUR:VOLT 0.25")
    for _ in range(5):
        assert numbers(bench.ask(":READ?")) == pytest.approx([2.5e-5], rel=1e-2)
    another = family("resistor").load("", {"conductance": 4e-4})
    state = another.fresh(1, Stream(0), spread=False)
    bench.fixture.exchange(another, state, {})
    for _ in range(5):
        assert numbers(bench.ask(":READ?")) == pytest.approx([1e-4], rel=1e-2)
    bench.ask(":OUTP OFF")
    bench.ask(":READ?")
    assert bench.ask(":SYST:ERR?").startswith(b"803")


def test_a_range_that_no_longer_fits_is_left() -> None:
    """Autoranging goes on: a current near the end of its range is read on the range above it."""
    bench = Bench(1e-4)
    for line in ("*RST", ":SOUR:VOLT 0.99", ":FORM:ELEM CURR", ":OUTP ON"):
        bench.ask(line)
    found = {bench.ask(":SENS:CURR:RANG?") for _ in range(2)}
    for _ in range(30):
        assert numbers(bench.ask(":READ?")) == pytest.approx([9.9e-5], rel=1e-2)
    found.add(bench.ask(":SENS:CURR:RANG?"))
    bench.ask(":SENS:CURR:RANG 1e-5")  # too small: every reading overflows
    bench.ask(":SENS:CURR:PROT 1e-2")
    replies = [numbers(bench.ask(":READ?"))[0] for _ in range(5)]
    assert len(set(replies)) <= 5
    assert all(reply == 9.9e37 or reply < 1.06e-5 for reply in replies)


def test_an_event_of_the_laboratory_interrupts_a_row_of_readings() -> None:
    bench = Bench()
    for line in ("*RST", ":SOUR:VOLT 0.5", ":FORM:ELEM CURR", ":OUTP ON"):
        bench.ask(line)
    seen: list[float] = []
    bench.clock.after(0.5, lambda: seen.append(bench.fixture.state.tally().charge))
    bench.clock.after(0.5, bench.fixture.sync)
    while bench.clock.now_s < 2.0:
        assert numbers(bench.ask(":READ?")) == pytest.approx([5e-5], rel=1e-2)
    assert len(seen) == 1
