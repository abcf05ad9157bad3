"""How long a gap takes: the travel time of `sim_backend.devices.rram_gap` at a constant voltage.

The range of the gap is cut into panels. In each, 1/speed is a cubic through four Gauss points, so
the time since the least gap is a quartic, positive and rising, and so is the charge. A move is then
two look-ups: from the width to its time, and from the time after the move to the width (Newton's
method within a panel). As the same polynomials serve both ways, moves add up to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.kernels import kernels
from sim_backend.devices.model import Array
from sim_backend.devices.parts.relaxation import BOLTZMANN

__all__ = ["Gap", "Travel", "travel"]

_KERNELS = "sim_backend.devices.kernels.gap"
_MANY = 500  # devices for which compiled code is loaded
_PANELS = 96
_NEWTON = 40  # steps at most; a bracket is kept
_SLOWEST = 1e30  # s/m, taken for no motion
_NODES = (np.polynomial.legendre.leggauss(4)[0] + 1.0) / 2.0
#: from values at the nodes to the coefficients of x, x^2, x^3, x^4 of the integral over 0 to x
_INTEGRAL = np.linalg.inv(np.vander(_NODES, 4, increasing=True)) / np.arange(1, 5)[:, np.newaxis]


class Gap(NamedTuple):
    """The numbers of the model, in SI."""

    current: float
    decay_length: float
    iv_scale: float
    speed: float
    energy: float  #: eV
    thermal: float
    thickness: float
    spacing: float
    gamma: float
    beta: float
    field_min: float
    least: float
    most: float

    def speeds(self, g: Array, voltage: float, ambient: float) -> Array:
        """Return |dg/dt| without a least field, m/s."""
        current = self.amperes(g, voltage)
        warm = BOLTZMANN * (ambient + self.thermal * np.abs(voltage * current))  # eV
        field = (self.gamma - self.beta * (g * 1e9) ** 3) * self.spacing / self.thickness
        push = np.clip(field * abs(voltage) / warm, 0.0, 500.0)
        return np.asarray(self.speed * np.exp(-self.energy / warm) * np.sinh(push))

    def amperes(self, g: Array, voltage: float) -> Array:
        """Return the current, A."""
        return np.asarray(self.scale(voltage) * np.exp(-g / self.decay_length))

    def scale(self, voltage: float) -> float:
        """Return the current without a gap, A."""
        factor = math.sinh(min(abs(voltage) / self.iv_scale, 300.0)) * math.copysign(1.0, voltage)
        return self.current * factor

    def reach(self, voltage: float) -> float:
        """Return the gap above which the field is too low to move it, m."""
        spare = self.gamma - self.field_min * self.thickness / abs(voltage)
        if self.beta == 0:
            return self.most if spare >= 0 else self.least
        widest = float((max(spare, 0.0) / self.beta) ** (1 / 3)) * 1e-9
        return min(max(widest, self.least), self.most)

    def holds(self, g: Array, voltage: float) -> bool:
        """Whether the field of a voltage is too low to move any of the gaps."""
        reach = self.reach(voltage)
        return reach <= self.least or bool(np.all(g > reach))


@dataclass(frozen=True, slots=True)
class Travel:
    """Times and charges from the least gap up, at one voltage.

    Parameters
    ----------
    gap
        The numbers of the model.
    voltage
        V.
    edges
        Of the panels, m, up to where the field moves the gap.
    times, charges
        At the edges, s and C.
    rates, flows
        Coefficients of time and charge within a panel, shape (4, panels).
    """

    gap: Gap
    voltage: float
    edges: Array
    times: Array
    charges: Array
    rates: Array
    flows: Array

    def move(self, g: Array, durations: Array) -> tuple[Array, Array]:
        """Return the gap after a time, and the charge that has flowed.

        Parameters
        ----------
        g
            At the start, m, shape (devices,).
        durations
            In the time of a device of nominal speed, s, shape (devices,).
        """
        fast = kernels(_KERNELS) if g.size >= _MANY else None
        if fast is not None:
            tables = self.edges, self.times, self.charges, self.rates, self.flows
            scale, sense = self.gap.scale(self.voltage), -1.0 if self.voltage > 0 else 1.0
            length = self.gap.decay_length
            after, passed = fast.move(g, durations, *tables, sense, scale, length)
            return after, passed
        resting = g > self.edges[-1] if self.edges.size > 1 else np.ones(g.shape, bool)
        there = np.where(resting, self.gap.least, g)
        amperes = self.gap.amperes(g, self.voltage)
        if resting.all():
            return g.copy(), amperes * durations
        panel, share = self._place(there)
        begin = self._value(self.times, self.rates, panel, share)
        sense = -1.0 if self.voltage > 0 else 1.0
        end = np.clip(begin + sense * durations, 0.0, self.times[-1])
        panel_end, share_end = self._solve(end)
        width = np.diff(self.edges)
        after = self.edges[panel_end] + share_end * width[panel_end]
        passed = self._value(self.charges, self.flows, panel_end, share_end) - self._value(
            self.charges, self.flows, panel, share
        )
        waited = np.maximum(durations - np.abs(end - begin), 0.0)
        charge = sense * passed + waited * self.gap.amperes(after, self.voltage)
        return np.where(resting, g, after), np.where(resting, amperes * durations, charge)

    def _place(self, g: Array) -> tuple[NDArray[np.intp], Array]:
        last = self.edges.size - 2
        panel = np.clip(np.searchsorted(self.edges, g, side="right") - 1, 0, last)
        start = self.edges[panel]
        return panel, (g - start) / (self.edges[panel + 1] - start)

    def _value(self, at: Array, coefficients: Array, panel: NDArray[np.intp], x: Array) -> Array:
        a, b, c, d = coefficients[:, panel]
        value: Array = at[panel] + x * (a + x * (b + x * (c + x * d)))
        return value

    def _solve(self, times: Array) -> tuple[NDArray[np.intp], Array]:
        """Return panel and share at which the travel times are reached."""
        last = self.edges.size - 2
        panel = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, last)
        a, b, c, d = self.rates[:, panel]
        wanted = times - self.times[panel]
        low, high = np.zeros(times.shape), np.ones(times.shape)
        x = np.clip(wanted / np.maximum(a + b + c + d, 1e-300), 0.0, 1.0)
        for _ in range(_NEWTON):
            excess = x * (a + x * (b + x * (c + x * d))) - wanted
            low, high = np.where(excess <= 0, x, low), np.where(excess >= 0, x, high)
            slope = a + x * (2 * b + x * (3 * c + x * 4 * d))
            step = x - excess / np.where(slope > 0, slope, np.inf)
            new = np.where((step > low) & (step < high), step, (low + high) / 2)
            if np.all(np.abs(new - x) <= 4e-16):
                break
            x = new
        return panel, x


def travel(gap: Gap, voltage: float, ambient: float) -> Travel:
    """Make the table of a voltage and an ambient temperature.

    Parameters
    ----------
    gap
        The numbers of the model.
    voltage
        V, not zero.
    ambient
        K.
    """
    edges = np.linspace(gap.least, gap.most, _PANELS + 1)
    reach = gap.reach(voltage)
    edges = np.append(edges[edges < reach], reach)
    width = np.diff(edges)
    nodes = edges[:-1] + _NODES[:, np.newaxis] * width
    slowness = np.minimum(1.0 / np.maximum(gap.speeds(nodes, voltage, ambient), 1e-300), _SLOWEST)
    rates = _INTEGRAL @ slowness * width
    flows = _INTEGRAL @ (slowness * gap.amperes(nodes, voltage)) * width
    times, charges = (np.append(0.0, np.cumsum(c.sum(axis=0))) for c in (rates, flows))
    return Travel(gap, voltage, edges, times, charges, rates, flows)
