"""Every command of the manuals is understood: the lists are in ``documented``, one a language.

Understood means that it does not end in "undefined header", nor a name in nil; whether a command
does the right thing is tested where its instrument is. What is on no list is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim_backend.rig import Rig
from tests.sim_backend.rig2400 import Rig2400
from tests.sim_backend.rig2450 import Rig2450
from tests.sim_backend.rig4200 import Rig4200

FOLDER = Path(__file__).parent / "documented"
UNDEFINED, NOT_RECOGNISED = -113, -101
#: of a KXCI message: the states that it needs, sent before it
_PREPARED = ("DE;CH1,'V1','I1',1,1", ":PMU:INIT 1")


def documented(name: str) -> Iterator[str]:
    """Yield the commands of a list."""
    for line in (FOLDER / name).read_text().splitlines():
        if not line.startswith("#"):
            yield line


@pytest.mark.parametrize("model", ["2400", "2410", "2420", "2430"])
def test_a_2400_understands_its_manual(model: str) -> None:
    rig = Rig2400(model)
    unknown = []
    for line in documented("2400.txt"):
        rig.send(line, ":ABOR")
        if UNDEFINED in rig.codes():
            unknown.append(line)
    assert unknown == []
    rig.send(":SENS:AVER:REP:COUN 5", ":NONSENSE")
    assert rig.codes() == [UNDEFINED, UNDEFINED]


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("2450", ["2450.txt"]), ("2460", ["2450.txt"]), ("2470", ["2450.txt"]),
        ("2461", ["2450.txt", "2461.txt"]),
    ],
)  # fmt: skip
def test_a_2450_understands_its_manual(model: str, names: list[str]) -> None:
    rig = Rig2450(model)
    unknown = []
    for line in (line for name in names for line in documented(name)):
        rig.send(line, "ABOR")
        if UNDEFINED in rig.codes():
            unknown.append(line)
    assert unknown == []
    rig.send("SOUR:NONSENSE 1")
    assert rig.codes() == [UNDEFINED]


def test_a_2450_without_a_digitizer_has_no_commands_for_it() -> None:
    rig = Rig2450("2450")
    for line in documented("2461.txt"):
        rig.send(line)
        assert rig.codes() == [UNDEFINED], line


def test_a_4200_understands_its_manual() -> None:
    rig = Rig4200({"top": "pmu1", "bottom": "smu1"})
    unknown = []
    for message in documented("kxci.txt"):
        rig.send(*_PREPARED, ":ERROR:LAST:CLEAR")
        rig.send(message)
        if rig.error() == NOT_RECOGNISED:
            unknown.append(message)
    assert unknown == []
    assert rig.refused(":CVU:FREQ 1e6") == NOT_RECOGNISED  # a card that is not there


def nil(rig: Rig | Rig2450, name: str) -> list[str]:
    """Return the names of a list that are not there."""
    missing = [
        word for word in documented(name) if rig.send(f"print(type({word}))") in ([], ["nil"])
    ]
    assert rig.codes() == []
    assert rig.send("print(type(smu_nonsense))") == ["nil"]
    return missing


@pytest.mark.parametrize("model", ["2602B", "2612B", "2636B"])
def test_a_2600b_has_every_name_of_its_manual(model: str) -> None:
    assert nil(Rig(model=model), "2602b_tsp.txt") == []


def test_a_2601b_pulse_has_what_its_manual_has_besides() -> None:
    assert nil(Rig(model="2601B-PULSE"), "2601b_pulse_tsp.txt") == []
    rig = Rig(model="2602B")
    assert rig.send("print(smua.pulser, status.measurement.PROT)") == ["nil\tnil"]


@pytest.mark.parametrize("model", ["2450", "2460", "2461", "2470"])
def test_a_2450_has_every_name_of_its_manual(model: str) -> None:
    missing = nil(Rig2450(model, language="TSP"), "2450_tsp.txt")
    # higher protection than the 100 V of its output is not offered by a 2460 or 2461
    assert all(name.startswith("smu.PROTECT_1") for name in missing)
    assert bool(missing) is (model in ("2460", "2461"))
