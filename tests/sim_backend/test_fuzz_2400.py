"""Random and mutated SCPI on a virtual Series 2400: nothing escapes, nothing hangs, all is legal.

Lines are made from the instrument's own table (every header, written long, short and in any case,
asked and sent, with values that fit and values that do not), joined, and then spoilt: characters
lost, doubled, swapped and put in. A line that would take long is broken off by a device clear after
some simulated seconds, as somebody in front of the real instrument would.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from sim_backend.instruments.keithley2400_models import MODELS
from sim_backend.wire.parameters import Boolean, Choice
from sim_backend.wire.scpi import Command, alternatives
from tests.sim_backend.test_keithley2400_plain import Bench

_PATIENCE = 2.0  # s of the laboratory that a line may take
_CHARACTERS = "".join(map(chr, [*range(32, 127), 9, 0, 7, 27, 176, 255]))
_WORDS = (
    "MIN", "MAX", "DEF", "INF", "NINF", "NAN", "ON", "OFF", "UP", "DOWN", "NONE", "ALL", "BUS",
    "TIM", "IMM", "TLIN", "VOLT", "CURR", "RES", "'VOLT'", '"CURR:DC"', "'CURR','VOLT'", "LIST",
    "SWE", "FIX", "MEM", "ASC", "REAL,32", "SRE", "NORM", "SWAP", "(@1,2)", "(1/VOLT)", "#H1F",
    "#B101", "#Q17", "#15hello", "#0raw", "'text'", '"open', "1;2", ":", "?", "1 V", "3 mA",
    "2e-3,4e-3", "1,2,3,4,5,6,7,8", "BEST", "AUTO", "FRON", "REAR", "EARL", "NEV", "SENS", "NEXT",
)  # fmt: skip
#: settings that make the next run last for ever are sent rarely
_LONG = ("COUN", "POIN", "NPLC", "DEL", "TIM", "INIT", "READ", "MEAS")


class Writer:
    """Makes lines."""

    def __init__(self, table: list[Command], seed: int) -> None:
        self.draw = random.Random(seed)
        self.commands = [
            (command, [path.split(":") for path in _forms(command.header)]) for command in table
        ]

    def line(self) -> str:
        """Return one line."""
        draw = self.draw
        units = [self._unit() for _ in range(draw.choice((1, 1, 1, 1, 2, 2, 3, 5)))]
        line = ";".join(units)
        if draw.random() < 0.35:
            line = self._spoilt(line)
        return line

    def _unit(self) -> str:
        draw = self.draw
        command, forms = draw.choice(self.commands)
        header = ":".join(self._word(word) for word in draw.choice(forms))
        if draw.random() < 0.8 and header[0] != "*":
            header = ":" + header
        asks = command.write is None or (command.query is not None and draw.random() < 0.4)
        if draw.random() < (0.98 if asks else 0.02):
            header += "?"
        fitting = draw.random() < 0.7
        if fitting:
            values = ",".join(self._fitting(p) for p in (() if asks else command.parameters))
        else:
            values = ",".join(self._value() for _ in range(draw.choice((0, 1, 1, 1, 2, 3))))
        return f"{header} {values}" if values else header

    def _fitting(self, parameter: object) -> str:
        """Return a value of the kind that is asked for."""
        if isinstance(parameter, Choice):
            return self._word(self.draw.choice(list(parameter.options)))
        if isinstance(parameter, Boolean):
            return self.draw.choice(("0", "1", "ON", "off"))
        return self._value()

    def _word(self, word: str) -> str:
        draw = self.draw
        word = word.replace("<n>", str(draw.choice((1, 1, 2, 3, 5, 12, 13, 0, 99))))
        word = word.replace("[", "").replace("]", "") if draw.random() < 0.3 else word.split("[")[0]
        if draw.random() < 0.6:
            word = "".join(c for c in word if not c.islower())
        return word if draw.random() < 0.5 else word.lower()

    def _value(self) -> str:
        draw = self.draw
        kind = draw.random()
        if kind < 0.35:
            return draw.choice(_WORDS)
        if kind < 0.55:
            return str(draw.choice((0, 1, 2, 3, 5, 10, 100, 2500, 2501, -1, 65535, 10**30)))
        exponent = draw.uniform(-13, 4) if kind < 0.95 else draw.choice((-400, 400, 38, 309))
        return f"{draw.uniform(-10, 10):.4g}e{exponent:.0f}"

    def _spoilt(self, line: str) -> str:
        draw = self.draw
        for _ in range(draw.choice((1, 1, 2, 4, 9))):
            at = draw.randrange(len(line) + 1)
            change = draw.randrange(5)
            if change == 0:
                line = line[:at] + line[at + 1 :]
            elif change == 1:
                line = line[:at] + draw.choice(_CHARACTERS) + line[at:]
            elif change == 2:
                line = line[:at] + line[at : at + 1] * draw.choice((2, 3, 200)) + line[at:]
            elif change == 3:
                line = line[: at - 1] + line[at : at + 1] + line[at - 1 : at] + line[at + 1 :]
            else:
                line = line[:at]
        return line


def _forms(header: str) -> list[str]:
    """Return every way in which a header may be written, before shortening."""
    return [header] if header[0] == "*" else [":".join(path) for path in alternatives(header)]


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


def play(model: str, count: int, seed: int) -> tuple[int, int]:
    """Send that many lines; returns how many replies came and how many errors were reported."""
    bench = Bench(model=model)
    smu = bench.smu
    writer = Writer(smu.table(), seed)
    replies = errors = 0
    for number in range(count):
        line = {0: "*RST", 1: ":OUTP ON", 13: ":OUTP ON"}.get(number % 25) or writer.line()
        while any(word in line.upper() for word in _LONG) and writer.draw.random() < 0.7:
            line = writer.line()
        message = line.encode("latin-1", "replace").replace(b"\n", b" ") + b"\n"
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
    replies, errors = play(model, 4000, 1)
    assert replies > 500
    assert errors > 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_million_lines(seed: int) -> None:
    """50 000 lines for each of 20 seeds."""
    model = list(MODELS)[seed % len(MODELS)]
    replies, errors = play(model, 50_000, seed)
    assert replies > 4000
    assert errors > 1000
