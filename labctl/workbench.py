"""Benches: a TOML file that names instruments and wiring becomes capabilities that play steps.

A bench file keeps its real addresses; with a ``[simulation]`` section the same drivers are given an
in-process PyVISA library behind which a virtual laboratory answers at those addresses. Nothing
falls back to simulation by itself: without that section only hardware is ever looked for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl import catalogue
from labctl.capability import (
    Identity,
    Laboratory,
    Setup,
    StopRequest,
    Timekeeper,
    Violation,
    WaveformSource,
)
from labctl.errors import BadInput, InstrumentFault
from labctl.protocol import explain, load_values
from labctl.readings import Row
from labctl.steps import Play, Step, Wait
from labctl.units import Ampere, Coulomb, Joule, Volt

__all__ = ["Bench", "Definition", "Envelope", "HostClock", "read_bench"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Envelope(BaseModel):
    """What the sample may ever see; a protocol that could exceed it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Annotated[Volt | None, Field(gt=0, description="Largest magnitude of a level.")] = None
    i: Annotated[Ampere | None, Field(gt=0, description="Largest compliance.")] = None
    charge: Annotated[Coulomb | None, Field(gt=0, description="Largest charge in one run.")] = None
    energy: Annotated[Joule | None, Field(gt=0, description="Largest energy in one run.")] = None


class InstrumentSection(BaseModel):
    """One instrument of a bench file; keys that labctl does not know go to its driver."""

    model_config = ConfigDict(frozen=True, extra="allow")

    driver: str
    model: str = ""
    address: str = ""


class Definition(BaseModel):
    """A bench file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = ""
    instruments: dict[str, InstrumentSection]
    terminals: dict[str, str]  #: device terminal -> "instrument.channel"
    envelope: Envelope = Envelope()
    simulation: dict[str, Any] | None = None

    @property
    def simulated(self) -> bool:
        """Whether the instruments are virtual, in this process or elsewhere."""
        return self.simulation is not None

    def setups(self) -> dict[str, Setup]:
        """Return what each driver needs to know, without any connection."""
        channels: dict[str, dict[str, str]] = {name: {} for name in self.instruments}
        for terminal, place in self.terminals.items():
            instrument, _, channel = place.partition(".")
            channels[instrument][terminal] = channel
        return {
            name: Setup(
                name=name,
                model=section.model,
                address=section.address,
                channels=channels[name],
                options=section.model_extra or {},
            )
            for name, section in self.instruments.items()
        }

    def check(self, step: Step) -> list[Violation]:
        """Say what stands against a step: instrument limits and the envelope; sends nothing."""
        if not isinstance(step, Play):
            return [] if isinstance(step, Wait) else [_not_offered(step)]
        return [*self._check_envelope(step), *self._check_instrument(step)]

    def _check_instrument(self, play: Play) -> list[Violation]:
        name, missing = self.source_of(play)
        if missing is not None:
            return [missing]
        driver = catalogue.load("instrument", self.instruments[name].driver)
        found: list[Violation] = driver.check(self.setups()[name], play)
        return found

    def source_of(self, play: Play) -> tuple[str, Violation | None]:
        """Return the name of the instrument that drives every terminal of a waveform."""
        wanted = play.waveform.terminals
        for name, setup in self.setups().items():
            if wanted <= set(setup.channels) and (setup.channels or not wanted):
                return name, None
        unknown = sorted(wanted - set(self.terminals))
        return "", Violation(
            limit=f"terminals of {self.name}",
            asked=", ".join(sorted(wanted)),
            allowed=", ".join(sorted(self.terminals)) or "none",
            remedy=f"wire {unknown[0]} in the bench file"
            if unknown
            else "wire all terminals of one waveform to the same instrument",
        )

    def _check_envelope(self, play: Play) -> Iterator[Violation]:
        summary, envelope = play.waveform.summary(), self.envelope
        for terminal, peak in summary.peak.items():
            if envelope.v is not None and peak > envelope.v:
                yield Violation(
                    f"envelope of the sample, {terminal}",
                    f"{peak:g} V",
                    f"at most {envelope.v:g} V",
                    "lower the amplitude, or raise [envelope] v in the bench file",
                )
        if envelope.i is not None and play.compliance > envelope.i:
            yield Violation(
                "envelope of the sample, current",
                f"a compliance of {play.compliance:g} A",
                f"at most {envelope.i:g} A",
                "lower the compliance, or raise [envelope] i in the bench file",
            )


def _not_offered(step: Step) -> Violation:
    kind = type(step).__name__.lower()
    return Violation(
        "capabilities of the bench", f"a {kind}", "playing and waiting", f"take out the {kind}"
    )


def read_bench(what: str | Path) -> tuple[Definition, dict[str, Any]]:
    """Read a bench by name or path.

    Returns
    -------
    tuple
        The checked definition and the file's content as it stands, for the record.

    Raises
    ------
    BadInput
        The file is missing, is not TOML, or a key is wrong; one sentence with file and key.
    """
    path = catalogue.find_bench(str(what))
    content = load_values(path)
    return define_bench({"name": path.stem, **content}, str(path)), content


def define_bench(content: Mapping[str, Any], where: str) -> Definition:
    """Check the content of a bench file; `where` names it in an error.

    Raises
    ------
    BadInput
        A key is wrong; one sentence with file and key.
    """
    try:
        definition = Definition(**content)
    except ValidationError as error:
        raise BadInput(explain(error, where, list(Definition.model_fields))) from None
    for terminal, place in definition.terminals.items():
        instrument, dot, channel = place.partition(".")
        if not _NAME.fullmatch(terminal):
            raise BadInput(
                f'{where}: terminals: "{terminal}" is not a name; use letters, digits, _ and -'
            )
        if not dot or not channel or instrument not in definition.instruments:
            raise BadInput(
                f'{where}: terminals.{terminal} = "{place}" is not "instrument.channel" with one '
                f"of the instruments {', '.join(definition.instruments)}"
            )
    for name, section in definition.instruments.items():
        if section.driver not in catalogue.names("instrument"):
            raise BadInput(
                f'{where}: instruments.{name}.driver = "{section.driver}" is not installed; '
                f"installed are {', '.join(catalogue.names('instrument'))}"
            )
    return definition


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
    ) -> None:
        self.definition = definition
        self.laboratory: Laboratory | None = None
        self.sources: dict[str, WaveformSource] = {}
        self.clock: Timekeeper = HostClock(elapsed, _speed(definition))
        kind = (definition.simulation or {}).get("laboratory", "virtual")
        if definition.simulated and kind != "served":
            opened = catalogue.load("laboratory", kind)(
                {**content, "name": definition.name}, seed, state, pace
            )
            self.laboratory, self.clock = opened, opened.clock
        self._origin = self.clock.now()
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        for name, setup in self.definition.setups().items():
            driver = catalogue.load("instrument", self.definition.instruments[name].driver)
            visa = "@py" if self.laboratory is None else self.laboratory.visa
            self.sources[name] = driver.connect(
                Setup(
                    setup.name, setup.model, setup.address, setup.channels, visa,
                    self.laboratory, setup.options,
                )
            )  # fmt: skip

    def __getattr__(self, name: str) -> WaveformSource:
        """Return an instrument's driver by its name in the bench file."""
        try:
            return self.__dict__["sources"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"the bench has no instrument called {name}") from None

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failures = self.make_safe()
        self.close()
        if failures and error is not None:
            error.add_note("; ".join(failures))
        elif failures:
            raise InstrumentFault("; ".join(failures))

    def identify(self) -> list[Identity]:
        """Ask every instrument who it is."""
        return [source.identify() for source in self.sources.values()]

    def snapshot(self) -> dict[str, dict[str, str]]:
        """Return every setting of every instrument, as reported."""
        return {name: source.snapshot() for name, source in self.sources.items()}

    def play(self, waveform: Any, compliance: float, **ranges: float) -> list[Row]:
        """Play a waveform by hand and return its readings.

        Parameters
        ----------
        waveform
            What to play.
        compliance
            Largest current of any terminal, A.
        ranges
            Current range by terminal, A.
        """
        step = Play(waveform, compliance, ranges)
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
        if not isinstance(step, Play):
            raise BadInput(str(_not_offered(step)))
        name, missing = self.definition.source_of(step)
        if missing is not None:
            raise BadInput(str(missing))
        for chunk in self.sources[name].play(step, stop):
            origin = self._origin
            yield [row._replace(t=row.t + origin) for row in chunk] if origin else chunk

    def make_safe(self) -> list[str]:
        """Bring every instrument to zero, each on its own; return what could not be made safe."""
        failures = []
        for name, source in self.sources.items():
            try:
                source.make_safe()
            except Exception as error:  # noqa: BLE001 - the next instrument must get its turn
                failures.append(f"{name} could not be made safe: {error}")
        return failures

    def close(self) -> None:
        """Give every connection back."""
        for source in self.sources.values():
            source.close()
        if self.laboratory is not None:
            self.laboratory.close()


def _speed(definition: Definition) -> float:
    return float((definition.simulation or {}).get("speed", 1.0)) or 1.0


def _never() -> bool:
    return False


#: what an entry point of the group ``labctl.instruments`` names: a module or object with both
Connect = Callable[[Setup], WaveformSource]
Check = Callable[[Setup, Play], list[Violation]]
