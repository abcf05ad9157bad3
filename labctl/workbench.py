"""An open bench: a bench file becomes capabilities that play steps and are left safe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Any

from labctl import catalogue
from labctl.benchfile import Definition, capabilities, not_offered
from labctl.capability import (
    Identity,
    Laboratory,
    Setup,
    StopRequest,
    Timekeeper,
    WaveformSource,
)
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.lock import holding_instruments
from labctl.readings import Flag, Row
from labctl.stations import NoContact, Stations
from labctl.steps import Move, Play, Soak, Step, Wait

__all__ = ["Bench", "HostClock"]


class HostClock:
    """The wall clock as a bench's time.

    Parameters
    ----------
    start
        Time now, s: zero for a new run, the time since its beginning for a resumed one.
    speed
        Seconds of the bench in a second of the wall; other than 1 only for virtual instruments
        served by another process at that speed.
    """

    def __init__(self, start: float = 0.0, speed: float = 1.0) -> None:
        self._zero = time.monotonic() - start / speed
        self._speed = speed

    def now(self) -> float:
        """Return the time, s."""
        return (time.monotonic() - self._zero) * self._speed

    def wait(self, duration: float, stop: StopRequest) -> None:
        """Sleep in short pieces so that a stop request is heard."""
        end = self.now() + duration
        while (left := end - self.now()) > 0 and not stop():
            time.sleep(min(left / self._speed, 0.05))


class Bench:
    """An open bench. Use it in a ``with`` statement: it is left safe however that ends.

    Parameters
    ----------
    definition
        The checked bench file.
    content
        The file as it stands; a virtual laboratory is built from it.
    seed
        Fixes the virtual devices and every random number of a virtual laboratory.
    state
        Where a virtual laboratory keeps its devices' state, so that they survive this process.
    pace
        Virtual seconds in a second of the wall clock; 0 does not wait at all.
    elapsed
        Seconds since the run began, for a real bench that continues one.
    origin
        Time of the virtual laboratory at which the run began; None for now.
    site
        Which device of a virtual wafer is contacted; empty for the bench's own choice.
    looking
        Only look: nothing is set, and nothing is switched off at the end.

    Raises
    ------
    InstrumentFault
        An instrument does not answer, or is another model than the bench file says.
    """

    def __init__(
        self,
        definition: Definition,
        content: Mapping[str, Any],
        *,
        seed: int = 0,
        state: Path | None = None,
        pace: float = 0.0,
        elapsed: float = 0.0,
        origin: float | None = None,
        site: str = "",
        looking: bool = False,
    ) -> None:
        self.definition = definition
        self._looking = looking
        self.laboratory: Laboratory | None = None
        self.sources: dict[str, WaveformSource] = {}
        self.stations = Stations(definition.terminals, site, self._quiet, self._look)
        self.clock: Timekeeper = HostClock(elapsed, _speed(definition))
        self._held = ExitStack()
        self.keeps_settings = False  #: whether `settings_after` are asked for at the end
        #: the instruments' settings once everything was safe; of those that still answered
        self.settings_after: dict[str, dict[str, str]] = {}
        self._origin = elapsed  #: time of the run at which the drivers' time begins, s
        self.origin = 0.0  #: time of the bench's clock at which the run began, s
        kind = (definition.simulation or {}).get("laboratory", "virtual")
        if definition.simulated and kind != "served":
            opened = catalogue.load("laboratory", kind)(
                {**content, "name": definition.name}, seed, state, pace, site
            )
            self.laboratory, self.clock = opened, opened.clock
            self.origin = opened.clock.now() if origin is None else origin
            self._origin = opened.clock.now() - self.origin
        try:
            self._connect()
        except BaseException:
            self.make_safe()  # those that are connected already
            self.close()
            raise

    def _connect(self) -> None:
        setups = self.definition.setups()
        if self.laboratory is None:
            addresses = [setup.address for setup in setups.values() if setup.address]
            self._held.enter_context(holding_instruments(addresses))
        for name, setup in setups.items():
            driver = catalogue.load("instrument", self.definition.instruments[name].driver)
            visa = self.definition.visa if self.laboratory is None else self.laboratory.visa
            connected = driver.connect(
                Setup(
                    setup.name, setup.model, setup.address, setup.channels, visa,
                    self.laboratory, setup.options, setup.accept_degraded, self._looking,
                    setup.speed,
                )
            )  # fmt: skip
            kinds = capabilities(self.definition.instruments[name].driver)
            if "waveforms" in kinds:
                self.sources[name] = connected
            if around := tuple(kind for kind in kinds if kind not in ("waveforms", "currents")):
                self.stations.add(name, connected, around)

    def __getattr__(self, name: str) -> Any:
        """Return an instrument's driver by its name in the bench file."""
        for drivers in (self.__dict__["sources"], self.__dict__["stations"].all):
            if name in drivers:
                return drivers[name]
        raise AttributeError(f"the bench has no instrument called {name}")

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.stations.leave(_never)
        finally:
            failures = self.make_safe()
        if self.keeps_settings:  # not before: nothing may come between an abort and zero volts
            everyone = {**self.sources, **self.stations.all}
            self.settings_after = _settings_left(everyone, " ".join(failures))
        self.close()
        if error is None and failures:
            raise InstrumentFault("; ".join(failures))
        said = " ".join([str(error), *getattr(error, "__notes__", [])])
        for failure in failures:
            if error is not None and failure not in said:  # the driver may have said it already
                error.add_note(failure)

    def identify(self) -> list[Identity]:
        """Ask every instrument who it is."""
        return [
            *(source.identify() for source in self.sources.values()),
            *(one for one in self.stations.identify() if one.name not in self.sources),
        ]

    def snapshot(self) -> dict[str, dict[str, str]]:
        """Return every setting of every instrument, as reported."""
        return {
            **{name: source.snapshot() for name, source in self.sources.items()},
            **self.stations.snapshot(),
        }

    def play(
        self,
        waveform: Any,
        compliance: float,
        *,
        voltage_limits: Mapping[str, float] | None = None,
        **ranges: float,
    ) -> list[Row]:
        """Play a waveform by hand and return its readings.

        Parameters
        ----------
        waveform
            What to play.
        compliance
            Largest current of any terminal, A.
        voltage_limits
            Largest voltage of each terminal whose levels are currents, V.
        ranges
            Current range by terminal, A.
        """
        step = Play(waveform, compliance, ranges, voltage_limits=dict(voltage_limits or {}))
        return [row for chunk in self.execute(step, _never) for row in chunk]

    def execute(self, step: Step, stop: StopRequest) -> Iterator[list[Row]]:
        """Carry out one step, yielding readings in chunks with t counted through the run.

        Raises
        ------
        Refused
            The step breaks a limit; nothing of it was sent.
        InstrumentFault
            An instrument failed.
        """
        if isinstance(step, Wait):
            self.clock.wait(step.duration, stop)
            return
        if isinstance(step, Move) and self.stations.prober is not None:
            yield from self._move(step, stop)
            return
        if isinstance(step, Soak) and self.stations.thermostat is not None:
            self.stations.soak(step, stop)
            return
        if not isinstance(step, Play):
            raise BadInput(str(not_offered(step)))
        if self.stations:
            self.stations.prepare(stop)
        origin = self._origin
        for chunk in self._source(step).play(step, stop):
            self.stations.watch(chunk)
            yield [row._replace(t=row.t + origin) for row in chunk] if origin else chunk

    def _move(self, step: Move, stop: StopRequest) -> Iterator[list[Row]]:
        try:
            self.stations.move(step, stop)
        except NoContact:
            if not step.skip:
                raise
            terminal = next(iter(self.definition.terminals))
            flag = int(Flag.CONTACT)
            yield [Row(self.now(), terminal, "read", nan, nan, nan, 0.0, nan, nan, flag)]

    def _source(self, step: Play) -> WaveformSource:
        name, missing = self.definition.source_of(step)
        if missing is not None:
            raise BadInput(str(missing))
        return self.sources[name]

    def _look(self, step: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play a step that belongs to no protocol, such as the read that checks a contact."""
        if violations := self.definition.check(step):
            raise Refused(violations)
        return self._source(step).play(step, stop)

    def stand(self, step: Move | Soak) -> None:
        """Take over site or temperature of an earlier part of the run, before the next waveform."""
        self.stations.stand(step)

    def now(self) -> float:
        """Return the time since the run began, s."""
        return self.clock.now() - self.origin

    def make_safe(self) -> list[str]:
        """Bring every instrument to zero, each on its own; return what could not be made safe."""
        if self._looking:
            return []
        failures = self._quiet()
        return [*failures, *self.stations.make_safe(sources_safe=not failures)]

    def _quiet(self) -> list[str]:
        """Bring every source to zero; return what could not be made safe."""
        failures: list[str] = []
        for name, source in self.sources.items():
            try:
                source.make_safe()
            except Exception as error:  # noqa: BLE001 - the next instrument must get its turn
                failures.append(str(error) if name in str(error) else f"{name}: {error}")
        return failures

    def close(self) -> None:
        """Give every connection back."""
        with self._held:  # others may have the instruments once they are given back
            for source in self.sources.values():
                source.close()
            self.stations.close()
            if self.laboratory is not None:
                self.laboratory.close()


def _speed(definition: Definition) -> float:
    return float((definition.simulation or {}).get("speed", 1.0)) or 1.0


def _never() -> bool:
    return False


def _settings_left(instruments: Mapping[str, Any], failures: str) -> dict[str, dict[str, str]]:
    """Ask those instruments for their settings that could be made safe."""
    found: dict[str, dict[str, str]] = {}
    for name, instrument in instruments.items():
        if name in failures:
            continue  # its link is likely gone, and each question would wait for an answer
        try:
            # what was found when the run began was noted then
            shot = {key: said for key, said in instrument.snapshot().items() if key != "found"}
            found[name] = shot
            if entries := [*getattr(instrument, "drain", list)()]:
                shot["found"] = f"{name}: errors after the run: {', '.join(entries)}"
        except Exception as error:  # noqa: BLE001 - all is safe: a run does not fail by this
            found[name] = {"found": f"{name}: settings after the run not read: {error}"}
    return found
