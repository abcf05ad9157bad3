"""A virtual 2602B over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter

from instruments import keithley2600
from labctl.capability import Setup
from labctl.steps import Play
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::26::INSTR"


class Rig:
    """A laboratory, its instrument and a driver; what was sent is written down."""

    def __init__(
        self,
        *,
        model: str = "2602B",
        wiring: dict[str, str] | None = None,
        pace: float = 0.0,
        **simulation: Any,
    ) -> None:
        self.wiring = wiring or {"top": "a"}
        section = {"driver": "keithley2600", "model": "2602B", "address": ADDRESS}
        quiet = {"instrument": False, "cycle": False, "device": False}
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"smu": section},
                "terminals": {name: f"smu.{channel}" for name, channel in self.wiring.items()},
                "simulation": {
                    "device": {"family": "resistor", "preset": "10k"},
                    "noise": quiet,
                    **simulation,
                },
            },
            1, None, pace,
        )  # fmt: skip
        self.instrument = self.laboratory.instruments["smu"]
        self.model = model
        self.sent: list[str] = []

    def setup(self, **changes: Any) -> Setup:
        """Return what the driver is given."""
        given = {
            "name": "smu", "model": self.model, "address": ADDRESS, "channels": self.wiring,
            "visa": self.laboratory.visa, "laboratory": self.laboratory, "options": {},
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, **changes: Any) -> Any:
        """Connect the driver."""
        meter = keithley2600.connect(self.setup(**changes))
        self.listen(meter)
        return meter

    def listen(self, meter: Any) -> None:
        """Write down what a driver sends from now on."""
        send = meter.adapter._write

        def write(command: str, **kwargs: Any) -> None:
            self.sent.append(command)
            send(command, **kwargs)

        meter.adapter._write = write

    def adapter(self) -> VISAAdapter:
        """Open a connection for another driver."""
        return VISAAdapter(
            ADDRESS,
            visa_library=self.laboratory.visa,
            read_termination="\n",
            write_termination="\n",
        )

    def panel(self, channel: str = "a") -> SimpleNamespace:
        """Look at the front panel."""
        return SimpleNamespace(**self.instrument.channel_state(channel))

    def safe(self) -> bool:
        """Whether both outputs are off and at zero."""
        panels = [self.panel("a"), self.panel("b")]
        return not any(panel.output or panel.level or panel.sweeping for panel in panels)


def never() -> bool:
    """Ask for no stop."""
    return False


def rows_of(meter: Any, waveform: Any, compliance: float = 1e-3, **ranges: float) -> list[Any]:
    """Play and return every row."""
    play = Play(waveform, compliance, ranges)
    return [row for chunk in meter.play(play, never) for row in chunk]


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
