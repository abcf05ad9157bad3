"""The commands of the pulse card, ``:PMU:...``, as a table (KXCI Programming, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_card import PULSE, SEGMENTS, PulseCard
from sim_backend.instruments.keithley4200_channel import ChannelSettings, Sweep
from sim_backend.instruments.keithley4200_pulses import levels
from sim_backend.instruments.keithley4200_run import Reading
from sim_backend.instruments.keithley4200_segment_commands import segment_commands
from sim_backend.wire.kxci import Command, KxciError, Number, Text, Whole

__all__ = ["BLOCK", "card_commands"]

BLOCK = 2048  #: points that one ``:PMU:DATA:GET`` returns at most [K 7-7]
_CHANNEL = Whole("channel", 1, 8)
_STATE = Whole("state", 0, 1)
_VOLTS = Number("voltage", -40.0, 40.0)
_TIME = Number("time", 0.0, 1.0)
_SHARE = Number("share", 0.0, 1.0)
_FIELDS = "(V|I|T|S)(H|L)?"
_WAVEFORM_FIELDS = ("V", "I", "T", "S")


def card_commands(card: PulseCard) -> list[Command]:
    """Return the table of a card."""
    settings, tests, pulses = _Settings(card), _Tests(card), _Pulses(card)
    return [
        *settings.commands(),
        *tests.commands(),
        *pulses.commands(),
        *pulses.sweeps(),
        *segment_commands(card),
    ]


def _channel(card: PulseCard, number: int) -> ChannelSettings:
    """Return the settings of a channel that plays standard pulses."""
    _standard(card)
    return card.channel(number)


def _standard(card: PulseCard) -> None:
    if card.running:
        raise KxciError(errors.RUNNING)
    if card.kind != PULSE:
        raise KxciError(errors.NOT_READY, "Segment Arb is initialised")


class _Settings:
    """What holds for either kind of test."""

    def __init__(self, card: PulseCard) -> None:
        self._card = card

    def commands(self) -> list[Command]:
        """Return the table."""
        path = (Text("instrument", "PMU1-[12]"), Whole("path", 0, 3))
        load, rate = Number("load", 1.0, 1e7), Number("rate", 1e3, 200e6)
        measure = (_CHANNEL, Whole("type", 0, 2), Number("range", 1e-7, 0.8))
        source = (_CHANNEL, Text("range", r"(10|40)(\.0*)?"))
        return [
            Command(":PMU:INIT", self._card.initialise, (Whole("mode", PULSE, SEGMENTS),)),
            Command(":PMU:RPM:CONFIGURE", self._connect, path),
            Command(":PMU:SOURCE:RANGE", self._source, source),
            Command(":PMU:MEASURE:RANGE", self._measure, measure, required=2),
            Command(":PMU:LOAD", self._put("load"), (_CHANNEL, load)),
            Command(":PMU:LLEC:CONFIGURE", self._put("compensated"), (_CHANNEL, _STATE)),
            Command(
                ":PMU:CONNECTION:COMP",
                self._put("short_comp", "delay_comp"),
                (_CHANNEL, _STATE, _STATE),
            ),
            Command(":PMU:RETAIN:CONFIG", self._put("retained"), (_CHANNEL, _STATE)),
            Command(":PMU:SAMPLE:RATE", self._sample, (rate,)),
        ]

    def _put(self, *names: str) -> Callable[..., None]:
        """Return a call that puts its values into settings of a channel."""

        def put(number: int, *values: Any) -> None:
            settings = self._card.channel(number)
            for name, value in zip(names, values, strict=False):
                setattr(settings, name, value)

        return put

    def _connect(self, which: str, path: int) -> None:
        number, card = int(which[-1]), self._card
        if not card.module or number not in card.paths:
            raise KxciError(errors.OUT_OF_RANGE, which)
        if card.running:
            raise KxciError(errors.RUNNING)
        card.paths[number] = path
        armed = card.channels[number].output
        card.switch(number, on=False)
        card.channels[number].output = armed

    def _measure(self, number: int, kind: int, full_scale: float | None = None) -> None:
        settings = self._card.channel(number)
        if kind and full_scale is None:
            raise KxciError("missing", ":PMU:MEASURE:RANGE")
        settings.range_type, settings.range = kind, full_scale or 0.0

    def _sample(self, rate: float) -> None:
        self._card.rate = rate

    def _source(self, number: int, full_scale: str) -> None:
        self._card.channel(number).source_range = float(full_scale)


class _Tests:
    """Outputs, a test, and its data."""

    def __init__(self, card: PulseCard) -> None:
        self._card = card

    def commands(self) -> list[Command]:
        """Return the table."""
        card = self._card
        block = (_CHANNEL, Whole("start", 0, 1_000_000), Whole("points", 1, BLOCK))
        value = Text("value", _FIELDS)
        return [
            Command(":PMU:OUTPUT:STATE", self._output, (_CHANNEL, _STATE)),
            Command(":PMU:EXECUTE", card.execute),
            Command(":PMU:ABORT", card.abort),
            Command(":PMU:TEST:STATUS?", lambda: str(int(card.running))),
            Command(":PMU:DATA:COUNT?", self._count, (_CHANNEL,)),
            Command(":PMU:DATA:GET", self._get, block, required=1, rest=value, most=8),
        ]

    def _output(self, number: int, state: int) -> None:
        card = self._card
        if number not in card.channels:
            raise KxciError(errors.OUT_OF_RANGE, f"channel {number}")
        if card.running and not state:
            card.abort()
        card.channel(number)
        card.switch(number, on=bool(state))

    def _count(self, number: int) -> str:
        each = max(1, len(self._card.layout(number)))
        return str(len(self._card.readings(number)) // each)

    def _get(self, number: int, start: int = 0, points: int = BLOCK, *fields: str) -> str:
        return _points(self._card, number, start, points, fields)


def _points(card: PulseCard, number: int, start: int, count: int, fields: Sequence[str]) -> str:
    """Return points of data, apart by semicolons, their values by commas."""
    layout = card.layout(number)
    wanted = fields or tuple(f + level for level in layout or " " for f in _WAVEFORM_FIELDS)
    known = {f + level for level in layout or " " for f in _WAVEFORM_FIELDS}
    known = {name.strip() for name in known}
    names = [name.strip() for name in wanted]
    if not set(names) <= known:
        raise KxciError(errors.OUT_OF_RANGE, ", ".join(names))
    readings = card.readings(number)
    each = max(1, len(layout))
    rows = readings[start * each : (start + count) * each]
    points = [rows[at : at + each] for at in range(0, len(rows) - each + 1, each)]
    return ";".join(",".join(_told(name, point, layout) for name in names) for point in points)


def _told(name: str, point: Sequence[Reading], layout: str) -> str:
    reading = point[layout.index(name[1])] if len(name) > 1 else point[0]
    if name[0] == "S":
        return f"{reading.status:08X}"
    if name[0] == "T":
        return f"{reading.t:.12g}"
    return f"{reading.v if name[0] == 'V' else reading.i:.6e}"


class _Pulses:
    """Standard pulses."""

    def __init__(self, card: PulseCard) -> None:
        self._card = card

    def commands(self) -> list[Command]:
        """Return the table."""
        return [
            Command(":PMU:MEASURE:MODE", self._mode, (Whole("mode", 0, 4),)),
            Command(":PMU:MEASURE:PIV", self._acquire, (_CHANNEL, _STATE, _STATE)),
            Command(":PMU:TIMES:PIV", self._shares, (_CHANNEL, _SHARE, _SHARE)),
            Command(":PMU:TIMES:WAVEFORM", self._around, (_CHANNEL, _SHARE, _SHARE)),
            Command(":PMU:PULSE:BURST:COUNT", self._burst, (Whole("count", 1, 10_000),)),
            Command(":PMU:PULSE:TRAIN", self._train, (_CHANNEL, _VOLTS, _VOLTS)),
            Command(":PMU:PULSE:TIMES", self._times, (_CHANNEL, *[_TIME] * 5), required=5),
        ]

    def _mode(self, which: int) -> None:
        _standard(self._card)
        self._card.mode = which

    def _burst(self, pulses: int) -> None:
        _standard(self._card)
        self._card.burst = pulses

    def _acquire(self, number: int, high: int, low: int) -> None:
        settings = _channel(self._card, number)
        settings.high = settings.low = True
        if not high and not low:
            raise KxciError(errors.NOTHING_ACQUIRED)
        settings.high, settings.low = bool(high), bool(low)

    def _shares(self, number: int, start: float, stop: float) -> None:
        if start >= stop:
            raise KxciError(errors.WINDOW, f"{start:g} to {stop:g} of the top")
        _channel(self._card, number).piv = (start, stop)

    def _around(self, number: int, before: float, after: float) -> None:
        _channel(self._card, number).around = (before, after)

    def _train(self, number: int, base: float, amplitude: float) -> None:
        settings = _channel(self._card, number)
        settings.base, settings.amplitude = base, amplitude
        settings.sweep = settings.step = None

    def _times(
        self,
        number: int,
        period: float,
        width: float,
        rise: float,
        fall: float,
        delay: float = 0.0,
    ) -> None:
        settings = _channel(self._card, number)
        settings.width, settings.rise, settings.fall = width, rise, fall
        settings.delay = delay
        for other in self._card.channels.values():  # a card has one period
            other.period = period

    def sweeps(self) -> list[Command]:
        """Return the table of sweeps and steps."""
        table = []
        for place, outer in (("SWEEP", False), ("STEP", True)):
            dual = () if outer else (_STATE,)
            for word, what, constant in (
                ("PULSE:AMPLITUDE", "amplitude", (_VOLTS,)),
                ("PULSE:BASE", "base", (_VOLTS,)),
                ("DC", "dc", ()),
            ):
                step = Number("step", -80, 80)
                parameters = (_CHANNEL, _VOLTS, _VOLTS, step, *constant, *dual)
                call = self._sweep(what, outer=outer)
                table.append(Command(f":PMU:{place}:{word}", call, parameters))
        return table

    def _sweep(self, what: str, *, outer: bool) -> Callable[..., None]:
        def put(number: int, start: float, stop: float, step: float, *more: float) -> None:
            settings = _channel(self._card, number)
            constant = more[0] if what != "dc" else 0.0
            back = bool(more[-1]) if more and not outer else False
            found = Sweep(what, levels(start, stop, step, back=back), constant)
            settings.sweep, settings.step = (None, found) if outer else (found, None)

        return put
