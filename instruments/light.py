"""ILX Lightwave LDP-3811: a laser diode over the sample as `LightSource`.

pymeasure's `LDP3811` with what it lacks: errors are raised, `make_safe` is dark, and the light is
asked for as an irradiance on the sample, which the bench file calibrates::

    [instruments.laser]
    driver = "ldp3811"
    model = "LDP-3811"
    address = "GPIB0::4::INSTR"
    port = "light 450 nm"       # what it lights, for a virtual device
    threshold = "20 mA"         # of the laser; 0 for a light-emitting diode
    slope = 0.5                 # optical power for the current beyond it, W/A
    spot = "1 mm2"              # that the power is spread over
    limit = "100 mA"            # largest current
"""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, ValidationError
from pymeasure.instruments.ilxlightwave.ldp3811 import LDP3811

from instruments.errors import link_faults, queue_fault, wrong_model
from instruments.secured import Secured, open_adapter
from labctl.capability import Identity, Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.protocol import explain
from labctl.units import Ampere, Second, SquareMetre

__all__ = ["CAPABILITIES", "Laser", "connect"]

CAPABILITIES = ("light",)


class LaserOptions(BaseModel):
    """Keys of a laser's section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: str = ""
    threshold: Annotated[Ampere, Ge(0)] = 0.0
    slope: Annotated[float, Gt(0)] = 0.5
    spot: Annotated[SquareMetre, Gt(0)] = 1e-6
    limit: Annotated[Ampere, Gt(0), Le(0.5)] = 0.1
    timeout: Annotated[Second, Gt(0)] = 10.0


def connect(setup: Setup) -> Laser:
    """Connect to the driver of the diode, set its limit, and leave it dark.

    Raises
    ------
    BadInput
        An option or the address is not allowed.
    InstrumentFault
        Nobody answers, or another instrument does.
    """
    try:
        options = LaserOptions(**setup.options)
    except ValidationError as error:
        fields = list(LaserOptions.model_fields)
        raise BadInput(explain(error, f"instruments.{setup.name}", fields)) from None
    laser = Laser(open_adapter(setup, options.timeout), setup, options)
    laser.start()
    return laser


class Laser(Secured, LDP3811):  # type: ignore[misc]
    """A diode and its driver behind a connection.

    Parameters
    ----------
    adapter
        An open connection.
    setup
        Its section of the bench file.
    options
        Checked.
    """

    def __init__(self, adapter: Any, setup: Setup, options: LaserOptions) -> None:
        super().__init__(adapter, f"{setup.name} ({setup.address})")
        self.label, self.calibration = setup.name, options
        self._idn = ""

    def start(self) -> None:
        """Ask who answers, and set mode, range and limit with the output off.

        Raises
        ------
        InstrumentFault
            Nobody does, it is another model, or it refuses the limit.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
        if "3811" not in self._idn:
            raise wrong_model(self.name, "LDP-3811", self._idn)
        milliamperes = self.calibration.limit * 1e3
        which = 500 if milliamperes > 200 else 200
        with link_faults(self.name, "setting its limit"):
            self.drain()
            for line in ("OUTPUT 0", "MODE CW", f"RANGE {which}", f"LIMIT:I{which} {milliamperes}"):
                self.write(line)
        self._raise("setting its limit")

    def drain(self) -> list[str]:
        """Empty the list of errors and return it."""
        with link_faults(self.name, "reading its errors"):
            numbers = self.ask("ERRORS?").strip().split(",")
        return [number.strip() for number in numbers if number.strip() not in ("", "0")]

    def _raise(self, doing: str) -> None:
        if entries := self.drain():
            raise queue_fault(self.name, entries, doing)

    def current_for(self, irradiance: float) -> float:
        """Return the current for an irradiance in W/m2, A.

        Raises
        ------
        BadInput
            It is negative, or more than the limit gives.
        """
        given = self.calibration
        current = irradiance * given.spot / given.slope + given.threshold if irradiance else 0.0
        most = max(0.0, given.limit - given.threshold) * given.slope / given.spot
        if not irradiance >= 0 or current > given.limit:
            raise BadInput(
                f"{self.name}: an irradiance of {irradiance:g} W/m2 was asked for; "
                f"the limit of {given.limit * 1e3:g} mA gives 0 to {most:g} W/m2"
            )
        return current

    def shine(self, irradiance: float) -> None:
        """Light with an irradiance in W/m2; zero for dark.

        Raises
        ------
        BadInput
            It cannot be had.
        InstrumentFault
            The instrument reported an error.
        """
        current = self.current_for(irradiance)
        with link_faults(self.name, "setting the light"):
            self.write(f"LDI {current * 1e3:.6g}")
            self.write(f"OUTPUT {int(current > 0)}")
        self._raise("setting the light")

    def make_safe(self) -> None:
        """Switch the current off, and see that it is so."""
        with link_faults(self.name, "switching it off"):
            self.write("OUTPUT 0")
            self.write("LDI 0")
            answer = self.ask("OUTPUT?").strip()
        if answer != "0":
            raise InstrumentFault(
                f'{self.name}: the output is "{answer}" after it was switched off; '
                "switch the instrument off by hand"
            )

    def identify(self) -> Identity:
        """Ask who it is."""
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = ([*parts[2:4], "", ""])[:2]
        return Identity(self.label, self._idn, "LDP-3811", serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return every setting as it reports it."""
        questions = ("OUTPUT?", "MODE?", "RANGE?", "SET:LDI?", "LIMIT:I200?", "LIMIT:I500?", "PW?")
        with link_faults(self.name, "asking for its settings"):
            return {question.rstrip("?"): self.ask(question).strip() for question in questions}
