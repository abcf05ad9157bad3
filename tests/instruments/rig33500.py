"""A virtual generator with a source-meter over a resistor of 10 kOhm, and the driver of both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labctl.capability import Setup
from labctl.readings import Row
from labctl.steps import Play
from sim_backend.laboratory import open_laboratory

AWG = "USB0::0x0957::0x2C07::MY57800001::INSTR"
SMU = "GPIB0::26::INSTR"
METER = {"model": "2602B", "address": SMU}
#: every family that can read, and how a test names it
METERS = {
    "2602B": METER,
    "2410": {"driver": "keithley2400", "model": "2410", "address": SMU},
    "2450": {"driver": "keithley2450", "model": "2450", "address": SMU},
}
QUIET = {"instrument": False, "cycle": False, "device": False}
RESISTOR = {"family": "resistor", "preset": "10k"}
G = 100e-6  # S


def never() -> bool:
    return False


def setup(laboratory: Any = None, **changes: Any) -> Setup:
    """Return the section; keys that a driver does not know by name are its options."""
    fields = {"model": "33522B", "address": AWG, "channels": {"top": "1"}}
    given = {**fields, **{k: v for k, v in changes.items() if k in (*fields, "accept_degraded")}}
    options = {"meter": METER, **{k: v for k, v in changes.items() if k not in given}}
    visa = "" if laboratory is None else laboratory.visa
    return Setup("awg", visa=visa, laboratory=laboratory, options=options, **given)


def laboratory(
    device: dict[str, Any] = RESISTOR,
    *,
    faults: Any = (),
    noise: Any = QUIET,
    model: str = "33522B",
    **options: Any,
) -> Any:
    driver = "keysight81160a" if model == "81160A" else "agilent33500"
    section = {"driver": driver, "model": model, "address": AWG, "meter": METER, **options}
    return open_laboratory(
        {
            "name": "rig",
            "instruments": {"awg": section},
            "terminals": {"top": "awg.1"},
            "simulation": {"device": device, "noise": noise, "faults": list(faults)},
        },
        1, None, 0.0,
    )  # fmt: skip


class Rig(SimpleNamespace):
    """A laboratory, and the driver at the other end of both wires."""

    laboratory: Any
    pair: Any

    def rows(self, waveform: Any, compliance: float = 1e-3) -> list[Row]:
        chunks = self.pair.play(Play(waveform, compliance), never)
        return [row for chunk in chunks for row in chunk]

    def outputs(self) -> tuple[bool, bool, bool]:
        """Return what is on: both outputs of the generator, and the source-meter's channel."""
        awg, smu = (self.laboratory.instruments[name] for name in ("awg", "awg.meter"))
        panels = awg.channel_state("1"), awg.channel_state("2"), smu.channel_state("a")
        return tuple(bool(panel["output"]) for panel in panels)
