"""A virtual 4200A-SCS over a resistor of 10 kOhm, and short ways to talk to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyvisa

from sim_backend.instruments.keithley4200 import Keithley4200
from sim_backend.laboratory import VirtualLaboratory, open_laboratory

ADDRESS = "TCPIP0::192.168.0.42::1225::SOCKET"
G = 1e-4  # S
QUIET = {"instrument": False, "cycle": False, "device": False}


class Rig4200:
    """A laboratory with the instrument; messages go to it without a wire."""

    def __init__(
        self,
        wiring: Mapping[str, str] | None = None,
        *,
        address: str = ADDRESS,
        pace: float = 0.0,
        options: Mapping[str, Any] | None = None,
        **simulation: Any,
    ) -> None:
        section = {"driver": "keithley4200", "model": "4200A-SCS", "address": address}
        wired = {"top": "pmu1"} if wiring is None else wiring
        content = {
            "name": "rig",
            "instruments": {"k": {**section, **(options or {})}},
            "terminals": {name: f"k.{channel}" for name, channel in wired.items()},
            "simulation": {
                "device": {"family": "resistor", "preset": "10k"},
                "noise": QUIET,
                "latency": 0.0,
                **simulation,
            },
        }
        self.address = address
        self.laboratory: VirtualLaboratory = open_laboratory(content, 1, None, pace)
        self.instrument: Keithley4200 = self.laboratory.instruments["k"]
        self.clock = self.laboratory.fixture.clock

    def send(self, *messages: str) -> list[str]:
        """Send messages; returns the answers without their null."""
        for message in messages:
            self.instrument.write(message.encode("latin-1") + b"\0")
        replies = [reply.decode("latin-1") for reply in self.instrument.replies()]
        assert all(reply.endswith("\0") for reply in replies)
        return [reply[:-1] for reply in replies]

    def ask(self, message: str) -> str:
        """Send a message and return its only answer."""
        (answer,) = self.send(message)
        return answer

    def do(self, *messages: str) -> None:
        """Send messages that are acknowledged and leave no error."""
        for message in messages:
            assert self.ask(message) == "ACK", message
            assert self.error() == 0, (message, self.ask(":ERROR:LAST:GET"))

    def refused(self, message: str) -> int:
        """Send a message that is refused; returns the number of the error, which is cleared."""
        assert self.ask(message) == "ACK"
        code = self.error()
        self.ask(":ERROR:LAST:CLEAR")
        return code

    def error(self) -> int:
        """Return the number of the last error."""
        text = self.ask(":ERROR:LAST:GET")
        return int(text[text.rindex("(") + 1 : -1]) if text else 0

    def segments(
        self,
        times: list[float],
        levels: list[float],
        *,
        kinds: list[int] | None = None,
        windows: list[tuple[float, float]] | None = None,
        loops: int = 1,
        channel: int = 1,
    ) -> None:
        """Define sequence 1 through levels (one more than times) and put it on the list."""
        where = f"{channel}, 1"

        def row(values: list[Any]) -> str:
            return ", ".join(map(str, values))

        self.do(
            f":PMU:SARB:SEQ:TIME {where}, {row(times)}",
            f":PMU:SARB:SEQ:STARTV {where}, {row(levels[:-1])}",
            f":PMU:SARB:SEQ:STOPV {where}, {row(levels[1:])}",
        )
        if kinds is not None and windows is not None:
            self.do(
                f":PMU:SARB:SEQ:MEAS:TYPE {where}, {row(list(kinds))}",
                f":PMU:SARB:SEQ:MEAS:START {where}, {row([w[0] for w in windows])}",
                f":PMU:SARB:SEQ:MEAS:STOP {where}, {row([w[1] for w in windows])}",
            )
        self.do(f":PMU:SARB:WFM:SEQ:LIST {where}, {loops}")

    def run(self, *channels: int) -> None:
        """Switch outputs on, execute, and let time pass until the test is over."""
        for channel in channels or (1,):
            self.do(f":PMU:OUTPUT:STATE {channel}, 1")
        self.do(":PMU:EXECUTE")
        self.finish()

    def finish(self) -> None:
        """Let time pass until no test goes on."""
        for _ in range(100_000):
            if self.ask(":PMU:TEST:STATUS?") == "0" and not self.instrument.test.running:
                return
            due = self.clock.next_event()
            assert due is not None
            self.clock.advance_to(due)
        raise AssertionError("the test does not end")

    def points(self, channel: int = 1, fields: str = "") -> list[list[str]]:
        """Return all points of data, in blocks as a client fetches them."""
        count = int(self.ask(f":PMU:DATA:COUNT? {channel}"))
        rows: list[list[str]] = []
        for start in range(0, count, 2048):
            answer = self.ask(f":PMU:DATA:GET {channel}, {start}, 2048{fields}")
            rows += [point.split(",") for point in answer.split(";")]
        assert len(rows) == count
        return rows

    def numbers(self, channel: int = 1) -> list[tuple[float, float, float]]:
        """Return voltage, current and time of all points."""
        return [(float(v), float(i), float(t)) for v, i, t, _ in self.points(channel)]

    def manager(self) -> pyvisa.ResourceManager:
        """Return a resource manager in which the instrument answers."""
        return pyvisa.ResourceManager(self.laboratory.visa)

    @property
    def tally(self) -> Any:
        """What was really done to the device."""
        return self.laboratory.device.tally
