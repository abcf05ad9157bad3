"""How a TSP instrument takes scripts: line by line, between ``loadscript`` and ``endscript``.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 6 "Fundamentals of scripting for TSP"
and section 7, ``loadscript``, ``loadandrunscript``, ``endscript``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sim_backend.wire.tsp import Engine, Outcome

__all__ = ["Scripts"]

_LOAD = re.compile(r"\s*(loadscript|loadandrunscript)(?:\s+([A-Za-z_]\w*))?\s*")
_END = re.compile(r"\s*endscript\s*")


class Scripts:
    """Collects the lines of a script and compiles it.

    Parameters
    ----------
    engine
        Compiles and keeps scripts.
    report
        Takes a failed `Outcome`.
    """

    def __init__(self, engine: Engine, report: Callable[[Outcome], None]) -> None:
        self._engine, self._report = engine, report
        self._lines: list[str] | None = None
        self._name = ""
        self._run_when_loaded = False
        self._due: Any = None

    def abandon(self) -> None:
        """Forget a script that was being loaded."""
        self._lines = None

    @property
    def loading(self) -> bool:
        """Whether lines go into a script."""
        return self._lines is not None

    def takes(self, line: str) -> bool:
        """Take a line that belongs to a script; False when it is for the interpreter."""
        if self._lines is not None:
            if _END.fullmatch(line):
                self._finish()
            else:
                self._lines.append(line)
            return True
        match = _LOAD.fullmatch(line)
        if match is None:
            return False
        self._lines = []
        self._run_when_loaded = match[1] == "loadandrunscript"
        self._name = match[2] or ""
        return True

    def due(self) -> Any:
        """Return, once, the compiled script that is to be run now; None when there is none."""
        due, self._due = self._due, None
        return due

    def _finish(self) -> None:
        source, self._lines = "\n".join(self._lines or ()), None
        body, problem = self._engine.compile(source)
        if body is None:
            self._report(Outcome("failed", -285, problem))
            return
        self._engine.add_script(self._name, source, body)
        if self._run_when_loaded:
            self._due = body
