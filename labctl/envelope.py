"""The sample's envelope: what each of its devices may ever go through, and what is left of it.

The file ``sample.toml`` in the folder of a sample says it, for all devices, for those of a type and
for single ones; the closest word counts, quantity by quantity. Levels and currents hold at any
moment. Pulses, time at bias, charge, energy and touch-downs hold over all runs on a device: what
its earlier runs did comes from their records, what a run is about to do is bounded by its plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.bounds import bounds
from labctl.capability import Violation
from labctl.errors import BadInput
from labctl.ledger import Ledger, lands
from labctl.protocol import explain, load_values
from labctl.steps import Move, Play, Soak, Step
from labctl.units import Ampere, Coulomb, Joule, Second, Volt, show

__all__ = ["SAMPLE", "Allowance", "Course", "Gate", "SampleFile", "read_sample"]

SAMPLE = "sample.toml"

#: of each quantity: what it is called, its unit, and what would lower it
_QUANTITIES: Mapping[str, tuple[str, str, str]] = {
    "v": ("voltage", "V", "lower the amplitude or the voltage limit"),
    "i": ("compliance", "A", "lower the compliance"),
    "pulses": ("pulses", "", "ask for fewer pulses"),
    "time_at_bias": ("time at bias", "s", "ask for shorter or fewer pulses and reads"),
    "charge": ("charge", "C", "lower the compliance or the number of pulses"),
    "energy": ("energy", "J", "lower the compliance or the number of pulses"),
    "touch_downs": ("touch-downs", "", "measure more in one run"),
}
_AT_ANY_MOMENT = frozenset({"v", "i"})
_BOUNDED = frozenset({"charge", "energy"})  # by the compliance, or by what is asked for


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Allowance(_Section):
    """What one device may go through; a quantity that is not given is not limited."""

    v: Annotated[Volt | None, Field(gt=0, description="Largest magnitude of a level.")] = None
    i: Annotated[Ampere | None, Field(gt=0, description="Largest compliance.")] = None
    pulses: Annotated[float | None, Field(gt=0, description="Pulses over all runs.")] = None
    time_at_bias: Annotated[
        Second | None, Field(gt=0, description="Time at a level over all runs.")
    ] = None
    charge: Annotated[Coulomb | None, Field(gt=0, description="Charge over all runs.")] = None
    energy: Annotated[Joule | None, Field(gt=0, description="Energy over all runs.")] = None
    touch_downs: Annotated[
        float | None, Field(gt=0, description="Touch-downs of a prober over all runs.")
    ] = None


class DeviceType(_Section):
    """Devices of one kind, by patterns of their names: ``"*,*,1"``."""

    sites: tuple[str, ...]
    envelope: Allowance = Allowance()


class Device(_Section):
    """One device."""

    note: str = ""
    envelope: Allowance = Allowance()


class SampleFile(_Section):
    """The file ``sample.toml``, checked."""

    title: str = ""
    note: str = ""
    envelope: Allowance = Allowance()
    types: dict[str, DeviceType] = {}
    devices: dict[str, Device] = {}

    @property
    def limits(self) -> bool:
        """Whether any quantity of any device is limited."""
        said = [self.envelope, *(kind.envelope for kind in self.types.values())]
        said += [device.envelope for device in self.devices.values()]
        return any(value is not None for one in said for value in one.model_dump().values())

    def allowed(self, site: str) -> Allowance:
        """Return what a device may go through: its own word, its types', that for all."""
        chosen = [kind.envelope for kind in self.types.values() if _among(site, kind.sites)]
        said = [self.envelope, *chosen]
        if site in self.devices:
            said.append(self.devices[site].envelope)
        merged: dict[str, float] = {}
        for one in said:
            merged |= {name: x for name, x in one.model_dump().items() if x is not None}
        return Allowance(**merged)


def _among(site: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(site, pattern) for pattern in patterns)


def read_sample(folder: Path) -> SampleFile:
    """Read the file of a sample; a sample without one limits nothing.

    Raises
    ------
    BadInput
        The file is not TOML, or a key is wrong; one sentence with file and key.
    """
    path = folder / SAMPLE
    if not path.exists():
        return SampleFile()
    try:
        return SampleFile(**load_values(path))
    except ValidationError as error:
        raise BadInput(explain(error, str(path), list(SampleFile.model_fields))) from None


class Gate(msgspec.Struct, frozen=True):
    """What a run on one sample may still do."""

    file: SampleFile
    where: str  #: path of the sample's file, for a violation
    site: str  #: on which the run begins
    so_far: Mapping[str, Ledger] = {}  #: stress of the earlier runs by device
    light: frozenset[str] = frozenset()  #: terminals whose levels are no voltages
    probed: bool = False  #: whether the bench has a prober

    def course(self) -> Course:
        """Return the run's course, of which no step has been taken yet."""
        return Course(self)

    def lines(self, ledger: Ledger | None = None) -> Iterator[tuple[str, str]]:
        """Yield name and text of each limit of the device, with what has been used of it.

        Parameters
        ----------
        ledger
            The device's stress; else that of the earlier runs.
        """
        allowed = self.file.allowed(self.site).model_dump()
        used = _used(ledger or self.so_far.get(self.site, Ledger()))
        for name, most in allowed.items():
            if most is not None:
                title, unit, _ = _QUANTITIES[name]
                yield title, f"{_shown(used[name], unit)} of {_shown(most, unit)}"


class Course:
    """The steps of one run, taken one by one, on top of what its devices had seen before.

    Parameters
    ----------
    gate
        Where it begins.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._site = gate.site
        self._down = False
        self._planned: dict[str, dict[str, float]] = {}

    def take(self, step: Step) -> list[Violation]:
        """Count a step as if it were carried out, and say what then stands against the course.

        Charge and energy are bounded by the compliance, or by the current of a terminal that is
        driven by one and its voltage limit, as in a plan.
        """
        if isinstance(step, Move):
            self._site = step.site
        spent = self._planned.setdefault(self._site, dict.fromkeys(_QUANTITIES, 0.0))
        if self._gate.probed:
            landed = lands(step, down=self._down)
            spent["touch_downs"] += landed
            self._down = not isinstance(step, Soak) and (self._down or landed)
        if isinstance(step, Play):
            self._play(step, spent)
        return list(self._exceeded(self._site))

    def _play(self, step: Play, spent: dict[str, float]) -> None:
        does = step.waveform.summary()
        most = bounds(step, self._gate.light, does)
        spent["pulses"] += does.pulses
        spent["time_at_bias"] += most.biased
        spent["charge"] += most.charge
        spent["energy"] += most.energy
        spent["i"] = max(spent["i"], step.compliance)
        spent["v"] = max(spent["v"], most.peak)

    def violations(self) -> list[Violation]:
        """Say what stands against all that was taken, on every device of it."""
        return [one for site in self._planned for one in self._exceeded(site)]

    def _exceeded(self, site: str) -> Iterator[Violation]:
        allowed = self._gate.file.allowed(site)
        before = _used(self._gate.so_far.get(site, Ledger()))
        for name, (title, unit, remedy) in _QUANTITIES.items():
            most, more = getattr(allowed, name), self._planned[site][name]
            now = name in _AT_ANY_MOMENT
            total = more if now else before[name] + more
            if most is None or total <= most or not more:
                continue
            bound = "up to " if name in _BOUNDED else ""
            before_it = "" if now else f" more after {_shown(before[name], unit)}"
            asked = f"{bound}{_shown(more, unit)}{before_it}"
            yield Violation(
                f"envelope of the device {site or 'of the sample'}, {title}",
                asked,
                f"at most {_shown(most, unit)}{'' if now else ' over all runs'}",
                f"{remedy}, take another device, or raise {name} in {self._gate.where}",
            )


def _used(ledger: Ledger) -> dict[str, float]:
    return {
        "v": ledger.peak_v,
        "i": ledger.peak_i,
        "pulses": ledger.total_pulses,
        "time_at_bias": ledger.biased,
        "charge": ledger.charge_most,
        "energy": ledger.energy_most,
        "touch_downs": ledger.touch_downs,
    }


def _shown(value: float, unit: str) -> str:
    return show(value, unit) if unit else f"{value:.12g}"
