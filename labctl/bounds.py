"""Bounds: the most that a waveform can do to a device, known before it is played.

A terminal driven by a voltage carries at most the compliance for as long as it is at a level; what
a terminal driven by a current carries is known, and its voltage is at most the limit of the step.
Optical terminals carry nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

from labctl.steps import Play
from labctl.summary import Summary
from labctl.violation import Violation

__all__ = ["Bounds", "bounds", "faults", "largest"]


class Bounds(NamedTuple):
    """What one step can do at most, over all its electrical terminals."""

    biased: float  #: time at a level, s
    charge: float  #: C
    energy: float  #: J
    volts: dict[str, float]  #: largest level of each terminal driven by a voltage, V
    amperes: dict[str, float]  #: largest level of each terminal driven by a current, A
    limits: dict[str, float]  #: largest voltage of each of the latter, V

    @property
    def peak(self) -> float:
        """Largest voltage of any terminal, V."""
        return max((*self.volts.values(), *self.limits.values()), default=0.0)


def bounds(play: Play, light: Collection[str] = (), does: Summary | None = None) -> Bounds:
    """Return what a step can do at most.

    Parameters
    ----------
    play
        The step.
    light
        Terminals whose levels are irradiances.
    does
        The waveform's summary, where it is at hand.

    Examples
    --------
    >>> from labctl.waveform import pulse
    >>> most = bounds(Play(pulse(5e-4, 1e-6), 1e-3, voltage_limits={"top": 2.0}))
    >>> f"{most.charge:.3g} C, {most.energy:.3g} J, {most.peak:.3g} V"
    '5e-10 C, 1e-09 J, 2 V'
    """
    does = does or play.waveform.summary()
    biased = charge = energy = 0.0
    driven = play.voltage_limits
    for name in does.biased.keys() - set(light):
        biased += does.biased[name]
        if name in driven:
            charge += does.exposure[name]
            energy += driven[name] * does.exposure[name]
        else:
            charge += play.compliance * does.biased[name]
            energy += play.compliance * does.exposure[name]
    electrical = {name: peak for name, peak in does.peak.items() if name not in light}
    return Bounds(
        biased,
        charge,
        energy,
        {name: peak for name, peak in electrical.items() if name not in driven},
        {name: peak for name, peak in electrical.items() if name in driven},
        {name: driven[name] for name in electrical if name in driven},
    )


def largest(kept: dict[str, float], more: dict[str, float]) -> None:
    """Raise what is kept by name to what is larger in `more`."""
    for name, value in more.items():
        kept[name] = max(value, kept.get(name, 0.0))


def faults(play: Play, light: Collection[str] = ()) -> Iterator[Violation]:
    """Say what is wrong with the terminals that a step drives by a current, on any bench.

    Parameters
    ----------
    play
        The step.
    light
        Optical terminals of the bench.
    """
    peaks, terminals = play.waveform.summary().peak, play.waveform.terminals
    for name, limit in play.voltage_limits.items():
        said = f"{name}, driven by a current"
        if name not in terminals or name in light:
            what = "which is optical" if name in light else "which the waveform does not drive"
            yield Violation(
                said,
                f"a voltage limit for a terminal {what}",
                ", ".join(sorted(terminals - set(light))) or "none",
                "name a terminal of the waveform",
            )
        if not 0 < limit < math.inf:
            yield Violation(
                f"{said}: voltage limit",
                f"{limit:g} V",
                "more than 0 V",
                "give the largest voltage that the device may see",
            )
        if peaks.get(name, 0.0) > play.compliance:
            yield Violation(
                said,
                f"{peaks[name]:g} A",
                f"at most the compliance of {play.compliance:g} A",
                "lower the current, or raise the compliance",
            )
