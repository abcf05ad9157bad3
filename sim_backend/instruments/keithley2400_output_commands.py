"""The commands of ``OUTPut``.

Source: 2400 Series SourceMeter User's Manual, table 18-4, pages 18-55 to 18-57, section 13.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_backend.instruments.keithley2400_settings import choice, toggle
from sim_backend.instruments.keithley2400_source import Chassis, Output
from sim_backend.wire.parameters import Boolean
from sim_backend.wire.scpi import Command

__all__ = ["output_commands"]


def output_commands(
    chassis: Chassis, output: Output, started: Callable[[], None], blocked: Callable[[], None]
) -> list[Command]:
    """Return the table of ``OUTPut``.

    Parameters
    ----------
    chassis, output
        The instrument's.
    started
        Called after switching on; in pulse mode this starts the pulses.
    blocked
        Called when the output enable is changed.
    """

    def owner() -> object:
        return chassis.setup.source

    def switch(on: bool) -> None:
        if not on:
            output.off()
            return
        output.switch_on()
        started()

    states = {"HIMPedance": "HIMP", "NORMal": "NORM", "ZERO": "ZERO", "GUARd": "GUAR"}
    o = ":OUTPut[1]"

    def refresh() -> None:
        blocked()
        if not output.on:
            output.off()

    return [
        Command(f"{o}[:STATe]", switch, lambda: str(int(output.on)), (Boolean(),)),
        toggle(f"{o}:ENABle[:STATe]", owner, "enable", changed=refresh),
        Command(f"{o}:ENABle:TRIPped", query=lambda: str(int(chassis.enable_line))),
        choice(f"{o}:SMODe", owner, "smode", states, check=chassis.forbid_pulsed, changed=refresh),
        # the 2410 calls its enable line an interlock
        toggle(f"{o}:INTerlock[:STATe]", owner, "enable", changed=refresh),
        Command(f"{o}:INTerlock:TRIPped", query=lambda: str(int(chassis.enable_line))),
    ]
