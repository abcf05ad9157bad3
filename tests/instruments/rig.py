"""A virtual instrument over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from types import ModuleType, SimpleNamespace
from typing import Any

from pymeasure.adapters import VISAAdapter

from labctl.capability import Setup
from labctl.steps import Play
from sim_backend.laboratory import open_laboratory

G = 100e-6  # S
QUIET = {"instrument": False, "cycle": False, "device": False}


class SourceRig:
    """A laboratory, its instrument and a driver; what was sent is written down.

    Parameters
    ----------
    driver
        Module of the driver.
    section
        Of the bench file, with model and address.
    wiring
        Device terminal -> channel.
    pace, simulation
        Of the laboratory.
    """

    def __init__(
        self,
        driver: ModuleType,
        section: dict[str, Any],
        wiring: dict[str, str],
        pace: float = 0.0,
        **simulation: Any,
    ) -> None:
        self.driver, self.wiring = driver, wiring
        self.model, self.address = section["model"], section["address"]
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"smu": section},
                "terminals": {name: f"smu.{channel}" for name, channel in wiring.items()},
                "simulation": {
                    "device": {"family": "resistor", "preset": "10k"},
                    "noise": QUIET,
                    **simulation,
                },
            },
            1, None, pace,
        )  # fmt: skip
        self.instrument = self.laboratory.instruments["smu"]
        self.sent: list[str] = []

    def setup(self, options: dict[str, Any] | None = None, **changes: Any) -> Setup:
        """Return what the driver is given."""
        given = {
            "name": "smu", "model": self.model, "address": self.address, "channels": self.wiring,
            "visa": self.laboratory.visa, "laboratory": self.laboratory, "options": options or {},
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> Any:
        """Connect the driver."""
        meter = self.driver.connect(self.setup(options, **changes))
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
            self.address,
            visa_library=self.laboratory.visa,
            read_termination="\n",
            write_termination="\n",
        )

    def panel(self, channel: str = "") -> SimpleNamespace:
        """Look at the front panel."""
        wired = next(iter(self.wiring.values()))
        return SimpleNamespace(**self.instrument.channel_state(channel or wired))

    def edges(self, electronics: Any, action: Any) -> list[tuple[float, float]]:
        """Return (time, V) of every change of an output while something happens."""
        seen: list[tuple[float, float]] = []
        before = electronics.set_source

        def watched(quantity: str, level: float, *rest: Any) -> None:
            if quantity == "v" and (not seen or seen[-1][1] != level):
                seen.append((self.laboratory.clock.now_s, level))
            before(quantity, level, *rest)

        electronics.set_source = watched
        try:
            action()
        finally:
            electronics.set_source = before
        return seen


def never() -> bool:
    """Ask for no stop."""
    return False


def rows_of(meter: Any, waveform: Any, compliance: float = 1e-3, **ranges: float) -> list[Any]:
    """Play and return every row."""
    play = Play(waveform, compliance, ranges)
    return [row for chunk in meter.play(play, never) for row in chunk]
