"""The specimen: the devices that a bench file describes, made when they are asked for.

A specimen is a wafer, or one device where the bench file has no wafer. A device is made with the
spread of its place, or taken as it was left from the state that an earlier session kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from labctl.errors import BadInput
from sim_backend import devices
from sim_backend.addressed import AddressedCrossbar
from sim_backend.devices import DeviceModel, State, Stream
from sim_backend.devices.lit import LitDevice
from sim_backend.devices.placed import PlacedDevice
from sim_backend.devices.star import StarDevice
from sim_backend.needles import Sitting
from sim_backend.simulation import Simulation
from sim_backend.state import SavedDevice, SavedState, kept, restored
from sim_backend.wafer import Place, Site, Wafer

__all__ = ["Specimen", "derived", "kept_device"]

_SHORT = 0.1  # S, of a shorted device


class Specimen:
    """What lies under the probes.

    Parameters
    ----------
    simulation
        What the bench file says.
    name
        Of the bench, for errors.
    seed
        Of the run: fixes a device without a wafer, and its noise.
    saved
        State that an earlier session kept.
    path
        Its file, for errors.
    """

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        seed: int,
        saved: SavedState | None,
        path: Path | None,
    ) -> None:
        self.simulation, self.name, self.seed = simulation, name, seed
        self.wafer = simulation.wafer or Wafer()
        self._named = ""  #: cell of a crossbar with a decoder
        self._path = path
        self._saved: dict[str, SavedDevice] = {}
        if saved is not None:
            self._saved = {device.site: device for device in (saved.device(), *saved.others)}

    def find(self, site: str, *, stands: str = "") -> Site:
        """Return the site to begin with.

        Parameters
        ----------
        site
            As the user names it; a bench without a wafer takes any name.
        stands
            Where a prober was left, if it was; it stands there still.

        Raises
        ------
        BadInput
            It is not on the wafer.
        """
        if stands:
            return self.wafer.find(stands)
        if self.simulation.crossbar is not None and self.simulation.crossbar.decoder:
            self._named = site
        return self.wafer.find(site if self.simulation.wafer is not None else "")

    def take(self, site: Site, now: float) -> Sitting:
        """Return the device at a site, as it was left or as it was made.

        Raises
        ------
        BadInput
            The kept state is that of another kind of device.
        """
        place = self._place(site)
        model = self._model(place)
        saved = self._saved.pop(str(site), None) or self._saved.pop("", None)
        state = self._fresh(model, place) if saved is None else self._kept(model, saved)
        noise = self.simulation.noise
        state.noise = Stream(derived(self.seed, "noise")) if noise.reads else None
        left, touches = (now, 0) if saved is None else (saved.left, saved.touches)
        return Sitting(place, model, state, left, touches, model.describe())

    @property
    def waiting(self) -> tuple[SavedDevice, ...]:
        """Kept devices that nobody has asked for in this session, to be kept further."""
        return tuple(self._saved.values())

    def _place(self, site: Site) -> Place:
        stream = Stream(derived(self.wafer.seed, "dead"))
        return self.wafer.place(site, stream, spread=self.simulation.noise.device)

    def _fresh(self, model: DeviceModel, place: Place) -> State:
        wafer = self.simulation.wafer
        stream = Stream(derived(self.seed if wafer is None else wafer.seed, "device"))
        spread = self.simulation.noise.device
        return model.fresh(1, stream, spread=spread, first=place.number if wafer else 0)

    def _kept(self, model: DeviceModel, saved: SavedDevice) -> State:
        account = model.describe()
        if (saved.family, saved.preset) != (account["family"], account["preset"]):
            raise BadInput(
                f'"{self._path}" holds the state of a device {saved.family} {saved.preset}, the '
                f"bench asks for {account['family']} {account['preset']}; use another state file"
            )
        crossbar = self.simulation.crossbar
        cells = 1 if crossbar is None else crossbar.rows * crossbar.columns
        if saved.devices != cells:
            raise BadInput(
                f'"{self._path}" holds the state of {saved.devices} devices, the bench has '
                f"{cells}; use another state file"
            )
        return restored(saved)

    def _model(self, place: Place) -> DeviceModel:
        simulation = self.simulation
        section = dict(simulation.device)
        if simulation.wafer is not None:
            section = simulation.wafer.device(section, place.site)
        where = f"{self.name}: section simulation.device"
        if "family" not in section:
            raise BadInput(
                f'{where}: the key "family" is missing; give {", ".join(devices.families())}'
            )
        family = devices.family(str(section.pop("family")))
        model = family.load(section.pop("preset", ""), section, where)
        if simulation.node is not None:
            model = StarDevice(model, simulation.node)
        if (crossbar := simulation.crossbar) is not None:
            return AddressedCrossbar(model, crossbar, crossbar.find(self._named))
        if simulation.light is not None:
            model = LitDevice(model, simulation.light)
        if place.condition == "good" and place.scale == 1:
            return model
        scale = 0.0 if place.condition == "open" else place.scale
        return PlacedDevice(model, scale, _SHORT if place.condition == "short" else 0.0)


def kept_device(sitting: Sitting) -> SavedDevice:
    """Return a device as it is to be written beside the one that is measured."""
    account = sitting.account
    return kept(
        sitting.state,
        family=account["family"],
        preset=account["preset"],
        time=sitting.left,
        seed=0,
        sessions=0,
        site=str(sitting.place.site),
        touches=sitting.touches,
    ).device()


def derived(seed: int, *names: str) -> int:
    """Return a whole number for one purpose, independent of those for others."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
