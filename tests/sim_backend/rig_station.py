"""A virtual 2602B and a prober over a wafer, and short ways to talk to both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvisa

from sim_backend.laboratory import VirtualLaboratory, open_laboratory

PROBER, SMU = "GPIB0::28::INSTR", "GPIB0::26::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


class Bench:
    """An open laboratory with its instruments on the bus."""

    def __init__(
        self,
        driver: str = "velox",
        *,
        device: dict[str, Any] | None = None,
        state: Path | None = None,
        site: str = "",
        pace: float = 0.0,
        faults: list[dict[str, Any]] | None = None,
        noise: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **wafer: Any,
    ) -> None:
        prober = {"driver": driver, "address": PROBER, **(options or {})}
        smu = {"driver": "keithley2600", "model": "2602B", "address": SMU}
        self.laboratory: VirtualLaboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"prober": prober, "smu": smu},
                "terminals": {"top": "smu.a"},
                "simulation": {
                    "device": device or {"family": "resistor", "preset": "10k"},
                    "noise": noise or QUIET,
                    "wafer": {"dies": [3, 3], **wafer},
                    "faults": faults or [],
                },
            },
            1, state, pace, site,
        )  # fmt: skip
        manager = pyvisa.ResourceManager(self.laboratory.visa)
        self.bus: Any = manager.open_resource(PROBER, read_termination="\n", timeout=1_000_000)
        self.smu_bus: Any = manager.open_resource(SMU, read_termination="\n", timeout=100_000)
        self.station = self.laboratory.instruments["prober"]

    def ask(self, line: str) -> str:
        """Send a line to the prober and return its answer."""
        return str(self.bus.query(line))

    def screen(self) -> dict[str, Any]:
        """Return what the prober's screen shows."""
        return dict(self.station.channel_state())

    def now(self) -> float:
        """Return the laboratory's time, s."""
        return self.laboratory.clock.now()

    def current(self, volts: float = 0.1) -> float:
        """Return the current through the needles at a voltage, A."""
        lines = (
            "smua.source.func = smua.OUTPUT_DCVOLTS",
            f"smua.source.levelv = {volts}",
            "smua.source.limiti = 0.1",
            "smua.source.output = 1",
            "i = smua.measure.i()",
            "smua.source.output = 0",
        )
        for line in lines:
            self.smu_bus.write(line)
        return float(self.smu_bus.query("print(i)"))

    def switch_on(self, volts: float) -> None:
        """Leave a voltage on the needles."""
        self.smu_bus.write(f"smua.source.levelv = {volts} smua.source.output = 1")

    def close(self) -> None:
        """Close the laboratory."""
        self.laboratory.close()
