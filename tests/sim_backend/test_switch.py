"""The virtual switching mainframes: relays, their Lua table, and what they join."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest
import pyvisa
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.instruments.switch_models import CARDS, MODELS
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from tests.sim_backend.fuzzing import trail

SWITCH, SMU, PROBER = "GPIB0::16::INSTR", "GPIB0::26::INSTR", "GPIB0::28::INSTR"
_CLOSE = 15e-3  # s, of a 7072


class Bench:
    """A switch between a 2602B and a resistor of 10 kOhm."""

    def __init__(
        self, model: str = "707B", *, prober: bool = False, pace: float = 0.0, **changes: Any
    ) -> None:
        letters = model != "3706A-S"
        names = ("A", "B", "C") if letters else ("1", "2", "3")
        section = {
            "driver": "keithley707b" if letters else "keithley3706a",
            "model": model,
            "address": SWITCH,
            "rows": dict(zip(names, ("smu.a", "smu.b", "ground"), strict=True)),
            "columns": {"1": "top", "2": "bottom"},
            **changes,
        }
        instruments = {
            "matrix": section,
            "smu": {"driver": "keithley2600", "model": "2602B", "address": SMU},
        }
        if prober:
            instruments["prober"] = {"driver": "velox", "address": PROBER}
        self.laboratory: VirtualLaboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": instruments,
                "terminals": {"top": "smu.a", "bottom": "smu.b"},
                "simulation": {
                    "device": {"family": "resistor", "preset": "10k"},
                    "noise": {"instrument": False, "cycle": False, "device": False},
                    "wafer": {"contact": "1 kOhm"} if prober else None,
                },
            },
            1, None, pace,
        )  # fmt: skip
        manager = pyvisa.ResourceManager(self.laboratory.visa)
        self.matrix: Any = manager.open_resource(SWITCH, read_termination="\n")
        self.smu: Any = manager.open_resource(SMU, read_termination="\n", timeout=20000)
        self.manager = manager
        self.instrument = self.laboratory.instruments["matrix"]

    def ask(self, expression: str) -> str:
        """Print an expression of the switch."""
        return str(self.matrix.query(f"print({expression})"))

    def do(self, line: str) -> float:
        """Execute a line; returns how long it took, s."""
        begin = self.laboratory.clock.now()
        self.matrix.write(line)
        return self.laboratory.clock.now() - begin

    def closed(self) -> list[str]:
        """Return what is closed."""
        return list(self.instrument.channel_state()["closed"])

    def codes(self) -> list[int]:
        """Empty the error queue and return its codes."""
        errors = self.instrument.errors
        return [errors.next().code for _ in range(len(errors))]

    def currents(self, volts: float = 1.0) -> tuple[float, float]:
        """Return the currents of channel a at a voltage and of channel b at zero, A."""
        self.smu.write(f"smua.source.levelv = {volts} smub.source.levelv = 0")
        self.smu.write("smua.source.limiti = 0.01 smub.source.limiti = 0.01")
        self.smu.write("smua.source.output = 1 smub.source.output = 1")
        found = self.smu.query("print(smua.measure.i(), smub.measure.i())").split("\t")
        self.smu.write("smua.source.output = 0 smub.source.output = 0")
        return float(found[0]), float(found[1])


# -- what relays join ------------------------------------------------------------------------------


def test_an_open_path_is_an_open_circuit() -> None:
    bench = Bench()
    assert bench.currents() == (0.0, 0.0)
    bench.do('channel.close("1A01")')
    assert bench.currents() == (0.0, 0.0)  # the other end floats
    bench.do('channel.close("1B02")')
    assert bench.currents() == pytest.approx((1e-4, -1e-4))
    bench.do('channel.open("1A01")')
    assert bench.currents() == (0.0, 0.0)


def test_terminals_may_be_swapped_grounded_and_tied() -> None:
    bench = Bench()
    bench.do('channel.exclusiveclose("1A02, 1B01")')
    assert bench.currents() == pytest.approx((1e-4, -1e-4))
    bench.do('channel.exclusiveclose("1A01, 1C02")')
    assert bench.currents() == pytest.approx((1e-4, 0.0))
    bench.do('channel.exclusiveclose("1A01:1A02")')
    assert bench.currents() == pytest.approx((0.0, 0.0))


def test_a_shorted_pair_of_channels_is_a_short() -> None:
    bench = Bench(path_resistance="0.5 Ohm")
    bench.do('channel.exclusiveclose("1A01, 1B01")')
    a, b = bench.currents()
    assert (a, b) == pytest.approx((10e-3, -10e-3), rel=1e-3)  # both limit
    bench.do('channel.exclusiveclose("1A01, 1C01")')
    assert bench.currents(1e-3)[0] == pytest.approx(1e-3 / 1.0, rel=0.01)  # through two relays


def test_moving_a_relay_with_a_voltage_on_it_is_counted() -> None:
    bench = Bench()
    bench.do('channel.close("1A01, 1C02")')
    assert bench.instrument.channel_state()["hot"] == 0
    bench.smu.write("smua.source.levelv = 1 smua.source.output = 1")
    bench.laboratory.clock.wait(0.01, lambda: False)
    bench.do('channel.close("1B07")')  # leads nowhere: nothing live moved
    assert bench.instrument.channel_state()["hot"] == 0
    bench.do('channel.open("1A01")')
    assert bench.instrument.channel_state()["hot"] == 1


def test_a_prober_stands_behind_the_switch() -> None:
    bench = Bench(prober=True)
    prober: Any = bench.manager.open_resource(PROBER, read_termination="\n", timeout=20000)
    bench.do('channel.close("1A01, 1C02")')
    assert bench.currents() == (0.0, 0.0)
    prober.query("MoveChuckContact")
    assert bench.currents()[0] == pytest.approx(1 / 11e3, rel=1e-3)
    bench.do('channel.open("allslots")')
    assert bench.currents() == (0.0, 0.0)
    bench.do('channel.close("1A01, 1C02")')
    assert bench.currents()[0] == pytest.approx(1 / 11e3, rel=1e-3)


def test_rows_of_two_cards_meet_over_the_backplane() -> None:
    bench = Bench(
        "3706A-S", cards=["3730", "3730"],
        rows={"1": "smu.a", "2": "ground", "3": "smu.b"}, columns={"2:1": "top", "1:2": "bottom"},
    )  # fmt: skip
    bench.do("channel.close('1202, 2101')")
    assert bench.currents() == (0.0, 0.0)
    bench.do("channel.close('1911, 2911')")
    assert bench.currents()[0] == pytest.approx(1e-4)


# -- order, time, counts ---------------------------------------------------------------------------


def test_relays_take_their_time_by_the_rule() -> None:
    bench = Bench()
    assert bench.do('channel.close("1A01")') == pytest.approx(_CLOSE, abs=2e-3)
    assert bench.do('channel.close("1A01")') == pytest.approx(0.0, abs=2e-3)  # closed already
    assert bench.do('channel.exclusiveclose("1A02, 1A03")') == pytest.approx(2 * _CLOSE, abs=2e-3)
    bench.do("channel.connectrule = channel.OFF")
    assert bench.do('channel.exclusiveclose("1A01")') == pytest.approx(_CLOSE, abs=2e-3)
    bench.do("channel.connectsequential = channel.ON")
    assert bench.do('channel.close("1A02, 1A03, 1A04")') == pytest.approx(3 * _CLOSE, abs=2e-3)
    bench.do("channel.setdelay('1B01', 0.1)")
    assert bench.do('channel.close("1B01")') == pytest.approx(_CLOSE + 0.1, abs=2e-3)
    assert bench.ask("channel.getcount('1A01:1A03')") == "2,2,2"


@pytest.mark.parametrize(
    ("rule", "between"), [("BREAK_BEFORE_MAKE", []), ("MAKE_BEFORE_BREAK", ["1A01", "1B01"])]
)
def test_the_rule_says_what_is_closed_between(rule: str, between: list[str]) -> None:
    bench = Bench()
    bench.do('channel.close("1A01")')
    bench.do(f"channel.connectrule = channel.{rule}")
    seen: list[list[str]] = []
    bench.laboratory.clock.at(
        bench.laboratory.clock.now() + 5e-3, lambda: seen.append(bench.closed())
    )
    bench.do('channel.exclusiveclose("1B01")')
    assert seen == [between]
    assert bench.closed() == ["1B01"]


# -- the Lua table ---------------------------------------------------------------------------------


def test_it_tells_what_is_closed_and_how() -> None:
    bench = Bench()
    assert bench.ask('channel.getclose("allslots")') == "nil"
    bench.do('channel.close("1A01, 1C05")')
    assert bench.ask('channel.getclose("allslots")') == "1A01;1C05"
    assert bench.ask('channel.getclose("slot1")') == "1A01;1C05"
    assert bench.ask('channel.getstate("1A01:1A04")') == "1,0,0,0"
    assert bench.ask('channel.gettype("1A01")') == "1"
    assert bench.ask('channel.getdelay("1A01")') == "0.000e+00"
    bench.do('channel.exclusiveclose("")')
    assert bench.closed() == []
    assert bench.codes() == []


def test_labels_and_patterns_stand_for_channels() -> None:
    bench = Bench()
    assert bench.ask('channel.getlabel("1A01")') == "1A01"
    bench.do('channel.setlabel("1A01", "gate")')
    bench.do('channel.close("gate")')
    assert bench.closed() == ["1A01"]
    assert bench.ask('channel.getlabel("1A01, 1A02")') == "gate,1A02"
    bench.do('channel.close("1B02")')
    bench.do('channel.pattern.snapshot("pair")')
    bench.do('channel.pattern.setimage("1C01, 1C02", "grounded")')
    bench.do('channel.exclusiveclose("grounded")')
    assert bench.closed() == ["1C01", "1C02"]
    bench.do('channel.exclusiveclose("pair")')
    assert bench.closed() == ["1A01", "1B02"]
    assert bench.ask('channel.pattern.getimage("pair")') == "1A01,1B02"
    assert bench.ask("channel.pattern.catalog()") == "grounded,pair"
    bench.do('channel.pattern.delete("grounded")')
    assert bench.codes() == []
    bench.do('channel.close("grounded")')
    assert bench.codes() == [1115]


def test_forbidden_channels_stay_open_and_nothing_else_moves() -> None:
    bench = Bench()
    bench.do('channel.setforbidden("1A02")')
    assert bench.ask('channel.getforbidden("allslots")') == "1A02"
    bench.do('channel.close("1A01, 1A02")')
    assert bench.closed() == []
    assert bench.codes() == [1105]
    bench.do('channel.clearforbidden("allslots")')
    bench.do('channel.close("1A01, 1A02")')
    assert bench.closed() == ["1A01", "1A02"]


def test_exclusive_slot_close_leaves_other_slots() -> None:
    bench = Bench(cards=["7174A", "7174A"])
    bench.do('channel.close("1A01, 1A02, 2A01, 2A02")')
    bench.do('channel.exclusiveslotclose("2B01")')
    assert bench.closed() == ["1A01", "1A02", "2B01"]
    bench.do('channel.open("slot1")')
    assert bench.closed() == ["2B01"]
    bench.do("reset()")
    assert bench.closed() == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("channel.close('1Z01')", 1115),
        ("channel.close('1A13')", 1115),
        ("channel.close('3A01')", 1115),
        ("channel.close('allslots')", 1105),
        ("channel.close('')", 1105),
        ("channel.open('slot4')", 1105),
        ("channel.close('1A04:1A02')", 1105),
        ("channel.close()", -109),
        ("channel.close(7)", -104),
        ("channel.connectrule = 5", -224),
        ("channel.setdelay('1A01', -1)", 1102),
        ("channel.pattern.getimage('no')", 1105),
        ("channel.setlabel('1A01', 'far too long to be a label')", -154),
        ("channel.open(channel.getclose('allslots'))", -104),
    ],
)
def test_what_cannot_be_goes_to_the_error_queue(line: str, code: int) -> None:
    bench = Bench()
    bench.do(line)
    assert bench.codes() == [code]
    assert bench.closed() == []


def test_it_says_what_it_is() -> None:
    bench = Bench()
    assert bench.matrix.query("*IDN?").startswith("KEITHLEY INSTRUMENTS INC.,MODEL 707B,")
    assert bench.ask("slot[1].idn").startswith("7072,")
    assert bench.ask("slot[2].idn") == "Empty Slot"
    assert bench.ask("slot[1].rows.matrix, slot[1].columns.matrix") == "8.00000e+00\t1.20000e+01"
    assert bench.ask("localnode.model") == "707B"
    assert bench.matrix.query("*OPC?") == "1"
    assert bench.ask("errorqueue.count") == "0.00000e+00"
    bench.do("nonsense(")
    assert bench.ask("errorqueue.next()").startswith("-2.85000e+02\tTSP Syntax error")


def test_every_model_and_card_is_built() -> None:
    for model, frame in MODELS.items():
        for card in frame.cards:
            bench = Bench(model, cards=[card])
            first = "1101" if model == "3706A-S" else "1A01"
            bench.do(f'channel.close("{first}")')
            assert bench.closed() == [first]
            assert CARDS[card].source


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": {"Q": "smu.a"}}, 'rows: "Q" is not on the card'),
        ({"rows": {"2:A": "smu.a"}}, 'rows: "2:A" is not on a card'),
        ({"columns": {"1": "gate"}}, '"gate" is wired to it'),
        ({"cards": ["9999"]}, "slots for 7072, 7174A"),
        ({"path_resistance": "-1 Ohm"}, "path_resistance"),
    ],
)
def test_a_wrong_wiring_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        Bench(**changes)


# -- anything at all -------------------------------------------------------------------------------

_BENCH = Bench()
_CALLS = (
    "close", "open", "exclusiveclose", "exclusiveslotclose", "getclose", "getstate", "getcount",
    "gettype", "getimage", "reset", "getdelay", "getlabel", "setforbidden", "clearforbidden",
    "getforbidden", "pattern.snapshot", "pattern.getimage", "pattern.delete", "pattern.catalog",
)  # fmt: skip
_ARGUMENTS = (
    "", "'1A01'", "'1A01,1B02'", "'allslots'", "'slot1'", "'1A01:1B12'", "'x'", "5", "nil", "{}",
    "'1A01:'", "',,'", "'1911'", "'x', 1", "function() end", "'1A01', 1e-3",
)  # fmt: skip
_LINES = st.one_of(
    st.text(string.printable.replace("\n", ""), max_size=40),
    st.tuples(st.sampled_from(_CALLS), st.sampled_from(_ARGUMENTS)).map(
        lambda pair: f"channel.{pair[0]}({pair[1]})"
    ),
)


def _take(line: str) -> None:
    instrument = _BENCH.instrument
    instrument.write(line.encode("latin-1", "replace") + b"\n")
    for reply in instrument.replies():
        assert reply.endswith(b"\n")
    state = instrument.channel_state()
    assert len(set(state["closed"])) == len(state["closed"]) <= 96


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=8))
def test_any_lines_leave_a_legal_state(lines: list[str]) -> None:
    for line in lines:
        _take(line)


@pytest.mark.long
@pytest.mark.timeout(540)
def test_a_million_lines_leave_a_legal_state() -> None:
    draw = random.Random(1)
    with trail("test_a_million_lines_leave_a_legal_state()") as kept:
        for _ in range(1_000_000):
            line = f"channel.{draw.choice(_CALLS)}({draw.choice(_ARGUMENTS)})"
            at = draw.randrange(len(line))
            if draw.random() < 0.2:  # one character is another
                line = line[:at] + draw.choice(string.printable) + line[at + 1 :]
            line = line.replace("\n", " ")
            kept.add(line)
            _take(line)
