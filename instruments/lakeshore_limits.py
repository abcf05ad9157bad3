"""The Lake Shore controllers in data: what they have, and what a bench file may say of them.

Sources: manuals 331 (119-031), 335 (119-055), 336 (119-048) and 350 (119-060), section 6; what is
marked check was not found in one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.capability import Setup
from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Kelvin, Second, Unit

__all__ = ["MODELS", "ControllerOptions", "Model", "options_of", "recognised"]

_FASTEST = 100 / 60  # K/s, of a ramp


@dataclass(frozen=True, slots=True)
class Model:
    """What the driver has to know of a model; the manuals' section 6 unless it says check."""

    name: str
    inputs: str
    outputs: int  #: that heat with a closed loop
    ranges: int  #: of the heater; five of the 350: check
    numbered: bool = True  #: heater commands name their output, and there is a temperature limit
    slowest: float = 0.1 / 60  #: of a ramp, K/s


#: the models this driver knows
MODELS = {
    "331": Model("331", "AB", 1, 3, numbered=False),
    "335": Model("335", "AB", 2, 3),
    "336": Model("336", "ABCD", 2, 3, slowest=0.001 / 60),
    "350": Model("350", "ABCD", 2, 5, slowest=0.001 / 60),
}


class ControllerOptions(BaseModel):
    """Keys of a controller's section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Literal["A", "B", "C", "D"] = "A"
    output: Annotated[int, Ge(1)] = 1
    heater: Annotated[int | None, Ge(1)] = None
    rate: Annotated[float, Unit("K/s"), Gt(0)] = 0.1
    soak: Annotated[Second, Ge(0)] = 60.0
    window: Annotated[Kelvin, Gt(0)] = 0.5
    patience: Annotated[Second, Gt(0)] = 1800.0
    coldest: Annotated[Kelvin, Gt(0)] = 4.0
    hottest: Annotated[Kelvin, Gt(0)] = 400.0
    timeout: Annotated[Second, Gt(0)] = 10.0
    found_on: Literal["safe", "leave"] = "safe"
    # of a virtual stage
    base: Kelvin | None = None
    capacity: float | None = None
    link: float | None = None
    lag: Second | None = None


def recognised(idn: str) -> str | None:
    """Return the model that an answer to ``*IDN?`` tells of; None when it is not of this family."""
    match = re.match(r"LSCI,\s*MODEL\s*(\d{3})", idn.strip(), re.IGNORECASE)
    return match[1] if match and match[1] in MODELS else None


def options_of(setup: Setup, model: Model) -> ControllerOptions:
    """Check the keys of a controller's section.

    Raises
    ------
    BadInput
        One is unknown or wrong, or not one of the model's.
    """
    try:
        options = ControllerOptions(**setup.options)
    except ValidationError as error:
        fields = list(ControllerOptions.model_fields)
        raise BadInput(explain(error, f"instruments.{setup.name}", fields)) from None
    allowed = (
        ("input", options.input in model.inputs, f"one of {', '.join(model.inputs)}"),
        ("output", options.output <= model.outputs, f"1 to {model.outputs}"),
        ("heater", (options.heater or 1) <= model.ranges, f"1 to {model.ranges}"),
        ("rate", model.slowest <= options.rate <= _FASTEST * (1 + 1e-9),
         f"{model.slowest * 60:g} K/min to 100 K/min"),
        ("coldest", options.coldest < options.hottest, "less than hottest"),
    )  # fmt: skip
    for key, fine, text in allowed:
        if not fine:
            raise BadInput(
                f"{setup.name}: {key} = {getattr(options, key)!r} is not allowed for a model "
                f"{model.name}; give {text}"
            )
    return options
