"""The script language of the 2450 family (``*LANG TSP``): Lua in, answers out, over a `Unit`.

``trigger.model.initiate`` is overlapped; ``waitcomplete`` waits for its end. ``abort`` ends the
running script and the trigger model.

What is not modelled is not there, so that calling it is a run-time error:
``createconfigscript`` and ``available``. The bitwise operators that the instrument's Lua has beside
those of Lua 5.1 are syntax errors.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, sections 7 and 8; 2450 Reference Manual,
2450-901-01 Rev. B, section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from sim_backend.instruments.keithley2450_buffer import FIXED
from sim_backend.instruments.keithley2450_site import PROTECTED, Site
from sim_backend.instruments.keithley2450_status import Status
from sim_backend.instruments.keithley2450_tsp_buffer import BufferTables, Handle
from sim_backend.instruments.keithley2450_tsp_display import display_node
from sim_backend.instruments.keithley2450_tsp_format import ScriptFormat
from sim_backend.instruments.keithley2450_tsp_library import library_node
from sim_backend.instruments.keithley2450_tsp_link import Link
from sim_backend.instruments.keithley2450_tsp_measure import (
    TERMINALS,
    MeasureTables,
    contact_node,
    measure_constants,
)
from sim_backend.instruments.keithley2450_tsp_model import ModelTables, model_constants
from sim_backend.instruments.keithley2450_tsp_net import Net
from sim_backend.instruments.keithley2450_tsp_source import (
    SourceTables,
    interlock_node,
    range_switches,
    source_constants,
)
from sim_backend.instruments.keithley2450_tsp_sweeps import (
    SweepCalls,
    list_node,
    sweep_constants,
)
from sim_backend.instruments.keithley2450_tsp_system import (
    Manners,
    calibration_node,
    event_node,
    local_node,
    small_nodes,
    status_node,
)
from sim_backend.instruments.keithley2450_tsp_triggers import TriggerTables, digio_node
from sim_backend.instruments.keithley2450_tsp_values import (
    constants,
    field,
    guarded,
    number,
    refusing,
    whole,
    words_of,
)
from sim_backend.instruments.keithley2450_unit import Unit
from sim_backend.instruments.tsp_interface import Interface
from sim_backend.wire.parameters import ScpiError
from sim_backend.wire.tsp import Bounds, Node, Refusal, Stopped

__all__ = ["ScriptFront"]

MISSING, NOT_ALLOWED, ILLEGAL = -109, -108, -224
_BYTE = whole(0, 255)
_CONTINUOUS = words_of("trigger.CONT_", {"OFF": "OFF", "AUTO": "AUTO", "RESTART": "REST"})
_LONGEST = 1e5  # s of one delay

#: run once: a buffer takes the name of the variable that it is stored in, and `script` is as here
_LUA = """
local call_it = _call_it
_call_it = nil
local named, meta, kind, set = {}, getmetatable, type, rawset
local function is_buffer(value)
  if kind(value) ~= "table" then return false end
  local table = meta(value)
  return kind(table) == "table" and table.luatype == "reading_buffer"
end
setmetatable(_G, {
  __index = named,
  __newindex = function(globals, name, value)
    named[name] = nil
    if is_buffer(value) then
      named[name] = value
      call_it(value, name)
    else
      set(globals, name, value)
    end
  end,
})
script.catalog = script.user.catalog
"""


class ScriptFront:
    """Interface, tables and status of the script language.

    Parameters
    ----------
    unit
        The instrument.
    site
        What it keeps through a power cycle.
    language, set_language
        Return and choose the command set (``*LANG``).
    bounds
        When a script counts as a runaway.
    """

    def __init__(
        self,
        unit: Unit,
        site: Site,
        language: Callable[[], str],
        set_language: Callable[[str], None],
        bounds: Bounds | None = None,
    ) -> None:
        self.unit, self.site = unit, site
        self._language, self._set_language = language, set_language
        self._closed = False
        self.manners, self.buffers = Manners(), BufferTables(unit)
        self.status = Status(unit.log, lambda: self.interface.waiting, lambda: not unit.busy)
        self.interface = Interface(
            unit.clock, unit.seconds, self.report, lambda: unit.busy,
            lambda: unit.model.progress, unit.model.abort, lambda: unit.bus.emit("COMM"),
            self._common(), bounds,
        )  # fmt: skip
        self.time, self.engine = self.interface.time, self.interface.engine
        self.format = ScriptFormat(
            self.engine, self.buffers, self.interface.send, lambda code: unit.log.add(code)
        )
        self._triggers = TriggerTables(unit, self.time.wait_until)
        self._link = Link(unit.bus, self.time.wait_until)
        self._net = Net(self.time.pass_time)
        self.interface.answered = self._answered
        self._install()

    # -- tables ------------------------------------------------------------------------------

    def _install(self) -> None:
        unit, site, manners = self.unit, self.site, self.manners
        model = ModelTables(unit, self.buffers)
        trigger = self._triggers.node()
        trigger.objects |= self._link.triggers()
        trigger.objects |= {"model": model.node(), **model_constants(model)}
        trigger.objects |= constants(_CONTINUOUS)
        continuous = field(
            lambda: site.continuous, lambda mode: setattr(site, "continuous", mode), _CONTINUOUS
        )
        trigger.getters["continuous"] = continuous.get
        assert continuous.put is not None
        trigger.setters["continuous"] = continuous.put
        nodes = [
            self._smu(), trigger, library_node(unit, self.buffers), self.format.node(),
            digio_node(unit), event_node(unit), status_node(self.status),
            display_node(unit, self.buffers), local_node(unit, site, manners),
            self._link.node(), self._net.node(), *small_nodes(unit, site, manners),
        ]  # fmt: skip
        if unit.chassis.model.digitizes:
            nodes.append(calibration_node(unit, site, self.time.pass_time))
        nodes = [guarded(node) for node in nodes]
        nodes += [self.buffers.node(Handle(name)) for name in FIXED]
        calls: dict[str, Callable[..., Any]] = {
            "delay": lambda seconds: self.time.pass_time(number(0.0, _LONGEST)(seconds)),
            "reset": self._reset_from_script,
            "opc": self.status.complete,
            "exit": _leave,
            "printnumber": self.format.print_number,
            "_call_it": self.buffers.call_it,
        }
        waits: dict[str, tuple[Callable[..., bool], Callable[..., Any]]] = {
            "waitcomplete": (self.time.complete, _no_matter_which),
            "printbuffer": (self._readings_there, self.format.print_buffer),
        }
        self.engine.install(
            nodes,
            {name: refusing(call) for name, call in calls.items()},
            {name: (refusing(ready), refusing(call)) for name, (ready, call) in waits.items()},
        )
        self.engine.add_node_table([node.name for node in nodes])
        body, problem = self.engine.compile(_LUA)
        assert body is not None, problem
        self.engine.start(body)

    def _smu(self) -> Node:
        unit, wait_for = self.unit, self.time.wait_for
        measure = MeasureTables(unit, self.buffers, wait_for, digitized=False)
        measured, sourced = measure.node(), SourceTables(unit).node()
        measured.objects["configlist"] = list_node(unit, "SENS")
        sourced.objects["configlist"] = list_node(unit, "SOUR")
        sourced.calls |= SweepCalls(unit, self.buffers).calls()
        terminals = field(lambda: unit.chassis.setup.terminals, measure.route, TERMINALS)
        node = Node("smu", calls={"reset": self._reset_from_script})
        for name, attribute in {"terminals": terminals, **range_switches(unit)}.items():
            node.getters[name] = attribute.get
            assert attribute.put is not None
            node.setters[name] = attribute.put
        node.objects = {
            **measure_constants(unit), **source_constants(unit), **sweep_constants(),
            "measure": measured, "source": sourced, "interlock": interlock_node(unit),
        }  # fmt: skip
        if unit.chassis.model.digitizes:
            digitizing = MeasureTables(unit, self.buffers, wait_for, digitized=True)
            node.objects["digitize"] = digitizing.node()
        if unit.chassis.model.checks_contacts:
            node.objects["contact"] = contact_node(unit)
        return node

    def _readings_there(self, _first: Any = None, last: Any = None, *columns: Any) -> bool:
        """Wait for readings that are still to come."""
        return self.time.run_until(
            lambda: not self.unit.busy or not self.format.awaited(last, columns)
        )

    # -- common commands ---------------------------------------------------------------------

    def _common(self) -> dict[str, Callable[[str], str | None]]:
        standard, byte = self.status.standard, self.status.byte

        def enable(parameter: str) -> None:
            standard.enable = _mask(parameter)
            standard.summarise()

        def request(parameter: str) -> None:
            byte.request_enable = _mask(parameter)

        return {
            "*IDN?": lambda _: self.site.identity,
            "*RST": _alone(self.reset),
            "*CLS": _alone(self.status.clear_all),
            "*ESE": enable,
            "*ESE?": lambda _: str(standard.enable),
            "*ESR?": lambda _: str(standard.read_event()),
            "*OPC": _alone(self.status.complete),
            "*SRE": request,
            "*SRE?": lambda _: str(byte.request_enable),
            "*STB?": lambda _: str(byte.condition),
            "*TST?": lambda _: "0",
            "*LANG": self._choose,
            "*LANG?": lambda _: self._language(),
        }

    def _choose(self, parameter: str) -> None:
        chosen = parameter.upper()
        if not chosen:
            raise Refusal(MISSING)
        if chosen not in self.unit.chassis.model.languages:
            raise Refusal(ILLEGAL)
        try:
            self._set_language(chosen)
        except ScpiError as refused:
            raise Refusal(refused.code) from None

    def _reset_from_script(self, _system: Any = None) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults (``reset()`` and ``*RST``)."""
        self.status.forget_completion()
        self.unit.reset()
        self._link.reset()
        self._net.reset()
        self.format.reset()

    # -- the wire ----------------------------------------------------------------------------

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        admitted = self.site.admit(message)
        if admitted is None:
            self.report(PROTECTED)
        else:
            self.interface.write(admitted)

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the event log."""
        self.unit.log.add(code, text)

    def settle(self) -> None:
        """Note that the trigger model ended."""
        self.status.settle()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.status.byte.condition

    def close(self) -> None:
        """End for good: watch no more events, give the Lua state back."""
        if self._closed:
            return
        self._closed = True
        self.interface.abort()
        self._triggers.close()
        self._link.close()
        self.engine.close()

    def _answered(self) -> None:
        """Send what follows each message when events or prompts are to be shown."""
        log, manners = self.unit.log, self.manners
        while manners.shown and log.count(manners.shown):
            event = log.next(manners.shown)
            row = (event.code, event.message, event.kind, 0)
            self.interface.send("\t".join(map(str, row)).encode("latin-1", "replace"))
        if manners.prompts:
            prompt = b"TSP?" if len(log) else b"TSP>"
            self.interface.send(b">>>>" if self.interface.scripts.loading else prompt)


def _leave() -> NoReturn:
    """End the script (``exit``)."""
    raise Stopped


def _no_matter_which(group: Any = None) -> None:
    """Check the group of ``waitcomplete``: without TSP-Link there is only one."""
    if group is not None:
        whole(0, 64)(group)


def _mask(parameter: str) -> int:
    if not parameter:
        raise Refusal(MISSING)
    try:
        return _BYTE(float(parameter))
    except ValueError:
        raise Refusal(-104) from None


def _alone(call: Callable[[], None]) -> Callable[[str], None]:
    """Return a command without a parameter."""

    def command(parameter: str) -> None:
        if parameter:
            raise Refusal(NOT_ALLOWED)
        call()

    return command
