"""The fixture: which channel meets which terminal of the device, and how their time passes.

The device is advanced lazily, up to the laboratory's clock and no further, whenever something is
about to change or to be read. Between two bends of any path the device model moves in one piece.

A drive whose current passes its bound is clamped (see `sim_backend.compliance`), once the limit has
had its response time. The moment is found by halving the piece in which it happens. While a drive
is clamped, pieces are chosen so that the current stays within `REGULATION` of its bound, but not
shorter than `_FINEST` of the time spent clamped: a device that a limit holds at its own threshold
would ask for ever shorter ones.

An optical port is driven like a terminal, by an irradiance that nothing bounds; no charge goes in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from labctl.errors import BadInput
from sim_backend.clock import Clock
from sim_backend.compliance import FLOOR, REGULATION, Voltages, held, place, straight
from sim_backend.devices.model import (
    Array,
    DeviceModel,
    Level,
    State,
    Stream,
    ends,
    sees_light,
    wavelength_of,
)
from sim_backend.drive import NEVER, Drive

__all__ = ["Fixture"]

#: a mean current below this share of the bound cannot hide a current beyond it at either end of a
#: straight piece: a ramp from zero ends at twice its mean, the rest is left to the device
_SAFE_SHARE = 0.25
_SHORTEST = 1e-12  # s
_PREDICTIONS = 4  # of the voltages at the end of a clamped piece
_AGREES = REGULATION / 4  # when two predictions are the same
_LIGHT = -1  # row of an optical port: no charge
_FINEST = 2e-3  # shortest clamped piece, as a share of the time spent clamped


class Fixture:
    """A device with its terminals, the drives on them, and the time up to which both have come.

    Parameters
    ----------
    model, state
        The device; `state` is advanced in place.
    stream
        Cycle-to-cycle variation; None for none.
    clock
        The laboratory's time.
    temperature
        Of the device, K.
    resistances
        Between source and device by terminal, Ohm: leads, and the contact of a probe.
    """

    def __init__(
        self,
        model: DeviceModel,
        state: State,
        stream: Stream | None,
        clock: Clock,
        temperature: float = 300.0,
        resistances: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.model = model
        self.state = state
        self.stream = stream
        self.clock = clock
        self.temperature = temperature
        self._resistances = resistances
        self.time = clock.now_s
        self.drives: list[Drive] = []
        self._rows: list[int] = []  # of the drives' terminals, among the model's

    def connect(self, terminal: str) -> Drive:
        """Put a new drive on a terminal or an optical port; terminals without one are at ground.

        Raises
        ------
        BadInput
            The device has no such terminal, or it is taken, or it does not see light.
        """
        taken = [drive.terminal for drive in self.drives]
        free = [name for name in self.model.terminals if name not in taken]
        if wavelength_of(terminal) is not None and terminal not in taken:
            if not sees_light(self.model):
                raise BadInput(
                    f'"{terminal}" was asked for, but the device does not see light; '
                    f"it has the terminals {', '.join(self.model.terminals)}"
                )
        elif terminal not in free:
            raise BadInput(
                f'a channel was wired to the terminal "{terminal}" of the device; '
                f"free are {', '.join(free) or 'none'}"
            )
        drive = Drive(terminal)
        drive.resistance = self._resistances.get(terminal, 0.0)
        self.drives.append(drive)
        rows = self.model.terminals
        self._rows.append(rows.index(terminal) if terminal in rows else _LIGHT)
        return drive

    def sync(self) -> None:
        """Bring device and drives to the clock's time."""
        now = self.clock.now_s
        while self.time < now:
            end = now
            clamped = False
            for drive in self.drives:
                if drive.acts_at <= self.time:
                    drive.clamp(self.time)
                end = min(end, drive.next_change(self.time))
                clamped = clamped or drive.clamped
            if clamped:
                self._pass_clamped(end)
            else:
                self._pass_free(end)

    def current(self, drive: Drive) -> float:
        """Return the current into a drive's terminal at this moment, A."""
        levels = self._now()
        return self.current_at(levels, drive)

    def conductance(self, drive: Drive) -> float:
        """Return dI/dV at a drive's terminal at this moment, S."""
        levels = self._now()
        before = self.current_at(levels, drive)
        levels[drive.terminal] += 1e-3
        return (self.current_at(levels, drive) - before) / 1e-3

    def _now(self) -> Voltages:
        """Return the voltage on every driven terminal at this moment."""
        self.sync()
        return self._placed_at(self.time)

    def current_at(self, levels: Voltages, drive: Drive) -> float:
        """Return the current into a drive's terminal at other voltages, A."""
        row = self._rows[self.drives.index(drive)]
        if row == _LIGHT:
            return 0.0
        currents: list[float] = self.model.current(self.state, levels)[row].tolist()
        return currents[0] if len(currents) == 1 else sum(currents)

    def charges(self, moved: Array) -> list[float]:
        """Return the charge into each drive's terminal, C, of what the device's model returned."""
        totals = moved[:, 0].tolist() if moved.shape[1] == 1 else moved.sum(axis=1).tolist()
        return [0.0 if row == _LIGHT else totals[row] for row in self._rows]

    def _advance(self, levels: dict[str, Level], end: float) -> list[float]:
        """Advance the device to `end`; return the charge into each drive's terminal, C."""
        moved = self.model.advance(
            self.state, levels, end - self.time, self.temperature, self.stream
        )
        return self.charges(moved)

    def _book(self, levels: dict[str, Level], charges: list[float], end: float) -> None:
        """Add a piece to the sums of every drive, and arrive at its end."""
        duration = end - self.time
        for drive, charge in zip(self.drives, charges, strict=True):
            level = levels[drive.terminal]
            first, last = level if isinstance(level, tuple) else (level, level)
            shown = last
            if drive.resistance:
                at = {name: ends(piece)[1] for name, piece in levels.items()}
                shown += drive.resistance * self.current_at(at, drive)
            drive.charge += charge + drive.capacitance * (shown - drive.v)
            if drive.loaded:  # the source holds its level, whatever the device does behind it
                drive.flux += (drive.level(self.time) + drive.level(end)) / 2 * duration
            else:
                drive.flux += (first + last) / 2 * duration + drive.resistance * charge
            drive.v = shown
            if drive.clamped and drive.limiting:
                drive.limited += duration
        self.time = end

    # free: the terminals follow their paths -----------------------------------------------------

    def _pass_free(self, end: float) -> None:
        """Move to `end`, or to where a current passes its bound if that comes first."""
        start = self.time
        while True:
            levels = self._lines(end)
            saved = self.state.values.copy() if any(levels.values()) else None
            charges = self._advance(levels, end)
            suspects = [] if saved is None else self._suspects(charges, end)
            if saved is None or not suspects:
                self._book(levels, charges, end)
                return
            if early := self._over(suspects, levels, 0, saved):
                self.state.values[:] = saved
                _trip(early, start)
                return
            if not self._over(suspects, levels, 1, None, 1 + REGULATION):
                self._book(levels, charges, end)
                _trip(self._over(suspects, levels, 1, None), end)
                return
            self.state.values[:] = saved
            end = max(start + (end - start) / 2, math.nextafter(start, NEVER))
            if end - start < _SHORTEST:
                _trip(suspects, start)
                return

    def _lines(self, end: float) -> dict[str, Level]:
        levels: dict[str, Level] = {}
        for drive in self.drives:
            first, last = drive.level(self.time), drive.level(end)
            levels[drive.terminal] = first if first == last else (first, last)
        return levels

    def _suspects(self, charges: list[float], end: float) -> list[Drive]:
        """Return the drives whose current may have passed the bound on the way to `end`."""
        share = _SAFE_SHARE * (end - self.time)
        return [
            drive
            for drive, charge in zip(self.drives, charges, strict=True)
            if drive.acts_at == NEVER and abs(charge) > share * drive.bound
        ]

    def _over(
        self,
        suspects: list[Drive],
        levels: dict[str, Level],
        side: int,
        values: Array | None,
        margin: float = 1.0,
    ) -> list[Drive]:
        """Return those whose current is past the bound at one end of a piece (0 first, 1 last)."""
        at = {name: x[side] if isinstance(x, tuple) else x for name, x in levels.items()}
        now = self.state.values
        if values is not None:
            self.state.values = values
        over = [d for d in suspects if abs(self.current_at(at, d)) > d.bound * margin + FLOOR]
        self.state.values = now
        return over

    # clamped: some voltages are what the bounding currents make them ----------------------------

    def _pass_clamped(self, end: float) -> None:
        """Move towards `end` while some current is held at its bound."""
        first = {drive.terminal: drive.level(self.time) for drive in self.drives}
        if _free(place(self.drives, first, self.time, self.current_at)):
            return  # begin anew
        for drive in self.drives:
            end = min(end, self.time + drive.piece) if drive.clamped else end
        since = max(drive.clamped_at for drive in self.drives if drive.clamped)
        finest = _FINEST * (self.time - since)
        shortest = max(finest, _SHORTEST, 16 * math.ulp(self.time))
        saved = self.state.values.copy()
        while True:
            charges, levels, last = self._clamped_piece(first, end, saved)
            duration = end - self.time
            if duration < 1.5 * shortest or (
                held(self.drives, first, last, end, self.current_at)
                and straight(self.drives, first, last, self.time, end)
            ):
                break
            self.state.values[:] = saved
            end = self.time + max(duration / 4, shortest)
        self._book(levels, charges, end)
        for drive in self.drives:
            drive.piece = 2 * duration
        _free(place(self.drives, last, end, self.current_at))

    def _clamped_piece(
        self, first: Voltages, end: float, saved: Array
    ) -> tuple[list[float], dict[str, Level], Voltages]:
        """Advance on straight lines to the voltages that the bounds will ask for at `end`."""
        wanted = self._placed_at(end)
        for _ in range(_PREDICTIONS):
            last = wanted
            self.state.values[:] = saved
            levels: dict[str, Level] = {name: (v, last[name]) for name, v in first.items()}
            charges = self._advance(levels, end)
            wanted = self._placed_at(end)
            if all(abs(wanted[name] - v) <= _AGREES * abs(v) for name, v in last.items()):
                break
        return charges, levels, last

    def _placed_at(self, when: float) -> Voltages:
        """Return the voltages at a time, were the device then as it is now."""
        levels = {drive.terminal: drive.level(when) for drive in self.drives}
        place(self.drives, levels, when, self.current_at)
        return levels


def _free(drives: list[Drive]) -> bool:
    """Let drives that are on their path follow it again."""
    for drive in drives:
        drive.clamped = False
    return bool(drives)


def _trip(drives: list[Drive], when: float) -> None:
    for drive in drives:
        drive.trip(when)
