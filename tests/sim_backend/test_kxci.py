"""KXCI messages: how they are taken apart, and what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.wire.kxci import (
    Command,
    Interpreter,
    KxciError,
    Name,
    Number,
    Text,
    Whole,
    units,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("US;DV1,0,1.5,1e-3;TI1", ["US", "DV 1 0 1.5 1e-3", "TI 1"]),
        ("US DV1, 0, 1.5, 1e-3 TI1", ["US", "DV 1 0 1.5 1e-3", "TI 1"]),
        ("DV1 DV2", ["DV 1", "DV 2"]),
        ("DV 1, 0, 1, 1e-3", ["DV 1 0 1 1e-3"]),
        ("SS RP SMU1, 0", ["SS", "RP SMU1 0"]),
        ("MP 1, VS1", ["MP 1 VS1"]),
        ("BC DR1", ["BC", "DR 1"]),
        ("CH1, 'V A', 'I1', 1, 3", ["CH 1 'V A' 'I1' 1 3"]),
        ("LI 'ME', 'SM'", ["LI 'ME' 'SM'"]),
        ("*IDN?", ["*IDN?"]),
        (":pmu:test:status?", [":PMU:TEST:STATUS?"]),
        (":PMU:SARB:SEQ:TIME 1, 1, 1e-6, 2E-6", [":PMU:SARB:SEQ:TIME 1 1 1e-6 2E-6"]),
        (" ;; \r", []),
        ("", []),
    ],
)
def test_a_message_is_taken_apart(message, expected):
    assert [" ".join((unit.header, *unit.arguments)) for unit in units(message)] == expected


@pytest.mark.parametrize("message", ["12", "'", "DV1 ; 7", "PMU:INIT 1", "\x7f"])
def test_what_is_no_command_is_named(message):
    with pytest.raises(KxciError, match="unknown"):
        list(units(message))


class Desk:
    """An interpreter with a few commands, and what they were given."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.wrong: list[str] = []

        def note(*given: object) -> None:
            self.calls.append(given)

        table = [
            Command("DV", note, (Whole("channel", 1, 9), Number("v", -1, 1)), 1, page="US"),
            Command("DV", lambda *given: note("SS", *given), (Number("v"),), page="SS"),
            Command(":A:LIST", note, (Whole("n", 1, 3),), rest=Number("x", 0, 1), most=2),
            Command("DO", lambda name: f"<{name}>", (Name("name"),)),
            Command("RP", note, (Text("which", "SMU[1-9]"),)),
        ]
        self.interpreter = Interpreter(table, lambda code, text: self.wrong.append(str(code)))
        self.execute = self.interpreter.execute


def test_the_open_page_decides_which_command_is_meant():
    desk = Desk()
    assert desk.execute("DV1") is None
    assert desk.wrong == ["page"]
    desk.execute("US DV1,0.5 SS DV7")
    assert desk.calls == [(1, 0.5), ("SS", 7.0)]
    assert desk.interpreter.page == "SS"


def test_answers_of_one_message_are_joined():
    assert Desk().execute("DO 'a1' US DO 'b'") == "<A1>;<B>"


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("ZZ", "unknown"),
        ("US;DV", "missing"),
        ("US;DV1,1,1", "too many"),
        ("US;DV1.5", "number"),
        ("US;DVx", "unknown"),
        ("US;DV 1, x", "number"),
        ("US;DV1,nan", "number"),
        ("US;DV1,2", "range"),
        ("US;DV10", "range"),
        (":A:LIST 1, 0, 1, 1", "too many"),
        (":A:LIST 1, 0, 2", "range"),
        ("DO 'toolongname'", "number"),
        ("DO name", "number"),
        ("RP SMU0", "range"),
    ],
)
def test_a_wrong_parameter_is_refused_and_nothing_after_it_is_done(message, wrong):
    desk = Desk()
    assert desk.execute(f"{message};:A:LIST 1") is None
    assert desk.wrong == [wrong]
    assert desk.calls == []


@given(st.text(max_size=200))
def test_no_text_raises(text):
    desk = Desk()
    answer = desk.execute(text)
    assert answer is None or isinstance(answer, str)
