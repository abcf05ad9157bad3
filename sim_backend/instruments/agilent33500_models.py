"""The models of virtual 33500 series generators: what distinguishes one from another.

In a bench file an output is wired to a terminal like any channel; or it drives a light over the
device, whose irradiance follows the voltage above zero, as an LED driver's modulation input does::

    [instruments.awg]
    driver = "agilent33500"
    model = "33522B"
    address = "USB0::0x0957::0x2C07::MY1234567::INSTR"
    light = { 2 = "light 450 nm" }    # output 2 gates a light
    irradiance = "200 W/m2"           # at 5 V

Figures: Keysight 33500B and 33600A Series Trueform Waveform Generators, data sheet 5992-2572EN;
those not found there are to be checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Irradiance, Ohm
from sim_backend.instruments.agilent33500 import Agilent33500
from sim_backend.instruments.agilent33500_output import Outlet, Output
from sim_backend.instruments.agilent33500_settings import Model
from sim_backend.instruments.waves import WaveDrive
from sim_backend.roster import Bay

__all__ = ["MODELS", "build", "outlets"]

_FULL = 5.0  # V at the light's modulation input for the irradiance that a bench file gives

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "33521B": Model("33521B", 1, 30e6, 200e3, 250e6, 1_000_000),
        "33522B": Model("33522B", 2, 30e6, 200e3, 250e6, 1_000_000),
    }
)


class _Options(BaseModel):
    """Keys of a generator's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    light: dict[str, str] = {}
    irradiance: Annotated[Irradiance, Gt(0)] = 100.0
    series: Annotated[Ohm, Ge(0)] = 0.0  # between the output and the device


def build(bay: Bay) -> Agilent33500:
    """Return the generator of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    model = MODELS[bay.model]
    return Agilent33500(model, outlets(bay, model), bay.clock, serial=bay.serial)


def outlets(bay: Bay, model: Model) -> list[Outlet]:
    """Return where the outputs of a generator in a place of the laboratory lead.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    try:
        options = _Options(**bay.options)
    except ValidationError as error:
        where = f"instruments.{bay.name}"
        raise BadInput(explain(error, where, list(_Options.model_fields))) from None
    return [_output(bay, options, number) for number in range(1, model.channels + 1)]


def _output(bay: Bay, options: _Options, number: int) -> Outlet:
    assert bay.plug is not None  # the laboratory always gives one
    port = options.light.get(str(number))
    if port is None:
        drive = WaveDrive(Output.RESISTANCE + options.series)
        return Outlet(bay.plug(str(number), drive), drive, None)
    drive = WaveDrive()
    drive.terminal = port
    bay.fixture.connect(port, drive)
    return Outlet(bay.fixture, drive, options.irradiance / _FULL)
