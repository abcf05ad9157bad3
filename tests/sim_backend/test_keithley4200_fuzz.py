"""Any messages whatever: nothing is raised, nothing hangs, the state stays legal."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim_backend.fuzzing import Trail, trail
from tests.sim_backend.rig4200 import Rig4200

#: messages of which pieces are taken; many are legal
GRAMMAR = """
*IDN?|*RST|*OPT?|ID|SP|BC|DR1|EM1,0|:ERROR:LAST:GET|:ERROR:LAST:CLEAR
US;DV1,0,1,1e-3|DI1,6,5e-5,10|TV1|TI1|TI2|DV2|DS1,0.5|IT1|IT4,1,1,0.01|RS5|EC1|RV1,20,1|RI1,1e-3,1
DE;CH1,'VA','IA',1,1|CH2,'VB','IB',1,2|VM2,'VB'|SS;VR1,0,1,0.5,1e-3|VP0,0.5,2,1e-2|VL1,1,1e-3,0,1
VC2,0,1e-2|HT0.1|DT0.01|ST1,1|SM;DM2|LI'VA','IA'|NR3|IN0.1|WT0|MD;ME1|ME4|DO'VA'|RD'IA',2|RP SMU1, 2
:PMU:INIT 1|:PMU:INIT 0|:PMU:RPM:CONFIGURE PMU1-1, 0|:PMU:SOURCE:RANGE 1, 10|:PMU:LOAD 1, 1e4
:PMU:MEASURE:RANGE 1, 2, 0.001|:PMU:MEASURE:RANGE 1, 0|:PMU:SAMPLE:RATE 1e6|:PMU:RETAIN:CONFIG 1, 1
:PMU:SARB:SEQ:TIME 1, 1, 1e-6, 1e-6|:PMU:SARB:SEQ:STARTV 1, 1, 0, 1|:PMU:SARB:SEQ:STOPV 1, 1, 1, 0
:PMU:SARB:SEQ:MEAS:TYPE 1, 1, 0, 1|:PMU:SARB:SEQ:MEAS:START 1, 1, 0, 5e-7
:PMU:SARB:SEQ:MEAS:STOP 1, 1, 0, 9e-7|:PMU:SARB:SEQ:SSR 1, 1, 1, 1|:PMU:SARB:SEQ:TIME:ADD 1, 1, 1e-6
:PMU:SARB:WFM:SEQ:LIST 1, 1, 3|:PMU:OUTPUT:STATE 1, 1|:PMU:OUTPUT:STATE 1, 0|:PMU:EXECUTE|:PMU:ABORT
:PMU:TEST:STATUS?|:PMU:DATA:COUNT? 1|:PMU:DATA:GET 1, 0, 10|:PMU:PULSE:TRAIN 1, 0, 1
:PMU:PULSE:TIMES 1, 1e-5, 5e-6, 1e-7, 1e-7|:PMU:PULSE:BURST:COUNT 2|:PMU:MEASURE:MODE 1
:PMU:SWEEP:PULSE:AMPLITUDE 1, 0, 1, 0.5, 0, 0|:PMU:STEP:DC 2, 0, 1, 0.5|:PMU:MEASURE:PIV 1, 1, 1
:PMU:LLEC:CONFIGURE 1, 1|:PMU:TIMES:PIV 1, 0.5, 0.9|:PMU:TIMES:WAVEFORM 1, 0.1, 0.1
"""
MESSAGES = [message for line in GRAMMAR.strip().splitlines() for message in line.split("|")]
LETTERS = "0123456789.,;: '-+eE?*ABCDEMPSTUV\t\x00\n\xff"


def mutated(message: str, draw: random.Random) -> str:
    """Return a message with a few letters changed, or as it is."""
    text = list(message)
    for _ in range(draw.choice((0, 0, 0, 1, 1, 2, 4))):
        at = draw.randrange(len(text) + 1)
        what = draw.randrange(3)
        if what == 0:
            text.insert(at, draw.choice(LETTERS))
        elif text:
            at = min(at, len(text) - 1)
            text[at : at + 1] = [draw.choice(LETTERS)] if what == 1 else []
    return "".join(text)


def legal(rig: Rig4200) -> None:
    """Check what must hold whatever was sent."""
    for number, smu in rig.instrument.smus.items():
        assert abs(smu.level) <= (210 if smu.function == "v" else 0.105)
        assert smu.compliance > 0
        assert rig.instrument.channel_state(f"smu{number}")["output"] == smu.on
    card = rig.instrument.card
    for settings_ in card.channels.values():
        assert settings_.source_range in (10.0, 40.0)
        assert 1 <= settings_.load <= 1e7
    assert rig.instrument.interpreter.page in ("", "DE", "SS", "SM", "MD", "US", "UL")
    drive = card.meters[1].drive
    assert abs(drive.v) <= 40.1


def play(messages: list[str], rig: Rig4200, kept: Trail | None = None) -> None:
    for message in messages:
        if kept is not None:
            kept.add(message)
        rig.instrument.write(message.encode("latin-1") + b"\0")
        sent = [part for part in message.replace("\n", "\0").split("\0") if part.strip()]
        replies = rig.instrument.replies()
        assert len(replies) == len(sent)
        assert all(reply.endswith(b"\0") for reply in replies)
    rig.clock.advance(1e-3)
    legal(rig)


def some(draw: random.Random, count: int) -> list[str]:
    return [mutated(draw.choice(MESSAGES), draw) for _ in range(count)]


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_mutated_messages_do_no_harm(seed):
    draw = random.Random(seed)
    play(some(draw, 60), Rig4200({"top": "pmu1", "bottom": "smu1"}))


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=60), max_size=10))
def test_any_text_does_no_harm(texts):
    play(texts, Rig4200())


@pytest.mark.long
@pytest.mark.timeout(540)
@pytest.mark.parametrize("seed", range(4200, 4210))
def test_a_million_messages_do_no_harm(seed):
    """100 000 messages for each of 10 seeds, 5000 to one instrument."""
    draw = random.Random(seed)
    with trail(f"test_a_million_messages_do_no_harm({seed})") as kept:
        for _ in range(20):
            rig = Rig4200({"top": "pmu1", "bottom": "smu1"})
            for _ in range(50):
                play(some(draw, 100), rig, kept)
