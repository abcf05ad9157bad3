"""The lines of a crossbar behind a switching matrix: cells are sites, relays move in the calm."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from instruments.crossbar import connect
from labctl.benchfile import define_bench, read_bench
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.steps import Move
from labctl.waveform import pulse, read
from labctl.workbench import Bench

READ = read(0.1, 50e-3)


def content_of(**matrix: Any) -> dict[str, Any]:
    content = copy.deepcopy(read_bench("sim-crossbar")[1])
    content["instruments"]["matrix"] |= matrix
    content["simulation"]["device"] = {"family": "resistor", "preset": "10k"}
    content["simulation"]["noise"] = {"instrument": False, "cycle": False, "device": False}
    return content


def opened(content: dict[str, Any], **options: Any) -> Any:
    return Bench(define_bench(content, "rig.toml"), content, **options)


def closed(bench: Any) -> list[str]:
    return list(bench.laboratory.instruments["matrix"].channel_state()["closed"])


def test_a_cell_is_a_site() -> None:
    with opened(content_of(), site="3,2") as bench:
        assert closed(bench) == []
        (row,) = bench.play(READ, 1e-3)
        assert closed(bench) == ["1A02", "1B09"]
        # the cell and half of the three others of its row, but for the wires
        assert row.i == pytest.approx(1e-5 * 2.5, rel=1e-2)
        list(bench.execute(Move("1,4"), lambda: False))
        bench.play(pulse(1.0, 1e-3), 1e-2)
        assert closed(bench) == ["1A04", "1B07"]
        assert bench.snapshot()["matrix"]["closed"].count(",") == 1
    state = bench.laboratory.instruments["matrix"].channel_state()
    assert (state["closed"], state["hot"]) == ([], 0)


def test_other_lines_are_joined_to_ground_where_that_is_asked_for() -> None:
    rows = {"A": "smu.a", "B": "smu.b", "C": "ground"}
    with opened(content_of(rows=rows, unselected="ground"), site="1,1") as bench:
        (row,) = bench.play(READ, 1e-3)
        assert closed(bench) == ["1A01", "1B07", *(f"1C{k:02d}" for k in (2, 3, 4, 8, 9, 10))]
        assert row.i == pytest.approx(4e-5, rel=1e-2)  # every cell of the word line carries


def test_the_bottom_is_at_ground_unless_a_channel_is_named() -> None:
    content = content_of(rows={"1": "smu.a", "2": "ground"}, model="3706A-S")
    content["terminals"] = {"top": "smu.a"}
    with opened(content) as bench:
        bench.play(READ, 1e-3)
        assert closed(bench) == ["1101", "1207"]


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ({"columns": {"1": "top", "2": "b1"}}, '"top" is wired to it'),
        ({"columns": {"1": "w1"}}, "columns: w1 was given"),
        ({"unselected": "ground"}, 'unselected = "ground" was given; wired are the rows smu.a'),
        ({"relays": 3}, '"relays" is unknown'),
        ({"model": "707A"}, "707A"),
        ({"columns": {"1": "w1", "2": "w9", "3": "b1"}}, '"w9" is wired to it'),
    ],
)
def test_a_wrong_section_is_one_sentence(matrix: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as raised:
        opened(content_of(**matrix))
    assert "\n" not in str(raised.value)


def test_a_terminal_on_a_column_is_no_line() -> None:
    options = {"rows": {"A": "smu.a"}, "columns": {"1": "top", "2": "b1"}}
    with pytest.raises(BadInput, match='columns: top was given; wire the lines "w1"'):
        connect(Setup("matrix", "707B", "GPIB0::16::INSTR", {}, options=options))


def test_a_cell_that_is_not_there_is_one_sentence() -> None:
    with opened(content_of()) as bench:
        with pytest.raises(BadInput, match=r'the cell "5,1" was asked for; wired are the lines w1'):
            list(bench.execute(Move("5,1"), lambda: False))
        bench.matrix.write('channel.setforbidden("1A02")')
        with pytest.raises(InstrumentFault, match="forbidden to close"):
            list(bench.execute(Move("1,2"), lambda: False))
