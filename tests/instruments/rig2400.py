"""A virtual Series 2400 over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from typing import Any

from instruments import keithley2400
from labctl.capability import Setup
from tests.instruments.rig import QUIET, G, SourceRig, never, rows_of

__all__ = ["ADDRESS", "QUIET", "G", "Rig", "never", "rows_of"]

ADDRESS = "GPIB0::24::INSTR"


class Rig(SourceRig):
    """The laboratory's clock counts true milliseconds."""

    def __init__(
        self, model: str = "2410", channel: str = "front", pace: float = 0.0, **simulation: Any
    ) -> None:
        section = {"driver": "keithley2400", "model": model, "address": ADDRESS}
        super().__init__(keithley2400, section, {"top": channel}, pace, **simulation)

    def setup(self, options: dict[str, Any] | None = None, **changes: Any) -> Setup:
        """Return what the driver is given."""
        return super().setup({"tick": "1 ms", **(options or {})}, **changes)

    def safe(self) -> bool:
        """Whether the output is off and at zero, and nothing runs."""
        panel = self.panel()
        return not (panel.output or panel.level or self.instrument.sequencer.running)

    def levels(self, action: Any) -> list[tuple[float, float]]:
        """Return (time, V) of every change of the output while something happens."""
        return self.edges(self.instrument.output.electronics, action)
