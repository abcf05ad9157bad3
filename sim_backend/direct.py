"""The direct bench: a waveform on the device model with no instrument in between.

Levels are exact and settle at once, windows are exact means, ramps and overlapping terminals are
played as they are, and the compliance is the only thing that stands between waveform and device.
A terminal is driven by a voltage or by a current: there the voltage limit of the step is what
stands between the two, and an open circuit takes it there; so does a capacitance without a
resistance in series, which has no voltage at which a current flows.
The device takes any temperature at once, so the bench is a thermostat as well.
A bench file uses it as an instrument of the virtual laboratory::

    [instruments.device]
    driver = "direct"

    [terminals]
    top = "device.top"
    blue = "device.light 450 nm"    # where the device sees light; levels are in W/m2
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from labctl.capability import Forecast, Identity, Limits, Setup, StopRequest, Violation
from labctl.errors import BadInput
from labctl.readings import Row
from labctl.steps import Play
from labctl.waveform import Loop
from sim_backend.devices.model import wavelength_of
from sim_backend.drive import Drive
from sim_backend.laboratory import VirtualLaboratory
from sim_backend.performance import Performance, parts

__all__ = ["CAPABILITIES", "LIMITS", "DirectSource", "check", "connect", "forecast"]

CAPABILITIES = ("waveforms", "currents", "thermostat")

LIMITS = Limits(
    model="direct",
    max_v=1e3,
    max_i=1e3,
    min_width=1e-12,
    min_gap=0.0,
    min_aperture=1e-12,
    resolution=1e-12,
    max_points=10**12,
    max_readings=10**12,
    ramps=True,
    source="no instrument: the resolution of a waveform's own time",
)
_CHUNK = 256  # rows handed on at a time
_PATIENCE = 1024  # segments played before a stop request is heard


def connect(setup: Setup) -> DirectSource:
    """Give the device of a virtual laboratory as a waveform source.

    Raises
    ------
    BadInput
        The bench has no virtual laboratory in this process, or lacks a terminal of the device.
    """
    if not isinstance(setup.laboratory, VirtualLaboratory):
        raise BadInput(
            f"instruments.{setup.name}: the driver direct plays on a device model; "
            'give the bench a section [simulation] with laboratory = "virtual"'
        )
    return DirectSource(setup, setup.laboratory)


def check(setup: Setup, play: Play) -> list[Violation]:
    """Say what stands against playing this; nothing but a compliance that lets no current flow."""
    found = []
    if not play.compliance > 0:
        found.append(
            Violation(
                f"{setup.name} compliance",
                f"{play.compliance:g} A",
                "more than 0 A",
                "give a compliance that lets the device's current flow",
            )
        )
    for terminal, peak in play.waveform.summary().peak.items():
        most, unit = (LIMITS.max_i, "A") if terminal in play.voltage_limits else (LIMITS.max_v, "V")
        optical = wavelength_of(setup.channels.get(terminal, "")) is not None
        if peak > most and not optical:
            found.append(
                Violation(
                    f"{setup.name} level on {terminal}",
                    f"{peak:g} {unit}",
                    f"at most {most:g} {unit}",
                    "lower the amplitude",
                )
            )
    return found


def forecast(setup: Setup, play: Play) -> Forecast:
    """Say that the device model is exact, and that nothing limits what is read."""
    return Forecast("device model", LIMITS.resolution)


class DirectSource:
    """Plays waveforms on the device of a laboratory, and gives it a temperature.

    Meets `labctl.capability.WaveformSource` and `labctl.capability.Thermostat`.

    Parameters
    ----------
    setup
        Its section of the bench file; `channels` are terminals and optical ports of the device.
    laboratory
        Where the device is.
    """

    limits = LIMITS

    def __init__(self, setup: Setup, laboratory: VirtualLaboratory) -> None:
        self.setup = setup
        self.laboratory = laboratory
        self.fixture = laboratory.fixture
        self.clock = laboratory.fixture.clock
        self._origin = self.clock.now_s
        self._drives: dict[str, Drive] = {
            terminal: self.fixture.connect(channel) for terminal, channel in setup.channels.items()
        }

    def identify(self) -> Identity:
        """Say which device model this is."""
        account = self.fixture.model.describe()
        model = f"{account['family']} {account['preset']}"
        return Identity(self.setup.name, f"labctl,direct {model},0,0", "direct")

    def snapshot(self) -> dict[str, str]:
        """Return which device this is, and its temperature."""
        account = self.fixture.model.describe()
        return {
            "family": account["family"],
            "preset": account["preset"],
            "temperature": f"{self.fixture.temperature:g} K",
        }

    def check(self, play: Play) -> list[Violation]:
        """Say what stands against playing this."""
        return check(self.setup, play)

    def play(self, play: Play, stop: StopRequest) -> Iterator[list[Row]]:
        """Play; the device's state is kept before any row is handed on.

        Turns of a loop without readings are passed together where the device model knows how.
        """
        self.fixture.sync()
        performance = Performance(
            self.fixture, self.clock, self._drives, play.compliance, self._origin,
            play.voltage_limits,
        )  # fmt: skip
        rows: list[Row] = []
        try:
            for count, (start, part) in enumerate(parts(play.waveform), 1):
                if isinstance(part, Loop):
                    performance.repeat(start, part, stop)
                else:
                    rows += performance.perform(start, part)
                if len(rows) >= _CHUNK:
                    self.laboratory.save()
                    yield rows
                    rows = []
                if (count % _PATIENCE == 0 or isinstance(part, Loop)) and stop():
                    break
        finally:
            self.make_safe()
        if rows:
            yield rows

    def reaches(self, temperature: float) -> bool:
        """Whether a device can have a temperature, K: any above absolute zero."""
        return 0 < temperature < math.inf

    def soak(self, temperature: float, stop: StopRequest) -> None:
        """Give the device a temperature in K; it takes no time."""
        if self.laboratory.needles is not None:
            self.laboratory.needles.heat(temperature)
        else:
            self.fixture.set_temperature(temperature)

    def make_safe(self) -> None:
        """Bring every terminal to zero volts and keep the device's state."""
        self.fixture.sync()
        for drive in self._drives.values():
            drive.follow("v", ((self.clock.now_s, 0.0),), float("inf"))
        self.laboratory.save()

    def close(self) -> None:
        """Nothing to give back."""
