"""Every kind of fault at every line of a run, on source-meters and a pulser: see `striking`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.instruments.striking import (
    Stand,
    Way,
    in_process,
    over_tcp,
    over_tcp_impatiently,
    strike,
    whole,
)

FEW = (("restore", "wait"), ("longest_wait", 0))
SLOWER = (*FEW, ("repeats", 1), ("intervals", "20 ms, 200 ms"), ("width", "1 ms"))
SEVERAL = (*FEW, ("repeats", 2), ("intervals", "10 ms, 20 ms, 50 ms"))
CURVE = (
    ("currents", "100 mA .. 800 mA, 6 lin"), ("width", "20 us"), ("initialise", "once"),
    ("initial_current", "500 mA"), ("initial_width", "20 us"), ("read_by", "current"),
    ("read_current", "30 mA"), ("read", "1 V"), ("read_width", "400 us"), ("compliance", "1 A"),
    ("voltage_limit", "5 V"), ("repeats", 1),
)  # fmt: skip
STANDS = [
    # one of 40 V has no interlock
    Stand("sim-ftj", ("a", "b"), SEVERAL, cannot=("interlock",)),
    # only what has functions in it forgets them
    Stand("sim-2410", ("front",), SLOWER, cannot=("restart",)),
    Stand("sim-2450", ("front",), SLOWER, cannot=("restart",)),
    # a shorted device is nothing that a source of a current would notice
    Stand("sim-pulser", ("a",), CURVE, cannot=("interlock", "short"), protocol="programming-curve"),
]
CASES = [pytest.param(stand, kind, id=f"{stand.bench}-{kind}") for stand in STANDS
         for kind in stand.kinds]  # fmt: skip
LINK = ["mute", "close", "reset", "cut", "garbage", "error"]
PARTS = 4


@pytest.mark.parametrize(("stand", "kind"), CASES)
def test_a_fault_in_a_run(tmp_path: Path, stand: Stand, kind: str) -> None:
    """Each kind once, all of them together at many lines."""
    sound = whole(stand, in_process)
    share = stand.kinds.index(kind) / (len(stand.kinds) - 1)
    at = sound.connecting + 1 + round(share * (sound.lines - sound.connecting - 1))
    strike(stand, in_process, tmp_path / "struck", kind, at)


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.bench)
def test_a_fault_while_connecting(tmp_path: Path, stand: Stand) -> None:
    sound = whole(stand, in_process)
    kinds = [kind for kind in ("mute", "reset", "garbage", "error", "short") if kind in stand.kinds]
    for number, kind in enumerate(kinds):
        at = 1 + round(number / (len(kinds) - 1) * (sound.connecting - 1))
        strike(stand, in_process, tmp_path / kind, kind, at)


def over_a_wire(tmp_path: Path, stand: Stand, way: Way, kind: str, share: float) -> None:
    sound = whole(stand, way)
    run = sound.lines - sound.connecting
    strike(stand, way, tmp_path / "struck", kind, sound.connecting + round(share * run))


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.bench)
def test_a_connection_that_is_reset_over_tcp(tmp_path: Path, stand: Stand) -> None:
    over_a_wire(tmp_path, stand, over_tcp, "reset", 0.6)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.bench)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("kind", LINK)
def test_faults_over_tcp(tmp_path: Path, stand: Stand, kind: str, share: float) -> None:
    way = over_tcp_impatiently if kind in ("mute", "cut", "close") else over_tcp
    over_a_wire(tmp_path, stand, way, kind, share)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("stand", "kind"), CASES)
def test_a_fault_at_every_line(tmp_path: Path, stand: Stand, kind: str, part: int) -> None:
    for at in range(1 + part, whole(stand, in_process).lines + 1, PARTS):
        strike(stand, in_process, tmp_path / f"{at}", kind, at)
