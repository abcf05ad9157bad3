"""Uniformity: any protocol over the sites of a wafer or the dies of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from annotated_types import Len
from pydantic import Field, PositiveInt, model_validator

from labctl import catalogue
from labctl.analysis.uniformity import Device, explained
from labctl.condition import figures, parse_condition
from labctl.errors import BadInput
from labctl.protocol import Measured, Protocol, Reference
from labctl.readings import Flag, Readings
from labctl.results import Panel, Results
from labctl.sites import Sites
from labctl.steps import Move, Soak, Step, StepRecord, Steps
from protocols.parameters import Words

__all__ = ["Uniformity"]


class Uniformity(Protocol):
    """The same protocol on many devices: variation, yield and maps.

    Each site is contacted, checked and measured; a site without a contact is passed over and
    reported. The order of the sites is the chuck's shortest way unless `shuffle` is set, which
    keeps a drift of the bench from looking like a gradient of the wafer. With several cycles on
    every device the scatter is split into that from cycle to cycle (C2C) and that from device to
    device (D2D) by an analysis of variance with random effects.
    """

    title: ClassVar[str] = "Uniformity over sites"
    summary: ClassVar[str] = "Any protocol over sites: C2C, D2D, yield, gradients, maps."
    purpose: ClassVar[str] = "reliability"
    reference: ClassVar[Reference] = Reference(
        "10.1080/00949659008811240", text="Ting et al., J. Stat. Comput. Simul. 1990 (components)"
    )
    decides: ClassVar[bool] = True

    kind: Literal["uniformity"] = "uniformity"
    protocol: Annotated[str, Field(description="Kind that is measured on each device.")] = "ppf"
    settings: Annotated[
        dict[str, Any], Field(description="Parameters of that protocol, as in its own file.")
    ] = Field({"intervals": "20 ms", "repeats": 3, "baseline": "200 uS"}, validate_default=True)
    sites: Annotated[
        Sites, Len(1), Field(description='Column, row, site: "2..6, 2..6, 1", or a list.')
    ] = tuple(f"{column},{row},1" for row in (3, 4, 5) for column in (3, 4, 5))
    cycles: Annotated[PositiveInt, Field(description="How often it is done on each device.")] = 2
    shuffle: Annotated[bool, Field(description="Sites in random order.")] = False
    figures: Annotated[
        Words, Field(description="Figures of merit that are compared; all when empty.")
    ] = ()
    good: Annotated[
        str, Field(description='What a good device does, as in "index > 10 %"; yield counts it.')
    ] = ""

    @model_validator(mode="after")
    def _fit_together(self) -> Uniformity:
        if self.protocol == "uniformity":
            raise ValueError("uniformity of uniformity was asked for; name the protocol itself")
        if len(set(self.sites)) != len(self.sites):
            raise ValueError(
                "a site stands twice in sites; name each once and raise cycles instead"
            )
        try:
            self._inner(0)
            if self.good:
                parse_condition(self.good)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    def _inner(self, cycle: int) -> Protocol:
        """Return the protocol of one cycle; its random order differs from cycle to cycle."""
        values = {"seed": self.seed + cycle, **self.settings}
        return catalogue.protocol_from(self.protocol, values)

    def steps(self) -> Steps:
        """Contact each site and carry the protocol out on it, as often as asked."""
        for site in self.shuffled(self.sites) if self.shuffle else self.sites:
            answer = yield Move(site, {"site": site}, skip=True)
            if len(answer) and answer.flags[0] & Flag.CONTACT:
                continue
            for cycle in range(self.cycles):
                yield from _told(self._inner(cycle).steps(), {"site": site, "cycle": cycle})

    def preview(self) -> tuple[Panel, ...]:
        """Return the waveforms of the protocol that is repeated."""
        return self._inner(0).preview()

    def analyse(self, record: Measured) -> Results:
        """Return mean, C2C and D2D of every figure, yield, gradients and the table of devices.

        Metrics: each figure's mean over the devices under its own name, ``c2c_<figure>`` and
        ``d2d_<figure>`` relative to it, ``yield`` of the devices that were asked for, ``contacts``.
        """
        devices = [Device(site, self._measured(record, site)) for site in self._seen(record)]
        passed = {device.site: self._passes(device) for device in devices}
        return explained(devices, passed, self.figures, self.good)

    def _measured(self, record: Measured, site: str) -> list[Results]:
        found = []
        for cycle in range(self.cycles):
            part = Part.cut(record, site, cycle)
            if part.steps:
                found.append(self._inner(cycle).analyse(part))
        return found

    def _seen(self, record: Measured) -> list[str]:
        """Return the sites that were visited, in the order of the protocol's list."""
        seen = {step.label.get("site") for step in record.steps}
        return [site for site in self.sites if site in seen]

    def _passes(self, device: Device) -> bool:
        """Say whether a device is good: every cycle was measured and meets the condition."""
        if not device.cycles or not all(results.metrics for results in device.cycles):
            return False
        if not self.good:
            return True
        wanted = parse_condition(self.good)
        return all(wanted.judge(figures(results)).holds for results in device.cycles)


def _told(course: Steps, more: dict[str, Any]) -> Steps:
    """Carry a course out with more in the labels of its steps."""
    try:
        step = next(course)
        while True:
            answer = yield _labelled(step, more)
            step = course.send(answer)
    except StopIteration:
        return


def _labelled(step: Step, more: dict[str, Any]) -> Step:
    if isinstance(step, Move | Soak):
        raise BadInput(
            f"the protocol moves or heats by itself ({type(step).__name__.lower()}); uniformity "
            "takes protocols that stay on one device at one temperature"
        )
    return msgspec.structs.replace(step, label={**step.label, **more})


@dataclass(frozen=True, slots=True)
class Part:
    """The steps of one cycle on one site, as if they were a record of their own."""

    steps: tuple[StepRecord, ...]
    whole: Measured

    @classmethod
    def cut(cls, record: Measured, site: str, cycle: int) -> Part:
        """Take the part out of the whole."""
        return cls(tuple(step for step, _ in record.where(site=site, cycle=cycle)), record)

    @property
    def readings(self) -> Readings:
        """Every reading of the part."""
        return Readings([row for step in self.steps for row in self.whole.of(step)])

    def of(self, step: StepRecord) -> Readings:
        """Return the readings of one step."""
        return self.whole.of(step)

    def where(self, **label: float | int | str | bool) -> Iterator[tuple[StepRecord, Readings]]:
        """Yield the steps whose label has these values, with their readings."""
        for step in self.steps:
            if all(step.label.get(name) == value for name, value in label.items()):
                yield step, self.whole.of(step)
