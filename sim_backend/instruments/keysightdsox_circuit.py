"""What an oscilloscope beside a generator sees: the output, and a resistor behind the device.

::

    generator 50 Ohm --+-- series -- device -- + -- shunt -- ground
                       |                       |
                   channel 1               channel 2

The current through the shunt is that through the device, which has two terminals; so the shunt is
part of what lies between the generator and the device, and the device sees what the divider leaves.
Channel 1 takes nothing: 1 MOhm beside 50 Ohm changes a level by 0.005 %.
"""

from __future__ import annotations

import math

from labctl.errors import BadInput
from sim_backend.clock import Clock
from sim_backend.drive import NEVER
from sim_backend.instruments.agilent33500_output import Outlet, Output

__all__ = ["Circuit", "Volts"]

_MEGOHM, _FIFTY = 1e6, 50.0
_CABLE = 100e-12  # F, a metre of it

#: of channels 1 and 2
Volts = tuple[float, float]


class Circuit:
    """The inputs of an oscilloscope; nothing is wired to them until `join` is called.

    Parameters
    ----------
    clock
        The laboratory's time.
    shunt
        Of an external resistor beside channel 2, Ohm; infinite without one.
    capacitance
        Of an input, F.
    """

    def __init__(self, clock: Clock, shunt: float, capacitance: float) -> None:
        self.clock = clock
        self._shunt, self._capacitance = shunt, capacitance
        self._outlet: Outlet | None = None
        self._before = 0.0  # between the generator and the device, without the shunt, Ohm
        self._fifty = False

    @property
    def ohms(self) -> float:
        """Between the device and ground, Ohm."""
        own = _FIFTY if self._fifty else _MEGOHM
        return own if math.isinf(self._shunt) else own * self._shunt / (own + self._shunt)

    @property
    def time_constant(self) -> float:
        """With which the resistor follows a current, s; a cable that is terminated follows it."""
        return 0.0 if self._fifty else self.ohms * (self._capacitance + _CABLE)

    def join(self, outlet: Outlet) -> None:
        """Wire the inputs to a generator's output and the device behind it.

        Raises
        ------
        BadInput
            The device has more than two terminals: not all of its current comes to the shunt.
        """
        if not outlet.fixture.two_terminals:
            raise BadInput(
                "an oscilloscope reads the current of a device with two terminals; this one has "
                f"{', '.join(outlet.fixture.model.terminals)}; take a source-meter as the meter"
            )
        self._outlet, self._before = outlet, outlet.drive.own
        self._apply()

    def terminate(self, *, fifty: bool) -> None:
        """Switch the input of channel 2 to 50 Ohm, or to 1 MOhm."""
        if fifty != self._fifty:
            self._fifty = fifty
            self._apply()

    def _apply(self) -> None:
        if self._outlet is None:
            return
        self._outlet.fixture.sync()
        drive = self._outlet.drive
        drive.own = self._before + self.ohms
        drive.follow(drive.kind, drive.path, drive.bound)
        drive.clamped_at = self.clock.now_s

    def look(self) -> Volts:
        """Return what is at the inputs now."""
        if self._outlet is None or self._outlet.drive.kind == "open":
            return 0.0, 0.0
        fixture, drive = self._outlet.fixture, self._outlet.drive
        current = fixture.current(drive)
        return drive.level(self.clock.now_s) - Output.RESISTANCE * current, self.ohms * current

    def next_change(self) -> float:
        """Return when the output next goes another way, s; infinite where it stays."""
        return NEVER if self._outlet is None else self._outlet.drive.next_change(self.clock.now_s)

    def rests(self, until: float) -> bool:
        """Whether the output is at zero now and stays there."""
        if self._outlet is None or self._outlet.drive.kind == "open":
            return True
        drive = self._outlet.drive
        return drive.level(self.clock.now_s) == 0.0 == drive.level(until)
