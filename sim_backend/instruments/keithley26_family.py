"""The Series 2600B model by model: channels, electronics, ports, and how far pulses may go.

Sources: Series 2600B Reference Manual, 2600BS-901-01 Rev. F, section 2 "Pulse characteristics" and
"Pulsing in the extended operating area", section 9 (what the 2604B, 2614B and 2634B do not have:
digital I/O, TSP-Link, contact check; the interlock of the 200 V models); Model 2601B-PULSE
Reference Manual, 2601B-PULSE-901-01, for `sim_backend.instruments.keithley2601b_pulse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from sim_backend.instruments import keithley2602b, keithley2612b, keithley2636b
from sim_backend.instruments.keithley2601b_pulse import PULSER, Pulser
from sim_backend.instruments.specification import ChannelSpec

__all__ = ["MODELS", "Model", "PulseRegion"]


class PulseRegion(NamedTuple):
    """A part of the operating area that only pulses reach."""

    v: float  #: up to, V
    i: float  #: up to, A
    width: float  #: longest pulse, s
    duty: float  #: largest share of the period


class Model(NamedTuple):
    """One model."""

    spec: ChannelSpec  #: electronics of each channel
    channels: tuple[str, ...]  #: their letters
    pulses: tuple[PulseRegion, ...]
    ports: bool = True  #: digital I/O, TSP-Link, contact check
    interlock: bool = False  #: 200 V only with the interlock asserted
    pulser: Pulser | None = None


# width and duty [check: recalled from the data sheets; the manual refers to them]
_40_V = (
    PulseRegion(40.4, 1.515, 100e-3, 0.25),
    PulseRegion(35.35, 5.05, 4e-3, 0.04),
    PulseRegion(20.2, 10.1, 1.8e-3, 0.01),
)
_200_V = (
    PulseRegion(181.8, 1.01, 8.5e-3, 0.01),
    PulseRegion(202.0, 1.01, 2.2e-3, 0.01),
    PulseRegion(5.05, 10.1, 1e-3, 0.022),
)
_ONE, _TWO = ("a",), ("a", "b")


def _named(spec: ChannelSpec, model: str) -> ChannelSpec:
    return replace(spec, model=model)


_02, _12, _36 = keithley2602b.SPEC, keithley2612b.SPEC, keithley2636b.SPEC

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "2601B": Model(_named(_02, "2601B"), _ONE, _40_V),
        "2602B": Model(_02, _TWO, _40_V),
        "2604B": Model(_named(_02, "2604B"), _TWO, _40_V, ports=False),
        "2611B": Model(_named(_12, "2611B"), _ONE, _200_V, interlock=True),
        "2612B": Model(_12, _TWO, _200_V, interlock=True),
        "2614B": Model(_named(_12, "2614B"), _TWO, _200_V, ports=False, interlock=True),
        "2634B": Model(keithley2636b.SPEC_2634B, _TWO, _200_V, ports=False, interlock=True),
        "2635B": Model(_named(_36, "2635B"), _ONE, _200_V, interlock=True),
        "2636B": Model(_36, _TWO, _200_V, interlock=True),
        "2601B-PULSE": Model(_named(_02, "2601B-PULSE"), _ONE, _40_V, pulser=PULSER),
    }
)
