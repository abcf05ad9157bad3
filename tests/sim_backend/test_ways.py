"""Every virtual instrument says the same by each of the three ways in.

In the process by VISA, on a TCP socket, and by an adapter without VISA: the same lines to
laboratories with the same seed get the same answers, the same errors and leave the same state.
The B1530A has no row: its maker gives a library to call and no lines to send.
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

ADDRESS, METER = "GPIB0::16::INSTR", "GPIB0::26::INSTR"
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
    #: of the section of the instrument
    options: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default


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
#: a switch stands between a meter and the device
_MATRIX = {"rows": {"A": "smu.a", "B": "ground"}, "columns": {"1": "top"}}
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
        "ldp3811", "LDP-3811",
        ("*IDN?", "MODE CW", "RANGE 200", "LDI 20", "SET:LDI?", "LDI 900", "OUTPUT 1", "OUTPUT?",
         "NONSENSE", "ERR?", "OUTPUT 0", "*ESR?"),
        {}, port="light 365 nm",
    ),
    "2601B-PULSE": Dialogue(
        "keithley2600", "2601B-PULSE",
        (*TSP, "smua.pulser.enable = 1", "> print(smua.pulser.enable)",
         "smua.pulser.rangei = 99", "> print(errorqueue.next())"),
        {"top": "it.a"},
    ),
    "2450 TSP": Dialogue(
        "keithley2450", "2450",
        ("*LANG?", "smu.source.level = 0.1", "smu.source.output = smu.ON",
         "> print(smu.measure.read())", "smu.source.level = 900", "> print(eventlog.getcount())",
         "nonsense(", "> print(eventlog.getcount())", "> print(1) print(2)", "> ", "*CLS",
         "smu.source.output = smu.OFF", "> print(smu.source.output)"),
        options={"language": "TSP"},
    ),
    "707B": Dialogue("keithley707b", "707B", SWITCH, {"top": "smu.a"}, options=_MATRIX),
    "3706A-S": Dialogue(
        "keithley3706a", "3706A-S",
        tuple(line.replace("1A01", "1101").replace("9Z99", "9999") for line in SWITCH),
        {"top": "smu.a"}, options={**_MATRIX, "rows": {"1": "smu.a", "2": "ground"}},
    ),
    "81160A": Dialogue(
        "keysight81160a", "81160A",
        ("*IDN?", ":FUNC1 SQU", ":FUNC1?", ":FREQ1 1e3", ":FREQ1?", ":VOLT1 999", ":SYST:ERR?",
         ":NONSENSE", ":SYST:ERR?", ":OUTP1 ON", ":OUTP1?", ":OUTP1 OFF"),
        {"top": "it.1"},
    ),
    "DSOX3024T": Dialogue(
        "keysightdsox", "DSOX3024T",
        ("*IDN?", ":CHAN1:RANG 4", ":CHAN1:RANG?", ":TIM:SCAL 1E-3", ":TIM:RANG?", ":CHAN9:RANG 1",
         ":SYST:ERR?", ":NONSENSE", ":SYST:ERR?", ":CHAN1?", ":ACQ:SRAT?", ":STOP",
         ":OPER:COND?"),
        {},
    ),
    "B1500A": Dialogue(
        "b1500", "B1500A",
        ("*IDN?", "FMT 11", "CN 1", "> UNT?", "DV 1,0,0.1,1E-3", "> TI 1", "DV 1,0,900,1E-3",
         "> ERRX?", "NONSENSE", "> ERRX?", "CL 1", "> ERRX?"),
        {"top": "it.smu1"}, end="\r\n",
    ),
    "336": Dialogue(
        "lakeshore", "336",
        ("*IDN?", "> KRDG? A", "SETP 1,310", "> SETP? 1", "RANGE 1,3", "> RANGE? 1", "NONSENSE",
         "*ESR?", "RANGE 1,0", "> HTR? 1"),
        {}, end="\r\n",
    ),
}  # fmt: skip


def opened(dialogue: Dialogue) -> VirtualLaboratory:
    section = {
        "driver": dialogue.driver, "model": dialogue.model, "address": ADDRESS, **dialogue.options,
    }  # fmt: skip
    instruments = {"it": section}
    if "rows" in section:
        instruments["smu"] = {"driver": "keithley2600", "model": "2602B", "address": METER}
    device = {"family": "resistor", "preset": "10k"}
    if dialogue.port:
        section["port"] = dialogue.port
        device = {"family": "optoelectronic", "preset": "oxide"}
    simulation: dict[str, Any] = {"device": device}
    if dialogue.wafer:
        simulation["wafer"] = {"dies": [3, 3], "contact": "10 Ohm"}
    bench = {
        "name": "rig",
        "instruments": instruments,
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
