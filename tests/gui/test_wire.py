"""What goes over the wire, as the console shows it."""

from __future__ import annotations

from pathlib import Path

from gui.console import Console
from gui.wire import Message, WireTail
from labctl.wire_log import WIRE


def lines(first: int, count: int) -> str:
    ways = ("answered", "sent")
    return "".join(
        f"2026-11-22T14:25:57.{k % 1000:03}+00:00\tsmu\t{ways[k % 2]}\tword {k}\n"
        for k in range(first, first + count)
    )


def write(folder: Path, text: str, mode: str = "a") -> None:
    with (folder / WIRE).open(mode, encoding="utf-8", newline="") as file:
        file.write(text)


def test_a_tail_reads_on_and_leaves_a_torn_line(tmp_path: Path) -> None:
    tail = WireTail(tmp_path)
    assert not tail.kept
    assert tail.poll() == ([], 0)
    write(tmp_path, lines(0, 2) + "2026-11-22T14")
    found, more = tail.poll()
    assert [(m.instrument, m.sent, m.text) for m in found] == [
        ("smu", False, "word 0"), ("smu", True, "word 1"),
    ]  # fmt: skip
    assert (more, tail.kept) == (0, True)
    write(tmp_path, ":25:57.002+00:00\tsmu\tanswered\tword 2\n")
    assert [m.text for m in tail.poll()[0]] == ["word 2"]


def test_of_very_much_only_the_newest_is_told(tmp_path: Path) -> None:
    tail = WireTail(tmp_path)
    write(tmp_path, lines(0, 20_000))
    found, more = tail.poll()
    assert (len(found), found[-1].text) == (100, "word 19999")
    assert more > 0
    assert tail.poll() == ([], 0)


def test_a_log_that_was_turned_over_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail = WireTail(tmp_path)
    write(tmp_path, lines(0, 50))
    tail.poll()
    write(tmp_path, lines(50, 3), "w")
    assert [m.text for m in tail.poll()[0]] == ["word 50", "word 51", "word 52"]


def test_the_console_shows_it_and_filters(qtbot) -> None:
    console = Console()
    qtbot.addWidget(console)
    console.say("info", "ppf begins")
    when = "2026-11-22T14:25:57.223+00:00"
    asked = Message(when, "smu", True, "print(1 < 2)  -- <b>")
    console.tell([asked, Message(when, "smu", False, "true")], more=3)
    assert "14:25:57.223  → smu  print(1 < 2)  -- <b>" in console.text()
    assert "← smu  true" in console.text()
    assert "more of it is in wire.log" in console.text()
    console.search("smu print")
    assert console.text().count("\n") == 0
    assert "print(1 < 2)" in console.text()
    console.say("info", "smu goes on")  # does not pass the filter
    assert "goes on" not in console.text()
    console.search("")
    assert "smu goes on" in console.text()
    assert console.value() == 0
