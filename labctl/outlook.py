"""What the instruments will make of a protocol: who times it, how well, and what they resolve.

The signal is that of an ideal resistor at the levels of the protocol. Where it is smaller than what
range and aperture resolve, a measured current is noise, and an energy made from it an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from labctl.capability import Floor, Forecast
from labctl.steps import Play
from labctl.units import show
from labctl.waveform import Loop, Node, Segment, Window, seconds

__all__ = ["Outlook", "Resolution"]


class Resolution(msgspec.Struct, frozen=True):
    """The reading of one kind that is hardest to resolve."""

    role: str  #: ``pulse``, ``read`` or ``rest``
    terminal: str
    level: float  #: V
    signal: float  #: current of the resistor, A
    current: float  #: smallest that is resolved, A
    energy: float  #: the same of a pulse of this level and width, J
    range: float  #: of the ammeter, A
    aperture: float  #: s

    @property
    def enough(self) -> bool:
        """Whether the signal is larger than what is resolved."""
        return self.signal >= self.current

    def sentence(self) -> str:
        """Say it in one line."""
        return (
            f"{self.role} on {self.terminal}: resolves {show(self.current, 'A')}, "
            f"{show(self.energy, 'J')} ({show(self.range, 'A')} range, "
            f"{show(self.aperture, 's')} aperture); signal {show(self.signal, 'A')} "
            f"at {show(self.level, 'V')}"
        )

    def warning(self, conductance: float) -> str:
        """Say that the signal is below it, and what to do."""
        return (
            f"the {self.role} on {self.terminal} gives {show(self.signal, 'A')} at "
            f"{show(self.level, 'V')} if the device has {show(conductance, 'S')}, below the "
            f"{show(self.current, 'A')} that the {show(self.range, 'A')} range resolves in "
            f"{show(self.aperture, 's')}: its energy is an upper bound; lower the compliance, and "
            "with it the range, or measure longer"
        )


class Outlook:
    """Collects what is expected of the steps of one protocol.

    Parameters
    ----------
    conductance
        Of the resistor that stands for the device, S.
    """

    def __init__(self, conductance: float) -> None:
        self.conductance = conductance
        self.modes: dict[str, int] = {}  #: how many steps are timed by whom
        self.timing = 0.0  #: largest expected error of an interval, s
        self.alone = 0.0  #: longest time that an instrument goes on without the computer, s
        self.longer = 0.0  #: what the steps take beyond what was asked for, s
        self._worst: dict[tuple[str, str], Resolution] = {}

    def add(self, play: Play, forecast: Forecast) -> None:
        """Take what a driver expects of a step."""
        self.modes[forecast.mode] = self.modes.get(forecast.mode, 0) + 1
        self.timing = max(self.timing, forecast.timing)
        self.alone = max(self.alone, forecast.alone)
        self.longer += max(0.0, forecast.duration - play.waveform.duration)
        floors = {floor.terminal: floor for floor in forecast.floors}
        for part, window in _measured(play.waveform):
            # a current that is asked for is known to the source; floors are of ammeters
            if window.terminal in floors and window.terminal not in play.voltage_limits:
                self._compare(part, window, floors[window.terminal])

    def _compare(self, part: Segment, window: Window, floor: Floor) -> None:
        level = max(map(abs, part.levels.get(window.terminal, (0.0, 0.0))))
        if level == 0:
            return
        found = Resolution(
            window.role,
            window.terminal,
            level,
            level * self.conductance,
            floor.current,
            floor.current * level * seconds(part.length),
            floor.range,
            floor.aperture,
        )
        key = (window.role, window.terminal)
        worst = self._worst.get(key)
        if worst is None or found.signal * worst.current < worst.signal * found.current:
            self._worst[key] = found

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """The hardest reading of every role and terminal."""
        return tuple(self._worst.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about signals that are not resolved."""
        return tuple(r.warning(self.conductance) for r in self.resolutions if not r.enough)


def _measured(node: Node) -> Iterator[tuple[Segment, Window]]:
    """Yield every window with its segment; what a loop repeats only once."""
    if isinstance(node, Segment):
        yield from ((node, window) for window in node.windows)
        return
    for part in (node.body,) if isinstance(node, Loop) else node.parts:
        yield from _measured(part)
