"""``SYSTem``, ``STATus``, ``DISPlay``, ``FORMat`` and the common commands of the 2450 family.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-15 to 6-19, 6-39 to 6-47, 6-51, 6-133 to
6-156 and appendix B.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sim_backend.instruments.keithley2450_events import (
    ERROR,
    INFORMATION,
    TEXT_SHORTENED,
    USER,
    WARNING,
    Event,
)
from sim_backend.instruments.keithley2450_scpi_common import Context, Format, choice, number
from sim_backend.instruments.keithley2450_scpi_objects import is_address
from sim_backend.instruments.keithley2450_site import Site
from sim_backend.instruments.keithley2450_status import BITS, MappedRegister, Status
from sim_backend.instruments.scpi_interface import Wait
from sim_backend.wire.parameters import Boolean, Choice, Number, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = ["common_commands", "status_commands", "system_commands"]

ILLEGAL, OUT_OF_RANGE, MISSING, NO_STICK, NO_PROGRAM = -224, -222, -109, -256, -282
CONFLICT = -221
_ANY = ERROR | WARNING | INFORMATION
_KINDS = Choice({"ERRor": ERROR, "WARNing": WARNING, "INFormational": INFORMATION, "ALL": _ANY})
_KINDS_REPEATED = Choice(_KINDS.options, repeated=True)
_BYTE, _WORD = Whole(0, 255, names=()), Whole(0, 65535, names=())
_SCREENS = (
    "HOME", "HOME_LARGe_reading", "READing_table", "GRAPh", "HISTogram", "SWIPE_GRAPh",
    "SWIPE_SETTings", "SOURce", "SWIPE_STATistics", "SWIPE_USER",
)  # fmt: skip
_LIGHTS = {"ON100": "ON100", "ON75": "ON75", "ON50": "ON50", "ON25": "ON25", "OFF": "OFF",
           "BLACkout": "BLAC"}  # fmt: skip
_WIDTHS = {1: 20, 2: 32}
_ACCESS = {"FULL": "FULL", "EXCLusive": "EXCL", "PROTected": "PROT", "LOCKout": "LOCK"}
_CONTINUOUS = {"OFF": "OFF", "AUTO": "AUTO", "RESTart": "REST"}  # trigger mode after a start
_CALIBRATION = 5.0  # s that an autocalibration takes [C]
_WARM = 40.0  # degC inside of a unit that is warm [C]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                           "Nov", "Dec")  # fmt: skip
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def told(event: Event) -> str:
    """Write a row of the event log."""
    if event.when is None:
        return f'{event.code},"{event.message};0;0 0"'
    stamp = f"{event.when:%Y/%m/%d %H:%M:%S}.{event.when.microsecond // 1000:03d}"
    return f'{event.code},"{event.message};{event.kind};{stamp}"'


# -- common commands ------------------------------------------------------------------------------


def common_commands(
    context: Context,
    status: Status,
    site: Site,
    idle: Callable[[], bool],
    reset: Callable[[], None],
) -> list[Command]:
    """Return the common commands but for ``*LANG`` and ``*TRG``."""
    unit, place = context.unit, (Whole(0, 4, names=()),)

    def enable(mask: int) -> None:
        status.standard.enable = mask
        status.standard.summarise()

    def request(mask: int) -> None:
        status.byte.request_enable = mask

    return [
        Command("*IDN", query=lambda: site.identity),
        Command("*RST", reset),
        Command("*CLS", status.clear_all),
        Command("*ESE", enable, lambda: str(status.standard.enable), (_BYTE,)),
        Command("*ESR", query=lambda: str(status.standard.read_event())),
        Command("*OPC", status.complete, lambda: Wait(idle, lambda: "1")),
        Command("*WAI", lambda: Wait(idle)),
        Command("*SRE", request, lambda: str(status.byte.request_enable), (_BYTE,)),
        Command("*STB", query=lambda: str(status.byte.condition)),
        Command("*TST", query=lambda: "0"),
        Command("*SAV", unit.save, None, place),
        Command("*RCL", unit.recall, None, place),
    ]


# -- status ---------------------------------------------------------------------------------------


def status_commands(status: Status) -> list[Command]:
    """Return the table of ``STATus``."""
    return [
        Command(":STATus:CLEar", status.clear),
        Command(":STATus:PRESet", status.preset),
        *_register(":STATus:OPERation", status.operation),
        *_register(":STATus:QUEStionable", status.questionable),
    ]


def _register(root: str, register: MappedRegister) -> list[Command]:
    def enable(mask: int) -> None:
        register.enable = mask
        register.summarise()

    def put(bit: int, setting: int, clearing: int = 0) -> None:
        register.map[bit] = (setting, clearing)

    def ask(bit: int | None = None) -> str:
        if bit is None:
            raise ScpiError(MISSING)
        setting, clearing = register.map.get(bit, (0, 0))
        return f"{setting},{clearing}"

    bit, event = Whole(0, BITS - 1, names=()), Whole(names=())
    return [
        Command(f"{root}:CONDition", query=lambda: str(register.condition)),
        Command(f"{root}:ENABle", enable, lambda: str(register.enable), (_WORD,)),
        Command(f"{root}[:EVENt]", query=lambda: str(register.read_event())),
        Command(f"{root}:MAP", put, ask, (bit, event, event), (bit,), 2),
    ]


# -- system ---------------------------------------------------------------------------------------


def system_commands(context: Context, site: Site) -> list[Command]:
    """Return the tables of ``SYSTem``, ``DISPlay``, ``FORMat``, ``ACAL`` and ``SCRipt``."""
    return [
        *_log_commands(context),
        *_time_commands(context),
        *_site_commands(context, site),
        *_display_commands(context),
        *_format_commands(context),
        *_calibration_commands(context, site),
        *_contact_commands(context),
    ]


def _log_commands(context: Context) -> list[Command]:
    log = context.unit.log

    def kinds(given: tuple[int, ...]) -> int:
        chosen = 0
        for kind in given:
            chosen |= kind
        return chosen or _ANY

    def post(message: str, kind: int = INFORMATION) -> None:
        log.add(USER, f"User: {message}", kind)

    def save(*_: object) -> None:
        raise ScpiError(NO_STICK)

    return [
        Command(":SYSTem:ERRor[:NEXT]", query=lambda: told(log.next(ERROR))),
        Command(":SYSTem:ERRor:CODE[:NEXT]", query=lambda: str(log.next(ERROR).code)),
        Command(":SYSTem:ERRor:COUNt", query=lambda: str(log.count(ERROR))),
        Command(":SYSTem:EVENtlog:NEXT", query=lambda *given: told(log.next(kinds(given))),
                asked=(_KINDS_REPEATED,)),
        Command(":SYSTem:EVENtlog:COUNt", query=lambda *given: str(log.count(kinds(given))),
                asked=(_KINDS_REPEATED,)),
        Command(":SYSTem:EVENtlog:POST", post, None, (Text(), _KINDS), required=1),
        Command(":SYSTem:EVENtlog:SAVE", save, None, (Text(), _KINDS), required=1),
        Command(":SYSTem:CLEar", log.clear),
    ]  # fmt: skip


class _Calendar:
    """``SYSTem:TIME``."""

    def __init__(self, context: Context) -> None:
        self.time = context.unit.time

    def put(self, *given: int) -> None:
        """Set date and time, or the time alone."""
        now = self.time.now()
        if len(given) not in (3, 6):
            raise ScpiError(MISSING)
        year, month, day = given[:3] if len(given) == 6 else (now.year, now.month, now.day)
        hour, minute, second = given[-3:]
        try:
            date = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            raise ScpiError(OUT_OF_RANGE) from None
        if year <= 1970:
            raise ScpiError(OUT_OF_RANGE)
        self.time.set(date)

    def ask(self, form: int | None = None) -> str:
        """Answer the seconds since 1970, or (1) the date in words."""
        now = self.time.now()
        if form is None:
            return str(round(now.timestamp()))
        if form != 1:
            raise ScpiError(ILLEGAL)
        weekday, month = _WEEKDAYS[now.weekday()], _MONTHS[now.month - 1]
        return f"{weekday} {month} {now.day} {now:%H:%M:%S} {now.year}"


def _time_commands(context: Context) -> list[Command]:
    unit, calendar, whole = context.unit, _Calendar(context), Whole(0, 9999, names=())

    def beep(frequency: float, duration: float) -> None:
        unit.panel.beeps.append((frequency, duration))

    return [
        Command(":SYSTem:TIME", calendar.put, calendar.ask, (whole,) * 6, (Whole(names=()),), 3),
        Command(":SYSTem:LFRequency", query=lambda: f"{unit.chassis.line_frequency:.0f}"),
        Command(":SYSTem:VERSion", query=lambda: "1996.0"),
        Command(":SYSTem:BEEPer[:IMMediate]", beep, None,
                (Number(20.0, 8000.0, names=()), Number(0.001, 100.0, names=()))),
    ]  # fmt: skip


def _configured(text: str, present: str) -> str:
    """Return the LAN configuration after ``AUTO`` or ``MANual,address[,mask[,gateway]]``.

    Raises
    ------
    ScpiError
        It is not written like that.
    """
    mode, *rest = [part.strip() for part in text.split(",")]
    if mode.upper() == "AUTO" and not rest:
        return "AUTO," + present.split(",", 1)[1]
    if mode.upper() not in ("MAN", "MANUAL") or not 1 <= len(rest) <= 3:
        raise ScpiError(ILLEGAL)
    if not all(is_address(part) for part in rest):
        raise ScpiError(ILLEGAL)
    return ",".join(["manual", *rest, *present.split(",")[1 + len(rest) :]])


def _refuse_script(_: str) -> None:
    """Refuse to run a script: there is none."""
    raise ScpiError(NO_PROGRAM)


def _site_commands(context: Context, site: Site) -> list[Command]:
    def put(name: str) -> Callable[[Any], None]:
        return lambda value: setattr(site, name, value)

    def set_access(access: str) -> None:
        site.access = access
        site.admitted = access in ("FULL", "EXCL")

    def set_lan(text: str) -> None:
        site.lan = _configured(text, site.lan)

    def set_password(text: str) -> None:
        if len(text) > 30:
            raise ScpiError(OUT_OF_RANGE)
        site.password = text

    setups = {"RST": "RST", **{f"SAV{k}": f"SAV{k}" for k in range(5)}}
    lan = ":SYSTem:COMMunication:LAN"
    return [
        choice(":SYSTem:ACCess", lambda: site.access, set_access, _ACCESS),
        Command(f"{lan}:CONFigure", set_lan, lambda: site.lan, (Text(),)),
        Command(f"{lan}:MACaddress", query=lambda: site.mac),
        number(context, ":SYSTem:GPIB:ADDRess", lambda: site.gpib, put("gpib"), (1, 30, 18),
               whole=True),
        Command(":SYSTem:PASSword:NEW", set_password, None, (Text(),)),
        choice(":SYSTem:POSetup", lambda: site.power_on, put("power_on"), setups),
        choice(":TRIGger:CONTinuous", lambda: site.continuous, put("continuous"), _CONTINUOUS),
        Command(":SCRipt:RUN", _refuse_script, None, (Text(),)),
    ]  # fmt: skip


def _display_commands(context: Context) -> list[Command]:
    unit = context.unit

    def clear() -> None:
        unit.panel.text = {1: "", 2: ""}

    def write(line: int, text: str) -> None:
        if line not in _WIDTHS:
            raise ScpiError(-114)
        if len(text) > _WIDTHS[line]:
            unit.log.happened(TEXT_SHORTENED, WARNING)
        unit.panel.text[line] = text[: _WIDTHS[line]]

    def show(screen: str) -> None:
        unit.panel.screen = screen

    def activate(name: str) -> None:
        unit.buffers.active = unit.buffers.get(name).name

    screens = {name: name.upper() for name in _SCREENS}
    return [
        Command(":DISPlay:CLEar", clear),
        Command(":DISPlay:SCReen", show, None, (Choice(screens),)),
        Command(":DISPlay:USER<n>:TEXT[:DATA]", write, None, (Text(),)),
        choice(":DISPlay:LIGHt:STATe", lambda: unit.panel.light,
               lambda value: setattr(unit.panel, "light", value), _LIGHTS),
        choice(":DISPlay:READing:FORMat", lambda: unit.panel.form,
               lambda value: setattr(unit.panel, "form", value),
               {"EXPonent": "EXP", "PREFix": "PREF"}),
        Command(":DISPlay:BUFFer:ACTive", activate, lambda: unit.buffers.active, (Text(),)),
    ]  # fmt: skip


def _format_commands(context: Context) -> list[Command]:
    def form() -> Format:
        return context.form

    def put(name: str) -> Callable[[Any], None]:
        return lambda value: setattr(context.form, name, value)

    kinds: Mapping[str, str] = {"ASCii": "ASC", "REAL": "REAL", "SREal": "SRE"}
    return [
        choice(":FORMat[:DATA]", lambda: form().data, put("data"), kinds),
        choice(":FORMat:BORDer", lambda: form().order, put("order"),
               {"NORMal": "NORM", "SWAPped": "SWAP"}),
        number(context, ":FORMat:ASCii:PRECision", lambda: form().precision, put("precision"),
               (0, 16, 0), whole=True),
    ]  # fmt: skip


def _calibration_commands(context: Context, site: Site) -> list[Command]:
    """Return the autocalibration of a model with a digitizer."""
    unit = context.unit
    if not unit.chassis.model.digitizes:
        return []

    def run() -> None:
        unit.model.check_idle()
        context.time().pass_time(_CALIBRATION)
        site.calibrations += 1
        site.calibrated = unit.time.now()

    def last() -> str:
        if site.calibrated is None:
            raise ScpiError(-230)
        date = site.calibrated
        return f"{date:%m/%d/%Y %H:%M:%S}.{date.microsecond * 1000:09d}"

    def temperature() -> str:
        if site.calibrated is None:
            raise ScpiError(-230)
        return f"{_WARM:.6f}"

    return [
        Command(":ACAL:COUNt", query=lambda: str(site.calibrations)),
        Command(":ACAL:RUN", run),
        Command(":ACAL:LASTrun:TIME", query=last),
        Command(":ACAL:LASTrun:TEMPerature:INTernal", query=temperature),
        Command(":ACAL:LASTrun:TEMPerature:DIFFerence", query=lambda: f"{0.0:.6f}"),
    ]


def _contact_commands(context: Context) -> list[Command]:
    """Return the contact check; the leads of low and guard have no resistance here."""
    unit = context.unit
    if not unit.chassis.model.checks_contacts:
        return []

    def good() -> bool:
        if not context.setup.contact_check:
            raise ScpiError(CONFLICT)
        return unit.source.electronics.contact <= context.setup.contact_threshold

    levels = {"OHM2": 2.0, "OHM15": 15.0, "OHM50": 50.0}
    return [
        Command(":SYSTem:CCHeck", query=lambda: str(int(good()))),
        Command(":SYSTem:CCHeck:ALL", query=lambda: f"{int(good())},1,1"),
        Command(":SYSTem:CCHeck:STATe", lambda on: setattr(context.setup, "contact_check", on),
                lambda: str(int(context.setup.contact_check)), (Boolean(),)),
        Command(":SYSTem:CCHeck:THReshold",
                lambda level: setattr(context.setup, "contact_threshold", level),
                lambda: f"OHM{context.setup.contact_threshold:.0f}", (Choice(levels),)),
    ]  # fmt: skip
