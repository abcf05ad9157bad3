"""The virtual laboratory: what a bench file simulates becomes instruments over a device.

What a bench file may say about the simulation::

    [simulation]
    laboratory = "virtual"       # this module
    latency = "1 ms"             # of one message on the bus
    temperature = "300 K"        # of the device

    [simulation.device]          # family, preset, then any initial condition or parameter
    family = "ftj"
    preset = "bto-nsto"
    conductance = "200 uS"

    [simulation.noise]
    instrument = true            # errors, noise and settling of the instruments
    cycle = true                 # cycle-to-cycle variation
    device = true                # device-to-device variation
    read = true                  # thermal and shot noise of the device; follows `instrument`

    [[simulation.faults]]        # what is to go wrong on the wire (see `sim_backend.faults`)

Random numbers come from the run's seed in independent streams: the errors of each channel, its
noise, the spread between devices, the variation from pulse to pulse. With a state file the device
and the clock continue from where they were, the instruments are freshly switched on.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.capability import Timekeeper
from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Hertz, Kelvin, Second
from sim_backend import devices
from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices import DeviceModel, State, Stream
from sim_backend.devices.model import Tally
from sim_backend.faults import read_faults, with_faults
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley2600 import Keithley2600
from sim_backend.instruments.keithley2602b import SPEC as KEITHLEY_2602B
from sim_backend.instruments.specification import ChannelSpec
from sim_backend.state import SavedState, StateFile, kept, restored
from sim_backend.visa import library

__all__ = ["Device", "Noise", "Simulation", "VirtualLaboratory", "open_laboratory"]

#: driver and model -> electronics and names of the channels
_SPECIFICATIONS: Mapping[str, tuple[ChannelSpec, tuple[str, ...]]] = MappingProxyType(
    {"keithley2600 2602B": (KEITHLEY_2602B, ("a", "b"))}
)
_TURN = 0.02  # s of the wall clock
#: drivers that need no virtual instrument: they take the device as it is
_WITHOUT_INSTRUMENT = frozenset({"direct"})


class Noise(BaseModel):
    """The switches of ``[simulation.noise]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: bool = True
    cycle: bool = True
    device: bool = True
    read: bool | None = Field(None, description="Follows `instrument` unless given.")


class Simulation(BaseModel):
    """The section ``[simulation]`` of a bench file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    laboratory: str = "virtual"
    device: dict[str, Any] = Field(default_factory=lambda: {"family": "ftj"})
    noise: Noise = Noise()
    faults: tuple[dict[str, Any], ...] = ()
    latency: Annotated[Second, Ge(0)] = Field(1e-3, description="Of one message on the bus.")
    line_frequency: Annotated[Hertz, Gt(0)] = 50.0
    temperature: Annotated[Kelvin, Gt(0)] = 300.0
    speed: Annotated[float, Gt(0)] = Field(1.0, description="For a laboratory that is served.")


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
        model = _model(simulation, self.name)
        self.fixture = Fixture(
            model,
            _device_state(model, saved, simulation, seed, state),
            Stream(_derived(seed, "cycle")) if simulation.noise.cycle else None,
            clock,
            simulation.temperature,
        )
        self.device = Device(self.fixture)
        self._account = model.describe()
        self._saved_at = -1.0
        self.instruments: dict[str, Any] = {}
        self._wire(bench)
        self.save()

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
    ) -> Keithley2600:
        make = f"{section['driver']} {section.get('model', '')}".strip()
        if make not in _SPECIFICATIONS:
            raise BadInput(
                f"{self.name}: instruments.{name} is a {make}, which has no virtual counterpart; "
                f"there are {', '.join(_SPECIFICATIONS)}"
            )
        spec, channels = _SPECIFICATIONS[make]
        meters = {
            channel: self._channel(f"{name}.{channel}", spec, terminals) for channel in channels
        }
        return Keithley2600(
            model=section["model"],
            channels=meters,
            clock=self.fixture.clock,
            serial=f"{_derived(self.seed, name) % 10_000_000:07d}",
            line_frequency=self.simulation.line_frequency,
        )

    def _channel(self, place: str, spec: ChannelSpec, terminals: Mapping[str, str]) -> SourceMeter:
        """Return one channel, over the device or, when nothing is wired to it, over air."""
        noise = self.simulation.noise
        read = noise.instrument if noise.read is None else noise.read
        wired = place in terminals
        return SourceMeter(
            spec,
            self.fixture if wired else _air(self.fixture.clock),
            terminals[place] if wired else "top",
            seed=f"{self.seed}/{place}",
            session=self.sessions,
            imperfections=Imperfections(noise.instrument, read),
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
    bench: Mapping[str, Any], seed: int, state: Path | None, pace: float
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

    Raises
    ------
    BadInput
        A key or a value of the bench file is wrong, or the state is of another device.
    """
    name = str(bench.get("name", "bench"))
    section = dict(bench.get("simulation") or {})
    kinds: dict[bool, type[BaseModel]] = {False: Simulation, True: Noise}
    try:
        simulation = Simulation(**section)
    except ValidationError as error:
        kind = kinds[error.errors()[0]["loc"][:1] == ("noise",)]
        raise BadInput(
            explain(error, f"{name}: section simulation", list(kind.model_fields))
        ) from None
    return VirtualLaboratory(bench, simulation, seed, state, pace)


def _model(simulation: Simulation, name: str) -> DeviceModel:
    section = dict(simulation.device)
    where = f"{name}: section simulation.device"
    if "family" not in section:
        raise BadInput(
            f'{where}: the key "family" is missing; give {", ".join(devices.families())}'
        )
    family = devices.family(str(section.pop("family")))
    return family.load(str(section.pop("preset", "")), section, where)


def _device_state(
    model: DeviceModel,
    saved: SavedState | None,
    simulation: Simulation,
    seed: int,
    path: Path | None,
) -> State:
    """Return the device of the last session, or a fresh one."""
    if saved is None:
        stream = Stream(_derived(seed, "device"))
        return model.fresh(1, stream, spread=simulation.noise.device)
    account = model.describe()
    if (saved.family, saved.preset) != (account["family"], account["preset"]):
        raise BadInput(
            f'"{path}" holds the state of a device {saved.family} {saved.preset}, the bench asks '
            f"for {account['family']} {account['preset']}; use another state file"
        )
    return restored(saved)


def _air(clock: Clock) -> Fixture:
    """Return a fixture with nothing in it."""
    nothing = devices.family("resistor").load("10k", {"conductance": 0.0})
    return Fixture(nothing, nothing.fresh(1, Stream(0), spread=False), None, clock)


def _derived(seed: int, *names: str) -> int:
    """Return a whole number for one purpose, independent of those for others."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
