"""Meters that belong to a generator: one section of a bench file, two virtual instruments.

A generator has no meter. Its section may hold one, which keeps the other end of the device at zero
volts, reads the current there, and is triggered by the generator's second output::

    [instruments.awg]
    driver = "agilent33500"
    model = "33522B"
    address = "USB0::0x0957::0x2C07::MY57800001::INSTR"

    [instruments.awg.meter]
    driver = "keithley2600" # or "keithley2400" or "keithley2450"; this one unless given
    model = "2602B"
    address = "GPIB0::26::INSTR"
    channel = "a"           # of the source-meter; "front" or "rear" of the others
    terminal = "bottom"     # of the device, that it holds
    line = 1                # of its trigger port, to which the generator's output 2 leads

Or an oscilloscope (``driver = "keysightdsox"``) sees the level and what the current leaves across a
resistor to ground, ``shunt``; see `sim_backend.instruments.keysightdsox`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from labctl.errors import BadInput

__all__ = ["connect_cables", "with_meters"]

_TRIGGER_OUTPUT = 2
_USUAL = "keithley2600"
#: what holds no terminal, but is joined to the generator's own
_SCOPE = "keysightdsox"
_KEYS = ("model", "address", "driver", "shunt")
#: driver of a source-meter -> the channel that it usually holds the device with
_CHANNELS = {"keithley2400": "front", "keithley2450": "front", "keithley2600": "a"}


def with_meters(bench: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a bench file with a section for each meter that another section holds.

    The meter of ``awg`` is called ``awg.meter``.

    Parameters
    ----------
    bench
        Content of the bench file.
    """
    sections: dict[str, Any] = dict(bench.get("instruments", {}))
    terminals = dict(bench.get("terminals", {}))
    for name, meter in _meters(bench):
        called = f"{name}.meter"
        given = {key: meter[key] for key in _KEYS if key in meter}
        sections[called] = section = {"driver": _USUAL, "address": "", **given}
        if section["driver"] == _SCOPE:
            continue
        channel = meter.get("channel") or _CHANNELS.get(section["driver"], "a")
        terminals[meter.get("terminal", "bottom")] = f"{called}.{channel}"
    return {**bench, "instruments": sections, "terminals": terminals}


def connect_cables(bench: Mapping[str, Any], instruments: Mapping[str, Any]) -> None:
    """Lead each generator's second output to what it triggers, and join an oscilloscope's inputs.

    Parameters
    ----------
    bench
        Content of the bench file.
    instruments
        The virtual instruments by name.

    Raises
    ------
    BadInput
        A meter has no trigger port, or a scope cannot see the current of the device.
    """
    for name, meter in _meters(bench):
        driver = meter.get("driver", _USUAL)
        if driver == _SCOPE:
            driven, scope = instruments[name].outputs[0], instruments[f"{name}.meter"]
            scope.join(driven.outlet)
            driven.changed = scope.acquisition.changed
        if len(instruments[name].outputs) < _TRIGGER_OUTPUT:
            continue  # nothing triggers it: the driver says so
        heard = _input(instruments[f"{name}.meter"], driver, meter.get("line", 1))
        if heard is None:
            raise BadInput(
                f"instruments.{name}.meter: a {meter['model']} has no port by which it could be "
                "triggered; take another model"
            )
        instruments[name].lead(_TRIGGER_OUTPUT, heard, falling=driver == "keithley2400")


def _input(instrument: Any, driver: str, line: int) -> Callable[[], None] | None:
    """Return what an edge on a line of an instrument's trigger port does; None without a port."""
    if driver == _SCOPE:
        return partial(instrument.feel_edge)
    if driver == "keithley2400":
        return partial(instrument.pulse_trigger_link, line)
    if driver == "keithley2450":
        return partial(_rise, instrument.unit.port, line)
    port = instrument.ports.get("digio") if driver == "keithley2600" else None
    return None if port is None else port.line(line).rise


def _rise(port: Any, line: int) -> None:
    """Let a line of a 2450 be high after it was low, as behind a short pulse."""
    port.drive(line, high=False)
    port.drive(line, high=True)


def _meters(bench: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, section in bench.get("instruments", {}).items():
        meter = section.get("meter")
        if isinstance(meter, Mapping):
            yield name, meter
