"""The virtual InfiniiVision X-Series oscilloscope behind a SCPI interface.

It reads beside a generator: its first two channels are wired as `keysightdsox_circuit` says, and
the generator's second output leads to its external trigger input, which feels an edge that rises
past 1.5 V whatever level is set. In a bench file it is the meter of the generator's section::

    [instruments.awg.meter]
    driver = "keysightdsox"
    model = "DSOX3024T"
    address = "USB0::0x2A8D::0x1766::MY57800002::INSTR"
    shunt = "1 kOhm"        # beside channel 2; its own 50 Ohm unless given

Sources: InfiniiVision DSOX1204A/G Programmer's Guide, and that of the 3000 X-Series, page 209 (bits
of the operation register). The settings after a reset are to be checked.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import BadInput
from labctl.protocol import explain
from labctl.units import Ohm
from sim_backend.instruments.agilent33500_output import Outlet
from sim_backend.instruments.keysightdsox_capture import Acquisition, Plan
from sim_backend.instruments.keysightdsox_circuit import Circuit
from sim_backend.instruments.keysightdsox_commands import setting_commands
from sim_backend.instruments.keysightdsox_points import draw_errors
from sim_backend.instruments.keysightdsox_settings import MODELS, Model, Settings
from sim_backend.instruments.keysightdsox_waveforms import Waveforms
from sim_backend.instruments.scpi_account import Account
from sim_backend.instruments.scpi_interface import Interface, Wait
from sim_backend.roster import Bay
from sim_backend.wire.parameters import Bound, Choice, Number
from sim_backend.wire.scpi import Command
from sim_backend.wire.status import POWER_ON

__all__ = ["MODELS", "KeysightDSOX", "build"]

_FIRMWARE = "07.40.2021031200"
_RUN, _WAIT_TRIGGER = 1 << 3, 1 << 5
_TEXTS = {-230: "Data corrupt or stale", -241: "Hardware missing"}


class KeysightDSOX:
    """An oscilloscope.

    Parameters
    ----------
    model
        The model.
    circuit
        What it is wired to.
    seed
        Of its errors and its noise.
    session
        Another one has another noise.
    ideal
        Without them.
    serial
        As it tells it.
    """

    def __init__(
        self,
        model: Model,
        circuit: Circuit,
        *,
        seed: str,
        session: int = 0,
        ideal: bool,
        serial: str = "1234567",
    ) -> None:
        self.model, self.circuit, self.clock = model, circuit, circuit.clock
        self.settings = Settings.fresh(model)
        self.account = Account(
            lambda: f"KEYSIGHT TECHNOLOGIES,{_called(model.name)},MY{serial},{_FIRMWARE}",
            _TEXTS,
            self.reset,
            self._idle,
            lambda: self.interface.waiting,
            capacity=30,
        )
        self.acquisition = Acquisition(circuit, self.clock, self.account.settle)
        self.waveforms = Waveforms(
            model, lambda: self.settings, self.acquisition, circuit,
            draw_errors(f"{seed}/errors", ideal=ideal), seed=f"{seed}/noise/{session}", ideal=ideal,
        )  # fmt: skip
        self.interface = Interface(
            self.clock,
            [*self.account.commands(), *self._commands()],
            self.report,
            lambda: self.acquisition.running,
            lambda: self.acquisition.looks,
            self.acquisition.stop,
            lambda: self._start(again=False, auto=True),
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
        """Take a message of one or more lines."""
        self.interface.write(message)

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
        """End the acquisition."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger: acquire once."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.byte.condition

    def report(self, code: int, _: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code)

    def close(self) -> None:
        """Switch off for good."""
        self.interface.abort()
        self.reset()

    def channel_state(self, channel: str = "1") -> Mapping[str, Any]:
        """Return what the front panel shows of an input: for tests and for a window."""
        c = self.settings.channels[int(channel) - 1]
        return {
            "output": False, "scale": c.scale, "offset": c.offset, "impedance": c.impedance,
            "running": self.acquisition.running,
        }  # fmt: skip

    # -- the cables ---------------------------------------------------------------------------

    def join(self, outlet: Outlet) -> None:
        """Wire the channels to a generator's output and the device behind it."""
        self.circuit.join(outlet)

    def feel_edge(self) -> None:
        """Feel an edge that rises at the external trigger input."""
        if self.settings.slope == "POS":
            self.acquisition.feel("EXT")

    # -- what it does -------------------------------------------------------------------------

    def _idle(self) -> bool:
        return not self.acquisition.running

    def reset(self) -> None:
        """Go back to the defaults (``*RST``): stopped, no record, inputs at 1 MOhm."""
        self.acquisition.stop()
        self.acquisition.records = []
        self.settings = Settings.fresh(self.model)
        self.waveforms.taken = None
        self.circuit.terminate(fifty=False)

    def _start(self, *, again: bool, auto: bool) -> None:
        s = self.settings
        self.waveforms.taken = copy.deepcopy(s)
        self.waveforms.number += 1
        plan = Plan(
            s.begins, s.span, s.interval(self.model), s.records(), self.model.rearm, s.source,
            s.level, s.slope == "POS", auto and s.sweep == "AUTO", again,
        )  # fmt: skip
        self.acquisition.start(plan)

    def _digitize(self, *_: str) -> Wait:
        self._start(again=False, auto=True)
        return Wait(self._idle)

    def _condition(self) -> int:
        acquisition = self.acquisition
        waiting = _WAIT_TRIGGER if acquisition.waiting else 0
        return (_RUN if acquisition.running else 0) | waiting

    def _events(self) -> str:
        """Return what has happened in the operation register since it was last asked for."""
        acquisition = self.acquisition
        happened = _WAIT_TRIGGER if acquisition.armed_event else 0
        return str((_RUN if acquisition.running else 0) | happened)

    def _armed(self) -> str:
        was, self.acquisition.armed_event = self.acquisition.armed_event, False
        return f"{int(was):+d}"

    def _triggered(self) -> str:
        was, self.acquisition.triggered_event = self.acquisition.triggered_event, False
        return f"{int(was):+d}"

    def _set_points(self, given: float | Bound) -> None:
        self.settings.points = 0 if isinstance(given, Bound) else max(0, round(given))

    def _commands(self) -> list[Command]:
        """Return what it understands besides the common commands."""
        inputs = Choice({f"CHANnel{n}": f"CHAN{n}" for n in range(1, 5)}, repeated=True)
        w = self.waveforms
        return [
            *setting_commands(self.model, lambda: self.settings, self.circuit),
            Command("*OPT", query=lambda: "0"),
            Command(":RUN", lambda: self._start(again=True, auto=True)),
            Command(":SINGle", lambda: self._start(again=False, auto=False)),
            Command(":STOP", self.acquisition.stop),
            Command(":DIGitize", self._digitize, None, (inputs,), required=0),
            Command(":TRIGger:FORCe", self.acquisition.force),
            Command(":SYSTem:PRESet", self.reset),
            Command(":AER", query=self._armed),
            Command(":TER", query=self._triggered),
            Command(":OPERegister[:EVENt]", query=self._events),
            Command(":OPERegister:CONDition", query=lambda: str(self._condition())),
            Command(":WAVeform:PREamble", query=w.preamble),
            Command(":WAVeform:DATA", query=w.data),
            Command(":WAVeform:POINts", self._set_points, lambda: f"{w.grid().points:+d}",
                    (Number(),)),
            Command(":WAVeform:XINCrement", query=lambda: f"{w.grid().interval:+.8E}"),
            Command(":WAVeform:XORigin", query=lambda: f"{w.grid().first:+.8E}"),
            Command(":WAVeform:XREFerence", query=lambda: "+0"),
            Command(":WAVeform:YINCrement", query=lambda: f"{w.vertical()[0]:+.8E}"),
            Command(":WAVeform:YORigin", query=lambda: f"{w.vertical()[1]:+.8E}"),
            Command(":WAVeform:YREFerence", query=lambda: f"{w.vertical()[2]:+d}"),
            Command(":WAVeform:SEGMented:COUNt", query=lambda: f"{w.segments:+d}"),
            Command(":WAVeform:SEGMented:TTAG", query=lambda: f"{w.tag():+.12E}"),
        ]  # fmt: skip


def _called(name: str) -> str:
    """Return a model as it tells it: ``DSO-X 3024T``."""
    return name.replace("DSOX", "DSO-X ")


class _Options(BaseModel):
    """Keys of an oscilloscope's section of a bench file; others are its driver's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    shunt: Annotated[Ohm, Gt(0)] = math.inf


def build(bay: Bay) -> KeysightDSOX:
    """Return the oscilloscope of a place in the laboratory.

    Raises
    ------
    BadInput
        A key of its section is wrong.
    """
    try:
        options = _Options(**bay.options)
    except ValidationError as error:
        where = f"instruments.{bay.name}"
        raise BadInput(explain(error, where, list(_Options.model_fields))) from None
    model = MODELS[bay.model]
    circuit = Circuit(bay.clock, options.shunt, model.capacitance)
    return KeysightDSOX(
        model, circuit, seed=bay.seed, session=bay.session, ideal=bay.ideal, serial=bay.serial
    )
