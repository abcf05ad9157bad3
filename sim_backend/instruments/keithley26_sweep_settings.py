"""What is set of the trigger model of one Series 2600B channel.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``smuX.trigger.*`` with its
defaults.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley2600_measure import Target
from sim_backend.instruments.keithley2600_source import Source
from sim_backend.wire.tsp import Refusal

__all__ = ["ASYNC", "DISABLE", "ENABLE", "SOURCE_HOLD", "SOURCE_IDLE", "SweepSettings"]

DISABLE, ENABLE, ASYNC = 0, 1, 2
SOURCE_IDLE, SOURCE_HOLD = 0, 1


class SweepSettings:
    """Counts, actions, levels and limits of a sweep."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def set_defaults(self) -> None:
        """Go back to the defaults."""
        self.arm_count = self.count = 1
        self.auto_clear = 0
        self.source_action = DISABLE
        self.measure_action = DISABLE
        self.endpulse_action = SOURCE_HOLD
        self.endsweep_action = SOURCE_IDLE
        self.levels: Sequence[float] = ()
        self.function: Quantity | None = None
        #: compliance during the sweep; None follows smuX.source.limitY (LIMIT_AUTO)
        self.limit: dict[Quantity, float | None] = {"v": None, "i": None}
        self.targets: tuple[Target, ...] = ()

    def set_list(self, quantity: Quantity, levels: Sequence[float]) -> None:
        """Source these levels in turn, from the first again when they are used up.

        Raises
        ------
        Refusal
            There is none, or one is beyond the instrument.
        """
        if not levels:
            raise Refusal(-109)
        most = max(r.maximum for r in self._source.ranges(quantity))
        for level in levels:
            if abs(level) > most:
                raise Refusal(1101 if level > 0 else 1102)
        self.levels, self.function = tuple(levels), quantity

    def set_limit(self, quantity: Quantity, value: float | None) -> None:
        """Set the compliance during the sweep; None follows ``smuX.source``, infinity is off."""
        if value is not None and not math.isinf(value):
            self._source.check_limit(quantity, value, pulse=True)
        self.limit[quantity] = value

    @property
    def only_sources(self) -> bool:
        """Whether nothing is measured."""
        return bool(self.source_action) and not self.measure_action
