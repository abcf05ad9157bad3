"""What is set of the pulser of a 2601B-PULSE.

Source: Model 2601B-PULSE Reference Manual, 2601B-PULSE-901-01 Rev. A, April 2020, pages 11-212 to
11-222; the defaults are to be checked.
"""

from __future__ import annotations

from sim_backend.instruments.keithley2601b_pulse import Pulser
from sim_backend.wire.tsp import Refusal

__all__ = ["PulserSettings"]


class PulserSettings:
    """Ranges, times and protection levels.

    Parameters
    ----------
    can
        What the pulser can do.
    """

    def __init__(self, can: Pulser) -> None:
        self.can = can
        self.set_defaults()

    def set_defaults(self) -> None:
        """Go back to the defaults."""
        can = self.can
        self.bias = 0.0  #: A
        self.range = {"v": can.v_ranges[0], "i": can.i_ranges[0]}
        self.aperture, self.delay = 10e-6, 0.0  #: of a measurement, s
        self.width = 0.0  #: of a pulse, s; 0: it ends at the end-pulse event
        self.sense_v, self.force_v = can.sense[1] * self.range["v"], can.force[1]
        self.interlock = 1

    def set_range(self, quantity: str, value: float) -> None:
        """Choose the smallest range that holds a value; the protection stays within its bounds.

        Raises
        ------
        Refusal
            No range does.
        """
        ranges = self.can.i_ranges if quantity == "i" else self.can.v_ranges
        fitting = [full for full in ranges if abs(value) <= full]
        if not fitting:
            raise Refusal(1101)
        self.range[quantity] = fitting[0]
        low, high = self.sense_bounds
        self.sense_v = min(max(self.sense_v, low), high)

    @property
    def sense_bounds(self) -> tuple[float, float]:
        """Bounds of the protection of the sense terminals on the present range, V."""
        low, high = self.can.sense
        return low * self.range["v"], high * self.range["v"]
