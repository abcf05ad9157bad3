"""Energy of an event: the integral over a captured waveform, and the parts it is made of.

The parts add up to the integral::

    integral of v i dt = switching + leakage + charging + read

`leakage` is what the device would take without switching, from its conductance below threshold;
`charging` is what the capture stores in the capacitance and gets back, zero for a whole pulse;
`read` is what flows in the read windows. Beside them stands ``C V^2``, what a supply that takes
nothing back spends on the capacitance for each pulse; it is no part of the integral.

Every uncertainty is propagated by its cause: gains, offsets, clock and skew are common to all
samples, and to all parts, so the parts are correlated and their covariance is returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.accuracy import Accuracy
from labctl.analysis.energy import floored
from labctl.errors import BadInput
from labctl.results import Column, Metric, Table

__all__ = [
    "Capacitance",
    "EnergyParts",
    "Event",
    "Leakage",
    "event_energy",
    "reference_pulse",
    "split_energy",
]  # fmt: skip

Array = NDArray[np.float64]

_PARTS = ("total", "switching", "leakage", "charging", "read")
_PULSE = 0.05  # of the largest level: what stays below is no pulse
_TOP = 0.95  # of the peak: samples above make up the level of a pulse


class Capacitance(msgspec.Struct, frozen=True):
    """Capacitance seen by the source: device, pads and fixture."""

    value: float  #: F
    u: float = 0.0  #: standard uncertainty, F


class Leakage(msgspec.Struct, frozen=True):
    """Conductance of the device where it does not switch."""

    value: float  #: S
    u: float = 0.0  #: standard uncertainty without the gains when they are shared, S
    shared: bool = False  #: measured on the ranges of the event, so with the same gain errors


@dataclass(frozen=True, slots=True)
class Event:
    """A captured waveform on one terminal."""

    t: Array  #: times of the samples, s, rising
    v: Array  #: V
    i: Array  #: A, positive into the terminal
    accuracy: Accuracy = field(default_factory=Accuracy)

    @classmethod
    def of(
        cls, t: ArrayLike, v: ArrayLike, i: ArrayLike, accuracy: Accuracy | None = None
    ) -> Event:
        """Check and make an event.

        Raises
        ------
        BadInput
            Arrays of different length, fewer than three samples, a value that is not finite, or
            times that do not rise.
        """
        times, volts, amperes = (np.ravel(np.asarray(part, float)) for part in (t, v, i))
        if not len(times) == len(volts) == len(amperes):
            raise BadInput(
                f"{len(times)} times, {len(volts)} voltages and {len(amperes)} currents; their "
                "numbers must be equal"
            )
        bad = int(np.sum(~np.isfinite(times + volts + amperes)))
        if len(times) < 3 or bad:
            raise BadInput(
                f"a waveform of {len(times)} samples, {bad} of them not finite; an energy needs "
                "three or more, all finite, since a gap has no integral"
            )
        if not np.all(np.diff(times) > 0):
            raise BadInput("the times of the waveform do not rise; sort the samples by time")
        return cls(times, volts, amperes, accuracy or Accuracy())

    @property
    def weights(self) -> Array:
        """Trapezoidal weights, s."""
        h = np.diff(self.t)
        weights: Array = np.concatenate(([h[0]], h[:-1] + h[1:], [h[-1]])) / 2
        return weights


class EnergyParts(msgspec.Struct, frozen=True):
    """Energy of an event and its parts."""

    metrics: dict[str, Metric]  #: total, switching, leakage, charging, read, capacitive
    covariance: tuple[tuple[float, ...], ...]  #: of the five that add up, J^2
    budget: Table  #: standard uncertainty of each part by cause, J
    note: str = ""


def event_energy(event: Event) -> Metric:
    """Return the energy of an event, the integral of v i dt, without a split."""
    return split_energy(event).metrics["total"]


def split_energy(
    event: Event,
    *,
    leakage: Leakage | None = None,
    capacitance: Capacitance | None = None,
    reads: Sequence[tuple[float, float]] = (),
) -> EnergyParts:
    """Return the energy of an event and its parts, each with its standard uncertainty.

    Parameters
    ----------
    event
        Voltage and current against time.
    leakage
        Conductance below threshold, from `reference_pulse` or a read in the off state.
    capacitance
        From `reference_pulse` or the fixture.
    reads
        Start and end of each read window, s.

    Returns
    -------
    EnergyParts
        A part that its uncertainty exceeds is an upper 95 % bound.
    """
    reading = np.zeros(len(event.t), bool)
    for start, stop in reads:
        reading |= (event.t >= start) & (event.t <= stop)
    split = _Split(event, leakage or Leakage(0.0), capacitance or Capacitance(0.0), reading)
    causes, noise = split.causes(), split.noise()
    covariance = sum(np.outer(row, row) for row in causes.values()) + split.noise_covariance()
    stated = {"leakage": leakage, "capacitance": capacitance}
    missing = [name for name, part in stated.items() if part is None]
    return EnergyParts(
        split.metrics(np.sqrt(np.diag(covariance)), set(missing)),
        tuple(map(tuple, covariance.tolist())),
        _budget(causes | noise),
        f"not stated, so counted as switching: {', '.join(missing)}" if missing else "",
    )


def _budget(causes: dict[str, Array]) -> Table:
    rows = np.abs(np.array(list(causes.values())))
    columns = [Column("cause", "", tuple(causes))]
    columns += [Column(name, "J", tuple(rows[:, k].tolist())) for k, name in enumerate(_PARTS)]
    return Table("Standard uncertainty of the energy by cause", tuple(columns))


_ID = {"total": "integral"}


@dataclass(frozen=True, slots=True)
class _Split:
    """What the parts are computed from."""

    event: Event
    leakage: Leakage
    capacitance: Capacitance
    reading: NDArray[np.bool_]

    def energies(self) -> Array:
        """Return the parts in the order of `_PARTS`, J."""
        v, i, h = self.event.v, self.event.i, self.event.weights
        outside = ~self.reading
        power = h * v * i
        total, read = float(np.sum(power)), float(np.sum(power[self.reading]))
        leak = self.leakage.value * float(np.sum((h * v * v)[outside]))
        between = outside[1:] & outside[:-1]
        charging = self.capacitance.value / 2 * float(np.sum(np.diff(v * v)[between]))
        return np.array([total, total - read - leak - charging, leak, charging, read])

    def metrics(self, u: Array, missing: set[str]) -> dict[str, Metric]:
        """Return the parts that were stated, with their standard uncertainties `u`."""
        found = {
            name: floored(float(energy), float(s), f"energy-event-{_ID.get(name, name)}")
            for name, energy, s in zip(_PARTS, self.energies(), u, strict=True)
        }
        at = _PARTS.index("charging")
        charging, sigma = float(self.energies()[at]), float(u[at])
        found["charging"] = Metric(charging, sigma or None, "J", "energy-event-charging")
        found["capacitive"] = _capacitive(self.event, self.capacitance)
        left_out = set() if np.any(self.reading) else {"read"}
        left_out |= {"leakage"} & missing
        left_out |= {"charging", "capacitive"} if "capacitance" in missing else set()
        return {name: metric for name, metric in found.items() if name not in left_out}

    def causes(self) -> dict[str, Array]:
        """Return the change of every part by one standard uncertainty of each common cause."""
        a, e = self.event.accuracy, self.event
        slope = np.gradient(e.i, e.t)
        changes: dict[str, tuple[float, Callable[[float], _Split]]] = {
            "gain of the voltage": (a.gain_v, lambda x: self._scaled(1 + x, 1.0)),
            "offset of the voltage": (a.offset_v, lambda x: self._with(v=e.v + x)),
            "gain of the current": (a.gain_i, lambda x: self._scaled(1.0, 1 + x)),
            "offset of the current": (a.offset_i, lambda x: self._with(i=e.i + x)),
            "clock": (a.timebase, lambda x: self._with(t=e.t * (1 + x))),
            "skew": (a.skew, lambda x: self._with(i=e.i + x * slope)),
            "leakage": (self.leakage.u, lambda x: self._leaking(self.leakage.value + x)),
            "capacitance": (
                self.capacitance.u,
                lambda x: replace(self, capacitance=Capacitance(self.capacitance.value + x)),
            ),
        }
        found = {
            name: (make(u).energies() - make(-u).energies()) / 2
            for name, (u, make) in changes.items()
        }
        found["sampling"] = self._coarser()
        found["aperture"] = self._averaged(slope)
        both = a.offset_v * a.offset_i * float(np.sum(e.weights))
        found["both offsets"] = np.array([both, both, 0.0, 0.0, 0.0])
        return found

    def _with(
        self, t: Array | None = None, v: Array | None = None, i: Array | None = None
    ) -> _Split:
        e = self.event
        arrays = (e.t if t is None else t, e.v if v is None else v, e.i if i is None else i)
        return replace(self, event=Event(*arrays, e.accuracy))

    def _scaled(self, v: float, i: float) -> _Split:
        changed = self._with(v=self.event.v * v, i=self.event.i * i)
        return changed._leaking(self.leakage.value * i / v) if self.leakage.shared else changed

    def _leaking(self, value: float) -> _Split:
        return replace(self, leakage=Leakage(value, self.leakage.u, self.leakage.shared))

    def _coarser(self) -> Array:
        """Return what half the sampling would change, over three (Richardson): the missed part."""
        if len(self.event.t) < 5:
            return np.zeros(len(_PARTS))
        kept = slice(None, None, 2)
        e = self.event
        end = len(e.t) - (len(e.t) + 1) % 2  # an odd number has the same ends
        whole = replace(e, t=e.t[:end], v=e.v[:end], i=e.i[:end])
        half = replace(e, t=whole.t[kept], v=whole.v[kept], i=whole.i[kept])
        fine = replace(self, event=whole, reading=self.reading[:end]).energies()
        coarse = replace(self, event=half, reading=self.reading[:end][kept]).energies()
        missed: Array = (fine - coarse) / 3
        return missed

    def _averaged(self, slope: Array) -> Array:
        """Return the integral of the covariance of v and i inside an aperture."""
        e = self.event
        inside = e.weights * np.gradient(e.v, e.t) * slope * e.accuracy.aperture**2 / 12
        read = float(np.sum(inside[self.reading]))
        total = float(np.sum(inside))
        return np.array([total, total - read, 0.0, 0.0, read])

    def _slopes(self) -> tuple[Array, Array]:
        """Return the slopes of the parts by each sample of v and of i, shape (parts, samples)."""
        e, g, r = self.event, self.leakage.value, self.reading
        h, out = e.weights, ~r
        by_i = np.array([h * e.v, h * e.v * out, 0 * h, 0 * h, h * e.v * r])
        leak = 2 * g * e.v * h * out
        by_v = np.array([h * e.i, h * e.i * out - leak, leak, 0 * h, h * e.i * r])
        return by_v, by_i

    def noise(self) -> dict[str, Array]:
        """Return the standard uncertainty of every part from the noise of the samples."""
        a = self.event.accuracy
        names = ("noise of the voltage", "noise of the current")
        sizes = (a.noise_v, a.noise_i)
        return {
            name: size * np.sqrt(np.sum(slopes**2, axis=1))
            for name, size, slopes in zip(names, sizes, self._slopes(), strict=True)
        }

    def noise_covariance(self) -> Array:
        """Return the covariance of the parts from the noise of the samples."""
        a = self.event.accuracy
        by_v, by_i = self._slopes()
        covariance: Array = a.noise_v**2 * by_v @ by_v.T + a.noise_i**2 * by_i @ by_i.T
        return covariance


def _capacitive(event: Event, capacitance: Capacitance) -> Metric:
    """Return C V^2 summed over the pulses of a capture: whatever leaves zero and comes back."""
    size = np.abs(event.v)
    high = size > max(_PULSE * float(np.max(size)), 4 * event.accuracy.noise_v)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], high.astype(int), [0]))))
    squares = 0.0
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        part = size[start:stop]
        squares += float(np.mean(part[part >= _TOP * np.max(part)])) ** 2
    energy = capacitance.value * squares
    relative = 2 * event.accuracy.gain_v
    sigma = math.hypot(capacitance.u * squares, relative * energy)
    return floored(energy, sigma, "energy-capacitive-cv2")


def reference_pulse(event: Event) -> tuple[Capacitance, Leakage]:
    """Return capacitance and leakage from a pulse that does not switch.

    ``i = C dv/dt + G v + i0`` is fitted by least squares: with the device in place and a level
    below threshold both come out; on the open fixture the leakage is that of the fixture.

    Parameters
    ----------
    event
        The reference pulse. Without edges in the capture the capacitance is not determined.

    Returns
    -------
    Capacitance, Leakage
        With standard uncertainties from the scatter of the residuals and the gains of the ranges.

    Raises
    ------
    BadInput
        Fewer than six samples, or a level that never changes.
    """
    if len(event.t) < 6 or float(np.ptp(event.v)) == 0:
        raise BadInput(
            f"a reference pulse of {len(event.t)} samples at a level that may never change; "
            "capture at least six, with an edge"
        )
    rate = np.gradient(event.v, event.t)
    columns = np.stack((rate, event.v, np.ones(len(event.t))), axis=1)
    sizes = np.max(np.abs(columns), axis=0)
    scaled = columns / np.where(sizes > 0, sizes, 1.0)
    found, _, rank, _ = np.linalg.lstsq(scaled, event.i, rcond=None)
    if rank < 3:
        raise BadInput("voltage and its rate are alike in the reference pulse; capture an edge")
    left = event.i - scaled @ found
    variance = float(left @ left) / (len(left) - 3)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(scaled.T @ scaled))) / sizes
    c, g, _ = found / sizes
    gain = math.hypot(event.accuracy.gain_v, event.accuracy.gain_i)
    clock = math.hypot(gain, event.accuracy.timebase)
    return (
        Capacitance(float(c), math.hypot(float(errors[0]), abs(float(c)) * clock)),
        Leakage(float(g), math.hypot(float(errors[1]), abs(float(g)) * gain)),
    )
