"""Virtual Lake Shore temperature controllers, models 331, 335, 336 and 350, over a heated stage.

All inputs of a controller sense the stage under the sample; its first output heats it, the others
end in the air. A bench file may say what the stage is made of::

    [instruments.stage]
    driver = "lakeshore"
    model = "336"
    address = "GPIB0::12::INSTR"
    base = "77 K"               # what it comes to without heat; else the sample's temperature
    capacity = 20.0             # J/K
    link = 0.1                  # W/K
    lag = "1 s"                 # of sample and sensor behind the heater

A planned fault ``error`` with a positive code is a status of the reading from then on, as
``RDGST?`` tells it (128: the sensor is open), or with 1001 and 1002 a heater that is open or
shorted; with a negative code it is an error for the event register.

Commands by the manuals of the 331 (119-031), the 335 (119-055) and the 336 (119-048), section 6;
checks: which event bit a refused command sets, the heater ranges of the 350, and that a controller
without a reading gives no heat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Kelvin, Second
from sim_backend.clock import Clock
from sim_backend.instruments.heated_stage import HeatedStage, StageSpec
from sim_backend.instruments.lakeshore_controller import MODELS, Controller
from sim_backend.instruments.scpi_account import Account
from sim_backend.instruments.scpi_interface import Interface
from sim_backend.roster import Bay

__all__ = ["MODELS", "LakeShore", "build"]

_OPEN, _SHORTED = 1001, 1002  # planned faults of the heater


class StageOptions(BaseModel):
    """Keys of a controller's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    base: Annotated[Kelvin | None, Gt(0)] = None
    capacity: Annotated[float, Gt(0)] = 20.0
    link: Annotated[float, Gt(0)] = 0.1
    lag: Annotated[Second, Ge(0.1)] = 1.0


class LakeShore:
    """A controller with its stage.

    Parameters
    ----------
    model
        Name in the bench file.
    stage
        What it heats.
    clock
        The laboratory's time.
    serial
        As it tells it.
    """

    def __init__(
        self, model: str, stage: HeatedStage, clock: Clock, serial: str = "1234567"
    ) -> None:
        self.stage, self.clock = stage, clock
        self.controller = Controller(MODELS[model], stage)
        self.account = Account(
            lambda: f"LSCI,{MODELS[model].idn},{serial},1.0",
            {},
            self.controller.reset,
            lambda: True,
            lambda: self.interface.waiting,
        )
        # the only errors that it tells of are those of the event register
        common = [c for c in self.account.commands() if c.header.startswith("*")]
        self.interface = Interface(
            clock, [*common, *self.controller.commands()], self.report,
            lambda: False, lambda: 0, lambda: None, lambda: None,
        )  # fmt: skip

    # -- the wire -----------------------------------------------------------------------------

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    @staticmethod
    def urgent(line: bytes) -> bool:
        """Whether a line acts at once; nothing takes time here."""
        return False

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute it."""
        self.controller.guard()
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its carriage return and feed."""
        return [reply[:-1] + b"\r\n" for reply in self.interface.replies()]

    def poll(self) -> None:
        """Nothing waits inside the instrument."""

    def interrupt(self) -> None:
        """Nothing runs that could be interrupted."""

    def abort(self) -> None:
        """Nothing runs that could be ended."""

    def clear(self) -> None:
        """Take a device clear: nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """There is nothing that a bus trigger starts."""

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.byte.condition

    def report(self, code: int, _: str = "") -> None:
        """Note an error, or let sensor or heater fail: see the module's first lines."""
        if code in (_OPEN, _SHORTED):
            self.controller.fail_heater(code - _OPEN + 1)
        elif code > 0:
            self.controller.fail_sensor(code)
        else:
            self.account.report(code)

    def close(self) -> None:
        """Switch off for good."""
        self.stage.supply(0.0)

    def channel_state(self, _channel: str = "1") -> Mapping[str, Any]:
        """Return what the front panel shows: for tests and for a window."""
        controller, stage = self.controller, self.stage
        return {
            "temperature": stage.temperature, "setpoint": stage.setpoint,
            "target": controller.targets[1], "range": controller.range[1],
            "heater": stage.output, "ramp": controller.ramps[1], "limit": controller.limits["A"],
        }  # fmt: skip


def build(bay: Bay) -> LakeShore:
    """Return the controller of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    try:
        options = StageOptions(**bay.options)
    except ValidationError as error:
        where = f"instruments.{bay.name}"
        raise BadInput(explain(error, where, list(StageOptions.model_fields))) from None
    now = bay.fixture.temperature
    base = now if options.base is None else options.base
    spec = StageSpec(base, options.capacity, options.link, options.lag)
    heat = bay.fixture.set_temperature if bay.needles is None else bay.needles.heat
    return LakeShore(bay.model, HeatedStage(bay.clock, heat, now, spec), bay.clock, bay.serial)
