"""Switching matrices through the wire: the driver, and what a bench does with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labctl.errors import BadInput, InstrumentFault
from labctl.steps import Move
from labctl.waveform import pulse, read
from tests.instruments.rig_stations import MATRIX, content_of, opened, screen

READ = read(0.1, 50e-3)


def matrix(model: str = "707B", **changes: Any) -> dict[str, Any]:
    letters = model != "3706A-S"
    rows = ("A", "B", "C") if letters else ("1", "2", "3")
    return {
        "matrix": {
            "driver": "keithley707b" if letters else "keithley3706a",
            "model": model,
            "address": MATRIX,
            "rows": dict(zip(rows, ("smu.a", "smu.b", "ground"), strict=True)),
            "columns": {"4": "top", "5": "bottom"},
            **changes,
        }
    }


@pytest.fixture(params=["707B", "3706A-S"])
def bench(request: pytest.FixtureRequest) -> Iterator[Any]:
    content = content_of(more=matrix(request.param))
    with opened(content) as made:
        yield made


def test_the_first_waveform_finds_its_paths_closed(bench: Any) -> None:
    assert screen(bench, "matrix")["closed"] == []
    (row,) = bench.play(READ, 1e-3)
    assert row.i == pytest.approx(1e-5, rel=1e-2)
    first, second = screen(bench, "matrix")["closed"]  # the bottom is joined to ground
    assert (first[-2:], second[-2:]) == ("04", "05")
    assert first[:2] != second[:2]


def test_relays_move_only_with_outputs_off_and_are_open_at_the_end() -> None:
    content = content_of(more=matrix())
    with opened(content) as bench:
        bench.smu.ChA.source_voltage = 0.7
        bench.smu.ChA.source_output = "ON"
        bench.play(pulse(1.0, 1e-3), 1e-3)
        list(bench.execute(Move("3,3"), lambda: False))
        bench.play(READ, 1e-3)
    shown = screen(bench, "matrix")
    assert (shown["closed"], shown["hot"]) == ([], 0)
    assert screen(bench)["live"] == 0


def lose(bench: Any) -> None:
    """Measure, then lose the link of the source."""
    bench.play(READ, 1e-3)
    bench.smu.adapter.close()


def test_relays_stay_while_a_source_is_not_at_zero() -> None:
    bench = opened(content_of(more=matrix()))
    with pytest.raises(InstrumentFault, match="relays were left as they are"), bench:
        lose(bench)
    assert len(screen(bench, "matrix")["closed"]) == 2
    assert screen(bench)["level"] == "separation"


def test_it_says_who_it_is_and_what_is_closed(bench: Any) -> None:
    bench.play(READ, 1e-3)
    identity = next(one for one in bench.identify() if one.name == "matrix")
    assert identity.model in ("707B", "3706A-S")
    assert identity.firmware
    settings = bench.snapshot()["matrix"]
    assert settings["closed"].count(",") == 1
    assert settings["count"] == "1,1"


def test_a_relay_that_does_not_close_is_one_sentence(bench: Any) -> None:
    first = "1104" if bench.matrix.model == "3706A-S" else "1A04"
    bench.matrix.write(f'channel.setforbidden("{first}")')
    with pytest.raises(InstrumentFault, match="forbidden to close") as raised:
        bench.play(READ, 1e-3)
    assert "\n" not in str(raised.value)


def test_a_path_that_is_not_wired_is_one_sentence(bench: Any) -> None:
    with pytest.raises(BadInput, match=r"wired are the columns top, bottom and the rows smu\.a"):
        bench.matrix.route({"top": "smu.c"})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": {"7": "smu.a"}}, "is no place on a 707B"),
        ({"model": "707A"}, 'the model "707A" is unknown|has the model "707A"'),
        ({"relays": 3}, '"relays" is unknown'),
    ],
)
def test_a_wrong_section_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        opened(content_of(more=matrix(**changes)))
