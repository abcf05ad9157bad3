"""Lake Shore temperature controllers, models 331, 335, 336 and 350, as `Thermostat`.

pymeasure's `LakeShore3xx` with what it lacks: errors are raised, sensor and heater are looked at
while one waits, a setpoint is reached on a ramp and has to be kept for a whole soak (pymeasure's
``wait_for_temperature`` ends at the first reading in its window, and sleeps), ``with`` and
`shutdown` switch the heater off and see that it is off. pymeasure's ``heater_range`` of an output
names its output to every model, which a 331 does not understand, and has no ranges beyond three.

A bench file may give::

    [instruments.stage]
    driver = "lakeshore"
    model = "336"
    address = "GPIB0::12::INSTR"
    input = "A"                 # sensor at the sample
    output = 1                  # that heats it
    heater = 3                  # heater range, 1 the lowest; the highest if left out
    rate = "0.1 K/s"            # of the setpoint's ramp
    soak = "60 s"               # time within the window that counts as settled
    window = "0.5 K"
    patience = "30 min"         # longest time from the setpoint's arrival to the soak
    coldest = "4 K"
    hottest = "400 K"           # the controller itself switches off 5 K above it
    timeout = "10 s"
    found_on = "safe"           # a heater found on is switched off; "leave": until the first soak

Sources: manuals 331 (119-031), 335 (119-055), 336 (119-048) and 350 (119-060), section 6. Heater
off is the safe state; between two steps the temperature is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.lakeshore_limits import MODELS, options_of, recognised
from instruments.options import known_model
from labctl.capability import Setup

if TYPE_CHECKING:
    from instruments.lakeshore_controller import TemperatureController

__all__ = ["CAPABILITIES", "connect", "recognise"]

CAPABILITIES = ("thermostat",)


def recognise(idn: str) -> str | None:
    """Return the model that an answer to ``*IDN?`` tells of; None when it is not of this family."""
    return recognised(idn)


def connect(setup: Setup) -> TemperatureController:
    """Connect to a controller and ask who it is; a heater that is found on is reported.

    Raises
    ------
    BadInput
        The model, an option or the address is not allowed.
    InstrumentFault
        Nobody answers, another model does, or its sensor has no reading.
    """
    # pymeasure takes half a second to import; looking at a bench file does without it
    from instruments.lakeshore_controller import open_controller

    model = known_model(setup, MODELS)
    return open_controller(setup, model, options_of(setup, model))
