"""The fixture: which channel meets which terminal of the device, and how their time passes.

The device is advanced lazily, up to the laboratory's clock and no further, whenever something is
about to change or to be read. Between two bends of any path the device model moves in one piece.

A drive whose current passes its bound is clamped, once the limit has had its response time. How the
passing is found is said in `sim_backend.tripping`, how a clamped device moves in
`sim_backend.regulation`.

An optical port is driven like a terminal, by an irradiance that nothing bounds; no charge goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from labctl.errors import BadInput
from sim_backend.clock import Clock
from sim_backend.compliance import Looked, Voltages, place
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
from sim_backend.drive import Drive
from sim_backend.regulation import pass_held
from sim_backend.standing import Standing
from sim_backend.tripping import pass_free

__all__ = ["Fixture"]

_LIGHT = -1  # row of an optical port: no charge


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
        #: where a piece ended (time, voltages, currents), so that the next need not look again
        self.looked: Looked | None = None
        #: brings the device's state up to `time`, where somebody moved the drives without it
        self.unbooked: Callable[[], None] | None = None
        self._standing: Standing | None = None

    def connect(self, terminal: str, drive: Drive | None = None) -> Drive:
        """Put a new drive on a terminal or an optical port; terminals without one are at ground.

        Parameters
        ----------
        terminal
            Name of the terminal or the port.
        drive
            What drives it, with its own resistance; a plain one unless given.

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
        drive = drive or Drive(terminal)
        drive.resistance = self._resistances.get(terminal, 0.0)
        self.drives.append(drive)
        rows = self.model.terminals
        self._rows.append(rows.index(terminal) if terminal in rows else _LIGHT)
        return drive

    def exchange(self, model: DeviceModel, state: State, resistances: Mapping[str, float]) -> None:
        """Put another device under the drives, or the same one through other contacts, now.

        Parameters
        ----------
        model, state
            The device, come to this moment; it has the terminals that are driven.
        resistances
            Between source and device by terminal, Ohm.
        """
        self.sync()
        self.model, self.state, self._resistances = model, state, resistances
        self.looked = None
        rows = model.terminals
        self._rows = [
            rows.index(drive.terminal) if drive.terminal in rows else _LIGHT
            for drive in self.drives
        ]
        for drive in self.drives:
            drive.resistance = 0.0 if drive.remote else self.lead(drive)
            drive.follow(drive.kind, drive.path, drive.bound)
            drive.clamped_at = self.time

    @property
    def resistances(self) -> Mapping[str, float]:
        """Resistance between source and device by terminal, Ohm."""
        return self._resistances

    def lead(self, drive: Drive) -> float:
        """Return what lies between a source and its terminal, Ohm."""
        return self._resistances.get(drive.terminal, 0.0)

    def sense(self, drive: Drive, *, remote: bool) -> None:
        """Sense the voltage at the device (four wires) or at the source (two), from now on."""
        if remote == drive.remote:
            return
        self.sync()
        drive.remote = remote
        drive.resistance = 0.0 if remote else self.lead(drive)
        drive.follow(drive.kind, drive.path, drive.bound)
        drive.clamped_at = self.time

    def set_temperature(self, temperature: float) -> None:
        """Let the device have another temperature from now on, K."""
        self.sync()
        self.temperature = temperature

    def sync(self) -> None:
        """Bring device and drives to the clock's time."""
        if self.unbooked is not None:
            self.unbooked()
        now = self.clock.now_s
        if self.time < now and (self._standing is None or not self._standing.last(now)):
            self._pass(now)
            self._standing = Standing.over(self)

    def _pass(self, now: float) -> None:
        """Let device and drives move up to a time, piece by piece."""
        while self.time < now:
            end = now
            clamped = False
            for drive in self.drives:
                if drive.acts_at <= self.time:
                    drive.clamp(self.time)
                end = min(end, drive.next_change(self.time))
                clamped = clamped or drive.clamped
            if clamped:
                pass_held(self, end)
            else:
                pass_free(self, end)

    def current(self, drive: Drive) -> float:
        """Return the current into a drive's terminal at this moment, A."""
        levels = self._now()
        return self.current_at(levels, drive)

    def voltages(self, drive: Drive) -> tuple[float, float]:
        """Return the voltage that a source senses, and the one at its output, at this moment, V."""
        self.sync()
        if not drive.remote:
            return drive.v, drive.v
        return drive.v, drive.v + self.lead(drive) * self.current(drive)

    def conductance(self, drive: Drive) -> float:
        """Return dI/dV at a drive's terminal at this moment, S."""
        levels = self._now()
        before = self.current_at(levels, drive)
        levels[drive.terminal] += 1e-3
        return (self.current_at(levels, drive) - before) / 1e-3

    def _now(self) -> Voltages:
        """Return the voltage on every driven terminal at this moment."""
        self.sync()
        levels = {drive.terminal: drive.level(self.time) for drive in self.drives}
        place(self.drives, levels, self.time, self.current_at)
        return levels

    def current_at(self, levels: Voltages, drive: Drive) -> float:
        """Return the current into a drive's terminal at other voltages, A."""
        row = self._rows[self.drives.index(drive)]
        if row == _LIGHT:
            return 0.0
        currents: list[float] = self.model.current(self.state, levels)[row].tolist()
        return currents[0] if len(currents) == 1 else sum(currents)

    @property
    def two_terminals(self) -> bool:
        """Whether what goes into one terminal of the device comes out of the other."""
        return len(self.model.terminals) == 2

    def steady_currents(self, levels: Voltages) -> list[float]:
        """Return the current into every drive's terminal, without the device's noise, A."""
        noise, self.state.noise = self.state.noise, None
        currents = self.charges(self.model.current(self.state, levels))
        self.state.noise = noise
        return currents

    def steady_current(self, levels: Voltages, drive: Drive) -> float:
        """Return the current into one drive's terminal, without the device's noise, A."""
        return self.steady_currents(levels)[self.drives.index(drive)]

    def charges(self, moved: Array) -> list[float]:
        """Return the charge into each drive's terminal, C, of what the device's model returned."""
        totals = moved[:, 0].tolist() if moved.shape[1] == 1 else moved.sum(axis=1).tolist()
        return [0.0 if row == _LIGHT else totals[row] for row in self._rows]

    def advance(self, levels: Mapping[str, Level], end: float) -> list[float]:
        """Take the device to a time; returns the charge into each drive's terminal, C."""
        moved = self.model.advance(
            self.state, levels, end - self.time, self.temperature, self.stream
        )
        return self.charges(moved)

    def book(
        self, levels: Mapping[str, Level], charges: Sequence[float], end: float, lift: float = 0.0
    ) -> None:
        """Add a piece to the sums of every drive, and arrive at its end.

        Parameters
        ----------
        levels
            Voltages at the device, straight lines.
        charges
            Into each drive's terminal, C.
        end
            Of the piece, s.
        lift
            By how much the mean voltage of the clamped terminals is above that of their lines, as
            a fraction.
        """
        duration = end - self.time
        for drive, charge in zip(self.drives, charges, strict=True):
            first, last = ends(levels[drive.terminal])
            shown = last
            if drive.resistance:
                at = {name: ends(piece)[1] for name, piece in levels.items()}
                shown += drive.resistance * self.steady_current(at, drive)
            drive.charge += charge + drive.capacitance * (shown - drive.v)
            if drive.loaded:  # the source holds its level, whatever the device does behind it
                drive.flux += (drive.level(self.time) + drive.level(end)) / 2 * duration
            else:
                lifted = 1.0 + lift if drive.clamped else 1.0
                drive.flux += (first + last) / 2 * lifted * duration + drive.resistance * charge
            drive.v = shown
            if drive.clamped and drive.limiting:
                drive.limited += duration
        self.time = end
