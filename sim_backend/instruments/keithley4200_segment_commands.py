"""The commands of Segment Arb, ``:PMU:SARB:...``, as a table (KXCI Programming, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.instruments.keithley4200_card import SEGMENTS, PulseCard
from sim_backend.instruments.keithley4200_channel import ARRAYS, ChannelSettings
from sim_backend.instruments.keithley4200_sequences import MOST_SEGMENTS
from sim_backend.wire.kxci import Command, KxciError, Number, Parameter, Whole

__all__ = ["segment_commands"]

_MOST_VALUES = 128  # in one array command [K 7-40]
_MOST_ENTRIES = 2048  # of a list of sequences [check]
_CHANNEL, _SEQUENCE = Whole("channel", 1, 8), Whole("sequence", 1, 512)
_LOOPS = Number("loops", 1, 1e12)
_VOLTS, _TIME = Number("voltage", -40.0, 40.0), Number("time", 0.0, 1.0)
_STATE = Whole("state", 0, 1)
#: what an array of a sequence may hold
_VALUES: Mapping[str, Parameter] = {
    "TIME": Number("time", 20e-9 - 1e-12, 1.0),
    "STARTV": _VOLTS,
    "STOPV": _VOLTS,
    "MEAS:TYPE": Whole("measure type", 0, 4),
    "MEAS:START": _TIME,
    "MEAS:STOP": _TIME,
    "SSR": _STATE,
    "TRIG": _STATE,
}


def segment_commands(card: PulseCard) -> list[Command]:
    """Return the table of a card."""
    table = []
    for add in (False, True):
        end = ":ADD" if add else ""
        for key in ARRAYS:
            value = _VALUES[key]
            command = Command(
                f":PMU:SARB:SEQ:{key}{end}",
                _array(card, key, add=add),
                (_CHANNEL, _SEQUENCE, value),
                rest=value,
                most=_MOST_VALUES - 1,
            )
            table.append(command)
        command = Command(
            f":PMU:SARB:WFM:SEQ:LIST{end}",
            _play(card, add=add),
            (_CHANNEL, _SEQUENCE, _LOOPS),
            rest=Number("entry", 1, 1e12),
            most=2 * _MOST_ENTRIES,
        )
        table.append(command)
    return table


def _channel(card: PulseCard, number: int) -> ChannelSettings:
    settings = card.channel(number)
    if card.kind != SEGMENTS:
        raise KxciError(errors.NOT_READY, "standard pulses are initialised")
    return settings


def _array(card: PulseCard, key: str, *, add: bool) -> Callable[..., None]:
    def put(number: int, sequence: int, *values: float) -> None:
        arrays = _channel(card, number).sequences.setdefault(sequence, {})
        before = arrays.get(key, []) if add else []
        if len(before) + len(values) > MOST_SEGMENTS:
            raise KxciError(errors.TOO_MANY_SEGMENTS, f"sequence {sequence}")
        arrays[key] = [*before, *values]

    return put


def _play(card: PulseCard, *, add: bool) -> Callable[..., None]:
    def put(number: int, *values: float) -> None:
        settings = _channel(card, number)
        if len(values) % 2:
            raise KxciError("missing", ":PMU:SARB:WFM:SEQ:LIST")
        entries = [_entry(values[k], values[k + 1]) for k in range(0, len(values), 2)]
        before = settings.playlist if add else []
        if len(before) + len(entries) > _MOST_ENTRIES:
            raise KxciError(errors.TOO_MANY_SEGMENTS, "list of sequences")
        settings.playlist = [*before, *entries]

    return put


def _entry(sequence: float, loops: float) -> tuple[int, int]:
    if sequence != int(sequence) or sequence > _SEQUENCE.high or loops != int(loops):
        raise KxciError("range", f"sequence {sequence:g}, {loops:g} loops")
    return int(sequence), int(loops)
