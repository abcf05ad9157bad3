"""The runner: starts ``labctl run`` as a process of its own, tells it words, and says how it ends.

The run folder is where data come from; this only starts, steers and reaps. It does not use
QProcess, which kills its child when it is destroyed: a run must outlive a window that crashes or
is closed. What the process says goes to files, so it never writes into a pipe that nobody reads.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

__all__ = ["Ending", "Runner", "RunnerState", "plain_ending", "signal_abort"]

RunnerState = Literal["idle", "starting", "running", "paused", "stopping", "aborting"]
_LOOK = 100  # ms between looks at the process
_PATIENCE = 10.0  # s after an abort before the process may be ended by force
_PREFIX = "labctl: "
_FOLDER = re.compile(r"^run (.+)$", re.MULTILINE)
_STATUS = {
    0: "done", 2: "bad input", 3: "refused by the planner", 4: "instrument fault", 5: "aborted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ending:
    """How a runner ended."""

    code: int  #: exit status of labctl; negative for a signal
    folder: Path | None  #: the run's, where there is one
    said: str  #: what it wrote on standard error, without the prefix

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        return _STATUS.get(self.code, "broke down")


class Runner(QObject):
    """One process at a time; ``state`` says what it is doing.

        idle -> starting -> running <-> paused -> (stopping | aborting) -> idle

    Parameters
    ----------
    logs
        Folder for what the process says.
    """

    stateChanged = Signal(str)  # noqa: N815 - Qt's manner
    began = Signal(object)  #: the run folder exists
    said = Signal(str)  #: a line of standard error
    ended = Signal(object)  #: an `Ending`

    def __init__(self, logs: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._logs = logs
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Path | None = None
        self._read = 0
        self._text = ""
        self._asked_to_abort: float | None = None
        self.state: RunnerState = "idle"
        self.folder: Path | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether a process is there."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Number of the process."""
        return None if self._process is None else self._process.pid

    @property
    def deaf(self) -> bool:
        """Whether it has been asked to abort and has not, so that force may be used."""
        asked = self._asked_to_abort
        return asked is not None and time.monotonic() - asked > _PATIENCE

    def start(self, arguments: Sequence[str], folder: Path | None = None) -> None:
        """Start ``labctl`` with these arguments; what it does is told by signals.

        Parameters
        ----------
        arguments
            What follows ``labctl``: of ``run`` or ``resume``.
        folder
            The run folder, where it is there already.

        Raises
        ------
        RuntimeError
            A process is running already.
        OSError
            It cannot be started.
        """
        if self._process is not None:
            raise RuntimeError("a run is going on; wait until it ends, or abort it")
        self._logs.mkdir(parents=True, exist_ok=True)
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self._errors = self._logs / f"{name}.err"
        with (self._logs / f"{name}.out").open("wb") as out, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "labctl.cli", *arguments, "--on-orphan", "continue"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
                bufsize=0,
                **_apart(),
            )
        self._read, self._text, self.folder, self._asked_to_abort = 0, "", folder, None
        self._enter("starting" if folder is None else "running")
        self._timer.start()
        if folder is not None:
            self.began.emit(folder)

    def pause(self) -> None:
        """Wait before the next step."""
        self._tell("pause", "paused")

    def resume(self) -> None:
        """Go on after a pause."""
        self._tell("resume", "running")

    def stop(self) -> None:
        """End after the step in hand."""
        self._tell("stop", "stopping")

    def abort(self) -> None:
        """End now, level zero, outputs off; works in every state."""
        if self._process is not None and self._asked_to_abort is None:
            self._asked_to_abort = time.monotonic()
        self._tell("abort", "aborting")

    def keep_wire(self, *, on: bool) -> None:
        """Write what is sent and answered into the run folder from now on, or no more."""
        self._tell("wire on" if on else "wire off")

    def end_by_force(self) -> None:
        """End a process that does not answer; nothing is made safe by this."""
        if self._process is not None:
            self._process.kill()

    def let_go(self) -> None:
        """Leave the process to itself: it goes on to the end of its protocol."""
        self._timer.stop()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.returncode = 0  # it is not waited for: the system takes it over
        self._process = None
        self._enter("idle")

    def _tell(self, word: str, state: RunnerState | None = None) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(f"{word}\n".encode())
        except OSError:  # it has ended; the next look finds out how
            return
        ending = self.state in ("stopping", "aborting")
        if state == "aborting" or (state is not None and not ending):
            self._enter(state)

    def _enter(self, state: RunnerState) -> None:
        if state != self.state:
            self.state = state
            self.stateChanged.emit(state)

    def _look(self) -> None:
        process = self._process
        if process is None:
            return
        code = process.poll()
        self._listen()
        if code is None:
            return
        self._timer.stop()
        if process.stdin is not None:
            process.stdin.close()
        self._process = None
        self._enter("idle")
        self.ended.emit(Ending(code, self.folder, plain_ending(self._text)))

    def _listen(self) -> None:
        if self._errors is None:
            return
        with self._errors.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        text = whole.decode("utf-8", "replace")
        self._text += text
        for line in text.splitlines():
            found = _FOLDER.match(line)
            if found and self.folder is None:
                self.folder = Path(found[1].strip())
                if self.state == "starting":
                    self._enter("running")
                self.began.emit(self.folder)
            elif line.startswith(_PREFIX):  # a traceback is told by its last line, at the end
                self.said.emit(line.removeprefix(_PREFIX))


def plain_ending(text: str) -> str:
    r"""Return what a runner said, without its prefix and the line that names the folder.

    Of a traceback only the last line is for people.

    Examples
    --------
    >>> plain_ending("run runs/a\nlabctl: 2602B level width: too short\n")
    '2602B level width: too short'
    """
    lines = [line for line in text.splitlines() if line.strip() and not _FOLDER.match(line)]
    if any(line.startswith("Traceback") for line in lines):
        return lines[-1]
    return "\n".join(line.removeprefix(_PREFIX) for line in lines)


def signal_abort(pid: int) -> bool:
    """Ask a runner that another window started to abort; False where that cannot be done.

    Such a runner has no pipe to this window, but it takes an interrupt for an abort.
    """
    if sys.platform == "win32":
        return False
    try:
        os.kill(pid, signal.SIGINT)
    except OSError:
        return False
    return True


def _apart() -> dict[str, Any]:
    """Return how the process is kept from what befalls the window's terminal."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}
