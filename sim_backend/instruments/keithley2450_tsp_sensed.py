"""The attributes of one measure or digitize function, as scripts of the 2450 family reach them.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-105 to 8-176.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sim_backend.instruments.keithley2450_settings import Limit, Sensed
from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    Words,
    field,
    number,
    read_only,
    switched,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.wire.tsp import Refusal

__all__ = [
    "ATTRIBUTES", "AUTOMATIC", "FUNCTIONS", "NOTHING", "Measured", "sensed_words",
]  # fmt: skip

OUT_OF_RANGE, CONFLICT, ILLEGAL = -222, -221, -224
_MOST, _LIMIT, _LONGEST_DELAY = 1e12, 9.99999e11, 10_000.0
_USER_DELAYS = 5
_MICROSECOND = 1e-6
AUTOMATIC = "smu.APERTURE_AUTO"
NOTHING = "smu.FUNC_NONE"

FUNCTIONS: Words[str] = words_of(
    "smu.FUNC_",
    {"DC_VOLTAGE": "v", "DC_CURRENT": "i", "RESISTANCE": "r", "DIGITIZE_VOLTAGE": "dv",
     "DIGITIZE_CURRENT": "di"},
)  # fmt: skip
_DIGITS = words_of("smu.DIGITS_", {f"{n}_5": n for n in range(3, 7)}, numbers=True)
_FILTERS = words_of("smu.FILTER_", {"REPEAT_AVG": "REP", "MOVING_AVG": "MOV"})
_SOUNDS = words_of("smu.AUDIBLE_", {"NONE": "NONE", "FAIL": "FAIL", "PASS": "PASS"})
_FAILED = words_of("smu.FAIL_", {"NONE": "NONE", "LOW": "LOW", "HIGH": "HIGH", "BOTH": "BOTH"})
_MATH = words_of("smu.MATH_", {"MXB": "MXB", "PERCENT": "PERC", "RECIPROCAL": "REC"})
_SENSE = words_of("smu.SENSE_", {"2WIRE": False, "4WIRE": True})
_UNITS = words_of("smu.UNIT_", {"VOLT": "VOLT", "AMP": "AMP", "OHM": "OHM", "WATT": "WATT"})

#: attributes that are reached by their constants, ``smu.ATTR_MEAS_`` in front
_ATTRIBUTES: Mapping[str, str] = MappingProxyType({
    "AUTO_ZERO": "autozero.enable", "DIGITS": "displaydigits", "FILTER_COUNT": "filter.count",
    "FILTER_ENABLE": "filter.enable", "FILTER_TYPE": "filter.type", "MATH_ENABLE": "math.enable",
    "MATH_FORMAT": "math.format", "MATH_MXB_BF": "math.mxb.bfactor",
    "MATH_MXB_MF": "math.mxb.mfactor", "MATH_PERCENT": "math.percent", "NPLC": "nplc",
    "OFFSET_COMP": "offsetcompensation", "RANGE": "range", "RANGE_AUTO": "autorange",
    "RANGE_HIGH": "autorangehigh", "RANGE_LOW": "autorangelow", "REL_ENABLE": "rel.enable",
    "RANGE_REBOUND": "autorangerebound",
    "REL_LEVEL": "rel.level", "SENSE": "sense", "UNIT": "unit",
    **{f"USER_DELAY_{k}": f"userdelay[{k}]" for k in range(1, _USER_DELAYS + 1)},
    **{
        f"LIMIT_{name}_{k}": f"limit[{k}].{path}"
        for k in (1, 2)
        for name, path in (
            ("AUDIBLE", "audible"), ("AUTO_CLEAR", "autoclear"), ("ENABLE", "enable"),
            ("FAIL", "fail"), ("HIGH", "high.value"), ("LOW", "low.value"),
        )
    },
})  # fmt: skip
ATTRIBUTES = words_of("smu.ATTR_MEAS_", _ATTRIBUTES)


def sensed_words() -> list[Words[Any]]:
    """Return the constants that these attributes need."""
    return [_DIGITS, _FILTERS, _SOUNDS, _FAILED, _MATH, _SENSE, _UNITS, ATTRIBUTES]


class Measured:
    """The attributes of one function.

    Parameters
    ----------
    unit
        The instrument.
    function
        Returns the function; may refuse.
    """

    def __init__(self, unit: Unit, function: Callable[[], str]) -> None:
        self.unit, self.function = unit, function

    @property
    def settings(self) -> Sensed:
        """The settings of the function."""
        return self.unit.chassis.setup.sensed[self.function()]

    def attributes(self, *, digitized: bool) -> dict[str, Attribute]:
        """Return the attributes of a measure, or of a digitize function."""
        meter = self.unit.meter
        shared = {
            "displaydigits": self._field("digits", _DIGITS),
            "range": Attribute(lambda: self.settings.range, self._set_range),
            "sense": field(
                lambda: self.settings.four_wire,
                lambda on: self.unit.set_four_wire(self.function(), on),
                _SENSE,
            ),
            "unit": field(lambda: self.settings.unit, self._set_unit, _UNITS),
            "rel.enable": self._switch("relative_on"),
            "rel.level": Attribute(lambda: self.settings.relative, self._set_relative),
            **self._math(),
            **self._delays(),
            **self._limits(1),
            **self._limits(2),
        }
        if digitized:
            return {
                **shared,
                "aperture": Attribute(self._aperture, self._set_aperture),
                "samplerate": field(
                    lambda: self.settings.rate, self._set_rate, whole(1000, 1_000_000)
                ),
            }
        return {
            **shared,
            "autorange": switched(
                "smu", lambda: self.settings.auto, lambda on: meter.set_auto(self.function(), on)
            ),
            "autorangelow": Attribute(lambda: self.settings.lowest, self._set_lowest),
            "autorangerebound": self._switch("rebound"),
            "autorangehigh": Attribute(self._highest, self._set_highest),
            **self._conversion(),
        }

    def _conversion(self) -> dict[str, Attribute]:
        spec = self.unit.chassis.model.spec
        return {
            "autozero.enable": self._switch("autozero"),
            "filter.count": self._field("average_count", whole(1, 100)),
            "filter.enable": self._switch("averaging"),
            "filter.type": self._field("average", _FILTERS),
            "nplc": self._field("nplc", number(spec.nplc_minimum, spec.nplc_maximum)),
            "offsetcompensation": self._switch("compensated"),
        }

    def _store(self, name: str, value: Any) -> None:
        setattr(self.settings, name, value)
        self.unit.meter.forget()

    def _field(self, name: str, check: Callable[[Any], Any] | Words[Any]) -> Attribute:
        return field(
            lambda: getattr(self.settings, name), lambda value: self._store(name, value), check
        )

    def _switch(self, name: str) -> Attribute:
        return switched(
            "smu", lambda: getattr(self.settings, name), lambda on: self._store(name, on)
        )

    # -- ranges and offsets ------------------------------------------------------------------

    @property
    def _most(self) -> float:
        return self.unit.meter.scales(self.function())[-1] * 1.05

    def _set_range(self, value: Any) -> None:
        most = self._most
        self.unit.meter.set_range(self.function(), number(-most, most)(value))

    def _set_relative(self, value: Any) -> None:
        most = self._most
        self._store("relative", number(-most, most)(value))

    def _set_lowest(self, value: Any) -> None:
        chosen = self.unit.meter.holding(self.function(), number()(value))
        if chosen > self._highest():
            raise Refusal(CONFLICT)
        self.settings.lowest = chosen

    def _highest(self) -> float:
        function, setup = self.function(), self.unit.chassis.setup
        if function == "r":
            return self.settings.highest
        sourced = setup.v if function == "i" else setup.i
        return self.unit.meter.holding(function, sourced.limit)

    def _set_highest(self, value: Any) -> None:
        if self.function() != "r":
            raise Refusal(CONFLICT)
        chosen = self.unit.meter.holding("r", number()(value))
        if chosen < self.settings.lowest:
            raise Refusal(CONFLICT)
        self.settings.highest = chosen

    def _set_unit(self, unit: str) -> None:
        own = {"v": "VOLT", "i": "AMP", "r": "OHM"}[self.function()[-1]]
        if unit != own and (own == "OHM" or unit not in ("OHM", "WATT")):
            raise Refusal(ILLEGAL)
        self._store("unit", unit)

    # -- digitizing --------------------------------------------------------------------------

    def _set_rate(self, rate: int) -> None:
        self.settings.rate = float(rate)
        self.settings.aperture = min(self.settings.aperture, 1.0 / rate)

    def _aperture(self) -> float | str:
        return self.settings.aperture or AUTOMATIC

    def _set_aperture(self, value: Any) -> None:
        if value == AUTOMATIC:
            self.settings.aperture = 0.0
            return
        longest = 1.0 / self.settings.rate
        given = number(_MICROSECOND, longest * (1 + 1e-9))(value)
        self.settings.aperture = math.floor(given / _MICROSECOND + 1e-6) * _MICROSECOND

    # -- processing --------------------------------------------------------------------------

    def _math(self) -> dict[str, Attribute]:
        wide = number(-_MOST, _MOST)
        return {
            "math.enable": self._switch("math_on"),
            "math.format": self._field("math", _MATH),
            "math.mxb.bfactor": self._field("b", wide),
            "math.mxb.mfactor": self._field("m", wide),
            "math.percent": self._field("percent", wide),
        }

    def _delays(self) -> dict[str, Attribute]:
        def one(place: int) -> Attribute:
            return field(
                lambda: self.settings.user_delays[place],
                lambda value: self.settings.user_delays.__setitem__(place, value),
                number(0.0, _LONGEST_DELAY),
            )

        return {f"userdelay[{k}]": one(k - 1) for k in range(1, _USER_DELAYS + 1)}

    def _limits(self, place: int) -> dict[str, Attribute]:
        def limit() -> Limit:
            return self.settings.limits[place]

        def one(name: str, check: Callable[[Any], Any] | Words[Any]) -> Attribute:
            return field(
                lambda: getattr(limit(), name), lambda value: setattr(limit(), name, value), check
            )

        def on(name: str) -> Attribute:
            return switched(
                "smu", lambda: getattr(limit(), name), lambda value: setattr(limit(), name, value)
            )

        root, bound = f"limit[{place}]", number(-_LIMIT, _LIMIT)
        verdict = self.unit.processing.verdict
        return {
            f"{root}.audible": one("audible", _SOUNDS),
            f"{root}.autoclear": on("clear_auto"),
            f"{root}.enable": on("enabled"),
            f"{root}.fail": read_only(lambda: _FAILED.show(verdict(self.function(), place))),
            f"{root}.high.value": one("upper", bound),
            f"{root}.low.value": one("lower", bound),
        }
