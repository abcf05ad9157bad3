"""The command table of the InfiniiVision X-Series: headers, parameters, and what they change.

Sources: InfiniiVision DSOX1204A/G Programmer's Guide and that of the 3000 X-Series. Understood is
what acquires and hands out waveforms; measurements, mathematics, serial buses, digital channels and
the display are not simulated. A value that is out of range becomes the nearest that is allowed,
without an error, as for offsets (page of ``:CHANnel<n>:OFFSet``); that it is so for all: check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim_backend.instruments.keysightdsox_circuit import Circuit
from sim_backend.instruments.keysightdsox_settings import (
    DIVISIONS,
    TIMES,
    Channel,
    Model,
    Settings,
)
from sim_backend.wire.parameters import Boolean, Bound, Choice, Number, Parameter, ScpiError, Text
from sim_backend.wire.scpi import Command

__all__ = ["setting_commands"]

_SUFFIX_RANGE, _CONFLICT, _MISSING_HARDWARE = -114, -221, -241
_NUMBER, _VOLTS, _SECONDS = Number(), Number(suffix="V"), Number(suffix="S")
_SPANS = (2e-9 * TIMES, 50.0 * TIMES)  # s
_FAR = 500.0  # s: farthest position
_MOST_AVERAGES = 65_536
_INPUTS: Mapping[str, str] = {f"CHANnel{n}": f"CHAN{n}" for n in range(1, 5)}

Put = Callable[..., object]
Ask = Callable[..., object]


class _Table:
    """Commands that set one thing and ask for it."""

    def __init__(self, model: Model, now: Callable[[], Settings], circuit: Circuit) -> None:
        self.model, self.now, self.circuit = model, now, circuit
        self.commands: list[Command] = []

    def add(self, header: str, put: Put | None, ask: Ask, *parameters: Parameter) -> None:
        """Add a command."""
        self.commands.append(Command(header, put, lambda *n: _told(ask(*n)), parameters))

    def field(self, header: str, name: str, kind: Parameter) -> None:
        """Add a setting that stands alone."""
        self.add(
            header,
            lambda value: setattr(self.now(), name, value),
            lambda: getattr(self.now(), name),
            kind,
        )

    def channel(self, number: int) -> Channel:
        """Return an input by its number."""
        if not 1 <= number <= self.model.channels:
            raise ScpiError(_SUFFIX_RANGE)
        return self.now().channels[number - 1]

    def of_channel(self, header: str, name: str, kind: Parameter) -> None:
        """Add a setting of an input."""
        self.add(
            f":CHANnel<n>{header}",
            lambda n, value: setattr(self.channel(n), name, value),
            lambda n: getattr(self.channel(n), name),
            kind,
        )


def setting_commands(model: Model, now: Callable[[], Settings], circuit: Circuit) -> list[Command]:
    """Return the commands that set something, and those that ask for it.

    Parameters
    ----------
    model
        Of the oscilloscope.
    now
        Returns the settings.
    circuit
        What the inputs are wired to.
    """
    table = _Table(model, now, circuit)
    for group in (_inputs, _vertical, _times, _acquire, _trigger, _waveform):
        group(table)
    return table.commands


def _clip(given: float | Bound, low: float, high: float, default: float) -> float:
    if isinstance(given, Bound):
        return {Bound.MINIMUM: low, Bound.MAXIMUM: high}.get(given, default)
    return min(high, max(low, given))


def _inputs(table: _Table) -> None:
    table.of_channel(":BWLimit", "limited", Boolean())
    table.of_channel(":DISPlay", "shown", Boolean())
    table.of_channel(":INVert", "inverted", Boolean())
    table.of_channel(":COUPling", "coupling", Choice({"AC": "AC", "DC": "DC"}))
    table.of_channel(":UNITs", "unit", Choice({"VOLT": "VOLT", "AMPere": "AMP"}))
    table.add(
        ":CHANnel<n>:LABel",
        lambda n, text: setattr(table.channel(n), "label", text[:10].upper()),
        lambda n: f'"{table.channel(n).label}"',
        Text(),
    )
    table.add(
        ":CHANnel<n>:IMPedance",
        lambda n, kind: _set_impedance(table, n, kind),
        lambda n: table.channel(n).impedance,
        Choice({"ONEMeg": "ONEM", "FIFTy": "FIFT"}),
    )
    table.add(":CHANnel<n>", None, lambda n: _summary(table.channel(n), n))
    table.add(
        ":EXTernal:RANGe",
        lambda v: setattr(table.now(), "external_range", 1.6 if v == 1.6 else 8.0),
        lambda: table.now().external_range,
        _VOLTS,
    )


def _set_impedance(table: _Table, number: int, kind: str) -> None:
    channel = table.channel(number)
    if kind == "FIFT" and not table.model.fifty:
        raise ScpiError(_MISSING_HARDWARE)
    channel.impedance = kind
    if kind == "FIFT":
        channel.scale = min(channel.scale, channel.probe)  # no more than 1 V a division
    if number == 2:
        table.circuit.terminate(fifty=kind == "FIFT")


def _summary(c: Channel, number: int) -> str:
    return (
        f":CHAN{number}:RANG {c.range:+.2E};OFFS {c.offset:+.5E};COUP {c.coupling};"
        f"IMP {c.impedance};DISP {int(c.shown)};BWL {int(c.limited)};INV {int(c.inverted)};"
        f'LAB "{c.label}";UNIT {c.unit};PROB {c.probe:+.2E};PROB:SKEW +0.00E+00;STYP SING'
    )


def _vertical(table: _Table) -> None:
    model = table.model

    def set_scale(number: int, given: float | Bound) -> None:
        channel = table.channel(number)
        most = 1.0 if channel.impedance == "FIFT" else model.most
        low, high = (edge * channel.probe for edge in (model.least, most))
        channel.scale = _clip(given, low, high, 5.0)

    def set_range(number: int, given: float | Bound) -> None:
        set_scale(number, given if isinstance(given, Bound) else given / DIVISIONS)

    def set_probe(number: int, given: float | Bound) -> None:
        channel, factor = table.channel(number), _clip(given, 0.1, 1e4, 1.0)
        channel.scale *= factor / channel.probe
        channel.offset *= factor / channel.probe
        channel.probe = factor

    def set_offset(number: int, given: float | Bound) -> None:
        channel = table.channel(number)
        # small scales leave less room [check]
        most = (2.0 if channel.scale < 0.2 * channel.probe else 50.0) * channel.probe
        channel.offset = _clip(given, -most, most, 0.0)

    table.add(":CHANnel<n>:SCALe", set_scale, lambda n: table.channel(n).scale, _VOLTS)
    table.add(":CHANnel<n>:RANGe", set_range, lambda n: table.channel(n).range, _VOLTS)
    table.add(":CHANnel<n>:PROBe", set_probe, lambda n: table.channel(n).probe, _NUMBER)
    table.add(":CHANnel<n>:OFFSet", set_offset, lambda n: table.channel(n).offset, _VOLTS)


def _times(table: _Table) -> None:
    now = table.now

    def set_span(given: float | Bound) -> None:
        now().span = _clip(given, *_SPANS, 1e-3)

    def set_scale(given: float | Bound) -> None:
        set_span(given if isinstance(given, Bound) else given * TIMES)

    def set_position(given: float | Bound) -> None:
        now().position = _clip(given, -_FAR, _FAR, 0.0)

    table.field(":TIMebase:MODE", "timebase_mode", Choice({"MAIN": "MAIN"}))
    reference = Choice({"LEFT": "LEFT", "CENTer": "CENT", "RIGHt": "RIGH"})
    table.field(":TIMebase:REFerence", "reference", reference)
    for header in (":TIMebase", ":TIMebase:MAIN"):
        table.add(f"{header}:RANGe", set_span, lambda: now().span, _SECONDS)
        table.add(f"{header}:SCALe", set_scale, lambda: now().span / TIMES, _SECONDS)
    table.add(":TIMebase:POSition", set_position, lambda: now().position, _SECONDS)
    table.add(
        ":TIMebase",
        None,
        lambda: (
            f":TIM:MODE {now().timebase_mode};REF {now().reference};"
            f"MAIN:RANG {now().span:+.2E};POS {now().position:+.5E}"
        ),
    )


def _acquire(table: _Table) -> None:
    now, model = table.now, table.model

    def put_whole(name: str, low: int, high: int, default: int) -> Put:
        return lambda given: setattr(now(), name, round(_clip(given, low, high, default)))

    types = Choice({"NORMal": "NORM", "AVERage": "AVER", "HRESolution": "HRES"})
    table.field(":ACQuire:TYPE", "acquired", types)
    table.add(
        ":ACQuire:MODE",
        lambda segmented: _set_mode(now(), segmented),
        lambda: "SEGM" if now().segmented else "RTIM",
        Choice({"RTIMe": False, "SEGMented": True}),
    )
    table.add(
        ":ACQuire:COUNt", put_whole("averages", 2, _MOST_AVERAGES, 8), lambda: now().averages,
        _NUMBER,
    )  # fmt: skip
    table.add(
        ":ACQuire:SEGMented:COUNt", put_whole("segments", 2, model.segments, 25),
        lambda: now().segments, _NUMBER,
    )  # fmt: skip
    table.add(
        ":ACQuire:SEGMented:INDex", put_whole("index", 1, model.segments, 1), lambda: now().index,
        _NUMBER,
    )  # fmt: skip
    table.add(":ACQuire:POINts", None, lambda: now().available(model))
    table.add(":ACQuire:SRATe", None, lambda: 1.0 / now().interval(model))
    table.add(":ACQuire:COMPlete", lambda _: None, lambda: 100, _NUMBER)


def _set_mode(now: Settings, segmented: bool) -> None:
    if segmented and now.acquired == "AVER":
        raise ScpiError(_CONFLICT)
    now.segmented, now.index = segmented, 1


def _trigger(table: _Table) -> None:
    now = table.now
    sources = Choice({**_INPUTS, "EXTernal": "EXT"})

    def set_source(source: str) -> None:
        if source != "EXT":
            table.channel(int(source[-1]))
        now().source = source
        now().level = now().levels.get(source, 0.0)

    def set_level(level: float, source: str = "") -> None:
        where = source or now().source
        now().levels[where] = level
        if where == now().source:
            now().level = level

    table.field(":TRIGger:MODE", "trigger_mode", Choice({"EDGE": "EDGE"}))
    table.field(":TRIGger:SWEep", "sweep", Choice({"AUTO": "AUTO", "NORMal": "NORM"}))
    table.add(
        ":TRIGger:HOLDoff",
        lambda given: setattr(now(), "holdoff", _clip(given, 60e-9, 10.0, 60e-9)),
        lambda: now().holdoff,
        _SECONDS,
    )
    slopes = Choice({"POSitive": "POS", "NEGative": "NEG"})
    couplings = Choice({"DC": "DC", "AC": "AC", "LFReject": "LFR"})
    for edge in (":TRIGger:EDGE", ":TRIGger"):
        table.add(f"{edge}:SOURce", set_source, lambda: now().source, sources)
        table.field(f"{edge}:SLOPe", "slope", slopes)
        table.field(f"{edge}:COUPling", "trigger_coupling", couplings)
        table.commands.append(
            Command(
                f"{edge}:LEVel",
                set_level,
                lambda: _told(now().level),
                (Number(names=(), suffix="V"), sources),
                required=1,
            )
        )


def _waveform(table: _Table) -> None:
    now = table.now

    def set_source(number: int) -> None:
        table.channel(number)
        now().wave_source = number

    table.add(
        ":WAVeform:SOURce",
        set_source,
        lambda: f"CHAN{now().wave_source}",
        Choice({word: number for number, word in enumerate(_INPUTS, 1)}),
    )
    formats = Choice({"BYTE": "BYTE", "WORD": "WORD", "ASCii": "ASC"})
    table.field(":WAVeform:FORMat", "wave_format", formats)
    table.field(":WAVeform:UNSigned", "unsigned", Boolean())
    table.add(
        ":WAVeform:BYTeorder",
        lambda big: setattr(now(), "big_endian", big),
        lambda: "MSBF" if now().big_endian else "LSBF",
        Choice({"MSBFirst": True, "LSBFirst": False}),
    )
    modes = Choice({"NORMal": "NORM", "RAW": "RAW", "MAXimum": "MAX"})
    table.field(":WAVeform:POINts:MODE", "points_mode", modes)


def _told(value: Any) -> str:
    """Return a value as the instrument answers it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return f"{value:+d}"
    return f"{value:+.6E}" if isinstance(value, float) else str(value)
