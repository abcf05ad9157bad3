"""The commands of ``SYSTem``, ``DISPlay`` and ``ROUTe`` of a Series 2400.

Source: 2400 Series SourceMeter User's Manual, tables 18-2, 18-5 and 18-9, pages 18-44 to 18-47,
18-57 and 18-103 to 18-114. Codes of the keys are to be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim_backend.instruments.keithley2400_settings import choice, toggle
from sim_backend.instruments.keithley2400_setup import Panel
from sim_backend.instruments.keithley2400_source import Chassis
from sim_backend.wire.parameters import Boolean, Choice, Number, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = ["Actions", "display_commands", "system_commands"]

HARDWARE_MISSING, OUT_OF_RANGE, TOO_LONG = -241, -222, -223
_KEYS = 32
TRIG_KEY, LOCAL_KEY, OUTPUT_KEY = 20, 23, 24
_LINES = {1: 20, 2: 32}  # characters of the display's two windows
_POWER_ON = {"RST": "RST", "PRESet": "PRES", **{f"SAV{k}": f"SAV{k}" for k in range(5)}}


@dataclass(frozen=True, slots=True)
class Actions:
    """What ``SYSTem`` can make the instrument do."""

    preset: Callable[[], None]
    pass_time: Callable[[float], None]
    aperture: Callable[[], float]
    press: Callable[[int], None]  #: a key of the front panel
    stamp: Callable[[], float]  #: the time as the instrument tells it, s
    zero: Callable[[], None]  #: sets it to zero


@dataclass(slots=True)
class Kept:
    """What a reset leaves alone."""

    power_on: str = "RST"
    automatic_frequency: bool = True
    key: int = 0
    remote: bool = True
    locked: bool = False
    holdoff: bool = False  #: service requests wait for the end of a message (MEP)
    beeps: tuple[float, float] = (0.0, 0.0)  #: the last one: Hz, s


class System:
    """Handlers of ``SYSTem``."""

    def __init__(self, chassis: Chassis, does: Actions) -> None:
        self.chassis, self.does, self.kept = chassis, does, Kept()

    def panel(self) -> Panel:
        """Return the settings that a reset changes."""
        return self.chassis.setup.panel

    def set_autozero(self, value: bool | str) -> None:
        """Switch autozero, or renew reference and zero once."""
        if value == "ONCE":
            self.does.pass_time(2 * self.does.aperture())
        else:
            self.panel().autozero = bool(value)

    def set_frequency(self, value: int) -> None:
        """Set the frequency of the mains that apertures count in, Hz."""
        self.chassis.line_frequency, self.kept.automatic_frequency = float(value), False

    def press(self, key: int) -> None:
        """Press a key of the front panel."""
        self.kept.key = key
        if key == LOCAL_KEY:
            self.kept.remote = False
        self.does.press(key)

    def beep(self, frequency: float, duration: float) -> None:
        """Sound the beeper, unless it is disabled; nobody waits for it."""
        if self.panel().beeper:
            self.kept.beeps = (frequency, duration)

    def check_contact(self, value: bool) -> None:
        """Refuse contact check: it is an option of the -C models."""
        if value:
            raise ScpiError(HARDWARE_MISSING)


class _Switch:
    """``ON``, ``OFF``, a number, or ``ONCE``."""

    repeated = False

    def read(self, text: str) -> bool | str:
        """Return the truth, or ``ONCE``."""
        return "ONCE" if text.upper() == "ONCE" else Boolean().read(text)


def system_commands(chassis: Chassis, does: Actions) -> list[Command]:
    """Return the table of ``SYSTem`` and ``ROUTe``, without the error queue."""
    system = System(chassis, does)
    s, panel = ":SYSTem", system.panel

    def kept() -> Kept:
        return system.kept

    def remote(value: bool) -> Callable[[], None]:
        return lambda: setattr(system.kept, "remote", value)

    return [
        Command(f"{s}:PRESet", does.preset),
        choice(f"{s}:POSetup", kept, "power_on", _POWER_ON),
        Command(f"{s}:VERSion", query=lambda: "1996.0"),
        Command(f"{s}:FRSWitch", query=lambda: str(int(panel().terminals == "FRON"))),
        Command(f"{s}:AZERo[:STATe]", system.set_autozero,
                lambda: str(int(panel().autozero)), (_Switch(),)),
        toggle(f"{s}:RSENse", panel, "remote_sense"),
        choice(f"{s}:GUARd", panel, "guard", {"OHMS": "OHMS", "CABLe": "CABL"}),
        choice(f"{s}:RCMode", panel, "ranging", {"SINGle": "SING", "MULTiple": "MULT"}),
        Command(f"{s}:LFRequency", system.set_frequency,
                lambda: f"{chassis.line_frequency:.0f}", (Choice({"50": 50, "60": 60}),)),
        toggle(f"{s}:LFRequency:AUTO", kept, "automatic_frequency"),
        Command(f"{s}:TIME", query=lambda: f"{does.stamp():.6E}"),
        Command(f"{s}:TIME:RESet", does.zero),
        toggle(f"{s}:TIME:RESet:AUTO", panel, "time_auto"),
        Command(f"{s}:BEEPer[:IMMediate]", system.beep, None,
                (Number(65.0, 2e6, ()), Number(0.0, 512.0, ()))),
        toggle(f"{s}:BEEPer:STATe", panel, "beeper"),
        Command(f"{s}:KEY", system.press, lambda: str(system.kept.key),
                (Whole(1, _KEYS, names=()),)),
        Command(f"{s}:LOCal", remote(False)),
        Command(f"{s}:REMote", remote(True)),
        toggle(f"{s}:RWLock", kept, "locked"),
        Command(f"{s}:MEP[:STATe]", query=lambda: "1"),
        toggle(f"{s}:MEP:HOLDoff", kept, "holdoff"),
        toggle(f"{s}:CCHeck", lambda: _NoContactCheck, "on", check=system.check_contact),
        Command(f"{s}:CCHeck:RESistance", lambda _: system.check_contact(True), lambda: "50",
                (Number(0.0, 60.0, ()),)),
        Command(":TRIGger:SEQuence2:SOURce", lambda _: system.check_contact(True), lambda: "IMM",
                (Choice({"IMMediate": "IMM", "CCHeck": "CCH"}),)),
        Command(":TRIGger:SEQuence2:TOUT", lambda _: system.check_contact(True),
                lambda: "0.000000E+00", (Number(0.0, 99.99, ()),)),
        *_caching(system),
    ]  # fmt: skip


class _NoContactCheck:
    """State of an option that is not fitted."""

    on = False


def _caching(system: System) -> list[Command]:
    """Return the commands of the cache for reference and zero of source memory sweeps."""
    c = ":SYSTem:AZERo:CACHing"

    def refresh() -> None:
        system.does.pass_time(2 * system.does.aperture())

    return [
        toggle(f"{c}[:STATe]", system.panel, "caching"),
        Command(f"{c}:REFResh", refresh),
        Command(f"{c}:RESet", refresh),
        Command(f"{c}:NPLCycles", query=lambda: f"{system.chassis.setup.sense.nplc:.2f}"),
    ]


def display_commands(
    chassis: Chassis, reading: Callable[[], tuple[str, str]], route: Callable[[str], None]
) -> list[Command]:
    """Return the tables of ``DISPlay`` and ``ROUTe``.

    Parameters
    ----------
    chassis
        What the instrument's parts share.
    reading
        Returns the lines that show the last reading and the source.
    route
        Called with the terminals that are to be used.
    """

    def panel() -> Panel:
        return chassis.setup.panel

    def set_text(window: int, text: str) -> None:
        if len(text) > _LINES[window]:
            raise ScpiError(TOO_LONG)
        panel().text[window] = text.ljust(_LINES[window])

    def shown(window: int) -> str:
        if panel().text_on[window]:
            return f'"{panel().text[window]}"'
        line = "FRONT PANEL DISABLED" if not panel().enabled else reading()[window - 1]
        return f'"{line:{_LINES[window]}.{_LINES[window]}}"'

    def to_reading() -> None:
        panel().text_on.update({1: False, 2: False})

    table = [
        toggle(":DISPlay:ENABle", panel, "enabled"),
        Command(":DISPlay:CNDisplay", to_reading),
        Command(":DISPlay:DIGits", lambda n: setattr(panel(), "digits", n),
                lambda: str(panel().digits), (Whole(4, 7, names=()),)),
        Command(":ROUTe:TERMinals", route, lambda: panel().terminals,
                (Choice({"FRONt": "FRON", "REAR": "REAR"}),)),
    ]  # fmt: skip
    for window, header in ((1, ":DISPlay[:WINDow[1]]"), (2, ":DISPlay:WINDow2")):
        table += _window(window, header, panel, set_text, shown)
    return table


def _window(
    window: int,
    header: str,
    panel: Callable[[], Panel],
    put: Callable[[int, str], None],
    shown: Callable[[int], str],
) -> list[Command]:
    """Return the commands of one of the display's two windows."""
    return [
        Command(f"{header}:DATA", query=lambda: shown(window)),
        Command(f"{header}:ATTRibutes", query=lambda: '"' + "0" * _LINES[window] + '"'),
        Command(f"{header}:TEXT[:DATA]", lambda text: put(window, text),
                lambda: f'"{panel().text[window]}"', (Text(),)),
        Command(f"{header}:TEXT:STATe", lambda on: panel().text_on.update({window: on}),
                lambda: str(int(panel().text_on[window])), (Boolean(),)),
    ]  # fmt: skip
