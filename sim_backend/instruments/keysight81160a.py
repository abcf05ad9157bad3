"""The virtual 81160A pulse and function generator: the outputs of a 33500 under other commands.

What is understood is what a driver needs that plays its own waveforms: the function, frequency,
levels, load, trigger and points of either output, and the common commands; its patterns,
modulations and pulse timing are not simulated.

Source: Keysight 81150A and 81160A User's Guide, sections 3.2 to 3.8. Amplitude limits into an open
circuit, the memory and the error numbers are to be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sim_backend.instruments.agilent33500 import Agilent33500
from sim_backend.instruments.agilent33500_changes import Changes
from sim_backend.instruments.agilent33500_models import outlets
from sim_backend.instruments.agilent33500_settings import Model
from sim_backend.roster import Bay
from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, Parameter, Raw, ScpiError
from sim_backend.wire.scpi import Command

__all__ = ["MODELS", "Keysight81160A", "build"]

_SUFFIX_RANGE, _DATA_TYPE, _OUT_OF_RANGE, _NO_SUCH_WAVEFORM = -114, -104, -222, 785
_FULL = 8191.0  # number of the largest point
_FEWEST = 2  # points
_VOLATILE = "VOLATILE"
_MOST_TRIGGERED = 2_147_483_647
_NUMBER, _VOLTS, _HERTZ = Number(), Number(suffix="V"), Number(suffix="HZ")
_LOAD = Number(names=(Bound.MINIMUM, Bound.MAXIMUM, Bound.DEFAULT, Bound.INFINITY))
_FUNCTION = Choice(
    {
        "SINusoid": "SIN", "SQUare": "SQU", "RAMP": "RAMP", "PULSe": "PULS", "NOISe": "NOIS",
        "DC": "DC", "USER": "ARB",
    }
)  # fmt: skip
#: what starts an output: itself, the rear input, or a command
_ARM = Choice({"IMMediate": "IMM", "EXTernal": "EXT", "MANual": "BUS"})

MODELS: Mapping[str, Model] = MappingProxyType(
    {"81160A": Model("81160A", 2, 330e6, 330e6, 2.5e9, 128_000)}
)

Put = Callable[..., object]
Ask = Callable[[Changes], object]


class Keysight81160A(Agilent33500):
    """An 81160A; see `Agilent33500`."""

    BLOCK_AFTER = b":DAC"

    def reset(self) -> None:
        """Go back to the defaults (``*RST``): outputs off, points held from one to the next."""
        super().reset()
        for output in self.outputs:
            output.settings.arb_filter = "OFF"

    def _commands(self) -> list[Command]:
        order = Choice({"NORMal": True, "SWAPped": False})
        return [
            *(self._of_output(*row) for row in _TABLE),
            Command(":FORMat:BORDer", self._set_order,
                    lambda: "NORM" if self.blocks.big_endian else "SWAP", (order,)),
            Command(":TRIGger", self._trigger),
        ]  # fmt: skip

    def _of_output(
        self, header: str, put: Put | None, ask: Ask | None, parameters: tuple[Parameter, ...]
    ) -> Command:
        def meant(number: int) -> Changes:
            if not 1 <= number <= len(self.changes):
                raise ScpiError(_SUFFIX_RANGE)
            return self.changes[number - 1]

        def put_one(number: int, *values: Any) -> None:
            assert put is not None
            put(meant(number), *values)

        def ask_one(number: int) -> str:
            assert ask is not None
            value = ask(meant(number))
            return str(int(value)) if isinstance(value, bool) else _told(value)

        return Command(header, put_one if put else None, ask_one if ask else None, parameters)


def _told(value: object) -> str:
    return f"{value:.9E}" if isinstance(value, float) else str(value)


def _set_function(changes: Changes, function: str) -> None:
    changes.set_function(function)


def _function(changes: Changes) -> str:
    return "USER" if changes.now.function == "ARB" else changes.now.function


def _set_arm(changes: Changes, source: str) -> None:
    changes.now.burst = source != "IMM"
    changes.put("trigger", source)


def _arm(changes: Changes) -> str:
    return {"BUS": "MAN"}.get(changes.now.trigger, changes.now.trigger)


def _set_count(changes: Changes, given: float | Bound) -> None:
    changes.put("burst_cycles", float(round(changes.clip(given, 1, _MOST_TRIGGERED, 1))))


def _upload(changes: Changes, name: str, *points: str) -> None:
    if name.strip().upper() != _VOLATILE:
        raise ScpiError(_DATA_TYPE)
    values = changes.blocks.points(points, _FULL)
    if not _FEWEST <= len(values) <= changes.model.points:
        raise ScpiError(_OUT_OF_RANGE)
    if not all(-1 <= value <= 1 for value in values):
        raise ScpiError(_OUT_OF_RANGE)
    changes.now.arbs[_VOLATILE] = values
    changes.put("arb", changes.now.arb)


def _select(changes: Changes, name: str) -> None:
    key = name.strip().upper()
    if key not in changes.now.arbs:
        raise ScpiError(_NO_SUCH_WAVEFORM)
    changes.put("arb", key)


def _limited(which: str) -> tuple[Put, Ask]:
    return (
        lambda c, v: c.set_limit(which, v),
        lambda c: getattr(c.now, f"{which}_limit"),
    )


_TABLE: tuple[tuple[str, Put | None, Ask | None, tuple[Parameter, ...]], ...] = (
    (":FUNCtion<n>", _set_function, _function, (_FUNCTION,)),
    (":FUNCtion<n>:USER", _select, lambda c: c.now.arb, (Raw(),)),
    (":FREQuency<n>", Changes.set_frequency, Changes.frequency, (_HERTZ,)),
    (":VOLTage<n>", Changes.set_amplitude, Changes.amplitude, (_VOLTS,)),
    (":VOLTage<n>:OFFSet", Changes.set_offset, lambda c: c.now.offset, (_VOLTS,)),
    (":VOLTage<n>:HIGH", Changes.set_high, lambda c: c.now.high, (_VOLTS,)),
    (":VOLTage<n>:LOW", Changes.set_low, lambda c: c.now.low, (_VOLTS,)),
    (":VOLTage<n>:LIMit:HIGH", *_limited("high"), (_VOLTS,)),
    (":VOLTage<n>:LIMit:LOW", *_limited("low"), (_VOLTS,)),
    (":VOLTage<n>:LIMit:STATe", lambda c, v: c.put("limited", v), lambda c: c.now.limited,
     (Boolean(),)),
    (":OUTPut<n>[:STATe]", lambda c, v: c.put("on", v), lambda c: c.now.on, (Boolean(),)),
    (":OUTPut<n>:LOAD", lambda c, v: c.set_load(_open(v)), lambda c: c.now.load, (_LOAD,)),
    (":ARM:SOURce<n>", _set_arm, _arm, (_ARM,)),
    (":TRIGger<n>:COUNt", _set_count, lambda c: c.now.burst_cycles, (_NUMBER,)),
    (":DATA<n>:DAC", _upload, None, (Raw(), Raw(repeated=True))),
)  # fmt: skip


def _open(given: float | Bound) -> float | Bound:
    """Return a load; what this model takes as large as 1 MOhm is no load at all."""
    return Bound.INFINITY if not isinstance(given, Bound) and given >= 1e6 else given


def build(bay: Bay) -> Keysight81160A:
    """Return the generator of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    model = MODELS[bay.model]
    return Keysight81160A(model, outlets(bay, model), bay.clock, serial=bay.serial)
