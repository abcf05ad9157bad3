"""What a bench file says about its virtual laboratory: the section ``[simulation]``, checked.

::

    [simulation]
    laboratory = "virtual"       # `sim_backend.laboratory`
    latency = "1 ms"             # of one message on the bus
    temperature = "300 K"        # of the device

    [simulation.device]          # family, preset, then any initial condition or parameter
    family = "ftj"
    preset = "bto-nsto"
    conductance = "200 uS"

    [simulation.noise]
    instrument = true            # errors, noise and settling of the instruments
    cycle = true                 # cycle-to-cycle variation
    table = false                # its numbers from a table: faster, neighbours are not independent
    device = true                # device-to-device variation, dead devices
    read = true                  # noise of the device; follows `instrument`

    [simulation.wafer]           # see `sim_backend.wafer`

    [simulation.light]           # a diode over the device, at its terminal "led"
    port = "light 450 nm"
    efficiency = 5e3             # W/m2 on the device for 1 A
    forward_voltage = "2.9 V"
    resistance = "10 Ohm"

    [simulation.node]            # several such devices that meet at a node, behind a load; their
    devices = 3                  # other ends are the terminals "a", "b", "c", the load's is "load"
    load = "4 kOhm"
    switch = false               # true: joined only while the terminal "select" is high

    [simulation.crossbar]        # an array of such devices: see `sim_backend.addressed`

    [[simulation.faults]]        # what is to go wrong on the wire (see `sim_backend.faults`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Hertz, Kelvin, Second
from sim_backend.addressed import Crossbar
from sim_backend.devices.lit import Diode
from sim_backend.devices.star import Joint
from sim_backend.wafer import Wafer

__all__ = ["Noise", "Simulation", "read_simulation"]


class Noise(BaseModel):
    """The switches of ``[simulation.noise]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: bool = True
    cycle: bool = True
    table: bool = False
    device: bool = True
    read: bool | None = Field(None, description="Follows `instrument` unless given.")

    @property
    def reads(self) -> bool:
        """Whether the device itself is noisy."""
        return self.instrument if self.read is None else self.read


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
    wafer: Wafer | None = None
    light: Diode | None = None
    node: Joint | None = None
    crossbar: Crossbar | None = None
    speed: Annotated[float, Gt(0)] = Field(1.0, description="For a laboratory that is served.")

    @model_validator(mode="after")
    def _consistent(self) -> Simulation:
        if self.crossbar is not None and (self.wafer or self.light or self.node):
            raise ValueError("a crossbar stands alone: leave out wafer, light and node")
        return self


def read_simulation(bench: Mapping[str, Any]) -> Simulation:
    """Check the section ``[simulation]`` of a bench file's content.

    Raises
    ------
    BadInput
        A key or a value is wrong; one sentence with file and key.
    """
    name = str(bench.get("name", "bench"))
    try:
        return Simulation(**dict(bench.get("simulation") or {}))
    except ValidationError as error:
        kinds: dict[str, type[BaseModel]] = {
            "noise": Noise, "wafer": Wafer, "light": Diode, "node": Joint,
            "crossbar": Crossbar,
        }  # fmt: skip
        kind = kinds.get(str((*error.errors()[0]["loc"], "")[0]), Simulation)
        raise BadInput(
            explain(error, f"{name}: section simulation", list(kind.model_fields))
        ) from None
