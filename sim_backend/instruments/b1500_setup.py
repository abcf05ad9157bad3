"""What a virtual B1500A is set to for its measurements, and how its data are written.

The mark [C] is that of `b1500_specification`: to be checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sim_backend.instruments.b1500_smu import Taken

__all__ = ["Converter", "Pulse", "Sampling", "Setup", "Staircase", "data", "stamp"]

_HIGH_SPEED_SAMPLE = 6e-6  # s of the high-speed converter [C]
_HIGH_RESOLUTION = 20e-3  # s, of the first step of the high-resolution converter [C]
_PULSE_SHARE, _PULSE_MOST = 0.1, 1e-3  # of a pulse, and s: its automatic measurement [C]
_LETTERS = "ABCDEFGHIJ"  # of the channels 1 to 10
_TICK = 100e-6  # s, of the time stamps (programming guide, page 3-130)
_NO_NUMBER = {5: "+199.999E+99", 6: "+199.9999E+99"}  # of that many digits [C]
_DIGITS = {1: 5, 2: 5, 5: 5, 11: 6, 12: 6, 15: 6, 21: 6, 22: 6, 25: 6}


@dataclass(slots=True)
class Converter:
    """Mode and coefficient of an A/D converter (``AIT``)."""

    mode: int = 0
    coefficient: float = 1.0

    def aperture(self, kind: int, frequency: float, width: float = 0.0) -> float:
        """Return the time of a measurement, s.

        Parameters
        ----------
        kind
            0 high speed, 1 high resolution, 2 for pulses.
        frequency
            Of the mains, Hz.
        width
            Of the pulse, s.
        """
        if self.mode == 3:
            return self.coefficient
        if self.mode == 2:
            return self.coefficient / frequency
        if kind == 2:
            return min(_PULSE_SHARE * width, _PULSE_MOST)
        one = _HIGH_RESOLUTION if kind else _HIGH_SPEED_SAMPLE
        return one * self.coefficient * (10.0 if self.mode == 0 and kind == 0 else 1.0)


@dataclass(slots=True)
class Pulse:
    """``PT``, and ``PV`` or ``PWV``."""

    hold: float = 0.0
    width: float = 1e-3
    period: float = 10e-3
    channel: int = 0  #: 0: no source is set
    code: int = 0
    base: float = 0.0
    levels: tuple[float, ...] = ()
    compliance: float = 1e-3
    sweep: bool = False  #: set by ``PWV``


@dataclass(slots=True)
class Staircase:
    """``WT``, ``WM`` and ``WV``."""

    times: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)  #: hold, delay, step delay, triggers
    abort: int = 1
    post: int = 1  #: 1 start, 2 stop
    channel: int = 0
    code: int = 0
    levels: tuple[float, ...] = ()
    compliance: float = 1e-3
    told: str = ""  #: the parameters as they came


@dataclass(slots=True)
class Sampling:
    """``MT``, ``MSC`` and ``MV``."""

    bias_hold: float = 0.0
    interval: float = 2e-3
    number: int = 1000
    base_hold: float = 0.0
    abort: int = 1
    post: int = 2  #: 1 base, 2 bias
    sources: dict[int, tuple[int, float, float, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Setup:
    """Everything that is not a channel's own."""

    mode: int = 0
    measured: tuple[int, ...] = ()
    format: int = 1
    output: int = 0  #: second parameter of ``FMT``
    stamped: bool = False
    zero: float = 0.0  #: when the timer was cleared, s
    average: tuple[int, int] = (1, 0)
    autozero: int = 0
    calibration: int = 0
    parallel: int = 0
    converters: dict[int, Converter] = field(
        default_factory=lambda: {0: Converter(), 1: Converter(0, 6.0), 2: Converter()}
    )
    pulse: Pulse = field(default_factory=Pulse)
    staircase: Staircase = field(default_factory=Staircase)
    sampling: Sampling = field(default_factory=Sampling)

    def aperture(self, kind: int, frequency: float, width: float = 0.0) -> float:
        """Return the time of a measurement with a kind of converter, s."""
        number, _ = self.average
        if kind == 0 and number < 0:
            return -number / frequency
        return self.converters[kind].aperture(kind, frequency, width)


def data(form: int, number: int, taken: Taken, status: str) -> str:
    """Return one value as it is sent (programming guide, pages 1-26 to 1-35).

    Parameters
    ----------
    form
        Of ``FMT``: 1, 2, 5, 11, 12, 15, 21, 22 or 25.
    number
        Of the channel.
    taken
        The reading.
    status
        Its letter.
    """
    digits = _DIGITS[form]
    text = _NO_NUMBER[digits] if taken.over else f"{taken.value:+.{digits}E}"
    if form in (2, 12, 22):
        return text
    kind = taken.quantity.upper()
    if form in (21, 25):
        code = {"N": 0, "T": 4, "C": 8, "V": 1}[status]
        return f"{code:03d}{_LETTERS[number - 1]}{kind}{text}"
    return f"{status}{_LETTERS[number - 1]}{kind}{text}"


def stamp(form: int, number: int, time: float) -> str:
    """Return a time stamp as it is sent, in its ticks of 100 us."""
    text = f"{round(time / _TICK) * _TICK:+.{_DIGITS[form]}E}"
    if form in (2, 12, 22):
        return text
    status = "000" if form in (21, 25) else "N"
    return f"{status}{_LETTERS[number - 1]}T{text}"
