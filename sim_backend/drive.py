"""A drive: what one source imposes on one terminal of a device.

A level that changes in straight lines (the path), and a bound that the terminal's other quantity
must not pass. Every drive adds up charge and flux (the integral of the voltage), so that a mean
over an aperture is a difference of two sums.

Between source and terminal there may be a resistance (leads, a probe's contact). Then the device
sees less than the source shows; level, bound and flux are those at the source.
"""

from __future__ import annotations

import math

__all__ = ["NEVER", "Drive", "Path", "level_of"]

NEVER = math.inf
_FOUND = 5e-4  # relative: as near as the voltage of a clamped piece is found

#: bends (time in s, level) in time order: straight lines between them, constant after the last
Path = tuple[tuple[float, float], ...]


class Drive:
    """What one source imposes on one terminal."""

    __slots__ = (
        "acts_at", "bound", "capacitance", "charge", "clamped", "clamped_at", "flux", "kind",
        "limited", "loaded", "near", "path", "piece", "remote", "resistance", "response", "slope",
        "stiffness", "terminal", "v",
    )  # fmt: skip

    def __init__(self, terminal: str) -> None:
        self.terminal = terminal
        self.kind = "v"  #: ``v``: path a voltage, bound a current; ``i``: the reverse; ``open``
        self.path: Path = ((0.0, 0.0),)  #: bends (s, level); straight between, then constant
        self.bound = NEVER  #: largest magnitude of the other quantity
        self.response = 0.0  #: time the limit takes to act, s
        self.capacitance = 0.0  #: of the cable, whose charge the meter sees, F
        self.resistance = 0.0  #: between source and terminal, Ohm
        self.remote = False  #: sensed at the device: the resistance is outside of what it sees
        self.v = 0.0  #: voltage at the source now, V
        self.charge = 0.0  #: integral of the current out of the source, C
        self.flux = 0.0  #: integral of the voltage, V s
        self.limited = 0.0  #: time spent with the bound in control, s
        self.clamped = False  #: its voltage has to be solved for
        self.loaded = False  #: because of the resistance, the bound is not in control
        self.clamped_at = 0.0  #: since when, s
        self.acts_at = NEVER  #: when the limit takes control
        self.piece = NEVER  #: length of the next clamped piece, s
        self.near = 0.0  #: voltage at the device when it was last solved for, V
        self.slope = 0.0  #: of that voltage, V for an e-fold of the time spent clamped
        self.stiffness = 0.0  #: how strongly the device answers to a change of that voltage

    def follow(self, kind: str, path: Path, bound: float) -> None:
        """Begin another path; only a voltage source without a resistance begins free."""
        self.kind, self.path, self.bound = kind, path, bound
        self.loaded = kind == "v" and self.resistance > 0
        self.clamped, self.clamped_at = kind != "v" or self.loaded, path[0][0]
        self.acts_at = self.piece = NEVER
        self.near = path[-1][1] if kind == "v" else 0.0
        self.slope = self.stiffness = 0.0

    def clamp(self, when: float) -> None:
        """Give the bound control."""
        self.clamped, self.clamped_at, self.acts_at = True, when, NEVER
        self.piece, self.slope, self.stiffness = NEVER, 0.0, 0.0

    def level(self, when: float) -> float:
        """Return the path's level, V or A."""
        return level_of(self.path, when)

    def next_change(self, now: float) -> float:
        """Return the time of the first bend or regime change after `now`, s."""
        for when, _ in self.path:
            if when > now:
                return min(self.acts_at, when)
        return self.acts_at

    def trip(self, when: float) -> None:
        """Let the bound take control after its response time."""
        if self.response > 0:
            self.acts_at = when + self.response
        else:
            self.clamp(when)

    @property
    def limiting(self) -> bool:
        """Whether the bound is in control rather than the path."""
        if self.kind == "v":
            return self.clamped and not self.loaded
        return self.kind == "i" and abs(self.v) >= self.bound * (1 - _FOUND)


def level_of(path: Path, when: float) -> float:
    """Return the level of a path at a time, V or A."""
    if when >= path[-1][0]:
        return path[-1][1]
    before = path[0]
    for bend in path:
        if when < bend[0]:
            span = bend[0] - before[0]
            share = (when - before[0]) / span if span > 0 else 0.0
            return before[1] + (bend[1] - before[1]) * share
        before = bend
    return before[1]
