"""Every virtual instrument says the same by each of the three ways in.

In the process by VISA, on a TCP socket, and by an adapter without VISA: the same lines to
laboratories with the same seed get the same answers, the same errors and leave the same state.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import pyvisa

from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from sim_backend.server import Server

ADDRESS = "GPIB0::16::INSTR"
#: of an event: on a socket time goes on between two lines
_DATE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Dialogue(NamedTuple):
    """Lines to one model; those that end in ``?`` or stand after ``>`` are answered."""

    driver: str
    model: str
    lines: tuple[str, ...]
    terminals: dict[str, str] = {"top": "it.front"}  # noqa: RUF012 - a NamedTuple's default
    end: str = "\n"
    wafer: bool = False
    #: port that it lights
    port: str = ""
    #: every line is answered
    acknowledged: bool = False


TSP = (
    "> print(localnode.model)", "smua.source.levelv = 0.1 smua.source.limiti = 1e-3",
    "smua.source.output = 1", "> print(smua.measure.iv())", "smua.source.levelv = 900",
    "> print(errorqueue.next())", "nonsense(", "> print(errorqueue.count)", "> print(1) print(2)",
    "> ", "*CLS", "smua.source.output = 0", "> print(errorqueue.count)",
)  # fmt: skip
SCPI = (
    "*IDN?", ":SOUR:VOLT 0.1", ":SENS:CURR:PROT 1e-3", ":OUTP ON", ":READ?",
    ":SOUR:VOLT 9000", ":SYST:ERR?", ":NONSENSE", ":SYST:ERR?", "*ESR?", "*STB?", ":OUTP OFF",
    ":OUTP?", ":SYST:ERR?",
)  # fmt: skip
SWITCH = (
    "> print(localnode.model)", "> print(channel.getclose('allslots'))", "channel.close('1A01')",
    "> print(channel.getclose('allslots'))", "channel.close('9Z99')", "> print(errorqueue.count)",
    "channel.open('allslots')", "> print(channel.getclose('allslots'))",
)  # fmt: skip
DIALOGUES = {
    "2602B": Dialogue("keithley2600", "2602B", TSP, {"top": "it.a"}),
    "2612B": Dialogue("keithley2600", "2612B", TSP, {"top": "it.a"}),
    "2636B": Dialogue("keithley2600", "2636B", TSP, {"top": "it.a"}),
    "2400": Dialogue("keithley2400", "2400", (":FORM:ELEM VOLT,CURR", *SCPI)),
    "2410": Dialogue("keithley2400", "2410", (":FORM:ELEM VOLT,CURR", *SCPI)),
    "2420": Dialogue("keithley2400", "2420", (":FORM:ELEM VOLT,CURR", *SCPI)),
    "2450": Dialogue("keithley2450", "2450", SCPI),
    "2460": Dialogue("keithley2450", "2460", SCPI),
    "2461": Dialogue("keithley2450", "2461", SCPI),
    "2470": Dialogue("keithley2450", "2470", SCPI),
    "4200A-SCS": Dialogue(
        "keithley4200", "4200A-SCS",
        ("*IDN?", "US", "DV1,1,0.1,1E-3", "TI1", "DV1,1,9000,1E-3", ":ERROR:LAST:GET", "NONSENSE",
         ":ERROR:LAST:GET", "DV1", "*OPT?"),
        {"top": "it.smu1"}, end="\0", acknowledged=True,
    ),
    "velox": Dialogue(
        "velox", "Velox", ("*IDN?", "MoveChuckContact", "ReadChuckStatus", "Nonsense",
                           "MoveChuckSeparation"), {}, wafer=True, acknowledged=True,
    ),
    "sentio": Dialogue(
        "sentio", "SENTIO", ("*IDN?", "move_chuck_contact", "nonsense", "move_chuck_separation"),
        {}, wafer=True, acknowledged=True,
    ),
    "33521B": Dialogue(
        "agilent33500", "33521B", ("*IDN?", "FUNC SQU", "FUNC?", "VOLT 99", "SYST:ERR?", "NONSENSE",
                                   "SYST:ERR?", "OUTP ON", "OUTP?", "OUTP OFF"), {},
    ),
    "LDP-3811": Dialogue(
        "ldp3811", "LDP-3811", ("*IDN?", "NONSENSE", "ERR?", "*ESR?"), {}, port="light 365 nm",
    ),
}  # fmt: skip


def opened(dialogue: Dialogue) -> VirtualLaboratory:
    section = {"driver": dialogue.driver, "model": dialogue.model, "address": ADDRESS}
    device = {"family": "resistor", "preset": "10k"}
    if dialogue.port:
        section["port"] = dialogue.port
        device = {"family": "optoelectronic", "preset": "oxide"}
    simulation: dict[str, Any] = {"device": device}
    if dialogue.wafer:
        simulation["wafer"] = {"dies": [3, 3], "contact": "10 Ohm"}
    bench = {
        "name": "rig",
        "instruments": {"it": section},
        "terminals": dialogue.terminals,
        "simulation": simulation,
    }
    return open_laboratory(bench, 5, None, 0.0)


@contextlib.contextmanager
def by_visa(laboratory: VirtualLaboratory, end: str) -> Iterator[Any]:
    manager = pyvisa.ResourceManager(laboratory.visa)
    yield manager.open_resource(ADDRESS, read_termination=end, write_termination=end)
    manager.close()


@contextlib.contextmanager
def by_socket(laboratory: VirtualLaboratory, end: str) -> Iterator[Any]:
    with Server({"it": laboratory.visa.port(ADDRESS)}) as server:
        manager = pyvisa.ResourceManager("@py")
        yield manager.open_resource(
            server.addresses["it"], read_termination=end, write_termination=end, timeout=5000
        )
        manager.close()


@contextlib.contextmanager
def by_adapter(laboratory: VirtualLaboratory, end: str) -> Iterator[Any]:
    yield laboratory.adapter("it", read_termination=end, write_termination=end)


def transcript(way: Any, dialogue: Dialogue) -> list[str]:
    """Hold a dialogue; returns the answers."""
    laboratory = opened(dialogue)
    answers = []
    with way(laboratory, dialogue.end) as session:
        for line in dialogue.lines:
            text = line.removeprefix("> ")
            if text:
                session.write(text)
            if line.startswith(">") or text.endswith("?") or dialogue.acknowledged:
                answers.append(_DATE.sub("now", session.read()))
    laboratory.close()
    return answers


@pytest.mark.parametrize("name", DIALOGUES)
def test_the_answers_are_the_same_by_every_way(name: str) -> None:
    dialogue = DIALOGUES[name]
    answers = transcript(by_visa, dialogue)
    assert len(set(answers)) > 2, answers
    assert transcript(by_socket, dialogue) == answers
    assert transcript(by_adapter, dialogue) == answers
