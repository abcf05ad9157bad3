"""A Lake Shore controller behind a connection: ramps, soaks, and what is looked at meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pymeasure.instruments.lakeshore.lakeshore3xx import LakeShore3xx

from instruments.errors import link_faults, queue_fault, unexpected, wrong_model
from instruments.lakeshore_limits import ControllerOptions, Model, recognised
from instruments.secured import Secured, open_adapter
from instruments.thermostat import stay, waiting
from labctl.capability import Identity, Setup, StopRequest
from labctl.errors import InstrumentFault

__all__ = ["TemperatureController", "open_controller"]

log = logging.getLogger(__name__)

_MARGIN = 5.0  # K above the hottest temperature, at which the controller switches off by itself
_AGREES = 2e-3  # K or K/min: the last digit that is told
_MINUTE = 60.0  # s
#: bits of the event register that tell of an error
_EVENTS = {4: "query error", 8: "device error", 16: "execution error", 32: "command error"}
#: bits of ``RDGST?``
_READING = {
    1: "the reading is invalid", 2: "the reading is old", 16: "the temperature is below the curve",
    32: "the temperature is above the curve", 64: "the sensor reads zero, so it may be shorted",
    128: "the sensor is beyond its range, so it may be open",
}  # fmt: skip
#: command, the question that tells what it set (or nothing), and the answer that is expected
_Setting = tuple[str, str, Sequence[float]]
_HEATER = {1: "the heater is open", 2: "the heater is shorted"}


def open_controller(
    setup: Setup, model: Model, options: ControllerOptions
) -> TemperatureController:
    """Open the connection and identify the controller.

    Parameters
    ----------
    setup
        Section of the bench file.
    model, options
        Checked.

    Raises
    ------
    BadInput
        The address is no VISA address.
    InstrumentFault
        Nobody answers, another model does, or its sensor has no reading.
    """
    adapter = open_adapter(setup, options.timeout)
    try:
        controller = TemperatureController(adapter, setup, model, options)
        controller.start(looking=setup.looking)
    except BaseException:
        adapter.close()
        raise
    return controller


class TemperatureController(Secured, LakeShore3xx):  # type: ignore[misc]
    """A controller as `labctl.capability.Thermostat`; use `instruments.lakeshore.connect`.

    Parameters
    ----------
    adapter
        An open connection.
    setup
        Its section of the bench file.
    model, options
        Checked.
    """

    def __init__(
        self, adapter: Any, setup: Setup, model: Model, options: ControllerOptions
    ) -> None:
        super().__init__(adapter, f"{setup.name} ({setup.address})")
        self.label, self.model, self.given = setup.name, model, options
        self._pause = waiting(setup)
        self._idn = ""
        self.found = ""  #: what was left when the driver connected, as a sentence
        n = options.output
        #: how heater commands name their output, which a 331 has only one of
        self._heater, self._ask_heater = (f"{n},", f" {n}") if model.numbered else ("", "")

    def start(self, *, looking: bool = False) -> None:
        """Ask who answers and whether its sensor has a reading; report a heater that is on.

        Parameters
        ----------
        looking
            Set nothing, and do not empty the register of errors.

        Raises
        ------
        InstrumentFault
            Nobody answers, another model does, or the sensor has no reading.
        """
        self.identify()
        if looking:
            return
        with link_faults(self.name, "clearing its errors"):
            self.write("*CLS")
        (heater,) = self._numbers(f"RANGE?{self._ask_heater}", 1, "asking for the heater")
        if heater:
            self.found = f"{self.name}: found the heater on range {heater:g}"
            log.warning(self.found)
            if self.given.found_on == "safe":
                self.make_safe()
        self.temperature()

    # -- the line -----------------------------------------------------------------------------

    def drain(self) -> list[str]:
        """Return what the event register says went wrong, and clear it."""
        bits = self._numbers("*ESR?", 1, "reading its errors")[0]
        return [text for bit, text in _EVENTS.items() if int(bits) & bit]

    def _numbers(self, questions: str, count: int, doing: str) -> list[float]:
        """Ask questions and return the numbers of their answers."""
        with link_faults(self.name, doing):
            answer = str(self.ask(questions)).strip()
        try:
            values = [float(text) for text in answer.replace(";", ",").split(",")]
        except ValueError:
            values = []
        if len(values) != count:
            raise unexpected(self.name, answer, f"numbers to {questions}")
        return values

    def _set(self, settings: Sequence[_Setting], doing: str) -> None:
        """Send commands, and see that what can be read back is what was set.

        Parameters
        ----------
        settings
            Command, the question that tells it (or nothing), and the answer that is expected.
        doing
            What they are for, as a clause.
        """
        with link_faults(self.name, doing):
            for command, _, _ in settings:
                self.write(command)
        if entries := self.drain():
            raise queue_fault(self.name, entries, doing)
        for command, question, wanted in settings:
            if not question:
                continue
            back = self._numbers(question, len(wanted), doing)
            if any(abs(b - w) > _AGREES for b, w in zip(back, wanted, strict=True)):
                raise InstrumentFault(
                    f'{self.name}: "{command}" was sent and {back} read back while {doing}; '
                    "check that nobody else uses the controller"
                )

    # -- thermostat ---------------------------------------------------------------------------

    def reaches(self, temperature: float) -> bool:
        """Whether the bench file allows a temperature, K."""
        return self.given.coldest <= temperature <= self.given.hottest

    def temperature(self) -> tuple[float, bool]:
        """Return the temperature of the sensor, K, and whether the setpoint is on its way.

        Raises
        ------
        InstrumentFault
            The sensor has no reading, or the heater failed.
        """
        name, n = self.given.input, self.given.output
        doing = "asking for the temperature"
        questions = f"KRDG? {name};RDGST? {name};RAMPST? {n};HTRST?{self._ask_heater}"
        kelvin, status, ramping, heater = self._numbers(questions, 4, doing)
        wrong = [text for bit, text in _READING.items() if int(status) & bit]
        wrong += [text for code, text in _HEATER.items() if int(heater) == code]
        if wrong:
            raise InstrumentFault(
                f"{self.name}: {' and '.join(wrong)} at input {name} and output {n}; "
                "check the wiring of the stage"
            )
        return kelvin, bool(ramping)

    def soak(self, temperature: float, stop: StopRequest) -> None:
        """Go to a temperature in K and wait until it has settled, or until asked to stop.

        A stop switches the heater off, and so does a fault.

        Raises
        ------
        InstrumentFault
            The controller does not do what it was told, its sensor or its heater failed, or the
            temperature did not settle.
        """
        doing = f"going to {temperature:g} K"
        given = self.given
        try:
            here, _ = self.temperature()
            self._aim(here, temperature, doing)
            stay(
                self.name, temperature, self._watched, self._pause,
                given.window, given.soak, given.patience, stop,
            )  # fmt: skip
        except BaseException as error:
            self.safe_after(error)
            raise
        if stop():
            self.make_safe()

    def _aim(self, here: float, target: float, doing: str) -> None:
        """Let the setpoint ramp from the present temperature, with every limit set before."""
        given, n = self.given, self.given.output
        rate = round(given.rate * _MINUTE, 3)
        self._set(self._loop(), doing)
        if not self._numbers(f"RANGE?{self._ask_heater}", 1, doing)[0]:
            begin = round(here, 3)
            still: list[_Setting] = [
                (f"RAMP {n},0,{rate:g}", f"RAMP? {n}", (0, rate)),
                (f"SETP {n},{begin:.3f}", f"SETP? {n}", (begin,)),
            ]
            self._set(still, doing)
        heater = given.heater or self.model.ranges
        on = f"RANGE {self._heater}{heater}"
        going: list[_Setting] = [
            (f"RAMP {n},1,{rate:g}", f"RAMP? {n}", (1, rate)),
            (on, f"RANGE?{self._ask_heater}", (heater,)),
        ]
        self._set(going, doing)
        self._set([(f"SETP {n},{target:.3f}", "", ())], doing)

    def _loop(self) -> list[_Setting]:
        """Return what closes the loop, with a limit at which the controller itself goes off."""
        given, n = self.given, self.given.output
        if not self.model.numbered:
            return [
                (f"CSET {n},{given.input},1,0,2", "", ()), (f"CMODE {n},1", f"CMODE? {n}", (1,)),
            ]  # fmt: skip
        source, limit = self.model.inputs.index(given.input) + 1, given.hottest + _MARGIN
        return [
            (f"TLIMIT {given.input},{limit:g}", f"TLIMIT? {given.input}", (limit,)),
            (f"OUTMODE {n},1,{source},0", f"OUTMODE? {n}", (1, source, 0)),
        ]

    def _watched(self) -> tuple[float, bool]:
        """Return temperature and ramp, and see that the heater is still on."""
        temperature, ramping = self.temperature()
        if not self._numbers(f"RANGE?{self._ask_heater}", 1, "waiting for the temperature")[0]:
            self.temperature()  # says so if it failed meanwhile
            raise InstrumentFault(
                f"{self.name}: the heater went off at {temperature:.2f} K while waiting for the "
                "temperature; look whether the temperature limit or an alarm has tripped"
            )
        return temperature, ramping

    # -- what every station has -----------------------------------------------------------------

    def make_safe(self) -> None:
        """Switch the heater off, and see that it is off."""
        doing = "switching the heater off"
        with link_faults(self.name, doing):
            self.write(f"RANGE {self._heater}0")
        (back,) = self._numbers(f"RANGE?{self._ask_heater}", 1, doing)
        if back:
            raise InstrumentFault(
                f"{self.name}: the heater is on range {back:g} after it was switched off; "
                "switch it off at the front panel"
            )

    def identify(self) -> Identity:
        """Ask who it is.

        Raises
        ------
        InstrumentFault
            Nobody answers, or another model does.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = str(self.ask("*IDN?")).strip()
        if recognised(self._idn) != self.model.name:
            raise wrong_model(self.name, f"Lake Shore {self.model.name}", self._idn)
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = ([*parts[2:4], "", ""])[:2]
        return Identity(self.label, self._idn, self.model.name, serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return every setting of its loop as it reports it."""
        name, n, heater = self.given.input, self.given.output, self._ask_heater
        questions = [
            f"KRDG? {name}", f"RDGST? {name}", f"SETP? {n}", f"RAMP? {n}", f"PID? {n}",
            f"RANGE?{heater}", f"HTR?{heater}", f"HTRST?{heater}", f"ALARM? {name}",
        ]  # fmt: skip
        more = [f"OUTMODE? {n}", f"TLIMIT? {name}"] if self.model.numbered else [f"CMODE? {n}"]
        with link_faults(self.name, "asking for its settings"):
            shot = {
                question.split("?")[0]: str(self.ask(question)).strip()
                for question in (*questions, *more)
            }
        return {**shot, "found": self.found} if self.found else shot
