"""When a device counts as worn out: the rule of an endurance test, applied cycle by cycle.

The same rule stops a test and judges its record afterwards, so that both always agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Rule", "Watch"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is a failed cycle, and how many of them in a row are a failed device.

    Parameters
    ----------
    least_window
        Least ratio of the conductance after SET to that after RESET.
    confirm
        Failed cycles, one after another among those that were read, that make a failure.
    least_hrs
        Least resistance after RESET, Ohm; None for no such rule.
    most_lrs
        Largest resistance after SET, Ohm; None for no such rule.
    """

    least_window: float
    confirm: int
    least_hrs: float | None = None
    most_lrs: float | None = None

    def broken(self, lrs: float, hrs: float) -> str:
        """Return which part of the rule a cycle breaks; nothing where it passes.

        Parameters
        ----------
        lrs, hrs
            Conductance after SET and after RESET, S.
        """
        if lrs <= 0 or lrs < self.least_window * hrs:
            return "window"
        if self.most_lrs is not None and lrs * self.most_lrs < 1:
            return "LRS"
        if self.least_hrs is not None and hrs * self.least_hrs > 1:
            return "HRS"
        return ""

    def sentence(self) -> str:
        """Say the rule in words."""
        parts = [f"R(HRS)/R(LRS) below {self.least_window:g}"]
        if self.most_lrs is not None:
            parts.append(f"LRS above {self.most_lrs:g} Ohm")
        if self.least_hrs is not None:
            parts.append(f"HRS below {self.least_hrs:g} Ohm")
        times = "one cycle" if self.confirm == 1 else f"{self.confirm} cycles read in a row"
        return f"failure: {' or '.join(parts)} in {times}"


class Watch:
    """Applies a rule to cycles in the order they were read.

    A failure is the loss of what was there: cycles before the first that passes are no failure.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.good = 0  #: last cycle that passed; 0 for none
        self.before = 0  #: last cycle that passed before the failure
        self.first = 0  #: first cycle of the failure; 0 while there is none
        self.by = ""  #: part of the rule that the first failed cycle broke
        self.dead = False  #: `confirm` cycles were read, none passed, and the states differ
        self._run = 0
        self._seen = 0

    @property
    def failed(self) -> bool:
        """Whether the device has failed."""
        return self.first > 0 and self._run >= self.rule.confirm

    def see(self, cycle: int, lrs: float, hrs: float) -> None:
        """Take one more cycle; conductances in S. One with a lost reading says nothing."""
        if self.failed or not (math.isfinite(lrs) and math.isfinite(hrs)):
            return
        self._seen += 1
        by = self.rule.broken(lrs, hrs)
        if not by:
            self.good, self.first, self._run, self.dead = cycle, 0, 0, False
        elif self.good:
            if not self.first:
                self.before, self.first, self.by = self.good, cycle, by
            self._run += 1
        else:  # states that are exactly alike are those of the planner's ideal resistor
            self.dead = self._seen >= self.rule.confirm and lrs != hrs
