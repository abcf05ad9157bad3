"""What the drivers of probe stations share: options of the bench file, and sentences of failure.

A bench file may give::

    [instruments.prober]
    driver = "velox"               # or "sentio"
    address = "GPIB0::28::INSTR"
    check = "50 mV"                # read before any stress, to see that the needles touch
    least = "1 nA"                 # current that counts as a contact
    touches = 3                    # touch-downs before it is given up
    soak = "60 s"                  # after a change of temperature, where the station keeps that
    coldest = "213.15 K"           # of its thermal chuck
    hottest = "573.15 K"
    timeout = "120 s"              # longest movement

A site is written ``column,row,site``, sites counted from 1; the map that is loaded in the station
has columns and rows of the same numbers.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.capability import ContactCheck, Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.protocol import explain
from labctl.units import Ampere, Kelvin, Metre, Second, Volt

__all__ = ["ProberOptions", "Site", "prober_options", "read_site", "station_fault"]


class Site(NamedTuple):
    """A site of the map; all counted from 1."""

    column: int
    row: int
    site: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


class ProberOptions(BaseModel):
    """Keys of a prober's section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: Annotated[Volt | None, Gt(0)] = None
    least: Annotated[Ampere, Gt(0)] = 1e-9
    touches: Annotated[int, Ge(1)] = 3
    soak: Annotated[Second, Ge(0)] = 60.0
    coldest: Annotated[Kelvin, Gt(0)] = 213.15
    hottest: Annotated[Kelvin, Gt(0)] = 573.15
    timeout: Annotated[Second, Gt(0)] = 120.0
    pitch: tuple[Metre, Metre] | None = Field(None, description="of the dies, for a virtual wafer")

    @property
    def contact_check(self) -> ContactCheck | None:
        """How contacts are to be checked; None where they are not."""
        if self.check is None:
            return None
        return ContactCheck(self.check, self.least, self.touches)


def prober_options(setup: Setup) -> ProberOptions:
    """Check the keys of a prober's section.

    Raises
    ------
    BadInput
        One is unknown or wrong.
    """
    try:
        return ProberOptions(**setup.options)
    except ValidationError as error:
        fields = list(ProberOptions.model_fields)
        raise BadInput(explain(error, f"instruments.{setup.name}", fields)) from None


def read_site(name: str, written: str) -> Site:
    """Return the site that a name means.

    Raises
    ------
    BadInput
        It is not written as a site.
    """
    parts = written.split(",")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] < 1):
        raise BadInput(
            f'{name}: the site "{written}" was asked for; write it as column,row,site: "3,2,1"'
        )
    return Site(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1)


def station_fault(name: str, doing: str, code: int, text: str) -> InstrumentFault:
    """Return the fault of a station that answered with an error.

    Parameters
    ----------
    name
        Name and address of the station.
    doing
        What it was asked for, as a clause.
    code, text
        As it answered.
    """
    said = text.strip().rstrip(".") or "no text"
    return InstrumentFault(
        f"{name}: the prober answered error {code} ({said}) while {doing}; "
        "look at the station, clear what is in the way, then go on"
    )
