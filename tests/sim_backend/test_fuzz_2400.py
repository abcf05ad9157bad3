"""Random and mutated SCPI on a virtual Series 2400: nothing escapes, nothing hangs, all is legal.

Lines are made from the instrument's own table (every header, written long, short and in any case,
asked and sent, with values that fit and values that do not), joined, and then spoilt: characters
lost, doubled, swapped and put in. A line that would take long is broken off by a device clear after
some simulated seconds, as somebody in front of the real instrument would.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from sim_backend.instruments.keithley2400_models import MODELS
from tests.sim_backend.fuzzing import ScpiWriter, Trail, trail
from tests.sim_backend.test_keithley2400_plain import Bench

_PATIENCE = 2.0  # s of the laboratory that a line may take
_WORDS = (
    "MIN", "MAX", "DEF", "INF", "NINF", "NAN", "ON", "OFF", "UP", "DOWN", "NONE", "ALL", "BUS",
    "TIM", "IMM", "TLIN", "VOLT", "CURR", "RES", "'VOLT'", '"CURR:DC"', "'CURR','VOLT'", "LIST",
    "SWE", "FIX", "MEM", "ASC", "REAL,32", "SRE", "NORM", "SWAP", "(@1,2)", "(1/VOLT)", "#H1F",
    "#B101", "#Q17", "#15hello", "#0raw", "'text'", '"open', "1;2", ":", "?", "1 V", "3 mA",
    "2e-3,4e-3", "1,2,3,4,5,6,7,8", "BEST", "AUTO", "FRON", "REAR", "EARL", "NEV", "SENS", "NEXT",
)  # fmt: skip
#: settings that make the next run last for ever are sent rarely
_LONG = ("COUN", "POIN", "NPLC", "DEL", "TIM", "INIT", "READ", "MEAS")


def check_state(bench: Bench, model: str) -> None:
    """Raise where the instrument is in a state that a real one cannot be in."""
    smu, spec = bench.smu, MODELS[model].spec
    for terminals in ("front", "rear"):
        panel = smu.channel_state(terminals)
        ranges = spec.v_source if panel["function"] == "v" else spec.i_source
        source = next(r for r in ranges if r.full_scale == panel["range"])
        assert abs(panel["level"]) <= source.maximum * (1 + 1e-9)
        others = spec.i_source if panel["function"] == "v" else spec.v_source
        assert 0 < panel["compliance"] <= others[-1].maximum * (1 + 1e-9)
        meters = spec.i_measure if panel["function"] == "v" else spec.v_measure
        assert panel["measure_range"] in [r.full_scale for r in meters]
        assert spec.nplc_minimum <= panel["nplc"] <= spec.nplc_maximum
    assert 0 <= smu.status_byte() <= 255
    assert len(smu.account.errors) <= 10
    drive = bench.fixture.drives[0]
    assert math.isfinite(drive.v)
    assert math.isfinite(drive.charge)
    assert drive.bound > 0
    assert bench.fixture.time <= bench.clock.now_s


def patient(bench: Bench, send: Callable[[], None]) -> None:
    """Send, but break off what takes too long."""
    alarm = bench.clock.after(_PATIENCE, bench.smu.interrupt)
    send()
    alarm.cancel()


def play(model: str, count: int, seed: int, kept: Trail) -> tuple[int, int]:
    """Send that many lines; returns how many replies came and how many errors were reported."""
    bench = Bench(model=model)
    smu = bench.smu
    writer = ScpiWriter(smu.table(), seed, _WORDS)
    replies = errors = 0
    for number in range(count):
        line = {0: "*RST", 1: ":OUTP ON", 13: ":OUTP ON"}.get(number % 25) or writer.line()
        while any(word in line.upper() for word in _LONG) and writer.draw.random() < 0.7:
            line = writer.line()
        message = line.encode("latin-1", "replace").replace(b"\n", b" ") + b"\n"
        kept.add(line)
        patient(bench, lambda message=message: smu.write(message))  # type: ignore[misc]
        found = smu.replies()
        replies += len(found)
        assert all(reply.endswith(b"\n") for reply in found), line
        assert bench.clock.now_s < math.inf
        if number % 10 == 0:
            check_state(bench, model)
        if number % 100 == 99:
            errors += len(smu.account.errors)
            smu.interrupt()
            smu.clear()
            assert smu.replies() == []
            smu.write(b"*CLS;*IDN?\n")
            (name,) = smu.replies()
            assert name.startswith(b"KEITHLEY INSTRUMENTS INC.,MODEL " + model.encode())
            smu.write(b":SYST:ERR?\n")
            assert smu.replies() == [b'0,"No error"\n']
    return replies, errors


@pytest.mark.parametrize("model", MODELS)
def test_lines_of_all_kinds(model: str) -> None:
    with trail(f"play({model!r}, 4000, 1, kept)") as kept:
        replies, errors = play(model, 4000, 1, kept)
    assert replies > 500
    assert errors > 100


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(2, 12))
def test_a_million_lines(seed: int) -> None:
    """100 000 lines for each of 10 seeds."""
    model = list(MODELS)[seed % len(MODELS)]
    with trail(f"play({model!r}, 100_000, {seed}, kept)") as kept:
        replies, errors = play(model, 100_000, seed, kept)
    assert replies > 4000
    assert errors > 1000
