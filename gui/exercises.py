"""Exercises: a bench whose device is not told, and one on which something goes wrong.

Each is a bench file made from the shipped ones with every word of explanation taken out; what the
answer is stands in its last line, turned so that nobody reads it by accident. Runs on it are as
any others, and their records say what the bench was. Nothing here knows a window.
"""

from __future__ import annotations

import codecs
import functools
import random
import re
from pathlib import Path

from labctl import catalogue
from labctl.benchfile import Definition, read_bench
from labctl.errors import BadInput, RecordFault

__all__ = ["answer_of", "faulty_bench", "unknown_device"]

_USUAL = "sim-ftj"  # the bench that the others have to be like
_MARK = "# answer: "
#: kind of fault, and what it is in words
_FAULTS = (
    ("mute", "the instrument stopped answering"),
    ("close", "the connection was closed"),
    ("garbage", "the instrument sent an answer that nobody can read"),
    ("error", "the instrument put an error into its queue"),
    ("short", "the device's terminals were shorted"),
)
_EARLIEST, _LATEST = 340, 400  # lines sent: the instrument knows its functions by then


def unknown_device(folder: Path, draw: random.Random) -> Path:
    """Make a bench whose device is to be found out.

    Parameters
    ----------
    folder
        Where the bench file goes.
    draw
        Chooses the device.

    Raises
    ------
    RecordFault
        The file cannot be written.
    """
    chosen = draw.choice(_alike())
    definition, _ = read_bench(chosen)
    text = _plain(chosen, "unknown", "Virtual instrument over a device that you do not know", draw)
    return _written(folder, text, f"it was {chosen}: {definition.title}", draw)


def faulty_bench(folder: Path, draw: random.Random) -> Path:
    """Make a bench on which something goes wrong in the middle of a run.

    Parameters
    ----------
    folder
        Where the bench file goes.
    draw
        Chooses what and when.

    Raises
    ------
    RecordFault
        The file cannot be written.
    """
    kind, words = draw.choice(_FAULTS)
    at = draw.randint(_EARLIEST, _LATEST)
    text = _plain(_USUAL, "faulty", "Virtual instrument with something to go wrong", draw)
    definition, _ = read_bench(_USUAL)
    smu = next(iter(definition.instruments))
    fault = f'\n[[simulation.faults]]\ninstrument = "{smu}"\nat = {at}\nkind = "{kind}"\n'
    return _written(folder, text + fault, f"at the {at}th line {words}", draw)


def answer_of(bench: str) -> str:
    """Return what was to be found on a bench.

    Parameters
    ----------
    bench
        File of an exercise.

    Raises
    ------
    BadInput
        The bench is no exercise.
    """
    try:
        lines = Path(bench).read_text("utf-8").splitlines()
    except OSError:
        lines = []
    found = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if not found:
        raise BadInput("the bench that is chosen is no exercise; begin one first")
    return codecs.decode(found[-1], "rot13")


@functools.cache
def _alike() -> tuple[str, ...]:
    """Return the shipped benches with the usual instrument and one device."""
    usual, _ = read_bench(_USUAL)
    return tuple(name for name in sorted(catalogue.bench_files()) if _is_like(name, usual))


def _is_like(name: str, usual: Definition) -> bool:
    """Whether a bench has the usual instrument and terminals, and simulates one device."""
    if not name.startswith("sim-"):  # a user's own benches are not for exercises
        return False
    try:
        definition, _ = read_bench(name)
    except BadInput:
        return False
    simulation = definition.simulation or {}
    return (
        definition.simulated
        and definition.terminals == usual.terminals
        and definition.instruments == usual.instruments
        and "wafer" not in simulation
        and "device" in simulation
    )


def _plain(bench: str, name: str, title: str, draw: random.Random) -> str:
    """Return a shipped bench file without comments, under another name."""
    text = catalogue.find_bench(bench).read_text("utf-8")
    text = re.sub(r"(?m)^\s*#.*\n?|\s+#[^\"\n]*$", "", text)
    number = f"{draw.randrange(16**4):04x}"
    text = re.sub(r'(?m)^name = ".*"$', f'name = "{name}-{number}"', text, count=1)
    return re.sub(r'(?m)^title = ".*"$', f'title = "{title}"', text, count=1)


def _written(folder: Path, text: str, answer: str, draw: random.Random) -> Path:
    name = re.search(r'(?m)^name = "(.*)"$', text)
    path = folder / f"{name[1] if name else draw.randrange(10**6)}.toml"
    hidden = codecs.encode(answer, "rot13")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text.strip()}\n\n{_MARK}{hidden}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise RecordFault(f'the exercise "{path}" cannot be written: {error.strerror}') from None
    return path
