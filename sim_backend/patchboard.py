"""The patchboard: what a switching matrix joins, between the channels of instruments and a device.

The matrix tells which channels and terminals its closed relays join; the patchboard puts that into
the fixture, notes what was switched hot, and leaves terminals floating that nothing leads to. The
lines of a crossbar are cared for by the crossbar where nothing leads to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim_backend.addressed import AddressedCrossbar
from sim_backend.devices.joined import GROUND, Net, PatchedDevice
from sim_backend.devices.model import DeviceModel, State
from sim_backend.drive import NEVER, Drive
from sim_backend.fixture import Fixture

__all__ = ["Patchboard"]

_LIVE = 1e-3  # V: a relay that moves with more than this on it is switched hot


class Patchboard:
    """Joins channels and terminals.

    Parameters
    ----------
    fixture
        Where the device is.
    channels
        Of instruments, as a bench file names them: ``smu.a``; or ``ground``.
    terminals
        Of the device, that the matrix can reach.
    resistance
        Of a closed path, Ohm.
    """

    def __init__(
        self,
        fixture: Fixture,
        channels: Sequence[str],
        terminals: Sequence[str],
        resistance: float,
    ) -> None:
        self.fixture = fixture
        self.channels = tuple(dict.fromkeys(channels))
        self._terminals = tuple(dict.fromkeys(terminals))
        self._resistance = resistance
        self.nets: tuple[Net, ...] = ()
        self.hot = 0  #: times that a relay moved with a voltage on it
        self._loose: dict[str, Drive] = {}
        self._device: tuple[DeviceModel, State, Mapping[str, float]] = (
            fixture.model, fixture.state, {},
        )  # fmt: skip
        self.wire(*self._device)
        for name in () if isinstance(self._device[0], AddressedCrossbar) else self._terminals:
            self._loose[name] = fixture.connect(name)
        self.wire(*self._device)

    def wire(self, model: DeviceModel, state: State, resistances: Mapping[str, float]) -> None:
        """Put a device behind the relays, with the contact resistance of its terminals, Ohm."""
        self._device = (model, state, resistances)
        switched = self._terminals
        if isinstance(model, AddressedCrossbar):
            led = {name for net in self.nets for name in net.terminals}
            model, switched = model.led_to(led), ()
        patched = PatchedDevice(model, self.channels, switched, self.nets, self._resistance)
        moved = {
            channel: resistances[terminal]
            for net in self.nets
            for terminal in net.terminals
            for channel in net.channels
            if terminal in resistances and channel != GROUND
        }
        others = {name: ohm for name, ohm in resistances.items() if name not in self._terminals}
        self.fixture.exchange(patched, state, {**others, **moved})
        now = self.fixture.time
        for name, drive in self._loose.items():
            drive.follow("open" if name in patched.floating else "v", ((now, 0.0),), NEVER)

    @property
    def device(self) -> tuple[DeviceModel, State, Mapping[str, float]]:
        """What is behind the relays, as it was put there with `wire`."""
        return self._device

    def join(self, nets: Sequence[Net]) -> None:
        """Join channels and terminals anew; what has changed with a voltage on it is counted."""
        self.fixture.sync()
        before, after = _partners(self.nets), _partners(nets)
        changed = {
            name for name in self.channels if name != GROUND and before.get(name) != after.get(name)
        }
        if any(abs(drive.v) > _LIVE for drive in self.fixture.drives if drive.terminal in changed):
            self.hot += 1
        self.nets = tuple(nets)
        self.wire(*self._device)


def _partners(nets: Sequence[Net]) -> dict[str, frozenset[str]]:
    """Return what every channel is joined to."""
    return {
        name: frozenset((*net.channels, *net.terminals)) for net in nets for name in net.channels
    }
