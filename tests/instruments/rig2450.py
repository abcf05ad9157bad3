"""A virtual 2450 over a resistor of 10 kOhm, and the driver at the other end of the wire."""

from types import SimpleNamespace
from typing import Any

from pymeasure.adapters import VISAAdapter

from instruments import keithley2450
from labctl.capability import Setup
from labctl.steps import Play
from sim_backend.laboratory import open_laboratory

ADDRESS = "USB0::0x05E6::0x2450::04123456::INSTR"
G = 100e-6  # S
QUIET = {"instrument": False, "cycle": False, "device": False}


class Rig:
    """A laboratory, its instrument and a driver; what was sent is written down."""

    def __init__(
        self, model: str = "2450", channel: str = "front", pace: float = 0.0,
        language: str = "SCPI", **simulation: Any,
    ) -> None:  # fmt: skip
        self.model, self.channel = model, channel
        section = {
            "driver": "keithley2450", "model": model, "address": ADDRESS, "language": language,
        }  # fmt: skip
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"smu": section},
                "terminals": {"top": f"smu.{channel}"},
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
            "name": "smu", "model": self.model, "address": ADDRESS,
            "channels": {"top": self.channel}, "visa": self.laboratory.visa,
            "laboratory": self.laboratory, "options": options or {},
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> Any:
        """Connect the driver."""
        meter = keithley2450.connect(self.setup(options, **changes))
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

    def panel(self) -> SimpleNamespace:
        """Look at the front panel."""
        return SimpleNamespace(**self.instrument.channel_state(self.channel))

    def safe(self) -> bool:
        """Whether the output is off and at zero, and nothing runs."""
        panel = self.panel()
        return not (panel.output or panel.level or panel.running)

    def levels(self, action: Any) -> list[tuple[float, float]]:
        """Return (time, V) of every change of the output while something happens."""
        seen: list[tuple[float, float]] = []
        electronics = self.instrument.unit.source.electronics
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
