"""A bench with a prober, for tests of the drivers and of what a bench does with them."""

from __future__ import annotations

from typing import Any

from labctl.benchfile import Definition, define_bench
from labctl.workbench import Bench

PROBER, SMU, MATRIX = "GPIB0::28::INSTR", "GPIB0::26::INSTR", "GPIB0::16::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


def content_of(
    driver: str = "velox",
    *,
    options: dict[str, Any] | None = None,
    faults: list[dict[str, Any]] | None = None,
    more: dict[str, Any] | None = None,
    device: dict[str, Any] | None = None,
    noise: dict[str, Any] | None = None,
    **wafer: Any,
) -> dict[str, Any]:
    """Return a bench file's content: a 2602B, a prober, a wafer of 3 x 3 dies."""
    return {
        "name": "rig",
        "instruments": {
            "prober": {"driver": driver, "address": PROBER, "soak": "20 s", **(options or {})},
            "smu": {"driver": "keithley2600", "model": "2602B", "address": SMU},
            **(more or {}),
        },
        "terminals": {"top": "smu.a"},
        "envelope": {"v": "2 V", "i": "20 mA"},
        "simulation": {
            "device": device or {"family": "resistor", "preset": "10k"},
            "noise": noise or QUIET,
            "wafer": {"dies": [3, 3], "sites": 2, **wafer},
            "faults": faults or [],
        },
    }


def defined(content: dict[str, Any]) -> Definition:
    """Check a bench file's content."""
    return define_bench(content, "rig.toml")


def opened(content: dict[str, Any], **options: Any) -> Bench:
    """Open the bench."""
    return Bench(defined(content), content, **options)


def screen(bench: Bench, name: str = "prober") -> dict[str, Any]:
    """Return what a virtual instrument's screen shows."""
    laboratory: Any = bench.laboratory
    instrument = laboratory.instruments[name]
    return dict(instrument.channel_state("a") if name == "smu" else instrument.channel_state())
