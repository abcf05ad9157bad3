"""MPI SENTIO: probe stations as `Prober` and, by their thermal chuck, as `Thermostat`.

pymeasure has no driver for them: lines are sent and ``error,number,message`` comes back. A movement
always begins in separation, and stepping leaves the chuck there. See `instruments.prober` for the
options of a bench file.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments import Instrument

from instruments.chuck import Chuck
from instruments.errors import link_faults, wrong_model
from instruments.prober import ProberOptions, Site, prober_options, station_fault
from instruments.secured import open_adapter
from instruments.thermostat import settle
from labctl.capability import Identity, Setup, StopRequest
from labctl.errors import InstrumentFault

__all__ = ["CAPABILITIES", "SentioProber", "connect"]

CAPABILITIES = ("prober", "thermostat")
_ZERO = 273.15  # K
_CODE = 1023  # the ten lowest bits
_BUSY = ("heating", "cooling", "soaking")


def connect(setup: Setup) -> SentioProber:
    """Connect to SENTIO and ask who it is; nothing moves.

    Raises
    ------
    BadInput
        An option or the address is not allowed.
    InstrumentFault
        Nobody answers, or something else does.
    """
    options = prober_options(setup)
    prober = SentioProber(open_adapter(setup, options.timeout), setup, options)
    prober.start()
    return prober


class SentioProber(Chuck, Instrument):  # type: ignore[misc]
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

    contact_command = "move_chuck_contact"
    separation_command = "move_chuck_separation"
    step_command = "map:step_die {}, {}, {}"

    def __init__(self, adapter: Any, setup: Setup, options: ProberOptions) -> None:
        super().__init__(adapter, setup, options, includeSCPI=False)
        self._version = self._serial = ""

    def start(self) -> None:
        """Choose SENTIO's own command set and ask who answers.

        Raises
        ------
        InstrumentFault
            Nobody does, or it is not SENTIO.
        """
        with link_faults(self.name, "asking who it is"):
            self.write("*RCS 1")  # is not answered
        self._version = self.do("status:get_version", "asking who it is")
        if "sentio" not in self._version.lower():
            raise wrong_model(self.name, "SENTIO", self._version)
        self._serial = self.do("status:get_machine_id", "asking who it is")

    def do(self, command: str, doing: str) -> str:
        """Send a command and return the message of its answer.

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
            answer: str = self.ask(command).strip()
        first, _, rest = answer.partition(",")
        _, comma, text = rest.partition(",")
        if not comma or not first.isdigit():
            raise InstrumentFault(
                f'{self.name}: {command.split()[0]} was answered with "{answer[:40]}" while '
                f"{doing}; check that nothing else talks to it, then connect again"
            )
        if code := int(first) & _CODE:
            raise station_fault(self.name, doing, code, text)
        return text

    # -- prober -------------------------------------------------------------------------------

    def position(self) -> Site:
        """Return the site that the map says is under the needles."""
        die = self.do("map:die:get_current_index", "asking where it stands").split(",")
        subsite = self.do("map:die:get_current_subsite", "asking where it stands")
        try:
            return Site(int(die[0]), int(die[1]), int(subsite) + 1)
        except (IndexError, ValueError):
            raise InstrumentFault(
                f'{self.name}: the place on the map was answered with "{",".join(die)}"; '
                "load a wafer map in SENTIO, then go on"
            ) from None

    # -- thermostat ---------------------------------------------------------------------------

    def temperature(self) -> tuple[float, bool]:
        """Return the temperature of the chuck, K, and whether it is on its way or soaking."""
        doing = "asking for the temperature"
        value = self.do("status:get_chuck_temp", doing).split(",")[0]
        state = self.do("status:get_chuck_thermo_state", doing)
        try:
            return float(value) + _ZERO, state.strip().lower() in _BUSY
        except ValueError:
            raise InstrumentFault(
                f'{self.name}: the temperature was answered with "{value}"; '
                "check that the thermal chuck is switched on"
            ) from None

    def soak(self, temperature: float, stop: StopRequest) -> None:
        """Go to a temperature in K and wait until it has settled, or until asked to stop."""
        doing = f"heating the chuck to {temperature:g} K"
        self.do(f"status:set_chuck_temp {temperature - _ZERO:.2f}, False", doing)
        settle(self.name, temperature, self.temperature, self._pause, 0.0, stop)

    # -- what every station has -----------------------------------------------------------------

    def identify(self) -> Identity:
        """Ask who it is."""
        self.start()
        return Identity(self.label, self._version, "SENTIO", self._serial, self._version)

    def snapshot(self) -> dict[str, str]:
        """Return heights, index, position, flags and temperature as it reports them."""
        questions = (
            "get_chuck_site_heights Wafer", "get_chuck_site_status Wafer", "map:get_index_size",
            "map:die:get_current_index", "get_chuck_xy Wafer, Home", "get_chuck_z Zero",
            "status:get_chuck_temp",
        )  # fmt: skip
        return self.asked_all(questions)
