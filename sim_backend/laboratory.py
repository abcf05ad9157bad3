"""The virtual laboratory: what a bench file simulates becomes instruments over a device.

What a bench file may say about the simulation is in `sim_backend.simulation`. Random numbers come
from the run's seed in independent streams: the errors of each channel, its noise, the spread
between devices, the variation from pulse to pulse, the device's own noise. (A wafer has a seed of
its own, from which its devices follow.) With a state file the device and the clock continue from
where they were, the instruments are freshly switched on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labctl.capability import Timekeeper
from sim_backend import devices
from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.companions import connect_cables, with_meters
from sim_backend.devices import DeviceModel, State, Stream
from sim_backend.devices.model import Tally
from sim_backend.drive import Drive
from sim_backend.faults import Fault, Reporting, read_faults, with_faults
from sim_backend.fixture import Fixture
from sim_backend.instruments.specification import ChannelSpec
from sim_backend.mishaps import Mishaps
from sim_backend.needles import Needles, Sitting
from sim_backend.roster import Bay, build, has_prober, patchboard
from sim_backend.simulation import Simulation, read_simulation
from sim_backend.specimen import Specimen, derived, kept_device
from sim_backend.state import SavedDevice, SavedState, StateFile, kept
from sim_backend.visa import library
from sim_backend.wafer import Place

__all__ = ["Device", "VirtualLaboratory", "open_laboratory"]

_TURN = 0.02  # s of the wall clock
#: drivers that need no virtual instrument: they take the device as it is
_WITHOUT_INSTRUMENT = frozenset({"direct"})
#: keys of a section that an instrument's place has by name
_KNOWN = frozenset({"driver", "model", "address"})


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
        self._specimen = Specimen(simulation, self.name, seed, saved, state)
        self._first = begin = self._begin(bench, site, saved, clock.now_s)
        self.fixture = Fixture(
            begin.model,
            begin.state,
            _cycle_stream(simulation, seed),
            clock,
            simulation.temperature,
            self._contacts(begin),
        )
        self._board = patchboard(bench, self.fixture)
        if self._board is not None:
            self._board.wire(begin.model, begin.state, self._contacts(begin))
        self.needles = self._needles(bench, begin)
        self.device = Device(self.fixture)
        self._others: tuple[int, tuple[SavedDevice, ...]] = (-1, ())
        self._saved_at = -1.0
        self.instruments: dict[str, Any] = {}
        self._mishaps = Mishaps(self.name, self.instruments, self.fixture, self._board)
        self._addresses: dict[str, str] = {}
        self._wire(bench)
        self.save()

    def _begin(
        self, bench: Mapping[str, Any], site: str, saved: SavedState | None, now: float
    ) -> Sitting:
        """Return the device to begin with: where the prober was left, or what the user names."""
        stands = saved.site if saved is not None and has_prober(bench) else ""
        return self._specimen.take(self._specimen.find(site, stands=stands), now)

    def _contacts(self, begin: Sitting) -> dict[str, float]:
        """Return the resistance of every probe's contact, as this touch-down has it."""
        wafer = self.simulation.wafer
        if wafer is None or not wafer.contact:
            return {}
        stream = Stream(derived(wafer.seed, "contact"))
        resistance = wafer.contact_resistance(begin.place, self.sessions, stream)
        return {begin.model.terminals[0]: resistance}

    def _needles(self, bench: Mapping[str, Any], begin: Sitting) -> Needles | None:
        """Return the needles of a bench with a prober: they touch only when it says so."""
        if not has_prober(bench):
            return None
        specimen, clock = self._specimen, self.fixture.clock
        contacts = Stream(derived(specimen.wafer.seed, "contact"))
        return Needles(
            self.fixture,
            specimen.wafer,
            lambda site: specimen.take(site, clock.now_s),
            begin,
            contacts,
            self.fixture.exchange if self._board is None else self._board.wire,
        )

    @property
    def place(self) -> Place | None:
        """Where on the wafer the device in the fixture is; None without a wafer."""
        if self.simulation.wafer is None:
            return None
        return self._first.place if self.needles is None else self.needles.here.place

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
        for fault in planned:
            self._mishaps.check(fault)
        for name, instrument in self.instruments.items():
            own = [fault for fault in planned if fault.instrument == name]
            address = self._addresses[name] = bench["instruments"][name]["address"]
            addresses[address] = with_faults(instrument, own, clock, self._mishaps.suffering(name))
        self.visa = library(addresses, clock, simulation.latency, lock=self._lock, done=self.save)

    def strike(self, fault: Fault) -> None:
        """Plan a fault while the laboratory runs; its line is counted from now.

        Raises
        ------
        BadInput
            There is no such instrument, or it cannot have this fault.
        """
        self._mishaps.check(fault)
        port = self.visa.port(self._addresses[fault.instrument])
        with self._lock:
            self._mishaps.plan(fault, port, self.fixture.clock)

    def _instrument(
        self, name: str, section: Mapping[str, Any], terminals: Mapping[str, str]
    ) -> Reporting:
        bay = Bay(
            name=name,
            driver=section["driver"],
            model=section.get("model", ""),
            options={key: value for key, value in section.items() if key not in _KNOWN},
            clock=self.fixture.clock,
            fixture=self.fixture,
            needles=self.needles,
            board=self._board,
            plug=lambda channel, drive: self._plug(f"{name}.{channel}", drive, terminals),
            serial=f"{derived(self.seed, name) % 10_000_000:07d}",
            line_frequency=self.simulation.line_frequency,
            meter=lambda channel, spec: self._channel(f"{name}.{channel}", spec, terminals),
            seed=f"{self.seed}/{name}",
            session=self.sessions,
            ideal=not self.simulation.noise.instrument,
        )
        return build(bay, f"{self.name}: instruments.{name}")

    def _channel(self, place: str, spec: ChannelSpec, terminals: Mapping[str, str]) -> SourceMeter:
        """Return one channel, over the device or, when nothing is wired to it, over air."""
        noise = self.simulation.noise
        fixture, terminal = self._end_of(place, terminals)
        return SourceMeter(
            spec,
            fixture,
            terminal,
            seed=f"{self.seed}/{place}",
            session=self.sessions,
            imperfections=Imperfections(noise.instrument, noise.reads),
        )

    def _plug(self, place: str, drive: Drive, terminals: Mapping[str, str]) -> Fixture:
        """Put a drive where the cable of a channel ends; its terminal is named by that."""
        fixture, drive.terminal = self._end_of(place, terminals)
        fixture.connect(drive.terminal, drive)
        return fixture

    def _end_of(self, place: str, terminals: Mapping[str, str]) -> tuple[Fixture, str]:
        """Return where the cable of a channel ends: at a switch, at the device, or in the air."""
        if self._board is not None and place in self._board.channels:
            return self.fixture, place
        if place in terminals:
            return self.fixture, terminals[place]
        return _air(self.fixture.clock), "top"

    def save(self) -> None:
        """Keep the device's state on file; nothing when no time has passed since the last time.

        Raises
        ------
        RecordFault
            The file cannot be written.
        """
        if self._file is None:
            return
        with self._lock:
            now = self.fixture.clock.now_s
            if now == self._saved_at:
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
                    **self._visited(),
                )
            )
            self._saved_at = now

    @property
    def _account(self) -> dict[str, Any]:
        """What the model of the device in the fixture says of itself."""
        first = self._first if self.needles is None else self.needles.here
        return first.account

    def _visited(self) -> dict[str, Any]:
        """Return where the needles stand, and every device they have been to, for the file."""
        needles = self.needles
        if needles is None:
            return {}
        if self._others[0] != needles.version:
            left = [kept_device(s) for s in needles.known.values() if s is not needles.here]
            others = (*left, *self._specimen.waiting)
            self._others = (needles.version, others)
        here = needles.here
        return {
            "site": str(here.place.site), "touches": here.touches, "others": self._others[1],
        }  # fmt: skip

    def adapter(self, name: str, **settings: Any) -> Any:
        """Return a pymeasure adapter straight to an instrument: a `sim_backend.adapter`."""
        from sim_backend.adapter import DirectAdapter

        return DirectAdapter(self.visa.port(self._addresses[name]), **settings)

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
        place = self.place
        if place is None:
            return {}
        account = {"site": str(place.site), "condition": place.condition, "scale": place.scale}
        if self.needles is None:  # a prober makes contacts later, and other ones
            account["contacts"] = {d.terminal: d.resistance for d in self.fixture.drives}
        return account

    def close(self) -> None:
        """Switch the instruments off, keep the device's state and let go of its file."""
        self.visa.shut_down()
        with self._lock:  # a line that a client sent may still be at work
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
    there = VirtualLaboratory(with_meters(bench), read_simulation(bench), seed, state, pace, site)
    connect_cables(bench, there.instruments)
    return there


def _cycle_stream(simulation: Simulation, seed: int) -> Stream | None:
    noise = simulation.noise
    return Stream(derived(seed, "cycle"), table=noise.table) if noise.cycle else None


def _air(clock: Clock) -> Fixture:
    """Return a fixture with nothing in it."""
    nothing = devices.family("resistor").load("10k", {"conductance": 0.0})
    return Fixture(nothing, nothing.fresh(1, Stream(0), spread=False), None, clock)
