"""The instruments of a bench as the window knows them: who they are, and how they are.

The window never speaks to an instrument. Identities come from ``labctl bench identify``, a process
of its own that changes nothing, and from the header of a run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Literal

import msgspec
from PySide6.QtCore import QObject, QProcess, Signal

from labctl.benchfile import Definition
from labctl.capability import Identity

__all__ = ["InstrumentState", "Instruments"]

Word = Literal["unknown", "asking", "ok", "in use", "fault"]


class InstrumentState(msgspec.Struct, frozen=True):
    """How one instrument is."""

    word: Word
    model: str = ""
    told: str = "not asked yet"  #: identity, or what is wrong


class Instruments(QObject):
    """States of all instruments of the bench; asks them when told to.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    changed = Signal(object)  #: dict[str, InstrumentState]
    failed = Signal(str)  #: why they could not be asked

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.states: dict[str, InstrumentState] = {}
        self._process: QProcess | None = None

    def show_bench(self, definition: Definition | None) -> None:
        """Show the instruments of a bench, of which nothing is known yet."""
        self.close()
        sections = {} if definition is None else definition.instruments
        self._set(
            {
                name: InstrumentState("unknown", section.model or section.driver)
                for name, section in sections.items()
            }
        )

    def show_identities(self, identities: Iterable[Identity], *, in_use: bool) -> None:
        """Take over what a run has found out."""
        found = {one.name: one for one in identities}
        word: Word = "in use" if in_use else "ok"
        self._set(
            {
                name: InstrumentState(word, found[name].model, _told(found[name]))
                if name in found
                else state
                for name, state in self.states.items()
            }
        )

    def ask(self, bench: str) -> None:
        """Ask every instrument of a bench who it is; the answer comes by signal."""
        if self._process is not None:
            return
        self._all("asking", "asked who it is")
        process = QProcess(self)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._broke)
        self._process = process
        words = ["-m", "labctl.cli", "bench", "identify", bench, "--json"]
        process.start(sys.executable, words)

    def close(self) -> None:
        """Ask no more."""
        if self._process is not None:
            self._process.finished.disconnect(self._finished)
            self._process.errorOccurred.disconnect(self._broke)
            self._process.kill()
            self._process.waitForFinished(1000)
            self._process.deleteLater()
            self._process = None

    def _finished(self, code: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        answer = bytes(process.readAllStandardOutput().data())
        wrong = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
        process.deleteLater()
        if code == 0:
            found = msgspec.json.decode(answer, type=list[Identity])
            self.show_identities(found, in_use=False)
            return
        text = wrong.replace("labctl: ", "").strip()
        self._all("fault", text)
        self.failed.emit(text)

    def _broke(self) -> None:
        if self._process is not None and self._process.state() == QProcess.ProcessState.NotRunning:
            self._finished(1)

    def _all(self, word: Word, told: str) -> None:
        self._set({name: InstrumentState(word, s.model, told) for name, s in self.states.items()})

    def _set(self, states: dict[str, InstrumentState]) -> None:
        self.states = states
        self.changed.emit(states)


def _told(identity: Identity) -> str:
    return f"{identity.idn}; calibrated {identity.calibrated or 'not stated'}"
