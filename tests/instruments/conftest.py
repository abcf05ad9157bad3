"""A virtual 2602B over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from collections.abc import Iterator
from typing import Any

import pytest

from instruments import keithley2600
from tests.instruments.rig import SourceRig, never, rows_of

__all__ = ["ADDRESS", "Rig", "never", "rows_of"]

ADDRESS = "GPIB0::26::INSTR"


class Rig(SourceRig):
    """Of two channels, one of which is wired unless said otherwise."""

    def __init__(
        self,
        *,
        model: str = "2602B",
        wiring: dict[str, str] | None = None,
        pace: float = 0.0,
        **simulation: Any,
    ) -> None:
        section = {"driver": "keithley2600", "model": model, "address": ADDRESS}
        super().__init__(keithley2600, section, wiring or {"top": "a"}, pace, **simulation)

    def panel(self, channel: str = "a") -> Any:
        """Look at the front panel."""
        return super().panel(channel)

    def safe(self) -> bool:
        """Whether both outputs are off and at zero."""
        panels = [self.panel("a"), self.panel("b")]
        return not any(panel.output or panel.level or panel.sweeping for panel in panels)


@pytest.fixture
def rig() -> Rig:
    """Return a rig with one terminal."""
    return Rig()


@pytest.fixture
def meter(rig: Rig) -> Iterator[Any]:
    """Return a connected driver."""
    connected = rig.connect()
    yield connected
    connected.close()
