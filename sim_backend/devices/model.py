"""The contract of a device model: frozen parameters, state arrays, time in closed form.

A model says what any number of devices of one family do while the voltages on their terminals are
constant or change in straight lines. Nothing in it steps through time where a closed form exists,
so a pulse of 100 ns and ten years of rest cost the same, and nothing in it knows what is being
measured.

Theory of operation
-------------------
`DeviceModel.fresh` makes a `State`: one matrix of state variables and one of parameters, a column
for each device (device-to-device spread is drawn there, once). `DeviceModel.advance` takes the
state through one straight piece of time and returns the charge that went into each terminal, which
is all that a meter needs: a mean current over an aperture is a difference of charges.
`DeviceModel.current` looks without touching.

A state is plain numbers and can be copied back over itself, which is how a source in compliance
finds the moment at which its limit was reached. For that reason random numbers are not taken from a
sequence but looked up: `Stream` maps a key (which device, which excursion) to a number. The same
history therefore always meets the same numbers, however its time was cut into pieces, and a device
in an array meets those it would meet alone.

Terminals are electrical. A device that sees light also has optical ports, named by the wavelength
(``light 450 nm``, see `wavelength_of`); the level of one is an irradiance in W/m2, and no charge
goes in there.

A device that fluctuates (1/f noise, telegraph noise) looks its fluctuation up in `State.noise` by
its age, so a look twice at one moment sees the same, and a look does not change what comes after.

Every state begins with the rows of `TALLY`, which the model keeps for the truth: how often the
device was really excited, and by how much charge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labctl.errors import BadInput
from labctl.units import parse
from sim_backend.devices.stream import Array, Stream

__all__ = [
    "RELEASE", "TALLY", "Array", "DeviceModel", "Level", "Levels", "Piece", "State", "Stopped",
    "Stream", "Tally", "ends", "excursions", "released", "repeat_plainly", "sees_light", "spread",
    "turns_of", "wavelength_of",
]  # fmt: skip

#: a constant voltage, or a straight line from the first to the second, V
Level = float | tuple[float, float]
#: voltages by terminal and irradiances by optical port; what is not named is at zero
Levels = Mapping[str, Level]
#: straight levels and how long they last, s
Piece = tuple[Levels, float]

#: the first rows of every state: what was really done to the device
TALLY = ("positive", "negative", "side", "charge", "throughput", "peak")

#: an excursion ends below this share of the threshold
RELEASE = 0.9

_PORT = "light "


@dataclass(slots=True)
class State:
    """Any number of devices of one family, as they are now.

    Parameters
    ----------
    names
        Names of the rows of `values`, those of `TALLY` first.
    values
        State variables, shape (variables, devices).
    parameters
        Parameters as drawn for each device, shape (parameters, devices).
    first
        Number of the first device in its array or on its wafer: random numbers are looked up by
        ``first + column``.
    noise
        Where fluctuations of the conductance are looked up; None for none.
    """

    names: tuple[str, ...]
    values: Array
    parameters: Array
    first: int = 0
    noise: Stream | None = None
    #: what the model keeps ready for these parameters; never saved, may be dropped at any time
    ready: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    #: asked between the turns of a train; where it says yes, `Stopped` is raised
    stop: Callable[[], bool] | None = field(default=None, repr=False, compare=False)
    _places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._places = {name: row for row, name in enumerate(self.names)}

    @property
    def devices(self) -> int:
        """Number of devices."""
        return int(self.values.shape[1])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the devices, by which their random numbers are looked up."""
        return self.first + np.arange(self.devices, dtype=np.int64)

    def row(self, name: str) -> Array:
        """Return one state variable of all devices (a view, shape (devices,))."""
        row: Array = self.values[self._places[name]]
        return row

    def tally(self, device: int = 0) -> Tally:
        """Return what was really done to one device."""
        positive, negative, _, charge, throughput, peak = self.values[: len(TALLY), device].tolist()
        return Tally(int(positive), int(negative), charge, throughput, peak)


class Stopped(Exception):
    """A train was left because that was asked for; its values are to be put back by who asked."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was really done to a device since it was made."""

    positive: int  #: excursions above the switching threshold
    negative: int  #: excursions below minus the switching threshold
    charge: float  #: integral of the current into the first terminal, C
    throughput: float  #: integral of its magnitude, C
    peak: float  #: largest voltage magnitude across the device, V

    @property
    def pulses(self) -> int:
        """Excursions of either polarity."""
        return self.positive + self.negative


class DeviceModel(Protocol):
    """What a device family must offer; met without inheriting."""

    @property
    def terminals(self) -> tuple[str, ...]:
        """Names of the terminals, in the order of the rows of charges and currents."""

    @property
    def threshold(self) -> float:
        """Voltage magnitude above which the device is excited and an excursion is counted, V."""

    def fresh(self, devices: int, stream: Stream, *, spread: bool, first: int = 0) -> State:
        """Make devices in the initial condition of the model, with or without their spread.

        The device of a number is the same, alone or among others: `first` is that of column 0.
        """

    def advance(
        self,
        state: State,
        levels: Levels,
        duration: float,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through `duration` s of straight levels, in place.

        Parameters
        ----------
        state
            The devices; changed in place.
        levels
            Voltage on each terminal, V, and irradiance at each optical port, W/m2.
        duration
            Length, s; zero changes nothing.
        temperature
            Of the devices, K.
        stream
            Where cycle-to-cycle variation is looked up; None for none.

        Returns
        -------
        ndarray
            Charge into each terminal, C, shape (terminals, devices).
        """

    def repeat(
        self,
        state: State,
        pieces: Sequence[Piece],
        count: int,
        temperature: float,
        stream: Stream | None,
    ) -> Array:
        """Take all devices through the same pieces `count` times; returns as `advance` does.

        The state is the one that `count` turns of `advance` give. A family without a shorter way
        hands this to `repeat_plainly`; one that plays turns in a way of its own takes them from
        `turns_of`, so that a train of any length can be stopped.

        Raises
        ------
        Stopped
            `State.stop` said so; the state is then somewhere in the train.
        """

    def current(self, state: State, levels: Mapping[str, float]) -> Array:
        """Return the current into each terminal, A, shape (terminals, devices)."""

    def conductance(self, state: State) -> Array:
        """Return dI/dV between the first two terminals at zero, S, shape (devices,)."""

    def describe(self) -> dict[str, Any]:
        """Return family, preset, grade, citation, caveats and every parameter with its unit."""


def turns_of(state: State, count: int, together: int = 1) -> Iterator[int]:
    """Yield numbers of turns that add up to `count`; before each, a stop is heard.

    Parameters
    ----------
    state
        The devices; `State.stop` is asked.
    count
        Number of turns.
    together
        How many are played without asking: as many as take some milliseconds. How fast they are on
        this machine must not decide it, for numbers may go with it.

    Raises
    ------
    Stopped
        `State.stop` said so.

    Examples
    --------
    >>> list(turns_of(State(("x",), np.zeros((1, 1)), np.zeros((0, 1))), 10, 4))
    [4, 4, 2]
    """
    for done in range(0, count, together):
        if state.stop is not None and state.stop():
            raise Stopped
        yield min(together, count - done)


def repeat_plainly(
    model: DeviceModel,
    state: State,
    pieces: Sequence[Piece],
    count: int,
    temperature: float,
    stream: Stream | None,
) -> Array:
    """Take devices through the same pieces `count` times, one after another.

    Parameters
    ----------
    model, state, temperature, stream
        As for `DeviceModel.advance`.
    pieces
        One turn.
    count
        Number of turns.

    Returns
    -------
    ndarray
        Charge into each terminal over all turns, C, shape (terminals, devices).
    """
    total = np.zeros((len(model.terminals), state.devices))
    for _ in turns_of(state, count):
        for levels, duration in pieces:
            total += model.advance(state, levels, duration, temperature, stream)
    return total


@lru_cache(maxsize=256)
def wavelength_of(port: str) -> float | None:
    """Return the wavelength of an optical port in m, or None for a terminal.

    Raises
    ------
    BadInput
        The name begins like an optical port's, but no wavelength follows.

    Examples
    --------
    >>> wavelength_of("light 450 nm"), wavelength_of("top")
    (4.5e-07, None)
    """
    if not port.startswith(_PORT):
        return None
    length = parse(port.removeprefix(_PORT), "m")
    if not length > 0:
        raise BadInput(f'the optical port "{port}" was asked for; write it as "light 450 nm"')
    return length


def sees_light(model: DeviceModel) -> bool:
    """Whether a model has optical ports; such a model has a true attribute ``optical``."""
    return bool(getattr(model, "optical", False))


def spread(
    values: Sequence[float], sigma: float, devices: int, stream: Stream | None, first: int = 0
) -> Array:
    """Draw log-normal device-to-device variations round nominal values.

    Parameters
    ----------
    values
        Nominal parameters; the median of each draw.
    sigma
        Standard deviation of the logarithm.
    devices
        Number of columns.
    stream
        Where the numbers are looked up by (device, parameter); None for no variation.
    first
        Number of the first device, so that parts of an array can be made apart.

    Returns
    -------
    ndarray
        Shape (parameters, devices).
    """
    nominal = np.repeat(np.asarray(values, float)[:, np.newaxis], devices, axis=1)
    if stream is None or sigma == 0:
        return nominal
    numbers = first + np.arange(devices)
    draws = stream.normals(numbers[np.newaxis, :], np.arange(len(values))[:, np.newaxis])
    varied: Array = nominal * np.exp(sigma * draws)
    return varied


def excursions(side: float, first: float, last: float, threshold: float) -> tuple[int, int, float]:
    """Count the excursions that begin on a straight line of the voltage.

    Parameters
    ----------
    side
        +1 or -1 during an excursion of that sign, else 0.
    first, last
        Voltages at its ends, V.
    threshold
        An excursion begins above this magnitude and ends below `RELEASE` times it, V: a voltage
        that a limit holds at the threshold does not count again and again.

    Returns
    -------
    tuple
        Positive and negative excursions begun, and the side at the end.

    Examples
    --------
    >>> excursions(0.0, -1.0, 1.0, 0.3)
    (1, 1, 1.0)
    """
    begun = {1.0: 0, -1.0: 0}
    for level in (first, last):
        sign = math.copysign(1.0, level)
        if abs(level) > threshold and sign != side:
            begun[sign] += 1
            side = sign
    if abs(last) <= threshold and released(first, last, threshold):
        side = 0.0
    return begun[1.0], begun[-1.0], side


def released(first: float, last: float, threshold: float) -> bool:
    """Return whether a straight line below the threshold ends an excursion."""
    return first * last <= 0 or min(abs(first), abs(last)) < RELEASE * threshold


def ends(level: Level) -> tuple[float, float]:
    """Return the first and the last voltage of a level, V."""
    return level if isinstance(level, tuple) else (level, level)
