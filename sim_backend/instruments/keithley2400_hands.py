"""What others do to a Series 2400: a line is pulsed, the interlock opens, the unit gets too hot."""

from __future__ import annotations

from sim_backend.instruments.keithley2400_sequence import Sequencer
from sim_backend.instruments.keithley2400_source import Chassis

__all__ = ["Hands"]


class Hands:
    """The part of an instrument that hands and wires reach."""

    chassis: Chassis
    sequencer: Sequencer

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        raise NotImplementedError

    def refresh_output(self) -> None:
        """Switch off what may not be on any more."""
        raise NotImplementedError

    def pulse_trigger_link(self, line: int) -> None:
        """Let another instrument pulse a line of the trigger link, 1 to 4."""
        self.sequencer.happen("TLIN", line)
        self.poll()

    def pulse_start_of_test(self, high: bool) -> None:
        """Let a component handler pulse the start-of-test line."""
        self.sequencer.start_of_test(high)
        self.poll()

    def set_enable_line(self, grounded: bool) -> None:
        """Ground or release the output enable line of the digital port: the interlock."""
        self.chassis.enable_line = grounded
        self.refresh_output()

    def overheat(self, too_hot: bool) -> None:
        """Let the unit be too hot: its output switches off."""
        self.chassis.too_hot = too_hot
        self.refresh_output()

    #: what can go wrong in the unit: see `suffer`
    ills = frozenset({"interlock", "over-temperature"})

    def suffer(self, kind: str) -> None:
        """Let the output enable line open or the unit be too hot.

        The line acts where ``:OUTPut:ENABle`` says that it is to be looked at.
        """
        if kind == "interlock":
            self.set_enable_line(False)
        else:
            self.overheat(True)
