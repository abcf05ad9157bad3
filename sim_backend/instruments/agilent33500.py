"""The virtual 33500 series waveform generator behind a SCPI interface.

Source: Agilent 33500 Series Operating and Service Guide, 33500-90901.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.agilent33500_blocks import Blocks
from sim_backend.instruments.agilent33500_changes import TEXTS, Changes
from sim_backend.instruments.agilent33500_commands import channel_commands
from sim_backend.instruments.agilent33500_output import Outlet, Output
from sim_backend.instruments.agilent33500_settings import Model, Settings
from sim_backend.instruments.scpi_account import Account, register_commands, switch
from sim_backend.instruments.scpi_interface import Interface
from sim_backend.wire.parameters import Boolean, Choice, ScpiError, Text
from sim_backend.wire.scpi import Command
from sim_backend.wire.status import (
    OPERATION_SUMMARY,
    POWER_ON,
    QUESTIONABLE_SUMMARY,
    Register,
)

__all__ = ["Agilent33500"]

_FIRMWARE = "2.09-1.19-2.00-52-00"
_TRIGGER_IGNORED = -211


class Agilent33500:
    """A 33500 series generator.

    Parameters
    ----------
    model
        The model.
    outlets
        Where its outputs lead.
    clock
        The laboratory's time.
    serial
        As it tells it.
    """

    #: part of a header after which a block of data may come
    BLOCK_AFTER = b":ARB"

    def __init__(
        self, model: Model, outlets: Sequence[Outlet], clock: Clock, *, serial: str = "1234567"
    ) -> None:
        self.model, self.clock = model, clock
        self.account = Account(
            lambda: f"Agilent Technologies,{model.name},MY{serial},{_FIRMWARE}",
            TEXTS,
            self.reset,
            self._idle,
            lambda: self.interface.waiting,
            capacity=20,
        )
        self.outputs = [
            Output(outlet, clock, k, self.account.settle) for k, outlet in enumerate(outlets, 1)
        ]
        self.blocks = Blocks(self.BLOCK_AFTER)
        self.changes = [Changes(model, output, self.report, self.blocks) for output in self.outputs]
        self.coupled = {"FREQ": False, "VOLT": False}
        self.message = ""
        self._setups: dict[int, list[Settings]] = {}
        self._partial = b""
        operation = Register({}, self.account.byte, OPERATION_SUMMARY)
        questionable = Register({}, self.account.byte, QUESTIONABLE_SUMMARY)
        self.account.registers += [operation, questionable]
        self.interface = Interface(
            clock,
            [
                *self.account.commands(),
                *self._commands(),
                *register_commands(":STATus:OPERation", operation),
                *register_commands(":STATus:QUEStionable", questionable),
            ],
            self.report,
            lambda: not self._idle(),
            lambda: 0,
            self._stop,
            self._trigger,
        )
        self.account.standard.raise_event(POWER_ON)

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    # -- the wire -----------------------------------------------------------------------------

    urgent = staticmethod(Interface.urgent)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines; a block of data may have newlines in it."""
        message = self._partial + message
        self._partial = b""
        whole = self.blocks.take(message)
        if whole is None:
            self._partial = message
        else:
            self.interface.write(whole)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self.interface.interrupt()

    def abort(self) -> None:
        """End bursts."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self._partial = b""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.byte.condition

    def lead(self, number: int, heard: Callable[[], None], *, falling: bool = False) -> None:
        """Lead an output's cable to a trigger input, which feels each edge past 1.5 V.

        Parameters
        ----------
        number
            Of the output.
        heard
            Called at each edge.
        falling
            Whether it feels those that fall; else those that rise.
        """
        self.outputs[number - 1].edges.lead(heard, falling=falling)

    def report(self, code: int, _: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code)

    def close(self) -> None:
        """Switch off for good."""
        self.interface.abort()
        self.reset()

    def channel_state(self, channel: str = "1") -> Mapping[str, Any]:
        """Return what the front panel shows of an output: for tests and for a window."""
        output = self.outputs[int(channel) - 1]
        s = output.settings
        return {
            "output": s.on, "function": s.function, "level": s.amplitude, "offset": s.offset,
            "frequency": s.frequency, "load": s.load, "burst": s.burst, "running": output.busy,
        }  # fmt: skip

    # -- what it does ---------------------------------------------------------------------------

    def _idle(self) -> bool:
        return not any(output.busy for output in self.outputs)

    def _trigger(self) -> None:
        begun = [output.trigger() for output in self.outputs]
        if not any(begun):
            self.report(_TRIGGER_IGNORED)

    def _stop(self) -> None:
        for output in self.outputs:
            output.abort()

    def reset(self) -> None:
        """Go back to the defaults (``*RST``): outputs off."""
        for output in self.outputs:
            output.settings = Settings()
            output.apply()
        self.coupled = dict.fromkeys(self.coupled, False)
        self.message = ""

    def _commands(self) -> list[Command]:
        """Return what this series understands."""
        return [
            *channel_commands(self.changes, lambda: any(self.coupled.values())),
            *self._common(),
        ]

    def _common(self) -> list[Command]:
        """Return the commands that belong to no output."""
        place = (Choice({str(k): k for k in range(5)}),)
        order = Choice({"NORMal": True, "SWAPped": False})
        table = [
            Command("*SAV", self._save, None, place),
            Command("*RCL", self._recall, None, place),
            Command("*OPT", query=lambda: "0"),
            Command(":ABORt", self._stop),
            Command(":SYSTem:BEEPer[:IMMediate]", lambda: None),
            Command(":SYSTem:VERSion", query=lambda: "1999.0"),
            Command(":DISPlay:TEXT", self._show, lambda: f'"{self.message}"', (Text(),)),
            Command(":DISPlay:TEXT:CLEar", lambda: self._show("")),
            Command(":PHASe:SYNChronize", self._align),
            Command(":SOURce<n>:PHASe:SYNChronize", lambda _: self._align()),
            Command(":FORMat:BORDer", self._set_order,
                    lambda: "NORM" if self.blocks.big_endian else "SWAP", (order,)),
            Command(":OUTPut<n>:TRIGger[:STATe]", lambda _, on: self._set_trigger_out(on),
                    lambda _: str(int(self._trigger_out)), (Boolean(),)),
        ]  # fmt: skip
        self._trigger_out = False
        for word, key in (("FREQuency", "FREQ"), ("VOLTage", "VOLT")):
            table.append(self._coupling(f":{word}:COUPle[:STATe]", key))
        table.append(Command(":TRIGger<n>[:IMMediate]", self._pull))
        return table

    def _coupling(self, header: str, key: str) -> Command:
        def put(on: bool) -> None:
            self.coupled[key] = on
            if on:
                first = self.outputs[0].settings
                names = ("frequency",) if key == "FREQ" else ("amplitude", "offset")
                for output in self.outputs[1:]:
                    for name in names:
                        setattr(output.settings, name, getattr(first, name))
                    output.apply()

        return switch(header, put, lambda: self.coupled[key])

    def _pull(self, number: int) -> None:
        if not 1 <= number <= len(self.outputs):
            raise ScpiError(-114)
        if not self.outputs[number - 1].trigger():
            self.report(_TRIGGER_IGNORED)

    def _align(self) -> None:
        for output in self.outputs:
            output.apply()

    def _show(self, text: str) -> None:
        self.message = text

    def _set_order(self, big_endian: bool) -> None:
        self.blocks.big_endian = big_endian

    def _set_trigger_out(self, on: bool) -> None:
        self._trigger_out = on

    def _save(self, place: int) -> None:
        self._setups[place] = [output.settings.copied() for output in self.outputs]

    def _recall(self, place: int) -> None:
        if place not in self._setups:
            raise ScpiError(-221)
        for output, kept in zip(self.outputs, self._setups[place], strict=True):
            output.settings = kept.copied()
            output.settings.on = False
            output.apply()
