"""Bench files: instruments, wiring and the sample's envelope, in TOML.

A bench file keeps its real addresses; with a ``[simulation]`` section the same drivers are given an
in-process PyVISA library behind which a virtual laboratory answers at those addresses. Nothing
falls back to simulation by itself: without that section only hardware is ever looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from labctl import catalogue
from labctl.bounds import bounds, faults
from labctl.capability import Forecast, Setup, Violation
from labctl.errors import BadInput
from labctl.protocol import explain, load_values
from labctl.steps import Move, Play, Soak, Step, Wait
from labctl.units import Ampere, Coulomb, Irradiance, Joule, Metre, SquareMetre, Volt, show

__all__ = [
    "Definition", "Envelope", "Light", "capabilities", "define_bench", "not_offered", "read_bench",
]  # fmt: skip

_CHECKS_KEPT = 10_000
#: capability that a step needs; waveforms are looked at one by one
_NEEDED: Mapping[type, str] = {Wait: "", Move: "prober", Soak: "thermostat"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Envelope(BaseModel):
    """What the sample may ever see; a protocol that could exceed it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Annotated[Volt | None, Field(gt=0, description="Largest magnitude of a level.")] = None
    i: Annotated[Ampere | None, Field(gt=0, description="Largest compliance.")] = None
    charge: Annotated[Coulomb | None, Field(gt=0, description="Largest charge in one run.")] = None
    energy: Annotated[Joule | None, Field(gt=0, description="Largest energy in one run.")] = None


class Light(BaseModel):
    """An optical terminal: its levels are irradiances in W/m2, not voltages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wavelength: Annotated[Metre, Field(gt=0)]
    most: Annotated[Irradiance | None, Field(gt=0, description="Most the sample may see.")] = None
    area: Annotated[SquareMetre | None, Field(gt=0, description="Of the device, lit.")] = None


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
    light: dict[str, Light] = {}  #: which of the terminals are optical
    envelope: Envelope = Envelope()
    visa: str = ""  #: VISA library, as pyvisa names it: "" the installed one, else pyvisa-py; "@py"
    accept_degraded: bool = False  #: play what an instrument can do instead, and write that down
    simulation: dict[str, Any] | None = None
    _checked: dict[bytes, list[Violation]] = PrivateAttr(default_factory=dict)
    _foreseen: dict[bytes, Forecast | None] = PrivateAttr(default_factory=dict)

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
        served = (self.simulation or {}).get("laboratory") == "served"
        speed = float((self.simulation or {}).get("speed", 1.0)) if served else 1.0
        return {
            name: Setup(
                name=name,
                model=section.model,
                address=section.address,
                channels=channels[name],
                options=section.model_extra or {},
                accept_degraded=self.accept_degraded,
                speed=speed,
            )
            for name, section in self.instruments.items()
        }

    def check(self, step: Step) -> list[Violation]:
        """Say what stands against a step: instrument limits and the envelope; sends nothing.

        Where the bench accepts it, what has something to be played instead does not count.
        """
        if not isinstance(step, Play):
            return [] if self.offers(_NEEDED[type(step)]) else [not_offered(step)]
        return [v for v in self._found(step) if not (self.accept_degraded and v.instead)]

    def offers(self, capability: str) -> bool:
        """Whether an instrument has a capability; ``""`` is one that every bench has."""
        return not capability or any(
            capability in capabilities(section.driver) for section in self.instruments.values()
        )

    def degradations(self, step: Step) -> list[str]:
        """Say what would be played instead of what a step asks for, where that is accepted."""
        if not self.accept_degraded or not isinstance(step, Play):
            return []
        return [v.instead for v in self._found(step) if v.instead]

    def _found(self, step: Play) -> list[Violation]:
        # the planner has asked already what the engine asks again, and closed loops repeat
        key = _key(step)
        known = self._checked.get(key)
        if known is None:
            if len(self._checked) >= _CHECKS_KEPT:
                self._checked.clear()
            found = [self._within(violation) for violation in self._check_instrument(step)]
            known = [*self._check_envelope(step), *found]
            self._checked[key] = known
        return known

    def _within(self, violation: Violation) -> Violation:
        """Take back that something may be accepted where it could pass the envelope's current."""
        most = self.envelope.i
        if not violation.instead or most is None or violation.reach <= most:
            return violation
        reach, allowed = show(violation.reach, "A"), show(most, "A")
        why = f"up to {reach} cannot be accepted: [envelope] i is {allowed}"
        return msgspec.structs.replace(violation, remedy=f"{violation.remedy}; {why}", instead="")

    def _check_instrument(self, play: Play) -> list[Violation]:
        name, missing = self.source_of(play)
        if missing is not None:
            return [missing]
        driver = catalogue.load("instrument", self.instruments[name].driver)
        found: list[Violation] = driver.check(self.setups()[name], play)
        return found

    def forecast(self, play: Play) -> Forecast | None:
        """Return what the driver expects of playing a step; None where it does not say."""
        key = _key(play)
        if key not in self._foreseen:
            if len(self._foreseen) >= _CHECKS_KEPT:
                self._foreseen.clear()
            self._foreseen[key] = self._ask_forecast(play)
        return self._foreseen[key]

    def _ask_forecast(self, play: Play) -> Forecast | None:
        name, missing = self.source_of(play)
        if missing is not None:
            return None
        driver = catalogue.load("instrument", self.instruments[name].driver)
        foresee = getattr(driver, "forecast", None)
        return None if foresee is None else foresee(self.setups()[name], play)

    def source_of(self, play: Play) -> tuple[str, Violation | None]:
        """Return the name of the instrument that drives every terminal of a waveform."""
        wanted = play.waveform.terminals
        fitting = [
            name
            for name, setup in self.setups().items()
            if wanted <= set(setup.channels)
            and (setup.channels or not wanted)
            and "waveforms" in capabilities(self.instruments[name].driver)
        ]
        for name in fitting:
            if not play.voltage_limits or "currents" in capabilities(self.instruments[name].driver):
                return name, None
        if fitting:
            return "", _only_voltages(fitting[0], self.instruments[fitting[0]].driver, play)
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
        envelope, most = self.envelope, bounds(play, self.light)
        yield from faults(play, self.light)
        shine = play.waveform.summary().peak
        lit = [(name, shine.get(name, 0.0), light.most) for name, light in self.light.items()]
        found = [
            *((name, peak, "V", envelope.v, "[envelope] v") for name, peak in most.volts.items()),
            *((name, peak, "A", envelope.i, "[envelope] i") for name, peak in most.amperes.items()),
            *((name, peak, "W/m2", cap, f"[light] {name}.most") for name, peak, cap in lit),
        ]
        for terminal, peak, unit, cap, key in found:
            if cap is not None and peak > cap:
                yield _beyond(terminal, peak, cap, unit, f"lower the amplitude, or raise {key}")
        for terminal, limit in most.limits.items():
            if envelope.v is not None and limit > envelope.v:
                remedy = "lower the voltage limit, or raise [envelope] v"
                yield _beyond(f"voltage limit of {terminal}", limit, envelope.v, "V", remedy)
        if envelope.i is not None and play.compliance > envelope.i:
            yield Violation(
                "envelope of the sample, current",
                f"a compliance of {play.compliance:g} A",
                f"at most {envelope.i:g} A",
                "lower the compliance, or raise [envelope] i in the bench file",
            )


def _key(play: Play) -> bytes:
    """Return what an instrument makes of a step depends on."""
    return msgspec.msgpack.encode(
        (play.waveform, play.compliance, play.ranges, play.voltage_limits)
    )


def _beyond(what: str, asked: float, most: float, unit: str, remedy: str) -> Violation:
    return Violation(
        f"envelope of the sample, {what}",
        f"{asked:g} {unit}",
        f"at most {most:g} {unit}",
        f"{remedy} in the bench file",
    )


def _only_voltages(name: str, driver: str, play: Play) -> Violation:
    return Violation(
        f"{name}, what its driver {driver} sources",
        f"a current on {', '.join(sorted(play.voltage_limits))}",
        "a voltage",
        "ask for levels in V, or for a bench whose instrument sources currents",
    )


def capabilities(driver: str) -> tuple[str, ...]:
    """Return what a driver can do: ``waveforms`` unless its module says something else."""
    found: tuple[str, ...] = getattr(
        catalogue.load("instrument", driver), "CAPABILITIES", ("waveforms",)
    )
    return found


def not_offered(step: Step) -> Violation:
    """Say that this kind of bench cannot carry out a step."""
    needed = _NEEDED[type(step)]
    asked = {"prober": "a move to another site", "thermostat": "a soak at a temperature"}[needed]
    return Violation(
        "capabilities of the bench",
        asked,
        "playing and waiting",
        f"take it out, or add a {needed} to the bench file",
    )


def read_bench(what: str | Path) -> tuple[Definition, dict[str, Any]]:
    """Read a bench by name or path.

    Returns
    -------
    tuple
        The checked definition and the file's content as it stands, for the record; a user's own
        preset of a device, a TOML file beside the bench file, is laid into it.

    Raises
    ------
    BadInput
        The file is missing, is not TOML, or a key is wrong; one sentence with file and key.
    """
    path = catalogue.find_bench(str(what))
    content = _with_presets(load_values(path), path)
    return define_bench({"name": path.stem, **content}, str(path)), content


def _with_presets(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Lay presets that are files beside the bench file into its content.

    Raises
    ------
    BadInput
        A file is missing or not TOML.
    """
    simulation = content.get("simulation")
    if not isinstance(simulation, dict):
        return content
    wafer = simulation.get("wafer")
    types = wafer.get("types") if isinstance(wafer, dict) else None
    kinds = types.values() if isinstance(types, dict) else ()
    for device in (simulation.get("device"), *kinds):
        preset = device.get("preset") if isinstance(device, dict) else None
        if isinstance(preset, str) and preset.endswith(".toml"):
            file = path.parent / preset
            if not file.is_file():
                raise BadInput(f'{path}: preset = "{preset}": there is no such file beside it')
            device["preset"] = {**load_values(file), "name": file.stem}
    return content


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
    _check_terminals(definition, where)
    for name, section in definition.instruments.items():
        if section.driver not in catalogue.names("instrument"):
            raise BadInput(
                f'{where}: instruments.{name}.driver = "{section.driver}" is not installed; '
                f"installed are {', '.join(catalogue.names('instrument'))}"
            )
    return definition


def _check_terminals(definition: Definition, where: str) -> None:
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
    for name in definition.light:
        if name not in definition.terminals:
            raise BadInput(
                f"{where}: light.{name}: there is no such terminal; name one of "
                f"{', '.join(definition.terminals)}"
            )
