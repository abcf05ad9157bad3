"""The direct bench: a waveform on the device model with no instrument in between.

Levels are exact and settle at once, windows are exact means, ramps and overlapping terminals are
played as they are, and the compliance is the only thing that stands between waveform and device.
A bench file uses it as an instrument of the virtual laboratory::

    [instruments.device]
    driver = "direct"

    [terminals]
    top = "device.top"
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from labctl.capability import Identity, Limits, Setup, StopRequest, Violation
from labctl.errors import BadInput
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Segment, Window, seconds
from sim_backend.drive import Drive
from sim_backend.laboratory import VirtualLaboratory

__all__ = ["LIMITS", "DirectSource", "check", "connect"]

LIMITS = Limits(
    model="direct",
    max_v=1e3,
    max_i=1e3,
    min_width=1e-12,
    min_gap=0.0,
    min_aperture=1e-12,
    resolution=1e-12,
    max_points=10**12,
    max_readings=10**12,
    ramps=True,
    source="no instrument: the resolution of a waveform's own time",
)
_CHUNK = 256  # rows handed on at a time
_PATIENCE = 1024  # segments played before a stop request is heard


def connect(setup: Setup) -> DirectSource:
    """Give the device of a virtual laboratory as a waveform source.

    Raises
    ------
    BadInput
        The bench has no virtual laboratory in this process, or lacks a terminal of the device.
    """
    if not isinstance(setup.laboratory, VirtualLaboratory):
        raise BadInput(
            f"instruments.{setup.name}: the driver direct plays on a device model; "
            'give the bench a section [simulation] with laboratory = "virtual"'
        )
    return DirectSource(setup, setup.laboratory)


def check(setup: Setup, play: Play) -> list[Violation]:
    """Say what stands against playing this; nothing but a compliance that lets no current flow."""
    found = []
    if not play.compliance > 0:
        found.append(
            Violation(
                f"{setup.name} compliance",
                f"{play.compliance:g} A",
                "more than 0 A",
                "give a compliance that lets the device's current flow",
            )
        )
    for terminal, peak in play.waveform.summary().peak.items():
        if peak > LIMITS.max_v:
            found.append(
                Violation(
                    f"{setup.name} level on {terminal}",
                    f"{peak:g} V",
                    f"at most {LIMITS.max_v:g} V",
                    "lower the amplitude",
                )
            )
    return found


class _Event(NamedTuple):
    """An edge of a measurement window; sorted by time, then in the order they were met."""

    tick: int
    order: int
    window: Window
    closes: int  #: tick at which an opening window closes; 0 for a closing one
    v_set: float
    width: float


class _Mark(NamedTuple):
    """Sums of a drive at the opening of a window."""

    time: float
    charge: float
    flux: float
    limited: float


class DirectSource:
    """Plays waveforms on the device of a laboratory; meets `labctl.capability.WaveformSource`.

    Parameters
    ----------
    setup
        Its section of the bench file; the keys of `channels` are terminals of the device.
    laboratory
        Where the device is.
    """

    limits = LIMITS

    def __init__(self, setup: Setup, laboratory: VirtualLaboratory) -> None:
        self.setup = setup
        self.laboratory = laboratory
        self.fixture = laboratory.fixture
        self.clock = laboratory.fixture.clock
        self._origin = self.clock.now_s
        self._drives: dict[str, Drive] = {
            terminal: self.fixture.connect(terminal) for terminal in setup.channels
        }

    def identify(self) -> Identity:
        """Say which device model this is."""
        account = self.fixture.model.describe()
        model = f"{account['family']} {account['preset']}"
        return Identity(self.setup.name, f"labctl,direct {model},0,0", "direct")

    def snapshot(self) -> dict[str, str]:
        """Return which device this is, and its temperature."""
        account = self.fixture.model.describe()
        return {
            "family": account["family"],
            "preset": account["preset"],
            "temperature": f"{self.fixture.temperature:g} K",
        }

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this."""
        return check(self.setup, play)

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play, one segment at a time; the device's state is kept before any row is handed on."""
        self.fixture.sync()
        performance = _Performance(self, play)
        rows: list[Row] = []
        try:
            for count, (start, piece) in enumerate(play.waveform.flatten(), 1):
                rows += performance.perform(start, piece)
                if len(rows) >= _CHUNK:
                    self.laboratory.save()
                    yield rows
                    rows = []
                if count % _PATIENCE == 0 and stop():
                    break
        finally:
            self.make_safe()
        if rows:
            yield rows

    def make_safe(self) -> None:
        """Bring every terminal to zero volts and keep the device's state."""
        self.fixture.sync()
        for drive in self._drives.values():
            drive.follow("v", ((self.clock.now_s, 0.0),), float("inf"))
        self.laboratory.save()

    def close(self) -> None:
        """Nothing to give back."""


class _Performance:
    """One waveform being played: the windows that are open or still to open."""

    def __init__(self, source: DirectSource, play: Play) -> None:
        self._source = source
        self._drives = source._drives
        self._compliance = play.compliance
        self._begin = source.clock.now_s
        self._edges: list[_Event] = []
        self._open: dict[tuple[str, int, int], _Mark] = {}
        self._order = itertools.count()

    def perform(self, start: int, piece: Segment) -> list[Row]:
        """Play one segment; returns the readings whose windows close within it."""
        end = start + piece.length
        begins, ends = self._time(start), self._time(end)
        for terminal, drive in self._drives.items():
            first, last = piece.levels.get(terminal, (0.0, 0.0))
            path = ((begins, first), (ends, last)) if first != last else ((begins, last),)
            drive.follow("v", path, self._compliance)
        for window in piece.windows:
            self._expect(start, piece, window)
        rows = []
        while self._edges and self._edges[0].tick <= end:
            row = self._meet(heapq.heappop(self._edges))
            if row is not None:
                rows.append(row)
        self._advance(end)
        return rows

    def _time(self, tick: int) -> float:
        return self._begin + seconds(tick)

    def _advance(self, tick: int) -> None:
        self._source.clock.advance_to(self._time(tick))
        self._source.fixture.sync()

    def _expect(self, start: int, piece: Segment, window: Window) -> None:
        first, last = piece.levels.get(window.terminal, (0.0, 0.0))
        middle = (window.start + window.stop) / 2 / piece.length
        opening = _Event(
            start + window.start,
            next(self._order),
            window,
            start + window.stop,
            first + (last - first) * min(1.0, middle),
            seconds(piece.length),
        )
        heapq.heappush(self._edges, opening)

    def _meet(self, edge: _Event) -> Row | None:
        """Open or close a window."""
        self._advance(edge.tick)
        drive = self._drives[edge.window.terminal]
        if edge.closes:
            mark = _Mark(self._source.clock.now_s, drive.charge, drive.flux, drive.limited)
            closing = edge._replace(tick=edge.closes, closes=0)
            self._open[edge.window.terminal, edge.order, edge.closes] = mark
            heapq.heappush(self._edges, closing)
            return None
        mark = self._open.pop((edge.window.terminal, edge.order, edge.tick))
        return self._reading(edge, drive, mark)

    def _reading(self, edge: _Event, drive: Drive, mark: _Mark) -> Row:
        now = self._source.clock.now_s
        duration = now - mark.time
        limited = drive.limited > mark.limited
        return Row(
            t=(mark.time + now) / 2 - self._source._origin,
            terminal=edge.window.terminal,
            role=edge.window.role,
            v_set=edge.v_set,
            v=(drive.flux - mark.flux) / duration,
            i=(drive.charge - mark.charge) / duration,
            width=edge.width,
            u_v=0.0,
            u_i=0.0,
            flags=int(Flag.COMPLIANCE) if limited else 0,
        )
