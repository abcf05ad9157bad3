"""The virtual laboratory: what a bench file simulates becomes instruments over a device.

What a bench file may say about the simulation is in `sim_backend.simulation`. Random numbers come
from the run's seed in independent streams: the errors of each channel, its noise, the spread
between devices, the variation from pulse to pulse, the device's own noise. (A wafer has a seed of
its own, from which its devices follow.) With a state file the device and the clock continue from
where they were, the instruments are freshly switched on.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labctl.capability import Timekeeper
from labctl.errors import BadInput
from sim_backend import devices
from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices import DeviceModel, State, Stream
from sim_backend.devices.lit import LitDevice
from sim_backend.devices.model import Tally
from sim_backend.devices.placed import PlacedDevice
from sim_backend.faults import Reporting, read_faults, with_faults
from sim_backend.fixture import Fixture
from sim_backend.instruments.specification import ChannelSpec
from sim_backend.roster import Bay, build
from sim_backend.simulation import Simulation, read_simulation
from sim_backend.state import SavedState, StateFile, kept, restored
from sim_backend.visa import library
from sim_backend.wafer import Place

__all__ = ["Device", "VirtualLaboratory", "open_laboratory"]

_TURN = 0.02  # s of the wall clock
#: drivers that need no virtual instrument: they take the device as it is
_WITHOUT_INSTRUMENT = frozenset({"direct"})
_SHORT = 0.1  # S, of a shorted device


class KeptClock(Clock):
    """The laboratory's time, shared with its instruments; a wait of the host is kept on file.

    Parameters
    ----------
    start, pace
        As for `Clock`.
    lock
        Held while time passes.
    keep
        Called after a wait.
    """

    def __init__(
        self, start: float, pace: float, lock: threading.RLock, keep: Callable[[], None]
    ) -> None:
        super().__init__(start, pace)
        self._lock = lock
        self._keep = keep

    def wait(self, duration: float, stop: Callable[[], bool]) -> None:
        """Let time pass for a host that waits; returns early when `stop` says so."""
        end = self.now_s + duration
        # with a pace the instruments get their turn every 20 ms of the wall clock
        piece = _TURN * self.pace if self.pace else duration
        while self.now_s < end and not stop():
            with self._lock:
                self.advance_to(min(end, self.now_s + piece))
        self._keep()


class Device:
    """The virtual sample: the truth that no instrument tells, for tests and for teaching.

    Parameters
    ----------
    fixture
        Where the device sits.
    """

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture

    @property
    def model(self) -> DeviceModel:
        """The model with its parameters."""
        return self.fixture.model

    @property
    def state(self) -> State:
        """State variables now; see `State.row`."""
        self.fixture.sync()
        return self.fixture.state

    @property
    def tally(self) -> Tally:
        """What was really done to the device: excursions by polarity, charge, largest voltage."""
        return self.state.tally()

    @property
    def conductance(self) -> float:
        """Conductance now, S."""
        return float(self.model.conductance(self.state)[0])


class VirtualLaboratory:
    """Instruments over a device; meets `labctl.capability.Laboratory`. See `open_laboratory`."""

    def __init__(
        self,
        bench: Mapping[str, Any],
        simulation: Simulation,
        seed: int,
        state: Path | None,
        pace: float,
        site: str,
    ) -> None:
        self.simulation = simulation
        self.seed = seed
        self.name = str(bench.get("name", "bench"))
        self._file = None if state is None else StateFile(state)
        saved = None if self._file is None else self._file.read()
        self.sessions = 1 if saved is None else saved.sessions + 1
        self._lock = threading.RLock()
        clock = KeptClock(0.0 if saved is None else saved.time, pace, self._lock, self.save)
        self.clock: Timekeeper = clock
        self.place = _place(simulation, site)
        model = _model(simulation, self.name, self.place)
        self.fixture = Fixture(
            model,
            self._device_state(model, saved, state),
            _cycle_stream(simulation, seed),
            clock,
            simulation.temperature,
            self._contacts(model),
        )
        self.device = Device(self.fixture)
        self._account = model.describe()
        self._saved_at = -1.0
        self.instruments: dict[str, Any] = {}
        self._wire(bench)
        self.save()

    def _device_state(
        self, model: DeviceModel, saved: SavedState | None, path: Path | None
    ) -> State:
        """Return the device of the last session, or a fresh one."""
        account, noise = model.describe(), self.simulation.noise
        if saved is None:
            wafer = self.simulation.wafer
            stream = Stream(_derived(self.seed if wafer is None else wafer.seed, "device"))
            first = 0 if self.place is None else self.place.number
            state = model.fresh(1, stream, spread=noise.device, first=first)
        elif (saved.family, saved.preset) == (account["family"], account["preset"]):
            state = restored(saved)
        else:
            raise BadInput(
                f'"{path}" holds the state of a device {saved.family} {saved.preset}, the bench '
                f"asks for {account['family']} {account['preset']}; use another state file"
            )
        state.noise = Stream(_derived(self.seed, "noise")) if noise.reads else None
        return state

    def _contacts(self, model: DeviceModel) -> dict[str, float]:
        """Return the resistance of every probe's contact, as this touch-down has it."""
        wafer = self.simulation.wafer
        if wafer is None or self.place is None or not wafer.contact:
            return {}
        stream = Stream(_derived(wafer.seed, "contact"))
        return {model.terminals[0]: wafer.contact_resistance(self.place, self.sessions, stream)}

    def _wire(self, bench: Mapping[str, Any]) -> None:
        """Make the instruments and the library behind which they answer."""
        terminals = {place: name for name, place in bench.get("terminals", {}).items()}
        addresses: dict[str, Any] = {}
        for name, section in bench.get("instruments", {}).items():
            if section["driver"] in _WITHOUT_INSTRUMENT:
                continue
            self.instruments[name] = self._instrument(name, section, terminals)
        clock, simulation = self.fixture.clock, self.simulation
        planned = read_faults(
            simulation.faults, self.instruments, f"{self.name}: section simulation.faults"
        )
        for name, instrument in self.instruments.items():
            own = [fault for fault in planned if fault.instrument == name]
            address = bench["instruments"][name]["address"]
            addresses[address] = with_faults(instrument, own, clock)
        self.visa = library(addresses, clock, simulation.latency, lock=self._lock, done=self.save)

    def _instrument(
        self, name: str, section: Mapping[str, Any], terminals: Mapping[str, str]
    ) -> Reporting:
        known = ("driver", "model", "address")
        bay = Bay(
            name=name,
            driver=section["driver"],
            model=section.get("model", ""),
            options={key: value for key, value in section.items() if key not in known},
            clock=self.fixture.clock,
            fixture=self.fixture,
            serial=f"{_derived(self.seed, name) % 10_000_000:07d}",
            line_frequency=self.simulation.line_frequency,
            meter=lambda channel, spec: self._channel(f"{name}.{channel}", spec, terminals),
        )
        return build(bay, f"{self.name}: instruments.{name}")

    def _channel(self, place: str, spec: ChannelSpec, terminals: Mapping[str, str]) -> SourceMeter:
        """Return one channel, over the device or, when nothing is wired to it, over air."""
        noise = self.simulation.noise
        wired = place in terminals
        return SourceMeter(
            spec,
            self.fixture if wired else _air(self.fixture.clock),
            terminals[place] if wired else "top",
            seed=f"{self.seed}/{place}",
            session=self.sessions,
            imperfections=Imperfections(noise.instrument, noise.reads),
        )

    def save(self) -> None:
        """Keep the device's state on file; nothing when no time has passed since the last time.

        Raises
        ------
        RecordFault
            The file cannot be written.
        """
        with self._lock:
            now = self.fixture.clock.now_s
            if self._file is None or now == self._saved_at:
                return
            self.fixture.sync()
            self._file.write(
                kept(
                    self.fixture.state,
                    family=self._account["family"],
                    preset=self._account["preset"],
                    time=now,
                    seed=self.seed,
                    sessions=self.sessions,
                )
            )
            self._saved_at = now

    def describe(self) -> dict[str, Any]:
        """Return what a record must say about a simulated bench."""
        return {
            "laboratory": self.simulation.laboratory,
            "device": self._account,
            "noise": self.simulation.noise.model_dump(),
            "temperature": self.simulation.temperature,
            "latency": self.simulation.latency,
            "faults": [dict(fault) for fault in self.simulation.faults],
            "seed": self.seed,
            "sessions": self.sessions,
            **self._describe_place(),
        }

    def _describe_place(self) -> dict[str, Any]:
        if self.place is None:
            return {}
        return {
            "site": str(self.place.site),
            "condition": self.place.condition,
            "scale": self.place.scale,
            "contacts": {drive.terminal: drive.resistance for drive in self.fixture.drives},
        }

    def close(self) -> None:
        """Switch the instruments off, keep the device's state and let go of its file."""
        self.visa.shut_down()
        for instrument in self.instruments.values():
            instrument.close()
        self.save()
        if self._file is not None:
            self._file.close()


def open_laboratory(
    bench: Mapping[str, Any], seed: int, state: Path | None, pace: float, site: str = ""
) -> VirtualLaboratory:
    """Build the laboratory that a bench file describes.

    Parameters
    ----------
    bench
        Content of the bench file.
    seed
        Fixes devices, errors and noise.
    state
        Where the device's state is kept between processes; None keeps nothing.
    pace
        Simulated seconds in a second of the wall clock; 0 jumps.
    site
        Of the device on a wafer, ``column,row,site``; without a wafer any name.

    Raises
    ------
    BadInput
        A key or a value of the bench file is wrong, there is no such site, or the state is of
        another device.
    """
    return VirtualLaboratory(bench, read_simulation(bench), seed, state, pace, site)


def _place(simulation: Simulation, site: str) -> Place | None:
    wafer = simulation.wafer
    if wafer is None:
        return None
    stream = Stream(_derived(wafer.seed, "dead"))
    return wafer.place(wafer.find(site), stream, spread=simulation.noise.device)


def _model(simulation: Simulation, name: str, place: Place | None) -> DeviceModel:
    section = dict(simulation.device)
    if simulation.wafer is not None and place is not None:
        section = simulation.wafer.device(section, place.site)
    where = f"{name}: section simulation.device"
    if "family" not in section:
        raise BadInput(
            f'{where}: the key "family" is missing; give {", ".join(devices.families())}'
        )
    family = devices.family(str(section.pop("family")))
    model = family.load(section.pop("preset", ""), section, where)
    if simulation.light is not None:
        model = LitDevice(model, simulation.light)
    if place is None or (place.condition == "good" and place.scale == 1):
        return model
    scale = 0.0 if place.condition == "open" else place.scale
    return PlacedDevice(model, scale, _SHORT if place.condition == "short" else 0.0)


def _cycle_stream(simulation: Simulation, seed: int) -> Stream | None:
    noise = simulation.noise
    return Stream(_derived(seed, "cycle"), table=noise.table) if noise.cycle else None


def _air(clock: Clock) -> Fixture:
    """Return a fixture with nothing in it."""
    nothing = devices.family("resistor").load("10k", {"conductance": 0.0})
    return Fixture(nothing, nothing.fresh(1, Stream(0), spread=False), None, clock)


def _derived(seed: int, *names: str) -> int:
    """Return a whole number for one purpose, independent of those for others."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
