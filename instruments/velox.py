"""FormFactor Velox: probe stations as `Prober` and, by their thermal chuck, as `Thermostat`.

pymeasure's `Velox` with what it lacks: sub-die 0 (its `step_to_die` drops it), the thermal chuck,
one sentence for every failure. A movement always begins in separation. See `instruments.prober` for
the options of a bench file.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments.formfactor.velox import Velox

from instruments.chuck import Chuck
from instruments.errors import link_faults, wrong_model
from instruments.prober import ProberOptions, Site, prober_options, station_fault
from instruments.secured import open_adapter
from instruments.thermostat import settle
from labctl.capability import Identity, Setup, StopRequest
from labctl.errors import InstrumentFault

__all__ = ["CAPABILITIES", "VeloxProber", "connect"]

CAPABILITIES = ("prober", "thermostat")
_ZERO = 273.15  # K
_BUSY = ("heating", "cooling", "soaking")


def connect(setup: Setup) -> VeloxProber:
    """Connect to Velox and ask who it is; nothing moves.

    Raises
    ------
    BadInput
        An option or the address is not allowed.
    InstrumentFault
        Nobody answers, or something else does.
    """
    options = prober_options(setup)
    prober = VeloxProber(open_adapter(setup, options.timeout), setup, options)
    prober.start()
    return prober


class VeloxProber(Chuck, Velox):  # type: ignore[misc]
    """A station behind a connection.

    Parameters
    ----------
    adapter
        An open connection.
    setup
        Its section of the bench file.
    options
        Checked.
    """

    contact_command = "MoveChuckContact"
    separation_command = "MoveChuckSeparation"
    step_command = "StepNextDie {} {} {}"

    def __init__(self, adapter: Any, setup: Setup, options: ProberOptions) -> None:
        super().__init__(adapter, setup, options)
        self._idn = ""

    def start(self) -> None:
        """Ask who answers.

        Raises
        ------
        InstrumentFault
            Nobody does, or it is not Velox.
        """
        with link_faults(self.name, "asking who it is"):
            self._idn = self.ask("*IDN?").strip()
        if "velox" not in self._idn.lower() and "formfactor" not in self._idn.lower():
            raise wrong_model(self.name, "Velox", self._idn)

    def do(self, command: str, doing: str) -> str:
        """Send a command and return the values of its answer.

        Parameters
        ----------
        command
            With its parameters.
        doing
            What it is for, as a clause, for an error.

        Raises
        ------
        InstrumentFault
            The station answered with an error, or not at all.
        """
        with link_faults(self.name, doing):
            try:
                answer: str = self.ask(command)
            except ConnectionError as error:
                if not self.error_code:
                    raise  # the link's, not the station's
                raise station_fault(
                    self.name, doing, self.error_code, self.error_message
                ) from error
            except ValueError:
                raise InstrumentFault(
                    f"{self.name}: the answer to {command.split()[0]} is not one of Velox while "
                    f"{doing}; check that nothing else talks to it, then connect again"
                ) from None
        if self.error_code:  # 703, which pymeasure does not raise
            raise station_fault(self.name, doing, self.error_code, self.error_message)
        return answer

    # -- prober -------------------------------------------------------------------------------

    def position(self) -> Site:
        """Return the site that the map says is under the needles."""
        values = self.do("ReadMapPosition2", "asking where it stands").split()
        try:
            return Site(int(values[0]), int(values[1]), max(0, int(values[4])) + 1)
        except (IndexError, ValueError):
            raise InstrumentFault(
                f'{self.name}: ReadMapPosition2 was answered with "{" ".join(values)}"; '
                "load a wafer map in Velox, then go on"
            ) from None

    def make_safe(self) -> None:
        """Stop what moves and take the wafer off the needles."""
        self.do("StopAllMovements", "stopping the chuck")
        self.separate()

    # -- thermostat ---------------------------------------------------------------------------

    def temperature(self) -> tuple[float, bool]:
        """Return the temperature of the chuck, K, and whether it is on its way or soaking."""
        values = self.do("GetHeaterTemp C", "asking for the temperature").split()
        status = values[-1].lower() if values else ""
        try:
            return float(values[0]) + _ZERO, status in _BUSY
        except (IndexError, ValueError):
            raise InstrumentFault(
                f'{self.name}: GetHeaterTemp was answered with "{" ".join(values)}"; '
                "check that the thermal chuck is switched on"
            ) from None

    def soak(self, temperature: float, stop: StopRequest) -> None:
        """Go to a temperature in K and wait until it has settled, or until asked to stop."""
        doing = f"heating the chuck to {temperature:g} K"
        self.do(f"SetHeaterSoak {self.options_given.soak:.0f}", doing)
        self.do(f"SetHeaterTemp {temperature - _ZERO:.2f} C", doing)
        settle(self.name, temperature, self.temperature, self._pause, 0.0, stop)
        if stop():
            self.do("StopHeatChuck", "stopping the heater")

    # -- what every station has -----------------------------------------------------------------

    def identify(self) -> Identity:
        """Ask who it is."""
        self.start()
        parts = [part.strip() for part in self._idn.split(",")]
        serial, firmware = ([*parts[2:4], "", ""])[:2]
        return Identity(self.label, self._idn, "Velox", serial, firmware)

    def snapshot(self) -> dict[str, str]:
        """Return heights, index, position, flags and temperature as it reports them."""
        questions = (
            "ReadChuckHeights Y", "ReadChuckIndex Y", "ReadChuckPosition Y H", "ReadChuckStatus",
            "ReadMapPosition2", "GetHeaterTemp C",
        )  # fmt: skip
        return self.asked_all(questions)
