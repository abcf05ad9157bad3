"""The command table of the 33500 series: headers, parameters, and which setting they change.

Source: Agilent 33500 Series Operating and Service Guide, 33500-90901, SCPI Programming Reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sim_backend.instruments.agilent33500_changes import (
    Changes,
    add_arb,
    clear_arbs,
    select_arb,
)
from sim_backend.instruments.agilent33500_settings import FUNCTIONS
from sim_backend.wire.parameters import (
    Boolean,
    Bound,
    Choice,
    Number,
    Parameter,
    Raw,
    ScpiError,
)
from sim_backend.wire.scpi import Command

__all__ = ["channel_commands"]

_SUFFIX_RANGE = -114
_NUMBER = Number()
_VOLTS, _SECONDS, _HERTZ = Number(suffix="V"), Number(suffix="S"), Number(suffix="HZ")
_INFINITE = Number(names=(Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT, Bound.INFINITY))
_FUNCTION = Choice(
    {
        "SINusoid": "SIN", "SQUare": "SQU", "TRIangle": "TRI", "RAMP": "RAMP", "PULSe": "PULS",
        "PRBS": "PRBS", "NOISe": "NOIS", "ARBitrary": "ARB", "DC": "DC",
    }
)  # fmt: skip
_DAC = 32767.0
_LARGE = "+9.900000000000000E+37"  # stands for infinity

Put = Callable[..., object]
Ask = Callable[[Changes], object]


def channel_commands(channels: Sequence[Changes], coupled: Callable[[], bool]) -> list[Command]:
    """Return the commands of the outputs: with a number, or without one for the first.

    Parameters
    ----------
    channels
        Changes of each output.
    coupled
        Whether what is done to one output is done to all: amplitudes and frequencies.
    """
    table = _Table(channels, coupled)
    for group in (_waveforms, _levels, _pulses, _arbitrary, _bursts, _outputs):
        group(table.both)
    return table.commands


class _Table:
    """Commands in both of their forms, ``SOURce2:FREQuency`` and ``FREQuency``."""

    def __init__(self, channels: Sequence[Changes], coupled: Callable[[], bool]) -> None:
        self._channels, self._coupled = channels, coupled
        self.commands: list[Command] = []

    def both(
        self,
        root: str,
        header: str,
        put: Put | None,
        ask: Ask | None,
        parameters: tuple[Parameter, ...] = (),
        *,
        shared: bool = False,
    ) -> None:
        """Add one command."""

        def put_one(number: int, *values: Any) -> None:
            assert put is not None
            for changes in self._meant(number, shared):
                put(changes, *values)

        def ask_one(number: int) -> str:
            assert ask is not None
            return _told(ask(self._meant(number, False)[0]))

        self.commands.append(
            Command(
                f":{root}<n>{header}",
                put_one if put else None,
                ask_one if ask else None,
                parameters,
            )
        )
        if root == "SOURce":
            self.commands.append(
                Command(
                    header,
                    partial(put_one, 1) if put else None,
                    partial(ask_one, 1) if ask else None,
                    parameters,
                )
            )

    def _meant(self, number: int, shared: bool) -> list[Changes]:
        """Return the output of a number first, then those coupled to it."""
        if not 1 <= number <= len(self._channels):
            raise ScpiError(_SUFFIX_RANGE)
        first = self._channels[number - 1]
        others = [c for c in self._channels if c is not first] if shared else []
        return [first, *(others if self._coupled() else [])]


def _field(both: Put, root: str, header: str, name: str, kind: Parameter) -> None:
    """Add a command for a setting that stands alone."""
    both(root, header, lambda c, v: c.put(name, v), lambda c: getattr(c.now, name), (kind,))


def _clipped(
    both: Put, header: str, name: str, bounds: tuple[float, float, float], kind: Parameter
) -> None:
    """Add a command for a number between fixed bounds; the third is the default."""
    both(
        "SOURce",
        header,
        lambda c, v: c.put(name, c.clip(v, *bounds)),
        lambda c: getattr(c.now, name),
        (kind,),
    )


def _waveforms(both: Put) -> None:
    both("SOURce", ":FUNCtion", Changes.set_function, lambda c: c.now.function, (_FUNCTION,))
    both("SOURce", ":FREQuency", Changes.set_frequency, Changes.frequency, (_HERTZ,), shared=True)
    _clipped(both, ":PHASe", "phase", (-360.0, 360.0, 0.0), _NUMBER)
    _clipped(both, ":FUNCtion:SQUare:DCYCle", "duty", (0.01, 99.99, 50.0), _NUMBER)
    _clipped(both, ":FUNCtion:RAMP:SYMMetry", "symmetry", (0.0, 100.0, 100.0), _NUMBER)
    _clipped(both, ":FUNCtion:PRBS:BRATe", "bit_rate", (1e-3, 50e6, 1e3), _NUMBER)
    _clipped(both, ":FUNCtion:NOISe:BANDwidth", "bandwidth", (1e-3, 30e6, 100e3), _HERTZ)
    for name, word in zip(
        FUNCTIONS[:6], ("SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS"), strict=True
    ):
        both("SOURce", f":APPLy:{word}", _apply(name), None, (_HERTZ, _VOLTS, _VOLTS))


def _apply(function: str) -> Callable[[Changes, Any, Any, Any], None]:
    """Return what sets function, frequency, amplitude and offset, and switches on."""

    def apply(changes: Changes, frequency: Any, amplitude: Any, offset: Any) -> None:
        changes.set_function(function)
        changes.set_frequency(frequency)
        changes.set_amplitude(amplitude)
        changes.set_offset(offset)
        changes.put("on", True)

    return apply


def _levels(both: Put) -> None:
    volt = ":VOLTage"
    rows: tuple[tuple[str, Put, Ask], ...] = (
        (volt, Changes.set_amplitude, Changes.amplitude),
        (f"{volt}:OFFSet", Changes.set_offset, lambda c: c.now.offset),
        (f"{volt}:HIGH", Changes.set_high, lambda c: c.now.high),
        (f"{volt}:LOW", Changes.set_low, lambda c: c.now.low),
    )
    for header, put, ask in rows:
        both("SOURce", header, put, ask, (_VOLTS,), shared=True)
    unit = Choice({"VPP": "VPP", "VRMS": "VRMS", "DBM": "DBM"})
    both("SOURce", f"{volt}:UNIT", Changes.set_unit, lambda c: c.now.unit, (unit,))
    for which in ("high", "low"):
        both(
            "SOURce",
            f"{volt}:LIMit:{which.upper()}",
            lambda c, v, which=which: c.set_limit(which, v),
            lambda c, which=which: getattr(c.now, f"{which}_limit"),
            (_VOLTS,),
        )
    state = f"{volt}:LIMit:STATe"
    both("SOURce", state, Changes.set_limited, lambda c: c.now.limited, (Boolean(),))


def _pulses(both: Put) -> None:
    pulse = ":FUNCtion:PULSe"
    hold = Choice({"WIDTh": "WIDT", "DCYCle": "DCYC"})
    both(
        "SOURce", f"{pulse}:PERiod", Changes.set_period, lambda c: 1 / c.now.frequency, (_SECONDS,)
    )
    both("SOURce", f"{pulse}:WIDTh", Changes.set_width, lambda c: c.now.pulse_width, (_SECONDS,))
    both("SOURce", f"{pulse}:DCYCle", Changes.set_pulse_duty, Changes.pulse_duty, (_NUMBER,))
    _field(both, "SOURce", f"{pulse}:HOLD", "pulse_hold", hold)
    for word, which in (("BOTH", "both"), ("LEADing", "leading"), ("TRAiling", "trailing")):
        name = "leading" if which == "both" else which
        both(
            "SOURce",
            f"{pulse}:TRANsition" + ("[:BOTH]" if word == "BOTH" else f":{word}"),
            lambda c, v, which=which: c.set_edges(which, v),
            lambda c, name=name: getattr(c.now, name),
            (_SECONDS,),
        )


def _arbitrary(both: Put) -> None:
    arb = ":FUNCtion:ARBitrary"
    both("SOURce", arb, select_arb, lambda c: f'"{c.now.arb}"', (Raw(),))
    rate = (1e-6, 250e6, 40e3)
    _clipped(both, f"{arb}:SRATe", "arb_rate", rate, _NUMBER)
    _field(
        both,
        "SOURce",
        f"{arb}:FILTer",
        "arb_filter",
        Choice({"NORMal": "NORM", "STEP": "STEP", "OFF": "OFF"}),
    )
    _field(
        both,
        "SOURce",
        f"{arb}:ADVance",
        "arb_advance",
        Choice({"TRIGger": "TRIG", "SRATe": "SRAT"}),
    )
    both("SOURce", f"{arb}:POINts", None, lambda c: len(c.now.points))
    both(
        "SOURce",
        f"{arb}:PERiod",
        lambda c, v: c.set_frequency(1 / c.clip(v, 1e-9, 1e6, 1e-3)),
        lambda c: c.now.period,
        (_SECONDS,),
    )
    both("SOURce", ":DATA:ARBitrary", _upload(1.0), None, (Raw(), Raw(repeated=True)))
    both("SOURce", ":DATA:ARBitrary:DAC", _upload(_DAC), None, (Raw(), Raw(repeated=True)))
    both("SOURce", ":DATA:VOLatile:CLEar", clear_arbs, None)
    both(
        "SOURce",
        ":DATA:VOLatile:CATalog",
        None,
        lambda c: ",".join(f'"{name}"' for name in c.now.arbs) or '""',
    )
    both("SOURce", ":DATA:VOLatile:FREE", None,
         lambda c: c.model.points - sum(map(len, c.now.arbs.values())))  # fmt: skip


def _upload(full: float) -> Callable[..., None]:
    """Return what keeps a waveform whose points are numbers up to `full`."""

    def upload(changes: Changes, name: str, *points: str) -> None:
        add_arb(changes, name, changes.blocks.points(points, full))

    return upload


def _bursts(both: Put) -> None:
    _field(both, "SOURce", ":BURSt:STATe", "burst", Boolean())
    _field(
        both, "SOURce", ":BURSt:MODE", "burst_mode", Choice({"TRIGgered": "TRIG", "GATed": "GAT"})
    )
    both("SOURce", ":BURSt:NCYCles", _set_cycles, lambda c: c.now.burst_cycles, (_INFINITE,))
    _clipped(both, ":BURSt:INTernal:PERiod", "burst_period", (1e-6, 8000.0, 10e-3), _SECONDS)
    _clipped(both, ":BURSt:PHASe", "burst_phase", (-360.0, 360.0, 0.0), _NUMBER)
    _field(
        both,
        "SOURce",
        ":BURSt:GATE:POLarity",
        "gate_polarity",
        Choice({"NORMal": "NORM", "INVerted": "INV"}),
    )
    source = Choice({"IMMediate": "IMM", "EXTernal": "EXT", "TIMer": "TIM", "BUS": "BUS"})
    slope = Choice({"POSitive": "POS", "NEGative": "NEG"})
    _field(both, "TRIGger", ":SOURce", "trigger", source)
    _field(both, "TRIGger", ":SLOPe", "trigger_slope", slope)
    both(
        "TRIGger",
        ":DELay",
        lambda c, v: c.put("trigger_delay", c.clip(v, 0.0, 1000.0, 0.0)),
        lambda c: c.now.trigger_delay,
        (_SECONDS,),
    )
    both("TRIGger", ":TIMer", lambda c, v: c.put("trigger_timer", c.clip(v, 1e-6, 8000.0, 1.0)),
         lambda c: c.now.trigger_timer, (_SECONDS,))  # fmt: skip


def _set_cycles(changes: Changes, given: Any) -> None:
    cycles = math.inf if given is Bound.INFINITY else round(changes.clip(given, 1, 100e6, 1))
    changes.put("burst_cycles", float(cycles))


def _outputs(both: Put) -> None:
    both("OUTPut", "[:STATe]", lambda c, v: c.put("on", v), lambda c: c.now.on, (Boolean(),))
    both("OUTPut", ":LOAD", Changes.set_load, lambda c: c.now.load, (_INFINITE,))
    both(
        "OUTPut",
        ":POLarity",
        lambda c, v: c.put("inverted", v),
        lambda c: "INV" if c.now.inverted else "NORM",
        (Choice({"NORMal": False, "INVerted": True}),),
    )
    _field(both, "OUTPut", ":SYNC", "sync", Boolean())  # fmt: skip


def _told(value: object) -> str:
    """Return a value as the instrument answers it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return _LARGE if math.isinf(value) else f"{value:+.15E}"
    return str(value)
