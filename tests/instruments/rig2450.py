"""A virtual 2450 over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from typing import Any

from instruments import keithley2450
from tests.instruments.rig import QUIET, G, SourceRig, never, rows_of

__all__ = ["ADDRESS", "QUIET", "G", "Rig", "never", "rows_of"]

ADDRESS = "USB0::0x05E6::0x2450::04123456::INSTR"


class Rig(SourceRig):
    """In the native language unless another one is asked for."""

    def __init__(
        self, model: str = "2450", channel: str = "front", pace: float = 0.0,
        language: str = "SCPI", **simulation: Any,
    ) -> None:  # fmt: skip
        section = {
            "driver": "keithley2450", "model": model, "address": ADDRESS, "language": language,
        }  # fmt: skip
        super().__init__(keithley2450, section, {"top": channel}, pace, **simulation)

    def safe(self) -> bool:
        """Whether the output is off and at zero, and nothing runs."""
        panel = self.panel()
        return not (panel.output or panel.level or panel.running)

    def levels(self, action: Any) -> list[tuple[float, float]]:
        """Return (time, V) of every change of the output while something happens."""
        return self.edges(self.instrument.unit.source.electronics, action)
