"""TSP, sans I/O: runs the Lua an instrument is sent, in a sandbox that ends.

The engine knows the language, not the instrument: it compiles and runs messages, builds the tables
through which scripts see the instrument from `Node` descriptions, and turns what goes wrong into
the two errors that TSP has for it (Series 2600B Reference Manual, section 8, "Effects of errors on
scripts": a syntax error is -285 and prevents the execution, a run-time error is -286 and ends the
script; every other error only goes to the queue).

A script cannot reach the host: no library that could, no Python attribute, no compiled code. It
cannot last either: instructions are counted, memory is bounded, and once `interrupted` says so it
ends, even inside a protected call. A string pattern that might backtrack for ever is matched in Lua
too (`sim_backend.wire.tsp_patterns`).
"""

from __future__ import annotations

import calendar
import gc
import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import lupa.lua51 as lua51  # type: ignore[import-untyped,unused-ignore]

from sim_backend.wire.tsp_node import Node, Refusal
from sim_backend.wire.tsp_patterns import PATTERNS
from sim_backend.wire.tsp_prelude import PRELUDE

__all__ = ["Bounds", "Engine", "Node", "Outcome", "Refusal", "Stopped", "sequence", "uncollected"]

_MEMORY = 128 << 20  # bytes a script may hold
_REMEMBERED = 512  # compiled messages kept
_WORTH_REMEMBERING = 400  # longest message kept, characters
_NO_MEMORY = "not enough memory"
_POSITION = re.compile(r'^(?:\[string "[^\n]*?"\]|[\w.=]*):(\d+): ', re.DOTALL)


class Stopped(Exception):
    """Raised by a function that a script called, to end the script because it is interrupted."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a message or script may use before it is taken for a runaway."""

    idle: int = 100_000_000  #: instructions while no simulated time passes
    #: instructions altogether: a loop that measures takes some ten million readings until then,
    #: which is hours of a real instrument and minutes of this one
    total: int = 200_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the execution of a message ended."""

    state: str  #: done, parked, stopped or failed
    code: int = 0
    text: str = ""


class _Opaque:
    """Stands for a function, a coroutine or an object that a script passed: nobody wants one."""

    def __repr__(self) -> str:
        return "something that is not a value"


_DONE, _PARKED, _STOPPED = Outcome("done"), Outcome("parked"), Outcome("stopped")
_OUTCOMES = {"done": _DONE, "parked": _PARKED, "stopped": _STOPPED}


def _deny(_object: object, _name: object, _setting: bool) -> NoReturn:
    raise AttributeError("scripts cannot look inside the instrument")


class Engine:
    """One Lua state.

    Parameters
    ----------
    emit
        Called with the text of each `print`.
    interrupted
        Asked every few thousand instructions whether to stop.
    seconds
        The instrument's date, s since 1970, for ``os.time``.
    refused
        Called with every `Refusal` of a function or setter.
    bounds
        When a script counts as a runaway.
    """

    def __init__(
        self,
        emit: Callable[[str], None],
        interrupted: Callable[[], bool],
        seconds: Callable[[], float],
        refused: Callable[[Refusal], None],
        bounds: Bounds | None = None,
    ) -> None:
        self._interrupted, self._refused = interrupted, refused
        self._bounds = bounds or Bounds()
        self._idle = self._total = 0
        self._runaway = False
        self._seconds = seconds
        #: how `print` writes numbers
        self.number_format = "%.5e"
        self._compiled: OrderedDict[str, Any] = OrderedDict()
        self.runtime = lua51.LuaRuntime(
            encoding="latin-1",
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=_deny,
            max_memory=_MEMORY,
        )
        host = self.runtime.table_from(
            {
                "emit": emit,
                "number_format": lambda: self.number_format,
                "tick": self._tick,
                "time": self._caught(self._time),
                "clock": seconds,
                "opaque": _Opaque(),
                "patterns": PATTERNS,
                "new_list": list,
                "extend": _extend,
                "refused": lambda code, text="": refused(Refusal(code, text)),
            }
        )
        self._lua = self.runtime.eval("function(text) return loadstring(text, '=prelude') end")(
            PRELUDE
        )(host)
        self._compile, self._start = self._lua.compile, self._lua.start

    # -- running ------------------------------------------------------------------------------

    def run(self, text: str) -> Outcome:
        """Compile and run one message."""
        body = self._compiled.get(text)
        if body is None:
            body, problem = self._load(text)
            if body is None:
                return Outcome("failed", -285, f"TSP Syntax error {_place(problem)}")
        return self.start(body)

    def compile(self, text: str) -> tuple[Any, str]:
        """Compile a script; returns the function, or None and what is wrong with it."""
        body, problem = _pair(self._compile(text, "="))
        return body, "" if body is not None else f"TSP Syntax error {_place(problem)}"

    def start(self, body: Any) -> Outcome:
        """Run a compiled function."""
        self._idle = self._total = 0
        self._runaway = False
        return self._outcome(self._start, body)

    def resume(self) -> Outcome:
        """Go on with the parked script."""
        return self._outcome(self._lua.go_on)

    def drop(self) -> None:
        """Forget the parked script."""
        self._lua.drop()

    def close(self) -> None:
        """Give the Lua state back, which nothing else would: it refers to its host."""
        self._compiled.clear()
        del self._compile, self._start, self._lua, self.runtime

    def time_passed(self) -> None:
        """Note that the script let time pass: it does something, and the idle count starts anew."""
        self._idle = 0

    def _load(self, text: str) -> tuple[Any, str]:
        body, problem = _pair(self._compile(text, "="))
        if body is not None and len(text) <= _WORTH_REMEMBERING:
            self._compiled[text] = body
            if len(self._compiled) > _REMEMBERED:
                self._compiled.popitem(last=False)
        return body, problem

    def _tick(self, instructions: int) -> bool:
        self._idle += instructions
        self._total += instructions
        self._runaway = self._idle > self._bounds.idle or self._total > self._bounds.total
        return self._runaway or self._interrupted()

    def _outcome(self, call: Callable[..., Any], *arguments: Any) -> Outcome:
        try:
            state, reason = _pair(call(*arguments))
        except lua51.LuaMemoryError:
            state, reason = "failed", _NO_MEMORY
        if reason == _NO_MEMORY:
            self.runtime.gccollect()
        if state == "stopped" and self._runaway:
            return Outcome("failed", -286, "TSP Runtime error: the script does not come to an end")
        known = _OUTCOMES.get(state)
        return known if known is not None else _failure(reason)

    def _time(self, date: Any = None) -> float:
        """Return the date, or that of a table of year, month, day, ... (``os.time``)."""
        if date is None:
            return float(int(self._seconds()))
        try:
            given = [int(date[key]) for key in ("year", "month", "day")]
            time = [int(date[key] or 0) for key in ("hour", "min", "sec")]
        except (TypeError, ValueError, KeyError):
            raise Refusal(-104) from None
        return float(calendar.timegm((*given, *time)))

    # -- tables -------------------------------------------------------------------------------

    def install(
        self,
        nodes: Iterable[Node],
        calls: Mapping[str, Callable[..., Any]],
        waits: Mapping[str, tuple[Callable[..., bool], Callable[..., Any]]],
    ) -> None:
        """Make tables and functions global.

        Parameters
        ----------
        nodes
            Tables; a node's name is the variable's.
        calls
            Functions; a name with a dot is one of a table that is there.
        waits
            Functions that may have to wait, each with one of the same parameters that lets time
            pass and says whether it can go on; when it says no, the script is parked until
            `resume`.
        """
        variables = self.runtime.globals()
        self._lua.collecting(False)
        for node in nodes:
            variables[node.name] = self._lua.build(*self._row(node))
        self._lua.collecting(True)
        for name, call in calls.items():
            table, _, key = name.rpartition(".")
            (variables[table] if table else variables)[key] = self._lua.wrap(self._caught(call))
        for name, (ready, call) in waits.items():
            variables[name] = self._lua.waiting(_ready(ready), self._caught(call))

    def add_node_table(self, names: list[str]) -> None:
        """Let scripts reach these tables through ``node[1]`` too: there is one node."""
        self._lua.add_node_table(self.runtime.table_from(names))

    def add_script(self, name: str, source: str, body: Any) -> None:
        """Keep a compiled script: named as a global variable, unnamed as the anonymous one."""
        self._lua.add_script(name, source, body)

    def add_factory(self, name: str, source: str) -> None:
        """Keep a script that the instrument was delivered with, and run it.

        Raises
        ------
        RuntimeError
            It does not compile or run.
        """
        body, problem = self.compile(source)
        if body is None:
            raise RuntimeError(f"{name}: {problem}")
        self._lua.add_factory(name, source, body)
        outcome = self.start(body)
        if outcome.state != "done":
            raise RuntimeError(f"{name}: {outcome.text}")

    def _row(self, node: Node) -> tuple[Any, ...]:
        """Lay a node out as the row of values that the Lua half builds its table from.

        A function that a script calls must not call back into Lua, so tables made while a script
        runs travel as what the function returns.
        """
        row: list[Any] = [node.name]
        for kind, table in (
            ("get", node.getters),
            ("set", node.setters),
            ("call", node.calls),
            ("array", node.arrays),
        ):
            for key, call in table.items():
                row += (kind, key, self._caught(call))
        for key, make in node.makers.items():
            row += ("make", key, self._caught(make, self._row))
        for name, value in node.objects.items():
            if isinstance(value, Node):
                row += ("node", name, *self._row(value))
            else:
                row += ("constant", name, value)
        return (*row, *self._marks(node), "end")

    def _marks(self, node: Node) -> list[Any]:
        """Return the entries of a row that describe the table itself."""
        marks: list[Any] = []
        if node.element is not None:
            marks += ("element", "", self._caught(node.element))
        if node.behind is not None:
            marks += ("behind", "", node.behind)
        if node.luatype != "synchronous_table":
            marks += ("luatype", "", node.luatype)
        return marks

    def _caught(
        self, call: Callable[..., Any], then: Callable[[Any], Any] | None = None
    ) -> Callable[..., Any]:
        """Return a function that reports what the call refuses, and what does not fit it."""
        refused = self._refused

        def guarded(*arguments: Any) -> Any:
            try:
                result = call(*arguments)
            except Refusal as refusal:
                refused(Refusal(refusal.code, refusal.text))
                return None
            except TypeError:
                misfit = _misfit(call, arguments)
                if misfit is None:
                    raise
                refused(misfit)
                return None
            return result if then is None else then(result)

        return guarded


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off the search for garbage while thousands of functions are made that are none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _misfit(call: Callable[..., Any], arguments: tuple[Any, ...]) -> Refusal | None:
    """Return what is wrong with the number of arguments, or None when it is right."""
    try:
        inspect.signature(call).bind(*arguments)
    except TypeError as error:
        return Refusal(-109 if "missing" in str(error) else -108)
    except ValueError:  # a function of Python's own that does not tell its parameters
        return Refusal(-108)
    return None


def sequence(value: Any) -> list[Any]:
    """Return the values 1, 2, ... of a table that a script passed.

    Raises
    ------
    Refusal
        It is not a table.
    """
    if not isinstance(value, list):
        raise Refusal(-104)
    return value


def _extend(values: list[Any], *more: Any) -> None:
    values.extend(more)


def _ready(call: Callable[..., bool]) -> Callable[..., bool]:
    def ready(*arguments: Any) -> bool:
        try:
            return call(*arguments)
        except (Refusal, TypeError):
            return True  # there is nothing to wait for: the function itself will say what is wrong

    return ready


def _pair(result: Any) -> tuple[Any, Any]:
    return result if isinstance(result, tuple) else (result, None)


def _place(reason: str) -> str:
    match = _POSITION.match(reason)
    if match is None:
        return f"at line 1: {reason}"
    return f"at line {match[1]}: {reason[match.end() :]}"


def _failure(reason: Any) -> Outcome:
    if isinstance(reason, Refusal):
        return Outcome("failed", reason.code, reason.text)
    if isinstance(reason, BaseException):
        raise reason
    text = str(reason)
    if text == _NO_MEMORY:
        return Outcome("failed", -225)
    return Outcome("failed", -286, f"TSP Runtime error {_place(text)}")
