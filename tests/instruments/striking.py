"""A fault at a chosen line of a whole run: what has to hold however that run ends.

The laboratory belongs to the test, so that the front panel can be looked at afterwards without
asking through a link that may be broken, and so that the link can be mended and the run resumed.
The runner reaches it in two ways. In the process waiting costs laboratory time only: a mute
instrument takes no time of the computer's, and a busy computer makes no answer late. Over TCP the
driver waits on the wall clock, as with a real instrument.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl import catalogue, engine
from labctl.benchfile import define_bench, read_bench
from labctl.ending import message_of
from labctl.errors import InstrumentFault
from labctl.readings import Flag
from labctl.record import Record
from labctl.verification import verify
from labctl.workbench import Bench
from sim_backend.faults import Fault, FaultyInstrument
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server

__all__ = ["KINDS", "Stand", "Whole", "in_process", "over_tcp", "strike", "whole"]

_NEVER = 10**9  # a line that no run comes to

#: what is struck -> the fault that a bench file would name; its instrument and line are added
KINDS: dict[str, dict[str, Any]] = {
    "mute": {"kind": "mute"},
    "close": {"kind": "close"},
    "reset": {"kind": "reset"},
    "cut": {"kind": "cut"},
    "garbage": {"kind": "garbage"},
    # within the patience of a driver, and beyond it
    "slow": {"kind": "slow", "delay": 0.3},
    "late": {"kind": "slow", "delay": 15.0},
    "error": {"kind": "error", "code": -310},
    "interlock": {"kind": "interlock"},
    "over-temperature": {"kind": "over-temperature"},
    "short": {"kind": "short"},
    # somebody brings all settings to their defaults; the power fails for a moment. Both are not
    # on the wire: see `_plan`
    "defaults": {"kind": "over-temperature"},
    "restart": {"kind": "over-temperature"},
}
#: no reason to end a run: an answer in time, an interlock that 20 V do not need; a device that has
#: broken down is what is measured, and its readings say that the source was limiting
_HARMLESS = frozenset({"slow", "interlock", "short"})
#: what has to be said, whether the run fails or not
_SAID = {"error": ("-310",), "over-temperature": ("too hot", "Over Temp")}
#: lines before the first setting, and after the last reading, where lost settings do no harm
_BEFORE, _AFTER = 3, 14


@dataclass(frozen=True)
class Stand:
    """A bench with one virtual source-meter called smu, and the run that is struck."""

    bench: str  #: name of a shipped bench
    channels: tuple[str, ...]
    parameters: tuple[tuple[str, Any], ...]  #: of the protocol
    cannot: tuple[str, ...] = ()  #: what this instrument cannot have
    protocol: str = "ppf"  #: paired pulses, or a programming curve, whose pulses are currents

    @property
    def kinds(self) -> list[str]:
        """What it can have."""
        return [kind for kind in KINDS if kind not in self.cannot]

    @property
    def content(self) -> dict[str, Any]:
        """The bench file; what an instrument cannot play it plays as it can."""
        _, content = read_bench(self.bench)
        return {**content, "name": self.bench, "accept_degraded": True}

    @property
    def address(self) -> str:
        """Where the instrument is."""
        return str(self.content["instruments"]["smu"]["address"])


@dataclass(frozen=True)
class Whole:
    """A run that nothing struck."""

    connecting: int  #: lines until the first step
    lines: int
    pairs: int  #: of pulses; single ones of a programming curve


#: yields the laboratory and the content of a bench that reaches it
Way = Callable[[Stand], AbstractContextManager[tuple[Any, dict[str, Any]]]]


class _Held:
    """A laboratory that the runner opens and closes, and that stays open."""

    def __init__(self, laboratory: Any) -> None:
        self._laboratory = laboratory

    def __getattr__(self, name: str) -> Any:
        return getattr(self._laboratory, name)

    def close(self) -> None:
        """Leave it open."""


@contextmanager
def in_process(stand: Stand) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield a laboratory and a bench that reaches it without a wire."""
    lab, load = open_laboratory(stand.content, 1, None, 0.0), catalogue.load

    def held(kind: str, name: str) -> Any:
        return (lambda *_: _Held(lab)) if name == "held" else load(kind, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "load", held)
        yield lab, {**stand.content, "simulation": {"laboratory": "held"}}
    lab.close()


@contextmanager
def over_tcp(stand: Stand, timeout: str = "10 s") -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield a laboratory and a bench that reaches it over TCP."""
    content = stand.content
    lab = open_laboratory(content, 1, None, 0.0)
    with Server({"smu": lab.visa.port(stand.address)}) as server:
        address = server.addresses["smu"]
        there = {**content["instruments"]["smu"], "address": address, "timeout": timeout}
        served = {"laboratory": "served", "speed": 1000.0}
        yield lab, {**content, "instruments": {"smu": there}, "simulation": served}
    lab.close()


def over_tcp_impatiently(stand: Stand) -> AbstractContextManager[tuple[Any, dict[str, Any]]]:
    """As `over_tcp`, for what is not answered at all: that takes the whole timeout."""
    return over_tcp(stand, "3 s")


def _wire(stand: Stand, lab: Any) -> FaultyInstrument:
    """Return what stands between the wire and the instrument."""
    faulty = lab.visa.port(stand.address).instrument
    assert isinstance(faulty, FaultyInstrument)
    return faulty


def _run(stand: Stand, content: Mapping[str, Any], folder: Path, told: Any = None) -> Record:
    options = engine.Options(folder / "runs", seed=1, progress=told)
    protocol = catalogue.protocol_from(stand.protocol, dict(stand.parameters))
    return engine.begin(protocol, define_bench(content, "struck"), content, options)


@cache
def whole(stand: Stand, way: Way) -> Whole:
    """Return how long a run is that nothing strikes."""
    with way(stand) as (lab, content):
        lab.strike(Fault(instrument="smu", at=_NEVER, kind="mute"))
        with Bench(define_bench(content, "struck"), content) as bench:
            bench.snapshot()
            bench.identify()
            connecting = _wire(stand, lab).lines
    with way(stand) as (lab, content), tempfile.TemporaryDirectory() as folder:
        lab.strike(Fault(instrument="smu", at=_NEVER, kind="mute"))
        record = _run(stand, content, Path(folder))
        assert record.header.status == "done"
        return Whole(connecting, _wire(stand, lab).lines, _pairs(record))


def _pairs(record: Record) -> int:
    """Return how many pairs were measured whole; how often it is read before them is chance.

    Of a programming curve, how many pulses were measured.
    """
    if record.header.protocol["kind"] != "ppf":
        return len(record.readings.where(role="pulse"))
    rows = [rows for _, rows in record.where(part="pair")]
    return sum(len(each.where(role="pulse")) == 2 for each in rows)


def strike(stand: Stand, way: Way, folder: Path, kind: str, at: int) -> str:
    """Run with a fault at a line, look, mend what is broken, and go on with the run.

    Parameters
    ----------
    stand, way
        What is struck, and how it is reached.
    folder
        For the run; it is removed afterwards.
    kind
        Key of `KINDS`.
    at
        The line, counted from 1.

    Returns
    -------
    str
        What was said; empty when the run went through.
    """
    acknowledged: list[bytes] = [b""]

    def told(*_: Any) -> None:
        (path,) = (folder / "runs").glob("*/*/readings.csv")
        acknowledged.append(path.read_bytes())

    with way(stand) as (lab, content):
        _plan(stand, lab, kind, at)
        said = ""
        try:
            _run(stand, content, folder, told)
        except InstrumentFault as error:
            said = message_of(error)
        assert _wire(stand, lab).lines >= at
        _look(stand, lab)
        (found,) = catalogue.run_folders(folder / "runs")
        assert (found / "readings.csv").read_bytes().startswith(acknowledged[-1])
        record = Record(found)
        assert all(step.last <= len(record.readings) for step in record.steps)
        assert record.header.message == said
        if said:
            _judge_failed(kind, said, record)
            _mend(stand, lab)
            _resume(record, whole(stand, way))
        else:
            _judge_done(kind, at, record, whole(stand, way))
    shutil.rmtree(folder)
    return said


def _plan(stand: Stand, lab: Any, kind: str, at: int) -> None:
    fault = Fault(instrument="smu", at=at, **KINDS[kind])
    if kind not in ("defaults", "restart"):
        lab.strike(fault)
        return
    sound = lab.instruments["smu"]
    faulty = FaultyInstrument(sound, [fault], lab.clock, lambda _: _forget(sound, kind))
    lab.visa.port(stand.address).replace(faulty)


def _forget(sound: Any, kind: str) -> None:
    """Bring an instrument to its defaults; after a restart it knows no functions either."""
    if not hasattr(sound, "reset"):
        sound.write(b"*RST\n")
        return
    sound.reset()
    if kind == "restart":
        functions = 'if string.find(k, "^labctl") then _G[k] = nil end'
        sound.engine.run(f"for k in pairs(_G) do {functions} end")


def _look(stand: Stand, lab: Any) -> None:
    """See that the front panel shows zero volts and no output."""
    with lab.visa.port(stand.address).lock:
        lab.clock.advance(10.0)  # what no driver reaches any more ends by itself
    for channel in stand.channels:
        state = lab.instruments["smu"].channel_state(channel)
        assert not state["output"]
        assert state["level"] == 0


def _judge_failed(kind: str, said: str, record: Record) -> None:
    """See that one line names the instrument and says what happened, and that it is kept."""
    assert record.header.status == "failed"
    assert kind not in _HARMLESS
    assert "smu (" in said
    assert "\n" not in said
    assert "Traceback" not in said
    if kind in _SAID:
        assert any(word in said for word in _SAID[kind])
    for note in record.notes:
        assert note.kind == "degraded" or note.text in said or "found" in note.text


def _judge_done(kind: str, at: int, record: Record, sound: Whole) -> None:
    """See that a run that went through had reason to, and that what happened is noted."""
    assert record.header.status == "done"
    assert _pairs(record) == sound.pairs
    noted = [note.text for note in record.notes if note.kind != "degraded"]
    if kind == "short":
        if at <= sound.connecting:
            assert np.all(record.readings.flags & int(Flag.COMPLIANCE | Flag.OVERRANGE))
            assert not np.any(np.abs(record.readings.i) > 1.0)
    elif kind in ("defaults", "restart", "over-temperature"):
        assert at <= sound.connecting + _BEFORE or at > sound.lines - _AFTER
    elif kind in _HARMLESS:
        assert not noted
    elif kind == "error":
        assert any("-310" in text for text in noted)
    else:
        assert any("settings after the run not read: smu (" in text for text in noted)


def _mend(stand: Stand, lab: Any) -> None:
    """Let somebody repair the link, and the instrument cool down."""
    _wire(stand, lab)._mute = False
    if hasattr(lab.instruments["smu"], "overheat"):
        lab.instruments["smu"].overheat(False)


def _resume(record: Record, sound: Whole) -> None:
    """Go on with a run on the mended bench: nothing that was kept changes."""
    before = list(record.readings)
    resumed = engine.resume(record.folder, "repeat")
    assert resumed.header.status == "done"
    assert _pairs(resumed) == sound.pairs
    assert list(resumed.readings)[: len(before)] == before
    assert verify(record.folder).holds
