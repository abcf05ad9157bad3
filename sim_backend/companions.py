"""Meters that belong to a generator: one section of a bench file, two virtual instruments.

A generator has no meter. Its section may hold one, which keeps the other end of the device at zero
volts, reads the current there, and is triggered by the generator's second output::

    [instruments.awg]
    driver = "agilent33500"
    model = "33522B"
    address = "USB0::0x0957::0x2C07::MY57800001::INSTR"

    [instruments.awg.meter]
    model = "2602B"
    address = "GPIB0::26::INSTR"
    channel = "a"           # of the source-meter
    terminal = "bottom"     # of the device, that it holds
    line = 1                # of its digital port, to which the generator's output 2 leads
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labctl.errors import BadInput

__all__ = ["connect_cables", "with_meters"]

_TRIGGER_OUTPUT = 2
_DRIVER = "keithley2600"


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
        given = {key: meter[key] for key in ("model", "address") if key in meter}
        sections[called] = {"driver": _DRIVER, "address": "", **given}
        terminals[meter.get("terminal", "bottom")] = f"{called}.{meter.get('channel', 'a')}"
    return {**bench, "instruments": sections, "terminals": terminals}


def connect_cables(bench: Mapping[str, Any], instruments: Mapping[str, Any]) -> None:
    """Lead each generator's second output to the digital port of its meter.

    Parameters
    ----------
    bench
        Content of the bench file.
    instruments
        The virtual instruments by name.

    Raises
    ------
    BadInput
        A meter has no digital port.
    """
    for name, meter in _meters(bench):
        port = instruments[f"{name}.meter"].ports.get("digio")
        if port is None:
            raise BadInput(
                f"instruments.{name}.meter: a {meter['model']} has no digital port, by which it "
                "could be triggered; take another model"
            )
        instruments[name].lead(_TRIGGER_OUTPUT, port.line(meter.get("line", 1)).rise)


def _meters(bench: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, section in bench.get("instruments", {}).items():
        meter = section.get("meter")
        if isinstance(meter, Mapping):
            yield name, meter
