"""Optoelectronic synapses: light potentiates, a voltage depresses."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Len
from msgspec.structs import replace
from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from labctl.outline import waveform_panel
from labctl.protocol import Measured, Protocol, Reference
from labctl.results import Panel, Results
from labctl.steps import Label, Play, Steps
from labctl.units import (
    Ampere,
    Counts,
    Irradiance,
    Irradiances,
    Metre,
    Ohm,
    Rates,
    Second,
    Seconds,
    SquareMetre,
    Unit,
    Volt,
    log_spaced,
    parse_series,
)
from labctl.waveform import Node, Segment, Window, pulse, read, rest, segment, ticks, train
from protocols.optical_results import GAP, MODES, Lamp, optical_results
from protocols.parameters import Compliance, ReadVoltage, ReadWidth, Repeats, Terminal

__all__ = ["Optical"]

_PRELIGHT = 5  # flashes before a pair of the four modes
_BETWEEN = 0.5  # of a pair of the modes, s
_LATER = 5.0  # before and after a pair of the modes, s


def _named(value: object) -> object:
    """Read names written as one text, with commas between."""
    return tuple(x.strip() for x in value.split(",")) if isinstance(value, str) else value


def _metres(value: object) -> object:
    return parse_series(value, "m") if isinstance(value, str) else value


Part = Literal["spectrum", "dose", "pairs", "frequency", "decay", "updates", "modes"]
Parts = Annotated[tuple[Part, ...], BeforeValidator(_named)]
Ports = Annotated[tuple[str, ...], BeforeValidator(_named)]
Wavelengths = Annotated[tuple[Annotated[Metre, Gt(0)], ...], BeforeValidator(_metres)]
Efficiency = Annotated[float, Unit("W/m2/A")]


class Optical(Protocol):
    """Light pulses against wavelength, dose, interval, rate and number, and with voltage pulses.

    Every measurement begins on a device whose traps a negative voltage has emptied (`reset`), after
    a time in the dark, and with a read that shows whether it did. The response to a light pulse is
    the current at its end, under the read voltage, above the dark current before the first one.
    *Spectrum*: one pulse at each optical port. *Dose*: pulses of rising irradiance. *Pairs*:
    facilitation by light. *Frequency*: trains at several rates. *Decay*: in the dark after one and
    after many pulses (short-term to long-term). *Updates*: light up, voltage down. *Modes*: the
    four ordered pairs of light (L) and voltage (V) on a device lit before, against none of them.

    Light comes from optical ports, whose levels are irradiances, or from a diode on a channel of an
    SMU; then give its `efficiency`, and the irradiance is that of the current measured in it. After
    Ma et al., Nano-Micro Lett. 16 (2024) (facilitation) and Xia et al., Nano-Micro Lett. 2025, 17,
    217 (light potentiates, voltage depresses, four modes of co-modulation).
    """

    title: ClassVar[str] = "Optoelectronic synapse"
    summary: ClassVar[str] = (
        "Light pulses: wavelength, dose, pairs, rate, decay; light and voltage."
    )
    purpose: ClassVar[str] = "light"
    reference: ClassVar[Reference] = Reference(
        "", text="Ma et al., Nano-Micro Lett. 16 (2024); Xia et al., Nano-Micro Lett. 2025, 17, 217"
    )

    kind: Literal["optical"] = "optical"
    parts: Annotated[Parts, Len(1), Field(description="Which parts are measured, in order.")] = (
        "spectrum", "dose", "pairs", "frequency", "decay", "updates", "modes",
    )  # fmt: skip
    irradiance: Annotated[Irradiance, Gt(0), Field(description="Of a light pulse.")] = 10.0
    width: Annotated[Second, Gt(0), Field(description="Length of a light pulse.")] = 1.0
    repeats: Repeats = 2
    ports: Annotated[Ports, Len(1), Field(description="Optical ports of the spectrum.")] = (
        "deep", "uv", "violet", "blue", "green", "orange",
    )  # fmt: skip
    wavelengths: Annotated[Wavelengths, Len(1), Field(description="Of these ports.")] = (
        280e-9, 365e-9, 405e-9, 450e-9, 520e-9, 600e-9,
    )  # fmt: skip
    irradiances: Annotated[Irradiances, Len(2), Field(description="Of the doses.")] = log_spaced(
        0.1, 300.0, 8
    )
    intervals: Annotated[
        Seconds, Len(1), Field(description="Between the light pulses of a pair.")
    ] = log_spaced(0.1, 20.0, 8)
    rates: Annotated[Rates, Len(1), Field(description="Of the trains of light pulses.")] = (
        0.05, 0.1, 0.2, 0.4, 0.8,
    )  # fmt: skip
    flashes: Annotated[PositiveInt, Field(description="Light pulses in such a train.")] = 10
    trains: Annotated[Counts, Len(1), Field(description="Light pulses before a decay.")] = (1, 20)
    period: Annotated[Second, Gt(0), Field(description="From one light pulse to the next.")] = 2.0
    decay: Annotated[
        Seconds, Len(3), Field(description="Reads in the dark, from the end of the light.")
    ] = log_spaced(0.1, 300.0, 16)
    updates: Annotated[PositiveInt, Field(description="Pulses in each direction.")] = 20
    bright: Annotated[
        Irradiance, Gt(0), Field(description="Of the light pulses of updates and modes.")
    ] = 50.0
    erase: Annotated[Volt, Field(description="Voltage pulse that depresses.")] = -2.0
    erase_width: Annotated[Second, Gt(0), Field(description="Its length.")] = 10e-3
    reset: Annotated[
        Volt, Field(description="Voltage pulse that empties all traps; 0 V only waits.")
    ] = -3.0
    dark: Annotated[Second, Gt(0), Field(description="Time in the dark after it.")] = 1.0
    after: Annotated[Second, Gt(0), Field(description="From a pulse to the read of it.")] = 0.1
    read: ReadVoltage = 0.1
    read_width: ReadWidth = 10e-3
    compliance: Compliance = 1e-3
    read_range: Annotated[
        Ampere | None, Gt(0), Field(description="Current range of the device; else compliance.")
    ] = 10e-6
    area: Annotated[
        SquareMetre | None, Gt(0), Field(description="Lit area, for powers and energies.")
    ] = 100e-12
    light: Annotated[Terminal, Field(description="Optical port, or terminal of a diode.")] = "uv"
    terminal: Terminal = "top"
    efficiency: Annotated[
        Efficiency | None, Gt(0), Field(description="Irradiance for 1 A of a diode; none: a port.")
    ] = None
    forward: Annotated[Volt, Ge(0), Field(description="Forward voltage of the diode.")] = 2.9
    resistance: Annotated[Ohm, Gt(0), Field(description="Series resistance of the diode.")] = 10.0

    @model_validator(mode="after")
    def _fit_together(self) -> Optical:
        if len(self.ports) != len(self.wavelengths):
            raise ValueError(
                f"{len(self.ports)} ports and {len(self.wavelengths)} wavelengths were given; give "
                "each port its wavelength"
            )
        if self.reset > 0 or self.erase >= 0:
            raise ValueError(
                f"reset and erase are {self.reset:g} V and {self.erase:g} V; a negative voltage "
                "depresses, so give erase below 0 V and reset at most 0 V"
            )
        fastest = 1 / (self.width + GAP)
        if "frequency" in self.parts and max(self.rates) > fastest:
            raise ValueError(
                f"a rate of {max(self.rates):g} Hz was asked for with light pulses of "
                f"{self.width:g} s; at most {fastest:.4g} Hz is possible"
            )
        return self._check_times()

    def _check_times(self) -> Optical:
        shortest = GAP + self.read_width
        if self.period < self.width + self.after + shortest + GAP:
            raise ValueError(
                f"a period of {self.period:g} s was asked for; a light pulse and the read after "
                f"it take {self.width + self.after + shortest + GAP:g} s"
            )
        steps = [b - a for a, b in itertools.pairwise((0.0, *self.decay))]
        if min(steps) < shortest or self.after < GAP or min(self.intervals) < GAP:
            raise ValueError(
                f"times closer than {shortest:g} s apart in decay, or than {GAP:g} s in after and "
                "intervals, leave no room for a read; give longer ones"
            )
        return self

    # what is played -----------------------------------------------------------------------------

    def steps(self) -> Steps:
        """Play the parts asked for, each in random order within itself."""
        plays = {
            "spectrum": self._spectrum, "dose": self._dose, "pairs": self._pairs,
            "frequency": self._frequency, "decay": self._decay, "updates": self._updates,
            "modes": self._modes,
        }  # fmt: skip
        for part in self.parts:
            yield from plays[part]()

    def _spectrum(self) -> Steps:
        colours = tuple(zip(self.ports, self.wavelengths, strict=True))
        for port, wavelength in self.shuffled(colours * self.repeats):
            seen = self.flash(self.irradiance, port) + rest(self.after) + self._look()
            yield self._trial(seen, {"part": "spectrum", "port": port, "wavelength": wavelength})

    def _dose(self) -> Steps:
        for level in self.shuffled(self.irradiances * self.repeats):
            seen = self.flash(level) + rest(self.after) + self._look()
            yield self._trial(seen, {"part": "dose", "irradiance": level})

    def _pairs(self) -> Steps:
        for interval in self.shuffled(self.intervals * self.repeats):
            yield self._trial(self.pair(interval), {"part": "pair", "interval": interval})

    def _frequency(self) -> Steps:
        for rate in self.shuffled(self.rates * self.repeats):
            waveform = self._flashes(self.flashes, 1 / rate, self.irradiance)
            yield self._trial(waveform, {"part": "frequency", "rate": rate})

    def _decay(self) -> Steps:
        for count in self.shuffled(self.trains * self.repeats):
            waveform = self._flashes(count, self.period, self.irradiance)
            for before, time in itertools.pairwise((0.0, *self.decay)):
                pause = time - before - (self.read_width if before else 0.0)
                waveform = waveform + rest(pause) + self._look()
            yield self._trial(waveform, {"part": "decay", "count": count})

    def _updates(self) -> Steps:
        for cycle in range(self.repeats):
            up = train(self._seen(self.flash(self.bright)), self.period, self.updates)
            yield self._trial(up, {"part": "potentiation", "cycle": cycle})
            down = train(self._seen(self._erasing()), self.period, self.updates)
            yield self._play(down, {"part": "depression", "cycle": cycle})

    def _modes(self) -> Steps:
        for mode in self.shuffled(MODES * self.repeats):
            yield self._trial(self.mode(mode), {"part": "mode", "mode": mode})

    def mode(self, mode: str) -> Node:
        """Return a pair of stimuli on a device lit before: L light, V voltage, - neither."""
        lit = self.flash(self.bright)
        parts = {"L": lit, "V": self._erasing(), "-": rest(lit.duration)}
        first, second = (parts[letter] for letter in mode)
        before = self._flashes(_PRELIGHT, self.period, self.bright) + rest(_LATER)
        return before + first + rest(_BETWEEN) + second + rest(_LATER) + self._look()

    def pair(self, interval: float) -> Node:
        """Return two light pulses with the dark interval between them."""
        return self.flash(self.irradiance) + rest(interval) + self.flash(self.irradiance)

    def flash(self, irradiance: float, port: str = "") -> Segment:
        """Return a light pulse under the read voltage, measured at its end.

        Parameters
        ----------
        irradiance
            On the device, W/m2.
        port
            Optical port; the one of the protocol if empty.
        """
        port, whole = port or self.light, ticks(self.width)
        level = irradiance
        if self.efficiency is not None:
            level = self.forward + self.resistance * irradiance / self.efficiency
        windows = tuple(
            Window(name, round(0.98 * whole), round(0.999 * whole), "pulse")
            for name in (self.terminal, port)
        )
        levels = {port: level, self.terminal: self.read}
        return segment(self.width, levels, windows=windows, role="pulse")

    def preview(self) -> tuple[Panel, ...]:
        """Return a pair of light pulses and a mode, to scale: light and voltage apart."""
        pair = self._ready() + self.pair(min(self.intervals))
        unit, label = ("V", "diode") if self.efficiency else ("W/m2", "irradiance")
        return (
            waveform_panel("Pair of light pulses: light", pair, (self.light,), label=label,
                           unit=unit, branch="potentiation"),
            waveform_panel("Pair of light pulses: device", pair, (self.terminal,)),
        )  # fmt: skip

    def analyse(self, record: Measured) -> Results:
        """Return responses, facilitation, decays, update curve, modes and energies.

        Metrics: ``responsivity``, ``selectivity``, ``dose_slope_low`` and ``_high``, ``index``,
        ``gain_low`` and ``_high``, ``left_<count>`` and ``tau_<count>``, ``light_change``,
        ``voltage_change``, the update's figures, ``mode_LL`` ... ``mode_VV``, ``energy_optical``,
        ``energy_lit``, ``energy_depression``, ``returned``. Fits: ``pair_<law>``,
        ``decay_<count>_<law>``, ``neurosim``.
        """
        lamp = Lamp(self.light, self.terminal, self.efficiency, self.area, self.irradiance)
        found = optical_results(record, lamp)
        return replace(found, panels=(*self.preview(), *found.panels))

    def _trial(self, waveform: Node, label: Label) -> Play:
        """Return a waveform on a device that has just been emptied."""
        return self._play(self._ready() + waveform, label)

    def _ready(self) -> Node:
        emptied = pulse(self.reset, self.erase_width, terminal=self.terminal, measured=False)
        before = emptied + rest(self.dark) if self.reset else rest(self.dark)
        return before + self._look() + rest(GAP)

    def _play(self, waveform: Node, label: Label) -> Play:
        most = min(self.read_range or self.compliance, self.compliance)
        return Play(waveform, self.compliance, {self.terminal: most}, label)

    def _flashes(self, count: int, period: float, irradiance: float) -> Node:
        one = self.flash(irradiance)
        return train(one, period, count - 1) + one if count > 1 else one

    def _seen(self, stimulus: Node) -> Node:
        return stimulus + rest(self.after) + self._look()

    def _erasing(self) -> Node:
        return pulse(self.erase, self.erase_width, terminal=self.terminal)

    def _look(self) -> Segment:
        return read(self.read, self.read_width, terminal=self.terminal)
