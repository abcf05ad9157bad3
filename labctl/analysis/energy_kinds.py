"""Energies that are not one waveform: flat pulses, light, three terminals, per bit, per area."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.accuracy import Accuracy
from labctl.analysis.energy import DEFINITION, floored
from labctl.analysis.energy_parts import Event, split_energy
from labctl.analysis.formula import Definition
from labctl.errors import BadInput
from labctl.results import Metric

__all__ = [
    "DEFINITIONS_ENERGY_KINDS", "flat_energy", "optical_energy", "per_area", "per_bit",
    "three_terminal_energy",
]  # fmt: skip

Array = NDArray[np.float64]

_UM2 = 1e12  # um^2 in a m^2

DEFINITIONS_ENERGY_KINDS = (
    Definition(
        "energy-optical",
        "E = H A w",
        "H is the irradiance at the device, A the area that is lit and active, w the width of the "
        "light pulse: the light that reaches the device, absorbed or not.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.1.2",
        code="labctl.analysis.energy_kinds.optical_energy",
        quantity="optical energy",
    ),
    Definition(
        "energy-three-terminal",
        "E = integral of v_G i_G dt + integral of v_D i_D dt",
        "Gate and drain together, against the source; a gate that takes no current still costs "
        "what flows in the channel meanwhile.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.2",
        code="labctl.analysis.energy_kinds.three_terminal_energy",
        quantity="energy of a three-terminal event",
    ),
    Definition(
        "energy-per-bit",
        "E_bit = E/log2(N)",
        "E is the energy of one programming event, N the number of states it chooses from, by the "
        "definition stated with it.",
        unit="J",
        code="labctl.analysis.energy_kinds.per_bit",
        quantity="energy per bit",
    ),
    Definition(
        "energy-per-area",
        "E_A = E/A",
        "A is the active area. It compares devices of different size only as far as the current "
        "scales with the area; that of a filament does not.",
        unit="J/um^2",
        code="labctl.analysis.energy_kinds.per_area",
        quantity="energy per area",
    ),
)


def flat_energy(v: ArrayLike, i: ArrayLike, width: ArrayLike, accuracy: Accuracy) -> Metric | None:
    """Return the mean energy of flat pulses, level x current x achieved width.

    Gains, offsets and clock are common to all pulses, with their sign: an offset of the current
    cancels between pulses of opposite polarity. What is independent from pulse to pulse is the
    larger of the scatter seen and of the noise and jitter stated.

    Parameters
    ----------
    v, i, width
        Level, V, current, A, and achieved width, s, of each pulse; one number stands for all.
        Pulses with a value that is not finite are left out.
    accuracy
        Of the ranges and the clock.

    Returns
    -------
    Metric or None
        An upper 95 % bound below the floor; None without a usable pulse.

    Raises
    ------
    BadInput
        The arrays differ in length.
    """
    try:
        parts = np.broadcast_arrays(*(np.ravel(np.asarray(x, float)) for x in (v, i, width)))
    except ValueError:
        raise BadInput("levels, currents and widths differ in number; give one each") from None
    good = np.all(np.isfinite(parts), axis=0)
    level, current, duration = (part[good] for part in parts)
    count = len(level)
    if not count:
        return None
    energy = level * current * duration
    mean, a = float(np.mean(energy)), accuracy
    common = (
        mean * a.gain_v,
        mean * a.gain_i,
        mean * a.timebase,
        a.offset_v * float(np.mean(current * duration)),
        a.offset_i * float(np.mean(level * duration)),
        a.offset_v * a.offset_i * float(np.mean(duration)),
    )
    each = (
        (a.noise_v * current * duration) ** 2
        + (a.noise_i * level * duration) ** 2
        + (a.jitter * level * current) ** 2
    )
    stated = math.sqrt(float(np.sum(each))) / count
    scatter = float(np.std(energy, ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    return floored(mean, math.hypot(*common, max(stated, scatter)), DEFINITION)


def optical_energy(
    irradiance: float,
    area: float,
    width: float,
    u_irradiance: float = 0.0,
    u_area: float = 0.0,
    u_width: float = 0.0,
) -> Metric:
    """Return the energy of a light pulse.

    Parameters
    ----------
    irradiance, area, width
        W/m^2, m^2 and s.
    u_irradiance, u_area, u_width
        Their standard uncertainties, in the same units.

    Raises
    ------
    BadInput
        A number is not finite or is negative.
    """
    given = (irradiance, area, width, u_irradiance, u_area, u_width)
    if not all(math.isfinite(x) and x >= 0 for x in given):
        raise BadInput(f"irradiance, area, width and uncertainties are {given}; none may be < 0")
    energy = irradiance * area * width
    u = math.hypot(
        u_irradiance * area * width, irradiance * u_area * width, irradiance * area * u_width
    )
    return floored(energy, u, "energy-optical")


class _Channel(msgspec.Struct, frozen=True):
    energy: float
    causes: dict[str, float]


def three_terminal_energy(
    gate: Event, drain: Event, *, common: tuple[str, ...] = ("clock",)
) -> dict[str, Metric]:
    """Return the energy of an event on a three-terminal device.

    Parameters
    ----------
    gate, drain
        Captured waveforms, both against the source.
    common
        Causes of uncertainty that both channels share, by their names in the budget of
        `labctl.analysis.energy_parts.split_energy`: the clock, and the gains of one and the same
        range.

    Returns
    -------
    dict
        ``gate``, ``drain`` and ``total``.
    """
    channels = [_channel(event) for event in (gate, drain)]
    squares = 0.0
    for cause in channels[0].causes:
        one, two = (channel.causes[cause] for channel in channels)
        squares += (one + two) ** 2 if cause in common else one**2 + two**2
    total = sum(channel.energy for channel in channels)
    singles = [
        floored(channel.energy, math.hypot(*channel.causes.values()), "energy-event-integral")
        for channel in channels
    ]
    whole = floored(total, math.sqrt(squares), "energy-three-terminal")
    return {"gate": singles[0], "drain": singles[1], "total": whole}


def _channel(event: Event) -> _Channel:
    """Return the energy and the signed effect of every cause."""
    budget = split_energy(event).budget
    names, sizes = budget.columns[0].data, budget.columns[1].data
    energy = float(np.sum(event.weights * event.v * event.i))
    sign = math.copysign(1.0, energy)  # a gain or the clock changes an energy by its own sign
    causes = {str(name): sign * float(size or 0.0) for name, size in zip(names, sizes, strict=True)}
    return _Channel(energy, causes)


def per_bit(energy: Metric, states: float) -> Metric:
    """Return the energy for each bit that an event chooses.

    Parameters
    ----------
    energy
        Of one programming event; a bound stays a bound.
    states
        Number of states, at least 2.

    Raises
    ------
    BadInput
        Fewer than two states carry no bit.
    """
    if not states >= 2 or not math.isfinite(states):
        raise BadInput(f"{states:g} states carry no bit; an energy per bit needs two or more")
    bits = math.log2(states)
    sigma = None if energy.sigma is None else energy.sigma / bits
    return Metric(energy.value / bits, sigma, "J", "energy-per-bit", energy.bound)


def per_area(energy: Metric, area: float, u_area: float = 0.0) -> Metric:
    """Return the energy for each square micrometre.

    Parameters
    ----------
    energy
        Of one event; a bound stays a bound.
    area, u_area
        Active area and its standard uncertainty, m^2.

    Raises
    ------
    BadInput
        The area is not positive.
    """
    if not (math.isfinite(area) and area > 0 and math.isfinite(u_area) and u_area >= 0):
        raise BadInput(f"an area of {area:g} +- {u_area:g} m^2 was given; it must be positive")
    value, relative = energy.value / (area * _UM2), u_area / area
    if energy.bound:
        high = value * (1 + 1.6448536269514722 * relative)
        return Metric(high, None, "J/um^2", "energy-per-area", bound=True)
    sigma = math.hypot((energy.sigma or 0.0) / (area * _UM2), value * relative)
    return Metric(value, sigma or None, "J/um^2", "energy-per-area")
